//! Numbers from text: the marks are said, never guessed.

use super::{Problem, currency};
use serde_json::Value;

const MINUS: [char; 2] = ['-', '\u{2212}'];
const PERCENT: [char; 4] = ['%', '٪', '％', '﹪'];

/// How a number is written: `{ decimal = ",", thousands = "." }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The mark before the fraction.
    pub decimal: char,
    /// The mark between groups of the whole part; `None` where there may be none.
    pub thousands: Option<char>,
    /// Whether a sign, code or name of a currency may stand beside the number, and whether brackets and a minus
    /// behind it mean less than nothing, as book-keepers write.
    pub currency: bool,
    /// What a percent sign means.
    pub percent: Percent,
}

/// What a number with a percent sign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Percent {
    /// No number.
    #[default]
    Refuse,
    /// The number as it stands: `12 %` is 12.
    Points,
    /// A hundredth of it: `12 %` is 0.12.
    Fraction,
}

impl Default for Decimal {
    fn default() -> Self {
        Self { decimal: '.', thousands: None, currency: false, percent: Percent::Refuse }
    }
}

impl Decimal {
    /// Reads a number; its literal is kept (`1.50` stays `1.50`), without marks between groups, leading zeros
    /// and `+`.
    ///
    /// # Errors
    /// When the text is not a number in this writing. Groups must be of three digits, or of two and a last of
    /// three as in India: `1.5` is not fifteen where `.` stands between thousands.
    pub fn apply(&self, text: &str) -> Result<Value, Problem> {
        let text = text.trim();
        let (number, hundredth) = self.without_percent(text);
        let (number, bookkept) = if self.currency { without_currency(number)? } else { (number, 0) };
        let (negative, rest) = match (number.strip_prefix(MINUS), number.strip_prefix('+')) {
            (Some(rest), _) => (true, rest.trim_start()),
            (None, Some(rest)) => (false, rest),
            (None, None) => (false, number),
        };
        if bookkept + usize::from(rest.len() < number.len()) > 1 {
            return Err(Problem::new("has several signs of what is less than nothing")
                .hint("write one: a minus before or behind the number, or brackets around it"));
        }
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let literal = self.literal(whole, fraction, exponent).ok_or_else(|| self.no_number(text))?;
        let literal = if hundredth { by_a_hundred(&literal) } else { literal };
        let signed = if negative || bookkept > 0 { format!("-{literal}") } else { literal };
        serde_json::from_str::<serde_json::Number>(&signed)
            .map(Value::Number)
            .map_err(|_| self.no_number(text))
    }

