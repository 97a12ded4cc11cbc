//! Which rows of a stream a request gets, and in which order: `since`, `limit`, caps, ties, order.
//!
//! A stream is an index of `(time, position)` pairs, ascending. Everything that the reference leaves open
//! about paging is decided here, by the knobs, and the same for all six streams and for find-record.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::knobs::{Anchor, Border, Knobs, Order, Resolution, TieOrder};
use super::refusal::Refused;
use super::values::parse_instant;
use crate::sim::exchange::Request;

/// A day, the default of `since`.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One row: its time and its position.
pub(super) type Row = (i64, usize);

/// What a request asks of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The earliest time that belongs to the answer.
    pub(super) from_ms: i64,
    /// Most rows asked for.
    pub(super) limit: Option<usize>,
}

impl Window {
    /// Reads `since` and `limit`; without `since` it is the last 24 hours.
    ///
    /// # Errors
    /// 400 when one of them cannot be read.
    pub(super) fn read(request: &Request, now_ms: i64, knobs: &Knobs) -> Result<Self, Refused> {
        let since = match request.param("since") {
            None => now_ms - DAY_MS,
            Some(text) => parse_instant(text)
                .ok_or_else(|| Refused::bad(format!("Cannot parse parameter since: \"{text}\"")))?,
        };
        let from_ms = match (knobs.since_resolution, knobs.since) {
            (Resolution::Ms, Border::Strict) => since.saturating_add(1),
            (Resolution::Ms, Border::Inclusive) => since,
            (Resolution::S, Border::Strict) => since.div_euclid(1000).saturating_add(1).saturating_mul(1000),
            (Resolution::S, Border::Inclusive) => since.div_euclid(1000) * 1000,
        };
        Ok(Self { from_ms, limit: read_limit(request)? })
    }

    /// The part of an index that is late enough.
    pub(super) fn of(self, index: &BTreeSet<Row>) -> impl DoubleEndedIterator<Item = Row> + '_ {
        index.range((Bound::Included((self.from_ms, 0)), Bound::Unbounded)).copied()
    }
}

/// The `limit` of a request.
///
/// # Errors
/// 400 when it is not a whole number above zero.
pub(super) fn read_limit(request: &Request) -> Result<Option<usize>, Refused> {
    match request.param("limit") {
        None => Ok(None),
        Some(text) => match text.parse::<usize>() {
            Ok(limit) if limit > 0 && !text.starts_with('+') => Ok(Some(limit)),
            _ => Err(Refused::bad(format!("Cannot use parameter limit: \"{text}\""))),
        },
    }
}

/// A cut that keeps so many rows at one end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Most rows kept.
    pub(super) rows: Option<usize>,
    /// The end they are kept at.
    pub(super) anchor: Anchor,
}

/// Cuts `rows` (ascending) by the cap, then by the limit, and orders them for showing.
pub(super) fn select(
    rows: impl DoubleEndedIterator<Item = Row>,
    cap: Cut,
    limit: Option<usize>,
    stream: &str,
    knobs: &Knobs,
    dice: &mut fastrand::Rng,
) -> Vec<Row> {
    let order = knobs.order_of(stream);
    let anchor = anchor_of(order, knobs);
    let mut random_ties = (knobs.tie_order == TieOrder::Random).then_some(&mut *dice);
    let mut kept = if cap.rows.is_none() || cap.anchor == anchor {
        let most = limit.unwrap_or(usize::MAX).min(cap.rows.unwrap_or(usize::MAX));
        take(rows, anchor, most, random_ties)
    } else {
        // The other end first, then the limit's end of what is left.
        let kept = take(rows, cap.anchor, cap.rows.unwrap_or(usize::MAX), random_ties.as_deref_mut());
        take_groups(kept.into_iter().rev(), limit.unwrap_or(usize::MAX), random_ties)
    };
    match order {
        Order::Desc => kept.sort_by_key(|row| Reverse(row.0)),
        Order::Asc => kept.sort_by_key(|row| row.0),
        Order::Mixed => dice.shuffle(&mut kept),
    }
    kept
}

