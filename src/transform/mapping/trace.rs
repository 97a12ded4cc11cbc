//! Watching one record on its way through a mapping: what was found, what each operation made of it, and what is
//! written at the end.
//!
//! A [`Watch`] is told what [`Bound::apply`] does while it does it, so that what is shown is what happens; there is
//! no second reading of the rules. Nobody watching costs nothing: `()` is a watcher that the compiler removes.

use super::apply::Row;
use super::bind::{Bound, Place};
use super::condition::Condition;
use super::rule::{Origin, Rule, Step};
use super::{Draft, Outcome};
use crate::record::Record;
use crate::transform::ops::{Operation, Problem};
use serde::Serialize;
use serde_json::Value;

/// Told what happens to a record, in order. Every method does nothing unless it is overridden.
pub(super) trait Watch {
    /// A filter lets the record through, or not.
    fn filter(&mut self, _filter: &Condition<Place>, _holds: bool, _row: Row<'_>) {}
    /// A field begins; its conditions hold, or it is left alone.
    fn rule(&mut self, _rule: &Rule<Place>, _holds: bool, _row: Row<'_>) {}
    /// Values found at one of the field's places.
    fn found(&mut self, _place: &Place, _values: &[Value]) {}
    /// Values taken of all that were found.
    fn taken(&mut self, _values: &[Value]) {}
    /// An operation is about to work on these.
    fn before(&mut self, _step: &Step<Place>, _aside: Option<&str>, _values: &[Value]) {}
    /// What the operation made of them.
    fn after(&mut self, _result: Result<&[Value], &Problem>) {}
    /// Values for which the place has no room.
    fn extra(&mut self, _values: &[Value]) {}
    /// What the field comes to; none leaves the target alone.
    fn ended(&mut self, _values: Option<&[Value]>) {}
}

impl Watch for () {}

/// A record's whole way through a mapping.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// What became of it: `mapped`, `filtered` or `rejected`.
    pub outcome: &'static str,
    /// Why it is rejected; every reason.
    pub reasons: Vec<String>,
    /// The filters, up to the one that leaves it out.
    pub filters: Vec<Tested>,
    /// Field by field.
    pub fields: Vec<FieldTrace>,
}

/// Conditions that were tested.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tested {
    /// Whether they hold.
    pub holds: bool,
    /// The fields they look at, and what those hold.
    pub seen: Vec<Found>,
}

/// Values of a place of the source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The place.
    pub from: String,
    /// Its values, blank ones left out.
    pub values: Vec<Value>,
}

/// What happened for one target field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldTrace {
    /// The target field.
    pub to: String,
    /// Its line in the mapping.
    pub line: usize,
    /// `when`, where the field has it.
    pub when: Option<Tested>,
    /// What was found in the source.
    pub found: Vec<Found>,
    /// What was taken of it.
    pub taken: Vec<Value>,
    /// The operations, one entry for each value they worked on.
    pub steps: Vec<StepTrace>,
    /// Values left out because the place holds one.
    pub left_out: Vec<Value>,
    /// What is written; none leaves the target alone, an empty list clears it.
    pub values: Option<Vec<Value>>,
}

/// What one operation did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepTrace {
    /// The operation's name.
    pub operation: &'static str,
    /// Its line in the mapping.
    pub line: usize,
    /// The further field that it reads, and its value.
    pub aside: Option<Found>,
    /// What it was given.
    pub before: Vec<Value>,
    /// What it made; none where it could not read the value.
    pub after: Option<Vec<Value>>,
    /// Why it could not.
    pub problem: Option<String>,
}

impl Bound {
    /// Maps a record and tells every step. `row` is its number in the source, from 1.
    #[must_use]
    pub fn trace(&self, record: &Record, row: u64) -> Trace {
        let mut tracer = Tracer::default();
        let outcome = self.watched(record, row, &mut tracer);
        let (outcome, reasons) = match outcome {
            Outcome::Draft(Draft { .. }) => ("mapped", Vec::new()),
            Outcome::Filtered => ("filtered", Vec::new()),
            Outcome::Rejected(rejects) => {
                ("rejected", rejects.into_iter().map(|reject| reject.reason).collect())
            }
        };
        Trace { outcome, reasons, filters: tracer.filters, fields: tracer.fields }
    }
}

#[derive(Debug, Default)]
struct Tracer {
    filters: Vec<Tested>,
    fields: Vec<FieldTrace>,
}

