//! From file to file without a stop: rows that go nowhere but into another file need no parts on the way.
//!
//! One thread cuts the input into blocks, all cores take them apart, map and encode them, one thread appends them in
//! order. Only rows that are left behind are kept, for `rejected.csv`. A run that is killed begins again: its input
//! is a file, which is compared with what it was, and its output appears whole or not at all. A later load of the
//! same run extracts the file as any other would.

use super::context::Context;
use super::input::{self, Input};
use super::job::{Job, Place};
use super::mapped::Transform;
use super::output::{self, STAGE, joined, rejected_row};
use super::results;
use crate::connect::files::{
    Block, CellRows, Chunk, FileEndpoint, Format, Row, RowDecoder, TableFormat, TableReader,
};
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::extract::staging::Staging;
use crate::record::census::Census;
use crate::record::{RawRecord, Record};
use crate::report::{RejectedRow, Rejects, Summary};
use crate::run::folder::RunFolder;
use crate::run::parts::StagedRow;
use crate::transform::mapping::{Outcome, Recall, TextRow, Texts};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::BTreeMap;
use std::num::NonZero;

/// The stage that keeps the rows left behind.
const LEFT_BEHIND: &str = "left";
/// Blocks in hand for each thread that takes them apart.
const AHEAD: usize = 2;

/// What a block came to.
struct Encoded {
    chunk: Chunk,
    written: u64,
    filtered: u64,
    /// Rows left behind: why, and the row as it came where it could be taken apart.
    left: Vec<(RejectedRow, Option<StagedRow>)>,
}

/// What turns blocks into pieces of the output.
struct Work<'a> {
    decoder: &'a RowDecoder,
    transform: Option<&'a Transform>,
    format: &'a dyn TableFormat,
}

/// A row of a block, as a mapping reads it.
struct CellRow<'a> {
    decoder: &'a RowDecoder,
    cells: &'a CellRows,
    at: usize,
}

impl TextRow for CellRow<'_> {
    fn cell(&self, column: usize) -> &str {
        self.decoder.text_of(self.cells, self.at, column)
    }

    fn record(&self) -> Record {
        self.decoder.of_cells(self.cells, self.at)
    }
}

/// Whether a job can go this way: a text file, all of its columns or a mapping.
pub(super) fn applies(job: &Job) -> bool {
    let text = matches!(&job.source, Place::File { endpoint, .. }
        if matches!(endpoint.format, Format::Csv | Format::Tsv));
    let plain = !job.only_filled && job.selection.fields.is_empty();
    text && job.selection.limit.is_none() && (job.mapping.is_some() || plain)
}

/// Brings the input into the file.
///
/// # Errors
/// When the input cannot be read to its end or the disk is full.
#[expect(clippy::too_many_arguments, reason = "the ends of the way, and where it is accounted for")]
pub(super) fn run(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    endpoint: &FileEndpoint,
    input: &mut Input,
    transform: Option<&Transform>,
    rejects: &mut Rejects,
    summary: &mut Summary,
) -> Result<()> {
    let columns = transform.map_or_else(|| input.columns(false), Transform::columns);
    let again = || Error::input(format!("`{}` cannot be read again", job.source.name()));
    let mut reader = input.take_reader().ok_or_else(again)?;
    let decoder = input.file_decoder().ok_or_else(again)?;
    let mut writer = output::begin(folder, endpoint, columns, &job.write)?;
    let format = writer.format();
    let work = Work { decoder, transform, format: &*format };
    let mut left = Staging::restart(folder.path(), LEFT_BEHIND)?;
    rejects.forget(STAGE)?;
    rejects.forget(input::STAGE)?;
    let progress = context.reporter.progress("write", None, None);
    let mut written = 0;
    all(&work, &mut *reader, &mut |encoded| {
        if context.stop.is_requested() {
            return Err(Error::stopped("stopped while writing the file"));
        }
        summary.filtered += encoded.filtered;
        summary.rejected += encoded.left.len() as u64;
        written += encoded.written;
        summary.read += encoded.written + encoded.filtered + encoded.left.len() as u64;
        progress.add(encoded.written);
        keep(encoded.left, &mut left, rejects)?;
        writer.append(encoded.chunk)
    })?;
    rejects.commit()?;
    left.finish(&Completeness::Complete)?;
    writer.finish()?;
    progress.finish();
    summary.rejected = rejects.count()?;
    // Before its end nothing is in the file's place.
    (summary.written, summary.mapped) = (written, written);
    summary.files.insert("output".into(), endpoint.path.display().to_string());
    if summary.rejected > 0 {
        results::write_of(folder, input, job, left.read()?, rejects, None, summary)?;
    }
    summary.conclude();
    Ok(())
}

/// Cuts the input into blocks, works on them side by side, and hands what they came to over in order.
fn all(
    work: &Work<'_>,
    reader: &mut dyn TableReader,
    take: &mut dyn FnMut(Encoded) -> Result<()>,
) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(2, NonZero::get);
    let (cut, blocks) = bounded(AHEAD * threads);
    let (done, encoded) = bounded(AHEAD * threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (blocks, done) = (blocks.clone(), done.clone());
            scope.spawn(move || work_off(work, &blocks, &done));
        }
        drop((blocks, done));
        scope.spawn(move || cut_up(reader, &cut));
        // It has to be gone before the threads are waited for: else those that have something for it never end.
        in_order(encoded, take)
    })
}

