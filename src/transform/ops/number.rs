//! Numbers and booleans from text.

use super::Problem;
use serde_json::Value;

/// How a number is written: `{ decimal = ",", thousands = "." }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The mark before the fraction.
    pub decimal: char,
    /// The mark between groups of the whole part; `None` where there may be none.
    pub thousands: Option<char>,
}

impl Default for Decimal {
    fn default() -> Self {
        Self { decimal: '.', thousands: None }
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
        let (negative, rest) = match text.strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let literal = self.literal(whole, fraction, exponent).ok_or_else(|| self.no_number(text))?;
        let signed = if negative { format!("-{literal}") } else { literal };
        serde_json::from_str::<serde_json::Number>(&signed)
            .map(Value::Number)
            .map_err(|_| self.no_number(text))
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
        if text.contains(other) && self.thousands.is_none() {
            return problem.hint(format!(
                "say what `{other}` means: `number = {{ decimal = \"{other}\" }}` or `thousands = \"{other}\"`"
            ));
        }
        problem
    }
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

/// The words for true and false, compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What means true.
    pub yes: Vec<String>,
    /// What means false.
    pub no: Vec<String>,
}

impl Default for Words {
    fn default() -> Self {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        Self { yes: words(&["true", "yes", "y", "1"]), no: words(&["false", "no", "n", "0"]) }
    }
}

impl Words {
    /// Reads a boolean.
    ///
    /// # Errors
    /// When the text is neither of the words for true nor of those for false.
    pub fn apply(&self, text: &str) -> Result<Value, Problem> {
        let text = text.trim().to_lowercase();
        let among = |words: &[String]| words.iter().any(|word| word.to_lowercase() == text);
        match (among(&self.yes), among(&self.no)) {
            (true, _) => Ok(Value::Bool(true)),
            (false, true) => Ok(Value::Bool(false)),
            (false, false) => Err(Problem::new("is neither true nor false").hint(format!(
                "true is written {}, false {}; `bool = {{ true = [..], false = [..] }}` changes that",
                self.yes.join(", "),
                self.no.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_literal() {
        let plain = Decimal::default();
        let german = Decimal { decimal: ',', thousands: Some('.') };
        let french = Decimal { decimal: ',', thousands: Some(' ') };
        let indian = Decimal { decimal: '.', thousands: Some(',') };
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
    fn booleans_are_words() {
        let cases = [("Yes", Some(true)), ("0", Some(false)), ("TRUE", Some(true)), ("ja", None), ("", None)];
        for (text, expected) in cases {
            assert_eq!(Words::default().apply(text).ok(), expected.map(Value::Bool), "{text}");
        }
        let own = Words { yes: vec!["Ja".into()], no: vec!["Nein".into()] };
        assert_eq!(own.apply("ja"), Ok(Value::Bool(true)));
        assert!(own.apply("yes").is_err());
    }
}
