//! Notes of contacts.

use serde_json::{Value, json};

use super::Account;
use crate::sim::exchange::Service;

const UNKNOWN: &str = "64b0c0ffee00000000000001";

fn write(account: &mut Account, contacts: &[&str], text: &str) -> String {
    account.now_ms += 1000;
    let body = json!({"contact_ids": contacts, "note": text, "note_preview": text});
    let (status, note) = account.call("POST", "/contacts/notes", body);
    assert_eq!(status, 201, "{note}");
    note["id"].as_str().unwrap().to_owned()
}

fn texts(list: &Value) -> Vec<&str> {
    list["resources"].as_array().unwrap().iter().map(|note| note["note"].as_str().unwrap()).collect()
}

#[test]
fn a_note_is_created_shown_replaced_and_deleted() {
    let mut account = Account::new(json!({}));
    let ada = account.person(json!({
        "title": [{"value": "CEO"}], "email": [{"value": "a@x.example", "modifier": "work"}],
        "phone": [{"value": "111", "modifier": "work"}],
    }));
    let bob = account.person(json!({}));
    let encoded = "%3Cfont%3Etext%3C%2Ffont%3E";
    let id = write(&mut account, &[&ada, &bob], encoded);
    let (status, note) = account.get(&format!("/contacts/notes/{id}"));
    assert_eq!(status, 200);
    let contact = json!({"id": ada, "name": "Ada", "contact_type": "person", "title": "CEO", "subtitle": "CEO",
        "email": ["a@x.example"], "phones": [{"label": "work", "value": "111"}], "avatar_url": null});
    assert_eq!(note["contacts"][0], contact);
    assert_eq!((&note["note"], &note["author_name"]), (&json!(encoded), &json!("Sim User")));
    assert_eq!(note["created"], "2026-09-21T14:13:21+0000");
    assert!(note.get("owner").is_none() && note.get("updated").is_none());

    let path = format!("/contacts/notes/{id}");
    let body = json!({"contact_ids": [bob], "note": "new", "note_preview": "n"});
    let (status, note) = account.call("PUT", &path, body);
    assert_eq!((status, &note["note"], &note["id"]), (200, &json!("new"), &json!(id)));
    assert_eq!(account.get(&format!("/contact/{ada}/notes")).1["meta"]["total"], 0);
    assert_eq!(texts(&account.get(&format!("/contact/{bob}/notes")).1), ["new"]);
    assert_eq!(account.call("DELETE", &path, json!({})), (200, json!({"id": id})));
    let gone = (404, json!({"object_type": "note", "object_id": id}));
    assert_eq!(account.get(&path), gone);
    assert_eq!(account.call("DELETE", &path, Value::Null), gone);
}

#[test]
fn notes_are_listed_newest_first_five_on_a_page_under_both_paths() {
    let mut account = Account::new(json!({}));
    let ada = account.person(json!({}));
    for number in 0..6 {
        write(&mut account, &[&ada], &format!("note {number}"));
    }
    for path in ["contact", "contacts"] {
        let (status, list) = account.get(&format!("/{path}/{ada}/notes"));
        assert_eq!((status, texts(&list)), (200, vec!["note 5", "note 4", "note 3", "note 2", "note 1"]));
        assert_eq!(list["meta"], json!({"page": 1, "pages": 2, "per_page": 5, "total": 6}));
        assert_eq!(texts(&account.get(&format!("/{path}/{ada}/notes?page=2")).1), ["note 0"]);
        assert!(texts(&account.get(&format!("/{path}/{ada}/notes?page=3")).1).is_empty());
        assert_eq!(account.get(&format!("/{path}/{ada}/notes?per_page=x")).0, 409);
        assert_eq!(account.get(&format!("/{path}/{UNKNOWN}/notes")).1["resources"], json!([]));
    }
    let mut account = Account::new(json!({"notes_path": "contacts", "missing_contact": "404"}));
    let ada = account.person(json!({}));
    assert_eq!(account.get(&format!("/contact/{ada}/notes")).0, 404);
    assert_eq!(account.get(&format!("/contacts/{ada}/notes")).0, 200);
    let (status, answer) = account.get(&format!("/contacts/{UNKNOWN}/notes"));
    assert_eq!((status, &answer["object_type"]), (404, &json!("contact")));
}

