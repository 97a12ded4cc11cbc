//! Where records come from and go to. Only this module knows a CRM's name.

pub mod files;
pub mod nethunt;
pub mod nimble;

use crate::config::Connection;
use crate::error::{Error, Result, nearest};
use crate::extract::Source;
use crate::http::Client;
use crate::http::pace::Pace;
use crate::load::target::Target;
use crate::record::schema::Schema;
use crate::stop::Stop;
use files::FileEndpoint;
use std::sync::Arc;

/// An end of the way of the data, as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A file, or standard input or output.
    File(FileEndpoint),
    /// A stream behind a connection: `nimble:contacts`, `nethunt:Deals`.
    Stream {
        /// The connection's name.
        connection: String,
        /// The stream as written.
        stream: String,
    },
}

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
}

impl Stream {
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

/// A service that Ferry speaks.
struct Service {
    name: &'static str,
    default_url: &'static str,
}

const SERVICES: [Service; 2] = [
    Service { name: "nimble", default_url: "https://app.nimble.com/api/v1" },
    Service { name: "nethunt", default_url: "https://nethunt.com/api/v1/zapier" },
];

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

/// The connections that exist without any configuration.
pub fn connections() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|service| service.name)
}

impl Endpoint {
    /// Reads an endpoint as typed; `format` is that of `--format`.
    ///
    /// # Errors
    /// When it is neither a file nor a stream of a known connection (class `Input`).
    pub fn parse(text: &str, format: Option<&str>) -> Result<Self> {
        if let Some(file) = FileEndpoint::parse(text, format) {
            return file.map(Self::File);
        }
        if let Some((connection, stream)) = text.split_once(':') {
            service(connection)?;
            if stream.is_empty() {
                return Err(Error::input(format!("`{text}` names no stream"))
                    .hint(format!("list them with `ferry discover {connection}`")));
            }
            return Ok(Self::Stream { connection: connection.to_owned(), stream: stream.to_owned() });
        }
        Err(Error::input(format!("`{text}` is neither a file that Ferry reads nor a stream")).hint(
            "write `people.csv`, `nimble:contacts` or `nethunt:FOLDER`; `--format` names a file's format",
        ))
    }

    /// The service and the kind of stream, for comparing what a mapping was written for with what it is used
    /// for: another file or another folder is fine, another kind is not (design section 4).
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::File(_) => "a file".to_owned(),
            Self::Stream { connection, stream } if connection == "nethunt" => {
                let child = stream.rsplit_once('/').map_or("records", |(_, child)| child);
                format!("nethunt {child}")
            }
            Self::Stream { connection, stream } => format!("{connection} {stream}"),
        }
    }
}

/// Opens a stream: asks the service who we are and what the stream is. The requests go through `client`, which
/// counts them whether the stream can be opened or not.
///
/// # Errors
/// When a setting is missing, the credentials are refused, the service is down, or there is no such stream.
pub fn open(connection: &Connection, stream: &str, client: Client) -> Result<Stream> {
    let url = base_url(connection)?;
    let settle = connection.settle;
    let (source, target) = match connection.name.as_str() {
        "nimble" => nimble::Nimble::new(client.clone(), url, settle).open(stream)?,
        _ => nethunt::NetHunt::new(client.clone(), url, connection.required("EMAIL")?).open(stream)?,
    };
    Ok(Stream { source, target, client, settle })
}

/// What a connection's credentials are good for.
///
/// # Errors
/// When a setting is missing, the credentials are refused or the service is down.
pub fn check(connection: &Connection, stop: &Stop) -> Result<Access> {
    let client = client(connection, stop)?;
    let url = base_url(connection)?;
    match connection.name.as_str() {
        "nimble" => nimble::Nimble::new(client, url, connection.settle).access(&connection.name),
        _ => nethunt::NetHunt::new(client, url, connection.required("EMAIL")?).access(&connection.name),
    }
}

/// Whether there is a connection of that name.
///
/// # Errors
/// When there is none, with the nearest name (class `Input`).
pub fn known(name: &str) -> Result<()> {
    service(name).map(|_| ())
}

/// The fields that a connection's stream has without asking the service, for checks offline.
#[must_use]
pub fn offline_schema(connection: &str, stream: &str) -> Option<Schema> {
    match connection {
        "nimble" => nimble::offline_schema(stream),
        _ => None,
    }
}

/// A client with a connection's credentials and pace.
///
/// # Errors
/// When a setting is missing (class `Input`).
pub fn client(connection: &Connection, stop: &Stop) -> Result<Client> {
    let authorization = match connection.name.as_str() {
        "nimble" => nimble::authorization(&connection.secret("TOKEN")?),
        _ => nethunt::authorization(&connection.required("EMAIL")?, &connection.secret("KEY")?),
    };
    let pace = Arc::new(Pace::new(connection.rate, connection.concurrency));
    Ok(Client::new(authorization, pace, stop.clone()))
}

fn base_url(connection: &Connection) -> Result<String> {
    match &connection.url {
        Some(url) => Ok(url.clone()),
        None => Ok(service(&connection.name)?.default_url.to_owned()),
    }
}

fn service(name: &str) -> Result<&'static Service> {
    SERVICES.iter().find(|service| service.name == name).ok_or_else(|| {
        let names: Vec<_> = connections().map(|name| format!("`{name}`")).collect();
        let error = Error::input(format!("there is no connection `{name}`"));
        match nearest(name, connections()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("there are {}", names.join(" and "))),
        }
    })
}

/// There is no such stream; `known` are those that there are.
fn no_stream(connection: &str, stream: &str, known: &[&str]) -> Error {
    let error = Error::input(format!("the connection `{connection}` has no stream `{stream}`"));
    match nearest(stream, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{connection}:{near}`?")),
        None => error.hint(format!("it has {}", known.join(", "))),
    }
}
