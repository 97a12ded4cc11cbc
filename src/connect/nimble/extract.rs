//! Reads every contact: data pages in parallel, the proof that they are all, and what was edited meanwhile
//! (design section 8).
//!
//! Pages are asked for in any order and staged in theirs, so that the same account gives the same bytes. What
//! the first reply of the run's first life said is kept with the staged pages; a resumed run goes on from it.

use super::api::failed;
use super::proof::{Start, Trouble, prove};
use super::reader::{Batch, Order, PER_PAGE, Reader};
use super::walks::Walks;
use super::{edits, edits::Edits};
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, FIRST_REPLY, Selection};
use crate::http::Failure;
use crate::record::instant;
use crossbeam_channel::{Receiver, Sender, unbounded};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Staging note: records that the first reply counted.
const TOTAL: &str = "nimble_total";
/// Staging note: records created before this Unix millisecond are old.
const BEFORE: &str = "nimble_before";
/// Staging note: edits since this Unix millisecond are looked for.
const EDITS_SINCE: &str = "nimble_edits_since";
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

/// Reads what `selection` asks for into `staging`.
pub(super) fn extract(
    reader: &Reader<'_>,
    selection: &Selection,
    staging: &mut Staging,
) -> Result<Completeness> {
    let mut pages = DataPages::resume(reader, selection, staging)?;
    match pages.read() {
        Ok(()) => {}
        Err(Trouble::Window(why)) => return Ok(Completeness::Incomplete(why)),
        Err(Trouble::Error(error)) => return Err(error),
    }
    let (sampled, trusted, latest) = (pages.sampled, pages.trusted, pages.latest);
    if sampled {
        let count = staging.staged();
        return Ok(Completeness::Unproven(format!("a sample of {count} contacts was asked for")));
    }
    let number = |staging: &Staging, key: &str| -> Result<Option<i64>> {
        Ok(staging.note(key)?.and_then(|text| text.parse().ok()))
    };
    let before_ms = number(staging, BEFORE)?;
    let counted = number(staging, TOTAL)?.and_then(|total| u64::try_from(total).ok());
    // Without the server's clock nobody knows which ids are old, so their number proves nothing.
    let total = counted.filter(|total| trusted && (before_ms.is_some() || *total == 0));
    let mut walks = Walks::new(reader, staging, before_ms, trusted);
    let proven = prove(&mut walks, Start { total, trusted });
    let gone = walks.gone;
    let missing = match proven {
        Ok(missing) => missing,
        Err(Trouble::Window(why)) => Some(why),
        Err(Trouble::Error(error)) => return Err(error),
    };
    let since = number(staging, EDITS_SINCE)?.unwrap_or(0);
    let edited = edits::read(reader, selection, staging, since, latest)?;
    if let Some(expected) = selection.expect {
        let read = staging.distinct()?.saturating_sub(gone);
        return Ok(if read == expected {
            Completeness::Complete
        } else {
            Completeness::Incomplete(format!("{expected} contacts were expected, {read} were read"))
        });
    }
    Ok(match (missing, edited) {
        (Some(why), _) => Completeness::Incomplete(why),
        (None, Edits::Found) => Completeness::Complete,
        (None, Edits::Hidden(why)) => Completeness::Unproven(why),
    })
}

/// The data pages of a list, read in parallel and staged in order.
struct DataPages<'a> {
    reader: &'a Reader<'a>,
    staging: &'a mut Staging,
    per_page: u32,
    limit: u64,
    /// Pages known so far; the one behind the last is asked for too, since a total can be trusted only if it
    /// is empty.
    pages: u64,
    /// An empty page was seen: nothing is asked for behind it.
    ended: bool,
    trusted: bool,
    sampled: bool,
    /// The latest change seen, in Unix milliseconds.
    latest: Option<i64>,
}

