//! The stream `nimble:contacts`: persons and companies, read and written.
//!
//! Reads are complete and drift-safe (`extract`), a plan is pure (`plan`), and `send` says what was done and
//! what is in doubt. This file only ties them to what the stages ask for.

use super::api::{Api, Query, failed};
use super::decode::Decoder;
use super::reader::{Order, Reader};
use super::{Who, back, compare, delete, extract, notes, plan, schema, select, send, sweep};
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::http::Failure;
use crate::load::target::{
    Attached, Candidate, Difference, Inverse, LastChange, NamedLink, Operation, Ours, Planned, ReadMark,
    RowToPlan, Sent, Target, UpdateState,
};
use crate::record::schema::{FieldRef, Schema};
use crate::record::{RawRecord, Record, to_text};
use crate::transform::draft::{Draft, Reject, TargetField};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The field that is read where only the contacts themselves matter.
const LEAST: &str = "first name";

/// The stream `nimble:contacts`.
#[derive(Debug)]
pub struct Contacts {
    api: Api,
    who: Who,
    account: Account,
    settle: Duration,
    schema: OnceLock<Arc<Schema>>,
}

impl Contacts {
    pub(super) fn new(api: Api, who: Who, account: Account, settle: Duration) -> Self {
        Self { api, who, account, settle, schema: OnceLock::new() }
    }

    pub(super) fn api(&self) -> &Api {
        &self.api
    }

    /// Whose token it is.
    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    /// Requests in flight at most.
    pub(super) fn concurrency(&self) -> usize {
        self.api.client.pace().concurrency()
    }

    /// Reads the contacts that another stream is made from beside what it stages itself, with one field of each:
    /// as completely as ever, and continued where an earlier life of the run ended.
    pub(super) fn read_beside(
        &self,
        selection: &Selection,
        staging: &mut Staging,
    ) -> Result<(Staging, Completeness)> {
        let mut contacts = staging.beside("contacts")?;
        if let Some(completeness) = contacts.finished()? {
            return Ok((contacts, completeness));
        }
        let mut selected = self.selected(selection)?;
        selected.reader.fields = Some(LEAST.to_owned());
        let read = extract::extract(&selected, selection, self.settle, &mut contacts);
        let completeness = contacts.kept(read)?;
        contacts.finish(&completeness)?;
        Ok((contacts, completeness))
    }

    /// A page of the ids of all contacts, from 1, and whether it is the last.
    pub(super) fn ids(&self, page: u64) -> Result<(Vec<String>, bool)> {
        let listed = self.reader().ids(page, Order::Any).map_err(extract::read_failed)?;
        let last = listed.resources.is_empty() || listed.meta.pages().is_none_or(|pages| page >= pages);
        Ok((listed.resources, last))
    }

    /// The fields of the account, or the default ones where the service cannot be asked: comparisons need them
    /// only to read addresses and drop-downs.
    fn known_schema(&self) -> Arc<Schema> {
        self.schema().unwrap_or_else(|_| Arc::new(schema::offline_schema()))
    }

    fn reader(&self) -> Reader<'_> {
        Reader::whole(&self.api, Arc::new(Decoder::new(&self.known_schema())))
    }

    /// What `selection` asks for.
    fn selected(&self, selection: &Selection) -> Result<select::Selected<'_>> {
        select::selected(&self.api, &*self.schema()?, selection)
    }

    /// Asks for the fields: the old metadata, or the new where the service has only that. Where it has neither,
    /// they are those that every account has.
    fn ask_schema(&self) -> Result<Schema> {
        let what = "cannot read Nimble's fields";
        let unknown = || Error::stopped(format!("{what}: the answer has none"));
        let missing = |failure: &Failure| matches!(failure, Failure::Refused { status: 404 | 405 | 410, .. });
        match self.api.json("/contacts/metadata", &Query::default()) {
            Ok(answer) => schema::from_metadata(&answer).ok_or_else(unknown),
            Err(failure) if missing(&failure) => match self.api.json("/contacts/fields", &Query::default()) {
                Ok(answer) => schema::from_tabs(&answer).ok_or_else(unknown),
                Err(failure) if missing(&failure) => Ok(schema::offline_schema()),
                Err(failure) => Err(failed(what, failure)),
            },
            Err(failure) => Err(failed(what, failure)),
        }
    }
}

impl Source for Contacts {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        schema::CONTACTS
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        if let Some(schema) = self.schema.get() {
            return Ok(Arc::clone(schema));
        }
        let schema = Arc::new(self.ask_schema()?);
        Ok(Arc::clone(self.schema.get_or_init(|| schema)))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(Decoder::new(&self.known_schema()))
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        let reader = self.selected(selection)?;
        extract::extract(&reader, selection, self.settle, staging)
    }
}

