//! Nimble's search language, checked before anything is sent: which fields may be asked for what, in which
//! words, and how many conditions a query may have (facts, sections 6.3 to 6.6).
//!
//! Nothing here sends or searches. What only newer versions of the service know passes, and is named, so that a
//! refusal can be explained. Two things are put right on the way: a join of one condition becomes that condition,
//! and the label of a drop-down's choice becomes its id; both mean the same and the service refuses the former.

mod fields;
mod operands;

use crate::error::{Error, Result, nearest};
use crate::record::escape_name;
use crate::record::schema::Schema;
use fields::{Field, field};
use serde_json::{Map, Value};

/// Conditions that a query may have, counted over the whole tree (facts, section 6.1).
pub(super) const MOST_CONDITIONS: usize = 11;
/// How deep joins may be nested (facts, section 6.1).
const DEEPEST: usize = 20;
/// The longest name of a custom field in a query (facts, section 6.4).
const LONGEST_NAME: usize = 150;
/// Names that join conditions; `not` is one of newer versions.
const JOINS: [&str; 3] = ["and", "or", "not"];

/// A query that may be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checked {
    /// As it is sent.
    pub(super) value: Value,
    /// Conditions in it.
    pub(super) conditions: usize,
    /// What in it only newer versions of the service are known to understand, by place.
    pub(super) newer: Vec<String>,
}

/// Checks a query as people write it.
///
/// # Errors
/// When it is no JSON, or asks for something that the service cannot search; the place is named (class `Input`).
pub(super) fn check(text: &str, schema: &Schema) -> Result<Checked> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Error::input(format!("`--where` is not JSON: {error}"))
            .hint(r#"write it as `{"email": {"contain": "example.org"}}`, quoted for your shell"#)
    })?;
    let mut checker = Checker { schema, conditions: 0, newer: Vec::new() };
    let value = checker.join_or_condition(&value, &Path::default(), 0)?;
    let Checker { conditions, newer, .. } = checker;
    if conditions > MOST_CONDITIONS {
        return Err(Error::input(format!(
            "`--where` has {conditions} conditions, and Nimble takes {MOST_CONDITIONS} at most"
        ))
        .hint("split it into several exports"));
    }
    Ok(Checked { value, conditions, newer })
}

/// Whether contacts can be searched by a field of that name in every version of the service.
pub(super) fn is_searchable(name: &str) -> bool {
    field(name).is_some_and(|field| !field.newer)
}

/// Fields that contacts can be searched by.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    fields::names()
}

/// Where in a query something stands: `and[1].email.contain`.
#[derive(Debug, Clone, Default)]
struct Path(String);

impl Path {
    fn then(&self, key: &str) -> Self {
        let dot = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{dot}{key}", self.0))
    }

    fn at(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// What is wrong here.
    fn wrong(&self, what: &str) -> Error {
        let place = if self.0.is_empty() { String::new() } else { format!(" `{}`", self.0) };
        Error::input(format!("`--where`{place}: {what}"))
    }

    /// A name that is none of `known`.
    fn unknown<'a>(&self, what: &str, wanted: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
        let error = self.wrong(what);
        match nearest(wanted, known.clone()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("there are {}", known.collect::<Vec<_>>().join(", "))),
        }
    }
}

struct Checker<'a> {
    schema: &'a Schema,
    conditions: usize,
    newer: Vec<String>,
}

