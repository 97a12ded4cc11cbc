//! What a retry keeps in its own journal: how each row stood before it, so that nothing that was carried out is
//! sent again and a record that was made is only completed (design 9.2).
//!
//! It is gathered from the journals of the run and of its retries, the oldest first, before the plan is made. It
//! stays when a plan is forgotten. A run that is no retry has nothing here.

use super::{Journal, Outcome};
use crate::error::Result;
use rusqlite::{OptionalExtension, params};

/// How a row stands in a run that took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The source row.
    pub row: u64,
    /// What became of it; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// The record that the run made for it.
    pub made: Option<String>,
}

/// What a retry has to know of a row before it plans it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// A record was made for it: what is outstanding is done to that one.
    Made(String),
    /// It cannot be sent again: its outcome in the retry, and why.
    Settled(Outcome, String),
}

const TABLES: &str = "
    DROP TABLE IF EXISTS load_earlier; DROP TABLE IF EXISTS load_earlier_run;
    CREATE TABLE load_earlier(
        row INTEGER PRIMARY KEY, run INTEGER NOT NULL, outcome TEXT, made TEXT, line INTEGER, raw TEXT);
    CREATE TABLE load_earlier_run(run INTEGER PRIMARY KEY, name TEXT NOT NULL);";

impl Journal {
    /// Every row of the plan with what became of it, after `after`, at most `most`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn standings(&self, after: u64, most: usize) -> Result<Vec<Standing>> {
        let mut query = self.db.prepare_cached(
            "SELECT r.row, r.outcome, (SELECT made FROM load_op o WHERE o.row = r.row AND made IS NOT NULL)
             FROM load_row r WHERE r.row > ? ORDER BY r.row LIMIT ?",
        )?;
        let rows = query.query_map(params![after, most as i64], |row| {
            let word: Option<String> = row.get(1)?;
            let outcome = word.as_deref().and_then(Outcome::from_word);
            Ok(Standing { row: row.get(0)?, outcome, made: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Begins to gather how rows stood; what was gathered before is forgotten.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn begin_earlier(&self) -> Result<()> {
        Ok(self.db.execute_batch(TABLES)?)
    }

    /// Names a run that rows stood in; the number is for [`Journal::stood`].
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn add_earlier_run(&self, name: &str) -> Result<i64> {
        self.db.prepare_cached("INSERT INTO load_earlier_run(name) VALUES(?)")?.execute([name])?;
        Ok(self.db.last_insert_rowid())
    }

    /// Notes how a row stood in a run; a later run's word takes the place of an earlier one's, but a record that was
    /// made stays the row's.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn stood(&self, run: i64, standing: &Standing) -> Result<()> {
        let sql = "INSERT INTO load_earlier(row, run, outcome, made) VALUES(?1, ?2, ?3, ?4)
                   ON CONFLICT(row) DO UPDATE SET run = ?2, outcome = ?3, made = coalesce(?4, made)";
        let outcome = standing.outcome.map(Outcome::word);
        self.db.prepare_cached(sql)?.execute(params![standing.row, run, outcome, standing.made])?;
        Ok(())
    }

    /// Whether the run of that number was the last to take the row, and left it failed or rejected.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn is_left_by(&self, run: i64, row: u64) -> Result<bool> {
        let sql =
            "SELECT 1 FROM load_earlier WHERE row = ? AND run = ? AND outcome IN ('failed', 'rejected')";
        Ok(self.db.prepare_cached(sql)?.exists(params![row, run])?)
    }

    /// Rows that the run of that number left failed or rejected and that a later one has taken.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn taken_after(&self, run: i64) -> Result<Vec<(String, u64)>> {
        let mut query = self.db.prepare_cached(
            "SELECT name, count(*) FROM load_earlier JOIN load_earlier_run USING(run)
             WHERE run > ? AND outcome IN ('failed', 'rejected') GROUP BY run ORDER BY run",
        )?;
        let rows = query.query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps a row of a repaired file until all are there and can be read in order. False when the file has the row
    /// already.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn keep_repaired(&self, row: u64, line: u64, raw: &str) -> Result<bool> {
        let sql = "INSERT INTO load_earlier(row, run, outcome, line, raw) VALUES(?1, 0, 'unknown', ?2, ?3)
                   ON CONFLICT(row) DO UPDATE SET line = ?2, raw = ?3 WHERE raw IS NULL";
        Ok(self.db.prepare_cached(sql)?.execute(params![row, line, raw])? == 1)
    }

    /// The next rows of the repaired file after `after`, at most `most`: row, line and text.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn repaired(&self, after: u64, most: usize) -> Result<Vec<(u64, u64, String)>> {
        let mut query = self.db.prepare_cached(
            "SELECT row, line, raw FROM load_earlier WHERE row > ? AND raw IS NOT NULL ORDER BY row LIMIT ?",
        )?;
        let rows = query
            .query_map(params![after, most as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether the run is a retry, and has to ask for [`Journal::earlier`].
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn is_retry(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE name = 'load_earlier'";
        Ok(self.db.prepare_cached(sql)?.exists([])?)
    }

    /// What a retry has to know of a row; `None` where it is planned like any other.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn earlier(&self, row: u64) -> Result<Option<Earlier>> {
        let mut query = self.db.prepare_cached(
            "SELECT outcome, made, coalesce(name, '') FROM load_earlier LEFT JOIN load_earlier_run USING(run) WHERE row = ?",
        )?;
        let found = query.query_row([row], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, String>(2)?))
        });
        let Some((word, made, run)) = found.optional()? else { return Ok(None) };
        let (outcome, why) = match word.as_deref().map(|word| (Outcome::from_word(word), word)) {
            Some((Some(Outcome::Failed | Outcome::Rejected), _)) => return Ok(made.map(Earlier::Made)),
            Some((Some(Outcome::InDoubt), _)) => (
                Outcome::Rejected,
                format!("the row is in doubt in run `{run}`: look for it at the service by hand"),
            ),
            Some((Some(Outcome::Conflict), _)) => (
                Outcome::Rejected,
                format!("the row is in conflict in run `{run}`: a retry takes failed and rejected rows"),
            ),
            Some((Some(_), word)) => {
                (Outcome::Skipped, format!("the row was {word} in run `{run}`: it is not sent again"))
            }
            Some((None, _)) => {
                (Outcome::Rejected, "the run has no failed or rejected row of this number".to_owned())
            }
            None => (Outcome::Rejected, format!("the row has no outcome yet in run `{run}`")),
        };
        Ok(Some(Earlier::Settled(outcome, why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(row: u64, outcome: Outcome, made: Option<&str>) -> Standing {
        Standing { row, outcome: Some(outcome), made: made.map(str::to_owned) }
    }

    #[test]
    fn the_last_run_to_take_a_row_has_the_word_and_a_record_stays_the_rows() {
        let journal = Journal::new(rusqlite::Connection::open_in_memory().unwrap()).unwrap();
        assert!(!journal.is_retry().unwrap());
        journal.begin_earlier().unwrap();
        assert!(journal.is_retry().unwrap());
        let first = journal.add_earlier_run("first").unwrap();
        let second = journal.add_earlier_run("second").unwrap();
        for (row, outcome, made) in [
            (1, Outcome::Created, Some("r1")),
            (2, Outcome::Failed, Some("r2")),
            (3, Outcome::Rejected, None),
            (4, Outcome::Failed, None),
            (5, Outcome::InDoubt, None),
            (6, Outcome::Conflict, None),
        ] {
            journal.stood(first, &standing(row, outcome, made)).unwrap();
        }
        journal.stood(second, &standing(2, Outcome::Failed, None)).unwrap();
        journal.stood(second, &standing(4, Outcome::Created, Some("r4"))).unwrap();
        assert!(journal.keep_repaired(9, 7, "[]").unwrap());
        assert!(!journal.keep_repaired(9, 8, "[]").unwrap(), "a row stands in a file once");
        assert!(journal.keep_repaired(3, 2, "[\"x\"]").unwrap());
        assert_eq!(journal.repaired(0, 9).unwrap(), [(3, 2, "[\"x\"]".into()), (9, 7, "[]".into())]);

        let outcome = |row| match journal.earlier(row).unwrap() {
            Some(Earlier::Settled(outcome, _)) => Some(outcome),
            _ => None,
        };
        let settled: Vec<_> = (1..=9).map(outcome).collect();
        let (skipped, rejected) = (Some(Outcome::Skipped), Some(Outcome::Rejected));
        assert_eq!(settled, [skipped, None, None, skipped, rejected, rejected, None, None, rejected]);
        assert_eq!(journal.earlier(2).unwrap(), Some(Earlier::Made("r2".into())));
        assert_eq!(journal.earlier(3).unwrap(), None);
        assert!(journal.is_left_by(first, 3).unwrap() && !journal.is_left_by(first, 2).unwrap());
        assert_eq!(journal.taken_after(first).unwrap(), [("second".to_owned(), 1)]);
    }
}
