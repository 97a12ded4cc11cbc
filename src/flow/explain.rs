//! `explain`: one record's whole way through a run, from its row in the source to what the service holds now.
//!
//! It reads what the run has kept and changes nothing. Only what the service holds now is asked of the service, and
//! only where it is wanted. Nothing here is secret: requests are kept without their credentials.

use super::cells::Cells;
use super::context::Context;
use super::input::{self, Input};
use super::job::{Job, Place};
use super::mapped;
use crate::account::Account;
use crate::connect;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::load::journal::{Journal, Outcome, Request, Story};
use crate::load::target::{Change, OperationKind, Target, UpdateState};
use crate::record::schema::{FieldRef, Modifier, Schema, Side};
use crate::record::{Record, canonical, escape_name, instant, to_text};
use crate::report::Rejects;
use crate::run::checkpoint;
use crate::run::folder::RunEntry;
use crate::run::parts::StagedRow;
use crate::transform::mapping::Trace;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Rejected rows looked through at a time.
const PAGE: usize = 1_000;

/// One record's way through a run.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The run.
    pub run: String,
    /// What was asked of it: `import`, `retry`.
    pub command: String,
    /// The source row.
    pub row: u64,
    /// Its physical line, where it has one.
    pub line: Option<u64>,
    /// The source: a file or a stream.
    pub source: String,
    /// The cells of the row as they came.
    pub cells: Vec<Cell>,
    /// The row word for word, where it has no cells to show.
    pub raw: Option<String>,
    /// Each step of the mapping, with the tables that it names as they are now.
    pub mapping: Option<Trace>,
    /// The mapping's file.
    pub mapping_file: Option<String>,
    /// What became of it; nothing while it is open.
    pub outcome: Option<&'static str>,
    /// Its record at the target.
    pub id: Option<String>,
    /// On what field, where it is no success.
    pub field: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What it is known by: `key 0 ada@x.example`.
    pub known_by: Option<String>,
    /// The differences that were planned.
    pub changes: Vec<Change>,
    /// The requests, in order.
    pub requests: Vec<RequestMade>,
    /// Whether it was read back as meant; nothing where it was not.
    pub verified: Option<bool>,
    /// Fields that were read back otherwise than meant: what was meant, and what was found.
    pub differences: Vec<Change>,
    /// What the service holds now, where it was asked.
    pub now: Option<Now>,
    /// Retries that have taken the row since.
    pub retried_in: Vec<String>,
}

/// A cell of the source.
#[derive(Debug, Serialize)]
pub struct Cell {
    /// Its column.
    pub column: String,
    /// Its text.
    pub text: String,
}

/// A request of the row.
#[derive(Debug, Serialize)]
pub struct RequestMade {
    /// `create`, `update`, `tags`, `delete`.
    pub kind: OperationKind,
    /// Method and path below the service's root, where it is told.
    pub request: Option<String>,
    /// `planned`, `intent`, `done`, `refused` or `doubt`.
    pub state: String,
    /// When it was last sent, by the server's clock.
    pub sent: Option<String>,
    /// Its body as sent.
    pub body: Value,
    /// What the touched fields held before.
    pub before: Value,
    /// The refusal, or what was seen instead of an answer.
    pub answer: Option<String>,
    /// How often the record was looked for and not found.
    pub misses: u32,
    /// The record that it made.
    pub made: Option<String>,
    /// Whether that was found after the answer was lost.
    pub adopted: bool,
}

/// A record as the service has it now, compared with what was written.
#[derive(Debug, Serialize)]
pub struct Now {
    /// `as written`, `written in part` where a request was refused or is outstanding, `nothing was written`,
    /// `changed since` or `gone`.
    pub state: &'static str,
    /// When the record was last changed, as the service says.
    pub updated: Option<String>,
    /// Fields that are no longer as written: what was written, and what is there.
    pub edits: Vec<Change>,
}

/// Explains the rows that `what` names in the run whose name has `part` in it: a row's number, or a record's id.
///
/// # Errors
/// When there is no such run or row, the checkpoint cannot be read, or the service, where it is asked, does not answer.
pub fn explain(context: &Context, part: &str, what: &str, offline: bool) -> Result<Vec<Explanation>> {
    let entry = context.runs.find(part)?;
    let job: Job = entry.job()?;
    let journal = journal_of(&entry)?;
    let mut rows = match what.parse() {
        Ok(row) => vec![row],
        Err(_) => journal.rows_of(what)?,
    };
    let known = |row: &u64| -> Result<bool> {
        Ok(journal.story(*row)?.is_some()
            || staged(&entry, input::STAGE, *row)?.is_some()
            || rejected(&entry, *row)?.is_some())
    };
    if let [row] = rows[..]
        && !known(&row)?
    {
        rows = journal.rows_of(what)?;
    }
    if rows.is_empty() {
        return Err(Error::input(format!("run `{}` has neither a row nor a record `{what}`", entry.name))
            .hint("rows are numbered from 1, as `_ferry_row` in the run's result files"));
    }
    rows.into_iter().map(|row| explain_row(context, &entry, &job, &journal, row, offline)).collect()
}

