//! Contacts: create, read, update, delete, lists and searches.

use serde_json::{Value, json};

use super::{Account, NOW, shown};
use crate::sim::exchange::Service;

#[test]
fn a_created_contact_has_the_documented_keys() {
    let mut account = Account::new(json!({}));
    let body = json!({
        "record_type": "person", "avatar_url": "https://x.example/a.png", "tags": r"our customers,best\,premium",
        "fields": {"first name": [{"value": "Ada", "modifier": ""}],
                   "phone": [{"value": "111", "modifier": "work"}, {"value": "222", "modifier": "work"}]},
    });
    let (status, contact) = account.call("POST", "/contact", body);
    assert_eq!(status, 201);
    let mut keys: Vec<&str> = contact.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "avatar_url",
            "children",
            "company_last_contacted",
            "created",
            "creator",
            "fields",
            "id",
            "is_important",
            "last_contacted",
            "object_type",
            "owner_id",
            "record_type",
            "reminder",
            "tags",
            "updated",
            "updater"
        ]
    );
    assert_eq!(shown(&contact, "phone"), ["work=111", "work=222"]);
    assert_eq!(shown(&contact, "source"), ["=m"]);
    assert_eq!(contact["tags"][1]["tag"], "best,premium");
    assert_eq!(contact["created"], "2026-09-21T14:13:20+0000");
    assert_eq!(&contact["id"].as_str().unwrap()[..8], "6ab13b80");
    assert_eq!(contact["fields"]["first name"][0]["label"], "first name");
}

#[test]
fn bodies_the_reference_does_not_allow_are_refused_whole() {
    let mut account = Account::new(json!({}));
    let name = json!([{"value": "Ada"}]);
    for (body, field) in [
        (json!({"fields": {"first name": name}}), ""),
        (json!({"record_type": "robot", "fields": {"first name": name}}), ""),
        (json!({"record_type": "person"}), ""),
        (json!({"record_type": "person", "fields": {}}), "first name"),
        (json!({"record_type": "person", "fields": {"first name": [{"value": " "}]}}), "first name"),
        (json!({"record_type": "company", "fields": {"title": name}}), "company name"),
        (json!({"record_type": "company", "fields": {"company name": name, "last name": name}}), "last name"),
        (
            json!({"record_type": "person", "fields": {"first name": name, "domain": [{"value": "a.example"}]}}),
            "domain",
        ),
        (json!({"record_type": "person", "fields": {"first name": name, "shoe size": name}}), "shoe size"),
        (json!({"record_type": "person", "fields": {"first name": name, "email": name}}), "email"),
        (
            json!({"record_type": "person", "fields": {"first name": [{"value": "A"}, {"value": "B"}]}}),
            "first name",
        ),
        (
            json!({"record_type": "person", "fields": {"first name": name, "rating": [{"value": 3}]}}),
            "rating",
        ),
        (json!({"record_type": "person", "fields": {"first name": name}, "tags": "a,b,c,d,e,f"}), ""),
        (json!({"record_type": "person", "fields": {"first name": name}, "tags": ["a"]}), ""),
    ] {
        let (status, answer) = account.call("POST", "/contact", body.clone());
        assert_eq!((status, answer["code"].as_i64()), (409, Some(245)), "{body}");
        if !field.is_empty() {
            assert_eq!(answer["message"], "Validation errors");
            assert!(answer["errors"][field][0]["message"].is_string(), "{answer}");
        }
    }
    assert_eq!(
        account.get("/contacts").1["meta"],
        json!({"page": 1, "pages": 0, "per_page": 30, "total": 0})
    );
}

