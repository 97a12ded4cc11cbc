//! The contacts that a note or a task belongs to, from the columns `_record` and `_records`.
//!
//! `_records` lists all of them, `_record` the first. A row may give either; where an edited row gives both, the
//! one that was edited counts.

use super::plain_row::PlainRow;
use crate::record::to_text;
use serde_json::Value;

/// The column of the first contact.
pub(super) const FIRST: &str = "_record";
/// The column of all contacts.
pub(super) const ALL: &str = "_records";

/// The contacts now, and those that there should be.
pub(super) fn contacts(row: &PlainRow<'_>) -> (Vec<String>, Vec<String>) {
    let now = ids(&row.now(ALL));
    let all = row.then(ALL).map(|values| ids(&values));
    let first = row.then(FIRST).map(|values| ids(&values)).unwrap_or_default().into_iter().next();
    let then = match (all, first) {
        (Some(all), _) if row.is_update() && !same(&all, &now) => all,
        (_, Some(first)) if row.is_update() => match now.first() {
            Some(known) if *known == first => now.clone(),
            _ => join(Some(first), now.iter().skip(1)),
        },
        (None, None) => now.clone(),
        (all, first) => join(first, all.iter().flatten()),
    };
    (now, then)
}

/// Whether two lists name the same contacts.
pub(super) fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|id| other.contains(id))
}

fn join<'a>(first: Option<String>, others: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut joined: Vec<String> = first.into_iter().collect();
    for id in others {
        if !joined.contains(id) {
            joined.push(id.clone());
        }
    }
    joined
}

fn ids(values: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in values.iter().map(|value| to_text(value).trim().to_owned()) {
        if !id.is_empty() && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
