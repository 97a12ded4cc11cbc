//! Tables in files: CSV, TSV, JSON Lines and Parquet, read and written, each also packed (`.gz`, `.zst`); vCards,
//! read.
//!
//! Reading has two steps. A [`TableReader`] streams rows as text, exactly as they stand in the file
//! ([`Row::Good`], or [`Row::Bad`] with the reason), in memory that does not grow with the file; a
//! [`RowDecoder`] turns such a text into a record, purely, so on any number of cores. Writing is the same the
//! other way round: a [`TableFormat`] encodes records purely, a [`TableWriter`] appends the chunks in order.
//!
//! Nothing is guessed from how a value looks (design section 6): a CSV cell is text, whatever it says. What a
//! reader has to find out about the file itself (encoding, separator, doubled headers) is said in
//! [`TableReader::notices`].
//!
//! Not here: which columns a file gets (`record::columns`), splitting of list columns (the target decides), and
//! rejected rows' further way.

mod block;
mod compress;
mod csv_in;
mod csv_out;
mod decode;
mod dialect;
mod format;
mod guard;
mod headers;
mod json_text;
mod jsonl_in;
mod jsonl_out;
mod lines;
mod parquet_in;
mod parquet_out;
mod parquet_value;
mod preamble;
mod scan;
mod text;
mod times;
mod vcard_columns;
mod vcard_in;
mod writer;

#[cfg(test)]
mod real_files;
#[cfg(test)]
mod round_trip;

pub use block::{Block, CellRows};
pub use compress::{can_be_read_again, remove_temporary};
pub use decode::RowDecoder;
pub use format::{Compression, FileEndpoint, Format};
pub use headers::is_unnamed;
pub use lines::LineWriter;
pub use writer::{Chunk, TableFormat, TableWriter};

use crate::error::Result;
use crate::record::schema::Schema;
use serde::{Deserialize, Serialize};

/// How a file is to be read; what is not given is detected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadOptions {
    /// Label of the text's encoding (`windows-1252`, `utf-16le`), as the WHATWG Encoding Standard names them.
    pub encoding: Option<String>,
    /// What separates the cells of a CSV file.
    pub delimiter: Option<char>,
    /// What separates the values in a cell of a list column; readers leave cells whole, whoever knows the list
    /// columns splits them with `record::list_cell`.
    pub list_separator: char,
    /// Cells by which the header row of a CSV file is known; what stands above it is passed over. None: the first
    /// row is the header.
    pub header_row: Vec<String>,
    /// Undo the guard that [`WriteOptions::spreadsheet_safe`] puts before formula-looking cells.
    pub spreadsheet_safe: bool,
}

/// How a file is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WriteOptions {
    /// What separates the values in a cell of a CSV list column.
    pub list_separator: char,
    /// Put `'` before CSV cells that a spreadsheet would take for a formula.
    pub spreadsheet_safe: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            encoding: None,
            delimiter: None,
            list_separator: ';',
            header_row: Vec::new(),
            spreadsheet_safe: false,
        }
    }
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { list_separator: ';', spreadsheet_safe: false }
    }
}

/// The text that a reader gives for a cell of such a text, by what guarded it when it was written and what takes the
/// guard off.
#[must_use]
pub fn reread(text: String, guarded: bool, unguards: bool) -> String {
    let written = if guarded { guard::add(text) } else { text };
    if unguards { guard::remove(&written).to_owned() } else { written }
}

/// A row as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A row that can be decoded.
    Good {
        /// Data record, from 1.
        row: u64,
        /// Physical line where the record begins, from 1; in Parquet, which has no lines, the record's number.
        line: u64,
        /// CSV, TSV, Parquet: a JSON array of the cells in header order. JSON Lines: the line, byte for byte.
        raw: String,
    },
    /// A broken row; the rest of the file goes on.
    Bad {
        /// Data record, from 1.
        row: u64,
        /// Physical line where the record begins, from 1.
        line: u64,
        /// What is wrong with it, with line and column.
        reason: String,
        /// The record's text without its line end; bytes that are no text are replaced by U+FFFD.
        raw: String,
    },
}

/// Rows of a file, in order.
pub trait TableReader: Send {
    /// The columns. JSON Lines and vCards: those of the first 1,000 rows; later ones are decoded all the same.
    fn schema(&self) -> &Schema;

    /// Whether rows follow that may have further columns.
    fn may_widen(&self) -> bool {
        false
    }

    /// What was found out about the file, a sentence each, to be said once.
    fn notices(&self) -> &[String];

    /// Headers that stand there more than once, in their plain form; the mapping may not name them.
    fn doubled(&self) -> &[String];

    /// The next rows, at most so many; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read any further: the disk, a packed file that breaks off, a quote that is
    /// never closed, a cell beyond all bounds.
    fn next_rows(&mut self, most: usize) -> Result<Vec<Row>>;

    /// What is only known of the rows that were handed over, in a sentence to be said at the end.
    fn closing(&self) -> Option<String> {
        None
    }

    /// The next rows as a block that any thread can take apart; none at the end. CSV and TSV have blocks, other
    /// formats have none at all.
    ///
    /// # Errors
    /// As [`TableReader::next_rows`].
    fn next_block(&mut self) -> Result<Option<Block>> {
        Ok(None)
    }
}

/// Opens a file for reading.
///
/// # Errors
/// When there is no such file, it has no header, or it is not what its format says.
pub fn open(endpoint: &FileEndpoint, options: &ReadOptions) -> Result<Box<dyn TableReader>> {
    Ok(match endpoint.format {
        Format::Csv | Format::Tsv => Box::new(csv_in::CsvReader::open(endpoint, options)?),
        Format::Jsonl => Box::new(jsonl_in::JsonlReader::open(endpoint, options)?),
        Format::Parquet => Box::new(parquet_in::ParquetReader::open(endpoint)?),
        Format::Vcard => Box::new(vcard_in::VcardReader::open(endpoint, options)?),
    })
}
