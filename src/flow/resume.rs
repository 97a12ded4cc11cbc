//! Going on with a run, or giving a finished one's account again.

use super::apply::is_under_way;
use super::context::Context;
use super::job::{Job, Place};
use super::undo::refuse_undone;
use super::{Ended, execute, transform};
use crate::error::{Class, Error, Result};
use crate::report::Summary;
use crate::report::summary::Status;
use crate::run::folder::RunEntry;

/// Goes on with the run whose name has `part` in it, or, without one, with the newest that can be resumed;
/// where there is none, the newest finished run's stored summary is given again (design section 4).
///
/// # Errors
/// When there is no such run, or another process works on it.
pub fn resume(context: &Context, part: Option<&str>) -> Result<Ended> {
    let entry = match part {
        Some(part) => context.runs.find(part)?,
        None => last(context)?,
    };
    go_on(context, &entry)
}

/// Goes on with a run, or gives the account of a finished one again.
///
/// # Errors
/// When another process works on it.
pub(super) fn go_on(context: &Context, entry: &RunEntry) -> Result<Ended> {
    let folder = context.runs.open(entry)?;
    let job: Job = folder.job()?;
    refuse_undone(entry)?;
    if let Some(summary) = Summary::stored(&entry.path)?
        && matches!(summary.status, Status::Done | Status::Partial | Status::Planned)
        && !is_under_way(entry)?
        && !was_begun(&job, &summary)
    {
        let name = &entry.name;
        context.reporter.say(match &job.undo {
            _ if job.keeps_plan() => format!("run `{name}` is a plan: carry it out with `ferry apply {name}`"),
            Some(undo) if summary.status == Status::Partial => format!(
                "run `{name}` has nothing left to do: what it has left is taken back by `ferry undo {}` once more",
                undo.run
            ),
            _ => format!("run `{name}` has nothing left to do"),
        });
        return Ok(Ended { summary, error: None });
    }
    context.reporter.say(format!("going on with run `{}`", entry.name));
    if let Err(error) = reach(context, &job) {
        return untouched(context, entry, &job, error);
    }
    Ok(match job.command.as_str() {
        "transform" => transform(context, &folder, &job),
        _ => execute(context, &folder, &job),
    })
}

/// Whether carrying out a plan was begun, and ended before the plan was confirmed.
fn was_begun(job: &Job, summary: &Summary) -> bool {
    job.applies_plan() && summary.status == Status::Planned
}

/// Opens the streams of a run, which have to lead where they led when it was begun.
fn reach(context: &Context, job: &Job) -> Result<()> {
    let known = |place: &&Place| matches!(place, Place::Stream { account: Some(_), .. });
    let mut places = [Some(&job.source), job.target.as_ref()].into_iter().flatten().filter(known);
    places.try_for_each(|place| context.reopen(place).map(|_| ()))
}

/// How a run ended that could not be gone on with. Nothing is stored: behind the right connection it can still
/// be resumed.
pub(super) fn untouched(context: &Context, entry: &RunEntry, job: &Job, error: Error) -> Result<Ended> {
    let stored = Summary::stored(&entry.path)?;
    let mut summary = stored.unwrap_or_else(|| Summary::new(&entry.name, &job.command));
    summary.status = Status::after(&error);
    summary.requests += context.requests().0;
    summary.retries += context.requests().1;
    Ok(Ended { summary, error: Some(error) })
}

/// The newest run that can be resumed, else the newest finished one. Runs that were only to plan are not meant.
fn last(context: &Context) -> Result<RunEntry> {
    let mut finished = None;
    for entry in context.runs.list()?.into_iter().rev() {
        let Ok(job) = entry.job::<Job>() else { continue };
        if job.load.dry_run {
            continue;
        }
        let undone = refuse_undone(&entry);
        let status = match Summary::stored(&entry.path)? {
            Some(summary) if was_begun(&job, &summary) => None,
            Some(Summary { status: Status::Done | Status::Partial | Status::Planned, .. })
                if undone.is_ok() && is_under_way(&entry)? =>
            {
                None
            }
            told => told.map(|summary| summary.status),
        };
        match status {
            None | Some(Status::Stopped) => match undone {
                Ok(()) => return Ok(entry),
                Err(error) if error.class() == Class::Input => {}
                // That nothing is left to do would not be true.
                Err(error) => return Err(error),
            },
            Some(Status::Done | Status::Partial) if undone.is_ok() => {
                finished.get_or_insert(entry);
            }
            Some(_) => {}
        }
    }
    finished.ok_or_else(|| Error::input("there is no run to resume").hint("list the runs with `ferry runs`"))
}
