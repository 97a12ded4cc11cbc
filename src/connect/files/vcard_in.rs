//! Reading vCards (2.1, 3.0, 4.0): a record a card, card by card, so that memory does not grow with the file.
//!
//! A card is the lines from `BEGIN:VCARD` to `END:VCARD`; how its properties become columns is said in
//! [`super::vcard_columns`]. A card that never ends, a line in it that is no property, and lines that belong to no
//! card are bad rows with their place; the rest of the file goes on.

use super::text::TextSource;
use super::vcard_columns::{STANDARD, columns, left_out};
use super::{FileEndpoint, ReadOptions, Row, TableReader};
use crate::error::{Error, Result};
use crate::record::schema::{FieldSpec, Schema};
use calcard::{Entry, Parser};
use serde_json::{Map, Value};
use std::collections::{HashSet, VecDeque};

/// How many cards the columns are taken from.
const SAMPLE_CARDS: usize = 1_000;

/// The most text that is kept for the same.
const SAMPLE_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes a card may have; pictures are part of it.
const CARD_LIMIT: usize = 32 * 1024 * 1024;

/// A vCard file being read.
pub(super) struct VcardReader {
    name: String,
    text: TextSource,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    /// Lines taken so far.
    line: u64,
    row: u64,
    /// A line that was read too far: the `BEGIN` that cut an unfinished card off.
    held: Option<Vec<u8>>,
    /// Rows that were read for the columns, with what was left out of each.
    ahead: VecDeque<(Row, u64)>,
    /// Whether there is more than what was read ahead.
    goes_on: bool,
    /// Pictures and the like that the rows handed over have inside.
    left_out: u64,
    schema: Schema,
    notices: Vec<String>,
}

impl VcardReader {
    /// Opens a file and collects the columns of its first cards. The columns that cards usually have can be named
    /// even where no card of this file has them.
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
            ended: false,
            line: 0,
            row: 0,
            held: None,
            ahead: VecDeque::new(),
            goes_on: true,
            left_out: 0,
        };
        let (mut known, mut bytes) = (HashSet::new(), 0);
        while reader.ahead.len() < SAMPLE_CARDS && bytes < SAMPLE_BYTES {
            let Some((row, inside)) = reader.read_row()? else {
                reader.goes_on = false;
                break;
            };
            if let Row::Good { raw, .. } = &row {
                bytes += raw.len();
                let card: Map<String, Value> = serde_json::from_str(raw).unwrap_or_default();
                for name in card.keys().filter(|name| known.insert((*name).clone())) {
                    reader.schema.fields.push(column(name));
                }
            }
            reader.ahead.push_back((row, inside));
        }
        reader.schema.unlisted =
            STANDARD.iter().filter(|name| !known.contains(**name)).map(|name| column(name)).collect();
        Ok(reader)
    }

    /// The next line without its end; nothing at the end of the file.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(held) = self.held.take() {
            self.line += 1;
            return Ok(Some(held));
        }
        loop {
            let rest = &self.buffer[self.at..];
            let end = match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => end,
                None if !self.ended => {
                    if rest.len() > CARD_LIMIT {
                        return Err(self.too_long(self.line + 1));
                    }
                    self.buffer.drain(..self.at);
                    self.at = 0;
                    self.ended = !self.text.fill(&mut self.buffer)?;
                    continue;
                }
                None if rest.is_empty() => return Ok(None),
                None => rest.len(),
            };
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]).to_vec();
            self.at = (self.at + end + 1).min(self.buffer.len());
            self.line += 1;
            return Ok(Some(line));
        }
    }

    fn hold(&mut self, line: Vec<u8>) {
        self.held = Some(line);
        self.line -= 1;
    }

    fn read_row(&mut self) -> Result<Option<(Row, u64)>> {
        loop {
            let Some(first) = self.next_line()? else { return Ok(None) };
            if !first.trim_ascii().is_empty() {
                self.row += 1;
                return self.read_card(first).map(Some);
            }
        }
    }

    /// The card that begins with a line, or the lines that are none up to the next card.
    fn read_card(&mut self, first: Vec<u8>) -> Result<(Row, u64)> {
        let (row, line) = (self.row, self.line);
        let is_card = is(&first, "BEGIN:VCARD");
        let mut lines = vec![first];
        let mut bytes = 0;
        let ended = loop {
            let Some(next) = self.next_line()? else { break false };
            if is(&next, "BEGIN:VCARD") {
                self.hold(next);
                break false;
            }
            bytes += next.len();
            if bytes > CARD_LIMIT {
                return Err(self.too_long(line));
            }
            let end = is(&next, "END:VCARD");
            lines.push(next);
            if is_card && end {
                break true;
            }
        };
        let raw = lines.join(&b"\r\n"[..]);
        let bad = |reason: String| {
            let raw = String::from_utf8_lossy(&raw).into_owned();
            (Row::Bad { row, line, reason, raw }, 0)
        };
        if !is_card {
            return Ok(bad(format!("line {line}: no card begins here (`BEGIN:VCARD`)")));
        }
        if !ended {
            return Ok(bad(format!("line {line}: the card that begins here never ends (`END:VCARD`)")));
        }
        if let Some((at, why)) = broken_line(&lines, self.text.encoding()) {
            return Ok(bad(format!("line {}: {why}", line + at)));
        }
        let text = match plain_offsets(&mut lines) {
            true => String::from_utf8_lossy(&lines.join(&b"\r\n"[..])).into_owned().into(),
            false => String::from_utf8_lossy(&raw),
        };
        match Parser::new(&text).entry() {
            Entry::VCard(card) => {
                let raw = Value::Object(columns(&card)).to_string();
                Ok((Row::Good { row, line, raw }, left_out(&card)))
            }
            _ => Ok(bad(format!("line {line}: the card that begins here cannot be read"))),
        }
    }

    fn too_long(&self, line: u64) -> Error {
        Error::input(format!(
            "`{}`: the card of line {line} is longer than {} MiB",
            self.name,
            CARD_LIMIT >> 20
        ))
    }
}

