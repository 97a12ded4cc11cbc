//! `undo` of what a run made in other streams, and in its own, for the links of its rows (design sections 9.5, 9.7).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, linking, record_id, result_rows, run_of};
use crate::support::{Output, Rehearsal};

/// Notes of contacts that are made for them.
const NOTES: &str = r#"
[mapping]
mode = "create"
[[field]]
to = "text"
from = "text"
[[field]]
to = "_record"
from = "contact"
link = { stream = "nimble:contacts", by = "last name", missing = "create" }
"#;

const SLOW: &str = "[[fault]]\nkind = \"latency\"\nmethod = \"write\"\nlatency_ms = 40\n";

fn mapped<'a>(rehearsal: &Rehearsal, mapping: &str, to: &'a str) -> [&'a str; 6] {
    rehearsal.file("map.toml", mapping);
    ["import", "rows.csv", to, "-m", "map.toml", "--yes"]
}

fn import(rehearsal: &Rehearsal, mapping: &str, to: &str) -> String {
    let out = rehearsal.json(mapped(rehearsal, mapping, to)).expect(0);
    assert_balanced(&out);
    run(&out)
}

fn run(out: &Output) -> String {
    out.summary()["run"].as_str().unwrap().to_owned()
}

/// The name of the newest run.
fn newest(rehearsal: &Rehearsal) -> String {
    let run = rehearsal.runs().pop().unwrap();
    run.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Everything in both folders, by id.
fn content(rehearsal: &Rehearsal) -> BTreeMap<String, Value> {
    let folders = ["Companies", "Deals"].into_iter().flat_map(|folder| rehearsal.records(folder));
    folders.map(|record| (record_id(&record), record["fields"].clone())).collect()
}

fn company(rehearsal: &Rehearsal, name: &str) -> String {
    let companies = rehearsal.records("Companies");
    record_id(companies.iter().find(|record| record["fields"]["Name"] == name).unwrap())
}

/// Somebody else makes a record.
fn make(rehearsal: &Rehearsal, folder: &str, fields: &Value) {
    let folders = rehearsal.get("/nethunt/folders");
    let folder = folders.as_array().unwrap().iter().find(|known| known["name"] == folder).unwrap();
    let path = format!("/zapier/actions/create-record/{}", folder["id"].as_str().unwrap());
    rehearsal.service("POST", &path, &json!({"timeZone": "Europe/London", "fields": fields}));
}

#[test]
fn what_was_made_in_another_stream_goes_after_the_rows_that_link_to_it() {
    let rehearsal = Rehearsal::new("");
    make(&rehearsal, "Companies", &json!({"Name": "ACME"}));
    let before = content(&rehearsal);
    rehearsal.file("rows.csv", "name,company\nOne,ACME\nTwo,Globex\nThree,globex\nFour,Initech\n");
    let run = import(&rehearsal, &linking("Company", "create"), "nethunt:Deals");
    let after = content(&rehearsal);
    assert_eq!(after.len(), 7);

    let seen = rehearsal.requests();
    let out = rehearsal.json(["undo", &run, "-n"]).expect(0);
    assert_balanced(&out);
    assert_eq!(out.count("deleted"), 6, "{}", out.transcript());
    let plans: Vec<(Value, Value)> = out
        .objects()
        .iter()
        .filter_map(|object| object.get("plan"))
        .map(|plan| (plan["target"].clone(), plan["delete"].clone()))
        .collect();
    let plan = |target: &str, delete: u64| (json!(target), json!(delete));
    assert_eq!(plans, [plan("nethunt:Deals", 4), plan("nethunt:Companies", 2)]);
    assert!(rehearsal.writes_since(seen).is_empty());

    let out = rehearsal.json(["undo", &run, "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!((out.count("read"), out.count("deleted")), (6, 6), "{}", out.transcript());
    assert_eq!(content(&rehearsal), before);
    let writes = rehearsal.writes_since(seen);
    let deals: Vec<bool> = writes
        .iter()
        .map(|write| {
            let id = write.path.rsplit('/').next().unwrap();
            after[id].get("Company").is_some()
        })
        .collect();
    assert_eq!(deals, [true, true, true, true, false, false], "{writes:?}");
    let copy = out.summary()["files"]["deleted of nethunt:Companies"].as_str().unwrap().to_owned();
    assert_eq!(rehearsal.read(&copy).lines().count(), 3);

    let seen = rehearsal.requests();
    let refused = rehearsal.ferry(["resume", &run, "--yes"]).expect(2);
    assert!(refused.stderr.contains("taken back"), "{}", refused.transcript());
    let again = rehearsal.json(["undo", &self::run(&out), "--yes"]).expect(0);
    assert_balanced(&again);
    assert_eq!(again.count("skipped"), 6, "{}", again.transcript());
    assert!(rehearsal.writes_since(seen).is_empty());
}

#[test]
fn what_others_changed_or_link_to_since_stays_and_is_listed() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "name,company\nOne,Globex\nTwo,Initech\nThree,Umbrella\nFour,Hooli\n");
    let run = import(&rehearsal, &linking("Company", "create"), "nethunt:Deals");
    let [edited, linked, kept] = ["Globex", "Initech", "Umbrella"].map(|name| company(&rehearsal, name));
    let action = json!({"fieldActions": {"Domain": {"overwrite": true, "add": "globex.example"}}});
    let path = format!("/zapier/actions/update-record/{edited}?overwrite=false");
    rehearsal.service("POST", &path, &action);
    make(&rehearsal, "Deals", &json!({"Name": "Foreign", "Company": [linked]}));
    // A row that stays keeps what it links to.
    let deals = rehearsal.records("Deals");
    let three = record_id(deals.iter().find(|record| record["fields"]["Name"] == "Three").unwrap());
    rehearsal.service("POST", &format!("/zapier/actions/create-comment/{three}"), &json!({"text": "call"}));

    let out = rehearsal.json(["undo", &run, "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("conflicts"), out.count("deleted")), (4, 4), "{}", out.transcript());
    let listed = out.summary()["files"]["conflicts of nethunt:Companies"].as_str().unwrap().to_owned();
    let listed = result_rows(rehearsal.path(&listed).parent().unwrap(), "conflicts.csv");
    let reason = |id: &str| &listed.iter().find(|row| row["_ferry_id"] == id).unwrap()["_ferry_reason"];
    assert!(reason(&edited).contains("holds `globex.example`"), "{listed:?}");
    assert!(reason(&linked).contains("links to it in `Company`"), "{listed:?}");
    assert!(reason(&kept).contains("links to it in `Company`"), "{listed:?}");
    let left: Vec<Value> =
        rehearsal.records("Companies").iter().map(|record| json!(record_id(record))).collect();
    assert!(left.len() == 3 && [&edited, &linked, &kept].iter().all(|id| left.contains(&json!(id))));
    let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
    assert_eq!((conflicts.len(), conflicts[0]["_ferry_id"].as_str()), (1, three.as_str()));
}

#[test]
fn what_was_made_in_the_same_stream_goes_too() {
    let rehearsal = Rehearsal::new("");
    make(&rehearsal, "Companies", &json!({"Name": "ACME"}));
    let before = content(&rehearsal);
    rehearsal.file("rows.csv", "name,parent\nOne,ACME\nTwo,Globex\nThree,Initech\nACME,Globex\n");
    let run = import(&rehearsal, &linking("Parent", "create"), "nethunt:Companies");
    let edited = company(&rehearsal, "Initech");
    let out = rehearsal.json(["undo", &run, "-n"]).expect(0);
    assert_eq!((out.count("deleted"), out.count("updated")), (5, 1), "{}", out.transcript());
    let action = json!({"fieldActions": {"Domain": {"overwrite": true, "add": "x.example"}}});
    rehearsal.service("POST", &format!("/zapier/actions/update-record/{edited}?overwrite=false"), &action);
    let out = rehearsal.json(["undo", &run, "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("deleted"), out.count("conflicts")), (4, 1), "{}", out.transcript());
    let mut now = content(&rehearsal);
    assert!(now.remove(&edited).is_some());
    assert_eq!(now, before);
}

#[test]
fn contacts_that_were_made_for_notes_go_with_them() {
    let rehearsal = Rehearsal::generated("", 5);
    let ids = |rehearsal: &Rehearsal| -> Vec<String> { rehearsal.contacts().iter().map(record_id).collect() };
    let before = ids(&rehearsal);
    rehearsal.file("rows.csv", "text,contact\nhello,Zuckerkandl\nagain,Zuckerkandl\nbye,Quux\n");
    let run = import(&rehearsal, NOTES, "nimble:notes");
    assert_eq!(ids(&rehearsal).len(), before.len() + 2);
    let quux = ids(&rehearsal).pop().unwrap();
    let out = rehearsal.json(["undo", &run, "-n"]).expect(0);
    assert_eq!(out.count("deleted"), 5, "{}", out.transcript());
    let note = json!({"contact_ids": [quux], "note": "call", "note_preview": "call"});
    rehearsal.service("POST", "/contacts/notes", &note);
    let out = rehearsal.json(["undo", &run, "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("deleted"), out.count("conflicts")), (4, 1), "{}", out.transcript());
    let mut now = ids(&rehearsal);
    now.retain(|id| *id != quux);
    assert_eq!(now, before);
}

#[test]
fn a_run_that_was_killed_while_it_made_them_is_taken_back() {
    let fault = "[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\nfirst = 2\n\
                 [[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nafter = 2\nlatency_ms = 20000\n";
    let rehearsal = Rehearsal::new("").set("FERRY_CONCURRENCY", "2");
    let before = content(&rehearsal);
    rehearsal.file("rows.csv", "name,company\nOne,Globex\nTwo,Initech\nThree,Umbrella\n");
    rehearsal.faults(fault);
    let life = rehearsal.spawn(mapped(&rehearsal, &linking("Company", "create"), "nethunt:Deals"));
    rehearsal.wait_until("companies are lost", |now| now.effects("create") >= 2);
    assert!(life.kill_9(), "it ended before it could be killed");
    rehearsal.faults("");
    let out = rehearsal.json(["undo", &newest(&rehearsal), "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!(out.count("deleted"), 2, "{}", out.transcript());
    assert_eq!(content(&rehearsal), before);
}

#[test]
fn a_killed_undo_goes_on_and_takes_them_back() {
    let rows: String = (0..8).map(|row| format!("Deal {row},Company {}\n", row / 2)).collect();
    let rehearsal = Rehearsal::new("").set("FERRY_CONCURRENCY", "1");
    let before = content(&rehearsal);
    rehearsal.file("rows.csv", format!("name,company\n{rows}"));
    let run = import(&rehearsal, &linking("Company", "create"), "nethunt:Deals");
    rehearsal.faults(SLOW);
    let mut command = vec!["undo", run.as_str(), "--yes"];
    for writes in [1, 6, 2] {
        let seen = rehearsal.requests();
        let mut life = rehearsal.spawn(&command);
        command = vec!["resume", "--last", "--yes"];
        rehearsal.wait_until("some is taken back", |now| {
            now.writes_since(seen).len() >= writes || life.has_ended()
        });
        life.kill_9();
    }
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!((out.count("pending"), out.count("read")), (0, 12), "{}", out.transcript());
    assert_eq!(content(&rehearsal), before, "{}", out.transcript());
}
