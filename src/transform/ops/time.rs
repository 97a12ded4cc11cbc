//! Calendar days and instants from text. Day and month order is never guessed: formats say it.
//!
//! Formats are those of `strptime`; `%z` reads `+0300`, `+03:00` and `Z`. ISO 8601 in its extended form
//! (`2024-07-30`, `2024-07-30T10:00:00+02:00`) is always read, after the formats given. A date never moves by a
//! zone. For an instant the offset in the value counts first, then a zone in brackets behind it (RFC 9557), then the
//! zone given; without any it is a problem, and so is an offset that the zone in brackets does not have then. A clock
//! time that a zone skips when clocks go forward is a problem; one that it has twice, when they go back, means the
//! first.
//!
//! `excel` and `excel-1904` among the formats read serial numbers, counted in days as spreadsheets do. A year
//! of two digits (`%y`) is read only with a pivot: years below it are of this century, the others of the last.
//! Names of months and days are read in the languages that are stated, and written in English.

use super::calendar::Names;
use super::formats::{Formats, Read, checked_output};
use super::{Problem, zone};
use crate::record::instant;
use jiff::Timestamp;
use jiff::civil;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::fmt::temporal::{Pieces, PiecesOffset, TimeZoneAnnotationKind};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Seconds between UTC and any place; offsets beyond it are slips of the pen.
const FARTHEST: i32 = 18 * 3600;

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

/// What formats do not say themselves.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The first year of two digits that is of the last century, not of this one.
    pub pivot: Option<u8>,
    /// The languages of the names of months and days; none is English.
    pub names: Names,
}

impl Date {
    /// Days written in one of `from`, or as ISO, become `to` (`%Y-%m-%d` where absent). Years and
    /// names are read as `reading` says.
    ///
    /// # Errors
    /// When a format cannot be used, with why.
    pub fn new(from: Vec<String>, to: Option<String>, reading: Reading) -> Result<Self, String> {
        if let Some(to) = &to {
            checked_output(to, true)?;
        }
        Ok(Self { from: Formats::new(from, reading.pivot, reading.names)?, to })
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
        let written = self.from.readings(text).find_map(|reading| match reading {
            Read::Broken(broken) => broken.to_date().ok(),
            Read::Civil(time) | Read::Instant(time, _) => Some(time.date()),
        });
        written.or_else(|| iso_date(text)).ok_or_else(|| self.from.fits_none(text, "date", "2024-07-30"))
    }
}

impl DateTime {
    /// Takes `zone` for the zone of texts without an offset, unless there is one already.
    pub fn default_zone(&mut self, zone: &TimeZone) {
        self.zone.get_or_insert_with(|| zone.clone());
    }

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
        reading: Reading,
    ) -> Result<Self, String> {
        if let Some(format) = &format {
            checked_output(format, false)?;
        }
        Ok(Self { from: Formats::new(from, reading.pivot, reading.names)?, zone, to, format })
    }

    /// Writes the instant that `text` names. `aside` is the zone of this one value, by any name, where a field
    /// says it; it comes before the operation's.
    ///
    /// # Errors
    /// When the text fits no format, names a day or time that does not exist, or no zone is known for it.
    pub fn apply(&self, text: &str, aside: Option<&str>) -> Result<String, Problem> {
        let own = aside.filter(|name| !name.trim().is_empty()).map(named_zone).transpose()?;
        let instant = self.read(text.trim(), own.as_ref().or(self.zone.as_ref()))?;
        let zoned = |zone: &TimeZone| instant.to_zoned_datetime(zone.clone());
        let written = match (&self.format, &self.to) {
            (None, None) => return Ok(instant::print(instant)),
            (None, Some(zone)) => strtime::format("%Y-%m-%dT%H:%M:%S%.f%:z", &zoned(zone)),
            (Some(format), zone) => strtime::format(format, &zoned(zone.as_ref().unwrap_or(&TimeZone::UTC))),
        };
        written.map_err(|cause| Problem::new(cause.to_string()))
    }

    fn read(&self, text: &str, zone: Option<&TimeZone>) -> Result<Timestamp, Problem> {
        for reading in self.from.readings(text) {
            let broken = match reading {
                Read::Civil(time) => return in_zone(time, zone),
                Read::Instant(time, offset) => match at(time, offset) {
                    Some(instant) => return Ok(instant),
                    None => continue,
                },
                Read::Broken(broken) => broken,
            };
            if broken.offset().is_some_and(|offset| !is_possible(offset)) {
                continue;
            }
            // First, since a zone that does not have the offset beside it is no reading.
            if broken.iana_time_zone().is_some() {
                if let Ok(zoned) = broken.to_zoned_datetime() {
                    return Ok(zoned.timestamp());
                }
            } else if broken.offset().is_some() || broken.timestamp().is_some() {
                if let Ok(instant) = broken.to_timestamp() {
                    return Ok(instant);
                }
            } else if let Ok(date) = broken.to_date() {
                let time = broken.to_time().unwrap_or(civil::Time::midnight());
                return in_zone(date.to_datetime(time), zone);
            }
        }
        if let Some(exact) = exact(text) {
            return exact;
        }
        match (text.len() >= "2024-07-30T10:00".len(), text.parse::<civil::DateTime>()) {
            (true, Ok(naive)) if iso_date(text).is_some() => in_zone(naive, zone),
            _ if iso_date(text).is_some() => Err(Problem::new("is a date without a time of day")
                .hint("use `date` for it, or give its format in `from` if midnight is meant")),
            _ => Err(self.from.fits_none(text, "date and time", "2024-07-30T10:00:00Z")),
        }
    }
}

