//! Locks between processes: one process a run, one writer an account and stream (design 9.9).
//!
//! They are locks of the operating system, so they end with the process that holds them, however it ends, and
//! nobody ever has to break one. The file's text, who holds it, is only for the message.

use crate::account::Account;
use crate::error::{Error, IoContext, Result};
use crate::stop::Stop;
use etcetera::BaseStrategy;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

/// Locks the file at `path`, or says who holds it; `what` names the thing, as in "run `x`".
///
/// # Errors
/// Class `Stopped` when another process holds it.
pub fn lock_file(path: &Path, what: &str) -> Result<Held> {
    let during = || format!("cannot lock `{}`", path.display());
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).during(during)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).during(during)?;
            let holder = holder.trim();
            let holder = if holder.is_empty() { "another process" } else { holder };
            return Err(Error::stopped(format!("{what} is in use by {holder}"))
                .hint("wait until it has ended, then run the command again"));
        }
        Err(TryLockError::Error(cause)) => return Err(cause).during(during),
    }
    let note = format!("process {}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(note.as_bytes()))
        .during(during)?;
    Ok(Held { _file: file })
}

/// The one writer's lock of an account and stream, waited for at most `patience`. It lies in the user's state
/// folder whatever the run's state folder is.
///
/// # Errors
/// Class `Stopped` when another process still holds it, naming its run and process.
pub fn lock_writer(account: &Account, run: &str, patience: Duration, stop: &Stop) -> Result<Held> {
    let folder = lock_folder();
    std::fs::create_dir_all(&folder).during(|| format!("cannot create `{}`", folder.display()))?;
    let path = folder.join(format!("{}.lock", account.file_name()));
    let what = format!("writing to the {account}");
    let end = Instant::now() + patience;
    loop {
        match lock_file(&path, &what) {
            Ok(mut held) => {
                let note = format!("process {} with run `{run}`\n", std::process::id());
                let written = held._file.rewind().and_then(|()| held._file.write_all(note.as_bytes()));
                written.during(|| format!("cannot lock `{}`", path.display()))?;
                return Ok(held);
            }
            Err(error) if Instant::now() >= end => {
                return Err(error.hint("wait for it with `--lock-wait SECONDS`"));
            }
            Err(_) if stop.wait(Duration::from_millis(100)) => {
                return Err(Error::stopped("stopped while waiting"));
            }
            Err(_) => {}
        }
    }
}

/// Where the locks of accounts lie: in the user's state folder for Ferry.
pub(super) fn lock_folder() -> PathBuf {
    let strategy = etcetera::choose_base_strategy().ok();
    let base = strategy.and_then(|strategy| strategy.state_dir().or_else(|| Some(strategy.data_dir())));
    base.unwrap_or_else(std::env::temp_dir).join("ferry").join("locks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_says_who_holds_it_and_ends_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock_file(&path, "run `x`").unwrap();
        let refused = lock_file(&path, "run `x`").unwrap_err();
        assert_eq!(refused.to_string(), format!("run `x` is in use by process {}", std::process::id()));
        assert_eq!(refused.class(), crate::error::Class::Stopped);
        drop(held);
        lock_file(&path, "run `x`").unwrap();
    }
}
