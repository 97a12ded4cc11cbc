//! Sending what was planned, each operation once, whatever happens (design 9.2 and 9.3).
//!
//! One thread owns the journal; workers send. The intents of a group are committed before its first request
//! goes out, answers are committed with the next group's intents. A group is at most twice the concurrency.
//! What is in doubt is parked until everything else is sent and the settle time has passed; then one sweep
//! finds out what the service holds. If the process dies on any line of this file, the next life knows at
//! worst too little (an intent without an outcome is in doubt), never too much.

use super::in_doubt::{self, DoubtRow, NewRecord, Verdict};
use super::journal::{Doubtful, Journal, Outcome, Pending};
use super::keys;
use super::target::{Candidate, OperationKind, ReadMark, Sent, Target, UpdateState};
use crate::error::{Error, Result};
use crate::extract::Decode;
use crate::record::schema::FieldRef;
use crate::record::{Record, instant};
use crate::stop::Stop;
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// What an apply needs besides the journal.
pub struct Apply<'a> {
    /// Where it goes.
    pub target: &'a dyn Target,
    /// Reads the target's records.
    pub decode: &'a dyn Decode,
    /// Key alternatives of the load.
    pub keys: &'a [Vec<FieldRef>],
    /// Where the plan's read began and ended.
    pub mark: &'a ReadMark,
    /// Requests in flight at most.
    pub concurrency: usize,
    /// The wish to stop.
    pub stop: &'a Stop,
    /// The server's clock, as far as it is known.
    pub server_now: &'a (dyn Fn() -> Timestamp + Sync),
    /// Whether another run of this account created or adopted the record.
    pub made_elsewhere: &'a (dyn Fn(&str) -> Result<bool> + Sync),
    /// Whether the plan is not fresh: creates then wait for a look at what was created since it was made.
    pub look_again: bool,
    /// Asked before each create of a plan made on an unproven read: the record that already has its key.
    pub look_first: Option<&'a LookFirst<'a>>,
    /// Told how many rows have their outcome, now and then.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// Looks for a record that already has a create's key.
pub type LookFirst<'a> = dyn Fn(&Pending) -> Result<Option<String>> + Sync + 'a;

/// What came of handing an operation to a worker.
enum Came {
    Sent(Sent),
    /// A record with the create's key exists already.
    Exists(String),
}

/// How a round of sending ended.
#[derive(Debug, PartialEq, Eq)]
enum Round {
    /// Everything that can be sent was.
    AllSent,
    /// The service answers no writes; nothing more was sent.
    Breakdown,
}

/// What a round of sending keeps in its hands.
struct Hands {
    ready: VecDeque<Pending>,
    after: u64,
    exhausted: bool,
    outstanding: usize,
    answers: Vec<(Pending, Came)>,
    blocked_classes: HashSet<String>,
    blocked: Option<Error>,
    doubts_in_a_row: usize,
    last_doubt: Option<Instant>,
    concluded: u64,
}

/// How much more a lost answer weighs than a 5xx.
const LOST: usize = 4;

/// Rows fetched from the journal at a time.
const FETCH: usize = 512;

