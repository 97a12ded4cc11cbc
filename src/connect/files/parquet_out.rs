//! Writing Parquet: zstd, nulls where a record has nothing, row groups small enough to be held in memory.
//!
//! Chunks are Arrow batches. Appending one encodes and packs its columns in parallel, each into its own column
//! writer, which holds packed pages only; a row group is closed at [`GROUP_ROWS`] rows or [`GROUP_BYTES`]
//! bytes, so that memory does not grow with the file. Lists are written with the element name that the Parquet
//! format asks for, which Spark and others insist on.

use super::CellRows;
use super::compress::Output;
use super::writer::{Chunk, TableFormat};
use crate::error::{Error, Result};
use crate::record::columns::{Cell, Coding, Column};
use crate::record::schema::Kind;
use crate::record::{Record, instant, is_empty, to_text};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, TimestampMillisecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;
use serde_json::Value;
use std::sync::Arc;

/// The most rows of a row group.
const GROUP_ROWS: usize = 100_000;

/// The most bytes of a row group before it is closed.
const GROUP_BYTES: usize = 64 * 1024 * 1024;

/// How many rows are encoded between two looks at the size.
const SLICE_ROWS: usize = 4_096;

/// The columns of a Parquet file.
pub(super) struct ParquetFormat {
    columns: Vec<Column>,
    schema: SchemaRef,
}

/// A Parquet file being written.
pub(super) struct ParquetOutput {
    writer: SerializedFileWriter<Output>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    group: Vec<ArrowColumnWriter>,
    group_rows: usize,
    groups: usize,
    name: String,
}

impl ParquetFormat {
    /// A file with these columns.
    pub(super) fn new(columns: Vec<Column>) -> Self {
        let field = |column: &Column| Field::new(&column.header, data_type(column), true);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        Self { columns, schema }
    }
}

impl TableFormat for ParquetFormat {
    fn encode(&self, records: &[Record]) -> Result<Chunk> {
        let arrays: Result<Vec<ArrayRef>> =
            self.columns.iter().map(|column| array(column, records)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays?)
            .map_err(|cause| Error::input("records cannot be written as Parquet").because(cause))?;
        Ok(Chunk::batch(batch))
    }

    fn takes_cells(&self) -> bool {
        let plain = |column: &Column| (column.coding, column.kind) == (Coding::Single, Kind::Text);
        self.columns.iter().all(plain)
    }

    fn encode_cells(&self, cells: &CellRows) -> Option<Chunk> {
        if !self.takes_cells() || cells.columns() != self.columns.len() {
            return None;
        }
        let arrays = (0..self.columns.len()).map(|column| {
            let mut builder =
                StringBuilder::with_capacity(cells.len(), cells.bytes() / self.columns.len().max(1) * 2);
            for row in 0..cells.len() {
                builder.append_option(Some(cells.cell(row, column)).filter(|text| !text.is_empty()));
            }
            Arc::new(builder.finish()) as ArrayRef
        });
        RecordBatch::try_new(Arc::clone(&self.schema), arrays.collect()).ok().map(Chunk::batch)
    }
}

impl ParquetOutput {
    /// Begins a file.
    ///
    /// # Errors
    /// When the columns cannot stand in a Parquet file.
    pub(super) fn create(output: Output, format: &ParquetFormat) -> Result<Self> {
        let name = output.name().to_owned();
        let refused = |cause: ParquetError| Error::input(format!("cannot write `{name}`")).because(cause);
        let level = ZstdLevel::try_new(1).map_err(refused)?;
        let mut properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
        add_encoded_arrow_schema_to_metadata(&format.schema, &mut properties);
        let described = ArrowSchemaConverter::new().convert(&format.schema).map_err(refused)?;
        let writer = SerializedFileWriter::new(output, described.root_schema_ptr(), Arc::new(properties));
        let writer = writer.map_err(refused)?;
        let factory = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&format.schema));
        let schema = Arc::clone(&format.schema);
        Ok(Self { writer, factory, schema, group: Vec::new(), group_rows: 0, groups: 0, name })
    }

    /// Appends a batch.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            let rows = (batch.num_rows() - from).min(GROUP_ROWS - self.group_rows).min(SLICE_ROWS);
            self.write(&batch.slice(from, rows)).map_err(|cause| self.refused(cause))?;
            from += rows;
        }
        Ok(())
    }

    /// Ends the file and puts it in its place; gives its size in bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.close_group().map_err(|cause| self.refused(cause))?;
        let name = self.name;
        let output = self.writer.into_inner();
        output.map_err(|cause| Error::stopped(format!("cannot write `{name}`")).because(cause))?.finish()
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        if self.group.is_empty() {
            self.group = self.factory.create_column_writers(self.groups)?;
        }
        // Every column has one leaf, since lists are the only nesting.
        let columns = self.schema.fields().par_iter().zip(batch.columns()).zip(&mut self.group);
        columns.try_for_each(|((field, array), writer)| {
            compute_leaves(field, array)?.iter().try_for_each(|leaf| writer.write(leaf))
        })?;
        self.group_rows += batch.num_rows();
        let bytes: usize = self.group.iter().map(ArrowColumnWriter::memory_size).sum();
        if self.group_rows >= GROUP_ROWS || bytes >= GROUP_BYTES {
            self.close_group()?;
        }
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), ParquetError> {
        if self.group_rows == 0 {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.group);
        let chunks: Vec<_> =
            columns.into_par_iter().map(ArrowColumnWriter::close).collect::<Result<_, _>>()?;
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.group_rows = 0;
        self.groups += 1;
        Ok(())
    }

    fn refused(&self, cause: ParquetError) -> Error {
        Error::stopped(format!("cannot write `{}`", self.name)).because(cause)
    }
}

