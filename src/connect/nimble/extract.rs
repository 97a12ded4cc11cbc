//! Reads contacts: data pages in parallel, the proof that they are all, and what was edited meanwhile (design
//! section 8). One contact is read by id; what changed since a time in [`since`]; and where the service refuses
//! pages deep in its list, the list is read in [`slices`] of its own, each proven for itself.

mod pages;
mod since;
pub(super) mod slices;

use super::api::failed;
use super::edits::{self, Edits};
use super::proof::{Start, Trouble, prove};
use super::reader::Reader;
use super::select::{RECENTLY_VIEWED, Selected};
use super::walks::{List, Walks};
use crate::error::{Class, Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, FIRST_REPLY, Selection, WATERMARK};
use crate::http::Failure;
use crate::record::instant;
use jiff::{SignedDuration, Timestamp};
use pages::{BEFORE, DataPages, TOTAL};
use std::time::Duration;

/// Staging note: edits since this Unix millisecond are looked for.
const EDITS_SINCE: &str = "nimble_edits_since";
/// The next read of changes begins so long before the latest change seen: times of change may be whole seconds,
/// and changes of one second come one after the other.
const OVERLAP: SignedDuration = SignedDuration::from_secs(2);

/// What reading a list came to.
#[derive(Debug, Default)]
struct Read {
    /// Why something is missing.
    missing: Option<String>,
    /// Why nobody knows whether something is missing.
    unproven: Option<String>,
    /// Records found deleted meanwhile.
    gone: u64,
    /// It ended early, as asked.
    sampled: bool,
    /// The latest change seen, in Unix milliseconds.
    latest: Option<i64>,
}

/// Reads what `selection` asks for into `staging`. `settle` is the longest time that a change may take to be
/// listed.
pub(super) fn extract(
    selected: &Selected<'_>,
    selection: &Selection,
    settle: Duration,
    staging: &mut Staging,
) -> Result<Completeness> {
    if let Some(id) = &selection.record {
        return by_id(&selected.reader, id, staging);
    }
    let completeness = match selection.since {
        Some(since) => since::read(selected, selection, since, staging),
        None => read(selected, selection, staging),
    };
    let completeness = completeness.map_err(|error| match selected.filter.newer.as_slice() {
        newer if newer.is_empty() || error.class() != Class::Input => error,
        newer => error.hint(format!(
            "in `--where`, `{}` is known of newer versions of the service alone",
            newer.join("`, `")
        )),
    })?;
    if !matches!(completeness, Completeness::Incomplete(_)) && selection.limit.is_none() {
        note_watermark(staging, settle)?;
    }
    Ok(completeness)
}

/// What a failed read of contacts means for the command.
pub(super) fn read_failed(failure: Failure) -> Error {
    failed("cannot read contacts from Nimble", failure)
}

/// One contact.
fn by_id(reader: &Reader<'_>, id: &str, staging: &mut Staging) -> Result<Completeness> {
    let batch = reader.details(&[id.to_owned()]).map_err(read_failed)?;
    if batch.records.is_empty() {
        return Err(Error::input(format!("Nimble has no contact `{id}`"))
            .hint("it may have been deleted; ids stand in the column `_id`"));
    }
    let key = format!("record-{id}");
    if !staging.is_done(&key) {
        staging.page(&key, batch.records, batch.census)?;
    }
    Ok(Completeness::Complete)
}

/// All that was selected, changes of all times.
fn read(selected: &Selected<'_>, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
    let read = read_list(selected, selection, staging)?;
    if read.sampled {
        let count = staging.staged();
        return Ok(Completeness::Unproven(format!("a sample of {count} contacts was asked for")));
    }
    if selection.sort.as_deref().is_some_and(|sort| sort.starts_with(RECENTLY_VIEWED)) {
        return Ok(Completeness::Unproven("Nimble lists no more than the last 30 contacts viewed".into()));
    }
    let edited = edits_since_the_start(selected, staging, read.latest)?;
    if let Some(expected) = selection.expect {
        let found = staging.distinct()?.saturating_sub(read.gone);
        return Ok(as_expected(expected, found));
    }
    Ok(judged(read, edited))
}