/// The end at which streams keep rows: as the knob says, else where the order begins.
pub(super) fn anchor_of(order: Order, knobs: &Knobs) -> Anchor {
    knobs.anchor.unwrap_or(if order == Order::Asc { Anchor::Oldest } else { Anchor::Newest })
}

fn take(
    rows: impl DoubleEndedIterator<Item = Row>,
    anchor: Anchor,
    most: usize,
    dice: Option<&mut fastrand::Rng>,
) -> Vec<Row> {
    match anchor {
        Anchor::Newest => take_groups(rows.rev(), most, dice),
        Anchor::Oldest => take_groups(rows, most, dice),
    }
}

/// Takes whole groups of one instant until there are enough rows, so that a border is cut by tie order.
fn take_groups(
    rows: impl Iterator<Item = Row>,
    most: usize,
    mut dice: Option<&mut fastrand::Rng>,
) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::new();
    let mut group = 0;
    for row in rows {
        if kept.get(group).is_some_and(|first| first.0 != row.0) {
            order_ties(&mut kept[group..], dice.as_deref_mut());
            group = kept.len();
            if group >= most {
                break;
            }
        }
        kept.push(row);
    }
    order_ties(&mut kept[group..], dice);
    kept.truncate(most);
    kept
}

fn order_ties(ties: &mut [Row], dice: Option<&mut fastrand::Rng>) {
    if ties.len() < 2 {
        return;
    }
    match dice {
        Some(dice) => dice.shuffle(ties),
        None => ties.sort_unstable(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn request(query: &[(&str, &str)]) -> Request {
        let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Request { query, ..Request::default() }
    }

    fn positions(knobs: &serde_json::Value, limit: Option<usize>) -> Vec<usize> {
        let index: BTreeSet<Row> = [(10, 0), (20, 1), (20, 2), (30, 3), (40, 4)].into();
        let knobs = Knobs::default().changed(knobs).unwrap();
        let anchor = knobs.cap_anchor.unwrap_or(anchor_of(knobs.order_of("new-record"), &knobs));
        let cap = Cut { rows: knobs.cap, anchor };
        let rows = Window { from_ms: 10, limit }.of(&index);
        let mut dice = fastrand::Rng::with_seed(7);
        select(rows, cap, limit, "new-record", &knobs, &mut dice).into_iter().map(|row| row.1).collect()
    }

    #[test]
    fn orders_limits_and_caps() {
        let cases = [
            (json!({}), None, vec![4, 3, 1, 2, 0]),
            (json!({}), Some(2), vec![4, 3]),
            (json!({}), Some(3), vec![4, 3, 1]),
            (json!({"order": "asc"}), None, vec![0, 1, 2, 3, 4]),
            (json!({"order": "asc"}), Some(2), vec![0, 1]),
            (json!({"order": "asc", "anchor": "newest"}), Some(2), vec![3, 4]),
            (json!({"anchor": "oldest"}), Some(2), vec![1, 0]),
            (json!({"cap": 2}), None, vec![4, 3]),
            (json!({"cap": 2}), Some(1), vec![4]),
            (json!({"cap": 2}), Some(4), vec![4, 3]),
            (json!({"cap": 3, "cap_anchor": "oldest"}), None, vec![1, 2, 0]),
            (json!({"cap": 3, "cap_anchor": "oldest"}), Some(1), vec![1]),
        ];
        for (mut knobs, limit, expected) in cases {
            knobs["tie_order"] = json!("id");
            assert_eq!(positions(&knobs, limit), expected, "{knobs} {limit:?}");
        }
    }

    #[test]
    fn ties_are_ordered_anew_but_never_lost() {
        let index: BTreeSet<Row> = (0..50).map(|at| (5, at)).collect();
        let knobs = Knobs::default();
        let mut dice = fastrand::Rng::with_seed(1);
        let cap = Cut { rows: None, anchor: Anchor::Newest };
        let mut once = |limit| {
            let rows = Window { from_ms: 0, limit }.of(&index);
            select(rows, cap, limit, "new-record", &knobs, &mut dice)
        };
        let (first, second) = (once(None), once(None));
        assert_ne!(first, second);
        assert_eq!(first.into_iter().collect::<BTreeSet<_>>(), index);
        assert_eq!(once(Some(10)).len(), 10);
    }

    #[test]
    fn a_mixed_order_shows_the_same_rows_shuffled() {
        let mut shown = positions(&json!({"order": "mixed"}), None);
        shown.sort_unstable();
        assert_eq!(shown, [0, 1, 2, 3, 4]);
        let mut newest = positions(&json!({"order": "mixed"}), Some(2));
        newest.sort_unstable();
        assert_eq!(newest, [3, 4]);
    }

    #[test]
    fn since_is_read_by_border_and_resolution() {
        let cases = [
            (json!({}), 1501),
            (json!({"since": "inclusive"}), 1500),
            (json!({"since_resolution": "s"}), 2000),
            (json!({"since": "inclusive", "since_resolution": "s"}), 1000),
        ];
        for (knobs, from_ms) in cases {
            let asked = request(&[("since", "1970-01-01T00:00:01.500Z")]);
            let window = Window::read(&asked, 0, &Knobs::default().changed(&knobs).unwrap()).unwrap();
            assert_eq!(window, Window { from_ms, limit: None }, "{knobs}");
        }
    }

    #[test]
    fn a_day_is_the_default_and_nonsense_is_refused() {
        let window = Window::read(&request(&[("created", "today")]), DAY_MS + 5, &Knobs::default()).unwrap();
        assert_eq!(window, Window { from_ms: 6, limit: None });
        for (key, value) in [
            ("limit", "0"),
            ("limit", "-1"),
            ("limit", "many"),
            ("limit", ""),
            ("limit", "+5"),
            ("since", "today"),
        ] {
            let refused = Window::read(&request(&[(key, value)]), 0, &Knobs::default()).unwrap_err();
            assert_eq!(refused.status, 400, "{key}={value}");
        }
        let window = Window::read(&request(&[("limit", "99999999")]), 0, &Knobs::default()).unwrap();
        assert_eq!(window.limit, Some(99_999_999));
    }

    proptest! {
        /// A limit keeps the rows nearest to its anchor, whatever the order shown and the ties.
        #[test]
        fn a_limit_keeps_one_end(
            times in proptest::collection::vec(0i64..20, 0..60),
            limit in 1usize..70,
            order in prop_oneof![Just("asc"), Just("desc"), Just("mixed")],
            anchor in prop_oneof![Just(Anchor::Newest), Just(Anchor::Oldest)],
            seed in any::<u64>(),
        ) {
            let index: BTreeSet<Row> = times.iter().copied().enumerate().map(|(at, time)| (time, at)).collect();
            let knobs = Knobs { anchor: Some(anchor), ..Knobs::default().changed(&json!({"order": order})).unwrap() };
            let cap = Cut { rows: None, anchor };
            let mut dice = fastrand::Rng::with_seed(seed);
            let rows = select(index.iter().copied(), cap, Some(limit), "new-record", &knobs, &mut dice);
            prop_assert!(rows.iter().all(|row| index.contains(row)));
            let mut shown: Vec<i64> = rows.iter().map(|row| row.0).collect();
            shown.sort_unstable();
            let mut all = times;
            all.sort_unstable();
            let keep = limit.min(all.len());
            let expected = if anchor == Anchor::Oldest { &all[..keep] } else { &all[all.len() - keep..] };
            prop_assert_eq!(shown, expected);
        }
    }
}
