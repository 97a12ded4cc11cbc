//! Mapping files: field by field, what becomes what (design section 7).
//!
//! Three steps. [`Mapping::load`] reads the TOML and compiles it: everything that is wrong with the file by
//! itself is said at once, with line and column. [`Mapping::bind`] finds its names in the fields of a source
//! and a target. [`Bound::apply`] then makes a [`Draft`] of a record; it is pure, so
//! threads may share it, and its answer depends on the record alone.
//!
//! Not here: reading records, comparing drafts with what the target holds, and what a key means (`load`).

mod apply;
mod bind;
mod check;
mod compile;
mod condition;
mod example;
mod file;
mod losses;
mod needs;
mod operations;
mod recall;
mod reference;
mod rule;
mod template;
mod texts;
mod trace;

pub use bind::{Bound, SourceSide, Surroundings};
pub use check::{Examined, Finding, Severity};
pub use example::{Difference, Tried};
pub use losses::{Loss, LossCount, Losses};
pub use needs::Need;
pub use recall::Recall;
pub use reference::{docs, schema};
pub use rule::{Link, MissingLink};
pub use texts::{TextRow, Texts};
pub use trace::{FieldTrace, Found, StepTrace, Tested, Trace};

use super::draft::{Draft, Reject};
use super::ops::{Operation, zone};
use crate::error::{Error, Result};
use condition::Condition;
use example::Example;
use file::{COMMAND_LINE, Written};
use rule::Rule;
use std::path::Path;

/// A compiled mapping whose names are not yet looked up.
#[derive(Debug, Clone)]
pub struct Mapping {
    text: String,
    name: String,
    settings: Settings,
    filters: Vec<Condition<Written>>,
    rules: Vec<Rule<Written>>,
    examples: Vec<Example>,
}

#[derive(Debug, Clone, Default)]
struct Settings {
    source: Option<String>,
    target: Option<String>,
    mode: Option<Mode>,
    keys: Vec<Vec<Written>>,
    key_texts: Vec<Vec<String>>,
    blank_key: BlankKey,
    time_zone: Option<String>,
    zone_from: Option<Written>,
    absent: Absent,
    header_row: Vec<String>,
}

/// What a column means that a file does not have (mapping key `absent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Absent {
    /// The mapping does not fit the file.
    #[default]
    Refused,
    /// It is blank in every row: exports leave out columns that nobody fills.
    Blank,
}

/// What may be done to the target (mapping key `mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// New records only.
    Create,
    /// Records that exist only.
    Update,
    /// Both.
    Upsert,
}

/// What a record without a key means (mapping key `blank_key`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlankKey {
    /// The row is rejected.
    #[default]
    Reject,
    /// The record is new.
    Create,
}

/// What a mapping makes of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A record for the target.
    Draft(Draft),
    /// A filter leaves the record out.
    Filtered,
    /// It cannot be mapped; every reason, not only the first.
    Rejected(Vec<Reject>),
}

impl Mapping {
    /// Reads and compiles a mapping file.
    ///
    /// # Errors
    /// When the file cannot be read or anything is wrong with it; every finding with line, column and hint.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| Error::input(format!("cannot read the mapping `{name}`")).because(cause))?;
        Self::parse(&text, &name, path.parent().unwrap_or(Path::new("")))
    }

    /// Compiles a mapping's text. `name` stands in messages, and `folder` is what paths of lookup files are
    /// relative to.
    ///
    /// # Errors
    /// When anything is wrong with it; every finding with line, column and hint.
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self> {
        compile::mapping(text, name, folder, &|name| std::env::var(name).ok())
    }

    /// The text as it was read, for the run's folder.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the mapping is called in messages: its path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The source endpoint, if it names one.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.settings.source.as_deref()
    }

    /// The target endpoint, if it names one.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.settings.target.as_deref()
    }

    /// The mode, if it names one.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.settings.mode
    }

    /// The keys as written: alternatives in order, each of one field or several.
    #[must_use]
    pub fn keys(&self) -> &[Vec<String>] {
        &self.settings.key_texts
    }

    /// What a record without a key means.
    #[must_use]
    pub fn blank_key(&self) -> BlankKey {
        self.settings.blank_key
    }

    /// The IANA name of the time zone for values without an offset, if it names one.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        self.settings.time_zone.as_deref()
    }

    /// Cells by which the header row of a source file is known; none where the first row is the header.
    #[must_use]
    pub fn header_row(&self) -> &[String] {
        &self.settings.header_row
    }

    /// How many fields it maps.
    #[must_use]
    pub fn field_count(&self) -> usize {
        self.rules.len()
    }

    /// How many examples it has.
    #[must_use]
    pub fn example_count(&self) -> usize {
        self.examples.len()
    }

    /// The same mapping with a zone, by its IANA name, for times without an offset where it states none itself.
    #[must_use]
    pub fn with_zone(mut self, zone: &str) -> Self {
        let Ok(zone) = zone::parse(zone) else { return self };
        for step in self.rules.iter_mut().flat_map(|rule| rule.cast.iter_mut().chain(&mut rule.steps)) {
            if let Operation::DateTime(time) = &mut step.operation {
                time.default_zone(&zone);
            }
        }
        self
    }

    /// The same mapping with other keys: the command line wins over the file.
    #[must_use]
    pub fn with_keys(mut self, keys: Vec<Vec<String>>) -> Self {
        let written = |text: &String| Written { text: text.clone(), at: COMMAND_LINE };
        self.settings.keys = keys.iter().map(|key| key.iter().map(written).collect()).collect();
        self.settings.key_texts = keys;
        self
    }
}

#[cfg(test)]
mod message_tests;
#[cfg(test)]
mod record_tests;
#[cfg(test)]
mod tests;
