//! The stream `nimble:notes`: read contact by contact, created, changed and deleted one a request.

mod decode;
mod list;
mod plan;
mod read;

pub(super) use decode::{NOTES, schema};

use super::api::{Api, Query, escaped};
use super::contacts::Contacts;
use super::refusal::{Meaning, meaning};
use super::send::not_done;
use crate::account::Account;
use crate::error::Result;
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::http::{Answer, Failure};
use crate::load::target::{
    Attached, Candidate, Operation, OperationKind, Ours, Planned, ReadMark, RowToPlan, Sent, Target,
    UpdateState,
};
use crate::record::schema::{FieldRef, Schema};
use crate::record::{RawRecord, Record, instant, to_text};
use crate::transform::draft::Reject;
use decode::NoteDecoder;
use jiff::Timestamp;
use list::NoteLists;
use read::read_failed;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The notes of an account.
#[derive(Debug)]
pub(super) struct Notes {
    api: Api,
    account: Account,
    contacts: Contacts,
    lists: NoteLists,
    schema: Arc<Schema>,
}

impl Notes {
    pub(super) fn new(contacts: Contacts, account: Account) -> Self {
        let api = contacts.api().clone();
        let lists = NoteLists::new(api.clone());
        Self { api, account, contacts, lists, schema: Arc::new(schema()) }
    }

    /// Adds the notes of these contacts that were created since the plan's read began, less the settle time.
    fn recent(
        &self,
        contacts: impl IntoIterator<Item = String>,
        mark: &ReadMark,
        ours: Ours<'_>,
        found: &mut Vec<Candidate>,
    ) -> Result<()> {
        let settle = i64::try_from(mark.settle_ms).unwrap_or(i64::MAX);
        let since = mark.first_reply.map_or(i64::MIN, |first| first.as_millisecond().saturating_sub(settle));
        let me = &self.contacts.who().user_id;
        for contact in contacts {
            for record in self.lists.of(&contact).map_err(read_failed)?.records {
                let created =
                    record.created.as_deref().and_then(instant::parse).map(Timestamp::as_millisecond);
                let known = found.iter().any(|candidate| candidate.record.id == record.id);
                let ours = record.id.as_deref().map_or(Ok(false), &mut *ours)?;
                if !known && !ours && created.is_none_or(|created| created >= since) {
                    let by_other = author(&record.raw).is_some_and(|author| !me.is_empty() && author != *me);
                    found.push(Candidate { record, by_other, also: Vec::new() });
                }
            }
        }
        Ok(())
    }
}

impl Source for Notes {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        NOTES
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        Ok(Arc::clone(&self.schema))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(NoteDecoder)
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        read::extract(self, selection, staging)
    }
}

impl Target for Notes {
    fn account(&self) -> &Account {
        &self.account
    }

    fn source(&self) -> &dyn Source {
        self
    }

    fn deletes_at_once(&self) -> usize {
        1
    }