impl Apply<'_> {
    /// Sends everything that has no outcome yet and settles what is in doubt.
    ///
    /// # Errors
    /// Class `Stopped` when a stop was asked for, the service is down or the quota is spent; `Credentials`
    /// when they are refused. The journal then holds all that is known, and the run can be resumed.
    pub fn run(&self, journal: &mut Journal) -> Result<()> {
        let settle = Duration::from_millis(self.mark.settle_ms);
        journal.doubt_all_intents()?;
        if self.look_again && !self.keys.is_empty() {
            self.refuse_taken_keys(journal)?;
        }
        let mut ripe = Instant::now() + settle;
        let mut breakdowns = 0;
        loop {
            let (round, last_doubt) = self.send_all(journal)?;
            let doubts = journal.doubts()?;
            if doubts.is_empty() {
                return Ok(());
            }
            if let Some(last_doubt) = last_doubt {
                ripe = ripe.max(last_doubt + settle);
            }
            if self.stop.wait(ripe.saturating_duration_since(Instant::now())) {
                return Err(stopped());
            }
            self.sweep(journal, &doubts)?;
            breakdowns = if round == Round::Breakdown { breakdowns + 1 } else { 0 };
            if breakdowns >= 2 {
                let last = doubts.last().map(|doubtful| doubtful.answer.as_str()).unwrap_or_default();
                return Err(Error::stopped(format!(
                    "the service carries out no writes: the last answers were all lost or errors, such as: {last}"
                )));
            }
        }
    }

    /// Creates whose key a record has got since the plan was made are conflicts (design 9.4), be it by hand or by
    /// another run.
    fn refuse_taken_keys(&self, journal: &mut Journal) -> Result<()> {
        let mut taken = Vec::new();
        for candidate in self.target.created_since(self.mark)? {
            let Some(id) = candidate.record.id.clone() else { continue };
            if journal.was_read(&id)? || journal.made(&id)? {
                continue;
            }
            let record = self.decoded(&id, &candidate.record.raw)?;
            taken.extend(self.classes_of(&record).into_iter().map(|class| (class, id.clone())));
        }
        journal.transaction(|journal| {
            for (class, id) in taken {
                let why = format!("record {id} has got this key since the plan was made");
                journal.refuse_planned_creates(&class, &why)?;
            }
            Ok(())
        })
    }

    /// The keyed classes that a record belongs to.
    fn classes_of(&self, record: &Record) -> HashSet<String> {
        let keys = self.keys.iter().enumerate().flat_map(|(alternative, places)| {
            keys::of_record(record, places).into_iter().map(move |key| format!("key {alternative} {key}"))
        });
        keys.collect()
    }

    /// Weight of bad answers in a row after which nothing more is sent before a sweep. A lost answer weighs
    /// most; a 5xx may be the service's way to refuse this one record (NetHunt does it).
    fn patience(&self) -> usize {
        (self.concurrency * 3).max(12) * LOST
    }

    /// One round of sending, and when its last answer was lost, if any was.
    fn send_all(&self, journal: &mut Journal) -> Result<(Round, Option<Instant>)> {
        let blocked_classes =
            journal.doubts()?.into_iter().filter_map(|doubtful| doubtful.pending.class).collect();
        let mut hands = Hands {
            ready: VecDeque::new(),
            after: 0,
            exhausted: false,
            outstanding: 0,
            answers: Vec::new(),
            blocked_classes,
            blocked: None,
            doubts_in_a_row: 0,
            last_doubt: None,
            concluded: 0,
        };
        let round = std::thread::scope(|scope| {
            let (to_send, work) = bounded::<Pending>(self.concurrency * 2);
            let (answer, answers) = bounded::<(Pending, Came)>(self.concurrency * 4);
            for _ in 0..self.concurrency {
                let (work, answer) = (work.clone(), answer.clone());
                scope.spawn(move || self.worker(&work, &answer));
            }
            drop((work, answer));
            self.coordinate(journal, &mut hands, &to_send, &answers)
        })?;
        Ok((round, hands.last_doubt))
    }

    fn worker(&self, work: &Receiver<Pending>, answer: &Sender<(Pending, Came)>) {
        for pending in work {
            let came = self.send_one(&pending);
            if answer.send((pending, came)).is_err() {
                return;
            }
        }
    }

    fn send_one(&self, pending: &Pending) -> Came {
        if self.stop.is_requested() {
            return Came::Sent(Sent::Blocked(stopped()));
        }
        if let (OperationKind::Create, Some(look)) = (pending.operation.kind, self.look_first) {
            match look(pending) {
                Ok(Some(id)) => return Came::Exists(id),
                Ok(None) => {}
                Err(error) => return Came::Sent(Sent::Blocked(error)),
            }
        }
        Came::Sent(self.target.send(&pending.operation, pending.id.as_deref()))
    }

    fn coordinate(
        &self,
        journal: &mut Journal,
        hands: &mut Hands,
        to_send: &Sender<Pending>,
        answers: &Receiver<(Pending, Came)>,
    ) -> Result<Round> {
        loop {
            let breakdown = hands.doubts_in_a_row >= self.patience();
            let may_send = hands.blocked.is_none() && !breakdown && !self.stop.is_requested();
            if may_send && hands.outstanding <= self.concurrency {
                self.refill(journal, hands)?;
                let group = hands.take_group(self.concurrency * 2 - hands.outstanding);
                if !group.is_empty() {
                    self.commit(journal, hands, &group)?;
                    hands.outstanding += group.len();
                    for pending in group {
                        to_send.send(pending).map_err(|_| Error::stopped("the senders are gone"))?;
                    }
                    continue;
                }
            }
            if hands.outstanding == 0 {
                let followed = !hands.answers.is_empty();
                self.commit(journal, hands, &[])?;
                if followed && may_send {
                    continue;
                }
                return match hands.blocked.take() {
                    Some(error) => Err(error),
                    None if self.stop.is_requested() => Err(stopped()),
                    None if breakdown => Ok(Round::Breakdown),
                    None => Ok(Round::AllSent),
                };
            }
            let first = answers.recv().map_err(|_| Error::stopped("the senders are gone"))?;
            hands.receive(first);
            while let Ok(more) = answers.try_recv() {
                hands.receive(more);
            }
        }
    }

    fn refill(&self, journal: &Journal, hands: &mut Hands) -> Result<()> {
        while hands.ready.len() < self.concurrency * 2 && !hands.exhausted {
            let batch = journal.next(hands.after, FETCH)?;
            hands.exhausted = batch.len() < FETCH;
            if let Some(last) = batch.last() {
                hands.after = last.row;
            }
            hands.ready.extend(batch);
        }
        Ok(())
    }

    /// Commits the answers in hand and the intents of the next group, together.
    fn commit(&self, journal: &mut Journal, hands: &mut Hands, group: &[Pending]) -> Result<()> {
        let now = (self.server_now)().as_millisecond();
        let answers = std::mem::take(&mut hands.answers);
        journal.transaction(|journal| {
            for (pending, came) in answers {
                note_answer(journal, hands, pending, came)?;
            }
            group.iter().try_for_each(|pending| journal.intend(pending.row, pending.seq, now))
        })?;
        (self.progress)(hands.concluded);
        hands.concluded = 0;
        Ok(())
    }

    /// Finds out what the service holds of what is in doubt.
    pub(super) fn sweep(&self, journal: &mut Journal, doubts: &[Doubtful]) -> Result<()> {
        let (creates, updates): (Vec<_>, Vec<_>) =
            doubts.iter().partition(|doubtful| doubtful.pending.operation.kind == OperationKind::Create);
        if !creates.is_empty() && !self.target.lists() {
            leave_in_doubt(journal, &creates)?;
        } else if !creates.is_empty() {
            self.settle_creates(journal, &creates)?;
        }
        for chunk in updates.chunks(30) {
            self.settle_updates(journal, chunk)?;
        }
        Ok(())
    }

    fn settle_creates(&self, journal: &mut Journal, doubts: &[&Doubtful]) -> Result<()> {
        let sent: Vec<_> = doubts.iter().map(|doubtful| &doubtful.pending.operation).collect();
        let candidates = self.unknown_candidates(journal, self.target.created_for(self.mark, &sent)?)?;
        let also_of: HashMap<&str, &[String]> = candidates
            .iter()
            .filter_map(|candidate| Some((candidate.record.id.as_deref()?, candidate.also.as_slice())))
            .collect();
        let records = candidates.iter().map(|candidate| self.classify(candidate, doubts));
        let records: Vec<NewRecord> = records.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        let rows: Vec<DoubtRow> = doubts.iter().map(|doubtful| doubt_row(doubtful)).collect();
        let around = i64::try_from(self.mark.settle_ms).unwrap_or(i64::MAX / 2) + 5_000;
        let verdicts = in_doubt::settle(&rows, &records, around);
        let by_row: HashMap<u64, &Doubtful> =
            doubts.iter().map(|doubtful| (doubtful.pending.row, *doubtful)).collect();
        journal.transaction(|journal| {
            for (row, verdict) in verdicts {
                let Some(doubtful) = by_row.get(&row) else { continue };
                let (pending, answer) = (&doubtful.pending, &doubtful.answer);
                match verdict {
                    Verdict::Adopt(id) => {
                        let also = also_of.get(id.as_str()).copied().unwrap_or_default();
                        journal.done(pending, &id, also, true)?;
                    }
                    Verdict::Send => journal.missed(row, pending.seq)?,
                    Verdict::Failed => journal.refuse(row, pending.seq, answer)?,
                    Verdict::Stay(why) => {
                        journal.conclude(row, Outcome::InDoubt, Some(&format!("{answer}; {why}")))?;
                    }
                    Verdict::Conflict(why) => journal.conclude(row, Outcome::Conflict, Some(&why))?,
                }
            }
            Ok(())
        })
    }

    /// Candidates that were neither there when the plan was made nor made by any run, nor by others.
    fn unknown_candidates(&self, journal: &Journal, listed: Vec<Candidate>) -> Result<Vec<Candidate>> {
        let on_the_side: HashSet<String> =
            listed.iter().flat_map(|candidate| candidate.also.iter().cloned()).collect();
        let mut unknown = Vec::new();
        for candidate in listed {
            let Some(id) = candidate.record.id.clone() else { continue };
            let known = candidate.by_other
                || on_the_side.contains(&id)
                || journal.was_read(&id)?
                || journal.made(&id)?
                || (self.made_elsewhere)(&id)?;
            if !known {
                unknown.push(candidate);
            }
        }
        unknown.sort_by(|a, b| a.record.id.cmp(&b.record.id));
        unknown.dedup_by(|a, b| a.record.id == b.record.id);
        Ok(unknown)
    }

    fn classify(&self, candidate: &Candidate, doubts: &[&Doubtful]) -> Result<Option<NewRecord>> {
        let Some(id) = candidate.record.id.clone() else { return Ok(None) };
        let record = self.decoded(&id, &candidate.record.raw)?;
        let created = candidate.record.created.as_deref().and_then(instant::parse);
        let created_ms = created.map(|at| at.as_millisecond());
        let of_key = self.classes_of(&record);
        let mut found = NewRecord { id, created_ms, class: None, holds: false };
        let mut most = 0;
        for doubtful in doubts {
            let Some(class) = &doubtful.pending.class else { continue };
            let holds = self.target.holds(&doubtful.pending.operation, &record);
            let same = if class.starts_with("key ") { of_key.contains(class) } else { holds };
            // A record holds what a row with fewer fields sent, too: it is the row's that sent the most.
            let sent = self.target.content(&doubtful.pending.operation).len();
            if same && (found.class.is_none() || (holds, sent) > (found.holds, most)) {
                (found.class, found.holds, most) = (Some(class.clone()), holds, sent);
            }
        }
        Ok(Some(found))
    }

    fn settle_updates(&self, journal: &mut Journal, doubts: &[&Doubtful]) -> Result<()> {
        let ids: Vec<String> = doubts.iter().filter_map(|doubtful| doubtful.pending.id.clone()).collect();
        let mut records = HashMap::new();
        for raw in self.target.read(&ids)? {
            if let Some(id) = raw.id.clone() {
                records.insert(id.clone(), self.decoded(&id, &raw.raw)?);
            }
        }
        journal.transaction(|journal| {
            for doubtful in doubts {
                let pending = &doubtful.pending;
                let Some(id) = &pending.id else { continue };
                let state =
                    records.get(id).map(|record| self.target.update_state(&pending.operation, record));
                match state {
                    Some(UpdateState::AsMeant) => journal.done(pending, id, &[], false)?,
                    Some(UpdateState::AsBefore) if doubtful.server_error && doubtful.misses >= 1 => {
                        journal.refuse(pending.row, pending.seq, &doubtful.answer)?;
                    }
                    Some(UpdateState::AsBefore) => journal.missed(pending.row, pending.seq)?,
                    Some(UpdateState::Otherwise) => {
                        let why =
                            format!("{}; the record is now neither as before nor as meant", doubtful.answer);
                        journal.conclude(pending.row, Outcome::Conflict, Some(&why))?;
                    }
                    None => journal.refuse(pending.row, pending.seq, "the record is gone")?,
                }
            }
            Ok(())
        })
    }

    fn decoded(&self, id: &str, raw: &str) -> Result<Record> {
        let why = |why| Error::stopped(format!("record {id} of the target cannot be read: {why}"));
        self.decode.decode(raw).map_err(why)
    }
}

