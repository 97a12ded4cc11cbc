//! A run's plan, looked at again: as people read it, and row by row. Nothing is asked of a service.

use super::context::Context;
use super::job::{Job, Place};
use super::linking::PLACE;
use super::links;
use crate::error::{Error, Result};
use crate::load::journal::Journal;
use crate::report::Rejects;
use crate::report::plan::{PlanView, plan_view};
use crate::report::rows::{PlanRow, plan_rows};
use crate::run::checkpoint;
use crate::run::folder::RunEntry;

/// The plan of a run of which nothing was sent yet; none where it has no plan, or is past it.
///
/// # Errors
/// When the checkpoint cannot be used.
pub fn plan(context: &Context, entry: &RunEntry) -> Result<Option<PlanView>> {
    let job: Job = entry.job()?;
    let Some(Place::Stream { connection, stream, .. }) = &job.target else { return Ok(None) };
    let Some(journal) = journal(entry)? else { return Ok(None) };
    if journal.has_begun()? || journal.fact("planned")?.is_none() {
        return Ok(None);
    }
    let rate = match context.connection(connection) {
        Ok(known) => known.rate,
        Err(_) => "none".parse().map_err(Error::input)?,
    };
    let mut rejects = Rejects::open(&entry.path)?;
    let mut view = plan_view(&format!("{connection}:{stream}"), &journal, &mut rejects, rate)?;
    for made in links::journals(&entry.path)? {
        if let Some(place) = made.fact(PLACE)? {
            let place: Place = serde_json::from_str(&place)
                .map_err(|cause| Error::stopped("the run's checkpoint is damaged").because(cause))?;
            view = view.after(&place.name(), &made, rate)?;
        }
    }
    Ok(Some(view))
}

/// Hands the rows of a run's plan over whose action is among `actions`; all of them where that is empty.
///
/// # Errors
/// When the checkpoint cannot be used, or what `take` says.
pub fn rows(
    entry: &RunEntry,
    actions: &[String],
    take: &mut dyn FnMut(&PlanRow) -> Result<()>,
) -> Result<()> {
    let Some(journal) = journal(entry)? else { return Ok(()) };
    plan_rows(&journal, &mut Rejects::open(&entry.path)?, actions, take)
}

fn journal(entry: &RunEntry) -> Result<Option<Journal>> {
    let job: Job = entry.job()?;
    let loads = matches!(job.target, Some(Place::Stream { .. })) && entry.checkpoint().is_file();
    loads.then(|| Journal::new(checkpoint::open(&entry.checkpoint())?)).transpose()
}
