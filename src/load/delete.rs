//! Deleting and putting back what was planned, each record once, and none that has changed since (design sections
//! 9.2, 9.4 and 9.7).
//!
//! As in [`super::apply`], one thread owns the journal and workers send. The intents of a batch are committed
//! before it is handed out; a worker reads the batch's records again and sends the ids of those that are as
//! they were when the plan was made, in one request. A record that is gone is done: a delete is safe to repeat.
//! So what is in doubt, be it after a lost answer or a crash, is settled by reading by id: gone is done, there
//! is sent again.
//!
//! An undo also restores fields. Such a write is sent alone, and only if the record still holds what it is to take
//! the place of; in doubt, it is settled by what the record then holds.
//!
//! Not here: what is to be deleted, and keeping a copy of it (`flow::delete`).

use super::journal::{Doubtful, Journal, Outcome, Pending};
use super::target::{Change, OperationKind, Sent, Target, UpdateState};
use crate::error::{Error, Result};
use crate::extract::Decode;
use crate::record::{RawRecord, Record, instant, is_empty, to_text};
use crate::stop::Stop;
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Looks at rows that are about to be deleted, shortly before; concludes in the journal, or holds back, those whose
/// records must not go after all.
pub type LastLook<'a> = dyn Fn(&mut Journal, &[Pending]) -> Result<()> + 'a;

/// What deleting needs besides the journal.
pub struct Removal<'a> {
    /// Where the records are.
    pub target: &'a dyn Target,
    /// Reads them.
    pub decode: &'a dyn Decode,
    /// Batches in flight at most.
    pub concurrency: usize,
    /// How long a request may take to become visible after its answer was lost.
    pub settle: Duration,
    /// The wish to stop.
    pub stop: &'a Stop,
    /// The server's clock, as far as it is known.
    pub server_now: &'a (dyn Fn() -> Timestamp + Sync),
    /// Told how many rows have their outcome, now and then.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// Records read at a time.
pub const AT_ONCE: usize = 30;

/// Fields by which people recognise a record in the plan.
const SHOWN: usize = 3;

/// How long a last look holds: what nobody looked at since is looked at again before it is sent.
const FRESH: Duration = Duration::from_secs(60);

/// Rounds in which nothing but doubts came back, after which the service is taken to be down.
const FRUITLESS: usize = 2;

/// What came of a record of a batch.
enum Came {
    /// It is gone.
    Done,
    /// The service refused to delete it.
    Refused(String),
    /// Its delete was sent and may have been carried out.
    Doubt { why: String, server_error: bool },
    /// It is not as it was when the plan was made.
    Changed(String),
    /// Nothing was sent.
    Unsent,
}

/// What a worker gives back.
struct Answer {
    came: Vec<(Pending, Came)>,
    /// Why nothing more can be sent.
    blocked: Option<Error>,
}

/// A round of sending in hand.
#[derive(Default)]
struct Round {
    after: u64,
    /// The last row that was looked at, and when.
    looked: Option<(u64, Instant)>,
    in_flight: usize,
    answers: Vec<Answer>,
    blocked: Option<Error>,
    doubts_in_a_row: usize,
    doubts: usize,
    certain: usize,
}

/// What tells whether a record has changed: its time of change where the service has one, else its content.
#[must_use]
pub fn state_of(record: &RawRecord) -> Value {
    let content: String =
        Sha256::digest(record.raw.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"updated": record.updated, "content": content})
}

/// What people recognise a record by: its first fields that hold something.
#[must_use]
pub fn shown(record: &Record) -> Vec<Change> {
    let fields = record.fields.iter().filter(|field| !field.name.starts_with('_'));
    fields
        .filter_map(|field| {
            let held = field.entries.iter().filter(|entry| !is_empty(&entry.value));
            let before: Vec<String> = held.map(|entry| to_text(&entry.value)).collect();
            (!before.is_empty()).then(|| Change { field: field.name.clone(), before, after: Vec::new() })
        })
        .take(SHOWN)
        .collect()
}

