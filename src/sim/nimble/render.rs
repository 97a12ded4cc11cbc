//! A contact as the JSON text of an answer, in the shapes the knobs ask for.
//!
//! The text is made in three pieces, so that an answer without tags, or with some fields only, needs nothing
//! rendered anew but what it leaves out.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value, json};

use super::knobs::{AddressStyle, Knobs, TagsStyle, TimestampsStyle};
use super::merge::FieldValue;
use super::store::Contact;

/// The pieces of a rendered contact.
#[derive(Debug)]
pub(super) struct Rendered {
    /// `{"id":…` up to, not including, the comma before `fields`.
    head: String,
    fields: String,
    tags: String,
}

/// Renders a contact; `tags` is the account's table of tags.
pub(super) fn render(contact: &Contact, tags: &[String], knobs: &Knobs) -> Rendered {
    let mut head = json!({
        "id": contact.id,
        "object_type": "contact",
        "record_type": contact.record_type.name(),
        "created": timestamp(contact.created_s * 1000, knobs),
        "updated": timestamp(contact.updated_ms, knobs),
        "creator": contact.creator,
        "updater": contact.updater,
        "owner_id": contact.owner_id,
        "avatar_url": contact.avatar_url,
        "children": contact.children,
        "last_contacted": {
            "user_id": null, "object_id": null, "type": null, "tstamp": null, "deletion_tstamp": null,
        },
        "company_last_contacted": {"in": null, "out": null},
        "is_important": null,
        "reminder": null,
    });
    if knobs.extra_keys {
        head["is_editable"] = Value::Bool(true);
        head["privacy"] = json!({"read": null, "edit": null});
    }
    let mut head = head.to_string();
    head.pop();
    Rendered { head, fields: fields(contact, None, knobs), tags: tag_list(contact, tags, knobs) }
}

impl Rendered {
    /// Appends the contact to an answer; `fields` stands for all of them when given.
    pub(super) fn write(&self, out: &mut String, fields: Option<&str>, with_tags: bool) {
        out.push_str(&self.head);
        let _ = write!(out, ",\"fields\":{}", fields.unwrap_or(&self.fields));
        if with_tags {
            let _ = write!(out, ",\"tags\":{}", self.tags);
        }
        out.push('}');
    }
}

/// The `fields` object: every field, or those of `names` that the contact has.
pub(super) fn fields(contact: &Contact, names: Option<&[String]>, knobs: &Knobs) -> String {
    let mut object = Map::new();
    for (name, values) in &contact.fields {
        if names.is_none_or(|names| names.contains(name)) {
            object.insert(name.clone(), values.iter().map(|value| field_value(name, value, knobs)).collect());
        }
    }
    Value::Object(object).to_string()
}

/// A moment in the style and zone of the knobs.
pub(super) fn timestamp(ms: i64, knobs: &Knobs) -> String {
    let offset =
        i32::try_from(knobs.zone_minutes * 60).ok().and_then(|seconds| Offset::from_seconds(seconds).ok());
    let zone = TimeZone::fixed(offset.unwrap_or(Offset::UTC));
    let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    match knobs.timestamps_style {
        TimestampsStyle::Offset => moment.to_zoned_datetime(zone).strftime("%Y-%m-%dT%H:%M:%S%z").to_string(),
        TimestampsStyle::OffsetColon => {
            moment.to_zoned_datetime(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
        }
        TimestampsStyle::NaiveMicros => {
            moment.to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
        }
    }
}

/// The id of a tag: one for each text in the account.
pub(super) fn tag_id(place: usize) -> String {
    format!("6c00000000000000{place:08x}")
}

fn field_value(name: &str, value: &FieldValue, knobs: &Knobs) -> Value {
    let shown =
        if name == "address" { address(&value.value, knobs.address_style) } else { value.value.clone() };
    let mut object = json!({"value": shown, "modifier": value.modifier, "label": name});
    if let Some(extra) = &value.extra {
        object["extra_value"] = Value::String(extra.clone());
    }
    object
}

fn tag_list(contact: &Contact, tags: &[String], knobs: &Knobs) -> String {
    let tags = contact.tags.iter().map(|place| match knobs.tags_style {
        TagsStyle::Objects => json!({"tag": tags[*place], "id": tag_id(*place)}),
        TagsStyle::Strings => json!(tags[*place]),
    });
    Value::Array(tags.collect()).to_string()
}

fn address(stored: &str, style: AddressStyle) -> String {
    if style == AddressStyle::Json {
        return stored.to_owned();
    }
    let Ok(Value::Object(parts)) = serde_json::from_str(stored) else { return stored.to_owned() };
    let parts: Vec<(String, String)> = parts
        .into_iter()
        .map(|(key, value)| (key, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    if style == AddressStyle::Raw {
        let parts = parts.iter().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
        return parts.collect::<Vec<_>>().join(", ");
    }
    let parts =
        parts.iter().map(|(key, value)| format!("{}: {}", python_literal(key), python_literal(value)));
    format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
}

/// A string as Python's `repr` writes it.
fn python_literal(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => out.extend(['\\', quote]),
            _ => out.push(character),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_come_in_three_styles() {
        let ms = 1_347_025_796_345;
        for (style, zone_minutes, expected) in [
            (TimestampsStyle::Offset, 180, "2012-09-07T16:49:56+0300"),
            (TimestampsStyle::Offset, 0, "2012-09-07T13:49:56+0000"),
            (TimestampsStyle::OffsetColon, -330, "2012-09-07T08:19:56-05:30"),
            (TimestampsStyle::NaiveMicros, 180, "2012-09-07T13:49:56.345000"),
        ] {
            let knobs = Knobs { timestamps_style: style, zone_minutes, ..Knobs::default() };
            assert_eq!(timestamp(ms, &knobs), expected);
        }
    }

    #[test]
    fn addresses_come_in_three_styles() {
        let stored = r#"{"street":"1 O'Hara \"St\"","city":"Cork\nCity","zip":"","country":"Côte d'Ivoire"}"#;
        assert_eq!(address(stored, AddressStyle::Json), stored);
        assert_eq!(
            address(stored, AddressStyle::Pydict),
            r#"{'street': '1 O\'Hara "St"', 'city': 'Cork\nCity', 'zip': '', 'country': "Côte d'Ivoire"}"#
        );
        assert_eq!(address(stored, AddressStyle::Raw), "1 O'Hara \"St\", Cork\nCity, Côte d'Ivoire");
        assert_eq!(address("free text", AddressStyle::Pydict), "free text");
    }
}
