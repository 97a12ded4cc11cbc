//! The versions that the rows of a sheet were made from: an index on disk, gathered for one plan from the extracts
//! of earlier runs (design 9.8).
//!
//! A version is told by its record's id and the time of its last change, which an exported row carries. Extracts
//! keep both with every record anyway, so an export pays nothing for being a base one day, and a run whose folder
//! was removed is simply none. What earlier imports of the same sheet brought to the service lies over it.

use super::journal::Left;
use crate::error::{Error, IoContext, Result};
use crate::extract::staging::StagedRows;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The index's file in a run's folder; it goes with the plan that it was made for.
pub const FILE: &str = "bases.sqlite";

/// The bases of a sheet's rows.
pub struct Bases {
    path: PathBuf,
    db: Connection,
}

/// A row, and the version that it says it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The row.
    pub row: u64,
    /// Its `_id`.
    pub id: String,
    /// Its `_updated`, Unix milliseconds.
    pub updated: Option<i64>,
    /// Its `_created`, Unix milliseconds: it tells the version of a record that was never changed.
    pub created: Option<i64>,
}

/// The base of a row, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseRow {
    /// Which of the exports it is from.
    pub export: usize,
    /// The version, Unix milliseconds.
    pub version: i64,
    /// The record as the service wrote it.
    pub raw: String,
    /// Cells that an earlier import of the same sheet brought to the service, as JSON by place.
    pub further: Option<String>,
}

/// What a sheet leaves out of its export, and the target still has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Records in the export.
    pub exported: u64,
    /// Records left out that are as they were exported.
    pub unchanged: u64,
    /// Records left out that have changed since.
    pub changed: u64,
    /// The first of those that have not.
    pub rows: Vec<Left>,
}

