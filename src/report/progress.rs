//! How far a piece of work is: bars on a terminal, otherwise a plain line at most every 30 seconds.
//!
//! Speed is measured over the last minute. The time left knows the request budget: it is never told shorter than
//! the requests that remain take at the allowed pace, however fast a burst was.

use super::figures::{count, duration, speed};
use super::reporter::Shared;
use crate::http::pace::RateLimit;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The request budget that bounds a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests in a time.
    pub rate: RateLimit,
    /// How much of the work one request does: records a page, or 1.
    pub units_a_request: u64,
}

impl From<RateLimit> for Budget {
    /// A request for every unit.
    fn from(rate: RateLimit) -> Self {
        Self { rate, units_a_request: 1 }
    }
}

/// A piece of work in sight; shared by the threads that do it. Dropped without [`Progress::finish`], as on an
/// error, it goes without a word.
pub struct Progress {
    shared: Arc<Shared>,
    meter: Arc<Meter>,
    display: Display,
    /// When the next line is due, in milliseconds of the clock.
    due: AtomicU64,
    told: AtomicBool,
}

/// How a piece of work is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Hidden,
    Bar,
    Lines,
    Json,
}

enum Display {
    Hidden,
    Bar(ProgressBar),
    Lines,
    Json,
}

struct Meter {
    what: String,
    started: Duration,
    done: AtomicU64,
    /// `u64::MAX` where it is not known.
    total: AtomicU64,
    budget: Option<Budget>,
    /// How much was done when, over the last minute.
    samples: Mutex<VecDeque<(Duration, u64)>>,
}

/// What a meter shows at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    done: u64,
    total: Option<u64>,
    per_second: Option<f64>,
    left: Option<Duration>,
}

#[derive(Serialize)]
struct Event<'a> {
    progress: &'a str,
    done: u64,
    total: Option<u64>,
    per_second: Option<f64>,
    seconds_left: Option<u64>,
    finished: bool,
}

const EVERY_LINE: Duration = Duration::from_secs(30);
const EVERY_EVENT: Duration = Duration::from_secs(1);
const REDRAW: Duration = Duration::from_millis(200);
const WINDOW: Duration = Duration::from_secs(60);
const SAMPLE: Duration = Duration::from_secs(1);
/// Too short a time to tell a speed from.
const TOO_SHORT: Duration = Duration::from_millis(200);

impl Progress {
    pub(super) fn begin(
        shared: Arc<Shared>,
        shape: Shape,
        what: &str,
        total: Option<u64>,
        budget: Option<Budget>,
    ) -> Self {
        let started = (shared.clock)();
        let meter = Arc::new(Meter::new(what, started, total, budget));
        let display = match shape {
            Shape::Hidden => Display::Hidden,
            Shape::Lines => Display::Lines,
            Shape::Json => Display::Json,
            Shape::Bar => {
                let bar = shared.bars.add(ProgressBar::no_length());
                bar.set_style(style(&shared, &meter));
                if let Some(total) = total {
                    bar.set_length(total);
                }
                bar.enable_steady_tick(REDRAW);
                Display::Bar(bar)
            }
        };
        let first = if shape == Shape::Json { started } else { started + EVERY_LINE };
        let due = AtomicU64::new(millis(first));
        let progress = Self { shared, meter, display, due, told: AtomicBool::new(false) };
        progress.tell_if_due();
        progress
    }

    /// So much more was done.
    pub fn add(&self, n: u64) {
        self.meter.done.fetch_add(n, Ordering::Relaxed);
        match &self.display {
            Display::Hidden => {}
            Display::Bar(bar) => bar.inc(n),
            Display::Lines | Display::Json => self.tell_if_due(),
        }
    }

    /// How much there is to do is known now.
    pub fn set_total(&self, n: u64) {
        self.meter.total.store(n, Ordering::Relaxed);
        if let Display::Bar(bar) = &self.display {
            bar.set_style(style(&self.shared, &self.meter));
            bar.set_length(n);
        }
    }

    /// The work is done.
    pub fn finish(self) {
        let now = (self.shared.clock)();
        let reading = self.meter.read(now);
        let meter = &self.meter;
        let last = || format!("{}: {} in {}", meter.what, count(reading.done), duration(now - meter.started));
        match &self.display {
            Display::Hidden => {}
            Display::Bar(bar) => {
                bar.finish_and_clear();
                self.shared.err_line(&last());
            }
            Display::Lines if self.told.load(Ordering::Relaxed) => self.shared.err_line(&last()),
            Display::Lines => {}
            Display::Json => self.tell_event(&reading, true),
        }
    }

