//! A run's folder: its name, its lock, what was asked, and finding it again (design section 5).
//!
//! The folder exists and is locked before the first request. It is readable by its owner alone, since it
//! holds personal data; it never holds a secret. Files in it appear by temporary file and rename.

use super::lock::{Held, lock_file};
use crate::error::{Error, IoContext, Result};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A run's folder, locked for this process.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    name: String,
    _lock: Held,
}

/// A run as listed, not locked.
#[derive(Debug, Clone)]
pub struct RunEntry {
    /// Its folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
}

/// Where runs are kept.
#[derive(Debug, Clone)]
pub struct Runs {
    root: PathBuf,
}

const JOB: &str = "run.json";
const LOCK: &str = "lock";

impl Runs {
    /// The runs below a state folder (`FERRY_STATE_DIR`, by default `.ferry`).
    #[must_use]
    pub fn below(state: &Path) -> Self {
        Self { root: state.join("runs") }
    }

    /// The state folder that they are below.
    #[must_use]
    pub fn state(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }

    /// Makes the folder of a new run, locked, with what was asked in it. Its name says when, the command and,
    /// in a few letters, the subject.
    ///
    /// # Errors
    /// When the state folder cannot be written to (class `Input`).
    pub fn create(&self, command: &str, subject: &str, job: &impl Serialize) -> Result<RunFolder> {
        make_private(&self.root)?;
        let stamp = Timestamp::now().strftime("%Y%m%d-%H%M");
        for _ in 0..100 {
            let suffix: String = (0..4)
                .map(|_| char::from(fastrand::choice(*b"abcdefghjkmnpqrstuvwxyz23456789").unwrap_or(b'a')))
                .collect();
            let name = format!("{stamp}-{command}-{subject}-{suffix}");
            let path = self.root.join(&name);
            if path.exists() {
                continue;
            }
            make_private(&path)?;
            let lock = lock_file(&path.join(LOCK), &format!("run `{name}`"))?;
            let folder = RunFolder { path, name, _lock: lock };
            folder.write_job(job)?;
            return Ok(folder);
        }
        Err(Error::stopped(format!("cannot find a free name for a run in `{}`", self.root.display())))
    }

    /// Opens and locks an existing run.
    ///
    /// # Errors
    /// When another process works on it (class `Stopped`).
    pub fn open(&self, entry: &RunEntry) -> Result<RunFolder> {
        let lock = lock_file(&entry.path.join(LOCK), &format!("run `{}`", entry.name))
            .map_err(|error| error.of_run(&entry.name))?;
        Ok(RunFolder { path: entry.path.clone(), name: entry.name.clone(), _lock: lock })
    }

    /// Keeps a file in a folder of the state, beside the runs: whole or not at all, for its owner alone.
    ///
    /// # Errors
    /// When the state folder cannot be written to.
    pub fn keep(&self, folder: &str, name: &str, content: &[u8]) -> Result<()> {
        let folder = self.beside(folder);
        make_private(&folder)?;
        write_whole(&folder, name, content)
    }

    /// The files kept in a folder of the state, as far as they can be read.
    #[must_use]
    pub fn kept(&self, folder: &str) -> Vec<Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(self.beside(folder)) else { return Vec::new() };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
    }

    fn beside(&self, folder: &str) -> PathBuf {
        self.root.parent().unwrap_or(Path::new("")).join(folder)
    }

    /// All runs, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<RunEntry>> {
        let mut entries = Vec::new();
        let folder = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(entries),
            other => other.during(|| format!("cannot read `{}`", self.root.display()))?,
        };
        for entry in folder {
            let entry = entry.during(|| format!("cannot read `{}`", self.root.display()))?;
            if entry.path().join(JOB).is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                entries.push(RunEntry { path: entry.path(), name });
            }
        }
        entries.sort_by_cached_key(|entry| (asked(entry), entry.name.clone()));
        Ok(entries)
    }

    /// The run whose name has `part` in it, if there is exactly one.
    ///
    /// # Errors
    /// When none or several do (class `Input`).
    pub fn find(&self, part: &str) -> Result<RunEntry> {
        let all = self.list()?;
        if let Some(exact) = all.iter().find(|entry| entry.name == part) {
            return Ok(exact.clone());
        }
        let mut found = all.into_iter().filter(|entry| entry.name.contains(part));
        match (found.next(), found.next()) {
            (Some(entry), None) => Ok(entry),
            (None, _) => Err(Error::input(format!("there is no run `{part}` in `{}`", self.root.display()))
                .hint("list them with `ferry runs`")),
            (Some(first), Some(second)) => {
                Err(Error::input(format!("`{part}` may mean `{}` or `{}`", first.name, second.name))
                    .hint("write more of the name"))
            }
        }
    }
}

impl RunEntry {
    /// What was asked of this run.
    ///
    /// # Errors
    /// When its `run.json` is missing or of another version.
    pub fn job<J: DeserializeOwned>(&self) -> Result<J> {
        read_job(&self.path)
    }

    /// The checkpoint's path.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join(super::checkpoint::FILE)
    }
}

impl RunFolder {
    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was asked of this run.
    ///
    /// # Errors
    /// When its `run.json` is missing or of another version.
    pub fn job<J: DeserializeOwned>(&self) -> Result<J> {
        read_job(&self.path)
    }

    /// Notes what is asked of this run.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write_job(&self, job: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(job)
            .map_err(|cause| Error::stopped("cannot note what was asked").because(cause))?;
        self.write(JOB, text.as_bytes())
    }

    /// Writes a file of this folder: whole or not at all.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        write_whole(&self.path, name, content)
    }
}

fn write_whole(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    let during = || format!("cannot write `{}`", folder.join(name).display());
    let mut file = tempfile::NamedTempFile::with_prefix_in(".new-", folder).during(during)?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).during(during)?;
    file.persist(folder.join(name)).map_err(|failed| failed.error).during(during)?;
    Ok(())
}

/// When a run was asked for, from its `run.json`.
fn asked(entry: &RunEntry) -> String {
    let job: Option<Value> = entry.job().ok();
    job.and_then(|job| Some(job.get("asked")?.as_str()?.to_owned())).unwrap_or_default()
}

fn read_job<J: DeserializeOwned>(folder: &Path) -> Result<J> {
    let path = folder.join(JOB);
    let text = std::fs::read_to_string(&path).during(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).map_err(|cause| {
        Error::input(format!("`{}` is not a run that this version knows", path.display())).because(cause)
    })
}

/// Makes a folder, and what is above it, that only its owner can read.
fn make_private(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|cause| {
        let error = Error::input(format!("cannot create the folder `{}`", path.display())).because(cause);
        error.hint("runs are kept below `--state-dir` (FERRY_STATE_DIR), by default `.ferry` in this folder")
    })
}
