//! NetHunt in every way that its reference leaves open: whatever the service is like, a read gives the same
//! records, and what is said of it is true.

use serde_json::{Value, json};

use crate::drift::{Expected, Service, Watched};
use crate::support::Rehearsal;

/// Edits, deletions and new records while it is read.
const DRIFT: &str = "[drift]\nservice = \"nethunt\"\nevery = 1\nburst = 4\ninserts = 8\nsame_ms = 4\n\
                     deletes = 8\nupdates = 8\nresorts = 4\n";
/// New records and deletions only, for a service that does not tell of edits.
const NO_EDITS: &str = "[drift]\nservice = \"nethunt\"\nevery = 1\nburst = 4\ninserts = 8\n";

#[test]
fn a_read_is_the_same_whatever_the_service_is_like() {
    for (knobs, drift) in [
        ("tie_order = \"id\"", DRIFT),
        ("since_resolution = \"s\"", DRIFT),
        ("since = \"inclusive\"\nsince_resolution = \"s\"", DRIFT),
        ("one_row = false", DRIFT),
        ("include_creations = false", DRIFT),
        ("new_record_updated_at = false", DRIFT),
        ("no_match = \"404\"", DRIFT),
        ("listing_order = \"mixed\"", DRIFT),
        ("ids_embed_created = false", DRIFT),
        ("date_times = \"epoch-ms\"", DRIFT),
        ("no_change = \"quiet\"", DRIFT),
        ("error_body = \"text\"\ndisabled_triggers = [\"record-change\"]", NO_EDITS),
        ("error_body = \"json\"\ndisabled_triggers = [\"record-change\"]", NO_EDITS),
        (
            "order = { new-record = \"asc\", updated-record = \"mixed\", find-record = \"asc\", \
             record-change = \"asc\" }",
            DRIFT,
        ),
        ("index_lag_ms = 60000", DRIFT),
        ("visibility_lag_ms = 60000", DRIFT),
    ] {
        let rehearsal = Rehearsal::generated(&format!("[nethunt]\n{knobs}\n{drift}"), 150);
        let compared = Watched::start(&rehearsal, Service::NetHunt).export(Expected::Whole, knobs);
        println!("{knobs}: {compared}");
    }
}

#[test]
fn a_read_is_unproven_where_the_service_does_not_tell_of_edits() {
    for knobs in [
        "disabled_triggers = [\"updated-record\"]",
        "error_body = \"json\"\ndisabled_triggers = [\"updated-record\", \"record-change\"]",
    ] {
        let rehearsal = Rehearsal::generated(&format!("[nethunt]\n{knobs}\n{NO_EDITS}"), 150);
        let compared = Watched::start(&rehearsal, Service::NetHunt).export(Expected::Unproven, knobs);
        println!("{knobs}: {compared}");
        let out = rehearsal.json(["export", "nethunt:Contacts", "-o", "all.jsonl"]).expect(0);
        assert!(out.stderr.contains("edits made during the read may be missing"), "{}", out.transcript());
        assert!(out.stderr.contains("NetHunt answers 404"), "{}", out.transcript());
    }
}

#[test]
fn folders_of_one_name_are_told_apart_by_their_ids() {
    let rehearsal = Rehearsal::generated("", 20);
    let twin = json!({"name": "Contacts", "fields": [{"name": "Name", "type": "text"}]});
    let made = rehearsal.post("/nethunt/folders", &twin.to_string());
    let id = made["id"].as_str().unwrap();
    let seeds = json!([{"fields": {"Name": "The other one"}}]);
    rehearsal.post(&format!("/nethunt/records/{id}"), &seeds.to_string());

    let refused = rehearsal.ferry(["export", "nethunt:Contacts", "-o", "all.jsonl"]).expect(2);
    assert!(refused.stderr.contains("2 NetHunt folders are called `Contacts`"), "{}", refused.transcript());
    assert!(refused.stderr.contains(&format!("`nethunt:{id}`")), "{}", refused.transcript());
    rehearsal.ferry(["export", &format!("nethunt:{id}"), "-o", "one.jsonl"]).expect(0);
    let record: Value = serde_json::from_str(rehearsal.read("one.jsonl").trim()).unwrap();
    assert_eq!(record["Name"], "The other one");
}
