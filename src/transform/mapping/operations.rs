//! The operations of `do`, from TOML to their compiled form: names, arguments, and what is wrong with them.

use super::condition::flat;
use super::file::{Findings, Table, Written, choose, whole, written};
use super::rule::Step;
use crate::error::nearest;
use crate::transform::ops::lookup::{self, Lookup, Other};
use crate::transform::ops::number::{Decimal, Words};
use crate::transform::ops::phone::{self, Phone};
use crate::transform::ops::text::Replace;
use crate::transform::ops::time::{Date, DateTime};
use crate::transform::ops::{OnError, Operation, country, email, zone};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use toml::Spanned;
use toml::de::DeValue;

/// What operations need of the mapping around them.
pub(super) struct Place<'m> {
    /// Where lookup files are looked for.
    pub(super) folder: &'m Path,
    /// The mapping's time zone.
    pub(super) zone: Option<&'m TimeZone>,
}

const NAMES: [&str; 19] = [
    "trim",
    "collapse",
    "lowercase",
    "uppercase",
    "titlecase",
    "replace",
    "split",
    "nth",
    "prefix",
    "suffix",
    "lookup",
    "email",
    "phone",
    "country",
    "date",
    "datetime",
    "time_zone",
    "number",
    "bool",
];

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
    if !NAMES.contains(&name.text.as_str()) {
        findings.unknown(name.at, "operation", &name.text, NAMES);
        return None;
    }
    let mut aside = None;
    let operation = match arguments {
        None => plain(&name, place, findings)?,
        Some(arguments) => with_arguments(&name, arguments, place, &mut aside, findings)?,
    };
    Some(Step { line: findings.line(at), operation, aside })
}

/// An operation that stands there by its name alone.
fn plain(name: &Written, place: &Place<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    Some(match name.text.as_str() {
        "trim" => Operation::Trim,
        "collapse" => Operation::Collapse,
        "lowercase" => Operation::Lowercase,
        "uppercase" => Operation::Uppercase,
        "titlecase" => Operation::Titlecase,
        "email" => Operation::Email(email::Part::Address),
        "phone" => Operation::Phone(Phone { format: phone::Format::E164, region: None, strict: false }),
        "date" => Operation::Date(Date::new(Vec::new(), None).ok()?),
        "datetime" => Operation::DateTime(DateTime::new(Vec::new(), place.zone.cloned(), None, None).ok()?),
        "time_zone" => Operation::TimeZone,
        "number" => Operation::Number(Decimal::default()),
        "bool" => Operation::Bool(Words::default()),
        other => {
            let example = match other {
                "replace" => "{ replace = { find = \" \", with = \"\" } }",
                "split" => "{ split = { on = \",\" } }",
                "nth" => "{ nth = { n = 1 } }",
                "lookup" => "{ lookup = { table = { a = \"b\" } } }",
                "country" => "{ country = \"alpha-2\" }",
                _ => "{ prefix = \"text\" }",
            };
            findings.add(name.at, format!("`{other}` needs arguments"), Some(format!("such as {example}")));
            return None;
        }
    })
}

fn with_arguments(
    name: &Written,
    value: Node<'_>,
    place: &Place<'_>,
    aside: &mut Option<Written>,
    findings: &mut Findings<'_>,
) -> Option<Operation> {
    let table = |keys: &[&str], findings: &mut Findings<'_>| {
        let table = Table::of_value(format!("`{}`", name.text), value, findings)?;
        table.only(keys, findings);
        Some(table)
    };
    let text = |findings: &mut Findings<'_>| {
        let text = written(value);
        if text.is_none() {
            findings.add(value.span().start, format!("`{}` takes a text", name.text), None);
        }
        text
    };
    Some(match name.text.as_str() {
        "prefix" => Operation::Prefix(text(findings)?.text),
        "suffix" => Operation::Suffix(text(findings)?.text),
        "replace" => replace(&table(&["find", "regex", "with"], findings)?, findings)?,
        "split" => split(&table(&["on"], findings)?, findings)?,
        "nth" => nth(&table(&["n"], findings)?, findings)?,
        "lookup" => lookup(
            &table(&["table", "file", "from", "to", "else", "else_value"], findings)?,
            place,
            findings,
        )?,
        "email" => email_part(&table(&["part"], findings)?, findings),
        "phone" => {
            let table = table(&["format", "region", "region_from", "strict"], findings)?;
            *aside = table.text("region_from", findings);
            phone(&table, findings)
        }
        "country" => country_form(name, value, findings)?,
        "date" => date(&table(&["from", "to"], findings)?, findings)?,
        "datetime" => datetime(&table(&["from", "zone", "to", "format"], findings)?, place, findings)?,
        "number" => number(&table(&["decimal", "thousands"], findings)?, findings)?,
        "bool" => words(&table(&["true", "false"], findings)?, findings),
        other => {
            let hint = Some(format!("write \"{other}\""));
            findings.add(value.span().start, format!("`{other}` takes no arguments"), hint);
            return None;
        }
    })
}

