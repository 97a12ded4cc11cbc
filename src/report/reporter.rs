//! The one owner of stdout and stderr.
//!
//! stdout is data: records with `-o -`, JSON objects with `--json`, lists. stderr is talk: lines, bars, plans,
//! questions, errors. A reporter is shared by all threads; what it prints never tears a progress bar, and text
//! that came from elsewhere cannot steer the terminal.
//!
//! A reader of stdout that goes away (`ferry … | head`) is no error: nothing more is written there, and a command
//! that failed for this reason alone ends silently and with success. Any other failure to write to stdout is told
//! once, by [`Reporter::close`]. What cannot be said on stderr is lost: there is nowhere left.

use super::ends::{Clock, Ends, Terminals};
use super::figures::tame;
use super::plan::PlanView;
use super::progress::{Budget, Progress, Shape};
use super::settings::{Color, ProgressMode, Settings};
use super::summary::{Status, Summary, worst_exit_code};
use super::table::Table;
use crate::error::{Class, Error, IoContext, Result};
use indicatif::MultiProgress;
use serde::Serialize;
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Says things; clones share the outputs.
#[derive(Clone)]
pub struct Reporter {
    shared: Arc<Shared>,
}

/// What reporter and progress share.
pub(super) struct Shared {
    settings: Settings,
    terminals: Terminals,
    colored: bool,
    out: Mutex<Out>,
    err: Mutex<Box<dyn Write + Send>>,
    input: Mutex<Box<dyn BufRead + Send>>,
    pub(super) bars: MultiProgress,
    pub(super) clock: Clock,
}

struct Out {
    sink: Box<dyn Write + Send>,
    failure: Option<io::Error>,
    /// Whether the command ended because its reader went away.
    ended_silently: bool,
}

/// stdout as a writer of records.
pub struct Data {
    shared: Arc<Shared>,
}

