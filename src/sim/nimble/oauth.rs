//! OAuth 2.0 of the simulated Nimble: authorisation code and refresh, nothing else (reference, OAuth 2.0).
//!
//! The page on which a person agrees is left out: the authorise address answers at once with the redirect, to
//! any address on the loopback, because an application on a desk cannot know its port beforehand. Tokens live
//! as long as the knobs say. The `Authorization` header is not looked at here, for a public client sends a
//! stale one.

use std::collections::HashMap;

use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::knobs::{Authorize, Knobs};
use super::{Nimble, TOKEN};
use crate::sim::exchange::{Reply, Request};

const CLIENT_ID: &str = "sim-app";
const CLIENT_SECRET: &str = "sim-secret";
/// How long a code can be exchanged; the reference says "a short time".
const CODE_LIFETIME_MS: i64 = 60_000;
const SCOPES: [&str; 3] = ["basic", "contacts", "deals"];

/// Everything that was handed out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Access tokens and when they end.
    access: HashMap<String, i64>,
    /// Refresh tokens and since when another stands in their place.
    refresh: HashMap<String, Option<i64>>,
    codes: HashMap<String, Code>,
    made: u64,
    refreshes: u64,
    refused: u64,
}

#[derive(Debug)]
struct Code {
    redirect_uri: String,
    scope: String,
    ends_ms: i64,
}

/// A refusal of the token endpoint: `error` and what it means here.
type Refusal = (&'static str, &'static str);

impl Tokens {
    /// Whether a token opens the API now.
    pub(super) fn opens(&self, token: &str, now_ms: i64) -> bool {
        token == TOKEN || self.access.get(token).is_some_and(|ends_ms| now_ms < *ends_ms)
    }

    /// The counts for the tests.
    pub(super) fn json(&self, now_ms: i64) -> Value {
        json!({
            "live": self.access.values().filter(|ends_ms| now_ms < **ends_ms).count(),
            "refreshes": self.refreshes, "refused": self.refused,
        })
    }

    /// The refresh tokens that still work, so that a login outlives a restart with a state file.
    pub(super) fn snapshot(&self) -> Value {
        let mut live: Vec<&String> =
            self.refresh.iter().filter(|(_, replaced)| replaced.is_none()).map(|(token, _)| token).collect();
        live.sort_unstable();
        json!(live)
    }

    /// What a snapshot holds; nothing of one from before there were tokens.
    pub(super) fn read(snapshot: &Value) -> Self {
        let live = snapshot.as_array().into_iter().flatten().filter_map(Value::as_str);
        Self { refresh: live.map(|token| (token.to_owned(), None)).collect(), ..Self::default() }
    }

    /// A new pair of tokens, both to be used at once.
    pub(super) fn grant(&mut self, now_ms: i64, knobs: &Knobs) -> Value {
        let refresh_token = self.fresh(now_ms);
        self.refresh.insert(refresh_token.clone(), None);
        let access_token = self.open(now_ms, knobs);
        json!({"access_token": access_token, "refresh_token": refresh_token,
               "expires_in": expires_in(knobs)})
    }

    fn open(&mut self, now_ms: i64, knobs: &Knobs) -> String {
        self.access.retain(|_, ends_ms| now_ms < *ends_ms);
        let token = self.fresh(now_ms);
        self.access.insert(token.clone(), now_ms + knobs.token_lifetime_ms());
        token
    }

    /// A token in the shape of a UUID, as the service's are. The clock is in it: a simulator that starts
    /// again must not hand out what an earlier one did.
    fn fresh(&mut self, now_ms: i64) -> String {
        self.made += 1;
        let seed = now_ms.unsigned_abs() ^ self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hex = format!("{:032x}", fastrand::Rng::with_seed(seed).u128(..));
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

impl Nimble {
    /// Answers the addresses of OAuth, which lie beside the API's; nothing for any other path.
    pub(super) fn oauth(&mut self, now_ms: i64, request: &Request) -> Option<Reply> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/oauth/authorize") => Some(self.authorize(now_ms, request)),
            ("POST", "/oauth/token" | "/api/oauth/token") => {
                Some(self.token(now_ms, request).unwrap_or_else(|(error, why)| {
                    self.tokens.refused += 1;
                    let description = format!("x-simulated: {why}");
                    Reply::json(400, &json!({"error": error, "error_description": description}))
                }))
            }
            _ => None,
        }
    }

