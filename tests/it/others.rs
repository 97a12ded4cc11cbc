//! Runs that find what others have left: killed in another state folder, or between two lives of a run (design 9.3, 9.9).

use crate::doubt::{TARGETS, Target, addresses, emails, prepare};
use crate::support::Rehearsal;
use serde_json::json;

const ROWS: usize = 3;

/// What was sent is carried out long after its process is gone.
const LATE: &str = "[[fault]]\nmethod = \"POST\"\nkind = \"late_commit\"\nlate_commit_ms = 1500\nfirst = 3\n";

/// An import of the rows in a state folder of its own.
fn import<'a>(target: Target<'_>, state: &'a str) -> [&'a str; 8] {
    ["import", "rows.csv", target.stream, "-m", "map.toml", "--yes", "--state-dir", state]
}

/// Starts an import and ends it when its first create is on its way.
fn kill_at_the_first_create(rehearsal: &Rehearsal, target: Target<'_>, state: &str) {
    let seen = rehearsal.requests();
    let life = rehearsal.spawn(import(target, state));
    rehearsal.wait_until("a create is on its way", |now| {
        now.ledger_since(seen).iter().any(|entry| entry.is_write() && entry.fault == "late_commit")
    });
    assert!(life.kill_9(), "it ended before it could be killed");
}

