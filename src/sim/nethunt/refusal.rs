//! A request refused: its status and its text, and the answer made of them.

use super::knobs::ErrorBody;
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

    /// The answer, in the shape that the scenario asks for; the service itself writes plain text.
    pub(super) fn into_reply(self, shape: ErrorBody) -> Reply {
        match shape {
            ErrorBody::Text => Reply::text(self.status, &self.text),
            ErrorBody::Json => Reply::json(self.status, &serde_json::json!({"error": self.text})),
            ErrorBody::Html => {
                let page = format!("<html><body><h1>{}</h1><p>{}</p></body></html>", self.status, self.text);
                Reply { content_type: "text/html; charset=utf-8", ..Reply::text(self.status, &page) }
            }
        }
    }
}
