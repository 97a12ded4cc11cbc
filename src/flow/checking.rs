//! Mappings against the real sides: checked with a source's columns and data, and tried with one of its rows.

use super::context::Context;
use super::loss;
use super::records::{Numbered, Records};
use super::{schemas, zone};
use crate::connect::files::ReadOptions;
use crate::connect::{self, Endpoint};
use crate::error::{Error, Result};
use crate::record::customs::Customs;
use crate::record::schema::{Modifier, Side};
use crate::record::{Record, to_text};
use crate::transform::mapping::{Examined, Losses, Mapping, Surroundings, Trace};
use std::path::Path;

/// What was found in a mapping.
pub struct Checked {
    /// The mapping, and what is wrong with it.
    pub examined: Examined,
    /// The source that it was checked against, where there was one with data.
    pub source: Option<String>,
    /// What the mapping leaves behind of it; nothing where the mapping does not fit.
    pub losses: Option<Losses>,
}

/// The record that is to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The data record of this number, from 1.
    Row(u64),
    /// The first record with this value in this field.
    Where(String, String),
    /// The record of a stream with this id.
    Id(String),
}

/// A record that was tried.
pub struct Trial {
    /// Its number, from 1.
    pub row: u64,
    /// Its physical line in a file.
    pub line: Option<u64>,
    /// The mapping's path.
    pub mapping: String,
    /// Every step.
    pub trace: Trace,
}

/// Checks a mapping against both its sides, as far as they are known, and counts what it leaves behind of a source:
/// the one given, else a file that the mapping names.
///
/// # Errors
/// When the mapping or the given source cannot be read. What is wrong with the mapping is no error here.
pub fn check(context: &Context, path: &Path, source: Option<&str>) -> Result<Checked> {
    let mut examined = Mapping::examine(path)?;
    let Some(mapping) = examined.mapping().cloned() else {
        return Ok(Checked { examined, source: None, losses: None });
    };
    let options = ReadOptions { header_row: mapping.header_row().to_vec(), ..ReadOptions::default() };
    let separator = options.list_separator;
    let endpoint = match source {
        Some(text) => Some(Endpoint::parse(text, None)?),
        None => mapping.source().and_then(|named| file_beside(path, named)),
    };
    let mut records = match &endpoint {
        Some(endpoint) => Some(Records::open(context, endpoint, &options)?),
        None => None,
    };
    let target = mapping.target().and_then(|named| schemas::known(context, named));
    let needed = mapping.target().map(|named| customs(context, named)).unwrap_or_default().needed;
    match &records {
        Some(records) => examined.against(Some(&records.side(separator)), target.as_ref(), needed),
        None => {
            let known = mapping.source().and_then(|named| schemas::known(context, named));
            let side = known.as_ref().map(crate::transform::mapping::SourceSide::lists);
            examined.against(side.as_ref(), target.as_ref(), needed);
        }
    }
    let losses = match &mut records {
        Some(records) if examined.is_good() => {
            let mapping = in_zone(context, mapping, endpoint.as_ref());
            let bound = mapping.bind(&records.side(separator), target.as_ref())?;
            Some(loss::of_records(context, records, &bound, target.as_ref())?)
        }
        _ => None,
    };
    Ok(Checked { examined, source: records.map(|records| records.schema().of.clone()), losses })
}

