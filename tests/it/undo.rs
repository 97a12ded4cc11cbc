//! `undo`: what a run wrote is taken back, and what others did since stays (design section 9.7).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, contact_value, result_rows, run_of};
use crate::support::{Output, Rehearsal};

/// A stream to import to, with a field that rows change and one that somebody else changes.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) stream: &'static str,
    field: &'static str,
    pub(crate) other: &'static str,
}

pub(crate) const PLACES: [Place; 2] = [
    Place { stream: "nimble:contacts", field: "last name", other: "middle name" },
    Place { stream: "nethunt:Contacts", field: "Address", other: "Zip" },
];

impl Place {
    pub(crate) fn is_nimble(self) -> bool {
        self.stream.starts_with("nimble")
    }

    /// Everything at the service that is not a time or an id of something made and gone, by record.
    pub(crate) fn content(self, rehearsal: &Rehearsal) -> BTreeMap<String, Value> {
        let known = |record: &Value| {
            let id = if record["id"].is_null() { &record["recordId"] } else { &record["id"] };
            id.as_str().unwrap().to_owned()
        };
        if !self.is_nimble() {
            let records = rehearsal.records("Contacts");
            return records.iter().map(|record| (known(record), record["fields"].clone())).collect();
        }
        let contacts = rehearsal.contacts().into_iter().map(|mut contact| {
            let id = known(&contact);
            let contact_ = contact.as_object_mut().unwrap();
            for key in ["updated_ms", "updater", "visible_ms", "slot"] {
                contact_.remove(key);
            }
            // The order of fields is the service's own affair.
            let mut fields: Vec<Value> =
                contact["fields"].as_array().unwrap().chunks(4).map(|quad| json!(quad)).collect();
            fields.sort_by_key(Value::to_string);
            contact["fields"] = Value::from(fields);
            (id, contact)
        });
        contacts.collect()
    }

    /// What a record holds in a single field.
    fn value(self, rehearsal: &Rehearsal, id: &str, field: &str) -> String {
        if self.is_nimble() {
            let contacts = rehearsal.contacts();
            let contact = contacts.iter().find(|contact| contact["id"] == id).unwrap();
            return contact_value(contact, field);
        }
        self.content(rehearsal)[id][field].as_str().unwrap_or_default().to_owned()
    }

    /// Somebody else sets a field.
    pub(crate) fn edit(self, rehearsal: &Rehearsal, id: &str, field: &str, value: &str) {
        if self.is_nimble() {
            let fields = json!({field: [{"value": value, "modifier": ""}]});
            rehearsal.service("PUT", &format!("/contact/{id}?replace=0"), &json!({"fields": fields}));
            return;
        }
        let action = json!({"overwrite": true, "add": value});
        let path = format!("/zapier/actions/update-record/{id}?overwrite=false");
        rehearsal.service("POST", &path, &json!({"fieldActions": {field: action}}));
    }

    /// Somebody else hangs a text on a record.
    pub(crate) fn comment(self, rehearsal: &Rehearsal, id: &str) {
        if self.is_nimble() {
            let note = json!({"contact_ids": [id], "note": "call her", "note_preview": "call her"});
            rehearsal.service("POST", "/contacts/notes", &note);
            return;
        }
        let path = format!("/zapier/actions/create-comment/{id}");
        rehearsal.service("POST", &path, &json!({"text": "call her"}));
    }

    /// Somebody else makes a record that belongs to another.
    pub(crate) fn child(self, rehearsal: &Rehearsal, of: &str) {
        if self.is_nimble() {
            let company = self.value(rehearsal, of, "company name");
            let value = |value: &str| json!([{"value": value, "modifier": ""}]);
            let fields = json!({"first name": value("Foreign"), "parent company": value(&company)});
            rehearsal.service("POST", "/contact", &json!({"record_type": "person", "fields": fields}));
            return;
        }
        let folders = rehearsal.get("/nethunt/folders");
        let folder = folders.as_array().unwrap().iter().find(|folder| folder["name"] == "Contacts").unwrap();
        let path = format!("/zapier/actions/create-record/{}", folder["id"].as_str().unwrap());
        let body = json!({"timeZone": "Europe/London", "fields": {"Name": "Foreign", "Co-workers": [of]}});
        rehearsal.service("POST", &path, &body);
    }
}

