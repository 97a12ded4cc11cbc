//! The newer definitions of fields.

use serde_json::{Value, json};

use super::{Account, shown};

impl Account {
    fn tab(&mut self, name: &str) -> Value {
        let tabs = self.get("/contacts/fields").1["tabs"].clone();
        tabs.as_array().unwrap().iter().find(|tab| tab["tab_name"] == name).unwrap().clone()
    }

    fn new_field(&mut self, name: &str, kind: Value, presentation: Value) -> Value {
        let tab = self.tab("Custom Fields")["tab_id"].clone();
        let body = json!({"name": name, "field_type": kind, "presentation": presentation, "tab_id": tab,
            "group_id": null, "insert_after": null});
        let (status, tab) = self.call("POST", "/contacts/fields", body);
        assert_eq!(status, 200, "{tab}");
        tab["members"][0].clone()
    }
}

fn id(field: &Value) -> &str {
    field["field_id"].as_str().unwrap()
}

fn names(tab: &Value) -> Vec<&str> {
    tab["members"].as_array().unwrap().iter().map(|member| member["name"].as_str().unwrap()).collect()
}

#[test]
fn tabs_hold_the_fields_of_the_reference() {
    let mut account = Account::new(json!({}));
    let personal = account.tab("Personal Info");
    assert_eq!((&personal["contact_types"], &personal["is_standard"]), (&json!("person"), &json!(true)));
    assert_eq!(personal["available_actions"], "rearrange_only");
    assert!(names(&personal).contains(&"contact employment") && !names(&personal).contains(&"source"));
    let contact = account.tab("Contact Info");
    let emails: Vec<&Value> =
        contact["members"].as_array().unwrap().iter().filter(|member| member["name"] == "email").collect();
    assert_eq!(emails.len(), 3);
    assert_eq!((&emails[0]["type"], &emails[0]["available_actions"]), (&json!("field"), &json!("view_only")));
    let lead = account.tab("Additional Lead Fields");
    assert_eq!(lead["members"][0]["field_type"]["values"]["values"][0], json!({"id": "1", "value": "Open"}));
    assert_eq!(lead["members"][0]["available_actions"], "edit_choices_only");
    let legacy = account.get("/contacts/metadata").1;
    assert_eq!(legacy["fields"]["email"][0]["id"], emails[0]["field_id"]);
}

#[test]
fn a_field_is_made_changed_and_deleted_after_a_check() {
    let mut account = Account::new(json!({}));
    let field =
        account.new_field("Score", json!({"field_kind": "number"}), json!({"number_type": "integer"}));
    assert_eq!((&field["name"], &field["multiples"]), (&json!("Score"), &json!(false)));
    let ada = account.person(json!({"Score": [{"value": "7"}]}));
    let path = format!("/contacts/fields/{}", id(&field));
    let other = account.tab("Custom Fields")["members"][1]["field_id"].clone();
    let (status, tab) = account.call("PUT", &path, json!({"name": "Points", "insert_after": other}));
    assert_eq!((status, names(&tab)), (200, vec!["External ID", "Points"]));
    assert_eq!(shown(&account.contact(&ada), "Points"), ["=7"]);
    for body in [
        json!({"field_type": {"field_kind": "string"}}),
        json!({"multiples": true}),
        json!({"presentation": {"number_type": "decimal"}}),
        json!({"name": ""}),
        json!({"name": "x".repeat(51)}),
        json!({"insert_after": "nowhere"}),
    ] {
        assert_eq!(account.call("PUT", &path, body.clone()).0, 409, "{body}");
    }
    assert_eq!(account.call("DELETE", &path, Value::Null).0, 409);
    let (status, answer) = account.call("DELETE", &path, json!({"preflight_checks": true}));
    assert_eq!((status, &answer["errors"][0]["total"]), (406, &json!(1)));
    assert!(answer["errors"][0]["nse_query"].is_object() && answer["errors"][0]["type"].is_string());
    assert_eq!(account.call("DELETE", &format!("{path}?preflight_checks=true"), Value::Null).0, 406);
    assert_eq!(account.call("DELETE", &format!("{path}?preflight_checks=false"), Value::Null).0, 200);
    assert!(shown(&account.contact(&ada), "Points").is_empty());
    assert_eq!(account.call("PUT", &path, json!({"name": "x"})).0, 404);
}

