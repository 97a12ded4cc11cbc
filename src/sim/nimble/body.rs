//! Bodies of requests, read strictly.

use serde_json::{Map, Value};

use super::errors::invalid;
use super::read::id_list;
use crate::sim::exchange::{Reply, Request};

/// The body as a JSON object; the media type is asked for as well (reference, conventions).
pub(super) fn json_body(request: &Request) -> Result<Map<String, Value>, Reply> {
    let kind = request.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        return Err(invalid("`Content-Type: application/json` is needed"));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Err(invalid("the body is not a JSON object")),
        Err(_) => Err(invalid("the body is not JSON")),
    }
}

/// A text that cannot be left out.
pub(super) fn text<'a>(body: &'a Map<String, Value>, key: &str) -> Result<&'a str, Reply> {
    let value = body.get(key).ok_or_else(|| invalid(&format!("`{key}` cannot be left out")))?;
    value.as_str().ok_or_else(|| invalid(&format!("`{key}` is a text")))
}

/// A text that may be left out or null.
pub(super) fn optional_text(body: &Map<String, Value>, key: &str) -> Result<Option<String>, Reply> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(&format!("`{key}` is a text"))),
    }
}

/// A flag that may be left out: a boolean, or the digits and words that public clients send.
pub(super) fn optional_flag(body: &Map<String, Value>, key: &str) -> Result<Option<bool>, Reply> {
    let flag = match body.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Bool(flag)) => Some(*flag),
        Some(Value::Number(number)) => number.as_u64().filter(|digit| *digit < 2).map(|digit| digit == 1),
        Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        },
        Some(_) => None,
    };
    flag.map(Some).ok_or_else(|| invalid(&format!("`{key}` is true or false")))
}

/// A list of texts that may be left out.
pub(super) fn texts(list: Option<&Value>, key: &str) -> Result<Vec<String>, Reply> {
    let list = match list {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(list) => list.as_array().ok_or_else(|| invalid(&format!("`{key}` is a list")))?,
    };
    let text = |item: &Value| item.as_str().map(str::to_owned);
    let texts: Option<Vec<String>> = list.iter().map(text).collect();
    texts.ok_or_else(|| invalid(&format!("`{key}` is a list of texts")))
}

/// A list of ids, each once, in the order given.
pub(super) fn ids(list: Option<&Value>, key: &str) -> Result<Vec<String>, Reply> {
    let texts = texts(list, key)?;
    let mut ids: Vec<String> = Vec::with_capacity(texts.len());
    for id in texts {
        id_list(&id)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
