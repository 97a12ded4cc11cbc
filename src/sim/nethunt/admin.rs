//! The admin surface: folders, seeded records, notes and knobs, for tests and rehearsals.
//!
//! Stricter than the API: a field that the folder lacks or a value that it does not take is an error here,
//! whatever the knobs say, and a list of records is stored whole or not at all.

use serde_json::{Map, Value, json};

use super::folders::Definition;
use super::knobs::Knobs;
use super::refusal::Refused;
use super::store::{Author, Draft, Folder, SEEDED, Store};
use super::triggers::{json_body, rows_of};
use super::values::{instant, normalise, parse_instant};
use super::{NetHunt, notes};
use crate::sim::exchange::{Reply, Request};

/// Answers a request whose prefix is cut off.
pub(super) fn answer(account: &mut NetHunt, now_ms: i64, request: &Request) -> Reply {
    let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let outcome = match (request.method.as_str(), &segments[..]) {
        ("GET", ["folders"]) => Ok(list_folders(&account.store)),
        ("POST", ["folders"]) => read(request).and_then(|body| add_folder(&mut account.store, now_ms, &body)),
        ("GET", ["records", folder]) => list_records(&mut account.store, folder),
        ("POST", ["records", folder]) => {
            read(request).and_then(|body| seed(&mut account.store, now_ms, folder, &body))
        }
        ("GET", ["notes", folder]) => list_notes(&account.store, folder),
        ("POST", ["notes", folder]) => {
            read(request).and_then(|body| seed_notes(&mut account.store, now_ms, folder, &body))
        }
        ("POST", ["knobs"]) => read(request).and_then(|body| {
            let knobs = account.knobs.changed(&body).map_err(Refused::bad)?;
            let has = |folder: &Folder, name: &str| folder.definition.field(name).is_some();
            let is_field = |name: &str| account.store.folders.iter().any(|folder| has(folder, name));
            knobs.check_fields(is_field).map_err(Refused::bad)?;
            account.set_knobs(knobs);
            Ok(Reply::json(200, &json!({})))
        }),
        _ => Err(Refused::new(404, "no such admin route")),
    };
    outcome.unwrap_or_else(|refused| Reply::text(refused.status, &refused.text))
}

fn list_folders(store: &Store) -> Reply {
    let folders: Vec<Value> = store.folders.iter().map(|folder| folder.definition.to_json()).collect();
    Reply::json(200, &Value::Array(folders))
}

fn add_folder(store: &mut Store, now_ms: i64, body: &Value) -> Result<Reply, Refused> {
    let fresh = store.new_id(now_ms);
    let definition = Definition::from_json(body, &fresh).map_err(Refused::bad)?;
    // Two folders may have one name, as in the service; only the id tells them apart.
    if store.folder(&definition.id).is_some() {
        return Err(Refused::bad(format!("a folder with the id `{}` exists", definition.id)));
    }
    let answer = Reply::json(200, &definition.to_json());
    store.add_folder(definition);
    Ok(answer)
}

fn list_records(store: &mut Store, folder: &str) -> Result<Reply, Refused> {
    let folder = folder_of(store, folder)?;
    let positions: Vec<usize> = store.folders[folder].created.iter().map(|row| row.1).collect();
    Ok(json_body(rows_of(store, &positions)))
}

/// Stores an array of `{fields, createdAt?, updatedAt?, user?}` and answers the array of their ids.
fn seed(store: &mut Store, now_ms: i64, folder: &str, body: &Value) -> Result<Reply, Refused> {
    let folder = folder_of(store, folder)?;
    let rows = body.as_array().ok_or_else(|| Refused::bad("an array of records is expected"))?;
    let mut drafts = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let draft = seed_draft(store, now_ms, folder, row);
        drafts.push(draft.map_err(|refused| Refused::bad(format!("record {at}: {}", refused.text)))?);
    }
    let mut ids = Vec::with_capacity(drafts.len());
    for (draft, updated_ms) in drafts {
        let author = draft.author;
        let at = store.create(draft);
        if let Some(updated_ms) = updated_ms {
            store.update(at, updated_ms, author, Vec::new(), Map::new());
        }
        ids.extend(store.folder_and_id(at).map(|(_, id)| id));
    }
    Ok(Reply::json(200, &json!(ids)))
}