#[test]
fn an_edit_that_keeps_the_address_at_its_end_stays() {
    let (ann, bob) = ("Ann <info@acme.example>", "Bob <info@acme.example>");
    for (place, name) in PLACES.into_iter().zip(["first name", "Name"]) {
        let rehearsal = Rehearsal::new("");
        let kind = if place.is_nimble() { "[[field]]\nto = \"_type\"\nconst = \"person\"\n" } else { "" };
        let mapping = format!(
            "[mapping]\nkey = [\"External ID\"]\n{kind}[[field]]\nto = \"External ID\"\nfrom = \"id\"\n\
             [[field]]\nto = \"{name}\"\nfrom = \"name\"\n"
        );
        rehearsal.file("map.toml", mapping);
        rehearsal.file("old.csv", "id,name\n1,Old\n2,Old\n");
        rehearsal.file("new.csv", format!("id,name\n1,{ann}\n2,{ann}\n3,{ann}\n"));
        let import =
            |sheet| rehearsal.json(["import", sheet, place.stream, "-m", "map.toml", "--yes"]).expect(0);
        import("old.csv");
        let out = import("new.csv");
        let done = result_rows(&run_of(&rehearsal, &out), "succeeded.csv");
        let ids: BTreeMap<&str, &str> =
            done.iter().map(|row| (row["_ferry_row"].as_str(), row["_ferry_id"].as_str())).collect();
        place.edit(&rehearsal, ids["1"], name, bob);
        place.edit(&rehearsal, ids["3"], name, bob);
        let out = rehearsal.json(["undo", out.summary()["run"].as_str().unwrap(), "--yes"]).expect(1);
        let counts = ["updated", "conflicts", "deleted"].map(|key| out.count(key));
        assert_eq!(counts, [1, 2, 0], "{}", out.transcript());
        let now = ["1", "2", "3"].map(|row| place.value(&rehearsal, ids[row], name));
        assert_eq!(now, [bob, "Old", bob], "{}", place.stream);
    }
}

/// Imports an exported sheet with changes in its first rows and some new rows at its end. Returns the ids of the
/// records changed and made, each in row order.
pub(crate) fn import(
    rehearsal: &Rehearsal,
    place: Place,
    changed: usize,
    new: usize,
) -> (Output, [Vec<String>; 2]) {
    prepare(rehearsal, place, changed, new);
    let out = rehearsal.json(["import", "sheet.csv", place.stream, "--yes"]).expect(0);
    let done = result_rows(&run_of(rehearsal, &out), "succeeded.csv");
    let by = |action: &str| {
        let rows = done.iter().filter(|row| row["_ferry_action"] == action);
        rows.map(|row| row["_ferry_id"].clone()).collect()
    };
    (out, ["updated", "created"].map(by))
}

