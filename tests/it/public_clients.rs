//! The simulator takes what public clients of the services were seen to send, byte for byte, and not only what
//! Ferry's own client does.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::Rehearsal;

const NIMBLE: &str = "Authorization: Bearer sim-token";
const NETHUNT: &str = "Authorization: Basic c2ltQGV4YW1wbGUub3JnOnNpbS1rZXk=";

/// Status and body of the answer to a request as it stands here, its lines ended by CRLF.
fn send(rehearsal: &Rehearsal, head: &[&str], body: &str) -> (u16, String) {
    let host = rehearsal.root().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).unwrap();
    let head = format!("{}\r\nHost: {host}\r\nConnection: close\r\n\r\n{body}", head.join("\r\n"));
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn get(rehearsal: &Rehearsal, target: &str, login: &str) -> (u16, String) {
    send(rehearsal, &[&format!("GET {target} HTTP/1.1"), login], "")
}

/// A folder's id, and the id of the record `Ada King` in it.
fn with_ada() -> (Rehearsal, String, String) {
    let rehearsal = Rehearsal::new("");
    let ids = rehearsal.post("/nethunt/records/Contacts", r#"[{"fields": {"Name": "Ada King"}}]"#);
    let folders = rehearsal.get("/nethunt/folders");
    let folder = folders[0]["id"].as_str().unwrap().to_owned();
    let id = ids[0].as_str().unwrap().to_owned();
    (rehearsal, folder, id)
}

#[test]
fn blanks_and_names_are_understood_however_they_are_escaped() {
    let (rehearsal, folder, id) = with_ada();
    let find = |query: &str| {
        let target = format!("/api/v1/zapier/searches/find-record/{folder}?{query}");
        let (status, body) = get(&rehearsal, &target, NETHUNT);
        assert_eq!(status, 200, "{query}: {body}");
        body.contains(&id)
    };
    for query in [
        "query=Ada+King",
        "query=Ada%20King",
        "query=%22Name%22%3A%22Ada+King%22",
        "query=Name:Ada",
        "query=Name=Ada",
        "query=created:&limit=50000",
        "created=today&query=Ada",
    ] {
        assert!(find(query), "{query} does not find her");
    }
    let since = "since=2000-01-01T00%3A00%3A00.000Z";
    for target in [
        format!("updated-record/{folder}?{since}&fieldName=Name&fieldName=Country+of+birth"),
        format!("new-record/{folder}?{since}&offset=7"),
    ] {
        let (status, body) = get(&rehearsal, &format!("/api/v1/zapier/triggers/{target}"), NETHUNT);
        assert!(status == 200 && body.contains(&id), "{target}: {status} {body}");
    }
    let (status, _) = get(&rehearsal, "/api/v1/zapier/triggers/readable-folder?", NETHUNT);
    assert_eq!(status, 200, "a bare question mark");
}

#[test]
fn bodies_may_come_in_chunks_with_any_type_or_none() {
    let (rehearsal, folder, id) = with_ada();
    let body = json!({"timeZone": "Europe/Kiev", "fields": {"Name": "Grace"}}).to_string();
    let (first, rest) = body.split_at(20);
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", first.len(), rest.len());
    let create = format!("POST /api/v1/zapier/actions/create-record/{folder} HTTP/1.1");
    let head = [&create, NETHUNT, "Content-Type: application/json", "Transfer-Encoding: chunked"];
    let (status, answer) = send(&rehearsal, &head, &chunks);
    assert!(status == 200 && answer.contains("recordId"), "{status} {answer}");
    let delete = |id: &str| format!("POST /api/v1/zapier/actions/delete-record/{id} HTTP/1.1");
    let (status, answer) =
        send(&rehearsal, &[&delete(&id), NETHUNT, "Content-Type: application/json", "Content-Length: 0"], "");
    assert_eq!(status, 200, "without a body: {answer}");
    let grace = rehearsal.records("Contacts")[0]["recordId"].as_str().unwrap().to_owned();
    let (status, answer) = send(&rehearsal, &[&delete(&grace), NETHUNT, "Content-Length: 0"], "");
    assert_eq!(status, 200, "without a type: {answer}");
    // The doubled path of the reference's headings is none.
    let doubled = format!("POST /api/v1/zapier/zapier/actions/delete-record/{id} HTTP/1.1");
    assert_eq!(send(&rehearsal, &[&doubled, NETHUNT, "Content-Length: 0"], "").0, 404);
}

#[test]
fn nimble_takes_slashes_at_the_end_bodies_of_deletes_and_every_form_of_a_token() {
    let rehearsal = Rehearsal::new("");
    let fields = json!({"first name": [{"value": "Ada", "modifier": ""}]});
    let made = rehearsal.service("POST", "/contact/", &json!({"record_type": "person", "fields": fields}));
    let id = made["id"].as_str().unwrap().to_owned();
    for (target, login) in [
        ("/api/v1/contacts/?page=1", NIMBLE),
        ("/api/v1/contacts/list?fields=first%20name,+last%20name", NIMBLE),
        ("/api/v1/contacts/ids/", NIMBLE),
        ("/api/v1/contacts?tags=True&access_token=sim-token", "Accept: */*"),
        ("/api/v1/contacts", "X-Nimble-Token: sim-token"),
        ("/api/v1/contacts?access_token=sim-token", "Authorization: Bearer an-old-one"),
    ] {
        let (status, body) = get(&rehearsal, target, login);
        assert!(status == 200 && body.contains(&id), "{target}: {status} {body}");
    }
    assert_eq!(get(&rehearsal, "/api/v1/contacts", "Accept: */*").0, 401);
    let delete = format!("DELETE /api/v1/contact/{id} HTTP/1.1");
    let head = [&delete, NIMBLE, "Content-Type: application/json", "Content-Length: 2"];
    let (status, answer) = send(&rehearsal, &head, "{}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["data"]["ids"][0]), (200, &json!(id)), "{answer}");
}
