//! Creates whose answer never came, and refusals: what is adopted, sent again, left in doubt, a conflict, failed
//! (design section 9.3).

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::accounts::{
    assert_balanced, assert_every_row_has_one_result, contact_value, record_id, result_rows, run_of,
};
use crate::support::{Output, Rehearsal};

const ROWS: usize = 12;

/// What may happen to a request, and whether the service did its work all the same.
const MISHAPS: [(&str, bool); 7] = [
    ("kind = \"error_after_commit\"", true),
    ("kind = \"error_before_commit\"", false),
    ("kind = \"lost_answer\"", true),
    ("kind = \"lost_request\"", false),
    ("kind = \"late_commit\"\nlate_commit_ms = 100", true),
    ("kind = \"truncated_body\"", true),
    ("kind = \"empty_body\"", true),
];

const NETHUNT: &str = r#"
[mapping]
key = ["Email"]
[[field]]
to = "Name"
from = "name"
[[field]]
to = "Email"
from = "email"
multi = true
"#;

const NIMBLE: &str = r#"
[mapping]
key = ["email[work]"]
[[field]]
to = "_type"
const = "person"
[[field]]
to = "first name"
from = "name"
[[field]]
to = "email[work]"
from = "email"
"#;

/// A place to import to.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) stream: &'static str,
    mapping: &'a str,
}

pub(crate) const TARGETS: [Target<'static>; 2] = [
    Target { stream: "nethunt:Contacts", mapping: NETHUNT },
    Target { stream: "nimble:contacts", mapping: NIMBLE },
];

#[test]
fn a_create_whose_answer_is_lost_is_adopted_or_sent_again() {
    for target in TARGETS {
        MISHAPS.iter().for_each(|mishap| survive(target, *mishap));
    }
}

#[test]
fn without_a_key_it_is_known_by_its_content() {
    for target in TARGETS {
        let (_, fields) = target.mapping.split_once("\"]\n").unwrap();
        let mapping = format!("[mapping]\nmode = \"create\"\n{fields}");
        MISHAPS.iter().for_each(|mishap| survive(Target { mapping: &mapping, ..target }, *mishap));
    }
}

fn survive(target: Target<'_>, (mishap, commits): (&str, bool)) {
    let rehearsal = Rehearsal::new(&format!("[[fault]]\nmethod = \"POST\"\nfirst = 6\n{mishap}\n"));
    // The settle time has to be longer than anything takes, also on a machine that is busy.
    let settle = if mishap.contains("late") { "3s" } else { "300ms" };
    let rehearsal = rehearsal.set("FERRY_SETTLE", settle);
    let out = import(&rehearsal, target, ROWS).expect(0);
    assert_balanced(&out);
    assert_eq!(out.count("created"), ROWS as u64, "{mishap}: {}", out.transcript());
    assert_eq!(emails(&rehearsal, target), addresses(ROWS), "{mishap}");
    let sent = rehearsal.ledger().iter().filter(|entry| entry.is_write()).count();
    assert_eq!(sent, if commits { ROWS } else { ROWS + 6 }, "{mishap}");
    assert_every_row_has_one_result(&run_of(&rehearsal, &out), ROWS as u64);
}

