//! What a result file says can be given back as it is: whatever the input's format, its cells mean the values that
//! the rows came with (design section 5).

use serde_json::{Value, json};

use crate::accounts::{contact_values, record_id, result_rows, run_of};
use crate::support::{Output, Rehearsal};

/// Values that a cell has to quote, or that look like a list.
const PHONES: [&str; 5] = ["a;b", "\"q\"", "x\ny", "[\"j\"]", "+44 1"];
const PROSE: [&str; 2] = ["one; two", "[\"x\"]"];
const REFUSED: &str = "[[fault]]\nkind = \"error_before_commit\"\nmethod = \"PUT\"\nstatus = 409\n\
                       [[fault]]\nkind = \"error_before_commit\"\nmethod = \"POST\"\nstatus = 409\n";

/// A file of one contact to be changed and one to be made, in this format.
fn sheet(rehearsal: &Rehearsal, id: &str, format: &str) -> String {
    let rows = [(id, "Ada"), ("", "Bob")];
    if format == "csv" {
        let mut writer = csv::Writer::from_path(rehearsal.path("rows.csv")).unwrap();
        let columns = ["_id", "_type", "first name", "title", "phone[work]", "description[other]", "_tags"];
        writer.write_record(columns).unwrap();
        let phones = "\"a;b\";\"\"\"q\"\"\";\"x\ny\";\"[\"\"j\"\"]\";+44 1";
        let prose = json!(PROSE).to_string();
        for (id, name) in rows {
            writer.write_record([id, "person", name, "Boss; [1]", phones, &prose, "s;\"t;u\""]).unwrap();
        }
        writer.flush().unwrap();
        return "rows.csv".into();
    }
    let lines = rows.map(|(id, name)| {
        let row = json!({
            "_id": id, "_type": "person", "first name": name, "title": "Boss; [1]", "phone[work]": PHONES,
            "description[other]": PROSE, "_tags": ["s", "t;u"],
        });
        row.to_string() + "\n"
    });
    rehearsal.file("rows.jsonl", lines.concat());
    if format == "parquet" {
        rehearsal.json(["export", "rows.jsonl", "-o", "rows.parquet"]).expect(0);
    }
    format!("rows.{format}")
}

/// Two contacts of which the first is known by its id.
fn seed(rehearsal: &Rehearsal) -> String {
    let contact =
        json!([{"record_type": "person", "fields": {"first name": [{"value": "Ada", "modifier": ""}]}}]);
    record_id(&json!({"id": rehearsal.post("/nimble/contacts", &contact.to_string())[0]}))
}

#[track_caller]
fn assert_as_meant(rehearsal: &Rehearsal, out: &Output) {
    let contacts = rehearsal.contacts();
    assert_eq!(contacts.len(), 2, "{}", out.transcript());
    for contact in contacts {
        assert_eq!(contact_values(&contact, "phone"), PHONES, "{}", out.transcript());
        assert_eq!(contact_values(&contact, "description"), PROSE, "{}", out.transcript());
        assert_eq!(contact_values(&contact, "title"), ["Boss; [1]"], "{}", out.transcript());
        assert!(contact.to_string().contains("t;u"), "{contact}");
    }
}

#[test]
fn a_reject_file_given_back_has_the_values_of_its_rows_whatever_their_format() {
    for format in ["csv", "jsonl", "parquet"] {
        for way in ["retry", "import"] {
            let rehearsal = Rehearsal::new("");
            let file = sheet(&rehearsal, &seed(&rehearsal), format);
            rehearsal.faults(REFUSED);
            let first = rehearsal.json(["import", &file, "nimble:contacts", "--yes"]).expect(1);
            assert_eq!(first.count("failed"), 2, "{}", first.transcript());
            rehearsal.faults("");
            let run = run_of(&rehearsal, &first);
            let rejected = run.join("rejected.csv").display().to_string();
            let name = first.summary()["run"].as_str().unwrap().to_owned();
            let out = match way {
                "retry" => rehearsal.json(["retry", &name, &rejected, "--yes"]).expect(0),
                _ => rehearsal.json(["import", &rejected, "nimble:contacts", "--yes"]).expect(0),
            };
            assert_eq!((out.count("created"), out.count("updated")), (1, 1), "{}", out.transcript());
            assert_as_meant(&rehearsal, &out);
        }
    }
}

