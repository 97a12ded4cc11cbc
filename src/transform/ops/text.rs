//! Operations on plain text. All of them know Unicode; none of them fails.

use serde_json::Value;

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

/// A capital at the start of every word and after a hyphen, the rest in small letters. After an apostrophe
/// only where a single letter stands before it: `O'Brien`, but `Women's`.
#[must_use]
pub fn titlecase(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut letters = 0usize;
    for c in text.chars() {
        if !c.is_alphanumeric() {
            let inside = matches!(c, '\'' | '’' | '\u{0300}'..='\u{036f}') && letters != 1;
            letters = if inside { letters } else { 0 };
            made.push(c);
            continue;
        }
        if letters == 0 {
            made.extend(title(c));
        } else {
            made.extend(c.to_lowercase());
        }
        letters += 1;
    }
    made
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

/// The title form of a letter. Digraphs such as `ǆ` have one of their own, `ß` at a word's start has none in
/// use and becomes `Ss`.
fn title(c: char) -> impl Iterator<Item = char> {
    let (only, more) = match c {
        'ǆ' | 'ǅ' | 'Ǆ' => (Some('ǅ'), None),
        'ǉ' | 'ǈ' | 'Ǉ' => (Some('ǈ'), None),
        'ǌ' | 'ǋ' | 'Ǌ' => (Some('ǋ'), None),
        'ß' => (Some('S'), Some('s')),
        _ => (None, None),
    };
    let upper = only.is_none().then(|| c.to_uppercase()).into_iter().flatten();
    only.into_iter().chain(more).chain(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_capitalised_word_by_word() {
        let cases = [
            ("ada lovelace", "Ada Lovelace"),
            ("O'BRIEN", "O'Brien"),
            ("d’artagnan", "D’Artagnan"),
            ("women's league", "Women's League"),
            ("JEAN-LUC PICARD", "Jean-Luc Picard"),
            ("éMILE ŽIŽEK", "Émile Žižek"),
            ("ЄВГЕН шевченко", "Євген Шевченко"),
            ("ǆemal", "ǅemal"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(titlecase(text), expected, "{text}");
        }
    }

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
}
