//! When two values of a field are the same. Pure.
//!
//! v1 tells no types, and what is the same in one type is an edit in another: `Ann <info@acme.example>` and
//! `Bob <info@acme.example>` are one address and two texts. So a plan compares as the records that were read show the
//! field to be, and as text where they do not: an edit that is written needlessly changes nothing, one that is taken
//! for none is lost. What was written is compared more loosely, for the service tidies addresses and times.

use super::values::is_blank;
use crate::record::canonical::{email_address, exact};
use crate::record::census::Tally;
use crate::record::schema::Kind;
use crate::record::{instant, to_text};
use jiff::Timestamp;
use serde_json::Value;

/// How the values of a field are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// As text without outer blanks; numbers by value. A bare e-mail address is the same in angle brackets, which
    /// nobody but the service puts around it.
    Text,
    /// E-mail addresses by address alone.
    Address,
    /// By address where one has no name; two names are two values. For fields that hold addresses with names only:
    /// persons, addresses of one value, or text.
    Named,
    /// Times as instants.
    Instant,
    /// As the service may show what was sent to it, whatever the type.
    Shown,
    /// As what was sent may be shown in any way that the service is free to choose.
    Any,
}

impl Likeness {
    /// How a plan compares the values of a field: by the type that the mapping says, else by what the records that
    /// were read hold there, for the most part.
    pub(super) fn of(kind: Option<Kind>, tally: Option<&Tally>, multi: bool) -> Self {
        if kind == Some(Kind::Timestamp) {
            return Self::Instant;
        }
        let Some(tally) = tally.filter(|tally| tally.texts > 0) else { return Self::Shown };
        let most = |count: u64| count.saturating_mul(2) > tally.texts;
        if (multi && most(tally.addresses)) || (most(tally.bracketed) && tally.nameless > 0) {
            return Self::Address;
        }
        if most(tally.bracketed) {
            return Self::Named;
        }
        if most(tally.instants) { Self::Instant } else { Self::Text }
    }

    /// Whether two values mean the same.
    pub(super) fn same(self, one: &Value, other: &Value) -> bool {
        if one == other || exact(one) == exact(other) {
            return true;
        }
        let (first, second) = (to_text(one), to_text(other));
        let (first, second) = (first.trim(), second.trim());
        match self {
            Self::Any => first == second || same_name(first, second) || same_instant(one, other),
            Self::Address => same_address(first, second),
            Self::Instant => same_instant(one, other),
            Self::Text => are_bracketed(first, second),
            Self::Named => same_address(first, second) && (is_nameless(first) || is_nameless(second)),
            Self::Shown => {
                let time = (is_shown_time(one) || is_shown_time(other)) && same_instant(one, other);
                same_name(first, second) || time
            }
        }
    }

    /// Whether two lists hold the same values, whatever their order.
    pub(super) fn same_set(self, one: &[Value], other: &[Value]) -> bool {
        self.lacks(one, other).is_empty() && self.lacks(other, one).is_empty()
    }

    /// The values of `wanted` that `held` lacks.
    pub(super) fn lacks(self, held: &[Value], wanted: &[Value]) -> Vec<Value> {
        wanted.iter().filter(|value| !held.iter().any(|known| self.same(known, value))).cloned().collect()
    }

    /// The values without blanks and later doubles.
    pub(super) fn distinct(self, values: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        for value in values.into_iter().filter(|value| !is_blank(value)) {
            if !all.iter().any(|known| self.same(known, &value)) {
                all.push(value);
            }
        }
        all
    }
}

/// Whether a record that shows one value may have been sent the other. A name that was sent is shown.
pub(super) fn shows(sent: &Value, shown: &Value) -> bool {
    let has_name = |value: &Value| !is_nameless(to_text(value).trim());
    Likeness::Any.same(sent, shown) && (has_name(shown) || !has_name(sent))
}

/// Whether a value is shown as it was sent: the service puts a bare address in angle brackets.
pub(super) fn shows_to_the_letter(sent: &Value, shown: &Value) -> bool {
    let (sent, shown) = (exact(sent), exact(shown));
    sent == shown || (email_address(&sent).is_some() && shown == format!("<{sent}>"))
}

fn same_address(one: &str, other: &str) -> bool {
    email_address(one).is_some_and(|address| email_address(other).as_ref() == Some(&address))
}

/// Addresses that are the same, of which at most one has a name, or both the same one.
fn same_name(one: &str, other: &str) -> bool {
    let named = is_nameless(one) || is_nameless(other) || name(one) == name(other);
    named && same_address(one, other)
}

/// Whether a text that has an address is nothing but that.
fn is_nameless(text: &str) -> bool {
    !text.ends_with('>') || text.starts_with('<')
}

fn name(text: &str) -> &str {
    text.rfind('<').map_or("", |open| text[..open].trim())
}

fn is_bracketed(text: &str) -> bool {
    text.ends_with('>')
}

/// An address in brackets and the same, in whatever case, without a name.
fn are_bracketed(one: &str, other: &str) -> bool {
    let nameless = is_nameless(one) && is_nameless(other);
    nameless && (is_bracketed(one) || is_bracketed(other)) && same_address(one, other)
}

/// A time in a form in which the service shows it: UTC with milliseconds, or counted in them.
fn is_shown_time(value: &Value) -> bool {
    let printed = |text: &str| text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.';
    value.as_str().map_or_else(|| epoch(value).is_some(), |text| printed(text.trim()))
}

