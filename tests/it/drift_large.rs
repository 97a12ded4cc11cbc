//! Large reads while others work and the service has a bad day: a hundredth of the records is created, deleted
//! and edited each, and 3 % of the answers are 429, 5xx, cut off or broken.
//!
//! With 5,000 records; with 50,000 (500 creations, 500 deletions, 500 edits) where the environment variable
//! `FERRY_TEST_LARGE` is `1`, which takes minutes in a debug build:
//! `FERRY_TEST_LARGE=1 cargo nextest run drift_large --no-capture`.

use std::time::Instant;

use crate::drift::{Expected, Service, Watched};
use crate::support::Rehearsal;

/// Each of the four kinds of trouble hits so many answers.
const TROUBLE: f64 = 0.0075;

fn records() -> usize {
    if std::env::var_os("FERRY_TEST_LARGE").is_some_and(|value| value == "1") { 50_000 } else { 5_000 }
}

/// Drift of a hundredth of the records each, `burst` changes before every read, and trouble. What is long is
/// read in few requests, so some trouble comes for certain as well.
fn scenario(service: &str, burst: usize, certain: &str) -> String {
    let each = records() / 100;
    let fault = |kind: &str| {
        format!("[[fault]]\nkind = \"{kind}\"\nservice = \"{service}\"\nprobability = {TROUBLE}\n")
    };
    format!(
        "seed = 11\n[drift]\nservice = \"{service}\"\nevery = 1\nburst = {burst}\nafter = 3\n\
         inserts = {each}\ndeletes = {each}\nupdates = {each}\n{}retry_after = 0\n{}status = 503\n{}{}{certain}",
        fault("too_many_requests"),
        fault("error_before_commit"),
        fault("lost_answer"),
        fault("truncated_body"),
    )
}

#[track_caller]
fn read_in_trouble(service: Service, scenario: &str, label: &str) {
    let rehearsal = Rehearsal::generated(scenario, records());
    let watched = Watched::start(&rehearsal, service);
    let started = Instant::now();
    let compared = watched.export(Expected::Whole, label);
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(compared.changes, records() / 100 * 3, "{label}: {compared}");
    let totals = rehearsal.get("/ledger/summary");
    let faults = totals["by_fault"].as_object().unwrap();
    for kind in ["too_many_requests", "error_before_commit", "lost_answer", "truncated_body"] {
        assert!(faults.contains_key(kind) || records() < 50_000, "{label}: no {kind}: {faults:?}");
    }
    assert!(!faults.is_empty(), "{label}: no trouble at all");
    println!("{label}: {compared}; {} requests, {faults:?}; {seconds:.1} s", totals["requests"]);
}

#[test]
fn contacts_of_nimble_survive_drift_and_trouble() {
    read_in_trouble(Service::Nimble, &scenario("nimble", 3, ""), "Nimble");
}

#[test]
fn records_of_nethunt_survive_drift_and_trouble() {
    // Some ten requests in all, of which these are the long ones.
    let at = |kind: &str, path: &str, at: u64| {
        format!("[[fault]]\nkind = \"{kind}\"\nservice = \"nethunt\"\npath = \"{path}\"\nat = [{at}]\n")
    };
    let certain = [
        at("truncated_body", "/triggers/new-record", 1),
        at("lost_answer", "/triggers/new-record", 2),
        at("error_before_commit", "/searches/find-record", 1),
        at("too_many_requests", "/triggers/updated-record", 1) + "retry_after = 0\n",
    ];
    let burst = records() * 3 / 100 / 4;
    read_in_trouble(Service::NetHunt, &scenario("nethunt", burst, &certain.concat()), "NetHunt");
}
