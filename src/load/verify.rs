//! Reading back what was written, and comparing it with what was meant (design section 9.6).
//!
//! Records come in bulk: one answer with everything that changed since the run began where the service has such
//! a thing, else by id, many at a time and in parallel. A row is as meant when its record holds what all of its
//! operations, taken together, meant it to hold, after the service's own tidying. What is not as meant, or not
//! there, is read once more when the settle time has passed since the last write, for reads may lag behind writes;
//! only then is it called unverified, with each field that differs.
//!
//! What was judged is in the journal, so that a verification that was stopped goes on where it was. Nothing is
//! written to the service, and no more records are held than one round reads.

use super::journal::{Checked, Journal, Unchecked};
use super::target::{Difference, LastChange, Target};
use crate::error::{Error, Result};
use crate::extract::Decode;
use crate::record::{RawRecord, instant};
use crate::stop::Stop;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a verification needs besides the journal.
pub struct Verify<'a> {
    /// Where the records are.
    pub target: &'a dyn Target,
    /// Reads them.
    pub decode: &'a dyn Decode,
    /// Requests in flight at most.
    pub concurrency: usize,
    /// When the run began to read the target, by the server's clock.
    pub since: Timestamp,
    /// The settle time.
    pub settle: Duration,
    /// When the last write can have become visible, by the settle time.
    pub ripe: Instant,
    /// The wish to stop.
    pub stop: &'a Stop,
    /// Told how many rows were judged, now and then.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// Records of a stream of changes that are judged together.
const TOGETHER: usize = 500;
/// Rounds of reads that each thread has in hand.
const ROUNDS: usize = 4;
/// Rows that differ whose last change is looked into.
const EXPLAINED: usize = 30;

impl Verify<'_> {
    /// Judges every row that was written and not judged yet.
    ///
    /// # Errors
    /// Class `Stopped` when a stop was asked for or the service cannot be read; the rest is judged by the next
    /// life of the run.
    pub fn run(&self, journal: &mut Journal) -> Result<Checked> {
        journal.begin_checks()?;
        if journal.unchecked(0, 1)?.is_empty() {
            return journal.checked();
        }
        self.among_changes(journal)?;
        self.by_id(journal, false)?;
        if !journal.unchecked(0, 1)?.is_empty() {
            if self.stop.wait(self.ripe.saturating_duration_since(Instant::now())) {
                return Err(stopped());
            }
            self.by_id(journal, true)?;
        }
        journal.checked()
    }

    /// Judges what is among the records that changed since the run began. What is not as meant there waits: a
    /// newer version of the record may come.
    fn among_changes(&self, journal: &mut Journal) -> Result<()> {
        let mut batch = Vec::new();
        let shown = self.target.changed_since(self.since, &mut |raw: RawRecord| {
            let Some(row) = raw.id.as_deref().map(|id| journal.unchecked_of(id)).transpose()?.flatten()
            else {
                return Ok(());
            };
            batch.push((row, Some(raw)));
            if batch.len() >= TOGETHER {
                self.judge(journal, std::mem::take(&mut batch), false)?;
            }
            if self.stop.is_requested() { Err(stopped()) } else { Ok(()) }
        })?;
        if shown { self.judge(journal, batch, false) } else { Ok(()) }
    }

    /// Reads what is not judged yet by id; the last time, what is not as meant is noted.
    fn by_id(&self, journal: &mut Journal, last: bool) -> Result<()> {
        let at_once = self.target.reads_at_once().max(30 * self.concurrency * ROUNDS);
        let mut after = 0;
        loop {
            let rows = journal.unchecked(after, at_once)?;
            let Some(end) = rows.last() else { return Ok(()) };
            after = end.row;
            let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
            let mut found = read_all(self.target, &ids, self.concurrency, self.stop)?;
            let read = rows.into_iter().map(|row| {
                let raw = found.remove(&row.id);
                (row, raw)
            });
            self.judge(journal, read.collect(), last)?;
        }
    }

    fn judge(
        &self,
        journal: &mut Journal,
        rows: Vec<(Unchecked, Option<RawRecord>)>,
        last: bool,
    ) -> Result<()> {
        let explained = usize::try_from(journal.checked()?.unverified).unwrap_or(usize::MAX);
        let mut left = EXPLAINED.saturating_sub(explained);
        let judged = journal.transaction(|journal| {
            let mut judged = 0;
            for (row, raw) in &rows {
                let (operations, sent_ms) = journal.carried_out(row.row)?;
                let (differences, note) = match raw {
                    None => (vec![Difference::whole()], "the record is not there".to_owned()),
                    Some(raw) => match self.decode.decode(&raw.raw) {
                        Err(why) => (vec![Difference::whole()], format!("the record cannot be read: {why}")),
                        Ok(record) => (self.target.differences(&operations, &record), String::new()),
                    },
                };
                if differences.is_empty() {
                    journal.verified(row.row)?;
                } else if last {
                    let note = match raw {
                        Some(raw) if note.is_empty() && left > 0 => {
                            left -= 1;
                            self.how(raw, sent_ms)
                        }
                        _ => note,
                    };
                    journal.differs(row, &differences, &note)?;
                } else {
                    continue;
                }
                judged += 1;
            }
            Ok(judged)
        })?;
        (self.progress)(judged);
        Ok(())
    }

    /// What the service tells of how a record came to differ.
    fn how(&self, raw: &RawRecord, sent_ms: i64) -> String {
        let sent = Timestamp::from_millisecond(sent_ms).unwrap_or(self.since);
        explain(&self.target.last_change(raw, sent), sent, self.settle)
    }
}

