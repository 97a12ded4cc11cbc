//! The rows of a run's input as text cells, as its result files have them beside what became of each.
//!
//! The cells of a text file are repeated as they stood. What was typed (JSON Lines, Parquet, a service's records) is
//! written so that reading the cells by the same mapping, or without one at the same target, gives the same values.

use super::input::{Input, Reads};
use super::job::{Job, Place};
use super::mapped::Transform;
use crate::error::{Error, Result};
use crate::load::journal::Journal;
use crate::record::columns::{Coding, Column};
use crate::record::schema::Kind;
use crate::record::{Record, is_empty, list_cell, to_text};
use crate::run::parts::StagedRow;
use crate::transform::draft::CLEAR;
use serde_json::Value;
use std::collections::BTreeMap;

/// A fact in the journal: how the cells of the input's columns are read by who made the plan.
const CODINGS: &str = "codings";

/// How rows stand in text cells.
pub(super) struct Cells {
    columns: Vec<Column>,
    separator: char,
    form: Form,
}

/// How the values of a file's rows become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// They are text.
    AsTheyStood,
    /// Only a list is several values: one text stays one.
    Mapped,
    /// A text of a list column is several values too, where it holds the separator.
    Unmapped,
}

/// Notes how the cells of the input's columns are read, where a text file with these rows would have to know it.
pub(super) fn note(journal: &Journal, transform: &Transform, input: &Input) -> Result<()> {
    let codings: BTreeMap<String, Coding> = match transform {
        Transform::Plain(plain) => plain.codings().map(|(name, coding)| (name.to_owned(), coding)).collect(),
        Transform::Mapped(bound) => {
            let coding = |name: &str| if bound.splits(name) { Coding::List } else { Coding::Single };
            input.schema().fields.iter().map(|field| (field.name.clone(), coding(&field.name))).collect()
        }
    };
    let noted = serde_json::to_string(&codings);
    journal.set_fact(CODINGS, &noted.map_err(|cause| Error::stopped("cannot save the plan").because(cause))?)
}

impl Cells {
    /// How the rows of an input stand in cells; `journal` is that of the load, if there is one.
    pub(super) fn of(input: &Input, job: &Job, journal: Option<&Journal>) -> Result<Self> {
        let mut columns = input.columns(false);
        let form = match &job.source {
            Place::File { endpoint, .. } if !endpoint.format.is_text_table() => {
                let noted = journal.map(|journal| journal.fact(CODINGS)).transpose()?.flatten();
                let codings: BTreeMap<String, Coding> = match &noted {
                    Some(noted) => serde_json::from_str(noted)
                        .map_err(|cause| Error::stopped("the run's checkpoint is damaged").because(cause))?,
                    None => BTreeMap::new(),
                };
                for column in &mut columns {
                    column.coding = codings.get(&column.header).copied().unwrap_or(column.coding);
                }
                if job.mapping.is_some() { Form::Mapped } else { Form::Unmapped }
            }
            _ => Form::AsTheyStood,
        };
        Ok(Self { columns, separator: job.read.list_separator, form })
    }

    /// The cells of a row, one a column; none for a row that cannot be taken apart.
    pub(super) fn of_row(&self, reads: &Reads, staged: &StagedRow) -> Vec<String> {
        let raw = &staged.record.raw;
        match reads {
            Reads::File(decoder) if self.form == Form::AsTheyStood => decoder.original(raw),
            Reads::File(decoder) => {
                let columns = self.columns.iter().zip(decoder.values(raw));
                columns
                    .map(|(column, value)| text(&value, column.coding, self.separator, self.form))
                    .collect()
            }
            Reads::Stream(_) | Reads::Repaired => match reads.decode(staged) {
                Ok(record) => {
                    self.columns.iter().map(|column| column.text(&record, self.separator)).collect()
                }
                Err(_) => vec![String::new(); self.columns.len()],
            },
        }
    }

    /// The same with these columns after its own.
    pub(super) fn with(mut self, further: &[String]) -> Self {
        let plain = further.iter().map(|name| Column::plain(name, Coding::Single, Kind::Text));
        self.columns.extend(plain);
        self
    }

