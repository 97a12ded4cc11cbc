//! The connector against scripted answers on a socket: what it asks, and what it makes of broken answers.

use super::{NetHunt, Records};
use crate::error::Error;
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Selection, Source, WATERMARK};
use crate::http::Client;
use crate::http::pace::Pace;
use crate::load::target::{ReadMark, Target};
use crate::record::Record;
use crate::stop::Stop;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the script answers: a status and a body, of which only a part may be sent.
struct Answer {
    status: u16,
    body: String,
    sent: usize,
}

fn ok(body: impl Into<String>) -> Answer {
    let body = body.into();
    Answer { status: 200, sent: body.len(), body }
}

fn not_found() -> Answer {
    Answer { status: 404, body: "not found".into(), sent: 9 }
}

type Script = dyn Fn(&str, usize) -> Answer + Send + Sync;

/// Serves `script`, which gets the path below the base and how often it was asked before.
fn serve(
    script: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
) -> (NetHunt, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&asked));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (script, log) = (Arc::clone(&script), Arc::clone(&log));
            std::thread::spawn(move || connection(stream, &*script, &log));
        }
    });
    let pace = Arc::new(Pace::new("none".parse().unwrap(), 2));
    let client = Client::new("Basic x".to_owned().into(), pace, Stop::default());
    (NetHunt::new(client, base + "/", "me@example.org".into()), asked)
}

fn connection(stream: TcpStream, script: &Script, log: &Mutex<Vec<String>>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut header = String::new();
        while header != "\r\n" {
            header.clear();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
        }
        let path = line.split(' ').nth(1).unwrap().trim_start_matches("/v1").to_owned();
        let before = {
            let mut log = log.lock().unwrap();
            log.push(path.clone());
            log.iter().filter(|known| **known == path).count() - 1
        };
        let Answer { status, body, sent } = script(&path, before);
        let head = format!(
            "HTTP/1.1 {status} X\r\nDate: Wed, 25 Nov 2026 10:00:00 GMT\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let whole =
            writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body.as_bytes()[..sent]));
        if whole.is_err() || sent < body.len() {
            return;
        }
    }
}

fn records(count: usize) -> String {
    let mut body = String::from("[");
    for number in 0..count {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(
            body,
            r#"{comma}{{"id":"r{number}","recordId":"r{number}","createdAt":"2023-07-13T13:{:02}:{:02}.113Z","fields":{{"Name":"N{number}","Tags":["t"]}}}}"#,
            number / 60 % 60,
            number % 60,
        );
    }
    body + "]"
}

fn folder_or(path: &str, other: impl FnOnce() -> Answer) -> Answer {
    match path {
        "/triggers/readable-folder" | "/triggers/writable-folder" => ok(r#"[{"id":"f1","name":"Contacts"}]"#),
        "/triggers/folder-field/f1" => ok(r#"[{"name":"Name"},{"name":"Tags"}]"#),
        "/triggers/auth-test" => ok(r#"[{"user":{"personalName":"Me","emailAddress":"me@example.org"}}]"#),
        _ => other(),
    }
}

fn extract(records: &Records, selection: &Selection) -> Result<(Completeness, Vec<String>, u64), Error> {
    let folder = tempfile::tempdir().unwrap();
    let mut staging = Staging::open(folder.path(), "extract").unwrap();
    let completeness = records.extract(selection, &mut staging)?;
    staging.finish(&completeness)?;
    let mut ids = Vec::new();
    let mut rows = staging.read()?;
    while let Some(staged) = rows.next_rows()? {
        ids.extend(staged.into_iter().map(|staged| staged.record.id.unwrap_or_default()));
    }
    Ok((completeness, ids, staging.census().records))
}

fn epoch(path: &str) -> bool {
    path.contains("since=1970-01-01")
}

#[test]
fn a_folder_is_read_proven_and_brought_up_to_date() {
    let (nethunt, asked) = serve(|path, _| {
        folder_or(path, || match path {
            _ if path.starts_with("/triggers/new-record/") && epoch(path) => ok(records(1250)),
            _ if path.starts_with("/triggers/new-record/") => ok("[]"),
            _ if path.starts_with("/searches/find-record/") => ok(records(1250)),
            _ if path.starts_with("/triggers/updated-record/") => ok(
                r#"[{"id":"r7-1","recordId":"r7","createdAt":"2023-07-13T13:00:07.113Z","updatedAt":"2026-11-25T10:00:01.000Z","fields":{"Name":"new"}},
                    {"id":"r8","recordId":"r8","createdAt":"2023-07-13T13:00:08.113Z","fields":{"Name":"N8"}}]"#,
            ),
            _ => {
                ok(r#"[{"id":"c1","recordId":"r9","time":"2026-11-25T10:00:01.000Z","recordAction":"DELETE"},
                    {"id":"c2","recordId":"r5","time":"2026-11-25T10:00:02.000Z","recordAction":"CREATE"},
                    {"id":"c3","recordId":"r5","time":"2026-11-25T10:00:01.000Z","recordAction":"DELETE"}]"#)
            }
        })
    });
    assert_eq!(nethunt.who().unwrap(), [("Me".to_owned(), "me@example.org".to_owned())]);
    let records = nethunt.records("contacts").unwrap();
    assert_eq!((records.name(), Source::account(&records).stream.as_str()), ("nethunt:Contacts", "f1"));
    let names: Vec<_> = records.schema().unwrap().fields.iter().map(|field| field.name.clone()).collect();
    assert_eq!(names, ["Name", "Tags"]);
    let (completeness, ids, counted) = extract(&records, &Selection::default()).unwrap();
    assert_eq!(completeness, Completeness::Complete);
    assert_eq!(ids.len(), 1249);
    assert!(!ids.contains(&"r9".to_owned()) && ids.contains(&"r5".to_owned()));
    assert_eq!(
        (ids[0].as_str(), counted),
        ("r0", 1251),
        "the server's order, and the edited record once more"
    );
    let asked = asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|path| path.starts_with("/triggers/new-record/")).count(), 2);
    assert!(asked.contains(&"/searches/find-record/f1?query=created%3A&limit=6000".to_owned()));
    assert!(asked.contains(&"/triggers/record-change/f1?since=2026-11-25T09%3A59%3A58.000Z".to_owned()));
}

