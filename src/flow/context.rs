//! What every command works with: who is talked to, where runs are, how to stop.

use crate::config::{Connection, Overrides};
use crate::connect::{self, Stream};
use crate::error::{Error, Result};
use crate::flow::job::Place;
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
    /// What the command line says for every connection.
    pub overrides: Overrides,
    /// Where runs are kept.
    pub runs: Runs,
    /// Do not ask before writing.
    pub yes: bool,
    /// When the command began.
    pub began: Instant,
    /// Streams opened so far, by connection and stream.
    streams: Mutex<BTreeMap<(String, String), Stream>>,
    /// The clients of all streams, of those too that could not be opened.
    clients: Mutex<Vec<Client>>,
}

impl Context {
    /// A context whose time begins now.
    #[must_use]
    pub fn new(reporter: Reporter, stop: Stop, overrides: Overrides, runs: Runs, yes: bool) -> Self {
        let (streams, clients) = (Mutex::default(), Mutex::default());
        Self { reporter, stop, overrides, runs, yes, began: Instant::now(), streams, clients }
    }

    /// The settings of a connection.
    ///
    /// # Errors
    /// When a variable holds what it may not.
    pub fn connection(&self, name: &str) -> Result<Connection> {
        Connection::from_environment(name, &self.overrides)
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
        let client = connect::client(&connection, &self.stop)?;
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).push(client.clone());
        let opened = connect::open(&connection, stream, client)?;
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
        clients.iter().fold((0, 0), |(requests, retries), client| {
            let counters = client.counters();
            (
                requests + counters.requests.load(Ordering::Relaxed),
                retries + counters.retries.load(Ordering::Relaxed),
            )
        })
    }
}
