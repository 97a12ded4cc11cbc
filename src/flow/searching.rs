//! Which records rows can match, found by searching for their keys: where that takes fewer requests than reading
//! the whole target, and the service's search for the key is exact enough.
//!
//! A search lags behind writes, so what was created just before is listed beside it; hits are verified like every
//! record that was read, by the plan's own matching; and that nothing was missed stays unproven, so each create's
//! key is looked up once more before it is sent. That is counted in when the ways are compared.

use super::context::Context;
use super::job::{Job, Place};
use crate::connect::Stream;
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::extract::staging::Staging;
use crate::load::keys::{self, KeyField};
use crate::load::plan::Matching;
use crate::load::target::ReadMark;
use crate::record::RawRecord;
use crate::record::census::Census;
use crate::report::Budget;
use crate::report::figures::counted;
use crate::run::folder::RunFolder;
use crate::transform::draft::{Draft, TargetField};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

/// More keys are never searched for.
const MOST: usize = 1_000;
/// What was created so long ago is taken to be found by a search.
const LAG: SignedDuration = SignedDuration::from_mins(10);
/// Requests that listing what was created lately takes, about.
const LATELY: u64 = 3;

/// What is searched for, and what reading everything would take.
pub(super) struct Search {
    keys: BTreeSet<(usize, String)>,
    whole: u64,
}

/// Whether to search for the keys of the mapped rows instead of reading everything.
///
/// # Errors
/// When the service or the disk fails.
pub(super) fn instead(
    folder: &RunFolder,
    stream: &Stream,
    job: &Job,
    matching: &Matching,
    fields: &[TargetField],
) -> Result<Option<Search>> {
    let target = stream.target()?;
    let searchable = |key: &Vec<KeyField>| matches!(&key[..], [field] if target.finds(&field.place));
    let by_id = fields.iter().any(|field| field.place.name == "_id");
    let same = matches!(&job.source, Place::Stream { .. });
    if by_id
        || same
        || job.load.expect.is_some()
        || matching.keys.is_empty()
        || !matching.keys.iter().all(searchable)
    {
        return Ok(None);
    }
    let Some(keys) = wanted(folder, matching, fields)? else { return Ok(None) };
    // A search for each, and another look before its create.
    let searches = 2 * keys.len() as u64 + LATELY;
    let whole = target.listing_takes()?;
    Ok(whole.filter(|whole| searches < *whole).map(|whole| Search { keys, whole }))
}

/// The keys of the mapped rows, each with its alternative; none where they are too many.
fn wanted(
    folder: &RunFolder,
    matching: &Matching,
    fields: &[TargetField],
) -> Result<Option<BTreeSet<(usize, String)>>> {
    let mut wanted = BTreeSet::new();
    let drafts = Staging::open(folder.path(), super::output::STAGE)?;
    let mut rows = drafts.read()?;
    while let Some(batch) = rows.next_rows()? {
        for staged in batch {
            let draft: Draft = serde_json::from_str(&staged.record.raw)
                .map_err(|cause| Error::stopped("the run's transform parts are damaged").because(cause))?;
            if draft.became.is_some() {
                // Such a row is matched by an id, which a search for keys need not find.
                return Ok(None);
            }
            for (alternative, places) in matching.keys.iter().enumerate() {
                let keys = keys::of_draft(&draft, fields, places);
                wanted.extend(keys.into_iter().map(|key| (alternative, key)));
            }
        }
        if wanted.len() > MOST {
            return Ok(None);
        }
    }
    Ok(Some(wanted))
}

impl Search {
    /// Stages what the searches find, and what was created lately.
    ///
    /// # Errors
    /// When the service or the disk fails, or a stop is asked for.
    pub(super) fn read(
        &self,
        context: &Context,
        stream: &Stream,
        matching: &Matching,
        staging: &mut Staging,
    ) -> Result<Completeness> {
        let target = stream.target()?;
        let decode = stream.source.decoder();
        let budget = Budget::from(stream.client.pace().rate());
        let progress = context.reporter.progress("search", Some(self.keys.len() as u64), Some(budget));
        let mut seen = HashSet::new();
        let mut keep = |staging: &mut Staging, key: &str, found: Vec<RawRecord>| {
            let new = |record: &RawRecord| record.id.clone().is_some_and(|id| seen.insert(id));
            let records: Vec<RawRecord> = found.into_iter().filter(new).collect();
            let mut census = Census::default();
            records
                .iter()
                .filter_map(|raw| decode.decode(&raw.raw).ok())
                .for_each(|record| census.add(&record));
            staging.page(key, records, census)
        };
        for (alternative, key) in &self.keys {
            if context.stop.is_requested() {
                return Err(Error::stopped("stopped while searching for the keys"));
            }
            let Some(field) = matching.keys.get(*alternative).and_then(|key| key.first()) else {
                continue;
            };
            let found = target.look_up(&field.place, &Value::from(key.as_str()))?;
            keep(staging, &format!("key {alternative} {key}"), found)?;
            progress.add(1);
        }
        let now: Timestamp = stream.client.server_now();
        let since = ReadMark { first_reply: Some(now - LAG), ..ReadMark::default() };
        let lately =
            target.created_since(&since, &mut |_| Ok(false))?.into_iter().map(|candidate| candidate.record);
        keep(staging, "created lately", lately.collect())?;
        progress.finish();
        Ok(Completeness::Unproven(format!(
            "the {} of the file were searched for, as reading everything would take about {}",
            counted(self.keys.len() as u64, "key"),
            counted(self.whole, "request")
        )))
    }
}
