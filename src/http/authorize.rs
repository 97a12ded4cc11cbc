//! What a request shows to be let in: a header that never changes, or one that is renewed when it expires.
//!
//! How a credential is renewed is up to who implements [`Authorize`]; that all threads share one renewal is part
//! of the contract. That a refused request is sent again with the new credential, and how often, is the client's
//! doing: the service refused it, so it was not carried out, be it a read or a write.

use super::secrets::Secrets;
use super::{Client, Failure};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The value of an `Authorization` header, and whether the service has ever taken it.
#[derive(Debug)]
pub struct Credential {
    header: SecretString,
    secrets: Secrets,
    accepted: AtomicBool,
}

/// Gives out credentials.
pub trait Authorize: std::fmt::Debug + Send + Sync {
    /// The credential of the next request. One that is about to expire may be renewed first; requests for that
    /// go through [`Client::exchange`] of `client`, whose caller holds a slot.
    ///
    /// # Errors
    /// When there is no credential to be had.
    fn credential(&self, client: &Client) -> Result<Arc<Credential>, Failure>;

    /// The service refused `used` with this status and text. True when there is another credential to try:
    /// renewed now, or by another thread meanwhile.
    ///
    /// # Errors
    /// When it should be renewed and cannot be.
    fn renew(
        &self,
        used: &Arc<Credential>,
        status: u16,
        text: &str,
        client: &Client,
    ) -> Result<bool, Failure>;
}

/// A credential that is never renewed.
#[derive(Debug)]
pub struct Fixed(Arc<Credential>);

impl Credential {
    /// A credential that was never shown yet.
    #[must_use]
    pub fn new(header: SecretString) -> Arc<Self> {
        let secrets = Secrets::of_header(header.expose_secret());
        Arc::new(Self { header, secrets, accepted: AtomicBool::new(false) })
    }

    /// Whether the service has let it in before: if it refuses it now, it has expired.
    #[must_use]
    pub fn was_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    pub(super) fn header(&self) -> &str {
        self.header.expose_secret()
    }

    /// What must not be shown of it.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

impl Fixed {
    /// Always this header.
    #[must_use]
    pub fn new(header: SecretString) -> Arc<Self> {
        Arc::new(Self(Credential::new(header)))
    }
}

impl Authorize for Fixed {
    fn credential(&self, _: &Client) -> Result<Arc<Credential>, Failure> {
        Ok(Arc::clone(&self.0))
    }

    fn renew(&self, _: &Arc<Credential>, _: u16, _: &str, _: &Client) -> Result<bool, Failure> {
        Ok(false)
    }
}
