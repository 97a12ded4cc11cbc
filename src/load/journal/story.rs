//! Everything that the journal knows of one row: what was planned for it, each request with its intent and its answer,
//! and what a verification found.

use super::{Journal, Outcome, changes, pending};
use crate::error::{Error, Result};
use crate::load::target::{Change, Operation};
use rusqlite::{OptionalExtension, params};

/// A row's way through a load.
#[derive(Debug, Clone)]
pub struct Story {
    /// The source row.
    pub row: u64,
    /// Its record at the target.
    pub id: Option<String>,
    /// By what it is told from others: key or content.
    pub class: Option<String>,
    /// What became of it; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// On what field, where it is no success.
    pub field: Option<String>,
    /// … and value.
    pub value: Option<String>,
    /// … and why.
    pub reason: Option<String>,
    /// The differences that were planned; what links lead to by its id, once that is known, else by its name.
    pub changes: Vec<Change>,
    /// Its requests in their order.
    pub requests: Vec<Request>,
    /// Whether it was read back as meant; `None` where it was not read back.
    pub as_meant: Option<bool>,
    /// Fields that were read back otherwise: what was meant, and what was found.
    pub differences: Vec<Change>,
}

/// A request of a row.
#[derive(Debug, Clone)]
pub struct Request {
    /// What was sent, or is to be.
    pub operation: Operation,
    /// `planned`, `intent`, `done`, `refused` or `doubt`.
    pub state: String,
    /// When it was last sent by the server's clock, Unix milliseconds.
    pub sent_ms: Option<i64>,
    /// What was seen instead of an answer, or the refusal.
    pub answer: Option<String>,
    /// Sweeps that did not find it.
    pub misses: u32,
    /// The record that it made.
    pub made: Option<String>,
    /// Whether that record was found after the answer was lost.
    pub adopted: bool,
}

impl Journal {
    /// What is known of a row; `None` where the plan has no such row.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn story(&self, row: u64) -> Result<Option<Story>> {
        let sql = "SELECT id, class, outcome, field, value, reason, changes FROM load_row WHERE row = ?";
        let found = self.db.prepare_cached(sql)?.query_row([row], |found| {
            let word: Option<String> = found.get(2)?;
            let noted: Option<String> = found.get(6)?;
            let story = Story {
                row,
                id: found.get(0)?,
                class: found.get(1)?,
                outcome: word.as_deref().and_then(Outcome::from_word),
                field: found.get(3)?,
                value: found.get(4)?,
                reason: found.get(5)?,
                changes: Vec::new(),
                requests: Vec::new(),
                as_meant: None,
                differences: Vec::new(),
            };
            Ok((story, noted))
        });
        let Some((mut story, noted)) = found.optional()? else { return Ok(None) };
        story.changes = noted.as_deref().map(changes).transpose()?.unwrap_or_default();
        self.name_links(row, &mut story.changes, true)?;
        story.requests = self.requests(row)?;
        if self.was_checked()? {
            story.as_meant = self.check_of(row)?;
            story.differences = self.differences_of(row)?;
        }
        Ok(Some(story))
    }

    /// The rows of a record: those that were matched with it or that made it.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn rows_of(&self, id: &str) -> Result<Vec<u64>> {
        let sql =
            "SELECT row FROM load_row WHERE id = ?1 UNION SELECT row FROM load_op WHERE made = ?1 ORDER BY 1";
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map([id], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn requests(&self, row: u64) -> Result<Vec<Request>> {
        let mut query = self.db.prepare_cached(
            "SELECT o.row, o.seq, o.kind, b.body, b.before, NULL, NULL, o.state, o.sent_ms, o.answer, o.misses, o.made,
                    o.adopted
             FROM load_op o JOIN load_sent b USING(row, seq) WHERE o.row = ? ORDER BY o.seq",
        )?;
        let rows = query.query_map(params![row], |found| {
            let (state, sent_ms, answer) = (found.get(7)?, found.get(8)?, found.get(9)?);
            let (misses, made, adopted) = (found.get(10)?, found.get(11)?, found.get(12)?);
            Ok(pending(found)?.map(|pending| Request {
                operation: pending.operation,
                state,
                sent_ms,
                answer,
                misses,
                made,
                adopted,
            }))
        })?;
        rows.map(|row| row.map_err(Error::from).and_then(|request| request)).collect()
    }

    /// Whether the run has read back what it wrote.
    fn was_checked(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE name = 'load_check'";
        Ok(self.db.prepare_cached(sql)?.exists([])?)
    }

    fn check_of(&self, row: u64) -> Result<Option<bool>> {
        let mut query = self.db.prepare_cached("SELECT as_meant FROM load_check WHERE row = ?")?;
        Ok(query.query_row([row], |row| row.get(0)).optional()?)
    }

    fn differences_of(&self, row: u64) -> Result<Vec<Change>> {
        let sql = "SELECT field, meant, found FROM load_difference WHERE row = ? ORDER BY rowid";
        let mut query = self.db.prepare_cached(sql)?;
        let found = query.query_map([row], |found| {
            Ok(Change { field: found.get(0)?, before: vec![found.get(1)?], after: vec![found.get(2)?] })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