#[test]
fn notes_the_reference_does_not_allow_are_refused() {
    let mut account = Account::new(json!({}));
    let many = account.people(11);
    let id = write(&mut account, &[&many[0]], "kept");
    for body in [
        json!({"contact_ids": [], "note": "a", "note_preview": "a"}),
        json!({"contact_ids": many, "note": "a", "note_preview": "a"}),
        json!({"contact_ids": [UNKNOWN], "note": "a", "note_preview": "a"}),
        json!({"contact_ids": ["x"], "note": "a", "note_preview": "a"}),
        json!({"contact_ids": [many[0]], "note": "a"}),
        json!({"contact_ids": [many[0]], "note_preview": "a"}),
        json!({"note": "a", "note_preview": "a"}),
    ] {
        for (method, path) in [("POST", "/contacts/notes"), ("PUT", &*format!("/contacts/notes/{id}"))] {
            let (status, answer) = account.call(method, path, body.clone());
            assert_eq!((status, answer["code"].as_i64()), (409, Some(245)), "{method} {body}");
        }
    }
    let body = json!({"contact_ids": many[..10], "note": "a", "note_preview": ""});
    assert_eq!(account.call("POST", "/contacts/notes", body).0, 201);
    assert_eq!(account.get(&format!("/contacts/notes/{id}")).1["note"], "kept");
    assert_eq!(account.get("/contacts/notes/xyz").0, 409);
    let body = json!({"note": "a", "note_preview": "a"});
    assert_eq!(account.call("POST", &format!("/contacts/{}/notes", many[0]), body).0, 404);
}

#[test]
fn a_deleted_contact_takes_its_own_notes_along_and_leaves_shared_ones() {
    let mut account = Account::new(json!({}));
    let (ada, bob) = (account.person(json!({})), account.person(json!({})));
    let own = write(&mut account, &[&ada], "own");
    let shared = write(&mut account, &[&ada, &bob], "shared");
    account.call("DELETE", &format!("/contact/{ada}"), Value::Null);
    assert_eq!(account.get(&format!("/contacts/notes/{own}")).0, 404);
    let (_, note) = account.get(&format!("/contacts/notes/{shared}"));
    assert_eq!(note["contacts"].as_array().unwrap().len(), 1);
    assert_eq!(account.get(&format!("/contact/{ada}/notes")).1["resources"], json!([]));
}

#[test]
fn the_current_profile_has_further_forms_and_keys() {
    let mut account = Account::new(json!({"profile": "current"}));
    let body = json!({"record_type": "person", "fields": {"first name": [{"value": "Ada"}]}});
    let ada = account.call("POST", "/contact", body).1["id"].as_str().unwrap().to_owned();
    let text = json!({"note": "a", "note_preview": "a"});
    let (status, note) = account.call("POST", &format!("/contacts/{ada}/notes"), text.clone());
    assert_eq!(
        (status, &note["owner"]["email"], &note["is_viewable"]),
        (201, &json!("sim@example.org"), &json!(true))
    );
    assert!(note["updated"].is_string() && note["contacts"][0]["employment"].is_object());
    assert_eq!(account.call("POST", &format!("/contacts/{UNKNOWN}/notes"), text).0, 404);
    let given = json!({"contact_ids": [ada], "note": "given", "note_preview": "given"});
    let path = format!("/contacts/notes/{UNKNOWN}");
    assert_eq!(account.call("POST", &path, given.clone()).1["id"], UNKNOWN);
    let (status, answer) = account.call("POST", &path, given);
    assert_eq!((status, answer["errors"]["/"]["message"].is_string()), (409, true));
    let (_, list) = account.get(&format!("/contacts/{ada}/notes?per_page=1"));
    assert_eq!(list["meta"]["has_more"], true);
    assert_eq!(account.get(&format!("/contacts/{ada}/notes?per_page=1&page=2")).1["meta"]["has_more"], false);
}

#[test]
fn notes_are_seeded_generated_and_kept_in_snapshots() {
    let mut account = Account::new(json!({}));
    let ada = account.person(json!({}));
    let seeds =
        json!([{"contact_ids": [ada], "note": "old", "created": "2020-01-01T00:00:00Z", "author": 1}]);
    let (status, ids) = account.admin("POST", "/notes", &seeds);
    assert_eq!((status, ids.as_array().map(Vec::len)), (200, Some(1)));
    let (_, list) = account.get(&format!("/contact/{ada}/notes"));
    assert_eq!(list["resources"][0]["created"], "2020-01-01T00:00:00+0000");
    assert_eq!(list["resources"][0]["author_name"], "Other User");
    let wrong = json!([{"contact_ids": [UNKNOWN], "note": "x"}]);
    assert_eq!(account.admin("POST", "/notes", &wrong).0, 400);

    account.nimble.generate(200, 1, account.now_ms);
    let notes = account.admin("GET", "/notes", &Value::Null).1;
    let notes = notes.as_array().unwrap();
    assert!(notes.len() > 20 && notes.len() < 200, "{}", notes.len());
    let encoded = |note: &&Value| note["note"].as_str().unwrap().starts_with("%3Cfont");
    assert!((1..notes.len() / 2).contains(&notes.iter().filter(encoded).count()));
    let snapshot = account.nimble.snapshot();
    let mut other = Account { now_ms: account.now_ms, ..Account::new(json!({})) };
    other.nimble.restore(&snapshot).unwrap();
    assert_eq!(other.nimble.snapshot(), snapshot);
    assert_eq!(other.admin("GET", "/notes", &Value::Null).1.as_array().unwrap(), notes);
    let first = write(&mut other, &[&ada], "after");
    assert!(!notes.iter().any(|note| note["id"] == json!(first)));
}
