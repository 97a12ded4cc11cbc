//! The client in front of answers that were written by hand after the public reference (`tests/fixtures`): a
//! stand-in serves them in a service's place, and the command has to read every one of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use regex::Regex;
use serde_json::Value;

use crate::accounts::{result_rows, run_of};
use crate::support::{Output, Rehearsal};
use crate::witness::fixture;

/// What is answered to whom: a method and a pattern of path and query, a status, and a fixture or a text.
pub(crate) type Rule = (&'static str, &'static str, u16, &'static str);

pub(crate) const NIMBLE: [Rule; 12] = [
    ("GET", "^/myself", 200, "nimble/myself.json"),
    ("GET", "^/company/users", 200, "nimble/users.json"),
    ("GET", "^/contacts/metadata", 200, "nimble/metadata.json"),
    ("GET", "^/contacts/ids.*[?&]page=2", 200, "nimble/contacts-past-the-end.json"),
    ("GET", "^/contacts/ids", 200, "nimble/contact-ids.json"),
    ("GET", "^/contacts[?].*page=2", 200, "nimble/contacts-past-the-end.json"),
    ("GET", "^/contacts/notes/", 200, "nimble/note.json"),
    ("GET", "^/contact/[0-9a-f]+/notes", 200, "nimble/notes.json"),
    ("GET", "^/contacts[?]", 200, "nimble/contacts.json"),
    ("GET", "^/contact/", 200, "nimble/contact-details.json"),
    ("DELETE", "^/contact/", 200, "nimble/deleted.json"),
    ("DELETE", "^/contacts/notes/", 200, "nimble/note-deleted.json"),
];

pub(crate) const NETHUNT: [Rule; 13] = [
    ("GET", "^/triggers/auth-test", 200, "nethunt/auth-test.json"),
    ("GET", "^/triggers/readable-folder", 200, "nethunt/readable-folder.json"),
    ("GET", "^/triggers/writable-folder", 200, "nethunt/writable-folder.json"),
    ("GET", "^/triggers/folder-field/", 200, "nethunt/folder-field.json"),
    ("GET", "^/triggers/new-record/.*since=1970", 200, "nethunt/new-record.json"),
    ("GET", "^/triggers/record-change/.*since=1970", 200, "nethunt/record-change.json"),
    ("GET", "^/triggers/new-comment/.*since=1970", 200, "nethunt/new-comment.json"),
    ("GET", "^/triggers/new-call-log/.*since=1970", 200, "nethunt/new-call-log.json"),
    ("GET", "^/triggers/new-gdrivefile/.*since=1970", 200, "nethunt/new-gdrivefile.json"),
    ("GET", "^/triggers/updated-record/.*since=1970", 200, "nethunt/updated-record.json"),
    // Nothing is younger than what the fixtures have.
    ("GET", "^/triggers/", 200, "[]"),
    ("GET", "^/searches/find-record/.*query=", 200, "nethunt/find-record.json"),
    ("GET", "^/searches/find-record/", 200, "[]"),
];

/// A service that only knows its rules. It ends with the test's process.
pub(crate) struct StandIn {
    root: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    /// Serves the first rule that fits; the earlier rules come first.
    pub(crate) fn start(rules: &[&[Rule]]) -> Self {
        let compile = |rule: &Rule| (rule.0, Regex::new(rule.1).unwrap(), rule.2, body(rule.3));
        let rules: Arc<Vec<_>> = Arc::new(rules.iter().flat_map(|rules| rules.iter().map(compile)).collect());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (rules, log) = (Arc::clone(&rules), Arc::clone(&log));
                std::thread::spawn(move || {
                    // A client that goes away is no failure of the test.
                    let _ = answer(&connection.unwrap(), |method, path| {
                        log.lock().unwrap().push(format!("{method} {path}"));
                        let fits =
                            |rule: &&(&str, Regex, u16, String)| rule.0 == method && rule.1.is_match(path);
                        rules.iter().find(fits).map_or((404, String::new()), |rule| (rule.2, rule.3.clone()))
                    });
                });
            }
        });
        Self { root, asked }
    }

    /// The command's environment with this in the service's place.
    pub(crate) fn rehearsal(&self, service: &str) -> Rehearsal {
        Rehearsal::new("").set(&format!("FERRY_{service}_URL"), &self.root)
    }

    fn was_asked(&self, what: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|asked| asked.starts_with(what))
    }
}

