//! Applying: one record in, a draft or the reasons against it out. Pure.
//!
//! For each field: the values are gathered (trimmed, blank ones left out), some are taken, each goes through
//! the operations, they are joined, and take their type; `default` fills what is left empty. The text `#N/A` as the
//! source's only value clears the place, and nothing else becomes of it. A value that an
//! operation cannot read never clears a place at the target, even with `blank = "clear"`.

use super::bind::{Bound, Place, Surroundings};
use super::rule::{Origin, Rule, Step, Take};
use super::trace::Watch;
use super::{Condition, Outcome};
use crate::record::schema::Modifier;
use crate::record::{Field, Record, instant, is_empty, list_cell, to_text};
use crate::transform::draft::CLEAR;
use crate::transform::draft::{Draft, OnExtra, Reject};
use crate::transform::ops::text::{nth, unique};
use crate::transform::ops::{OnError, Problem, zone};
use serde_json::Value;

/// The most of a value that a message repeats.
const SHOWN: usize = 80;

/// What the values of one field have come to.
struct Made {
    values: Vec<Value>,
    extra: u64,
    /// A value was there but could not be used.
    dropped: bool,
    /// The source says that nothing is to be there.
    cleared: bool,
}

/// A record and what surrounds it.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) record: &'a Record,
    number: u64,
    around: &'a Surroundings,
}

/// One value of the source on its way through the operations.
struct Piece {
    original: Value,
    /// What the operations have made of it; nothing before the first.
    pieces: Option<Vec<Value>>,
    /// Whether it was kept as it is (`on_error = "keep"`), so that no further operation touches it.
    kept: bool,
}

impl Bound {
    /// Maps a record. `row` is its number in the source, from 1.
    #[must_use]
    pub fn apply(&self, record: &Record, row: u64) -> Outcome {
        self.watched(record, row, &mut ())
    }

    /// The values that one field comes to; `rejects` says why the row cannot be mapped, where that is so.
    pub(super) fn values_of(
        &self,
        rule: &Rule<Place>,
        several: bool,
        row: Row<'_>,
        rejects: &mut Vec<Reject>,
    ) -> Vec<Value> {
        self.values(rule, several, row, rejects, &mut ()).values
    }

    /// Maps a record in the sight of a watcher.
    pub(super) fn watched<W: Watch>(&self, record: &Record, row: u64, watch: &mut W) -> Outcome {
        let row = Row::new(record, row, &self.surroundings);
        for filter in &self.filters {
            let holds = row.holds(filter, true);
            watch.filter(filter, holds, row);
            if !holds {
                return Outcome::Filtered;
            }
        }
        let mut draft = Draft { values: Vec::with_capacity(self.rules.len()), ..Draft::default() };
        let mut rejects = Vec::new();
        draft.time_zone = self.zone_of(row, &mut rejects);
        for (rule, several) in self.rules.iter().zip(&self.several) {
            let holds = rule.when.iter().all(|condition| row.holds(condition, rule.trim));
            watch.rule(rule, holds, row);
            if !holds {
                draft.values.push(None);
                continue;
            }
            let made = self.values(rule, *several, row, &mut rejects, watch);
            draft.extra += made.extra;
            let values = match made.values.is_empty() {
                true if made.cleared || (rule.clear && !made.dropped) => Some(Vec::new()),
                true => None,
                false => Some(made.values),
            };
            watch.ended(values.as_deref());
            draft.values.push(values);
        }
        if rejects.is_empty() { Outcome::Draft(draft) } else { Outcome::Rejected(rejects) }
    }

    /// The record's own time zone, where the mapping takes it from a field. Blank: none of its own.
    fn zone_of(&self, row: Row<'_>, rejects: &mut Vec<Reject>) -> Option<String> {
        let place = self.zone_from.as_ref()?;
        let text = row.first(place)?;
        match zone::name(&text) {
            Ok(name) => Some(name),
            Err(problem) => {
                let near = zone::near(&text).filter(|_| problem.unknown);
                let near = near.map(|near| format!("did you mean `{near}`?"));
                let hint = near.or(problem.hint).map(|hint| format!("; {hint}")).unwrap_or_default();
                let reason = format!(
                    "{}: time_zone_from `{}`: `{}` {}{hint}",
                    self.name,
                    place.field,
                    shown(&text),
                    problem.why
                );
                rejects.push(Reject { field: Some(place.field.to_string()), value: Some(text), reason });
                None
            }
        }
    }

