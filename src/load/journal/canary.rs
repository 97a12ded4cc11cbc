//! What a canary asks: how far its rows go, and what was done for them.

use super::{Journal, Outcome, Pending, pending};
use crate::error::{Error, Result};
use rusqlite::{OptionalExtension, params};

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
        let sql = "SELECT count(DISTINCT row) FROM load_op WHERE row <= ?";
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

    /// What was done for the next rows after `after`, up to `until`, and the last of these rows; none when there
    /// are no more.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn done_operations(
        &self,
        after: u64,
        until: u64,
        most: usize,
    ) -> Result<(Option<u64>, Vec<Pending>)> {
        let last = "SELECT max(row) FROM (SELECT DISTINCT row FROM load_op
                    WHERE row > ? AND row <= ? AND state = 'done' ORDER BY row LIMIT ?)";
        let last: Option<Option<u64>> = self
            .db()
            .prepare_cached(last)?
            .query_row(params![after, until, most as i64], |row| row.get(0))
            .optional()?;
        let Some(last) = last.flatten() else { return Ok((None, Vec::new())) };
        let mut query = self.db().prepare_cached(
            "SELECT o.row, o.seq, o.kind, b.body, b.before, r.id, r.class
             FROM load_op o JOIN load_body b USING(row, seq) JOIN load_row r USING(row)
             WHERE o.row > ? AND o.row <= ? AND o.state = 'done' AND r.outcome IN ('created', 'updated')
             ORDER BY o.row, o.seq",
        )?;
        let rows = query.query_map(params![after, last], pending)?;
        let operations: Result<Vec<_>> =
            rows.map(|row| row.map_err(Error::from).and_then(|pending| pending)).collect();
        Ok((Some(last), operations?))
    }
}
