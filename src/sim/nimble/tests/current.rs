//! What the service's current description has otherwise.

use serde_json::{Value, json};

use super::{Account, shown};
use crate::sim::exchange::Service;

fn current(extra: Value) -> Account {
    let mut knobs = extra;
    knobs["profile"] = json!("current");
    Account::new(knobs)
}

impl Account {
    fn ada(&mut self, fields: Value) -> Value {
        let mut fields = fields;
        fields["first name"] = json!([{"value": "Ada"}]);
        let (status, contact) = self.call(
            "POST",
            "/contact",
            json!({"record_type": "person", "fields": fields, "tags": "vip,old"}),
        );
        assert_eq!(status, 200, "{contact}");
        contact
    }
}

#[test]
fn contacts_carry_the_newer_keys() {
    let mut account = current(json!({}));
    let employment = json!([{"value": "{\"company_name\":\"Globex\",\"title\":\"CEO\"}"}]);
    let contact = account
        .ada(json!({"parent company": [{"value": "Acme"}], "contact employment": employment,
        "email": [{"value": "a@x.example", "modifier": "work"}]}));
    assert_eq!((&contact["tags"], &contact["tags2"]), (&json!(["vip", "old"]), &json!(["vip", "old"])));
    let company = contact["fields"]["parent company"][0]["extra_value"].clone();
    let employers = json!([{"company_name": "Acme", "contact_id": company},
                           {"company_name": "Globex", "contact_id": null}]);
    assert_eq!(contact["employers_info"], employers);
    assert_eq!(
        (&contact["is_editable"], &contact["creator_id"]),
        (&json!(true), &json!("5f0000000000000000000001"))
    );
    for key in
        ["privacy", "contexts", "files", "stages_info", "lc", "notice", "reminders", "last_contacted_user"]
    {
        assert!(contact.get(key).is_some(), "{key}");
    }
    let email = &contact["fields"]["email"][0];
    let metadata = account.get("/contacts/metadata").1;
    assert_eq!(email["field_id"], metadata["fields"]["email"][0]["id"]);
    assert_eq!(email["is_primary"], false);
    let id = contact["id"].as_str().unwrap();
    let (status, answer) = account.get(&format!("/contact?id={id}&fields=email&tags=0&fields=first name"));
    assert_eq!(status, 200);
    let contact = &answer["resources"][0];
    assert!(contact.get("tags").is_none() && contact.get("tags2").is_none());
    assert_eq!(contact["fields"].as_object().unwrap().len(), 2);
}

#[test]
fn owners_and_marks_are_set_and_wrong_ones_refused() {
    let mut account = current(json!({}));
    let body = |owner: Value| json!({"record_type": "person", "fields": {"first name": [{"value": "A"}]}, "owner_id": owner});
    assert_eq!(account.call("POST", "/contact", body(json!(null))).1["owner_id"], json!(null));
    let other = json!("5f0000000000000000000002");
    assert_eq!(account.call("POST", "/contact", body(other.clone())).1["owner_id"], other);
    assert_eq!(account.call("POST", "/contact", body(json!("x"))).0, 409);
    let id = account.ada(json!({}))["id"].as_str().unwrap().to_owned();
    let (status, contact) =
        account.call("PUT", &format!("/contact/{id}?type=0"), json!({"is_important": true}));
    assert_eq!((status, &contact["is_important"]), (200, &json!(true)));
    let (status, contact) = account.call("PUT", &format!("/contacts/{id}/tags"), json!({"tags": ["new"]}));
    assert_eq!((status, &contact["tags"], &contact["id"]), (200, &json!(["new"]), &json!(id)));
}

