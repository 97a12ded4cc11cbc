//! One CSV record out of a buffer: its cells, its extent, and what is wrong with it.
//!
//! Pure and without state: a record that is not whole in the buffer is asked for again with more. The rules are
//! RFC 4180's, read strictly where leniency would silently alter data: a quoted cell ends at its quote, text
//! after it makes the record bad, and a quote that is never closed is reported instead of swallowing the rest
//! of the file (the widespread `csv` crate does both without a word). Lines end with LF, CRLF or CR. A quote inside
//! an unquoted cell is a plain character. Bytes that are no UTF-8 pass through; the caller checks.

use super::json_text;

/// The most bytes a cell may have.
pub(super) const CELL_LIMIT: usize = 16 * 1024 * 1024;

/// What a buffer begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scan {
    /// Nothing more.
    End,
    /// Part of a record, or one whose end depends on what follows.
    More,
    /// An empty line of so many bytes.
    Blank(usize),
    /// A record; the sink has its cells.
    Record(Extent),
    /// The text ends inside the quoted cell that begins at this byte.
    Open(usize),
    /// The cell that begins at this byte is longer than [`CELL_LIMIT`].
    Huge(usize),
}

/// How far a record goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes of the record without its line end.
    pub(super) text: usize,
    /// Bytes of the record with its line end.
    pub(super) bytes: usize,
    /// Cells found.
    pub(super) cells: usize,
    /// Line ends, that of the record included.
    pub(super) lines: u64,
    /// Where text follows a closing quote: the first byte of that text, and of the cell.
    pub(super) junk: Option<(usize, usize)>,
}

/// Takes the cells of a record as they are read. After a scan that found no record, what was taken is of no use.
pub(super) trait Sink {
    /// A cell begins.
    fn begin(&mut self);
    /// The cell goes on with bytes that need no escape anywhere.
    fn run(&mut self, bytes: &[u8]);
    /// The cell goes on with this byte.
    fn byte(&mut self, byte: u8);
    /// The cell ends.
    fn end(&mut self);
}

/// Cells as the texts of a JSON array, without its brackets.
pub(super) struct Json<'a>(pub(super) &'a mut Vec<u8>);

/// Cells that nobody wants: only the extent counts.
pub(super) struct Nothing;

impl Sink for Json<'_> {
    fn begin(&mut self) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
    }

    fn run(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn byte(&mut self, byte: u8) {
        json_text::push_byte(self.0, byte);
    }

    fn end(&mut self) {
        self.0.push(b'"');
    }
}

impl Sink for Nothing {
    fn begin(&mut self) {}
    fn run(&mut self, _: &[u8]) {}
    fn byte(&mut self, _: u8) {}
    fn end(&mut self) {}
}

/// What separates cells, made into a table for the scanner.
pub(super) struct Dialect {
    classes: [Class; 256],
    delimiter: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Delimiter,
    Quote,
    Lf,
    Cr,
    /// Needs an escape in JSON.
    Escape,
}

impl Dialect {
    /// Cells separated by `delimiter`, an ASCII character that is no quote and no line end.
    pub(super) fn new(delimiter: u8) -> Self {
        let mut classes = [Class::Plain; 256];
        classes[..0x20].fill(Class::Escape);
        classes[usize::from(b'\\')] = Class::Escape;
        classes[usize::from(b'"')] = Class::Quote;
        classes[usize::from(b'\n')] = Class::Lf;
        classes[usize::from(b'\r')] = Class::Cr;
        classes[usize::from(delimiter)] = Class::Delimiter;
        Self { classes, delimiter }
    }

    /// How many plain bytes stand at the front.
    fn plain(&self, bytes: &[u8]) -> usize {
        let mut at = 0;
        // Eight at a time: the lowest of those that are not plain is marked, whatever is marked above it.
        while let Some(eight) = bytes[at..].first_chunk() {
            let word = u64::from_le_bytes(*eight);
            let marked =
                below(word, 0x20) | equal(word, b'\\') | equal(word, b'"') | equal(word, self.delimiter);
            if marked != 0 {
                return at + marked.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        let plain = |byte: &u8| self.classes[usize::from(*byte)] == Class::Plain;
        at + bytes[at..].iter().position(|byte| !plain(byte)).unwrap_or(bytes.len() - at)
    }

    /// Reads what `buffer` begins with as [`Dialect::read`] does. A record's cells are appended to `json`, which
    /// has to be empty, as a JSON array of texts; after any other answer `json` holds nothing of use.
    pub(super) fn scan(&self, buffer: &[u8], at_end: bool, json: &mut Vec<u8>) -> Scan {
        json.push(b'[');
        let scan = self.read(buffer, at_end, &mut Json(json));
        json.push(b']');
        scan
    }

    /// Reads what `buffer` begins with; `at_end` says that nothing follows it. A record's cells go to `sink`.
    pub(super) fn read(&self, buffer: &[u8], at_end: bool, sink: &mut impl Sink) -> Scan {
        match buffer {
            [] if at_end => return Scan::End,
            [b'\n', ..] => return Scan::Blank(1),
            [b'\r', b'\n', ..] => return Scan::Blank(2),
            [b'\r', _, ..] => return Scan::Blank(1),
            [b'\r'] if at_end => return Scan::Blank(1),
            [] | [b'\r'] => return Scan::More,
            _ => {}
        }
        let mut reading = Reading { dialect: self, buffer, at_end, sink, at: 0, lines: 0, junk: None };
        match reading.record() {
            Ok(extent) => Scan::Record(extent),
            Err(stop) => stop,
        }
    }
}

/// The same byte eight times.
const fn eightfold(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks, in its highest bit, the lowest byte of a word that is less than `limit` (at most 0x80), and none below it.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(eightfold(limit)) & !word & eightfold(0x80)
}

/// The same for the lowest byte that is `byte`.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ eightfold(byte), 1)
}

/// A record being read.
struct Reading<'a, S> {
    dialect: &'a Dialect,
    buffer: &'a [u8],
    at_end: bool,
    sink: &'a mut S,
    at: usize,
    lines: u64,
    junk: Option<(usize, usize)>,
}

