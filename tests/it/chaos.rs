//! The chaos test: imports that create, update and link, with every kind of fault at once, ended by `kill -9` at random
//! moments and resumed until they are done. No row is doubled, none is lost, each ends in exactly one result file, the
//! accounts balance, each company is made once and linked to, and resuming once more does nothing (design section 9).
//!
//! Each service gets half of `FERRY_TEST_CHAOS_SECONDS` (80 by default), and at least one import. Each import has its
//! seed: the faults and the moments of the kills follow from it, as far as two processes and a network let them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::accounts::{assert_balanced, assert_every_row_has_one_result, contact_value, record_id, run_of};
use crate::support::{Output, Rehearsal};

/// Rows of the file, and how many of them are at the service before, under another name.
const ROWS: usize = 240;
const KNOWN: usize = 80;
/// So many rows after each other are of one company; those of every third row say it.
const STAFF: usize = 12;
/// An import is killed so often at most.
const MOST_KILLS: usize = 12;

/// What may happen to a request, each with this chance.
const CHANCE: f64 = 0.01;
const FAULTS: [&str; 10] = [
    "kind = \"lost_answer\"",
    "kind = \"lost_request\"",
    "kind = \"late_commit\"\nlate_commit_ms = 500\nmethod = \"write\"",
    "kind = \"error_before_commit\"",
    "kind = \"error_after_commit\"",
    "kind = \"truncated_body\"",
    "kind = \"empty_body\"",
    "kind = \"html\"",
    "kind = \"too_many_requests\"",
    "kind = \"unauthorized\"",
];

/// Both services list what is new only after a while, and take their time to write.
const SERVICES: &str = r#"
[nimble]
index_delay_ms = 400
[nethunt]
visibility_lag_ms = 400
index_lag_ms = 400
"#;
const SETTLE: &str = "3s";

/// Where to.
struct Target {
    stream: &'static str,
    mapping: &'static str,
}