    fn values<W: Watch>(
        &self,
        rule: &Rule<Place>,
        several: bool,
        row: Row<'_>,
        rejects: &mut Vec<Reject>,
        watch: &mut W,
    ) -> Made {
        let mut made = Made { values: Vec::new(), extra: 0, dropped: false, cleared: false };
        let mut failed = |problem, step: &Step<Place>, piece: &mut Piece, made: &mut Made| {
            made.dropped = true;
            piece.pieces = Some(Vec::new());
            if self.fail(rule, problem, Some(step), &piece.original, rejects) {
                piece.pieces = None;
                piece.kept = true;
            }
        };
        let whole = |original: Value| Piece { pieces: None, original, kept: false };
        let mut taken = self.taken(rule, row, watch);
        if matches!(rule.origin, Origin::Fields(_)) && taken.iter().any(is_mark) {
            taken.retain(|value| !is_mark(value));
            if taken.is_empty() {
                return Made { cleared: true, ..made };
            }
        }
        let mut pieces: Vec<_> = taken.into_iter().map(whole).collect();
        for step in &rule.steps {
            if step.operation.is_together() {
                pieces = together(step, pieces, watch);
                continue;
            }
            let aside = step.aside.as_ref().and_then(|place| row.first(place));
            for piece in pieces.iter_mut().filter(|piece| !piece.kept) {
                let before = piece.pieces.as_deref().unwrap_or(std::slice::from_ref(&piece.original));
                watch.before(step, aside.as_deref(), before);
                let after = step.operation.apply(before, aside.as_deref());
                watch.after(after.as_deref());
                match after {
                    Ok(after) => piece.pieces = Some(after),
                    Err(problem) => failed(problem, step, piece, &mut made),
                }
            }
        }
        for piece in pieces {
            match piece.pieces {
                Some(worked) if made.values.is_empty() => made.values = worked,
                Some(worked) => made.values.extend(worked),
                None => made.values.push(piece.original),
            }
        }
        made.values.retain(|value| !is_empty(value));
        if rule.take == Some(Take::All) {
            made.values = unique(std::mem::take(&mut made.values));
        }
        if let Some(between) = &rule.join {
            made.values = crate::transform::ops::text::join(&made.values, between).into_iter().collect();
        }
        self.finish(rule, several, row, made, rejects, watch)
    }

    /// Gives values their type, fills in the default, and leaves one where the place holds one.
    fn finish<W: Watch>(
        &self,
        rule: &Rule<Place>,
        several: bool,
        row: Row<'_>,
        mut made: Made,
        rejects: &mut Vec<Reject>,
        watch: &mut W,
    ) -> Made {
        if rule.kind.is_some() {
            let aside = rule.cast.as_ref().and_then(|step| row.first(step.aside.as_ref()?));
            for value in std::mem::take(&mut made.values) {
                match typed(value.clone(), rule.cast.as_ref(), aside.as_deref()) {
                    Ok(value) => made.values.push(value),
                    Err(problem) => {
                        made.dropped = true;
                        if self.fail(rule, problem, None, &value, rejects) {
                            made.values.push(value);
                        }
                    }
                }
            }
        }
        if made.values.is_empty() {
            made.values = rule.default.iter().filter(|value| !is_empty(value)).cloned().collect();
        }
        if !several && made.values.len() > 1 {
            if rule.on_extra == OnExtra::Reject {
                let why =
                    format!("is one of {} values, and `{}` holds one", made.values.len(), rule.to.field);
                let hint = "choose one with `take`, or write `multi = true` or `join`";
                let problem = Problem { policy: Some(OnError::Reject), ..Problem::new(why).hint(hint) };
                self.fail(rule, problem, None, &made.values[1], rejects);
            }
            watch.extra(&made.values[1..]);
            made.extra += made.values.len() as u64 - 1;
            made.values.truncate(1);
        }
        made
    }