    fn tell_if_due(&self) {
        let every = match &self.display {
            Display::Hidden | Display::Bar(_) => return,
            Display::Lines => EVERY_LINE,
            Display::Json => EVERY_EVENT,
        };
        let now = (self.shared.clock)();
        let due = self.due.load(Ordering::Relaxed);
        let next = millis(now + every);
        // Whoever moves the due time tells; the other threads go on.
        if millis(now) < due
            || self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let reading = self.meter.read(now);
        self.told.store(true, Ordering::Relaxed);
        match self.display {
            Display::Json => self.tell_event(&reading, false),
            _ => self.shared.err_line(&format!("{}: {reading}", self.meter.what)),
        }
    }

    fn tell_event(&self, reading: &Reading, finished: bool) {
        let event = Event {
            progress: &self.meter.what,
            done: reading.done,
            total: reading.total,
            per_second: reading.per_second.map(|speed| (speed * 10.0).round() / 10.0),
            seconds_left: reading.left.map(|left| left.as_secs()),
            finished,
        };
        if let Ok(line) = serde_json::to_string(&event) {
            self.shared.err_line(&line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Display::Bar(bar) = &self.display
            && !bar.is_finished()
        {
            bar.finish_and_clear();
        }
    }
}

impl Meter {
    fn new(what: &str, started: Duration, total: Option<u64>, budget: Option<Budget>) -> Self {
        Self {
            what: what.to_owned(),
            started,
            done: AtomicU64::new(0),
            total: AtomicU64::new(total.unwrap_or(u64::MAX)),
            budget,
            samples: Mutex::new(VecDeque::from([(started, 0)])),
        }
    }

    fn read(&self, now: Duration) -> Reading {
        let done = self.done.load(Ordering::Relaxed);
        let total = Some(self.total.load(Ordering::Relaxed)).filter(|total| *total != u64::MAX);
        let per_second = self.measure(now, done);
        let left = total.and_then(|total| left(total.saturating_sub(done), per_second, self.budget));
        Reading { done, total, per_second, left }
    }

    fn measure(&self, now: Duration, done: u64) -> Option<f64> {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        while samples.len() > 1 && samples.front().is_some_and(|(when, _)| now.saturating_sub(*when) > WINDOW)
        {
            samples.pop_front();
        }
        let (since, before) = samples.front().copied()?;
        if samples.back().is_some_and(|(last, _)| now.saturating_sub(*last) >= SAMPLE) {
            samples.push_back((now, done));
        }
        let time = now.saturating_sub(since);
        (time >= TOO_SHORT).then(|| done.saturating_sub(before) as f64 / time.as_secs_f64())
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&count(self.done))?;
        if let Some(total) = self.total {
            write!(f, " of {}", count(total))?;
        }
        if let Some(per_second) = self.per_second {
            write!(f, ", {}", speed(per_second))?;
        }
        if let Some(left) = self.left {
            write!(f, ", {} left", duration(left))?;
        }
        Ok(())
    }
}

/// The time left in whole seconds: what remains at the measured speed, but never less than the requests for it
/// take at the allowed pace.
fn left(remaining: u64, per_second: Option<f64>, budget: Option<Budget>) -> Option<Duration> {
    let by_speed = per_second
        .filter(|speed| *speed > 0.0)
        .and_then(|speed| Duration::try_from_secs_f64(remaining as f64 / speed).ok());
    let by_budget =
        budget.and_then(|budget| budget.rate.time_for(remaining.div_ceil(budget.units_a_request.max(1))));
    let left = by_speed.max(by_budget)?;
    Some(Duration::from_secs(left.as_secs_f64().ceil() as u64))
}

/// Bar and text; without a total there is nothing to fill.
fn style(shared: &Shared, meter: &Arc<Meter>) -> ProgressStyle {
    let known = meter.total.load(Ordering::Relaxed) != u64::MAX;
    let template = if known { "{what} [{wide_bar}] {reading}" } else { "{spinner} {what} {reading}" };
    let (what, read, clock) = (Arc::clone(meter), Arc::clone(meter), Arc::clone(&shared.clock));
    ProgressStyle::with_template(template)
        .expect("the templates above are well-formed")
        .progress_chars("=> ")
        .with_key("what", move |_: &ProgressState, text: &mut dyn Write| {
            // Bars are redrawn: what cannot be formatted now is drawn the next time.
            let _ = text.write_str(&what.what);
        })
        .with_key("reading", move |_: &ProgressState, text: &mut dyn Write| {
            let _ = write!(text, "{}", read.read(clock()));
        })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ends::Terminals;
    use crate::report::ends::captured::Captured;
    use crate::report::{ProgressMode, Reporter, Settings};

    fn reporter(settings: Settings) -> (Reporter, Captured) {
        let captured = Captured::default();
        (Reporter::with_ends(settings, captured.ends(Terminals::default(), "")), captured)
    }

    fn budget(rate: &str, units_a_request: u64) -> Option<Budget> {
        Some(Budget { rate: rate.parse().unwrap(), units_a_request })
    }

    #[test]
    fn a_plain_line_comes_at_most_every_thirty_seconds() {
        let (reporter, captured) = reporter(Settings::default());
        let progress = reporter.progress("extract nimble:contacts", Some(20_000), None);
        for _ in 0..60 {
            captured.advance(1_000);
            progress.add(205);
        }
        captured.advance(1_000);
        progress.finish();
        assert_eq!(
            captured.err(),
            "extract nimble:contacts: 6,150 of 20,000, 205/s, 1 min 8 s left\n\
             extract nimble:contacts: 12,300 of 20,000, 205/s, 38 s left\n\
             extract nimble:contacts: 12,300 in 1 min 1 s\n"
        );
    }

    #[test]
    fn short_work_says_nothing_without_a_terminal() {
        let (reporter, captured) = reporter(Settings::default());
        let progress = reporter.progress("plan", None, None);
        captured.advance(29_000);
        progress.add(7);
        progress.finish();
        assert_eq!(captured.err(), "");
    }

    #[test]
    fn json_events_come_at_once_then_every_second_and_at_the_end() {
        let (reporter, captured) = reporter(Settings { progress: ProgressMode::Json, ..Settings::default() });
        let progress = reporter.progress("load", None, None);
        progress.add(1);
        progress.set_total(40);
        captured.advance(1_000);
        progress.add(9);
        progress.finish();
        assert_eq!(
            captured.err(),
            "{\"progress\":\"load\",\"done\":0,\"total\":null,\"per_second\":null,\"seconds_left\":null,\"finished\":false}\n\
             {\"progress\":\"load\",\"done\":10,\"total\":40,\"per_second\":10.0,\"seconds_left\":3,\"finished\":false}\n\
             {\"progress\":\"load\",\"done\":10,\"total\":40,\"per_second\":10.0,\"seconds_left\":3,\"finished\":true}\n"
        );
    }

    #[test]
    fn quiet_and_none_show_nothing() {
        for settings in [
            Settings { quiet: true, progress: ProgressMode::Json, ..Settings::default() },
            Settings { progress: ProgressMode::None, ..Settings::default() },
        ] {
            let (reporter, captured) = reporter(settings);
            let progress = reporter.progress("load", None, None);
            captured.advance(60_000);
            progress.add(7);
            progress.finish();
            assert_eq!(captured.err(), "");
        }
    }

    #[test]
    fn a_bar_leaves_one_line_when_it_is_done_and_none_when_it_is_dropped() {
        let captured = Captured::default();
        let terminal = Terminals { err: true, ..Terminals::default() };
        let reporter = Reporter::with_ends(Settings::default(), captured.ends(terminal, ""));
        drop(reporter.progress("plan", None, None));
        let progress = reporter.progress("load", Some(3), None);
        progress.add(3);
        captured.advance(2_000);
        progress.finish();
        assert_eq!(captured.err(), "load: 3 in 2 s\n");
    }

    #[test]
    fn the_time_left_knows_the_request_budget() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let cases = [
            (900, Some(30.0), None, seconds(30)),
            (900, Some(30.0), budget("90/min", 1), seconds(600)),
            (900, Some(1.0), budget("90/min", 1), seconds(900)),
            (900, None, budget("90/min", 100), seconds(6)),
            (901, Some(300.0), budget("90/min", 100), seconds(7)),
            (900, Some(30.0), budget("none", 1), seconds(30)),
            (900, Some(0.0), None, None),
            (0, None, budget("90/min", 1), seconds(0)),
        ];
        for (remaining, per_second, budget, expected) in cases {
            assert_eq!(
                left(remaining, per_second, budget),
                expected,
                "{remaining} {per_second:?} {budget:?}"
            );
        }
    }

    #[test]
    fn speed_is_that_of_the_last_minute() {
        let meter = Meter::new("load", Duration::ZERO, None, None);
        for second in 1..=200u64 {
            meter.done.fetch_add(if second <= 100 { 1 } else { 5 }, Ordering::Relaxed);
            meter.read(Duration::from_secs(second));
        }
        let per_second = meter.read(Duration::from_secs(200)).per_second.unwrap();
        assert!((per_second - 5.0).abs() < 0.01, "{per_second}");
    }
}