#[test]
fn a_server_without_a_second_count_is_unproven_and_a_known_count_proves() {
    let (nethunt, asked) = serve(|path, _| {
        folder_or(path, || match path {
            _ if path.starts_with("/triggers/new-record/") => ok(records(1300)),
            _ if path.starts_with("/searches/") => not_found(),
            _ => ok("[]"),
        })
    });
    let records = nethunt.records("f1").unwrap();
    let (completeness, ids, counted) = extract(&records, &Selection::default()).unwrap();
    assert!(matches!(completeness, Completeness::Unproven(_)), "{completeness:?}");
    assert_eq!((ids.len(), counted), (1300, 1300));
    let count = |part: &str| asked.lock().unwrap().iter().filter(|path| path.contains(part)).count();
    assert_eq!(count("new-record"), 2);
    // Once for the proof of a round count, and once because nothing else told when records were changed.
    assert_eq!(count("updated-record/f1?since=1970"), 2);
    let expecting = |count| Selection { expect: Some(count), ..Selection::default() };
    assert_eq!(extract(&records, &expecting(1300)).unwrap().0, Completeness::Complete);
    let wrong = extract(&records, &expecting(1301)).unwrap().0;
    assert!(matches!(wrong, Completeness::Incomplete(_)));
}

#[test]
fn a_body_that_breaks_off_is_read_again_and_counts_once() {
    let (nethunt, _) = serve(|path, before| {
        folder_or(path, || match path {
            _ if path.starts_with("/triggers/new-record/") && epoch(path) => {
                let body = records(3000);
                let sent = if before == 0 { body.len() * 2 / 3 } else { body.len() };
                Answer { status: 200, body, sent }
            }
            _ if path.starts_with("/searches/") => ok(records(3000)),
            _ => ok("[]"),
        })
    });
    let records = nethunt.records("f1").unwrap();
    let (completeness, ids, counted) = extract(&records, &Selection::default()).unwrap();
    assert_eq!((completeness, ids.len(), counted), (Completeness::Complete, 3000, 3000));
}

#[test]
fn a_witness_that_knows_more_is_evidence_and_its_records_are_kept() {
    let (nethunt, _) = serve(|path, _| {
        folder_or(path, || match path {
            _ if path.starts_with("/triggers/new-record/") && epoch(path) => ok(records(40)),
            _ if path.starts_with("/searches/") => ok(records(41)),
            _ => ok("[]"),
        })
    });
    let (completeness, ids, _) = extract(&nethunt.records("f1").unwrap(), &Selection::default()).unwrap();
    assert!(matches!(completeness, Completeness::Incomplete(_)), "{completeness:?}");
    assert_eq!(ids.len(), 41);
}

