//! `--delete-missing`: records whose rows were taken out of an exported sheet (design section 9.8).
//!
//! A row that is not there may be one that was never exported, could not be read, or lies in another part of the
//! sheet, so nothing is deleted on a guess: the file has to lie where an export wrote it, each of its rows has to
//! carry a version of that export or be plainly a new one, all of them have to be readable, and the reads that it is judged by must not be
//! incomplete. What has changed at the service since the export stays. What is found is counted with the import's
//! plan, before anything is sent; after the import it is read again and handed over to a run that deletes, which
//! copies it first, shows it, and asks.

use super::bases::{Export, sheet};
use super::context::Context;
use super::job::{Job, LoadOptions, Place};
use super::merge::Unmatched;
use super::{Ended, bases, execute};
use crate::connect::files::{Compression, FileEndpoint, Format, TableWriter, WriteOptions};
use crate::error::{Error, Result};
use crate::extract::{Completeness, Selection};
use crate::flow::input::hash_file;
use crate::load::bases::Bases;
use crate::load::delete::AT_ONCE;
use crate::load::journal::{Journal, Left};
use crate::record::census::Census;
use crate::record::{Record, columns, instant};
use crate::report::figures::count;
use crate::report::summary::Status;
use crate::run::checkpoint;
use crate::run::folder::RunFolder;
use std::collections::HashMap;

/// The file that lists what is to be deleted, in the import's folder.
const FILE: &str = "missing.csv";
/// So many of the records that stay are named.
const NAMED: usize = 5;

/// Refuses a load for which `--delete-missing` can mean nothing, before anything is read.
pub(super) fn check(job: &Job) -> Result<()> {
    if job.load.delete_missing.is_none() {
        return Ok(());
    }
    let why = match (&job.mapping, sheet(job), job.selection.limit) {
        (Some(_), ..) => "a mapped file is not the sheet of an export",
        (_, None, _) => "only a file that an export wrote tells which rows are missing",
        (_, _, Some(_)) => "with `--limit` not all rows of the sheet are read",
        _ => return Ok(()),
    };
    Err(Error::input(format!("`--delete-missing` deletes nothing here: {why}")))
}

/// What is known when a plan is made.
pub(super) struct Found<'a> {
    pub(super) context: &'a Context,
    pub(super) folder: &'a RunFolder,
    pub(super) job: &'a Job,
    /// The bases of the sheet's rows.
    pub(super) bases: &'a Bases,
    pub(super) exports: &'a [Export],
    /// Rows with no `_id` or no version.
    pub(super) unmatched: &'a Unmatched,
    /// Rows that cannot be read or mapped.
    pub(super) rejected: u64,
    /// Whether the target's read has everything.
    pub(super) completeness: &'a Completeness,
}

/// Notes what the sheet lacks of its export, with the plan.
pub(super) fn note(found: &Found<'_>, journal: &mut Journal) -> Result<()> {
    let Some(most) = found.job.load.delete_missing else { return Ok(()) };
    let export = found.export()?;
    let this = found.folder.path().join(checkpoint::FILE);
    let theirs = export.folder.join(checkpoint::FILE);
    let left = found.bases.left_out(&theirs, bases::STAGE, &this, super::planning::TARGET, most)?;
    if left.unchanged > most {
        return Err(Error::input(format!(
            "the sheet lacks {} rows of its export, and {} may be deleted",
            count(left.unchanged),
            count(most)
        ))
        .hint(format!("if they are all meant to go, allow them with `--max-deletes {}`", left.unchanged)));
    }
    journal.transaction(|journal| journal.note_left(&left.rows))?;
    let run = export.folder.file_name().unwrap_or_default().to_string_lossy();
    found.context.reporter.say(format!(
        "{} of the {} records of the export (run `{run}`) are missing in the sheet and will be deleted after the import",
        count(left.unchanged),
        count(left.exported)
    ));
    if left.changed > 0 {
        let what =
            if left.changed == 1 { "1 more has" } else { &format!("{} more have", count(left.changed)) };
        found.context.reporter.warn(format!("{what} changed since the export, and will stay"));
    }
    Ok(())
}

