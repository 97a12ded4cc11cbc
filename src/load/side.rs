//! Records that have to be there before the load's own: those that links name and nobody has (design 9.1, 9.5).
//!
//! They are planned like any create, into a journal of their own, and sent by the same code: exactly once. A
//! record that cannot be made with what is known of it rejects the rows that need it, before anything is sent.

use super::book::{Book, Wanted};
use super::journal::{Journal, PlannedRow};
use super::target::{Planned, RowToPlan, Target};
use crate::error::Result;
use crate::record::census::Census;
use crate::record::schema::{FieldRef, Modifier, Schema};
use crate::transform::draft::{Draft, OnExtra, Reject, TargetField, Write};
use serde_json::Value;

/// How a record of a linked stream is made from a value that names it.
#[derive(Debug, Clone)]
pub struct Maker {
    /// The field that the value goes to.
    pub place: FieldRef,
    /// The record's type, where it has to be said.
    pub kind: Option<&'static str>,
}

/// A linked stream, and what is needed to plan records of it.
pub struct Side<'a> {
    /// Which of the linked streams.
    pub index: usize,
    /// As people write it.
    pub name: &'a str,
    /// Where its records go.
    pub target: &'a dyn Target,
    /// Its fields.
    pub schema: &'a Schema,
    /// What its records were seen to hold.
    pub census: &'a Census,
    /// Time zone for creates.
    pub time_zone: &'a str,
    /// How records are made, by the alternative that they were looked for under.
    pub makers: &'a dyn Fn(usize) -> Option<Maker>,
}

/// Records looked at together.
const AT_ONCE: usize = 500;

impl Side<'_> {
    /// Rejects the rows of the load that need records which cannot be made.
    ///
    /// # Errors
    /// When the checkpoint or the book cannot be used.
    pub fn refuse(&self, book: &Book, load: &mut Journal) -> Result<()> {
        self.each(book, load, |load, wanted| {
            let refused =
                wanted.iter().filter_map(|wanted| Some((wanted.number, self.create(wanted).err()?)));
            let refused: Vec<_> = refused.collect();
            load.transaction(|load| {
                for (number, rejects) in refused {
                    let why = format!(
                        "`{}` has no such record, and none can be made of the value alone: {}",
                        self.name,
                        Reject::joined(rejects).reason
                    );
                    load.reject_users(self.index, number, &why)?;
                }
                Ok(())
            })
        })
    }

    /// Plans the records that the load still needs into their own journal.
    ///
    /// # Errors
    /// When a checkpoint or the book cannot be used.
    pub fn plan(&self, book: &Book, load: &mut Journal, journal: &mut Journal) -> Result<()> {
        journal.transaction(|journal| journal.clear())?;
        self.each(book, load, |_, wanted| {
            let rows = wanted.iter().filter_map(|wanted| Some(planned(wanted, self.create(wanted).ok()?)));
            let rows: Vec<_> = rows.collect();
            journal.transaction(|journal| rows.iter().try_for_each(|row| journal.add(row)))
        })
    }

    fn each(
        &self,
        book: &Book,
        load: &mut Journal,
        mut take: impl FnMut(&mut Journal, &[Wanted]) -> Result<()>,
    ) -> Result<()> {
        let mut after = 0;
        loop {
            let numbers = load.needed(self.index, after, AT_ONCE)?;
            let Some(last) = numbers.last() else { return Ok(()) };
            after = *last;
            let wanted = numbers.into_iter().filter_map(|number| book.wanted(self.index, number).transpose());
            take(load, &wanted.collect::<Result<Vec<_>>>()?)?;
        }
    }

    /// The create of a record that a value names.
    fn create(&self, wanted: &Wanted) -> Result<Planned, Vec<Reject>> {
        let Some(maker) = (self.makers)(wanted.alternative) else {
            let reason = "nothing says which field the value goes to".to_owned();
            return Err(vec![Reject { field: None, value: None, reason }]);
        };
        let mut fields = vec![field(maker.place)];
        let mut values = vec![Some(vec![Value::from(wanted.value.as_str())])];
        if let Some(kind) = maker.kind {
            let place =
                FieldRef { name: "_type".into(), modifier: Modifier::Named(String::new()), part: None };
            fields.push(field(place));
            values.push(Some(vec![Value::from(kind)]));
        }
        let draft = Draft { values, ..Draft::default() };
        let row = RowToPlan {
            fields: &fields,
            draft: &draft,
            current: None,
            schema: self.schema,
            census: self.census,
            time_zone: self.time_zone,
        };
        self.target.plan(&row)
    }
}

/// A record to be made, as a row of its own journal.
fn planned(wanted: &Wanted, planned: Planned) -> PlannedRow {
    PlannedRow {
        row: wanted.number,
        id: None,
        class: Some(format!("key {} {}", wanted.alternative, wanted.key)),
        outcome: None,
        field: None,
        value: Some(wanted.value.clone()),
        reason: None,
        planned,
        extra: 0,
    }
}

fn field(place: FieldRef) -> TargetField {
    TargetField { place, write: Write::Replace, multi: None, kind: None, on_extra: OnExtra::First }
}