#[test]
fn updates_merge_by_field_and_modifier() {
    let mut account = Account::new(json!({}));
    let id = account.person(
        json!({"email": [{"value": "w@x", "modifier": "work"}, {"value": "p@x", "modifier": "personal"}]}),
    );
    let update = json!({"fields": {"email": [{"value": "n@x", "modifier": "personal"}]}});
    let put = |account: &mut Account, query: &str, body: &Value| {
        account.call("PUT", &format!("/contact/{id}{query}"), body.clone())
    };
    account.now_ms += 5000;
    let (status, contact) = put(&mut account, "", &update);
    assert_eq!(status, 200);
    assert_eq!(shown(&contact, "email"), ["work=w@x", "personal=n@x"]);
    assert_eq!(
        (contact["updater"].as_str(), contact["updated"].as_str()),
        (Some("Sim User"), Some("2026-09-21T14:13:25+0000"))
    );
    for query in ["?replace=1", "?type=1", "?replace=0&type=true"] {
        let (_, contact) = put(&mut account, query, &update);
        assert_eq!(shown(&contact, "email"), ["personal=n@x"], "{query}");
        assert_eq!(shown(&contact, "first name"), ["=Ada"]);
    }
    let nameless = json!({"fields": {"first name": [{"value": null}], "title": [{"value": "Dr"}]}});
    let (status, answer) = put(&mut account, "", &nameless);
    assert_eq!((status, answer["errors"]["first name"].is_array()), (409, true));
    assert!(shown(&account.contact(&id), "title").is_empty());
    assert_eq!(put(&mut account, "", &json!({})).0, 409);
    assert_eq!(put(&mut account, "?replace=2", &update).0, 409);
    let unknown = "64b0c0ffee00000000000001";
    let (status, answer) = account.call("PUT", &format!("/contact/{unknown}"), update);
    assert_eq!((status, answer), (404, json!({"object_type": "contact", "object_id": unknown})));
}

#[test]
fn parent_companies_are_found_by_name_or_made() {
    let mut account = Account::new(json!({}));
    let ada = account.person(json!({"parent company": [{"value": "Acme"}]}));
    let bob = account.person(json!({"parent company": [{"value": "ACME"}]}));
    let companies = account.ids("record_type=company");
    assert_eq!(companies.len(), 1);
    assert_eq!(account.contact(&ada)["fields"]["parent company"][0]["extra_value"], json!(companies[0]));
    assert_eq!(account.contact(&companies[0])["children"], json!([ada, bob]));
    account.call(
        "PUT",
        &format!("/contact/{bob}"),
        json!({"fields": {"parent company": [{"value": "Other"}]}}),
    );
    assert_eq!(account.contact(&companies[0])["children"], json!([ada]));
    account.call("DELETE", &format!("/contact/{ada}"), Value::Null);
    assert_eq!(account.contact(&companies[0])["children"], json!([]));
    assert_eq!(account.get("/contacts").1["meta"]["total"], 3);
}

#[test]
fn a_domain_belongs_to_one_company() {
    let mut account = Account::new(json!({}));
    let company = |name: &str| json!({"record_type": "company", "fields": {"company name": [{"value": name}], "domain": [{"value": "acme.example"}]}});
    let (_, first) = account.call("POST", "/contact", company("Acme"));
    assert_eq!(account.call("POST", "/contact", company("Other")).0, 409);
    let id = first["id"].as_str().unwrap();
    assert_eq!(account.call("PUT", &format!("/contact/{id}"), company("Acme")).0, 200);
    account.call("DELETE", &format!("/contact/{id}"), Value::Null);
    assert_eq!(account.call("POST", "/contact", company("Other")).0, 201);
}

