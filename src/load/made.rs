//! Which records were made of rows without an `_id`, so that the same row in a later import is known for one of them
//! and makes no other (design section 9.8: the same import again writes nothing).
//!
//! A row is known by a digest of all that it says. Of equal rows the first made record goes to the first row, and so
//! on; a record that another row of the file means by its `_id` is that row's.

use crate::error::Result;
use rusqlite::{Connection, params};

/// The made records of an account, as one plan takes them.
pub struct Made {
    db: Connection,
}

/// A record that was made of an equal row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The record.
    pub id: String,
    /// The run that made it.
    pub run: String,
    /// Whether all of the row was brought over then.
    pub is_whole: bool,
}

impl Made {
    /// Takes the database of an account's bases; makes the table if it is not there.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn new(db: Connection) -> Result<Self> {
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS made(run TEXT NOT NULL, row INTEGER NOT NULL, digest TEXT NOT NULL,
                 id TEXT NOT NULL, whole INTEGER NOT NULL, PRIMARY KEY(run, row)) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS made_digest ON made(digest, run, row);
             CREATE INDEX IF NOT EXISTS made_id ON made(id);
             CREATE TEMP TABLE taken(id TEXT PRIMARY KEY, run TEXT) WITHOUT ROWID;",
        )?;
        Ok(Self { db })
    }

    /// Whether nothing was ever made.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(!self.db.prepare("SELECT 1 FROM made")?.exists([])?)
    }

    /// Notes what a run has made of rows, given as row, digest, record and whether all of it was brought over.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn note(&self, run: &str, rows: &[(u64, String, String, bool)]) -> Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE")?;
        let sql = "INSERT OR REPLACE INTO made(run, row, digest, id, whole) VALUES(?, ?, ?, ?, ?)";
        let mut insert = self.db.prepare_cached(sql)?;
        for (row, digest, id, is_whole) in rows {
            insert.execute(params![run, row, digest, id, is_whole])?;
        }
        Ok(self.db.execute_batch("COMMIT")?)
    }

    /// Notes records that rows of the file mean by their `_id`.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub fn name(&self, ids: &[String]) -> Result<()> {
        self.db.execute_batch("BEGIN")?;
        let sql = "INSERT OR IGNORE INTO taken(id) SELECT id FROM made WHERE id = ?";
        let mut insert = self.db.prepare_cached(sql)?;
        for id in ids {
            insert.execute([id])?;
        }
        Ok(self.db.execute_batch("COMMIT")?)
    }

    /// Takes for a row the first record that was made of an equal one, is still there, and is no other row's.
    ///
    /// # Errors
    /// When the database cannot be used, and those of `is_there`.
    pub fn take(&self, digest: &str, is_there: impl Fn(&str) -> Result<bool>) -> Result<Option<Taken>> {
        let mut query = self.db.prepare_cached(
            "SELECT id, run, whole FROM made WHERE digest = ? AND id NOT IN (SELECT id FROM taken) ORDER BY run, row",
        )?;
        let mut rows = query.query([digest])?;
        while let Some(row) = rows.next()? {
            let taken = Taken { id: row.get(0)?, run: row.get(1)?, is_whole: row.get(2)? };
            if is_there(&taken.id)? {
                drop(rows);
                let sql = "INSERT OR IGNORE INTO taken(id, run) VALUES(?, ?)";
                self.db.prepare_cached(sql)?.execute([&taken.id, &taken.run])?;
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// How many rows were taken for records of which runs, the earliest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn taken(&self) -> Result<Vec<(String, u64)>> {
        let sql = "SELECT run, count(*) FROM taken WHERE run IS NOT NULL GROUP BY run ORDER BY run";
        let mut query = self.db.prepare(sql)?;
        let runs = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(runs.collect::<std::result::Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_take_the_records_that_are_there_one_by_one() {
        let made = Made::new(Connection::open_in_memory().unwrap()).unwrap();
        assert!(made.is_empty().unwrap());
        let row = |row: u64, digest: &str, id: &str| (row, digest.to_owned(), id.to_owned(), row != 9);
        made.note("a", &[row(1, "x", "1"), row(2, "x", "2"), row(3, "y", "3"), row(9, "z", "9")]).unwrap();
        made.note("b", &[row(1, "x", "4"), row(5, "x", "5")]).unwrap();
        // Again, as when a run is resumed.
        made.note("b", &[row(1, "x", "4")]).unwrap();
        made.name(&["2".to_owned(), "8".to_owned()]).unwrap();
        let take = |digest: &str| {
            made.take(digest, |id| Ok(id != "4")).unwrap().map(|taken| (taken.id, taken.run, taken.is_whole))
        };
        let of = |id: &str, run: &str, is_whole| Some((id.to_owned(), run.to_owned(), is_whole));
        let found = ["x", "x", "x", "y", "z", "w"].map(take);
        let expected =
            [of("1", "a", true), of("5", "b", true), None, of("3", "a", true), of("9", "a", false), None];
        assert_eq!(found, expected);
        assert_eq!(made.taken().unwrap(), [("a".to_owned(), 3), ("b".to_owned(), 1)]);
    }
}
