//! The simulator of both CRMs, reached only over a socket.
//!
//! It is written from the services' references, never from Ferry's client code, and shares no type with it:
//! requests are read as text and `serde_json::Value`, answers are built with `json!`. So a misspelt field in
//! the client is an error here and not twice the same mistake.
//!
//! It listens on the loopback address alone and keeps its state in memory, or in a file that is loaded at start
//! and written by temporary file and rename.

mod admin;
mod drift;
mod engine;
pub mod exchange;
mod faults;
pub mod generate;
mod ledger;
pub mod nethunt;
pub(crate) mod nimble;
mod scenario;
mod server;
mod state;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};

pub use self::scenario::Scenario;

use self::engine::Engine;
use self::server::Stopper;

/// The NetHunt login that is valid.
const NETHUNT_EMAIL: &str = "sim@example.org";
/// The NetHunt API key that is valid.
const NETHUNT_KEY: &str = "sim-key";

/// How a simulator starts.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// What the services are like and what goes wrong.
    pub scenario: Scenario,
    /// Where the state is kept; loaded when the file exists.
    pub state: Option<PathBuf>,
    /// Records to generate in each service when no state was loaded; 0 leaves it to the scenario.
    pub generate: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// A running simulator; it stops when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    engine: Arc<Mutex<Engine>>,
    stopper: Option<Stopper>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts listening; requests are answered on a thread of its own.
    ///
    /// # Errors
    /// When the port is taken, or the state file cannot be read.
    pub fn start(options: Options) -> Result<Self, String> {
        let port = options.port;
        let engine = Arc::new(Mutex::new(Engine::new(options)?));
        let (address, stopper, thread) = server::start(port, Arc::clone(&engine))?;
        Ok(Self { address, engine, stopper: Some(stopper), thread: Some(thread) })
    }

    /// Where it listens, such as `http://127.0.0.1:4711`.
    #[must_use]
    pub fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Addresses and credentials for scripts.
    #[must_use]
    pub fn greeting_json(&self) -> Value {
        let root = self.root();
        json!({
            "root": root,
            "nimble": format!("{root}/api/v1"),
            "nethunt": format!("{root}/api/v1/zapier"),
            "nimble_token": nimble::TOKEN,
            "nethunt_email": NETHUNT_EMAIL,
            "nethunt_key": NETHUNT_KEY,
        })
    }

    /// The lines to paste into a shell, each with its line end.
    #[must_use]
    pub fn greeting_shell(&self) -> String {
        let root = self.root();
        format!(
            "export FERRY_NIMBLE_URL={root}/api/v1\n\
             export FERRY_NIMBLE_TOKEN={}\n\
             export FERRY_NIMBLE_RATE=none\n\
             export FERRY_NETHUNT_URL={root}/api/v1/zapier\n\
             export FERRY_NETHUNT_EMAIL={NETHUNT_EMAIL}\n\
             export FERRY_NETHUNT_KEY={NETHUNT_KEY}\n\
             export FERRY_NETHUNT_RATE=none\n",
            nimble::TOKEN
        )
    }

    /// Everything in both services, as the state file holds it.
    #[must_use]
    pub fn state(&self) -> Value {
        engine::locked(&self.engine).snapshot()
    }

    /// Totals of all requests so far, as `GET /_sim/ledger/summary` gives them.
    #[must_use]
    pub fn totals(&self) -> Value {
        engine::locked(&self.engine).ledger.summary()
    }

    /// Puts other faults in force: TOML with `[[fault]]` tables; an empty text ends all faults.
    ///
    /// # Errors
    /// When the text is not rules; the error begins with the line number.
    pub fn set_faults(&self, toml: &str) -> Result<(), String> {
        let rules = scenario::rules(toml.as_bytes())?;
        engine::locked(&self.engine).set_faults(rules)
    }

    /// Writes the state file, where there is one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self) -> Result<(), String> {
        engine::locked(&self.engine).save()
    }

    /// Stops listening and saves the state; call [`Simulator::save`] first to learn whether that works.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        drop(self.stopper.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was already answered with 500, nothing is left to report.
            let _ = thread.join();
            let _ = self.save();
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shut_down();
    }
}
