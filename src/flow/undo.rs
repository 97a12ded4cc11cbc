//! `undo`: a run that takes another one back, planned, shown, confirmed, sent, accounted for (design section 9.7).
//!
//! First the other run's rows in doubt are looked for at the service, which sends nothing. Then the plan is made
//! from what that run wrote and from what the records hold now, and what is to be deleted is copied. From the first
//! write on, the other run is closed: nothing more of it is ever sent.

use super::context::Context;
use super::delete::{name_copies, write_copies};
use super::job::{Job, LoadOptions, Place, Undo};
use super::others::OtherRuns;
use super::planning::{self, Saved};
use super::verify;
use crate::connect::Stream;
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::extract::staging::Staging;
use crate::load::apply::Apply;
use crate::load::delete::Removal;
use crate::load::journal::Journal;
use crate::load::target::ReadMark;
use crate::load::undo::TakeBack;
use crate::record::census::Census;
use crate::record::columns;
use crate::report::counts::{load_counts, planned_counts};
use crate::report::plan::plan_view;
use crate::report::results::{Origin, write_results};
use crate::report::summary::Status;
use crate::report::{Budget, Rejects, Summary};
use crate::run::checkpoint;
use crate::run::folder::{RunEntry, RunFolder};
use crate::run::lock::lock_writer;
use crate::run::parts::StagedRow;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The stage that holds the records as they were when the plan was made.
const NOW: &str = "now";

/// The job that takes the run back whose name has `part` in it.
///
/// # Errors
/// When there is no such run, or nothing of it can be taken back (class `Input`).
pub fn job(context: &Context, part: &str, adopted: bool, load: LoadOptions) -> Result<Job> {
    let entry = context.runs.find(part)?;
    let undone: Job = entry.job()?;
    let name = &entry.name;
    let nothing = |why: &str| Err(Error::input(format!("run `{name}` cannot be taken back: {why}")));
    let target = match &undone.target {
        Some(target @ Place::Stream { account: Some(_), .. }) => target.clone(),
        _ => return nothing("it has written nothing to a service"),
    };
    if undone.delete.is_some() {
        let why = "it deleted records, and the service brings none back under its id";
        return nothing(why).map_err(|error| {
            error.hint("import their copy, `deleted.csv` in the run's folder, without the column `_id`")
        });
    }
    if undone.load.dry_run {
        return nothing("it was only planned");
    }
    refuse_undone(&entry)?;
    let source = match &undone.source {
        file @ Place::File { .. } => file.clone(),
        Place::Stream { .. } => target.clone(),
    };
    Ok(Job {
        command: "undo".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        asked: Timestamp::now().to_string(),
        source,
        target: Some(target),
        selection: Default::default(),
        since_last: false,
        mapping: None,
        load,
        undo: Some(Undo { run: entry.name, adopted }),
        ..undone
    })
}

/// Refuses to go on with a run that was taken back.
///
/// # Errors
/// When it was, in whole or in part (class `Input`).
pub(super) fn refuse_undone(entry: &RunEntry) -> Result<()> {
    if !entry.checkpoint().is_file() {
        return Ok(());
    }
    let journal = Journal::new(checkpoint::open(&entry.checkpoint())?)?;
    match journal.undone_by()? {
        None => Ok(()),
        Some(by) => Err(taken_back(&entry.name, &by)),
    }
}

fn taken_back(run: &str, by: &str) -> Error {
    Error::input(format!(
        "run `{run}` is being taken back, or was, by run `{by}`: nothing more of it is sent"
    ))
    .hint(format!("go on with that by `ferry resume {by}`, or import again"))
}

