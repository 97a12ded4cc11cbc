//! The way of the data: the only place that knows all stages.
//!
//! A command becomes a [`Job`], noted in the run's folder before the first request. [`execute`]
//! carries it out, and carries it on: each step asks the checkpoint whether an earlier life has done it.

pub mod apply;
pub mod as_exported;
mod bases;
mod canary;
mod cells;
pub mod checking;
pub mod context;
mod delete;
mod direct;
pub mod discover;
pub mod drafting;
pub mod explain;
mod export;
pub mod fields;
mod first;
pub mod input;
pub mod job;
mod linking;
mod links;
mod load;
pub mod loss;
mod made;
mod making;
mod mapped;
mod merge;
pub mod missing;
mod others;
mod output;
mod planning;
pub mod records;
mod repaired;
mod results;
pub mod resume;
pub mod retry;
pub mod schemas;
mod searching;
pub mod shown;
mod since;
pub mod tolerance;
pub mod undo;
mod verify;
mod watched;
mod zone;

use crate::error::{Error, Result};
use crate::report::html::{self, About};
use crate::report::summary::Status;
use crate::report::{Rejects, Summary};
use crate::run::folder::RunFolder;
use context::Context;
use input::Input;
use job::{Job, Place};

/// How a job ended.
pub struct Ended {
    /// Its accounts.
    pub summary: Summary,
    /// Why it ended early, if it did.
    pub error: Option<Error>,
}

impl Ended {
    /// The process exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.summary.exit_code_after(self.error.as_ref())
    }
}

/// Carries a job out, or on from where an earlier life of its run ended. The summary is stored in the run's
/// folder whatever happens.
#[must_use]
pub fn execute(context: &Context, folder: &RunFolder, job: &Job) -> Ended {
    let mut summary = Summary::new(folder.name(), &job.command);
    if let Ok(Some(earlier)) = Summary::stored(folder.path()) {
        (summary.requests, summary.retries, summary.seconds) =
            (earlier.requests, earlier.retries, earlier.seconds);
    }
    let asked = with_accounts(context, folder, job);
    let result = asked.and_then(|job| carry_out(context, folder, &job, &mut summary));
    conclude(context, folder, job, summary, result)
}

/// Notes a load of what a run has extracted, or its mapping, in place of one that was planned before. A run that has
/// sent something keeps to what it was for.
///
/// # Errors
/// When it has (class `Input`), or the folder cannot be used.
pub fn ask_anew(folder: &RunFolder, job: &Job) -> Result<()> {
    if job.delete.is_some() || job.undo.is_some() {
        return Err(Error::input(format!("run `{}` takes away, it has nothing to load", folder.name())));
    }
    planning::forget(folder)?;
    folder.write_job(job)?;
    apply::tell_open(folder, job).map(|_| ())
}

/// Maps what a run has extracted into parts, and no more.
#[must_use]
pub fn transform(context: &Context, folder: &RunFolder, job: &Job) -> Ended {
    let mut summary = Summary::new(folder.name(), &job.command);
    let result = with_accounts(context, folder, job)
        .and_then(|job| mapped::transform(context, folder, &job, &mut summary));
    conclude(context, folder, job, summary, result)
}

/// Where the next `--since last` begins, if the run of that name was the last of its kind.
///
/// # Errors
/// When the state folder cannot be read.
pub fn watermark_of(context: &Context, run: &str) -> Result<Option<jiff::Timestamp>> {
    let marks = crate::run::watermark::Watermarks::below(context.runs.state());
    Ok(marks.of_run(run)?.map(|(_, watermark)| watermark.watermark))
}

/// The job with the accounts that its connections lead to, noted for later lives of the run.
fn with_accounts(context: &Context, folder: &RunFolder, job: &Job) -> Result<Job> {
    let mut known = job.clone();
    let first_life = job.source.account().is_none();
    for place in [Some(&mut known.source), known.target.as_mut()].into_iter().flatten() {
        if let Place::Stream { connection, stream, account: account @ None } = place {
            *account = Some(context.open(connection, stream)?.source.account().clone());
        }
    }
    if first_life {
        since::resolve(context, &mut known)?;
    }
    if &known != job || folder.job::<Job>()? != known {
        folder.write_job(&known)?;
    }
    Ok(known)
}

