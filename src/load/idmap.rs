//! The id map: which record of one account became which record of another (design 9.5).
//!
//! It is kept per pair of accounts, whatever their connections are called, and outlives the runs: a record that
//! an earlier run brought over is known again even when its key has changed. The journals are the record of what
//! was done and are durable before the next request goes out; the map is the index over them, and whatever a run
//! that was killed could not add is added before the next plan is made.

use super::journal::Journal;
use crate::account::Account;
use crate::error::{IoContext, Result};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::Duration;

/// The records of one account by those of another.
pub struct IdMap {
    db: Connection,
}

impl IdMap {
    /// The map of a pair of accounts, below a state folder. Their streams do not matter.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn open(state: &Path, source: &Account, target: &Account) -> Result<Self> {
        let folder = state.join("idmap");
        std::fs::create_dir_all(&folder).during(|| format!("cannot create `{}`", folder.display()))?;
        let db = Connection::open(folder.join(file_name(source, target)))?;
        db.busy_timeout(Duration::from_secs(30))?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS pair(source_stream TEXT NOT NULL, source_id TEXT NOT NULL,
                 target_stream TEXT NOT NULL, target_id TEXT NOT NULL,
                 PRIMARY KEY(source_stream, source_id, target_stream)) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS pair_of_id ON pair(source_id, target_stream);
             CREATE TABLE IF NOT EXISTS learned(run TEXT PRIMARY KEY) WITHOUT ROWID;",
        )?;
        Ok(Self { db })
    }

    /// The record of the target's stream that a record of the source's stream became.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn of(&self, source_stream: &str, id: &str, target_stream: &str) -> Result<Option<String>> {
        let sql =
            "SELECT target_id FROM pair WHERE source_stream = ? AND source_id = ? AND target_stream = ?";
        let mut query = self.db.prepare_cached(sql)?;
        Ok(query.query_row([source_stream, id, target_stream], |row| row.get(0)).optional()?)
    }

    /// The records of the target's stream that records of that id became, whatever stream they were in.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn any_of(&self, id: &str, target_stream: &str) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT target_id FROM pair WHERE source_id = ? AND target_stream = ? ORDER BY 1";
        let mut query = self.db.prepare_cached(sql)?;
        let ids = query.query_map([id, target_stream], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Whether everything that a run did is in the map.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn knows(&self, run: &str) -> Result<bool> {
        Ok(self.db.prepare_cached("SELECT 1 FROM learned WHERE run = ?")?.exists([run])?)
    }

    /// Adds what a run's journal knows. A run that may still do more is asked again by the next.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn learn(
        &self,
        run: &str,
        journal: &Journal,
        source_stream: &str,
        target_stream: &str,
    ) -> Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE")?;
        let learned = self.learn_pairs(run, journal, source_stream, target_stream);
        self.db.execute_batch(if learned.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        learned
    }

    fn learn_pairs(
        &self,
        run: &str,
        journal: &Journal,
        source_stream: &str,
        target_stream: &str,
    ) -> Result<()> {
        let mut insert = self.db.prepare_cached("INSERT OR REPLACE INTO pair VALUES(?, ?, ?, ?)")?;
        journal.pairs(|source, target| {
            insert.execute(params![source_stream, source, target_stream, target])?;
            Ok(())
        })?;
        if journal.open_operations()? == 0 {
            self.db.prepare_cached("INSERT OR IGNORE INTO learned(run) VALUES(?)")?.execute([run])?;
        }
        Ok(())
    }
}

fn file_name(source: &Account, target: &Account) -> String {
    let whole =
        [source, target].map(|account| format!("{}\n{}\n{}", account.service, account.url, account.identity));
    let digest = Sha256::digest(whole.join("\n").as_bytes());
    let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{short}.sqlite", source.service, target.service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::journal::{Outcome, PlannedRow};
    use crate::load::target::Planned;

    fn account(service: &str, stream: &str) -> Account {
        let text = |text: &str| text.to_owned();
        Account { service: text(service), url: text("http://x"), identity: text("me"), stream: text(stream) }
    }

    #[test]
    fn what_a_run_did_is_known_to_later_ones_and_only_that() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(Connection::open(folder.path().join("journal")).unwrap()).unwrap();
        let outcomes = [
            (1, Some("t1"), Outcome::Created),
            (2, Some("t2"), Outcome::Unchanged),
            (3, Some("t3"), Outcome::Skipped),
            (4, None, Outcome::Failed),
        ];
        for (row, id, outcome) in outcomes {
            let planned = PlannedRow {
                row,
                id: id.map(str::to_owned),
                class: None,
                outcome: Some(outcome),
                field: None,
                value: None,
                reason: None,
                planned: Planned::default(),
                extra: 0,
            };
            journal.add(&planned).unwrap();
            journal.note_source(row, &format!("s{row}")).unwrap();
        }
        let (source, target) = (account("nimble", "contacts"), account("nethunt", "f1"));
        let map = IdMap::open(folder.path(), &source, &target).unwrap();
        assert!(!map.knows("run").unwrap());
        map.learn("run", &journal, "contacts", "f1").unwrap();
        assert!(map.knows("run").unwrap());
        drop(map);
        // Another stream of the same accounts has the same map.
        let map = IdMap::open(folder.path(), &account("nimble", "notes"), &account("nethunt", "f2")).unwrap();
        let of = |id: &str| map.of("contacts", id, "f1").unwrap();
        assert_eq!(
            [of("s1"), of("s2"), of("s3"), of("s4")].map(|id| id.unwrap_or_default()),
            ["t1", "t2", "", ""]
        );
        assert_eq!(map.any_of("s1", "f1").unwrap(), ["t1"]);
        assert!(map.any_of("s1", "f2").unwrap().is_empty());
    }
}
