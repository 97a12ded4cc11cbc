//! What was created or changed since a time, by the service's own clock.
//!
//! Asked for as a search for `updated`, which counts what it lists, so that the rules of every other list hold
//! (an edit makes a contact join the list). Where that search is refused or cannot be had beside a keyword, the
//! list is read with the latest changes first, again and again until a reading shows that nothing moved. Where the
//! service does not sort either, everything is read and what is older is left out. Nimble does not tell what was
//! deleted.

use super::super::proof::Trouble;
use super::super::reader::{Batch, Order, PER_PAGE, Reader};
use super::super::select::{Filter, Selected};
use super::as_expected;
use crate::error::Result;
use crate::extract::staging::{IdAndTime, Staging};
use crate::extract::{Completeness, FIRST_REPLY, Selection};
use crate::http::Failure;
use crate::record::{RawRecord, instant};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Staging note: which way a run has taken, so that a resumed one goes on.
const WAY: &str = "nimble_since";
/// Name of the id set of the reading under way.
const READING: &str = "reading";
/// Readings with the latest changes first, before giving up.
const READINGS: u32 = 5;
const DAY: i64 = 24 * 3_600_000;
/// Where a search for changes ends: later than any (facts, section 6.3: both ends are required).
const END: &str = "2099-12-31";

/// How changes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By a search between moments.
    Moments,
    /// By a search between days in the user's time zone, which is not known.
    Days,
    /// Latest changes first.
    Order,
    /// Not at all: everything is read.
    All,
}

const WAYS: [(&str, Way); 4] =
    [("moments", Way::Moments), ("days", Way::Days), ("order", Way::Order), ("all", Way::All)];

/// Reads what changed at `since` or later.
pub(super) fn read(
    selected: &Selected<'_>,
    selection: &Selection,
    since: Timestamp,
    staging: &mut Staging,
) -> Result<Completeness> {
    // Times of change may be shown as whole seconds.
    let since_ms = since.as_millisecond() - since.as_millisecond().rem_euclid(1000);
    let uncounted = Selection { expect: None, ..selection.clone() };
    let mut way = way(selected, since_ms, staging)?;
    let mut completeness = None;
    if way == Way::Order {
        match by_order(selected, selection, since_ms, staging)? {
            Some(ended) => completeness = Some(ended),
            None => way = Way::All,
        }
    }
    staging.set_note(WAY, WAYS.iter().find(|(_, known)| *known == way).map_or("all", |(name, _)| name));
    let completeness = match completeness {
        Some(completeness) => completeness,
        None => match narrowed(&selected.filter, way, since_ms) {
            Some(filter) => {
                let reader = Reader { filter: filter.parameters(), ..selected.reader.clone() };
                super::read(&Selected { reader, filter }, &uncounted, staging)?
            }
            None => super::read(selected, &uncounted, staging)?,
        },
    };
    let left_out = staging.leave_out_unchanged(since_ms)?;
    match selection.expect {
        Some(expected) => Ok(as_expected(expected, staging.distinct()?.saturating_sub(left_out))),
        None => Ok(completeness),
    }
}

/// The first way that the service takes.
fn way(selected: &Selected<'_>, since_ms: i64, staging: &Staging) -> Result<Way> {
    if let Some(taken) = staging.note(WAY)? {
        return Ok(WAYS.iter().find(|(name, _)| *name == taken).map_or(Way::All, |(_, way)| *way));
    }
    for way in [Way::Moments, Way::Days] {
        let Some(filter) = narrowed(&selected.filter, way, since_ms) else { continue };
        let reader = Reader { filter: filter.parameters(), sort: None, ..selected.reader.clone() };
        match reader.ids(1, Order::Any) {
            Ok(_) => return Ok(way),
            Err(Failure::Refused { status: 400 | 404 | 409 | 422, .. }) => {}
            Err(failure) => return Err(super::read_failed(failure)),
        }
    }
    // Sorted by time of change, the list is in no other order.
    Ok(if selected.reader.sort.is_none() { Way::Order } else { Way::All })
}

/// The filter that lists only what changed; `None` where it cannot be had.
fn narrowed(filter: &Filter, way: Way, since_ms: i64) -> Option<Filter> {
    let moment = |ms| Timestamp::from_millisecond(ms).map(instant::print).unwrap_or_default();
    let range: Value = match way {
        Way::Moments => {
            json!({"start_datetime": moment(since_ms), "end_datetime": format!("{END}T00:00:00Z")})
        }
        Way::Days => json!({"start_date": &moment(since_ms - DAY)[..10], "end_date": END}),
        Way::Order | Way::All => return None,
    };
    filter.and(json!({"updated": {"range": range}}))
}

/// One reading of the list, latest changes first.
#[derive(Default)]
struct Reading {
    /// Pages it took.
    pages: u64,
    /// Distinct totals that its pages gave.
    totals: Vec<Option<u64>>,
    /// The first page, as it was.
    head: Vec<(Option<String>, Option<String>)>,
    /// Records that no earlier reading had.
    added: u64,
    /// The limit was reached.
    sampled: bool,
}