fn carry_out(context: &Context, folder: &RunFolder, job: &Job, summary: &mut Summary) -> Result<()> {
    if let (Some(target), Some(asked)) = (&job.target, &job.undo) {
        return undo::run(context, folder, job, target, asked, summary);
    }
    let retried = job.retry.as_ref().map(|retry| retry::gather(context, folder, job, retry));
    let _held = retried.transpose()?;
    match (&job.target, job.delete) {
        (None, _) => extract(context, folder, job, summary)?,
        (Some(Place::File { endpoint, .. }), _) => export::run(context, folder, job, endpoint, summary)?,
        (Some(target), Some(most)) => delete::run(context, folder, job, target, most, summary)?,
        (Some(Place::Stream { .. }), None) => load::run(context, folder, job, summary)?,
    }
    since::note(context, folder, job, summary)
}

/// Notes how a job ended, whatever happened.
fn conclude(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    mut summary: Summary,
    result: Result<()>,
) -> Ended {
    // Exit 2 promises that nothing was written.
    let written = || context.has_written() || planning::has_begun(folder);
    let mut error = result.err().map(|error| if written() { error.on_the_way() } else { error });
    summary.status = error.as_ref().map_or(summary.status, Status::after);
    if error.is_some() {
        summary.rest_is_pending();
    }
    let (requests, retries) = context.requests();
    summary.requests += requests;
    summary.retries += retries;
    summary.seconds += context.began.elapsed().as_secs_f64();
    if error.is_none()
        && let Err(why) = summary.balances()
    {
        error = Some(Error::check(format!("the accounts of this run do not balance: {why}")));
    }
    let stored = summary.store(folder).and_then(|()| page(context, folder, job, &summary));
    if let Err(unstored) = stored {
        error.get_or_insert(unstored);
    }
    Ended { summary, error }
}

/// The report for people.
fn page(context: &Context, folder: &RunFolder, job: &Job, summary: &Summary) -> Result<()> {
    let target = job.target.as_ref().map(Place::name);
    let settle = match &job.target {
        Some(Place::Stream { connection, .. }) => {
            context.connection(connection).ok().map(|known| known.settle)
        }
        _ => None,
    };
    let about = About { source: &job.source.name(), target: target.as_deref(), settle };
    html::write(folder, summary, &about)
}

/// An extract alone.
fn extract(context: &Context, folder: &RunFolder, job: &Job, summary: &mut Summary) -> Result<()> {
    let mut rejects = Rejects::open(folder.path())?;
    let mut input = Input::open(context, folder, job)?;
    read_input(context, folder, job, &mut input, &mut rejects, summary)?;
    summary.rejected = rejects.count()?;
    summary.mapped = summary.read - summary.rejected;
    summary.written = summary.mapped;
    summary.conclude();
    Ok(())
}

/// Extracts the input and notes in the summary what was read.
fn read_input(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    input: &mut Input,
    rejects: &mut Rejects,
    summary: &mut Summary,
) -> Result<()> {
    let extracted = input.extract(context, &job.selection, rejects);
    summary.read = input.staging().count()? + rejects.count_of(input::STAGE)?;
    let completeness = extracted?;
    since::list_deletions(context, folder, input.staging(), summary)?;
    say_completeness(context, &job.source.name(), &completeness);
    summary.complete = summary.complete.and((&completeness).into());
    Ok(())
}

fn say_completeness(context: &Context, of: &str, completeness: &crate::extract::Completeness) {
    use crate::extract::Completeness::{Complete, Incomplete, Unproven};
    match completeness {
        Complete => {}
        Unproven(why) => context.reporter.say(format!("{of}: that this is everything is not proven: {why}")),
        Incomplete(why) => context.reporter.warn(format!("{of}: the read is incomplete: {why}")),
    }
}
