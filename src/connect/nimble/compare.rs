//! Whether a contact is what an operation meant: for rows in doubt, and for rows of equal content (design
//! section 9.3). Values are compared to the letter, and only where that fails as the service may have tidied what it
//! was sent: an edit of somebody else's must not pass for that.

use super::decode::from_service;
use super::tags;
use super::values::{exact, same};
use crate::load::target::{Operation, OperationKind, UpdateState};
use crate::record::schema::Schema;
use crate::record::{Record, canonical, escape_name};
use serde_json::Value;
use std::collections::BTreeMap;

/// Values by field and modifier, without blank ones.
pub(super) type Pairs = BTreeMap<(String, String), Vec<Value>>;

/// How the values of a place stand to those that were sent to it.
pub(super) struct Match {
    /// Whether all that was sent is there.
    pub(super) whole: bool,
    /// Whether there is anything else.
    pub(super) more: bool,
    /// How many values are there to the letter.
    exact: usize,
}

impl Match {
    pub(super) fn of(sent: &[Value], now: &[Value]) -> Self {
        let mut there: Vec<&Value> = now.iter().collect();
        let all = sent.iter().collect();
        let left = without(all, &mut there, |one, other| exact(None, one) == exact(None, other));
        let found = sent.len() - left.len();
        let left = without(left, &mut there, is_tidied);
        Self { whole: left.is_empty(), more: !there.is_empty(), exact: found }
    }
}

/// The values that are not there; each takes one away that it is.
fn without<'a>(
    sent: Vec<&'a Value>,
    there: &mut Vec<&Value>,
    is: fn(&Value, &Value) -> bool,
) -> Vec<&'a Value> {
    let is_missing = |value: &&Value| match there.iter().position(|other| is(value, other)) {
        Some(at) => {
            there.swap_remove(at);
            false
        }
        None => true,
    };
    sent.into_iter().filter(is_missing).collect()
}

/// Whether the service may show one value for the other. Of an address it keeps every part as it is.
fn is_tidied(sent: &Value, shown: &Value) -> bool {
    let plain = !sent.is_object() && !shown.is_object();
    plain && canonical::is_tidied(&exact(None, sent), &exact(None, shown))
}

/// Whether a place holds what was sent to it and nothing else.
pub(super) fn is_as_sent(sent: &[Value], now: &[Value]) -> bool {
    let found = Match::of(sent, now);
    found.whole && !found.more
}

/// Whether `record` holds everything that a create sent. The picture's address is left out: the service
/// replaces it when it likes.
pub(super) fn holds(schema: &Schema, operation: &Operation, record: &Record) -> bool {
    let body = &operation.body;
    let kind = body.get("record_type").and_then(Value::as_str);
    if kind.is_some() && record.kind.is_some() && record.kind.as_deref() != kind {
        return false;
    }
    let has_all =
        |(place, sent): (&(String, String), &Vec<Value>)| Match::of(sent, &of_record(record, place)).whole;
    let tags = tags_of(record);
    pairs(schema, body.get("fields")).iter().all(has_all)
        && sent_tags(body).iter().all(|tag| tags.contains(tag))
}

/// How many values a create sent, and how many of them `record` has to the letter.
pub(super) fn closeness(schema: &Schema, operation: &Operation, record: &Record) -> (usize, usize) {
    let (sent_tags, tags) = (sent_tags(&operation.body), tags_of(record));
    let same_tags = sent_tags.iter().filter(|tag| tags.contains(tag)).count();
    let sum = |(sent, exact): (usize, usize), (place, values): (&(String, String), &Vec<Value>)| {
        (sent + values.len(), exact + Match::of(values, &of_record(record, place)).exact)
    };
    pairs(schema, operation.body.get("fields")).iter().fold((sent_tags.len(), same_tags), sum)
}

/// The content of a create, to the letter.
pub(super) fn content(schema: &Schema, operation: &Operation) -> String {
    let body = &operation.body;
    let texts = |values: Vec<Value>| {
        let mut texts: Vec<_> = values.iter().map(|value| exact(None, value)).collect();
        texts.sort();
        texts
    };
    let fields = pairs(schema, body.get("fields")).into_iter();
    let fields: Vec<_> = fields.map(|(place, values)| (place, texts(values))).collect();
    serde_json::json!([body.get("record_type"), fields, sent_tags(body)]).to_string()
}

