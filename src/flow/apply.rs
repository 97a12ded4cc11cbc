//! `apply`: a plan that `ferry plan` saved is carried out exactly as it was shown, or not at all.
//!
//! Before the first write the account, the input file, the mapping and the plan's digest are compared with what
//! the plan was made from; another one is a check that does not hold, and the plan stays as it is. The run of the
//! plan becomes the run of its carrying out: it is resumed like an import, and never carried out twice. Until the
//! plan was confirmed it stays a plan.

use super::context::Context;
use super::input::hash_file;
use super::job::{APPLY, Job, PLAN, Place};
use super::others::OtherRuns;
use super::resume::{go_on, untouched};
use super::verify::Further;
use super::{Ended, execute, page};
use crate::error::{Error, Result};
use crate::load::journal::Journal;
use crate::report::Summary;
use crate::report::summary::Status;
use crate::run::checkpoint;
use crate::run::folder::{RunEntry, RunFolder};

/// Facts in the journal: that somebody, or `--yes`, has confirmed the plan, and the runs of the account that had
/// left something unsettled when it was made.
const CONFIRMED: &str = "confirmed";
const UNSETTLED: &str = "unsettled";

/// How a plan is to be carried out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes {
    /// Do so many rows first and look at what came of them.
    pub canary: Option<u64>,
    /// Refuse a plan that changes more records than this.
    pub max_changes: Option<u64>,
    /// Refuse a plan that deletes more records than this.
    pub max_deletes: Option<u64>,
    /// Wait so many seconds for another writer to end.
    pub lock_wait: u64,
}

/// Carries out the plan of the run whose name has `part` in it; goes on with one that was interrupted, and gives
/// the account of a finished one again.
///
/// # Errors
/// When there is no such run, it has no plan to carry out, or another process works on it.
pub fn apply(context: &Context, part: &str, wishes: Wishes) -> Result<Ended> {
    let entry = context.runs.find(part)?;
    let folder = context.runs.open(&entry)?;
    let mut job: Job = folder.job()?;
    if job.applies_plan() && (confirmed(&folder)? || is_over(&folder)?) {
        if !is_over(&folder)?
            && let Err(error) = same_accounts(context, &job)
        {
            return refused(context, &entry, &job, error);
        }
        drop(folder);
        return go_on(context, &entry);
    }
    if job.applies_plan() {
        // It ended between the command and the answer to its question.
        (job.command, job.load.dry_run) = (PLAN.to_owned(), true);
    } else {
        can_be_applied(&job, &folder)?;
    }
    let planned = Summary::stored(folder.path())?;
    if let Err(error) = as_planned(context, &job) {
        return refused(context, &entry, &job, error);
    }
    let plan = job.clone();
    (job.command, job.load.dry_run) = (APPLY.to_owned(), false);
    job.load.canary = wishes.canary.or(job.load.canary);
    job.load.max_changes = wishes.max_changes.or(job.load.max_changes);
    job.load.max_deletes = wishes.max_deletes.or(job.load.max_deletes);
    job.load.lock_wait = wishes.lock_wait;
    folder.write_job(&job)?;
    let mut ended = execute(context, &folder, &job);
    if ended.error.is_some() && !confirmed(&folder)? {
        folder.write_job(&plan)?;
        ended.summary.is_plan = true;
        if let Some(planned) = planned {
            planned.store(&folder)?;
        }
    }
    Ok(ended)
}

/// How an apply ended that was refused: what was planned is still to be done.
fn refused(context: &Context, entry: &RunEntry, job: &Job, error: Error) -> Result<Ended> {
    let is_plan = Summary::stored(&entry.path)?.is_some_and(|summary| summary.status == Status::Planned);
    let mut ended = untouched(context, entry, job, error)?;
    let summary = &mut ended.summary;
    summary.command = APPLY.to_owned();
    summary.is_plan = is_plan;
    if is_plan {
        let planned = [&mut summary.created, &mut summary.updated, &mut summary.deleted];
        summary.pending += planned.into_iter().map(std::mem::take).sum::<u64>();
        summary.linked_created = 0;
    }
    Ok(ended)
}

/// Notes that the plan was confirmed: from here on it can only be gone on with.
pub(super) fn note_confirmed(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    journal: &Journal,
) -> Result<()> {
    journal.set_fact(CONFIRMED, "yes")?;
    tell_open(folder, job)?.map_or(Ok(()), |open| page(context, folder, job, &open))
}

/// Stores that a run can be resumed in place of how its last command ended, as long as nothing better is known: where
/// the process dies, nobody tells of it any more. Returns what is stored instead, if anything was.
pub(super) fn tell_open(folder: &RunFolder, job: &Job) -> Result<Option<Summary>> {
    let told = Summary::stored(folder.path())?.filter(|told| told.status != Status::Stopped);
    let Some(told) = told else { return Ok(None) };
    let mut open = Summary {
        status: Status::Stopped,
        read: told.read,
        filtered: told.filtered,
        rejected: told.rejected,
        requests: told.requests,
        retries: told.retries,
        seconds: told.seconds,
        complete: told.complete,
        files: told.files,
        ..Summary::new(folder.name(), &job.command)
    };
    open.rest_is_pending();
    open.store(folder)?;
    Ok(Some(open))
}

/// Whether a run has a plan that was confirmed and is not carried out yet, whatever its summary tells.
pub(super) fn is_under_way(entry: &RunEntry) -> Result<bool> {
    let path = entry.checkpoint();
    if !path.is_file() {
        return Ok(false);
    }
    let journal = Journal::new(checkpoint::open(&path)?)?;
    Ok(journal.fact(CONFIRMED)?.is_some() && journal.open_operations()? > 0)
}

