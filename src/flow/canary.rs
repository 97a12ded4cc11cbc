//! The canary: a few rows are sent first and read back, and only then, asked for or certain, the rest.

use super::context::Context;
use super::job::Job;
use crate::connect::Stream;
use crate::error::{Error, Result};
use crate::load::journal::{Journal, Pending};
use crate::load::marker;
use crate::load::target::{OperationKind, UpdateState};
use crate::record::Record;
use crate::report::figures::counted;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// Facts in the journal: the last row of the canary, and that it was good enough to go on.
const UNTIL: &str = "canary_until";
const PASSED: &str = "canary_passed";
/// Rows read back at a time.
const AT_ONCE: usize = 30;
/// Between two readings of what is not to be seen yet.
const AGAIN: Duration = Duration::from_secs(1);

/// The last row that is to be sent before somebody looks; none where the rest may follow at once.
///
/// # Errors
/// When the checkpoint cannot be used.
pub(super) fn until(job: &Job, journal: &Journal) -> Result<Option<u64>> {
    let Some(rows) = job.load.canary else { return Ok(None) };
    if journal.fact(PASSED)?.is_some() {
        return Ok(None);
    }
    if let Some(until) = journal.fact(UNTIL)?.and_then(|text| text.parse().ok()) {
        return Ok(Some(until));
    }
    let Some(until) = journal.nth_open_row(rows)? else { return Ok(None) };
    journal.set_fact(UNTIL, &until.to_string())?;
    Ok(Some(until))
}

/// Reads the canary back, says what came of it, and asks whether to go on; with `--yes` only a canary without
/// fault is followed by the rest.
///
/// # Errors
/// When the rest is not to follow: class `Check` with `--yes`, else `Stopped`; the run can be resumed.
pub(super) fn pass(context: &Context, stream: &Stream, journal: &Journal, until: u64) -> Result<()> {
    let rows = journal.planned_rows(until)?;
    let good = good_rows(context, stream, journal, until)?;
    let told = format!("canary: {good} of {} read back as meant", counted(rows, "row"));
    if good == rows {
        context.reporter.say(&told);
    } else {
        context.reporter.warn(&told);
    }
    let go_on = match context.yes {
        true => good == rows,
        false => context.reporter.confirm("Go on with the rest?")?,
    };
    if go_on {
        return journal.set_fact(PASSED, "yes");
    }
    if context.yes {
        return Err(Error::check(format!("{told}: the rest was not sent"))
            .hint("look at what is there with `ferry runs show`; without `--yes` you are asked whether to go on")
            .resumable());
    }
    Err(Error::stopped("the rest was not sent: nobody wished to go on after the canary"))
}

/// How many of the canary's rows hold what was meant. What is not to be seen yet has the settle time to appear.
fn good_rows(context: &Context, stream: &Stream, journal: &Journal, until: u64) -> Result<u64> {
    let deadline = Instant::now() + stream.settle;
    loop {
        let mut bad: BTreeSet<u64> = BTreeSet::new();
        let mut after = 0;
        loop {
            let (last, operations) = journal.done_operations(after, until, AT_ONCE)?;
            let Some(last) = last else { break };
            after = last;
            bad.extend(not_as_meant(stream, journal, &operations)?);
        }
        let good = journal.succeeded_rows(until)?.saturating_sub(bad.len() as u64);
        if bad.is_empty() || Instant::now() >= deadline || context.stop.wait(AGAIN.min(stream.settle)) {
            return Ok(good);
        }
    }
}

/// The rows among these operations whose records are not as they were meant.
fn not_as_meant(stream: &Stream, journal: &Journal, operations: &[Pending]) -> Result<Vec<u64>> {
    let target = stream.target()?;
    let decode = stream.source.decoder();
    let ids: BTreeSet<String> = operations.iter().filter_map(|pending| pending.id.clone()).collect();
    let mut records: HashMap<String, Record> = HashMap::new();
    for raw in target.read(&ids.into_iter().collect::<Vec<_>>())? {
        if let (Some(id), Ok(record)) = (raw.id.clone(), decode.decode(&raw.raw)) {
            records.insert(id, record);
        }
    }
    let marker = journal.fact(marker::FACT)?;
    let as_meant = |pending: &Pending| {
        let record = pending.id.as_ref().and_then(|id| records.get(id));
        record.is_some_and(|record| match pending.operation.kind {
            OperationKind::Create => {
                target.holds(&marker::unmarked(&pending.operation, marker.as_deref()), record)
            }
            _ => target.update_state(&pending.operation, record) == UpdateState::AsMeant,
        })
    };
    Ok(operations.iter().filter(|pending| !as_meant(pending)).map(|pending| pending.row).collect())
}
