//! The GET endpoints below `/triggers`: who and what there is, and the six streams.
//!
//! A stream's body is joined from texts that the store keeps; nothing is copied record by record.

use serde_json::{Value, json};

use super::Call;
use super::knobs::ListingOrder;
use super::refusal::Refused;
use super::store::{Author, Deed, NoteKind, Record, Store};
use super::streams::{Cut, Row, Window, anchor_of, select};
use crate::sim::exchange::Reply;

impl Call<'_> {
    /// `GET /triggers/{name}` and `GET /triggers/{name}/{folder}`; `None` when there is no such trigger.
    pub(super) fn trigger(&mut self, name: &str, folder: Option<&str>) -> Option<Result<Reply, Refused>> {
        if self.knobs.disabled_triggers.iter().any(|disabled| disabled == name) {
            return None;
        }
        Some(match (name, folder) {
            ("auth-test", None) => Ok(self.auth_test()),
            ("readable-folder", None) => Ok(self.folders(false)),
            ("writable-folder", None) => Ok(self.folders(true)),
            ("folder-field", Some(folder)) => self.folder_field(folder),
            ("new-record", Some(folder)) => self.new_record(folder),
            ("updated-record", Some(folder)) => self.updated_record(folder),
            ("record-change", Some(folder)) => self.record_change(folder),
            ("new-comment", Some(folder)) => self.notes(folder, name, NoteKind::Comment),
            ("new-call-log", Some(folder)) => self.notes(folder, name, NoteKind::CallLog),
            ("new-gdrivefile", Some(folder)) => self.notes(folder, name, NoteKind::DriveFile),
            _ => return None,
        })
    }

    fn auth_test(&self) -> Reply {
        let user = json!({"personalName": Author::Own.name(), "emailAddress": Author::Own.email()});
        Reply::json(200, &json!([{ "user": user }]))
    }

    fn folders(&mut self, writable_only: bool) -> Reply {
        let definitions = self.store.folders.iter().map(|folder| &folder.definition);
        let shown = definitions
            .filter(|definition| definition.writable || !writable_only)
            .map(|definition| json!({"id": definition.id, "name": definition.name}));
        let shown = shown.collect();
        self.listed(shown)
    }

    fn folder_field(&mut self, folder: &str) -> Result<Reply, Refused> {
        let definition = &self.store.folders[self.folder(folder)?].definition;
        let names = definition.fields.iter().map(|field| json!({"name": field.name})).collect();
        Ok(self.listed(names))
    }

    /// A list in the order of the knob.
    fn listed(&mut self, mut entries: Vec<Value>) -> Reply {
        match self.knobs.listing_order {
            ListingOrder::Defined => {}
            ListingOrder::Reversed => entries.reverse(),
            ListingOrder::Mixed => self.dice.shuffle(&mut entries),
        }
        Reply::json(200, &Value::Array(entries))
    }

    fn new_record(&mut self, folder: &str) -> Result<Reply, Refused> {
        let folder = self.folder(folder)?;
        let window = self.window()?;
        let lag_ms = self.knobs.visibility_lag_ms;
        let visible = if lag_ms == 0 { i64::MAX } else { self.now_ms.saturating_sub(lag_ms) };
        let records = &self.store.records;
        let rows = window
            .of(&self.store.folders[folder].created)
            .filter(|row| records[row.1].as_ref().is_some_and(|record| record.written_ms <= visible));
        let cap = self.cap("new-record");
        let shown = select(rows, cap, window.limit, "new-record", self.knobs, self.dice);
        let hits: Vec<usize> = shown.into_iter().map(|row| row.1).collect();
        if self.knobs.new_record_updated_at {
            return Ok(json_body(rows_of(self.store, &hits)));
        }
        self.store.render(hits.iter().copied());
        let records = hits.iter().filter_map(|&at| self.store.records[at].as_ref());
        Ok(json_body(joined(records.map(without_updated_at))))
    }

    fn updated_record(&mut self, folder: &str) -> Result<Reply, Refused> {
        let folder = self.folder(folder)?;
        let window = self.window()?;
        let fields = self.params("fieldName");
        let creations = self.knobs.include_creations;
        let rows: Vec<(i64, usize, Option<i64>)> = if fields.is_empty() && self.knobs.one_row {
            let records = &self.store.records;
            let touched = window.of(&self.store.folders[folder].touched).filter_map(|(time, at)| {
                let updated = records[at].as_ref()?.updated_ms;
                (creations || updated.is_some()).then_some((time, at, updated))
            });
            touched.collect()
        } else {
            self.updates(folder, window, &fields)
        };
        let order: Vec<Row> = rows.iter().enumerate().map(|(at, row)| (row.0, at)).collect();
        let cap = self.cap("updated-record");
        let shown = select(order.into_iter(), cap, window.limit, "updated-record", self.knobs, self.dice);
        self.store.render(shown.iter().map(|row| rows[row.1].1));
        let texts = shown.into_iter().filter_map(|(_, at)| {
            let (_, record, updated) = rows[at];
            let record = self.store.records[record].as_ref()?;
            let suffix = updated.map(|ms| format!("-{ms}")).unwrap_or_default();
            Some(format!("{{\"id\":\"{}{suffix}\",{}", record.id, record.tail()))
        });
        Ok(json_body(joined(texts)))
    }

    /// Creations and updates that concern `fields` (any, if none are named), one a record or all of them.
    fn updates(&self, folder: usize, window: Window, fields: &[String]) -> Vec<(i64, usize, Option<i64>)> {
        let mut seen = std::collections::HashSet::new();
        let mut rows = Vec::new();
        for (time, at) in window.of(&self.store.folders[folder].changes).rev() {
            let change = &self.store.changes[at];
            let Some(record) = self.store.find(&change.record) else { continue };
            let updated = match change.deed {
                Deed::Create(_) if self.knobs.include_creations => None,
                Deed::Update(_) => Some(time),
                _ => continue,
            };
            let concerned = fields.is_empty() || fields.iter().any(|field| change.concerns(field));
            if concerned && (!self.knobs.one_row || seen.insert(record)) {
                // One row a record shows its latest state, and so the time of its last update.
                let last = self.store.records[record].as_ref().and_then(|record| record.updated_ms);
                rows.push((time, record, if self.knobs.one_row { last } else { updated }));
            }
        }
        rows.reverse();
        rows
    }

    fn record_change(&mut self, folder: &str) -> Result<Reply, Refused> {
        let folder = self.folder(folder)?;
        let window = self.window()?;
        let fields = self.params("fieldName");
        let record_id = self.request.param("recordId").filter(|id| !id.is_empty());
        let keeps_deletes = !self.knobs.field_filter_drops_deletes;
        let changes = &self.store.changes;
        let rows = window.of(&self.store.folders[folder].changes).filter(|row| {
            let change = &changes[row.1];
            record_id.is_none_or(|id| change.record == id)
                && (fields.is_empty()
                    || fields.iter().any(|field| change.concerns(field))
                    || (keeps_deletes && matches!(change.deed, Deed::Delete)))
        });
        let cap = self.cap("record-change");
        let shown = select(rows, cap, window.limit, "record-change", self.knobs, self.dice);
        Ok(json_body(joined(shown.into_iter().map(|(_, at)| changes[at].to_json()))))
    }

    fn notes(&mut self, folder: &str, stream: &str, kind: NoteKind) -> Result<Reply, Refused> {
        let folder = self.folder(folder)?;
        let window = self.window()?;
        let store = &*self.store;
        // What hung on a deleted record is gone with it.
        let rows = window
            .of(&store.folders[folder].notes[kind as usize])
            .filter(|row| store.find(&store.notes[row.1].record).is_some());
        let cap = self.cap(stream);
        let shown = select(rows, cap, window.limit, stream, self.knobs, self.dice);
        Ok(json_body(joined(shown.into_iter().map(|(_, at)| store.notes[at].row.as_str()))))
    }

    fn window(&self) -> Result<Window, Refused> {
        Window::read(self.request, self.now_ms, self.knobs)
    }

    fn cap(&self, stream: &str) -> Cut {
        let anchor = anchor_of(self.knobs.order_of(stream), self.knobs);
        Cut { rows: self.knobs.cap, anchor: self.knobs.cap_anchor.unwrap_or(anchor) }
    }

    fn params(&self, name: &str) -> Vec<String> {
        let values = self.request.query.iter().filter(|(key, value)| key == name && !value.is_empty());
        values.map(|(_, value)| value.clone()).collect()
    }
}

