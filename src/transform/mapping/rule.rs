//! The compiled parts of a mapping. Each is generic over how a field is named: as written in the file, or
//! resolved to a place in a record, which is what binding does.

use super::condition::Condition;
use super::template::Template;
use crate::transform::draft::{OnExtra, Write};
use crate::transform::ops::{OnError, Operation};
use serde_json::Value;

/// One `[[field]]`.
#[derive(Debug, Clone)]
pub(super) struct Rule<P> {
    pub(super) line: usize,
    pub(super) to: P,
    pub(super) origin: Origin<P>,
    pub(super) take: Option<Take>,
    pub(super) join: Option<String>,
    pub(super) multi: Option<bool>,
    pub(super) kind: Option<Type>,
    /// What reads text as `kind`.
    pub(super) cast: Option<Step<P>>,
    pub(super) steps: Vec<Step<P>>,
    pub(super) default: Vec<Value>,
    pub(super) when: Vec<Condition<P>>,
    pub(super) write: Option<Write>,
    pub(super) on_extra: OnExtra,
    pub(super) clear: bool,
    pub(super) on_error: OnError,
    pub(super) trim: bool,
    pub(super) link: Option<Link>,
}

/// A value that names a record of another stream (`link`): which stream, the field of it that holds the value,
/// and what becomes of a value that no record has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The stream, such as `nethunt:Companies`.
    pub stream: String,
    /// Its field.
    pub by: String,
    /// What becomes of a value without a record.
    pub missing: MissingLink,
}

/// What becomes of a value that no record of the linked stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingLink {
    /// The row is rejected.
    #[default]
    Reject,
    /// A record is made for it.
    Create,
    /// The field stays blank.
    Blank,
}

/// Where a field's values come from.
#[derive(Debug, Clone)]
pub(super) enum Origin<P> {
    Fields(Vec<P>),
    Const(Vec<Value>),
    Template(Template<P>),
}

/// Which of the values found are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    First,
    Last,
    All,
    /// From 1, or from the end when negative.
    Nth(i64),
}

/// What a value is at the target (`type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Number,
    Bool,
    Date,
    DateTime,
}

/// One operation of `do`.
#[derive(Debug, Clone)]
pub(super) struct Step<P> {
    pub(super) line: usize,
    pub(super) operation: Operation,
    /// A further field that the operation reads (`region_from`).
    pub(super) aside: Option<P>,
}

impl<P> Step<P> {
    pub(super) fn resolve<Q>(self, from: &mut impl FnMut(P) -> Q) -> Step<Q> {
        Step { line: self.line, operation: self.operation, aside: self.aside.map(from) }
    }
}

impl<P> Rule<P> {
    /// Whether the rule itself makes several values for its place: said so, or all are taken.
    pub(super) fn several(&self) -> Option<bool> {
        self.multi.or((self.take == Some(Take::All) && self.join.is_none()).then_some(true))
    }

    /// The same rule with its names resolved: `to` by one function, what it reads by another.
    pub(super) fn resolve<Q>(self, to: impl FnOnce(P) -> Q, from: &mut impl FnMut(P) -> Q) -> Rule<Q> {
        Rule {
            line: self.line,
            to: to(self.to),
            origin: match self.origin {
                Origin::Fields(names) => Origin::Fields(names.into_iter().map(&mut *from).collect()),
                Origin::Const(values) => Origin::Const(values),
                Origin::Template(template) => Origin::Template(template.resolve(from)),
            },
            take: self.take,
            join: self.join,
            multi: self.multi,
            kind: self.kind,
            cast: self.cast.map(|step| step.resolve(from)),
            steps: self.steps.into_iter().map(|step| step.resolve(from)).collect(),
            default: self.default,
            when: self.when.into_iter().map(|condition| condition.resolve(from)).collect(),
            write: self.write,
            on_extra: self.on_extra,
            clear: self.clear,
            on_error: self.on_error,
            trim: self.trim,
            link: self.link,
        }
    }
}
