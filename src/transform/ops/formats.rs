//! The formats that dates and times are read in: checked beforehand, tried in order, never guessed.

use super::Problem;
use super::calendar::{self, Directive, English, Names};
use super::fixed::Fixed;
use jiff::Timestamp;
use jiff::civil;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};

/// Formats in the order in which they are tried.
#[derive(Debug, Clone)]
pub(super) struct Formats {
    written: Vec<String>,
    tried: Vec<Format>,
    pivot: Option<u8>,
    names: Names,
}

#[derive(Debug, Clone)]
enum Format {
    Written {
        format: String,
        /// Whether the year has two digits.
        short: bool,
        /// The names of months and days in it.
        names: Vec<Directive>,
        /// What reads the texts that people write in full.
        fixed: Option<Fixed>,
    },
    /// Days since the end of 1899, with the day that never was.
    Excel,
    /// Days since the beginning of 1904.
    Excel1904,
}

/// What a format makes of a text.
pub(super) enum Read {
    Broken(Box<BrokenDownTime>),
    Civil(civil::DateTime),
    /// A time with an offset.
    Instant(civil::DateTime, Offset),
}

impl Formats {
    /// Checks formats. A year of two digits needs a pivot. Names of months and days are read in the languages of
    /// `names`, in English where it states none.
    ///
    /// # Errors
    /// When a format cannot be used, with why.
    pub(super) fn new(written: Vec<String>, pivot: Option<u8>, names: Names) -> Result<Self, String> {
        let mut tried = Vec::new();
        for format in &written {
            match format.as_str() {
                "excel" => tried.push(Format::Excel),
                "excel-1904" => tried.push(Format::Excel1904),
                _ => {
                    let short = checked_input(format)?;
                    if short && pivot.is_none() {
                        return Err(format!(
                            "`{format}` has a year of two digits, and no `pivot` says which century: with `pivot = 30`, 00 to \
                             29 are 2000 to 2029, and 30 to 99 are 1930 to 1999"
                        ));
                    }
                    tried.push(Format::new(format.clone(), short));
                    // `%z` reads `+0300`; `+03:00` is the same offset in another spelling.
                    if format.contains("%z") {
                        tried.push(Format::new(format.replace("%z", "%:z"), short));
                    }
                }
            }
        }
        let has_names =
            |format: &Format| matches!(format, Format::Written { names, .. } if !names.is_empty());
        if !names.is_empty() && !tried.iter().any(has_names) {
            return Err("`language` is for names of months and days, and no format of `from` has one: `%B`, `%b`, `%A` \
                        or `%a`"
                .to_owned());
        }
        match pivot {
            Some(100..) => Err("`pivot` is a year of two digits, 0 to 99".to_owned()),
            Some(_) if !tried.iter().any(|format| matches!(format, Format::Written { short: true, .. })) => {
                Err("`pivot` is for years of two digits, and no format has `%y`".to_owned())
            }
            _ => Ok(Self { written, tried, pivot, names }),
        }
    }

