//! `--since last`: where the last finished run of the same kind ended, and noting where this one did.
//!
//! A kind is an account and stream, a command and a selection: an export of persons does not continue one of
//! everything. The watermark is what the source noted (`extract::WATERMARK`), so it comes from the service's data
//! or clock. It moves only when the run is done, its output in place and nothing left behind; so a run that
//! failed, or that rejected rows, is made good by the next `--since last`, which begins where the last good one
//! ended. What is read twice is the price. Nor does it move where the service, which told what was deleted before,
//! does not tell: nobody would ever learn of those records.

use super::context::Context;
use super::job::{Job, Place};
use crate::error::{Error, IoContext, Result};
use crate::extract::staging::Staging;
use crate::extract::{DELETIONS, Selection, WATERMARK};
use crate::record::instant;
use crate::report::Summary;
use crate::report::figures::counted;
use crate::report::summary::{Complete, Status};
use crate::run::folder::RunFolder;
use crate::run::watermark::{Watermark, Watermarks};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The file of the records that the service deleted.
const DELETED: &str = "deleted.csv";

/// Fills in since when the records of a job are wanted, if it is to continue where the last run of its kind
/// ended. Without such a run everything is read.
pub(super) fn resolve(context: &Context, job: &mut Job) -> Result<()> {
    let Some(account) = job.source.account().filter(|_| job.since_last) else { return Ok(()) };
    let name = job.source.name();
    let marks = Watermarks::below(context.runs.state());
    match marks.find(account, &job.command, &wanted(&job.selection))? {
        Some(last) => {
            let since = instant::print(last.watermark);
            context.reporter.say(format!("{name}: what changed since {since}, where run `{}` ended", last.run));
            job.selection.since = Some(last.watermark);
        }
        None => context.reporter.say(format!(
            "{name}: no {} of these records has ended yet, so everything is read; the next `--since last` continues \
             from here",
            job.command
        )),
    }
    Ok(())
}

/// Notes where a finished run ended, for the next `--since last`.
pub(super) fn note(context: &Context, folder: &RunFolder, job: &Job, summary: &Summary) -> Result<()> {
    let Some(account) = job.source.account().filter(|_| reads_changes(job)) else { return Ok(()) };
    let staging = Staging::open(folder.path(), super::input::STAGE)?;
    let told = staging.note(WATERMARK)?.as_deref().and_then(instant::parse);
    let deletions = staging.note(DELETIONS)?;
    let marks = Watermarks::below(context.runs.state());
    let selection = wanted(&job.selection);
    let known = marks.find(account, &job.command, &selection)?;
    let why_not = match (told, &known, job.selection.since) {
        _ if summary.complete == Complete::No => Some("the read is incomplete"),
        _ if summary.status != Status::Done => Some("rows were left behind"),
        _ if job.selection.limit.is_some() => Some("`--limit` reads a sample"),
        (None, ..) => Some("the stream does not tell where a read ended"),
        (_, Some(known), Some(since)) if since > known.watermark => Some("it would leave a gap"),
        // A read of everything would miss them, a read of what changed never learns of them.
        (_, Some(known), Some(_)) if known.deletions && deletions.as_deref() == Some("no") => {
            Some("the service did not tell what was deleted, as it did before")
        }
        _ => None,
    };
    match (told, why_not) {
        (Some(watermark), None) => {
            let watermark = Watermark {
                account: account.clone(),
                stream: job.source.name(),
                command: job.command.clone(),
                selection,
                watermark,
                deletions: deletions.as_deref() == Some("yes"),
                run: folder.name().to_owned(),
                when: Timestamp::now(),
            };
            let path = marks.note(&watermark)?;
            context.reporter.note(format!("where the read ended is noted in `{}`", path.display()));
        }
        (_, Some(why)) if job.since_last => {
            let from = match known {
                Some(known) => format!("begins at {} again", instant::print(known.watermark)),
                None => "reads everything again".to_owned(),
            };
            context.reporter.say(format!("{why}: the next `--since last` {from}"));
        }
        _ => {}
    }
    Ok(())
}

/// Lists the records that the service told to be deleted in a file of the run's folder, and says how many.
pub(super) fn list_deletions(
    context: &Context,
    folder: &RunFolder,
    staging: &Staging,
    summary: &mut Summary,
) -> Result<()> {
    let path = folder.path().join(DELETED);
    let failed =
        |cause: csv::Error| Error::stopped(format!("cannot write `{}`", path.display())).because(cause);
    let mut deleted = 0;
    let mut file = tempfile::NamedTempFile::with_prefix_in(".new-", folder.path())
        .during(|| format!("cannot write to `{}`", folder.path().display()))?;
    let mut writer = csv::Writer::from_writer(&mut file);
    writer.write_record(["_id", "_deleted"]).map_err(failed)?;
    staging.deletions(|id, at| {
        deleted += 1;
        writer.write_record([id, at.unwrap_or_default()]).map_err(failed)
    })?;
    let during = || format!("cannot write `{}`", path.display());
    writer.flush().during(during)?;
    drop(writer);
    if deleted > 0 {
        file.as_file().sync_all().during(during)?;
        file.persist(&path).map_err(|failed| failed.error).during(during)?;
        summary.files.insert("deleted".into(), path.display().to_string());
        context.reporter.say(format!("{} deleted since, listed in `{DELETED}`", counted(deleted, "record")));
    }
    Ok(())
}

/// Whether a job's end may be continued from: a stream read alone, or into a file.
fn reads_changes(job: &Job) -> bool {
    let to_file = !matches!(job.target, Some(Place::Stream { .. }));
    to_file && matches!(job.command.as_str(), "export" | "extract")
}

/// Which records a selection wants, without since when and how: what makes two runs of the same kind.
fn wanted(selection: &Selection) -> Value {
    let mut wanted = Map::new();
    let single = [
        ("type", &selection.kind),
        ("keyword", &selection.keyword),
        ("find", &selection.find),
        ("where", &selection.query),
        ("record", &selection.record),
    ];
    for (key, value) in single {
        if let Some(value) = value {
            wanted.insert(key.to_owned(), Value::from(value.as_str()));
        }
    }
    if !selection.changed_fields.is_empty() {
        let mut fields = selection.changed_fields.clone();
        fields.sort();
        fields.dedup();
        wanted.insert("changed_fields".to_owned(), Value::from(fields));
    }
    Value::Object(wanted)
}
