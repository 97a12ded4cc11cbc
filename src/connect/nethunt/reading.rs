//! A folder's records into staging: the requests behind [`Feed`], and the last look at edits and deletions.
//!
//! Every record that any request shows is kept. Once something is staged, later requests only add what is not
//! known yet or was edited since the first reply; so a body that broke off, a request that repeats the whole
//! folder and a second life of the run cost reading, but no room. Evidence of a cap is noted before the rows
//! that are the evidence are staged: a run killed in between would otherwise meet them as known.

use super::api::{Api, Stream, since};
use super::drain::{Drained, Feed, Memory, Reply, Witness};
use super::look_up::by_id;
use super::proof::EPOCH;
use super::rows::{self, Row};
use super::wire::Change;
use crate::error::{Error, Result};
use crate::extract::FIRST_REPLY;
use crate::extract::staging::{IdAndTime, Staging};
use crate::record::instant;
use crate::record::{RawRecord, census::Census};
use std::collections::{HashMap, HashSet};

/// Records created so much before the first reply are old: evidence (NetHunt facts, section 6.4).
const OLD_MS: i64 = 2_000;
/// Changes of unknown records that are remembered; more are not evidence any more.
const MOST_UNKNOWN: usize = 100_000;

const DRAINED: &str = "nethunt drained";
const CUT: &str = "nethunt cut";
const MISSED: &str = "nethunt missed";
const WITNESS: &str = "witness";

/// The reading of one folder into one staging area.
pub(super) struct Reading<'a> {
    api: &'a Api,
    folder: &'a str,
    staging: &'a mut Staging,
    /// Why the last request had no answer, and whether another time it might.
    unanswered: (String, bool),
}

/// What to do with the rows of a request.
#[derive(Clone, Copy, Default)]
struct Keep {
    /// At most so many rows of the request.
    most: Option<u64>,
    /// The note to make when old rows turn up that had not been seen.
    evidence: Option<&'static str>,
    /// Whether ids go into the witness' set.
    witness: bool,
    /// Whether the ids are wanted.
    members: bool,
    /// Whether rows without an id are staged too: only by the first to show them.
    without_id: bool,
}

/// What the rows of a request came to.
#[derive(Default)]
struct Seen {
    reply: Reply,
    unseen_old: u64,
}

impl<'a> Reading<'a> {
    pub(super) fn new(api: &'a Api, folder: &'a str, staging: &'a mut Staging) -> Self {
        Self { api, folder, staging, unanswered: (String::new(), false) }
    }

    /// Reads the hits of a search, as the service gives them.
    pub(super) fn search(&mut self, query: &str, limit: u64) -> Result<()> {
        let keep = Keep { most: Some(limit), without_id: true, ..Keep::default() };
        let limit = limit.to_string();
        self.rows(&["searches", "find-record"], &[("query", query), ("limit", &limit)], keep).map(drop)
    }

    /// Reads some records.
    pub(super) fn sample(&mut self, limit: u64) -> Result<()> {
        let keep = Keep { most: Some(limit), without_id: true, ..Keep::default() };
        let (since, limit) = (since(EPOCH), limit.to_string());
        let query = [("since", since.as_str()), ("limit", limit.as_str())];
        match self.rows(&["triggers", "new-record"], &query, keep)? {
            Some(_) => Ok(()),
            None => Err(self.unable()),
        }
    }

    /// Stages the last version of what was edited since the first reply, and takes out what was deleted. A
    /// service that has no such streams has nothing to tell. Returns how many were deleted.
    pub(super) fn catch_up(&mut self) -> Result<u64> {
        let Some(from) = self.first_reply()? else { return Ok(0) };
        let from = since(from - OLD_MS);
        let query = [("since", from.as_str())];
        self.unanswered.1 = false;
        self.rows(&["triggers", "updated-record"], &query, Keep::default())?;
        let mut last: HashMap<String, (i64, bool)> = HashMap::new();
        self.changes(&query, |_, changes| {
            for change in changes.into_iter().filter(|change| !change.record_id.is_empty()) {
                let deleted = match change.record_action.as_str() {
                    "DELETE" => true,
                    "CREATE" => false,
                    _ => continue,
                };
                let at = instant::parse(&change.time).map_or(i64::MAX, |at| at.as_millisecond());
                let latest = last.entry(change.record_id).or_insert((i64::MIN, false));
                if at > latest.0 || (at == latest.0 && deleted) {
                    *latest = (at, deleted);
                }
            }
            Ok(())
        })?;
        if self.unanswered.1 {
            return Err(self.unable());
        }
        let gone: Vec<_> = last.into_iter().filter(|(_, (_, deleted))| *deleted).map(|(id, _)| id).collect();
        self.staging.gone(&gone)?;
        Ok(gone.len() as u64)
    }

    /// Distinct records that are old, and all of them.
    pub(super) fn bounds(&mut self) -> Result<(u64, u64)> {
        let first_reply = self.first_reply()?.unwrap_or(i64::MAX);
        Ok((self.staging.distinct_old(first_reply - OLD_MS)?, self.staging.distinct()?))
    }

