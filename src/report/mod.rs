//! Everything that Ferry says: to people on stderr, to scripts on stdout, and in the run's result files.
//!
//! stdout is data, stderr is talk (design section 4). What is said is computed from the checkpoint and from
//! counts handed over; nothing here decides what becomes of a row, sends, or changes a record. Only this module
//! and `cli` print, so that progress bars, `--json`, `-q` and a reader that went away are dealt with once.
//!
//! - [`reporter`] owns both outputs and follows the [`settings`]; [`progress`] shows how far a piece of work is.
//! - [`plan`] is what a load is about to do, [`summary`] and [`counts`] what a run did.
//! - [`rejects`] keeps rows that have no way on, [`results`] writes the row-true result files.
//! - [`html`] is the page for people.
//! - [`table`] and [`figures`] are how lists, numbers and times look.

mod complete;
pub mod counts;
pub mod differences;
mod ends;
pub mod figures;
pub mod html;
pub mod links;
pub mod plan;
pub mod progress;
pub mod rejects;
pub mod reporter;
pub mod results;
pub mod rows;
pub mod settings;
pub mod summary;
pub mod table;

pub use progress::{Budget, Progress};
pub use rejects::{RejectedRow, Rejects};
pub use reporter::Reporter;
pub use settings::{Color, ProgressMode, Settings};
pub use summary::Summary;
