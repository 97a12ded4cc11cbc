//! What an undo asks of the journal of the run that it takes back, and what it keeps in its own.

use super::{Journal, Outcome};
use crate::error::Result;
use crate::load::target::Operation;
use rusqlite::{OptionalExtension, params};
use serde_json::Value;

/// A row of a load that wrote something, or may have.
#[derive(Debug, Clone)]
pub struct Written {
    /// The source row.
    pub row: u64,
    /// Its record, where one is known.
    pub id: Option<String>,
    /// What was carried out, in order.
    pub operations: Vec<Operation>,
    /// When the last of it was sent, in Unix milliseconds of the server's clock.
    pub sent_ms: i64,
    /// Whether its record was found at the service after its answer was lost.
    pub adopted: bool,
    /// Why nobody can tell whether it was carried out, where that is so.
    pub in_doubt: Option<String>,
}

/// The fact that names the run by which a run was taken back.
const UNDONE_BY: &str = "undone by";

impl Journal {
    /// The run that began to take this one back, if any did.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn undone_by(&self) -> Result<Option<String>> {
        self.fact(UNDONE_BY)
    }

    /// Notes that a run begins to take this one back: from now on nothing more of it is sent.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn begin_undo(&self, by: &str) -> Result<()> {
        self.set_fact(UNDONE_BY, by)
    }

    /// Opens rows again that were left in doubt: another sweep may tell what became of them.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn reopen_doubts(&self) -> Result<()> {
        let sql = "UPDATE load_row SET outcome = NULL WHERE outcome = ? AND row IN
                       (SELECT row FROM load_op WHERE state = 'doubt')";
        self.db.execute(sql, [Outcome::InDoubt.word()])?;
        Ok(())
    }

    /// Rows that wrote something, or of which that is in doubt, after `after`, at most `most`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn written(&self, after: u64, most: usize) -> Result<Vec<Written>> {
        let mut query = self.db.prepare_cached(
            "SELECT r.row, r.id, max(o.adopted), max(o.state IN ('intent', 'doubt')),
                    coalesce(r.reason, max(o.answer), '')
             FROM load_row r JOIN load_op o USING(row)
             WHERE r.row > ? AND o.state IN ('done', 'intent', 'doubt') GROUP BY r.row ORDER BY r.row LIMIT ?",
        )?;
        let rows = query.query_map(params![after, most as i64], |row| {
            let (number, id, adopted) = (row.get::<_, u64>(0)?, row.get(1)?, row.get(2)?);
            Ok((number, id, adopted, row.get::<_, bool>(3)?, row.get::<_, String>(4)?))
        })?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let written = |(row, id, adopted, in_doubt, why): (u64, Option<String>, bool, bool, String)| {
            let (operations, sent_ms) = self.carried_out(row)?;
            let in_doubt = in_doubt.then_some(why);
            Ok(Written { row, id, operations, sent_ms, adopted, in_doubt })
        };
        rows.into_iter().map(written).collect()
    }

    /// Whether the run wrote to the record, or made it.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn wrote(&self, id: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM load_row r JOIN load_op o USING(row) WHERE r.id = ? AND o.state = 'done'";
        Ok(self.db.prepare_cached(sql)?.exists([id])? || self.made(id)?)
    }

    /// The last row.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn last_row(&self) -> Result<u64> {
        Ok(self.db.query_row("SELECT coalesce(max(row), 0) FROM load_row", [], |row| row.get(0))?)
    }

    /// Records that are known as made on the side of the run's and are no row's own, after the id `after`. The
    /// service may have had them before.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn on_the_side(&self, after: &str, most: usize) -> Result<Vec<String>> {
        let mut query = self.db.prepare_cached(
            "SELECT id FROM load_also a WHERE id > ?
                 AND NOT EXISTS (SELECT 1 FROM load_op o WHERE o.made = a.id) ORDER BY id LIMIT ?",
        )?;
        let ids = query.query_map(params![after, most as i64], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Holds a planned row back until others are done.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn hold(&self, row: u64) -> Result<()> {
        self.db.prepare_cached("UPDATE load_op SET state = 'held' WHERE row = ?")?.execute([row])?;
        Ok(())
    }

    /// Rows that are held back, after `after`, with their records.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn held(&self, after: u64, most: usize) -> Result<Vec<(u64, String)>> {
        let mut query = self.db.prepare_cached(
            "SELECT DISTINCT r.row, r.id FROM load_op o JOIN load_row r USING(row)
             WHERE o.state = 'held' AND r.outcome IS NULL AND r.row > ? ORDER BY r.row LIMIT ?",
        )?;
        let rows = query.query_map(params![after, most as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Lets a row go that was held back; `before` is what its record is like now.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn release(&self, row: u64, before: &Value) -> Result<()> {
        let sql = "UPDATE load_body SET before = ? WHERE row = ?";
        self.db.prepare_cached(sql)?.execute(params![before.to_string(), row])?;
        self.db.prepare_cached("UPDATE load_op SET state = 'planned' WHERE row = ?")?.execute([row])?;
        Ok(())
    }

    /// Whether the row of a record came to an end that leaves the record where it is.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn leaves(&self, id: &str) -> Result<bool> {
        let mut query = self.db.prepare_cached("SELECT outcome FROM load_row WHERE id = ?")?;
        let outcome: Option<Option<String>> = query.query_row([id], |row| row.get(0)).optional()?;
        let gone = [None, Some(Outcome::Deleted), Some(Outcome::Unchanged), Some(Outcome::Updated)];
        Ok(outcome.is_none_or(|word| !gone.contains(&word.as_deref().and_then(Outcome::from_word))))
    }

    /// Whether a row deletes.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn is_delete(&self, row: u64) -> Result<bool> {
        let sql = "SELECT 1 FROM load_op WHERE row = ? AND kind = 'delete'";
        Ok(self.db.prepare_cached(sql)?.exists([row])?)
    }

    /// Rows of which only a part could be restored are in conflict: they were planned with the reason.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn name_partly_restored(&self) -> Result<()> {
        let sql = "UPDATE load_row SET outcome = ? WHERE outcome = ? AND reason IS NOT NULL";
        self.db.execute(sql, [Outcome::Conflict.word(), Outcome::Updated.word()])?;
        Ok(())
    }
}
