//! Taking a load back: for each row that wrote something, what has to be done, and what is better left (design
//! section 9.7).
//!
//! Nothing is guessed. A record that the load made goes only if it still holds exactly what was written, if it is
//! known to be ours, and if nothing hangs on it but what the load itself put there. A field that the load changed
//! is restored only if it still holds what was written. Everything else is a conflict, with the reason, and stays.
//!
//! Records on which others of the same load hang are held back until those are gone, and are then looked at again;
//! so are companies that the service made on the side, and records that were made first for the links of others,
//! be it in the same stream or in another one. Sending is `load::delete`'s, which reads each record once more just
//! before it writes, and has what hangs on it looked at once more a minute before at most. So what somebody attaches
//! within that minute, or the service shows only later, is the window that remains.

mod held;

use super::apply::Apply;
use super::delete::{shown, state_of};
use super::journal::{CarriedOut, Journal, Outcome, PlannedRow, Written};
use super::target::{Attached, Difference, Operation, OperationKind, Planned, Target};
use super::verify::{explain, in_parallel, read_all};
use crate::error::{Error, Result};
use crate::extract::Decode;
use crate::record::{RawRecord, Record};
use crate::stop::Stop;
use jiff::Timestamp;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What taking back needs besides the two journals.
pub struct TakeBack<'a> {
    /// Where the records are.
    pub target: &'a dyn Target,
    /// Reads them.
    pub decode: &'a dyn Decode,
    /// Requests in flight at most.
    pub concurrency: usize,
    /// When the load began to read the target, by the server's clock, less the settle time.
    pub since: Timestamp,
    /// The settle time.
    pub settle: Duration,
    /// Whether records that were found after their answer was lost go too, where their maker is not known.
    pub adopted: bool,
    /// The wish to stop.
    pub stop: &'a Stop,
    /// Whether another run made the record.
    pub made_elsewhere: &'a (dyn Fn(&str) -> Result<bool> + Sync),
    /// Told how many rows were planned, now and then.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// What is taken back in one stream.
#[derive(Clone, Copy)]
pub struct Undone<'a> {
    /// What was written there. Rows keep their numbers.
    pub load: &'a Journal,
    /// What was made first in the same stream for the links of these rows; its rows are counted on from theirs.
    pub first: Option<&'a Journal>,
    /// Where all of `load` was made for the links of another stream's rows: what was written there.
    pub users: Option<&'a Journal>,
}

/// Takes the records that a plan is made from: row, as read, decoded.
pub type Keep<'a> = dyn FnMut(Vec<(u64, RawRecord, Record)>) -> Result<()> + 'a;

/// Rounds of reads that each thread has in hand.
const ROUNDS: usize = 4;
/// Rows whose last change is looked into.
const EXPLAINED: usize = 30;

/// What is to be done with a row.
enum Judged {
    Delete,
    Restore(PlannedRow),
    Left(PlannedRow),
}

/// A row with its record as it is now.
struct Now {
    written: Written,
    raw: Option<RawRecord>,
    record: Option<Record>,
}

impl Apply<'_> {
    /// Finds out, by one sweep when the settle time has passed, what became of everything that is in doubt, and
    /// sends nothing.
    ///
    /// # Errors
    /// As [`Apply::run`].
    pub fn settle(&self, journal: &mut Journal) -> Result<()> {
        journal.reopen_doubts()?;
        journal.doubt_all_intents()?;
        let doubts = journal.doubts()?;
        if doubts.is_empty() {
            return Ok(());
        }
        if self.stop.wait(Duration::from_millis(self.mark.settle_ms)) {
            return Err(stopped());
        }
        self.sweep(journal, &doubts).map(|_| ())
    }
}

