//! One operation on the wire, and what its answer means (NetHunt facts, sections 2 and 4).
//!
//! A 5xx can be a permanent complaint about the payload as well as an outage, so after one nothing is known:
//! the operation is in doubt, and the load stage looks before it sends again. The same holds for a 2xx without
//! the documented JSON, which a proxy may have made up.

use super::api::{Api, failed, is_html, said};
use super::look_up;
use super::wire::Created;
use crate::error::Error;
use crate::http::Failure;
use crate::load::target::{Operation, OperationKind, Sent};
use serde_json::Value;

/// Sends one operation; `id` is the record it is for.
pub(super) fn send(api: &Api, folder: &str, operation: &Operation, id: Option<&str>) -> Sent {
    match (operation.kind, id) {
        (OperationKind::Create, _) => {
            let answer = api.write(&["actions", "create-record", folder], &[], Some(&operation.body));
            answer.map_or_else(create_failed, |answer| created(&answer.body))
        }
        (OperationKind::Update | OperationKind::Link, Some(id)) => {
            let path = ["actions", "update-record", id];
            let answer = api.write(&path, &[("overwrite", "false")], Some(&operation.body));
            answer.map_or_else(update_failed, |answer| updated(&answer.body, id))
        }
        (OperationKind::Update | OperationKind::Link, None) => {
            Sent::Refused("an update needs a record's id".to_owned())
        }
        (OperationKind::Delete, _) => Sent::Refused("a delete is sent with others, by ids".to_owned()),
        (OperationKind::Tags, _) => {
            Sent::Refused("NetHunt has no tags of its own, only fields that hold several values".to_owned())
        }
    }
}

/// How [`send`] puts an operation on the wire: method and path below the service's root.
pub(super) fn request_line(folder: &str, kind: OperationKind, id: Option<&str>) -> Option<String> {
    match (kind, id) {
        (OperationKind::Create, _) => Some(format!("POST /actions/create-record/{folder}")),
        (OperationKind::Update | OperationKind::Link, Some(id)) => {
            Some(format!("POST /actions/update-record/{id}"))
        }
        (OperationKind::Delete | OperationKind::Update | OperationKind::Link | OperationKind::Tags, _) => {
            None
        }
    }
}

/// Hangs a comment or a call log on a record.
pub(super) fn note(api: &Api, action: &str, record: &str, body: &Value) -> Sent {
    match api.write(&["actions", action, record], &[], Some(body)) {
        Ok(answer) => created(&answer.body),
        Err(Failure::Refused { status: 404 | 410, text }) if !is_html(&text) => {
            Sent::Refused(format!("there is no record `{record}`"))
        }
        Err(failure) => create_failed(failure),
    }
}

/// Deletes a record of a folder. One that is gone already is as it should be (NetHunt facts, section 11, row 8);
/// a plain 400 may mean the same, and a proxy's page means nothing, so the folder is asked.
pub(super) fn delete(api: &Api, folder: &str, id: &str) -> Sent {
    let done = || Sent::Done { id: id.to_owned(), also: Vec::new() };
    match api.write(&["actions", "delete-record", id], &[], None) {
        // Documented is `{}`, and an empty body is tolerated.
        Ok(answer) if !answer.body.trim_ascii_start().starts_with(b"<") => done(),
        Ok(_) => unclear("the answer to the delete is a page of HTML"),
        Err(Failure::Refused { status: 404 | 410, text }) if !is_html(&text) => done(),
        Err(Failure::Refused { status: status @ (400 | 404 | 410), text }) => {
            match look_up::may_exist(api, folder, id) {
                Ok(false) => done(),
                Ok(true) => Sent::Refused(format!("NetHunt answers {status}{}", said(&text))),
                Err(error) => Sent::Blocked(error),
            }
        }
        Err(failure) => create_failed(failure),
    }
}

fn created(body: &[u8]) -> Sent {
    let answer = serde_json::from_slice::<Created>(body).ok();
    match answer.and_then(Created::key).filter(|id| !id.is_empty()) {
        Some(id) => Sent::Done { id, also: Vec::new() },
        None => unclear("the answer to the create does not name what was made"),
    }
}

