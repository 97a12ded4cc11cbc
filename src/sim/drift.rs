//! Drift: changes that somebody else makes while a client reads.
//!
//! Every so many reads of a service, between two answers, foreign records are created, edited, moved, deleted
//! or commented on until the ordered numbers are used up. What is done comes from seeded dice; the services do
//! it, under another user's name. The ids are noted, so that a test knows what a complete read may lack.

use std::num::{NonZeroU32, NonZeroU64};

use serde::Deserialize;
use serde_json::{Value, json};

/// The `[drift]` table of a scenario. The numbers are of each service, where `service` is `both`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Order {
    /// `nimble`, `nethunt` or `both`.
    service: String,
    inserts: u32,
    deletes: u32,
    updates: u32,
    /// Edits that move a record in the listings: by its time of update, in Nimble by its name too.
    resorts: u32,
    /// Comments on records; in Nimble, notes on contacts.
    comments: u32,
    /// Calls logged with records; NetHunt only.
    calls: u32,
    /// Files hung on records; NetHunt only.
    files: u32,
    /// Notes edited; Nimble only.
    note_edits: u32,
    /// Notes deleted; Nimble only.
    note_deletes: u32,
    /// Records, or comments, that are made at once and share one millisecond.
    same_ms: Option<NonZeroU32>,
    /// One step before every so many reads.
    every: Option<NonZeroU64>,
    /// Changes in one step; what is made at once counts as one.
    burst: Option<NonZeroU32>,
    /// Reads that pass before the first step.
    after: u64,
}

/// A change to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// One of the [`KINDS`], such as `insert`.
    pub(crate) kind: &'static str,
    /// Seed of what is chosen for it.
    pub(crate) dice: u64,
    /// Whether it shares the millisecond of the change before.
    pub(crate) together: bool,
}

/// Drift under way.
#[derive(Debug)]
pub(crate) struct Drift {
    order: Order,
    lanes: Vec<Lane>,
    done: Vec<Done>,
}

/// The drift of one service.
#[derive(Debug)]
struct Lane {
    service: &'static str,
    dice: fastrand::Rng,
    reads: u64,
    /// Changes still to be made, by kind, in the order of [`KINDS`].
    left: [u32; KINDS.len()],
}

/// A change that was made.
#[derive(Debug)]
struct Done {
    service: &'static str,
    ms: i64,
    kind: &'static str,
    record: String,
}

/// The kinds of changes, with their names in scenarios, and the service that alone has them.
const KINDS: [(&str, &str, &str); 9] = [
    ("insert", "inserts", ""),
    ("delete", "deletes", ""),
    ("update", "updates", ""),
    ("resort", "resorts", ""),
    ("comment", "comments", ""),
    ("call", "calls", "nethunt"),
    ("file", "files", "nethunt"),
    ("note_edit", "note_edits", "nimble"),
    ("note_delete", "note_deletes", "nimble"),
];

/// What many of may be made at once.
const AT_ONCE: [&str; 4] = ["insert", "comment", "call", "file"];

impl Order {
    /// How many changes there are to be, in the order of [`KINDS`].
    fn numbers(&self) -> [u32; KINDS.len()] {
        [
            self.inserts,
            self.deletes,
            self.updates,
            self.resorts,
            self.comments,
            self.calls,
            self.files,
            self.note_edits,
            self.note_deletes,
        ]
    }
}

