//! What has to be sent so that a contact holds what a draft says. Pure.
//!
//! An update sends, for every (field, modifier) pair that differs, the complete new list: that is what the
//! service puts in the place of the old one (facts, section 9.2), and it never relies on anything being added
//! to what is there (section 15 no. 3). Tags beyond what a create can say, and tags of existing contacts, take
//! a request of their own.

use super::decode::{from_service, to_service};
use super::values::{NewPart, exact, filled, merged, merged_addresses, same};
use super::{checks, read_only, tags};
use crate::load::target::{Change, Operation, OperationKind, Planned, RowToPlan};
use crate::record::schema::{FieldRef, FieldSpec, HEAD_COLUMNS, Modifier};
use crate::record::{is_empty, service_name, to_text};
use crate::transform::draft::{Draft, OnExtra, Reject, TargetField, Write};
use serde_json::{Map, Value, json};

/// The operations of a row.
pub(super) fn plan(row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
    let mut work =
        Work { row, rejects: Vec::new(), slots: Vec::new(), kind: None, tags: None, avatar: None, extra: 0 };
    for (field, values) in row.fields.iter().zip(&row.draft.values) {
        if let Some(values) = values {
            work.sort_in(field, values);
        }
    }
    let outcomes = work.outcomes();
    let planned = Planned { extra: work.extra, ..work.operations(&outcomes) };
    if work.rejects.is_empty() { Ok(planned) } else { Err(work.rejects) }
}

/// The type of a contact made from a draft: as said, else by the name it has.
pub(super) fn new_kind(fields: &[TargetField], draft: &Draft) -> String {
    let values = |name: &str| {
        let mut of = fields.iter().zip(&draft.values).filter(|(field, _)| field.place.name == name);
        of.find_map(|(_, values)| values.as_deref().map(filled)).unwrap_or_default()
    };
    match values("_type").first() {
        Some(kind) => to_text(kind).trim().to_lowercase(),
        None => {
            let person = ["first name", "last name"].iter().any(|name| !values(name).is_empty());
            kind_by_name(person, !values("company name").is_empty())
        }
    }
}

fn kind_by_name(person: bool, company: bool) -> String {
    if !person && company { "company".to_owned() } else { "person".to_owned() }
}

/// A row on its way to operations.
struct Work<'a> {
    row: &'a RowToPlan<'a>,
    rejects: Vec<Reject>,
    slots: Vec<Slot<'a>>,
    kind: Option<String>,
    tags: Option<(&'a TargetField, Vec<Value>)>,
    avatar: Option<(&'a TargetField, Vec<Value>)>,
    /// Values that there is no room for.
    extra: u64,
}

/// A field of the service under one modifier, with what the draft says of it.
struct Slot<'a> {
    target: &'a TargetField,
    spec: Option<&'a FieldSpec>,
    modifier: &'a str,
    parts: Vec<NewPart<'a>>,
}

/// A slot whose values differ.
struct Outcome<'a> {
    slot: Slot<'a>,
    now: Vec<Value>,
    then: Vec<Value>,
}

impl<'a> Work<'a> {
    /// Puts one target field where it belongs.
    fn sort_in(&mut self, target: &'a TargetField, values: &'a [Value]) {
        let place = &target.place;
        let spec = self.row.schema.field(&place.name);
        match place.name.as_str() {
            // The version that the row was made from, which a newer one at the service does not make wrong.
            "_updated" => {}
            "_type" => self.kind = filled(values).first().map(|kind| to_text(kind).trim().to_lowercase()),
            "_tags" => self.tags = Some((target, filled(values))),
            "_avatar" => self.avatar = Some((target, filled(values))),
            name if HEAD_COLUMNS.contains(&name) || spec.is_some_and(|spec| spec.read_only) => {
                if read_only::is_edited(self.row, place, values) {
                    self.reject(place, values, read_only::REASON.to_owned());
                }
            }
            name if service_name(name).is_none() => {
                self.reject(place, values, "Nimble has no such field of its own".to_owned());
            }
            _ => {
                let Modifier::Named(modifier) = &place.modifier else {
                    return self.reject(
                        place,
                        values,
                        "a value needs one modifier to be written to".to_owned(),
                    );
                };
                let part = NewPart { part: place.part.as_deref(), values };
                let known = self
                    .slots
                    .iter_mut()
                    .find(|slot| slot.target.place.name == place.name && slot.modifier == modifier.as_str());
                match known {
                    Some(slot) => slot.parts.push(part),
                    None => self.slots.push(Slot { target, spec, modifier, parts: vec![part] }),
                }
            }
        }
    }

