//! Contacts as records (design section 6).
//!
//! Ferry's own columns come from the contact's keys, the others from `fields`. Addresses become objects with
//! parts, whichever of the three spellings they have; drop-down ids become labels where these are unambiguous.
//! What else the contact holds stays in the raw text.

use super::literal;
use super::wire::{Contact, WireEntry};
use crate::extract::Decode;
use crate::record::schema::{FieldSpec, Schema};
use crate::record::{Entry, Field, Record, escape_name, to_text};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Decodes contacts by the fields of a schema.
pub struct Decoder {
    fields: HashMap<String, FieldSpec>,
}

/// A contact, decoded, with what the record does not keep.
pub(super) struct Decoded {
    /// The record.
    pub(super) record: Record,
    /// Companies that the contact's `parent company` values name.
    pub(super) companies: Vec<String>,
    /// The id of the user who created it, where the service says so.
    pub(super) creator_id: Option<String>,
}

impl Decoder {
    /// A decoder for an account with these fields.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let special = |spec: &&FieldSpec| spec.several || !spec.parts.is_empty() || !spec.choices.is_empty();
        let fields = schema.fields.iter().filter(special);
        Self { fields: fields.map(|spec| (spec.name.clone(), spec.clone())).collect() }
    }

    /// Decodes the JSON text of a contact.
    pub(super) fn contact(&self, raw: &str) -> Result<Decoded, String> {
        if !raw.trim_start().starts_with('{') {
            return Err("the contact is no JSON object".to_owned());
        }
        let contact: Contact =
            serde_json::from_str(raw).map_err(|error| format!("the contact cannot be read: {error}"))?;
        if contact.id.as_deref().is_none_or(str::is_empty) {
            return Err("the contact has no `id`".to_owned());
        }
        let mut fields = Vec::with_capacity(contact.fields.len() + 5);
        let tags = contact.tags.filter(|tags| !tags.is_empty()).or(contact.tags2).unwrap_or_default();
        if !tags.is_empty() {
            fields.push(Field::list("_tags", tags.into_iter().map(Value::String).collect()));
        }
        let mut own = |name: &str, text: Option<String>| {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                fields.push(Field::single(name, Value::String(text)));
            }
        };
        own("_owner", contact.owner_id);
        own("_avatar", contact.avatar_url);
        own("_creator", contact.creator);
        if let Value::Array(children) = contact.children
            && !children.is_empty()
        {
            let ids = children.into_iter().map(|child| match child {
                Value::Object(mut child) => child.remove("id").unwrap_or(Value::Object(child)),
                id => id,
            });
            fields.push(Field::list("_children", ids.collect()));
        }
        if let Some(time) = last_contacted(&contact.last_contacted) {
            fields.push(Field::single("_last_contacted", Value::String(time)));
        }
        let mut companies = Vec::new();
        for field in contact.fields {
            let name = escape_name(&field.name);
            let spec = self.fields.get(&name);
            let list = spec.is_some_and(|spec| spec.several);
            let entries = field.entries.into_iter().map(|WireEntry { entry, extra_value }| {
                if field.name == "parent company" {
                    companies.extend(extra_value);
                }
                Entry { modifier: entry.modifier, value: from_service(spec, entry.value) }
            });
            fields.push(Field { entries: entries.collect(), name, list });
        }
        let record = Record {
            id: contact.id,
            kind: contact.record_type,
            created: contact.created,
            updated: contact.updated,
            fields,
        };
        Ok(Decoded { record, companies, creator_id: contact.creator_id })
    }
}

impl Decode for Decoder {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        self.contact(raw).map(|decoded| decoded.record)
    }
}

/// A value as Nimble stores it, as records hold it.
pub(super) fn from_service(spec: Option<&FieldSpec>, value: Value) -> Value {
    match (spec, value) {
        (Some(spec), Value::String(text)) if !spec.parts.is_empty() => address(text),
        (Some(spec), value) if !spec.choices.is_empty() => {
            let id = to_text(&value);
            let label = spec.choices.iter().find(|(known, _)| *known == id).map(|(_, label)| label);
            label.map_or(value, |label| Value::String(label.clone()))
        }
        (_, value) => value,
    }
}

/// A value as records hold it, as Nimble stores it: text always (facts, section 9.1).
pub(super) fn to_service(spec: Option<&FieldSpec>, value: &Value) -> Value {
    match value {
        Value::Object(parts) if spec.is_some_and(|spec| !spec.parts.is_empty()) => {
            Value::String(serde_json::to_string(parts).unwrap_or_default())
        }
        value => {
            let text = to_text(value);
            let choices = spec.map_or(&[][..], |spec| &spec.choices);
            let id = choices.iter().find(|(_, label)| *label == text.trim()).map(|(id, _)| id.clone());
            Value::String(id.unwrap_or(text))
        }
    }
}

