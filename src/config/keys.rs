//! The settings that a connection can have, in the order in which they are shown, and what each may hold.

use crate::http::pace::RateLimit;
use std::time::Duration;

/// A setting of a connection.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name in `ferry.toml`; in capitals the end of its variable's name.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) holds: Holds,
    /// Its value when nothing is said.
    pub(super) default: Option<&'static str>,
    /// Whether every service has it; the others are named by the services that have them.
    pub(super) everywhere: bool,
}

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// A text that anybody may see.
    Text,
    /// A secret: never itself in the file, only where it is kept.
    Secret,
    /// A text that some people keep with their secrets.
    Either,
}

/// All of them.
pub(super) const KEYS: [Key; 14] = [
    common("url", None),
    common("rate", Some("90/min")),
    common("concurrency", Some("4")),
    common("settle", Some("15s")),
    common("time_zone", None),
    own("token", Holds::Secret),
    own("email", Holds::Either),
    own("key", Holds::Secret),
    own("client_id", Holds::Either),
    own("client_secret", Holds::Secret),
    own("refresh_token", Holds::Secret),
    own("redirect_uri", Holds::Text),
    own("oauth_authorize_url", Holds::Text),
    own("oauth_token_url", Holds::Text),
];

const fn common(name: &'static str, default: Option<&'static str>) -> Key {
    Key { name, holds: Holds::Text, default, everywhere: true }
}

const fn own(name: &'static str, holds: Holds) -> Key {
    Key { name, holds, default: None, everywhere: false }
}

impl Key {
    /// What is wrong with a text for this setting.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        match self.name {
            "rate" => text.parse::<RateLimit>().map(|_| ()),
            "concurrency" => concurrency(text).map(|_| ()),
            "settle" => duration(text).map(|_| ()),
            "url" => address(text).and_then(|()| root(text)),
            "redirect_uri" | "oauth_authorize_url" | "oauth_token_url" => address(text),
            "time_zone" => jiff::tz::TimeZone::get(text)
                .map(|_| ())
                .map_err(|_| format!("`{text}` is no time zone: write it like `Europe/Berlin`")),
            _ => Ok(()),
        }
    }
}

/// A number of requests in flight.
pub(super) fn concurrency(text: &str) -> Result<usize, String> {
    let number = text.trim().parse().ok().filter(|count| (1..=256).contains(count));
    number.ok_or_else(|| format!("`{text}` is no number of requests from 1 to 256"))
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

/// What is wrong with an address; one that holds a password is not repeated.
fn address(text: &str) -> Result<(), String> {
    let parsed = url::Url::parse(text).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https"));
    match parsed {
        Some(parsed) if parsed.password().is_none() && parsed.username().is_empty() => Ok(()),
        Some(_) => Err("it must not hold a password".to_owned()),
        None if text.contains(['@', '?']) => Err("it is no http(s) address".to_owned()),
        None => Err(format!("`{text}` is no http(s) address")),
    }
}

/// What is wrong with an address that paths are put behind; what it holds too much may be secret and is not repeated.
fn root(text: &str) -> Result<(), String> {
    match text.contains(['?', '#']) {
        true => Err("it must end with the path: no `?` and no `#` belongs there, and no secret".to_owned()),
        false => Ok(()),
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

    #[test]
    fn every_default_is_what_its_setting_may_hold() {
        for key in &KEYS {
            assert_eq!(key.default.map_or(Ok(()), |text| key.check(text)), Ok(()), "{}", key.name);
        }
    }

    #[test]
    fn what_a_setting_may_not_hold_is_said_without_repeating_a_password() {
        for (name, text) in [
            ("rate", "fast"),
            ("concurrency", "0"),
            ("settle", "soon"),
            ("url", "app.nimble.com"),
            ("url", "ftp://x"),
            ("url", "https://me:hunter2@x.example"),
            ("url", "https://me:hunter2@x.example:99999"),
            ("url", "https://x.example/api?access_token=hunter2"),
            ("url", "https://x.example/api#hunter2"),
            ("oauth_token_url", "x.example/token?secret=hunter2"),
            ("time_zone", "Mars/Olympus"),
        ] {
            let key = KEYS.iter().find(|key| key.name == name).unwrap();
            let why = key.check(text).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
