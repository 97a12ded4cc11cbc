//! `delete`: only what a file lists by `_id`, copied first, and nothing that changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::BufRead as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, assert_every_row_has_one_result, result_rows, run_of};
use crate::support::Rehearsal;

const STREAM: &str = "nethunt:Contacts";

/// The ids of all records, as an export lists them.
fn exported(rehearsal: &Rehearsal) -> Vec<String> {
    rehearsal.ferry(["export", STREAM, "-o", "all.csv"]).expect(0);
    let mut reader = csv::Reader::from_path(rehearsal.path("all.csv")).unwrap();
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    rows.map(|row| row.unwrap()["_id"].clone()).collect()
}

/// The ids of all records at the service.
fn there(rehearsal: &Rehearsal) -> BTreeSet<String> {
    let id = |record: &Value| {
        let id = if record["id"].is_null() { &record["recordId"] } else { &record["id"] };
        id.as_str().unwrap().to_owned()
    };
    rehearsal.records("Contacts").iter().map(id).collect()
}

/// A file that lists ids.
fn list<'a>(rehearsal: &Rehearsal, ids: impl IntoIterator<Item = &'a str>) {
    let mut text = "_id,note\n".to_owned();
    for id in ids {
        writeln!(text, "{id},x").unwrap();
    }
    rehearsal.file("gone.csv", text);
}

/// The ids in a run's copies of what it deletes: as a plain export, and as the service wrote them.
fn copies(run: &Path) -> [BTreeSet<String>; 2] {
    let table = result_rows(run, "deleted.csv").into_iter().map(|row| row["_id"].clone()).collect();
    let file = std::fs::File::open(run.join("deleted.jsonl.zst")).unwrap();
    let lines = std::io::BufReader::new(zstd::Decoder::new(file).unwrap()).lines();
    let raw = lines.map(|line| {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        record["recordId"].as_str().or(record["id"].as_str()).unwrap().to_owned()
    });
    [table, raw.collect()]
}

fn edit(rehearsal: &Rehearsal, id: &str) {
    let action = json!({"overwrite": true, "add": "Edited meanwhile", "remove": Value::Null});
    let body = json!({"timeZone": "Europe/London", "fieldActions": {"Name": action}});
    rehearsal.service("POST", &format!("/zapier/actions/update-record/{id}?overwrite=true"), &body);
}

