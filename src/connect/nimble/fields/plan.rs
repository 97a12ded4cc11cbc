//! What has to be sent so that a field is what a row says: a create, a new name or group, further choices. Pure
//! but for the definitions that were read before.
//!
//! What an operation carries is what is meant, in Ferry's words; the request that says it to either generation
//! of the API is made when it is sent, because a group that it names may only be made by then.

use super::catalog::{Catalog, Entry, Era, Kind, same_name};
use super::decode::KIND;
use crate::connect::nimble::plain_row::{PlainRow, change};
use crate::connect::nimble::read_only;
use crate::load::target::{Change, Operation, OperationKind, Planned, RowToPlan, UpdateState};
use crate::record::{Record, to_text};
use crate::transform::draft::Reject;
use serde_json::{Value, json};

/// The columns of a field that a row may speak of.
const COLUMNS: [&str; 9] =
    ["name", "label", "modifier", "group", "tab", "type", "multiples", "read_only", "choices"];
/// Longest names in characters: of the newer generation, and of what a query may name in the older (facts,
/// sections 12.2 and 6.5).
pub(super) const LONGEST: [usize; 2] = [50, 150];

/// The operations of a row.
pub(super) fn plan(catalog: &Catalog, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
    let mut work = PlainRow::new(row, KIND, &COLUMNS);
    let planned = match row.current.and_then(|record| record.id.clone()) {
        Some(id) => update(catalog, &mut work, catalog.entry(&id)),
        None => create(catalog, &mut work),
    };
    work.settle(planned)
}

fn create(catalog: &Catalog, work: &mut PlainRow<'_>) -> Planned {
    let name = name(catalog, work, None);
    let given = |work: &mut PlainRow<'_>, column| work.then_text(column).unwrap_or_default();
    let label = given(work, "label");
    if !label.is_empty() && label != name {
        work.reject("label", &[Value::from(label)], "a new field is labelled with its name");
    }
    let modifier = given(work, "modifier");
    if !modifier.is_empty() {
        work.reject("modifier", &[Value::from(modifier)], "fields of one's own have no modifiers");
    }
    if is_true(&given(work, "read_only")) {
        work.reject("read_only", &[Value::Bool(true)], "fields of one's own can be written");
    }
    let multiples = is_true(&given(work, "multiples"));
    if multiples && catalog.era == Era::Older {
        work.reject("multiples", &[Value::Bool(true)], "this account's fields of one's own hold one value");
    }
    let kind = kind(work);
    let choices = choices(work, &[]);
    if !choices.is_empty() && kind != "option" {
        let reason = format!("a field of type `{kind}` has no choices: its type would be `option`");
        work.reject("choices", &[], reason);
    }
    let group = given(work, "group");
    let tab = given(work, "tab");
    if !tab.is_empty() && catalog.era == Era::Newer && catalog.tab(&tab).is_none() {
        let tabs: Vec<_> = catalog.tabs.iter().map(|tab| format!("`{}`", tab.name)).collect();
        work.reject(
            "tab",
            &[Value::from(tab.as_str())],
            format!("there is no such tab: there are {}", tabs.join(", ")),
        );
    }
    let listed: Vec<Value> = choices.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
    let body = json!({"name": name, "type": kind, "group": group, "tab": tab, "multiples": multiples,
                      "choices": listed});
    let mut planned = Planned::default();
    planned.operations.push(Operation { kind: OperationKind::Create, body, before: Value::Null });
    // The newer generation makes choices one by one.
    if catalog.era == Era::Newer {
        planned.operations.extend(choices.iter().map(|(id, value)| choice(id, None, value)));
    }
    planned.changes.extend(change("name", "", &name));
    planned.changes.extend(change("type", "", kind));
    planned.changes.extend(group_change(catalog, "", &group));
    if multiples {
        planned.changes.extend(change("multiples", "", "true"));
    }
    if !choices.is_empty() {
        let after = choices.iter().map(|(id, value)| format!("{id}={value}")).collect();
        planned.changes.push(Change { field: "choices".to_owned(), before: Vec::new(), after });
    }
    planned
}

