//! Operations on plain text. All of them know Unicode; none of them fails.

use crate::record::to_text;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Why a pattern or what takes its place cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// The pattern is no regular expression.
    Pattern(regex::Error),
    /// What takes its place names a group that the pattern does not have: the reference as it is written, and what to
    /// write instead.
    Group(String, String),
}

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
    /// When the pattern cannot be read, with the place in it, or `with` names a group that it does not have, for
    /// which nothing at all would be written.
    pub fn pattern(pattern: &str, with: impl Into<String>) -> Result<Self, Unusable> {
        let (regex, with): (_, String) =
            (regex::Regex::new(pattern).map_err(Unusable::Pattern)?, with.into());
        let is_group = |name: &str| match name.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|known| known == name),
        };
        if let Some((written, name)) = references(&with).find(|(_, name)| !is_group(name)) {
            return Err(Unusable::Group(written.to_owned(), instead(written, name, &is_group)));
        }
        Ok(Self(Find::Pattern { regex, with }))
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

/// The groups that a replacement refers to, each as it is written and by its name: `$1`, `${name}`. As `regex` reads
/// them, a name without braces is as long as it can be, `$$` is a `$`, and so is one that no name follows.
fn references(with: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = with;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find('$')?;
            let behind = &rest[at + 1..];
            if let Some(behind) = behind.strip_prefix('$') {
                rest = behind;
                continue;
            }
            let found = match behind.strip_prefix('{') {
                Some(braced) => braced.split_once('}').map(|(name, _)| (name, name.len() + 2)),
                None => {
                    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let length = behind.find(|c| !is_name(c)).unwrap_or(behind.len());
                    (length > 0).then(|| (&behind[..length], length))
                }
            };
            let Some((name, length)) = found else {
                rest = behind;
                continue;
            };
            rest = &behind[length..];
            return Some((&with[with.len() - behind.len() - 1..with.len() - rest.len()], name));
        }
    })
}

/// What to write instead of a reference to no group: `${1}m` for `$1m`.
fn instead(written: &str, name: &str, is_group: &dyn Fn(&str) -> bool) -> String {
    let shorter = (1..name.len()).rev().filter_map(|at| name.split_at_checked(at));
    match shorter.into_iter().find(|(group, _)| !written.starts_with("${") && is_group(group)) {
        Some((group, text)) => {
            format!("where the group `{group}` and `{text}` behind it are meant, write `${{{group}}}{text}`")
        }
        None => "count the groups of `regex` from 1, or name them as it does; `$$` is a `$`".to_owned(),
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
        assert!(matches!(Replace::pattern("(", ""), Err(Unusable::Pattern(_))));
    }

    #[test]
    fn what_takes_the_place_names_groups_that_are_there() {
        let cases = [
            ("$1m", Some("$1m")),
            ("a ${1}m", None),
            ("$0$1.$unit,${unit}", None),
            ("$3", Some("$3")),
            ("$1 ${nm}", Some("${nm}")),
            ("${}", Some("${}")),
            ("$unité", None),
            ("$$1m, 5 $, ${1", None),
            ("$99999999999999999999", Some("$99999999999999999999")),
        ];
        for (with, refused) in cases {
            let written = match Replace::pattern(r"(\d+)(?<unit>m?)", with) {
                Ok(_) => None,
                Err(Unusable::Group(written, _)) => Some(written),
                Err(cause) => panic!("{cause:?}"),
            };
            assert_eq!(written.as_deref(), refused, "{with}");
        }
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
