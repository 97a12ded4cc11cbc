//! What a mapping leaves behind: columns that hold data and go nowhere, values that are cut, values that are no
//! choice of the target, and modifiers that become one.
//!
//! Counted record by record, with a few samples; what is kept grows with the number of columns, not of records.
//! Counts of parts of a source can be put together ([`Losses::and`]), so that threads may share the work.

use super::bind::{Bound, Place};
use super::check::is_choice;
use super::rule::{Origin, Rule, Take};
use super::trace::Watch;
use super::{Outcome, apply::Row, condition::Condition};
use crate::record::schema::{FieldRef, Modifier, Schema};
use crate::record::{Record, is_empty, to_text};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Samples kept of each loss, and how long one may be.
const SAMPLES: usize = 3;
const SAMPLE: usize = 40;
/// Columns, and values that are no choice, that are told apart; more are not worth reading.
const TOLD_APART: usize = 500;

/// What a mapping leaves behind of the records counted so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Losses {
    /// Records counted; those that a filter leaves out are not.
    pub records: u64,
    /// Columns that hold data and go nowhere, by name.
    pub unused: BTreeMap<String, Loss>,
    /// Values that are cut, by target field.
    pub cut: BTreeMap<String, Loss>,
    /// Values that are no choice of the target, by target field and value.
    pub no_choice: BTreeMap<String, BTreeMap<String, u64>>,
    /// Values of several modifiers that come into one place, by target field.
    pub merged: BTreeMap<String, Loss>,
}

/// How often something is lost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Loss {
    /// Records in which it happens.
    pub records: u64,
    /// The first few of what is lost.
    pub samples: Vec<String>,
}

/// Counts what one mapping leaves behind.
#[derive(Debug)]
pub struct LossCount<'m> {
    bound: &'m Bound,
    target: Option<&'m Schema>,
    /// The places that something reads, by name.
    read: BTreeMap<&'m str, Vec<&'m FieldRef>>,
    /// Places that more than one field reads: what one leaves out, another may take.
    shared: BTreeSet<&'m FieldRef>,
}

impl Losses {
    /// Whether nothing is lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unused.is_empty() && self.cut.is_empty() && self.no_choice.is_empty() && self.merged.is_empty()
    }

    /// These and the losses of the records that follow.
    #[must_use]
    pub fn and(mut self, next: Self) -> Self {
        self.records += next.records;
        for (mine, its) in
            [(&mut self.unused, next.unused), (&mut self.cut, next.cut), (&mut self.merged, next.merged)]
        {
            for (name, loss) in its {
                let known = mine.entry(name).or_default();
                known.records += loss.records;
                loss.samples.into_iter().for_each(|sample| keep(&mut known.samples, sample));
            }
        }
        for (field, values) in next.no_choice {
            let known = self.no_choice.entry(field).or_default();
            for (value, records) in values {
                count_value(known, value, records);
            }
        }
        self
    }
}

impl<'m> LossCount<'m> {
    /// A count for a mapping, with the target's fields where they are known.
    #[must_use]
    pub fn new(bound: &'m Bound, target: Option<&'m Schema>) -> Self {
        let mut read: BTreeMap<&str, Vec<&FieldRef>> = BTreeMap::new();
        let mut times: BTreeMap<&FieldRef, usize> = BTreeMap::new();
        for rule in &bound.rules {
            for place in places(rule) {
                *times.entry(&place.field).or_default() += 1;
            }
        }
        let conditions = bound.rules.iter().flat_map(|rule| &rule.when).chain(&bound.filters);
        let tested = conditions.flat_map(tested);
        for place in bound.rules.iter().flat_map(places).chain(tested).chain(&bound.zone_from) {
            read.entry(&place.field.name).or_default().push(&place.field);
        }
        let shared = times.into_iter().filter(|(_, times)| *times > 1).map(|(place, _)| place).collect();
        Self { bound, target, read, shared }
    }

    /// Counts one record into `losses`.
    pub fn add(&self, record: &Record, row: u64, losses: &mut Losses) {
        let mut watcher = Watcher { count: self, losses, record, found: Vec::new(), rule: None };
        let outcome = self.bound.watched(record, row, &mut watcher);
        if outcome == Outcome::Filtered {
            return;
        }
        losses.records += 1;
        self.unused(record, losses);
        let (Outcome::Draft(draft), Some(target)) = (outcome, self.target) else { return };
        for (field, values) in self.bound.targets().iter().zip(&draft.values) {
            let Some(spec) = target.field(&field.place.name).filter(|spec| !spec.choices.is_empty()) else {
                continue;
            };
            for value in values.iter().flatten().map(to_text).filter(|text| !is_choice(spec, text)) {
                let known = losses.no_choice.entry(field.place.to_string()).or_default();
                count_value(known, short(&value), 1);
            }
        }
    }

