//! Folders, their streams and fields: what a name means, and what a folder's records are made of. Pure.

use super::stream::{CHILDREN, Stream};
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
    /// Whether this login may read its records.
    pub readable: bool,
    /// Whether this login may create records in it.
    pub writable: bool,
}

/// The stream of all folders.
pub(super) const FOLDERS: &str = "folders";
/// What follows a folder's name for the stream of its fields.
pub(super) const FIELDS: &str = "fields";

/// What a stream's name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// All folders.
    Folders,
    /// A stream of a folder.
    Of(&'a Folder, Stream),
    /// A folder's fields.
    Fields(&'a Folder),
}

/// The folders that can be read, in the server's order, then those that can only be written to.
pub(super) fn unite(readable: Vec<FolderEntry>, writable: Vec<FolderEntry>) -> Vec<Folder> {
    let ids = |entries: &[FolderEntry]| -> HashSet<String> {
        entries.iter().map(|entry| entry.id.clone()).collect()
    };
    let (may_read, may_write) = (ids(&readable), ids(&writable));
    let mut seen = HashSet::new();
    readable
        .into_iter()
        .chain(writable)
        .filter(|entry| seen.insert(entry.id.clone()))
        .map(|FolderEntry { id, name }| {
            let (readable, writable) = (may_read.contains(&id), may_write.contains(&id));
            Folder { id, name, readable, writable }
        })
        .collect()
}

/// The stream that `wanted` names: `folders`, a folder by id or name, or one of a folder's streams. A folder is
/// looked for by the whole name first, for its own name may end like a stream's.
///
/// # Errors
/// When there is none, or there are several folders of that name.
pub(super) fn place<'a>(folders: &'a [Folder], wanted: &str) -> Result<Place<'a>> {
    if wanted == FOLDERS {
        return Ok(Place::Folders);
    }
    if let Some(folder) = find(folders, wanted)? {
        return Ok(Place::Of(folder, Stream::Records));
    }
    let Some((name, suffix)) = wanted.rsplit_once('/') else { return Err(unknown(folders, wanted)) };
    let child = CHILDREN.into_iter().find(|stream| stream.suffix() == suffix);
    match (find(folders, name)?, child) {
        (Some(folder), Some(stream)) => Ok(Place::Of(folder, stream)),
        (Some(folder), None) if suffix == FIELDS => Ok(Place::Fields(folder)),
        (Some(folder), None) => {
            let error = format!("the NetHunt folder `{}` has no stream `{suffix}`", folder.name);
            let all: Vec<_> = suffixes().map(|suffix| format!("`{}/{suffix}`", folder.name)).collect();
            Err(Error::input(error).hint(match nearest(suffix, suffixes()) {
                Some(near) => format!("did you mean `nethunt:{}/{near}`?", folder.name),
                None => format!("it has {}", all.join(", ")),
            }))
        }
        (None, Some(_)) => Err(unknown(folders, name)),
        (None, None) if suffix == FIELDS => Err(unknown(folders, name)),
        (None, None) => Err(unknown(folders, wanted)),
    }
}

/// What can follow a folder's name.
pub(super) fn suffixes() -> impl Iterator<Item = &'static str> {
    CHILDREN.into_iter().map(Stream::suffix).chain([FIELDS])
}

/// The folder of that id or name; a name's case matters only where two differ by it alone.
fn find<'a>(folders: &'a [Folder], wanted: &str) -> Result<Option<&'a Folder>> {
    if let Some(folder) = folders.iter().find(|folder| folder.id == wanted) {
        return Ok(Some(folder));
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
        [one] => Ok(Some(one)),
        [] => Ok(None),
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
    match nearest(wanted, names().chain([FOLDERS])) {
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
        phones: is_phone(&entry.name),
        ..FieldSpec::default()
    });
    Schema { of: of.to_owned(), has_head: true, fields: fields.collect(), ..Schema::default() }
}

