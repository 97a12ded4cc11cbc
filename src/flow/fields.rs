//! The custom fields that a mapping needs and its target lacks: found, and made in a run like any other.
//!
//! The run imports a file of its own, `fields.jsonl` in its folder, into the stream of the connection's fields.
//! So what is made is planned, shown, asked about, journalled, resumed and taken back as every import is.

use super::context::Context;
use super::input::hash_file;
use super::job::{Job, LoadOptions, Place};
use super::{Ended, execute};
use crate::connect::Endpoint;
use crate::connect::files::{FileEndpoint, ReadOptions, WriteOptions};
use crate::error::{Error, Result, nearest};
use crate::extract::Selection;
use crate::record::schema::{Schema, Side};
use crate::record::service_name;
use crate::transform::mapping::{Mapping, Need};
use serde_json::json;

/// The stream that holds a connection's fields.
const FIELDS: &str = "fields";
/// The file in the run's folder.
const FILE: &str = "fields.jsonl";

/// The fields that `mapping` writes to and `schema` lacks.
///
/// # Errors
/// When a name can only be a mistake: a modifier or part of a field that is there, one of Ferry's own columns,
/// or, unless `force`, one that is nearly another's (class `Input`). All of them are named.
pub fn missing(mapping: &Mapping, schema: &Schema, force: bool) -> Result<Vec<Need>> {
    let (mut missing, mut findings): (Vec<Need>, Vec<String>) = (Vec::new(), Vec::new());
    for need in mapping.needs() {
        let Err(unknown) = schema.resolve(&need.name, Side::To) else { continue };
        let place = format!("{}:{}", mapping.name(), need.line);
        let base = need.name.split(['[', '.']).next().unwrap_or_default().trim_end();
        let known = schema.field(&need.name).is_some() || (base != need.name && schema.field(base).is_some());
        let names = schema.fields.iter().map(|field| field.name.as_str());
        if known || service_name(&need.name).is_none() {
            let hint = unknown.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            findings.push(format!("{place}: {}{hint}", unknown.what));
        } else if let (false, Some(near)) = (force, nearest(&need.name, names)) {
            findings.push(format!("{place}: `{}` is nearly `{near}`, which is there", need.name));
        } else if !missing.iter().any(|other| other.name == need.name) {
            missing.push(need);
        }
    }
    if findings.is_empty() {
        return Ok(missing);
    }
    Err(Error::input(findings.join("\n"))
        .hint("correct the mapping, or say `--force` if a new field is meant"))
}

/// Makes the fields that `mapping` needs in the account of `stream`; `None` where it lacks none.
///
/// # Errors
/// As [`missing`]; when the stream cannot be opened, or the run's folder cannot be made.
pub fn create(
    context: &Context,
    connection: &str,
    stream: &str,
    mapping: &Mapping,
    (force, dry_run): (bool, bool),
) -> Result<Option<Ended>> {
    let opened = context.open(connection, stream)?;
    let missing = missing(mapping, &*opened.source.schema()?, force)?;
    if missing.is_empty() {
        return Ok(None);
    }
    // Fails before there is a run where the service has no such stream.
    context.open(connection, FIELDS)?.target()?;
    let rows = missing.iter().map(|need| {
        let choices = (!need.choices.is_empty()).then_some(&need.choices);
        json!({"name": need.name, "type": need.kind, "choices": choices}).to_string() + "\n"
    });
    let rows = rows.collect::<String>();
    let target =
        Place::Stream { connection: connection.to_owned(), stream: FIELDS.to_owned(), account: None };
    let mut job = Job {
        command: "import".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        asked: jiff::Timestamp::now().to_string(),
        source: target.clone(),
        target: Some(target),
        selection: Selection::default(),
        since_last: false,
        read: ReadOptions { list_separator: ';', ..ReadOptions::default() },
        write: WriteOptions::default(),
        only_filled: false,
        mapping: None,
        load: LoadOptions { mode: Some("create".to_owned()), dry_run, ..LoadOptions::default() },
        delete: None,
        undo: None,
    };
    let folder = context.runs.create(&job.command, FIELDS, &job)?;
    context.reporter.note(format!("run {}", folder.name()));
    folder.write(FILE, rows.as_bytes())?;
    let path = std::path::absolute(folder.path().join(FILE))
        .map_err(|cause| Error::stopped("the run's folder has no path").because(cause))?;
    let sha256 = Some(hash_file(&path)?);
    job.source = Place::File { endpoint: file(&path.display().to_string())?, sha256 };
    folder.write_job(&job)?;
    Ok(Some(execute(context, &folder, &job)))
}

fn file(path: &str) -> Result<FileEndpoint> {
    match Endpoint::parse(path, None)? {
        Endpoint::File(file) => Ok(file),
        Endpoint::Stream { .. } => Err(Error::input(format!("`{path}` is no file"))),
    }
}
