//! A look at a stream: its fields, and what a sample of its records holds.

use super::context::Context;
use super::schemas;
use crate::error::{IoContext, Result};
use crate::extract::Selection;
use crate::extract::staging::Staging;
use crate::record::census::{Census, Tally};
use crate::record::columns::{self, Coding, Column};
use crate::record::schema::{HEAD_COLUMNS, Modifier, Schema};
use serde::Serialize;

/// What a stream was seen to be.
#[derive(Debug, Clone, Serialize)]
pub struct StreamView {
    /// The stream.
    pub stream: String,
    /// Records looked at.
    pub records: u64,
    /// Its fields, one a modifier and part, in the order of an export's columns.
    pub fields: Vec<FieldView>,
}

/// What a field was seen to be.
#[derive(Debug, Clone, Serialize)]
pub struct FieldView {
    /// As columns and mappings name it.
    pub name: String,
    /// `text`, `number`, `bool` or `mixed`.
    pub kind: &'static str,
    /// Whether it holds several values.
    pub several: bool,
    /// Whether the service fills it.
    pub read_only: bool,
    /// Labels of a drop-down's choices.
    pub choices: Vec<String>,
    /// Records of the sample in which it is filled.
    pub filled: u64,
    /// A few values.
    pub examples: Vec<String>,
}

/// Looks at a stream's fields and at most `sample` of its records. Leaves no run behind.
///
/// # Errors
/// As reading in general.
pub fn discover_stream(context: &Context, connection: &str, stream: &str, sample: u64) -> Result<StreamView> {
    let opened = context.open(connection, stream)?;
    let schema = schemas::asked(context, connection, stream, &opened)?;
    let folder = tempfile::tempdir().during(|| "cannot make a temporary folder".to_owned())?;
    let mut staging = Staging::open(folder.path(), "extract")?;
    if sample > 0 {
        let selection = Selection { limit: Some(sample), ..Selection::default() };
        opened.source.extract(&selection, &mut staging)?;
    }
    let census = staging.census().clone();
    let fields = columns::plan(&schema, &census, false)
        .iter()
        .filter(|column| !HEAD_COLUMNS.contains(&column.header.as_str()))
        .map(|column| field_view(column, &schema, &census))
        .collect();
    Ok(StreamView { stream: opened.source.name().to_owned(), records: census.records, fields })
}

fn field_view(column: &Column, schema: &Schema, census: &Census) -> FieldView {
    let spec = schema.field(&column.place.name);
    let modifier = match &column.place.modifier {
        Modifier::Named(name) => name.as_str(),
        Modifier::Any | Modifier::First => "",
    };
    let tally = census.tally(&column.place.name, modifier);
    let whole = column.place.part.is_none();
    FieldView {
        name: column.header.clone(),
        kind: tally.map_or("text", kind),
        several: column.coding == Coding::List || tally.is_some_and(|tally| tally.most > 1),
        read_only: spec.is_some_and(|spec| spec.read_only),
        choices: spec
            .map(|spec| spec.choices.iter().map(|(_, label)| label.clone()).collect())
            .unwrap_or_default(),
        filled: tally.map_or(0, |tally| tally.filled),
        examples: tally.filter(|_| whole).map(|tally| tally.examples.clone()).unwrap_or_default(),
    }
}

fn kind(tally: &Tally) -> &'static str {
    match (tally.text || tally.nested, tally.number, tally.boolean) {
        (false, true, false) => "number",
        (false, false, true) => "bool",
        (_, false, false) => "text",
        _ => "mixed",
    }
}
