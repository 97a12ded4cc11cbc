//! Connections: what an access to a service needs, from flags over the environment over `ferry.toml`.
//!
//! `ferry.toml` is looked for in the working folder, then in the user's config folder (`--config` names another).
//! Which variables there are follows from the connection's name: `FERRY_NIMBLE_URL`, `FERRY_NIMBLE_TOKEN`, for a
//! connection `work` `FERRY_WORK_TOKEN`, … A service's own name is a connection without any configuration. A
//! secret is fetched here and never printed: its type has no way to.
//!
//! Not here: which services there are and what they do with a setting (`connect`). Nothing is sent.

mod file;
mod keys;
mod secret;
mod set;
pub mod tokens;

use crate::error::{Error, Result};
use crate::http::pace::RateLimit;
use crate::stop::Stop;
use etcetera::BaseStrategy;
use keys::{KEYS, Key};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use file::Finding;
pub use keys::duration;
pub use secret::SecretSource;
pub use set::{Connections, Shown};

/// A service, as far as its connections can be configured.
#[derive(Debug)]
pub struct Service {
    /// Its name, which is also that of a connection that is always there.
    pub name: &'static str,
    /// Its base URL.
    pub url: &'static str,
    /// The settings that its connections have besides those of all.
    pub keys: &'static [&'static str],
}

/// An access to a service, before anything is sent.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its name, such as `nimble`.
    pub name: String,
    /// The service that it is to.
    pub service: &'static Service,
    /// Base URL without a trailing slash.
    pub url: String,
    /// The most requests.
    pub rate: RateLimit,
    /// The most requests in flight.
    pub concurrency: usize,
    /// How long a request may take to become visible after its answer was lost (design 9.3).
    pub settle: Duration,
    /// An IANA time zone, where one is stated.
    pub time_zone: Option<String>,
    settings: BTreeMap<&'static str, Setting>,
}

/// What the command line says for every connection of a command.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--rate`.
    pub rate: Option<RateLimit>,
    /// `--concurrency`.
    pub concurrency: Option<usize>,
    /// `--settle`.
    pub settle: Option<Duration>,
}

/// A setting's value, and who says so.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    value: Value,
    origin: Origin,
}

/// What a setting holds.
#[derive(Debug, Clone)]
enum Value {
    Text(String),
    Secret(SecretSource),
}

/// Who says a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// A flag of the command, or its variable.
    Flag(&'static str),
    /// The connection's variable.
    Variable(String),
    /// `ferry.toml`.
    File { path: PathBuf, line: usize },
    /// Nobody.
    Default,
}

/// The file in which the user's processes keep the budget of a login together; its name tells nothing of what
/// the login is made of.
#[must_use]
pub fn budget_file(login: &[&str]) -> PathBuf {
    let strategy = etcetera::choose_base_strategy().ok();
    let base = strategy.and_then(|strategy| strategy.state_dir().or_else(|| Some(strategy.data_dir())));
    let digest = Sha256::digest(login.join("\n").as_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    base.unwrap_or_else(std::env::temp_dir).join("ferry").join("pace").join(name)
}

impl Service {
    fn has(&self, key: &Key) -> bool {
        key.everywhere || self.keys.contains(&key.name)
    }

    fn settings(&self) -> impl Iterator<Item = &'static Key> + '_ {
        KEYS.iter().filter(|key| self.has(key))
    }
}

impl Connection {
    /// A text or secret of the connection, such as `token`, if it is set.
    ///
    /// # Errors
    /// When it is set but cannot be fetched (class `Input`), or somebody asks to stop meanwhile.
    pub fn optional(&self, key: &str, stop: &Stop) -> Result<Option<SecretString>> {
        match self.settings.get(key).map(|setting| &setting.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(SecretString::from(text.as_str()))),
            Some(Value::Secret(source)) => source.fetch(&self.named(key), stop).map(Some),
        }
    }

    /// A text or secret that the connection needs, such as `token`.
    ///
    /// # Errors
    /// When it is not set (class `Input`), naming its variable; else as [`Connection::optional`].
    pub fn required(&self, key: &str, stop: &Stop) -> Result<SecretString> {
        self.optional(key, stop)?.ok_or_else(|| {
            let variable = self.variable(key);
            Error::input(format!("the connection `{}` needs {variable}", self.name))
                .hint(format!("export {variable}=…, or say in ferry.toml where its `{key}` is kept"))
        })
    }

    /// A plain text of the connection, such as `redirect_uri`, if it is set.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.settings.get(key).map(|setting| &setting.value) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether a setting is set, wherever it is kept.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.settings.contains_key(key)
    }

    /// The variable of one of its settings: `FERRY_NIMBLE_TOKEN`.
    #[must_use]
    pub fn variable(&self, key: &str) -> String {
        variable_name(&self.name, key)
    }

    /// Where one of its settings is said, for people: its variable, or its key with the place where it is kept.
    #[must_use]
    pub fn whence(&self, key: &str) -> String {
        match self.settings.get(key) {
            None => self.variable(key),
            Some(Setting { origin: Origin::Variable(name), .. }) => name.clone(),
            Some(Setting { value: Value::Secret(source), .. }) => format!("{} ({source})", self.named(key)),
            Some(Setting { origin, .. }) => format!("{} ({origin})", self.named(key)),
        }
    }

    /// What to warn about: secrets that others can read.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let secrets = self.settings.values().filter_map(|setting| match &setting.value {
            Value::Secret(source) => source.warning(),
            Value::Text(_) => None,
        });
        secrets.collect()
    }

    fn named(&self, key: &str) -> String {
        format!("`{key}` of the connection `{}`", self.name)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Variable(name) => write!(f, "env {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

fn variable_name(connection: &str, key: &str) -> String {
    format!("FERRY_{}_{}", connection.to_uppercase().replace('-', "_"), key.to_uppercase())
}
