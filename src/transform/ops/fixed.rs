//! Formats whose every part has a fixed width as most files write it: `%d/%m/%Y`, `%Y-%m-%dT%H:%M:%S%z`.
//!
//! A text of exactly that shape is read here, at a fraction of what a general reader takes. Anything else, days that
//! do not exist included, is left to that, which alone says what is wrong; so nothing is read in another way than
//! there.

use jiff::civil::{self, DateTime};
use jiff::tz::Offset;

/// Years below it are left to the general reader, since `90` is not the year that was meant.
const FIRST_YEAR: u16 = 1000;
/// Hours of an offset that need no closer look.
const HOURS: u16 = 24;

/// A format in parts of a fixed width.
#[derive(Debug, Clone)]
pub(super) struct Fixed(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A character that stands there as it is.
    Mark(u8),
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// `+0300`.
    Offset,
}

impl Fixed {
    /// A format's parts; nothing where it has others than these, says something twice, or says half of a day or of
    /// a time.
    pub(super) fn of(format: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut bytes = format.bytes();
        while let Some(byte) = bytes.next() {
            let part = match byte {
                b'%' => named(bytes.next()?)?,
                mark if mark.is_ascii_graphic() => Part::Mark(mark),
                _ => return None,
            };
            parts.push(part);
        }
        let count = |wanted: Part| parts.iter().filter(|part| **part == wanted).count();
        let [hours, offsets] = [count(Part::Hour), count(Part::Offset)];
        let day = [Part::Year, Part::Month, Part::Day].into_iter().all(|part| count(part) == 1);
        let time = hours <= 1 && count(Part::Minute) == hours && count(Part::Second) == hours;
        (day && time && offsets <= hours).then_some(Self(parts))
    }

    /// The day and time that a text of this shape names (midnight where the format has no time), and its offset.
    pub(super) fn read(&self, text: &str) -> Option<(DateTime, Option<Offset>)> {
        let mut rest = text.as_bytes();
        let (mut year, mut month, mut day) = (0, 0, 0);
        let (mut hour, mut minute, mut second, mut offset) = (0, 0, 0, None);
        for part in &self.0 {
            match part {
                Part::Mark(mark) => rest = rest.strip_prefix(&[*mark])?,
                Part::Year => year = digits::<4>(&mut rest)?,
                Part::Month => month = digits::<2>(&mut rest)?,
                Part::Day => day = digits::<2>(&mut rest)?,
                Part::Hour => hour = digits::<2>(&mut rest)?,
                Part::Minute => minute = digits::<2>(&mut rest)?,
                Part::Second => second = digits::<2>(&mut rest)?,
                Part::Offset => offset = Some(self::offset(&mut rest)?),
            }
        }
        if !rest.is_empty() || year < FIRST_YEAR {
            return None;
        }
        let small = |number: u16| i8::try_from(number).ok();
        let date = civil::Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
        let time = civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
        Some((date.to_datetime(time), offset))
    }
}

fn named(directive: u8) -> Option<Part> {
    Some(match directive {
        b'Y' => Part::Year,
        b'm' => Part::Month,
        b'd' => Part::Day,
        b'H' => Part::Hour,
        b'M' => Part::Minute,
        b'S' => Part::Second,
        b'z' => Part::Offset,
        _ => return None,
    })
}

/// So many digits off the front.
fn digits<const N: usize>(rest: &mut &[u8]) -> Option<u16> {
    let (front, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    front
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u16::from(byte - b'0')))
}

fn offset(rest: &mut &[u8]) -> Option<Offset> {
    let (sign, behind) = rest.split_first()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    *rest = behind;
    let (hours, minutes) = (digits::<2>(rest)?, digits::<2>(rest)?);
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    (hours < HOURS && minutes < 60).then(|| Offset::from_seconds(sign * seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::fmt::strtime::BrokenDownTime;
    use proptest::prelude::*;

    const FORMATS: [&str; 4] = ["%d/%m/%Y", "%Y%m%d", "%Y-%m-%dT%H:%M:%S%z", "%d.%m.%Y,%H:%M:%S"];

    #[test]
    fn formats_of_other_parts_are_left_alone() {
        for format in FORMATS {
            assert!(Fixed::of(format).is_some(), "{format}");
        }
        for format in
            ["%d %m %Y", "%d/%m/%y", "%Y-%m", "%d/%m/%Y %d", "%Y-%m-%dT%H", "%Y-%m-%d%z", "%", "%%", "é"]
        {
            assert!(Fixed::of(format).is_none(), "{format}");
        }
    }

    #[test]
    fn texts_of_another_shape_are_left_alone() {
        let fixed = Fixed::of("%d/%m/%Y").unwrap();
        assert_eq!(fixed.read("02/10/1984"), Some((civil::datetime(1984, 10, 2, 0, 0, 0, 0), None)));
        for text in [
            "",
            "2/10/1984",
            "02/10/1984 ",
            "02/10/84",
            "02/10/0084",
            "31/02/1984",
            "02-10-1984",
            "é2/10/1984",
        ] {
            assert_eq!(fixed.read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_general_reader_reads(
            day in "[0-3][0-9]", month in "[01][0-9]", year in "[0-9]{4}", hour in "[0-2][0-9]",
            rest in "[0-6][0-9]", offset in "[+-][0-2][0-9][0-6][0-9]",
        ) {
            let texts = [
                format!("{day}/{month}/{year}"),
                format!("{year}{month}{day}"),
                format!("{year}-{month}-{day}T{hour}:{rest}:{rest}{offset}"),
                format!("{day}.{month}.{year},{hour}:{rest}:{rest}"),
            ];
            for (format, text) in FORMATS.into_iter().zip(texts) {
                let Some((time, offset)) = Fixed::of(format).unwrap().read(&text) else { continue };
                let broken = BrokenDownTime::parse(format, &text).unwrap();
                prop_assert_eq!(broken.to_date().unwrap(), time.date());
                prop_assert_eq!(broken.to_time().unwrap_or(civil::Time::midnight()), time.time());
                prop_assert_eq!(broken.offset(), offset);
            }
        }
    }
}
