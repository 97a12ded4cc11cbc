//! Links in the checkpoint: which rows wait for which records, what the others came to, and the source ids of
//! rows, for the id map (design 9.5).
//!
//! What was planned never changes: where a body names a record that the run has yet to make, it holds a
//! placeholder ([`crate::load::links::placeholder`]). The body with the id in its place is noted beside it before
//! it is sent, and `load_sent` shows what is sent. An operation that waits for a row of the same file is `later`,
//! so that nothing sends it before it is released.

use super::{Journal, Outcome, parsed};
use crate::error::Result;
use crate::load::links::{LinkNote, LinkState, is_placeholder, placeholder};
use crate::load::target::Change;
use rusqlite::{OptionalExtension, params};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS load_source(row INTEGER PRIMARY KEY, id TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS load_link(
        row INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, stream INTEGER NOT NULL,
        state TEXT NOT NULL, to_row INTEGER, why TEXT);
    CREATE INDEX IF NOT EXISTS load_link_row ON load_link(row);
    CREATE INDEX IF NOT EXISTS load_link_to ON load_link(state, stream, to_row);
    CREATE INDEX IF NOT EXISTS load_op_later ON load_op(row, seq) WHERE state = 'later';
    CREATE TABLE IF NOT EXISTS load_linked(
        row INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(row, seq)) WITHOUT ROWID;
    CREATE VIEW IF NOT EXISTS load_sent AS
        SELECT b.row, b.seq, coalesce(l.body, b.body) AS body, b.before
        FROM load_body b LEFT JOIN load_linked l ON l.row = b.row AND l.seq = b.seq;";

pub(super) const CLEAR: &str = "DELETE FROM load_source; DELETE FROM load_link; DELETE FROM load_linked;";

/// Links by what they came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCount {
    /// The field that links.
    pub field: String,
    /// Which of the linked streams.
    pub stream: usize,
    /// What they came to.
    pub state: LinkState,
    /// How many.
    pub count: u64,
}

/// A link that did not simply find its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// The source row.
    pub row: u64,
    /// What was noted.
    pub note: LinkNote,
}

/// A row's record, outcome and reason, as far as there are any.
type Settled = (Option<String>, Option<Outcome>, Option<String>);