#[test]
fn newer_fields_and_privacy_are_there_and_older_paths_are_not() {
    let mut account = current(json!({}));
    let contact =
        account.ada(json!({"instagram": [{"value": "ada"}], "muck rack": [{"value": "a"}, {"value": "b"}]}));
    assert_eq!(shown(&contact, "muck rack"), ["=a", "=b"]);
    let seeded = account.seed(json!({"record_type": "person",
        "fields": {"first name": "Eve", "discovered gender": "female"}}));
    assert_eq!(shown(&account.contact(&seeded), "discovered gender"), ["=female"]);
    let metadata = account.get("/contacts/metadata").1;
    assert_eq!(metadata["fields"]["tiktok"][0]["group"], "Contact Info");
    assert_eq!(metadata["fields"]["discovered age range"][0]["read_only"], true);
    let ids = |metadata: &Value| metadata["fields"]["External ID"][0]["id"].clone();
    let mut before = Account::new(json!({}));
    assert_eq!(
        ids(&before.get("/contacts/metadata").1),
        ids(&metadata),
        "ids are the same in either profile"
    );
    assert!(before.get("/contacts/metadata").1["fields"].get("tiktok").is_none());

    let user = "5f0000000000000000000002";
    let body = |privacy: &Value| json!({"record_type": "person", "fields": {"first name": [{"value": "A"}]}, "privacy": privacy});
    let privacy = json!({"read": null, "edit": {"user_ids": [user], "group_ids": []}});
    let (_, contact) = account.call("POST", "/contact", body(&privacy));
    assert_eq!(contact["privacy"], privacy);
    let mut other = current(json!({}));
    other.nimble.restore(&account.nimble.snapshot()).unwrap();
    assert_eq!(other.contact(contact["id"].as_str().unwrap())["privacy"], privacy);
    for wrong in
        [json!("private"), json!({"edit": "me"}), json!({"edit": {"user_ids": ["me"]}}), json!({"see": null})]
    {
        assert_eq!(account.call("POST", "/contact", body(&wrong)).0, 409, "{wrong}");
    }

    let task = json!({"subject": "Call Ada"});
    for (method, path, body) in [
        ("GET", "/company/users", Value::Null),
        ("POST", "/activities/task", task),
        ("DELETE", "/contacts/list?keyword=nobody", Value::Null),
    ] {
        assert_eq!(account.call(method, path, body.clone()).0, 404, "{method} {path}");
        assert_eq!(before.call(method, path, body).0, 200, "{method} {path}");
    }
}

#[test]
fn the_main_value_is_marked_and_unmarked() {
    let mut account = current(json!({}));
    let phones = json!([{"value": "1", "modifier": "work"}, {"value": "2", "modifier": "home"},
                        {"value": "3", "modifier": "work"}]);
    let contact = account.ada(json!({"phone": phones}));
    let id = contact["id"].as_str().unwrap();
    let work = contact["fields"]["phone"][0]["field_id"].clone();
    let path = format!("/contact/{id}/field");
    let marks = |account: &mut Account| -> Vec<bool> {
        let phones = account.contact(id)["fields"]["phone"].clone();
        phones.as_array().unwrap().iter().map(|phone| phone["is_primary"].as_bool().unwrap()).collect()
    };
    assert_eq!(account.call("PUT", &path, json!({"field_id": work, "position": 1})), (200, Value::Null));
    // Values of one modifier stand together: the position counts within it.
    assert_eq!(marks(&mut account), [false, true, false]);
    assert_eq!(account.call("PUT", &path, json!({"field_id": work, "position": 0})).0, 200);
    assert_eq!(marks(&mut account), [true, false, false]);
    let snapshot = account.nimble.snapshot();
    let mut other = current(json!({}));
    other.nimble.restore(&snapshot).unwrap();
    assert_eq!(marks(&mut other), [true, false, false]);
    assert_eq!(account.call("DELETE", &path, json!({"field_id": work, "position": 0})).0, 200);
    assert_eq!(marks(&mut account), [false, false, false]);
    let (status, answer) = account.call("PUT", &path, json!({"field_id": work, "position": 2}));
    assert_eq!((status, answer), (404, json!({"object_type": "contact field", "object_id": work})));
    assert_eq!(account.call("PUT", &path, json!({"position": 0})).0, 409);
    assert_eq!(Account::new(json!({})).call("PUT", &path, json!({})).0, 404);
}

#[test]
fn refusals_have_paths_in_the_place_of_fields() {
    let mut account = current(json!({"contact_quota": 1}));
    let (status, answer) =
        account.call("POST", "/contact", json!({"record_type": "person", "fields": {"odd/name": []}}));
    assert_eq!((status, &answer["message"]), (409, &json!("Validation errors")));
    assert!(answer["errors"]["/fields/odd~1name"]["message"].is_string(), "{answer}");
    assert!(answer["human_readable_error"].is_string() && answer["extra"].is_array());
    let (_, answer) = account.get("/contacts?page=0");
    assert_eq!(answer["errors"]["/"]["message"], answer["message"]);
    account.ada(json!({}));
    let body = json!({"record_type": "person", "fields": {"first name": [{"value": "B"}]}});
    let (status, answer) = account.call("POST", "/contact", body);
    assert_eq!((status, &answer["extra_usage"]["resources"][0]["amount"]), (402, &json!(1)));
    assert!(answer.get("message").is_none() && answer.get("code").is_none());
    let mut mixed = Account::new(json!({"error_shape": "object", "auth_status": 403, "extra_keys": true}));
    assert!(mixed.get("/contacts?page=0").1["errors"]["/"].is_object());
}

