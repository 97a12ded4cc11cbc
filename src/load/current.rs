//! What the target held when the plan's read ended: an index on disk, by id and by key.

use super::keys::{self, KeyField};
use crate::error::{Error, Result};
use crate::extract::Decode;
use crate::extract::staging::StagedRows;
use crate::record::Record;
use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// The target's records, on disk.
pub struct Current {
    db: Connection,
    /// Records that could not be decoded: they are matched by nothing.
    unreadable: u64,
}

/// A record of the target with the text it was decoded from.
#[derive(Debug, Clone)]
pub struct Known {
    /// The record.
    pub record: Record,
}

/// The index's file in a run's folder. It is made anew by every plan.
pub const FILE: &str = "target.sqlite";

impl Current {
    /// Indexes the records of a finished read under the given key alternatives.
    ///
    /// # Errors
    /// When a part is damaged or the disk is full.
    pub fn build(
        path: &Path,
        mut rows: StagedRows,
        decode: &dyn Decode,
        key: &[Vec<KeyField>],
    ) -> Result<Self> {
        let db = Connection::open(path)?;
        db.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32000;
             DROP TABLE IF EXISTS record; DROP TABLE IF EXISTS key_of; DROP TABLE IF EXISTS taken;
             DROP TABLE IF EXISTS used;
             CREATE TABLE record(id TEXT NOT NULL, raw TEXT NOT NULL);
             CREATE TABLE key_of(alternative INTEGER NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL);
             CREATE TABLE taken(alternative INTEGER NOT NULL, key TEXT NOT NULL, row INTEGER NOT NULL,
                 PRIMARY KEY(alternative, key)) WITHOUT ROWID;
             CREATE TABLE used(id TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;",
        )?;
        let mut unreadable = 0;
        db.execute_batch("BEGIN")?;
        while let Some(batch) = rows.next_rows()? {
            let keyed: Vec<_> = batch
                .par_iter()
                .map(|staged| {
                    let record = decode.decode(&staged.record.raw).ok()?;
                    Some(
                        key.iter()
                            .map(|alternative| keys::of_record(&record, alternative))
                            .collect::<Vec<_>>(),
                    )
                })
                .collect();
            let mut insert = db.prepare_cached("INSERT INTO record(id, raw) VALUES(?, ?)")?;
            let mut insert_key =
                db.prepare_cached("INSERT INTO key_of(alternative, key, id) VALUES(?, ?, ?)")?;
            for (staged, keyed) in batch.iter().zip(keyed) {
                let (Some(id), Some(keyed)) = (&staged.record.id, keyed) else {
                    unreadable += 1;
                    continue;
                };
                insert.execute(params![id, staged.record.raw])?;
                for (alternative, keys) in keyed.iter().enumerate() {
                    for key in keys {
                        insert_key.execute(params![alternative as i64, key, id])?;
                    }
                }
            }
        }
        db.execute_batch(
            "CREATE INDEX record_id ON record(id); CREATE INDEX key_of_key ON key_of(alternative, key); COMMIT",
        )?;
        Ok(Self { db, unreadable })
    }

    /// Records that could not be decoded.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The record of that id.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn by_id(&self, id: &str, decode: &dyn Decode) -> Result<Option<Known>> {
        let mut query = self.db.prepare_cached("SELECT raw FROM record WHERE id = ?")?;
        let raw: Option<String> = query.query_row([id], |row| row.get(0)).optional()?;
        let Some(raw) = raw else { return Ok(None) };
        let damaged =
            |why: String| Error::stopped(format!("record {id} of the target cannot be read: {why}"));
        Ok(Some(Known { record: decode.decode(&raw).map_err(damaged)? }))
    }

    /// Ids of the records that have one of `keys` under an alternative, in id order.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn by_keys(&self, alternative: usize, keys: &[String]) -> Result<Vec<String>> {
        let mut query =
            self.db.prepare_cached("SELECT DISTINCT id FROM key_of WHERE alternative = ? AND key = ?")?;
        let mut ids: Vec<String> = Vec::new();
        for key in keys {
            let found = query.query_map(params![alternative as i64, key], |row| row.get(0))?;
            for id in found {
                ids.push(id?);
            }
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// Takes keys for a row of the file; the earlier row that has one of them already, if any.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn take(&self, alternative: usize, keys: &[String], row: u64) -> Result<Option<u64>> {
        let mut query = self.db.prepare_cached("SELECT row FROM taken WHERE alternative = ? AND key = ?")?;
        for key in keys {
            let earlier: Option<u64> =
                query.query_row(params![alternative as i64, key], |row| row.get(0)).optional()?;
            if earlier.is_some() {
                return Ok(earlier);
            }
        }
        let mut insert =
            self.db.prepare_cached("INSERT OR IGNORE INTO taken(alternative, key, row) VALUES(?, ?, ?)")?;
        for key in keys {
            insert.execute(params![alternative as i64, key, row])?;
        }
        Ok(None)
    }

    /// Takes a record of the target for a row; the earlier row that took it already, if any.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn take_record(&self, id: &str, row: u64) -> Result<Option<u64>> {
        let mut query = self.db.prepare_cached("SELECT row FROM used WHERE id = ?")?;
        let earlier: Option<u64> = query.query_row([id], |row| row.get(0)).optional()?;
        if earlier.is_none() {
            self.db.prepare_cached("INSERT INTO used(id, row) VALUES(?, ?)")?.execute(params![id, row])?;
        }
        Ok(earlier)
    }

    /// Forgets which keys and records rows have taken.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn forget_taken(&self) -> Result<()> {
        Ok(self.db.execute_batch("DELETE FROM taken; DELETE FROM used")?)
    }

    /// Groups the writes that follow until [`Current::settle`].
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn begin(&self) -> Result<()> {
        Ok(self.db.execute_batch("BEGIN")?)
    }

    /// Ends what [`Current::begin`] began.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn settle(&self) -> Result<()> {
        Ok(self.db.execute_batch("COMMIT")?)
    }
}
