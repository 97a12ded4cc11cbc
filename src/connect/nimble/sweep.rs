//! Looks for contacts at the service apart from a whole read: those created since a read began, and those that
//! the service's search finds by a value.

use super::Who;
use super::api::Query;
use super::decode::{Decoded, to_service};
use super::extract::read_failed;
use super::extract::slices::{Bounds, ZONE, created_between, end};
use super::reader::{Batch, DETAILS, Order, PER_PAGE, Reader};
use crate::error::{Error, Result};
use crate::http::Failure;
use crate::load::target::{Candidate, Ours, ReadMark};
use crate::record::schema::{FieldRef, FieldSpec, Modifier};
use crate::record::{RawRecord, instant, service_name, to_text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Shorter texts are refused by the search of era A (facts, section 6.5).
const SHORTEST: usize = 2;
/// Fields that can be searched for equality (facts, section 6.4); others are custom fields.
const SEARCHABLE: [&str; 13] = [
    "email",
    "skype id",
    "twitter",
    "linkedin",
    "facebook",
    "phone",
    "last name",
    "first name",
    "company name",
    "title",
    "lead source",
    "lead type",
    "lead status",
];
/// Default fields that cannot be.
const UNSEARCHABLE: [&str; 12] = [
    "middle name",
    "parent company",
    "source",
    "domain",
    "google plus",
    "foursquare",
    "hubspot",
    "URL",
    "description",
    "annual revenue",
    "# of employees",
    "birthday",
];

/// Contacts created since `mark`, from the newest page backwards until a whole page is older than anything that
/// was created since the plan's read can be (design section 9.3). The sweep never ends because records
/// are known. Where it takes more than one page, a second is laid over it: the order of records created in the
/// same second need not be the same twice.
///
/// What is `ours` is left out.
pub(super) fn created_since(
    reader: &Reader<'_>,
    who: &Who,
    mark: &ReadMark,
    ours: Ours<'_>,
) -> Result<Vec<Candidate>> {
    let mut found =
        Found { since: mark.horizon(), ours, ids: HashSet::new(), records: Vec::new(), trouble: None };
    if let Err(refused) = sweep_twice(reader, &mut found).map_err(sweep_failed)? {
        by_time(reader, &mut found, refused).map_err(sweep_failed)?;
    }
    if let Some(trouble) = found.trouble {
        return Err(trouble);
    }
    Ok(found.records.into_iter().map(|record| candidate(reader, who, record)).collect())
}

/// Contacts whose value in `place` equals `value` by the service's search; where it cannot search that field,
/// those that hold the value anywhere.
pub(super) fn look_up(
    reader: &Reader<'_>,
    place: &FieldRef,
    spec: Option<&FieldSpec>,
    value: &Value,
) -> Result<Vec<RawRecord>> {
    let text = to_text(&to_service(spec, value)).trim().to_owned();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if place.name == "_id" {
        return Ok(reader.details(&[text]).map_err(read_failed)?.records);
    }
    if let Some(query) = query(place, &text) {
        match search(reader, Query::default().with("query", query.to_string())) {
            Err(Failure::Refused { status: 400 | 409, .. }) => {}
            other => return other.map_err(read_failed),
        }
    }
    search(reader, Query::default().with("keyword", to_text(value).trim())).map_err(read_failed)
}

/// Whether a search finds every contact with a value in `place`: e-mail addresses alone are both searched for as
/// wholes, in any case, and compared as wholes by keys (facts, section 6).
pub(super) fn finds(place: &FieldRef) -> bool {
    place.name == "email" && place.part.is_none()
}

/// Requests that it takes to list all contacts, about: the pages, and one past their end.
pub(super) fn listing_takes(reader: &Reader<'_>) -> Result<Option<u64>> {
    let first = reader.page(1, 1, Order::Any).map_err(read_failed)?;
    Ok(first.meta.total.map(|total| total.div_ceil(u64::from(PER_PAGE)) + 1))
}

/// Records by id, in batches.
pub(super) fn read(reader: &Reader<'_>, ids: &[String]) -> Result<Vec<RawRecord>> {
    let mut records = Vec::new();
    for ids in ids.chunks(DETAILS) {
        records.extend(reader.details(ids).map_err(read_failed)?.records);
    }
    Ok(records)
}

/// What sweeps have found.
struct Found<'a> {
    /// Records created earlier are left out, in Unix milliseconds.
    since: i64,
    ours: Ours<'a>,
    ids: HashSet<String>,
    records: Vec<RawRecord>,
    /// Why it cannot be said whether a record is ours.
    trouble: Option<Error>,
}

