//! Reading CSV and TSV: rows as JSON arrays of texts, bad rows apart, in bounded memory.
//!
//! The text comes from [`TextSource`], records from [`Dialect::scan`]. A row is bad when it has another number
//! of cells than the header, text after a closing quote, or bytes that are no text. Empty lines are no rows. NUL
//! is a character like any other. A quote that is never closed ends the reading, since nobody can say where its
//! row would have ended.

use super::dialect;
use super::headers::{Headers, unique};
use super::scan::{CELL_LIMIT, Dialect, Extent, Scan};
use super::text::TextSource;
use super::{FileEndpoint, Format, ReadOptions, Row, TableReader, guard};
use crate::error::{Error, Result};
use crate::record::schema::{FieldSpec, Schema};

/// The most bytes a row may have; cells have their own limit.
const ROW_LIMIT: usize = 2 * CELL_LIMIT;

/// How much text the separator is chosen from.
const SAMPLE: usize = 64 * 1024;

/// A CSV or TSV file being read.
pub(super) struct CsvReader {
    name: String,
    text: TextSource,
    buffer: Vec<u8>,
    /// Where in `buffer` the next record begins.
    at: usize,
    ended: bool,
    dialect: Dialect,
    /// Physical line at which the next record begins.
    line: u64,
    row: u64,
    /// Length of the last row's JSON, for the next one's allocation.
    typical: usize,
    schema: Schema,
    notices: Vec<String>,
    doubled: Vec<String>,
}