    /// The text without a percent sign where one may stand, and whether a hundredth is meant.
    fn without_percent<'t>(&self, text: &'t str) -> (&'t str, bool) {
        let rest = text.strip_suffix(PERCENT).or_else(|| text.strip_prefix(PERCENT));
        match (self.percent, rest) {
            (Percent::Refuse, _) | (_, None) => (text, false),
            (Percent::Points, Some(rest)) => (rest.trim(), false),
            (Percent::Fraction, Some(rest)) => (rest.trim(), true),
        }
    }

    fn literal(&self, whole: &str, fraction: Option<&str>, exponent: Option<&str>) -> Option<String> {
        let mut literal = self.ungrouped(whole)?;
        if let Some(fraction) = fraction {
            literal.push('.');
            literal.push_str(&digits(fraction)?);
        }
        if let Some(exponent) = exponent {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(rest) => ("e-", rest),
                None => ("e", exponent.strip_prefix('+').unwrap_or(exponent)),
            };
            literal.push_str(sign);
            literal.push_str(&digits(exponent)?);
        }
        Some(literal)
    }

    fn ungrouped(&self, whole: &str) -> Option<String> {
        let groups: Vec<String> = match self.thousands {
            Some(mark) => whole.split(|c| same_mark(c, mark)).map(digits).collect::<Option<_>>()?,
            None => vec![digits(whole)?],
        };
        if groups.len() > 1 {
            let inner = &groups[1..groups.len() - 1];
            let three = inner.iter().all(|group| group.len() == 3);
            let two = inner.iter().all(|group| group.len() == 2) && groups[0].len() <= 2;
            let last = groups.last().is_some_and(|group| group.len() == 3);
            if !(last && groups[0].len() <= 3 && (three || two)) {
                return None;
            }
        }
        let joined = groups.concat();
        let significant = joined.trim_start_matches('0');
        Some(if significant.is_empty() { "0".to_owned() } else { significant.to_owned() })
    }

    fn no_number(&self, text: &str) -> Problem {
        let other = if self.decimal == ',' { '.' } else { ',' };
        let problem = Problem::new(match self.thousands {
            Some(mark) => {
                format!("is no number with `{}` before decimals and `{mark}` between thousands", self.decimal)
            }
            None => format!("is no number with `{}` before decimals", self.decimal),
        });
        if !self.currency && text.contains(['$', '€', '£', '¥', '₴', '₹']) {
            return problem.hint("where a currency stands beside it, write `number = { currency = true }`");
        }
        if text.contains(other) && self.thousands.is_none() {
            return problem.hint(format!(
                "say what `{other}` means: `number = {{ decimal = \"{other}\" }}` or `thousands = \"{other}\"`"
            ));
        }
        problem
    }
}

/// The amount of a text with a currency, and how many marks beside it say that it is less than nothing: brackets, a
/// minus before a currency, a minus behind.
fn without_currency(text: &str) -> Result<(&str, usize), Problem> {
    let (mut text, mut below) = match text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => (inner.trim(), 1),
        None => (text, 0),
    };
    let minus = text.strip_prefix(MINUS).filter(|rest| !rest.starts_with(|c: char| c.is_numeric()));
    if let Some(rest) = minus {
        (text, below) = (rest.trim_start(), below + 1);
    }
    let digit = |c: char| c.is_numeric() || MINUS.contains(&c) || c == '+';
    let Some(start) = text.find(digit) else {
        return Err(Problem::new("holds no number"));
    };
    let end = text
        .rfind(char::is_numeric)
        .map_or(text.len(), |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    let (before, amount, behind) = match start < end {
        true => (text[..start].trim(), &text[start..end], text[end..].trim()),
        false => return Err(Problem::new("holds no number")),
    };
    let (behind, below) = match behind.strip_suffix(MINUS) {
        Some(rest) => (rest.trim_end(), below + 1),
        None => (behind, below),
    };
    for beside in [before, behind] {
        if !beside.is_empty() && !currency::is_known(beside) {
            return Err(Problem::new(format!("has `{beside}` beside the number, which is no currency")));
        }
    }
    Ok((amount, below))
}

/// A literal with its point two places to the left.
fn by_a_hundred(literal: &str) -> String {
    if literal.contains('e') {
        return format!("{literal}%");
    }
    let (whole, fraction) = literal.split_once('.').unwrap_or((literal, ""));
    let padded = format!("{whole:0>3}");
    let (whole, hundredths) = padded.split_at(padded.len() - 2);
    format!("{whole}.{hundredths}{fraction}")
}

/// Whether a character is the mark between groups; blanks of every width are one mark, as are apostrophes.
fn same_mark(c: char, mark: char) -> bool {
    c == mark
        || (mark.is_whitespace() && c.is_whitespace())
        || (matches!(mark, '\'' | '’') && matches!(c, '\'' | '’'))
}

