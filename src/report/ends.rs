//! The outer ends that a reporter speaks to: two outputs, an answer, a clock, and what is a terminal.

use indicatif::ProgressDrawTarget;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time since the program began; never goes back.
pub(super) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Where words go and answers come from.
pub(super) struct Ends {
    /// Data.
    pub(super) out: Box<dyn Write + Send>,
    /// Talk.
    pub(super) err: Box<dyn Write + Send>,
    /// Answers.
    pub(super) input: Box<dyn BufRead + Send>,
    /// Where bars are drawn.
    pub(super) bars: ProgressDrawTarget,
    /// What is a terminal.
    pub(super) terminals: Terminals,
    /// The time.
    pub(super) clock: Clock,
    /// Whether the environment asks for plain text: `NO_COLOR`, or a terminal that knows none.
    pub(super) colorless: bool,
}

/// Which ends are terminals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terminals {
    pub(super) input: bool,
    pub(super) out: bool,
    pub(super) err: bool,
    /// Columns of the terminal that data goes to.
    pub(super) width: Option<u16>,
}

impl Ends {
    /// The process's own.
    pub(super) fn process() -> Self {
        let start = Instant::now();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let out = io::stdout().is_terminal();
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Box::new(io::BufReader::new(io::stdin())),
            bars: ProgressDrawTarget::stderr(),
            terminals: Terminals {
                input: io::stdin().is_terminal(),
                out,
                err: io::stderr().is_terminal(),
                width: console::Term::stdout().size_checked().map(|(_, columns)| columns).filter(|_| out),
            },
            clock: Arc::new(move || start.elapsed()),
            colorless: set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb"),
        }
    }
}

#[cfg(test)]
pub(super) mod captured {
    use super::{Ends, Terminals};
    use indicatif::ProgressDrawTarget;
    use std::io::{self, Cursor, Write};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// What was written, and a clock that only tests move.
    #[derive(Clone, Default)]
    pub(crate) struct Captured {
        out: Arc<Mutex<Vec<u8>>>,
        err: Arc<Mutex<Vec<u8>>>,
        milliseconds: Arc<AtomicU64>,
    }

    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A pipe whose reader went away.
    pub(crate) struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    impl Captured {
        /// Ends that write here.
        pub(crate) fn ends(&self, terminals: Terminals, answer: &'static str) -> Ends {
            let milliseconds = Arc::clone(&self.milliseconds);
            Ends {
                out: Box::new(Sink(Arc::clone(&self.out))),
                err: Box::new(Sink(Arc::clone(&self.err))),
                input: Box::new(Cursor::new(answer)),
                bars: ProgressDrawTarget::hidden(),
                terminals,
                clock: Arc::new(move || Duration::from_millis(milliseconds.load(Ordering::SeqCst))),
                colorless: false,
            }
        }

        pub(crate) fn advance(&self, milliseconds: u64) {
            self.milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
        }

        pub(crate) fn out(&self) -> String {
            String::from_utf8(self.out.lock().unwrap().clone()).unwrap()
        }

        pub(crate) fn err(&self) -> String {
            String::from_utf8(self.err.lock().unwrap().clone()).unwrap()
        }
    }
}
