//! Deletes contacts by id, many in one request.
//!
//! What became of each is told from the answer's list of ids where there is one, else by reading what was to go
//! (facts, sections 9.3 and 15 no. 12). A contact that is gone already counts as deleted. Nothing is ever
//! deleted by a query: a call without criteria could mean everything.

use super::api::{Query, escaped};
use super::reader::{DETAILS, Reader};
use super::send::not_done;
use crate::http::Failure;
use crate::load::target::Sent;
use crate::record::to_text;
use serde_json::{Value, json};

/// Contacts in one request: as many as one read shows.
pub(super) const AT_ONCE: usize = DETAILS;

/// Deletes contacts; for each id, in order, what became of it.
pub(super) fn delete(reader: &Reader<'_>, ids: &[String]) -> Vec<Sent> {
    let path = format!("/contact/{}", ids.iter().map(|id| escaped(id)).collect::<Vec<_>>().join(","));
    match reader.api.write("DELETE", &path, &Query::default(), &json!({})) {
        Ok(answer) => confirmed(reader, ids, &deleted(&answer.body)),
        // The newer description knows one id a request, and one bad id spoils all: each on its own then.
        Err(Failure::Refused { status: 404 | 405 | 409 | 410, .. }) if ids.len() > 1 => {
            ids.iter().flat_map(|id| delete(reader, std::slice::from_ref(id))).collect()
        }
        Err(Failure::Refused { status: 404 | 410, .. }) => ids.iter().map(|id| done(id)).collect(),
        Err(failure) => {
            let doubt = |failure: &Failure| not_done("cannot delete contacts in Nimble", failure.clone());
            ids.iter().map(|_| doubt(&failure)).collect()
        }
    }
}

/// The ids that an answer says are deleted; none where it is empty or something else.
fn deleted(body: &[u8]) -> Vec<String> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let ids = answer.pointer("/data/ids").or_else(|| answer.get("ids")).and_then(Value::as_array);
    ids.into_iter().flatten().map(to_text).collect()
}

/// Those that the answer does not name are looked for.
fn confirmed(reader: &Reader<'_>, ids: &[String], named: &[String]) -> Vec<Sent> {
    let open: Vec<String> = ids.iter().filter(|id| !named.contains(id)).cloned().collect();
    let there = match open.is_empty() {
        true => Ok(Vec::new()),
        false => reader.details(&open).map(|batch| batch.records),
    };
    let state = |id: &String| match &there {
        _ if named.contains(id) => done(id),
        Ok(there) if there.iter().any(|record| record.id.as_ref() == Some(id)) => {
            Sent::Refused("the service answered, and the contact is still there".to_owned())
        }
        Ok(_) => done(id),
        Err(_) => Sent::Doubt {
            why: "the service does not say which contacts it deleted, and cannot be asked".to_owned(),
            server_error: false,
        },
    };
    ids.iter().map(state).collect()
}

fn done(id: &str) -> Sent {
    Sent::Done { id: id.to_owned(), also: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_the_documented_answer_and_from_nothing_else() {
        let documented = include_bytes!("../../../tests/fixtures/nimble/deleted.json");
        assert_eq!(deleted(documented), ["64b0c0ffee00000000000001", "64b0c0ffee00000000000002"]);
        assert!(deleted(b"").is_empty());
        assert!(deleted(b"{\"status\":\"ok\"}").is_empty());
    }
}
