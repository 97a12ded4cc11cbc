//! The demo's stage: a folder with the samples in it, and the program itself, run in that folder as a user would
//! run it. What is shown of a command is what it printed.
//!
//! A folder is only ever emptied when an earlier demo has made it: it then holds a file that says so.

use super::samples;
use crate::error::{Error, IoContext, Result};
use crate::flow::context::Context;
use crate::report::Summary;
use crate::run::folder::Runs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The file by which a later demo knows the folder for one of its own.
const MARK: &str = "made-by-ferry-demo.txt";
/// Lines of a command's output that are shown.
const MOST_LINES: usize = 40;
/// Characters of a line that are shown.
const MOST_CHARS: usize = 260;
/// How often a condition is looked at that has to come true.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder to act in, and the environment of the commands.
pub(super) struct Stage<'a> {
    context: &'a Context,
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// A command that has ended.
pub(super) struct Shown {
    /// Its exit code; -1 when a signal ended it.
    pub(super) code: i32,
    /// The account of its run.
    pub(super) summary: Summary,
}

impl<'a> Stage<'a> {
    /// Makes the folder, or empties the one that an earlier demo made, and lays the samples into it.
    ///
    /// # Errors
    /// Class `Input` when there is something in the folder that no demo has made; else when it cannot be written.
    pub(super) fn set(context: &'a Context, folder: &Path) -> Result<Self> {
        let during = || format!("cannot prepare the folder `{}`", folder.display());
        let folder = std::path::absolute(folder).during(during)?;
        empty(&folder)?;
        let mark =
            (MARK, b"`ferry demo` made this folder, and empties it when it is run again.\n".as_slice());
        for (name, bytes) in samples::ALL.into_iter().chain([mark]) {
            std::fs::write(folder.join(name), bytes).during(during)?;
        }
        let program = std::env::current_exe().during(|| "cannot find the program itself".to_owned())?;
        Ok(Self { context, program, folder, environment: Vec::new() })
    }

    /// Sets variables of the commands' environment.
    pub(super) fn set_environment<'b>(&mut self, variables: impl IntoIterator<Item = (&'b str, String)>) {
        self.environment.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }

    /// A path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The program.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Says something between the commands.
    pub(super) fn tell(&self, text: &str) {
        if !self.context.reporter.is_json() {
            self.context.reporter.print(text);
        }
    }

    /// Runs a command of Ferry to its end and shows it: the line as typed, and what it printed.
    ///
    /// # Errors
    /// When it cannot be run, has left no account, or somebody asked to stop.
    pub(super) fn ferry(&self, line: &str) -> Result<Shown> {
        self.tell(&format!("\n  $ ferry {line}"));
        let began = Instant::now();
        let child = self.start(line)?;
        self.show(line, child.wait_with_output(), began)
    }

    /// Starts a command of Ferry, ends it by `kill -9` when `moment` has come, and shows what it had printed.
    ///
    /// # Errors
    /// When it ended before the moment came, or cannot be run.
    pub(super) fn kill_when(&self, line: &str, moment: impl Fn() -> bool) -> Result<()> {
        self.tell(&format!("\n  $ ferry {line}"));
        let during = || format!("cannot run `ferry {line}`");
        let mut child = self.start(line)?;
        let patience = Instant::now() + PATIENCE;
        while !moment() {
            let ended = child.try_wait().during(during)?.is_some();
            if ended || self.context.stop.wait(LOOK_EVERY) || Instant::now() > patience {
                child.kill().and_then(|()| child.wait()).during(during)?;
                return Err(Error::check(format!("`ferry {line}` ended before it was killed")));
            }
        }
        child.kill().during(during)?;
        let output = child.wait_with_output().during(during)?;
        self.tell(&bounded(&output));
        self.context
            .reporter
            .object(&serde_json::json!({"command": format!("ferry {line}"), "killed": true}));
        Ok(())
    }

    fn start(&self, line: &str) -> Result<Child> {
        if self.context.stop.is_requested() {
            return Err(Error::stopped("the demo was stopped"));
        }
        let mut command = Command::new(&self.program);
        // The settings of the user's own accounts are none of the demo's business.
        let inherited = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FERRY_"));
        for (name, _) in inherited {
            command.env_remove(name);
        }
        command
            .args(line.split_whitespace())
            .current_dir(&self.folder)
            .envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().during(|| format!("cannot run `ferry {line}`"))
    }

    fn show(&self, line: &str, ended: std::io::Result<Output>, began: Instant) -> Result<Shown> {
        let output = ended.during(|| format!("cannot run `ferry {line}`"))?;
        let code = output.status.code().unwrap_or(-1);
        self.tell(&bounded(&output));
        if code != 0 {
            self.tell(&format!("  (exit code {code})"));
        }
        self.context.reporter.object(&serde_json::json!({
            "command": format!("ferry {line}"), "exit": code, "seconds": began.elapsed().as_secs_f64(),
        }));
        let last = Runs::below(&self.folder.join(".ferry")).list()?.pop();
        let summary = last.map(|run| Summary::stored(&run.path)).transpose()?.flatten();
        let Some(summary) = summary else {
            return Err(Error::check(format!("`ferry {line}` has left no account of itself")));
        };
        Ok(Shown { code, summary })
    }
}

/// Makes the folder, or empties it when an earlier demo has made it.
fn empty(folder: &Path) -> Result<()> {
    let during = || format!("cannot prepare the folder `{}`", folder.display());
    std::fs::create_dir_all(folder).during(during)?;
    let entries = std::fs::read_dir(folder).during(during)?.collect::<Result<Vec<_>, _>>().during(during)?;
    if entries.is_empty() {
        return Ok(());
    }
    if !folder.join(MARK).is_file() {
        return Err(Error::input(format!("the folder `{}` is not empty", folder.display()))
            .hint("give the demo another one: `ferry demo --folder NAME`"));
    }
    for entry in entries {
        let path = entry.path();
        // The mark goes last, so that a demo that was stopped here can be run again.
        if entry.file_type().during(during)?.is_dir() {
            std::fs::remove_dir_all(&path).during(during)?;
        } else if !path.ends_with(MARK) {
            std::fs::remove_file(&path).during(during)?;
        }
    }
    std::fs::remove_file(folder.join(MARK)).during(during)
}

/// What a command printed, set in, and no more of it than one wants to read.
fn bounded(output: &Output) -> String {
    let text =
        [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    let shorten = |line: &str| match line.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("  {}…", &line[..end]),
        None => format!("  {line}").trim_end().to_owned(),
    };
    let mut lines: Vec<String> = text.lines().take(MOST_LINES).map(shorten).collect();
    let more = text.lines().count().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.push(format!("  … {more} more lines"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_a_demo_made_is_emptied() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("new");
        empty(&folder).unwrap();
        std::fs::write(folder.join("mine.txt"), "precious").unwrap();
        let error = empty(&folder).unwrap_err();
        assert_eq!(error.class().exit_code(), 2);
        assert!(error.way_out().is_some_and(|hint| hint.contains("--folder")));
        assert!(folder.join("mine.txt").is_file());

        std::fs::write(folder.join(MARK), "").unwrap();
        std::fs::create_dir_all(folder.join(".ferry/runs")).unwrap();
        empty(&folder).unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }
}
