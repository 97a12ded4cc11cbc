//! The last look before an update: no value is overwritten that is no longer what the plan saw (design 9.4).
//!
//! Neither API has conditional writes, so a record is read again just before it is written, together with those
//! that come next; where the service tells what has changed, it is asked for that instead, and only records that
//! changed are read. A look is good for a few seconds; what is not sent by then is looked at again. The window that
//! remains is that time, and what the service itself makes a request wait for.
//!
//! Here is what is known and what is asked for next; asking and sending are [`super::apply`]'s.

use super::journal::{Journal, Pending, changes};
use super::merge::Clash;
use super::target::{Change, Changed, OperationKind, Target, UpdateState};
use crate::error::Result;
use crate::record::schema::{FieldRef, Modifier};
use crate::record::{Record, canonical, is_empty, to_text};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// So old may a look be when the update is sent.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// From a service that takes longer than that to answer, a look is good for so long after the answer.
const AT_LEAST: Duration = Duration::from_secs(1);
/// Requests of others that may go out before a look does, in time at the allowed pace.
const AHEAD: Duration = Duration::from_secs(1);

/// A row and the record that it changes.
pub(super) type RowAndId = (u64, String);

/// What is asked of the service next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The records of these rows.
    Records(Vec<RowAndId>),
    /// What has changed since.
    Changes(Timestamp),
}

/// What a look at a row has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its record has to be looked at first.
    Unknown,
    /// It is as the plan saw it, and may be sent until then.
    AsBefore(Instant),
    /// It holds already what was meant.
    AsMeant,
    /// It holds something else: on which field, what, and the whole reason.
    Stale {
        /// The first field in question.
        field: Option<String>,
        /// What it holds now.
        value: Option<String>,
        /// All three values, for people.
        why: String,
        /// The same, field by field.
        clashes: Vec<Clash>,
    },
}

/// A record as it was read again; none where it is gone.
struct Seen {
    record: Option<Record>,
    until: Instant,
}

/// What is known of the records to be changed.
pub(super) struct Looks {
    /// How long one request takes at the allowed pace.
    every: Duration,
    /// Records that one look reads.
    at_once: usize,
    seen: HashMap<u64, Seen>,
    under_way: HashSet<u64>,
    /// Whether the service tells what has changed; not known before it was asked.
    told: Option<bool>,
    told_until: Option<Instant>,
    asking: bool,
    since: Timestamp,
}

impl Looks {
    /// Nothing is known yet. `since`: when the plan's read began, by the server's clock.
    pub(super) fn new(target: &dyn Target, every: Duration, since: Timestamp) -> Self {
        let at_once = match every.is_zero() {
            true => target.looks_at_once(),
            // No more than can be sent while the look is good.
            false => {
                let in_time = (GOOD_FOR - 2 * AHEAD).as_secs_f64() / every.as_secs_f64();
                target.looks_at_once().min((in_time as usize).max(1))
            }
        };
        Self {
            every,
            at_once: at_once.max(1),
            seen: HashMap::new(),
            under_way: HashSet::new(),
            told: None,
            told_until: None,
            asking: false,
            since,
        }
    }

    /// Records that one look reads.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// Whether the record of a row was read and may still be good.
    pub(super) fn is_known(&self, row: u64) -> bool {
        self.seen.contains_key(&row)
    }

    /// How many of `most` operations may be handed out behind those in flight while others wait for a look, so
    /// that it is not too old when its turn comes.
    pub(super) fn room(&self, most: usize, in_flight: usize) -> usize {
        if self.every.is_zero() || (self.under_way.is_empty() && !self.asking) {
            return most;
        }
        let in_time = (2 * AHEAD).as_secs_f64() / self.every.as_secs_f64();
        most.min(((in_time as usize).max(1)).saturating_sub(in_flight))
    }

    /// What is to be asked next so that `waiting` can be sent: operations in the order of sending whose standing
    /// is unknown. `ahead`: requests that go out before it.
    pub(super) fn next_question(
        &mut self,
        journal: &Journal,
        waiting: &[RowAndId],
        ahead: usize,
    ) -> Result<Option<Question>> {
        if self.every * u32::try_from(ahead).unwrap_or(u32::MAX) > AHEAD {
            return Ok(None);
        }
        if self.told != Some(false) {
            let soon = Instant::now() + AHEAD.min(GOOD_FOR / 5);
            if waiting.is_empty() || self.asking {
                return Ok(None);
            }
            if self.told_until.is_none_or(|until| until <= soon) {
                self.asking = true;
                return Ok(Some(Question::Changes(self.since)));
            }
        }
        let mut rows = Vec::new();
        for (row, id) in waiting {
            if rows.len() == self.at_once {
                break;
            }
            if self.under_way.contains(row) || (self.told == Some(true) && !journal.has_changed(id)?) {
                continue;
            }
            rows.push((*row, id.clone()));
        }
        self.under_way.extend(rows.iter().map(|(row, _)| *row));
        Ok((!rows.is_empty()).then_some(Question::Records(rows)))
    }