impl CsvReader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When there is no such file or it has no header.
    pub(super) fn open(endpoint: &FileEndpoint, options: &ReadOptions) -> Result<Self> {
        let given = options.delimiter.map(dialect::given).transpose()?;
        let (text, encoding) = TextSource::open(endpoint, options)?;
        let mut reader = Self {
            name: endpoint.name(),
            text,
            buffer: Vec::new(),
            at: 0,
            ended: false,
            dialect: Dialect::new(b','),
            line: 1,
            row: 0,
            typical: 0,
            schema: Schema::default(),
            notices: Vec::new(),
            doubled: Vec::new(),
        };
        while !reader.ended && reader.buffer.len() < SAMPLE {
            reader.fill()?;
        }
        let delimiter = reader.choose_delimiter(endpoint.format, given);
        reader.dialect = Dialect::new(delimiter);
        let separator =
            if delimiter == b'\t' { "tabs".into() } else { format!("`{}`", char::from(delimiter)) };
        reader.notices.push(format!("`{}`: {encoding}, cells separated by {separator}", reader.name));
        reader.read_header(options)?;
        Ok(reader)
    }

    fn choose_delimiter(&mut self, format: Format, given: Option<u8>) -> u8 {
        if format == Format::Csv
            && let Some((delimiter, bytes)) = dialect::sep_line(&self.buffer)
        {
            self.at = bytes;
            self.line += 1;
            return given.unwrap_or(delimiter);
        }
        given.unwrap_or_else(|| match format {
            Format::Tsv => b'\t',
            _ => dialect::detect(&self.buffer, self.ended),
        })
    }

    fn read_header(&mut self, options: &ReadOptions) -> Result<()> {
        let Some((extent, json)) = self.next_record()? else {
            return Err(Error::input(format!("`{}` is empty: it has no header", self.name))
                .hint("the first line names the columns"));
        };
        let start = self.at - extent.bytes;
        let line = self.line - extent.lines;
        if let Some(reason) = self.defect(&extent, start, line, &json) {
            return Err(Error::input(format!("`{}`: the header is broken: {reason}", self.name)));
        }
        let cells: Vec<String> = serde_json::from_slice(&json)
            .map_err(|cause| Error::input(format!("`{}`: the header is broken", self.name)).because(cause))?;
        let cells = cells.into_iter().map(|cell| match options.spreadsheet_safe {
            true => guard::remove(&cell).to_owned(),
            false => cell,
        });
        let Headers { names, doubled, notices } = unique(cells.collect());
        self.notices.extend(notices.into_iter().map(|said| format!("`{}`: {said}", self.name)));
        self.doubled = doubled;
        let field = |name| FieldSpec { name, modifiers: vec![String::new()], ..FieldSpec::default() };
        let fields = names.into_iter().map(field).collect();
        self.schema = Schema { of: self.name.clone(), fields, ..Schema::default() };
        Ok(())
    }

    /// The next record and its cells; `self.at` and `self.line` are then behind it.
    fn next_record(&mut self) -> Result<Option<(Extent, Vec<u8>)>> {
        let mut json = Vec::with_capacity(self.typical + self.typical / 4);
        loop {
            json.clear();
            match self.dialect.scan(&self.buffer[self.at..], self.ended, &mut json) {
                Scan::End => return Ok(None),
                Scan::More => self.fill()?,
                Scan::Blank(bytes) => {
                    self.at += bytes;
                    self.line += 1;
                }
                Scan::Record(extent) => {
                    self.at += extent.bytes;
                    self.line += extent.lines;
                    self.typical = json.len();
                    return Ok(Some((extent, json)));
                }
                Scan::Open(cell) => {
                    let place = self.place(self.at, cell);
                    return Err(Error::input(format!(
                        "`{}`: the quote at {place} is never closed",
                        self.name
                    ))
                    .hint("close it, or double it (`\"\"`) if it belongs to the text"));
                }
                Scan::Huge(cell) => {
                    let place = self.place(self.at, cell);
                    return Err(Error::input(format!(
                        "`{}`: the cell at {place} is longer than {} MiB",
                        self.name,
                        CELL_LIMIT >> 20
                    ))
                    .hint("a closing quote may be missing"));
                }
            }
        }
    }

    /// Reads more text behind what is there.
    fn fill(&mut self) -> Result<()> {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        if self.buffer.len() > ROW_LIMIT {
            return Err(Error::input(format!(
                "`{}`: the row at line {} is longer than {} MiB",
                self.name,
                self.line,
                ROW_LIMIT >> 20
            )));
        }
        self.ended = !self.text.fill(&mut self.buffer)?;
        Ok(())
    }

    /// Line and column of a byte of the record that begins at `start` and is not yet counted in `self.line`.
    fn place(&self, start: usize, offset: usize) -> String {
        place(&self.buffer[start..], offset, self.line)
    }

    /// What is wrong with a record, if anything; `json` are its cells.
    fn defect(&self, extent: &Extent, start: usize, line: u64, json: &[u8]) -> Option<String> {
        let record = &self.buffer[start..start + extent.text];
        if let Err(broken) = std::str::from_utf8(record) {
            let place = place(record, broken.valid_up_to(), line);
            return Some(format!("{place}: bytes that are no {} text", self.text.encoding()));
        }
        if std::str::from_utf8(json).is_err() {
            return Some(format!("line {line}: bytes that are no text"));
        }
        if let Some((junk, cell)) = extent.junk {
            let (junk, cell) = (place(record, junk, line), place(record, cell, line));
            return Some(format!("{junk}: text after the closing quote of the cell that begins at {cell}"));
        }
        let expected = self.schema.fields.len();
        (expected > 0 && extent.cells != expected).then(|| {
            let cells = if extent.cells == 1 { "cell" } else { "cells" };
            format!("line {line}: {} {cells} where the header has {expected}", extent.cells)
        })
    }
}

impl TableReader for CsvReader {
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
            let Some((extent, json)) = self.next_record()? else { break };
            self.row += 1;
            let (row, line) = (self.row, self.line - extent.lines);
            let fits = extent.junk.is_none() && extent.cells == self.schema.fields.len();
            rows.push(match String::from_utf8(json) {
                Ok(raw) if fits => Row::Good { row, line, raw },
                other => {
                    let json = other.map_or_else(|broken| broken.into_bytes(), String::into_bytes);
                    let start = self.at - extent.bytes;
                    let raw = String::from_utf8_lossy(&self.buffer[start..start + extent.text]).into_owned();
                    let reason = self.defect(&extent, start, line, &json).unwrap_or_default();
                    Row::Bad { row, line, reason, raw }
                }
            });
        }
        Ok(rows)
    }
}

/// Line and column (in characters, from 1) of a byte of a record that begins on `line`.
fn place(record: &[u8], offset: usize, line: u64) -> String {
    let before = &record[..offset];
    let mut lines = 0;
    let mut from = 0;
    for (index, byte) in before.iter().enumerate() {
        if *byte == b'\n' || (*byte == b'\r' && record.get(index + 1) != Some(&b'\n')) {
            lines += 1;
            from = index + 1;
        }
    }
    let column = String::from_utf8_lossy(&before[from..]).chars().count() + 1;
    format!("line {}, column {column}", line + lines)
}