    /// The source's values that a rule works on.
    fn taken<W: Watch>(&self, rule: &Rule<Place>, row: Row<'_>, watch: &mut W) -> Vec<Value> {
        let taken = self.chosen(rule, row, watch);
        watch.taken(&taken);
        taken
    }

    fn chosen<W: Watch>(&self, rule: &Rule<Place>, row: Row<'_>, watch: &mut W) -> Vec<Value> {
        let list = (rule.multi == Some(true)).then_some(self.separator).flatten();
        let (mut values, places) = match &rule.origin {
            Origin::Const(values) => {
                return values.iter().filter(|value| !is_empty(value)).cloned().collect();
            }
            Origin::Template(template) => {
                let first = |place: &Place| row.gather(place, rule.trim, None).first().map(to_text);
                return template.fill(first).map(Value::from).into_iter().collect();
            }
            Origin::Fields(places) if places.len() == 1 => {
                let found = row.gather(&places[0], rule.trim, list);
                watch.found(&places[0], &found);
                (found, 1)
            }
            Origin::Fields(places) => {
                let mut values = Vec::new();
                for place in places {
                    let found = row.gather(place, rule.trim, list);
                    watch.found(place, &found);
                    values.extend(found);
                }
                (values, places.len())
            }
        };
        let take = rule.take.or((places > 1 && rule.join.is_none()).then_some(Take::First));
        match take {
            None => values,
            Some(Take::All) => unique(values),
            Some(Take::First) => {
                values.truncate(1);
                values
            }
            Some(Take::Last) => values.pop().into_iter().collect(),
            Some(Take::Nth(n)) => nth(values, n).into_iter().collect(),
        }
    }

    /// Does with a value that could not be used what `on_error` says, or the operation itself; true where it is
    /// to be kept as it is.
    fn fail(
        &self,
        rule: &Rule<Place>,
        problem: Problem,
        step: Option<&Step<Place>>,
        original: &Value,
        rejects: &mut Vec<Reject>,
    ) -> bool {
        let policy = problem.policy.unwrap_or(rule.on_error);
        if policy == OnError::Reject {
            rejects.push(self.reject(rule, &problem, step, original));
        }
        policy == OnError::Keep
    }

    fn reject(
        &self,
        rule: &Rule<Place>,
        problem: &Problem,
        step: Option<&Step<Place>>,
        original: &Value,
    ) -> Reject {
        let line = step.map_or(rule.line, |step| step.line);
        let from = match &rule.origin {
            Origin::Fields(places) => format!(" from {}", names(places.iter())),
            Origin::Template(template) => format!(" from {}", names(template.fields())),
            Origin::Const(_) => String::new(),
        };
        let value = if problem.value.is_empty() { to_text(original) } else { problem.value.clone() };
        let near = step.filter(|_| problem.unknown).and_then(|step| step.operation.suggest(&value));
        let hint = near.or_else(|| problem.hint.clone());
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        let reason = format!(
            "{}:{line}: `{}`{from}: `{}` {}{hint}",
            self.name,
            rule.to.field,
            shown(&value),
            problem.why
        );
        Reject { field: Some(rule.to.field.to_string()), value: Some(to_text(original)), reason }
    }
}

/// Whether a value is the mark that clears.
fn is_mark(value: &Value) -> bool {
    value.as_str() == Some(CLEAR)
}

/// All pieces as those of one value, after an operation that works on all of them.
fn together<W: Watch>(step: &Step<Place>, pieces: Vec<Piece>, watch: &mut W) -> Vec<Piece> {
    let Some(first) = pieces.first() else { return pieces };
    let original = first.original.clone();
    let each = pieces.into_iter().flat_map(|piece| piece.pieces.unwrap_or_else(|| vec![piece.original]));
    let all: Vec<_> = each.filter(|value| !is_empty(value)).collect();
    watch.before(step, None, &all);
    let made = step.operation.together(all);
    watch.after(Ok(&made));
    vec![Piece { original, pieces: Some(made), kept: false }]
}

