//! An OAuth login as a source of credentials: kept in the connection's token file, renewed once for all threads
//! and for all processes of the user (design section 10; facts, section 2).
//!
//! Access tokens live some minutes. One is renewed a little before it expires, or when the service refuses it
//! although it was let in before. Whoever needs it first renews, under a mutex and under the file's lock; the
//! others wait and take what is there. Refresh tokens rotate, so a new one is stored durably *before* the access
//! token that came with it is used: no crash can leave a token file that is worth nothing.
//!
//! What is not known after a lost answer is whether the service has rotated the refresh token. The stored one is
//! tried once more; if it is then refused, only a new login helps, and that is what the error says.

use crate::config::tokens::{TokenFile, Tokens};
use crate::error::{Class, Error};
use crate::http::authorize::{Authorize, Credential};
use crate::http::oauth::{Application, Grant};
use crate::http::{Client, Failure};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A login of a connection.
#[derive(Debug)]
pub(super) struct Session {
    connection: String,
    /// Base URL of the service; tokens are shown to nobody else.
    url: String,
    application: Application,
    file: TokenFile,
    /// The refresh token of the configuration, to begin with where there was no login.
    seed: Option<SecretString>,
    current: Mutex<Option<Current>>,
}

/// The token in use.
#[derive(Debug)]
struct Current {
    credential: Arc<Credential>,
    access_token: SecretString,
    /// When to renew it ahead, where its end is known.
    renew_at: Option<Timestamp>,
    expires: Option<Timestamp>,
    /// How many tokens in a row were refused at once though they had just been issued to this process.
    barren: u32,
}

/// A token is renewed at most so long before it expires: time enough for a request that has its token already.
const MARGIN: Duration = Duration::from_secs(30);
/// After so many just issued tokens that the service never let in, there is no use in a further one. Not one:
/// a token may live so short that it has expired before it arrives.
const BARREN: u32 = 2;
/// The message of a 403 that means a bad token, in one era of the API (facts, section 1).
const CANNOT_AUTHENTICATE: &str = "can't authenticate request";

impl Session {
    /// The login that is kept in `file`, for the service at `url`.
    pub(super) fn new(
        connection: String,
        url: String,
        application: Application,
        file: TokenFile,
        seed: Option<SecretString>,
    ) -> Self {
        Self { connection, url, application, file, seed, current: Mutex::new(None) }
    }

    /// The tokens to begin with: those of the file, unless the configuration has got another refresh token since.
    fn stored(&self) -> Result<Option<Tokens>, Failure> {
        let stored = self.file.read().map_err(|error| self.failed(&error))?;
        let seed = self.seed.as_ref().map(digest);
        let stored = stored.filter(|stored| seed.as_ref().is_none_or(|seed| &stored.seed == seed));
        match stored {
            Some(stored) if stored.url != self.url => Err(self.unauthorized(format!(
                "the login of `{}` is at {}, but the connection leads to {}",
                self.connection, stored.url, self.url
            ))),
            stored => Ok(stored),
        }
    }

    /// Takes the stored token, or renews it: `used` is the access token that is no longer good, if any.
    fn obtain(&self, used: Option<&SecretString>, client: &Client) -> Result<Current, Failure> {
        let renewing = self.file.renewing(client.stop()).map_err(|error| self.failed(&error))?;
        let stored = self.stored()?;
        if let Some(stored) = &stored {
            let same = used.is_some_and(|used| used.expose_secret() == stored.access_token.expose_secret());
            // Another process has renewed it meanwhile, or nobody has had to.
            if !same && stored.expires.is_none_or(|end| end > Timestamp::now()) {
                return Ok(Current::new(stored));
            }
        }
        let refresh_token = stored.as_ref().map(|stored| &stored.refresh_token).or(self.seed.as_ref());
        let refresh_token = refresh_token
            .ok_or_else(|| self.unauthorized(format!("nobody is logged in to `{}`", self.connection)))?;
        let grant = self.refresh(refresh_token, client)?;
        let mut tokens = tokens(grant, &self.application, &self.url, Some(refresh_token));
        tokens.account = stored.map(|stored| stored.account).unwrap_or_default();
        tokens.seed = self.seed.as_ref().map(digest).unwrap_or_default();
        self.file.write(&tokens).map_err(|error| self.failed(&error))?;
        drop(renewing);
        Ok(Current::new(&tokens))
    }

