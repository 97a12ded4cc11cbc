//! What a last look before an update has to note and to ask: records that changed since the plan was made, and
//! operations that were no longer needed.

use super::{Journal, Outcome, Pending};
use crate::error::Result;
use crate::load::merge::Clash;
use rusqlite::{OptionalExtension, params};

/// What an operation's state is called when its record already held what it meant: nothing was sent.
const ALREADY: &str = "already";

impl Journal {
    /// Remembers, for this life of the run, records that changed since the plan was made.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn note_changed(&self, ids: &[String]) -> Result<()> {
        self.make_room_for_changed()?;
        let mut insert = self.db().prepare_cached("INSERT OR IGNORE INTO temp.load_changed(id) VALUES(?)")?;
        ids.iter().try_for_each(|id| insert.execute([id]).map(|_| ()))?;
        Ok(())
    }

    /// Whether a record was noted to have changed.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn has_changed(&self, id: &str) -> Result<bool> {
        self.make_room_for_changed()?;
        Ok(self.db().prepare_cached("SELECT 1 FROM temp.load_changed WHERE id = ?")?.exists([id])?)
    }

    fn make_room_for_changed(&self) -> Result<()> {
        let sql = "CREATE TEMP TABLE IF NOT EXISTS load_changed(id TEXT PRIMARY KEY) WITHOUT ROWID";
        self.db().prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Whether a create waits to be sent.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn has_unsent_creates(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM load_op o JOIN load_row r USING(row)
                   WHERE o.state = 'planned' AND o.kind = 'create' AND r.outcome IS NULL LIMIT 1";
        Ok(self.db().prepare_cached(sql)?.exists([])?)
    }

    /// Notes that an operation was not needed: its record already held what it meant. A row of which nothing was
    /// sent is then unchanged.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn already(&self, pending: &Pending) -> Result<()> {
        self.db()
            .prepare_cached("UPDATE load_op SET state = ? WHERE row = ? AND seq = ?")?
            .execute(params![ALREADY, pending.row, pending.seq])?;
        let open = "SELECT 1 FROM load_op WHERE row = ? AND state NOT IN ('done', 'already')";
        if self.db().prepare_cached(open)?.exists([pending.row])? {
            return Ok(());
        }
        let sent = "SELECT 1 FROM load_op WHERE row = ? AND state = 'done'";
        if self.db().prepare_cached(sent)?.exists([pending.row])? {
            return self.conclude(pending.row, Outcome::Updated, None);
        }
        let why = "the record has come to hold this since the plan was made";
        self.conclude(pending.row, Outcome::Unchanged, Some(why))
    }

    /// Gives a row that went stale its outcome, with the field and its value now, and notes all that clashes.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn stale(
        &self,
        row: u64,
        (field, value): (Option<&str>, Option<&str>),
        why: &str,
        clashes: &[Clash],
    ) -> Result<()> {
        self.db()
            .prepare_cached(
                "UPDATE load_row SET outcome = ?, field = ?, value = ?, reason = ? WHERE row = ?",
            )?
            .execute(params![Outcome::Conflict.word(), field, value, why, row])?;
        self.note_clashes(row, clashes)
    }

    /// The differences of a row, as they were noted.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn changes_of(&self, row: u64) -> Result<String> {
        let mut query = self.db().prepare_cached("SELECT changes FROM load_row WHERE row = ?")?;
        let text: Option<Option<String>> = query.query_row([row], |row| row.get(0)).optional()?;
        Ok(text.flatten().unwrap_or_else(|| "[]".to_owned()))
    }
}
