//! Creates, updates, deletes, comments and calls.

use serde_json::json;

use super::*;

#[test]
fn create_update_and_read_have_their_own_keys() {
    let mut account = account(&json!({}));
    let path = format!("/actions/create-record/{CONTACTS}");
    let sent =
        json!({"timeZone": "Europe/Kiev", "fields": {"Name": "Ada", "Tags": [], "Zip": null, "VIP": true}});
    let reply = post(&mut account, NOW, &path, &sent);
    let created = body(&reply);
    assert_eq!(keys(&created), ["recordId", "createdAt", "fields"]);
    assert_eq!(created["createdAt"], "2023-07-14T09:00:00.000Z");
    assert_eq!(created["fields"], json!({"Name": "Ada", "VIP": true}));
    let id = created["recordId"].as_str().unwrap();
    assert_eq!(i64::from_str_radix(&id[..8], 16).unwrap(), NOW / 1000);
    assert_eq!((reply.effect, reply.record.as_deref()), ("create", Some(id)));

    let read = rows(&mut account, NOW, "new-record", "");
    assert_eq!(keys(&read[0]), ["id", "recordId", "createdAt", "fields"]);
    assert_eq!(read[0]["id"], read[0]["recordId"]);
    assert_eq!(rows(&mut account, NOW, "updated-record", "")[0]["id"], id);

    let reply = update(&mut account, NOW + 500, id, &json!({"Name": {"overwrite": true, "add": "Ada King"}}));
    let updated = body(&reply);
    assert_eq!(keys(&updated), ["recordId", "updatedAt", "fields"]);
    assert_eq!((reply.effect, updated["fields"]["Name"].as_str()), ("update", Some("Ada King")));
    let read = rows(&mut account, NOW + 500, "updated-record", "");
    assert_eq!(keys(&read[0]), ["id", "recordId", "createdAt", "updatedAt", "fields"]);
    assert_eq!(read[0]["id"], json!(format!("{id}-{}", NOW + 500)));
    assert_eq!(read[0]["recordId"], id);
    let found = body(&get(
        &mut account,
        NOW,
        &format!("/searches/find-record/{CONTACTS}"),
        &format!("recordId={id}"),
    ));
    assert_eq!((found[0]["id"].as_str(), found[0]["updatedAt"].is_string()), (Some(id), true));

    let quiet = json!({"new_record_updated_at": false});
    account.admin(NOW, &request("POST", "/knobs", "", &quiet.to_string()));
    let read = rows(&mut account, NOW + 500, "new-record", "");
    assert_eq!(keys(&read[0]), ["id", "recordId", "createdAt", "fields"]);
    assert_eq!(read[0]["fields"]["Name"], "Ada King");
}

#[test]
fn what_a_create_must_have() {
    let mut account = account(&json!({}));
    let path = format!("/actions/create-record/{CONTACTS}");
    let cases = [
        (json!({"fields": {"Name": "A"}}), 400),
        (json!({"timeZone": "", "fields": {"Name": "A"}}), 400),
        (json!({"timeZone": "Mars/Base", "fields": {"Name": "A"}}), 400),
        (json!({"timeZone": "UTC"}), 400),
        (json!({"timeZone": "UTC", "fields": []}), 400),
        (json!([]), 400),
        (json!({"timeZone": "UTC", "fields": {"Name": ""}}), 500),
        (json!({"timeZone": "UTC", "fields": {"Country": "UK"}}), 500),
        (json!({"timeZone": "UTC", "fields": {"Nmae": "A"}}), 200),
    ];
    for (sent, status) in cases {
        assert_eq!(post(&mut account, NOW, &path, &sent).status, status, "{sent}");
    }
    assert_eq!(account.handle(NOW, &request("POST", &path, "", "{")).status, 400);
    let knobs = json!({"unknown_field": 400, "unique_fields": ["Email"], "required_fields": ["Name"]});
    account.admin(NOW, &request("POST", "/knobs", "", &knobs.to_string()));
    let twin = json!({"timeZone": "UTC", "fields": {"Name": "A", "Email": ["a@b.example"]}});
    assert_eq!(post(&mut account, NOW, &path, &twin).status, 200);
    assert_eq!(post(&mut account, NOW, &path, &twin).status, 400);
    let other_case = json!({"timeZone": "UTC", "fields": {"Name": "A", "Email": ["Ada <A@B.example>"]}});
    assert_eq!(post(&mut account, NOW, &path, &other_case).status, 400);
    assert_eq!(
        post(&mut account, NOW, &path, &json!({"timeZone": "UTC", "fields": {"Zip": "1"}})).status,
        400
    );
    assert_eq!(
        post(&mut account, NOW, &path, &json!({"timeZone": "UTC", "fields": {"Nmae": "A"}})).status,
        400
    );
}