/// A 200 with a body that is JSON already.
pub(super) fn json_body(body: Vec<u8>) -> Reply {
    Reply { status: 200, content_type: "application/json", body, effect: "", record: None }
}

/// Records with `id` and `recordId`, as find-record and new-record show them.
pub(super) fn rows_of(store: &mut Store, positions: &[usize]) -> Vec<u8> {
    store.render(positions.iter().copied());
    let records = positions.iter().filter_map(|&at| store.records[at].as_ref());
    let mut body = vec![b'['];
    for record in records {
        if body.len() > 1 {
            body.push(b',');
        }
        body.extend_from_slice(b"{\"id\":\"");
        body.extend_from_slice(record.id.as_bytes());
        body.extend_from_slice(b"\",");
        body.extend_from_slice(record.tail().as_bytes());
    }
    body.push(b']');
    body
}

fn joined(texts: impl Iterator<Item = impl AsRef<str>>) -> Vec<u8> {
    let mut body = vec![b'['];
    for text in texts {
        if body.len() > 1 {
            body.push(b',');
        }
        body.extend_from_slice(text.as_ref().as_bytes());
    }
    body.push(b']');
    body
}

fn without_updated_at(record: &Record) -> String {
    let tail = record.tail();
    let tail = match tail.split_once("\",\"updatedAt\":\"") {
        // An instant is 24 characters long.
        Some((head, rest)) if record.updated_ms.is_some() => {
            format!("{head}{}", rest.get(24..).unwrap_or(""))
        }
        _ => tail.to_owned(),
    };
    format!("{{\"id\":\"{}\",{tail}", record.id)
}
