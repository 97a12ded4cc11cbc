//! Records of a file or a stream without a run: for checks, trials and drafts of mappings.
//!
//! A file is read batch by batch, so that memory does not grow with it. Of a stream only a sample is read, or one
//! record by its id.

use super::context::Context;
use super::schemas;
use crate::connect::files::{self, FileEndpoint, Format, ReadOptions, Row, RowDecoder, TableReader};
use crate::connect::{Endpoint, Stream};
use crate::error::{Error, IoContext, Result};
use crate::extract::Selection;
use crate::extract::staging::Staging;
use crate::record::Record;
use crate::record::census::Census;
use crate::record::schema::Schema;
use crate::transform::mapping::SourceSide;
use std::sync::Arc;

/// Rows of a file read at a time.
const BATCH: usize = 4_096;

/// Records of an endpoint, open for reading once.
pub struct Records {
    schema: Arc<Schema>,
    doubled: Vec<String>,
    /// Whether lists are text in cells.
    cells: bool,
    from: From,
}

enum From {
    File(Box<dyn TableReader>, RowDecoder),
    Stream(Stream),
}

/// A record and where it stands.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// Data record, from 1.
    pub row: u64,
    /// Physical line of a file.
    pub line: Option<u64>,
    /// The record, or why it cannot be read.
    pub record: Result<Record, String>,
}

impl Records {
    /// Opens a file or a stream.
    ///
    /// # Errors
    /// When there is none, or the service refuses.
    pub fn open(context: &Context, endpoint: &Endpoint, options: &ReadOptions) -> Result<Self> {
        match endpoint {
            Endpoint::File(file) => Self::of_file(context, file, options),
            Endpoint::Stream { connection, stream } => {
                let opened = context.open(connection, stream)?;
                let schema = schemas::asked(context, connection, stream, &opened)?;
                Ok(Self { schema, doubled: Vec::new(), cells: false, from: From::Stream(opened) })
            }
        }
    }

    fn of_file(context: &Context, file: &FileEndpoint, options: &ReadOptions) -> Result<Self> {
        let mut reader = files::open(file, options)?;
        let mut schema = reader.schema().clone();
        let doubled = reader.doubled().to_vec();
        let mut decoder = RowDecoder::new(file.format, &schema, options);
        // What comes through a pipe comes once.
        if reader.may_widen() && !file.is_standard_stream() {
            schema = schema.widened(&counted(context, &mut *reader, &decoder)?);
            decoder = decoder.with_columns_of(&schema);
            reader = files::open(file, options)?;
        }
        let cells = matches!(file.format, Format::Csv | Format::Tsv);
        Ok(Self { schema: Arc::new(schema), doubled, cells, from: From::File(reader, decoder) })
    }

    /// Their fields.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What a mapping reads from.
    #[must_use]
    pub fn side(&self, separator: char) -> SourceSide<'_> {
        match self.cells {
            true => SourceSide::cells(&self.schema, &self.doubled, separator),
            false => SourceSide::lists(&self.schema),
        }
    }

    /// Hands the records over, batch by batch, until `take` says that it has enough (false). Of a stream, a sample
    /// of at most `sample` records.
    ///
    /// # Errors
    /// When they cannot be read any further, or a stop is asked for, or `take` fails.
    pub fn batches(
        &mut self,
        context: &Context,
        sample: u64,
        take: &mut dyn FnMut(Vec<Numbered>) -> Result<bool>,
    ) -> Result<()> {
        match &mut self.from {
            From::File(reader, decoder) => loop {
                if context.stop.is_requested() {
                    return Err(Error::stopped("stopped while reading the file"));
                }
                let rows = reader.next_rows(BATCH)?;
                if rows.is_empty() || !take(rows.into_iter().map(|row| decoded(row, decoder)).collect())? {
                    return Ok(());
                }
            },
            From::Stream(stream) => take(sampled(stream, sample)?).map(|_| ()),
        }
    }

    /// One record of a stream, by its id.
    ///
    /// # Errors
    /// When there is none, or this is a file.
    pub fn by_id(&self, id: &str) -> Result<Numbered> {
        let From::Stream(stream) = &self.from else {
            return Err(Error::input(format!("`{}` is a file: its rows have no ids", self.schema.of))
                .hint("give `--row N` or `--where COLUMN=VALUE`"));
        };
        let found = stream.target()?.read(&[id.to_owned()])?;
        let Some(raw) = found.into_iter().next() else {
            return Err(Error::input(format!("{} has no record `{id}`", stream.source.name())));
        };
        Ok(Numbered { row: 1, line: None, record: stream.source.decoder().decode(&raw.raw) })
    }
}

/// What all rows of a file hold.
fn counted(context: &Context, reader: &mut dyn TableReader, decoder: &RowDecoder) -> Result<Census> {
    let mut census = Census::default();
    loop {
        if context.stop.is_requested() {
            return Err(Error::stopped("stopped while reading the file"));
        }
        let rows = reader.next_rows(BATCH)?;
        if rows.is_empty() {
            return Ok(census);
        }
        let records = rows.into_iter().filter_map(|row| decoded(row, decoder).record.ok());
        records.for_each(|record| census.add(&record));
    }
}

fn decoded(row: Row, decoder: &RowDecoder) -> Numbered {
    match row {
        Row::Good { row, line, raw } => {
            let record = decoder.decode(&raw).map_err(|error| error.chain());
            Numbered { row, line: Some(line), record }
        }
        Row::Bad { row, line, reason, .. } => Numbered { row, line: Some(line), record: Err(reason) },
    }
}

fn sampled(stream: &Stream, sample: u64) -> Result<Vec<Numbered>> {
    let folder = tempfile::tempdir().during(|| "cannot make a temporary folder".to_owned())?;
    let mut staging = Staging::open(folder.path(), "sample")?;
    let selection = Selection { limit: Some(sample), ..Selection::default() };
    let completeness = stream.source.extract(&selection, &mut staging)?;
    staging.finish(&completeness)?;
    let decode = stream.source.decoder();
    let mut records = Vec::new();
    let mut rows = staging.read()?;
    while let Some(batch) = rows.next_rows()? {
        records.extend(batch.into_iter().map(|staged| Numbered {
            row: staged.row,
            line: None,
            record: decode.decode(&staged.record.raw),
        }));
    }
    Ok(records)
}
