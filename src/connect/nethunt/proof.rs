//! The proof that a drain was not cut by a hidden cap (NetHunt facts, section 6.4, steps 1 to 4).
//!
//! Only *old* records are evidence: created more than two seconds before the first reply. A read is whole only
//! if a second witness, `find-record` for everything, is whole itself and adds no old record. The rules were
//! found by brute force; `proof_model` runs them against thousands of made-up servers, and they are changed
//! only with it.

use super::drain::{Feed, Sizes, drain};
use crate::error::Result;

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A whole witness has nothing to add.
    Whole,
    /// As many records as the user says there are.
    AsExpected,
    /// Nothing speaks against it, but there is no second count; the reason.
    Unproven(&'static str),
    /// There is evidence that something is missing; which.
    Cut(&'static str),
}

/// There are records that only their changes tell of.
pub(super) const LEFT_OUT: Verdict =
    Verdict::Cut("the folder's changes name records that its stream had left out");

/// The beginning of time, as far as NetHunt is concerned.
pub(super) const EPOCH: i64 = 0;

/// What a stream's own answers came to, before any second count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Distinct records seen.
    pub records: u64,
    /// The read was seen to be cut.
    pub cut: bool,
    /// Whether the service answered past the end.
    pub end_seen: bool,
    /// The newest time seen, in Unix milliseconds.
    pub newest: Option<i64>,
    /// Old records turned up where only a cap can have hidden them.
    pub missed: bool,
}

/// Reads everything and says how sure that is. `expected` is the count that the web application shows.
pub(super) fn read_whole(feed: &mut impl Feed, sizes: &Sizes, expected: Option<u64>) -> Result<Verdict> {
    let found = read_since(feed, sizes, EPOCH)?;
    if expected == Some(found.records) {
        return Ok(Verdict::AsExpected);
    }
    second_count(feed, sizes, found)
}

/// Reads everything since a time, in Unix milliseconds, with step 1 of the proof: the look past the end.
pub(super) fn read_since(feed: &mut impl Feed, sizes: &Sizes, from: i64) -> Result<Found> {
    let memory = feed.memory()?;
    let mut cut = memory.cut;
    let mut known_end = memory.drained;
    let mut since = known_end.map_or(from, |(since, _)| since);
    let mut end_seen = true;
    let mut latest = None;
    // An earlier life may have ended after it found more and before it went on from there.
    let mut found_before = memory.cut && known_end.is_some();
    loop {
        let drained = match known_end.take() {
            Some((_, drained)) => drained,
            None => {
                let Some(drained) = drain(feed, since, sizes)? else { return Err(feed.unable()) };
                feed.drained(since, drained)?;
                drained
            }
        };
        if !drained.whole && !cut {
            cut = true;
            feed.cut()?;
        }
        latest = latest.max(drained.newest);
        let Some(newest) = drained.newest else { break };
        match feed.beyond(newest - 1)? {
            None => end_seen = false,
            Some(0) if !std::mem::take(&mut found_before) => {}
            Some(_) => {
                cut = true;
                if newest - 1 > since {
                    since = newest - 1;
                    continue;
                }
            }
        }
        break;
    }
    let records = feed.distinct()?;
    Ok(Found { records, cut, missed: memory.missed, end_seen, newest: latest })
}

fn second_count(feed: &mut impl Feed, sizes: &Sizes, found: Found) -> Result<Verdict> {
    let asked = found.records.saturating_mul(4).saturating_add(sizes.margin);
    let witness = feed.witness(asked)?;
    if found.missed || witness.is_some_and(|witness| witness.unseen_old > 0) {
        return Ok(Verdict::Cut(
            "a search for everything found records that the folder's stream had left out",
        ));
    }
    let usable = match witness {
        None => false,
        Some(_) => !is_capped(feed, sizes)?,
    };
    let round = |count: u64| count > 0 && sizes.looks_capped(count);
    let mut history_seen = true;
    if found.cut || round(found.records) || witness.is_some_and(|witness| round(witness.records)) {
        match feed.history(sizes.look_ups)? {
            None => history_seen = false,
            Some(0) => {}
            Some(_) => return Ok(LEFT_OUT),
        }
    }
    Ok(match (usable, found.cut) {
        (true, _) if !history_seen || !found.end_seen => {
            Verdict::Unproven("the service could not answer all the questions of the proof")
        }
        (true, _) => Verdict::Whole,
        (false, true) => Verdict::Cut("the service cuts its answers, and no second count tells how much"),
        (false, false) => Verdict::Unproven("the service offers no second count of the folder's records"),
    })
}

/// Whether the witness lacks a record that exists. One that is gone by now may rightly be missing there.
fn is_capped(feed: &mut impl Feed, sizes: &Sizes) -> Result<bool> {
    let missing = feed.missing_from_witness(sizes.look_ups + 1)?;
    if missing.len() > sizes.look_ups {
        return Ok(true);
    }
    for id in &missing {
        if feed.exists(id)? {
            return Ok(true);
        }
    }
    Ok(false)
}
