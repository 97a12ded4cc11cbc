//! `ferry auth`: an authorisation code over the browser becomes tokens that later commands use (facts, section 2).
//!
//! The browser is sent to the service with an address of this machine to come back to; what it brings back is
//! exchanged and kept. A wrong `state` is refused; a missing one is not, since the service is not known to give
//! it back. Only Nimble has such logins.

use super::session;
use crate::config::Connection;
use crate::config::tokens::{TokenFile, Tokens};
use crate::error::{Error, Result};
use crate::http::oauth::Application;
use crate::http::redirect::{Redirect, Returned, returned};
use crate::http::{Client, Failure};
use crate::stop::Stop;
use secrecy::ExposeSecret;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A login that has begun: the user is at the service.
#[derive(Debug)]
pub struct Login {
    connection: String,
    url: String,
    application: Application,
    address: String,
    state: String,
    file: TokenFile,
    /// Waits for the browser; none when the address is pasted.
    redirect: Option<Redirect>,
}

/// The longest that a user may take in the browser.
const PATIENCE: Duration = Duration::from_secs(600);
/// Hosts of the service itself: each of them has its login at this one.
const HOSTS: [&str; 2] = ["app.nimble.com", "api.nimble.com"];

impl Login {
    /// Begins a login. With `paste`, nobody listens: the address that the browser was sent to is pasted.
    ///
    /// # Errors
    /// When the connection's service has no logins, its application is not set, or the port is in use.
    pub fn begin(connection: &Connection, paste: bool, stop: &Stop) -> Result<Self> {
        let file = token_file(connection)?;
        let wanted = connection.text("redirect_uri");
        let redirect = if paste { None } else { Some(listen(wanted)?) };
        let redirect_uri = match (&redirect, wanted) {
            (Some(redirect), wanted) => with_port(wanted, redirect.port()),
            (None, wanted) => wanted.unwrap_or("http://127.0.0.1/").to_owned(),
        };
        let application = application(connection, redirect_uri, stop)?;
        let state = state();
        let address = authorize_address(connection, &application, &state)?;
        let (name, url) = (connection.name.clone(), connection.url.clone());
        Ok(Self { connection: name, url, application, address, state, file, redirect })
    }

    /// Where the user has to go with a browser.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the browser comes back, or takes the address that was `pasted`; stores the tokens.
    ///
    /// # Errors
    /// When the user or the service refuses (class `Credentials`), nobody comes back, or the tokens cannot be
    /// stored.
    pub fn finish(&self, pasted: Option<&str>, client: &Client) -> Result<()> {
        let what = || format!("cannot log in to `{}`", self.connection);
        let returned = match (&self.redirect, pasted) {
            (_, Some(pasted)) => returned(pasted.trim()).ok_or_else(|| {
                Error::input(format!("{}: what was pasted has no `code`", what()))
                    .hint("paste the whole address that the browser was sent to")
            })?,
            (Some(redirect), None) => {
                redirect.wait(PATIENCE, client.stop()).map_err(|failure| failed(&what(), failure))?
            }
            (None, None) => return Err(Error::input(format!("{}: nothing was pasted", what()))),
        };
        let code = match returned {
            Returned::Refused(why) => return Err(Error::credentials(format!("{}: {why}", what()))),
            Returned::Code { state: Some(state), .. } if state != self.state => {
                return Err(Error::credentials(format!("{}: the answer belongs to another login", what()))
                    .hint("begin again"));
            }
            Returned::Code { code, .. } => code,
        };
        let grant = self.application.redeem(client, &code).map_err(|failure| failed(&what(), failure))?;
        if grant.refresh_token.is_none() {
            return Err(Error::stopped(format!("{}: the service gave no refresh token", what())));
        }
        let _renewing = self.file.renewing(client.stop())?;
        self.file.write(&session::tokens(grant, &self.application, &self.url, None))
    }
}

/// What is kept of a connection's login, and where.
///
/// # Errors
/// When the connection's service has no logins, or the file cannot be read.
pub fn stored(connection: &Connection) -> Result<(TokenFile, Option<Tokens>)> {
    let file = token_file(connection)?;
    let tokens = file.read()?;
    Ok((file, tokens))
}

/// Notes whose login it is, for `ferry auth status`.
///
/// # Errors
/// When the file cannot be used.
pub fn note_account(connection: &Connection, account: &str) -> Result<()> {
    let file = token_file(connection)?;
    let _renewing = file.renewing(&Stop::default())?;
    match file.read()? {
        Some(tokens) => file.write(&Tokens { account: account.to_owned(), ..tokens }),
        None => Ok(()),
    }
}

