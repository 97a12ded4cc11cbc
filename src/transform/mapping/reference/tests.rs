//! Every example of the reference is run, the documentation is the one kept, and the schema takes what the
//! compiler takes.

#![allow(clippy::print_stderr, reason = "tests say what they skip")]

use super::*;
use crate::record::{Field, Record, to_text};
use crate::transform::mapping::compile;
use crate::transform::mapping::operations::entries;
use crate::transform::mapping::{Mapping, Outcome, SourceSide};
use crate::transform::ops::time::{DateTime, Reading};
use crate::transform::ops::zone;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// The environment of the examples.
fn environment(name: &str) -> Option<String> {
    (name == "FERRY_MASK_KEY").then(|| "the key of the examples".to_owned())
}

fn mapping(text: &str) -> crate::error::Result<Mapping> {
    compile::mapping(text, "m.toml", Path::new(""), &environment)
}

/// What an example comes to, as [`Makes`] has it.
fn made(example: &Example) -> Result<Vec<Value>, String> {
    let text = format!("[[field]]\nto = \"t\"\nfrom = \"a\"\nmulti = true\ndo = {}\n", written(example));
    let names = ["a"].into_iter().chain(example.also.iter().map(|(name, _)| *name));
    let schema = crate::transform::mapping::tests::file(&names.collect::<Vec<_>>());
    let bound = mapping(&text).and_then(|mapping| mapping.bind(&SourceSide::lists(&schema), None));
    let bound = bound.map_err(|error| format!("does not compile: {}", error.chain()))?;
    let values = example.values.iter().map(|value| json!(value)).collect();
    let also = example.also.iter().map(|(name, value)| Field::single(*name, json!(value)));
    let fields = [Field::list("a", values)].into_iter().chain(also).collect();
    match bound.apply(&Record { fields, ..Record::default() }, 1) {
        Outcome::Draft(mut draft) => Ok(draft.values.swap_remove(0).unwrap_or_default()),
        Outcome::Filtered => Err("filtered".to_owned()),
        Outcome::Rejected(rejects) => Err(rejects[0].reason.clone()),
    }
}

