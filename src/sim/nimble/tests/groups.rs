//! The older definitions of fields.

use serde_json::{Value, json};

use super::{Account, shown};
use crate::sim::exchange::Service;

impl Account {
    fn metadata(&mut self) -> Value {
        self.get("/contacts/metadata").1
    }

    fn legacy_field(&mut self, name: &str, presentation: Value) -> Value {
        let group = self.metadata()["groups"]["Custom Fields"]["id"].clone();
        let body = json!({"name": name, "group_id": group, "presentation": presentation});
        let (status, field) = self.call("POST", "/contacts/metadata/fields", body);
        assert_eq!(status, 201, "{field}");
        field
    }
}

#[test]
fn each_field_and_modifier_is_an_entry_with_its_own_id() {
    let mut account = Account::new(json!({}));
    let metadata = account.metadata();
    let email = metadata["fields"]["email"].as_array().unwrap();
    assert_eq!(email.len(), 3);
    assert_eq!(email[1]["modifier"], "personal");
    assert_ne!(email[0]["id"], email[1]["id"]);
    assert_eq!(email[0]["id"].as_str().map(str::len), Some(24));
    assert_eq!(metadata["fields"]["lead status"][0]["presentation"]["next_id"], "5");
    assert_eq!(metadata["fields"]["contact employment"][0]["group"], "Personal Info");
    assert_eq!(metadata["groups"]["Custom Fields"]["order"][0], "External ID");
    assert_eq!(metadata["groups"]["Company Info"]["type"], "company");
    assert_eq!(metadata["groups"]["Basic Info"]["is_standard"], true);
    let mut old = Account::new(json!({"fields_api": "legacy"}));
    assert!(old.metadata()["fields"].get("contact employment").is_none());
    assert_eq!(old.get("/contacts/fields").0, 404);
    assert_eq!(Account::new(json!({"fields_api": "new"})).get("/contacts/metadata").0, 404);
}

#[test]
fn a_custom_field_is_made_filled_found_renamed_and_deleted() {
    let mut account = Account::new(json!({"profile": "current", "create_status": 201}));
    let field = account.legacy_field("Shoe size", json!({"type": "numeric-general", "width": 2}));
    assert_eq!(field["presentation"], json!({"type": "numeric-general", "width": "2"}));
    assert_eq!((&field["modifier"], &field["multiples"]), (&json!(""), &json!(false)));
    assert_eq!(field["group"], "Custom Fields");
    let id = account.person(json!({"Shoe size": [{"value": "42.5"}]}));
    let wrong = json!({"fields": {"Shoe size": [{"value": "large"}]}});
    assert_eq!(account.call("PUT", &format!("/contact/{id}"), wrong).0, 409);
    let query = r#"query={"custom_fields":{"Shoe size":{"is":"42.5"}}}"#;
    assert_eq!(account.ids(query), std::slice::from_ref(&id));

    let path = format!("/contacts/metadata/fields/{}", field["id"].as_str().unwrap());
    let basic = account.metadata()["groups"]["Basic Info"]["id"].clone();
    let body = json!({"name": "EU size", "group_id": basic, "presentation": {"type": "numeric-general"}});
    let (status, renamed) = account.call("PUT", &path, body);
    assert_eq!((status, &renamed["id"], &renamed["group"]), (200, &field["id"], &json!("Basic Info")));
    let contact = account.contact(&id);
    assert_eq!(shown(&contact, "EU size"), ["=42.5"]);
    assert!(shown(&contact, "Shoe size").is_empty());
    assert!(
        account.metadata()["groups"]["Basic Info"]["order"].as_array().unwrap().contains(&json!("EU size"))
    );

    let snapshot = account.nimble.snapshot();
    let mut other = Account::new(json!({"custom_fields": ["External ID", "Later"]}));
    other.nimble.restore(&snapshot).unwrap();
    assert_eq!(other.metadata()["fields"]["EU size"], account.metadata()["fields"]["EU size"]);
    assert!(other.metadata()["fields"]["Later"].is_array());
    assert_eq!(account.admin("POST", "/knobs", &json!({"note_status": 200})).0, 200);

    assert_eq!(account.call("DELETE", &path, Value::Null).0, 409);
    assert_eq!(account.call("DELETE", &path, json!({"force": true})).0, 200);
    assert!(shown(&account.contact(&id), "EU size").is_empty());
    let (status, answer) = account.call("DELETE", &path, Value::Null);
    assert_eq!((status, &answer["object_type"]), (404, &json!("contact field")));
}

#[test]
fn dropdowns_take_their_choices_and_other_kinds_their_form() {
    let mut account = Account::new(json!({"profile": "current", "create_status": 201}));
    let values = json!([{"id": 1, "value": "S"}, {"id": "2", "value": "M"}, {"value": "L"}]);
    let size = account.legacy_field("Size", json!({"type": "select-box", "width": "1", "values": values}));
    assert_eq!(size["presentation"]["values"][2], json!({"id": "3", "value": "L"}));
    assert_eq!(size["presentation"]["next_id"], "4");
    account.legacy_field("Met", json!({"type": "date"}));
    account.legacy_field("Vip", json!({"type": "boolean"}));
    account.legacy_field("Plain", json!({}));
    for (field, value, good) in [
        ("Size", "3", true),
        ("Size", "L", true),
        ("Size", "4", false),
        ("Met", "2026-01-31", true),
        ("Met", "2026-01-31T10:00:00Z", true),
        ("Met", "31.01.2026", false),
        ("Vip", "true", true),
        ("Vip", "yes", false),
        ("Plain", "anything", true),
    ] {
        let body = json!({"record_type": "person",
            "fields": {"first name": [{"value": "Ada"}], field: [{"value": value}]}});
        assert_eq!(account.call("POST", "/contact", body).0 == 201, good, "{field} {value}");
    }
}

