//! What a run that deletes keeps in the journal: the ids that the file names, and for each record that was found
//! the delete, with what the record was like.

use super::{Journal, Outcome, json};
use crate::error::Result;
use crate::load::target::{Change, Operation};
use rusqlite::{OptionalExtension, params};

impl Journal {
    /// Makes rows quick to find by their id.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn index_ids(&self) -> Result<()> {
        let sql = "CREATE INDEX IF NOT EXISTS load_row_id ON load_row(id) WHERE id IS NOT NULL";
        Ok(self.db.execute_batch(sql)?)
    }

    /// Takes an id for a row of the file; the earlier row that names it already, if any.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn name(&self, row: u64, id: &str) -> Result<Option<u64>> {
        let mut query = self.db.prepare_cached("SELECT row FROM load_row WHERE id = ?")?;
        let earlier: Option<u64> = query.query_row([id], |row| row.get(0)).optional()?;
        if earlier.is_none() {
            let mut insert = self.db.prepare_cached("INSERT INTO load_row(row, id) VALUES(?, ?)")?;
            insert.execute(params![row, id])?;
        }
        Ok(earlier)
    }

    /// Rows that name an id, each another.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn named(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM load_row WHERE id IS NOT NULL AND outcome IS NULL";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }

    /// The next rows after `after` whose id has not been looked for, at most `most`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn to_find(&self, after: u64, most: usize) -> Result<Vec<(u64, String)>> {
        let mut query = self.db.prepare_cached(
            "SELECT row, id FROM load_row WHERE row > ? AND id IS NOT NULL AND outcome IS NULL ORDER BY row LIMIT ?",
        )?;
        let rows = query.query_map(params![after, most as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Plans the delete of a row's record; `shown` is what people recognise it by.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn plan_delete(&self, row: u64, operation: &Operation, shown: &[Change]) -> Result<()> {
        self.add_operation(row, 0, operation)?;
        self.db
            .prepare_cached("UPDATE load_row SET changes = ? WHERE row = ?")?
            .execute(params![json(&shown)?, row])?;
        Ok(())
    }

    /// Rejects a row because of its `_id`; the row is made where the file named none.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn reject_id(&self, row: u64, id: Option<&str>, why: &str) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO load_row(row, outcome, field, value, reason) VALUES(?1, ?2, '_id', ?3, ?4)
                 ON CONFLICT(row) DO UPDATE SET id = NULL, outcome = ?2, field = '_id', value = ?3, reason = ?4",
            )?
            .execute(params![row, Outcome::Rejected.word(), id, why])?;
        Ok(())
    }
}
