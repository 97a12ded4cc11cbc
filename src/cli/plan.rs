//! `plan` and `apply`: what an import would do, kept, and then done exactly so.

use super::work::{IntoArgs, ReadArgs, begin, finish, job, place, stream};
use crate::connect::Endpoint;
use crate::error::Result;
use crate::flow::apply::{self, Wishes};
use crate::flow::as_exported;
use crate::flow::context::Context;
use crate::flow::job::PLAN;
use std::path::PathBuf;

/// How much a load may do, and how carefully.
#[derive(Debug, clap::Args)]
pub(super) struct LimitArgs {
    /// Refuse a plan that changes more records than this
    #[arg(long, value_name = "N")]
    pub(super) max_changes: Option<u64>,
    /// Refuse a plan that deletes more records than this
    #[arg(long, value_name = "N")]
    pub(super) max_deletes: Option<u64>,
    /// Do so many rows first, read them back, and ask before the rest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) canary: Option<u64>,
}

/// Save a plan of an import as a run, and send nothing
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("dry_run", |argument| argument.hide(true)),
    mut_arg("no_verify", |argument| argument.hide(true)),
    after_help = "Examples:
  ferry plan leads.csv nethunt:Contacts -m leads.toml
  ferry runs show k3f9                the plan again; --json or --csv: row by row
  ferry apply k3f9                    carries it out"
)]
pub(crate) struct PlanArgs {
    /// The file, or a stream
    source: String,
    /// `nimble:contacts` or `nethunt:FOLDER`
    target: String,
    /// Mapping file; without one the columns are those of a plain export
    #[arg(short, long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    #[command(flatten)]
    into: IntoArgs,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    read: ReadArgs,
}

/// Carry out a saved plan exactly as it was shown
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry apply k3f9
  ferry apply k3f9 --canary 5 --yes

Nothing is sent when the file, the mapping or the account is another than when the plan was made (exit code 4). A
record that somebody has changed since in a field that the plan touches is left as it is, and listed.")]
pub(crate) struct ApplyArgs {
    /// The run of the plan, by any unique part of its name
    run: String,
    /// Wait so many seconds for another writer to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, env = "FERRY_LOCK_WAIT")]
    lock_wait: u64,
    #[command(flatten)]
    limits: LimitArgs,
}

pub(crate) fn plan(context: &Context, args: PlanArgs) -> Result<u8> {
    let source = Endpoint::parse(&args.source, args.read.format.as_deref())?;
    let target = stream(&args.target)?;
    let mut job = job(PLAN, source, args.mapping.as_deref(), &args.read)?;
    as_exported::adopt(context, &mut job, args.read.list_separator)?;
    job.target = Some(place(target)?);
    job.selection.limit = args.limit;
    job.load = args.into.options();
    job.load.dry_run = true;
    begin(context, &job)
}

pub(crate) fn apply(context: &Context, args: &ApplyArgs) -> Result<u8> {
    let wishes = Wishes {
        canary: args.limits.canary,
        max_changes: args.limits.max_changes,
        max_deletes: args.limits.max_deletes,
        lock_wait: args.lock_wait,
    };
    finish(context, apply::apply(context, &args.run, wishes)?)
}
