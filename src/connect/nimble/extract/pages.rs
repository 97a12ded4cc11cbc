//! The data pages of a list: asked for in any order and staged in theirs, so that the same account gives the same
//! bytes. What the first reply of the run's first life said is kept with the staged pages; a resumed run goes on
//! from it.

use super::super::proof::Trouble;
use super::super::reader::{Batch, Order, PER_PAGE};
use super::super::walks::List;
use super::EDITS_SINCE;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{FIRST_REPLY, Selection};
use crate::http::Failure;
use crate::record::instant;
use crossbeam_channel::{Receiver, Sender, unbounded};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Staging note: records that the first reply counted.
pub(super) const TOTAL: &str = "nimble_total";
/// Staging note: records created before this Unix millisecond are old.
pub(super) const BEFORE: &str = "nimble_before";
/// Staging note: pages known.
const PAGES: &str = "nimble_pages";
/// Staging note: the service lists more than it counts.
const UNTRUSTED: &str = "nimble_untrusted";

/// Pages held back, for each reader, until the ones before them have come.
const WINDOW: u64 = 4;
/// Without the server's clock, edits are looked for from so long before the start by ours.
const CLOCK_SLACK_MS: i64 = 5 * 60_000;
/// Edits are looked for from so long before the start by the server's clock.
const EDIT_SLACK_MS: i64 = 2_000;

/// The data pages of a list, read in parallel and staged in order.
pub(super) struct DataPages<'a> {
    list: &'a List<'a>,
    staging: &'a mut Staging,
    per_page: u32,
    limit: u64,
    /// Lists of more records are not read.
    most: Option<u64>,
    /// Pages known so far; the one behind the last is asked for too, since a total can be trusted only if it
    /// is empty.
    pages: u64,
    /// An empty page was seen: nothing is asked for behind it.
    ended: bool,
    pub(super) trusted: bool,
    pub(super) sampled: bool,
    /// The latest change seen, in Unix milliseconds.
    pub(super) latest: Option<i64>,
}

impl<'a> DataPages<'a> {
    /// The pages of `list`, from where an earlier life left them. A list of more than `most` records is not read.
    pub(super) fn resume(
        list: &'a List<'a>,
        selection: &Selection,
        most: Option<u64>,
        staging: &'a mut Staging,
    ) -> Result<Self> {
        let pages = staging.note(&list.note(PAGES))?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let trusted = staging.note(&list.note(UNTRUSTED))?.is_none();
        let limit = selection.limit.unwrap_or(u64::MAX);
        let per_page = selection.per_page.unwrap_or(PER_PAGE).max(1);
        // A small sample needs no big page.
        let per_page = per_page.min(u32::try_from(limit).unwrap_or(u32::MAX).max(1));
        let mut this = Self {
            list,
            staging,
            per_page,
            limit,
            most,
            pages,
            ended: false,
            trusted,
            sampled: false,
            latest: None,
        };
        this.sampled = this.left()? == 0;
        Ok(this)
    }