fn as_expected(expected: u64, found: u64) -> Completeness {
    if found == expected {
        Completeness::Complete
    } else {
        Completeness::Incomplete(format!("{expected} contacts were expected, {found} were read"))
    }
}

fn judged(read: Read, edited: Edits) -> Completeness {
    match (read.missing, read.unproven, edited) {
        (Some(why), ..) => Completeness::Incomplete(why),
        (None, Some(why), _) | (None, None, Edits::Hidden(why)) => Completeness::Unproven(why),
        (None, None, Edits::Found) => Completeness::Complete,
    }
}

fn edits_since_the_start(
    selected: &Selected<'_>,
    staging: &mut Staging,
    latest: Option<i64>,
) -> Result<Edits> {
    let since = number(staging, EDITS_SINCE)?.unwrap_or(0);
    edits::read(selected, staging, since, latest)
}

/// The list, whole or in slices, and its proof.
fn read_list(selected: &Selected<'_>, selection: &Selection, staging: &mut Staging) -> Result<Read> {
    let slices = slices::begun(staging)?;
    let deep = match slices {
        Some(slices) => slices,
        None => {
            let list = List::whole(&selected.reader, selected.filter.can_be_joined());
            match read_one(&list, selection, None, staging) {
                Ok(read) => return Ok(read),
                Err(Trouble::Window { page, why }) => slices::Slices::new(page, why, selection),
                Err(Trouble::Error(error)) => return Err(error),
            }
        }
    };
    deep.read(selected, selection, staging)
}

/// One list that can be read to its end.
fn read_one(
    list: &List<'_>,
    selection: &Selection,
    most: Option<u64>,
    staging: &mut Staging,
) -> Result<Read, Trouble> {
    let mut pages = DataPages::resume(list, selection, most, staging)?;
    pages.read()?;
    let (sampled, trusted, latest) = (pages.sampled, pages.trusted, pages.latest);
    let recent = selection.sort.as_deref().is_some_and(|sort| sort.starts_with(RECENTLY_VIEWED));
    if sampled || recent {
        return Ok(Read { sampled, latest, ..Read::default() });
    }
    let before_ms = number(staging, &list.note(BEFORE))?;
    let counted = number(staging, &list.note(TOTAL))?.and_then(|total| u64::try_from(total).ok());
    // Without the server's clock nobody knows which ids are old, so their number proves nothing.
    let total = counted.filter(|total| trusted && (before_ms.is_some() || *total == 0));
    let mut walks = Walks::new(list, staging, before_ms, trusted);
    let start = Start { total, trusted, can_be_joined: list.can_be_joined };
    let missing = prove(&mut walks, start)?;
    Ok(Read { missing, gone: walks.gone, latest, ..Read::default() })
}

/// Where the next read of changes has to begin: before the latest change seen, and before what may not have been
/// listed yet when this read began.
fn note_watermark(staging: &mut Staging, settle: Duration) -> Result<()> {
    let settle = SignedDuration::try_from(settle).unwrap_or(SignedDuration::MAX);
    let less = |moment: Timestamp, by: SignedDuration| moment.checked_sub(by).unwrap_or(Timestamp::MIN);
    let first_reply = staging.note(FIRST_REPLY)?.as_deref().and_then(instant::parse);
    let latest = staging.latest_change()?;
    let mark = match (first_reply, latest) {
        (Some(first), Some(latest)) => less(first, settle).min(less(latest, OVERLAP)),
        (Some(first), None) => less(first, settle),
        (None, Some(latest)) => less(latest, settle.max(OVERLAP)),
        (None, None) => return Ok(()),
    };
    staging.set_note(WATERMARK, instant::print(mark));
    Ok(())
}

fn number(staging: &Staging, key: &str) -> Result<Option<i64>> {
    Ok(staging.note(key)?.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests;