    /// What the formats make of a text, in their order. `%Y` also reads `90`, which is not the year that was
    /// meant: that is no reading.
    pub(super) fn readings<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Read> + 'a {
        self.tried.iter().filter_map(move |format| match format {
            Format::Excel => excel(text, false).map(Read::Civil),
            Format::Excel1904 => excel(text, true).map(Read::Civil),
            Format::Written { short, fixed, .. } => {
                match fixed.as_ref().and_then(|fixed| fixed.read(text)) {
                    Some((time, None)) => return Some(Read::Civil(time)),
                    Some((time, Some(offset))) => return Some(Read::Instant(time, offset)),
                    None => {}
                }
                let mut broken = self.parsed(format, text).filter(|broken| !short_year(broken))?;
                if *short {
                    self.with_century(&mut broken);
                }
                Some(Read::Broken(Box::new(broken)))
            }
        })
    }

    /// Moves a year of two digits into the century that the pivot says.
    fn with_century(&self, broken: &mut BrokenDownTime) {
        if let (Some(year), Some(pivot)) = (broken.year(), self.pivot) {
            let year = year.rem_euclid(100);
            let century = if year < i16::from(pivot) { 2000 } else { 1900 };
            // Between 1900 and 2099, which every year may be.
            let _ = broken.set_year(Some(century + year));
        }
    }

    /// The problem of a text that no format reads.
    pub(super) fn fits_none(&self, text: &str, what: &str, iso: &str) -> Problem {
        if self.tried.iter().any(|format| self.parsed(format, text).is_some_and(|broken| short_year(&broken)))
        {
            return Problem::new("has a year of two digits")
                .hint("`%y` reads those, with `pivot` to say which century is meant");
        }
        if let Some(problem) = self.tried.iter().find_map(|format| self.unnamed(format, text)) {
            return problem;
        }
        if self.written.is_empty() {
            let hint = if excel(text, false).is_some() {
                "if it is a spreadsheet's number of days, write `from = [\"excel\"]`"
            } else {
                "say how it is written, such as `from = [\"%d/%m/%Y\"]`"
            };
            return Problem::new(format!("is no {what} in ISO form, such as {iso}")).hint(hint);
        }
        let list: Vec<_> = self.written.iter().map(|format| format!("`{format}`")).collect();
        Problem::new(format!("is no {what} as {} or ISO", list.join(", ")))
            .hint("correct it, or add its format to `from`")
    }

    /// A text as a format reads it, with names in the languages that are stated.
    fn parsed(&self, format: &Format, text: &str) -> Option<BrokenDownTime> {
        let Format::Written { format, names, .. } = format else { return None };
        if names.is_empty() || self.names.is_empty() {
            return parsed(format, text);
        }
        match self.names.english(format, names, text) {
            English::Text(text) => parsed(format, &text),
            English::No | English::Ambiguous(..) => None,
        }
    }

    /// The problem of a name of a month or a day: it means several, or is of a language that is not stated.
    fn unnamed(&self, format: &Format, text: &str) -> Option<Problem> {
        let Format::Written { format, names, .. } = format else { return None };
        if names.is_empty() {
            return None;
        }
        if let English::Ambiguous(name, meanings) = self.names.english(format, names, text) {
            let stated = self.names.languages().join(", ");
            let why = format!("has `{name}`, which is {} in the languages {stated}", meanings.join(" or "));
            return Some(Problem::new(why).hint("state the one that is meant in `language`"));
        }
        let (word, elsewhere) = calendar::named_elsewhere(text, &self.names)?;
        if self.names.is_empty() && elsewhere.contains(&"en") {
            return None;
        }
        let read = if self.names.is_empty() {
            "English is read".to_owned()
        } else {
            format!("stated are {}", self.names.languages().join(", "))
        };
        let language = elsewhere.first()?;
        let why = format!("has the name `{word}` of a language that is not stated; {read}");
        Some(Problem::new(why).hint(format!(
            "it is a name in {}: say which in `language`, such as `language = \"{language}\"`",
            elsewhere.join(", ")
        )))
    }
}

impl Format {
    fn new(format: String, short: bool) -> Self {
        Self::Written { names: calendar::directives(&format), fixed: Fixed::of(&format), format, short }
    }
}

/// Checks a format that something is written in; of a day alone, or of a time in a zone.
///
/// # Errors
/// When it cannot be used, with why.
pub(super) fn checked_output(format: &str, day: bool) -> Result<(), String> {
    let written =
        if day { strtime::format(format, sample().date()) } else { strtime::format(format, &sample()) };
    written.map(drop).map_err(|cause| bad_format(format, &cause))
}

/// Checks a format that something is read in, and tells whether its year has two digits.
fn checked_input(format: &str) -> Result<bool, String> {
    let sample = strtime::format(format, &sample()).map_err(|cause| bad_format(format, &cause))?;
    let broken = BrokenDownTime::parse(format, &sample).map_err(|cause| bad_format(format, &cause))?;
    if broken.to_date().is_err() && broken.timestamp().is_none() {
        return Err(format!("`{format}` does not say which day it is"));
    }
    let plain = format.replace("%%", "");
    Ok(["%y", "%D", "%-y", "%_y", "%0y"].iter().any(|short| plain.contains(short)))
}

