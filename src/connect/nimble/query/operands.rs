//! What an operator is given: its shape, and the words and numbers in it.

use super::Path;
use super::fields::{Field, Holds};
use crate::error::{Error, Result};
use crate::record::schema::FieldSpec;
use crate::record::{instant, to_text};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

/// Units of `in_the_last`; the last two are of newer versions (facts, section 6.3).
const UNITS: [&str; 5] = ["day", "week", "month", "year", "second"];
const NEWER_UNITS: [&str; 2] = ["year", "second"];

/// Reads what `operator` is given; says too whether only newer versions are known to take it.
pub(super) fn read(field: &Field, operator: &str, operand: &Value, path: &Path) -> Result<(Value, bool)> {
    Ok(match operator {
        "is_empty" => match operand {
            Value::Bool(_) => (operand.clone(), false),
            other => return Err(path.wrong(&format!("takes true or false, not {}", kind(other)))),
        },
        "in_the_last" | "not_in_the_last" => span(operand, path)?,
        "range" | "not_in_range" => range(field, operand, path)?,
        "day_month_range" => (days(operand, path)?, true),
        "in" | "not_in" => (list(field, operand, path)?, true),
        "gt" | "gte" | "lt" | "lte" => (number(operand, path)?, false),
        _ => (text(field, operand, path)?, false),
    })
}

/// A choice's label becomes its id, which is what the service searches for (facts, section 6.4).
pub(super) fn choice(spec: &FieldSpec, operator: &str, operand: Value, path: &Path) -> Result<Value> {
    let id = |value: &Value| -> Result<Value> {
        let wanted = to_text(value);
        if spec.choices.iter().any(|(id, _)| *id == wanted) {
            return Ok(Value::String(wanted));
        }
        let same = |label: &str| label.to_lowercase() == wanted.trim().to_lowercase();
        if let Some((id, _)) = spec.choices.iter().find(|(_, label)| same(label)) {
            return Ok(Value::String(id.clone()));
        }
        let labels = spec.choices.iter().map(|(_, label)| label.as_str());
        Err(path.unknown(&format!("`{}` has no choice `{wanted}`", spec.name), &wanted, labels))
    };
    match (operator, operand) {
        ("is" | "is_not", one) => id(&one),
        ("in" | "not_in", Value::Array(several)) => {
            several.iter().map(id).collect::<Result<Vec<_>>>().map(Value::Array)
        }
        (_, other) => Ok(other),
    }
}

/// What a JSON value is, for people.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A text, long enough; a number is taken as its digits.
fn text(field: &Field, operand: &Value, path: &Path) -> Result<Value> {
    let text = match operand {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => return Err(path.wrong(&format!("takes a text, not {}", kind(other)))),
    };
    let shortest = match field.holds {
        Holds::Text(shortest) => shortest,
        Holds::Type if !["person", "company", "all"].contains(&text.as_str()) => {
            return Err(path.unknown(
                &format!("there is no record type `{text}`"),
                &text,
                ["person", "company", "all"].into_iter(),
            ));
        }
        _ => 1,
    };
    if text.trim().chars().count() < shortest {
        return Err(
            path.wrong(&format!("`{text}` is too short: Nimble searches for {shortest} characters or more"))
        );
    }
    Ok(Value::String(text))
}

fn list(field: &Field, operand: &Value, path: &Path) -> Result<Value> {
    let Some(items) = operand.as_array().filter(|items| !items.is_empty()) else {
        return Err(path.wrong("takes a list of at least one"));
    };
    let each = items.iter().enumerate().map(|(index, item)| text(field, item, &path.at(index)));
    Ok(Value::Array(each.collect::<Result<_>>()?))
}

/// Numbers are sent as text (facts, section 6.3).
fn number(operand: &Value, path: &Path) -> Result<Value> {
    let text = match operand {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        other => return Err(path.wrong(&format!("takes a number, not {}", kind(other)))),
    };
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::String(text)),
        _ => Err(path.wrong(&format!("`{text}` is no number"))),
    }
}

fn span(operand: &Value, path: &Path) -> Result<(Value, bool)> {
    let shape = r#"write {"unit": "day", "quantity": 7}"#;
    let object = object(operand, path).map_err(|error| error.hint(shape))?;
    members(object, &["unit", "quantity"], path).map_err(|error| error.hint(shape))?;
    let unit = object.get("unit").and_then(Value::as_str).unwrap_or_default();
    if !UNITS.contains(&unit) {
        let path = path.then("unit");
        return Err(path.unknown(&format!("there is no unit `{unit}`"), unit, UNITS.into_iter()));
    }
    let quantity = &object["quantity"];
    let Some(quantity) = to_text(quantity).trim().parse::<u32>().ok().filter(|quantity| *quantity > 0) else {
        return Err(path
            .then("quantity")
            .wrong(&format!("`{}` is no whole number from 1", to_text(quantity))));
    };
    Ok((json!({"unit": unit, "quantity": quantity}), NEWER_UNITS.contains(&unit)))
}

