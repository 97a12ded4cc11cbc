//! Nimble's fields, from its metadata or from the documented defaults.
//!
//! The metadata has one entry a (field, modifier) pair (facts, section 12.1); here they are one field again.
//! The old and the new metadata API are read, in either of the shapes they were seen in.

use crate::record::escape_name;
use crate::record::schema::{FieldSpec, Kind, Schema};
use serde_json::Value;
use std::collections::HashSet;

/// The stream as people write it.
pub(super) const CONTACTS: &str = "nimble:contacts";
/// Name of the field whose values are addresses, whatever its presentation says.
const ADDRESS: &str = "address";
/// Parts of an address in column order (facts, section 8.2).
pub(super) const ADDRESS_PARTS: [&str; 5] = ["street", "city", "state", "zip", "country"];

/// Ferry's own columns: name, whether it holds several values, whether the service fills it.
const OWN: [(&str, bool, bool); 6] = [
    ("_tags", true, false),
    ("_owner", false, true),
    ("_avatar", false, false),
    ("_creator", false, true),
    ("_children", true, true),
    ("_last_contacted", false, true),
];

/// The default fields (facts, section 8.1): name, several values, modifiers.
const DEFAULTS: [(&str, bool, &[&str]); 28] = [
    ("first name", false, &[""]),
    ("last name", false, &[""]),
    ("middle name", false, &[""]),
    ("company name", false, &[""]),
    ("title", false, &[""]),
    ("parent company", false, &[""]),
    ("source", false, &[""]),
    ("last contacted", false, &[""]),
    ("domain", false, &[""]),
    ("phone", true, &["work", "home", "mobile", "main", "home fax", "work fax", "other"]),
    ("email", true, &["work", "personal", "other"]),
    ("skype id", true, &[""]),
    ("twitter", true, &[""]),
    ("facebook", true, &[""]),
    ("linkedin", true, &[""]),
    ("google plus", true, &[""]),
    ("foursquare", true, &[""]),
    (ADDRESS, true, &["work", "home", "other"]),
    ("hubspot", false, &[""]),
    ("URL", true, &["work", "personal", "blog", "other"]),
    ("description", true, &["other", "twitter", "facebook", "linkedin", "google+", "foursquare"]),
    ("annual revenue", false, &[""]),
    ("# of employees", false, &[""]),
    ("lead status", false, &[""]),
    ("rating", false, &[""]),
    ("lead source", false, &[""]),
    ("lead type", false, &[""]),
    ("birthday", false, &[""]),
];

/// The fields that every account has, for checks without a connection. Custom fields are not among them.
#[must_use]
pub(super) fn offline_schema() -> Schema {
    let mut fields = own_fields();
    fields.extend(defaults());
    Schema { open: true, ..whole(fields) }
}

/// Whether every account has a field of that name.
pub(super) fn is_default(name: &str) -> bool {
    DEFAULTS.iter().any(|(known, ..)| *known == name)
}

fn defaults() -> impl Iterator<Item = FieldSpec> {
    DEFAULTS.iter().map(|(name, several, modifiers)| {
        let modifiers = modifiers.iter().map(|modifier| (*modifier).to_owned()).collect();
        let name = (*name).to_owned();
        finished(FieldSpec { name, modifiers, several: *several, ..FieldSpec::default() })
    })
}

/// Reads `/contacts/metadata`: at top level, or under `contacts_meta`.
pub(super) fn from_metadata(answer: &Value) -> Option<Schema> {
    let root = answer.get("contacts_meta").unwrap_or(answer);
    let mut fields = own_fields();
    for (name, pairs) in root.get("fields")?.as_object()? {
        let pairs = pairs.as_array().map_or_else(|| vec![pairs], |pairs| pairs.iter().collect());
        fields.push(field(name, &pairs));
    }
    Some(whole(fields))
}

/// Reads `/contacts/fields`: tabs that hold groups and fields (facts, section 12.2).
pub(super) fn from_tabs(answer: &Value) -> Option<Schema> {
    let mut found: Vec<&Value> = Vec::new();
    for tab in answer.get("tabs")?.as_array()? {
        for member in tab.get("members").and_then(Value::as_array).into_iter().flatten() {
            match member.get("fields").and_then(Value::as_array) {
                Some(grouped) => found.extend(grouped),
                None => found.push(member),
            }
        }
    }
    let mut fields = own_fields();
    let mut done = HashSet::new();
    let name_of = |field: &Value| field.get("name").and_then(Value::as_str).map(str::to_owned);
    for one in &found {
        let Some(name) = name_of(one) else { continue };
        if done.insert(name.clone()) {
            let pairs: Vec<_> =
                found.iter().copied().filter(|other| name_of(other).as_ref() == Some(&name)).collect();
            fields.push(field(&name, &pairs));
        }
    }
    Some(whole(fields))
}

fn whole(fields: Vec<FieldSpec>) -> Schema {
    let listed = |default: &FieldSpec| fields.iter().any(|field| field.name == default.name);
    let unlisted = defaults().filter(|default| !listed(default)).collect();
    Schema { of: CONTACTS.to_owned(), has_modifiers: true, has_head: true, open: false, fields, unlisted }
}

fn own_fields() -> Vec<FieldSpec> {
    let own = OWN.iter().map(|(name, several, read_only)| FieldSpec {
        name: (*name).to_owned(),
        modifiers: vec![String::new()],
        several: *several,
        read_only: *read_only,
        kind: Kind::Text,
        ..FieldSpec::default()
    });
    own.collect()
}

