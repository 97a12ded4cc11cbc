//! The service as a client meets it: one request in, one reply out.

mod contacts;
mod current;
mod groups;
mod habits;
mod notes;
mod oauth;
mod queries;
mod tabs;
mod tasks;

use serde_json::{Value, json};

use super::knobs::Knobs;
use super::{Nimble, TOKEN};
use crate::sim::exchange::{Request, Service};

const NOW: i64 = 1_790_000_000_000;

struct Account {
    nimble: Nimble,
    now_ms: i64,
}

impl Account {
    fn new(knobs: Value) -> Self {
        let knobs: Knobs = crate::sim::scenario::from_json(&knobs).unwrap();
        Self { nimble: Nimble::new(knobs, 1), now_ms: NOW }
    }

    fn call(&mut self, method: &str, target: &str, body: Value) -> (u16, Value) {
        let request = Request {
            headers: vec![
                ("authorization".into(), format!("Bearer {TOKEN}")),
                ("content-type".into(), "application/json; charset=UTF-8".into()),
            ],
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
            ..request(method, target)
        };
        let reply = self.nimble.handle(self.now_ms, &request);
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
    }

    /// What is below `/_sim/nimble`.
    fn admin(&mut self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let request = Request { body: body.to_string().into_bytes(), ..request(method, target) };
        let reply = self.nimble.admin(self.now_ms, &request);
        let text = || json!(String::from_utf8_lossy(&reply.body));
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or_else(|_| text()))
    }

    fn get(&mut self, target: &str) -> (u16, Value) {
        self.call("GET", target, Value::Null)
    }

    fn person(&mut self, fields: Value) -> String {
        let mut fields = fields;
        fields["first name"] = json!([{"value": "Ada"}]);
        let (status, contact) =
            self.call("POST", "/contact", json!({"record_type": "person", "fields": fields}));
        assert_eq!(status, 201, "{contact}");
        contact["id"].as_str().unwrap().to_owned()
    }

    /// Seeds a contact past all checks.
    fn seed(&mut self, body: Value) -> String {
        let (status, ids) = self.admin("POST", "/contacts", &json!([body]));
        assert_eq!(status, 200, "{ids}");
        ids[0].as_str().unwrap().to_owned()
    }

    fn people(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                self.now_ms += 1000;
                self.person(json!({}))
            })
            .collect()
    }

    fn contact(&mut self, id: &str) -> Value {
        self.get(&format!("/contact/{id}")).1["resources"][0].clone()
    }

    fn ids(&mut self, query: &str) -> Vec<String> {
        let (status, list) = self.get(&format!("/contacts/ids?{query}"));
        assert_eq!(status, 200, "{list}");
        list["resources"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }
}

/// A request without headers and body.
fn request(method: &str, target: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method: method.into(),
        path: path.into(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        ..Request::default()
    }
}

fn shown(contact: &Value, field: &str) -> Vec<String> {
    let values = contact["fields"][field].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| {
        format!("{}={}", value["modifier"].as_str().unwrap(), value["value"].as_str().unwrap())
    };
    values.iter().map(text).collect()
}