impl Found<'_> {
    /// Takes a page's new records; says whether the page shows that everything before it is older.
    fn take(&mut self, batch: Batch) -> bool {
        let (mut older, mut ascending, mut last) = (!batch.records.is_empty(), true, i64::MIN);
        for record in batch.records {
            let created = record.created.as_deref().and_then(instant::parse).map(Timestamp::as_millisecond);
            ascending &= created.is_some_and(|created| created >= last);
            last = created.unwrap_or(last);
            if created.is_none_or(|created| created >= self.since) {
                older = false;
                let Some(id) = record.id.clone() else { continue };
                match (self.ours)(&id) {
                    Ok(true) => {}
                    Ok(false) if self.ids.insert(id) => self.records.push(record),
                    Ok(false) => {}
                    Err(error) => self.trouble = Some(error),
                }
            }
        }
        older && ascending
    }
}

/// What a failed sweep means for the command: only what the service refuses in its own words will be refused again.
fn sweep_failed(failure: Failure) -> Error {
    let lasting = matches!(&failure, Failure::Refused { status: 400 | 409, text } if !text.starts_with('<'));
    let error = read_failed(failure);
    if lasting { error } else { error.on_the_way() }
}

/// A page of a list that the service does not show to its end, as it refused it.
type TooDeep = Failure;

fn sweep_twice(reader: &Reader<'_>, found: &mut Found<'_>) -> Result<Result<(), TooDeep>, Failure> {
    match sweep(reader, found)? {
        Ok(1) => Ok(Ok(())),
        Ok(_) => Ok(sweep(reader, found)?.map(|_| ())),
        Err(too_deep) => Ok(Err(too_deep)),
    }
}