#[test]
fn texts_that_end_in_the_same_address_are_two_contents() {
    let names = ["Ann <info@acme.example>", "Bob <info@acme.example>"];
    for target in TARGETS {
        let (_, fields) = target.mapping.split_once("\"]\n").unwrap();
        // The second arrives, the first does not.
        let faults = "[[fault]]\nmethod = \"POST\"\nkind = \"lost_request\"\nat = [1]\n\
                      [[fault]]\nmethod = \"POST\"\nkind = \"lost_answer\"\nat = [2]\n";
        let rehearsal = Rehearsal::new(faults).set("FERRY_SETTLE", "300ms").set("FERRY_CONCURRENCY", "1");
        rehearsal.file("map.toml", format!("[mapping]\nmode = \"create\"\n{fields}"));
        let rows = names.map(|name| format!("{name},row@doubt.example\n")).concat();
        rehearsal.file("rows.csv", format!("name,email\n{rows}"));
        let out = rehearsal.json(["import", "rows.csv", target.stream, "-m", "map.toml", "--yes"]).expect(0);
        assert_eq!((out.count("created"), out.count("verified")), (2, 2), "{}", out.transcript());
        let nimble = target.stream.starts_with("nimble");
        let stored = if nimble { rehearsal.contacts() } else { rehearsal.records("Contacts") };
        let held: BTreeMap<String, String> = stored
            .iter()
            .map(|record| {
                let name = record["fields"]["Name"].as_str().map(str::to_owned);
                (record_id(record), name.unwrap_or_else(|| contact_value(record, "first name")))
            })
            .collect();
        assert_eq!(held.len(), 2, "{}: {held:?}", target.stream);
        for row in result_rows(&run_of(&rehearsal, &out), "succeeded.csv") {
            assert_eq!(held[&row["_ferry_id"]], row["name"], "{}", target.stream);
        }
    }
}

#[test]
fn the_request_for_the_tags_that_a_create_has_no_room_for_is_settled_by_reading() {
    for (mishap, _) in MISHAPS {
        let rehearsal = Rehearsal::new(&format!(
            "[[fault]]\nmethod = \"PUT\"\npath_regex = \"tags\"\nfirst = 1\n{mishap}\n"
        ));
        let rehearsal = rehearsal.set("FERRY_SETTLE", if mishap.contains("late") { "3s" } else { "300ms" });
        rehearsal.file("rows.csv", "_id,_type,first name,_tags\n,person,Ada,a;b;c;d;e;f;g\n");
        let out = rehearsal.json(["import", "rows.csv", "nimble:contacts", "--yes"]).expect(0);
        assert_balanced(&out);
        assert_eq!((out.count("created"), out.count("verified")), (1, 1), "{mishap}: {}", out.transcript());
    }
}

