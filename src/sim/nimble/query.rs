//! The query language: joins of terminals such as `{"email": {"is": "ada@example.org"}}` (reference, search).
//!
//! Which operators a field has is in `dialect.rs`; how long a text must be and how many terminals a query may
//! hold follow the reference's text.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use super::dialect::{custom_operators, operators};
use super::knobs::Knobs;
use super::metadata::Metadata;
use super::search::{ADDRESS_PARTS, Keyword, fold, name, part_text, shown};
use super::store::{Contact, Store};

/// The most terminals in one query, saved searches counted as what they stand for (reference, search).
const MOST_TERMINALS: usize = 11;
/// The deepest nesting in the current description, which counts no terminals (reference, search of era C).
const DEEPEST: usize = 20;

/// A query, checked.
#[derive(Debug)]
pub(super) enum Query {
    And(Vec<Query>),
    Or(Vec<Query>),
    Not(Box<Query>),
    Terminal { field: Field, test: Test },
}

/// A field that is asked for; a custom one may have the name of anything else that can be searched.
#[derive(Debug)]
pub(super) struct Field {
    name: String,
    is_custom: bool,
}

/// What a terminal asks of a field's values.
#[derive(Debug)]
pub(super) enum Test {
    Is(String, bool),
    Contain(Keyword, bool),
    In(Vec<String>, bool),
    StartsWith(String),
    /// Month and day, first and last.
    DayMonth((u8, u8), (u8, u8)),
    Empty(bool),
    Compare(fn(f64, f64) -> bool, f64),
    InTheLast(i64, bool),
    Range(i64, i64, bool),
    Between(f64, f64, bool),
}

impl Query {
    /// Reads the JSON text of a `query` parameter.
    pub(super) fn parse(text: &str, metadata: &Metadata, knobs: &Knobs) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|_| "`query` is not JSON".to_owned())?;
        let mut reader = Reader { metadata, knobs, terminals: 0 };
        let query = reader.read(&value, 0)?;
        if !knobs.is_current() && reader.terminals > MOST_TERMINALS {
            return Err(format!("a query holds at most {MOST_TERMINALS} conditions"));
        }
        Ok(query)
    }

    /// Whether a contact is found.
    pub(super) fn hits(&self, contact: &Contact, store: &Store, now_ms: i64) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.hits(contact, store, now_ms)),
            Self::Or(parts) => parts.iter().any(|part| part.hits(contact, store, now_ms)),
            Self::Not(part) => !part.hits(contact, store, now_ms),
            Self::Terminal { field, test } => test.holds(field, contact, store, now_ms),
        }
    }

    /// How many of the words looked for are in the contact.
    pub(super) fn score(&self, contact: &Contact, store: &Store) -> u32 {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(|part| part.score(contact, store)).sum(),
            Self::Not(_) => 0,
            Self::Terminal { field, test: Test::Contain(wanted, true) } => {
                wanted.score_of(values(field, contact, store).iter().map(String::as_str))
            }
            Self::Terminal { .. } => 0,
        }
    }
}

/// Reads a query and counts what is in it.
struct Reader<'a> {
    metadata: &'a Metadata,
    knobs: &'a Knobs,
    terminals: usize,
}

