//! Reading a finished stage, part by part.

use crate::error::Result;
use crate::run::parts::{PartReader, StagedRow};
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;

/// The records of a finished stage, part by part.
pub struct StagedRows {
    pub(super) parts: VecDeque<PathBuf>,
    pub(super) current: Option<PartReader>,
    pub(super) dropped: HashSet<u64>,
}

impl StagedRows {
    /// These rows, to be read by somebody else; none are left here.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let (parts, dropped) = (std::mem::take(&mut self.parts), std::mem::take(&mut self.dropped));
        Self { parts, current: self.current.take(), dropped }
    }

    /// The next rows in order, never none at all; `None` at the end.
    ///
    /// # Errors
    /// When a part is damaged.
    pub fn next_rows(&mut self) -> Result<Option<Vec<StagedRow>>> {
        loop {
            if self.current.is_none() {
                let Some(path) = self.parts.pop_front() else { return Ok(None) };
                self.current = Some(PartReader::open(&path)?);
            }
            let Some(reader) = &mut self.current else { continue };
            match reader.next_rows()? {
                None => self.current = None,
                Some(mut rows) => {
                    rows.retain(|staged| !self.dropped.contains(&staged.row));
                    if !rows.is_empty() {
                        return Ok(Some(rows));
                    }
                }
            }
        }
    }
}
