//! The middle of the way: what turns a record into a draft, a mapping file or the plain columns of an export.

use super::context::Context;
use super::input::{Input, Reads};
use super::job::{Job, MappingText, Place};
use super::output::{STAGE, joined, rejected_row, unreadable};
use crate::connect::Endpoint;
use crate::connect::files::{self, Format};
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::extract::staging::Staging;
use crate::record::census::Census;
use crate::record::columns::Column;
use crate::record::schema::Schema;
use crate::record::{Field, RawRecord, Record, is_empty, to_text};
use crate::report::{Rejects, Summary};
use crate::run::folder::RunFolder;
use crate::run::parts::StagedRow;
use crate::transform::draft::{Became, Draft, TargetField};
use crate::transform::mapping::{Bound, Mapping, Outcome, Recall, Surroundings, TextRow, Texts};
use crate::transform::plain::Plain;
use rayon::prelude::*;
use serde_json::Value;
use std::borrow::Cow;
use std::path::Path;

/// What turns a record into a draft. Pure.
pub(super) enum Transform {
    /// A mapping file.
    Mapped(Box<Bound>),
    /// The columns of a plain export.
    Plain(Plain),
}

impl Transform {
    /// Places that drafts write to.
    #[must_use]
    pub(super) fn targets(&self) -> &[TargetField] {
        match self {
            Self::Mapped(bound) => bound.targets(),
            Self::Plain(plain) => plain.targets(),
        }
    }

    /// What becomes of a record.
    #[must_use]
    pub(super) fn apply(&self, record: &Record, row: u64) -> Outcome {
        match self {
            Self::Mapped(bound) => bound.apply(record, row),
            Self::Plain(plain) => Outcome::Draft(plain.apply(record)),
        }
    }

    /// What a thread needs to map rows of text by [`Transform::texts`]; nothing where no row goes that way.
    #[must_use]
    pub(super) fn recall(&self) -> Option<Recall> {
        match self {
            Self::Mapped(bound) => Some(Recall::new(bound)),
            Self::Plain(_) => None,
        }
    }

    /// Maps a row of text into one text for each target, where there is no more to be said of it.
    pub(super) fn texts(
        &self,
        source: &impl TextRow,
        row: u64,
        recall: &mut Recall,
        put: &mut impl FnMut(&str),
    ) -> Texts {
        match self {
            Self::Mapped(bound) => bound.texts(source, row, recall, put),
            Self::Plain(_) => Texts::Untold,
        }
    }

    /// Columns of a file that drafts are written to.
    #[must_use]
    pub(super) fn columns(&self) -> Vec<Column> {
        match self {
            Self::Mapped(bound) => bound.columns(),
            Self::Plain(_) => Vec::new(),
        }
    }

    /// A draft as the cells of such a file, where each of its columns holds one value.
    pub(super) fn cells(draft: &Draft) -> impl Iterator<Item = Cow<'_, str>> {
        draft.values.iter().map(|values| match values.as_deref().and_then(<[_]>::first) {
            None => Cow::Borrowed(""),
            Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
            Some(other) => Cow::Owned(to_text(other)),
        })
    }

    /// A draft as a record of such a file.
    #[must_use]
    pub(super) fn to_record(&self, draft: &Draft) -> Record {
        match self {
            Self::Mapped(bound) => bound.to_record(draft),
            Self::Plain(_) => Record::default(),
        }
    }
}

/// A run's place as an endpoint.
#[must_use]
pub(super) fn endpoint(place: &Place) -> Endpoint {
    match place {
        Place::File { endpoint, .. } => Endpoint::File(endpoint.clone()),
        Place::Stream { connection, stream, .. } => {
            Endpoint::Stream { connection: connection.clone(), stream: stream.clone() }
        }
    }
}