impl Hands {
    fn receive(&mut self, (pending, came): (Pending, Came)) {
        self.outstanding -= 1;
        match &came {
            Came::Sent(Sent::Doubt { server_error, .. }) => {
                self.doubts_in_a_row += if *server_error { 1 } else { LOST };
                self.last_doubt = Some(Instant::now());
                self.blocked_classes.extend(pending.class.clone());
            }
            Came::Sent(Sent::Done { .. } | Sent::Refused(_)) => self.doubts_in_a_row = 0,
            _ => {}
        }
        self.answers.push((pending, came));
    }

    /// The next operations whose class has no member in doubt.
    fn take_group(&mut self, most: usize) -> Vec<Pending> {
        let mut group = Vec::with_capacity(most);
        while group.len() < most {
            let Some(pending) = self.ready.pop_front() else { break };
            let waits = pending.operation.kind == OperationKind::Create
                && pending.class.as_ref().is_some_and(|class| self.blocked_classes.contains(class));
            if !waits {
                group.push(pending);
            }
        }
        group
    }
}

fn note_answer(journal: &Journal, hands: &mut Hands, mut pending: Pending, came: Came) -> Result<()> {
    let (row, seq) = (pending.row, pending.seq);
    match came {
        Came::Exists(id) => {
            journal.withdraw(row, seq)?;
            let why = format!("record {id} has this key already; the plan's read did not show it");
            journal.conclude(row, Outcome::Conflict, Some(&why))?;
            hands.concluded += 1;
        }
        Came::Sent(Sent::Done { id, also }) => {
            journal.done(&pending, &id, &also, false)?;
            pending.id = Some(id);
            match journal.following(row, seq)? {
                Some(next) => hands.ready.push_front(next),
                None => hands.concluded += 1,
            }
        }
        Came::Sent(Sent::Refused(why)) => {
            journal.refuse(row, seq, &why)?;
            hands.concluded += 1;
        }
        Came::Sent(Sent::Doubt { why, server_error }) => journal.doubt(row, seq, &why, server_error)?,
        Came::Sent(Sent::Blocked(error)) => {
            journal.withdraw(row, seq)?;
            hands.blocked.get_or_insert(error);
        }
    }
    Ok(())
}

/// Creates in doubt of a stream that cannot be listed stay so: to send them again might make them twice.
fn leave_in_doubt(journal: &mut Journal, creates: &[&Doubtful]) -> Result<()> {
    journal.transaction(|journal| {
        creates.iter().try_for_each(|doubtful| {
            let why = "the service does not list what is there: look for it by hand before it is sent again";
            let why = format!("{}; {why}", doubtful.answer);
            journal.conclude(doubtful.pending.row, Outcome::InDoubt, Some(&why))
        })
    })
}

fn doubt_row(doubtful: &Doubtful) -> DoubtRow {
    DoubtRow {
        row: doubtful.pending.row,
        class: doubtful.pending.class.clone().unwrap_or_default(),
        misses: doubtful.misses,
        server_error: doubtful.server_error,
        sent_ms: doubtful.sent_ms,
    }
}

fn stopped() -> Error {
    Error::stopped("stopped before everything was sent")
}
