//! What changed in a folder of NetHunt, read again and again: all reads together are what the folder holds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::accounts::{result_rows, run_of};
use crate::support::{Output, Rehearsal};

/// A user who keeps a copy of a folder up to date, and works in it between the reads.
struct Copy<'a> {
    rehearsal: &'a Rehearsal,
    /// Name and notes by id.
    held: BTreeMap<String, (Value, Value)>,
    folder: String,
}

impl<'a> Copy<'a> {
    fn of(rehearsal: &'a Rehearsal) -> Self {
        let folders = rehearsal.get("/nethunt/folders");
        let folder = folders.as_array().unwrap().iter().find(|folder| folder["name"] == "Contacts").unwrap();
        let folder = folder["id"].as_str().unwrap().to_owned();
        Self { rehearsal, held: BTreeMap::new(), folder }
    }

    /// Reads what changed since the last time; everything at first.
    fn read(&mut self) -> Output {
        let out = self.rehearsal.json(["export", "nethunt:Contacts", "-o", "new.jsonl", "--since", "last"]);
        for line in self.rehearsal.read("new.jsonl").lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let id = record["_id"].as_str().unwrap().to_owned();
            self.held.insert(id, (record["Name"].clone(), record["Notes"].clone()));
        }
        for row in result_rows(&run_of(self.rehearsal, &out), "deleted.csv") {
            self.held.remove(&row["_id"]);
        }
        out
    }

    fn truth(&self) -> BTreeMap<String, (Value, Value)> {
        let records = self.rehearsal.records("Contacts");
        let one = |record: &Value| {
            let fields = &record["fields"];
            (record["id"].as_str().unwrap().to_owned(), (fields["Name"].clone(), fields["Notes"].clone()))
        };
        records.iter().map(one).collect()
    }

    fn create(&self, name: &str) -> String {
        let body = json!({"timeZone": "Europe/London", "fields": {"Name": name}});
        let made =
            self.rehearsal.service("POST", &format!("/zapier/actions/create-record/{}", self.folder), &body);
        made["recordId"].as_str().unwrap().to_owned()
    }

    fn edit(&self, id: &str, notes: &str) {
        let body = json!({"fieldActions": {"Notes": {"overwrite": true, "add": notes}}});
        self.rehearsal.service("POST", &format!("/zapier/actions/update-record/{id}"), &body);
    }

    fn delete(&self, id: &str) {
        self.rehearsal.service("POST", &format!("/zapier/actions/delete-record/{id}"), &Value::Null);
    }
}

const HABITS: [&str; 8] = [
    "",
    "since = \"inclusive\"",
    "since_resolution = \"s\"",
    "order = \"mixed\"\ntie_order = \"random\"",
    "order = \"asc\"\none_row = false",
    "include_creations = false",
    "new_record_updated_at = false",
    "disabled_triggers = [\"updated-record\"]",
];

#[test]
fn all_reads_together_are_what_the_folder_holds() {
    for habit in HABITS {
        let rehearsal = Rehearsal::generated(&format!("[nethunt]\n{habit}\n"), 20);
        let mut copy = Copy::of(&rehearsal);
        copy.read().expect(0);
        assert_eq!(copy.held, copy.truth(), "{habit}: a first read takes everything");
        let known: Vec<String> = copy.held.keys().cloned().collect();
        for round in 0..3 {
            let made = copy.create(&format!("Made {round}"));
            copy.edit(&known[round], &format!("edited in round {round}"));
            copy.edit(&known[10], &format!("again {round}"));
            copy.delete(&known[11 + round]);
            copy.edit(&made, "edited at once");
            let gone = copy.create("Soon gone");
            copy.delete(&gone);
            let out = copy.read().expect(0);
            // What only the changes tell of is looked up once it is some seconds old.
            if !habit.contains("updated-record") {
                assert_eq!(copy.held, copy.truth(), "{habit}: {}", out.transcript());
                assert!(out.count("read") < 15, "{habit}: {}", out.transcript());
            }
        }
    }
}

#[test]
fn what_was_deleted_is_asked_for_until_it_is_told() {
    for (fault, moved) in [
        ("kind = \"empty_body\"\ntimes = 1", true),
        ("kind = \"html\"\nstatus = 404\ntimes = 1", true),
        // The service says itself that it does not tell, though it did before.
        ("kind = \"error_before_commit\"\nstatus = 404", false),
    ] {
        let rehearsal = Rehearsal::generated("", 6);
        let mut copy = Copy::of(&rehearsal);
        copy.read().expect(0);
        let known: Vec<String> = copy.held.keys().cloned().collect();
        copy.delete(&known[0]);
        copy.edit(&known[1], "edited");
        rehearsal.faults(&format!("[[fault]]\npath_regex = \"record-change\"\n{fault}\n"));
        let out = copy.read().expect(0);
        let told = "the service did not tell what was deleted, as it did before";
        assert_eq!(out.stderr.contains(told), !moved, "{fault}: {}", out.transcript());
        assert_eq!(copy.held == copy.truth(), moved, "{fault}: {}", out.transcript());
        rehearsal.faults("");
        copy.read().expect(0);
        assert_eq!(copy.held, copy.truth(), "{fault}");
    }
}