impl TableReader for VcardReader {
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
        let mut rows = Vec::new();
        while rows.len() < most {
            let next = match self.ahead.pop_front() {
                Some(next) => Some(next),
                None => self.read_row()?,
            };
            let Some((row, inside)) = next else { break };
            self.left_out += inside;
            rows.push(row);
        }
        Ok(rows)
    }

    fn closing(&self) -> Option<String> {
        let left = match self.left_out {
            0 => return None,
            1 => "1 picture, sound, key or the like that stands inside a card was".to_owned(),
            many => format!("{many} pictures, sounds, keys and the like that stand inside cards were"),
        };
        Some(format!("`{}`: {left} left out", self.name))
    }
}

fn column(name: &str) -> FieldSpec {
    FieldSpec { name: name.to_owned(), modifiers: vec![String::new()], ..FieldSpec::default() }
}

/// Writes `TZ:+05:30` as `TZ:+0530`, and tells whether there was any; in cards of version 4 the parser takes the hours
/// of the first alone.
fn plain_offsets(lines: &mut [Vec<u8>]) -> bool {
    let mut found = false;
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = line[..colon].split(|byte| *byte == b';').next().unwrap_or_default();
        let name = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        if name.eq_ignore_ascii_case(b"TZ")
            && let [b'+' | b'-', hours @ .., b':', _, _] = line[colon + 1..].trim_ascii_end()
            && hours.len() == 2
        {
            line.remove(colon + 4);
            found = true;
        }
    }
    found
}

/// Whether a line says this, in any case.
fn is(line: &[u8], what: &str) -> bool {
    line.trim_ascii().eq_ignore_ascii_case(what.as_bytes())
}