impl Undone<'_> {
    fn journals(&self) -> impl Iterator<Item = &Journal> {
        std::iter::once(self.load).chain(self.first).chain(self.users)
    }

    /// Whether the run wrote to the record, or made it.
    fn wrote(&self, id: &str) -> Result<bool> {
        for journal in self.journals() {
            if journal.wrote(id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What was carried out for a row of the undo's; nothing for a record that the service made on the side.
    fn carried_out(&self, row: u64) -> Result<CarriedOut> {
        let own = self.load.last_row()?;
        match self.first {
            Some(first) if row > own => first.carried_out(row - own),
            _ => self.load.carried_out(row),
        }
    }
}

impl TakeBack<'_> {
    /// Plans what takes `undone` back into `journal`. `keep` is given every record as it is now.
    ///
    /// # Errors
    /// As reads in general; class `Stopped` when a stop was asked for.
    pub fn plan(&self, undone: Undone<'_>, journal: &mut Journal, keep: &mut Keep<'_>) -> Result<()> {
        journal.index_ids()?;
        undone.journals().try_for_each(Journal::index_ids)?;
        let mut explained = EXPLAINED;
        let own = [(undone.load, 0)];
        let first = undone.first.map(|first| Ok::<_, Error>((first, undone.load.last_row()?))).transpose()?;
        for (of, base) in own.into_iter().chain(first) {
            let mut after = 0;
            loop {
                let mut rows = of.written(after, self.at_once())?;
                let Some(last) = rows.last() else { break };
                after = last.row;
                rows.iter_mut().for_each(|written| written.row += base);
                self.plan_rows(undone, journal, rows, &mut explained, keep)?;
            }
        }
        self.plan_sides(undone, journal, keep)
    }

    fn at_once(&self) -> usize {
        self.target.reads_at_once().max(30 * self.concurrency * ROUNDS)
    }

    fn plan_rows(
        &self,
        undone: Undone<'_>,
        journal: &mut Journal,
        rows: Vec<Written>,
        explained: &mut usize,
        keep: &mut Keep<'_>,
    ) -> Result<()> {
        let ids: Vec<String> = rows.iter().filter_map(|row| row.id.clone()).collect();
        let mut found = read_all(self.target, &ids, self.concurrency, self.stop)?;
        let mut all = Vec::with_capacity(rows.len());
        for written in rows {
            let raw = written.id.as_ref().and_then(|id| found.remove(id));
            let record = match (&written.id, &raw) {
                (Some(id), Some(raw)) => Some(self.decoded(id, raw)?),
                _ => None,
            };
            all.push(Now { written, raw, record });
        }
        let own = self.own(&all)?;
        let judged: Vec<Judged> = all.iter().map(|now| self.judge(now, &own, explained)).collect();
        let to_delete = all.iter().zip(&judged).filter(|(_, judged)| matches!(judged, Judged::Delete));
        let ids: Vec<String> = to_delete.filter_map(|(now, _)| now.written.id.clone()).collect();
        let attached = self.attached(&ids, self.since)?;
        let stays = |from: &str| Ok(!undone.wrote(from)?);
        let mut plans = Vec::with_capacity(all.len());
        for (now, judged) in all.iter().zip(judged) {
            plans.push(match judged {
                Judged::Left(row) | Judged::Restore(row) => (row, false),
                Judged::Delete => {
                    let id = now.written.id.as_deref().unwrap_or_default();
                    let hangs = attached.get(id).map(Vec::as_slice).unwrap_or_default();
                    (self.deletion(now, hindrance(hangs, &stays)?), !hangs.is_empty())
                }
            });
        }
        self.add(journal, &plans)?;
        keep(all.into_iter().filter_map(|now| Some((now.written.row, now.raw?, now.record?))).collect())
    }

    fn add(&self, journal: &mut Journal, plans: &[(PlannedRow, bool)]) -> Result<()> {
        journal.transaction(|journal| {
            for (planned, held) in plans {
                journal.add(planned)?;
                if *held && planned.outcome.is_none() {
                    journal.hold(planned.row)?;
                }
            }
            Ok(())
        })?;
        (self.progress)(plans.len() as u64);
        Ok(())
    }

    /// What is to be done with a row, but for what hangs on its record.
    fn judge(&self, now: &Now, own: &HashSet<String>, explained: &mut usize) -> Judged {
        let Now { written, record, .. } = now;
        let left = |outcome, why: &str| Judged::Left(settled(written, outcome, &[], why.to_owned()));
        if let Some(why) = &written.in_doubt {
            return left(Outcome::InDoubt, why);
        }
        if written.sent().any(|operation| operation.kind == OperationKind::Delete) {
            let why = "the record was deleted, and the service brings none back under its id: import its copy, \
                       `deleted.csv` of that run, without the column `_id`";
            return left(Outcome::Skipped, why);
        }
        let created = written.is_create();
        let Some(record) = record else {
            return match created {
                true => left(Outcome::Unchanged, "it is gone already"),
                false => left(Outcome::Conflict, "the record was deleted since"),
            };
        };
        if !created {
            return self.restore(now, record, explained);
        }
        if self.target.deletes_at_once() == 0 {
            return left(Outcome::Conflict, "the service deletes no records of this kind");
        }
        let is_own = written.id.as_ref().is_some_and(|id| own.contains(id));
        if written.adopted && !self.adopted && !is_own {
            let why = "it was found after its answer was lost, and nothing tells that this login made it; \
                       `--adopted` takes it back too";
            return left(Outcome::Conflict, why);
        }
        let differences = self.content(&written.carried_out.meant, record);
        match differences.is_empty() {
            true => Judged::Delete,
            false => {
                let why = format!("{}{}", words(&differences), self.how(now, explained));
                Judged::Left(settled(written, Outcome::Conflict, &differences, why))
            }
        }
    }

    /// How a record that a row made differs from what was written. One that never had a change is as written,
    /// whatever the service has filled in; times that may be whole seconds prove no such thing.
    fn content(&self, operations: &[Operation], record: &Record) -> Vec<Difference> {
        let mut differences = self.target.differences(operations, record);
        if differences.is_empty() && record.updated.is_some() {
            differences = self.target.beyond(operations, record);
        }
        differences
    }

    fn restore(&self, now: &Now, record: &Record, explained: &mut usize) -> Judged {
        let written = &now.written;
        let (mut planned, mut left) = (Planned::default(), Vec::new());
        for operation in written.sent().rev() {
            let inverse = self.target.inverse(operation, record);
            planned.operations.extend(inverse.operation);
            planned.changes.extend(inverse.changes);
            left.extend(inverse.left);
        }
        if left.is_empty() && planned.operations.is_empty() {
            let why = "it is as it was before already".to_owned();
            return Judged::Left(settled(written, Outcome::Unchanged, &[], why));
        }
        if left.is_empty() {
            return Judged::Restore(PlannedRow { planned, ..open(written) });
        }
        let why = format!("{}{}", words(&left), self.how(now, explained));
        if planned.operations.is_empty() {
            return Judged::Left(settled(written, Outcome::Conflict, &left, why));
        }
        let named =
            settled(written, Outcome::Conflict, &left, format!("{why}; the other fields are restored"));
        Judged::Restore(PlannedRow { outcome: None, planned, ..named })
    }

    /// What the service tells of how a record came to differ, for the first few.
    fn how(&self, now: &Now, explained: &mut usize) -> String {
        let Some(raw) = now.raw.as_ref().filter(|_| *explained > 0) else { return String::new() };
        *explained -= 1;
        let sent = Timestamp::from_millisecond(now.written.carried_out.sent_ms).unwrap_or(self.since);
        match explain(&self.target.last_change(raw, sent), sent, self.settle) {
            text if text.is_empty() => text,
            text => format!(" ({text})"),
        }
    }

    fn deletion(&self, now: &Now, hindrance: Option<String>) -> PlannedRow {
        let (written, Some(raw), Some(record)) = (&now.written, &now.raw, &now.record) else {
            return settled(&now.written, Outcome::Unchanged, &[], "it is gone already".to_owned());
        };
        match hindrance {
            Some(why) => settled(written, Outcome::Conflict, &[], why),
            None => PlannedRow { planned: delete_of(raw, record), ..open(written) },
        }
    }

    /// Which of the adopted rows' records are known to be made by this login.
    fn own(&self, all: &[Now]) -> Result<HashSet<String>> {
        let adopted = all.iter().filter(|now| now.written.adopted);
        let raws: Vec<RawRecord> = adopted.filter_map(|now| now.raw.clone()).collect();
        if raws.is_empty() || self.adopted { Ok(HashSet::new()) } else { self.target.own(&raws, self.since) }
    }

    /// What hangs on records, by their ids, as far as it came since a moment.
    fn attached(&self, ids: &[String], since: Timestamp) -> Result<HashMap<String, Vec<Attached>>> {
        let chunks: Vec<&[String]> = ids.chunks(self.target.reads_at_once().max(1)).collect();
        let look = |ids: &[String]| self.target.attached(ids, since);
        let mut by_id: HashMap<String, Vec<Attached>> = HashMap::new();
        for attached in in_parallel(&chunks, self.concurrency, self.stop, look)?.into_iter().flatten() {
            by_id.entry(attached.to.clone()).or_default().push(attached);
        }
        Ok(by_id)
    }

    fn decoded(&self, id: &str, raw: &RawRecord) -> Result<Record> {
        let why = |why| Error::stopped(format!("record {id} of the target cannot be read: {why}"));
        self.decode.decode(&raw.raw).map_err(why)
    }
}

/// Why what hangs on a record keeps it; `stays` says of a record that hangs on it whether that stays.
fn hindrance(hangs: &[Attached], stays: &dyn Fn(&str) -> Result<bool>) -> Result<Option<String>> {
    let mut reasons = Vec::new();
    for attached in hangs {
        let keeps = match &attached.from {
            Some(from) => stays(from)?,
            None => true,
        };
        if keeps {
            reasons.push(attached.what.as_str());
        }
    }
    let more = reasons.len().saturating_sub(3);
    reasons.truncate(3);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Ok((!reasons.is_empty()).then(|| format!("{}{more}", reasons.join(", "))))
}

fn delete_of(raw: &RawRecord, record: &Record) -> Planned {
    let body = json!({"_id": raw.id});
    let operation = Operation { kind: OperationKind::Delete, body, before: state_of(raw) };
    Planned { operations: vec![operation], changes: shown(record), extra: 0 }
}

/// Differences as a sentence.
fn words(differences: &[Difference]) -> String {
    let one = |difference: &Difference| {
        let held = |values: &[String]| match values.join("; ") {
            text if text.is_empty() => "nothing".to_owned(),
            text => format!("`{text}`"),
        };
        match difference.field.as_str() {
            "" => "the record is not as it was written".to_owned(),
            field => {
                format!("{field} holds {}, written was {}", held(&difference.found), held(&difference.meant))
            }
        }
    };
    differences.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn open(written: &Written) -> PlannedRow {
    PlannedRow {
        row: written.row,
        id: written.id.clone(),
        class: None,
        outcome: None,
        field: None,
        value: None,
        reason: None,
        planned: Planned::default(),
        extra: 0,
    }
}

fn settled(written: &Written, outcome: Outcome, of: &[Difference], why: String) -> PlannedRow {
    let field = of.first().map(|difference| difference.field.clone()).filter(|field| !field.is_empty());
    let value = of.first().map(|difference| difference.found.join("; ")).filter(|_| field.is_some());
    PlannedRow { outcome: Some(outcome), field, value, reason: Some(why), ..open(written) }
}

fn stopped() -> Error {
    Error::stopped("stopped before the plan was made")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_on_a_record_keeps_it_unless_it_goes_too() {
        let hangs = |what: &str, from: Option<&str>| Attached {
            to: "a".into(),
            what: what.into(),
            from: from.map(str::to_owned),
        };
        let stays = |from: &str| Ok(from == "foreign");
        let ours = hangs("record b links to it in `Company`", Some("b"));
        assert_eq!(hindrance(std::slice::from_ref(&ours), &stays).unwrap(), None);
        let all =
            [ours, hangs("person foreign belongs to it", Some("foreign")), hangs("a note hangs on it", None)];
        let why = hindrance(&all, &stays).unwrap();
        assert_eq!(why.as_deref(), Some("person foreign belongs to it, a note hangs on it"));
    }

    #[test]
    fn differences_read_as_a_sentence() {
        let title = Difference { field: "title".into(), meant: vec!["CEO".into()], found: Vec::new() };
        assert_eq!(
            words(&[title, Difference::whole()]),
            "title holds nothing, written was `CEO`; the record is not as it was written"
        );
    }
}
