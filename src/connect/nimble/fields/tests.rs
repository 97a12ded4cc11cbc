//! Definitions read from hand-written answers of both generations, and plans made on them.

use super::catalog::{Catalog, Era};
use super::decode::{FieldDecoder, record, schema};
use super::plan::{holds, plan, update_state};
use crate::extract::Decode;
use crate::load::target::OperationKind::{Create, Update};
use crate::load::target::{Planned, RowToPlan, UpdateState};
use crate::record::census::Census;
use crate::record::schema::Side;
use crate::record::{Record, to_text};
use crate::transform::draft::{Draft, OnExtra, TargetField, Write};
use serde_json::{Value, json};

fn older() -> Catalog {
    let answer = include_str!("../../../../tests/fixtures/nimble/metadata.json");
    Catalog::from_metadata(&serde_json::from_str(answer).unwrap()).unwrap()
}

fn newer() -> Catalog {
    let answer = include_str!("../../../../tests/fixtures/nimble/fields.json");
    Catalog::from_tabs(&serde_json::from_str(answer).unwrap()).unwrap()
}

fn text(record: &Record, name: &str) -> String {
    record.values(name, "").map(to_text).collect::<Vec<_>>().join(";")
}

fn planned(catalog: &Catalog, id: Option<&str>, row: &[(&str, Value)]) -> Result<Planned, Vec<String>> {
    let schema = schema();
    let field = |(name, _): &(&str, Value)| TargetField {
        place: schema.resolve(name, Side::To).unwrap(),
        write: Write::Replace,
        multi: None,
        kind: None,
        on_extra: OnExtra::First,
    };
    let fields: Vec<_> = row.iter().map(field).collect();
    let values = row.iter().map(|(_, values)| values.as_array().cloned()).collect();
    let draft = Draft { values, ..Draft::default() };
    let current = id.map(|id| record(catalog.entry(id).unwrap()));
    let row = RowToPlan {
        fields: &fields,
        draft: &draft,
        current: current.as_ref(),
        schema: &schema,
        census: &Census::default(),
        time_zone: "UTC",
    };
    plan(catalog, &row).map_err(|rejects| rejects.into_iter().map(|reject| reject.reason).collect())
}

