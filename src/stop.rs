//! The wish to stop, shared by all threads of a run: Ctrl-C, SIGTERM, or an error that ends the work.
//!
//! Nothing sleeps without asking: every wait goes through [`Stop::wait`], so that a wish to stop is obeyed at
//! once and what is in flight is finished and saved (design section 5).

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A wish to stop; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    requested: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Asks everybody to stop.
    pub fn request(&self) {
        *self.0.requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `time` has passed or a stop is asked for; true if it was.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut requested = self.0.requested.lock().unwrap_or_else(PoisonError::into_inner);
        while !*requested {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            requested =
                self.0.changed.wait_timeout(requested, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
