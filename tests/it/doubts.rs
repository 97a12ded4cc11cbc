//! What becomes of a create whose answer was lost: adopted when it is there, sent when it is not, and never
//! guessed (design section 9.3).

use serde_json::{Value, json};

use crate::accounts::{
    assert_balanced, assert_every_row_has_one_result, contact_value, result_rows, run_of, tally,
};
use crate::support::{Output, Rehearsal};

const ROWS: &str = "name,email,country\nAda,ada@x.example,NO\nBea,bea@x.example,NO\nCid,cid@x.example,NO\n\
                    Dan,dan@x.example,NO\nEve,eve@x.example,NO\nFay,fay@x.example,NO\n";

const NETHUNT: &str = "[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                       [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n\
                       [[field]]\nto = \"Country\"\nfrom = \"country\"\n";

const NIMBLE: &str = "[[field]]\nto = \"_type\"\nconst = \"person\"\n\
                      [[field]]\nto = \"first name\"\nfrom = \"name\"\n\
                      [[field]]\nto = \"email[work]\"\nfrom = \"email\"\n";

const INTO_NETHUNT: [&str; 6] = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"];
const INTO_NIMBLE: [&str; 6] = ["import", "rows.csv", "nimble:contacts", "-m", "map.toml", "--yes"];

/// Hits every second, fourth and fifth create with a fault.
fn fault(kind: &str) -> String {
    format!("[[fault]]\nkind = \"{kind}\"\nmethod = \"POST\"\nat = [2, 4, 5]\n")
}

fn rehearsal(scenario: &str, head: &str, fields: &str) -> Rehearsal {
    let rehearsal = Rehearsal::new(scenario);
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", format!("[mapping]\n{head}\n{fields}"));
    rehearsal
}

fn record_names(rehearsal: &Rehearsal) -> Vec<String> {
    let records = rehearsal.records("Contacts");
    records.iter().map(|record| record["fields"]["Name"].as_str().unwrap().to_owned()).collect()
}

fn contact_names(rehearsal: &Rehearsal) -> Vec<String> {
    rehearsal.contacts().iter().map(|contact| contact_value(contact, "first name")).collect()
}

/// Every row is at the service once.
#[track_caller]
fn assert_six_once(names: Vec<String>, out: &Output) {
    let once = tally(["Ada", "Bea", "Cid", "Dan", "Eve", "Fay"].map(str::to_owned));
    assert_eq!(tally(names), once, "{}", out.transcript());
}

#[test]
fn creates_whose_answer_was_lost_are_adopted_and_not_sent_again() {
    for kind in ["lost_answer", "error_after_commit", "truncated_body", "empty_body"] {
        for key in ["", "key"] {
            let head = |field: &str| {
                if key.is_empty() { "mode = \"create\"".into() } else { format!("key = [\"{field}\"]") }
            };
            let nethunt = rehearsal(&fault(kind), &head("Email"), NETHUNT);
            let out = nethunt.json(INTO_NETHUNT).expect(0);
            assert_balanced(&out);
            assert_eq!((out.count("created"), nethunt.effects("create")), (6, 6), "{kind} {key}");
            assert_eq!(nethunt.writes_since(0).len(), 6, "{kind} {key}");
            assert_six_once(record_names(&nethunt), &out);

            let nimble = rehearsal(&fault(kind), &head("email[work]"), NIMBLE);
            let out = nimble.json(INTO_NIMBLE).expect(0);
            assert_eq!((out.count("created"), nimble.writes_since(0).len()), (6, 6), "{kind} {key}");
            assert_six_once(contact_names(&nimble), &out);
        }
    }
}

#[test]
fn creates_that_never_arrived_are_sent_again_once() {
    for kind in ["lost_request", "error_before_commit"] {
        let nethunt = rehearsal(&fault(kind), "key = [\"Email\"]", NETHUNT);
        let out = nethunt.json(INTO_NETHUNT).expect(0);
        assert_eq!((out.count("created"), nethunt.writes_since(0).len()), (6, 9), "{kind}");
        assert_six_once(record_names(&nethunt), &out);

        let nimble = rehearsal(&fault(kind), "key = [\"email[work]\"]", NIMBLE);
        let out = nimble.json(INTO_NIMBLE).expect(0);
        assert_eq!((out.count("created"), nimble.writes_since(0).len()), (6, 9), "{kind}");
        assert_six_once(contact_names(&nimble), &out);
    }
}