fn replace(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let (find, regex) = (table.text("find", findings), table.text("regex", findings));
    let with = table.text("with", findings).map(|written| written.text).unwrap_or_default();
    match (find, regex) {
        (Some(find), None) if !find.text.is_empty() => {
            Some(Operation::Replace(Replace::text(find.text, with)))
        }
        (None, Some(regex)) => match Replace::pattern(&regex.text, with) {
            Ok(replace) => Some(Operation::Replace(replace)),
            Err(cause) => {
                findings.add(regex.at, format!("`regex` is no regular expression: {}", flat(&cause)), None);
                None
            }
        },
        _ => {
            let hint = Some(
                "write { find = \"text\", with = \"..\" } or { regex = \"..\", with = \"$1\" }".to_owned(),
            );
            findings.add(table.at, "`replace` needs `find` or `regex`, one of them", hint);
            None
        }
    }
}

fn split(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    match table.text("on", findings) {
        Some(on) if !on.text.is_empty() => Some(Operation::Split(on.text)),
        _ => {
            findings.add(table.at, "`split` needs `on`: the text between the pieces", None);
            None
        }
    }
}

fn nth(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    match table.get("n").and_then(whole) {
        Some(n) if n != 0 => Some(Operation::Nth(n)),
        _ => {
            findings.add(table.at, "`nth` needs `n`: a number from 1 (-1 is the last)", None);
            None
        }
    }
}

fn lookup(table: &Table<'_>, place: &Place<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let rows = match (table.get("table"), table.text("file", findings)) {
        (Some(inline), None) => inline_table(inline, findings),
        (None, Some(file)) => file_table(table, &file, place, findings),
        _ => {
            let hint = Some(
                "write { table = { a = \"b\" } } or { file = \"x.csv\", from = \"a\", to = \"b\" }"
                    .to_owned(),
            );
            findings.add(table.at, "`lookup` needs `table` or `file`, one of them", hint);
            None
        }
    };
    let policies = [("reject", OnError::Reject), ("keep", OnError::Keep), ("blank", OnError::Blank)];
    let policy = table.choice("else", &policies, findings).map(Other::Policy);
    let value = table.values("else_value", findings).and_then(|values| values.into_iter().next());
    if policy.is_some() && value.is_some() {
        findings.add(
            table.at,
            "`lookup` has both `else` and `else_value`",
            Some("keep one of them".to_owned()),
        );
    }
    Some(Operation::Lookup(Lookup { table: rows?, other: value.map(Other::Value).or(policy) }))
}

fn inline_table(value: Node<'_>, findings: &mut Findings<'_>) -> Option<HashMap<String, Value>> {
    let table = Table::of_value("`table`", value, findings)?;
    let mut rows = HashMap::new();
    for (word, _, value) in table.keys() {
        let meaning = super::file::values(word, value, findings)?.into_iter().next()?;
        rows.insert(word.to_owned(), meaning);
    }
    Some(rows)
}

fn file_table(
    table: &Table<'_>,
    file: &Written,
    place: &Place<'_>,
    findings: &mut Findings<'_>,
) -> Option<HashMap<String, Value>> {
    let (from, to) = (table.text("from", findings), table.text("to", findings));
    let (Some(from), Some(to)) = (from, to) else {
        findings.add(table.at, "`lookup` in a file needs `from` and `to`: two of its columns", None);
        return None;
    };
    let path = place.folder.join(&file.text);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(cause) => {
            findings.add(file.at, format!("cannot read the lookup file `{}`: {cause}", path.display()), None);
            return None;
        }
    };
    match lookup::table(&bytes, &from.text, &to.text) {
        Ok(rows) => Some(rows),
        Err(bad) => {
            findings.add(file.at, format!("the lookup file `{}`: {}", path.display(), bad.what), bad.hint);
            None
        }
    }
}

fn email_part(table: &Table<'_>, findings: &mut Findings<'_>) -> Operation {
    let parts = [("address", email::Part::Address), ("name", email::Part::Name), ("both", email::Part::Both)];
    Operation::Email(table.choice("part", &parts, findings).unwrap_or_default())
}

