//! Tasks and activities.

use serde_json::{Value, json};

use super::Account;

const UNKNOWN: &str = "64b0c0ffee00000000000001";

#[test]
fn a_task_has_the_documented_keys() {
    let mut account = Account::new(json!({}));
    let ada = account.person(json!({}));
    for (due, shown) in [
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02 03:04", "2026-01-02T03:04:00+00:00"),
    ] {
        let body =
            json!({"subject": "Call", "notes": "n", "related_to": [ada], "due_date": due, "related": 7});
        let (status, task) = account.call("POST", "/activities/task", body);
        assert_eq!((status, task["due_date"].as_str()), (200, Some(shown)));
        assert_eq!(task["related"]["contacts"][0]["name"], "Ada");
        assert_eq!((&task["related_to"], &task["version"]), (&json!([ada]), &json!(2)));
        assert_eq!(task["assigned_to"]["email"], "sim@example.org");
    }
    let tasks = account.admin("GET", "/tasks", &Value::Null).1;
    assert_eq!(tasks.as_array().unwrap().len(), 2);
    for path in ["/tasks", "/activities"] {
        assert_eq!(account.call("POST", path, json!({"subject": "Call"})).0, 404, "{path}");
    }
}

#[test]
fn tasks_the_reference_does_not_allow_are_refused() {
    let mut account = Account::new(json!({}));
    for body in [
        json!({}),
        json!({"subject": "C"}),
        json!({"subject": "C".repeat(129)}),
        json!({"subject": "Call", "related_to": [UNKNOWN]}),
        json!({"subject": "Call", "related_to": "x"}),
        json!({"subject": "Call", "due_date": "2026-01-02"}),
        json!({"subject": "Call", "due_date": "tomorrow morning"}),
    ] {
        assert_eq!(account.call("POST", "/activities/task", body.clone()).1["code"], 245, "{body}");
    }
    assert_eq!(account.call("POST", "/activities/task", json!({"subject": "é".repeat(128)})).0, 200);
}

#[test]
fn the_current_profile_relates_tasks_to_contacts_and_lists_them() {
    let mut account = Account::new(json!({"profile": "current"}));
    let body = json!({"record_type": "person", "fields": {"first name": [{"value": "Ada"}]}});
    let ada = account.call("POST", "/contact", body).1["id"].clone();
    let (status, answer) =
        account.call("POST", "/tasks", json!({"subject": "Call", "related": {"contacts": [UNKNOWN]}}));
    assert_eq!((status, answer), (404, json!({"object_type": "contact", "object_id": UNKNOWN})));
    for number in 0..5 {
        let body = json!({"subject": format!("Task {number}"), "due_date": format!("2030-01-0{}T00:00:00", 9 - number),
                          "related": {"contacts": [ada]}, "related_to": [UNKNOWN], "is_important": number == 1});
        let (status, task) = account.call("POST", "/tasks", body);
        assert_eq!((status, &task["related_to"]), (201, &json!([ada])));
    }
    account.call("POST", "/tasks", json!({"subject": "Old", "due_date": "2020-01-01T00:00:00"}));
    assert_eq!(account.get("/activities").0, 409);
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let (status, page) = account.get(&format!("/activities?direction=pending&limit=2{next}"));
        assert_eq!(status, 200, "{page}");
        seen.extend(page["activities"].as_array().unwrap().iter().map(|item| item["name"].clone()));
        let Some(arguments) = page["next_page"].as_object() else { break };
        let mut query = url::form_urlencoded::Serializer::new(String::from("&"));
        query.extend_pairs(arguments.iter().map(|(key, value)| (key, value.as_str().unwrap())));
        next = format!("&{}", query.finish().trim_start_matches('&'));
    }
    assert_eq!(seen, ["Task 4", "Task 3", "Task 2", "Task 1", "Task 0"]);
    assert_eq!(account.get("/activities?direction=past").1["activities"][0]["name"], "Old");
    assert_eq!(account.get("/activities?direction=pending&types=call").1["activities"], json!([]));
}