fn seed_draft(
    store: &Store,
    now_ms: i64,
    folder: usize,
    row: &Value,
) -> Result<(Draft, Option<i64>), Refused> {
    only_keys(row, &["fields", "createdAt", "updatedAt", "user"])?;
    let sent = row.get("fields").and_then(Value::as_object);
    let sent = sent.ok_or_else(|| Refused::bad("`fields` is not an object"))?;
    let mut fields = Map::new();
    for (name, value) in sent {
        let field = store.folders[folder].definition.field(name);
        let field = field.ok_or_else(|| Refused::bad(format!("unknown field `{name}`")))?;
        if let Some(stored) = normalise(field, value, &Knobs::default())? {
            fields.insert(name.clone(), stored);
        }
    }
    let created_ms = time(row, "createdAt")?.unwrap_or(now_ms);
    let updated_ms = time(row, "updatedAt")?;
    if updated_ms.is_some_and(|updated| updated < created_ms) {
        return Err(Refused::bad("`updatedAt` is before the creation"));
    }
    let author = match row.get("user").and_then(Value::as_str) {
        None => Author::Own,
        Some(email) => author_of(email).ok_or_else(|| Refused::bad(format!("unknown user `{email}`")))?,
    };
    Ok((Draft { folder, created_ms, fields, author, written_ms: SEEDED }, updated_ms))
}

/// The comments, call logs and files of a folder that their streams would show, as `[{kind, row}]`.
fn list_notes(store: &Store, folder: &str) -> Result<Reply, Refused> {
    let folder = folder_of(store, folder)?;
    let mut shown = Vec::new();
    for (kind, index) in ["comment", "call-log", "drive-file"].iter().zip(&store.folders[folder].notes) {
        for note in index.iter().map(|row| &store.notes[row.1]) {
            if store.find(&note.record).is_some() {
                shown.push(format!("{{\"kind\":\"{kind}\",\"row\":{}}}", note.row));
            }
        }
    }
    Ok(json_body(format!("[{}]", shown.join(",")).into_bytes()))
}

/// Stores an array of `{recordId, kind: comment|call-log|drive-file, text, createdAt?}` and answers their ids;
/// a call may have a `time` and a `duration` in minutes, a file a `mimeType` and a `driveId`.
fn seed_notes(store: &mut Store, now_ms: i64, folder: &str, body: &Value) -> Result<Reply, Refused> {
    let folder = folder_of(store, folder)?;
    let rows = body.as_array().ok_or_else(|| Refused::bad("an array of notes is expected"))?;
    let mut ids = Vec::new();
    for row in rows {
        only_keys(
            row,
            &["recordId", "kind", "text", "createdAt", "time", "duration", "mimeType", "driveId"],
        )?;
        let text_of = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let at = store
            .find(text_of("recordId"))
            .filter(|&at| store.folder_and_id(at).is_some_and(|(home, _)| home == folder));
        let at = at.ok_or_else(|| Refused::bad("a note's record is not in the folder"))?;
        let created_ms = time(row, "createdAt")?.unwrap_or(now_ms);
        let text = text_of("text").to_owned();
        ids.push(match text_of("kind") {
            "comment" => notes::comment(store, at, created_ms, &text),
            "call-log" => {
                let minutes = row.get("duration").cloned().unwrap_or(json!(5));
                let time_ms = time(row, "time")?.unwrap_or(created_ms);
                notes::call_log(store, at, created_ms, &text, time_ms, &minutes)
            }
            "drive-file" => {
                let or = |key: &str, default: &str| {
                    let given = text_of(key);
                    if given.is_empty() { default.to_owned() } else { given.to_owned() }
                };
                let (mime, drive) = (or("mimeType", "application/pdf"), or("driveId", "1SeededDriveFile"));
                notes::drive_file(store, at, created_ms, &text, &mime, &drive)
            }
            other => return Err(Refused::bad(format!("unknown kind of note `{other}`"))),
        });
    }
    Ok(Reply::json(200, &json!(ids)))
}

/// The author of that login.
pub(super) fn author_of(email: &str) -> Option<Author> {
    [Author::Own, Author::Other].into_iter().find(|author| author.email() == email)
}

fn folder_of(store: &Store, folder: &str) -> Result<usize, Refused> {
    if let Some(at) = store.folder(folder) {
        return Ok(at);
    }
    let mut named = (0..store.folders.len()).filter(|&at| store.folders[at].definition.name == folder);
    match (named.next(), named.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(Refused::bad(format!("there are several folders `{folder}`: say the id"))),
        (None, _) => Err(Refused::new(404, format!("no folder `{folder}`"))),
    }
}

fn time(row: &Value, key: &str) -> Result<Option<i64>, Refused> {
    match row.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(parse_instant) {
            Some(ms) => Ok(Some(ms)),
            None => Err(Refused::bad(format!("`{key}` is not an instant such as {}: {value}", instant(0)))),
        },
    }
}

fn only_keys(row: &Value, known: &[&str]) -> Result<(), Refused> {
    let map = row.as_object().ok_or_else(|| Refused::bad("an object is expected"))?;
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Refused::bad(format!("unknown key `{key}`"))),
        None => Ok(()),
    }
}

fn read(request: &Request) -> Result<Value, Refused> {
    serde_json::from_slice(&request.body).map_err(|error| Refused::bad(format!("not JSON: {error}")))
}
