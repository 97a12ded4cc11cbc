//! The streams and find-record.

use serde_json::{Value, json};

use super::*;

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
    set(&mut account, &json!({"include_creations": true, "one_row": false}));
    let ids: Vec<Value> = of(&mut account, "").iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(ids[..2], [json!(format!("{ada}-{}", NOW + 6000)), json!(format!("{ada}-{}", NOW + 5000))]);
}

#[test]
fn what_is_left_to_chance_follows_the_seed() {
    let listed = |seed: u64| {
        let knobs = Knobs::default().changed(&json!({"order": "mixed"})).unwrap();
        let mut account = NetHunt::new(knobs, seed);
        for name in 0..20 {
            create(&mut account, NOW, &json!({"Name": format!("N{name}")}));
        }
        let rows = rows(&mut account, NOW, "new-record", EPOCH);
        names(&rows).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed(1), listed(1));
    assert_ne!(listed(1), listed(2));
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
