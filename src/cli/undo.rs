//! `undo`: a run taken back.

use super::work::begin;
use crate::error::Result;
use crate::flow::context::Context;
use crate::flow::job::LoadOptions;
use crate::flow::undo;

/// Take a run back: what it created is deleted, what it changed is restored
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry undo k3f9 -n        shows what would be taken back, and what would be left and why
  ferry undo k3f9 --yes

Left alone, and listed in conflicts.csv with the reason: records that somebody has changed since, or on which
notes, comments, persons or links hang that the run did not make, and fields that hold something else by now.
What is deleted is copied first into the undo's own folder: deleted.csv and deleted.jsonl.zst.
A picture whose address is one of Nimble's own may be there by itself, and keeps no record.
The run itself is closed then: `ferry resume` and `ferry retry` refuse it, and `ferry undo` of it again takes back
what was left and may go by then. An undo is a run like any other: it can be resumed, and undone as far as it
restored fields; deleted records come back only by importing their copy, without the column `_id`.")]
pub(crate) struct UndoArgs {
    /// The run, by any unique part of its name
    run: String,
    /// Stop after the plan
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Also delete records that were found after their answer was lost, where nothing tells who made them
    #[arg(long)]
    adopted: bool,
    /// Wait so many seconds for another writer to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, env = "FERRY_LOCK_WAIT")]
    lock_wait: u64,
    /// Do not read back what was restored
    #[arg(long)]
    no_verify: bool,
}

pub(crate) fn undo(context: &Context, args: &UndoArgs) -> Result<u8> {
    let load = LoadOptions {
        dry_run: args.dry_run,
        lock_wait: args.lock_wait,
        no_verify: args.no_verify,
        ..LoadOptions::default()
    };
    begin(context, &undo::job(context, &args.run, args.adopted, load)?)
}