    /// Reads what is not staged yet.
    pub(super) fn read(&mut self) -> Result<(), Trouble> {
        if self.sampled {
            return Ok(());
        }
        let (jobs, todo) = unbounded::<u64>();
        let (results, done) = unbounded();
        std::thread::scope(|scope| {
            for _ in 0..self.list.reader.api.client.pace().concurrency() {
                let (todo, results, reader) = (todo.clone(), results.clone(), self.list.reader.clone());
                let per_page = self.per_page;
                scope.spawn(move || {
                    for page in todo {
                        if results.send((page, reader.page(page, per_page, Order::Any))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(results);
            let outcome = self.collect(&jobs, &done);
            // Nobody waits for pages that were asked for in advance.
            while todo.try_recv().is_ok() {}
            drop(jobs);
            outcome
        })
    }

    fn collect(
        &mut self,
        jobs: &Sender<u64>,
        done: &Receiver<(u64, Result<Batch, Failure>)>,
    ) -> Result<(), Trouble> {
        let window = self.list.reader.api.client.pace().concurrency() as u64 * WINDOW;
        let mut held = BTreeMap::new();
        let mut next = 1;
        let mut asked = 1;
        loop {
            while !self.ended && asked <= self.pages.saturating_add(1) && asked < next + window {
                if !self.staging.is_done(&self.key(asked)) && jobs.send(asked).is_err() {
                    break;
                }
                asked += 1;
            }
            if next >= asked || self.sampled {
                return Ok(());
            }
            if !self.staging.is_done(&self.key(next)) {
                let answer = loop {
                    if let Some(answer) = held.remove(&next) {
                        break answer;
                    }
                    let Ok((page, answer)) = done.recv() else {
                        return Err(Error::stopped("the readers of Nimble's pages ended early").into());
                    };
                    held.insert(page, answer);
                };
                self.take(next, answer)?;
            }
            next += 1;
        }
    }

    /// Stages a page, or learns from it that the list has ended.
    fn take(&mut self, page: u64, answer: Result<Batch, Failure>) -> Result<(), Trouble> {
        let behind = page > self.pages.max(1);
        let mut batch = match answer {
            Ok(batch) => batch,
            // A service that refuses the page behind the last says as much as one that shows it empty.
            Err(Failure::Refused { status: 400 | 404 | 409 | 416 | 422, .. }) if behind => {
                self.ended = true;
                return Ok(());
            }
            Err(failure) => return Err(Trouble::of_page(page, failure)),
        };
        if page == 1 && self.staging.note(&self.list.note(PAGES))?.is_none() {
            if let (Some(total), Some(most)) = (batch.meta.total, self.most)
                && total > most
            {
                let page = total.div_ceil(u64::from(self.per_page));
                return Err(Trouble::Window { page, why: format!("{total} contacts are more than {most}") });
            }
            self.begin(&batch)?;
        }
        let counted = batch.meta.pages();
        let pages = counted.unwrap_or(page);
        let another = batch.meta.page.is_some_and(|shown| shown != page) && page > pages;
        if batch.records.is_empty() || another {
            self.ended = true;
            return Ok(());
        }
        if page > 1 && (page > pages || counted.is_none()) {
            // More than the service counts, if it counts at all. Its total proves nothing then.
            let ids: Vec<_> = batch.records.iter().filter_map(|record| record.id.clone()).collect();
            self.ended = self.staging.unknown(&ids)?.is_empty();
            self.trusted = false;
            self.staging.set_note(&self.list.note(UNTRUSTED), "yes");
        }
        if pages.max(page) > self.pages {
            self.pages = pages.max(page);
            self.staging.set_note(&self.list.note(PAGES), self.pages.to_string());
        }
        self.latest = self.latest.max(batch.latest);
        let left = self.left()?;
        if batch.records.len() as u64 >= left {
            batch.truncate(usize::try_from(left).unwrap_or(usize::MAX), &self.list.reader.decoder);
            self.sampled = true;
        }
        Ok(self.staging.page(&self.key(page), batch.records, batch.census)?)
    }

    /// Records that are still wanted. Where a list was begun before, some are staged twice.
    fn left(&mut self) -> Result<u64> {
        let staged = self.staging.staged();
        if staged < self.limit || self.limit == u64::MAX || self.list.name.is_empty() {
            return Ok(self.limit.saturating_sub(staged));
        }
        Ok(self.limit.saturating_sub(self.staging.distinct()?))
    }

    fn key(&self, page: u64) -> String {
        self.list.note(&format!("page-{page}"))
    }

    /// Remembers what the first reply says about the start.
    fn begin(&mut self, first: &Batch) -> Result<()> {
        let list = self.list;
        self.staging.set_note(&list.note(PAGES), "0");
        if let Some(total) = first.meta.total {
            self.staging.set_note(&list.note(TOTAL), total.to_string());
            if list.name.is_empty() {
                self.staging.expect(total);
            }
        }
        let since = match first.date {
            Some(date) => {
                if self.staging.note(FIRST_REPLY)?.is_none() {
                    self.staging.set_note(FIRST_REPLY, instant::print(date));
                }
                let before = before(date, first.took);
                self.staging.set_note(&list.note(BEFORE), before.to_string());
                before - EDIT_SLACK_MS
            }
            None => Timestamp::now().as_millisecond() - CLOCK_SLACK_MS,
        };
        if self.staging.note(EDITS_SINCE)?.is_none() {
            self.staging.set_note(EDITS_SINCE, since.to_string());
        }
        Ok(())
    }
}

/// What was created before is old. The list was made before its answer was dated, at most as long as the answer
/// took. Times of creation are whole seconds, so the second in which it was made is not before it.
pub(super) fn before(date: Timestamp, took: Duration) -> i64 {
    let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    let before = date.as_millisecond().saturating_sub(took);
    before - before.rem_euclid(1000)
}
