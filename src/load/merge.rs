//! The three-way merge of an edited export: base, sheet, and what the service has now (design 9.8).
//!
//! A cell that is as its base is no wish of anybody's and is dropped from the draft, whatever the service has by
//! now. A cell that was edited is written if the service still has the base's value. Edited on both sides to
//! different values, it clashes: the row is a conflict as a whole, unless one side was said to win. So no edit
//! made at the service since the export is overwritten by a cell that nobody touched, and none by one that
//! somebody did, unasked.
//!
//! Pure: bases are found elsewhere ([`super::bases`]), and what is left of a draft is compared with the record
//! as any other.

mod parts;

use super::bases::BaseRow;
use crate::record::columns::{Cell, Coding, Column};
use crate::record::schema::{HEAD_COLUMNS, Kind, Schema};
use crate::record::{Record, canonical, instant, is_empty, list_cell, to_text};
use crate::transform::draft::{CLEAR, Draft, TargetField};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What becomes of a cell that was edited on both sides to different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Its row is a conflict, and nothing of it is written.
    #[default]
    Reject,
    /// The sheet's value is written.
    Sheet,
    /// The service's value stays; the row's other edits are written.
    Service,
}

/// The version of a record that a row was made from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Base {
    /// The record as it was then.
    pub record: Record,
    /// Cell by cell, in the order of the target fields.
    pub cells: Vec<BaseCell>,
    /// Cells of the same sheet that an earlier import brought to the service, by place: they take the base's place.
    pub further: Edits,
}

/// A cell of a base.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BaseCell {
    /// Whether the export had a column for it: a blank cell of a column that was put in later says nothing.
    pub shown: bool,
    /// What reading the untouched cell may give: as text of a cell, as typed values.
    pub readings: Vec<Vec<Value>>,
    /// Whether the export did not ask for its field, so that nothing tells what the record held.
    pub is_unread: bool,
}

/// Values by place, as columns name it.
pub type Edits = BTreeMap<String, Vec<Value>>;

/// What a merge found in a row, for the checkpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Note {
    /// The version that the row carries, Unix milliseconds.
    pub version: i64,
    /// What the sheet says otherwise than its base, now and in earlier imports of it.
    pub edits: Edits,
    /// Cells edited on both sides.
    pub clashes: Vec<Clash>,
    /// Whether nothing tells which of several structured values the sheet's parts are of.
    pub is_unplaced: bool,
}

/// A cell edited on both sides to different values, as texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clash {
    /// The place, as columns name it.
    pub field: String,
    /// What it was.
    pub base: String,
    /// What the sheet wants.
    pub sheet: String,
    /// What the service has.
    pub service: String,
}

/// Reads a base; `None` where it cannot be read, and the row is then as one without.
pub type ReadBase<'a> = dyn Fn(&BaseRow) -> Option<Base> + Sync + 'a;

/// What merges the rows of a sheet.
pub struct Merge<'a> {
    /// How bases are read.
    pub read: &'a ReadBase<'a>,
    columns: Vec<Column>,
    /// Positions of the columns that hold parts of the same values.
    groups: Vec<Vec<usize>>,
}

impl<'a> Merge<'a> {
    /// Merges rows whose values belong to these places.
    #[must_use]
    pub fn new(fields: &[TargetField], read: &'a ReadBase<'a>) -> Self {
        let columns: Vec<Column> = fields.iter().map(column_of).collect();
        let groups = parts::groups(&columns);
        Self { read, columns, groups }
    }