impl Bases {
    /// An empty index.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn begin(path: &Path) -> Result<Self> {
        remove(path)?;
        let db = Connection::open(path)?;
        db.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32000;
             CREATE TABLE wanted(row INTEGER PRIMARY KEY, id TEXT NOT NULL, updated INTEGER, created INTEGER,
                 export INTEGER, at INTEGER, raw TEXT, further TEXT);
             CREATE TABLE export(export INTEGER PRIMARY KEY, asked TEXT NOT NULL);",
        )?;
        Ok(Self { path: path.to_owned(), db })
    }

    /// Notes rows whose bases are wanted.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn want(&self, rows: &[Wanted]) -> Result<()> {
        self.db.execute_batch("BEGIN")?;
        let sql = "INSERT INTO wanted(row, id, updated, created) VALUES(?, ?, ?, ?)";
        let mut insert = self.db.prepare_cached(sql)?;
        for wanted in rows {
            insert.execute(params![wanted.row, wanted.id, wanted.updated, wanted.created])?;
        }
        Ok(self.db.execute_batch("COMMIT")?)
    }

    /// Ends the noting of rows; gives how many there are.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn index(&self) -> Result<u64> {
        self.db.execute_batch(
            "CREATE INDEX wanted_id ON wanted(id); CREATE INDEX wanted_at ON wanted(export, at);",
        )?;
        Ok(self.db.query_row("SELECT count(*) FROM wanted", [], |row| row.get(0))?)
    }

    /// Finds versions among the records that the stage of a run holds, asked for at `asked` (RFC 3339 UTC), for rows
    /// that have no base yet; gives how many there were.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn find(&self, export: usize, asked: &str, checkpoint: &Path, stage: &str) -> Result<u64> {
        self.db.execute("ATTACH ? AS other", [checkpoint.to_string_lossy()])?;
        // What was dropped is a version that the export did not show.
        let found = self.db.execute(
            &format!(
                "UPDATE wanted SET export = ?, at = seen.row FROM other.{stage}_seen AS seen
                 WHERE seen.id = wanted.id AND wanted.export IS NULL
                   AND CASE WHEN seen.updated IS NULL THEN wanted.updated IS NULL AND seen.created = wanted.created
                            ELSE seen.updated / 1000 = wanted.updated END
                   AND seen.row NOT IN (SELECT row FROM other.{stage}_dropped)"
            ),
            [export as i64],
        );
        self.db.execute_batch("DETACH other")?;
        self.db.execute(
            "INSERT OR REPLACE INTO export(export, asked) VALUES(?, ?)",
            params![export as i64, asked],
        )?;
        Ok(found? as u64)
    }

    /// Rows without a base.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn missing(&self) -> Result<u64> {
        Ok(self.db.query_row("SELECT count(*) FROM wanted WHERE export IS NULL", [], |row| row.get(0))?)
    }

    /// Rows whose base is not of this export.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn not_of(&self, export: usize) -> Result<u64> {
        let sql = "SELECT count(*) FROM wanted WHERE export IS NULL OR export <> ?";
        Ok(self.db.query_row(sql, [export as i64], |row| row.get(0))?)
    }

    /// What the rows leave out of an export's records (`stage` of `export`), of those that the target still has
    /// (`target` of `now`); at most so many are listed.
    ///
    /// # Errors
    /// When a checkpoint cannot be read.
    pub fn left_out(
        &self,
        export: &Path,
        stage: &str,
        now: &Path,
        target: &str,
        most: u64,
    ) -> Result<LeftOut> {
        self.db.execute("ATTACH ? AS other", [export.to_string_lossy()])?;
        self.db.execute("ATTACH ? AS now", [now.to_string_lossy()])?;
        let left = self.compare(stage, target, most);
        self.db.execute_batch("DETACH now; DETACH other")?;
        left
    }

    fn compare(&self, stage: &str, target: &str, most: u64) -> Result<LeftOut> {
        let sql = format!(
            "SELECT (SELECT count(*) FROM other.{stage}_seen) - (SELECT count(*) FROM other.{stage}_dropped)"
        );
        let exported = self.db.query_row(&sql, [], |row| row.get(0))?;
        self.db.execute_batch(&format!(
            "CREATE TEMP TABLE left_out AS
             SELECT was.id AS id, was.updated AS updated, max(was.updated IS here.updated) AS unchanged
             FROM now.{target}_seen AS here JOIN other.{stage}_seen AS was ON here.id = was.id
             WHERE was.row NOT IN (SELECT row FROM other.{stage}_dropped)
               AND here.row NOT IN (SELECT row FROM now.{target}_dropped)
               AND was.id NOT IN (SELECT id FROM wanted)
             GROUP BY was.id"
        ))?;
        let counted = |unchanged: bool| -> Result<u64> {
            let sql = "SELECT count(*) FROM left_out WHERE unchanged = ?";
            Ok(self.db.query_row(sql, [unchanged], |row| row.get(0))?)
        };
        let mut query =
            self.db.prepare("SELECT id, updated FROM left_out WHERE unchanged ORDER BY id LIMIT ?")?;
        let rows = query.query_map([most], |row| Ok(Left { id: row.get(0)?, updated: row.get(1)? }))?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(LeftOut { exported, unchanged: counted(true)?, changed: counted(false)?, rows })
    }

    /// Takes the records of the versions that [`Bases::find`] found in an export.
    ///
    /// # Errors
    /// When a part of it is damaged or the disk is full.
    pub fn take(&self, export: usize, mut rows: StagedRows) -> Result<()> {
        self.db.execute_batch("BEGIN")?;
        let mut query =
            self.db.prepare("SELECT at, row FROM wanted WHERE export = ? AND at BETWEEN ? AND ?")?;
        let mut update = self.db.prepare("UPDATE wanted SET raw = ? WHERE row = ?")?;
        while let Some(batch) = rows.next_rows()? {
            let ends =
                [batch.iter().map(|staged| staged.row).min(), batch.iter().map(|staged| staged.row).max()];
            let [first, last] = ends.map(|end| end.unwrap_or(0));
            let found =
                query.query_map(params![export as i64, first, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut wanted: HashMap<u64, Vec<u64>> = HashMap::new();
            for pair in found {
                let (at, row) = pair?;
                wanted.entry(at).or_default().push(row);
            }
            for staged in &batch {
                for row in wanted.get(&staged.row).into_iter().flatten() {
                    update.execute(params![staged.record.raw, row])?;
                }
            }
        }
        drop((query, update));
        Ok(self.db.execute_batch("COMMIT")?)
    }

    /// Lays over the bases what later imports of the same sheet brought to the service.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn lay_over(&self, further: &Path, sheet: &str) -> Result<()> {
        self.db.execute("ATTACH ? AS other", [further.to_string_lossy()])?;
        let done = self.db.execute(
            "UPDATE wanted SET further = cell.cells FROM other.imported AS cell, export
             WHERE cell.sheet = ? AND cell.id = wanted.id AND cell.version = coalesce(wanted.updated, wanted.created)
               AND export.export = wanted.export AND cell.asked > export.asked",
            [sheet],
        );
        self.db.execute_batch("DETACH other")?;
        done?;
        Ok(())
    }

    /// The base of a row, if there is one.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn of_row(&self, row: u64) -> Result<Option<BaseRow>> {
        let mut query = self.db.prepare_cached(
            "SELECT export, coalesce(updated, created, 0), raw, further FROM wanted WHERE row = ? AND raw IS NOT NULL",
        )?;
        let base = query.query_row([row], |row| {
            let export: i64 = row.get(0)?;
            let (version, raw, further) = (row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(BaseRow { export: usize::try_from(export).unwrap_or_default(), version, raw, further })
        });
        Ok(base.optional()?)
    }

    /// Removes the index.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn end(self) -> Result<()> {
        let Self { path, db } = self;
        db.close().map_err(|(_, cause)| Error::from(cause))?;
        remove(&path)
    }
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).during(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}
