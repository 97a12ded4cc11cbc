//! The simulated Nimble: contacts as the reference documents them, strictly.
//!
//! A request the reference does not allow is refused, so that a client's mistakes show here and not at a
//! customer's account. Where the reference is silent or contradicts itself, [`knobs`] decide. Served are
//! contacts, notes, tasks, tags, users, the definitions of fields and OAuth. Not here: deals, leads, pipelines,
//! files and mail drafts; their paths answer 404.
//!
//! Nothing waits or does I/O in here; faults and transport are the server's.

mod body;
mod brief;
mod choices;
mod defaults;
mod definitions;
mod delete;
mod dialect;
mod errors;
mod groups;
mod kinds;
pub(crate) mod knobs;
mod listing;
mod merge;
mod metadata;
mod notebook;
mod notes;
mod oauth;
mod query;
mod read;
mod render;
mod search;
mod seed;
mod snapshot;
mod store;
mod tabs;
mod tasks;
#[cfg(test)]
mod tests;
mod write;

use serde_json::{Value, json};

use self::errors::{fault, no_such_path, reshaped, unauthorized};
use self::knobs::{Knobs, NotesPath};
use self::listing::Orders;
use self::metadata::Metadata;
use self::notebook::Notebook;
use self::oauth::Tokens;
use self::store::Store;
use self::tasks::Task;
use crate::sim::exchange::{Reply, Request, Service};

/// The access token that is valid.
pub(crate) const TOKEN: &str = "sim-token";

const COMPANY_ID: &str = "5e0000000000000000000001";
/// Id, name, e-mail, whether active. The first is the token's user, the second makes foreign changes.
const USERS: &[(&str, &str, &str, bool)] = &[
    ("5f0000000000000000000001", "Sim User", "sim@example.org", true),
    ("5f0000000000000000000002", "Other User", "other@example.org", true),
    ("5f0000000000000000000003", "Former User", "former@example.org", false),
];

/// The simulated service.
#[derive(Debug)]
pub(crate) struct Nimble {
    knobs: Knobs,
    metadata: Metadata,
    store: Store,
    notebook: Notebook,
    tasks: Vec<Task>,
    tokens: Tokens,
    orders: Orders,
    dice: fastrand::Rng,
    /// The middle of every id, from the seed.
    salt: u64,
}

impl Nimble {
    /// An empty account; ids and random orders come from `seed`.
    pub(crate) fn new(knobs: Knobs, seed: u64) -> Self {
        Self {
            metadata: Metadata::new(&knobs),
            knobs,
            store: Store::default(),
            notebook: Notebook::default(),
            tasks: Vec::new(),
            tokens: Tokens::default(),
            orders: Orders::default(),
            dice: fastrand::Rng::with_seed(seed),
            salt: fastrand::Rng::with_seed(seed ^ 0x51).u64(0..1 << 24),
        }
    }

    /// What stands in the place of an answer when a fault has hit the request.
    pub(crate) fn refusal(&self, status: u16, is_usual: bool) -> Reply {
        fault(status, is_usual, &self.knobs)
    }

    /// An id as the service makes them: eight hex digits of Unix seconds, then what makes it unique.
    fn new_id(&self, created_s: i64) -> String {
        self.numbered_id(created_s, self.store.ever() as u64)
    }

    /// The id of the thing of this number, of which ten hex digits are kept.
    fn numbered_id(&self, created_s: i64, number: u64) -> String {
        let seconds = created_s.clamp(0, i64::from(u32::MAX));
        format!("{seconds:08x}{:06x}{number:010x}", self.salt)
    }

    /// Takes a contact out of the account, and out of its notes.
    fn remove(&mut self, id: &str) -> bool {
        self.notebook.forget(id);
        self.store.remove(id).is_some()
    }