    /// Takes the records that were read for rows; those that are not there are gone.
    pub(super) fn read(&mut self, rows: Vec<RowAndId>, mut records: HashMap<String, Record>, asked: Instant) {
        let until = good_until(asked);
        for (row, id) in rows {
            self.under_way.remove(&row);
            self.seen.insert(row, Seen { record: records.remove(&id), until });
        }
    }

    /// Takes what has changed; `None` where the service does not tell.
    pub(super) fn told(&mut self, journal: &Journal, told: Option<Changed>, asked: Instant) -> Result<()> {
        self.asking = false;
        self.told = Some(told.is_some());
        let Some(changed) = told else { return Ok(()) };
        journal.note_changed(&changed.ids)?;
        self.since = changed.until.max(self.since);
        self.told_until = Some(good_until(asked));
        Ok(())
    }

    /// A question that was not answered.
    pub(super) fn unanswered(&mut self, question: &Question) {
        match question {
            Question::Changes(_) => self.asking = false,
            Question::Records(rows) => {
                self.under_way.retain(|row| rows.iter().all(|(asked, _)| asked != row));
            }
        }
    }

    /// How an operation stands to its record, if `ahead` requests go out before it.
    pub(super) fn standing(
        &mut self,
        journal: &Journal,
        target: &dyn Target,
        pending: &Pending,
        ahead: usize,
    ) -> Result<Standing> {
        let goes_out = Instant::now() + self.every * u32::try_from(ahead).unwrap_or(u32::MAX);
        if let Some(seen) = self.seen.get(&pending.row) {
            if goes_out <= seen.until {
                return judge(journal, target, pending, seen);
            }
            self.seen.remove(&pending.row);
        }
        let id = pending.id.as_deref().unwrap_or_default();
        match self.told_until.filter(|until| self.told == Some(true) && goes_out <= *until) {
            Some(until) if !journal.has_changed(id)? => Ok(Standing::AsBefore(until)),
            _ => Ok(Standing::Unknown),
        }
    }

    /// Forgets what is no longer good.
    pub(super) fn tidy(&mut self) {
        let now = Instant::now();
        self.seen.retain(|_, seen| seen.until >= now);
    }
}

/// How many requests the last looks before `updates` take, about: `every` is the time of one at the allowed pace.
#[must_use]
pub fn cost(target: &dyn Target, updates: u64, every: Duration) -> u64 {
    if updates == 0 {
        return 0;
    }
    if target.looks_at_once() > 1 {
        return updates.div_ceil(Looks::new(target, every, Timestamp::UNIX_EPOCH).at_once as u64);
    }
    // Where single records are read, what has changed is asked for as long as it takes.
    let seconds = every.as_secs_f64() * updates as f64;
    (seconds / (GOOD_FOR - AHEAD).as_secs_f64()).ceil().max(1.0) as u64
}

/// Whether an operation may overwrite something: all but those of a record that this run has made.
pub(super) fn needs_look(journal: &Journal, pending: &Pending) -> Result<bool> {
    match (pending.operation.kind, &pending.id) {
        (OperationKind::Create | OperationKind::Delete, _) | (_, None) => Ok(false),
        (_, Some(id)) => Ok(!journal.made(id)?),
    }
}

fn good_until(asked: Instant) -> Instant {
    (asked + GOOD_FOR).max(Instant::now() + AT_LEAST)
}

fn judge(journal: &Journal, target: &dyn Target, pending: &Pending, seen: &Seen) -> Result<Standing> {
    let Some(record) = &seen.record else {
        let why = "the record has been deleted since the plan was made".to_owned();
        return Ok(Standing::Stale { field: None, value: None, why, clashes: Vec::new() });
    };
    Ok(match target.update_state(&pending.operation, record) {
        UpdateState::AsBefore => Standing::AsBefore(seen.until),
        UpdateState::AsMeant => Standing::AsMeant,
        UpdateState::Otherwise => stale(&changes(&journal.changes_of(pending.row)?)?, record),
    })
}