#[test]
fn the_older_description_has_fewer_presentations_and_a_separator_among_them() {
    let mut account = Account::new(json!({}));
    let line = account.legacy_field("Line", json!({"type": "separator", "width": "1"}));
    assert_eq!(line["presentation"], json!({"type": "separator", "width": "1"}));
    let body = json!({"record_type": "person",
        "fields": {"first name": [{"value": "Ada"}], "Line": [{"value": "x"}]}});
    assert_eq!(account.call("POST", "/contact", body).0, 409);
    let wide = account.legacy_field("Wide", json!({"type": "single-line-text-box", "width": "2"}));
    assert_eq!(wide["presentation"]["width"], "2");
    let group = account.metadata()["groups"]["Custom Fields"]["id"].clone();
    for presentation in [json!({"type": "date"}), json!({"type": "address", "width": 3})] {
        let body = json!({"name": "Born", "group_id": group, "presentation": presentation});
        assert_eq!(account.call("POST", "/contacts/metadata/fields", body).0, 409, "{presentation}");
    }
}

#[test]
fn groups_are_made_ordered_and_deleted() {
    let mut account = Account::new(json!({}));
    let (status, group) =
        account.call("POST", "/contacts/metadata/groups", json!({"type": "company", "name": "Fleet"}));
    let expected = json!({"id": group["id"], "name": "Fleet", "label": "Fleet", "is_standard": false,
        "order": [], "type": "company"});
    assert_eq!((status, &group), (201, &expected));
    for name in ["Cars", "Vans"] {
        let body = json!({"name": name, "group_id": group["id"], "presentation": {}});
        assert_eq!(account.call("POST", "/contacts/metadata/fields", body).0, 201);
    }
    let path = format!("/contacts/metadata/groups/{}", group["id"].as_str().unwrap());
    let body = json!({"type": "both", "name": "Park", "order": ["Vans", "Cars"]});
    let (status, group) = account.call("PUT", &path, body);
    assert_eq!((status, &group["order"], &group["type"]), (200, &json!(["Vans", "Cars"]), &json!("both")));
    let (status, group) =
        account.call("PUT", &path, json!({"type": "both", "name": "Park", "order": ["Cars"]}));
    assert_eq!((status, &group["order"]), (200, &json!(["Cars"])));
    // An order that is left out is an empty one; the fields stay in the group.
    let (status, group) = account.call("PUT", &path, json!({"type": "both", "name": "Park"}));
    assert_eq!((status, &group["order"]), (200, &json!([])));
    assert_eq!(account.metadata()["fields"]["Vans"][0]["group"], "Park");
    assert_eq!(account.call("DELETE", &path, Value::Null).0, 409);
    assert_eq!(account.call("DELETE", &path, json!({"force": true})).0, 200);
    assert!(account.metadata()["fields"].get("Cars").is_none());
    assert_eq!(account.call("DELETE", &path, Value::Null).0, 404);
}

#[test]
fn definitions_the_reference_does_not_allow_are_refused() {
    let mut account = Account::new(json!({}));
    let metadata = account.metadata();
    let group = metadata["groups"]["Custom Fields"]["id"].clone();
    let email = metadata["fields"]["email"][0]["id"].as_str().unwrap();
    for (method, path, body, expected) in [
        ("POST", "/contacts/metadata/fields", json!({"name": "A", "group_id": group}), 409),
        ("POST", "/contacts/metadata/fields", json!({"name": "A", "presentation": {}}), 409),
        (
            "POST",
            "/contacts/metadata/fields",
            json!({"name": "Email", "group_id": group, "presentation": {}}),
            409,
        ),
        ("POST", "/contacts/metadata/fields", json!({"name": "A", "group_id": "x", "presentation": {}}), 404),
        (
            "POST",
            "/contacts/metadata/fields",
            json!({"name": "A", "group_id": group, "presentation": {"type": "slider"}}),
            409,
        ),
        ("DELETE", &format!("/contacts/metadata/fields/{email}"), json!({"force": true}), 409),
        ("POST", "/contacts/metadata/groups", json!({"type": "robot", "name": "A"}), 409),
        ("POST", "/contacts/metadata/groups", json!({"type": "both", "name": "basic info"}), 409),
    ] {
        let (status, answer) = account.call(method, path, body.clone());
        assert_eq!(status, expected, "{method} {path} {body}: {answer}");
    }
    let mut account = Account::new(json!({"manage_fields": false}));
    for path in ["/contacts/metadata/fields", "/contacts/fields"] {
        let (status, answer) = account.call("POST", path, json!({}));
        assert_eq!((status, answer["message"].is_string()), (403, true));
    }
    assert_eq!(account.get("/contacts/metadata").0, 200);
}
