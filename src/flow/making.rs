//! The making of a plan, step by step: the rows mapped, the target read, what links need, every row matched and
//! compared, what has to be made first, and the facts that people are told.

use super::cells;
use super::context::Context;
use super::job::{Job, Place};
use super::linking::{Linking, Own};
use super::mapped::{self, Counts, Transform};
use super::merge::{self, Merging};
use super::planning::{self, KEYS, Prepared, Saved, TARGET, TargetRead};
use super::searching::{self, Search};
use super::{apply, made, missing, output};
use crate::connect::Stream;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Selection};
use crate::load::current::{self, Current};
use crate::load::journal::Journal;
use crate::load::keys::KeyField;
use crate::load::look;
use crate::load::marker::{self, Marker};
use crate::load::merge::Merge;
use crate::load::plan::{Known, Matching, Materials, Mode, Tally, leave_out_rejected, plan};
use crate::record::census::Census;
use crate::record::schema::Schema;
use crate::report::Rejects;
use crate::report::figures::{count, counted};
use crate::report::plan::{AMBIGUOUS, DOUBLED, LOOKS, MATCHED_WITH};
use crate::run::folder::RunFolder;
use crate::transform::draft::TargetField;
use crate::transform::mapping::{BlankKey, Bound, Mode as MappingMode};

/// Who makes a plan, and where.
struct Making<'a> {
    context: &'a Context,
    folder: &'a RunFolder,
    job: &'a Job,
}

/// The two sides that a plan compares.
struct Sides {
    /// How the rows were mapped, and how many.
    transform: Transform,
    counts: Counts,
    /// What was read of the target, in so many requests, and whether that is everything.
    target: TargetRead,
    requests: u64,
    completeness: Completeness,
    /// Whether only what the keys find was read.
    searched: bool,
}

/// What rows are planned with.
#[derive(Clone, Copy)]
struct With<'a> {
    /// The load's fields; those that link hold ids.
    fields: &'a [TargetField],
    /// Everything that the target is indexed by.
    keys: &'a [Vec<KeyField>],
    matching: &'a Matching,
    linking: &'a Linking,
    time_zone: &'a str,
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
    let making = Making { context, folder, job };
    let mut keys = planning::keys(prepared, job)?;
    let matching = matching(prepared, job, keys.clone())?;
    planning::wait_for_target(context, prepared, is_matched(prepared, &matching, job)?, job)?;
    let mut sides = making.read(prepared, &matching, rejects)?;
    let mut fields = sides.transform.targets().to_vec();
    prepared.linked.add_implied(&fields)?;
    let linking = Linking::read(context, folder, job, prepared.linked, &mut fields, &mut keys)?;
    journal.transaction(|journal| journal.clear())?;
    let time_zone = time_zone(context, job, &sides.transform);
    let with =
        With { fields: &fields, keys: &keys, matching: &matching, linking: &linking, time_zone: &time_zone };
    let tally = making.plan_rows(prepared, &mut sides, with, journal, rejects)?;
    let whole = !sides.searched && prepared.stream.target()?.lists();
    let mark = planning::mark(&mut sides.target, prepared.stream, whole)?;
    let own = Own {
        census: &sides.target.1,
        mark: &mark,
        completeness: &sides.completeness,
        keys: &keys,
        time_zone: &time_zone,
    };
    linking.plan_missing(folder, prepared.linked, own, journal)?;
    making.note(prepared, &sides, &matching, tally, journal)?;
    if let Transform::Mapped(bound) = sides.transform {
        prepared.bound = Some(*bound);
    }
    planning::save(journal, mark, sides.completeness, sides.counts.filtered)
}