#[test]
fn both_generations_give_the_same_columns() {
    let (older, newer) = (older(), newer());
    assert_eq!((older.era, newer.era), (Era::Older, Era::Newer));
    let rows = |catalog: &Catalog| {
        let entries = catalog.entries.iter();
        entries
            .map(|entry| {
                let staged = FieldDecoder.decode(&entry.raw.to_string()).unwrap();
                assert_eq!(staged, record(entry));
                ["name", "modifier", "group", "tab", "type", "multiples", "read_only", "choices"]
                    .map(|name| text(&staged, name))
                    .join("|")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rows(&older),
        [
            "email|work|Contact Info||text|true|false|",
            "email|personal|Contact Info||text|true|false|",
            "lead status||Lead Details||option|false|false|1=Open;2=Contacted",
            "Member no||Custom Fields||text|false|false|",
        ]
    );
    assert_eq!(
        rows(&newer),
        [
            "email|work||Contact Info|text|true|false|",
            "Stage||Sales|Custom|option|false|false|1=New;2=Won",
            "Since||Sales|Custom|date|false|false|",
            "Member no|||Custom|text|false|false|",
            "lead status|||Custom|option|false|false|1=Open",
        ]
    );
}

#[test]
fn a_new_field_is_planned_with_its_group_and_choices() {
    let row = [
        ("name", json!(["Plan"])),
        ("type", json!(["option"])),
        ("group", json!(["Billing"])),
        ("choices", json!(["Gold", "7=Silver", "Bronze"])),
    ];
    let choices =
        json!([{"id": "1", "value": "Gold"}, {"id": "7", "value": "Silver"}, {"id": "8", "value": "Bronze"}]);
    let one = planned(&older(), None, &row).unwrap();
    assert_eq!(one.operations.len(), 1);
    assert_eq!((one.operations[0].kind, &one.operations[0].body["choices"]), (Create, &choices));
    let group = one.changes.iter().find(|change| change.field == "group").unwrap();
    assert_eq!(group.after, ["Billing (a new group)"]);
    let several = planned(&newer(), None, &row).unwrap();
    let kinds: Vec<_> = several.operations.iter().map(|operation| operation.kind).collect();
    assert_eq!(kinds, [Create, Update, Update, Update]);
    assert_eq!(several.operations[2].body, json!({"choice": {"id": "7", "value": "Silver"}}));
}

#[test]
fn a_field_gets_another_name_and_further_choices() {
    let newer = newer();
    let id = newer.named("Stage").unwrap().id.clone();
    let row = [("name", json!(["Phase"])), ("choices", json!(["1=New", "2=Gained", "Lost"]))];
    let planned = planned(&newer, Some(&id), &row).unwrap();
    let bodies: Vec<_> = planned.operations.iter().map(|operation| operation.body.clone()).collect();
    assert_eq!(
        bodies,
        [
            json!({"name": "Phase"}),
            json!({"choice": {"id": "2", "value": "Gained"}}),
            json!({"choice": {"id": "3", "value": "Lost"}}),
        ]
    );
    let now = record(newer.named("Stage").unwrap());
    for operation in &planned.operations {
        assert_eq!(update_state(operation, &now), UpdateState::AsBefore, "{operation:?}");
    }
}

#[test]
fn an_unchanged_export_is_no_change_and_what_cannot_be_is_rejected() {
    for catalog in [older(), newer()] {
        for entry in &catalog.entries {
            let now = record(entry);
            let columns =
                ["name", "label", "modifier", "group", "tab", "type", "multiples", "read_only", "choices"];
            let row: Vec<_> = columns
                .iter()
                .map(|name| (*name, Value::Array(now.values(name, "").map(|v| json!(to_text(v))).collect())))
                .filter(|(_, values)| values != &json!([]))
                .collect();
            assert_eq!(planned(&catalog, Some(&entry.id), &row).unwrap(), Planned::default(), "{entry:?}");
        }
    }
    let (older, newer) = (older(), newer());
    let stage = newer.named("Stage").unwrap().id.clone();
    let email = newer.named("email").unwrap().id.clone();
    let refused = |catalog: &Catalog, id: Option<&str>, row: &[(&str, Value)]| {
        planned(catalog, id, row).unwrap_err().join("; ")
    };
    let name = |name: &str| [("name", json!([name]))];
    assert!(refused(&older, None, &name("member NO")).contains("there is a field `Member no` already"));
    assert!(refused(&newer, None, &name(&"x".repeat(51))).contains("1 to 50"));
    assert!(planned(&older, None, &name(&"x".repeat(51))).is_ok());
    assert!(
        refused(&newer, None, &[("name", json!(["A"])), ("type", json!(["blob"]))]).contains("no such type")
    );
    assert!(refused(&newer, None, &[("name", json!(["A"])), ("tab", json!(["?"]))]).contains("no such tab"));
    assert!(refused(&newer, None, &[("name", json!(["A"])), ("choices", json!(["x"]))]).contains("`option`"));
    assert!(refused(&newer, Some(&stage), &[("type", json!(["text"]))]).contains("cannot be changed"));
    assert!(refused(&newer, Some(&stage), &[("choices", json!(["1=New"]))]).contains("never taken away"));
    assert!(refused(&newer, Some(&email), &name("mail")).contains("of this field be changed"));
}

#[test]
fn a_created_field_is_known_by_its_name_and_type() {
    let create = planned(&older(), None, &[("name", json!(["stage"])), ("type", json!(["choice"]))]).unwrap();
    let newer = newer();
    assert!(holds(&create.operations[0], &record(newer.named("Stage").unwrap())));
    assert!(!holds(&create.operations[0], &record(newer.named("Member no").unwrap())));
}