fn data_type(column: &Column) -> DataType {
    match (column.coding, column.kind) {
        (Coding::List | Coding::Prose, _) => DataType::List(Arc::new(element())),
        (Coding::Single, Kind::Text) => DataType::Utf8,
        (Coding::Single, Kind::Number) => DataType::Float64,
        (Coding::Single, Kind::Bool) => DataType::Boolean,
        (Coding::Single, Kind::Timestamp) => {
            DataType::Timestamp(TimeUnit::Millisecond, Some(Arc::from("UTC")))
        }
    }
}

fn element() -> Field {
    Field::new("element", DataType::Utf8, true)
}

fn array(column: &Column, records: &[Record]) -> Result<ArrayRef> {
    Ok(match (column.coding, column.kind) {
        (Coding::List | Coding::Prose, _) => lists(column, records),
        (Coding::Single, Kind::Text) => texts(column, records),
        (Coding::Single, Kind::Number) => {
            Arc::new(Float64Array::from(singles(column, records, "number", number)?))
        }
        (Coding::Single, Kind::Bool) => {
            Arc::new(BooleanArray::from(singles(column, records, "boolean", Value::as_bool)?))
        }
        (Coding::Single, Kind::Timestamp) => {
            let instants = singles(column, records, "time", millis)?;
            Arc::new(TimestampMillisecondArray::from(instants).with_timezone("UTC"))
        }
    })
}

/// Each record's value, none where it is empty, read as the column's type.
fn singles<T>(
    column: &Column,
    records: &[Record],
    wanted: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let mut found = Vec::with_capacity(records.len());
    for record in records {
        found.push(match column.cell(record) {
            Cell::One(value) if !is_empty(&value) => Some(read(&value).ok_or_else(|| {
                let shown: String = to_text(&value).chars().take(60).collect();
                Error::input(format!("column `{}` holds {wanted}s, and `{shown}` is none", column.header))
            })?),
            Cell::Absent | Cell::One(_) | Cell::Many(_) => None,
        });
    }
    Ok(found)
}

fn texts(column: &Column, records: &[Record]) -> ArrayRef {
    let mut builder = StringBuilder::new();
    for record in records {
        match column.cell(record) {
            // As in a CSV file: an object whose parts are all empty is no empty text.
            Cell::One(value) => match &*value {
                Value::Null => builder.append_null(),
                Value::String(text) => builder.append_option(Some(text).filter(|text| !text.is_empty())),
                other => builder.append_value(to_text(other)),
            },
            Cell::Absent | Cell::Many(_) => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

fn lists(column: &Column, records: &[Record]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element());
    for record in records {
        let values = match column.cell(record) {
            Cell::Many(values) => values,
            Cell::One(value) => vec![value],
            Cell::Absent => Vec::new(),
        };
        let filled = !values.iter().all(|value| is_empty(value));
        if filled {
            for value in &values {
                builder.values().append_value(to_text(value));
            }
        }
        builder.append(filled);
    }
    Arc::new(builder.finish())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        _ => None,
    }
}

fn millis(value: &Value) -> Option<i64> {
    instant::parse(value.as_str()?).map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Field as RecordField;
    use serde_json::json;

    fn encode(kind: Kind, value: Value) -> Result<Chunk> {
        let record = Record { fields: vec![RecordField::single("a", value)], ..Record::default() };
        ParquetFormat::new(vec![Column::plain("a", Coding::Single, kind)]).encode(&[record])
    }

    #[test]
    fn a_value_of_another_type_is_an_error_not_a_null() {
        assert!(encode(Kind::Number, json!(1.5)).is_ok());
        assert!(encode(Kind::Timestamp, json!("")).is_ok());
        for (kind, value) in
            [(Kind::Number, json!("1.5")), (Kind::Bool, json!("yes")), (Kind::Timestamp, json!("soon"))]
        {
            let error = encode(kind, value.clone()).err().unwrap();
            assert!(error.to_string().starts_with("column `a` holds "), "{error}");
        }
    }
}