fn explain_row(
    context: &Context,
    entry: &RunEntry,
    job: &Job,
    journal: &Journal,
    row: u64,
    offline: bool,
) -> Result<Explanation> {
    let story = journal.story(row)?;
    let rejected = rejected(entry, row)?;
    let staged = staged(entry, input::STAGE, row)?;
    let (cells, mapping) = match &staged {
        Some(staged) => read(context, entry, job, journal, staged)?,
        None => (Vec::new(), None),
    };
    let now = match &story {
        Some(story) if !offline => now(context, job, story)?,
        _ => None,
    };
    let raw = if cells.is_empty() { staged.as_ref().map(|staged| staged.record.raw.clone()) } else { None };
    let mut told = Explanation {
        run: entry.name.clone(),
        command: job.command.clone(),
        row,
        line: staged.as_ref().and_then(|staged| staged.line),
        source: job.source.name(),
        cells,
        raw,
        mapping,
        mapping_file: job.mapping.as_ref().map(|mapping| mapping.path.display().to_string()),
        outcome: None,
        id: None,
        field: None,
        reason: None,
        known_by: None,
        changes: Vec::new(),
        requests: Vec::new(),
        verified: None,
        differences: Vec::new(),
        now,
        retried_in: retried_in(context, entry, job, row)?,
    };
    if let Some(story) = story {
        told.outcome = story.outcome.map(Outcome::word);
        (told.id, told.field, told.reason) = (story.id, story.field, story.reason);
        (told.known_by, told.changes, told.verified) = (story.class, story.changes, story.as_meant);
        told.differences = story.differences;
        let account = job.target.as_ref().and_then(Place::account);
        let id = told.id.clone();
        told.requests =
            story.requests.into_iter().map(|made| request(account, id.as_deref(), made)).collect();
    }
    if let Some(rejected) = rejected {
        told.outcome = Some(Outcome::Rejected.word());
        (told.field, told.reason) = (rejected.field, Some(rejected.reason));
        told.line = told.line.or(rejected.line);
        told.raw = rejected.raw.or(told.raw);
    }
    Ok(told)
}

fn request(account: Option<&Account>, id: Option<&str>, request: Request) -> RequestMade {
    let Request { operation, state, sent_ms, answer, misses, made, adopted } = request;
    let sent = sent_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).map(instant::print);
    let (kind, body, before) = (operation.kind, operation.body, operation.before);
    let line = account.and_then(|account| connect::request_line(account, kind, id));
    RequestMade { kind, request: line, state, sent, body, before, answer, misses, made, adopted }
}

fn journal_of(entry: &RunEntry) -> Result<Journal> {
    Journal::new(checkpoint::open(&entry.checkpoint())?)
}

/// A row as a stage of the run has it.
fn staged(entry: &RunEntry, stage: &str, row: u64) -> Result<Option<StagedRow>> {
    let staging = Staging::open(&entry.path, stage)?;
    if staging.finished()?.is_none() {
        return Ok(None);
    }
    let mut rows = staging.read()?;
    while let Some(batch) = rows.next_rows()? {
        if batch.last().is_some_and(|last| last.row < row) {
            continue;
        }
        return Ok(batch.into_iter().find(|staged| staged.row == row));
    }
    Ok(None)
}

/// Why a row was rejected before the plan; all reasons of the last stage that said anything.
fn rejected(entry: &RunEntry, row: u64) -> Result<Option<crate::report::RejectedRow>> {
    let after = row.saturating_sub(1);
    let found = Rejects::open(&entry.path)?.after(after, "\u{10ffff}", PAGE)?;
    Ok(found.into_iter().find(|rejected| rejected.row == row))
}

/// The cells of a row, and each step that the mapping takes with them. Records of a service need its schema to be
/// taken apart, and are shown as they were read.
fn read(
    context: &Context,
    entry: &RunEntry,
    job: &Job,
    journal: &Journal,
    staged: &StagedRow,
) -> Result<(Vec<Cell>, Option<Trace>)> {
    if !matches!(job.source, Place::File { .. }) {
        return Ok((Vec::new(), None));
    }
    let input = Input::of_finished(entry, job)?;
    let texts = Cells::of(&input, job, Some(journal))?.of_row(input.reads(), staged);
    let cells = input.headers().into_iter().zip(texts);
    let cells = cells.map(|(column, text)| Cell { column, text }).collect();
    let (Some(text), Some(target)) = (&job.mapping, &job.target) else { return Ok((cells, None)) };
    let Ok(record) = input.reads().decode(staged) else { return Ok((cells, None)) };
    let mapping = mapped::mapping(context, text, &mapped::endpoint(&job.source), &mapped::endpoint(target))?;
    let bound = mapped::bind(mapping, &input, job, None)?;
    Ok((cells, Some(bound.trace(&record, staged.row))))
}

