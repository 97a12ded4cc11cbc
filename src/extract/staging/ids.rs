//! Questions about the ids staged so far, and the id sets that completeness proofs compare them with.
//! All of it is answered on disk.

use super::Staging;
use crate::error::Result;
use jiff::Timestamp;
use rusqlite::params;
use std::ops::Range;

/// An id with its creation time, for the id sets of proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdAndTime {
    /// The record's id.
    pub id: String,
    /// Creation time in Unix milliseconds, where it is known.
    pub created_ms: Option<i64>,
}

impl Staging {
    /// Distinct ids of records created before `before_ms`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn distinct_old(&mut self, before_ms: i64) -> Result<u64> {
        self.commit()?;
        let sql = format!("SELECT count(DISTINCT id) FROM {}_seen WHERE created < ?", self.stage);
        Ok(self.db.query_row(&sql, [before_ms], |row| row.get(0))?)
    }

    /// Distinct ids of records created in `created`; only those of which a version is staged that was last
    /// changed before `unchanged_since`, if given. All in Unix milliseconds.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn distinct_created(&mut self, created: Range<i64>, unchanged_since: Option<i64>) -> Result<u64> {
        self.commit()?;
        let sql = format!(
            "SELECT count(DISTINCT id) FROM {}_seen WHERE created >= ?1 AND created < ?2
             AND (?3 IS NULL OR updated < ?3 * 1000)",
            self.stage
        );
        let bounds = params![created.start, created.end, unchanged_since];
        Ok(self.db.query_row(&sql, bounds, |row| row.get(0))?)
    }

    /// The latest change staged.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn latest_change(&mut self) -> Result<Option<Timestamp>> {
        self.commit()?;
        let sql = format!("SELECT max(updated) FROM {}_seen", self.stage);
        let latest: Option<i64> = self.db.query_row(&sql, [], |row| row.get(0))?;
        Ok(latest.and_then(|us| Timestamp::from_microsecond(us).ok()))
    }

    /// Leaves out of the result the records of which nothing is staged that was created or changed at
    /// `since_ms` or later. Returns how many records are left out, all told.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn leave_out_unchanged(&mut self, since_ms: i64) -> Result<u64> {
        self.commit()?;
        let stage = &self.stage;
        self.db.execute(
            &format!(
                "INSERT OR IGNORE INTO {stage}_gone(id) SELECT id FROM {stage}_seen GROUP BY id
                 HAVING max(coalesce(updated, created * 1000)) < ? * 1000"
            ),
            [since_ms],
        )?;
        let sql =
            format!("SELECT count(DISTINCT id) FROM {stage}_seen WHERE id IN (SELECT id FROM {stage}_gone)");
        Ok(self.db.query_row(&sql, [], |row| row.get(0))?)
    }

    /// Distinct ids staged.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn distinct(&mut self) -> Result<u64> {
        self.commit()?;
        let sql = format!("SELECT count(DISTINCT id) FROM {}_seen", self.stage);
        Ok(self.db.query_row(&sql, [], |row| row.get(0))?)
    }

    /// The newest creation time staged, in Unix milliseconds.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn newest_created(&mut self) -> Result<Option<i64>> {
        self.commit()?;
        let sql = format!("SELECT max(created) FROM {}_seen", self.stage);
        Ok(self.db.query_row(&sql, [], |row| row.get(0))?)
    }

    /// Those of `ids` that are not staged, in the order given.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn unknown(&mut self, ids: &[String]) -> Result<Vec<String>> {
        self.index()?;
        let sql = format!("SELECT 1 FROM {}_seen WHERE id = ?", self.stage);
        let mut known = self.db.prepare_cached(&sql)?;
        let mut unknown = Vec::new();
        for id in ids {
            if !known.exists([id])? {
                unknown.push(id.clone());
            }
        }
        Ok(unknown)
    }

    /// Those of `ids` that are staged with a creation time before `before_ms`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn are_old(&mut self, ids: &[String], before_ms: i64) -> Result<Vec<String>> {
        self.index()?;
        let sql = format!("SELECT 1 FROM {}_seen WHERE id = ? AND created < ?", self.stage);
        let mut known = self.db.prepare_cached(&sql)?;
        let mut old = Vec::new();
        for id in ids {
            if known.exists(params![id, before_ms])? {
                old.push(id.clone());
            }
        }
        Ok(old)
    }

    /// Adds ids to the named set, doubles kept. Sets do not outlive the process.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn set_add(&mut self, set: &str, ids: &[IdAndTime]) -> Result<()> {
        let transaction = self.db.unchecked_transaction()?;
        {
            let sql = format!("INSERT INTO {}_set(name, id, created) VALUES(?, ?, ?)", self.stage);
            let mut insert = transaction.prepare_cached(&sql)?;
            for one in ids {
                insert.execute(params![set, one.id, one.created_ms])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Empties the named set.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn set_clear(&mut self, set: &str) -> Result<()> {
        self.db.execute(&format!("DROP INDEX IF EXISTS {}_set_id", self.stage), [])?;
        self.db.execute(&format!("DELETE FROM {}_set WHERE name = ?", self.stage), [set])?;
        Ok(())
    }

    /// Ids added to the named set, and how many of them are distinct.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn set_counts(&mut self, set: &str) -> Result<(u64, u64)> {
        let sql = format!("SELECT count(*), count(DISTINCT id) FROM {}_set WHERE name = ?", self.stage);
        Ok(self.db.query_row(&sql, [set], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Ids of the named set that are not staged (only those created before `before_ms`, if given), at most
    /// `most`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn set_not_staged(&mut self, set: &str, before_ms: Option<i64>, most: usize) -> Result<Vec<String>> {
        self.index()?;
        let stage = &self.stage;
        let sql = format!(
            "SELECT DISTINCT id FROM {stage}_set s WHERE name = ?1 AND (?2 IS NULL OR created < ?2)
             AND NOT EXISTS (SELECT 1 FROM {stage}_seen WHERE id = s.id) LIMIT ?3"
        );
        let mut query = self.db.prepare(&sql)?;
        let ids = query.query_map(params![set, before_ms, most as i64], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Ids staged with a creation time before `before_ms` that the named set lacks, at most `most`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn staged_not_in_set(&mut self, set: &str, before_ms: i64, most: usize) -> Result<Vec<String>> {
        self.created_not_in_set(set, i64::MIN..before_ms, most)
    }

    /// Ids staged with a creation time in `created` (Unix milliseconds) that the named set lacks, at most `most`.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn created_not_in_set(&mut self, set: &str, created: Range<i64>, most: usize) -> Result<Vec<String>> {
        self.index()?;
        let stage = &self.stage;
        self.db.execute_batch(&format!("CREATE INDEX IF NOT EXISTS {stage}_set_id ON {stage}_set(id)"))?;
        let sql = format!(
            "SELECT DISTINCT id FROM {stage}_seen s WHERE created >= ?2 AND created < ?3
             AND NOT EXISTS (SELECT 1 FROM {stage}_set WHERE id = s.id AND name = ?1)
             AND NOT EXISTS (SELECT 1 FROM {stage}_gone WHERE id = s.id) LIMIT ?4"
        );
        let mut query = self.db.prepare(&sql)?;
        let asked = params![set, created.start, created.end, most as i64];
        let ids = query.query_map(asked, |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Records found to be deleted meanwhile: they are left out of the result.
    ///
    /// # Errors
    /// When the checkpoint cannot be used.
    pub fn gone(&mut self, ids: &[String]) -> Result<()> {
        let transaction = self.db.unchecked_transaction()?;
        for id in ids {
            transaction
                .prepare_cached(&format!("INSERT OR IGNORE INTO {}_gone(id) VALUES(?)", self.stage))?
                .execute([id])?;
        }
        Ok(transaction.commit()?)
    }
}
