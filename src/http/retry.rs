//! The one decision what to do after an attempt: pure, so that its table is its test.
//!
//! Reads are repeated after 408, 429, 5xx, network errors and unreadable bodies. A write whose answer was lost
//! may have been carried out and is never repeated here: [`Decision::MaybeApplied`] hands it to the load stage,
//! which looks before it sends again. Only a 429 and a connection that was never made are safe to repeat for
//! writes too (design sections 9.3 and 10).

use std::time::Duration;

/// Whether a request changes something at the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Repeating it does no harm.
    Read,
    /// It may change something.
    Write,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// An answer with this status; how long `Retry-After` asks to wait.
    Status(u16, Option<Duration>),
    /// A 2xx answer whose body is cut short or cannot be read as what was asked for.
    Unreadable(String),
    /// No connection was made, so nothing was sent.
    NotSent(String),
    /// Nothing was sent, and nothing will be: another attempt ends as this one did.
    Hopeless(String),
    /// The connection broke or timed out after something may have been sent.
    Lost(String),
}

impl Observed {
    /// The same, with what was seen put into other words.
    #[must_use]
    pub(super) fn in_words(self, other: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Status(status, retry_after) => Self::Status(status, retry_after),
            Self::Unreadable(why) => Self::Unreadable(other(why)),
            Self::NotSent(why) => Self::NotSent(other(why)),
            Self::Hopeless(why) => Self::Hopeless(other(why)),
            Self::Lost(why) => Self::Lost(other(why)),
        }
    }
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The answer stands, whatever its status.
    Done,
    /// Wait, then try again. `everybody`: the service asked for it, so all workers wait.
    Wait {
        /// How long.
        time: Duration,
        /// Whether the whole connection pauses.
        everybody: bool,
    },
    /// No use in trying further; the request had no effect.
    GiveUp(String),
    /// The write may have been carried out.
    MaybeApplied(String),
}

/// How patient to be.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Attempts before a failing request is given up, the first included.
    pub attempts: u32,
    /// Wait before the second attempt; doubles from there.
    pub first_wait: Duration,
    /// The longest wait between two attempts that is not the service's own wish.
    pub longest_wait: Duration,
    /// The longest `Retry-After` that is obeyed; a longer one gives up.
    pub longest_retry_after: Duration,
    /// Attempts refused with 429 before a request is given up. Being told to slow down is not a failure, so
    /// there are more of them.
    pub slowdowns: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(20),
            longest_retry_after: Duration::from_secs(15 * 60),
            slowdowns: 60,
        }
    }
}

/// Decides after attempt number `attempt` (from 1) of which `slowdowns` were refused with 429; `jitter` from 0
/// to 1 spreads the waits of many workers.
#[must_use]
pub fn decide(
    nature: Nature,
    observed: &Observed,
    attempt: u32,
    slowdowns: u32,
    patience: &Patience,
    jitter: f64,
) -> Decision {
    let failures = attempt.saturating_sub(slowdowns);
    let again = |why: String| {
        if failures >= patience.attempts {
            Decision::GiveUp(format!("{why}, {attempt} attempts"))
        } else {
            Decision::Wait { time: backoff(failures.max(1), patience, jitter), everybody: false }
        }
    };
    match (observed, nature) {
        (Observed::Status(429, retry_after), _) => slow_down(*retry_after, slowdowns, patience, jitter),
        (Observed::NotSent(why), _) => again(why.clone()),
        (Observed::Hopeless(why), _) => Decision::GiveUp(why.clone()),
        (Observed::Status(status, retry_after), Nature::Read) if *status == 408 || *status >= 500 => {
            match (again(format!("the service answers {status}")), retry_after) {
                (Decision::Wait { time, .. }, Some(asked)) if *asked <= patience.longest_retry_after => {
                    Decision::Wait { time: time.max(*asked), everybody: true }
                }
                (decision, _) => decision,
            }
        }
        (Observed::Status(status, _), Nature::Write) if *status == 408 || *status >= 500 => {
            Decision::MaybeApplied(format!("the service answered {status}"))
        }
        (Observed::Status(..), _) => Decision::Done,
        (Observed::Unreadable(why) | Observed::Lost(why), Nature::Read) => again(why.clone()),
        (Observed::Unreadable(why) | Observed::Lost(why), Nature::Write) => {
            Decision::MaybeApplied(why.clone())
        }
    }
}

