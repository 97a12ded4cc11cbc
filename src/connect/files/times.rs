//! Dates and times of typed files as text: ISO 8601 for every date that the types can hold, also beyond the
//! years that calendar libraries take.

use std::fmt::{self, Display};

const DAY: i64 = 86_400;

/// A date, days since 1970-01-01.
pub(super) struct Date(pub(super) i64);

/// An instant: seconds since 1970-01-01T00:00, and nanoseconds within the second.
pub(super) struct Instant {
    pub(super) seconds: i64,
    pub(super) nanos: u32,
    /// Whether the type says that it is UTC; without that, no zone is written.
    pub(super) utc: bool,
}

/// A time of day, in nanoseconds since midnight.
pub(super) struct TimeOfDay(pub(super) i64);

impl Instant {
    /// An instant counted in units of which `per_second` make a second.
    pub(super) fn counted(units: i64, per_second: i64, utc: bool) -> Self {
        let nanos = units.rem_euclid(per_second) * (1_000_000_000 / per_second);
        let nanos = u32::try_from(nanos).expect("less than a second");
        Self { seconds: units.div_euclid(per_second), nanos, utc }
    }
}

impl Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0);
        match year {
            0..=9999 => write!(f, "{year:04}-{month:02}-{day:02}"),
            _ => write!(f, "{year:+07}-{month:02}-{day:02}"),
        }
    }
}

impl Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.seconds.rem_euclid(DAY) * 1_000_000_000 + i64::from(self.nanos);
        write!(f, "{}T{}", Date(self.seconds.div_euclid(DAY)), TimeOfDay(of_day))?;
        if self.utc { f.write_str("Z") } else { Ok(()) }
    }
}

impl Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        match nanos {
            0 => Ok(()),
            _ if nanos % 1_000_000 == 0 => write!(f, ".{:03}", nanos / 1_000_000),
            _ if nanos % 1_000 == 0 => write!(f, ".{:06}", nanos / 1_000),
            _ => write!(f, ".{nanos:09}"),
        }
    }
}

/// Year, month and day of the proleptic Gregorian calendar (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_as_far_as_they_go() {
        let text = |units, per_second, utc| Instant::counted(units, per_second, utc).to_string();
        assert_eq!(text(0, 1, true), "1970-01-01T00:00:00Z");
        assert_eq!(text(-1, 1_000, true), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(1_700_000_000_000_001, 1_000_000, false), "2023-11-14T22:13:20.000001");
        assert_eq!(text(1_000_000_001, 1_000_000_000, true), "1970-01-01T00:00:01.000000001Z");
        assert_eq!(Date(0).to_string(), "1970-01-01");
        assert_eq!(Date(-719_529).to_string(), "-000001-12-31");
        assert_eq!(Date(105_916_000).to_string(), "+291958-02-28");
    }

    proptest! {
        #[test]
        fn instants_print_as_everywhere_else(millis in -62_135_596_800_000_i64..253_402_300_799_000) {
            let known = jiff::Timestamp::from_millisecond(millis).unwrap();
            prop_assert_eq!(Instant::counted(millis, 1_000, true).to_string(), crate::record::instant::print(known));
        }
    }
}
