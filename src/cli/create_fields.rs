//! `discover --create-fields`: the custom fields that a mapping needs, made in the target's account.

use super::work::finish;
use crate::connect::Endpoint;
use crate::error::{Error, Result};
use crate::flow::context::Context;
use crate::flow::fields;
use crate::transform::mapping::Mapping;
use std::path::{Path, PathBuf};

/// What has to be said for it.
#[derive(Debug, clap::Args)]
pub(super) struct CreateFieldsArgs {
    /// Make the custom fields that the mapping needs and the account lacks: planned, shown, confirmed
    #[arg(long, requires = "mapping")]
    pub(super) create_fields: bool,
    /// The mapping whose target fields are needed
    #[arg(short, long, value_name = "FILE", requires = "create_fields")]
    mapping: Option<PathBuf>,
    /// Show what would be made, and make nothing
    #[arg(short = 'n', long, requires = "create_fields")]
    dry_run: bool,
    /// Make fields too whose names are nearly those of others
    #[arg(long, requires = "create_fields")]
    force: bool,
}

/// Makes the fields in the account behind `what`, a stream.
pub(super) fn run(context: &Context, what: Option<&str>, args: &CreateFieldsArgs) -> Result<u8> {
    let Some(Ok(Endpoint::Stream { connection, stream })) = what.map(|what| Endpoint::parse(what, None))
    else {
        return Err(Error::input("fields are made in the account of a stream")
            .hint("name it: `ferry discover nimble:contacts --create-fields -m MAPPING`"));
    };
    let mapping = Mapping::load(args.mapping.as_deref().unwrap_or(Path::new("")))?;
    match fields::create(context, &connection, &stream, &mapping, (args.force, args.dry_run))? {
        Some(ended) => finish(context, ended),
        None => {
            context
                .reporter
                .say(format!("{connection}:{stream} has every field that `{}` needs", mapping.name()));
            Ok(0)
        }
    }
}
