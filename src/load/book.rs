//! What a plan has to remember about links while it is made: the keys of the file's own rows, and the records
//! that are missing at the linked streams, each once. On disk, made anew by every plan.

use crate::error::Result;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// The book's file in a run's folder.
pub const FILE: &str = "links.sqlite";

/// The keys of the file's rows, and the records wanted.
pub struct Book {
    db: Connection,
}

/// A record that a linked stream lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its number within its stream, from 1.
    pub number: u64,
    /// Under which of the stream's alternatives it was looked for.
    pub alternative: usize,
    /// Its key there.
    pub key: String,
    /// The value as the first row that wants it has it.
    pub value: String,
}

impl Book {
    /// An empty book in the file at `path`.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn create(path: &Path) -> Result<Self> {
        let db = Connection::open(path)?;
        db.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             DROP TABLE IF EXISTS row_of; DROP TABLE IF EXISTS wanted; DROP TABLE IF EXISTS rejected;
             CREATE TABLE row_of(place INTEGER NOT NULL, key TEXT NOT NULL, row INTEGER NOT NULL,
                 PRIMARY KEY(place, key, row)) WITHOUT ROWID;
             CREATE TABLE wanted(stream INTEGER NOT NULL, number INTEGER NOT NULL, alternative INTEGER NOT NULL,
                 key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(stream, number)) WITHOUT ROWID;
             CREATE TABLE rejected(row INTEGER PRIMARY KEY);
             CREATE UNIQUE INDEX wanted_key ON wanted(stream, alternative, key);",
        )?;
        Ok(Self { db })
    }

    /// Notes that a row of the file has a key at a place: an alternative of the target, or its source's ids.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn add_row(&self, place: Option<usize>, key: &str, row: u64) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO row_of(place, key, row) VALUES(?, ?, ?)";
        self.db.prepare_cached(sql)?.execute(params![number(place), key, row])?;
        Ok(())
    }

    /// The first rows of the file that have a key, in order.
    ///
    /// # Errors
    /// When the book cannot be read.
    pub fn rows(&self, place: Option<usize>, key: &str) -> Result<Vec<u64>> {
        let sql = "SELECT row FROM row_of WHERE place = ? AND key = ? ORDER BY row LIMIT 5";
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map(params![number(place), key], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether any key is that of several rows.
    ///
    /// # Errors
    /// When the book cannot be read.
    pub fn has_shared_keys(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM row_of GROUP BY place, key HAVING count(*) > 1 LIMIT 1";
        Ok(self.db.prepare_cached(sql)?.exists([])?)
    }

    /// Notes that a row of the file is rejected, whatever it links to.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn reject(&self, row: u64) -> Result<()> {
        self.db.prepare_cached("INSERT OR IGNORE INTO rejected(row) VALUES(?)")?.execute([row])?;
        Ok(())
    }

    /// Forgets the keys of rejected rows where a row has them that is not rejected. A key that only rejected rows have
    /// still leads to them, and so to the reason.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn forget_rejected(&self) -> Result<()> {
        let sql = "DELETE FROM row_of WHERE row IN (SELECT row FROM rejected) AND EXISTS(
                       SELECT 1 FROM row_of other WHERE other.place = row_of.place AND other.key = row_of.key
                       AND other.row NOT IN (SELECT row FROM rejected))";
        Ok(self.db.execute_batch(sql)?)
    }

    /// The number of the record of that key, which is wanted from now on.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn want(&self, stream: usize, alternative: usize, key: &str, value: &str) -> Result<u64> {
        let sql = "SELECT number FROM wanted WHERE stream = ? AND alternative = ? AND key = ?";
        let (stream, alternative) = (stream as i64, alternative as i64);
        let known = self
            .db
            .prepare_cached(sql)?
            .query_row(params![stream, alternative, key], |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        let sql = "SELECT coalesce(max(number), 0) + 1 FROM wanted WHERE stream = ?";
        let next: u64 = self.db.prepare_cached(sql)?.query_row([stream], |row| row.get(0))?;
        self.db
            .prepare_cached(
                "INSERT INTO wanted(stream, number, alternative, key, value) VALUES(?, ?, ?, ?, ?)",
            )?
            .execute(params![stream, next, alternative, key, value])?;
        Ok(next)
    }

    /// A wanted record by its number.
    ///
    /// # Errors
    /// When the book cannot be read.
    pub fn wanted(&self, stream: usize, number: u64) -> Result<Option<Wanted>> {
        let sql = "SELECT number, alternative, key, value FROM wanted WHERE stream = ? AND number = ?";
        let found = self.db.prepare_cached(sql)?.query_row(params![stream as i64, number], |row| {
            let alternative: i64 = row.get(1)?;
            let (number, key, value) = (row.get(0)?, row.get(2)?, row.get(3)?);
            Ok(Wanted { number, alternative: alternative as usize, key, value })
        });
        Ok(found.optional()?)
    }

    /// Groups the writes that follow until [`Book::settle`].
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn begin(&self) -> Result<()> {
        Ok(self.db.execute_batch("BEGIN")?)
    }

    /// Ends what [`Book::begin`] began.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn settle(&self) -> Result<()> {
        Ok(self.db.execute_batch("COMMIT")?)
    }
}

/// The source's ids stand apart from every alternative.
fn number(place: Option<usize>) -> i64 {
    place.map_or(-1, |alternative| alternative as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_record_is_wanted_once_whoever_asks() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::create(&folder.path().join(FILE)).unwrap();
        assert_eq!(book.want(1, 0, "acme", "ACME").unwrap(), 1);
        assert_eq!(book.want(1, 0, "globex", "Globex").unwrap(), 2);
        assert_eq!(book.want(1, 0, "acme", "Acme").unwrap(), 1);
        assert_eq!(book.want(2, 0, "acme", "Acme").unwrap(), 1);
        assert_eq!(book.wanted(1, 1).unwrap().map(|wanted| wanted.value).as_deref(), Some("ACME"));
        assert_eq!(book.wanted(1, 9).unwrap(), None);
    }

    #[test]
    fn rows_are_found_by_any_of_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::create(&folder.path().join(FILE)).unwrap();
        for (place, key, row) in [(Some(0), "a", 2), (Some(0), "a", 1), (None, "a", 7)] {
            book.add_row(place, key, row).unwrap();
        }
        assert_eq!(book.rows(Some(0), "a").unwrap(), [1, 2]);
        assert_eq!(book.rows(None, "a").unwrap(), [7]);
        assert!(book.rows(Some(1), "a").unwrap().is_empty());
    }

    #[test]
    fn rejected_rows_give_way_where_another_row_can_be_meant() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::create(&folder.path().join(FILE)).unwrap();
        for (place, key, row) in [(Some(0), "a", 1), (Some(0), "b", 6), (None, "a", 6)] {
            book.add_row(place, key, row).unwrap();
        }
        assert!(!book.has_shared_keys().unwrap());
        book.add_row(Some(0), "a", 6).unwrap();
        assert!(book.has_shared_keys().unwrap());
        book.reject(6).unwrap();
        book.forget_rejected().unwrap();
        let rows = |place, key| book.rows(place, key).unwrap();
        assert_eq!((rows(Some(0), "a"), rows(Some(0), "b"), rows(None, "a")), (vec![1], vec![6], vec![6]));
    }
}