#[test]
fn records_that_only_their_changes_tell_of_are_evidence() {
    let part = |range: std::ops::Range<usize>| {
        let all: Vec<serde_json::Value> = serde_json::from_str(&records(250)).unwrap();
        serde_json::to_string(&all[range]).unwrap()
    };
    let (nethunt, _) = serve(move |path, _| {
        folder_or(path, || match path {
            _ if path.starts_with("/triggers/new-record/") && !epoch(path) => ok("[]"),
            // Cut alike, and by a number like any other.
            _ if path.starts_with("/triggers/new-record/") || path.starts_with("/searches/") => {
                ok(part(153..250))
            }
            _ if path.starts_with("/triggers/updated-record/") => ok(part(0..97)),
            _ => ok("[]"),
        })
    });
    let (completeness, ids, _) = extract(&nethunt.records("f1").unwrap(), &Selection::default()).unwrap();
    assert!(matches!(completeness, Completeness::Incomplete(_)), "{completeness:?}");
    assert_eq!(ids.len(), 194);
}

#[test]
fn a_number_of_records_that_a_cap_may_have_made_is_asked_about() {
    let (nethunt, asked) = serve(|path, _| {
        folder_or(path, || match path {
            _ if path.starts_with("/triggers/new-record/") && !epoch(path) => ok("[]"),
            _ if path.starts_with("/triggers/new-record/") || path.starts_with("/searches/") => {
                ok(records(192))
            }
            _ => ok("[]"),
        })
    });
    let (completeness, ids, _) = extract(&nethunt.records("f1").unwrap(), &Selection::default()).unwrap();
    assert_eq!((completeness, ids.len()), (Completeness::Complete, 192));
    let asked = asked.lock().unwrap();
    assert!(
        asked.iter().any(|path| path.starts_with("/triggers/record-change/") && epoch(path)),
        "{asked:?}"
    );
}

#[test]
fn a_killed_read_goes_on_behind_the_drain() {
    let (nethunt, asked) = serve(|path, before| {
        folder_or(path, || match path {
            _ if path.starts_with("/triggers/new-record/") && epoch(path) => ok(records(1250)),
            _ if path.starts_with("/searches/") && before == 0 => {
                Answer { status: 401, body: String::new(), sent: 0 }
            }
            _ if path.starts_with("/searches/") => ok(records(1250)),
            _ => ok("[]"),
        })
    });
    let records = nethunt.records("f1").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let selection = Selection::default();
    let first = records.extract(&selection, &mut Staging::open(folder.path(), "extract").unwrap());
    assert_eq!(first.unwrap_err().class().exit_code(), 5);
    let mut staging = Staging::open(folder.path(), "extract").unwrap();
    assert_eq!(records.extract(&selection, &mut staging).unwrap(), Completeness::Complete);
    assert_eq!(staging.distinct().unwrap(), 1250);
    assert_eq!(asked.lock().unwrap().iter().filter(|path| epoch(path)).count(), 1);
}

#[test]
fn a_search_a_sample_and_what_nethunt_does_not_have() {
    let (nethunt, asked) = serve(|path, _| folder_or(path, || ok(records(30))));
    let folder = nethunt.records("Contacts").unwrap();
    let find = Selection { find: Some("Name:N".into()), ..Selection::default() };
    let (completeness, ids, _) = extract(&folder, &find).unwrap();
    assert!(matches!(completeness, Completeness::Unproven(_)));
    assert_eq!(ids.len(), 30);
    let sample = Selection { limit: Some(10), ..Selection::default() };
    assert_eq!(extract(&folder, &sample).unwrap().1.len(), 10);
    let last = asked.lock().unwrap().last().unwrap().clone();
    assert_eq!(last, "/triggers/new-record/f1?since=1970-01-01T00%3A00%3A00.000Z&limit=10");
    let person = Selection { kind: Some("person".into()), ..Selection::default() };
    assert_eq!(extract(&folder, &person).unwrap_err().class().exit_code(), 2);
    assert_eq!(nethunt.records("Deals").unwrap_err().class().exit_code(), 2);
}

