//! `ferry.toml`, walked with the place of every key and value, so that all that is wrong with it is said at once:
//! line, column, and the nearest name.
//!
//! A secret is never taken from the file itself, nor repeated in a message: where one stands as a plain text, the
//! file is refused with what to write instead.

use super::keys::{Holds, KEYS, Key};
use super::secret::SecretSource;
use super::{Origin, Service, Setting, Value};
use crate::error::{Error, Result, nearest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration file.
#[derive(Debug, Clone)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    /// In the order of the file.
    pub(super) connections: Vec<Entry>,
    pub(super) findings: Vec<Finding>,
}

/// A connection as the file has it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) service: &'static Service,
    pub(super) settings: BTreeMap<&'static str, Setting>,
}

/// Something that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What, and on what: `ferry.toml:3:1: ...`.
    pub what: String,
    /// What would help.
    pub hint: Option<String>,
}

/// The words that say where a secret is kept.
const SOURCES: [&str; 4] = ["env", "file", "command", "keyring"];

type Item<'d> = Spanned<DeValue<'d>>;

/// Reads the file at `path`; what is wrong with it is among its findings.
pub(super) fn read(path: &Path, services: &'static [Service]) -> ConfigFile {
    let mut file = ConfigFile { path: path.to_owned(), connections: Vec::new(), findings: Vec::new() };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let mut reading = Reading { path, text: &text, services, findings: Vec::new() };
            file.connections = reading.whole();
            reading.findings.sort_by_key(|(at, _)| *at);
            file.findings = reading.findings.into_iter().map(|(_, finding)| finding).collect();
        }
        Err(cause) => file.findings.push(Finding {
            what: format!("cannot read the configuration `{}`: {cause}", path.display()),
            hint: None,
        }),
    }
    file
}

/// Fails with all that was found: one finding with its hint as the error's, several one a line.
pub(super) fn settle(findings: &[Finding]) -> Result<()> {
    match findings {
        [] => Ok(()),
        [Finding { what, hint }] => {
            let error = Error::input(what.clone());
            Err(hint.iter().fold(error, |error, hint| error.hint(hint.clone())))
        }
        several => {
            let line = |finding: &Finding| match &finding.hint {
                Some(hint) => format!("{} ({hint})", finding.what),
                None => finding.what.clone(),
            };
            Err(Error::input(several.iter().map(line).collect::<Vec<_>>().join("\n")))
        }
    }
}

struct Reading<'t> {
    path: &'t Path,
    text: &'t str,
    services: &'static [Service],
    findings: Vec<(usize, Finding)>,
}

