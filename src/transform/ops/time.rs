//! Calendar days and instants from text. Day and month order is never guessed: formats say it.
//!
//! Formats are those of `strptime`; `%z` reads `+0300`, `+03:00` and `Z`. ISO 8601 in its extended form
//! (`2024-07-30`, `2024-07-30T10:00:00+02:00`) is always read, after the formats given. A date never moves by a
//! zone. For an instant the offset in the value counts first, then the zone given; without either it is a
//! problem. A clock time that a zone skips when clocks go forward is a problem; one that it has twice, when
//! they go back, means the first.

use super::Problem;
use crate::record::instant;
use jiff::Timestamp;
use jiff::civil;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// Reads and writes calendar days.
#[derive(Debug, Clone)]
pub struct Date {
    from: Formats,
    to: Option<String>,
}

/// Reads and writes instants.
#[derive(Debug, Clone)]
pub struct DateTime {
    from: Formats,
    zone: Option<TimeZone>,
    to: Option<TimeZone>,
    format: Option<String>,
}

/// Formats in the order in which they are tried.
#[derive(Debug, Clone)]
struct Formats {
    written: Vec<String>,
    /// With the other spelling of `%z` beside each format that has one.
    tried: Vec<String>,
}

impl Date {
    /// Days written in one of `from`, or as ISO, become `to` (`%Y-%m-%d` where absent).
    ///
    /// # Errors
    /// When a format cannot be used, with why.
    pub fn new(from: Vec<String>, to: Option<String>) -> Result<Self, String> {
        if let Some(to) = &to {
            strtime::format(to, sample().date()).map_err(|cause| bad_format(to, &cause))?;
        }
        Ok(Self { from: Formats::new(from)?, to })
    }

    /// Writes the day that `text` names. Of a text with a time of day, the day as it stands there.
    ///
    /// # Errors
    /// When the text fits no format, or names a day that does not exist.
    pub fn apply(&self, text: &str) -> Result<String, Problem> {
        let date = self.read(text.trim())?;
        match &self.to {
            None => Ok(date.to_string()),
            Some(format) => strtime::format(format, date).map_err(|cause| Problem::new(cause.to_string())),
        }
    }

    fn read(&self, text: &str) -> Result<civil::Date, Problem> {
        let written = self.from.readings(text).find_map(|broken| broken.to_date().ok());
        written.or_else(|| iso_date(text)).ok_or_else(|| self.from.fits_none(text, "date", "2024-07-30"))
    }
}

impl DateTime {
    /// Instants written in one of `from`, or as ISO. `zone` is for those without an offset; `to` is the zone to
    /// write in (UTC where absent), `format` the form (RFC 3339 where absent). A format without a time of day
    /// means midnight.
    ///
    /// # Errors
    /// When a format cannot be used, with why.
    pub fn new(
        from: Vec<String>,
        zone: Option<TimeZone>,
        to: Option<TimeZone>,
        format: Option<String>,
    ) -> Result<Self, String> {
        if let Some(format) = &format {
            strtime::format(format, &sample()).map_err(|cause| bad_format(format, &cause))?;
        }
        Ok(Self { from: Formats::new(from)?, zone, to, format })
    }

    /// Writes the instant that `text` names.
    ///
    /// # Errors
    /// When the text fits no format, names a day or time that does not exist, or no zone is known for it.
    pub fn apply(&self, text: &str) -> Result<String, Problem> {
        let instant = self.read(text.trim())?;
        let zoned = |zone: &TimeZone| instant.to_zoned_datetime(zone.clone());
        let written = match (&self.format, &self.to) {
            (None, None) => return Ok(instant::print(instant)),
            (None, Some(zone)) => strtime::format("%Y-%m-%dT%H:%M:%S%.f%:z", &zoned(zone)),
            (Some(format), zone) => strtime::format(format, &zoned(zone.as_ref().unwrap_or(&TimeZone::UTC))),
        };
        written.map_err(|cause| Problem::new(cause.to_string()))
    }

    fn read(&self, text: &str) -> Result<Timestamp, Problem> {
        for broken in self.from.readings(text) {
            if broken.offset().is_some() || broken.timestamp().is_some() {
                if let Ok(instant) = broken.to_timestamp() {
                    return Ok(instant);
                }
            } else if broken.iana_time_zone().is_some() {
                if let Ok(zoned) = broken.to_zoned_datetime() {
                    return Ok(zoned.timestamp());
                }
            } else if let Ok(date) = broken.to_date() {
                let time = broken.to_time().unwrap_or(civil::Time::midnight());
                return self.in_zone(date.to_datetime(time));
            }
        }
        if let Some(instant) = with_offset(text) {
            return Ok(instant);
        }
        match (text.len() >= "2024-07-30T10:00".len(), text.parse::<civil::DateTime>()) {
            (true, Ok(naive)) if iso_date(text).is_some() => self.in_zone(naive),
            _ if iso_date(text).is_some() => Err(Problem::new("is a date without a time of day")
                .hint("use `date` for it, or give its format in `from` if midnight is meant")),
            _ => Err(self.from.fits_none(text, "date and time", "2024-07-30T10:00:00Z")),
        }
    }