impl Drift {
    /// Starts from an order; dice from `seed`.
    ///
    /// # Errors
    /// When the order names no service, or asks for what the service does not have.
    pub(crate) fn new(order: Order, seed: u64) -> Result<Self, String> {
        let left = order.numbers();
        let services: &[&str] = match order.service.as_str() {
            "nimble" => &["nimble"],
            "nethunt" => &["nethunt"],
            "both" => &["nimble", "nethunt"],
            "" if left.iter().all(|count| *count == 0) => &[],
            _ => return Err("drift: `service` is `nimble`, `nethunt` or `both`".to_owned()),
        };
        let has = |service: &str, of: &str| of.is_empty() || of == service;
        let strange = |((_, name, of), count): (&(_, &'static str, &'static str), &u32)| match services {
            [only] if *count > 0 && !has(only, of) => Some(*name),
            _ => None,
        };
        if let Some(name) = KINDS.iter().zip(&left).find_map(strange) {
            return Err(format!("drift: {} has no `{name}`", order.service));
        }
        let lane = |service: &&'static str| {
            let mut left = left;
            for (count, (.., of)) in left.iter_mut().zip(&KINDS) {
                *count = if has(service, of) { *count } else { 0 };
            }
            Lane { service, dice: fastrand::Rng::with_seed(seed ^ 0xd81f), reads: 0, left }
        };
        Ok(Self { lanes: services.iter().map(lane).collect(), order, done: Vec::new() })
    }

    /// Counts a read of `service` and gives the changes to make before it is answered.
    pub(crate) fn due(&mut self, service: &str) -> Vec<Change> {
        let Self { order, lanes, .. } = self;
        let Some(lane) = lanes.iter_mut().find(|lane| lane.service == service) else { return Vec::new() };
        lane.reads += 1;
        let every = order.every.map_or(1, NonZeroU64::get);
        if lane.reads <= order.after || !(lane.reads - order.after).is_multiple_of(every) {
            return Vec::new();
        }
        let (burst, same_ms) =
            (order.burst.map_or(1, NonZeroU32::get), order.same_ms.map_or(1, NonZeroU32::get));
        (0..burst).flat_map(|_| lane.next(same_ms)).collect()
    }

    /// Notes a change that was made to a record, or the comment that was made.
    pub(crate) fn note(&mut self, service: &'static str, ms: i64, kind: &'static str, record: String) {
        self.done.push(Done { service, ms, kind, record });
    }

    /// The changes made so far, as the JSON of `GET /_sim/drift`.
    pub(crate) fn json(&self) -> Value {
        let done = self.done.iter().map(|Done { service, ms, kind, record }| {
            json!({"service": service, "ms": ms, "kind": kind, "record": record})
        });
        let left = KINDS.iter().enumerate().map(|(at, (_, name, _))| {
            let left: u32 = self.lanes.iter().map(|lane| lane.left[at]).sum();
            ((*name).to_owned(), json!(left))
        });
        json!({
            "service": self.order.service,
            "left": left.collect::<Value>(),
            "done": done.collect::<Vec<_>>(),
        })
    }
}

impl Lane {
    /// The next change, or as many as are made at once; none when all are made.
    fn next(&mut self, same_ms: u32) -> Vec<Change> {
        let total: u32 = self.left.iter().sum();
        if total == 0 {
            return Vec::new();
        }
        let mut pick = self.dice.u32(0..total);
        let at = self.left.iter().position(|left| {
            let here = pick < *left;
            pick = pick.wrapping_sub(if here { 0 } else { *left });
            here
        });
        let Some(at) = at else { return Vec::new() };
        let kind = KINDS[at].0;
        let at_once = if AT_ONCE.contains(&kind) { same_ms.min(self.left[at]) } else { 1 };
        self.left[at] -= at_once;
        (0..at_once).map(|nth| Change { kind, dice: self.dice.u64(..), together: nth > 0 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(service: &str) -> Order {
        Order { service: service.into(), inserts: 2, deletes: 1, updates: 1, ..Order::default() }
    }

    #[test]
    fn the_ordered_changes_are_made_and_no_more() {
        let mut drift =
            Drift::new(Order { every: NonZeroU64::new(2), after: 2, ..order("nimble") }, 1).unwrap();
        assert!(drift.due("nethunt").is_empty());
        let due: Vec<usize> = (0..20).map(|_| drift.due("nimble").len()).collect();
        assert_eq!(due[..10], [0, 0, 0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(due.iter().sum::<usize>(), 4);
    }

    #[test]
    fn both_services_have_the_whole_number_each() {
        let ordered = Order {
            comments: 3,
            resorts: 2,
            calls: 1,
            note_edits: 2,
            burst: NonZeroU32::new(19),
            ..order("both")
        };
        let mut drift = Drift::new(ordered, 1).unwrap();
        assert_eq!((drift.due("nimble").len(), drift.due("nethunt").len()), (11, 10));
        assert_eq!(drift.json()["left"]["resorts"], 0);
    }

    #[test]
    fn what_is_made_at_once_shares_its_millisecond() {
        let at_once =
            Order { inserts: 7, deletes: 0, updates: 0, same_ms: NonZeroU32::new(5), ..order("nethunt") };
        let mut drift = Drift::new(at_once, 1).unwrap();
        let together =
            |changes: Vec<Change>| changes.iter().map(|change| change.together).collect::<Vec<_>>();
        assert_eq!(together(drift.due("nethunt")), [false, true, true, true, true]);
        assert_eq!(together(drift.due("nethunt")), [false, true]);
        assert!(drift.due("nethunt").is_empty());
    }

    #[test]
    fn an_order_that_nobody_can_carry_out_is_refused() {
        assert!(Drift::new(order("hubspot"), 1).is_err());
        assert!(Drift::new(Order { service: "x".into(), ..Order::default() }, 1).is_err());
        assert!(Drift::new(Order { calls: 1, ..order("nimble") }, 1).is_err());
        assert!(Drift::new(Order { note_deletes: 1, ..order("nethunt") }, 1).is_err());
        assert!(Drift::new(Order::default(), 1).is_ok());
    }
}
