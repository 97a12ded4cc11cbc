//! What the load stage asks of a service that can be written to. Nothing here sends; connectors do.

mod back;

pub use back::{Attached, Difference, Inverse, LastChange};

use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::Source;
use crate::record::census::Census;
use crate::record::schema::{FieldRef, Schema};
use crate::record::{RawRecord, Record};
use crate::transform::draft::{Draft, Reject, TargetField};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

/// A stream of a service that can be written to.
pub trait Target: Send + Sync {
    /// Whose records these are.
    fn account(&self) -> &Account;

    /// The same stream as a source: the plan reads it whole, once.
    fn source(&self) -> &dyn Source;

    /// Whether what is written can be listed again. Where it cannot, a load only creates: there is nothing to
    /// match rows with, and a create in doubt stays so.
    fn lists(&self) -> bool {
        true
    }

    /// Whether records that exist can be changed; where not, a load only creates.
    fn updates(&self) -> bool {
        true
    }

    /// How many records one request can delete; 0 where the service deletes none.
    fn deletes_at_once(&self) -> usize {
        0
    }

    /// Deletes records in one request: for each id, in order, what became of it. A record that is gone already
    /// counts as done, so that a delete in doubt can be sent again.
    fn delete(&self, ids: &[String]) -> Vec<Sent> {
        ids.iter().map(|_| Sent::Refused("the service deletes no records of this kind".to_owned())).collect()
    }

    /// What has to be sent so that the record holds what the draft says; nothing where it already does. Pure.
    ///
    /// `current` is the record as the plan's read saw it, `None` to create one.
    ///
    /// # Errors
    /// The reasons why this row cannot be written: a read-only field, a value of the wrong type, a record
    /// type or name missing. The row is then rejected before anything is sent.
    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>>;

    /// The field whose values name other records of this stream, so that the service itself makes those that are
    /// missing (design 9.1); none where there is no such field.
    fn named_link(&self) -> Option<NamedLink> {
        None
    }

    /// The type that a record made from this draft would have, where a stream has several. Pure.
    fn new_kind(&self, _fields: &[TargetField], _draft: &Draft) -> Option<String> {
        None
    }

    /// Sends one operation; `id` is the record it is for, `None` for creates.
    fn send(&self, operation: &Operation, id: Option<&str>) -> Sent;

    /// Records by id, read afresh; those that are gone are left out.
    ///
    /// # Errors
    /// As reads in general.
    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>>;

    /// How many records one request of [`Target::read`] shows.
    fn looks_at_once(&self) -> usize {
        30
    }

    /// Which records have changed since a moment of the server's clock; `None` where the service does not tell
    /// for sure: records are then read before they are changed.
    ///
    /// # Errors
    /// As reads in general.
    fn edited_since(&self, _from: Timestamp) -> Result<Option<Changed>> {
        Ok(None)
    }