fn in_zone(naive: civil::DateTime, zone: Option<&TimeZone>) -> Result<Timestamp, Problem> {
    let Some(zone) = zone else {
        return Err(Problem::new("has no offset and no time zone is given")
            .hint("add `zone = \"..\"` to the operation, or `time_zone` or `time_zone_from` to [mapping]"));
    };
    let ambiguous = zone.to_ambiguous_timestamp(naive);
    if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
        let zone = zone.iana_name().unwrap_or("its zone");
        return Err(Problem::new(format!("is a time that {zone} skipped when its clocks went forward")));
    }
    ambiguous.earlier().map_err(|cause| Problem::new(cause.to_string()))
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
    let timed = rest.is_empty() || text.parse::<civil::DateTime>().is_ok() || exact(text).is_some();
    timed.then(|| day.parse().ok()).flatten()
}

/// An ISO instant whose text has an offset, with or without a colon, or a zone in brackets, or both.
fn exact(text: &str) -> Option<Result<Timestamp, Problem>> {
    let Ok(pieces) = Pieces::parse(text) else {
        return without_colon(text).map(Ok);
    };
    let time = pieces.date().to_datetime(pieces.time()?);
    let zone = pieces.time_zone_annotation().map(|zone| match zone.kind() {
        TimeZoneAnnotationKind::Named(name) => named_zone(name.as_str()),
        _ => zone.to_time_zone().map_err(|cause| Problem::new(cause.to_string())),
    });
    let zone = match zone.transpose() {
        Ok(zone) => zone,
        Err(problem) => return Some(Err(problem)),
    };
    let Some(written) = pieces.offset() else {
        return zone.map(|zone| in_zone(time, Some(&zone)));
    };
    let offset = written.to_numeric_offset();
    let Some(instant) = at(time, offset) else {
        return Some(Err(Problem::new(format!("has the offset {offset}, which no place has"))));
    };
    // `Z` beside a zone says when it was, not what clocks showed there.
    let known = matches!(written, PiecesOffset::Numeric(numeric) if !(numeric.is_negative() && offset == Offset::UTC));
    let there = zone.map(|zone| zone.to_offset(instant)).filter(|there| known && *there != offset);
    Some(match there {
        None => Ok(instant),
        Some(there) => Err(Problem::new(format!(
            "has the offset {offset}, and the zone in its brackets had {there} then"
        ))
        .hint("correct one of them, or leave it out")),
    })
}

fn without_colon(text: &str) -> Option<Timestamp> {
    let formats = ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"];
    let read = |format| {
        let broken = BrokenDownTime::parse(format, text).ok()?;
        at(broken.to_datetime().ok()?, broken.offset()?)
    };
    formats.iter().find_map(read)
}

/// The instant at which clocks so far from UTC showed a time.
fn at(time: civil::DateTime, offset: Offset) -> Option<Timestamp> {
    is_possible(offset).then(|| offset.to_timestamp(time).ok()).flatten()
}

fn is_possible(offset: Offset) -> bool {
    offset.seconds().abs() <= FARTHEST
}

