//! Scenario files: what the simulated services are like and what goes wrong, as strict TOML.
//!
//! A scenario has a `seed`, the number of records to `generate`, `clock_ahead_ms`, a table of switches for each service
//! (`[nimble]`, `[nethunt]`), foreign changes (`[drift]`) and faults (`[[fault]]`). A key that is not known is
//! an error that names its line and the nearest known one: a misspelt fault that never happens would make a
//! test pass for the wrong reason.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::sim::drift::{self, Drift};
use crate::sim::faults::Rule;
use crate::sim::{nethunt, nimble};

/// A scenario, checked; the default one is a calm service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Seed of all dice; without it the simulator's own seed serves.
    pub(crate) seed: Option<u64>,
    /// Records to generate at start, unless the caller asks for a number.
    pub(crate) generate: Option<usize>,
    /// How far the services' clock is ahead of ours; negative where it is behind.
    pub(crate) clock_ahead_ms: i64,
    pub(crate) nimble: nimble::knobs::Knobs,
    pub(crate) nethunt: nethunt::knobs::Knobs,
    pub(crate) drift: drift::Order,
    pub(crate) fault: Vec<Rule>,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// When the file cannot be read or is not a scenario; the text names file and line.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|why| format!("cannot read scenario `{}`: {why}", path.display()))?;
        Self::parse(&text).map_err(|why| format!("{}:{why}", path.display()))
    }

    /// Reads a scenario from text.
    ///
    /// # Errors
    /// When the text is not a scenario; the error begins with the line number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self =
            read_toml(text).map_err(|Wrong { offset, why }| format!("{}: {why}", line_at(text, offset)))?;
        let line = |table: &str, place: usize, why: &str| line_at(text, place_of(text, table, place, why));
        let at = |table: &str, why: String| format!("{}: [{table}] {why}", line(table, 0, &why));
        scenario.nimble.check().map_err(|why| at("nimble", why))?;
        nethunt::check(&scenario.nethunt).map_err(|why| at("nethunt", why))?;
        Drift::new(scenario.drift.clone(), 0).map_err(|why| format!("{}: {why}", line("drift", 0, &why)))?;
        for (place, rule) in scenario.fault.iter().enumerate() {
            let at = |why: String| format!("{}: fault {}: {why}", line("fault", place, &why), place + 1);
            rule.check().map_err(at)?;
        }
        Ok(scenario)
    }
}

/// The fault rules in a request body: TOML with `[[fault]]` tables, a JSON array of rules, or the JSON object
/// `{"fault": [..]}`. Nothing at all means no rules.
pub(crate) fn rules(body: &[u8]) -> Result<Vec<Rule>, String> {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Rules {
        fault: Vec<Rule>,
    }
    let text = std::str::from_utf8(body).map_err(|_| "the rules are not UTF-8".to_owned())?.trim();
    let rules: Rules = if text.starts_with('{') || (text.starts_with('[') && !text.starts_with("[[fault")) {
        let value: Value = serde_json::from_str(text).map_err(|why| why.to_string())?;
        let value = if value.is_array() { serde_json::json!({ "fault": value }) } else { value };
        from_json(&value)?
    } else {
        read_toml(text).map_err(|Wrong { offset, why }| format!("{}: {why}", line_at(text, offset)))?
    };
    Ok(rules.fault)
}

/// Reads a JSON value by the same strict rules as a scenario's TOML.
pub(crate) fn from_json<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    // By way of TOML, so that both spellings share one set of error messages and number rules.
    let text = toml::to_string(&toml_value(value)).map_err(|why| why.to_string())?;
    // The lines of that text are nobody's.
    read_toml(&text).map_err(|wrong| wrong.why)
}

/// Lays the settings of a JSON object over those in force; one that is null goes back to its default.
pub(crate) fn laid_over<T: Serialize + DeserializeOwned>(knobs: &T, settings: &Value) -> Result<T, String> {
    let settings = settings.as_object().ok_or("an object with settings is expected")?;
    let mut all = serde_json::to_value(knobs).map_err(|why| why.to_string())?;
    for (key, value) in settings {
        all[key.as_str()] = value.clone();
    }
    from_json(&all)
}

fn toml_value(value: &Value) -> toml::Value {
    match value {
        Value::Null => toml::Value::String(String::new()),
        Value::Bool(flag) => toml::Value::Boolean(*flag),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| toml::Value::Float(number.as_f64().unwrap_or(0.0)), toml::Value::Integer),
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(items) => toml::Value::Array(items.iter().map(toml_value).collect()),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            toml::Value::Table(members.map(|(key, value)| (key.clone(), toml_value(value))).collect())
        }
    }
}

/// What is wrong with a text, and where in it.
struct Wrong {
    offset: usize,
    why: String,
}

fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, Wrong> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        let message = error.message();
        // What is not known is named by the message itself, a value of a wrong type is not.
        let key = DeTable::parse(text).ok().filter(|_| !message.starts_with("unknown "));
        let why = match key.and_then(|root| key_at(root.get_ref(), offset)) {
            Some(key) => format!("`{key}`: {message}"),
            None => message.to_owned(),
        };
        let why = match nearest(message) {
            Some(name) => format!("{why}; did you mean `{name}`?"),
            None => why,
        };
        Wrong { offset, why }
    })
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The key whose value is at `offset`.
fn key_at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => key_at(inner, offset),
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| item.get_ref().as_table())
                .find_map(|item| key_at(item, offset)),
            _ => None,
        };
        inner.or_else(|| value.span().contains(&offset).then(|| key.get_ref().to_string()))
    })
}

