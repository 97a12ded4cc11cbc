//! The operations of a mapping: a closed list of small pure functions (design section 7).
//!
//! An operation takes the pieces that came from one source value (one, until a `split`) and gives new pieces
//! or a [`Problem`]. It knows nothing of fields, rows or files: `mapping::apply` adds those to the message.
//! Nothing here guesses: what has two readings is a problem that says so.

pub mod country;
pub mod email;
pub mod lookup;
pub mod number;
pub mod phone;
pub mod text;
pub mod time;
pub mod zone;

use crate::record::{is_empty, to_text};
use serde_json::Value;
use std::borrow::Cow;

/// One compiled operation.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Outer blanks off.
    Trim,
    /// Runs of blanks, line breaks included, become one space; outer ones go.
    Collapse,
    /// Lower case, by Unicode.
    Lowercase,
    /// Upper case, by Unicode.
    Uppercase,
    /// A capital at the start of every word, the rest small.
    Titlecase,
    /// Text or a regular expression replaced.
    Replace(text::Replace),
    /// One piece becomes several.
    Split(String),
    /// One of the pieces: from 1, or from the end when negative.
    Nth(i64),
    /// Text put in front.
    Prefix(String),
    /// Text put behind.
    Suffix(String),
    /// A word looked up in a table.
    Lookup(lookup::Lookup),
    /// An e-mail address checked, and a part of it taken.
    Email(email::Part),
    /// A phone number in one form.
    Phone(phone::Phone),
    /// A country's code or name from any spelling of it.
    Country(country::Form),
    /// A calendar day in one form.
    Date(time::Date),
    /// An instant in one form.
    DateTime(time::DateTime),
    /// A time zone as its IANA name.
    TimeZone,
    /// A JSON number from text.
    Number(number::Decimal),
    /// A JSON boolean from words.
    Bool(number::Words),
}

/// What becomes of a value that an operation cannot read (mapping key `on_error`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The row is rejected.
    #[default]
    Reject,
    /// The value is dropped.
    Blank,
    /// The source's text is taken as it stands, as if there were no operations.
    Keep,
}

/// Why an operation has no answer for a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The piece that could not be read; an operation leaves it empty, [`Operation::apply`] fills it in.
    pub value: String,
    /// What the value is not, such as "is no e-mail address".
    pub why: String,
    /// What would help.
    pub hint: Option<String>,
    /// What is to become of the value, where the operation says so itself and `on_error` does not matter.
    pub policy: Option<OnError>,
}

impl Problem {
    /// A problem without a hint, left to `on_error`.
    pub fn new(why: impl Into<String>) -> Self {
        Self { value: String::new(), why: why.into(), hint: None, policy: None }
    }

