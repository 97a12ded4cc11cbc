//! A record after it was written: how it differs from what was meant, what somebody added to it, and what takes a
//! write back. Pure, in canonical form; the restoring write is the smallest right action of the algebra.

use super::actions::{self, result};
use super::compare::{fields, held, list};
use super::likeness::{Likeness, epoch};
use super::values::{is_blank, is_instant};
use crate::load::target::{Change, Difference, Inverse, Operation, OperationKind};
use crate::record::{Record, escape_name, instant, service_name, to_text};
use crate::transform::draft::Write;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Values that operations meant fields to hold, by the service's names; whether no others may be there.
type Meant<'a> = BTreeMap<&'a str, (Vec<Value>, bool)>;

/// How `record` differs from what operations meant it to hold.
pub(super) fn differences(operations: &[Operation], record: &Record) -> Vec<Difference> {
    let differs = |(name, (values, exact)): (&str, (Vec<Value>, bool))| {
        let now = held(record, name);
        let like = Likeness::Any;
        let agrees = if exact { like.same_set(&now, &values) } else { like.lacks(&now, &values).is_empty() };
        (!agrees).then(|| difference(name, &values, &now))
    };
    meant(operations).into_iter().filter_map(differs).collect()
}

/// What `record` holds beyond what operations wrote.
pub(super) fn beyond(operations: &[Operation], record: &Record) -> Vec<Difference> {
    let meant = meant(operations);
    let own = record.fields.iter().filter_map(|field| service_name(&field.name));
    own.filter_map(|name| {
        let now = held(record, name);
        let values = meant.get(name).map(|(values, _)| values.as_slice()).unwrap_or_default();
        (!Likeness::Shown.lacks(values, &now).is_empty()).then(|| difference(name, values, &now))
    })
    .collect()
}

/// What takes an update back.
pub(super) fn inverse(operation: &Operation, record: &Record) -> Inverse {
    if matches!(operation.kind, OperationKind::Create | OperationKind::Delete | OperationKind::Tags) {
        return Inverse { left: vec![Difference::whole()], ..Inverse::default() };
    }
    let mut inverse = Inverse::default();
    let (mut actions, mut before) = (Map::new(), Map::new());
    for (name, action) in fields(operation, "fieldActions") {
        let was = operation.before.get(name).cloned().unwrap_or_default();
        let (now, then) = (held(record, name), list(&was));
        // What was written may differ from what was there in nothing but what the service tidies.
        if Likeness::Text.same_set(&now, &then) {
            continue;
        }
        if !Likeness::Shown.same_set(&now, &result(&then, action)) {
            if !Likeness::Shown.same_set(&now, &then) {
                inverse.left.push(difference(name, &result(&then, action), &now));
            }
            continue;
        }
        let then = as_taken(then, action);
        let listed = record.field(&escape_name(name)).is_some_and(|field| field.list);
        let multi = listed || was.is_array() || action.get("add").is_some_and(Value::is_array);
        let likeness = Likeness::Text;
        let difference =
            actions::Difference { held: &now, wanted: &then, multi, listed, write: Write::Replace, likeness };
        let Some(back) = actions::action(difference) else { continue };
        let texts = |values: &[Value]| values.iter().map(to_text).collect();
        inverse.changes.push(Change {
            field: escape_name(name),
            before: texts(&now),
            after: texts(&back.after),
        });
        actions.insert(name.to_owned(), back.body);
        before.insert(name.to_owned(), as_stored(now, listed));
    }
    inverse.operation = (!actions.is_empty()).then(|| Operation {
        kind: OperationKind::Update,
        body: json!({"fieldActions": actions}),
        before: Value::Object(before),
    });
    inverse
}

/// Values as the service takes them: it may show times as numbers, and takes them as texts. That they are times is told
/// by what was written.
fn as_taken(mut values: Vec<Value>, action: &Value) -> Vec<Value> {
    let written = action.get("add").map(list).unwrap_or_default();
    if written.iter().any(|value| value.as_str().is_some_and(|text| is_instant(text.trim()))) {
        for value in &mut values {
            if let Some(time) = epoch(value) {
                *value = Value::from(instant::print(time));
            }
        }
    }
    values
}

fn meant(operations: &[Operation]) -> Meant<'_> {
    let mut meant = Meant::new();
    for operation in operations {
        for (name, value) in fields(operation, "fields") {
            meant.insert(name, (list(value), false));
        }
        for (name, action) in fields(operation, "fieldActions") {
            let was = operation.before.get(name).map(list).unwrap_or_default();
            meant.insert(name, (result(&was, action), true));
        }
    }
    meant
}

