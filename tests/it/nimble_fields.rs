//! The fields of a Nimble account: read, made, renamed and deleted, in both generations of the service's API.

use serde_json::{Map, Value, json};

use crate::support::{Output, Rehearsal};

/// Scenarios in which the service speaks one generation of the metadata API.
const ERAS: [&str; 2] = ["[nimble]\nfields_api = \"legacy\"\n", "[nimble]\nfields_api = \"new\"\n"];

/// The account's fields as an export shows them.
fn fields(rehearsal: &Rehearsal) -> Vec<Map<String, Value>> {
    rehearsal.json(["export", "nimble:fields", "-o", "now.jsonl"]).expect(0);
    let text = rehearsal.read("now.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A column of the field of that name; null where there is no such field.
fn of(rehearsal: &Rehearsal, name: &str, column: &str) -> Value {
    let fields = fields(rehearsal);
    let field = fields.iter().find(|field| field["name"] == json!(name));
    field.and_then(|field| field.get(column)).cloned().unwrap_or(Value::Null)
}

fn import(rehearsal: &Rehearsal, sheet: &str, code: i32) -> Output {
    rehearsal.file("sheet.csv", sheet);
    rehearsal.json(["import", "sheet.csv", "nimble:fields", "--yes"]).expect(code)
}

#[test]
fn fields_are_exported_one_a_modifier_and_go_back_unchanged() {
    for era in ERAS {
        let rehearsal = Rehearsal::new(era);
        let fields = fields(&rehearsal);
        let emails = fields.iter().filter(|field| field["name"] == json!("email"));
        let modifiers: Vec<_> = emails.map(|field| field["modifier"].clone()).collect();
        assert_eq!(modifiers, ["work", "personal", "other"], "{era}");
        let status = fields.iter().find(|field| field["name"] == json!("lead status")).unwrap();
        assert_eq!(status["type"], json!("option"));
        assert_eq!(status["choices"], json!(["1=Open", "2=Contacted", "3=Qualified", "4=Unqualified"]));
        rehearsal.json(["export", "nimble:fields", "-o", "fields.csv"]).expect(0);
        let out = rehearsal.json(["import", "fields.csv", "nimble:fields", "--yes"]).expect(0);
        assert_eq!(out.count("unchanged"), fields.len() as u64, "{era}: {}", out.transcript());
        assert_eq!(rehearsal.writes_since(0).len(), 0);
    }
}

#[test]
fn a_field_is_made_renamed_given_a_choice_used_and_deleted() {
    for era in ERAS {
        let rehearsal = Rehearsal::new(era);
        let sheet = "name,type,group,choices\nMember no,text,Club,\nPlan,option,Club,Gold;Silver\n";
        let out = import(&rehearsal, sheet, 0);
        assert_eq!(out.count("created"), 2, "{era}: {}", out.transcript());
        assert_eq!(of(&rehearsal, "Plan", "choices"), json!(["1=Gold", "2=Silver"]), "{era}");
        assert_eq!(of(&rehearsal, "Member no", "group"), json!("Club"), "{era}");
        assert_eq!(of(&rehearsal, "Plan", "group"), json!("Club"), "{era}");

        let id = of(&rehearsal, "Plan", "_id").as_str().unwrap().to_owned();
        let out = import(&rehearsal, &format!("_id,name,choices\n{id},Tariff,1=Gold;2=Silver;Bronze\n"), 0);
        assert_eq!(out.count("updated"), 1, "{era}: {}", out.transcript());
        assert_eq!(of(&rehearsal, "Tariff", "choices"), json!(["1=Gold", "2=Silver", "3=Bronze"]), "{era}");
        assert_eq!(of(&rehearsal, "Plan", "_id"), Value::Null);

        rehearsal.file("people.csv", "first name,Tariff,Member no\nAda,Bronze,7\n");
        let out = rehearsal.json(["import", "people.csv", "nimble:contacts", "--yes"]).expect(0);
        assert_eq!(out.count("created"), 1, "{era}: {}", out.transcript());
        rehearsal.ferry(["export", "nimble:contacts", "-o", "back.jsonl"]).expect(0);
        assert!(rehearsal.read("back.jsonl").contains("Bronze"), "{era}");

        rehearsal.file("gone.csv", format!("_id\n{id}\n"));
        let out = rehearsal.json(["delete", "gone.csv", "nimble:fields", "--yes"]).expect(1);
        assert_eq!(out.count("failed"), 1, "{era}: contacts have values in it: {}", out.transcript());
        let contacts = rehearsal.contacts();
        let contact = contacts[0]["id"].as_str().unwrap();
        rehearsal.service("DELETE", &format!("/contact/{contact}"), &json!({}));
        let out = rehearsal.json(["delete", "gone.csv", "nimble:fields", "--yes"]).expect(0);
        assert_eq!(out.count("deleted"), 1, "{era}: {}", out.transcript());
        assert_eq!(of(&rehearsal, "Tariff", "_id"), Value::Null);
    }
}

#[test]
fn what_cannot_be_made_is_rejected_before_anything_is_sent() {
    let rehearsal = Rehearsal::new("");
    let out = import(&rehearsal, "name,type\nExternal id,text\nX,blob\n,text\nfirst name,text\n", 1);
    assert_eq!(out.count("rejected"), 4, "{}", out.transcript());
    assert_eq!(rehearsal.writes_since(0).len(), 0);
}

#[test]
fn a_field_whose_answer_was_lost_is_made_once() {
    for era in ERAS {
        let rehearsal = Rehearsal::new(era);
        rehearsal.faults("[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\nat = [1, 2, 3]\n");
        let out = import(&rehearsal, "name,group\nOne,Club\nTwo,Club\n", 0);
        assert_eq!(out.count("created"), 2, "{era}: {}", out.transcript());
        let names =
            fields(&rehearsal).iter().filter(|field| field.get("group") == Some(&json!("Club"))).count();
        assert_eq!(names, 2, "{era}");
    }
}

#[test]
fn a_user_without_the_permission_is_told_so() {
    let rehearsal = Rehearsal::new("[nimble]\nmanage_fields = false\n");
    let out = import(&rehearsal, "name\nOne\nTwo\n", 5);
    assert!(out.stderr.contains("Nimble forbids it"), "{}", out.transcript());
}

const MAPPING: &str = r#"
[mapping]
source = "people.csv"
target = "nimble:contacts"

[[field]]
to = "first name"
from = "name"

[[field]]
to = "Member no"
from = "no"

[[field]]
to = "Plan"
from = "plan"
do = [{ lookup = { table = { a = "Gold", b = "Silver" } } }]
"#;

#[test]
fn the_fields_that_a_mapping_needs_are_shown_then_made_and_then_used() {
    for era in ERAS {
        let rehearsal = Rehearsal::new(era);
        rehearsal.file("m.toml", MAPPING);
        rehearsal.file("people.csv", "name,no,plan\nAda,7,b\n");
        let args = ["discover", "nimble:contacts", "--create-fields", "-m", "m.toml"];
        let shown = rehearsal.ferry([&args[..], &["-n"]].concat()).expect(0);
        assert!(
            shown.stderr.contains("Member no") || shown.stdout.contains("Member no"),
            "{}",
            shown.transcript()
        );
        rehearsal.ferry(args).expect(2);
        assert_eq!(rehearsal.writes_since(0).len(), 0);
        let out = rehearsal.json([&args[..], &["--yes"]].concat()).expect(0);
        assert_eq!(out.count("created"), 2, "{era}: {}", out.transcript());
        assert_eq!(of(&rehearsal, "Plan", "choices"), json!(["1=Gold", "2=Silver"]), "{era}");
        let again = rehearsal.ferry([&args[..], &["--yes"]].concat()).expect(0);
        assert!(again.stderr.contains("has every field"), "{}", again.transcript());
        let args = ["import", "people.csv", "nimble:contacts", "-m", "m.toml", "--mode", "create", "--yes"];
        let out = rehearsal.json(args).expect(0);
        assert_eq!(out.count("created"), 1, "{era}: {}", out.transcript());
    }
}

#[test]
fn a_name_that_is_nearly_anothers_is_taken_for_a_mistake() {
    let rehearsal = Rehearsal::new("");
    let args = ["discover", "nimble:contacts", "--create-fields", "-m", "m.toml", "-n"];
    for (to, forced) in [("frist name", 0), ("email[fax]", 2), ("_tag", 2)] {
        rehearsal.file("m.toml", format!("[[field]]\nto = \"{to}\"\nfrom = \"x\"\n"));
        let out = rehearsal.ferry(args).expect(2);
        assert!(out.stderr.contains("m.toml:"), "{to}: {}", out.transcript());
        rehearsal.ferry([&args[..], &["--force"]].concat()).expect(forced);
    }
}
