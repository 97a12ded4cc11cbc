//! How many rows the service may refuse before nothing more is sent (`--on-reject stop`, `--max-errors`).
//!
//! What is in flight is still answered and noted, so that the run can be resumed. A 5xx may be the service's way to
//! refuse a row: it is suspected of it until it is settled, and nothing more is sent while the suspected rows would
//! be too many.

use crate::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the rows that failed in this life of a run.
#[derive(Debug, Default)]
pub struct FailureLimit {
    /// So many are let pass; `None` for any number.
    most: Option<u64>,
    failed: AtomicU64,
    suspected: AtomicU64,
}

impl FailureLimit {
    /// A limit that lets so many rows fail.
    #[must_use]
    pub fn at_most(most: Option<u64>) -> Self {
        Self { most, ..Self::default() }
    }

    /// Counts a row that failed.
    pub fn count(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a row that has got a 5xx: it may have failed.
    pub fn suspect(&self) {
        self.suspected.fetch_add(1, Ordering::Relaxed);
    }

    /// Begins the count of rows that may have failed anew, with so many.
    pub fn suspect_only(&self, rows: usize) {
        self.suspected.store(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether more have failed than are let pass.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.most.is_some_and(|most| self.failed.load(Ordering::Relaxed) > most)
    }

    /// Whether more have failed than are let pass, should all that may have failed turn out so.
    #[must_use]
    pub fn may_be_over(&self) -> bool {
        let rows =
            || self.failed.load(Ordering::Relaxed).saturating_add(self.suspected.load(Ordering::Relaxed));
        self.most.is_some_and(|most| rows() > most)
    }

    /// Why nothing more is sent.
    #[must_use]
    pub fn stop(&self) -> Error {
        let failed = self.failed.load(Ordering::Relaxed);
        let rows = if failed == 1 { "1 row".to_owned() } else { format!("{failed} rows") };
        Error::stopped(format!("the service refused {rows}, more than are allowed: nothing more was sent"))
            .hint("see `rejected.csv` in the run's folder; resuming goes on with the other rows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_allowed_is_over() {
        for (most, failed, over) in [
            (None, 100, false),
            (Some(0), 0, false),
            (Some(0), 1, true),
            (Some(2), 2, false),
            (Some(2), 3, true),
        ] {
            let limit = FailureLimit::at_most(most);
            (0..failed).for_each(|_| limit.count());
            assert_eq!(limit.is_over(), over, "{most:?} {failed}");
        }
    }

    #[test]
    fn rows_that_may_have_failed_hold_it_up_until_they_are_settled() {
        let limit = FailureLimit::at_most(Some(1));
        limit.count();
        assert!(!limit.may_be_over());
        limit.suspect();
        assert!(limit.may_be_over() && !limit.is_over());
        limit.suspect_only(0);
        assert!(!limit.may_be_over());
        let unlimited = FailureLimit::default();
        unlimited.suspect();
        assert!(!unlimited.may_be_over());
    }
}