    /// What is left of a draft: only what was edited. Cells that clash are in it where the sheet wins.
    #[must_use]
    pub fn merge(
        &self,
        draft: &Draft,
        base: Base,
        current: &Record,
        schema: &Schema,
        on_conflict: OnConflict,
    ) -> (Draft, Note) {
        let mut note = Note::default();
        let mut merged = Draft { seen_updated: None, based: true, silent: Vec::new(), ..draft.clone() };
        let timed: Vec<bool> =
            self.columns.iter().map(|column| is_timed(&column.place.name, schema)).collect();
        let side =
            |at: usize| Side { at, column: &self.columns[at], draft, base: &base, current, timed: timed[at] };
        let fate = |at: usize| match self.columns[at].place.name.as_str() {
            "_id" => Fate::Write,
            "_updated" => Fate::Drop,
            name => side(at).fate(is_read_only(name, schema)),
        };
        let fates: Vec<Fate> = (0..self.columns.len()).map(fate).collect();
        let mut written: Vec<bool> = fates
            .iter()
            .map(|fate| match fate {
                Fate::Drop | Fate::Agreed => false,
                Fate::Write => true,
                Fate::Clash => on_conflict == OnConflict::Sheet,
            })
            .collect();
        if on_conflict == OnConflict::Reject {
            let clashing = (0..fates.len()).filter(|at| fates[*at] == Fate::Clash);
            note.clashes.extend(clashing.map(|at| side(at).clash()));
        }
        for group in &self.groups {
            let sides: Vec<_> = group.iter().map(|at| (side(*at), fates[*at])).collect();
            let mut cells: Vec<bool> = group.iter().map(|at| written[*at]).collect();
            if let Some((clash, is_unplaced)) = parts::settle(&sides, &mut cells, on_conflict) {
                note.is_unplaced |= is_unplaced;
                note.clashes.push(clash);
            }
            group.iter().zip(cells).for_each(|(at, cell)| written[*at] = cell);
        }
        for (at, column) in self.columns.iter().enumerate() {
            let sheet = side(at).sheet();
            if fates[at] != Fate::Drop && column.place.name != "_id" {
                note.edits.insert(column.header.clone(), sheet.to_vec());
            }
            if let Some(values) = merged.values.get_mut(at) {
                *values = written[at].then(|| sheet.to_vec());
            }
        }
        for (place, values) in base.further {
            note.edits.entry(place).or_insert(values);
        }
        (merged, note)
    }
}

/// The column that shows a place with all of its values.
#[must_use]
pub fn column_of(field: &TargetField) -> Column {
    let header = field.place.to_string();
    Column { header, place: field.place.clone(), coding: Coding::List, kind: Kind::Text }
}

/// The values of a record in a column of [`column_of`]; parts of structured values keep their positions.
#[must_use]
pub fn values_in(column: &Column, record: &Record) -> Vec<Value> {
    let mut values: Vec<Value> = match column.cell(record) {
        Cell::Absent => Vec::new(),
        Cell::One(value) => vec![value.into_owned()],
        Cell::Many(values) => values.into_iter().map(std::borrow::Cow::into_owned).collect(),
    };
    if values.iter().all(is_empty) {
        values.clear();
    } else if column.place.part.is_none() {
        values.retain(|value| !is_empty(value));
    }
    values
}

/// Whether two records hold the same in a column of [`column_of`].
#[must_use]
pub fn agree(column: &Column, one: &Record, other: &Record) -> bool {
    same(&values_in(column, one), &values_in(column, other), column.place.part.is_some(), &is_same)
}

/// Drops the cells of an unmapped row that say `#N/A` where the record holds that very text: an export wrote them so,
/// and they ask for nothing. Everywhere else `#N/A` clears.
pub fn leave_literals(draft: &mut Draft, fields: &[TargetField], current: &Record) {
    for (field, values) in fields.iter().zip(&mut draft.values) {
        let clears = values.as_ref().is_some_and(Vec::is_empty);
        if clears && is_literal(&values_in(&column_of(field), current)) {
            *values = None;
        }
    }
}

/// Whether the only value is the text that in a sheet asks to clear.
fn is_literal(values: &[Value]) -> bool {
    matches!(values, [only] if to_text(only) == CLEAR)
}

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nobody touched it in the sheet.
    Drop,
    /// It goes to the service.
    Write,
    /// The service has the sheet's value already.
    Agreed,
    /// Edited on both sides to different values.
    Clash,
}

/// One cell with all that is known of it.
struct Side<'a> {
    at: usize,
    column: &'a Column,
    draft: &'a Draft,
    base: &'a Base,
    current: &'a Record,
    /// Whether the column holds times: elsewhere what reads as the same instant may be two texts.
    timed: bool,
}

