//! The checkpoint: a run's SQLite file.
//!
//! Write-ahead log with full synchronisation: what a commit returned from survives `kill -9` and power loss.
//! The stages keep their own tables in it; this file only opens it the one right way.

use crate::error::{Error, Result};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The checkpoint's name in a run's folder.
pub const FILE: &str = "checkpoint.sqlite";

/// Whether commits wait for the disk, in this process.
static DURABLE: AtomicBool = AtomicBool::new(true);

/// From now on this process's checkpoints wait for no disk: a power cut may lose what was committed. Only to measure
/// what the waiting costs; no command does this.
pub fn give_up_durability() {
    DURABLE.store(false, Ordering::Relaxed);
}

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
    // A statement's plan stays as it is whatever is bound to it; else some would be compiled anew for every row.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA cache_size = -16000;
         PRAGMA temp_store = FILE;
         PRAGMA wal_autocheckpoint = 4000;",
    )
    .map_err(failed)?;
    if !DURABLE.load(Ordering::Relaxed) {
        db.execute_batch("PRAGMA synchronous = OFF").map_err(failed)?;
    }
    Ok(db)
}
