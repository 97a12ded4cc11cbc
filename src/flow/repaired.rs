//! Rows of a service, or of a file with types, as a copy of `rejected.csv` has them repaired: its text cells are
//! joined to the rows as they were read, so that only what was edited changes, and everything keeps its type, its
//! modifier and its place.

use super::cells::Cells;
use super::context::Context;
use super::input::{Input, REPAIRED, Reads};
use super::job::Job;
use super::retry::CHUNK;
use crate::connect::files::RowDecoder;
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::extract::staging::{StagedRows, Staging};
use crate::load::journal::Journal;
use crate::record::schema::{FieldSpec, Schema};
use crate::record::{Field, RawRecord, Record, is_empty};
use crate::run::checkpoint;
use crate::run::folder::RunFolder;
use crate::run::parts::StagedRow;
use serde_json::Value;

/// How repaired rows are joined to the first run's.
struct Joining {
    cells: Cells,
    reads: Reads,
    /// For each column of the repaired file the first run's that it is; none for Ferry's own.
    columns: Vec<Option<usize>>,
}

/// Stages the rows that the journal keeps of a repaired file with these columns; `first` is the run that read them.
pub(super) fn stage(
    context: &Context,
    first: &RunFolder,
    file: &Schema,
    decoder: &RowDecoder,
    mut staging: Staging,
    journal: &Journal,
) -> Result<()> {
    let job: Job = first.job()?;
    let theirs = Journal::new(checkpoint::open(&first.path().join(checkpoint::FILE))?)?;
    let input = Input::open(context, first, &job)?;
    let (joining, schema) = Joining::of(&input, &job, &theirs, file)?;
    let failed = |cause| Error::stopped("cannot note the file's columns").because(cause);
    match &joining.reads {
        Reads::File(_) => {
            staging.set_note("schema", serde_json::to_string(&schema).map_err(failed)?);
            staging.set_note("doubled", serde_json::to_string(input.doubled()).map_err(failed)?);
        }
        Reads::Stream(_) | Reads::Repaired => staging.set_note(REPAIRED, "records"),
    }
    let mut originals = Originals { rows: input.staging().read()?, batch: Vec::new().into_iter().peekable() };
    let mut census = input.staging().census().clone();
    let mut after = 0;
    loop {
        let kept = journal.repaired(after, CHUNK)?;
        let (Some(begin), Some(last)) = (kept.first(), kept.last()) else { break };
        let key = format!("rows {}", begin.0);
        after = last.0;
        let mut rows = Vec::with_capacity(kept.len());
        for (row, line, raw) in &kept {
            let (staged, record) = joining.join(*row, *line, originals.find(*row)?, &decoder.values(raw))?;
            census.add(&record);
            rows.push(staged);
        }
        staging.rows(&key, rows, std::mem::take(&mut census))?;
    }
    staging.finish(&Completeness::Complete)?;
    Ok(())
}

impl Joining {
    /// Also returns the columns of the rows that come of it.
    fn of(input: &Input, job: &Job, theirs: &Journal, file: &Schema) -> Result<(Self, Schema)> {
        let mut headers = input.headers();
        let known = headers.len();
        let mut columns = Vec::with_capacity(file.fields.len());
        for name in file.fields.iter().map(|field| &field.name) {
            let at = headers.iter().position(|header| header == name);
            columns.push(match at {
                _ if name.starts_with("_ferry_") => None,
                Some(at) => Some(at),
                None if input.file_decoder().is_none() => {
                    let source = job.source.name();
                    let what = format!("`{}` has a column `{name}`, and `{source}` has none", file.of);
                    return Err(Error::input(what)
                        .hint("nothing was sent; leave the columns of `rejected.csv` as they are"));
                }
                None => {
                    headers.push(name.clone());
                    Some(headers.len() - 1)
                }
            });
        }
        let cells = Cells::of(input, job, Some(theirs))?.with(&headers[known..]);
        let mut schema = (**input.schema()).clone();
        let further = headers[known..].iter();
        schema.fields.extend(further.map(|name| FieldSpec { name: name.clone(), ..FieldSpec::default() }));
        let reads = match input.file_decoder() {
            Some(decoder) => Reads::File(decoder.with_columns_of(&schema)),
            None => input.reads().clone(),
        };
        Ok((Self { cells, reads, columns }, schema))
    }

    /// A row with what was edited in it, also as a record.
    fn join(
        &self,
        row: u64,
        line: u64,
        original: Option<StagedRow>,
        given: &[Value],
    ) -> Result<(StagedRow, Record)> {
        let none = || RawRecord { id: None, kind: None, created: None, updated: None, raw: String::new() };
        let edits = self.columns.iter().zip(given).filter_map(|(column, cell)| Some(((*column)?, cell)));
        let raw = match &self.reads {
            Reads::File(decoder) => {
                let before = original.as_ref().map(|original| original.record.raw.as_str());
                let held = before.map(|raw| decoder.values(raw)).unwrap_or_default();
                let edited = |(at, cell): (usize, &Value)| {
                    Some((at, self.cells.repaired(at, held.get(at).unwrap_or(&Value::Null), cell)?))
                };
                decoder.edited(before, edits.filter_map(edited).collect())?
            }
            Reads::Stream(_) | Reads::Repaired => {
                let read = original.as_ref().and_then(|original| self.reads.decode(original).ok());
                let mut record = read.unwrap_or_default();
                edits.for_each(|(at, cell)| self.cells.repair(at, &mut record, cell));
                record.fields.iter_mut().for_each(drop_blank);
                serde_json::to_string(&record)
                    .map_err(|cause| Error::stopped("cannot stage a repaired row").because(cause))?
            }
        };
        // The line in the file as it was read; rows of a service, and rows that could not be taken apart, have none.
        let (line, record) = match (original, &self.reads) {
            (Some(original), _) => (original.line, original.record),
            (None, Reads::File(_)) => (Some(line), none()),
            (None, _) => (None, none()),
        };
        let staged = StagedRow { row, line, record: RawRecord { raw, ..record } };
        let reads = if let Reads::File(_) = self.reads { &self.reads } else { &Reads::Repaired };
        let record = reads.decode(&staged).unwrap_or_default();
        Ok((staged, record))
    }
}

/// Structured values whose last part was emptied are none.
fn drop_blank(field: &mut Field) {
    field.entries.retain(|entry| !entry.value.is_object() || !is_empty(&entry.value));
}

/// The rows of the first run, in order.
struct Originals {
    rows: StagedRows,
    batch: std::iter::Peekable<std::vec::IntoIter<StagedRow>>,
}

impl Originals {
    /// The row of that number, which is larger than the one asked for before.
    fn find(&mut self, row: u64) -> Result<Option<StagedRow>> {
        loop {
            while self.batch.next_if(|staged| staged.row < row).is_some() {}
            if self.batch.peek().is_some() {
                return Ok(self.batch.next_if(|staged| staged.row == row));
            }
            match self.rows.next_rows()? {
                Some(more) => self.batch = more.into_iter().peekable(),
                None => return Ok(None),
            }
        }
    }
}