/// What fields of phone numbers are called, in the languages that folders were seen in.
const PHONES: [&str; 27] = [
    "phone",
    "phones",
    "telephone",
    "telephones",
    "tel",
    "cell",
    "cellphone",
    "mobile",
    "mobiles",
    "fax",
    "telefon",
    "teléfono",
    "telefono",
    "téléphone",
    "telefone",
    "telefoon",
    "telefoonnummer",
    "telefonnummer",
    "handy",
    "telemóvel",
    "móvil",
    "cellulare",
    "телефон",
    "телефони",
    "телефоны",
    "мобільний",
    "мобильный",
];
/// What may stand beside it.
const BESIDE_PHONES: [&str; 21] = [
    "work",
    "home",
    "main",
    "other",
    "primary",
    "secondary",
    "business",
    "office",
    "personal",
    "private",
    "direct",
    "company",
    "contact",
    "number",
    "numbers",
    "no",
    "nr",
    "номер",
    "робочий",
    "рабочий",
    "основний",
];

/// Whether a field holds phone numbers, by its name: v1 tells no types. A name with any other word in it is none, for
/// keys that are compared by their digits alone may take one thing for another (`Phone model`, `Mobile version`).
fn is_phone(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = || name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    words().any(|word| PHONES.contains(&word))
        && words().all(|word| PHONES.contains(&word) || BESIDE_PHONES.contains(&word) || number(word))
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
    fn fields_of_phone_numbers_are_known_by_their_name_alone() {
        for name in
            ["Phone", "phones", "Work phone", "Phone number", "Mobile 2", "Tel.", "Телефон", "Номер телефон"]
        {
            assert!(is_phone(name), "{name}");
        }
        for name in
            ["External ID", "Phone model", "Mobile version", "Work", "Number", "Zip", "Telephony plan", ""]
        {
            assert!(!is_phone(name), "{name}");
        }
    }

    #[test]
    fn a_folder_is_named_by_id_or_name() {
        let folders = folders();
        let cases = [("a1", "a1"), ("Contacts", "a1"), ("contacts", "a1"), ("c3", "c3"), ("контакти", "d4")];
        for (wanted, id) in cases {
            let Place::Of(folder, Stream::Records) = place(&folders, wanted).unwrap() else {
                panic!("{wanted}")
            };
            assert_eq!(folder.id, id, "{wanted}");
        }
        let writable: Vec<_> =
            folders.iter().filter(|folder| folder.writable).map(|f| f.id.as_str()).collect();
        assert_eq!(writable, ["b2", "e5"]);
    }

    #[test]
    fn streams_follow_a_folders_name_unless_a_folder_is_called_so() {
        let mut folders = folders();
        let named = |folders: &[Folder], wanted: &str| match place(folders, wanted).unwrap() {
            Place::Folders => "folders".to_owned(),
            Place::Of(folder, stream) => format!("{} {}", folder.id, stream.trigger()),
            Place::Fields(folder) => format!("{} fields", folder.id),
        };
        let cases = [
            ("folders", "folders"),
            ("Contacts/comments", "a1 new-comment"),
            ("contacts/calls", "a1 new-call-log"),
            ("c3/files", "c3 new-gdrivefile"),
            ("Контакти/changes", "d4 record-change"),
            ("a1/fields", "a1 fields"),
        ];
        for (wanted, expected) in cases {
            assert_eq!(named(&folders, wanted), expected, "{wanted}");
        }
        let own =
            Folder { id: "f6".into(), name: "Contacts/comments".into(), readable: true, writable: false };
        folders.push(own);
        assert_eq!(named(&folders, "Contacts/comments"), "f6 new-record");
        assert_eq!(named(&folders, "a1/comments"), "a1 new-comment");
        assert_eq!(named(&folders, "Contacts/comments/files"), "f6 new-gdrivefile");
    }

    #[test]
    fn what_cannot_be_meant_says_what_could() {
        let folders = folders();
        let hint = |wanted| place(&folders, wanted).unwrap_err().way_out().unwrap_or_default().to_owned();
        assert_eq!(hint("Deals"), "say which one by its id: `nethunt:b2`, `nethunt:c3`");
        assert_eq!(hint("Contcats"), "did you mean `nethunt:Contacts`?");
        assert!(hint("Something else").starts_with("it sees `Contacts`"));
        assert_eq!(hint("Deals/comments"), hint("Deals"));
        assert_eq!(hint("Contcats/calls"), "did you mean `nethunt:Contacts`?");
        assert_eq!(hint("Contacts/comment"), "did you mean `nethunt:Contacts/comments`?");
        assert!(hint("Contacts/notes").starts_with("it has `Contacts/comments`"));
        assert_eq!(hint("folder"), "did you mean `nethunt:folders`?");
        assert_eq!(place(&folders, "Deals").unwrap_err().class().exit_code(), 2);
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