impl<'a> Row<'a> {
    pub(super) fn new(record: &'a Record, number: u64, around: &'a Surroundings) -> Self {
        Self { record, number, around }
    }

    pub(super) fn holds(self, condition: &Condition<Place>, trim: bool) -> bool {
        condition.holds(&|place| self.gather(place, trim, None))
    }

    /// The first value at a place, as text.
    fn first(self, place: &Place) -> Option<String> {
        self.gather(place, true, None).first().map(to_text)
    }

    /// The values at a place, blank ones left out. With `list`, a text is a cell that holds several.
    pub(super) fn gather(self, place: &Place, trim: bool, list: Option<char>) -> Vec<Value> {
        let mut values = Vec::new();
        let outside = match place.around {
            true => self.outside(&place.field.name),
            false => head(self.record, &place.field.name),
        };
        if let Some(outside) = outside {
            add(&Value::String(outside), trim, list, &mut values);
            return values;
        }
        let Some(field) = field(self.record, place) else { return values };
        for entry in &field.entries {
            if matches!(&place.field.modifier, Modifier::Named(modifier) if *modifier != entry.modifier) {
                continue;
            }
            match (&place.field.part, &entry.value) {
                (None, value) => add(value, trim, list, &mut values),
                (Some(part), Value::Object(parts)) => {
                    if let Some(value) = parts.get(part) {
                        add(value, trim, list, &mut values);
                    }
                }
                // Text that is no structured value stands in its street (design section 6).
                (Some(part), value) if part == "street" => add(value, trim, list, &mut values),
                (Some(_), _) => {}
            }
            if place.field.modifier == Modifier::First && !values.is_empty() {
                values.truncate(1);
                return values;
            }
        }
        values
    }

    /// What surrounds a record; an example may say it in the record itself.
    fn outside(self, name: &str) -> Option<String> {
        if self.record.field(name).is_some() {
            return None;
        }
        match name {
            "_row" => Some(self.number.to_string()),
            "_file" => self.around.file.clone(),
            _ => self.around.run_date.clone(),
        }
    }
}

/// The field of a place: where it usually stands, else looked for.
fn field<'r>(record: &'r Record, place: &Place) -> Option<&'r Field> {
    let usual = record.fields.get(place.hint).filter(|field| field.name == place.field.name);
    usual.or_else(|| record.field(&place.field.name))
}

/// What a record has beside its fields; a file's column of that name is an ordinary field.
fn head(record: &Record, name: &str) -> Option<String> {
    match name {
        "_id" => record.id.clone(),
        "_type" => record.kind.clone(),
        "_created" => record.created.as_deref().map(instant::normalise),
        "_updated" => record.updated.as_deref().map(instant::normalise),
        _ => None,
    }
}

fn add(value: &Value, trim: bool, list: Option<char>, values: &mut Vec<Value>) {
    match (value, list) {
        (Value::Array(items), _) => items.iter().for_each(|item| add(item, trim, None, values)),
        (Value::String(cell), Some(separator)) => {
            for item in list_cell::split(cell, separator) {
                add(&Value::String(item), trim, None, values);
            }
        }
        (Value::String(text), None) => {
            let text = if trim { text.trim() } else { text };
            if !text.is_empty() {
                values.push(text.into());
            }
        }
        (value, _) if is_empty(value) => {}
        (value, _) => values.push(value.clone()),
    }
}

/// A value as its `type` has it.
fn typed(value: Value, cast: Option<&Step<Place>>, aside: Option<&str>) -> Result<Value, Problem> {
    match cast {
        None => Ok(to_text(&value).into()),
        Some(step) => step.operation.apply(&[value], aside)?.pop().ok_or_else(|| Problem::new("is blank")),
    }
}

fn names<'p>(places: impl Iterator<Item = &'p Place>) -> String {
    places.map(|place| format!("`{}`", place.field)).collect::<Vec<_>>().join(", ")
}

/// A value as a message shows it: in one line, and not for ever.
fn shown(value: &str) -> String {
    let mut line: String = value.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if value.chars().nth(SHOWN).is_some() {
        line.push('…');
    }
    line
}
