//! Plans on a moving target: what somebody else has changed since is never overwritten (design section 9.4).

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, assert_every_row_has_one_result, contact_value, result_rows, run_of};
use crate::support::{Entry, Output, Rehearsal};

const NETHUNT: &str = "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                       [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n";
const NIMBLE: &str = "[mapping]\nkey = [\"email[work]\"]\n[[field]]\nto = \"_type\"\nconst = \"person\"\n\
                      [[field]]\nto = \"first name\"\nfrom = \"name\"\n\
                      [[field]]\nto = \"email[work]\"\nfrom = \"email\"\n";

/// A place to import to: the field that the plan touches, and one that it does not.
#[derive(Clone, Copy)]
struct Place {
    stream: &'static str,
    mapping: &'static str,
    touched: &'static str,
    other: &'static str,
}

const PLACES: [Place; 2] = [
    Place { stream: "nethunt:Contacts", mapping: NETHUNT, touched: "Name", other: "Notes" },
    Place { stream: "nimble:contacts", mapping: NIMBLE, touched: "first name", other: "title" },
];

impl Place {
    fn is_nimble(self) -> bool {
        self.stream.starts_with("nimble")
    }

    /// Records by number, with their ids and what the two fields hold.
    fn records(self, rehearsal: &Rehearsal) -> BTreeMap<usize, (String, String, String)> {
        let number = |email: &str| email.trim_start_matches('<')[1..4].parse().unwrap();
        if self.is_nimble() {
            let of = |contact: &Value| {
                let id = contact["id"].as_str().unwrap().to_owned();
                let value = |field| contact_value(contact, field);
                (number(&value("email")), (id, value(self.touched), value(self.other)))
            };
            return rehearsal.contacts().iter().map(of).collect();
        }
        let of = |record: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let fields = &record["fields"];
            let email = text(&fields["Email"][0]);
            (
                number(&email),
                (text(&record["recordId"]), text(&fields[self.touched]), text(&fields[self.other])),
            )
        };
        rehearsal.records("Contacts").iter().map(of).collect()
    }

    /// Changes a field as somebody else.
    fn edit(self, rehearsal: &Rehearsal, id: &str, field: &str, value: &str) {
        if self.is_nimble() {
            let fields = json!({field: [{"value": value, "modifier": ""}]});
            rehearsal.service("PUT", &format!("/contact/{id}?replace=0&type=0"), &json!({"fields": fields}));
        } else {
            let actions = json!({field: {"overwrite": true, "add": value}});
            let path = format!("/zapier/actions/update-record/{id}?overwrite=false");
            rehearsal.service("POST", &path, &json!({"fieldActions": actions}));
        }
    }

    /// Makes a record as somebody else, with an e-mail address or a phone number.
    fn make(self, rehearsal: &Rehearsal, name: &str, field: &str, text: &str) {
        if self.is_nimble() {
            let value = |value: &str, modifier: &str| json!([{"value": value, "modifier": modifier}]);
            let fields = json!({"first name": value(name, ""), field: value(text, "work")});
            rehearsal.service("POST", "/contact", &json!({"record_type": "person", "fields": fields}));
            return;
        }
        let folders = rehearsal.get("/nethunt/folders");
        let of = |folder: &&Value| folder["name"] == "Contacts";
        let folder = folders.as_array().unwrap().iter().find(of).unwrap()["id"].clone();
        let path = format!("/zapier/actions/create-record/{}", folder.as_str().unwrap());
        let field = if field == "email" { "Email" } else { "Phone" };
        let fields = json!({"Name": name, field: [text]});
        rehearsal.service("POST", &path, &json!({"timeZone": "Europe/London", "fields": fields}));
    }

    /// Makes `rows` records, and plans to rename them all; the run of the plan.
    fn planned(self, rehearsal: &Rehearsal, rows: usize) -> String {
        let sheet = |word: &str| {
            (0..rows).fold("name,email\n".to_owned(), |mut text, row| {
                writeln!(text, "{word} {row:03},r{row:03}@stale.example").unwrap();
                text
            })
        };
        rehearsal.file("map.toml", self.mapping);
        rehearsal.file("old.csv", sheet("Old"));
        rehearsal.file("new.csv", sheet("New"));
        rehearsal.json(["import", "old.csv", self.stream, "-m", "map.toml", "--yes"]).expect(0);
        let out = rehearsal.json(["plan", "new.csv", self.stream, "-m", "map.toml"]).expect(0);
        assert_eq!(out.count("updated"), rows as u64, "{}", out.transcript());
        out.summary()["run"].as_str().unwrap().to_owned()
    }
}

