//! The second witness: what the simulator itself says was done to it, asked over its own socket.

use crate::error::{Error, Result};
use crate::http::pace::{Pace, RateLimit};
use crate::http::{Answer, Call, Client, Failure, ORDINARY, Unreadable};
use crate::stop::Stop;
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Asks a simulator.
pub(super) struct Witness {
    client: Client,
    root: String,
}

/// What both services have done since the simulator started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records created.
    pub(super) creates: u64,
    /// Records changed.
    pub(super) updates: u64,
}

impl Witness {
    pub(super) fn new(root: &str, stop: &Stop) -> Result<Self> {
        let rate: RateLimit = "none".parse().map_err(Error::input)?;
        // The admin surface asks for no credentials: it listens on the loopback address alone.
        let client = Client::new(SecretString::from("none"), Arc::new(Pace::new(rate, 1)), stop.clone());
        Ok(Self { client, root: format!("{root}/_sim") })
    }

    /// What was done so far.
    pub(super) fn tally(&self) -> Result<Tally> {
        let summary = self.ask("/ledger/summary")?;
        let count = |effect: &str| summary["by_effect"][effect].as_u64().unwrap_or(0);
        Ok(Tally { creates: count("create"), updates: count("update") })
    }

    /// How many contacts of the first service hold each e-mail address of a domain.
    pub(super) fn contacts_by_email(&self, domain: &str) -> Result<BTreeMap<String, usize>> {
        let state = self.ask("/state")?;
        let mut counts = BTreeMap::new();
        for contact in state["nimble"]["contacts"].as_array().into_iter().flatten() {
            let texts = contact["fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
            for email in texts.filter(|text| text.ends_with(domain)) {
                *counts.entry(email.to_owned()).or_default() += 1;
            }
        }
        Ok(counts)
    }

    /// Lets every write take so long from now on; 0 ends that.
    pub(super) fn slow_down_writes(&self, milliseconds: u64) -> Result<()> {
        let rules = match milliseconds {
            0 => String::new(),
            ms => format!("[[fault]]\nkind = \"latency\"\nmethod = \"write\"\nlatency_ms = {ms}\n"),
        };
        self.client.write(&self.call("POST", "/faults", Some(rules))).map(|_| ()).map_err(|why| gone(&why))
    }

    fn ask(&self, path: &str) -> Result<Value> {
        let parse = |answer: &Answer| {
            serde_json::from_slice(&answer.body).map_err(|cause| Unreadable(cause.to_string()))
        };
        self.client.read(&self.call("GET", path, None), parse).map_err(|why| gone(&why))
    }

    fn call(&self, method: &'static str, path: &str, body: Option<String>) -> Call {
        let url = format!("{}{path}", self.root);
        Call { method, url, body: body.map(String::into_bytes), timeout: ORDINARY }
    }
}

fn gone(failure: &Failure) -> Error {
    match failure {
        Failure::Stopped => Error::stopped("the tour was broken off"),
        other => Error::stopped(format!("the simulator does not answer: {other:?}")),
    }
}
