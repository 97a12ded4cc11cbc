//! `demo`.

use crate::error::Result;
use crate::flow::context::Context;

/// Show the whole story on the built-in simulator
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {}

pub(crate) fn run(_context: &Context, _args: &DemoArgs) -> Result<u8> {
    Ok(0)
}
