//! Binding: a mapping's names are found in the fields of a source and a target.

use super::file::{Findings, Written};
use super::rule::{Link, Origin, Rule, Step, Type};
use super::texts::Plan;
use super::{Absent, BlankKey, Condition, Mapping, Mode, Settings};
use crate::error::Result;
use crate::record::columns::{Coding, Column};
use crate::record::schema::{FieldRef, Kind, Modifier, Schema, Side};
use crate::record::{Field, Record};
use crate::transform::draft::{Draft, TargetField, Write};
use crate::transform::ops::{OnError, Operation};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a mapping reads from.
#[derive(Debug, Clone, Copy)]
pub struct SourceSide<'a> {
    /// The source's fields.
    pub schema: &'a Schema,
    /// Headers that a file has twice: a mapping that names the plain form is refused (design section 6).
    pub doubled: &'a [String],
    /// For files whose cells hold lists as text (CSV, TSV, XLSX): the character between the items of a cell
    /// that feeds a `multi = true` field. `None` for sources that have real lists.
    pub separator: Option<char>,
}

impl<'a> SourceSide<'a> {
    /// A source whose values are lists where they are several: a service, JSON Lines, Parquet.
    #[must_use]
    pub fn lists(schema: &'a Schema) -> Self {
        Self { schema, doubled: &[], separator: None }
    }

    /// A file of text cells.
    #[must_use]
    pub fn cells(schema: &'a Schema, doubled: &'a [String], separator: char) -> Self {
        Self { schema, doubled, separator: Some(separator) }
    }
}

/// A mapping bound to a source and a target, ready to be applied.
#[derive(Debug, Clone)]
pub struct Bound {
    pub(super) name: String,
    pub(super) filters: Vec<Condition<Place>>,
    pub(super) rules: Vec<Rule<Place>>,
    pub(super) separator: Option<char>,
    /// By rule: whether the place holds several values.
    pub(super) several: Vec<bool>,
    /// By rule: how it goes the short way, if it can.
    pub(super) plans: Vec<Option<Plan>>,
    pub(super) surroundings: Surroundings,
    /// The field that names each record's time zone.
    pub(super) zone_from: Option<Place>,
    targets: Vec<TargetField>,
    keys: Vec<Vec<FieldRef>>,
    settings: Settings,
}

/// What a mapping may say of a record that is not in it. The same for all records of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The source file's name without folders (`_file`); none for a service.
    pub file: Option<String>,
    /// The day on which the run was asked for, as `2024-07-30` (`_run_date`).
    pub run_date: Option<String>,
}

/// A place in the source's records, with the position at which its field usually stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) field: FieldRef,
    pub(super) hint: usize,
    /// Whether it is in no record: the source has no field of the name, and it is one of [`AROUND`].
    pub(super) around: bool,
}

/// Names that can be read though no record has them: the row's number, its file, the day of the run.
pub(super) const AROUND: [&str; 3] = ["_row", "_file", "_run_date"];

impl Mapping {
    /// Finds the mapping's names in a source and a target. Without a target schema (a file, or not known yet)
    /// target names are taken as they stand.
    ///
    /// # Errors
    /// When a name is not there, means several things, or is one of a file's doubled headers, a target is
    /// read-only or mapped twice, or a key is not mapped; every finding with line, column and hint.
    pub fn bind(self, source: &SourceSide<'_>, target: Option<&Schema>) -> Result<Bound> {
        let (text, name) = (self.text.clone(), self.name.clone());
        let mut findings = Findings::new(&name, &text);
        let bound = self.bind_noting(source, target, &mut findings);
        findings.settle()?;
        Ok(bound)
    }

    /// The same with what is wrong noted; what cannot be found is then bound to a place that no record has.
    pub(super) fn bind_noting(
        self,
        source: &SourceSide<'_>,
        target: Option<&Schema>,
        findings: &mut Findings<'_>,
    ) -> Bound {
        let Self { name, settings, filters, rules, .. } = self;
        let absent = settings.absent;
        let mut found = Vec::new();
        let mut resolved = Vec::with_capacity(rules.len());
        for rule in rules {
            let to_at = rule.to.at;
            let mut from = |written| read_place(&written, source, absent, &mut found);
            let rule =
                rule.resolve(|to| Place { field: plain(&to.text), hint: to.at, around: false }, &mut from);
            let place = write_place(&rule.to.field.name, to_at, target, findings);
            resolved.push((to_at, Rule { to: Place { field: place, hint: 0, around: false }, ..rule }));
        }
        let mut from = |written| read_place(&written, source, absent, &mut found);
        let filters = filters.into_iter().map(|filter| filter.resolve(&mut from)).collect();
        let zone_from = settings.zone_from.clone().map(&mut from);
        for (at, what, hint) in found {
            findings.add(at, what, hint);
        }
        overlaps(&resolved, findings);
        let rules: Vec<_> = resolved.into_iter().map(|(_, rule)| rule).collect();
        let keys = keys(&settings.keys, &rules, target, findings);
        let several: Vec<_> = rules.iter().map(|rule| holds_several(rule, target)).collect();
        let targets =
            rules.iter().zip(&several).map(|(rule, several)| target_field(rule, *several)).collect();
        let plans =
            rules.iter().zip(&several).map(|(rule, several)| Plan::of(rule, *several, source)).collect();
        Bound {
            name,
            filters,
            rules,
            separator: source.separator,
            several,
            plans,
            surroundings: Surroundings::default(),
            zone_from,
            targets,
            keys,
            settings,
        }
    }
}

