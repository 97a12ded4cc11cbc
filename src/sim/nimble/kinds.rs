//! What kind of value a field takes, and what a value of it has to look like (reference, special types).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::USERS;
use super::metadata::{Choice, Field};

/// What kind of value a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Text,
    LongText,
    Choice,
    Number,
    Datetime,
    Boolean,
    Address,
    User,
    Employment,
    ParentCompany,
    Domain,
    /// Set by the service alone.
    ReadOnly,
}

/// A further rule for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rule {
    Email,
    Url,
    /// `MM/DD/YYYY` or `MM/DD`.
    Birthday,
}

impl Kind {
    /// The name in the newer definitions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LongText => "long_string",
            Self::Choice => "choice",
            Self::Number => "number",
            Self::Datetime => "datetime",
            Self::Boolean => "boolean",
            Self::Address => "address",
            Self::User => "user",
            Self::Employment => "employment",
            Self::Text | Self::ParentCompany | Self::Domain | Self::ReadOnly => "string",
        }
    }

    /// The kind of a field that may be created, by that name.
    pub(super) fn creatable(name: &str) -> Option<Self> {
        [
            Self::Text,
            Self::LongText,
            Self::Choice,
            Self::Number,
            Self::Datetime,
            Self::Boolean,
            Self::Address,
            Self::User,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    /// The type of presentation in the older definitions.
    pub(super) fn presentation(self) -> &'static str {
        match self {
            Self::LongText => "multi-line-text-box",
            Self::Choice => "select-box",
            Self::Number => "numeric-general",
            Self::Datetime => "date",
            Self::Boolean => "boolean",
            Self::Address => "address",
            Self::User => "objectid",
            _ => "single-line-text-box",
        }
    }
}

impl Field {
    /// Why no value of this field can stand under this modifier.
    pub(super) fn modifier_objection(&self, modifier: &str) -> Option<String> {
        let known =
            if self.modifiers.is_empty() { modifier.is_empty() } else { self.modifiers.contains(&modifier) };
        (!known).then(|| format!("no such modifier: `{modifier}`"))
    }

    /// Why a value cannot stand in this field.
    pub(super) fn value_objection(&self, value: &str) -> Option<String> {
        let objection = |bad: bool, why: &str| bad.then(|| format!("{why}: `{value}`"));
        match self.kind {
            Kind::ReadOnly => Some("the field is set by the service".to_owned()),
            Kind::Domain => domain_objection(value).map(str::to_owned),
            // Ids are the rule; two public clients wrote labels and read them back.
            Kind::Choice => {
                let known = |choice: &Choice| choice.id == value || choice.value == value;
                objection(!value.is_empty() && !self.choices.iter().any(known), "no such choice")
            }
            Kind::Number => {
                let number = value.trim().parse::<f64>().is_ok_and(f64::is_finite);
                objection(!value.is_empty() && !number, "not a number")
            }
            Kind::Datetime => objection(!value.is_empty() && !is_iso(value), "not an ISO 8601 time"),
            Kind::Boolean => objection(!matches!(value, "" | "true" | "false"), "neither true nor false"),
            Kind::User => {
                let known = USERS.iter().any(|(id, ..)| *id == value);
                objection(!value.is_empty() && !known, "no such user")
            }
            Kind::Employment => employment_objection(value).map(str::to_owned),
            Kind::Text => match self.rule {
                Some(Rule::Email) => {
                    let parts = value.split_once('@');
                    let good = parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
                    objection(!value.is_empty() && !good, "not an e-mail address")
                }
                Some(Rule::Url) => {
                    let good = value.contains('.') && !value.contains(char::is_whitespace);
                    objection(!value.is_empty() && !good, "not a URL")
                }
                Some(Rule::Birthday) => {
                    objection(!value.is_empty() && !is_birthday(value), "not MM/DD/YYYY or MM/DD")
                }
                None => None,
            },
            Kind::LongText | Kind::Address | Kind::ParentCompany => None,
        }
    }
}

fn is_iso(text: &str) -> bool {
    text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok() || text.parse::<Date>().is_ok()
}

fn is_birthday(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let (month, day, year) = match parts[..] {
        [month, day] => (month, day, "2000"),
        [month, day, year] => (month, day, year),
        _ => return false,
    };
    year.len() == 4 && format!("{year}-{month}-{day}").parse::<Date>().is_ok()
}

/// No scheme, no path, at most a third-level name (reference, default fields).
fn domain_objection(value: &str) -> Option<&'static str> {
    let labels: Vec<&str> = value.split('.').collect();
    if value.contains("://") || value.contains('/') {
        Some("a domain has no scheme and no path")
    } else if labels.len() < 2
        || labels.iter().any(|label| label.is_empty())
        || value.contains(char::is_whitespace)
    {
        Some("not a domain name")
    } else if labels.len() > 3 {
        Some("a domain is at most of the third level")
    } else {
        None
    }
}

/// JSON text of an object; a company or a title, an end or the present, the start before the end (reference,
/// special types).
fn employment_objection(value: &str) -> Option<&'static str> {
    let Ok(Value::Object(parts)) = serde_json::from_str(value) else {
        return Some("an employment is the JSON text of an object");
    };
    let mut months = [None, None];
    for (key, part) in &parts {
        match (key.as_str(), part) {
            ("company_name" | "title", Value::String(_)) | ("is_present" | "is_primary", Value::Bool(_)) => {}
            (_, Value::Null) => {}
            ("start_date" | "end_date", Value::String(text)) => match month(text) {
                Some(month) => months[usize::from(key == "end_date")] = Some(month),
                None => return Some("`start_date` and `end_date` are MM/YYYY"),
            },
            _ => return Some("an employment has company_name, title, start_date, end_date and is_present"),
        }
    }
    let named =
        |key: &str| parts.get(key).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    if !named("company_name") && !named("title") {
        return Some("an employment needs `company_name` or `title`");
    }
    if months[1].is_some() && parts.get("is_present") == Some(&Value::Bool(true)) {
        return Some("an employment that has ended is not present");
    }
    matches!(months, [Some(start), Some(end)] if start > end).then_some("the start lies after the end")
}

/// `MM/YYYY` as year and month.
fn month(text: &str) -> Option<(u16, u8)> {
    let (month, year) = text.split_once('/')?;
    let (month, year) = (month.parse::<u8>().ok()?, year.parse::<u16>().ok()?);
    ((1..=12).contains(&month) && text.len() == 7).then_some((year, month))
}
