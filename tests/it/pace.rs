//! The request budget as the service sees it: used, and never exceeded (design section 10).

use crate::support::{Entry, Rehearsal};

/// The most requests that lie in any span of `window_ms`.
fn densest(entries: &[Entry], window_ms: i64) -> usize {
    let within = |from: i64| entries.iter().filter(|e| e.ms >= from && e.ms < from + window_ms).count();
    entries.iter().map(|entry| within(entry.ms)).max().unwrap_or_default()
}

fn span_ms(entries: &[Entry]) -> i64 {
    entries.last().unwrap().ms - entries.first().unwrap().ms
}

/// Requests that a process has in flight at most.
const IN_FLIGHT: usize = 4;

/// Nobody waits for a budget that is free, as far as a busy machine lets anybody send: how much of it is used
/// otherwise is measured by the pace's own tests.
#[track_caller]
fn assert_is_used(entries: &[Entry], allowed: i64) {
    assert!(entries.len() as i64 * 100 >= allowed * 30, "{} of {allowed} used", entries.len());
}

fn paced(records: usize, rate: &str) -> Vec<Entry> {
    let rehearsal =
        Rehearsal::generated("", records).unset("FERRY_NIMBLE_RATE").set("FERRY_NIMBLE_RATE", rate);
    let export = ["export", "nimble:contacts", "-o", "all.csv", "--per-page", "10"];
    rehearsal.json(export).expect(0);
    rehearsal.ledger()
}

#[test]
fn a_budget_by_the_second_is_never_exceeded_in_any_second() {
    let entries = paced(700, "20/s");
    assert!(entries.len() >= 70, "{} requests", entries.len());
    // On a busy machine those in flight arrive closer together than they were let go; the pace's own tests, which
    // know the clock, are strict.
    assert!(densest(&entries, 900) <= 20 + IN_FLIGHT, "{} in less than a second", densest(&entries, 900));
    assert_is_used(&entries, 20 * span_ms(&entries) / 1000);
}

#[test]
fn a_budget_by_the_minute_is_used_to_ninety_five_percent() {
    let entries = paced(700, "600/min");
    assert!(entries.len() >= 70, "{} requests", entries.len());
    let allowed = 600 * span_ms(&entries) / 60_000;
    assert_is_used(&entries, allowed);
    // The burst is at most 5 % of the minute's budget; what follows comes at the rate.
    let burst = 30 + 10 + IN_FLIGHT;
    assert!(densest(&entries, 1000) <= burst, "{} in a second", densest(&entries, 1000));
    assert!(entries.len() as i64 <= allowed + 31, "{} of {allowed} and the burst", entries.len());
}

#[test]
fn several_processes_keep_one_budget() {
    let rehearsal = Rehearsal::generated("", 300).set("FERRY_NIMBLE_RATE", "20/s");
    let start = |file: &str| rehearsal.spawn(["export", "nimble:contacts", "-o", file, "--per-page", "10"]);
    let all = ["a.csv", "b.csv", "c.csv"].map(start);
    for running in all {
        let ended = running.wait();
        assert_eq!(ended.code, 0, "{}", ended.transcript());
    }
    let entries = rehearsal.ledger();
    assert!(entries.len() >= 90, "{} requests", entries.len());
    // Each for itself they would send 60 in a second; those in flight may arrive at once.
    assert!(densest(&entries, 900) <= 20 + 3 * IN_FLIGHT, "{} in less than a second", densest(&entries, 900));
    assert!(entries.len() as i64 <= 20 * span_ms(&entries) / 1000 + 20, "{} requests", entries.len());
    assert_is_used(&entries, 20 * span_ms(&entries) / 1000);
}

#[test]
fn without_a_place_to_keep_the_budget_together_the_work_goes_on() {
    let rehearsal = Rehearsal::generated("", 3).set("FERRY_NIMBLE_RATE", "20/s");
    let rehearsal = rehearsal.set("XDG_STATE_HOME", "/dev/null/nowhere");
    let out = rehearsal.ferry(["export", "nimble:contacts", "-o", "a.csv"]).expect(0);
    assert!(out.stderr.contains("other Ferry processes"), "{}", out.transcript());
}

#[test]
fn a_refusal_with_retry_after_holds_all_workers_back() {
    for service in ["nimble:contacts", "nethunt:Contacts"] {
        let scenario = "[[fault]]\nkind = \"too_many_requests\"\nmethod = \"POST\"\nat = [10]\nretry_after = 2\n\
                        [[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nlatency_ms = 100\n";
        let rehearsal = Rehearsal::new(scenario);
        let rows: String = (0..40).map(|row| format!("Row {row},row{row}@pace.example\n")).collect();
        rehearsal.file("rows.csv", format!("name,email\n{rows}"));
        let (name, email) = match service {
            "nimble:contacts" => ("first name", "email[work]"),
            _ => ("Name", "Email"),
        };
        rehearsal.file(
            "map.toml",
            format!(
                "[mapping]\nkey = [\"{email}\"]\n[[field]]\nto = \"{name}\"\nfrom = \"name\"\n\
                 [[field]]\nto = \"{email}\"\nfrom = \"email\"\nmulti = true\n"
            ),
        );
        let import = ["import", "rows.csv", service, "-m", "map.toml", "--yes"];
        let out = rehearsal.json(import).expect(0);
        assert_eq!(out.count("created"), 40, "{}", out.transcript());
        let writes = rehearsal.writes_since(0);
        let refused = writes.iter().find(|entry| entry.status == 429).unwrap();
        // Those that were under way, or begun before a busy machine took the refusal in, may still arrive; then there
        // is silence.
        let later: Vec<i64> =
            writes.iter().filter(|entry| entry.ms > refused.ms).map(|entry| entry.ms).collect();
        let early = later.iter().filter(|ms| **ms < refused.ms + 2000).count();
        assert!(early <= 16, "{early} came before their time");
        let times: Vec<i64> = std::iter::once(refused.ms).chain(later).collect();
        let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(gap >= 1000, "a gap of {gap} ms");
        assert_eq!(writes.len(), 41, "only the refused one is sent again");
    }
}
