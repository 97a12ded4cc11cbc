//! Reading what changed, again and again, against thousands of made-up servers: whatever the order, ties, borders
//! and habits, and whatever is made, edited, deleted and made again between any two questions, the versions of
//! all reads together are what the folder holds. A read whose answers were cut is not called whole, but for the
//! case that no rule can tell: all streams cut alike.

use super::drain::Sizes;
use super::increment::{Last, Tail};
use super::proof::{Found, Verdict};
use super::since::{Changing, Told, Unseen, poll, watermark};
use crate::error::Result;
use fastrand::Rng;
use std::collections::{BTreeMap, HashMap};

const SIZES: Sizes =
    Sizes { first_limit: 100, largest_limit: 20_000, round: 10, binary: 16, margin: 100, look_ups: 200 };
const OLD: i64 = 2_000;
const CASES: u64 = 3_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ask {
    Updated,
    Created,
    Changes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    created: i64,
    updated: Option<i64>,
    version: u32,
}

/// A row of an answer: its time, the record, what was done to it.
type Row = (i64, u32, &'static str);

/// A server with the habits drawn for it, and what the client holds of the read it is at.
struct Server {
    rng: Rng,
    strict: bool,
    /// `since` and times are compared by whole seconds.
    seconds: bool,
    counts_creations: bool,
    has_updated: bool,
    tells_date: bool,
    keeps_newest: bool,
    caps: [Option<usize>; 3],
    churn: f64,
    clock: i64,
    made: u32,
    versions: u32,
    items: BTreeMap<u32, Item>,
    log: Vec<Row>,
    from: i64,
    start: Option<i64>,
    staged: HashMap<u32, Item>,
    changed: HashMap<u32, Last>,
}

impl Server {
    fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let cap = [None, None, Some(3), Some(10), Some(20)][rng.usize(..5)];
        let capped = rng.f64() < 0.3;
        let mut caps = [None; 3];
        for stream in &mut caps {
            *stream = cap.filter(|_| capped && rng.f64() < 0.7);
        }
        let mut server = Self {
            strict: rng.bool(),
            seconds: rng.f64() < 0.4,
            counts_creations: rng.f64() < 0.7,
            has_updated: rng.f64() < 0.9,
            tells_date: rng.f64() < 0.8,
            keeps_newest: rng.bool(),
            caps,
            churn: [0.3, 1.0, 3.0][rng.usize(..3)],
            clock: 1_700_000_000_000 + rng.i64(0..5_000),
            made: 0,
            versions: 0,
            items: BTreeMap::new(),
            log: Vec::new(),
            from: 0,
            start: None,
            staged: HashMap::new(),
            changed: HashMap::new(),
            rng,
        };
        for _ in 0..server.rng.usize(..12) {
            server.change();
        }
        server
    }

    /// Somebody does something.
    fn change(&mut self) {
        // Often in the same millisecond.
        self.clock += [0, 0, 1, 40, 900, 3_000][self.rng.usize(..6)];
        self.versions += 1;
        let (clock, version) = (self.clock, self.versions);
        let known: Vec<u32> = self.items.keys().copied().collect();
        let pick = |rng: &mut Rng| known[rng.usize(..known.len())];
        match self.rng.usize(..10) {
            0..=3 => {
                self.made += 1;
                // Now and then a record that was deleted is made again.
                let again = self.made > 1 && self.rng.f64() < 0.2;
                let id = if again { self.rng.u32(1..self.made) } else { self.made };
                if let std::collections::btree_map::Entry::Vacant(free) = self.items.entry(id) {
                    free.insert(Item { created: clock, updated: None, version });
                    self.log.push((clock, id, "CREATE"));
                }
            }
            4..=7 if !known.is_empty() => {
                let id = pick(&mut self.rng);
                if let Some(item) = self.items.get_mut(&id) {
                    (item.updated, item.version) = (Some(clock), version);
                }
                self.log.push((clock, id, "UPDATE"));
            }
            _ if !known.is_empty() => {
                let id = pick(&mut self.rng);
                // No folder makes a record again in the millisecond in which it was deleted.
                self.clock += 1;
                self.items.remove(&id);
                self.log.push((self.clock, id, "DELETE"));
                self.clock += 1;
            }
            _ => {}
        }
    }

    fn ask(&mut self, ask: Ask, since: i64) -> Vec<Row> {
        self.clock += self.rng.i64(0..400);
        for _ in 0..self.rng.usize(..3) {
            if self.rng.f64() < self.churn {
                self.change();
            }
        }
        self.start.get_or_insert(self.clock / 1_000 * 1_000);
        let items = self.items.iter();
        let mut rows: Vec<Row> = match ask {
            Ask::Changes => self.log.clone(),
            Ask::Created => items.map(|(id, item)| (item.created, *id, "")).collect(),
            Ask::Updated => items
                .filter_map(|(id, item)| {
                    Some((item.updated.or(self.counts_creations.then_some(item.created))?, *id, ""))
                })
                .collect(),
        };
        let shown = |at: i64| if self.seconds { at.div_euclid(1_000) } else { at };
        rows.retain(
            |(at, ..)| if self.strict { shown(*at) > shown(since) } else { shown(*at) >= shown(since) },
        );
        self.rng.shuffle(&mut rows);
        if let Some(cap) = self.caps[ask as usize] {
            rows.sort_by_key(|(at, ..)| if self.keeps_newest { -at } else { *at });
            rows.truncate(cap);
        }
        rows
    }

    /// Keeps what is wanted, and counts the old rows that had not been seen.
    fn see(&mut self, rows: &[Row], versions: bool) -> u64 {
        let mut unseen_old = 0;
        for (at, id, _) in rows.iter().filter(|(at, ..)| *at >= self.from) {
            let item = self.items[id];
            match self.staged.get(id) {
                None => {
                    unseen_old += u64::from(*at < self.start.unwrap_or(i64::MAX) - OLD);
                    self.staged.insert(*id, item);
                }
                Some(known) if versions && item.updated >= known.updated => {
                    self.staged.insert(*id, item);
                }
                Some(_) => {}
            }
        }
        unseen_old
    }

    fn read(&mut self, ask: Ask, from: i64) -> Found {
        let rows = self.ask(ask, from);
        self.see(&rows, ask == Ask::Updated);
        let newest = rows.iter().map(|(at, ..)| *at).max();
        let mut found = Found { end_seen: true, newest, ..Found::default() };
        if let Some(newest) = newest {
            let rows = self.ask(ask, newest - 1);
            found.cut = self.see(&rows, ask == Ask::Updated) > 0;
        }
        found.records = self.staged.len() as u64;
        found
    }

    /// One read, taken over into what the client holds; where the next one begins, and how sure this was.
    fn poll(&mut self, from: i64, held: &mut HashMap<u32, u32>) -> (i64, Verdict) {
        (self.from, self.start) = (from, None);
        (self.staged, self.changed) = (HashMap::new(), HashMap::new());
        let polled = poll(self, &SIZES, from, false).unwrap();
        for (id, item) in &self.staged {
            let version = held.entry(*id).or_default();
            *version = item.version.max(*version);
        }
        for (id, _) in self.changed.iter().filter(|(_, last)| last.deleted().is_some()) {
            held.remove(id);
        }
        (polled.watermark.unwrap_or(from), polled.verdict)
    }

    fn truth(&self) -> HashMap<u32, u32> {
        self.items.iter().map(|(id, item)| (*id, item.version)).collect()
    }
}

