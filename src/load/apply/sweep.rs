//! What becomes of operations in doubt: creates by set difference, updates by reading their records (design
//! section 9.3). The decision for creates is [`in_doubt`]'s.

use super::Apply;
use crate::error::{Class, Result};
use crate::load::in_doubt::{self, DoubtRow, NewRecord, Verdict};
use crate::load::journal::{Doubtful, Journal, Outcome};
use crate::load::marker::Marker;
use crate::load::target::{Candidate, OperationKind, UpdateState};
use crate::record::instant;
use std::collections::{BTreeMap, HashMap, HashSet};

impl Apply<'_> {
    /// Finds out what the service holds of what is in doubt; says whether creates of it are to be sent again.
    pub(in crate::load) fn sweep(&self, journal: &mut Journal, doubts: &[Doubtful]) -> Result<bool> {
        let (creates, updates): (Vec<_>, Vec<_>) =
            doubts.iter().partition(|doubtful| doubtful.pending.operation.kind == OperationKind::Create);
        let mut again = false;
        if !creates.is_empty() && !self.target.lists() {
            let why = "the service does not list what is there: look for it by hand before it is sent again";
            leave_in_doubt(journal, &creates, why)?;
        } else if !creates.is_empty() {
            again = self.settle_creates(journal, &creates)?;
        }
        for chunk in updates.chunks(30) {
            self.settle_updates(journal, chunk)?;
        }
        Ok(again)
    }

    fn settle_creates(&self, journal: &mut Journal, doubts: &[&Doubtful]) -> Result<bool> {
        let sent: Vec<_> = doubts.iter().map(|doubtful| &doubtful.pending.operation).collect();
        let listed = self.target.created_for(self.mark, &sent, &mut super::ours(journal));
        let listed = match listed {
            // The next look would be refused, too.
            Err(error) if error.class() == Class::Input => {
                let why = format!("what was created since cannot be listed: {}", error.chain());
                return leave_in_doubt(journal, doubts, &why).map(|()| false);
            }
            listed => listed?,
        };
        let candidates = self.unknown_candidates(journal, listed)?;
        let also_of: HashMap<&str, &[String]> = candidates
            .iter()
            .filter_map(|candidate| Some((candidate.record.id.as_deref()?, candidate.also.as_slice())))
            .collect();
        let records = candidates.iter().map(|candidate| match self.marker {
            Some(marker) => self.marked(marker, candidate),
            None => self.classify(candidate, doubts),
        });
        let records: Vec<NewRecord> = records.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        let mut rows: Vec<DoubtRow> = doubts.iter().map(|doubtful| doubt_row(doubtful)).collect();
        if self.marker.is_some() {
            rows.iter_mut().for_each(|row| row.class = mark_class(row.row));
        }
        // The time of an intent is that of its commit: at a slow pace it goes out after all that was handed out before.
        let queue = self.every * u32::try_from(self.depth()).unwrap_or(u32::MAX);
        let late = self.mark.settle_ms.saturating_add(u64::try_from(queue.as_millis()).unwrap_or(u64::MAX));
        let around = i64::try_from(late).unwrap_or(i64::MAX / 2).saturating_add(5_000);
        let verdicts = in_doubt::settle(&rows, &records, around);
        let again = verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Send);
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
                    Verdict::Failed => {
                        journal.refuse(row, pending.seq, answer)?;
                        self.failures.count();
                    }
                    Verdict::Stay(why) => {
                        journal.conclude(row, Outcome::InDoubt, Some(&format!("{answer}; {why}")))?;
                    }
                    Verdict::Conflict(why) => journal.conclude(row, Outcome::Conflict, Some(&why))?,
                }
            }
            Ok(again)
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
        // A record holds what a row with fewer fields sent, too: it is the row's that sent the most. What the service
        // has tidied may be several rows', first of all that which sent it to the letter.
        let mut fits: BTreeMap<&String, (bool, (usize, usize))> = BTreeMap::new();
        for doubtful in doubts {
            let Some(class) = &doubtful.pending.class else { continue };
            let holds = self.target.holds(&doubtful.pending.operation, &record);
            let same = if class.starts_with("key ") { of_key.contains(class) } else { holds };
            if same {
                let close = self.target.closeness(&doubtful.pending.operation, &record);
                let fit = fits.entry(class).or_default();
                *fit = (*fit).max((holds, close));
            }
        }
        let mut fits: Vec<_> = fits.into_iter().collect();
        fits.sort_by_key(|(_, fit)| std::cmp::Reverse(*fit));
        let best = fits.first().map(|(_, (holds, (most, _)))| (*holds, *most));
        fits.retain(|(_, (holds, (sent, _)))| Some((*holds, *sent)) == best);
        let holds = best.is_some_and(|(holds, _)| holds);
        let mut classes = fits.into_iter().map(|(class, _)| class.clone());
        let (class, also) = (classes.next(), classes.filter(|_| holds).collect());
        Ok(Some(NewRecord { id, created_ms, class, also, holds }))
    }

    /// A record with a mark of this run is that row's, whatever else it holds; others are not looked at.
    fn marked(&self, marker: &Marker, candidate: &Candidate) -> Result<Option<NewRecord>> {
        let Some(id) = candidate.record.id.clone() else { return Ok(None) };
        let Some(row) = marker.row_of(&self.decoded(&id, &candidate.record.raw)?) else { return Ok(None) };
        let created = candidate.record.created.as_deref().and_then(instant::parse);
        let created_ms = created.map(|at| at.as_millisecond());
        Ok(Some(NewRecord { id, created_ms, class: Some(mark_class(row)), also: Vec::new(), holds: true }))
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
                    Some(UpdateState::AsBefore) if doubtful.server_error && doubtful.failures >= 1 => {
                        journal.refuse(pending.row, pending.seq, &doubtful.answer)?;
                        self.failures.count();
                    }
                    Some(UpdateState::AsBefore) if doubtful.misses + 1 >= in_doubt::MOST_MISSES => {
                        let (answer, times) = (&doubtful.answer, doubtful.misses + 1);
                        let why = format!("{answer}; sent {times} times, never answered, never carried out");
                        journal.conclude(pending.row, Outcome::InDoubt, Some(&why))?;
                    }
                    Some(UpdateState::AsBefore) => journal.missed(pending.row, pending.seq)?,
                    Some(UpdateState::Otherwise) => {
                        let why =
                            format!("{}; the record is now neither as before nor as meant", doubtful.answer);
                        journal.conclude(pending.row, Outcome::Conflict, Some(&why))?;
                    }
                    None => {
                        journal.refuse(pending.row, pending.seq, "the record is gone")?;
                        self.failures.count();
                    }
                }
            }
            Ok(())
        })
    }
}

/// Creates in doubt stay so where what is there cannot be listed: to send them again might make them twice.
fn leave_in_doubt(journal: &mut Journal, creates: &[&Doubtful], why: &str) -> Result<()> {
    journal.transaction(|journal| {
        creates.iter().try_for_each(|doubtful| {
            let why = format!("{}; {why}", doubtful.answer);
            journal.conclude(doubtful.pending.row, Outcome::InDoubt, Some(&why))
        })
    })
}

/// With marks every row can be told from every other.
fn mark_class(row: u64) -> String {
    format!("mark {row}")
}

fn doubt_row(doubtful: &Doubtful) -> DoubtRow {
    DoubtRow {
        row: doubtful.pending.row,
        class: doubtful.pending.class.clone().unwrap_or_default(),
        misses: doubtful.misses,
        failures: doubtful.failures,
        server_error: doubtful.server_error,
        sent_ms: doubtful.sent_ms,
    }
}
