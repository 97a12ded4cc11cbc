//! Reading Parquet: rows as JSON arrays of typed values, a batch in memory at a time.
//!
//! Parquet needs to jump around in the file, so stdin and packed files are first copied to a temporary file that
//! has no name and goes with the process.

use super::compress::{open_bytes, open_file, read_error};
use super::headers::{Headers, unique};
use super::{Compression, FileEndpoint, Row, TableReader, parquet_value};
use crate::error::{Error, IoContext, Result};
use crate::record::schema::{FieldSpec, Schema};
use crate::run::parts::batch_rows;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, TimeUnit};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type;
use std::fs::File;
use std::io::{self, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The most rows decoded at a time, and about the bytes of their columns after which it is fewer.
const BATCH_ROWS: usize = 1_024;
const BATCH_BYTES: usize = 4 << 20;

/// A Parquet file being read.
pub(super) struct ParquetReader {
    name: String,
    reader: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    /// The next row within `batch`.
    at: usize,
    row: u64,
    /// Length of the last row's JSON, for the next one's allocation.
    typical: usize,
    schema: Schema,
    notices: Vec<String>,
    doubled: Vec<String>,
}

impl ParquetReader {
    /// Opens a file.
    ///
    /// # Errors
    /// When there is no such file, it is no Parquet file, or a column has a type that cannot be read.
    pub(super) fn open(endpoint: &FileEndpoint) -> Result<Self> {
        let name = endpoint.name();
        let refused = |cause| Error::input(format!("`{name}` cannot be read as Parquet")).because(cause);
        let file = seekable(endpoint)?;
        let metadata = unbroken(&name, || metadata(&file).map_err(refused))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let arrow = Arc::clone(builder.schema());
        for field in arrow.fields() {
            if !parquet_value::is_known(field.data_type()) {
                return Err(Error::input(format!(
                    "`{name}`: column `{}` has the type {}, which cannot be read",
                    field.name(),
                    field.data_type()
                )));
            }
        }
        let names = arrow.fields().iter().map(|field| field.name().clone()).collect();
        let Headers { names, doubled, notices } = unique(names);
        let specs = names.into_iter().zip(arrow.fields()).map(|(name, field)| spec(name, field));
        let schema = Schema { of: name.clone(), fields: specs.collect(), ..Schema::default() };
        let notices = notices.into_iter().map(|said| format!("`{name}`: {said}")).collect();
        let rows = batch_rows(builder.metadata(), BATCH_BYTES).min(BATCH_ROWS);
        let reader = unbroken(&name, || builder.with_batch_size(rows).build().map_err(refused))?;
        Ok(Self { name, reader, batch: None, at: 0, row: 0, typical: 0, schema, notices, doubled })
    }

    fn next_raw(&mut self) -> Result<Option<String>> {
        let batch = loop {
            match &self.batch {
                Some(batch) if self.at < batch.num_rows() => break batch,
                _ => {}
            }
            let broken =
                |cause| Error::input(format!("`{}` cannot be read any further", self.name)).because(cause);
            let reader = &mut self.reader;
            let next = unbroken(&self.name, || reader.next().transpose().map_err(broken))?;
            let Some(batch) = next else { return Ok(None) };
            self.batch = Some(batch);
            self.at = 0;
        };
        let mut json = Vec::with_capacity(self.typical + self.typical / 4);
        json.push(b'[');
        for (index, column) in batch.columns().iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            parquet_value::push(&mut json, column.as_ref(), self.at);
        }
        json.push(b']');
        self.at += 1;
        self.typical = json.len();
        Ok(Some(String::from_utf8(json).expect("JSON is built from texts and ASCII")))
    }
}

impl TableReader for ParquetReader {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn notices(&self) -> &[String] {
        &self.notices
    }

    fn doubled(&self) -> &[String] {
        &self.doubled
    }

    fn next_rows(&mut self, most: usize) -> Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(most.min(8192));
        while rows.len() < most {
            let Some(raw) = self.next_raw()? else { break };
            self.row += 1;
            rows.push(Row::Good { row: self.row, line: self.row, raw });
        }
        Ok(rows)
    }
}

/// Runs a step of the Parquet library; a panic in it is the file's fault.
fn unbroken<T>(name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step))
        .unwrap_or_else(|_| Err(Error::input(format!("`{name}` is a damaged Parquet file"))))
}

fn seekable(endpoint: &FileEndpoint) -> Result<File> {
    if !endpoint.is_standard_stream() && endpoint.compression == Compression::None {
        return open_file(endpoint);
    }
    let mut unpacked = open_bytes(endpoint)?;
    let mut file = tempfile::tempfile().during(|| "cannot make a temporary file".to_owned())?;
    io::copy(&mut unpacked, &mut file).map_err(|cause| read_error(endpoint, cause))?;
    file.rewind().during(|| "cannot read a temporary file".to_owned())?;
    Ok(file)
}

/// The file's metadata, with the old 96-bit timestamps read in microseconds: in nanoseconds, which is the
/// reader's default, dates after 2262 would silently wrap around.
fn metadata(file: &File) -> Result<ArrowReaderMetadata, parquet::errors::ParquetError> {
    let found = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let old: Vec<String> = found
        .parquet_schema()
        .columns()
        .iter()
        .filter(|leaf| leaf.path().parts().len() == 1 && leaf.physical_type() == Type::INT96)
        .map(|leaf| leaf.name().to_owned())
        .collect();
    if old.is_empty() {
        return Ok(found);
    }
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let fields = found.schema().fields().iter().map(|field| match old.contains(field.name()) {
        true => Arc::new(field.as_ref().clone().with_data_type(micros.clone())),
        false => Arc::clone(field),
    });
    let schema = arrow_schema::Schema::new(fields.collect::<Vec<_>>());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)
}

fn spec(name: String, field: &Field) -> FieldSpec {
    let several =
        matches!(field.data_type(), DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..));
    let kind = parquet_value::kind(field.data_type());
    FieldSpec { name, modifiers: vec![String::new()], several, kind, ..FieldSpec::default() }
}
