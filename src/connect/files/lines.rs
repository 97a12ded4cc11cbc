//! Records as a service wrote them, a line each: the copy that loses nothing.

use super::FileEndpoint;
use super::compress::Output;
use crate::error::{IoContext, Result};
use std::borrow::Cow;
use std::io::Write;

/// A file of raw JSON records being written; it appears at [`LineWriter::finish`], or not at all.
pub struct LineWriter {
    output: Output,
}

impl LineWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// When the file cannot be made there.
    pub fn create(endpoint: &FileEndpoint) -> Result<Self> {
        Ok(Self { output: Output::create(endpoint)? })
    }

    /// Appends a record's JSON text, as it is.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn append(&mut self, raw: &str) -> Result<()> {
        // In JSON a line break stands between tokens alone, where a blank says the same.
        let line = match raw.contains(['\n', '\r']) {
            true => Cow::Owned(raw.replace(['\n', '\r'], " ")),
            false => Cow::Borrowed(raw),
        };
        let written = self.output.write_all(line.as_bytes()).and_then(|()| self.output.write_all(b"\n"));
        written.during(|| format!("cannot write `{}`", self.output.name()))
    }

    /// Ends the file and puts it in its place.
    ///
    /// # Errors
    /// When the disk is full; an existing file is then untouched.
    pub fn finish(self) -> Result<()> {
        self.output.finish().map(|_| ())
    }
}
