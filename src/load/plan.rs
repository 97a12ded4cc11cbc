//! The plan: rows matched with the target's records, and what has to be sent for each (design 9.1).
//!
//! Nothing is sent here. Matching goes row by row in file order, because which of two rows with the same key
//! is rejected depends on it; the comparison of a row with its record is pure and runs on all cores.

use super::bases::{BaseRow, Bases};
use super::current::Current;
use super::journal::{Journal, Outcome, PlannedRow};
use super::keys;
use super::marker::Marker;
use super::merge::{Merge, Note, OnConflict};
use super::target::{OperationKind, RowToPlan, Target};
use crate::error::Result;
use crate::extract::staging::StagedRows;
use crate::extract::{Completeness, Decode};
use crate::record::census::Census;
use crate::record::schema::{FieldRef, Schema};
use crate::record::{Record, instant, to_text};
use crate::transform::draft::{Draft, TargetField};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// What a row without a match, or with one, may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only new records.
    Create,
    /// Only existing ones.
    Update,
    /// Both.
    Upsert,
}

/// How rows are matched.
#[derive(Debug, Clone)]
pub struct Matching {
    /// What may be done.
    pub mode: Mode,
    /// Key alternatives in order; none means by `_id` alone.
    pub keys: Vec<Vec<FieldRef>>,
    /// Whether a row whose keys are all blank creates a record instead of being rejected.
    pub blank_key_creates: bool,
    /// Whether a record that changed after the row's `_updated` is a conflict (unmapped imports, design 9.8).
    pub guard_newer: bool,
    /// Whether updates by `_id` may go on although the target's read is incomplete.
    pub allow_incomplete: bool,
    /// What becomes of values that were changed on both sides since the sheet was made.
    pub on_conflict: OnConflict,
}

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

/// A row with its match, before the comparison.
enum Matched {
    Create(Option<String>),
    Existing(Box<Record>),
    Settled(Outcome, Option<String>, String),
}

/// Plans every row of `drafts` into the journal; `bases` are the versions that they were made from, where known.
///
/// # Errors
/// When the disk fails.
pub fn plan(
    materials: &Materials<'_>,
    current: &Current,
    bases: Option<&Bases>,
    mut drafts: StagedRows,
    journal: &mut Journal,
) -> Result<()> {
    while let Some(rows) = drafts.next_rows()? {
        current.begin()?;
        let mut matched = Vec::with_capacity(rows.len());
        for staged in &rows {
            let draft: Draft = serde_json::from_str(&staged.record.raw).map_err(|cause| {
                crate::error::Error::stopped("the run's transform parts are damaged").because(cause)
            })?;
            let found = match_row(materials, current, staged.row, &draft)?;
            let base = match (&found, bases) {
                (Matched::Existing(_), Some(bases)) => bases.of_row(staged.row)?,
                _ => None,
            };
            matched.push((staged.row, draft, found, base));
        }
        current.settle()?;
        let planned: Vec<_> = matched
            .into_par_iter()
            .map(|(row, draft, found, base)| plan_merged(materials, row, &draft, found, base))
            .collect();
        journal.transaction(|journal| {
            planned.iter().try_for_each(|(row, note)| {
                journal.add(row)?;
                note.iter().try_for_each(|note| journal.note_merge(row.row, note))
            })
        })?;
    }
    Ok(())
}

fn match_row(materials: &Materials<'_>, current: &Current, row: u64, draft: &Draft) -> Result<Matched> {
    let matching = materials.matching;
    let by_id = id_of(draft, materials.fields);
    if let Some(id) = by_id {
        return existing(materials, current, row, &id, true);
    }
    let mut class = None;
    let mut blank = true;
    for (alternative, places) in matching.keys.iter().enumerate() {
        let keys = keys::of_draft(draft, materials.fields, places);
        if keys.is_empty() {
            continue;
        }
        blank = false;
        if let Some(earlier) = current.take(alternative, &keys, row)? {
            let why = format!("row {earlier} of the file has the same key `{}`", shown(&keys[0]));
            return Ok(Matched::Settled(Outcome::Rejected, Some(key_name(places)), why));
        }
        class = class.or_else(|| Some(format!("key {alternative} {}", keys[0])));
        match current.by_keys(alternative, &keys)?.as_slice() {
            [] => {}
            [id] => return existing(materials, current, row, id, false),
            several => {
                let why = format!(
                    "{} records of the target have the key `{}`: {}",
                    several.len(),
                    shown(&keys[0]),
                    several.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
                );
                return Ok(Matched::Settled(Outcome::Rejected, Some(key_name(places)), why));
            }
        }
    }
    if blank && !matching.keys.is_empty() && !matching.blank_key_creates {
        let names: Vec<_> = matching.keys.iter().map(|places| key_name(places)).collect();
        let why =
            "the key is blank; `blank_key = \"create\"` in the mapping would create a record".to_owned();
        return Ok(Matched::Settled(Outcome::Rejected, Some(names.join(" / ")), why));
    }
    Ok(create(materials, class))
}

fn create(materials: &Materials<'_>, class: Option<String>) -> Matched {
    if materials.matching.mode == Mode::Update {
        return Matched::Settled(Outcome::Skipped, None, "no record matches, and the mode is update".into());
    }
    if let Completeness::Incomplete(why) = materials.completeness {
        let why = format!("nothing is created on an incomplete read of the target: {why}");
        return Matched::Settled(Outcome::Skipped, None, why);
    }
    Matched::Create(class)
}