    fn first_reply(&self) -> Result<Option<i64>> {
        Ok(self.staging.note(FIRST_REPLY)?.as_deref().and_then(instant::parse).map(|at| at.as_millisecond()))
    }

    fn old_before(&self) -> Result<i64> {
        Ok(self.first_reply()?.map_or(i64::MIN, |at| at - OLD_MS))
    }

    /// Reads records and keeps what is new; `None` where there is no such thing or the service is unable.
    fn rows(&mut self, path: &[&str; 2], query: &[(&str, &str)], keep: Keep) -> Result<Option<Seen>> {
        let (api, path) = (self.api, [path[0], path[1], self.folder]);
        let asked = api.client().server_now();
        let mut seen = Seen::default();
        let stream = {
            let shared = std::sync::Mutex::new((&mut *self.staging, &mut seen));
            let with = || shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let first = keep.without_id && keep.most.is_none() && with().0.staged() == 0;
            api.stream(
                &path,
                query,
                |date| {
                    let (staging, seen) = &mut *with();
                    seen.reply = Reply::default();
                    if staging.note(FIRST_REPLY)?.is_none() {
                        staging.set_note(FIRST_REPLY, instant::print(date.unwrap_or(asked)));
                    }
                    if keep.witness { staging.set_clear(WITNESS) } else { Ok(()) }
                },
                |batch| match first {
                    true => rows::counted(batch).map(|(rows, census)| (rows, Some(census))),
                    false => rows::heads(batch).map(|rows| (rows, None)),
                },
                |(rows, census)| {
                    let (staging, seen) = &mut *with();
                    take(staging, seen, keep, rows, census)
                },
            )?
        };
        match stream {
            Stream::Read => Ok(Some(seen)),
            Stream::None(why) => self.unanswered(why, false),
            Stream::GaveUp(why) => self.unanswered(why, true),
        }
    }

    /// Reads changes; `None` as for rows.
    fn changes(
        &mut self,
        query: &[(&str, &str)],
        mut take: impl FnMut(&mut Staging, Vec<Change>) -> Result<()> + Send,
    ) -> Result<Option<()>> {
        let path = ["triggers", "record-change", self.folder];
        let staging = &mut *self.staging;
        let read = self.api.stream(
            &path,
            query,
            |_| Ok(()),
            super::sweep::changes,
            |changes| take(staging, changes),
        )?;
        match read {
            Stream::Read => Ok(Some(())),
            Stream::None(why) => self.unanswered(why, false),
            Stream::GaveUp(why) => self.unanswered(why, true),
        }
    }

    /// Old records among those whose changes were told though nobody showed them.
    fn changed_unseen(&mut self, look_ups: usize) -> Result<Option<u64>> {
        let from = since(EPOCH);
        let (mut changed, mut deleted) = (HashSet::new(), HashSet::new());
        let told = self.changes(&[("since", &from)], |staging, changes| {
            let ids: Vec<_> = changes.iter().map(|change| change.record_id.clone()).collect();
            let unknown: HashSet<_> = staging.unknown(&ids)?.into_iter().collect();
            for change in changes.into_iter().filter(|change| unknown.contains(&change.record_id)) {
                let set = if change.record_action == "DELETE" { &mut deleted } else { &mut changed };
                if set.len() < MOST_UNKNOWN {
                    set.insert(change.record_id);
                }
            }
            Ok(())
        })?;
        if told.is_none() {
            return Ok((!self.unanswered.1).then_some(0));
        }
        let mut candidates: Vec<String> = changed.difference(&deleted).cloned().collect();
        candidates.sort();
        candidates.truncate(look_ups);
        let mut unseen = 0;
        for id in candidates {
            if let Some(row) = by_id(self.api, self.folder, &id)? {
                let mut seen = Seen::default();
                take(self.staging, &mut seen, evidence(MISSED), vec![row], None)?;
                unseen += seen.unseen_old;
            }
        }
        Ok(Some(unseen))
    }

    fn unanswered<T>(&mut self, why: String, for_now: bool) -> Result<Option<T>> {
        self.unanswered = (why, for_now);
        Ok(None)
    }
}

