//! What every command works with: who is talked to, where runs are, how to stop.

use crate::config::{Connection, Connections};
use crate::connect::{self, Access, Stream};
use crate::error::{Error, Result};
use crate::flow::job::{Job, Place};
use crate::http::Client;
use crate::report::Reporter;
use crate::run::folder::Runs;
use crate::stop::Stop;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What every command works with.
pub struct Context {
    /// Says things.
    pub reporter: Reporter,
    /// The wish to stop.
    pub stop: Stop,
    /// The connections that there are.
    pub connections: Connections,
    /// Where runs are kept.
    pub runs: Runs,
    /// Do not ask before writing.
    pub yes: bool,
    /// When the command began.
    pub began: Instant,
    /// Streams opened so far, by connection and stream.
    streams: Mutex<BTreeMap<(String, String), Stream>>,
    /// The client of each connection: its streams share one pace, one token and one count of requests.
    clients: Mutex<BTreeMap<String, Client>>,
}

impl Context {
    /// A context whose time begins now.
    #[must_use]
    pub fn new(reporter: Reporter, stop: Stop, connections: Connections, runs: Runs, yes: bool) -> Self {
        let (streams, clients) = (Mutex::default(), Mutex::default());
        Self { reporter, stop, connections, runs, yes, began: Instant::now(), streams, clients }
    }

    /// The settings of a connection.
    ///
    /// # Errors
    /// When there is no such connection, or a setting holds what it may not.
    pub fn connection(&self, name: &str) -> Result<Connection> {
        self.connections.get(name)
    }

    /// Whether the connections of a job are there, before anything is begun.
    ///
    /// # Errors
    /// When there is no connection of a name, with the nearest one.
    pub fn know(&self, job: &Job) -> Result<()> {
        for place in std::iter::once(&job.source).chain(&job.target) {
            if let Place::Stream { connection, .. } = place {
                self.connections.service(connection)?;
            }
        }
        Ok(())
    }

    /// What a connection's credentials are good for.
    ///
    /// # Errors
    /// As [`connect::check`].
    pub fn check(&self, name: &str) -> Result<Access> {
        let connection = self.connection(name)?;
        connect::check(&connection, self.client(&connection)?)
    }

    /// The client of a connection, made once.
    fn client(&self, connection: &Connection) -> Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connection.name) {
            return Ok(client.clone());
        }
        let (client, warning) = connect::client(connection, &self.stop)?;
        for warning in connection.warnings().into_iter().chain(warning) {
            self.reporter.warn(warning);
        }
        clients.insert(connection.name.clone(), client.clone());
        Ok(client)
    }

    /// Opens a stream, once; its requests are counted.
    ///
    /// # Errors
    /// As [`connect::open`].
    pub fn open(&self, connection: &str, stream: &str) -> Result<Stream> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (connection.to_owned(), stream.to_owned());
        if let Some(opened) = streams.get(&key) {
            return Ok(opened.clone());
        }
        let connection = self.connection(connection)?;
        let opened = connect::open(&connection, stream, self.client(&connection)?)?;
        streams.insert(key, opened.clone());
        Ok(opened)
    }

    /// Opens the stream of a run's place, which has to lead to the account that it led to when the run began.
    ///
    /// # Errors
    /// Class `Input` when it is another account, naming both; else as [`connect::open`].
    pub fn reopen(&self, place: &Place) -> Result<Stream> {
        let Place::Stream { connection, stream, account } = place else {
            return Err(Error::input(format!("`{}` is no stream", place.name())));
        };
        let opened = self.open(connection, stream)?;
        let now = opened.source.account();
        match account {
            Some(account) if now != account => Err(Error::input(format!(
                "the connection `{connection}` leads to the {now}, but this run belongs to the {account}"
            ))
            .hint("set the connection's variables to the account that the run was begun with")),
            _ => Ok(opened),
        }
    }

    /// Requests sent and how many of them were repetitions.
    #[must_use]
    pub fn requests(&self) -> (u64, u64) {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.values().fold((0, 0), |(requests, retries), client| {
            let counters = client.counters();
            (
                requests + counters.requests.load(Ordering::Relaxed),
                retries + counters.retries.load(Ordering::Relaxed),
            )
        })
    }

    /// Whether anything was sent that may have changed something.
    #[must_use]
    pub fn has_written(&self) -> bool {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.values().any(|client| client.counters().writes.load(Ordering::Relaxed) > 0)
    }
}
