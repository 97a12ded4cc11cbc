//! Fills an account with generated records, and plays the other user who changes things meanwhile.

use serde_json::{Map, Value, json};

use super::notes;
use super::store::{Author, Draft, SEEDED, Store};
use crate::sim::generate::{self, NetHuntDraft, NetHuntLinkTarget};

/// Folders that records are generated for, by their names at the start.
const FOLDERS: [&str; 3] = ["Companies", "Contacts", "Deals"];

/// Stores `count` contacts with companies and deals around them.
pub(super) fn generate(store: &mut Store, count: usize, seed: u64, now_ms: i64) {
    let drafts = generate::nethunt_records(count, seed, now_ms);
    let groups = [drafts.companies, drafts.contacts, drafts.deals];
    // Ids first: records link to others that come later.
    let mut ids: [Vec<String>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    for (ids, drafts) in ids.iter_mut().zip(&groups) {
        ids.extend(drafts.iter().map(|draft| store.new_id(draft.created_ms)));
    }
    for ((name, drafts), own_ids) in FOLDERS.iter().zip(groups).zip(&ids) {
        let Some(folder) = folder_named(store, name) else { continue };
        for (position, (draft, id)) in drafts.into_iter().zip(own_ids).enumerate() {
            let author = if position % 7 == 3 { Author::Other } else { Author::Own };
            let at = place(store, folder, id, draft, &ids, author);
            if *name == "Contacts" {
                hang_notes(store, at, position);
            }
        }
    }
}

/// Does one thing as another user and answers the record's id, or that of the comment, call log or file.
pub(super) fn drift(store: &mut Store, now_ms: i64, seed: u64, kind: &str) -> Option<String> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let folder = folder_named(store, "Contacts")?;
    match kind {
        "insert" => {
            let mut fields = generate::nethunt_records(1, dice.u64(..), now_ms).contacts.pop()?.fields;
            fields.insert(
                "Email".to_owned(),
                json!([format!("<drift-{seed:x}-{now_ms:x}@elsewhere.example>")]),
            );
            let author = Author::Other;
            let draft = Draft { folder, created_ms: now_ms, fields, author, written_ms: now_ms };
            let at = store.create(draft);
            store.folder_and_id(at).map(|(_, id)| id)
        }
        "update" => {
            let at = any_record(store, folder, &mut dice)?;
            let (name, value) = match dice.u8(..3) {
                0 => ("Notes", json!(format!("Edited by somebody else, {:x}", dice.u32(..)))),
                1 => ("Score", json!(dice.u32(..1000))),
                _ => ("Zip", json!(format!("{:05}", dice.u32(..100_000)))),
            };
            let before = store.records[at].as_ref().and_then(|record| record.fields.get(name).cloned());
            let mut told = Map::new();
            if let Some(before) = before {
                told.insert("remove".to_owned(), before);
            }
            told.insert("add".to_owned(), value.clone());
            let told = Map::from_iter([(name.to_owned(), Value::Object(told))]);
            store.update(at, now_ms, Author::Other, vec![(name.to_owned(), Some(value))], told);
            store.folder_and_id(at).map(|(_, id)| id)
        }
        "resort" => {
            // A touch: no value changes, but the record moves to the other end of what was updated.
            let at = any_record(store, folder, &mut dice)?;
            store.update(at, now_ms, Author::Other, Vec::new(), Map::new());
            store.folder_and_id(at).map(|(_, id)| id)
        }
        "comment" => {
            let at = any_record(store, folder, &mut dice)?;
            let text = format!("Somebody else says {:x}", dice.u32(..));
            Some(notes::comment(store, at, now_ms, &text))
        }
        "call" => {
            let at = any_record(store, folder, &mut dice)?;
            let text = format!("Somebody else called, {:x}", dice.u32(..));
            Some(notes::call_log(store, at, now_ms, &text, now_ms - 60_000, &json!(1)))
        }
        "file" => {
            let at = any_record(store, folder, &mut dice)?;
            let drive = format!("1Drift{:08x}DriveFile", dice.u32(..));
            Some(notes::drive_file(store, at, now_ms, "Elsewhere.pdf", "application/pdf", &drive))
        }
        "delete" => {
            let at = any_record(store, folder, &mut dice)?;
            let id = store.folder_and_id(at).map(|(_, id)| id);
            store.delete(at, now_ms, Author::Other);
            id
        }
        _ => None,
    }
}

fn folder_named(store: &Store, name: &str) -> Option<usize> {
    store.folders.iter().position(|folder| folder.definition.name == name)
}

/// Stores a draft; one that was updated is created without its last value, which then comes.
fn place(
    store: &mut Store,
    folder: usize,
    id: &str,
    draft: NetHuntDraft,
    ids: &[Vec<String>; 3],
    author: Author,
) -> usize {
    let mut fields = draft.fields;
    for link in draft.links {
        let targets = match link.to {
            NetHuntLinkTarget::Companies => &ids[0],
            NetHuntLinkTarget::Contacts => &ids[1],
        };
        let linked: Vec<&String> = link.indexes.iter().filter_map(|&index| targets.get(index)).collect();
        if !linked.is_empty() {
            fields.insert(link.field.to_owned(), json!(linked));
        }
    }
    let last = draft.updated_ms.filter(|_| fields.len() > 1).and_then(|updated_ms| {
        let name = fields.keys().next_back().cloned()?;
        let value = fields.shift_remove(&name)?;
        Some((updated_ms, name, value))
    });
    let created_ms = draft.created_ms;
    let at = store.create_as(id.to_owned(), Draft { folder, created_ms, fields, author, written_ms: SEEDED });
    if let Some((updated_ms, name, value)) = last {
        let told = Map::from_iter([(name.clone(), json!({"add": value}))]);
        store.update(at, updated_ms, Author::Own, vec![(name, Some(value))], told);
    }
    at
}

fn hang_notes(store: &mut Store, at: usize, position: usize) {
    let Some(created_ms) = store.records[at].as_ref().map(|record| record.touched_ms()) else { return };
    if position.is_multiple_of(9) {
        notes::comment(store, at, created_ms, "Asked for the price list; \"urgent\", they say 🙂");
    }
    if position % 14 == 5 {
        let (minutes, began_ms) = (json!(2.5), created_ms - 150_000);
        notes::call_log(store, at, created_ms, "Called back, left a message", began_ms, &minutes);
    }
    if position % 25 == 7 {
        let drive = format!("1Sim{position:08}DriveFile");
        notes::drive_file(store, at, created_ms, "Offer.pdf", "application/pdf", &drive);
    }
}

fn any_record(store: &Store, folder: usize, dice: &mut fastrand::Rng) -> Option<usize> {
    let here = |at: usize| store.records[at].as_ref().is_some_and(|record| record.folder == folder);
    if store.folders[folder].created.is_empty() {
        return None;
    }
    let start = dice.usize(..store.records.len());
    let positions = (start..store.records.len()).chain(0..start);
    positions.into_iter().find(|&at| here(at))
}
