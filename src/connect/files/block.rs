//! Rows of a text file by the block: cut out of the file by one thread, taken apart by any.
//!
//! Where rows go from file to file there is nothing to keep of them on the way, so their cells need not become JSON
//! and then records first. The rules are those of [`super::scan`], the rows the same as one by one.

use super::csv_in::place;
use super::scan::{Dialect, Extent, Scan, Sink};
use super::{Row, json_text};
use std::sync::Arc;

/// Whole records of a text file, as they stand there.
pub struct Block {
    pub(super) text: Vec<u8>,
    /// Number of the first record.
    pub(super) row: u64,
    /// Physical line at which it begins, or blank lines before it.
    pub(super) line: u64,
    pub(super) shape: Arc<Shape>,
}

/// What all records of a file share.
pub(super) struct Shape {
    pub(super) dialect: Dialect,
    /// Cells of a whole record; 0 while the header is read.
    pub(super) columns: usize,
    pub(super) encoding: &'static str,
}

/// The cells of some rows, each row with one cell a column, and the rows that are broken.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CellRows {
    text: String,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
    columns: usize,
    /// Record number and physical line of each row.
    places: Vec<(u64, u64)>,
    /// Broken rows, in order.
    pub bad: Vec<Row>,
}

/// Cells being gathered.
struct Gathering {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Sink for Gathering {
    fn begin(&mut self) {}

    fn run(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    fn byte(&mut self, byte: u8) {
        self.text.push(byte);
    }

    fn end(&mut self) {
        self.ends.push(self.text.len());
    }
}

impl Gathering {
    /// Gives the row whose text and cells begin there as many cells as there are columns, if nothing is lost by it:
    /// what is too much is empty, or all cells are, however many.
    fn fits(&mut self, (text, cell): (usize, usize), columns: usize) -> bool {
        let (end, behind) = (self.text.len(), cell + columns);
        let loses_nothing = end == text || self.ends.get(behind - 1) == Some(&end);
        if loses_nothing {
            self.ends.resize(behind, end);
        }
        loses_nothing
    }
}

impl Shape {
    /// What is wrong with the record that `text` begins with and that begins on `line`, if anything.
    pub(super) fn defect(&self, text: &[u8], extent: &Extent, line: u64) -> Option<String> {
        let record = &text[..extent.text];
        if let Err(broken) = std::str::from_utf8(record) {
            let place = place(record, broken.valid_up_to(), line);
            return Some(format!("{place}: bytes that are no {} text", self.encoding));
        }
        if let Some((junk, cell)) = extent.junk {
            let (junk, cell) = (place(record, junk, line), place(record, cell, line));
            return Some(format!("{junk}: text after the closing quote of the cell that begins at {cell}"));
        }
        (self.columns > 0 && extent.cells != self.columns).then(|| {
            let cells = if extent.cells == 1 { "cell" } else { "cells" };
            format!("line {line}: {} {cells} where the header has {}", extent.cells, self.columns)
        })
    }

    /// That record as a broken row.
    pub(super) fn bad(&self, text: &[u8], extent: &Extent, row: u64, line: u64) -> Row {
        let raw = String::from_utf8_lossy(&text[..extent.text]).into_owned();
        Row::Bad { row, line, reason: self.defect(text, extent, line).unwrap_or_default(), raw }
    }
}

impl Block {
    /// Takes the records apart.
    #[must_use]
    pub fn cells(&self) -> CellRows {
        // Cells that are text together and are cut between characters are text each, and so are their records: what
        // else stands there is ASCII. Only where that fails it has to be found out record by record.
        let (found, text) = self.gathered(&|_| true);
        if let Ok(text) = String::from_utf8(text)
            && found.ends.iter().all(|end| text.is_char_boundary(*end))
        {
            return CellRows { text, ..found };
        }
        let (found, text) = self.gathered(&|record| std::str::from_utf8(record).is_ok());
        // Cells are cut at ASCII characters out of records that are text.
        CellRows { text: String::from_utf8(text).unwrap_or_default(), ..found }
    }

