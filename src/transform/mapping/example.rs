//! `[[example]]`: a record as it comes in, and what the mapping must make of it.

use super::bind::{AROUND, SourceSide};
use super::check::read_names;
use super::compile::example_side;
use super::file::{Findings, Table, Written, line};
use super::{Mapping, Outcome};
use crate::error::Result;
use crate::record::schema::{FieldRef, FieldSpec, Modifier, Schema, Side};
use crate::record::{Entry, Field, Record, canonical, to_text};
use serde_json::{Map, Value};

/// One `[[example]]` as written.
#[derive(Debug, Clone)]
pub(super) struct Example {
    at: usize,
    input: Vec<Cell>,
    output: Vec<Cell>,
}

/// A name, its values, and whether they stood in a list.
type Cell = (Written, Vec<Value>, bool);

/// An example that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its line in the file.
    pub line: usize,
    /// Where the mapping's answer is another than the example's; none if it holds.
    pub differences: Vec<Difference>,
}

/// A target field whose value is not what an example says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The target field; `None` where the whole record is concerned.
    pub field: Option<String>,
    /// What the example says.
    pub expected: String,
    /// What the mapping made, or why it made nothing.
    pub made: String,
}

impl Example {
    pub(super) fn read(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        table.only(&["in", "out"], findings);
        let input = example_side(table, "in", findings);
        let output = example_side(table, "out", findings);
        Some(Self { at: table.at, input: input?, output: output? })
    }
}

impl Mapping {
    /// Tries every `[[example]]`. Only the target fields that an example names are compared; `""` and `[]` say
    /// that a field must be left empty, and one value is the same as a list of it. Without a schema a side is
    /// taken to have the fields that the mapping and its examples name.
    ///
    /// # Errors
    /// When the mapping does not fit the schemas, or an example names a field that a side does not have.
    pub fn test(&self, source: Option<&Schema>, target: Option<&Schema>) -> Result<Vec<Tried>> {
        let assumed = assumed_source(self);
        let source = source.unwrap_or(&assumed);
        let cells = !self.source().is_some_and(has_lists);
        let side = SourceSide { separator: cells.then_some(';'), ..SourceSide::lists(source) };
        let bound = self.clone().bind(&side, target)?;
        let mut findings = Findings::new(&self.name, &self.text);
        let mut tried = Vec::new();
        for example in &self.examples {
            let record = record(&example.input, source, &mut findings);
            let differences = match bound.apply(&record, 0) {
                Outcome::Draft(draft) => {
                    let made = |name: &Written, findings: &mut Findings<'_>| {
                        let place = match target {
                            Some(target) => {
                                target.resolve(&name.text, Side::To).map(|place| place.to_string())
                            }
                            None => Ok(name.text.clone()),
                        };
                        let names = || bound.targets().iter().map(|field| field.place.to_string());
                        let position = place.ok().and_then(|place| names().position(|name| name == place));
                        let Some(position) = position else {
                            let known: Vec<_> = names().collect();
                            let known = known.iter().map(String::as_str);
                            findings.unknown(name.at, "target field", &name.text, known);
                            return Vec::new();
                        };
                        draft.values[position].clone().unwrap_or_default()
                    };
                    let compare = |(name, expected, _): &Cell| {
                        let made = made(name, &mut findings);
                        difference(&name.text, expected, &made)
                    };
                    example.output.iter().filter_map(compare).collect()
                }
                Outcome::Filtered => vec![whole_record("it is left out by a filter".to_owned())],
                Outcome::Rejected(rejects) => {
                    rejects.into_iter().map(|reject| whole_record(reject.reason)).collect()
                }
            };
            tried.push(Tried { line: line(&self.text, example.at), differences });
        }
        findings.settle()?;
        Ok(tried)
    }

    /// Binds the mapping without a source's or target's schema, which finds what is wrong in itself: fields
    /// mapped twice, keys that nothing fills.
    ///
    /// # Errors
    /// What [`Mapping::bind`] finds.
    pub fn check(&self, source: Option<&Schema>, target: Option<&Schema>) -> Result<()> {
        let assumed = assumed_source(self);
        self.clone().bind(&SourceSide::lists(source.unwrap_or(&assumed)), target).map(drop)
    }
}

/// A schema in which every source name of the mapping and its examples means something. At a service
/// (`name:stream`), brackets and parts are taken for modifiers and parts.
pub(super) fn assumed_source(mapping: &Mapping) -> Schema {
    let service = mapping.source().is_some_and(is_service);
    let mut schema = Schema {
        open: false,
        unlisted: Vec::new(),
        of: mapping.source().unwrap_or("the source").to_owned(),
        has_modifiers: service,
        has_head: service,
        fields: Vec::new(),
    };
    let mut note = |name: Written| assume(&mut schema, &name.text);
    read_names(mapping).into_iter().for_each(&mut note);
    for (name, ..) in mapping.examples.iter().flat_map(|example| &example.input) {
        note(name.clone());
    }
    schema
}

/// Whether an endpoint is a service's stream: a word, a colon, a name. `C:\people.csv` is a file.
fn is_service(endpoint: &str) -> bool {
    let word = |scheme: &str| scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    endpoint.split_once(':').is_some_and(|(scheme, _)| word(scheme))
}

