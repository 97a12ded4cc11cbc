//! Records, the change log, and the indexes by time that keep large folders quick.
//!
//! A record's JSON is written once and kept until the record changes; a stream of 50,000 rows is then a
//! walk over an index that joins kept texts. Nothing here knows requests or knobs.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::folders::Definition;
use super::values::instant;

/// Fields of a record, shared between the record and the change that made it.
pub(super) type Fields = Arc<Map<String, Value>>;

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// The user whose key the client has.
    Own,
    /// Somebody else, who works in the same account meanwhile.
    Other,
}

impl Author {
    /// Display name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Own => "Simone Example",
            Self::Other => "Otto Example",
        }
    }

    /// E-mail address, which is the login.
    pub(super) fn email(self) -> &'static str {
        match self {
            Self::Own => "sim@example.org",
            Self::Other => "other@example.org",
        }
    }
}

/// A stored record.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Index of its folder.
    pub(super) folder: usize,
    /// 24 hex digits.
    pub(super) id: String,
    /// Unix milliseconds.
    pub(super) created_ms: i64,
    /// Unix milliseconds of the last update, if there was one.
    pub(super) updated_ms: Option<i64>,
    /// Clock of the create, for the lags; long ago for seeded records.
    pub(super) written_ms: i64,
    /// Values by field name; empty ones are absent.
    pub(super) fields: Fields,
    /// The time of the last update, and what the search index holds until it has seen it.
    pub(super) superseded: Option<(i64, Fields)>,
    /// All values in lower case, for text search; made when first needed.
    pub(super) haystack: Option<String>,
    tail: Option<String>,
}

impl Record {
    /// The record's JSON without the opening brace and `id`, once [`Store::render`] has made it.
    pub(super) fn tail(&self) -> &str {
        self.tail.as_deref().unwrap_or_default()
    }

    /// When the record was last updated, or created.
    pub(super) fn touched_ms(&self) -> i64 {
        self.updated_ms.unwrap_or(self.created_ms)
    }
}

/// What happened to a record.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// Created with these fields.
    Create(Fields),
    /// Updated: by field, what was removed and added.
    Update(Map<String, Value>),
    /// Deleted.
    Delete,
}

/// A row of the change stream.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Index of the folder.
    pub(super) folder: usize,
    /// The change's own id.
    pub(super) id: String,
    /// The record it was done to.
    pub(super) record: String,
    /// Unix milliseconds.
    pub(super) time_ms: i64,
    /// Who did it.
    pub(super) author: Author,
    /// What was done.
    pub(super) deed: Deed,
}

/// What hangs on a record: its kind is the index of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoteKind {
    /// A comment.
    Comment = 0,
    /// A call log.
    CallLog = 1,
    /// A file in Google Drive.
    DriveFile = 2,
}

/// A comment, a call log or a file.
#[derive(Debug, Clone)]
pub(super) struct Note {
    /// Index of the folder.
    pub(super) folder: usize,
    /// What it is.
    pub(super) kind: NoteKind,
    /// The record it hangs on.
    pub(super) record: String,
    /// Unix milliseconds.
    pub(super) created_ms: i64,
    /// The whole row of the stream.
    pub(super) row: String,
}

/// A folder with its indexes: time and position, ascending.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// Name and fields.
    pub(super) definition: Definition,
    /// Records by creation.
    pub(super) created: BTreeSet<(i64, usize)>,
    /// Records by last update, or creation.
    pub(super) touched: BTreeSet<(i64, usize)>,
    /// Changes by time.
    pub(super) changes: BTreeSet<(i64, usize)>,
    /// Comments, call logs and files by creation.
    pub(super) notes: [BTreeSet<(i64, usize)>; 3],
}

