//! Requests to Nimble: addresses, queries, answers, and what their refusal means for the command.
//!
//! Here is nothing about completeness or merging; [`crate::http`] paces and repeats.

use super::refusal::{Meaning, meaning, sentence};
use crate::error::{Error, Result};
use crate::http::{Answer, Call, Client, Failure, ORDINARY, Unreadable};
use serde_json::Value;

/// How to fix refused credentials of which no more is known.
const TOKEN_HINT: &str = "`ferry config show` tells where the connection's credentials are kept";
/// How to fix a base URL.
pub(super) const URL_HINT: &str =
    "check the connection's `url`, which `ferry config show` tells: it should end in `/api/v1`";

/// A connection to Nimble's API.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) client: Client,
    base: String,
}

/// Query parameters in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(String);

impl Query {
    /// The same query with one more parameter.
    pub(super) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&escaped(value.as_ref()));
        self
    }
}

/// Text for a path or query: everything but letters, digits and `*-._` as `%XX`.
pub(super) fn escaped(text: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

impl Api {
    pub(super) fn new(client: Client, mut base_url: String) -> Self {
        base_url.truncate(base_url.trim_end_matches('/').len());
        Self { client, base: base_url }
    }

    /// Base URL without a trailing slash.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Reads `path` and parses its body.
    pub(super) fn get<T>(
        &self,
        path: &str,
        query: &Query,
        parse: impl Fn(&Answer, &str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let url = format!("{}{path}{}", self.base, query.0);
        let call = Call { method: "GET", url, body: None, timeout: ORDINARY };
        self.client.read(&call, |answer| {
            let body = std::str::from_utf8(&answer.body)
                .map_err(|_| Unreadable("the answer is not UTF-8".to_owned()))?;
            parse(answer, body).map_err(|why| unreadable(answer, body, &why))
        })
    }

    /// Reads `path` as JSON.
    pub(super) fn json(&self, path: &str, query: &Query) -> Result<Value, Failure> {
        self.get(path, query, |_, body| serde_json::from_str(body).map_err(|error| error.to_string()))
    }

    /// Sends a write with a JSON body.
    pub(super) fn write(
        &self,
        method: &'static str,
        path: &str,
        query: &Query,
        body: &Value,
    ) -> Result<Answer, Failure> {
        let url = format!("{}{path}{}", self.base, query.0);
        let body = Some(body.to_string().into_bytes());
        self.client.write(&Call { method, url, body, timeout: ORDINARY })
    }
}

/// What a failed read means for the command; `what` says what could not be done.
pub(super) fn failed(what: &str, failure: Failure) -> Error {
    match failure {
        Failure::Stopped => Error::stopped(format!("{what}: stopped as asked")),
        Failure::GaveUp(why) => Error::stopped(format!("{what}: {why}")),
        Failure::MaybeApplied { why, .. } => Error::stopped(format!("{what}: {why}")),
        Failure::Unauthorized { why, hint } => Error::credentials(format!("{what}: {why}")).hint(hint),
        Failure::Refused { status, text } => match meaning(status, &text) {
            // The body is left out: it may repeat the token.
            Meaning::Credentials => {
                Error::credentials(format!("{what}: Nimble refuses the credentials ({status})"))
                    .hint(TOKEN_HINT)
            }
            Meaning::Quota => Error::stopped(format!("{what}: quota spent: {}", sentence(status, &text)))
                .hint("raise the plan's limit or remove contacts, then resume"),
            Meaning::Invalid if status == 403 => {
                Error::credentials(format!("{what}: Nimble forbids it: {}", sentence(status, &text)))
                    .hint("give the token's user the permission, or use another user's token")
            }
            Meaning::Missing => {
                Error::input(format!("{what}: {} ({status})", sentence(status, &text))).hint(URL_HINT)
            }
            Meaning::Invalid if (300..400).contains(&status) => {
                Error::input(format!("{what}: Nimble answers {status}: {}", sentence(status, &text)))
                    .hint(URL_HINT)
            }
            Meaning::Invalid => {
                Error::input(format!("{what}: Nimble refuses the request: {}", sentence(status, &text)))
            }
        },
    }
}

fn unreadable(answer: &Answer, body: &str, why: &str) -> Unreadable {
    if answer.content_type.contains("html") || body.trim_start().starts_with('<') {
        return Unreadable(format!("not an API's answer: {}", sentence(answer.status, body)));
    }
    Unreadable(format!("the answer cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn queries_are_escaped_as_the_facts_show() {
        let query = Query::default().with("fields", "first name,hello\\, Ada").with("sort", "created:asc");
        assert_eq!(query.0, "?fields=first%20name%2Chello%5C%2C%20Ada&sort=created%3Aasc");
    }

    #[test]
    fn failures_have_the_class_that_decides_the_exit_code() {
        let refused = |status, text: &str| Failure::Refused { status, text: text.into() };
        let cases = [
            (
                refused(401, r#"{"error":"invalid_token","error_description":"secret-token is bad"}"#),
                Class::Credentials,
            ),
            (refused(403, r#"{"message":"Can't authenticate request"}"#), Class::Credentials),
            (refused(402, "{}"), Class::Stopped),
            (refused(404, ""), Class::Input),
            (refused(409, r#"{"message":"bad sort"}"#), Class::Input),
            (Failure::GaveUp("the service answers 503".into()), Class::Stopped),
            (Failure::Stopped, Class::Stopped),
        ];
        for (failure, class) in cases {
            let error = failed("cannot read contacts", failure.clone());
            assert_eq!(error.class(), class, "{failure:?}");
            assert!(!error.chain().contains("secret-token"));
        }
    }
}
