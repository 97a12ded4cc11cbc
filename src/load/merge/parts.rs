//! Parts of structured values: the cells of a sheet hold them apart, and each belongs to the value in its position.
//!
//! So a part can be merged by itself only as long as the values are the same ones, in the same positions, in the
//! version that the sheet was made from and at the service: a value that was added, taken out, moved, or changed in
//! another of its parts would take a part that was meant for something else. Where the sheet itself adds or takes out
//! values, it says all of them, and they must be as they were.

use super::{Clash, Edits, Fate, OnConflict, Side, is_alike, is_same};
use crate::record::columns::Column;
use crate::record::schema::{FieldRef, Modifier};
use crate::record::{Record, is_empty, to_text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A structured value by its filled parts.
type Parts = BTreeMap<String, Value>;

/// The columns that hold parts of the same values, by their positions.
pub(super) fn groups(columns: &[Column]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, column) in columns.iter().enumerate().filter(|(_, column)| column.place.part.is_some()) {
        let belongs = |group: &&mut Vec<usize>| whole(&columns[group[0]].place) == whole(&column.place);
        match groups.iter_mut().find(belongs) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

/// Which cells of a group are written in the end, and the clash of the values as a whole where they stand in the way,
/// with whether nothing tells which of them the sheet means.
pub(super) fn settle(
    group: &[(Side<'_>, Fate)],
    written: &mut [bool],
    on_conflict: OnConflict,
) -> Option<(Clash, bool)> {
    let (side, _) = group.first()?;
    if !written.iter().any(|is| *is) || group.iter().any(|(side, _)| side.is_unread()) {
        return None;
    }
    let was = brought(held(side.base_record(), &side.column.place), side.brought(), &side.column.place);
    let now = held(side.current, &side.column.place);
    let edited = group.iter().filter(|(_, fate)| *fate != Fate::Drop);
    let lengths = edited.map(|(side, _)| side.sheet().len()).filter(|length| *length > 0);
    let count = lengths.max().unwrap_or(was.len());
    let is_whole = count != was.len();
    let mut sheet = if is_whole { vec![Parts::new(); count] } else { was.clone() };
    for (side, _) in group.iter().filter(|(_, fate)| is_whole || *fate != Fate::Drop) {
        lay(&mut sheet, part(side), side.sheet());
    }
    let parts = group.iter().zip(&*written).filter(|(_, is)| **is).map(|((side, _), _)| part(side));
    let parts: BTreeSet<&str> = parts.collect();
    let holds = if is_whole {
        are_alike(&was, &now)
    } else {
        sheet.len() == now.len() && sheet.iter().zip(&now).all(|(sheet, now)| fits(sheet, now, &parts))
    };
    if holds {
        return None;
    }
    // One value and one only is what the sheet means.
    let is_placed = [was.len(), sheet.len(), now.len()] == [1; 3];
    if on_conflict == OnConflict::Sheet && is_placed {
        written.iter_mut().zip(group).for_each(|(written, (side, _))| *written = side.speaks());
        return None;
    }
    written.fill(false);
    if on_conflict == OnConflict::Service {
        return None;
    }
    let field = whole(&side.column.place).to_string();
    Some((Clash { field, base: text(&was), sheet: text(&sheet), service: text(&now) }, !is_placed))
}

/// Whether a value of the sheet is the service's but for the parts that are written, or asks for nothing of it.
fn fits(sheet: &Parts, now: &Parts, written: &BTreeSet<&str>) -> bool {
    let of = |parts: &Parts, name: &str| parts.get(name).cloned().unwrap_or_default();
    let is_touched = written.iter().any(|name| !is_same(&of(sheet, name), &of(now, name)));
    let mut others = sheet.keys().chain(now.keys()).filter(|name| !written.contains(name.as_str()));
    !is_touched || others.all(|name| is_alike(&of(sheet, name), &of(now, name)))
}

fn are_alike(one: &[Parts], other: &[Parts]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.0 == b.0 && is_alike(a.1, b.1))
        })
}

/// The values that a record holds in a place.
fn held(record: &Record, place: &FieldRef) -> Vec<Parts> {
    let Modifier::Named(modifier) = &place.modifier else { return Vec::new() };
    let filled = |value: &Value| match value {
        Value::Object(parts) => {
            let filled = parts.iter().filter(|(_, part)| !is_empty(part));
            filled.map(|(name, part)| (name.clone(), part.clone())).collect()
        }
        // What the service wrote in no known form stands in the first part.
        whole => Parts::from([("street".to_owned(), whole.clone())]),
    };
    record.values(&place.name, modifier).map(filled).collect()
}

/// The values with what earlier imports of the same sheet brought to the service.
fn brought(mut values: Vec<Parts>, further: &Edits, place: &FieldRef) -> Vec<Parts> {
    let prefix = format!("{}.", whole(place));
    let cells = || further.iter().filter_map(|(header, cells)| Some((header.strip_prefix(&prefix)?, cells)));
    if let Some(count) = cells().map(|(_, cells)| cells.len()).filter(|count| *count > 0).max() {
        values.resize(count, Parts::new());
    }
    cells().for_each(|(part, cells)| lay(&mut values, part, cells));
    values
}

/// Puts cells into a part of the values in their positions; what is blank takes the part away.
fn lay(values: &mut [Parts], part: &str, cells: &[Value]) {
    for (at, value) in values.iter_mut().enumerate() {
        match cells.get(at).filter(|cell| !is_empty(cell)) {
            Some(cell) => value.insert(part.to_owned(), cell.clone()),
            None => value.remove(part),
        };
    }
}

fn part<'a>(side: &Side<'a>) -> &'a str {
    side.column.place.part.as_deref().unwrap_or_default()
}

/// The place of the whole value.
fn whole(place: &FieldRef) -> FieldRef {
    FieldRef { part: None, ..place.clone() }
}

/// Values as JSON, one as an object.
fn text(values: &[Parts]) -> String {
    match values {
        [] => String::new(),
        [only] => to_text(&json!(only)),
        several => to_text(&json!(several)),
    }
}
