//! The plan: rows matched with the target's records, and what has to be sent for each (design 9.1).
//!
//! Nothing is sent here. Matching goes row by row in file order, because which of two rows with the same key
//! is rejected depends on it; the comparison of a row with its record is pure and runs on all cores.

mod doubles;
mod matching;
mod objection;

pub use doubles::leave_out_rejected;
pub use matching::{Matching, Mode, Tally};

use super::bases::{BaseRow, Bases, Found};
use super::current::Current;
use super::journal::{Earlier, Journal, Outcome, PlannedRow};
use super::links::{Links, Resolved};
use super::made::Made;
use super::marker::Marker;
use super::merge::{self, Merge, Note, OnConflict, are_even};
use super::target::{Operation, OperationKind, Planned, RowToPlan, Target};
use crate::error::Result;
use crate::extract::staging::StagedRows;
use crate::extract::{Completeness, Decode};
use crate::record::Record;
use crate::record::census::Census;
use crate::record::schema::Schema;
use crate::transform::draft::{Draft, Reject, TargetField};
use matching::{Matched, NOTHING};
use objection::{Objection, objection};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// What a plan is made from.
pub struct Materials<'a> {
    /// Where it goes.
    pub target: &'a dyn Target,
    /// Places the drafts write to.
    pub fields: &'a [TargetField],
    /// The target's fields.
    pub schema: &'a Schema,
    /// What its records were seen to hold.
    pub census: &'a Census,
    /// Reads its records.
    pub decode: &'a dyn Decode,
    /// Whether its read has everything.
    pub completeness: &'a Completeness,
    /// Time zone for creates.
    pub time_zone: &'a str,
    /// How rows are matched.
    pub matching: &'a Matching,
    /// Merges rows that have a base.
    pub merge: Option<Merge<'a>>,
    /// How created records are marked, if they are.
    pub marker: Option<&'a Marker>,
}

/// What rows are matched and linked with.
pub struct Known<'a> {
    /// The target's records.
    pub current: &'a Current,
    /// The records that rows link to.
    pub links: &'a Links<'a>,
    /// The record that an earlier run made of a record of the source, by its id there.
    pub earlier: &'a dyn Fn(&str) -> Result<Option<String>>,
    /// The versions that the rows of an edited export were made from.
    pub bases: Option<&'a Bases>,
    /// What earlier imports made of rows without an `_id`.
    pub made: Option<&'a Made>,
}

/// A row on its way through the plan.
struct Way {
    row: u64,
    draft: Draft,
    matched: Matched,
    links: Resolved,
    /// What earlier runs say of it.
    recalled: Option<String>,
    /// The version that it was made from, where that is known.
    base: Option<BaseRow>,
    /// Whether several may be that version.
    is_doubtful: bool,
}

/// Plans every row of `drafts` into the journal; `bases` are the versions that they were made from, where known.
///
/// # Errors
/// When the disk fails.
pub fn plan(
    materials: &Materials<'_>,
    known: &Known<'_>,
    mut drafts: StagedRows,
    journal: &mut Journal,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let is_retry = journal.is_retry()?;
    while let Some(rows) = drafts.next_rows()? {
        known.current.begin()?;
        known.links.book.begin()?;
        let mut ways = Vec::with_capacity(rows.len());
        for staged in &rows {
            let draft: Draft = serde_json::from_str(&staged.record.raw).map_err(|cause| {
                crate::error::Error::stopped("the run's transform parts are damaged").because(cause)
            })?;
            let earlier = if is_retry { journal.earlier(staged.row)? } else { None };
            ways.push(way(materials, known, staged.row, draft, earlier, &mut tally)?);
        }
        known.current.settle()?;
        known.links.book.settle()?;
        let planned: Vec<_> = ways.into_par_iter().map(|way| plan_way(materials, way)).collect();
        journal.transaction(|journal| {
            for PlannedWay { row, links, source_id, note, further } in &planned {
                journal.add(row)?;
                journal.note_further_keys(row.row, further)?;
                note.iter().try_for_each(|note| journal.note_merge(row.row, note))?;
                if row.outcome.is_none() || !links.rejects.is_empty() {
                    journal.note_links(row.row, &links.notes)?;
                }
                source_id.iter().try_for_each(|id| journal.note_source(row.row, id))?;
            }
            Ok(())
        })?;
    }
    Ok(tally)
}