impl Bound {
    /// The same mapping, told what surrounds the records of a run.
    #[must_use]
    pub fn in_surroundings(mut self, surroundings: Surroundings) -> Self {
        self.surroundings = surroundings;
        self
    }

    /// The targets whose values name records of another stream.
    pub fn links(&self) -> impl Iterator<Item = (&FieldRef, &Link)> {
        self.rules.iter().filter_map(|rule| Some((&rule.to.field, rule.link.as_ref()?)))
    }

    /// The names of the source that any field reads, as mappings write them.
    #[must_use]
    pub fn read_names(&self) -> BTreeSet<String> {
        self.rules.iter().flat_map(super::losses::places).map(|place| place.field.to_string()).collect()
    }

    /// Whether a text cell of this column would be taken for several values.
    #[must_use]
    pub fn splits(&self, column: &str) -> bool {
        let mut split = self.rules.iter().filter(|rule| rule.multi == Some(true));
        split.any(|rule| match &rule.origin {
            Origin::Fields(places) => places.iter().any(|place| place.field.name == column),
            Origin::Const(_) | Origin::Template(_) => false,
        })
    }

    /// The places written to, in the mapping's order; a draft's values are by position in it.
    #[must_use]
    pub fn targets(&self) -> &[TargetField] {
        &self.targets
    }

    /// The keys: alternatives in order, each of one field or several. Every one is among the targets; a bare
    /// name of a field with modifiers is [`Modifier::Any`], so that any of its values may match.
    #[must_use]
    pub fn keys(&self) -> &[Vec<FieldRef>] {
        &self.keys
    }

    /// Whether the mapping writes phone numbers to a place that a key names: `phone` is among its operations.
    #[must_use]
    pub fn writes_phones(&self, key: &FieldRef) -> bool {
        let is_phone = |step: &Step<Place>| matches!(step.operation, Operation::Phone(_));
        self.rules.iter().any(|rule| fills(&rule.to.field, key) && rule.steps.iter().any(is_phone))
    }

    /// The mode, if the mapping names one.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.settings.mode
    }

    /// What a record without a key means.
    #[must_use]
    pub fn blank_key(&self) -> BlankKey {
        self.settings.blank_key
    }

    /// The IANA name of the mapping's time zone, if it names one.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        self.settings.time_zone.as_deref()
    }

    /// The columns of a file that the mapped records go to, in the mapping's order.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        let column = |(rule, several): (&Rule<Place>, &bool)| {
            let coding = if *several { Coding::List } else { Coding::Single };
            Column::plain(
                rule.to.field.to_string(),
                coding,
                if *several { Kind::Text } else { column_kind(rule) },
            )
        };
        self.rules.iter().zip(&self.several).map(column).collect()
    }

    /// A draft as a record of those columns.
    #[must_use]
    pub fn to_record(&self, draft: &Draft) -> Record {
        let mut record = Record::default();
        for ((rule, several), values) in self.rules.iter().zip(&self.several).zip(&draft.values) {
            let Some(values) = values else { continue };
            let name = rule.to.field.to_string();
            record.fields.push(match (several, values.first()) {
                (false, Some(value)) => Field::single(name, value.clone()),
                _ => Field::list(name, values.clone()),
            });
        }
        record
    }
}

type Found = Vec<(usize, String, Option<String>)>;

fn plain(name: &str) -> FieldRef {
    FieldRef { name: name.to_owned(), modifier: Modifier::Named(String::new()), part: None }
}

fn read_place(written: &Written, source: &SourceSide<'_>, absent: Absent, found: &mut Found) -> Place {
    if source.doubled.contains(&written.text) {
        let what = format!("{} has several columns `{}`", source.schema.of, written.text);
        let hint = format!("rename them in the file; as it is, the second is `{} (2)`", written.text);
        found.push((written.at, what, Some(hint)));
    }
    let resolved = match AROUND.contains(&written.text.as_str()) {
        // A service that was not asked may have any field, but none of these.
        true if source.schema.field(&written.text).is_none() => None,
        _ => Some(source.schema.resolve(&written.text, Side::From)),
    };
    let around = resolved.is_none();
    let field = resolved.unwrap_or_else(|| Ok(plain(&written.text))).unwrap_or_else(|unknown| {
        // The columns of a file are all there is; a service may be asked again.
        if absent == Absent::Refused || source.schema.has_head {
            found.push((written.at, unknown.what, unknown.hint));
        }
        plain(&written.text)
    });
    let hint = source.schema.fields.iter().position(|spec| spec.name == field.name).unwrap_or(0);
    Place { field, hint, around }
}

