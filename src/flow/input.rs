//! The beginning of the way: a stream or a file, extracted into the run's folder and decoded from there.

use super::context::Context;
use super::job::{Job, Place};
use super::watched;
use crate::connect::Stream;
use crate::connect::files::{self, FileEndpoint, Format, Row, RowDecoder, TableReader};
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection};
use crate::record::census::Census;
use crate::record::columns::{self, Coding, Column};
use crate::record::schema::{Kind, Schema};
use crate::record::{RawRecord, Record};
use crate::report::figures::counted;
use crate::report::{RejectedRow, Rejects};
use crate::run::folder::{RunEntry, RunFolder};
use crate::run::parts::StagedRow;
use crate::transform::mapping::SourceSide;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The stage's name.
pub const STAGE: &str = "extract";
/// The stage's note that records of a service stand in it as [`Reads::Repaired`].
pub(super) const REPAIRED: &str = "repaired";
/// The most rows of a file staged at a time, and the bytes after which it is fewer.
const CHUNK: usize = 1024;
const CHUNK_BYTES: usize = 1 << 20;
/// Rows of a file read between two looks at their size.
const STEP: usize = 64;

/// Where the records of a run come from.
pub struct Input {
    schema: Arc<Schema>,
    doubled: Vec<String>,
    kind: Source,
    reads: Reads,
    staging: Staging,
    /// Whether text files are counted too: only then is it known which of their columns are filled.
    counts_text: bool,
    /// Whether rows of a table that hold nothing are passed over: a file that is made of the table keeps them.
    passes_blank: bool,
}

enum Source {
    Stream(Stream),
    File { endpoint: FileEndpoint, reader: Option<Box<dyn TableReader>> },
}

/// Decodes what was extracted. Pure, so that all cores can.
#[derive(Clone)]
pub enum Reads {
    /// Records of a service.
    Stream(Arc<dyn Decode>),
    /// Rows of a file.
    File(RowDecoder),
    /// Records of a service as they were decoded, and repaired since.
    Repaired,
}

impl Reads {
    /// A record from what was extracted.
    ///
    /// # Errors
    /// Why it cannot be read, for a reject file.
    pub fn decode(&self, staged: &StagedRow) -> Result<Record, String> {
        match self {
            Self::Stream(decode) => decode.decode(&staged.record.raw),
            Self::File(decoder) => decoder.decode(&staged.record.raw).map_err(|error| error.chain()),
            Self::Repaired => serde_json::from_str(&staged.record.raw).map_err(|cause| cause.to_string()),
        }
    }
}

impl Input {
    /// Opens a run's input. A file whose extract an earlier life finished is not opened again; one whose
    /// extract it did not finish has to be the same file still.
    ///
    /// # Errors
    /// As reading in general; class `Input` when a file is missing, empty or has changed.
    pub fn open(context: &Context, folder: &RunFolder, job: &Job) -> Result<Self> {
        match &job.source {
            Place::Stream { .. } => {
                let stream = context.reopen(&job.source)?;
                let staging = Staging::open(folder.path(), STAGE)?;
                let schema = stream.source.schema()?;
                let reads = match staging.note(REPAIRED)? {
                    Some(_) => Reads::Repaired,
                    None => Reads::Stream(stream.source.decoder()),
                };
                let kind = Source::Stream(stream);
                let doubled = Vec::new();
                Ok(Self { schema, doubled, kind, reads, staging, counts_text: false, passes_blank: false })
            }
            Place::File { endpoint, sha256 } => open_file(context, folder, endpoint, sha256.as_deref(), job),
        }
    }

    /// The input of a run whose file was read to its end, to look at: nothing is opened but the run's folder.
    ///
    /// # Errors
    /// When it was not, or the checkpoint cannot be used.
    pub(super) fn of_finished(entry: &RunEntry, job: &Job) -> Result<Self> {
        let not_yet = || Error::input(format!("run `{}` has not read its file to the end", entry.name));
        let Place::File { endpoint, .. } = &job.source else { return Err(not_yet()) };
        let staging = Staging::open(&entry.path, STAGE)?;
        staging.finished()?.ok_or_else(not_yet)?;
        finished_file(staging, endpoint, job)
    }

    /// Its fields.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Whether it has columns that nobody knows before all of it is read.
    #[must_use]
    pub fn may_widen(&self) -> bool {
        match &self.kind {
            Source::File { reader: Some(reader), .. } => reader.may_widen(),
            Source::File { reader: None, .. } | Source::Stream(_) => false,
        }
    }

    /// Adds the columns that only the records of a file were seen to have.
    fn widen(&mut self) {
        if let Reads::File(decoder) = &self.reads {
            let schema = self.schema.widened(self.staging.census());
            self.reads = Reads::File(decoder.with_columns_of(&schema));
            self.schema = Arc::new(schema);
        }
    }

    /// Headers that stand in the file more than once.
    #[must_use]
    pub fn doubled(&self) -> &[String] {
        &self.doubled
    }

