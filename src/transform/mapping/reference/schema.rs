//! The JSON Schema of mapping files, for editors: written from the same tables as the documentation.

use super::keys;
use crate::transform::mapping::operations::entries;
use crate::transform::mapping::operations::entry::{Argument, Entry, Kind};
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 2020-12) of mapping files. Strict: it knows every key and refuses any other.
#[must_use]
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ferry mapping",
        "description": "What becomes what, field by field, when records move between CRMs and files",
        "type": "object",
        "additionalProperties": false,
        "required": ["field"],
        "properties": {
            "mapping": table(keys::SETTINGS, "What holds for the whole mapping"),
            "filter": {
                "type": "array",
                "description": "Conditions that a record must meet to be mapped",
                "items": {"$ref": "#/$defs/condition"},
            },
            "field": {
                "type": "array",
                "minItems": 1,
                "description": "One for every target field",
                "items": field(),
            },
            "example": {
                "type": "array",
                "description": "Records and what must become of them; `ferry mapping test` runs them",
                "items": table(keys::EXAMPLE, "A record and what must become of it"),
            },
        },
        "$defs": {
            "condition": condition(),
            "operation": operation(),
            "scalar": {"type": ["string", "number", "boolean"]},
            "scalars": {"anyOf": [{"$ref": "#/$defs/scalar"}, {"type": "array", "items": {"$ref": "#/$defs/scalar"}}]},
            "texts": {
                "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}],
            },
        },
    })
}

/// A table that has these keys and no others.
fn table(arguments: &[Argument], description: &str) -> Value {
    let mut table = json!({"type": "object", "additionalProperties": false, "description": description});
    let properties: Map<_, _> =
        arguments.iter().map(|argument| (argument.name.to_owned(), described(argument))).collect();
    let required: Vec<_> =
        arguments.iter().filter(|argument| argument.required).map(|argument| argument.name).collect();
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table["properties"] = properties.into();
    table
}

fn field() -> Value {
    let mut field = table(keys::FIELD, "A target field and where its values come from");
    let origin = |key: &str| json!({"required": [key]});
    field["oneOf"] = json!([origin("from"), origin("const"), origin("template")]);
    field
}

fn condition() -> Value {
    let mut condition =
        table(keys::CONDITION, "A test of a field, or `all`, `any`, `not` of other conditions");
    let alone = |key: &str| json!({"required": [key], "maxProperties": 1});
    let of_field = json!({
        "required": ["field"],
        "minProperties": 2,
        "properties": {"all": false, "any": false, "not": false},
    });
    condition["oneOf"] = json!([of_field, alone("all"), alone("any"), alone("not")]);
    condition
}

/// An operation: a name that may stand alone, or a table of one name with its arguments.
fn operation() -> Value {
    let alone: Vec<_> = entries().filter(|entry| entry.bare).map(|entry| entry.name).collect();
    let with: Map<_, _> = entries()
        .filter(|entry| !entry.arguments.is_empty())
        .map(|entry| (entry.name.to_owned(), arguments(entry)))
        .collect();
    json!({
        "anyOf": [
            {"enum": alone},
            {
                "type": "object",
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
                "properties": with,
            },
        ],
    })
}

fn arguments(entry: &Entry) -> Value {
    let table = table(entry.arguments, entry.what);
    let short = entry.short.and_then(|short| entry.arguments.iter().find(|argument| argument.name == short));
    match short {
        None => table,
        Some(short) => json!({"description": entry.what, "anyOf": [described(short), table]}),
    }
}

fn described(argument: &Argument) -> Value {
    let mut schema = of_kind(argument.kind);
    let default = match argument.default {
        "" => String::new(),
        default => format!(" (otherwise: {default})"),
    };
    schema["description"] = format!("{}{default}", argument.what).into();
    schema
}

fn of_kind(kind: Kind) -> Value {
    let table_of_values = || json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/scalars"}});
    match kind {
        Kind::Text | Kind::Field => json!({"type": "string"}),
        Kind::Texts => json!({"$ref": "#/$defs/texts"}),
        Kind::Whole => json!({"type": "integer"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Choice(words) => json!({"enum": words}),
        Kind::Scalar => json!({"$ref": "#/$defs/scalar"}),
        Kind::Scalars => json!({"$ref": "#/$defs/scalars"}),
        Kind::Mark => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Kind::Words => json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/scalar"}}),
        Kind::Take => json!({
            "anyOf": [
                {"enum": ["first", "last", "all"]},
                {"type": "integer", "minimum": 1},
                {"type": "integer", "maximum": -1},
            ],
        }),
        Kind::Keys => json!({
            "anyOf": [
                {"type": "string"},
                {"type": "array", "minItems": 1, "items": {"type": "string"}},
                {"type": "array", "minItems": 1, "items": {"type": "array", "minItems": 1, "items": {"type": "string"}}},
            ],
        }),
        Kind::Condition => json!({"$ref": "#/$defs/condition"}),
        Kind::Conditions => json!({
            "anyOf": [
                {"$ref": "#/$defs/condition"},
                {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}},
            ],
        }),
        Kind::Operations => json!({
            "anyOf": [{"$ref": "#/$defs/operation"}, {"type": "array", "items": {"$ref": "#/$defs/operation"}}],
        }),
        Kind::Link => table(keys::LINK, ""),
        Kind::Record => table_of_values(),
    }
}
