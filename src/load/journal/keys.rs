//! The keys of creates, by which a record that has got one of them since the plan is found (design 9.4). A row's
//! first is its class; the further ones, of alternative keys and of several values, stand apart, for most rows have
//! none.

use super::{Journal, Outcome};
use crate::error::Result;
use rusqlite::params;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS load_key(
        row INTEGER NOT NULL, class TEXT NOT NULL, PRIMARY KEY(row, class)) WITHOUT ROWID;";

pub(super) const CLEAR: &str = "DELETE FROM load_key;";

impl Journal {
    /// Notes the classes of a create's keys after the first.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn note_further_keys(&self, row: u64, classes: &[String]) -> Result<()> {
        for class in classes {
            let sql = "INSERT OR IGNORE INTO load_key(row, class) VALUES(?, ?)";
            self.db().prepare_cached(sql)?.execute(params![row, class])?;
        }
        Ok(())
    }

    /// The classes of a create's keys after the first.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn further_keys(&self, row: u64) -> Result<Vec<String>> {
        let mut query =
            self.db().prepare_cached("SELECT class FROM load_key WHERE row = ? ORDER BY class")?;
        let classes = query.query_map([row], |row| row.get(0))?;
        Ok(classes.collect::<Result<_, _>>()?)
    }

    /// Puts creates of a class that were sent before and not found in doubt again. A record that has but a further one
    /// of their keys is no record of theirs.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn doubt_missed_creates(&self, class: &str) -> Result<usize> {
        let sql = "UPDATE load_op SET state = 'doubt'
                   WHERE state = 'planned' AND kind = 'create' AND misses > 0 AND row IN
                       (SELECT row FROM load_row WHERE class = ? AND outcome IS NULL)";
        Ok(self.db().prepare_cached(sql)?.execute([class])?)
    }

    /// Gives rows that have a key and whose create was not sent yet the outcome conflict.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn refuse_planned_creates(&self, class: &str, why: &str) -> Result<usize> {
        let sql = "UPDATE load_row SET outcome = ?, reason = ?
                   WHERE (class = ?3 OR row IN (SELECT row FROM load_key k WHERE k.class = ?3))
                     AND outcome IS NULL
                     AND row IN (SELECT row FROM load_op WHERE state = 'planned' AND kind = 'create')";
        Ok(self.db().prepare_cached(sql)?.execute(params![Outcome::Conflict.word(), why, class])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::journal::PlannedRow;
    use crate::load::target::{Operation, OperationKind, Planned};
    use rusqlite::Connection;
    use serde_json::{Value, json};

    fn planned(row: u64, class: &str) -> PlannedRow {
        let create =
            Operation { kind: OperationKind::Create, body: json!({"row": row}), before: Value::Null };
        PlannedRow {
            row,
            id: None,
            class: Some(class.to_owned()),
            outcome: None,
            field: None,
            value: None,
            reason: None,
            planned: Planned { operations: vec![create], ..Planned::default() },
            extra: 0,
        }
    }

    #[test]
    fn a_create_is_known_by_each_of_its_keys() {
        let mut journal = Journal::new(Connection::open_in_memory().unwrap()).unwrap();
        for (row, class) in [(1, "key 0 a"), (2, "key 0 b"), (3, "key 0 c")] {
            journal.add(&planned(row, class)).unwrap();
        }
        journal.note_further_keys(1, &["key 0 z".into(), "key 1 +1".into()]).unwrap();
        journal.note_further_keys(2, &["key 1 +2".into()]).unwrap();
        assert_eq!(journal.further_keys(1).unwrap(), ["key 0 z", "key 1 +1"]);
        assert!(journal.further_keys(3).unwrap().is_empty());
        journal.missed(2, 0).unwrap();
        assert_eq!(journal.doubt_missed_creates("key 1 +1").unwrap(), 0, "it was not sent");
        assert_eq!(journal.doubt_missed_creates("key 1 +2").unwrap(), 0, "it is but a further key");
        assert_eq!(journal.doubt_missed_creates("key 0 b").unwrap(), 1);
        assert_eq!(journal.refuse_planned_creates("key 1 +2", "taken").unwrap(), 0, "it is in doubt");
        assert_eq!(journal.refuse_planned_creates("key 1 +1", "taken").unwrap(), 1);
        assert_eq!(journal.refuse_planned_creates("key 0 c", "taken").unwrap(), 1);
        assert!(journal.next(0, 9).unwrap().is_empty());
        journal.transaction(|journal| journal.clear()).unwrap();
        assert!(journal.further_keys(1).unwrap().is_empty());
    }
}