/// How `record` stands to an update or to new tags. What was there before was read from the service, so it is known
/// to the letter; what was meant may have been tidied.
pub(super) fn update_state(schema: &Schema, operation: &Operation, record: &Record) -> UpdateState {
    let is_as = |what: &Value, is: fn(&[Value], &[Value]) -> bool| match operation.kind {
        OperationKind::Create => holds(schema, operation, record),
        OperationKind::Tags => tags_of(record) == sent_tags(what),
        // The record is there.
        OperationKind::Delete => false,
        OperationKind::Update | OperationKind::Link => {
            let avatar = what.get("avatar_url").is_none_or(|url| {
                let now = record.values("_avatar", "").next().map(canonical::exact).unwrap_or_default();
                now == canonical::exact(url)
            });
            let fields = pairs(schema, what.get("fields"));
            avatar && fields.iter().all(|(place, values)| is(values, &of_record(record, place)))
        }
    };
    let to_the_letter = |one: &[Value], other: &[Value]| same(None, one, other);
    if is_as(&operation.body, to_the_letter) {
        return UpdateState::AsMeant;
    }
    if operation.kind != OperationKind::Create && is_as(&operation.before, to_the_letter) {
        return UpdateState::AsBefore;
    }
    if is_as(&operation.body, is_as_sent) { UpdateState::AsMeant } else { UpdateState::Otherwise }
}

/// The values of a body's `fields`.
pub(super) fn pairs(schema: &Schema, fields: Option<&Value>) -> Pairs {
    let mut pairs = Pairs::new();
    for (name, list) in fields.and_then(Value::as_object).into_iter().flatten() {
        let name = escape_name(name);
        let spec = schema.field(&name);
        for entry in list.as_array().into_iter().flatten() {
            let modifier = entry.get("modifier").and_then(Value::as_str).unwrap_or_default().to_owned();
            let values = pairs.entry((name.clone(), modifier)).or_default();
            let value = from_service(spec, entry.get("value").cloned().unwrap_or(Value::Null));
            values.extend(Some(value).filter(is_filled));
        }
    }
    pairs
}

pub(super) fn of_record(record: &Record, (name, modifier): &(String, String)) -> Vec<Value> {
    record.values(name, modifier).filter(|value| is_filled(value)).cloned().collect()
}

fn is_filled(value: &Value) -> bool {
    !exact(None, value).is_empty()
}

pub(super) fn tags_of(record: &Record) -> Vec<String> {
    let tags = of_record(record, &("_tags".to_owned(), String::new()));
    let mut tags: Vec<_> = tags.iter().map(canonical::exact).collect();
    tags.sort();
    tags
}

/// The tags of a body: a create's text, or a list.
pub(super) fn sent_tags(body: &Value) -> Vec<String> {
    let mut tags = match body.get("tags") {
        Some(Value::String(text)) => tags::split(text),
        Some(Value::Array(list)) => list.iter().map(canonical::exact).collect(),
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
                "email": [{"value": "ADA@x.org", "modifier": "work"}],
                "address": [{"value": "{\"city\":\"Oslo\",\"zip\":\"\"}", "modifier": "home"}]}}),
            Value::Null,
        );
        let schema = offline_schema();
        let fields = json!({
            "first name": [{"value": "Ada", "modifier": ""}], "source": [{"value": "m", "modifier": ""}],
            "email": [{"value": "b@x.org", "modifier": "work"}, {"value": "ada@x.org", "modifier": "work"}],
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
        again.body["fields"]["email"][0]["value"] = json!("ada@x.org");
        assert_ne!(content(&schema, &create), content(&schema, &again));
        let close = |create| closeness(&schema, create, &record(&fields, &tags));
        assert_eq!((close(&create), close(&again)), ((5, 4), (5, 5)));
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
        let cy = title("Cy <i@acme.org>");
        for (fields, expected) in
            [(ann, UpdateState::AsBefore), (bob, UpdateState::AsMeant), (cy, UpdateState::Otherwise)]
        {
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
