//! Reading the shapes in which the services write times, and printing the one shape Ferry writes.
//!
//! Nimble is seen with four shapes (its API facts, section 3): `2012-09-07T16:49:56+0300`, with a colon in the
//! offset, with decimals, and naive; NetHunt writes RFC 3339 UTC with or without decimals (its facts, section
//! 3). Naive times are UTC. Times are compared as instants, never as text.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;

/// Reads a time as a service writes it; `None` where it is none.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"] {
        if let Ok(instant) = strtime::parse(format, text).and_then(|broken| broken.to_timestamp()) {
            return Some(instant);
        }
    }
    let naive = text.parse::<jiff::civil::DateTime>().ok()?;
    if text.len() < "2012-09-07T16:49".len() {
        return None;
    }
    jiff::tz::TimeZone::UTC.to_timestamp(naive).ok()
}

/// RFC 3339 in UTC: whole seconds where there is no fraction, else as many decimals as needed up to
/// milliseconds and no fewer than three.
#[must_use]
pub fn print(instant: Timestamp) -> String {
    if instant.subsec_nanosecond() == 0 {
        let time = Offset::UTC.to_datetime(instant);
        match time.year() {
            0.. => in_digits(time),
            _ => instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    } else if instant.subsec_nanosecond() % 1_000_000 == 0 {
        instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    } else {
        instant.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
    }
}

/// `2024-07-30T10:00:00Z`, digit by digit: tables have millions of times, and nearly all are of this kind.
fn in_digits(time: DateTime) -> String {
    let two = |number: i8| i16::from(number);
    let parts = [
        (time.year() / 100, '\0'),
        (time.year() % 100, '-'),
        (two(time.month()), '-'),
        (two(time.day()), 'T'),
        (two(time.hour()), ':'),
        (two(time.minute()), ':'),
        (two(time.second()), 'Z'),
    ];
    let mut text = String::with_capacity("2024-07-30T10:00:00Z".len());
    for (number, behind) in parts {
        for digit in [number / 10, number % 10] {
            text.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
        }
        if behind != '\0' {
            text.push(behind);
        }
    }
    text
}

/// A time as read, printed as Ferry prints times; text that is no time stays as it is.
#[must_use]
pub fn normalise(text: &str) -> String {
    parse(text).map_or_else(|| text.to_owned(), print)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whole_seconds_are_printed_as_they_are_formatted(second in -70_000_000_000_i64..253_402_207_200) {
            let instant = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(print(instant), instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }

    #[test]
    fn every_shape_seen_is_read_as_the_same_instant() {
        let cases = [
            ("2012-09-07T16:49:56+0300", "2012-09-07T13:49:56Z"),
            ("2021-02-12T19:18:59+00:00", "2021-02-12T19:18:59Z"),
            ("2021-02-12T19:18:59.674000+00:00", "2021-02-12T19:18:59.674Z"),
            ("2024-08-01T16:12:07.986745", "2024-08-01T16:12:07.986745Z"),
            ("2024-08-01 16:12:07", "2024-08-01T16:12:07Z"),
            ("2023-07-13T13:46:24.113Z", "2023-07-13T13:46:24.113Z"),
            ("2023-07-13T13:46:24Z", "2023-07-13T13:46:24Z"),
        ];
        for (read, printed) in cases {
            assert_eq!(normalise(read), printed, "{read}");
        }
    }

    #[test]
    fn what_is_no_time_stays_as_it_is() {
        for text in ["", "soon", "2012-09-07", "16:49"] {
            assert_eq!(normalise(text), text);
        }
    }
}
