//! Conditions on a record: `[[filter]]` and a field's `when`.
//!
//! A condition names a field and one or more tests, all of which must hold. Of a field with several values,
//! one that fits is enough; `is_not` holds when none is equal. Values are equal as they are for "nothing to
//! change": numbers by value, times as instants, other text letter by letter. A comparison does not hold for
//! a value that is not of the limit's kind.

use super::file::{Findings, Table, Written, values};
use crate::record::{canonical, instant, is_empty, to_text};
use serde_json::Value;
use std::cmp::Ordering;

/// A compiled condition.
#[derive(Debug, Clone)]
pub(super) struct Condition<P> {
    pub(super) field: P,
    tests: Vec<Test>,
}

#[derive(Debug, Clone)]
enum Test {
    /// One of these values, in canonical form; blank stands for a field without values.
    In(Vec<String>),
    /// None of them.
    NotIn(Vec<String>),
    Matches(regex::Regex),
    Empty(bool),
    Compare(Comparison, Limit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

#[derive(Debug, Clone, PartialEq)]
enum Limit {
    Number(f64),
    /// A calendar day, compared as text.
    Day(String),
    Instant(jiff::Timestamp),
}

const TESTS: [&str; 11] =
    ["field", "is", "is_not", "in", "not_in", "matches", "empty", "above", "at_least", "below", "at_most"];

impl Condition<Written> {
    /// Reads a condition's table.
    pub(super) fn read(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        table.only(&TESTS, findings);
        let mut tests = Vec::new();
        for (key, at, value) in table.keys() {
            let canonical = |values: Vec<Value>| values.iter().map(canonical::value).collect();
            let test = match key {
                "is" | "in" => values(key, value, findings).map(|values| Test::In(canonical(values))),
                "is_not" | "not_in" => {
                    values(key, value, findings).map(|values| Test::NotIn(canonical(values)))
                }
                "matches" => pattern(table, findings),
                "empty" => table.flag(key, findings).map(Test::Empty),
                "above" => limit(table, key, Comparison::Above, findings),
                "at_least" => limit(table, key, Comparison::AtLeast, findings),
                "below" => limit(table, key, Comparison::Below, findings),
                "at_most" => limit(table, key, Comparison::AtMost, findings),
                _ => continue,
            };
            if matches!(key, "is" | "is_not") && value.get_ref().is_array() {
                let list = if key == "is" { "in" } else { "not_in" };
                findings.add(
                    at,
                    format!("`{key}` takes one value"),
                    Some(format!("write `{list}` for a list")),
                );
            }
            tests.extend(test);
        }
        if !table.keys().any(|(key, ..)| TESTS[1..].contains(&key)) {
            let hint = format!("add one of {}", TESTS[1..].join(", "));
            findings.add(table.at, format!("{} tests nothing", table.of), Some(hint));
        }
        let field = table.text("field", findings);
        if table.get("field").is_none() {
            findings.add(table.at, format!("{} names no `field`", table.of), None);
        }
        Some(Self { field: field?, tests })
    }
}

impl<P> Condition<P> {
    pub(super) fn resolve<Q>(self, from: &mut impl FnMut(P) -> Q) -> Condition<Q> {
        Condition { field: from(self.field), tests: self.tests }
    }

    /// Whether all tests hold for a field's values, of which none is blank.
    pub(super) fn holds(&self, values: &[Value]) -> bool {
        self.tests.iter().all(|test| match test {
            Test::In(list) => among(list, values),
            Test::NotIn(list) => !among(list, values),
            Test::Matches(regex) => values.iter().any(|value| regex.is_match(&to_text(value))),
            Test::Empty(wanted) => values.is_empty() == *wanted,
            Test::Compare(comparison, limit) => values.iter().any(|value| comparison.holds(value, limit)),
        })
    }
}

impl Comparison {
    fn holds(self, value: &Value, limit: &Limit) -> bool {
        let text = to_text(value);
        let order = match limit {
            Limit::Number(limit) => {
                text.trim().parse::<f64>().ok().and_then(|value| value.partial_cmp(limit))
            }
            Limit::Day(limit) => text.get(..10).filter(|day| is_day(day)).map(|day| day.cmp(limit.as_str())),
            Limit::Instant(limit) => instant::parse(&text).map(|value| value.cmp(limit)),
        };
        matches!(
            (self, order),
            (Self::Above | Self::AtLeast, Some(Ordering::Greater))
                | (Self::Below | Self::AtMost, Some(Ordering::Less))
                | (Self::AtLeast | Self::AtMost, Some(Ordering::Equal))
        )
    }
}

fn among(list: &[String], values: &[Value]) -> bool {
    if values.is_empty() {
        return list.iter().any(String::is_empty);
    }
    values.iter().filter(|value| !is_empty(value)).any(|value| list.contains(&canonical::value(value)))
}

fn pattern(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Test> {
    let text = table.text("matches", findings)?;
    match regex::Regex::new(&text.text) {
        Ok(regex) => Some(Test::Matches(regex)),
        Err(cause) => {
            findings.add(text.at, format!("`matches` is no regular expression: {}", flat(&cause)), None);
            None
        }
    }
}

/// A regular expression's error in one line.
pub(super) fn flat(cause: &regex::Error) -> String {
    cause.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn limit(table: &Table<'_>, key: &str, comparison: Comparison, findings: &mut Findings<'_>) -> Option<Test> {
    let list = table.values(key, findings)?;
    let limit = match list.as_slice() {
        [Value::Number(number)] => number.to_string().parse().ok().map(Limit::Number),
        [Value::String(text)] if is_day(text) => Some(Limit::Day(text.clone())),
        [Value::String(text)] => instant::parse(text).map(Limit::Instant),
        _ => None,
    };
    if limit.is_none() {
        let at = table.get(key).map_or(table.at, |value| value.span().start);
        findings.add(at, format!("`{key}` is a number, a date or a time"), None);
    }
    limit.map(|limit| Test::Compare(comparison, limit))
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}
