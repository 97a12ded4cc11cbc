//! Rows that have no way on, with the reason: broken rows of a file, and rows that a mapping refuses.
//!
//! Kept in the run's checkpoint until `rejected.csv` is written from them. Rows are gathered in memory and
//! written in one transaction, over a connection of their own: an open transaction would lock out the stage that
//! writes to the same checkpoint. So a stage calls [`Rejects::commit`] before it counts a page as finished; what
//! it then repeats after a crash takes the place of what was there.

use crate::error::Result;
use crate::run::checkpoint;
use rusqlite::{Connection, Row, params};
use std::path::Path;

/// The rejected rows of a run.
pub struct Rejects {
    db: Connection,
    gathered: Vec<RejectedRow>,
}

/// Why a row has no way on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The source row, from 1.
    pub row: u64,
    /// Physical line in the file, where there is one.
    pub line: Option<u64>,
    /// The stage that refused it: `extract`, `transform`.
    pub stage: String,
    /// The field in question.
    pub field: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// Why, for people.
    pub reason: String,
    /// The row as it stood in the file, where it could not be taken apart.
    pub raw: Option<String>,
}

/// Rows gathered before they are written.
const BATCH: usize = 1_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS reject(
        row INTEGER NOT NULL, line INTEGER, stage TEXT NOT NULL, field TEXT, value TEXT, reason TEXT NOT NULL,
        raw TEXT, PRIMARY KEY(row, stage)) WITHOUT ROWID;";

impl Rejects {
    /// Opens the rejects of the run in `folder`, those of earlier lives included.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn open(folder: &Path) -> Result<Self> {
        let db = checkpoint::open(&folder.join(checkpoint::FILE))?;
        db.execute_batch(TABLES)?;
        Ok(Self { db, gathered: Vec::new() })
    }

    /// Adds a row; durable after the next [`Rejects::commit`].
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn add(&mut self, rejected: RejectedRow) -> Result<()> {
        self.gathered.push(rejected);
        if self.gathered.len() >= BATCH { self.commit() } else { Ok(()) }
    }

    /// Makes everything added so far durable.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn commit(&mut self) -> Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let transaction = self.db.unchecked_transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO reject(row, line, stage, field, value, reason, raw)
                 VALUES(?, ?, ?, ?, ?, ?, ?)",
            )?;
            for rejected in &self.gathered {
                insert.execute(params![
                    rejected.row,
                    rejected.line,
                    rejected.stage,
                    rejected.field,
                    rejected.value,
                    rejected.reason,
                    rejected.raw
                ])?;
            }
        }
        transaction.commit()?;
        self.gathered.clear();
        Ok(())
    }

    /// Forgets what a stage refused: it begins again, perhaps with another mapping.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn forget(&mut self, stage: &str) -> Result<()> {
        self.gathered.retain(|rejected| rejected.stage != stage);
        self.db.execute("DELETE FROM reject WHERE stage = ?", [stage])?;
        Ok(())
    }

    /// How many rows were rejected.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn count(&mut self) -> Result<u64> {
        self.commit()?;
        Ok(self.db.query_row("SELECT count(DISTINCT row) FROM reject", [], |row| row.get(0))?)
    }

    /// How many rows one stage rejected.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn count_of(&mut self, stage: &str) -> Result<u64> {
        self.commit()?;
        let sql = "SELECT count(*) FROM reject WHERE stage = ?";
        Ok(self.db.query_row(sql, [stage], |row| row.get(0))?)
    }

    /// The next rejected rows in row order, then by stage, after the given row and stage; at most `most`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn after(&mut self, row: u64, stage: &str, most: usize) -> Result<Vec<RejectedRow>> {
        self.commit()?;
        let mut query = self.db.prepare_cached(
            "SELECT row, line, stage, field, value, reason, raw FROM reject
             WHERE (row, stage) > (?, ?) ORDER BY row, stage LIMIT ?",
        )?;
        let rows = query.query_map(params![row, stage, most as i64], rejected)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn rejected(row: &Row<'_>) -> rusqlite::Result<RejectedRow> {
    Ok(RejectedRow {
        row: row.get(0)?,
        line: row.get(1)?,
        stage: row.get(2)?,
        field: row.get(3)?,
        value: row.get(4)?,
        reason: row.get(5)?,
        raw: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(row: u64, stage: &str) -> RejectedRow {
        RejectedRow {
            row,
            line: Some(row + 1),
            stage: stage.into(),
            field: Some("Email".into()),
            value: None,
            reason: format!("row {row} is no good"),
            raw: None,
        }
    }

    #[test]
    fn rows_come_back_in_order_from_a_later_life() {
        let folder = tempfile::tempdir().unwrap();
        let mut rejects = Rejects::open(folder.path()).unwrap();
        for row in [7, 3, 5] {
            rejects.add(reject(row, "transform")).unwrap();
        }
        rejects.add(reject(3, "extract")).unwrap();
        rejects.commit().unwrap();
        drop(rejects);
        let mut rejects = Rejects::open(folder.path()).unwrap();
        rejects.add(reject(3, "transform")).unwrap();
        assert_eq!(rejects.count().unwrap(), 3, "repeated rows count once");
        let first = rejects.after(0, "", 2).unwrap();
        assert_eq!(first, [reject(3, "extract"), reject(3, "transform")]);
        let rest = rejects.after(3, "transform", 10).unwrap();
        assert_eq!(rest, [reject(5, "transform"), reject(7, "transform")]);
        rejects.forget("transform").unwrap();
        assert_eq!((rejects.count().unwrap(), rejects.count_of("extract").unwrap()), (1, 1));
    }

    #[test]
    fn another_connection_can_write_while_rejects_are_gathered() {
        let folder = tempfile::tempdir().unwrap();
        let mut rejects = Rejects::open(folder.path()).unwrap();
        rejects.add(reject(1, "extract")).unwrap();
        let other = checkpoint::open(&folder.path().join(checkpoint::FILE)).unwrap();
        other.busy_timeout(std::time::Duration::ZERO).unwrap();
        other.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES(1);").unwrap();
        rejects.commit().unwrap();
        assert_eq!(rejects.count().unwrap(), 1);
    }
}