impl Feed for Reading<'_> {
    fn new_record(&mut self, from: i64, limit: Option<u64>) -> Result<Option<Reply>> {
        let keep = Keep { members: limit.is_some(), without_id: true, ..Keep::default() };
        let (from, limit) = (since(from), limit.map(|limit| limit.to_string()));
        let mut query = vec![("since", from.as_str())];
        query.extend(limit.as_deref().map(|limit| ("limit", limit)));
        self.unanswered.1 = false;
        Ok(self.rows(&["triggers", "new-record"], &query, keep)?.map(|seen| seen.reply))
    }

    fn beyond(&mut self, from: i64) -> Result<Option<u64>> {
        let from = since(from);
        let seen = self.rows(&["triggers", "new-record"], &[("since", &from)], evidence(CUT))?;
        Ok(seen.map(|seen| seen.unseen_old))
    }

    fn witness(&mut self, limit: u64) -> Result<Option<Witness>> {
        let limit = limit.to_string();
        let query = [("query", "created:"), ("limit", limit.as_str())];
        let keep = Keep { witness: true, ..evidence(MISSED) };
        let Some(seen) = self.rows(&["searches", "find-record"], &query, keep)? else { return Ok(None) };
        let (_, records) = self.staging.set_counts(WITNESS)?;
        Ok(Some(Witness { records, unseen_old: seen.unseen_old }))
    }

    fn missing_from_witness(&mut self, most: usize) -> Result<Vec<String>> {
        let before = self.old_before()?;
        self.staging.staged_not_in_set(WITNESS, before, most)
    }

    fn exists(&mut self, id: &str) -> Result<bool> {
        Ok(by_id(self.api, self.folder, id)?.is_some())
    }

    fn history(&mut self, look_ups: usize) -> Result<Option<u64>> {
        self.unanswered.1 = false;
        let from = since(EPOCH);
        let updated = self.rows(&["triggers", "updated-record"], &[("since", &from)], evidence(MISSED))?;
        if self.unanswered.1 {
            return Ok(None);
        }
        let updated = updated.map_or(0, |seen| seen.unseen_old);
        if updated > 0 {
            return Ok(Some(updated));
        }
        self.changed_unseen(look_ups)
    }

    fn distinct(&mut self) -> Result<u64> {
        self.staging.distinct()
    }

    fn memory(&self) -> Result<Memory> {
        let drained = self.staging.note(DRAINED)?.and_then(|text| serde_json::from_str(&text).ok());
        let noted = |note| self.staging.note(note).map(|found| found.is_some());
        Ok(Memory { drained, cut: noted(CUT)?, missed: noted(MISSED)? })
    }

    fn drained(&mut self, since: i64, drained: Drained) -> Result<()> {
        let text = serde_json::to_string(&(since, drained))
            .map_err(|cause| Error::stopped("cannot note how far the read came").because(cause))?;
        self.staging.set_note(DRAINED, text);
        self.staging.commit()
    }

    fn cut(&mut self) -> Result<()> {
        self.staging.set_note(CUT, "yes");
        self.staging.commit()
    }

    fn unable(&self) -> Error {
        let (folder, why) = (self.folder, &self.unanswered.0);
        Error::stopped(format!("cannot read the records of the NetHunt folder `{folder}`: {why}"))
    }
}

fn evidence(note: &'static str) -> Keep {
    Keep { evidence: Some(note), ..Keep::default() }
}

/// Counts the rows of a batch and stages those to keep. `census` comes with the batch of a first read, where
/// all are kept.
fn take(
    staging: &mut Staging,
    seen: &mut Seen,
    keep: Keep,
    mut rows: Vec<Row>,
    census: Option<Census>,
) -> Result<()> {
    if let Some(most) = keep.most {
        rows.truncate(usize::try_from(most.saturating_sub(seen.reply.rows)).unwrap_or(usize::MAX));
    }
    seen.reply.rows += rows.len() as u64;
    for row in &rows {
        seen.reply.newest = seen.reply.newest.max(row.created_ms);
        if let (true, Some(id), Some(at)) = (keep.members, &row.record.id, row.created_ms) {
            seen.reply.members.insert(id.clone(), at);
        }
    }
    let key = format!("nethunt {}", staging.staged());
    if let Some(census) = census {
        return staging.page(&key, rows.into_iter().map(|row| row.record).collect(), census);
    }
    let first_reply = staging
        .note(FIRST_REPLY)?
        .as_deref()
        .and_then(instant::parse)
        .map_or(i64::MAX, |at| at.as_millisecond());
    let old_before = first_reply - OLD_MS;
    let ids: Vec<_> = rows.iter().filter_map(|row| row.record.id.clone()).collect();
    let unknown: HashSet<_> = staging.unknown(&ids)?.into_iter().collect();
    let is_unknown = |row: &Row| row.record.id.as_ref().is_some_and(|id| unknown.contains(id));
    let unseen_old =
        rows.iter().filter(|row| is_unknown(row) && row.created_ms.is_some_and(|at| at < old_before)).count();
    seen.unseen_old += unseen_old as u64;
    if let (Some(note), 1..) = (keep.evidence, unseen_old) {
        staging.set_note(note, "yes");
    }
    if keep.witness {
        let in_set = |row: &Row| Some(IdAndTime { id: row.record.id.clone()?, created_ms: row.created_ms });
        staging.set_add(WITNESS, &rows.iter().filter_map(in_set).collect::<Vec<_>>())?;
    }
    rows.retain(|row| match row.record.id {
        Some(_) => is_unknown(row) || row.updated_ms.is_some_and(|at| at >= old_before),
        None => keep.without_id,
    });
    if rows.is_empty() {
        return Ok(());
    }
    let records: Vec<RawRecord> = rows.into_iter().map(|row| row.record).collect();
    let census = rows::census(&records);
    staging.page(&key, records, census)
}
