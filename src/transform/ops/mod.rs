//! The operations of a mapping: a closed list of small pure functions (design section 7).
//!
//! An operation takes the pieces that came from one source value (one, until a `split`) and gives new pieces
//! or a [`Problem`]. It knows nothing of fields, rows or files: `mapping::apply` adds those to the message.
//! Nothing here guesses: what has two readings is a problem that says so.

pub mod boolean;
pub mod calendar;
pub mod country;
pub mod currency;
pub mod email;
mod fixed;
mod formats;
pub mod html;
mod index;
pub mod language;
pub mod lookup;
pub mod name;
pub mod number;
pub mod phone;
pub mod secret;
pub mod social;
pub mod subdivision;
pub mod text;
pub mod time;
pub mod titlecase;
pub mod web;
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
    /// The capitals of names.
    Titlecase,
    /// Text or a regular expression replaced.
    Replace(text::Replace),
    /// One piece becomes several.
    Split(String),
    /// One of the pieces: from 1, or from the end when negative.
    Nth(i64),
    /// All values of the field as one text.
    Join(String),
    /// All values of the field without doubles.
    Unique,
    /// All values of the field in order.
    Sort {
        /// What they are ordered by.
        by: text::By,
        /// Whether the last comes first.
        descending: bool,
    },
    /// Text put in front.
    Prefix(String),
    /// Text put behind.
    Suffix(String),
    /// ASCII letters for all others.
    Ascii,
    /// Small ASCII letters and digits, with a text between the words.
    Slug(String),
    /// Plain text from HTML.
    HtmlToText,
    /// `%20` and the like read; with true, `+` is a blank.
    PercentDecode(bool),
    /// A word looked up in a table.
    Lookup(lookup::Lookup),
    /// An e-mail address checked, and a part of it taken.
    Email(email::Part),
    /// A phone number in one form.
    Phone(phone::Phone),
    /// A part of a person's name.
    Name(name::Part, name::Order),
    /// A web address in one spelling, or a part of it; the scheme of those without.
    Url(web::Part, String),
    /// A handle or address on a social network.
    Social(social::Social),
    /// A country's code or name from any spelling of it.
    Country(country::Form),
    /// A state's or province's code or name.
    Subdivision(subdivision::Subdivision),
    /// A language's code or name.
    Language(language::Form),
    /// A currency's code or name.
    Currency(currency::Currency),
    /// A calendar day in one form.
    Date(time::Date),
    /// An instant in one form.
    DateTime(time::DateTime),
    /// A time zone as its IANA name.
    TimeZone,
    /// A JSON number from text.
    Number(number::Decimal),
    /// A JSON boolean from words.
    Bool(boolean::Words),
    /// So many digits of a keyed hash.
    Hash(secret::Key, usize),
    /// Other letters and digits of the same format.
    Mask(secret::Key),
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
    /// Whether it is a name that nothing bears, so that the nearest one may be meant.
    pub unknown: bool,
    /// What is to become of the value, where the operation says so itself and `on_error` does not matter.
    pub policy: Option<OnError>,
}

impl Problem {
    /// A problem without a hint, left to `on_error`.
    pub fn new(why: impl Into<String>) -> Self {
        Self { value: String::new(), why: why.into(), hint: None, unknown: false, policy: None }
    }

