//! A stage that another run has finished, read without touching it.

use super::{StagedRows, part_path};
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::record::census::Census;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::path::Path;

/// A finished stage of another run.
pub struct Stored {
    /// Whether it is everything.
    pub completeness: Completeness,
    /// What its records hold.
    pub census: Census,
    /// Its records, in order.
    pub rows: StagedRows,
}

/// The finished `stage` in a run's folder; `None` where it is not finished, or was never begun.
///
/// # Errors
/// When the run's checkpoint is damaged.
pub fn stored(run_folder: &Path, stage: &str) -> Result<Option<Stored>> {
    let path = run_folder.join(crate::run::checkpoint::FILE);
    if !path.is_file() {
        return Ok(None);
    }
    // Not read-only: a log that a killed process left has to be taken in first.
    let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.busy_timeout(std::time::Duration::from_secs(30))?;
    let known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
    if !db.prepare(known)?.exists([format!("{stage}_note")])? || note(&db, stage, "finished")?.is_none() {
        return Ok(None);
    }
    let completeness = parsed(note(&db, stage, "completeness")?)?;
    let census = match note(&db, stage, "census")? {
        Some(text) => parsed(Some(text))?,
        None => Census::default(),
    };
    let mut query = db.prepare(&format!("SELECT part FROM {stage}_part ORDER BY part"))?;
    let parts = query.query_map([], |row| row.get::<_, u64>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut query = db.prepare(&format!("SELECT row FROM {stage}_dropped"))?;
    let dropped = query.query_map([], |row| row.get(0))?.collect::<Result<HashSet<u64>, _>>()?;
    let folder = run_folder.join(stage);
    let parts = parts.into_iter().map(|part| part_path(&folder, part)).collect();
    Ok(Some(Stored { completeness, census, rows: StagedRows { parts, current: None, dropped } }))
}

fn note(db: &Connection, stage: &str, key: &str) -> Result<Option<String>> {
    let sql = format!("SELECT value FROM {stage}_note WHERE key = ?");
    Ok(db.prepare(&sql)?.query_row([key], |row| row.get(0)).optional()?)
}

fn parsed<T: DeserializeOwned>(text: Option<String>) -> Result<T> {
    serde_json::from_str(&text.unwrap_or_default())
        .map_err(|cause| Error::stopped("the checkpoint is damaged").because(cause))
}
