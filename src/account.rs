//! What a connection leads to. State belongs to an account, not to a connection's name (design section 5).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A service's account, or a folder of it: what runs, locks and merge bases are filed under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Account {
    /// `nimble` or `nethunt`.
    pub service: String,
    /// Base URL without a trailing slash.
    pub url: String,
    /// Nimble's `company_id`, NetHunt's login.
    pub identity: String,
    /// The stream within the account that is written to or read from: `contacts`, a folder's id.
    pub stream: String,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} account `{}` at {} ({})", self.service, self.identity, self.url, self.stream)
    }
}

impl Account {
    /// A short name for files that belong to this account and stream: the same for equal accounts.
    #[must_use]
    pub fn file_name(&self) -> String {
        use sha2::{Digest, Sha256};
        let whole = [&self.service, &self.url, &self.identity, &self.stream].map(String::as_str).join("\n");
        let digest = Sha256::digest(whole.as_bytes());
        let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{short}", self.service)
    }
}
