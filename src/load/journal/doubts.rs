//! Operations in doubt: parked, found again after a crash, looked for in vain.

use super::{Doubtful, Journal, pending};
use crate::error::{Error, Result};
use rusqlite::params;

/// Sweeps in vain that followed a 5xx, by operation. A table of its own, for few operations have any and older
/// checkpoints have none.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS load_failed(
        row INTEGER NOT NULL, seq INTEGER NOT NULL, failures INTEGER NOT NULL, PRIMARY KEY(row, seq)) WITHOUT ROWID;";

pub(super) const CLEAR: &str = "DELETE FROM load_failed;";

impl Journal {
    /// Parks an operation whose answer was lost.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn doubt(&self, row: u64, seq: u32, why: &str, server_error: bool) -> Result<()> {
        self.db()
            .prepare_cached(
                "UPDATE load_op SET state = 'doubt', answer = ?, server_error = ? WHERE row = ? AND seq = ?",
            )?
            .execute(params![why, server_error, row, seq])?;
        Ok(())
    }

    /// After a crash: every intent without an outcome is in doubt, whatever an earlier answer to it was. Returns how
    /// many there are.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn doubt_all_intents(&self) -> Result<usize> {
        let why = "the process ended before the answer was noted";
        let sql = "UPDATE load_op SET state = 'doubt', answer = ?, server_error = 0 WHERE state = 'intent'";
        Ok(self.db().execute(sql, [why])?)
    }

    /// A sweep did not find it: it will be sent again. Those that follow a 5xx are counted apart.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn missed(&self, row: u64, seq: u32) -> Result<()> {
        let failed = "INSERT INTO load_failed(row, seq, failures)
                          SELECT row, seq, 1 FROM load_op WHERE row = ? AND seq = ? AND server_error
                      ON CONFLICT(row, seq) DO UPDATE SET failures = failures + 1";
        self.db().prepare_cached(failed)?.execute(params![row, seq])?;
        self.db()
            .prepare_cached(
                "UPDATE load_op SET state = 'planned', misses = misses + 1 WHERE row = ? AND seq = ?",
            )?
            .execute(params![row, seq])?;
        Ok(())
    }

    /// Operations in doubt of rows without an outcome, in row order.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn doubts(&self) -> Result<Vec<Doubtful>> {
        let mut query = self.db().prepare_cached(
            "SELECT o.row, o.seq, o.kind, b.body, b.before, r.id, r.class, o.misses, o.server_error,
                    coalesce(o.sent_ms, 0), coalesce(o.answer, ''), coalesce(f.failures, 0)
             FROM load_op o JOIN load_sent b USING(row, seq) JOIN load_row r USING(row)
                  LEFT JOIN load_failed f USING(row, seq) WHERE o.state = 'doubt' AND r.outcome IS NULL ORDER BY o.row",
        )?;
        let rows = query.query_map([], |row| {
            let (misses, server_error, sent_ms, answer, failures) =
                (row.get(7)?, row.get(8)?, row.get(9)?, row.get(10)?, row.get(11)?);
            Ok(pending(row)?.map(|pending| Doubtful {
                pending,
                misses,
                failures,
                server_error,
                sent_ms,
                answer,
            }))
        })?;
        rows.map(|row| row.map_err(Error::from).and_then(|doubtful| doubtful)).collect()
    }

    /// Whether any operation is an intent without outcome or in doubt.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn has_open_intents(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM load_op o JOIN load_row r USING(row)
                   WHERE o.state IN ('intent', 'doubt') AND r.outcome IS NULL";
        Ok(self.db().prepare_cached(sql)?.exists([])?)
    }
}
