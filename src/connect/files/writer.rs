//! Writing a table: records encoded in chunks on any core, chunks appended in order by one.

use super::compress::Output;
use super::csv_out::CsvFormat;
use super::jsonl_out::JsonlFormat;
use super::parquet_out::{ParquetFormat, ParquetOutput};
use super::{CellRows, FileEndpoint, Format, WriteOptions};
use crate::error::{Error, IoContext, Result};
use crate::record::Record;
use crate::record::columns::Column;
use arrow_array::RecordBatch;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Encoded records, ready to be appended to the file whose format made them.
#[derive(Debug)]
pub struct Chunk(Content);

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    Batch(RecordBatch),
}

/// How records stand in a file: pure, so that batches can be encoded on all cores.
pub trait TableFormat: Send + Sync {
    /// Encodes records, in order.
    ///
    /// # Errors
    /// When a value cannot stand in a column of that type.
    fn encode(&self, records: &[Record]) -> Result<Chunk>;

    /// Whether [`TableFormat::encode_cells`] takes rows of the file's columns.
    fn takes_cells(&self) -> bool {
        false
    }

    /// Encodes rows of texts whose columns are exactly the file's, without making records of them; nothing where
    /// this file needs records.
    fn encode_cells(&self, _cells: &CellRows) -> Option<Chunk> {
        None
    }
}

/// A file being written; it appears at [`TableWriter::finish`], or not at all.
pub struct TableWriter {
    format: Arc<dyn TableFormat>,
    sink: Sink,
    temporary: Option<PathBuf>,
}

enum Sink {
    Text(Box<Output>),
    Parquet(Box<ParquetOutput>),
}

impl Chunk {
    pub(super) fn bytes(bytes: Vec<u8>) -> Self {
        Self(Content::Bytes(bytes))
    }

    pub(super) fn batch(batch: RecordBatch) -> Self {
        Self(Content::Batch(batch))
    }
}

impl TableWriter {
    /// Begins a file with these columns, in this order; a header line is written at once.
    ///
    /// # Errors
    /// When the file cannot be made there.
    pub fn create(endpoint: &FileEndpoint, columns: Vec<Column>, options: &WriteOptions) -> Result<Self> {
        if endpoint.format == Format::Vcard {
            return Err(Error::input(format!("`{endpoint}`: vCards are read, but not written"))
                .hint("write `.csv`, `.tsv`, `.jsonl` or `.parquet`"));
        }
        let mut output = Output::create(endpoint)?;
        let temporary = output.temporary().map(Path::to_owned);
        let (format, sink): (Arc<dyn TableFormat>, Sink) = match endpoint.format {
            Format::Csv | Format::Tsv => {
                let delimiter = if endpoint.format == Format::Tsv { b'\t' } else { b',' };
                let format = CsvFormat::new(columns, delimiter, options);
                output.write_all(&format.header()).during(|| format!("cannot write `{endpoint}`"))?;
                (Arc::new(format), Sink::Text(Box::new(output)))
            }
            Format::Jsonl | Format::Vcard => {
                (Arc::new(JsonlFormat::new(columns)), Sink::Text(Box::new(output)))
            }
            Format::Parquet => {
                let format = ParquetFormat::new(columns);
                let sink = ParquetOutput::create(output, &format)?;
                (Arc::new(format), Sink::Parquet(Box::new(sink)))
            }
        };
        Ok(Self { format, sink, temporary })
    }

    /// Where the rows go before the file appears; nothing where they are written as they come. A process that is
    /// killed leaves it behind.
    #[must_use]
    pub fn temporary(&self) -> Option<&Path> {
        self.temporary.as_deref()
    }

    /// What encodes records for this file; it can be given to other threads.
    #[must_use]
    pub fn format(&self) -> Arc<dyn TableFormat> {
        Arc::clone(&self.format)
    }

    /// Appends records that [`TableWriter::format`] has encoded.
    ///
    /// # Errors
    /// When the file cannot be written, or another format made the chunk.
    pub fn append(&mut self, chunk: Chunk) -> Result<()> {
        match (&mut self.sink, chunk.0) {
            (Sink::Text(output), Content::Bytes(bytes)) => {
                let written = output.write_all(&bytes);
                written.during(|| format!("cannot write `{}`", output.name()))
            }
            (Sink::Parquet(output), Content::Batch(batch)) => output.append(&batch),
            (Sink::Text(_), Content::Batch(_)) | (Sink::Parquet(_), Content::Bytes(_)) => {
                Err(Error::input("a chunk was appended to a file of another format than made it"))
            }
        }
    }

    /// Ends the file and puts it in its place; gives its size in bytes.
    ///
    /// # Errors
    /// When the file cannot be written; an existing one is then untouched.
    pub fn finish(self) -> Result<u64> {
        match self.sink {
            Sink::Text(output) => output.finish(),
            Sink::Parquet(output) => output.finish(),
        }
    }
}
