//! Conditions on a record: `[[filter]]` and a field's `when`.
//!
//! A condition names a field and one or more tests, all of which must hold; or it is made of others: `all` and
//! `any` of a list, `not` of one. Of a field with several values,
//! one that fits is enough; `is_not` holds when none is equal. Values are equal as they are for "nothing to
//! change": numbers by value, times as instants, other text letter by letter. A comparison does not hold for
//! a value that is not of the limit's kind.

use super::file::{Findings, Table, Written, values};
use super::reference::keys;
use crate::record::{canonical, instant, is_empty, to_text};
use serde_json::Value;
use std::cmp::Ordering;
use toml::Spanned;
use toml::de::DeValue;

/// A compiled condition.
#[derive(Debug, Clone)]
pub(super) enum Condition<P> {
    /// All tests hold for the field.
    Field(P, Vec<Test>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

/// A test of a field's values.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// One of these values, in canonical form; blank stands for a field without values.
    In(Vec<String>),
    /// None of them.
    NotIn(Vec<String>),
    Matches(regex::Regex),
    Empty(bool),
    Compare(Comparison, Limit),
}

/// How a value stands to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What values are compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Limit {
    Number(f64),
    /// A calendar day, compared as text.
    Day(String),
    Instant(jiff::Timestamp),
}

/// How deep conditions may stand in one another.
const DEEPEST: usize = 8;

impl Condition<Written> {
    /// Reads a condition's table.
    pub(super) fn read(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        Self::read_at(table, 0, findings)
    }

    fn read_at(table: &Table<'_>, depth: usize, findings: &mut Findings<'_>) -> Option<Self> {
        let known: Vec<_> = keys::CONDITION.iter().map(|key| key.name).collect();
        table.only(&known, findings);
        let made_of: Vec<_> = table.keys().filter(|(key, ..)| ["all", "any", "not"].contains(key)).collect();
        match made_of.as_slice() {
            [] => Self::of_field(table, findings),
            [(key, at, value)] if table.keys().count() == 1 => {
                if depth == DEEPEST {
                    findings.add(
                        *at,
                        format!("conditions stand in one another {DEEPEST} deep at most"),
                        None,
                    );
                    return None;
                }
                Self::of_others(key, value, depth, findings)
            }
            [(key, at, _), ..] => {
                let hint = "put each in a table of its own: `all = [{ .. }, { .. }]`";
                findings.add(*at, format!("`{key}` stands alone in its table"), Some(hint.to_owned()));
                None
            }
        }
    }

    /// `all`, `any` or `not`.
    fn of_others(
        key: &str,
        value: &Spanned<DeValue<'_>>,
        depth: usize,
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        let mut inner = |value| {
            let table = Table::of_value(format!("`{key}`"), value, findings)?;
            Self::read_at(&table, depth + 1, findings)
        };
        if key == "not" {
            return inner(value).map(|condition| Self::Not(Box::new(condition)));
        }
        let Some(items) = value.get_ref().as_array().filter(|items| !items.is_empty()) else {
            findings.add(value.span().start, format!("`{key}` is a list of conditions"), None);
            return None;
        };
        let read: Vec<_> = items.iter().map(inner).collect();
        let list = read.into_iter().collect::<Option<Vec<_>>>()?;
        Some(if key == "all" { Self::All(list) } else { Self::Any(list) })
    }

    /// Tests of one field.
    fn of_field(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let mut tests = Vec::new();
        let mut tested = false;
        for (key, at, value) in table.keys() {
            let canonical = |values: Vec<Value>| values.iter().map(canonical::value).collect();
            let test = match key {
                "is" | "in" => values(key, value, findings).map(|values| Test::In(canonical(values))),
                "is_not" | "not_in" => {
                    values(key, value, findings).map(|values| Test::NotIn(canonical(values)))
                }
                "matches" => pattern(table, findings),
                "empty" => table.flag(key, findings).map(Test::Empty),
                "gt" | "above" => limit(table, key, Comparison::Above, findings),
                "gte" | "at_least" => limit(table, key, Comparison::AtLeast, findings),
                "lt" | "below" => limit(table, key, Comparison::Below, findings),
                "lte" | "at_most" => limit(table, key, Comparison::AtMost, findings),
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
            tested = true;
            tests.extend(test);
        }
        if !tested {
            let known = keys::CONDITION.iter().map(|key| key.name).filter(|name| *name != "field");
            let hint = format!("add one of {}", known.collect::<Vec<_>>().join(", "));
            findings.add(table.at, format!("{} tests nothing", table.of), Some(hint));
        }
        let field = table.text("field", findings);
        if table.get("field").is_none() {
            findings.add(table.at, format!("{} names no `field`", table.of), None);
        }
        Some(Self::Field(field?, tests))
    }
}

impl<P> Condition<P> {
    pub(super) fn resolve<Q>(self, from: &mut dyn FnMut(P) -> Q) -> Condition<Q> {
        let mut each = |list: Vec<Self>| list.into_iter().map(|one| one.resolve(from)).collect();
        match self {
            Self::Field(field, tests) => Condition::Field(from(field), tests),
            Self::All(list) => Condition::All(each(list)),
            Self::Any(list) => Condition::Any(each(list)),
            Self::Not(one) => Condition::Not(Box::new(one.resolve(from))),
        }
    }

    /// Whether it holds for a record, whose values at a place, none of them blank, `gather` gives.
    pub(super) fn holds(&self, gather: &dyn Fn(&P) -> Vec<Value>) -> bool {
        match self {
            Self::Field(field, tests) => {
                let values = gather(field);
                tests.iter().all(|test| test.holds(&values))
            }
            Self::All(list) => list.iter().all(|one| one.holds(gather)),
            Self::Any(list) => list.iter().any(|one| one.holds(gather)),
            Self::Not(one) => !one.holds(gather),
        }
    }
}

impl Test {
    fn holds(&self, values: &[Value]) -> bool {
        match self {
            Self::In(list) => among(list, values),
            Self::NotIn(list) => !among(list, values),
            Self::Matches(regex) => values.iter().any(|value| regex.is_match(&to_text(value))),
            Self::Empty(wanted) => values.is_empty() == *wanted,
            Self::Compare(comparison, limit) => values.iter().any(|value| comparison.holds(value, limit)),
        }
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
