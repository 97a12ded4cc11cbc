//! What an extract has read so far, durably and in bounded memory.
//!
//! Rows go to the part being written and, at once, to a *spool* beside it; a page counts as finished when the
//! spool is synced and the checkpoint names the page. A killed process loses at most the pages of the last
//! moment, which are asked for again; the part in the making is rebuilt from the spool. Ids, their times, and
//! the id sets that a completeness proof needs live in the checkpoint, not in memory.
//!
//! A record may be staged several times (pages shift, edits come late). Which version counts is decided once,
//! at the end, by [`Staging::finish`].

mod ids;
mod notes;
mod rows;
mod spool;
mod stored;

pub use ids::IdAndTime;
pub use rows::StagedRows;
pub use stored::{Stored, stored};

use super::Completeness;
use crate::error::{Error, IoContext, Result};
use crate::record::census::Census;
use crate::record::{RawRecord, instant};
use crate::run::parts::{PartWriter, StagedRow};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use spool::Spool;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A part is finished at this many rows or bytes of raw records, whichever comes first.
const PART_ROWS: u64 = 100_000;
const PART_BYTES: u64 = 256 << 20;
/// Pages finished within this time share one sync.
const GROUP: Duration = Duration::from_millis(200);

/// What a watcher of a stage is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// So many more records were staged.
    Staged(u64),
    /// About so many there will be.
    Expected(u64),
}

/// A stage's tables in the checkpoint; each name begins with the stage's.
const TABLES: [&str; 8] = ["page", "part", "note", "seen", "set", "gone", "dropped", "deleted"];

/// The staging area of one stage of a run.
pub struct Staging {
    folder: PathBuf,
    stage: String,
    db: Connection,
    done: HashSet<String>,
    census: Census,
    next: u64,
    part: u64,
    writer: Option<PartWriter>,
    spool: Option<Spool>,
    keeps_spool: bool,
    pending_pages: Vec<String>,
    pending_seen: Vec<(u64, String, Option<i64>, Option<i64>)>,
    pending_notes: Vec<(String, String)>,
    pending_deletions: Vec<(String, Option<Timestamp>)>,
    /// How many of the pending notes and deletions were there when the last page was finished; `None` while the
    /// rows of a page may be half written.
    at_page: Option<(usize, usize)>,
    last_commit: Instant,
    watcher: Option<Box<dyn Fn(Seen) + Send>>,
}

