//! Operations on plain text. All of them know Unicode; none of them fails.

use crate::record::to_text;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Text or a regular expression to be replaced, wherever it occurs.
#[derive(Debug, Clone)]
pub struct Replace(Find);

#[derive(Debug, Clone)]
enum Find {
    Text { find: String, with: String },
    Pattern { regex: regex::Regex, with: String },
}

impl Replace {
    /// Every `find` becomes `with`; an empty `find` changes nothing.
    #[must_use]
    pub fn text(find: impl Into<String>, with: impl Into<String>) -> Self {
        Self(Find::Text { find: find.into(), with: with.into() })
    }

    /// Every match becomes `with`, in which `$1` or `${name}` stand for groups.
    ///
    /// # Errors
    /// When the pattern cannot be read, with the place in it.
    pub fn pattern(pattern: &str, with: impl Into<String>) -> Result<Self, regex::Error> {
        Ok(Self(Find::Pattern { regex: regex::Regex::new(pattern)?, with: with.into() }))
    }

    /// Replaces in `text`.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        match &self.0 {
            Find::Text { find, .. } if find.is_empty() => text.to_owned(),
            Find::Text { find, with } => text.replace(find.as_str(), with),
            Find::Pattern { regex, with } => regex.replace_all(text, with.as_str()).into_owned(),
        }
    }
}

/// Runs of blanks become one space, outer ones go.
#[must_use]
pub fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text in small letters.
#[must_use]
pub fn lowercase(text: &str) -> Cow<'_, str> {
    // Most addresses and names of hosts are small already.
    match text.bytes().fold(false, |other, byte| other | byte.is_ascii_uppercase() | !byte.is_ascii()) {
        true => text.to_lowercase().into(),
        false => text.into(),
    }
}

/// The pieces between occurrences of `on`, without outer blanks; blank ones keep their place until the end of
/// the operations, so that `nth` counts as people do.
pub fn split<'a>(text: &'a str, on: &'a str) -> impl Iterator<Item = Value> + use<> {
    let pieces: Vec<Value> = text.split(on).map(|piece| piece.trim().into()).collect();
    pieces.into_iter()
}

/// The nth piece: counted from 1, or from the end when negative.
#[must_use]
pub fn nth(mut pieces: Vec<Value>, n: i64) -> Option<Value> {
    let index = match n {
        1.. => usize::try_from(n - 1).ok()?,
        _ => pieces.len().checked_sub(usize::try_from(n.unsigned_abs()).ok()?)?,
    };
    (index < pieces.len()).then(|| pieces.swap_remove(index))
}

/// The texts joined, in order.
#[must_use]
pub fn join(pieces: &[Value], between: &str) -> Option<Value> {
    let texts: Vec<_> = pieces.iter().map(to_text).filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join(between).into())
}

/// The values without doubles, in order. Texts are the same letter by letter.
#[must_use]
pub fn unique(values: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// An order of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Without regard to case, then letter by letter.
    #[default]
    Text,
    /// By number; what is none stands behind the numbers, as text.
    Number,
}

/// The values in order; equal ones stay as they are.
#[must_use]
pub fn sort(mut values: Vec<Value>, by: By, descending: bool) -> Vec<Value> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let order = |a: &Value, b: &Value| {
        let (a, b) = (to_text(a), to_text(b));
        let numbers = match by {
            By::Text => Ordering::Equal,
            By::Number => match (number(&a), number(&b)) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            },
        };
        numbers.then_with(|| a.to_lowercase().cmp(&b.to_lowercase())).then_with(|| a.cmp(&b))
    };
    values.sort_by(|a, b| if descending { order(b, a) } else { order(a, b) });
    values
}

/// A text in ASCII letters: accents go, other scripts are written in Latin letters.
#[must_use]
pub fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { text.into() } else { any_ascii::any_ascii(text).into() }
}

/// A text as it stands in an address: small ASCII letters and digits, with `between` for everything else.
#[must_use]
pub fn slug(text: &str, between: &str) -> String {
    let folded = ascii(text).to_lowercase();
    // An apostrophe joins: `o'brien` is one word.
    let joined = folded.replace(['\'', '`'], "");
    joined
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_knows_text_and_groups() {
        assert_eq!(Replace::text("(", "").apply("(1) (2)"), "1) 2)");
        let swap = Replace::pattern(r"^(\w+), (\w+)$", "$2 $1").unwrap();
        assert_eq!(swap.apply("Byron, Ada"), "Ada Byron");
        assert_eq!(swap.apply("Ada"), "Ada");
        assert!(Replace::pattern("(", "").is_err());
    }

    #[test]
    fn pieces_are_counted_from_one_and_from_the_end() {
        let pieces = || split("a, b ,,d", ",").collect::<Vec<_>>();
        let cases = [
            (1, Some("a")),
            (2, Some("b")),
            (3, Some("")),
            (4, Some("d")),
            (5, None),
            (-1, Some("d")),
            (-5, None),
        ];
        for (n, expected) in cases {
            assert_eq!(nth(pieces(), n), expected.map(Value::from), "{n}");
        }
    }

    #[test]
    fn blanks_of_every_kind_collapse() {
        assert_eq!(collapse(" a\u{a0}\t b\n\nc "), "a b c");
    }
    #[test]
    fn lists_are_sorted_joined_and_freed_of_doubles() {
        let list = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect::<Vec<_>>();
        assert_eq!(sort(list(&["b", "a", "B", "a"]), By::Text, false), list(&["a", "a", "B", "b"]));
        assert_eq!(sort(list(&["10", "9", "x"]), By::Number, false), list(&["9", "10", "x"]));
        assert_eq!(sort(list(&["10", "9"]), By::Text, true), list(&["9", "10"]));
        assert_eq!(unique(list(&["b", "a", "b"])), list(&["b", "a"]));
        assert_eq!(join(&list(&["b", "", "a"]), "-"), Some("b-a".into()));
        assert_eq!(join(&[], "-"), None);
    }

    #[test]
    fn other_scripts_become_latin_letters() {
        assert_eq!(ascii("Łódź Шевченко"), "Lodz Shevchenko");
        assert_eq!(slug("O'Brien & Söhne (2nd)", "-"), "obrien-sohne-2nd");
        assert_eq!(slug("—", "-"), "");
    }
}
