//! What has to be sent so that a record holds what a draft says. Pure.
//!
//! Ferry's own columns: `_id` only says which record is meant; `_type` and `_created` may repeat what the
//! record has, an edit of them is rejected; `_updated` is the time of the row's knowledge, which the load
//! stage judges (design section 9.8).

use super::actions::{Action, Difference, action};
use super::decode::KIND;
use super::likeness::Likeness;
use super::values::{is_blank, odd, same, typed};
use crate::error::nearest;
use crate::load::target::{Change, Operation, OperationKind, Planned, RowToPlan};
use crate::record::census::Tally;
use crate::record::schema::Modifier;
use crate::record::{Record, service_name, to_text};
use crate::transform::draft::{OnExtra, Reject, TargetField, Write};
use serde_json::{Map, Value, json};

/// The operations for a row.
///
/// # Errors
/// Every reason why it cannot be written.
pub(super) fn plan(row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
    let (mut rejects, mut parts, mut extra) = (Vec::new(), Vec::new(), 0);
    for (field, values) in row.fields.iter().zip(&row.draft.values) {
        let Some(values) = values else { continue };
        match part(row, field, values, &mut extra) {
            Ok(None) => {}
            Ok(Some(part)) => parts.push(part),
            Err(reject) => rejects.push(reject),
        }
    }
    if !rejects.is_empty() {
        return Err(rejects);
    }
    let planned = match row.current {
        None => create(row, parts)?,
        Some(_) => update(parts),
    };
    Ok(Planned { extra, ..planned })
}

/// A field that differs.
struct Part<'a> {
    /// As the service calls it.
    service: &'a str,
    change: Change,
    before: Value,
    action: Action,
    multi: bool,
}

fn part<'a>(
    row: &RowToPlan<'a>,
    field: &'a TargetField,
    values: &[Value],
    extra: &mut u64,
) -> Result<Option<Part<'a>>, Reject> {
    let column = field.place.name.as_str();
    if let Some(known) = own_column(row.current, column) {
        return known.allow(column, values).map(|()| None);
    }
    let service = writable_name(row, field)?;
    let tally = row.census.tally(column, "");
    let stored = row.current.and_then(|record| record.field(column));
    let multi = field.multi == Some(true)
        || tally.is_some_and(|tally| tally.list)
        || stored.is_some_and(|field| field.list);
    let held: Vec<Value> = stored
        .into_iter()
        .flat_map(|field| &field.entries)
        .map(|entry| &entry.value)
        .filter(|value| !is_blank(value))
        .cloned()
        .collect();
    let likeness = Likeness::of(field.kind, tally, multi);
    let (wanted, dropped) = wanted(field, values, tally, &held, (multi, likeness))?;
    *extra += dropped;
    if field.write == Write::Add && !multi {
        let full = held.first().zip(wanted.first()).filter(|(one, other)| !likeness.same(one, other));
        *extra += u64::from(full.is_some());
        if let (Some((held, wanted)), OnExtra::Reject) = (full, field.on_extra) {
            let reason = format!("the field holds one value and has `{}` already", to_text(held));
            return Err(refuse(column, Some(wanted), reason));
        }
    }
    let listed = stored.is_some_and(|field| field.list);
    let write = field.write;
    let difference = Difference { held: &held, wanted: &wanted, multi, listed, write, likeness };
    let Some(action) = action(difference) else { return Ok(None) };
    let texts = |values: &[Value]| values.iter().map(to_text).collect();
    let change = Change { field: column.to_owned(), before: texts(&held), after: texts(&action.after) };
    let before = match (&held[..], listed) {
        ([], _) => Value::Null,
        ([single], false) => single.clone(),
        (several, _) => Value::from(several.to_vec()),
    };
    Ok(Some(Part { service, change, before, action, multi }))
}