impl Target for Contacts {
    fn account(&self) -> &Account {
        &self.account
    }

    fn source(&self) -> &dyn Source {
        self
    }

    fn deletes_at_once(&self) -> usize {
        delete::AT_ONCE
    }

    fn delete(&self, ids: &[String]) -> Vec<Sent> {
        delete::delete(&self.reader(), ids)
    }

    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        plan::plan(row)
    }

    fn named_link(&self) -> Option<NamedLink> {
        Some(NamedLink { field: "parent company", by: "company name", kind: "company" })
    }

    fn new_kind(&self, fields: &[TargetField], draft: &Draft) -> Option<String> {
        Some(plan::new_kind(fields, draft))
    }

    fn send(&self, operation: &Operation, id: Option<&str>) -> Sent {
        send::send(&self.api, operation, id)
    }

    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        sweep::read(&self.reader(), ids)
    }

    fn created_since(&self, mark: &ReadMark, ours: Ours<'_>) -> Result<Vec<Candidate>> {
        let settle = u64::try_from(self.settle.as_millis()).unwrap_or(u64::MAX);
        let mark = ReadMark { settle_ms: mark.settle_ms.max(settle), ..mark.clone() };
        sweep::created_since(&self.reader(), &self.who, &mark, ours)
    }

    fn look_up(&self, place: &FieldRef, value: &Value) -> Result<Vec<RawRecord>> {
        let schema = self.known_schema();
        sweep::look_up(&self.reader(), place, schema.field(&place.name), value)
    }

    fn finds(&self, place: &FieldRef) -> bool {
        sweep::finds(place)
    }

    fn listing_takes(&self) -> Result<Option<u64>> {
        sweep::listing_takes(&self.reader())
    }

    fn holds(&self, operation: &Operation, record: &Record) -> bool {
        compare::holds(&self.known_schema(), operation, record)
    }

    fn closeness(&self, operation: &Operation, record: &Record) -> (usize, usize) {
        compare::closeness(&self.known_schema(), operation, record)
    }

    fn content(&self, operation: &Operation) -> String {
        compare::content(&self.known_schema(), operation)
    }

    fn update_state(&self, operation: &Operation, record: &Record) -> UpdateState {
        compare::update_state(&self.known_schema(), operation, record)
    }

    fn differences(&self, operations: &[Operation], record: &Record) -> Vec<Difference> {
        back::differences(&self.known_schema(), operations, record)
    }

    fn beyond(&self, operations: &[Operation], record: &Record) -> Vec<Difference> {
        back::beyond(&self.known_schema(), operations, record)
    }

    fn is_bare(&self, record: &Record) -> bool {
        back::is_bare(record)
    }

    fn inverse(&self, operation: &Operation, record: &Record) -> Inverse {
        back::inverse(&self.known_schema(), operation, record)
    }

    /// Notes, and for companies the persons that belong to it. Tasks hang on contacts too, but the service lists
    /// none.
    fn attached(&self, ids: &[String], _since: Timestamp) -> Result<Vec<Attached>> {
        let decode = self.decoder();
        let mut attached = Vec::new();
        for raw in self.read(ids)? {
            let Some(to) = &raw.id else { continue };
            let record = decode
                .decode(&raw.raw)
                .map_err(|why| Error::stopped(format!("contact {to} of the target cannot be read: {why}")))?;
            attached.extend(notes::attached(&self.api, to)?);
            attached.extend(record.values("_children", "").map(to_text).map(|child| Attached {
                to: to.clone(),
                what: format!("person {child} belongs to it"),
                from: Some(child),
            }));
        }
        Ok(attached)
    }

    /// The contacts are read once more, and the notes of each are a request.
    fn attached_takes(&self, records: u64) -> u64 {
        records + records.div_ceil(self.reads_at_once() as u64)
    }

    fn own(&self, records: &[RawRecord], _since: Timestamp) -> Result<HashSet<String>> {
        let reader = self.reader();
        let own = records.iter().filter(|raw| sweep::created_by(&reader, &self.who, &raw.raw) == Some(true));
        Ok(own.filter_map(|record| record.id.clone()).collect())
    }

    fn last_change(&self, record: &RawRecord, _since: Timestamp) -> LastChange {
        let contact: Value = serde_json::from_str(&record.raw).unwrap_or_default();
        let updater = contact.get("updater").and_then(Value::as_str).map(str::trim);
        let me = self.who.name.trim();
        let by_other = updater.filter(|updater| !updater.is_empty() && !me.is_empty() && *updater != me);
        LastChange { at: record.updated.clone(), by_other: by_other.map(str::to_owned) }
    }
}
