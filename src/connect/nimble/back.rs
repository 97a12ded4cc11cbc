//! A contact after it was written: how it differs from what was meant, what somebody added to it, and what takes
//! a write back. Pure; values are compared as in [`super::compare`].

use super::compare::{Match, Pairs, is_as_sent, of_record, pairs, sent_tags, tags_of};
use super::decode::to_service;
use super::values::same;
use crate::load::target::{Change, Difference, Inverse, Operation, OperationKind};
use crate::record::schema::Schema;
use crate::record::{Record, canonical, service_name, to_text};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The field that the service fills in by itself (facts, section 8.1).
const SOURCE: &str = "source";
const COMPANY_NAME: &str = "company name";
/// A part of the addresses of pictures that the service keeps itself, like those of contacts that have none of their
/// own (facts, section 7). It changes these when it likes.
const OWN_PICTURES: &str = "/api/avatars/";

/// What operations meant a contact to hold.
#[derive(Default)]
struct Meant {
    kind: Option<String>,
    /// Values by field and modifier; whether no others may be there.
    pairs: BTreeMap<(String, String), (Vec<Value>, bool)>,
    tags: Option<(Vec<String>, bool)>,
    avatar: Option<String>,
    /// The picture that a new contact was given.
    first_avatar: Option<String>,
}

impl Meant {
    fn by(schema: &Schema, operations: &[Operation]) -> Self {
        let mut meant = Self::default();
        for Operation { kind, body, .. } in operations {
            let exact = *kind != OperationKind::Create;
            let fields = pairs(schema, body.get("fields"));
            meant.pairs.extend(fields.into_iter().map(|(place, values)| (place, (values, exact))));
            if body.get("tags").is_some() {
                meant.tags = Some((sent_tags(body), exact));
            }
            if *kind == OperationKind::Create {
                meant.kind = body.get("record_type").and_then(Value::as_str).map(str::to_owned);
                // That it holds no longer: the service may have put one of its own in its place.
                meant.first_avatar = body.get("avatar_url").map(canonical::exact);
            } else if let Some(url) = body.get("avatar_url") {
                meant.avatar = Some(canonical::exact(url));
            }
        }
        meant
    }
}

/// How `record` differs from what operations meant it to hold.
pub(super) fn differences(schema: &Schema, operations: &[Operation], record: &Record) -> Vec<Difference> {
    let meant = Meant::by(schema, operations);
    let mut differences = Vec::new();
    if let (Some(kind), Some(now)) = (&meant.kind, &record.kind)
        && kind != now
    {
        differences.push(difference("_type", std::slice::from_ref(kind), std::slice::from_ref(now)));
    }
    for (place, (values, exact)) in &meant.pairs {
        let now = of_record(record, place);
        let found = Match::of(values, &now);
        if !found.whole || (*exact && found.more) {
            differences.push(difference(&shown(place), &texts(values), &texts(&now)));
        }
    }
    if let Some((tags, exact)) = &meant.tags {
        let now = tags_of(record);
        let agrees = if *exact { *tags == now } else { tags.iter().all(|tag| now.contains(tag)) };
        if !agrees {
            differences.push(difference("_tags", tags, &now));
        }
    }
    if let Some(url) = &meant.avatar {
        let now = avatar_of(record);
        if now != *url {
            differences.push(difference("_avatar", std::slice::from_ref(url), &[now]));
        }
    }
    differences
}

/// What `record` holds beyond what operations wrote. What only the service writes is no addition.
pub(super) fn beyond(schema: &Schema, operations: &[Operation], record: &Record) -> Vec<Difference> {
    let meant = Meant::by(schema, operations);
    let mut differences = Vec::new();
    for place in places(record) {
        let read_only = schema.field(&place.0).is_some_and(|spec| spec.read_only);
        if place.0 == SOURCE || read_only {
            continue;
        }
        let now = of_record(record, &place);
        let values = meant.pairs.get(&place).map(|(values, _)| values.as_slice()).unwrap_or_default();
        if !now.is_empty() && !is_as_sent(values, &now) {
            differences.push(difference(&shown(&place), &texts(values), &texts(&now)));
        }
    }
    let avatar = meant.avatar.or(meant.first_avatar).unwrap_or_default();
    if has_foreign_picture(record) && avatar_of(record) != avatar {
        differences.push(difference("_avatar", &[avatar], &[avatar_of(record)]));
    }
    let tags = meant.tags.map(|(tags, _)| tags).unwrap_or_default();
    let now = tags_of(record);
    if now != tags {
        differences.push(difference("_tags", &tags, &now));
    }
    differences
}

