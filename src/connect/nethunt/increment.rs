//! What changed in a folder since a time, into staging: the requests behind [`Changing`].
//!
//! The latest state of every record that changed is staged, and what was deleted is noted; a record that was
//! deleted and made again is there. Only ids and times of the changes are held in memory, and of the last moments'
//! what tells them apart.

use super::api::Api;
use super::drain::Sizes;
use super::keep::{self, Keep, OLD_MS, Seen};
use super::look_up::by_id;
use super::proof::{Found, read_since};
use super::reading::{DATE, Reading};
use super::rows::Parsed;
use super::select::Only;
use super::since::{Changing, OVERLAP_MS, Told, Unseen};
use super::stream::Stream;
use super::sweep;
use super::wire::Change;
use crate::error::Result;
use crate::extract::DELETIONS;
use crate::extract::staging::{IdAndTime, Staging};
use crate::record::{escape_name, instant};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// The set of records that changes name.
const TOLD: &str = "told";

/// The reading of what changed in a folder.
pub(super) struct Increment<'a> {
    api: &'a Api,
    folder: &'a str,
    /// The stream as people write it.
    name: &'a str,
    staging: &'a mut Staging,
    /// Since when, in Unix milliseconds.
    from: i64,
    /// Fields whose changes are wanted, by the service's names; all where there are none.
    fields: Vec<String>,
    changed: HashMap<String, Last>,
}

/// What the changes tell last of a record, in Unix milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Last {
    any: i64,
    created: Option<i64>,
    deleted: Option<i64>,
}

impl Last {
    /// Takes a change of that moment into account.
    pub(super) fn take(&mut self, action: &str, at: i64) {
        self.any = self.any.max(at);
        match action {
            "CREATE" => self.created = self.created.max(Some(at)),
            "DELETE" => self.deleted = self.deleted.max(Some(at)),
            _ => {}
        }
    }

    /// Whether all that is told of it is from before a time.
    pub(super) fn is_before(&self, at: i64) -> bool {
        self.any < at
    }

    /// When the record was deleted, if it was not made again later.
    pub(super) fn deleted(&self) -> Option<i64> {
        self.deleted.filter(|deleted| self.created.is_none_or(|created| created <= *deleted))
    }
}

/// The changes of an answer's last moments. The look past its end meets them again, from the newest one on where
/// `since` is taken at its word, from the begin of its second where it is cut to seconds.
#[derive(Debug)]
pub(super) struct Tail<K> {
    newest: Option<i64>,
    last: BTreeSet<(i64, K)>,
}

impl<K: Ord> Tail<K> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { newest: None, last: BTreeSet::new() }
    }

    /// Takes a change of that moment in; the latest one there is tells no time.
    pub(super) fn take(&mut self, at: i64, key: K) {
        if at < i64::MAX {
            self.newest = self.newest.max(Some(at));
        }
        self.last.insert((at, key));
        let from = self.newest.map(|newest| newest - OVERLAP_MS);
        while self.last.first().is_some_and(|(first, _)| Some(*first) < from) {
            self.last.pop_first();
        }
    }

    /// The newest moment.
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Whether that change was among them.
    pub(super) fn holds(&self, at: i64, key: K) -> bool {
        self.last.contains(&(at, key))
    }
}

impl<'a> Increment<'a> {
    /// The reading of a folder, by its id and its stream's name, since `from`, in Unix milliseconds.
    pub(super) fn new(
        api: &'a Api,
        (folder, name): (&'a str, &'a str),
        staging: &'a mut Staging,
        from: i64,
        fields: Vec<String>,
    ) -> Self {
        Self { api, folder, name, staging, from, fields, changed: HashMap::new() }
    }

    fn old_before(&self) -> Result<i64> {
        Ok(keep::first_reply(self.staging)?.map_or(i64::MIN, |at| at - OLD_MS))
    }

    /// Hands the changes since a time over, with their times; `None` where the service has no such stream.
    fn each_change(&self, from: i64, mut take: impl FnMut(Change, i64) + Send) -> Result<Option<()>> {
        let from = super::api::since(from);
        let path = ["triggers", "record-change", self.folder];
        let told = self.api.stream(
            &path,
            &[("since", &from)],
            |_| Ok(()),
            sweep::changes,
            |changes| {
                for change in changes.into_iter().filter(|change| !change.record_id.is_empty()) {
                    // What tells no time is taken for the latest.
                    let at = instant::parse(&change.time).map_or(i64::MAX, |at| at.as_millisecond());
                    take(change, at);
                }
                Ok(())
            },
        )?;
        match told {
            Ok(()) => Ok(Some(())),
            Err(no) => no.optional("read what was changed").map(|_| None),
        }
    }

    fn take_out_deleted(&mut self) -> Result<()> {
        let mut deleted: Vec<_> =
            self.changed.iter().filter_map(|(id, last)| Some((id.clone(), last.deleted()?))).collect();
        deleted.sort();
        for (id, at) in &deleted {
            self.staging.delete(id, Timestamp::from_millisecond(*at).ok().filter(|_| *at < i64::MAX));
        }
        let ids: Vec<_> = deleted.into_iter().map(|(id, _)| id).collect();
        self.staging.gone(&ids)
    }
}

