//! Which rows of an answer are staged, and what they tell about a cap.
//!
//! Once something is staged, an answer only adds what is not known yet or was edited since the first reply.
//! Evidence of a cap is noted before the rows that are the evidence are staged: a run killed in between would
//! otherwise meet them as known.

use super::drain::Reply;
use super::rows::{self, Parsed, Row};
use super::stream::Stream;
use crate::error::Result;
use crate::extract::FIRST_REPLY;
use crate::extract::staging::{IdAndTime, Staging};
use crate::record::census::Census;
use crate::record::{RawRecord, instant};
use std::collections::HashSet;

/// Records created so much before the first reply are old: evidence (NetHunt facts, section 6.4).
pub(super) const OLD_MS: i64 = 2_000;
/// The second witness' set of ids.
pub(super) const WITNESS: &str = "witness";

/// What to do with the rows of a request.
#[derive(Clone, Copy, Default)]
pub(super) struct Keep {
    /// At most so many rows of the request.
    pub most: Option<u64>,
    /// The note to make when old rows turn up that had not been seen.
    pub evidence: Option<&'static str>,
    /// Whether ids go into the witness' set.
    pub witness: bool,
    /// Whether the ids are wanted.
    pub members: bool,
    /// Whether rows without an id are staged too: only by the first to show them.
    pub without_id: bool,
    /// Whether versions of known records that tell when they were changed are staged too, whenever that was.
    pub versions: bool,
    /// Whose rows they are.
    pub stream: Stream,
}

/// What the rows of a request came to.
#[derive(Default)]
pub(super) struct Seen {
    pub reply: Reply,
    pub unseen_old: u64,
    /// Rows that were not wanted.
    pub left: u64,
    /// Whether some row told when its record was last changed.
    pub tells_updates: bool,
    /// Whose rows they are.
    stream: Stream,
    /// Rows of the latest time, held back until it is known that no more of them come.
    held: Vec<Row>,
}

/// Records of one millisecond that are held back at most.
const MOST_HELD: usize = 10_000;

impl Seen {
    /// Nothing yet of a stream.
    pub(super) fn of(stream: Stream) -> Self {
        Self { stream, ..Self::default() }
    }

    /// Begins anew: an earlier body broke off.
    pub(super) fn restart(&mut self) {
        *self = Self { unseen_old: self.unseen_old, stream: self.stream, ..Self::default() };
    }

    /// Adds rows and returns those before the latest time. Records of the same millisecond come in any
    /// order, another one each time; by their ids an unchanged folder gives the same rows in the same order.
    /// `census` lacks the rows held back, and gets them when they are returned.
    fn in_order(&mut self, rows: Vec<Row>, census: &mut Census) -> Vec<RawRecord> {
        let waited = self.held.len();
        let counted = waited + rows.len() - rows::ties(&rows);
        self.held.extend(rows);
        let ties = rows::ties(&self.held);
        let settled = if ties > MOST_HELD { self.held.len() } else { self.held.len() - ties };
        let mut settled: Vec<Row> = self.held.drain(..settled).collect();
        let uncounted = |at: usize| at < waited || at >= counted;
        let records = settled.iter().enumerate().filter(|(at, _)| uncounted(*at)).map(|(_, row)| &row.record);
        census.merge(rows::census(self.stream, records));
        by_id(&mut settled);
        settled.into_iter().map(|row| row.record).collect()
    }

    /// Stages what was held back: the body has ended.
    pub(super) fn finish(&mut self, staging: &mut Staging) -> Result<()> {
        let mut rows = std::mem::take(&mut self.held);
        if rows.is_empty() {
            return Ok(());
        }
        by_id(&mut rows);
        let census = rows::census(self.stream, rows.iter().map(|row| &row.record));
        let key = format!("nethunt {}", staging.staged());
        staging.page(&key, rows.into_iter().map(|row| row.record).collect(), census)
    }
}

/// Sorts records of equal time by id, and leaves the order as it is otherwise.
fn by_id(rows: &mut [Row]) {
    for ties in rows.chunk_by_mut(|one, other| one.at_ms == other.at_ms) {
        ties.sort_by(|one, other| one.record.id.cmp(&other.record.id));
    }
}

impl Keep {
    /// Keeps what is new, and makes a note when old rows turn up that had not been seen.
    pub(super) fn evidence(note: &'static str) -> Self {
        Self { evidence: Some(note), ..Self::default() }
    }
}

/// When the first reply of the read came, by the server's clock, in Unix milliseconds.
pub(super) fn first_reply(staging: &Staging) -> Result<Option<i64>> {
    Ok(staging.note(FIRST_REPLY)?.as_deref().and_then(instant::parse).map(|at| at.as_millisecond()))
}

/// Counts the rows of a batch and stages those to keep. A census comes with the batch of a first read, where
/// all are kept.
pub(super) fn take(staging: &mut Staging, seen: &mut Seen, keep: Keep, parsed: Parsed) -> Result<()> {
    let Parsed { mut rows, objects, left, census } = parsed;
    if let Some(most) = keep.most {
        rows.truncate(usize::try_from(most.saturating_sub(seen.reply.rows)).unwrap_or(usize::MAX));
    }
    count(seen, keep, &rows, objects, left);
    let key = format!("nethunt {}", staging.staged());
    if let Some(mut census) = census {
        let records = seen.in_order(rows, &mut census);
        return staging.page(&key, records, census);
    }
    let old_before = first_reply(staging)?.map_or(i64::MIN, |at| at - OLD_MS);
    let ids: Vec<_> = rows.iter().filter_map(|row| row.record.id.clone()).collect();
    let unknown: HashSet<_> = staging.unknown(&ids)?.into_iter().collect();
    let is_unknown = |row: &Row| row.record.id.as_ref().is_some_and(|id| unknown.contains(id));
    let unseen_old =
        rows.iter().filter(|row| is_unknown(row) && row.at_ms.is_some_and(|at| at < old_before)).count();
    seen.unseen_old += unseen_old as u64;
    if let (Some(note), 1..) = (keep.evidence, unseen_old) {
        staging.set_note(note, "yes");
    }
    if keep.witness {
        let in_set = |row: &Row| Some(IdAndTime { id: row.record.id.clone()?, created_ms: row.at_ms });
        staging.set_add(WITNESS, &rows.iter().filter_map(in_set).collect::<Vec<_>>())?;
    }
    rows.retain(|row| match row.record.id {
        Some(_) => is_unknown(row) || row.updated_ms.is_some_and(|at| keep.versions || at >= old_before),
        None => keep.without_id,
    });
    if rows.is_empty() {
        return Ok(());
    }
    let records: Vec<RawRecord> = rows.into_iter().map(|row| row.record).collect();
    let census = rows::census(keep.stream, &records);
    staging.page(&key, records, census)
}

/// Counts what a reply holds, wanted or not: a drain goes by all of it.
fn count(seen: &mut Seen, keep: Keep, rows: &[Row], objects: u64, left: Vec<(Option<String>, Option<i64>)>) {
    seen.reply.rows += objects;
    seen.left += left.len() as u64;
    seen.tells_updates |= rows.iter().any(|row| row.updated_ms.is_some());
    let newest = rows.iter().map(|row| row.at_ms).chain(left.iter().map(|(_, at)| *at)).max();
    seen.reply.newest = seen.reply.newest.max(newest.flatten());
    if keep.members {
        let known = rows.iter().map(|row| (row.record.id.clone(), row.at_ms)).chain(left);
        seen.reply.members.extend(known.filter_map(|(id, at)| Some((id?, at?))));
    }
}
