//! A contact as the JSON text of an answer, in the shapes the knobs ask for.
//!
//! The text is made in three pieces, so that an answer without tags, or with some fields only, needs nothing
//! rendered anew but what it leaves out.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::USERS;
use super::knobs::{AddressStyle, Knobs, TagsStyle, TimestampsStyle};
use super::merge::FieldValue;
use super::metadata::Metadata;
use super::search::part_text;
use super::store::Contact;

/// The pieces of a rendered contact.
#[derive(Debug)]
pub(super) struct Rendered {
    /// `{"id":…` up to, not including, the comma before `fields`.
    head: String,
    fields: String,
    /// From the comma before `tags`.
    tags: String,
}

/// What newer answers of the service have besides, and is the same for every contact here.
const EXTRA_KEYS: &str = ",\"last_contacted_user\":null,\"lc\":null,\
    \"notice\":null,\"files\":[],\"stages_info\":{},\"reminders\":[],\"contexts\":[]";
/// A contact that nobody ever wrote to.
const NEVER_CONTACTED: &str = ",\"last_contacted\":{\"user_id\":null,\"object_id\":null,\"type\":null,\
    \"tstamp\":null,\"deletion_tstamp\":null},\"company_last_contacted\":{\"in\":null,\"out\":null}";

/// Renders a contact; `tags` is the account's table of tags.
///
/// Written as text and not by way of a `Value`: tests read tens of thousands of contacts in unoptimised builds.
pub(super) fn render(contact: &Contact, tags: &[String], metadata: &Metadata, knobs: &Knobs) -> Rendered {
    let mut head = String::with_capacity(600);
    let _ = write!(
        head,
        "{{\"id\":\"{}\",\"object_type\":\"contact\",\"record_type\":\"{}\",\"created\":\"{}\",\"updated\":\"{}\"",
        contact.id,
        contact.record_type.name(),
        timestamp(contact.created_s * 1000, knobs),
        timestamp(contact.updated_ms, knobs),
    );
    for (key, text) in [
        ("creator", Some(&contact.creator)),
        ("updater", contact.updater.as_ref()),
        ("owner_id", contact.owner_id.as_ref()),
        ("avatar_url", contact.avatar_url.as_ref()),
    ] {
        let _ = write!(head, ",\"{key}\":");
        match text {
            Some(text) => quote(&mut head, text),
            None => head.push_str("null"),
        }
    }
    head.push_str(",\"children\":");
    list(&mut head, &contact.children, |head, child| quote(head, child));
    last_contacted(&mut head, contact, knobs);
    let important = contact.is_important.map_or("null", |important| if important { "true" } else { "false" });
    let _ = write!(head, ",\"is_important\":{important},\"reminder\":null");
    let mut tag_list = String::from(",\"tags\":");
    list(&mut tag_list, &contact.tags, |out, place| match knobs.tags_style() {
        TagsStyle::Strings => quote(out, &tags[*place]),
        TagsStyle::Objects => {
            out.push_str("{\"tag\":");
            quote(out, &tags[*place]);
            let _ = write!(out, ",\"id\":\"{}\"}}", tag_id(*place));
        }
    });
    if knobs.extra_keys() {
        extra_keys(&mut head, contact);
        tag_list.push_str(",\"tags2\":");
        list(&mut tag_list, &contact.tags, |out, place| quote(out, &tags[*place]));
    }
    Rendered { head, fields: fields(contact, None, metadata, knobs), tags: tag_list }
}

impl Rendered {
    /// Appends the contact to an answer; `fields` stands for all of them when given.
    pub(super) fn write(&self, out: &mut String, fields: Option<&str>, with_tags: bool) {
        out.push_str(&self.head);
        let _ = write!(out, ",\"fields\":{}", fields.unwrap_or(&self.fields));
        if with_tags {
            out.push_str(&self.tags);
        }
        out.push('}');
    }
}

