//! What separates the cells of a CSV file: `--delimiter`, a `sep=;` line, or the header and first rows.

use super::scan::{Dialect, Scan};
use crate::error::{Error, Result};

/// The separators that are looked for, in order of preference.
pub(super) const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The most records that are looked at.
const SAMPLE: usize = 100;

/// A separator given by the user.
///
/// # Errors
/// When it cannot be one.
pub(super) fn given(delimiter: char) -> Result<u8> {
    match u8::try_from(delimiter) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => Ok(byte),
        _ => Err(Error::input(format!("`{}` cannot separate cells", delimiter.escape_default()))
            .hint("`,`, `;`, `|`, a tab or another ASCII character")),
    }
}

/// A first line `sep=;`, as Excel writes and reads it: the separator, and the line's bytes. A quoted one is a
/// header like any other.
pub(super) fn sep_line(text: &[u8]) -> Option<(u8, usize)> {
    let [s, e, p, b'=', delimiter, end @ ..] = text else { return None };
    if ![*s, *e, *p].eq_ignore_ascii_case(b"sep") || given(char::from(*delimiter)).is_err() {
        return None;
    }
    match end {
        [b'\r', b'\n', ..] => Some((*delimiter, 7)),
        [b'\r' | b'\n', ..] => Some((*delimiter, 6)),
        [] => Some((*delimiter, 5)),
        _ => None,
    }
}

/// The separator with which the header has several cells and the most rows have as many; more cells win a tie.
/// `,` where the header is one cell whichever way it is read.
pub(super) fn detect(text: &[u8], at_end: bool) -> u8 {
    let mut best = (b',', 0, 1);
    for delimiter in CANDIDATES {
        let widths = widths(text, at_end, &Dialect::new(delimiter));
        let Some((header, rows)) = widths.split_first() else { continue };
        if *header < 2 {
            continue;
        }
        let fitting = rows.iter().filter(|width| *width == header).count();
        let share = if rows.is_empty() { 1000 } else { fitting * 1000 / rows.len() };
        // The first candidate with a header at all beats none, even if no row fits.
        if best.2 == 1 || (share, *header) > (best.1, best.2) {
            best = (delimiter, share, *header);
        }
    }
    best.0
}

/// Cells of each of the first records.
fn widths(mut text: &[u8], at_end: bool, dialect: &Dialect) -> Vec<usize> {
    let mut widths = Vec::new();
    let mut scratch = Vec::new();
    while widths.len() < SAMPLE {
        scratch.clear();
        match dialect.scan(text, at_end, &mut scratch) {
            Scan::Blank(bytes) => text = &text[bytes..],
            Scan::Record(extent) => {
                widths.push(extent.cells);
                text = &text[extent.bytes..];
            }
            Scan::End | Scan::More | Scan::Open(_) | Scan::Huge(_) => break,
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_found_outside_quotes() {
        let cases = [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n", b';'),
            ("a\tb\n1\t2", b'\t'),
            ("a|b|c\n1|2|3\n", b'|'),
            ("name\nByron, Ada\n", b','),
            ("\"a;b\",c\n1;2,3\n", b','),
            ("Last, First;Email;Phone\nByron, Ada;a@b;1\nKing;c@d;2\n", b';'),
            ("name,notes\nx,a;b;c\ny,d\n", b','),
            ("\na;b;c\n1;2;3\n", b';'),
            ("a,b\n\"1,2\n", b','),
            ("a;b;c\n1;2\n", b';'),
            ("", b','),
        ];
        for (text, expected) in cases {
            assert_eq!(char::from(detect(text.as_bytes(), true)), char::from(expected), "{text:?}");
        }
    }

    #[test]
    fn a_sep_line_is_known() {
        assert_eq!(sep_line(b"sep=;\r\na;b"), Some((b';', 7)));
        assert_eq!(sep_line(b"SEP=\t\na"), Some((b'\t', 6)));
        for text in ["sep=;x\n", "\"sep=;\"\n", "sep=\"\n", "sep=", "separate,x\n"] {
            assert_eq!(sep_line(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn only_plain_characters_separate() {
        assert_eq!(given('^').unwrap(), b'^');
        for bad in ['"', '\n', 'é', '\0'] {
            assert!(given(bad).is_err());
        }
    }
}
