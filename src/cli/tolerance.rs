//! How many bad rows a load bears.

use crate::flow::tolerance::{MaxErrors, Tolerance};
use clap::ValueEnum;

/// What a row that is rejected, or that the service refuses, means for the others
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum OnReject {
    /// They go on
    #[default]
    Continue,
    /// Nothing more is sent
    Stop,
}

#[derive(Debug, clap::Args)]
pub(super) struct ToleranceArgs {
    /// What a row that is rejected, or refused by the service, means for the others; `stop` before the first write
    /// exits 2 with nothing sent, later 3, and resuming goes on
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    on_reject: OnReject,
    /// Stop when more rows than this are rejected or refused: a number, or a part of those read (`2%`)
    #[arg(long, value_name = "N|P%")]
    max_errors: Option<MaxErrors>,
}

impl ToleranceArgs {
    pub(super) fn tolerance(&self) -> Tolerance {
        Tolerance { stop_on_reject: self.on_reject == OnReject::Stop, max_errors: self.max_errors }
    }
}
