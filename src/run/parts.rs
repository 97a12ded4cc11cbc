//! Parts: finished Parquet files (zstd) of a stage, with the record as read.
//!
//! Columns: `row` (ordinal in the stage), `line` (files), `id`, `type`, `created`, `updated`, `raw`. A part appears by rename
//! when it is whole, and is never changed afterwards.

use crate::error::{Error, IoContext, Result};
use crate::record::RawRecord;
use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// A record with its ordinal in the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedRow {
    /// Ordinal from 1: the data record of a file, or the order of reading.
    pub row: u64,
    /// Physical line where a file's record begins.
    pub line: Option<u64>,
    /// The record as read.
    pub record: RawRecord,
}

/// The most rows that are encoded, or read, at a time.
const BATCH: usize = 1024;
/// Bytes of raw records after which a batch ends sooner, so that long records take no more memory than short ones.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes after which a row group ends sooner: a writer holds one.
const GROUP_BYTES: usize = 16 << 20;

/// Writes one part.
pub struct PartWriter {
    path: PathBuf,
    writer: ArrowWriter<NamedTempFile>,
    schema: SchemaRef,
    pending: Vec<StagedRow>,
    /// Bytes of the raw records of `pending`.
    held: usize,
    rows: u64,
    bytes: u64,
}

impl PartWriter {
    /// Begins the part that will be `path`.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let file = NamedTempFile::with_prefix_in(".part-", folder)
            .during(|| format!("cannot write to `{}`", folder.display()))?;
        let schema = schema();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties()))
            .map_err(|cause| broken(path).because(cause))?;
        Ok(Self { path: path.to_owned(), writer, schema, pending: Vec::new(), held: 0, rows: 0, bytes: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn push(&mut self, row: StagedRow) -> Result<()> {
        self.rows += 1;
        self.bytes += row.record.raw.len() as u64;
        self.held += row.record.raw.len();
        self.pending.push(row);
        if self.pending.len() >= BATCH || self.held >= BATCH_BYTES { self.encode() } else { Ok(()) }
    }

    /// Rows and bytes of raw records so far.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        (self.rows, self.bytes)
    }

    /// Makes the part durable under its name.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self) -> Result<()> {
        self.encode()?;
        let file = self.writer.into_inner().map_err(|cause| broken(&self.path).because(cause))?;
        let during = || format!("cannot write `{}`", self.path.display());
        file.as_file().sync_all().during(during)?;
        file.persist(&self.path).map_err(|failed| failed.error).during(during)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).during(during)?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batch = batch(&self.schema, &self.pending).map_err(|cause| broken(&self.path).because(cause))?;
        self.pending.clear();
        self.held = 0;
        self.writer.write(&batch).map_err(|cause| broken(&self.path).because(cause))
    }
}

/// Reads the rows of a part in order.
pub struct PartReader {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
}

impl PartReader {
    /// Opens a part.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).during(|| format!("cannot read `{}`", path.display()))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| {
                let rows = batch_rows(builder.metadata(), BATCH_BYTES).min(BATCH);
                builder.with_batch_size(rows).build()
            })
            .map_err(|cause| broken(path).because(cause))?;
        Ok(Self { path: path.to_owned(), reader })
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// When the part is damaged.
    pub fn next_rows(&mut self) -> Result<Option<Vec<StagedRow>>> {
        match self.reader.next() {
            None => Ok(None),
            Some(Err(cause)) => Err(broken(&self.path).because(cause)),
            Some(Ok(batch)) => Ok(Some(rows(&batch))),
        }
    }
}

/// So many rows of a Parquet file take about `bytes`, by the longest of its row groups; at least one.
#[must_use]
pub fn batch_rows(metadata: &ParquetMetaData, bytes: usize) -> usize {
    let of_group = |group: &RowGroupMetaData| {
        let size = usize::try_from(group.total_byte_size()).unwrap_or(usize::MAX);
        size / usize::try_from(group.num_rows()).unwrap_or(1).max(1)
    };
    let longest = metadata.row_groups().iter().map(of_group).max().unwrap_or(0);
    (bytes / longest.max(1)).max(1)
}

fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        Field::new("line", DataType::Int64, true),
        text("id"),
        text("type"),
        text("created"),
        text("updated"),
        Field::new("raw", DataType::Utf8, false),
    ]))
}

