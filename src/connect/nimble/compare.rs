//! Whether a contact is what an operation meant: for rows in doubt, and for rows of equal content (design
//! section 9.3). Values are compared in canonical form, since the service may tidy what it stores.

use super::decode::from_service;
use super::tags;
use super::values::exact;
use crate::load::target::{Operation, OperationKind, UpdateState};
use crate::record::schema::Schema;
use crate::record::{Record, canonical, escape_name};
use serde_json::Value;
use std::collections::BTreeMap;

/// Canonical values by field and modifier, sorted.
pub(super) type Pairs = BTreeMap<(String, String), Vec<String>>;
/// What equal values are equal as.
type Fold = fn(&Value) -> String;

/// Whether `record` holds everything that a create sent. The picture's address is left out: the service
/// replaces it when it likes.
pub(super) fn holds(schema: &Schema, operation: &Operation, record: &Record) -> bool {
    let body = &operation.body;
    let kind = body.get("record_type").and_then(Value::as_str);
    if kind.is_some() && record.kind.is_some() && record.kind.as_deref() != kind {
        return false;
    }
    let has_all = |(place, sent): (&(String, String), &Vec<String>)| {
        let mut there = of_record(record, place);
        sent.iter().all(|value| match there.iter().position(|other| other == value) {
            Some(at) => {
                there.swap_remove(at);
                true
            }
            None => false,
        })
    };
    let tags = tags_of(record);
    pairs(schema, body.get("fields")).iter().all(has_all)
        && sent_tags(body).iter().all(|tag| tags.contains(tag))
}

/// The content of a create in canonical form.
pub(super) fn content(schema: &Schema, operation: &Operation) -> String {
    let body = &operation.body;
    let fields: Vec<_> = pairs(schema, body.get("fields")).into_iter().collect();
    serde_json::json!([body.get("record_type"), fields, sent_tags(body)]).to_string()
}

/// How `record` stands to an update or to new tags. What tells before from meant may be what the service tidies, so
/// they are compared to the letter first.
pub(super) fn update_state(schema: &Schema, operation: &Operation, record: &Record) -> UpdateState {
    let to_the_letter: Fold = |value| exact(None, value);
    let is_as = |what: &Value, fold: Fold| match operation.kind {
        OperationKind::Create => holds(schema, operation, record),
        OperationKind::Tags => tags_of(record) == sent_tags(what),
        // The record is there.
        OperationKind::Delete => false,
        OperationKind::Update | OperationKind::Link => {
            let avatar = what.get("avatar_url").is_none_or(|url| {
                let now = record.values("_avatar", "").next().map(canonical::value).unwrap_or_default();
                now == canonical::value(url)
            });
            avatar
                && folded_pairs(schema, what.get("fields"), fold)
                    .iter()
                    .all(|(place, values)| folded_of_record(record, place, fold) == *values)
        }
    };
    for fold in [to_the_letter, canonical::value] {
        if is_as(&operation.body, fold) {
            return UpdateState::AsMeant;
        }
        if operation.kind != OperationKind::Create && is_as(&operation.before, fold) {
            return UpdateState::AsBefore;
        }
    }
    UpdateState::Otherwise
}

/// The values of a body's `fields`.
pub(super) fn pairs(schema: &Schema, fields: Option<&Value>) -> Pairs {
    folded_pairs(schema, fields, canonical::value)
}

fn folded_pairs(schema: &Schema, fields: Option<&Value>, fold: Fold) -> Pairs {
    let mut pairs = Pairs::new();
    for (name, list) in fields.and_then(Value::as_object).into_iter().flatten() {
        let name = escape_name(name);
        let spec = schema.field(&name);
        for entry in list.as_array().into_iter().flatten() {
            let modifier = entry.get("modifier").and_then(Value::as_str).unwrap_or_default().to_owned();
            let values = pairs.entry((name.clone(), modifier)).or_default();
            let value = from_service(spec, entry.get("value").cloned().unwrap_or(Value::Null));
            values.extend(Some(fold(&value)).filter(|text| !text.is_empty()));
        }
    }
    for values in pairs.values_mut() {
        values.sort();
    }
    pairs
}

pub(super) fn of_record(record: &Record, place: &(String, String)) -> Vec<String> {
    folded_of_record(record, place, canonical::value)
}

fn folded_of_record(record: &Record, (name, modifier): &(String, String), fold: Fold) -> Vec<String> {
    let values = record.values(name, modifier).map(fold);
    let mut values: Vec<_> = values.filter(|text| !text.is_empty()).collect();
    values.sort();
    values
}