fn counts(out: &Output) -> [u64; 4] {
    ["updated", "unchanged", "conflicts", "failed"].map(|key| out.count(key))
}

#[test]
fn an_edit_that_keeps_the_address_at_its_end_is_a_conflict() {
    let (ann, bob) = ("Ann <info@acme.example>", "Bob <info@acme.example>");
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let sheet = |names: [&str; 2]| {
            let [one, other] = names;
            format!("name,email\n{one},r000@stale.example\n{other},r001@stale.example\n")
        };
        rehearsal.file("map.toml", place.mapping);
        rehearsal.file("old.csv", sheet([ann, "Old"]));
        rehearsal.file("new.csv", sheet(["Zoe", bob]));
        rehearsal.json(["import", "old.csv", place.stream, "-m", "map.toml", "--yes"]).expect(0);
        let plan = rehearsal.json(["plan", "new.csv", place.stream, "-m", "map.toml"]).expect(0);
        let now = place.records(&rehearsal);
        place.edit(&rehearsal, &now[&0].0, place.touched, bob);
        place.edit(&rehearsal, &now[&1].0, place.touched, ann);
        let run = plan.summary()["run"].as_str().unwrap().to_owned();
        let out = rehearsal.json(["apply", &run, "--yes"]).expect(1);
        assert_eq!(counts(&out), [0, 0, 2, 0], "{}", out.transcript());
        let now = place.records(&rehearsal);
        assert_eq!((now[&0].1.as_str(), now[&1].1.as_str()), (bob, ann), "{}", place.stream);
        let left = &result_rows(&run_of(&rehearsal, &out), "conflicts.csv")[0];
        assert_eq!((left["_ferry_field"].as_str(), left["_ferry_value"].as_str()), (place.touched, bob));
    }
}

#[test]
fn what_changed_since_the_plan_is_a_conflict_and_the_rest_goes_on() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let run = place.planned(&rehearsal, 6);
        let ids: Vec<String> = place.records(&rehearsal).into_values().map(|record| record.0).collect();
        place.edit(&rehearsal, &ids[0], place.touched, "Foreign");
        place.edit(&rehearsal, &ids[1], place.other, "Kept");
        place.edit(&rehearsal, &ids[2], place.touched, "New 002");
        if !place.is_nimble() {
            let path = format!("/zapier/actions/delete-record/{}", ids[3]);
            rehearsal.service("POST", &path, &Value::Null);
        }
        let seen = rehearsal.requests();
        let out = rehearsal.json(["apply", &run, "--yes"]).expect(1);
        assert_balanced(&out);
        if place.is_nimble() {
            assert_eq!(counts(&out), [4, 1, 1, 0], "{}", out.transcript());
            assert_eq!(rehearsal.writes_since(seen).len(), 4);
        } else {
            assert_eq!(out.count("updated"), 3, "{}", out.transcript());
            assert_eq!(out.count("conflicts") + out.count("failed"), 2, "{}", out.transcript());
        }
        let now = place.records(&rehearsal);
        assert_eq!((now[&0].1.as_str(), now[&1].1.as_str()), ("Foreign", "New 001"), "{}", place.stream);
        assert_eq!((now[&1].2.as_str(), now[&2].1.as_str()), ("Kept", "New 002"));
        let folder = run_of(&rehearsal, &out);
        assert_every_row_has_one_result(&folder, 6);
        let left = &result_rows(&folder, "conflicts.csv")[0];
        assert_eq!((left["_ferry_row"].as_str(), left["_ferry_field"].as_str()), ("1", place.touched));
        assert_eq!(left["_ferry_value"], "Foreign");
        let sides = ["_ferry_base", "_ferry_sheet", "_ferry_service"].map(|side| left[side].as_str());
        let expected = ["Old 000", "New 000", "Foreign"].map(|text| json!({place.touched: text}).to_string());
        assert_eq!(sides, expected.each_ref().map(String::as_str));
        let reason = &left["_ferry_reason"];
        assert!(reason.contains("was `Old 000`, is `Foreign` now, and should become `New 000`"), "{reason}");
        // A fresh plan has nothing more to do than what was in conflict.
        let again = rehearsal.json(["resume", &run, "--yes"]).expect(1);
        assert_eq!(again.summary(), out.summary());
    }
}

