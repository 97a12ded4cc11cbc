//! What passes between the simulator's server and a simulated service: a plain request and a plain reply.

/// A request as it arrived, with the service's prefix cut off the path.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Upper-case method, such as `GET`.
    pub method: String,
    /// Decoded path below the service's root, such as `/contacts/ids`; never empty, no trailing slash. A slash
    /// that was sent escaped is `%2F`.
    pub path: String,
    /// Decoded query parameters in the order sent, repeated keys kept.
    pub query: Vec<(String, String)>,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as sent.
    pub body: Vec<u8>,
}

impl Request {
    /// The first value of a query parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer before faults are laid over it.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type` header.
    pub content_type: &'static str,
    /// Body bytes.
    pub body: Vec<u8>,
    /// What the request did to a record, for the ledger: `create`, `update`, `delete`; empty for reads.
    pub effect: &'static str,
    /// The record it was done to.
    pub record: Option<String>,
}

impl Reply {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: body.to_string().into_bytes(),
            effect: "",
            record: None,
        }
    }

    /// A plain text answer.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: body.as_bytes().to_vec(),
            effect: "",
            record: None,
        }
    }

    /// 302 to another address: the body is the address, and the server makes the header of it.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        Self::text(302, to)
    }

    /// The same answer, marked as having changed a record.
    #[must_use]
    pub fn with_effect(mut self, effect: &'static str, record: &str) -> Self {
        self.effect = effect;
        self.record = Some(record.to_owned());
        self
    }
}

/// A simulated service: one call, one reply, no I/O, no waiting.
pub trait Service: Send {
    /// Answers `request`; `now_ms` is the simulator's clock in Unix milliseconds.
    fn handle(&mut self, now_ms: i64, request: &Request) -> Reply;
    /// The whole state as JSON, for `--state FILE` and the tests.
    fn snapshot(&self) -> serde_json::Value;
    /// Replaces the state by an earlier snapshot.
    ///
    /// # Errors
    /// When the snapshot does not have this service's shape; the text says where.
    fn restore(&mut self, snapshot: &serde_json::Value) -> Result<(), String>;
}
