//! The loss report: what a mapping leaves behind of a source, counted before anything moves.
//!
//! Columns that hold data and go nowhere, values that are cut, values that are no choice of the target, modifiers
//! that become one; each with counts and a few samples. Any row may be counted on any core; memory does not grow with
//! the number of rows.

use super::context::Context;
use super::input::Input;
use super::records::Records;
use crate::error::{Error, Result};
use crate::record::Record;
use crate::record::schema::Schema;
use crate::report::figures::{counted, tame};
use crate::transform::mapping::{Bound, Loss, LossCount, Losses};
use rayon::prelude::*;
use std::fmt::Write;

/// Rows that one core counts at a time.
const SHARE: usize = 256;
/// The most records of a stream that are looked at.
const SAMPLE: u64 = 1_000;
/// The most lines of a kind that are shown.
const SHOWN: usize = 12;

/// Counts the losses of all records of a file, or of a sample of a stream's.
///
/// # Errors
/// When they cannot be read.
pub fn of_records(
    context: &Context,
    records: &mut Records,
    bound: &Bound,
    target: Option<&Schema>,
) -> Result<Losses> {
    let count = LossCount::new(bound, target);
    let mut losses = Losses::default();
    records.batches(context, SAMPLE, &mut |batch| {
        let rows: Vec<(u64, Record)> =
            batch.into_iter().filter_map(|one| Some((one.row, one.record.ok()?))).collect();
        losses = std::mem::take(&mut losses).and(of_rows(&count, &rows));
        Ok(true)
    })?;
    Ok(losses)
}

/// Counts the losses of everything that a run has extracted.
///
/// # Errors
/// When a part is damaged, or a stop is asked for.
pub fn of_input(context: &Context, input: &Input, bound: &Bound, target: Option<&Schema>) -> Result<Losses> {
    let count = LossCount::new(bound, target);
    let mut losses = Losses::default();
    let reads = input.reads();
    let mut rows = input.staging().read()?;
    while let Some(batch) = rows.next_rows()? {
        if context.stop.is_requested() {
            return Err(Error::stopped("stopped while counting what is left behind"));
        }
        let rows: Vec<(u64, Record)> =
            batch.par_iter().filter_map(|staged| Some((staged.row, reads.decode(staged).ok()?))).collect();
        losses = losses.and(of_rows(&count, &rows));
    }
    Ok(losses)
}

/// Tells what a load's mapping leaves behind of its input, beside the plan.
///
/// # Errors
/// As [`of_input`].
pub(super) fn tell(context: &Context, input: &Input, bound: &Bound, target: &Schema) -> Result<()> {
    let losses = of_input(context, input, bound, Some(target))?;
    if !losses.is_empty() {
        match context.reporter.is_json() {
            true => context.reporter.object(&serde_json::json!({ "losses": losses })),
            false => context.reporter.say(render(&losses)),
        }
    }
    Ok(())
}

fn of_rows(count: &LossCount<'_>, rows: &[(u64, Record)]) -> Losses {
    let share = |rows: &[(u64, Record)]| {
        let mut losses = Losses::default();
        rows.iter().for_each(|(row, record)| count.add(record, *row, &mut losses));
        losses
    };
    rows.par_chunks(SHARE).map(share).reduce(Losses::default, Losses::and)
}

/// The report as lines for people; empty where nothing is lost.
#[must_use]
pub fn render(losses: &Losses) -> String {
    let mut text = String::new();
    let kinds = [
        ("columns that hold data and go nowhere", &losses.unused),
        ("values that are cut: their field holds one", &losses.cut),
        ("values of several modifiers that come into one place", &losses.merged),
    ];
    for (title, kind) in kinds {
        let mut lines: Vec<(&String, &Loss)> = kind.iter().collect();
        lines.sort_by_key(|(_, loss)| std::cmp::Reverse(loss.records));
        section(&mut text, title, lines.len(), lines.iter().map(|(name, loss)| line(name, loss)));
    }
    let choices = losses.no_choice.iter().map(|(field, values)| {
        let mut told: Vec<_> = values.iter().collect();
        told.sort_by_key(|(_, records)| std::cmp::Reverse(**records));
        let told: Vec<_> =
            told.iter().take(5).map(|(value, records)| format!("`{}` {records}×", tame(value))).collect();
        let more = if values.len() > 5 { format!(" and {} more", values.len() - 5) } else { String::new() };
        format!("    {field}: {}{more}\n", told.join(", "))
    });
    section(&mut text, "values that are no choice of the target", losses.no_choice.len(), choices);
    if text.is_empty() {
        return text;
    }
    format!("what the mapping leaves behind of {}\n{}", counted(losses.records, "record"), text.trim_end())
}

fn section(text: &mut String, title: &str, count: usize, lines: impl Iterator<Item = String>) {
    if count == 0 {
        return;
    }
    let _ = writeln!(text, "  {title}");
    text.extend(lines.take(SHOWN));
    if count > SHOWN {
        let _ = writeln!(text, "    and {} more", count - SHOWN);
    }
}

fn line(name: &str, loss: &Loss) -> String {
    let samples: Vec<_> = loss.samples.iter().map(|sample| tame(sample)).collect();
    format!("    {name}: {}, such as {}\n", counted(loss.records, "record"), samples.join(" · "))
}
