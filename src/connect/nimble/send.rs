//! Sends one operation, and tells what was done from what was refused and from what nobody knows (design
//! section 9.3).

use super::api::{Api, Query, escaped, failed};
use super::refusal::{Meaning, meaning, sentence};
use super::wire::Contact;
use crate::http::{Answer, Failure};
use crate::load::target::{Operation, OperationKind, Sent};

/// Sends `operation`; `id` is the contact it is for, `None` for creates.
pub(super) fn send(api: &Api, operation: &Operation, id: Option<&str>) -> Sent {
    let body = &operation.body;
    // Both parameters with the same digit: one era reads the one, one the other (facts, section 15 no. 2).
    let merge = Query::default().with("replace", "0").with("type", "0");
    let (what, answer) = match (operation.kind, id) {
        (OperationKind::Create, _) => {
            ("cannot create contacts in Nimble", api.write("POST", "/contact", &Query::default(), body))
        }
        (OperationKind::Update | OperationKind::Link, Some(id)) => (
            "cannot update contacts in Nimble",
            api.write("PUT", &format!("/contact/{}", escaped(id)), &merge, body),
        ),
        (OperationKind::Tags, Some(id)) => (
            "cannot set tags in Nimble",
            api.write("PUT", &format!("/contacts/{}/tags", escaped(id)), &Query::default(), body),
        ),
        (OperationKind::Delete, Some(_)) => {
            return Sent::Refused("a delete is sent with others, by ids".to_owned());
        }
        (_, None) => return Sent::Refused("the contact to change has no id".to_owned()),
    };
    match answer {
        Ok(answer) => done(operation.kind, &answer, id),
        Err(failure) => not_done(what, failure),
    }
}

/// How [`send`] puts an operation on a contact on the wire: method and path below the service's root.
pub(super) fn request_line(kind: OperationKind, id: Option<&str>) -> Option<String> {
    let id = id.map(escaped);
    match (kind, id) {
        (OperationKind::Create, _) => Some("POST /contact".to_owned()),
        (OperationKind::Update | OperationKind::Link, Some(id)) => Some(format!("PUT /contact/{id}")),
        (OperationKind::Tags, Some(id)) => Some(format!("PUT /contacts/{id}/tags")),
        (OperationKind::Delete | OperationKind::Update | OperationKind::Link | OperationKind::Tags, _) => {
            None
        }
    }
}

/// A 2xx: an update may be answered with any JSON or with nothing, but a create has to tell the new id.
fn done(kind: OperationKind, answer: &Answer, id: Option<&str>) -> Sent {
    let contact = serde_json::from_slice::<Contact>(&answer.body);
    match (kind, contact, id) {
        (OperationKind::Create, Ok(Contact { id: Some(id), fields, .. }), _) if !id.is_empty() => {
            Sent::Done { id, also: companies(fields) }
        }
        (OperationKind::Create, ..) => Sent::Doubt {
            why: format!("the service answered {} without the new contact's id", answer.status),
            server_error: false,
        },
        (_, Ok(contact), Some(id)) => Sent::Done { id: id.to_owned(), also: companies(contact.fields) },
        (_, Err(_), Some(_)) if !is_json(&answer.body) => Sent::Doubt {
            why: format!("the service answered {} with something that is no JSON", answer.status),
            server_error: false,
        },
        (_, Err(_), Some(id)) => Sent::Done { id: id.to_owned(), also: Vec::new() },
        (_, _, None) => Sent::Refused("the contact to change has no id".to_owned()),
    }
}