impl Checker<'_> {
    fn join_or_condition(&mut self, value: &Value, path: &Path, depth: usize) -> Result<Value> {
        if depth > DEEPEST {
            return Err(path.wrong(&format!("joins are nested more than {DEEPEST} deep")));
        }
        let (key, inner) = only_member(value, path, "a field or `and` or `or`").map_err(|error| {
            error.hint("one condition an object; join several as {\"and\": [{..}, {..}]}")
        })?;
        match key {
            "and" | "or" => self.join(key, inner, &path.then(key), depth),
            "not" => {
                self.newer.push(path.then(key).0);
                let inner = match inner {
                    Value::Array(one) if one.len() == 1 => &one[0],
                    inner => inner,
                };
                let inner = self.join_or_condition(inner, &path.then(key), depth + 1)?;
                Ok(one(key, inner))
            }
            "custom_fields" => {
                let path = path.then(key);
                let (name, condition) = only_member(inner, &path, "a custom field")?;
                let condition = self.custom(name, condition, &path.then(name))?;
                Ok(one(key, one(name, condition)))
            }
            name => self.standard(name, inner, path),
        }
    }

    fn join(&mut self, key: &str, inner: &Value, path: &Path, depth: usize) -> Result<Value> {
        let Some(parts) = inner.as_array() else {
            return Err(path.wrong("takes a list of conditions"));
        };
        if parts.is_empty() {
            return Err(path.wrong("joins nothing: it takes at least two conditions"));
        }
        let mut checked = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            checked.push(self.join_or_condition(part, &path.at(index), depth + 1)?);
        }
        // A join of one is refused by the service, and means the same as the one (facts, section 6.1).
        if checked.len() == 1 {
            return Ok(checked.swap_remove(0));
        }
        Ok(one(key, Value::Array(checked)))
    }

    fn standard(&mut self, name: &str, inner: &Value, path: &Path) -> Result<Value> {
        let Some(known) = field(name) else {
            return Err(self.no_field(name, path));
        };
        let path = path.then(name);
        if known.newer {
            self.newer.push(path.0.clone());
        }
        let condition = self.condition(known, name, inner, &path)?;
        Ok(one(name, condition))
    }

    fn custom(&mut self, name: &str, inner: &Value, path: &Path) -> Result<Value> {
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(path.wrong(&format!("a field's name has 1 to {LONGEST_NAME} characters")));
        }
        if super::schema::is_default(name) {
            return Err(path.wrong("is no custom field").hint(format!(r#"write {{"{name}": ..}}"#)));
        }
        if self.schema.listed(&escape_name(name)).is_none() && !self.schema.open {
            let error = path.wrong(&format!("the account has no custom field `{name}`"));
            let all = self.schema.fields.iter().map(|field| field.name.as_str());
            let custom = all.filter(|name| !name.starts_with('_') && !super::schema::is_default(name));
            return Err(match nearest(name, custom) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint("`ferry discover nimble:contacts` lists the fields"),
            });
        }
        self.condition(&fields::CUSTOM, name, inner, path)
    }

    /// The operator and operand of a field.
    fn condition(&mut self, known: &Field, name: &str, inner: &Value, path: &Path) -> Result<Value> {
        self.conditions += 1;
        let (operator, operand) = only_member(inner, path, "an operator").map_err(|error| {
            error.hint(format!(r#"such as {{"{name}": {{"{}": ..}}}}"#, known.operators[0]))
        })?;
        let path_of = path.then(operator);
        if known.newer_operators.contains(&operator) {
            self.newer.push(path_of.0.clone());
        } else if !known.operators.contains(&operator) {
            let all = known.operators.iter().chain(known.newer_operators).copied();
            return Err(path_of.unknown(&format!("`{name}` has no operator `{operator}`"), operator, all));
        }
        let (operand, newer) = operands::read(known, operator, operand, &path_of)?;
        if newer {
            self.newer.push(path_of.0.clone());
        }
        let operand = match self.schema.field(&escape_name(name)) {
            Some(spec) if !spec.choices.is_empty() => operands::choice(spec, operator, operand, &path_of)?,
            _ => operand,
        };
        Ok(one(operator, operand))
    }

    fn no_field(&self, name: &str, path: &Path) -> Error {
        let what = format!("contacts cannot be searched by `{name}`");
        match self.schema.field(&escape_name(name)) {
            Some(_) if !super::schema::is_default(name) => path
                .then(name)
                .wrong("is a custom field")
                .hint(format!(r#"write {{"custom_fields": {{"{name}": ..}}}}"#)),
            _ => path.unknown(&what, name, fields::names().chain(JOINS).chain(["custom_fields"])),
        }
    }
}

/// The one member of an object.
fn only_member<'v>(value: &'v Value, path: &Path, what: &str) -> Result<(&'v str, &'v Value)> {
    let Some(object) = value.as_object() else {
        return Err(path.wrong(&format!("an object with {what} is wanted, not {}", operands::kind(value))));
    };
    let mut members = object.iter();
    match (members.next(), members.next()) {
        (Some((key, inner)), None) => Ok((key, inner)),
        (None, _) => Err(path.wrong(&format!("the object is empty: {what} is wanted"))),
        (Some((first, _)), Some((second, _))) => {
            Err(path
                .wrong(&format!("the object has `{first}` and `{second}`, and may have only one of them")))
        }
    }
}

fn one(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

#[cfg(test)]
mod tests;
