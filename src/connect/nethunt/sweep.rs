//! Records created since a plan's read, for creates in doubt (design section 9.3).
//!
//! One request: `new-record` since the newest creation time that the plan's read saw, less two seconds, or
//! since the read's first reply where that is earlier. Who made them comes from the change stream, as far as
//! the service has one.

use super::api::{Api, NoAnswer, failed, since};
use super::proof::EPOCH;
use super::rows;
use super::select::Only;
use super::stream::Stream;
use super::wire::Change;
use crate::error::Result;
use crate::http::{Failure, Unreadable};
use crate::load::target::{Candidate, Ours, ReadMark};
use crate::record::RawRecord;
use std::collections::{HashMap, HashSet};

/// How much earlier the sweep begins, for clocks that disagree.
const OVERLAP_MS: i64 = 2_000;

/// Every record created since the plan's read that is not `ours`; those by users other than `login` are marked.
pub(super) fn created_since(
    api: &Api,
    folder: &str,
    login: &str,
    mark: &ReadMark,
    ours: Ours<'_>,
) -> Result<Vec<Candidate>> {
    let from = since(begin(mark));
    let query = [("since", from.as_str())];
    let mut made = new_rows(api, folder, Stream::Records, mark, ours)?;
    if !made.is_empty() {
        let others = made_by_others(api, folder, login, &query)?;
        for one in &mut made {
            one.by_other = one.record.id.as_ref().is_some_and(|id| others.contains(id));
        }
    }
    Ok(made)
}

/// Every row of a stream made since the plan's read that is not `ours`; who made it is not told.
pub(super) fn new_rows(
    api: &Api,
    folder: &str,
    stream: Stream,
    mark: &ReadMark,
    ours: Ours<'_>,
) -> Result<Vec<Candidate>> {
    let from = since(begin(mark));
    let query = [("since", from.as_str())];
    let mut records: HashMap<String, RawRecord> = HashMap::new();
    let mut order = Vec::new();
    let read = api.stream(
        &["triggers", stream.trigger(), folder],
        &query,
        |_| Ok(()),
        |batch| rows::heads(batch, stream, &Only::default()),
        |parsed| {
            for row in parsed.rows {
                let Some(id) = row.record.id.clone() else { continue };
                if !ours(&id)? && records.insert(id.clone(), row.record).is_none() {
                    order.push(id);
                }
            }
            Ok(())
        },
    )?;
    match read {
        // Some services answer 404 where nothing is new.
        Ok(()) | Err(NoAnswer::Nothing(_)) => {}
        Err(no) => {
            return Err(failed("see what was created in the NetHunt folder", Failure::GaveUp(no.why())));
        }
    }
    let candidate = |id: String| {
        let record = records.remove(&id)?;
        Some(Candidate { record, by_other: false, also: Vec::new() })
    };
    Ok(order.into_iter().filter_map(candidate).collect())
}

fn begin(mark: &ReadMark) -> i64 {
    let ms = |at: Option<jiff::Timestamp>| at.map(jiff::Timestamp::as_millisecond);
    let settle = i64::try_from(mark.settle_ms).unwrap_or(i64::MAX);
    let first_reply = ms(mark.first_reply);
    match (ms(mark.newest_created), first_reply) {
        (Some(newest), first_reply) => newest.min(first_reply.unwrap_or(newest)) - OVERLAP_MS,
        // Everything in a folder that was empty is new.
        (None, _) if mark.whole => EPOCH,
        (None, Some(first_reply)) => first_reply.saturating_sub(settle) - OVERLAP_MS,
        (None, None) => EPOCH,
    }
}

fn made_by_others(api: &Api, folder: &str, login: &str, query: &[(&str, &str)]) -> Result<HashSet<String>> {
    let login = login.trim().to_lowercase();
    let mut others = HashSet::new();
    let read = api.stream(
        &["triggers", "record-change", folder],
        query,
        |_| Ok(()),
        changes,
        |changes| {
            let made = changes.into_iter().filter(|change| change.record_action == "CREATE");
            others.extend(made.filter_map(|change| {
                let maker = change.user.as_ref()?.address()?;
                (maker != login).then_some(change.record_id)
            }));
            Ok(())
        },
    )?;
    // Without this stream every maker is unknown, and an unknown maker may be us.
    read.or_else(|no| no.optional("see who created records in the NetHunt folder").map(drop))?;
    Ok(others)
}

/// The changes of a batch.
pub(super) fn changes(batch: &super::split::Batch) -> Result<Vec<Change>, Unreadable> {
    let parse = |text| {
        serde_json::from_str(text).map_err(|error| Unreadable(format!("a change cannot be read: {error}")))
    };
    batch.texts()?.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_begins_before_anything_of_ours_can_have_been_made() {
        let at = |ms| jiff::Timestamp::from_millisecond(ms).ok();
        let mark = |first_reply, newest_created| ReadMark {
            first_reply,
            newest_created,
            settle_ms: 15_000,
            whole: false,
        };
        assert_eq!(begin(&mark(at(100_000), at(50_000))), 48_000);
        assert_eq!(begin(&mark(at(100_000), at(120_000))), 98_000);
        assert_eq!(begin(&mark(at(100_000), None)), 83_000);
        assert_eq!(begin(&ReadMark { whole: true, ..mark(at(100_000), None) }), EPOCH);
        assert_eq!(begin(&ReadMark::default()), EPOCH);
    }
}