fn parsed(format: &str, text: &str) -> Option<BrokenDownTime> {
    let zulu = format.ends_with("%z").then(|| text.strip_suffix(['Z', 'z'])).flatten();
    match zulu {
        Some(rest) => BrokenDownTime::parse(format, format!("{rest}+0000")).ok(),
        None => BrokenDownTime::parse(format, text).ok(),
    }
}

fn short_year(broken: &BrokenDownTime) -> bool {
    broken.year().is_some_and(|year| year < 1000)
}

/// The day and time of a spreadsheet's serial number: whole days, and a fraction of one, to the second.
///
/// In the system of 1900, day 60 is 29 February 1900, which Lotus 1-2-3 invented and Excel kept; nobody means
/// it.
fn excel(text: &str, since_1904: bool) -> Option<civil::DateTime> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(fraction) || whole.len() > 7 {
        return None;
    }
    let days: i64 = whole.parse().ok()?;
    let share: f64 = format!("0.{fraction}").parse().ok()?;
    let (epoch, days) = match (since_1904, days) {
        (true, days) => (civil::date(1904, 1, 1), days),
        (false, 0 | 60) => return None,
        (false, days @ 1..60) => (civil::date(1899, 12, 31), days),
        (false, days) => (civil::date(1899, 12, 30), days),
    };
    #[expect(clippy::cast_possible_truncation, reason = "a share of a day is at most 86,400 seconds")]
    let seconds = (share * 86_400.0).round() as i64;
    let since = jiff::SignedDuration::from_secs(days * 86_400 + seconds);
    epoch.to_datetime(civil::Time::midnight()).checked_add(since).ok()
}

fn bad_format(format: &str, cause: &dyn std::fmt::Display) -> String {
    format!("the format `{format}` cannot be used: {cause}")
}

/// A moment that shows whether a format can be written: 31 December 2023, 22:45:58 UTC.
fn sample() -> jiff::ZonedDateTime {
    Timestamp::constant(1_704_062_758, 0).to_zoned_datetime(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_days_of_a_spreadsheet() {
        let cases = [
            ("1", false, Some("1900-01-01T00:00:00")),
            ("59", false, Some("1900-02-28T00:00:00")),
            ("60", false, None),
            ("61", false, Some("1900-03-01T00:00:00")),
            ("45292", false, Some("2024-01-01T00:00:00")),
            ("45292.5", false, Some("2024-01-01T12:00:00")),
            ("45292.999999", false, Some("2024-01-02T00:00:00")),
            ("9999999", false, None),
            ("0", false, None),
            ("-1", false, None),
            ("1e3", false, None),
            ("", false, None),
            (".5", false, None),
            ("43830", true, Some("2024-01-01T00:00:00")),
            ("0", true, Some("1904-01-01T00:00:00")),
        ];
        for (text, since_1904, expected) in cases {
            assert_eq!(excel(text, since_1904).map(|time| time.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_needs_its_century() {
        let new = |format: &str, pivot| Formats::new(vec![format.to_owned()], pivot, Names::default());
        assert!(new("%d/%m/%y", None).unwrap_err().contains("no `pivot` says which century"));
        assert!(new("%D", None).is_err());
        assert!(new("%d/%m/%Y", Some(30)).is_err());
        assert!(new("%d/%m/%y", Some(100)).is_err());
        for (text, year) in [("1/2/29", 2029), ("1/2/30", 1930), ("1/2/00", 2000), ("1/2/99", 1999)] {
            let formats = new("%d/%m/%y", Some(30)).unwrap();
            let Some(Read::Broken(broken)) = formats.readings(text).next() else { panic!("{text}") };
            assert_eq!(broken.year(), Some(year), "{text}");
        }
    }
}