fn as_stored(mut values: Vec<Value>, listed: bool) -> Value {
    match values.len() {
        0 => Value::Null,
        1 if !listed => values.swap_remove(0),
        _ => Value::from(values),
    }
}

fn difference(name: &str, meant: &[Value], found: &[Value]) -> Difference {
    let texts = |values: &[Value]| values.iter().filter(|value| !is_blank(value)).map(to_text).collect();
    Difference { field: escape_name(name), meant: texts(meant), found: texts(found) }
}

#[cfg(test)]
mod tests {
    use super::super::compare::update_state;
    use super::*;
    use crate::load::target::UpdateState;
    use crate::record::Field;

    fn record(fields: Vec<Field>) -> Record {
        Record { fields, ..Record::default() }
    }

    fn update(actions: &Value, before: Value) -> Operation {
        Operation { kind: OperationKind::Update, body: json!({"fieldActions": actions}), before }
    }

    fn names(differences: &[Difference]) -> Vec<&str> {
        differences.iter().map(|difference| difference.field.as_str()).collect()
    }

    #[test]
    fn a_later_operation_stands_for_an_earlier_one_and_additions_are_told_apart() {
        let body = json!({"timeZone": "Europe/London", "fields": {"Name": "Ada", "Tags": ["x"]}});
        let create = Operation { kind: OperationKind::Create, body, before: Value::Null };
        let link = update(&json!({"Company": {"overwrite": false, "add": ["c1"]}}), json!({"Company": null}));
        let name = update(&json!({"Name": {"overwrite": true, "add": "Ada King"}}), json!({"Name": "Ada"}));
        let all = [create, link, name];
        let stored = || {
            vec![
                Field::single("Name", json!("Ada King ")),
                Field::list("Tags", vec![json!("x")]),
                Field::list("Company", vec![json!("c1")]),
            ]
        };
        let now = record(stored());
        assert!(differences(&all, &now).is_empty() && beyond(&all, &now).is_empty());
        assert_eq!(names(&differences(&all[..1], &now)), ["Name"]);
        let mut more = stored();
        more[1] = Field::list("Tags", vec![json!("x"), json!("y")]);
        more.push(Field::single("_Odd", json!(1)));
        more.push(Field::single("Score", json!(5)));
        assert!(differences(&all, &record(more.clone())).is_empty());
        assert_eq!(names(&beyond(&all, &record(more))), ["Tags", "Score"]);
    }

    #[test]
    fn only_what_still_holds_what_was_written_is_restored_by_the_smallest_action() {
        let actions = json!({
            "Name": {"overwrite": true, "add": "Ada King"},
            "Tags": {"overwrite": false, "remove": ["x"], "add": ["z"]},
            "VIP": {"overwrite": true},
            "Score": {"overwrite": true, "add": 5},
            "Zip": {"overwrite": true, "add": "007"},
        });
        let before = json!({"Name": "Ada", "Tags": ["x", "y"], "VIP": true, "Score": 4, "Zip": null});
        let update = update(&actions, before);
        let now = record(vec![
            Field::single("Name", json!("Ada King")),
            Field::list("Tags", vec![json!("y"), json!("z")]),
            Field::single("Score", json!(6)),
            Field::single("Zip", json!("007")),
        ]);
        let back = inverse(&update, &now);
        let sent = back.operation.unwrap();
        let expected = json!({
            "Name": {"overwrite": true, "add": "Ada"},
            "Tags": {"overwrite": false, "remove": ["z"], "add": ["x"]},
            "VIP": {"overwrite": true, "add": true},
            "Zip": {"overwrite": true},
        });
        assert_eq!(sent.body["fieldActions"], expected);
        assert_eq!(names(&back.left), ["Score"]);
        assert_eq!(update_state(&sent, &now), UpdateState::AsBefore);
        // The restored record, and the inverse of the inverse.
        let restored = record(vec![
            Field::single("Name", json!("Ada")),
            Field::list("Tags", vec![json!("y"), json!("x")]),
            Field::single("VIP", json!(true)),
            Field::single("Score", json!(6)),
        ]);
        assert_eq!(update_state(&sent, &restored), UpdateState::AsMeant);
        let again = inverse(&sent, &restored).operation.unwrap();
        assert_eq!(again.body["fieldActions"]["Name"], json!({"overwrite": true, "add": "Ada King"}));
    }
}
