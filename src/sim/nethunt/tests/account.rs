//! Credentials, routes, folders, the admin surface, snapshots, generated records, drift.

use serde_json::{Value, json};

use super::*;

#[test]
fn credentials_are_judged_before_the_path() {
    let not_valid = "Your email address or API key does not appear to be valid".to_owned();
    let mut account = account(&json!({}));
    for header in
        [None, Some("Basic AAAA"), Some("Bearer nh_live_x"), Some("c2ltQGV4YW1wbGUub3JnOnNpbS1rZXk=")]
    {
        for path in ["/triggers/auth-test", "/triggers/new-record/undefined", "/nowhere"] {
            let mut request = request("GET", path, "", "");
            request.headers =
                header.map(|value| ("authorization".to_owned(), value.to_owned())).into_iter().collect();
            let reply = account.handle(NOW, &request);
            assert_eq!(text(&reply), (401, not_valid.clone()), "{header:?} {path}");
            assert!(reply.content_type.starts_with("text/plain"));
        }
    }
    assert_eq!(
        body(&get(&mut account, NOW, "/triggers/auth-test", "")),
        json!([{"user": {"personalName": "Simone Example", "emailAddress": "sim@example.org"}}])
    );
}

#[test]
fn routes_and_methods_are_strict() {
    let mut account = account(&json!({}));
    let cases = [
        ("GET", "/nowhere".to_owned(), 404),
        ("GET", "/triggers/read-record".to_owned(), 404),
        ("POST", format!("/zapier/actions/create-record/{CONTACTS}"), 404),
        ("GET", "/triggers/new-record".to_owned(), 404),
        ("GET", "/triggers/new-record/undefined".to_owned(), 404),
        ("GET", "/triggers/folder-field/Contacts".to_owned(), 404),
        ("POST", "/triggers/auth-test".to_owned(), 405),
        ("GET", format!("/actions/create-record/{CONTACTS}"), 405),
        ("DELETE", format!("/actions/delete-record/{CONTACTS}"), 405),
        ("POST", format!("/actions/create-record/{CONTACTS}/more"), 404),
    ];
    for (method, path, status) in cases {
        assert_eq!(account.handle(NOW, &request(method, &path, "", "{}")).status, status, "{method} {path}");
    }
}

#[test]
fn folders_and_fields_are_named_and_no_more() {
    let mut account = account(&json!({}));
    let folders = body(&get(&mut account, NOW, "/triggers/readable-folder", ""));
    assert_eq!(folders[0], json!({"id": CONTACTS, "name": "Contacts"}));
    assert_eq!(folders, body(&get(&mut account, NOW, "/triggers/writable-folder", "")));
    let fields = rows(&mut account, NOW, "folder-field", "");
    assert_eq!((fields.len(), &fields[1]), (25, &json!({"name": "Email"})));
    let closed = json!({"name": "Closed", "writable": false, "fields": [{"name": "Name", "type": "text"}]});
    let made = account.admin(NOW, &request("POST", "/folders", "", &closed.to_string()));
    let id = body(&made)["id"].as_str().unwrap().to_owned();
    assert_eq!(body(&get(&mut account, NOW, "/triggers/readable-folder", "")).as_array().unwrap().len(), 4);
    assert_eq!(body(&get(&mut account, NOW, "/triggers/writable-folder", "")).as_array().unwrap().len(), 3);
    let path = format!("/actions/create-record/{id}");
    assert_eq!(post(&mut account, NOW, &path, &json!({"timeZone": "UTC", "fields": {}})).status, 403);
}

#[test]
fn errors_can_come_as_pages_or_json_and_triggers_can_be_off() {
    for (shape, kind) in [("html", "text/html"), ("json", "application/json"), ("text", "text/plain")] {
        let mut account = account(&json!({"error_body": shape, "disabled_triggers": ["record-change"]}));
        let reply = get(&mut account, NOW, &format!("/triggers/record-change/{CONTACTS}"), "");
        assert_eq!(reply.status, 404);
        assert!(reply.content_type.starts_with(kind), "{}", reply.content_type);
    }
}

