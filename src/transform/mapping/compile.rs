//! From a mapping's text to its compiled form. Everything wrong with the file by itself is found in one go.

use super::condition::Condition;
use super::example::Example;
use super::file::{Findings, Table, Written, choose, values, whole, written};
use super::operations::entry::Argument;
use super::operations::{Environment, Place, steps, time_zone};
use super::reference::keys;
use super::rule::{Link, MissingLink, Origin, Rule, Step, Take, Type};
use super::template::Template;
use super::{Absent, BlankKey, Mapping, Mode, Settings};
use crate::error::{Error, Result};
use crate::transform::draft::{OnExtra, Write};
use crate::transform::ops::boolean::Words;
use crate::transform::ops::number::Decimal;
use crate::transform::ops::time::{Date, DateTime, Reading};
use crate::transform::ops::{OnError, Operation, zone};
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const ON_ERROR: [(&str, OnError); 3] =
    [("reject", OnError::Reject), ("blank", OnError::Blank), ("keep", OnError::Keep)];
const BLANK: [(&str, bool); 2] = [("keep", false), ("clear", true)];

/// What holds for every field unless it says otherwise.
struct Defaults<'f> {
    clear: bool,
    on_error: OnError,
    trim: bool,
    zone: Option<TimeZone>,
    zone_from: Option<Written>,
    folder: &'f Path,
    env: Environment<'f>,
}

/// Compiles a whole file.
pub(super) fn mapping(text: &str, name: &str, folder: &Path, env: Environment<'_>) -> Result<Mapping> {
    let mut findings = Findings::new(name, text);
    let mapping = noting(text, name, folder, env, &mut findings);
    findings.settle()?;
    // What cannot be read at all is a finding, so there is a mapping.
    mapping.ok_or_else(|| Error::input(format!("cannot read the mapping `{name}`")))
}

/// The same with what is wrong noted; the mapping is then what can be read of it, nothing where the file is no TOML.
pub(super) fn noting(
    text: &str,
    name: &str,
    folder: &Path,
    env: Environment<'_>,
    findings: &mut Findings<'_>,
) -> Option<Mapping> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        findings.add(at, error.message().replace('\n', " "), None);
    }
    if !errors.is_empty() {
        // What follows a broken line is not what was meant; more findings would mislead.
        return None;
    }
    let root = Table::new("a mapping", 0, document.get_ref());
    root.only(&["mapping", "filter", "field", "example"], findings);

    let head = root.get("mapping").and_then(|value| Table::of_value("[mapping]", value, findings));
    let (settings, defaults) = settings(head.as_ref(), folder, env, findings);
    let filters = tables(&root, "filter", findings);
    let filters = filters.iter().filter_map(|table| Condition::read(table, findings)).collect();
    let fields = tables(&root, "field", findings);
    let rules: Vec<_> = fields.iter().filter_map(|table| rule(table, &defaults, findings)).collect();
    if fields.is_empty() {
        findings.add(0, "there is no [[field]]", Some("add one for every target field".to_owned()));
    }
    doubles(&rules, findings);
    let examples = tables(&root, "example", findings);
    let examples = examples.iter().filter_map(|table| Example::read(table, findings)).collect();
    Some(Mapping { text: text.to_owned(), name: name.to_owned(), settings, filters, rules, examples })
}

/// The tables of `[[name]]`.
fn tables<'d>(root: &Table<'d>, name: &str, findings: &mut Findings<'_>) -> Vec<Table<'d>> {
    let Some(value) = root.get(name) else { return Vec::new() };
    match value.get_ref().as_array() {
        Some(items) => {
            items.iter().filter_map(|item| Table::of_value(format!("[[{name}]]"), item, findings)).collect()
        }
        None => {
            let hint = Some(format!("write `[[{name}]]`"));
            findings.add(value.span().start, format!("`{name}` is a list of tables"), hint);
            Vec::new()
        }
    }
}