    /// The rows without their text, and that; a record that is no text is a broken row.
    fn gathered(&self, is_text: &dyn Fn(&[u8]) -> bool) -> (CellRows, Vec<u8>) {
        let mut found = CellRows { columns: self.shape.columns, ..CellRows::default() };
        let mut cells = Gathering { text: Vec::with_capacity(self.text.len()), ends: Vec::new() };
        let (mut at, mut row, mut line) = (0, self.row, self.line);
        loop {
            let rest = &self.text[at..];
            let before = (cells.text.len(), cells.ends.len());
            match self.shape.dialect.read(rest, true, &mut cells) {
                Scan::Blank(bytes) => {
                    at += bytes;
                    line += 1;
                }
                Scan::Record(extent) => {
                    let whole = extent.junk.is_none()
                        && (extent.cells == self.shape.columns || cells.fits(before, self.shape.columns))
                        && is_text(&rest[..extent.text]);
                    if whole {
                        found.places.push((row, line));
                    } else {
                        cells.text.truncate(before.0);
                        cells.ends.truncate(before.1);
                        found.bad.push(self.shape.bad(rest, &extent, row, line));
                    }
                    at += extent.bytes;
                    line += extent.lines;
                    row += 1;
                }
                // A block holds whole records; there is nothing else to be found in it.
                Scan::End | Scan::More | Scan::Open(_) | Scan::Huge(_) => break,
            }
        }
        found.ends = cells.ends;
        (found, cells.text)
    }
}

impl CellRows {
    /// No rows yet, of so many columns, with room for what is made of `other`.
    #[must_use]
    pub fn made_of(other: &Self, columns: usize) -> Self {
        let (text, rows) = (other.text.len() + other.text.len() / 8, other.places.len());
        Self {
            text: String::with_capacity(text),
            ends: Vec::with_capacity(rows * columns),
            columns,
            places: Vec::with_capacity(rows),
            bad: Vec::new(),
        }
    }

    /// Adds a cell to the row that [`CellRows::end`] ends.
    pub fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// Ends a row of all its cells: record number and physical line.
    pub fn end(&mut self, row: u64, line: u64) {
        self.places.push((row, line));
    }

    /// Takes back the cells added since the last row was ended.
    pub fn take_back(&mut self) {
        self.ends.truncate(self.places.len() * self.columns);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Cells of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Record number and physical line of a row.
    #[must_use]
    pub fn place(&self, row: usize) -> (u64, u64) {
        self.places[row]
    }

    /// A cell.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> &str {
        let at = row * self.columns + column;
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[begin..self.ends[at]]
    }

    /// The bytes of all cells.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// A row as [`Row::Good`] has it: a JSON array of its cells.
    #[must_use]
    pub fn raw(&self, row: usize) -> String {
        let mut json = vec![b'['];
        for column in 0..self.columns {
            if column > 0 {
                json.push(b',');
            }
            json_text::push_text(&mut json, self.cell(row, column));
        }
        json.push(b']');
        String::from_utf8(json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::connect::files::{Compression, FileEndpoint, Format, ReadOptions, Row, open};
    use proptest::prelude::*;

    /// All rows of a file, one by one and by the block.
    fn both(text: &[u8]) -> Option<(Vec<Row>, Vec<Row>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let endpoint = FileEndpoint { path, format: Format::Csv, compression: Compression::None };
        let options = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
        let singly = open(&endpoint, &options).ok()?.next_rows(1_000_000).ok()?;
        let mut reader = open(&endpoint, &options).ok()?;
        let mut together = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            let cells = block.cells();
            together.extend((0..cells.len()).map(|at| {
                let (row, line) = cells.place(at);
                Row::Good { row, line, raw: cells.raw(at) }
            }));
            together.extend(cells.bad);
        }
        let number = |row: &Row| match row {
            Row::Good { row, .. } | Row::Bad { row, .. } => *row,
        };
        together.sort_by_key(number);
        Some((singly, together))
    }

    #[test]
    fn blocks_of_a_long_file_hold_its_rows() {
        let odd = "1,\"a\r\nb\"\n\n2,x\"y\nbroken\n3,\"q\"z\r\n\u{e9},\\\t\n".repeat(40_000);
        let (singly, together) = both(format!("a,b\n{odd}\n\nlast,").as_bytes()).unwrap();
        assert_eq!(singly.len(), 5 * 40_000 + 1);
        assert!(singly == together);
    }

    proptest! {
        #[test]
        fn blocks_hold_the_rows_that_are_read_one_by_one(text in "[ab,\"\n\ré\\\\]{0,40}", bad in any::<bool>()) {
            let mut bytes = format!("a,b\n{text}").into_bytes();
            if bad && bytes.len() > 8 {
                bytes[7] = 0xff;
            }
            if let Some((singly, together)) = both(&bytes) {
                prop_assert_eq!(singly, together);
            }
        }
    }
}
