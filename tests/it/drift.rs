//! Reads while somebody else works in the account: what was there from the start to the end is read exactly
//! once, what was edited meanwhile is there in its later version, and what cannot be proven is said (design
//! section 8).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Formatter};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::Rehearsal;

/// A change that drift made.
#[derive(Debug, Deserialize)]
struct Done {
    ms: i64,
    kind: String,
    record: String,
}

/// A read under drift, from before its start to the comparison with what the simulator holds.
pub(crate) struct Watched<'a> {
    rehearsal: &'a Rehearsal,
    service: Service,
    before: BTreeMap<String, Value>,
}

/// What is read, and which request looks for edits last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Nimble,
    NetHunt,
}

/// What a read may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Complete.
    Whole,
    /// Complete as far as anybody can tell: there is something that the service does not show.
    Unproven,
    /// Incomplete, since the service hides records.
    Cut,
    /// Whatever can be proven, as long as it is true.
    Honest,
}

/// What was compared.
#[derive(Debug)]
pub(crate) struct Compared {
    /// Records before and after the read, and read ones.
    counts: [usize; 3],
    pub(crate) changes: usize,
    pub(crate) edits_checked: usize,
}

impl<'a> Watched<'a> {
    /// Remembers what is there before the read.
    pub(crate) fn start(rehearsal: &'a Rehearsal, service: Service) -> Self {
        Self { rehearsal, service, before: truth(rehearsal, service) }
    }

    /// Exports to `all.jsonl` and compares: nothing lost, nothing double, nothing invented, edits seen, and the
    /// verdict true.
    #[track_caller]
    pub(crate) fn export(self, expected: Expected, label: &str) -> Compared {
        let stream = if self.service == Service::Nimble { "nimble:contacts" } else { "nethunt:Contacts" };
        let out = self.rehearsal.json(["export", stream, "-o", "all.jsonl"]);
        let context = || format!("{label}: {}", out.transcript());
        let complete = out.summary()["complete"] == true;
        assert_eq!(out.code, if out.summary()["complete"] == false { 4 } else { 0 }, "{}", context());
        match expected {
            Expected::Whole => assert!(complete, "{}", context()),
            Expected::Unproven => assert_eq!(out.summary()["complete"], "unproven", "{}", context()),
            Expected::Cut => {
                assert_eq!(out.summary()["complete"], false, "{}", context());
                assert!(out.stderr.contains("incomplete"), "{}", context());
            }
            Expected::Honest => {}
        }
        let after = truth(self.rehearsal, self.service);
        let done = changes(self.rehearsal);
        let found = read(self.rehearsal, label);
        if complete || expected == Expected::Unproven {
            let lost: Vec<_> =
                self.before.keys().filter(|id| after.contains_key(*id) && !found.contains_key(*id)).collect();
            assert!(lost.is_empty(), "not read: {lost:?}: {}", context());
        }
        let inserted: BTreeSet<&str> = done
            .iter()
            .filter(|change| change.kind == "insert")
            .map(|change| change.record.as_str())
            .collect();
        let invented: Vec<_> = found
            .keys()
            .filter(|id| !self.before.contains_key(*id) && !inserted.contains(id.as_str()))
            .collect();
        assert!(invented.is_empty(), "never there: {invented:?}: {}", context());
        let edits_checked = self.edits_are_seen(&found, &after, &done, &context());
        let counts = [self.before.len(), after.len(), found.len()];
        Compared { counts, changes: done.len(), edits_checked }
    }

    /// Every edit made before the last look for edits is in what was read; what was deleted before the last
    /// look for deletions is not. Returns how many edits that were.
    #[track_caller]
    fn edits_are_seen(
        &self,
        found: &BTreeMap<String, Value>,
        after: &BTreeMap<String, Value>,
        done: &[Done],
        context: &str,
    ) -> usize {
        let ledger = self.rehearsal.ledger();
        let last = |matches: &dyn Fn(&str, &str) -> bool| {
            let asked = ledger.iter().rev().find(|entry| matches(&entry.path, &entry.query));
            asked.map_or(i64::MIN, |entry| entry.ms)
        };
        let (looked, looked_for_deletions, unit) = match self.service {
            Service::NetHunt => (
                last(&|path, _| path.starts_with("/triggers/updated-record")),
                last(&|path, _| path.starts_with("/triggers/record-change")),
                1,
            ),
            // Times of contacts are whole seconds, and the service tells of no deletions.
            Service::Nimble => (last(&|_, query| query.contains("updated")), i64::MIN, 1000),
        };
        let mut checked = 0;
        for Done { ms, kind, record } in done {
            let edited = kind == "update" || kind == "resort";
            // What was deleted later may be there as it was at any time.
            let told = edited && *ms < looked && after.contains_key(record);
            if let Some(read) = found.get(record).filter(|_| told) {
                checked += 1;
                let seen = read["_updated"].as_str().unwrap_or("1970-01-01T00:00:00Z");
                let seen: jiff::Timestamp = seen.parse().unwrap();
                assert!(
                    seen.as_millisecond() >= ms / unit * unit,
                    "{record} was edited at {ms} and is read as of {seen}; last look at {looked}: {context}"
                );
            }
            assert!(
                kind != "delete" || *ms >= looked_for_deletions || !found.contains_key(record),
                "{record} was deleted and is there: {context}"
            );
        }
        if self.service == Service::NetHunt {
            let untouched = |id: &str| done.iter().all(|change| change.record != id || change.ms < looked);
            for (id, read) in found.iter().filter(|(id, _)| untouched(id)) {
                let Some(truth) = after.get(id) else { continue };
                for field in ["Name", "Notes", "Score", "Zip"] {
                    assert_eq!(read[field], truth["fields"][field], "{id}: {field}: {context}");
                }
            }
        }
        checked
    }
}