    /// Reads it into the run's folder, unless an earlier life has.
    ///
    /// # Errors
    /// As reading in general.
    pub fn extract(
        &mut self,
        context: &Context,
        selection: &Selection,
        rejects: &mut Rejects,
    ) -> Result<Completeness> {
        if let Some(completeness) = self.staging.finished()? {
            return Ok(completeness);
        }
        let completeness = match &mut self.kind {
            Source::Stream(stream) => watched::extract(context, stream, selection, &mut self.staging)?,
            Source::File { endpoint, reader } => {
                let mut reader = match reader.take() {
                    Some(reader) => reader,
                    None => return Err(Error::input(format!("`{}` cannot be read again", endpoint.name()))),
                };
                // Text files hold text alone; only typed ones have something to count.
                let typed = matches!(endpoint.format, Format::Jsonl | Format::Parquet | Format::Vcard);
                let ways = Ways {
                    counted: (typed || self.counts_text).then_some(&self.reads),
                    passing: match &self.reads {
                        Reads::File(decoder) if self.passes_blank => Some(decoder),
                        _ => None,
                    },
                };
                read_file(context, reader.as_mut(), &ways, selection.limit, &mut self.staging, rejects)?;
                rejects.commit()?;
                Completeness::Complete
            }
        };
        self.staging.finish(&completeness)?;
        self.widen();
        Ok(completeness)
    }

    /// The file's reader, for whoever brings its rows elsewhere without extracting them.
    pub(super) fn take_reader(&mut self) -> Option<Box<dyn TableReader>> {
        match &mut self.kind {
            Source::File { reader, .. } => reader.take(),
            Source::Stream(_) => None,
        }
    }

    /// Decodes the rows of a file, where it is one.
    pub(super) fn file_decoder(&self) -> Option<&RowDecoder> {
        match &self.reads {
            Reads::File(decoder) => Some(decoder),
            Reads::Stream(_) | Reads::Repaired => None,
        }
    }

    /// What was extracted.
    #[must_use]
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Decodes what was extracted.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// What a mapping reads from: text files have lists as cells, everything else has real ones.
    #[must_use]
    pub fn side(&self, separator: char) -> SourceSide<'_> {
        match &self.kind {
            Source::File { endpoint, .. } if matches!(endpoint.format, Format::Csv | Format::Tsv) => {
                SourceSide::cells(&self.schema, &self.doubled, separator)
            }
            _ => SourceSide::lists(&self.schema),
        }
    }

    /// The columns of a plain file of these records, once they are extracted.
    #[must_use]
    pub fn columns(&self, only_filled: bool) -> Vec<Column> {
        let census = self.staging.census();
        match &self.kind {
            Source::Stream(_) => columns::plan(&self.schema, census, only_filled),
            Source::File { .. } => file_columns(&self.schema, census, only_filled),
        }
    }

    /// Headers of the original columns in result files.
    #[must_use]
    pub fn headers(&self) -> Vec<String> {
        match &self.kind {
            Source::Stream(_) => self.columns(false).into_iter().map(|column| column.header).collect(),
            Source::File { .. } => self.schema.fields.iter().map(|field| field.name.clone()).collect(),
        }
    }
}

/// SHA-256 of a file's bytes in hex.
///
/// # Errors
/// When it cannot be read, or not again (class `Input`).
pub fn hash_file(path: &Path) -> Result<String> {
    files::can_be_read_again(path)?;
    let failed = |cause| Error::input(format!("cannot read `{}`", path.display())).because(cause);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&buffer[..read]);
    }
}

fn open_file(
    context: &Context,
    folder: &RunFolder,
    endpoint: &FileEndpoint,
    sha256: Option<&str>,
    job: &Job,
) -> Result<Input> {
    let options = &job.read;
    let staging = Staging::open(folder.path(), STAGE)?;
    if staging.finished()?.is_some() {
        return finished_file(staging, endpoint, job);
    }
    drop(staging);
    if let Some(expected) = sha256
        && hash_file(&endpoint.path)? != expected
    {
        return Err(Error::input(format!(
            "`{}` has changed since the run was begun",
            endpoint.path.display()
        ))
        .hint("begin a new run with the file as it is now"));
    }
    let reader = files::open(endpoint, options)?;
    for notice in reader.notices() {
        context.reporter.say(notice);
    }
    let mut staging = Staging::restart(folder.path(), STAGE)?;
    let schema = reader.schema().clone();
    let doubled = reader.doubled().to_vec();
    let failed = |cause| Error::stopped("cannot note the file's columns").because(cause);
    staging.set_note("schema", serde_json::to_string(&schema).map_err(failed)?);
    staging.set_note("doubled", serde_json::to_string(&doubled).map_err(failed)?);
    let reads = Reads::File(RowDecoder::new(endpoint.format, &schema, options));
    let kind = Source::File { endpoint: endpoint.clone(), reader: Some(reader) };
    Ok(of_file(job, schema, doubled, kind, reads, staging))
}

