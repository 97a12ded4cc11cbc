//! `delete`: records that a file lists by `_id`, copied first, shown, confirmed, and only then deleted.
//!
//! Nothing is deleted that the file does not name by its id, that is not in the copy, or that has changed since
//! it was copied. To delete what a query finds, export it, look at it, and hand the export over.

use super::context::Context;
use super::input::{Input, Reads};
use super::job::{Job, Place};
use super::{read_input, results};
use crate::connect::Stream;
use crate::connect::files::{Compression, FileEndpoint, Format, LineWriter, TableWriter, WriteOptions};
use crate::error::{Class, Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode};
use crate::load::delete::{AT_ONCE, Removal, shown, state_of};
use crate::load::journal::Journal;
use crate::load::target::{Operation, OperationKind, Target};
use crate::record::census::Census;
use crate::record::{RawRecord, Record, columns, to_text};
use crate::report::counts::{load_counts, planned_counts};
use crate::report::plan::plan_view;
use crate::report::summary::Status;
use crate::report::{Budget, Rejects, Summary};
use crate::run::checkpoint;
use crate::run::folder::RunFolder;
use crate::run::parts::StagedRow;
use crate::run::writers::Writer;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// The stage that holds the copy of what is to be deleted.
const COPY: &str = "copy";
/// Facts in the journal: the plan's digest, and how many requests the copy of how many records took.
const PLANNED: &str = "planned";
const READS: &str = "reads";
const NAMED: &str = "named";

pub(super) fn run(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    place: &Place,
    most: u64,
    summary: &mut Summary,
) -> Result<()> {
    let mut rejects = Rejects::open(folder.path())?;
    let mut input = Input::open(context, folder, job)?;
    let stream = context.reopen(place)?;
    let target = stream.target()?;
    if target.deletes_at_once() == 0 {
        let name = stream.source.name();
        return Err(Error::input(format!("the service deletes no records of `{name}`")));
    }
    let patience = Duration::from_secs(job.load.lock_wait);
    let lock = || Writer::lock(target.account(), folder, patience, &context.stop);
    let writer = (!job.load.dry_run).then(lock).transpose()?;
    read_input(context, folder, job, &mut input, &mut rejects, summary)?;
    let mut journal = Journal::new(checkpoint::open(&folder.path().join(checkpoint::FILE))?)?;
    let plan = Plan { context, folder, job, input: &input, stream: &stream };
    match journal.fact(PLANNED)? {
        None => plan.make(most, &mut journal)?,
        Some(saved) if saved == journal.digest()? => {}
        Some(_) => {
            return Err(Error::check("the plan in the run's checkpoint is not the one that was saved")
                .hint("begin a new run"));
        }
    }
    name_copies(folder.path(), "", summary);
    summary.take_load(&planned_counts(&journal, &mut rejects)?);
    let rate = stream.client.pace().rate();
    let view = plan_view(stream.source.name(), &journal, &mut rejects, rate)?;
    context.reporter.plan(&view.costing(requests(&journal, &**target)?, rate));
    if job.load.dry_run {
        results::write(folder, &input, job, &mut rejects, Some(&journal), summary)?;
        summary.status = Status::Planned;
        return Ok(());
    }
    let sent = send(context, &stream, writer.as_ref(), &mut journal);
    summary.take_load(&load_counts(&journal, &mut rejects)?);
    results::write(folder, &input, job, &mut rejects, Some(&journal), summary)?;
    sent?;
    summary.conclude();
    Ok(())
}

fn send(context: &Context, stream: &Stream, writer: Option<&Writer>, journal: &mut Journal) -> Result<()> {
    if journal.open_operations()? == 0 {
        return Ok(());
    }
    if !context.yes && !context.reporter.confirm("Delete these records?")? {
        return Err(Error::stopped("nothing was deleted: the plan was not confirmed"));
    }
    writer.map_or(Ok(()), |writer| writer.begin(stream.settle))?;
    let pace = stream.client.pace();
    let records = journal.to_do()?.rows();
    let progress = context.reporter.progress("delete", Some(records), Some(Budget::from(pace.rate())));
    let decode = stream.source.decoder();
    let removal = Removal {
        target: &**stream.target()?,
        decode: &*decode,
        concurrency: pace.concurrency(),
        settle: stream.settle,
        stop: &context.stop,
        server_now: &|| stream.client.server_now(),
        progress: &|rows| progress.add(rows),
    };
    let sent = removal.run(journal);
    progress.finish();
    sent
}

