//! The proof's ground in a real extract: ids from the service, what was read from the staging area.

use super::api::failed;
use super::proof::{Ground, Listed, Trouble};
use super::reader::{DETAILS, Order, PER_PAGE, Reader};
use crate::error::Result;
use crate::extract::staging::{IdAndTime, Staging};
use crate::http::Failure;
use crate::record::RawRecord;
use crate::record::instant;
use std::ops::Range;

/// Name of the id set of the walk under way.
const WALK: &str = "walk";
/// Unknown ids looked at in one go; a walk that finds more of them finds the rest in the next.
const MOST_UNKNOWN: usize = 1_000_000;

/// A list of contacts, or a stretch of one.
pub(super) struct List<'a> {
    pub(super) reader: &'a Reader<'a>,
    /// What the names of its staging notes and pages begin with.
    pub(super) name: &'a str,
    /// Times of creation that the list is known to hold, in Unix milliseconds.
    pub(super) holds: Range<i64>,
    pub(super) can_be_joined: bool,
}

/// Walks over the ids of a selection.
pub(super) struct Walks<'a> {
    reader: &'a Reader<'a>,
    staging: &'a mut Staging,
    /// Records created in it are old, in Unix milliseconds: from where the list begins to its first reply.
    old: Range<i64>,
    /// The end of what is old, wherever the list ends.
    before_ms: i64,
    /// Whether the totals that the service gives can be believed.
    trusted: bool,
    /// Whether edits make records join and leave the list.
    can_be_joined: bool,
    /// The order asked for; any once sorting was refused.
    order: Order,
    /// Records found deleted.
    pub(super) gone: u64,
    /// That of the list.
    name: &'a str,
    walk: u32,
}

impl<'a> List<'a> {
    /// All that `reader` lists.
    pub(super) fn whole(reader: &'a Reader<'a>, can_be_joined: bool) -> Self {
        Self { reader, name: "", holds: i64::MIN..i64::MAX, can_be_joined }
    }

    /// The name of a staging note or page of this list.
    pub(super) fn note(&self, key: &str) -> String {
        format!("{}{key}", self.name)
    }
}

impl<'a> Walks<'a> {
    /// `before_ms`: what was created before is old; everything is where the server tells no time.
    pub(super) fn new(
        list: &'a List<'a>,
        staging: &'a mut Staging,
        before_ms: Option<i64>,
        trusted: bool,
    ) -> Self {
        let before_ms = before_ms.unwrap_or(i64::MAX);
        let old = list.holds.start..list.holds.end.min(before_ms);
        Self {
            reader: list.reader,
            staging,
            old,
            before_ms,
            trusted,
            can_be_joined: list.can_be_joined,
            order: Order::Created,
            gone: 0,
            name: list.name,
            walk: 0,
        }
    }

    fn details(&self, ids: &[String]) -> Result<super::reader::Batch> {
        self.reader.details(ids).map_err(|failure| failed("cannot read contacts from Nimble by id", failure))
    }

    fn is_old(&self, record: &RawRecord) -> bool {
        let created = record.created.as_deref().and_then(instant::parse);
        // One without a time counts as old: it may have been there at the start.
        created.is_none_or(|created| created.as_millisecond() < self.before_ms)
    }

    fn may_have_left(&self, record: &RawRecord) -> bool {
        let changed = record.updated.as_deref().and_then(instant::parse);
        self.can_be_joined && changed.is_none_or(|changed| changed.as_millisecond() >= self.before_ms)
    }
}

impl Ground for Walks<'_> {
    fn ids(&mut self, page: u64) -> Result<Listed, Trouble> {
        let answer = loop {
            match self.reader.ids(page, self.order) {
                // A walk begins with the first page, so a later one is not refused for its order.
                Err(Failure::Refused { status: 400 | 409, .. }) if page == 1 && self.order != Order::Any => {
                    self.order = Order::Any;
                }
                other => break other.map_err(|failure| Trouble::of_page(page, failure))?,
            }
        };
        let listed = answer.resources.len() as u64;
        let total = answer.meta.total.unwrap_or(u64::MAX);
        let full = answer.meta.per_page.unwrap_or(u64::MAX).clamp(1, u64::from(PER_PAGE));
        let mut pages = answer.meta.pages().unwrap_or(0).max(1);
        if (!self.trusted || answer.meta.total.is_none()) && listed >= full {
            // No count to go by: a full page may have one behind it.
            pages = pages.max(page + 1);
        }
        Ok(Listed { ids: answer.resources, total, pages })
    }

    fn begin_walk(&mut self) -> Result<(), Trouble> {
        self.walk += 1;
        Ok(self.staging.set_clear(WALK)?)
    }

    fn walked(&mut self, ids: Vec<String>) -> Result<(), Trouble> {
        let ids: Vec<_> = ids.into_iter().map(|id| IdAndTime { id, created_ms: None }).collect();
        Ok(self.staging.set_add(WALK, &ids)?)
    }

    fn counts(&mut self) -> Result<(u64, u64), Trouble> {
        Ok(self.staging.set_counts(WALK)?)
    }

    fn fetch_missing(&mut self) -> Result<u64, Trouble> {
        let missing = self.staging.set_not_staged(WALK, None, MOST_UNKNOWN)?;
        let mut old = 0;
        for (index, ids) in missing.chunks(DETAILS).enumerate() {
            let batch = self.details(ids)?;
            old += batch.records.iter().filter(|record| self.is_old(record)).count() as u64;
            self.staging.page(
                &format!("{}walk-{}-{index}", self.name, self.walk),
                batch.records,
                batch.census,
            )?;
        }
        Ok(old)
    }

    fn old_seen(&mut self) -> Result<u64, Trouble> {
        let unchanged_since = self.can_be_joined.then_some(self.before_ms);
        Ok(self.staging.distinct_created(self.old.clone(), unchanged_since)?)
    }

    fn absent_are_gone(&mut self, most: usize) -> Result<bool, Trouble> {
        let absent = self.staging.created_not_in_set(WALK, self.old.clone(), most + 1)?;
        if absent.len() > most {
            return Ok(false);
        }
        let mut held = true;
        for ids in absent.chunks(DETAILS) {
            let alive = self.details(ids)?.records;
            let found = |id: &String| alive.iter().find(|record| record.id.as_ref() == Some(id));
            let gone: Vec<_> = ids.iter().filter(|id| found(id).is_none()).cloned().collect();
            held &= alive.iter().all(|record| self.may_have_left(record));
            self.gone += gone.len() as u64;
            self.staging.gone(&gone)?;
        }
        Ok(held)
    }
}