/// Notes which runs of the account had left something unsettled when a plan was made.
pub(super) fn note_unsettled(journal: &Journal, others: &OtherRuns) -> Result<()> {
    let open: Vec<String> = others.open()?.into_iter().map(|run| run.name).collect();
    journal.set_fact(UNSETTLED, &open.join("\n"))
}

/// A kept plan waits until what other runs have sent since it was made is settled: a record that one of them made
/// without knowing could be taken for one of ours.
///
/// # Errors
/// When there is such a run, naming it (class `Stopped`).
pub(super) fn refuse_unsettled(job: &Job, journal: &Journal, others: &OtherRuns) -> Result<()> {
    if !job.applies_plan() {
        return Ok(());
    }
    let then = journal.fact(UNSETTLED)?.unwrap_or_default();
    let since = others.open()?.into_iter().find(|run| !then.lines().any(|known| known == run.name));
    since.map_or(Ok(()), |run| {
        let name = &run.name;
        let why = format!("run `{name}` has sent something since the plan was made that is not settled yet");
        Err(Error::stopped(why).hint(format!("go on with `{}` first", run.way_on())))
    })
}

/// Compares a plan, with the records that are made for links, with the limits that were given.
///
/// # Errors
/// When it does more than is allowed (class `Check`).
pub(super) fn keep_limits(job: &Job, journal: &Journal, first: &[Further]) -> Result<()> {
    if journal.fact(CONFIRMED)?.is_some() {
        return Ok(());
    }
    let to_do = journal.to_do()?;
    let first = first.iter().try_fold(0, |sum, made| Ok::<_, Error>(sum + made.journal.to_do()?.rows()))?;
    for (number, most, flag, what) in [
        (to_do.rows() + first, job.load.max_changes, "--max-changes", "changes"),
        (to_do.deletes, job.load.max_deletes, "--max-deletes", "deletes"),
    ] {
        if let Some(most) = most.filter(|most| number > *most) {
            let why = format!("the plan {what} {number} records, and {most} are allowed");
            return Err(Error::check(why).hint(format!(
                "if they are all meant, allow them with `{flag} {number}`; nothing was sent"
            )));
        }
    }
    Ok(())
}

fn journal(folder: &RunFolder) -> Result<Journal> {
    Journal::new(checkpoint::open(&folder.path().join(checkpoint::FILE))?)
}

fn confirmed(folder: &RunFolder) -> Result<bool> {
    Ok(journal(folder)?.fact(CONFIRMED)?.is_some())
}

fn is_over(folder: &RunFolder) -> Result<bool> {
    let status = Summary::stored(folder.path())?.map(|summary| summary.status);
    Ok(matches!(status, Some(Status::Done | Status::Partial)))
}

/// Whether a run has a plan that is kept to be carried out.
fn can_be_applied(job: &Job, folder: &RunFolder) -> Result<()> {
    let name = folder.name();
    if !job.keeps_plan() {
        let why = format!("run `{name}` has no plan to carry out: it is an `{}`", job.command);
        let way = match job.load.dry_run {
            true => "a dry run keeps none; `ferry plan FILE TARGET` does".to_owned(),
            false => format!("go on with it by `ferry resume {name}`; `ferry plan FILE TARGET` makes a plan"),
        };
        return Err(Error::input(why).hint(way));
    }
    match Summary::stored(folder.path())?.map(|summary| summary.status) {
        Some(Status::Planned) => Ok(()),
        _ => Err(Error::input(format!("the plan of run `{name}` is not finished"))
            .hint(format!("finish it with `ferry resume {name}`"))),
    }
}

/// Whether everything is as it was when the plan was made.
fn as_planned(context: &Context, job: &Job) -> Result<()> {
    same_accounts(context, job)?;
    if let Place::File { endpoint, sha256: Some(sha256) } = &job.source {
        let path = endpoint.path.display();
        let differs = match hash_file(&endpoint.path) {
            Ok(now) if now == *sha256 => None,
            Ok(_) => Some(format!("`{path}` has changed since the plan was made")),
            Err(_) => Some(format!("`{path}`, which the plan was made from, cannot be read any more")),
        };
        if let Some(differs) = differs {
            return Err(Error::check(differs).hint("make a new plan, or put the file back as it was"));
        }
    }
    let Some(mapping) = &job.mapping else { return Ok(()) };
    let path = mapping.path.display();
    let again = "make a new plan, or put the mapping back as it was";
    match std::fs::read_to_string(&mapping.path) {
        Ok(now) if now == mapping.text => Ok(()),
        Ok(_) => {
            Err(Error::check(format!("the mapping `{path}` has changed since the plan was made")).hint(again))
        }
        Err(cause) => Err(Error::check(format!("the mapping `{path}` cannot be read any more"))
            .because(cause)
            .hint(again)),
    }
}

/// Whether the connections of a plan lead where they led when it was made. A plan for another account is a check that
/// does not hold (class `Check`), also when it has been carried out in part.
fn same_accounts(context: &Context, job: &Job) -> Result<()> {
    for place in [Some(&job.source), job.target.as_ref()].into_iter().flatten() {
        let Place::Stream { connection, stream, account: Some(then) } = place else { continue };
        let opened = context.open(connection, stream)?;
        let now = opened.source.account();
        if then != now {
            let why = format!(
                "the plan was made for the {then}, and the connection `{connection}` leads to the {now}"
            );
            return Err(Error::check(why)
                .hint("set the connection's variables to the account that the plan was made for"));
        }
    }
    Ok(())
}