#[test]
fn doubles_of_phones_are_seen_whatever_their_format() {
    let mut account = account(&json!({"unique_fields": ["Phone"]}));
    let path = format!("/actions/create-record/{CONTACTS}");
    for (phone, status) in [("+44 20 7946 0000", 200), ("+44-(20)-79460000", 400), ("+44 20 7946 0001", 200)]
    {
        let sent = json!({"timeZone": "UTC", "fields": {"Name": "A", "Phone": [phone]}});
        assert_eq!(post(&mut account, NOW, &path, &sent).status, status, "{phone}");
    }
}

#[test]
fn an_update_is_whole_or_not_at_all() {
    let mut account = account(&json!({}));
    let id = create(&mut account, NOW, &json!({"Name": "Ada", "Tags": ["x", "y"]}));
    let both = json!({"Tags": {"remove": ["x"], "add": ["z"]}, "Name": {"add": "second"}});
    assert_eq!(update(&mut account, NOW + 1, &id, &both).status, 400);
    assert_eq!(
        rows(&mut account, NOW, "new-record", "")[0]["fields"],
        json!({"Name": "Ada", "Tags": ["x", "y"]})
    );
    let path = format!("/actions/update-record/{id}");
    for (sent, status) in [
        (json!({"fieldActions": [{"Name": {"overwrite": true}}]}), 500),
        (json!({}), 400),
        (json!({"fieldActions": {"Unknown": {"add": "x"}}}), 200),
    ] {
        assert_eq!(post(&mut account, NOW + 2, &path, &sent).status, status, "{sent}");
    }
    assert_eq!(rows(&mut account, NOW, "new-record", "")[0].get("updatedAt"), None);
    let overwrite =
        |query: &str| request("POST", &path, query, r#"{"fieldActions": {"Name": {"add": "Eve"}}}"#);
    assert_eq!(account.handle(NOW, &overwrite("overwrite=false")).status, 400);
    assert_eq!(account.handle(NOW, &overwrite("overwrite=maybe")).status, 400);
    assert_eq!(account.handle(NOW, &overwrite("overwrite=true")).status, 200);
    assert_eq!(
        body(&update(&mut account, NOW + 3, &id, &json!({"Name": {"overwrite": true}})))["fields"]
            .get("Name"),
        None
    );
    let unknown = update(&mut account, NOW, "60672149a1c0ffee00000009", &json!({}));
    assert_eq!(text(&unknown), (404, "x-simulated: Record not found".to_owned()));
}

#[test]
fn an_update_without_a_change_counts_unless_it_is_to_be_quiet() {
    for (knobs, touched) in [(json!({}), true), (json!({"no_change": "quiet"}), false)] {
        let mut account = account(&knobs);
        let id = create(&mut account, NOW, &json!({"Name": "Ada"}));
        body(&update(&mut account, NOW + 5, &id, &json!({"Name": {"overwrite": true, "add": "Ada"}})));
        let row = rows(&mut account, NOW, "new-record", "").remove(0);
        assert_eq!(row.get("updatedAt").is_some(), touched, "{knobs}");
        assert_eq!(rows(&mut account, NOW, "record-change", "").len(), if touched { 2 } else { 1 });
    }
}

#[test]
fn a_deleted_record_is_gone_everywhere_but_in_the_changes() {
    let mut account = account(&json!({}));
    let id = create(&mut account, NOW, &json!({"Name": "Ada"}));
    post(&mut account, NOW, &format!("/actions/create-comment/{id}"), &json!({"text": "hi"}));
    let path = format!("/actions/delete-record/{id}");
    let reply = account.handle(NOW + 1, &request("POST", &path, "", ""));
    assert_eq!(
        (body(&reply), reply.effect, reply.record.as_deref()),
        (json!({}), "delete", Some(id.as_str()))
    );
    assert_eq!(account.handle(NOW + 2, &request("POST", &path, "", "")).status, 404);
    for trigger in ["new-record", "updated-record", "new-comment"] {
        assert!(rows(&mut account, NOW, trigger, "").is_empty(), "{trigger}");
    }
    let find = format!("/searches/find-record/{CONTACTS}");
    assert_eq!(body(&get(&mut account, NOW, &find, &format!("recordId={id}"))), json!([]));
    let changes = rows(&mut account, NOW + 1, "record-change", "");
    assert_eq!((changes[0]["recordAction"].as_str(), changes[0].get("fieldActions")), (Some("DELETE"), None));
    for (knobs, status) in
        [(json!({"delete_twice": 200, "empty_delete_body": true}), 200), (json!({"delete_twice": 410}), 410)]
    {
        account.admin(NOW, &request("POST", "/knobs", "", &knobs.to_string()));
        assert_eq!(account.handle(NOW + 2, &request("POST", &path, "", "")).status, status);
    }
}

#[test]
fn comments_and_calls_have_their_streams() {
    let mut account = account(&json!({}));
    let id = create(&mut account, NOW, &json!({"Name": "Ada"}));
    let comment =
        body(&post(&mut account, NOW + 1, &format!("/actions/create-comment/{id}"), &json!({"text": "Hi"})));
    assert_eq!(keys(&comment), ["commentId", "createdAt"]);
    let row = rows(&mut account, NOW + 1, "new-comment", "").remove(0);
    assert_eq!(keys(&row), ["id", "commentId", "recordId", "createdAt", "text"]);
    assert_eq!((&row["id"], row["text"].as_str()), (&comment["commentId"], Some("Hi")));
    let call = json!({"text": "Rang", "time": "2023-07-14T09:30:00Z", "duration": 2.5});
    let made = body(&post(&mut account, NOW + 2, &format!("/actions/create-call-log/{id}"), &call));
    assert_eq!(keys(&made), ["callLogId", "createdAt"]);
    let row = rows(&mut account, NOW + 2, "new-call-log", "").remove(0);
    assert_eq!(
        keys(&row),
        ["id", "callLogId", "recordId", "createdAt", "text", "time", "duration", "endTime"]
    );
    assert_eq!(
        (row["time"].as_str(), row["endTime"].as_str()),
        (Some("2023-07-14T09:30:00Z"), Some("2023-07-14T09:32:30Z"))
    );
    assert!(rows(&mut account, NOW, "new-gdrivefile", "").is_empty());
    for (action, sent) in [
        ("create-comment", json!({})),
        ("create-comment", json!({"text": ""})),
        ("create-call-log", json!({"text": "x", "duration": -1})),
        ("create-call-log", json!({"text": "x", "time": "noon"})),
        ("link-gmail-thread", json!({})),
    ] {
        assert_eq!(
            post(&mut account, NOW, &format!("/actions/{action}/{id}"), &sent).status,
            400,
            "{action} {sent}"
        );
    }
    let thread =
        post(&mut account, NOW, &format!("/actions/link-gmail-thread/{id}"), &json!({"gmailThreadId": "t"}));
    assert_eq!((body(&thread), thread.effect), (json!({}), "update"));
    assert_eq!(
        post(&mut account, NOW, "/actions/create-comment/undefined", &json!({"text": "x"})).status,
        404
    );
}