#[test]
fn no_edit_made_before_a_records_last_look_is_overwritten() {
    const SURE: usize = 8;
    for place in PLACES {
        // More than are sent between two questions what has changed; where each record is read, fewer will do.
        let rows = if place.is_nimble() { 60 } else { 160 };
        let rehearsal = Rehearsal::new("").set("FERRY_CONCURRENCY", "3");
        let run = place.planned(&rehearsal, rows);
        let ids: Vec<String> = place.records(&rehearsal).into_values().map(|record| record.0).collect();
        let seen = rehearsal.requests();
        // However fast the machine is, some rows are edited before anything is looked at, and some never.
        for (row, id) in ids[..SURE].iter().enumerate() {
            place.edit(&rehearsal, id, place.touched, &format!("Foreign first {row}"));
        }
        let mut life = rehearsal.spawn(["apply", &run, "--yes", "--json", "--rate", "25/s"]);
        let mut dice = fastrand::Rng::with_seed(5);
        let mut edits = 0;
        while !life.has_ended() && edits < rows * 4 {
            let row = dice.usize(..rows - SURE);
            let field = if dice.u8(..3) == 0 { place.touched } else { place.other };
            place.edit(&rehearsal, &ids[row], field, &format!("Foreign {edits}"));
            edits += 1;
            std::thread::sleep(std::time::Duration::from_millis(15));
        }
        let out = life.wait();
        assert_balanced(&out);
        let [updated, unchanged, conflicts, failed] = counts(&out);
        assert_eq!((updated + conflicts, unchanged, failed), (rows as u64, 0, 0), "{}", out.transcript());
        let sure = SURE as u64;
        assert!(updated >= sure && conflicts >= sure, "{}: {}", place.stream, out.transcript());
        let ledger = rehearsal.ledger_since(seen);
        for (row, id) in ids.iter().enumerate() {
            look_precedes_write(place, &ledger, row, id);
        }
        // Edits of other fields survive.
        let now = place.records(&rehearsal);
        for (row, id) in ids.iter().enumerate() {
            let last = ledger.iter().rev().find(|entry| edits_field(entry, id, place.other));
            if let Some(last) = last {
                assert!(last.body.as_deref().unwrap().contains(&now[&row].2), "row {row}: {:?}", now[&row]);
            }
        }
    }
}

/// A look is good for five seconds by our clock; a busy machine lets the write arrive later than it was let go.
const LOOK_AND_ARRIVAL_MS: i64 = 15_000;

/// What has changed is asked for while what an earlier answer allows is still on its way: so many of our requests
/// may arrive between an answer and the first write that goes by it.
const ON_THE_WAY: usize = 30;

/// Our write of a record has a look soon before it, and no foreign edit of the field before the look.
fn look_precedes_write(place: Place, ledger: &[Entry], row: usize, id: &str) {
    let ours = format!("New {row:03}");
    let is_ours = |entry: &Entry| {
        entry.is_write()
            && entry.path.contains(id)
            && entry.body.as_deref().is_some_and(|body| body.contains(&ours))
    };
    let Some(at) = ledger.iter().position(is_ours) else { return };
    let reads = |entry: &Entry| match place.is_nimble() {
        true => entry.method == "GET" && entry.path.contains("/contact/") && entry.path.contains(id),
        false => entry.query.contains(id),
    };
    let is_foreign = |entry: &&Entry| entry.body.as_deref().is_some_and(|body| body.contains("Foreign"));
    let is_behind = |look: usize| {
        let between = ledger[look..at].iter().filter(|entry| !is_foreign(entry));
        between.count() > ON_THE_WAY
    };
    let asks = |look: &usize| ledger[*look].path.contains("updated-record");
    let read = ledger[..at].iter().rposition(reads);
    let asked: Vec<usize> = (0..at).filter(asks).collect();
    let asked = asked.iter().rev().find(|look| is_behind(**look)).or(asked.first()).copied();
    let look = read.max(asked).unwrap_or_else(|| panic!("row {row} was not looked at"));
    let age = ledger[at].ms - ledger[look].ms;
    assert!(age <= LOOK_AND_ARRIVAL_MS, "row {row} was looked at {age} ms before");
    let foreign = ledger[..look].iter().find(|entry| edits_field(entry, id, place.touched));
    assert!(foreign.is_none(), "row {row} was overwritten after {foreign:?}");
}

