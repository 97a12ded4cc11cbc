//! Stopping, going on, and keeping out of each other's way (design sections 4, 5, 8 and 9.9).

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::accounts::{assert_balanced, run_of};
use crate::support::{Entry, Rehearsal, Running};

/// Slow enough that a read can be met in its middle.
const SLOW: &str = "[[fault]]\nkind = \"latency\"\nmethod = \"GET\"\nlatency_ms = 40\n";
const SLOW_WRITES: &str = "[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nlatency_ms = 30\n";
/// After some requests, none is served before the test is over: whoever sends them waits to be killed.
const HELD: &str = "[[fault]]\nkind = \"latency\"\nmethod = \"GET\"\nlatency_ms = 60000\n";
const HELD_WRITES: &str =
    "[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nafter = 10\nlatency_ms = 60000\n";

const MAPPING: &str = "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                       [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n";

#[test]
fn a_killed_export_asks_for_no_finished_page_again() {
    // Many more pages than those after which it is killed, so that it cannot end before.
    let rehearsal = Rehearsal::generated(SLOW, 3000);
    let mut life = rehearsal.spawn(["export", "nimble:contacts", "-o", "people.jsonl", "--per-page", "20"]);
    let mut finished = Vec::new();
    for pages in [4, 14, 26, 40] {
        rehearsal
            .wait_until("pages are finished", |now| finished_pages(now).len() >= pages || life.has_ended());
        assert!(life.kill_9(), "it ended before it could be killed");
        let known = finished_pages(&rehearsal);
        assert!(known.len() >= pages, "{known:?}");
        finished.push((rehearsal.requests(), known));
        life = rehearsal.spawn(["resume", "--last", "--yes"]);
    }
    let out = life.wait();
    assert_eq!(out.code, 0, "{}", out.transcript());
    for (requests, pages) in finished {
        let asked = rehearsal.ledger_since(requests).into_iter().filter_map(|entry| page_of(&entry));
        let again: Vec<String> = asked.filter(|page| pages.contains(page)).collect();
        assert!(again.is_empty(), "finished and asked for again: {again:?} of {pages:?}");
    }
    let mut ids: Vec<String> = rehearsal.read("people.jsonl").lines().map(id_of).collect();
    ids.sort();
    let contacts = rehearsal.contacts();
    let mut expected: Vec<String> =
        contacts.iter().map(|contact| contact["id"].as_str().unwrap().to_owned()).collect();
    expected.sort();
    assert_eq!(ids, expected);
}

/// The data page that a request to the simulated Nimble asks for, by its name in the checkpoint.
fn page_of(entry: &Entry) -> Option<String> {
    let is_data = entry.path == "/contacts" && !entry.query.contains("sort=");
    let page = entry.query.split('&').find_map(|pair| pair.strip_prefix("page="))?;
    is_data.then(|| format!("page-{page}"))
}

/// The pages that the checkpoint of the only run counts as finished.
fn finished_pages(rehearsal: &Rehearsal) -> BTreeSet<String> {
    let runs = std::fs::read_dir(rehearsal.path(".ferry/runs"));
    let Some(run) = runs.ok().and_then(|mut runs| runs.next()) else { return BTreeSet::new() };
    let file = run.unwrap().path().join("checkpoint.sqlite");
    let read_only = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let read = || -> rusqlite::Result<BTreeSet<String>> {
        let checkpoint = rusqlite::Connection::open_with_flags(&file, read_only)?;
        checkpoint.prepare("SELECT key FROM extract_page")?.query_map([], |row| row.get(0))?.collect()
    };
    // It is being made, or written to: look again later.
    read().unwrap_or_default()
}

#[test]
fn a_killed_export_of_nethunt_is_whole_when_it_is_resumed() {
    let rehearsal = Rehearsal::generated(&format!("{SLOW}[nethunt]\ncap = 100\n"), 600);
    let mut life = rehearsal.spawn(["export", "nethunt:Contacts", "-o", "people.jsonl", "--per-page", "100"]);
    let mut kills = 0;
    for requests in [3, 4, 6, 8] {
        let before = rehearsal.requests();
        rehearsal
            .wait_until("some requests more", |now| now.requests() >= before + requests || life.has_ended());
        kills += usize::from(life.kill_9());
        life = rehearsal.spawn(["resume", "--last", "--yes"]);
    }
    let out = life.wait();
    assert!(kills > 0 && [0, 4].contains(&out.code), "{kills}: {}", out.transcript());
    let mut ids: Vec<String> = rehearsal.read("people.jsonl").lines().map(id_of).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "no record came twice");
    assert!(out.code == 4 || all == rehearsal.records("Contacts").len(), "{}", out.transcript());
}