#[test]
fn a_service_with_another_clock_and_lists_that_lag_is_settled_by_its_own_time() {
    for (target, ahead_ms) in TARGETS.into_iter().zip([-7_200_000, 3_600_000]) {
        let lag = "[nimble]\nindex_delay_ms = 300\n[nethunt]\nvisibility_lag_ms = 300\nindex_lag_ms = 300\n";
        let mishaps = "[[fault]]\nmethod = \"POST\"\nkind = \"lost_answer\"\nat = [2, 5, 8]\n\
                       [[fault]]\nmethod = \"POST\"\nkind = \"lost_request\"\nat = [3, 7]\n";
        let rehearsal = Rehearsal::new(&format!("clock_ahead_ms = {ahead_ms}\n{lag}{mishaps}"));
        let rehearsal = rehearsal.set("FERRY_SETTLE", "3s");
        let out = import(&rehearsal, target, ROWS).expect(0);
        assert_balanced(&out);
        assert_eq!(out.count("created"), ROWS as u64, "{ahead_ms}: {}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(ROWS), "{ahead_ms}");
        let sent = rehearsal.ledger().iter().filter(|entry| entry.is_write()).count();
        assert_eq!(sent, ROWS + 2, "{ahead_ms}: what was done is found, what was not is sent again");
    }
}

#[test]
fn rows_that_are_only_created_need_not_wait_for_what_the_last_run_made() {
    for target in TARGETS {
        let (_, fields) = target.mapping.split_once("\"]\n").unwrap();
        let mapping = format!("[mapping]\nmode = \"create\"\n{fields}");
        let target = Target { mapping: &mapping, ..target };
        let rehearsal = Rehearsal::new("").set("FERRY_SETTLE", "60s");
        for _ in 0..2 {
            let out = import(&rehearsal, target, 2).expect(0);
            assert_eq!(out.count("created"), 2, "{}", out.transcript());
            assert!(!out.stderr.contains("waiting until"), "{}", out.transcript());
        }
        assert_eq!(emails(&rehearsal, target).len(), 4);
    }
}

#[test]
fn a_record_that_appears_after_its_create_was_given_up_for_lost_is_adopted() {
    for target in TARGETS {
        let storm = "[[fault]]\nmethod = \"POST\"\nkind = \"late_commit\"\nlate_commit_ms = 8000\nat = [1]\n\
                     [[fault]]\nmethod = \"POST\"\nkind = \"unauthorized\"\nat = [2]\n";
        let rehearsal = Rehearsal::new(storm).set("FERRY_SETTLE", "200ms");
        // The create is not found after the settle time; sending it again is refused.
        let out = import(&rehearsal, target, 1).expect(5);
        assert!(emails(&rehearsal, target).is_empty(), "{}", out.transcript());
        rehearsal.wait_until("the service has done it after all", |now| !emails(now, target).is_empty());
        let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
        assert_eq!((out.count("created"), out.count("conflicts")), (1, 0), "{}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(1));
    }
}

#[test]
fn what_the_last_run_made_is_not_made_again_although_it_is_not_listed_yet() {
    for target in TARGETS {
        let lag =
            "[nimble]\nindex_delay_ms = 1500\n[nethunt]\nvisibility_lag_ms = 1500\nindex_lag_ms = 1500\n";
        let rehearsal = Rehearsal::new(lag).set("FERRY_SETTLE", "4s");
        prepare(&rehearsal, target, ROWS);
        let import = ["import", "rows.csv", target.stream, "-m", "map.toml", "--yes", "--no-verify"];
        assert_eq!(rehearsal.json(import).expect(0).count("created"), ROWS as u64);
        let again = rehearsal.json(import).expect(0);
        assert_eq!(
            (again.count("unchanged"), again.count("created")),
            (ROWS as u64, 0),
            "{}",
            again.transcript()
        );
        assert_eq!(emails(&rehearsal, target), addresses(ROWS));
    }
}

#[test]
fn more_new_records_than_rows_leave_the_rows_in_doubt() {
    for target in TARGETS {
        let rehearsal = Rehearsal::new(FIRST_ANSWER_LOST).set("FERRY_SETTLE", "4s");
        interrupt_at_the_first_create(&rehearsal, target);
        // Somebody at the same login makes the same record by hand.
        create(&rehearsal, target, "Row 000", "row000@doubt.example");
        let out = rehearsal.json(["resume", "--last", "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("in_doubt"), out.count("created")), (1, 0), "{}", out.transcript());
        let left = result_rows(&run_of(&rehearsal, &out), "indoubt.csv");
        assert_eq!((left[0]["_ferry_row"].as_str(), left[0]["name"].as_str()), ("1", "Row 000"));
        assert!(left[0]["_ferry_reason"].contains("2 new records match 1 rows"), "{left:?}");
        assert_eq!(emails(&rehearsal, target).len(), 2);

        let seen = rehearsal.requests();
        rehearsal.json(["resume", "--last", "--yes"]).expect(1);
        assert!(rehearsal.writes_since(seen).is_empty());
    }
}

#[test]
fn a_new_record_with_the_key_and_other_content_is_a_conflict() {
    for target in TARGETS {
        let rehearsal = Rehearsal::new(FIRST_REQUEST_LOST).set("FERRY_SETTLE", "4s");
        interrupt_at_the_first_create(&rehearsal, target);
        create(&rehearsal, target, "Somebody Else", "row000@doubt.example");
        let out = rehearsal.json(["resume", "--last", "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("conflicts"), out.count("created")), (1, 0), "{}", out.transcript());
        let left = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
        assert!(left[0]["_ferry_reason"].contains("other content"), "{left:?}");
        assert_eq!(emails(&rehearsal, target).len(), 1);
    }
}

const FIRST_ANSWER_LOST: &str = "[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\nfirst = 1\n";
const FIRST_REQUEST_LOST: &str = "[[fault]]\nkind = \"lost_request\"\nmethod = \"POST\"\nfirst = 1\n";

/// Starts an import of one row and ends it when its create has met its fault: before the sweep, which the settle
/// time holds back.
fn interrupt_at_the_first_create(rehearsal: &Rehearsal, target: Target<'_>) {
    prepare(rehearsal, target, 1);
    let life = rehearsal.spawn(["import", "rows.csv", target.stream, "-m", "map.toml", "--yes"]);
    rehearsal.wait_until("the create is lost", |now| {
        let entries = now.ledger();
        entries.iter().any(|entry| entry.is_write() && !entry.fault.is_empty())
    });
    assert!(life.kill_9(), "it ended before it could be killed");
}

#[test]
fn a_run_that_is_resumed_with_a_longer_settle_time_keeps_to_it() {
    let target = TARGETS[1];
    let late = "[[fault]]\nkind = \"late_commit\"\nmethod = \"POST\"\nlate_commit_ms = 3500\nfirst = 1\n";
    let rehearsal = Rehearsal::new(late).set("FERRY_SETTLE", "2s");
    interrupt_at_the_first_create(&rehearsal, target);
    let out = rehearsal.json(["resume", "--last", "--yes", "--settle", "7s"]).expect(0);
    assert_eq!(out.count("created"), 1, "{}", out.transcript());
    assert_eq!(emails(&rehearsal, target), addresses(1));
}

#[test]
fn an_update_that_is_never_answered_nor_carried_out_stays_in_doubt() {
    for target in TARGETS {
        let rehearsal = Rehearsal::new("").set("FERRY_SETTLE", "100ms");
        import(&rehearsal, target, 1).expect(0);
        rehearsal.file("rows.csv", "name,email\nAnother,row000@doubt.example\n");
        rehearsal.faults("[[fault]]\nkind = \"lost_request\"\nmethod = \"write\"\n");
        let seen = rehearsal.requests();
        let again = ["import", "rows.csv", target.stream, "-m", "map.toml", "--yes"];
        let out = rehearsal.json(again).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("in_doubt"), out.count("updated")), (1, 0), "{}", out.transcript());
        assert_eq!(rehearsal.writes_since(seen).len(), 6);
        let left = result_rows(&run_of(&rehearsal, &out), "indoubt.csv");
        assert!(left[0]["_ferry_reason"].contains("never carried out"), "{left:?}");
    }
}

#[test]
fn a_date_that_is_ahead_of_the_stamps_of_records_doubles_none() {
    for target in TARGETS {
        for there in [0, 3] {
            let scenario = "date_ahead_ms = 60000\n\
                            [[fault]]\nmethod = \"POST\"\nkind = \"lost_answer\"\nat = [2, 4]\n";
            let rehearsal = Rehearsal::generated(scenario, there);
            let out = import(&rehearsal, target, 5).expect(0);
            assert_eq!((out.count("created"), out.count("verified")), (5, 5), "{}", out.transcript());
            assert_eq!(ours(&rehearsal, target), addresses(5), "{}", out.transcript());
        }
    }
}

#[test]
fn a_lost_create_is_found_where_the_service_does_not_show_its_list_to_the_end() {
    let target = TARGETS[1];
    let scenario = "[nimble]\ndeep_window = 100\n\
                    [[fault]]\nmethod = \"POST\"\nkind = \"lost_answer\"\nat = [5]\n";
    let rehearsal = Rehearsal::generated(scenario, 150);
    let out = import(&rehearsal, target, ROWS).expect(0);
    assert_balanced(&out);
    assert_eq!(out.count("created"), ROWS as u64, "{}", out.transcript());
    assert_eq!(ours(&rehearsal, target), addresses(ROWS));
}

#[test]
fn a_lost_create_stays_in_doubt_where_what_is_there_cannot_be_listed() {
    let target = TARGETS[1];
    let rehearsal = Rehearsal::new(FIRST_ANSWER_LOST).set("FERRY_SETTLE", "4s");
    interrupt_at_the_first_create(&rehearsal, target);
    let refused =
        "kind = \"error_before_commit\"\nstatus = 409\nmethod = \"GET\"\npath_regex = \"contacts$\"";
    rehearsal.faults(&format!("[[fault]]\n{refused}\n"));
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("in_doubt"), out.count("created")), (1, 0), "{}", out.transcript());
    let left = result_rows(&run_of(&rehearsal, &out), "indoubt.csv");
    assert!(left[0]["_ferry_reason"].contains("cannot be listed"), "{left:?}");
    assert_eq!(emails(&rehearsal, target), addresses(1));
}

#[test]
fn a_row_that_the_service_refuses_fails_with_its_words_and_the_rest_goes_on() {
    let rehearsal = Rehearsal::new("[nethunt]\nunique_fields = [\"Name\"]\n");
    rehearsal.file("map.toml", NETHUNT.replace("to = \"Name\"", "to = \"Name\"\nwrite = \"replace\""));
    rehearsal.file("rows.csv", "name,email\nAda,a@x.example\nAda,b@x.example\nGrace,c@x.example\n");
    let one_by_one = ["--concurrency", "1", "--yes"];
    let base = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml"];
    let out = rehearsal.json(base.into_iter().chain(one_by_one)).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("failed")), (2, 1), "{}", out.transcript());
    let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    assert_eq!(rejected.len(), 1);
    assert_eq!((rejected[0]["_ferry_row"].as_str(), rejected[0]["email"].as_str()), ("2", "b@x.example"));
    let reason = &rejected[0]["_ferry_reason"];
    assert!(reason.contains("A record with the same \"Name\" exists already"), "{reason}");
}

