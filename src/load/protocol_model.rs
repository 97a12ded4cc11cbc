//! The protocol of sending, in a small world of its own: random servers, networks, crashes and other users drive the
//! real journal and the real decisions of [`super::in_doubt`] in time that is only counted.
//!
//! A request commits at once, late, or never; its answer comes, is a 5xx, or is lost; what is committed is listed a
//! while later. The process dies between any two steps. As long as the settle time covers how late a request may
//! commit and be listed, no row is made twice, none is lost, and who stays in doubt is named. Where it does not, the
//! model has to find the harm: that shows that it looks.

use super::in_doubt::{self, DoubtRow, NewRecord, Verdict};
use super::journal::{Doubtful, Journal, Outcome, Pending, PlannedRow};
use super::target::{Operation, OperationKind, Planned, ReadMark};
use fastrand::Rng;
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Requests in flight.
const CONCURRENCY: usize = 3;
/// How late a request may commit after its answer was lost, and how long after that it may be listed.
const LATE: i64 = 5_000;
const LAG: i64 = 4_000;
/// After so long an answer counts as lost.
const TIMEOUT: i64 = 3_000;

/// What the world is like.
#[derive(Debug, Clone, Copy)]
struct Conditions {
    settle: i64,
    /// Chance of a death between two steps.
    death: f64,
    /// How far the clock of `Date` is ahead of the one that stamps records, and whether the plan's read was of all
    /// records: sweeps go as far back as that tells.
    ahead: i64,
    whole: bool,
    /// Other records that appear with each request: `Known` to be another user's, `Stray` ones that nobody can tell.
    others: Others,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    None,
    /// Of equal content, by another user.
    Known,
    /// Of other content, perhaps ours.
    Stray,
}

#[derive(Debug, Clone)]
struct Held {
    id: String,
    class: String,
    ours: bool,
    by_other: bool,
    committed: i64,
    listed: i64,
    /// Whether the row's second request was carried out, and from when on that is seen.
    completed: Option<i64>,
}

/// A request on its way.
struct Flight {
    pending: Pending,
    answer_at: i64,
    answer: Came,
}

#[derive(Debug, Clone)]
enum Came {
    Done(String),
    Doubt { server_error: bool },
}

/// The service, the network and the clock.
struct World {
    rng: Rng,
    now: i64,
    held: Vec<Held>,
    /// Ids given so far.
    named: u32,
    flights: Vec<Flight>,
    conditions: Conditions,
    /// How far the clock that intents are noted by is off.
    skew: i64,
    /// What the plan's read told.
    mark: ReadMark,
    sent: BTreeMap<u64, u32>,
}

/// The process has died.
struct Died;

type Life<T> = Result<T, Died>;

impl World {
    fn chance(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }

    fn step(&mut self) -> Life<()> {
        let death = self.conditions.death;
        if self.chance(death) { Err(Died) } else { Ok(()) }
    }

    fn hold(&mut self, class: &str, ours: bool, by_other: bool, committed: i64) -> String {
        self.named += 1;
        let id = format!("r{:04}", self.named);
        let listed = committed + self.rng.i64(0..=LAG);
        let class = class.to_owned();
        self.held.push(Held { id: id.clone(), class, ours, by_other, committed, listed, completed: None });
        id
    }

    fn send(&mut self, pending: Pending) {
        *self.sent.entry(pending.row).or_default() += u32::from(pending.seq == 0);
        self.somebody_else(&pending);
        let quick = self.now + self.rng.i64(50..600);
        let (commit, answer, answer_at) = match self.rng.u8(0..20) {
            0 => (None, Came::Doubt { server_error: true }, quick),
            1 => (None, Came::Doubt { server_error: false }, self.now + TIMEOUT),
            2 => (Some(quick), Came::Doubt { server_error: true }, quick + 50),
            3 => (Some(quick), Came::Doubt { server_error: false }, self.now + TIMEOUT),
            4 => {
                let lost_at = self.now + TIMEOUT;
                (Some(lost_at + self.rng.i64(0..=LATE)), Came::Doubt { server_error: false }, lost_at)
            }
            _ => (Some(quick), Came::Done(String::new()), quick + 100),
        };
        let id = commit.map(|at| self.carry_out(&pending, at));
        let answer = match (answer, id) {
            (Came::Done(_), Some(id)) => Came::Done(id),
            (answer, _) => answer,
        };
        self.flights.push(Flight { pending, answer_at, answer });
    }

    fn carry_out(&mut self, pending: &Pending, at: i64) -> String {
        match (pending.operation.kind, &pending.id) {
            (OperationKind::Create, _) => self.hold(&class_of(pending), true, false, at),
            (_, Some(id)) => {
                let record = self.held.iter_mut().find(|held| &held.id == id).unwrap();
                record.completed = Some(record.completed.map_or(at, |earlier| earlier.min(at)));
                id.clone()
            }
            (_, None) => panic!("a record to be completed is known"),
        }
    }

