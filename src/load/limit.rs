//! How many rows the service may refuse before nothing more is sent (`--on-reject stop`, `--max-errors`).
//!
//! What is in flight is still answered and noted, so that the run can be resumed.

use crate::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the rows that failed in this life of a run.
#[derive(Debug, Default)]
pub struct FailureLimit {
    /// So many are let pass; `None` for any number.
    most: Option<u64>,
    failed: AtomicU64,
}

impl FailureLimit {
    /// A limit that lets so many rows fail.
    #[must_use]
    pub fn at_most(most: Option<u64>) -> Self {
        Self { most, failed: AtomicU64::new(0) }
    }

    /// Counts a row that failed.
    pub fn count(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether more have failed than are let pass.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.most.is_some_and(|most| self.failed.load(Ordering::Relaxed) > most)
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
}