/// A file that was read to its end: all that is known of it stands in the checkpoint.
fn finished_file(staging: Staging, endpoint: &FileEndpoint, job: &Job) -> Result<Input> {
    let damaged = |cause| Error::stopped("the run's checkpoint is damaged").because(cause);
    let note = |key| -> Result<String> { Ok(staging.note(key)?.unwrap_or_default()) };
    let schema: Schema = serde_json::from_str(&note("schema")?).map_err(damaged)?;
    let doubled = serde_json::from_str(&note("doubled")?).map_err(damaged)?;
    let reads = Reads::File(RowDecoder::new(endpoint.format, &schema, &job.read));
    let kind = Source::File { endpoint: endpoint.clone(), reader: None };
    let mut input = of_file(job, schema, doubled, kind, reads, staging);
    input.widen();
    Ok(input)
}

fn of_file(
    job: &Job,
    schema: Schema,
    doubled: Vec<String>,
    kind: Source,
    reads: Reads,
    staging: Staging,
) -> Input {
    let (schema, counts_text) = (Arc::new(schema), job.only_filled);
    let passes_blank = !matches!(job.target, Some(Place::File { .. }));
    Input { schema, doubled, kind, reads, staging, counts_text, passes_blank }
}

/// How the rows of a file are looked at on their way.
struct Ways<'a> {
    /// Decodes those that are counted.
    counted: Option<&'a Reads>,
    /// Knows those that hold nothing and are passed over.
    passing: Option<&'a RowDecoder>,
}

/// Says how many rows of a file held nothing and were passed over.
pub(super) fn say_passed_over(context: &Context, of: &str, rows: u64) {
    if rows > 0 {
        let rows = counted(rows, "row");
        context.reporter.say(format!("`{of}`: {rows} without any content passed over"));
    }
}

fn read_file(
    context: &Context,
    reader: &mut dyn TableReader,
    ways: &Ways<'_>,
    limit: Option<u64>,
    staging: &mut Staging,
    rejects: &mut Rejects,
) -> Result<()> {
    let progress = context.reporter.progress("read", None, None);
    let mut left = limit.unwrap_or(u64::MAX);
    let mut passed_over = 0;
    let is_passed_over = |row: &Row| match (ways.passing, row) {
        (Some(decoder), Row::Good { raw, .. }) => decoder.is_blank(raw),
        _ => false,
    };
    loop {
        if context.stop.is_requested() {
            return Err(Error::stopped("stopped while reading the file"));
        }
        let mut rows = chunk(reader, usize::try_from(left).unwrap_or(CHUNK).min(CHUNK))?;
        if rows.is_empty() {
            progress.finish();
            say_passed_over(context, &reader.schema().of, passed_over);
            if let Some(notice) = reader.closing() {
                context.reporter.say(&notice);
            }
            return Ok(());
        }
        let read = rows.len();
        rows.retain(|row| !is_passed_over(row));
        passed_over += (read - rows.len()) as u64;
        left -= rows.len() as u64;
        progress.add(rows.len() as u64);
        let mut good = Vec::with_capacity(rows.len());
        let mut census = Census::default();
        for row in rows {
            match row {
                Row::Good { row, line, raw } => {
                    let record = RawRecord { id: None, kind: None, created: None, updated: None, raw };
                    let staged = StagedRow { row, line: Some(line), record };
                    if let Some(Ok(record)) = ways.counted.map(|reads| reads.decode(&staged)) {
                        census.add(&record);
                    }
                    good.push(staged);
                }
                Row::Bad { row, line, reason, raw } => {
                    let (line, stage, raw) = (Some(line), STAGE.to_owned(), Some(raw));
                    rejects.add(RejectedRow { row, line, stage, field: None, value: None, reason, raw })?;
                }
            }
        }
        let Some(first) = good.first() else { continue };
        let key = format!("rows {}", first.row);
        staging.rows(&key, good, census)?;
    }
}

/// The next rows of a file, at most so many.
fn chunk(reader: &mut dyn TableReader, most: usize) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    let mut bytes = 0;
    while rows.len() < most && bytes < CHUNK_BYTES {
        let more = reader.next_rows(STEP.min(most - rows.len()))?;
        if more.is_empty() {
            break;
        }
        let length = |row: &Row| match row {
            Row::Good { raw, .. } | Row::Bad { raw, .. } => raw.len(),
        };
        bytes += more.iter().map(length).sum::<usize>();
        rows.extend(more);
    }
    Ok(rows)
}

fn file_columns(schema: &Schema, census: &Census, only_filled: bool) -> Vec<Column> {
    let listed = schema.fields.iter().map(|field| field.name.as_str());
    let late = census.fields.keys().map(String::as_str).filter(|name| schema.listed(name).is_none());
    let mut planned = Vec::new();
    for name in listed.chain(late) {
        let tally = census.tally(name, "");
        if only_filled && tally.is_none_or(|tally| tally.filled == 0) {
            continue;
        }
        let coding = if tally.is_some_and(|tally| tally.list) { Coding::List } else { Coding::Single };
        let kind = match tally.and_then(|tally| tally.json_type().filter(|_| !tally.long_number)) {
            Some(kind) if coding == Coding::Single => kind,
            _ => Kind::Text,
        };
        planned.push(Column::plain(name, coding, kind));
    }
    planned
}
