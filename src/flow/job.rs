//! What was asked of a run: everything that `resume` needs, and no secret. Kept as `run.json`.

pub use crate::load::merge::OnConflict;

use super::tolerance::Tolerance;
use crate::account::Account;
use crate::connect::files::{FileEndpoint, ReadOptions, WriteOptions};
use crate::extract::Selection;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The command of a run that makes a plan, and of the same run once the plan is carried out.
pub const PLAN: &str = "plan";
/// See [`PLAN`].
pub const APPLY: &str = "apply";

/// What was asked of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// `export`, `import`, `extract`; becomes `load` when an extracted run is loaded.
    pub command: String,
    /// Ferry's version.
    pub version: String,
    /// When it was asked, RFC 3339 UTC.
    pub asked: String,
    /// Where records come from.
    pub source: Place,
    /// Where they go; `None` for an extract alone.
    pub target: Option<Place>,
    /// Which records.
    #[serde(default)]
    pub selection: Selection,
    /// Only what changed since the last finished run of the same kind; `selection.since` says when that was, once
    /// it is known.
    #[serde(default)]
    pub since_last: bool,
    /// How an input file is read.
    #[serde(default)]
    pub read: ReadOptions,
    /// How an output file is written.
    #[serde(default)]
    pub write: WriteOptions,
    /// Drops the columns that no record fills.
    #[serde(default)]
    pub only_filled: bool,
    /// The mapping, word for word.
    pub mapping: Option<MappingText>,
    /// How a load goes about it.
    #[serde(default)]
    pub load: LoadOptions,
    /// The records that the source names are deleted at the target, if they are no more than so many.
    #[serde(default)]
    pub delete: Option<u64>,
    /// Only rows that an earlier run left failed or rejected.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// The run that is taken back.
    #[serde(default)]
    pub undo: Option<Undo>,
}

/// Whose rows a retry takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The run that read the rows first; all of its retries name it, and rows keep the number that they have there.
    pub first: String,
    /// The run whose rows are taken: that one or a retry of it.
    pub of: String,
    /// Whether a file has the rows repaired; otherwise they are taken as they were read.
    pub repaired: bool,
    /// That file, where the rows were read from anything but a text file: the job's source is then what they were read
    /// from. Else it is the job's source itself.
    #[serde(default)]
    pub file: Option<Place>,
}

/// What is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The run's name.
    pub run: String,
    /// Whether records go, too, that were found after their answer was lost and whose maker is not known.
    pub adopted: bool,
}

/// An end of the way of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A service's stream.
    Stream {
        /// The connection's name.
        connection: String,
        /// The stream as written: `contacts`, `Deals`.
        stream: String,
        /// What the connection led to when the run was begun; `None` until it was first asked.
        account: Option<Account>,
    },
    /// A file.
    File {
        /// The file, by its absolute path; `-` for standard input or output.
        endpoint: FileEndpoint,
        /// SHA-256 of an input file's bytes, in hex.
        sha256: Option<String>,
    },
}

/// A mapping file as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingText {
    /// Absolute path, for messages and for tables that it names.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// How a load goes about it; the command line's wishes over the mapping's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadOptions {
    /// `create`, `update` or `upsert`.
    pub mode: Option<String>,
    /// Key fields: alternatives, each of one or several fields.
    pub key: Option<Vec<Vec<String>>>,
    /// Stop after the plan.
    pub dry_run: bool,
    /// Let updates by `_id` go on although the target's read is incomplete.
    pub allow_incomplete: bool,
    /// How many records the target has, as its web application shows: a proof.
    pub expect: Option<u64>,
    /// Wait so many seconds for another writer to end.
    pub lock_wait: u64,
    /// How many bad rows are borne.
    #[serde(default)]
    pub tolerance: Tolerance,
    /// What becomes of a cell that was edited both in the sheet and at the service.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Records whose rows were taken out of an exported sheet are deleted, if they are no more than so many.
    #[serde(default)]
    pub delete_missing: Option<u64>,
    /// Refuse a plan that changes more records than this.
    #[serde(default)]
    pub max_changes: Option<u64>,
    /// Refuse a plan that deletes more records than this.
    #[serde(default)]
    pub max_deletes: Option<u64>,
    /// Do so many rows first and look at what came of them.
    #[serde(default)]
    pub canary: Option<u64>,
    /// Mark each created record in this field.
    #[serde(default)]
    pub marker_field: Option<String>,
    /// Clear the marks in the end.
    #[serde(default)]
    pub clear_marker: bool,
    /// Do not read back what was written.
    #[serde(default)]
    pub no_verify: bool,
}

impl Job {
    /// Whether the run ends with a plan that is kept to be carried out by `ferry apply`.
    #[must_use]
    pub fn keeps_plan(&self) -> bool {
        self.command == PLAN && self.load.dry_run
    }

    /// Whether the run carries out a plan that was kept.
    #[must_use]
    pub fn applies_plan(&self) -> bool {
        self.command == APPLY
    }

    /// The readable middle of a run's name.
    #[must_use]
    pub fn subject(&self) -> String {
        let text = match &self.source {
            Place::File { endpoint, .. } if endpoint.is_standard_stream() => "stdin".to_owned(),
            Place::File { endpoint, .. } => endpoint.name(),
            Place::Stream { stream, .. } => stream.clone(),
        };
        let stem = text.split('.').next().unwrap_or_default();
        let words: Vec<String> = stem
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let joined: String = words.join("-").chars().take(24).collect();
        if joined.is_empty() { "records".into() } else { joined }
    }
}

impl Place {
    /// As people write it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stream { connection, stream, .. } => format!("{connection}:{stream}"),
            Self::File { endpoint, .. } => endpoint.path.display().to_string(),
        }
    }

    /// The account behind a stream.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Stream { account, .. } => account.as_ref(),
            Self::File { .. } => None,
        }
    }
}