    fn in_zone(&self, naive: civil::DateTime) -> Result<Timestamp, Problem> {
        let Some(zone) = &self.zone else {
            return Err(Problem::new("has no offset and no time zone is given")
                .hint("add `zone = \"..\"` to the operation, or `time_zone = \"..\"` to [mapping]"));
        };
        let ambiguous = zone.to_ambiguous_timestamp(naive);
        if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
            let zone = zone.iana_name().unwrap_or("its zone");
            return Err(Problem::new(format!("is a time that {zone} skipped when its clocks went forward")));
        }
        ambiguous.earlier().map_err(|cause| Problem::new(cause.to_string()))
    }
}

impl Formats {
    fn new(written: Vec<String>) -> Result<Self, String> {
        let mut tried = Vec::new();
        for format in &written {
            let zoned = sample();
            let sample = strtime::format(format, &zoned).map_err(|cause| bad_format(format, &cause))?;
            let broken =
                BrokenDownTime::parse(format, &sample).map_err(|cause| bad_format(format, &cause))?;
            if broken.to_date().is_err() && broken.timestamp().is_none() {
                return Err(format!("`{format}` does not say which day it is"));
            }
            tried.push(format.clone());
            if format.contains("%z") {
                tried.push(format.replace("%z", "%:z"));
            }
        }
        Ok(Self { written, tried })
    }

    /// What the formats make of a text, in their order. `%Y` also reads `90`, which is not the year that was
    /// meant: that is no reading.
    fn readings<'a>(&'a self, text: &'a str) -> impl Iterator<Item = BrokenDownTime> + 'a {
        self.parsed(text).filter(|broken| !short_year(broken))
    }

    fn parsed<'a>(&'a self, text: &'a str) -> impl Iterator<Item = BrokenDownTime> + 'a {
        self.tried.iter().filter_map(move |format| {
            let zulu = format.ends_with("%z").then(|| text.strip_suffix(['Z', 'z'])).flatten();
            match zulu {
                Some(rest) => BrokenDownTime::parse(format, format!("{rest}+0000")).ok(),
                None => BrokenDownTime::parse(format, text).ok(),
            }
        })
    }

    fn fits_none(&self, text: &str, what: &str, iso: &str) -> Problem {
        if self.parsed(text).any(|broken| short_year(&broken)) {
            return Problem::new("has a year of two digits")
                .hint("`%y` reads those, 69 to 99 as 1969 to 1999");
        }
        if self.written.is_empty() {
            return Problem::new(format!("is no {what} in ISO form, such as {iso}"))
                .hint("say how it is written, such as `from = [\"%d/%m/%Y\"]`");
        }
        let list: Vec<_> = self.written.iter().map(|format| format!("`{format}`")).collect();
        Problem::new(format!("is no {what} as {} or ISO", list.join(", ")))
            .hint("correct it, or add its format to `from`")
    }
}

fn bad_format(format: &str, cause: &dyn std::fmt::Display) -> String {
    format!("the format `{format}` cannot be used: {cause}")
}

/// A moment that shows whether a format can be written: 31 December 2023, 22:45:58 UTC.
fn sample() -> jiff::ZonedDateTime {
    Timestamp::constant(1_704_062_758, 0).to_zoned_datetime(TimeZone::UTC)
}

fn short_year(broken: &BrokenDownTime) -> bool {
    broken.year().is_some_and(|year| year < 1000)
}

/// The day of a text that begins with an ISO date, alone or with a time behind it.
fn iso_date(text: &str) -> Option<civil::Date> {
    let shape = b"0000-00-00";
    let fits = text.len() >= shape.len()
        && text.bytes().zip(shape).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *shape,
        });
    if !fits {
        return None;
    }
    let (day, rest) = text.split_at(shape.len());
    let timed = rest.is_empty() || text.parse::<civil::DateTime>().is_ok() || with_offset(text).is_some();
    timed.then(|| day.parse().ok()).flatten()
}

