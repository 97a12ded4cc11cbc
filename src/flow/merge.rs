//! An edited export on its way back: its rows merged with the version that they were made from (design 9.8).

use super::bases::{self, Export};
use super::context::Context;
use super::export::wanted;
use super::job::{Job, Place};
use super::mapped::Transform;
use crate::connect::Stream;
use crate::connect::files::{self, Format, ReadOptions, WriteOptions};
use crate::error::{Error, Result};
use crate::extract::Decode;
use crate::extract::staging::Staging;
use crate::load::bases::{self as index, BaseRow, Bases, Wanted};
use crate::load::merge::{Base, BaseCell, Edits, agree, column_of, is_read_only, values_in};
use crate::record::columns::{self, Column};
use crate::record::schema::{HEAD_COLUMNS, Schema};
use crate::record::{Record, instant, to_text};
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
    exports: Vec<Written>,
    /// How the sheet is read.
    options: ReadOptions,
    typed: bool,
}

/// What an export wrote, and how.
struct Written {
    /// For each of the sheet's columns the one that the export wrote, if it did.
    columns: Vec<Option<Column>>,
    /// The fields that it asked for; all where it named none.
    asked: Vec<String>,
    options: WriteOptions,
    guarded: bool,
}

/// Finds the bases of the rows of an unmapped file; nothing where there can be none. `judge_missing` is shown them,
/// and what rows have no `_id` or no version.
pub(super) fn prepare(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    stream: &Stream,
    transform: &Transform,
    judge_missing: impl FnOnce(&Bases, &[Export], &Unmatched) -> Result<()>,
) -> Result<Option<Merging>> {
    let (Transform::Plain(plain), Place::File { endpoint, .. }) = (transform, &job.source) else {
        return Ok(None);
    };
    let bases = Bases::begin(&folder.path().join(index::FILE))?;
    let (schema, decode) = (stream.source.schema()?, stream.source.decoder());
    let places: Vec<Column> = plain.targets().iter().map(column_of).collect();
    let is_same = |[(asked, one), (asked_too, other)]: [(&[String], &str); 2]| {
        let (Ok(one), Ok(other)) = (decode.decode(one), decode.decode(other)) else { return false };
        let is_read = |place: &Column| has_read(asked, place, &one) && has_read(asked_too, place, &other);
        let written = places.iter().filter(|place| !is_read_only(&place.place.name, &schema));
        written.filter(|place| is_read(place)).all(|place| agree(place, &one, &other))
    };
    let unmatched = want(context, folder, &Marks::of(plain.targets(), &schema), &bases)?;
    let exports = match bases.index()? {
        0 => Vec::new(),
        _ => bases::gather(context, job, folder.name(), stream.source.account(), &bases, &is_same)?,
    };
    judge_missing(&bases, &exports, &unmatched)?;
    if exports.is_empty() {
        bases.end()?;
        return Ok(None);
    }
    let read = Reading {
        places,
        plain: plain.clone(),
        decode,
        exports: exports
            .iter()
            .map(|export| {
                let written = columns::plan(&schema, &export.stored.census, export.job.only_filled);
                Written::new(shown(plain, written, export), &export.job)
            })
            .collect(),
        options: job.read.clone(),
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

impl Written {
    fn new(columns: Vec<Option<Column>>, job: &Job) -> Self {
        let text =
            matches!(&job.target, Some(Place::File { endpoint, .. }) if endpoint.format.is_text_table());
        let guarded = text && job.write.spreadsheet_safe;
        Self { columns, asked: job.selection.fields.clone(), options: job.write.clone(), guarded }
    }

    /// The texts that reading an untouched cell of a sheet may give: as this export wrote it, or as another of the same
    /// version did in the sheet's own way.
    fn texts(&self, column: &Column, record: &Record, sheet: &ReadOptions, typed: bool) -> [String; 2] {
        let unguards = sheet.spreadsheet_safe && !typed;
        let text = column.text(record, self.options.list_separator);
        [files::reread(text, self.guarded, unguards), column.text(record, sheet.list_separator)]
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
        let cells = self.places.iter().zip(&written.columns).enumerate().map(|(at, (place, column))| {
            let mut readings = Vec::new();
            if let Some(column) = column {
                let texts = written.texts(column, &record, &self.options, self.typed);
                let read = texts.iter().map(|text| self.plain.read(at, text));
                // The text `#N/A` reads as a wish to clear, as no emptied cell does: the merge knows it by itself.
                let read = read.filter(|values| values.as_ref().is_none_or(|values| !values.is_empty()));
                readings.extend(read.map(Option::unwrap_or_default));
                readings.dedup();
            }
            if self.typed || column.is_none() {
                readings.push(values_in(place, &record));
            }
            let is_unread = !has_read(&written.asked, place, &record);
            BaseCell { shown: column.is_some(), readings, is_unread }
        });
        let cells = cells.collect();
        Some(Base { record, cells, further })
    }
}

/// Rows that nothing tells the base of.
#[derive(Debug, Default)]
pub(super) struct Unmatched {
    /// How many have an `_id` and no version.
    pub(super) unversioned: u64,
    /// The first without an `_id`, with its line, that has what only an exported row has.
    pub(super) nameless: Option<(u64, Option<u64>)>,
}

/// The columns by which an exported row is known.
struct Marks {
    id: Option<usize>,
    updated: Option<usize>,
    created: Option<usize>,
    /// All that the service alone fills.
    by_service: Vec<usize>,
}

impl Marks {
    fn of(fields: &[TargetField], schema: &Schema) -> Self {
        let at = |name: &str| {
            fields.iter().position(|field| field.place.name == name && field.place.part.is_none())
        };
        let filled =
            |field: &TargetField| field.place.name != "_id" && is_read_only(&field.place.name, schema);
        let by_service = fields.iter().enumerate().filter(|(_, field)| filled(field)).map(|(at, _)| at);
        Self {
            id: at("_id"),
            updated: at("_updated"),
            created: at("_created"),
            by_service: by_service.collect(),
        }
    }

    /// What a row says it was made from; `Err` where it has no `_id`, with whether it is an exported row all the same.
    fn version(&self, staged: &StagedRow) -> Result<Wanted, bool> {
        let draft: Draft = serde_json::from_str(&staged.record.raw).map_err(|_| false)?;
        let text = |at: usize| draft.values.get(at)?.as_ref()?.first().map(to_text);
        let ms = |at: Option<usize>| Some(instant::parse(&text(at?)?)?.as_millisecond());
        let id = self.id.and_then(text).unwrap_or_default().trim().to_owned();
        if id.is_empty() {
            return Err(self
                .by_service
                .iter()
                .any(|at| text(*at).is_some_and(|text| !text.trim().is_empty())));
        }
        // A time that nobody can read is not the same as none.
        let has_updated = self.updated.and_then(text).is_some();
        let created = if has_updated { None } else { ms(self.created) };
        let updated = ms(self.updated);
        let carries = has_updated || self.created.and_then(text).is_some();
        let is_unread = carries && updated.is_none() && created.is_none();
        Ok(Wanted { row: staged.row, id, updated, created, is_unread })
    }
}

/// Notes the version that each row says it was made from; gives what rows say none.
fn want(context: &Context, folder: &RunFolder, marks: &Marks, bases: &Bases) -> Result<Unmatched> {
    let mut unmatched = Unmatched::default();
    if marks.id.is_none() {
        return Ok(unmatched);
    }
    let mut rows = Staging::open(folder.path(), super::output::STAGE)?.read()?;
    while let Some(batch) = rows.next_rows()? {
        if context.stop.is_requested() {
            return Err(Error::stopped("stopped before the plan was made"));
        }
        let versions: Vec<_> = batch.par_iter().map(|staged| marks.version(staged)).collect();
        let mut wanted = Vec::with_capacity(versions.len());
        for (staged, version) in batch.iter().zip(versions) {
            match version {
                Ok(version)
                    if version.updated.is_some() || version.created.is_some() || version.is_unread =>
                {
                    wanted.push(version);
                }
                Ok(_) => unmatched.unversioned += 1,
                Err(true) => unmatched.nameless = unmatched.nameless.or(Some((staged.row, staged.line))),
                Err(false) => {}
            }
        }
        bases.want(&wanted)?;
    }
    Ok(unmatched)
}

/// Whether a read that asked for these fields tells what a record holds in a place, be it nothing. What it has not asked
/// for may have come all the same.
fn has_read(asked: &[String], place: &Column, record: &Record) -> bool {
    let name = &place.place.name;
    asked.is_empty()
        || HEAD_COLUMNS.contains(&name.as_str())
        || asked.iter().any(|field| field == name || field == &place.header)
        || record.field(name).is_some()
}

/// For each of a sheet's columns the one that an export wrote.
fn shown(plain: &Plain, written: Vec<Column>, export: &Export) -> Vec<Option<Column>> {
    let written = wanted(written, &export.job.selection.fields).unwrap_or_default();
    let by_header: HashMap<String, Column> =
        written.into_iter().map(|column| (column.header.clone(), column)).collect();
    plain.headers().map(|header| by_header.get(header).cloned()).collect()
}
