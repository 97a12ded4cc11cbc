//! The command line: clap structs that turn themselves into jobs and are gone.
//!
//! Doc comments are the help. Nothing here reads or writes records.

mod auth;
mod config;
mod create_fields;
mod delete;
mod demo;
mod explain;
mod look;
mod mapping;
mod plan;
mod retry;
mod runs;
mod select;
mod sim;
mod tolerance;
mod undo;
mod usage;
mod work;

use crate::config::{Connections, Overrides, duration};
use crate::connect::SERVICES;
use crate::error::{Error, Result};
use crate::flow::context::Context;
use crate::http::pace::RateLimit;
use crate::report::summary::Status;
use crate::report::{Color, ProgressMode, Reporter, Settings, Summary};
use crate::run::folder::Runs;
use crate::stop::Stop;
use clap::{Parser, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::PathBuf;
use std::time::Duration;

/// Move contact and record sets between CRMs and files, without losing or doubling any
#[derive(Debug, Parser)]
#[command(name = "ferry", version, about, max_term_width = 100, after_help = AFTER)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "Examples:
  ferry demo                                            the whole story on the built-in simulator
  ferry export nimble:contacts -o people.csv            everything out
  ferry import people.csv nimble:contacts               the edited sheet back in
  ferry plan leads.csv nethunt:Contacts -m leads.toml   what would happen; `ferry apply` does that

Exit codes: 0 done · 1 done, but rows were left behind · 2 command, mapping or input wrong, nothing written
            3 stopped, `ferry resume` goes on · 4 a check did not hold · 5 credentials refused";

#[derive(Debug, clap::Args)]
struct Global {
    /// One JSON object a line on stdout; the last is the run's summary
    #[arg(long, global = true, env = "FERRY_JSON", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    json: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, env = "FERRY_QUIET", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "FERRY_VERBOSE")]
    verbose: u8,
    /// When to use colour
    #[arg(long, global = true, default_value = "auto", env = "FERRY_COLOR", value_name = "WHEN")]
    color: Color,
    /// How to show progress
    #[arg(long, global = true, default_value = "auto", env = "FERRY_PROGRESS", value_name = "HOW")]
    progress: ProgressMode,
    /// Where runs are kept
    #[arg(long, global = true, default_value = ".ferry", env = "FERRY_STATE_DIR", value_name = "FOLDER")]
    state_dir: PathBuf,
    /// Connections; `ferry.toml` in the working folder, else in the user's config folder
    #[arg(long, global = true, env = "FERRY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The most requests of every connection: `90/min`, `10/s`, `none`
    #[arg(long, global = true, env = "FERRY_RATE", value_name = "RATE")]
    rate: Option<RateLimit>,
    /// The most requests in flight of every connection
    #[arg(long, global = true, env = "FERRY_CONCURRENCY", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=256))]
    concurrency: Option<u64>,
    /// How long a request may take to become visible after its answer was lost: `15s`
    #[arg(long, global = true, env = "FERRY_SETTLE", value_name = "TIME", value_parser = duration)]
    settle: Option<Duration>,
    /// Write without asking
    #[arg(long, global = true, env = "FERRY_YES", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole story on the built-in simulator
    Demo(demo::DemoArgs),
    /// Are the credentials good, and what may they read and write
    Check(look::CheckArgs),
    /// List streams, or a stream's fields: modifiers, types, how filled, examples
    Discover(look::DiscoverArgs),
    /// Write a stream's records, or a file's, into a file
    Export(work::ExportArgs),
    /// Bring a file's rows into a stream: planned, shown, confirmed, sent, accounted for
    Import(work::ImportArgs),
    /// Save a plan of an import as a run, and send nothing
    Plan(plan::PlanArgs),
    /// Carry out a saved plan exactly as it was shown
    Apply(plan::ApplyArgs),
    /// Delete the records that a file lists by `_id`; what goes is exported first
    Delete(delete::DeleteArgs),
    /// Read a stream or a file into a run's folder, and no more
    Extract(work::ExtractArgs),
    /// Map what a run has extracted
    Transform(work::TransformArgs),
    /// Load what a run has extracted, mapped if it was, into a stream
    Load(work::LoadArgs),
    /// List runs, or show one
    Runs(runs::RunsArgs),
    /// Go on with a run that was stopped or killed
    Resume(runs::ResumeArgs),
    /// Try failed and rejected rows of a run again, as they were or repaired
    Retry(retry::RetryArgs),
    /// Take a run back: what it created is deleted, what it changed is restored
    Undo(undo::UndoArgs),
    /// Show one record's whole way through a run: source row, requests, answers, later edits
    Explain(explain::ExplainArgs),
    /// Log in to a service with a browser, where it offers that
    #[command(
        subcommand,
        after_help = "Examples:
  ferry auth login nimble            shows where to go with a browser, and waits
  ferry auth login nimble --paste    on a machine without one
  ferry auth status                  who is logged in, and until when"
    )]
    Auth(auth::AuthCommand),
    /// Show connections and where their settings come from, or check them
    #[command(
        subcommand,
        after_help = "Examples:
  ferry config show          every setting, its value and where it comes from; never a secret
  ferry config check         everything wrong with ferry.toml and the places of secrets, at once"
    )]
    Config(config::ConfigCommand),
    /// Run the simulator of both CRMs, in the foreground
    Sim(sim::SimArgs),
    /// Draft, check, test and try mapping files
    #[command(
        subcommand,
        after_help = "Examples:
  ferry mapping new leads.csv nethunt:Contacts -o leads.toml    a draft, and how sure it is
  ferry mapping check leads.toml      names, operations, arguments: everything wrong at once
  ferry mapping test mappings/*.toml  the examples in the files"
    )]
    Mapping(mapping::MappingCommand),
}

/// The commands that have a run.
const HAVE_RUNS: [&str; 11] = [
    "export",
    "import",
    "plan",
    "apply",
    "delete",
    "extract",
    "transform",
    "load",
    "resume",
    "retry",
    "undo",
];

/// Runs the command line; the process exit code.
#[must_use]
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::end(&error),
    };
    let data_to_stdout = cli.command.data_to_stdout();
    let json = cli.global.json;
    let has_run = cli.command.has_run();
    let command = cli.command.word();
    let settings = settings(&cli.global, data_to_stdout);
    let context = match context(cli.global, settings.clone()) {
        Ok(context) => context,
        Err(error) => {
            let reporter = Reporter::new(settings);
            reporter.error(&error);
            if has_run {
                reporter.summary(&Summary::new("", command));
            }
            return reporter.close(error.class().exit_code());
        }
    };
    let code = match dispatch(&context, cli.command, json) {
        Ok(code) => code,
        Err(error) => {
            context.reporter.error(&error);
            if has_run {
                let mut summary = Summary::new(error.run().unwrap_or_default(), command);
                if error.run().is_some() {
                    summary.status = Status::after(&error);
                }
                summary.seconds = context.began.elapsed().as_secs_f64();
                context.reporter.summary(&summary);
            }
            error.class().exit_code()
        }
    };
    context.reporter.close(code)
}

fn dispatch(context: &Context, command: Command, json: bool) -> Result<u8> {
    match command {
        Command::Demo(args) => demo::run(context, &args),
        Command::Check(args) => look::check(context, &args),
        Command::Discover(args) => look::discover(context, &args),
        Command::Export(args) => work::export(context, args),
        Command::Import(args) => work::import(context, args),
        Command::Plan(args) => plan::plan(context, args),
        Command::Apply(args) => plan::apply(context, &args),
        Command::Delete(args) => delete::delete(context, args),
        Command::Extract(args) => work::extract(context, args),
        Command::Transform(args) => work::transform(context, &args),
        Command::Load(args) => work::load(context, args),
        Command::Runs(args) => runs::runs(context, &args),
        Command::Resume(args) => runs::resume(context, &args),
        Command::Retry(args) => retry::retry(context, &args),
        Command::Explain(args) => explain::explain(context, &args),
        Command::Undo(args) => undo::undo(context, &args),
        Command::Auth(command) => auth::run(context, &command),
        Command::Config(command) => config::run(context, &command),
        Command::Sim(args) => {
            sim::run(args, json, &mut context.reporter.data()).map(|()| 0).map_err(Error::input)
        }
        Command::Mapping(command) => mapping::run(context, &command),
    }
}

fn settings(global: &Global, data_to_stdout: bool) -> Settings {
    Settings {
        json: global.json,
        quiet: global.quiet,
        verbose: global.verbose,
        color: global.color,
        progress: global.progress,
        data_to_stdout,
    }
}

fn context(global: Global, settings: Settings) -> Result<Context> {
    let stop = Stop::default();
    obey_signals(&stop)?;
    let overrides = Overrides {
        rate: global.rate,
        concurrency: global.concurrency.and_then(|count| usize::try_from(count).ok()),
        settle: global.settle,
    };
    let runs = Runs::below(&global.state_dir);
    let connections = Connections::load(global.config.as_deref(), overrides, SERVICES);
    Ok(Context::new(Reporter::new(settings), stop, connections, runs, global.yes))
}

/// The first signal asks for a stop, the second ends the process at once; the checkpoint stands either.
fn obey_signals(stop: &Stop) -> Result<()> {
    let failed = |cause: std::io::Error| Error::stopped("cannot listen for signals").because(cause);
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let stop = stop.clone();
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if stop.is_requested() {
                std::process::exit(130);
            }
            stop.request();
        }
    });
    Ok(())
}

impl Command {
    /// Whether the command's data goes to stdout, so that its summary must not.
    fn data_to_stdout(&self) -> bool {
        matches!(self, Self::Export(args) if args.to_stdout())
    }

    /// Whether the command has a run, and so a summary on every exit.
    fn has_run(&self) -> bool {
        HAVE_RUNS.contains(&self.word())
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Demo(_) => "demo",
            Self::Check(_) => "check",
            Self::Discover(_) => "discover",
            Self::Export(_) => "export",
            Self::Import(_) => "import",
            Self::Plan(_) => "plan",
            Self::Apply(_) => "apply",
            Self::Delete(_) => "delete",
            Self::Extract(_) => "extract",
            Self::Transform(_) => "transform",
            Self::Load(_) => "load",
            Self::Runs(_) => "runs",
            Self::Resume(_) => "resume",
            Self::Retry(_) => "retry",
            Self::Explain(_) => "explain",
            Self::Undo(_) => "undo",
            Self::Auth(_) => "auth",
            Self::Config(_) => "config",
            Self::Sim(_) => "sim",
            Self::Mapping(_) => "mapping",
        }
    }
}
