//! Folders and their fields: which one a name means, and what its records are made of. Pure.

use super::wire::{FieldEntry, FolderEntry};
use crate::error::{Error, Result, nearest};
use crate::record::escape_name;
use crate::record::schema::{FieldSpec, Kind, Schema};
use std::collections::HashSet;

/// A folder that this login can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The service's id.
    pub id: String,
    /// The name that people see; it can be changed there, and two folders can share one.
    pub name: String,
    /// Whether this login may create records in it.
    pub writable: bool,
}

/// The folders that can be read, in the server's order, then those that can only be written to.
pub(super) fn unite(readable: Vec<FolderEntry>, writable: Vec<FolderEntry>) -> Vec<Folder> {
    let may_write: HashSet<String> = writable.iter().map(|entry| entry.id.clone()).collect();
    let mut seen = HashSet::new();
    readable
        .into_iter()
        .chain(writable)
        .filter(|entry| seen.insert(entry.id.clone()))
        .map(|FolderEntry { id, name }| Folder { writable: may_write.contains(&id), id, name })
        .collect()
}

/// The folder that `wanted` names, by id or name; a name's case matters only where two differ by it alone.
///
/// # Errors
/// When there is none, or there are several of that name.
pub(super) fn resolve<'a>(folders: &'a [Folder], wanted: &str) -> Result<&'a Folder> {
    if let Some(folder) = folders.iter().find(|folder| folder.id == wanted) {
        return Ok(folder);
    }
    let called = |same: &dyn Fn(&str) -> bool| -> Vec<_> {
        folders.iter().filter(|folder| same(&folder.name)).collect()
    };
    let mut found = called(&|name| name == wanted);
    if found.is_empty() {
        let folded = wanted.trim().to_lowercase();
        found = called(&|name| name.trim().to_lowercase() == folded);
    }
    match found[..] {
        [one] => Ok(one),
        [] => Err(unknown(folders, wanted)),
        _ => {
            let ids: Vec<_> = found.iter().map(|folder| format!("`nethunt:{}`", folder.id)).collect();
            Err(Error::input(format!("{} NetHunt folders are called `{wanted}`", found.len()))
                .hint(format!("say which one by its id: {}", ids.join(", "))))
        }
    }
}

fn unknown(folders: &[Folder], wanted: &str) -> Error {
    let error = Error::input(format!("this NetHunt login sees no folder `{wanted}`"));
    let names = || folders.iter().map(|folder| folder.name.as_str());
    match nearest(wanted, names()) {
        Some(name) => error.hint(format!("did you mean `nethunt:{name}`?")),
        None if folders.is_empty() => error.hint("it sees no folders at all"),
        None => {
            let all: Vec<_> = names().take(20).map(|name| format!("`{name}`")).collect();
            error.hint(format!("it sees {}", all.join(", ")))
        }
    }
}

/// A folder's fields as a schema. v1 gives names only: no types, no lists (NetHunt facts, section 4).
pub(super) fn schema(of: &str, entries: Vec<FieldEntry>) -> Schema {
    let mut seen = HashSet::new();
    let fields = entries.into_iter().filter(|entry| seen.insert(entry.name.clone()));
    let fields = fields.map(|entry| FieldSpec {
        name: escape_name(&entry.name),
        modifiers: vec![String::new()],
        kind: Kind::Text,
        ..FieldSpec::default()
    });
    Schema { of: of.to_owned(), has_head: true, fields: fields.collect(), ..Schema::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> Vec<Folder> {
        let entry = |id: &str, name: &str| FolderEntry { id: id.into(), name: name.into() };
        let readable = vec![
            entry("a1", "Contacts"),
            entry("b2", "Deals"),
            entry("c3", "Deals"),
            entry("d4", "Контакти"),
        ];
        unite(readable, vec![entry("b2", "Deals"), entry("e5", "Inbox")])
    }

    #[test]
    fn a_folder_is_named_by_id_or_name() {
        let folders = folders();
        let cases = [("a1", "a1"), ("Contacts", "a1"), ("contacts", "a1"), ("c3", "c3"), ("контакти", "d4")];
        for (wanted, id) in cases {
            assert_eq!(resolve(&folders, wanted).unwrap().id, id, "{wanted}");
        }
        let writable: Vec<_> =
            folders.iter().filter(|folder| folder.writable).map(|f| f.id.as_str()).collect();
        assert_eq!(writable, ["b2", "e5"]);
    }

    #[test]
    fn what_cannot_be_meant_says_what_could() {
        let folders = folders();
        let hint = |wanted| resolve(&folders, wanted).unwrap_err().way_out().unwrap_or_default().to_owned();
        assert_eq!(hint("Deals"), "say which one by its id: `nethunt:b2`, `nethunt:c3`");
        assert_eq!(hint("Contcats"), "did you mean `nethunt:Contacts`?");
        assert!(hint("Something else").starts_with("it sees `Contacts`"));
        assert_eq!(resolve(&folders, "Deals").unwrap_err().class().exit_code(), 2);
    }

    #[test]
    fn fields_keep_their_order_and_odd_names_are_escaped() {
        let entry = |name: &str| FieldEntry { name: name.into() };
        let schema =
            schema("nethunt:Deals", vec![entry("Name"), entry("_x"), entry("Name"), entry("Amount")]);
        let names: Vec<_> = schema.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["Name", "__x", "Amount"]);
        assert!(schema.has_head && !schema.has_modifiers);
    }
}
