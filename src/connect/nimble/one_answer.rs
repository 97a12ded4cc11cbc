//! Streams that one answer holds whole: users, and the definitions of fields, groups and tabs. There is nothing to
//! prove about such a read.

use crate::error::Result;
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Selection};
use crate::record::census::Census;
use crate::record::schema::FieldRef;
use crate::record::{RawRecord, Record, canonical, to_text};
use serde_json::Value;

/// A record as it was decoded, and as the service wrote it. The service tells no times of these.
pub(super) fn raw(record: Record, written: String) -> RawRecord {
    RawRecord { id: record.id, kind: record.kind, created: None, updated: None, raw: written }
}

/// Stages `all` records of an answer, as many as the selection takes; `what` they are, in the plural.
///
/// # Errors
/// When the run's folder cannot be used.
pub(super) fn stage(
    what: &str,
    all: Vec<(Record, String)>,
    selection: &Selection,
    staging: &mut Staging,
) -> Result<Completeness> {
    let count = all.len() as u64;
    let limit = selection.limit.unwrap_or(u64::MAX);
    staging.expect(count);
    if !staging.is_done(what) {
        let mut census = Census::default();
        let taken = all.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX));
        let rows = taken.map(|(record, written)| {
            census.add(&record);
            raw(record, written)
        });
        let rows = rows.collect();
        staging.page(what, rows, census)?;
    }
    Ok(match selection.expect {
        _ if limit < count => Completeness::Unproven(format!("a sample of {limit} {what} was asked for")),
        Some(expected) if expected != count => {
            Completeness::Incomplete(format!("{expected} {what} were expected, {count} were read"))
        }
        _ => Completeness::Complete,
    })
}

/// Whether a record holds a value in a place, as keys are compared; `_id` is a place too.
pub(super) fn holds_in(record: &Record, place: &FieldRef, value: &Value) -> bool {
    let wanted = canonical::key(value);
    let held = record.values(&place.name, "").map(to_text).map(Value::String);
    let id = record.id.clone().filter(|_| place.name == "_id").map(Value::String);
    held.chain(id).any(|held| canonical::key(&held) == wanted)
}
