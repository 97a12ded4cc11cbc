//! The accounts of a load, as the checkpoint tells them.

use super::rejects::Rejects;
use crate::error::Result;
use crate::load::journal::{Journal, Outcome};

/// Rows of a load by what became of them, or would become of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadCounts {
    /// Rows without an operation, for whatever reason before the first write.
    pub rejected: u64,
    /// Records made.
    pub created: u64,
    /// Records changed.
    pub updated: u64,
    /// Records deleted.
    pub deleted: u64,
    /// Records that already were as meant.
    pub unchanged: u64,
    /// Rows that the mode forbids.
    pub skipped: u64,
    /// Rows that would overwrite what they must not.
    pub conflicts: u64,
    /// Rows that the service refused.
    pub failed: u64,
    /// Rows of which nobody can tell whether they were carried out.
    pub in_doubt: u64,
    /// Rows not sent yet.
    pub pending: u64,
}

impl LoadCounts {
    /// Rows that were not rejected.
    #[must_use]
    pub fn mapped(&self) -> u64 {
        self.created
            + self.updated
            + self.deleted
            + self.unchanged
            + self.skipped
            + self.conflicts
            + self.failed
            + self.in_doubt
            + self.pending
    }
}

impl std::ops::AddAssign for LoadCounts {
    fn add_assign(&mut self, more: Self) {
        let Self {
            rejected,
            created,
            updated,
            deleted,
            unchanged,
            skipped,
            conflicts,
            failed,
            in_doubt,
            pending,
        } = more;
        self.rejected += rejected;
        self.created += created;
        self.updated += updated;
        self.deleted += deleted;
        self.unchanged += unchanged;
        self.skipped += skipped;
        self.conflicts += conflicts;
        self.failed += failed;
        self.in_doubt += in_doubt;
        self.pending += pending;
    }
}

/// What became of the rows of a load so far. Rejected are broken rows of the file, rows that the mapping refused
/// and rows that the plan refused.
///
/// # Errors
/// When the checkpoint cannot be used.
pub fn load_counts(journal: &Journal, rejects: &mut Rejects) -> Result<LoadCounts> {
    let mut counts = concluded(journal, rejects)?;
    let open = journal.counts()?.get(&None).copied().unwrap_or(0);
    let in_doubt: u64 = journal
        .db()
        .prepare_cached(
            "SELECT count(DISTINCT o.row) FROM load_op o JOIN load_row r USING(row)
             WHERE o.state IN ('intent', 'doubt') AND r.outcome IS NULL",
        )?
        .query_row([], |row| row.get(0))?;
    counts.in_doubt += in_doubt;
    counts.pending = open - in_doubt;
    Ok(counts)
}

/// What would become of the rows if the plan was carried out: what is to be sent counts as done.
///
/// # Errors
/// When the checkpoint cannot be used.
pub fn planned_counts(journal: &Journal, rejects: &mut Rejects) -> Result<LoadCounts> {
    let mut counts = concluded(journal, rejects)?;
    let to_do = journal.to_do()?;
    counts.created += to_do.creates;
    counts.updated += to_do.updates;
    counts.deleted += to_do.deletes;
    Ok(counts)
}

fn concluded(journal: &Journal, rejects: &mut Rejects) -> Result<LoadCounts> {
    let mut counts = LoadCounts { rejected: rejects.count()?, ..LoadCounts::default() };
    for (outcome, number) in journal.counts()? {
        let Some(outcome) = outcome else { continue };
        let account = match outcome {
            Outcome::Created => &mut counts.created,
            Outcome::Updated => &mut counts.updated,
            Outcome::Deleted => &mut counts.deleted,
            Outcome::Unchanged => &mut counts.unchanged,
            Outcome::Skipped => &mut counts.skipped,
            Outcome::Rejected => &mut counts.rejected,
            Outcome::Conflict => &mut counts.conflicts,
            Outcome::Failed => &mut counts.failed,
            Outcome::InDoubt => &mut counts.in_doubt,
        };
        *account += number;
    }
    Ok(counts)
}

#[cfg(test)]
pub(super) mod sample {
    use crate::load::journal::{Journal, Outcome, PlannedRow};
    use crate::load::target::{Change, Operation, OperationKind, Planned};
    use crate::run::checkpoint;
    use serde_json::{Value, json};
    use std::path::Path;

    /// A journal in `folder`.
    pub(crate) fn journal(folder: &Path) -> Journal {
        Journal::new(checkpoint::open(&folder.join(checkpoint::FILE)).unwrap()).unwrap()
    }

    /// A row that is certain already.
    pub(crate) fn settled(row: u64, outcome: Outcome) -> PlannedRow {
        PlannedRow {
            row,
            id: None,
            class: None,
            outcome: Some(outcome),
            field: Some("Email".into()),
            value: Some("a@x".into()),
            reason: Some(format!("row {row} is {}", outcome.word())),
            planned: Planned::default(),
            extra: 0,
        }
    }

    /// A row with one operation to send.
    pub(crate) fn open(row: u64, kind: OperationKind, changes: Vec<Change>) -> PlannedRow {
        let operation = Operation { kind, body: json!({"row": row}), before: Value::Null };
        PlannedRow {
            id: (kind != OperationKind::Create).then(|| format!("64b0c1f2a3d4e5f6{row:08x}")),
            outcome: None,
            field: None,
            value: None,
            reason: None,
            planned: Planned { operations: vec![operation], changes, extra: 0 },
            ..settled(row, Outcome::Unchanged)
        }
    }

    /// A difference.
    pub(crate) fn change(field: &str, before: &[&str], after: &[&str]) -> Change {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Change { field: field.into(), before: owned(before), after: owned(after) }
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{journal, open, settled};
    use super::*;
    use crate::load::target::OperationKind;
    use crate::report::rejects::RejectedRow;

    #[test]
    fn every_row_is_in_one_account_before_during_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        let mut rejects = Rejects::open(folder.path()).unwrap();
        let broken = RejectedRow {
            row: 1,
            line: Some(2),
            stage: "extract".into(),
            field: None,
            value: None,
            reason: "3 cells, the header has 4".into(),
            raw: Some("a,b,c".into()),
        };
        rejects.add(broken).unwrap();
        for (row, outcome) in [(2, Outcome::Rejected), (3, Outcome::Unchanged), (4, Outcome::Conflict)] {
            journal.add(&settled(row, outcome)).unwrap();
        }
        for row in 5..=7 {
            journal.add(&open(row, OperationKind::Create, vec![])).unwrap();
        }
        journal.add(&open(8, OperationKind::Update, vec![])).unwrap();
        let base = LoadCounts { rejected: 2, unchanged: 1, conflicts: 1, ..LoadCounts::default() };
        let planned = planned_counts(&journal, &mut rejects).unwrap();
        assert_eq!(planned, LoadCounts { created: 3, updated: 1, ..base });
        assert_eq!(load_counts(&journal, &mut rejects).unwrap(), LoadCounts { pending: 4, ..base });

        let first = journal.next(0, 10).unwrap().remove(0);
        journal.intend(5, 0, 1).unwrap();
        journal.intend(6, 0, 1).unwrap();
        journal.done(&first, "new-1", &[], false).unwrap();
        journal.intend(7, 0, 1).unwrap();
        journal.refuse(7, 0, "422").unwrap();
        let now = load_counts(&journal, &mut rejects).unwrap();
        assert_eq!(now, LoadCounts { created: 1, failed: 1, in_doubt: 1, pending: 1, ..base });
        assert_eq!(now.mapped(), planned.mapped());
    }
}