#[test]
fn every_kind_of_field_takes_its_values_and_refuses_others() {
    let mut account = Account::new(json!({}));
    let dates = json!({"date_format": null, "ignore_specific_time": true});
    let values = json!({"ordering_type": "ordinal", "values": [{"id": "a", "value": "Alpha"}]});
    account.new_field(
        "Mail",
        json!({"field_kind": "string", "validation_rule": {"type": "email"}}),
        json!(null),
    );
    account.new_field("Day", json!({"field_kind": "datetime"}), dates);
    account.new_field("Yes", json!({"field_kind": "boolean"}), json!(null));
    account.new_field("Boss", json!({"field_kind": "user"}), json!(null));
    account.new_field("Greek", json!({"field_kind": "choice", "values": values}), json!(null));
    for (field, value, good) in [
        ("Mail", "a@b.example", true),
        ("Mail", "nobody", false),
        ("Day", "2026-01-31", true),
        ("Day", "01/31/2026", false),
        ("Yes", "false", true),
        ("Yes", "0", false),
        ("Boss", "5f0000000000000000000001", true),
        ("Boss", "Sim User", false),
        ("Greek", "a", true),
        ("Greek", "b", false),
    ] {
        let body = json!({"record_type": "company",
            "fields": {"company name": [{"value": "A"}], field: [{"value": value}]}});
        assert_eq!(account.call("POST", "/contact", body).0 == 201, good, "{field} {value}");
    }
    let tab = account.tab("Custom Fields")["tab_id"].clone();
    for (kind, presentation) in [
        ("attachment", json!(null)),
        ("employment", json!(null)),
        ("number", json!(null)),
        ("datetime", json!({"date_format": "%Y", "ignore_specific_time": true})),
        ("string", json!({"number_type": "integer"})),
    ] {
        let body = json!({"name": "x", "field_type": {"field_kind": kind}, "presentation": presentation,
            "tab_id": tab, "group_id": null, "insert_after": null});
        assert_eq!(account.call("POST", "/contacts/fields", body).0, 409, "{kind}");
    }
    let body = json!({"name": "x", "field_type": {"field_kind": "string"}, "presentation": null, "tab_id": tab,
        "group_id": null});
    assert_eq!(account.call("POST", "/contacts/fields", body).0, 409);
}