#[test]
fn what_is_listed_is_shown_and_copied_and_only_then_deleted() {
    let rehearsal = Rehearsal::generated("", 20);
    let ids = exported(&rehearsal);
    let unknown = "ffffffffffffffffffffffff";
    list(&rehearsal, [ids[2].as_str(), "", &ids[5], unknown, &ids[2], &ids[9], "no id at all"]);
    let before = rehearsal.requests();

    let out = rehearsal.json(["delete", "gone.csv", STREAM, "-n"]).expect(0);
    assert_balanced(&out);
    assert_eq!(out.summary()["status"], "planned");
    assert_eq!((out.count("deleted"), out.count("rejected")), (3, 4), "{}", out.transcript());
    let plan = &out.objects()[0]["plan"];
    assert_eq!((&plan["delete"], plan["differences"].as_array().unwrap().len()), (&json!(3), 3));
    assert!(!plan["differences"][0]["changes"][0]["before"].as_array().unwrap().is_empty(), "{plan}");
    // Three deletes, and each record is read once more.
    assert!(plan["requests"].as_u64().unwrap() >= 6, "{plan}");
    let wanted: BTreeSet<String> = [2, 5, 9].map(|at: usize| ids[at].clone()).into();
    assert_eq!(copies(&run_of(&rehearsal, &out)), [wanted.clone(), wanted.clone()]);

    let out = rehearsal.ferry(["delete", "gone.csv", STREAM]).expect(2);
    assert!(out.stderr.contains("to delete"), "the plan is shown before it is asked: {}", out.transcript());
    assert_eq!(rehearsal.effects("delete"), 0);
    assert!(rehearsal.writes_since(before).is_empty());

    let out = rehearsal.json(["delete", "gone.csv", STREAM, "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("deleted"), out.count("rejected")), (3, 4), "{}", out.transcript());
    let run = run_of(&rehearsal, &out);
    assert_every_row_has_one_result(&run, 7);
    assert_eq!(copies(&run), [wanted.clone(), wanted.clone()]);
    let reasons: Vec<String> =
        result_rows(&run, "rejected.csv").iter().map(|row| row["_ferry_reason"].clone()).collect();
    assert!(reasons[0].contains("blank"), "{reasons:?}");
    assert!(reasons[1].contains(unknown), "{reasons:?}");
    assert!(reasons[2].contains("row 1"), "{reasons:?}");
    assert!(reasons[3].contains("no id at all"), "{reasons:?}");
    let expected: BTreeSet<String> = ids.iter().filter(|id| !wanted.contains(*id)).cloned().collect();
    assert_eq!(there(&rehearsal), expected);

    // What is gone is not found again, and nothing else goes in its place.
    let again = rehearsal.json(["delete", "gone.csv", STREAM, "--yes"]).expect(1);
    assert_eq!((again.count("deleted"), again.count("rejected")), (0, 7), "{}", again.transcript());
    assert_eq!(there(&rehearsal), expected);
}

#[test]
fn more_than_is_allowed_or_without_ids_or_where_nothing_can_go_is_refused() {
    let rehearsal = Rehearsal::generated("", 20);
    let ids = exported(&rehearsal);
    list(&rehearsal, ids.iter().take(6).map(String::as_str));
    let out = rehearsal.ferry(["delete", "gone.csv", STREAM, "--yes", "--max-deletes", "5"]).expect(2);
    assert!(out.stderr.contains("names 6 records"), "{}", out.transcript());
    assert!(out.stderr.contains("--max-deletes 6"), "{}", out.transcript());
    rehearsal.file("names.csv", "Name\nAda\n");
    let out = rehearsal.ferry(["delete", "names.csv", STREAM, "--yes"]).expect(2);
    assert!(out.stderr.contains("no column `_id`"), "{}", out.transcript());
    let out = rehearsal.ferry(["delete", STREAM, STREAM, "--yes"]).expect(2);
    assert!(out.stderr.contains("is a stream"), "{}", out.transcript());
    for stream in ["nethunt:folders", "nethunt:Contacts/comments"] {
        let out = rehearsal.ferry(["delete", "gone.csv", stream, "--yes"]).expect(2);
        assert!(out.stderr.contains(stream), "{}", out.transcript());
    }
    let out = rehearsal.json(["delete", "gone.csv", STREAM, "--yes", "--limit", "2"]).expect(0);
    assert_eq!((out.count("read"), out.count("deleted")), (2, 2), "{}", out.transcript());
    assert_eq!(there(&rehearsal).len(), ids.len() - 2);
}

#[test]
fn a_killed_delete_goes_on_and_leaves_what_was_edited_meanwhile() {
    // What comes after some deletes is not served before the test is over: it waits there to be killed.
    let held = "[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nafter = 5\nlatency_ms = 60000\n";
    let rehearsal = Rehearsal::generated(held, 30);
    let ids = exported(&rehearsal);
    list(&rehearsal, ids.iter().take(24).map(String::as_str));
    let args = ["delete", "gone.csv", STREAM, "--yes", "--concurrency", "1"];
    let life = rehearsal.spawn(args);
    rehearsal.wait_until("some are deleted", |now| now.effects("delete") >= 3);
    assert!(life.kill_9(), "it ended before it could be killed");
    rehearsal.faults("");
    let left: Vec<String> =
        ids.iter().take(24).filter(|id| there(&rehearsal).contains(*id)).cloned().collect();
    edit(&rehearsal, &left[left.len() - 1]);
    edit(&rehearsal, &left[left.len() - 2]);
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("deleted"), out.count("conflicts")), (22, 2), "{}", out.transcript());
    assert_every_row_has_one_result(&run_of(&rehearsal, &out), 24);
    let expected: BTreeSet<String> = left[left.len() - 2..].iter().chain(&ids[24..]).cloned().collect();
    assert_eq!(there(&rehearsal), expected);
}

