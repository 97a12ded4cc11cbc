//! The ends of the way of the data, as people write them: `people.csv`, `nimble:contacts`, `work:Deals`.

use super::files::FileEndpoint;
use crate::config::Connections;
use crate::error::{Error, Result};

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

impl Endpoint {
    /// Reads an endpoint as typed; `format` is that of `--format`. Whether there is such a connection is for
    /// [`Connections::service`] to tell.
    ///
    /// # Errors
    /// When it is neither a file nor a stream (class `Input`).
    pub fn parse(text: &str, format: Option<&str>) -> Result<Self> {
        if let Some(file) = FileEndpoint::parse(text, format) {
            return file.map(Self::File);
        }
        if let Some((connection, stream)) = text.split_once(':') {
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
    /// for: another file, folder or account is fine, another service or kind is not (design section 4).
    ///
    /// # Errors
    /// When there is no such connection (class `Input`).
    pub fn kind(&self, connections: &Connections) -> Result<String> {
        let Self::Stream { connection, stream } = self else { return Ok("a file".to_owned()) };
        let service = connections.service(connection)?.name;
        Ok(match service {
            "nethunt" => {
                let child = stream.rsplit_once('/').map_or("records", |(_, child)| child);
                format!("nethunt {child}")
            }
            _ => format!("{service} {stream}"),
        })
    }
}
