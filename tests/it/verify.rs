//! What was written is read back and compared with what was meant (design section 9.6).

use std::fmt::Write;

use serde_json::json;

use crate::accounts::{assert_balanced, linking, record_id, result_rows, run_of};
use crate::support::{Output, Rehearsal};

const ROWS: usize = 70;

const NETHUNT: &str = r#"
[mapping]
mode = "create"
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
mode = "create"
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

/// A stream, its mapping, the field of the name, and where records are read back.
const TARGETS: [(&str, &str, &str, &str); 2] = [
    ("nimble:contacts", NIMBLE, "first name", "/contact/"),
    ("nethunt:Contacts", NETHUNT, "Name", "/triggers/updated-record"),
];

fn prepare(rehearsal: &Rehearsal, mapping: &str) {
    let mut text = "name,email\n".to_owned();
    for row in 0..ROWS {
        writeln!(text, "Row {row:03},Row{row:03}@Verify.example").unwrap();
    }
    rehearsal.file("rows.csv", text);
    rehearsal.file("map.toml", mapping);
}

#[test]
fn everything_that_was_written_is_read_back_and_counted() {
    for (stream, mapping, ..) in TARGETS {
        let rehearsal = Rehearsal::generated("", 20);
        prepare(&rehearsal, mapping);
        let base = ["import", "rows.csv", stream, "-m", "map.toml", "--yes"];
        let out = rehearsal.ferry(base).expect(0);
        assert!(out.stderr.contains(&format!("verified {ROWS} of {ROWS}")), "{}", out.transcript());
        let seen = rehearsal.requests();
        let out = rehearsal.json(base.into_iter().chain(["--no-verify"])).expect(0);
        assert_eq!((out.count("created"), out.count("verified")), (ROWS as u64, 0));
        // Nothing is read after the last write.
        assert!(rehearsal.ledger_since(seen).last().unwrap().is_write());
    }
}

/// After some creates the next ones take their time: enough to order what happens when all are made.
const SLOWER: &str =
    "[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nafter = 3\ntimes = 4\nlatency_ms = 1500\n";

/// Imports, and lets `meanwhile` do something with the records of rows 3 and 8 between the last write and the
/// reading back.
fn meddle(
    rehearsal: &Rehearsal,
    (stream, mapping, field, path): (&str, &str, &str, &str),
    meanwhile: impl Fn(&Rehearsal, &str, &str),
) -> Output {
    prepare(rehearsal, mapping);
    let life = rehearsal.spawn_with(
        rehearsal.command(["import", "rows.csv", stream, "-m", "map.toml", "--yes"]).arg("--json"),
    );
    let begun = |now: &Rehearsal| now.effects("create") >= 1;
    rehearsal.wait_until("records are made", begun);
    rehearsal.faults(&format!(
        "[[fault]]\nkind = \"latency\"\nmethod = \"GET\"\npath = \"{path}\"\nlatency_ms = 3000\n"
    ));
    rehearsal.wait_until("all are made", |now| now.effects("create") >= ROWS);
    let id = |name: &str| {
        if stream.starts_with("nimble") {
            let contacts = rehearsal.contacts();
            let named = |contact: &&serde_json::Value| crate::accounts::contact_value(contact, field) == name;
            return contacts.iter().find(named).unwrap()["id"].as_str().unwrap().to_owned();
        }
        let records = rehearsal.records("Contacts");
        let record = records.iter().find(|record| record["fields"]["Name"] == name).unwrap();
        record_id(record)
    };
    meanwhile(rehearsal, &id("Row 003"), &id("Row 008"));
    life.wait()
}