/// The values as the field takes them, without blanks and doubles, and how many it has no room for.
fn wanted(
    field: &TargetField,
    values: &[Value],
    tally: Option<&Tally>,
    held: &[Value],
    (multi, likeness): (bool, Likeness),
) -> Result<(Vec<Value>, u64), Reject> {
    let column = field.place.name.as_str();
    let mut wanted = Vec::with_capacity(values.len());
    for value in values.iter().filter(|value| !is_blank(value)) {
        let value = typed(value, field.kind, tally).map_err(|reason| refuse(column, Some(value), reason))?;
        // What is there already is right, and a mapping that says the type knows better than a look at others.
        let inferred =
            tally.filter(|_| field.kind.is_none() && !held.iter().any(|known| likeness.same(known, &value)));
        if let Some(reason) = inferred.and_then(|tally| odd(column, &value, tally)) {
            return Err(refuse(column, Some(&value), reason));
        }
        wanted.push(value);
    }
    let mut wanted = likeness.distinct(wanted);
    if !multi && wanted.len() > 1 {
        if field.on_extra == OnExtra::Reject {
            let reason = format!("{} values for a field that holds one", wanted.len());
            return Err(refuse(column, wanted.get(1), reason));
        }
        let dropped = wanted.len() as u64 - 1;
        wanted.truncate(1);
        return Ok((wanted, dropped));
    }
    Ok((wanted, 0))
}

fn create(row: &RowToPlan<'_>, parts: Vec<Part<'_>>) -> Result<Planned, Vec<Reject>> {
    if parts.is_empty() {
        let reason = "there is nothing to write: every field of the row is empty".to_owned();
        return Err(vec![Reject { field: None, value: None, reason }]);
    }
    let mut fields = Map::new();
    let mut changes = Vec::new();
    for Part { service, change, action, multi, .. } in parts {
        let mut values = action.after;
        let value = if multi { Value::from(values) } else { values.swap_remove(0) };
        fields.insert(service.to_owned(), value);
        changes.push(change);
    }
    let body = json!({"timeZone": time_zone(row.time_zone), "fields": fields});
    let operations = vec![Operation { kind: OperationKind::Create, body, before: Value::Null }];
    Ok(Planned { operations, changes, extra: 0 })
}

fn update(parts: Vec<Part<'_>>) -> Planned {
    if parts.is_empty() {
        return Planned::default();
    }
    let (mut actions, mut before, mut changes) = (Map::new(), Map::new(), Vec::new());
    for part in parts {
        actions.insert(part.service.to_owned(), part.action.body);
        before.insert(part.service.to_owned(), part.before);
        changes.push(part.change);
    }
    let body = json!({"fieldActions": actions});
    let operations = vec![Operation { kind: OperationKind::Update, body, before: Value::Object(before) }];
    Planned { operations, changes, extra: 0 }
}

/// The zone under a name that older zone data knows: `Europe/Kyiv` came with 2022b (NetHunt facts, section 7).
fn time_zone(name: &str) -> &str {
    if name == "Europe/Kyiv" { "Europe/Kiev" } else { name }
}

/// What one of Ferry's own columns may say.
enum OwnColumn<'a> {
    Anything,
    Only(Option<&'a str>),
}

fn own_column<'a>(current: Option<&'a Record>, column: &str) -> Option<OwnColumn<'a>> {
    match (column, current) {
        ("_id" | "_updated", _) | ("_created", None) => Some(OwnColumn::Anything),
        ("_type", _) => Some(OwnColumn::Only(Some(KIND))),
        ("_created", Some(record)) => Some(OwnColumn::Only(record.created.as_deref())),
        _ => None,
    }
}

impl OwnColumn<'_> {
    fn allow(&self, column: &str, values: &[Value]) -> Result<(), Reject> {
        let Self::Only(known) = self else { return Ok(()) };
        let known = Value::from(known.unwrap_or_default());
        match values.iter().find(|value| !is_blank(value) && !same(value, &known)) {
            None => Ok(()),
            Some(edited) => {
                let reason = match column {
                    "_type" => format!("NetHunt has only records of type `{KIND}`"),
                    _ => format!("NetHunt sets `{column}` itself; the record has `{}`", to_text(&known)),
                };
                Err(refuse(column, Some(edited), reason))
            }
        }
    }
}