    fn route(&mut self, now_ms: i64, request: &Request) -> Reply {
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        // A slash that was sent escaped is part of a name, such as a choice's id.
        let parts: Vec<String> = path.split('/').map(|part| part.replace("%2F", "/")).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        if let Some(reply) = self.route_strictly(now_ms, &parts, request) {
            return reply.unwrap_or_else(|refusal| refusal);
        }
        if let Some(reply) = self.route_definitions(&parts, request) {
            return reply.unwrap_or_else(|refusal| refusal);
        }
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["myself"]) => myself(),
            // What the older description has and the current one left out is there in the older one alone.
            ("GET", ["company", "users"]) if !self.knobs.is_current() => users(),
            ("GET", ["contacts"] | ["contacts", "list"]) => self.list(now_ms, request),
            ("GET", ["contacts", "ids"]) => self.list_ids(now_ms, request),
            ("GET", ["contact", ids]) => self.detail(ids, usize::MAX, request),
            ("GET", ["contact"]) => self.detail_by_parameter(request),
            ("POST", ["contact"]) => self.create(now_ms, request),
            ("PUT", ["contact", id]) => self.update(now_ms, id, request),
            ("PUT", ["contacts" | "contact", id, "tags"]) => self.put_tags(now_ms, id, request),
            _ => no_such_path(),
        }
    }

    /// Notes, tasks, activities and deletes; nothing for any other path.
    fn route_strictly(
        &mut self,
        now_ms: i64,
        parts: &[&str],
        request: &Request,
    ) -> Option<Result<Reply, Reply>> {
        let listed = |path| [NotesPath::Both, path].contains(&self.knobs.notes_path);
        let is_current = self.knobs.is_current();
        Some(match (request.method.as_str(), parts) {
            ("GET", ["contacts", "notes", id]) => self.show_note(id),
            ("GET", ["contact", id, "notes"]) if listed(NotesPath::Contact) => self.list_notes(id, request),
            ("GET", ["contacts", id, "notes"]) if listed(NotesPath::Contacts) => self.list_notes(id, request),
            ("POST", ["contacts", "notes"]) => self.create_note(now_ms, None, request),
            ("POST", ["contacts", "notes", id]) if is_current => self.create_note(now_ms, Some(id), request),
            ("POST", ["contacts", id, "notes"]) if is_current => self.create_note_of(now_ms, id, request),
            ("PUT", ["contacts", "notes", id]) => self.update_note(now_ms, id, request),
            ("DELETE", ["contacts", "notes", id]) => self.delete_note(id),
            ("POST", ["activities", "task"]) if !is_current => self.create_task(now_ms, request),
            ("POST", ["tasks"]) if is_current => self.create_related_task(now_ms, request),
            ("GET", ["activities"]) if is_current => self.activities(now_ms, request),
            ("DELETE", ["contact", ids]) => self.delete(ids),
            ("DELETE", ["contacts", "list"]) if !is_current => self.delete_selected(now_ms, request),
            ("DELETE", ["contacts"]) if is_current => self.delete_checked(now_ms, request),
            ("PUT", ["contact", id, "field"]) if is_current => self.mark_primary(now_ms, id, true, request),
            ("DELETE", ["contact", id, "field"]) if is_current => {
                self.mark_primary(now_ms, id, false, request)
            }
            _ => return None,
        })
    }

    /// Credentials in any of their forms; one that is valid is enough (reference, authentication).
    fn is_open_to(&self, now_ms: i64, request: &Request) -> bool {
        let bearer = request.header("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let tokens = [bearer, request.param("access_token"), request.header("x-nimble-token")];
        tokens.into_iter().flatten().any(|token| self.tokens.opens(token, now_ms))
    }
}

impl Service for Nimble {
    fn handle(&mut self, now_ms: i64, request: &Request) -> Reply {
        if let Some(reply) = self.oauth(now_ms, request) {
            return reply;
        }
        // Credentials are judged before the path.
        if !self.is_open_to(now_ms, request) {
            return unauthorized(&self.knobs);
        }
        let reply = self.route(now_ms, request);
        reshaped(reply, &self.knobs)
    }

    fn snapshot(&self) -> Value {
        // Moved in, not copied as `json!` would.
        let mut snapshot = snapshot::take(&self.store);
        snapshot["notes"] = self.notebook.snapshot();
        snapshot["tasks"] = json!(self.tasks);
        snapshot["definitions"] = self.metadata.snapshot();
        snapshot["refresh_tokens"] = self.tokens.snapshot();
        snapshot
    }

    fn restore(&mut self, snapshot: &Value) -> Result<(), String> {
        self.notebook = Notebook::read(&snapshot["notes"])?;
        self.tasks = tasks::read(&snapshot["tasks"])?;
        self.tokens = Tokens::read(&snapshot["refresh_tokens"]);
        self.metadata.restore(&snapshot["definitions"])?;
        self.store = snapshot::read(snapshot)?;
        self.orders = Orders::default();
        Ok(())
    }
}

fn myself() -> Reply {
    let (id, name, email, _) = USERS[0];
    Reply::json(
        200,
        &json!({"user_id": id, "company_id": COMPANY_ID, "email": email, "name": name, "company_size": "1-10"}),
    )
}

fn users() -> Reply {
    let users = USERS.iter().map(|(id, name, email, is_active)| {
        json!({"name": name, "email": email, "is_active": is_active, "avatar_url": brief::avatar_url(id)})
    });
    Reply::json(200, &json!({"users": users.collect::<Vec<_>>()}))
}