/// What the service holds of a row's record now.
fn now(context: &Context, job: &Job, story: &Story) -> Result<Option<Now>> {
    let (Some(id), Some(place)) = (&story.id, &job.target) else { return Ok(None) };
    let stream = context.reopen(place)?;
    let target = stream.target()?;
    if !target.lists() {
        return Ok(None);
    }
    let found = target.read(std::slice::from_ref(id))?.into_iter().next();
    let Some(raw) = found else {
        return Ok(Some(Now { state: "gone", updated: None, edits: Vec::new() }));
    };
    let cannot = |why| Error::stopped(format!("record {id} cannot be read: {why}"));
    let record = stream.source.decoder().decode(&raw.raw).map_err(cannot)?;
    let updated = record.updated.clone().or_else(|| record.created.clone());
    let done = story.requests.iter().filter(|request| is_done(request)).count();
    if done == 0 || holds(&**target, story, &record) {
        let state = match done {
            0 => "nothing was written",
            all if all == story.requests.len() => "as written",
            _ => "written in part",
        };
        return Ok(Some(Now { state, updated, edits: Vec::new() }));
    }
    let schema = stream.source.schema()?;
    let unwritten = unwritten(story);
    let written = story.changes.iter().filter(|change| !unwritten.iter().any(|name| is_of(change, name)));
    let edits = written.filter_map(|change| edit(&schema, &record, change)).collect();
    Ok(Some(Now { state: "changed since", updated, edits }))
}

/// Whether the record holds what a request meant: it was carried out, or had nothing left to do.
fn is_done(request: &Request) -> bool {
    matches!(request.state.as_str(), "done" | "already")
}

/// The fields that only requests name which were refused or are outstanding.
fn unwritten(story: &Story) -> BTreeSet<String> {
    let named = |done: bool| {
        let mut names = BTreeSet::new();
        for Request { operation, .. } in story.requests.iter().filter(|request| is_done(request) == done) {
            match operation.kind {
                OperationKind::Tags => drop(names.insert("_tags".to_owned())),
                _ => keys(&operation.body, &mut names),
            }
        }
        names
    };
    &named(false) - &named(true)
}

/// The names in a body, however deep.
fn keys(body: &Value, names: &mut BTreeSet<String>) {
    match body {
        Value::Object(parts) => parts.iter().for_each(|(name, part)| {
            names.insert(escape_name(name));
            keys(part, names);
        }),
        Value::Array(items) => items.iter().for_each(|item| keys(item, names)),
        _ => {}
    }
}

/// Whether a difference is of the field of that name: whole, or under one of its modifiers.
fn is_of(change: &Change, name: &str) -> bool {
    let rest = change.field.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
}

/// Whether a record still is what a row's requests made of it.
fn holds(target: &dyn Target, story: &Story, record: &Record) -> bool {
    story.requests.iter().filter(|request| request.state == "done").all(|request| {
        match request.operation.kind {
            OperationKind::Create => target.holds(&request.operation, record),
            _ => target.update_state(&request.operation, record) == UpdateState::AsMeant,
        }
    })
}

/// How a field that was written differs now.
fn edit(schema: &Schema, record: &Record, written: &Change) -> Option<Change> {
    let place = schema.resolve(&written.field, Side::From).ok()?;
    let now = texts(record, &place);
    // A service may show the same value in another spelling, such as an address in angle brackets.
    let folded = |texts: &[String]| {
        let mut folded: Vec<_> =
            texts.iter().map(|text| canonical::value(&Value::from(text.as_str()))).collect();
        folded.sort();
        folded
    };
    let differs = folded(&now) != folded(&written.after);
    differs.then(|| Change { field: written.field.clone(), before: written.after.clone(), after: now })
}

fn texts(record: &Record, place: &FieldRef) -> Vec<String> {
    let entries = record.field(&place.name).into_iter().flat_map(|field| &field.entries);
    let of_place = entries.filter(|entry| match &place.modifier {
        Modifier::Named(modifier) => &entry.modifier == modifier,
        Modifier::Any | Modifier::First => true,
    });
    let values = of_place.filter_map(|entry| match (&place.part, &entry.value) {
        (Some(part), Value::Object(parts)) => parts.get(part).map(to_text),
        (Some(_), _) => None,
        (None, value) => Some(to_text(value)),
    });
    values.filter(|text| !text.is_empty()).collect()
}

/// Later retries of the same rows that have taken this one.
fn retried_in(context: &Context, entry: &RunEntry, job: &Job, row: u64) -> Result<Vec<String>> {
    let first = job.retry.as_ref().map_or(entry.name.as_str(), |retry| retry.first.as_str());
    let mut found = Vec::new();
    let later = context.runs.list()?.into_iter().skip_while(|other| other.name != entry.name).skip(1);
    for other in later {
        let Ok(Job { retry: Some(retry), load, .. }) = other.job::<Job>() else { continue };
        let took = retry.first == first && !load.dry_run;
        if took && (journal_of(&other)?.story(row)?.is_some() || rejected(&other, row)?.is_some()) {
            found.push(other.name);
        }
    }
    Ok(found)
}
