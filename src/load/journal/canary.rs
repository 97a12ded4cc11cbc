//! What a canary asks: how far its rows go, and what was done for them.

use super::{Journal, Outcome};
use crate::error::Result;
use rusqlite::params;

impl Journal {
    /// The row that is the `nth` of those to be sent; none where it is the last or there are fewer.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn nth_open_row(&self, nth: u64) -> Result<Option<u64>> {
        let sql = "SELECT DISTINCT o.row FROM load_op o JOIN load_row r USING(row)
                   WHERE o.state IN ('planned', 'intent', 'doubt') AND r.outcome IS NULL
                   ORDER BY o.row LIMIT 2 OFFSET ?";
        let mut query = self.db().prepare_cached(sql)?;
        let rows: Vec<u64> =
            query.query_map([nth.saturating_sub(1)], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(match rows[..] {
            [row, _] => Some(row),
            _ => None,
        })
    }

    /// Rows up to `until` that something was to be sent for.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn planned_rows(&self, until: u64) -> Result<u64> {
        let sql = "SELECT count(DISTINCT row) FROM load_op WHERE row <= ?
                   AND row NOT IN (SELECT row FROM load_op WHERE state = 'later')";
        Ok(self.db().query_row(sql, [until], |row| row.get(0))?)
    }

    /// Of these, the ones that were done, or needed nothing any more.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn succeeded_rows(&self, until: u64) -> Result<u64> {
        let sql = "SELECT count(DISTINCT r.row) FROM load_row r JOIN load_op o USING(row)
                   WHERE r.row <= ? AND r.outcome IN (?, ?, ?, ?)";
        let words = [Outcome::Created, Outcome::Updated, Outcome::Unchanged, Outcome::Deleted];
        let [created, updated, unchanged, deleted] = words.map(Outcome::word);
        let count = params![until, created, updated, unchanged, deleted];
        Ok(self.db().query_row(sql, count, |row| row.get(0))?)
    }
}
