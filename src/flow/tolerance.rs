//! How many bad rows a load bears (`--on-reject`, `--max-errors`).
//!
//! Rows that are rejected before the first write mean that the input is wrong: nothing is sent and the command ends
//! with exit 2. Rows that the service refuses stop the run while it sends, exit 3. Either way every row is accounted
//! for, and `ferry resume` is the user's word that the run is to go on all the same: it begins to count anew.

use super::job::Job;
use super::planning::Saved;
use crate::error::{Error, Result};
use crate::load::journal::Journal;
use crate::load::limit::FailureLimit;
use crate::report::Summary;
use crate::report::figures::counted;
use crate::report::summary::Status;
use crate::run::folder::RunFolder;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How many bad rows a load bears; any number by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tolerance {
    /// None at all.
    #[serde(default)]
    pub stop_on_reject: bool,
    /// At most so many.
    #[serde(default)]
    pub max_errors: Option<MaxErrors>,
}

/// A number of rows, or a part of those read: `25`, `2%`, `0.5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxErrors {
    /// So many rows.
    Rows(u64),
    /// So many hundredths of a percent of the rows.
    HundredthsOfPercent(u64),
}

impl FromStr for MaxErrors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is neither a number of rows nor a percentage such as `2%` or `0.5%`");
        let Some(percent) = text.trim().strip_suffix('%') else {
            return text.trim().parse().map(Self::Rows).map_err(|_| wrong());
        };
        let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(wrong());
        }
        // At most 10,000, so that nothing is lost.
        Ok(Self::HundredthsOfPercent((percent * 100.0).round() as u64))
    }
}

impl Tolerance {
    /// How many of so many rows may be bad; `None` for any number.
    #[must_use]
    pub fn allowed(self, rows: u64) -> Option<u64> {
        if self.stop_on_reject {
            return Some(0);
        }
        self.max_errors.map(|most| match most {
            MaxErrors::Rows(most) => most,
            MaxErrors::HundredthsOfPercent(part) => {
                u64::try_from(u128::from(rows) * u128::from(part) / 10_000).unwrap_or(u64::MAX)
            }
        })
    }

    /// What the rejected rows of a plan leave of it for rows that the service refuses.
    pub(super) fn failures(self, summary: &Summary) -> FailureLimit {
        FailureLimit::at_most(self.allowed(summary.read).map(|most| most.saturating_sub(summary.rejected)))
    }
}

/// Compares the rejected rows of a plan with what is borne, once: a run that was stopped by this and is resumed goes
/// on.
///
/// # Errors
/// When there are more (class `Input`); nothing was sent.
pub(super) fn check(
    folder: &RunFolder,
    job: &Job,
    saved: &Saved,
    journal: &Journal,
    summary: &Summary,
) -> Result<()> {
    let Some(most) = job.load.tolerance.allowed(summary.read) else { return Ok(()) };
    let stopped = Summary::stored(folder.path())?.is_some_and(|stored| stored.status == Status::Failed);
    let told = saved.made.is_none() && stopped;
    if summary.rejected <= most || told || journal.has_begun()? {
        return Ok(());
    }
    let rejected = counted(summary.rejected, "row");
    let allowed = if most == 0 { "none is".to_owned() } else { format!("{most} are") };
    let why = format!("{rejected} of {} rejected, and {allowed} allowed: nothing was sent", summary.read);
    let way = format!(
        "repair the input, see `rejected.csv`; or go on without them by `ferry resume {}`",
        folder.name()
    );
    Err(Error::input(why).hint(way))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_percentages_are_read_and_counted() {
        let allowed = |text: &str, rows| {
            let tolerance = Tolerance { stop_on_reject: false, max_errors: Some(text.parse().unwrap()) };
            tolerance.allowed(rows)
        };
        assert_eq!(allowed("25", 3), Some(25));
        assert_eq!(allowed("2%", 1_000), Some(20));
        assert_eq!(allowed("0.5 %", 1_000), Some(5));
        assert_eq!(allowed("100%", 7), Some(7));
        assert_eq!(allowed("1%", 99), Some(0), "less than a row is none");
        for wrong in ["", "-1", "1.5", "101%", "x%", "NaN%"] {
            assert!(wrong.parse::<MaxErrors>().is_err(), "{wrong}");
        }
        let strict = Tolerance { stop_on_reject: true, max_errors: Some(MaxErrors::Rows(9)) };
        assert_eq!(strict.allowed(100), Some(0));
        assert_eq!(Tolerance::default().allowed(100), None);
    }
}