fn update(catalog: &Catalog, work: &mut PlainRow<'_>, entry: Option<&Entry>) -> Planned {
    let Some(entry) = entry else {
        work.reject("_id", &[], "the field is gone");
        return Planned::default();
    };
    let mut planned = Planned::default();
    let fixed =
        [("label", &entry.label), ("modifier", &entry.modifier), ("tab", &entry.tab), ("type", &entry.kind)];
    for (column, now) in fixed {
        let then = work.then_text(column);
        if let Some(then) = then.filter(|then| then != now && !(column == "label" && *now == entry.name)) {
            let same_kind = column == "type" && Kind::of(&then).is_some_and(|kind| kind.word == *now);
            if !same_kind {
                work.reject(column, &[Value::from(then)], "it cannot be changed once the field is there");
            }
        }
    }
    for (column, now) in [("multiples", entry.multiples), ("read_only", entry.read_only)] {
        let then = work.then_text(column);
        if then.is_some_and(|then| is_true(&then) != now) {
            work.reject(column, &[Value::Bool(!now)], read_only::REASON);
        }
    }
    let (mut body, mut before) = (serde_json::Map::new(), serde_json::Map::new());
    let name = name(catalog, work, Some(entry));
    let group = work.then_text("group").unwrap_or_else(|| entry.group.clone());
    for (column, now, then) in [("name", &entry.name, &name), ("group", &entry.group, &group)] {
        if now != then {
            body.insert(column.to_owned(), Value::from(then.as_str()));
            before.insert(column.to_owned(), Value::from(now.as_str()));
        }
    }
    planned.changes.extend(change("name", &entry.name, &name));
    planned.changes.extend(group_change(catalog, &entry.group, &group));
    if entry.actions == "view_only" || (entry.actions == "edit_choices_only" && !body.is_empty()) {
        let what = if body.is_empty() { "nothing" } else { "its choices alone" };
        if !body.is_empty() {
            work.reject("name", &[], format!("Nimble lets {what} of this field be changed"));
        }
    }
    if !body.is_empty() {
        let (body, before) = (Value::Object(body), Value::Object(before));
        planned.operations.push(Operation { kind: OperationKind::Update, body, before });
    }
    let then = choices(work, &entry.choices);
    let known =
        |id: &str| entry.choices.iter().find(|(known, _)| known == id).map(|(_, value)| value.as_str());
    let edits: Vec<_> = then.iter().filter(|(id, value)| known(id) != Some(value.as_str())).collect();
    if edits.is_empty() {
        return planned;
    }
    if entry.kind != "option" {
        work.reject("choices", &[], format!("a field of type `{}` has no choices", entry.kind));
    }
    let texts = |list: &[(String, String)]| list.iter().map(|(id, value)| format!("{id}={value}")).collect();
    planned.changes.push(Change {
        field: "choices".to_owned(),
        before: texts(&entry.choices),
        after: texts(&then),
    });
    planned.operations.extend(edits.into_iter().map(|(id, value)| choice(id, known(id), value)));
    planned
}

fn name(catalog: &Catalog, work: &mut PlainRow<'_>, entry: Option<&Entry>) -> String {
    let now = entry.map(|entry| entry.name.clone()).unwrap_or_default();
    let name = work.then_text("name").unwrap_or_else(|| now.clone()).trim().to_owned();
    let longest = LONGEST[usize::from(catalog.era == Era::Older)];
    let length = name.chars().count();
    if length == 0 || (length > longest && name != now) {
        work.reject(
            "name",
            &[Value::from(name.as_str())],
            format!("a field's name has 1 to {longest} characters"),
        );
    }
    let other =
        catalog.named(&name).filter(|other| entry.is_none_or(|entry| !same_name(&entry.name, &other.name)));
    if let Some(other) = other {
        let reason = format!("there is a field `{}` already ({})", other.name, other.id);
        work.reject("name", &[Value::from(name.as_str())], reason);
    }
    name
}