#[test]
fn the_admin_surface_seeds_and_shows() {
    let mut account = account(&json!({}));
    let seeds = json!([
        {"fields": {"Name": "Old"}, "createdAt": "2015-01-01T00:00:00.000Z", "updatedAt": "2016-01-01T00:00:00.000Z"},
        {"fields": {"Name": "New"}, "user": "other@example.org"},
    ]);
    let ids = body(&account.admin(NOW, &request("POST", "/records/Contacts", "", &seeds.to_string())));
    let shown = body(&account.admin(NOW, &request("GET", &format!("/records/{CONTACTS}"), "", "")));
    assert_eq!((&shown[0]["id"], &shown[1]["id"]), (&ids[0], &ids[1]));
    assert_eq!(shown[0]["updatedAt"], "2016-01-01T00:00:00.000Z");
    let changes = rows(&mut account, NOW, "record-change", EPOCH);
    let actions: Vec<&str> = changes.iter().map(|row| row["recordAction"].as_str().unwrap()).collect();
    assert_eq!(actions, ["CREATE", "UPDATE", "CREATE"]);
    assert_eq!(changes[0]["user"]["emailAddress"], "<other@example.org>");
    let note = json!([{"recordId": ids[0], "kind": "drive-file", "text": "Offer.pdf"}]);
    body(&account.admin(NOW, &request("POST", "/notes/Contacts", "", &note.to_string())));
    let call = json!([{"recordId": ids[0], "kind": "call-log", "text": "Rang", "duration": 1.5,
        "createdAt": "2023-07-14T08:00:00.000Z", "time": "2023-07-14T07:30:00Z"}]);
    body(&account.admin(NOW, &request("POST", "/notes/Contacts", "", &call.to_string())));
    let told = rows(&mut account, NOW + 1, "new-call-log", "").remove(0);
    assert_eq!((&told["endTime"], &told["duration"]), (&json!("2023-07-14T07:31:30Z"), &json!(1.5)));
    let notes = body(&account.admin(NOW, &request("GET", "/notes/Contacts", "", "")));
    let kinds: Vec<_> = notes.as_array().unwrap().iter().map(|note| note["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds, &notes[0]["row"]), (vec!["call-log", "drive-file"], &told));
    let file = rows(&mut account, NOW + 1, "new-gdrivefile", "").remove(0);
    assert_eq!((&file["folderId"], &file["recordId"]), (&json!(CONTACTS), &ids[0]));
    for (path, wrong) in [
        ("/records/Contacts", json!([{"fields": {"Nmae": "x"}}])),
        ("/records/Contacts", json!([{"fields": {"Country": "UK"}}])),
        ("/records/Contacts", json!([{"fields": {}, "created": 1}])),
        ("/records/Nowhere", json!([])),
        ("/folders", json!({"name": "New", "id": CONTACTS, "fields": []})),
        ("/knobs", json!({"nonsense": 1})),
        ("/nonsense", json!({})),
    ] {
        let reply = account.admin(NOW, &request("POST", path, "", &wrong.to_string()));
        assert!(reply.status >= 400, "{path} {wrong}");
    }
    assert_eq!(body(&account.admin(NOW, &request("GET", "/folders", "", ""))).as_array().unwrap().len(), 3);
}

#[test]
fn two_folders_may_have_one_name() {
    let mut account = account(&json!({}));
    let twin = json!({"name": "Contacts", "fields": [{"name": "Name", "type": "text"}]});
    let made = body(&account.admin(NOW, &request("POST", "/folders", "", &twin.to_string())));
    let listed = body(&get(&mut account, NOW, "/triggers/readable-folder", ""));
    let named = |entry: &&Value| entry["name"] == "Contacts";
    assert_eq!(listed.as_array().unwrap().iter().filter(named).count(), 2);
    let id = made["id"].as_str().unwrap();
    let seed = json!([{"fields": {"Name": "Ada"}}]).to_string();
    assert_eq!(account.admin(NOW, &request("POST", "/records/Contacts", "", &seed)).status, 400);
    assert_eq!(account.admin(NOW, &request("POST", &format!("/records/{id}"), "", &seed)).status, 200);
    let rows = body(&get(&mut account, NOW, &format!("/triggers/new-record/{id}"), ""));
    assert_eq!(names(rows.as_array().unwrap()), ["Ada"]);
}

#[test]
fn folders_and_fields_come_in_the_order_of_the_knob() {
    let fields = |order: &str| {
        let mut account = account(&json!({"listing_order": order}));
        rows(&mut account, NOW, "folder-field", "")
    };
    let defined = fields("defined");
    let mut reversed = fields("reversed");
    reversed.reverse();
    assert_eq!(defined, reversed);
    let mut mixed = fields("mixed");
    assert_ne!(defined, mixed);
    let name = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
    mixed.sort_by_key(name);
    reversed.sort_by_key(name);
    assert_eq!(reversed, mixed);
}

#[test]
fn a_snapshot_restores_the_same_account() {
    let mut account = seeded(&json!({"tie_order": "id"}));
    account.generate(30, 5, NOW);
    account.drift(NOW + 1, 1, "delete").unwrap();
    account.drift(NOW + 1, 2, "update").unwrap();
    let snapshot = account.snapshot();
    let mut other = super::account(&json!({"tie_order": "id"}));
    other.restore(&snapshot).unwrap();
    for trigger in
        ["new-record", "updated-record", "record-change", "new-comment", "new-call-log", "new-gdrivefile"]
    {
        let (mut left, mut right) =
            (rows(&mut account, NOW, trigger, EPOCH), rows(&mut other, NOW, trigger, EPOCH));
        // Positions, and so the order of ties, are not kept.
        left.sort_by_key(|row| row["id"].to_string());
        right.sort_by_key(|row| row["id"].to_string());
        assert_eq!(left, right, "{trigger}");
    }
    let deleted = rows(&mut other, NOW + 1, "record-change", "");
    let gone =
        deleted.iter().find(|row| row["recordAction"] == "DELETE").unwrap()["recordId"].as_str().unwrap();
    assert_eq!(
        other.handle(NOW, &request("POST", &format!("/actions/delete-record/{gone}"), "", "")).status,
        404
    );
    let fresh = create(&mut other, NOW, &json!({"Name": "X"}));
    assert!(!snapshot.to_string().contains(&fresh));
    for broken in [json!({}), json!({"ids": 1, "folders": []}), json!([])] {
        assert!(other.restore(&broken).is_err(), "{broken}");
    }
}

#[test]
fn generated_records_are_what_the_service_would_store() {
    let mut account = account(&json!({}));
    account.generate(400, 3, NOW);
    let knobs = crate::sim::nethunt::Knobs::default();
    let mut folders = Vec::new();
    for folder in &account.store.folders {
        folders.push(folder.created.len());
        for &(created, at) in &folder.created {
            let record = account.store.records[at].as_ref().unwrap();
            assert!(created < NOW && record.touched_ms() < NOW);
            for (name, value) in record.fields.iter() {
                let field = folder.definition.field(name).unwrap();
                assert_eq!(
                    crate::sim::nethunt::values::normalise(field, value, &knobs),
                    Ok(Some(value.clone())),
                    "{name}"
                );
                let links = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                if field.kind == crate::sim::nethunt::folders::FieldType::Link {
                    assert!(links.into_iter().all(|id| account.store.find(id).is_some()), "{name}");
                }
            }
        }
    }
    assert_eq!(folders, [400, 40, 80]);
    let mut twin = super::account(&json!({}));
    twin.generate(400, 3, NOW);
    assert_eq!(twin.snapshot(), account.snapshot());
    for trigger in ["new-comment", "new-call-log", "new-gdrivefile"] {
        assert!(!rows(&mut account, NOW, trigger, EPOCH).is_empty(), "{trigger}");
    }
}

#[test]
fn drift_is_another_users_work() {
    let mut account = account(&json!({}));
    assert_eq!(account.drift(NOW, 1, "update"), None);
    let id = account.drift(NOW, 1, "insert").unwrap();
    assert_eq!(account.drift(NOW + 1, 2, "update"), Some(id.clone()));
    assert_eq!(
        rows(&mut account, NOW + 1, "updated-record", "")[0]["id"],
        json!(format!("{id}-{}", NOW + 1))
    );
    let comment = account.drift(NOW + 1, 6, "comment").unwrap();
    assert_eq!(rows(&mut account, NOW + 1, "new-comment", "")[0]["id"], json!(comment));
    let before = rows(&mut account, NOW + 1, "new-record", "").remove(0);
    assert_eq!(account.drift(NOW + 2, 7, "resort"), Some(id.clone()));
    let after = rows(&mut account, NOW + 2, "updated-record", "").remove(0);
    assert_eq!(before["fields"], after["fields"], "a touch changes no value");
    assert_eq!(after["id"], json!(format!("{id}-{}", NOW + 2)));
    assert_eq!(account.drift(NOW + 2, 3, "delete"), Some(id));
    assert_eq!(account.drift(NOW + 3, 4, "delete"), None);
    assert_eq!(account.drift(NOW, 5, "dance"), None);
}