/// An ISO instant whose text has an offset, with or without a colon.
fn with_offset(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"];
    formats.iter().find_map(|format| BrokenDownTime::parse(format, text).ok()?.to_timestamp().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::ops::zone;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn dates_are_read_as_their_formats_say() {
        let cases = [
            (&["%d/%m/%Y"][..], None, "02/03/1990", Some("1990-03-02")),
            (&["%d/%m/%Y"], None, "2/3/1990", Some("1990-03-02")),
            (&["%m/%d/%Y"], None, "02/03/1990", Some("1990-02-03")),
            (&["%d/%m/%Y", "%d.%m.%Y"], None, "31.12.1999", Some("1999-12-31")),
            (&["%d/%m/%Y"], None, "1990-03-02", Some("1990-03-02")),
            (&["%d/%m/%Y"], None, "31/02/1990", None),
            (&["%d/%m/%Y"], None, "13/13/1990", None),
            (&["%d/%m/%Y"], None, "1/2/90", None),
            (&["%d/%m/%y"], None, "1/2/90", Some("1990-02-01")),
            (&["%d/%m/%Y", "%d/%m/%y"], None, "1/2/90", Some("1990-02-01")),
            (&["%d/%m/%y", "%d/%m/%Y"], None, "1/2/1990", Some("1990-02-01")),
            (&["%d/%m/%y"], None, "1/2/68", Some("2068-02-01")),
            (&["%Y%m%d"], None, "19371233", None),
            (&["%B %d, %Y"], None, "July 4, 1976", Some("1976-07-04")),
            (&[], Some("%m/%d/%Y"), "1958-10-13", Some("10/13/1958")),
            (&[], None, "1958-10-13T23:30:00-11:00", Some("1958-10-13")),
            (&[], None, "1958-10-13 23:30", Some("1958-10-13")),
            (&[], None, "13.10.1958", None),
            (&[], None, "19581013", None),
            (&[], None, "1958", None),
        ];
        for (from, to, text, expected) in cases {
            let date = Date::new(texts(from), to.map(str::to_owned)).unwrap();
            assert_eq!(date.apply(text).ok().as_deref(), expected, "{from:?} {text}");
        }
    }

    #[test]
    fn instants_need_an_offset_or_a_zone() {
        let london = || zone::parse("Europe/London").ok();
        let cases = [
            (&[][..], None, "2024-07-30T10:00:00+02:00", Some("2024-07-30T08:00:00Z")),
            (&[], None, "2024-07-30T10:00:00+0200", Some("2024-07-30T08:00:00Z")),
            (&[], None, "2024-07-30T10:00:00.250Z", Some("2024-07-30T10:00:00.250Z")),
            (&[], None, "2024-07-30T10:00:00", None),
            (&[], london(), "2024-07-30T10:00:00", Some("2024-07-30T09:00:00Z")),
            (&[], london(), "2024-07-30 10:00", Some("2024-07-30T09:00:00Z")),
            (&[], london(), "2024-07-30T10:00:00+05:00", Some("2024-07-30T05:00:00Z")),
            (&[], london(), "2024-07-30", None),
            (&["%d.%m.%Y"], london(), "30.07.2024", Some("2024-07-29T23:00:00Z")),
            (&["%d.%m.%Y %H:%M"], london(), "30.07.2024 10:00", Some("2024-07-30T09:00:00Z")),
            (&["%Y-%m-%dT%H:%M:%S%z"], None, "2024-07-30T10:00:00+0300", Some("2024-07-30T07:00:00Z")),
            (&["%Y-%m-%dT%H:%M:%S%z"], None, "2024-07-30T10:00:00+03:00", Some("2024-07-30T07:00:00Z")),
            (&["%d.%m.%Y %H:%M%z"], None, "30.07.2024 10:00Z", Some("2024-07-30T10:00:00Z")),
            // Clocks went forward at 01:00 on 31 March 2024 and back at 02:00 on 27 October 2024.
            (&[], london(), "2024-03-31T01:30:00", None),
            (&[], london(), "2024-10-27T01:30:00", Some("2024-10-27T00:30:00Z")),
        ];
        for (from, zone, text, expected) in cases {
            let time = DateTime::new(texts(from), zone, None, None).unwrap();
            assert_eq!(time.apply(text).ok().as_deref(), expected, "{from:?} {text}");
        }
    }

    #[test]
    fn instants_are_written_in_a_zone_and_a_form() {
        let tokyo = || zone::parse("Asia/Tokyo").ok();
        let write = |format: Option<&str>, text: &str| {
            DateTime::new(vec![], None, tokyo(), format.map(str::to_owned)).unwrap().apply(text).unwrap()
        };
        assert_eq!(write(None, "2024-07-30T10:00:00Z"), "2024-07-30T19:00:00+09:00");
        assert_eq!(write(Some("%d.%m.%Y %H:%M"), "2024-07-30T20:00:00Z"), "31.07.2024 05:00");
    }

    #[test]
    fn formats_are_checked_beforehand() {
        assert!(Date::new(texts(&["%H:%M"]), None).is_err());
        assert!(Date::new(texts(&["%!"]), None).is_err());
        assert!(Date::new(vec![], Some("%H:%M".into())).is_err());
        assert!(DateTime::new(vec![], None, None, Some("%K".into())).is_err());
    }
}
