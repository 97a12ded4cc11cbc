//! Time zones by any of their names.
//!
//! Zones come from the time zone database that is compiled in, never from the machine's, so that the same
//! mapping gives the same output everywhere. Windows names are those of the Unicode CLDR
//! (`data/windows-zones.tsv`, the zone that stands for all territories).

use super::Problem;
use crate::error::nearest;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use std::collections::HashMap;
use std::sync::LazyLock;

const WINDOWS: &str = include_str!("data/windows-zones.tsv");

/// A zone from an IANA name, a Windows name, a city that one zone is named after, or an offset from UTC.
///
/// # Errors
/// When no zone is called so.
pub fn parse(text: &str) -> Result<TimeZone, Problem> {
    let text = text.trim();
    if let Some(offset) = offset(text) {
        return Ok(TimeZone::fixed(offset));
    }
    let folded = fold(text);
    let known = ZONES.aliases.get(&folded).and_then(|name| ZONES.database.get(name).ok());
    known.or_else(|| ZONES.database.get(text).ok()).ok_or_else(unknown)
}

/// The IANA name of a zone given by any name. Offsets of whole hours have one too: `+02:00` is `Etc/GMT-2`
/// (the sign is that of the database, which counts westwards).
///
/// # Errors
/// When no zone is called so, or an offset has no zone of its own.
pub fn name(text: &str) -> Result<String, Problem> {
    let Some(offset) = offset(text.trim()) else {
        let zone = parse(text)?;
        return zone.iana_name().map(str::to_owned).ok_or_else(unknown);
    };
    let seconds = offset.seconds();
    match seconds / 3600 {
        0 if seconds == 0 => Ok("UTC".to_owned()),
        hours @ -12..=14 if seconds % 3600 == 0 => Ok(format!("Etc/GMT{:+}", -hours)),
        _ => Err(Problem::new("is an offset that no time zone is named after")
            .hint("name a place instead, such as `Asia/Kolkata` for +05:30")),
    }
}

/// An offset written `Z`, `UTC`, `+0200`, `+02:00`, `UTC+2`, `GMT-03:30`.
fn offset(text: &str) -> Option<Offset> {
    let upper = text.to_ascii_uppercase();
    let rest = upper.strip_prefix("UTC").or_else(|| upper.strip_prefix("GMT"));
    if upper == "Z" || rest == Some("") {
        return Some(Offset::UTC);
    }
    let rest = rest.unwrap_or(&upper).trim_start();
    let (sign, digits) = match rest.strip_prefix(['+']) {
        Some(digits) => (1, digits),
        None => (-1, rest.strip_prefix(['-', '\u{2212}'])?),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "00"),
    };
    let number = |text: &str| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let real = minutes < 60 && hours * 60 + minutes <= 18 * 60;
    real.then(|| Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()).flatten()
}

/// The IANA name that is nearest to a text, if one is near.
#[must_use]
pub fn near(text: &str) -> Option<String> {
    // A near name has about the same length; looking at those alone saves most of the work.
    let like = |name: &&String| name.len().abs_diff(text.len()) <= name.len() / 3;
    nearest(text, ZONES.names.iter().filter(like).map(String::as_str)).map(str::to_owned)
}

fn unknown() -> Problem {
    Problem::new("is no time zone that is known").hint("use an IANA name such as `Europe/London`")
}

struct Zones {
    database: TimeZoneDatabase,
    names: Vec<String>,
    /// Windows names and cities, folded, to IANA names.
    aliases: HashMap<String, String>,
}

static ZONES: LazyLock<Zones> = LazyLock::new(|| {
    let database = TimeZoneDatabase::bundled();
    let names: Vec<_> = database.available().map(|name| name.as_str().to_owned()).collect();
    let mut cities: HashMap<String, Vec<String>> = HashMap::new();
    for name in &names {
        if let Some((region, city)) = name.rsplit_once('/')
            && !matches!(region, "Etc" | "SystemV" | "US" | "Canada" | "Mexico" | "Brazil" | "Chile")
        {
            cities.entry(fold(city)).or_default().push(name.clone());
        }
    }
    let mut aliases: HashMap<String, String> = HashMap::new();
    for (city, mut names) in cities {
        if names.len() == 1
            && let Some(name) = names.pop()
        {
            aliases.insert(city, name);
        }
    }
    for line in WINDOWS.lines() {
        if let Some((windows, iana)) = line.split_once('\t') {
            aliases.insert(fold(windows), iana.to_owned());
        }
    }
    Zones { database, names, aliases }
});

/// A zone's name without case, and with blanks for underscores.
fn fold(name: &str) -> String {
    name.replace('_', " ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_found_by_every_kind_of_name() {
        let cases = [
            ("Europe/London", Some("Europe/London")),
            ("europe/london", Some("Europe/London")),
            ("GMT Standard Time", Some("Europe/London")),
            ("Eastern Standard Time", Some("America/New_York")),
            ("W. Europe Standard Time", Some("Europe/Berlin")),
            ("New York", Some("America/New_York")),
            ("Berlin", Some("Europe/Berlin")),
            ("UTC", Some("UTC")),
            ("Z", Some("UTC")),
            ("+02:00", Some("Etc/GMT-2")),
            ("GMT+2", Some("Etc/GMT-2")),
            ("UTC-0500", Some("Etc/GMT+5")),
            ("+05:30", None),
            ("+25:00", None),
            ("Mars/Olympus", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(name(text).ok().as_deref(), expected, "{text}");
        }
        assert!(parse("+05:30").is_ok());
        assert_eq!(near("Europe/Lodnon").as_deref(), Some("Europe/London"));
    }

    #[test]
    fn every_windows_zone_leads_to_a_zone_that_exists() {
        for line in WINDOWS.lines() {
            let windows = line.split('\t').next().unwrap();
            assert!(name(windows).is_ok(), "{windows}");
        }
    }
}
