//! The kill test: an import that is ended ten times by `kill -9` and resumed each time leaves every row exactly
//! once at the service, whatever else goes wrong meanwhile (design section 9.3).
//!
//! The moments are conditions, not times: so many requests or creates in the simulator's ledger. The settle
//! time is longer than anything here takes to commit and to become visible, which is the assumption under
//! which the promise is given. Rows with a key in a storm are `chaos`'s.

use std::fmt::Write;

use crate::accounts::{assert_balanced, assert_every_row_has_one_result, contact_value, run_of, tally};
use crate::support::{Rehearsal, Running};

/// Rows of the file.
const ROWS: usize = 200;
/// Rows of equal content at its end, where there is no key: each is a record of its own.
const TWINS: usize = 4;
/// Kills while records are sent; two more come before, in the reads, and one after, in the sweep.
const KILLS_WHILE_SENDING: usize = 7;

/// Lists that lag behind.
const LAGGING: &str =
    "[nimble]\nindex_delay_ms = 1000\n[nethunt]\nvisibility_lag_ms = 1000\nindex_lag_ms = 1000\n";

/// Everything that the network and the services may do to a run, the writes made slow enough to be met.
const STORM: &str = r#"
[[fault]]
kind = "latency"
method = "POST"
latency_ms = 12
[[fault]]
kind = "lost_answer"
method = "POST"
probability = 0.07
[[fault]]
kind = "late_commit"
method = "POST"
late_commit_ms = 600
probability = 0.03
[[fault]]
kind = "error_after_commit"
method = "POST"
probability = 0.03
[[fault]]
kind = "lost_request"
method = "POST"
probability = 0.03
[[fault]]
kind = "truncated_body"
probability = 0.03
[[fault]]
kind = "too_many_requests"
probability = 0.01
"#;

const CALM: &str = "[[fault]]\nkind = \"latency\"\nlatency_ms = 12\n";

/// A list that the sweep reads is not served before the test is over: the sweep waits there to be killed.
const HELD_SWEEP: &str = "[[fault]]\nkind = \"latency\"\nmethod = \"GET\"\n\
                          path_regex = \"^(/contacts$|/triggers/new-record)\"\nlatency_ms = 60000\n";

const NETHUNT: &str = r#"
[[field]]
to = "Name"
from = "name"
[[field]]
to = "Email"
from = "email"
multi = true
[[field]]
to = "Country"
from = "country"
"#;

const NIMBLE: &str = r#"
[[field]]
to = "_type"
const = "person"
[[field]]
to = "first name"
from = "name"
[[field]]
to = "email[work]"
from = "email"
[[field]]
to = "address[work].country"
from = "country"
"#;

/// An import to be killed.
struct Import {
    target: &'static str,
    fields: &'static str,
    /// The key's field; none: rows of equal content cannot be told apart.
    key: Option<&'static str>,
    /// Lists that lag, if they do.
    services: &'static str,
    faults: &'static str,
    settle: &'static str,
}

#[test]
fn ten_kills_in_a_storm_leave_every_row_without_a_key_once_in_nethunt() {
    survive(&Import {
        target: "nethunt:Contacts",
        fields: NETHUNT,
        key: None,
        services: LAGGING,
        faults: STORM,
        settle: "4s",
    });
}

#[test]
fn ten_kills_in_a_storm_leave_every_row_without_a_key_once_in_nimble() {
    survive(&Import {
        target: "nimble:contacts",
        fields: NIMBLE,
        key: None,
        services: LAGGING,
        faults: STORM,
        settle: "4s",
    });
}

#[test]
fn ten_kills_on_a_calm_day_leave_every_row_once_in_nethunt() {
    survive(&Import {
        target: "nethunt:Contacts",
        fields: NETHUNT,
        key: None,
        services: "",
        faults: CALM,
        settle: "2s",
    });
}

#[test]
fn ten_kills_on_a_calm_day_leave_every_row_once_in_nimble() {
    survive(&Import {
        target: "nimble:contacts",
        fields: NIMBLE,
        key: Some("email[work]"),
        services: "",
        faults: CALM,
        settle: "2s",
    });
}