impl Reader<'_> {
    fn read(&mut self, value: &Value, depth: usize) -> Result<Query, String> {
        let (metadata, knobs) = (self.metadata, self.knobs);
        let is_current = knobs.is_current();
        if is_current && depth > DEEPEST {
            return Err(format!("a query is at most {DEEPEST} levels deep"));
        }
        let (key, inner) = only_member(value).ok_or("each part of a query is an object with one member")?;
        if matches!(key, "and" | "or") {
            let parts = inner.as_array().ok_or_else(|| format!("`{key}` takes a list"))?;
            if parts.len() < knobs.min_join_items() {
                return Err(format!("`{key}` takes at least {} conditions", knobs.min_join_items()));
            }
            let parts = parts.iter().map(|part| self.read(part, depth + 1)).collect::<Result<Vec<_>, _>>()?;
            return Ok(if key == "and" { Query::And(parts) } else { Query::Or(parts) });
        }
        if key == "not" && is_current {
            let parts = inner.as_array().filter(|parts| parts.len() == 1);
            let parts = parts.ok_or("`not` takes a list of one condition")?;
            return Ok(Query::Not(Box::new(self.read(&parts[0], depth + 1)?)));
        }
        self.terminals += 1;
        let (field, inner, custom) = if key == "custom_fields" {
            let (field, inner) = only_member(inner).ok_or("`custom_fields` takes one field")?;
            (field, inner, true)
        } else {
            (key, inner, false)
        };
        let (operator, operand) =
            only_member(inner).ok_or_else(|| format!("`{field}` takes one operator"))?;
        let allowed =
            if custom { custom_operators(field, metadata, is_current) } else { operators(field, is_current) };
        let allowed = allowed.ok_or_else(|| format!("contacts cannot be searched by `{field}`"))?;
        if !allowed.contains(&operator) {
            return Err(format!("`{field}` has no operator `{operator}`"));
        }
        if field == "saved_search" && !custom {
            let name = operand.as_str().unwrap_or_default();
            let saved = knobs.saved_searches.get(name).ok_or_else(|| format!("no saved search `{name}`"))?;
            let saved: Value = serde_json::from_str(saved).map_err(|_| format!("`{name}` is not JSON"))?;
            self.terminals -= 1;
            return self.read(&saved, depth + 1);
        }
        let shortest = if is_current
            || custom
            || matches!(field, "lead source" | "lead type" | "lead status" | "rating")
        {
            1
        } else {
            2
        };
        let test = Test::read(operator, operand, shortest, knobs)?;
        Ok(Query::Terminal { field: Field { name: field.to_owned(), is_custom: custom }, test })
    }
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
            "contain" => Self::Contain(Keyword::new(text()?, knobs.is_current()), true),
            "not_contain" => Self::Contain(Keyword::new(text()?, knobs.is_current()), false),
            "starts_with" => Self::StartsWith(fold(text()?)),
            "in" | "not_in" => {
                let items = operand.as_array().filter(|items| !items.is_empty());
                let texts = items.map(|items| items.iter().map(|item| item.as_str().map(fold)));
                let texts: Option<Vec<String>> = texts.and_then(Iterator::collect);
                Self::In(
                    texts.ok_or_else(|| format!("`{operator}` takes a list of texts"))?,
                    operator == "in",
                )
            }
            "day_month_range" => {
                let day = |key: &str| operand.get(key).and_then(Value::as_str).and_then(day_month);
                let days = day("start_date").zip(day("end_date"));
                let (from, to) = days.ok_or("`day_month_range` takes two days as DD/MM")?;
                Self::DayMonth(from, to)
            }
            "is_empty" => Self::Empty(operand.as_bool().ok_or("`is_empty` takes true or false")?),
            "gt" => Self::Compare(|left, right| left > right, number()?),
            "gte" => Self::Compare(|left, right| left >= right, number()?),
            "lt" => Self::Compare(|left, right| left < right, number()?),
            "lte" => Self::Compare(|left, right| left <= right, number()?),
            "in_the_last" | "not_in_the_last" => {
                let span = span_ms(operand, knobs.is_current());
                let span = span.ok_or_else(|| format!("`{operator}` takes unit and quantity"))?;
                Self::InTheLast(span, operator == "in_the_last")
            }
            "range" | "not_in_range" => {
                let yes = operator == "range";
                if let Some((from, to)) = knobs.is_current().then(|| numbers(operand)).flatten() {
                    return Ok(Self::Between(from, to, yes));
                }
                let (from, to) = range_ms(operand, knobs)
                    .ok_or_else(|| format!("`{operator}` takes two dates or two times"))?;
                Self::Range(from, to, yes)
            }
            _ => return Err(format!("no such operator: `{operator}`")),
        })
    }

    fn holds(&self, field: &Field, contact: &Contact, store: &Store, now_ms: i64) -> bool {
        // The names that mean more than a field's values mean nothing in a custom field.
        let meaning = if field.is_custom { "" } else { field.name.as_str() };
        let moment = || match meaning {
            "created" => Some(contact.created_s * 1000),
            "updated" => Some(contact.updated_ms),
            "company last contacted" | "user last contacted" => contact.last_contacted_ms,
            _ => iso_ms(contact.first(&field.name)),
        };
        match self {
            Self::InTheLast(span, yes) => {
                moment().is_some_and(|ms| ms > now_ms - span && ms <= now_ms) == *yes
            }
            Self::Range(from, to, yes) => moment().is_some_and(|ms| (*from..=*to).contains(&ms)) == *yes,
            Self::Empty(yes) if is_moment(meaning) => moment().is_none() == *yes,
            Self::Is(wanted, true) if meaning == "record type" => {
                wanted == "all" || *wanted == contact.record_type.name()
            }
            _ => {
                let values = values(field, contact, store);
                match self {
                    Self::Is(wanted, yes) => values.iter().any(|value| fold(value) == *wanted) == *yes,
                    Self::Contain(wanted, yes) => {
                        values.iter().any(|value| wanted.in_value(meaning, value)) == *yes
                    }
                    Self::In(wanted, yes) => values.iter().any(|value| wanted.contains(&fold(value))) == *yes,
                    Self::StartsWith(wanted) => values.iter().any(|value| fold(value).starts_with(wanted)),
                    Self::DayMonth(from, to) => {
                        values.iter().filter_map(|value| birth_day(value)).any(|day| {
                            // A range over the turn of the year has its end before its start.
                            if from <= to { (*from..=*to).contains(&day) } else { day >= *from || day <= *to }
                        })
                    }
                    Self::Between(from, to, yes) => {
                        let mut numbers = values.iter().filter_map(|value| value.parse::<f64>().ok());
                        numbers.any(|number| (*from..=*to).contains(&number)) == *yes
                    }
                    Self::Empty(yes) => values.iter().all(String::is_empty) == *yes,
                    Self::Compare(holds, wanted) => values
                        .iter()
                        .filter_map(|value| value.parse().ok())
                        .any(|value| holds(value, *wanted)),
                    Self::InTheLast(..) | Self::Range(..) => false,
                }
            }
        }
    }
}