    fn somebody_else(&mut self, pending: &Pending) {
        if !self.chance(0.2) {
            return;
        }
        let now = self.now;
        match self.conditions.others {
            Others::None => {}
            Others::Known => drop(self.hold(&class_of(pending), false, true, now)),
            Others::Stray => drop(self.hold("somebody's own", false, false, now)),
        }
    }

    /// The next answer, when it has come.
    fn answer(&mut self) -> Option<(Pending, Came)> {
        let next = (0..self.flights.len()).min_by_key(|at| self.flights[*at].answer_at)?;
        let flight = self.flights.swap_remove(next);
        self.now = self.now.max(flight.answer_at);
        Some((flight.pending, flight.answer))
    }

    /// The process is gone: what was on its way commits late or never, and nobody hears of it.
    fn outlive(&mut self) {
        let open: HashSet<String> = self
            .flights
            .drain(..)
            .filter(|flight| flight.pending.seq == 0)
            .map(|flight| class_of(&flight.pending))
            .collect();
        let (now, rng) = (self.now, &mut self.rng);
        self.held.retain_mut(|held| {
            if held.committed <= now || !held.ours || !open.contains(&held.class) {
                return true;
            }
            held.committed = now + rng.i64(0..=LATE);
            held.listed = held.committed + rng.i64(0..=LAG);
            rng.u8(0..10) > 2
        });
        self.now += [10, 500, 20_000][self.rng.usize(0..3)];
    }
}

fn class_of(pending: &Pending) -> String {
    pending.class.clone().unwrap()
}

/// A row that makes a record, and perhaps completes it with a second request.
fn planned(row: u64, class: &str, two: bool) -> PlannedRow {
    let operation = |kind| Operation { kind, body: json!({"row": row}), before: Value::Null };
    let mut operations = vec![operation(OperationKind::Create)];
    operations.extend(two.then(|| operation(OperationKind::Update)));
    PlannedRow {
        row,
        id: None,
        class: Some(class.to_owned()),
        outcome: None,
        field: None,
        value: None,
        reason: None,
        planned: Planned { operations, ..Planned::default() },
        extra: 0,
    }
}

/// One life of the process, as `Apply::run` lives it: true when nothing is left to do.
fn live(world: &mut World, journal: &mut Journal) -> Life<()> {
    journal.doubt_all_intents().unwrap();
    let settle = world.conditions.settle;
    let mut ripe = world.now + settle;
    loop {
        if let Some(last) = send_all(world, journal)? {
            ripe = ripe.max(last + settle);
        }
        let doubts = journal.doubts().unwrap();
        if doubts.is_empty() {
            return Ok(());
        }
        world.now = world.now.max(ripe);
        world.step()?;
        sweep(world, journal, &doubts)?;
    }
}

/// A round of sending; when its last answer was lost, if one was.
fn send_all(world: &mut World, journal: &mut Journal) -> Life<Option<i64>> {
    let doubts = journal.doubts().unwrap();
    let mut blocked: HashSet<String> =
        doubts.iter().filter_map(|doubt| doubt.pending.class.clone()).collect();
    let (mut after, mut followers, mut answers, mut last_doubt) = (0, Vec::new(), Vec::new(), None);
    loop {
        let mut group: Vec<Pending> = std::mem::take(&mut followers);
        while group.len() < CONCURRENCY * 2 && world.flights.len() <= CONCURRENCY {
            let Some(next) = journal.next(after, 1).unwrap().pop() else { break };
            after = next.row;
            let waits = next.operation.kind == OperationKind::Create && blocked.contains(&class_of(&next));
            if !waits {
                group.push(next);
            }
        }
        let followed = !answers.is_empty();
        world.step()?;
        let now = world.now + world.skew;
        journal
            .transaction(|journal| {
                for (pending, came) in std::mem::take(&mut answers) {
                    followers.extend(note(journal, pending, came)?);
                }
                group.iter().try_for_each(|pending| journal.intend(pending.row, pending.seq, now))
            })
            .unwrap();
        world.step()?;
        for pending in group {
            world.send(pending);
            world.step()?;
        }
        match world.answer() {
            Some((pending, came)) => {
                if matches!(came, Came::Doubt { .. }) {
                    last_doubt = Some(world.now);
                    blocked.extend(pending.class.clone());
                }
                answers.push((pending, came));
                world.step()?;
            }
            None if followed || !followers.is_empty() => {}
            None => return Ok(last_doubt),
        }
    }
}

