//! The query language: joins of terminals such as `{"email": {"is": "ada@example.org"}}` (reference, search).
//!
//! Which operators a field has, how long a text must be and how many terminals a query may hold follow the
//! reference's tables. Not here: relevance scores and saved searches.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use super::knobs::Knobs;
use super::metadata::Metadata;
use super::search::{ADDRESS_PARTS, Keyword, fold, name};
use super::store::{Contact, Store};

/// The most terminals in one query (reference, search).
const MOST_TERMINALS: usize = 11;

/// A query, checked.
#[derive(Debug)]
pub(super) enum Query {
    And(Vec<Query>),
    Or(Vec<Query>),
    Terminal { field: String, test: Test },
}

/// What a terminal asks of a field's values.
#[derive(Debug)]
pub(super) enum Test {
    Is(String, bool),
    Contain(Keyword, bool),
    Empty(bool),
    Compare(fn(f64, f64) -> bool, f64),
    InTheLast(i64),
    Range(i64, i64),
}

impl Query {
    /// Reads the JSON text of a `query` parameter.
    pub(super) fn parse(text: &str, metadata: &Metadata, knobs: &Knobs) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|_| "`query` is not JSON".to_owned())?;
        let mut terminals = 0;
        let query = Self::read(&value, metadata, knobs, &mut terminals)?;
        if terminals > MOST_TERMINALS {
            return Err(format!("a query holds at most {MOST_TERMINALS} conditions"));
        }
        Ok(query)
    }

    /// Whether a contact is found.
    pub(super) fn hits(&self, contact: &Contact, store: &Store, now_ms: i64) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.hits(contact, store, now_ms)),
            Self::Or(parts) => parts.iter().any(|part| part.hits(contact, store, now_ms)),
            Self::Terminal { field, test } => test.holds(field, contact, store, now_ms),
        }
    }

    fn read(
        value: &Value,
        metadata: &Metadata,
        knobs: &Knobs,
        terminals: &mut usize,
    ) -> Result<Self, String> {
        let (key, inner) = only_member(value).ok_or("each part of a query is an object with one member")?;
        if matches!(key, "and" | "or") {
            let parts = inner.as_array().ok_or_else(|| format!("`{key}` takes a list"))?;
            if parts.len() < knobs.min_join_items() {
                return Err(format!("`{key}` takes at least {} conditions", knobs.min_join_items()));
            }
            let parts = parts
                .iter()
                .map(|part| Self::read(part, metadata, knobs, terminals))
                .collect::<Result<Vec<_>, _>>()?;
            return Ok(if key == "and" { Self::And(parts) } else { Self::Or(parts) });
        }
        *terminals += 1;
        let (field, inner, custom) = if key == "custom_fields" {
            let (field, inner) = only_member(inner).ok_or("`custom_fields` takes one field")?;
            (field, inner, true)
        } else {
            (key, inner, false)
        };
        let (operator, operand) =
            only_member(inner).ok_or_else(|| format!("`{field}` takes one operator"))?;
        let allowed = if custom { metadata.field(field).map(|_| CUSTOM) } else { operators(field) };
        let allowed = allowed.ok_or_else(|| format!("contacts cannot be searched by `{field}`"))?;
        if !allowed.contains(&operator) {
            return Err(format!("`{field}` has no operator `{operator}`"));
        }
        let shortest = if custom || matches!(field, "lead source" | "lead type" | "lead status" | "rating") {
            1
        } else {
            2
        };
        let test = Test::read(operator, operand, shortest, knobs)?;
        Ok(Self::Terminal { field: field.to_owned(), test })
    }
}

const CUSTOM: &[&str] = &["is", "is_not", "contain", "not_contain", "is_empty"];

/// The operators of a field (reference, search: fields and operators).
fn operators(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "email" | "skype id" | "twitter" | "linkedin" | "facebook" | "phone" | "last name" | "street"
        | "city" | "state" | "zip" | "country" | "company name" | "title" => CUSTOM,
        "first name" | "name" => &["is", "is_not", "contain", "not_contain"],
        "lead source" | "lead type" | "lead status" => &["is", "is_not", "is_empty"],
        "rating" => &["is", "is_not", "is_empty", "gt", "gte", "lt", "lte"],
        "created" | "updated" | "company last contacted" => &["in_the_last", "range"],
        "address" | "description" => &["contain", "not_contain", "is_empty"],
        "tag" | "record type" => &["is"],
        _ => return None,
    })
}

impl Test {
    fn read(operator: &str, operand: &Value, shortest: usize, knobs: &Knobs) -> Result<Self, String> {
        let text = || match operand.as_str() {
            Some(text) if text.chars().count() >= shortest => Ok(text),
            Some(_) => Err(format!("`{operator}` takes a text of at least {shortest} characters")),
            None => Err(format!("`{operator}` takes a text")),
        };
        let number =
            || text()?.trim().parse::<f64>().map_err(|_| format!("`{operator}` takes a number as text"));
        Ok(match operator {
            "is" => Self::Is(fold(text()?), true),
            "is_not" => Self::Is(fold(text()?), false),
            "contain" => Self::Contain(Keyword::new(text()?), true),
            "not_contain" => Self::Contain(Keyword::new(text()?), false),
            "is_empty" => Self::Empty(operand.as_bool().ok_or("`is_empty` takes true or false")?),
            "gt" => Self::Compare(|left, right| left > right, number()?),
            "gte" => Self::Compare(|left, right| left >= right, number()?),
            "lt" => Self::Compare(|left, right| left < right, number()?),
            "lte" => Self::Compare(|left, right| left <= right, number()?),
            "in_the_last" => {
                Self::InTheLast(span_ms(operand).ok_or("`in_the_last` takes unit and quantity")?)
            }
            "range" => {
                let (from, to) = range_ms(operand, knobs).ok_or("`range` takes two dates or two times")?;
                Self::Range(from, to)
            }
            _ => return Err(format!("no such operator: `{operator}`")),
        })
    }

