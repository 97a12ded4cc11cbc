//! The account as JSON and back, for `--state FILE`.
//!
//! Knobs are not part of it: they belong to the scenario, not to the data.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::admin::author_of;
use super::folders::Definition;
use super::store::{Change, Deed, Fields, Note, NoteKind, Store};

const KINDS: [(&str, NoteKind); 3] =
    [("comment", NoteKind::Comment), ("call-log", NoteKind::CallLog), ("drive-file", NoteKind::DriveFile)];

/// Everything stored.
pub(super) fn snapshot(store: &Store) -> Value {
    let folder_id = |folder: usize| store.folders[folder].definition.id.as_str();
    let folders: Vec<Value> = store.folders.iter().map(|folder| folder.definition.to_json()).collect();
    let records = store.records.iter().flatten().map(|record| {
        let row = json!({
            "folder": folder_id(record.folder), "id": record.id, "createdMs": record.created_ms,
            "updatedMs": record.updated_ms,
        });
        with(row, "fields", Value::Object((*record.fields).clone()))
    });
    let mut deleted: Vec<&str> = store
        .by_id
        .iter()
        .filter(|(_, at)| store.records[**at].is_none())
        .map(|(id, _)| id.as_str())
        .collect();
    deleted.sort_unstable();
    let changes = store.changes.iter().map(|change| {
        let deed = match &change.deed {
            Deed::Create(fields) if is_current(store, &change.record, fields) => json!("create"),
            Deed::Create(fields) => with(json!({}), "create", Value::Object((**fields).clone())),
            Deed::Update(told) => with(json!({}), "update", Value::Object(told.clone())),
            Deed::Delete => json!("delete"),
        };
        let row = json!({
            "folder": folder_id(change.folder), "id": change.id, "record": change.record,
            "timeMs": change.time_ms, "user": change.author.email(),
        });
        with(row, "deed", deed)
    });
    let notes = store.notes.iter().map(|note| {
        let kind = KINDS.iter().find(|(_, kind)| *kind == note.kind).map_or("comment", |(name, _)| *name);
        json!({
            "folder": folder_id(note.folder), "kind": kind, "record": note.record,
            "createdMs": note.created_ms, "row": note.row,
        })
    });
    let whole = json!({
        "ids": store.ids,
        "folders": folders,
        "deleted": deleted,
    });
    let whole = with(whole, "records", Value::Array(records.collect()));
    let whole = with(whole, "changes", Value::Array(changes.collect()));
    with(whole, "notes", Value::Array(notes.collect()))
}

/// A store made of what [`snapshot`] wrote.
///
/// # Errors
/// When the snapshot has another shape; the text says where.
pub(super) fn restore(snapshot: &Value) -> Result<Store, String> {
    let ids = snapshot.get("ids").and_then(Value::as_u64).ok_or("nethunt state: `ids` is missing")?;
    let mut store = Store { ids, ..Store::default() };
    for folder in list(snapshot, "folders")? {
        store.add_folder(
            Definition::from_json(folder, "").map_err(|error| format!("nethunt state: {error}"))?,
        );
    }
    for row in list(snapshot, "records")? {
        let folder = folder_of(&store, row)?;
        let fields = Arc::new(object(row, "fields")?);
        let updated_ms = row.get("updatedMs").and_then(Value::as_i64);
        let created_ms = number(row, "createdMs")?;
        store.put(Store::restored(folder, text(row, "id")?, created_ms, updated_ms, fields));
    }
    for id in list(snapshot, "deleted")? {
        let id = id.as_str().ok_or("nethunt state: `deleted` is not a list of ids")?;
        store.by_id.insert(id.to_owned(), store.records.len());
        store.records.push(None);
    }
    for row in list(snapshot, "changes")? {
        let change = change_of(&store, row)?;
        store.put_change(change);
    }
    for row in list(snapshot, "notes")? {
        let kind = text(row, "kind")?;
        let (_, kind) = KINDS
            .iter()
            .find(|(name, _)| *name == kind)
            .ok_or_else(|| format!("nethunt state: unknown kind `{kind}`"))?;
        let (folder, created_ms) = (folder_of(&store, row)?, number(row, "createdMs")?);
        let (record, row) = (text(row, "record")?, text(row, "row")?);
        store.put_note(Note { folder, kind: *kind, record, created_ms, row });
    }
    Ok(store)
}

fn change_of(store: &Store, row: &Value) -> Result<Change, String> {
    let user = text(row, "user")?;
    let deed = row.get("deed").ok_or_else(|| missing("deed"))?;
    let record = text(row, "record")?;
    let deed = if deed == "delete" {
        Deed::Delete
    } else if deed == "create" {
        let at = store.find(&record).and_then(|at| store.records[at].as_ref());
        Deed::Create(Arc::clone(&at.ok_or_else(|| missing("create"))?.fields))
    } else if deed.get("create").is_some() {
        Deed::Create(Arc::new(object(deed, "create")?))
    } else {
        Deed::Update(object(deed, "update")?)
    };
    Ok(Change {
        folder: folder_of(store, row)?,
        id: text(row, "id")?,
        record,
        time_ms: number(row, "timeMs")?,
        author: author_of(&user).ok_or_else(|| format!("nethunt state: unknown user `{user}`"))?,
        deed,
    })
}

/// Whether a record still has the very fields it was created with, so that they need no second copy.
fn is_current(store: &Store, id: &str, fields: &Fields) -> bool {
    let record = store.find(id).and_then(|at| store.records[at].as_ref());
    record.is_some_and(|record| Arc::ptr_eq(&record.fields, fields))
}

/// `row` with one more key; moves the value, where `json!` would build it anew.
fn with(mut row: Value, key: &str, value: Value) -> Value {
    row[key] = value;
    row
}

fn folder_of(store: &Store, row: &Value) -> Result<usize, String> {
    let id = text(row, "folder")?;
    store.folder(&id).ok_or_else(|| format!("nethunt state: unknown folder `{id}`"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value.get(key).and_then(Value::as_array).ok_or_else(|| missing(key))
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| missing(key))
}

fn number(value: &Value, key: &str) -> Result<i64, String> {
    value.get(key).and_then(Value::as_i64).ok_or_else(|| missing(key))
}

fn object(value: &Value, key: &str) -> Result<Map<String, Value>, String> {
    value.get(key).and_then(Value::as_object).cloned().ok_or_else(|| missing(key))
}

fn missing(key: &str) -> String {
    format!("nethunt state: `{key}` is missing or of another type")
}
