//! `mapping new`: a mapping drafted from a source's columns and a few of its records, for a target's fields.
//!
//! The draft is compiled, bound to both sides and tried with the very records it was made from before anybody sees
//! it; its examples are what it makes of the first of them.

use super::checking::customs;
use super::context::Context;
use super::records::Records;
use super::schemas;
use crate::connect::Endpoint;
use crate::connect::files::ReadOptions;
use crate::error::{Error, Result};
use crate::record::schema::{FieldRef, Modifier, Schema};
use crate::record::{Record, is_empty, to_text};
use crate::transform::mapping::{Bound, Mapping, Outcome, SourceSide};
use crate::transform::suggest::{self, End, SampleColumn, Samples, Suggestion, quoted};
use serde_json::Value;
use std::path::Path;

/// Records that are looked at.
const ROWS: usize = 200;
/// Examples that a draft gets.
const EXAMPLES: usize = 2;

/// Drafts a mapping. Nothing is written. Of a CSV file, `header_row` are cells of its header, where something stands
/// above it.
///
/// # Errors
/// When the source cannot be read, or nothing is known of the target's fields.
pub fn draft(context: &Context, source: &str, target: &str, header_row: &[String]) -> Result<Suggestion> {
    let options = ReadOptions { header_row: header_row.to_vec(), ..ReadOptions::default() };
    let mut records = Records::open(context, &Endpoint::parse(source, None)?, &options)?;
    let mut sample: Vec<(u64, Record)> = Vec::new();
    records.batches(context, ROWS as u64, &mut |batch| {
        let good = batch.into_iter().filter_map(|one| Some((one.row, one.record.ok()?)));
        sample.extend(good.take(ROWS - sample.len()));
        Ok(sample.len() < ROWS)
    })?;
    let side = records.side(options.list_separator);
    let fields = target_fields(context, target)?;
    let samples =
        Samples { records: sample.len(), columns: columns(&side, &sample), separator: side.separator };
    let known = !fields.fields.is_empty();
    if samples.columns.is_empty() {
        return Err(Error::input(format!("`{source}` has no columns, so there is nothing to map")));
    }
    let to = End { name: target, schema: &fields };
    let from = End { name: source, schema: side.schema };
    let mut drafted = suggest::draft(from, &samples, to, &customs(context, target));
    let checked = |text: &str| -> Result<Bound> {
        let mapping = Mapping::parse(text, "the draft", Path::new(""))?;
        mapping.bind(&side, known.then_some(&fields))
    };
    if !header_row.is_empty() {
        let cells: Vec<_> = header_row.iter().map(|cell| quoted(cell)).collect();
        let settings = format!("[mapping]\nheader_row = [{}]\n", cells.join(", "));
        drafted.text = drafted.text.replacen("[mapping]\n", &settings, 1);
    }
    let bound = checked(&drafted.text).map_err(|error| {
        Error::input("the draft does not hold together; please report the headers of both sides")
            .because(error)
    })?;
    drafted.text.push_str(&examples(&drafted.text, &bound, &sample, &side, known.then_some(&fields)));
    Ok(drafted)
}

/// The fields of a target: a stream's, or those of a file that is there; none for a file that is not.
fn target_fields(context: &Context, target: &str) -> Result<Schema> {
    match Endpoint::parse(target, None)? {
        Endpoint::File(file) if !file.path.exists() => Ok(Schema::default()),
        Endpoint::File(file) => {
            let records = Records::open(context, &Endpoint::File(file), &ReadOptions::default())?;
            Ok(records.schema().clone())
        }
        Endpoint::Stream { connection, stream } => match schemas::known(context, target) {
            Some(schema) => Ok(schema),
            None => {
                // Asked once more, for the reason.
                let opened = context.open(&connection, &stream)?;
                Ok((*opened.source.schema()?).clone())
            }
        },
    }
}