fn write_place(name: &str, at: usize, target: Option<&Schema>, findings: &mut Findings<'_>) -> FieldRef {
    let Some(target) = target else { return plain(name) };
    let place = match target.resolve(name, Side::To) {
        Ok(place) => place,
        Err(unknown) => {
            findings.add(at, unknown.what, unknown.hint);
            return plain(name);
        }
    };
    let by_service = target.has_head && matches!(place.name.as_str(), "_created" | "_updated");
    if by_service || target.field(&place.name).is_some_and(|spec| spec.read_only) {
        let hint = Some("map it to a field of your own".to_owned());
        findings.add(at, format!("`{name}` of {} is filled by the service itself", target.of), hint);
    }
    place
}

/// Two rules for one place, or for a whole value and a part of it.
fn overlaps(rules: &[(usize, Rule<Place>)], findings: &mut Findings<'_>) {
    for (index, (at, rule)) in rules.iter().enumerate() {
        let place = &rule.to.field;
        let same = |other: &FieldRef| {
            other.name == place.name
                && other.modifier == place.modifier
                && (other.part == place.part || other.part.is_none() || place.part.is_none())
        };
        if let Some((_, other)) = rules[..index].iter().find(|(_, other)| same(&other.to.field)) {
            let hint = Some("use one [[field]] for each place".to_owned());
            findings.add(*at, format!("`{place}` is already the target of line {}", other.line), hint);
        }
    }
}

/// Whether what is written to a place is read by a key: a bare name means every modifier.
fn fills(to: &FieldRef, key: &FieldRef) -> bool {
    let modifier = to.modifier == key.modifier || !matches!(key.modifier, Modifier::Named(_));
    to.name == key.name && modifier && to.part == key.part
}

fn keys(
    written: &[Vec<Written>],
    rules: &[Rule<Place>],
    target: Option<&Schema>,
    findings: &mut Findings<'_>,
) -> Vec<Vec<FieldRef>> {
    let mut field = |name: &Written| {
        let place = match target {
            None => plain(&name.text),
            Some(target) => {
                let exact = target.resolve(&name.text, Side::To);
                match exact.or_else(|_| target.resolve(&name.text, Side::From)) {
                    Ok(place) => place,
                    Err(unknown) => {
                        findings.add(name.at, format!("key: {}", unknown.what), unknown.hint);
                        return plain(&name.text);
                    }
                }
            }
        };
        let bare = |to: &FieldRef| target.is_none() && to.name.starts_with(&format!("{}[", place.name));
        if !rules.iter().any(|rule| bare(&rule.to.field) || fills(&rule.to.field, &place)) {
            let hint = Some(format!("add a [[field]] with to = \"{}\"", name.text));
            findings.add(name.at, format!("no [[field]] fills the key `{}`", name.text), hint);
        }
        place
    };
    written.iter().map(|key| key.iter().map(&mut field).collect()).collect()
}

/// What the mapping says; else what the target declares.
fn holds_several(rule: &Rule<Place>, target: Option<&Schema>) -> bool {
    let declared = || target?.field(&rule.to.field.name).map(|spec| spec.several);
    rule.several().or_else(declared).unwrap_or(false)
}

fn target_field(rule: &Rule<Place>, several: bool) -> TargetField {
    let one_part = rule.to.field.part.is_some() && rule.several() != Some(true);
    let write = rule.write.unwrap_or(match several {
        true if one_part => Write::Correct,
        true => Write::Add,
        false => Write::Replace,
    });
    TargetField {
        place: rule.to.field.clone(),
        write,
        multi: rule.several(),
        kind: rule.kind.map(json_kind),
        on_extra: rule.on_extra,
    }
}

fn json_kind(kind: Type) -> Kind {
    match kind {
        Type::Number => Kind::Number,
        Type::Bool => Kind::Bool,
        Type::DateTime => Kind::Timestamp,
        Type::Text | Type::Date => Kind::Text,
    }
}

/// The type of a file's column: what `type` or the last operation makes of every value, text where something
/// else may stand there too.
fn column_kind(rule: &Rule<Place>) -> Kind {
    let made = match (rule.kind, rule.steps.last().map(|step| &step.operation)) {
        (Some(kind), _) => json_kind(kind),
        (None, Some(Operation::Number(_))) if rule.join.is_none() => Kind::Number,
        (None, Some(Operation::Bool(_))) if rule.join.is_none() => Kind::Bool,
        (None, None) => match &rule.origin {
            Origin::Const(values) if values.iter().all(Value::is_number) => Kind::Number,
            Origin::Const(values) if values.iter().all(Value::is_boolean) => Kind::Bool,
            _ => Kind::Text,
        },
        _ => Kind::Text,
    };
    let fits = |value: &Value| match made {
        Kind::Number => value.is_number(),
        Kind::Bool => value.is_boolean(),
        Kind::Text | Kind::Timestamp => true,
    };
    let certain = rule.on_error != OnError::Keep && rule.default.iter().all(fits);
    if certain { made } else { Kind::Text }
}