#[test]
fn records_are_looked_up_by_id_and_new_ones_say_who_made_them() {
    let (nethunt, asked) = serve(|path, _| {
        folder_or(path, || match path {
            "/searches/find-record/f1?recordId=r1" => ok(records(2)),
            _ if path.starts_with("/searches/") => not_found(),
            _ if path.starts_with("/triggers/record-change/") => {
                ok(r#"[{"recordId":"r0","recordAction":"CREATE","user":{"emailAddress":"<Me@example.org>"}},
                    {"recordId":"r1","recordAction":"CREATE","user":{"emailAddress":"<you@example.org>"}}]"#)
            }
            _ => ok(records(3)),
        })
    });
    let folder = nethunt.records("f1").unwrap();
    let found = folder.read(&["r1".to_owned(), "r2".to_owned()]).unwrap();
    assert_eq!(found.iter().map(|record| record.id.as_deref().unwrap()).collect::<Vec<_>>(), ["r1"]);
    let many: Vec<_> = (0..60).map(|number| format!("r{number}")).collect();
    assert_eq!(folder.read(&many).unwrap().len(), 3);
    let mark = ReadMark { newest_created: "2023-07-13T13:00:02.113Z".parse().ok(), ..ReadMark::default() };
    let made: Vec<_> =
        folder.created_since(&mark, &mut |_| Ok(false)).unwrap().iter().map(|one| one.by_other).collect();
    assert_eq!(made, [false, true, false]);
    assert!(asked.lock().unwrap().iter().any(|path| path.ends_with("since=2023-07-13T13%3A00%3A00.113Z")));
}

/// An answer as the reference of the service has it.
fn fixture(path: &str) -> Answer {
    let name = path.split('/').nth(2).unwrap_or_default();
    let file = format!("{}/tests/fixtures/nethunt/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(file).map_or_else(|_| not_found(), ok)
}

fn rows(
    source: &dyn Source,
    selection: &Selection,
) -> (Completeness, Vec<Record>, Vec<String>, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut staging = Staging::open(folder.path(), "extract").unwrap();
    let completeness = source.extract(selection, &mut staging).unwrap();
    staging.finish(&completeness).unwrap();
    let (mut records, mut deleted, decoder) = (Vec::new(), Vec::new(), source.decoder());
    let mut staged = staging.read().unwrap();
    while let Some(batch) = staged.next_rows().unwrap() {
        records.extend(batch.into_iter().map(|row| decoder.decode(&row.record.raw).unwrap()));
    }
    staging
        .deletions(|id, at| {
            deleted.push(format!("{id} {}", at.unwrap_or_default()));
            Ok(())
        })
        .unwrap();
    (completeness, records, deleted, staging.note(WATERMARK).unwrap())
}

#[test]
fn child_streams_are_read_as_the_reference_has_them() {
    let (nethunt, asked) = serve(|path, _| folder_or(path, || fixture(path.split('?').next().unwrap())));
    let read = |stream: &str, selection: &Selection| {
        let (source, target) = nethunt.open(stream).unwrap();
        let (completeness, records, ..) = rows(&*source, selection);
        assert!(matches!(completeness, Completeness::Unproven(_)), "{stream}");
        (records.len(), target.is_some())
    };
    let all = Selection::default();
    assert_eq!(read("Contacts/comments", &all), (2, true));
    assert_eq!(read("Contacts/calls", &all), (1, true));
    assert_eq!(read("Contacts/files", &all), (2, false));
    assert_eq!(read("Contacts/changes", &all), (4, false));
    let record = Some("64b000000000000000000002".to_owned());
    assert_eq!(read("f1/comments", &Selection { record: record.clone(), ..all.clone() }), (1, true));
    assert_eq!(read("f1/changes", &Selection { record, ..all.clone() }), (0, false));
    let last = asked.lock().unwrap().iter().rfind(|path| path.contains("record-change")).cloned().unwrap();
    assert!(last.contains("&recordId=64b000000000000000000002"), "{last}");
    let fields = Selection { changed_fields: vec!["Tags".into()], ..all };
    assert_eq!(read("f1/changes", &fields), (1, false));
}

#[test]
fn what_changed_is_read_as_the_reference_has_it() {
    let (nethunt, _) = serve(|path, _| {
        folder_or(path, || match path {
            _ if path.starts_with("/triggers/new-record/") => ok("[]"),
            _ => fixture(path.split('?').next().unwrap()),
        })
    });
    let selection = Selection { since: "2023-07-13T13:46:24.113Z".parse().ok(), ..Selection::default() };
    let (_, records, deleted, watermark) = rows(&nethunt.records("f1").unwrap(), &selection);
    let ids: Vec<_> = records.iter().map(|record| record.id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["64b000000000000000000002"], "the other one was deleted later");
    assert_eq!(deleted, ["64b000000000000000000001 2023-07-15T09:00:00Z"]);
    assert_eq!(
        watermark.as_deref(),
        Some("2023-07-14T09:59:58.500Z"),
        "the newest time seen, less two seconds"
    );
}