/// Two days, two moments, or (newer) two numbers: both ends, which are included (facts, section 6.3).
fn range(field: &Field, operand: &Value, path: &Path) -> Result<(Value, bool)> {
    let shape = r#"write {"start_date": "2026-01-01", "end_date": "2026-01-31"}, or `start_datetime` and `end_datetime` as 2026-01-01T00:00:00Z"#;
    let object = object(operand, path).map_err(|error| error.hint(shape))?;
    let numbers = !matches!(field.holds, Holds::Time);
    let has = |key: &str| object.contains_key(key);
    if numbers && (has("start") || has("end")) {
        members(object, &["start", "end"], path)?;
        let [start, end] = ["start", "end"].map(|key| number(&object[key], &path.then(key)));
        return Ok((json!({"start": start?, "end": end?}), true));
    }
    if has("start_datetime") || has("end_datetime") {
        members(object, &["start_datetime", "end_datetime"], path).map_err(|error| error.hint(shape))?;
        let [start, end] =
            ["start_datetime", "end_datetime"].map(|key| moment(&object[key], &path.then(key)));
        let (start, end) = (start?, end?);
        in_order(start, end, path)?;
        return Ok((
            json!({"start_datetime": instant::print(start), "end_datetime": instant::print(end)}),
            numbers,
        ));
    }
    members(object, &["start_date", "end_date"], path).map_err(|error| error.hint(shape))?;
    let [start, end] = ["start_date", "end_date"].map(|key| day(&object[key], &path.then(key)));
    let (start, end) = (start?, end?);
    in_order(start, end, path)?;
    Ok((json!({"start_date": start.to_string(), "end_date": end.to_string()}), numbers))
}

fn in_order<T: PartialOrd>(start: T, end: T, path: &Path) -> Result<()> {
    if start > end { Err(path.wrong("it ends before it begins")) } else { Ok(()) }
}

fn moment(value: &Value, path: &Path) -> Result<jiff::Timestamp> {
    let text = to_text(value);
    // A day is no moment, and a moment without an offset is UTC as the service takes it.
    instant::parse(&text)
        .ok_or_else(|| path.wrong(&format!("`{text}` is no moment")).hint("write it as 2026-01-31T00:00:00Z"))
}

fn day(value: &Value, path: &Path) -> Result<Date> {
    let text = to_text(value);
    let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    date.ok_or_else(|| path.wrong(&format!("`{text}` is no day")).hint("write it as 2026-01-31"))
}

/// `{"start_date": "01/03", "end_date": "31/03"}`, day before month (facts, section 6.6).
fn days(operand: &Value, path: &Path) -> Result<Value> {
    let object = object(operand, path)?;
    members(object, &["start_date", "end_date"], path)?;
    for (key, value) in object {
        let text = to_text(value);
        let parts =
            text.split_once('/').and_then(|(day, month)| Some((day.parse().ok()?, month.parse().ok()?)));
        // In a leap year every day of any year exists.
        if parts.is_none_or(|(day, month)| Date::new(2024, month, day).is_err()) {
            return Err(path
                .then(key)
                .wrong(&format!("`{text}` is no day of a month"))
                .hint("write it as 31/03"));
        }
    }
    Ok(operand.clone())
}

fn object<'v>(operand: &'v Value, path: &Path) -> Result<&'v Map<String, Value>> {
    operand.as_object().ok_or_else(|| path.wrong(&format!("takes an object, not {}", kind(operand))))
}

/// Exactly these members, nothing else.
fn members(object: &Map<String, Value>, wanted: &[&str], path: &Path) -> Result<()> {
    if let Some(key) = object.keys().find(|key| !wanted.contains(&key.as_str())) {
        return Err(path
            .then(key)
            .wrong(&format!("is unknown here: `{}` are wanted", wanted.join("` and `"))));
    }
    match wanted.iter().find(|key| object.get(**key).is_none_or(Value::is_null)) {
        Some(missing) => Err(missing_member(path, missing)),
        None => Ok(()),
    }
}

fn missing_member(path: &Path, missing: &str) -> Error {
    path.wrong(&format!("`{missing}` is missing"))
}
