//! All connections of a command: found, merged from flags, environment and file, shown and checked.

use super::file::{self, ConfigFile, Finding};
use super::keys::{Holds, Key, concurrency, duration};
use super::secret::SecretSource;
use super::{Connection, Origin, Overrides, Service, Setting, Value, variable_name};
use crate::error::{Error, Result, nearest};
use crate::http::pace::RateLimit;
use crate::stop::Stop;
use etcetera::BaseStrategy;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The connections of a command.
#[derive(Debug, Clone)]
pub struct Connections {
    services: &'static [Service],
    overrides: Overrides,
    /// Where `ferry.toml` was looked for.
    looked_for: Vec<PathBuf>,
    file: Option<ConfigFile>,
}

/// A setting as `ferry config show` shows it: never a secret's value.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Shown {
    /// The setting's name.
    pub key: &'static str,
    /// Its value; `set` or `not set` for a secret; nothing where there is none.
    pub value: Option<String>,
    /// Who says so.
    pub from: String,
}

/// The name of the file.
const FILE: &str = "ferry.toml";

impl Connections {
    /// Reads the configuration. What is wrong with it is said when a connection is asked for, so that commands
    /// without one go on.
    #[must_use]
    pub fn load(config: Option<&Path>, overrides: Overrides, services: &'static [Service]) -> Self {
        let looked_for = match config {
            Some(path) => vec![path.to_owned()],
            None => {
                let here = std::env::current_dir().unwrap_or_default().join(FILE);
                std::iter::once(here).chain(user_folder().map(|folder| folder.join(FILE))).collect()
            }
        };
        let found = looked_for.iter().find(|path| config.is_some() || path.is_file());
        let file = found.map(|path| file::read(path, services));
        Self { services, overrides, looked_for, file }
    }