    fn unused(&self, record: &Record, losses: &mut Losses) {
        let mut lost: BTreeMap<String, String> = BTreeMap::new();
        for field in record.fields.iter().filter(|field| !field.name.starts_with("_ferry_")) {
            let readers = self.read.get(field.name.as_str()).map(Vec::as_slice).unwrap_or_default();
            for entry in field.entries.iter().filter(|entry| !is_empty(&entry.value)) {
                let reads = |place: &&&FieldRef| match &place.modifier {
                    Modifier::Named(name) => *name == entry.modifier,
                    Modifier::Any | Modifier::First => true,
                };
                let mut note = |part: Option<&str>, value: &Value| {
                    let modifier = Modifier::Named(entry.modifier.clone());
                    let place =
                        FieldRef { name: field.name.clone(), modifier, part: part.map(str::to_owned) };
                    lost.entry(place.to_string()).or_insert_with(|| short(&to_text(value)));
                };
                let by: Vec<_> = readers.iter().filter(reads).collect();
                match &entry.value {
                    _ if by.iter().any(|place| place.part.is_none()) => {}
                    Value::Object(parts) => {
                        for (part, value) in parts.iter().filter(|(_, value)| !is_empty(value)) {
                            if !by.iter().any(|place| place.part.as_ref() == Some(part)) {
                                note(Some(part), value);
                            }
                        }
                    }
                    _ if by.iter().any(|place| place.part.as_deref() == Some("street")) => {}
                    value => note(None, value),
                }
            }
        }
        for (name, sample) in lost {
            count(&mut losses.unused, &name, sample);
        }
    }
}

/// Counts what the fields of one record leave out while they are filled.
struct Watcher<'c, 'm> {
    count: &'c LossCount<'m>,
    losses: &'c mut Losses,
    record: &'c Record,
    found: Vec<(FieldRef, Value)>,
    rule: Option<(String, bool)>,
}

impl Watch for Watcher<'_, '_> {
    fn rule(&mut self, rule: &Rule<Place>, _: bool, _: Row<'_>) {
        let several = !matches!(rule.take, Some(Take::First | Take::Last | Take::Nth(_)))
            && (rule.take.is_some() || rule.join.is_some() || rule.several() == Some(true));
        self.rule = Some((rule.to.field.to_string(), several));
        self.found.clear();
    }

    fn found(&mut self, place: &Place, values: &[Value]) {
        self.found.extend(values.iter().map(|value| (place.field.clone(), value.clone())));
    }

    fn taken(&mut self, values: &[Value]) {
        let Some((to, several)) = self.rule.take() else { return };
        let left = self
            .found
            .iter()
            .find(|(place, value)| !values.contains(value) && !self.count.shared.contains(place));
        if let Some((_, value)) = left {
            count(&mut self.losses.cut, &to, short(&to_text(value)));
        }
        if several && let Some(sample) = merged(&self.found, self.record) {
            count(&mut self.losses.merged, &to, sample);
        }
        self.rule = Some((to, several));
    }

    fn extra(&mut self, values: &[Value]) {
        if let (Some((to, _)), Some(value)) = (&self.rule, values.first()) {
            count(&mut self.losses.cut, to, short(&to_text(value)));
        }
    }
}

/// The modifiers whose values come together, where there are several of one field.
fn merged(found: &[(FieldRef, Value)], record: &Record) -> Option<String> {
    let mut by_modifier: BTreeMap<&str, String> = BTreeMap::new();
    let names: BTreeSet<&str> = found.iter().map(|(place, _)| place.name.as_str()).collect();
    for field in names.iter().filter_map(|name| record.field(name)) {
        for entry in &field.entries {
            let comes = |(place, _): &&(FieldRef, Value)| {
                place.name == field.name
                    && match &place.modifier {
                        Modifier::Named(name) => *name == entry.modifier,
                        Modifier::Any => true,
                        Modifier::First => false,
                    }
            };
            if !is_empty(&entry.value) && found.iter().any(|one| comes(&one)) {
                by_modifier.entry(&entry.modifier).or_insert_with(|| short(&to_text(&entry.value)));
            }
        }
    }
    let told = || by_modifier.iter().map(|(modifier, value)| format!("{modifier}: {value}"));
    (by_modifier.len() > 1).then(|| told().collect::<Vec<_>>().join(", "))
}

pub(super) fn places(rule: &Rule<Place>) -> impl Iterator<Item = &Place> {
    let (fields, template) = match &rule.origin {
        Origin::Fields(places) => (places.as_slice(), None),
        Origin::Template(template) => (&[][..], Some(template)),
        Origin::Const(_) => (&[][..], None),
    };
    let asides = rule.steps.iter().filter_map(|step| step.aside.as_ref());
    fields.iter().chain(template.into_iter().flat_map(|template| template.fields())).chain(asides)
}

fn tested(condition: &Condition<Place>) -> Vec<&Place> {
    match condition {
        Condition::Field(place, _) => vec![place],
        Condition::All(inner) | Condition::Any(inner) => inner.iter().flat_map(tested).collect(),
        Condition::Not(inner) => tested(inner),
    }
}

fn count(losses: &mut BTreeMap<String, Loss>, name: &str, sample: String) {
    if losses.len() >= TOLD_APART && !losses.contains_key(name) {
        return;
    }
    let loss = losses.entry(name.to_owned()).or_default();
    loss.records += 1;
    keep(&mut loss.samples, sample);
}

fn keep(samples: &mut Vec<String>, sample: String) {
    if samples.len() < SAMPLES && !samples.contains(&sample) {
        samples.push(sample);
    }
}

fn count_value(values: &mut BTreeMap<String, u64>, value: String, records: u64) {
    if values.len() < TOLD_APART || values.contains_key(&value) {
        *values.entry(value).or_default() += records;
    }
}

/// A value in one line, and not for ever.
fn short(text: &str) -> String {
    let mut line: String = text.chars().take(SAMPLE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SAMPLE).is_some() {
        line.push('…');
    }
    line
}