/// Whether a contact is a company with a name and nothing else, as the service makes one for a `parent company`
/// (facts, section 8.2).
pub(super) fn is_bare(record: &Record) -> bool {
    let company = record.kind.as_deref() == Some("company");
    let named =
        |(name, modifier): &(String, String)| (name == COMPANY_NAME && modifier.is_empty()) || name == SOURCE;
    let filled = |place: &(String, String)| !of_record(record, place).is_empty();
    company
        && !has_foreign_picture(record)
        && tags_of(record).is_empty()
        && places(record).iter().all(|place| named(place) || !filled(place))
}

/// What takes an operation back.
pub(super) fn inverse(schema: &Schema, operation: &Operation, record: &Record) -> Inverse {
    match operation.kind {
        OperationKind::Create | OperationKind::Delete => {
            Inverse { left: vec![Difference::whole()], ..Inverse::default() }
        }
        OperationKind::Tags => tags_back(operation, record),
        _ => fields_back(schema, operation, record),
    }
}

fn fields_back(schema: &Schema, operation: &Operation, record: &Record) -> Inverse {
    let mut inverse = Inverse::default();
    let (meant, was) = (pairs(schema, operation.body.get("fields")), before(schema, operation));
    let (mut fields, mut fields_now) = (Map::new(), Map::new());
    for (place, values) in &meant {
        let now = of_record(record, place);
        let then = was.get(place).cloned().unwrap_or_default();
        // What was written may differ from what was there in nothing but what the service tidies.
        if same(None, &now, &then) {
            continue;
        }
        if !is_as_sent(values, &now) {
            inverse.left.push(difference(&shown(place), &texts(values), &texts(&now)));
            continue;
        }
        add_entries(&mut fields, place, entries_in(place, operation.before.get("fields")));
        add_entries(&mut fields_now, place, entries_of(schema, place, &now));
        inverse.changes.push(Change { field: shown(place), before: texts(&now), after: texts(&then) });
    }
    let (mut body, mut before) = (Map::new(), Map::new());
    if !fields.is_empty() {
        body.insert("fields".to_owned(), Value::Object(fields));
        before.insert("fields".to_owned(), Value::Object(fields_now));
    }
    if let Some(url) = operation.body.get("avatar_url") {
        let was = operation.before.get("avatar_url").cloned().unwrap_or_default();
        let (now, meant) = (avatar_of(record), canonical::exact(url));
        if now == meant {
            let change =
                Change { field: "_avatar".to_owned(), before: vec![now], after: vec![to_text(&was)] };
            inverse.changes.push(change);
            body.insert("avatar_url".to_owned(), was);
            before.insert("avatar_url".to_owned(), url.clone());
        } else if now != canonical::exact(&was) {
            inverse.left.push(difference("_avatar", &[meant], &[now]));
        }
    }
    let (body, before) = (Value::Object(body), Value::Object(before));
    let sends = body.as_object().is_some_and(|body| !body.is_empty());
    inverse.operation = sends.then_some(Operation { kind: OperationKind::Update, body, before });
    inverse
}

fn tags_back(operation: &Operation, record: &Record) -> Inverse {
    let (meant, was, now) = (sent_tags(&operation.body), sent_tags(&operation.before), tags_of(record));
    if now == meant {
        let change = Change { field: "_tags".to_owned(), before: now, after: was };
        let tags = |of: &Value| json!({"tags": of.get("tags").cloned().unwrap_or_else(|| json!([]))});
        let (body, before) = (tags(&operation.before), tags(&operation.body));
        let operation = Operation { kind: OperationKind::Tags, body, before };
        return Inverse { operation: Some(operation), changes: vec![change], left: Vec::new() };
    }
    let left = if now == was { Vec::new() } else { vec![difference("_tags", &meant, &now)] };
    Inverse { left, ..Inverse::default() }
}

fn before(schema: &Schema, operation: &Operation) -> Pairs {
    pairs(schema, operation.before.get("fields"))
}

/// Adds the entries of one field and modifier; a null where there are none.
fn add_entries(
    fields: &mut Map<String, Value>,
    (name, modifier): &(String, String),
    mut entries: Vec<Value>,
) {
    if entries.is_empty() {
        entries.push(json!({"value": null, "modifier": modifier}));
    }
    if let Value::Array(list) = fields.entry(service_name(name).unwrap_or(name)).or_insert_with(|| json!([]))
    {
        list.extend(entries);
    }
}

/// The entries of a field and modifier as they stand in a body.
fn entries_in((name, modifier): &(String, String), of: Option<&Value>) -> Vec<Value> {
    let of_modifier = |entry: &&Value| {
        entry.get("modifier").and_then(Value::as_str).unwrap_or_default() == modifier.as_str()
    };
    let listed = of.and_then(|of| of.get(service_name(name).unwrap_or(name))).and_then(Value::as_array);
    listed.into_iter().flatten().filter(of_modifier).cloned().collect()
}

