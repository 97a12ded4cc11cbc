//! A stream of a folder into staging: the requests behind [`Feed`], and the last look at edits and deletions.
//!
//! Every record that any request shows is kept. Once something is staged, later requests only add what is not
//! known yet or was edited since the first reply; so a body that broke off, a request that repeats the whole
//! folder and a second life of the run cost reading, but no room. Evidence of a cap is noted before the rows
//! that are the evidence are staged: a run killed in between would otherwise meet them as known.

use super::api::{Api, NoAnswer, since};
use super::drain::{Drained, Feed, Memory, Reply, Witness};
use super::increment::Last;
use super::keep::{Keep, OLD_MS, Seen, WITNESS, first_reply, take};
use super::look_up::{by_id, may_exist};
use super::proof::EPOCH;
use super::rows::{self, Parsed};
use super::select::Only;
use super::since::watermark;
use super::stream::Stream;
use super::wire::Change;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{DELETIONS, FIRST_REPLY, WATERMARK};
use crate::record::instant;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a request for an array came to.
type Asked<T> = Result<Result<T, NoAnswer>>;

/// Changes of unknown records that are remembered; more are not evidence any more.
const MOST_UNKNOWN: usize = 100_000;

const MISSED: &str = "nethunt missed";
/// The note that keeps the `Date` of the read's first reply, where it had one.
pub(super) const DATE: &str = "nethunt date";

/// What a last look at edits and deletions came to.
#[derive(Debug, Default)]
pub(super) struct CaughtUp {
    /// Records that were deleted meanwhile.
    pub(super) deleted: u64,
    /// Why nobody can tell what was edited meanwhile.
    pub(super) edits_hidden: Option<String>,
    /// Old records turned up that had not been seen, which can only be if the read was cut.
    pub(super) missed: bool,
}

/// The reading of one stream of a folder into one staging area.
pub(super) struct Reading<'a> {
    api: &'a Api,
    folder: &'a str,
    /// The folder, for people.
    called: String,
    stream: Stream,
    only: Only,
    staging: &'a mut Staging,
    /// Further parameters of requests to the stream.
    also: Vec<(&'static str, String)>,
    /// Why the last request without an answer had none.
    unanswered: String,
    /// Whether that was because the service has no such stream or refused the request, and will do so again.
    lacking: bool,
    /// Whether some answer told when its records were last changed: `new-record` may leave that out (NetHunt
    /// facts, section 4, row 6).
    tells_updates: bool,
}

impl<'a> Reading<'a> {
    /// The reading of a folder's records.
    pub(super) fn new(api: &'a Api, folder: &'a str, staging: &'a mut Staging) -> Self {
        Self::of(Stream::Records, Only::default(), api, folder, staging)
    }

    /// The reading of those rows of a folder's stream that are wanted.
    pub(super) fn of(
        stream: Stream,
        only: Only,
        api: &'a Api,
        folder: &'a str,
        staging: &'a mut Staging,
    ) -> Self {
        let (also, unanswered, called) = (Vec::new(), String::new(), folder.to_owned());
        let (lacking, tells_updates) = (false, false);
        Self { api, folder, called, stream, only, staging, also, unanswered, lacking, tells_updates }
    }

    /// Calls the folder in messages by the name in `stream`, as people write it: `nethunt:Deals/comments`.
    pub(super) fn called(mut self, stream: &str) -> Self {
        let name = stream.split_once(':').map_or(stream, |(_, name)| name);
        let child = format!("/{}", self.stream.suffix());
        self.called = name.strip_suffix(&child).unwrap_or(name).to_owned();
        self
    }

    /// Adds a parameter to the requests to the stream; it may be given several times.
    pub(super) fn ask(&mut self, name: &'static str, value: &str) {
        self.also.push((name, value.to_owned()));
    }

    /// Whether the service has no such stream.
    pub(super) fn is_lacking(&self) -> bool {
        self.lacking
    }