/// Notes an answer; the row's next operation, if it has one.
fn note(journal: &Journal, mut pending: Pending, came: Came) -> crate::error::Result<Option<Pending>> {
    let (row, seq) = (pending.row, pending.seq);
    match came {
        Came::Done(id) => {
            journal.done(&pending, &id, &[], false)?;
            pending.id = Some(id);
            journal.following(row, seq)
        }
        Came::Doubt { server_error } => journal.doubt(row, seq, "lost", server_error).map(|()| None),
    }
}

/// The sweep: what is listed now and nobody knows, against what is in doubt.
fn sweep(world: &mut World, journal: &mut Journal, doubts: &[Doubtful]) -> Life<()> {
    let (creates, updates): (Vec<&Doubtful>, Vec<&Doubtful>) =
        doubts.iter().partition(|doubt| doubt.pending.operation.kind == OperationKind::Create);
    let classes: BTreeSet<_> = creates.iter().map(|doubt| class_of(&doubt.pending)).collect();
    let horizon = world.mark.horizon();
    let seen = world.held.iter().filter(|held| held.listed <= world.now && !held.by_other);
    let seen = seen.filter(|held| held.committed >= horizon);
    let unknown: Vec<NewRecord> = seen
        .filter(|held| !journal.made(&held.id).unwrap())
        .map(|held| NewRecord {
            id: held.id.clone(),
            created_ms: Some(held.committed),
            class: classes.contains(&held.class).then(|| held.class.clone()),
            also: Vec::new(),
            holds: true,
        })
        .collect();
    let done: Vec<(&Doubtful, bool)> = updates
        .into_iter()
        .map(|doubt| {
            let of = |held: &&Held| Some(&held.id) == doubt.pending.id.as_ref();
            let record = world.held.iter().find(of).unwrap();
            (doubt, record.completed.is_some_and(|at| at <= world.now))
        })
        .collect();
    world.step()?;
    let rows: Vec<DoubtRow> = creates.iter().map(|doubt| doubt_row(doubt)).collect();
    let verdicts = in_doubt::settle(&rows, &unknown, world.conditions.settle + 5_000);
    let by_row: BTreeMap<u64, &Doubtful> = creates.iter().map(|doubt| (doubt.pending.row, *doubt)).collect();
    journal
        .transaction(|journal| {
            for (row, verdict) in verdicts {
                let doubt = by_row[&row];
                match verdict {
                    Verdict::Adopt(id) => journal.done(&doubt.pending, &id, &[], true)?,
                    Verdict::Send => journal.missed(row, doubt.pending.seq)?,
                    Verdict::Failed => journal.refuse(row, doubt.pending.seq, &doubt.answer)?,
                    Verdict::Stay(why) => journal.conclude(row, Outcome::InDoubt, Some(&why))?,
                    Verdict::Conflict(why) => journal.conclude(row, Outcome::Conflict, Some(&why))?,
                }
            }
            for (doubt, done) in done {
                let (pending, id) = (&doubt.pending, doubt.pending.id.as_deref().unwrap_or_default());
                match done {
                    true => journal.done(pending, id, &[], false)?,
                    false if doubt.server_error && doubt.failures >= 1 => {
                        journal.refuse(pending.row, pending.seq, &doubt.answer)?;
                    }
                    false => journal.missed(pending.row, pending.seq)?,
                }
            }
            Ok(())
        })
        .unwrap();
    world.step()
}

fn doubt_row(doubt: &Doubtful) -> DoubtRow {
    DoubtRow {
        row: doubt.pending.row,
        class: class_of(&doubt.pending),
        misses: doubt.misses,
        failures: doubt.failures,
        server_error: doubt.server_error,
        sent_ms: doubt.sent_ms,
    }
}

/// What a schedule came to.
#[derive(Debug, Default)]
struct Tally {
    doubled: usize,
    lost: usize,
    in_doubt: usize,
    deaths: usize,
}

/// Lives until everything is done, and compares what the journal says with what the service holds.
fn schedule(seed: u64, conditions: Conditions) -> Tally {
    let mut rng = Rng::with_seed(seed);
    let rows = rng.u64(3..=10);
    let kinds = [1, 3, rows][rng.usize(0..3)];
    let classes: BTreeMap<u64, String> = (1..=rows)
        .map(|row| (row, format!("content {}", if kinds == rows { row } else { rng.u64(0..kinds) })))
        .collect();
    let mut journal = Journal::new(Connection::open_in_memory().unwrap()).unwrap();
    for (row, class) in &classes {
        journal.add(&planned(*row, class, rng.bool())).unwrap();
    }
    let now = 1_000_000;
    let skew = rng.i64(-4_000..=4_000) + conditions.ahead;
    let at = |ms| Timestamp::from_millisecond(ms).ok();
    // The newest record that was there, if any was, is as old as it likes.
    let newest_created = if rng.bool() { at(now - rng.i64(0..500_000)) } else { None };
    let settle_ms = u64::try_from(conditions.settle).unwrap();
    let mark = ReadMark { first_reply: at(now + skew), newest_created, whole: conditions.whole, settle_ms };
    let (held, flights, sent) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut world = World { rng, now, held, named: 0, flights, conditions, skew, mark, sent };
    let mut tally = Tally::default();
    while live(&mut world, &mut journal).is_err() {
        tally.deaths += 1;
        world.outlive();
        if tally.deaths >= 8 {
            world.conditions.death = 0.0;
        }
    }
    judge(&world, &journal, &classes, &mut tally);
    tally
}

