//! From an extracted input to a saved plan: the target read whole, the rows mapped, matched and compared.

use super::context::Context;
use super::input::Input;
use super::job::{Job, Place};
use super::linking::{Linking, Own};
use super::links::Linked;
use super::mapped::{self, Transform};
use super::others::OtherRuns;
use super::searching::{self, Search};
use super::{links, merge, missing, say_completeness, watched};
use crate::connect::Stream;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Selection};
use crate::load::current::{self, Current};
use crate::load::journal::Journal;
use crate::load::look;
use crate::load::marker::{self, Marker};
use crate::load::merge::Merge;
use crate::load::plan::{Known, Matching, Materials, Mode, Recalled, plan};
use crate::load::target::ReadMark;
use crate::record::census::Census;
use crate::record::instant;
use crate::record::schema::{FieldRef, Schema, Side};
use crate::report::figures::{count, counted};
use crate::report::plan::{LOOKS, MATCHED_WITH};
use crate::report::{Rejects, Summary};
use crate::run::checkpoint;
use crate::run::folder::RunFolder;
use crate::transform::mapping::{BlankKey, Bound, Mapping, Mode as MappingMode};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The stage that holds the target's records.
pub(super) const TARGET: &str = "target";
/// Facts in the journal.
pub(super) const PLANNED: &str = "planned";
pub(super) const MARK: &str = "mark";
pub(super) const COMPLETENESS: &str = "completeness";
const KEYS: &str = "keys";

/// What is known of a load before its plan.
pub(super) struct Prepared<'a> {
    pub(super) input: &'a Input,
    pub(super) stream: &'a Stream,
    /// The mapping bound to both sides; none for an unmapped import.
    pub(super) bound: Option<Bound>,
    pub(super) others: &'a OtherRuns,
    pub(super) linked: &'a mut Linked,
    /// When the writer's lock was taken.
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

