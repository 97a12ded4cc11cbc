//! The POST endpoints below `/actions`: create, update and delete records, comments, call logs.
//!
//! A request is checked whole before anything is written: one bad field leaves the record as it was.

use serde_json::{Map, Value, json};

use super::Call;
use super::algebra::{self, Outcome};
use super::folders::{Definition, Field, FieldType};
use super::knobs::{BadValue, DanglingLinks, NoChange, UnknownField};
use super::notes;
use super::refusal::Refused;
use super::store::{Author, Draft};
use super::triggers::json_body;
use super::values::{instant, normalise, parse_instant, same};
use crate::sim::exchange::{Reply, Request};

impl Call<'_> {
    /// `POST /actions/{name}/{id}`; `None` when there is no such action.
    pub(super) fn action(&mut self, name: &str, id: &str) -> Option<Result<Reply, Refused>> {
        Some(match name {
            "create-record" => self.create_record(id),
            "update-record" => self.update_record(id),
            "delete-record" => self.delete_record(id),
            "create-comment" => self.create_comment(id),
            "create-call-log" => self.create_call_log(id),
            "link-gmail-thread" => self.link_gmail_thread(id),
            _ => return None,
        })
    }

    fn create_record(&mut self, folder: &str) -> Result<Reply, Refused> {
        let folder = self.folder(folder)?;
        self.may_write(folder)?;
        let body = read_body(self.request)?;
        time_zone(&body)?;
        let sent = body
            .get("fields")
            .and_then(Value::as_object)
            .ok_or_else(|| Refused::bad("fields is required and must be an object"))?;
        let fields = self.accept(folder, sent)?;
        self.obey_rules(folder, &fields)?;
        let (created_ms, written_ms) = (self.now_ms, self.now_ms);
        let at = self.store.create(Draft { folder, created_ms, fields, author: Author::Own, written_ms });
        let Some(record) = self.store.records[at].as_ref() else { return Err(gone(self.knobs.unknown_id)) };
        let answer = json!({
            "recordId": record.id,
            "createdAt": instant(record.created_ms),
            "fields": *record.fields,
        });
        Ok(Reply::json(200, &answer).with_effect("create", &record.id))
    }

    /// The stored form of what was sent for a new record.
    pub(super) fn accept(
        &self,
        folder: usize,
        sent: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Refused> {
        let mut fields = Map::new();
        for (name, value) in sent {
            let Some(field) = self.known_field(folder, name)? else { continue };
            if let Some(stored) = normalise(field, value, self.knobs)? {
                self.check_links(field, &stored)?;
                fields.insert(name.clone(), stored);
            }
        }
        Ok(fields)
    }

    fn update_record(&mut self, id: &str) -> Result<Reply, Refused> {
        let at = self.record(id)?;
        let overwrite = match self.request.param("overwrite") {
            None | Some("" | "false") => false,
            Some("true") => true,
            Some(other) => return Err(Refused::bad(format!("Cannot use parameter overwrite: \"{other}\""))),
        };
        let body = read_body(self.request)?;
        let actions = match body.get("fieldActions") {
            Some(Value::Object(actions)) => actions,
            None | Some(Value::Null) => return Err(Refused::bad("fieldActions is required")),
            // The service crashes on the array that other APIs use for this.
            Some(_) => {
                return Err(Refused::new(500, "Cannot deserialize fieldActions: an object is expected"));
            }
        };
        let (values, told) = self.outcomes(at, actions, overwrite)?;
        let quiet = self.knobs.no_change == NoChange::Quiet && told.is_empty();
        if !values.is_empty() && !quiet {
            self.store.update(at, self.now_ms, Author::Own, values, told);
        }
        let Some(record) = self.store.records[at].as_ref() else { return Err(gone(self.knobs.unknown_id)) };
        let answer = json!({
            "recordId": record.id,
            "updatedAt": instant(record.touched_ms()),
            "fields": *record.fields,
        });
        Ok(Reply::json(200, &answer).with_effect("update", &record.id))
    }

    #[expect(clippy::type_complexity, reason = "two parts of one answer, used once")]
    fn outcomes(
        &self,
        at: usize,
        actions: &Map<String, Value>,
        overwrite: bool,
    ) -> Result<(Vec<(String, Option<Value>)>, Map<String, Value>), Refused> {
        let Some(record) = self.store.records[at].as_ref() else { return Err(gone(self.knobs.unknown_id)) };
        let (mut values, mut told) = (Vec::new(), Map::new());
        for (name, action) in actions {
            let Some(field) = self.known_field(record.folder, name)? else { continue };
            let before = record.fields.get(name);
            let Outcome::Holds(after) = algebra::apply(field, before, action, overwrite, self.knobs)? else {
                continue;
            };
            if let Some(after) = &after {
                self.check_links(field, after)?;
            }
            if let Some(difference) = algebra::difference(field, before, after.as_ref()) {
                told.insert(name.clone(), difference);
            }
            values.push((name.clone(), after));
        }
        Ok((values, told))
    }

    fn delete_record(&mut self, id: &str) -> Result<Reply, Refused> {
        let body = if self.knobs.empty_delete_body { Vec::new() } else { b"{}".to_vec() };
        if self.store.was_deleted(id) {
            return match self.knobs.delete_twice {
                200 => Ok(json_body(body)),
                status => Err(gone(status)),
            };
        }
        let at = self.record(id)?;
        self.store.delete(at, self.now_ms, Author::Own);
        Ok(json_body(body).with_effect("delete", id))
    }

    fn create_comment(&mut self, id: &str) -> Result<Reply, Refused> {
        let at = self.record(id)?;
        let text = required_text(&read_body(self.request)?, "text")?;
        let note = notes::comment(self.store, at, self.now_ms, &text);
        let answer = json!({"commentId": note, "createdAt": instant(self.now_ms)});
        Ok(Reply::json(200, &answer).with_effect("create", &note))
    }

    fn create_call_log(&mut self, id: &str) -> Result<Reply, Refused> {
        let at = self.record(id)?;
        let body = read_body(self.request)?;
        let text = required_text(&body, "text")?;
        let time_ms = match body.get("time") {
            None | Some(Value::Null) => self.now_ms,
            Some(time) => time
                .as_str()
                .and_then(parse_instant)
                .ok_or_else(|| Refused::bad(format!("Cannot parse time: {time}")))?,
        };
        let minutes = match body.get("duration") {
            None | Some(Value::Null) => json!(0),
            Some(minutes) if minutes.as_f64().is_some_and(|minutes| minutes >= 0.0) => minutes.clone(),
            Some(minutes) => return Err(Refused::bad(format!("Cannot use duration: {minutes}"))),
        };
        let note = notes::call_log(self.store, at, self.now_ms, &text, time_ms, &minutes);
        let answer = json!({"callLogId": note, "createdAt": instant(self.now_ms)});
        Ok(Reply::json(200, &answer).with_effect("create", &note))
    }

    fn link_gmail_thread(&mut self, id: &str) -> Result<Reply, Refused> {
        self.record(id)?;
        required_text(&read_body(self.request)?, "gmailThreadId")?;
        // No call shows a record's threads, so the ledger alone remembers it.
        Ok(Reply::json(200, &json!({})).with_effect("update", id))
    }

    /// The record of that id in a folder that may be written.
    fn record(&self, id: &str) -> Result<usize, Refused> {
        let at = self.store.find(id).ok_or_else(|| gone(self.knobs.unknown_id))?;
        let folder = self.store.records[at].as_ref().map(|record| record.folder);
        folder.map_or(Ok(()), |folder| self.may_write(folder))?;
        Ok(at)
    }

    fn may_write(&self, folder: usize) -> Result<(), Refused> {
        if self.store.folders[folder].definition.writable {
            return Ok(());
        }
        Err(Refused::new(403, "You do not have permission to change this folder"))
    }

    fn known_field(&self, folder: usize, name: &str) -> Result<Option<&Field>, Refused> {
        let definition: &Definition = &self.store.folders[folder].definition;
        let status = match (definition.field(name), self.knobs.unknown_field) {
            (Some(field), _) => return Ok(Some(field)),
            (None, UnknownField::Ignore) => return Ok(None),
            (None, UnknownField::BadRequest) => 400,
            (None, UnknownField::Crash) => 500,
        };
        Err(Refused::new(status, format!("Field \"{name}\" does not exist")))
    }

    fn check_links(&self, field: &Field, stored: &Value) -> Result<(), Refused> {
        if field.kind != FieldType::Link || self.knobs.dangling_links == DanglingLinks::Store {
            return Ok(());
        }
        let ids = stored.as_array().into_iter().flatten().filter_map(Value::as_str);
        match ids.into_iter().find(|id| self.store.find(id).is_none()) {
            Some(id) => {
                let status = if self.knobs.bad_value == BadValue::BadRequest { 400 } else { 500 };
                Err(Refused::new(status, format!("Cannot link field \"{}\": no record \"{id}\"", field.name)))
            }
            None => Ok(()),
        }
    }

    /// Rules of the folder that a create may be held to: required fields and unique ones.
    fn obey_rules(&self, folder: usize, fields: &Map<String, Value>) -> Result<(), Refused> {
        let definition = &self.store.folders[folder].definition;
        for name in &self.knobs.required_fields {
            if definition.field(name).is_some() && !fields.contains_key(name) {
                return Err(Refused::bad(format!("Field \"{name}\" is required")));
            }
        }
        for name in &self.knobs.unique_fields {
            let (Some(value), Some(field)) = (fields.get(name), definition.field(name)) else { continue };
            let twin = |at: &usize| {
                let record = self.store.records[*at].as_ref();
                record
                    .and_then(|record| record.fields.get(name))
                    .is_some_and(|other| share(field, value, other))
            };
            if self.store.folders[folder].created.iter().map(|row| row.1).any(|at| twin(&at)) {
                return Err(Refused::bad(format!("A record with the same \"{name}\" exists already")));
            }
        }
        Ok(())
    }
}

