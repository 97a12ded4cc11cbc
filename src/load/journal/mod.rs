//! The load's tables in the checkpoint: every row with its outcome, every operation with its intent and its
//! answer (design section 9.2).
//!
//! An operation is `planned` (`later` where it waits for a record, see `links`), then `intent` (committed before
//! it is sent), then `done`, `refused` or `doubt`; or `already`, where a last look has shown that it is not needed.
//! After a crash whatever is still `intent` is in doubt. What is sent never changes, so it stands apart from the
//! state: a state is then written in a few bytes.

mod canary;
mod deletions;
mod doubts;
mod earlier;
mod keys;
mod links;
mod looks;
mod merges;
mod story;
mod totals;
mod undo;
mod verify;

pub use super::links::LinkState;
pub use super::outcome::Outcome;
pub use earlier::{Earlier, Standing};
pub use links::{LinkCount, LinkRow};
pub use merges::{Edited, Left, sides};
pub use story::{Request, Story};
pub use totals::ToDo;
pub use undo::Written;
pub use verify::{CarriedOut, Checked, NotedDifference, Unchecked};

use super::target::{Change, Operation, OperationKind, Planned};
use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A row as planned.
#[derive(Debug, Clone)]
pub struct PlannedRow {
    /// Source row.
    pub row: u64,
    /// The record at the target, where one was matched.
    pub id: Option<String>,
    /// For creates: what cannot be told from it; key or content.
    pub class: Option<String>,
    /// What is already certain: unchanged, skipped, rejected, conflict.
    pub outcome: Option<Outcome>,
    /// Where `outcome` is no success: on what field.
    pub field: Option<String>,
    /// … and value.
    pub value: Option<String>,
    /// … and why.
    pub reason: Option<String>,
    /// What has to be sent.
    pub planned: Planned,
    /// Values dropped because their place holds one.
    pub extra: u64,
}

/// An operation to send.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its row.
    pub row: u64,
    /// Its place among the row's operations, from 0.
    pub seq: u32,
    /// What to send.
    pub operation: Operation,
    /// The record it is for, once there is one.
    pub id: Option<String>,
    /// The class of a create.
    pub class: Option<String>,
    /// The classes of its further keys, where they were asked for ([`Journal::further_keys`]).
    pub further: Vec<String>,
}

/// An operation in doubt.
#[derive(Debug, Clone)]
pub struct Doubtful {
    /// What was sent.
    pub pending: Pending,
    /// Sweeps that did not find it.
    pub misses: u32,
    /// How many of them followed a 5xx.
    pub failures: u32,
    /// Whether its last answer was a 5xx.
    pub server_error: bool,
    /// When it was sent by the server's clock, Unix milliseconds.
    pub sent_ms: i64,
    /// What was seen.
    pub answer: String,
}

/// The load's part of a run's checkpoint.
pub struct Journal {
    db: Connection,
    /// The database and the table of the ids that the plan's read saw.
    seen: (&'static str, String),
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS load_row(
        row INTEGER PRIMARY KEY, id TEXT, class TEXT, outcome TEXT, field TEXT, value TEXT, reason TEXT,
        changes TEXT, extra INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS load_body(
        row INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, before TEXT NOT NULL,
        PRIMARY KEY(row, seq)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS load_op(
        row INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'planned', sent_ms INTEGER, answer TEXT, misses INTEGER NOT NULL DEFAULT 0,
        server_error INTEGER NOT NULL DEFAULT 0, made TEXT, adopted INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY(row, seq)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS load_op_open ON load_op(state, row, seq) WHERE state IN ('planned', 'intent', 'doubt');
    CREATE INDEX IF NOT EXISTS load_op_made ON load_op(made) WHERE made IS NOT NULL;
    CREATE TABLE IF NOT EXISTS load_merge(row INTEGER PRIMARY KEY, version INTEGER NOT NULL, edits TEXT NOT NULL, conflicts TEXT);
    CREATE TABLE IF NOT EXISTS load_also(id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS load_fact(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

impl Journal {
    /// Takes a checkpoint's connection; makes the tables if they are not there.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn new(db: Connection) -> Result<Self> {
        db.execute_batch(&format!(
            "BEGIN; {TABLES} {} {} {} COMMIT;",
            links::TABLES,
            keys::TABLES,
            doubts::TABLES
        ))?;
        Ok(Self { db, seen: ("main", "target_seen".to_owned()) })
    }

    /// Runs `work` in one transaction.
    ///
    /// # Errors
    /// What `work` says, or when the disk is full; nothing of it is kept then.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        match work(self) {
            Ok(value) => {
                self.db.prepare_cached("COMMIT")?.execute([])?;
                Ok(value)
            }
            Err(error) => {
                self.db.execute_batch("ROLLBACK")?;
                Err(error)
            }
        }
    }

    /// Forgets a plan, an unfinished one or one of which nothing was sent.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn clear(&self) -> Result<()> {
        let sql = "DELETE FROM load_row; DELETE FROM load_op; DELETE FROM load_body; DELETE FROM load_also; DELETE FROM load_merge; DELETE FROM load_fact;";
        self.db.execute_batch(links::CLEAR)?;
        self.db.execute_batch(keys::CLEAR)?;
        self.db.execute_batch(doubts::CLEAR)?;
        Ok(self.db.execute_batch(sql)?)
    }

    /// Whether anything of the plan was sent, or was about to be.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn has_begun(&self) -> Result<bool> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT 1 FROM load_op WHERE state NOT IN ('planned', 'later', 'held') OR misses > 0",
            )?
            .exists([])?)
    }