/// A record's values under a field and modifier as entries of a body.
fn entries_of(schema: &Schema, (name, modifier): &(String, String), values: &[Value]) -> Vec<Value> {
    let stored = |value: &Value| to_service(schema.field(name), value);
    values.iter().map(|value| json!({"value": stored(value), "modifier": modifier})).collect()
}

/// The service's own fields of a record, by modifier.
fn places(record: &Record) -> Vec<(String, String)> {
    let mut places: Vec<(String, String)> = Vec::new();
    for field in record.fields.iter().filter(|field| service_name(&field.name).is_some()) {
        for entry in &field.entries {
            let place = (field.name.clone(), entry.modifier.clone());
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

/// Whether a contact has a picture that the service has not put there by itself.
fn has_foreign_picture(record: &Record) -> bool {
    let url = avatar_of(record);
    !url.is_empty() && !url.contains(OWN_PICTURES)
}

fn avatar_of(record: &Record) -> String {
    record.values("_avatar", "").next().map(canonical::exact).unwrap_or_default()
}

fn shown((name, modifier): &(String, String)) -> String {
    if modifier.is_empty() { name.clone() } else { format!("{name}[{modifier}]") }
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(to_text).collect()
}

fn difference(field: &str, meant: &[String], found: &[String]) -> Difference {
    Difference { field: field.to_owned(), meant: meant.to_vec(), found: found.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::super::compare::update_state;
    use super::super::decode::Decoder;
    use super::super::schema::offline_schema;
    use super::*;
    use crate::extract::Decode;
    use crate::load::target::UpdateState;

    fn record(fields: &Value, tags: &Value) -> Record {
        let contact = json!({"id": "1", "record_type": "person", "fields": fields, "tags": tags});
        Decoder::new(&offline_schema()).decode(&contact.to_string()).unwrap()
    }

    fn operation(kind: OperationKind, body: Value, before: Value) -> Operation {
        Operation { kind, body, before }
    }

    fn create() -> Operation {
        let fields = json!({"first name": [{"value": "Ada", "modifier": ""}],
                            "email": [{"value": "a@x.org", "modifier": "work"}]});
        let body = json!({"record_type": "person", "fields": fields, "tags": "a"});
        operation(OperationKind::Create, body, Value::Null)
    }

    fn fields_of(differences: &[Difference]) -> Vec<&str> {
        differences.iter().map(|difference| difference.field.as_str()).collect()
    }

    #[test]
    fn a_later_operation_stands_for_an_earlier_one_and_additions_are_told_apart() {
        let schema = offline_schema();
        let tags = operation(OperationKind::Tags, json!({"tags": ["a", "b"]}), json!({"tags": []}));
        let email = json!({"email": [{"value": "B@x.org", "modifier": "work"}]});
        let update = operation(OperationKind::Update, json!({"fields": email}), json!({"fields": {}}));
        let all = [create(), tags, update];
        let stored = json!({"first name": [{"value": "Ada", "modifier": ""}],
                            "email": [{"value": "b@x.org", "modifier": "work"}],
                            "source": [{"value": "m", "modifier": ""}]});
        let now = record(&stored, &json!(["b", "a"]));
        assert!(differences(&schema, &all, &now).is_empty() && beyond(&schema, &all, &now).is_empty());
        assert_eq!(fields_of(&differences(&schema, &all[..1], &now)), ["email[work]"]);
        assert_eq!(fields_of(&differences(&schema, &all, &record(&stored, &json!(["a"])))), ["_tags"]);
        let mut more = stored;
        more["email"].as_array_mut().unwrap().push(json!({"value": "c@x.org", "modifier": "personal"}));
        more["title"] = json!([{"value": "CEO", "modifier": ""}]);
        let more = record(&more, &json!(["b", "a"]));
        assert!(differences(&schema, &all, &more).is_empty());
        assert_eq!(fields_of(&beyond(&schema, &all, &more)), ["email[personal]", "title"]);
    }

    #[test]
    fn a_picture_that_somebody_has_set_is_an_addition() {
        let schema = offline_schema();
        let own = "https://app.nimble.example/api/avatars/person_default";
        let cases: [(Option<&str>, Option<&str>, bool); 7] = [
            (None, None, true),
            (None, Some(own), true),
            (None, Some("https://x.example/a.png"), false),
            (Some("https://x.example/a.png"), Some("https://x.example/a.png"), true),
            (Some("https://x.example/a.png"), Some("https://x.example/b.png"), false),
            (Some("https://x.example/a.png"), Some(own), true),
            (Some("https://x.example/a.png"), None, true),
        ];
        for (written, now, as_written) in cases {
            let name = json!({"first name": [{"value": "Ada", "modifier": ""}]});
            let mut body = json!({"record_type": "person", "fields": name});
            body.as_object_mut().unwrap().extend(written.map(|url| ("avatar_url".to_owned(), json!(url))));
            let create = [operation(OperationKind::Create, body, Value::Null)];
            let contact = json!({"id": "1", "record_type": "person", "fields": name, "avatar_url": now});
            let contact = Decoder::new(&schema).decode(&contact.to_string()).unwrap();
            assert!(differences(&schema, &create, &contact).is_empty());
            assert_eq!(beyond(&schema, &create, &contact).is_empty(), as_written, "{written:?} {now:?}");
        }
    }

    #[test]
    fn only_what_still_holds_what_was_written_is_restored() {
        let schema = offline_schema();
        let body = json!({"fields": {"phone": [{"value": "2", "modifier": "work"}],
                                     "title": [{"value": null, "modifier": ""}],
                                     "last name": [{"value": "King", "modifier": ""}]}});
        let before = json!({"fields": {"phone": [{"value": "1", "modifier": "work"}, {"value": "3", "modifier": "work"}],
                                       "title": [{"value": "CEO", "modifier": ""}],
                                       "last name": [{"value": null, "modifier": ""}]}});
        let update = operation(OperationKind::Update, body, before);
        let now = json!({"phone": [{"value": "2", "modifier": "work"}, {"value": "9", "modifier": "home"}],
                         "title": [{"value": "CTO", "modifier": ""}], "last name": [{"value": "King", "modifier": ""}]});
        let back = inverse(&schema, &update, &record(&now, &json!([])));
        let sent = back.operation.unwrap();
        let expected = json!({"fields": {"last name": [{"value": null, "modifier": ""}],
            "phone": [{"value": "1", "modifier": "work"}, {"value": "3", "modifier": "work"}]}});
        assert_eq!(sent.body, expected);
        assert_eq!(fields_of(&back.left), ["title"]);
        assert_eq!(back.changes.len(), 2);
        // What it changes is there now: the restoring write has not been carried out.
        assert_eq!(update_state(&schema, &sent, &record(&now, &json!([]))), UpdateState::AsBefore);
    }

    #[test]
    fn what_was_written_is_told_from_an_edit_of_it_that_keeps_the_address() {
        let schema = offline_schema();
        let title = |text: &str| json!({"title": [{"value": text, "modifier": ""}]});
        let before = json!({"fields": title("Ann <i@acme.org>")});
        for (written, now, is_written) in [
            ("Ask Jane <J@acme.org>", "Ask Jane <J@acme.org>", true),
            ("Ask Jane <J@acme.org>", "Ask Jane <j@acme.org>", true),
            ("Ask Jane <j@acme.org>", "Never Jane: <j@acme.org>", false),
            ("Ask Jane <j@acme.org>", "j@acme.org", false),
            ("j@acme.org", "J@acme.org", false),
            ("Bob <i@acme.org>", "Bob <i@acme.org>", true),
        ] {
            let body = json!({"record_type": "person", "fields": title(written)});
            let create = [operation(OperationKind::Create, body, Value::Null)];
            let body = json!({"fields": title(written)});
            let update = operation(OperationKind::Update, body, before.clone());
            let record = record(&title(now), &json!([]));
            assert_eq!(differences(&schema, &create, &record).is_empty(), is_written, "{written} {now}");
            assert_eq!(beyond(&schema, &create, &record).is_empty(), is_written, "{written} {now}");
            let back = inverse(&schema, &update, &record);
            assert_eq!((back.changes.len(), back.left.len()), (is_written.into(), (!is_written).into()));
            if let Some(sent) = back.operation {
                assert_eq!(
                    (&back.changes[0].before[..], &sent.before["fields"]),
                    (&[now.to_owned()][..], &title(now))
                );
                assert_eq!(sent.body, before);
            }
        }
    }

    #[test]
    fn a_company_made_on_the_side_has_a_name_and_nothing_else() {
        let decoder = Decoder::new(&offline_schema());
        let company = |fields: Value| {
            let contact = json!({"id": "1", "record_type": "company", "fields": fields, "children": ["2"]});
            decoder.decode(&contact.to_string()).unwrap()
        };
        let name = json!([{"value": "Acme", "modifier": ""}]);
        let source = json!([{"value": "m", "modifier": ""}]);
        assert!(is_bare(&company(json!({"company name": name, "source": source}))));
        let phone = json!([{"value": "1", "modifier": "work"}]);
        assert!(!is_bare(&company(json!({"company name": name, "phone": phone}))));
        assert!(!is_bare(&record(&json!({"first name": [{"value": "Ada", "modifier": ""}]}), &json!([]))));
    }
}
