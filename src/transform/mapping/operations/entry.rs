//! What the reference says of an operation, and how its arguments are read: one table for the compiler, the
//! documentation and the schema, so that none of them can say something else.

use super::super::file::{Findings, Table};
use super::Place;
use crate::transform::ops::Operation;

/// One operation.
#[derive(Debug, Clone, Copy)]
pub(in crate::transform::mapping) struct Entry {
    pub(in crate::transform::mapping) name: &'static str,
    /// What it does, in a sentence or two.
    pub(in crate::transform::mapping) what: &'static str,
    /// Whether it may stand by its name alone.
    pub(in crate::transform::mapping) bare: bool,
    /// The argument that may stand without its name: `{ prefix = "Dr. " }`.
    pub(in crate::transform::mapping) short: Option<&'static str>,
    pub(in crate::transform::mapping) arguments: &'static [Argument],
    /// Rules that one should know, a paragraph each.
    pub(in crate::transform::mapping) rules: &'static [&'static str],
    pub(in crate::transform::mapping) examples: &'static [Example],
    pub(in crate::transform::mapping) compile: Compile,
}

/// Makes the operation of its arguments, or says what is wrong with them.
pub(super) type Compile = fn(&Table<'_>, &Place<'_>, &mut Findings<'_>) -> Option<Operation>;

/// An argument of an operation, or a key of a table.
#[derive(Debug, Clone, Copy)]
pub(in crate::transform::mapping) struct Argument {
    pub(in crate::transform::mapping) name: &'static str,
    pub(in crate::transform::mapping) kind: Kind,
    /// What holds where it is left out; empty where nothing does.
    pub(in crate::transform::mapping) default: &'static str,
    pub(in crate::transform::mapping) required: bool,
    pub(in crate::transform::mapping) what: &'static str,
}

/// What an argument is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transform::mapping) enum Kind {
    Text,
    /// A text or a list of texts.
    Texts,
    /// A whole number.
    Whole,
    Flag,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// The name of a source field.
    Field,
    /// A text, number, boolean or date.
    Scalar,
    /// One of those or a list of them.
    Scalars,
    /// One character.
    Mark,
    /// A table from texts to such values.
    Words,
    /// `"first"`, `"last"`, `"all"` or a whole number.
    Take,
    /// A target field, a list of them, or a list of such lists.
    Keys,
    /// A condition or a list of them.
    Conditions,
    /// One condition.
    Condition,
    /// Operations in order.
    Operations,
    /// `{ stream, by, missing }`.
    Link,
    /// A table from field names to values.
    Record,
}

/// An example that the tests run.
#[derive(Debug, Clone, Copy)]
pub(in crate::transform::mapping) struct Example {
    /// As it stands in `do`; a bare name without its quotes.
    pub(in crate::transform::mapping) write: &'static str,
    /// The values of the field.
    pub(in crate::transform::mapping) values: &'static [&'static str],
    /// Other fields of the record.
    pub(in crate::transform::mapping) also: &'static [(&'static str, &'static str)],
    pub(in crate::transform::mapping) makes: Makes,
}

/// What an example comes to.
#[derive(Debug, Clone, Copy)]
pub(in crate::transform::mapping) enum Makes {
    Texts(&'static [&'static str]),
    /// One value that is no text, as JSON.
    Json(&'static str),
    /// The reason for which the value is refused.
    Refused(&'static str),
}

/// An operation that stands by its name alone; what it has more is said over this.
pub(super) const BARE: Entry = Entry {
    name: "",
    what: "",
    bare: true,
    short: None,
    arguments: &[],
    rules: &[],
    examples: &[],
    compile: |_, _, _| None,
};

/// An operation that needs its arguments.
pub(super) const WITH: Entry = Entry { bare: false, ..BARE };

/// An argument that may be left out.
pub(in crate::transform::mapping) const fn may(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    what: &'static str,
) -> Argument {
    Argument { name, kind, default, required: false, what }
}

/// An argument that must be there.
pub(in crate::transform::mapping) const fn must(
    name: &'static str,
    kind: Kind,
    what: &'static str,
) -> Argument {
    Argument { name, kind, default: "", required: true, what }
}

/// One value becomes another.
pub(super) const fn one(
    write: &'static str,
    values: &'static [&'static str; 1],
    makes: &'static [&'static str; 1],
) -> Example {
    Example { write, values, also: &[], makes: Makes::Texts(makes) }
}

/// Values become others, or none.
pub(super) const fn many(
    write: &'static str,
    values: &'static [&'static str],
    makes: &'static [&'static str],
) -> Example {
    Example { write, values, also: &[], makes: Makes::Texts(makes) }
}

/// A value becomes a number or a boolean.
pub(super) const fn json(
    write: &'static str,
    value: &'static [&'static str; 1],
    makes: &'static str,
) -> Example {
    Example { write, values: value, also: &[], makes: Makes::Json(makes) }
}

/// A value becomes another with the help of another field.
pub(super) const fn aside(
    write: &'static str,
    value: &'static [&'static str; 1],
    also: &'static [(&'static str, &'static str)],
    makes: &'static [&'static str],
) -> Example {
    Example { write, values: value, also, makes: Makes::Texts(makes) }
}

/// A value is refused.
pub(super) const fn refused(
    write: &'static str,
    value: &'static [&'static str; 1],
    why: &'static str,
) -> Example {
    Example { write, values: value, also: &[], makes: Makes::Refused(why) }
}