pub(super) fn tags_of(record: &Record) -> Vec<String> {
    of_record(record, &("_tags".to_owned(), String::new()))
}

/// The tags of a body: a create's text, or a list.
pub(super) fn sent_tags(body: &Value) -> Vec<String> {
    let mut tags = match body.get("tags") {
        Some(Value::String(text)) => tags::split(text),
        Some(Value::Array(list)) => list.iter().map(canonical::value).collect(),
        _ => Vec::new(),
    };
    tags.sort();
    tags
}

#[cfg(test)]
mod tests {
    use super::super::decode::Decoder;
    use super::super::schema::offline_schema;
    use super::*;
    use crate::extract::Decode;
    use serde_json::json;

    fn record(fields: &Value, tags: &Value) -> Record {
        let contact = json!({"id": "1", "record_type": "person", "fields": fields, "tags": tags});
        Decoder::new(&offline_schema()).decode(&contact.to_string()).unwrap()
    }

    fn operation(kind: OperationKind, body: Value, before: Value) -> Operation {
        Operation { kind, body, before }
    }

    #[test]
    fn a_created_contact_is_known_by_what_was_sent() {
        let create = operation(
            OperationKind::Create,
            json!({"record_type": "person", "tags": "a,b\\,c", "avatar_url": "x", "fields": {
                "first name": [{"value": " Ada", "modifier": ""}],
                "email": [{"value": "ada@x.org", "modifier": "work"}],
                "address": [{"value": "{\"city\":\"Oslo\",\"zip\":\"\"}", "modifier": "home"}]}}),
            Value::Null,
        );
        let schema = offline_schema();
        let fields = json!({
            "first name": [{"value": "Ada", "modifier": ""}], "source": [{"value": "m", "modifier": ""}],
            "email": [{"value": "b@x.org", "modifier": "work"}, {"value": "ADA@x.org", "modifier": "work"}],
            "address": [{"value": "{'city': 'Oslo'}", "modifier": "home"}]});
        let tags = json!(["b,c", "a"]);
        assert!(holds(&schema, &create, &record(&fields, &tags)));
        assert!(!holds(&schema, &create, &record(&fields, &json!(["a"]))));
        let mut other = fields.clone();
        other["email"][1]["modifier"] = json!("personal");
        assert!(!holds(&schema, &create, &record(&other, &tags)));
        let mut again = create.clone();
        again.body["tags"] = json!("b\\,c,a");
        again.body["avatar_url"] = json!("y");
        assert_eq!(content(&schema, &create), content(&schema, &again));
    }

    #[test]
    fn an_update_was_done_or_not_or_somebody_else_was_there() {
        let update = operation(
            OperationKind::Update,
            json!({"fields": {"phone": [{"value": "2", "modifier": "work"}], "title": [{"value": null, "modifier": ""}]}}),
            json!({"fields": {"phone": [{"value": "1", "modifier": "work"}], "title": [{"value": "CEO", "modifier": ""}]}}),
        );
        let schema = offline_schema();
        let phone =
            |number: &str| json!([{"value": number, "modifier": "work"}, {"value": "9", "modifier": "home"}]);
        let title = json!([{"value": "CEO", "modifier": ""}]);
        let cases = [
            (json!({"phone": phone("2")}), UpdateState::AsMeant),
            (json!({"phone": phone("1"), "title": title}), UpdateState::AsBefore),
            (json!({"phone": phone("2"), "title": title}), UpdateState::Otherwise),
        ];
        for (fields, expected) in cases {
            assert_eq!(update_state(&schema, &update, &record(&fields, &json!([]))), expected, "{fields}");
        }
        let title = |text: &str| json!({"title": [{"value": text, "modifier": ""}]});
        let (ann, bob) = (title("Ann <i@acme.org>"), title("Bob <i@acme.org>"));
        let edit = operation(OperationKind::Update, json!({"fields": bob}), json!({"fields": ann}));
        for (fields, expected) in [(ann, UpdateState::AsBefore), (bob, UpdateState::AsMeant)] {
            assert_eq!(update_state(&schema, &edit, &record(&fields, &json!([]))), expected, "{fields}");
        }
        let tags = operation(OperationKind::Tags, json!({"tags": ["a", "b"]}), json!({"tags": []}));
        for (now, expected) in [
            (json!(["b", "a"]), UpdateState::AsMeant),
            (json!([]), UpdateState::AsBefore),
            (json!(["c"]), UpdateState::Otherwise),
        ] {
            assert_eq!(update_state(&schema, &tags, &record(&json!({}), &now)), expected);
        }
    }
}
