//! Reads of what hangs on records (notes, comments, call logs, files) while somebody else adds, edits and deletes:
//! what was there from the start to the end is read exactly once, or the read is said to be incomplete; and what
//! nobody can prove is never called whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Output, Rehearsal};

/// Texts of rows, by id.
type Rows = BTreeMap<String, String>;

/// What was read into `rows.jsonl`; no id is there twice.
#[track_caller]
fn read(rehearsal: &Rehearsal, label: &str) -> Rows {
    let mut found = Rows::new();
    for line in rehearsal.read("rows.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = row["text"].as_str().unwrap_or_default().to_owned();
        let id = row["_id"].as_str().unwrap().to_owned();
        assert!(found.insert(id, text).is_none(), "{label}: read twice: {line}");
    }
    found
}

/// Ids of what drift did of one kind.
fn done(rehearsal: &Rehearsal, kind: &str) -> BTreeSet<String> {
    let drift = rehearsal.get("/drift");
    let of_kind = drift["done"].as_array().unwrap().iter().filter(|done| done["kind"] == kind);
    of_kind.map(|done| done["record"].as_str().unwrap().to_owned()).collect()
}

/// Nothing is lost unless the read is incomplete, nothing is invented, and the exit code says what the summary says.
#[track_caller]
fn compare(label: &str, out: &Output, before: &Rows, found: &Rows, after: &Rows, made: &BTreeSet<String>) {
    let complete = out.summary()["complete"].clone();
    assert_eq!(out.code, if complete == json!(false) { 4 } else { 0 }, "{label}: {}", out.transcript());
    if complete == json!(false) {
        assert!(out.stderr.contains("incomplete"), "{label}: {}", out.transcript());
    } else {
        let lost: Vec<_> =
            before.keys().filter(|id| after.contains_key(*id) && !found.contains_key(*id)).collect();
        assert!(lost.is_empty(), "{label}: not read: {lost:?}: {}", out.transcript());
    }
    let invented: Vec<_> =
        found.keys().filter(|id| !before.contains_key(*id) && !made.contains(*id)).collect();
    assert!(invented.is_empty(), "{label}: never there: {invented:?}: {}", out.transcript());
}

/// The notes that the simulated Nimble holds.
fn notes(rehearsal: &Rehearsal) -> Rows {
    let notes = rehearsal.get("/nimble/notes");
    let row =
        |note: &Value| (note["id"].as_str().unwrap().to_owned(), note["note"].as_str().unwrap().to_owned());
    notes.as_array().unwrap().iter().map(row).collect()
}

/// A few contacts with some notes each, and one whose list has several pages.
fn with_notes(scenario: &str, long: usize) -> Rehearsal {
    let rehearsal = Rehearsal::generated(scenario, 8);
    let contacts: Vec<String> =
        rehearsal.contacts().iter().map(|contact| contact["id"].as_str().unwrap().to_owned()).collect();
    let counts = contacts.iter().enumerate().map(|(at, contact)| (contact, if at == 3 { long } else { 4 }));
    for (contact, count) in counts {
        for n in 0..count {
            let body = json!({"contact_ids": [contact], "note": format!("note {n}"), "note_preview": "n"});
            rehearsal.service("POST", "/contacts/notes", &body);
        }
    }
    rehearsal
}

#[test]
fn notes_of_nimble_are_all_read_while_others_write_edit_and_delete_them() {
    for (label, kinds, whole) in [
        // What is added moves the others down, and shows itself by that.
        ("added", "comments = 200", false),
        ("edited", "note_edits = 60", true),
        // A list of which rows are taken looks whole in no pass but a quiet one.
        ("deleted", "note_deletes = 200", false),
        ("a little of all", "comments = 6\nnote_edits = 6\nnote_deletes = 6", false),
        ("all", "comments = 120\nnote_edits = 60\nnote_deletes = 120\ninserts = 3\ndeletes = 3", false),
    ] {
        for seed in 1..=3 {
            let scenario = format!(
                "seed = {seed}\n[nimble]\nmax_per_page = 20\n[drift]\nservice = \"nimble\"\nevery = 1\nburst = 3\n\
                 {kinds}\n"
            );
            let rehearsal = with_notes(&scenario, 90);
            let before = notes(&rehearsal);
            let out = rehearsal.json(["export", "nimble:notes", "-o", "rows.jsonl"]);
            let label = format!("{label}, seed {seed}");
            let (found, after) = (read(&rehearsal, &label), notes(&rehearsal));
            compare(&label, &out, &before, &found, &after, &done(&rehearsal, "comment"));
            assert!(!whole || out.summary()["complete"] == json!(true), "{label}: {}", out.transcript());
            // An edited note is there as it was before or after, never as something else.
            let edited = done(&rehearsal, "note_edit");
            for (id, text) in &found {
                let known = before.get(id) == Some(text)
                    || after.get(id) == Some(text)
                    || (edited.contains(id) || text.starts_with("Somebody else"));
                assert!(known, "{label}: {id} holds `{text}`");
            }
            println!("{label}: {} before, {} read: {}", before.len(), found.len(), out.summary()["complete"]);
        }
    }
}

