//! Links: field values that name records of a stream, turned into what the field holds (design 9.5).
//!
//! A value is a record's id at the source (found through the id map, or among the file's own rows) or a key of
//! the linked stream. One record: the field gets its id, or its name where the service links by name. A row of
//! the same file: the link is an operation of its own, sent when the records of all rows are there, so cycles and
//! self-links are fine. None: the record is made first, the row rejected or the field left blank, as the mapping
//! says. Several: the row is rejected with the candidates. Nothing is sent here.
//!
//! A record that has no id yet is stood in for by a [`placeholder`], which is no id of any service; the journal
//! puts the id in its place before anything is sent.

use super::book::Book;
use super::current::Current;
use super::keys::{self, KeyField};
use super::target::Target;
use crate::error::Result;
use crate::extract::Decode;
use crate::record::schema::FieldRef;
use crate::record::{Record, canonical, to_text};
use crate::transform::draft::{Draft, Reject, TargetField};
use serde_json::Value;

/// What becomes of a value that no record of the linked stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A record is made for it.
    Create,
    /// The row is rejected.
    Reject,
    /// The field stays as it is.
    Blank,
}

/// What the field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// The record's id.
    Id,
    /// The record's name, which the value itself is.
    ThisName,
    /// The record's name, in this field of it.
    Name(FieldRef),
}

/// A target field whose values name records.
#[derive(Debug, Clone)]
pub struct FieldLink {
    /// Its position among the target's fields.
    pub at: usize,
    /// Which of the linked streams; 0 is the target itself.
    pub stream: usize,
    /// Under which alternative of the stream's index values are looked up; none by source id alone.
    pub by: Option<usize>,
    /// The field of it that holds the key.
    pub place: Option<KeyField>,
    /// The type that records must have, which is then part of their keys.
    pub kind: Option<&'static str>,
    /// What becomes of a value that no record has.
    pub missing: Missing,
    /// What the field holds.
    pub holds: Holds,
    /// Whether the service makes the link itself, and what is missing too: values that the record holds already
    /// are not looked at, and several records of one name are the service's affair.
    pub implied: bool,
}

/// A stream that values are looked up in.
pub struct LinkedStream<'a> {
    /// As people write it.
    pub name: &'a str,
    /// The stream as the service's accounts name it, for the id map.
    pub stream: &'a str,
    /// Its records.
    pub current: &'a Current,
    /// Reads them.
    pub decode: &'a dyn Decode,
    /// Why nothing can be made in it, if so.
    pub closed: Option<&'a str>,
}

/// The records of a stream that an id of the source became in earlier runs.
pub type Earlier<'a> = dyn Fn(&str, &str) -> Result<Vec<String>> + 'a;

/// Everything that links of a plan are resolved with.
pub struct Links<'a> {
    /// Fields that link.
    pub fields: &'a [FieldLink],
    /// All fields of the target.
    pub targets: &'a [TargetField],
    /// The streams; the first is the target itself.
    pub streams: Vec<LinkedStream<'a>>,
    /// Rows of the file, and records wanted.
    pub book: &'a Book,
    /// Records that ids of the source became in earlier runs, by id and stream.
    pub earlier: &'a Earlier<'a>,
}

/// What a link came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkState {
    /// To a row of the same file.
    Row,
    /// To a record that is made for it.
    Side,
    /// To nothing: the row is rejected.
    Missing,
    /// To nothing: the field is left as it is.
    Blank,
    /// To several records: the row is rejected.
    Ambiguous,
}

impl LinkState {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Row, "row"),
        (Self::Side, "side"),
        (Self::Missing, "missing"),
        (Self::Blank, "blank"),
        (Self::Ambiguous, "ambiguous"),
    ];

    /// As the checkpoint has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// The state of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == word).map_or(Self::Missing, |(state, _)| *state)
    }
}

/// What is noted of a link that did not simply find its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkNote {
    /// The field.
    pub field: String,
    /// The value that names the record.
    pub value: String,
    /// Which of the linked streams.
    pub stream: usize,
    /// What it came to.
    pub state: LinkState,
    /// The row of the file, or the number of the record to be made.
    pub to: Option<u64>,
    /// Why there is no single record.
    pub why: Option<String>,
}

