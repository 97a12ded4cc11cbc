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
    let (_, address) = split_address(text.trim());
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
    folded(value, canonical_text)
}

/// As [`value`], but with every text as it is, without outer blanks: what differs is told apart to the letter.
#[must_use]
pub fn exact(value: &Value) -> String {
    folded(value, |text| text.trim().to_owned())
}

fn folded(value: &Value, fold: fn(&str) -> String) -> String {
    match value {
        Value::Null => String::new(),
        _ if is_empty(value) => String::new(),
        Value::String(text) => fold(text),
        Value::Number(number) => decimal(&number.to_string()),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| folded(item, fold)).collect();
            Value::from(items).to_string()
        }
        Value::Object(parts) => {
            let mut sorted: Vec<_> = parts
                .iter()
                .filter(|(_, part)| !is_empty(part))
                .map(|(name, part)| (name, folded(part, fold)))
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

/// Whether a service that was sent one text may show the other for it: without outer blanks, an e-mail address in
/// lower case and its bare form in angle brackets, a time in another zone. A name before an address is nobody's but
/// the user's, and what a service was seen to show it need not tidy again: so this has a direction.
#[must_use]
pub fn is_tidied(sent: &str, shown: &str) -> bool {
    let (sent, shown) = (sent.trim(), shown.trim());
    if sent == shown {
        return true;
    }
    let (name, address) = split_address(sent);
    let (shown_name, shown_address) = split_address(shown);
    if name == shown_name && email_address(address).is_some() {
        return shown_address == address || shown_address == address.to_lowercase();
    }
    let time = |text: &str| (text.contains(':')).then(|| instant::parse(text)).flatten();
    let zoned = shown.parse::<jiff::Timestamp>().is_ok();
    zoned && time(sent).is_some_and(|at| time(shown) == Some(at))
}

/// The name before an address in angle brackets, and the address without them.
fn split_address(text: &str) -> (&str, &str) {
    match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(open), Some(inner)) => (text[..open].trim(), &inner[open + 1..]),
        _ => ("", text),
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
        assert_ne!(exact(&json!("<a@b.org>")), exact(&json!("a@b.org")));
        assert_eq!(exact(&json!({"city": " Oslo", "zip": ""})), exact(&json!({"city": "Oslo"})));
        assert_eq!(exact(&json!([1.50, "x "])), exact(&json!([1.5, "x"])));
    }

    #[test]
    fn what_a_service_may_have_tidied_is_told_from_what_somebody_edited() {
        let cases = [
            (" v ", "v", true),
            ("v", "V", false),
            ("A@b.org", "a@b.org", true),
            ("a@b.org", "A@b.org", false),
            ("A@b.org", "<A@b.org>", true),
            ("A@b.org", "<a@b.org>", true),
            ("Ann <A@b.org>", "Ann <a@b.org>", true),
            ("Ann <a@b.org>", "Bob <a@b.org>", false),
            ("Ann <a@b.org>", "<a@b.org>", false),
            ("a@b.org", "Ann <a@b.org>", false),
            ("a > B", "a > b", false),
            ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05.000Z", true),
            ("2026-01-02 01:04:05", "2026-01-02T01:04:05Z", true),
            ("2026-01-02T01:04:05Z", "2026-01-02 01:04:05", false),
            ("2026-01-02T01:04:05Z", "2026-01-02T01:04:06Z", false),
        ];
        for (sent, shown, expected) in cases {
            assert_eq!(is_tidied(sent, shown), expected, "{sent} {shown}");
        }
    }
}
