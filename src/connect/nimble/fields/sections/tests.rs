//! Groups and tabs read from hand-written answers of both generations, and plans made on them.

use super::decode::{Kind, Section, SectionDecoder, schema};
use super::plan::{holds, plan, update_state};
use crate::connect::nimble::fields::catalog::Catalog;
use crate::extract::Decode;
use crate::load::target::{Planned, RowToPlan, UpdateState};
use crate::record::census::Census;
use crate::record::schema::Side;
use crate::transform::draft::{Draft, OnExtra, TargetField, Write};
use serde_json::{Value, json};

fn older() -> Catalog {
    let answer = include_str!("../../../../../tests/fixtures/nimble/metadata.json");
    Catalog::from_metadata(&serde_json::from_str(answer).unwrap()).unwrap()
}

fn newer() -> Catalog {
    let answer = include_str!("../../../../../tests/fixtures/nimble/fields.json");
    Catalog::from_tabs(&serde_json::from_str(answer).unwrap()).unwrap()
}

fn planned(
    catalog: &Catalog,
    kind: Kind,
    current: Option<&str>,
    row: &[(&str, &str)],
) -> Result<Planned, String> {
    let schema = schema(kind);
    let field = |(name, _): &(&str, &str)| TargetField {
        place: schema.resolve(name, Side::To).unwrap(),
        write: Write::Replace,
        multi: None,
        kind: None,
        on_extra: OnExtra::First,
    };
    let fields: Vec<_> = row.iter().map(field).collect();
    let values = row.iter().map(|(_, value)| Some(vec![json!(value)])).collect();
    let draft = Draft { values, ..Draft::default() };
    let current = current.map(|name| {
        let sections = Section::all(catalog, kind);
        sections.iter().find(|section| section.name == name).unwrap().record()
    });
    let row = RowToPlan {
        fields: &fields,
        draft: &draft,
        current: current.as_ref(),
        schema: &schema,
        census: &Census::default(),
        time_zone: "UTC",
    };
    let reasons = |rejects: Vec<crate::transform::draft::Reject>| {
        rejects.into_iter().map(|reject| reject.reason).collect::<Vec<_>>().join("; ")
    };
    plan(catalog, kind, &row).map_err(reasons)
}

fn bodies(planned: &Planned) -> Vec<Value> {
    planned.operations.iter().map(|operation| operation.body.clone()).collect()
}

#[test]
fn both_generations_show_what_their_fields_are_arranged_in() {
    let rows = |catalog: &Catalog, kind| {
        let sections = Section::all(catalog, kind);
        let row = |section: &Section| {
            assert_eq!(SectionDecoder.decode(&section.raw().raw).unwrap(), section.record());
            format!("{}|{}|{}|{}", section.name, section.tab, section.is_standard, section.fields.join(";"))
        };
        sections.iter().map(row).collect::<Vec<_>>()
    };
    let groups = rows(&older(), Kind::Group);
    assert!(groups.contains(&"Custom Fields||false|Member no".to_owned()), "{groups:?}");
    assert_eq!(rows(&older(), Kind::Tab), Vec::<String>::new());
    assert_eq!(rows(&newer(), Kind::Group), ["Sales|Custom|false|Stage;Since"]);
    let tabs = rows(&newer(), Kind::Tab);
    assert!(tabs.contains(&"Custom||false|Stage;Since;Member no;lead status".to_owned()), "{tabs:?}");
}

#[test]
fn groups_and_tabs_are_made_and_renamed() {
    let (older, newer) = (older(), newer());
    let made = planned(&older, Kind::Group, None, &[("name", "Club"), ("for", "Company")]).unwrap();
    assert_eq!(bodies(&made), [json!({"name": "Club", "tab": "", "for": "company"})]);
    let made = planned(&newer, Kind::Group, None, &[("name", "Club")]).unwrap();
    assert_eq!(bodies(&made), [json!({"name": "Club", "tab": "Custom", "for": "both"})]);
    let made = planned(&newer, Kind::Tab, None, &[("name", "Club")]).unwrap();
    assert_eq!(bodies(&made), [json!({"name": "Club", "tab": "", "for": "both"})]);
    let renamed = planned(&newer, Kind::Group, Some("Sales"), &[("name", "Trade")]).unwrap();
    assert_eq!(bodies(&renamed), [json!({"name": "Trade"})]);
    let now = Section::all(&newer, Kind::Group)[0].record();
    assert_eq!(update_state(&renamed.operations[0], &now), UpdateState::AsBefore);
    assert!(!holds(&made.operations[0], &now));
    for (kind, name) in [(Kind::Group, "Sales"), (Kind::Tab, "Custom")] {
        let same = planned(&newer, kind, Some(name), &[("name", name)]).unwrap();
        assert_eq!(same, Planned::default(), "{name}");
    }
}

#[test]
fn what_the_service_would_not_take_is_rejected_with_its_reason() {
    let (older, newer) = (older(), newer());
    for (catalog, kind, current, row, why) in [
        (&older, Kind::Group, None, &[("name", "custom fields")][..], "there is a group of that name"),
        (&older, Kind::Group, None, &[("name", "A"), ("tab", "Custom")][..], "has no tabs"),
        (&older, Kind::Group, None, &[("name", "A"), ("for", "dogs")][..], "both, person, company"),
        (&newer, Kind::Group, None, &[("name", "A"), ("for", "person")][..], "whomever its tab is for"),
        (&newer, Kind::Group, None, &[("name", "A"), ("tab", "?")][..], "there is no such tab"),
        (&newer, Kind::Group, None, &[("name", "SALES")][..], "there is a group of that name"),
        (&newer, Kind::Tab, None, &[("name", "")][..], "1 to 50"),
        (&newer, Kind::Group, Some("Sales"), &[("tab", "Contact Info")][..], "renamed here and nothing else"),
        (&newer, Kind::Tab, Some("Contact Info"), &[("name", "Mine")][..], "no standard tab be renamed"),
        (&older, Kind::Group, Some("Contact Info"), &[("name", "Mine")][..], "no standard group be renamed"),
    ] {
        let refused = planned(catalog, kind, current, row).unwrap_err();
        assert!(refused.contains(why), "{row:?}: {refused}");
    }
}