/// The instant of a number that may be a time: milliseconds since 1970, of twelve or thirteen digits.
pub(super) fn epoch(value: &Value) -> Option<Timestamp> {
    let ms = value.as_i64().filter(|ms| (100_000_000_000..10_000_000_000_000).contains(ms))?;
    Timestamp::from_millisecond(ms).ok()
}

fn same_instant(one: &Value, other: &Value) -> bool {
    let at = |value: &Value| match value.as_str().map(str::trim) {
        Some(text) if text.len() >= 16 && text.as_bytes()[4] == b'-' => instant::parse(text),
        Some(_) => None,
        None => epoch(value),
    };
    at(one).is_some_and(|time| at(other) == Some(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Likeness::{Address, Any, Instant, Named, Shown, Text};
    use serde_json::json;

    fn tally(texts: &[&str]) -> Tally {
        let fields = texts.iter().map(|text| crate::record::Field::single("F", json!(text)));
        let mut census = crate::record::census::Census::default();
        fields.for_each(|field| {
            census.add(&crate::record::Record { fields: vec![field], ..Default::default() })
        });
        census.tally("F", "").cloned().unwrap_or_default()
    }

    #[test]
    fn values_are_the_same_as_the_field_has_it() {
        let (z, ms, offset) =
            ("2026-01-02T01:04:05Z", "2026-01-02T01:04:05.000Z", "2026-01-02T03:04:05+02:00");
        let cases = [
            (json!("v"), json!(" v "), &[Text, Address, Named, Instant, Shown, Any][..]),
            (json!(12.5), json!("12.5"), &[Text, Address, Named, Instant, Shown, Any]),
            (json!(1.0), json!(1), &[Text, Address, Named, Instant, Shown, Any]),
            (json!("v"), json!("V"), &[]),
            (json!("<A@b.org>"), json!("a@B.org"), &[Text, Address, Named, Shown, Any]),
            (json!("A@b.org"), json!("a@b.org"), &[Address, Named, Shown, Any]),
            (json!("Ann <a@b.org>"), json!("a@b.org"), &[Address, Named, Shown, Any]),
            (json!("Ann <a@b.org>"), json!("<a@b.org>"), &[Address, Named, Shown, Any]),
            (json!("Ann <a@b.org>"), json!("Bob <a@b.org>"), &[Address]),
            (json!("Ann <A@b.org>"), json!("Ann <a@b.org>"), &[Address, Shown, Any]),
            (json!("a@b.org"), json!("b@b.org"), &[]),
            (json!(z), json!(offset), &[Instant, Any]),
            (json!(ms), json!(offset), &[Instant, Shown, Any]),
            (json!(ms), json!("2026-01-02T03:04:06+02:00"), &[]),
            (json!(1_767_315_845_000_i64), json!(offset), &[Instant, Shown, Any]),
            (json!(1_767_315_845_000_i64), json!(ms), &[Instant, Shown, Any]),
            (json!(1_767_315_846_000_i64), json!(ms), &[]),
            (json!("1767315845000"), json!(ms), &[]),
            (json!(1000), json!("1970-01-01T00:00:01.000Z"), &[]),
            (json!("é"), json!("ééééééééééééé"), &[]),
        ];
        for (one, other, expected) in cases {
            for likeness in [Text, Address, Named, Instant, Shown, Any] {
                let same = (likeness.same(&one, &other), likeness.same(&other, &one));
                let wanted = expected.contains(&likeness);
                assert_eq!(same, (wanted, wanted), "{one} {other} {likeness:?}");
            }
        }
    }

    #[test]
    fn what_a_field_was_seen_to_hold_tells_how_it_is_compared() {
        let (ms, offset) = ("2026-01-02T01:04:05.000Z", "2026-01-02T03:04:05+02:00");
        let cases = [
            (&[][..], false, Shown),
            (&["Ann <i@acme.org>", "I@acme.org", offset], false, Text),
            (&["Ann <i@acme.org>"], false, Named),
            (&["Ann <i@acme.org>"], true, Address),
            (&["<i@acme.org>", "Ann <i@acme.org>", "none"], false, Address),
            (&["i@acme.org", "j@acme.org"], true, Address),
            (&["i@acme.org", "j@acme.org"], false, Text),
            (&["<i@acme.org>", "none", "unknown"], false, Text),
            (&[ms, ms, "soon"], false, Instant),
            (&[offset, offset], false, Text),
        ];
        for (texts, multi, expected) in cases {
            assert_eq!(Likeness::of(None, Some(&tally(texts)), multi), expected, "{texts:?}");
        }
        assert_eq!(Likeness::of(None, None, false), Shown);
        assert_eq!(Likeness::of(Some(Kind::Timestamp), Some(&tally(&["x"])), false), Instant);
    }

    #[test]
    fn doubles_and_blanks_fall_away() {
        let values =
            || ["a", " ", "A@b.org", "Ada <a@b.org>", "a ", "Bob <a@b.org>"].map(Value::from).into_iter();
        assert_eq!(Address.distinct(values()), ["a", "A@b.org"]);
        assert_eq!(Shown.distinct(values()), ["a", "A@b.org"]);
        assert_eq!(Text.distinct(values()), ["a", "A@b.org", "Ada <a@b.org>", "Bob <a@b.org>"]);
        assert!(Text.same_set(&[json!("x"), json!(1)], &[json!(1.0), json!("x")]));
        assert!(!Text.same_set(&[json!("x")], &[json!("x"), json!("y")]));
    }
}
