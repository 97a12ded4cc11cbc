//! Keys: what identifies a record at the target (design section 7).
//!
//! A key is a list of alternatives, tried in order; each is one or several fields. Any value of a
//! multi-valued field may match, so a record can have several keys under one alternative.

use crate::record::schema::{FieldRef, Modifier};
use crate::record::{Record, canonical};
use crate::transform::draft::{Draft, TargetField};
use serde_json::Value;

/// The most keys that the values of composite fields are multiplied out to.
const MOST: usize = 64;

/// The keys of a record at the target under one alternative; none when one of the fields is blank.
#[must_use]
pub fn of_record(record: &Record, alternative: &[FieldRef]) -> Vec<String> {
    combine(alternative.iter().map(|place| values_at(record, place)))
}

/// The keys that a draft gives its record under one alternative; none when one of the fields is blank.
#[must_use]
pub fn of_draft(draft: &Draft, fields: &[TargetField], alternative: &[FieldRef]) -> Vec<String> {
    combine(alternative.iter().map(|place| {
        let given = fields.iter().zip(&draft.values).filter(|(field, _)| meets(place, &field.place));
        given.flat_map(|(_, values)| values.iter().flatten()).filter_map(canonical::key).collect()
    }))
}

/// Several folded values as one composite key.
#[must_use]
pub fn joined(values: &[&str]) -> String {
    values.join("\u{1f}")
}

/// The values of a place in a record, folded for matching.
fn values_at(record: &Record, place: &FieldRef) -> Vec<String> {
    let head = match place.name.as_str() {
        "_id" => record.id.as_deref(),
        "_type" => record.kind.as_deref(),
        _ => None,
    };
    if let Some(head) = head {
        return canonical::key(&Value::from(head)).into_iter().collect();
    }
    let Some(field) = record.field(&place.name) else { return Vec::new() };
    let entries = field.entries.iter().filter(|entry| match &place.modifier {
        Modifier::Named(modifier) => &entry.modifier == modifier,
        Modifier::Any | Modifier::First => true,
    });
    entries
        .filter_map(|entry| match (&place.part, &entry.value) {
            (Some(part), Value::Object(parts)) => parts.get(part).and_then(canonical::key),
            (Some(_), _) => None,
            (None, value) => canonical::key(value),
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

    fn place(name: &str, modifier: Modifier) -> FieldRef {
        FieldRef { name: name.into(), modifier, part: None }
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