impl Reporter {
    /// A reporter of the process's own outputs.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::with_ends(settings, Ends::process())
    }

    pub(super) fn with_ends(settings: Settings, ends: Ends) -> Self {
        let Ends { out, err, input, bars, terminals, clock, colorless } = ends;
        let colored = match settings.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminals.err && !colorless,
        };
        Self {
            shared: Arc::new(Shared {
                settings,
                terminals,
                colored,
                out: Mutex::new(Out { sink: out, failure: None, ended_silently: false }),
                err: Mutex::new(err),
                input: Mutex::new(input),
                bars: MultiProgress::with_draw_target(bars),
                clock,
            }),
        }
    }

    /// Whether `--json` was asked for.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.shared.settings.json
    }

    /// Says something to people, unless `-q`.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.shared.settings.quiet {
            self.shared.err_line(&tame(text.as_ref()));
        }
    }

    /// Says something that only `-v` asks for.
    pub fn note(&self, text: impl AsRef<str>) {
        if self.shared.settings.verbose > 0 {
            self.say(text);
        }
    }

    /// Warns; also with `-q`.
    pub fn warn(&self, text: impl AsRef<str>) {
        let head = self.shared.paint("33", "warning:");
        self.shared.err_line(&format!("{head} {}", tame(text.as_ref())));
    }

    /// Says why a command ended, with its causes and the way out. An end that only means that the reader of
    /// stdout went away stays silent.
    pub fn error(&self, error: &Error) {
        if self.is_silent_end(error) {
            lock(&self.shared.out).ended_silently = true;
            return;
        }
        let mut text = format!("{} {}", self.shared.paint("31", "error:"), tame(&error.to_string()));
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            text.push_str(&format!("\n  caused by: {}", tame(&inner.to_string())));
            cause = inner.source();
        }
        if let Some(hint) = error.way_out() {
            text.push_str(&format!("\n\n{} {}", self.shared.paint("36", "hint:"), tame(hint)));
        }
        self.shared.err_line(&text);
    }

    /// Prints one JSON object on a line of stdout (of stderr where stdout holds records), if `--json`.
    pub fn object(&self, object: &impl Serialize) {
        if !self.shared.settings.json {
            return;
        }
        match serde_json::to_string(object) {
            Ok(line) if self.shared.settings.data_to_stdout => self.shared.err_line(&line),
            Ok(line) => self.shared.out_text(&format!("{line}\n")),
            Err(cause) => self.error(&Error::stopped("cannot print a JSON object").because(cause)),
        }
    }

    /// Prints text that was asked for, such as a schema or an example, on stdout; ends it with a line feed.
    pub fn print(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        self.shared.out_text(&format!("{}\n", text.strip_suffix('\n').unwrap_or(text)));
    }

    /// Prints a list on stdout, no wider than its terminal.
    pub fn table(&self, table: &Table) {
        self.shared.out_text(&table.render(self.shared.terminals.width));
    }

    /// stdout, for records. Buffer it: every write locks and goes out at once.
    #[must_use]
    pub fn data(&self) -> Data {
        Data { shared: Arc::clone(&self.shared) }
    }

    /// Shows what a load is about to do: with `--json` as `{"plan": …}`, else as lines.
    pub fn plan(&self, plan: &PlanView) {
        #[derive(Serialize)]
        struct Line<'a> {
            plan: &'a PlanView,
        }
        if self.is_json() {
            self.object(&Line { plan });
        } else {
            self.say(plan.render());
        }
    }

    /// Ends a run's talk: with `--json` the summary object, else a few lines. A stop is told how to go on in
    /// both cases, also with `-q`, as the last line of stderr. Errors come before it.
    pub fn summary(&self, summary: &Summary) {
        let rendered = !self.is_json() && !self.shared.settings.quiet;
        if !self.is_json() && lock(&self.shared.out).ended_silently {
            return;
        }
        if summary.status == Status::Stopped && !rendered {
            self.shared.err_line(&tame(&summary.way_on()));
        }
        if rendered {
            self.say(summary.render());
        }
        self.object(summary);
    }

    /// Asks a question that is answered with yes or no; no is what an empty answer means.
    ///
    /// # Errors
    /// Class `Input` when nobody can be asked, because stdin or stderr is no terminal.
    pub fn confirm(&self, question: &str) -> Result<bool> {
        if !(self.shared.terminals.input && self.shared.terminals.err) {
            return Err(Error::input(format!("cannot ask `{}` without a terminal", tame(question)))
                .hint("look at the plan, then repeat the command with `--yes`"));
        }
        self.shared.err_text(&format!("{} [y/N] ", tame(question)));
        let mut answer = String::new();
        let read = lock(&self.shared.input).read_line(&mut answer);
        if read.during(|| "cannot read the answer".to_owned())? == 0 {
            self.shared.err_text("\n");
        }
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Begins to show how far a piece of work is. `budget` is the request budget that bounds it: the time left is
    /// never told shorter than that allows.
    #[must_use]
    pub fn progress(&self, what: &str, total: Option<u64>, budget: Option<Budget>) -> Progress {
        let settings = &self.shared.settings;
        let shape = match settings.progress {
            _ if settings.quiet => Shape::Hidden,
            ProgressMode::None => Shape::Hidden,
            ProgressMode::Json => Shape::Json,
            // Records on the same terminal would tear the bars.
            ProgressMode::Auto if settings.data_to_stdout && self.shared.terminals.out => Shape::Hidden,
            ProgressMode::Auto if self.shared.terminals.err => Shape::Bar,
            ProgressMode::Auto => Shape::Lines,
        };
        Progress::begin(Arc::clone(&self.shared), shape, &tame(what), total, budget)
    }

    /// Whether the reader of stdout went away.
    #[must_use]
    pub fn is_reader_gone(&self) -> bool {
        let out = lock(&self.shared.out);
        out.failure.as_ref().is_some_and(|failure| failure.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether an error only says that the reader of stdout went away: a success that ends early.
    #[must_use]
    pub fn is_silent_end(&self, error: &Error) -> bool {
        let records = self.shared.settings.data_to_stdout;
        let gone = self.is_reader_gone();
        // Records may have been written past this reporter. Writers of some formats do not pass the cause on.
        (records || gone) && is_broken_pipe(error) || (records && gone && error.class() == Class::Stopped)
    }

    /// Ends all talk and returns the exit code: `code`, but 0 after a silent end, and 3 where stdout could not be
    /// written to, which is said here.
    #[must_use]
    pub fn close(&self, code: u8) -> u8 {
        let (failure, ended_silently) = {
            let mut out = lock(&self.shared.out);
            if out.failure.is_none() {
                out.failure = out.sink.flush().err();
            }
            (out.failure.take_if(|failure| failure.kind() != io::ErrorKind::BrokenPipe), out.ended_silently)
        };
        match failure {
            None if ended_silently => 0,
            None => code,
            Some(failure) => {
                self.error(&Error::stopped("cannot write to standard output").because(failure));
                worst_exit_code([code, 3])
            }
        }
    }
}

impl Write for Data {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.shared.out).attempt(|sink| sink.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.shared.out).attempt(|sink| sink.flush())
    }
}