/// A block with its place in the file; an error takes the place of the block that could not be read.
type Numbered<T> = (u64, Result<T>);

fn cut_up(reader: &mut dyn TableReader, cut: &Sender<Numbered<Block>>) {
    for number in 0.. {
        let block = match reader.next_block() {
            Ok(None) => return,
            Ok(Some(block)) => Ok(block),
            Err(error) => Err(error),
        };
        let last = block.is_err();
        // Whoever takes them may have failed; then there is nobody to read for.
        if cut.send((number, block)).is_err() || last {
            return;
        }
    }
}

fn work_off(work: &Work<'_>, blocks: &Receiver<Numbered<Block>>, done: &Sender<Numbered<Encoded>>) {
    let mut recall = work.transform.and_then(Transform::recall);
    for (number, block) in blocks {
        let encoded = block.and_then(|block| work.encode(&block.cells(), &mut recall));
        if done.send((number, encoded)).is_err() {
            return;
        }
    }
}

/// Few blocks wait for one that takes longer: no more are in hand than the channels hold.
fn in_order(encoded: Receiver<Numbered<Encoded>>, take: &mut dyn FnMut(Encoded) -> Result<()>) -> Result<()> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (number, encoded) in encoded {
        waiting.insert(number, encoded);
        while let Some(encoded) = waiting.remove(&next) {
            take(encoded?)?;
            next += 1;
        }
    }
    Ok(())
}

impl Work<'_> {
    /// `recall` is the working thread's own, where rows can go the short way.
    fn encode(&self, cells: &CellRows, recall: &mut Option<Recall>) -> Result<Encoded> {
        let mut left: Vec<_> = cells.bad.iter().filter_map(broken).collect();
        let Some(transform) = self.transform else {
            let plain = self.decoder.is_plain().then(|| self.format.encode_cells(cells)).flatten();
            let records =
                || (0..cells.len()).map(|row| self.decoder.of_cells(cells, row)).collect::<Vec<_>>();
            let chunk = plain.map_or_else(|| self.format.encode(&records()), Ok)?;
            return Ok(Encoded { chunk, written: cells.len() as u64, filtered: 0, left });
        };
        // Where each column holds one text, rows need not become records, nor drafts.
        let columns = transform.targets().len();
        let mut mapped = self.format.takes_cells().then(|| CellRows::made_of(cells, columns));
        let mut records: Vec<Record> = Vec::new();
        let (mut written, mut filtered) = (0, 0);
        for at in 0..cells.len() {
            let (row, line) = cells.place(at);
            let source = CellRow { decoder: self.decoder, cells, at };
            if let (Some(mapped), Some(recall)) = (&mut mapped, &mut *recall) {
                match transform.texts(&source, row, recall, &mut |text| mapped.push(text)) {
                    Texts::Made => {
                        mapped.end(row, line);
                        written += 1;
                        continue;
                    }
                    Texts::Filtered | Texts::Untold => mapped.take_back(),
                }
            }
            match transform.apply(&source.record(), row) {
                Outcome::Filtered => filtered += 1,
                Outcome::Draft(draft) => {
                    written += 1;
                    match &mut mapped {
                        Some(mapped) => {
                            Transform::cells(&draft).for_each(|cell| mapped.push(&cell));
                            mapped.end(row, line);
                        }
                        None => records.push(transform.to_record(&draft)),
                    }
                }
                Outcome::Rejected(reasons) => {
                    let record =
                        RawRecord { id: None, kind: None, created: None, updated: None, raw: cells.raw(at) };
                    let staged = StagedRow { row, line: Some(line), record };
                    left.push((rejected_row(row, Some(line), joined(reasons)), Some(staged)));
                }
            }
        }
        left.sort_by_key(|(rejected, _)| rejected.row);
        let chunk = mapped.and_then(|mapped| self.format.encode_cells(&mapped));
        let chunk = chunk.map_or_else(|| self.format.encode(&records), Ok)?;
        Ok(Encoded { chunk, written, filtered, left })
    }
}

fn broken(row: &Row) -> Option<(RejectedRow, Option<StagedRow>)> {
    let Row::Bad { row, line, reason, raw } = row else { return None };
    let rejected = RejectedRow {
        row: *row,
        line: Some(*line),
        stage: input::STAGE.to_owned(),
        field: None,
        value: None,
        reason: reason.clone(),
        raw: Some(raw.clone()),
    };
    Some((rejected, None))
}

/// Keeps what is left behind of a block.
fn keep(
    left: Vec<(RejectedRow, Option<StagedRow>)>,
    staging: &mut Staging,
    rejects: &mut Rejects,
) -> Result<()> {
    let mut staged = Vec::new();
    for (rejected, row) in left {
        rejects.add(rejected)?;
        staged.extend(row);
    }
    let Some(first) = staged.first() else { return Ok(()) };
    let key = format!("rows {}", first.row);
    staging.rows(&key, staged, Census::default())
}
