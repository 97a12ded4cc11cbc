//! Says an operation on fields to the generation of the API that the account has.
//!
//! Each operation reads the definitions afresh first: a group may have been made by the row before, and the
//! older generation's requests have to repeat all of a field. Nothing here forces anything: a field that
//! contacts have values in is not deleted, and the refusal is the service's own.

use super::catalog::{Catalog, Entry, Era, Kind, same_name};
use crate::connect::nimble::api::{Api, Query, escaped, failed};
use crate::connect::nimble::refusal::{Meaning, meaning};
use crate::connect::nimble::send::not_done;
use crate::http::{Answer, Failure};
use crate::load::target::{Operation, OperationKind, Sent};
use crate::record::to_text;
use serde_json::{Value, json};

const CREATE: &str = "cannot create fields in Nimble";
const CHANGE: &str = "cannot change fields in Nimble";
/// The group of new fields where a row names none and the older generation needs one.
const GROUP: &str = "Custom Fields";

/// Sends `operation`; `id` is the field it is for, `None` for creates.
pub(super) fn send(api: &Api, operation: &Operation, id: Option<&str>) -> Sent {
    let catalog = match Catalog::read(api) {
        Ok(catalog) => catalog,
        Err(error) => return Sent::Blocked(error),
    };
    let sending = Sending { api, catalog };
    let body = &operation.body;
    let sent = match (operation.kind, id) {
        (OperationKind::Create, _) => sending.create(body),
        (OperationKind::Update | OperationKind::Link, Some(id)) => match sending.catalog.entry(id) {
            Some(entry) if body.get("choice").is_some() => sending.choice(entry, &body["choice"]),
            Some(entry) => sending.change(entry, body),
            None => Err(Sent::Refused(format!("gone: there is no field `{id}`"))),
        },
        _ => Err(Sent::Refused("a field can be created, changed and deleted, nothing else".to_owned())),
    };
    match sent {
        Ok(id) => Sent::Done { id, also: Vec::new() },
        Err(sent) => sent,
    }
}

/// Deletes a field that no contact has values in. One that is gone already counts as done.
pub(super) fn delete(api: &Api, era: Era, id: &str) -> Sent {
    let id_in_path = escaped(id);
    let deleted = match era {
        Era::Older => {
            let path = format!("/contacts/metadata/fields/{id_in_path}");
            api.write("DELETE", &path, &Query::default(), &json!({"force": false}))
        }
        // One revision reads the body, another the query (facts, section 12.2).
        Era::Newer => {
            let query = Query::default().with("preflight_checks", "true");
            let path = format!("/contacts/fields/{id_in_path}");
            api.write("DELETE", &path, &query, &json!({"preflight_checks": true}))
        }
    };
    match deleted {
        Err(Failure::Refused { status, text }) if meaning(status, &text) == Meaning::Missing => {
            Sent::Done { id: id.to_owned(), also: Vec::new() }
        }
        Ok(_) => Sent::Done { id: id.to_owned(), also: Vec::new() },
        Err(failure) => not_done("cannot delete fields in Nimble", failure),
    }
}

struct Sending<'a> {
    api: &'a Api,
    catalog: Catalog,
}

