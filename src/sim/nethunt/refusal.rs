//! A request refused: its status and its text, and the answer made of them.

use super::knobs::ErrorBody;
use super::search::NOTHING_ASKED;
use super::{NOT_VALID, NetHunt};
use crate::sim::exchange::Reply;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// HTTP status.
    pub(super) status: u16,
    /// The text of the body.
    pub(super) text: String,
}

impl Refused {
    /// A refusal with a text.
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// A request that is wrong in itself.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(400, text)
    }

    /// The answer, in the shape that the scenario asks for; the service itself writes plain text. What the
    /// reference does not quote is marked, so that nobody takes our wording for the service's.
    pub(super) fn into_reply(self, shape: ErrorBody) -> Reply {
        let is_quoted = [NOT_VALID, NOTHING_ASKED].contains(&self.text.as_str());
        let text = if is_quoted { self.text } else { format!("x-simulated: {}", self.text) };
        match shape {
            ErrorBody::Text => Reply::text(self.status, &text),
            ErrorBody::Json => Reply::json(self.status, &serde_json::json!({"error": text})),
            ErrorBody::Html => {
                let page = format!("<html><body><h1>{}</h1><p>{text}</p></body></html>", self.status);
                Reply { content_type: "text/html; charset=utf-8", ..Reply::text(self.status, &page) }
            }
        }
    }
}

impl NetHunt {
    /// What stands in the place of an answer when a fault has hit the request.
    pub(crate) fn refusal(&self, status: u16) -> Reply {
        let text = match status {
            401 => NOT_VALID,
            402 => "the plan does not allow more",
            429 => "too many requests",
            503 => "service unavailable",
            ..500 => "the request is refused",
            _ => "internal server error",
        };
        Refused::new(status, text).into_reply(self.knobs.error_body)
    }
}
