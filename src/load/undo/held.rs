//! What goes last: records on which others of the same load hang, and records that the service made on the side.
//! Those that the load itself made first for its links are among the former.
//!
//! They are planned with the rest and held back. When the rest is done, each is looked at again, and goes if nobody
//! else uses it and it is as it was made.

use super::{Now, TakeBack, Undone, hindrance, words};
use crate::error::Result;
use crate::load::delete::state_of;
use crate::load::journal::{CarriedOut, Journal, Outcome, Pending, Written};
use crate::load::undo::Keep;
use crate::load::verify::read_all;
use crate::record::{Record, instant};
use jiff::Timestamp;
use std::collections::HashMap;

/// Whether a record that hangs on another stays, as far as the undo has come.
fn stays(journal: &Journal, users: Option<&Journal>, from: &str) -> Result<bool> {
    Ok(journal.leaves(from)? && users.map_or(Ok(true), |users| users.leaves(from))?)
}

const MORE: &str = "it was made for the sake of another record, but holds more than its name by now";
const NOT_KNOWN: &str = "it was made for the sake of another record, but nothing tells that it was by this login; \
     `--adopted` takes it back too";

impl TakeBack<'_> {
    /// Lets go what was held back and may go now; the rest is a conflict. `users` is the undo of
    /// [`Undone::users`], which has come to its end.
    ///
    /// # Errors
    /// As reads in general; class `Stopped` when a stop was asked for.
    pub fn release(&self, undone: Undone<'_>, journal: &mut Journal, users: Option<&Journal>) -> Result<()> {
        let mut after = 0;
        loop {
            let rows = journal.held(after, self.at_once())?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            let ids: Vec<String> = rows.iter().map(|(_, id)| id.clone()).collect();
            let mut found = read_all(self.target, &ids, self.concurrency, self.stop)?;
            let mut records = Vec::with_capacity(rows.len());
            for (id, raw) in &found {
                records.push(self.decoded(id, raw)?);
            }
            let attached = self.attached(&ids, self.since)?;
            let records: HashMap<String, Record> =
                records.into_iter().filter_map(|record| Some((record.id.clone()?, record))).collect();
            journal.transaction(|journal| {
                for (row, id) in &rows {
                    let (Some(raw), Some(record)) = (found.remove(id), records.get(id)) else {
                        journal.conclude(*row, Outcome::Unchanged, Some("it is gone already"))?;
                        continue;
                    };
                    let hangs = attached.get(id).map(Vec::as_slice).unwrap_or_default();
                    let why = match hindrance(hangs, &|from: &str| stays(journal, users, from))? {
                        Some(why) => Some(why),
                        None => self.edited(undone, *row, record)?,
                    };
                    match why {
                        Some(why) => journal.conclude(*row, Outcome::Conflict, Some(&why))?,
                        None => journal.release(*row, &state_of(&raw))?,
                    }
                }
                Ok(())
            })?;
        }
    }

    /// A last look at rows that are about to be deleted: what hangs on a record since the plan was made, at `since`,
    /// makes a conflict of it, unless it goes too. `may_hold` says that such a row is to be held back until the
    /// others have come to their end. `users` is as for [`TakeBack::release`].
    ///
    /// # Errors
    /// As reads in general; class `Stopped` when a stop was asked for.
    pub fn look_again(
        &self,
        journal: &mut Journal,
        rows: &[Pending],
        since: Timestamp,
        may_hold: bool,
        users: Option<&Journal>,
    ) -> Result<()> {
        let ids: Vec<String> = rows.iter().filter_map(|pending| pending.id.clone()).collect();
        let attached = self.attached(&ids, since)?;
        journal.transaction(|journal| {
            for pending in rows {
                let hangs = pending.id.as_ref().and_then(|id| attached.get(id));
                let Some(hangs) = hangs else { continue };
                match hindrance(hangs, &|from: &str| stays(journal, users, from))? {
                    Some(why) => journal.conclude(pending.row, Outcome::Conflict, Some(&why))?,
                    None if may_hold => journal.hold(pending.row)?,
                    None => {}
                }
            }
            Ok(())
        })
    }

    /// Records that the service made on the side of the load's: they go if they hold nothing of their own and
    /// nobody else uses them.
    pub(super) fn plan_sides(
        &self,
        undone: Undone<'_>,
        journal: &mut Journal,
        keep: &mut Keep<'_>,
    ) -> Result<()> {
        let first = |what: &dyn Fn(&Journal) -> Result<bool>| undone.first.map_or(Ok(false), what);
        let mut row = undone.load.last_row()? + undone.first.map_or(Ok(0), Journal::last_row)?;
        let mut after = String::new();
        loop {
            let ids = undone.load.on_the_side(&after, self.at_once())?;
            let Some(last) = ids.last() else { return Ok(()) };
            after.clone_from(last);
            let mut new = Vec::with_capacity(ids.len());
            for id in ids {
                let is_known = undone.load.was_read(&id)? || first(&|first| first.made(&id))?;
                if !is_known && !(self.made_elsewhere)(&id)? {
                    new.push(id);
                }
            }
            let mut found = read_all(self.target, &new, self.concurrency, self.stop)?;
            let mut sides = Vec::with_capacity(found.len());
            for raw in new.iter().filter_map(|id| found.remove(id)) {
                let created = raw.created.as_deref().and_then(instant::parse);
                if created.is_some_and(|created| created < self.since) {
                    continue;
                }
                row += 1;
                let record = self.decoded(raw.id.as_deref().unwrap_or_default(), &raw)?;
                let written = Written {
                    row,
                    id: raw.id.clone(),
                    carried_out: CarriedOut::default(),
                    adopted: true,
                    in_doubt: None,
                };
                sides.push(Now { written, raw: Some(raw), record: Some(record) });
            }
            let own = self.own(&sides)?;
            let ids: Vec<String> = sides.iter().filter_map(|side| side.written.id.clone()).collect();
            let attached = self.attached(&ids, self.since)?;
            let mut plans = Vec::with_capacity(sides.len());
            for side in &sides {
                let id = side.written.id.as_deref().unwrap_or_default();
                let hangs = attached.get(id).map(Vec::as_slice).unwrap_or_default();
                let stays = |from: &str| Ok(!undone.wrote(from)?);
                let why = match (&side.record, hindrance(hangs, &stays)?) {
                    (_, Some(why)) => Some(why),
                    (Some(record), None) if !self.target.is_bare(record) => Some(MORE.to_owned()),
                    _ if !own.contains(id) && !self.adopted => Some(NOT_KNOWN.to_owned()),
                    _ => None,
                };
                plans.push((self.deletion(side, why), true));
            }
            self.add(journal, &plans)?;
            keep(
                sides
                    .into_iter()
                    .filter_map(|side| Some((side.written.row, side.raw?, side.record?)))
                    .collect(),
            )?;
        }
    }

    /// Why the record of a row that was held back is not as it was written, if it is not.
    fn edited(&self, undone: Undone<'_>, row: u64, record: &Record) -> Result<Option<String>> {
        let operations = undone.carried_out(row)?.meant;
        if operations.is_empty() {
            return Ok((!self.target.is_bare(record)).then(|| MORE.to_owned()));
        }
        let mut differences = self.target.differences(&operations, record);
        differences.extend(self.target.beyond(&operations, record));
        Ok((!differences.is_empty()).then(|| words(&differences)))
    }
}
