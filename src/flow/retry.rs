//! `retry`: only the rows that a run left failed or rejected, as they were read or as a file has them repaired.
//!
//! A retry is a run of its own with the same mapping, target and account. Its input is staged before the way of the
//! data begins, so that from there on it is an import like any other. A row keeps the number that it has in the first
//! run, through any number of retries, and belongs to the last run that took it: whatever that run says of it holds.
//! So no row is sent twice that was carried out once, and one whose record was made is only completed.
//!
//! While a retry works, the first run is locked: nobody can resume, undo or retry it meanwhile.

use super::context::Context;
use super::input::{self, Reads, hash_file};
use super::job::{Job, Place, Retry};
use super::repaired;
use super::tolerance::Tolerance;
use super::undo::refuse_undone;
use crate::connect::files::{self, FileEndpoint, Row, RowDecoder, TableReader};
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::extract::staging::Staging;
use crate::load::journal::{Journal, Outcome, Standing};
use crate::record::RawRecord;
use crate::record::census::Census;
use crate::record::schema::Schema;
use crate::report::Rejects;
use crate::report::figures::counted;
use crate::run::checkpoint;
use crate::run::folder::{RunEntry, RunFolder};
use crate::run::parts::StagedRow;

/// The column that says which row of the first run a row of a repaired file is.
const ROW: &str = "_ferry_row";
/// Rows worked on at a time.
pub(super) const CHUNK: usize = 1_024;

/// The job of a retry of the run whose name has `part` in it; `repaired` is a file with its rows as they should be.
///
/// # Errors
/// When the run sends nothing, is not finished or was taken back.
pub fn ask(context: &Context, part: &str, repaired: Option<Place>) -> Result<Job> {
    let entry = context.runs.find(part)?;
    let known: Job = entry.job()?;
    let name = &entry.name;
    if known.delete.is_some() || known.undo.is_some() || !matches!(known.target, Some(Place::Stream { .. })) {
        let hint = match &known.undo {
            Some(undo) => format!("what it has left is taken back by `ferry undo {}` once more", undo.run),
            None => "only what an import, a load or a retry has left behind is retried".to_owned(),
        };
        return Err(Error::input(format!(
            "run `{name}` has not loaded anything, so nothing can be tried again"
        ))
        .hint(hint));
    }
    if known.load.dry_run {
        return Err(Error::input(format!("run `{name}` was only to plan")).hint("import without `-n` first"));
    }
    if super::planning::saved(&journal_of(&entry)?)?.is_none() {
        return Err(Error::input(format!(
            "run `{name}` stopped before its plan was made, so that no row of it has failed yet"
        ))
        .hint(format!("go on with `ferry resume {name}`")));
    }
    let first = known.retry.as_ref().map_or_else(|| name.clone(), |retry| retry.first.clone());
    let mut retry = Retry { first, of: name.clone(), repaired: repaired.is_some(), file: None };
    for entry in chain(context, &retry.first, "")? {
        refuse_unsettled(&entry, &journal_of(&entry)?)?;
    }
    let mut job = known;
    job.command = "retry".to_owned();
    job.version = env!("CARGO_PKG_VERSION").to_owned();
    job.asked = jiff::Timestamp::now().to_string();
    job.selection = crate::extract::Selection::default();
    job.since_last = false;
    // These were said of the whole input, and of the account as it was then.
    job.load.tolerance = Tolerance::default();
    (job.load.delete_missing, job.load.expect, job.load.canary) = (None, None, None);
    if let Some(file) = repaired {
        // What a spreadsheet makes of the file is found out again; how its cells are meant stays.
        job.read.encoding = None;
        job.read.delimiter = None;
        match &job.source {
            Place::File { endpoint, .. } if endpoint.format.is_text_table() => job.source = file,
            _ => retry.file = Some(file),
        }
    }
    job.retry = Some(retry);
    Ok(job)
}