/// What a row's links came to.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// Fields, by position, that are written when the records of all rows are there.
    pub later: Vec<usize>,
    /// What is to be noted.
    pub notes: Vec<LinkNote>,
    /// Why the row cannot be written.
    pub rejects: Vec<Reject>,
}

/// Where a value leads.
enum Way {
    Record(String),
    Row(u64),
    Nowhere,
    Several(String),
}

/// The first byte of real ids is the time of their making; this one is in the next century.
const MARK: &str = "ffffff";

/// What stands in for the id of a record that is yet to be made: a row of the file with `kind` 0, a record of the
/// linked stream `kind` - 1 otherwise.
#[must_use]
pub fn placeholder(kind: usize, number: u64) -> String {
    format!("{MARK}{kind:02x}{number:016x}")
}

/// Whether a text is such a stand-in.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    text.len() == MARK.len() + 18 && text.starts_with(MARK)
}

impl Links<'_> {
    /// Puts what they link to into a draft's fields: those that a mapping links, or with `implied` those that the
    /// service does. `current` is the record that the row is for.
    ///
    /// # Errors
    /// When an index cannot be used.
    pub fn resolve(
        &self,
        draft: &mut Draft,
        implied: bool,
        current: Option<&Record>,
        resolved: &mut Resolved,
    ) -> Result<()> {
        for link in self.fields.iter().filter(|link| link.implied == implied) {
            let Some(Some(values)) = draft.values.get(link.at) else { continue };
            let mut held = Vec::with_capacity(values.len());
            for value in values.iter().filter(|value| canonical::key(value).is_some()) {
                if link.implied && self.is_held(link, value, current) {
                    held.push(value.clone());
                } else if let Some(value) = self.one(link, value, resolved)? {
                    held.push(value);
                }
            }
            let left_blank = held.is_empty() && !values.is_empty();
            draft.values[link.at] = (!left_blank).then_some(held);
        }
        resolved.later.sort_unstable();
        resolved.later.dedup();
        Ok(())
    }

    /// What the field is to hold for one value; nothing where it is left out.
    fn one(&self, link: &FieldLink, value: &Value, resolved: &mut Resolved) -> Result<Option<Value>> {
        let stream = &self.streams[link.stream];
        let note = |state, to, why| LinkNote {
            field: self.targets[link.at].place.to_string(),
            value: to_text(value),
            stream: link.stream,
            state,
            to,
            why,
        };
        let why = match self.way(link, value)? {
            Way::Record(id) => return self.held(link, value, &id),
            Way::Row(row) => {
                resolved.later.push(link.at);
                resolved.notes.push(note(LinkState::Row, Some(row), None));
                return Ok(Some(stand_in(link, value, 0, row)));
            }
            Way::Several(why) => {
                resolved.notes.push(note(LinkState::Ambiguous, None, Some(why.clone())));
                why
            }
            Way::Nowhere => {
                let why = match (link.missing, link.by, stream.closed) {
                    (Missing::Create, Some(by), None) => {
                        let key = self.key(link, value).unwrap_or_default();
                        let number = self.book.want(link.stream, by, &key, to_text(value).trim())?;
                        resolved.notes.push(note(LinkState::Side, Some(number), None));
                        return Ok(Some(stand_in(link, value, link.stream + 1, number)));
                    }
                    // The service makes it, as it always does.
                    (Missing::Create, ..) if link.implied => return Ok(Some(value.clone())),
                    (Missing::Create, _, Some(closed)) => {
                        format!("`{}` has no such record, and {closed}", stream.name)
                    }
                    _ => format!("`{}` has no such record", stream.name),
                };
                if link.missing == Missing::Blank {
                    resolved.notes.push(note(LinkState::Blank, None, Some(why)));
                    return Ok(None);
                }
                resolved.notes.push(note(LinkState::Missing, None, Some(why.clone())));
                why
            }
        };
        let field = Some(self.targets[link.at].place.to_string());
        resolved.rejects.push(Reject { field, value: Some(to_text(value)), reason: why });
        Ok(None)
    }

    fn way(&self, link: &FieldLink, value: &Value) -> Result<Way> {
        let stream = &self.streams[link.stream];
        let text = to_text(value);
        let mut known = Vec::new();
        if !link.implied {
            for id in (self.earlier)(text.trim(), stream.stream)? {
                if stream.current.by_id(&id, stream.decode)?.is_some() {
                    known.push(id);
                }
            }
        }
        if known.is_empty()
            && link.stream == 0
            && !link.implied
            && let [row] = self.book.rows(None, text.trim())?[..]
        {
            return Ok(Way::Row(row));
        }
        let mut rows = Vec::new();
        if let (true, Some(by), Some(key)) = (known.is_empty(), link.by, self.key(link, value)) {
            known = stream.current.by_keys(by, std::slice::from_ref(&key))?;
            if known.is_empty() && link.stream == 0 {
                rows = self.book.rows(Some(by), &key)?;
            }
        }
        if link.implied {
            known.truncate(1);
            rows.truncate(1);
        }
        let listed = |records: &[String]| records.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        Ok(match (&known[..], &rows[..]) {
            ([id], _) => Way::Record(id.clone()),
            ([], [row]) => Way::Row(*row),
            ([], []) => Way::Nowhere,
            ([], rows) => {
                let rows: Vec<_> = rows.iter().map(u64::to_string).collect();
                Way::Several(format!("several rows of the file could be meant: {}", listed(&rows)))
            }
            (known, _) => Way::Several(format!(
                "{} records of `{}` could be meant: {}",
                known.len(),
                stream.name,
                listed(known)
            )),
        })
    }

    /// The key that a value is in the linked stream's index.
    fn key(&self, link: &FieldLink, value: &Value) -> Option<String> {
        let key = match &link.place {
            Some(place) => place.fold(value)?,
            None => canonical::key(value)?,
        };
        Some(with_kind(key, link.kind))
    }

    /// What the field holds once it links to a record that is there.
    fn held(&self, link: &FieldLink, value: &Value, id: &str) -> Result<Option<Value>> {
        let stream = &self.streams[link.stream];
        Ok(match &link.holds {
            Holds::Id => Some(Value::from(id)),
            Holds::ThisName => Some(value.clone()),
            Holds::Name(place) => {
                let record = stream.current.by_id(id, stream.decode)?.map(|known| known.record);
                let field = record.as_ref().and_then(|record| record.field(&place.name));
                field.and_then(|field| field.entries.first()).map(|entry| entry.value.clone())
            }
        })
    }

    /// Whether the record has the value already.
    fn is_held(&self, link: &FieldLink, value: &Value, current: Option<&Record>) -> bool {
        let place = &self.targets[link.at].place;
        let field = current.and_then(|record| record.field(&place.name));
        field.is_some_and(|field| {
            field.entries.iter().any(|entry| canonical::key(&entry.value) == canonical::key(value))
        })
    }
}