    /// The same problem with what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Operation {
    /// Carries the operation out on the pieces of one value; empty pieces are left out. `aside` is the text of
    /// the further source field that the operation reads, where it has one (`region_from`).
    ///
    /// # Errors
    /// When a piece cannot be read as what the operation is about.
    pub fn apply(&self, pieces: Vec<Value>, aside: Option<&str>) -> Result<Vec<Value>, Problem> {
        match self {
            Self::Nth(n) => return Ok(text::nth(pieces, *n).into_iter().collect()),
            Self::Split(on) => {
                let texts = pieces.iter().flat_map(|piece| text::split(&to_text(piece), on)).collect();
                return Ok(texts);
            }
            _ => {}
        }
        let mut made = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            let text = match piece {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                other => Cow::Owned(to_text(other)),
            };
            match self.one(&text, aside) {
                Ok(one) if is_empty(&one) => {}
                Ok(one) => made.push(one),
                Err(problem) => return Err(Problem { value: text.into_owned(), ..problem }),
            }
        }
        Ok(made)
    }

    /// What was probably meant by a text that the operation could not read. Apart from [`Self::apply`] because
    /// it looks through every name, which is too slow for values that `on_error` lets pass.
    #[must_use]
    pub fn suggest(&self, text: &str) -> Option<String> {
        // The distance between long texts is slow to find, and nothing would be near.
        if text.chars().count() > 40 {
            return None;
        }
        match self {
            Self::Country(_) => country::near(text).map(|name| format!("did you mean `{name}`?")),
            Self::TimeZone => zone::near(text).map(|name| format!("did you mean `{name}`?")),
            Self::Lookup(lookup) => lookup.near(text).map(|word| format!("its nearest word is `{word}`")),
            _ => None,
        }
    }

    fn one(&self, text: &str, aside: Option<&str>) -> Result<Value, Problem> {
        Ok(match self {
            Self::Trim => text.trim().into(),
            Self::Collapse => text::collapse(text).into(),
            Self::Lowercase => text.to_lowercase().into(),
            Self::Uppercase => text.to_uppercase().into(),
            Self::Titlecase => text::titlecase(text).into(),
            Self::Replace(replace) => replace.apply(text).into(),
            Self::Prefix(prefix) => format!("{prefix}{text}").into(),
            Self::Suffix(suffix) => format!("{text}{suffix}").into(),
            Self::Lookup(lookup) => lookup.apply(text)?,
            Self::Email(part) => email::apply(text, *part)?.into(),
            Self::Phone(phone) => phone.apply(text, aside)?.into(),
            Self::Country(form) => form.apply(text)?.into(),
            Self::Date(date) => date.apply(text)?.into(),
            Self::DateTime(time) => time.apply(text)?.into(),
            Self::TimeZone => zone::name(text)?.into(),
            Self::Number(decimal) => decimal.apply(text)?,
            Self::Bool(words) => words.apply(text)?,
            // Both work on all pieces at once and have returned already.
            Self::Nth(_) | Self::Split(_) => text.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One operation of every kind, with arguments that make it work hard.
    fn one_of_each() -> Vec<Operation> {
        let zone = zone::parse("Europe/London").unwrap();
        vec![
            Operation::Trim,
            Operation::Collapse,
            Operation::Lowercase,
            Operation::Uppercase,
            Operation::Titlecase,
            Operation::Replace(text::Replace::text("a", "bb")),
            Operation::Replace(text::Replace::pattern(r"(\w)(\W?)", "$2$1").unwrap()),
            Operation::Split(",".into()),
            Operation::Nth(-2),
            Operation::Prefix("x".into()),
            Operation::Suffix("y".into()),
            Operation::Email(email::Part::Both),
            Operation::Phone(phone::Phone {
                format: phone::Format::E164,
                region: phone::region("DE"),
                strict: false,
            }),
            Operation::Country(country::Form::Alpha2),
            Operation::Country(country::Form::name("de").unwrap()),
            Operation::Date(time::Date::new(vec!["%d/%m/%y".into(), "%B %d, %Y".into()], None).unwrap()),
            Operation::DateTime(
                time::DateTime::new(
                    vec!["%d.%m.%Y %H:%M".into(), "%a, %d %b %Y %T %z".into()],
                    Some(zone),
                    None,
                    None,
                )
                .unwrap(),
            ),
            Operation::TimeZone,
            Operation::Number(number::Decimal { decimal: ',', thousands: Some('.') }),
            Operation::Bool(number::Words::default()),
        ]
    }

    fn try_all(text: &str) {
        for operation in one_of_each() {
            let _ = operation.apply(vec![text.into()], Some(text));
            let _ = operation.suggest(text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn no_operation_panics_on_any_text(text in any::<String>()) {
            try_all(&text);
        }

        #[test]
        fn no_operation_panics_on_text_that_looks_right(text in "[-+0-9a-z./: ,;@<>\"()TZ%]{0,24}") {
            try_all(&text);
        }
    }

    #[test]
    fn no_operation_panics_on_naughty_strings() {
        let Ok(list) = std::fs::read_to_string("../shared/data/strings/blns.json") else { return };
        let strings: Vec<String> = serde_json::from_str(&list).unwrap();
        for text in strings {
            try_all(&text);
        }
    }
}
