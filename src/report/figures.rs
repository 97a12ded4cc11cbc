//! How numbers, times, sizes and foreign text look to people. Pure.

use std::fmt::Write;
use std::time::Duration;

/// A count with thousands separators: `12,300`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 row`, `12 rows`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// A time in its two largest units: `0.4 s`, `19 s`, `4 min 35 s`, `3 h 20 min`, `2 d 4 h`.
#[must_use]
pub fn duration(time: Duration) -> String {
    if time < Duration::from_millis(9_950) {
        let seconds = format!("{:.1}", time.as_secs_f64());
        return format!("{} s", seconds.strip_suffix(".0").unwrap_or(&seconds));
    }
    let seconds = (time + Duration::from_millis(500)).as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{} {large_unit}", count(large))
        } else {
            format!("{} {large_unit} {small} {small_unit}", count(large))
        }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// Bytes: `512 B`, `1.5 kB`, `230 MB`; powers of 1000.
#[must_use]
pub fn bytes(size: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if size < 1_000 {
        return format!("{size} B");
    }
    let mut scaled = size as f64 / 1_000.0;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < units.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    if scaled < 9.95 {
        format!("{scaled:.1} {}", units[unit])
    } else {
        format!("{scaled:.0} {}", units[unit])
    }
}

/// How fast something goes: `410/s`, `2.4/s`, and `90/min` where a second is too short a time.
#[must_use]
pub fn speed(per_second: f64) -> String {
    match per_second {
        fast if fast >= 9.95 => format!("{}/s", count(fast.round() as u64)),
        middling if middling >= 2.0 => format!("{middling:.1}/s"),
        slow => format!("{:.0}/min", slow * 60.0),
    }
}

/// Text from elsewhere, fit for a terminal: control characters are shown, not obeyed. Line feeds and tabs stay.
#[must_use]
pub fn tame(text: &str) -> String {
    let obeyed = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.chars().any(obeyed) {
        return text.to_owned();
    }
    let mut tamed = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if obeyed(c) {
            // Writing to a string cannot fail.
            let _ = write!(tamed, "{}", c.escape_default());
        } else {
            tamed.push(c);
        }
    }
    tamed
}

/// A value on one line and at most `most` characters long: `…` stands for what is cut off, `⏎` for a line feed,
/// `␍` for a carriage return, `⇥` for a tab.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    cut(&one_line(text), most)
}

/// Two values, each as [`shortened`] does it, but cut so that the place where they begin to differ is in sight.
#[must_use]
pub fn contrasted(before: &str, after: &str, most: usize) -> (String, String) {
    let (before, after) = (one_line(before), one_line(after));
    let same = before.chars().zip(after.chars()).take_while(|(one, other)| one == other).count();
    let fits = before.chars().count().max(after.chars().count()) <= most;
    if fits || same < most / 2 {
        return (cut(&before, most), cut(&after, most));
    }
    let from = |text: &str| {
        let rest: String = text.chars().skip(same - most / 4).collect();
        cut(&format!("…{rest}"), most)
    };
    (from(&before), from(&after))
}

fn one_line(text: &str) -> String {
    let visible = |c| match c {
        '\n' => '⏎',
        '\r' => '␍',
        '\t' => '⇥',
        other => other,
    };
    tame(&text.chars().map(visible).collect::<String>())
}

fn cut(line: &str, most: usize) -> String {
    if line.chars().count() <= most {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// An id that can be told from its neighbours: `64b0…4f2a`.
#[must_use]
pub fn short_id(id: &str) -> String {
    let id = tame(id);
    let length = id.chars().count();
    if length <= 12 {
        return id;
    }
    let head: String = id.chars().take(4).collect();
    let tail: String = id.chars().skip(length - 4).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_separators() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (12_300, "12,300"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2_000, "row"), "2,000 rows");
    }

    #[test]
    fn times_show_their_two_largest_units() {
        let cases = [
            (0, "0 s"),
            (4_000, "4 s"),
            (420, "0.4 s"),
            (9_949, "9.9 s"),
            (9_950, "10 s"),
            (19_000, "19 s"),
            (59_600, "1 min"),
            (275_000, "4 min 35 s"),
            (3_600_000, "1 h"),
            (12_000_000, "3 h 20 min"),
            (187_200_000, "2 d 4 h"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(Duration::from_millis(ms)), text, "{ms}");
        }
    }

    #[test]
    fn sizes_and_speeds_keep_two_or_three_figures() {
        for (size, text) in [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (230_400_000, "230 MB")] {
            assert_eq!(bytes(size), text);
        }
        assert_eq!(bytes(999_999), "1.0 MB");
        for (fast, text) in
            [(1_234.0, "1,234/s"), (410.2, "410/s"), (2.42, "2.4/s"), (1.5, "90/min"), (0.1, "6/min")]
        {
            assert_eq!(speed(fast), text);
        }
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(tame("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(tame("Zoë\u{202e}gpj"), "Zoë\\u{202e}gpj");
        assert_eq!(shortened("one\r\ntwo\n\tthree", 40), "one␍⏎two⏎⇥three");
        assert_eq!(shortened("Zoë Müller", 5), "Zoë …");
        assert_eq!(short_id("64b0c1f2a3d4e5f60718293a"), "64b0…293a");
        assert_eq!(short_id("rec-12"), "rec-12");
    }

    #[test]
    fn a_difference_far_behind_is_brought_into_sight() {
        let both = |before: &str, after: &str| contrasted(before, after, 20);
        let pair = |before: &str, after: &str| (before.to_owned(), after.to_owned());
        assert_eq!(both("a@x", "b@x"), pair("a@x", "b@x"));
        assert_eq!(
            both("a long text with a red end", "a long text with a blue end"),
            pair("…th a red end", "…th a blue end")
        );
        assert_eq!(both("quite other than before it was", "a"), pair("quite other than be…", "a"));
        assert_eq!(
            both("the same for long, then no more", "the same for long, then"),
            pair("… then no more", "… then")
        );
    }
}
