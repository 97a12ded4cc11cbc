//! The pace of a connection: one request budget for all threads.
//!
//! R a minute means at most R requests in *any* 60 seconds, the burst included (design section 10). A token
//! bucket (`governor`) alone would let the burst come on top of R, or would give up the burst's share for good;
//! so it only smooths, and a window over the last R sendings keeps the promise. The window is a little longer
//! than a minute, since what leaves evenly may arrive a little closer together.
//!
//! Several processes of the user keep one budget together (`shared`).
//!
//! A pause that the service asks for (429, `Retry-After`) holds for everybody at once. The number of requests
//! in flight is halved when the service complains and grows back one by one.

use super::shared::Sendings;
use crate::stop::Stop;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many requests in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests, at least one.
    pub requests: NonZeroU32,
    /// In this time.
    pub span: Duration,
}

/// A rate as people write it: `90/min`, `10/s`, `5000/h`, or `none` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(pub Option<Rate>);

/// How much longer than its span the window is, for what arrives closer together than it left; at most a
/// fortieth of the span, so that at least 97 % of the budget can be used.
const SLACK: Duration = Duration::from_millis(150);

/// The longest pause that other processes are told of; the longest `Retry-After` that is obeyed is shorter.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

type Bucket = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>;

/// The budget of one connection, shared by its threads.
#[derive(Debug)]
pub struct Pace {
    bucket: Option<Bucket>,
    clock: MonotonicClock,
    /// Held by whoever waits next: one sleeper, first come first served, instead of a herd.
    turn: Mutex<Window>,
    slots: Mutex<Slots>,
    freed: Condvar,
    blocked_until: Mutex<Option<Instant>>,
    /// The sendings of other processes of the user.
    shared: Option<Sendings>,
    rate: RateLimit,
}

#[derive(Debug)]
struct Window {
    rate: Option<Rate>,
    sent: VecDeque<Instant>,
}

#[derive(Debug)]
struct Slots {
    most: usize,
    allowed: usize,
    taken: usize,
    /// Good answers since the last change of `allowed`.
    good: usize,
}

/// The right to have one request in flight; given back when dropped.
#[derive(Debug)]
pub struct Slot<'a>(&'a Pace);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no rate: write it like `90/min`, `10/s`, `5000/h` or `none`");
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let requests = count.trim().parse().map_err(|_| wrong())?;
        let span = match unit.trim().to_ascii_lowercase().as_str() {
            "s" | "sec" | "second" => Duration::from_secs(1),
            "m" | "min" | "minute" => Duration::from_secs(60),
            "h" | "hour" => Duration::from_secs(3600),
            "d" | "day" => Duration::from_secs(86_400),
            _ => return Err(wrong()),
        };
        Ok(Self(Some(Rate { requests, span })))
    }
}

impl std::fmt::Display for RateLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(Rate { requests, span }) => match span.as_secs() {
                1 => write!(f, "{requests}/s"),
                60 => write!(f, "{requests}/min"),
                3600 => write!(f, "{requests}/h"),
                _ => write!(f, "{requests}/day"),
            },
        }
    }
}

impl Rate {
    /// The span in which no more than the rate's requests are sent.
    fn window(&self) -> Duration {
        self.span + SLACK.min(self.span / 40)
    }
}

impl RateLimit {
    /// How long `requests` take at this rate, at least.
    #[must_use]
    pub fn time_for(&self, requests: u64) -> Option<Duration> {
        self.0.map(|rate| rate.span.mul_f64(requests as f64 / f64::from(rate.requests.get())))
    }
}

impl Pace {
    /// A budget of `rate` with at most `concurrency` requests in flight.
    #[must_use]
    pub fn new(rate: RateLimit, concurrency: usize) -> Self {
        let bucket = rate.0.map(|rate| {
            let burst = NonZeroU32::new(rate.requests.get() / 20).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::with_period(rate.span / rate.requests.get())
                .unwrap_or_else(|| Quota::per_second(rate.requests))
                .allow_burst(burst);
            RateLimiter::direct_with_clock(quota, MonotonicClock)
        });
        let most = concurrency.max(1);
        Self {
            bucket,
            clock: MonotonicClock,
            turn: Mutex::new(Window { rate: rate.0, sent: VecDeque::new() }),
            slots: Mutex::new(Slots { most, allowed: most, taken: 0, good: 0 }),
            freed: Condvar::new(),
            blocked_until: Mutex::new(None),
            shared: None,
            rate,
        }
    }

    /// Keeps the budget together with all processes that name the same file. A budget without a rate is not
    /// shared.
    ///
    /// # Errors
    /// When the file cannot be opened; the budget is then this process's own.
    pub fn share(&mut self, path: &Path) -> std::io::Result<()> {
        self.shared = self.rate.0.map(|_| Sendings::open(path)).transpose()?;
        Ok(())
    }

    /// The rate that was asked for.
    #[must_use]
    pub fn rate(&self) -> RateLimit {
        self.rate
    }

