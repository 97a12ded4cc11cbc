//! Records by id and by value (NetHunt facts, section 5).
//!
//! `find-record` is a search box: hits by value are not exact and the caller verifies them; a hit by id counts
//! only if it is that record. No match is `[]` or 404.

use super::api::{Api, failed, since};
use super::proof::EPOCH;
use super::rows::{self, Row};
use super::select::Only;
use super::stream::Stream;
use crate::error::{Error, Result};
use crate::http::{Failure, Unreadable};
use crate::load::target::TakeRecord;
use crate::record::{RawRecord, service_name, to_text};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};

/// So many records are asked for one by one; more are picked out of the stream of updates.
const ONE_BY_ONE: usize = 50;
/// Hits of a search by value; at least 20 are needed to judge uniqueness (NetHunt facts, section 5).
const HITS: &str = "25";

/// The record of that id; `None` if there is none, or the service does not take that for an id.
pub(super) fn by_id(api: &Api, folder: &str, id: &str) -> Result<Option<Row>> {
    let hits = match find(api, folder, &[("recordId", id)]) {
        Err(Failure::Refused { status: 400 | 405, .. }) => return Ok(None),
        hits => hits.map_err(cannot_search)?,
    };
    Ok(hits.into_iter().find(|row| row.record.id.as_deref() == Some(id)))
}

/// Whether a record may exist: a question that the service does not take rules nothing out.
pub(super) fn may_exist(api: &Api, folder: &str, id: &str) -> Result<bool> {
    match find(api, folder, &[("recordId", id)]) {
        Ok(hits) => Ok(hits.iter().any(|row| row.record.id.as_deref() == Some(id))),
        Err(Failure::Refused { status: 400 | 405, .. } | Failure::GaveUp(_)) => Ok(true),
        Err(failure) => Err(cannot_search(failure)),
    }
}

/// Records that the service finds for a field's value, unverified.
pub(super) fn by_value(api: &Api, folder: &str, column: &str, value: &Value) -> Result<Vec<RawRecord>> {
    let (field, text) = (service_name(column).unwrap_or(column), to_text(value));
    // How a quote within a quoted value is written is unknown, so such a value is searched as bare text.
    let query = match field.contains('"') || text.contains('"') {
        true => text,
        false => format!("\"{field}\":\"{text}\""),
    };
    if query.trim().is_empty() {
        return Ok(Vec::new());
    }
    let hits = find(api, folder, &[("query", &query), ("limit", HITS)]).map_err(cannot_search)?;
    Ok(hits.into_iter().map(|row| row.record).collect())
}

/// Records by id; those that are gone are left out. A few are asked for by id. Many are first picked out of
/// what was updated since `opened` (a load reads back what it has just written), then out of all updates, and
/// only the rest is asked for.
pub(super) fn by_ids(api: &Api, folder: &str, ids: &[String], opened: i64) -> Result<Vec<RawRecord>> {
    let mut wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let mut found: HashMap<String, Row> = HashMap::new();
    for from in [opened, EPOCH] {
        if wanted.len() > ONE_BY_ONE {
            pick(api, folder, Stream::Updates, from, &wanted, &mut found)?;
            wanted.retain(|id| !found.contains_key(*id));
        }
    }
    for id in ids {
        if wanted.remove(id.as_str())
            && let Some(row) = by_id(api, folder, id)?
        {
            found.insert(id.clone(), row);
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).map(|row| row.record).collect())
}

/// Hands over the records that were created or changed since a time, in one answer; false where the service does not
/// have that stream.
pub(super) fn updated_since(api: &Api, folder: &str, from: i64, take: &mut TakeRecord<'_>) -> Result<bool> {
    let stream = Stream::Updates;
    let read = api.stream(
        &["triggers", stream.trigger(), folder],
        &[("since", &since(from))],
        |_| Ok(()),
        |batch| rows::heads(batch, stream, &Only::default()),
        |parsed| parsed.rows.into_iter().try_for_each(|row| take(row.record)),
    )?;
    match read {
        Ok(()) => Ok(true),
        Err(no) => no.optional("read what was updated").map(|_| false),
    }
}

/// Rows of a child stream by id; those that are gone are left out. Nothing asks for them one by one.
pub(super) fn children_by_ids(
    api: &Api,
    folder: &str,
    stream: Stream,
    ids: &[String],
) -> Result<Vec<RawRecord>> {
    let wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let mut found = HashMap::new();
    pick(api, folder, stream, EPOCH, &wanted, &mut found)?;
    Ok(ids.iter().filter_map(|id| found.remove(id)).map(|row| row.record).collect())
}

/// Adds the wanted rows among those of a stream since `from`, in their latest version.
fn pick(
    api: &Api,
    folder: &str,
    stream: Stream,
    from: i64,
    wanted: &HashSet<&str>,
    found: &mut HashMap<String, Row>,
) -> Result<()> {
    let from = since(from);
    let path = ["triggers", stream.trigger(), folder];
    let read = api.stream(
        &path,
        &[("since", &from)],
        |_| Ok(()),
        |batch| rows::heads(batch, stream, &Only::default()),
        |parsed| {
            for row in parsed.rows {
                let Some(id) = row.record.id.clone().filter(|id| wanted.contains(id.as_str())) else {
                    continue;
                };
                match found.get(&id) {
                    Some(known) if known.updated_ms >= row.updated_ms => {}
                    _ => drop(found.insert(id, row)),
                }
            }
            Ok(())
        },
    )?;
    // Where there is no such stream, the records are asked for one by one.
    read.or_else(|no| no.optional("read what was updated").map(drop))
}

fn find(api: &Api, folder: &str, query: &[(&str, &str)]) -> Result<Vec<Row>, Failure> {
    let hits = match api.list::<Box<RawValue>>(&["searches", "find-record", folder], query) {
        Ok(hits) => hits,
        Err(Failure::Refused { status: 404 | 410, .. }) => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let rows: Result<Vec<_>, Unreadable> = hits.iter().map(|raw| rows::head(raw.get())).collect();
    rows.map_err(|Unreadable(why)| Failure::GaveUp(why))
}

fn cannot_search(failure: Failure) -> Error {
    failed("search the NetHunt folder", failure)
}
