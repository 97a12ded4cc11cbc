//! When two values are the same: the comparisons behind keys and behind "nothing to change".
//!
//! Keys (design section 7): text folded in case and blanks, e-mails by address, and in fields of phone numbers those
//! by their digits. Values (canonical comparison of the NetHunt facts, section 7): numbers as decimals, times as
//! instants, and everything empty alike.

use super::{instant, is_empty, to_text};
use serde_json::Value;

/// A key value folded for matching; `None` when it is blank.
#[must_use]
pub fn key(value: &Value) -> Option<String> {
    if is_empty(value) {
        return None;
    }
    let text = to_text(value);
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if folded.is_empty() {
        return None;
    }
    if let Some(address) = email_address(&folded) {
        return Some(address);
    }
    Some(folded)
}

/// As [`key`] in a field of phone numbers: those by their digits. Elsewhere `12-345` and `1-2345` are two things.
#[must_use]
pub fn phone_key(value: &Value) -> Option<String> {
    let folded = key(value)?;
    Some(phone_digits(&folded).unwrap_or(folded))
}

/// The address of `Name <a@b>`, `<a@b>` or `a@b`, in lower case; `None` if it is no e-mail.
#[must_use]
pub fn email_address(text: &str) -> Option<String> {
    let text = text.trim();
    let address = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(open), Some(inner)) => &inner[open + 1..],
        _ => text,
    };
    let (local, domain) = address.rsplit_once('@')?;
    let bad =
        |part: &str| part.is_empty() || part.contains(|c: char| c.is_whitespace() || "<>,;".contains(c));
    (!bad(local) && !bad(domain)).then(|| address.to_lowercase())
}

/// The digits of what looks like a phone number, with a leading `+` kept; `None` if it does not.
#[must_use]
pub fn phone_digits(text: &str) -> Option<String> {
    let punctuation = |c: char| c.is_whitespace() || "()-./".contains(c);
    if !text.chars().all(|c| c.is_ascii_digit() || c == '+' || punctuation(c)) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let plus = text.trim_start().starts_with('+') || text.trim_start().starts_with("(+");
    (digits.len() >= 5).then(|| if plus { format!("+{digits}") } else { digits })
}

/// A value as text such that equal texts are equal values: numbers by value, times as instants, e-mails by
/// address, other text as it is without outer blanks, objects with sorted keys and without empty parts.
#[must_use]
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        _ if is_empty(value) => String::new(),
        Value::String(text) => canonical_text(text),
        Value::Number(number) => decimal(&number.to_string()),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(self::value).collect();
            Value::from(items).to_string()
        }
        Value::Object(parts) => {
            let mut sorted: Vec<_> = parts
                .iter()
                .filter(|(_, part)| !is_empty(part))
                .map(|(name, part)| (name, self::value(part)))
                .collect();
            sorted.sort();
            serde_json::to_string(&sorted).unwrap_or_default()
        }
    }
}

fn canonical_text(text: &str) -> String {
    let text = text.trim();
    if text.contains('@')
        && let Some(address) = email_address(text)
    {
        return address;
    }
    let dated =
        text.len() >= 16 && text.as_bytes()[4] == b'-' && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    match dated.then(|| instant::parse(text)).flatten() {
        Some(time) => instant::print(time),
        None => text.to_owned(),
    }
}

/// A number's literal without what does not change its value: `1.50` and `15e-1` are `1.5`.
#[must_use]
pub fn decimal(literal: &str) -> String {
    let (negative, rest) = match literal.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().unwrap_or(0)),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i64 + exponent;
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let point = point - (digits.len() - significant.len()) as i64;
    let significant = significant.trim_end_matches('0');
    let sign = if negative { "-" } else { "" };
    match point {
        ..=-40 | 60.. => format!("{sign}0.{significant}e{point}"),
        ..=0 => format!("{sign}0.{}{significant}", "0".repeat(point.unsigned_abs() as usize)),
        _ if point as usize >= significant.len() => {
            format!("{sign}{significant}{}", "0".repeat(point as usize - significant.len()))
        }
        _ => format!("{sign}{}.{}", &significant[..point as usize], &significant[point as usize..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_folded() {
        let cases = [
            (json!("  Ada   BYRON "), Some("ada byron")),
            (json!("Ada <ADA@Example.org>"), Some("ada@example.org")),
            (json!("<ada@example.org>"), Some("ada@example.org")),
            (json!("12-345"), Some("12-345")),
            (json!("1/11/2026"), Some("1/11/2026")),
            (json!("12"), Some("12")),
            (json!(17), Some("17")),
            (json!("  "), None),
            (json!(null), None),
        ];
        for (value, expected) in cases {
            assert_eq!(key(&value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn keys_of_phone_fields_are_numbers_by_their_digits() {
        let cases = [
            (json!("+44 (20) 7946-0018"), Some("+442079460018")),
            (json!("030 123-456"), Some("030123456")),
            (json!("ask  Ada"), Some("ask ada")),
            (json!(" "), None),
        ];
        for (value, expected) in cases {
            assert_eq!(phone_key(&value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn decimals_compare_by_value() {
        let cases = [
            ("1.50", "1.5"),
            ("15e-1", "1.5"),
            ("0.0", "0"),
            ("-0", "0"),
            ("1e3", "1000"),
            ("1E+3", "1000"),
            ("00012", "12"),
            ("0.00012", "0.00012"),
            ("123.456", "123.456"),
            ("-7.0", "-7"),
            ("12e-5", "0.00012"),
        ];
        for (literal, expected) in cases {
            assert_eq!(decimal(literal), expected, "{literal}");
        }
    }

    #[test]
    fn values_are_compared_by_what_they_mean() {
        assert_eq!(value(&json!("<a@b.org>")), value(&json!("A@b.org")));
        assert_eq!(value(&json!("2023-07-13T13:46:24+02:00")), value(&json!("2023-07-13T11:46:24.000Z")));
        assert_eq!(value(&json!({"city": "Oslo", "zip": ""})), value(&json!({"zip": null, "city": "Oslo"})));
        assert_ne!(value(&json!("a;b")), value(&json!("a; b")));
    }
}
