//! Tokens that end, and how new ones are had.

use serde_json::{Value, json};

use super::{Account, request};
use crate::sim::exchange::{Reply, Request, Service};

const BACK: &str = "http://127.0.0.1:4000/back";

impl Account {
    fn authorize(&mut self, query: &str) -> Reply {
        let target = format!("/oauth/authorize?client_id=sim-app&redirect_uri={BACK}&{query}");
        self.nimble.handle(self.now_ms, &request("GET", &target))
    }

    fn token(&mut self, form: &str) -> (u16, Value) {
        let request = Request {
            headers: vec![
                ("content-type".into(), "application/x-www-form-urlencoded; charset=UTF-8".into()),
                ("authorization".into(), "Bearer stale".into()),
            ],
            body: format!("client_id=sim-app&client_secret=sim-secret&{form}").into_bytes(),
            ..request("POST", "/api/oauth/token")
        };
        let reply = self.nimble.handle(self.now_ms, &request);
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    fn refresh(&mut self, token: &Value) -> (u16, Value) {
        self.token(&format!("grant_type=refresh_token&refresh_token={}", token.as_str().unwrap()))
    }

    /// What reading with this token gets.
    fn with(&mut self, token: &Value) -> (u16, Value) {
        let headers = vec![("authorization".into(), format!("bearer {}", token.as_str().unwrap()))];
        let reply = self.nimble.handle(self.now_ms, &Request { headers, ..request("GET", "/myself") });
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }
}

fn location(reply: &Reply) -> url::Url {
    assert_eq!(reply.status, 302);
    url::Url::parse(&String::from_utf8_lossy(&reply.body)).unwrap()
}

fn part(url: &url::Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[test]
fn a_code_is_exchanged_once_for_tokens_that_end() {
    let mut account = Account::new(json!({}));
    let back = location(&account.authorize("response_type=code&state=a%26b"));
    assert!(back.as_str().starts_with(BACK));
    assert_eq!(part(&back, "state").as_deref(), Some("a&b"));
    let code = part(&back, "code").unwrap();
    let form = format!("grant_type=authorization_code&code={code}&redirect_uri={BACK}");
    let (status, tokens) = account.token(&form);
    assert_eq!((status, &tokens["token_type"], &tokens["expires_in"]), (200, &json!("bearer"), &json!(599)));
    assert_eq!(tokens["scope"], "basic");
    let (status, again) = account.token(&form);
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));

    assert_eq!(account.with(&tokens["access_token"]).0, 200);
    account.now_ms += 599_000;
    let (status, refused) = account.with(&tokens["access_token"]);
    assert_eq!((status, &refused["error"]), (401, &json!("invalid_token")));
    assert_eq!(account.with(&json!("sim-token")).0, 200);
}

#[test]
fn a_refresh_gives_a_new_refresh_token_and_ends_the_old_one() {
    let mut account = Account::new(json!({"token_lifetime_ms": 50}));
    let first = account.admin("POST", "/tokens", &Value::Null).1;
    let (status, second) = account.refresh(&first["refresh_token"]);
    assert_eq!(status, 200);
    let mut keys: Vec<&String> = second.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["access_token", "expires_in", "refresh_token"]);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(account.refresh(&first["refresh_token"]).0, 400);
    assert_eq!(account.with(&second["access_token"]).0, 200);
    account.now_ms += 50;
    assert_eq!(account.with(&second["access_token"]).0, 401);
    let counts = account.admin("GET", "/tokens", &Value::Null).1;
    assert_eq!(counts, json!({"live": 0, "refreshes": 1, "refused": 1}));

    let snapshot = account.nimble.snapshot();
    let mut later = Account { now_ms: account.now_ms + 1, ..Account::new(json!({})) };
    later.nimble.restore(&snapshot).unwrap();
    assert_eq!(later.refresh(&second["refresh_token"]).0, 200);
}

#[test]
fn knobs_keep_refresh_tokens_alive() {
    let mut account = Account::new(json!({"rotate_refresh": false}));
    let token = account.admin("POST", "/tokens", &Value::Null).1["refresh_token"].clone();
    assert_eq!(account.refresh(&token).1["refresh_token"], token);
    assert_eq!(account.refresh(&token).0, 200);

    let mut account = Account::new(json!({"refresh_reuse_grace_ms": 100}));
    let token = account.admin("POST", "/tokens", &Value::Null).1["refresh_token"].clone();
    assert_eq!(account.refresh(&token).0, 200);
    account.now_ms += 99;
    assert_eq!(account.refresh(&token).0, 200);
    account.now_ms += 1;
    assert_eq!(account.refresh(&token).0, 400);
}

#[test]
fn refusals_go_to_the_redirect_address_or_to_the_asker() {
    let mut account = Account::new(json!({"authorize": "access_denied"}));
    let back = location(&account.authorize("response_type=code&state=s"));
    assert_eq!(part(&back, "error").as_deref(), Some("access_denied"));
    assert!(part(&back, "error_description").is_some() && part(&back, "code").is_none());
    let mut account = Account::new(json!({"profile": "current"}));
    assert_eq!(
        part(&location(&account.authorize("response_type=code")), "error").as_deref(),
        Some("invalid_request")
    );
    let back = location(&account.authorize("response_type=code&scope=basic,contacts"));
    assert!(part(&back, "code").is_some());
    assert!(part(&location(&account.authorize("response_type=code&scope=basic%2Bdeals")), "code").is_some());
    assert!(part(&location(&account.authorize("response_type=token&scope=basic")), "error").is_some());
    for target in [
        "/oauth/authorize?client_id=other&redirect_uri=http://127.0.0.1:1/&response_type=code",
        "/oauth/authorize?client_id=sim-app&redirect_uri=https://evil.example/&response_type=code",
    ] {
        assert_eq!(account.nimble.handle(account.now_ms, &request("GET", target)).status, 400, "{target}");
    }
    for (form, error) in [
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=refresh_token&refresh_token=x", "invalid_grant"),
        ("grant_type=authorization_code&code=x", "invalid_grant"),
        ("client_secret=wrong&grant_type=refresh_token", "invalid_client"),
    ] {
        let (status, refused) = account.token(form);
        assert_eq!((status, refused["error"].as_str()), (400, Some(error)), "{form}");
        assert!(refused["error_description"].is_string());
    }
    let (status, refused) = account.with(&json!("nonsense"));
    assert_eq!((status, refused), (403, json!({"message": "Can't authenticate request"})));
}
