//! The notes of one contact, all pages of them.
//!
//! A list that fits a page is a snapshot. A longer one may shift while it is read, so its pages count as whole
//! only when every page told the same total and just as many distinct notes were seen, none twice; or when as
//! many notes from before the first page were seen as it counted. Until then the list is read again.

use super::decode::{contacts, record};
use crate::connect::nimble::api::{Api, Query, escaped};
use crate::connect::nimble::refusal::{Meaning, meaning, sentence};
use crate::connect::nimble::wire::{Meta, Page};
use crate::http::Failure;
use crate::record::census::Census;
use crate::record::{RawRecord, instant};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

/// Notes a page; the service's own default is 5.
const PER_PAGE: u32 = 100;
/// How often a list that shifts is read.
const PASSES: u32 = 5;
/// The two paths under which the eras list a contact's notes (facts, section 15 no. 10).
const PATHS: [&str; 2] = ["contact", "contacts"];
/// The path is not known yet.
const UNKNOWN: u8 = u8::MAX;

/// Lists contacts' notes.
#[derive(Debug)]
pub(super) struct NoteLists {
    api: Api,
    /// Which of [`PATHS`] the service knows.
    path: AtomicU8,
}

/// The notes of a contact.
#[derive(Default)]
pub(super) struct NotesOf {
    pub(super) records: Vec<RawRecord>,
    pub(super) census: Census,
    /// What speaks against the list being whole.
    pub(super) trouble: Option<Trouble>,
}

/// Why a contact's notes may not be all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no second count.
    Unproven(String),
    /// Something is missing, or may be.
    Missing(String),
}

struct NotePage {
    records: Vec<RawRecord>,
    census: Census,
    meta: Meta,
    /// Notes created before this are old, in Unix milliseconds.
    before_ms: Option<i64>,
}

/// What the pages of a list have shown so far.
#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    old: u64,
    first: Option<(Option<u64>, Option<i64>)>,
}

impl NoteLists {
    pub(super) fn new(api: Api) -> Self {
        Self { api, path: AtomicU8::new(UNKNOWN) }
    }

    /// The notes of a contact; none where it is gone.
    ///
    /// # Errors
    /// As reads in general.
    pub(super) fn of(&self, contact: &str) -> Result<NotesOf, Failure> {
        let mut found = NotesOf::default();
        let mut seen = Seen::default();
        for _ in 0..PASSES {
            match self.pass(contact, &mut seen, &mut found) {
                Ok(Some(trouble)) => found.trouble = Some(trouble),
                Ok(None) => {
                    found.trouble = None;
                    return Ok(found);
                }
                Err(Failure::Refused { status: 403, text }) if meaning(403, &text) == Meaning::Invalid => {
                    let why =
                        format!("the notes of contact {contact} may not be read: {}", sentence(403, &text));
                    found.trouble = Some(Trouble::Missing(why));
                    return Ok(found);
                }
                Err(failure) => return Err(failure),
            }
            if matches!(found.trouble, Some(Trouble::Unproven(_))) {
                return Ok(found);
            }
        }
        Ok(found)
    }

    /// Reads the list once from its first page to its last; says why it need not be whole.
    fn pass(&self, contact: &str, seen: &mut Seen, found: &mut NotesOf) -> Result<Option<Trouble>, Failure> {
        let (mut totals, mut listed, mut distinct) = (Vec::new(), 0, HashSet::new());
        for page in 1.. {
            let Some(notes) = self.page(contact, page)? else { return Ok(None) };
            let count = notes.records.len() as u64;
            let last = notes.records.is_empty()
                || notes.meta.pages().map_or(count < u64::from(PER_PAGE), |pages| page >= pages);
            listed += count;
            distinct.extend(notes.records.iter().filter_map(|record| record.id.clone()));
            if !totals.contains(&notes.meta.total) {
                totals.push(notes.meta.total);
            }
            seen.take(notes, found);
            if last {
                break;
            }
        }
        let counted = match totals.as_slice() {
            [None] => {
                return Ok(Some(Trouble::Unproven("Nimble does not count a contact's notes".to_owned())));
            }
            [Some(total)] => *total == distinct.len() as u64 && listed == *total,
            _ => false,
        };
        if counted || seen.all_old() {
            return Ok(None);
        }
        let why = format!("the list of contact {contact}'s notes did not add up in {PASSES} readings");
        Ok(Some(Trouble::Missing(why)))
    }