#[test]
fn a_conflict_file_given_back_has_the_values_of_its_rows_whatever_their_format() {
    for format in ["csv", "jsonl", "parquet"] {
        let rehearsal = Rehearsal::new("");
        let id = seed(&rehearsal);
        let file = sheet(&rehearsal, &id, format);
        rehearsal.json(["import", &file, "nimble:contacts", "--yes"]).expect(0);
        // The next sheet carries the time of what it was made from; somebody edits the contact after that.
        rehearsal.json(["export", "nimble:contacts", "-o", &format!("sheet.{format}")]).expect(0);
        if format == "parquet" {
            rehearsal.json(["export", "sheet.parquet", "-o", "sheet.jsonl"]).expect(0);
        }
        let edited = if format == "csv" { "sheet.csv" } else { "sheet.jsonl" };
        rehearsal.file(edited, rehearsal.read(edited).replace("Boss; [1]", "Chef; [1]"));
        if format == "parquet" {
            rehearsal.json(["export", "sheet.jsonl", "-o", "sheet.parquet"]).expect(0);
        }
        let edit = json!({"fields": {"title": [{"value": "Foreign", "modifier": ""}]}});
        rehearsal.service("PUT", &format!("/contact/{id}"), &edit);
        let first =
            rehearsal.json(["import", &format!("sheet.{format}"), "nimble:contacts", "--yes"]).expect(1);
        assert_eq!(first.count("conflicts"), 1, "{}", first.transcript());
        let run = run_of(&rehearsal, &first);
        assert_eq!(result_rows(&run, "conflicts.csv").len(), 1);
        let conflicts = run.join("conflicts.csv").display().to_string();
        let again = ["import", &conflicts, "nimble:contacts", "--yes", "--on-conflict", "sheet"];
        let out = rehearsal.json(again).expect(0);
        let contacts: Vec<Value> = rehearsal.contacts();
        let contact = contacts.iter().find(|contact| record_id(contact) == id).unwrap();
        assert_eq!(contact_values(contact, "title"), ["Chef; [1]"], "{}", out.transcript());
        assert_eq!(contact_values(contact, "phone"), PHONES, "{}", out.transcript());
        assert_eq!(contact_values(contact, "description"), PROSE, "{}", out.transcript());
    }
}

#[test]
fn a_reject_file_of_a_mapped_import_has_the_values_of_its_rows() {
    let mapping = "[mapping]\nkey = [\"Name\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                   [[field]]\nto = \"Tags\"\nfrom = \"tags\"\nmulti = true\n\
                   [[field]]\nto = \"Keywords\"\nfrom = \"word\"\nmulti = true\n";
    let rehearsal = Rehearsal::new("");
    rehearsal.file("map.toml", mapping);
    rehearsal.file(
        "rows.jsonl",
        "{\"name\":\"Ada\",\"tags\":[\"a;b\",\"[\\\"x\\\"]\"],\"word\":\"c;d\"}\n\
         {\"name\":\"Bob\",\"tags\":[\"a;b\",\"[\\\"x\\\"]\"],\"word\":\"c;d\"}\n",
    );
    rehearsal.faults(REFUSED);
    let import = ["import", "rows.jsonl", "nethunt:Contacts", "-m", "map.toml", "--yes"];
    let first = rehearsal.json(import).expect(1);
    assert_eq!(first.count("failed"), 2, "{}", first.transcript());
    rehearsal.faults("");
    let rejected = run_of(&rehearsal, &first).join("rejected.csv").display().to_string();
    let again = ["import", &rejected, "nethunt:Contacts", "-m", "map.toml", "--yes"];
    let out = rehearsal.json(again).expect(0);
    for record in rehearsal.records("Contacts") {
        assert_eq!(record["fields"]["Tags"], json!(["a;b", "[\"x\"]"]), "{}", out.transcript());
        assert_eq!(record["fields"]["Keywords"], json!(["c;d"]), "{}", out.transcript());
    }
    assert_eq!(out.count("created"), 2, "{}", out.transcript());
}

