//! Whole extracts against a small scripted server, over a socket.

use super::super::{Contacts, Nimble};
use super::*;
use crate::error::Class;
use crate::extract::Source;
use crate::http::Client;
use crate::http::pace::{Pace, RateLimit};
use crate::stop::Stop;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The server's clock stands still at this moment.
const NOW: &str = "Wed, 25 Nov 2026 10:00:00 GMT";

/// A change at the service.
type Change = fn(&mut Service);

#[derive(Default)]
struct Service {
    /// Contacts in the order of creation: id, created, updated.
    contacts: Vec<(String, String, String)>,
    /// Requests so far, path and query.
    asked: Vec<String>,
    ignores_sort: bool,
    refuses_sort: bool,
    /// Searches that contain the text are refused.
    refuses_query: Option<&'static str>,
    /// Pages behind this one are refused.
    window: u64,
    /// What happens after a request that contains the text, once.
    then: Option<(&'static str, Change)>,
    /// Answers a request that contains the text with this status and body.
    broken: Option<(&'static str, u16, &'static str)>,
}

impl Service {
    fn new(count: usize) -> Self {
        let contact = |n: usize| (format!("{n:024x}"), time(n as u64), time(n as u64));
        Self { contacts: (0..count).map(contact).collect(), window: u64::MAX, ..Self::default() }
    }

    fn answer(&mut self, path: &str, query: &BTreeMap<String, String>) -> (u16, String) {
        let number = |key: &str, default: u64| query.get(key).map_or(default, |text| text.parse().unwrap());
        let mut list = self.contacts.clone();
        let sort = query.get("sort").map(String::as_str);
        if sort.is_some() && self.refuses_sort {
            return refused("contacts cannot be sorted");
        }
        match sort.filter(|_| !self.ignores_sort) {
            Some("updated:desc") => list.sort_by(|a, b| b.2.cmp(&a.2)),
            Some("updated:asc") => list.sort_by(|a, b| a.2.cmp(&b.2)),
            Some("created:asc") => list.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0))),
            Some("created:desc") => list.sort_by(|a, b| (&b.1, &b.0).cmp(&(&a.1, &a.0))),
            _ => {}
        }
        if let Some(search) = query.get("query") {
            if self.refuses_query.is_some_and(|text| search.contains(text)) {
                return refused("there is no such search");
            }
            let search = serde_json::from_str(search).unwrap();
            list.retain(|contact| hits(&search, contact));
        }
        let contact = |(id, created, updated): &(String, String, String)| {
            json!({"id": id, "record_type": "person", "created": created, "updated": updated,
                   "fields": {"first name": [{"value": format!("N{id}"), "modifier": ""}]}})
        };
        let resources: Vec<Value> = match path {
            "/myself" => return (200, json!({"user_id": "u", "company_id": "c", "name": "Me"}).to_string()),
            "/contacts/metadata" => {
                return (
                    200,
                    json!({"fields": {"first name": [{"modifier": ""}]}, "groups": {}}).to_string(),
                );
            }
            "/contacts" => list.iter().map(contact).collect(),
            "/contacts/ids" => list.iter().map(|(id, ..)| json!(id)).collect(),
            detail => {
                let wanted = detail.trim_start_matches("/contact/");
                let found = list.iter().filter(|(id, ..)| wanted.split(',').any(|one| one == id));
                return (200, json!({"resources": found.map(contact).collect::<Vec<_>>()}).to_string());
            }
        };
        let (page, size, total) = (number("page", 1), number("per_page", 30), resources.len() as u64);
        if page > self.window {
            return refused("Result window is too large");
        }
        let shown: Vec<_> =
            resources.into_iter().skip(((page - 1) * size) as usize).take(size as usize).collect();
        let meta = json!({"page": page, "pages": total.div_ceil(size), "per_page": size, "total": total});
        (200, json!({"meta": meta, "resources": shown}).to_string())
    }
}

fn refused(why: &str) -> (u16, String) {
    (409, json!({"message": why, "code": 245}).to_string())
}

/// Whether a contact was created and changed in the ranges of a query. Times compare as text.
fn hits(query: &Value, contact: &(String, String, String)) -> bool {
    let (name, inner) = query.as_object().unwrap().iter().next().unwrap();
    let time = match name.as_str() {
        "and" => return inner.as_array().unwrap().iter().all(|part| hits(part, contact)),
        "created" => &contact.1,
        _ => &contact.2,
    };
    let (end, length) = match inner["range"]["end_date"].as_str() {
        Some(_) => ("date", 10),
        None => ("datetime", 19),
    };
    let bound = |which: &str| inner["range"][format!("{which}_{end}")].as_str().unwrap()[..length].to_owned();
    (bound("start")..=bound("end")).contains(&time[..length].to_owned())
}