fn id_of(line: &str) -> String {
    serde_json::from_str::<serde_json::Value>(line).unwrap()["_id"].as_str().unwrap().to_owned()
}

#[test]
fn ctrl_c_stops_an_export_with_exit_3_and_resume_completes_it() {
    for signal in ["INT", "TERM"] {
        // From some page on each takes its time, but comes: what is in flight is finished.
        let slower = "[[fault]]\nkind = \"latency\"\nmethod = \"GET\"\nafter = 12\nlatency_ms = 1500\n";
        let rehearsal = Rehearsal::generated(slower, 1000);
        let life = rehearsal.spawn_with(
            rehearsal
                .command(["export", "nimble:contacts", "-o", "people.csv", "--per-page", "20"])
                .arg("--json"),
        );
        rehearsal.wait_until("the export reads", |now| now.requests() >= 10);
        life.signal(signal);
        let out = life.wait().expect(3);
        assert_eq!(out.summary()["status"], "stopped", "{}", out.transcript());
        assert!(out.stderr.contains("ferry resume"), "{}", out.transcript());
        assert!(!rehearsal.path("people.csv").exists(), "half a file was left");
        rehearsal.faults("");
        let out = rehearsal.json(["resume", "--last"]).expect(0);
        assert_eq!((out.count("read"), out.count("written")), (1000, 1000));
    }
}

#[test]
fn ctrl_c_stops_an_import_with_what_is_not_sent_pending() {
    let slower = "[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nafter = 24\nlatency_ms = 1500\n";
    let rehearsal = Rehearsal::new(slower);
    let life = begin_import(&rehearsal, 150);
    rehearsal.wait_until("records are sent", |now| now.effects("create") >= 20);
    life.signal("INT");
    let out = life.wait().expect(3);
    assert_balanced(&out);
    assert!(out.count("pending") > 0 && out.count("created") >= 20, "{}", out.transcript());
    assert_eq!(out.count("created"), rehearsal.effects("create") as u64, "what was in flight is finished");
    rehearsal.faults("");
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("pending")), (150, 0));
    assert_eq!(rehearsal.effects("create"), 150);
}

#[test]
fn a_second_importer_is_told_who_is_there_and_a_kill_frees_the_lock() {
    let rehearsal = Rehearsal::new(HELD_WRITES);
    let first = begin_import(&rehearsal, 150);
    rehearsal.wait_until("the first sends", |now| now.effects("create") >= 3);
    let run = rehearsal.runs()[0].file_name().unwrap().to_str().unwrap().to_owned();
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"];
    let second = rehearsal.json(import).expect(3);
    assert!(second.stderr.contains(&run), "{run}: {}", second.transcript());
    assert!(second.stderr.contains(&first.pid().to_string()), "{}", second.transcript());
    // Another state folder does not help: the lock is the account's.
    let elsewhere = rehearsal.json(import.into_iter().chain(["--state-dir", "elsewhere"])).expect(3);
    assert!(elsewhere.stderr.contains(&first.pid().to_string()), "{}", elsewhere.transcript());
    // Neither may the run itself be resumed while it runs.
    let resumed = rehearsal.json(["resume", &run, "--yes"]).expect(3);
    assert!(resumed.stderr.contains(&first.pid().to_string()), "{}", resumed.transcript());
    assert!(first.kill_9(), "the first was still at work");
    rehearsal.faults("");
    let out = rehearsal.json(["resume", &run, "--yes"]).expect(0);
    assert_eq!((out.count("created"), rehearsal.effects("create")), (150, 150));
}

#[test]
fn a_second_importer_that_may_wait_comes_after_the_first() {
    let rehearsal = Rehearsal::new(SLOW_WRITES);
    let first = begin_import(&rehearsal, 40);
    rehearsal.wait_until("the first sends", |now| now.effects("create") >= 3);
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes", "--lock-wait", "60"];
    let second = rehearsal.json(import).expect(0);
    assert_eq!((second.count("unchanged"), second.count("created")), (40, 0), "{}", second.transcript());
    assert_eq!(first.wait().expect(0).code, 0);
}