/// The key alternatives that a saved plan was made with.
pub(super) fn saved_keys(journal: &Journal) -> Result<Vec<Vec<FieldRef>>> {
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

/// The key alternatives of a load: the command line's over the mapping's.
pub(super) fn keys(prepared: &Prepared<'_>, job: &Job) -> Result<Vec<Vec<FieldRef>>> {
    if let Some(bound) = &prepared.bound {
        return Ok(bound.keys().to_vec());
    }
    let schema = prepared.stream.source.schema()?;
    let resolve = |name: &String| {
        schema.resolve(name, Side::From).map_err(|unknown| {
            let error = Error::input(format!("--key: {}", unknown.what));
            match unknown.hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
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

fn marker_of(schema: &Schema, transform: &Transform, run: &str, job: &Job) -> Result<Option<Marker>> {
    let wanted = job.load.marker_field.as_deref();
    let marker = |name| Marker::new(name, run, job.load.clear_marker, transform.targets(), schema);
    wanted.map(marker).transpose()
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

/// Makes the plan and saves it.
pub(super) fn make(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    prepared: &mut Prepared<'_>,
    journal: &mut Journal,
    rejects: &mut Rejects,
) -> Result<Saved> {
    let mut keys = keys(prepared, job)?;
    let matching = matching(prepared, job, keys.clone())?;
    wait_for_other_runs(context, prepared.others, prepared.locked, prepared.stream.settle, job)?;
    let schema = prepared.stream.source.schema()?;
    let mapping = prepared.bound.take().map(|bound| Transform::Mapped(Box::new(bound)));
    let mapped = mapping
        .map(|transform| -> Result<_> {
            let counts = mapped::run(context, folder, prepared.input, &transform, rejects)?;
            Ok((transform, counts))
        })
        .transpose()?;
    let before = context.requests().0;
    let search = match &mapped {
        Some((transform, _)) if !prepared.linked.needs_all(transform.targets())? => {
            searching::instead(folder, prepared.stream, job, &matching, transform.targets())?
        }
        _ => None,
    };
    let read = read_target(context, folder, job, prepared, search.as_ref().map(|search| (search, &matching)));
    let (mut target, completeness) = read?;
    let requests = context.requests().0 - before;
    let census = target.1.clone();
    let (transform, counts) = match mapped {
        Some(mapped) => mapped,
        None => {
            let transform = mapped::plain(prepared.input, job, &schema, &census)?;
            let counts = mapped::run(context, folder, prepared.input, &transform, rejects)?;
            (transform, counts)
        }
    };
    let mut fields = transform.targets().to_vec();
    prepared.linked.add_implied(&fields)?;
    let linked = &*prepared.linked;
    let linking = Linking::read(context, folder, job, linked, &mut fields, &mut keys)?;
    let decode = prepared.stream.source.decoder();
    let index = folder.path().join(current::FILE);
    let current = Current::build(&index, target.0.read()?, &*decode, &keys)?;
    if current.unreadable() > 0 {
        context.reporter.warn(format!("{} records of the target cannot be read", current.unreadable()));
    }
    journal.clear()?;
    let rejected = rejects.count()?;
    let merging =
        merge::prepare(context, folder, job, prepared.stream, &transform, |bases, exports, unversioned| {
            let completeness = &completeness;
            let found =
                missing::Found { context, folder, job, bases, exports, unversioned, rejected, completeness };
            missing::note(&found, journal)
        })?;
    let read = merging.as_ref().map(merge::Merging::read);
    let marker = marker_of(&schema, &transform, folder.name(), job)?;
    if let Some(name) = marker.as_ref().map(Marker::place) {
        journal.set_fact(marker::FACT, &name)?;
    }
    let drafts = Staging::open(folder.path(), super::output::STAGE)?;
    linking.index_rows(linked, &fields, &drafts)?;
    let time_zone = time_zone(context, job, &transform);
    let materials = Materials {
        target: &**prepared.stream.target()?,
        fields: &fields,
        schema: &schema,
        census: &census,
        decode: &*decode,
        completeness: &completeness,
        time_zone: &time_zone,
        matching: &matching,
        merge: read.as_ref().map(|read| Merge::new(transform.targets(), read)),
        marker: marker.as_ref(),
    };
    let earlier = |id: &str, stream: &str| linked.became(id, stream);
    let links = linking.links(linked, &fields, &current, &completeness, &earlier);
    let known = Known {
        current: &current,
        links: &links,
        earlier: &|id| linked.was_made_of(id),
        bases: merging.as_ref().map(|merging| &merging.bases),
    };
    let recalled = plan(&materials, &known, drafts.read()?, journal)?;
    say_recalled(context, recalled);
    let mark = mark(&mut target, prepared.stream)?;
    let own =
        Own { census: &census, mark: &mark, completeness: &completeness, keys: &keys, time_zone: &time_zone };
    linking.plan_missing(folder, linked, own, journal)?;
    drop((current, materials));
    drop(read);
    merging.map_or(Ok(()), |merging| merging.bases.end())?;
    if let Transform::Mapped(bound) = transform {
        prepared.bound = Some(*bound);
    }
    super::apply::note_unsettled(journal, prepared.others)?;
    note_cost(journal, prepared)?;
    if prepared.stream.target()?.lists() {
        let read = (target.0.count()?, requests);
        journal.set_fact(MATCHED_WITH, &matched_with(read, counts.mapped, &matching, search.is_some()))?;
    }
    let keys = serde_json::to_string(&matching.keys);
    journal.set_fact(KEYS, &keys.map_err(|cause| Error::stopped("cannot save the plan").because(cause))?)?;
    save(journal, mark, completeness, counts.filtered)
}

/// What earlier runs had to say.
fn say_recalled(context: &Context, recalled: Recalled) {
    let records = |number: u64| if number == 1 { "1 row".to_owned() } else { format!("{number} rows") };
    if recalled.matched > 0 {
        context.reporter.say(format!("{} matched by an earlier run", records(recalled.matched)));
    }
    if recalled.gone > 0 {
        context.reporter.say(format!(
            "{} matched by key: the record that an earlier run made of each is gone",
            records(recalled.gone)
        ));
    }
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

/// Notes what the last looks before updates will take.
fn note_cost(journal: &Journal, prepared: &Prepared<'_>) -> Result<()> {
    let every = prepared.stream.client.pace().rate().time_for(1).unwrap_or_default();
    let looks = look::cost(&**prepared.stream.target()?, journal.to_do()?.updates, every);
    journal.set_fact(LOOKS, &looks.to_string())
}

/// What rows are matched with, and why it was read in that way.
fn matched_with((records, requests): (u64, u64), rows: u64, matching: &Matching, searched: bool) -> String {
    let (records, requests) = (counted(records, "record"), counted(requests, "request"));
    let searches = rows * matching.keys.len() as u64;
    match (searched, searches) {
        (true, _) => format!("matched with {records} that searches for the keys found in {requests}"),
        (false, 0) => format!("matched with all {records}, read in {requests}"),
        (false, _) => format!(
            "matched with all {records}, read in {requests}; searches for the keys would take {} or \
             more, or might miss some",
            count(searches)
        ),
    }
}

fn matching(prepared: &Prepared<'_>, job: &Job, keys: Vec<Vec<FieldRef>>) -> Result<Matching> {
    let bound = prepared.bound.as_ref();
    let asked = match job.load.mode.as_deref() {
        Some("create") => Some(Mode::Create),
        Some("update") => Some(Mode::Update),
        Some(_) => Some(Mode::Upsert),
        None => bound.and_then(Bound::mode).map(|mode| match mode {
            MappingMode::Create => Mode::Create,
            MappingMode::Update => Mode::Update,
            MappingMode::Upsert => Mode::Upsert,
        }),
    };
    let by_id = bound.is_none_or(|bound| bound.targets().iter().any(|field| field.place.name == "_id"));
    let mode = possible(prepared.stream, asked, &keys, by_id)?;
    if keys.is_empty() && !by_id && mode != Mode::Create {
        return Err(Error::input("the mapping has no `key`, so nothing tells which record a row is for")
            .hint("add `key = [\"Email\"]` to the mapping, give `--key FIELD`, or `--mode create`"));
    }
    Ok(Matching {
        mode,
        keys,
        blank_key_creates: bound.is_none_or(|bound| bound.blank_key() == BlankKey::Create),
        guard_newer: bound.is_none(),
        allow_incomplete: job.load.allow_incomplete,
        on_conflict: job.load.on_conflict,
    })
}

/// What may be done with rows: as asked, as far as the stream can have it done.
fn possible(stream: &Stream, asked: Option<Mode>, keys: &[Vec<FieldRef>], by_id: bool) -> Result<Mode> {
    let target = stream.target()?;
    let name = stream.source.name();
    let why = match (target.lists(), target.updates()) {
        (true, true) => return Ok(asked.unwrap_or(Mode::Upsert)),
        // Rows that name what is there are compared with it: the target refuses those that would change it.
        (true, false) if by_id && asked.is_none() => return Ok(Mode::Upsert),
        (false, _) => "the service does not list what is there, so nothing tells which record a row is for",
        (true, false) => "the service lets nobody change them",
    };
    if matches!(asked, Some(Mode::Update | Mode::Upsert)) {
        return Err(Error::input(format!("records of `{name}` can only be created: {why}"))
            .hint("load with `--mode create`"));
    }
    if !target.lists() && !keys.is_empty() {
        return Err(Error::input(format!("rows cannot be matched with records of `{name}` by a key: {why}"))
            .hint("leave the key out; each row then creates a record"));
    }
    Ok(Mode::Create)
}

/// Nothing that another run has sent may become visible after a stream was read: that is certain once the settle
/// time has passed since the lock was taken, or, where every answer is known, since the last of them wrote.
pub(super) fn wait_for_other_runs(
    context: &Context,
    others: &OtherRuns,
    locked: Instant,
    settle: Duration,
    job: &Job,
) -> Result<()> {
    let open = others.open()?;
    let rest = if open.is_empty() {
        others.quiet_for().map_or(Duration::ZERO, |quiet| settle.saturating_sub(quiet))
    } else {
        context.reporter.warn(format!("not settled yet in this account: {}", open.join(", ")));
        (locked + settle).saturating_duration_since(Instant::now())
    };
    let only_looks = job.load.dry_run && !job.keeps_plan();
    if rest.is_zero() || only_looks {
        return Ok(());
    }
    context.reporter.note("waiting until everything that the last run wrote is listed");
    if context.stop.wait(rest) {
        return Err(Error::stopped("stopped before the plan was made"));
    }
    Ok(())
}

pub(super) type TargetRead = (Staging, Census, Option<Timestamp>);

fn read_target(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    prepared: &Prepared<'_>,
    search: Option<(&Search, &Matching)>,
) -> Result<(TargetRead, Completeness)> {
    if !prepared.stream.target()?.lists() {
        // There is nothing to read, and no row needs it: each creates a record.
        let mut staging = Staging::restart(folder.path(), TARGET)?;
        let began = prepared.stream.client.server_now();
        staging.finish(&Completeness::Complete)?;
        return Ok(((staging, Census::default(), Some(began)), Completeness::Complete));
    }
    let selection = Selection { expect: job.load.expect, ..Selection::default() };
    read_stream(context, folder, TARGET, prepared.stream, &selection, search)
}

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

/// Where a read began and ended.
pub(super) fn mark(read: &mut TargetRead, stream: &Stream) -> Result<ReadMark> {
    let noted = read.0.note("first_reply")?.as_deref().and_then(instant::parse);
    let newest = read.0.newest_created()?.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Ok(ReadMark {
        first_reply: noted.or(read.2),
        newest_created: newest,
        settle_ms: u64::try_from(stream.settle.as_millis()).unwrap_or(u64::MAX),
    })
}

/// The zone of what is written: as the mapping says, else as the target's connection says, else none but UTC.
fn time_zone(context: &Context, job: &Job, transform: &Transform) -> String {
    let mapped = match transform {
        Transform::Mapped(bound) => bound.time_zone().map(str::to_owned),
        Transform::Plain(_) => None,
    };
    let of_target = || match &job.target {
        Some(Place::Stream { connection, .. }) => super::zone::of_connection(context, connection),
        _ => None,
    };
    mapped.or_else(of_target).unwrap_or_else(|| "Etc/UTC".to_owned())
}

/// Adds the read of the target to a summary.
pub(super) fn note_target(summary: &mut Summary, saved: &Saved) {
    summary.complete = summary.complete.and((&saved.completeness).into());
    summary.filtered = saved.filtered;
}
