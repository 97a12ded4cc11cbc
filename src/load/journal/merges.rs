//! Rows that were merged with the version they were made from: what was edited, and what clashes (design 9.8).

use super::{Journal, Outcome};
use crate::error::{Error, Result};
use crate::load::merge::{Clash, Note};
use rusqlite::params;

/// A row that the service now agrees with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The record at the target.
    pub id: String,
    /// The version that the row carries, Unix milliseconds.
    pub version: i64,
    /// The edited cells, as [`Note::edits`] as JSON.
    pub edits: String,
}

impl Journal {
    /// Notes what a merge found in a row.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn note_merge(&self, row: u64, note: &Note) -> Result<()> {
        let conflicts = match note.clashes.as_slice() {
            [] => None,
            clashes => Some(super::json(&clashes)?),
        };
        self.db
            .prepare_cached("INSERT INTO load_merge(row, version, edits, conflicts) VALUES(?, ?, ?, ?)")?
            .execute(params![row, note.version, super::json(&note.edits)?, conflicts])?;
        Ok(())
    }

    /// Hands over the rows with edits that the service holds now, because they were written or were there.
    ///
    /// # Errors
    /// When the checkpoint cannot be used, and those of `take`.
    pub fn edited_rows(&self, mut take: impl FnMut(Edited) -> Result<()>) -> Result<()> {
        let sql = "SELECT r.id, m.version, m.edits FROM load_merge m JOIN load_row r USING(row)
                   WHERE m.edits <> '{}' AND r.id IS NOT NULL AND r.outcome IN (?, ?) ORDER BY row";
        let mut query = self.db.prepare_cached(sql)?;
        let mut rows = query.query([Outcome::Updated.word(), Outcome::Unchanged.word()])?;
        while let Some(row) = rows.next()? {
            take(Edited { id: row.get(0)?, version: row.get(1)?, edits: row.get(2)? })?;
        }
        Ok(())
    }
}

/// The clashes of a row, as noted.
///
/// # Errors
/// When the text is not what [`Journal::note_merge`] wrote.
pub fn clashes(text: &str) -> Result<Vec<Clash>> {
    serde_json::from_str(text).map_err(|cause| Error::stopped("the checkpoint is damaged").because(cause))
}