#[test]
fn another_account_behind_the_connection_is_refused_and_both_are_named() {
    let rehearsal = Rehearsal::new(HELD_WRITES);
    let life = begin_import(&rehearsal, 100);
    rehearsal.wait_until("records are sent", |now| now.effects("create") >= 5);
    assert!(life.kill_9());
    rehearsal.faults("");
    let stranger = Rehearsal::new("");
    let mut command = rehearsal.command(["resume", "--last", "--yes", "--json"]);
    command.env("FERRY_NETHUNT_URL", format!("{}/api/v1/zapier", stranger.root()));
    let out = rehearsal.spawn_with(&mut command).wait().expect(2);
    for root in [rehearsal.root(), stranger.root()] {
        assert!(out.stderr.contains(&root), "{root}: {}", out.transcript());
    }
    assert_eq!(stranger.ledger().iter().filter(|entry| entry.is_write()).count(), 0);
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!((out.count("created"), rehearsal.effects("create")), (100, 100));
}

#[test]
fn an_input_that_changed_before_it_was_read_is_refused() {
    let rehearsal = Rehearsal::generated(HELD, 50);
    // The account is asked for before the file is read: a kill at the first request comes before that.
    let life = begin_import(&rehearsal, 50);
    rehearsal.wait_until("the first request", |now| now.requests() >= 1);
    assert!(life.kill_9());
    rehearsal.faults("");
    let run = rehearsal.runs()[0].clone();
    rehearsal.file("rows.csv", "name,email\nAda,ada@x.example\n");
    let out = rehearsal.json(["resume", "--last", "--yes"]);
    assert_eq!(out.code, 2, "{}", out.transcript());
    assert!(out.stderr.contains("rows.csv` has changed"), "{}", out.transcript());
    assert!(run.exists());
    assert_eq!(rehearsal.effects("create"), 0);
}

#[test]
fn an_input_that_changed_after_it_was_read_does_not_matter() {
    let rehearsal = Rehearsal::new(HELD_WRITES);
    let life = begin_import(&rehearsal, 60);
    rehearsal.wait_until("records are sent", |now| now.effects("create") >= 5);
    assert!(life.kill_9());
    rehearsal.faults("");
    rehearsal.file("rows.csv", "name,email\nAda,ada@x.example\n");
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!((out.count("created"), rehearsal.effects("create")), (60, 60), "{}", out.transcript());
    assert!(run_of(&rehearsal, &out).join("succeeded.csv").exists());
}

fn begin_import(rehearsal: &Rehearsal, rows: usize) -> Running {
    let mut text = "name,email\n".to_owned();
    (0..rows).for_each(|row| writeln!(text, "Row {row:03},row{row:03}@x.example").unwrap());
    rehearsal.file("rows.csv", text);
    rehearsal.file("map.toml", MAPPING);
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes", "--json"];
    rehearsal.spawn(import)
}

#[test]
fn a_checkpoint_that_is_damaged_is_named_with_what_to_do() {
    let quota = "[[fault]]\nkind = \"quota\"\nmethod = \"POST\"\nafter = 1\n";
    let rehearsal = Rehearsal::new(quota);
    rehearsal.file("map.toml", MAPPING);
    rehearsal.file("rows.csv", "name,email\nAda,a@x.example\nBob,b@x.example\nCid,c@x.example\n");
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"];
    rehearsal.ferry(import).expect(3);
    rehearsal.faults("");
    let run = rehearsal.runs().remove(0);
    std::fs::write(run.join("checkpoint.sqlite"), "no database ".repeat(1000)).unwrap();
    for command in [&["resume", "--last", "--yes"][..], &import] {
        let out = rehearsal.ferry(command).expect(3);
        for words in
            ["checkpoint.sqlite`", "cannot be read", "put it back from a copy", "remove the run's folder"]
        {
            assert!(out.stderr.contains(words), "no `{words}` in {}", out.transcript());
        }
    }
    std::fs::remove_dir_all(&run).unwrap();
    rehearsal.ferry(import).expect(0);
    assert_eq!(rehearsal.records("Contacts").len(), 3);
}