fn body(name: &str) -> String {
    if name.ends_with(".json") || name.ends_with(".txt") { fixture(name) } else { name.to_owned() }
}

/// One request, one answer, and the connection is closed.
fn answer(mut stream: &TcpStream, find: impl Fn(&str, &str) -> (u16, String)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, body) = find(method, path);
    write!(
        stream,
        "HTTP/1.1 {status} Answer\r\nDate: Wed, 25 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The rows of an export as JSON.
fn rows(rehearsal: &Rehearsal, stream: &str) -> Vec<Value> {
    rehearsal.json(["export", stream, "-o", "rows.jsonl"]).expect(0);
    rehearsal.read("rows.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn contacts_of_nimble_are_read_as_the_reference_has_them() {
    let service = StandIn::start(&[&NIMBLE]);
    let rehearsal = service.rehearsal("NIMBLE");
    let said = rehearsal.ferry(["check", "nimble"]).expect(0).stdout;
    assert!(said.contains("A. User <a.user@example.org> (company 5e0000000000000000000009)"), "{said}");
    let contacts = rows(&rehearsal, "nimble:contacts");
    assert_eq!(contacts.len(), 2, "{contacts:?}");
    let (ada, acme) = (&contacts[0], &contacts[1]);
    for (column, expected) in [
        ("_id", r#""64b0c0ffee00000000000001""#),
        ("_type", r#""person""#),
        ("_created", r#""2012-09-07T13:49:56Z""#),
        ("_tags", r#"["vip","east,west"]"#),
        ("_owner", r#""5f0000000000000000000001""#),
        ("_avatar", r#""https://x.example/a.png""#),
        ("first name", r#""Ada""#),
        ("parent company", r#""Acme""#),
        ("lead status", r#""Open""#),
    ] {
        assert_eq!(ada[column].to_string(), expected, "{column}: {ada:#}");
    }
    assert!(ada.to_string().contains(r#"["111","222"]"#) && ada.to_string().contains("London"), "{ada:#}");
    assert_eq!(acme["_children"][0], "64b0c0ffee00000000000001", "{acme:#}");
}

#[test]
fn everything_else_of_nimble_is_read_as_the_reference_has_it() {
    let service = StandIn::start(&[&NIMBLE]);
    let rehearsal = service.rehearsal("NIMBLE");
    let notes = rows(&rehearsal, "nimble:notes");
    assert_eq!(notes.len(), 1, "one note of two contacts: {notes:?}");
    assert_eq!(notes[0]["text"], "<font color=\"red\">Call back: 100% sure</font>", "{notes:?}");
    assert_eq!(
        (&notes[0]["_author"], &notes[0]["_created"]),
        (&"A. User".into(), &"2026-01-02T10:16:46Z".into())
    );
    let users = rows(&rehearsal, "nimble:users");
    assert_eq!((users.len(), &users[1]["is_active"]), (2, &Value::Bool(false)), "{users:?}");
    assert_eq!(users[0]["_id"], "50f8a2b60000000000000001");
    let tags = rows(&rehearsal, "nimble:tags");
    assert_eq!((tags.len(), &tags[0]["tag"]), (2, &"east,west".into()), "{tags:?}");
    for (answer, status, fields) in [("nimble/metadata.json", 200, 4), ("{}", 404, 5)] {
        // Where the older description of the fields is missing, the newer is read.
        let newer: &[Rule] = &[
            ("GET", "^/contacts/metadata", status, answer),
            ("GET", "^/contacts/fields", if status == 404 { 200 } else { 404 }, "nimble/fields.json"),
        ];
        let service = StandIn::start(&[newer, &NIMBLE]);
        let fields_read = rows(&service.rehearsal("NIMBLE"), "nimble:fields");
        assert_eq!(fields_read.len(), fields, "{answer}: {fields_read:?}");
    }
}

#[test]
fn the_current_description_of_nimble_is_read_too() {
    let newer: &[Rule] = &[
        ("GET", "^/contact/[0-9a-f]+/notes", 404, "{}"),
        ("GET", "^/contacts/[0-9a-f]+/notes", 200, "nimble/notes-current.json"),
    ];
    let service = StandIn::start(&[newer, &NIMBLE]);
    let notes = rows(&service.rehearsal("NIMBLE"), "nimble:notes");
    assert_eq!((notes.len(), &notes[0]["_updated"]), (1, &"2026-01-03T10:16:46Z".into()), "{notes:?}");
}

/// Creates one contact behind some rules.
fn create(rules: &'static [Rule]) -> (Rehearsal, Output) {
    let service = StandIn::start(&[rules, &NIMBLE]);
    let rehearsal = service.rehearsal("NIMBLE");
    rehearsal.file("people.csv", "first name,email[work]\nGrace,grace@example.org\n");
    let args = ["import", "people.csv", "nimble:contacts", "--mode", "create", "--yes"];
    let out = rehearsal.json(args);
    (rehearsal, out)
}

#[test]
fn what_nimble_answers_to_a_create_is_understood() {
    for created in ["nimble/contact-created.json", "nimble/contact-created-current.json"] {
        let rules: &'static [Rule] = if created.contains("current") {
            &[("POST", "^/contact$", 200, "nimble/contact-created-current.json")]
        } else {
            &[("POST", "^/contact$", 201, "nimble/contact-created.json")]
        };
        let (rehearsal, out) = create(rules);
        assert_eq!(out.count("created"), 1, "{created}: {}", out.transcript());
        let row = &result_rows(&run_of(&rehearsal, &out), "succeeded.csv")[0];
        assert_eq!(row["_ferry_id"], "64b0c0ffee00000000000003", "{created}");
    }
    for (rules, code, words) in [
        (&[("POST", "^/contact$", 409, "nimble/error-fields.json")][..], 1, "Person has no name"),
        (&[("POST", "^/contact$", 409, "nimble/error-fields-current.json")], 1, "Person has no name"),
        (&[("POST", "^/contact$", 402, "nimble/error-quota.json")], 3, "quota"),
        (&[("POST", "^/contact$", 402, "nimble/error-quota-current.json")], 3, "quota"),
        (&[("POST", "^/contact$", 401, "nimble/error-token.json")], 5, "refuses the credentials"),
        (&[("POST", "^/contact$", 403, "nimble/error-token-current.json")], 5, "refuses the credentials"),
    ] {
        let (rehearsal, out) = create(rules);
        assert_eq!(out.code, code, "{}: {}", rules[0].3, out.transcript());
        let reasons = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
        let told = format!("{}{reasons:?}", out.stderr);
        assert!(told.contains(words), "{}: no `{words}`: {told}", rules[0].3);
    }
}

#[test]
fn what_nimble_answers_to_deletes_tags_tasks_and_errors_is_understood() {
    let service = StandIn::start(&[
        &[
            ("POST", "^/activities/task", 200, "nimble/task.json"),
            ("PUT", "/tags", 200, "nimble/tags-replaced.json"),
            ("PUT", "^/contact/", 200, "nimble/contact-created.json"),
        ],
        &NIMBLE,
    ]);
    let rehearsal = service.rehearsal("NIMBLE");
    rehearsal.file("gone.csv", "_id\n64b0c0ffee00000000000001\n64b0c0ffee00000000000002\n");
    let out = rehearsal.json(["delete", "gone.csv", "nimble:contacts", "--yes"]);
    assert!(service.was_asked("DELETE /contact/64b0c0ffee00000000000001,64b0c0ffee00000000000002"));
    assert_eq!(out.count("deleted"), 2, "{}", out.transcript());
    rehearsal.file("tasks.csv", "subject\nCall Ada\n");
    let out = rehearsal.json(["import", "tasks.csv", "nimble:tasks", "--yes"]).expect(0);
    let row = &result_rows(&run_of(&rehearsal, &out), "succeeded.csv")[0];
    assert_eq!(row["_ferry_id"], "64b0c0ffee00000000000081");
    for (fixture, status, code, words) in [
        ("nimble/error-internal.json", 500, 3, "the service answers 500"),
        ("nimble/error-parameters.json", 409, 2, "not both"),
        ("nimble/error-not-found.json", 404, 2, ""),
    ] {
        let failing: &[Rule] = &[("GET", "^/contacts[?]", status, fixture)];
        let service = StandIn::start(&[failing, &NIMBLE]);
        let out = service.rehearsal("NIMBLE").json(["export", "nimble:contacts", "-o", "x.csv"]);
        assert_eq!(out.code, code, "{fixture}: {}", out.transcript());
        assert!(out.stderr.contains(words), "{fixture}: {}", out.transcript());
    }
}

#[test]
fn nethunt_is_read_as_the_reference_has_it() {
    let service = StandIn::start(&[&NETHUNT]);
    let rehearsal = service.rehearsal("NETHUNT");
    let access = &rehearsal.json(["check", "nethunt"]).expect(0).objects()[0];
    let has = |key: &str, stream: &str| access[key].as_array().unwrap().iter().any(|name| name == stream);
    assert!(has("readable", "nethunt:Archive") && !has("writable", "nethunt:Archive"), "{access}");
    assert!(has("writable", "nethunt:People"), "{access}");
    let records = rows(&rehearsal, "nethunt:People");
    assert_eq!(records.len(), 2, "{records:?}");
    let ada = records.iter().find(|record| record["_id"] == "64b000000000000000000001").unwrap();
    for (column, expected) in [
        ("Name", r#""Ada King""#),
        ("VIP", "true"),
        ("Score", "12.5"),
        ("Tags", r#"["z"]"#),
        ("Email", r#"["Ada Byron <ada@example.org>"]"#),
        ("Born", r#""1990-12-10""#),
        ("_created", r#""2023-07-13T13:46:24.113Z""#),
    ] {
        assert_eq!(ada[column].to_string(), expected, "{column}: {ada:#}");
    }
    for (stream, count) in [("comments", 2), ("calls", 1), ("files", 2), ("changes", 4), ("fields", 8)] {
        assert_eq!(rows(&rehearsal, &format!("nethunt:People/{stream}")).len(), count, "{stream}");
    }
    assert_eq!(rows(&rehearsal, "nethunt:folders").len(), 2);
    let since = ["export", "nethunt:People", "-o", "since.jsonl", "--since", "1970-01-02T00:00:00Z"];
    let out = rehearsal.json(since).expect(0);
    assert_eq!(out.count("read"), 1, "one was deleted: {}", out.transcript());
    let deleted = result_rows(&run_of(&rehearsal, &out), "deleted.csv");
    assert_eq!(deleted[0]["_id"], "64b000000000000000000001");
}

#[test]
fn what_nethunt_answers_to_writes_and_refusals_is_understood() {
    let writes: &[Rule] = &[
        ("POST", "^/actions/create-record/", 200, "nethunt/create-record.json"),
        ("POST", "^/actions/update-record/", 200, "nethunt/update-record.json"),
        ("POST", "^/actions/delete-record/", 200, "nethunt/delete-record.json"),
        ("POST", "^/actions/create-comment/", 200, "nethunt/create-comment.json"),
        ("POST", "^/actions/create-call-log/", 200, "nethunt/create-call-log.json"),
        (
            "GET",
            "^/searches/find-record/.*recordId=64b000000000000000000002",
            200,
            "nethunt/find-record.json",
        ),
    ];
    let service = StandIn::start(&[writes, &NETHUNT]);
    let rehearsal = service.rehearsal("NETHUNT");
    let new = "_record,text,time,duration\n64b000000000000000000002,Spoke,2026-02-01T10:00:00Z,2.5\n";
    for (sheet, stream, id) in [
        ("Name\nMary\n", "nethunt:People", "64b000000000000000000003"),
        (
            "_record,text\n64b000000000000000000002,Hi\n",
            "nethunt:People/comments",
            "64b0000000000000000000c3",
        ),
        (new, "nethunt:People/calls", "64b0000000000000000000e2"),
    ] {
        rehearsal.file("new.csv", sheet);
        let out = rehearsal.json(["import", "new.csv", stream, "--yes"]);
        assert_eq!(out.count("created"), 1, "{stream}: {}", out.transcript());
        assert_eq!(result_rows(&run_of(&rehearsal, &out), "succeeded.csv")[0]["_ferry_id"], id, "{stream}");
    }
    let refusing: &[Rule] = &[("GET", "", 401, "nethunt/unauthorized.txt")];
    let out = StandIn::start(&[refusing]).rehearsal("NETHUNT").ferry(["check", "nethunt"]).expect(5);
    assert!(out.stderr.contains("NetHunt refuses the credentials"), "{}", out.transcript());
    let refusing: &[Rule] = &[("GET", "^/triggers/new-record/", 400, "nethunt/no-query.txt")];
    let service = StandIn::start(&[refusing, &NETHUNT]);
    let out = service.rehearsal("NETHUNT").json(["export", "nethunt:People", "-o", "x.csv"]).expect(2);
    assert!(out.stderr.contains(fixture("nethunt/no-query.txt").trim()), "{}", out.transcript());
}

/// Exports the contacts of a service that knows these rules first, within bounds.
fn export(rules: &'static [Rule], code: i32) -> (Rehearsal, Output, usize) {
    let service = StandIn::start(&[rules, &NIMBLE]);
    let rehearsal = service.rehearsal("NIMBLE");
    let out = rehearsal.json(["export", "nimble:contacts", "-o", "rows.jsonl"]).expect(code);
    let asked = service.asked.lock().unwrap().len();
    (rehearsal, out, asked)
}

#[test]
fn a_page_that_comes_again_and_again_ends_the_read() {
    const PAGES: [&[Rule]; 2] = [
        &[
            ("GET", "^/contacts/ids", 200, r#"{"meta":{"per_page":1},"resources":["a"]}"#),
            ("GET", "^/contacts[?]", 200, r#"{"meta":{},"resources":[{"id":"a","fields":{}}]}"#),
        ],
        &[
            (
                "GET",
                "^/contacts/ids",
                200,
                r#"{"meta":{"pages":18446744073709551615,"total":2},"resources":["a"]}"#,
            ),
            (
                "GET",
                "^/contacts[?]",
                200,
                r#"{"meta":{"pages":18446744073709551615,"total":2},"resources":[{"id":"a","fields":{}}]}"#,
            ),
        ],
    ];
    // Two quiet walks are proof where the service only counts too many.
    for (rules, code) in PAGES.into_iter().zip([4, 0]) {
        let (rehearsal, _, asked) = export(rules, code);
        assert!(asked < 60, "{asked} requests");
        assert_eq!(rehearsal.read("rows.jsonl").lines().count(), 1);
    }
}

#[test]
fn contacts_that_cannot_be_read_are_rejected_by_id_with_their_text() {
    const RULES: &[Rule] = &[
        (
            "GET",
            "^/contacts/ids",
            200,
            r#"{"meta":{"page":1,"pages":1,"per_page":100,"total":2},"resources":["a","b"]}"#,
        ),
        (
            "GET",
            "^/contacts[?]",
            200,
            r#"{"meta":{"page":1,"pages":1,"per_page":100,"total":2},"resources":[
                {"id":"a","record_type":"person","created":"2026-01-01T00:00:00+0000","fields":{}},
                {"record_type":"person","created":"2026-01-01T00:00:00+0000","fields":{}},
                {"id":"b","created":"2026-01-01T00:00:00+0000","fields":{"title":[{"modifier":"","value":"\ud800"}]}}]}"#,
        ),
    ];
    let (rehearsal, out, _) = export(RULES, 1);
    assert_eq!(out.count("written"), 1, "{}", out.transcript());
    let rows = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    let told: Vec<_> =
        rows.iter().map(|row| (row["_ferry_reason"].clone(), row["_ferry_raw"].clone())).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].0.contains("the contact has no `id`"), "{told:?}");
    assert!(told[1].0.starts_with("record b cannot be read: unexpected end"), "{told:?}");
    assert!(told[1].1.contains(r#"{"id":"b""#), "{told:?}");
}
