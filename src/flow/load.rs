//! `import` and `load`: rows into a service, planned, confirmed, sent, accounted for.

use super::apply;
use super::canary;
use super::context::Context;
use super::input::Input;
use super::job::Job;
use super::links::Linked;
use super::loss;
use super::others::OtherRuns;
use super::planning::{self, Prepared, Saved};
use super::verify::Further;
use super::{bases, made, making, missing, read_input, results, tolerance, verify};
use crate::connect::Stream;
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::load::apply::Apply;
use crate::load::journal::{Journal, Outcome, Pending};
use crate::load::keys::{self, KeyField};
use crate::load::limit::FailureLimit;
use crate::report::counts::{load_counts, planned_counts};
use crate::report::plan::plan_view;
use crate::report::summary::Status;
use crate::report::{Budget, Rejects, Summary};
use crate::run::checkpoint;
use crate::run::folder::RunFolder;
use crate::run::writers::Writer;
use serde_json::Value;
use std::time::{Duration, Instant};

/// A plan is fresh for so long after it was made (design 9.4).
const FRESH: Duration = Duration::from_secs(60);

pub(super) fn run(context: &Context, folder: &RunFolder, job: &Job, summary: &mut Summary) -> Result<()> {
    missing::check(job)?;
    let mut rejects = Rejects::open(folder.path())?;
    let mut input = Input::open(context, folder, job)?;
    let Some(target) = &job.target else { return Err(Error::input("this run has no target")) };
    let stream = context.reopen(target)?;
    let account = stream.target()?.account().clone();
    let writer = match job.load.dry_run && !job.keeps_plan() {
        true => None,
        false => {
            let patience = Duration::from_secs(job.load.lock_wait);
            Some(Writer::lock(&account, folder, patience, &context.stop)?)
        }
    };
    let locked = Instant::now();
    if input.may_widen() {
        read_input(context, folder, job, &mut input, &mut rejects, summary)?;
    }
    let bound = planning::bind(context, &input, &stream, job)?;
    let others = OtherRuns::of(context, &account, folder.name())?;
    let mut linked = Linked::open(context, folder, job, &stream, bound.as_ref())?;
    read_input(context, folder, job, &mut input, &mut rejects, summary)?;
    let mut prepared = Prepared {
        input: &input,
        stream: &stream,
        bound,
        others: &others,
        linked: &mut linked,
        writer: writer.as_ref(),
        locked,
    };
    let mut journal = Journal::new(checkpoint::open(&folder.path().join(checkpoint::FILE))?)?;
    let made = match planning::saved(&journal)? {
        Some(saved) => {
            let mark = saved.mark.clone().settling(stream.settle);
            wait_again(context, job, &prepared, &journal)
                .and_then(|()| made::refuse_made_since(context, folder, job, &account, &mut journal))
                .map(|()| Saved { mark, ..saved })
        }
        None => making::make(context, folder, job, &mut prepared, &mut journal, &mut rejects),
    };
    let saved = made.inspect_err(|_| {
        summary.rejected = rejects.count().unwrap_or(0);
        summary.rest_is_pending();
    })?;
    planning::note_target(summary, &saved);
    summary.take_load(&planned_counts(&journal, &mut rejects)?);
    let rate = stream.client.pace().rate();
    if let Some(bound) = &prepared.bound {
        loss::tell(context, &input, bound, &*stream.source.schema()?)?;
    }
    let mut view = plan_view(stream.source.name(), &journal, &mut rejects, rate)?;
    let mut made = prepared.linked.made()?;
    for made in &made {
        view = view.after(&made.name, &made.journal, rate)?;
    }
    summary.linked_created = linked_created(&made, job.load.dry_run)?;
    context.reporter.plan(&view);
    prepared.linked.show(context, folder, &journal, summary)?;
    if let Err(over) = apply::keep_limits(job, &journal, &made) {
        summary.take_load(&load_counts(&journal, &mut rejects)?);
        return Err(over);
    }
    let borne =
        if job.load.dry_run { Ok(()) } else { tolerance::check(folder, job, &saved, &journal, summary) };
    if let Err(over) = borne {
        summary.take_load(&load_counts(&journal, &mut rejects)?);
        results::write(folder, &input, job, &mut rejects, Some(&journal), summary)?;
        return Err(over);
    }
    if job.load.dry_run {
        results::write(folder, &input, job, &mut rejects, Some(&journal), summary)?;
        summary.status = Status::Planned;
        return Ok(());
    }
    let sent =
        send(context, folder, &prepared, job, &saved, &mut journal, &job.load.tolerance.failures(summary));
    prepared.linked.learn(folder, &journal)?;
    summary.take_load(&load_counts(&journal, &mut rejects)?);
    summary.linked_created = linked_created(&made, false)?;
    results::write(folder, &input, job, &mut rejects, Some(&journal), summary)?;
    bases::remember(context, job, folder.name(), &account, &journal)?;
    made::remember(context, folder, job, &account, &journal)?;
    sent?;
    if !job.load.no_verify {
        verify::run(context, folder, (&stream, &saved.mark), &mut journal, &mut made, summary)?;
    }
    summary.conclude();
    Ok(())
}