    /// A fact that was noted.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn fact(&self, key: &str) -> Result<Option<String>> {
        let mut query = self.db.prepare_cached("SELECT value FROM load_fact WHERE key = ?")?;
        Ok(query.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Notes a fact.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn set_fact(&self, key: &str, value: &str) -> Result<()> {
        self.db
            .prepare_cached("INSERT OR REPLACE INTO load_fact(key, value) VALUES(?, ?)")?
            .execute([key, value])?;
        Ok(())
    }

    /// Notes a planned row.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn add(&self, planned: &PlannedRow) -> Result<()> {
        let changes = match planned.planned.changes.as_slice() {
            [] => None,
            changes => Some(json(&changes)?),
        };
        self.db
            .prepare_cached(
                "INSERT INTO load_row(row, id, class, outcome, field, value, reason, changes, extra)
                 VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                planned.row,
                planned.id,
                planned.class,
                planned.outcome.map(Outcome::word),
                planned.field,
                planned.value,
                planned.reason,
                changes,
                planned.extra
            ])?;
        for (seq, operation) in planned.planned.operations.iter().enumerate() {
            self.add_operation(planned.row, seq as i64, operation)?;
        }
        Ok(())
    }

    fn add_operation(&self, row: u64, seq: i64, operation: &Operation) -> Result<()> {
        let mut insert =
            self.db.prepare_cached("INSERT INTO load_op(row, seq, kind, state) VALUES(?, ?, ?, ?)")?;
        let state = if operation.kind == OperationKind::Link { "later" } else { "planned" };
        insert.execute(params![row, seq, kind_word(operation.kind), state])?;
        let sql = "INSERT INTO load_body(row, seq, body, before) VALUES(?, ?, ?, ?)";
        let (body, before) = (operation.body.to_string(), operation.before.to_string());
        self.db.prepare_cached(sql)?.execute(params![row, seq, body, before])?;
        Ok(())
    }

    /// The next rows that have a planned operation and nothing in doubt, after `after`: their first planned
    /// operation each.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn next(&self, after: u64, most: usize) -> Result<Vec<Pending>> {
        let mut query = self.db.prepare_cached(
            "SELECT p.row, p.seq, p.kind, b.body, b.before, p.id, p.class FROM (
                 SELECT o.row, min(o.seq) AS seq, o.kind, r.id, r.class FROM load_op o JOIN load_row r USING(row)
                 WHERE o.state = 'planned' AND o.row > ? AND r.outcome IS NULL
                   AND NOT EXISTS (SELECT 1 FROM load_op d WHERE d.row = o.row AND d.state IN ('intent', 'doubt'))
                 GROUP BY o.row ORDER BY o.row LIMIT ?) p
             JOIN load_sent b ON b.row = p.row AND b.seq = p.seq ORDER BY p.row",
        )?;
        let rows = query.query_map(params![after, most as i64], pending)?;
        rows.map(|row| row.map_err(Error::from).and_then(|pending| pending)).collect()
    }

    /// The operation of a row that follows `seq`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn following(&self, row: u64, seq: u32) -> Result<Option<Pending>> {
        let mut query = self.db.prepare_cached(
            "SELECT o.row, o.seq, o.kind, b.body, b.before, r.id, r.class
             FROM load_op o JOIN load_sent b USING(row, seq) JOIN load_row r USING(row)
             WHERE o.row = ? AND o.seq > ? AND o.state = 'planned' ORDER BY o.seq LIMIT 1",
        )?;
        query.query_row(params![row, seq], pending).optional()?.transpose()
    }

    /// Notes that an operation is about to be sent, at `sent_ms` of the server's clock.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn intend(&self, row: u64, seq: u32, sent_ms: i64) -> Result<()> {
        self.db
            .prepare_cached("UPDATE load_op SET state = 'intent', sent_ms = ? WHERE row = ? AND seq = ?")?
            .execute(params![sent_ms, row, seq])?;
        Ok(())
    }

    /// Takes an intent back: nothing was sent.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn withdraw(&self, row: u64, seq: u32) -> Result<()> {
        self.db
            .prepare_cached("UPDATE load_op SET state = 'planned' WHERE row = ? AND seq = ?")?
            .execute(params![row, seq])?;
        Ok(())
    }

    /// Notes that an operation was carried out. The row has its outcome when it was the last.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn done(&self, pending: &Pending, id: &str, also: &[String], adopted: bool) -> Result<()> {
        let made = (pending.operation.kind == OperationKind::Create).then_some(id);
        self.db
            .prepare_cached(
                "UPDATE load_op SET state = 'done', made = ?, adopted = ? WHERE row = ? AND seq = ?",
            )?
            .execute(params![made, adopted, pending.row, pending.seq])?;
        if made.is_some() {
            self.db
                .prepare_cached("UPDATE load_row SET id = ? WHERE row = ?")?
                .execute(params![id, pending.row])?;
        }
        self.note_also(also)?;
        let open = "SELECT 1 FROM load_op WHERE row = ? AND state NOT IN ('done', 'already')";
        if !self.db.prepare_cached(open)?.exists([pending.row])? {
            let created = "SELECT 1 FROM load_op WHERE row = ? AND made IS NOT NULL";
            let created = self.db.prepare_cached(created)?.exists([pending.row])?;
            let outcome = match pending.operation.kind {
                OperationKind::Delete => Outcome::Deleted,
                _ if created => Outcome::Created,
                _ => Outcome::Updated,
            };
            self.conclude(pending.row, outcome, None)?;
        }
        Ok(())
    }

    /// Records that the service made on the side of ours.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn note_also(&self, ids: &[String]) -> Result<()> {
        for id in ids {
            self.db.prepare_cached("INSERT OR IGNORE INTO load_also(id) VALUES(?)")?.execute([id])?;
        }
        Ok(())
    }

    /// Notes that the service refused an operation: the row failed.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn refuse(&self, row: u64, seq: u32, why: &str) -> Result<()> {
        self.db
            .prepare_cached("UPDATE load_op SET state = 'refused', answer = ? WHERE row = ? AND seq = ?")?
            .execute(params![why, row, seq])?;
        self.conclude(row, Outcome::Failed, Some(why))
    }

    /// Gives a row its outcome.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn conclude(&self, row: u64, outcome: Outcome, reason: Option<&str>) -> Result<()> {
        self.db
            .prepare_cached("UPDATE load_row SET outcome = ?, reason = coalesce(?, reason) WHERE row = ?")?
            .execute(params![outcome.word(), reason, row])?;
        Ok(())
    }

    /// Whether this run created or adopted the record, or knows it as made on the side.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn made(&self, id: &str) -> Result<bool> {
        Ok(self.db.prepare_cached("SELECT 1 FROM load_op WHERE made = ?")?.exists([id])?
            || self.db.prepare_cached("SELECT 1 FROM load_also WHERE id = ?")?.exists([id])?)
    }

    /// Whether the plan's read saw the record.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn was_read(&self, id: &str) -> Result<bool> {
        let (database, table) = &self.seen;
        let index = format!("CREATE INDEX IF NOT EXISTS {database}.{table}_id ON {table}(id)");
        self.db.execute_batch(&index)?;
        let sql = format!("SELECT 1 FROM {database}.{table} WHERE id = ?");
        Ok(self.db.prepare_cached(&sql)?.exists([id])?)
    }

    /// The connection, for the report's own queries.
    #[must_use]
    pub fn db(&self) -> &Connection {
        &self.db
    }
}

