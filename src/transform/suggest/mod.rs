//! Drafting a mapping from the fields of both sides and a few records.
//!
//! Every column of the source is looked for among the target's places: by name, by its letters alone, by what it
//! means in several languages, and by what its values are. What is found is written with how sure it is; what is not,
//! or cannot be decided here, is left as a comment for people to decide. Nothing is guessed about values: a day
//! that may be a month is a question, not an answer.
//!
//! Not here: reading the samples, and the examples, which whoever drafts makes with the mapping itself.

mod content;
mod pairs;
mod text;
mod words;

use crate::record::customs::Customs;
use crate::record::schema::Schema;

pub use text::{quoted, value};

/// One side of the mapping that is drafted.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The endpoint as typed.
    pub name: &'a str,
    /// Its fields.
    pub schema: &'a Schema,
}

/// A column of the source, with the values of a few records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleColumn {
    /// Its name, as a mapping writes it: `E-mail`, `email[work]`, `address[home].city`.
    pub name: String,
    /// Its values that are not blank, as text.
    pub values: Vec<String>,
    /// Whether it had several values in one record.
    pub several: bool,
}

/// What the source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// How many records were looked at.
    pub records: usize,
    /// Its columns, in its order.
    pub columns: Vec<SampleColumn>,
    /// Whether lists are text in cells, which `multi = true` splits at this character.
    pub separator: Option<char>,
}

/// A draft and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The mapping, as TOML.
    pub text: String,
    /// Fields that are certain: the same name.
    pub sure: usize,
    /// Fields that are likely: the same meaning, or values that say what they are.
    pub likely: usize,
    /// Columns with values that are left as comments.
    pub open: usize,
}

/// Drafts a mapping. A target without fields (a file that is not there yet) gets the source's own names.
#[must_use]
pub fn draft(source: End<'_>, samples: &Samples, target: End<'_>, customs: &Customs) -> Suggestion {
    let plan = pairs::plan(samples, target.schema, customs);
    text::write(source.name, samples, target, customs, &plan)
}