fn slow_down(retry_after: Option<Duration>, slowdowns: u32, patience: &Patience, jitter: f64) -> Decision {
    if slowdowns > patience.slowdowns {
        return Decision::GiveUp(format!("the service asked {slowdowns} times to slow down (429)"));
    }
    match retry_after {
        Some(asked) if asked > patience.longest_retry_after => {
            Decision::GiveUp(format!("the service asks to wait {} s (429)", asked.as_secs()))
        }
        // Who says twice not to wait at all does not mean it.
        Some(asked) if !asked.is_zero() || slowdowns < 2 => Decision::Wait { time: asked, everybody: true },
        _ => Decision::Wait { time: backoff(slowdowns.max(2), patience, jitter), everybody: true },
    }
}

/// Doubles from try to try, at most the longest wait, shortened by up to half.
fn backoff(failures: u32, patience: &Patience, jitter: f64) -> Duration {
    let doubled = patience.first_wait.saturating_mul(1 << (failures - 1).min(16)).min(patience.longest_wait);
    doubled.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(decision: &Decision) -> String {
        match decision {
            Decision::Done => "done".into(),
            Decision::Wait { time, everybody } => {
                format!("wait {}{}", time.as_millis(), if *everybody { " all" } else { "" })
            }
            Decision::GiveUp(_) => "give up".into(),
            Decision::MaybeApplied(_) => "in doubt".into(),
        }
    }

    #[test]
    fn the_whole_table() {
        use Nature::{Read, Write};
        let status = |status| Observed::Status(status, None);
        let asked = |status, seconds| Observed::Status(status, Some(Duration::from_secs(seconds)));
        let lost = Observed::Lost("reset".into());
        let refused = Observed::NotSent("refused".into());
        let hopeless = Observed::Hopeless("no certificate".into());
        let unreadable = Observed::Unreadable("cut short".into());
        let cases = [
            (Read, status(200), 1, 0, "done"),
            (Read, status(404), 1, 0, "done"),
            (Read, status(401), 1, 0, "done"),
            (Read, status(500), 1, 0, "wait 250"),
            (Read, status(503), 3, 0, "wait 1000"),
            (Read, asked(503, 7), 1, 0, "wait 7000 all"),
            (Read, status(503), 6, 0, "give up"),
            (Read, status(408), 1, 0, "wait 250"),
            (Read, status(429), 1, 1, "wait 500 all"),
            (Read, asked(429, 3), 9, 9, "wait 3000 all"),
            (Read, asked(429, 0), 1, 1, "wait 0 all"),
            (Read, asked(429, 0), 2, 2, "wait 500 all"),
            (Write, asked(429, 0), 4, 4, "wait 2000 all"),
            (Read, asked(429, 3600), 1, 1, "give up"),
            (Read, status(429), 61, 61, "give up"),
            (Read, lost.clone(), 1, 0, "wait 250"),
            (Read, lost.clone(), 6, 0, "give up"),
            (Read, unreadable.clone(), 2, 0, "wait 500"),
            (Read, refused.clone(), 5, 0, "wait 4000"),
            (Read, hopeless.clone(), 1, 0, "give up"),
            (Write, hopeless, 1, 0, "give up"),
            (Write, status(201), 1, 0, "done"),
            (Write, status(409), 1, 0, "done"),
            (Write, status(429), 1, 1, "wait 500 all"),
            (Write, asked(429, 2), 1, 1, "wait 2000 all"),
            (Write, refused.clone(), 1, 0, "wait 250"),
            (Write, refused, 6, 0, "give up"),
            (Write, status(500), 1, 0, "in doubt"),
            (Write, asked(503, 1), 1, 0, "in doubt"),
            (Write, status(408), 1, 0, "in doubt"),
            (Write, lost, 1, 0, "in doubt"),
            (Write, unreadable, 1, 0, "in doubt"),
        ];
        for (nature, observed, attempt, slowdowns, expected) in cases {
            let decision = decide(nature, &observed, attempt, slowdowns, &Patience::default(), 0.0);
            assert_eq!(short(&decision), expected, "{nature:?} {observed:?} attempt {attempt}");
        }
    }

    #[test]
    fn jitter_only_shortens_and_waits_stay_bounded() {
        let patience = Patience::default();
        for failures in 1..40 {
            let long = backoff(failures, &patience, 0.0);
            let short = backoff(failures, &patience, 1.0);
            assert!(short <= long && long <= patience.longest_wait);
        }
    }
}