/// The requests that the open part of a plan takes: each record is read again before it goes.
fn requests(journal: &Journal, target: &dyn Target) -> Result<u64> {
    let open = journal.open_operations()?;
    let number =
        |key| -> Result<u64> { Ok(journal.fact(key)?.and_then(|text| text.parse().ok()).unwrap_or(0)) };
    let reads_again = (number(READS)? * open).div_ceil(number(NAMED)?.max(1));
    Ok(open.div_ceil(target.deletes_at_once() as u64) + reads_again)
}

/// What a plan is made from.
struct Plan<'a> {
    context: &'a Context,
    folder: &'a RunFolder,
    job: &'a Job,
    input: &'a Input,
    stream: &'a Stream,
}

impl Plan<'_> {
    /// Takes the ids out of the file, copies their records, and saves what is to be sent.
    fn make(&self, most: u64, journal: &mut Journal) -> Result<()> {
        journal.transaction(|journal| journal.clear())?;
        journal.index_ids()?;
        self.name_records(journal)?;
        let named = journal.named()?;
        if named > most {
            let name = self.job.source.name();
            return Err(Error::input(format!(
                "`{name}` names {named} records to delete, and {most} are allowed"
            ))
            .hint(format!("if they are all meant, allow them with `--max-deletes {named}`")));
        }
        let before = self.context.requests().0;
        let copy = self.copy(journal)?;
        let reads = self.context.requests().0 - before;
        write_copies(self.folder.path(), self.stream, &copy, &|_| Ok(true))?;
        let digest = journal.digest()?;
        journal.transaction(|journal| {
            journal.set_fact(READS, &reads.to_string())?;
            journal.set_fact(NAMED, &named.to_string())?;
            journal.set_fact(PLANNED, &digest)
        })
    }

    /// Every row names a record of its own, or is rejected.
    fn name_records(&self, journal: &mut Journal) -> Result<()> {
        let known = |name: &str| self.input.schema().listed(name).is_some();
        if !known("_id") && !self.input.staging().census().fields.contains_key("_id") {
            let name = self.job.source.name();
            return Err(Error::input(format!(
                "`{name}` has no column `_id`, and records are deleted by it alone"
            ))
            .hint("export the records with `ferry export`, and keep the rows of those that are to go"));
        }
        let reads = self.input.reads();
        let mut rows = self.input.staging().read()?;
        while let Some(batch) = rows.next_rows()? {
            journal
                .transaction(|journal| batch.iter().try_for_each(|staged| name(journal, reads, staged)))?;
        }
        Ok(())
    }

    /// Copies the records as they are now, and plans the delete of each that was found.
    fn copy(&self, journal: &mut Journal) -> Result<Staging> {
        let target = &**self.stream.target()?;
        let decode = self.stream.source.decoder();
        let mut staging = Staging::restart(self.folder.path(), COPY)?;
        let progress = self.context.reporter.progress("copy", Some(journal.named()?), None);
        let mut after = 0;
        loop {
            let rows = journal.to_find(after, AT_ONCE)?;
            let Some((last, _)) = rows.last() else { break };
            if self.context.stop.is_requested() {
                return Err(Error::stopped("stopped before the plan was made"));
            }
            let key = format!("rows {after}");
            after = *last;
            progress.add(rows.len() as u64);
            let mut found = Found::read(target, rows.iter().map(|(_, id)| id.clone()).collect())?;
            let mut copied = Vec::with_capacity(rows.len());
            let mut census = Census::default();
            journal.transaction(|journal| {
                for (row, id) in &rows {
                    match found.take(&*decode, id, self.stream.source.name()) {
                        Err(why) => journal.reject_id(*row, Some(id), &why)?,
                        Ok((raw, record)) => {
                            census.add(&record);
                            let before = state_of(&raw);
                            let operation =
                                Operation { kind: OperationKind::Delete, body: json!({"_id": id}), before };
                            journal.plan_delete(*row, &operation, &shown(&record))?;
                            copied.push(StagedRow { row: *row, line: None, record: raw });
                        }
                    }
                }
                Ok(())
            })?;
            staging.rows(&key, copied, census)?;
        }
        progress.finish();
        staging.finish(&Completeness::Complete)?;
        Ok(staging)
    }
}

