//! The stream `nimble:fields`: what fields an account has, and, with a plan, new ones, new names and further
//! choices, and those that no contact uses deleted.
//!
//! Both generations of the metadata API are spoken (`catalog` reads them, `send` writes to them). A group that
//! a row names and that is missing is made with the field. The definitions have no times, so a read is one
//! answer and whole by itself; names are unique at the service, so no field is ever made twice.

mod catalog;
mod decode;
mod plan;
mod sections;
mod send;
#[cfg(test)]
mod tests;

pub(super) use decode::{FIELDS, schema};
pub(super) use sections::{Kind as SectionKind, Sections, schema as sections_schema};

use super::api::Api;
use super::{one_answer, options};
use crate::account::Account;
use crate::error::Result;
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::load::target::{
    Candidate, Operation, Ours, Planned, ReadMark, RowToPlan, Sent, Target, UpdateState,
};
use crate::record::schema::{FieldRef, Schema};
use crate::record::{RawRecord, Record};
use crate::transform::draft::Reject;
use catalog::{Catalog, Entry};
use decode::{FieldDecoder, record};
use serde_json::Value;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The fields of an account.
#[derive(Debug)]
pub(super) struct Fields {
    api: Api,
    account: Account,
    schema: Arc<Schema>,
    /// The definitions as first read: what plans are made on.
    catalog: OnceLock<Catalog>,
    /// One write at a time, since a group is made once.
    writing: Mutex<()>,
}

impl Fields {
    pub(super) fn new(api: Api, account: Account) -> Self {
        let (catalog, writing) = (OnceLock::new(), Mutex::default());
        Self { api, account, schema: Arc::new(schema()), catalog, writing }
    }

    fn catalog(&self) -> Result<&Catalog> {
        if let Some(catalog) = self.catalog.get() {
            return Ok(catalog);
        }
        let catalog = Catalog::read(&self.api)?;
        Ok(self.catalog.get_or_init(|| catalog))
    }

    /// The fields as they are now that `wanted` picks.
    fn now(&self, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<RawRecord>> {
        let catalog = Catalog::read(&self.api)?;
        Ok(catalog.entries.iter().filter(|entry| wanted(entry)).map(raw).collect())
    }
}

fn raw(entry: &Entry) -> RawRecord {
    one_answer::raw(record(entry), entry.raw.to_string())
}

impl Source for Fields {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        FIELDS
    }

    /// Reads the definitions too, which a plan is made on.
    fn schema(&self) -> Result<Arc<Schema>> {
        self.catalog()?;
        Ok(Arc::clone(&self.schema))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(FieldDecoder)
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        options::only(selection, FIELDS, &[])?;
        let entries = self.catalog()?.entries.iter();
        let entries = entries.map(|entry| (record(entry), entry.raw.to_string()));
        one_answer::stage("fields", entries.collect(), selection, staging)
    }
}

impl Target for Fields {
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
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let delete = |id: &String| match self.catalog() {
            Ok(catalog) => send::delete(&self.api, catalog.era, id),
            Err(error) => Sent::Blocked(error),
        };
        ids.iter().map(delete).collect()
    }

    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        let catalog = self
            .catalog()
            .map_err(|error| vec![Reject { field: None, value: None, reason: error.chain() }])?;
        plan::plan(catalog, row)
    }

    fn send(&self, operation: &Operation, id: Option<&str>) -> Sent {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        send::send(&self.api, operation, id)
    }

    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        self.now(|entry| ids.contains(&entry.id))
    }

    fn created_since(&self, _mark: &ReadMark, _ours: Ours<'_>) -> Result<Vec<Candidate>> {
        let candidate = |record| Candidate { record, by_other: false, also: Vec::new() };
        Ok(self.now(|_| true)?.into_iter().map(candidate).collect())
    }

    fn look_up(&self, place: &FieldRef, value: &Value) -> Result<Vec<RawRecord>> {
        self.now(|entry| one_answer::holds_in(&record(entry), place, value))
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
