//! x
use crate::error::Result;
use std::io::Write;
#[derive(Debug, clap::Subcommand)]
pub(crate) enum MappingCommand {
    Check,
}
pub(crate) fn run(_c: MappingCommand, _o: &mut dyn Write) -> Result<bool> {
    Ok(true)
}
