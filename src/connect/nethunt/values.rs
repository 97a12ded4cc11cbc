//! Values on their way into a field: the JSON type they take, and when two are the same. Pure.
//!
//! v1 tells no types. A value takes the type that the mapping says, else the one that the field has in every
//! record read, else it stays what it is (design section 6; NetHunt facts, section 7).

use super::likeness::epoch;
use crate::record::canonical;
use crate::record::census::Tally;
use crate::record::schema::Kind;
use crate::record::{instant, is_empty, to_text};
use serde_json::{Number, Value};

/// Whether a value says nothing: empty, or blanks only. `""` is never sent (NetHunt facts, section 7).
pub(super) fn is_blank(value: &Value) -> bool {
    is_empty(value) || matches!(value, Value::String(text) if text.trim().is_empty())
}

/// Whether two values may mean the same, whatever the type: in canonical form, or as the text of a cell. What is the
/// same in a field of a known type is [`super::likeness`]'s.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    one == other
        || canonical::value(one) == canonical::value(other)
        || to_text(one).trim() == to_text(other).trim()
}

/// The value as the field takes it.
///
/// # Errors
/// The reason why it cannot be of the field's type.
pub(super) fn typed(value: &Value, kind: Option<Kind>, tally: Option<&Tally>) -> Result<Value, String> {
    let seen = tally.and_then(Tally::json_type);
    match (kind.or(seen), value) {
        // The service shows the field's times as numbers, and takes them as texts.
        (Some(Kind::Number), Value::String(text))
            if kind.is_none() && is_instant(text.trim()) && tally.is_some_and(counts_time) =>
        {
            Ok(value.clone())
        }
        (Some(Kind::Number), Value::String(text)) => number(text),
        (Some(Kind::Bool), Value::String(text)) => boolean(text),
        (Some(Kind::Number), Value::Bool(_)) => Err("it is not a number".to_owned()),
        (Some(Kind::Bool), Value::Number(_)) => Err("it is neither `true` nor `false`".to_owned()),
        (Some(Kind::Timestamp), Value::String(text)) => Ok(Value::from(instant::normalise(text.trim()))),
        (Some(Kind::Text), Value::Number(_) | Value::Bool(_)) => Ok(Value::from(to_text(value))),
        (None, Value::Number(_) | Value::Bool(_)) if tally.is_some_and(only_text) => {
            Ok(Value::from(to_text(value)))
        }
        (None, Value::String(text)) if tally.is_some_and(|tally| tally.nested) => {
            Ok(nested(text).unwrap_or_else(|| value.clone()))
        }
        _ => Ok(value.clone()),
    }
}

/// `YYYY-MM-DD`, a day that there is.
pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// A time with date and offset.
pub(super) fn is_instant(text: &str) -> bool {
    text.len() >= 16 && instant::parse(text).is_some()
}

/// A record's id: 24 hexadecimal digits (NetHunt facts, section 3).
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Why a new text cannot be right for a field, going by what records were seen to hold there: links, days, times
/// and country codes, which the service refuses in any other form (NetHunt facts, section 7). A field counts as
/// one of them when all of the values that were remembered are such, and they are several.
pub(super) fn odd(column: &str, value: &Value, tally: &Tally) -> Option<String> {
    let text = value.as_str()?.trim();
    let seen = &tally.examples;
    let all = |is: fn(&str) -> bool, least: usize| {
        only_text(tally) && seen.len() >= least && seen.iter().all(|seen| is(seen.trim())) && !is(text)
    };
    let why = if tally.list && all(is_id, 1) {
        "the field links records, by their ids of 24 digits and letters a to f"
    } else if all(is_date, 3) {
        "the field holds days, as 2026-11-01; in a mapping, `do = [{ date = { from = [..] } }]` reads other forms"
    } else if all(is_instant, 3) {
        "the field holds times with date, as 2026-11-01T08:30:00Z; in a mapping, `datetime` reads other forms"
    } else if column.to_lowercase().contains("country") && all(is_country, 1) {
        match text.to_uppercase().as_str() {
            "UK" => "the field holds country codes of two letters, and that of the United Kingdom is `GB`",
            _ => {
                "the field holds country codes of two capital letters, as `GB`; in a mapping, \
                 `do = [{ country = \"alpha-2\" }]` makes them"
            }
        }
    } else {
        return None;
    };
    Some(format!("{why} (seen: {})", seen.join(", ")))
}

/// A code of ISO 3166-1 by its form; the one that people take for the United Kingdom's is none.
fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) && text != "UK"
}

/// Whether the numbers that a field was seen to hold are such as times are shown as.
fn counts_time(tally: &Tally) -> bool {
    let is_time = |text: &String| serde_json::from_str(text).is_ok_and(|number| epoch(&number).is_some());
    !tally.examples.is_empty() && tally.examples.iter().all(is_time)
}

fn only_text(tally: &Tally) -> bool {
    tally.text && !tally.number && !tally.boolean && !tally.nested
}