    /// The names of all connections, those without configuration first.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.services.iter().map(|service| service.name).collect();
        for entry in self.file.iter().flat_map(|file| &file.connections) {
            if !names.contains(&entry.name.as_str()) {
                names.push(&entry.name);
            }
        }
        names
    }

    /// Whether the file has the connection; the others need no configuration, and may not be meant.
    #[must_use]
    pub fn is_configured(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// The service that a connection is to.
    ///
    /// # Errors
    /// When there is no such connection, with the nearest name (class `Input`), or the file is wrong.
    pub fn service(&self, name: &str) -> Result<&'static Service> {
        self.settle()?;
        self.service_of(name).ok_or_else(|| self.unknown(name))
    }

    /// The connection of that name.
    ///
    /// # Errors
    /// When there is none, or the file or a variable holds what it may not (class `Input`).
    pub fn get(&self, name: &str) -> Result<Connection> {
        let service = self.service(name)?;
        let mut settings = BTreeMap::new();
        for key in service.settings() {
            if let Some(setting) = self.setting(name, service, key)? {
                settings.insert(key.name, setting);
            }
        }
        let text = |key: &str| match settings.get(key).map(|setting: &Setting| &setting.value) {
            Some(Value::Text(text)) => text.as_str(),
            _ => "",
        };
        let wrong = |key: &str, why: String| Error::input(format!("`{key}` of `{name}`: {why}"));
        let zone = text("time_zone");
        Ok(Connection {
            name: name.to_owned(),
            service,
            url: text("url").trim_end_matches('/').to_owned(),
            rate: text("rate").parse::<RateLimit>().map_err(|why| wrong("rate", why))?,
            concurrency: concurrency(text("concurrency")).map_err(|why| wrong("concurrency", why))?,
            settle: duration(text("settle")).map_err(|why| wrong("settle", why))?,
            time_zone: (!zone.is_empty()).then(|| zone.to_owned()),
            settings,
        })
    }

    /// All settings of a connection, each with its value and who says so. Nothing is fetched.
    ///
    /// # Errors
    /// As [`Connections::get`].
    pub fn show(&self, name: &str) -> Result<Vec<Shown>> {
        let service = self.service(name)?;
        let shown = |key: &'static Key| {
            let setting = self.setting(name, service, key)?;
            Ok(match setting.map(|setting| (setting.value, setting.origin)) {
                None => {
                    let unset = (key.holds != Holds::Text).then(|| "not set".to_owned());
                    let from = if unset.is_some() { String::new() } else { Origin::Default.to_string() };
                    Shown { key: key.name, value: unset, from }
                }
                Some((Value::Text(text), origin)) => {
                    Shown { key: key.name, value: Some(text), from: origin.to_string() }
                }
                Some((Value::Secret(source), origin)) => {
                    let value = if source.is_there() == Some(false) { "not set" } else { "set" };
                    let from = match origin {
                        Origin::File { .. } => format!("{source}, {origin}"),
                        _ => source.to_string(),
                    };
                    Shown { key: key.name, value: Some(value.to_owned()), from }
                }
            })
        };
        service.settings().map(shown).collect()
    }

    /// Everything that is wrong with the configuration, the places of secrets included: those are fetched.
    #[must_use]
    pub fn check(&self, stop: &Stop) -> Vec<Finding> {
        let mut findings = self.wrong();
        let finding =
            |error: &Error| Finding { what: error.chain(), hint: error.way_out().map(str::to_owned) };
        for name in self.names() {
            let Some(service) = self.service_of(name) else { continue };
            for key in service.settings() {
                let checked = self.setting(name, service, key).and_then(|setting| match setting {
                    Some(Setting { value: Value::Secret(source), origin }) => source
                        .fetch(&format!("{origin}: `{}` of the connection `{name}`", key.name), stop)
                        .map(|_| ()),
                    _ => Ok(()),
                });
                findings.extend(checked.err().as_ref().map(finding));
            }
        }
        findings
    }

    /// What to warn about: secrets that others can read.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let connections = self.names().into_iter().filter_map(|name| self.get(name).ok());
        connections.flat_map(|connection| connection.warnings()).collect()
    }

    /// Where connections are read from, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.file {
            Some(file) => format!("connections are read from `{}`", file.path.display()),
            None => {
                let places: Vec<_> =
                    self.looked_for.iter().map(|path| format!("`{}`", path.display())).collect();
                format!("there is no {}", places.join(" and no "))
            }
        }
    }

    /// What a setting is, and who says so: a flag, else a variable, else the file, else its default.
    fn setting(&self, name: &str, service: &'static Service, key: &'static Key) -> Result<Option<Setting>> {
        let flag = match key.name {
            "rate" => self.overrides.rate.map(|rate| (rate.to_string(), "--rate")),
            "concurrency" => self.overrides.concurrency.map(|count| (count.to_string(), "--concurrency")),
            "settle" => self.overrides.settle.map(|time| (format!("{}ms", time.as_millis()), "--settle")),
            _ => None,
        };
        if let Some((text, flag)) = flag {
            return Ok(Some(Setting { value: Value::Text(text), origin: Origin::Flag(flag) }));
        }
        let variable = variable_name(name, key.name);
        if let Some(text) = environment(&variable)? {
            let value = if key.holds == Holds::Secret {
                Value::Secret(SecretSource::Variable(variable.clone()))
            } else {
                key.check(text.trim()).map_err(|why| Error::input(format!("{variable}: {why}")))?;
                Value::Text(text.trim().to_owned())
            };
            return Ok(Some(Setting { value, origin: Origin::Variable(variable) }));
        }
        if let Some(setting) = self.entry(name).and_then(|entry| entry.settings.get(key.name)) {
            return Ok(Some(setting.clone()));
        }
        let default = if key.name == "url" { Some(service.url) } else { key.default };
        Ok(default.map(|text| Setting { value: Value::Text(text.to_owned()), origin: Origin::Default }))
    }

    fn service_of(&self, name: &str) -> Option<&'static Service> {
        let built_in = self.services.iter().find(|service| service.name == name);
        built_in.or_else(|| self.entry(name).map(|entry| entry.service))
    }

    fn entry(&self, name: &str) -> Option<&file::Entry> {
        self.file.iter().flat_map(|file| &file.connections).find(|entry| entry.name == name)
    }

    fn settle(&self) -> Result<()> {
        file::settle(&self.wrong())
    }

    /// What is wrong with the file by itself.
    fn wrong(&self) -> Vec<Finding> {
        let mut findings = self.file.as_ref().map(|file| file.findings.clone()).unwrap_or_default();
        findings.extend(self.doubles());
        findings
    }

    /// Names whose settings have the same variable, so that one could not be told from the other.
    fn doubles(&self) -> Vec<Finding> {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        let mut findings: BTreeMap<(&str, &str), Finding> = BTreeMap::new();
        for name in self.names() {
            for key in self.service_of(name).into_iter().flat_map(Service::settings) {
                let variable = variable_name(name, key.name);
                let Some(other) = seen.insert(variable.clone(), name) else { continue };
                findings.entry((other, name)).or_insert_with(|| Finding {
                    what: format!("the connections `{other}` and `{name}` would both be set by {variable}"),
                    hint: Some("rename one of them in ferry.toml".to_owned()),
                });
            }
        }
        findings.into_values().collect()
    }

    fn unknown(&self, name: &str) -> Error {
        let names = self.names();
        let error = Error::input(format!("there is no connection `{name}`"));
        let place = self.place();
        match nearest(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`? ({place})")),
            None => {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                error.hint(format!("there are {} ({place})", names.join(" and ")))
            }
        }
    }
}

/// The user's config folder for Ferry.
pub(super) fn user_folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir().join("ferry"))
}

/// A variable's text; a blank one counts as not set.
fn environment(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::input(format!("{name} is not valid text"))),
    }
}