impl Making<'_> {
    /// Maps the rows and reads the target; without a mapping what is read says how the rows are.
    fn read(&self, prepared: &mut Prepared<'_>, matching: &Matching, rejects: &mut Rejects) -> Result<Sides> {
        let &Self { context, folder, job } = self;
        let bound = prepared.bound.take().map(|bound| Transform::Mapped(Box::new(bound)));
        let mapped = bound
            .map(|transform| -> Result<_> {
                let counts = mapped::run(context, folder, prepared.input, &transform, rejects)?;
                Ok((transform, counts))
            })
            .transpose()?;
        let search = match &mapped {
            Some((transform, _)) if !prepared.linked.needs_all(transform.targets())? => {
                searching::instead(folder, prepared.stream, job, matching, transform.targets())?
            }
            _ => None,
        };
        let before = context.requests().0;
        let searches = search.as_ref().map(|search| (search, matching));
        let (target, completeness) = read_target(context, folder, job, prepared, searches)?;
        let requests = context.requests().0 - before;
        let (transform, counts) = match mapped {
            Some(mapped) => mapped,
            None => {
                let schema = prepared.stream.source.schema()?;
                let transform = mapped::plain(prepared.input, job, &schema, &target.1)?;
                let counts = mapped::run(context, folder, prepared.input, &transform, rejects)?;
                (transform, counts)
            }
        };
        Ok(Sides { transform, counts, target, requests, completeness, searched: search.is_some() })
    }

    /// Matches every row, finds what it links to, and notes what has to be sent for it.
    fn plan_rows(
        &self,
        prepared: &Prepared<'_>,
        sides: &mut Sides,
        with: With<'_>,
        journal: &mut Journal,
        rejects: &mut Rejects,
    ) -> Result<Tally> {
        let &Self { context, folder, job } = self;
        let (stream, linked) = (prepared.stream, &*prepared.linked);
        let (schema, decode) = (stream.source.schema()?, stream.source.decoder());
        let index = folder.path().join(current::FILE);
        let current = Current::build(&index, sides.target.0.read()?, &*decode, with.keys)?;
        if current.unreadable() > 0 {
            context.reporter.warn(format!("{} records of the target cannot be read", current.unreadable()));
        }
        let merging = self.merging(stream, sides, journal, rejects)?;
        let read = merging.as_ref().map(Merging::read);
        let marker = marker_of(&schema, with.fields, folder.name(), job)?;
        if let Some(name) = marker.as_ref().map(Marker::place) {
            journal.set_fact(marker::FACT, &name)?;
        }
        let drafts = Staging::open(folder.path(), output::STAGE)?;
        with.linking.index_rows(linked, with.fields, &drafts)?;
        let materials = Materials {
            target: &**stream.target()?,
            fields: with.fields,
            schema: &schema,
            census: &sides.target.1,
            decode: &*decode,
            completeness: &sides.completeness,
            time_zone: with.time_zone,
            matching: with.matching,
            merge: read.as_ref().map(|read| Merge::new(sides.transform.targets(), read)),
            marker: marker.as_ref(),
        };
        let made = made::open(context, folder, job, stream.source.account(), with.fields)?;
        let earlier = |id: &str, stream: &str| linked.became(id, stream);
        let links = with.linking.links(linked, with.fields, &current, &sides.completeness, &earlier);
        let known = Known {
            current: &current,
            links: &links,
            earlier: &|id| linked.was_made_of(id),
            bases: merging.as_ref().map(|merging| &merging.bases),
            made: made.as_ref(),
        };
        leave_out_rejected(&materials, &known, drafts.read()?, journal)?;
        let tally = plan(&materials, &known, drafts.read()?, journal)?;
        made.as_ref().map_or(Ok(()), |made| made::say(context, made))?;
        drop(materials);
        drop(read);
        merging.map_or(Ok(()), |merging| merging.bases.end())?;
        Ok(tally)
    }

    /// The versions that the rows of an edited export were made from, and what its sheet lacks of it.
    fn merging(
        &self,
        stream: &Stream,
        sides: &Sides,
        journal: &mut Journal,
        rejects: &mut Rejects,
    ) -> Result<Option<Merging>> {
        let &Self { context, folder, job } = self;
        let (completeness, rejected) = (&sides.completeness, rejects.count()?);
        merge::prepare(context, folder, job, stream, &sides.transform, |bases, exports, unmatched| {
            let found =
                missing::Found { context, folder, job, bases, exports, unmatched, rejected, completeness };
            missing::note(&found, journal)
        })
    }

    /// Notes what people are told of the plan, and says what earlier runs had to say.
    fn note(
        &self,
        prepared: &Prepared<'_>,
        sides: &Sides,
        matching: &Matching,
        tally: Tally,
        journal: &Journal,
    ) -> Result<()> {
        say_recalled(self.context, tally);
        apply::note_unsettled(journal, prepared.others)?;
        note_cost(journal, prepared)?;
        cells::note(journal, &sides.transform, prepared.input)?;
        journal.set_fact(DOUBLED, &tally.doubled.to_string())?;
        journal.set_fact(AMBIGUOUS, &tally.ambiguous.to_string())?;
        if prepared.stream.target()?.lists() {
            let read = (sides.target.0.count()?, sides.requests);
            let with = matched_with(read, sides.counts.mapped, matching, sides.searched);
            journal.set_fact(MATCHED_WITH, &with)?;
        }
        let keys = serde_json::to_string(&matching.keys);
        journal.set_fact(KEYS, &keys.map_err(|cause| Error::stopped("cannot save the plan").because(cause))?)
    }
}

/// What earlier runs had to say.
fn say_recalled(context: &Context, tally: Tally) {
    if tally.matched > 0 {
        context.reporter.say(format!("{} matched by an earlier run", counted(tally.matched, "row")));
    }
    if tally.gone > 0 {
        context.reporter.say(format!(
            "{} matched by key: the record that an earlier run made of each is gone",
            counted(tally.gone, "row")
        ));
    }
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

fn matching(prepared: &Prepared<'_>, job: &Job, keys: Vec<Vec<KeyField>>) -> Result<Matching> {
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
        unmapped: bound.is_none(),
        allow_incomplete: job.load.allow_incomplete,
        on_conflict: job.load.on_conflict,
    })
}

/// What may be done with rows: as asked, as far as the stream can have it done.
fn possible(stream: &Stream, asked: Option<Mode>, keys: &[Vec<KeyField>], by_id: bool) -> Result<Mode> {
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
    planning::read_stream(context, folder, TARGET, prepared.stream, &selection, search)
}

fn marker_of(schema: &Schema, fields: &[TargetField], run: &str, job: &Job) -> Result<Option<Marker>> {
    let wanted = job.load.marker_field.as_deref();
    let marker = |name| Marker::new(name, run, job.load.clear_marker, fields, schema);
    wanted.map(marker).transpose()
}

/// Whether rows, or their links, may be of records that are there. Those that a mapping creates without a key are not.
fn is_matched(prepared: &Prepared<'_>, matching: &Matching, job: &Job) -> Result<bool> {
    let Some(bound) = &prepared.bound else { return Ok(true) };
    let by_id = bound.targets().iter().any(|field| field.place.name == "_id");
    let by_key = matching.mode != Mode::Create || !matching.keys.is_empty();
    Ok(by_id || by_key || job.retry.is_some() || prepared.linked.needs_all(bound.targets())?)
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
