//! Reads while somebody else works in the account: what was there from the start to the end is read exactly
//! once, and what cannot be proven is said (design section 8).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Output, Rehearsal};

/// Ids in a file of JSON lines, and how often each is there.
fn ids(rehearsal: &Rehearsal, file: &str) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for line in rehearsal.read(file).lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        *ids.entry(record["_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    ids
}

fn ids_of(records: &[Value]) -> BTreeSet<String> {
    records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

/// Everything that was there before and after is in the file once, nothing is in it twice, and nothing that was
/// never there.
#[track_caller]
fn assert_whole(
    found: &BTreeMap<String, usize>,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
    out: &Output,
) {
    let twice: Vec<_> = found.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "read twice: {twice:?}");
    let missing: Vec<_> = before.intersection(after).filter(|id| !found.contains_key(*id)).collect();
    assert!(missing.is_empty(), "not read: {missing:?}: {}", out.transcript());
    let strange: Vec<_> = found.keys().filter(|id| !before.contains(*id) && !after.contains(*id)).collect();
    // What was made and deleted meanwhile may be there.
    assert!(strange.len() <= 60, "{strange:?}");
}

/// How many changes drift has made.
fn changes(rehearsal: &Rehearsal) -> usize {
    rehearsal.get("/drift")["done"].as_array().unwrap().len()
}

#[test]
fn contacts_of_nimble_are_all_read_while_others_create_edit_and_delete() {
    // Where records of one second come in another order with each answer, no walk can be a proof.
    for (order, ties, records, provable) in
        [("created", "stable", 3000, true), ("updated", "stable", 1000, true), ("hash", "random", 500, false)]
    {
        let scenario = format!(
            "[nimble]\norder = \"{order}\"\ntie_order = \"{ties}\"\n[drift]\nservice = \"nimble\"\n\
             every = 1\nburst = 2\nafter = 2\ninserts = 20\ndeletes = 20\nupdates = 40\n"
        );
        let rehearsal = Rehearsal::generated(&scenario, records);
        let before = ids_of(&rehearsal.contacts());
        let out = rehearsal.json(["export", "nimble:contacts", "-o", "all.jsonl"]);
        let after = ids_of(&rehearsal.contacts());
        assert!(changes(&rehearsal) >= 10, "{order}: hardly any drift");
        let complete = out.summary()["complete"] == true;
        assert!(complete || !provable, "{order} {ties}: {}", out.transcript());
        assert_eq!(out.code, if complete { 0 } else { 4 }, "{}", out.transcript());
        let found = ids(&rehearsal, "all.jsonl");
        assert!(found.values().all(|times| *times == 1), "{order} {ties}: read twice");
        if complete {
            assert_whole(&found, &before, &after, &out);
        }
    }
}

#[test]
fn an_edit_made_while_contacts_are_read_is_in_the_result() {
    let scenario = "[drift]\nservice = \"nimble\"\nafter = 8\nevery = 1\nupdates = 15\n";
    let rehearsal = Rehearsal::generated(scenario, 1000);
    let out = rehearsal.json(["export", "nimble:contacts", "-o", "all.jsonl"]).expect(0);
    assert!(changes(&rehearsal) >= 5);
    let read: BTreeMap<String, String> = rehearsal
        .read("all.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|record| (record["_id"].as_str().unwrap().to_owned(), record["_updated"].to_string()))
        .collect();
    let drift = rehearsal.get("/drift");
    for change in drift["done"].as_array().unwrap() {
        let id = change["record"].as_str().unwrap();
        let moment = jiff::Timestamp::from_millisecond(change["ms"].as_i64().unwrap()).unwrap();
        let second = &moment.to_string()[..19];
        assert!(
            read[id].trim_matches('"')[..19] >= *second,
            "{id}: {} {second} {}",
            read[id],
            out.transcript()
        );
    }
}

#[test]
fn records_of_nethunt_are_all_read_while_others_create_edit_and_delete() {
    for (order, since, cap) in [
        ("desc", "strict", "none"),
        ("desc", "inclusive", "none"),
        ("asc", "strict", "400"),
        ("asc", "inclusive", "400"),
        ("mixed", "strict", "none"),
        ("mixed", "inclusive", "none"),
    ] {
        let scenario = format!(
            "[nethunt]\norder = \"{order}\"\nsince = \"{since}\"\ncap = \"{cap}\"\n[drift]\n\
             service = \"nethunt\"\nevery = 1\nburst = 4\ninserts = 20\ndeletes = 20\nupdates = 20\n"
        );
        let rehearsal = Rehearsal::generated(&scenario.replace("\"400\"", "400"), 2000);
        let before = ids_of(&rehearsal.records("Contacts"));
        let out = rehearsal.json(["export", "nethunt:Contacts", "-o", "all.jsonl"]).expect(0);
        let after = ids_of(&rehearsal.records("Contacts"));
        assert!(changes(&rehearsal) >= 8, "{order} {since}: hardly any drift");
        assert_eq!(out.summary()["complete"], true, "{order} {since}: {}", out.transcript());
        assert_whole(&ids(&rehearsal, "all.jsonl"), &before, &after, &out);
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
    assert_eq!(ids(&rehearsal, "all.jsonl").len(), records);

    let counted = ["export", "nethunt:Contacts", "-o", "all.jsonl", "--expect-count"];
    let right = rehearsal.json(counted.into_iter().chain([records.to_string().as_str()])).expect(0);
    assert_eq!(right.summary()["complete"], true, "{}", right.transcript());
    let wrong = rehearsal.json(counted.into_iter().chain([(records + 1).to_string().as_str()])).expect(4);
    assert_eq!(wrong.summary()["complete"], false, "{}", wrong.transcript());
}