/// What is no longer as the plan saw it, with all three values.
fn stale(planned: &[Change], record: &Record) -> Standing {
    let moved = planned.iter().filter_map(|change| {
        let now = held(record, &change.field);
        (canonical_set(&now) != canonical_set(&change.before)).then_some((change, now))
    });
    let moved: Vec<_> = moved.collect();
    let (field, value) = match moved.first() {
        Some((change, now)) => (Some(change.field.clone()), Some(now.join("; "))),
        None => (planned.first().map(|change| change.field.clone()), None),
    };
    let told: Vec<String> = moved
        .iter()
        .map(|(change, now)| {
            let [before, now, after] = [&change.before, now, &change.after].map(|values| quoted(values));
            format!("`{}` was {before}, is {now} now, and should become {after}", change.field)
        })
        .collect();
    let why = match told.is_empty() {
        true => "the record has changed since the plan was made".to_owned(),
        false => format!("changed since the plan was made: {}", told.join("; ")),
    };
    let clashes = moved.into_iter().map(|(change, now)| Clash {
        field: change.field.clone(),
        base: change.before.join("; "),
        sheet: change.after.join("; "),
        service: now.join("; "),
    });
    Standing::Stale { field, value, why, clashes: clashes.collect() }
}

/// What a record holds in the place that a plan's difference names.
fn held(record: &Record, place: &str) -> Vec<String> {
    let mut held = Vec::new();
    for field in &record.fields {
        for entry in &field.entries {
            let mut here = FieldRef {
                name: field.name.clone(),
                modifier: Modifier::Named(entry.modifier.clone()),
                part: None,
            };
            if here.to_string() == place {
                held.push(&entry.value);
            }
            for (part, value) in entry.value.as_object().into_iter().flatten() {
                here.part = Some(part.clone());
                if here.to_string() == place {
                    held.push(value);
                }
            }
        }
    }
    held.into_iter().filter(|value| !is_empty(value)).map(to_text).collect()
}

fn canonical_set(values: &[String]) -> Vec<String> {
    let filled = values.iter().filter(|value| !value.trim().is_empty());
    let mut set: Vec<_> = filled.map(|value| canonical::exact(&Value::from(value.as_str()))).collect();
    set.sort();
    set.dedup();
    set
}

fn quoted(values: &[String]) -> String {
    match values.iter().all(String::is_empty) {
        true => "empty".to_owned(),
        false => format!("`{}`", values.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Entry, Field};
    use serde_json::json;

    #[test]
    fn what_went_stale_is_told_with_all_three_values() {
        let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let change = |field: &str, before: &[&str], after: &[&str]| Change {
            field: field.into(),
            before: texts(before),
            after: texts(after),
        };
        let entry = |modifier: &str, value: Value| Entry { modifier: modifier.into(), value };
        let field = |name: &str, entries| Field { name: name.into(), entries, list: true };
        let record = Record {
            fields: vec![
                field("email", vec![entry("work", json!("c@x.org")), entry("home", json!("h@x.org"))]),
                field("title", vec![entry("", json!("Boss"))]),
                field("address", vec![entry("work", json!({"city": "Rome", "zip": ""}))]),
            ],
            ..Record::default()
        };
        let cases = [
            (
                vec![
                    change("email[work]", &["a@x.org"], &["b@x.org"]),
                    change("title", &["boss "], &["CEO"]),
                ],
                Some("email[work]"),
                Some("c@x.org"),
                "`email[work]` was `a@x.org`, is `c@x.org` now, and should become `b@x.org`",
            ),
            (
                vec![change("address[work].city", &[""], &["Oslo"])],
                Some("address[work].city"),
                Some("Rome"),
                "was empty, is `Rome` now",
            ),
            (
                vec![change("phone[work]", &["1", "2"], &["3"])],
                Some("phone[work]"),
                Some(""),
                "was `1; 2`, is empty now, and should become `3`",
            ),
            (
                vec![change("email[home]", &["h@x.org"], &[])],
                Some("email[home]"),
                None,
                "the record has changed",
            ),
        ];
        for (planned, field, value, part) in cases {
            let Standing::Stale { field: f, value: v, why, clashes } = stale(&planned, &record) else {
                panic!("{planned:?}")
            };
            assert_eq!((f.as_deref(), v.as_deref()), (field, value));
            assert!(why.contains(part), "{why}");
            assert_eq!(clashes.first().map(|clash| clash.service.as_str()), value);
        }
    }
}
