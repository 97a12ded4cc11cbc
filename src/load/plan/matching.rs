//! How rows are matched, and what they may become. Row by row in file order, for of two rows with the same key the
//! later one is rejected.

use super::{Known, Materials};
use crate::error::Result;
use crate::extract::Completeness;
use crate::load::current::Current;
use crate::load::journal::Outcome;
use crate::load::keys::{self, KeyField};
use crate::load::merge::OnConflict;
use crate::record::{Record, to_text};
use crate::transform::draft::{Became, Draft, ID_COLUMN, TargetField};

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
    pub keys: Vec<Vec<KeyField>>,
    /// Whether a row whose keys are all blank creates a record instead of being rejected.
    pub blank_key_creates: bool,
    /// Whether the rows are a sheet's without a mapping: a record that changed after the row's `_updated` is then a
    /// conflict, and a cell that repeats what the record holds asks for nothing (design 9.8).
    pub unmapped: bool,
    /// Whether updates by `_id` may go on although the target's read is incomplete.
    pub allow_incomplete: bool,
    /// What becomes of values that were changed on both sides since the sheet was made.
    pub on_conflict: OnConflict,
}

/// What matching has found about the rows of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows matched with the record that an earlier run made of them.
    pub matched: u64,
    /// Rows whose record of an earlier run is gone.
    pub gone: u64,
    /// Rows that are for the same record as an earlier row of the file.
    pub doubled: u64,
    /// Rows whose key several records of the target have.
    pub ambiguous: u64,
}

/// A field and its value, as far as one is to blame.
pub(super) type On = (Option<String>, Option<String>);

/// Nothing that is to blame.
pub(super) const NOTHING: On = (None, None);

/// A row with its match, before the comparison.
pub(super) enum Matched {
    /// A new record, with the class of its first key and those of its further ones.
    Create(Option<String>, Vec<String>),
    /// A record that is there.
    Existing(Box<Record>),
    /// Certain already, on what field and value, and why.
    Settled(Outcome, On, String),
}

/// The match of a row, and what earlier runs say of it.
pub(super) fn match_row(
    materials: &Materials<'_>,
    known: &Known<'_>,
    row: u64,
    draft: &Draft,
    tally: &mut Tally,
) -> Result<(Matched, Option<String>)> {
    let current = known.current;
    if let Some(id) = id_of(draft, materials.fields) {
        return Ok((existing(materials, current, row, &id, true, tally)?, None));
    }
    // For a rejected row nothing was written, so that its key, which may be what was corrected, says what it is for.
    let became =
        draft.became.as_ref().filter(|became| !became.is_rejected || materials.matching.keys.is_empty());
    if let Some(Became { id, .. }) = became {
        if current.by_id(id, materials.decode)?.is_none() {
            let why = format!(
                "the target has no record `{id}`, which the row became in the run that it comes from; empty its \
                 `{ID_COLUMN}` to create one, or try that run's rows again by `ferry retry RUN`"
            );
            let on = (Some(ID_COLUMN.into()), Some(id.clone()));
            return Ok((Matched::Settled(Outcome::Rejected, on, why), None));
        }
        return Ok((existing(materials, current, row, id, true, tally)?, None));
    }
    let earlier = draft.source_id.as_deref().map(known.earlier).transpose()?.flatten();
    let Some(id) = earlier else { return Ok((by_key(materials, current, row, draft, tally)?, None)) };
    if current.by_id(&id, materials.decode)?.is_none() {
        tally.gone += 1;
        let said = format!("record {id}, which an earlier run made of it, is gone");
        return Ok((by_key(materials, current, row, draft, tally)?, Some(said)));
    }
    // Its keys are taken all the same: a later row that has one of them is for the same record.
    for (alternative, places) in materials.matching.keys.iter().enumerate() {
        let keys = keys::of_draft(draft, materials.fields, places);
        current.take(alternative, &keys, row)?;
    }
    tally.matched += 1;
    let matched = existing(materials, current, row, &id, false, tally)?;
    Ok((matched, Some("matched by an earlier run".to_owned())))
}

