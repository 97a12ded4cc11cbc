//! A mark on each record that a run creates: which run and which row it is of. With it a create in doubt is found
//! for certain; it can be cleared in the end, by an operation of its own (design section 9.3).

use super::target::{Planned, RowToPlan, Target};
use crate::error::{Error, Result};
use crate::record::schema::{HEAD_COLUMNS, Kind, Modifier, Schema, Side};
use crate::record::{Field, Record, service_name, to_text};
use crate::transform::draft::{Draft, OnExtra, Reject, TargetField, Write};
use serde_json::{Value, json};

/// The fact in the journal that names the field of the marks.
pub const FACT: &str = "marker";

/// How creates are marked.
#[derive(Debug, Clone)]
pub struct Marker {
    field: TargetField,
    run: String,
    clear: bool,
    /// Fields of the drafts, and the mark's after them.
    fields: Vec<TargetField>,
}

impl Marker {
    /// Marks of `run` in the field `name`, beside what the drafts write to.
    ///
    /// # Errors
    /// When there is no such field, it holds no free text, cannot be written or is written to already (class
    /// `Input`).
    pub fn new(name: &str, run: &str, clear: bool, fields: &[TargetField], schema: &Schema) -> Result<Self> {
        let refuse = |why: &str| Error::input(format!("--marker-field: `{name}` {why}"));
        let place = schema.resolve(name, Side::To).map_err(|unknown| {
            let error = Error::input(format!("--marker-field: {}", unknown.what));
            match unknown.hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?;
        let spec = schema.field(&place.name);
        if HEAD_COLUMNS.contains(&place.name.as_str())
            || place.name.starts_with('_') && service_name(&place.name).is_none()
            || spec.is_some_and(|spec| spec.read_only)
        {
            return Err(refuse("cannot be written"));
        }
        if spec.is_none() {
            return Err(refuse("is no field of the target"));
        }
        if place.part.is_some() || spec.is_some_and(|spec| !spec.choices.is_empty() || !spec.parts.is_empty())
        {
            return Err(refuse("takes no free text"));
        }
        if fields.iter().any(|field| field.place.name == place.name) {
            return Err(refuse("is written to by the import itself"));
        }
        let field = TargetField {
            place,
            write: Write::Replace,
            multi: None,
            kind: Some(Kind::Text),
            on_extra: OnExtra::First,
        };
        let fields = fields.iter().chain([&field]).cloned().collect();
        Ok(Self { field, run: run.to_owned(), clear, fields })
    }

    /// The field's name, as columns have it.
    #[must_use]
    pub fn place(&self) -> String {
        self.field.place.name.clone()
    }

    /// Fields of a marked draft.
    #[must_use]
    pub fn fields(&self) -> &[TargetField] {
        &self.fields
    }

    /// The mark of a row.
    #[must_use]
    pub fn of(&self, row: u64) -> String {
        format!("ferry {} row {row}", self.run)
    }

    /// A draft with the mark of its row.
    #[must_use]
    pub fn marked(&self, row: u64, draft: &Draft) -> Draft {
        let mut marked = draft.clone();
        marked.values.push(Some(vec![Value::from(self.of(row))]));
        marked
    }

    /// Hides the mark from the plan that people read, and adds the operation that clears it, if it is to be.
    ///
    /// # Errors
    /// When the target cannot clear the field.
    pub fn finish(
        &self,
        target: &dyn Target,
        to_plan: &RowToPlan<'_>,
        row: u64,
        work: &mut Planned,
    ) -> Result<(), Vec<Reject>> {
        let shown = self.field.place.to_string();
        work.changes.retain(|change| change.field != shown);
        if !self.clear {
            return Ok(());
        }
        let held = Record {
            fields: vec![Field::single(self.field.place.name.clone(), json!(self.of(row)))],
            ..Record::default()
        };
        let draft = Draft { values: vec![Some(Vec::new())], ..Draft::default() };
        let fields = std::slice::from_ref(&self.field);
        let cleared = target.plan(&RowToPlan { fields, draft: &draft, current: Some(&held), ..*to_plan })?;
        work.operations.extend(cleared.operations);
        Ok(())
    }

    /// The row whose mark a record carries, if it is one of this run's.
    #[must_use]
    pub fn row_of(&self, record: &Record) -> Option<u64> {
        let Modifier::Named(modifier) = &self.field.place.modifier else { return None };
        let mark = record.values(&self.field.place.name, modifier).next().map(to_text)?;
        mark.strip_prefix(&format!("ferry {} row ", self.run))?.trim().parse().ok()
    }
}
