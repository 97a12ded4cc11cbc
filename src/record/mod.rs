//! A record as every stage sees it, whatever service or file it came from. No I/O.
//!
//! A record has an id, a type, two times and fields; a field holds one or more values, each with a modifier
//! (`work`, `home`; empty where the source has none). Values are JSON: text, numbers with their literal kept
//! (`serde_json`'s arbitrary precision), booleans, and objects for structured values such as addresses. What
//! the source wrote is kept apart, word for word, in the extract parts ([`RawRecord::raw`]); a [`Record`] is
//! decoded from it when it is needed.

pub mod canonical;
pub mod census;
pub mod columns;
pub mod customs;
pub mod instant;
pub mod list_cell;
pub mod schema;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A record exactly as read, with the few facts that extraction itself needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// The service's id; `None` for rows of files.
    pub id: Option<String>,
    /// `person`, `company`, `record`; `None` for rows of files.
    pub kind: Option<String>,
    /// Creation time as the source writes it.
    pub created: Option<String>,
    /// Time of the last change as the source writes it.
    pub updated: Option<String>,
    /// The record's JSON text, byte for byte. For rows of files: an array of cells in header order (CSV, TSV,
    /// Parquet) or the line's object (JSONL).
    pub raw: String,
}

/// A decoded record.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// The service's id.
    pub id: Option<String>,
    /// `person`, `company`, `record`.
    pub kind: Option<String>,
    /// Creation time as read.
    pub created: Option<String>,
    /// Time of the last change as read.
    pub updated: Option<String>,
    /// Fields in the source's order. Ferry's own (`_tags`, `_owner`, …) begin with `_`; a service's field
    /// whose own name begins with `_` has one more.
    pub fields: Vec<Field>,
}

/// A field with its values in the source's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Name without modifier or part.
    pub name: String,
    /// The values; none where the source had an empty list.
    pub entries: Vec<Entry>,
    /// Whether the source wrote a list. JSON Lines keeps what was read, and the shape tells list columns.
    pub list: bool,
}

/// One value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Modifier such as `work`; empty where there is none.
    pub modifier: String,
    /// Text, number, boolean, an object for structured values, or null as read.
    pub value: Value,
}

impl Record {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Values of a field under one modifier, in order; nothing where the field is absent.
    pub fn values<'a>(&'a self, name: &str, modifier: &'a str) -> impl Iterator<Item = &'a Value> {
        self.field(name)
            .into_iter()
            .flat_map(|field| &field.entries)
            .filter(move |entry| entry.modifier == modifier)
            .map(|entry| &entry.value)
    }
}

impl Field {
    /// A field that holds one value without a modifier.
    #[must_use]
    pub fn single(name: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), entries: vec![Entry { modifier: String::new(), value }], list: false }
    }

    /// A field that holds a list of values without modifiers.
    #[must_use]
    pub fn list(name: impl Into<String>, values: Vec<Value>) -> Self {
        let entries = values.into_iter().map(|value| Entry { modifier: String::new(), value }).collect();
        Self { name: name.into(), entries, list: true }
    }
}

/// Whether a value is empty: null, `""`, `[]`, `{}` and absent are one thing (design section 6).
#[must_use]
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(parts) => parts.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A value as the text of a cell: text as it is, numbers by their literal, structured values as JSON.
#[must_use]
pub fn to_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A service's field name as a column name: one that begins with `_` gets one more (design section 6).
#[must_use]
pub fn escape_name(name: &str) -> String {
    if name.starts_with('_') { format!("_{name}") } else { name.to_owned() }
}

/// A column name as the service's own field name; the inverse of [`escape_name`]. `None` for Ferry's own
/// columns such as `_tags`.
#[must_use]
pub fn service_name(column: &str) -> Option<&str> {
    match column.strip_prefix('_') {
        None => Some(column),
        Some(rest) if rest.starts_with('_') => Some(rest),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_with_an_underscore_go_there_and_back() {
        for name in ["email", "_x", "__y", ""] {
            assert_eq!(service_name(&escape_name(name)), Some(name));
        }
        assert_eq!(service_name("_tags"), None);
    }

    #[test]
    fn number_literals_survive() {
        let value: Value = serde_json::from_str("12345678901234567890.500").unwrap();
        assert_eq!(to_text(&value), "12345678901234567890.500");
    }

    #[test]
    fn empty_is_one_thing() {
        for value in [json!(null), json!(""), json!([]), json!(["", null]), json!({}), json!({"city": ""})] {
            assert!(is_empty(&value), "{value}");
        }
        for value in [json!(0), json!(false), json!(" "), json!(["a"])] {
            assert!(!is_empty(&value), "{value}");
        }
    }
}