#[test]
fn kills_in_a_storm_delete_exactly_what_was_listed() {
    let storm =
        [("lost_answer", 0.1), ("error_after_commit", 0.05), ("lost_request", 0.05), ("late_commit", 0.05)];
    let mut scenario = "[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nlatency_ms = 15\n".to_owned();
    for (kind, probability) in storm {
        write!(scenario, "[[fault]]\nkind = \"{kind}\"\nmethod = \"POST\"\nprobability = {probability}\n")
            .unwrap();
        if kind == "late_commit" {
            scenario.push_str("late_commit_ms = 100\n");
        }
    }
    let rehearsal = Rehearsal::generated(&scenario, 80);
    let ids = exported(&rehearsal);
    list(&rehearsal, ids.iter().take(60).map(String::as_str));
    let mut command = vec!["delete", "gone.csv", STREAM, "--yes"];
    for deletes in [4, 15, 30, 45] {
        let mut life = rehearsal.spawn(&command);
        command = vec!["resume", "--last", "--yes"];
        rehearsal.wait_until("more are deleted", |now| now.effects("delete") >= deletes || life.has_ended());
        life.kill_9();
    }
    let out = rehearsal.json(["resume", "--last", "--yes"]);
    assert_balanced(&out);
    assert_eq!(out.count("deleted"), 60, "{}", out.transcript());
    assert_eq!(there(&rehearsal), ids[60..].iter().cloned().collect());
    let copied = copies(&run_of(&rehearsal, &out));
    assert_eq!(copied[0], ids[..60].iter().cloned().collect());
    assert_eq!(copied[0], copied[1]);
}

#[test]
fn what_was_deleted_comes_back_by_its_copy() {
    let stream = "nimble:contacts";
    let rehearsal = Rehearsal::generated("", 12);
    rehearsal.json(["export", stream, "-o", "all.csv"]).expect(0);
    let mut reader = csv::Reader::from_path(rehearsal.path("all.csv")).unwrap();
    let ids: String = reader.records().take(4).map(|row| format!("{}\n", &row.unwrap()[0])).collect();
    rehearsal.file("some.csv", format!("_id\n{ids}"));
    let out = rehearsal.json(["delete", "some.csv", stream, "--yes"]).expect(0);
    let copy = run_of(&rehearsal, &out).join("deleted.csv");
    let mut reader = csv::Reader::from_path(copy).unwrap();
    let mut writer = csv::Writer::from_path(rehearsal.path("back.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    assert_eq!(&headers[0], "_id");
    for row in std::iter::once(headers).chain(reader.records().map(Result::unwrap)) {
        writer.write_record(row.iter().skip(1)).unwrap();
    }
    writer.flush().unwrap();
    let back = rehearsal.json(["import", "back.csv", stream, "--yes"]).expect(0);
    assert_eq!((back.count("created"), back.count("verified")), (4, 4), "{}", back.transcript());
}

#[test]
fn each_field_of_a_new_row_that_the_service_fills_is_named() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("new.csv", "_id,first name,_owner,_creator\n,Ada,me,you\n");
    let out = rehearsal.json(["import", "new.csv", "nimble:contacts", "--yes"]).expect(1);
    assert_eq!((out.count("rejected"), out.count("created")), (1, 0), "{}", out.transcript());
    let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    let reason = &rejected[0]["_ferry_reason"];
    assert!(reason.contains("_owner: the service fills") && reason.contains("_creator: the"), "{reason}");
}
