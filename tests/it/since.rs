//! `--since`: what changed since a time, or since the last run of the same kind ended, and where that is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, result_rows, run_of};
use crate::support::{Output, Rehearsal};

const RECORDS: usize = 30;

/// Takes nobody's name.
const MAPPING: &str = "[[field]]\nto = \"name\"\nfrom = \"Name\"\n\
                       do = [{ lookup = { table = { Ada = \"Ada\" }, else = \"reject\" } }]\n";

/// A row of a plain export, without its empty cells.
type Row = BTreeMap<String, String>;

fn rows(rehearsal: &Rehearsal, file: &str) -> BTreeMap<String, Row> {
    let mut reader = csv::Reader::from_path(rehearsal.path(file)).unwrap();
    let rows = reader.deserialize::<Row>().map(|row| {
        let mut row = row.unwrap();
        row.retain(|_, cell| !cell.is_empty());
        (row["_id"].clone(), row)
    });
    rows.collect()
}

fn export(rehearsal: &Rehearsal, stream: &str, file: &str, more: &[&str]) -> Output {
    let out = rehearsal.json([&["export", stream, "-o", file], more].concat());
    assert!(out.code <= 1, "{}", out.transcript());
    assert_balanced(&out);
    out
}

/// The watermark files.
fn marks(rehearsal: &Rehearsal) -> Vec<(PathBuf, Value)> {
    let Ok(folder) = std::fs::read_dir(rehearsal.path(".ferry/watermarks")) else { return Vec::new() };
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path, serde_json::from_str(&text).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// Creates, edits and deletes records past Ferry; the ids of those deleted.
fn stir(rehearsal: &Rehearsal, stream: &str, known: &BTreeMap<String, Row>, round: usize) -> Vec<String> {
    let ids: Vec<&String> =
        known.iter().filter(|(_, row)| row["_type"] != "company").map(|(id, _)| id).collect();
    let name = format!("Round {round}");
    let value = |text: &str| json!([{"value": text, "modifier": ""}]);
    for id in [ids[round], ids[round + 7]] {
        if stream.starts_with("nimble") {
            let body = json!({"fields": {"last name": value(&name)}});
            rehearsal.service("PUT", &format!("/contact/{id}?replace=1"), &body);
        } else {
            let action = json!({"overwrite": true, "add": name, "remove": Value::Null});
            let body = json!({"timeZone": "Europe/London", "fieldActions": {"Name": action}});
            rehearsal.service("POST", &format!("/zapier/actions/update-record/{id}?overwrite=true"), &body);
        }
    }
    if stream.starts_with("nimble") {
        let body = json!({"record_type": "person", "fields": {"first name": value(&name)}});
        rehearsal.service("POST", "/contact", &body);
        return Vec::new();
    }
    let body = json!({"timeZone": "Europe/London", "fields": {"Name": name}});
    rehearsal.service("POST", &format!("/zapier/actions/create-record/{}", folder(rehearsal)), &body);
    let gone = ids[round + 14].clone();
    rehearsal.service("POST", &format!("/zapier/actions/delete-record/{gone}"), &Value::Null);
    vec![gone]
}

fn folder(rehearsal: &Rehearsal) -> String {
    let folders = rehearsal.get("/nethunt/folders");
    let found = folders.as_array().unwrap().iter().find(|folder| folder["name"] == "Contacts").unwrap();
    found["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_export_and_what_changed_since_add_up_to_the_truth() {
    for stream in ["nimble:contacts", "nethunt:Contacts"] {
        let rehearsal = Rehearsal::generated("", RECORDS);
        let first = export(&rehearsal, stream, "part.csv", &["--since", "last"]);
        assert!(first.stderr.contains("everything is read"), "{}", first.transcript());
        let mut union = rows(&rehearsal, "part.csv");
        for round in 0..2 {
            let gone = stir(&rehearsal, stream, &union, round);
            let out = export(&rehearsal, stream, "part.csv", &["--since", "last"]);
            assert!(out.stderr.contains("what changed since"), "{}", out.transcript());
            let part = rows(&rehearsal, "part.csv");
            assert!(part.len() >= 3 && part.len() < RECORDS, "{stream}: {}", out.transcript());
            union.extend(part);
            let deleted = result_rows(&run_of(&rehearsal, &out), "deleted.csv");
            let deleted: Vec<&String> = deleted.iter().map(|row| &row["_id"]).collect();
            assert!(gone.iter().all(|id| deleted.contains(&id)), "{stream}: {gone:?} {deleted:?}");
            assert_eq!(out.summary()["files"].get("deleted").is_some(), !gone.is_empty());
            union.retain(|id, _| !deleted.contains(&id));
            export(&rehearsal, stream, "truth.csv", &[]);
            assert_eq!(union, rows(&rehearsal, "truth.csv"), "{stream}, round {round}");
        }
    }
}

#[test]
fn where_a_read_ended_can_be_looked_at_and_belongs_to_its_kind() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    let full = export(&rehearsal, "nimble:contacts", "full.csv", &[]);
    let run = full.summary()["run"].as_str().unwrap().to_owned();
    let [(path, mark)] = marks(&rehearsal).try_into().unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("nimble-contacts-"), "{name}");
    assert_eq!((&mark["run"], &mark["stream"]), (&json!(run), &json!("nimble:contacts")));
    assert_eq!((&mark["command"], &mark["selection"]), (&json!("export"), &json!({})));
    assert_eq!(mark["account"]["service"], "nimble");
    let shown = rehearsal.ferry(["runs", "show", &run]).expect(0).stdout;
    assert!(shown.contains("the next `--since last` begins at"), "{shown}");
    assert_eq!(rehearsal.json(["runs", "show", &run]).expect(0).objects()[0]["watermark"], mark["watermark"]);

    // Other records, another command and another account are other kinds.
    let persons = export(&rehearsal, "nimble:contacts", "some.csv", &["--type", "person", "--since", "last"]);
    assert!(persons.stderr.contains("everything is read"), "{}", persons.transcript());
    let extract = rehearsal.json(["extract", "nimble:contacts", "--since", "last"]).expect(0);
    assert!(extract.stderr.contains("everything is read"), "{}", extract.transcript());
    let url = format!("{}/api/v1", rehearsal.root().replace("127.0.0.1", "localhost"));
    let mut elsewhere = rehearsal.command(["export", "nimble:contacts", "-o", "some.csv", "--since", "last"]);
    let elsewhere = rehearsal.spawn_with(elsewhere.env("FERRY_NIMBLE_URL", url)).wait().expect(0);
    assert!(elsewhere.stderr.contains("everything is read"), "{}", elsewhere.transcript());
    assert_eq!(marks(&rehearsal).len(), 4);
    assert!(marks(&rehearsal).contains(&(path, mark)), "nobody moved the export's");
}

