//! Drift: changes that somebody else makes while a client reads.
//!
//! Every so many reads of a service, between two answers, foreign records are created, edited or deleted until
//! the ordered numbers are used up. What is done comes from seeded dice; the services do it, under another
//! user's name. The ids are noted, so that a test knows what a complete read may lack.

use serde::Deserialize;
use serde_json::{Value, json};

/// The `[drift]` table of a scenario.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Order {
    /// `nimble` or `nethunt`.
    pub(crate) service: String,
    inserts: u32,
    deletes: u32,
    updates: u32,
    /// One step before every so many reads.
    every: u64,
    /// Changes in one step.
    burst: u32,
    /// Reads that pass before the first step.
    after: u64,
}

/// Drift under way.
#[derive(Debug)]
pub(crate) struct Drift {
    order: Order,
    dice: fastrand::Rng,
    reads: u64,
    done: Vec<(i64, &'static str, String)>,
}

impl Drift {
    /// Starts from an order; dice from `seed`.
    ///
    /// # Errors
    /// When the order names no service.
    pub(crate) fn new(order: Order, seed: u64) -> Result<Self, String> {
        let idle = order.inserts + order.deletes + order.updates == 0;
        if !idle && !matches!(order.service.as_str(), "nimble" | "nethunt") {
            return Err("drift: `service` is `nimble` or `nethunt`".to_owned());
        }
        Ok(Self { order, dice: fastrand::Rng::with_seed(seed ^ 0xd81f), reads: 0, done: Vec::new() })
    }

    /// Counts a read of `service` and gives the changes to make before it is answered.
    pub(crate) fn due(&mut self, service: &str) -> Vec<(&'static str, u64)> {
        if service != self.order.service {
            return Vec::new();
        }
        self.reads += 1;
        let every = self.order.every.max(1);
        if self.reads <= self.order.after || !(self.reads - self.order.after).is_multiple_of(every) {
            return Vec::new();
        }
        (0..self.order.burst.max(1)).filter_map(|_| self.next()).collect()
    }

    /// Notes a change that was made.
    pub(crate) fn note(&mut self, now_ms: i64, kind: &'static str, record: String) {
        self.done.push((now_ms, kind, record));
    }

    /// The changes made so far, as the JSON of `GET /_sim/drift`.
    pub(crate) fn json(&self) -> Value {
        let done =
            self.done.iter().map(|(ms, kind, record)| json!({"ms": ms, "kind": kind, "record": record}));
        json!({
            "service": self.order.service,
            "left": {"inserts": self.order.inserts, "deletes": self.order.deletes, "updates": self.order.updates},
            "done": done.collect::<Vec<_>>(),
        })
    }

    fn next(&mut self) -> Option<(&'static str, u64)> {
        let Order { inserts, deletes, updates, .. } = self.order;
        let total = inserts + deletes + updates;
        if total == 0 {
            return None;
        }
        let pick = self.dice.u32(0..total);
        let (kind, left) = if pick < inserts {
            ("insert", &mut self.order.inserts)
        } else if pick < inserts + deletes {
            ("delete", &mut self.order.deletes)
        } else {
            ("update", &mut self.order.updates)
        };
        *left -= 1;
        Some((kind, self.dice.u64(..)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ordered_changes_are_made_and_no_more() {
        let order = Order {
            service: "nimble".into(),
            inserts: 2,
            deletes: 1,
            updates: 1,
            every: 2,
            after: 2,
            ..Order::default()
        };
        let mut drift = Drift::new(order, 1).unwrap();
        assert!(drift.due("nethunt").is_empty());
        let due: Vec<usize> = (0..20).map(|_| drift.due("nimble").len()).collect();
        assert_eq!(due[..10], [0, 0, 0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(due.iter().sum::<usize>(), 4);
    }
}
