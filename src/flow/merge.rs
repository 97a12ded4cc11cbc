//! An edited export on its way back: its rows merged with the version that they were made from (design 9.8).

use super::bases::{self, Export};
use super::context::Context;
use super::export::wanted;
use super::job::{Job, Place};
use super::mapped::Transform;
use crate::connect::Stream;
use crate::connect::files::Format;
use crate::error::{Error, Result};
use crate::extract::Decode;
use crate::extract::staging::Staging;
use crate::load::bases::{self as index, BaseRow, Bases, Wanted};
use crate::load::merge::{Base, BaseCell, Edits, column_of, values_in};
use crate::record::columns::{self, Column};
use crate::record::{instant, to_text};
use crate::run::folder::RunFolder;
use crate::run::parts::StagedRow;
use crate::transform::draft::{Draft, TargetField};
use crate::transform::plain::Plain;
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// The bases of a sheet, and how they are read.
pub(super) struct Merging {
    /// Bases by row.
    pub(super) bases: Bases,
    read: Reading,
}

/// How the bases of a sheet are read.
struct Reading {
    plain: Plain,
    decode: Arc<dyn Decode>,
    /// The places of the sheet's columns, with all that a record holds there.
    places: Vec<Column>,
    /// For each export: for each of the sheet's columns the one that the export wrote, if it did.
    exports: Vec<Vec<Option<Column>>>,
    separator: char,
    typed: bool,
}

/// Finds the bases of the rows of an unmapped file; nothing where there can be none. `judge_missing` is shown them,
/// and how many rows with an `_id` carry no version.
pub(super) fn prepare(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    stream: &Stream,
    transform: &Transform,
    judge_missing: impl FnOnce(&Bases, &[Export], u64) -> Result<()>,
) -> Result<Option<Merging>> {
    let (Transform::Plain(plain), Place::File { endpoint, .. }) = (transform, &job.source) else {
        return Ok(None);
    };
    let bases = Bases::begin(&folder.path().join(index::FILE))?;
    let unversioned = want(context, folder, plain.targets(), &bases)?;
    let exports = match bases.index()? {
        0 => Vec::new(),
        _ => bases::gather(context, job, folder.name(), stream.source.account(), &bases)?,
    };
    judge_missing(&bases, &exports, unversioned)?;
    if exports.is_empty() {
        bases.end()?;
        return Ok(None);
    }
    let schema = stream.source.schema()?;
    let read = Reading {
        places: plain.targets().iter().map(column_of).collect(),
        plain: plain.clone(),
        decode: stream.source.decoder(),
        exports: exports
            .iter()
            .map(|export| {
                let written = columns::plan(&schema, &export.stored.census, export.job.only_filled);
                shown(plain, written, export)
            })
            .collect(),
        separator: job.read.list_separator,
        typed: matches!(endpoint.format, Format::Jsonl | Format::Parquet),
    };
    Ok(Some(Merging { bases, read }))
}

impl Merging {
    /// Reads a base; `None` where its record cannot be read any more.
    pub(super) fn read(&self) -> impl Fn(&BaseRow) -> Option<Base> + Sync + '_ {
        let read = &self.read;
        move |row| read.base(row)
    }
}

impl Reading {
    fn base(&self, row: &BaseRow) -> Option<Base> {
        let record = self.decode.decode(&row.raw).ok()?;
        let written = self.exports.get(row.export)?;
        let further: Edits = match &row.further {
            Some(text) => serde_json::from_str(text).ok()?,
            None => Edits::new(),
        };
        let cells = self.places.iter().zip(written).enumerate().map(|(at, (place, written))| {
            let mut readings = Vec::new();
            if let Some(column) = written {
                let text = column.text(&record, self.separator);
                let reading = self.plain.read(at, &text);
                // The text `#N/A` reads as a wish to clear, as no emptied cell does: the merge knows it by itself.
                if reading.as_ref().is_none_or(|values| !values.is_empty()) {
                    readings.push(reading.unwrap_or_default());
                }
            }
            if self.typed || written.is_none() {
                readings.push(values_in(place, &record));
            }
            BaseCell { shown: written.is_some(), readings }
        });
        let cells = cells.collect();
        Some(Base { record, cells, further })
    }
}

/// Notes the version that each row says it was made from; gives how many rows with an `_id` say none.
fn want(context: &Context, folder: &RunFolder, fields: &[TargetField], bases: &Bases) -> Result<u64> {
    let at =
        |name: &str| fields.iter().position(|field| field.place.name == name && field.place.part.is_none());
    let Some(id) = at("_id") else { return Ok(0) };
    let (updated, created) = (at("_updated"), at("_created"));
    let version = |staged: &StagedRow| -> Option<Wanted> {
        let draft: Draft = serde_json::from_str(&staged.record.raw).ok()?;
        let text = |at: usize| draft.values.get(at)?.as_ref()?.first().map(to_text);
        let ms = |at: Option<usize>| Some(instant::parse(&text(at?)?)?.as_millisecond());
        let id = text(id)?.trim().to_owned();
        let updated_ms = ms(updated);
        // A time that nobody can read is not the same as none.
        let created = if updated.and_then(text).is_some() { None } else { ms(created) };
        (!id.is_empty()).then_some(Wanted { row: staged.row, id, updated: updated_ms, created })
    };
    let mut unversioned = 0;
    let mut rows = Staging::open(folder.path(), super::output::STAGE)?.read()?;
    while let Some(batch) = rows.next_rows()? {
        if context.stop.is_requested() {
            return Err(Error::stopped("stopped before the plan was made"));
        }
        let mut wanted: Vec<_> = batch.par_iter().filter_map(version).collect();
        let named = wanted.len();
        wanted.retain(|wanted| wanted.updated.is_some() || wanted.created.is_some());
        unversioned += (named - wanted.len()) as u64;
        bases.want(&wanted)?;
    }
    Ok(unversioned)
}

/// For each of a sheet's columns the one that an export wrote.
fn shown(plain: &Plain, written: Vec<Column>, export: &Export) -> Vec<Option<Column>> {
    let written = wanted(written, &export.job.selection.fields).unwrap_or_default();
    let by_header: HashMap<String, Column> =
        written.into_iter().map(|column| (column.header.clone(), column)).collect();
    plain.headers().map(|header| by_header.get(header).cloned()).collect()
}