fn settings<'f>(
    table: Option<&Table<'_>>,
    folder: &'f Path,
    env: Environment<'f>,
    findings: &mut Findings<'_>,
) -> (Settings, Defaults<'f>) {
    let mut defaults = Defaults {
        clear: false,
        on_error: OnError::Reject,
        trim: true,
        zone: None,
        zone_from: None,
        folder,
        env,
    };
    let mut settings = Settings::default();
    let Some(table) = table else { return (settings, defaults) };
    table.only(&names(keys::SETTINGS), findings);
    let text = |key, findings: &mut Findings<'_>| table.text(key, findings).map(|written| written.text);
    settings.source = text("source", findings);
    settings.target = text("target", findings);
    let modes = [("create", Mode::Create), ("update", Mode::Update), ("upsert", Mode::Upsert)];
    settings.mode = table.choice("mode", &modes, findings);
    let blank_keys = [("reject", BlankKey::Reject), ("create", BlankKey::Create)];
    settings.blank_key = table.choice("blank_key", &blank_keys, findings).unwrap_or_default();
    settings.keys = table.get("key").and_then(|value| keys(value, findings)).unwrap_or_default();
    let texts = |key: &Vec<Written>| key.iter().map(|written| written.text.clone()).collect();
    settings.key_texts = settings.keys.iter().map(texts).collect();
    if let Some(written) = table.text("time_zone", findings) {
        defaults.zone = time_zone(&written, findings);
        match zone::name(&written.text) {
            Ok(name) => settings.time_zone = Some(name),
            // An offset such as +05:30 is a zone, and has no name that a service could be told.
            Err(problem) if defaults.zone.is_some() => {
                findings.add(written.at, format!("`{}` {}", written.text, problem.why), problem.hint);
            }
            Err(_) => {}
        }
    }
    let absent = [("error", Absent::Refused), ("blank", Absent::Blank)];
    settings.absent = table.choice("absent", &absent, findings).unwrap_or_default();
    let header_row = table.texts("header_row", findings).unwrap_or_default();
    settings.header_row = header_row.into_iter().map(|written| written.text).collect();
    settings.zone_from = table.text("time_zone_from", findings);
    defaults.zone_from.clone_from(&settings.zone_from);
    defaults.clear = table.choice("blank", &BLANK, findings).unwrap_or(false);
    defaults.on_error = table.choice("on_error", &ON_ERROR, findings).unwrap_or_default();
    defaults.trim = table.flag("trim", findings).unwrap_or(true);
    (settings, defaults)
}

/// `key`: a field, a list of them (composite), or a list of such lists (alternatives in order).
fn keys(value: &Spanned<DeValue<'_>>, findings: &mut Findings<'_>) -> Option<Vec<Vec<Written>>> {
    let found = match value.get_ref().as_array() {
        None => written(value).map(|one| vec![vec![one]]),
        Some(items) if items.is_empty() => None,
        Some(items) if items.iter().all(|item| item.get_ref().is_array()) => {
            let key = |item: &Spanned<DeValue<'_>>| -> Option<Vec<Written>> {
                let names = item.get_ref().as_array()?;
                if names.is_empty() { None } else { names.iter().map(written).collect() }
            };
            items.iter().map(key).collect()
        }
        Some(items) => items.iter().map(written).collect::<Option<_>>().map(|key| vec![key]),
    };
    if found.is_none() {
        let hint = "write [\"a\", \"b\"] for a key of two fields, [[\"a\"], [\"b\"]] for two keys in order";
        findings.add(value.span().start, "`key` is a list of target fields", Some(hint.to_owned()));
    }
    found
}

fn rule(table: &Table<'_>, defaults: &Defaults<'_>, findings: &mut Findings<'_>) -> Option<Rule<Written>> {
    table.only(&names(keys::FIELD), findings);
    let to = table.text("to", findings);
    if table.get("to").is_none() {
        findings.add(table.at, "[[field]] has no `to`", Some("name the target field".to_owned()));
    }
    let origin = origin(table, findings);
    let take = table.get("take").and_then(|value| take(value, findings));
    let writes = [("replace", Write::Replace), ("add", Write::Add), ("fill", Write::Fill)];
    let extras = [("first", OnExtra::First), ("reject", OnExtra::Reject)];
    let place = Place {
        folder: defaults.folder,
        zone: defaults.zone.as_ref(),
        zone_from: defaults.zone_from.as_ref(),
        env: defaults.env,
    };
    let kind = kind(table, findings);
    let rule = Rule {
        line: findings.line(to.as_ref().map_or(table.at, |to| to.at)),
        take,
        join: table.text("join", findings).map(|written| written.text),
        multi: table.flag("multi", findings),
        kind,
        cast: kind.and_then(|kind| cast(kind, defaults)),
        link: link(table, findings),
        steps: table.get("do").map(|value| steps(value, &place, findings)).unwrap_or_default(),
        default: table.values("default", findings).unwrap_or_default(),
        when: when(table, findings),
        write: table.choice("write", &writes, findings),
        on_extra: table.choice("on_extra", &extras, findings).unwrap_or_default(),
        clear: table.choice("blank", &BLANK, findings).unwrap_or(defaults.clear),
        on_error: table.choice("on_error", &ON_ERROR, findings).unwrap_or(defaults.on_error),
        trim: table.flag("trim", findings).unwrap_or(defaults.trim),
        to: to?,
        origin: origin?,
    };
    if rule.multi == Some(true) && rule.join.is_some() {
        let hint = Some("leave one of them out".to_owned());
        findings.add(table.at, "`join` makes one value, `multi = true` wants several", hint);
    }
    Some(rule)
}