pub(super) fn run(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    place: &Place,
    asked: &Undo,
    summary: &mut Summary,
) -> Result<()> {
    let mut rejects = Rejects::open(folder.path())?;
    let entry = context.runs.find(&asked.run)?;
    let _locked = context.runs.open(&entry)?;
    let stream = context.reopen(place)?;
    let account = stream.target()?.account().clone();
    let patience = Duration::from_secs(job.load.lock_wait);
    let writer = || lock_writer(&account, folder.name(), patience, &context.stop);
    let _writer = (!job.load.dry_run).then(writer).transpose()?;
    let mut undone = Journal::new(checkpoint::open(&entry.checkpoint())?)?;
    if let Some(by) = undone.undone_by()?.filter(|by| by != folder.name()) {
        return Err(taken_back(&entry.name, &by));
    }
    let others = OtherRuns::of(context, &account, &entry.name)?;
    let mut journal = Journal::new(checkpoint::open(&folder.path().join(checkpoint::FILE))?)?;
    let work = Work { context, folder, asked, entry: &entry, stream: &stream, others: &others };
    let written = planning::saved(&undone)?.ok_or_else(|| {
        Error::input(format!("run `{}` has sent nothing: there is nothing to take back", entry.name))
    })?;
    let saved = match planning::saved(&journal)? {
        Some(saved) => saved,
        None => work.plan(&written.mark, &mut undone, &mut journal)?,
    };
    name_copies(folder, summary);
    summary.take_load(&planned_counts(&journal, &mut rejects)?);
    summary.read = summary.rejected + summary.mapped;
    let rate = stream.client.pace().rate();
    let view = plan_view(stream.source.name(), &journal, &mut rejects, rate)?;
    context.reporter.plan(&view.costing(work.requests(&journal)?, rate));
    if job.load.dry_run {
        work.results(job, &mut rejects, &journal, summary)?;
        summary.status = Status::Planned;
        return Ok(());
    }
    let sent = work.send(&written.mark, &undone, &mut journal);
    journal.name_partly_restored()?;
    summary.take_load(&load_counts(&journal, &mut rejects)?);
    work.results(job, &mut rejects, &journal, summary)?;
    sent?;
    if !job.load.no_verify {
        verify::run(context, folder, &stream, &saved.mark, &mut journal, summary)?;
    }
    summary.conclude();
    Ok(())
}

/// What an undo works with.
struct Work<'a> {
    context: &'a Context,
    folder: &'a RunFolder,
    asked: &'a Undo,
    /// The run that is taken back.
    entry: &'a RunEntry,
    stream: &'a Stream,
    others: &'a OtherRuns,
}