impl<'a> Side<'a> {
    /// What the sheet says.
    fn sheet(&self) -> &'a [Value] {
        self.draft.values.get(self.at).and_then(Option::as_deref).unwrap_or_default()
    }

    fn further(&self) -> Option<&'a Vec<Value>> {
        self.base.further.get(&self.column.header)
    }

    fn base_record(&self) -> &'a Record {
        &self.base.record
    }

    /// All that earlier imports of the same sheet brought to the service.
    fn brought(&self) -> &'a Edits {
        &self.base.further
    }

    /// Whether nothing tells what the record held when the sheet was made.
    fn is_unread(&self) -> bool {
        self.further().is_none() && self.base.cells.get(self.at).is_some_and(|cell| cell.is_unread)
    }

    /// Whether the row says anything of the cell, be it that it is blank.
    fn speaks(&self) -> bool {
        let is_said = self.draft.values.get(self.at).is_some_and(Option::is_some);
        let is_shown = || self.base.cells.get(self.at).is_some_and(|cell| cell.shown);
        self.draft.silent.binary_search(&self.at).is_err()
            && (is_said || self.further().is_some() || is_shown())
    }

    /// What the record held when the sheet was made.
    fn was(&self) -> Vec<Value> {
        self.further().cloned().unwrap_or_else(|| values_in(self.column, &self.base.record))
    }

    fn fate(&self, read_only: bool) -> Fate {
        if !self.is_edited() {
            return Fate::Drop;
        }
        let (sheet, now) = (self.sheet(), values_in(self.column, self.current));
        let ordered = self.column.place.part.is_some();
        if read_only {
            // The connector refuses it, whatever the service did meanwhile; emptied, it asks for nothing.
            return if sheet.is_empty() { Fate::Drop } else { Fate::Write };
        }
        let equal = |one: &Value, other: &Value| self.is_same(one, other);
        // What a sheet has sent, the service may have tidied; what was read of it, only somebody has changed.
        let tidied = |sent: &Value, shown: &Value| equal(sent, shown) || is_alike(sent, shown);
        let as_was = match self.further() {
            Some(sent) => same(sent, &now, ordered, &tidied),
            None => same(&self.was(), &now, ordered, &equal),
        };
        if same(sheet, &now, ordered, &equal) {
            Fate::Agreed
        } else if self.is_unread() {
            // It is what it was in a record that nobody has changed.
            if version(self.current) == version(&self.base.record) { Fate::Write } else { Fate::Clash }
        } else if as_was {
            Fate::Write
        } else if same(sheet, &now, ordered, &tidied) {
            Fate::Agreed
        } else {
            Fate::Clash
        }
    }

    /// Whether the sheet says something else than it said when it was made.
    fn is_edited(&self) -> bool {
        if !self.speaks() {
            return false;
        }
        let said = self.draft.values.get(self.at).and_then(Option::as_ref);
        let (further, cell) = (self.further(), self.base.cells.get(self.at));
        if said.is_some_and(Vec::is_empty) {
            // `#N/A` always clears, unless that is what the service itself has there.
            return !is_literal(&self.was());
        }
        let ordered = self.column.place.part.is_some();
        let untouched = |reading: &Vec<Value>| {
            same(self.sheet(), reading, ordered, &|one, other| self.is_same(one, other))
        };
        match further {
            Some(further) => !untouched(further),
            None => !cell.is_some_and(|cell| cell.readings.iter().any(untouched)),
        }
    }

    fn is_same(&self, one: &Value, other: &Value) -> bool {
        is_same(one, other) || (self.timed && is_same_time(one, other))
    }

    fn clash(&self) -> Clash {
        Clash {
            field: self.column.header.clone(),
            base: text(&self.was()),
            sheet: text(self.sheet()),
            service: text(&values_in(self.column, self.current)),
        }
    }
}

/// The time that tells one version of a record from another.
fn version(record: &Record) -> Option<String> {
    record.updated.as_deref().or(record.created.as_deref()).map(instant::normalise)
}