/// Reads the list from its head until it is older than `since_ms`; `None` where the service does not sort.
///
/// Creations and edits move others to later pages, which are read later: they are met twice at worst. Deletions
/// move others to pages read already. A reading that took one page had no time for that. One whose totals were
/// all the same, that met nobody twice and finds its first page unchanged in the end saw no deletion either: each
/// would have had to be made up for by a creation, which would stand on the first page.
fn by_order(
    selected: &Selected<'_>,
    selection: &Selection,
    since_ms: i64,
    staging: &mut Staging,
) -> Result<Option<Completeness>> {
    let reader = &selected.reader;
    for pass in 1..=READINGS {
        let read = match reading(reader, selection, since_ms, pass, staging) {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(None),
            Err(Trouble::Window { why, .. }) => return Ok(Some(Completeness::Incomplete(why))),
            Err(Trouble::Error(error)) => return Err(error),
        };
        if read.sampled {
            let count = staging.staged();
            let why = format!("a sample of {count} contacts was asked for");
            return Ok(Some(Completeness::Unproven(why)));
        }
        if read.pages == 1 || is_still(reader, &read, staging)? {
            return Ok(Some(Completeness::Complete));
        }
        if pass > 1 && read.added == 0 {
            return Ok(Some(Completeness::Unproven(format!(
                "Nimble does not count what changed, and it kept changing; {pass} readings were made, and the last \
                 found nothing new"
            ))));
        }
    }
    Ok(Some(Completeness::Unproven(format!(
        "Nimble does not count what changed, and it kept changing during {READINGS} readings"
    ))))
}

/// Whether nothing moved while the list was read.
fn is_still(reader: &Reader<'_>, read: &Reading, staging: &mut Staging) -> Result<bool> {
    let (listed, distinct) = staging.set_counts(READING)?;
    if listed != distinct || read.totals.len() != 1 || read.totals[0].is_none() {
        return Ok(false);
    }
    let again = reader.page(1, PER_PAGE, Order::Updated).map_err(super::read_failed)?;
    Ok(again.meta.total == read.totals[0] && head(&again) == read.head)
}

fn head(batch: &Batch) -> Vec<(Option<String>, Option<String>)> {
    batch.records.iter().map(|record| (record.id.clone(), record.updated.clone())).collect()
}

fn reading(
    reader: &Reader<'_>,
    selection: &Selection,
    since_ms: i64,
    pass: u32,
    staging: &mut Staging,
) -> Result<Option<Reading>, Trouble> {
    let mut read = Reading::default();
    staging.set_clear(READING)?;
    for page in 1.. {
        let batch = match reader.page(page, PER_PAGE, Order::Updated) {
            Ok(batch) => batch,
            Err(Failure::Refused { status: 400 | 409, .. }) if page == 1 && pass == 1 => return Ok(None),
            Err(failure) => return Err(Trouble::of_page(page, failure)),
        };
        if page == 1 {
            if pass == 1 && !is_sorted(reader, &batch)? {
                return Ok(None);
            }
            read.head = head(&batch);
            if let (Some(date), None) = (batch.date, staging.note(FIRST_REPLY)?) {
                staging.set_note(FIRST_REPLY, instant::print(date));
            }
        }
        read.pages = page;
        if !read.totals.contains(&batch.meta.total) {
            read.totals.push(batch.meta.total);
        }
        let last = batch.records.is_empty() || batch.meta.pages().is_some_and(|pages| page >= pages);
        let older = take(batch, selection, since_ms, &format!("since-{pass}-{page}"), &mut read, staging)?;
        if last || older || read.sampled {
            break;
        }
    }
    Ok(Some(read))
}

/// Stages what changed since then; says whether the page ends with what did not.
fn take(
    batch: Batch,
    selection: &Selection,
    since_ms: i64,
    key: &str,
    read: &mut Reading,
    staging: &mut Staging,
) -> Result<bool> {
    let ids: Vec<_> = batch.records.iter().filter_map(|record| record.id.clone()).collect();
    let older = batch.records.last().and_then(changed).is_some_and(|changed| changed < since_ms);
    let listed: Vec<_> = ids.iter().map(|id| IdAndTime { id: id.clone(), created_ms: None }).collect();
    staging.set_add(READING, &listed)?;
    let mut records = batch.records;
    records.retain(|record| changed(record).is_none_or(|changed| changed >= since_ms));
    let ids: Vec<_> = records.iter().filter_map(|record| record.id.clone()).collect();
    read.added += staging.unknown(&ids)?.len() as u64;
    if let Some(limit) = selection.limit {
        let left = limit.saturating_sub(staging.distinct()?);
        read.sampled = records.len() as u64 >= left;
        records.truncate(usize::try_from(left).unwrap_or(usize::MAX));
    }
    if !records.is_empty() {
        // The census is of whole pages: it may only count too much, and columns do not come from counts.
        let census = crate::record::census::Census { records: 0, ..batch.census };
        staging.page(key, records, census)?;
    }
    Ok(older)
}

/// Whether the service sorts by time of change: its list begins otherwise the other way round, and the page falls.
fn is_sorted(reader: &Reader<'_>, first: &Batch) -> Result<bool, Trouble> {
    let times: Vec<_> = first.records.iter().filter_map(changed).collect();
    if !times.is_sorted_by(|earlier, later| earlier >= later) {
        return Ok(false);
    }
    if first.meta.pages().is_some_and(|pages| pages <= 1) || first.records.is_empty() {
        return Ok(true);
    }
    let rising = Reader { sort: Some("updated:asc".to_owned()), ..reader.clone() };
    let turned = rising.ids(1, Order::Any).map_err(|failure| Trouble::of_page(1, failure))?;
    Ok(turned.resources.first() != first.records[0].id.as_ref())
}

fn changed(record: &RawRecord) -> Option<i64> {
    let time = record.updated.as_deref().or(record.created.as_deref())?;
    instant::parse(time).map(Timestamp::as_millisecond)
}