/// New rows: a company with two persons of its own, a person of a company that the service makes on the side,
/// then plain ones. At NetHunt each is plain.
fn prepare(rehearsal: &Rehearsal, place: Place, changed: usize, new: usize) {
    rehearsal.json(["export", place.stream, "-o", "sheet.csv"]).expect(0);
    let mut reader = csv::Reader::from_path(rehearsal.path("sheet.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    let mut rows: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let at = |header: &str| headers.iter().position(|known| known == header).unwrap();
    let persons = rows.iter_mut().filter(|row| !place.is_nimble() || row[at("_type")] == "person");
    for (number, row) in persons.take(changed).enumerate() {
        row[at(place.field)] = format!("Changed {number}");
        if place.is_nimble() && number % 2 == 0 {
            row[at("_tags")] = "from the sheet;vip".to_owned();
        }
    }
    for number in 0..new {
        let mut row = vec![String::new(); headers.len()];
        if place.is_nimble() {
            let company = number == 0;
            row[at("_type")] = if company { "company" } else { "person" }.to_owned();
            row[at(if company { "company name" } else { "first name" })] = format!("New {number}");
            match number {
                1 | 2 => row[at("parent company")] = "New 0".to_owned(),
                3 => row[at("parent company")] = "On The Side Ltd".to_owned(),
                // More tags than a create can say: a second request.
                4 => row[at("_tags")] = "a;b;c;d;e;f;g".to_owned(),
                _ => {}
            }
        } else {
            row[at("_type")] = "record".to_owned();
            row[at("Name")] = format!("New {number}");
        }
        rows.push(row);
    }
    let mut writer = csv::Writer::from_path(rehearsal.path("sheet.csv")).unwrap();
    writer.write_record(&headers).unwrap();
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.flush().unwrap();
}

pub(crate) fn run_name(out: &Output) -> String {
    out.summary()["run"].as_str().unwrap().to_owned()
}

#[test]
fn an_import_is_shown_and_taken_back_and_the_service_is_as_before() {
    for place in PLACES {
        let rehearsal = Rehearsal::generated("", 30);
        let before = place.content(&rehearsal);
        // One at a time: a company that a row makes is there when its persons come.
        let rehearsal = rehearsal.set("FERRY_CONCURRENCY", "1");
        let (out, [changed, new]) = import(&rehearsal, place, 5, 8);
        assert_eq!((out.count("updated"), out.count("created")), (5, 8), "{}", out.transcript());
        assert_eq!(out.count("verified"), 13, "{}", out.transcript());
        let (run, after) = (run_name(&out), place.content(&rehearsal));

        let seen = rehearsal.requests();
        let out = rehearsal.json(["undo", &run, "-n"]).expect(0);
        assert_balanced(&out);
        assert_eq!(out.summary()["status"], "planned");
        // The company that Nimble made by itself goes, too.
        let deletes = if place.is_nimble() { 9 } else { 8 };
        assert_eq!((out.count("updated"), out.count("deleted")), (5, deletes), "{}", out.transcript());
        assert!(rehearsal.writes_since(seen).is_empty());
        assert_eq!(place.content(&rehearsal), after);
        let out = rehearsal.ferry(["undo", &run]).expect(2);
        assert!(out.stderr.contains("to delete"), "{}", out.transcript());
        assert!(rehearsal.writes_since(seen).is_empty());
        rehearsal.json(["resume", &run, "--yes"]).expect(0);

        let out = rehearsal.json(["undo", &run, "--yes"]).expect(0);
        assert_balanced(&out);
        assert_eq!((out.count("updated"), out.count("deleted")), (5, deletes), "{}", out.transcript());
        assert_eq!((out.count("read"), out.count("verified")), (5 + deletes, 5), "{}", out.transcript());
        assert_eq!(place.content(&rehearsal), before, "{}", place.stream);
        let copied = result_rows(&run_of(&rehearsal, &out), "deleted.csv");
        let copied: BTreeSet<String> = copied.into_iter().map(|row| row["_id"].clone()).collect();
        assert!(new.iter().all(|id| copied.contains(id)) && copied.len() as u64 == deletes);
        assert!(changed.iter().all(|id| !copied.contains(id)));
        assert_is_closed(&rehearsal, &run);

        // What was restored can be taken back in turn; what was deleted cannot.
        let again = rehearsal.json(["undo", &run_name(&out), "--yes"]).expect(0);
        assert_balanced(&again);
        assert_eq!((again.count("updated"), again.count("skipped")), (5, deletes), "{}", again.transcript());
        assert_eq!(place.value(&rehearsal, &changed[0], place.field), "Changed 0");
    }
}

/// Nothing more of a run that was taken back is sent, and there is nothing left to take back.
fn assert_is_closed(rehearsal: &Rehearsal, run: &str) {
    let seen = rehearsal.requests();
    let out = rehearsal.ferry(["resume", run, "--yes"]).expect(2);
    assert!(out.stderr.contains("taken back"), "{}", out.transcript());
    let out = rehearsal.json(["undo", run, "-n"]).expect(0);
    assert_eq!(out.count("unchanged"), out.count("read"), "{}", out.transcript());
    assert!(rehearsal.writes_since(seen).is_empty());
}

#[test]
fn what_others_did_since_stays_and_is_listed_with_the_reason() {
    for place in PLACES {
        let rehearsal = Rehearsal::generated("", 30).set("FERRY_CONCURRENCY", "1");
        let before = place.content(&rehearsal);
        let (out, [changed, new]) = import(&rehearsal, place, 5, 9);
        place.child(&rehearsal, &new[0]);
        place.comment(&rehearsal, &new[5]);
        place.edit(&rehearsal, &new[6], place.other, "007");
        place.edit(&rehearsal, &changed[1], place.field, "Somebody else's");
        place.edit(&rehearsal, &changed[3], place.other, "007");
        let foreign = place.content(&rehearsal);

        let out = rehearsal.json(["undo", &run_name(&out), "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!(out.count("conflicts"), 4, "{}", out.transcript());
        let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
        let reason = |id: &str| {
            let row = conflicts.iter().find(|row| row["_ferry_id"] == id);
            row.unwrap_or_else(|| panic!("{id}: {conflicts:?}"))["_ferry_reason"].clone()
        };
        let belongs = if place.is_nimble() { "belongs to it" } else { "links to it" };
        assert!(reason(&new[0]).contains(belongs), "{conflicts:?}");
        assert!(reason(&new[5]).contains("hangs on it"), "{conflicts:?}");
        assert!(reason(&new[6]).contains("holds `007`"), "{conflicts:?}");
        assert!(reason(&changed[1]).contains("holds `Somebody else's`"), "{conflicts:?}");

        let now = place.content(&rehearsal);
        let kept: BTreeSet<&String> = [&new[0], &new[5], &new[6]].into();
        for (id, content) in &foreign {
            match () {
                () if new.contains(id) && !kept.contains(id) => assert!(!now.contains_key(id), "{id}"),
                () if *id == changed[1] => {
                    assert_eq!(place.value(&rehearsal, id, place.field), "Somebody else's");
                }
                () if *id == changed[3] => {
                    assert_eq!(place.value(&rehearsal, id, place.other), "007");
                    assert!(!place.value(&rehearsal, id, place.field).starts_with("Changed"));
                }
                () if changed.contains(id) => assert_eq!(now.get(id), before.get(id), "{id}"),
                // The company has lost its own persons; the foreign one is still there.
                () if *id == new[0] && place.is_nimble() => assert!(now.contains_key(id)),
                () if before.contains_key(id) || kept.contains(id) => assert_eq!(now.get(id), Some(content)),
                () => {}
            }
        }
    }
}

#[test]
fn only_the_fields_that_still_hold_what_was_written_are_restored() {
    for place in PLACES {
        let rehearsal = Rehearsal::generated("", 20);
        prepare(&rehearsal, place, 1, 0);
        // A second field of the same row.
        let mut reader = csv::Reader::from_path(rehearsal.path("sheet.csv")).unwrap();
        let headers = reader.headers().unwrap().clone();
        let at = headers.iter().position(|known| known == place.other).unwrap();
        let field = headers.iter().position(|known| known == place.field).unwrap();
        let row = reader.records().map(Result::unwrap).find(|row| &row[field] == "Changed 0").unwrap();
        let id = row[0].to_owned();
        let mut cells: Vec<String> = row.iter().map(str::to_owned).collect();
        "12345".clone_into(&mut cells[at]);
        let mut writer = csv::Writer::from_path(rehearsal.path("one.csv")).unwrap();
        writer.write_record(&headers).unwrap();
        writer.write_record(&cells).unwrap();
        writer.flush().unwrap();
        let before = place.value(&rehearsal, &id, place.field);
        let out = rehearsal.json(["import", "one.csv", place.stream, "--yes"]).expect(0);
        place.edit(&rehearsal, &id, place.other, "99999");
        let out = rehearsal.json(["undo", &run_name(&out), "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("conflicts"), out.count("read")), (1, 1), "{}", out.transcript());
        let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
        assert_eq!(conflicts[0]["_ferry_field"], place.other);
        assert!(conflicts[0]["_ferry_reason"].contains("the other fields are restored"), "{conflicts:?}");
        assert_eq!(place.value(&rehearsal, &id, place.field), before);
        assert_eq!(place.value(&rehearsal, &id, place.other), "99999");
    }
}

#[test]
fn rows_in_doubt_are_looked_for_and_go_without_anything_being_sent() {
    for place in PLACES {
        let fault = "[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\nfirst = 3\n\
                     [[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nafter = 3\nlatency_ms = 20000\n";
        let rehearsal = Rehearsal::generated("", 20).set("FERRY_SETTLE", "1s");
        let before = place.content(&rehearsal);
        prepare(&rehearsal, place, 0, 6);
        rehearsal.faults(fault);
        let args = ["import", "sheet.csv", place.stream, "--yes", "--concurrency", "3"];
        let life = rehearsal.spawn(args);
        rehearsal.wait_until("creates are lost", |now| now.effects("create") >= 3);
        assert!(life.kill_9(), "it ended before it could be killed");
        rehearsal.faults("");
        let run = rehearsal.runs().pop().unwrap();
        let run = run.file_name().unwrap().to_str().unwrap();
        let out = rehearsal.json(["undo", run, "--yes"]).expect(0);
        assert_balanced(&out);
        assert!(out.count("deleted") == 3, "{}", out.transcript());
        assert_eq!(place.content(&rehearsal), before);
        assert_eq!(rehearsal.effects("create"), 3);
        assert_is_closed(&rehearsal, run);
    }
}

#[test]
fn a_killed_undo_goes_on_and_takes_everything_back() {
    let slow = "[[fault]]\nkind = \"latency\"\nmethod = \"write\"\nlatency_ms = 40\n\
                [[fault]]\nkind = \"lost_answer\"\nmethod = \"write\"\nprobability = 0.1\n";
    for place in PLACES {
        let rehearsal = Rehearsal::generated("", 40).set("FERRY_CONCURRENCY", "1");
        let before = place.content(&rehearsal);
        let (out, _) = import(&rehearsal, place, 12, 20);
        let run = run_name(&out);
        rehearsal.faults(slow);
        let mut command = vec!["undo", run.as_str(), "--yes"];
        for writes in [1, 3, 4, 5] {
            let seen = rehearsal.requests();
            let mut life = rehearsal.spawn(&command);
            command = vec!["resume", "--last", "--yes"];
            rehearsal.wait_until("some is taken back", |now| {
                now.writes_since(seen).len() >= writes || life.has_ended()
            });
            life.kill_9();
        }
        let out = rehearsal.json(["resume", "--last", "--yes"]);
        assert_balanced(&out);
        assert_eq!(
            (out.code, out.count("pending"), out.count("in_doubt")),
            (0, 0, 0),
            "{}",
            out.transcript()
        );
        assert_eq!(place.content(&rehearsal), before, "{}", out.transcript());
        assert_one_result(&run_of(&rehearsal, &out), out.count("read"));
    }
}

#[test]
fn what_an_undo_has_left_is_taken_back_by_another() {
    for place in PLACES {
        let rehearsal = Rehearsal::generated("", 10);
        let before = place.content(&rehearsal);
        let (out, [_, new]) = import(&rehearsal, place, 2, 8);
        let run = run_name(&out);
        place.comment(&rehearsal, &new[5]);
        let path = if place.is_nimble() { "/contact/" } else { "/actions/delete-record/" };
        let method = if place.is_nimble() { "DELETE" } else { "POST" };
        let fault = format!("path = \"{path}\"\nmethod = \"{method}\"\n");
        rehearsal.faults(&format!("[[fault]]\nkind = \"error_before_commit\"\n{fault}"));
        let out = rehearsal.json(["undo", &run, "--yes"]).expect(1);
        assert_balanced(&out);
        // Companies of persons that could not be deleted stay, too.
        assert!(out.count("deleted") == 0 && out.count("failed") >= 6, "{}", out.transcript());
        rehearsal.faults("");

        // Everything that comes to mind leads to another undo.
        let undo = run_name(&out);
        for (command, code) in [(["resume", &undo, "--yes"], 1), (["retry", &undo, "--yes"], 2)] {
            let out = rehearsal.ferry(command).expect(code);
            assert!(out.stderr.contains(&format!("`ferry undo {run}` once more")), "{}", out.transcript());
        }
        let out = rehearsal.json(["undo", &run, "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("conflicts"), out.count("failed")), (1, 0), "{}", out.transcript());
        assert!(out.count("deleted") >= 7 && out.count("updated") == 0, "{}", out.transcript());
        let mut left = place.content(&rehearsal);
        left.remove(&new[5]);
        assert_eq!(left, before);
        assert_one_result(&run_of(&rehearsal, &out), out.count("read"));
    }
}

/// Every row stands in exactly one result file; row numbers are those of the run that is taken back.
fn assert_one_result(run: &Path, rows: u64) {
    let files = ["succeeded.csv", "rejected.csv", "conflicts.csv", "indoubt.csv"];
    let found: Vec<String> =
        files.iter().flat_map(|file| result_rows(run, file)).map(|row| row["_ferry_row"].clone()).collect();
    assert_eq!(found.len() as u64, rows);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
}

#[test]
fn what_cannot_be_taken_back_says_why() {
    let rehearsal = Rehearsal::generated("", 10);
    let out = rehearsal.json(["export", "nimble:contacts", "-o", "all.csv"]).expect(0);
    let refused = rehearsal.ferry(["undo", &run_name(&out)]).expect(2);
    assert!(refused.stderr.contains("has written nothing to a service"), "{}", refused.transcript());
    let place = PLACES[1];
    prepare(&rehearsal, place, 1, 1);
    let out = rehearsal.json(["import", "sheet.csv", place.stream, "-n"]).expect(0);
    let refused = rehearsal.ferry(["undo", &run_name(&out)]).expect(2);
    assert!(refused.stderr.contains("only planned"), "{}", refused.transcript());
    // Comments can be made and not deleted.
    let id = place.content(&rehearsal).keys().next().unwrap().clone();
    rehearsal.file("comments.csv", format!("_record,text\n{id},hello\n"));
    let out = rehearsal.json(["import", "comments.csv", "nethunt:Contacts/comments", "--yes"]).expect(0);
    assert_eq!(out.count("verified"), 1, "{}", out.transcript());
    let out = rehearsal.json(["undo", &run_name(&out), "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("conflicts"), out.count("deleted")), (1, 0), "{}", out.transcript());
}

#[test]
fn notes_go_and_come_back_as_they_were() {
    let rehearsal = Rehearsal::generated("", 10);
    let contact = rehearsal.contacts()[0]["id"].as_str().unwrap().to_owned();
    rehearsal.file("notes.csv", format!("_record,text\n{contact},hello\n{contact},again\n"));
    let out = rehearsal.json(["import", "notes.csv", "nimble:notes", "--mode", "create", "--yes"]).expect(0);
    assert_eq!((out.count("created"), out.count("verified")), (2, 2), "{}", out.transcript());
    let out = rehearsal.json(["undo", &run_name(&out), "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!(out.count("deleted"), 2, "{}", out.transcript());
}
