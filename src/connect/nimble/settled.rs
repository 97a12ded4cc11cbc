//! A plan that was carried out leaves nothing to do: random contacts, drafts of every write mode, and the merge
//! rule of the facts (section 9.2) as the service.

use super::decode::Decoder;
use super::plan::plan;
use super::schema::offline_schema;
use super::tags;
use crate::extract::Decode;
use crate::load::target::{Operation, OperationKind, RowToPlan};
use crate::record::census::Census;
use crate::record::schema::Side;
use crate::transform::draft::{Draft, OnExtra, TargetField, Write};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Places of a contact that a row may write to.
const PLACES: [&str; 8] = [
    "first name",
    "title",
    "email[work]",
    "email[personal]",
    "phone[work]",
    "address[work].city",
    "address[work].street",
    "_tags",
];

fn texts(place: &'static str) -> BoxedStrategy<Vec<Value>> {
    let of = |values: &[&str]| {
        let values: Vec<_> = values.iter().map(|value| json!(value)).collect();
        proptest::sample::select(values)
    };
    match place {
        "email[work]" | "email[personal]" => {
            vec(of(&["a@x.org", "A@x.org", "b@x.org", "c@x.org", ""]), 0..4).boxed()
        }
        "phone[work]" => vec(of(&["+44 20 7946 0018", "+442079460018", "1", " "]), 0..3).boxed(),
        "_tags" => vec(of(&["a", "b", "c", "d, e", "f", "g", "a "]), 0..8).boxed(),
        "address[work].city" | "address[work].street" => vec(of(&["Oslo", "Bergen", "oslo"]), 0..2).boxed(),
        _ => vec(of(&["Ada", "ada", "Ada ", "Bob"]), 0..2).boxed(),
    }
}

fn wish(place: &'static str) -> impl Strategy<Value = (TargetField, Option<Vec<Value>>)> {
    let write = proptest::sample::select(vec![Write::Replace, Write::Add, Write::Fill, Write::Correct]);
    (write, proptest::option::weighted(0.8, texts(place))).prop_map(move |(write, values)| {
        let place = offline_schema().resolve(place, Side::To).unwrap();
        (TargetField { place, write, multi: None, kind: None, on_extra: OnExtra::First }, values)
    })
}

/// A contact with these values, as the service shows it.
fn contact(values: &[(&str, Vec<Value>)]) -> Value {
    let mut contact = json!({"id": "1", "record_type": "person", "fields": {}, "tags": []});
    for (place, values) in values {
        let entries = |modifier: &str, values: Vec<Value>| {
            let filled =
                values.into_iter().filter(|value| !value.as_str().unwrap_or_default().trim().is_empty());
            filled.map(|value| json!({"value": value, "modifier": modifier})).collect::<Vec<_>>()
        };
        let (name, modifier) = match place.split_once('[') {
            Some((name, rest)) => (name, rest.split(']').next().unwrap_or_default()),
            None => (*place, ""),
        };
        match (name, place.rsplit_once('.')) {
            ("_tags", _) => {
                let known: Vec<_> =
                    values.iter().map(|tag| json!(tag.as_str().unwrap_or_default().trim())).collect();
                let mut distinct: Vec<Value> = Vec::new();
                for tag in known {
                    if !distinct.contains(&tag) {
                        distinct.push(tag);
                    }
                }
                contact["tags"] = Value::from(distinct);
            }
            (name, Some((_, part))) => {
                let whole = values.iter().map(|value| json!(json!({part: value}).to_string()));
                put(&mut contact, name, entries(modifier, whole.collect()));
            }
            (name, None) => put(&mut contact, name, entries(modifier, values.clone())),
        }
    }
    contact
}

fn put(contact: &mut Value, name: &str, entries: Vec<Value>) {
    if let Some(known) = contact["fields"].get_mut(name).and_then(Value::as_array_mut) {
        known.extend(entries);
    } else {
        contact["fields"][name] = Value::from(entries);
    }
}

/// What the service makes of an operation.
fn carried_out(contact: Option<&Value>, operation: &Operation) -> Value {
    let empty = json!({"id": "1", "record_type": "person", "fields": {}, "tags": []});
    let mut contact = contact.cloned().unwrap_or(empty);
    let body = &operation.body;
    if operation.kind == OperationKind::Create {
        contact["record_type"] = body["record_type"].clone();
        contact["tags"] = Value::from(tags::split(body["tags"].as_str().unwrap_or_default()));
    }
    if operation.kind == OperationKind::Tags {
        contact["tags"] = body["tags"].clone();
    }
    for (name, sent) in body["fields"].as_object().into_iter().flatten() {
        let sent = sent.as_array().unwrap();
        let touched = |entry: &Value| sent.iter().any(|sent| sent["modifier"] == entry["modifier"]);
        let known = contact["fields"].get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let kept = known.into_iter().filter(|entry| !touched(entry));
        let new = sent.iter().filter(|sent| !sent["value"].is_null()).cloned();
        contact["fields"][name] = Value::from(kept.chain(new).collect::<Vec<_>>());
    }
    contact
}

proptest! {
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do(
        exists in any::<bool>(),
        held in PLACES.map(texts),
        wishes in PLACES.map(wish),
    ) {
        let schema = offline_schema();
        let held: Vec<_> = PLACES.into_iter().zip(held).collect();
        let current = exists.then(|| contact(&held));
        let (fields, values): (Vec<_>, Vec<_>) = wishes.into_iter().unzip();
        let draft = Draft { values, ..Draft::default() };
        let planned = |current: Option<&Value>| {
            let record = current.map(|contact| Decoder::new(&schema).decode(&contact.to_string()).unwrap());
            let mut census = Census::default();
            if let Some(record) = &record {
                census.add(record);
            }
            plan(&RowToPlan {
                fields: &fields,
                draft: &draft,
                current: record.as_ref(),
                schema: &schema,
                census: &census,
                time_zone: "Etc/UTC",
            })
        };
        let Ok(first) = planned(current.as_ref()) else { return Ok(()) };
        let mut after = current.clone();
        for operation in &first.operations {
            after = Some(carried_out(after.as_ref(), operation));
        }
        if first.operations.is_empty() {
            return Ok(());
        }
        let again = planned(after.as_ref()).unwrap();
        prop_assert!(
            again.operations.is_empty(),
            "{:?}\nleft {after:?}\nand then {:?}",
            first.operations,
            again.operations
        );
    }
}
