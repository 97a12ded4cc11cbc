//! Keys: what identifies a record at the target (design section 7).
//!
//! A key is a list of alternatives, tried in order; each is one or several fields. Any value of a
//! multi-valued field may match, so a record can have several keys under one alternative.

use crate::record::schema::{FieldRef, Modifier};
use crate::record::{Record, canonical};
use crate::transform::draft::{Draft, TargetField};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyField {
    /// The field, of which any value may match where it names no modifier.
    #[serde(flatten)]
    pub place: FieldRef,
    /// Whether it holds phone numbers, which are compared by their digits. A plan that does not say was made when
    /// all keys were.
    #[serde(default = "as_before")]
    pub by_digits: bool,
}

fn as_before() -> bool {
    true
}

impl KeyField {
    /// A value folded for matching; `None` when it is blank.
    #[must_use]
    pub fn fold(&self, value: &Value) -> Option<String> {
        if self.by_digits { canonical::phone_key(value) } else { canonical::key(value) }
    }
}

/// The most keys that the values of composite fields are multiplied out to.
const MOST: usize = 64;

/// The keys of a record at the target under one alternative; none when one of the fields is blank.
#[must_use]
pub fn of_record(record: &Record, alternative: &[KeyField]) -> Vec<String> {
    combine(alternative.iter().map(|key| values_at(record, key)))
}

/// The keys that a draft gives its record under one alternative; none when one of the fields is blank.
#[must_use]
pub fn of_draft(draft: &Draft, fields: &[TargetField], alternative: &[KeyField]) -> Vec<String> {
    combine(alternative.iter().map(|key| {
        let given = fields.iter().zip(&draft.values).filter(|(field, _)| meets(&key.place, &field.place));
        given.flat_map(|(_, values)| values.iter().flatten()).filter_map(|value| key.fold(value)).collect()
    }))
}

/// The class of the rows that have a key under an alternative.
#[must_use]
pub fn class(alternative: usize, key: &str) -> String {
    format!("key {alternative} {key}")
}

/// The alternative and the key of a class; none where it is one of equal content.
#[must_use]
pub fn of_class(class: &str) -> Option<(usize, &str)> {
    let (alternative, key) = class.strip_prefix("key ")?.split_once(' ')?;
    Some((alternative.parse().ok()?, key))
}

/// Several folded values as one composite key.
#[must_use]
pub fn joined(values: &[&str]) -> String {
    values.join("\u{1f}")
}

/// The values of a place in a record, folded for matching.
fn values_at(record: &Record, key: &KeyField) -> Vec<String> {
    let place = &key.place;
    let head = match place.name.as_str() {
        "_id" => record.id.as_deref(),
        "_type" => record.kind.as_deref(),
        _ => None,
    };
    if let Some(head) = head {
        return key.fold(&Value::from(head)).into_iter().collect();
    }
    let Some(field) = record.field(&place.name) else { return Vec::new() };
    let entries = field.entries.iter().filter(|entry| match &place.modifier {
        Modifier::Named(modifier) => &entry.modifier == modifier,
        Modifier::Any | Modifier::First => true,
    });
    entries
        .filter_map(|entry| match (&place.part, &entry.value) {
            (Some(part), Value::Object(parts)) => parts.get(part).and_then(|value| key.fold(value)),
            (Some(_), _) => None,
            (None, value) => key.fold(value),
        })
        .collect()
}

/// Whether a key field reads what a target field writes: a bare key means every modifier.
fn meets(key: &FieldRef, written: &FieldRef) -> bool {
    key.name == written.name
        && key.part == written.part
        && (key.modifier == written.modifier || matches!(key.modifier, Modifier::Any | Modifier::First))
}

fn combine(fields: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut first = true;
    for values in fields {
        let longer = keys.iter().flat_map(|key| {
            values.iter().map(move |value| if first { value.clone() } else { format!("{key}\u{1f}{value}") })
        });
        keys = longer.take(MOST).collect();
        first = false;
    }
    keys.sort();
    keys.dedup();
    keys.retain(|key| !key.is_empty());
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Entry, Field};
    use serde_json::json;

    fn place(name: &str, modifier: Modifier) -> KeyField {
        KeyField { place: FieldRef { name: name.into(), modifier, part: None }, by_digits: false }
    }

    #[test]
    fn a_plan_that_does_not_say_how_its_keys_compare_was_made_with_digits() {
        let old: KeyField = serde_json::from_str(r#"{"name":"Ext","modifier":"Any","part":null}"#).unwrap();
        assert!(old.by_digits);
        let new = place("Ext", Modifier::Any);
        let kept: KeyField = serde_json::from_str(&serde_json::to_string(&new).unwrap()).unwrap();
        assert_eq!(kept, new);
        assert_eq!(new.fold(&json!("12-345")).as_deref(), Some("12-345"));
        assert_eq!(old.fold(&json!("12-345")).as_deref(), Some("12345"));
    }

    #[test]
    fn any_value_may_match_and_composites_need_all_their_fields() {
        let entry = |modifier: &str, value: &str| Entry { modifier: modifier.into(), value: json!(value) };
        let record = Record {
            fields: vec![
                Field {
                    name: "email".into(),
                    entries: vec![entry("work", "A@x.org"), entry("home", "b@x.org")],
                    list: true,
                },
                Field::single("last name", json!(" Byron ")),
            ],
            ..Record::default()
        };
        let email = place("email", Modifier::Any);
        let name = place("last name", Modifier::Named(String::new()));
        assert_eq!(of_record(&record, std::slice::from_ref(&email)), ["a@x.org", "b@x.org"]);
        assert_eq!(of_record(&record, &[name.clone(), email]), ["byron\u{1f}a@x.org", "byron\u{1f}b@x.org"]);
        let missing = place("first name", Modifier::Named(String::new()));
        assert!(of_record(&record, &[name, missing]).is_empty());
    }
}
