//! Nimble's streams beside the contacts: notes, tasks, users and tags, through the command and over a socket.

use serde_json::{Value, json};

use crate::support::Rehearsal;

/// Creates a person past Ferry; the id.
fn person(rehearsal: &Rehearsal, name: &str, tags: &str) -> String {
    let fields = json!({"first name": [{"value": name, "modifier": ""}]});
    let body = json!({"record_type": "person", "fields": fields, "tags": tags});
    rehearsal.service("POST", "/contact", &body)["id"].as_str().unwrap().to_owned()
}

/// Creates a note past Ferry; the id.
fn note(rehearsal: &Rehearsal, contacts: &[&String], text: &str) -> String {
    let body = json!({"contact_ids": contacts, "note": text, "note_preview": text});
    rehearsal.service("POST", "/contacts/notes", &body)["id"].as_str().unwrap().to_owned()
}

/// The notes of the simulated service.
fn notes(rehearsal: &Rehearsal) -> Vec<Value> {
    rehearsal.get("/nimble/notes").as_array().unwrap().clone()
}

/// The rows of a CSV file as text by column.
fn rows(rehearsal: &Rehearsal, file: &str) -> Vec<serde_json::Map<String, Value>> {
    let mut reader = csv::Reader::from_path(rehearsal.path(file)).unwrap();
    let headers = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        headers.iter().zip(record.iter()).map(|(name, cell)| (name.to_owned(), json!(cell))).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[test]
fn notes_of_all_contacts_are_exported_once_whatever_the_service_calls_its_paths() {
    for scenario in [
        "",
        "[nimble]\nnotes_path = \"contact\"\n",
        "[nimble]\nnotes_path = \"contacts\"\nmissing_contact = \"404\"\n",
        "[nimble]\nprofile = \"current\"\nmax_per_page = 7\n",
    ] {
        let rehearsal = Rehearsal::new(scenario);
        let people: Vec<_> = (0..12).map(|n| person(&rehearsal, &format!("P{n}"), "")).collect();
        let mut expected = Vec::new();
        for n in 0..30 {
            expected.push(note(&rehearsal, &[&people[n % 5]], &format!("note {n}")));
        }
        for n in 0..20 {
            expected.push(note(&rehearsal, &[&people[7]], &format!("many {n}")));
        }
        let shared = note(&rehearsal, &[&people[3], &people[9]], "%3Cb%3Eshared%3C%2Fb%3E");
        expected.push(shared.clone());
        let out = rehearsal.json(["export", "nimble:notes", "-o", "notes.csv"]).expect(0);
        assert_eq!(out.summary()["complete"], json!(true), "{scenario}: {}", out.transcript());
        let rows = rows(&rehearsal, "notes.csv");
        let mut ids: Vec<_> = rows.iter().map(|row| row["_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{scenario}");
        let both = rows.iter().find(|row| row["_id"] == json!(shared)).unwrap();
        assert_eq!(both["text"], json!("<b>shared</b>"));
        assert_eq!(both["_record"], json!(people[3]));
        assert_eq!(both["_records"], json!(format!("{};{}", people[3], people[9])));
        assert_eq!(both["_author"], json!("Sim User"));
    }
}

#[test]
fn notes_of_one_contact_or_of_those_with_a_keyword_are_exported() {
    let rehearsal = Rehearsal::new("");
    let (ada, bob) = (person(&rehearsal, "Ada", ""), person(&rehearsal, "Bob", ""));
    note(&rehearsal, &[&ada], "to ada");
    note(&rehearsal, &[&bob], "to bob");
    for options in [["--record", bob.as_str()], ["--keyword", "Bob"]] {
        let args = [&["export", "nimble:notes", "-o", "n.csv"][..], &options[..]].concat();
        rehearsal.ferry(args).expect(0);
        let texts: Vec<_> = rows(&rehearsal, "n.csv").iter().map(|row| row["text"].clone()).collect();
        assert_eq!(texts, ["to bob"], "{options:?}");
    }
    let out = rehearsal.ferry(["export", "nimble:notes", "-o", "n.csv", "--find", "x"]).expect(2);
    assert!(out.stderr.contains("`nimble:notes` cannot be read with `--find`"), "{}", out.transcript());
}

#[test]
fn a_killed_read_of_notes_goes_on_where_it_was() {
    let rehearsal = Rehearsal::new("");
    let people: Vec<_> = (0..130).map(|n| person(&rehearsal, &format!("P{n}"), "")).collect();
    for contact in &people {
        note(&rehearsal, &[contact], "a note");
    }
    rehearsal.faults("[[fault]]\nkind = \"unauthorized\"\npath_regex = \"/notes$\"\nat = [100]\n");
    let before = rehearsal.requests();
    rehearsal.json(["export", "nimble:notes", "-o", "notes.csv"]).expect(5);
    let first = rehearsal.requests() - before;
    rehearsal.faults("");
    let before = rehearsal.requests();
    rehearsal.json(["resume", "--last"]).expect(0);
    let second = rehearsal.requests() - before;
    assert_eq!(rows(&rehearsal, "notes.csv").len(), people.len());
    assert!(second < first && second < 100, "{first} requests, then {second}");
}

#[test]
fn an_edited_sheet_of_notes_goes_back_and_then_nothing_is_left_to_send() {
    let rehearsal = Rehearsal::new("");
    let (ada, bob) = (person(&rehearsal, "Ada", ""), person(&rehearsal, "Bob", ""));
    let first = note(&rehearsal, &[&ada], "first");
    note(&rehearsal, &[&ada, &bob], "second");
    rehearsal.ferry(["export", "nimble:notes", "-o", "notes.csv"]).expect(0);
    let unchanged = rehearsal.json(["import", "notes.csv", "nimble:notes", "--yes"]).expect(0);
    assert_eq!((unchanged.count("unchanged"), unchanged.count("read")), (2, 2));
    let mut sheet = format!("_id,_record,text\n{first},{ada},edited\n");
    sheet.push_str(&format!(",{bob},\"<p>new, and long</p>\"\n,,nobody's\n"));
    rehearsal.file("edit.csv", sheet);
    let out = rehearsal.json(["import", "edit.csv", "nimble:notes", "--yes"]).expect(1);
    let counts = ["updated", "created", "rejected"].map(|key| out.count(key));
    assert_eq!(counts, [1, 1, 1], "{}", out.transcript());
    let now = notes(&rehearsal);
    let by_text = |text: &str| now.iter().find(|note| note["note"] == json!(text)).unwrap();
    assert_eq!(by_text("edited")["id"], json!(first));
    assert_eq!(by_text("<p>new, and long</p>")["note_preview"], json!("new, and long"));
    assert_eq!(by_text("<p>new, and long</p>")["contacts"][0]["id"], json!(bob));
}

#[test]
fn a_note_whose_answer_was_lost_is_created_once() {
    let rehearsal = Rehearsal::new("");
    let people: Vec<_> = (0..3).map(|n| person(&rehearsal, &format!("P{n}"), "")).collect();
    note(&rehearsal, &[&people[0]], "an old one");
    let rows = people.iter().map(|id| format!("{id},for {id}\n{id},for {id}\n")).collect::<String>();
    rehearsal.file("notes.csv", format!("_record,text\n{rows}"));
    rehearsal.faults(
        "[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\npath = \"/contacts/notes\"\nat = [1, 3]\n",
    );
    let out = rehearsal.json(["import", "notes.csv", "nimble:notes", "--mode", "create", "--yes"]).expect(0);
    assert_eq!(out.count("created"), 6, "{}", out.transcript());
    assert_eq!(notes(&rehearsal).len(), 7);
    let listed = rehearsal.ledger().iter().filter(|entry| entry.path.ends_with("/notes")).count();
    assert!(listed > 0);
}

#[test]
fn a_late_import_of_notes_looks_only_at_the_contacts_that_it_needs() {
    let rehearsal = Rehearsal::new("");
    let people: Vec<_> = (0..40).map(|n| person(&rehearsal, &format!("P{n}"), "")).collect();
    note(&rehearsal, &[&people[5]], "an old one");
    let fields = "[[field]]\nto = \"_record\"\nfrom = \"who\"\n[[field]]\nto = \"text\"\nfrom = \"text\"\n";
    rehearsal
        .file("map.toml", format!("[mapping]\nmode = \"create\"\nkey = [\"_record\", \"text\"]\n{fields}"));
    let rows: String =
        [3, 7, 7].iter().enumerate().map(|(n, at)| format!("{},new {n}\n", people[*at])).collect();
    rehearsal.file("notes.csv", format!("who,text\n{rows}"));
    let out = rehearsal.json(["plan", "notes.csv", "nimble:notes", "-m", "map.toml"]).expect(0);
    let run = out.summary()["run"].as_str().unwrap().to_owned();
    note(&rehearsal, &[&people[7]], "new 1");
    let seen = rehearsal.requests();
    let out = rehearsal.json(["apply", &run, "--yes"]).expect(1);
    assert_eq!((out.count("created"), out.count("conflicts")), (2, 1), "{}", out.transcript());
    let listed: Vec<_> = rehearsal
        .ledger_since(seen)
        .into_iter()
        .filter(|entry| entry.method == "GET" && entry.path.ends_with("/notes"))
        .map(|entry| entry.path)
        .collect();
    assert!(listed.iter().all(|path| [3, 7].iter().any(|at| path.contains(&people[*at]))), "{listed:?}");
    assert!(!listed.is_empty(), "the key that was taken is seen");
}

#[test]
fn users_are_exported_with_those_who_left() {
    let rehearsal = Rehearsal::new("");
    let out = rehearsal.json(["export", "nimble:users", "-o", "users.csv"]).expect(0);
    assert_eq!(out.summary()["complete"], json!(true));
    let users = rows(&rehearsal, "users.csv");
    let names: Vec<_> = users.iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Sim User", "Other User", "Former User"]);
    assert_eq!(users[2]["is_active"], json!("false"));
    assert_eq!(users[0]["_id"], json!("5f0000000000000000000001"));
    let out = rehearsal.ferry(["import", "users.csv", "nimble:users", "--yes"]).expect(2);
    assert!(out.stderr.contains("can be read, but not written to"), "{}", out.transcript());
}

#[test]
fn tags_are_counted_over_all_contacts() {
    for scenario in ["", "[nimble]\ntags_style = \"strings\"\n"] {
        let rehearsal = Rehearsal::new(scenario);
        for (name, tags) in [("A", "vip,east\\, west"), ("B", "vip"), ("C", "")] {
            person(&rehearsal, name, tags);
        }
        rehearsal.json(["export", "nimble:tags", "-o", "tags.csv"]).expect(0);
        let tags = rows(&rehearsal, "tags.csv");
        let counted: Vec<_> = tags.iter().map(|row| (row["tag"].clone(), row["contacts"].clone())).collect();
        assert_eq!(counted, [(json!("east, west"), json!("1")), (json!("vip"), json!("2"))]);
        assert_eq!(tags[0]["_id"] == json!(""), !scenario.is_empty());
    }
}

#[test]
fn more_tags_than_a_create_takes_are_set_by_a_call_of_their_own() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("people.csv", "first name,_tags\nAda,a1;b2;c3;d4;\"e;5\";f6;g7\nBob,a1\n");
    let out = rehearsal.json(["import", "people.csv", "nimble:contacts", "--yes"]).expect(0);
    assert_eq!(out.count("created"), 2, "{}", out.transcript());
    let calls = rehearsal.ledger().iter().filter(|entry| entry.path.ends_with("/tags")).count();
    assert_eq!(calls, 1, "only where they are needed");
    rehearsal.ferry(["export", "nimble:contacts", "-o", "back.jsonl", "--keyword", "Ada"]).expect(0);
    let ada: Value = serde_json::from_str(rehearsal.read("back.jsonl").trim()).unwrap();
    let mut tags: Vec<&str> =
        ada["_tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["a1", "b2", "c3", "d4", "e;5", "f6", "g7"]);
}

#[test]
fn check_and_discover_tell_what_can_be_done_with_each_stream() {
    let rehearsal = Rehearsal::new("");
    let out = rehearsal.json(["check", "nimble"]).expect(0);
    let access = &out.objects()[0];
    let has = |key: &str, stream: &str| access[key].as_array().unwrap().contains(&json!(stream));
    for (stream, reads, writes) in [
        ("nimble:contacts", true, true),
        ("nimble:notes", true, true),
        ("nimble:tasks", false, true),
        ("nimble:users", true, false),
        ("nimble:tags", true, false),
    ] {
        assert_eq!((has("readable", stream), has("writable", stream)), (reads, writes), "{stream}");
    }
    let out = rehearsal.ferry(["export", "nimble:tasks", "-o", "tasks.csv"]).expect(2);
    assert!(out.stderr.contains("can be written to, but not read"), "{}", out.transcript());
    let out = rehearsal.ferry(["export", "nimble:note", "-o", "x.csv"]).expect(2);
    assert!(out.stderr.contains("did you mean `nimble:notes`?"), "{}", out.transcript());
}

#[test]
fn contacts_are_deleted_many_at_once_whatever_the_service_answers() {
    for scenario in ["", "[nimble]\ndelete_answer = \"empty\"\n", "[nimble]\nprofile = \"current\"\n"] {
        let rehearsal = Rehearsal::new(scenario);
        let people: Vec<_> = (0..40).map(|n| person(&rehearsal, &format!("P{n}"), "")).collect();
        let rows = people[..35].iter().map(|id| format!("{id}\n")).collect::<String>();
        rehearsal.file("gone.csv", format!("_id\n{rows}"));
        let out = rehearsal.json(["delete", "gone.csv", "nimble:contacts", "--yes"]).expect(0);
        assert_eq!(out.count("deleted"), 35, "{scenario}: {}", out.transcript());
        let left: Vec<_> = rehearsal.contacts().iter().map(|contact| contact["id"].clone()).collect();
        assert_eq!(left, people[35..].iter().map(|id| json!(id)).collect::<Vec<_>>());
        let deletes = rehearsal.ledger().iter().filter(|entry| entry.method == "DELETE").count();
        assert!(deletes <= 4, "{scenario}: {deletes} requests");
    }
}

#[test]
fn a_contact_that_the_service_moved_on_is_not_taken_for_an_edited_row() {
    let rehearsal = Rehearsal::new("");
    let id = person(&rehearsal, "Ada", "");
    let company = json!({"company name": [{"value": "Acme", "modifier": ""}]});
    let body = json!({"record_type": "company", "fields": company});
    let acme = rehearsal.service("POST", "/contact", &body)["id"].as_str().unwrap().to_owned();
    rehearsal.ferry(["export", "nimble:contacts", "-o", "people.csv"]).expect(0);
    let parent = json!({"fields": {"parent company": [{"value": "Acme", "modifier": ""}]}});
    rehearsal.service("PUT", &format!("/contact/{id}"), &parent);
    // The company has a child now that the sheet does not know.
    let sheet = rehearsal.read("people.csv");
    let mut lines = sheet.lines();
    let only = [lines.next().unwrap(), lines.find(|line| line.starts_with(&acme)).unwrap()];
    rehearsal.file("acme.csv", only.join("\n") + "\n");
    let out = rehearsal.json(["import", "acme.csv", "nimble:contacts", "--yes"]).expect(0);
    assert_eq!(out.count("unchanged"), 1, "{}", out.transcript());
}

#[test]
fn tasks_are_created_in_either_era() {
    for scenario in ["", "[nimble]\nprofile = \"current\"\n"] {
        let rehearsal = Rehearsal::new(scenario);
        let id = person(&rehearsal, "Ada", "");
        rehearsal.file("tasks.csv", format!("subject,due_date,_record\nCall Ada,2026-05-01,{id}\nx,,\n"));
        let args = ["import", "tasks.csv", "nimble:tasks", "--mode", "create", "--yes"];
        let out = rehearsal.json(args).expect(1);
        assert_eq!(["created", "rejected"].map(|key| out.count(key)), [1, 1], "{}", out.transcript());
        let tasks = rehearsal.get("/nimble/tasks");
        assert_eq!(tasks[0]["subject"], json!("Call Ada"), "{scenario}: {tasks}");
        assert!(tasks[0].to_string().contains(&id), "{scenario}: {tasks}");
    }
}