#[test]
fn lists_are_paged_sorted_and_narrowed() {
    let mut account = Account::new(json!({}));
    let ids = account.people(45);
    let (_, list) = account.get("/contacts?page=2");
    assert_eq!(list["meta"], json!({"page": 2, "pages": 2, "per_page": 30, "total": 45}));
    assert_eq!(list["resources"].as_array().unwrap().len(), 15);
    assert_eq!(account.get("/contacts/list?page=9").1["resources"], json!([]));
    assert_eq!(account.ids("sort=created:desc&per_page=2"), [ids[44].clone(), ids[43].clone()]);
    assert_eq!(account.ids("per_page=100"), ids);
    let (_, list) = account.get(r"/contacts?fields=email,%20first%20name&tags=0&per_page=1&nonsense=1");
    assert_eq!(list["resources"][0]["fields"].as_object().unwrap().len(), 1);
    assert!(list["resources"][0].get("tags").is_none());
    for query in [
        "per_page=101&sort=created:asc",
        "sort=created",
        "sort=email:asc",
        "sort=created:up",
        "page=0",
        "per_page=x",
        "record_type=robot",
        "tags=2",
        "keyword=ada&query=%7B%7D",
        "query=%7B%7D",
    ] {
        for path in ["/contacts", "/contacts/ids"] {
            let (status, answer) = account.get(&format!("{path}?{query}"));
            assert_eq!((status, answer["code"].as_i64()), (409, Some(245)), "{path}?{query}");
        }
    }
}

#[test]
fn lists_are_sorted_by_record_type() {
    let mut account = Account::new(json!({}));
    let person = account.person(json!({}));
    let company = account.seed(json!({"record_type": "company", "fields": {"company name": "Acme"}}));
    for (order, expected) in [("asc", [&company, &person]), ("desc", [&person, &company])] {
        let listed = account.ids(&format!("sort=record type:{order}"));
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{order}");
    }
}

#[test]
fn keywords_find_any_field_and_queries_find_one() {
    let mut account = Account::new(json!({}));
    account.people(3);
    let email = json!([{"value": "Zoë@Example.org", "modifier": "work"}]);
    let address = json!([{"value": "{\"city\":\"Łódź\",\"country\":\"Poland\"}", "modifier": "home"}]);
    let id = account.person(json!({"email": email, "address": address}));
    account.call("PUT", &format!("/contacts/{id}/tags"), json!({"tags": ["Très VIP"]}));
    for query in [
        "keyword=zoe@example.org",
        "keyword=LODZ",
        "keyword=tres",
        "keyword=example.org",
        r#"query={"email":{"is":"zoe@example.org"}}"#,
        r#"query={"and":[{"country":{"is":"poland"}},{"tag":{"is":"tres vip"}}]}"#,
        r#"query={"email":{"is_empty":false}}"#,
    ] {
        assert_eq!(account.ids(query), std::slice::from_ref(&id), "{query}");
    }
    assert_eq!(account.ids("keyword=ada").len(), 4);
    assert!(account.ids("keyword=nobody").is_empty());
}

#[test]
fn details_come_for_several_ids_and_deletes_name_what_is_gone() {
    let mut account = Account::new(json!({}));
    let ids = account.people(3);
    let unknown = "64b0c0ffee00000000000001";
    let (status, answer) = account.get(&format!("/contact/{},{unknown},{}?meta=1", ids[2], ids[0]));
    assert_eq!(status, 200);
    assert_eq!(answer["resources"].as_array().unwrap().len(), 2);
    assert!(answer["contacts_meta"]["fields"]["email"].is_array());
    assert_eq!(
        account.get(&format!("/contact?id={},{}", ids[0], ids[1])).1["resources"].as_array().unwrap().len(),
        2
    );
    assert_eq!(account.get("/contact/xyz").0, 409);
    let (status, answer) = account.call("DELETE", &format!("/contact/{},{unknown}", ids[0]), json!({}));
    assert_eq!((status, answer), (200, json!({"status": "ok", "data": {"ids": [ids[0]]}})));
    assert_eq!(account.get(&format!("/contact/{}", ids[0])), (200, json!({"resources": []})));
    assert_eq!(account.call("DELETE", &format!("/contact/{}", ids[0]), Value::Null).0, 404);
    assert_eq!(account.call("DELETE", "/contacts/list", Value::Null).0, 409);
    assert_eq!(account.call("DELETE", "/contacts/list?keyword=ada&limit=1", Value::Null).0, 200);
    assert_eq!(account.ids(""), [ids[2].clone()]);
}

