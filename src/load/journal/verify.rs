//! What the verification of a load keeps in the journal: each row that was read back, and how it differs from what
//! was meant. A row is judged once; one that is not judged yet is read again by the next life of the run.

use super::{Journal, kind_of, parsed};
use crate::error::Result;
use crate::load::target::{Difference, Operation};
use rusqlite::params;

/// A row to be read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    /// Its row.
    pub row: u64,
    /// Its record.
    pub id: String,
}

/// What a row's record was meant to become.
#[derive(Debug, Clone, Default)]
pub struct CarriedOut {
    /// The operations that hold: those that were sent and done, and those that a last look had shown to be so already.
    pub meant: Vec<Operation>,
    /// Which of them were sent.
    pub sent: Vec<bool>,
    /// When the last of them was sent, in Unix milliseconds of the server's clock.
    pub sent_ms: i64,
}

/// The rows of a load that were read back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// As meant.
    pub verified: u64,
    /// Something else, or not there.
    pub unverified: u64,
}

/// A field that is not as meant, with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedDifference {
    /// The source row.
    pub row: u64,
    /// The record.
    pub id: String,
    /// The field and its values.
    pub difference: Difference,
    /// What is known of how it came about.
    pub note: String,
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS load_check(row INTEGER PRIMARY KEY, as_meant INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS load_difference(
        row INTEGER NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL, meant TEXT NOT NULL, found TEXT NOT NULL,
        note TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS load_difference_row ON load_difference(row);";

impl Journal {
    /// Makes the tables of a verification if they are not there.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn begin_checks(&self) -> Result<()> {
        self.db.execute_batch(TABLES)?;
        self.index_ids()
    }

    /// Rows that were written and not judged yet, after `after`, at most `most`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn unchecked(&self, after: u64, most: usize) -> Result<Vec<Unchecked>> {
        let mut query = self.db.prepare_cached(
            "SELECT row, id FROM load_row r WHERE row > ? AND outcome IN ('created', 'updated') AND id IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM load_check c WHERE c.row = r.row) ORDER BY row LIMIT ?",
        )?;
        let rows = query.query_map(params![after, most as i64], |row| {
            Ok(Unchecked { row: row.get(0)?, id: row.get(1)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The row of a record that was written and not judged yet.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn unchecked_of(&self, id: &str) -> Result<Option<Unchecked>> {
        let mut query = self.db.prepare_cached(
            "SELECT row FROM load_row r WHERE id = ? AND outcome IN ('created', 'updated')
                 AND NOT EXISTS (SELECT 1 FROM load_check c WHERE c.row = r.row) LIMIT 1",
        )?;
        let mut rows = query.query([id])?;
        let row = rows.next()?.map(|row| row.get(0)).transpose()?;
        Ok(row.map(|row| Unchecked { row, id: id.to_owned() }))
    }

    /// The operations of a row that hold, in their order.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn carried_out(&self, row: u64) -> Result<CarriedOut> {
        let mut query = self.db.prepare_cached(
            "SELECT o.kind, b.body, b.before, coalesce(o.sent_ms, 0), o.state = 'done'
             FROM load_op o JOIN load_sent b USING(row, seq)
             WHERE o.row = ? AND o.state IN ('done', 'already') ORDER BY o.seq",
        )?;
        let mut rows = query.query([row])?;
        let mut carried_out = CarriedOut::default();
        while let Some(row) = rows.next()? {
            let kind = kind_of(&row.get::<_, String>(0)?);
            let (body, before): (String, String) = (row.get(1)?, row.get(2)?);
            carried_out.meant.push(Operation { kind, body: parsed(&body)?, before: parsed(&before)? });
            carried_out.sent.push(row.get(4)?);
            carried_out.sent_ms = carried_out.sent_ms.max(row.get(3)?);
        }
        Ok(carried_out)
    }

    /// Notes that a row is as meant.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn verified(&self, row: u64) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO load_check(row, as_meant) VALUES(?, 1)";
        self.db.prepare_cached(sql)?.execute([row])?;
        Ok(())
    }

    /// Notes how a row is not as meant.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn differs(&self, of: &Unchecked, differences: &[Difference], note: &str) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO load_check(row, as_meant) VALUES(?, 0)";
        self.db.prepare_cached(sql)?.execute([of.row])?;
        let mut insert = self.db.prepare_cached(
            "INSERT INTO load_difference(row, id, field, meant, found, note) VALUES(?, ?, ?, ?, ?, ?)",
        )?;
        for Difference { field, meant, found } in differences {
            insert.execute(params![of.row, of.id, field, meant.join("; "), found.join("; "), note])?;
        }
        Ok(())
    }

    /// Forgets the rows that were not as meant: they are to be read again.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn forget_differences(&self) -> Result<()> {
        let sql = "DELETE FROM load_check WHERE as_meant = 0; DELETE FROM load_difference;";
        Ok(self.db.execute_batch(sql)?)
    }

    /// How many rows were judged so far, and how.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn checked(&self) -> Result<Checked> {
        let sql = "SELECT coalesce(sum(as_meant), 0), coalesce(sum(1 - as_meant), 0) FROM load_check";
        Ok(self
            .db
            .query_row(sql, [], |row| Ok(Checked { verified: row.get(0)?, unverified: row.get(1)? }))?)
    }

    /// Hands over every difference, in row order.
    ///
    /// # Errors
    /// When the checkpoint cannot be used, besides the errors of `take`.
    pub fn each_difference(&self, mut take: impl FnMut(NotedDifference) -> Result<()>) -> Result<()> {
        let sql = "SELECT row, id, field, meant, found, note FROM load_difference ORDER BY row, rowid";
        let mut query = self.db.prepare(sql)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let difference =
                Difference { field: row.get(2)?, meant: vec![row.get(3)?], found: vec![row.get(4)?] };
            take(NotedDifference { row: row.get(0)?, id: row.get(1)?, difference, note: row.get(5)? })?;
        }
        Ok(())
    }
}
