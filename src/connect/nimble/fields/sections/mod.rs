//! The streams `nimble:groups` and `nimble:tabs`: what the fields of an account are arranged in. Read, and, with a
//! plan, made, renamed and deleted.
//!
//! Both generations of the metadata API have groups; tabs are the newer's alone. The service would delete a group
//! or tab together with its fields, which no plan has shown then and no copy holds: so only an empty one is
//! deleted. Names are unique, so nothing is ever made twice.

mod decode;
mod plan;
mod send;
#[cfg(test)]
mod tests;

pub(in crate::connect::nimble) use decode::{Kind, schema};

use super::catalog::{Catalog, Era};
use crate::account::Account;
use crate::connect::nimble::api::Api;
use crate::connect::nimble::{one_answer, options};
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::load::target::{
    Candidate, Operation, Ours, Planned, ReadMark, RowToPlan, Sent, Target, UpdateState,
};
use crate::record::schema::{FieldRef, Schema};
use crate::record::{RawRecord, Record};
use crate::transform::draft::Reject;
use decode::{Section, SectionDecoder};
use serde_json::Value;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The groups, or the tabs, of an account.
#[derive(Debug)]
pub(in crate::connect::nimble) struct Sections {
    api: Api,
    account: Account,
    kind: Kind,
    schema: Arc<Schema>,
    /// The definitions as first read: what plans are made on.
    catalog: OnceLock<Catalog>,
    /// One write at a time: each looks at what is there first.
    writing: Mutex<()>,
}

impl Sections {
    pub(in crate::connect::nimble) fn new(api: Api, account: Account, kind: Kind) -> Self {
        let (catalog, writing) = (OnceLock::new(), Mutex::default());
        Self { api, account, kind, schema: Arc::new(schema(kind)), catalog, writing }
    }

    fn catalog(&self) -> Result<&Catalog> {
        if let Some(catalog) = self.catalog.get() {
            return Ok(catalog);
        }
        let catalog = self.afresh()?;
        Ok(self.catalog.get_or_init(|| catalog))
    }

    /// The definitions as they are now.
    fn afresh(&self) -> Result<Catalog> {
        let catalog = Catalog::read(&self.api)?;
        match (self.kind, catalog.era) {
            (Kind::Tab, Era::Older) => Err(Error::input(
                "this account has no tabs: its version of Nimble's API arranges fields in groups alone",
            )
            .hint("the groups are in `nimble:groups`")),
            _ => Ok(catalog),
        }
    }

    fn now(&self, wanted: impl Fn(&Section) -> bool) -> Result<Vec<RawRecord>> {
        let sections = Section::all(&self.afresh()?, self.kind);
        Ok(sections.iter().filter(|section| wanted(section)).map(Section::raw).collect())
    }
}

impl Source for Sections {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        self.kind.stream()
    }

    /// Reads the definitions too, which a plan is made on.
    fn schema(&self) -> Result<Arc<Schema>> {
        self.catalog()?;
        Ok(Arc::clone(&self.schema))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(SectionDecoder)
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        options::only(selection, self.kind.stream(), &[])?;
        let sections = Section::all(self.catalog()?, self.kind);
        let sections = sections.iter().map(|section| (section.record(), section.written()));
        one_answer::stage(self.kind.words(), sections.collect(), selection, staging)
    }
}

impl Target for Sections {
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
        let delete = |id: &String| match self.afresh() {
            Ok(catalog) => send::delete(&self.api, &catalog, self.kind, id),
            Err(error) => Sent::Blocked(error),
        };
        ids.iter().map(delete).collect()
    }

    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        let catalog = self
            .catalog()
            .map_err(|error| vec![Reject { field: None, value: None, reason: error.chain() }])?;
        plan::plan(catalog, self.kind, row)
    }

    fn send(&self, operation: &Operation, id: Option<&str>) -> Sent {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match self.afresh() {
            Ok(catalog) => send::send(&self.api, &catalog, self.kind, operation, id),
            Err(error) => Sent::Blocked(error),
        }
    }

    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        self.now(|section| ids.contains(&section.id))
    }

    fn created_since(&self, _mark: &ReadMark, _ours: Ours<'_>) -> Result<Vec<Candidate>> {
        let candidate = |record| Candidate { record, by_other: false, also: Vec::new() };
        Ok(self.now(|_| true)?.into_iter().map(candidate).collect())
    }

    fn look_up(&self, place: &FieldRef, value: &Value) -> Result<Vec<RawRecord>> {
        self.now(|section| one_answer::holds_in(&section.record(), place, value))
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