    fn refresh(&self, refresh_token: &SecretString, client: &Client) -> Result<Grant, Failure> {
        let first = self.application.refresh(client, refresh_token);
        let second = match first {
            Err(Failure::MaybeApplied { .. }) => self.application.refresh(client, refresh_token),
            first => first,
        };
        second.map_err(|failure| match failure {
            Failure::Refused { status, .. } => self.unauthorized(format!(
                "the login of `{}` has ended: the service refuses to renew its token ({status})",
                self.connection
            )),
            Failure::MaybeApplied { why, .. } | Failure::GaveUp(why) => {
                Failure::GaveUp(format!("the token of `{}` cannot be renewed: {why}", self.connection))
            }
            other => other,
        })
    }

    fn unauthorized(&self, why: String) -> Failure {
        Failure::Unauthorized { why, hint: format!("`ferry auth login {}`", self.connection) }
    }

    fn failed(&self, error: &Error) -> Failure {
        match error.class() {
            Class::Credentials => self.unauthorized(error.chain()),
            _ => Failure::GaveUp(error.chain()),
        }
    }
}

impl Authorize for Session {
    fn credential(&self, client: &Client) -> Result<Arc<Credential>, Failure> {
        let mut guard = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let current = match guard.as_mut() {
            None => guard.insert(self.obtain(None, client)?),
            Some(current) => current,
        };
        if current.renew_at.is_some_and(|at| at <= now) {
            match self.obtain(Some(&current.access_token), client) {
                Ok(renewed) => *current = renewed,
                Err(Failure::Stopped) => return Err(Failure::Stopped),
                // While it is still good, work goes on with it.
                Err(_) if current.expires.is_some_and(|end| end > now) => current.renew_at = current.expires,
                Err(failure) => return Err(failure),
            }
        }
        Ok(Arc::clone(&current.credential))
    }

    fn renew(
        &self,
        used: &Arc<Credential>,
        status: u16,
        text: &str,
        client: &Client,
    ) -> Result<bool, Failure> {
        let refused = status == 401 || (status == 403 && text.to_lowercase().contains(CANNOT_AUTHENTICATE));
        if !refused {
            return Ok(false);
        }
        let mut guard = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(current) = guard.as_mut() else { return Ok(false) };
        if !Arc::ptr_eq(used, &current.credential) {
            return Ok(true);
        }
        let expired = current.expires.is_some_and(|end| end <= Timestamp::now());
        let barren = if used.was_accepted() || expired { 0 } else { current.barren + 1 };
        if barren > BARREN {
            return Err(self.unauthorized(format!(
                "the service refuses the token that it has just issued for `{}` ({status})",
                self.connection
            )));
        }
        *current = Current { barren, ..self.obtain(Some(&current.access_token), client)? };
        Ok(true)
    }
}

impl Current {
    fn new(tokens: &Tokens) -> Self {
        let header = SecretString::from(format!("Bearer {}", tokens.access_token.expose_secret()));
        let renew_at = tokens.expires.and_then(|end| {
            let lifetime = Duration::try_from(end.duration_since(tokens.issued)).unwrap_or_default();
            // One that is said to live no time at all can only be tried.
            let margin = (!lifetime.is_zero()).then(|| MARGIN.min(lifetime / 10))?;
            end.checked_sub(margin).ok()
        });
        Self {
            credential: Credential::new(header),
            access_token: tokens.access_token.clone(),
            renew_at,
            expires: tokens.expires,
            barren: 0,
        }
    }
}

/// What was granted now, to be kept; `before` is the refresh token that stays good where no new one came.
pub(super) fn tokens(
    grant: Grant,
    application: &Application,
    url: &str,
    before: Option<&SecretString>,
) -> Tokens {
    let issued = Timestamp::now();
    let refresh_token = grant.refresh_token.or_else(|| before.cloned()).unwrap_or_default();
    Tokens {
        access_token: grant.access_token,
        refresh_token,
        issued,
        expires: grant.lifetime.and_then(|lifetime| issued.checked_add(lifetime).ok()),
        url: url.to_owned(),
        redirect_uri: application.redirect_uri.clone(),
        account: String::new(),
        seed: String::new(),
    }
}

fn digest(secret: &SecretString) -> String {
    let digest = Sha256::digest(secret.expose_secret().as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