#[test]
fn only_a_run_that_left_nothing_behind_moves_on() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    export(&rehearsal, "nethunt:Contacts", "full.csv", &[]);
    let before = marks(&rehearsal);
    assert_eq!(before.len(), 1);

    // A row that the mapping refuses is read again next time.
    let body =
        json!({"timeZone": "Europe/London", "fields": {"Name": "Nemo", "Email": ["nemo@example.org"]}});
    rehearsal.service("POST", &format!("/zapier/actions/create-record/{}", folder(&rehearsal)), &body);
    rehearsal.file("map.toml", MAPPING);
    let args = ["-m", "map.toml", "--since", "last"];
    let out = export(&rehearsal, "nethunt:Contacts", "names.csv", &args);
    assert!(out.code == 1 && out.count("rejected") > 0, "{}", out.transcript());
    assert!(out.stderr.contains("rows were left behind"), "{}", out.transcript());
    assert_eq!(marks(&rehearsal), before);

    // So is what a sample leaves out.
    export(&rehearsal, "nethunt:Contacts", "some.csv", &["--limit", "2"]);
    assert_eq!(marks(&rehearsal), before);

    // A killed run moves on when it is resumed to its end, from where it began.
    rehearsal.faults("[[fault]]\nkind = \"latency\"\nafter = 2\nlatency_ms = 60000\n");
    let requests = rehearsal.requests();
    let life = rehearsal.spawn(["export", "nethunt:Contacts", "-o", "part.csv", "--since", "last"]);
    rehearsal.wait_until("it reads", |now| now.requests() > requests + 2);
    assert!(life.kill_9(), "it ended before it could be killed");
    assert_eq!(marks(&rehearsal), before);
    rehearsal.faults("");
    let out = rehearsal.json(["resume", "--last"]).expect(0);
    assert!(
        rows(&rehearsal, "part.csv").values().any(|row| row.get("Name").is_some_and(|name| name == "Nemo"))
    );
    let after = marks(&rehearsal);
    assert_eq!(after[0].1["run"], out.summary()["run"]);
    assert_ne!(after, before);
}

#[test]
fn a_file_has_no_times_and_a_wrong_time_is_refused() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("people.csv", "name\nAda\n");
    let out = rehearsal.ferry(["export", "people.csv", "-o", "x.csv", "--since", "last"]).expect(2);
    assert!(out.stderr.contains("`--since` asks a service"), "{}", out.transcript());
    let out = rehearsal.ferry(["export", "nimble:contacts", "-o", "x.csv", "--since", "yesterday"]).expect(2);
    assert!(out.stderr.contains("2026-11-01T08:30:00Z"), "{}", out.transcript());
    let out =
        rehearsal.ferry(["export", "nimble:contacts", "-o", "x.csv", "--changed-field", "email"]).expect(2);
    assert!(out.stderr.contains("--since"), "{}", out.transcript());
}