impl<'a> DataPages<'a> {
    fn resume(reader: &'a Reader<'a>, selection: &Selection, staging: &'a mut Staging) -> Result<Self> {
        let pages = staging.note(PAGES)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let trusted = staging.note(UNTRUSTED)?.is_none();
        let limit = selection.limit.unwrap_or(u64::MAX);
        let per_page = selection.per_page.unwrap_or(PER_PAGE).max(1);
        // A small sample needs no big page.
        let per_page = per_page.min(u32::try_from(limit).unwrap_or(u32::MAX).max(1));
        let sampled = staging.staged() >= limit;
        Ok(Self { reader, staging, per_page, limit, pages, ended: false, trusted, sampled, latest: None })
    }

    fn read(&mut self) -> Result<(), Trouble> {
        if self.sampled {
            return Ok(());
        }
        let (jobs, todo) = unbounded::<u64>();
        let (results, done) = unbounded();
        std::thread::scope(|scope| {
            for _ in 0..self.reader.api.client.pace().concurrency() {
                let (todo, results, reader) = (todo.clone(), results.clone(), self.reader.clone());
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
        let window = self.reader.api.client.pace().concurrency() as u64 * WINDOW;
        let mut held = BTreeMap::new();
        let mut next = 1;
        let mut asked = 1;
        loop {
            while !self.ended && asked <= self.pages + 1 && asked < next + window {
                if !self.staging.is_done(&key(asked)) && jobs.send(asked).is_err() {
                    break;
                }
                asked += 1;
            }
            if next >= asked || self.sampled {
                return Ok(());
            }
            if !self.staging.is_done(&key(next)) {
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
        if page == 1 && self.staging.note(PAGES)?.is_none() {
            self.begin(&batch);
        }
        let pages = batch.meta.pages().unwrap_or(page);
        let another = batch.meta.page.is_some_and(|shown| shown != page) && page > pages;
        if batch.records.is_empty() || another {
            self.ended = true;
            return Ok(());
        }
        if page > pages && page > 1 {
            // More than the service counts. Its total proves nothing then.
            let ids: Vec<_> = batch.records.iter().filter_map(|record| record.id.clone()).collect();
            self.ended = self.staging.unknown(&ids)?.is_empty();
            self.trusted = false;
            self.staging.set_note(UNTRUSTED, "yes");
        }
        if pages.max(page) > self.pages {
            self.pages = pages.max(page);
            self.staging.set_note(PAGES, self.pages.to_string());
        }
        self.latest = self.latest.max(batch.latest);
        let left = self.limit.saturating_sub(self.staging.staged());
        if batch.records.len() as u64 >= left {
            batch.truncate(usize::try_from(left).unwrap_or(usize::MAX), &self.reader.decoder);
            self.sampled = true;
        }
        Ok(self.staging.page(&key(page), batch.records, batch.census)?)
    }

    /// Remembers what the first reply says about the start.
    fn begin(&mut self, first: &Batch) {
        self.staging.set_note(PAGES, "0");
        if let Some(total) = first.meta.total {
            self.staging.set_note(TOTAL, total.to_string());
            self.staging.expect(total);
        }
        let since = match first.date {
            Some(date) => {
                self.staging.set_note(FIRST_REPLY, instant::print(date));
                // The list was made before its answer was dated, at most as long as the answer took. Times of
                // creation are whole seconds, so the second in which it was made is not before it.
                let took = i64::try_from(first.took.as_millis()).unwrap_or(i64::MAX);
                let before = date.as_millisecond().saturating_sub(took);
                let before = before - before.rem_euclid(1000);
                self.staging.set_note(BEFORE, before.to_string());
                before - EDIT_SLACK_MS
            }
            None => Timestamp::now().as_millisecond() - CLOCK_SLACK_MS,
        };
        self.staging.set_note(EDITS_SINCE, since.to_string());
    }
}

fn key(page: u64) -> String {
    format!("page-{page}")
}

/// What a failed read of contacts means for the command.
pub(super) fn read_failed(failure: Failure) -> Error {
    failed("cannot read contacts from Nimble", failure)
}

#[cfg(test)]
mod tests;