/// The first line of a card that is neither a property nor the rest of one, with its distance from the first.
fn broken_line(lines: &[Vec<u8>], encoding: &str) -> Option<(u64, String)> {
    // What the line before it leaves open: a soft line break of quoted-printable, or base64 without indents (2.1).
    let (mut quoted, mut base64) = (false, false);
    for (at, line) in (0..).zip(lines) {
        let Ok(text) = std::str::from_utf8(line) else {
            return Some((at, format!("bytes that are no {encoding} text")));
        };
        let continues = quoted || text.starts_with([' ', '\t']) || text.trim().is_empty();
        let head = text.split_once(':').map(|(head, _)| head.to_ascii_uppercase());
        match &head {
            _ if continues => base64 &= !text.trim().is_empty(),
            Some(head) => {
                base64 = head.contains("BASE64") || head.contains("ENCODING=B");
                quoted = head.contains("QUOTED-PRINTABLE");
            }
            None if base64 => {}
            None => return Some((at, format!("`{}` is no property (`NAME:value`)", shown(text)))),
        }
        quoted =
            (quoted || head.is_some_and(|head| head.contains("QUOTED-PRINTABLE"))) && text.ends_with('=');
    }
    None
}

fn shown(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::files::{Compression, Format};
    use serde_json::json;

    fn read(bytes: &[u8]) -> (Schema, Vec<Row>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vcf");
        std::fs::write(&path, bytes).unwrap();
        let endpoint = FileEndpoint { path, format: Format::Vcard, compression: Compression::None };
        let mut reader = VcardReader::open(&endpoint, &ReadOptions::default()).unwrap();
        (reader.schema().clone(), reader.next_rows(1_000).unwrap())
    }

    #[track_caller]
    fn card(text: &str) -> Value {
        let (_, rows) = read(text.as_bytes());
        match rows.as_slice() {
            [Row::Good { raw, .. }] => serde_json::from_str(raw).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_three_versions_give_the_same_columns() {
        let old = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen;;Dr.\r\n\
                   FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Dr. J=C3=BCrgen M=C3=BCl=\r\nler\r\nTEL;WORK;VOICE:+49 30 1\r\n\
                   EMAIL;INTERNET;WORK:j@example.org\r\nADR;WORK:;;Weg 1;Berlin;;10115;Germany\r\nEND:VCARD\r\n";
        let middle = "BEGIN:VCARD\nVERSION:3.0\nN:Müller;Jürgen;;Dr.;\nFN:Dr. Jürgen Mül\n ler\n\
                      TEL;TYPE=WORK,VOICE:+49 30 1\nEMAIL;TYPE=INTERNET,WORK:j@example.org\n\
                      ADR;TYPE=WORK:;;Weg 1;Berlin;;10115;Germany\nEND:VCARD\n";
        let new = "BEGIN:VCARD\nVERSION:4.0\nN:Müller;Jürgen;;Dr.;\nFN:Dr. Jürgen Müller\n\
                   TEL;VALUE=uri;TYPE=\"work,voice\":tel:+49 30 1\nEMAIL;TYPE=work:j@example.org\n\
                   ADR;TYPE=work:;;Weg 1;Berlin;;10115;Germany\nEND:VCARD\n";
        for text in [old, middle, new] {
            let card = card(text);
            for (name, value) in [
                ("FN", "Dr. Jürgen Müller"),
                ("N.family", "Müller"),
                ("N.given", "Jürgen"),
                ("N.prefix", "Dr."),
                ("TEL[work]", "+49 30 1"),
                ("EMAIL[work]", "j@example.org"),
                ("ADR[work].street", "Weg 1"),
                ("ADR[work].city", "Berlin"),
                ("ADR[work].zip", "10115"),
                ("ADR[work].country", "Germany"),
            ] {
                assert_eq!(card[name], value, "{name}: {card}");
            }
        }
    }

    #[test]
    fn several_values_are_lists_and_labels_are_types() {
        let card = card(
            "BEGIN:VCARD\nVERSION:3.0\nFN:A\nEMAIL;TYPE=HOME:a@x.example\nEMAIL;TYPE=HOME;TYPE=pref:b@x.example\n\
             item1.TEL:1\nitem1.X-ABLabel:_$!<Mobile>!$_\nCATEGORIES:one,two\\, too\nORG:Acme;Sales\n\
             TEL;TYPE=fax,work:2\nTEL:3\nX-SOCIALPROFILE;TYPE=twitter:https://x.example/a\nBDAY:1971-12-24\n\
             NOTE:one\\ntwo\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\nEND:VCARD\n",
        );
        assert_eq!(card["EMAIL[home]"], json!(["a@x.example", "b@x.example"]));
        assert_eq!(card["CATEGORIES"], json!(["one", "two, too"]));
        assert_eq!((&card["ORG"], &card["ORG.unit"]), (&json!("Acme"), &json!("Sales")));
        assert_eq!((&card["TEL[mobile]"], &card["TEL[work fax]"]), (&json!("1"), &json!("2")));
        assert_eq!((&card["TEL"], &card["BDAY"]), (&json!("3"), &json!("1971-12-24")));
        assert_eq!(card["X-SOCIALPROFILE[twitter]"], "https://x.example/a");
        assert_eq!(card["NOTE"], "one\ntwo");
        assert!(card.get("PHOTO").is_none(), "{card}");
    }

    #[test]
    fn offsets_and_addresses_are_columns_and_what_stands_inside_is_counted() {
        for (version, offset, written) in [
            ("3.0", "-05:00", "-05:00"),
            ("4.0", "+05:30", "+05:30"),
            ("4.0", "-0330", "-03:30"),
            ("4.0", "Europe/Berlin", "Europe/Berlin"),
            ("2.1", "+01:00", "+01:00"),
        ] {
            let card = card(&format!("BEGIN:VCARD\nVERSION:{version}\nFN:A\nTZ:{offset}\nEND:VCARD\n"));
            assert_eq!(card["TZ"], written, "{version} {offset}");
        }
        let text = "BEGIN:VCARD\nVERSION:3.0\nFN:A\nPHOTO;VALUE=uri:https://x.example/a,b.jpg\nLOGO:http://x.example/l\n\
                    KEY:https://x.example/k\nSOUND;VALUE=URL:ftp://x.example/s\nX-FOO;TYPE=work:1\nX-FOO;X-BAR=y:2\n\
                    item1.X-ABDATE:1971-12-24\nitem1.X-ABLabel:_$!<Anniversary>!$_\nRELATED;TYPE=spouse:Bob\nEND:VCARD\n";
        let card = card(text);
        assert_eq!(
            (&card["PHOTO"], &card["LOGO"]),
            (&json!("https://x.example/a,b.jpg"), &json!("http://x.example/l"))
        );
        assert_eq!(
            (&card["KEY"], &card["SOUND"]),
            (&json!("https://x.example/k"), &json!("ftp://x.example/s"))
        );
        assert_eq!((&card["X-FOO[work]"], &card["X-FOO"]), (&json!("1"), &json!("2")));
        assert_eq!(
            (&card["X-ABDATE[anniversary]"], &card["RELATED[spouse]"]),
            (&json!("1971-12-24"), &json!("Bob"))
        );
    }

    #[test]
    fn broken_cards_are_bad_rows_and_the_rest_goes_on() {
        let text = "\u{feff}BEGIN:VCARD\nVERSION:3.0\nFN:A\nnonsense\nEND:VCARD\n\nBEGIN:VCARD\nFN:B\n\
                    BEGIN:VCARD\nVERSION:3.0\nFN:C\nEND:VCARD\nleft over\nmore\n";
        let (schema, rows) = read(text.as_bytes());
        let reasons: Vec<_> = rows
            .iter()
            .map(|row| match row {
                Row::Good { row, line, .. } => format!("{row} {line} good"),
                Row::Bad { row, reason, .. } => format!("{row} {reason}"),
            })
            .collect();
        assert_eq!(
            reasons,
            [
                "1 line 4: `nonsense` is no property (`NAME:value`)",
                "2 line 7: the card that begins here never ends (`END:VCARD`)",
                "3 9 good",
                "4 line 13: no card begins here (`BEGIN:VCARD`)",
            ]
        );
        assert!(schema.field("EMAIL[work]").is_some(), "usual columns can be named");
        assert!(schema.listed("EMAIL[work]").is_none());
        assert_eq!(read(b"").1, []);
    }
}
