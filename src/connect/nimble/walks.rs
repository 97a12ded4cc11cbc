//! The proof's ground in a real extract: ids from the service, what was read from the staging area.

use super::api::failed;
use super::proof::{Ground, Listed, Trouble};
use super::reader::{DETAILS, Order, PER_PAGE, Reader};
use crate::error::Result;
use crate::extract::staging::{IdAndTime, Staging};
use crate::http::Failure;
use crate::record::RawRecord;
use crate::record::instant;

/// Name of the id set of the walk under way.
const WALK: &str = "walk";
/// Unknown ids looked at in one go; a walk that finds more of them finds the rest in the next.
const MOST_UNKNOWN: usize = 1_000_000;

/// Walks over the ids of a selection.
pub(super) struct Walks<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) staging: &'a mut Staging,
    /// Records created before this are old, in Unix milliseconds; everything is where the server tells no time.
    pub(super) before_ms: i64,
    /// Whether the totals that the service gives can be believed.
    pub(super) trusted: bool,
    /// The order asked for; the service's own once sorting was refused.
    pub(super) order: Order,
    /// Records found deleted.
    pub(super) gone: u64,
    walk: u32,
}

impl<'a> Walks<'a> {
    pub(super) fn new(
        reader: &'a Reader<'a>,
        staging: &'a mut Staging,
        before_ms: Option<i64>,
        trusted: bool,
    ) -> Self {
        let before_ms = before_ms.unwrap_or(i64::MAX);
        Self { reader, staging, before_ms, trusted, order: Order::Created, gone: 0, walk: 0 }
    }

    fn details(&self, ids: &[String]) -> Result<super::reader::Batch> {
        self.reader.details(ids).map_err(|failure| failed("cannot read contacts from Nimble by id", failure))
    }

    fn is_old(&self, record: &RawRecord) -> bool {
        let created = record.created.as_deref().and_then(instant::parse);
        // One without a time counts as old: it may have been there at the start.
        created.is_none_or(|created| created.as_millisecond() < self.before_ms)
    }
}

impl Ground for Walks<'_> {
    fn ids(&mut self, page: u64) -> Result<Listed, Trouble> {
        let answer = loop {
            match self.reader.ids(page, self.order) {
                Err(Failure::Refused { status: 400 | 409, .. }) if self.order != Order::Any => {
                    self.order = Order::Any;
                }
                other => break other.map_err(|failure| Trouble::of_page(page, failure))?,
            }
        };
        let listed = answer.resources.len() as u64;
        let total = answer.meta.total.unwrap_or(u64::MAX);
        let mut pages = answer.meta.pages().unwrap_or(0).max(1);
        if (!self.trusted || answer.meta.total.is_none()) && listed >= u64::from(PER_PAGE) {
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
            self.staging.page(&format!("walk-{}-{index}", self.walk), batch.records, batch.census)?;
        }
        Ok(old)
    }

    fn old_seen(&mut self) -> Result<u64, Trouble> {
        Ok(self.staging.distinct_old(self.before_ms)?)
    }

    fn absent_are_gone(&mut self, most: usize) -> Result<bool, Trouble> {
        let absent = self.staging.staged_not_in_set(WALK, self.before_ms, most + 1)?;
        if absent.len() > most {
            return Ok(false);
        }
        let mut held = true;
        for ids in absent.chunks(DETAILS) {
            let alive = self.details(ids)?;
            let is_alive = |id: &&String| alive.records.iter().any(|record| record.id.as_ref() == Some(*id));
            let (alive, gone): (Vec<_>, Vec<_>) = ids.iter().partition(is_alive);
            held &= alive.is_empty();
            let gone: Vec<_> = gone.into_iter().cloned().collect();
            self.gone += gone.len() as u64;
            self.staging.gone(&gone)?;
        }
        Ok(held)
    }
}