#[test]
fn every_example_gives_what_it_says() {
    let mut wrong = Vec::new();
    for example in entries().flat_map(|entry| entry.examples) {
        let made = made(example);
        let holds = match (example.makes, &made) {
            (Makes::Texts(texts), Ok(values)) => {
                *values == texts.iter().map(|text| json!(text)).collect::<Vec<_>>()
            }
            (Makes::Json(json), Ok(values)) => {
                values.len() == 1 && !values[0].is_string() && to_text(&values[0]) == json
            }
            (Makes::Refused(why), Err(reason)) => reason.contains(why),
            _ => false,
        };
        if !holds {
            wrong.push(format!(
                "{} of {:?}: {made:?}, not {:?}",
                example.write, example.values, example.makes
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_operation_is_explained() {
    let mut names = BTreeSet::new();
    for entry in entries() {
        assert!(names.insert(entry.name), "{} is there twice", entry.name);
        assert!(!entry.what.is_empty() && !entry.examples.is_empty(), "{}", entry.name);
        assert!(entry.bare || !entry.arguments.is_empty(), "{}", entry.name);
        let short = |short| entry.arguments.iter().any(|argument| argument.name == short);
        assert!(entry.short.is_none_or(short), "{}", entry.name);
        let own = entry.examples.iter().any(|example| example.write.contains(entry.name));
        assert!(own, "no example of {} uses it", entry.name);
        // Every choice that is offered is one that the compiler takes.
        for argument in entry.arguments {
            let Kind::Choice(words) = argument.kind else { continue };
            for word in words {
                let write = with(entry, argument.name, word);
                let text = format!("[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{write}]\n");
                assert!(mapping(&text).is_ok(), "{write}: {}", mapping(&text).unwrap_err().chain());
            }
        }
    }
    assert!(names.len() >= 34, "{names:?}");
}

/// The operation with one argument said and those that it needs.
fn with(entry: &Entry, name: &str, word: &str) -> String {
    let needed = match entry.name {
        "lookup" => "table = { a = \"b\" }, ",
        "name" if name != "part" => "part = \"given\", ",
        _ => "",
    };
    format!("{{ {} = {{ {needed}{name} = \"{word}\" }} }}", entry.name)
}

/// `docs/mapping.md` is what the program says. After a change that is meant, write it anew with
/// `ferry mapping docs > docs/mapping.md`, or run this test with `FERRY_WRITE_DOCS=1`.
#[test]
fn the_documentation_is_current() {
    let path = Path::new("docs/mapping.md");
    if std::env::var_os("FERRY_WRITE_DOCS").is_some() {
        std::fs::create_dir_all("docs").unwrap();
        std::fs::write(path, docs()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(kept == docs(), "docs/mapping.md is not what `ferry mapping docs` prints");
}

#[test]
fn the_mapping_of_the_introduction_holds() {
    let text = INTRODUCTION.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    for tried in mapping(text).unwrap().test(None, None).unwrap() {
        assert_eq!(tried.differences, []);
    }
}

#[test]
fn every_mapping_that_is_shown_compiles() {
    let docs = docs();
    let shown: Vec<_> = docs.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(shown.len() >= 3);
    for text in shown {
        assert!(mapping(text).is_ok(), "{text}\n{}", mapping(text).unwrap_err().chain());
    }
}

#[test]
fn every_format_that_is_shown_reads_what_it_says() {
    let section = INTRODUCTION.split("## Formats of dates and times").nth(1).unwrap();
    let mut seen = 0;
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, _, format, text, expected] = cells[..] else { panic!("{line}") };
        let pivot = if format.contains("%y") { Some(30) } else { None };
        let reading = Reading { pivot, ..Reading::default() };
        let utc = zone::parse("UTC").ok();
        let time = DateTime::new(vec![format.to_owned()], utc, None, None, reading).unwrap();
        assert_eq!(time.apply(text, None).as_deref(), Ok(expected), "{line}");
        seen += 1;
    }
    assert!(seen >= 10);
}

/// Every form in which an operation may be written: its examples, and every choice of every argument.
fn forms() -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    for entry in entries() {
        forms.extend(entry.examples.iter().map(written));
        for argument in entry.arguments {
            if let Kind::Choice(words) = argument.kind {
                forms.extend(words.iter().map(|word| with(entry, argument.name, word)));
            }
        }
    }
    forms
}

#[test]
fn no_form_of_an_operation_panics_on_naughty_strings_or_remembers_them() {
    let path = "../shared/data/strings/blns.json";
    let Ok(list) = std::fs::read_to_string(path) else {
        eprintln!("{path} is not there; skipped");
        return;
    };
    let strings: Vec<String> = serde_json::from_str(&list).unwrap();
    // Other fields that operations read (`region_from = "land"` and the like).
    let others = ["land", "zone", "country"];
    let names: Vec<_> = ["a"].into_iter().chain(others).collect();
    let schema = crate::transform::mapping::tests::file(&names);
    for form in forms() {
        let form = if form.starts_with('[') { form } else { format!("[{form}]") };
        // What cannot be read is kept: the nearest names, which are slow to find, are another test's.
        let text = format!(
            "[mapping]\nabsent = \"blank\"\n[[field]]\nto = \"t\"\nfrom = \"a\"\non_error = \"keep\"\ndo = {form}\n"
        );
        let bound = mapping(&text).unwrap().bind(&SourceSide::lists(&schema), None).unwrap();
        let made = |text: &String| {
            let fields = names.iter().map(|name| Field::single(*name, json!(text))).collect();
            bound.apply(&Record { fields, ..Record::default() }, 1)
        };
        let forth: Vec<_> = strings.iter().map(made).collect();
        let mut back: Vec<_> = strings.iter().rev().map(made).collect();
        back.reverse();
        assert!(forth == back, "{form}");
    }
}

/// Why a value does not fit a schema; the words of JSON Schema that ours uses.
fn misfit(value: &Value, schema: &Value, root: &Value) -> Option<String> {
    if *schema == Value::Bool(false) {
        return Some("nothing may stand here".to_owned());
    }
    let of = |schema: &Value| misfit(value, schema, root);
    let list = |key: &str| schema[key].as_array().cloned().unwrap_or_default();
    if let Some(path) = schema["$ref"].as_str() {
        return of(&root["$defs"][path.trim_start_matches("#/$defs/")]);
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    };
    let is = |name: &String| match name.as_str() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        other => panic!("unknown type {other}"),
    };
    if !types.is_empty() && !types.iter().any(is) {
        return Some(format!("{value} is no {types:?}"));
    }
    if !list("enum").is_empty() && !list("enum").contains(value) {
        return Some(format!("{value} is none of {}", schema["enum"]));
    }
    if let Some(object) = value.as_object() {
        for key in list("required") {
            if !object.contains_key(key.as_str().unwrap()) {
                return Some(format!("{key} is missing"));
            }
        }
        let size = |key: &str| schema[key].as_u64().map(|size| usize::try_from(size).unwrap());
        if size("minProperties").is_some_and(|least| object.len() < least)
            || size("maxProperties").is_some_and(|most| object.len() > most)
        {
            return Some(format!("{value} has {} keys", object.len()));
        }
        for (key, inner) in object {
            let found = match (&schema["properties"][key], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => Some(format!("unknown key {key}")),
                (Value::Null, Value::Null) => None,
                (Value::Null, more) => misfit(inner, more, root),
                (known, _) => misfit(inner, known, root),
            };
            if let Some(found) = found {
                return Some(format!("{key}: {found}"));
            }
        }
    }
    if let (Some(items), Some(of)) = (value.as_array(), schema.get("items")) {
        if schema["minItems"].as_u64().is_some_and(|least| (items.len() as u64) < least) {
            return Some("too few items".to_owned());
        }
        if let Some(found) = items.iter().find_map(|item| misfit(item, of, root)) {
            return Some(found);
        }
    }
    let limit = |key: &str| schema[key].as_i64();
    if value.as_i64().is_some_and(|value| {
        limit("minimum").is_some_and(|least| value < least)
            || limit("maximum").is_some_and(|most| value > most)
    }) {
        return Some(format!("{value} is out of range"));
    }
    let any = list("anyOf");
    if !any.is_empty() && any.iter().all(|one| of(one).is_some()) {
        return Some(any.iter().filter_map(of).collect::<Vec<_>>().join(" or "));
    }
    let one = list("oneOf");
    let fitting = one.iter().filter(|one| of(one).is_none()).count();
    (!one.is_empty() && fitting != 1).then(|| format!("{fitting} of {} ways fit", one.len()))
}

fn fits(text: &str) -> Option<String> {
    let value: Value = toml::from_str::<toml::Table>(text).map(|table| json!(table)).unwrap();
    let value: Value = serde_json::from_str(&value.to_string()).unwrap();
    misfit(&value, &schema(), &schema())
}

#[test]
fn the_schema_takes_what_the_compiler_takes() {
    let mut seen = 0;
    for folder in ["mappings", "samples"] {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "toml") {
                let misfit = fits(&std::fs::read_to_string(&path).unwrap());
                assert_eq!(misfit, None, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 8, "{seen}");
    for example in entries().flat_map(|entry| entry.examples) {
        let text = format!("[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = {}\n", written(example));
        assert_eq!(fits(&text), None, "{text}");
    }
    let nested = "[[filter]]\nany = [{ field = \"a\", gt = 1 }, { not = { field = \"b\", empty = true } }]\n\
                  [[field]]\nto = \"t\"\nfrom = \"a\"\nwhen = { all = [{ field = \"a\", in = [1] }] }\n";
    assert_eq!(fits(nested), None);
    assert!(mapping(nested).is_ok());
}

#[test]
fn the_schema_refuses_what_the_compiler_refuses() {
    let field = |more: &str| format!("[[field]]\nto = \"t\"\n{more}\n");
    let cases = [
        "[mapping]\nmode = \"upsert\"\n".to_owned(),
        field("form = \"a\""),
        field("from = \"a\"\nconst = 1"),
        field("from = \"a\"\ndo = [\"lowercse\"]"),
        field("from = \"a\"\ndo = [\"country\"]"),
        field("from = \"a\"\ndo = [{ trim = {} }]"),
        field("from = \"a\"\ndo = [{ phone = { regoin = \"GB\" } }]"),
        field("from = \"a\"\ndo = [{ country = \"alpha2\" }]"),
        field("from = \"a\"\ndo = [{ split = {} }]"),
        field("from = \"a\"\ntake = 0"),
        field("from = \"a\"\nwhen = { field = \"b\" }"),
        field("from = \"a\"\nwhen = { field = \"b\", is = 1, not = { field = \"a\", is = 1 } }"),
        field("from = \"a\"\nlink = { by = \"Name\" }"),
        format!("[mapping]\ntirm = true\n{}", field("from = \"a\"")),
    ];
    for text in cases {
        assert!(mapping(&text).is_err(), "{text}");
        assert!(fits(&text).is_some(), "{text}");
    }
}