/// The match of a row without an `_id` whose record an earlier import made of an equal one. Such a row asks for nothing:
/// what it says was written then, and whatever else the record holds by now is somebody's edit.
pub(super) fn made_before(
    materials: &Materials<'_>,
    known: &Known<'_>,
    row: u64,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<Option<(Matched, Option<String>)>> {
    let (Some(made), Some(digest), None) = (known.made, &draft.digest, &draft.became) else {
        return Ok(None);
    };
    // A key finds the record by itself, and then all that the row says counts.
    let has_key = |places: &Vec<_>| !keys::of_draft(draft, materials.fields, places).is_empty();
    if materials.matching.mode == Mode::Create || materials.matching.keys.iter().any(has_key) {
        return Ok(None);
    }
    let is_there = |id: &str| Ok(known.current.by_id(id, materials.decode)?.is_some());
    let Some(taken) = made.take(digest, is_there)? else { return Ok(None) };
    if taken.is_whole {
        draft.values.fill(None);
    }
    let matched = existing(materials, known.current, row, &taken.id, false, tally)?;
    Ok(Some((matched, Some(format!("made by run `{}`", taken.run)))))
}

fn by_key(
    materials: &Materials<'_>,
    current: &Current,
    row: u64,
    draft: &Draft,
    tally: &mut Tally,
) -> Result<Matched> {
    let matching = materials.matching;
    let mut classes = Vec::new();
    let mut blank = true;
    for (alternative, places) in matching.keys.iter().enumerate() {
        let keys = keys::of_draft(draft, materials.fields, places);
        if keys.is_empty() {
            continue;
        }
        blank = false;
        if let Some(earlier) = current.take(alternative, &keys, row)? {
            let why = format!("row {earlier} of the file has the same key `{}`", shown(&keys[0]));
            let on = (Some(key_name(places)), None);
            tally.doubled += 1;
            return Ok(Matched::Settled(Outcome::Rejected, on, why));
        }
        classes.extend(keys.iter().map(|key| keys::class(alternative, key)));
        match current.by_keys(alternative, &keys)?.as_slice() {
            [] => {}
            [id] => return existing(materials, current, row, id, false, tally),
            several => {
                let why = format!(
                    "{} records of the target have the key `{}`: {}",
                    several.len(),
                    shown(&keys[0]),
                    several.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
                );
                tally.ambiguous += 1;
                let on = (Some(key_name(places)), None);
                return Ok(Matched::Settled(Outcome::Rejected, on, why));
            }
        }
    }
    if blank && !matching.keys.is_empty() && !matching.blank_key_creates {
        let names: Vec<_> = matching.keys.iter().map(|places| key_name(places)).collect();
        let why =
            "the key is blank; `blank_key = \"create\"` in the mapping would create a record".to_owned();
        return Ok(Matched::Settled(Outcome::Rejected, (Some(names.join(" / ")), None), why));
    }
    Ok(create(materials, classes))
}

fn create(materials: &Materials<'_>, classes: Vec<String>) -> Matched {
    if materials.matching.mode == Mode::Update {
        return Matched::Settled(
            Outcome::Skipped,
            NOTHING,
            "no record matches, and the mode is update".into(),
        );
    }
    if let Completeness::Incomplete(why) = materials.completeness {
        let why = format!("nothing is created on an incomplete read of the target: {why}");
        return Matched::Settled(Outcome::Skipped, NOTHING, why);
    }
    let mut classes = classes.into_iter();
    Matched::Create(classes.next(), classes.collect())
}

fn existing(
    materials: &Materials<'_>,
    current: &Current,
    row: u64,
    id: &str,
    by_id: bool,
    tally: &mut Tally,
) -> Result<Matched> {
    let Some(known) = current.by_id(id, materials.decode)? else {
        let why = format!("the target has no record `{id}`; a blank `_id` would create one");
        let on = (Some("_id".into()), Some(id.to_owned()));
        return Ok(Matched::Settled(Outcome::Rejected, on, why));
    };
    if let Some(earlier) = current.take_record(id, row)? {
        let why = format!("row {earlier} of the file is for the same record {id}");
        tally.doubled += 1;
        return Ok(Matched::Settled(
            Outcome::Rejected,
            if by_id { (Some("_id".into()), Some(id.to_owned())) } else { NOTHING },
            why,
        ));
    }
    if materials.matching.mode == Mode::Create {
        return Ok(Matched::Settled(
            Outcome::Skipped,
            NOTHING,
            format!("record {id} matches, and the mode is create"),
        ));
    }
    let incomplete = matches!(materials.completeness, Completeness::Incomplete(_));
    if incomplete && !(by_id && materials.matching.allow_incomplete) {
        let why = "the target's read is incomplete, so that another record may match too".to_owned();
        return Ok(Matched::Settled(Outcome::Skipped, NOTHING, why));
    }
    Ok(Matched::Existing(Box::new(known.record)))
}

/// The record that an earlier run made for a row and did not complete, whatever the mode and the key say.
pub(super) fn outstanding(
    materials: &Materials<'_>,
    current: &Current,
    row: u64,
    id: &str,
    tally: &mut Tally,
) -> Result<Matched> {
    let gone = || {
        let why = format!("record {id}, which was made for this row, is gone; it is not made again");
        Ok(Matched::Settled(Outcome::Conflict, (Some("_id".into()), Some(id.to_owned())), why))
    };
    let known = match current.by_id(id, materials.decode)? {
        Some(known) => known.record,
        // Made a moment ago, it need not be listed yet.
        None => match materials.target.read(&[id.to_owned()])?.first() {
            Some(raw) => match materials.decode.decode(&raw.raw) {
                Ok(record) => record,
                Err(_) => return gone(),
            },
            None => return gone(),
        },
    };
    if let Some(earlier) = current.take_record(id, row)? {
        let why = format!("row {earlier} of the file is for the same record {id}");
        tally.doubled += 1;
        return Ok(Matched::Settled(Outcome::Rejected, NOTHING, why));
    }
    Ok(Matched::Existing(Box::new(known)))
}

/// The `_id` that a draft carries.
fn id_of(draft: &Draft, fields: &[TargetField]) -> Option<String> {
    let at = fields.iter().position(|field| field.place.name == "_id")?;
    let id = draft.values.get(at)?.as_ref()?.first().map(to_text)?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

fn key_name(key: &[KeyField]) -> String {
    key.iter().map(|field| field.place.to_string()).collect::<Vec<_>>().join(" + ")
}

fn shown(key: &str) -> String {
    key.replace('\u{1f}', " + ")
}