    /// A page of the list; `None` where the contact is gone.
    fn page(&self, contact: &str, page: u64) -> Result<Option<NotePage>, Failure> {
        let known = self.path.load(Ordering::Relaxed);
        let order = if known == 1 { [1, 0] } else { [0, 1] };
        for path in order {
            match self.page_at(path, contact, page) {
                Err(Failure::Refused { status: 404 | 405 | 410, .. }) if known == UNKNOWN => {}
                Err(Failure::Refused { status: 404 | 410, .. }) => return Ok(None),
                Ok(notes) => {
                    self.path.store(path, Ordering::Relaxed);
                    return Ok(Some(notes));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    fn page_at(&self, path: u8, contact: &str, page: u64) -> Result<NotePage, Failure> {
        let root = PATHS[usize::from(path)];
        let query = Query::default().with("page", page.to_string()).with("per_page", PER_PAGE.to_string());
        let asked = Instant::now();
        self.api.get(&format!("/{root}/{}/notes", escaped(contact)), &query, |answer, body| {
            let listed: Page<'_> = serde_json::from_str(body).map_err(|error| error.to_string())?;
            // The list was made before its answer was dated; times of creation are whole seconds.
            let took = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
            let before = answer.date.map(|date| date.as_millisecond().saturating_sub(took));
            let mut page = NotePage {
                records: Vec::with_capacity(listed.resources.len()),
                census: Census::default(),
                meta: listed.meta,
                before_ms: before.map(|ms| ms - ms.rem_euclid(1000)),
            };
            for raw in listed.resources {
                page.push(raw.get(), Some(contact));
            }
            Ok(page)
        })
    }
}

impl NotePage {
    fn push(&mut self, raw: &str, contact: Option<&str>) {
        let (raw, census) = note(raw, contact);
        self.records.push(raw);
        self.census.merge(census);
    }
}

/// A note as read, counted. One that does not name its contacts is given the one it was listed for.
pub(super) fn note(raw: &str, contact: Option<&str>) -> (RawRecord, Census) {
    let mut census = Census::default();
    let unread = || RawRecord { id: None, kind: None, created: None, updated: None, raw: raw.to_owned() };
    let Ok(mut note) = serde_json::from_str::<Value>(raw) else { return (unread(), census) };
    let mut text = raw.to_owned();
    if let (Some(contact), Value::Object(keys)) = (contact, &mut note)
        && contacts(keys.get("contacts")).next().is_none()
    {
        keys.insert("contacts".to_owned(), json!([{"id": contact}]));
        text = note.to_string();
    }
    // One that cannot be read is kept as it is and rejected later.
    let Some(record) = record(&note) else { return (unread(), census) };
    census.add(&record);
    let raw = RawRecord {
        id: record.id,
        kind: record.kind,
        created: record.created,
        updated: record.updated,
        raw: text,
    };
    (raw, census)
}

impl Seen {
    /// Takes a page: notes that were not seen yet, and later versions of those that were.
    fn take(&mut self, page: NotePage, found: &mut NotesOf) {
        let (_, before_ms) = *self.first.get_or_insert((page.meta.total, page.before_ms));
        for record in page.records {
            let Some(id) = record.id.clone() else {
                found.records.push(record);
                continue;
            };
            if !self.ids.insert(id) {
                if let Some(known) = found.records.iter_mut().find(|known| known.id == record.id) {
                    *known = record;
                }
                continue;
            }
            let created = record.created.as_deref().and_then(instant::parse).map(Timestamp::as_millisecond);
            self.old += u64::from(created.zip(before_ms).is_some_and(|(created, before)| created < before));
            found.records.push(record);
        }
        found.census.merge(page.census);
    }

    /// Whether everything that the first page counted has been seen: inserts can never make an old note.
    fn all_old(&self) -> bool {
        matches!(self.first, Some((Some(total), Some(_))) if self.old >= total)
    }
}
