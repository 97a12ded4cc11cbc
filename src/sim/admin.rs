//! The surface below `/_sim` by which tests look into the simulator and steer it. It needs no credentials: the
//! simulator listens on the loopback address alone.

use serde_json::{Value, json};

use crate::sim::engine::{Engine, Target};
use crate::sim::exchange::{Reply, Request};
use crate::sim::scenario;

/// Answers a request whose path is below `/_sim`, that prefix cut off.
pub(crate) fn answer(engine: &mut Engine, request: &Request) -> Reply {
    for (prefix, target) in [("/nimble", Target::Nimble), ("/nethunt", Target::NetHunt)] {
        if let Some(path) = request.path.strip_prefix(prefix).filter(|path| path.starts_with('/')) {
            return engine.admin(target, &Request { path: path.to_owned(), ..request.clone() });
        }
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/ledger") => {
            let since = request.param("since").unwrap_or("0").parse();
            since.map_or_else(
                |_| Reply::text(400, "`since` is a sequence number"),
                |since| Reply::json(200, &engine.ledger.since(since)),
            )
        }
        ("GET", "/ledger/summary") => Reply::json(200, &engine.ledger.summary()),
        ("GET", "/state") => Reply::json(200, &engine.snapshot()),
        ("GET", "/drift") => Reply::json(200, &engine.drift_json()),
        ("POST", "/faults") => {
            done(scenario::rules(&request.body).and_then(|rules| engine.set_faults(rules)))
        }
        ("POST", "/drift") => done(
            serde_json::from_slice::<Value>(&request.body)
                .map_err(|why| why.to_string())
                .and_then(|order| scenario::from_json(&order))
                .and_then(|order| engine.set_drift(order)),
        ),
        ("POST", "/reset") => done(engine.reset(request.param("empty").is_some())),
        _ => Reply::text(404, "no such path below /_sim"),
    }
}

fn done(result: Result<(), String>) -> Reply {
    match result {
        Ok(()) => Reply::json(200, &json!({"ok": true})),
        Err(why) => Reply::text(400, &why),
    }
}