fn existing(
    materials: &Materials<'_>,
    current: &Current,
    row: u64,
    id: &str,
    by_id: bool,
) -> Result<Matched> {
    let Some(known) = current.by_id(id, materials.decode)? else {
        let why = format!("the target has no record `{id}`; a blank `_id` would create one");
        return Ok(Matched::Settled(Outcome::Rejected, Some("_id".into()), why));
    };
    if let Some(earlier) = current.take_record(id, row)? {
        let why = format!("row {earlier} of the file is for the same record {id}");
        return Ok(Matched::Settled(Outcome::Rejected, by_id.then(|| "_id".into()), why));
    }
    if materials.matching.mode == Mode::Create {
        return Ok(Matched::Settled(
            Outcome::Skipped,
            None,
            format!("record {id} matches, and the mode is create"),
        ));
    }
    let incomplete = matches!(materials.completeness, Completeness::Incomplete(_));
    if incomplete && !(by_id && materials.matching.allow_incomplete) {
        let why = "the target's read is incomplete, so that another record may match too".to_owned();
        return Ok(Matched::Settled(Outcome::Skipped, None, why));
    }
    Ok(Matched::Existing(Box::new(known.record)))
}

/// Plans a row, of which only the edits are left where its base is known (design 9.8).
fn plan_merged(
    materials: &Materials<'_>,
    row: u64,
    draft: &Draft,
    matched: Matched,
    base: Option<BaseRow>,
) -> (PlannedRow, Option<Note>) {
    let merged = match (&materials.merge, &matched, base) {
        (Some(merge), Matched::Existing(record), Some(base)) => {
            let on_conflict = materials.matching.on_conflict;
            (merge.read)(&base).map(|read| {
                let (draft, note) = merge.merge(draft, read, record, materials.schema, on_conflict);
                (draft, Note { version: base.version, ..note })
            })
        }
        _ => None,
    };
    let Some((draft, note)) = merged else { return (plan_row(materials, row, draft, matched), None) };
    let mut planned = plan_row(materials, row, &draft, matched);
    if let Some(first) = note.clashes.first()
        && planned.outcome != Some(Outcome::Rejected)
    {
        planned.outcome = Some(Outcome::Conflict);
        planned.field = Some(first.field.clone());
        planned.value = Some(first.sheet.clone());
        planned.reason = Some(super::merge::reason(&note.clashes));
        planned.planned.operations.clear();
    }
    (planned, Some(note))
}

fn plan_row(materials: &Materials<'_>, row: u64, draft: &Draft, matched: Matched) -> PlannedRow {
    let mut planned = PlannedRow {
        row,
        id: None,
        class: None,
        outcome: None,
        field: None,
        value: None,
        reason: None,
        planned: super::target::Planned::default(),
        extra: draft.extra,
    };
    let current = match matched {
        Matched::Settled(outcome, field, reason) => {
            return PlannedRow { outcome: Some(outcome), field, reason: Some(reason), ..planned };
        }
        Matched::Create(class) => {
            planned.class = class;
            None
        }
        Matched::Existing(record) => {
            planned.id.clone_from(&record.id);
            Some(record)
        }
    };
    let marker = materials.marker.filter(|_| current.is_none());
    let marked = marker.map(|marker| marker.marked(row, draft));
    let to_plan = RowToPlan {
        fields: marker.map_or(materials.fields, Marker::fields),
        draft: marked.as_ref().unwrap_or(draft),
        current: current.as_deref(),
        schema: materials.schema,
        census: materials.census,
        time_zone: draft.time_zone.as_deref().unwrap_or(materials.time_zone),
    };
    let finished = |mut work| match marker {
        Some(marker) => marker.finish(materials.target, &to_plan, row, &mut work).map(|()| work),
        None => Ok(work),
    };
    match materials.target.plan(&to_plan).and_then(finished) {
        Err(rejects) => {
            let first = rejects.first().cloned();
            let reasons: Vec<_> = rejects.into_iter().map(|reject| reject.reason).collect();
            planned.outcome = Some(Outcome::Rejected);
            planned.field = first.as_ref().and_then(|reject| reject.field.clone());
            planned.value = first.and_then(|reject| reject.value);
            planned.reason = Some(reasons.join("; "));
        }
        Ok(work) if work.operations.is_empty() => planned.outcome = Some(Outcome::Unchanged),
        Ok(work) => {
            if let Some(reason) = current.as_deref().and_then(|record| newer(materials, draft, record)) {
                planned.field = work.changes.first().map(|change| change.field.clone());
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
    planned
}

/// Why an unmapped row must not overwrite a record: it changed after the sheet was made (design 9.8).
fn newer(materials: &Materials<'_>, draft: &Draft, record: &Record) -> Option<String> {
    if !materials.matching.guard_newer || materials.matching.on_conflict == OnConflict::Sheet {
        return None;
    }
    let sheet = instant::parse(draft.seen_updated.as_deref()?)?;
    let text = record.updated.as_deref().or(record.created.as_deref())?;
    let service = instant::parse(text)?;
    (service.as_millisecond() > sheet.as_millisecond()).then(|| {
        format!(
            "the record was changed at {} and the row is from {}: export again and repeat the edit",
            instant::print(service),
            instant::print(sheet)
        )
    })
}

/// The `_id` that a draft carries.
fn id_of(draft: &Draft, fields: &[TargetField]) -> Option<String> {
    let at = fields.iter().position(|field| field.place.name == "_id")?;
    let id = draft.values.get(at)?.as_ref()?.first().map(to_text)?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

fn key_name(places: &[FieldRef]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

fn shown(key: &str) -> String {
    key.replace('\u{1f}', " + ")
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
