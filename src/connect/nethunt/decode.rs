//! A record as NetHunt writes it, decoded (NetHunt facts, sections 3 and 7; design section 6).
//!
//! v1 tells no types, so values keep the JSON shape they were read in: an array is a field with a list of
//! values, everything else a single value, null, `""` and `[]` included. Keys of `fields` that the folder does
//! not list are fields too.

use crate::extract::Decode;
use crate::record::{Entry, Field, Record, escape_name};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The type of every NetHunt record (design section 6).
pub(super) const KIND: &str = "record";

/// Decodes a record from the JSON text it was staged as.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Decoder;

impl Decode for Decoder {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        let wire: Wire<'_> =
            serde_json::from_str(raw).map_err(|error| format!("the record cannot be read: {error}"))?;
        let id = wire.record_id.or(wire.id).filter(|id| !id.is_empty());
        let id = id.ok_or("the record has neither `recordId` nor `id`")?;
        Ok(Record {
            id: Some(id.into_owned()),
            kind: Some(KIND.to_owned()),
            created: wire.created_at.map(Cow::into_owned),
            updated: wire.updated_at.map(Cow::into_owned),
            fields: wire.fields.unwrap_or_default().0,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    record_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    created_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    updated_at: Option<Cow<'a, str>>,
    #[serde(default)]
    fields: Option<Fields>,
}

#[derive(Default)]
struct Fields(Vec<Field>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(name) = map.next_key::<String>()? {
                    let name = if name.starts_with('_') { escape_name(&name) } else { name };
                    fields.push(field(name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

fn field(name: String, value: Value) -> Field {
    let entry = |value| Entry { modifier: String::new(), value };
    match value {
        Value::Array(items) => Field { name, entries: items.into_iter().map(entry).collect(), list: true },
        single => Field { name, entries: vec![entry(single)], list: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shapes_are_kept_as_read() {
        let raw = json!({
            "id": "64b000000000000000000001-1689328800500", "recordId": "64b000000000000000000001",
            "createdAt": "2023-07-13T13:46:24.113Z", "updatedAt": "2023-07-14T09:00:00.000Z", "extra": [1],
            "fields": {"Name": "Ada", "Tags": ["x", "y"], "None": [], "Blank": "", "Null": null,
                       "Score": 12.50, "VIP": true, "Place": {"lat": 1}, "_odd": "v", "Больше": ["ї"]},
        });
        let record = Decoder.decode(&raw.to_string()).unwrap();
        assert_eq!(record.id.as_deref(), Some("64b000000000000000000001"));
        assert_eq!(record.kind.as_deref(), Some("record"));
        assert_eq!(record.updated.as_deref(), Some("2023-07-14T09:00:00.000Z"));
        let expected = [
            Field::single("Name", json!("Ada")),
            Field::list("Tags", vec![json!("x"), json!("y")]),
            Field::list("None", vec![]),
            Field::single("Blank", json!("")),
            Field::single("Null", json!(null)),
            Field::single("Score", json!(12.50)),
            Field::single("VIP", json!(true)),
            Field::single("Place", json!({"lat": 1})),
            Field::single("__odd", json!("v")),
            Field::list("Больше", vec![json!("ї")]),
        ];
        assert_eq!(record.fields, expected);
    }

    #[test]
    fn numbers_keep_their_literals() {
        let record = Decoder.decode(r#"{"id":"a","fields":{"N":12345678901234567890.500}}"#).unwrap();
        assert_eq!(record.fields[0].entries[0].value.to_string(), "12345678901234567890.500");
    }

    #[test]
    fn what_is_no_record_says_why() {
        for raw in ["{}", r#"{"id":""}"#, r#"{"id":1}"#, r#"{"id":"a","fields":[]}"#, "[]", "x"] {
            assert!(Decoder.decode(raw).is_err(), "{raw}");
        }
        assert!(Decoder.decode(r#"{"id":"a"}"#).unwrap().fields.is_empty());
        assert!(Decoder.decode(r#"{"id":"a","fields":null}"#).unwrap().fields.is_empty());
    }
}
