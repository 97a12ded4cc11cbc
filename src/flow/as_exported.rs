//! A sheet is read as its export wrote it: whoever guarded its cells or chose a separator for its lists need not say so
//! again when it goes back (design section 6).

use super::context::Context;
use super::job::{Job, Place};
use crate::error::Result;
use crate::report::Summary;
use crate::report::summary::Status;
use crate::run::folder::RunEntry;

/// Has the file of a job read as the last export to its path wrote it, and says so. `separator` is the one that the
/// command line asks for.
///
/// # Errors
/// When the state folder cannot be read.
pub fn adopt(context: &Context, job: &mut Job, separator: Option<char>) -> Result<()> {
    let Place::File { endpoint, .. } = &job.source else { return Ok(()) };
    if endpoint.is_standard_stream() || !endpoint.format.is_text_table() {
        return Ok(());
    }
    let wrote = |(_, export): &(RunEntry, Job)| matches!(&export.target, Some(Place::File { endpoint: written, .. }) if written.path == endpoint.path);
    let runs = context.runs.list()?.into_iter().rev();
    let mut exports = runs.filter_map(|entry| Some((entry.clone(), entry.job().ok()?))).filter(wrote);
    let Some((entry, export)) = exports.find(|(entry, _)| is_written(entry)) else { return Ok(()) };
    let mut adopted = Vec::new();
    let written = &export.write;
    if separator.is_none() && written.list_separator != job.read.list_separator {
        job.read.list_separator = written.list_separator;
        adopted.push(format!("--list-separator '{}'", written.list_separator));
    }
    if written.spreadsheet_safe && !job.read.spreadsheet_safe {
        job.read.spreadsheet_safe = true;
        adopted.push("--spreadsheet-safe".to_owned());
    }
    if !adopted.is_empty() {
        let (file, how) = (endpoint.name(), adopted.join(" "));
        context.reporter.say(format!("`{file}` is read as run `{}` wrote it: {how}", entry.name));
    }
    Ok(())
}

/// Whether a run came so far that its file stands.
fn is_written(entry: &RunEntry) -> bool {
    let ended = Summary::stored(&entry.path).ok().flatten();
    ended.is_some_and(|summary| matches!(summary.status, Status::Done | Status::Partial))
}
