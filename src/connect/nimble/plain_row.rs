//! A row for a stream whose fields have no modifiers: what its draft says, column by column, beside what is
//! there now.

use super::read_only;
use super::values::{filled, merged};
use crate::load::target::{Change, Planned, RowToPlan};
use crate::record::to_text;
use crate::transform::draft::{OnExtra, Reject, TargetField};
use serde_json::Value;

/// A row on its way to operations.
pub(super) struct PlainRow<'a> {
    row: &'a RowToPlan<'a>,
    rejects: Vec<Reject>,
}

impl<'a> PlainRow<'a> {
    /// Takes a row for a stream whose records are of `kind`. Columns that are not `writable` are the service's:
    /// a row in which one was edited is rejected.
    pub(super) fn new(row: &'a RowToPlan<'a>, kind: &str, writable: &[&str]) -> Self {
        let mut taken = Self { row, rejects: Vec::new() };
        for (field, values) in row.fields.iter().zip(&row.draft.values) {
            let Some(values) = values else { continue };
            let name = field.place.name.as_str();
            let kept = match name {
                // The version that the row was made from, which a newer one at the service does not make wrong.
                "_updated" => true,
                "_type" => filled(values).iter().all(|value| to_text(value).trim() == kind),
                _ => writable.contains(&name) || !read_only::is_edited(row, &field.place, values),
            };
            if !kept {
                let reason = match name {
                    "_type" => format!("every record there is a `{kind}`"),
                    _ => read_only::REASON.to_owned(),
                };
                taken.reject(name, values, reason);
            }
        }
        taken
    }

    /// Whether there is a record to change; else one is created.
    pub(super) fn is_update(&self) -> bool {
        self.row.current.is_some()
    }

    /// What a field holds now.
    pub(super) fn now(&self, name: &'a str) -> Vec<Value> {
        let values = self.row.current.into_iter().flat_map(|record| record.values(name, ""));
        filled(&values.cloned().collect::<Vec<_>>())
    }

    /// A field's only value as text; empty where it has none.
    pub(super) fn now_text(&self, name: &'a str) -> String {
        self.now(name).first().map(to_text).unwrap_or_default()
    }

    /// What a field should hold; `None` where the row says nothing of it.
    pub(super) fn then(&self, name: &'a str) -> Option<Vec<Value>> {
        let (field, values) = self.drafted(name)?;
        Some(merged(None, &self.now(name), filled(values), field.write))
    }

    /// The only value that a field should hold, as text; empty to clear it.
    pub(super) fn then_text(&mut self, name: &'a str) -> Option<String> {
        let (field, values) = self.drafted(name)?;
        let values = filled(values);
        if values.len() > 1 && field.on_extra == OnExtra::Reject {
            self.reject(name, &values, format!("{} values for a field that holds one", values.len()));
        }
        let one: Vec<_> = values.into_iter().take(1).collect();
        let then = merged(None, &self.now(name), one, field.write);
        Some(then.first().map(to_text).unwrap_or_default())
    }

    /// Rejects the row.
    pub(super) fn reject(&mut self, name: &str, values: &[Value], reason: impl Into<String>) {
        let value = filled(values).iter().map(to_text).collect::<Vec<_>>().join("; ");
        let value = (!value.is_empty()).then_some(value);
        self.rejects.push(Reject { field: Some(name.to_owned()), value, reason: reason.into() });
    }

    /// The plan, unless something was wrong.
    pub(super) fn settle(self, planned: Planned) -> Result<Planned, Vec<Reject>> {
        if self.rejects.is_empty() { Ok(planned) } else { Err(self.rejects) }
    }

    fn drafted(&self, name: &str) -> Option<(&'a TargetField, &'a [Value])> {
        let at = self.row.fields.iter().position(|field| field.place.name == name)?;
        let values = self.row.draft.values.get(at)?.as_deref()?;
        Some((&self.row.fields[at], values))
    }
}

/// A difference of a field that holds one text.
pub(super) fn change(field: &str, before: &str, after: &str) -> Option<Change> {
    let list = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    (before != after).then(|| Change { field: field.to_owned(), before: list(before), after: list(after) })
}
