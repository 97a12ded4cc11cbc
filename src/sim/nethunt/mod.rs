//! The simulated NetHunt: the Integration API below `/api/v1/zapier`, in memory.
//!
//! Written from the reference alone. It refuses what the reference does not allow, in plain text and with
//! the service's own words where they are known; what the reference leaves open is a knob of the scenario.
//! Deterministic: the clock is handed in, and chance comes from a seed.
//!
//! Not here: sockets, rate limits, lost and broken answers (the server lays them over every service).

mod actions;
mod admin;
mod algebra;
mod folders;
pub(crate) mod knobs;
mod notes;
mod populate;
mod refusal;
mod search;
mod spelling;
mod state;
mod store;
mod streams;
mod triggers;
mod values;

use serde_json::Value;

use crate::sim::exchange::{Reply, Request, Service};
use knobs::Knobs;
use refusal::Refused;
use store::Store;

/// `Basic` credentials of `sim@example.org` with the key `sim-key`.
const CREDENTIALS: &str = "c2ltQGV4YW1wbGUub3JnOnNpbS1rZXk=";

/// The service's own text for missing and wrong credentials.
const NOT_VALID: &str = "Your email address or API key does not appear to be valid";

/// A simulated NetHunt account with its folders and records.
#[derive(Debug)]
pub struct NetHunt {
    store: Store,
    knobs: Knobs,
    dice: fastrand::Rng,
}

/// Whether settings make sense for an account as it begins.
///
/// # Errors
/// When one does not; the text names the key.
pub(crate) fn check(knobs: &Knobs) -> Result<(), String> {
    let folders = folders::at_start();
    knobs.check()?;
    knobs.check_fields(|name| folders.iter().any(|folder| folder.field(name).is_some()))
}

/// One request with all that is needed to answer it.
struct Call<'a> {
    store: &'a mut Store,
    knobs: &'a Knobs,
    dice: &'a mut fastrand::Rng,
    now_ms: i64,
    request: &'a Request,
}

impl NetHunt {
    /// An account with the folders Contacts, Companies and Deals, all empty; chance comes from `seed`.
    pub(crate) fn new(knobs: Knobs, seed: u64) -> Self {
        let mut store = Store::default();
        folders::at_start().into_iter().for_each(|definition| store.add_folder(definition));
        let mut account = Self { store, knobs: Knobs::default(), dice: fastrand::Rng::with_seed(seed) };
        account.set_knobs(knobs);
        account
    }

    /// Fills the account with invented companies, contacts and deals, the same for the same arguments.
    ///
    /// `count` contacts, a tenth as many companies and a fifth as many deals, linked with each other; with
    /// comments, call logs and files on some contacts. Nothing is younger than `now_ms`.
    pub fn generate(&mut self, count: usize, seed: u64, now_ms: i64) {
        populate::generate(&mut self.store, count, seed, now_ms);
    }

    /// Answers the surface on which a test prepares and inspects the account; `/_sim/nethunt` is cut off.
    ///
    /// `POST /folders`, `GET /folders`, `POST /records/{folder}`, `GET /records/{folder}` (id or name),
    /// `POST /notes/{folder}`, `GET /notes/{folder}`, `POST /knobs`. No credentials are asked for.
    pub fn admin(&mut self, now_ms: i64, request: &Request) -> Reply {
        admin::answer(self, now_ms, request)
    }

    /// What another user does meanwhile: `kind` is `insert`, `update`, `resort` (a touch that changes no value),
    /// `delete` or `comment`; answers the id of the record, or of the comment.
    ///
    /// `None` when `kind` is another word, or there is no record left to change.
    pub fn drift(&mut self, now_ms: i64, seed: u64, kind: &str) -> Option<String> {
        populate::drift(&mut self.store, now_ms, seed, kind)
    }

    fn set_knobs(&mut self, knobs: Knobs) {
        self.store.ids_embed_created = knobs.ids_embed_created;
        self.store.index_lags = knobs.index_lag_ms > 0;
        self.knobs = knobs;
    }
}

impl Service for NetHunt {
    fn handle(&mut self, now_ms: i64, request: &Request) -> Reply {
        let shape = self.knobs.error_body;
        let mut call =
            Call { store: &mut self.store, knobs: &self.knobs, dice: &mut self.dice, now_ms, request };
        call.answer().unwrap_or_else(|refused| refused.into_reply(shape))
    }

    fn snapshot(&self) -> Value {
        state::snapshot(&self.store)
    }

    fn restore(&mut self, snapshot: &Value) -> Result<(), String> {
        let mut store = state::restore(snapshot)?;
        store.ids_embed_created = self.store.ids_embed_created;
        store.index_lags = self.store.index_lags;
        self.store = store;
        Ok(())
    }
}

impl Call<'_> {
    fn answer(&mut self) -> Result<Reply, Refused> {
        // Credentials are judged before the path: a wrong key with a wrong folder id is a wrong key.
        self.authenticate()?;
        let segments: Vec<&str> =
            self.request.path.strip_prefix('/').unwrap_or_default().split('/').collect();
        let reading = match segments[..] {
            ["triggers", ..] | ["searches", ..] => true,
            ["actions", ..] => false,
            _ => return Err(no_route()),
        };
        let expected = if reading { "GET" } else { "POST" };
        if self.request.method != expected {
            return Err(Refused::new(405, format!("Method {} is not allowed", self.request.method)));
        }
        let answer = match segments[..] {
            ["triggers", name] => self.trigger(name, None),
            ["triggers", name, folder] => self.trigger(name, Some(folder)),
            ["searches", "find-record", folder] => Some(self.find_record(folder)),
            ["actions", name, id] => self.action(name, id),
            _ => None,
        };
        answer.unwrap_or_else(|| Err(no_route()))
    }

    fn authenticate(&self) -> Result<(), Refused> {
        let sent = self.request.header("authorization").and_then(|header| header.trim().split_once(' '));
        match sent {
            Some((scheme, value)) if scheme.eq_ignore_ascii_case("basic") && value.trim() == CREDENTIALS => {
                Ok(())
            }
            _ => Err(Refused::new(401, NOT_VALID)),
        }
    }

    /// The index of the folder of that id.
    fn folder(&self, id: &str) -> Result<usize, Refused> {
        self.store.folder(id).ok_or_else(|| Refused::new(404, "Folder not found"))
    }
}

fn no_route() -> Refused {
    Refused::new(404, "Not Found")
}

#[cfg(test)]
mod tests;