impl Changing for Server {
    fn updated(&mut self, from: i64) -> Result<Option<Found>> {
        Ok(self.has_updated.then(|| self.read(Ask::Updated, from)))
    }

    fn created(&mut self, from: i64) -> Result<Found> {
        Ok(self.read(Ask::Created, from))
    }

    fn changes(&mut self, from: i64) -> Result<Option<Told>> {
        let rows = self.ask(Ask::Changes, from);
        let mut tail = Tail::new();
        rows.iter().for_each(|(at, id, action)| tail.take(*at, (*id, *action)));
        let mut told = Told { rows: rows.len() as u64, cut: false, end_seen: true };
        let beyond = tail.newest().map_or_else(Vec::new, |newest| self.ask(Ask::Changes, newest - 1));
        let old_before = self.start.unwrap_or(i64::MAX) - OLD;
        let unmet = |(at, id, action): &Row| *at < old_before && !tail.holds(*at, (*id, *action));
        told.cut = beyond.iter().any(unmet);
        for (at, id, action) in rows.into_iter().chain(beyond).filter(|(at, ..)| *at >= self.from) {
            self.changed.entry(id).or_default().take(action, at);
        }
        Ok(Some(told))
    }

    fn unseen(&mut self) -> Result<Unseen> {
        let old_before = self.start.unwrap_or(i64::MAX) - OLD;
        let mut unseen = Unseen::default();
        for (id, last) in self.changed.clone() {
            if last.is_before(old_before) && last.deleted().is_none() && !self.staged.contains_key(&id) {
                let Some(item) = self.items.get(&id).copied() else { continue };
                let at = item.updated.unwrap_or(item.created);
                unseen.found += u64::from(at >= self.from && at < old_before);
                self.staged.insert(id, item);
            }
        }
        Ok(unseen)
    }

