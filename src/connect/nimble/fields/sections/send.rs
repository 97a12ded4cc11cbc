//! Says an operation on groups and tabs to the generation of the API that the account has. Each is sent on
//! definitions that were just read: the older generation's update has to repeat the order of a group's fields, which
//! it would lose otherwise, and only what is empty is deleted.

use super::decode::{Kind, Section};
use crate::connect::nimble::api::{Api, Query, escaped, failed};
use crate::connect::nimble::fields::catalog::{Catalog, Era, Group, same_name};
use crate::connect::nimble::refusal::{Meaning, meaning};
use crate::connect::nimble::send::not_done;
use crate::http::{Answer, Failure};
use crate::load::target::{Operation, OperationKind, Sent};
use crate::record::to_text;
use serde_json::{Value, json};

/// How many names of fields a refusal tells.
const TOLD: usize = 5;

/// Sends `operation`; `id` is the group or tab it is for, `None` for creates.
pub(super) fn send(
    api: &Api,
    catalog: &Catalog,
    kind: Kind,
    operation: &Operation,
    id: Option<&str>,
) -> Sent {
    let text = |key: &str| operation.body.get(key).map(to_text).unwrap_or_default();
    match (operation.kind, id) {
        (OperationKind::Create, _) => create(api, catalog, kind, &text("name"), &text("tab"), &text("for")),
        (OperationKind::Update, Some(id)) => rename(api, catalog, kind, id, &text("name")),
        _ => Sent::Refused(format!("a {} can be made, renamed and deleted, nothing else", kind.word())),
    }
}

/// Deletes a group or tab that is empty. One that is gone already counts as done.
pub(super) fn delete(api: &Api, catalog: &Catalog, kind: Kind, id: &str) -> Sent {
    let done = || Sent::Done { id: id.to_owned(), also: Vec::new() };
    let sections = Section::all(catalog, kind);
    let Some(section) = sections.iter().find(|section| section.id == id) else { return done() };
    if section.is_standard {
        return Sent::Refused(format!("Nimble lets no standard {} be deleted", kind.word()));
    }
    if let [_, ..] = section.fields.as_slice() {
        let named = section.fields.iter().take(TOLD).map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let more = if section.fields.len() > TOLD { " and others" } else { "" };
        return Sent::Refused(format!(
            "there are fields in it, which would go with it: {}{more}; move or delete them first",
            named.join(", ")
        ));
    }
    let within = |group: &&Group| group.tab.as_deref() == Some(id);
    if let Some(group) = catalog.groups.iter().find(within) {
        return Sent::Refused(format!("there are groups in it, such as `{}`: delete them first", group.name));
    }
    let what = format!("cannot delete {}s in Nimble", kind.word());
    for path in paths(catalog.era, kind, id) {
        let deleted = match catalog.era {
            Era::Older => api.write("DELETE", &path, &Query::default(), &json!({"force": false})),
            // One revision reads the body, another the query (facts, section 12.2).
            Era::Newer => {
                let query = Query::default().with("preflight_checks", "true");
                api.write("DELETE", &path, &query, &json!({"preflight_checks": true}))
            }
        };
        match deleted {
            Ok(_) => return done(),
            // Gone, or not the path of this revision.
            Err(Failure::Refused { status, text })
                if status == 405 || meaning(status, &text) == Meaning::Missing => {}
            Err(failure) => return blocked_or_refused(&what, failure),
        }
    }
    done()
}

/// Where a group or tab is: two revisions have tabs at different paths (facts, section 12.2).
fn paths(era: Era, kind: Kind, id: &str) -> Vec<String> {
    let id = escaped(id);
    match (era, kind) {
        (Era::Older, _) => vec![format!("/contacts/metadata/groups/{id}")],
        (Era::Newer, Kind::Group) => vec![format!("/contacts/fields/groups/{id}")],
        (Era::Newer, Kind::Tab) => {
            vec![format!("/contacts/fields/tabs/{id}"), format!("/contacts/tabs/{id}")]
        }
    }
}

