//! What a plan stands on: its keys and its mapping, the reading of streams, and how it is kept. How it is made is in
//! `making`.

use super::context::Context;
use super::input::Input;
use super::job::Job;
use super::links::Linked;
use super::mapped;
use super::others::OtherRuns;
use super::searching::Search;
use super::{links, say_completeness, watched};
use crate::connect::Stream;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Selection};
use crate::load::journal::Journal;
use crate::load::keys::KeyField;
use crate::load::marker::Marker;
use crate::load::plan::Matching;
use crate::load::target::ReadMark;
use crate::record::census::Census;
use crate::record::instant;
use crate::record::schema::{FieldRef, Side};
use crate::report::Summary;
use crate::run::checkpoint;
use crate::run::folder::RunFolder;
use crate::run::writers::Writer;
use crate::transform::mapping::{Bound, Mapping};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The stage that holds the target's records.
pub(super) const TARGET: &str = "target";
/// Facts in the journal.
pub(super) const PLANNED: &str = "planned";
pub(super) const MARK: &str = "mark";
pub(super) const COMPLETENESS: &str = "completeness";
pub(super) const KEYS: &str = "keys";

/// What is known of a load before its plan.
pub(super) struct Prepared<'a> {
    pub(super) input: &'a Input,
    pub(super) stream: &'a Stream,
    /// The mapping bound to both sides; none for an unmapped import.
    pub(super) bound: Option<Bound>,
    pub(super) others: &'a OtherRuns,
    pub(super) linked: &'a mut Linked,
    /// The writer's lock, and when it was taken; none where nothing is to be written.
    pub(super) writer: Option<&'a Writer>,
    pub(super) locked: Instant,
}

/// How a saved plan was made.
pub(super) struct Saved {
    pub(super) mark: ReadMark,
    pub(super) completeness: Completeness,
    pub(super) filtered: u64,
    /// When it was made, if in this life of the run.
    pub(super) made: Option<Instant>,
}

/// What a saved plan was made from, or nothing when none is saved yet.
///
/// # Errors
/// Class `Check` when it is not the plan that was saved.
pub(super) fn saved(journal: &Journal) -> Result<Option<Saved>> {
    let Some(planned) = journal.fact(PLANNED)? else { return Ok(None) };
    if journal.digest()? != planned {
        return Err(Error::check("the plan in the run's checkpoint is not the one that was saved")
            .hint("begin a new run"));
    }
    let damaged = |cause| Error::stopped("the run's checkpoint is damaged").because(cause);
    let fact = |key| -> Result<String> { Ok(journal.fact(key)?.unwrap_or_default()) };
    Ok(Some(Saved {
        mark: serde_json::from_str(&fact(MARK)?).map_err(damaged)?,
        completeness: serde_json::from_str(&fact(COMPLETENESS)?).map_err(damaged)?,
        filtered: fact("filtered")?.parse().unwrap_or(0),
        made: None,
    }))
}

/// Where the read for a plan that is saved began and ended; none where none is saved, or it was made by ids alone.
pub(super) fn saved_mark(journal: &Journal) -> Result<Option<ReadMark>> {
    let Some(mark) = journal.fact(MARK)? else { return Ok(None) };
    serde_json::from_str(&mark)
        .map(Some)
        .map_err(|cause| Error::stopped("the run's checkpoint is damaged").because(cause))
}

/// The key alternatives that a saved plan was made with.
pub(super) fn saved_keys(journal: &Journal) -> Result<Vec<Vec<KeyField>>> {
    let Some(keys) = journal.fact(KEYS)? else { return Ok(Vec::new()) };
    serde_json::from_str(&keys)
        .map_err(|cause| Error::stopped("the run's checkpoint is damaged").because(cause))
}

/// Makes room for another plan of the same extracted records: one that was saved is forgotten, for it was made
/// for another target, mapping or moment.
pub(super) fn forget(folder: &RunFolder) -> Result<()> {
    let mut journal = Journal::new(checkpoint::open(&folder.path().join(checkpoint::FILE))?)?;
    if journal.has_begun()? || links::has_begun(folder.path())? {
        let why = format!("run `{}` has been loaded already, in whole or in part", folder.name());
        let way = format!("go on with `ferry resume {}`, or extract again for another load", folder.name());
        return Err(Error::input(why).hint(way));
    }
    journal.transaction(|journal| journal.clear())
}

/// Whether any life of a run has sent something, or was about to, as far as its checkpoint can be read.
pub(super) fn has_begun(folder: &RunFolder) -> bool {
    let path = folder.path().join(checkpoint::FILE);
    let own = || checkpoint::open(&path).and_then(Journal::new).and_then(|journal| journal.has_begun());
    path.is_file() && own().unwrap_or(false) || links::has_begun(folder.path()).unwrap_or(false)
}

