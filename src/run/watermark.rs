//! Where the last finished read of a selection ended, for the next `--since last`: a readable JSON file each, in
//! `watermarks` of the state folder.
//!
//! A watermark belongs to an account and stream, not to a connection's name (design section 5), and to the
//! command and the selection: an extract does not move an export's, nor does one of other records. The file
//! appears whole or not at all.

use crate::account::Account;
use crate::error::{Error, IoContext, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a read of a selection ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// Whose records, and of which stream.
    pub account: Account,
    /// The stream as people write it.
    pub stream: String,
    /// What was done with the records: `export`, `extract`.
    pub command: String,
    /// Which records were wanted; empty for all.
    pub selection: Value,
    /// Where the next read of changes begins: a time of the service's own, with the overlap taken off.
    pub watermark: Timestamp,
    /// Whether the service told what was deleted until then.
    #[serde(default)]
    pub deletions: bool,
    /// The run that ended there.
    pub run: String,
    /// When it ended, by this machine's clock; for people.
    pub when: Timestamp,
}

/// The watermarks of a state folder.
#[derive(Debug, Clone)]
pub struct Watermarks {
    folder: PathBuf,
}

impl Watermarks {
    /// Those below a state folder (`FERRY_STATE_DIR`, by default `.ferry`).
    #[must_use]
    pub fn below(state: &Path) -> Self {
        Self { folder: state.join("watermarks") }
    }

    /// The watermark of a command, account and selection, if a run has left one.
    ///
    /// # Errors
    /// When its file cannot be read or is none of ours.
    pub fn find(&self, account: &Account, command: &str, selection: &Value) -> Result<Option<Watermark>> {
        let path = self.path(account, command, selection);
        let found = read(&path)?;
        // The name holds a shortened digest; what counts is what stands in the file.
        Ok(found.filter(|known| {
            &known.account == account && known.command == command && &known.selection == selection
        }))
    }

    /// Notes a watermark, in place of an earlier one of the same kind. One that is later already stands: a run
    /// that was resumed late takes nothing back. Gives the file's path.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn note(&self, watermark: &Watermark) -> Result<PathBuf> {
        let path = self.path(&watermark.account, &watermark.command, &watermark.selection);
        if read(&path)?.is_some_and(|known| known.watermark > watermark.watermark) {
            return Ok(path);
        }
        let during = || format!("cannot write `{}`", path.display());
        std::fs::create_dir_all(&self.folder).during(during)?;
        let text = serde_json::to_string_pretty(watermark)
            .map_err(|cause| Error::stopped("cannot note where the read ended").because(cause))?;
        let mut file = tempfile::NamedTempFile::with_prefix_in(".new-", &self.folder).during(during)?;
        writeln!(file, "{text}").and_then(|()| file.as_file().sync_all()).during(during)?;
        file.persist(&path).map_err(|failed| failed.error).during(during)?;
        Ok(path)
    }

    /// The watermark that a run has left, with its file, unless a later run has moved it.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn of_run(&self, run: &str) -> Result<Option<(PathBuf, Watermark)>> {
        let during = || format!("cannot read `{}`", self.folder.display());
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.during(during)?,
        };
        for entry in entries {
            let path = entry.during(during)?.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && let Some(watermark) = read(&path)?
                && watermark.run == run
            {
                return Ok(Some((path, watermark)));
            }
        }
        Ok(None)
    }

    /// `<service>-<stream>-<hash>.json`.
    fn path(&self, account: &Account, command: &str, selection: &Value) -> PathBuf {
        let whole = format!("{}\n{command}\n{selection}", account.file_name());
        let digest = Sha256::digest(whole.as_bytes());
        let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let stream: String = account
            .stream
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(40)
            .collect();
        self.folder.join(format!("{}-{stream}-{hash}.json", account.service))
    }
}

fn read(path: &Path) -> Result<Option<Watermark>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.during(|| format!("cannot read `{}`", path.display()))?,
    };
    serde_json::from_str(&text).map(Some).map_err(|cause| {
        Error::input(format!("`{}` does not say where a read ended", path.display()))
            .because(cause)
            .hint("put it right, or remove it: the next `--since last` then reads everything")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn watermark(identity: &str, selection: Value, at: &str) -> Watermark {
        Watermark {
            account: Account {
                service: "crm".into(),
                url: "https://crm.example".into(),
                identity: identity.into(),
                stream: "64b0/comments".into(),
            },
            stream: "crm:Deals/comments".into(),
            command: "export".into(),
            selection,
            watermark: at.parse().unwrap(),
            deletions: false,
            run: format!("run-{at}"),
            when: "2026-11-25T10:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn each_account_command_and_selection_has_its_own_and_it_only_moves_on() {
        let state = tempfile::tempdir().unwrap();
        let marks = Watermarks::below(state.path());
        let first = watermark("one", json!({}), "2026-11-01T00:00:00Z");
        assert_eq!(marks.find(&first.account, "export", &json!({})).unwrap(), None);
        let path = marks.note(&first).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("crm-64b0-comments-") && name.ends_with(".json"), "{name}");
        assert_eq!(marks.find(&first.account, "export", &json!({})).unwrap().as_ref(), Some(&first));
        for (account, command, selection) in [
            ("two", "export", json!({})),
            ("one", "extract", json!({})),
            ("one", "export", json!({"keyword": "ada"})),
        ] {
            let account = watermark(account, json!({}), "2026-11-01T00:00:00Z").account;
            assert_eq!(marks.find(&account, command, &selection).unwrap(), None, "{command} {selection}");
        }
        let later = watermark("one", json!({}), "2026-11-02T00:00:00Z");
        marks.note(&later).unwrap();
        marks.note(&first).unwrap();
        assert_eq!(marks.find(&first.account, "export", &json!({})).unwrap(), Some(later.clone()));
        assert_eq!(marks.of_run(&later.run).unwrap(), Some((path.clone(), later)));
        assert_eq!(marks.of_run(&first.run).unwrap(), None);
        std::fs::write(&path, "{}").unwrap();
        let refused = marks.find(&first.account, "export", &json!({})).unwrap_err();
        assert_eq!(refused.class(), crate::error::Class::Input);
    }
}
