//! Notes as records: `_record` and `_records`, `_author`, `text`, `preview` (design section 6).
//!
//! Old notes were stored percent-encoded by the web application. Such a text is decoded, but only when nothing
//! else can be meant: the whole of it is percent-encoded and it contains `%3C`, the sign that HTML begins with
//! (facts, section 10). The raw record keeps what was stored.

use crate::extract::Decode;
use crate::record::schema::{FieldSpec, Schema};
use crate::record::{Field, Record, to_text};
use serde_json::Value;

/// The stream as people write it.
pub(in crate::connect::nimble) const NOTES: &str = "nimble:notes";
/// What `_type` says of a note.
pub(super) const KIND: &str = "note";

/// Decodes notes.
pub(super) struct NoteDecoder;

impl Decode for NoteDecoder {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        let note: Value =
            serde_json::from_str(raw).map_err(|error| format!("the note cannot be read: {error}"))?;
        record(&note).ok_or_else(|| "the note is no JSON object".to_owned())
    }
}

/// The fields of a note.
pub(in crate::connect::nimble) fn schema() -> Schema {
    let field = |name: &str, several: bool, read_only: bool| FieldSpec {
        name: name.to_owned(),
        modifiers: vec![String::new()],
        several,
        read_only,
        ..FieldSpec::default()
    };
    let fields = vec![
        field("_record", false, false),
        field("_records", true, false),
        field("_author", false, true),
        field("text", false, false),
        field("preview", false, false),
    ];
    Schema { of: NOTES.to_owned(), has_head: true, fields, ..Schema::default() }
}

/// A note as a record.
pub(super) fn record(note: &Value) -> Option<Record> {
    let note = note.as_object()?;
    let text = |key: &str| note.get(key).filter(|value| !value.is_null()).map(to_text);
    let mut fields = Vec::new();
    let ids: Vec<Value> = contacts(note.get("contacts")).map(Value::String).collect();
    if let Some(first) = ids.first() {
        fields.push(Field::single("_record", first.clone()));
        fields.push(Field::list("_records", ids));
    }
    let author = text("author_name").or_else(|| note.get("owner")?.get("name").map(to_text));
    let own = [
        ("_author", author),
        ("text", text("note").map(plain)),
        ("preview", text("note_preview").map(plain)),
    ];
    for (name, value) in own {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.push(Field::single(name, Value::String(value)));
        }
    }
    Some(Record {
        id: Some(text("id").filter(|id| !id.is_empty())?),
        kind: Some(KIND.to_owned()),
        created: text("created"),
        updated: text("updated"),
        fields,
    })
}

/// The ids of a note's contacts: objects, or bare ids.
pub(super) fn contacts(list: Option<&Value>) -> impl Iterator<Item = String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    let id = |contact: &Value| match contact {
        Value::String(id) => Some(id.clone()),
        contact => contact.get("id").filter(|id| !id.is_null()).map(to_text),
    };
    list.filter_map(id).filter(|id| !id.is_empty()).collect::<Vec<_>>().into_iter()
}

/// A stored text as it was meant.
pub(super) fn plain(stored: String) -> String {
    if !stored.contains("%3C") && !stored.contains("%3c") {
        return stored;
    }
    percent_decoded(&stored).unwrap_or(stored)
}

/// The text of a percent-encoded whole; `None` where a character stands in it that would have been encoded, an
/// escape is broken, or the bytes are no UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? * 16 + hex(bytes.next()?)?,
            b'<' | b'>' | b'"' => return None,
            byte if byte.is_ascii_graphic() => byte,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_documented_note_becomes_a_record() {
        let raw = include_str!("../../../../tests/fixtures/nimble/note.json");
        let record = NoteDecoder.decode(raw).unwrap();
        assert_eq!(record.id.as_deref(), Some("64b0c0ffee00000000000071"));
        assert_eq!((record.kind.as_deref(), record.updated.as_deref()), (Some("note"), None));
        let text = |name: &str| record.values(name, "").map(to_text).collect::<Vec<_>>();
        assert_eq!(text("_record"), ["64b0c0ffee00000000000001"]);
        assert_eq!(text("_records"), ["64b0c0ffee00000000000001", "64b0c0ffee00000000000002"]);
        assert_eq!(text("_author"), ["A. User"]);
        assert_eq!(text("text"), ["<font color=\"red\">Call back: 100% sure</font>"]);
        assert_eq!(text("preview"), ["Call back: 100% sure"]);
        assert!(NoteDecoder.decode("[]").is_err());
    }

    #[test]
    fn only_what_was_encoded_as_a_whole_is_decoded() {
        let cases = [
            ("%3Cb%3EHi%20%C5%81ukasz%3C%2Fb%3E", "<b>Hi Łukasz</b>"),
            ("100%25 of %3C", "100%25 of %3C"),
            ("plain text", "plain text"),
            ("a%20b", "a%20b"),
            ("%3Cb", "<b"),
            ("%3C%", "%3C%"),
            ("%3C%FF", "%3C%FF"),
            ("%3Cb>", "%3Cb>"),
        ];
        for (stored, meant) in cases {
            assert_eq!(plain(stored.to_owned()), meant);
        }
    }

    #[test]
    fn a_note_may_lack_everything() {
        let record =
            record(&json!({"id": 7, "note": null, "contacts": ["1"], "owner": {"name": "B"}})).unwrap();
        assert_eq!(record.id.as_deref(), Some("7"));
        let names: Vec<_> = record.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["_record", "_records", "_author"]);
    }
}
