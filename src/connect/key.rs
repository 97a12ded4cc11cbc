//! An API key or token that never changes, as a source of credentials.
//!
//! Where the service refuses it, at the first request or in the middle of a run, the error says which connection's
//! it is and where it is kept: the connectors do not know that, and there may be several connections to one service.

use crate::config::Connection;
use crate::http::authorize::{Authorize, Credential};
use crate::http::{Client, Failure};
use secrecy::SecretString;
use std::sync::Arc;

/// The key of a connection.
#[derive(Debug)]
pub(super) struct Key {
    credential: Arc<Credential>,
    /// Whether an answer of this status and text refuses the key.
    refuses: fn(u16, &str) -> bool,
    why: String,
    hint: String,
}

impl Key {
    /// The key that `connection` shows to `service` in this header; `hint` says what to do when it is refused.
    pub(super) fn new(
        connection: &Connection,
        service: &str,
        header: SecretString,
        refuses: fn(u16, &str) -> bool,
        hint: String,
    ) -> Arc<Self> {
        let why = format!("{service} refuses the credentials of the connection `{}`", connection.name);
        Arc::new(Self { credential: Credential::new(header), refuses, why, hint })
    }
}

impl Authorize for Key {
    fn credential(&self, _: &Client) -> Result<Arc<Credential>, Failure> {
        Ok(Arc::clone(&self.credential))
    }

    /// There is no other key to try. What the service says is left out: it may repeat the key.
    fn renew(&self, _: &Arc<Credential>, status: u16, text: &str, _: &Client) -> Result<bool, Failure> {
        match (self.refuses)(status, text) {
            true => {
                let (why, hint) = (format!("{} ({status})", self.why), self.hint.clone());
                Err(Failure::Unauthorized { why, hint })
            }
            false => Ok(false),
        }
    }
}
