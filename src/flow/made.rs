//! Rows without an `_id` in sheets that are imported again: what was made of them is remembered, beside the further
//! bases of the account's sheets, and known again by the next plan.

use super::context::Context;
use super::job::{Job, Place};
use super::{bases, output};
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::load::journal::{Journal, Outcome};
use crate::load::made::Made;
use crate::record::to_text;
use crate::report::Summary;
use crate::report::figures::{count, counted};
use crate::report::summary::Status;
use crate::run::checkpoint;
use crate::run::folder::RunFolder;
use crate::run::parts::StagedRow;
use crate::transform::draft::{Draft, TargetField};
use rayon::prelude::*;
use std::path::Path;

/// No more runs than these are named.
const NAMED: usize = 3;

/// Whether a run's rows are a sheet's, without a mapping.
fn is_sheet(job: &Job) -> bool {
    job.mapping.is_none() && matches!(job.source, Place::File { .. })
}

/// What earlier imports made of rows without an `_id`, those included that were killed; nothing where there is nothing
/// to know again. A retry knows its rows by their numbers.
pub(super) fn open(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    account: &Account,
    fields: &[TargetField],
) -> Result<Option<Made>> {
    if !is_sheet(job) || job.retry.is_some() {
        return Ok(None);
    }
    catch_up(context, folder.name(), account)?;
    if !bases::path(context, account).is_file() {
        return Ok(None);
    }
    let made = Made::new(bases::open(context, account)?)?;
    if made.is_empty()? {
        return Ok(None);
    }
    let place = |field: &TargetField| field.place.name == "_id" && field.place.part.is_none();
    if let Some(at) = fields.iter().position(place) {
        let id = |draft: Draft| Some(to_text(draft.values.get(at)?.as_ref()?.first()?).trim().to_owned());
        each_draft(folder.path(), |drafts| {
            made.name(&drafts.into_iter().filter_map(|(_, draft)| id(draft)).collect::<Vec<_>>())
        })?;
    }
    Ok(Some(made))
}

/// Rows of a saved plan without an `_id` or key, of which another run has made a record since: they are conflicts, since
/// sending them would make a second one.
pub(super) fn refuse_made_since(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    account: &Account,
    journal: &mut Journal,
) -> Result<()> {
    if !is_sheet(job) || job.retry.is_some() || job.load.mode.as_deref() == Some("create") {
        return Ok(());
    }
    catch_up(context, folder.name(), account)?;
    if !bases::path(context, account).is_file() {
        return Ok(());
    }
    let made = Made::new(bases::open(context, account)?)?;
    if made.is_empty()? {
        return Ok(());
    }
    each_draft(folder.path(), |drafts| {
        journal.transaction(|journal| {
            let is_new = |id: &str| Ok(!journal.was_read(id)? && !journal.made(id)?);
            for (row, draft) in drafts {
                let Some(digest) = draft.digest else { continue };
                if journal.is_unsent_without_key(row)?
                    && let Some(taken) = made.take(&digest, is_new)?
                {
                    let why = format!(
                        "run `{}` has made record {} of an equal row since the plan was made",
                        taken.run, taken.id
                    );
                    journal.conclude(row, Outcome::Conflict, Some(&why))?;
                }
            }
            Ok(())
        })
    })
}

/// Remembers what a run has made of rows without an `_id`.
pub(super) fn remember(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    account: &Account,
    journal: &Journal,
) -> Result<()> {
    note(context, (folder.path(), folder.name()), job, account, journal)
}

/// Remembers what runs have made that had no time for it.
fn catch_up(context: &Context, this: &str, account: &Account) -> Result<()> {
    for entry in context.runs.list()?.into_iter().filter(|entry| entry.name != this) {
        let ended = Summary::stored(&entry.path)?.is_some_and(|summary| summary.status != Status::Stopped);
        let Ok(job) = entry.job::<Job>() else { continue };
        let here = job.target.as_ref().is_some_and(|target| target.account() == Some(account));
        let checkpoint = entry.checkpoint();
        if ended || !here || !is_sheet(&job) || !checkpoint.is_file() {
            continue;
        }
        let journal = Journal::new(checkpoint::open(&checkpoint)?)?;
        note(context, (&entry.path, &entry.name), &job, account, &journal)?;
    }
    Ok(())
}

fn note(
    context: &Context,
    (folder, run): (&Path, &str),
    job: &Job,
    account: &Account,
    journal: &Journal,
) -> Result<()> {
    if !is_sheet(job) || !journal.has_made()? {
        return Ok(());
    }
    let made = Made::new(bases::open(context, account)?)?;
    each_draft(folder, |drafts| {
        let mut rows = Vec::new();
        for (row, draft) in drafts {
            if let (Some(digest), Some((id, is_whole))) = (draft.digest, journal.made_of(row)?) {
                rows.push((row, digest, id, is_whole));
            }
        }
        made.note(run, &rows)
    })
}

/// Says how many rows a plan has known again.
pub(super) fn say(context: &Context, made: &Made) -> Result<()> {
    let runs = made.taken()?;
    let rows: u64 = runs.iter().map(|(_, rows)| rows).sum();
    if rows == 0 {
        return Ok(());
    }
    let mut names: Vec<String> = runs.iter().take(NAMED).map(|(run, _)| format!("`{run}`")).collect();
    if runs.len() > NAMED {
        names.push(format!("{} more", count((runs.len() - NAMED) as u64)));
    }
    context.reporter.say(format!(
        "{} without `_id` {} made by an earlier import: {} (`--mode create` creates {} again)",
        counted(rows, "row"),
        if rows == 1 { "was" } else { "were" },
        names.join(", "),
        if rows == 1 { "it" } else { "them" },
    ));
    Ok(())
}

/// Hands over the mapped rows, batch by batch.
fn each_draft(folder: &Path, mut take: impl FnMut(Vec<(u64, Draft)>) -> Result<()>) -> Result<()> {
    let mut rows = Staging::open(folder, output::STAGE)?.read()?;
    while let Some(batch) = rows.next_rows()? {
        let drafts: Vec<_> = batch.par_iter().map(draft).collect::<Result<_>>()?;
        take(drafts)?;
    }
    Ok(())
}

fn draft(staged: &StagedRow) -> Result<(u64, Draft)> {
    let damaged = |cause| Error::stopped("the run's transform parts are damaged").because(cause);
    Ok((staged.row, serde_json::from_str(&staged.record.raw).map_err(damaged)?))
}