#[test]
fn a_read_of_what_changed_says_how_sure_it_is() {
    for (habit, code, complete) in [
        ("", 0, json!(true)),
        ("disabled_triggers = [\"record-change\"]", 0, json!("unproven")),
        // The oldest are kept, so that the look past the end finds more.
        ("cap = 7\ncap_anchor = \"oldest\"", 4, json!(false)),
    ] {
        let rehearsal = Rehearsal::generated(&format!("[nethunt]\n{habit}\n"), 12);
        let args = ["export", "nethunt:Contacts", "-o", "all.jsonl", "--since", "2000-01-01T00:00:00Z"];
        let out = rehearsal.json(args).expect(code);
        assert_eq!(out.summary()["complete"], complete, "{habit}: {}", out.transcript());
        assert_eq!(out.count("read"), 12, "{habit}: what the look past the end finds is kept");
    }
}

#[test]
fn changes_of_a_field_are_followed() {
    let rehearsal = Rehearsal::generated("", 10);
    let mut copy = Copy::of(&rehearsal);
    copy.read().expect(0);
    let known: Vec<String> = copy.held.keys().cloned().collect();
    let since = rehearsal.service("GET", "/zapier/triggers/auth-test", &Value::Null);
    assert!(since.is_array());
    copy.edit(&known[3], "followed");
    let body = json!({"fieldActions": {"Name": {"overwrite": true, "add": "Not followed"}}});
    rehearsal.service("POST", &format!("/zapier/actions/update-record/{}", known[4]), &body);
    let seen = rehearsal.requests();
    let base = ["export", "nethunt:Contacts", "-o", "new.jsonl", "--changed-field", "Notes", "--since"];
    let out = rehearsal.json(base.into_iter().chain(["2000-01-01"])).expect(0);
    let asked = rehearsal.ledger_since(seen);
    assert!(
        asked
            .iter()
            .any(|entry| entry.path.contains("updated-record") && entry.query.contains("fieldName=Notes"))
    );
    assert!(rehearsal.read("new.jsonl").contains("followed"));
    assert_eq!(out.summary()["complete"], "unproven");
    let wrong =
        ["export", "nethunt:Contacts", "-o", "x.jsonl", "--changed-field", "Ntoes", "--since", "2000-01-01"];
    let refused = rehearsal.ferry(wrong).expect(2);
    assert!(refused.stderr.contains("did you mean `Notes`?"), "{}", refused.transcript());
}

#[test]
fn one_record_is_read_by_its_id_and_nothing_else() {
    let rehearsal = Rehearsal::generated("", 10);
    let id = rehearsal.records("Contacts")[4]["id"].as_str().unwrap().to_owned();
    rehearsal.ferry(["export", "nethunt:Contacts", "-o", "one.jsonl", "--record", &id]).expect(0);
    let text = rehearsal.read("one.jsonl");
    assert!(text.lines().count() == 1 && text.contains(&id), "{text}");
    let unknown = ["export", "nethunt:Contacts", "-o", "x.jsonl", "--record", "64b000000000000000000001"];
    let refused = rehearsal.ferry(unknown).expect(2);
    assert!(refused.stderr.contains("has no record `64b000000000000000000001`"), "{}", refused.transcript());
}

#[test]
fn hits_of_a_search_are_verified() {
    let rehearsal = Rehearsal::new("");
    let seeds = json!([
        {"fields": {"Name": "John Doe", "Notes": "x"}},
        {"fields": {"Name": "Jane DOE"}},
        {"fields": {"Name": "Ada", "Notes": "Doe"}},
    ]);
    rehearsal.post("/nethunt/records/Contacts", &seeds.to_string());
    let find = |query: &str| {
        let out =
            rehearsal.json(["export", "nethunt:Contacts", "-o", "hits.jsonl", "--find", query]).expect(0);
        (out.count("read"), out.stderr)
    };
    let (hits, said) = find("Name:doe");
    assert_eq!(hits, 2);
    assert!(said.contains("verified to hold the value"), "{said}");
    let (hits, said) = find("doe");
    assert_eq!(hits, 3);
    assert!(said.contains("none was verified"), "{said}");
}