/// An address: JSON, a Python literal, or free text, which then is the street (facts, section 8.2).
pub(super) fn address(text: String) -> Value {
    if text.trim_start().starts_with('{') {
        if let Ok(Value::Object(parts)) = serde_json::from_str(&text) {
            return Value::Object(parts);
        }
        if let Some(Value::Object(parts)) = literal::parse(&text) {
            return Value::Object(parts);
        }
    }
    Value::Object(Map::from_iter([("street".to_owned(), Value::String(text))]))
}

/// The time in any of the shapes of `last_contacted` (facts, section 7).
fn last_contacted(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(parts) => match parts.get("tstamp").or_else(|| parts.get("last_contacted"))? {
            Value::Null => None,
            time => Some(to_text(time)),
        },
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::schema::offline_schema;
    use super::*;
    use serde_json::json;

    fn decode(contact: &Value) -> Record {
        Decoder::new(&offline_schema()).decode(&contact.to_string()).unwrap()
    }

    #[test]
    fn addresses_are_read_in_all_their_spellings() {
        let cases = [
            (
                json!(r#"{"street":"A 1","city":"Łódź","po box":"7"}"#),
                json!({"street": "A 1", "city": "Łódź", "po box": "7"}),
            ),
            (json!("{'street': 'A 1', 'zip': None}"), json!({"street": "A 1", "zip": null})),
            (json!("A 1, Łódź"), json!({"street": "A 1, Łódź"})),
            (json!("{broken"), json!({"street": "{broken"})),
            (json!({"city": "Oslo"}), json!({"city": "Oslo"})),
        ];
        for (written, expected) in cases {
            let record =
                decode(&json!({"id": "1", "fields": {"address": [{"modifier": "work", "value": written}]}}));
            assert_eq!(record.values("address", "work").next(), Some(&expected), "{written}");
        }
    }

    #[test]
    fn tags_are_read_in_all_their_shapes() {
        for contact in [
            json!({"id": "1", "tags": [{"tag": "a", "id": "1"}, {"tag": "b,c", "id": "2"}]}),
            json!({"id": "1", "tags": ["a", "b,c"]}),
            json!({"id": "1", "tags": [], "tags2": ["a", "b,c"]}),
            json!({"id": "1", "tags2": ["a", "b,c"]}),
            json!({"id": "1", "tags": "a,b\\,c"}),
        ] {
            let record = decode(&contact);
            let tags: Vec<_> = record.values("_tags", "").cloned().collect();
            assert_eq!(tags, [json!("a"), json!("b,c")], "{contact}");
        }
        assert!(decode(&json!({"id": "1", "tags": null})).field("_tags").is_none());
    }

    #[test]
    fn a_contact_becomes_a_record_with_everything_in_place() {
        let record = decode(&json!({
            "id": "64", "record_type": "person", "created": "2012-09-07T16:49:56+0300", "updated": null,
            "owner_id": null, "creator": "A. User", "avatar_url": "https://x/y.png", "children": ["65"],
            "last_contacted": {"tstamp": "2020-01-01T00:00:00+0000", "user_id": null},
            "privacy": {"read": null}, "unheard of": [1, 2.50],
            "fields": {
                "phone": [{"value": "1", "modifier": "work", "label": "phone"}, {"value": "2", "modifier": "work"}],
                "_x": [{"value": "y"}],
                "rating": [{"value": 3.0, "modifier": ""}, 4],
                "title": null,
            },
        }));
        let names: Vec<_> = record.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(
            names,
            ["_avatar", "_creator", "_children", "_last_contacted", "phone", "__x", "rating", "title"]
        );
        assert_eq!(record.values("phone", "work").count(), 2);
        assert!(record.field("phone").unwrap().list && !record.field("__x").unwrap().list);
        let ratings: Vec<_> = record.values("rating", "").map(to_text).collect();
        assert_eq!(ratings, ["3.0", "4"]);
        assert_eq!((record.kind.as_deref(), record.updated), (Some("person"), None));
        for none in ["[1]", "{}", r#"{"id": ""}"#, r#"{"id": null}"#] {
            assert!(Decoder::new(&offline_schema()).decode(none).is_err(), "{none}");
        }
    }

    #[test]
    fn labels_stand_for_choices_and_unknown_ids_for_themselves() {
        let spec = FieldSpec {
            choices: vec![("1".into(), "Open".into()), ("2".into(), "Won".into())],
            ..FieldSpec::default()
        };
        for (stored, shown) in [("1", "Open"), ("9", "9"), ("Open", "Open")] {
            assert_eq!(from_service(Some(&spec), json!(stored)), json!(shown));
        }
        for (shown, stored) in [("Open", "1"), ("1", "1"), ("9", "9")] {
            assert_eq!(to_service(Some(&spec), &json!(shown)), json!(stored));
        }
    }
}