fn create(api: &Api, catalog: &Catalog, kind: Kind, name: &str, tab: &str, whose: &str) -> Sent {
    let there = |section: &Section| same_name(&section.name, name) && same_name(&section.tab, tab);
    if let Some(known) = Section::all(catalog, kind).into_iter().find(there) {
        return Sent::Refused(format!("there is a {} `{}` already ({})", kind.word(), known.name, known.id));
    }
    let (path, body) = match (catalog.era, kind) {
        (Era::Older, _) => ("/contacts/metadata/groups", json!({"type": whose, "name": name})),
        (Era::Newer, Kind::Group) => {
            let Some(tab) = catalog.tab(tab) else {
                return Sent::Refused(format!("there is no tab `{tab}`"));
            };
            let last = catalog.groups.iter().rfind(|group| group.tab.as_ref() == Some(&tab.id));
            let after = last.map(|group| group.id.as_str());
            (
                "/contacts/fields/groups",
                json!({"name": name, "tab_id": tab.id, "logo_id": "1", "insert_after": after}),
            )
        }
        (Era::Newer, Kind::Tab) => {
            let types: &[&str] = match whose {
                "person" => &["person"],
                "company" => &["company"],
                _ => &["person", "company"],
            };
            let after = catalog.tabs.last().map(|tab| tab.id.as_str());
            (
                "/contacts/fields/tabs",
                json!({"tab_name": name, "contact_types": types, "insert_after": after}),
            )
        }
    };
    let what = format!("cannot create {}s in Nimble", kind.word());
    match api.write("POST", path, &Query::default(), &body) {
        Ok(answer) => made(api, kind, &answer, there),
        Err(failure) => blocked_or_refused(&what, failure),
    }
}

/// The id of what was made: the answer is the group, or a tab with all that is in it; else it is listed.
fn made(api: &Api, kind: Kind, answer: &Answer, is_it: impl Fn(&Section) -> bool) -> Sent {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let own = if kind == Kind::Tab { "tab_id" } else { "id" };
    let told = body.get(own).map(to_text).filter(|id| !id.is_empty());
    let listed = || Catalog::read(api).map(|now| Section::all(&now, kind).into_iter().find(|one| is_it(one)));
    let id = match told {
        Some(id) => Some(id),
        None => match listed() {
            Ok(section) => section.map(|section| section.id),
            Err(error) => return Sent::Doubt { why: error.chain(), server_error: false },
        },
    };
    match id {
        Some(id) => Sent::Done { id, also: Vec::new() },
        None => Sent::Doubt {
            why: format!("the service answered {} and does not show the {}", answer.status, kind.word()),
            server_error: false,
        },
    }
}

fn rename(api: &Api, catalog: &Catalog, kind: Kind, id: &str, name: &str) -> Sent {
    let body = match (catalog.era, kind) {
        (Era::Older, _) => match catalog.groups.iter().find(|group| group.id == id) {
            Some(group) => json!({"type": group.whose, "name": name, "order": group.order}),
            None => return Sent::Refused(format!("gone: there is no group `{id}`")),
        },
        (Era::Newer, Kind::Group) => json!({"name": name}),
        (Era::Newer, Kind::Tab) => json!({"tab_name": name}),
    };
    let path = paths(catalog.era, kind, id).swap_remove(0);
    match api.write("PUT", &path, &Query::default(), &body) {
        Ok(_) => Sent::Done { id: id.to_owned(), also: Vec::new() },
        Err(failure) => blocked_or_refused(&format!("cannot rename {}s in Nimble", kind.word()), failure),
    }
}

/// A user who may not change definitions may change none of them (facts, section 12.2).
fn blocked_or_refused(what: &str, failure: Failure) -> Sent {
    match failure {
        Failure::Refused { status: 403, text } => {
            Sent::Blocked(failed(what, Failure::Refused { status: 403, text }))
        }
        failure => not_done(what, failure),
    }
}