impl Work<'_> {
    /// Makes the plan and saves it, with a copy of what is to be deleted.
    fn plan(&self, mark: &ReadMark, undone: &mut Journal, journal: &mut Journal) -> Result<Saved> {
        let began = self.stream.client.server_now();
        self.settle(mark, undone)?;
        journal.clear()?;
        let mut staging = Staging::restart(self.folder.path(), NOW)?;
        let progress = self.context.reporter.progress("plan", None, None);
        let count = |rows| progress.add(rows);
        self.take_back(mark, &count, |back| {
            back.plan(undone, journal, &mut |records| {
                let Some((first, ..)) = records.first() else { return Ok(()) };
                let key = format!("rows {first}");
                let mut census = Census::default();
                records.iter().for_each(|(_, _, record)| census.add(record));
                let rows = records.into_iter().map(|(row, record, _)| StagedRow { row, line: None, record });
                staging.rows(&key, rows.collect(), census)
            })
        })?;
        progress.finish();
        staging.finish(&Completeness::Complete)?;
        write_copies(self.folder, self.stream, &staging, &|row| journal.is_delete(row))?;
        let settle_ms = u64::try_from(self.stream.settle.as_millis()).unwrap_or(u64::MAX);
        let mark = ReadMark { first_reply: Some(began), newest_created: None, settle_ms };
        planning::save(journal, mark, Completeness::Complete, 0)
    }

    /// Finds out what became of the other run's rows in doubt, and sends nothing of it.
    fn settle(&self, mark: &ReadMark, undone: &mut Journal) -> Result<()> {
        let of_undone: Job = self.entry.job()?;
        if of_undone.undo.is_some() && undone.has_open_intents()? {
            let why = format!("run `{}` is an undo that has not come to its end", self.entry.name);
            return Err(Error::input(why).hint(format!("finish it with `ferry resume {}`", self.entry.name)));
        }
        let keys = planning::saved_keys(undone)?;
        let decode = self.stream.source.decoder();
        let apply = Apply {
            target: &**self.stream.target()?,
            decode: &*decode,
            keys: &keys,
            mark,
            concurrency: self.stream.client.pace().concurrency(),
            stop: &self.context.stop,
            server_now: &|| self.stream.client.server_now(),
            made_elsewhere: &|id| self.others.made(id),
            // Nothing is sent here: what was sent is looked for.
            fresh_until: Instant::now(),
            every: Duration::ZERO,
            marker: None,
            until_row: u64::MAX,
            look_first: None,
            progress: &|_| {},
        };
        apply.settle(undone)
    }

    fn take_back(
        &self,
        mark: &ReadMark,
        progress: &(dyn Fn(u64) + Sync),
        work: impl FnOnce(&TakeBack<'_>) -> Result<()>,
    ) -> Result<()> {
        let decode = self.stream.source.decoder();
        let began = mark.first_reply.unwrap_or(Timestamp::UNIX_EPOCH);
        work(&TakeBack {
            target: &**self.stream.target()?,
            decode: &*decode,
            concurrency: self.stream.client.pace().concurrency(),
            since: began.checked_sub(self.stream.settle).unwrap_or(began),
            settle: self.stream.settle,
            adopted: self.asked.adopted,
            stop: &self.context.stop,
            made_elsewhere: &|id| self.others.made(id),
            progress,
        })
    }

    /// The requests that the open part of the plan takes: each record is read once more before it is written.
    fn requests(&self, journal: &Journal) -> Result<u64> {
        let to_do = journal.to_do()?;
        let at_once = self.stream.target()?.deletes_at_once().max(1) as u64;
        let reads = to_do.rows().div_ceil(at_once);
        Ok(reads + to_do.deletes.div_ceil(at_once) + to_do.updates)
    }

    fn send(&self, mark: &ReadMark, undone: &Journal, journal: &mut Journal) -> Result<()> {
        let rows = journal.to_do()?.rows();
        if rows == 0 {
            return Ok(());
        }
        let context = self.context;
        if !context.yes && !context.reporter.confirm("Take this back?")? {
            return Err(Error::stopped("nothing was taken back: the plan was not confirmed"));
        }
        undone.begin_undo(self.folder.name())?;
        let pace = self.stream.client.pace();
        let progress = context.reporter.progress("undo", Some(rows), Some(Budget::from(pace.rate())));
        let decode = self.stream.source.decoder();
        let removal = Removal {
            target: &**self.stream.target()?,
            decode: &*decode,
            concurrency: pace.concurrency(),
            settle: self.stream.settle,
            stop: &context.stop,
            server_now: &|| self.stream.client.server_now(),
            progress: &|rows| progress.add(rows),
        };
        let sent = removal.run(journal).and_then(|()| {
            self.take_back(mark, &|_| {}, |back| back.release(undone, journal))?;
            removal.run(journal)
        });
        progress.finish();
        sent
    }

    /// The result files: what became of each row, beside the record as it was when the plan was made.
    fn results(
        &self,
        job: &Job,
        rejects: &mut Rejects,
        journal: &Journal,
        summary: &mut Summary,
    ) -> Result<()> {
        let staging = Staging::open(self.folder.path(), NOW)?;
        let columns = columns::plan(&*self.stream.source.schema()?, staging.census(), false);
        let headers: Vec<String> = columns.iter().map(|column| column.header.clone()).collect();
        let decode = self.stream.source.decoder();
        let separator = job.write.list_separator;
        let original = |staged: &StagedRow| match decode.decode(&staged.record.raw) {
            Ok(record) => (None, columns.iter().map(|column| column.text(&record, separator)).collect()),
            Err(_) => (None, vec![String::new(); columns.len()]),
        };
        let origin = Origin { file: &job.source.name(), headers: &headers, original: &original };
        for (kind, path) in
            write_results(self.folder.path(), &origin, staging.read()?, rejects, Some(journal))?
        {
            summary.files.insert(kind, path.display().to_string());
        }
        Ok(())
    }
}
