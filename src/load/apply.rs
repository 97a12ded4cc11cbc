//! Sending what was planned, each operation once, whatever happens (design 9.2 and 9.3).
//!
//! One thread owns the journal; workers send. The intents of a group are committed before its first request
//! goes out, answers are committed with the next group's intents. A group is at most twice the concurrency.
//! What is in doubt is parked until everything else is sent and the settle time has passed; then one sweep
//! finds out what the service holds. A record is looked at again just before it is changed ([`super::look`]),
//! and creates that are no longer fresh are compared with what was created since. If the process dies on any line
//! of this file, the next life knows at worst too little (an intent without an outcome is in doubt), never too much.

mod sending;
mod sweep;

use super::journal::{Journal, Pending};
use super::keys::{self, KeyField};
use super::limit::FailureLimit;
use super::marker::Marker;
use super::target::{Candidate, OperationKind, ReadMark, Target};
use crate::error::{Error, Result};
use crate::extract::Decode;
use crate::record::Record;
use crate::stop::Stop;
use jiff::Timestamp;
use sending::Round;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Unsent creates that are regarded at a time when it is looked whether their keys are taken.
const AT_ONCE: usize = 1_000;

/// What an apply needs besides the journal.
pub struct Apply<'a> {
    /// Where it goes.
    pub target: &'a dyn Target,
    /// Reads the target's records.
    pub decode: &'a dyn Decode,
    /// Key alternatives of the load.
    pub keys: &'a [Vec<KeyField>],
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
    /// Until when the plan is fresh: creates sent later wait for a look at what was created since it was made.
    pub fresh_until: Instant,
    /// How long one request takes at the allowed pace; nothing without a limit.
    pub every: Duration,
    /// How created records are marked, if they are.
    pub marker: Option<&'a Marker>,
    /// How many rows may fail.
    pub failures: &'a FailureLimit,
    /// Rows after this one are left for later.
    pub until_row: u64,
    /// Asked before each create of a plan made on an unproven read: the record that already has one of its keys.
    pub look_first: Option<&'a LookFirst<'a>>,
    /// Called when a sweep lets creates go again: what others have made meanwhile without a key to tell it by.
    pub sent_again: Option<&'a SentAgain<'a>>,
    /// Told how many rows have their outcome, now and then.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// Gives creates that must not be sent again their outcome.
pub type SentAgain<'a> = dyn Fn(&mut Journal) -> Result<()> + Sync + 'a;

/// Looks for a record that already has one of a create's keys.
pub type LookFirst<'a> = dyn Fn(&Pending) -> Result<Option<String>> + Sync + 'a;

impl Apply<'_> {
    /// Sends everything that has no outcome yet and settles what is in doubt.
    ///
    /// # Errors
    /// Class `Stopped` when a stop was asked for, the service is down or the quota is spent; `Credentials`
    /// when they are refused. The journal then holds all that is known, and the run can be resumed.
    pub fn run(&self, journal: &mut Journal) -> Result<()> {
        let settle = Duration::from_millis(self.mark.settle_ms);
        journal.doubt_all_intents()?;
        let mut due = (!self.keys.is_empty()).then_some(self.fresh_until);
        let mut ripe = Instant::now() + settle;
        let mut breakdowns = 0;
        loop {
            let (round, last_doubt) = self.send_all(journal, &mut due)?;
            let doubts = journal.doubts()?;
            if doubts.is_empty() && round != Round::Suspicion {
                return Ok(());
            }
            if let Some(last_doubt) = last_doubt {
                ripe = ripe.max(last_doubt + settle);
            }
            if self.stop.wait(ripe.saturating_duration_since(Instant::now())) {
                return Err(stopped());
            }
            let lets_go = self.sweep(journal, &doubts)?;
            if self.failures.is_over() {
                return Err(self.failures.stop());
            }
            if lets_go && !self.keys.is_empty() {
                // What was in doubt until now was passed over by earlier looks.
                due = Some(Instant::now());
            }
            if let (true, Some(sent_again)) = (lets_go, self.sent_again) {
                sent_again(journal)?;
            }
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
    /// another run. A create that was sent before and not found may have made the record, later than the settle
    /// time allows for: it is in doubt again. Looks once, when it is due and creates are unsent, and once more when a
    /// sweep lets creates go; says whether it looked.
    fn refuse_taken_keys(&self, journal: &mut Journal, due: &mut Option<Instant>) -> Result<bool> {
        if due.is_none_or(|due| Instant::now() < due) || !journal.has_unsent_creates()? {
            return Ok(false);
        }
        *due = None;
        // Keys that name what the records belong to are only taken there: nothing else needs to be listed.
        let in_place = self.keys.iter().all(|key| key.iter().any(|field| self.target.lists_by(&field.place)));
        let mut taken = Vec::new();
        if in_place {
            let mut after = 0;
            loop {
                let unsent = journal.next(after, AT_ONCE)?;
                let Some(last) = unsent.last() else { break };
                after = last.row;
                let operations = unsent.iter().map(|pending| &pending.operation);
                let creates: Vec<_> =
                    operations.filter(|operation| operation.kind == OperationKind::Create).collect();
                if !creates.is_empty() {
                    let made = self.target.created_for(self.mark, &creates, &mut ours(journal))?;
                    taken.extend(self.keys_of(journal, made)?);
                }
            }
        } else {
            let made = self.target.created_since(self.mark, &mut ours(journal))?;
            taken.extend(self.keys_of(journal, made)?);
        }
        journal.transaction(|journal| {
            for (class, ..) in taken.iter().filter(|(.., maybe_ours)| *maybe_ours) {
                journal.doubt_missed_creates(class)?;
            }
            for (class, id, _) in taken {
                let why = format!("record {id} has got this key since the plan was made");
                journal.refuse_planned_creates(&class, &why)?;
            }
            Ok(())
        })?;
        Ok(true)
    }

    /// The keyed classes of those candidates that neither the plan's read nor this run has seen, with their ids and
    /// whether a create of this run that was given up for lost may have made them.
    fn keys_of(&self, journal: &Journal, candidates: Vec<Candidate>) -> Result<Vec<(String, String, bool)>> {
        let mut keys = Vec::new();
        for candidate in candidates {
            let Some(id) = candidate.record.id.clone() else { continue };
            if journal.was_read(&id)? || journal.made(&id)? {
                continue;
            }
            let record = self.decoded(&id, &candidate.record.raw)?;
            // A run that marks its records knows them by that alone.
            let unmarked = self.marker.is_some_and(|marker| marker.row_of(&record).is_none());
            let maybe_ours = !unmarked && !candidate.by_other && !(self.made_elsewhere)(&id)?;
            keys.extend(self.classes_of(&record).into_iter().map(|class| (class, id.clone(), maybe_ours)));
        }
        Ok(keys)
    }

    /// The keyed classes that a record belongs to.
    fn classes_of(&self, record: &Record) -> HashSet<String> {
        let keys = self.keys.iter().enumerate().flat_map(|(alternative, places)| {
            keys::of_record(record, places).into_iter().map(move |key| keys::class(alternative, &key))
        });
        keys.collect()
    }

    fn decoded(&self, id: &str, raw: &str) -> Result<Record> {
        let why = |why| Error::stopped(format!("record {id} of the target cannot be read: {why}"));
        self.decode.decode(raw).map_err(why)
    }
}

/// Says of a record whether this run has made it.
fn ours(journal: &mut Journal) -> impl FnMut(&str) -> Result<bool> + Send {
    move |id| journal.made(id)
}

fn stopped() -> Error {
    Error::stopped("stopped before everything was sent")
}
