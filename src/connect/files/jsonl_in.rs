//! Reading JSON Lines: an object a line, byte for byte; anything else is a bad row. Empty lines are no rows.

use super::text::TextSource;
use super::{FileEndpoint, ReadOptions, Row, TableReader};
use crate::error::{Error, Result};
use crate::record::schema::{FieldSpec, Schema};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::{HashSet, VecDeque};
use std::fmt;

/// How many lines the columns are taken from.
const SAMPLE_ROWS: usize = 1_000;

/// The most text that is kept for the same.
const SAMPLE_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes a line may have.
const LINE_LIMIT: usize = 32 * 1024 * 1024;

/// Keys by which the JSON parser knows what it has made itself.
const RESERVED: [&str; 2] = ["$serde_json::private::Number", "$serde_json::private::RawValue"];

/// A JSON Lines file being read.
pub(super) struct JsonlReader {
    name: String,
    text: TextSource,
    buffer: Vec<u8>,
    at: usize,
    /// Up to where `buffer` is known to hold no line end.
    searched: usize,
    ended: bool,
    line: u64,
    row: u64,
    /// Rows read ahead for the columns.
    ahead: VecDeque<Row>,
    /// Whether there is more than what was read ahead.
    goes_on: bool,
    schema: Schema,
    notices: Vec<String>,
}

impl JsonlReader {
    /// Opens a file and collects the columns of its first lines.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn open(endpoint: &FileEndpoint, options: &ReadOptions) -> Result<Self> {
        let (text, encoding) = TextSource::open(endpoint, options)?;
        let name = endpoint.name();
        let mut reader = Self {
            notices: vec![format!("`{name}`: {encoding}")],
            schema: Schema { of: name.clone(), ..Schema::default() },
            name,
            text,
            buffer: Vec::new(),
            at: 0,
            searched: 0,
            ended: false,
            line: 0,
            row: 0,
            ahead: VecDeque::new(),
            goes_on: true,
        };
        let (mut known, mut bytes) = (HashSet::new(), 0);
        while reader.ahead.len() < SAMPLE_ROWS && bytes < SAMPLE_BYTES {
            let Some(row) = reader.read_row()? else {
                reader.goes_on = false;
                break;
            };
            if let Row::Good { raw, .. } = &row {
                bytes += raw.len();
                let Keys(keys) = serde_json::from_str(raw).unwrap_or_default();
                for name in keys {
                    if known.insert(name.clone()) {
                        let field =
                            FieldSpec { name, modifiers: vec![String::new()], ..FieldSpec::default() };
                        reader.schema.fields.push(field);
                    }
                }
            }
            reader.ahead.push_back(row);
        }
        Ok(reader)
    }

    /// The next line that is not empty, without its end; `self.line` is its number.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            let end = match end {
                Some(found) => self.searched + found,
                None if !self.ended => {
                    self.fill()?;
                    continue;
                }
                None if self.at == self.buffer.len() => return Ok(None),
                None => self.buffer.len(),
            };
            let line = self.buffer[self.at..end].strip_suffix(b"\r").unwrap_or(&self.buffer[self.at..end]);
            let found = (!line.trim_ascii().is_empty()).then(|| line.to_vec());
            self.line += 1;
            self.at = (end + 1).min(self.buffer.len());
            self.searched = self.at;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.searched = self.buffer.len();
        if self.searched > LINE_LIMIT {
            return Err(Error::input(format!(
                "`{}`: line {} is longer than {} MiB",
                self.name,
                self.line + 1,
                LINE_LIMIT >> 20
            )));
        }
        self.ended = !self.text.fill(&mut self.buffer)?;
        Ok(())
    }

    fn read_row(&mut self) -> Result<Option<Row>> {
        let Some(bytes) = self.next_line()? else { return Ok(None) };
        self.row += 1;
        let (row, line) = (self.row, self.line);
        Ok(Some(match String::from_utf8(bytes) {
            Ok(raw) => match check(&raw) {
                Ok(()) => match reserved(&raw) {
                    None => Row::Good { row, line, raw },
                    Some(key) => {
                        let reason = format!("line {line}: the key `{key}` is the JSON parser's own");
                        Row::Bad { row, line, reason, raw }
                    }
                },
                Err(problem) => Row::Bad { row, line, reason: reason(line, &raw, &problem), raw },
            },
            Err(broken) => {
                let valid = &broken.as_bytes()[..broken.utf8_error().valid_up_to()];
                let column = String::from_utf8_lossy(valid).chars().count() + 1;
                let encoding = self.text.encoding();
                let reason = format!("line {line}, column {column}: bytes that are no {encoding} text");
                Row::Bad { row, line, reason, raw: String::from_utf8_lossy(broken.as_bytes()).into_owned() }
            }
        }))
    }
}

impl TableReader for JsonlReader {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn may_widen(&self) -> bool {
        self.goes_on
    }

    fn notices(&self) -> &[String] {
        &self.notices
    }

    fn doubled(&self) -> &[String] {
        &[]
    }

    fn next_rows(&mut self, most: usize) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = self.ahead.drain(..most.min(self.ahead.len())).collect();
        while rows.len() < most {
            let Some(row) = self.read_row()? else { break };
            rows.push(row);
        }
        Ok(rows)
    }
}

/// Whether a line is an object that decoding will take. Skipping over it is several times faster than building
/// it, but does not see half surrogate pairs and deep nesting; lines that may hold either are built.
fn check(line: &str) -> serde_json::Result<()> {
    let deep = || line.bytes().filter(|byte| matches!(byte, b'[' | b'{')).nth(100).is_some();
    if line.contains("\\ud") || line.contains("\\uD") || deep() {
        return serde_json::from_str::<Map<String, Value>>(line).map(drop);
    }
    serde_json::from_str::<Object>(line).map(drop)
}

