//! What the journal adds up to: rows by outcome, what is still to be sent, and the plan's digest.

use super::{Journal, Outcome};
use crate::error::Result;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Rows without an outcome, by what is to be done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ToDo {
    /// Rows that create.
    pub creates: u64,
    /// Rows that change something.
    pub updates: u64,
    /// Rows that delete.
    pub deletes: u64,
}

impl ToDo {
    /// All of them.
    #[must_use]
    pub fn rows(self) -> u64 {
        self.creates + self.updates + self.deletes
    }
}

impl Journal {
    /// Rows by outcome; `None` counts those without one.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn counts(&self) -> Result<BTreeMap<Option<Outcome>, u64>> {
        let mut query = self.db.prepare_cached("SELECT outcome, count(*) FROM load_row GROUP BY outcome")?;
        let rows =
            query.query_map([], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, u64>(1)?)))?;
        let mut counts = BTreeMap::new();
        for row in rows {
            let (word, count) = row?;
            *counts.entry(word.as_deref().and_then(Outcome::from_word)).or_default() += count;
        }
        Ok(counts)
    }

    /// What a plan is about to do.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn to_do(&self) -> Result<ToDo> {
        let sql = "SELECT coalesce(sum(create_), 0), coalesce(sum(1 - create_ - delete_), 0), coalesce(sum(delete_), 0)
                   FROM (SELECT max(o.kind = 'create') AS create_, max(o.kind = 'delete') AS delete_
                         FROM load_row r JOIN load_op o USING(row) WHERE r.outcome IS NULL GROUP BY r.row)";
        let to_do = self.db.query_row(sql, [], |row| {
            Ok(ToDo { creates: row.get(0)?, updates: row.get(1)?, deletes: row.get(2)? })
        });
        Ok(to_do?)
    }

    /// Operations still to be sent, or in doubt.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn open_operations(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM load_op o JOIN load_row r USING(row)
                   WHERE r.outcome IS NULL AND o.state IN ('planned', 'later', 'intent', 'doubt')";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }

    /// Values dropped because their place holds one, over all rows.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn extra(&self) -> Result<u64> {
        Ok(self.db.query_row("SELECT coalesce(sum(extra), 0) FROM load_row", [], |row| row.get(0))?)
    }

    /// SHA-256 over everything planned, in hex, whatever of it was sent already: a saved plan is carried out as it
    /// was shown, or not at all.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn digest(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let mut query = self.db.prepare("SELECT o.row, o.seq, kind, body FROM load_op o JOIN load_body b USING(row, seq) ORDER BY o.row, o.seq")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (number, seq, kind, body): (u64, u64, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            hash.update(format!("{number} {seq} {kind} {body}\n"));
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
