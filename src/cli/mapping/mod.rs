//! `ferry mapping`: drafting, checking and trying mapping files, and what is known of them.

mod check;
mod draft;
mod test;
mod trial;

use crate::error::{IoContext, Result};
use crate::flow::context::Context;
use crate::flow::schemas;
use crate::record::schema::Schema;
use crate::transform::mapping;
use std::io::Write;
use std::path::PathBuf;

/// What to do with mapping files
#[derive(Debug, clap::Subcommand)]
pub(crate) enum MappingCommand {
    /// Draft a mapping from the headers, a few rows, and the fields of both sides
    New(draft::NewArgs),
    /// Find everything that is wrong with mapping files, and what they leave behind
    Check(check::CheckArgs),
    /// Try the examples in mapping files and show where the answer is another
    Test {
        /// Mapping files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show every step that a mapping takes with one row
    Try(trial::TryArgs),
    /// Print the reference of mapping files, every operation with examples
    Docs,
    /// Print the JSON Schema of mapping files, for editors
    Schema,
}

/// The fields behind an endpoint (`nimble:contacts`), where they are known. A name that a known schema does not have
/// is an error, so it must hold the account's own fields too.
type KnownSchema<'a> = &'a dyn Fn(&str) -> Option<Schema>;

/// Carries a command out; the exit code.
///
/// # Errors
/// When a file cannot be read or anything is wrong with it (class `Input`), or the output cannot be written.
pub(crate) fn run(context: &Context, command: &MappingCommand) -> Result<u8> {
    match command {
        MappingCommand::New(args) => draft::run(context, args),
        MappingCommand::Check(args) => check::run(context, args),
        MappingCommand::Test { files } => {
            let known = |endpoint: &str| schemas::known(context, endpoint);
            let json = context.reporter.is_json();
            test::run(files, &known, json, &mut context.reporter.data()).map(|holds| u8::from(!holds))
        }
        MappingCommand::Try(args) => trial::run(context, args),
        MappingCommand::Docs => print(context, &mapping::docs()),
        MappingCommand::Schema => print(context, &format!("{:#}\n", mapping::schema())),
    }
}

fn print(context: &Context, text: &str) -> Result<u8> {
    let written = context.reporter.data().write_all(text.as_bytes());
    written.during(|| "cannot write the answer".to_owned()).map(|()| 0)
}