impl Tracer {
    fn field(&mut self, note: impl FnOnce(&mut FieldTrace)) {
        if let Some(field) = self.fields.last_mut() {
            note(field);
        }
    }
}

impl Watch for Tracer {
    fn filter(&mut self, filter: &Condition<Place>, holds: bool, row: Row<'_>) {
        self.filters.push(Tested { holds, seen: seen(std::slice::from_ref(filter), row) });
    }

    fn rule(&mut self, rule: &Rule<Place>, holds: bool, row: Row<'_>) {
        let when = (!rule.when.is_empty()).then(|| Tested { holds, seen: seen(&rule.when, row) });
        let found = match &rule.origin {
            Origin::Template(template) if holds => template.fields().map(|place| found(place, row)).collect(),
            _ => Vec::new(),
        };
        self.fields.push(FieldTrace {
            to: rule.to.field.to_string(),
            line: rule.line,
            when,
            found,
            taken: Vec::new(),
            steps: Vec::new(),
            left_out: Vec::new(),
            values: None,
        });
    }

    fn found(&mut self, place: &Place, values: &[Value]) {
        let found = Found { from: place.field.to_string(), values: values.to_vec() };
        self.field(|field| field.found.push(found));
    }

    fn taken(&mut self, values: &[Value]) {
        self.field(|field| field.taken = values.to_vec());
    }

    fn before(&mut self, step: &Step<Place>, aside: Option<&str>, values: &[Value]) {
        let aside = step.aside.as_ref().map(|place| Found {
            from: place.field.to_string(),
            values: aside.map(Value::from).into_iter().collect(),
        });
        let step = StepTrace {
            operation: name(&step.operation),
            line: step.line,
            aside,
            before: values.to_vec(),
            after: None,
            problem: None,
        };
        self.field(|field| field.steps.push(step));
    }

    fn after(&mut self, result: Result<&[Value], &Problem>) {
        self.field(|field| {
            let Some(step) = field.steps.last_mut() else { return };
            match result {
                Ok(values) => step.after = Some(values.to_vec()),
                Err(problem) => {
                    let hint = problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
                    step.problem = Some(format!("{}{hint}", problem.why));
                }
            }
        });
    }

    fn extra(&mut self, values: &[Value]) {
        self.field(|field| field.left_out = values.to_vec());
    }

    fn ended(&mut self, values: Option<&[Value]>) {
        self.field(|field| field.values = values.map(<[Value]>::to_vec));
    }
}

fn found(place: &Place, row: Row<'_>) -> Found {
    Found { from: place.field.to_string(), values: row.gather(place, true, None) }
}

/// The fields that conditions look at, and what those hold.
fn seen(conditions: &[Condition<Place>], row: Row<'_>) -> Vec<Found> {
    let mut list = Vec::new();
    for condition in conditions {
        match condition {
            Condition::Field(place, _) => list.push(found(place, row)),
            Condition::All(inner) | Condition::Any(inner) => list.extend(seen(inner, row)),
            Condition::Not(inner) => list.extend(seen(std::slice::from_ref(inner), row)),
        }
    }
    list
}

/// An operation's name as mappings write it.
fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Trim => "trim",
        Operation::Collapse => "collapse",
        Operation::Lowercase => "lowercase",
        Operation::Uppercase => "uppercase",
        Operation::Titlecase => "titlecase",
        Operation::Replace(_) => "replace",
        Operation::Split(_) => "split",
        Operation::Nth(_) => "nth",
        Operation::Join(_) => "join",
        Operation::Unique => "unique",
        Operation::Sort { .. } => "sort",
        Operation::Prefix(_) => "prefix",
        Operation::Suffix(_) => "suffix",
        Operation::Ascii => "ascii",
        Operation::Slug(_) => "slug",
        Operation::HtmlToText => "html_to_text",
        Operation::PercentDecode(_) => "percent_decode",
        Operation::Lookup(_) => "lookup",
        Operation::Email(_) => "email",
        Operation::Phone(_) => "phone",
        Operation::Name(..) => "name",
        Operation::Url(..) => "url",
        Operation::Social(_) => "social",
        Operation::Country(_) => "country",
        Operation::Subdivision(_) => "subdivision",
        Operation::Language(_) => "language",
        Operation::Currency(_) => "currency",
        Operation::Date(_) => "date",
        Operation::DateTime(_) => "datetime",
        Operation::TimeZone => "time_zone",
        Operation::Number(_) => "number",
        Operation::Bool(_) => "bool",
        Operation::Hash(..) => "hash",
        Operation::Mask(_) => "mask",
    }
}
