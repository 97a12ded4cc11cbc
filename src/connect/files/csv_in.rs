//! Reading CSV and TSV: rows as JSON arrays of texts, bad rows apart, in bounded memory.
//!
//! The text comes from [`TextSource`], records from [`Dialect::scan`]. A row is bad when it has another number
//! of cells than the header, other than empty ones, text after a closing quote, or bytes that are no text. Empty lines
//! are no rows. NUL
//! is a character like any other. A quote that is never closed ends the reading, since nobody can say where its
//! row would have ended.

use super::block::{Block, Shape};
use super::dialect;
use super::headers::{Headers, unique};
use super::preamble;
use super::scan::{CELL_LIMIT, Dialect, Extent, Nothing, Scan};
use super::text::TextSource;
use super::{FileEndpoint, Format, ReadOptions, Row, TableReader, guard};
use crate::error::{Error, Result};
use crate::record::schema::{FieldSpec, Schema};
use std::sync::Arc;

/// The most bytes a row may have; cells have their own limit.
const ROW_LIMIT: usize = 2 * CELL_LIMIT;

/// About so much text is handed over in a block.
const BLOCK: usize = 512 * 1024;

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
    shape: Arc<Shape>,
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
            shape: Arc::new(Shape { dialect: Dialect::new(b','), columns: 0, encoding: "" }),
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
        let delimiter = reader.choose_delimiter(endpoint.format, given, &options.header_row)?;
        reader.shape = reader.shaped(delimiter, 0);
        let separator =
            if delimiter == b'\t' { "tabs".into() } else { format!("`{}`", char::from(delimiter)) };
        let said = format!("`{}`: {encoding}, cells separated by {separator}", reader.name);
        reader.notices.insert(0, said);
        reader.read_header(options)?;
        reader.shape = reader.shaped(delimiter, reader.schema.fields.len());
        Ok(reader)
    }

    fn shaped(&self, delimiter: u8, columns: usize) -> Arc<Shape> {
        Arc::new(Shape { dialect: Dialect::new(delimiter), columns, encoding: self.text.encoding() })
    }

    /// What separates the cells; the header is then at `self.at`.
    fn choose_delimiter(&mut self, format: Format, given: Option<u8>, header: &[String]) -> Result<u8> {
        let mut known = given;
        if format == Format::Csv
            && let Some((delimiter, bytes)) = dialect::sep_line(&self.buffer)
        {
            self.at = bytes;
            self.line += 1;
            known = given.or(Some(delimiter));
        }
        let known = known.or((format == Format::Tsv).then_some(b'\t'));
        if header.is_empty() {
            return Ok(known.unwrap_or_else(|| dialect::detect(&self.buffer, self.ended)));
        }
        let candidates = known.map_or(dialect::CANDIDATES.to_vec(), |delimiter| vec![delimiter]);
        let Some(found) = preamble::find(&self.buffer[self.at..], self.ended, header, &candidates) else {
            return Err(self.no_header(header));
        };
        self.at += found.bytes;
        self.line += found.lines;
        if found.lines > 0 {
            self.notices.push(format!("`{}`: the header is in line {}", self.name, self.line));
        }
        Ok(found.delimiter)
    }

    fn no_header(&self, header: &[String]) -> Error {
        let cells: Vec<_> = header.iter().map(|cell| format!("`{cell}`")).collect();
        let what = format!(
            "`{}`: none of the first {} lines has the cells {} of the header row",
            self.name,
            preamble::LINES,
            cells.join(", ")
        );
        Error::input(what)
            .hint("give cells as they stand there, in `--header-row` or in `header_row` of the mapping")
    }

    fn read_header(&mut self, options: &ReadOptions) -> Result<()> {
        let Some((extent, json)) = self.next_record()? else {
            return Err(Error::input(format!("`{}` is empty: it has no header", self.name))
                .hint("the first line names the columns"));
        };
        let start = self.at - extent.bytes;
        let line = self.line - extent.lines;
        if let Some(reason) = self.shape.defect(&self.buffer[start..], &extent, line) {
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
            match self.shape.dialect.scan(&self.buffer[self.at..], self.ended, &mut json) {
                Scan::End => return Ok(None),
                Scan::More => self.fill()?,
                Scan::Blank(bytes) => {
                    self.at += bytes;
                    self.line += 1;
                }
                Scan::Record(extent) if extent.bytes > ROW_LIMIT => return Err(self.too_long()),
                Scan::Record(extent) => {
                    self.at += extent.bytes;
                    self.line += extent.lines;
                    self.typical = json.len();
                    return Ok(Some((extent, json)));
                }
                Scan::Open(cell) => return Err(self.never_closed(cell)),
                Scan::Huge(cell) => return Err(self.cell_too_long(cell)),
            }
        }
    }

    /// Counts the records from here on that make about [`BLOCK`] bytes: their bytes, rows and line ends.
    fn measure(&mut self) -> Result<(usize, u64, u64)> {
        let (mut bytes, mut rows, mut lines) = (0, 0, 0);
        while bytes < BLOCK {
            match self.shape.dialect.read(&self.buffer[self.at + bytes..], self.ended, &mut Nothing) {
                Scan::End => break,
                // What is whole goes first; the rest is looked at again with more behind it.
                Scan::More if rows > 0 => break,
                Scan::More => self.fill()?,
                Scan::Blank(more) => {
                    bytes += more;
                    lines += 1;
                }
                Scan::Record(extent) if extent.bytes > ROW_LIMIT => return Err(self.too_long()),
                Scan::Record(extent) => {
                    bytes += extent.bytes;
                    rows += 1;
                    lines += extent.lines;
                }
                stop @ (Scan::Open(_) | Scan::Huge(_)) => {
                    self.at += bytes;
                    self.line += lines;
                    return Err(match stop {
                        Scan::Open(cell) => self.never_closed(cell),
                        Scan::Huge(cell) => self.cell_too_long(cell),
                        _ => self.too_long(),
                    });
                }
            }
        }
        Ok((bytes, rows, lines))
    }

    fn never_closed(&self, cell: usize) -> Error {
        let place = self.place(self.at, cell);
        Error::input(format!("`{}`: the quote at {place} is never closed", self.name))
            .hint("close it, or double it (`\"\"`) if it belongs to the text")
    }

    fn cell_too_long(&self, cell: usize) -> Error {
        let (place, limit) = (self.place(self.at, cell), CELL_LIMIT >> 20);
        Error::input(format!("`{}`: the cell at {place} is longer than {limit} MiB", self.name))
            .hint("a closing quote may be missing")
    }

    /// Reads more text behind what is there.
    fn fill(&mut self) -> Result<()> {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        if self.buffer.len() > ROW_LIMIT {
            return Err(self.too_long());
        }
        // A record that is not whole is scanned again from its start, so the text at least doubles.
        let enough = (2 * self.buffer.len()).max(BLOCK);
        while !self.ended {
            self.ended = !self.text.fill(&mut self.buffer)?;
            if self.buffer.len() > enough {
                break;
            }
        }
        Ok(())
    }

    fn too_long(&self) -> Error {
        let limit = ROW_LIMIT >> 20;
        Error::input(format!("`{}`: the row at line {} is longer than {limit} MiB", self.name, self.line))
    }

    /// Line and column of a byte of the record that begins at `start` and is not yet counted in `self.line`.
    fn place(&self, start: usize, offset: usize) -> String {
        place(&self.buffer[start..], offset, self.line)
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
            let Some((extent, mut json)) = self.next_record()? else { break };
            self.row += 1;
            let (row, line) = (self.row, self.line - extent.lines);
            let columns = self.schema.fields.len();
            let fits = extent.junk.is_none()
                && (extent.cells == columns || made_to_fit(&mut json, extent.cells, columns));
            rows.push(match String::from_utf8(json) {
                Ok(raw) if fits => Row::Good { row, line, raw },
                _ => {
                    let record = &self.buffer[self.at - extent.bytes..];
                    self.shape.bad(record, &extent, row, line)
                }
            });
        }
        Ok(rows)
    }

    fn next_block(&mut self) -> Result<Option<Block>> {
        let (bytes, rows, lines) = self.measure()?;
        if rows == 0 {
            return Ok(None);
        }
        let text = self.buffer[self.at..self.at + bytes].to_vec();
        let block = Block { text, row: self.row + 1, line: self.line, shape: Arc::clone(&self.shape) };
        self.at += bytes;
        self.row += rows;
        self.line += lines;
        Ok(Some(block))
    }
}