    /// Notes where the next read of what changed begins.
    pub(super) fn note_watermark(&mut self) -> Result<()> {
        let date = self.staging.note(DATE)?.as_deref().and_then(instant::parse);
        let newest = self.staging.newest_created()?;
        let next = watermark(date.map(|at| at.as_millisecond()), newest);
        if let Some(at) = next.and_then(|at| Timestamp::from_millisecond(at).ok()) {
            self.staging.set_note(WATERMARK, instant::print(at));
        }
        Ok(())
    }

    /// Reads the hits of a search, and returns how many of them are not wanted.
    pub(super) fn search(&mut self, query: &str, limit: u64) -> Result<u64> {
        let keep = Keep { most: Some(limit), without_id: true, ..Keep::default() };
        let limit = limit.to_string();
        match self.rows(&["searches", "find-record"], &[("query", query), ("limit", &limit)], keep)? {
            Ok(seen) => Ok(seen.left),
            Err(NoAnswer::Nothing(_)) => Ok(0),
            Err(no) => Err(self.unable(no)),
        }
    }

    /// Reads some of the rows.
    pub(super) fn sample(&mut self, limit: u64) -> Result<()> {
        let keep = Keep { most: Some(limit), without_id: true, ..Keep::default() };
        let (since, limit) = (since(EPOCH), limit.to_string());
        let query = [("since", since.as_str()), ("limit", limit.as_str())];
        match self.rows(&["triggers", self.stream.trigger()], &query, keep)? {
            Ok(_) => Ok(()),
            Err(no) => Err(self.unable(no)),
        }
    }

    /// Stages the last version of what was edited since the first reply, and takes out what was deleted, as far
    /// as the service has streams that tell.
    pub(super) fn catch_up(&mut self) -> Result<CaughtUp> {
        let Some(from) = first_reply(self.staging)? else { return Ok(CaughtUp::default()) };
        let (mut edits_hidden, mut missed) = (None, false);
        let from = from - OLD_MS;
        let (since, ever) = (since(from), since(EPOCH));
        let query = [("since", since.as_str())];
        // Where nothing told when records were last changed, this stream does, for all of them.
        let versions = !self.tells_updates;
        let updated = if versions { [("since", ever.as_str())] } else { query };
        let keep = Keep { versions, ..Keep::evidence(MISSED) };
        match self.rows(&["triggers", "updated-record"], &updated, keep)? {
            Ok(seen) => missed = seen.unseen_old > 0,
            Err(no) => edits_hidden = Some(no.optional("read what was edited meanwhile")?),
        }
        let mut last: HashMap<String, Last> = HashMap::new();
        let told = self.changes(&query, |_, changes| {
            for change in changes.into_iter().filter(|change| !change.record_id.is_empty()) {
                let at = instant::parse(&change.time).map_or(i64::MAX, |at| at.as_millisecond());
                if at >= from && matches!(change.record_action.as_str(), "CREATE" | "DELETE") {
                    last.entry(change.record_id).or_default().take(&change.record_action, at);
                }
            }
            Ok(())
        })?;
        self.staging.set_note(DELETIONS, if told.is_ok() { "yes" } else { "no" });
        if let Err(no) = told {
            no.optional("read what was deleted meanwhile")?;
        }
        let gone: Vec<_> =
            last.into_iter().filter(|(_, last)| last.deleted().is_some()).map(|(id, _)| id).collect();
        self.staging.gone(&gone)?;
        Ok(CaughtUp { deleted: gone.len() as u64, edits_hidden, missed })
    }

    /// Distinct records that are old, and all of them.
    pub(super) fn bounds(&mut self) -> Result<(u64, u64)> {
        let first_reply = first_reply(self.staging)?.unwrap_or(i64::MAX);
        Ok((self.staging.distinct_old(first_reply - OLD_MS)?, self.staging.distinct()?))
    }