/// The ASCII digits of a run of decimal digits, in whichever of the common scripts; `None` if it is empty or
/// holds anything else.
fn digits(text: &str) -> Option<String> {
    const ZEROS: [u32; 5] = [0x30, 0x660, 0x6f0, 0x966, 0xff10];
    let ascii = |c: char| {
        let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&u32::from(c)))?;
        char::from_digit(u32::from(c) - zero, 10)
    };
    let digits: String = text.chars().map(ascii).collect::<Option<_>>()?;
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_literal() {
        let plain = Decimal::default();
        let german = Decimal { decimal: ',', thousands: Some('.'), ..plain };
        let french = Decimal { decimal: ',', thousands: Some(' '), ..plain };
        let indian = Decimal { decimal: '.', thousands: Some(','), ..plain };
        let cases = [
            (plain, "12.50", Some("12.50")),
            (plain, "-7", Some("-7")),
            (plain, "\u{2212}7", Some("-7")),
            (plain, "+0012", Some("12")),
            (plain, "1e3", Some("1e+3")),
            (plain, "12345678901234567890.5", Some("12345678901234567890.5")),
            (plain, "٣٫٥", None),
            (plain, "٣٥", Some("35")),
            (plain, "1,5", None),
            (plain, "", None),
            (plain, "1.", None),
            (plain, "NaN", None),
            (plain, "1-2", None),
            (german, "1.299,00", Some("1299.00")),
            (german, "1.5", None),
            (german, "1299,5", Some("1299.5")),
            (french, "1\u{202f}234\u{a0}567,8", Some("1234567.8")),
            (indian, "12,34,567.5", Some("1234567.5")),
            (indian, "1,2,3", None),
        ];
        for (decimal, text, expected) in cases {
            assert_eq!(
                decimal.apply(text).ok().map(|value| value.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
        assert_eq!(
            plain.apply("1,5").unwrap_err().hint.unwrap(),
            "say what `,` means: `number = { decimal = \",\" }` or `thousands = \",\"`"
        );
    }

    #[test]
    fn signs_of_money_and_percent_are_read_where_asked() {
        let money = Decimal { currency: true, ..Decimal::default() };
        let german = Decimal { decimal: ',', thousands: Some('.'), currency: true, ..Decimal::default() };
        let english = Decimal { thousands: Some(','), ..money };
        let cases = [
            (money, "$12.50", Some("12.50")),
            (money, "12.50 USD", Some("12.50")),
            (money, "-€5", Some("-5")),
            (money, "€-5", Some("-5")),
            (money, "€ 5-", Some("-5")),
            (money, "(5)", Some("-5")),
            (money, "(-5)", None),
            (money, "(+5)", None),
            (money, "(5-)", None),
            (money, "-5-", None),
            (money, "+5-", None),
            (money, "-$-5", None),
            (money, "-€5-", None),
            (money, "($-5)", None),
            (money, "(-$5)", None),
            (money, "+5 €", Some("5")),
            (money, "12 beans", None),
            (money, "$", None),
            (english, "($1,234.50)", Some("-1234.50")),
            (english, "(€ -1,000.00)", None),
            (english, "US$ 1,234", Some("1234")),
            (german, "1.299,00 €", Some("1299.00")),
            (german, "CHF 1.299", Some("1299")),
            (Decimal::default(), "$12", None),
            (Decimal::default(), "12 %", None),
        ];
        for (decimal, text, expected) in cases {
            let made = decimal.apply(text).ok().map(|value| value.to_string());
            assert_eq!(made.as_deref(), expected, "{text}");
        }
        let cases = [
            (Percent::Points, "12.5 %", Some("12.5")),
            (Percent::Points, "12", Some("12")),
            (Percent::Fraction, "12.5%", Some("0.125")),
            (Percent::Fraction, "5 %", Some("0.05")),
            (Percent::Fraction, "-100%", Some("-1.00")),
            (Percent::Fraction, "1250 ٪", Some("12.50")),
            (Percent::Fraction, "0.5", Some("0.5")),
            (Percent::Fraction, "%", None),
        ];
        for (percent, text, expected) in cases {
            let decimal = Decimal { percent, ..Decimal::default() };
            let made = decimal.apply(text).ok().map(|value| value.to_string());
            assert_eq!(made.as_deref(), expected, "{text}");
        }
    }
}
