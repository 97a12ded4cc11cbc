//! How a record stands to an operation that was, or may have been, carried out. Pure, in canonical form.

use super::actions::result;
use super::likeness::{Likeness, shows, shows_to_the_letter};
use super::values::is_blank;
use crate::load::target::{Operation, UpdateState};
use crate::record::{Record, canonical, escape_name};
use serde_json::Value;

/// Whether `record` holds everything that a create sent.
pub(super) fn holds(operation: &Operation, record: &Record) -> bool {
    fields(operation, "fields").all(|(name, value)| {
        let held = held(record, name);
        list(value).iter().all(|sent| held.iter().any(|shown| shows(sent, shown)))
    })
}

/// How many values a create sent, and how many of them `record` has to the letter.
pub(super) fn closeness(operation: &Operation, record: &Record) -> (usize, usize) {
    let of_field = |(name, value): (&str, &Value)| {
        let (sent, held) = (list(value), held(record, name));
        let exact = sent.iter().filter(|sent| held.iter().any(|shown| shows_to_the_letter(sent, shown)));
        (sent.len(), exact.count())
    };
    fields(operation, "fields").map(of_field).fold((0, 0), |sum, add| (sum.0 + add.0, sum.1 + add.1))
}

/// What a create sent, as text that is equal for contents that are equal to the letter: fields by name, several values
/// as a set.
pub(super) fn content(operation: &Operation) -> String {
    let mut parts: Vec<_> = fields(operation, "fields")
        .map(|(name, value)| {
            let mut values: Vec<_> = list(value).iter().map(canonical::exact).collect();
            values.sort();
            values.dedup();
            (name, values)
        })
        .collect();
    parts.sort();
    serde_json::to_string(&parts).unwrap_or_default()
}

/// Whether the fields that an update touches are as it meant them, as they were before, or neither. What tells the two
/// apart may be what the service tidies, so they are compared to the letter first.
pub(super) fn update_state(operation: &Operation, record: &Record) -> UpdateState {
    let was = |name: &str| operation.before.get(name).map(list).unwrap_or_default();
    let all = |likeness: Likeness, expected: &dyn Fn(&str, &Value) -> Vec<Value>| {
        fields(operation, "fieldActions")
            .all(|(name, action)| likeness.same_set(&held(record, name), &expected(name, action)))
    };
    for likeness in [Likeness::Text, Likeness::Shown] {
        if all(likeness, &|name, action| result(&was(name), action)) {
            return UpdateState::AsMeant;
        }
        if all(likeness, &|name, _| was(name)) {
            return UpdateState::AsBefore;
        }
    }
    UpdateState::Otherwise
}

pub(super) fn fields<'a>(operation: &'a Operation, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let fields = operation.body.get(key).and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

pub(super) fn held(record: &Record, service_name: &str) -> Vec<Value> {
    let column = escape_name(service_name);
    record.values(&column, "").filter(|value| !is_blank(value)).cloned().collect()
}

pub(super) fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.iter().filter(|item| !is_blank(item)).cloned().collect(),
        blank if is_blank(blank) => Vec::new(),
        single => vec![single.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::target::OperationKind;
    use crate::record::Field;
    use serde_json::json;

    fn record(fields: Vec<Field>) -> Record {
        Record { fields, ..Record::default() }
    }

    fn create(fields: &Value) -> Operation {
        let body = json!({"timeZone": "Europe/London", "fields": fields});
        Operation { kind: OperationKind::Create, body, before: Value::Null }
    }

    #[test]
    fn a_record_holds_a_create_in_canonical_form_whatever_else_it_has() {
        let operation = create(&json!({"Name": "Ada ", "Email": ["ada@example.org"], "_odd": 12.50}));
        let as_stored = |tag: &str| {
            record(vec![
                Field::single("Name", json!("Ada")),
                Field::list("Email", vec![json!("<Ada@example.org>"), json!("<b@example.org>")]),
                Field::single("__odd", json!(12.5)),
                Field::single("Preset", json!(tag)),
            ])
        };
        assert!(holds(&operation, &as_stored("x")));
        assert!(!holds(&create(&json!({"Name": "Ada", "Missing": "x"})), &as_stored("x")));
        let other = create(&json!({"_odd": 12.5, "Email": ["ada@example.org"], "Name": "Ada"}));
        assert_eq!(content(&operation), content(&other));
        let other = create(&json!({"_odd": 12.5, "Email": ["ADA@example.org"], "Name": "Ada"}));
        assert_ne!(content(&operation), content(&other));
        assert_ne!(content(&operation), content(&create(&json!({"Name": "Ada"}))));
    }

    #[test]
    fn an_edit_of_what_services_tidy_is_told_from_what_was_before() {
        let state = |before: &str, meant: &str, now: &str| {
            let body = json!({"fieldActions": {"Notes": {"overwrite": true, "add": meant}}});
            let before = json!({"Notes": before});
            let operation = Operation { kind: OperationKind::Update, body, before };
            update_state(&operation, &record(vec![Field::single("Notes", json!(now))]))
        };
        let (z, offset) = ("2026-01-02T01:04:05.000Z", "2026-01-02T03:04:05+02:00");
        let cases = [
            ("Ann <i@acme.org>", "Bob <i@acme.org>", "Ann <i@acme.org>", UpdateState::AsBefore),
            ("Ann <i@acme.org>", "Bob <i@acme.org>", "Bob <i@acme.org>", UpdateState::AsMeant),
            ("Ann <i@acme.org>", "Bob <i@acme.org>", "Cy <i@acme.org>", UpdateState::Otherwise),
            ("Ann <i@acme.org>", "i@acme.org", "Ann <i@acme.org>", UpdateState::AsBefore),
            ("Ann <i@acme.org>", "i@acme.org", "<i@acme.org>", UpdateState::AsMeant),
            ("I@acme.org", "i@acme.org", "I@acme.org", UpdateState::AsBefore),
            (offset, z, offset, UpdateState::AsBefore),
            ("2025-01-02T01:04:05.000Z", offset, z, UpdateState::AsMeant),
        ];
        for (before, meant, now, expected) in cases {
            assert_eq!(state(before, meant, now), expected, "{before} {meant} {now}");
        }
    }

    #[test]
    fn an_update_in_doubt_is_as_meant_as_before_or_neither() {
        let actions = json!({
            "Name": {"overwrite": true, "add": "Ada King"},
            "Tags": {"overwrite": false, "add": ["z"]},
            "VIP": {"overwrite": true},
        });
        let operation = Operation {
            kind: OperationKind::Update,
            body: json!({"fieldActions": actions}),
            before: json!({"Name": "Ada", "Tags": ["x"], "VIP": true}),
        };
        let state = |name: &str, tags: &[&str], vip: bool| {
            let tags = tags.iter().map(|tag| json!(tag)).collect();
            let mut fields = vec![Field::single("Name", json!(name)), Field::list("Tags", tags)];
            if vip {
                fields.push(Field::single("VIP", json!(true)));
            }
            update_state(&operation, &record(fields))
        };
        assert_eq!(state("Ada King", &["z", "x"], false), UpdateState::AsMeant);
        assert_eq!(state("Ada", &["x"], true), UpdateState::AsBefore);
        assert_eq!(state("Ada King", &["x"], false), UpdateState::Otherwise);
        assert_eq!(state("Ada King", &["x", "z", "y"], false), UpdateState::Otherwise);
    }
}