fn edits_field(entry: &Entry, id: &str, field: &str) -> bool {
    entry.is_write()
        && entry.path.contains(id)
        && entry
            .body
            .as_deref()
            .is_some_and(|body| body.contains("Foreign") && body.contains(&format!("\"{field}\"")))
}

#[test]
fn a_slow_pace_makes_looks_small_and_never_old() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let run = place.planned(&rehearsal, 12);
        let ids: Vec<String> = place.records(&rehearsal).into_values().map(|record| record.0).collect();
        let seen = rehearsal.requests();
        let out = rehearsal.json(["apply", &run, "--yes", "--rate", "2/s"]).expect(0);
        assert_eq!(counts(&out), [12, 0, 0, 0], "{}", out.transcript());
        let ledger = rehearsal.ledger_since(seen);
        for (row, id) in ids.iter().enumerate() {
            look_precedes_write(place, &ledger, row, id);
        }
        // In NetHunt what was made just before the plan counts as changed, and is read one by one.
        let most = if place.is_nimble() { 12 + 8 } else { 12 + 12 + 8 };
        assert!(ledger.len() <= most, "{}: {} requests", place.stream, ledger.len());
    }
}

#[test]
fn a_key_that_somebody_has_taken_since_is_a_conflict() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        rehearsal.file("map.toml", place.mapping);
        rehearsal.file("new.csv", "name,email\nAda,r000@stale.example\nBob,r001@stale.example\n");
        let out = rehearsal.json(["plan", "new.csv", place.stream, "-m", "map.toml"]).expect(0);
        let run = out.summary()["run"].as_str().unwrap().to_owned();
        place.make(&rehearsal, "Mal", "email", "R001@stale.example");
        let out = rehearsal.json(["apply", &run, "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("created"), out.count("conflicts")), (1, 1), "{}", out.transcript());
        assert_eq!(place.records(&rehearsal)[&1].1, "Mal");
        let left = &result_rows(&run_of(&rehearsal, &out), "conflicts.csv")[0];
        assert!(left["_ferry_reason"].contains("has got this key since the plan was made"), "{left:?}");
    }
}

/// Rows with an address of two and a phone number, by either of which they may be known.
const TWO_KEYS: &str = "name,email,phone\n\
                        Ada,a@keys.example|z@keys.example,+44 20 7946 0001\n\
                        Bob,b@keys.example,+44 20 7946 0002\n\
                        Cy,c@keys.example,+44 20 7946 0003\n";

fn two_keys(place: Place) -> String {
    let (email, phone) = if place.is_nimble() { ("email[work]", "phone[work]") } else { ("Email", "Phone") };
    let (head, fields) = place.mapping.split_once('\n').unwrap();
    let (_, fields) = fields.split_once('\n').unwrap();
    let fields = fields.replace(
        "from = \"email\"\n",
        "from = \"email\"\ndo = [{ split = { on = \"|\" } }]\ntake = \"all\"\n",
    );
    format!(
        "{head}\nkey = [[\"{email}\"], [\"{phone}\"]]\n{fields}[[field]]\nto = \"{phone}\"\nfrom = \"phone\"\ntake = \"all\"\n"
    )
}

#[test]
fn any_key_of_a_new_row_that_somebody_has_taken_is_a_conflict() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        rehearsal.file("map.toml", two_keys(place));
        rehearsal.file("new.csv", TWO_KEYS);
        let out = rehearsal.json(["plan", "new.csv", place.stream, "-m", "map.toml"]).expect(0);
        assert_eq!(out.count("created"), 3, "{}", out.transcript());
        let run = out.summary()["run"].as_str().unwrap().to_owned();
        place.make(&rehearsal, "Mal", "email", "Z@keys.example");
        place.make(&rehearsal, "Mel", "phone", "+44 (20) 7946-0002");
        let out = rehearsal.json(["apply", &run, "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("created"), out.count("conflicts")), (1, 2), "{}", out.transcript());
        let left = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
        let names: Vec<_> = left.iter().map(|row| row["name"].as_str()).collect();
        assert_eq!(names, ["Ada", "Bob"]);
    }
}