    /// The most requests in flight.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        lock(&self.slots).most
    }

    /// Waits for the right to have one request in flight; `None` if a stop was asked for meanwhile.
    pub fn slot(&self, stop: &Stop) -> Option<Slot<'_>> {
        let mut slots = lock(&self.slots);
        while slots.taken >= slots.allowed {
            if stop.is_requested() {
                return None;
            }
            let (guard, _) = self
                .freed
                .wait_timeout(slots, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner);
            slots = guard;
        }
        slots.taken += 1;
        Some(Slot(self))
    }

    /// Waits for the right to send one request within a slot; `None` if a stop was asked for meanwhile.
    pub fn turn(&self, stop: &Stop) -> Option<()> {
        let mut window = lock(&self.turn);
        let mut smoothed = false;
        loop {
            let now = Instant::now();
            let wait = self
                .blocked(now)
                .or_else(|| window.wait_at(now))
                .or_else(|| if smoothed { None } else { self.smooth() })
                .or_else(|| {
                    // The bucket has given its token; it is not asked again while others are waited for.
                    smoothed = true;
                    self.others(stop)
                });
            let Some(wait) = wait else {
                window.note(Instant::now());
                return (!stop.is_requested()).then_some(());
            };
            if stop.wait(wait) {
                return None;
            }
        }
    }

    fn blocked(&self, now: Instant) -> Option<Duration> {
        (*lock(&self.blocked_until))?.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Takes a token of the bucket, or says when there will be one.
    fn smooth(&self) -> Option<Duration> {
        let later = self.bucket.as_ref()?.check().err()?;
        Some(later.wait_time_from(self.clock.now()))
    }

    /// Notes the sending where other processes look, or says how long to wait for theirs.
    fn others(&self, stop: &Stop) -> Option<Duration> {
        let rate = self.rate.0?;
        self.shared.as_ref()?.take(u64::from(rate.requests.get()), rate.window(), stop)
    }

    /// Nobody sends for `time`, neither here nor in other processes of the budget: the service asked for it.
    pub fn pause(&self, time: Duration, stop: &Stop) {
        if let Some(shared) = &self.shared {
            shared.pause(time.min(LONGEST_PAUSE), stop);
        }
        let until = Instant::now() + time;
        let mut blocked = lock(&self.blocked_until);
        *blocked = Some(blocked.map_or(until, |earlier| earlier.max(until)));
    }

    /// The service complained: half as many requests in flight, at least one.
    pub fn back_off(&self) {
        let mut slots = lock(&self.slots);
        slots.allowed = (slots.allowed / 2).max(1);
        slots.good = 0;
    }

    /// The service answered well: after as many good answers as are allowed in flight, one more is.
    pub fn recover(&self) {
        let mut slots = lock(&self.slots);
        slots.good += 1;
        if slots.allowed < slots.most && slots.good >= slots.allowed * 4 {
            slots.allowed += 1;
            slots.good = 0;
            self.freed.notify_one();
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        lock(&self.0.slots).taken -= 1;
        self.0.freed.notify_one();
    }
}

impl Window {
    /// How long to wait at `now` until one more request keeps every window within the rate.
    fn wait_at(&mut self, now: Instant) -> Option<Duration> {
        let rate = self.rate?;
        let span = rate.window();
        while self.sent.front().is_some_and(|first| now.duration_since(*first) >= span) {
            self.sent.pop_front();
        }
        if self.sent.len() < rate.requests.get() as usize {
            return None;
        }
        self.sent.front().map(|first| (*first + span).duration_since(now))
    }

    fn note(&mut self, now: Instant) {
        if self.rate.is_some() {
            self.sent.push_back(now);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        for text in ["90/min", "10/s", "5000/h", "none"] {
            assert_eq!(text.parse::<RateLimit>().unwrap().to_string(), text);
        }
        for text in ["", "90", "0/min", "-1/s", "fast", "3/fortnight"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }

    /// Runs the window over made-up time: as fast as it allows, whatever the bucket would smooth.
    #[test]
    fn no_minute_holds_more_than_the_rate_and_hardly_any_less() {
        let rate = Rate { requests: NonZeroU32::new(600).unwrap(), span: Duration::from_secs(60) };
        let mut window = Window { rate: Some(rate), sent: VecDeque::new() };
        let start = Instant::now();
        let mut now = start;
        let mut sent = Vec::new();
        while now.duration_since(start) < Duration::from_secs(600) {
            match window.wait_at(now) {
                Some(wait) => now += wait,
                None => {
                    window.note(now);
                    sent.push(now);
                    now += Duration::from_millis(7);
                }
            }
        }
        for pair in sent.windows(601) {
            assert!(pair[600].duration_since(pair[0]) > Duration::from_secs(60));
        }
        assert!(sent.len() > 5_900, "{} of 6000", sent.len());
    }

    #[test]
    fn complaints_halve_what_is_in_flight_and_good_answers_bring_it_back() {
        let pace = Pace::new(RateLimit(None), 8);
        pace.back_off();
        pace.back_off();
        assert_eq!(lock(&pace.slots).allowed, 2);
        for _ in 0..400 {
            pace.recover();
        }
        assert_eq!(lock(&pace.slots).allowed, 8);
    }

    #[test]
    fn a_stop_ends_the_wait_for_a_turn() {
        let pace = Pace::new("1/h".parse().unwrap(), 1);
        let stop = Stop::default();
        assert!(pace.turn(&stop).is_some());
        stop.request();
        assert!(pace.turn(&stop).is_none());
    }
}