fn origin(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Origin<Written>> {
    let given: Vec<_> =
        ["from", "const", "template"].into_iter().filter(|key| table.get(key).is_some()).collect();
    match given.as_slice() {
        ["from"] => table.texts("from", findings).map(Origin::Fields),
        ["const"] => table.values("const", findings).map(Origin::Const),
        ["template"] => template(&table.text("template", findings)?, findings),
        [] => {
            let hint = Some("add `from`, `const` or `template`".to_owned());
            findings.add(table.at, "[[field]] does not say where its values come from", hint);
            None
        }
        several => {
            let hint = Some("keep one of them".to_owned());
            findings.add(table.at, format!("[[field]] has both `{}`", several.join("` and `")), hint);
            None
        }
    }
}

fn template(text: &Written, findings: &mut Findings<'_>) -> Option<Origin<Written>> {
    // The name's own offset would be wrong where the text has escapes; the template's start is right always.
    let name = |name: &str, _| Written { text: name.to_owned(), at: text.at };
    match Template::parse(&text.text, name) {
        Ok(template) => Some(Origin::Template(template)),
        Err(why) => {
            findings.add(text.at, format!("the template cannot be read: {why}"), None);
            None
        }
    }
}

fn take(value: &Spanned<DeValue<'_>>, findings: &mut Findings<'_>) -> Option<Take> {
    if let Some(text) = written(value) {
        return choose(
            "take",
            &text,
            &[("first", Take::First), ("last", Take::Last), ("all", Take::All)],
            findings,
        );
    }
    match whole(value) {
        Some(n) if n != 0 => Some(Take::Nth(n)),
        _ => {
            let what = "`take` is \"first\", \"last\", \"all\" or a number from 1 (-1 is the last)";
            findings.add(value.span().start, what, None);
            None
        }
    }
}

fn kind(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Type> {
    // An option is written as its text, a link as an id: both are text on the way.
    let types = [
        ("text", Type::Text),
        ("number", Type::Number),
        ("bool", Type::Bool),
        ("date", Type::Date),
        ("datetime", Type::DateTime),
        ("option", Type::Text),
        ("link", Type::Text),
    ];
    table.choice("type", &types, findings)
}

/// What reads a text as a type. Text is read strictly here; how it is written otherwise, an operation says.
fn cast(kind: Type, defaults: &Defaults<'_>) -> Option<Step<Written>> {
    let (operation, aside) = match kind {
        Type::Text => return None,
        Type::Number => (Operation::Number(Decimal::default()), None),
        Type::Bool => (Operation::Bool(Words::new(&["true"], &["false"])), None),
        Type::Date => (Operation::Date(Date::new(Vec::new(), None, Reading::default()).ok()?), None),
        Type::DateTime => {
            let time =
                DateTime::new(Vec::new(), defaults.zone.clone(), None, None, Reading::default()).ok()?;
            (Operation::DateTime(time), defaults.zone_from.clone())
        }
    };
    Some(Step { line: 0, operation, aside })
}

/// `link`: the stream whose records the values name, by which of its fields.
fn link(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Link> {
    let link = Table::of_value("`link`", table.get("link")?, findings)?;
    link.only(&names(keys::LINK), findings);
    let (stream, by) = (link.text("stream", findings), link.text("by", findings));
    if link.get("stream").is_none() || link.get("by").is_none() {
        let hint = "such as { stream = \"crm:Companies\", by = \"Name\" }";
        findings.add(link.at, "`link` needs `stream` and `by`", Some(hint.to_owned()));
    }
    let choices =
        [("reject", MissingLink::Reject), ("create", MissingLink::Create), ("blank", MissingLink::Blank)];
    let missing = link.choice("missing", &choices, findings).unwrap_or_default();
    Some(Link { stream: stream?.text, by: by?.text, missing })
}

/// The names of a table's keys.
fn names(keys: &[Argument]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// `when`: a condition, or a list of them that must all hold.
fn when(table: &Table<'_>, findings: &mut Findings<'_>) -> Vec<Condition<Written>> {
    let Some(value) = table.get("when") else { return Vec::new() };
    let items: Vec<_> = match value.get_ref().as_array() {
        Some(items) => items.iter().collect(),
        None => vec![value],
    };
    let tables: Vec<_> =
        items.into_iter().filter_map(|item| Table::of_value("`when`", item, findings)).collect();
    tables.iter().filter_map(|table| Condition::read(table, findings)).collect()
}

/// Two fields into one target are a mistake; which of them should win?
fn doubles(rules: &[Rule<Written>], findings: &mut Findings<'_>) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for rule in rules {
        if let Some(line) = seen.insert(&rule.to.text, rule.line) {
            let hint = Some("use one [[field]] with a list in `from`".to_owned());
            findings.add(
                rule.to.at,
                format!("`{}` is already the target of line {line}", rule.to.text),
                hint,
            );
        }
    }
}

/// Values of an example's table.
pub(super) fn example_side(
    table: &Table<'_>,
    key: &str,
    findings: &mut Findings<'_>,
) -> Option<Vec<(Written, Vec<serde_json::Value>, bool)>> {
    let Some(value) = table.get(key) else {
        findings.add(table.at, format!("[[example]] has no `{key}`"), None);
        return None;
    };
    let side = Table::of_value(format!("`{key}`"), value, findings)?;
    let mut list = Vec::new();
    for (name, at, value) in side.keys() {
        let several = value.get_ref().is_array();
        if let Some(values) = values(name, value, findings) {
            list.push((Written { text: name.to_owned(), at }, values, several));
        }
    }
    Some(list)
}