impl<S: Sink> Reading<'_, S> {
    fn record(&mut self) -> Result<Extent, Scan> {
        let mut cells = 0;
        loop {
            let start = self.at;
            self.sink.begin();
            if self.buffer.get(start) == Some(&b'"') {
                self.at += 1;
                self.quoted(start)?;
            }
            self.unquoted(start)?;
            self.sink.end();
            cells += 1;
            if self.at - start > CELL_LIMIT {
                return Err(Scan::Huge(start));
            }
            match self.line_end()? {
                Some(length) => {
                    let (text, bytes) = (self.at, self.at + length);
                    let lines = self.lines + u64::from(length > 0);
                    return Ok(Extent { text, bytes, cells, lines, junk: self.junk });
                }
                // A delimiter; another cell follows, if only an empty one at the very end.
                None => self.at += 1,
            }
        }
    }

    /// Reads up to the closing quote and past it.
    fn quoted(&mut self, start: usize) -> Result<(), Scan> {
        loop {
            let Some(&byte) = self.buffer.get(self.at) else {
                return Err(self.starved(start, Scan::Open(start)));
            };
            match self.dialect.classes[usize::from(byte)] {
                Class::Plain => self.run(),
                Class::Quote => match self.buffer.get(self.at + 1) {
                    Some(b'"') => {
                        self.sink.byte(b'"');
                        self.at += 2;
                    }
                    None if !self.at_end => return Err(Scan::More),
                    next => {
                        self.at += 1;
                        let ends = next.is_none_or(|next| {
                            matches!(
                                self.dialect.classes[usize::from(*next)],
                                Class::Delimiter | Class::Lf | Class::Cr
                            )
                        });
                        if !ends && self.junk.is_none() {
                            self.junk = Some((self.at, start));
                        }
                        return Ok(());
                    }
                },
                class => {
                    // CR LF is one line end, counted at the LF.
                    let counted = match class {
                        Class::Lf => true,
                        Class::Cr => self.buffer.get(self.at + 1) != Some(&b'\n'),
                        _ => false,
                    };
                    self.lines += u64::from(counted);
                    self.sink.byte(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// Reads up to the next delimiter or line end.
    fn unquoted(&mut self, start: usize) -> Result<(), Scan> {
        loop {
            let Some(&byte) = self.buffer.get(self.at) else {
                return if self.at_end { Ok(()) } else { Err(self.starved(start, Scan::More)) };
            };
            match self.dialect.classes[usize::from(byte)] {
                Class::Plain => self.run(),
                Class::Delimiter | Class::Lf | Class::Cr => return Ok(()),
                Class::Quote | Class::Escape => {
                    self.sink.byte(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// Copies plain bytes, the bulk of every file, in one go.
    fn run(&mut self) {
        let rest = &self.buffer[self.at..];
        let length = self.dialect.plain(rest);
        self.sink.run(&rest[..length]);
        self.at += length;
    }

    /// The length of the line end here; none at a delimiter.
    fn line_end(&self) -> Result<Option<usize>, Scan> {
        match self.buffer.get(self.at..) {
            None | Some([]) => Ok(Some(0)),
            Some([b'\n', ..]) => Ok(Some(1)),
            Some([b'\r', b'\n', ..]) => Ok(Some(2)),
            Some([b'\r']) if !self.at_end => Err(Scan::More),
            Some([b'\r', ..]) => Ok(Some(1)),
            Some(_) => Ok(None),
        }
    }

    /// What it means that the buffer ends inside a cell.
    fn starved(&self, start: usize, at_end: Scan) -> Scan {
        match () {
            () if self.buffer.len() - start > CELL_LIMIT => Scan::Huge(start),
            () if self.at_end => at_end,
            () => Scan::More,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(text: &str) -> (Scan, String) {
        let mut json = Vec::new();
        let scan = Dialect::new(b',').scan(text.as_bytes(), true, &mut json);
        (scan, String::from_utf8(json).unwrap())
    }

    fn extent(text: usize, bytes: usize, cells: usize, lines: u64) -> Scan {
        Scan::Record(Extent { text, bytes, cells, lines, junk: None })
    }

    #[test]
    fn records_are_read_strictly() {
        let cases = [
            ("a,b\nc", extent(3, 4, 2, 1), r#"["a","b"]"#),
            ("a,b\r\nc", extent(3, 5, 2, 1), r#"["a","b"]"#),
            ("a,b\rc", extent(3, 4, 2, 1), r#"["a","b"]"#),
            ("a,", extent(2, 2, 2, 0), r#"["a",""]"#),
            ("\"\"\n", extent(2, 3, 1, 1), r#"[""]"#),
            ("\"a,\"\"b\"\"\r\nc\r\",d\n", extent(15, 16, 2, 3), r#"["a,\"b\"\r\nc\r","d"]"#),
            ("5\" pipe,\\x\t\0\n", extent(12, 13, 2, 1), r#"["5\" pipe","\\x\t\u0000"]"#),
            ("é,\u{4e2d}", extent(6, 6, 2, 0), "[\"é\",\"\u{4e2d}\"]"),
        ];
        for (text, expected, json) in cases {
            assert_eq!(scan(text), (expected, json.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn what_is_broken_is_placed() {
        assert_eq!(scan("a,\"b\nc").0, Scan::Open(2));
        assert_eq!(scan("").0, Scan::End);
        assert_eq!(scan("\r\nx").0, Scan::Blank(2));
        let junk = Extent { text: 6, bytes: 7, cells: 2, lines: 1, junk: Some((3, 0)) };
        assert_eq!(scan("\"x\"y,z\n").0, Scan::Record(junk));
    }

    #[test]
    fn every_cut_asks_for_more_or_reads_the_same() {
        let text = "ab,\"c\"\"d\r\ne\",f\r\nrest";
        let whole = scan(text).0;
        for cut in 0..16 {
            let found = Dialect::new(b',').scan(&text.as_bytes()[..cut], false, &mut Vec::new());
            assert_eq!(found, Scan::More, "{cut}");
        }
        let found = Dialect::new(b',').scan(&text.as_bytes()[..16], false, &mut Vec::new());
        assert_eq!(found, whole);
    }

    /// Cells of all records; none where something is broken.
    fn records(text: &str) -> Option<Vec<Vec<String>>> {
        let (mut rest, mut records) = (text.as_bytes(), Vec::new());
        loop {
            let mut json = Vec::new();
            match Dialect::new(b',').scan(rest, true, &mut json) {
                Scan::End => return Some(records),
                Scan::Blank(bytes) => rest = &rest[bytes..],
                Scan::Record(extent) if extent.junk.is_none() => {
                    records.push(serde_json::from_slice(&json).unwrap());
                    rest = &rest[extent.bytes..];
                }
                Scan::Record(_) | Scan::More | Scan::Open(_) | Scan::Huge(_) => return None,
            }
        }
    }

    proptest! {
        #[test]
        fn plain_bytes_are_counted_eight_at_a_time_as_one_by_one(
            bytes in prop::collection::vec(prop_oneof![Just(b'a'), Just(0x80), Just(0x21), any::<u8>()], 0..40),
        ) {
            for delimiter in [b',', b'\t', b'|'] {
                let dialect = Dialect::new(delimiter);
                let plain = |byte: &u8| dialect.classes[usize::from(*byte)] == Class::Plain;
                let first = bytes.iter().position(|byte| !plain(byte)).unwrap_or(bytes.len());
                prop_assert_eq!(dialect.plain(&bytes), first);
            }
        }

        #[test]
        fn what_is_not_broken_is_read_as_the_csv_crate_reads_it(text in "[ab,\"\n\r]{0,24}") {
            let Some(found) = records(&text) else { return Ok(()) };
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let known: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(found, known);
        }

        #[test]
        fn a_cut_asks_for_more_or_changes_nothing(text in "[ab,\"\n\ré]{0,16}", cut: proptest::sample::Index) {
            let bytes = text.as_bytes();
            let cut = cut.index(bytes.len() + 1);
            let scan = |bytes, at_end| Dialect::new(b',').scan(bytes, at_end, &mut Vec::new());
            let found = scan(&bytes[..cut], false);
            prop_assert!(found == Scan::More || found == scan(bytes, true), "{:?}", found);
        }
    }

    #[test]
    fn a_cell_beyond_all_bounds_is_not_gathered() {
        let long = vec![b'x'; CELL_LIMIT + 2];
        assert_eq!(Dialect::new(b',').scan(&long, false, &mut Vec::new()), Scan::Huge(0));
        let quoted = [b"a,\"".as_slice(), &long].concat();
        assert_eq!(Dialect::new(b',').scan(&quoted, false, &mut Vec::new()), Scan::Huge(2));
    }
}