#[test]
fn contacts_that_privacy_protects_stay_as_they_are() {
    let mut account = current(json!({}));
    account.ada(json!({}));
    let locked =
        account.seed(json!({"record_type": "person", "fields": {"first name": "Eve"}, "is_editable": false}));
    let path = format!("/contact/{locked}");
    assert_eq!(account.contact(&locked)["is_editable"], false);
    assert_eq!(account.call("PUT", &path, json!({"avatar_url": "x"})).0, 403);
    assert_eq!(account.call("DELETE", &path, Value::Null).0, 403);
    assert_eq!(account.call("PUT", &format!("/contacts/{locked}/tags"), json!({"tags": ["x"]})).0, 403);
    let (status, answer) =
        account.call("DELETE", "/contacts?record_type=person&preflight_checks=true", Value::Null);
    assert_eq!((status, &answer["errors"][0]["type"]), (406, &json!("non_editable_contacts")));
    assert_eq!(answer["errors"][0]["total"], 1);
    assert_eq!(account.call("DELETE", "/contacts", Value::Null).0, 409);
    let (status, answer) = account.call("DELETE", "/contacts?record_type=person", Value::Null);
    assert_eq!((status, answer["data"]["ids"].as_array().map(Vec::len)), (200, Some(1)));
    assert!(answer["data"].get("push_data").is_some());
    assert!(!account.contact(&locked).is_null());
    for (first, last) in [("Ann", "Lee"), ("Ann", "Ray")] {
        account.seed(json!({"record_type": "person", "fields": {"first name": first, "last name": last}}));
    }
    let (_, answer) = account.call("DELETE", "/contacts?keyword=ann&keyword=ray", Value::Null);
    assert_eq!(answer["data"]["ids"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_missing_and_what_is_deleted_is_told_as_the_knobs_say() {
    let mut account = Account::new(json!({"missing_contact": "404", "delete_answer": "empty"}));
    let ids = account.people(2);
    assert_eq!(account.call("DELETE", &format!("/contact/{}", ids[0]), Value::Null), (200, Value::Null));
    let (status, answer) = account.get(&format!("/contact/{}", ids[0]));
    assert_eq!((status, answer), (404, json!({"object_type": "contact", "object_id": ids[0]})));
    assert_eq!(account.get(&format!("/contact/{},{}", ids[0], ids[1])).0, 200);
}

#[test]
fn a_contact_tells_when_it_was_last_contacted() {
    let mut account = Account::new(json!({}));
    let first = account.people(1).remove(0);
    let seed =
        |at: &str| json!({"record_type": "person", "fields": {"first name": "A"}, "last_contacted": at});
    let early = account.seed(seed("2026-01-01T00:00:00Z"));
    let late = account.seed(seed("2026-02-01T00:00:00Z"));
    assert_eq!(account.contact(&first)["last_contacted"]["tstamp"], json!(null));
    let contact = account.contact(&late);
    assert_eq!(contact["last_contacted"]["tstamp"], "2026-02-01T00:00:00+0000");
    assert_eq!(contact["last_contacted"]["object_id"].as_str().map(str::len), Some(36));
    assert_eq!(account.ids("sort=users last contacted:desc"), [late.clone(), early.clone(), first]);
    let query =
        r#"query={"company last contacted":{"range":{"start_date":"2026-01-01","end_date":"2026-01-31"}}}"#;
    assert_eq!(account.ids(query), std::slice::from_ref(&early));
    let mut account = current(json!({}));
    account.ada(json!({}));
    let late = account.seed(seed("2026-02-01T00:00:00Z"));
    assert_eq!(account.ids(r#"query={"user last contacted":{"is_empty":false}}"#), [late]);
}

#[test]
fn a_move_in_the_lists_changes_no_field() {
    let mut account = Account::new(json!({}));
    let ids = account.people(20);
    let before = account.contact(&ids[7]);
    account.now_ms += 1000;
    let mut moved = Vec::new();
    for seed in 0..10 {
        moved.push(account.nimble.drift(account.now_ms, seed, "resort").unwrap());
    }
    let after = account.ids("per_page=100");
    assert_ne!(after, ids);
    assert!(moved.contains(&after[0]) || moved.contains(&after[19]));
    let mut sorted = after.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ids);
    assert_eq!(shown(&account.contact(&ids[7]), "first name"), shown(&before, "first name"));
    assert_eq!(account.ids("sort=created:asc&per_page=100"), ids);
    let last = account.ids("sort=updated:desc&per_page=1").remove(0);
    assert!(moved.contains(&last));
    account.call("DELETE", &format!("/contact/{last}"), Value::Null);
    assert_eq!(account.ids("per_page=100").len(), 19);
}