fn survive(import: &Import) {
    let scenario = format!("{}{}", import.services, import.faults);
    let rehearsal = Rehearsal::generated(&scenario, 30).set("FERRY_SETTLE", import.settle);
    rehearsal.file("rows.csv", rows(import.key.is_some()));
    rehearsal.file("map.toml", mapping(import));
    let existing = names(&rehearsal, import).len();
    let kills = kill_ten_times(&rehearsal, import);

    let last = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_balanced(&last);
    assert_eq!(last.count("created"), ROWS as u64, "{}", last.transcript());
    assert_every_row_has_one_result(&run_of(&rehearsal, &last), ROWS as u64);
    let found = tally(names(&rehearsal, import).into_iter().filter(|name| name.starts_with("Row ")));
    assert_eq!(found, tally((0..ROWS).map(|row| name(row, import.key.is_some()))));
    assert_eq!(names(&rehearsal, import).len(), existing + ROWS);

    let seen = rehearsal.requests();
    let again = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!(rehearsal.writes_since(seen).len(), 0, "{}", again.transcript());
    assert_eq!(again.count("created"), ROWS as u64);
    let faults = rehearsal.get("/ledger/summary")["by_fault"].to_string();
    println!("{} key {:?}: survived {kills} kills and {faults}", import.target, import.key);
}

/// Starts the import, ends it ten times, and resumes it after each but the last.
fn kill_ten_times(rehearsal: &Rehearsal, import: &Import) -> usize {
    let begin = ["import", "rows.csv", import.target, "-m", "map.toml", "--yes"];
    let resume = ["resume", "--last", "--yes"];
    let mut kills = 0;
    let mut life = rehearsal.spawn(begin);
    for requests in [1, 3] {
        let before = if requests == 1 { 0 } else { rehearsal.requests() };
        kills += kill_when(rehearsal, life, |now| now.requests() >= before + requests);
        life = rehearsal.spawn(resume);
    }
    for part in 1..=KILLS_WHILE_SENDING {
        let creates = ROWS * part / (KILLS_WHILE_SENDING + 1);
        kills += kill_when(rehearsal, life, |now| now.effects("create") >= creates);
        life = rehearsal.spawn(resume);
    }
    // The plan is saved and everything else sent: a list that is read now is read by the sweep.
    let before = rehearsal.requests();
    rehearsal.faults(&format!("{}{HELD_SWEEP}", import.faults));
    kills += kill_when(rehearsal, life, |now| {
        let since = now.ledger_since(before);
        since.iter().any(|entry| entry.method == "GET" && is_sweep(&entry.path))
    });
    rehearsal.faults(import.faults);
    assert_eq!(kills, KILLS_WHILE_SENDING + 3);
    kills
}

/// Ends a life of the run when a condition holds; 1 if it was still alive then.
fn kill_when(rehearsal: &Rehearsal, mut life: Running, condition: impl Fn(&Rehearsal) -> bool) -> usize {
    rehearsal.wait_until("the moment of the kill", |now| condition(now) || life.has_ended());
    if life.has_ended() {
        let out = life.wait();
        panic!("it ended before it could be killed: {}", out.transcript());
    }
    usize::from(life.kill_9())
}

fn is_sweep(path: &str) -> bool {
    path == "/contacts" || path.starts_with("/triggers/new-record")
}

fn mapping(import: &Import) -> String {
    let key = import.key.map_or_else(|| "mode = \"create\"".to_owned(), |key| format!("key = [\"{key}\"]"));
    format!("[mapping]\n{key}\n{}", import.fields)
}

fn rows(keyed: bool) -> String {
    let mut text = "name,email,country\n".to_owned();
    for row in 0..ROWS {
        let name = name(row, keyed);
        let mail = name.replace(' ', ".").to_lowercase();
        writeln!(text, "{name},{mail}@import.example,NO").unwrap();
    }
    text
}

/// The name in a row; without a key the last few rows are alike in everything.
fn name(row: usize, keyed: bool) -> String {
    let row = if keyed { row } else { row.min(ROWS - TWINS) };
    format!("Row {row:04}")
}

/// The names of all records at the target.
fn names(rehearsal: &Rehearsal, import: &Import) -> Vec<String> {
    if import.target.starts_with("nimble") {
        return rehearsal.contacts().iter().map(|contact| contact_value(contact, "first name")).collect();
    }
    let name = |record: &serde_json::Value| record["fields"]["Name"].as_str().unwrap_or_default().to_owned();
    rehearsal.records("Contacts").iter().map(name).collect()
}
