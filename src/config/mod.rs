//! Connections: what an access to a service needs, from flags over the environment.
//!
//! Which variables there are follows from the connection's name: `FERRY_NIMBLE_URL`, `FERRY_NIMBLE_TOKEN`,
//! `FERRY_NETHUNT_EMAIL`, … A secret is read here and never printed: its type has no way to.

use crate::error::{Error, Result};
use crate::http::pace::RateLimit;
use secrecy::SecretString;
use std::time::Duration;

/// An access to a service, before anything is sent.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its name, such as `nimble`.
    pub name: String,
    /// Base URL without a trailing slash; `None` for the service's own.
    pub url: Option<String>,
    /// The most requests.
    pub rate: RateLimit,
    /// The most requests in flight.
    pub concurrency: usize,
    /// How long a request may take to become visible after its answer was lost (design 9.3).
    pub settle: Duration,
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

/// Requests a minute when nothing else is said (design section 10).
const DEFAULT_RATE: &str = "90/min";
/// Requests in flight when nothing else is said.
const DEFAULT_CONCURRENCY: usize = 4;
/// Settle time when nothing else is said.
const DEFAULT_SETTLE: Duration = Duration::from_secs(15);

impl Connection {
    /// The connection of that name.
    ///
    /// # Errors
    /// When a variable holds what it may not (class `Input`).
    pub fn from_environment(name: &str, overrides: &Overrides) -> Result<Self> {
        let parsed = |key: &str| -> Result<Option<String>> { variable(name, key) };
        let rate = match (overrides.rate, parsed("RATE")?) {
            (Some(rate), _) => rate,
            (None, text) => {
                let text = text.unwrap_or_else(|| DEFAULT_RATE.to_owned());
                text.parse().map_err(|why| Error::input(format!("{}: {why}", variable_name(name, "RATE"))))?
            }
        };
        let concurrency = match (overrides.concurrency, parsed("CONCURRENCY")?) {
            (Some(count), _) => count,
            (None, None) => DEFAULT_CONCURRENCY,
            (None, Some(text)) => {
                text.trim().parse().ok().filter(|count| (1..=256).contains(count)).ok_or_else(|| {
                    let variable = variable_name(name, "CONCURRENCY");
                    Error::input(format!("{variable}: `{text}` is no number of requests from 1 to 256"))
                })?
            }
        };
        let settle = match (overrides.settle, parsed("SETTLE")?) {
            (Some(settle), _) => settle,
            (None, None) => DEFAULT_SETTLE,
            (None, Some(text)) => duration(&text)
                .map_err(|why| Error::input(format!("{}: {why}", variable_name(name, "SETTLE"))))?,
        };
        let url = parsed("URL")?.map(|url| url.trim_end_matches('/').to_owned());
        if let Some(url) = &url {
            check_url(name, url)?;
        }
        Ok(Self { name: name.to_owned(), url, rate, concurrency, settle })
    }

    /// A text that the connection needs, such as `EMAIL`.
    ///
    /// # Errors
    /// When it is not set (class `Input`), naming the variable.
    pub fn required(&self, key: &str) -> Result<String> {
        variable(&self.name, key)?.ok_or_else(|| missing(&self.name, key))
    }

    /// A secret that the connection needs, such as `TOKEN`.
    ///
    /// # Errors
    /// When it is not set (class `Input`), naming the variable.
    pub fn secret(&self, key: &str) -> Result<SecretString> {
        self.required(key).map(SecretString::from)
    }
}

/// A time as people write it: `15s`, `500ms`, `2m`, or plain seconds.
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let wrong = || format!("`{text}` is no time: write it like `15s`, `500ms` or `2m`");
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..at].parse().map_err(|_| wrong())?;
    let unit = match text[at..].trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

fn variable_name(connection: &str, key: &str) -> String {
    format!("FERRY_{}_{key}", connection.to_uppercase().replace('-', "_"))
}

fn variable(connection: &str, key: &str) -> Result<Option<String>> {
    let name = variable_name(connection, key);
    match std::env::var(&name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::input(format!("{name} is not valid text"))),
    }
}

fn missing(connection: &str, key: &str) -> Error {
    let name = variable_name(connection, key);
    Error::input(format!("the connection `{connection}` needs {name}")).hint(format!("export {name}=…"))
}

fn check_url(connection: &str, url: &str) -> Result<()> {
    let parsed = url::Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https"));
    match parsed {
        Some(parsed) if parsed.password().is_none() && parsed.username().is_empty() => Ok(()),
        Some(_) => {
            Err(Error::input(format!("{} must not hold a password", variable_name(connection, "URL"))))
        }
        None => {
            Err(Error::input(format!("{}: `{url}` is no http(s) address", variable_name(connection, "URL"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ms) in [("15s", 15_000), ("500ms", 500), ("2m", 120_000), ("3", 3_000), ("0.5s", 500)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "15 apples", "-1s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
