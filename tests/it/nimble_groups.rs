//! The groups and tabs that a Nimble account's fields are arranged in: read, made, renamed and deleted.

use serde_json::{Map, Value, json};

use crate::support::{Output, Rehearsal};

/// Scenarios in which the service speaks one generation of the metadata API.
const OLDER: &str = "[nimble]\nfields_api = \"legacy\"\n";
const NEWER: &str = "[nimble]\nfields_api = \"new\"\n";

/// What a stream of definitions holds, as an export shows it.
fn rows(rehearsal: &Rehearsal, stream: &str) -> Vec<Map<String, Value>> {
    rehearsal.json(["export", stream, "-o", "now.jsonl"]).expect(0);
    let text = rehearsal.read("now.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A column of the row of that name; null where there is no such row.
fn of(rehearsal: &Rehearsal, stream: &str, name: &str, column: &str) -> Value {
    let rows = rows(rehearsal, stream);
    let row = rows.iter().find(|row| row["name"] == json!(name));
    row.and_then(|row| row.get(column)).cloned().unwrap_or(Value::Null)
}

fn import(rehearsal: &Rehearsal, stream: &str, sheet: &str, code: i32) -> Output {
    rehearsal.file("sheet.csv", sheet);
    rehearsal.json(["import", "sheet.csv", stream, "--yes"]).expect(code)
}

fn delete(rehearsal: &Rehearsal, stream: &str, id: &Value, code: i32) -> Output {
    rehearsal.file("gone.csv", format!("_id\n{}\n", id.as_str().unwrap()));
    rehearsal.json(["delete", "gone.csv", stream, "--yes"]).expect(code)
}

#[test]
fn a_group_is_made_renamed_with_its_fields_kept_and_deleted_once_it_is_empty() {
    for era in [OLDER, NEWER] {
        let rehearsal = Rehearsal::new(era);
        let groups = "nimble:groups";
        let out = import(&rehearsal, groups, "name\nClub\nEmpty\n", 0);
        assert_eq!(out.count("created"), 2, "{era}: {}", out.transcript());
        import(&rehearsal, "nimble:fields", "name,group\nMember no,Club\nSince when,Club\n", 0);
        let before = of(&rehearsal, groups, "Club", "fields");
        assert_eq!(before.as_array().map(Vec::len), Some(2), "{era}: {before}");

        let id = of(&rehearsal, groups, "Club", "_id");
        rehearsal.file("sheet.csv", format!("_id,name\n{},Society\n", id.as_str().unwrap()));
        let plan = rehearsal.ferry(["import", "sheet.csv", groups, "-n"]).expect(0);
        assert!(plan.stdout.contains("Society") || plan.stderr.contains("Society"), "{}", plan.transcript());
        assert_eq!(of(&rehearsal, groups, "Society", "_id"), Value::Null, "only shown");
        let out = rehearsal.json(["import", "sheet.csv", groups, "--yes"]).expect(0);
        assert_eq!(out.count("updated"), 1, "{era}: {}", out.transcript());
        assert_eq!(of(&rehearsal, groups, "Society", "fields"), before, "{era}: in their order");
        assert_eq!(of(&rehearsal, groups, "Club", "_id"), Value::Null);

        let out = delete(&rehearsal, groups, &id, 1);
        assert!(failed_with(&rehearsal, "move or delete them first"), "{era}: {}", out.transcript());
        assert_eq!(out.count("failed"), 1, "{era}: {}", out.transcript());
        assert_eq!(of(&rehearsal, groups, "Society", "fields"), before, "{era}: nothing went with it");
        let empty = of(&rehearsal, groups, "Empty", "_id");
        let out = delete(&rehearsal, groups, &empty, 0);
        assert_eq!(out.count("deleted"), 1, "{era}: {}", out.transcript());
        assert_eq!(of(&rehearsal, groups, "Empty", "_id"), Value::Null);
    }
}

/// Whether the last run lists a row that failed for that reason.
fn failed_with(rehearsal: &Rehearsal, reason: &str) -> bool {
    let run = rehearsal.runs().pop().unwrap();
    let listed = std::fs::read_to_string(run.join("rejected.csv")).unwrap_or_default();
    listed.contains(reason)
}

#[test]
fn a_tab_is_made_renamed_and_deleted_where_the_account_has_tabs() {
    let rehearsal = Rehearsal::new(NEWER);
    let tabs = "nimble:tabs";
    let last = rows(&rehearsal, tabs).len();
    let out = import(&rehearsal, tabs, "name,for\nClub,person\nFirm,\n", 0);
    assert_eq!(out.count("created"), 2, "{}", out.transcript());
    let names: Vec<_> = rows(&rehearsal, tabs).iter().map(|tab| tab["name"].clone()).collect();
    assert_eq!(names.len(), last + 2, "{names:?}");
    assert_eq!(of(&rehearsal, tabs, "Club", "for"), json!("person"));
    assert_eq!(of(&rehearsal, tabs, "Firm", "for"), json!("both"));
    import(&rehearsal, "nimble:groups", "name,tab\nBoard,Club\n", 0);
    assert_eq!(of(&rehearsal, "nimble:groups", "Board", "tab"), json!("Club"));

    let id = of(&rehearsal, tabs, "Club", "_id");
    let out = import(&rehearsal, tabs, &format!("_id,name\n{},Society\n", id.as_str().unwrap()), 0);
    assert_eq!(out.count("updated"), 1, "{}", out.transcript());
    assert_eq!(of(&rehearsal, "nimble:groups", "Board", "tab"), json!("Society"));
    delete(&rehearsal, tabs, &id, 1);
    let board = of(&rehearsal, "nimble:groups", "Board", "_id");
    delete(&rehearsal, "nimble:groups", &board, 0);
    delete(&rehearsal, tabs, &id, 0);
    assert_eq!(of(&rehearsal, tabs, "Society", "_id"), Value::Null);
}

#[test]
fn tabs_of_an_account_without_them_are_refused_with_the_reason() {
    let rehearsal = Rehearsal::new(OLDER);
    rehearsal.file("sheet.csv", "name\nClub\n");
    rehearsal.file("gone.csv", "_id\n5a1c8e1f7a1b2c3d4e5f6071\n");
    for args in [
        vec!["export", "nimble:tabs", "-o", "tabs.csv"],
        vec!["import", "sheet.csv", "nimble:tabs", "--yes"],
        vec!["delete", "gone.csv", "nimble:tabs", "--yes"],
    ] {
        let out = rehearsal.ferry(&args).expect(2);
        assert!(out.stderr.contains("this account has no tabs"), "{args:?}: {}", out.transcript());
    }
    assert_eq!(rehearsal.writes_since(0).len(), 0);
}

#[test]
fn what_is_standard_stays_and_nothing_is_sent_for_it() {
    for (era, stream) in [(OLDER, "nimble:groups"), (NEWER, "nimble:tabs")] {
        let rehearsal = Rehearsal::new(era);
        let id = of(&rehearsal, stream, "Contact Info", "_id");
        let out = import(&rehearsal, stream, &format!("_id,name\n{},Mine\n", id.as_str().unwrap()), 1);
        assert_eq!(out.count("rejected"), 1, "{era}: {}", out.transcript());
        let out = delete(&rehearsal, stream, &id, 1);
        assert_eq!(out.count("deleted"), 0, "{era}: {}", out.transcript());
        assert_eq!(rehearsal.writes_since(0).len(), 0, "{era}");
    }
}

#[test]
fn a_group_whose_answer_was_lost_is_made_once_and_a_user_without_the_permission_is_told_so() {
    for era in [OLDER, NEWER] {
        let rehearsal = Rehearsal::new(era);
        rehearsal.faults("[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST,PUT\"\nat = [1, 2]\n");
        let out = import(&rehearsal, "nimble:groups", "name\nOne\nTwo\n", 0);
        assert_eq!(out.count("created"), 2, "{era}: {}", out.transcript());
        let made = rows(&rehearsal, "nimble:groups");
        let made = made.iter().filter(|group| ["One", "Two"].iter().any(|name| group["name"] == json!(name)));
        assert_eq!(made.count(), 2, "{era}");
    }
    let rehearsal = Rehearsal::new("[nimble]\nmanage_fields = false\n");
    let out = import(&rehearsal, "nimble:groups", "name\nOne\n", 5);
    assert!(out.stderr.contains("Nimble forbids it"), "{}", out.transcript());
}
