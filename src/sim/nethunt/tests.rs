//! The service as a client meets it: requests in, replies out.

use serde_json::{Value, json};

use super::super::exchange::{Reply, Request, Service};
use super::NetHunt;

/// 2023-07-14T09:00:00.000Z.
const NOW: i64 = 1_689_325_200_000;
const CONTACTS: &str = "60672149a1c0ffee0000c001";
const EPOCH: &str = "since=1970-01-01T00:00:00.000Z";

fn account(knobs: &Value) -> NetHunt {
    NetHunt::new(knobs).unwrap()
}

fn request(method: &str, path: &str, query: &str, body: &str) -> Request {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query =
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (k.into(), v.into()));
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.collect(),
        headers: vec![("authorization".to_owned(), "Basic c2ltQGV4YW1wbGUub3JnOnNpbS1rZXk=".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

fn get(account: &mut NetHunt, now: i64, path: &str, query: &str) -> Reply {
    account.handle(now, &request("GET", path, query, ""))
}

fn post(account: &mut NetHunt, now: i64, path: &str, body: &Value) -> Reply {
    account.handle(now, &request("POST", path, "", &body.to_string()))
}

fn body(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    serde_json::from_slice(&reply.body).unwrap()
}

fn text(reply: &Reply) -> (u16, String) {
    (reply.status, String::from_utf8(reply.body.clone()).unwrap())
}

fn rows(account: &mut NetHunt, now: i64, trigger: &str, query: &str) -> Vec<Value> {
    let reply = get(account, now, &format!("/triggers/{trigger}/{CONTACTS}"), query);
    body(&reply).as_array().unwrap().clone()
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["fields"]["Name"].as_str().unwrap()).collect()
}

fn create(account: &mut NetHunt, now: i64, fields: &Value) -> String {
    let path = format!("/actions/create-record/{CONTACTS}");
    let reply = post(account, now, &path, &json!({"timeZone": "Europe/London", "fields": fields}));
    body(&reply)["recordId"].as_str().unwrap().to_owned()
}

fn update(account: &mut NetHunt, now: i64, id: &str, actions: &Value) -> Reply {
    post(account, now, &format!("/actions/update-record/{id}"), &json!({"fieldActions": actions}))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Three records a second apart, the last two in one millisecond.
fn seeded(knobs: &Value) -> NetHunt {
    let mut account = account(knobs);
    create(&mut account, NOW, &json!({"Name": "Ada", "Email": ["ada@example.org"]}));
    create(&mut account, NOW + 1000, &json!({"Name": "Ben"}));
    create(&mut account, NOW + 1000, &json!({"Name": "Cleo", "Tags": ["x"]}));
    account
}

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
    account.set_knobs(super::Knobs::parse(&knobs).unwrap());
    let twin = json!({"timeZone": "UTC", "fields": {"Name": "A", "Email": ["a@b.example"]}});
    assert_eq!(post(&mut account, NOW, &path, &twin).status, 200);
    assert_eq!(post(&mut account, NOW, &path, &twin).status, 400);
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
    assert_eq!(text(&unknown), (404, "Record not found".to_owned()));
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
fn streams_show_a_day_newest_first_and_nothing_of_since_itself() {
    let mut account = seeded(&json!({"tie_order": "id"}));
    assert_eq!(names(&rows(&mut account, NOW + 2000, "new-record", "")), ["Ben", "Cleo", "Ada"]);
    let day_later = NOW + 24 * 3_600_000 + 500;
    for trigger in ["new-record", "updated-record", "record-change"] {
        assert_eq!(rows(&mut account, day_later, trigger, "").len(), 2, "{trigger}");
        assert_eq!(rows(&mut account, day_later, trigger, EPOCH).len(), 3, "{trigger}");
        assert_eq!(rows(&mut account, NOW, trigger, "since=2023-07-14T09:00:00.000Z").len(), 2, "{trigger}");
        assert_eq!(rows(&mut account, NOW, trigger, "since=2023-07-14T08:59:59.999Z").len(), 3, "{trigger}");
        assert_eq!(rows(&mut account, NOW, trigger, "limit=1").len(), 1, "{trigger}");
        assert_eq!(rows(&mut account, NOW, trigger, "created=today").len(), 3, "{trigger}");
        for query in ["limit=0", "limit=x", "since=today"] {
            let reply = get(&mut account, NOW, &format!("/triggers/{trigger}/{CONTACTS}"), query);
            assert_eq!(reply.status, 400, "{trigger} {query}");
        }
    }
}

#[test]
fn a_cap_holds_with_and_without_a_limit() {
    let mut account = seeded(&json!({"cap": 2, "cap_anchor": "oldest", "tie_order": "id", "order": "asc"}));
    assert_eq!(names(&rows(&mut account, NOW, "new-record", EPOCH)), ["Ada", "Ben"]);
    assert_eq!(names(&rows(&mut account, NOW, "new-record", &format!("{EPOCH}&limit=50"))), ["Ada", "Ben"]);
    assert_eq!(rows(&mut account, NOW, "record-change", EPOCH).len(), 2);
}

#[test]
fn updated_record_follows_fields_and_knobs() {
    let mut account = seeded(&json!({"tie_order": "id"}));
    let ada = rows(&mut account, NOW, "new-record", EPOCH)[2]["recordId"].as_str().unwrap().to_owned();
    body(&update(&mut account, NOW + 5000, &ada, &json!({"Zip": {"add": "00501"}})));
    body(&update(&mut account, NOW + 6000, &ada, &json!({"Score": {"add": 3}})));
    let of = |account: &mut NetHunt, query: &str| rows(account, NOW + 7000, "updated-record", query);
    assert_eq!(names(&of(&mut account, "")), ["Ada", "Ben", "Cleo"]);
    assert_eq!(names(&of(&mut account, "fieldName=Zip")), ["Ada"]);
    assert_eq!(names(&of(&mut account, "fieldName=Zip&fieldName=Tags")), ["Ada", "Cleo"]);
    let row = of(&mut account, "fieldName=Zip").remove(0);
    assert_eq!(row["id"], json!(format!("{ada}-{}", NOW + 6000)), "the row is the latest state");
    assert!(of(&mut account, "fieldName=Zip&since=2023-07-14T09:00:05.000Z").is_empty());
    let set = |account: &mut NetHunt, knobs: &Value| {
        account.admin(NOW, &request("POST", "/knobs", "", &knobs.to_string()));
    };
    set(&mut account, &json!({"include_creations": false}));
    assert_eq!(names(&of(&mut account, "")), ["Ada"]);
    set(&mut account, &json!({"one_row": false}));
    let ids: Vec<Value> = of(&mut account, "").iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(ids[..2], [json!(format!("{ada}-{}", NOW + 6000)), json!(format!("{ada}-{}", NOW + 5000))]);
}

#[test]
fn the_change_stream_tells_who_did_what() {
    let mut account = seeded(&json!({"tie_order": "id"}));
    let ada = rows(&mut account, NOW, "new-record", EPOCH)[2]["recordId"].as_str().unwrap().to_owned();
    let actions = json!({"Name": {"overwrite": true, "add": "Eve"}, "Tags": {"add": ["q"]}});
    body(&update(&mut account, NOW + 5000, &ada, &actions));
    let row = rows(&mut account, NOW + 5000, "record-change", &format!("recordId={ada}")).remove(0);
    assert_eq!(keys(&row), ["id", "recordId", "time", "user", "recordAction", "fieldActions"]);
    assert_ne!(row["id"], row["recordId"]);
    assert_eq!(row["user"], json!({"personalName": "Simone Example", "emailAddress": "<sim@example.org>"}));
    assert_eq!(row["fieldActions"], json!({"Name": {"remove": "Ada", "add": "Eve"}, "Tags": {"add": ["q"]}}));
    let history = rows(&mut account, NOW + 5000, "record-change", &format!("{EPOCH}&recordId={ada}"));
    let created = json!({"Name": {"add": "Ada"}, "Email": {"add": ["<ada@example.org>"]}});
    assert_eq!((history.len(), &history[1]["fieldActions"]), (2, &created));
    assert_eq!(rows(&mut account, NOW + 5000, "record-change", "fieldName=Tags").len(), 2);
    let drifted = account.drift(NOW + 6000, 9, "delete").unwrap();
    let row = rows(&mut account, NOW + 6000, "record-change", "limit=1").remove(0);
    assert_eq!(
        (row["recordId"].as_str(), row["user"]["emailAddress"].as_str()),
        (Some(drifted.as_str()), Some("<other@example.org>"))
    );
    assert_eq!(rows(&mut account, NOW + 6000, "record-change", "fieldName=Tags").len(), 2);
    account.admin(NOW, &request("POST", "/knobs", "", r#"{"field_filter_drops_deletes": false}"#));
    assert_eq!(rows(&mut account, NOW + 6000, "record-change", "fieldName=Tags").len(), 3);
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
    assert_eq!(body(&thread), json!({}));
    assert_eq!(
        post(&mut account, NOW, "/actions/create-comment/undefined", &json!({"text": "x"})).status,
        404
    );
}

#[test]
fn find_record_finds_by_id_and_by_query() {
    let mut account = seeded(&json!({"tie_order": "id"}));
    let path = format!("/searches/find-record/{CONTACTS}");
    let find = |account: &mut NetHunt, query: &str| get(account, NOW + 2000, &path, query);
    let cases = [
        ("query=created:&limit=100", vec!["Ben", "Cleo", "Ada"]),
        ("query=created:", vec!["Ben"]),
        ("query=id:&limit=2", vec!["Ben", "Cleo"]),
        ("query=Name:AD&limit=9", vec!["Ada"]),
        ("query=Name=Ada", vec!["Ada"]),
        ("query=\"Email\":\"ada@example.org\"", vec!["Ada"]),
        ("query=Tags:&limit=9", vec!["Cleo"]),
        ("query=ADA@EXAMPLE&limit=9", vec!["Ada"]),
        ("query=nobody", vec![]),
        ("query=Zip:1", vec![]),
        ("recordId=60672149a1c0ffee00000009&query=Name:Ada", vec![]),
    ];
    for (query, expected) in cases {
        let found = body(&find(&mut account, query));
        assert_eq!(names(found.as_array().unwrap()), expected, "{query}");
    }
    let nothing = (400, "Please enter either Record ID or Search Query".to_owned());
    for query in ["", "query=", "recordId=&query="] {
        assert_eq!(text(&find(&mut account, query)), nothing, "{query}");
    }
    assert_eq!(find(&mut account, "query=Name:Ada&limit=0").status, 400);
    account.admin(NOW, &request("POST", "/knobs", "", r#"{"no_match": "404", "witness_cap": 1}"#));
    assert_eq!(find(&mut account, "query=nobody").status, 404);
    assert_eq!(body(&find(&mut account, "query=created:&limit=50")).as_array().unwrap().len(), 1);
}

#[test]
fn lags_hide_what_is_new() {
    let mut account = account(&json!({"index_lag_ms": 1000, "visibility_lag_ms": 500}));
    let id = create(&mut account, NOW, &json!({"Name": "Ada"}));
    let path = format!("/searches/find-record/{CONTACTS}");
    let find = |account: &mut NetHunt, at: i64, query: &str| {
        body(&get(account, at, &path, query)).as_array().unwrap().len()
    };
    assert!(rows(&mut account, NOW + 499, "new-record", "").is_empty());
    assert_eq!(rows(&mut account, NOW + 500, "new-record", "").len(), 1);
    assert_eq!(find(&mut account, NOW + 999, "query=created:"), 0);
    assert_eq!(find(&mut account, NOW + 999, &format!("recordId={id}")), 1);
    assert_eq!(find(&mut account, NOW + 1000, "query=Name:Ada"), 1);
    body(&update(&mut account, NOW + 2000, &id, &json!({"Name": {"overwrite": true, "add": "Eve"}})));
    assert_eq!(
        (find(&mut account, NOW + 2500, "query=Name:Ada"), find(&mut account, NOW + 2500, "query=Name:Eve")),
        (1, 0)
    );
    assert_eq!(
        (find(&mut account, NOW + 3000, "query=Name:Ada"), find(&mut account, NOW + 3000, "query=Name:Eve")),
        (0, 1)
    );
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
    let file = rows(&mut account, NOW + 1, "new-gdrivefile", "").remove(0);
    assert_eq!((&file["folderId"], &file["recordId"]), (&json!(CONTACTS), &ids[0]));
    for (path, wrong) in [
        ("/records/Contacts", json!([{"fields": {"Nmae": "x"}}])),
        ("/records/Contacts", json!([{"fields": {"Country": "UK"}}])),
        ("/records/Contacts", json!([{"fields": {}, "created": 1}])),
        ("/records/Nowhere", json!([])),
        ("/folders", json!({"name": "Contacts", "fields": []})),
        ("/knobs", json!({"nonsense": 1})),
        ("/nonsense", json!({})),
    ] {
        let reply = account.admin(NOW, &request("POST", path, "", &wrong.to_string()));
        assert!(reply.status >= 400, "{path} {wrong}");
    }
    assert_eq!(body(&account.admin(NOW, &request("GET", "/folders", "", ""))).as_array().unwrap().len(), 3);
}

#[test]
fn a_snapshot_restores_the_same_account() {
    let mut account = seeded(&json!({"tie_order": "id"}));
    account.generate(30, 5, NOW);
    account.drift(NOW + 1, 1, "delete").unwrap();
    account.drift(NOW + 1, 2, "update").unwrap();
    let snapshot = account.snapshot();
    let mut other = NetHunt::new(&json!({"tie_order": "id"})).unwrap();
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
    let knobs = super::Knobs::default();
    let mut folders = Vec::new();
    for folder in &account.store.folders {
        folders.push(folder.created.len());
        for &(created, at) in &folder.created {
            let record = account.store.records[at].as_ref().unwrap();
            assert!(created < NOW && record.touched_ms() < NOW);
            for (name, value) in record.fields.iter() {
                let field = folder.definition.field(name).unwrap();
                assert_eq!(super::values::normalise(field, value, &knobs), Ok(Some(value.clone())), "{name}");
                let links = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                if field.kind == super::folders::FieldType::Link {
                    assert!(links.into_iter().all(|id| account.store.find(id).is_some()), "{name}");
                }
            }
        }
    }
    assert_eq!(folders, [400, 40, 80]);
    let mut twin = NetHunt::new(&json!({})).unwrap();
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
    assert_eq!(account.drift(NOW + 2, 3, "delete"), Some(id));
    assert_eq!(account.drift(NOW + 3, 4, "delete"), None);
    assert_eq!(account.drift(NOW, 5, "dance"), None);
}