/// The transform stage alone: what was extracted is mapped into parts to look at; a load maps it again with its
/// target's fields known.
///
/// # Errors
/// When the run has not extracted anything yet, or as the stage itself.
pub(super) fn transform(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    summary: &mut Summary,
) -> Result<()> {
    let mut rejects = Rejects::open(folder.path())?;
    let input = Input::open(context, folder, job)?;
    let Some(completeness) = input.staging().finished()? else {
        return Err(Error::input(format!("run `{}` has not extracted everything yet", folder.name()))
            .hint(format!("go on with `ferry resume {}` first", folder.name())));
    };
    let Some(text) = &job.mapping else { return Err(Error::input("there is no mapping")) };
    let parsed = Mapping::parse(&text.text, &text.path.display().to_string(), folder_of(text))?;
    let target = match parsed.target() {
        Some(target) => Endpoint::parse(target, None)?,
        None => endpoint(&job.source),
    };
    let mapping = mapping(context, text, &endpoint(&job.source), &target)?;
    let transform = Transform::Mapped(Box::new(bind(mapping, &input, job, None)?));
    let counts = run(context, folder, &input, &transform, &mut rejects)?;
    summary.complete = (&completeness).into();
    summary.read = input.staging().count()? + rejects.count_of(super::input::STAGE)?;
    summary.filtered = counts.filtered;
    summary.rejected = rejects.count()?;
    summary.mapped = counts.mapped;
    summary.written = counts.mapped;
    if summary.rejected > 0 {
        super::results::write(folder, &input, job, &mut rejects, None, summary)?;
    }
    summary.conclude();
    Ok(())
}

fn folder_of(text: &MappingText) -> &Path {
    text.path.parent().unwrap_or_else(|| Path::new("."))
}

/// Reads a mapping, with the zone that its connections state where it states none, and checks that it was written for this kind of source and target: another file or folder
/// is fine, another service or kind of stream is not (design section 4).
///
/// # Errors
/// Everything that is wrong with the mapping, or that it is for something else (class `Input`).
pub(super) fn mapping(
    context: &Context,
    text: &MappingText,
    source: &Endpoint,
    target: &Endpoint,
) -> Result<Mapping> {
    let mapping = Mapping::parse(&text.text, &text.path.display().to_string(), folder_of(text))?;
    for (written, used, side) in [(mapping.source(), source, "source"), (mapping.target(), target, "target")]
    {
        let Some(written) = written else { continue };
        let meant = Endpoint::parse(written, None)?.kind(&context.connections)?;
        let used = used.kind(&context.connections)?;
        if meant != used {
            return Err(Error::input(format!(
                "`{}` has the {side} `{written}` ({meant}), and the command line says {used}",
                text.path.display(),
            )));
        }
    }
    Ok(match super::zone::of_values(context, source, Some(target)) {
        Some(zone) => mapping.with_zone(&zone),
        None => mapping,
    })
}

/// Finds a mapping's names in an input and a target, and tells it what surrounds the run's records.
///
/// # Errors
/// When the mapping does not fit them, or has links and no service to follow them in.
pub(super) fn bind(mapping: Mapping, input: &Input, job: &Job, target: Option<&Schema>) -> Result<Bound> {
    let name = mapping.name().to_owned();
    let bound = mapping.bind(&input.side(job.read.list_separator), target)?;
    if let (Some((field, link)), Some(Place::File { .. })) = (bound.links().next(), &job.target) {
        let what = format!("{name}: `{field}` links to records of {}, which a file has none of", link.stream);
        return Err(Error::input(what).hint("leave `link` out and map text or ids"));
    }
    let file = match &job.source {
        Place::File { endpoint, .. } if !endpoint.is_standard_stream() => Some(endpoint.name()),
        _ => None,
    };
    let run_date = job.asked.get(..10).map(str::to_owned);
    Ok(bound.in_surroundings(Surroundings { file, run_date }))
}

/// The transform of an unmapped import.
///
/// # Errors
/// When a column means no field of the target, or has no header and holds something.
pub(super) fn plain(input: &Input, job: &Job, target: &Schema, census: &Census) -> Result<Transform> {
    let file = without_unnamed(input, target, census)?;
    let plain = Plain::new(&file, target, census, job.read.list_separator)?;
    let format = match &job.source {
        Place::File { endpoint, .. } => Some(endpoint.format),
        Place::Stream { .. } => None,
    };
    let typed = !matches!(format, Some(Format::Csv | Format::Tsv));
    Ok(Transform::Plain(plain.typed(typed).leaving_out(format == Some(Format::Jsonl))))
}