/// A plan that was saved is gone on with when what other runs have sent since it was made is listed: keys that they have
/// taken are then found (design 9.4).
fn wait_again(context: &Context, job: &Job, prepared: &Prepared<'_>, journal: &Journal) -> Result<()> {
    apply::refuse_unsettled(job, journal, prepared.others)?;
    if journal.open_operations()? == 0 {
        return Ok(());
    }
    let keyed = !planning::saved_keys(journal)?.is_empty();
    planning::wait_for_target(context, prepared, keyed, job)?;
    prepared.linked.streams.iter().skip(1).filter(|other| other.makes).try_for_each(|other| {
        let since = (other.locked, other.stream.settle);
        planning::wait_for_other_runs(context, &other.others, since, true, job)
    })
}

/// How many records were made for links, or `planned` would be.
fn linked_created(made: &[Further], planned: bool) -> Result<u64> {
    made.iter().try_fold(0, |sum, made| {
        let done = made.journal.counts()?.get(&Some(Outcome::Created)).copied().unwrap_or(0);
        let open = if planned { made.journal.to_do()?.creates } else { 0 };
        Ok(sum + done + open)
    })
}

fn send(
    context: &Context,
    folder: &RunFolder,
    prepared: &Prepared<'_>,
    job: &Job,
    saved: &Saved,
    journal: &mut Journal,
    failures: &FailureLimit,
) -> Result<()> {
    let open = journal.open_operations()?;
    if open == 0 {
        return Ok(());
    }
    if !context.yes && !context.reporter.confirm("Carry out this plan?")? {
        return Err(Error::stopped("nothing was sent: the plan was not confirmed"));
    }
    apply::note_confirmed(context, folder, job, journal)?;
    let settle = Duration::from_millis(saved.mark.settle_ms);
    prepared.writer.map_or(Ok(()), |writer| writer.begin(settle))?;
    let stream = prepared.stream;
    let others = prepared.others;
    let fresh_until = saved.made.map_or_else(Instant::now, |made| made + FRESH);
    let canary = canary::until(job, journal)?;
    prepared.linked.send_missing(context, fresh_until, canary, journal)?;
    let keys = match planning::saved_keys(journal)? {
        keys if keys.is_empty() => planning::keys(prepared, job)?,
        keys => keys,
    };
    let decode = stream.source.decoder();
    let look = |pending: &Pending| look_first(stream, &keys, pending);
    let sent_again = |journal: &mut Journal| {
        made::refuse_made_since(context, folder, job, stream.source.account(), journal)
    };
    let unproven = matches!(saved.completeness, Completeness::Unproven(_));
    let rows = journal.to_do()?.rows();
    let budget = Budget::from(stream.client.pace().rate());
    let progress = context.reporter.progress("send", Some(rows), Some(budget));
    let marker = planning::marker(folder.name(), prepared, job)?;
    let mut apply = Apply {
        target: &**stream.target()?,
        decode: &*decode,
        keys: &keys,
        mark: &saved.mark,
        concurrency: stream.client.pace().concurrency(),
        stop: &context.stop,
        server_now: &|| stream.client.server_now(),
        made_elsewhere: &|id| others.made(id),
        fresh_until,
        every: stream.client.pace().rate().time_for(1).unwrap_or_default(),
        failures,
        until_row: canary.unwrap_or(u64::MAX),
        marker: marker.as_ref(),
        look_first: unproven.then_some(&look),
        sent_again: Some(&sent_again),
        progress: &|rows| progress.add(rows),
    };
    let mut sent = apply.run(journal);
    if sent.is_ok() && canary.is_some() && journal.transaction(|journal| journal.release_links())? > 0 {
        sent = apply.run(journal);
    }
    if let (Some(until), Ok(())) = (canary, &sent) {
        canary::pass(context, (stream, &saved.mark), journal, until)?;
        prepared.linked.send_missing(context, fresh_until, None, journal)?;
        apply.until_row = u64::MAX;
        sent = apply.run(journal);
    }
    if sent.is_ok() && journal.transaction(|journal| journal.release_links())? > 0 {
        sent = apply.run(journal);
    }
    progress.finish();
    // The last row that failed stops nothing.
    if failures.is_over() && journal.open_operations()? == 0 { Ok(()) } else { sent }
}

/// The record that already has one of a create's keys, although the plan's read, which is not proven to be complete,
/// did not show it.
pub(super) fn look_first(
    stream: &Stream,
    keys: &[Vec<KeyField>],
    pending: &Pending,
) -> Result<Option<String>> {
    for class in pending.class.iter().chain(&pending.further) {
        if let Some((alternative, key)) = keys::of_class(class)
            && let Some(fields) = keys.get(alternative)
            && let Some(id) = has_key(stream, fields, key)?
        {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// A record that has a key.
fn has_key(stream: &Stream, fields: &[KeyField], key: &str) -> Result<Option<String>> {
    let (Some(field), Some(first)) = (fields.first(), key.split('\u{1f}').next()) else { return Ok(None) };
    let decode = stream.source.decoder();
    for raw in stream.target()?.look_up(&field.place, &Value::from(first))? {
        let Ok(record) = decode.decode(&raw.raw) else { continue };
        if keys::of_record(&record, fields).iter().any(|found| found == key) {
            return Ok(raw.id);
        }
    }
    Ok(None)
}