/// One field of all its (field, modifier) pairs.
fn field(name: &str, pairs: &[&Value]) -> FieldSpec {
    let mut spec = FieldSpec { name: escape_name(name), ..FieldSpec::default() };
    for pair in pairs {
        let modifier = pair.get("modifier").and_then(Value::as_str).unwrap_or_default();
        if !spec.modifiers.iter().any(|known| known == modifier) {
            spec.modifiers.push(modifier.to_owned());
        }
        spec.several |= flag(pair.get("multiples"));
        spec.read_only |= flag(pair.get("read_only"));
        let kind = pair.pointer("/presentation/type").or_else(|| pair.pointer("/field_type/field_kind"));
        match kind.and_then(Value::as_str) {
            Some("address") => spec.parts = parts(),
            Some("multi-line-text-box" | "long_string") => spec.prose = true,
            Some("attachment") => spec.read_only = true,
            Some("phone") => spec.phones = true,
            _ => {}
        }
        if spec.choices.is_empty() {
            spec.choices = choices(pair);
        }
    }
    finished(spec)
}

/// What is known of a field by its name, whatever the metadata leaves out.
fn finished(mut spec: FieldSpec) -> FieldSpec {
    match spec.name.as_str() {
        ADDRESS => spec.parts = parts(),
        "description" => spec.prose = true,
        "phone" => spec.phones = true,
        // Set by the service or outdated (facts, section 8.1).
        "source" | "last contacted" => spec.read_only = true,
        name if name.starts_with("discovered ") => spec.read_only = true,
        _ => {}
    }
    if spec.modifiers.is_empty() {
        spec.modifiers.push(String::new());
    }
    spec
}

fn parts() -> Vec<String> {
    ADDRESS_PARTS.iter().map(|part| (*part).to_owned()).collect()
}

/// A drop-down's choices, where their labels tell them apart: only then can a label stand for its id in a file
/// and be read back. Otherwise the ids stand for themselves.
fn choices(pair: &Value) -> Vec<(String, String)> {
    let choices = listed_choices(pair);
    let labels: HashSet<_> = choices.iter().map(|(_, label)| label.trim()).collect();
    let clear = labels.len() == choices.len()
        && choices.iter().all(|(id, label)| {
            !label.trim().is_empty()
                && label.trim() == label
                && (id == label || !choices.iter().any(|(other, _)| other == label))
        });
    if clear { choices } else { Vec::new() }
}

/// The choices that a field's metadata lists, id and label, wherever they stand in it.
pub(super) fn listed_choices(pair: &Value) -> Vec<(String, String)> {
    let places = [
        "/presentation/values",
        "/field_type/values/values",
        "/field_type/values",
        "/field_type/choices",
        "/presentation/choices",
        "/choices",
    ];
    let listed = places.iter().find_map(|place| pair.pointer(place)?.as_array());
    let text = |choice: &Value, key: &str| choice.get(key).map(crate::record::to_text);
    let read = |choice: &Value| {
        Some((text(choice, "id")?, text(choice, "value").or_else(|| text(choice, "label"))?))
    };
    listed.into_iter().flatten().filter_map(read).collect()
}

/// Flags come as booleans, as 0 and 1, and as text (facts, section 3).
pub(super) fn flag(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_f64().is_some_and(|number| number != 0.0),
        Some(Value::String(text)) => matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pairs_become_fields_in_the_services_order() {
        let metadata = json!({"fields": {
            "email": [{"modifier": "work", "multiples": 1}, {"modifier": "personal"}],
            "address": [{"modifier": "home", "presentation": {}, "multiples": true}],
            "lead status": [{"modifier": "", "presentation": {"type": "select-box",
                "values": [{"id": "1", "value": "Open"}, {"id": 2, "value": "Won"}]}}],
            "mixed": [{"presentation": {"type": "select-box",
                "values": [{"id": "1", "value": "2"}, {"id": "2", "value": "x"}]}}],
            "_odd": [{"modifier": ""}],
            "source": [{"modifier": ""}],
        }, "groups": {}});
        for answer in [metadata.clone(), json!({"contacts_meta": metadata})] {
            let schema = from_metadata(&answer).unwrap();
            let names: Vec<_> = schema.fields.iter().map(|field| field.name.as_str()).collect();
            assert_eq!(names[..2], ["_tags", "_owner"]);
            assert_eq!(names[6..], ["email", "address", "lead status", "mixed", "__odd", "source"]);
            assert_eq!(schema.field("email").unwrap().modifiers, ["work", "personal"]);
            assert!(schema.field("email").unwrap().several);
            assert_eq!(schema.field("address").unwrap().parts, ADDRESS_PARTS);
            assert_eq!(schema.field("lead status").unwrap().choices[1], ("2".into(), "Won".into()));
            assert!(schema.field("mixed").unwrap().choices.is_empty());
            assert!(schema.field("source").unwrap().read_only);
        }
    }

    #[test]
    fn tabs_are_read_too() {
        let schema = from_tabs(&json!({"tabs": [{"members": [
            {"type": "group", "fields": [{"name": "phone", "modifier": "work", "multiples": true}]},
            {"type": "field", "name": "phone", "modifier": "home"},
            {"type": "field", "name": "cv", "field_type": {"field_kind": "attachment"}},
        ]}]}));
        let schema = schema.unwrap();
        assert_eq!(schema.field("phone").unwrap().modifiers, ["work", "home"]);
        assert!(schema.field("cv").unwrap().read_only);
    }

    #[test]
    fn the_defaults_can_be_had_without_a_connection() {
        let schema = offline_schema();
        assert!(schema.field("description").unwrap().prose);
        assert_eq!(schema.field("phone").unwrap().modifiers.len(), 7);
    }
}
