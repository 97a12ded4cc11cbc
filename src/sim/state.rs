//! The state file of `--state`: both services' snapshots, and never half a file.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where the state is kept, and whether what is there is still true.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: Option<PathBuf>,
    dirty: bool,
}

impl StateFile {
    /// A state file at `path`, or none at all.
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, dirty: false }
    }

    /// What an earlier simulator left; nothing when the file does not exist.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or could not be written when it is not there.
    pub(crate) fn load(&self) -> Result<Option<Value>, String> {
        let Some(path) = &self.path else { return Ok(None) };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                return if folder_of(path).is_dir() {
                    Ok(None)
                } else {
                    Err(format!(
                        "cannot keep state in `{}`: there is no folder `{}`",
                        path.display(),
                        folder_of(path).display()
                    ))
                };
            }
            Err(why) => return Err(format!("cannot read state `{}`: {why}", path.display())),
        };
        let value = serde_json::from_slice(&bytes);
        value.map(Some).map_err(|why| self.refused(&why.to_string()))
    }

    /// The error for a file that is there and holds no state.
    pub(crate) fn refused(&self, why: &str) -> String {
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        format!("`{}` is not a simulator's state: {why}", path.display())
    }

    /// Notes that the services have changed.
    pub(crate) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Whether there is something to write.
    pub(crate) fn is_due(&self) -> bool {
        self.dirty && self.path.is_some()
    }

    /// Writes `snapshot` to a temporary file beside the state file and renames it.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(crate) fn write(&mut self, snapshot: &Value) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        write_whole(path, snapshot)
            .map_err(|why| format!("cannot write state `{}`: {why}", path.display()))?;
        self.dirty = false;
        Ok(())
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_whole(path: &Path, snapshot: &Value) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    let mut out = std::io::BufWriter::new(&mut file);
    serde_json::to_writer(&mut out, snapshot)?;
    out.flush()?;
    drop(out);
    file.persist(path)?;
    Ok(())
}
