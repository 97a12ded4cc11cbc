//! The spool: rows of the part in the making, so that a killed process does not have to ask for them again.

use crate::error::{Error, IoContext, Result};
use crate::record::RawRecord;
use crate::run::parts::StagedRow;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// An open spool.
pub(super) struct Spool {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

/// A row's head as spooled; its raw text follows on the next line, `usize` bytes of it.
type Head = (u64, Option<String>, Option<String>, Option<String>, Option<String>, usize);

impl Spool {
    /// Opens the spool at `path` to append after its first `bytes`, which are durable; what is behind them is
    /// cut off.
    pub(super) fn open(path: &Path, bytes: u64) -> Result<Self> {
        let during = || format!("cannot write `{}`", path.display());
        let file = OpenOptions::new().create(true).append(true).open(path).during(during)?;
        file.set_len(bytes).during(during)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 16, file), bytes })
    }

    /// Adds a row; it is durable after the next [`Spool::sync`].
    pub(super) fn push(&mut self, staged: &StagedRow) -> Result<()> {
        let record = &staged.record;
        let head = serde_json::json!([
            staged.row,
            record.id,
            record.kind,
            record.created,
            record.updated,
            record.raw.len()
        ]);
        let line = format!("{head}\n");
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.write_all(record.raw.as_bytes()))
            .and_then(|()| self.file.write_all(b"\n"));
        self.bytes += (line.len() + record.raw.len() + 1) as u64;
        written.during(|| format!("cannot write `{}`", self.path.display()))
    }

    /// Makes what was added durable; how many bytes that is.
    pub(super) fn sync(&mut self) -> Result<u64> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        synced.during(|| format!("cannot write `{}`", self.path.display()))?;
        Ok(self.bytes)
    }
}

/// Hands the rows in the first `bytes` of a spool to `take`, in order.
pub(super) fn read(path: &Path, bytes: u64, mut take: impl FnMut(StagedRow) -> Result<()>) -> Result<()> {
    let during = || format!("cannot read `{}`", path.display());
    let file = File::open(path).during(during)?;
    let mut reader = BufReader::new(file.take(bytes));
    let mut head = String::new();
    loop {
        head.clear();
        if reader.read_line(&mut head).during(during)? == 0 {
            return Ok(());
        }
        let damaged = |cause| Error::stopped(during()).because(cause);
        let (row, id, kind, created, updated, length): Head = serde_json::from_str(&head).map_err(damaged)?;
        let mut raw = vec![0; length + 1];
        reader.read_exact(&mut raw).during(during)?;
        raw.truncate(length);
        let raw = String::from_utf8(raw).map_err(|cause| Error::stopped(during()).because(cause))?;
        take(StagedRow { row, line: None, record: RawRecord { id, kind, created, updated, raw } })?;
    }
}