impl Display for Compared {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let [before, after, read] = self.counts;
        let (changes, edits) = (self.changes, self.edits_checked);
        write!(
            f,
            "{before} records before, {after} after, {read} read; {changes} changes, {edits} edits seen"
        )
    }
}

/// What the simulator holds, by id.
fn truth(rehearsal: &Rehearsal, service: Service) -> BTreeMap<String, Value> {
    if service == Service::NetHunt {
        let records = rehearsal.records("Contacts").into_iter();
        return records.map(|record| (record["id"].as_str().unwrap().to_owned(), record)).collect();
    }
    // Ids alone: a large account's whole state would fill the memory.
    #[derive(Deserialize)]
    struct State {
        nimble: Contacts,
    }
    #[derive(Deserialize)]
    struct Contacts {
        contacts: Vec<Contact>,
    }
    #[derive(Deserialize)]
    struct Contact {
        id: String,
    }
    let mut answer = ureq::get(format!("{}/_sim/state", rehearsal.root())).call().unwrap();
    let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
    let state: State = serde_json::from_slice(&body).unwrap();
    state.nimble.contacts.into_iter().map(|contact| (contact.id, Value::Null)).collect()
}

/// What was written, by id; no id is there twice.
#[track_caller]
fn read(rehearsal: &Rehearsal, label: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for line in rehearsal.read("all.jsonl").lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["_id"].as_str().unwrap().to_owned();
        assert!(found.insert(id, record).is_none(), "{label}: read twice: {line}");
    }
    found
}

fn changes(rehearsal: &Rehearsal) -> Vec<Done> {
    serde_json::from_value(rehearsal.get("/drift")["done"].take()).unwrap()
}

/// So many contacts that NetHunt has created in one and the same millisecond, an hour and a bit ago.
fn seed_ties(rehearsal: &Rehearsal, count: usize) {
    let created = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(50);
    let created = format!("{created:.3}");
    let rows: Vec<Value> =
        (0..count).map(|at| json!({"fields": {"Name": format!("Tie {at}")}, "createdAt": created})).collect();
    rehearsal.post("/nethunt/records/Contacts", &json!(rows).to_string());
}

#[test]
fn contacts_of_nimble_are_all_read_while_others_create_edit_move_and_delete() {
    // Where the order of one answer says nothing about the next, no walk can be a proof.
    for (order, ties, sort, expected) in [
        ("created", "stable", "honour", Expected::Whole),
        ("updated", "stable", "honour", Expected::Whole),
        ("hash", "stable", "honour", Expected::Whole),
        ("created", "replicas", "honour", Expected::Honest),
        ("created", "stable", "409", Expected::Honest),
        ("updated", "stable", "ignore", Expected::Honest),
        ("hash", "random", "honour", Expected::Honest),
        ("random", "random", "ignore", Expected::Honest),
    ] {
        let scenario = format!(
            "[nimble]\norder = \"{order}\"\ntie_order = \"{ties}\"\nsort = \"{sort}\"\n[drift]\n\
             service = \"nimble\"\nevery = 1\nburst = 4\nafter = 2\ninserts = 12\nsame_ms = 4\ndeletes = 12\n\
             updates = 12\nresorts = 12\n"
        );
        let rehearsal = Rehearsal::generated(&scenario, 400);
        let label = format!("{order} {ties} {sort}");
        let compared = Watched::start(&rehearsal, Service::Nimble).export(expected, &label);
        assert!(compared.changes >= 20, "{label}: hardly any drift: {compared}");
        println!("{label}: {compared}");
    }
}

#[test]
fn edits_made_while_edits_are_looked_for_are_seen() {
    // More edits than a page holds, so that some move past the page where they are looked for.
    for seed in 1..=3 {
        let scenario = format!(
            "seed = {seed}\n[drift]\nservice = \"nimble\"\nevery = 1\nburst = 40\nafter = 2\nupdates = 300\n"
        );
        let rehearsal = Rehearsal::generated(&scenario, 400);
        let label = format!("edits, seed {seed}");
        let compared = Watched::start(&rehearsal, Service::Nimble).export(Expected::Whole, &label);
        assert_eq!(compared.edits_checked, 300, "{label}: not all edits were made before the last look");
    }
}

