//! The short way for rows of text on their way to a file of text: cells in, cells out, no record and no draft made
//! of them.
//!
//! A field takes it that reads one column and makes at most one text of its cell (a [`Plan`], made when the mapping
//! is bound); the other fields of the same mapping go the long way, and so does the whole row where something has
//! to be said of it. What comes out is the same either way, which the tests hold them to.

use super::apply::Row;
use super::bind::{Bound, Place, SourceSide};
use super::recall::Recall;
use super::rule::{Origin, Rule, Take};
use crate::record::schema::Modifier;
use crate::record::{Record, is_empty, to_text};
use crate::transform::draft::CLEAR;
use crate::transform::ops::{OnError, Problem};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::OnceCell;

/// A row of a file whose cells are texts.
pub trait TextRow {
    /// A cell of it, empty where there is nothing.
    fn cell(&self, column: usize) -> &str;
    /// The same row as a record.
    fn record(&self) -> Record;
}

/// What became of a row on the short way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// Every field's text was handed over.
    Made,
    /// A filter leaves the row out.
    Filtered,
    /// There is something to be said of it, so that [`Bound::apply`] has to do it; what was handed over does not
    /// count.
    Untold,
}

/// How a field is made on the short way.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The column it reads.
    column: usize,
    /// By operation: the further column that it reads.
    asides: Vec<Option<usize>>,
    /// What stands there when nothing else does.
    default: String,
}

impl Plan {
    /// How a rule can be carried out so; nothing where it cannot.
    pub(super) fn of(rule: &Rule<Place>, several: bool, source: &SourceSide<'_>) -> Option<Self> {
        let Origin::Fields(places) = &rule.origin else { return None };
        let [place] = places.as_slice() else { return None };
        let one = !several
            && rule.multi != Some(true)
            && rule.when.is_empty()
            && rule.cast.is_none()
            && matches!(rule.take, None | Some(Take::First | Take::Last | Take::All))
            && rule.steps.iter().all(|step| step.operation.is_single());
        if !one || source.separator.is_none() {
            return None;
        }
        let aside = |place: &Option<Place>| match place {
            None => Some(None),
            Some(place) => column(place, source).map(Some),
        };
        Some(Self {
            column: column(place, source)?,
            asides: rule.steps.iter().map(|step| aside(&step.aside)).collect::<Option<_>>()?,
            default: rule.default.iter().find(|value| !is_empty(value)).map(to_text).unwrap_or_default(),
        })
    }
}

/// The column that a place is, where it is no more than that.
fn column(place: &Place, source: &SourceSide<'_>) -> Option<usize> {
    let bare = match &place.field.modifier {
        Modifier::Named(modifier) => modifier.is_empty(),
        Modifier::Any | Modifier::First => true,
    };
    let there = source.schema.fields.get(place.hint).is_some_and(|spec| spec.name == place.field.name);
    (bare && there && !place.around && place.field.part.is_none()).then_some(place.hint)
}

impl Bound {
    /// Maps a row of text into texts, one a field, in the mapping's order: what [`Bound::apply`] makes of the row's
    /// record, the first value of each field as a cell has it. `number` is the row's in the source, from 1.
    pub fn texts(
        &self,
        row: &impl TextRow,
        number: u64,
        recall: &mut Recall,
        put: &mut impl FnMut(&str),
    ) -> Texts {
        if self.zone_from.is_some() {
            return Texts::Untold;
        }
        let made = OnceCell::new();
        let record = || Row::new(made.get_or_init(|| row.record()), number, &self.surroundings);
        if !self.filters.iter().all(|filter| record().holds(filter, true)) {
            return Texts::Filtered;
        }
        for (index, (rule, plan)) in self.rules.iter().zip(&self.plans).enumerate() {
            let Some(plan) = plan else {
                let Some(text) = self.long(rule, self.several[index], record()) else { return Texts::Untold };
                put(&text);
                continue;
            };
            let cell = row.cell(plan.column);
            let cell = if rule.trim { trimmed(cell) } else { cell };
            let text = match cell {
                "" => plan.default.as_str().into(),
                CLEAR => Cow::Borrowed(""),
                cell => match recall.of(index, cell, |cell| plan.carry_out(rule, cell, row)) {
                    Ok(text) if text.is_empty() => plan.default.as_str().into(),
                    Ok(text) => text,
                    Err(problem) => match problem.policy.unwrap_or(rule.on_error) {
                        OnError::Reject => return Texts::Untold,
                        OnError::Blank => plan.default.as_str().into(),
                        OnError::Keep => cell.into(),
                    },
                },
            };
            put(&text);
        }
        Texts::Made
    }

    /// One field by the long way; nothing where the row is rejected for it.
    fn long(&self, rule: &Rule<Place>, several: bool, row: Row<'_>) -> Option<Cow<'static, str>> {
        if !rule.when.iter().all(|condition| row.holds(condition, rule.trim)) {
            return Some(Cow::Borrowed(""));
        }
        let mut rejects = Vec::new();
        let values = self.values_of(rule, several, row, &mut rejects);
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => to_text(&other),
        };
        rejects.is_empty().then(|| values.into_iter().next().map(text).unwrap_or_default().into())
    }
}

impl Plan {
    /// Whether the same cell always makes the same text.
    pub(super) fn is_alone(&self) -> bool {
        self.asides.iter().all(Option::is_none)
    }

    /// A cell through the rule's operations.
    fn carry_out<'t>(
        &self,
        rule: &Rule<Place>,
        cell: &'t str,
        row: &impl TextRow,
    ) -> Result<Cow<'t, str>, Problem> {
        let mut text = Cow::Borrowed(cell);
        for (step, aside) in rule.steps.iter().zip(&self.asides) {
            let aside = aside.map(|column| trimmed(row.cell(column))).filter(|aside| !aside.is_empty());
            text = match text {
                Cow::Borrowed(text) => step.operation.text(text, aside)?,
                Cow::Owned(text) => Cow::Owned(step.operation.text(&text, aside)?.into_owned()),
            };
            if text.is_empty() {
                break;
            }
        }
        Ok(text)
    }
}

/// A text without outer blanks.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        // Nearly all cells begin and end so, and need no closer look.
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

#[cfg(test)]
#[path = "texts_tests.rs"]
mod tests;
