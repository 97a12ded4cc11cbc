//! Time zones by any of their names.
//!
//! Zones come from the time zone database that is compiled in, never from the machine's, so that the same
//! mapping gives the same output everywhere. Windows names are those of the Unicode CLDR
//! (`data/windows-zones.tsv`, the zone that stands for all territories).
//!
//! Abbreviations are read as people mean them, as a place with its summer time: `EST`, `EDT` and `ET` are all
//! `America/New_York`, as `Eastern Standard Time` is at Windows. Those that several countries use (`CST`,
//! `IST`, `AST`, …) are refused with the candidates.

use super::Problem;
use crate::error::nearest;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Abbreviations and common names that mean one zone. The database knows some of them as zones without
/// summer time or of other places; what people mean comes first.
const ABBREVIATIONS: [(&str, &str); 16] = [
    ("America/New_York", "EST|EDT|ET|Eastern|Eastern Time|US Eastern"),
    ("America/Chicago", "CDT|CT|Central|Central Time|US Central"),
    ("America/Denver", "MST|MDT|MT|Mountain|Mountain Time|US Mountain"),
    ("America/Los_Angeles", "PST|PDT|PT|Pacific|Pacific Time|US Pacific"),
    ("America/Anchorage", "AKST|AKDT|Alaska"),
    ("Pacific/Honolulu", "HST|HDT|Hawaii"),
    ("America/Halifax", "ADT|Atlantic Time"),
    ("America/St_Johns", "NST|NDT|Newfoundland"),
    ("Europe/London", "BST|UK Time|British Time|London Time"),
    ("Europe/Lisbon", "WET|WEST"),
    ("Europe/Berlin", "CET|CEST|MEZ|MESZ|MET|Central European Time"),
    ("Europe/Kyiv", "EET|EEST|Eastern European Time|Kiev"),
    ("Europe/Moscow", "MSK|Moscow Time"),
    ("Asia/Tokyo", "JST|Japan"),
    ("Australia/Sydney", "AEST|AEDT|Eastern Australia"),
    ("Pacific/Auckland", "NZST|NZDT|New Zealand"),
];

/// Abbreviations that several countries use, with the zones that may be meant.
const AMBIGUOUS: [(&str, &str); 7] = [
    ("CST", "America/Chicago, America/Havana or Asia/Shanghai"),
    ("IST", "Asia/Kolkata, Asia/Jerusalem or Europe/Dublin"),
    ("AST", "America/Halifax, America/Puerto_Rico or Asia/Riyadh"),
    ("SST", "Asia/Singapore or Pacific/Pago_Pago"),
    ("GST", "Asia/Dubai or Atlantic/South_Georgia"),
    ("ECT", "America/Guayaquil or America/Martinique"),
    ("AMT", "America/Manaus or Asia/Yerevan"),
];

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
    if let Some((_, zones)) = AMBIGUOUS.iter().find(|(short, _)| short.eq_ignore_ascii_case(text)) {
        return Err(
            Problem::new("is the abbreviation of several time zones").hint(format!("say which: {zones}"))
        );
    }
    named(text).or_else(|| displayed(text)).ok_or_else(unknown)
}

fn named(text: &str) -> Option<TimeZone> {
    let known = ZONES.aliases.get(&fold(text)).and_then(|name| ZONES.database.get(name).ok());
    known.or_else(|| ZONES.database.get(text).ok())
}

/// A zone as Windows and web forms show it in a list, offset first and places behind:
/// `(UTC+01:00) Amsterdam, Berlin, Bern`, `(GMT-05:00) Eastern Time (US & Canada)`.
fn displayed(text: &str) -> Option<TimeZone> {
    let (before, places) = text.strip_prefix('(')?.split_once(')')?;
    offset(before.trim())?;
    places.split(',').find_map(|place| {
        let place = place.split('(').next().unwrap_or(place).trim();
        (!place.is_empty()).then(|| named(place)).flatten()
    })
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
    Problem::unknown("is no time zone that is known").hint("use an IANA name such as `Europe/London`")
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
    for (zone, names) in ABBREVIATIONS {
        for name in names.split('|') {
            aliases.insert(fold(name), zone.to_owned());
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
            ("EST", Some("America/New_York")),
            ("pdt", Some("America/Los_Angeles")),
            ("Eastern Time", Some("America/New_York")),
            ("CET", Some("Europe/Berlin")),
            ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome", Some("Europe/Amsterdam")),
            ("(GMT-05:00) Eastern Time (US & Canada)", Some("America/New_York")),
            ("UK Time", Some("Europe/London")),
            ("CST", None),
            ("IST", None),
            ("(UTC+01:00)", None),
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