    fn untold(&mut self) -> Result<bool> {
        let old_before = self.start.unwrap_or(i64::MAX) - OLD;
        let old = self.staged.iter().filter(|(_, item)| item.created < old_before);
        let gone = |id: &u32| self.changed.get(id).is_some_and(|last| last.deleted().is_some());
        Ok(old.into_iter().any(|(id, _)| !self.changed.contains_key(id) && !gone(id)))
    }

    fn first_reply(&self) -> Result<Option<i64>> {
        Ok(self.start.filter(|_| self.tells_date))
    }
}

#[test]
fn all_reads_together_are_what_the_folder_holds() {
    let (mut whole, mut deleted, mut alike, mut cut) = (0, 0, 0_u64, 0);
    for seed in 1..=CASES {
        let mut server = Server::draw(seed);
        // The first read is whole, and leaves where the next one begins.
        let mut held = server.truth();
        let newest = server.items.values().map(|item| item.updated.unwrap_or(item.created)).max();
        let date = server.tells_date.then_some(server.clock / 1_000 * 1_000);
        let mut from = watermark(date, newest).unwrap_or(0);
        let mut all_whole = true;
        let polls = server.rng.usize(1..=5);
        for last in (0..polls).map(|round| round + 1 == polls) {
            for _ in 0..server.rng.usize(..8) {
                server.change();
            }
            if last {
                // What only the changes tell is looked up when it is old.
                (server.churn, server.clock) = (0.0, server.clock + 5_000);
            }
            let (next, verdict) = server.poll(from, &mut held);
            from = next;
            all_whole &= verdict == Verdict::Whole;
            let is_cut = matches!(verdict, Verdict::Cut(_));
            assert!(!is_cut || server.caps != [None; 3], "seed {seed}: nothing is cut here");
            cut += u32::from(is_cut);
            deleted += server.changed.values().filter(|last| last.deleted().is_some()).count();
        }
        let right = held == server.truth();
        let uncapped = server.caps == [None; 3];
        assert!(right || !uncapped, "seed {seed}: {held:?} is not {:?}", server.truth());
        whole += u32::from(all_whole);
        if all_whole && !right {
            alike += 1;
        }
    }
    assert!(alike * 100 <= CASES, "{alike} of {CASES} were called whole and lack something");
    assert!(whole > 500 && deleted > 500 && cut > 100, "{whole} whole, {deleted} deletions, {cut} cut");
}