#[test]
fn a_row_that_always_gets_a_500_fails_after_two_sweeps_and_the_rest_goes_on() {
    let rehearsal = Rehearsal::new("[nethunt]\nbad_value = 500\n");
    let mapping = format!("{NETHUNT}[[field]]\nto = \"Birthday\"\nfrom = \"born\"\ntype = \"text\"\n");
    rehearsal.file("map.toml", mapping);
    let rows = "name,email,born\nAda,a@x.example,1815-12-10\nBob,b@x.example,some day\nEve,c@x.example,\n";
    rehearsal.file("rows.csv", rows);
    let out = rehearsal.json(["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("failed")), (2, 1), "{}", out.transcript());
    let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    assert_eq!((rejected.len(), rejected[0]["_ferry_row"].as_str()), (1, "2"));
    assert!(rejected[0]["_ferry_reason"].contains("Birthday"), "{rejected:?}");
    let writes = rehearsal.ledger().into_iter().filter(crate::support::Entry::is_write);
    let sent = writes.filter(|entry| entry.body.as_deref().is_some_and(|body| body.contains("Bob"))).count();
    assert_eq!(sent, 2, "it is sent twice, with a sweep between, and then no more");
}

#[test]
fn a_request_that_was_lost_before_does_not_count_against_a_row_that_meets_a_500() {
    for target in TARGETS {
        let scenario = "[[fault]]\nkind = \"lost_request\"\nmethod = \"POST\"\nat = [1]\n\
                        [[fault]]\nkind = \"error_before_commit\"\nmethod = \"POST\"\nat = [2]\n";
        let rehearsal = Rehearsal::new(scenario).set("FERRY_SETTLE", "300ms");
        let out = import(&rehearsal, target, 1).expect(0);
        assert_balanced(&out);
        assert_eq!((out.count("created"), out.count("failed")), (1, 0), "{}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(1));
    }
}

#[test]
fn a_row_that_nimble_refuses_fails_with_its_words_and_the_rest_goes_on() {
    let scenario = "[[fault]]\nkind = \"error_before_commit\"\nmethod = \"POST\"\nstatus = 409\nat = [3]\n";
    let rehearsal = Rehearsal::new(scenario);
    let out = import(&rehearsal, TARGETS[1], ROWS).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("failed")), (ROWS as u64 - 1, 1), "{}", out.transcript());
    let run = run_of(&rehearsal, &out);
    assert_every_row_has_one_result(&run, ROWS as u64);
    let reason = &result_rows(&run, "rejected.csv")[0]["_ferry_reason"];
    assert!(reason.contains("Internal error handling request"), "{reason}");
}

#[test]
fn a_service_that_takes_no_writes_stops_the_run_and_fails_no_row() {
    let rehearsal = Rehearsal::new("[[fault]]\nkind = \"lost_request\"\nmethod = \"POST\"\n");
    let out = import(&rehearsal, TARGETS[0], 40).expect(3);
    assert_balanced(&out);
    assert_eq!((out.count("failed"), out.count("created")), (0, 0), "{}", out.transcript());
    rehearsal.faults("");
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!((out.count("created"), rehearsal.effects("create")), (40, 40));
}

#[test]
fn credentials_that_are_refused_stop_the_run_and_resume_completes_it() {
    for target in TARGETS {
        let rehearsal = Rehearsal::new("").set("FERRY_SETTLE", "100ms");
        prepare(&rehearsal, target, ROWS);
        rehearsal.faults("[[fault]]\nkind = \"unauthorized\"\nmethod = \"POST\"\nafter = 5\n");
        let base = ["import", "rows.csv", target.stream, "-m", "map.toml", "--yes"];
        let out = rehearsal.json(base).expect(5);
        assert_balanced(&out);
        assert_eq!((out.summary()["status"].as_str(), out.count("created")), (Some("stopped"), 5));
        assert_eq!(out.count("pending") + out.count("in_doubt"), 7, "{}", out.transcript());
        rehearsal.faults("");
        let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
        assert_balanced(&out);
        assert_eq!(emails(&rehearsal, target), addresses(ROWS));
    }
}

fn import(rehearsal: &Rehearsal, target: Target<'_>, rows: usize) -> Output {
    prepare(rehearsal, target, rows);
    rehearsal.json(["import", "rows.csv", target.stream, "-m", "map.toml", "--yes"])
}

pub(crate) fn prepare(rehearsal: &Rehearsal, target: Target<'_>, rows: usize) {
    let mut text = "name,email\n".to_owned();
    for (row, address) in addresses(rows).iter().enumerate() {
        writeln!(text, "Row {row:03},{address}").unwrap();
    }
    rehearsal.file("rows.csv", text);
    rehearsal.file("map.toml", target.mapping);
}

pub(crate) fn addresses(rows: usize) -> Vec<String> {
    (0..rows).map(|row| format!("row{row:03}@doubt.example")).collect()
}

/// Creates a record past Ferry.
fn create(rehearsal: &Rehearsal, target: Target<'_>, name: &str, email: &str) {
    if target.stream.starts_with("nimble") {
        let value = |value: &str, modifier: &str| json!([{"value": value, "modifier": modifier}]);
        let fields = json!({"first name": value(name, ""), "email": value(email, "work")});
        rehearsal.service("POST", "/contact", &json!({"record_type": "person", "fields": fields}));
        return;
    }
    let folders = rehearsal.get("/nethunt/folders");
    let folder = folders.as_array().unwrap().iter().find(|folder| folder["name"] == "Contacts").unwrap();
    let path = format!("/zapier/actions/create-record/{}", folder["id"].as_str().unwrap());
    let body = json!({"timeZone": "Europe/London", "fields": {"Name": name, "Email": [email]}});
    rehearsal.service("POST", &path, &body);
}

/// The addresses of all records at the target, sorted.
pub(crate) fn emails(rehearsal: &Rehearsal, target: Target<'_>) -> Vec<String> {
    let mut found: Vec<String> = if target.stream.starts_with("nimble") {
        rehearsal.contacts().iter().map(|contact| contact_value(contact, "email")).collect()
    } else {
        let of = |record: &Value| {
            let value = record["fields"]["Email"][0].as_str().unwrap_or_default();
            value.trim_matches(['<', '>']).to_owned()
        };
        rehearsal.records("Contacts").iter().map(of).collect()
    };
    found.sort();
    found
}

/// Those of them that rows of these tests have.
fn ours(rehearsal: &Rehearsal, target: Target<'_>) -> Vec<String> {
    emails(rehearsal, target).into_iter().filter(|email| email.ends_with("@doubt.example")).collect()
}