/// Why a row with clashes is a conflict, for people.
#[must_use]
pub fn reason(note: &Note) -> String {
    let said = |text: &str| if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") };
    let each = note.clashes.iter().map(|clash| {
        let (base, sheet, service) = (said(&clash.base), said(&clash.sheet), said(&clash.service));
        format!("{}: {base} became {sheet} in the sheet and {service} at the service", clash.field)
    });
    let hint = match note.is_unplaced {
        true => {
            "export again and repeat the edit, for the parts of several values are told apart by their order alone; \
             `--on-conflict service` leaves what is there"
        }
        false => "`--on-conflict sheet` or `service` says which one counts",
    };
    format!("edited on both sides since the export: {}; {hint}", each.collect::<Vec<_>>().join("; "))
}

/// Whether the parts of each structured value of a row are lists of equal length, blank ones apart.
#[must_use]
pub fn are_even(fields: &[TargetField], draft: &Draft) -> bool {
    let mut lengths = HashMap::new();
    fields.iter().zip(&draft.values).all(|(field, values)| match (&field.place.part, values) {
        (Some(_), Some(values)) if !values.is_empty() => {
            let length = lengths.entry((&field.place.name, &field.place.modifier)).or_insert(values.len());
            *length == values.len()
        }
        _ => true,
    })
}

/// Whether the service fills a column: it is not written, whoever edited it.
#[must_use]
pub fn is_read_only(name: &str, schema: &Schema) -> bool {
    (HEAD_COLUMNS.contains(&name) && name != "_type")
        || schema.field(name).is_some_and(|field| field.read_only)
}

/// Whether a column holds times, as far as the service says so, or those that it fills in itself.
fn is_timed(name: &str, schema: &Schema) -> bool {
    is_read_only(name, schema) || schema.field(name).is_some_and(|field| field.kind == Kind::Timestamp)
}

/// Values as they stand in a cell.
fn text(values: &[Value]) -> String {
    match values {
        [only] => to_text(only),
        several => list_cell::join(&several.iter().map(to_text).collect::<Vec<_>>(), ';'),
    }
}

/// Whether two cells hold the same values: in whatever order, unless they are parts, whose positions tell which
/// value they belong to.
fn same(one: &[Value], other: &[Value], ordered: bool, equal: &dyn Fn(&Value, &Value) -> bool) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if one.iter().zip(other).all(|(one, other)| equal(one, other)) {
        return true;
    }
    if ordered {
        return false;
    }
    let mut left: Vec<&Value> = other.iter().collect();
    one.iter().all(|value| match left.iter().position(|known| equal(value, known)) {
        Some(at) => {
            left.swap_remove(at);
            true
        }
        None => false,
    })
}

/// Whether a value is the other as another format may hold it: numbers by value, and lines without the carriage
/// returns that a spreadsheet takes off.
fn is_same(one: &Value, other: &Value) -> bool {
    let lines = |value: &Value| to_text(value).replace("\r\n", "\n").replace('\r', "\n");
    let (text, known) = (lines(one), lines(other));
    if text == known {
        return true;
    }
    if one.is_number() || other.is_number() {
        let number = |text: &str| serde_json::from_str::<serde_json::Number>(text).is_ok();
        return number(&text) && number(&known) && canonical::decimal(&text) == canonical::decimal(&known);
    }
    if one.is_object() && other.is_object() {
        return canonical::exact(one) == canonical::exact(other);
    }
    false
}

/// Whether two values are the same time to the millisecond, which is what typed files keep.
fn is_same_time(one: &Value, other: &Value) -> bool {
    let time = |value: &Value| {
        let text = value.as_str().filter(|text| text.contains(':'))?;
        instant::parse(text).map(jiff::Timestamp::as_millisecond)
    };
    time(one).is_some_and(|ms| time(other) == Some(ms))
}

/// Whether the service may show one value for the other, which was sent to it.
fn is_alike(sent: &Value, shown: &Value) -> bool {
    let plain = !sent.is_object() && !shown.is_object();
    is_same(sent, shown) || (plain && canonical::is_tidied(&to_text(sent), &to_text(shown)))
}

#[cfg(test)]
mod tests;
