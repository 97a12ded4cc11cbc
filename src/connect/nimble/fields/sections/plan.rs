//! What has to be sent so that a group or tab is what a row says: a create, or another name. Pure but for the
//! definitions that were read before.

use super::decode::Kind;
use crate::connect::nimble::fields::catalog::{Catalog, Era, same_name};
use crate::connect::nimble::fields::plan::LONGEST;
use crate::connect::nimble::plain_row::{PlainRow, change};
use crate::load::target::{Operation, OperationKind, Planned, RowToPlan, UpdateState};
use crate::record::{Record, to_text};
use crate::transform::draft::Reject;
use serde_json::{Value, json};

/// The columns that a row may speak of.
const COLUMNS: [&str; 3] = ["name", "tab", "for"];
/// Whose contacts may have a group or tab (facts, section 12).
const WHOSE: [&str; 3] = ["both", "person", "company"];

/// The operations of a row.
pub(super) fn plan(catalog: &Catalog, kind: Kind, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
    let mut work = PlainRow::new(row, kind.word(), &COLUMNS);
    let planned = if work.is_update() {
        rename(catalog, kind, &mut work, row.current)
    } else {
        create(catalog, kind, &mut work)
    };
    work.settle(planned)
}

fn create(catalog: &Catalog, kind: Kind, work: &mut PlainRow<'_>) -> Planned {
    let tab = tab_of_new(catalog, kind, work);
    let name = name(catalog, kind, &tab, "", work);
    let whose = work.then_text("for").unwrap_or_default().trim().to_lowercase();
    let whose = if whose.is_empty() { WHOSE[0].to_owned() } else { whose };
    if !WHOSE.contains(&whose.as_str()) {
        let reason = format!("it is for contacts of one type, or for {}", WHOSE.join(", "));
        work.reject("for", &[Value::from(whose.as_str())], reason);
    }
    // In the newer generation, a group is for whomever its tab is for.
    let has_own = kind == Kind::Tab || catalog.era == Era::Older;
    if !has_own && whose != WHOSE[0] {
        work.reject("for", &[Value::from(whose.as_str())], "a group is for whomever its tab is for");
    }
    let body = json!({"name": name, "tab": tab, "for": whose});
    let mut planned = Planned::default();
    planned.operations.push(Operation { kind: OperationKind::Create, body, before: Value::Null });
    planned.changes.extend(change("name", "", &name));
    planned.changes.extend(change("tab", "", &tab));
    if has_own {
        planned.changes.extend(change("for", "", &whose));
    }
    planned
}

/// The tab that a new group goes into: the one named, else the first of the account's own, else the first.
fn tab_of_new(catalog: &Catalog, kind: Kind, work: &mut PlainRow<'_>) -> String {
    let named = work.then_text("tab").unwrap_or_default();
    if kind == Kind::Tab {
        return String::new();
    }
    if catalog.era == Era::Older {
        if !named.is_empty() {
            work.reject("tab", &[Value::from(named)], "this account's version of Nimble's API has no tabs");
        }
        return String::new();
    }
    if named.is_empty() {
        let own = catalog.tabs.iter().find(|tab| !tab.is_standard).or(catalog.tabs.first());
        return own.map(|tab| tab.name.clone()).unwrap_or_default();
    }
    match catalog.tab(&named) {
        Some(tab) => tab.name.clone(),
        None => {
            let tabs: Vec<_> = catalog.tabs.iter().map(|tab| format!("`{}`", tab.name)).collect();
            let reason = format!("there is no such tab: there are {}", tabs.join(", "));
            work.reject("tab", &[Value::from(named.as_str())], reason);
            named
        }
    }
}

fn rename(catalog: &Catalog, kind: Kind, work: &mut PlainRow<'_>, current: Option<&Record>) -> Planned {
    let now = work.now_text("name");
    let tab = work.now_text("tab");
    for column in ["tab", "for"] {
        let (there, then) = (work.now_text(column), work.then_text(column));
        if let Some(then) = then.filter(|then| !same_name(then, &there)) {
            let reason = format!("a {} is renamed here and nothing else", kind.word());
            work.reject(column, &[Value::from(then)], reason);
        }
    }
    let name = name(catalog, kind, &tab, &now, work);
    if name == now {
        return Planned::default();
    }
    let is_standard = current.is_some_and(|record| of(record, "is_standard") == "true");
    if is_standard {
        work.reject("name", &[], format!("Nimble lets no standard {} be renamed", kind.word()));
    }
    let mut planned = Planned::default();
    let (body, before) = (json!({"name": name}), json!({"name": now}));
    planned.operations.push(Operation { kind: OperationKind::Update, body, before });
    planned.changes.extend(change("name", &now, &name));
    planned
}

/// The name that there should be, which no other group (of the tab) or tab has.
fn name(catalog: &Catalog, kind: Kind, tab: &str, now: &str, work: &mut PlainRow<'_>) -> String {
    let name = work.then_text("name").unwrap_or_else(|| now.to_owned()).trim().to_owned();
    let longest = LONGEST[usize::from(catalog.era == Era::Older)];
    let length = name.chars().count();
    if length == 0 || (length > longest && name != now) {
        let reason = format!("the name of a {} has 1 to {longest} characters", kind.word());
        work.reject("name", &[Value::from(name.as_str())], reason);
    }
    let is_other = |known: &str| same_name(known, &name) && !same_name(known, now);
    let taken = match kind {
        Kind::Tab => catalog.tabs.iter().any(|tab| is_other(&tab.name)),
        Kind::Group => {
            let in_tab = catalog.tab(tab).map(|tab| tab.id.as_str());
            catalog.groups.iter().any(|group| is_other(&group.name) && group.tab.as_deref() == in_tab)
        }
    };
    if taken {
        work.reject(
            "name",
            &[Value::from(name.as_str())],
            format!("there is a {} of that name", kind.word()),
        );
    }
    name
}

/// Whether a group or tab is what a create sent.
pub(super) fn holds(operation: &Operation, record: &Record) -> bool {
    let same = |key: &str| {
        let meant = operation.body.get(key).map(to_text).unwrap_or_default();
        same_name(&meant, &of(record, key))
    };
    same("name") && same("tab")
}

/// The content of a create in canonical form: there cannot be two of one name in one place.
pub(super) fn content(operation: &Operation) -> String {
    let text = |key: &str| operation.body.get(key).map(to_text).unwrap_or_default().trim().to_lowercase();
    format!("{}\u{1f}{}", text("tab"), text("name"))
}

/// How a group or tab stands to another name.
pub(super) fn update_state(operation: &Operation, record: &Record) -> UpdateState {
    let is =
        |what: &Value| what.get("name").is_some_and(|name| to_text(name).trim() == of(record, "name").trim());
    match (is(&operation.body), is(&operation.before)) {
        (true, _) => UpdateState::AsMeant,
        (_, true) => UpdateState::AsBefore,
        _ => UpdateState::Otherwise,
    }
}

fn of(record: &Record, name: &str) -> String {
    record.values(name, "").next().map(to_text).unwrap_or_default()
}
