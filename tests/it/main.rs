//! The `ferry` command as its users meet it: every test runs the program, against the simulator.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test crate: whoever fails, fails loudly")]

mod accounts;
mod bad_input;
mod columns;
mod config;
mod delete;
mod demo;
mod discover;
mod doubt;
mod drift;
mod drift_large;
mod files;
mod habits;
mod help;
mod kill;
mod mapping;
mod mapping_reference;
mod merge;
mod missing;
mod nethunt_since;
mod nethunt_streams;
mod nimble_fields;
mod nimble_select;
mod nimble_streams;
mod oauth;
mod pace;
mod resume;
mod round_trip;
mod samples;
mod sheet;
mod since;
mod stages;
mod support;
mod tidy;
mod trouble;
mod write_only;
