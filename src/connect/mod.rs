//! Where records come from and go to. Only this module knows a CRM's name.

mod endpoint;
pub mod files;
mod key;
pub mod login;
pub mod nethunt;
pub mod nimble;
mod services;
mod session;

use crate::account::Account;
use crate::config::{Connection, Service, budget_file};
use crate::error::{Error, Result, nearest};
use crate::extract::Source;
use crate::http::Client;
use crate::http::authorize::Authorize;
use crate::http::pace::Pace;
use crate::load::target::{OperationKind, Target};
use crate::record::customs::{Customs, Needed};
use crate::record::schema::Schema;
use crate::stop::Stop;
use key::Key;
use secrecy::{ExposeSecret, SecretString};
use session::Session;
use std::sync::Arc;

pub use endpoint::Endpoint;
pub use services::SERVICES;

/// A stream that can be read and written, with the client that its requests go through.
#[derive(Clone)]
pub struct Stream {
    /// To read from.
    pub source: Arc<dyn Source>,
    /// To write to; none where the service lets nobody write.
    pub target: Option<Arc<dyn Target>>,
    /// For its counters and its pace.
    pub client: Client,
    /// How long a request may take to become visible after its answer was lost.
    pub settle: std::time::Duration,
    /// The connection's name, and that of its service.
    names: (String, &'static str),
}

impl Stream {
    /// An error of this stream, with the connection's own name in what it says would help.
    #[must_use]
    pub fn named(&self, error: Error) -> Error {
        let (connection, service) = &self.names;
        with_own_name(error, connection, service)
    }

    /// To write to.
    ///
    /// # Errors
    /// When the stream can only be read (class `Input`).
    pub fn target(&self) -> Result<&Arc<dyn Target>> {
        let name = self.source.name();
        self.target.as_ref().ok_or_else(|| Error::input(format!("`{name}` can be read, but not written to")))
    }
}

/// The two ends of an opened stream.
pub type Ends = (Arc<dyn Source>, Option<Arc<dyn Target>>);

/// A line of `ferry check`: what a connection's credentials are good for.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Access {
    /// The connection's name.
    pub connection: String,
    /// Whose credentials they are.
    pub user: String,
    /// What they give access to, for people.
    pub account: String,
    /// Streams that can be read.
    pub readable: Vec<String>,
    /// Streams that can be written to.
    pub writable: Vec<String>,
}

/// Opens a stream: asks the service who we are and what the stream is. The requests go through `client`, which
/// counts them whether the stream can be opened or not.
///
/// # Errors
/// When a setting is missing, the credentials are refused, the service is down, or there is no such stream.
pub fn open(connection: &Connection, stream: &str, client: Client) -> Result<Stream> {
    let settle = connection.settle;
    let url = connection.url.clone();
    let opened = match connection.service.name {
        "nimble" => nimble::Nimble::new(client.clone(), url, settle).open(stream),
        _ => nethunt::NetHunt::new(client.clone(), url, login_name(connection, &client)?).open(stream),
    };
    let names = (connection.name.clone(), connection.service.name);
    let (source, target) = opened.map_err(|error| with_own_name(error, &names.0, names.1))?;
    Ok(Stream { source, target, client, settle, names })
}

/// What a connection's credentials are good for.
///
/// # Errors
/// When a setting is missing, the credentials are refused or the service is down.
pub fn check(connection: &Connection, client: Client) -> Result<Access> {
    let url = connection.url.clone();
    let access = match connection.service.name {
        "nimble" => nimble::Nimble::new(client, url, connection.settle).access(&connection.name),
        _ => {
            let login = login_name(connection, &client)?;
            nethunt::NetHunt::new(client, url, login).access(&connection.name)
        }
    };
    access.map_err(|error| with_own_name(error, &connection.name, connection.service.name))
}

/// The fields that a service's stream has without asking it, for checks offline.
#[must_use]
pub fn offline_schema(service: &Service, stream: &str) -> Option<Schema> {
    match service.name {
        "nimble" => nimble::offline_schema(stream),
        _ => None,
    }
}

/// What a service's stream expects of its records beyond its fields.
#[must_use]
pub fn customs(service: &Service, stream: &str) -> Customs {
    match (service.name, stream) {
        // Nimble refuses a contact without any name, and shows birthdays in the American way.
        ("nimble", "contacts") => Customs {
            needed: &[Needed { any_of: &["first name", "last name", "company name"], required: true }],
            day: Some("%m/%d/%Y"),
            country: None,
            kind: Some("person"),
        },
        // NetHunt takes a record without a name, but shows it as one; a country is its two letters.
        ("nethunt", stream) if !stream.contains('/') && stream != "folders" => Customs {
            needed: &[Needed { any_of: &["Name"], required: false }],
            country: Some("alpha-2"),
            ..Customs::default()
        },
        _ => Customs::default(),
    }
}