#[test]
fn records_of_nethunt_are_all_read_in_any_order_or_are_said_to_be_cut() {
    // A cap that keeps the oldest rows can be walked past, if it is longer than the records of a millisecond.
    for (order, cap, expected) in [
        ("desc", "\"none\"", Expected::Whole),
        ("asc", "\"none\"", Expected::Whole),
        ("mixed", "\"none\"", Expected::Whole),
        ("asc", "120", Expected::Whole),
        ("asc", "20", Expected::Honest),
        ("desc", "120", Expected::Cut),
        ("desc", "20", Expected::Cut),
        ("mixed", "120", Expected::Cut),
    ] {
        for since in ["strict", "inclusive"] {
            let scenario = format!(
                "[nethunt]\norder = \"{order}\"\nsince = \"{since}\"\ncap = {cap}\n[drift]\n\
                 service = \"nethunt\"\nevery = 1\nburst = 8\ninserts = 20\nsame_ms = 10\ndeletes = 15\n\
                 updates = 15\nresorts = 10\n"
            );
            let rehearsal = Rehearsal::generated(&scenario, 250);
            seed_ties(&rehearsal, 50);
            let label = format!("{order} {since} {cap}");
            let compared = Watched::start(&rehearsal, Service::NetHunt).export(expected, &label);
            assert!(compared.changes >= 30, "{label}: hardly any drift: {compared}");
            println!("{label}: {compared}");
        }
    }
}

#[test]
fn records_of_nethunt_are_all_read_where_only_a_limit_is_answered() {
    // The unlimited read is refused, so the folder is read by limits, with changes between them.
    for (order, since) in
        [("desc", "strict"), ("asc", "strict"), ("asc", "inclusive"), ("mixed", "inclusive")]
    {
        let scenario = format!(
            "[nethunt]\norder = \"{order}\"\nsince = \"{since}\"\n[drift]\nservice = \"nethunt\"\nevery = 1\n\
             burst = 12\ninserts = 40\nsame_ms = 10\ndeletes = 30\nupdates = 30\nresorts = 20\n\
             [[fault]]\nkind = \"error_before_commit\"\nstatus = 400\npath = \"/triggers/new-record\"\nfirst = 1\n"
        );
        let rehearsal = Rehearsal::generated(&scenario, 2150);
        seed_ties(&rehearsal, 50);
        let label = format!("limits {order} {since}");
        let compared = Watched::start(&rehearsal, Service::NetHunt).export(Expected::Whole, &label);
        assert!(compared.changes >= 60, "{label}: hardly any drift: {compared}");
        assert!(rehearsal.ledger().iter().any(|entry| entry.query.contains("limit=2000")), "{label}");
        println!("{label}: {compared}");
    }
}

#[test]
fn a_hidden_cap_makes_the_read_incomplete_and_it_is_said() {
    // The newest rows alone, whatever is asked for. Where the search is cut as well, the changes tell.
    for witness in ["none", "300"] {
        let scenario =
            format!("[nethunt]\ncap = 300\ncap_anchor = \"newest\"\nwitness_cap = \"{witness}\"\n");
        let rehearsal = Rehearsal::generated(&scenario.replace("\"300\"", "300"), 900);
        let out = rehearsal.json(["export", "nethunt:Contacts", "-o", "all.jsonl"]).expect(4);
        assert_eq!(out.summary()["complete"], false, "{}", out.transcript());
        assert!(out.stderr.contains("had left out"), "{}", out.transcript());
    }
}

#[test]
fn an_import_into_a_folder_that_cannot_be_read_whole_creates_nothing() {
    let rehearsal = Rehearsal::generated("[nethunt]\ncap = 300\ncap_anchor = \"newest\"\n", 900);
    rehearsal.file("new.csv", "name,email\nAda,ada@x.example\n");
    let mapping = "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                   [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n";
    rehearsal.file("map.toml", mapping);
    let out = rehearsal.json(["import", "new.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"]).expect(4);
    assert!(out.stderr.contains("incomplete"), "{}", out.transcript());
    assert_eq!((out.count("created"), rehearsal.effects("create")), (0, 0), "{}", out.transcript());
}

#[test]
fn without_a_second_count_the_read_is_unproven_and_a_count_given_proves_it() {
    let scenario = "[nethunt]\nwitness_cap = 50\n";
    let rehearsal = Rehearsal::generated(scenario, 200);
    let records = rehearsal.records("Contacts").len();
    let out = rehearsal.json(["export", "nethunt:Contacts", "-o", "all.jsonl"]).expect(0);
    assert_eq!(out.summary()["complete"], "unproven", "{}", out.transcript());
    assert!(out.stderr.contains("not proven"), "{}", out.transcript());
    assert_eq!(read(&rehearsal, "unproven").len(), records);

    let counted = ["export", "nethunt:Contacts", "-o", "all.jsonl", "--expect-count"];
    let right = rehearsal.json(counted.into_iter().chain([records.to_string().as_str()])).expect(0);
    assert_eq!(right.summary()["complete"], true, "{}", right.transcript());
    let wrong = rehearsal.json(counted.into_iter().chain([(records + 1).to_string().as_str()])).expect(4);
    assert_eq!(wrong.summary()["complete"], false, "{}", wrong.transcript());
}