/// Stages a retry's rows as its input, unless its plan is saved already. Returns the first run, locked, to be held
/// while the retry works.
///
/// # Errors
/// When a run that had the rows is in use or not finished, or the repaired file cannot be joined to it.
pub(super) fn gather(context: &Context, folder: &RunFolder, job: &Job, retry: &Retry) -> Result<RunFolder> {
    let entries = chain(context, &retry.first, folder.name())?;
    let first = entries.first().filter(|entry| entry.name == retry.first);
    let gone = || Error::input(format!("run `{}`, whose rows are retried, is gone", retry.first));
    let held = context.runs.open(first.ok_or_else(gone)?)?;
    let mut journal = Journal::new(checkpoint::open(&folder.path().join(checkpoint::FILE))?)?;
    for entry in &entries {
        refuse_undone(entry)?;
    }
    if super::planning::saved(&journal)?.is_some() {
        return Ok(held);
    }
    journal.begin_earlier()?;
    let mut of = None;
    for entry in &entries {
        let number = note_standings(entry, &mut journal)?;
        if entry.name == retry.of {
            of = Some((entry, number));
        }
    }
    let (of, number) = of.ok_or_else(gone)?;
    let file = retry.file.as_ref().or(retry.repaired.then_some(&job.source));
    match file {
        Some(Place::File { endpoint, sha256 }) => {
            let reader = keep_all(context, job, endpoint, sha256.as_deref(), &mut journal)?;
            let (schema, decoder) =
                (reader.schema(), RowDecoder::new(endpoint.format, reader.schema(), &job.read));
            let staging = Staging::restart(folder.path(), input::STAGE)?;
            match &retry.file {
                None => stage_kept(staging, schema, reader.doubled(), &Reads::File(decoder), &journal)?,
                Some(_) => repaired::stage(context, &held, schema, &decoder, staging, &journal)?,
            }
        }
        _ => {
            stage_again(folder, of, number, &journal)?;
            say_what_is_left(context, of, number, &journal)?;
        }
    }
    Ok(held)
}

/// The first run and its retries, the oldest first, but for the one that asks.
fn chain(context: &Context, first: &str, this: &str) -> Result<Vec<RunEntry>> {
    let of_first = |entry: &RunEntry| {
        entry.name == first
            || entry
                .job::<Job>()
                .is_ok_and(|job| !job.load.dry_run && job.retry.is_some_and(|retry| retry.first == first))
    };
    Ok(context.runs.list()?.into_iter().filter(|entry| entry.name != this && of_first(entry)).collect())
}

fn journal_of(entry: &RunEntry) -> Result<Journal> {
    Journal::new(checkpoint::open(&entry.checkpoint())?)
}

/// A row without an outcome may still be sent by its own run, and by that one alone.
fn refuse_unsettled(entry: &RunEntry, journal: &Journal) -> Result<()> {
    refuse_undone(entry)?;
    if journal.counts()?.get(&None).is_none_or(|open| *open == 0) {
        return Ok(());
    }
    Err(Error::input(format!("run `{}` is not finished: rows of it are still to be sent", entry.name))
        .hint(format!("go on with `ferry resume {}` first", entry.name)))
}

/// Copies how the rows of a run stood.
fn note_standings(entry: &RunEntry, journal: &mut Journal) -> Result<i64> {
    let theirs = journal_of(entry)?;
    refuse_unsettled(entry, &theirs)?;
    let mut rejects = Rejects::open(&entry.path)?;
    journal.transaction(|journal| {
        let number = journal.add_earlier_run(&entry.name)?;
        let mut after = 0;
        loop {
            let standings = theirs.standings(after, CHUNK)?;
            let Some(last) = standings.last() else { break };
            after = last.row;
            standings.iter().try_for_each(|standing| journal.stood(number, standing))?;
        }
        let mut after = (0, String::new());
        loop {
            let rejected = rejects.after(after.0, &after.1, CHUNK)?;
            let Some(last) = rejected.last() else { return Ok(number) };
            after = (last.row, last.stage.clone());
            for row in rejected.iter().map(|rejected| rejected.row) {
                journal.stood(number, &Standing { row, outcome: Some(Outcome::Rejected), made: None })?;
            }
        }
    })
}

/// Stages rows as an earlier run has read them.
fn stage_again(folder: &RunFolder, of: &RunEntry, number: i64, journal: &Journal) -> Result<()> {
    let theirs = Staging::open(&of.path, input::STAGE)?;
    let mut staging = Staging::restart(folder.path(), input::STAGE)?;
    for note in ["schema", "doubled", input::REPAIRED] {
        if let Some(text) = theirs.note(note)? {
            staging.set_note(note, text);
        }
    }
    let mut census = Some(theirs.census().clone());
    let mut rows = theirs.read()?;
    while let Some(batch) = rows.next_rows()? {
        let first = batch.first().map_or(0, |staged| staged.row);
        let mut left = Vec::new();
        for staged in batch {
            if journal.is_left_by(number, staged.row)? {
                left.push(staged);
            }
        }
        staging.rows(&format!("rows {first}"), left, census.take().unwrap_or_default())?;
    }
    staging.finish(&Completeness::Complete)?;
    Ok(())
}

