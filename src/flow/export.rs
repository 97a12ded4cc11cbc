//! `export`: a stream or a file, extracted, mapped if asked, and written into a file.

use super::context::Context;
use super::direct;
use super::input::Input;
use super::job::Job;
use super::mapped::{self, Transform};
use super::output::{self, STAGE};
use super::{read_input, results};
use crate::connect::Endpoint;
use crate::connect::files::FileEndpoint;
use crate::error::{Error, Result};
use crate::record::columns::Column;
use crate::report::{Rejects, Summary};
use crate::run::folder::RunFolder;

pub(super) fn run(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    endpoint: &FileEndpoint,
    summary: &mut Summary,
) -> Result<()> {
    let mut rejects = Rejects::open(folder.path())?;
    let mut input = Input::open(context, folder, job)?;
    if input.may_widen() {
        read_input(context, folder, job, &mut input, &mut rejects, summary)?;
    }
    let transform = transform(context, &input, job, endpoint)?;
    if direct::applies(job) && input.staging().finished()?.is_none() {
        return direct::run(
            context,
            folder,
            job,
            endpoint,
            &mut input,
            transform.as_ref(),
            &mut rejects,
            summary,
        );
    }
    read_input(context, folder, job, &mut input, &mut rejects, summary)?;
    let columns = match &transform {
        Some(transform) => transform.columns(),
        None => wanted(input.columns(job.only_filled), &job.selection.fields)?,
    };
    rejects.forget(STAGE)?;
    let writer = output::begin(folder, endpoint, columns, &job.write)?;
    let written = output::write(context, &input, writer, transform.as_ref(), &mut rejects)
        .inspect_err(|_| summary.rejected = rejects.count().unwrap_or(0))?;
    summary.filtered = written.filtered;
    summary.rejected = rejects.count()?;
    summary.mapped = written.written;
    summary.written = written.written;
    summary.files.insert("output".into(), endpoint.path.display().to_string());
    if summary.rejected > 0 {
        results::write(folder, &input, job, &mut rejects, None, summary)?;
    }
    summary.conclude();
    Ok(())
}

fn transform(
    context: &Context,
    input: &Input,
    job: &Job,
    endpoint: &FileEndpoint,
) -> Result<Option<Transform>> {
    let Some(text) = &job.mapping else { return Ok(None) };
    let mapping =
        mapped::mapping(context, text, &mapped::endpoint(&job.source), &Endpoint::File(endpoint.clone()))?;
    let bound = mapped::bind(mapping, input, job, None)?;
    Ok(Some(Transform::Mapped(Box::new(bound))))
}

/// The head and the fields that were asked for; all columns when none were.
pub(super) fn wanted(columns: Vec<Column>, fields: &[String]) -> Result<Vec<Column>> {
    if fields.is_empty() {
        return Ok(columns);
    }
    let named = |column: &Column, field: &String| &column.header == field || &column.place.name == field;
    if let Some(unknown) = fields.iter().find(|field| !columns.iter().any(|column| named(column, field))) {
        let near = crate::error::nearest(unknown, columns.iter().map(|column| column.place.name.as_str()));
        let error = Error::input(format!("there is no field `{unknown}` to export"));
        return Err(match near {
            Some(name) => error.hint(format!("did you mean `{name}`?")),
            None => error,
        });
    }
    let head = |column: &Column| crate::record::schema::HEAD_COLUMNS.contains(&column.header.as_str());
    Ok(columns
        .into_iter()
        .filter(|column| head(column) || fields.iter().any(|field| named(column, field)))
        .collect())
}