/// Contacts of a service into records of another.
const BETWEEN: &str = r#"
[mapping]
source = "nimble:contacts"
target = "nethunt:Contacts"
key = ["External ID"]
[[field]]
to = "External ID"
from = "_id"
[[field]]
to = "Name"
from = "first name"
[[field]]
to = "Phone"
from = "phone"
multi = true
[[field]]
to = "Tags"
from = "_tags"
multi = true
[[field]]
to = "Keywords"
from = "description[other]"
multi = true
[[field]]
to = "Address"
from = ["address[work].street", "address[work].city"]
take = "all"
join = " / "
"#;

#[test]
fn a_reject_file_of_what_goes_between_services_can_be_corrected_and_retried() {
    let rehearsal = Rehearsal::new("");
    let value = |value: &str, modifier: &str| json!({"value": value, "modifier": modifier});
    let contact = |name: &str| {
        json!({"record_type": "person", "tags": ["t;1", "t2"], "fields": {
            "first name": [value(name, "")],
            "phone": [value("a;b", "work"), value("22", "work"), value("\"q\"", "home")],
            "description": [value("[\"j\"]", "other"), value("second; one", "other")],
            "address": [value("{\"street\":\"1; x\",\"city\":\"C\"}", "work"), value("{\"street\":\"s2\"}", "work")],
        }})
    };
    rehearsal.post("/nimble/contacts", &json!([contact("Ada"), contact("Bob")]).to_string());
    rehearsal.file("map.toml", BETWEEN);
    let refused = "[[fault]]\nkind = \"error_before_commit\"\nmethod = \"POST\"\nstatus = 400\n";
    rehearsal.faults(refused);
    let import = ["import", "nimble:contacts", "nethunt:Contacts", "-m", "map.toml", "--yes"];
    let first = rehearsal.json(import).expect(1);
    assert_eq!(first.count("failed"), 2, "{}", first.transcript());
    let name = first.summary()["run"].as_str().unwrap().to_owned();
    let rejected = std::fs::read_to_string(run_of(&rehearsal, &first).join("rejected.csv"))
        .unwrap()
        .replace("Ada", "Eve");
    rehearsal.file("repaired.csv", rejected.replace("22", "33;44"));
    rehearsal.file("odd.csv", rejected.replace("first name", "fist name"));

    let odd = rehearsal.json(["retry", &name, "odd.csv", "--yes"]).expect(2);
    assert!(odd.stderr.contains("`odd.csv` has a column `fist name`"), "{}", odd.transcript());
    // Refused again, the rows are tried once more as the file had them.
    let second = rehearsal.json(["retry", &name, "repaired.csv", "--yes"]).expect(1);
    assert_eq!((second.count("read"), second.count("failed")), (2, 2), "{}", second.transcript());
    rehearsal.faults("");
    let again = second.summary()["run"].as_str().unwrap().to_owned();
    let third = rehearsal.json(["retry", &again, "--yes"]).expect(0);
    assert_eq!((third.count("read"), third.count("created")), (2, 2), "{}", third.transcript());

    let mut names = Vec::new();
    for record in rehearsal.records("Contacts") {
        let fields = &record["fields"];
        names.push(fields["Name"].as_str().unwrap().to_owned());
        assert_eq!(fields["Phone"], json!(["a;b", "33", "44", "\"q\""]), "{fields}");
        assert_eq!(fields["Tags"], json!(["t;1", "t2"]), "{fields}");
        assert_eq!(fields["Keywords"], json!(["[\"j\"]", "second; one"]), "{fields}");
        assert_eq!(fields["Address"], "1; x / s2 / C", "{fields}");
    }
    names.sort();
    assert_eq!(names, ["Bob", "Eve"]);
    let unchanged = rehearsal.json(import).expect(0);
    assert_eq!(unchanged.count("created"), 0, "the records are known: {}", unchanged.transcript());
}