#[test]
fn tags_are_replaced_as_a_whole() {
    let mut account = Account::new(json!({}));
    let id = account.person(json!({}));
    let many: Vec<String> = (0..9).map(|n| format!("tag, {n}")).collect();
    for path in ["contacts", "contact"] {
        let answer = account.call("PUT", &format!("/{path}/{id}/tags"), json!({"tags": many}));
        assert_eq!(answer, (200, json!({})));
    }
    assert_eq!(account.contact(&id)["tags"].as_array().unwrap().len(), 9);
    account.call("PUT", &format!("/contacts/{id}/tags"), json!({"tags": []}));
    assert_eq!(account.contact(&id)["tags"], json!([]));
    assert_eq!(account.call("PUT", &format!("/contacts/{id}/tags"), json!({"tags": "a"})).0, 409);
}

#[test]
fn knobs_turn_what_the_reference_leaves_open() {
    let mut account =
        Account::new(json!({"index_delay_ms": 500, "create_status": 200, "tags_style": "strings"}));
    let body = json!({"record_type": "person", "fields": {"first name": [{"value": "Ada"}]}, "tags": "vip"});
    let (status, contact) = account.call("POST", "/contact", body);
    assert_eq!((status, &contact["tags"]), (200, &json!(["vip"])));
    assert!(account.ids("").is_empty() && account.ids("keyword=ada").is_empty());
    assert!(account.contact(contact["id"].as_str().unwrap()).is_object());
    account.now_ms += 500;
    assert_eq!(account.ids("").len(), 1);

    let mut account = Account::new(json!({"max_per_page": 50, "per_page_over": "error", "contact_quota": 2}));
    assert_eq!(account.get("/contacts?per_page=51").0, 409);
    account.people(1);
    let body = json!({"record_type": "person", "fields": {"first name": [{"value": "Ada"}], "parent company": [{"value": "Acme"}]}});
    assert_eq!(account.call("POST", "/contact", body).1["code"], 108);

    let mut account =
        Account::new(json!({"max_per_page": 50, "sort_over_100": "ignore", "order": "updated"}));
    assert_eq!(account.get("/contacts?per_page=200&sort=created:asc").1["meta"]["per_page"], 50);
    let ids = account.people(2);
    account.now_ms += 1000;
    account.call("PUT", &format!("/contact/{}", ids[0]), json!({"avatar_url": null}));
    assert_eq!(account.ids(""), [ids[1].clone(), ids[0].clone()]);
}

#[test]
fn sorting_can_be_refused_or_ignored() {
    let mut account = Account::new(json!({"sort": "409"}));
    assert_eq!(account.get("/contacts?sort=created:asc").0, 409);
    assert_eq!(account.get("/contacts").0, 200);
    let mut account = Account::new(json!({"sort": "ignore"}));
    let ids = account.people(3);
    assert_eq!(account.ids("sort=created:desc&per_page=200"), ids);
}

#[test]
fn foreign_changes_are_made_in_another_name() {
    let mut account = Account::new(json!({}));
    assert_eq!(account.nimble.drift(NOW, 1, "delete"), None);
    let ids = account.people(2);
    let inserted = account.nimble.drift(account.now_ms, 2, "insert").unwrap();
    assert_eq!(account.contact(&inserted)["creator"], "Other User");
    let updated = account.nimble.drift(account.now_ms, 3, "update").unwrap();
    assert_eq!(account.contact(&updated)["updater"], "Other User");
    let deleted = account.nimble.drift(account.now_ms, 4, "delete").unwrap();
    assert!(account.contact(&deleted).is_null());
    assert_eq!(account.ids("").len(), ids.len());
}

