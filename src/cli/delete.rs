//! `delete`: the records that a file lists by their ids, copied first.

use super::work::{ReadArgs, begin, job, place, stream};
use crate::connect::Endpoint;
use crate::error::{Error, Result};
use crate::flow::context::Context;
use crate::flow::job::LoadOptions;

/// Delete the records that a file lists by `_id`; what goes is exported first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry delete gone.csv nimble:contacts -n      shows the plan, copies the records, and stops
  ferry delete gone.csv nethunt:Deals --yes

To delete what a query finds, export it, look at it, and hand the export over:
  ferry export nimble:contacts --keyword fax -o gone.csv
  ferry delete gone.csv nimble:contacts

The copy lies in the run's folder: deleted.jsonl.zst as the service wrote the records, deleted.csv as a
plain export. A record that changed since it was copied is left alone.")]
pub(crate) struct DeleteArgs {
    /// The file; only its column `_id` is read
    file: String,
    /// `nimble:contacts` or `nethunt:FOLDER`
    target: String,
    /// Refuse a file that names more records than this
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    max_deletes: u64,
    /// Stop after the plan
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Wait so many seconds for another writer to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, env = "FERRY_LOCK_WAIT")]
    lock_wait: u64,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn delete(context: &Context, args: DeleteArgs) -> Result<u8> {
    let source = Endpoint::parse(&args.file, args.read.format.as_deref())?;
    if let Endpoint::Stream { .. } = source {
        return Err(Error::input(format!(
            "`{}` is a stream, and only a file lists what is to go",
            args.file
        ))
        .hint("export what is to be deleted, look at it, and hand the export over"));
    }
    let target = stream(&args.target)?;
    let mut job = job("delete", source, None, &args.read)?;
    job.target = Some(place(target)?);
    job.selection.limit = args.limit;
    job.load = LoadOptions { dry_run: args.dry_run, lock_wait: args.lock_wait, ..LoadOptions::default() };
    job.delete = Some(args.max_deletes);
    begin(context, &job)
}