impl Journal {
    /// The same journal for records that a load needs from another stream, or first: what its plan's read saw is
    /// in `load`, the load's checkpoint, as `stage`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn beside(self, load: &Path, stage: &str) -> Result<Self> {
        self.db.execute("ATTACH DATABASE ? AS load", [load.to_string_lossy()])?;
        Ok(Self { seen: ("load", format!("{stage}_seen")), ..self })
    }

    /// Notes the id that a row has at its source.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn note_source(&self, row: u64, id: &str) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO load_source(row, id) VALUES(?, ?)";
        self.db.prepare_cached(sql)?.execute(params![row, id])?;
        Ok(())
    }

    /// Notes what a row's links came to.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn note_links(&self, row: u64, notes: &[LinkNote]) -> Result<()> {
        let mut insert = self.db.prepare_cached(
            "INSERT INTO load_link(row, field, value, stream, state, to_row, why) VALUES(?, ?, ?, ?, ?, ?, ?)",
        )?;
        for note in notes {
            let stream = note.stream as i64;
            insert.execute(params![
                row,
                note.field,
                note.value,
                stream,
                note.state.word(),
                note.to,
                note.why
            ])?;
        }
        Ok(())
    }

    /// Rejects the rows that link to rows which will have no record, and those that link to them in turn. Returns
    /// how many.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn reject_orphans(&self) -> Result<usize> {
        let sql = "UPDATE load_row SET outcome = ?1, field = l.field, value = l.value,
                       reason = 'it links to row ' || l.to_row || ', which is ' || o.outcome
                   FROM load_link l JOIN load_row o ON o.row = l.to_row
                   WHERE l.row = load_row.row AND load_row.outcome IS NULL AND l.state = 'row'
                     AND o.id IS NULL AND o.outcome IS NOT NULL";
        let mut rejected = 0;
        loop {
            let more = self.db.prepare_cached(sql)?.execute([Outcome::Rejected.word()])?;
            self.drop_settled()?;
            rejected += more;
            if more == 0 {
                return Ok(rejected);
            }
        }
    }

    /// Rejects every row that needs a record which cannot be made.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn reject_users(&self, stream: usize, to: u64, why: &str) -> Result<()> {
        let sql = "UPDATE load_row SET outcome = ?1, field = l.field, value = l.value, reason = ?2
                   FROM load_link l WHERE l.row = load_row.row AND load_row.outcome IS NULL
                     AND l.state = 'side' AND l.stream = ?3 AND l.to_row = ?4";
        let stream = stream as i64;
        self.db.prepare_cached(sql)?.execute(params![Outcome::Rejected.word(), why, stream, to])?;
        self.drop_settled()
    }

    /// A row with an outcome has nothing to be sent: what was planned for it goes.
    fn drop_settled(&self) -> Result<()> {
        for table in ["load_body", "load_op"] {
            let rejected = Outcome::Rejected.word();
            let sql = format!(
                "DELETE FROM {table} WHERE row IN (SELECT l.row FROM load_link l JOIN load_row r USING(row)
                     WHERE r.outcome = ? AND l.state IN ('row', 'side'))"
            );
            self.db.prepare_cached(&sql)?.execute([rejected])?;
        }
        Ok(())
    }

    /// The records of a linked stream that rows still need, in order, from after `after`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn needed(&self, stream: usize, after: u64, most: usize) -> Result<Vec<u64>> {
        let sql = "SELECT DISTINCT l.to_row FROM load_link l JOIN load_row r ON r.row = l.row
                   WHERE l.state = 'side' AND l.stream = ? AND l.to_row > ? AND r.outcome IS NULL
                   ORDER BY l.to_row LIMIT ?";
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map(params![stream as i64, after, most as i64], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last record of a linked stream that a row up to `row` needs; 0 where none does. Records are numbered in
    /// the order of the rows that first need them.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn needed_up_to(&self, stream: usize, row: u64) -> Result<u64> {
        let sql = "SELECT coalesce(max(to_row), 0) FROM load_link
                   WHERE state = 'side' AND stream = ? AND row <= ?";
        let row = i64::try_from(row).unwrap_or(i64::MAX);
        Ok(self.db.prepare_cached(sql)?.query_row(params![stream as i64, row], |row| row.get(0))?)
    }

    /// Whether a row still needs this record.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn is_needed(&self, stream: usize, to: u64) -> Result<bool> {
        let sql = "SELECT 1 FROM load_link l JOIN load_row r ON r.row = l.row
                   WHERE l.state = 'side' AND l.stream = ? AND l.to_row = ? AND r.outcome IS NULL";
        Ok(self.db.prepare_cached(sql)?.exists(params![stream as i64, to])?)
    }

    /// Puts a record's id, once it is made, into everything that waits for it and was not sent yet; `Err` says
    /// why there is none, and the rows that wait for it have failed.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn supply(&self, stream: usize, to: u64, made: Result<&str, &str>) -> Result<()> {
        let sql = "SELECT DISTINCT l.row FROM load_link l JOIN load_row r ON r.row = l.row
                   WHERE l.state = 'side' AND l.stream = ? AND l.to_row = ? AND r.outcome IS NULL";
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map(params![stream as i64, to], |row| row.get(0))?;
        let rows: Vec<u64> = rows.collect::<Result<_, _>>()?;
        for row in rows {
            match made {
                Ok(id) => self.put_in(row, &placeholder(stream + 1, to), id)?,
                Err(why) => self.conclude(row, Outcome::Failed, Some(why))?,
            }
        }
        Ok(())
    }

    /// Lets go of the links whose records are there now, all that a row needs; rows whose record will never be
    /// there have failed. Returns how many operations can be sent.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn release_links(&self) -> Result<u64> {
        let sql = "SELECT o.row, o.seq FROM load_op o JOIN load_row r USING(row)
                   WHERE o.state = 'later' AND r.outcome IS NULL AND o.row > ?
                     AND NOT EXISTS (SELECT 1 FROM load_op e WHERE e.row = o.row AND e.seq < o.seq AND e.state NOT IN ('done', 'already'))
                   ORDER BY o.row LIMIT 1000";
        let (mut after, mut released) = (0, 0);
        loop {
            let mut query = self.db.prepare_cached(sql)?;
            let rows = query.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows: Vec<(u64, u32)> = rows.collect::<Result<_, _>>()?;
            let Some(last) = rows.last() else { return Ok(released) };
            after = last.0;
            for (row, seq) in rows {
                released += u64::from(self.release_one(row, seq)?);
            }
        }
    }

    fn release_one(&self, row: u64, seq: u32) -> Result<bool> {
        let mut query = self.db.prepare_cached(
            "SELECT l.to_row, o.id, o.outcome FROM load_link l LEFT JOIN load_row o ON o.row = l.to_row
             WHERE l.row = ? AND l.state = 'row'",
        )?;
        let wanted = query.query_map([row], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let wanted: Vec<(u64, Option<String>, Option<String>)> = wanted.collect::<Result<_, _>>()?;
        for (to, id, outcome) in &wanted {
            match (id, outcome) {
                (Some(id), _) => self.put_in(row, &placeholder(0, *to), id)?,
                (None, Some(outcome)) => {
                    let why =
                        format!("it links to row {to}, which is {outcome}; the rest of the row is written");
                    self.refuse(row, seq, &why)?;
                    return Ok(false);
                }
                (None, None) => return Ok(false),
            }
        }
        self.withdraw(row, seq)?;
        Ok(true)
    }

    /// The bodies of a row with an id in the place of a placeholder.
    fn put_in(&self, row: u64, placeholder: &str, id: &str) -> Result<()> {
        let mut query = self.db.prepare_cached("SELECT seq, body FROM load_sent WHERE row = ?")?;
        let bodies = query.query_map([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let bodies: Vec<(u32, String)> = bodies.collect::<Result<_, _>>()?;
        for (seq, body) in bodies.iter().filter(|(_, body)| body.contains(placeholder)) {
            let sql = "INSERT OR REPLACE INTO load_linked(row, seq, body) VALUES(?, ?, ?)";
            self.db.prepare_cached(sql)?.execute(params![row, seq, body.replace(placeholder, id)])?;
        }
        Ok(())
    }

    /// Puts the names that a row's links give to records which had no id when it was planned into its differences, or
    /// with `ids` the ids that were sent for them.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn name_links(&self, row: u64, changes: &mut [Change], ids: bool) -> Result<()> {
        let mut stand_ins: Vec<&mut String> = changes
            .iter_mut()
            .flat_map(|change| &mut change.after)
            .filter(|text| is_placeholder(text))
            .collect();
        if stand_ins.is_empty() {
            return Ok(());
        }
        let mut query = self.db.prepare_cached(
            "SELECT state, stream, to_row, value FROM load_link WHERE row = ? AND to_row IS NOT NULL",
        )?;
        let named = query.query_map([row], |link| {
            let (state, stream, to): (String, i64, u64) = (link.get(0)?, link.get(1)?, link.get(2)?);
            let kind = if LinkState::from_word(&state) == LinkState::Row { 0 } else { stream as usize + 1 };
            Ok((placeholder(kind, to), link.get(3)?))
        })?;
        let mut known: BTreeMap<String, String> = named.collect::<Result<_, _>>()?;
        if ids {
            let mut query = self.db.prepare_cached(
                "SELECT b.body, l.body FROM load_body b JOIN load_linked l USING(row, seq) WHERE row = ?",
            )?;
            let bodies = query.query_map([row], |body| Ok((body.get(0)?, body.get(1)?)))?;
            for bodies in bodies {
                let (planned, sent): (String, String) = bodies?;
                supplied(&parsed(&planned)?, &parsed(&sent)?, &mut known);
            }
        }
        for text in &mut stand_ins {
            if let Some(name) = known.get(text.as_str()) {
                (*text).clone_from(name);
            }
        }
        Ok(())
    }

    /// The outcome of a row, its record and the reason, as far as they are known.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn settled(&self, row: u64) -> Result<Option<Settled>> {
        let mut query = self.db.prepare_cached("SELECT id, outcome, reason FROM load_row WHERE row = ?")?;
        let found = query.query_row([row], |row| {
            let outcome: Option<String> = row.get(1)?;
            Ok((row.get(0)?, outcome.as_deref().and_then(Outcome::from_word), row.get(2)?))
        });
        Ok(found.optional()?)
    }

    /// Links that were not simply found, by field and what they came to.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn link_counts(&self) -> Result<Vec<LinkCount>> {
        let mut query = self.db.prepare_cached(
            "SELECT field, stream, state, count(*) FROM load_link GROUP BY field, stream, state ORDER BY 1, 2, 3",
        )?;
        let counts = query.query_map([], |row| {
            let (stream, word): (i64, String) = (row.get(1)?, row.get(2)?);
            let state = LinkState::from_word(&word);
            Ok(LinkCount { field: row.get(0)?, stream: stream as usize, state, count: row.get(3)? })
        })?;
        Ok(counts.collect::<Result<_, _>>()?)
    }

    /// Links that were not simply found, after a place in their order, which is returned with each.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn links_after(&self, after: (u64, i64), most: usize) -> Result<Vec<(i64, LinkRow)>> {
        let mut query = self.db.prepare_cached(
            "SELECT rowid, row, field, value, stream, state, to_row, why FROM load_link
             WHERE (row, rowid) > (?, ?) ORDER BY row, rowid LIMIT ?",
        )?;
        let rows = query.query_map(params![after.0, after.1, most as i64], |row| {
            let (stream, word): (i64, String) = (row.get(4)?, row.get(5)?);
            let note = LinkNote {
                field: row.get(2)?,
                value: row.get(3)?,
                stream: stream as usize,
                state: LinkState::from_word(&word),
                to: row.get(6)?,
                why: row.get(7)?,
            };
            Ok((row.get(0)?, LinkRow { row: row.get(1)?, note }))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Tells `take` which source id became which record, for every row whose record is known to be the row's.
    ///
    /// # Errors
    /// When the checkpoint cannot be used, and those of `take`.
    pub fn pairs(&self, mut take: impl FnMut(&str, &str) -> Result<()>) -> Result<()> {
        let mut query = self.db.prepare(
            "SELECT s.id, r.id FROM load_source s JOIN load_row r USING(row) WHERE r.id IS NOT NULL AND
                 (r.outcome IN ('created', 'updated', 'unchanged')
                  OR EXISTS (SELECT 1 FROM load_op o WHERE o.row = r.row AND o.state = 'done'))",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (source, target): (String, String) = (row.get(0)?, row.get(1)?);
            take(&source, &target)?;
        }
        Ok(())
    }
}

/// What stands in a body that was sent where the planned one has placeholders.
fn supplied(planned: &Value, sent: &Value, known: &mut BTreeMap<String, String>) {
    match (planned, sent) {
        (Value::String(stand_in), Value::String(id)) if stand_in != id && is_placeholder(stand_in) => {
            known.insert(stand_in.clone(), id.clone());
        }
        (Value::Array(planned), Value::Array(sent)) => {
            planned.iter().zip(sent).for_each(|(planned, sent)| supplied(planned, sent, known));
        }
        (Value::Object(planned), Value::Object(sent)) => {
            let both = planned.iter().filter_map(|(key, planned)| Some((planned, sent.get(key)?)));
            both.for_each(|(planned, sent)| supplied(planned, sent, known));
        }
        _ => {}
    }
}