const NETHUNT: Target = Target {
    stream: "nethunt:Contacts",
    mapping: "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
              [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n\
              [[field]]\nto = \"Company\"\nfrom = \"company\"\n\
              link = { stream = \"nethunt:Companies\", by = \"Name\", missing = \"create\" }\n",
};

const NIMBLE: Target = Target {
    stream: "nimble:contacts",
    mapping: "[mapping]\nkey = [\"email[work]\"]\n[[field]]\nto = \"_type\"\nconst = \"person\"\n\
              [[field]]\nto = \"first name\"\nfrom = \"name\"\n[[field]]\nto = \"email[work]\"\nfrom = \"email\"\n\
              [[field]]\nto = \"parent company\"\nfrom = \"company\"\n",
};

#[test]
fn nethunt_survives_chaos() {
    survive(&NETHUNT);
}

#[test]
fn nimble_survives_chaos() {
    survive(&NIMBLE);
}

fn survive(target: &Target) {
    let seconds = std::env::var("FERRY_TEST_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(80) / 2);
    let (mut imports, mut kills, mut faults) = (0, 0, 0);
    while imports == 0 || Instant::now() < end {
        imports += 1;
        let survived = one(target, imports);
        kills += survived.0;
        faults += survived.1;
    }
    println!(
        "{}: {imports} imports of {ROWS} rows survived {kills} kills and {faults} faults",
        target.stream
    );
}

/// One import; the kills and faults that it survived.
fn one(target: &Target, seed: u64) -> (usize, u64) {
    let rehearsal = Rehearsal::new(&format!("seed = {seed}\n{SERVICES}")).set("FERRY_SETTLE", SETTLE);
    rehearsal.file("map.toml", target.mapping);
    rehearsal.file("known.csv", rows(KNOWN, "Old"));
    rehearsal.file("rows.csv", rows(ROWS, "New"));
    let import = |file| ["import", file, target.stream, "-m", "map.toml", "--yes", "--json"];
    rehearsal.ferry(import("known.csv")).expect(0);
    rehearsal.faults(&storm());
    let (kills, mut out) = until_done(&rehearsal, import("rows.csv"), &mut fastrand::Rng::with_seed(seed));
    let faults = rehearsal.get("/ledger/summary")["by_fault"].as_object().map_or(0, |by_fault| {
        by_fault.iter().filter(|(kind, _)| !kind.is_empty()).filter_map(|(_, count)| count.as_u64()).sum()
    });
    let failed = out.count("failed");
    assert_balanced(&out);
    assert_every_row_has_one_result(&run_of(&rehearsal, &out), ROWS as u64);
    let accounts = ["created", "updated", "unchanged", "failed"].map(|key| out.count(key));
    assert_eq!(accounts.iter().sum::<u64>(), ROWS as u64, "seed {seed}: {}", out.transcript());

    let seen = rehearsal.requests();
    let again = rehearsal.json(["resume", "--last", "--yes"]);
    assert_eq!(again.count("created"), out.count("created"), "seed {seed}: {}", again.transcript());
    assert!(rehearsal.writes_since(seen).is_empty(), "seed {seed}: resuming once more writes nothing");

    rehearsal.faults("");
    if failed > 0 {
        // The service answered 5xx and did nothing, twice in a row: such rows are tried again.
        let run = out.summary()["run"].as_str().unwrap().to_owned();
        out = rehearsal.json(["retry", &run, "--yes"]).expect(0);
        assert_eq!(out.count("created") + out.count("updated"), failed, "seed {seed}: {}", out.transcript());
    }
    let mut expected: Vec<_> =
        (0..ROWS).map(|row| (address(row), format!("New {row:03}"), company(row))).collect();
    expected.sort();
    assert_eq!(
        people(&rehearsal, target),
        expected,
        "seed {seed}: none twice, none missing, each with its company"
    );
    let expected: Vec<_> = (0..ROWS).step_by(STAFF).map(company).collect();
    assert_eq!(companies(&rehearsal, target), expected, "seed {seed}: each company once");
    (kills, faults)
}

/// Kills the import at random moments, resumes it after each and whenever it stopped by itself.
fn until_done(rehearsal: &Rehearsal, begin: [&str; 7], rng: &mut fastrand::Rng) -> (usize, Output) {
    let mut kills = 0;
    let mut life = rehearsal.spawn(begin);
    for _ in 0..100 {
        if kills < MOST_KILLS {
            // The run is there before its first request.
            let moment = rehearsal.requests() + rng.usize(1..60);
            rehearsal
                .wait_until("the moment of the kill", |now| now.requests() >= moment || life.has_ended());
            if !life.has_ended() {
                kills += usize::from(life.kill_9());
                life = rehearsal.spawn(["resume", "--last", "--yes", "--json"]);
                continue;
            }
        }
        let out = life.wait();
        match out.code {
            0 | 1 => return (kills, out),
            3 | 5 => life = rehearsal.spawn(["resume", "--last", "--yes", "--json"]),
            _ => panic!("{}", out.transcript()),
        }
    }
    panic!("it is never done");
}

fn storm() -> String {
    let rules = FAULTS.iter().map(|fault| format!("[[fault]]\n{fault}\nprobability = {CHANCE}\n"));
    rules.collect::<String>() + "[[fault]]\nkind = \"latency\"\nlatency_ms = 4\n"
}

fn rows(count: usize, name: &str) -> String {
    let mut text = "name,email,company\n".to_owned();
    for row in 0..count {
        writeln!(text, "{name} {row:03},{},{}", address(row), company(row)).unwrap();
    }
    text
}

fn address(row: usize) -> String {
    format!("row{row:03}@chaos.example")
}

fn company(row: usize) -> String {
    if row.is_multiple_of(3) { format!("Company {:02}", row / STAFF) } else { String::new() }
}

/// Address, name and company of every person at the target, sorted.
fn people(rehearsal: &Rehearsal, target: &Target) -> Vec<(String, String, String)> {
    let mut found: Vec<_> = if target.stream.starts_with("nimble") {
        let of = |contact: &Value| {
            ["email", "first name", "parent company"].map(|field| contact_value(contact, field)).into()
        };
        rehearsal
            .contacts()
            .iter()
            .filter(|contact| !contact_value(contact, "email").is_empty())
            .map(of)
            .collect()
    } else {
        let companies: BTreeMap<_, _> = names_by_id(rehearsal).collect();
        let of = |record: &Value| {
            let fields = &record["fields"];
            let address = fields["Email"][0].as_str().unwrap_or_default().trim_matches(['<', '>']);
            let company = fields["Company"][0].as_str().map(|id| companies[id].clone()).unwrap_or_default();
            (address.to_owned(), text(&fields["Name"]), company)
        };
        rehearsal.records("Contacts").iter().map(of).collect()
    };
    found.sort();
    found
}

/// The names of all companies at the target, sorted.
fn companies(rehearsal: &Rehearsal, target: &Target) -> Vec<String> {
    let mut found: Vec<_> = if target.stream.starts_with("nimble") {
        let contacts = rehearsal.contacts();
        let names = contacts.iter().map(|contact| contact_value(contact, "company name"));
        names.filter(|name| !name.is_empty()).collect()
    } else {
        names_by_id(rehearsal).map(|(_, name)| name).collect()
    };
    found.sort();
    found
}

fn names_by_id(rehearsal: &Rehearsal) -> impl Iterator<Item = (String, String)> {
    let records = rehearsal.records("Companies");
    records.into_iter().map(|record| (record_id(&record), text(&record["fields"]["Name"])))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