impl Staging {
    /// Opens the staging area of `stage` (`extract`, `target`) in a run's folder, continuing where an earlier
    /// life of the run left it.
    ///
    /// # Errors
    /// When the folder or the checkpoint cannot be used.
    pub fn open(run_folder: &Path, stage: &str) -> Result<Self> {
        let folder = run_folder.join(stage);
        std::fs::create_dir_all(&folder).during(|| format!("cannot create `{}`", folder.display()))?;
        let db = crate::run::checkpoint::open(&run_folder.join(crate::run::checkpoint::FILE))?;
        db.execute_batch(&format!(
            "BEGIN;
             CREATE TABLE IF NOT EXISTS {stage}_page(key TEXT PRIMARY KEY) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS {stage}_part(part INTEGER PRIMARY KEY, rows INTEGER NOT NULL);
             CREATE TABLE IF NOT EXISTS {stage}_note(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS {stage}_seen(row INTEGER PRIMARY KEY, id TEXT NOT NULL, created INTEGER,
                 updated INTEGER);
             CREATE TABLE IF NOT EXISTS {stage}_set(name TEXT NOT NULL, id TEXT NOT NULL, created INTEGER);
             CREATE TABLE IF NOT EXISTS {stage}_gone(id TEXT PRIMARY KEY) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS {stage}_dropped(row INTEGER PRIMARY KEY);
             CREATE TABLE IF NOT EXISTS {stage}_deleted(id TEXT PRIMARY KEY, at TEXT) WITHOUT ROWID;
             COMMIT;"
        ))?;
        let mut staging = Self {
            folder,
            stage: stage.to_owned(),
            db,
            done: HashSet::new(),
            census: Census::default(),
            next: 1,
            part: 1,
            writer: None,
            spool: None,
            keeps_spool: true,
            pending_pages: Vec::new(),
            pending_seen: Vec::new(),
            pending_notes: Vec::new(),
            pending_deletions: Vec::new(),
            at_page: Some((0, 0)),
            last_commit: Instant::now(),
            watcher: None,
        };
        staging.recover()?;
        Ok(staging)
    }

    /// As [`Staging::open`], after removing whatever an earlier life left of the stage. Nothing is spooled:
    /// for stages that are cheap to do again.
    ///
    /// # Errors
    /// When the folder or the checkpoint cannot be used.
    pub fn restart(run_folder: &Path, stage: &str) -> Result<Self> {
        let folder = run_folder.join(stage);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).during(|| format!("cannot clean up `{}`", folder.display()));
            }
            _ => {}
        }
        let db = crate::run::checkpoint::open(&run_folder.join(crate::run::checkpoint::FILE))?;
        let drops = TABLES.map(|table| format!("DROP TABLE IF EXISTS {stage}_{table};"));
        db.execute_batch(&format!("BEGIN; {} COMMIT;", drops.concat()))?;
        drop(db);
        let mut staging = Self::open(run_folder, stage)?;
        staging.keeps_spool = false;
        Ok(staging)
    }

    /// The staging area of what this stage is made from, such as the records that its own belong to: continued or
    /// begun anew, just as this one was.
    ///
    /// # Errors
    /// When the folder or the checkpoint cannot be used.
    pub fn beside(&mut self, name: &str) -> Result<Self> {
        self.commit()?;
        let stage = format!("{}_{name}", self.stage);
        let run_folder = self.folder.parent().unwrap_or(&self.folder);
        match self.keeps_spool {
            true => Self::open(run_folder, &stage),
            false => Self::restart(run_folder, &stage),
        }
    }

    /// Whether an earlier life finished this page.
    #[must_use]
    pub fn is_done(&self, page: &str) -> bool {
        self.done.contains(page)
    }

    /// Stages the records of a page and counts it as finished. `census` covers just these records.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn page(&mut self, key: &str, records: Vec<RawRecord>, census: Census) -> Result<()> {
        let rows = records.into_iter().map(|record| {
            let row = self.next;
            self.next += 1;
            StagedRow { row, line: None, record }
        });
        let rows: Vec<_> = rows.collect();
        self.rows(key, rows, census)
    }

    /// As [`Staging::page`], for sources whose rows have ordinals of their own (files).
    ///
    /// # Errors
    /// When the disk is full.
    pub fn rows(&mut self, key: &str, rows: Vec<StagedRow>, census: Census) -> Result<()> {
        if let Some(watcher) = &self.watcher {
            watcher(Seen::Staged(rows.len() as u64));
        }
        self.at_page = None;
        for staged in rows {
            self.next = self.next.max(staged.row + 1);
            if let Some(id) = &staged.record.id {
                let time = |text: &Option<String>| text.as_deref().and_then(instant::parse);
                let ms = |text| time(text).map(|at| at.as_millisecond());
                self.pending_seen.push((
                    staged.row,
                    id.clone(),
                    ms(&staged.record.created),
                    time(&staged.record.updated).map(|at| at.as_microsecond()),
                ));
            }
            if self.keeps_spool {
                if self.spool.is_none() {
                    self.spool = Some(Spool::open(&spool_path(&self.folder, self.part), 0)?);
                }
                if let Some(spool) = &mut self.spool {
                    spool.push(&staged)?;
                }
            }
            self.writer()?.push(staged)?;
        }
        self.census.merge(census);
        self.pending_pages.push(key.to_owned());
        self.done.insert(key.to_owned());
        self.at_page = Some((self.pending_notes.len(), self.pending_deletions.len()));
        let (rows, bytes) = self.writer.as_ref().map_or((0, 0), PartWriter::size);
        if rows >= PART_ROWS || bytes >= PART_BYTES {
            self.finish_part()
        } else if self.last_commit.elapsed() >= GROUP {
            self.commit()
        } else {
            Ok(())
        }
    }

    /// Tells `watcher` how far the stage is, from now on.
    pub fn watch(&mut self, watcher: impl Fn(Seen) + Send + 'static) {
        self.watcher = Some(Box::new(watcher));
    }

    /// Tells nobody any more.
    pub fn unwatch(&mut self) {
        self.watcher = None;
    }

    /// About how many records there will be, for whoever watches.
    pub fn expect(&self, records: u64) {
        if let Some(watcher) = &self.watcher {
            watcher(Seen::Expected(records));
        }
    }

    /// Records staged so far, versions included.
    #[must_use]
    pub fn staged(&self) -> u64 {
        self.next - 1
    }

    /// What the records held, as counted so far.
    #[must_use]
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// Ends the stage: the last part is finished and, of records staged several times, all versions but the
    /// latest are dropped. Returns how many records the stage holds.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(&mut self, completeness: &Completeness) -> Result<u64> {
        let state = serde_json::to_string(completeness)
            .map_err(|cause| Error::stopped("cannot note whether the read is complete").because(cause))?;
        self.set_note("completeness", state);
        self.finish_part()?;
        let stage = &self.stage;
        let (rows, ids): (u64, u64) = self.db.query_row(
            &format!("SELECT count(*), count(DISTINCT id) FROM {stage}_seen"),
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if rows != ids {
            self.index()?;
            self.db.execute_batch(&format!(
                "INSERT OR IGNORE INTO {stage}_dropped(row) SELECT row FROM (
                     SELECT row, row_number() OVER (PARTITION BY id ORDER BY updated DESC, row DESC) AS place
                     FROM {stage}_seen WHERE id IN (SELECT id FROM {stage}_seen GROUP BY id HAVING count(*) > 1))
                 WHERE place > 1;",
                stage = self.stage
            ))?;
        }
        let stage = &self.stage;
        self.db.execute_batch(&format!(
            "INSERT OR IGNORE INTO {stage}_dropped(row)
                 SELECT row FROM {stage}_seen WHERE id IN (SELECT id FROM {stage}_gone);
             DELETE FROM {stage}_set;"
        ))?;
        self.set_note("finished", "yes");
        self.commit()?;
        self.count()
    }

    /// Records in finished parts, without dropped versions.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn count(&self) -> Result<u64> {
        let stage = &self.stage;
        let sql = format!(
            "SELECT (SELECT coalesce(sum(rows), 0) FROM {stage}_part) - (SELECT count(*) FROM {stage}_dropped)"
        );
        Ok(self.db.query_row(&sql, [], |row| row.get(0))?)
    }

    /// Whether an earlier life ended the stage, and how complete the read was.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn finished(&self) -> Result<Option<Completeness>> {
        if self.note("finished")?.is_none() {
            return Ok(None);
        }
        let text = self.note("completeness")?.unwrap_or_default();
        let state = serde_json::from_str(&text);
        state.map(Some).map_err(|cause| Error::stopped("the checkpoint is damaged").because(cause))
    }

    /// The records of a finished stage, in order, without dropped versions.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn read(&self) -> Result<StagedRows> {
        let sql = format!("SELECT part FROM {}_part ORDER BY part", self.stage);
        let mut query = self.db.prepare(&sql)?;
        let parts = query.query_map([], |row| row.get::<_, u64>(0))?.collect::<Result<Vec<_>, _>>()?;
        let sql = format!("SELECT row FROM {}_dropped ORDER BY row", self.stage);
        let mut query = self.db.prepare(&sql)?;
        let dropped = query.query_map([], |row| row.get(0))?.collect::<Result<HashSet<u64>, _>>()?;
        let parts = parts.into_iter().map(|part| part_path(&self.folder, part)).collect();
        Ok(StagedRows { parts, current: None, dropped })
    }

    /// Makes everything staged so far durable.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn commit(&mut self) -> Result<()> {
        self.last_commit = Instant::now();
        if self.pending_pages.is_empty() && self.pending_notes.is_empty() && self.pending_deletions.is_empty()
        {
            return Ok(());
        }
        let spooled = match &mut self.spool {
            Some(spool) => spool.sync()?,
            None => 0,
        };
        let transaction = self.db.unchecked_transaction()?;
        self.write_pending(&transaction, spooled)?;
        transaction.commit()?;
        self.forget_pending();
        Ok(())
    }

    fn write_pending(&self, db: &Connection, spooled: u64) -> Result<()> {
        let stage = &self.stage;
        let mut page = db.prepare_cached(&format!("INSERT OR IGNORE INTO {stage}_page(key) VALUES(?)"))?;
        for key in &self.pending_pages {
            page.execute([key])?;
        }
        let sql =
            format!("INSERT OR REPLACE INTO {stage}_seen(row, id, created, updated) VALUES(?, ?, ?, ?)");
        let mut seen = db.prepare_cached(&sql)?;
        for (row, id, created, updated) in &self.pending_seen {
            seen.execute(params![row, id, created, updated])?;
        }
        let sql = format!("INSERT OR REPLACE INTO {stage}_note(key, value) VALUES(?, ?)");
        let mut note = db.prepare_cached(&sql)?;
        for (key, value) in &self.pending_notes {
            note.execute([key, value])?;
        }
        let sql = format!("INSERT OR REPLACE INTO {stage}_deleted(id, at) VALUES(?, ?)");
        let mut deleted = db.prepare_cached(&sql)?;
        for (id, at) in &self.pending_deletions {
            deleted.execute(params![id, at.map(|at| at.to_string())])?;
        }
        let census = serde_json::to_string(&self.census).unwrap_or_default();
        note.execute(["census", &census])?;
        note.execute(["next", &self.next.to_string()])?;
        note.execute(["spooled", &spooled.to_string()])?;
        Ok(())
    }

    fn forget_pending(&mut self) {
        self.pending_pages.clear();
        self.pending_seen.clear();
        self.pending_notes.clear();
        self.pending_deletions.clear();
        self.at_page = self.at_page.map(|_| (0, 0));
    }

    fn finish_part(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return self.commit() };
        let (rows, _) = writer.size();
        writer.finish()?;
        let had_spool = self.spool.take().is_some();
        let transaction = self.db.unchecked_transaction()?;
        self.write_pending(&transaction, 0)?;
        let sql = format!("INSERT INTO {}_part(part, rows) VALUES(?, ?)", self.stage);
        transaction.execute(&sql, params![self.part, rows])?;
        transaction.commit()?;
        self.forget_pending();
        if had_spool {
            let spool = spool_path(&self.folder, self.part);
            std::fs::remove_file(&spool).during(|| format!("cannot remove `{}`", spool.display()))?;
        }
        self.part += 1;
        Ok(())
    }

    fn writer(&mut self) -> Result<&mut PartWriter> {
        if self.writer.is_none() {
            self.writer = Some(PartWriter::create(&part_path(&self.folder, self.part))?);
        }
        Ok(self.writer.as_mut().expect("it was created above"))
    }

    fn index(&mut self) -> Result<()> {
        self.commit()?;
        let stage = &self.stage;
        Ok(self
            .db
            .execute_batch(&format!("CREATE INDEX IF NOT EXISTS {stage}_seen_id ON {stage}_seen(id)"))?)
    }

    /// Takes over what an earlier life of the run made durable, and rebuilds the part it was writing.
    fn recover(&mut self) -> Result<()> {
        let stage = self.stage.clone();
        self.db.execute_batch(&format!("DELETE FROM {stage}_set"))?;
        {
            let mut query = self.db.prepare(&format!("SELECT key FROM {stage}_page"))?;
            self.done = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        }
        if let Some(census) = self.note("census")? {
            let damaged = |cause| Error::stopped("the checkpoint is damaged").because(cause);
            self.census = serde_json::from_str(&census).map_err(damaged)?;
        }
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        self.next = number(self.note("next")?).max(1);
        let sql = format!("SELECT coalesce(max(part), 0) + 1 FROM {stage}_part");
        self.part = self.db.query_row(&sql, [], |row| row.get(0))?;
        let durable = number(self.note("spooled")?);
        remove_strangers(&self.folder, self.part)?;
        let path = spool_path(&self.folder, self.part);
        if durable > 0 && path.exists() {
            spool::read(&path, durable, |staged| self.writer()?.push(staged))?;
            self.spool = Some(Spool::open(&path, durable)?);
        }
        Ok(())
    }
}

fn part_path(folder: &Path, part: u64) -> PathBuf {
    folder.join(format!("part-{part:05}.parquet"))
}

fn spool_path(folder: &Path, part: u64) -> PathBuf {
    folder.join(format!("spool-{part:05}"))
}

/// Removes what a killed process left half: temporary files, a part that the checkpoint does not know yet, and
/// spools of parts that are finished.
fn remove_strangers(folder: &Path, next_part: u64) -> Result<()> {
    let during = || format!("cannot clean up `{}`", folder.display());
    for entry in std::fs::read_dir(folder).during(during)? {
        let entry = entry.during(during)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number =
            |prefix: &str, suffix: &str| name.strip_prefix(prefix)?.strip_suffix(suffix)?.parse::<u64>().ok();
        let stale = name.starts_with(".part-")
            || number("part-", ".parquet").is_some_and(|part| part >= next_part)
            || number("spool-", "").is_some_and(|part| part != next_part);
        if stale {
            std::fs::remove_file(entry.path()).during(during)?;
        }
    }
    Ok(())
}