/// Takes one record through a mapping and tells every step.
///
/// # Errors
/// When there is no such record, it cannot be read, or the mapping does not fit the source or its target.
pub fn attempt(context: &Context, source: &str, mapping: &Path, which: &Which) -> Result<Trial> {
    let parsed = Mapping::load(mapping)?;
    let options = ReadOptions { header_row: parsed.header_row().to_vec(), ..ReadOptions::default() };
    let endpoint = Endpoint::parse(source, None)?;
    let parsed = in_zone(context, parsed, Some(&endpoint));
    let mut records = Records::open(context, &endpoint, &options)?;
    let target = parsed.target().and_then(|named| schemas::known(context, named));
    let name = parsed.name().to_owned();
    let file = matches!(endpoint, Endpoint::File(_)).then(|| records.schema().of.clone());
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let bound = parsed
        .bind(&records.side(options.list_separator), target.as_ref())?
        .in_surroundings(Surroundings { file, run_date: Some(today) });
    let found = find(context, &mut records, which)?;
    let place = found.line.map(|line| format!(", line {line}")).unwrap_or_default();
    let record = found.record.map_err(|reason| {
        Error::input(format!("`{source}` row {}{place} cannot be read: {reason}", found.row))
    })?;
    Ok(Trial { row: found.row, line: found.line, mapping: name, trace: bound.trace(&record, found.row) })
}

/// The mapping with the zone that a run would have of its connections.
fn in_zone(context: &Context, mapping: Mapping, source: Option<&Endpoint>) -> Mapping {
    let target = mapping.target().and_then(|named| Endpoint::parse(named, None).ok());
    let zone = match source {
        Some(source) => zone::of_values(context, source, target.as_ref()),
        None => target.and_then(|target| zone::of(context, &target)),
    };
    match zone {
        Some(zone) => mapping.with_zone(&zone),
        None => mapping,
    }
}

/// What a stream expects of its records; nothing of a file's.
pub(super) fn customs(context: &Context, endpoint: &str) -> Customs {
    match Endpoint::parse(endpoint, None) {
        Ok(Endpoint::Stream { connection, stream }) => match context.connections.service(&connection) {
            Ok(service) => connect::customs(service, &stream),
            Err(_) => Customs::default(),
        },
        _ => Customs::default(),
    }
}

/// The file that a mapping names, where it lies beside the mapping or in the working folder.
fn file_beside(mapping: &Path, named: &str) -> Option<Endpoint> {
    let beside = mapping.parent().unwrap_or(Path::new("")).join(named).display().to_string();
    [beside.as_str(), named].into_iter().find_map(|text| match Endpoint::parse(text, None) {
        Ok(Endpoint::File(file)) if file.path.is_file() => Some(Endpoint::File(file)),
        _ => None,
    })
}

fn find(context: &Context, records: &mut Records, which: &Which) -> Result<Numbered> {
    let (wanted, column) = match which {
        Which::Id(id) => return records.by_id(id),
        Which::Row(row) => (format!("row {row}"), None),
        Which::Where(column, value) => {
            let place = records.schema().resolve(column, Side::From).map_err(|unknown| {
                let error = Error::input(format!("--where: {}", unknown.what));
                match unknown.hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            })?;
            (format!("record with `{column}` = `{value}`"), Some((place, value.trim())))
        }
    };
    let fits = |one: &Numbered| match (which, &column, &one.record) {
        (Which::Row(row), ..) => one.row == *row,
        (_, Some((place, value)), Ok(record)) => holds(record, place, value),
        _ => false,
    };
    let (mut found, mut last) = (None, 0);
    records.batches(context, u64::MAX, &mut |batch| {
        last = batch.last().map_or(last, |one| one.row);
        found = batch.into_iter().find(|one| fits(one));
        Ok(found.is_none())
    })?;
    let of = &records.schema().of;
    found.ok_or_else(|| Error::input(format!("`{of}` has no {wanted}")).hint(format!("it has {last} rows")))
}

fn holds(record: &Record, place: &crate::record::schema::FieldRef, value: &str) -> bool {
    let head = match place.name.as_str() {
        "_id" => record.id.as_deref(),
        "_type" => record.kind.as_deref(),
        _ => None,
    };
    let entries = record.field(&place.name).into_iter().flat_map(|field| &field.entries);
    let named = entries.filter(|entry| match &place.modifier {
        Modifier::Named(name) => *name == entry.modifier,
        Modifier::Any | Modifier::First => true,
    });
    head == Some(value) || named.map(|entry| to_text(&entry.value)).any(|text| text.trim() == value)
}
