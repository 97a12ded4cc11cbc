//! Writing CSV and TSV: UTF-8, a line feed a line, quotes only where reading needs them.

use super::dialect::CANDIDATES;
use super::writer::{Chunk, TableFormat};
use super::{CellRows, WriteOptions, guard};
use crate::error::Result;
use crate::record::columns::{Cell, Coding, Column};
use crate::record::{Record, is_empty, list_cell, to_text};
use std::borrow::Cow;

/// The columns of a CSV or TSV file and how their cells are written.
pub(super) struct CsvFormat {
    columns: Vec<Column>,
    delimiter: u8,
    options: WriteOptions,
}

impl CsvFormat {
    /// A file with these columns.
    pub(super) fn new(columns: Vec<Column>, delimiter: u8, options: &WriteOptions) -> Self {
        Self { columns, delimiter, options: options.clone() }
    }

    /// The header line. Names that hold any separator are quoted, so that reading finds the right one; so are
    /// those that would be taken for a byte order mark or a `sep=` line. Names that hold a zero byte, which could
    /// be taken for UTF-16, get a byte order mark before them.
    pub(super) fn header(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.columns.iter().any(|column| column.header.contains('\0')) {
            text.extend_from_slice("\u{feff}".as_bytes());
        }
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                text.push(self.delimiter);
            }
            let name = self.guarded(column.header.clone());
            let odd = name.bytes().any(|byte| CANDIDATES.contains(&byte))
                || name.starts_with('\u{feff}')
                || name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sep="));
            self.push_cell(&mut text, &name, odd || (name.is_empty() && self.columns.len() == 1));
        }
        text.push(b'\n');
        text
    }

    fn push_record(&self, text: &mut Vec<u8>, record: &Record) {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                text.push(self.delimiter);
            }
            let cell = self.cell_text(column, record);
            // An empty line is no row, so a row of one empty cell shows its quotes.
            self.push_cell(text, &cell, cell.is_empty() && self.columns.len() == 1);
        }
        text.push(b'\n');
    }

    fn cell_text<'a>(&self, column: &Column, record: &'a Record) -> Cow<'a, str> {
        let text = match column.cell(record) {
            Cell::Absent => return Cow::Borrowed(""),
            Cell::One(Cow::Borrowed(serde_json::Value::String(text))) if !self.options.spreadsheet_safe => {
                return Cow::Borrowed(text);
            }
            Cell::One(value) => to_text(&value),
            Cell::Many(values) if values.iter().all(|value| is_empty(value)) => String::new(),
            Cell::Many(values) => {
                let texts: Vec<String> = values.iter().map(|value| to_text(value)).collect();
                match column.coding {
                    Coding::Prose => list_cell::join_prose(&texts),
                    Coding::List | Coding::Single => list_cell::join(&texts, self.options.list_separator),
                }
            }
        };
        Cow::Owned(self.guarded(text))
    }

    fn guarded(&self, text: String) -> String {
        if self.options.spreadsheet_safe { guard::add(text) } else { text }
    }

    fn push_cell(&self, text: &mut Vec<u8>, cell: &str, quote: bool) {
        let special = |byte: u8| byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        // Without a way out of the loop it works on many bytes at once.
        if !quote && !cell.bytes().fold(false, |found, byte| found | special(byte)) {
            text.extend_from_slice(cell.as_bytes());
            return;
        }
        text.push(b'"');
        for byte in cell.bytes() {
            if byte == b'"' {
                text.push(b'"');
            }
            text.push(byte);
        }
        text.push(b'"');
    }
}

impl TableFormat for CsvFormat {
    fn encode(&self, records: &[Record]) -> Result<Chunk> {
        let mut text = Vec::new();
        for record in records {
            self.push_record(&mut text, record);
        }
        Ok(Chunk::bytes(text))
    }

    fn takes_cells(&self) -> bool {
        let single = |column: &Column| column.coding == Coding::Single;
        !self.options.spreadsheet_safe && self.columns.iter().all(single)
    }

    fn encode_cells(&self, cells: &CellRows) -> Option<Chunk> {
        if !self.takes_cells() || cells.columns() != self.columns.len() {
            return None;
        }
        let mut text = Vec::with_capacity(cells.bytes() + cells.len() * self.columns.len() + 64);
        for row in 0..cells.len() {
            for column in 0..self.columns.len() {
                if column > 0 {
                    text.push(self.delimiter);
                }
                let cell = cells.cell(row, column);
                self.push_cell(&mut text, cell, cell.is_empty() && self.columns.len() == 1);
            }
            text.push(b'\n');
        }
        Some(Chunk::bytes(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Field;
    use crate::record::schema::Kind;
    use serde_json::json;

    fn written(headers: &[(&str, Coding)], fields: Vec<Field>, safe: bool) -> String {
        let columns = headers.iter().map(|(header, coding)| Column::plain(*header, *coding, Kind::Text));
        let options = WriteOptions { spreadsheet_safe: safe, ..WriteOptions::default() };
        let format = CsvFormat::new(columns.collect(), b',', &options);
        let mut text = format.header();
        format.push_record(&mut text, &Record { fields, ..Record::default() });
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn cells_are_quoted_only_where_they_must_be() {
        use Coding::{List, Prose, Single};
        let fields = vec![
            Field::single("a", json!("x, \"y\"")),
            Field::list("l", vec![json!("1;2"), json!(3)]),
            Field::list("p", vec![json!("one"), json!("two")]),
            Field::single("n", serde_json::from_str("1.50").unwrap()),
            Field::list("e", vec![json!("")]),
        ];
        let text =
            written(&[("a", Single), ("l", List), ("p", Prose), ("n", Single), ("e", List)], fields, false);
        assert_eq!(
            text,
            "a,l,p,n,e\n\"x, \"\"y\"\"\",\"\"\"1;2\"\";3\",\"[\"\"one\"\",\"\"two\"\"]\",1.50,\n"
        );
        assert_eq!(written(&[("a", Single)], vec![], false), "a\n\"\"\n");
        assert_eq!(written(&[("a;b", Single), ("sep=,", Single)], vec![], false), "\"a;b\",\"sep=,\"\n,\n");
    }

    #[test]
    fn formulas_are_guarded_where_asked() {
        let fields = || vec![Field::single("a", json!("=1+1"))];
        assert_eq!(written(&[("a", Coding::Single)], fields(), true), "a\n'=1+1\n");
        assert_eq!(written(&[("a", Coding::Single)], fields(), false), "a\n=1+1\n");
    }
}