/// The whole account.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    /// Folders in the order shown.
    pub(super) folders: Vec<Folder>,
    /// Records; a deleted one leaves a gap.
    pub(super) records: Vec<Option<Record>>,
    /// All changes in the order they were logged.
    pub(super) changes: Vec<Change>,
    /// Comments, call logs and files in the order they were made.
    pub(super) notes: Vec<Note>,
    /// Position of each record that ever was.
    pub(super) by_id: HashMap<String, usize>,
    /// How many ids were given out.
    pub(super) ids: u64,
    /// Whether ids begin with the seconds of their creation.
    pub(super) ids_embed_created: bool,
    /// Whether what the search index has not seen yet must be remembered.
    pub(super) index_lags: bool,
}

/// A record about to be stored.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Index of the folder.
    pub(super) folder: usize,
    /// Unix milliseconds.
    pub(super) created_ms: i64,
    /// Values as stored.
    pub(super) fields: Map<String, Value>,
    /// Who creates it.
    pub(super) author: Author,
    /// Clock of the create; [`SEEDED`] for records that were always there.
    pub(super) written_ms: i64,
}

/// The `written_ms` of records that no lag concerns.
pub(super) const SEEDED: i64 = i64::MIN / 2;

/// What an id has between its seconds and its counter: the first four bytes of the maker's mark.
const MACHINE: &str = "5e1f0c7a";

impl Store {
    /// Adds a folder at the end.
    pub(super) fn add_folder(&mut self, definition: Definition) {
        let notes = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        let (created, touched, changes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        self.folders.push(Folder { definition, created, touched, changes, notes });
    }

    /// The folder of that id.
    pub(super) fn folder(&self, id: &str) -> Option<usize> {
        self.folders.iter().position(|folder| folder.definition.id == id)
    }

    /// The record of that id, unless it is deleted.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied().filter(|&at| self.records[at].is_some())
    }

    /// The folder's index and the id of the record at a position, unless it is deleted.
    pub(super) fn folder_and_id(&self, at: usize) -> Option<(usize, String)> {
        self.records[at].as_ref().map(|record| (record.folder, record.id.clone()))
    }

    /// Whether a record of that id was there and is deleted.
    pub(super) fn was_deleted(&self, id: &str) -> bool {
        self.by_id.get(id).is_some_and(|&at| self.records[at].is_none())
    }

    /// A new id whose first four bytes are the seconds of `ms`.
    pub(super) fn new_id(&mut self, ms: i64) -> String {
        let count = self.ids;
        self.ids += 1;
        // Without embedding, seconds that say nothing about the creation, though ids stay unique.
        let seconds = if self.ids_embed_created {
            u32::try_from(ms.div_euclid(1000).max(0)).unwrap_or(u32::MAX)
        } else {
            0x5000_0000 | (count.wrapping_mul(0x9E37_79B9) & 0x0FFF_FFFF) as u32
        };
        format!("{seconds:08x}{MACHINE}{:08x}", count & 0xFFFF_FFFF)
    }

    /// Stores a record under a new id and logs its creation.
    pub(super) fn create(&mut self, draft: Draft) -> usize {
        let id = self.new_id(draft.created_ms);
        self.create_as(id, draft)
    }

    /// Stores a record under an id that was given out before, and logs its creation.
    pub(super) fn create_as(&mut self, id: String, draft: Draft) -> usize {
        let fields = Arc::new(draft.fields);
        let record = Record {
            folder: draft.folder,
            id: id.clone(),
            created_ms: draft.created_ms,
            updated_ms: None,
            written_ms: draft.written_ms,
            fields: Arc::clone(&fields),
            superseded: None,
            haystack: None,
            tail: None,
        };
        self.log(draft.folder, &id, draft.created_ms, draft.author, Deed::Create(fields));
        self.put(record)
    }

    /// Puts a record in place without logging; for creation and for snapshots.
    pub(super) fn put(&mut self, record: Record) -> usize {
        let at = self.records.len();
        let folder = &mut self.folders[record.folder];
        folder.created.insert((record.created_ms, at));
        folder.touched.insert((record.touched_ms(), at));
        self.by_id.insert(record.id.clone(), at);
        self.records.push(Some(record));
        at
    }