fn updated(body: &[u8], id: &str) -> Sent {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(_)) => Sent::Done { id: id.to_owned(), also: Vec::new() },
        _ => unclear("the answer to the update is not the documented JSON"),
    }
}

fn unclear(why: &str) -> Sent {
    Sent::Doubt { why: why.to_owned(), server_error: false }
}

fn create_failed(failure: Failure) -> Sent {
    match failure {
        Failure::MaybeApplied { why, status } => Sent::Doubt {
            // The text of a 5xx may be a stack trace.
            why: why.lines().next().unwrap_or_default().chars().take(300).collect(),
            server_error: status.is_some_and(|status| status >= 500),
        },
        // A spent quota stops the run; it is no complaint about this record.
        Failure::Refused { status: 402, text } => {
            Sent::Blocked(Error::stopped(format!("NetHunt takes no more records (402){}", said(&text))))
        }
        Failure::Refused { status, text } if status != 401 => {
            Sent::Refused(format!("NetHunt answers {status}{}", said(&text)))
        }
        blocked => Sent::Blocked(failed("write to NetHunt", blocked)),
    }
}

fn update_failed(failure: Failure) -> Sent {
    match failure {
        Failure::Refused { status: 404 | 410, text } if !is_html(&text) => Sent::Refused("gone".to_owned()),
        other => create_failed(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(sent: &Sent) -> String {
        match sent {
            Sent::Done { id, .. } => format!("done {id}"),
            Sent::Refused(why) => format!("refused {why}"),
            Sent::Doubt { server_error, .. } => format!("doubt {server_error}"),
            Sent::Blocked(error) => format!("blocked {}", error.class().exit_code()),
        }
    }

    #[test]
    fn answers_to_writes_mean_what_they_mean() {
        assert_eq!(short(&created(br#"{"recordId":"a","createdAt":"x","fields":{}}"#)), "done a");
        assert_eq!(short(&created(br#"{"commentId":"c","createdAt":"x"}"#)), "done c");
        assert_eq!(short(&created(br#"{"callLogId":"l","createdAt":"x"}"#)), "done l");
        for body in [&b""[..], b"{}", b"<html>", b"{\"recordId\":\"\"}", b"[]", b"{\"recordId\":"] {
            assert_eq!(short(&created(body)), "doubt false");
        }
        assert_eq!(short(&updated(br#"{"recordId":"a"}"#, "a")), "done a");
        for body in [&b""[..], b"<html>", b"[]"] {
            assert_eq!(short(&updated(body, "a")), "doubt false");
        }
    }

    #[test]
    fn failures_mean_what_they_mean() {
        let refused = |status| Failure::Refused { status, text: "no such option\nat com.example".into() };
        let maybe = |status| Failure::MaybeApplied { why: "x".into(), status };
        let cases = [
            (
                refused(400),
                "refused NetHunt answers 400: no such option",
                "refused NetHunt answers 400: no such option",
            ),
            (refused(404), "refused NetHunt answers 404: no such option", "refused gone"),
            (refused(410), "refused NetHunt answers 410: no such option", "refused gone"),
            (refused(401), "blocked 5", "blocked 5"),
            (maybe(Some(500)), "doubt true", "doubt true"),
            (maybe(Some(408)), "doubt false", "doubt false"),
            (maybe(None), "doubt false", "doubt false"),
            (Failure::Stopped, "blocked 3", "blocked 3"),
            (Failure::GaveUp("down".into()), "blocked 3", "blocked 3"),
        ];
        let page = Failure::Refused { status: 404, text: "<html>".into() };
        assert_eq!(short(&update_failed(page)), "refused NetHunt answers 404 with a page of HTML");
        for (failure, create, update) in cases {
            assert_eq!(short(&create_failed(failure.clone())), create, "{failure:?}");
            assert_eq!(short(&update_failed(failure.clone())), update, "{failure:?}");
        }
    }
}
