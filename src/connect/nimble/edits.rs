//! What was edited while the data pages were read: looked for by time of change, by the server's own clock.
//!
//! Pages with the latest changes first, until one is older than the start. A service that refuses to sort, or
//! answers as if it had not been asked to, is asked for the time range instead.

use super::proof::Trouble;
use super::reader::{Batch, Order, PER_PAGE, Reader};
use super::select::Selected;
use crate::error::Result;
use crate::extract::staging::Staging;
use crate::http::Failure;
use crate::record::census::Census;
use crate::record::{RawRecord, instant};
use jiff::Timestamp;
use serde_json::json;

/// Readings of the latest changes, where others delete meanwhile.
const READINGS: u32 = 3;
/// How far ahead of the server's clock the end of the time range is.
const AHEAD_MS: i64 = 24 * 3_600_000;

/// Whether edits could be looked for.
pub(super) enum Edits {
    /// They were; new versions are staged.
    Found,
    /// They cannot be; why.
    Hidden(String),
}

/// Stages every record changed since `since_ms` again. `latest` is the latest change that the data pages
/// showed: a list that begins with an older one is not sorted.
pub(super) fn read(
    selected: &Selected<'_>,
    staging: &mut Staging,
    since_ms: i64,
    latest: Option<i64>,
) -> Result<Edits> {
    for reading in 1..=READINGS {
        match by_order(&selected.reader, staging, since_ms, latest, reading)? {
            Reading::Unsorted => return by_range(selected, staging, since_ms),
            Reading::Hidden(why) => return Ok(Edits::Hidden(why)),
            // A record deleted between two pages moves others to a page read already.
            Reading::Read { moved: true } if reading < READINGS => {}
            Reading::Read { .. } => break,
        }
    }
    Ok(Edits::Found)
}

/// What reading the latest changes came to.
enum Reading {
    /// The service does not sort.
    Unsorted,
    /// It refuses; why.
    Hidden(String),
    /// New versions are staged; whether the list changed from page to page.
    Read { moved: bool },
}

/// Latest changes first.
fn by_order(
    reader: &Reader<'_>,
    staging: &mut Staging,
    since_ms: i64,
    latest: Option<i64>,
    reading: u32,
) -> Result<Reading> {
    let mut previous = i64::MAX;
    let (mut total, mut moved) = (None, false);
    for page in 1.. {
        let batch = match reader.page(page, PER_PAGE, Order::Updated) {
            Ok(batch) => batch,
            Err(Failure::Refused { status: 400 | 409, .. }) if page == 1 => return Ok(Reading::Unsorted),
            Err(failure) => {
                return Ok(match hidden(page, failure)? {
                    Edits::Hidden(why) => Reading::Hidden(why),
                    Edits::Found => Reading::Read { moved },
                });
            }
        };
        moved |= page > 1 && batch.meta.total != total;
        total = batch.meta.total;
        let last = batch.records.is_empty() || batch.meta.pages().is_some_and(|pages| page >= pages);
        let mut descending = page > 1 || batch.latest >= latest;
        for record in batch.records.iter().filter(|_| page == 1) {
            let changed = changed(record).unwrap_or(previous);
            descending &= changed <= previous;
            previous = changed;
        }
        if !descending {
            return Ok(Reading::Unsorted);
        }
        let all = stage_changed(staging, &format!("edits-{reading}-{page}"), batch, since_ms)?;
        if last || !all {
            break;
        }
    }
    Ok(Reading::Read { moved })
}

/// By the documented search for `updated` (facts, section 6.4), which cannot be joined with a keyword.
fn by_range(selected: &Selected<'_>, staging: &mut Staging, since_ms: i64) -> Result<Edits> {
    let time = |ms: i64| Timestamp::from_millisecond(ms).map(instant::print).unwrap_or_default();
    let end = selected.reader.api.client.server_now().as_millisecond().saturating_add(AHEAD_MS);
    let range = json!({"start_datetime": time(since_ms - since_ms.rem_euclid(1000)),
                       "end_datetime": time(end - end.rem_euclid(1000))});
    let Some(filter) = selected.filter.and(json!({"updated": {"range": range}})) else {
        return Ok(Edits::Hidden(
            "Nimble does not sort by time of change here, so edits made during the read may be missing"
                .into(),
        ));
    };
    let asked = Reader { filter: filter.parameters(), ..selected.reader.clone() };
    for page in 1.. {
        let batch = match asked.page(page, PER_PAGE, Order::Any) {
            Ok(batch) => batch,
            Err(failure) => return hidden(page, failure),
        };
        let last = batch.records.is_empty() || batch.meta.pages().is_none_or(|pages| page >= pages);
        stage_changed(staging, &format!("edits-{page}"), batch, since_ms)?;
        if last {
            break;
        }
    }
    Ok(Edits::Found)
}

/// A refusal leaves the edits unseen; anything else ends the work.
fn hidden(page: u64, failure: Failure) -> Result<Edits> {
    match failure {
        Failure::Refused { status: 400 | 404 | 409, .. } => Ok(Edits::Hidden(
            "Nimble refuses to list contacts by time of change, so edits made during the read may be missing"
                .into(),
        )),
        failure => match Trouble::of_page(page, failure) {
            Trouble::Window { why, .. } => Ok(Edits::Hidden(why)),
            Trouble::Error(error) => Err(error),
        },
    }
}

/// Stages the records of a page that changed since then; says whether all of them did.
fn stage_changed(staging: &mut Staging, key: &str, batch: Batch, since_ms: i64) -> Result<bool> {
    let recent = |record: &RawRecord| changed(record).is_some_and(|changed| changed >= since_ms);
    let count = batch.records.len();
    let mut records = batch.records;
    records.retain(recent);
    let all = records.len() == count;
    if records.is_empty() {
        return Ok(all && count > 0);
    }
    // The census is of whole pages: it may only count too much, and columns do not come from counts.
    let census = Census { records: 0, ..batch.census };
    staging.page(key, records, census)?;
    Ok(all)
}

fn changed(record: &RawRecord) -> Option<i64> {
    let time = record.updated.as_deref().or(record.created.as_deref())?;
    instant::parse(time).map(Timestamp::as_millisecond)
}
