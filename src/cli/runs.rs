//! `runs` and `resume`: what was done, and going on with it.

use super::work::finish;
use crate::error::Result;
use crate::flow;
use crate::flow::context::Context;
use crate::flow::job::Job;
use crate::flow::resume::resume as go_on;
use crate::flow::shown;
use crate::report::Summary;
use crate::report::figures::count;
use crate::report::plan::PlanView;
use crate::report::rows::{ACTIONS, Flat};
use crate::report::table::{Align, Table};
use crate::run::folder::RunEntry;
use clap::Subcommand;
use serde::Serialize;
use std::io::BufWriter;

/// List runs, or show one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry runs                        what was done here, and how it ended
  ferry runs show k3f9              one run: its plan, or what became of it
  ferry runs show k3f9 --json       the same as objects: the run, then each row of its plan
  ferry runs show k3f9 --csv --action update,conflict > plan.csv")]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List all runs, the oldest first
    List,
    /// Show one run: what was asked, its plan, and what became of it
    Show(ShowArgs),
}

/// Show one run: what was asked, its plan, and what became of it
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The run, by any unique part of its name
    run: String,
    /// The rows of its plan as CSV, a line for each difference
    #[arg(long)]
    csv: bool,
    /// Only rows with these actions
    #[arg(long, value_name = "ACTION,..", value_delimiter = ',', value_parser = ACTIONS)]
    action: Vec<String>,
}

/// Go on with a run that was stopped or killed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry resume --last --yes
  ferry resume k3f9")]
pub(crate) struct ResumeArgs {
    /// The run, by any unique part of its name
    #[arg(required_unless_present = "last", conflicts_with = "last")]
    run: Option<String>,
    /// The newest run that can be resumed
    #[arg(long)]
    last: bool,
}

/// A run as listed.
#[derive(Debug, Serialize)]
struct Listed {
    run: String,
    command: String,
    source: String,
    target: Option<String>,
    status: &'static str,
    /// Since when changes were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Where the next `--since last` begins, unless a later run has moved on.
    #[serde(skip_serializing_if = "Option::is_none")]
    watermark: Option<String>,
    summary: Option<Summary>,
    /// Its plan, where nothing of it was sent yet and a single run is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanView>,
}

pub(crate) fn runs(context: &Context, args: &RunsArgs) -> Result<u8> {
    match &args.what {
        None | Some(What::List) => list(context),
        Some(What::Show(args)) => show(context, &context.runs.find(&args.run)?, args),
    }
}

pub(crate) fn resume(context: &Context, args: &ResumeArgs) -> Result<u8> {
    finish(context, go_on(context, args.run.as_deref())?)
}

fn list(context: &Context) -> Result<u8> {
    let mut table = Table::new(&[
        ("run", Align::Left),
        ("status", Align::Left),
        ("from", Align::Left),
        ("to", Align::Left),
        ("read", Align::Right),
    ]);
    for entry in context.runs.list()? {
        let listed = match listed(&entry) {
            Ok(listed) => listed,
            Err(error) => {
                context.reporter.warn(format!("run `{}`: {}", entry.name, error.chain()));
                continue;
            }
        };
        context.reporter.object(&listed);
        let read = listed.summary.as_ref().map(|summary| count(summary.read)).unwrap_or_default();
        table.row([
            listed.run,
            listed.status.to_owned(),
            listed.source,
            listed.target.unwrap_or_default(),
            read,
        ]);
    }
    if context.reporter.is_json() {
        return Ok(0);
    }
    if table.is_empty() {
        context.reporter.say("no runs yet");
    } else {
        context.reporter.table(&table);
    }
    Ok(0)
}

fn show(context: &Context, entry: &RunEntry, args: &ShowArgs) -> Result<u8> {
    if args.csv {
        let mut flat = Flat::new(BufWriter::new(context.reporter.data()))?;
        shown::rows(entry, &args.action, &mut |row| flat.write(row))?;
        flat.finish()?;
        return Ok(0);
    }
    let mut listed = listed(entry)?;
    listed.watermark = flow::watermark_of(context, &entry.name)?.map(|watermark| watermark.to_string());
    listed.plan = shown::plan(context, entry)?;
    if context.reporter.is_json() {
        context.reporter.object(&listed);
        shown::rows(entry, &args.action, &mut |row| {
            context.reporter.object(row);
            Ok(())
        })?;
        return Ok(0);
    }
    let target = listed.target.as_deref().map(|target| format!(" → {target}")).unwrap_or_default();
    context.reporter.print(format!(
        "{}\n  {} {}{target}\n  {}\n  {}\n",
        listed.run,
        listed.command,
        listed.source,
        listed.status,
        entry.path.display()
    ));
    if let Some(plan) = &listed.plan {
        context.reporter.print(plan.render());
    }
    if let Some(summary) = &listed.summary {
        context.reporter.print(summary.render());
    }
    if let Some(since) = &listed.since {
        context.reporter.print(format!("  changes since {since}\n"));
    }
    if let Some(watermark) = &listed.watermark {
        context.reporter.print(format!("  the next `--since last` begins at {watermark}\n"));
    }
    Ok(0)
}

fn listed(entry: &RunEntry) -> Result<Listed> {
    let job: Job = entry.job()?;
    let summary = Summary::stored(&entry.path)?;
    Ok(Listed {
        run: entry.name.clone(),
        command: job.command.clone(),
        source: job.source.name(),
        target: job.target.as_ref().map(crate::flow::job::Place::name),
        status: summary.as_ref().map_or("unfinished", |summary| summary.status.word()),
        since: job.selection.since.map(|since| since.to_string()),
        watermark: None,
        summary,
        plan: None,
    })
}