    fn old_before(&self) -> Result<i64> {
        Ok(first_reply(self.staging)?.map_or(i64::MIN, |at| at - OLD_MS))
    }

    /// Reads rows and keeps what is new.
    fn rows(&mut self, path: &[&str; 2], query: &[(&str, &str)], keep: Keep) -> Asked<Seen> {
        let (api, path, stream, only) = (self.api, [path[0], path[1], self.folder], self.stream, &self.only);
        let keep = Keep { stream, ..keep };
        let asked = api.client().server_now();
        let mut seen = Seen::of(stream);
        let read = {
            let shared = std::sync::Mutex::new((&mut *self.staging, &mut seen));
            let with = || shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            // Decided anew for each attempt: a body that broke off has left rows behind.
            let first = AtomicBool::new(false);
            api.stream(
                &path,
                query,
                |date| {
                    let (staging, seen) = &mut *with();
                    // What was held back of a body that broke off was read: it is kept, and known from now on.
                    seen.finish(staging)?;
                    seen.restart();
                    let nothing_known = staging.staged() == 0;
                    first.store(keep.without_id && keep.most.is_none() && nothing_known, Ordering::Relaxed);
                    if staging.note(FIRST_REPLY)?.is_none() {
                        staging.set_note(FIRST_REPLY, instant::print(date.unwrap_or(asked)));
                        date.into_iter().for_each(|date| staging.set_note(DATE, instant::print(date)));
                    }
                    if keep.witness { staging.set_clear(WITNESS) } else { Ok(()) }
                },
                |batch| match first.load(Ordering::Relaxed) {
                    true => rows::counted(batch, stream, only),
                    false => rows::heads(batch, stream, only),
                },
                |parsed: Parsed| {
                    let (staging, seen) = &mut *with();
                    take(staging, seen, keep, parsed)
                },
            )?
        };
        match read {
            Ok(()) => seen.finish(self.staging).map(|()| Ok(seen)),
            Err(no) => Ok(Err(no)),
        }
    }

    /// Reads changes.
    fn changes(
        &mut self,
        query: &[(&str, &str)],
        mut take: impl FnMut(&mut Staging, Vec<Change>) -> Result<()> + Send,
    ) -> Asked<()> {
        let path = ["triggers", "record-change", self.folder];
        let staging = &mut *self.staging;
        self.api.stream(&path, query, |_| Ok(()), super::sweep::changes, |changes| take(staging, changes))
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
        if let Err(no) = told {
            return self.nothing_or_unable(no);
        }
        let mut candidates: Vec<String> = changed.difference(&deleted).cloned().collect();
        candidates.sort();
        candidates.truncate(look_ups);
        let mut unseen = 0;
        for id in candidates {
            if let Some(row) = by_id(self.api, self.folder, &id)? {
                let mut seen = Seen::default();
                let parsed = Parsed { rows: vec![row], objects: 1, ..Parsed::default() };
                take(self.staging, &mut seen, Keep::evidence(MISSED), parsed)?;
                unseen += seen.unseen_old;
            }
        }
        Ok(Some(unseen))
    }

    /// Reads the stream since a time.
    fn since(&mut self, from: i64, limit: Option<u64>, keep: Keep) -> Asked<Seen> {
        let keep = Keep { versions: self.stream == Stream::Updates, ..keep };
        let (from, limit) = (since(from), limit.map(|limit| limit.to_string()));
        let also = self.also.clone();
        let mut query = vec![("since", from.as_str())];
        query.extend(limit.as_deref().map(|limit| ("limit", limit)));
        query.extend(also.iter().map(|(name, value)| (*name, value.as_str())));
        self.rows(&["triggers", self.stream.trigger()], &query, keep)
    }

    /// No evidence where there is nothing to tell; `None` where the service is unable for now.
    fn nothing_or_unable(&mut self, no: NoAnswer) -> Result<Option<u64>> {
        self.note_unanswered(no);
        Ok(self.lacking.then_some(0))
    }