/// The service's own name of a field that can be written to.
fn writable_name<'a>(row: &RowToPlan<'_>, field: &'a TargetField) -> Result<&'a str, Reject> {
    let column = field.place.name.as_str();
    let plain = matches!(&field.place.modifier, Modifier::Named(name) if name.is_empty());
    let known = row.schema.field(column).filter(|_| plain && field.place.part.is_none());
    if let (Some(known), Some(service)) = (known, service_name(column)) {
        return match known.read_only {
            false => Ok(service),
            true => Err(refuse(column, None, "the field is filled by the service".to_owned())),
        };
    }
    let near = nearest(column, row.schema.fields.iter().map(|field| field.name.as_str()));
    let near = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let written = field.place.to_string();
    Err(refuse(&written, None, format!("{} has no field `{written}`{near}", row.schema.of)))
}

fn refuse(column: &str, value: Option<&Value>, reason: String) -> Reject {
    Reject { field: Some(column.to_owned()), value: value.map(to_text), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Field;
    use crate::record::census::Census;
    use crate::record::schema::{FieldRef, FieldSpec, Kind, Schema};
    use crate::transform::draft::Draft;

    fn field(name: &str) -> TargetField {
        let place = FieldRef { name: name.into(), modifier: Modifier::Named(String::new()), part: None };
        TargetField { place, write: Write::Replace, multi: None, kind: None, on_extra: OnExtra::First }
    }

    fn schema() -> Schema {
        let names = ["Name", "Tags", "Score", "VIP", "Email", "__odd"];
        let fields = names.map(|name| FieldSpec { name: name.into(), ..FieldSpec::default() });
        Schema {
            of: "nethunt:Contacts".into(),
            has_modifiers: false,
            has_head: true,
            open: false,
            unlisted: Vec::new(),
            fields: fields.into(),
        }
    }

    fn stored() -> Record {
        Record {
            id: Some("a".into()),
            kind: Some(KIND.into()),
            created: Some("2023-07-13T13:46:24.113Z".into()),
            updated: Some("2023-07-14T13:46:24.113Z".into()),
            fields: vec![
                Field::single("Name", json!("Ada")),
                Field::list("Tags", vec![json!("x"), json!("y")]),
                Field::single("Score", json!(12.5)),
                Field::single("VIP", json!(true)),
                Field::list("Email", vec![json!("Ada <ada@example.org>")]),
                Field::single("__odd", json!("v")),
            ],
        }
    }

    fn planned(
        cells: &[(TargetField, Option<Value>)],
        current: Option<&Record>,
    ) -> Result<Planned, Vec<Reject>> {
        let mut census = Census::default();
        census.add(&stored());
        let fields: Vec<_> = cells.iter().map(|(field, _)| field.clone()).collect();
        let values = cells.iter().map(|(_, cell)| cell.as_ref().map(|cell| cell.as_array().unwrap().clone()));
        let draft = Draft { values: values.collect(), ..Draft::default() };
        plan(&RowToPlan {
            fields: &fields,
            draft: &draft,
            current,
            schema: &schema(),
            census: &census,
            time_zone: "Europe/Kyiv",
        })
    }

    #[test]
    fn a_create_sends_what_is_there_in_the_shape_the_field_takes() {
        let cells = [
            (field("_id"), Some(json!([""]))),
            (field("_type"), Some(json!(["record"]))),
            (field("_created"), Some(json!(["2020-01-01T00:00:00Z"]))),
            (field("Name"), Some(json!(["Grace", "Hopper"]))),
            (field("Tags"), Some(json!(["x", "", "x"]))),
            (field("Score"), Some(json!(["12.50"]))),
            (field("VIP"), Some(json!([""]))),
            (field("Email"), None),
            (field("__odd"), Some(json!(["w"]))),
        ];
        let planned = planned(&cells, None).unwrap();
        let body =
            r#"{"timeZone":"Europe/Kiev","fields":{"Name":"Grace","Tags":["x"],"Score":12.50,"_odd":"w"}}"#;
        assert_eq!(planned.operations[0].body.to_string(), body);
        assert_eq!(planned.operations[0].kind, OperationKind::Create);
        assert_eq!(planned.changes.len(), 4);
    }

    #[test]
    fn a_field_that_the_mapping_calls_multi_is_a_list_from_the_first_record_on() {
        let multi = TargetField { multi: Some(true), ..field("Name") };
        let planned = planned(&[(multi, Some(json!(["Ada"])))], None).unwrap();
        assert_eq!(planned.operations[0].body["fields"], json!({"Name": ["Ada"]}));
    }

    #[test]
    fn an_update_sends_only_what_differs_and_remembers_what_was() {
        let cells = [
            (field("_id"), Some(json!(["a"]))),
            (field("_created"), Some(json!(["2023-07-13T13:46:24.113Z"]))),
            (field("_updated"), Some(json!(["2019-01-01T00:00:00Z"]))),
            (field("Name"), Some(json!(["Ada King"]))),
            (field("Tags"), Some(json!(["y", "x"]))),
            (field("Score"), Some(json!(["12.50"]))),
            (field("VIP"), Some(json!([]))),
            (field("Email"), Some(json!(["ada@example.org", "b@example.org"]))),
        ];
        let planned = planned(&cells, Some(&stored())).unwrap();
        let [operation] = &planned.operations[..] else { panic!("one request") };
        let actions = json!({
            "Name": {"overwrite": true, "add": "Ada King"},
            "VIP": {"overwrite": true},
            "Email": {"overwrite": false, "add": ["b@example.org"]},
        });
        assert_eq!(operation.body, json!({"fieldActions": actions}));
        let before = json!({"Name": "Ada", "VIP": true, "Email": ["Ada <ada@example.org>"]});
        assert_eq!(operation.before, before);
        assert_eq!(planned.changes[0].before, ["Ada"]);
    }

    #[test]
    fn the_record_itself_needs_no_request() {
        let stored = stored();
        let cells = stored.fields.iter().map(|stored| {
            let texts: Vec<_> = stored.entries.iter().map(|entry| to_text(&entry.value)).collect();
            (field(&stored.name), Some(json!(texts)))
        });
        assert_eq!(planned(&cells.collect::<Vec<_>>(), Some(&stored)).unwrap(), Planned::default());
    }

    #[test]
    fn what_cannot_be_written_says_why() {
        let strict = TargetField { on_extra: OnExtra::Reject, ..field("Name") };
        let add = TargetField { write: Write::Add, ..strict.clone() };
        let number = TargetField { kind: Some(Kind::Number), ..field("Name") };
        let stored = stored();
        let cases = [
            (field("Nmae"), json!(["x"]), "nethunt:Contacts has no field `Nmae`; did you mean `Name`?"),
            (field("_tags"), json!(["x"]), "nethunt:Contacts has no field `_tags`; did you mean `Tags`?"),
            (field("Score"), json!(["007"]), "it is not a number as JSON writes it"),
            (field("VIP"), json!(["yes"]), "it is neither `true` nor `false`"),
            (number, json!(["1,5"]), "it is not a number as JSON writes it"),
            (strict, json!(["a", "b"]), "2 values for a field that holds one"),
            (add, json!(["b"]), "the field holds one value and has `Ada` already"),
            (field("_type"), json!(["company"]), "NetHunt has only records of type `record`"),
            (field("_created"), json!(["2020-01-01T00:00:00Z"]), "NetHunt sets `_created` itself"),
        ];
        for (field, value, reason) in cases {
            let rejects = planned(&[(field, Some(value))], Some(&stored)).unwrap_err();
            assert!(rejects[0].reason.starts_with(reason), "{rejects:?}");
        }
        assert!(
            planned(&[(field("Name"), Some(json!([" "])))], None).is_err(),
            "an empty record is not made"
        );
    }
}