/// Whether an endpoint's records have lists of their own, so that no cell is split.
fn has_lists(endpoint: &str) -> bool {
    let file = endpoint.trim_end_matches(".gz").trim_end_matches(".zst");
    is_service(endpoint) || [".jsonl", ".ndjson", ".parquet", ".vcf"].iter().any(|end| file.ends_with(end))
}

/// Adds what a name must mean to a schema.
fn assume(schema: &mut Schema, written: &str) {
    if AROUND.contains(&written) {
        return;
    }
    let (mut name, mut modifier, mut part) = (written, None, None);
    if schema.has_modifiers {
        if let Some((rest, last)) = written.rsplit_once("].") {
            part = Some(last.to_owned());
            name = &written[..=rest.len()];
        }
        if let Some((rest, inner)) = name.strip_suffix(']').and_then(|inner| inner.rsplit_once('[')) {
            (name, modifier) = (rest, Some(inner));
        }
    }
    if schema.has_head && written.starts_with('_') && schema.resolve(written, Side::From).is_ok() {
        return;
    }
    let index = schema.fields.iter().position(|field| field.name == name).unwrap_or_else(|| {
        schema.fields.push(FieldSpec { name: name.to_owned(), ..FieldSpec::default() });
        schema.fields.len() - 1
    });
    let field = &mut schema.fields[index];
    if let Some(modifier) = modifier.filter(|modifier| !matches!(*modifier, "*" | "first"))
        && !field.modifiers.iter().any(|known| known == modifier)
    {
        field.modifiers.push(modifier.to_owned());
    }
    if let Some(part) = part.filter(|part| !field.parts.contains(part)) {
        field.parts.push(part);
    }
}

/// The record that an example's `in` describes.
fn record(input: &[Cell], source: &Schema, findings: &mut Findings<'_>) -> Record {
    let mut record = Record::default();
    for (name, values, list) in input {
        if AROUND.contains(&name.text.as_str()) && source.field(&name.text).is_none() {
            record.fields.push(Field { list: *list, ..Field::list(name.text.clone(), values.clone()) });
            continue;
        }
        let place = match source.resolve(&name.text, Side::From) {
            Ok(place) => place,
            Err(unknown) => {
                findings.add(name.at, unknown.what, unknown.hint);
                continue;
            }
        };
        let text = values.first().map(to_text);
        match place.name.as_str() {
            "_id" if source.has_head => record.id = text,
            "_type" if source.has_head => record.kind = text,
            "_created" if source.has_head => record.created = text,
            "_updated" if source.has_head => record.updated = text,
            _ => put(&mut record, &place, source, values, *list),
        }
    }
    record
}

fn put(record: &mut Record, place: &FieldRef, source: &Schema, values: &[Value], list: bool) {
    let first = || source.field(&place.name).and_then(|field| field.modifiers.first().cloned());
    let modifier = match &place.modifier {
        Modifier::Named(modifier) => modifier.clone(),
        Modifier::Any | Modifier::First => first().unwrap_or_default(),
    };
    let index = record.fields.iter().position(|field| field.name == place.name).unwrap_or_else(|| {
        record.fields.push(Field { name: place.name.clone(), entries: Vec::new(), list });
        record.fields.len() - 1
    });
    let entries = &mut record.fields[index].entries;
    let Some(part) = &place.part else {
        entries.extend(values.iter().cloned().map(|value| Entry { modifier: modifier.clone(), value }));
        return;
    };
    // Parts of one address come as several names: the first makes the address, the others join it, each value
    // the address at its position.
    let known: Vec<usize> = (0..entries.len())
        .filter(|at| entries[*at].modifier == modifier && entries[*at].value.is_object())
        .collect();
    for (position, value) in values.iter().enumerate() {
        let parts = Map::from_iter([(part.clone(), value.clone())]);
        match known.get(position).and_then(|at| entries[*at].value.as_object_mut()) {
            Some(object) => object.extend(parts),
            None => entries.push(Entry { modifier: modifier.clone(), value: Value::Object(parts) }),
        }
    }
}

fn difference(field: &str, expected: &[Value], made: &[Value]) -> Option<Difference> {
    let text = |values: &[Value]| match values {
        [] => "nothing".to_owned(),
        [one] => one.to_string(),
        several => Value::from(several.to_vec()).to_string(),
    };
    let expected: Vec<_> = expected.iter().filter(|value| !crate::record::is_empty(value)).cloned().collect();
    // A type is part of the answer: the text "5" is not the number 5, but 5.0 and 5 are one number.
    let same = |a: &Value, b: &Value| {
        std::mem::discriminant(a) == std::mem::discriminant(b)
            && if a.is_string() { a == b } else { canonical::value(a) == canonical::value(b) }
    };
    let holds = expected.len() == made.len() && expected.iter().zip(made).all(|(a, b)| same(a, b));
    (!holds).then(|| Difference {
        field: Some(field.to_owned()),
        expected: text(&expected),
        made: text(made),
    })
}

fn whole_record(made: String) -> Difference {
    Difference { field: None, expected: "a mapped record".to_owned(), made }
}
