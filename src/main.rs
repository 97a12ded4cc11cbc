//! The `ferry` command.

use std::process::ExitCode;

/// Rows go through millions of small texts on all cores, and that is what it is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(crm_ferry::cli::main())
}