    fn holds(&self, field: &str, contact: &Contact, store: &Store, now_ms: i64) -> bool {
        let moment = match field {
            "created" => Some(contact.created_s * 1000),
            "updated" => Some(contact.updated_ms),
            _ => None,
        };
        match self {
            Self::InTheLast(span) => moment.is_some_and(|ms| ms > now_ms - span && ms <= now_ms),
            Self::Range(from, to) => moment.is_some_and(|ms| (*from..=*to).contains(&ms)),
            Self::Is(wanted, true) if field == "record type" => {
                wanted == "all" || *wanted == contact.record_type.name()
            }
            _ => {
                let values = values(field, contact, store);
                match self {
                    Self::Is(wanted, yes) => values.iter().any(|value| fold(value) == *wanted) == *yes,
                    Self::Contain(wanted, yes) => {
                        values.iter().any(|value| wanted.in_value(field, value)) == *yes
                    }
                    Self::Empty(yes) => values.iter().all(String::is_empty) == *yes,
                    Self::Compare(holds, wanted) => values
                        .iter()
                        .filter_map(|value| value.parse().ok())
                        .any(|value| holds(value, *wanted)),
                    Self::InTheLast(_) | Self::Range(..) => false,
                }
            }
        }
    }
}

fn values(field: &str, contact: &Contact, store: &Store) -> Vec<String> {
    let plain = |field: &str| contact.values(field).iter().map(|value| value.value.clone()).collect();
    match field {
        "name" => vec![name(contact)],
        "tag" => contact.tags.iter().map(|tag| store.tag_text(*tag).to_owned()).collect(),
        // Persons are found by the company they belong to, companies by their own name.
        "company name" => contact
            .values("company name")
            .iter()
            .chain(contact.values("parent company"))
            .map(|value| value.value.clone())
            .collect(),
        part if ADDRESS_PARTS.contains(&part) => {
            let addresses = contact.values("address").iter();
            addresses.filter_map(|address| address_part(&address.value, part)).collect()
        }
        field => plain(field),
    }
}

fn address_part(address: &str, part: &str) -> Option<String> {
    match serde_json::from_str::<Value>(address) {
        Ok(Value::Object(parts)) => parts.get(part)?.as_str().map(str::to_owned),
        _ => (part == "street").then(|| address.to_owned()),
    }
}

fn only_member(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}

fn span_ms(operand: &Value) -> Option<i64> {
    let days = match operand.get("unit")?.as_str()? {
        "day" => 1,
        "week" => 7,
        "month" => 30,
        _ => return None,
    };
    let quantity = operand.get("quantity")?.as_i64().filter(|quantity| (1..=10_000).contains(quantity))?;
    Some(quantity * days * 86_400_000)
}

fn range_ms(operand: &Value, knobs: &Knobs) -> Option<(i64, i64)> {
    let text = |key: &str| operand.get(key).and_then(Value::as_str);
    if let (Some(from), Some(to)) = (text("start_date"), text("end_date")) {
        let offset = Offset::from_seconds(i32::try_from(knobs.zone_minutes * 60).ok()?).ok()?;
        let zone = TimeZone::fixed(offset);
        let midnight = |date: Date| Some(zone.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_millisecond());
        let last: Date = to.parse().ok()?;
        return Some((midnight(from.parse().ok()?)?, midnight(last.tomorrow().ok()?)? - 1));
    }
    let moment = |text: &str| Some(text.replacen(' ', "T", 1).parse::<Timestamp>().ok()?.as_millisecond());
    Some((moment(text("start_datetime")?)?, moment(text("end_datetime")?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Query, String> {
        let knobs = Knobs::default();
        Query::parse(text, &Metadata::new(&knobs), &knobs)
    }

    #[test]
    fn queries_are_checked_by_the_tables_of_the_reference() {
        for (text, good) in [
            (r#"{"email":{"is":"ada@example.org"}}"#, true),
            (r#"{"email":{"is":"a"}}"#, false),
            (r#"{"lead type":{"is":"1"}}"#, true),
            (r#"{"first name":{"is_empty":true}}"#, false),
            (r#"{"and":[{"email":{"is":"ab"}}]}"#, false),
            (
                r#"{"and":[{"email":{"is":"ab"}},{"or":[{"tag":{"is":"vip"}},{"city":{"contain":"rome"}}]}]}"#,
                true,
            ),
            (r#"{"custom_fields":{"External ID":{"is":"7"}}}"#, true),
            (r#"{"custom_fields":{"Nope":{"is":"7"}}}"#, false),
            (r#"{"created":{"range":{"start_date":"2026-01-01","end_date":"2026-01-01"}}}"#, true),
            (r#"{"created":{"in_the_last":{"unit":"fortnight","quantity":1}}}"#, false),
            (r#"{"rating":{"gte":"3"}}"#, true),
            ("{}", false),
            ("[1]", false),
            ("no", false),
        ] {
            assert_eq!(parse(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn eleven_conditions_pass_and_twelve_do_not() {
        let query = |count: usize| {
            let terminals = vec![r#"{"city":{"is":"rome"}}"#; count - 1].join(",");
            format!(r#"{{"or":[{{"tag":{{"is":"vip"}}}},{{"and":[{terminals}]}}]}}"#)
        };
        assert!(parse(&query(11)).is_ok());
        assert!(parse(&query(12)).is_err());
    }
}