/// Where the key stands that `why` names, in a table or in the one of that place in a list of tables; the table
/// itself when it names none that is there.
fn place_of(text: &str, table: &str, place: usize, why: &str) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 0 };
    let Some((_, found)) = root.get_ref().iter().find(|(name, _)| name.get_ref() == table) else { return 0 };
    let found = match found.get_ref() {
        DeValue::Array(tables) => tables.get(place).unwrap_or(found),
        _ => found,
    };
    let named = |name: &str| why.split('`').skip(1).step_by(2).any(|quoted| quoted == name);
    let mut keys = found.get_ref().as_table().into_iter().flat_map(|table| table.keys());
    keys.find(|key| named(key.get_ref())).map_or(found.span(), |key| key.span()).start
}

/// Of the names in "unknown field `a`, expected one of `b`, `c`" the one that `a` was most likely meant to be.
fn nearest(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let wrong = names.next()?;
    names
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named_with_its_line_and_the_nearest_name() {
        for (text, expected) in [
            ("sed = 1", "1: unknown field `sed`"),
            ("[nimble]\nmax_per_pag = 5", "2: unknown field `max_per_pag`"),
            ("\n[[fault]]\nkind = \"html\"\nprobabilty = 1.0", "4: unknown field `probabilty`"),
            ("[[fault]]\nkind = \"lost_anser\"", "2: unknown variant `lost_anser`"),
        ] {
            let error = Scenario::parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
            assert!(error.contains("did you mean `"), "{error}");
        }
        let error = Scenario::parse("[[fault]]\nkind = \"html\"\nprobabilty = 1.0").unwrap_err();
        assert!(error.ends_with("did you mean `probability`?"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_value_is_said_with_its_line_and_key() {
        for (text, expected) in [
            ("[nethunt]\norder = \"desc\"\nsinec = \"strict\"", "3: unknown field `sinec`"),
            ("[nethunt]\nsinec = \"strict\"", "did you mean `since`?"),
            ("[nethunt]\norder = \"descc\"", "2: unknown variant `descc`"),
            ("[nethunt]\n\ncap = \"x\"", "3: `cap`: invalid value"),
            ("[nethunt]\ncap = -1", "2: `cap`: invalid value"),
            ("[nethunt]\nsince = \"strict\"\nunknown_id = 200", "3: [nethunt] `unknown_id`"),
            ("seed = 1\n[nethunt] # odd\ndelete_twice = 500", "3: [nethunt] `delete_twice`"),
            ("nethunt = { delete_twice = 500 }", "1: [nethunt] `delete_twice`"),
            ("[nethunt.order]\nnew-records = \"asc\"", "1: [nethunt] `order`: unknown stream"),
            ("[nimble]\nsort = \"honour\"\nmax_per_page = \"x\"", "3: `max_per_page`: invalid type"),
            ("[nimble]\nsort = \"honour\"\nmax_per_page = 0", "3: [nimble] `max_per_page`"),
            ("[nimble]\n\ntoken_lifetime_s = 0", "3: [nimble] `token_lifetime_s`"),
            ("[nimble]\n\nindex_delay_ms = -5", "3: [nimble] `index_delay_ms`"),
            ("[nimble]\nmin_join_items = 0", "2: [nimble] `min_join_items`"),
            ("[nimble]\ncustom_fields = [\"E-Mail\", \"email\"]", "2: [nimble] `custom_fields`"),
            ("[nimble]\ncustom_fields = [\"\"]", "2: [nimble] `custom_fields`"),
            ("[nimble]\ncustom_fields = [\"A\", \"a\"]", "2: [nimble] `custom_fields`"),
            ("[nethunt]\nrequired_fields = [\"Nope\"]", "2: [nethunt] `required_fields`"),
            ("[drift]\ninserts = 1\nservice = \"nimble\"\nevery = 0", "4: `every`: invalid value"),
            ("[drift]\ninserts = 1\nservice = \"x\"", "3: drift: `service`"),
            (
                "[[fault]]\nkind = \"html\"\n\n[[fault]]\nkind = \"html\"\nprobability = 7",
                "6: fault 2: `probability`",
            ),
            ("[[fault]]\nkind = \"html\"\n[[fault]]\nkind = \"latency\"", "3: fault 2: `latency_ms`"),
            ("[[fault]]\nkind = \"html\"\npath_regex = \"(\"", "3: fault 1: `path_regex`"),
        ] {
            let error = Scenario::parse(text).unwrap_err();
            let found = if expected.starts_with("did") {
                error.ends_with(expected)
            } else {
                error.starts_with(expected)
            };
            assert!(found, "{expected}: {error}");
        }
    }

    #[test]
    fn rules_are_read_from_toml_and_from_json() {
        for (body, count) in [
            ("", 0),
            ("[[fault]]\nkind = \"html\"\nat = [1]", 1),
            (r#"[{"kind": "latency", "latency_ms": [1, 5], "probability": 0.5}]"#, 1),
            (r#"{"fault": [{"kind": "down"}, {"kind": "html", "path": null}]}"#, 2),
        ] {
            assert_eq!(rules(body.as_bytes()).unwrap().len(), count, "{body}");
        }
        assert!(rules(br#"[{"kind": "html", "evry": 3}]"#).unwrap_err().contains("did you mean `every`?"));
    }

    #[test]
    fn every_sample_scenario_is_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/scenarios");
        let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 6);
        for file in files {
            Scenario::load(&file).unwrap();
        }
    }
}
