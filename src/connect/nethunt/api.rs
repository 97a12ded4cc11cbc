//! Requests to NetHunt's v1 API and what its refusals mean (NetHunt facts, sections 1, 2 and 4).
//!
//! Error bodies are plain text, sometimes HTML from a proxy, never JSON: the status decides, and the text is
//! only shown, shortened. Paths and query values are always percent-encoded.

use super::pipeline::through;
use super::split::{Batch, Ended, PAGE};
use crate::error::{Error, Result};
use crate::http::{Answer, Call, Client, Failure, Head, ORDINARY, Unreadable};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// How long a whole folder may take to begin to arrive (NetHunt facts, section 9).
const WHOLE_FOLDER: Duration = Duration::from_secs(300);

/// One NetHunt login's access.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    base: String,
}

/// A request's parameters, in the order of sending.
pub(super) type Query<'a> = &'a [(&'a str, &'a str)];

/// Why a request for an array had no answer, with what was seen.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// There is nothing of the kind: 404.
    Nothing(String),
    /// The service does not take the request: 400, 405, 410.
    Refused(String),
    /// The service stayed unable to answer, or something in between answered in its place.
    ForNow(String),
}

impl Api {
    pub(super) fn new(client: Client, base: String) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { client: client.doubting_pages(), base }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Reads a short list.
    pub(super) fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Query<'_>,
    ) -> Result<Vec<T>, Failure> {
        let call = self.call("GET", path, query, None, ORDINARY);
        self.client.read(&call, |answer| {
            serde_json::from_slice(&answer.body)
                .map_err(|error| Unreadable(not_as_documented(answer, &error)))
        })
    }

    /// Reads a list of any length: `begin` is called with the head of every attempt, `work` on all cores,
    /// `take` in order. What was taken before a body broke off stays taken.
    ///
    /// # Errors
    /// When the service refuses, `take` or `begin` fails, or a stop is asked for.
    pub(super) fn stream<T: Send>(
        &self,
        path: &[&str],
        query: Query<'_>,
        mut begin: impl FnMut(Option<Timestamp>) -> Result<()>,
        work: impl Fn(&Batch) -> Result<T, Unreadable> + Sync,
        mut take: impl FnMut(T) -> Result<()> + Send,
    ) -> Result<Result<(), NoAnswer>> {
        let call = self.call("GET", path, query, None, WHOLE_FOLDER);
        let read = self.client.stream(&call, |head: &Head, body| {
            if let Err(error) = begin(head.date) {
                return Ok(Err(error));
            }
            match through(body, self.client.stop(), &work, &mut take)? {
                // Where there is nothing to tell, the service says `[]`.
                Ok(Ended::Empty) => Err(Unreadable("the answer is empty".to_owned())),
                read => Ok(read.map(drop)),
            }
        });
        match read {
            Ok(read) => read.map(Ok),
            Err(Failure::Refused { status: status @ (400 | 404 | 405 | 410), text }) => {
                let why = format!("NetHunt answers {status}{}", said(&text));
                Ok(Err(if status == 404 { NoAnswer::Nothing(why) } else { NoAnswer::Refused(why) }))
            }
            Err(Failure::GaveUp(why)) => Ok(Err(NoAnswer::ForNow(why))),
            Err(failure) => Err(failed(&format!("read `{}`", path.join("/")), failure)),
        }
    }

    /// Sends a write, with a body or without.
    pub(super) fn write(
        &self,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let body = body.map(|body| body.to_string().into_bytes());
        self.client.write(&self.call("POST", path, query, body, ORDINARY))
    }

    fn call(
        &self,
        method: &'static str,
        path: &[&str],
        query: Query<'_>,
        body: Option<Vec<u8>>,
        timeout: Duration,
    ) -> Call {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut url = self.base.clone();
        for piece in path {
            url.push('/');
            url.push_str(&encode(piece));
        }
        for (index, (name, value)) in query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(&format!("{}={}", encode(name), encode(value)));
        }
        Call { method, url, body, timeout }
    }
}

