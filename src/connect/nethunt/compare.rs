//! How a record stands to an operation that was, or may have been, carried out. Pure, in canonical form.

use super::actions::result;
use super::values::{is_blank, lacks, same_set};
use crate::load::target::{Operation, UpdateState};
use crate::record::{Record, canonical, escape_name};
use serde_json::Value;

/// Whether `record` holds everything that a create sent.
pub(super) fn holds(operation: &Operation, record: &Record) -> bool {
    fields(operation, "fields").all(|(name, value)| lacks(&held(record, name), &list(value)).is_empty())
}

/// What a create sent, as text that is equal for equal contents: fields by name, several values as a set.
pub(super) fn content(operation: &Operation) -> String {
    let mut parts: Vec<_> = fields(operation, "fields")
        .map(|(name, value)| {
            let mut values: Vec<_> = list(value).iter().map(canonical::value).collect();
            values.sort();
            values.dedup();
            (name, values)
        })
        .collect();
    parts.sort();
    serde_json::to_string(&parts).unwrap_or_default()
}

/// Whether the fields that an update touches are as it meant them, as they were before, or neither.
pub(super) fn update_state(operation: &Operation, record: &Record) -> UpdateState {
    let was = |name: &str| operation.before.get(name).map(list).unwrap_or_default();
    let all = |expected: &dyn Fn(&str, &Value) -> Vec<Value>| {
        fields(operation, "fieldActions")
            .all(|(name, action)| same_set(&held(record, name), &expected(name, action)))
    };
    if all(&|name, action| result(&was(name), action)) {
        UpdateState::AsMeant
    } else if all(&|name, _| was(name)) {
        UpdateState::AsBefore
    } else {
        UpdateState::Otherwise
    }
}

fn fields<'a>(operation: &'a Operation, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let fields = operation.body.get(key).and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn held(record: &Record, service_name: &str) -> Vec<Value> {
    let column = escape_name(service_name);
    record.values(&column, "").filter(|value| !is_blank(value)).cloned().collect()
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.iter().filter(|item| !is_blank(item)).cloned().collect(),
        blank if is_blank(blank) => Vec::new(),
        single => vec![single.clone()],
    }
}