/// Notes in `book` by what the file's other rows may name a row: its id at the source, and its keys.
///
/// # Errors
/// When the book cannot be written.
pub fn index_row(
    fields: &[FieldLink],
    targets: &[TargetField],
    target: &dyn Target,
    book: &Book,
    (row, draft): (u64, &Draft),
) -> Result<()> {
    if let Some(id) = &draft.source_id {
        book.add_row(None, id, row)?;
    }
    for link in fields.iter().filter(|link| link.stream == 0) {
        let (Some(by), Some(place)) = (link.by, &link.place) else { continue };
        if link.kind.is_some() && target.new_kind(targets, draft).as_deref() != link.kind {
            continue;
        }
        for key in keys::of_draft(draft, targets, std::slice::from_ref(place)) {
            book.add_row(Some(by), &with_kind(key, link.kind), row)?;
        }
    }
    Ok(())
}

fn with_kind(key: String, kind: Option<&str>) -> String {
    match kind {
        Some(kind) => keys::joined(&[&key, kind]),
        None => key,
    }
}

/// What stands in the field until there is an id; a name needs none.
fn stand_in(link: &FieldLink, value: &Value, kind: usize, number: u64) -> Value {
    match link.holds {
        Holds::Id => Value::from(placeholder(kind, number)),
        Holds::ThisName | Holds::Name(_) => value.clone(),
    }
}
