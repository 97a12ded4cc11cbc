//! Who has written to an account and stream, whatever state folder their runs are in (design sections 9.3 and 9.9).
//!
//! The notes lie beside the writer's lock in the user's state folder. A run is noted, durably, before its first
//! request that may change something, and again when its process is done with writing. So whoever has the lock next
//! knows of runs that it cannot see in its own state folder, and of those that died on their way: what they sent may
//! still appear.

use super::folder::RunFolder;
use super::lock::{Held, lock_folder, lock_writer};
use crate::account::Account;
use crate::error::{Error, IoContext, Result};
use crate::stop::Stop;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// So many runs are remembered; older ones have long been waited for.
const KEPT: usize = 100;

/// A run that has written to an account and stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its name.
    pub run: String,
    /// Its folder.
    pub folder: PathBuf,
    /// When its process was done with writing; none while it writes, and where it died.
    pub ended: Option<Timestamp>,
    /// How long, in milliseconds, what it sent may be on its way: its settle time.
    #[serde(default)]
    pub settle_ms: u64,
}

/// The one writer to an account and stream.
#[derive(Debug)]
pub struct Writer {
    _held: Held,
    file: PathBuf,
    run: String,
    folder: PathBuf,
    /// The settle time with which it has begun to write.
    begun: OnceLock<u64>,
}

impl Writer {
    /// Takes the writer's lock for a run, and waits for it at most `patience`.
    ///
    /// # Errors
    /// As [`lock_writer`].
    pub fn lock(account: &Account, folder: &RunFolder, patience: Duration, stop: &Stop) -> Result<Self> {
        let held = lock_writer(account, folder.name(), patience, stop)?;
        let path = folder.path();
        let absolute = std::path::absolute(path).during(|| format!("cannot find `{}`", path.display()))?;
        Ok(Self {
            _held: held,
            file: file_of(account),
            run: folder.name().to_owned(),
            folder: absolute,
            begun: OnceLock::new(),
        })
    }

    /// Notes that the run writes from here on; what it sends is on its way for at most `settle`.
    ///
    /// # Errors
    /// When the note cannot be kept: nothing may be sent then.
    pub fn begin(&self, settle: Duration) -> Result<()> {
        let settle_ms = u64::try_from(settle.as_millis()).unwrap_or(u64::MAX);
        match self.begun.set(settle_ms) {
            Ok(()) => self.note(None, settle_ms),
            Err(_) => Ok(()),
        }
    }

    fn note(&self, ended: Option<Timestamp>, settle_ms: u64) -> Result<()> {
        let mut notes = read(&self.file)?;
        notes.retain(|note| note.run != self.run);
        notes.push(Note { run: self.run.clone(), folder: self.folder.clone(), ended, settle_ms });
        notes.drain(..notes.len().saturating_sub(KEPT));
        write(&self.file, &notes)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(settle_ms) = self.begun.get() {
            // Without this note the run counts as one that died: the next waits longer than it has to.
            let _ = self.note(Some(Timestamp::now()), *settle_ms);
        }
    }
}

/// The runs that have written to an account and stream, the last one last.
///
/// # Errors
/// When the notes cannot be read.
pub fn notes(account: &Account) -> Result<Vec<Note>> {
    read(&file_of(account))
}

/// Notes that what these runs sent has been waited for since `at`, although they died. Only the holder of the writer's
/// lock may do so.
///
/// # Errors
/// When the notes cannot be kept.
pub fn note_ended(account: &Account, runs: &[String], at: Timestamp) -> Result<()> {
    let file = file_of(account);
    let mut notes = read(&file)?;
    for note in notes.iter_mut().filter(|note| runs.contains(&note.run)) {
        note.ended.get_or_insert(at);
    }
    write(&file, &notes)
}

fn file_of(account: &Account) -> PathBuf {
    lock_folder().join(format!("{}.writers.json", account.file_name()))
}

fn read(file: &Path) -> Result<Vec<Note>> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.during(|| format!("cannot read `{}`", file.display()))?,
    };
    serde_json::from_str(&text).map_err(|cause| {
        Error::stopped(format!("`{}` does not say who has written to the account", file.display()))
            .because(cause)
            .hint("remove it once nothing that was sent to the account can still be on its way")
    })
}

fn write(file: &Path, notes: &[Note]) -> Result<()> {
    let during = || format!("cannot write `{}`", file.display());
    let text = serde_json::to_string_pretty(notes)
        .map_err(|cause| Error::stopped("cannot note who writes").because(cause))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).during(during)?;
    let mut new = tempfile::NamedTempFile::with_prefix_in(".new-", folder).during(during)?;
    writeln!(new, "{text}").and_then(|()| new.as_file().sync_all()).during(during)?;
    new.persist(file).map_err(|failed| failed.error).during(during)?;
    // Windows opens no folders, and keeps their entries without being asked.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).during(during)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_kept_and_those_that_cannot_be_read_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("locks/x.writers.json");
        assert_eq!(read(&file).unwrap(), []);
        let note =
            Note { run: "one".into(), folder: "/state/runs/one".into(), ended: None, settle_ms: 15_000 };
        write(&file, std::slice::from_ref(&note)).unwrap();
        assert_eq!(read(&file).unwrap(), [note]);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(read(&file).unwrap_err().class(), crate::error::Class::Stopped);
    }
}