/// Matches a row and finds what it links to. Links that a mapping asks for come first, for keys may be made of
/// them; those that the service makes by itself depend on what the record holds.
fn way(
    materials: &Materials<'_>,
    known: &Known<'_>,
    row: u64,
    mut draft: Draft,
    earlier: Option<Earlier>,
    tally: &mut Tally,
) -> Result<Way> {
    let mut links = Resolved::default();
    let made = matching::made_before(materials, known, row, &mut draft, tally)?;
    known.links.resolve(&mut draft, false, None, &mut links)?;
    let (matched, said) = match earlier {
        None => match made {
            Some(made) => made,
            None => matching::match_row(materials, known, row, &draft, tally)?,
        },
        Some(Earlier::Made(id)) => (matching::outstanding(materials, known.current, row, &id, tally)?, None),
        Some(Earlier::Settled(outcome, why)) => (Matched::Settled(outcome, NOTHING, why), None),
    };
    let record = match &matched {
        Matched::Create(..) => None,
        Matched::Existing(record) => Some(&**record),
        Matched::Settled(..) => {
            let links = Resolved::default();
            return Ok(Way { row, draft, matched, links, recalled: said, base: None, is_doubtful: false });
        }
    };
    known.links.resolve(&mut draft, true, record, &mut links)?;
    let found = match (&matched, known.bases) {
        (Matched::Existing(_), Some(bases)) => bases.of_row(row)?,
        _ => None,
    };
    let (base, is_doubtful) = match found {
        Some(Found::Base(base)) => (Some(base), false),
        Some(Found::Doubtful) => (None, true),
        None => (None, false),
    };
    Ok(Way { row, draft, matched, links, recalled: said, base, is_doubtful })
}

/// A planned row, and what is noted beside it.
struct PlannedWay {
    row: PlannedRow,
    links: Resolved,
    source_id: Option<String>,
    /// What merging it came to.
    note: Option<Note>,
    /// The classes of a create's keys after the first.
    further: Vec<String>,
}

/// Plans a row, of which only the edits are left where its base is known (design 9.8).
fn plan_way(materials: &Materials<'_>, mut way: Way) -> PlannedWay {
    let source_id = way.draft.source_id.clone();
    let further = match &mut way.matched {
        Matched::Create(_, further) => std::mem::take(further),
        _ => Vec::new(),
    };
    let merged = match (&materials.merge, &way.matched, way.base.take()) {
        // Parts of unequal length belong to no value; merged one by one they would seem to.
        (Some(merge), Matched::Existing(record), Some(base)) if are_even(materials.fields, &way.draft) => {
            let on_conflict = materials.matching.on_conflict;
            (merge.read)(&base).map(|read| {
                let (draft, note) = merge.merge(&way.draft, read, record, materials.schema, on_conflict);
                (draft, Note { version: base.version, ..note })
            })
        }
        _ => None,
    };
    let note = merged.map(|(draft, note)| {
        way.draft = draft;
        note
    });
    if let (None, Matched::Existing(record), true) = (&note, &way.matched, materials.matching.unmapped) {
        merge::leave_literals(&mut way.draft, materials.fields, record);
    }
    let (mut planned, links) = plan_row(materials, way);
    if let Some(first) = note.as_ref().and_then(|note| note.clashes.first())
        && planned.outcome != Some(Outcome::Rejected)
    {
        planned.outcome = Some(Outcome::Conflict);
        planned.field = Some(first.field.clone());
        planned.value = Some(first.sheet.clone());
        planned.reason = note.as_ref().map(merge::reason);
        planned.planned.operations.clear();
    }
    PlannedWay { row: planned, links, source_id, note, further }
}