/// The differences of a row, as noted.
///
/// # Errors
/// When the text is not what [`Journal::add`] wrote.
pub fn changes(text: &str) -> Result<Vec<Change>> {
    serde_json::from_str(text).map_err(|cause| Error::stopped("the checkpoint is damaged").because(cause))
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|cause| Error::stopped("cannot note the plan").because(cause))
}

fn kind_word(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "create",
        OperationKind::Update => "update",
        OperationKind::Link => "link",
        OperationKind::Tags => "tags",
        OperationKind::Delete => "delete",
    }
}

fn kind_of(word: &str) -> OperationKind {
    match word {
        "create" => OperationKind::Create,
        "update" => OperationKind::Update,
        "link" => OperationKind::Link,
        "delete" => OperationKind::Delete,
        _ => OperationKind::Tags,
    }
}

fn parsed(text: &str) -> Result<serde_json::Value> {
    serde_json::from_str(text).map_err(|cause| Error::stopped("the checkpoint is damaged").because(cause))
}

fn pending(row: &Row<'_>) -> rusqlite::Result<Result<Pending>> {
    let kind: String = row.get(2)?;
    let (body, before): (String, String) = (row.get(3)?, row.get(4)?);
    let operation = || -> Result<Operation> {
        Ok(Operation { kind: kind_of(&kind), body: parsed(&body)?, before: parsed(&before)? })
    };
    let (row_number, seq, id, class) = (row.get(0)?, row.get(1)?, row.get(5)?, row.get(6)?);
    Ok(operation().map(|operation| Pending {
        row: row_number,
        seq,
        operation,
        id,
        class,
        further: Vec::new(),
    }))
}