fn properties() -> WriterProperties {
    let raw = ColumnPath::from("raw");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(16_384))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_column_dictionary_enabled(raw.clone(), false)
        .set_column_statistics_enabled(raw, EnabledStatistics::None)
        .build()
}

fn batch(schema: &SchemaRef, pending: &[StagedRow]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let mut row = Int64Builder::with_capacity(pending.len());
    let mut line = Int64Builder::with_capacity(pending.len());
    for staged in pending {
        row.append_value(i64::try_from(staged.row).unwrap_or(i64::MAX));
        line.append_option(staged.line.map(|line| i64::try_from(line).unwrap_or(i64::MAX)));
    }
    let text = |of: fn(&RawRecord) -> Option<&str>| -> ArrayRef {
        let bytes = pending.iter().map(|staged| of(&staged.record).map_or(0, str::len)).sum();
        let mut column = StringBuilder::with_capacity(pending.len(), bytes);
        for staged in pending {
            column.append_option(of(&staged.record));
        }
        Arc::new(column.finish())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(row.finish()),
        Arc::new(line.finish()),
        text(|record| record.id.as_deref()),
        text(|record| record.kind.as_deref()),
        text(|record| record.created.as_deref()),
        text(|record| record.updated.as_deref()),
        text(|record| Some(&record.raw)),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn rows(batch: &RecordBatch) -> Vec<StagedRow> {
    let row = batch.column(0).as_primitive::<Int64Type>();
    let line = batch.column(1).as_primitive::<Int64Type>();
    let text: Vec<&StringArray> = (2..7).map(|index| batch.column(index).as_string::<i32>()).collect();
    let cell = |column: usize, at: usize| {
        let column = text[column];
        column.is_valid(at).then(|| column.value(at).to_owned())
    };
    (0..batch.num_rows())
        .map(|at| StagedRow {
            row: u64::try_from(row.value(at)).unwrap_or(0),
            line: line.is_valid(at).then(|| u64::try_from(line.value(at)).unwrap_or(0)),
            record: RawRecord {
                id: cell(0, at),
                kind: cell(1, at),
                created: cell(2, at),
                updated: cell(3, at),
                raw: cell(4, at).unwrap_or_default(),
            },
        })
        .collect()
}

fn broken(path: &Path) -> Error {
    Error::stopped(format!("cannot read or write the part `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_gives_back_what_was_put_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part-00001.parquet");
        let all: Vec<_> = (1..=3000)
            .map(|row| StagedRow {
                row,
                line: (row % 2 == 0).then_some(row + 1),
                record: RawRecord {
                    id: (row % 3 != 0).then(|| format!("{row:024x}")),
                    kind: Some("person".into()),
                    created: None,
                    updated: Some("2020-01-01T00:00:00Z".into()),
                    raw: format!("{{\"n\":{row},\"text\":\"Zoë \u{1F680}\"}}"),
                },
            })
            .collect();
        let mut writer = PartWriter::create(&path).unwrap();
        for row in &all {
            writer.push(row.clone()).unwrap();
        }
        assert!(!path.exists(), "a part is never there half");
        writer.finish().unwrap();
        let mut reader = PartReader::open(&path).unwrap();
        let mut read = Vec::new();
        while let Some(rows) = reader.next_rows().unwrap() {
            read.extend(rows);
        }
        assert_eq!(read, all);
    }

    #[test]
    fn batches_of_long_records_have_few_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part-00001.parquet");
        let mut writer = PartWriter::create(&path).unwrap();
        let (rows, long) = (100, 100_000);
        for row in 1..=rows {
            // Nothing that packs well: what counts is the length.
            let raw = (0..long).map(|at: u64| char::from(b' ' + (at * at * row % 89) as u8)).collect();
            writer
                .push(StagedRow {
                    row,
                    line: None,
                    record: RawRecord { id: None, kind: None, created: None, updated: None, raw },
                })
                .unwrap();
        }
        writer.finish().unwrap();
        let mut reader = PartReader::open(&path).unwrap();
        let mut sizes = Vec::new();
        while let Some(read) = reader.next_rows().unwrap() {
            sizes.push(read.len());
        }
        assert_eq!(sizes.iter().sum::<usize>() as u64, rows);
        assert!(sizes.iter().all(|size| (1..=11).contains(size)), "{sizes:?}");
    }
}
