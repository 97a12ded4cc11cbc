//! The merge as a table, and against a brute-force merge of its own.

use super::*;
use crate::record::schema::{FieldRef, FieldSpec, Modifier};
use crate::record::{Entry, Field};
use crate::transform::draft::{OnExtra, Write};
use proptest::prelude::*;
use serde_json::json;

fn target(name: &str, part: Option<&str>) -> TargetField {
    let place = FieldRef {
        name: name.into(),
        modifier: Modifier::Named(String::new()),
        part: part.map(str::to_owned),
    };
    TargetField { place, write: Write::Replace, multi: None, kind: None, on_extra: OnExtra::Reject }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// A record that holds values in one field; null for none.
fn record(name: &str, values: &Value) -> Record {
    let values = if values.is_null() { Vec::new() } else { list(values) };
    let entries = values.into_iter().map(|value| Entry { modifier: String::new(), value }).collect();
    Record { fields: vec![Field { name: name.into(), entries, list: true }], ..Record::default() }
}

/// What is left of a cell, with what was noted. `sheet`: null for a blank cell, `"#N/A"` to clear.
fn merged(
    field: &TargetField,
    base: &Value,
    sheet: &Value,
    service: &Value,
    on_conflict: OnConflict,
) -> (Option<Vec<Value>>, Note) {
    let name = field.place.name.as_str();
    let base = record(name, base);
    let values = match sheet {
        Value::Null => None,
        Value::String(text) if text == CLEAR => Some(Vec::new()),
        value => Some(list(value)),
    };
    let column = column_of(field);
    let readings = vec![values_in(&column, &base)];
    let base = Base {
        record: base,
        cells: vec![BaseCell { shown: true, readings, ..BaseCell::default() }],
        ..Base::default()
    };
    let draft = Draft { values: vec![values], ..Draft::default() };
    let unreadable = |_: &BaseRow| None;
    let merge = Merge::new(std::slice::from_ref(field), &unreadable);
    let read_only = FieldSpec { name: "_owner".into(), read_only: true, ..FieldSpec::default() };
    let timed = FieldSpec { name: "time".into(), kind: Kind::Timestamp, ..FieldSpec::default() };
    let schema = Schema { fields: vec![read_only, timed], ..Schema::default() };
    let (mut draft, note) = merge.merge(&draft, base, &record(name, service), &schema, on_conflict);
    assert!(draft.based && draft.seen_updated.is_none());
    (draft.values.remove(0), note)
}

#[test]
fn every_combination_of_three_sides() {
    // Base, sheet, service; what is left, whether it clashes, whether it counts as an edit.
    let (keep, clear) = (None, Some(Vec::new()));
    let write = |value: Value| Some(list(&value));
    let cases = [
        (json!("a"), json!("a"), json!("a"), keep.clone(), false, false),
        (json!("a"), json!("a"), json!("b"), keep.clone(), false, false),
        (json!("a"), json!("b"), json!("a"), write(json!("b")), false, true),
        (json!("a"), json!("b"), json!("b"), keep.clone(), false, true),
        (json!("a"), json!("b"), json!("c"), keep.clone(), true, true),
        // Emptied by the user.
        (json!("a"), json!(null), json!("a"), clear.clone(), false, true),
        (json!("a"), json!(null), json!(null), keep.clone(), false, true),
        (json!("a"), json!(null), json!("b"), keep.clone(), true, true),
        // Blank ever since.
        (json!(null), json!(null), json!("b"), keep.clone(), false, false),
        (json!(null), json!("a"), json!(null), write(json!("a")), false, true),
        (json!(null), json!("a"), json!("b"), keep.clone(), true, true),
        (json!("a"), json!("b"), json!(null), keep.clone(), true, true),
        // Cleared on purpose, unless the service itself says so.
        (json!("a"), json!(CLEAR), json!("a"), clear.clone(), false, true),
        (json!(null), json!(CLEAR), json!("b"), keep.clone(), true, true),
        (json!(CLEAR), json!(CLEAR), json!(CLEAR), keep.clone(), false, false),
        // Lists are sets of values; the service may tidy what it stores.
        (json!(["a", "b"]), json!(["b", "a"]), json!("c"), keep.clone(), false, false),
        (json!(["a", "b"]), json!(["a"]), json!(["b", "a"]), write(json!(["a"])), false, true),
        (json!(["a", "b"]), json!(["a", "c"]), json!(["b"]), keep.clone(), true, true),
        (json!("A@x.org"), json!("a@x.org"), json!("A@x.org"), write(json!("a@x.org")), false, true),
        (json!("A@x.org"), json!("<A@x.org>"), json!("<a@x.org>"), keep.clone(), false, true),
        // What somebody edited is no tidying.
        (json!("A@x.org"), json!("b@x.org"), json!("<a@x.org>"), keep.clone(), true, true),
        (
            json!("Ask Jane <j@x.org>"),
            json!("gone"),
            json!("Never Jane: <j@x.org>"),
            keep.clone(),
            true,
            true,
        ),
        (json!("c@x.org"), json!("Ann <j@x.org>"), json!("Bob <j@x.org>"), keep.clone(), true, true),
        // Typed files: numbers by value.
        (json!(12.50), json!("12.5"), json!(13), keep.clone(), false, false),
        (json!("a\r\nb"), json!("a\nb"), json!("c"), keep.clone(), false, false),
        (json!("007"), json!("7"), json!("007"), write(json!("7")), false, true),
        // Two texts that read as one time are two texts.
        (
            json!("2024-01-01 10:00:00"),
            json!("2024-01-01T10:00:00Z"),
            json!("2024-01-01 10:00:00"),
            write(json!("2024-01-01T10:00:00Z")),
            false,
            true,
        ),
    ];
    let field = target("x", None);
    for (base, sheet, service, left, clashes, edited) in cases {
        let (found, note) = merged(&field, &base, &sheet, &service, OnConflict::Reject);
        let case = format!("{base} {sheet} {service}");
        assert_eq!(
            (found, !note.clashes.is_empty(), !note.edits.is_empty()),
            (left, clashes, edited),
            "{case}"
        );
        if clashes {
            let wanted = if sheet.is_null() || sheet == CLEAR { Vec::new() } else { list(&sheet) };
            let (sheets, _) = merged(&field, &base, &sheet, &service, OnConflict::Sheet);
            let (services, note) = merged(&field, &base, &sheet, &service, OnConflict::Service);
            assert_eq!((sheets, services, note.clashes.len()), (Some(wanted), None, 0), "{case}");
        }
    }
}

#[test]
fn times_are_compared_to_the_millisecond_where_the_service_declares_times() {
    let (base, other) = (json!("2024-01-01T10:00:00.1234Z"), json!("x"));
    for sheet in ["2024-01-01T10:00:00.123Z", "2024-01-01T11:00:00.123+01:00"] {
        let sheet = json!(sheet);
        for (field, dropped) in [("time", true), ("_owner", true), ("x", false)] {
            let note = merged(&target(field, None), &base, &sheet, &other, OnConflict::Reject).1;
            assert_eq!(note.edits.is_empty(), dropped, "{field} {sheet}");
        }
    }
}

#[test]
fn parts_keep_their_places_and_service_columns_are_refused_only_when_edited() {
    let city = target("address", Some("city"));
    let towns = json!([{"city": "Oslo"}, {"city": "Bergen"}]);
    let turned = json!([{"city": "Bergen"}, {"city": "Oslo"}]);
    let swapped = merged(&city, &towns, &json!(["Bergen", "Oslo"]), &towns, OnConflict::Reject).0;
    assert_eq!(swapped, Some(list(&json!(["Bergen", "Oslo"]))));
    let clash = merged(&city, &towns, &json!(["Bergen", "Hamar"]), &turned, OnConflict::Reject).1;
    let expected = Clash {
        field: "address.city".into(),
        base: "Oslo;Bergen".into(),
        sheet: "Bergen;Hamar".into(),
        service: "Bergen;Oslo".into(),
    };
    assert_eq!(clash.clashes, [expected]);
    let owner = target("_owner", None);
    for (sheet, left) in [(json!("a"), None), (json!("b"), Some(list(&json!("b")))), (json!(null), None)] {
        assert_eq!(merged(&owner, &json!("a"), &sheet, &json!("c"), OnConflict::Reject).0, left);
    }
}

#[test]
fn a_part_is_written_only_to_the_value_that_it_was_meant_for() {
    let names = ["street", "city", "zip"];
    let fields = names.map(|part| target("address", Some(part)));
    let columns = fields.each_ref().map(column_of);
    let unreadable = |_: &BaseRow| None;
    let merge = Merge::new(&fields, &unreadable);
    let (high, low, new) = (
        json!({"street": "High", "city": "Leeds"}),
        json!({"street": "Low", "city": "York"}),
        json!({"street": "New"}),
    );
    let with = |of: &Value, part: &str, text: &str| {
        let mut of = of.clone();
        of[part] = json!(text);
        of
    };
    let zipped = |of: &Value| with(of, "zip", "LS1");
    // The base; the sheet, as values; the service; whether the row is a conflict, unless the sheet wins, and then.
    let cases = [
        (json!([high]), json!([zipped(&high)]), json!([high]), false, false),
        (json!([high, low]), json!([zipped(&high), low]), json!([high, low]), false, false),
        // Another value was changed, which nobody touched in the sheet.
        (
            json!([high, low]),
            json!([zipped(&high), low]),
            json!([high, with(&low, "city", "Hull")]),
            false,
            false,
        ),
        (json!([high]), json!([zipped(&high)]), json!([with(&high, "street", "Far")]), true, false),
        (
            json!([high]),
            json!([with(&high, "street", "Far")]),
            json!([with(&high, "po box", "7")]),
            true,
            false,
        ),
        // Added, taken out, moved.
        (json!([high]), json!([zipped(&high)]), json!([high, low]), true, true),
        (json!([high, low]), json!([zipped(&high), zipped(&low)]), json!([low]), true, true),
        (json!([high, low]), json!([zipped(&high), low]), json!([low, new]), true, true),
        (json!([high, low]), json!([high, with(&low, "city", "Hull")]), json!([low, high]), true, true),
        // The sheet itself adds and takes out.
        (json!([high]), json!([high, low]), json!([high]), false, false),
        (json!([high]), json!([high, low]), json!([high, low]), false, false),
        (json!([high]), json!([high, low]), json!([zipped(&high)]), true, true),
        (json!([high, low]), json!([low]), json!([high, low]), false, false),
        (json!([high, low]), json!([low]), json!([high, low, new]), true, true),
    ];
    for (base, sheet, service, is_conflict, is_unplaced) in cases {
        let [base, edited, service] = [&base, &sheet, &service].map(|values| record("address", values));
        let cells = columns.each_ref().map(|column| {
            let readings = vec![values_in(column, &base)];
            BaseCell { shown: true, readings, ..BaseCell::default() }
        });
        let base = Base { record: base, cells: cells.to_vec(), ..Base::default() };
        let values =
            columns.each_ref().map(|column| Some(values_in(column, &edited)).filter(|cell| !cell.is_empty()));
        let draft = Draft { values: values.to_vec(), ..Draft::default() };
        let schema = Schema::default();
        let merged = |side| merge.merge(&draft, base.clone(), &service, &schema, side);
        let (_, note) = merged(OnConflict::Reject);
        assert_eq!(!note.clashes.is_empty(), is_conflict, "{sheet} {service:?}: {note:?}");
        let (_, note) = merged(OnConflict::Sheet);
        assert_eq!(!note.clashes.is_empty(), is_unplaced, "{sheet} {service:?}: {note:?}");
        if is_unplaced {
            assert!(note.is_unplaced && reason(&note).contains("export again"), "{note:?}");
            assert_eq!(note.clashes[0].field, "address");
        } else if is_conflict {
            let (draft, _) = merged(OnConflict::Sheet);
            let whole = values.map(Option::unwrap_or_default).map(Some);
            assert_eq!(draft.values, whole, "the value of the sheet, whole");
        }
        let (draft, note) = merged(OnConflict::Service);
        assert!(note.clashes.is_empty() && (!is_conflict || draft.values.iter().all(Option::is_none)));
    }
}

#[test]
fn what_an_earlier_import_brought_over_is_the_base_of_the_next() {
    let fields = [target("x", None), target("y", None), target("z", None)];
    let both = |x: &str, y: &str| {
        let fields = vec![Field::single("x", json!(x)), Field::single("y", json!(y))];
        Record { fields, ..Record::default() }
    };
    let unreadable = |_: &BaseRow| None;
    let merge = Merge::new(&fields, &unreadable);
    let cells = ["old", "y"].map(|text| BaseCell {
        shown: true,
        readings: vec![vec![json!(text)]],
        ..BaseCell::default()
    });
    // The third column was put into the sheet after the export.
    let cells = cells.into_iter().chain([BaseCell::default()]).collect();
    let further = Edits::from([("x".to_owned(), vec![json!("new")])]);
    let base = Base { record: both("old", "y"), cells, further };
    let schema = Schema::default();
    let again = |x: &str, silent: Vec<usize>| {
        let values = vec![Some(vec![json!(x)]), None, None];
        let draft = Draft { values, silent, ..Draft::default() };
        let (draft, note) =
            merge.merge(&draft, base.clone(), &both("new", "moved"), &schema, OnConflict::Reject);
        (draft.values, note)
    };
    let (values, note) = again("new", vec![1]);
    assert_eq!((values, note.clashes.len()), (vec![None, None, None], 0), "the same sheet again");
    assert_eq!(note.edits["x"], [json!("new")]);
    let (values, _) = again("old", vec![1]);
    assert_eq!(values[0], Some(vec![json!("old")]), "taken back in the sheet");
    // The service has tidied what the earlier import sent.
    let sent = Edits::from([("x".to_owned(), vec![json!("New@x.org")])]);
    let tidied = Base { further: sent, ..base.clone() };
    let draft =
        Draft { values: vec![Some(vec![json!("b@x.org")]), None, None], silent: vec![1], ..Draft::default() };
    let (draft, note) = merge.merge(&draft, tidied, &both("<new@x.org>", "y"), &schema, OnConflict::Reject);
    assert_eq!((&draft.values[0], note.clashes.len()), (&Some(vec![json!("b@x.org")]), 0));
    let (_, note) = again("new", vec![]);
    assert_eq!(note.clashes.len(), 1, "a blank cell that was not left out");
}

#[test]
fn what_the_export_did_not_ask_for_is_written_while_nobody_has_changed_the_record() {
    let field = target("x", None);
    let unreadable = |_: &BaseRow| None;
    let merge = Merge::new(std::slice::from_ref(&field), &unreadable);
    let (old, new) = ("2024-05-01T10:00:00Z", "2024-05-01T10:00:01Z");
    let at = |time: &str, record: Record| Record { updated: Some(time.to_owned()), ..record };
    // The sheet, the record's last change, what it holds; what is left, whether it clashes.
    let cases = [
        (Some("b"), old, json!("a"), Some("b"), false),
        (Some("b"), old, json!(null), Some("b"), false),
        (Some("b"), new, json!("a"), None, true),
        (Some("b"), new, json!("b"), None, false),
        (None, old, json!("a"), None, false),
        (None, new, json!("a"), None, false),
    ];
    for (sheet, changed, holds, left, clashes) in cases {
        let cell = BaseCell { readings: vec![Vec::new()], is_unread: true, ..BaseCell::default() };
        let base = Base { record: at(old, Record::default()), cells: vec![cell], ..Base::default() };
        let values = vec![sheet.map(|text| vec![json!(text)])];
        let draft = Draft { values, ..Draft::default() };
        let current = at(changed, record("x", &holds));
        let (draft, note) = merge.merge(&draft, base, &current, &Schema::default(), OnConflict::Reject);
        let expected = left.map(|text| vec![json!(text)]);
        assert_eq!(
            (&draft.values[0], !note.clashes.is_empty()),
            (&expected, clashes),
            "{sheet:?} {changed} {holds}"
        );
    }
}

/// A small set of values: bits 0 to 2.
fn set(bits: u8) -> Value {
    let names = ["a", "b", "c"];
    let held: Vec<_> = (0..3).filter(|bit| bits & (1 << bit) != 0).map(|bit| names[bit]).collect();
    if held.is_empty() { Value::Null } else { json!(held) }
}

proptest! {
    /// A merge of whole records by the definition: of the edits of both sides each is applied, and where both
    /// touched a cell to different ends, the record clashes.
    #[test]
    fn merges_as_the_definition_does(cells in proptest::collection::vec((0u8..8, 0u8..8, 0u8..8), 1..6), side in 0u8..3) {
        let on_conflict =
            [OnConflict::Reject, OnConflict::Sheet, OnConflict::Service][usize::from(side)];
        for (at, (base, sheet, service)) in cells.iter().copied().enumerate() {
            let field = target(&format!("f{at}"), None);
            let (left, note) = merged(&field, &set(base), &set(sheet), &set(service), on_conflict);
            let clash = sheet != base && service != base && sheet != service;
            let then = match (clash, on_conflict) {
                (true, OnConflict::Sheet) => sheet,
                (true, _) => service,
                (false, _) if sheet != base => sheet,
                (false, _) => service,
            };
            prop_assert_eq!(!note.clashes.is_empty(), clash && on_conflict == OnConflict::Reject);
            // Whether the cell is sent does not matter where it is there already.
            let result = match left {
                None => set(service),
                Some(values) if values.is_empty() => Value::Null,
                Some(values) => Value::from(values),
            };
            prop_assert_eq!(&result, &set(then));
            if sheet == base {
                prop_assert_eq!(result, set(service), "nobody touched it in the sheet");
            }
        }
    }
}
