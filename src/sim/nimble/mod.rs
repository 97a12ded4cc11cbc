//! The simulated Nimble: contacts as the reference documents them, strictly.
//!
//! A request the reference does not allow is refused, so that a client's mistakes show here and not at a
//! customer's account. Where the reference is silent, [`knobs`] decide. Served: `/myself`, `/company/users`,
//! contact lists, ids, detail, create, update, delete, tags and the older metadata. Not here: notes, tasks,
//! OAuth, writing metadata; their paths answer 404.
//!
//! Nothing waits or does I/O in here; faults and transport are the server's.

mod errors;
pub(crate) mod knobs;
mod listing;
mod merge;
mod metadata;
mod query;
mod read;
mod render;
mod search;
mod seed;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod write;

use serde_json::{Value, json};

use self::errors::{no_such_path, unauthorized};
use self::knobs::Knobs;
use self::listing::Orders;
use self::metadata::Metadata;
use self::store::Store;
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
            orders: Orders::default(),
            dice: fastrand::Rng::with_seed(seed),
            salt: fastrand::Rng::with_seed(seed ^ 0x51).u64(0..1 << 24),
        }
    }

    /// An id as the service makes them: eight hex digits of Unix seconds, then what makes it unique.
    fn new_id(&self, created_s: i64) -> String {
        let seconds = created_s.clamp(0, i64::from(u32::MAX));
        format!("{seconds:08x}{:06x}{:010x}", self.salt, self.store.ever())
    }

    fn route(&mut self, now_ms: i64, request: &Request) -> Reply {
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["myself"]) => myself(),
            ("GET", ["company", "users"]) => users(),
            ("GET", ["contacts"] | ["contacts", "list"]) => self.list(now_ms, request),
            ("GET", ["contacts", "ids"]) => self.list_ids(now_ms, request),
            ("GET", ["contacts", "metadata"]) => Reply::json(200, &self.metadata.json()),
            ("GET", ["contact", ids]) => self.detail(ids, usize::MAX, request),
            ("GET", ["contact"]) => self.detail_by_parameter(request),
            ("POST", ["contact"]) => self.create(now_ms, request),
            ("PUT", ["contact", id]) => self.update(now_ms, id, request),
            ("DELETE", ["contact", ids]) => self.delete(ids),
            ("DELETE", ["contacts", "list"]) => self.delete_selected(now_ms, request),
            ("PUT", ["contacts" | "contact", id, "tags"]) => self.put_tags(now_ms, id, request),
            _ => no_such_path(),
        }
    }
}

impl Service for Nimble {
    fn handle(&mut self, now_ms: i64, request: &Request) -> Reply {
        // Credentials are judged before the path, and one valid form is enough (reference, authentication).
        if authorized(request) { self.route(now_ms, request) } else { unauthorized() }
    }

    fn snapshot(&self) -> Value {
        snapshot::take(&self.store)
    }

    fn restore(&mut self, snapshot: &Value) -> Result<(), String> {
        self.store = snapshot::read(snapshot)?;
        self.orders = Orders::default();
        Ok(())
    }
}

fn authorized(request: &Request) -> bool {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    [bearer, request.param("access_token"), request.header("x-nimble-token")].contains(&Some(TOKEN))
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
        let avatar_url = format!("https://app.nimble.example/api/avatars/user/{id}");
        json!({"name": name, "email": email, "is_active": is_active, "avatar_url": avatar_url})
    });
    Reply::json(200, &json!({"users": users.collect::<Vec<_>>()}))
}