impl NoAnswer {
    /// What was seen.
    pub(super) fn why(self) -> String {
        match self {
            Self::Nothing(why) | Self::Refused(why) | Self::ForNow(why) => why,
        }
    }

    /// What was seen, as the answer of a stream that a service need not have (NetHunt facts, section 6.3).
    ///
    /// # Errors
    /// When the service is only unable to answer for now: what it would have told must not be missed.
    pub(super) fn optional(self, what: &str) -> Result<String> {
        match self {
            Self::Nothing(why) | Self::Refused(why) => Ok(why),
            Self::ForNow(why) => Err(failed(what, Failure::GaveUp(why))),
        }
    }
}

/// `since` as NetHunt's samples have it: milliseconds and `Z` (NetHunt facts, section 3).
pub(super) fn since(ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms.max(0)).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A failure as an error for people; `what` completes "cannot …".
pub(super) fn failed(what: &str, failure: Failure) -> Error {
    match failure {
        Failure::Stopped => Error::stopped("stopped on request"),
        Failure::Unauthorized { why, hint } => Error::credentials(format!("cannot {what}: {why}")).hint(hint),
        Failure::Refused { status: 401, .. } => Error::credentials("NetHunt refuses the credentials")
            .hint("`ferry config show` tells where the connection's credentials are kept"),
        Failure::Refused { status: 403, text } => {
            Error::credentials(format!("NetHunt does not permit this login to {what}{}", said(&text)))
                .hint("the API sees what the user of the connection's login may see")
        }
        Failure::Refused { status, text } => {
            let told = format!("cannot {what}: NetHunt answers {status}{}", said(&text));
            // A page of HTML comes from something in between, and may be gone by the next try.
            let error = if is_html(&text) { Error::stopped(told) } else { Error::input(told) };
            match status {
                300..400 | 404 | 405 => {
                    error.hint("check the connection's `url`: `ferry config show` tells it")
                }
                _ => error,
            }
        }
        Failure::GaveUp(why) | Failure::MaybeApplied { why, .. } => {
            Error::stopped(format!("cannot {what}: {why}"))
        }
    }
}

/// Whether a refusal is a page of HTML: said by something in between.
pub(super) fn is_html(text: &str) -> bool {
    text.trim_start().starts_with('<')
}

/// The first line of what a service said, for the end of a sentence; HTML is not repeated.
pub(super) fn said(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line {
        "" => String::new(),
        html if html.starts_with('<') => " with a page of HTML".to_owned(),
        line => format!(": {}", line.chars().take(200).collect::<String>()),
    }
}

fn not_as_documented(answer: &Answer, error: &serde_json::Error) -> String {
    if answer.content_type.contains("html") || answer.body.trim_ascii_start().starts_with(b"<") {
        return PAGE.to_owned();
    }
    format!("the answer is not the documented JSON: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn refusals_become_the_right_kind_of_end() {
        let refused = |status, text: &str| Failure::Refused { status, text: text.to_owned() };
        let cases = [
            (refused(401, "Your email address or API key does not appear to be valid"), Class::Credentials),
            (refused(403, ""), Class::Credentials),
            (refused(404, "<html><body>nothing</body></html>"), Class::Stopped),
            (refused(404, "no such path"), Class::Input),
            (Failure::GaveUp("the service answers 503".into()), Class::Stopped),
            (Failure::Stopped, Class::Stopped),
        ];
        for (failure, class) in cases {
            assert_eq!(failed("read `x`", failure.clone()).class(), class, "{failure:?}");
        }
        let shown = failed("read `x`", refused(404, "<html>")).to_string();
        assert_eq!(shown, "cannot read `x`: NetHunt answers 404 with a page of HTML");
    }

    #[test]
    fn since_is_written_with_milliseconds() {
        assert_eq!(since(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(since(1_689_255_984_113), "2023-07-13T13:46:24.113Z");
        assert_eq!(since(-5), "1970-01-01T00:00:00.000Z");
    }
}
