//! Marks on created records: certain after a lost answer, and cleared when that is asked for (design section 9.3).

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, contact_value};
use crate::support::Rehearsal;

const NETHUNT: &str = "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                       [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n";
const NIMBLE: &str = "[mapping]\nkey = [\"email[work]\"]\n[[field]]\nto = \"_type\"\nconst = \"person\"\n\
                      [[field]]\nto = \"first name\"\nfrom = \"name\"\n\
                      [[field]]\nto = \"email[work]\"\nfrom = \"email\"\n";
const ROWS: usize = 8;

/// Stream, mapping, and a text field of the service.
const PLACES: [(&str, &str, &str); 2] =
    [("nethunt:Contacts", NETHUNT, "External ID"), ("nimble:contacts", NIMBLE, "Mark")];

fn rehearsed(faults: &str) -> Rehearsal {
    Rehearsal::new(&format!("[nimble]\ncustom_fields = [\"Mark\"]\n{faults}"))
}

fn prepare(rehearsal: &Rehearsal, mapping: &str) {
    let rows = (0..ROWS).map(|row| format!("Row {row},r{row}@mark.example\n"));
    rehearsal.file("rows.csv", format!("name,email\n{}", rows.collect::<String>()));
    rehearsal.file("map.toml", mapping);
}

/// What the marks' field holds, record by record.
fn marks(rehearsal: &Rehearsal, stream: &str, field: &str) -> Vec<String> {
    let mut marks: Vec<String> = match stream.starts_with("nimble") {
        true => rehearsal.contacts().iter().map(|contact| contact_value(contact, field)).collect(),
        false => {
            let of = |record: &Value| record["fields"][field].as_str().unwrap_or_default().to_owned();
            rehearsal.records("Contacts").iter().map(of).collect()
        }
    };
    marks.sort();
    marks
}

#[test]
fn a_lost_create_is_known_by_its_mark_alone() {
    for (stream, mapping, field) in PLACES {
        for mishap in ["lost_answer", "lost_request", "error_after_commit"] {
            let rehearsal =
                rehearsed(&format!("[[fault]]\nmethod = \"POST\"\nfirst = 4\nkind = \"{mishap}\"\n"));
            prepare(&rehearsal, mapping);
            let import = ["import", "rows.csv", stream, "-m", "map.toml", "--yes", "--marker-field", field];
            let out = rehearsal.json(import).expect(0);
            assert_balanced(&out);
            let run = out.summary()["run"].as_str().unwrap().to_owned();
            let expected: Vec<String> = (1..=ROWS).map(|row| format!("ferry {run} row {row}")).collect();
            assert_eq!(marks(&rehearsal, stream, field), expected, "{mishap}");
        }
    }
}

#[test]
fn marks_are_cleared_when_that_is_asked_for() {
    for (stream, mapping, field) in PLACES {
        let rehearsal = rehearsed("[[fault]]\nmethod = \"POST\"\nfirst = 2\nkind = \"lost_answer\"\n");
        prepare(&rehearsal, mapping);
        let seen = rehearsal.requests();
        let import = ["import", "rows.csv", stream, "-m", "map.toml", "--yes", "--clear-marker"];
        let out = rehearsal.json(import.into_iter().chain(["--marker-field", field])).expect(0);
        assert_balanced(&out);
        assert_eq!(out.count("created"), ROWS as u64, "{}", out.transcript());
        assert_eq!(marks(&rehearsal, stream, field), vec![String::new(); ROWS]);
        let writes = rehearsal.writes_since(seen);
        let marked = |body: &Option<String>| body.as_deref().is_some_and(|body| body.contains(" row "));
        assert_eq!(writes.iter().filter(|entry| marked(&entry.body)).count(), ROWS);
        // A fresh plan has nothing to do.
        let again = rehearsal.json(["import", "rows.csv", stream, "-m", "map.toml", "-n"]).expect(0);
        assert_eq!(again.count("unchanged"), ROWS as u64, "{}", again.transcript());
    }
}

#[test]
fn another_record_with_the_same_content_does_not_confuse_a_marked_row() {
    let rehearsal = lost_beside_another();
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!((out.count("created"), rehearsal.records("Contacts").len()), (1, 2), "{}", out.transcript());
}

#[test]
fn an_undo_takes_back_the_marked_record_and_leaves_the_other() {
    let rehearsal = lost_beside_another();
    let run = rehearsal.runs().pop().unwrap();
    let run = run.file_name().unwrap().to_str().unwrap();
    let out = rehearsal.json(["undo", run, "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!(out.count("deleted"), 1, "{}", out.transcript());
    assert_eq!(marks(&rehearsal, "nethunt:Contacts", "External ID"), [""], "the one without a mark stays");
}

/// A marked create whose answer was lost before the process ended, and another record with its key and content:
/// without marks two new records with the key of one row leave it in doubt.
fn lost_beside_another() -> Rehearsal {
    let rehearsal = Rehearsal::new("[[fault]]\nmethod = \"POST\"\nfirst = 1\nkind = \"lost_answer\"\n")
        .set("FERRY_SETTLE", "4s");
    prepare(&rehearsal, NETHUNT);
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--limit", "1", "--yes"];
    let life = rehearsal.spawn(import.into_iter().chain(["--marker-field", "External ID"]));
    rehearsal.wait_until("the create is lost", |now| {
        now.ledger().iter().any(|entry| entry.is_write() && entry.fault.starts_with("lost_"))
    });
    assert!(life.kill_9(), "it ended before it could be killed");
    let folders = rehearsal.get("/nethunt/folders");
    let folder = folders.as_array().unwrap().iter().find(|folder| folder["name"] == "Contacts").unwrap();
    let path = format!("/zapier/actions/create-record/{}", folder["id"].as_str().unwrap());
    let body =
        json!({"timeZone": "Europe/London", "fields": {"Name": "Row 0", "Email": ["r0@mark.example"]}});
    rehearsal.service("POST", &path, &body);
    rehearsal
}

#[test]
fn a_field_that_cannot_hold_marks_is_refused() {
    let rehearsal = Rehearsal::new("");
    for (stream, mapping, field, why) in [
        ("nethunt:Contacts", NETHUNT, "Name", "is written to by the import itself"),
        ("nethunt:Contacts", NETHUNT, "Nonsense", "Nonsense"),
        ("nethunt:Contacts", NETHUNT, "_created", "cannot be written"),
        ("nimble:contacts", NIMBLE, "_updated", "cannot be written"),
        ("nimble:contacts", NIMBLE, "lead status", "takes no free text"),
    ] {
        prepare(&rehearsal, mapping);
        let import = ["import", "rows.csv", stream, "-m", "map.toml", "--yes", "--marker-field", field];
        let out = rehearsal.json(import).expect(2);
        assert!(out.stderr.contains(why), "{}", out.transcript());
    }
    assert!(rehearsal.writes_since(0).is_empty());
}
