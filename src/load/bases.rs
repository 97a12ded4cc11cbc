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
    /// Whether it carries a version that cannot be read as one.
    pub is_unread: bool,
}

/// What is known of the version that a row was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is this one.
    Base(BaseRow),
    /// Several exports hold different content of its record under the version that it carries.
    Doubtful,
}

/// An earlier read that may have made the rows.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its number.
    pub export: usize,
    /// When it was asked for, RFC 3339 UTC.
    pub asked: &'a str,
    /// Its run's checkpoint.
    pub checkpoint: &'a Path,
    /// The stage of it that holds what was read.
    pub stage: &'a str,
    /// Whether it wrote the very file that the rows are from.
    pub is_own: bool,
}

/// Whether a record seen has the version that a row carries.
const SAME_VERSION: &str =
    "CASE WHEN seen.updated IS NULL THEN wanted.updated IS NULL AND seen.created = wanted.created
          ELSE seen.updated / 1000 = wanted.updated END";

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
                 unread INTEGER NOT NULL, export INTEGER, at INTEGER, raw TEXT, further TEXT,
                 doubtful INTEGER NOT NULL DEFAULT 0);
             CREATE TABLE export(export INTEGER PRIMARY KEY, asked TEXT NOT NULL, own INTEGER NOT NULL);
             CREATE TABLE version(id TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY(id, version)) WITHOUT ROWID;
             CREATE TABLE same(at INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY(at, row)) WITHOUT ROWID;",
        )?;
        Ok(Self { path: path.to_owned(), db })
    }

    /// Notes rows whose bases are wanted.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn want(&self, rows: &[Wanted]) -> Result<()> {
        self.db.execute_batch("BEGIN")?;
        let sql = "INSERT INTO wanted(row, id, updated, created, unread) VALUES(?, ?, ?, ?, ?)";
        let mut insert = self.db.prepare_cached(sql)?;
        for wanted in rows {
            let Wanted { row, id, updated, created, is_unread } = wanted;
            insert.execute(params![row, id, updated, created, is_unread])?;
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

    /// Finds versions among the records that an earlier read holds, for rows that have no base yet; gives how many
    /// there were.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn find(&self, of: &Candidate<'_>) -> Result<u64> {
        let stage = of.stage;
        // What was dropped is a version that the export did not show.
        let sql = format!(
            "UPDATE wanted SET export = ?, at = seen.row FROM other.{stage}_seen AS seen
             WHERE seen.id = wanted.id AND wanted.export IS NULL AND {SAME_VERSION}
               AND seen.row NOT IN (SELECT row FROM other.{stage}_dropped)"
        );
        let found = self.beside(of.checkpoint, &sql, [of.export as i64])?;
        self.note_export(of)?;
        Ok(found)
    }

    /// Notes which versions an earlier read holds of the records whose rows carry one that cannot be read.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn note_versions(&self, of: &Candidate<'_>) -> Result<()> {
        let stage = of.stage;
        let sql = format!(
            "INSERT OR IGNORE INTO version(id, version)
             SELECT seen.id, coalesce(seen.updated / 1000, seen.created, 0) FROM other.{stage}_seen AS seen
             WHERE seen.id IN (SELECT id FROM wanted WHERE unread)
               AND seen.row NOT IN (SELECT row FROM other.{stage}_dropped)"
        );
        self.beside(of.checkpoint, &sql, [])?;
        Ok(())
    }

    /// Gives rows whose version cannot be read the one of the export that wrote their file, where no other was noted;
    /// gives how many there were.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn find_only(&self, of: &Candidate<'_>) -> Result<u64> {
        let stage = of.stage;
        let sql = format!(
            "UPDATE wanted SET export = ?, at = seen.row, updated = seen.updated / 1000,
                 created = CASE WHEN seen.updated IS NULL THEN seen.created END
             FROM other.{stage}_seen AS seen
             WHERE seen.id = wanted.id AND wanted.unread AND wanted.export IS NULL
               AND (SELECT count(*) FROM version WHERE version.id = wanted.id) = 1
               AND seen.row NOT IN (SELECT row FROM other.{stage}_dropped)"
        );
        let found = self.beside(of.checkpoint, &sql, [of.export as i64])?;
        self.note_export(of)?;
        Ok(found)
    }

    /// Looks which rows an earlier read holds the same version of, of those whose base another read gave that did not
    /// write their file; gives how many there are. [`Bases::doubt`] then compares them.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn held_too(&self, by: &Candidate<'_>) -> Result<u64> {
        let stage = by.stage;
        self.db.execute("DELETE FROM same", [])?;
        let sql = format!(
            "INSERT OR IGNORE INTO same(at, row) SELECT seen.row, wanted.row FROM other.{stage}_seen AS seen
             JOIN wanted ON wanted.id = seen.id JOIN export ON export.export = wanted.export
             WHERE NOT export.own AND wanted.export <> ? AND NOT wanted.doubtful AND {SAME_VERSION}
               AND seen.row NOT IN (SELECT row FROM other.{stage}_dropped)"
        );
        self.beside(by.checkpoint, &sql, [by.export as i64])
    }

    /// Rows whose base an export gave that did not write their file.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn from_elsewhere(&self) -> Result<u64> {
        let sql =
            "SELECT count(*) FROM wanted JOIN export ON export.export = wanted.export WHERE NOT export.own";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }

    /// Takes the bases from the rows that [`Bases::held_too`] found, where the other read has different content:
    /// `is_same` is asked with the number of the export that the base is from, the base, and the other.
    ///
    /// # Errors
    /// When a part of it is damaged or the disk is full.
    pub fn doubt(&self, mut rows: StagedRows, is_same: &dyn Fn(usize, &str, &str) -> bool) -> Result<()> {
        self.db.execute_batch("BEGIN")?;
        let mut query = self.db.prepare(
            "SELECT same.row, wanted.raw, wanted.export FROM same JOIN wanted ON wanted.row = same.row
             WHERE same.at = ? AND wanted.raw IS NOT NULL",
        )?;
        let mut update = self.db.prepare("UPDATE wanted SET doubtful = 1 WHERE row = ?")?;
        while let Some(batch) = rows.next_rows()? {
            for staged in &batch {
                let held =
                    query.query_map([staged.row], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                for (row, raw, export) in held.collect::<Result<Vec<(u64, String, i64)>, _>>()? {
                    let export = usize::try_from(export).unwrap_or_default();
                    if raw != staged.record.raw && !is_same(export, &raw, &staged.record.raw) {
                        update.execute([row])?;
                    }
                }
            }
        }
        drop((query, update));
        Ok(self.db.execute_batch("COMMIT")?)
    }

    fn note_export(&self, of: &Candidate<'_>) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO export(export, asked, own) VALUES(?, ?, ?)";
        self.db.execute(sql, params![of.export as i64, of.asked, of.is_own])?;
        Ok(())
    }

    /// Carries a statement out with a checkpoint at hand as `other`.
    fn beside(&self, checkpoint: &Path, sql: &str, with: impl rusqlite::Params) -> Result<u64> {
        self.db.execute("ATTACH ? AS other", [checkpoint.to_string_lossy()])?;
        let done = self.db.execute(sql, with);
        self.db.execute_batch("DETACH other")?;
        Ok(done? as u64)
    }

    /// Rows without a base that carry a version.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn missing(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM wanted WHERE export IS NULL AND NOT unread";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }

    /// Rows whose version cannot be read.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn unread(&self) -> Result<u64> {
        Ok(self.db.query_row("SELECT count(*) FROM wanted WHERE unread", [], |row| row.get(0))?)
    }

    /// Rows that do not say themselves that they are of this export.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn not_of(&self, export: usize) -> Result<u64> {
        let sql = "SELECT count(*) FROM wanted WHERE export IS NULL OR export <> ? OR unread";
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

    /// Lays over the bases what later imports of the same sheet brought to the service, one after the other.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn lay_over(&self, further: &Path, sheet: &str) -> Result<()> {
        self.db.execute("ATTACH ? AS other", [further.to_string_lossy()])?;
        let done = self.lay_runs_over(sheet);
        self.db.execute_batch("DETACH other")?;
        done
    }

    fn lay_runs_over(&self, sheet: &str) -> Result<()> {
        let sql = "SELECT DISTINCT run, asked FROM other.brought WHERE sheet = ? ORDER BY asked, run";
        let mut query = self.db.prepare(sql)?;
        let runs =
            query.query_map([sheet], |row| row.get(0))?.collect::<std::result::Result<Vec<String>, _>>()?;
        let mut update = self.db.prepare(
            "UPDATE wanted SET further = json_patch(coalesce(further, '{}'), cell.cells)
             FROM other.brought AS cell, export
             WHERE cell.sheet = ? AND cell.run = ? AND cell.id = wanted.id
               AND cell.version = coalesce(wanted.updated, wanted.created)
               AND export.export = wanted.export AND cell.asked > export.asked",
        )?;
        for run in runs {
            update.execute([sheet, run.as_str()])?;
        }
        Ok(())
    }

    /// The base of a row, if there is one, or that it is in doubt.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn of_row(&self, row: u64) -> Result<Option<Found>> {
        let mut query = self.db.prepare_cached(
            "SELECT export, coalesce(updated, created, 0), raw, further, doubtful FROM wanted
             WHERE row = ? AND raw IS NOT NULL",
        )?;
        let base = query.query_row([row], |row| {
            if row.get(4)? {
                return Ok(Found::Doubtful);
            }
            let export: i64 = row.get(0)?;
            let (version, raw, further) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let export = usize::try_from(export).unwrap_or_default();
            Ok(Found::Base(BaseRow { export, version, raw, further }))
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
