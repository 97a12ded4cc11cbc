//! What public clients send, byte for byte, over a real socket (reference, conventions).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::sim::{Options, Scenario, Simulator};

/// Sends bytes on a connection of their own and gives status, head and JSON body.
fn send(simulator: &Simulator, request: &str) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(simulator.root().trim_start_matches("http://")).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// No `Accept`, no `User-Agent`, and nothing else that is not given.
fn head(method: &str, target: &str, more: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nAuthorization: Bearer sim-token\r\n{more}\r\n"
    )
}

fn with_body(method: &str, target: &str, kind: &str, body: &str) -> String {
    let more = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
    head(method, target, &more) + body
}

fn simulator(scenario: &str) -> Simulator {
    Simulator::start(Options { scenario: Scenario::parse(scenario).unwrap(), ..Options::default() }).unwrap()
}

#[test]
fn chunked_bodies_blanks_as_plus_and_slashes_at_the_end_are_taken() {
    let simulator = simulator("");
    let body = json!({"record_type": "person", "fields": {"first name": [{"value": "Ada"}],
        "last name": [{"value": "Byron King"}]}})
    .to_string();
    let (left, right) = body.split_at(17);
    let chunks = format!("{:x}\r\n{left}\r\n{:x};part=2\r\n{right}\r\n0\r\n\r\n", left.len(), right.len());
    let more = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let (status, _, contact) = send(&simulator, &(head("POST", "/api/v1/contact/", more) + &chunks));
    assert_eq!(status, 201, "{contact}");
    let id = contact["id"].as_str().unwrap();
    for (kind, expected) in [
        ("application/json;charset=utf-8", 201),
        ("text/json", 409),
        ("application/jsonx", 409),
        ("text/plain; of=application/json", 409),
    ] {
        let other = body.replace("Ada", "Eva");
        let (status, ..) =
            send(&simulator, &with_body("POST", "/api/v1/contact", kind, &other.replace("Byron", "")));
        assert_eq!(status, expected, "{kind}");
    }

    let query = "%7B%22last+name%22:%7B%22is%22:%22byron+king%22%7D%7D";
    let (status, _, list) =
        send(&simulator, &head("GET", &format!("/api/v1/contacts/ids/?query={query}"), ""));
    assert_eq!((status, &list["resources"]), (200, &json!([id])));
    let target = "/api/v1/contacts/list?fields=first+name,%20last%20name&tags=False&per_page=1";
    let (_, _, list) = send(&simulator, &head("GET", target, ""));
    assert_eq!(list["resources"][0]["fields"].as_object().map(serde_json::Map::len), Some(2));
    let (_, _, one) = send(
        &simulator,
        &head("GET", &format!("/api/v1/contact?id={id}&id={id}&fields=email&fields=first+name"), ""),
    );
    assert_eq!(one["resources"][0]["fields"].as_object().map(serde_json::Map::len), Some(1));

    let delete = with_body("DELETE", &format!("/api/v1/contact/{id}"), "application/json", "{}");
    let (status, _, gone) = send(&simulator, &delete);
    assert_eq!((status, &gone["data"]["ids"]), (200, &json!([id])));
}

#[test]
fn a_login_goes_by_the_hosts_own_addresses() {
    let simulator = simulator("[nimble]\ntoken_lifetime_ms = 3600000\n");
    let back = "http%3A%2F%2F127.0.0.1%3A9%2Fback";
    let query =
        format!("client_id=sim-app&redirect_uri={back}&response_type=code&scope=basic+contacts&state=a+b");
    let (status, head_text, _) = send(&simulator, &head("GET", &format!("/oauth/authorize?{query}"), ""));
    assert_eq!(status, 302);
    let location = head_text.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    assert!(
        location.starts_with("http://127.0.0.1:9/back?code=") && location.ends_with("&state=a+b"),
        "{location}"
    );
    let code = location.split(['=', '&']).nth(1).unwrap();
    let form = format!(
        "grant_type=authorization_code&client_id=sim-app&client_secret=sim-secret&redirect_uri={back}&code={code}&type=web_server"
    );
    let kind = "application/x-www-form-urlencoded; charset=UTF-8";
    let (status, _, tokens) = send(&simulator, &with_body("POST", "/oauth/token", kind, &form));
    assert_eq!((status, &tokens["scope"]), (200, &json!("basic,contacts")));
    let token = tokens["access_token"].as_str().unwrap();
    // A stale header does no harm beside a good parameter.
    let stale = format!(
        "GET /api/v1/myself/?access_token={token} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nAuthorization: Bearer stale\r\n\r\n"
    );
    assert_eq!(send(&simulator, &stale).0, 200);
    for target in ["/api/v1/oauth/token", "/api/v1/api/oauth/token", "/oauth", "/api/v2/deals"] {
        assert_eq!(send(&simulator, &with_body("POST", target, kind, &form)).0, 404, "{target}");
    }
    let admin = "GET /_sim/nimble/tokens HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n";
    assert_eq!(send(&simulator, admin).2, json!({"live": 1, "refreshes": 0, "refused": 0}));
}