fn phone(table: &Table<'_>, findings: &mut Findings<'_>) -> Operation {
    let formats = [
        ("e164", phone::Format::E164),
        ("international", phone::Format::International),
        ("national", phone::Format::National),
    ];
    let mut region = None;
    if let Some(written) = table.text("region", findings) {
        region = country::alpha2(&written.text).ok().and_then(phone::region);
        if region.is_none() {
            let hint = Some("write its two letters, such as \"GB\"".to_owned());
            findings.add(written.at, format!("`{}` is no country with phone numbers", written.text), hint);
        }
    }
    Operation::Phone(Phone {
        format: table.choice("format", &formats, findings).unwrap_or_default(),
        region,
        strict: table.flag("strict", findings).unwrap_or(false),
    })
}

fn country_form(name: &Written, value: Node<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let (to, language) = match written(value) {
        Some(to) => (to, None),
        None => {
            let table = Table::of_value("`country`", value, findings)?;
            table.only(&["to", "language"], findings);
            let Some(to) = table.text("to", findings) else {
                findings.add(
                    name.at,
                    "`country` needs `to`",
                    Some("such as { to = \"alpha-2\" }".to_owned()),
                );
                return None;
            };
            (to, table.text("language", findings))
        }
    };
    let english = country::Form::name("en")?;
    let forms = [
        ("alpha-2", country::Form::Alpha2),
        ("alpha-3", country::Form::Alpha3),
        ("numeric", country::Form::Numeric),
        ("name", english),
    ];
    let form = choose("country", &to, &forms, findings)?;
    let Some(language) = language else { return Some(Operation::Country(form)) };
    if form != english {
        findings.add(language.at, "only names have a language", Some("write to = \"name\"".to_owned()));
        return None;
    }
    let named = country::Form::name(&language.text);
    if named.is_none() {
        let known: Vec<_> = country::languages().collect();
        let hint = nearest(&language.text, known.iter().copied()).map_or_else(
            || format!("known are {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        findings.add(language.at, format!("there are no country names in `{}`", language.text), Some(hint));
    }
    named.map(Operation::Country)
}

fn formats(table: &Table<'_>, findings: &mut Findings<'_>) -> Vec<String> {
    let formats = table.texts("from", findings).unwrap_or_default();
    formats.into_iter().map(|written| written.text).collect()
}

fn date(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let to = table.text("to", findings).map(|written| written.text);
    usable(Date::new(formats(table, findings), to), table, findings).map(Operation::Date)
}

fn datetime(table: &Table<'_>, place: &Place<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let zone = table.text("zone", findings).and_then(|written| time_zone(&written, findings));
    let to = match table.text("to", findings) {
        Some(written) if !written.text.eq_ignore_ascii_case("utc") => time_zone(&written, findings),
        _ => None,
    };
    let format = table.text("format", findings).map(|written| written.text);
    let zone = zone.or_else(|| place.zone.cloned());
    usable(DateTime::new(formats(table, findings), zone, to, format), table, findings)
        .map(Operation::DateTime)
}

fn time_zone(written: &Written, findings: &mut Findings<'_>) -> Option<TimeZone> {
    match zone::parse(&written.text) {
        Ok(zone) => Some(zone),
        Err(problem) => {
            let near = zone::near(&written.text).map(|near| format!("did you mean `{near}`?"));
            findings.add(written.at, format!("`{}` {}", written.text, problem.why), near.or(problem.hint));
            None
        }
    }
}

fn usable<T>(made: Result<T, String>, table: &Table<'_>, findings: &mut Findings<'_>) -> Option<T> {
    made.map_err(|why| findings.add(table.at, why, None)).ok()
}

fn number(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let mut mark = |key: &str| -> Option<Option<char>> {
        let Some(written) = table.text(key, findings) else { return Some(None) };
        let mut chars = written.text.chars();
        match (chars.next(), chars.next()) {
            (Some(mark), None) if !mark.is_alphanumeric() && mark != '-' && mark != '+' => Some(Some(mark)),
            _ => {
                findings.add(written.at, format!("`{key}` is one character that is no digit"), None);
                None
            }
        }
    };
    let (decimal, thousands) = (mark("decimal")?.unwrap_or('.'), mark("thousands")?);
    if thousands == Some(decimal) {
        let hint = (table.get("decimal").is_none()).then(|| "say `decimal` too, such as \",\"".to_owned());
        findings.add(table.at, format!("`{decimal}` cannot mark both decimals and thousands"), hint);
        return None;
    }
    Some(Operation::Number(Decimal { decimal, thousands }))
}

fn words(table: &Table<'_>, findings: &mut Findings<'_>) -> Operation {
    let standard = Words::default();
    let list = |key, findings: &mut Findings<'_>| {
        let texts = table.texts(key, findings)?;
        Some(texts.into_iter().map(|written| written.text).collect())
    };
    Operation::Bool(Words {
        yes: list("true", findings).unwrap_or(standard.yes),
        no: list("false", findings).unwrap_or(standard.no),
    })
}