#[test]
fn what_was_altered_or_is_gone_is_named_and_counts_as_a_check_that_failed() {
    for target in TARGETS {
        let rehearsal = Rehearsal::new(SLOWER);
        let nimble = target.0.starts_with("nimble");
        let out = meddle(&rehearsal, target, |rehearsal, altered, gone| {
            if nimble {
                let fields = json!({"first name": [{"value": "Altered", "modifier": ""}]});
                rehearsal.service(
                    "PUT",
                    &format!("/contact/{altered}?replace=0"),
                    &json!({"fields": fields}),
                );
                rehearsal.service("DELETE", &format!("/contact/{gone}"), &json!({}));
            } else {
                let action = json!({"overwrite": true, "add": "Altered"});
                let path = format!("/zapier/actions/update-record/{altered}?overwrite=false");
                rehearsal.service("POST", &path, &json!({"fieldActions": {"Name": action}}));
                rehearsal.service("POST", &format!("/zapier/actions/delete-record/{gone}"), &json!({}));
            }
        });
        let out = out.expect(4);
        assert_balanced(&out);
        assert_eq!(out.summary()["status"], "partial");
        let counts = (out.count("created"), out.count("verified"));
        assert_eq!(counts, (ROWS as u64, ROWS as u64 - 2), "{}", out.transcript());
        let rows = result_rows(&run_of(&rehearsal, &out), "differences.csv");
        let shown = |row: &str, column: &str| {
            rows.iter().find(|found| found["_ferry_row"] == row).unwrap()[column].clone()
        };
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(
            (shown("4", "_ferry_field").as_str(), shown("4", "_ferry_found").as_str()),
            (target.2, "Altered")
        );
        assert_eq!(shown("4", "_ferry_meant"), "Row 003");
        assert!(shown("9", "_ferry_reason").contains("not there"), "{rows:?}");
        assert!(out.stderr.contains("verified 68 of 70"), "{}", out.transcript());
        // The end is told again as it was.
        let again = rehearsal.json(["resume", "--last", "--yes"]).expect(4);
        assert_eq!(again.count("verified"), ROWS as u64 - 2);
    }
}

#[test]
fn a_verification_that_was_killed_goes_on() {
    for target in TARGETS {
        let rehearsal = Rehearsal::new(SLOWER);
        prepare(&rehearsal, target.1);
        let life = rehearsal.spawn(["import", "rows.csv", target.0, "-m", "map.toml", "--yes"]);
        rehearsal.wait_until("records are made", |now| now.effects("create") >= 1);
        let path = target.3;
        rehearsal.faults(&format!(
            "[[fault]]\nkind = \"latency\"\nmethod = \"GET\"\npath = \"{path}\"\nlatency_ms = 60000\n"
        ));
        rehearsal.wait_until("all are made", |now| now.effects("create") >= ROWS);
        assert!(life.kill_9(), "it ended before it could be killed");
        rehearsal.faults("");
        let seen = rehearsal.requests();
        let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
        assert_balanced(&out);
        let counts = (out.count("created"), out.count("verified"));
        assert_eq!(counts, (ROWS as u64, ROWS as u64), "{}", out.transcript());
        assert!(rehearsal.writes_since(seen).is_empty(), "{}", out.transcript());
    }
}