/// The key alternatives of a load: the command line's over the mapping's.
pub(super) fn keys(prepared: &Prepared<'_>, job: &Job) -> Result<Vec<Vec<KeyField>>> {
    let schema = prepared.stream.source.schema()?;
    if let Some(bound) = &prepared.bound {
        let field = |place: &FieldRef| {
            let by_digits = schema.holds_phones(place) || bound.writes_phones(place);
            KeyField { place: place.clone(), by_digits }
        };
        return Ok(bound.keys().iter().map(|key| key.iter().map(field).collect()).collect());
    }
    let resolve = |name: &String| {
        let place = schema.resolve(name, Side::From).map_err(|unknown| {
            let error = Error::input(format!("--key: {}", unknown.what));
            match unknown.hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?;
        Ok(KeyField { by_digits: schema.holds_phones(&place), place })
    };
    let written = job.load.key.as_deref().unwrap_or_default();
    written
        .iter()
        .map(|key| key.iter().filter(|name| *name != "_id").map(resolve).collect::<Result<Vec<_>>>())
        .filter(|key| !matches!(key, Ok(key) if key.is_empty()))
        .collect()
}

/// How created records are marked, as the plan has it.
pub(super) fn marker(folder: &str, prepared: &Prepared<'_>, job: &Job) -> Result<Option<Marker>> {
    let schema = prepared.stream.source.schema()?;
    let wanted = job.load.marker_field.as_deref();
    wanted.map(|name| Marker::new(name, folder, job.load.clear_marker, &[], &schema)).transpose()
}

/// Reads a mapping for this load and finds its names on both sides.
pub(super) fn bind(context: &Context, input: &Input, stream: &Stream, job: &Job) -> Result<Option<Bound>> {
    let (Some(text), Some(target)) = (&job.mapping, &job.target) else { return Ok(None) };
    let mapping: Mapping =
        mapped::mapping(context, text, &mapped::endpoint(&job.source), &mapped::endpoint(target))?;
    let mapping = match &job.load.key {
        Some(keys) => mapping.with_keys(keys.clone()),
        None => mapping,
    };
    let schema = stream.source.schema()?;
    mapped::bind(mapping, input, job, Some(&schema)).map(Some)
}

pub(super) fn save(
    journal: &mut Journal,
    mark: ReadMark,
    completeness: Completeness,
    filtered: u64,
) -> Result<Saved> {
    let failed = |cause| Error::stopped("cannot save the plan").because(cause);
    let facts = [
        (MARK, serde_json::to_string(&mark).map_err(failed)?),
        (COMPLETENESS, serde_json::to_string(&completeness).map_err(failed)?),
        ("filtered", filtered.to_string()),
        (PLANNED, journal.digest()?),
    ];
    journal.transaction(|journal| facts.iter().try_for_each(|(key, value)| journal.set_fact(key, value)))?;
    Ok(Saved { mark, completeness, filtered, made: Some(Instant::now()) })
}

/// Nothing that another run has sent may become visible after a stream was read, or looked at again for what has been
/// created since: that is certain once the settle time, this run's or the longer one of a run that left something in
/// doubt, has passed since the lock was taken, or, where every answer is known, this run's since the last of them
/// wrote. Rows that are not `matched` with what is there need to wait only for what is in doubt.
pub(super) fn wait_for_other_runs(
    context: &Context,
    others: &OtherRuns,
    (locked, settle): (Instant, Duration),
    matched: bool,
    job: &Job,
) -> Result<()> {
    let open = others.open()?.iter().map(ToString::to_string).collect::<Vec<_>>();
    let lost = others.lost();
    for folder in &lost {
        let folder = folder.display();
        context.reporter.warn(format!("a run died while it wrote to this account: what was in `{folder}`"));
    }
    if !open.is_empty() {
        context.reporter.warn(format!("not settled yet in this account: {}", open.join(", ")));
    }
    let rest = if !open.is_empty() || !lost.is_empty() {
        (locked + settle.max(others.settle()?)).saturating_duration_since(Instant::now())
    } else if matched {
        others.quiet_for().map_or(Duration::ZERO, |quiet| settle.saturating_sub(quiet))
    } else {
        Duration::ZERO
    };
    let only_looks = job.load.dry_run && !job.keeps_plan();
    if rest.is_zero() || only_looks {
        return Ok(());
    }
    context.reporter.note("waiting until everything that the last run wrote is listed");
    if context.stop.wait(rest) {
        return Err(Error::stopped("stopped while waiting for what the last run wrote"));
    }
    Ok(())
}

/// The same for the target, whose lock is held where it is written to: nobody has to wait again for runs that died.
pub(super) fn wait_for_target(
    context: &Context,
    prepared: &Prepared<'_>,
    matched: bool,
    job: &Job,
) -> Result<()> {
    let since = (prepared.locked, prepared.stream.settle);
    wait_for_other_runs(context, prepared.others, since, matched, job)?;
    prepared.writer.map_or(Ok(()), |_| prepared.others.note_waited(prepared.locked))
}

pub(super) type TargetRead = (Staging, Census, Option<Timestamp>);

/// Reads a stream for a plan: whole, unless what rows can match is searched for.
pub(super) fn read_stream(
    context: &Context,
    folder: &RunFolder,
    stage: &str,
    stream: &Stream,
    selection: &Selection,
    search: Option<(&Search, &Matching)>,
) -> Result<(TargetRead, Completeness)> {
    let mut staging = Staging::restart(folder.path(), stage)?;
    let began = stream.client.server_now();
    let completeness = match search {
        Some((search, matching)) => search.read(context, stream, matching, &mut staging)?,
        None => watched::extract(context, stream, selection, &mut staging)?,
    };
    staging.finish(&completeness)?;
    say_completeness(context, stream.source.name(), &completeness);
    let census = staging.census().clone();
    Ok(((staging, census, Some(began)), completeness))
}

/// Where a read began and ended; `whole`: whether it was of all records.
pub(super) fn mark(read: &mut TargetRead, stream: &Stream, whole: bool) -> Result<ReadMark> {
    let noted = read.0.note("first_reply")?.as_deref().and_then(instant::parse);
    let newest = read.0.newest_created()?.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Ok(ReadMark {
        first_reply: noted.or(read.2),
        newest_created: newest,
        whole,
        settle_ms: u64::try_from(stream.settle.as_millis()).unwrap_or(u64::MAX),
    })
}

/// Adds the read of the target to a summary.
pub(super) fn note_target(summary: &mut Summary, saved: &Saved) {
    summary.complete = summary.complete.and((&saved.completeness).into());
    summary.filtered = saved.filtered;
}
