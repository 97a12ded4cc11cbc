//! Scenario files: what the simulated services are like and what goes wrong, as strict TOML.
//!
//! A scenario has a `seed`, the number of records to `generate`, `clock_ahead_ms` and
//! `date_ahead_ms`, a table of switches for each service
//! (`[nimble]`, `[nethunt]`), foreign changes (`[drift]`) and faults (`[[fault]]`). A key that is not known is
//! an error that names its line and the nearest known one: a misspelt fault that never happens would make a
//! test pass for the wrong reason.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sim::drift::{self, Drift};
use crate::sim::faults::{Faults, Rule};
use crate::sim::nethunt::NetHunt;
use crate::sim::nimble::knobs::Knobs;

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
    /// How far the `Date` of their answers is ahead of the clock that stamps records.
    pub(crate) date_ahead_ms: i64,
    pub(crate) nimble: Knobs,
    pub(crate) nethunt: Option<Value>,
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
        let scenario: Self = read_toml(text)?;
        let at = |table: &str| line_of_table(text, table);
        scenario.nimble.check().map_err(|why| format!("{}: [nimble] {why}", at("[nimble]")))?;
        NetHunt::new(&scenario.nethunt_knobs())
            .map_err(|why| format!("{}: [nethunt] {why}", at("[nethunt]")))?;
        Drift::new(scenario.drift.clone(), 0).map_err(|why| format!("{}: {why}", at("[drift]")))?;
        Faults::new(scenario.fault.clone(), 0).map_err(|why| format!("{}: {why}", at("[[fault]]")))?;
        Ok(scenario)
    }

    /// The switches of the NetHunt service, an empty object when there are none.
    pub(crate) fn nethunt_knobs(&self) -> Value {
        self.nethunt.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()))
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
        read_toml(text)?
    };
    Ok(rules.fault)
}

/// Reads a JSON value by the same strict rules as a scenario's TOML.
pub(crate) fn from_json<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    // By way of TOML, so that both spellings share one set of error messages and number rules.
    let text = toml::to_string(&toml_value(value)).map_err(|why| why.to_string())?;
    read_toml(&text)
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

fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = error.message();
        match nearest(message) {
            Some(name) => format!("{line}: {message}; did you mean `{name}`?"),
            None => format!("{line}: {message}"),
        }
    })
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

fn line_of_table(text: &str, header: &str) -> usize {
    text.lines().position(|line| line.trim() == header).map_or(1, |index| index + 1)
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
