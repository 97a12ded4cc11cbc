//! Examining a mapping: everything that is wrong with it at once, by itself and against the fields of a source and
//! a target; and what is not wrong but hardly meant.
//!
//! [`Mapping::load`] and [`Mapping::bind`] stop a run at the same errors; here they are kept apart, each with its
//! place, so that a program can show them.

use super::bind::SourceSide;
use super::example::assumed_source;
use super::file::{Findings, Written};
use super::rule::{Origin, Rule, Take};
use super::{Absent, Mapping, compile};
use crate::error::{Error, Result, nearest};
use crate::record::customs::Needed;
use crate::record::schema::{FieldSpec, Kind, Schema, Side};
use crate::record::to_text;
use crate::transform::ops::Operation;
use crate::transform::ops::lookup::Other;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// Something that is wrong with a mapping, or hardly meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it stops a run.
    pub severity: Severity,
    /// The mapping's path.
    pub file: String,
    /// Line and column, from 1; none for a key given on the command line.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub what: String,
    /// What would help.
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The mapping cannot be used so.
    Error,
    /// It can, and perhaps it is not what was meant.
    Warning,
}

/// A mapping file and what was found in it.
#[derive(Debug)]
pub struct Examined {
    mapping: Option<Mapping>,
    text: String,
    name: String,
    findings: Vec<Finding>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.what),
            None => write!(f, "--key: {}", self.what),
        }
    }
}

/// Findings as one error: the only one with its hint as the error's, several one a line.
pub(super) fn as_error(findings: &[Finding]) -> Error {
    if let [one] = findings {
        let error = Error::input(one.to_string());
        return match &one.hint {
            Some(hint) => error.hint(hint),
            None => error,
        };
    }
    let line = |one: &Finding| match &one.hint {
        Some(hint) => format!("{one} ({hint})"),
        None => one.to_string(),
    };
    Error::input(findings.iter().map(line).collect::<Vec<_>>().join("\n"))
}

impl Mapping {
    /// Reads a mapping file and notes everything that is wrong with it by itself.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn examine(path: &Path) -> Result<Examined> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| Error::input(format!("cannot read the mapping `{name}`")).because(cause))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut noted = Findings::new(&name, &text);
        let mapping = compile::noting(&text, &name, folder, &|name| std::env::var(name).ok(), &mut noted);
        let findings = noted.take();
        Ok(Examined { mapping, text, name, findings })
    }
}

impl Examined {
    /// The mapping, as far as it can be read.
    #[must_use]
    pub fn mapping(&self) -> Option<&Mapping> {
        self.mapping.as_ref()
    }

    /// What was found, errors before warnings, each in the order of the lines.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether nothing stops a run.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Warning)
    }

    /// All errors as one; none where there are none.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        let errors: Vec<_> =
            self.findings.iter().filter(|one| one.severity == Severity::Error).cloned().collect();
        (!errors.is_empty()).then(|| as_error(&errors))
    }

    /// Notes what does not fit the fields of a source and a target, as far as they are known, and which of the
    /// fields that the target needs are not filled.
    pub fn against(&mut self, source: Option<&SourceSide<'_>>, target: Option<&Schema>, needed: &[Needed]) {
        let Some(mapping) = &self.mapping else { return };
        let mut noted = Findings::new(&self.name, &self.text);
        let assumed = assumed_source(mapping);
        let side = source.copied().unwrap_or(SourceSide::lists(&assumed));
        let mut bound = mapping.clone();
        if !self.findings.is_empty() {
            // A [[field]] that cannot be read may fill the key.
            bound.settings.keys.clear();
        }
        bound.bind_noting(&side, target, &mut noted);
        let mut warnings = Findings::new(&self.name, &self.text);
        if let Some(target) = target {
            for rule in &mapping.rules {
                if let Ok(place) = target.resolve(&rule.to.text, Side::To)
                    && let Some(spec) = target.field(&place.name)
                {
                    types(rule, spec, &mut noted);
                    choices(rule, spec, &mut noted);
                    extras(rule, spec, target, &mut warnings);
                }
            }
            unfilled(mapping, needed, target, self.findings.is_empty(), &mut noted, &mut warnings);
        }
        if let Some(source) = source {
            absent(mapping, source, &mut warnings);
        }
        self.findings.extend(noted.take());
        let lesser = warnings.take().into_iter().map(|one| Finding { severity: Severity::Warning, ..one });
        self.findings.extend(lesser);
        self.findings.sort_by_key(|one| (one.severity == Severity::Warning, one.place));
        self.findings.dedup();
    }
}

/// Values that a rule makes whatever the record holds: a constant, or what a last `lookup` gives.
fn certain(rule: &Rule<Written>) -> Vec<&Value> {
    match (&rule.origin, rule.steps.last().map(|step| &step.operation)) {
        (Origin::Const(values), None) => values.iter().chain(&rule.default).collect(),
        (_, Some(Operation::Lookup(lookup))) => {
            let other = match &lookup.other {
                Some(Other::Value(value)) => Some(value),
                _ => None,
            };
            lookup.table.values().chain(other).chain(&rule.default).collect()
        }
        _ => rule.default.iter().collect(),
    }
}

