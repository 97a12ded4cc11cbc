//! What real clients put on the wire (sections 1 and 5 of the API notes), byte for byte over a socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::CONTACTS;
use crate::sim::{Options, Scenario, Simulator};

/// A service with three records, met with nothing but a socket.
struct Wire {
    simulator: Simulator,
}

impl Wire {
    fn new(scenario: &str) -> Self {
        let scenario = Scenario::parse(scenario).unwrap();
        let wire = Self { simulator: Simulator::start(Options { scenario, ..Options::default() }).unwrap() };
        let seeds = json!([
            {"fields": {"Name": "Ada", "Country of birth": "GB", "Tags": ["x"]}},
            {"fields": {"Name": "Ben B", "Country of birth": "DE", "Zip": "00501"}},
            {"fields": {"Name": "Їжак", "Email": ["ada@example.org"]}},
        ])
        .to_string();
        wire.exchange(&format!(
            "POST /_sim/nethunt/records/Contacts HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{seeds}",
            seeds.len()
        ));
        wire
    }

    /// Sends bytes as they are, and reads the status and the body of the answer.
    fn exchange(&self, request: &str) -> (u16, String) {
        let address = self.simulator.root().trim_start_matches("http://").to_owned();
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        // Every request asks for the connection to be closed, so the answer ends with it.
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// A request with credentials, `headers` each with its line end, and a body that is there or not.
    fn send(&self, line: &str, headers: &str, body: &str) -> (u16, String) {
        self.exchange(&format!(
            "{line} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\
             Authorization: Basic c2ltQGV4YW1wbGUub3JnOnNpbS1rZXk=\r\n{headers}\r\n{body}"
        ))
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(&format!("GET /api/v1/zapier{path}"), "", "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn names(&self, path: &str) -> Vec<String> {
        let mut names: Vec<String> = self.get(path).as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    }
}

fn name(row: &Value) -> String {
    row["fields"]["Name"].as_str().unwrap().to_owned()
}

#[test]
fn queries_are_read_as_clients_write_them() {
    let wire = Wire::new("");
    let find = format!("/searches/find-record/{CONTACTS}");
    for (query, expected) in [
        ("query=%22Country+of+birth%22%3A%22GB%22&limit=9", vec!["Ada"]),
        ("query=%22Country%20of%20birth%22:%22GB%22&limit=9", vec!["Ada"]),
        ("query=Name:Ben+B", vec!["Ben B"]),
        ("query=Name=Ada", vec!["Ada"]),
        ("query=ada%40example.org", vec!["Їжак"]),
        ("query=Name%3A%D0%87%D0%B6%D0%B0%D0%BA", vec!["Їжак"]),
        ("limit=9&query=created%3A&offset=2", vec!["Ada", "Ben B", "Їжак"]),
        ("query=id:&limit=99999999", vec!["Ada", "Ben B", "Їжак"]),
        ("query=nobody", vec![]),
    ] {
        assert_eq!(wire.names(&format!("{find}?{query}")), expected, "{query}");
    }
    for query in ["?query=", "?", ""] {
        let (status, body) = wire.send(&format!("GET /api/v1/zapier{find}{query}"), "", "");
        assert_eq!(
            (status, body.as_str()),
            (400, "Please enter either Record ID or Search Query"),
            "{query}"
        );
    }
    let updated = format!("/triggers/updated-record/{CONTACTS}");
    assert_eq!(wire.names(&format!("{updated}?fieldName=Tags&fieldName=Zip")), ["Ada", "Ben B"]);
    assert_eq!(wire.names(&format!("{updated}?fieldName=Country+of+birth")), ["Ada", "Ben B"]);
    assert_eq!(wire.names(&format!("{updated}?")).len(), 3, "a bare question mark");
    assert_eq!(wire.names(&format!("{updated}?created=today")).len(), 3, "unknown parameters do not matter");
    assert_eq!(wire.names(&format!("{updated}?since=1970-01-01T00%3A00%3A00Z")).len(), 3, "no milliseconds");
}

#[test]
fn bodies_may_come_in_chunks_or_not_at_all() {
    let wire = Wire::new("");
    let (first, second) = (r#"{"timeZone":"Europe/Kiev","#, r#""fields":{"Name":"Cleo"}}"#);
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    let headers = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let create = format!("POST /api/v1/zapier/actions/create-record/{CONTACTS}");
    let (status, body) = wire.send(&create, headers, &chunks);
    assert_eq!(status, 200, "{body}");
    let id = serde_json::from_str::<Value>(&body).unwrap()["recordId"].as_str().unwrap().to_owned();

    let delete = |id: &str, headers: &str| {
        wire.send(&format!("POST /api/v1/zapier/actions/delete-record/{id}"), headers, "")
    };
    assert_eq!(delete(&id, "Content-Type: application/json\r\n"), (200, "{}".to_owned()));
    assert_eq!(delete(&id, ""), (404, "x-simulated: Record not found".to_owned()));
    let other = wire.get(&format!("/searches/find-record/{CONTACTS}?query=Name:Ada"))[0]["id"].clone();
    assert_eq!(delete(other.as_str().unwrap(), "Content-Length: 0\r\n"), (200, "{}".to_owned()));
    assert_eq!(wire.names(&format!("/triggers/new-record/{CONTACTS}")), ["Ben B", "Їжак"]);
}

#[test]
fn only_the_right_prefix_is_served_and_only_with_the_key() {
    let wire = Wire::new("");
    let body = r#"{"timeZone":"UTC","fields":{"Name":"X"}}"#;
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let doubled = format!("POST /api/v1/zapier/zapier/actions/create-record/{CONTACTS}");
    assert_eq!(wire.send(&doubled, &headers, body), (404, "x-simulated: Not Found".to_owned()));
    let stranger = "GET /api/v1/zapier/triggers/new-record/undefined HTTP/1.1\r\nHost: sim\r\n\
                    Authorization: Bearer nh_live_x\r\nConnection: close\r\n\r\n";
    let refused = "Your email address or API key does not appear to be valid".to_owned();
    assert_eq!(wire.exchange(stranger), (401, refused));
}

#[test]
fn a_comment_is_kept_in_the_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options { state: Some(folder.path().join("sim.json")), ..Options::default() };
    let wire = Wire { simulator: Simulator::start(options()).unwrap() };
    let create = format!("POST /api/v1/zapier/actions/create-record/{CONTACTS}");
    let body = r#"{"timeZone":"UTC","fields":{"Name":"Ada"}}"#;
    let with_length = |body: &str| format!("Content-Length: {}\r\n", body.len());
    let (_, made) = wire.send(&create, &with_length(body), body);
    let id = serde_json::from_str::<Value>(&made).unwrap()["recordId"].as_str().unwrap().to_owned();
    wire.simulator.save().unwrap();
    let text = r#"{"text":"Hi"}"#;
    let comment = format!("POST /api/v1/zapier/actions/create-comment/{id}");
    assert_eq!(wire.send(&comment, &with_length(text), text).0, 200);
    wire.simulator.stop();
    let again = Wire { simulator: Simulator::start(options()).unwrap() };
    assert_eq!(again.get(&format!("/triggers/new-comment/{CONTACTS}"))[0]["text"], "Hi");
}