fn kind(work: &mut PlainRow<'_>) -> &'static str {
    let given = work.then_text("type").unwrap_or_default();
    match Kind::of(if given.is_empty() { "text" } else { &given }) {
        Some(kind) => kind.word,
        None => {
            let words: Vec<_> = super::catalog::KINDS.iter().map(|kind| kind.word).collect();
            let reason = format!("there is no such type: there are {}", words.join(", "));
            work.reject("type", &[Value::from(given)], reason);
            "text"
        }
    }
}

/// The choices that there should be. Written as `id=label` or as a label alone, which then gets the next free
/// number; none is ever taken away, since contacts may hold it.
fn choices(work: &mut PlainRow<'_>, now: &[(String, String)]) -> Vec<(String, String)> {
    let Some(written) = work.then("choices") else { return now.to_vec() };
    let mut then: Vec<(String, String)> = Vec::new();
    let numbers = now.iter().filter_map(|(id, _)| id.parse::<u64>().ok());
    let mut next = numbers.max().unwrap_or(0) + 1;
    for text in written.iter().map(to_text) {
        let numbered = text.split_once('=').filter(|(id, _)| {
            now.iter().any(|(known, _)| known == id.trim()) || id.trim().parse::<u64>().is_ok()
        });
        let (id, label) = match numbered {
            Some((id, label)) => (Some(id.trim().to_owned()), label.trim()),
            None => {
                (now.iter().find(|(_, label)| label == text.trim()).map(|(id, _)| id.clone()), text.trim())
            }
        };
        let id = id.unwrap_or_else(|| next.to_string());
        next = next.max(id.parse::<u64>().map_or(0, |id| id + 1));
        if label.is_empty() || then.iter().any(|(known, other)| *known == id || other == label) {
            let reason = "every choice has an id and a label of its own";
            work.reject("choices", &[Value::from(text)], reason);
            continue;
        }
        then.push((id, label.to_owned()));
    }
    let gone = now.iter().find(|(id, _)| !then.iter().any(|(kept, _)| kept == id));
    if let Some((id, label)) = gone {
        let reason = "a choice is never taken away, since contacts may hold it: remove it in Nimble itself";
        work.reject("choices", &[Value::from(format!("{id}={label}"))], reason);
    }
    then
}

fn choice(id: &str, before: Option<&str>, value: &str) -> Operation {
    let body = json!({"choice": {"id": id, "value": value}});
    Operation { kind: OperationKind::Update, body, before: json!({"choice": {"id": id, "value": before}}) }
}

/// A group that is not there is made, and the plan says so.
fn group_change(catalog: &Catalog, before: &str, after: &str) -> Option<Change> {
    let new = !after.is_empty() && catalog.group(after).is_none();
    change("group", before, &if new { format!("{after} (a new group)") } else { after.to_owned() })
}

fn is_true(text: &str) -> bool {
    matches!(text.trim().to_lowercase().as_str(), "true" | "1" | "yes")
}

/// Whether a field is what a create sent.
pub(super) fn holds(operation: &Operation, record: &Record) -> bool {
    let text = |key: &str| operation.body.get(key).map(to_text).unwrap_or_default();
    same_name(&text("name"), &of(record, "name"))
        && Kind::of(&text("type")).is_some_and(|kind| kind.word == of(record, "type"))
}

/// The content of a create in canonical form: there cannot be two fields of one name.
pub(super) fn content(operation: &Operation) -> String {
    operation.body.get("name").map(to_text).unwrap_or_default().trim().to_lowercase()
}

/// How a field stands to an update.
pub(super) fn update_state(operation: &Operation, record: &Record) -> UpdateState {
    let is_as = |what: &Value| {
        let attributes = ["name", "group"]
            .iter()
            .all(|key| what.get(*key).is_none_or(|meant| same_name(&to_text(meant), &of(record, key))));
        let choice = what.get("choice").is_none_or(|choice| {
            let id = choice.get("id").map(to_text).unwrap_or_default();
            let there = record.values("choices", "").map(to_text).find_map(|written| {
                written.split_once('=').filter(|(known, _)| *known == id).map(|(_, label)| label.to_owned())
            });
            there.as_deref() == choice.get("value").and_then(Value::as_str)
        });
        attributes && choice
    };
    if is_as(&operation.body) {
        UpdateState::AsMeant
    } else if is_as(&operation.before) {
        UpdateState::AsBefore
    } else {
        UpdateState::Otherwise
    }
}

fn of(record: &Record, name: &str) -> String {
    record.values(name, "").next().map(to_text).unwrap_or_default()
}
