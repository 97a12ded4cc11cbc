//! The records of a folder: read whole with proof, or as far as they are asked for, and written.

use super::api::{Api, failed};
use super::drain::Sizes;
use super::increment::Increment;
use super::proof::{self, Verdict};
use super::reading::Reading;
use super::rows::Parsed;
use super::select::{self, Only, Term, Way};
use super::stream::Stream;
use super::{attached, back, changed, compare, decode, folders, keep, look_up, plan, send, since, sweep};
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source, WATERMARK};
use crate::load::target::{
    Attached, Candidate, Changed, Difference, Inverse, LastChange, Operation, Ours, Planned, ReadMark,
    RowToPlan, Sent, TakeRecord, Target, UpdateState,
};
use crate::record::schema::{FieldRef, Schema};
use crate::record::{RawRecord, Record, instant};
use crate::transform::draft::Reject;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

/// Records read at a time: many are picked out of one answer.
const AT_ONCE: usize = 10_000;
/// The most hits asked of a search whose number was not limited.
const ALL_HITS: u64 = 1_000_000;

/// The records of one folder.
#[derive(Debug)]
pub struct Records {
    api: Api,
    account: Account,
    name: String,
    /// The server's clock when the folder was opened, in Unix milliseconds.
    opened: i64,
    schema: OnceLock<Arc<Schema>>,
}

impl Records {
    /// The records of the folder that `account` names.
    pub(super) fn new(api: Api, account: Account, name: String) -> Self {
        let opened = api.client().server_now().as_millisecond();
        Self { api, account, name, opened, schema: OnceLock::new() }
    }

    fn folder(&self) -> &str {
        &self.account.stream
    }

    fn read_whole(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        let mut reading = Reading::new(&self.api, self.folder(), staging).called(&self.name);
        let verdict = proof::read_whole(&mut reading, &Sizes::REAL, selection.expect)?;
        let caught_up = reading.catch_up()?;
        reading.note_watermark()?;
        if let Some(expected) = selection.expect {
            let (old, all) = reading.bounds()?;
            let agrees = (old.saturating_sub(caught_up.deleted)..=all).contains(&expected);
            return Ok(match agrees {
                true => Completeness::Complete,
                false => Completeness::Incomplete(format!(
                    "the folder should hold {expected} records, but {all} were read"
                )),
            });
        }
        if caught_up.missed {
            return Ok(completeness(proof::LEFT_OUT));
        }
        Ok(match (completeness(verdict), caught_up.edits_hidden) {
            (Completeness::Complete, Some(seen)) => Completeness::Unproven(format!(
                "the service does not list what was updated ({seen}), so edits made during the read may be missing"
            )),
            (completeness, _) => completeness,
        })
    }

    /// The hits of a search. Of a search for a field's value, those that do not hold it are left out; every
    /// other query is taken at the service's word.
    fn find(&self, query: &str, limit: Option<u64>, staging: &mut Staging) -> Result<Completeness> {
        let term = Term::of(query, &*self.schema()?);
        let verified = term.is_some();
        let only = Only { term, ..Only::default() };
        let mut reading =
            Reading::of(Stream::Records, only, &self.api, self.folder(), staging).called(&self.name);
        let left = reading.search(query, limit.unwrap_or(ALL_HITS))?;
        Ok(Completeness::Unproven(match (verified, left) {
            (false, _) => "the hits of a search, as the service gives them: none was verified".to_owned(),
            (true, 0) => "the hits of a search, each verified to hold the value".to_owned(),
            (true, left) => {
                format!("the hits of a search; {left} that do not hold the value are left out")
            }
        }))
    }

    /// What changed since a time, and what was deleted.
    fn since(&self, from: i64, fields: &[String], staging: &mut Staging) -> Result<Completeness> {
        let fields = select::known_fields(&*self.schema()?, fields)?;
        let partial = !fields.is_empty();
        let mut increment = Increment::new(&self.api, (self.folder(), &self.name), staging, from, fields);
        let polled = since::poll(&mut increment, &Sizes::REAL, from, partial)?;
        if let Some(at) = polled.watermark.and_then(|at| Timestamp::from_millisecond(at).ok()) {
            staging.set_note(WATERMARK, instant::print(at));
        }
        Ok(completeness(polled.verdict))
    }

    fn one(&self, id: &str, staging: &mut Staging) -> Result<Completeness> {
        let Some(row) = look_up::by_id(&self.api, self.folder(), id)? else {
            return Err(Error::input(format!("`{}` has no record `{id}`", self.name)));
        };
        let mut seen = keep::Seen::of(Stream::Records);
        let parsed = Parsed { rows: vec![row], objects: 1, ..Parsed::default() };
        keep::take(staging, &mut seen, keep::Keep::default(), parsed)?;
        Ok(Completeness::Complete)
    }
}