fn number(text: &str) -> Result<Value, String> {
    let number: Result<Number, _> = serde_json::from_str(text.trim());
    number.map(Value::Number).map_err(|_| {
        "it is not a number as JSON writes it; in a mapping, `do = [{ number = { .. } }]` reads other forms".to_owned()
    })
}

fn boolean(text: &str) -> Result<Value, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        _ => Err("it is neither `true` nor `false`".to_owned()),
    }
}

fn nested(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    matches!(value, Value::Object(_) | Value::Array(_)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tally(text: bool, number: bool, boolean: bool) -> Tally {
        Tally { text, number, boolean, ..Tally::default() }
    }

    #[test]
    fn values_take_the_type_that_is_said_or_was_seen() {
        let literal: Value = serde_json::from_str("12.50").unwrap();
        let cases = [
            (json!("12.50"), Some(Kind::Number), None, Ok(literal.clone())),
            (json!(" 7 "), None, Some(tally(false, true, false)), Ok(json!(7))),
            (json!("007"), None, Some(tally(false, true, false)), Err(())),
            (json!("1,5"), Some(Kind::Number), None, Err(())),
            (json!("TRUE"), None, Some(tally(false, false, true)), Ok(json!(true))),
            (json!("yes"), Some(Kind::Bool), None, Err(())),
            (json!("007"), None, Some(tally(true, true, false)), Ok(json!("007"))),
            (json!("007"), None, None, Ok(json!("007"))),
            (json!(7), None, None, Ok(json!(7))),
            (literal, None, Some(tally(true, false, false)), Ok(json!("12.50"))),
            (json!(true), Some(Kind::Text), None, Ok(json!("true"))),
            (
                json!("2024-08-01T16:12:07+02:00"),
                Some(Kind::Timestamp),
                None,
                Ok(json!("2024-08-01T14:12:07Z")),
            ),
            (json!("2024-08-01"), Some(Kind::Timestamp), None, Ok(json!("2024-08-01"))),
        ];
        for (value, kind, tally, expected) in cases {
            assert_eq!(typed(&value, kind, tally.as_ref()).map_err(drop), expected, "{value} {kind:?}");
        }
        let examples = vec!["1734600360000".to_owned()];
        let times = Tally { examples, ..tally(false, true, false) };
        let written = json!("2024-12-19T09:26:00.000Z");
        assert_eq!(typed(&written, None, Some(&times)), Ok(written.clone()));
        assert_eq!(typed(&json!("1734600360001"), None, Some(&times)), Ok(json!(1_734_600_360_001_i64)));
        assert!(typed(&written, Some(Kind::Number), Some(&times)).is_err());
        let numbers = Tally { examples: vec!["17".to_owned()], ..times.clone() };
        assert!(typed(&written, None, Some(&numbers)).is_err());
        let nested = Tally { nested: true, ..Tally::default() };
        assert_eq!(typed(&json!("{\"a\":1}"), None, Some(&nested)), Ok(json!({"a": 1})));
    }

    #[test]
    fn what_a_field_was_seen_to_hold_tells_what_it_takes() {
        let seen = |examples: &[&str], list: bool| Tally {
            text: true,
            list,
            examples: examples.iter().map(|text| (*text).to_owned()).collect(),
            ..Tally::default()
        };
        let id = "64b000000000000000000001";
        let days = ["1990-12-10", "1815-12-10", "2023-07-13"];
        let times = ["2023-07-13T13:46:24Z", "2023-07-14T13:46:24Z", "2023-07-15T13:46:24.113Z"];
        let cases = [
            ("Company", seen(&[id], true), "ACME", true),
            ("Company", seen(&[id], true), "64b0000000000000000000AB", false),
            ("Key", seen(&[id], false), "ACME", false),
            ("Company", seen(&[id, "ACME"], true), "Other", false),
            ("Born", seen(&days, false), "10/12/1990", true),
            ("Born", seen(&days, false), "1991-02-30", true),
            ("Born", seen(&days, false), "1991-02-28", false),
            ("Born", seen(&days[..2], false), "soon", false),
            ("Last call", seen(&times, false), "2023-07-13", true),
            ("Last call", seen(&times, false), "2023-07-13T13:46:24+02:00", false),
            ("Country of birth", seen(&["GB", "UA"], false), "United Kingdom", true),
            ("Country", seen(&["GB"], false), "gb", true),
            ("Country", seen(&["GB"], false), "UK", true),
            ("Country", seen(&["GB"], false), "FR", false),
            ("Initials", seen(&["GB"], false), "United Kingdom", false),
            ("Country", seen(&[], false), "United Kingdom", false),
        ];
        for (column, tally, text, is_odd) in cases {
            assert_eq!(odd(column, &json!(text), &tally).is_some(), is_odd, "{column} {text}");
        }
        let uk = odd("Country", &json!("UK"), &seen(&["GB"], false)).unwrap();
        assert!(uk.contains("United Kingdom is `GB`"), "{uk}");
    }
}
