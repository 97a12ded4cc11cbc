//! `ferry mapping new`: a draft from the headers, a few rows, and the fields of both sides.

use crate::error::{Error, IoContext, Result};
use crate::flow::context::Context;
use crate::flow::drafting;
use crate::report::figures::counted;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Draft a mapping from the headers, a few rows, and the fields of both sides
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry mapping new leads.csv nethunt:Contacts -o leads.toml
  ferry mapping new report.csv nethunt:Contacts --header-row 'First Name,Email'
  ferry mapping new nimble:contacts people.csv              to stdout, to look at

The draft says how sure it is of every field and leaves what it cannot decide as comments. A file is never
overwritten.")]
pub(crate) struct NewArgs {
    /// A file or a stream: where records come from
    source: String,
    /// A stream or a file: where they go
    target: String,
    /// Cells by which the header row of a CSV file is known, where something stands above it
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    header_row: Vec<String>,
    /// The mapping file to write; stdout when left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &NewArgs) -> Result<u8> {
    let there = |path: &PathBuf| {
        Error::input(format!("`{}` is there already", path.display()))
            .hint("give another name with `-o`: a mapping is never overwritten")
    };
    if let Some(path) = args.output.as_ref().filter(|path| path.exists()) {
        return Err(there(path));
    }
    let drafted = drafting::draft(context, &args.source, &args.target, &args.header_row)?;
    match &args.output {
        Some(path) => {
            let cannot = || format!("cannot write `{}`", path.display());
            let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
                Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => return Err(there(path)),
                other => other.map_err(|cause| Error::input(cannot()).because(cause))?,
            };
            file.write_all(drafted.text.as_bytes()).during(cannot)?;
        }
        None if context.reporter.is_json() => {}
        None => context.reporter.print(&drafted.text),
    }
    context.reporter.object(&json!({
        "file": args.output, "sure": drafted.sure, "likely": drafted.likely, "open": drafted.open,
        "mapping": if args.output.is_none() { Some(&drafted.text) } else { None },
    }));
    let named = args.output.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default();
    let fields = counted((drafted.sure + drafted.likely) as u64, "field");
    context.reporter.say(format!(
        "{named}{fields} drafted ({} sure, {} likely), {} left to decide",
        drafted.sure, drafted.likely, drafted.open
    ));
    Ok(0)
}