/// The rows of one kind that the simulated NetHunt's streams show.
fn hung(rehearsal: &Rehearsal, kind: &str) -> Rows {
    let notes = rehearsal.get("/nethunt/notes/Contacts");
    let of_kind = notes.as_array().unwrap().iter().filter(|note| note["kind"] == kind);
    let row = |note: &Value| {
        let row = &note["row"];
        (row["id"].as_str().unwrap().to_owned(), row["text"].as_str().unwrap_or_default().to_owned())
    };
    of_kind.map(row).collect()
}

/// So many rows of a kind, a dozen of them in each millisecond.
fn hang(rehearsal: &Rehearsal, kind: &str, count: usize) {
    let records = rehearsal.records("Contacts");
    let began = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(50);
    let row = |n: usize| {
        let created = began + jiff::SignedDuration::from_millis(i64::try_from(n / 12).unwrap());
        json!({"recordId": records[n % records.len()]["id"], "kind": kind, "text": format!("{kind} {n}"),
               "createdAt": format!("{created:.3}")})
    };
    let rows: Vec<Value> = (0..count).map(row).collect();
    rehearsal.post("/nethunt/notes/Contacts", &json!(rows).to_string());
}

#[test]
fn comments_calls_and_files_of_nethunt_are_all_read_while_others_add_and_delete() {
    for (stream, kind, change) in
        [("comments", "comment", "comment"), ("calls", "call-log", "call"), ("files", "drive-file", "file")]
    {
        for (order, since, refused) in [
            ("desc", "strict", false),
            ("asc", "inclusive", false),
            ("mixed", "strict", false),
            // The unlimited read is refused, so the stream is read by limits, with changes between them.
            ("desc", "inclusive", true),
            ("asc", "strict", true),
            ("mixed", "inclusive", true),
        ] {
            let fault = format!(
                "[[fault]]\nkind = \"error_before_commit\"\nstatus = 400\npath_regex = \"^/triggers/new-\"\n{}\n",
                if refused { "first = 1" } else { "first = 0" }
            );
            let scenario = format!(
                "[nethunt]\norder = \"{order}\"\nsince = \"{since}\"\n[drift]\nservice = \"nethunt\"\nevery = 1\n\
                 burst = 6\n{change}s = 60\ndeletes = 12\ninserts = 6\nsame_ms = 4\n{fault}"
            );
            let rehearsal = Rehearsal::generated(&scenario, 120);
            hang(&rehearsal, kind, if refused { 1150 } else { 300 });
            let before = hung(&rehearsal, kind);
            let label = format!("{stream}, {order}, {since}, by limits: {refused}");
            let out = rehearsal.json(["export", &format!("nethunt:Contacts/{stream}"), "-o", "rows.jsonl"]);
            let (found, after) = (read(&rehearsal, &label), hung(&rehearsal, kind));
            compare(&label, &out, &before, &found, &after, &done(&rehearsal, change));
            assert_eq!(out.summary()["complete"], json!("unproven"), "{label}: {}", out.transcript());
            assert!(out.stderr.contains("no second count"), "{label}: {}", out.transcript());
            assert!(done(&rehearsal, change).len() >= 4, "{label}: hardly any drift");
            let limited = rehearsal.ledger().iter().any(|entry| entry.query.contains("limit="));
            assert_eq!(limited, refused, "{label}");
        }
    }
}

#[test]
fn a_cut_stream_of_comments_is_incomplete_under_drift() {
    let scenario = "[nethunt]\ncap = 100\ncap_anchor = \"oldest\"\n[drift]\nservice = \"nethunt\"\nevery = 1\n\
                    burst = 4\ncomments = 40\ndeletes = 6\n";
    let rehearsal = Rehearsal::generated(scenario, 60);
    hang(&rehearsal, "comment", 400);
    let before = hung(&rehearsal, "comment");
    let out = rehearsal.json(["export", "nethunt:Contacts/comments", "-o", "rows.jsonl"]);
    let found = read(&rehearsal, "cut");
    compare("cut", &out, &before, &found, &hung(&rehearsal, "comment"), &done(&rehearsal, "comment"));
    assert_eq!(out.summary()["complete"], json!(false), "{}", out.transcript());
}
