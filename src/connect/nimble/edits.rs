//! What was edited while the data pages were read: looked for by time of change, by the server's own clock.
//!
//! Pages with the latest changes first, until one is older than the start. A service that refuses to sort, or
//! answers as if it had not been asked to, is asked for the time range instead.
//!
//! A list of several pages moves while it is read: what is edited again goes to the front, past the page where
//! it is looked for, and an earlier edit of it would be missed with it. So the list is read until it fits one
//! page, or until nothing in it is new.

use super::proof::Trouble;
use super::reader::{Batch, Order, PER_PAGE, Reader};
use super::select::Selected;
use crate::error::Result;
use crate::extract::staging::Staging;
use crate::http::Failure;
use crate::record::census::Census;
use crate::record::{RawRecord, instant};
use jiff::Timestamp;
use serde_json::json;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// How far ahead of the server's clock the end of the time range is.
const AHEAD_MS: i64 = 24 * 3_600_000;

/// How often the list of changes is read before it is said that it never held still.
const LOOKS: u32 = 8;

/// Whether edits could be looked for.
pub(super) enum Edits {
    /// They were; new versions are staged.
    Found,
    /// They cannot be; why.
    Hidden(String),
}

/// Stages every record changed since `since_ms` again. `latest` is the latest change that the data pages
/// showed: a list that begins with an older one is not sorted.
pub(super) fn read(
    selected: &Selected<'_>,
    staging: &mut Staging,
    since_ms: i64,
    latest: Option<i64>,
) -> Result<Edits> {
    match by_order(&selected.reader, staging, since_ms, latest)? {
        Some(found) => Ok(found),
        None => by_range(selected, staging, since_ms),
    }
}

/// Latest changes first; `None` where the service does not sort.
fn by_order(
    reader: &Reader<'_>,
    staging: &mut Staging,
    since_ms: i64,
    latest: Option<i64>,
) -> Result<Option<Edits>> {
    let mut looks = Looks::new(staging, since_ms);
    for _ in 0..LOOKS {
        looks.begin();
        let mut previous = i64::MAX;
        for page in 1.. {
            let batch = match reader.page(page, PER_PAGE, Order::Updated) {
                Ok(batch) => batch,
                Err(Failure::Refused { status: 400 | 409, .. }) if page == 1 => return Ok(None),
                Err(failure) => return hidden(page, failure).map(Some),
            };
            let last = batch.records.is_empty() || batch.meta.pages().is_some_and(|pages| page >= pages);
            let mut descending = page > 1 || batch.latest >= latest;
            for record in batch.records.iter().filter(|_| page == 1) {
                let changed = changed(record).unwrap_or(previous);
                descending &= changed <= previous;
                previous = changed;
            }
            if !descending {
                return Ok(None);
            }
            if !looks.take(batch)? || last {
                break;
            }
        }
        if looks.is_enough() {
            return Ok(Some(Edits::Found));
        }
    }
    Ok(Some(never_still()))
}

/// By the documented search for `updated` (facts, section 6.4), which cannot be joined with a keyword.
fn by_range(selected: &Selected<'_>, staging: &mut Staging, since_ms: i64) -> Result<Edits> {
    let time = |ms: i64| Timestamp::from_millisecond(ms).map(instant::print).unwrap_or_default();
    let end = selected.reader.api.client.server_now().as_millisecond().saturating_add(AHEAD_MS);
    let range = json!({"start_datetime": time(since_ms - since_ms.rem_euclid(1000)),
                       "end_datetime": time(end - end.rem_euclid(1000))});
    let Some(filter) = selected.filter.and(json!({"updated": {"range": range}})) else {
        return Ok(Edits::Hidden(
            "Nimble does not sort by time of change here, so edits made during the read may be missing"
                .into(),
        ));
    };
    let asked = Reader { filter: filter.parameters(), ..selected.reader.clone() };
    let mut looks = Looks::new(staging, since_ms);
    for _ in 0..LOOKS {
        looks.begin();
        for page in 1.. {
            let batch = match asked.page(page, PER_PAGE, Order::Any) {
                Ok(batch) => batch,
                Err(failure) => return hidden(page, failure),
            };
            let last = batch.records.is_empty() || batch.meta.pages().is_none_or(|pages| page >= pages);
            looks.take(batch)?;
            if last {
                break;
            }
        }
        if looks.is_enough() {
            return Ok(Edits::Found);
        }
    }
    Ok(never_still())
}

fn never_still() -> Edits {
    Edits::Hidden(
        "contacts were edited faster than they could be listed, so some of these edits may be missing".into(),
    )
}

/// A refusal leaves the edits unseen; anything else ends the work.
fn hidden(page: u64, failure: Failure) -> Result<Edits> {
    match failure {
        Failure::Refused { status: 400 | 404 | 409, .. } => Ok(Edits::Hidden(
            "Nimble refuses to list contacts by time of change, so edits made during the read may be missing"
                .into(),
        )),
        failure => match Trouble::of_page(page, failure) {
            Trouble::Window { why, .. } => Ok(Edits::Hidden(why)),
            Trouble::Error(error) => Err(error),
        },
    }
}

/// The readings of a list of changes, one after the other.
struct Looks<'a> {
    staging: &'a mut Staging,
    since_ms: i64,
    /// Fingerprints of the versions that were staged.
    versions: HashSet<u64>,
    pages: u64,
    /// Pages and new versions of the reading under way.
    pages_now: u64,
    new_now: u64,
}

impl<'a> Looks<'a> {
    fn new(staging: &'a mut Staging, since_ms: i64) -> Self {
        Self { staging, since_ms, versions: HashSet::new(), pages: 0, pages_now: 0, new_now: 0 }
    }

    fn begin(&mut self) {
        (self.pages_now, self.new_now) = (0, 0);
    }

    /// Stages what is new of a page and changed since then; says whether all of the page did.
    fn take(&mut self, batch: Batch) -> Result<bool> {
        self.pages += 1;
        self.pages_now += 1;
        let count = batch.records.len();
        let mut records = batch.records;
        records.retain(|record| changed(record).is_some_and(|changed| changed >= self.since_ms));
        let all = records.len() == count && count > 0;
        records.retain(|record| self.versions.insert(fingerprint(record)));
        self.new_now += records.len() as u64;
        if !records.is_empty() {
            // The census is of whole pages: it may only count too much, and columns do not come from counts.
            let census = Census { records: 0, ..batch.census };
            self.staging.page(&format!("edits-{}", self.pages), records, census)?;
        }
        Ok(all)
    }

    /// Whether nothing can have been missed: one page is of one moment, and what is all known has held still.
    fn is_enough(&self) -> bool {
        self.pages_now <= 1 || self.new_now == 0
    }
}

/// Tells one version of a record from another; its time of change, in whole seconds, does not.
fn fingerprint(record: &RawRecord) -> u64 {
    let mut hasher = DefaultHasher::new();
    record.raw.hash(&mut hasher);
    hasher.finish()
}

fn changed(record: &RawRecord) -> Option<i64> {
    let time = record.updated.as_deref().or(record.created.as_deref())?;
    instant::parse(time).map(Timestamp::as_millisecond)
}