/// What the target holds as a number or a truth value cannot be written as something else.
fn types(rule: &Rule<Written>, spec: &FieldSpec, noted: &mut Findings<'_>) {
    let fits = |value: &Value| match spec.kind {
        Kind::Number => value.is_number() || to_text(value).trim().parse::<f64>().is_ok(),
        Kind::Bool => value.is_boolean() || matches!(to_text(value).as_str(), "true" | "false"),
        Kind::Text | Kind::Timestamp => true,
    };
    for value in certain(rule).into_iter().filter(|value| !crate::record::is_empty(value) && !fits(value)) {
        let what = if spec.kind == Kind::Number { "a number" } else { "true or false" };
        noted.add(rule.to.at, format!("`{}` holds {what}, and {value} is none", rule.to.text), None);
    }
}

/// A constant or the result of a lookup has to be one of the target's choices.
fn choices(rule: &Rule<Written>, spec: &FieldSpec, noted: &mut Findings<'_>) {
    if spec.choices.is_empty() {
        return;
    }
    let mut wrong: Vec<String> = certain(rule)
        .into_iter()
        .map(to_text)
        .filter(|text| !text.is_empty() && !is_choice(spec, text))
        .collect();
    wrong.sort();
    wrong.dedup();
    for text in wrong {
        let labels = || spec.choices.iter().map(|(_, label)| label.as_str());
        let hint = match nearest(&text, labels()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its choices are {}", labels().collect::<Vec<_>>().join(", ")),
        };
        noted.add(rule.to.at, format!("`{text}` is no choice of `{}`", rule.to.text), Some(hint));
    }
}

/// Whether a text is a choice of a drop-down, by id or label.
pub(super) fn is_choice(spec: &FieldSpec, text: &str) -> bool {
    spec.choices.iter().any(|(id, label)| id == text || label.eq_ignore_ascii_case(text))
}

/// Several values for a place that is declared to hold one.
fn extras(rule: &Rule<Written>, spec: &FieldSpec, target: &Schema, warnings: &mut Findings<'_>) {
    // Without modifiers a service does not say which of its fields hold several values.
    let single = target.has_modifiers && !spec.several && !spec.prose;
    if single && rule.join.is_none() && (rule.multi == Some(true) || rule.take == Some(Take::All)) {
        let hint = Some("choose one with `take`, or make one text of them with `join`".to_owned());
        let what = format!("`{}` holds one value: of several, the first is taken", rule.to.text);
        warnings.add(rule.to.at, what, hint);
    }
}

/// Fields that the target needs and that nothing fills.
fn unfilled(
    mapping: &Mapping,
    needed: &[Needed],
    target: &Schema,
    whole: bool,
    noted: &mut Findings<'_>,
    warnings: &mut Findings<'_>,
) {
    let filled = |name: &str| {
        mapping
            .rules
            .iter()
            .any(|rule| target.resolve(&rule.to.text, Side::To).is_ok_and(|place| place.name == name))
    };
    // Updates change records that have what they need.
    let creates = mapping.settings.mode != Some(super::Mode::Update);
    let lacks = |need: &&Needed| {
        let known = need.any_of.iter().any(|name| target.field(name).is_some());
        known && !need.any_of.iter().any(|name| filled(name))
    };
    for need in needed.iter().filter(|need| creates && lacks(need)) {
        let names: Vec<_> = need.any_of.iter().map(|name| format!("`{name}`")).collect();
        let what = format!("no [[field]] fills {}, which new records of {} ", names.join(" or "), target.of);
        let hint = Some(format!("add a [[field]] with to = \"{}\"", need.any_of.first().unwrap_or(&"")));
        match need.required && whole {
            true => noted.add(0, what + "need", hint),
            false => warnings.add(0, what + "should have", hint),
        }
    }
}

/// Columns that the mapping names and the file does not have, where that means a blank.
fn absent(mapping: &Mapping, source: &SourceSide<'_>, warnings: &mut Findings<'_>) {
    if mapping.settings.absent == Absent::Refused || source.schema.has_head {
        return;
    }
    for name in read_names(mapping) {
        if source.schema.resolve(&name.text, Side::From).is_err()
            && !super::bind::AROUND.contains(&name.text.as_str())
        {
            let near = nearest(&name.text, source.schema.fields.iter().map(|field| field.name.as_str()));
            let hint = near.map(|near| format!("the nearest column is `{near}`"));
            let what = format!("{} has no column `{}`: it is taken for blank", source.schema.of, name.text);
            warnings.add(name.at, what, hint);
        }
    }
}

/// Every name of the source that the mapping reads.
pub(super) fn read_names(mapping: &Mapping) -> Vec<Written> {
    let mut names = Vec::new();
    let mut note = |name: Written| names.push(name);
    for rule in mapping.rules.iter().cloned() {
        drop(rule.resolve(|_| (), &mut note));
    }
    for filter in mapping.filters.iter().cloned() {
        drop(filter.resolve(&mut note));
    }
    mapping.settings.zone_from.iter().cloned().for_each(&mut note);
    names
}