impl Out {
    /// Does something with the sink; remembers the first failure and does not try again after it.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        if let Some(failure) = &self.failure {
            return Err(io::Error::new(failure.kind(), failure.to_string()));
        }
        let result = work(self.sink.as_mut());
        if let Err(failure) = &result
            && failure.kind() != io::ErrorKind::Interrupted
        {
            self.failure = Some(io::Error::new(failure.kind(), failure.to_string()));
        }
        result
    }
}

impl Shared {
    /// Writes a line to stderr, above the bars.
    pub(super) fn err_line(&self, line: &str) {
        self.err_text(&format!("{line}\n"));
    }

    fn err_text(&self, text: &str) {
        self.bars.suspend(|| {
            let mut err = lock(&self.err);
            // There is nowhere to tell that stderr is closed.
            let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
        });
    }

    fn out_text(&self, text: &str) {
        self.bars.suspend(|| {
            // The failure is remembered, and told by `close`.
            let _ = lock(&self.out).attempt(|sink| {
                sink.write_all(text.as_bytes())?;
                sink.flush()
            });
        });
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colored { format!("\u{1b}[1;{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) {
            return true;
        }
        cause = inner.source();
    }
    false
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ends::captured::{Broken, Captured};

    const TERMINAL: Terminals = Terminals { input: true, out: true, err: true, width: Some(80) };

    fn reporter(settings: Settings, terminals: Terminals, answer: &'static str) -> (Reporter, Captured) {
        let captured = Captured::default();
        (Reporter::with_ends(settings, captured.ends(terminals, answer)), captured)
    }

    fn pipes(settings: Settings) -> (Reporter, Captured) {
        reporter(settings, Terminals::default(), "")
    }

    #[test]
    fn an_error_shows_its_causes_and_the_way_out() {
        let (reporter, captured) = pipes(Settings::default());
        let error = Error::input("m.toml:7: unknown source field `emial`")
            .because(io::Error::other("disk\u{1b}[2J on fire"))
            .hint("did you mean `email`?");
        reporter.error(&error);
        reporter.error(&Error::input("no such file `a.csv`"));
        assert_eq!(
            captured.err(),
            "error: m.toml:7: unknown source field `emial`\n  caused by: disk\\u{1b}[2J on fire\n\n\
             hint: did you mean `email`?\nerror: no such file `a.csv`\n"
        );
    }

    #[test]
    fn color_is_for_terminals_or_on_demand() {
        let warn = |color, terminals, colorless| {
            let captured = Captured::default();
            let ends = Ends { colorless, ..captured.ends(terminals, "") };
            Reporter::with_ends(Settings { color, ..Settings::default() }, ends).warn("mind the gap");
            captured.err().contains('\u{1b}')
        };
        assert!(warn(Color::Auto, TERMINAL, false));
        assert!(!warn(Color::Auto, TERMINAL, true));
        assert!(!warn(Color::Auto, Terminals::default(), false));
        assert!(warn(Color::Always, Terminals::default(), true));
        assert!(!warn(Color::Never, TERMINAL, false));
    }

    #[test]
    fn quiet_hides_talk_but_not_warnings_nor_data() {
        let (reporter, captured) =
            pipes(Settings { quiet: true, verbose: 1, json: true, ..Settings::default() });
        reporter.say("hello");
        reporter.note("details");
        reporter.warn("mind the gap");
        reporter.object(&serde_json::json!({"a": 1}));
        assert_eq!(
            (captured.out().as_str(), captured.err().as_str()),
            ("{\"a\":1}\n", "warning: mind the gap\n")
        );
    }

    #[test]
    fn objects_go_to_stderr_when_records_go_to_stdout() {
        let settings = Settings { json: true, data_to_stdout: true, ..Settings::default() };
        let (reporter, captured) = pipes(settings);
        reporter.data().write_all(b"_id\n1\n").unwrap();
        reporter.object(&serde_json::json!({"a": 1}));
        assert_eq!((captured.out().as_str(), captured.err().as_str()), ("_id\n1\n", "{\"a\":1}\n"));
        assert_eq!(reporter.close(0), 0);
    }

    #[test]
    fn a_question_needs_a_terminal_and_a_clear_yes() {
        for (answer, yes) in [("y\n", true), ("Yes\n", true), ("\n", false), ("no\n", false), ("", false)] {
            let (reporter, captured) = reporter(Settings::default(), TERMINAL, answer);
            assert_eq!(reporter.confirm("Write 3 records?").unwrap(), yes, "{answer:?}");
            assert!(captured.err().starts_with("Write 3 records? [y/N] "));
        }
        let (reporter, captured) = pipes(Settings::default());
        let error = reporter.confirm("Write 3 records?").unwrap_err();
        assert_eq!(error.class(), Class::Input);
        assert!(error.way_out().unwrap().contains("--yes"));
        assert_eq!(captured.err(), "");
    }

    #[test]
    fn a_reader_that_went_away_is_a_silent_end() {
        let captured = Captured::default();
        let ends = Ends { out: Box::new(Broken), ..captured.ends(Terminals::default(), "") };
        let settings = Settings { data_to_stdout: true, ..Settings::default() };
        let reporter = Reporter::with_ends(settings, ends);
        let failure = reporter.data().write_all(b"x").unwrap_err();
        assert!(!reporter.is_silent_end(&Error::input("no such field")));
        reporter.error(&Error::stopped("cannot write `-`").because(failure));
        reporter.summary(&Summary { status: Status::Stopped, ..Summary::default() });
        assert_eq!(reporter.close(3), 0);
        assert_eq!(captured.err(), "");
    }

    #[test]
    fn records_written_past_the_reporter_can_end_silently_too() {
        let broken =
            || Error::stopped("cannot write `-`").because(io::Error::from(io::ErrorKind::BrokenPipe));
        let (to_stdout, _) = pipes(Settings { data_to_stdout: true, ..Settings::default() });
        to_stdout.error(&broken());
        assert_eq!(to_stdout.close(3), 0);
        let (to_a_file, captured) = pipes(Settings::default());
        to_a_file.error(&broken());
        assert_eq!(to_a_file.close(3), 3);
        assert!(captured.err().starts_with("error: cannot write `-`"));
    }

    #[test]
    fn all_threads_share_a_reporter_and_its_progress() {
        fn shared<T: Send + Sync>() {}
        shared::<Reporter>();
        shared::<Progress>();
    }

    #[test]
    fn a_full_disk_behind_stdout_is_told() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let captured = Captured::default();
        let ends = Ends { out: Box::new(Full), ..captured.ends(Terminals::default(), "") };
        let reporter = Reporter::with_ends(Settings { json: true, ..Settings::default() }, ends);
        reporter.object(&serde_json::json!({}));
        assert_eq!(reporter.close(1), 3);
        assert!(captured.err().starts_with("error: cannot write to standard output\n  caused by: "));
    }

    #[test]
    fn a_stop_ends_with_the_way_on_whatever_else_is_said() {
        let stopped = Summary { status: Status::Stopped, ..Summary::new("r-1", "import") };
        for (json, quiet) in [(false, false), (true, false), (false, true), (true, true)] {
            let (reporter, captured) = pipes(Settings { json, quiet, ..Settings::default() });
            reporter.summary(&stopped);
            assert!(captured.err().ends_with("continue with `ferry resume r-1`\n"), "{}", captured.err());
            assert_eq!(captured.out().starts_with("{\"run\":\"r-1\""), json);
            assert_eq!(captured.err().lines().count() > 1, !json && !quiet, "{}", captured.err());
        }
    }
}