fn time(second: u64) -> String {
    format!("2020-01-01T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// Serves until the test ends; every request gets a connection of its own.
fn serve(service: Service) -> (String, Arc<Mutex<Service>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = Arc::new(Mutex::new(service));
    let shared = Arc::clone(&service);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            handle(stream.unwrap(), &shared);
        }
    });
    (url, service)
}

fn handle(mut stream: TcpStream, service: &Mutex<Service>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let asked = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while line != "\r\n" && !line.is_empty() {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    let url = url::Url::parse(&format!("http://x{asked}")).unwrap();
    let query = url.query_pairs().into_owned().collect();
    let mut service = service.lock().unwrap();
    service.asked.push(asked.clone());
    let (status, body) = match service.broken {
        Some((text, status, body)) if asked.contains(text) => (status, body.to_owned()),
        _ => service.answer(url.path(), &query),
    };
    if let Some((text, then)) = service.then
        && asked.contains(text)
    {
        service.then = None;
        then(&mut service);
    }
    let head = format!(
        "HTTP/1.1 {status} X\r\nDate: {NOW}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

fn contacts(url: &str, concurrency: usize) -> Contacts {
    let pace = Arc::new(Pace::new(RateLimit(None), concurrency));
    let client = Client::new("Bearer t".to_owned().into(), pace, Stop::default());
    Nimble::new(client, url.to_owned(), Duration::from_secs(1)).contacts().unwrap()
}

/// What an extract came to: how complete, and id → updated of its records.
struct Outcome {
    completeness: Completeness,
    records: BTreeMap<String, String>,
    asked: Vec<String>,
}

fn extract_with(service: Service, selection: &Selection, concurrency: usize) -> Outcome {
    let (url, service) = serve(service);
    let folder = tempfile::tempdir().unwrap();
    let mut staging = Staging::open(folder.path(), "extract").unwrap();
    let completeness = contacts(&url, concurrency).extract(selection, &mut staging).unwrap();
    let count = staging.finish(&completeness).unwrap();
    let mut rows = staging.read().unwrap();
    let mut records = BTreeMap::new();
    while let Some(some) = rows.next_rows().unwrap() {
        for row in some {
            let before = records.insert(row.record.id.unwrap(), row.record.updated.unwrap());
            assert!(before.is_none(), "a record came twice");
        }
    }
    assert_eq!(records.len() as u64, count);
    let asked = service.lock().unwrap().asked.clone();
    Outcome { completeness, records, asked }
}

fn count(asked: &[String], text: &str) -> usize {
    asked.iter().filter(|request| request.contains(text)).count()
}

#[test]
fn a_quiet_account_is_read_once_and_proven_without_a_walk() {
    let outcome = extract_with(Service::new(450), &Selection::default(), 4);
    assert_eq!(outcome.completeness, Completeness::Complete);
    assert_eq!(outcome.records.len(), 450);
    assert_eq!(count(&outcome.asked, "/contacts/ids"), 0);
    // Five pages, the empty one behind them, and one for edits.
    assert_eq!(count(&outcome.asked, "/contacts?"), 7);
    assert_eq!(extract_with(Service::new(0), &Selection::default(), 2).completeness, Completeness::Complete);
}

#[test]
fn a_delete_that_shifts_a_record_out_of_sight_is_noticed() {
    let mut service = Service::new(250);
    service.then = Some(("page=1&", |service| drop(service.contacts.remove(3))));
    let outcome = extract_with(service, &Selection::default(), 1);
    assert_eq!(outcome.completeness, Completeness::Complete);
    assert!(outcome.records.contains_key(&format!("{:024x}", 100)), "the shifted record is missing");
    assert!(count(&outcome.asked, "/contacts/ids") > 0);
}

#[test]
fn what_was_edited_meanwhile_is_there_in_its_later_version() {
    for ignores_sort in [false, true] {
        let mut service = Service::new(250);
        service.ignores_sort = ignores_sort;
        service.then = Some(("page=1&", |service| service.contacts[207].2 = "2026-11-25T10:00:00".into()));
        let outcome = extract_with(service, &Selection::default(), 1);
        assert_eq!(outcome.completeness, Completeness::Complete);
        let edited = outcome.records.values().filter(|updated| *updated == "2026-11-25T10:00:00").count();
        assert_eq!((outcome.records.len(), edited), (250, 1), "ignores sort: {ignores_sort}");
    }
}

#[test]
fn a_sample_stops_early_and_says_so() {
    let selection = Selection { limit: Some(120), ..Selection::default() };
    let outcome = extract_with(Service::new(900), &selection, 1);
    assert!(matches!(outcome.completeness, Completeness::Unproven(_)));
    assert_eq!(outcome.records.len(), 120);
    assert!(outcome.asked.len() < 10);
}

#[test]
fn a_service_that_lists_only_so_many_is_read_in_slices() {
    // Contacts are created a second apart, so that moments can halve them; days cannot.
    for (days, concurrency) in [(false, 2), (true, 1)] {
        let mut service = Service::new(500);
        service.window = 3;
        service.refuses_query = days.then_some("start_datetime");
        service.then = Some(("page=2&", |service| {
            service.contacts.remove(3);
            service.contacts.push((format!("{:024x}", 9999), time(9999), time(9999)));
        }));
        let outcome = extract_with(service, &Selection::default(), concurrency);
        if days {
            assert!(matches!(&outcome.completeness, Completeness::Incomplete(why) if why.contains("page 4")));
        } else {
            assert_eq!(outcome.completeness, Completeness::Complete);
            assert!((0..500).filter(|n| *n != 3).all(|n| outcome.records.contains_key(&format!("{n:024x}"))));
        }
    }
}

#[test]
fn days_make_slices_where_moments_are_refused() {
    let mut service = Service::new(0);
    let day = |n: usize| format!("2020-{:02}-{:02}T10:00:00", 1 + n / 25, 1 + n % 25);
    service.contacts = (0..250).map(|n| (format!("{n:024x}"), day(n), day(n))).collect();
    service.window = 1;
    service.refuses_query = Some("start_datetime");
    let outcome = extract_with(service, &Selection::default(), 2);
    assert_eq!(outcome.completeness, Completeness::Complete);
    assert_eq!(outcome.records.len(), 250);
}

#[test]
fn a_deep_list_beside_a_keyword_or_in_an_order_is_incomplete() {
    for selection in [
        Selection { keyword: Some("ada".into()), ..Selection::default() },
        Selection { sort: Some("created:desc".into()), ..Selection::default() },
    ] {
        let mut service = Service::new(500);
        service.window = 3;
        let outcome = extract_with(service, &selection, 2);
        assert!(matches!(&outcome.completeness, Completeness::Incomplete(why) if why.contains("page 4")));
        assert_eq!(outcome.records.len(), 300);
    }
}

/// What the service can do about time of change, and the requests that it then takes.
type Ability = (&'static str, fn(&mut Service), Option<&'static str>);

#[test]
fn changes_since_a_time_are_read_whatever_the_service_can() {
    let abilities: [Ability; 5] = [
        ("searches", |_| {}, None),
        ("searches days", |service| service.refuses_query = Some("start_datetime"), None),
        ("sorts", |service| service.refuses_query = Some("updated"), None),
        (
            "ignores the order",
            |service| (service.refuses_query, service.ignores_sort) = (Some("updated"), true),
            Some("time of change"),
        ),
        (
            "nothing",
            |service| (service.refuses_query, service.refuses_sort) = (Some("updated"), true),
            Some("time of change"),
        ),
    ];
    for (name, limit, unproven) in abilities {
        let mut service = Service::new(400);
        limit(&mut service);
        for n in [7, 210, 399] {
            service.contacts[n].2 = "2026-11-20T10:00:00".into();
        }
        service.then =
            Some(("sort=updated", |service| service.contacts[50].2 = "2026-11-25T10:00:00".into()));
        let since = Some("2026-11-20T10:00:00.5Z".parse().unwrap());
        let outcome = extract_with(service, &Selection { since, ..Selection::default() }, 2);
        match unproven {
            None => assert_eq!(outcome.completeness, Completeness::Complete, "{name}"),
            Some(why) => assert!(
                matches!(&outcome.completeness, Completeness::Unproven(said) if said.contains(why)),
                "{name}"
            ),
        }
        let read: Vec<_> = [7, 210, 399].map(|n| format!("{n:024x}")).to_vec();
        assert!(read.iter().all(|id| outcome.records.contains_key(id)), "{name}: {:?}", outcome.records);
        assert!(outcome.records.len() <= 4, "{name}: {:?}", outcome.records);
    }
}

#[test]
fn a_long_list_of_changes_is_read_in_order_until_nothing_moves() {
    let deletes: Change = |service| drop(service.contacts.remove(250));
    for (change, complete) in [(None, true), (Some(("page=2&", deletes)), false)] {
        let mut service = Service::new(300);
        service.refuses_query = Some("updated");
        service.then = change;
        let since = Some("2020-01-01T00:00:10Z".parse().unwrap());
        let outcome = extract_with(service, &Selection { since, ..Selection::default() }, 1);
        assert_eq!(outcome.completeness, Completeness::Complete);
        assert!((10..250).chain(251..300).all(|n| outcome.records.contains_key(&format!("{n:024x}"))));
        assert_eq!(count(&outcome.asked, "page=1&") == 5, complete, "{:?}", outcome.asked);
    }
}

#[test]
fn where_changes_end_is_noted_for_the_next_time() {
    for (latest, mark) in
        [("2026-11-25T09:00:00", "2026-11-25T08:59:58Z"), ("2026-11-25T10:00:00", "2026-11-25T09:59:50Z")]
    {
        let mut service = Service::new(30);
        service.contacts[3].2 = latest.to_owned();
        let (url, _) = serve(service);
        let folder = tempfile::tempdir().unwrap();
        let mut staging = Staging::open(folder.path(), "extract").unwrap();
        let pace = Arc::new(Pace::new(RateLimit(None), 1));
        let client = Client::new("Bearer t".to_owned().into(), pace, Stop::default());
        let nimble = Nimble::new(client, url, Duration::from_secs(10));
        nimble.contacts().unwrap().extract(&Selection::default(), &mut staging).unwrap();
        assert_eq!(staging.note(WATERMARK).unwrap().as_deref(), Some(mark));
    }
}

#[test]
fn one_contact_is_read_by_its_id() {
    let record = |id: String| Selection { record: Some(id), ..Selection::default() };
    let outcome = extract_with(Service::new(30), &record(format!("{:024x}", 7)), 1);
    assert_eq!((outcome.records.len(), outcome.completeness), (1, Completeness::Complete));
    let (url, _) = serve(Service::new(3));
    let folder = tempfile::tempdir().unwrap();
    let mut staging = Staging::open(folder.path(), "extract").unwrap();
    let error = contacts(&url, 1).extract(&record("ffff".into()), &mut staging).unwrap_err();
    assert_eq!(error.class(), Class::Input);
    assert!(error.chain().contains("no contact `ffff`"));
}

#[test]
fn an_expected_count_decides() {
    let expect = |expect| Selection { expect: Some(expect), ..Selection::default() };
    assert_eq!(extract_with(Service::new(20), &expect(20), 1).completeness, Completeness::Complete);
    let outcome = extract_with(Service::new(20), &expect(21), 1);
    assert!(matches!(outcome.completeness, Completeness::Incomplete(_)));
}

#[test]
fn a_resumed_extract_asks_only_for_what_is_missing_and_keeps_its_start() {
    let mut service = Service::new(450);
    service.broken = Some(("page=4&", 401, ""));
    let (url, service) = serve(service);
    let folder = tempfile::tempdir().unwrap();
    let selection = Selection::default();
    {
        let mut staging = Staging::open(folder.path(), "extract").unwrap();
        let read = contacts(&url, 1).extract(&selection, &mut staging);
        let error = staging.kept(read).unwrap_err();
        assert_eq!(error.class(), Class::Credentials);
    }
    {
        let mut service = service.lock().unwrap();
        service.broken = None;
        service.asked.clear();
    }
    let mut staging = Staging::open(folder.path(), "extract").unwrap();
    assert_eq!(staging.note(FIRST_REPLY).unwrap().as_deref(), Some("2026-11-25T10:00:00Z"));
    let completeness = contacts(&url, 1).extract(&selection, &mut staging).unwrap();
    assert_eq!(completeness, Completeness::Complete);
    assert_eq!(staging.finish(&completeness).unwrap(), 450);
    let asked = service.lock().unwrap().asked.clone();
    assert_eq!(count(&asked, "page=3&"), 0);
    assert_eq!(count(&asked, "page=4&"), 1);
}