    /// The problem of a name that nothing bears.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self { unknown: true, ..Self::new(why) }
    }

    /// The same problem with what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Operation {
    /// Whether the operation works on all values of a field together ([`Operation::together`]), not on each.
    #[must_use]
    pub fn is_together(&self) -> bool {
        matches!(self, Self::Join(_) | Self::Unique | Self::Sort { .. })
    }

    /// Carries an operation out that works on all values of a field together; another changes nothing.
    #[must_use]
    pub fn together(&self, values: Vec<Value>) -> Vec<Value> {
        match self {
            Self::Join(between) => text::join(&values, between).into_iter().collect(),
            Self::Unique => text::unique(values),
            Self::Sort { by, descending } => text::sort(values, *by, *descending),
            _ => values,
        }
    }

    /// Carries the operation out on the pieces of one value; empty pieces are left out. `aside` is the text of
    /// the further source field that the operation reads, where it has one (`region_from`, `country_from`, or the
    /// mapping's `time_zone_from`).
    ///
    /// # Errors
    /// When a piece cannot be read as what the operation is about.
    pub fn apply(&self, pieces: &[Value], aside: Option<&str>) -> Result<Vec<Value>, Problem> {
        match self {
            Self::Nth(n) => return Ok(text::nth(pieces.to_vec(), *n).into_iter().collect()),
            Self::Split(on) => {
                let texts = pieces.iter().flat_map(|piece| text::split(&to_text(piece), on)).collect();
                return Ok(texts);
            }
            Self::Join(_) | Self::Unique | Self::Sort { .. } => return Ok(self.together(pieces.to_vec())),
            _ => {}
        }
        let mut made = Vec::with_capacity(pieces.len());
        for piece in pieces {
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
            Self::Subdivision(_) => subdivision::near(text).map(|name| format!("did you mean `{name}`?")),
            Self::Language(_) => language::near(text).map(|name| format!("did you mean `{name}`?")),
            Self::TimeZone => zone::near(text).map(|name| format!("did you mean `{name}`?")),
            Self::Lookup(lookup) => lookup.near(text).map(|word| format!("its nearest word is `{word}`")),
            _ => None,
        }
    }

    /// Whether the operation makes at most one text or value of one, so that [`Operation::text`] says all of it.
    #[must_use]
    pub(crate) fn is_single(&self) -> bool {
        !self.is_together() && !matches!(self, Self::Nth(_) | Self::Split(_))
    }

    /// What one value becomes, as the text of a cell, where the operation [is of that kind](Self::is_single); empty
    /// for nothing. The same as [`Operation::apply`] without a value made of it, for rows by the million.
    ///
    /// # Errors
    /// When the text cannot be read as what the operation is about; the problem does not name it.
    pub(crate) fn text<'t>(&self, text: &'t str, aside: Option<&str>) -> Result<Cow<'t, str>, Problem> {
        Ok(match self {
            Self::Trim => text.trim().into(),
            Self::Collapse => text::collapse(text).into(),
            Self::Lowercase => text::lowercase(text),
            Self::Uppercase => text.to_uppercase().into(),
            Self::Titlecase => titlecase::titlecase(text).into(),
            Self::Replace(replace) => replace.apply(text).into(),
            Self::Prefix(prefix) => format!("{prefix}{text}").into(),
            Self::Suffix(suffix) => format!("{text}{suffix}").into(),
            Self::Ascii => text::ascii(text),
            Self::Slug(between) => text::slug(text, between).into(),
            Self::HtmlToText => html::to_text(text).into(),
            Self::PercentDecode(plus) => web::decode(text, *plus)?.into(),
            Self::Email(part) => email::apply(text, *part)?,
            Self::Phone(phone) => phone.apply(text, aside)?.into(),
            Self::Name(part, order) => name::apply(text, *part, *order).into(),
            Self::Url(part, scheme) => web::apply(text, *part, scheme)?.into(),
            Self::Social(social) => social.apply(text)?.into(),
            Self::Country(form) => form.apply(text)?.into(),
            Self::Subdivision(subdivision) => subdivision.apply(text, aside)?.into(),
            Self::Language(form) => form.apply(text)?.into(),
            Self::Currency(currency) => currency.apply(text)?.into(),
            Self::Date(date) => date.apply(text)?.into(),
            Self::DateTime(time) => time.apply(text, aside)?.into(),
            Self::TimeZone => zone::name(text)?.into(),
            Self::Hash(key, length) => key.hash(text, *length).into(),
            Self::Mask(key) => key.mask(text).into(),
            Self::Lookup(_) | Self::Number(_) | Self::Bool(_) => to_text(&self.one(text, aside)?).into(),
            // They work on all pieces at once.
            Self::Nth(_) | Self::Split(_) | Self::Join(_) | Self::Unique | Self::Sort { .. } => text.into(),
        })
    }

    fn one(&self, text: &str, aside: Option<&str>) -> Result<Value, Problem> {
        match self {
            Self::Lookup(lookup) => lookup.apply(text),
            Self::Number(decimal) => decimal.apply(text),
            Self::Bool(words) => words.apply(text),
            _ => Ok(self.text(text, aside)?.into_owned().into()),
        }
    }
}

#[cfg(test)]
mod tests;
