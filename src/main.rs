//! The `ferry` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(crm_ferry::cli::main())
}