#[test]
fn unsteady_orders_lose_and_double_nothing_within_one_answer() {
    for (order, ties) in
        [("created", "random"), ("updated", "replicas"), ("random", "random"), ("hash", "replicas")]
    {
        let mut account = Account::new(json!({"order": order, "tie_order": ties}));
        let mut ids: Vec<String> = (0..20).map(|_| account.person(json!({}))).collect();
        for query in ["per_page=100", "per_page=100&sort=created:asc", "per_page=100&sort=first name:desc"] {
            let mut listed = account.ids(query);
            listed.sort_unstable();
            ids.sort_unstable();
            assert_eq!(listed, ids, "{order} {query}");
        }
        let first = account.ids("per_page=100&sort=created:asc");
        assert!((0..50).any(|_| account.ids("per_page=100&sort=created:asc") != first));
    }
}

#[test]
fn seeded_contacts_keep_their_times_and_are_not_judged() {
    let mut account = Account::new(json!({}));
    let body = json!([
        {"record_type": "person", "fields": {"odd": "x", "parent company": "Acme"}, "created": "2020-01-01T00:00:00Z",
         "updated_ms": 1_600_000_000_000_i64, "tags": ["a", "b"], "owner": 1, "creator": "Other User"},
        {"record_type": "company", "fields": {"company name": ["Other"]}, "tags": "a"},
    ]);
    let ids = account.admin("POST", "/contacts", &body).1;
    let ids: Vec<&str> = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let contact = account.contact(ids[0]);
    assert_eq!(
        (contact["created"].as_str(), contact["updated"].as_str()),
        (Some("2020-01-01T00:00:00+0000"), Some("2020-09-13T12:26:40+0000"))
    );
    assert_eq!(
        (contact["creator"].as_str(), contact["owner_id"].as_str()),
        (Some("Other User"), Some("5f0000000000000000000002"))
    );
    assert_eq!(account.ids("record_type=company").len(), 2);
    let reply = account.admin("POST", "/contacts", &json!([{"record_type": "person", "feilds": {}}]));
    assert_eq!(reply, (400, json!("contact 1: unknown key `feilds`")));
    assert_eq!(account.admin("POST", "/knobs", &json!({"tags_style": "strings"})).0, 200);
    assert_eq!(account.admin("POST", "/knobs", &json!({"create_status": 200})).0, 200);
    assert_eq!(account.contact(ids[0])["tags"], json!(["a", "b"]));
    account.nimble.generate(50, 1, NOW);
    assert_eq!(account.get("/contacts").1["meta"]["total"], 53);
}

#[test]
fn wrong_paths_and_methods_are_404() {
    let mut account = Account::new(json!({}));
    let id = account.people(1).remove(0);
    for (method, path) in [
        ("GET", format!("/contacts/{id}")),
        ("PUT", format!("/contacts/{id}")),
        ("POST", "/contacts".into()),
        ("DELETE", format!("/contacts/{id}")),
        ("GET", "/contact/ids/x".into()),
        ("POST", "/myself".into()),
        ("GET", "/users".into()),
    ] {
        assert_eq!(account.call(method, &path, json!({})).0, 404, "{method} {path}");
    }
    let (_, users) = account.get("/company/users");
    assert!(users["users"].as_array().unwrap().iter().any(|user| user["is_active"] == json!(false)));
    assert_eq!(account.get("/myself").1["email"], "sim@example.org");
}

#[test]
fn a_snapshot_restores_the_same_account() {
    let mut account = Account::new(json!({}));
    let ids = account.people(3);
    account.call("DELETE", &format!("/contact/{}", ids[2]), Value::Null);
    account.person(json!({"parent company": [{"value": "Acme"}]}));
    let snapshot = account.nimble.snapshot();
    let mut other = Account { now_ms: account.now_ms, ..Account::new(json!({})) };
    other.nimble.restore(&snapshot).unwrap();
    assert_eq!(other.nimble.snapshot(), snapshot);
    assert_eq!(other.get("/contacts"), account.get("/contacts"));
    assert!(other.nimble.restore(&json!({"contacts": [{}], "ever": 1})).unwrap_err().contains("`slot`"));
}
