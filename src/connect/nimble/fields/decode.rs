//! Fields as records: one a (field, modifier) pair, as the metadata has them (facts, section 12).

use super::catalog::Entry;
use crate::extract::Decode;
use crate::record::schema::{FieldSpec, Kind, Schema};
use crate::record::{Field, Record};
use serde_json::Value;

/// The stream as people write it.
pub(in crate::connect::nimble) const FIELDS: &str = "nimble:fields";
/// What `_type` says of a field.
pub(super) const KIND: &str = "field";

/// Decodes fields.
pub(super) struct FieldDecoder;

impl Decode for FieldDecoder {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        let raw: Value =
            serde_json::from_str(raw).map_err(|error| format!("the field cannot be read: {error}"))?;
        Entry::read(raw).map(|entry| record(&entry)).ok_or_else(|| "the field is no JSON object".to_owned())
    }
}

/// What there is to know of a field.
pub(in crate::connect::nimble) fn schema() -> Schema {
    let field = |name: &str, kind: Kind, several: bool| FieldSpec {
        name: name.to_owned(),
        modifiers: vec![String::new()],
        several,
        kind,
        ..FieldSpec::default()
    };
    let texts =
        ["name", "label", "modifier", "group", "tab", "type"].map(|name| field(name, Kind::Text, false));
    let mut fields = texts.to_vec();
    fields.extend(["multiples", "read_only"].map(|name| field(name, Kind::Bool, false)));
    fields.push(field("choices", Kind::Text, true));
    Schema { of: FIELDS.to_owned(), has_head: true, fields, ..Schema::default() }
}

/// A field as a record.
pub(super) fn record(entry: &Entry) -> Record {
    let texts = [
        ("name", &entry.name),
        ("label", &entry.label),
        ("modifier", &entry.modifier),
        ("group", &entry.group),
        ("tab", &entry.tab),
        ("type", &entry.kind),
    ];
    let filled = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let mut fields: Vec<_> =
        filled.map(|(name, text)| Field::single(name, Value::from(text.as_str()))).collect();
    fields.push(Field::single("multiples", Value::Bool(entry.multiples)));
    fields.push(Field::single("read_only", Value::Bool(entry.read_only)));
    if !entry.choices.is_empty() {
        let choices = entry.choices.iter().map(|(id, label)| Value::from(format!("{id}={label}")));
        fields.push(Field::list("choices", choices.collect()));
    }
    Record {
        id: Some(entry.id.clone()).filter(|id| !id.is_empty()),
        kind: Some(KIND.to_owned()),
        fields,
        ..Record::default()
    }
}