/// Forgets a connection's login; false when there was none.
///
/// # Errors
/// When the connection's service has no logins, or the file cannot be removed.
pub fn forget(connection: &Connection) -> Result<bool> {
    token_file(connection)?.remove()
}

/// The application that a connection is configured with.
///
/// # Errors
/// When a part of it is not set or cannot be fetched.
pub(super) fn application(connection: &Connection, redirect_uri: String, stop: &Stop) -> Result<Application> {
    Ok(Application {
        token_url: endpoint(connection, "oauth_token_url", "/api/oauth/token")?,
        client_id: connection.required("client_id", stop)?,
        client_secret: connection.required("client_secret", stop)?,
        redirect_uri,
    })
}

/// Whether a service has logins: whether its connections can have an application.
#[must_use]
pub fn has_logins(connection: &Connection) -> bool {
    connection.service.keys.contains(&"client_id")
}

fn token_file(connection: &Connection) -> Result<TokenFile> {
    if !has_logins(connection) {
        let Connection { name, service, .. } = connection;
        return Err(Error::input(format!("`{name}` leads to {}, which has no OAuth logins", service.name))
            .hint(format!("set {} instead", connection.variable("key"))));
    }
    TokenFile::of(&connection.name)
}

/// Listens where the configured address leads: it has to be one of this machine.
fn listen(wanted: Option<&str>) -> Result<Redirect> {
    let port = match wanted.map(url::Url::parse) {
        None => 0,
        Some(Ok(url))
            if matches!(url.host_str(), Some("127.0.0.1" | "localhost")) && url.scheme() == "http" =>
        {
            url.port_or_known_default().unwrap_or(80)
        }
        Some(_) => {
            return Err(Error::input("`redirect_uri` leads to another machine, where Ferry cannot listen")
                .hint("use `--paste`, or set an address like `http://127.0.0.1:8765/`"));
        }
    };
    Redirect::listen(port).map_err(|cause| {
        Error::input(format!("cannot listen on port {port} of this machine"))
            .because(cause)
            .hint("set another port in `redirect_uri`, or use `--paste`")
    })
}

fn with_port(wanted: Option<&str>, port: u16) -> String {
    wanted.map_or_else(|| format!("http://127.0.0.1:{port}/"), str::to_owned)
}

fn authorize_address(connection: &Connection, application: &Application, state: &str) -> Result<String> {
    let endpoint = endpoint(connection, "oauth_authorize_url", "/oauth/authorize")?;
    let wrong = |cause| Error::input(format!("`{endpoint}` is no address")).because(cause);
    let mut address = url::Url::parse(&endpoint).map_err(wrong)?;
    // A client id is public: it stands in every browser's address bar. The scope is required in the newest era
    // and skipped by the others (facts, section 2).
    address
        .query_pairs_mut()
        .append_pair("client_id", application.client_id.expose_secret())
        .append_pair("redirect_uri", &application.redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", "basic,contacts")
        .append_pair("state", state);
    Ok(address.into())
}

/// The configured address, else the service's own for its own hosts, else the path below the root of the
/// connection's base URL.
fn endpoint(connection: &Connection, key: &str, path: &str) -> Result<String> {
    if let Some(configured) = connection.text(key) {
        return Ok(configured.to_owned());
    }
    let wrong = |cause| Error::input(format!("`{}` is no address", connection.url)).because(cause);
    let mut url = url::Url::parse(&connection.url).map_err(wrong)?;
    if url.host_str().is_some_and(|host| HOSTS.contains(&host)) {
        return Ok(format!("https://{}{path}", HOSTS[0]));
    }
    url.set_path(path);
    url.set_query(None);
    Ok(url.into())
}

/// What cannot be guessed by a page that wants its own code to be taken: the keys of a `RandomState` are the
/// operating system's randomness.
fn state() -> String {
    (0..2).map(|part: u8| format!("{:016x}", RandomState::new().hash_one(part))).collect()
}

fn failed(what: &str, failure: Failure) -> Error {
    match failure {
        Failure::Stopped => Error::stopped("stopped on request"),
        Failure::GaveUp(why) | Failure::MaybeApplied { why, .. } => Error::stopped(format!("{what}: {why}")),
        Failure::Unauthorized { why, hint } => Error::credentials(format!("{what}: {why}")).hint(hint),
        // The body is left out: it may repeat what was sent.
        Failure::Refused { status, .. } => {
            Error::credentials(format!("{what}: the service refuses the application or the code ({status})"))
                .hint("check `client_id`, `client_secret` and `redirect_uri`; `ferry config show` tells them")
        }
    }
}