fn values(field: &Field, contact: &Contact, store: &Store) -> Vec<String> {
    let plain = |field: &str| -> Vec<String> {
        contact.values(field).iter().map(|value| shown(&value.value).into_owned()).collect()
    };
    if field.is_custom {
        return plain(&field.name);
    }
    match field.name.strip_prefix("address.").unwrap_or(&field.name) {
        "name" | "names" => vec![name(contact)],
        "_id" => vec![contact.id.clone()],
        "__any" => {
            let all = contact.fields.iter().flat_map(|(name, _)| plain(name));
            let tags = contact.tags.iter().map(|tag| store.tag_text(*tag).to_owned());
            all.chain(tags).chain([name(contact)]).collect()
        }
        "company_name" => {
            let employers = contact.values("contact employment").iter().filter_map(|employment| {
                let parts: Value = serde_json::from_str(&employment.value).ok()?;
                parts["company_name"].as_str().map(str::to_owned)
            });
            employers.chain(plain("parent company")).collect()
        }
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
        Ok(Value::Object(parts)) => part_text(parts.get(part)?),
        _ => (part == "street").then(|| address.to_owned()),
    }
}

fn only_member(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}

fn is_moment(field: &str) -> bool {
    matches!(field, "created" | "updated" | "company last contacted" | "user last contacted")
}

/// A value of a custom date.
fn iso_ms(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from)).ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_millisecond())
}

fn numbers(operand: &Value) -> Option<(f64, f64)> {
    let number = |key: &str| {
        let value = operand.get(key)?;
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
    };
    Some((number("start")?, number("end")?))
}

/// `DD/MM` as month and day.
fn day_month(text: &str) -> Option<(u8, u8)> {
    let (day, month) = text.split_once('/')?;
    let (day, month) = (day.parse().ok()?, month.parse().ok()?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((month, day))
}

/// Month and day of a birthday, which begins `MM/DD`.
fn birth_day(text: &str) -> Option<(u8, u8)> {
    let mut parts = text.split('/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn span_ms(operand: &Value, is_current: bool) -> Option<i64> {
    let unit = match operand.get("unit")?.as_str()? {
        "second" if is_current => 1_000,
        "day" => 86_400_000,
        "week" => 7 * 86_400_000,
        "month" => 30 * 86_400_000,
        "year" if is_current => 365 * 86_400_000,
        _ => return None,
    };
    let quantity = operand.get("quantity")?.as_i64().filter(|quantity| (1..=10_000).contains(quantity))?;
    Some(quantity * unit)
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
            (r#"{"custom_fields":{"email":{"is":"ada@example.org"}}}"#, false),
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
