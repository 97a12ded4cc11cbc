//! Rows that were merged with the version they were made from: what was edited, and what clashes (design 9.8).

use super::{Journal, Outcome};
use crate::error::{Error, Result};
use crate::load::merge::{Clash, Note};
use rusqlite::{OptionalExtension, params};

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

/// A record whose row was taken out of its sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The record at the target.
    pub id: String,
    /// When it was changed last before it was exported, Unix microseconds; `None` where the service did not say.
    pub updated: Option<i64>,
}

impl Journal {
    /// Notes the records that a sheet lacks of its export, in place of what was noted before.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn note_left(&self, left: &[Left]) -> Result<()> {
        self.db.execute_batch(
            "CREATE TABLE IF NOT EXISTS load_left(id TEXT PRIMARY KEY, updated INTEGER) WITHOUT ROWID;
             DELETE FROM load_left;",
        )?;
        let mut insert = self.db.prepare_cached("INSERT INTO load_left(id, updated) VALUES(?, ?)")?;
        for left in left {
            insert.execute(params![left.id, left.updated])?;
        }
        Ok(())
    }

    /// The records that [`Journal::note_left`] noted; none where it noted none.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn left(&self) -> Result<Vec<Left>> {
        let known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'load_left'";
        if !self.db.prepare_cached(known)?.exists([])? {
            return Ok(Vec::new());
        }
        let mut query = self.db.prepare_cached("SELECT id, updated FROM load_left ORDER BY id")?;
        let rows = query.query_map([], |row| Ok(Left { id: row.get(0)?, updated: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

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

    /// Notes what clashes in a row whose record was changed after the plan was made; what a merge found in it stays.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn note_clashes(&self, row: u64, clashes: &[Clash]) -> Result<()> {
        if clashes.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO load_merge(row, version, edits, conflicts) VALUES(?, 0, '{}', ?)
                   ON CONFLICT(row) DO UPDATE SET conflicts = excluded.conflicts";
        self.db.prepare_cached(sql)?.execute(params![row, super::json(&clashes)?])?;
        Ok(())
    }

    /// Whether records were made for rows of the plan.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn has_made(&self) -> Result<bool> {
        Ok(self.db.prepare_cached("SELECT 1 FROM load_op WHERE made IS NOT NULL")?.exists([])?)
    }

    /// The record that was made for a row, and whether nothing of the row is outstanding.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn made_of(&self, row: u64) -> Result<Option<(String, bool)>> {
        let sql = "SELECT o.made, r.outcome IS ? FROM load_op o JOIN load_row r USING(row)
                   WHERE o.row = ? AND o.made IS NOT NULL";
        let mut query = self.db.prepare_cached(sql)?;
        let made =
            query.query_row(params![Outcome::Created.word(), row], |made| Ok((made.get(0)?, made.get(1)?)));
        Ok(made.optional()?)
    }

    /// Whether a row is to make a record that no key tells from others, and nothing of it was sent.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn is_unsent_without_key(&self, row: u64) -> Result<bool> {
        let sql = "SELECT 1 FROM load_op o JOIN load_row r USING(row)
                   WHERE o.row = ? AND o.kind = 'create' AND o.state = 'planned' AND r.outcome IS NULL
                     AND coalesce(r.class, '') NOT LIKE 'key %'";
        Ok(self.db.prepare_cached(sql)?.exists([row])?)
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

/// The clashes that were noted of a row, for people: what the fields were, should be, and are at the service, each as
/// a JSON object of texts by field.
///
/// # Errors
/// When the text is not what [`Journal::note_merge`] or [`Journal::note_clashes`] wrote.
pub fn sides(text: &str) -> Result<[String; 3]> {
    let noted: Vec<Clash> = serde_json::from_str(text)
        .map_err(|cause| Error::stopped("the checkpoint is damaged").because(cause))?;
    let side = |of: fn(&Clash) -> &str| {
        let texts: serde_json::Map<_, _> =
            noted.iter().map(|clash| (clash.field.clone(), of(clash).into())).collect();
        serde_json::Value::Object(texts).to_string()
    };
    Ok([side(|clash| &clash.base), side(|clash| &clash.sheet), side(|clash| &clash.service)])
}