/// The copy as files: as the service wrote the records, and as a plain export; of the rows that `goes` says.
pub(super) fn write_copies(
    folder: &Path,
    stream: &Stream,
    copy: &Staging,
    goes: &dyn Fn(u64) -> Result<bool>,
) -> Result<()> {
    let [table, raw] = copies(folder);
    let schema = stream.source.schema()?;
    let decode = stream.source.decoder();
    let columns = columns::plan(&schema, copy.census(), false);
    let mut table = TableWriter::create(&table, columns, &WriteOptions::default())?;
    let mut raw = LineWriter::create(&raw)?;
    let mut rows = copy.read()?;
    while let Some(batch) = rows.next_rows()? {
        let mut records = Vec::with_capacity(batch.len());
        for staged in &batch {
            if goes(staged.row)? {
                records.extend(decode.decode(&staged.record.raw).ok());
                raw.append(&staged.record.raw)?;
            }
        }
        table.append(table.format().encode(&records)?)?;
    }
    table.finish()?;
    raw.finish()
}

/// Names the copies in a summary; `of` is added to the names.
pub(super) fn name_copies(folder: &Path, of: &str, summary: &mut Summary) {
    for (key, file) in ["deleted", "deleted_raw"].into_iter().zip(copies(folder)) {
        summary.files.insert(format!("{key}{of}"), file.path.display().to_string());
    }
}

fn copies(folder: &Path) -> [FileEndpoint; 2] {
    let file =
        |name: &str, format, compression| FileEndpoint { path: folder.join(name), format, compression };
    [
        file("deleted.csv", Format::Csv, Compression::None),
        file("deleted.jsonl.zst", Format::Jsonl, Compression::Zstd),
    ]
}

/// The records that a few ids lead to.
struct Found {
    records: HashMap<String, RawRecord>,
    /// Why the service does not take an id for one.
    refused: HashMap<String, String>,
}

impl Found {
    /// Reads them together; where the service refuses one of them and with it all, each on its own.
    fn read(target: &dyn Target, ids: Vec<String>) -> Result<Self> {
        let by_id = |records: Vec<RawRecord>| {
            records.into_iter().filter_map(|record| Some((record.id.clone()?, record)))
        };
        let mut found = Self { records: HashMap::new(), refused: HashMap::new() };
        match target.read(&ids) {
            Ok(records) => found.records.extend(by_id(records)),
            Err(error) if error.class() == Class::Input => {
                for id in ids {
                    match target.read(std::slice::from_ref(&id)) {
                        Ok(records) => found.records.extend(by_id(records)),
                        Err(error) if error.class() == Class::Input => {
                            found.refused.insert(id, error.chain());
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        Ok(found)
    }

    /// The record of an id, or why there is none to delete.
    fn take(&mut self, decode: &dyn Decode, id: &str, of: &str) -> Result<(RawRecord, Record), String> {
        if let Some(why) = self.refused.remove(id) {
            return Err(why);
        }
        let raw = self.records.remove(id).ok_or_else(|| format!("`{of}` has no record `{id}`"))?;
        let record = decode.decode(&raw.raw);
        let record =
            record.map_err(|why| format!("the record cannot be read, and would go unseen: {why}"))?;
        Ok((raw, record))
    }
}

/// Takes the id that a row names, or rejects the row.
fn name(journal: &Journal, reads: &Reads, staged: &StagedRow) -> Result<()> {
    let record = match reads.decode(staged) {
        Ok(record) => record,
        Err(why) => return journal.reject_id(staged.row, None, &format!("the row cannot be read: {why}")),
    };
    let id = record.values("_id", "").next().map(to_text).unwrap_or_default();
    let id = id.trim();
    if id.is_empty() {
        return journal.reject_id(staged.row, None, "the row names no record: its `_id` is blank");
    }
    match journal.name(staged.row, id)? {
        None => Ok(()),
        Some(earlier) => {
            let why = format!("row {earlier} of the file names the same record");
            journal.reject_id(staged.row, Some(id), &why)
        }
    }
}