/// The columns of the sample, in the source's order, then others as they come.
fn columns(side: &SourceSide<'_>, sample: &[(u64, Record)]) -> Vec<SampleColumn> {
    let mut columns: Vec<SampleColumn> = Vec::new();
    let plain = !side.schema.has_modifiers;
    for field in side.schema.fields.iter().filter(|field| plain && !field.name.starts_with("_ferry_")) {
        // A header that is there twice cannot be named in its plain form.
        if !field.name.trim().is_empty() && !side.doubled.contains(&field.name) {
            columns.push(SampleColumn { name: field.name.clone(), values: Vec::new(), several: false });
        }
    }
    for (_, record) in sample {
        for (name, values) in places(record) {
            let at = columns.iter().position(|column| column.name == name);
            let at = at.unwrap_or_else(|| {
                columns.push(SampleColumn { name: name.clone(), values: Vec::new(), several: false });
                columns.len() - 1
            });
            columns[at].several |= values.len() > 1;
            columns[at].values.extend(values.iter().map(|value| to_text(value).trim().to_owned()));
        }
    }
    columns.retain(|column| !side.doubled.contains(&column.name) && !column.name.trim().is_empty());
    columns
}

/// What a record holds, place by place as mappings name them; blank values left out.
fn places(record: &Record) -> Vec<(String, Vec<Value>)> {
    let mut places: Vec<(String, Vec<Value>)> = Vec::new();
    let mut add = |name: &str, modifier: &str, part: Option<&str>, value: &Value| {
        let blank = |value: &Value| is_empty(value) || to_text(value).trim().is_empty();
        if blank(value) {
            return;
        }
        let place = FieldRef {
            name: name.to_owned(),
            modifier: Modifier::Named(modifier.to_owned()),
            part: part.map(str::to_owned),
        };
        let written = place.to_string();
        match places.iter_mut().find(|(known, _)| *known == written) {
            Some((_, values)) => values.push(value.clone()),
            None => places.push((written, vec![value.clone()])),
        }
    };
    for field in record.fields.iter().filter(|field| !field.name.starts_with("_ferry_")) {
        for entry in &field.entries {
            match &entry.value {
                Value::Object(parts) => {
                    parts
                        .iter()
                        .for_each(|(part, value)| add(&field.name, &entry.modifier, Some(part), value));
                }
                value => add(&field.name, &entry.modifier, None, value),
            }
        }
    }
    places
}

/// What the mapping makes of the first records, as `[[example]]`s that hold.
fn examples(
    text: &str,
    bound: &Bound,
    sample: &[(u64, Record)],
    side: &SourceSide<'_>,
    target: Option<&Schema>,
) -> String {
    let read = bound.read_names();
    let mut kept = String::new();
    let mut count = 0;
    for (row, record) in sample {
        let Outcome::Draft(draft) = bound.apply(record, *row) else { continue };
        let input: Vec<String> = places(record)
            .into_iter()
            .filter(|(name, _)| read.contains(name))
            .filter_map(|(name, values)| pair(&name, &values))
            .collect();
        let output: Vec<String> = bound
            .targets()
            .iter()
            .zip(&draft.values)
            .filter_map(|(field, values)| pair(&field.place.to_string(), values.as_ref()?))
            .collect();
        let example =
            format!("\n[[example]]\nin = {{ {} }}\nout = {{ {} }}\n", input.join(", "), output.join(", "));
        if !input.is_empty() && holds(&format!("{text}{kept}{example}"), side, target) {
            kept.push_str(&example);
            count += 1;
        }
        if count == EXAMPLES {
            break;
        }
    }
    kept
}

fn pair(name: &str, values: &[Value]) -> Option<String> {
    let written = match values {
        [one] => suggest::value(one)?,
        several => suggest::value(&Value::from(several.to_vec()))?,
    };
    Some(format!("{} = {written}", quoted(name)))
}

fn holds(text: &str, side: &SourceSide<'_>, target: Option<&Schema>) -> bool {
    let tried = Mapping::parse(text, "the draft", Path::new(""))
        .and_then(|mapping| mapping.test(Some(side.schema), target));
    tried.is_ok_and(|tried| tried.iter().all(|example| example.differences.is_empty()))
}