    fn unable(&mut self, no: NoAnswer) -> Error {
        self.note_unanswered(no);
        Feed::unable(self)
    }

    fn note_unanswered(&mut self, no: NoAnswer) {
        self.lacking = !matches!(no, NoAnswer::ForNow(_));
        self.unanswered = no.why();
    }
}

impl Feed for Reading<'_> {
    fn new_record(&mut self, from: i64, limit: Option<u64>) -> Result<Option<Reply>> {
        let keep = Keep { members: limit.is_some(), without_id: true, ..Keep::default() };
        match self.since(from, limit, keep)? {
            Ok(seen) => {
                self.tells_updates |= seen.tells_updates;
                Ok(Some(seen.reply))
            }
            Err(no) => {
                self.note_unanswered(no);
                Ok(None)
            }
        }
    }

    fn beyond(&mut self, from: i64) -> Result<Option<u64>> {
        match self.since(from, None, Keep::evidence(self.stream.notes().1))? {
            Ok(seen) => Ok(Some(seen.unseen_old)),
            Err(NoAnswer::Nothing(_)) => Ok(Some(0)),
            Err(_) => Ok(None),
        }
    }

    fn witness(&mut self, limit: u64) -> Result<Option<Witness>> {
        let limit = limit.to_string();
        let query = [("query", "created:"), ("limit", limit.as_str())];
        let keep = Keep { witness: true, versions: !self.tells_updates, ..Keep::evidence(MISSED) };
        let Ok(seen) = self.rows(&["searches", "find-record"], &query, keep)? else { return Ok(None) };
        // Where no record was ever changed, it has nothing to tell either.
        self.tells_updates = true;
        let (_, records) = self.staging.set_counts(WITNESS)?;
        Ok(Some(Witness { records, unseen_old: seen.unseen_old }))
    }

    fn missing_from_witness(&mut self, most: usize) -> Result<Vec<String>> {
        let before = self.old_before()?;
        self.staging.staged_not_in_set(WITNESS, before, most)
    }

    fn exists(&mut self, id: &str) -> Result<bool> {
        may_exist(self.api, self.folder, id)
    }

    fn history(&mut self, look_ups: usize) -> Result<Option<u64>> {
        let from = since(EPOCH);
        let keep = Keep::evidence(MISSED);
        match self.rows(&["triggers", "updated-record"], &[("since", &from)], keep)? {
            Ok(Seen { unseen_old: 1.., .. }) => return Ok(Some(1)),
            Err(no @ NoAnswer::ForNow(_)) => return self.nothing_or_unable(no),
            Ok(_) | Err(_) => {}
        }
        self.changed_unseen(look_ups)
    }

    fn distinct(&mut self) -> Result<u64> {
        self.staging.distinct()
    }

    fn memory(&self) -> Result<Memory> {
        let drained =
            self.staging.note(self.stream.notes().0)?.and_then(|text| serde_json::from_str(&text).ok());
        let noted = |note| self.staging.note(note).map(|found| found.is_some());
        Ok(Memory { drained, cut: noted(self.stream.notes().1)?, missed: noted(MISSED)? })
    }

    fn drained(&mut self, since: i64, drained: Drained) -> Result<()> {
        let text = serde_json::to_string(&(since, drained))
            .map_err(|cause| Error::stopped("cannot note how far the read came").because(cause))?;
        self.staging.set_note(self.stream.notes().0, text);
        self.staging.commit()
    }

    fn cut(&mut self) -> Result<()> {
        self.staging.set_note(self.stream.notes().1, "yes");
        self.staging.commit()
    }

    fn unable(&self) -> Error {
        let (what, folder, why) = (self.stream.plural(), &self.called, &self.unanswered);
        let told = format!("cannot read the {what} of the NetHunt folder `{folder}`: {why}");
        // Nobody waits for an answer that will be the same again.
        match self.lacking {
            true => Error::input(told),
            false => Error::stopped(told),
        }
    }
}