/// Method and path of the request that carries out an operation, below the service's root, for people; nothing for
/// streams that go about it another way.
#[must_use]
pub fn request_line(account: &Account, kind: OperationKind, id: Option<&str>) -> Option<String> {
    match account.service.as_str() {
        "nimble" => nimble::request_line(&account.stream, kind, id),
        _ => nethunt::request_line(&account.stream, kind, id),
    }
}

/// A client with a connection's credentials, and the pace of its account: all processes of the user that show
/// the service the same login keep one budget. Where they cannot, the warning says so.
///
/// # Errors
/// When a setting is missing or cannot be fetched (class `Input`).
pub fn client(connection: &Connection, stop: &Stop) -> Result<(Client, Option<String>)> {
    let Authorized { authorize, login } = authorize(connection, stop)?;
    let mut pace = Pace::new(connection.rate, connection.concurrency);
    let file = budget_file(&[connection.service.name, &connection.url, &login]);
    let warning = pace.share(&file).err().map(|cause| {
        format!(
            "other Ferry processes are not regarded in the pace: cannot open `{}`: {cause}",
            file.display()
        )
    });
    Ok((Client::authorized(authorize, Arc::new(pace), stop.clone()), warning))
}

/// A client for a login, which has no credentials yet.
#[must_use]
pub fn client_without_credentials(connection: &Connection, stop: &Stop) -> Client {
    let pace = Pace::new(connection.rate, connection.concurrency);
    Client::new(SecretString::default(), Arc::new(pace), stop.clone())
}

/// Credentials, and what tells their login from others, for the budget's file alone.
struct Authorized {
    authorize: Arc<dyn Authorize>,
    login: String,
}

/// Nimble: a token that is set wins, since it is said for this command; else the login of an application.
fn authorize(connection: &Connection, stop: &Stop) -> Result<Authorized> {
    if connection.service.name != "nimble" {
        let email = connection.required("email", stop)?;
        let key = connection.required("key", stop)?;
        let header = nethunt::authorization(email.expose_secret(), &key);
        let (said, kept) = (connection.whence("email"), connection.whence("key"));
        let hint = format!("check the login in {said}, and in {kept} its API key, the one of v1");
        let authorize = Key::new(connection, "NetHunt", header, nethunt::refuses_credentials, hint);
        return Ok(Authorized { authorize, login: email.expose_secret().to_lowercase() });
    }
    if connection.has("token") || !connection.has("client_id") {
        let token = connection.required("token", stop)?;
        sendable(connection, &token)?;
        let header = nimble::authorization(&token);
        let hint = format!(
            "put a valid API token into {}; an administrator makes one in Nimble under Settings > API Token",
            connection.whence("token")
        );
        let authorize = Key::new(connection, "Nimble", header, nimble::refuses_credentials, hint);
        return Ok(Authorized { authorize, login: token.expose_secret().to_owned() });
    }
    let (file, stored) = login::stored(connection)?;
    let redirect_uri = match (stored, connection.text("redirect_uri")) {
        (Some(stored), _) if !stored.redirect_uri.is_empty() => stored.redirect_uri,
        (_, configured) => configured.unwrap_or_default().to_owned(),
    };
    let application = login::application(connection, redirect_uri, stop)?;
    let seed = connection.optional("refresh_token", stop)?;
    let (name, url) = (connection.name.clone(), connection.url.clone());
    let login = file.path().display().to_string();
    Ok(Authorized { authorize: Arc::new(Session::new(name, url, application, file, seed)), login })
}

/// Refuses a token that no request can carry, without repeating any of it.
fn sendable(connection: &Connection, token: &SecretString) -> Result<()> {
    let unsent = token.expose_secret().chars().position(|c| !matches!(c, ' '..='~'));
    match unsent {
        None => Ok(()),
        Some(at) => Err(Error::input(format!(
            "the token of the connection `{}` cannot be sent: its character {} is none of ASCII",
            connection.name,
            at + 1
        ))
        .hint(format!("put the token into {} once more, as Nimble shows it", connection.whence("token")))),
    }
}

fn login_name(connection: &Connection, client: &Client) -> Result<String> {
    Ok(connection.required("email", client.stop())?.expose_secret().to_owned())
}

/// Connectors call the connection by their service's name where they say what would help.
fn with_own_name(error: Error, connection: &str, service: &str) -> Error {
    let hint = error.way_out().map(|hint| hint.replace(&format!("{service}:"), &format!("{connection}:")));
    hint.into_iter().fold(error, Error::hint)
}

/// There is no such stream; `known` are those that there are.
fn no_stream(connection: &str, stream: &str, known: &[&str]) -> Error {
    let error = Error::input(format!("the connection `{connection}` has no stream `{stream}`"));
    match nearest(stream, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{connection}:{near}`?")),
        None => error.hint(format!("it has {}", known.join(", "))),
    }
}