/// Sweeps over what a search by time of creation lists, in pieces that are halved until each is shown to its end
/// (facts, section 5, deep paging); `refused` is what the service says to the whole list.
fn by_time(reader: &Reader<'_>, found: &mut Found<'_>, refused: TooDeep) -> Result<(), Failure> {
    let now = reader.api.client.server_now().as_millisecond();
    let begin = found.since.max(ZONE) - ZONE;
    let whole = (begin - begin.rem_euclid(Bounds::Moments.unit()), end(now.max(begin)));
    let mut bounds = Bounds::Moments;
    let mut open = vec![whole];
    while let Some((from, to)) = open.pop() {
        let query = created_between((from, to), bounds).to_string();
        let piece = Reader { filter: Query::default().with("query", query), ..reader.clone() };
        match sweep_twice(&piece, found) {
            Ok(Ok(())) => {}
            Ok(Err(_)) if to - from > bounds.unit() => {
                let middle = from + (to - from) / bounds.unit() / 2 * bounds.unit();
                open.extend([(from, middle), (middle, to)]);
            }
            Ok(Err(_)) => return Err(refused),
            // Older versions of the service know days alone.
            Err(Failure::Refused { status: 400 | 409, .. }) if bounds == Bounds::Moments => {
                (bounds, open) = (Bounds::Days, vec![whole]);
            }
            Err(Failure::Refused { status: 400 | 409, .. }) => return Err(refused),
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// One sweep; returns how many pages it took.
fn sweep(reader: &Reader<'_>, found: &mut Found<'_>) -> Result<Result<u64, TooDeep>, Failure> {
    let mut order = Order::Created;
    let mut get = |page: u64| loop {
        match reader.page(page, PER_PAGE, order) {
            Err(Failure::Refused { status: 400 | 409, .. }) if order != Order::Any => order = Order::Any,
            other => return other.map(|batch| (batch, order)),
        }
    };
    let (first, _) = get(1)?;
    let mut last = first.meta.pages().unwrap_or(1).max(1);
    if last == 1 {
        found.take(first);
        return Ok(Ok(1));
    }
    let mut page = last;
    let mut taken = 0;
    loop {
        let (batch, order) = match get(page) {
            Err(too_deep @ Failure::Refused { status: 400 | 409, .. }) if page > 1 => {
                return Ok(Err(too_deep));
            }
            other => other?,
        };
        taken += 1;
        let pages = batch.meta.pages().unwrap_or(last);
        let all_older = found.take(batch) && order == Order::Created;
        if page == last && pages > last {
            last += 1;
            page = last;
        } else if page == 1 || all_older {
            return Ok(Ok(taken));
        } else {
            page -= 1;
        }
    }
}

fn candidate(reader: &Reader<'_>, who: &Who, record: RawRecord) -> Candidate {
    let Ok(decoded) = reader.decoder.contact(&record.raw) else {
        return Candidate { record, by_other: false, also: Vec::new() };
    };
    let by_other = is_creator(who, &decoded) == Some(false);
    Candidate { record, by_other, also: decoded.companies }
}

/// Whether this user created a contact; `None` where the service does not tell.
pub(super) fn created_by(reader: &Reader<'_>, who: &Who, contact: &str) -> Option<bool> {
    is_creator(who, &reader.decoder.contact(contact).ok()?)
}

fn is_creator(who: &Who, contact: &Decoded) -> Option<bool> {
    let creator = contact.record.values("_creator", "").next().map(to_text).unwrap_or_default();
    match &contact.creator_id {
        Some(id) if !who.user_id.is_empty() => Some(*id == who.user_id),
        _ if creator.is_empty() || who.name.is_empty() => None,
        _ => Some(creator.trim() == who.name.trim()),
    }
}

/// The search for equality; `None` where there is none for that field or text.
fn query(place: &FieldRef, text: &str) -> Option<Value> {
    if text.chars().count() < SHORTEST && !place.name.starts_with("lead ") {
        return None;
    }
    let is = json!({"is": text});
    match (place.name.as_str(), &place.part) {
        ("_tags", _) => Some(json!({"tag": is})),
        ("address", Some(part)) => super::schema::ADDRESS_PARTS
            .contains(&part.as_str())
            .then(|| Value::Object([(part.clone(), is)].into_iter().collect())),
        (name, None) if SEARCHABLE.contains(&name) => {
            Some(Value::Object([(name.to_owned(), is)].into_iter().collect()))
        }
        (name, None) if !UNSEARCHABLE.contains(&name) && place.modifier == Modifier::Named(String::new()) => {
            let name = service_name(name)?;
            Some(json!({"custom_fields": {name: is}}))
        }
        _ => None,
    }
}

fn search(reader: &Reader<'_>, filter: Query) -> Result<Vec<RawRecord>, Failure> {
    let asked = Reader { filter, ..reader.clone() };
    let mut records = Vec::new();
    for page in 1.. {
        let batch = asked.page(page, PER_PAGE, Order::Any)?;
        let last = batch.records.is_empty() || batch.meta.pages().is_none_or(|pages| page >= pages);
        records.extend(batch.records);
        if last {
            break;
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_searches_are_asked_for() {
        let place = |name: &str, modifier: &str, part: Option<&str>| FieldRef {
            name: name.into(),
            modifier: Modifier::Named(modifier.into()),
            part: part.map(str::to_owned),
        };
        let cases = [
            (place("email", "work", None), "a@x.org", Some(json!({"email": {"is": "a@x.org"}}))),
            (place("email", "work", None), "a", None),
            (place("lead status", "", None), "1", Some(json!({"lead status": {"is": "1"}}))),
            (place("address", "work", Some("city")), "Oslo", Some(json!({"city": {"is": "Oslo"}}))),
            (place("address", "work", Some("po box")), "77", None),
            (place("Member no", "", None), "77", Some(json!({"custom_fields": {"Member no": {"is": "77"}}}))),
            (place("URL", "work", None), "x.org", None),
            (place("_tags", "", None), "vip", Some(json!({"tag": {"is": "vip"}}))),
            (place("_owner", "", None), "50f0", None),
        ];
        for (place, text, expected) in cases {
            assert_eq!(query(&place, text), expected, "{place}");
        }
    }
}