impl Reading<'_> {
    fn whole(&mut self) -> Vec<Entry> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        if !errors.is_empty() {
            // What follows a broken line is not what was meant; more findings would mislead.
            for error in &errors {
                let at = error.span().map_or(0, |span| span.start);
                self.add(at, error.message().replace('\n', " "), None);
            }
            return Vec::new();
        }
        let mut entries = Vec::new();
        for (key, value) in sorted(document.get_ref()) {
            let name = key.get_ref().as_ref();
            match (name, value.get_ref().as_table()) {
                ("connections", Some(table)) => {
                    for (name, value) in sorted(table) {
                        entries.extend(self.connection(name.get_ref(), name.span().start, value));
                    }
                }
                ("connections", None) => {
                    let hint = Some("write `[connections.NAME]` and its settings below".to_owned());
                    self.add(value.span().start, "`connections` is no table".to_owned(), hint);
                }
                _ => self.unknown(key.span().start, "key", name, &["connections"]),
            }
        }
        entries
    }

    fn connection(&mut self, name: &str, at: usize, value: &Item<'_>) -> Option<Entry> {
        let Some(table) = value.get_ref().as_table() else {
            let hint = Some(format!("write `[connections.{name}]` and its settings below"));
            self.add(at, format!("the connection `{name}` is no table"), hint);
            return None;
        };
        if !is_name(name) {
            let hint =
                Some("letters, digits, `-` and `_`, a letter first, two characters or more".to_owned());
            self.add(at, format!("`{name}` is no name for a connection"), hint);
            return None;
        }
        let service = self.service(name, at, table)?;
        let mut settings = BTreeMap::new();
        let known: Vec<&Key> = KEYS.iter().filter(|key| service.has(key)).collect();
        for (word, value) in sorted(table) {
            let (at, word) = (word.span().start, word.get_ref().as_ref());
            if word == "service" {
                continue;
            }
            let Some(key) = known.iter().find(|key| key.name == word) else {
                let names: Vec<_> =
                    std::iter::once("service").chain(known.iter().map(|key| key.name)).collect();
                self.unknown(
                    at,
                    &format!("setting of the {} connection `{name}`", service.name),
                    word,
                    &names,
                );
                continue;
            };
            if let Some(value) = self.value(key, value) {
                let origin = Origin::File { path: self.path.to_owned(), line: self.line(at) };
                settings.insert(key.name, Setting { value, origin });
            }
        }
        Some(Entry { name: name.to_owned(), service, settings })
    }

    /// The service that a connection says it is to, or that it is called after.
    fn service(&mut self, name: &str, at: usize, table: &DeTable<'_>) -> Option<&'static Service> {
        let services = self.services;
        let names: Vec<_> = services.iter().map(|service| service.name).collect();
        let called = services.iter().find(|service| service.name == name);
        let said = table.iter().find(|(key, _)| key.get_ref() == "service").map(|(_, value)| value);
        let Some(said) = said else {
            if called.is_none() {
                let hint = Some(format!("add `service = \"{}\"`", names.join("\"` or `service = \"")));
                self.add(at, format!("the connection `{name}` does not say which service it is to"), hint);
            }
            return called;
        };
        let at = said.span().start;
        let Some(word) = said.get_ref().as_str() else {
            self.add(at, "`service` is a text in quotes".to_owned(), None);
            return None;
        };
        match (services.iter().find(|service| service.name == word), called) {
            (None, _) => {
                self.unknown(at, "service", word, &names);
                None
            }
            (Some(service), Some(called)) if service.name != called.name => {
                let hint = Some("give the connection another name".to_owned());
                self.add(at, format!("the connection `{name}` is always to the service `{name}`"), hint);
                None
            }
            (found, _) => found,
        }
    }

    fn value(&mut self, key: &Key, value: &Item<'_>) -> Option<Value> {
        let at = value.span().start;
        if let Some(table) = value.get_ref().as_table() {
            if key.holds == Holds::Text {
                self.add(at, format!("`{}` is a text in quotes", key.name), None);
                return None;
            }
            return self.source(key, at, table).map(Value::Secret);
        }
        if key.holds == Holds::Secret {
            let env = key.name.to_uppercase();
            let hint = format!(
                "write where it is kept: {0} = {{ env = \"MY_{env}\" }}, {{ file = \"..\" }}, \
                 {{ command = [\"..\"] }} or {{ keyring = \"..\" }}",
                key.name
            );
            self.add(
                at,
                format!("`{}` is a secret, which never stands in the file itself", key.name),
                Some(hint),
            );
            return None;
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.trim().to_owned(),
            DeValue::Integer(number) if matches!(key.name, "concurrency" | "settle") => {
                number.as_str().to_owned()
            }
            _ => {
                self.add(at, format!("`{}` is a text in quotes", key.name), None);
                return None;
            }
        };
        match key.check(&text) {
            Ok(()) => Some(Value::Text(text)),
            Err(why) => {
                self.add(at, format!("`{}`: {why}", key.name), None);
                None
            }
        }
    }

    /// `{ env = ".." }`, `{ file = ".." }`, `{ command = [".."] }` or `{ keyring = ".." }`.
    fn source(&mut self, key: &Key, at: usize, table: &DeTable<'_>) -> Option<SecretSource> {
        let entries = sorted(table);
        let [(word, value)] = entries.as_slice() else {
            let hint = Some(format!("one of {}", SOURCES.join(", ")));
            self.add(at, format!("`{}` has to say one place where it is kept", key.name), hint);
            return None;
        };
        let written = word.get_ref().as_ref();
        if !SOURCES.contains(&written) {
            self.unknown(word.span().start, &format!("place of `{}`", key.name), written, &SOURCES);
            return None;
        }
        let texts = match (value.get_ref(), written) {
            (DeValue::String(text), "env" | "file" | "keyring") => Some(vec![text.to_string()]),
            (DeValue::Array(items), "command") => {
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        let texts = texts.filter(|texts| texts.first().is_some_and(|first| !first.trim().is_empty()));
        if texts.is_none() {
            let form = if written == "command" {
                "a list of texts: the program, then its arguments"
            } else {
                "a text in quotes"
            };
            self.add(value.span().start, format!("`{written}` is {form}"), None);
        }
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        SecretSource::new(written, texts?, folder)
    }

    fn unknown(&mut self, at: usize, what: &str, written: &str, known: &[&str]) {
        let hint = match nearest(written, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        self.add(at, format!("unknown {what}: `{written}`"), Some(hint));
    }

    fn add(&mut self, at: usize, what: String, hint: Option<String>) {
        let at = self.text.floor_char_boundary(at.min(self.text.len()));
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let column = self.text[start..at].chars().count() + 1;
        let what = format!("{}:{}:{column}: {what}", self.path.display(), self.line(at));
        self.findings.push((at, Finding { what, hint }));
    }

    /// The line, from 1, of a byte offset.
    fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A table's entries in the order of the file.
fn sorted<'a, 'd>(table: &'a DeTable<'d>) -> Vec<(&'a Spanned<std::borrow::Cow<'d, str>>, &'a Item<'d>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Whether a text can name a connection: it becomes part of variables' names and of endpoints.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        // A single letter and a colon would be a Windows drive.
        && text.len() > 1
}