    /// A record as it stands in a snapshot.
    pub(super) fn restored(
        folder: usize,
        id: String,
        created_ms: i64,
        updated_ms: Option<i64>,
        fields: Fields,
    ) -> Record {
        Record {
            folder,
            id,
            created_ms,
            updated_ms,
            written_ms: SEEDED,
            fields,
            superseded: None,
            haystack: None,
            tail: None,
        }
    }

    /// Gives a record these values (`None` empties a field) and logs what differs.
    pub(super) fn update(
        &mut self,
        at: usize,
        now_ms: i64,
        author: Author,
        values: Vec<(String, Option<Value>)>,
        told: Map<String, Value>,
    ) {
        let Some(record) = self.records[at].as_mut() else { return };
        if self.index_lags {
            record.superseded = Some((now_ms, Arc::clone(&record.fields)));
        }
        let fields = Arc::make_mut(&mut record.fields);
        for (name, value) in values {
            match value {
                Some(value) => fields.insert(name, value),
                None => fields.shift_remove(&name),
            };
        }
        let before = record.touched_ms();
        record.updated_ms = Some(now_ms);
        (record.tail, record.haystack) = (None, None);
        let (folder, id) = (record.folder, record.id.clone());
        let touched = &mut self.folders[folder].touched;
        touched.remove(&(before, at));
        touched.insert((now_ms, at));
        self.log(folder, &id, now_ms, author, Deed::Update(told));
    }

    /// Takes a record away and logs it.
    pub(super) fn delete(&mut self, at: usize, now_ms: i64, author: Author) {
        let Some(record) = self.records[at].take() else { return };
        let folder = &mut self.folders[record.folder];
        folder.created.remove(&(record.created_ms, at));
        folder.touched.remove(&(record.touched_ms(), at));
        self.log(record.folder, &record.id, now_ms, author, Deed::Delete);
    }

    /// Adds a row to the change stream.
    pub(super) fn log(&mut self, folder: usize, record: &str, time_ms: i64, author: Author, deed: Deed) {
        let id = self.new_id(time_ms);
        self.put_change(Change { folder, id, record: record.to_owned(), time_ms, author, deed });
    }

    /// Puts a change in place; for the log and for snapshots.
    pub(super) fn put_change(&mut self, change: Change) {
        self.folders[change.folder].changes.insert((change.time_ms, self.changes.len()));
        self.changes.push(change);
    }

    /// Puts a comment, a call log or a file in place.
    pub(super) fn put_note(&mut self, note: Note) {
        let index = &mut self.folders[note.folder].notes[note.kind as usize];
        index.insert((note.created_ms, self.notes.len()));
        self.notes.push(note);
    }

    /// Makes sure that each of these records has its JSON.
    pub(super) fn render(&mut self, positions: impl IntoIterator<Item = usize>) {
        for at in positions {
            if let Some(record) = self.records[at].as_mut()
                && record.tail.is_none()
            {
                record.tail = Some(tail_of(record));
            }
        }
    }
}

impl Change {
    /// The row as the change stream shows it; written straight to text, since whole histories are asked for.
    pub(super) fn to_json(&self) -> String {
        let mut row = format!(
            "{{\"id\":\"{}\",\"recordId\":\"{}\",\"time\":\"{}\",\"user\":{{\"personalName\":\"{}\",\
             \"emailAddress\":\"<{}>\"}},\"recordAction\":\"{}\"",
            self.id,
            self.record,
            instant(self.time_ms),
            self.author.name(),
            self.author.email(),
            self.action(),
        );
        match &self.deed {
            Deed::Create(fields) => {
                row.push_str(",\"fieldActions\":{");
                for (at, (name, value)) in fields.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    // A writing to a `String` cannot fail.
                    let _ = write!(row, "{comma}{}:{{\"add\":{value}}}", Value::from(name.as_str()));
                }
                row.push('}');
            }
            Deed::Update(told) => {
                row.push_str(",\"fieldActions\":");
                row.push_str(&serde_json::to_string(told).unwrap_or_default());
            }
            Deed::Delete => {}
        }
        row.push('}');
        row
    }

    /// `CREATE`, `UPDATE` or `DELETE`.
    pub(super) fn action(&self) -> &'static str {
        match self.deed {
            Deed::Create(_) => "CREATE",
            Deed::Update(_) => "UPDATE",
            Deed::Delete => "DELETE",
        }
    }

    /// Whether the change concerns this field.
    pub(super) fn concerns(&self, field: &str) -> bool {
        match &self.deed {
            Deed::Create(fields) => fields.contains_key(field),
            Deed::Update(told) => told.contains_key(field),
            Deed::Delete => false,
        }
    }
}