/// Whether a body is JSON, or empty.
fn is_json(body: &[u8]) -> bool {
    body.trim_ascii().is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// Companies that `parent company` values name: the service makes those that are missing (facts, section 8.2).
fn companies(fields: Vec<super::wire::WireField>) -> Vec<String> {
    let parents = fields.into_iter().filter(|field| field.name == "parent company");
    parents.flat_map(|field| field.entries).filter_map(|entry| entry.extra_value).collect()
}

/// What a failed write means for its operation; `what` says what could not be done.
pub(super) fn not_done(what: &str, failure: Failure) -> Sent {
    match failure {
        Failure::MaybeApplied { why, status } => Sent::Doubt {
            why: shortened(why, status),
            server_error: status.is_some_and(|status| status >= 500),
        },
        Failure::Refused { status, text } => match meaning(status, &text) {
            Meaning::Credentials | Meaning::Quota => {
                Sent::Blocked(failed(what, Failure::Refused { status, text }))
            }
            Meaning::Missing => Sent::Refused(format!("gone: {}", sentence(status, &text))),
            Meaning::Invalid => Sent::Refused(sentence(status, &text)),
        },
        failure @ (Failure::Stopped | Failure::GaveUp(_) | Failure::Unauthorized { .. }) => {
            Sent::Blocked(failed(what, failure))
        }
    }
}

/// What was seen, with the service's own words made readable.
fn shortened(why: String, status: Option<u16>) -> String {
    match (status, why.split_once(": ")) {
        (Some(status), Some((seen, body))) => format!("{seen}: {}", sentence(status, body)),
        _ => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, date: None, content_type: String::new(), body: body.as_bytes().to_vec() }
    }

    fn short(sent: &Sent) -> String {
        match sent {
            Sent::Done { id, also } => format!("done {id} {}", also.join(",")),
            Sent::Refused(why) => format!("refused {why}"),
            Sent::Doubt { why, server_error } => format!("doubt {server_error} {why}"),
            Sent::Blocked(error) => format!("blocked {:?}", error.class()),
        }
    }

    #[test]
    fn answers_are_done_or_in_doubt() {
        use OperationKind::{Create, Tags, Update};
        let made =
            r#"{"id":"64","fields":{"parent company":[{"value":"X","modifier":"","extra_value":"70"}]}}"#;
        let cases = [
            (Create, answer(201, made), None, "done 64 70"),
            (Create, answer(200, r#"{"id":"64","ok":true}"#), None, "done 64 "),
            (
                Create,
                answer(201, ""),
                None,
                "doubt false the service answered 201 without the new contact's id",
            ),
            (
                Create,
                answer(200, "<html>"),
                None,
                "doubt false the service answered 200 without the new contact's id",
            ),
            (Update, answer(200, ""), Some("64"), "done 64 "),
            (Update, answer(200, made), Some("64"), "done 64 70"),
            (Tags, answer(200, "{}"), Some("64"), "done 64 "),
            (
                Update,
                answer(200, "Please log in"),
                Some("64"),
                "doubt false the service answered 200 with something that is no JSON",
            ),
        ];
        for (kind, answer, id, expected) in cases {
            assert_eq!(short(&done(kind, &answer, id)), expected);
        }
    }

    #[test]
    fn failures_are_told_apart() {
        let refused = |status, text: &str| Failure::Refused { status, text: text.into() };
        let maybe = |status| Failure::MaybeApplied {
            why: "the service answered 500: {\"message\":\"oops\"}".into(),
            status,
        };
        let cases = [
            (refused(401, ""), "blocked Credentials"),
            (refused(402, ""), "blocked Stopped"),
            (
                refused(404, r#"{"object_type":"contact","object_id":"1"}"#),
                "refused gone: there is no contact `1`",
            ),
            (refused(409, r#"{"message":"Validation errors"}"#), "refused Validation errors"),
            (maybe(Some(500)), "doubt true the service answered 500: oops"),
            (
                Failure::MaybeApplied { why: "no answer in time".into(), status: None },
                "doubt false no answer in time",
            ),
            (Failure::GaveUp("down".into()), "blocked Stopped"),
            (Failure::Stopped, "blocked Stopped"),
        ];
        for (failure, expected) in cases {
            assert_eq!(short(&not_done("cannot update", failure)), expected);
        }
    }
}