impl Sending<'_> {
    fn create(&self, body: &Value) -> Result<String, Sent> {
        let text = |key: &str| body.get(key).map(to_text).unwrap_or_default();
        let name = text("name");
        if let Some(known) = self.catalog.named(&name) {
            return Err(Sent::Refused(format!("there is a field `{}` already ({})", known.name, known.id)));
        }
        let kind =
            Kind::of(&text("type")).ok_or_else(|| Sent::Refused("no such type of field".to_owned()))?;
        let group = text("group");
        if self.catalog.era == Era::Older {
            let group = self.group(if group.is_empty() { GROUP } else { &group }, None)?;
            let mut presentation = json!({"type": kind.older, "width": "1"});
            if kind.word == "option" {
                presentation["values"] = body.get("choices").cloned().unwrap_or_else(|| json!([]));
            }
            let field = json!({"name": name, "group_id": group, "presentation": presentation});
            let answer = self.write("POST", "/contacts/metadata/fields", &field, CREATE)?;
            return self.made(&answer, &name);
        }
        let tab = self.tab(&text("tab"), &group)?;
        let group = match group.is_empty() {
            true => None,
            false => Some(self.group(&group, Some(&tab))?),
        };
        let field = json!({
            "name": name, "field_type": {"field_kind": kind.newer}, "presentation": presentation(kind.word),
            "tab_id": tab, "group_id": group, "insert_after": null, "multiples": body["multiples"],
        });
        let answer = self.write("POST", "/contacts/fields", &field, CREATE)?;
        self.made(&answer, &name)
    }

    fn change(&self, entry: &Entry, body: &Value) -> Result<String, Sent> {
        let name = body.get("name").map_or_else(|| entry.name.clone(), to_text);
        let group = body.get("group").map(to_text);
        let id = escaped(&entry.id);
        if self.catalog.era == Era::Older {
            let group = self.group(group.as_ref().unwrap_or(&entry.group), None)?;
            let field = json!({"name": name, "group_id": group, "presentation": entry.presentation});
            self.write("PUT", &format!("/contacts/metadata/fields/{id}"), &field, CHANGE)?;
            return Ok(entry.id.clone());
        }
        let mut field = serde_json::Map::new();
        if body.get("name").is_some() {
            field.insert("name".to_owned(), Value::from(name));
        }
        if let Some(group) = group {
            let tab = self.tab(&entry.tab, "")?;
            let group =
                if group.is_empty() { Value::Null } else { Value::from(self.group(&group, Some(&tab))?) };
            field.insert("group_id".to_owned(), group);
        }
        self.write("PUT", &format!("/contacts/fields/{id}"), &Value::Object(field), CHANGE)?;
        Ok(entry.id.clone())
    }

    /// Adds a choice, or gives one another label.
    fn choice(&self, entry: &Entry, choice: &Value) -> Result<String, Sent> {
        let text = |key: &str| choice.get(key).map(to_text).unwrap_or_default();
        let (id, value) = (text("id"), text("value"));
        let known = entry.choices.iter().find(|(known, _)| *known == id);
        if known.is_some_and(|(_, label)| *label == value) {
            return Ok(entry.id.clone());
        }
        let field = escaped(&entry.id);
        if self.catalog.era == Era::Older {
            let mut choices = entry.choices.clone();
            match choices.iter_mut().find(|(known, _)| *known == id) {
                Some((_, label)) => *label = value,
                None => choices.push((id, value)),
            }
            let values: Vec<_> =
                choices.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
            let mut presentation = entry.presentation.clone();
            presentation["values"] = Value::from(values);
            let group = self.group(&entry.group, None)?;
            let body = json!({"name": entry.name, "group_id": group, "presentation": presentation});
            self.write("PUT", &format!("/contacts/metadata/fields/{field}"), &body, CHANGE)?;
        } else if known.is_some() {
            let path = format!("/contacts/fields/{field}/choices/{}", escaped(&id));
            self.write("PUT", &path, &json!({"value": value}), CHANGE)?;
        } else {
            let after = entry.choices.last().map(|(id, _)| id);
            let body = json!({"id": id, "value": value, "insert_after": after});
            self.write("POST", &format!("/contacts/fields/{field}/choices"), &body, CHANGE)?;
        }
        Ok(entry.id.clone())
    }

    /// The id of the group of that name, which is made where there is none.
    fn group(&self, name: &str, tab: Option<&str>) -> Result<String, Sent> {
        let there = |catalog: &Catalog| {
            let groups = catalog.groups.iter().filter(|group| same_name(&group.name, name));
            let mut groups = groups.filter(|group| tab.is_none() || group.tab.as_deref() == tab);
            groups.next().map(|group| group.id.clone())
        };
        if let Some(id) = there(&self.catalog) {
            return Ok(id);
        }
        let (path, body) = match self.catalog.era {
            Era::Older => ("/contacts/metadata/groups", json!({"type": "both", "name": name})),
            Era::Newer => (
                "/contacts/fields/groups",
                json!({"name": name, "tab_id": tab, "logo_id": "1", "insert_after": null}),
            ),
        };
        self.write("POST", path, &body, "cannot create groups of fields in Nimble")?;
        there(&self.afresh()?).ok_or_else(|| Sent::Doubt {
            why: format!("the group `{name}` was made, but the service does not show it"),
            server_error: false,
        })
    }

    /// The id of the tab that a field belongs in: as named, else that of its group, else the first.
    fn tab(&self, name: &str, group: &str) -> Result<String, Sent> {
        let of_group = || self.catalog.group(group)?.tab.clone();
        let own = || self.catalog.tabs.iter().find(|tab| !tab.is_standard).or(self.catalog.tabs.first());
        let named = self.catalog.tab(name).map(|tab| tab.id.clone());
        named
            .or_else(of_group)
            .or_else(|| own().map(|tab| tab.id.clone()))
            .ok_or_else(|| Sent::Refused("the account has no tab that a field could be put in".to_owned()))
    }

    /// The id of a new field: the answer is the field, or the tab that it is in.
    fn made(&self, answer: &Answer, name: &str) -> Result<String, Sent> {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let field = ["id", "field_id"].iter().find_map(|key| body.get(*key)).map(to_text);
        if let Some(id) = field.filter(|id| !id.is_empty()) {
            return Ok(id);
        }
        let of_tab = Catalog::from_tabs(&json!({"tabs": [body]}));
        let id = |catalog: &Catalog| catalog.named(name).map(|entry| entry.id.clone());
        match of_tab.as_ref().and_then(id) {
            Some(id) => Ok(id),
            None => id(&self.afresh()?).ok_or_else(|| Sent::Doubt {
                why: format!("the service answered {} and does not show the field", answer.status),
                server_error: false,
            }),
        }
    }

    fn afresh(&self) -> Result<Catalog, Sent> {
        Catalog::read(self.api).map_err(|error| Sent::Doubt { why: error.chain(), server_error: false })
    }

    fn write(&self, method: &'static str, path: &str, body: &Value, what: &str) -> Result<Answer, Sent> {
        self.api.write(method, path, &Query::default(), body).map_err(|failure| match failure {
            // Every further write would be refused in the same way (facts, section 12.2).
            Failure::Refused { status: 403, text } => {
                Sent::Blocked(failed(what, Failure::Refused { status: 403, text }))
            }
            failure => not_done(what, failure),
        })
    }
}

/// Only numbers and dates have one (facts, section 8.3).
fn presentation(kind: &str) -> Value {
    match kind {
        "number" => json!({"number_type": "decimal", "fraction_digits": 2}),
        "date" => json!({"date_format": null, "ignore_specific_time": true}),
        _ => Value::Null,
    }
}
