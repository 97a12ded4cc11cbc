//! Ferry moves whole contact and record sets between CRMs and files.
//!
//! This page is for those who change Ferry: where things are, and what always holds. How it is used stands in the
//! README.
//!
//! # The way of the data
//!
//! ```text
//!  nimble ─┐            extract            transform             load
//!  nethunt ┼─ Source ──► parts as read ──► records as mapped ──► plan ─► apply ─┬─► Target ─ nimble, nethunt
//!  files ──┘             (lossless)        + rejected rows       └─ checkpoint ─┘ └─► files
//! ```
//!
//! Neither service has a bulk endpoint, an idempotency key or a transaction: pages out, one record a request in.
//! So each stage reads what the stage before it has finished, from disk, and finishes something itself; whatever
//! the process dies of, the next life of the run goes on at the first thing that is not finished.
//!
//! A command of [`cli`] becomes a [`flow::job::Job`], noted in the run's folder before the first request.
//! [`flow::execute`] carries it out, and carries it on. Read that function first, then `flow::load::run`, which is
//! the whole of an import on one screen.
//!
//! # Where things are
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | clap structs that turn themselves into jobs; `demo` and `sim` start the simulator |
//! | [`flow`] | the only place that knows all stages: export, import, resume, discover |
//! | [`connect`] | `nimble:contacts`, `nethunt:Deals`, `a.csv` as a [`extract::Source`] or a [`load::target::Target`]; wire types are private to each connector |
//! | [`extract`] | what sources share: pages kept durably, ids remembered on disk, what *complete* means |
//! | [`transform`] | mapping files, compiled once and applied on all cores; the operations; unmapped sheets |
//! | [`load`] | the plan, the journal of intents and outcomes, sending, and what is in doubt |
//! | [`run`] | a run on disk: folder, lock, `checkpoint.sqlite`, Parquet parts |
//! | [`record`] | a record as every stage sees it: fields, modifiers, columns, canonical forms; no I/O |
//! | [`report`] | all that is said: plans, progress, summaries, result files |
//! | [`http`] | the one client: pace, retry, waiting |
//! | [`config`], [`account`], [`error`], [`stop`] | connections, what they lead to, errors with their exit codes, the wish to stop |
//! | [`sim`] | both services' documented behaviour over a socket, with faults as data |
//!
//! # What always holds
//!
//! - Only [`connect`] knows a CRM's name; only [`http`] sends, waits or retries; only [`report`] prints.
//! - The transform is pure: it cannot fail for reasons of the outside world, and the same input with the same
//!   mapping makes the same bytes.
//! - Nothing is sent that is not in the checkpoint. An intent is durable before its request leaves, the outcome
//!   after its answer came; an intent without outcome is *in doubt*, and is settled by looking at the service.
//! - A write whose answer was lost is never sent again blindly. This, with the assumption that a request commits
//!   and becomes visible within the settle time, is why no create happens twice and none is lost.
//! - Nothing is dropped silently: every row read ends in exactly one outcome, and the accounts balance, which is
//!   checked at the end of every run ([`report::Summary::balances`]).
//! - Files appear whole or not at all. A secret has no way to be printed.
//!
//! # Boundaries
//!
//! Client and simulator are two witnesses: they share no type and meet only at a socket, so that a misspelt field
//! is an error and not twice the same mistake. A stage never calls a stage. A source or target never sees a
//! mapping, a mapping never sees a service. The `tidy` test reads the `use crate::` lines and fails on any arrow
//! that is not in its table.
//!
//! Errors are made where it is known what was being done, and say it ([`error`] has the rules); their class is the
//! exit code. A row that cannot be taken is no error: it is an outcome with a reason.

pub mod account;
pub mod cli;
pub mod config;
pub mod connect;
pub mod error;
pub mod extract;
pub mod flow;
pub mod http;
pub mod load;
pub mod record;
pub mod report;
pub mod run;
pub mod sim;
pub mod stop;
pub mod transform;