    fn delete(&self, ids: &[String]) -> Vec<Sent> {
        let delete = |id: &String| {
            let path = format!("/contacts/notes/{}", escaped(id));
            let done = || Sent::Done { id: id.clone(), also: Vec::new() };
            match self.api.write("DELETE", &path, &Query::default(), &json!({})) {
                Ok(_) => done(),
                Err(Failure::Refused { status, text }) if meaning(status, &text) == Meaning::Missing => {
                    done()
                }
                Err(failure) => not_done("cannot delete notes in Nimble", failure),
            }
        };
        ids.iter().map(delete).collect()
    }

    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        plan::plan(row)
    }

    fn send(&self, operation: &Operation, id: Option<&str>) -> Sent {
        let write = |method, path: &str| self.api.write(method, path, &Query::default(), &operation.body);
        match (operation.kind, id) {
            (OperationKind::Create, _) => match write("POST", "/contacts/notes") {
                Ok(answer) => created(&answer),
                Err(failure) => not_done("cannot create notes in Nimble", failure),
            },
            (OperationKind::Update | OperationKind::Link, Some(id)) => {
                match write("PUT", &format!("/contacts/notes/{}", escaped(id))) {
                    Ok(_) => Sent::Done { id: id.to_owned(), also: Vec::new() },
                    Err(failure) => not_done("cannot change notes in Nimble", failure),
                }
            }
            _ => Sent::Refused("a note can be created, changed and deleted, nothing else".to_owned()),
        }
    }

    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        let mut records = Vec::new();
        for id in ids {
            let path = format!("/contacts/notes/{}", escaped(id));
            match self.api.get(&path, &Query::default(), |_, body| Ok(list::note(body, None).0)) {
                Ok(record) if record.id.as_ref() == Some(id) => records.push(record),
                // Another's, or an empty answer: the note is not there.
                Ok(_) | Err(Failure::Refused { status: 404 | 409 | 410, .. }) => {}
                Err(failure) => return Err(read_failed(failure)),
            }
        }
        Ok(records)
    }

    fn created_since(&self, mark: &ReadMark, ours: Ours<'_>) -> Result<Vec<Candidate>> {
        let mut found = Vec::new();
        for page in 1.. {
            let (contacts, last) = self.contacts.ids(page)?;
            self.recent(contacts, mark, ours, &mut found)?;
            if last {
                break;
            }
        }
        Ok(found)
    }

    fn created_for(&self, mark: &ReadMark, creates: &[&Operation], ours: Ours<'_>) -> Result<Vec<Candidate>> {
        let contacts = creates.iter().flat_map(|create| decode::contacts(create.body.get("contact_ids")));
        let mut found = Vec::new();
        self.recent(contacts.collect::<BTreeSet<_>>(), mark, ours, &mut found)?;
        Ok(found)
    }

    /// Notes are listed contact by contact.
    fn lists_by(&self, place: &FieldRef) -> bool {
        matches!(place.name.as_str(), "_record" | "_records")
    }

    /// Notes are found by their contact and by nothing else: the service has no search for them.
    fn look_up(&self, place: &FieldRef, value: &Value) -> Result<Vec<RawRecord>> {
        let id = to_text(value).trim().to_owned();
        match place.name.as_str() {
            "_id" => self.read(&[id]),
            "_record" | "_records" => Ok(self.lists.of(&id).map_err(read_failed)?.records),
            _ => Ok(Vec::new()),
        }
    }

    fn holds(&self, operation: &Operation, record: &Record) -> bool {
        plan::holds(operation, record)
    }

    fn content(&self, operation: &Operation) -> String {
        plan::content(operation)
    }

    fn update_state(&self, operation: &Operation, record: &Record) -> UpdateState {
        plan::update_state(operation, record)
    }
}

/// The notes that hang on a contact.
pub(super) fn attached(api: &Api, to: &str) -> Result<Vec<Attached>> {
    let notes = NoteLists::new(api.clone()).of(to).map_err(read_failed)?.records.into_iter();
    let hangs = |note: RawRecord| Attached {
        to: to.to_owned(),
        what: "a note hangs on it".to_owned(),
        from: note.id,
    };
    Ok(notes.map(hangs).collect())
}

/// The id of the user who wrote a note, where it says so.
fn author(raw: &str) -> Option<String> {
    let note: Value = serde_json::from_str(raw).ok()?;
    let id = note.get("owner_id").or_else(|| note.pointer("/owner/user_id"))?;
    id.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// A 2xx to a create has to tell the new id.
pub(super) fn created(answer: &Answer) -> Sent {
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    match body.get("id").map(to_text).filter(|id| !id.is_empty()) {
        Some(id) => Sent::Done { id, also: Vec::new() },
        None => Sent::Doubt {
            why: format!("the service answered {} without the new record's id", answer.status),
            server_error: false,
        },
    }
}
