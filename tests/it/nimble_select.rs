//! What is selected of Nimble's contacts: by its own queries, by time of change, by order, by id; and lists that
//! the service does not show to their end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Output, Rehearsal};

/// `_id` → record of a file of JSON lines; an id that stands there twice fails the test.
#[track_caller]
fn read(rehearsal: &Rehearsal, file: &str) -> BTreeMap<String, Value> {
    let mut records = BTreeMap::new();
    for line in rehearsal.read(file).lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["_id"].as_str().unwrap().to_owned();
        assert!(records.insert(id, record).is_none(), "read twice: {line}");
    }
    records
}

fn ids(records: &[Value], wanted: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let wanted = records.iter().filter(|record| wanted(record));
    wanted.map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

/// Exports contacts into `out.jsonl`.
fn export(rehearsal: &Rehearsal, flags: &[&str]) -> Output {
    let _ = std::fs::remove_file(rehearsal.path("out.jsonl"));
    rehearsal.json(["export", "nimble:contacts", "-o", "out.jsonl"].iter().chain(flags))
}

#[track_caller]
fn found(rehearsal: &Rehearsal, flags: &[&str]) -> BTreeMap<String, Value> {
    let out = export(rehearsal, flags).expect(0);
    assert_eq!(out.summary()["complete"], true, "{}", out.transcript());
    read(rehearsal, "out.jsonl")
}

#[test]
fn a_query_in_nimbles_own_words_chooses_contacts() {
    let rehearsal = Rehearsal::generated("", 300);
    let companies = found(&rehearsal, &["--where", r#"{"record type": {"is": "company"}}"#]);
    assert!(!companies.is_empty() && companies.len() < 300);
    assert!(companies.values().all(|record| record["_type"] == "company"));

    let persons =
        found(&rehearsal, &["--where", r#"{"or": [{"email": {"is_empty": true}}]}"#, "--type", "person"]);
    assert!(persons.values().all(|record| record["_type"] == "person" && record["email"].is_null()));

    let requests = rehearsal.requests();
    for (query, said) in [
        (r#"{"and":[{"tag":{"is":"vip"}},{"email":{"contains":"x.org"}}]}"#, "`and[1].email.contains`"),
        (r#"{"emial":{"is":"ab"}}"#, "did you mean `email`?"),
        (r#"{"email""#, "is not JSON"),
    ] {
        let out = export(&rehearsal, &["--where", query]).expect(2);
        assert!(out.stderr.contains(said), "{query}: {}", out.transcript());
    }
    let asked = rehearsal.ledger_since(requests);
    assert!(asked.iter().all(|entry| !entry.query.contains("query=")), "a wrong query was sent");
}

#[test]
fn a_search_is_read_whole_while_others_edit_what_it_finds() {
    let scenario =
        "[drift]\nservice = \"nimble\"\nevery = 2\nafter = 3\ninserts = 4\ndeletes = 4\nupdates = 6\n";
    let rehearsal = Rehearsal::generated(scenario, 400);
    let person = |record: &Value| record["record_type"] == "person";
    let before = ids(&rehearsal.contacts(), person);
    let out = export(&rehearsal, &["--where", r#"{"record type": {"is": "person"}}"#]).expect(0);
    assert_eq!(out.summary()["complete"], true, "{}", out.transcript());
    let after = ids(&rehearsal.contacts(), person);
    let read = read(&rehearsal, "out.jsonl");
    let missing: Vec<_> = before.intersection(&after).filter(|id| !read.contains_key(*id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let rehearsal = Rehearsal::generated("", 3);
    for (flags, said) in [
        (&["--where", r#"{"tag":{"is":"vip"}}"#, "--keyword", "ada"][..], "cannot be used with"),
        (&["--record", "0123", "--type", "person"], "nothing to choose from"),
        (&["--sort", "email:asc"], "it holds several values"),
        (&["--sort", "created"], "the direction is missing"),
        (&["--sort", "created:asc", "--per-page", "200"], "at most 100"),
        (&["--find", "Name:Ada"], "Nimble has no `--find`"),
        (&["--record", "0123456789abcdef01234567"], "no contact `0123456789abcdef01234567`"),
    ] {
        let out = export(&rehearsal, flags).expect(2);
        assert!(out.stderr.contains(said), "{flags:?}: {}", out.transcript());
    }
}

#[test]
fn contacts_come_in_the_order_asked_for_and_one_comes_by_its_id() {
    let rehearsal = Rehearsal::generated("", 250);
    found(&rehearsal, &["--sort", "created:desc"]);
    let times: Vec<String> = rehearsal
        .read("out.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["_created"].as_str().unwrap().to_owned())
        .collect();
    assert!(times.len() >= 250 && times.is_sorted_by(|earlier, later| earlier >= later));

    let id = rehearsal.contacts()[5]["id"].as_str().unwrap().to_owned();
    let one = found(&rehearsal, &["--record", &id]);
    assert_eq!(one.keys().collect::<Vec<_>>(), [&id]);
}

/// Edits a contact as somebody else would.
fn edit(rehearsal: &Rehearsal, id: &str) {
    let fields = serde_json::json!({"fields": {"description": [{"value": "edited", "modifier": "other"}]}});
    rehearsal.service("PUT", &format!("/contact/{id}"), &fields);
}

#[test]
fn since_last_reads_what_changed_and_no_more_whether_the_service_sorts_or_not() {
    for scenario in
        ["", "[nimble]\nsort = \"409\"\n", "[nimble]\ntie_order = \"replicas\"\norder = \"hash\"\n"]
    {
        let rehearsal = Rehearsal::generated(scenario, 400);
        let since_last = ["--since", "last"];
        assert_eq!(found(&rehearsal, &since_last).len(), rehearsal.contacts().len(), "{scenario}");
        let everything = rehearsal.contacts();
        let edited: Vec<String> =
            [3, 170, 399].map(|at: usize| everything[at]["id"].as_str().unwrap().to_owned()).to_vec();
        for id in &edited {
            edit(&rehearsal, id);
        }
        let requests = rehearsal.requests();
        let again = found(&rehearsal, &since_last);
        assert!(edited.iter().all(|id| again.contains_key(id)), "{scenario}: {:?}", again.keys());
        assert!(again.len() < 30, "{scenario}: {}", again.len());
        assert!(rehearsal.requests() - requests < 12, "{scenario}: {:?}", rehearsal.ledger_since(requests));
    }
}

#[test]
fn changes_beside_a_keyword_are_read_in_order_of_change() {
    let rehearsal = Rehearsal::generated("", 300);
    let id = rehearsal.contacts()[42]["id"].as_str().unwrap().to_owned();
    let now = jiff::Timestamp::now().to_string();
    edit(&rehearsal, &id);
    let changed = found(&rehearsal, &["--keyword", "edited", "--since", &now]);
    assert_eq!(changed.keys().collect::<Vec<_>>(), [&id]);
}

#[test]
fn a_list_that_ends_too_early_is_read_in_slices_while_others_change_it() {
    for (scenario, records) in
        [("", 2000), ("tie_order = \"replicas\"\n", 500), ("order = \"hash\"\nmax_per_page = 70\n", 500)]
    {
        let scenario = format!(
            "[nimble]\ndeep_window = 300\n{scenario}[drift]\nservice = \"nimble\"\nevery = 3\nafter = 4\n\
             inserts = 12\ndeletes = 12\nupdates = 12\n"
        );
        let rehearsal = Rehearsal::generated(&scenario, records);
        let before = ids(&rehearsal.contacts(), |_| true);
        let out = export(&rehearsal, &[]).expect(0);
        assert_eq!(out.summary()["complete"], true, "{}", out.transcript());
        let after = ids(&rehearsal.contacts(), |_| true);
        let read = read(&rehearsal, "out.jsonl");
        let missing: Vec<_> = before.intersection(&after).filter(|id| !read.contains_key(*id)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

#[test]
fn a_troubled_service_is_read_whole_as_well() {
    let kinds = ["too_many_requests", "error_before_commit", "lost_answer", "truncated_body"];
    let faults = kinds.map(|kind| format!("[[fault]]\nkind = \"{kind}\"\nprobability = 0.0075\n")).concat();
    for knobs in ["max_per_page = 40\n", "sort = \"409\"\n", "sort = \"ignore\"\n", "deep_window = 100\n"] {
        let scenario = format!(
            "[nimble]\n{knobs}[drift]\nservice = \"nimble\"\nevery = 3\nafter = 3\ninserts = 6\ndeletes = 6\n\
             updates = 12\n{faults}"
        );
        let rehearsal = Rehearsal::generated(&scenario, 250);
        let before = ids(&rehearsal.contacts(), |_| true);
        let out = export(&rehearsal, &[]).expect(0);
        assert_eq!(out.summary()["complete"], true, "{knobs}: {}", out.transcript());
        let after = ids(&rehearsal.contacts(), |_| true);
        let read = read(&rehearsal, "out.jsonl");
        let missing: Vec<_> = before.intersection(&after).filter(|id| !read.contains_key(*id)).collect();
        assert!(missing.is_empty(), "{knobs}: {missing:?}");
    }
}