/// Rows that only a repaired file, or another run, can try again.
fn say_what_is_left(context: &Context, of: &RunEntry, number: i64, journal: &Journal) -> Result<()> {
    let broken = Rejects::open(&of.path)?.count_of(input::STAGE)?;
    if broken > 0 {
        let rows = counted(broken, "row");
        context.reporter.say(format!(
            "{rows} could not be taken apart: repair them in `rejected.csv` and give the file to `ferry retry`"
        ));
    }
    for (name, rows) in journal.taken_after(number)? {
        context.reporter.say(format!("{} tried again since: see `ferry retry {name}`", counted(rows, "row")));
    }
    Ok(())
}

/// Keeps the rows of a repaired file, each under its number in the first run.
fn keep_all(
    context: &Context,
    job: &Job,
    endpoint: &FileEndpoint,
    sha256: Option<&str>,
    journal: &mut Journal,
) -> Result<Box<dyn TableReader>> {
    let name = endpoint.path.display();
    if let Some(expected) = sha256
        && hash_file(&endpoint.path)? != expected
    {
        return Err(Error::input(format!("`{name}` has changed since the run was begun"))
            .hint("begin a new retry with the file as it is now"));
    }
    let mut reader = files::open(endpoint, &job.read)?;
    for notice in reader.notices() {
        context.reporter.say(notice);
    }
    let schema = reader.schema().clone();
    let Some(column) = schema.fields.iter().position(|field| field.name == ROW) else {
        return Err(Error::input(format!("`{name}` has no column `{ROW}`, which says what row each is"))
            .hint("repair a copy of the run's `rejected.csv`; rows that are new are for `ferry import`"));
    };
    let decoder = RowDecoder::new(endpoint.format, &schema, &job.read);
    let mut passed_over = 0;
    loop {
        let mut rows = reader.next_rows(CHUNK)?;
        if rows.is_empty() {
            break;
        }
        let read = rows.len();
        rows.retain(|row| !matches!(row, Row::Good { raw, .. } if decoder.is_blank(raw)));
        passed_over += (read - rows.len()) as u64;
        journal.transaction(|journal| {
            rows.iter().try_for_each(|row| {
                keep(journal, &decoder, column, row).map_err(|why| {
                    Error::input(format!("`{name}`, {why}"))
                        .hint("nothing was sent; repair the file and retry")
                })
            })
        })?;
    }
    input::say_passed_over(context, &schema.of, passed_over);
    Ok(reader)
}

/// Keeps a row under its number, or says what is wrong with it.
fn keep(journal: &Journal, decoder: &RowDecoder, column: usize, row: &Row) -> Result<(), String> {
    let (line, raw) = match row {
        Row::Good { line, raw, .. } => (*line, raw),
        Row::Bad { reason, .. } => return Err(reason.clone()),
    };
    let cells = decoder.original(raw);
    let text = cells.get(column).map_or("", |cell| cell.trim());
    let number: u64 = text.parse().map_err(|_| match text {
        "" => format!("line {line}: `{ROW}` is blank; a row that is new is for `ferry import`"),
        other => format!("line {line}: `{other}` in `{ROW}` is no row's number"),
    })?;
    match journal.keep_repaired(number, line, raw) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("line {line}: row {number} stands in it already")),
        Err(error) => Err(error.chain()),
    }
}

fn stage_kept(
    mut staging: Staging,
    schema: &Schema,
    doubled: &[String],
    reads: &Reads,
    journal: &Journal,
) -> Result<()> {
    let failed = |cause| Error::stopped("cannot note the file's columns").because(cause);
    staging.set_note("schema", serde_json::to_string(schema).map_err(failed)?);
    staging.set_note("doubled", serde_json::to_string(doubled).map_err(failed)?);
    let mut after = 0;
    loop {
        let kept = journal.repaired(after, CHUNK)?;
        let (Some(first), Some(last)) = (kept.first(), kept.last()) else { break };
        let key = format!("rows {}", first.0);
        after = last.0;
        let mut census = Census::default();
        let rows: Vec<_> = kept
            .into_iter()
            .map(|(row, line, raw)| {
                let record = RawRecord { id: None, kind: None, created: None, updated: None, raw };
                StagedRow { row, line: Some(line), record }
            })
            .collect();
        for record in rows.iter().filter_map(|staged| reads.decode(staged).ok()) {
            census.add(&record);
        }
        staging.rows(&key, rows, census)?;
    }
    staging.finish(&Completeness::Complete)?;
    Ok(())
}
