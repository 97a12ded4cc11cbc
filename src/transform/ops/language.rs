//! Languages: from a code or name in many languages to a code or name.
//!
//! Codes are those of ISO 639 (two letters, three letters, and the bibliographic ones such as `ger`), names
//! those of the Unicode CLDR (`data/language-*.tsv`). Of a tag such as `pt-BR` or `zh_Hant_TW`, the language is
//! taken and the rest passed over.

use super::Problem;
use super::index::{self, Index, fold, rows};
use std::collections::HashMap;
use std::sync::LazyLock;

const CODES: &str = include_str!("data/language-codes.tsv");
const NAMES: &str = include_str!("data/language-names.tsv");

/// What a language becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `de`; languages without such a code are a problem.
    Alpha2,
    /// `deu`.
    Alpha3,
    /// Two letters where there are such, else three: what web pages and most services write.
    Tag,
    /// The name in a language that [`Form::name`] knows.
    Name(&'static str),
}

impl Form {
    /// The name in a language, such as `de`; `None` where there are no names in it.
    #[must_use]
    pub fn name(language: &str) -> Option<Self> {
        languages().into_iter().find(|known| known.eq_ignore_ascii_case(language)).map(Self::Name)
    }

    /// Writes a language given in any spelling.
    ///
    /// # Errors
    /// When no language is called so, several are, or it has no code or name in the wanted form.
    pub fn apply(self, text: &str) -> Result<String, Problem> {
        let tag = find(text.trim())?;
        let missing = |what: &str| Problem::new(format!("is `{tag}`, which has no {what}"));
        match self {
            Self::Tag => Ok(tag.to_owned()),
            Self::Alpha2 if tag.len() == 2 => Ok(tag.to_owned()),
            Self::Alpha2 => Err(missing("code of two letters")),
            Self::Alpha3 => Ok(TABLE.three.get(tag).copied().unwrap_or(tag).to_owned()),
            Self::Name(language) => TABLE
                .names
                .get(&(language, tag))
                .map(|name| (*name).to_owned())
                .ok_or_else(|| missing(&format!("name in `{language}`"))),
        }
    }
}

/// The languages that [`Form::name`] knows.
#[must_use]
pub fn languages() -> Vec<&'static str> {
    let mut list: Vec<_> = rows(NAMES).filter_map(|row| row.first().copied()).collect();
    list.dedup();
    list
}

/// The English name that is nearest to a text, if one is near.
#[must_use]
pub fn near(text: &str) -> Option<&'static str> {
    TABLE.names.get(&("en", TABLE.index.near(text)?)).copied()
}

fn find(text: &str) -> Result<&'static str, Problem> {
    let by_code = |text: &str| TABLE.codes.get(text.to_ascii_lowercase().as_str()).copied();
    if let Some(tag) = by_code(text) {
        return Ok(tag);
    }
    let mut found = TABLE.index.find(&fold(text));
    if found.is_empty() {
        // `Portuguese (Brazil)`, `Español - México`: the language stands first.
        let first = text.split(['(', '[', ',', '/', '–']).next().unwrap_or(text);
        let first = first.split(" - ").next().unwrap_or(first);
        found = TABLE.index.find(&fold(first));
    }
    match (found, text.split_once(['-', '_'])) {
        ([tag], _) => Ok(tag),
        ([], Some((language, _))) if by_code(language).is_some() => Ok(by_code(language).unwrap_or_default()),
        ([], _) => Err(Problem::unknown("is no language that is known")
            .hint("correct it, put a `lookup` before `language`, or let `on_error` say what becomes of it")),
        (several, _) => {
            let shown = |tag: &&str| {
                format!("{} ({tag})", TABLE.names.get(&("en", *tag)).copied().unwrap_or_default())
            };
            Err(index::ambiguous("languages", &several.iter().map(shown).collect::<Vec<_>>()))
        }
    }
}

struct Table {
    /// Every code to the one that stands for the language.
    codes: HashMap<&'static str, &'static str>,
    /// Three letters of a language that has two.
    three: HashMap<&'static str, &'static str>,
    /// By the language written in, and the tag.
    names: HashMap<(&'static str, &'static str), &'static str>,
    index: Index,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        codes: HashMap::new(),
        three: HashMap::new(),
        names: HashMap::new(),
        index: Index::default(),
    };
    for row in rows(CODES) {
        let tag = if row[0].is_empty() { row[1] } else { row[0] };
        for code in row.iter().filter(|code| !code.is_empty()) {
            table.codes.insert(code, tag);
        }
        table.three.insert(tag, row[1]);
    }
    for row in rows(NAMES) {
        let [language, tag, ref names @ ..] = row[..] else { continue };
        table.names.insert((language, tag), names[0]);
        for name in names {
            table.index.add(name, tag);
        }
    }
    // What sheets say, and the CLDR does not or says of a smaller language.
    for (name, tag) in [
        ("Farsi", "fa"),
        ("Mandarin", "zh"),
        ("Chinese Simplified", "zh"),
        ("Chinese Traditional", "zh"),
        ("Castilian", "es"),
        ("Castellano", "es"),
        ("Flemish", "nl"),
        ("Norwegian Bokmal", "nb"),
        ("Gaelic", "gd"),
        ("Burmese", "my"),
        ("Brazilian Portuguese", "pt"),
        ("Brazilian", "pt"),
        ("Українська мова", "uk"),
    ] {
        table.index.decide(name, &[tag]);
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_by_code_and_name() {
        let cases = [
            ("de", "de"),
            ("DEU", "de"),
            ("ger", "de"),
            ("German", "de"),
            ("Deutsch", "de"),
            ("allemand", "de"),
            ("немецкий", "de"),
            ("українська", "uk"),
            ("中文", "zh"),
            ("日本語", "ja"),
            ("español", "es"),
            ("Espanol", "es"),
            ("pt-BR", "pt"),
            ("zh_Hant_TW", "zh"),
            ("Portuguese (Brazil)", "pt"),
            ("English - US", "en"),
            ("Filipino", "fil"),
        ];
        for (text, expected) in cases {
            assert_eq!(Form::Tag.apply(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(Form::Alpha3.apply("German").as_deref(), Ok("deu"));
        assert_eq!(Form::Alpha3.apply("fil").as_deref(), Ok("fil"));
        assert_eq!(Form::name("fr").unwrap().apply("de").as_deref(), Ok("allemand"));
        assert_eq!(Form::Alpha2.apply("fil").unwrap_err().why, "is `fil`, which has no code of two letters");
        for text in ["", "Klingonese", "xx", "123"] {
            assert!(Form::Tag.apply(text).is_err(), "{text}");
        }
        assert_eq!(near("Germann"), Some("German"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut several = Vec::new();
        for ((language, tag), name) in &TABLE.names {
            match find(name) {
                Ok(read) if read == *tag => {}
                other => several.push((language, tag, name, other)),
            }
        }
        assert!(several.len() * 100 < TABLE.names.len(), "{several:#?}");
    }
}