    /// The slots that differ from what is there now.
    fn outcomes(&mut self) -> Vec<Outcome<'a>> {
        let mut outcomes = Vec::new();
        for slot in std::mem::take(&mut self.slots) {
            let now = self.now(&slot.target.place.name, slot.modifier);
            let then = match slot.spec {
                Some(spec) if !spec.parts.is_empty() => {
                    merged_addresses(&now, &slot.parts, slot.target.write)
                }
                _ => self.plain(&slot, &now),
            };
            match then {
                Err(reason) => {
                    let values: Vec<_> = slot.parts.iter().flat_map(|part| part.values.to_vec()).collect();
                    self.reject(&slot.target.place, &values, reason);
                }
                Ok(then) if !same(slot.spec, &now, &then) => outcomes.push(Outcome { slot, now, then }),
                Ok(_) => {}
            }
        }
        outcomes
    }

    /// What a place holds now, without what is empty.
    fn now(&self, name: &str, modifier: &str) -> Vec<Value> {
        let values = self.row.current.into_iter().flat_map(|record| record.values(name, modifier));
        values.filter(|value| !is_empty(value)).cloned().collect()
    }

    fn plain(&mut self, slot: &Slot<'_>, now: &[Value]) -> Result<Vec<Value>, String> {
        let mut new: Vec<_> = slot.parts.iter().flat_map(|part| filled(part.values)).collect();
        let name = &slot.target.place.name;
        // A field that holds several values somewhere can, whatever the metadata says.
        let several = slot.target.multi.unwrap_or_else(|| {
            slot.spec.is_some_and(|spec| spec.several)
                || now.len() > 1
                || self.row.census.tally(name, slot.modifier).is_some_and(|tally| tally.most > 1)
        });
        if !several && new.len() > 1 {
            match slot.target.on_extra {
                OnExtra::First => {
                    self.extra += new.len() as u64 - 1;
                    new.truncate(1);
                }
                OnExtra::Reject => {
                    return Err(format!("{} values for a field that holds one", new.len()));
                }
            }
        }
        // What is filled has no room for what would be added.
        let full = |new: &[Value]| {
            let other = now.first().zip(new.first());
            other.is_some_and(|(held, new)| exact(slot.spec, held) != exact(slot.spec, new))
        };
        if !several && slot.target.write == Write::Add && full(&new) {
            if slot.target.on_extra == OnExtra::Reject {
                return Err(format!("the field holds one value and has `{}` already", to_text(&now[0])));
            }
            self.extra += 1;
            return Ok(now.to_vec());
        }
        let kind = self.row.current.and_then(|record| record.kind.as_deref()).or(self.kind.as_deref());
        // What is there already stands, however it came to be.
        let stands =
            |value: &Value| now.iter().any(|known| exact(slot.spec, known) == exact(slot.spec, value));
        let checked = |value| if stands(&value) { Ok(value) } else { checks::checked(name, kind, value) };
        let new = new.into_iter().map(checked).collect::<Result<_, _>>()?;
        Ok(merged(slot.spec, now, new, slot.target.write))
    }

    fn operations(&mut self, outcomes: &[Outcome<'_>]) -> Planned {
        let mut planned = Planned::default();
        let (mut body, mut before) = (Map::new(), Map::new());
        let (mut fields, mut fields_before) = (Map::new(), Map::new());
        for outcome in outcomes {
            outcome.entries(&mut fields, &outcome.then);
            outcome.entries(&mut fields_before, &outcome.now);
            outcome.changes(&mut planned.changes);
        }
        self.avatar(&mut body, &mut before, &mut planned.changes);
        let tags = self.tags(&mut planned.changes);
        if self.row.current.is_none() {
            body.insert("record_type".to_owned(), Value::from(self.new_kind(outcomes)));
            body.insert("fields".to_owned(), Value::Object(fields));
            let mut left = None;
            if let Some((then, _)) = tags {
                let (text, said) = tags::join(&then);
                if !text.is_empty() {
                    body.insert("tags".to_owned(), Value::from(text));
                }
                // What the create has written is what the request for the rest finds.
                left = (said.len() < then.len()).then_some((then, said));
            }
            planned.operations.push(operation(OperationKind::Create, body, Value::Null));
            planned.operations.extend(left.map(tags_operation));
            return planned;
        }
        self.check_update(outcomes);
        if !fields.is_empty() {
            body.insert("fields".to_owned(), Value::Object(fields));
            before.insert("fields".to_owned(), Value::Object(fields_before));
        }
        if !body.is_empty() {
            planned.operations.push(operation(OperationKind::Update, body, Value::Object(before)));
        }
        planned.operations.extend(tags.map(tags_operation));
        planned
    }

    /// The new and the old tags, where they differ.
    fn tags(&self, changes: &mut Vec<Change>) -> Option<(Vec<String>, Vec<String>)> {
        let (target, new) = self.tags.as_ref()?;
        let text = |values: &[Value]| -> Vec<String> {
            let mut tags: Vec<String> = Vec::new();
            for tag in values.iter().map(|value| to_text(value).trim().to_owned()) {
                if !tag.is_empty() && !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
            tags
        };
        let (now, mut then) = (text(&self.now("_tags", "")), text(new));
        match target.write {
            Write::Fill if !now.is_empty() => return None,
            Write::Add if !then.is_empty() => {
                let added: Vec<_> = then.into_iter().filter(|tag| !now.contains(tag)).collect();
                then = now.iter().cloned().chain(added).collect();
            }
            _ => {}
        }
        if then.len() == now.len() && then.iter().all(|tag| now.contains(tag)) {
            return None;
        }
        changes.push(Change { field: "_tags".to_owned(), before: now.clone(), after: then.clone() });
        Some((then, now))
    }

    fn avatar(
        &self,
        body: &mut Map<String, Value>,
        before: &mut Map<String, Value>,
        changes: &mut Vec<Change>,
    ) {
        let Some((target, new)) = &self.avatar else { return };
        let now = self.now("_avatar", "");
        let mut new = new.clone();
        new.truncate(1);
        let then =
            merged(None, &now, new, if target.write == Write::Add { Write::Replace } else { target.write });
        if same(None, &now, &then) {
            return;
        }
        let one = |values: &[Value]| values.first().map_or(Value::Null, |value| Value::from(to_text(value)));
        body.insert("avatar_url".to_owned(), one(&then));
        before.insert("avatar_url".to_owned(), one(&now));
        let texts = |values: &[Value]| values.iter().map(to_text).collect();
        changes.push(Change { field: "_avatar".to_owned(), before: texts(&now), after: texts(&then) });
    }

    /// The type of a new contact: as said, else by the name it has. A nameless one is rejected (facts, 9.1).
    fn new_kind(&mut self, outcomes: &[Outcome<'_>]) -> String {
        let has =
            |name: &str| outcomes.iter().any(|o| o.slot.target.place.name == name && !o.then.is_empty());
        let person = has("first name") || has("last name");
        let kind = self.kind.clone().unwrap_or_else(|| kind_by_name(person, has("company name")));
        let place = |name: &str| FieldRef { name: name.to_owned(), modifier: Modifier::Any, part: None };
        match kind.as_str() {
            "person" if !person => self.reject_named("first name", "a person needs a first or a last name"),
            "company" if !has("company name") => {
                self.reject_named("company name", "a company needs a company name");
            }
            "person" | "company" => {}
            other => {
                let reason = "a contact is a `person` or a `company`".to_owned();
                self.reject(&place("_type"), &[Value::from(other)], reason);
            }
        }
        kind
    }

    fn check_update(&mut self, outcomes: &[Outcome<'_>]) {
        let Some(current) = self.row.current else { return };
        let kind = current.kind.as_deref().unwrap_or_default();
        if let Some(new) = self.kind.clone()
            && !kind.is_empty()
            && new != kind.to_lowercase()
        {
            let reason = format!("Nimble cannot turn a {kind} into a {new}");
            self.rejects.push(Reject { field: Some("_type".to_owned()), value: Some(new), reason });
        }
        let left = |name: &str| match outcomes.iter().find(|o| o.slot.target.place.name == name) {
            Some(outcome) => !outcome.then.is_empty(),
            None => !self.now(name, "").is_empty(),
        };
        let touched = |name: &str| outcomes.iter().any(|o| o.slot.target.place.name == name);
        let nameless = match kind {
            "person" if touched("first name") || touched("last name") => {
                (!left("first name") && !left("last name")).then_some("first name")
            }
            "company" if touched("company name") => (!left("company name")).then_some("company name"),
            _ => None,
        };
        if let Some(name) = nameless {
            self.reject_named(name, &format!("a {kind} cannot be left without a name"));
        }
    }

    fn reject(&mut self, place: &FieldRef, values: &[Value], reason: String) {
        let value = filled(values).iter().map(to_text).collect::<Vec<_>>().join("; ");
        let value = (!value.is_empty()).then_some(value);
        self.rejects.push(Reject { field: Some(place.to_string()), value, reason });
    }

    fn reject_named(&mut self, field: &str, reason: &str) {
        self.rejects.push(Reject { field: Some(field.to_owned()), value: None, reason: reason.to_owned() });
    }
}

impl Outcome<'_> {
    /// Adds the complete list of this (field, modifier) to a body's `fields`; null where none is left.
    fn entries(&self, fields: &mut Map<String, Value>, values: &[Value]) {
        let name = service_name(&self.slot.target.place.name).unwrap_or_default();
        let modifier = self.slot.modifier;
        let Value::Array(list) = fields.entry(name).or_insert_with(|| json!([])) else { return };
        if values.is_empty() {
            list.push(json!({"value": null, "modifier": modifier}));
        }
        for value in values {
            list.push(json!({"value": to_service(self.slot.spec, value), "modifier": modifier}));
        }
    }

    /// Differences as people read them: an address part by part.
    fn changes(&self, changes: &mut Vec<Change>) {
        let place = FieldRef { part: None, ..self.slot.target.place.clone() };
        let parts = self.slot.spec.map_or(&[][..], |spec| &spec.parts);
        if parts.is_empty() {
            // Labels, not the ids of choices, whichever the row gave.
            let shown = |value: &Value| match to_service(self.slot.spec, value) {
                stored if self.slot.spec.is_some_and(|spec| !spec.choices.is_empty()) => {
                    to_text(&from_service(self.slot.spec, stored))
                }
                _ => to_text(value),
            };
            let texts = |values: &[Value]| values.iter().map(shown).collect();
            changes.push(Change {
                field: place.to_string(),
                before: texts(&self.now),
                after: texts(&self.then),
            });
            return;
        }
        let mut names: Vec<&String> = parts.iter().collect();
        for value in self.now.iter().chain(&self.then) {
            let unknown = value.as_object().into_iter().flat_map(Map::keys);
            names.extend(unknown.filter(|name| !parts.contains(name)));
        }
        names.dedup();
        for name in names {
            let texts = |values: &[Value]| -> Vec<String> {
                values.iter().map(|value| value.get(name).map(to_text).unwrap_or_default()).collect()
            };
            let (before, after) = (texts(&self.now), texts(&self.then));
            let differ = before
                .iter()
                .filter(|text| !text.is_empty())
                .ne(after.iter().filter(|text| !text.is_empty()));
            if differ || (before.len() == after.len() && before != after) {
                let place = FieldRef { part: Some(name.clone()), ..place.clone() };
                changes.push(Change { field: place.to_string(), before, after });
            }
        }
    }
}

fn operation(kind: OperationKind, body: Map<String, Value>, before: Value) -> Operation {
    Operation { kind, body: Value::Object(body), before }
}

fn tags_operation((then, now): (Vec<String>, Vec<String>)) -> Operation {
    Operation { kind: OperationKind::Tags, body: json!({"tags": then}), before: json!({"tags": now}) }
}

#[cfg(test)]
mod tests;
