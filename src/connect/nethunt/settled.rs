//! A plan that was carried out leaves nothing to do: random records, drafts of every write mode, and the action
//! algebra as the service (NetHunt facts, section 8).

use super::actions::result;
use super::decode::KIND;
use super::plan::plan;
use crate::load::target::{Operation, OperationKind, RowToPlan};
use crate::record::census::Census;
use crate::record::schema::{FieldRef, FieldSpec, Kind, Modifier, Schema};
use crate::record::{Field, Record, escape_name};
use crate::transform::draft::{Draft, OnExtra, TargetField, Write};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMES: [&str; 5] = ["Name", "Tags", "Score", "Email", "VIP"];

fn schema() -> Schema {
    let fields = NAMES.map(|name| FieldSpec { name: name.into(), ..FieldSpec::default() });
    Schema {
        of: "nethunt:Contacts".into(),
        has_modifiers: false,
        has_head: true,
        open: false,
        unlisted: Vec::new(),
        fields: fields.into(),
    }
}

/// What a service holds and what a row says, field by field.
fn values(name: &'static str) -> BoxedStrategy<Value> {
    let of = |values: Vec<Value>| proptest::sample::select(values).boxed();
    match name {
        "Score" => {
            of(vec![json!(1), json!(12.50), json!("12.5"), json!("1"), json!("1.0"), json!(" 7 "), json!("")])
        }
        "VIP" => of(vec![json!(true), json!(false), json!("true"), json!("FALSE"), json!("")]),
        "Email" => of(vec![
            json!("a@b.org"),
            json!("A@b.org"),
            json!("Ada <a@b.org>"),
            json!("<c@d.org>"),
            json!("c@d.org"),
            json!(" "),
        ]),
        _ => of(vec![json!("a"), json!("a "), json!("A"), json!("b"), json!("c"), json!(""), json!(" ")]),
    }
}

fn stored(name: &'static str) -> BoxedStrategy<Option<Field>> {
    let list = vec(values(name), 0..3).prop_map(move |values| Field::list(name, values));
    let single = values(name).prop_map(move |value| Field::single(name, value));
    match name {
        "Tags" | "Email" => proptest::option::of(list).boxed(),
        "Score" => proptest::option::of(
            proptest::sample::select(vec![json!(1), json!(12.50)]).prop_map(|v| Field::single("Score", v)),
        )
        .boxed(),
        "VIP" => proptest::option::of(any::<bool>().prop_map(|v| Field::single("VIP", json!(v)))).boxed(),
        _ => proptest::option::of(single).boxed(),
    }
}

fn wish(name: &'static str) -> impl Strategy<Value = (TargetField, Option<Vec<Value>>)> {
    let write = proptest::sample::select(vec![Write::Replace, Write::Add, Write::Fill]);
    let multi = match name {
        "Tags" | "Email" => proptest::sample::select(vec![None, Some(true)]),
        _ => proptest::sample::select(vec![None]),
    };
    let kind = match name {
        "Score" => proptest::sample::select(vec![None, Some(Kind::Number)]),
        "VIP" => proptest::sample::select(vec![None, Some(Kind::Bool)]),
        _ => proptest::sample::select(vec![None, Some(Kind::Text)]),
    };
    (write, multi, kind, proptest::option::weighted(0.8, vec(values(name), 0..4))).prop_map(
        move |(write, multi, kind, values)| {
            let place = FieldRef { name: name.into(), modifier: Modifier::Named(String::new()), part: None };
            (TargetField { place, write, multi, kind, on_extra: OnExtra::First }, values)
        },
    )
}

/// What the service makes of an operation.
fn carried_out(record: Option<&Record>, operation: &Operation) -> Record {
    let mut record = record.cloned().unwrap_or_default();
    (record.id, record.kind) = (Some("a".into()), Some(KIND.into()));
    let key = if operation.kind == OperationKind::Create { "fields" } else { "fieldActions" };
    for (name, action) in operation.body[key].as_object().unwrap() {
        let column = escape_name(name);
        let known = record.field(&column).cloned();
        record.fields.retain(|field| field.name != column);
        let (held, was_list) = known.map_or((Vec::new(), false), |field| {
            (field.entries.into_iter().map(|entry| entry.value).collect(), field.list)
        });
        let (after, list) = match operation.kind {
            OperationKind::Create => match action {
                Value::Array(values) => (values.clone(), true),
                single => (vec![single.clone()], false),
            },
            _ => (result(&held, action), was_list || action["add"].is_array()),
        };
        match after.as_slice() {
            [] => {}
            [single] if !list => record.fields.push(Field::single(column, single.clone())),
            several => record.fields.push(Field::list(column, several.to_vec())),
        }
    }
    record
}

proptest! {
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do(
        exists in any::<bool>(),
        fields in NAMES.map(stored),
        wishes in NAMES.map(wish),
    ) {
        let current = exists.then(|| Record {
            id: Some("a".into()),
            kind: Some(KIND.into()),
            fields: fields.into_iter().flatten().collect(),
            ..Record::default()
        });
        let (fields, values): (Vec<_>, Vec<_>) = wishes.into_iter().unzip();
        let draft = Draft { values, ..Draft::default() };
        let others = Record {
            fields: vec![Field::list("Tags", vec![json!("x")]), Field::list("Email", vec![json!("<x@y.org>"); 20]), Field::single("Score", json!(3)), Field::single("VIP", json!(true))],
            ..Record::default()
        };
        let census = |record: Option<&Record>| {
            let mut census = Census::default();
            census.add(&others);
            if let Some(record) = record {
                census.add(record);
            }
            census
        };
        let planned = |current: Option<&Record>| {
            plan(&RowToPlan {
                fields: &fields,
                draft: &draft,
                current,
                schema: &schema(),
                census: &census(current),
                time_zone: "Etc/UTC",
            })
        };
        let Ok(first) = planned(current.as_ref()) else { return Ok(()) };
        prop_assert!(first.operations.len() <= 1, "one request a row");
        let Some(operation) = first.operations.first() else { return Ok(()) };
        let after = carried_out(current.as_ref(), operation);
        let again = planned(Some(&after)).unwrap();
        prop_assert!(again.operations.is_empty(), "{operation:?}\nleft {after:?}\nand then {:?}", again.operations);
    }
}
