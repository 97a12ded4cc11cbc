//! The operations of `do`, from TOML to their compiled form: names, arguments, and what is wrong with them.
//!
//! Each operation is an [`Entry`]: what it does, its arguments, examples, and the function that compiles it. The
//! reference, the schema and this compiler read the same entries.

pub(super) mod entry;
mod people;
mod places;
mod tables;
mod text;
mod values;

use super::file::{Findings, Table, Written, written};
use super::rule::Step;
use crate::transform::ops::{Operation, zone};
use entry::{Entry, Kind};
use jiff::tz::TimeZone;
use std::path::Path;
use toml::Spanned;
use toml::de::DeValue;

/// What operations need of the mapping around them.
pub(super) struct Place<'m> {
    /// Where lookup files are looked for.
    pub(super) folder: &'m Path,
    /// The mapping's time zone.
    pub(super) zone: Option<&'m TimeZone>,
    /// The field that names the time zone of each record.
    pub(super) zone_from: Option<&'m Written>,
    /// What the environment holds under a name.
    pub(super) env: Environment<'m>,
}

/// What the environment holds under a name, for keys that stand in no file.
pub(super) type Environment<'m> = &'m dyn Fn(&str) -> Option<String>;

/// All operations in the order of the reference, by families with their titles.
pub(super) const FAMILIES: [(&str, &[Entry]); 7] = [
    ("Text", text::TEXT),
    ("Lists of values", text::LISTS),
    ("Names, e-mail, phones, web", people::PEOPLE),
    ("Countries, states, languages, currencies", places::PLACES),
    ("Dates and times", values::TIMES),
    ("Numbers, yes and no, words", values::VALUES),
    ("Sharing data", values::SHARING),
];

/// All operations in the order of the reference.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> + Clone {
    FAMILIES.iter().flat_map(|(_, entries)| *entries)
}

type Node<'d> = &'d Spanned<DeValue<'d>>;

/// Compiles the list of operations.
pub(super) fn steps(value: Node<'_>, place: &Place<'_>, findings: &mut Findings<'_>) -> Vec<Step<Written>> {
    let items: Vec<Node<'_>> = match value.get_ref().as_array() {
        Some(items) => items.iter().collect(),
        None => vec![value],
    };
    items.into_iter().filter_map(|item| step(item, place, findings)).collect()
}

fn step(value: Node<'_>, place: &Place<'_>, findings: &mut Findings<'_>) -> Option<Step<Written>> {
    let at = value.span().start;
    let (name, arguments) = match (written(value), value.get_ref().as_table()) {
        (Some(name), _) => (name, None),
        (None, Some(table)) if table.len() == 1 => {
            let (key, arguments) = table.iter().next()?;
            (Written { text: key.get_ref().to_string(), at: key.span().start }, Some(arguments))
        }
        _ => {
            let hint = "write \"trim\" or { phone = { region = \"GB\" } }, one operation in a pair of braces";
            findings.add(at, "an operation is a name, or a name with arguments", Some(hint.to_owned()));
            return None;
        }
    };
    let Some(entry) = entries().find(|entry| entry.name == name.text) else {
        findings.unknown(name.at, "operation", &name.text, entries().map(|entry| entry.name));
        return None;
    };
    let table = arguments_of(entry, &name, arguments, findings)?;
    let operation = (entry.compile)(&table, place, findings)?;
    let aside = entry.arguments.iter().find(|argument| argument.kind == Kind::Field);
    let mut aside = aside.and_then(|argument| table.text(argument.name, findings));
    if matches!(operation, Operation::DateTime(_)) && aside.is_none() && table.get("zone").is_none() {
        aside = place.zone_from.cloned();
    }
    Some(Step { line: findings.line(at), operation, aside })
}

/// The arguments of an operation as a table, whichever way they are written, with those that it does not have
/// and those that it misses said.
fn arguments_of<'d>(
    entry: &Entry,
    name: &Written,
    value: Option<Node<'d>>,
    findings: &mut Findings<'_>,
) -> Option<Table<'d>> {
    let of = format!("`{}`", entry.name);
    let such_as = || entry.examples.first().map(|example| format!("such as {}", example.write));
    let table = match (value, entry.short) {
        (None, _) if !entry.bare => {
            findings.add(name.at, format!("{of} needs arguments"), such_as());
            return None;
        }
        (None, _) => return Some(Table::without_keys(of, name.at)),
        (Some(value), _) if entry.arguments.is_empty() => {
            let hint = Some(format!("write \"{}\"", entry.name));
            findings.add(value.span().start, format!("{of} takes no arguments"), hint);
            return None;
        }
        (Some(value), Some(short)) if value.get_ref().as_table().is_none() => {
            Table::of_one(of, entry.name, short, value)
        }
        (Some(value), _) => Table::of_value(of, value, findings)?,
    };
    let known: Vec<_> = entry.arguments.iter().map(|argument| argument.name).collect();
    table.only(&known, findings);
    let missing = entry.arguments.iter().find(|one| one.required && table.get(one.name).is_none());
    if let Some(missing) = missing {
        let what = format!("`{}` needs `{}`: {}", entry.name, missing.name, missing.what);
        findings.add(table.at, what, such_as());
        return None;
    }
    Some(table)
}

/// A time zone by any of its names.
pub(super) fn time_zone(written: &Written, findings: &mut Findings<'_>) -> Option<TimeZone> {
    match zone::parse(&written.text) {
        Ok(zone) => Some(zone),
        Err(problem) => {
            let near = zone::near(&written.text).filter(|_| problem.unknown);
            let near = near.map(|near| format!("did you mean `{near}`?"));
            findings.add(written.at, format!("`{}` {}", written.text, problem.why), near.or(problem.hint));
            None
        }
    }
}