/// The columns of a file without those that have no header and hold nothing in any row, which spreadsheets leave
/// behind. Only where there are such columns the rows have to be looked through.
fn without_unnamed<'a>(input: &'a Input, target: &Schema, census: &Census) -> Result<Cow<'a, Schema>> {
    let schema: &Schema = input.schema();
    let named = |name: &str| !files::is_unnamed(name) || Plain::is_known(name, target, census);
    if schema.fields.iter().all(|field| named(&field.name)) {
        return Ok(Cow::Borrowed(schema));
    }
    let reads = input.reads();
    let something = |staged: &StagedRow| {
        let record = reads.decode(staged).ok()?;
        let filled = |field: &Field| field.entries.iter().any(|entry| !is_empty(&entry.value));
        let found = record.fields.into_iter().find(|field| !named(&field.name) && filled(field))?;
        Some((found.name, staged.line.unwrap_or(staged.row)))
    };
    let mut rows = input.staging().read()?;
    while let Some(batch) = rows.next_rows()? {
        if let Some((name, line)) = batch.par_iter().find_map_first(something) {
            let what =
                format!("`{}`: `{name}` has no header, and line {line} holds something in it", schema.of);
            return Err(Error::input(what).hint("name the column as `ferry export` does, or empty it"));
        }
    }
    let fields = schema.fields.iter().filter(|field| named(&field.name)).cloned().collect();
    Ok(Cow::Owned(Schema { fields, ..schema.clone() }))
}

/// How many rows the transform stage left out, and how many it mapped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Left out by a filter.
    pub(super) filtered: u64,
    /// Mapped into the stage's parts.
    pub(super) mapped: u64,
}

/// Maps every extracted record into the parts of the transform stage. Begins anew whatever an earlier life did:
/// it is pure and cheap.
///
/// # Errors
/// When a part is damaged or the disk is full.
pub(super) fn run(
    context: &Context,
    folder: &RunFolder,
    input: &Input,
    transform: &Transform,
    rejects: &mut Rejects,
) -> Result<Counts> {
    rejects.forget(STAGE)?;
    let mut staging = Staging::restart(folder.path(), STAGE)?;
    let mut counts = Counts::default();
    let reads = input.reads();
    let mut rows = input.staging().read()?;
    while let Some(batch) = rows.next_rows()? {
        if context.stop.is_requested() {
            return Err(Error::stopped("stopped while mapping"));
        }
        let outcomes: Vec<_> = batch
            .par_iter()
            .map(|staged| match reads.decode(staged) {
                Ok(record) => {
                    let outcome = transform.apply(&record, staged.row);
                    Ok(if let Reads::File(_) = reads { with_result(outcome, &record) } else { outcome })
                }
                Err(why) => Err(Box::new(unreadable(staged, &why))),
            })
            .collect();
        let mut drafts = Vec::with_capacity(batch.len());
        for (staged, outcome) in batch.iter().zip(outcomes) {
            match outcome {
                Err(unreadable) => rejects.add(*unreadable)?,
                Ok(Outcome::Filtered) => counts.filtered += 1,
                Ok(Outcome::Rejected(reasons)) => {
                    let reject = joined(reasons);
                    rejects.add(rejected_row(staged.row, staged.line, reject))?;
                }
                Ok(Outcome::Draft(mut draft)) => {
                    counts.mapped += 1;
                    draft.source_id.clone_from(&staged.record.id);
                    drafts.push(draft_row(staged, &draft)?);
                }
            }
        }
        let key = format!("rows {}", batch.first().map_or(0, |first| first.row));
        staging.rows(&key, drafts, Census::default())?;
    }
    rejects.commit()?;
    staging.set_note("filtered", counts.filtered.to_string());
    staging.finish(&Completeness::Complete)?;
    Ok(counts)
}

/// Adds what a result file says of the row: a row whose record is there is that record, also where it has no id of
/// its own.
fn with_result(outcome: Outcome, row: &Record) -> Outcome {
    match outcome {
        Outcome::Draft(draft) => Outcome::Draft(Draft { became: Became::of_row(row), ..draft }),
        other => other,
    }
}

fn draft_row(staged: &StagedRow, draft: &Draft) -> Result<StagedRow> {
    let raw = serde_json::to_string(draft)
        .map_err(|cause| Error::stopped("cannot stage a mapped row").because(cause))?;
    let record = RawRecord { id: None, kind: None, created: None, updated: None, raw };
    Ok(StagedRow { row: staged.row, line: staged.line, record })
}