impl Removal<'_> {
    /// Carries out everything that has no outcome yet.
    ///
    /// # Errors
    /// Class `Stopped` when a stop was asked for, the service is down or the quota is spent; `Credentials`
    /// when they are refused. The journal then holds all that is known, and the run can be resumed.
    pub fn run(&self, journal: &mut Journal) -> Result<()> {
        self.run_looking(journal, None)
    }

    /// The same with a last look at what is to be deleted, a few rows at a time, a minute at most before they are
    /// sent. What is sent again because its answer was lost is looked at again.
    ///
    /// # Errors
    /// As [`Removal::run`], and as `look`.
    pub fn run_looking(&self, journal: &mut Journal, look: Option<&LastLook<'_>>) -> Result<()> {
        journal.doubt_all_intents()?;
        let mut ripe = Instant::now() + self.settle;
        let mut fruitless = 0;
        loop {
            self.settle_doubts(journal, ripe)?;
            let round = self.send_all(journal, look)?;
            if round.doubts == 0 {
                match journal.open_operations()? {
                    0 => return Ok(()),
                    // A row may have a further operation.
                    _ => continue,
                }
            }
            ripe = Instant::now() + self.settle;
            fruitless = if round.certain == 0 { fruitless + 1 } else { 0 };
            if fruitless > FRUITLESS {
                let last = journal.doubts()?.pop().map(|doubtful| doubtful.answer).unwrap_or_default();
                return Err(Error::stopped(format!(
                    "the service deletes nothing: the last answer was: {last}"
                )));
            }
        }
    }

    /// Reads what is in doubt by id, once every request had its time to be carried out.
    fn settle_doubts(&self, journal: &mut Journal, ripe: Instant) -> Result<()> {
        let doubts = journal.doubts()?;
        if doubts.is_empty() {
            return Ok(());
        }
        if self.stop.wait(ripe.saturating_duration_since(Instant::now())) {
            return Err(stopped());
        }
        for chunk in doubts.chunks(AT_ONCE) {
            let ids: Vec<String> = chunk.iter().filter_map(|doubtful| doubtful.pending.id.clone()).collect();
            let there = self.read(&ids)?;
            journal.transaction(|journal| {
                chunk.iter().try_for_each(|doubtful| self.settle(journal, doubtful, &there))
            })?;
        }
        Ok(())
    }

    fn read(&self, ids: &[String]) -> Result<HashMap<String, RawRecord>> {
        let records = self.target.read(ids)?.into_iter();
        Ok(records.filter_map(|record| Some((record.id.clone()?, record))).collect())
    }

    /// So many doubts in a row, after which nothing more is sent before they are settled.
    fn patience(&self) -> usize {
        self.target.deletes_at_once().max(1) * self.concurrency * 3
    }

    fn send_all(&self, journal: &mut Journal, look: Option<&LastLook<'_>>) -> Result<Round> {
        std::thread::scope(|scope| {
            let (to_send, work) = bounded::<Vec<Pending>>(self.concurrency);
            let (answer, answers) = bounded::<Answer>(self.concurrency);
            for _ in 0..self.concurrency {
                let (work, answer): (Receiver<Vec<Pending>>, Sender<Answer>) = (work.clone(), answer.clone());
                scope.spawn(move || {
                    for batch in work {
                        if answer.send(self.carry_out(batch)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop((work, answer));
            self.coordinate(journal, look, &to_send, &answers)
        })
    }

    fn coordinate(
        &self,
        journal: &mut Journal,
        look: Option<&LastLook<'_>>,
        to_send: &Sender<Vec<Pending>>,
        answers: &Receiver<Answer>,
    ) -> Result<Round> {
        let mut round = Round::default();
        loop {
            let may_send = round.blocked.is_none()
                && round.doubts_in_a_row < self.patience()
                && !self.stop.is_requested();
            let batch = match may_send && round.in_flight < self.concurrency {
                true => self.next(journal, look, &mut round),
                false => Ok(Vec::new()),
            };
            // What is in flight is waited for all the same.
            let batch = batch.unwrap_or_else(|error| {
                round.blocked = Some(error);
                Vec::new()
            });
            self.commit(journal, &mut round, &batch)?;
            if let Some(last) = batch.last() {
                round.after = last.row;
                round.in_flight += 1;
                to_send.send(batch).map_err(|_| Error::stopped("the senders are gone"))?;
            } else if round.in_flight > 0 {
                let answer = answers.recv().map_err(|_| Error::stopped("the senders are gone"))?;
                round.in_flight -= 1;
                round.answers.push(answer);
            } else if let Some(error) = round.blocked.take() {
                return Err(error);
            } else if self.stop.is_requested() {
                return Err(stopped());
            } else {
                return Ok(round);
            }
        }
    }

    /// The next batch, of which every row that deletes had its last look.
    fn next(
        &self,
        journal: &mut Journal,
        look: Option<&LastLook<'_>>,
        round: &mut Round,
    ) -> Result<Vec<Pending>> {
        let at_once = self.target.deletes_at_once().max(1);
        loop {
            let batch = journal.next(round.after, at_once)?;
            let (Some(look), Some(last)) = (look, batch.last()) else { return Ok(batch) };
            if round.looked.is_some_and(|(until, at)| last.row <= until && at.elapsed() < FRESH) {
                return Ok(batch);
            }
            let mut rows = journal.next(round.after, self.target.reads_at_once().max(at_once))?;
            let until = rows.last().map_or(0, |pending| pending.row);
            rows.retain(|pending| pending.operation.kind == OperationKind::Delete);
            if !rows.is_empty() {
                look(journal, &rows)?;
            }
            // Counted from its end, so that a slow look is not asked for again and again.
            round.looked = Some((until, Instant::now()));
        }
    }

    /// Commits the answers in hand and the intents of the next batch, together.
    fn commit(&self, journal: &mut Journal, round: &mut Round, batch: &[Pending]) -> Result<()> {
        let answers = std::mem::take(&mut round.answers);
        if answers.is_empty() && batch.is_empty() {
            return Ok(());
        }
        let now = (self.server_now)().as_millisecond();
        let before = round.certain;
        journal.transaction(|journal| {
            for answer in answers {
                for (pending, came) in answer.came {
                    round.note(journal, &pending, came)?;
                }
                round.blocked = round.blocked.take().or(answer.blocked);
            }
            batch.iter().try_for_each(|pending| journal.intend(pending.row, pending.seq, now))
        })?;
        (self.progress)((round.certain - before) as u64);
        Ok(())
    }

    /// Reads a batch again, and deletes what is as it was.
    fn carry_out(&self, batch: Vec<Pending>) -> Answer {
        let ids: Vec<String> = batch.iter().filter_map(|pending| pending.id.clone()).collect();
        let read = if self.stop.is_requested() { Err(stopped()) } else { self.read(&ids) };
        let there = match read {
            Ok(there) => there,
            Err(error) => {
                let came = batch.into_iter().map(|pending| (pending, Came::Unsent)).collect();
                return Answer { came, blocked: Some(error) };
            }
        };
        let mut answer = Answer { came: Vec::with_capacity(batch.len()), blocked: None };
        let mut unchanged = Vec::with_capacity(batch.len());
        for pending in batch {
            let record = pending.id.as_ref().and_then(|id| there.get(id));
            match (pending.operation.kind, record) {
                (OperationKind::Delete, None) => answer.came.push((pending, Came::Done)),
                (OperationKind::Delete, Some(record)) => match change(&pending.operation.before, record) {
                    Some(why) => answer.came.push((pending, Came::Changed(why))),
                    None => unchanged.push(pending),
                },
                (_, None) => answer.came.push((pending, Came::Changed(GONE.to_owned()))),
                (_, Some(record)) => {
                    let came = self.put_back(&pending, record, &mut answer.blocked);
                    answer.came.push((pending, came));
                }
            }
        }
        if unchanged.is_empty() {
            return answer;
        }
        let ids: Vec<String> = unchanged.iter().filter_map(|pending| pending.id.clone()).collect();
        let mut sent = self.target.delete(&ids).into_iter();
        for pending in unchanged {
            let unnamed =
                || Sent::Doubt { why: "the answer does not name it".to_owned(), server_error: false };
            let came = came(sent.next().unwrap_or_else(unnamed), &mut answer.blocked);
            answer.came.push((pending, came));
        }
        answer
    }

    /// Sends what restores fields of a record, if they still hold what it is to take the place of.
    fn put_back(&self, pending: &Pending, record: &RawRecord, blocked: &mut Option<Error>) -> Came {
        if blocked.is_some() || self.stop.is_requested() {
            return Came::Unsent;
        }
        match self.stands(pending, record) {
            Some(UpdateState::AsMeant) => Came::Done,
            Some(UpdateState::AsBefore) => {
                came(self.target.send(&pending.operation, pending.id.as_deref()), blocked)
            }
            Some(UpdateState::Otherwise) | None => Came::Changed(CHANGED.to_owned()),
        }
    }

    fn stands(&self, pending: &Pending, record: &RawRecord) -> Option<UpdateState> {
        let record = self.decode.decode(&record.raw).ok()?;
        Some(self.target.update_state(&pending.operation, &record))
    }

    /// What becomes of an operation in doubt, now that it is known which records are there.
    fn settle(
        &self,
        journal: &Journal,
        doubtful: &Doubtful,
        there: &HashMap<String, RawRecord>,
    ) -> Result<()> {
        let pending = &doubtful.pending;
        let (row, seq) = (pending.row, pending.seq);
        let id = pending.id.as_deref().unwrap_or_default();
        let deletes = pending.operation.kind == OperationKind::Delete;
        let state = match there.get(id) {
            None if deletes => Some(UpdateState::AsMeant),
            None => return journal.conclude(row, Outcome::Conflict, Some(GONE)),
            Some(_) if deletes => Some(UpdateState::AsBefore),
            Some(record) => self.stands(pending, record),
        };
        match state {
            Some(UpdateState::AsMeant) => journal.done(pending, id, &[], false),
            // What two answers of 5xx have left as it was is something that the service cannot do (design 9.3).
            Some(UpdateState::AsBefore) if doubtful.server_error && doubtful.failures >= 1 => {
                journal.refuse(row, seq, &doubtful.answer)
            }
            Some(UpdateState::AsBefore) => journal.missed(row, seq),
            Some(UpdateState::Otherwise) | None => journal.conclude(row, Outcome::Conflict, Some(CHANGED)),
        }
    }
}

const GONE: &str = "the record was deleted since the plan was made";
const CHANGED: &str = "the record was changed since the plan was made";

fn came(sent: Sent, blocked: &mut Option<Error>) -> Came {
    match sent {
        Sent::Done { .. } => Came::Done,
        Sent::Refused(why) => Came::Refused(why),
        Sent::Doubt { why, server_error } => Came::Doubt { why, server_error },
        Sent::Blocked(error) => {
            blocked.get_or_insert(error);
            Came::Unsent
        }
    }
}

impl Round {
    fn note(&mut self, journal: &Journal, pending: &Pending, came: Came) -> Result<()> {
        let (row, seq) = (pending.row, pending.seq);
        let id = pending.id.as_deref().unwrap_or_default();
        match came {
            Came::Unsent => return journal.withdraw(row, seq),
            Came::Doubt { why, server_error } => {
                self.doubts += 1;
                self.doubts_in_a_row += 1;
                return journal.doubt(row, seq, &why, server_error);
            }
            Came::Done => journal.done(pending, id, &[], false)?,
            Came::Changed(why) => {
                journal.withdraw(row, seq)?;
                journal.conclude(row, Outcome::Conflict, Some(&why))?;
            }
            Came::Refused(why) => journal.refuse(row, seq, &why)?,
        }
        self.certain += 1;
        self.doubts_in_a_row = 0;
        Ok(())
    }
}

/// How `record` differs from what it was when the plan was made.
fn change(before: &Value, record: &RawRecord) -> Option<String> {
    let time = |text: Option<&str>| text.and_then(instant::parse);
    let (then, now) = (time(before["updated"].as_str()), time(record.updated.as_deref()));
    match (then, now) {
        (Some(then), Some(now)) if then != now => {
            Some(format!("the record was changed at {} since the plan was made", instant::print(now)))
        }
        (Some(_), Some(_)) => None,
        _ => (state_of(record)["content"] != before["content"]).then(|| CHANGED.to_owned()),
    }
}

fn stopped() -> Error {
    Error::stopped("stopped before everything was deleted")
}

#[cfg(test)]
mod tests;