impl Changing for Increment<'_> {
    fn updated(&mut self, from: i64) -> Result<Option<Found>> {
        let only = Only { since: Some(self.from), ..Only::default() };
        let mut reading =
            Reading::of(Stream::Updates, only, self.api, self.folder, self.staging).called(self.name);
        for field in &self.fields {
            reading.ask("fieldName", field);
        }
        match read_since(&mut reading, &Sizes::REAL, from) {
            Err(_) if reading.is_lacking() => Ok(None),
            read => read.map(Some),
        }
    }

    fn created(&mut self, from: i64) -> Result<Found> {
        let filled = self.fields.iter().map(|field| escape_name(field)).collect();
        let only = Only { since: Some(self.from), filled, ..Only::default() };
        let mut reading =
            Reading::of(Stream::Records, only, self.api, self.folder, self.staging).called(self.name);
        read_since(&mut reading, &Sizes::REAL, from)
    }

    fn changes(&mut self, from: i64) -> Result<Option<Told>> {
        let (wanted, old_before) = (self.from, self.old_before()?);
        let mut changed: HashMap<String, Last> = HashMap::new();
        let mut told = Told { end_seen: true, ..Told::default() };
        let mut tail = Tail::new();
        let answered = self.each_change(from, |change, at| {
            told.rows += 1;
            tail.take(at, key(&change));
            if at >= wanted {
                changed.entry(change.record_id).or_default().take(&change.record_action, at);
            }
        })?;
        self.staging.set_note(DELETIONS, if answered.is_some() { "yes" } else { "no" });
        if answered.is_none() {
            return Ok(None);
        }
        if let Some(newest) = tail.newest() {
            let beyond = self.each_change(newest - 1, |change, at| {
                told.cut |= at < old_before && !tail.holds(at, key(&change));
                if at >= wanted {
                    changed.entry(change.record_id).or_default().take(&change.record_action, at);
                }
            })?;
            told.end_seen = beyond.is_some();
        }
        self.changed = changed;
        self.take_out_deleted()?;
        Ok(Some(told))
    }

    fn unseen(&mut self) -> Result<Unseen> {
        let old_before = self.old_before()?;
        let there =
            self.changed.iter().filter(|(_, last)| last.is_before(old_before) && last.deleted().is_none());
        let mut ids: Vec<String> = there.map(|(id, _)| id.clone()).collect();
        ids.sort();
        let mut unknown = self.staging.unknown(&ids)?;
        let mut unseen = Unseen { found: 0, too_many: unknown.len() > Sizes::REAL.look_ups };
        unknown.truncate(Sizes::REAL.look_ups);
        for id in unknown {
            let Some(row) = by_id(self.api, self.folder, &id)? else { continue };
            let at = row.updated_ms.or(row.at_ms);
            unseen.found += u64::from(at.is_some_and(|at| at >= self.from && at < old_before));
            let parsed = Parsed { rows: vec![row], objects: 1, ..Parsed::default() };
            keep::take(self.staging, &mut Seen::of(Stream::Records), Keep::default(), parsed)?;
        }
        Ok(unseen)
    }

    fn untold(&mut self) -> Result<bool> {
        let ids: Vec<_> =
            self.changed.keys().map(|id| IdAndTime { id: id.clone(), created_ms: None }).collect();
        let old_before = self.old_before()?;
        self.staging.set_add(TOLD, &ids)?;
        let untold = self.staging.staged_not_in_set(TOLD, old_before, 1)?;
        self.staging.set_clear(TOLD)?;
        Ok(!untold.is_empty())
    }

    fn first_reply(&self) -> Result<Option<i64>> {
        Ok(self.staging.note(DATE)?.as_deref().and_then(instant::parse).map(|at| at.as_millisecond()))
    }
}

/// What tells a change from others.
fn key(change: &Change) -> String {
    match &change.id {
        Some(id) => id.clone(),
        None => format!("{} {} {}", change.record_id, change.time, change.record_action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_counts_unless_the_record_was_made_again() {
        let cases = [
            (vec![("CREATE", 1), ("DELETE", 5)], Some(5)),
            (vec![("DELETE", 5), ("CREATE", 1)], Some(5)),
            (vec![("DELETE", 5), ("CREATE", 7)], None),
            (vec![("CREATE", 7), ("DELETE", 5), ("DELETE", 9)], Some(9)),
            (vec![("DELETE", 5), ("UPDATE", 9)], Some(5)),
            (vec![("CREATE", 5), ("DELETE", 5)], Some(5)),
        ];
        for (changes, expected) in cases {
            let mut last = Last::default();
            changes.iter().for_each(|(action, at)| last.take(action, *at));
            assert_eq!(last.deleted(), expected, "{changes:?}");
        }
    }

    #[test]
    fn the_last_moments_are_met_again_by_a_look_that_begins_with_their_second() {
        let mut tail = Tail::new();
        for at in [7_990, 10_200, 10_000, i64::MAX, 10_400, 8_000, 12_000, 10_100] {
            tail.take(at, "x");
        }
        assert_eq!(tail.newest(), Some(12_000));
        let held: Vec<_> = [8_000, 10_000, 10_400, 12_000, i64::MAX].map(|at| tail.holds(at, "x")).into();
        assert_eq!(held, [false, true, true, true, true]);
        assert!(!tail.holds(12_000, "y") && Tail::<&str>::new().newest().is_none());
    }
}
