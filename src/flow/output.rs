//! The end of the way into a file: staged records decoded, mapped and encoded on all cores, written in order.

use super::context::Context;
use super::input::{Input, Reads};
use super::mapped::Transform;
use crate::connect::files::{self, Chunk, FileEndpoint, TableFormat, TableWriter, WriteOptions};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::record::columns::Column;
use crate::report::{RejectedRow, Rejects};
use crate::run::folder::RunFolder;
use crate::run::parts::StagedRow;
use crate::transform::draft::Reject;
use crate::transform::mapping::Outcome;
use crossbeam_channel::bounded;
use rayon::prelude::*;
use std::path::Path;

/// The stage's name in reject files.
pub(super) const STAGE: &str = "transform";

/// What became of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Rows that a filter of the mapping left out.
    pub(super) filtered: u64,
    /// Rows that could not be read or mapped.
    pub(super) rejected: u64,
    /// Rows in the file.
    pub(super) written: u64,
}

/// A batch on its way to the file.
struct Encoded {
    chunk: Chunk,
    rows: u64,
    filtered: u64,
    rejected: Vec<RejectedRow>,
}

/// Batches that are encoded side by side.
const SIDE_BY_SIDE: usize = 8;

/// The file in a run's folder that names the output's temporary file.
const UNFINISHED: &str = "unfinished";

/// Begins a run's output. What an earlier life, killed, has left of it is removed.
///
/// # Errors
/// When the file cannot be made there.
pub(super) fn begin(
    folder: &RunFolder,
    endpoint: &FileEndpoint,
    columns: Vec<Column>,
    options: &WriteOptions,
) -> Result<TableWriter> {
    if let Ok(left) = std::fs::read_to_string(folder.path().join(UNFINISHED)) {
        files::remove_temporary(Path::new(&left));
    }
    let writer = TableWriter::create(endpoint, columns, options)?;
    if let Some(path) = writer.temporary().and_then(Path::to_str) {
        folder.write(UNFINISHED, path.as_bytes())?;
    }
    Ok(writer)
}

/// Writes the extracted records into a file, mapped if there is a mapping.
///
/// # Errors
/// When a part is damaged or the disk is full.
pub(super) fn write(
    context: &Context,
    input: &Input,
    mut writer: TableWriter,
    transform: Option<&Transform>,
    rejects: &mut Rejects,
) -> Result<Written> {
    let format = writer.format();
    let progress = context.reporter.progress("write", Some(input.staging().staged()), None);
    let mut total = Written::default();
    let mut rows = input.staging().read()?;
    let reads = input.reads();
    std::thread::scope(|scope| {
        let (to_write, written) = bounded::<Result<Encoded>>(SIDE_BY_SIDE);
        let format = &*format;
        scope.spawn(move || {
            loop {
                let mut batches = Vec::with_capacity(SIDE_BY_SIDE);
                let ended = loop {
                    match rows.next_rows() {
                        Ok(Some(batch)) => batches.push(batch),
                        Ok(None) => break true,
                        Err(error) => {
                            let _ = to_write.send(Err(error));
                            return;
                        }
                    }
                    if batches.len() == SIDE_BY_SIDE {
                        break false;
                    }
                };
                let encoded: Vec<_> =
                    batches.into_par_iter().map(|batch| encode(reads, transform, format, &batch)).collect();
                for batch in encoded {
                    if to_write.send(batch).is_err() {
                        return;
                    }
                }
                if ended {
                    return;
                }
            }
        });
        for encoded in written {
            let encoded = encoded?;
            if context.stop.is_requested() {
                return Err(Error::stopped("stopped while writing the file"));
            }
            total.filtered += encoded.filtered;
            total.written += encoded.rows;
            for reject in encoded.rejected {
                total.rejected += 1;
                rejects.add(reject)?;
            }
            writer.append(encoded.chunk)?;
            progress.add(encoded.rows);
        }
        Ok(())
    })?;
    rejects.commit()?;
    writer.finish()?;
    progress.finish();
    Ok(total)
}

fn encode(
    reads: &Reads,
    transform: Option<&Transform>,
    format: &dyn TableFormat,
    batch: &[StagedRow],
) -> Result<Encoded> {
    let mut records: Vec<Record> = Vec::with_capacity(batch.len());
    let mut filtered = 0;
    let mut rejected = Vec::new();
    for staged in batch {
        let record = match reads.decode(staged) {
            Ok(record) => record,
            Err(why) => {
                rejected.push(unreadable(staged, &why));
                continue;
            }
        };
        match transform.map(|transform| transform.apply(&record, staged.row)) {
            None => records.push(record),
            Some(Outcome::Filtered) => filtered += 1,
            Some(Outcome::Rejected(rejects)) => {
                rejected.push(rejected_row(staged.row, staged.line, joined(rejects)));
            }
            Some(Outcome::Draft(draft)) => {
                if let Some(transform) = transform {
                    records.push(transform.to_record(&draft));
                }
            }
        }
    }
    Ok(Encoded { chunk: format.encode(&records)?, rows: records.len() as u64, filtered, rejected })
}

/// A reject of this stage as it is kept.
#[must_use]
pub(super) fn rejected_row(row: u64, line: Option<u64>, reject: Reject) -> RejectedRow {
    let Reject { field, value, reason } = reject;
    RejectedRow { row, line, stage: STAGE.to_owned(), field, value, reason, raw: None }
}

/// The reject of a record that cannot be decoded, with its id, where it is known, and its text as it came.
#[must_use]
pub(super) fn unreadable(staged: &StagedRow, why: &str) -> RejectedRow {
    let why = why.split_once(" cannot be read: ").map_or(why, |(_, why)| why);
    let what = staged.record.id.as_ref().map_or_else(|| "the record".to_owned(), |id| format!("record {id}"));
    let reject = Reject { field: None, value: None, reason: format!("{what} cannot be read: {why}") };
    RejectedRow { raw: Some(staged.record.raw.clone()), ..rejected_row(staged.row, staged.line, reject) }
}

/// Several findings on a row as one line of a reject file: the first one's field, all reasons.
#[must_use]
pub(super) fn joined(rejects: Vec<Reject>) -> Reject {
    let reasons: Vec<_> = rejects.iter().map(|reject| reject.reason.clone()).collect();
    let first = rejects.into_iter().next();
    let (field, value) = first.map_or((None, None), |reject| (reject.field, reject.value));
    Reject { field, value, reason: reasons.join("; ") }
}
