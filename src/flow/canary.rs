//! The canary: a few rows are sent first and read back, and only then, asked for or certain, the rest.

use super::context::Context;
use super::job::Job;
use super::verify;
use crate::connect::Stream;
use crate::error::{Error, Result};
use crate::load::journal::Journal;
use crate::load::target::ReadMark;
use crate::report::figures::counted;

/// Facts in the journal: the last row of the canary, and that it was good enough to go on.
const UNTIL: &str = "canary_until";
const PASSED: &str = "canary_passed";

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
pub(super) fn pass(
    context: &Context,
    (stream, mark): (&Stream, &ReadMark),
    journal: &mut Journal,
    until: u64,
) -> Result<()> {
    let rows = journal.planned_rows(until)?;
    // What was not as meant in an earlier life of the run may be by now.
    journal.begin_checks()?;
    journal.forget_differences()?;
    let checked = verify::check(context, stream, mark, rows, journal)?;
    let good = journal.succeeded_rows(until)?.saturating_sub(checked.unverified);
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
