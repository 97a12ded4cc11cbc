//! The error bodies of the simulated Nimble, in the shapes of the reference's chapter on errors.
//!
//! Only few messages are quoted there. Every other one begins with `x-simulated:`, so that nobody takes our
//! wording for the service's.

use serde_json::{Map, Value, json};

use super::knobs::{ErrorShape, Knobs};
use crate::sim::exchange::Reply;

/// No valid token: 401 in the manner of OAuth, or the 403 of the current description.
pub(super) fn unauthorized(knobs: &Knobs) -> Reply {
    if knobs.auth_status() == 403 {
        return Reply::json(403, &json!({"message": "Can't authenticate request"}));
    }
    bad_token()
}

fn bad_token() -> Reply {
    Reply::json(
        401,
        &json!({"error": "invalid_token", "error_description": "x-simulated: the access token is missing or not valid"}),
    )
}

/// What stands in the place of an answer when a fault has hit the request; where the reference has no body for the
/// status, one is made up.
pub(super) fn fault(status: u16, is_usual: bool, knobs: &Knobs) -> Reply {
    let body = match status {
        401 if is_usual => return unauthorized(knobs),
        401 => return bad_token(),
        402 => return quota(knobs),
        429 => json!({"message": "x-simulated: too many requests"}),
        503 => json!({"message": "x-simulated: service unavailable"}),
        _ => json!({"message": "Internal error handling request", "code": 107}),
    };
    Reply::json(status, &body)
}

/// 409/245 for parameters and bodies, with a message of ours.
pub(super) fn invalid(message: &str) -> Reply {
    quoted_invalid(&format!("x-simulated: {message}"))
}

/// 409/245 with a message the reference quotes.
pub(super) fn quoted_invalid(message: &str) -> Reply {
    Reply::json(409, &json!({"message": message, "code": 245}))
}

/// 403: the user may not do this.
pub(super) fn forbidden(message: &str) -> Reply {
    Reply::json(403, &json!({"message": format!("x-simulated: {message}")}))
}

/// 406: what an action would touch beyond what was asked; `query` selects the contacts concerned.
pub(super) fn preflight(kind: &str, message: &str, total: usize, query: &Value) -> Reply {
    let message = format!("x-simulated: {message}");
    Reply::json(
        406,
        &json!({"errors": [{"type": kind, "message": message, "total": total, "nse_query": query}]}),
    )
}

/// 402/108: the plan's contacts are used up; the current description has neither message nor code.
pub(super) fn quota(knobs: &Knobs) -> Reply {
    if knobs.is_current() {
        let resource = json!({"amount": 1, "resource": {"resource_id": "number_of_contacts"}});
        return Reply::json(
            402,
            &json!({"payment_type": "x-simulated", "required_spec": {},
                    "extra_usage": {"resources": [resource], "features": []}}),
        );
    }
    Reply::json(
        402,
        &json!({"message": "x-simulated: the maximum number of contact records is reached", "code": 108}),
    )
}

/// 404 for an id that is not known: no message, no code.
pub(super) fn not_found(object_type: &str, object_id: &str) -> Reply {
    Reply::json(404, &json!({"object_type": object_type, "object_id": object_id}))
}

/// 404 for a path or method that is not in the reference.
pub(super) fn no_such_path() -> Reply {
    Reply::json(404, &json!({"message": "x-simulated: no such path"}))
}

/// A 409 in the shape the knobs ask for; every other answer as it is.
pub(super) fn reshaped(reply: Reply, knobs: &Knobs) -> Reply {
    if reply.status != 409 || knobs.error_shape() == ErrorShape::List {
        return reply;
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let message = body["message"].as_str().unwrap_or_default();
    let mut errors = Map::new();
    match body["errors"].as_object() {
        // Paths of JSON pointers in the place of field names, one object in the place of a list.
        Some(fields) => errors.extend(fields.iter().map(|(field, list)| {
            let path = format!("/fields/{}", field.replace('~', "~0").replace('/', "~1"));
            (path, json!({"message": list[0]["message"]}))
        })),
        None => drop(errors.insert("/".to_owned(), json!({"message": message}))),
    }
    let body = json!({"message": message, "human_readable_error": message, "errors": errors, "extra": [],
                      "code": 245});
    Reply::json(409, &body)
}

/// What is wrong with the fields of a create or update, collected before the answer is made.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<(String, String, Option<String>)>);

impl Findings {
    /// Notes one finding about a field; `field_id` is the id of the (field, modifier) pair where it has one.
    pub(super) fn note(&mut self, field: &str, message: &str, field_id: Option<String>) {
        self.0.push((field.to_owned(), format!("x-simulated: {message}"), field_id));
    }

    /// The 409/245 answer, or nothing when nothing is wrong.
    pub(super) fn refusal(self) -> Option<Reply> {
        if self.0.is_empty() {
            return None;
        }
        let mut errors = Map::new();
        for (field, message, field_id) in self.0 {
            let list = errors.entry(field).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(json!({"message": message, "field_id": field_id}));
            }
        }
        Some(Reply::json(409, &json!({"message": "Validation errors", "errors": errors, "code": 245})))
    }
}