    /// Every record created since the plan's read began, for the sweeps of design section 9.3, but for those that are
    /// `ours`: a long load has made too many of them to be held. Records that were there before may be among them.
    ///
    /// # Errors
    /// As reads in general.
    fn created_since(&self, mark: &ReadMark, ours: Ours<'_>) -> Result<Vec<Candidate>>;

    /// As [`Target::created_since`], as far as it takes to find these creates: a stream whose records can only be
    /// listed by what they belong to need not look at all of them.
    ///
    /// # Errors
    /// As reads in general.
    fn created_for(
        &self,
        mark: &ReadMark,
        _creates: &[&Operation],
        ours: Ours<'_>,
    ) -> Result<Vec<Candidate>> {
        self.created_since(mark, ours)
    }

    /// Whether records that hold the same there belong to what [`Target::created_for`] lists by, so that it also
    /// finds whatever has a create's key.
    fn lists_by(&self, _place: &FieldRef) -> bool {
        false
    }

    /// Records whose `place` equals `value` by the service's own search, for plans made on an unproven read.
    /// Hits are verified locally by the caller.
    ///
    /// # Errors
    /// As reads in general.
    fn look_up(&self, place: &FieldRef, value: &Value) -> Result<Vec<RawRecord>>;

    /// Whether the service's search for a place finds every record that holds a value there: hits that do not are
    /// no harm, as they are verified.
    fn finds(&self, _place: &FieldRef) -> bool {
        false
    }

    /// How many requests it takes to list all records, about; `None` where nobody can tell beforehand.
    ///
    /// # Errors
    /// As reads in general.
    fn listing_takes(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Whether `record` holds everything that the create `operation` sent, in canonical form.
    fn holds(&self, operation: &Operation, record: &Record) -> bool;

    /// How much of what a create sent a record that holds it has: values, and how many of them to the letter. Of
    /// several rows whose record it may be it is the closest's.
    fn closeness(&self, operation: &Operation, _record: &Record) -> (usize, usize) {
        (self.content(operation).len(), 0)
    }

    /// The content of a create, to the letter: rows of equal content form a class (design section 9.3).
    fn content(&self, operation: &Operation) -> String;

    /// Whether an update's fields in `record` are as it meant them, as they were before, or neither.
    fn update_state(&self, operation: &Operation, record: &Record) -> UpdateState;

    /// How many records [`Target::read`] is best asked for at a time.
    fn reads_at_once(&self) -> usize {
        30
    }

    /// Hands over every record that changed since `from`, where the service shows them in one answer; false where
    /// it does not, and records are read by id. A record may come twice, in different versions.
    ///
    /// # Errors
    /// As reads in general, besides those of `take`.
    fn changed_since(&self, _from: Timestamp, _take: &mut TakeRecord<'_>) -> Result<bool> {
        Ok(false)
    }

    /// How `record` differs from what the operations of a row, in the order of their sending, meant it to hold
    /// once the service has tidied it: a later operation stands for an earlier one where both touch a field.
    /// Nothing when it is as meant, whatever else it holds. Pure.
    fn differences(&self, operations: &[Operation], record: &Record) -> Vec<Difference> {
        let as_meant = operations.iter().all(|operation| match operation.kind {
            OperationKind::Create => self.holds(operation, record),
            _ => self.update_state(operation, record) == UpdateState::AsMeant,
        });
        if as_meant { Vec::new() } else { vec![Difference::whole()] }
    }

    /// What a record that the operations of a row made holds beyond what they wrote and what the service fills in
    /// by itself. Pure.
    fn beyond(&self, _operations: &[Operation], _record: &Record) -> Vec<Difference> {
        Vec::new()
    }

    /// What takes an operation on an existing record back, now that the record is like this. Pure.
    fn inverse(&self, operation: &Operation, record: &Record) -> Inverse {
        Inverse::of_whole(operation, self.update_state(operation, record))
    }

    /// Whether a record holds nothing but what the service itself gives one that it makes on the side of another.
    fn is_bare(&self, _record: &Record) -> bool {
        false
    }

    /// What was attached to records since `since`, or hangs on them now where the service does not tell when:
    /// whoever deletes them would lose it. At most [`Target::reads_at_once`] are asked for.
    ///
    /// # Errors
    /// As reads in general.
    fn attached(&self, _ids: &[String], _since: Timestamp) -> Result<Vec<Attached>> {
        Ok(Vec::new())
    }

    /// How many requests it takes to ask once what is attached to so many records, about.
    fn attached_takes(&self, _records: u64) -> u64 {
        0
    }

    /// The ids of those records that are known to have been created by this login.
    ///
    /// # Errors
    /// As reads in general.
    fn own(&self, _records: &[RawRecord], _since: Timestamp) -> Result<HashSet<String>> {
        Ok(HashSet::new())
    }

    /// The last change of a record since `since`, as far as the service tells; asked for a few records only.
    fn last_change(&self, record: &RawRecord, _since: Timestamp) -> LastChange {
        LastChange { at: record.updated.clone(), by_other: None }
    }
}

/// Takes records one by one.
pub type TakeRecord<'a> = dyn FnMut(RawRecord) -> Result<()> + Send + 'a;

/// A row, and what a plan needs to know about its target.
#[derive(Clone, Copy)]
pub struct RowToPlan<'a> {
    /// Places that the draft's values belong to.
    pub fields: &'a [TargetField],
    /// What should be there.
    pub draft: &'a Draft,
    /// What is there now.
    pub current: Option<&'a Record>,
    /// The target's fields.
    pub schema: &'a Schema,
    /// What its records were seen to hold: JSON types and lists that the service does not declare.
    pub census: &'a Census,
    /// Time zone for services that ask for one with a create.
    pub time_zone: &'a str,
}

/// A field that names records of its own stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedLink {
    /// The field: `parent company`.
    pub field: &'static str,
    /// The field of the records meant that holds the name, compared without case: `company name`.
    pub by: &'static str,
    /// Their type: `company`.
    pub kind: &'static str,
}