/// The zone that a value names.
fn named_zone(name: &str) -> Result<TimeZone, Problem> {
    zone::parse(name).map_err(|problem| Problem {
        why: format!("has the time zone `{name}`, which {}", problem.why),
        ..problem
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (&["%d/%m/%y"], None, "1/2/29", Some("2029-02-01")),
            (&["excel"], None, "45292", Some("2024-01-01")),
            (&["excel"], None, "45292.75", Some("2024-01-01")),
            (&["excel-1904", "%d.%m.%Y"], None, "43830", Some("2024-01-01")),
            (&["%Y%m%d"], None, "19371233", None),
            (&["%B %d, %Y"], None, "July 4, 1976", Some("1976-07-04")),
            (&[], Some("%m/%d/%Y"), "1958-10-13", Some("10/13/1958")),
            (&[], None, "1958-10-13T23:30:00-11:00", Some("1958-10-13")),
            (&[], None, "1958-10-13 23:30", Some("1958-10-13")),
            (&[], None, "1958-10-13T23:30[Europe/Paris]", Some("1958-10-13")),
            (&[], None, "13.10.1958", None),
            (&[], None, "19581013", None),
            (&[], None, "1958", None),
        ];
        for (from, to, text, expected) in cases {
            let pivot = from.iter().any(|format| format.contains("%y")).then_some(30);
            let reading = Reading { pivot, ..Reading::default() };
            let date = Date::new(texts(from), to.map(str::to_owned), reading).unwrap();
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
            (&["excel"], london(), "45503.5", Some("2024-07-30T11:00:00Z")),
            (&[], london(), "2024-07-24T10:00[Europe/Paris]", Some("2024-07-24T08:00:00Z")),
            (&[], None, "2024-07-24T10:00[Europe/Paris][u-ca=gregory]", Some("2024-07-24T08:00:00Z")),
            (&[], None, "2024-07-24T10:00+02:00[Europe/Paris]", Some("2024-07-24T08:00:00Z")),
            (&[], None, "2024-07-24T10:00Z[Europe/Paris]", Some("2024-07-24T10:00:00Z")),
            (&[], None, "2024-07-24T10:00-00:00[Europe/Paris]", Some("2024-07-24T10:00:00Z")),
            (&[], None, "2024-07-24T10:00[+02:00]", Some("2024-07-24T08:00:00Z")),
            (&[], london(), "2024-07-24T10:00+02:00[Asia/Tokyo]", None),
            (&[], london(), "2024-07-24T10:00+00:00[Europe/Paris]", None),
            (&[], london(), "2024-07-24T10:00[Mars/Base]", None),
            (&[], None, "2024-03-31T02:30[Europe/Paris]", None),
            (&[], None, "2024-10-27T02:30+01:00[Europe/Paris]", Some("2024-10-27T01:30:00Z")),
            (&[], london(), "2024-07-24T10:00+25:00", None),
            (&[], london(), "2024-07-24T10:00:00+1900", None),
            (&["%Y-%m-%dT%H:%M:%S%z"], None, "2024-07-24T10:00:00-1900", None),
            (&["%Y-%m-%d %H:%M %z"], None, "2024-07-24 10:00 +2500", None),
            (&["%Y-%m-%d %H:%M %z %Q"], None, "2024-07-24 10:00 +0200 Asia/Tokyo", None),
            (
                &["%Y-%m-%d %H:%M %z %Q"],
                None,
                "2024-07-24 10:00 +0900 Asia/Tokyo",
                Some("2024-07-24T01:00:00Z"),
            ),
            (&[], None, "2024-07-24T10:00-12:00", Some("2024-07-24T22:00:00Z")),
            (&[], london(), "2024-03-31T01:30:00", None),
            (&[], london(), "2024-10-27T01:30:00", Some("2024-10-27T00:30:00Z")),
        ];
        for (from, zone, text, expected) in cases {
            let time = DateTime::new(texts(from), zone, None, None, Reading::default()).unwrap();
            assert_eq!(time.apply(text, None).ok().as_deref(), expected, "{from:?} {text}");
        }
    }

    #[test]
    fn instants_are_written_in_a_zone_and_a_form() {
        let tokyo = || zone::parse("Asia/Tokyo").ok();
        let write = |format: Option<&str>, text: &str| {
            DateTime::new(vec![], None, tokyo(), format.map(str::to_owned), Reading::default())
                .unwrap()
                .apply(text, None)
                .unwrap()
        };
        assert_eq!(write(None, "2024-07-30T10:00:00Z"), "2024-07-30T19:00:00+09:00");
        assert_eq!(write(Some("%d.%m.%Y %H:%M"), "2024-07-30T20:00:00Z"), "31.07.2024 05:00");
    }

    #[test]
    fn a_value_may_have_a_zone_of_its_own() {
        let london = zone::parse("Europe/London").ok();
        let time = DateTime::new(vec![], london, None, None, Reading::default()).unwrap();
        let read = |zone| time.apply("2024-07-30T10:00", zone);
        assert_eq!(read(Some("Asia/Tokyo")).as_deref(), Ok("2024-07-30T01:00:00Z"));
        assert_eq!(read(Some("Eastern Standard Time")).as_deref(), Ok("2024-07-30T14:00:00Z"));
        assert_eq!(read(Some(" ")).as_deref(), Ok("2024-07-30T09:00:00Z"));
        assert_eq!(
            read(Some("Atlantis")).unwrap_err().why,
            "has the time zone `Atlantis`, which is no time zone that is known"
        );
    }

    #[test]
    fn formats_are_checked_beforehand() {
        let date = |from: &[&str], to: Option<&str>| {
            Date::new(texts(from), to.map(str::to_owned), Reading::default())
        };
        assert!(date(&["%H:%M"], None).is_err());
        assert!(date(&["%!"], None).is_err());
        assert!(date(&[], Some("%H:%M")).is_err());
        assert!(DateTime::new(vec![], None, None, Some("%K".into()), Reading::default()).is_err());
    }
}