/// The `fields` object: every field, or those of `names` that the contact has.
pub(super) fn fields(
    contact: &Contact,
    names: Option<&[String]>,
    metadata: &Metadata,
    knobs: &Knobs,
) -> String {
    let mut out = String::from("{");
    for (name, values) in &contact.fields {
        if names.is_some_and(|names| !names.contains(name)) {
            continue;
        }
        if out.len() > 1 {
            out.push(',');
        }
        quote(&mut out, name);
        out.push(':');
        list(&mut out, values, |out, value| field_value(out, name, value, metadata, knobs));
    }
    out.push('}');
    out
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

/// A moment of contact, by mail and by the first user.
fn last_contacted(head: &mut String, contact: &Contact, knobs: &Knobs) {
    let Some(ms) = contact.last_contacted_ms else {
        head.push_str(NEVER_CONTACTED);
        return;
    };
    let (user, moment) = (USERS[0].0, timestamp(ms, knobs));
    // The thing of contact has an id like a UUID in the reference's example.
    let _ = write!(
        head,
        ",\"last_contacted\":{{\"user_id\":\"{user}\",\"object_id\":\"00000000-0000-4000-8000-{ms:012x}\",\
         \"type\":\"email\",\"tstamp\":\"{moment}\",\"deletion_tstamp\":null}},\
         \"company_last_contacted\":{{\"in\":null,\"out\":\"{moment}\"}}"
    );
}

fn extra_keys(head: &mut String, contact: &Contact) {
    head.push_str(EXTRA_KEYS);
    let everyone = || json!({"read": null, "edit": null});
    let _ = write!(head, ",\"privacy\":{}", contact.privacy.clone().unwrap_or_else(everyone));
    let creator = USERS.iter().find(|(_, name, ..)| *name == contact.creator).map(|(id, ..)| *id);
    let _ = write!(head, ",\"is_editable\":{},\"creator_id\":", !contact.is_locked);
    match creator {
        Some(id) => quote(head, id),
        None => head.push_str("null"),
    }
    let employers = contact.values("parent company").iter();
    let employers = employers.map(|company| (company.value.clone(), company.extra.clone())).chain(
        contact.values("contact employment").iter().filter_map(|employment| {
            let parts: Value = serde_json::from_str(&employment.value).ok()?;
            Some((parts["company_name"].as_str()?.to_owned(), None))
        }),
    );
    head.push_str(",\"employers_info\":");
    list(head, &employers.collect::<Vec<_>>(), |head, (name, id)| {
        let _ = write!(head, "{}", json!({"company_name": name, "contact_id": id}));
    });
}

fn field_value(out: &mut String, name: &str, value: &FieldValue, metadata: &Metadata, knobs: &Knobs) {
    out.push_str("{\"value\":");
    if name == "address" && knobs.address_style != AddressStyle::Json {
        quote(out, &address(&value.value, knobs.address_style));
    } else {
        quote(out, &value.value);
    }
    out.push_str(",\"modifier\":");
    quote(out, &value.modifier);
    out.push_str(",\"label\":");
    quote(out, name);
    if let Some(extra) = &value.extra {
        out.push_str(",\"extra_value\":");
        quote(out, extra);
    }
    if knobs.is_current() {
        let id = metadata.field_id(name, &value.modifier).unwrap_or_default();
        let _ = write!(out, ",\"field_id\":\"{id}\",\"is_primary\":{}", value.is_primary);
    }
    out.push('}');
}

fn list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// Appends a JSON string.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                control if control < ' ' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(control));
                }
                _ => out.push(character),
            }
        }
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn address(stored: &str, style: AddressStyle) -> String {
    let Ok(Value::Object(parts)) = serde_json::from_str(stored) else { return stored.to_owned() };
    if style == AddressStyle::Raw {
        let parts = parts.values().filter_map(part_text).filter(|value| !value.is_empty());
        return parts.collect::<Vec<_>>().join(", ");
    }
    python(&Value::Object(parts))
}

/// A value as Python's `repr` writes it.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => python_literal(text),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(parts) => {
            let parts = parts.iter().map(|(key, part)| format!("{}: {}", python_literal(key), python(part)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
    }
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
            let mut knobs = Knobs::default();
            (knobs.timestamps_style, knobs.zone_minutes) = (style, zone_minutes);
            assert_eq!(timestamp(ms, &knobs), expected);
        }
    }

    #[test]
    fn addresses_come_in_two_further_styles() {
        let stored = r#"{"street":"1 O'Hara \"St\"","city":"Cork\nCity","zip":"","country":"Côte d'Ivoire"}"#;
        assert_eq!(
            address(stored, AddressStyle::Pydict),
            r#"{'street': '1 O\'Hara "St"', 'city': 'Cork\nCity', 'zip': '', 'country': "Côte d'Ivoire"}"#
        );
        assert_eq!(address(stored, AddressStyle::Raw), "1 O'Hara \"St\", Cork\nCity, Côte d'Ivoire");
        assert_eq!(address("free text", AddressStyle::Pydict), "free text");
        let stored = r#"{"street":null,"zip":11000,"main":true,"old":[1,{"city":"Brno"}]}"#;
        assert_eq!(
            address(stored, AddressStyle::Pydict),
            "{'street': None, 'zip': 11000, 'main': True, 'old': [1, {'city': 'Brno'}]}"
        );
        assert_eq!(address(r#"{"street":null,"city":"Brno","zip":11000}"#, AddressStyle::Raw), "Brno, 11000");
    }

    #[test]
    fn every_character_survives_quoting() {
        let text: String = (0..0x250).filter_map(char::from_u32).chain("\u{2028}😀".chars()).collect();
        let mut out = String::new();
        quote(&mut out, &text);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