/// A record's last change in words, where it was not the write that was sent at `sent`: by somebody else, or so
/// late that it cannot have been. Nothing where the service does not tell.
#[must_use]
pub fn explain(change: &LastChange, sent: Timestamp, settle: Duration) -> String {
    let at = change.at.as_deref().and_then(instant::parse);
    let when = at.map(|at| format!(" at {}", instant::print(at))).unwrap_or_default();
    let latest = sent.checked_add(settle).unwrap_or(sent);
    match &change.by_other {
        Some(user) => format!("changed by {user}{when}, after it was written"),
        None if at.is_some_and(|at| at > latest) => format!("changed{when}, after it was written"),
        None => String::new(),
    }
}

/// Records by id, read in parallel; those that are gone are left out.
///
/// # Errors
/// As [`Target::read`]; class `Stopped` when a stop was asked for.
pub(super) fn read_all(
    target: &dyn Target,
    ids: &[String],
    threads: usize,
    stop: &Stop,
) -> Result<HashMap<String, RawRecord>> {
    let chunks: Vec<&[String]> = ids.chunks(target.reads_at_once().max(1)).collect();
    let read = in_parallel(&chunks, threads, stop, |ids| target.read(ids))?;
    Ok(read.into_iter().flatten().filter_map(|raw| Some((raw.id.clone()?, raw))).collect())
}

/// What `work` makes of each chunk, in no order.
///
/// # Errors
/// The first error of `work`; class `Stopped` when a stop was asked for.
pub(super) fn in_parallel<T: Sync + ?Sized, R: Send>(
    chunks: &[&T],
    threads: usize,
    stop: &Stop,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done: Mutex<Result<Vec<R>>> = Mutex::new(Ok(Vec::with_capacity(chunks.len())));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(chunks.len()) {
            scope.spawn(|| {
                while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let result = if stop.is_requested() { Err(stopped()) } else { work(chunk) };
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    match (result, &mut *done) {
                        (Ok(result), Ok(done)) => done.push(result),
                        (Err(error), Ok(_)) => {
                            failed.store(true, Ordering::Relaxed);
                            *done = Err(error);
                        }
                        (_, Err(_)) => {}
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn stopped() -> Error {
    Error::stopped("stopped before everything was read back")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_change_is_told_from_the_write_itself() {
        let sent: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let settle = Duration::from_secs(15);
        let change = |at: Option<&str>, by: Option<&str>| LastChange {
            at: at.map(str::to_owned),
            by_other: by.map(str::to_owned),
        };
        let cases = [
            (change(Some("2026-11-25T10:00:01Z"), None), ""),
            (change(None, None), ""),
            (
                change(Some("2026-11-25T10:05:00+0000"), None),
                "changed at 2026-11-25T10:05:00Z, after it was written",
            ),
            (
                change(Some("2026-11-25T10:00:02Z"), Some("Bob")),
                "changed by Bob at 2026-11-25T10:00:02Z, after it was written",
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(explain(&change, sent, settle), expected);
        }
    }
}