#[test]
fn more_new_records_than_rows_leave_the_row_in_doubt_and_send_nothing() {
    let scenario = "[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\ntimes = 1\n";
    let rehearsal = Rehearsal::new(scenario).set("FERRY_SETTLE", "3s");
    rehearsal.file("rows.csv", "name\nTwin\n");
    let mapping = "[mapping]\nmode = \"create\"\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n";
    rehearsal.file("map.toml", mapping);
    let life = rehearsal.spawn_with(rehearsal.command(INTO_NETHUNT).arg("--json"));
    rehearsal.wait_until("the create is done", |now| now.effects("create") == 1);
    create_in_nethunt(&rehearsal, &json!({"Name": "Twin"}));
    let out = life.wait().expect(1);
    assert_eq!(out.count("in_doubt"), 1, "{}", out.transcript());
    assert_balanced(&out);
    let run = run_of(&rehearsal, &out);
    let rows = result_rows(&run, "indoubt.csv");
    assert_eq!((rows.len(), rows[0]["name"].as_str()), (1, "Twin"));
    assert!(rows[0]["_ferry_reason"].contains("2 new records match 1 rows"), "{:?}", rows[0]);
    assert_eq!(rehearsal.effects("create"), 2, "ours and the other's, no third");

    let seen = rehearsal.requests();
    rehearsal.json(["resume", "--last", "--yes"]).expect(1);
    assert!(rehearsal.writes_since(seen).is_empty());
}

#[test]
fn a_new_record_with_the_key_and_other_content_is_a_conflict() {
    let scenario = "[[fault]]\nkind = \"lost_request\"\nmethod = \"POST\"\ntimes = 1\n";
    let rehearsal = Rehearsal::new(scenario).set("FERRY_SETTLE", "3s");
    rehearsal.file("rows.csv", "name,email,country\nAda,ada@x.example,NO\n");
    rehearsal.file("map.toml", format!("[mapping]\nkey = [\"Email\"]\n{NETHUNT}"));
    let life = rehearsal.spawn_with(rehearsal.command(INTO_NETHUNT).arg("--json"));
    rehearsal.wait_until("the create is lost", |now| !now.writes_since(0).is_empty());
    create_in_nethunt(&rehearsal, &json!({"Name": "Somebody Else", "Email": ["ada@x.example"]}));
    let out = life.wait().expect(1);
    assert_eq!(out.count("conflicts"), 1, "{}", out.transcript());
    assert_balanced(&out);
    let rows = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
    assert!(rows[0]["_ferry_reason"].contains("has its key and other content"), "{:?}", rows[0]);
    assert_eq!(rehearsal.effects("create"), 1, "only the other's");
}

#[test]
fn a_row_that_nethunt_answers_with_500_for_good_fails_with_its_text_and_the_rest_goes_on() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", ROWS.replace("Cid,cid@x.example,NO", "Cid,cid@x.example,Norwegen"));
    rehearsal.file("map.toml", format!("[mapping]\nkey = [\"Email\"]\n{NETHUNT}"));
    let out = rehearsal.json(INTO_NETHUNT).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("failed")), (5, 1), "{}", out.transcript());
    let run = run_of(&rehearsal, &out);
    assert_every_row_has_one_result(&run, 6);
    let rejected = result_rows(&run, "rejected.csv");
    assert_eq!((rejected[0]["name"].as_str(), rejected[0]["_ferry_action"].as_str()), ("Cid", "failed"));
    assert!(rejected[0]["_ferry_reason"].contains("is not a country code"), "{:?}", rejected[0]);
}

#[test]
fn a_row_that_nimble_refuses_fails_with_its_text_and_the_rest_goes_on() {
    let scenario = "[[fault]]\nkind = \"error_before_commit\"\nmethod = \"POST\"\nstatus = 409\nat = [3]\n";
    let rehearsal = rehearsal(scenario, "key = [\"email[work]\"]", NIMBLE);
    let out = rehearsal.json(INTO_NIMBLE).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("failed")), (5, 1), "{}", out.transcript());
    let run = run_of(&rehearsal, &out);
    assert_every_row_has_one_result(&run, 6);
    let reason = &result_rows(&run, "rejected.csv")[0]["_ferry_reason"];
    assert!(reason.contains("Internal error handling request"), "{reason}");
}

#[test]
fn a_service_that_answers_no_writes_is_told_apart_from_rows_that_it_refuses() {
    let scenario = "[[fault]]\nkind = \"lost_request\"\nmethod = \"POST\"\n";
    let rehearsal = rehearsal(scenario, "key = [\"Email\"]", NETHUNT);
    let rows: String = (0..40).map(|row| format!("R{row},r{row}@x.example,NO\n")).collect();
    rehearsal.file("rows.csv", format!("name,email,country\n{rows}"));
    let out = rehearsal.json(INTO_NETHUNT).expect(3);
    assert_balanced(&out);
    assert_eq!(out.count("failed"), 0, "{}", out.transcript());
    rehearsal.faults("");
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!((out.count("created"), rehearsal.effects("create")), (40, 40));
}

/// A record made by somebody who works under the same login.
fn create_in_nethunt(rehearsal: &Rehearsal, fields: &Value) {
    let folders = rehearsal.get("/nethunt/folders");
    let contacts = folders.as_array().unwrap().iter().find(|folder| folder["name"] == "Contacts").unwrap();
    let path = format!("/zapier/actions/create-record/{}", contacts["id"].as_str().unwrap());
    rehearsal.service("POST", &path, &json!({"timeZone": "Etc/UTC", "fields": fields}));
}