/// A record that is not there, or not any more.
pub(super) fn gone(status: u16) -> Refused {
    Refused::new(status, "Record not found")
}

fn read_body(request: &Request) -> Result<Value, Refused> {
    match serde_json::from_slice(&request.body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err(Refused::bad("Cannot read the request: a JSON object is expected")),
        Err(error) => Err(Refused::bad(format!("Cannot read the request: {error}"))),
    }
}

fn time_zone(body: &Value) -> Result<(), Refused> {
    let name = body.get("timeZone").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refused::bad("timeZone is required"))?;
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(Refused::bad(format!("Unknown timeZone: \"{name}\""))),
    }
}

fn required_text(body: &Value, key: &str) -> Result<String, Refused> {
    let text = body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Refused::bad(format!("{key} is required")))
}

/// Whether two values of a field have something in common, as the service's duplicate rules see it.
fn share(field: &Field, left: &Value, right: &Value) -> bool {
    let items = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    };
    let (left, right) = (items(left), items(right));
    left.iter().any(|left| right.iter().any(|right| alike(field.kind, left, right)))
}

/// Phones are compared without their format (section 9 of the notes), addresses without name and case.
fn alike(kind: FieldType, left: &Value, right: &Value) -> bool {
    let key = |value: &Value| {
        let text = value.as_str()?;
        match kind {
            FieldType::Phone => Some(text.chars().filter(char::is_ascii_digit).collect()),
            FieldType::Email | FieldType::Person => {
                let inside = text.rsplit_once('<').map_or(text, |(_, inside)| inside);
                Some(inside.trim_end_matches('>').to_lowercase())
            }
            _ => None,
        }
    };
    match (key(left), key(right)) {
        (Some(left), Some(right)) if !left.is_empty() => left == right,
        _ => same(left, right),
    }
}
