//! Other runs of the same account, whatever state folder they are in: what they left open, and which records they made
//! (design 9.3).

use super::context::Context;
use super::job::Job;
use super::links::journal_of;
use super::planning;
use crate::account::Account;
use crate::error::{Error, Result};
use crate::load::journal::Journal;
use crate::run::checkpoint;
use crate::run::folder::RunEntry;
use crate::run::writers::{self, Note};
use jiff::Timestamp;
use rusqlite::ErrorCode;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The journals of all runs that loaded into an account, but for one.
pub(super) struct OtherRuns {
    account: Account,
    journals: Mutex<Vec<Other>>,
    /// Runs that have written to the account, and whose journals are gone.
    gone: Vec<Note>,
    /// When the last of all these wrote to the account, at the latest.
    wrote: Option<SystemTime>,
}

/// The journal of another run.
struct Other {
    run: RunName,
    path: PathBuf,
    journal: Journal,
    /// How long what it sent may be on its way, in milliseconds.
    settle_ms: u64,
}

/// What another run is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunName {
    pub(super) name: String,
    /// Its state folder, where that is another one.
    pub(super) state: Option<PathBuf>,
}

impl RunName {
    /// The command that goes on with the run.
    pub(super) fn way_on(&self) -> String {
        match &self.state {
            None => format!("ferry resume {}", self.name),
            Some(state) => format!("ferry --state-dir {} resume {}", state.display(), self.name),
        }
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            None => f.write_str(&self.name),
            Some(state) => write!(f, "{} (in `{}`)", self.name, state.display()),
        }
    }
}

impl OtherRuns {
    /// Finds them; `this` is the name of the run that asks.
    pub(super) fn of(context: &Context, account: &Account, this: &str) -> Result<Self> {
        let mut others =
            Self { account: account.clone(), journals: Mutex::default(), gone: Vec::new(), wrote: None };
        let listed = context.runs.list()?;
        let notes = writers::notes(account)?;
        for entry in listed.iter().filter(|entry| entry.name != this) {
            let noted = notes.iter().find(|note| note.run == entry.name);
            others.add(entry, None, noted.map_or(0, |note| note.settle_ms))?;
        }
        let is_known = |note: &Note| note.run == this || listed.iter().any(|entry| entry.name == note.run);
        for note in notes.into_iter().filter(|note| !is_known(note)) {
            let state = note.folder.parent().and_then(Path::parent).map(Path::to_owned);
            let entry = RunEntry { path: note.folder.clone(), name: note.run.clone() };
            // Nobody here can put another state folder's journal right: then it is as if it were gone.
            if !others.add(&entry, state, note.settle_ms).unwrap_or(false) {
                others.wrote = others.wrote.max(note.ended.map(system_time));
                others.gone.push(note);
            }
        }
        Ok(others)
    }

    /// Adds what a run did in the account; false where there is no journal of it. `settle_ms` is the settle time that is
    /// noted of it elsewhere.
    fn add(&mut self, entry: &RunEntry, state: Option<PathBuf>, settle_ms: u64) -> Result<bool> {
        let job: Option<Job> = entry.job().ok();
        let same = job.is_some_and(|job| job.target.is_some_and(|it| it.account() == Some(&self.account)));
        let mut paths = Vec::new();
        // What a run made for links stands apart, by the account that it made it in.
        paths.extend(Some(journal_of(&entry.path, &self.account)));
        paths.extend(same.then(|| entry.checkpoint()));
        paths.retain(|path| path.is_file());
        let run = RunName { name: entry.name.clone(), state };
        for path in &paths {
            // Every intent and every answer is committed to these files.
            let changed = changed(path);
            let opened = checkpoint::open(path).and_then(Journal::new);
            let journal = opened.map_err(|error| unreadable(path, &run.name, error))?;
            if journal.has_begun().map_err(|error| unreadable(path, &run.name, error))? {
                self.wrote = self.wrote.max(changed);
            }
            let mark = planning::saved_mark(&journal).map_err(|error| unreadable(path, &run.name, error))?;
            let settle_ms = mark.map_or(settle_ms, |mark| mark.settle_ms.max(settle_ms));
            let journals = self.journals.get_mut().unwrap_or_else(PoisonError::into_inner);
            journals.push(Other { run: run.clone(), path: path.clone(), journal, settle_ms });
        }
        Ok(!paths.is_empty())
    }

    /// For how long none of them has written anything; `None` where none ever has.
    pub(super) fn quiet_for(&self) -> Option<Duration> {
        // A clock that was set back tells nothing: as if it had been just now.
        self.wrote.map(|wrote| wrote.elapsed().unwrap_or_default())
    }

    /// Whether one of them created or adopted the record.
    pub(super) fn made(&self, id: &str) -> Result<bool> {
        let journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        for Other { run, path, journal, .. } in journals.iter() {
            if journal.made(id).map_err(|error| unreadable(path, &run.name, error))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those that have sent something whose outcome is not known.
    pub(super) fn open(&self) -> Result<Vec<RunName>> {
        let journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = Vec::new();
        for Other { run, path, journal, .. } in journals.iter() {
            if journal.has_open_intents().map_err(|error| unreadable(path, &run.name, error))? {
                open.push(run.clone());
            }
        }
        open.dedup();
        Ok(open)
    }

    /// How long what they left unsettled may be on its way: the longest settle time of those that did.
    pub(super) fn settle(&self) -> Result<Duration> {
        let journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = self.gone.iter().filter(|note| note.ended.is_none());
        let mut longest = lost.map(|note| note.settle_ms).max().unwrap_or(0);
        for Other { run, path, journal, settle_ms } in journals.iter() {
            if journal.has_open_intents().map_err(|error| unreadable(path, &run.name, error))? {
                longest = longest.max(*settle_ms);
            }
        }
        Ok(Duration::from_millis(longest))
    }

    /// The folders of those that died while they wrote, and whose journals are gone.
    pub(super) fn lost(&self) -> Vec<&Path> {
        self.gone.iter().filter(|note| note.ended.is_none()).map(|note| note.folder.as_path()).collect()
    }

    /// Notes that what the lost ones sent has been waited for, since the writer's lock was taken.
    pub(super) fn note_waited(&self, locked: Instant) -> Result<()> {
        let lost = self.gone.iter().filter(|note| note.ended.is_none());
        let lost: Vec<String> = lost.map(|note| note.run.clone()).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let at = Timestamp::now().checked_sub(locked.elapsed()).unwrap_or(Timestamp::UNIX_EPOCH);
        writers::note_ended(&self.account, &lost, at)
    }
}

/// That nobody can tell what a run has sent.
pub(super) fn unreadable(path: &Path, run: &str, error: Error) -> Error {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    let code = cause.and_then(rusqlite::Error::sqlite_error_code);
    let damaged = matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
    let why = format!("the checkpoint `{}` of run `{run}` cannot be read", path.display());
    let told = Error::stopped(why).because(error);
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == run));
    match folder {
        Some(folder) if damaged => told.hint(format!(
            "put it back from a copy; without one nobody can tell what the run has sent: see what is there, then \
             remove the run's folder `{}`",
            folder.display()
        )),
        _ => told,
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    let since = u64::try_from(at.as_millisecond()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_millis(since)
}

/// When a checkpoint was last changed, its log included.
fn changed(path: &Path) -> Option<SystemTime> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let time = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    time(path).max(time(Path::new(&log)))
}
