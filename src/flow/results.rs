//! The result files at the end of a run: what became of each row, beside the row as it came.

use super::cells::Cells;
use super::input::Input;
use super::job::Job;
use crate::error::Result;
use crate::extract::staging::StagedRows;
use crate::load::journal::Journal;
use crate::report::results::{Origin, write_results};
use crate::report::{Rejects, Summary};
use crate::run::folder::RunFolder;
use crate::run::parts::StagedRow;

/// Writes them and names them in the summary. `journal` is `None` where nothing is loaded.
pub(super) fn write(
    folder: &RunFolder,
    input: &Input,
    job: &Job,
    rejects: &mut Rejects,
    journal: Option<&Journal>,
    summary: &mut Summary,
) -> Result<()> {
    write_of(folder, input, job, input.staging().read()?, rejects, journal, summary)
}

/// The same where the rows with an outcome are staged elsewhere.
pub(super) fn write_of(
    folder: &RunFolder,
    input: &Input,
    job: &Job,
    staged: StagedRows,
    rejects: &mut Rejects,
    journal: Option<&Journal>,
    summary: &mut Summary,
) -> Result<()> {
    let cells = Cells::of(input, job, journal)?;
    let headers = input.headers();
    let original = |staged: &StagedRow| (staged.line, cells.of_row(input.reads(), staged));
    let origin = Origin { file: &job.source.name(), headers: &headers, original: &original };
    for (kind, path) in write_results(folder.path(), &origin, staged, rejects, journal)? {
        summary.files.insert(kind, path.display().to_string());
    }
    Ok(())
}