/// The operations of a row, and how they look to people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Requests in the order in which they have to be made; none when nothing differs.
    pub operations: Vec<Operation>,
    /// Differences field by field.
    pub changes: Vec<Change>,
    /// Values left out because their place holds one and has one, or takes only the first (`on_extra = "first"`).
    #[serde(default)]
    pub extra: u64,
}

/// One request that a load has to make for a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What kind.
    pub kind: OperationKind,
    /// The request's JSON body, as it will be sent.
    pub body: Value,
    /// What the touched fields held before, in the service's own shape: for undo and for settling doubts.
    pub before: Value,
}

/// Kinds of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// Makes a record; at most one a row, and the first.
    Create,
    /// Changes fields of a record.
    Update,
    /// Changes only fields that link records, once the records of all rows are there (design 9.5); sent as an
    /// update is.
    Link,
    /// Sets all tags of a record.
    Tags,
    /// Takes a record away; sent by [`Target::delete`], with others where the service lets it.
    Delete,
}

/// One difference, for the plan that people read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Field as columns name it: `email[work]`.
    pub field: String,
    /// Values before.
    pub before: Vec<String>,
    /// Values after.
    pub after: Vec<String>,
}

/// What became of an operation that was sent.
#[derive(Debug)]
pub enum Sent {
    /// The service answered that it did it.
    Done {
        /// The record's id.
        id: String,
        /// Records that the service made on the side, such as parent companies.
        also: Vec<String>,
    },
    /// The service refused it for good.
    Refused(String),
    /// The answer was lost, a 5xx, or could not be read: it may have been done.
    Doubt {
        /// What was seen.
        why: String,
        /// Whether it was a 5xx, after which a record that is not found twice has failed (design 9.3).
        server_error: bool,
    },
    /// Nothing was sent and nothing more can be: quota spent, credentials refused, service down, stop asked for.
    Blocked(Error),
}

/// Where the plan's read began and ended, by the server's clock. The clock of `Date` need not be the one that records
/// are stamped by: where everything was read, the newest record tells how far that one was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMark {
    /// `Date` of the read's first reply.
    pub first_reply: Option<Timestamp>,
    /// The newest creation time among the records read.
    pub newest_created: Option<Timestamp>,
    /// Whether all records were read: what was created later is then newer than the newest of them.
    #[serde(default)]
    pub whole: bool,
    /// The settle time in milliseconds: how long a request may take to become visible after its answer was lost.
    pub settle_ms: u64,
}

/// The least that a look at what was created since goes back, for times in whole seconds.
const OVERLAP_MS: i64 = 2_000;

impl ReadMark {
    /// From when on records may have been created since the read, in Unix milliseconds as they are stamped: the settle
    /// time before the first reply, and before the newest record where all were read; ever where there were none.
    #[must_use]
    pub fn horizon(&self) -> i64 {
        let settle = i64::try_from(self.settle_ms).unwrap_or(i64::MAX).max(OVERLAP_MS);
        let before = |at: Timestamp| at.as_millisecond().saturating_sub(settle);
        let by_date = self.first_reply.map_or(i64::MIN, before);
        match self.newest_created {
            Some(newest) if self.whole => by_date.min(before(newest)),
            None if self.whole => i64::MIN,
            _ => by_date,
        }
    }

    /// The same mark with a settle time that is at least this.
    #[must_use]
    pub fn settling(mut self, settle: Duration) -> Self {
        self.settle_ms = self.settle_ms.max(u64::try_from(settle.as_millis()).unwrap_or(u64::MAX));
        self
    }
}

/// Says of a record's id whether the load at hand has made it, and knows so.
pub type Ours<'a> = &'a mut (dyn FnMut(&str) -> Result<bool> + Send);

/// A record that may be the outcome of a create in doubt.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The record as listed.
    pub record: RawRecord,
    /// Known to have been created by another user.
    pub by_other: bool,
    /// Records that the service made on the side of this one.
    pub also: Vec<String>,
}

/// What has changed at a service since it was asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The records.
    pub ids: Vec<String>,
    /// From where to ask the next time, by the server's clock.
    pub until: Timestamp,
}

/// How a record stands to an update that is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateState {
    /// As the update meant it: it was done.
    AsMeant,
    /// As before: it was not done.
    AsBefore,
    /// Neither: somebody else was there too.
    Otherwise,
}