    fn authorize(&mut self, now_ms: i64, request: &Request) -> Reply {
        let param = |name: &str| request.param(name).unwrap_or_default();
        let redirect_uri = param("redirect_uri");
        // Where the answer would go to a stranger there is none but this page.
        let Some(mut redirect) = loopback(redirect_uri).filter(|_| param("client_id") == CLIENT_ID) else {
            return Reply::text(400, "x-simulated: the application or its redirect address is not known");
        };
        let scope = param("scope").replace(['+', ' '], ",");
        let known = scope.split(',').all(|scope| SCOPES.contains(&scope));
        let scope_fits = if scope.is_empty() { !self.knobs.is_current() } else { known };
        let refusal = match self.knobs.authorize {
            Authorize::AccessDenied => Some(("access_denied", "the user did not agree")),
            Authorize::InvalidRequest => Some(("invalid_request", "by knob")),
            Authorize::Grant if param("response_type") != "code" => {
                Some(("invalid_request", "`response_type` is code"))
            }
            Authorize::Grant if !scope_fits => Some(("invalid_request", "`scope` is missing or not known")),
            Authorize::Grant => None,
        };
        {
            let mut query = redirect.query_pairs_mut();
            if let Some((error, why)) = refusal {
                query.append_pair("error", error);
                query.append_pair("error_description", &format!("x-simulated: {why}"));
            } else {
                let code = self.tokens.fresh(now_ms)[..8].to_owned();
                query.append_pair("code", &code);
                let ends_ms = now_ms + CODE_LIFETIME_MS;
                let scope = if scope.is_empty() { "basic".to_owned() } else { scope };
                let code_is = Code { redirect_uri: redirect_uri.to_owned(), scope, ends_ms };
                self.tokens.codes.insert(code, code_is);
            }
            // Given back as RFC 6749 has it; the reference never mentions it.
            if let Some(state) = request.param("state") {
                query.append_pair("state", state);
            }
        }
        Reply::redirect(redirect.as_str())
    }

    fn token(&mut self, now_ms: i64, request: &Request) -> Result<Reply, Refusal> {
        let form = request
            .header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
        if !form {
            return Err(("invalid_request", "the body is to be a form"));
        }
        let params: HashMap<String, String> = form_urlencoded::parse(&request.body).into_owned().collect();
        let param = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
        if (param("client_id"), param("client_secret")) != (CLIENT_ID, CLIENT_SECRET) {
            return Err((
                "invalid_client",
                "`client_id` and `client_secret` do not belong to an application",
            ));
        }
        let body = match param("grant_type") {
            "authorization_code" => self.exchange(now_ms, param("code"), param("redirect_uri"))?,
            "refresh_token" => self.refresh(now_ms, param("refresh_token"))?,
            _ => {
                return Err((
                    "unsupported_grant_type",
                    "`grant_type` is authorization_code or refresh_token",
                ));
            }
        };
        // Marked, so that the state file is written and the ledger counts them.
        let effect = if param("grant_type") == "refresh_token" { "refresh" } else { "grant" };
        Ok(Reply::json(200, &body).with_effect(effect, CLIENT_ID))
    }

    fn exchange(&mut self, now_ms: i64, code: &str, redirect_uri: &str) -> Result<Value, Refusal> {
        // Whatever comes of it, a code is good for one attempt.
        let code = self.tokens.codes.remove(code).filter(|code| now_ms < code.ends_ms);
        let code = code.ok_or(("invalid_grant", "the code is not known, used or too old"))?;
        if code.redirect_uri != redirect_uri {
            return Err(("invalid_grant", "`redirect_uri` is not that of the authorisation"));
        }
        let mut body = self.tokens.grant(now_ms, &self.knobs);
        body["token_type"] = json!("bearer");
        body["scope"] = json!(code.scope);
        Ok(body)
    }

    /// Neither `token_type` nor `scope` come back here (reference, refresh).
    fn refresh(&mut self, now_ms: i64, token: &str) -> Result<Value, Refusal> {
        let replaced = self.tokens.refresh.get(token).copied();
        let replaced = replaced.ok_or(("invalid_grant", "the refresh token is not known"))?;
        if replaced.is_some_and(|since| now_ms - since >= self.knobs.refresh_reuse_grace_ms) {
            return Err(("invalid_grant", "another refresh token stands in the place of this one"));
        }
        self.tokens.refreshes += 1;
        if !self.knobs.rotate_refresh {
            let access_token = self.tokens.open(now_ms, &self.knobs);
            return Ok(json!({"access_token": access_token, "expires_in": expires_in(&self.knobs),
                             "refresh_token": token}));
        }
        let body = self.tokens.grant(now_ms, &self.knobs);
        self.tokens.refresh.entry(token.to_owned()).or_default().get_or_insert(now_ms);
        Ok(body)
    }
}

/// Whole seconds, at least one, though the lifetime may be shorter.
fn expires_in(knobs: &Knobs) -> i64 {
    (knobs.token_lifetime_ms() / 1000).max(1)
}

fn loopback(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    (url.scheme() == "http" && here).then_some(url)
}