/// A verdict of the proof as the state of a read.
pub(super) fn completeness(verdict: Verdict) -> Completeness {
    match verdict {
        Verdict::Whole | Verdict::AsExpected => Completeness::Complete,
        Verdict::Unproven(why) => Completeness::Unproven(why.to_owned()),
        Verdict::Cut(why) => Completeness::Incomplete(why.to_owned()),
    }
}

impl Source for Records {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        if let Some(schema) = self.schema.get() {
            return Ok(Arc::clone(schema));
        }
        let fields = self.api.list(&["triggers", "folder-field", self.folder()], &[]);
        let fields =
            fields.map_err(|failure| failed(&format!("list the fields of `{}`", self.name), failure))?;
        let schema = Arc::new(folders::schema(&self.name, fields));
        Ok(Arc::clone(self.schema.get_or_init(|| schema)))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(decode::Decoder)
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        match select::way(selection)? {
            Way::Whole => self.read_whole(selection, staging),
            Way::Find(query, limit) => self.find(&query, limit, staging),
            Way::One(id) => self.one(&id, staging),
            Way::Since(from) => self.since(from, &selection.changed_fields, staging),
            Way::Sample(limit) => {
                Reading::new(&self.api, self.folder(), staging).called(&self.name).sample(limit)?;
                Ok(Completeness::Unproven(format!("a sample of at most {limit} records")))
            }
        }
    }
}

impl Target for Records {
    fn account(&self) -> &Account {
        &self.account
    }

    fn source(&self) -> &dyn Source {
        self
    }

    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        plan::plan(row)
    }

    fn deletes_at_once(&self) -> usize {
        1
    }

    fn delete(&self, ids: &[String]) -> Vec<Sent> {
        ids.iter().map(|id| send::delete(&self.api, self.folder(), id)).collect()
    }

    fn send(&self, operation: &Operation, id: Option<&str>) -> Sent {
        send::send(&self.api, self.folder(), operation, id)
    }

    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        look_up::by_ids(&self.api, self.folder(), ids, self.opened - keep::OLD_MS)
    }

    fn looks_at_once(&self) -> usize {
        1
    }

    fn edited_since(&self, from: Timestamp) -> Result<Option<Changed>> {
        changed::since_then(&self.api, self.folder(), from)
    }

    fn created_since(&self, mark: &ReadMark, ours: Ours<'_>) -> Result<Vec<Candidate>> {
        sweep::created_since(&self.api, self.folder(), &self.account.identity, mark, ours)
    }

    fn look_up(&self, place: &FieldRef, value: &Value) -> Result<Vec<RawRecord>> {
        look_up::by_value(&self.api, self.folder(), &place.name, value)
    }

    fn holds(&self, operation: &Operation, record: &Record) -> bool {
        compare::holds(operation, record)
    }

    fn closeness(&self, operation: &Operation, record: &Record) -> (usize, usize) {
        compare::closeness(operation, record)
    }

    fn content(&self, operation: &Operation) -> String {
        compare::content(operation)
    }

    fn update_state(&self, operation: &Operation, record: &Record) -> UpdateState {
        compare::update_state(operation, record)
    }

    fn reads_at_once(&self) -> usize {
        AT_ONCE
    }

    fn changed_since(&self, from: Timestamp, take: &mut TakeRecord<'_>) -> Result<bool> {
        look_up::updated_since(&self.api, self.folder(), begin(from), take)
    }

    fn differences(&self, operations: &[Operation], record: &Record) -> Vec<Difference> {
        back::differences(operations, record)
    }

    fn beyond(&self, operations: &[Operation], record: &Record) -> Vec<Difference> {
        back::beyond(operations, record)
    }

    fn inverse(&self, operation: &Operation, record: &Record) -> Inverse {
        back::inverse(operation, record)
    }

    fn attached(&self, ids: &[String], since: Timestamp) -> Result<Vec<Attached>> {
        let ids = ids.iter().map(String::as_str).collect();
        attached::attached(&self.api, self.folder(), &ids, begin(since))
    }

    fn attached_takes(&self, records: u64) -> u64 {
        records.div_ceil(AT_ONCE as u64) * attached::REQUESTS
    }

    fn own(&self, records: &[RawRecord], since: Timestamp) -> Result<HashSet<String>> {
        let own = attached::own(&self.api, self.folder(), &self.account.identity, begin(since))?;
        Ok(records.iter().filter_map(|record| record.id.clone()).filter(|id| own.contains(id)).collect())
    }

    fn last_change(&self, record: &RawRecord, since: Timestamp) -> LastChange {
        let id = record.id.as_deref().unwrap_or_default();
        let login = &self.account.identity;
        let by_other = attached::changed_by(&self.api, self.folder(), login, id, begin(since));
        LastChange { at: record.updated.clone(), by_other }
    }
}

/// Where a stream is asked from, for clocks that disagree.
fn begin(since: Timestamp) -> i64 {
    since.as_millisecond() - keep::OLD_MS
}