#[test]
fn what_a_run_in_another_state_folder_left_is_waited_for() {
    for target in TARGETS {
        let rehearsal = Rehearsal::new(LATE).set("FERRY_SETTLE", "4s");
        prepare(&rehearsal, target, ROWS);
        kill_at_the_first_create(&rehearsal, target, "one");
        rehearsal.faults("");
        let out = rehearsal.json(import(target, "other")).expect(0);
        assert!(out.count("unchanged") > 0, "{}", out.transcript());
        assert!(out.stderr.contains("not settled yet in this account"), "{}", out.transcript());
        assert!(out.stderr.contains(&rehearsal.path("one").display().to_string()), "{}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(ROWS), "{}", out.transcript());
        let out = rehearsal.json(["resume", "--last", "--yes", "--state-dir", "one"]);
        assert_eq!(emails(&rehearsal, target), addresses(ROWS), "{}", out.transcript());
    }
}

#[test]
fn what_a_removed_run_left_is_waited_for_once() {
    for target in TARGETS {
        let rehearsal = Rehearsal::new(LATE).set("FERRY_SETTLE", "4s");
        prepare(&rehearsal, target, ROWS);
        kill_at_the_first_create(&rehearsal, target, ".ferry");
        rehearsal.faults("");
        let run = rehearsal.runs().remove(0);
        std::fs::remove_dir_all(&run).unwrap();
        let out = rehearsal.json(import(target, ".ferry")).expect(0);
        assert!(out.stderr.contains("a run died while it wrote to this account"), "{}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(ROWS), "{}", out.transcript());
        let out = rehearsal.json(import(target, ".ferry")).expect(0);
        assert_eq!(out.count("unchanged"), ROWS as u64, "{}", out.transcript());
        assert!(!out.stderr.contains("died"), "{}", out.transcript());
    }
}

#[test]
fn a_run_that_is_resumed_waits_for_what_another_one_left_meanwhile() {
    for target in TARGETS {
        let refused = "[[fault]]\nmethod = \"POST\"\nkind = \"unauthorized\"\n";
        let rehearsal = Rehearsal::new(refused).set("FERRY_SETTLE", "4s");
        prepare(&rehearsal, target, ROWS);
        rehearsal.json(import(target, ".ferry")).expect(5);
        rehearsal.faults(LATE);
        kill_at_the_first_create(&rehearsal, target, ".ferry");
        rehearsal.faults("");
        let first = rehearsal.runs().remove(0);
        let first = first.file_name().unwrap().to_str().unwrap();
        let out = rehearsal.json(["resume", first, "--yes"]).expect(1);
        assert!(out.count("conflicts") > 0, "{}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(ROWS), "{}", out.transcript());
    }
}

/// Rows of which two are made and some are on their way when their run is killed.
const MANY: usize = 12;

/// Starts an import and ends it when its third create is on its way; that one is never carried out.
fn kill_at_the_third_create(rehearsal: &Rehearsal, target: Target<'_>, more: &[&str]) {
    let words: Vec<&str> = import(target, ".ferry").into_iter().chain(more.iter().copied()).collect();
    kill_import_at_the_third_create(rehearsal, &words);
}

fn kill_import_at_the_third_create(rehearsal: &Rehearsal, words: &[&str]) {
    // From the third create on none is served before the test is over.
    rehearsal.faults("[[fault]]\nmethod = \"POST\"\nkind = \"latency\"\nafter = 2\nlatency_ms = 60000\n");
    let life = rehearsal.spawn(words.iter().copied().chain(["--concurrency", "1"]));
    rehearsal.wait_until("a create is on its way", |now| now.writes_since(0).len() > 2);
    rehearsal.wait_until("the answers before it are noted", |now| {
        let checkpoint = now.runs().remove(0).join("checkpoint.sqlite");
        let db = rusqlite::Connection::open(checkpoint).unwrap();
        let sql = "SELECT count(*) FROM load_op WHERE made IS NOT NULL";
        db.query_row(sql, [], |row| row.get::<_, i64>(0)).is_ok_and(|made| made == 2)
    });
    assert!(life.kill_9(), "it ended before it could be killed");
    rehearsal.faults("");
}

#[test]
fn what_another_run_has_made_of_rows_in_flight_at_a_kill_is_not_made_again() {
    for (target, state) in TARGETS.into_iter().zip([".ferry", "other"]) {
        let rehearsal = Rehearsal::new("");
        prepare(&rehearsal, target, MANY);
        kill_at_the_third_create(&rehearsal, target, &[]);
        let out = rehearsal.json(import(target, state)).expect(0);
        assert_eq!((out.count("created"), out.count("unchanged")), (10, 2), "{}", out.transcript());
        let first = rehearsal.runs().remove(0);
        let out = rehearsal.json(["resume", first.file_name().unwrap().to_str().unwrap(), "--yes"]).expect(1);
        assert_eq!((out.count("created"), out.count("conflicts")), (2, 10), "{}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(MANY), "{}", out.transcript());
    }
}

#[test]
fn what_somebody_has_made_of_rows_in_flight_at_a_kill_is_not_made_again() {
    // With a mark it is told for certain that a record is none of the run's.
    for (user, more) in [("other@example.org", &[][..]), ("sim@example.org", &["--marker-field", "Notes"])] {
        let (rehearsal, target) = (Rehearsal::new(""), TARGETS[0]);
        prepare(&rehearsal, target, MANY);
        kill_at_the_third_create(&rehearsal, target, more);
        let by_hand = |row: usize| {
            let fields = json!({"Name": format!("Row {row:03}"), "Email": [addresses(MANY)[row]]});
            json!({"fields": fields, "user": user})
        };
        rehearsal.post("/nethunt/records/Contacts", &json!([by_hand(2), by_hand(11)]).to_string());
        let out = rehearsal.json(["resume", "--last", "--yes"]).expect(1);
        assert_eq!((out.count("created"), out.count("conflicts")), (10, 2), "{user}: {}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(MANY), "{user}: {}", out.transcript());
    }
}

#[test]
fn a_run_waits_the_longer_settle_time_of_one_that_left_something_unsettled() {
    for (target, is_removed) in TARGETS.into_iter().zip([false, true]) {
        let rehearsal = Rehearsal::new(LATE).set("FERRY_SETTLE", "4s");
        prepare(&rehearsal, target, ROWS);
        kill_at_the_first_create(&rehearsal, target, ".ferry");
        rehearsal.faults("");
        if is_removed {
            std::fs::remove_dir_all(rehearsal.runs().remove(0)).unwrap();
        }
        let mut second = rehearsal.command(import(target, ".ferry"));
        let out = rehearsal.spawn_with(second.arg("--json").env("FERRY_SETTLE", "100ms")).wait().expect(0);
        assert!(out.count("unchanged") > 0, "{}", out.transcript());
        assert_eq!(emails(&rehearsal, target), addresses(ROWS), "{}", out.transcript());
    }
}

#[test]
fn rows_of_a_sheet_that_a_killed_run_has_made_are_known_again() {
    for (stream, field) in [("nethunt:Contacts", "Name"), ("nimble:contacts", "first name")] {
        let rehearsal = Rehearsal::new("");
        let names: String = (0..MANY).map(|row| format!("Row {row}\n")).collect();
        rehearsal.file("new.csv", format!("{field}\n{names}"));
        let words = ["import", "new.csv", stream, "--yes"];
        kill_import_at_the_third_create(&rehearsal, &words);
        let out = rehearsal.json(words).expect(0);
        assert_eq!((out.count("created"), out.count("unchanged")), (10, 2), "{}", out.transcript());
        assert!(out.stderr.contains("2 rows without `_id` were made"), "{}", out.transcript());
        // What the killed run had still to send, the other one has made.
        let first = rehearsal.runs().remove(0);
        let out = rehearsal.json(["resume", first.file_name().unwrap().to_str().unwrap(), "--yes"]).expect(1);
        assert_eq!((out.count("created"), out.count("conflicts")), (2, 10), "{}", out.transcript());
        assert!(out.transcript().contains("has made record"), "{}", out.transcript());
        let there =
            if stream.starts_with("nimble") { rehearsal.contacts() } else { rehearsal.records("Contacts") };
        assert_eq!(there.len(), MANY, "{}", out.transcript());
    }
}
