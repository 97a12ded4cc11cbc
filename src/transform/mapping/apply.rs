//! Applying: one record in, a draft or the reasons against it out. Pure.
//!
//! For each field: the values are gathered (trimmed, blank ones left out), some are taken, each goes through
//! the operations, they are joined, and take their type; `default` fills what is left empty. A value that an
//! operation cannot read never clears a place at the target, even with `blank = "clear"`.

use super::bind::{Bound, Place};
use super::rule::{Origin, Rule, Step, Take};
use super::{Condition, Outcome};
use crate::record::schema::Modifier;
use crate::record::{Record, instant, is_empty, list_cell, to_text};
use crate::transform::draft::{Draft, OnExtra, Reject};
use crate::transform::ops::{OnError, Operation, Problem};
use serde_json::Value;

/// The most of a value that a message repeats.
const SHOWN: usize = 80;

/// What the values of one field have come to.
struct Made {
    values: Vec<Value>,
    extra: u64,
    /// A value was there but could not be used.
    dropped: bool,
}

impl Bound {
    /// Maps a record.
    #[must_use]
    pub fn apply(&self, record: &Record) -> Outcome {
        if !self.filters.iter().all(|filter| holds(filter, record, true)) {
            return Outcome::Filtered;
        }
        let mut draft = Draft { values: Vec::with_capacity(self.rules.len()), ..Draft::default() };
        let mut rejects = Vec::new();
        for (rule, several) in self.rules.iter().zip(&self.several) {
            if !rule.when.iter().all(|condition| holds(condition, record, rule.trim)) {
                draft.values.push(None);
                continue;
            }
            let made = self.values(rule, *several, record, &mut rejects);
            draft.extra += made.extra;
            draft.values.push(match made.values.is_empty() {
                true if rule.clear && !made.dropped => Some(Vec::new()),
                true => None,
                false => Some(made.values),
            });
        }
        if rejects.is_empty() { Outcome::Draft(draft) } else { Outcome::Rejected(rejects) }
    }

    fn values(&self, rule: &Rule<Place>, several: bool, record: &Record, rejects: &mut Vec<Reject>) -> Made {
        let mut made = Made { values: Vec::new(), extra: 0, dropped: false };
        let mut failed = |problem, step: Option<&Step<Place>>, original: &Value, made: &mut Made| {
            self.fail(rule, problem, step, original, made, rejects);
        };
        for original in self.taken(rule, record) {
            match worked(rule, &original, record) {
                Ok(pieces) => made.values.extend(pieces),
                Err((problem, step)) => failed(problem, Some(step), &original, &mut made),
            }
        }
        if rule.take == Some(Take::All) {
            made.values = once(std::mem::take(&mut made.values));
        }
        if let Some(between) = &rule.join
            && !made.values.is_empty()
        {
            let texts: Vec<_> = made.values.iter().map(to_text).collect();
            made.values = vec![texts.join(between).into()];
        }
        if rule.kind.is_some() {
            for value in std::mem::take(&mut made.values) {
                match typed(value.clone(), rule.cast.as_ref()) {
                    Ok(value) => made.values.push(value),
                    Err(problem) => failed(problem, None, &value, &mut made),
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
                let value = made.values[1].clone();
                let problem = Problem { policy: Some(OnError::Reject), ..Problem::new(why).hint(hint) };
                self.fail(rule, problem, None, &value, &mut made, rejects);
            }
            made.extra += made.values.len() as u64 - 1;
            made.values.truncate(1);
        }
        made
    }

    /// The source's values that a rule works on.
    fn taken(&self, rule: &Rule<Place>, record: &Record) -> Vec<Value> {
        let list = (rule.multi == Some(true)).then_some(self.separator).flatten();
        let (mut values, places) = match &rule.origin {
            Origin::Const(values) => {
                return values.iter().filter(|value| !is_empty(value)).cloned().collect();
            }
            Origin::Template(template) => {
                let first = |place: &Place| gather(record, place, rule.trim, None).first().map(to_text);
                return template.fill(first).map(Value::from).into_iter().collect();
            }
            Origin::Fields(places) => {
                let values = places.iter().flat_map(|place| gather(record, place, rule.trim, list));
                (values.collect::<Vec<_>>(), places.len())
            }
        };
        let take = rule.take.or((places > 1 && rule.join.is_none()).then_some(Take::First));
        match take {
            None => values,
            Some(Take::All) => once(values),
            Some(Take::First) => {
                values.truncate(1);
                values
            }
            Some(Take::Last) => values.pop().into_iter().collect(),
            Some(Take::Nth(n)) => crate::transform::ops::text::nth(values, n).into_iter().collect(),
        }
    }

    /// Does with a value that could not be used what `on_error` says, or the operation itself.
    fn fail(
        &self,
        rule: &Rule<Place>,
        problem: Problem,
        step: Option<&Step<Place>>,
        original: &Value,
        made: &mut Made,
        rejects: &mut Vec<Reject>,
    ) {
        made.dropped = true;
        match problem.policy.unwrap_or(rule.on_error) {
            OnError::Keep => made.values.push(original.clone()),
            OnError::Blank => {}
            OnError::Reject => rejects.push(self.reject(rule, &problem, step, original)),
        }
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
        let hint = step.and_then(|step| step.operation.suggest(&value)).or_else(|| problem.hint.clone());
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

/// The value after all operations, or what stopped it and where.
fn worked<'r>(
    rule: &'r Rule<Place>,
    original: &Value,
    record: &Record,
) -> Result<Vec<Value>, (Problem, &'r Step<Place>)> {
    let mut pieces = vec![original.clone()];
    for step in &rule.steps {
        let aside =
            step.aside.as_ref().and_then(|place| gather(record, place, true, None).first().map(to_text));
        pieces = step.operation.apply(pieces, aside.as_deref()).map_err(|problem| (problem, step))?;
    }
    pieces.retain(|piece| !is_empty(piece));
    Ok(pieces)
}

fn holds(condition: &Condition<Place>, record: &Record, trim: bool) -> bool {
    condition.holds(&gather(record, &condition.field, trim, None))
}

/// The values at a place, blank ones left out. With `list`, a text is a cell that holds several.
fn gather(record: &Record, place: &Place, trim: bool, list: Option<char>) -> Vec<Value> {
    let mut values = Vec::new();
    if let Some(head) = head(record, &place.field.name) {
        add(&Value::String(head), trim, list, &mut values);
        return values;
    }
    let usual = record.fields.get(place.hint).filter(|field| field.name == place.field.name);
    let Some(field) = usual.or_else(|| record.field(&place.field.name)) else { return values };
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

/// The values without doubles, in order.
fn once(values: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// A value as its `type` has it.
fn typed(value: Value, cast: Option<&Operation>) -> Result<Value, Problem> {
    match cast {
        None => Ok(to_text(&value).into()),
        Some(operation) => operation.apply(vec![value], None)?.pop().ok_or_else(|| Problem::new("is blank")),
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