/// A key of some object in the line, which is JSON, that the JSON parser keeps for itself: it would take the object for
/// a number, or for whatever its text says.
fn reserved(line: &str) -> Option<&'static str> {
    let bytes = line.as_bytes();
    if !bytes.contains(&b'$') && !bytes.contains(&b'\\') {
        return None;
    }
    let spelt = |text: &str| {
        RESERVED.into_iter().find(|key| {
            // Within a text quotes are escaped, so what ends with a quote and a colon is a key.
            let mut behind = text.match_indices(key).map(|(at, _)| &text[at + key.len()..]);
            behind.any(|rest| {
                rest.strip_prefix('"').is_some_and(|rest| rest.trim_ascii_start().starts_with(':'))
            })
        })
    };
    spelt(line).or_else(|| line.contains("\\u00").then(|| spelt(&spelt_out(line)))?)
}

/// A line in which letters, digits and the signs of [`RESERVED`] stand for themselves.
fn spelt_out(line: &str) -> String {
    let mut pieces = line.split("\\u00");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from);
        match code.filter(|sign| sign.is_ascii_alphanumeric() || "$_:".contains(*sign)) {
            Some(sign) => text.extend([&*sign.encode_utf8(&mut [0; 4]), &piece[2..]]),
            None => text.extend(["\\u00", piece]),
        }
    }
    text
}

fn reason(line: u64, raw: &str, problem: &serde_json::Error) -> String {
    // serde_json counts columns in bytes.
    let bytes = raw.as_bytes();
    let before = &bytes[..problem.column().saturating_sub(1).min(bytes.len())];
    let column = String::from_utf8_lossy(before).chars().count() + 1;
    let text = problem.to_string();
    let text = text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]);
    format!("line {line}, column {column}: no JSON object: {text}")
}

/// An object that is only looked over.
struct Object;

/// The keys of an object, in order.
#[derive(Default)]
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Looking;
        impl<'de> Visitor<'de> for Looking {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Object)
            }
        }
        deserializer.deserialize_map(Looking)
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collecting;
        impl<'de> Visitor<'de> for Collecting {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Collecting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::files::{Compression, Format};

    fn read(bytes: &[u8]) -> (Vec<String>, Vec<Row>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, bytes).unwrap();
        let endpoint = FileEndpoint { path, format: Format::Jsonl, compression: Compression::None };
        let mut reader = JsonlReader::open(&endpoint, &ReadOptions::default()).unwrap();
        let names = reader.schema().fields.iter().map(|field| field.name.clone()).collect();
        (names, reader.next_rows(10_000).unwrap())
    }

    #[test]
    fn lines_are_kept_byte_for_byte_and_columns_are_collected() {
        let (names, rows) = read(b"\xEF\xBB\xBF{\"a\":1.50}\r\n\n {\"b\":[],\"a\":null}");
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            rows,
            [
                Row::Good { row: 1, line: 1, raw: "{\"a\":1.50}".into() },
                Row::Good { row: 2, line: 3, raw: " {\"b\":[],\"a\":null}".into() },
            ]
        );
        assert_eq!(read(b""), (vec![], vec![]));
    }

    #[test]
    fn keys_of_the_parser_are_refused_and_their_row_is_kept() {
        for (line, key) in [
            (r#"{"a":{"$serde_json::private::Number":"5"}}"#, Some(RESERVED[0])),
            (r#"{"a":[{"$serde_json::private::Number" : "abc"}]}"#, Some(RESERVED[0])),
            (r#"{"$serde_json::private::RawValue":"[1]"}"#, Some(RESERVED[1])),
            (r#"{"a":{"\u0024serde\u005fjson::private::Number":"5"}}"#, Some(RESERVED[0])),
            (r#"{"a":"$serde_json::private::Number"}"#, None),
            (r#"{"a":"{\"$serde_json::private::Number\":\"5\"}"}"#, None),
            (r#"{"a":"\u0001\u00e9\u00"}"#, None),
        ] {
            assert_eq!(reserved(line), key, "{line}");
        }
        let line = r#"{"a":{"$serde_json::private::Number":"abc"}}"#;
        let reason = "line 1: the key `$serde_json::private::Number` is the JSON parser's own".to_owned();
        assert_eq!(read(line.as_bytes()).1, [Row::Bad { row: 1, line: 1, reason, raw: line.into() }]);
    }

    #[test]
    fn what_is_no_object_is_a_bad_row_with_its_place() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let cases: [(&[u8], &str); 8] = [
            (b"[1]", "line 1, column 1: no JSON object: invalid type: sequence, expected an object"),
            (b"{\"a\":}", "line 1, column 6: "),
            ("{\"é\":}".as_bytes(), "line 1, column 6: "),
            (b"{\"a\":1", "line 1, column "),
            (b"{\"a\":1} x", "line 1, column 9: "),
            (b"{\"a\":\"\\ud800\"}", "line 1, column "),
            (
                b"{\"a\":\"\xFF\"}\n{\"a\":\"\xC3\xA9\xC3\xA9\xC3\xA9\"}",
                "line 1, column 7: bytes that are no UTF-8 text",
            ),
            (deep.as_bytes(), "line 1, column "),
        ];
        for (line, expected) in cases {
            let (_, rows) = read(line);
            let Row::Bad { reason, .. } = &rows[0] else { panic!("{line:?} is no bad row") };
            assert!(reason.starts_with(expected), "{reason}");
        }
    }
}