impl<'a> Found<'a> {
    /// The export that the sheet is, for certain.
    fn export(&self) -> Result<&'a Export> {
        let refuse =
            |why: String| Err(Error::input(format!("`--delete-missing` deletes nothing here: {why}")));
        let written = |export: &&Export| {
            export.job.target.as_ref().is_some_and(|target| target.name() == self.job.source.name())
        };
        let Some(export) = self.exports.first().filter(written) else {
            let why = "no export of this account wrote the file, or its run was removed";
            return refuse(why.to_owned());
        };
        if self.rejected > 0 {
            let why = "rows of the sheet cannot be read, so nobody knows which are missing";
            return refuse(why.to_owned());
        }
        if let Some((row, line)) = self.unmatched.nameless {
            let line = line.map(|line| format!(" (line {line})")).unwrap_or_default();
            return Err(Error::input(format!(
                "`--delete-missing` deletes nothing here: row {row}{line} has no `_id`, and yet what only an exported row \
                 has, so its record would be taken for missing"
            ))
            .hint("give the row its `_id` back; if it is new, empty `_created`, `_updated` and what else the service fills"));
        }
        let others = self.bases.not_of(0)? + self.unmatched.unversioned;
        if others > 0 {
            return refuse(format!(
                "{} rows with an `_id` are not as the export wrote them: their `_id` or `_updated` is another",
                count(others)
            ));
        }
        for (what, completeness) in
            [("export", &export.stored.completeness), ("target's read", self.completeness)]
        {
            if let Completeness::Incomplete(why) = completeness {
                return refuse(format!("the {what} is incomplete: {why}"));
            }
        }
        Ok(export)
    }
}

/// Deletes, in a run of its own, what an import has noted as missing in its sheet; nothing where it noted nothing or
/// did not come to its end.
///
/// # Errors
/// When the records cannot be read again, or the run cannot be begun.
pub fn follow_up(context: &Context, import: &Ended) -> Result<Option<Ended>> {
    let ended = matches!(import.summary.status, Status::Done | Status::Partial | Status::Planned);
    let loads = matches!(import.summary.command.as_str(), "import" | "load");
    if import.error.is_some() || !ended || !loads {
        return Ok(None);
    }
    let entry = context.runs.find(&import.summary.run)?;
    let job: Job = entry.job()?;
    let (Some(most), Some(target)) = (job.load.delete_missing, &job.target) else { return Ok(None) };
    let journal = Journal::new(checkpoint::open(&entry.checkpoint())?)?;
    let endpoint =
        FileEndpoint { path: entry.path.join(FILE), format: Format::Csv, compression: Compression::None };
    if !list(context, target, &journal, &endpoint)? {
        return Ok(None);
    }
    let load =
        LoadOptions { dry_run: job.load.dry_run, lock_wait: job.load.lock_wait, ..LoadOptions::default() };
    let delete = Job {
        command: "delete".to_owned(),
        asked: jiff::Timestamp::now().to_string(),
        source: Place::File { sha256: Some(hash_file(&endpoint.path)?), endpoint },
        selection: Selection::default(),
        read: crate::connect::files::ReadOptions::default(),
        mapping: None,
        load,
        delete: Some(most),
        ..job.clone()
    };
    let folder = context.runs.create(&delete.command, &delete.subject(), &delete)?;
    context.reporter.note(format!("run {}", folder.name()));
    let before = context.requests();
    let mut ended = execute(context, &folder, &delete);
    // The command's counters began with the import.
    ended.summary.requests = ended.summary.requests.saturating_sub(before.0);
    ended.summary.retries = ended.summary.retries.saturating_sub(before.1);
    ended.summary.store(&folder)?;
    Ok(Some(ended))
}

/// Lists in a file those of the missing records that are still as they were exported, as a plain export; gives
/// whether there are any.
fn list(context: &Context, target: &Place, journal: &Journal, endpoint: &FileEndpoint) -> Result<bool> {
    let stream = context.reopen(target)?;
    let (decode, schema) = (stream.source.decoder(), stream.source.schema()?);
    let left = journal.left()?;
    let (mut records, mut changed, mut census) = (Vec::new(), Vec::new(), Census::default());
    for rows in left.chunks(AT_ONCE) {
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let read = stream.target()?.read(&ids)?;
        let mut by_id: HashMap<_, _> =
            read.into_iter().filter_map(|raw| Some((raw.id.clone()?, raw))).collect();
        for row in rows {
            let Some(raw) = by_id.remove(&row.id) else { continue };
            let Ok(record) = decode.decode(&raw.raw) else { continue };
            if is_as_exported(&record, row) {
                census.add(&record);
                records.push(record);
            } else {
                changed.push(row.id.clone());
            }
        }
    }
    if !changed.is_empty() {
        let named: Vec<_> = changed.iter().take(NAMED).cloned().collect();
        let more = if changed.len() > NAMED { ", …" } else { "" };
        context.reporter.warn(format!(
            "{} missing in the sheet changed meanwhile and stay: {}{more}",
            count(changed.len() as u64),
            named.join(", ")
        ));
    }
    if records.is_empty() {
        return Ok(false);
    }
    let columns = columns::plan(&schema, &census, false);
    let mut table = TableWriter::create(endpoint, columns, &WriteOptions::default())?;
    table.append(table.format().encode(&records)?)?;
    table.finish()?;
    Ok(true)
}

fn is_as_exported(record: &Record, left: &Left) -> bool {
    let updated = record.updated.as_deref().and_then(instant::parse);
    updated.map(jiff::Timestamp::as_microsecond) == left.updated
}