#[test]
fn tabs_and_groups_are_made_moved_and_deleted() {
    let mut account = Account::new(json!({}));
    let first = json!({"tab_name": "Fleet", "contact_types": ["company"], "insert_after": null});
    let (status, tab) = account.call("POST", "/contacts/fields/tabs", first);
    assert_eq!((status, &tab["contact_types"], &tab["members"]), (200, &json!("company"), &json!([])));
    let tab_id = tab["tab_id"].as_str().unwrap();
    let group = json!({"name": "Cars", "tab_id": tab_id, "logo_id": "1", "insert_after": null});
    let (status, tab) = account.call("POST", "/contacts/fields/groups", group);
    let group = tab["members"][0].clone();
    assert_eq!((status, &group["type"], &group["fields"]), (200, &json!("group"), &json!([])));
    let group_id = group["group_id"].as_str().unwrap();
    let field = json!({"name": "Wheels", "field_type": {"field_kind": "string"}, "presentation": null,
        "tab_id": tab_id, "group_id": group_id, "insert_after": null});
    let (_, tab) = account.call("POST", "/contacts/fields", field);
    let field = tab["members"][0]["fields"][0].clone();
    assert_eq!(field["name"], "Wheels");
    assert_eq!(account.get("/contacts/metadata").1["groups"]["Fleet"]["order"], json!(["Wheels"]));

    let path = format!("/contacts/fields/{}", id(&field));
    let (_, tab) = account.call("PUT", &path, json!({"group_id": null, "insert_after": group_id}));
    assert_eq!(names(&tab), ["Cars", "Wheels"]);
    let path = format!("/contacts/fields/groups/{group_id}");
    let (status, tab) = account.call("PUT", &path, json!({"name": "Vans", "insert_after": id(&field)}));
    assert_eq!((status, names(&tab)), (200, vec!["Wheels", "Vans"]));
    assert_eq!(account.call("DELETE", &path, json!({"preflight_checks": true})).0, 200);
    assert_eq!(account.call("DELETE", &path, json!({"preflight_checks": true})).0, 404);

    let path = format!("/contacts/fields/tabs/{tab_id}");
    let last = account.tab("Custom Fields")["tab_id"].clone();
    let (status, tab) = account.call("PUT", &path, json!({"tab_name": "Park", "insert_after": last}));
    assert_eq!((status, &tab["tab_name"]), (200, &json!("Park")));
    let tabs = account.get("/contacts/fields").1["tabs"].clone();
    assert_eq!(tabs.as_array().unwrap().last().unwrap()["tab_name"], "Park");
    let company = json!({"record_type": "company", "fields": {"company name": [{"value": "A"}],
        "Wheels": [{"value": "4"}]}});
    assert_eq!(account.call("POST", "/contact", company).0, 201);
    assert_eq!(account.call("DELETE", &path, json!({"preflight_checks": true})).0, 406);
    let older = format!("/contacts/tabs/{tab_id}");
    assert_eq!(account.call("DELETE", &older, json!({"preflight_checks": false})).0, 200);
    let standard = account.tab("Lead Details")["tab_id"].as_str().unwrap().to_owned();
    let path = format!("/contacts/fields/tabs/{standard}");
    assert_eq!(account.call("PUT", &path, json!({"tab_name": "x"})).0, 409);
    assert_eq!(account.call("PUT", &path, json!({"insert_after": null})).0, 200);
    assert_eq!(account.call("DELETE", &path, json!({"preflight_checks": false})).0, 409);
}

#[test]
fn choices_are_made_renamed_moved_and_deleted_in_default_fields_too() {
    let mut account = Account::new(json!({}));
    let status_field = account.tab("Additional Lead Fields")["members"][0].clone();
    let path = format!("/contacts/fields/{}/choices", id(&status_field));
    let body = json!({"id": "won", "value": "Won", "insert_after": "4"});
    let (status, tab) = account.call("POST", &path, body.clone());
    assert_eq!((status, &tab["members"][0]["field_type"]["values"]["values"][4]["id"]), (200, &json!("won")));
    assert_eq!(account.call("POST", &path, body).0, 409);
    let ada = account.person(json!({"lead status": [{"value": "won"}]}));
    let (status, _) = account.call("PUT", &format!("{path}/won"), json!({"value": "Vyhráno"}));
    let values =
        account.tab("Additional Lead Fields")["members"][0]["field_type"]["values"]["values"].clone();
    assert_eq!((status, &values[4]), (200, &json!({"id": "won", "value": "Vyhráno"})));
    assert_eq!(account.call("PUT", &format!("{path}/won"), json!({"id": "lost"})).0, 409);
    let body = json!({"id": "won", "value": "Gewonnen", "insert_after": null});
    let (status, all) = account.call("PUT", &format!("{path}/won"), body);
    assert_eq!((status, all["tabs"].is_array()), (200, true));
    let values =
        account.tab("Additional Lead Fields")["members"][0]["field_type"]["values"]["values"].clone();
    assert_eq!(values[0], json!({"id": "won", "value": "Gewonnen"}));
    assert_eq!(account.call("DELETE", &format!("{path}/won?preflight_checks=1"), Value::Null).0, 406);
    assert_eq!(account.call("DELETE", &format!("{path}/won?preflight_checks=0"), Value::Null).0, 200);
    assert_eq!(account.call("DELETE", &format!("{path}/won?preflight_checks=0"), Value::Null).0, 404);
    assert_eq!(shown(&account.contact(&ada), "lead status"), ["=won"]);
    let email = account.tab("Contact Info")["members"][0].clone();
    let body = json!({"id": "1", "value": "x", "insert_after": null});
    assert_eq!(account.call("POST", &format!("/contacts/fields/{}/choices", id(&email)), body).0, 409);
}
