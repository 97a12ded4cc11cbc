//! The token endpoint of OAuth 2.0: a code or a refresh token becomes an access token (RFC 6749, sections 4.1.3
//! and 6).
//!
//! The request is form-encoded, carries the application's secret in its body and no `Authorization`. It counts as
//! a request and keeps to the pace. Where tokens are kept, and when they are renewed, is not known here. Neither
//! form nor answer has a way to be printed.

use super::{Answer, Client, Failure};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;

/// An application that is registered with the service.
#[derive(Debug, Clone)]
pub struct Application {
    /// Where tokens are issued.
    pub token_url: String,
    /// The application's id.
    pub client_id: SecretString,
    /// The application's secret.
    pub client_secret: SecretString,
    /// Where the browser is sent back to.
    pub redirect_uri: String,
}

/// What the endpoint issued.
#[derive(Debug)]
pub struct Grant {
    /// For requests.
    pub access_token: SecretString,
    /// For the next refresh; `None` where the old one stays good.
    pub refresh_token: Option<SecretString>,
    /// How long the access token is good for, where that is said.
    pub lifetime: Option<Duration>,
}

#[derive(Deserialize)]
struct WireGrant {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<f64>,
}

impl Application {
    /// Exchanges the code that the browser brought back.
    ///
    /// # Errors
    /// As [`Client::exchange`]; a code is good for one try.
    pub fn redeem(&self, client: &Client, code: &SecretString) -> Result<Grant, Failure> {
        self.ask(client, "authorization_code", ("code", code))
    }

    /// Asks for a new access token.
    ///
    /// # Errors
    /// As [`Client::exchange`]. [`Failure::MaybeApplied`]: the service may have issued tokens that never arrived.
    pub fn refresh(&self, client: &Client, refresh_token: &SecretString) -> Result<Grant, Failure> {
        self.ask(client, "refresh_token", ("refresh_token", refresh_token))
    }

    fn ask(&self, client: &Client, kind: &str, shown: (&str, &SecretString)) -> Result<Grant, Failure> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", kind)
            .append_pair(shown.0, shown.1.expose_secret())
            .append_pair("client_id", self.client_id.expose_secret())
            .append_pair("client_secret", self.client_secret.expose_secret())
            .append_pair("redirect_uri", &self.redirect_uri)
            .finish();
        let answer = client.exchange(&self.token_url, &SecretString::from(form))?;
        read(&answer).ok_or_else(|| Failure::MaybeApplied {
            // The body is left out: it may hold the token.
            why: "the answer of the token endpoint is not the documented JSON".to_owned(),
            status: Some(answer.status),
        })
    }
}

fn read(answer: &Answer) -> Option<Grant> {
    let wire: WireGrant = serde_json::from_slice(&answer.body).ok()?;
    let lifetime = wire.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    let refresh_token = wire.refresh_token.filter(|token| !token.is_empty()).map(SecretString::from);
    (!wire.access_token.is_empty()).then(|| Grant {
        access_token: wire.access_token.into(),
        refresh_token,
        lifetime,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, date: None, content_type: String::new(), body: body.into() }
    }

    #[test]
    fn both_documented_answers_are_read() {
        let first = r#"{"access_token":"u1","token_type":"bearer","expires_in":599,"refresh_token":"u2"}"#;
        let grant = read(&answer(first)).unwrap();
        assert_eq!(grant.access_token.expose_secret(), "u1");
        assert_eq!(grant.refresh_token.unwrap().expose_secret(), "u2");
        assert_eq!(grant.lifetime, Some(Duration::from_secs(599)));
        let bare = read(&answer(r#"{"access_token":"u1"}"#)).unwrap();
        assert!(bare.refresh_token.is_none() && bare.lifetime.is_none());
        for body in ["", "{}", "<html>", r#"{"access_token":""}"#] {
            assert!(read(&answer(body)).is_none(), "{body}");
        }
    }

    #[test]
    fn a_grant_does_not_print_its_tokens() {
        let grant = read(&answer(r#"{"access_token":"hunter2","refresh_token":"hunter3"}"#)).unwrap();
        assert!(!format!("{grant:?}").contains("hunter"), "{grant:?}");
    }
}