/// Gives a row's JSON as many cells as there are columns, if nothing is lost by it: what is too much is empty, or all
/// cells are, however many. Spreadsheets leave such behind.
fn made_to_fit(json: &mut Vec<u8>, cells: usize, columns: usize) -> bool {
    const EMPTY: &[u8] = b",\"\"";
    let Some((_, mut kept)) = json.split_last() else { return false };
    // No text of a cell ends like that: quotes in it are escaped.
    for _ in columns..cells {
        let Some(shorter) = kept.strip_suffix(EMPTY) else { return false };
        kept = shorter;
    }
    let short = columns.saturating_sub(cells);
    // Shorter than that no cells can be, so they are all empty.
    if short > 0 && json.len() > EMPTY.len() * cells + 1 {
        return false;
    }
    json.truncate(kept.len());
    json.extend_from_slice(&EMPTY.repeat(short));
    json.push(b']');
    true
}

/// Line and column (in characters, from 1) of a byte of a record that begins on `line`.
pub(super) fn place(record: &[u8], offset: usize, line: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::files::Compression;

    fn open(bytes: &[u8], options: &ReadOptions) -> Result<CsvReader> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, bytes).unwrap();
        let endpoint = FileEndpoint { path, format: Format::Csv, compression: Compression::None };
        CsvReader::open(&endpoint, options)
    }

    /// Row, line and raw of good rows; row, line and reason of bad ones.
    fn read(bytes: &[u8]) -> Vec<(u64, u64, String)> {
        let rows = open(bytes, &ReadOptions::default()).unwrap().next_rows(1_000_000).unwrap();
        let shown = |row| match row {
            Row::Good { row, line, raw } => (row, line, raw),
            Row::Bad { row, line, reason, .. } => (row, line, reason),
        };
        rows.into_iter().map(shown).collect()
    }

    fn error(bytes: &[u8]) -> String {
        let result = open(bytes, &ReadOptions::default()).and_then(|mut reader| reader.next_rows(1_000_000));
        let error = result.unwrap_err();
        assert_eq!(error.class(), crate::error::Class::Input);
        error.to_string()
    }

    #[test]
    fn rows_know_their_number_and_line() {
        let rows = read(b"a;b\r\n\r\n1;\"x\r\ny\"\r\n2;\"z\"\r\n\r\n");
        assert_eq!(rows, [(1, 3, r#"["1","x\r\ny"]"#.into()), (2, 5, r#"["2","z"]"#.into())]);
        assert_eq!(read(b"a,b\n"), []);
        assert_eq!(read(b"a,b"), []);
        assert_eq!(read(b"sep=|\na,x|b\n1|2"), [(1, 3, r#"["1","2"]"#.into())]);
    }

    #[test]
    fn broken_rows_are_placed_and_the_rest_goes_on() {
        let rows = read("a,b\n1,\"é\"y\n2,\"x\ny\" z\n3\n4,ok\n".as_bytes());
        let text = "text after the closing quote of the cell that begins at";
        assert_eq!(
            rows,
            [
                (1, 2, format!("line 2, column 6: {text} line 2, column 3")),
                (2, 3, format!("line 4, column 3: {text} line 3, column 3")),
                (3, 5, "line 5: 1 cell where the header has 2".into()),
                (4, 6, r#"["4","ok"]"#.into()),
            ]
        );
    }

    #[test]
    fn empty_cells_too_many_break_no_row() {
        let rows = read(b"a,b\n1,2,,\"\"\n\"x,\",\"\"\"\",\n3,,,4\n,,,\n\"\"\n5\n1,\"\"x,\n,\n");
        let text = "text after the closing quote of the cell that begins at line 8, column 3";
        assert_eq!(
            rows,
            [
                (1, 2, r#"["1","2"]"#.into()),
                (2, 3, r#"["x,","\""]"#.into()),
                (3, 4, "line 4: 4 cells where the header has 2".into()),
                (4, 5, r#"["",""]"#.into()),
                (5, 6, r#"["",""]"#.into()),
                (6, 7, "line 7: 1 cell where the header has 2".into()),
                (7, 8, format!("line 8, column 5: {text}")),
                (8, 9, r#"["",""]"#.into()),
            ]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_a_bad_row_wherever_they_stand() {
        let mut text = "naïve,é\n".repeat(200_000).into_bytes();
        text.extend_from_slice(b"x,\xE9\nlast,row\n");
        let rows = read(&text);
        assert_eq!(rows.len(), 200_001);
        let reason = "line 200001, column 3: bytes that are no UTF-8 text";
        assert_eq!(rows[199_999], (200_000, 200_001, reason.into()));
        assert_eq!(rows[200_000].2, r#"["last","row"]"#);
        let surrogate = b"\xFF\xFEa\0\n\0\x00\xDC\n\0b\0\n\0";
        let rows = read(surrogate);
        assert_eq!(rows[0].2, "line 2, column 1: bytes that are no UTF-16LE text");
        assert_eq!(rows[1].2, r#"["b"]"#);
    }

    #[test]
    fn what_cannot_be_read_at_all_is_wrong_input() {
        let open = "`a.csv`: the quote at line 3, column 4 is never closed";
        assert_eq!(error("a,b\n1,2\né3,\"x\n4,5\n".as_bytes()), open);
        assert_eq!(error(b"a,\"b\n"), "`a.csv`: the quote at line 1, column 3 is never closed");
        let no_header = "`a.csv` is empty: it has no header";
        for text in ["", "\n\r\n", "\u{feff}"] {
            assert_eq!(error(text.as_bytes()), no_header);
        }
        let long = [b"a,b\n1,".as_slice(), &vec![b'x'; CELL_LIMIT + 1], b"\n"].concat();
        assert_eq!(error(&long), "`a.csv`: the cell at line 2, column 3 is longer than 16 MiB");
        let wide = [b"a\n".as_slice(), &b"xxxxxxx,".repeat(5 << 20)].concat();
        assert_eq!(error(&wide), "`a.csv`: the row at line 2 is longer than 32 MiB");
        assert!(error(b"\"a\"b,c\n").contains("the header is broken: line 1, column 4"));
    }

    #[test]
    fn what_stands_above_the_header_row_is_passed_over() {
        let options = ReadOptions { header_row: vec!["a".into(), "b".into()], ..ReadOptions::default() };
        let mut reader = open(b"Notes:\n\"one; two, three\"\n\na;b\n1;2\n3\n", &options).unwrap();
        let notices = ["`a.csv`: UTF-8, cells separated by `;`", "`a.csv`: the header is in line 4"];
        assert_eq!(reader.notices(), notices);
        let rows = reader.next_rows(9).unwrap();
        assert_eq!(rows[0], Row::Good { row: 1, line: 5, raw: r#"["1","2"]"#.into() });
        assert!(matches!(&rows[1], Row::Bad { row: 2, line: 6, .. }));
        let cause = open(b"sep=;\na,b\n", &options).map(|_| ()).unwrap_err().to_string();
        assert_eq!(cause, "`a.csv`: none of the first 200 lines has the cells `a`, `b` of the header row");
    }

    #[test]
    fn flags_stand_above_what_is_detected() {
        let options = ReadOptions {
            delimiter: Some(';'),
            encoding: Some("windows-1252".into()),
            spreadsheet_safe: true,
            ..ReadOptions::default()
        };
        let mut reader = open(b"sep=,\n'=a;x,y\n\xE9;'=1\n", &options).unwrap();
        let names: Vec<_> = reader.schema().fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["=a", "x,y"]);
        assert_eq!(reader.notices(), ["`a.csv`: windows-1252 as given, cells separated by `;`"]);
        let rows = reader.next_rows(9).unwrap();
        assert_eq!(rows, [Row::Good { row: 1, line: 3, raw: "[\"é\",\"'=1\"]".into() }]);
        assert!(open(b"a", &ReadOptions { delimiter: Some('"'), ..ReadOptions::default() }).is_err());
    }
}
