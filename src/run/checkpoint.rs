//! The checkpoint: a run's SQLite file.
//!
//! Write-ahead log with full synchronisation: what a commit returned from survives `kill -9` and power loss.
//! The stages keep their own tables in it; this file only opens it the one right way.

use crate::error::{Error, Result};
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

/// The checkpoint's name in a run's folder.
pub const FILE: &str = "checkpoint.sqlite";

/// Opens a checkpoint, creating it if needed.
///
/// # Errors
/// When the file cannot be used as one.
pub fn open(path: &Path) -> Result<Connection> {
    let failed =
        |cause| Error::stopped(format!("cannot use the checkpoint `{}`", path.display())).because(cause);
    let db = Connection::open(path).map_err(failed)?;
    db.busy_timeout(Duration::from_secs(30)).map_err(failed)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA cache_size = -16000;
         PRAGMA temp_store = FILE;
         PRAGMA wal_autocheckpoint = 4000;",
    )
    .map_err(failed)?;
    Ok(db)
}
