//! What a refusal says, as one readable sentence.
//!
//! Nimble's error bodies come in many shapes (facts, section 14b): a message and a code, errors by field as
//! lists or objects, JSON-pointer keys, a missing object without any message, quota details, OAuth errors,
//! web pages of a proxy, or nothing. One tolerant parser reads them all.

use serde_json::Value;

/// The longest sentence made of a refusal.
const LONGEST: usize = 400;
/// The message that era C gives with 403 when a credential is bad (facts, section 1).
const CANNOT_AUTHENTICATE: &str = "can't authenticate request";

/// What kind of refusal a status and body are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The credentials are refused.
    Credentials,
    /// The plan's quota is spent: nothing more can be written.
    Quota,
    /// There is no such object.
    Missing,
    /// The request itself is refused.
    Invalid,
}

/// Tells refusals that end the work from those that concern one record.
pub(super) fn meaning(status: u16, text: &str) -> Meaning {
    match status {
        401 => Meaning::Credentials,
        403 if text.to_lowercase().contains(CANNOT_AUTHENTICATE)
            || text.contains("email_verification_required") =>
        {
            Meaning::Credentials
        }
        402 => Meaning::Quota,
        404 | 410 => Meaning::Missing,
        _ => Meaning::Invalid,
    }
}

/// A sentence for people, never empty and never a whole body.
pub(super) fn sentence(status: u16, text: &str) -> String {
    let said = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(body)) => from_object(&Value::Object(body)),
        Ok(Value::String(plain)) => plain,
        Ok(_) => String::new(),
        Err(_) => from_text(text),
    };
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = said.trim_end_matches('.');
    if said.is_empty() {
        return format!("the service answered {status} without saying why");
    }
    let mut short: String = said.chars().take(LONGEST).collect();
    if short.len() < said.len() {
        short.push('…');
    }
    short
}

fn from_object(body: &Value) -> String {
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let message = text("message")
        .or_else(|| text("human_readable_error"))
        .or_else(|| text("error_description"))
        .or_else(|| text("error"));
    let details = body.get("errors").map(details).unwrap_or_default();
    if message.is_some() || !details.is_empty() {
        return message.map(str::to_owned).into_iter().chain(details).collect::<Vec<_>>().join("; ");
    }
    if let Some(kind) = text("object_type") {
        return format!("there is no {kind} `{}`", text("object_id").unwrap_or("?"));
    }
    if body.get("payment_type").is_some() || body.get("extra_usage").is_some() {
        return "the account's plan allows no more records".to_owned();
    }
    String::new()
}

/// Errors by field: `{"first name": [{"message": ..}]}`, `{"/": {"message": ..}}`, `[{"message": ..}]`.
fn details(errors: &Value) -> Vec<String> {
    match errors {
        Value::Object(by_field) => by_field
            .iter()
            .flat_map(|(field, said)| {
                let field = field.trim_matches('/').to_owned();
                details(said).into_iter().map(move |text| match field.as_str() {
                    "" => text,
                    "message" | "total" | "type" | "field_id" => text,
                    name => format!("`{name}`: {text}"),
                })
            })
            .collect(),
        Value::Array(several) => several
            .iter()
            .flat_map(|one| match one.get("message") {
                Some(message) => details(message),
                None => details(one),
            })
            .collect(),
        Value::String(text) if !text.trim().is_empty() => vec![text.trim().trim_end_matches('.').to_owned()],
        _ => Vec::new(),
    }
    .into_iter()
    .take(6)
    .collect()
}

/// Plain text as it is; a web page by its title.
fn from_text(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if !lower.trim_start().starts_with('<') {
        return text.to_owned();
    }
    let title = lower.find("<title>").and_then(|at| {
        let start = at + "<title>".len();
        let end = start + lower[start..].find('<')?;
        text.get(start..end)
    });
    match title.map(str::trim).filter(|title| !title.is_empty()) {
        Some(title) => format!("a web page instead of an answer: {title}"),
        None => "a web page instead of an answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_shape_makes_a_sentence() {
        let cases = [
            (409, r#"{"message":"Bad sort.","code":245}"#, "Bad sort"),
            (
                409,
                r#"{"message":"Validation errors","code":245,"errors":{"first name":[{"message":"must not be empty.","field_id":"50"}]}}"#,
                "Validation errors; `first name`: must not be empty",
            ),
            (
                409,
                r#"{"human_readable_error":"Wrong","errors":{"/":{"message":"no body"},"/fields/email":{"message":"odd"}},"extra":[]}"#,
                "Wrong; no body; `fields/email`: odd",
            ),
            (406, r#"{"errors":[{"type":"x","message":"in use","total":3}]}"#, "in use"),
            (
                402,
                r#"{"payment_type":"x","required_spec":{},"extra_usage":{}}"#,
                "the account's plan allows no more records",
            ),
            (
                404,
                r#"{"object_type":"contact field","object_id":"1111"}"#,
                "there is no contact field `1111`",
            ),
            (400, r#"{"error":"invalid_request","error_description":"no code"}"#, "no code"),
            (
                502,
                "<html><head><title>502 Bad Gateway</title>",
                "a web page instead of an answer: 502 Bad Gateway",
            ),
            (400, "nope", "nope"),
            (500, "", "the service answered 500 without saying why"),
            (409, "[]", "the service answered 409 without saying why"),
        ];
        for (status, body, expected) in cases {
            assert_eq!(sentence(status, body), expected);
        }
        assert!(sentence(409, &"x".repeat(5000)).chars().count() <= LONGEST + 1);
    }

    #[test]
    fn refused_credentials_and_spent_quota_are_told_apart() {
        let cases = [
            (401, "", Meaning::Credentials),
            (403, r#"{"message":"Can't authenticate request"}"#, Meaning::Credentials),
            (403, r#"{"message":"you may not edit this"}"#, Meaning::Invalid),
            (402, "{}", Meaning::Quota),
            (404, "", Meaning::Missing),
            (409, "", Meaning::Invalid),
        ];
        for (status, body, expected) in cases {
            assert_eq!(meaning(status, body), expected, "{status} {body}");
        }
    }
}