fn plan_row(materials: &Materials<'_>, way: Way) -> (PlannedRow, Resolved) {
    let Way { row, draft, matched, links, recalled, is_doubtful, .. } = way;
    let mut planned = PlannedRow {
        row,
        id: None,
        class: None,
        outcome: None,
        field: None,
        value: None,
        reason: recalled,
        planned: Planned::default(),
        extra: draft.extra,
    };
    let current = match matched {
        Matched::Settled(outcome, (field, value), reason) => {
            let planned =
                PlannedRow { outcome: Some(outcome), field, value, reason: Some(reason), ..planned };
            return (planned, links);
        }
        Matched::Create(class, _) => {
            planned.class = class;
            None
        }
        Matched::Existing(record) => {
            planned.id.clone_from(&record.id);
            Some(record)
        }
    };
    let work = match links.rejects.is_empty() {
        true => operations(materials, row, &draft, &links.later, current.as_deref()),
        false => Err(links.rejects.clone()),
    };
    match work {
        Err(rejects) => {
            let Reject { field, value, reason } = Reject::joined(rejects);
            planned.outcome = Some(Outcome::Rejected);
            (planned.field, planned.value, planned.reason) = (field, value, Some(reason));
        }
        Ok(work) if work.operations.is_empty() => {
            planned.outcome = Some(Outcome::Unchanged);
            planned.extra += work.extra;
        }
        Ok(work) => {
            planned.extra += work.extra;
            let objects = |record| objection(materials, &draft, record, is_doubtful);
            if let Some(Objection { cell, reason }) = current.as_deref().and_then(objects) {
                let first = || (work.changes.first().map(|change| change.field.clone()), None);
                (planned.field, planned.value) =
                    cell.map_or_else(first, |(field, value)| (Some(field), Some(value)));
                planned.outcome = Some(match materials.matching.on_conflict {
                    OnConflict::Service => Outcome::Unchanged,
                    OnConflict::Reject | OnConflict::Sheet => Outcome::Conflict,
                });
                planned.reason = Some(reason);
            }
            let create = work.operations.first().filter(|first| first.kind == OperationKind::Create);
            if let Some(create) = create {
                let content = || format!("content {}", digest(&materials.target.content(create)));
                planned.class = Some(planned.class.unwrap_or_else(content));
            }
            planned.planned = work;
            if planned.outcome.is_some() {
                planned.planned.operations.clear();
            }
        }
    }
    (planned, links)
}

/// What has to be sent for a row. What links to other rows of the file is an operation of its own, the last.
fn operations(
    materials: &Materials<'_>,
    row: u64,
    draft: &Draft,
    later: &[usize],
    current: Option<&Record>,
) -> Result<Planned, Vec<Reject>> {
    let plan = |draft: &Draft, current: Option<&Record>| {
        let marker = materials.marker.filter(|_| current.is_none());
        let marked = marker.map(|marker| marker.marked(row, draft));
        let to_plan = RowToPlan {
            fields: marker.map_or(materials.fields, Marker::fields),
            draft: marked.as_ref().unwrap_or(draft),
            current,
            schema: materials.schema,
            census: materials.census,
            time_zone: draft.time_zone.as_deref().unwrap_or(materials.time_zone),
        };
        let mut work = materials.target.plan(&to_plan)?;
        if let Some(marker) = marker {
            marker.finish(materials.target, &to_plan, row, &mut work)?;
        }
        Ok(work)
    };
    if later.is_empty() {
        return plan(draft, current);
    }
    let only = |which: fn(bool) -> bool| {
        let values = draft.values.iter().enumerate();
        let values = values.map(|(at, values)| values.clone().filter(|_| which(later.contains(&at))));
        Draft { values: values.collect(), ..draft.clone() }
    };
    let mut planned = plan(&only(|later| !later), current)?;
    let made = Record::default();
    let linked = plan(&only(|later| later), Some(current.unwrap_or(&made)))?;
    let operations = linked.operations.into_iter();
    planned.operations.extend(operations.map(|linked| Operation { kind: OperationKind::Link, ..linked }));
    planned.changes.extend(linked.changes);
    planned.extra += linked.extra;
    Ok(planned)
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
