//! Other runs of the same account: what they left open, and which records they made (design 9.3).

use super::context::Context;
use super::job::Job;
use super::links::journal_of;
use crate::account::Account;
use crate::error::Result;
use crate::load::journal::Journal;
use crate::run::checkpoint;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The journals of all runs that loaded into an account, but for one.
pub(super) struct OtherRuns {
    journals: Mutex<Vec<(String, Journal)>>,
    /// When the last of them wrote to the account, at the latest.
    wrote: Option<SystemTime>,
}

impl OtherRuns {
    /// Finds them; `this` is the name of the run that asks.
    pub(super) fn of(context: &Context, account: &Account, this: &str) -> Result<Self> {
        let mut journals = Vec::new();
        let mut wrote = None;
        let mut open = |path: &Path| -> Result<Journal> {
            // Every intent and every answer is committed to these files.
            let changed = changed(path);
            let journal = Journal::new(checkpoint::open(path)?)?;
            if journal.has_begun()? {
                wrote = wrote.max(changed);
            }
            Ok(journal)
        };
        for entry in context.runs.list()? {
            // What a run made for links stands apart, by the account that it made it in.
            let linked = journal_of(&entry.path, account);
            if entry.name != this && linked.is_file() {
                journals.push((entry.name.clone(), open(&linked)?));
            }
            let job: Option<Job> = entry.job().ok();
            let same =
                job.is_some_and(|job| job.target.is_some_and(|target| target.account() == Some(account)));
            if same && entry.name != this && entry.checkpoint().is_file() {
                journals.push((entry.name.clone(), open(&entry.checkpoint())?));
            }
        }
        Ok(Self { journals: Mutex::new(journals), wrote })
    }

    /// For how long none of them has written anything; `None` where none ever has.
    pub(super) fn quiet_for(&self) -> Option<Duration> {
        // A clock that was set back tells nothing: as if it had been just now.
        self.wrote.map(|wrote| wrote.elapsed().unwrap_or_default())
    }

    /// Whether one of them created or adopted the record.
    pub(super) fn made(&self, id: &str) -> Result<bool> {
        let journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, journal) in journals.iter() {
            if journal.made(id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those that have sent something whose outcome is not known.
    pub(super) fn open(&self) -> Result<Vec<String>> {
        let journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = Vec::new();
        for (name, journal) in journals.iter() {
            if journal.has_open_intents()? {
                open.push(name.clone());
            }
        }
        open.dedup();
        Ok(open)
    }
}

/// When a checkpoint was last changed, its log included.
fn changed(path: &Path) -> Option<SystemTime> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let time = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    time(path).max(time(Path::new(&log)))
}