fn tail_of(record: &Record) -> String {
    let fields = serde_json::to_string(&*record.fields).unwrap_or_default();
    let mut tail = String::with_capacity(fields.len() + 160);
    tail.push_str("\"recordId\":\"");
    tail.push_str(&record.id);
    tail.push_str("\",\"createdAt\":\"");
    tail.push_str(&instant(record.created_ms));
    if let Some(updated) = record.updated_ms {
        tail.push_str("\",\"updatedAt\":\"");
        tail.push_str(&instant(updated));
    }
    tail.push_str("\",\"fields\":");
    tail.push_str(&fields);
    tail.push('}');
    tail
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::folders::at_start;
    use super::*;

    fn store() -> Store {
        let mut store = Store { ids_embed_created: true, ..Store::default() };
        at_start().into_iter().for_each(|definition| store.add_folder(definition));
        store
    }

    fn draft(name: &str, created_ms: i64) -> Draft {
        let fields = Map::from_iter([("Name".to_owned(), json!(name))]);
        Draft { folder: 0, created_ms, fields, author: Author::Own, written_ms: created_ms }
    }

    #[test]
    fn ids_are_unique_and_embed_the_seconds_if_asked_to() {
        let mut store = store();
        let first = store.new_id(1_617_371_465_852);
        let second = store.new_id(1_617_371_465_852);
        assert!(first.starts_with("60672149") && second.starts_with("60672149") && first < second);
        assert!(super::super::folders::is_id(&first));
        store.ids_embed_created = false;
        assert!(!store.new_id(1_617_371_465_852).starts_with("60672149"));
    }

    #[test]
    fn a_record_changes_places_in_the_index_of_updates_only() {
        let mut store = store();
        let at = store.create(draft("Ada", 1000));
        store.render([at]);
        assert!(!store.records[at].as_ref().unwrap().tail().contains("updatedAt"));
        let values = vec![("Name".to_owned(), None), ("Zip".to_owned(), Some(json!("00501")))];
        store.update(at, 5000, Author::Other, values, Map::new());
        store.render([at]);
        let tail = store.records[at].as_ref().unwrap().tail();
        assert!(
            tail.contains("\"updatedAt\":\"1970-01-01T00:00:05.000Z\"") && tail.contains("00501"),
            "{tail}"
        );
        assert!(!tail.contains("Name"), "{tail}");
        assert!(store.folders[0].created.contains(&(1000, at)));
        assert_eq!(store.folders[0].touched.iter().next(), Some(&(5000, at)));
        store.delete(at, 6000, Author::Own);
        assert!(store.folders[0].created.is_empty() && store.folders[0].touched.is_empty());
        let actions: Vec<&str> = store.changes.iter().map(Change::action).collect();
        assert_eq!(actions, ["CREATE", "UPDATE", "DELETE"]);
    }

    #[test]
    fn a_deleted_id_is_told_from_one_that_never_was() {
        let mut store = store();
        let at = store.create(draft("Ada", 1000));
        let id = store.records[at].as_ref().unwrap().id.clone();
        assert!(store.find(&id).is_some() && !store.was_deleted(&id));
        store.delete(at, 2000, Author::Own);
        assert!(store.find(&id).is_none() && store.was_deleted(&id));
        assert!(!store.was_deleted("60672149a1c0ffee00000001"));
    }
}