#[test]
fn records_made_for_links_are_planned_read_back_and_counted_apart() {
    let rehearsal = Rehearsal::new("[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nlatency_ms = 20\n");
    rehearsal.file("map.toml", linking("Company", "create"));
    rehearsal.file("rows.csv", "name,company\nOne,Globex\nTwo,Initech\nThree,Globex\n");
    let plan = ["plan", "rows.csv", "nethunt:Deals", "-m", "map.toml"];
    let out = rehearsal.json(plan).expect(0);
    assert_eq!((out.count("created"), out.count("linked_created")), (3, 2), "{}", out.transcript());
    let view = out.objects().into_iter().find_map(|object| object.get("plan").cloned()).unwrap();
    assert_eq!((&view["first"], &view["requests"]), (&json!({"nethunt:Companies": 2}), &json!(5)));
    let run = out.summary()["run"].as_str().unwrap().to_owned();
    let shown = rehearsal.json(["runs", "show", &run]).expect(0);
    assert_eq!(shown.objects()[0]["plan"]["requests"], 5, "{}", shown.transcript());

    let out = rehearsal.json(["apply", &run, "--yes"]).expect(0);
    assert_balanced(&out);
    let counts = ["created", "verified", "linked_created", "linked_verified"].map(|key| out.count(key));
    assert_eq!(counts, [3, 3, 2, 2], "{}", out.transcript());

    // What became another since is named.
    rehearsal.file("rows.csv", "name,company\nFour,Hooli\nFive,Umbrella\n");
    let before = rehearsal.effects("create");
    let import = ["import", "rows.csv", "nethunt:Deals", "-m", "map.toml", "--yes"];
    // Whatever reads back what was made takes its time, so that there is time to alter it before.
    rehearsal.faults(
        "[[fault]]\nkind = \"latency\"\nmethod = \"GET\"\npath = \"/triggers/updated-record\"\nlatency_ms = 3000\n",
    );
    let life = rehearsal.spawn_with(rehearsal.command(import).arg("--json"));
    rehearsal.wait_until("all are made", |now| now.effects("create") >= before + 4);
    let companies = rehearsal.records("Companies");
    let hooli = companies.iter().find(|record| record["fields"]["Name"] == "Hooli").unwrap();
    let id = record_id(hooli);
    let action = json!({"overwrite": true, "add": "Altered"});
    let path = format!("/zapier/actions/update-record/{id}?overwrite=false");
    rehearsal.service("POST", &path, &json!({"fieldActions": {"Name": action}}));
    let out = life.wait().expect(4);
    assert_balanced(&out);
    let counts = ["created", "verified", "linked_created", "linked_verified"].map(|key| out.count(key));
    assert_eq!(counts, [2, 2, 2, 1], "{}", out.transcript());
    let rows = result_rows(&run_of(&rehearsal, &out), "differences.csv");
    assert_eq!(
        (rows.len(), rows[0]["_ferry_row"].as_str(), rows[0]["_ferry_id"].as_str()),
        (1, "", id.as_str())
    );
    assert!(rows[0]["_ferry_reason"].contains("made in nethunt:Companies for links"), "{rows:?}");
}

#[test]
fn times_that_nethunt_shows_as_numbers_are_those_that_were_written() {
    let rehearsal = Rehearsal::new("[nethunt]\ndate_times = \"epoch-ms\"\n");
    let mapping = "[mapping]\nkey = [\"External ID\"]\n[[field]]\nto = \"External ID\"\nfrom = \"id\"\n\
                   [[field]]\nto = \"Name\"\nfrom = \"id\"\n[[field]]\nto = \"Last call\"\nfrom = \"call\"\n";
    rehearsal.file("map.toml", mapping);
    let import = |calls: &[&str]| {
        let rows = calls.iter().enumerate().map(|(id, call)| format!("{id},{call}\n"));
        rehearsal.file("rows.csv", format!("id,call\n{}", rows.collect::<String>()));
        rehearsal.json(["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"]).expect(0)
    };
    let counts = |out: &Output| ["created", "updated", "unchanged", "verified"].map(|key| out.count(key));
    let (old, new) = ("2024-12-19T09:26:00.000Z", "2024-12-20T09:26:00.000Z");
    assert_eq!(counts(&import(&[old])), [1, 0, 0, 1]);
    assert_eq!(counts(&import(&[old])), [0, 0, 1, 0]);
    let changed = import(&[new, new]);
    assert_eq!(counts(&changed), [1, 1, 0, 2], "{}", changed.transcript());
    let summary = changed.summary();
    let out = rehearsal.json(["undo", summary["run"].as_str().unwrap(), "--yes"]).expect(0);
    assert_eq!((out.count("updated"), out.count("deleted")), (1, 1), "{}", out.transcript());
    let left = rehearsal.records("Contacts");
    assert_eq!((left.len(), &left[0]["fields"]["Last call"]), (1, &json!(1_734_600_360_000_i64)));
}
