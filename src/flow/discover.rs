//! A look at a stream: its fields, and what a sample of its records holds.

use super::context::Context;
use super::schemas;
use crate::error::{IoContext, Result};
use crate::extract::Selection;
use crate::extract::staging::{Seen, Staging};
use crate::record::census::{Census, Tally};
use crate::record::columns::{self, Coding, Column};
use crate::record::schema::{HEAD_COLUMNS, Kind, Modifier, Schema};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// No number was told.
const UNTOLD: u64 = u64::MAX;

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
    /// As columns and mappings name it: `email[work]`, `address[home].city`.
    pub name: String,
    /// The field without modifier and part.
    pub field: String,
    /// The modifier, where the field has some.
    pub modifier: Option<String>,
    /// The part of a structured value.
    pub part: Option<String>,
    /// `text`, `number`, `bool`, `time` or `mixed`.
    pub kind: &'static str,
    /// Whether it holds several values.
    pub several: bool,
    /// What the service does not tell and the records looked at do: `kind`, `several`. They may hold something
    /// else elsewhere.
    pub inferred: Vec<&'static str>,
    /// Whether the service fills it.
    pub read_only: bool,
    /// Labels of a drop-down's choices.
    pub choices: Vec<String>,
    /// Records of the sample in which it is filled.
    pub filled: u64,
    /// Records of the sample.
    pub records: u64,
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
    let mut census = Census::default();
    // What cannot be listed has fields, and no records to look at.
    let listed = opened.target.as_ref().is_none_or(|target| target.lists());
    if sample > 0 && listed {
        let selection = Selection { limit: Some(sample), ..Selection::default() };
        let completeness = opened.source.extract(&selection, &mut staging)?;
        staging.finish(&completeness)?;
        // Counted anew: the census of the pages counts a record twice that was edited while it was read.
        let (mut staged, decoder) = (staging.read()?, opened.source.decoder());
        while let Some(rows) = staged.next_rows()? {
            let records = rows.iter().filter_map(|row| decoder.decode(&row.record.raw).ok());
            records.for_each(|record| census.add(&record));
        }
    }
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
    let declared = spec.and_then(|spec| declared(spec.kind));
    let seen = tally.filter(|tally| tally.filled > 0);
    let says_several = spec.is_some_and(|spec| spec.several);
    let several = says_several || column.coding == Coding::List || seen.is_some_and(|tally| tally.most > 1);
    let kind = declared.or(seen.filter(|_| whole).map(kind)).unwrap_or("text");
    let mut inferred = Vec::new();
    // Text is what everything is that nobody knows better.
    if declared.is_none() && kind != "text" {
        inferred.push("kind");
    }
    if several && !says_several {
        inferred.push("several");
    }
    FieldView {
        name: column.header.clone(),
        field: column.place.name.clone(),
        modifier: (!modifier.is_empty()).then(|| modifier.to_owned()),
        part: column.place.part.clone(),
        kind,
        several,
        inferred,
        records: census.records,
        read_only: spec.is_some_and(|spec| spec.read_only),
        choices: spec
            .map(|spec| spec.choices.iter().map(|(_, label)| label.clone()).collect())
            .unwrap_or_default(),
        filled: tally.map_or(0, |tally| tally.filled),
        examples: tally.filter(|_| whole).map(|tally| tally.examples.clone()).unwrap_or_default(),
    }
}

/// How many records a stream has, where the service tells it with a request or two.
///
/// # Errors
/// When the stream cannot be opened or read.
pub fn count_stream(context: &Context, connection: &str, stream: &str) -> Result<Option<u64>> {
    let opened = context.open(connection, stream)?;
    if opened.target.as_ref().is_some_and(|target| !target.lists()) {
        return Ok(None);
    }
    let folder = tempfile::tempdir().during(|| "cannot make a temporary folder".to_owned())?;
    let mut staging = Staging::open(folder.path(), "extract")?;
    let told = Arc::new(AtomicU64::new(UNTOLD));
    let heard = Arc::clone(&told);
    staging.watch(move |seen| {
        if let Seen::Expected(records) = seen {
            heard.store(records, Ordering::Relaxed);
        }
    });
    let selection = Selection { limit: Some(1), ..Selection::default() };
    opened.source.extract(&selection, &mut staging)?;
    let told = told.load(Ordering::Relaxed);
    Ok((told != UNTOLD).then_some(told))
}

/// What a field holds, where the service declares it.
fn declared(declared: Kind) -> Option<&'static str> {
    match declared {
        Kind::Text => None,
        Kind::Number => Some("number"),
        Kind::Bool => Some("bool"),
        Kind::Timestamp => Some("time"),
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
