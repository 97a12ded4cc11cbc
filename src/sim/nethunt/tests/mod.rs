//! The service as a client meets it: requests in, replies out.

mod account;
mod socket;
mod streams;
mod writes;

use serde_json::{Value, json};

use crate::sim::exchange::{Reply, Request, Service};
use crate::sim::nethunt::NetHunt;
use crate::sim::nethunt::knobs::Knobs;

/// 2023-07-14T09:00:00.000Z.
const NOW: i64 = 1_689_325_200_000;
const CONTACTS: &str = "60672149a1c0ffee0000c001";
const EPOCH: &str = "since=1970-01-01T00:00:00.000Z";

fn account(knobs: &Value) -> NetHunt {
    NetHunt::new(Knobs::default().changed(knobs).unwrap(), 1)
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