    /// What a cell of a repaired row holds, where it no longer is what the column held.
    pub(super) fn repaired(&self, column: usize, held: &Value, cell: &Value) -> Option<Value> {
        let column = &self.columns[column];
        let Value::String(now) = cell else { return (cell != held).then(|| cell.clone()) };
        if *now == text(held, column.coding, self.separator, self.form) {
            return None;
        }
        // One text that says to clear, or holds several values where it is read, is left as it is.
        let mut values = match now == CLEAR {
            true => vec![cell.clone()],
            false => column.values(now, self.separator),
        };
        Some(match (values.len(), column.coding) {
            (0, _) => Value::Null,
            (1, Coding::Single | Coding::Prose) => values.remove(0),
            (1, Coding::List) if now == CLEAR => values.remove(0),
            _ => Value::Array(values),
        })
    }

    /// Puts a cell of a repaired row into a service's record, unless it still says what the record holds.
    pub(super) fn repair(&self, column: usize, record: &mut Record, cell: &Value) {
        let column = &self.columns[column];
        let now = match cell {
            Value::String(now) => now.clone(),
            typed => text(typed, column.coding, self.separator, self.form),
        };
        if now != column.text(record, self.separator) {
            column.put(record, &now, self.separator);
        }
    }
}

/// The text of a typed value in a cell that is read in this way.
fn text(value: &Value, coding: Coding, separator: char, form: Form) -> String {
    let texts = |items: &[Value]| items.iter().map(to_text).collect::<Vec<_>>();
    match (coding, value) {
        (_, empty) if is_empty(empty) => String::new(),
        (Coding::Prose, Value::Array(items)) => list_cell::join_prose(&texts(items)),
        (Coding::Prose, one) => list_cell::join_prose(&[to_text(one)]),
        (Coding::Single, Value::Array(items)) if items.len() == 1 => to_text(&items[0]),
        (_, Value::Array(items)) => list_cell::join(&texts(items), separator),
        (Coding::List, Value::String(one)) if form == Form::Mapped => {
            list_cell::join(std::slice::from_ref(one), separator)
        }
        (_, one) => to_text(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn typed_values_become_the_cells_that_are_read_as_the_same() {
        use Coding::{List, Prose, Single};
        for (value, coding, mapped, unmapped) in [
            (json!(["111", "222"]), List, "111;222", "111;222"),
            (
                json!(["a;b", "\"q\"", " x\n"]),
                List,
                "\"a;b\";\"\"\"q\"\"\";\" x\n\"",
                "\"a;b\";\"\"\"q\"\"\";\" x\n\"",
            ),
            (json!(["[\"x\"]"]), List, "\"[\"\"x\"\"]\"", "\"[\"\"x\"\"]\""),
            (json!([]), List, "", ""),
            (json!([1, 2.50]), List, "1;2.5", "1;2.5"),
            (json!("a;b"), List, "\"a;b\"", "a;b"),
            (json!("a;b"), Single, "a;b", "a;b"),
            (json!(["a;b"]), Single, "a;b", "a;b"),
            (json!(["a", "b"]), Single, "a;b", "a;b"),
            (json!(["one; two", "three"]), Prose, "[\"one; two\",\"three\"]", "[\"one; two\",\"three\"]"),
            (json!(["one; two"]), Prose, "one; two", "one; two"),
            (json!("[\"x\"]"), Prose, "[\"[\\\"x\\\"]\"]", "[\"[\\\"x\\\"]\"]"),
            (json!(["", "Oslo"]), Prose, "[\"\",\"Oslo\"]", "[\"\",\"Oslo\"]"),
            (json!(null), Prose, "", ""),
            (json!(""), Prose, "", ""),
            (json!(false), Single, "false", "false"),
        ] {
            assert_eq!(text(&value, coding, ';', Form::Mapped), mapped, "{value} {coding:?}");
            assert_eq!(text(&value, coding, ';', Form::Unmapped), unmapped, "{value} {coding:?}");
        }
    }
}
