//! `retry`: the rows that a run left behind, once more.

use super::work::{begin, place};
use crate::connect::Endpoint;
use crate::error::{Error, Result};
use crate::flow::context::Context;
use crate::flow::retry::ask;

/// Try failed and rejected rows of a run again, as they were or repaired
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry retry k3f9                    the rows that failed or were rejected, as they were read
  ferry retry k3f9 repaired.csv       a corrected copy of the run's rejected.csv
  ferry retry k3f9 repaired.csv -n    shows the plan and stops

Rows keep the number that they have in the first run (`_ferry_row`), through any number of retries. A row
that was carried out is never sent again; a record that was made and not completed is completed.")]
pub(crate) struct RetryArgs {
    /// The run, by any unique part of its name
    run: String,
    /// A copy of the run's rejected.csv with its rows repaired
    file: Option<String>,
    /// Stop after the plan
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Wait so many seconds for another writer to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, env = "FERRY_LOCK_WAIT")]
    lock_wait: u64,
}

pub(crate) fn retry(context: &Context, args: &RetryArgs) -> Result<u8> {
    let repaired = match args.file.as_deref() {
        None => None,
        Some(file) => match Endpoint::parse(file, None)? {
            endpoint @ Endpoint::File(_) => Some(place(endpoint)?),
            Endpoint::Stream { .. } => return Err(Error::input(format!("`{file}` is no file"))),
        },
    };
    let mut job = ask(context, &args.run, repaired)?;
    job.load.dry_run = args.dry_run;
    job.load.lock_wait = args.lock_wait;
    begin(context, &job)
}