fn judge(world: &World, journal: &Journal, classes: &BTreeMap<u64, String>, tally: &mut Tally) {
    let (mut failed, mut in_doubt): (BTreeMap<&str, usize>, BTreeSet<&str>) = Default::default();
    let mut ids = HashSet::new();
    for (row, class) in classes {
        let story = journal.story(*row).unwrap().unwrap();
        let outcome = story.outcome.expect("every row has an outcome in the end");
        match outcome {
            Outcome::Created => {
                let id = story.id.clone().unwrap();
                let record = world.held.iter().find(|held| held.id == id).unwrap();
                assert_eq!(&record.class, class, "row {row} has a record of its own kind");
                assert!(story.requests.len() == 1 || record.completed.is_some(), "row {row} is complete");
                assert!(ids.insert(id), "row {row} shares a record");
            }
            Outcome::InDoubt => {
                let why = story.reason.expect("who stays in doubt is told why");
                in_doubt.insert(class.as_str());
                // Many deaths in a row may leave a row that was never answered.
                tally.in_doubt += usize::from(!why.contains("never answered"));
            }
            // Its create failed, or what followed; the record is then there and known.
            Outcome::Failed => *failed.entry(class.as_str()).or_default() += usize::from(story.id.is_none()),
            other => panic!("row {row} is {}", other.word()),
        }
        let sent = world.sent.get(row).copied().unwrap_or(0);
        let missed = story.requests[0].misses;
        assert!(sent <= missed + 1, "row {row} was sent {sent} times and missed {missed} times");
    }
    for class in classes.values().map(String::as_str).collect::<BTreeSet<_>>() {
        if in_doubt.contains(class) {
            continue;
        }
        let wanted = classes.values().filter(|of| of.as_str() == class).count();
        let wanted = wanted - failed.get(class).copied().unwrap_or(0);
        let held = world.held.iter().filter(|held| held.ours && held.class == class).count();
        tally.doubled += held.saturating_sub(wanted);
        tally.lost += wanted.saturating_sub(held);
    }
}

fn many(schedules: u64, others: Others, settle: i64) -> Tally {
    many_where(schedules, others, settle, (0, true))
}

fn many_where(schedules: u64, others: Others, settle: i64, (ahead, whole): (i64, bool)) -> Tally {
    let mut all = Tally::default();
    for seed in 0..schedules {
        let death = [0.0, 0.01, 0.04][usize::try_from(seed % 3).unwrap()];
        let tally = schedule(seed, Conditions { settle, death, ahead, whole, others });
        if settle > LATE + LAG && (whole || ahead == 0) {
            assert_eq!((tally.doubled, tally.lost), (0, 0), "seed {seed}, others {others:?}");
        }
        all.doubled += tally.doubled;
        all.lost += tally.lost;
        all.in_doubt += tally.in_doubt;
        all.deaths += tally.deaths;
    }
    all
}

#[test]
fn within_the_settle_time_no_row_is_made_twice_and_none_is_lost() {
    for others in [Others::None, Others::Known] {
        let tally = many(60, others, LATE + LAG + 1);
        assert!(tally.deaths > 20, "{tally:?}");
        assert_eq!(tally.in_doubt, 0, "nothing speaks against any row: {tally:?}");
    }
}

#[test]
fn records_that_match_no_row_leave_rows_in_doubt_and_double_none() {
    let tally = many(60, Others::Stray, LATE + LAG + 1);
    assert!(tally.in_doubt > 0, "{tally:?}");
}

#[test]
fn a_settle_time_that_is_too_short_is_found_out() {
    let tally = many(40, Others::None, LATE / 10);
    assert!(tally.doubled > 0, "the model does not see what it is for: {tally:?}");
}

#[test]
fn a_date_that_is_ahead_of_the_stamps_doubles_nothing_where_the_newest_stamp_is_known() {
    for others in [Others::None, Others::Known] {
        let tally = many_where(60, others, LATE + LAG + 1, (60_000, true));
        assert_eq!(tally.in_doubt, 0, "nothing speaks against any row: {tally:?}");
    }
    let tally = many_where(40, Others::None, LATE + LAG + 1, (60_000, false));
    assert!(tally.doubled > 0, "by `Date` alone a sweep ends before what it looks for: {tally:?}");
}
