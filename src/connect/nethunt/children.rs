//! What belongs to the records of a folder: comments, call logs, files, changes (NetHunt facts, section 4, rows
//! 8 to 11; design sections 3 and 6).
//!
//! A child stream is drained like the records, with the look past its end, but nothing else at the service
//! counts its rows: a read of it is unproven at best, and says so. Comments and call logs can be created; the
//! service changes and deletes none of them.

use super::api::{Api, failed};
use super::drain::Sizes;
use super::folders::{self, Folder};
use super::proof::{EPOCH, Found, read_since};
use super::reading::Reading;
use super::since::OVERLAP_MS;
use super::stream::Stream;
use super::{look_up, notes, select, sweep};
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
use serde_json::Value;
use std::sync::Arc;

/// A child stream of a folder.
#[derive(Debug)]
pub(super) struct Children {
    api: Api,
    account: Account,
    name: String,
    folder: String,
    stream: Stream,
    schema: Arc<Schema>,
}

impl Children {
    /// The stream of `folder`, under the account that names it.
    pub(super) fn new(api: Api, account: Account, folder: &Folder, stream: Stream) -> Self {
        let name = format!("nethunt:{}/{}", folder.name, stream.suffix());
        let schema = Arc::new(stream.schema(&name));
        Self { api, account, name, folder: folder.id.clone(), stream, schema }
    }

    /// The service's own names of the fields whose changes are wanted.
    fn changed_fields(&self, names: &[String]) -> Result<Vec<String>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let fields = self.api.list(&["triggers", "folder-field", &self.folder], &[]);
        let fields = fields.map_err(|failure| failed("list the folder's fields", failure))?;
        select::known_fields(&folders::schema(&self.name, fields), names)
    }
}

impl Source for Children {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        Ok(Arc::clone(&self.schema))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(self.stream)
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        let (mut only, limit) = select::children(self.stream, selection)?;
        only.fields = self.changed_fields(&only.fields)?;
        let from = only.since.map_or(EPOCH, |since| since - OVERLAP_MS);
        let selected = only != select::Only::default();
        let asked = only.clone();
        let mut reading = Reading::of(self.stream, only, &self.api, &self.folder, staging).called(&self.name);
        if self.stream == Stream::Changes {
            // The service filters, too: less to read.
            asked.record.iter().for_each(|id| reading.ask("recordId", id));
            asked.fields.iter().for_each(|field| reading.ask("fieldName", field));
        }
        if let Some(limit) = limit {
            reading.sample(limit)?;
            return Ok(Completeness::Unproven(format!(
                "a sample of at most {limit} {}",
                self.stream.plural()
            )));
        }
        let found = read_since(&mut reading, &Sizes::REAL, from)?;
        reading.note_watermark()?;
        Ok(completeness(self.stream, &found, selected))
    }
}

impl Target for Children {
    fn account(&self) -> &Account {
        &self.account
    }

    fn source(&self) -> &dyn Source {
        self
    }

    fn updates(&self) -> bool {
        false
    }

    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        notes::plan(self.stream, row)
    }

    fn send(&self, operation: &Operation, _: Option<&str>) -> Sent {
        notes::send(&self.api, self.stream, operation)
    }

    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        look_up::children_by_ids(&self.api, &self.folder, self.stream, ids)
    }

    fn created_since(&self, mark: &ReadMark, ours: Ours<'_>) -> Result<Vec<Candidate>> {
        sweep::new_rows(&self.api, &self.folder, self.stream, mark, ours)
    }

    /// The service searches records alone.
    fn look_up(&self, _: &FieldRef, _: &Value) -> Result<Vec<RawRecord>> {
        Ok(Vec::new())
    }

    fn holds(&self, operation: &Operation, record: &Record) -> bool {
        notes::holds(operation, record)
    }

    fn content(&self, operation: &Operation) -> String {
        notes::content(operation)
    }

    /// Nothing that exists is ever changed.
    fn update_state(&self, _: &Operation, _: &Record) -> UpdateState {
        UpdateState::Otherwise
    }
}

/// How complete a read of a child stream is: there is no second witness for any of them.
fn completeness(stream: Stream, found: &Found, selected: bool) -> Completeness {
    let what = stream.plural();
    if found.cut {
        let why = format!("the service cuts its answers, and no second count of the {what} tells how much");
        return Completeness::Incomplete(why);
    }
    let mut why = format!("the service offers no second count of the {what}");
    if !found.end_seen {
        why += ", and did not answer past their end";
    }
    if !selected && found.records > 0 && found.records.is_multiple_of(Sizes::REAL.round) {
        why += &format!("; {} is a round number, as a hidden limit would be", found.records);
    }
    Completeness::Unproven(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_without_a_second_count_is_never_called_whole() {
        let found = |records, cut, end_seen| Found { records, cut, end_seen, ..Found::default() };
        let of = |found: &Found| completeness(Stream::Comments, found, false);
        assert!(matches!(of(&found(7, true, true)), Completeness::Incomplete(_)));
        let why = |found: &Found| match of(found) {
            Completeness::Unproven(why) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(&found(7, false, true)), "the service offers no second count of the comments");
        assert!(why(&found(7, false, false)).ends_with("did not answer past their end"));
        assert!(why(&found(300, false, true)).ends_with("300 is a round number, as a hidden limit would be"));
    }
}
