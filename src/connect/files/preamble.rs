//! Text above the header of a CSV file: the header row is the first line that has certain cells.
//!
//! Exports begin with notes, titles and dates that are no rows. What of them is meant is not guessed: the header
//! is looked for only where its cells are given (`--header-row`, or `header_row` of a mapping). Lines are looked at
//! one by one, so that an odd quote in the notes swallows nothing.

use super::scan::{Dialect, Scan};

/// The header is one of so many first lines.
pub(super) const LINES: usize = 200;

/// Where a header row is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes above it.
    pub(super) bytes: usize,
    /// Lines above it.
    pub(super) lines: u64,
    /// What separates its cells.
    pub(super) delimiter: u8,
}

/// The first line of a text that has all these cells, in any order, outer blanks aside. Of several separators the
/// one that makes the most cells of it is taken.
pub(super) fn find(text: &[u8], at_end: bool, cells: &[String], delimiters: &[u8]) -> Option<Header> {
    let mut bytes = 0;
    for lines in 0..LINES as u64 {
        let rest = text.get(bytes..).filter(|rest| !rest.is_empty())?;
        let width = |delimiter: &u8| {
            let row = row(rest, at_end, *delimiter)?;
            let has = |cell: &String| row.iter().any(|one| one.trim() == cell.trim());
            cells.iter().all(has).then_some((row.len(), *delimiter))
        };
        // Of as many cells the first separator.
        let best = delimiters.iter().rev().filter_map(width).max_by_key(|(width, _)| *width);
        if let Some((_, delimiter)) = best {
            return Some(Header { bytes, lines, delimiter });
        }
        bytes += line(rest);
    }
    None
}

/// The cells of the record that a text begins with.
fn row(text: &[u8], at_end: bool, delimiter: u8) -> Option<Vec<String>> {
    let mut json = Vec::new();
    match Dialect::new(delimiter).scan(text, at_end, &mut json) {
        Scan::Record(extent) if extent.junk.is_none() => serde_json::from_slice(&json).ok(),
        _ => None,
    }
}

/// The bytes of a line with its end.
fn line(text: &[u8]) -> usize {
    let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else { return text.len() };
    end + if text[end..].starts_with(b"\r\n") { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::CANDIDATES;
    use super::*;

    #[test]
    fn the_header_is_the_first_line_with_its_cells() {
        let cases = [
            ("a,b\n1,2\n", &["a"][..], Some((0, 0, b','))),
            ("Notes:\n\"see a, b\"\n\na,b\n1,2\n", &["a", "b"], Some((19, 3, b','))),
            ("Report of; 3 May\r\n\r\nb; a ;c\r\n", &["a", "b"], Some((20, 2, b';'))),
            ("an odd \"quote\n\"and another\na|b\n", &["a", "b"], Some((27, 2, b'|'))),
            ("x\r\ra\tb", &["b"], Some((3, 2, b'\t'))),
            ("x\n\"a\",\"b\nc\"\n", &["a"], Some((2, 1, b','))),
            ("x\na\n1\n", &["a"], Some((2, 1, b','))),
            ("x\na,b\n", &["A"], None),
            ("x\na,b\n", &["a", "c"], None),
            ("", &["a"], None),
            ("\n\n", &["a"], None),
        ];
        for (text, cells, expected) in cases {
            let cells: Vec<_> = cells.iter().map(|cell| (*cell).to_owned()).collect();
            let found = find(text.as_bytes(), true, &cells, &CANDIDATES);
            let found = found.map(|header| (header.bytes, header.lines, header.delimiter));
            assert_eq!(found, expected, "{text:?} {cells:?}");
        }
        let deep = format!("{}a,b\n", "x\n".repeat(LINES));
        assert_eq!(find(deep.as_bytes(), true, &["a".to_owned()], &CANDIDATES), None);
    }
}
