//! Booleans from words, in the languages that sheets are written in.

use super::Problem;
use serde_json::Value;
use std::collections::HashMap;

/// What means true where a mapping does not say: English, then Dutch, German and the Nordic languages, French,
/// Spanish and Portuguese, Italian, Slavic, Baltic, Finnish, Estonian, Hungarian, Romanian, Greek, Turkish,
/// Hebrew, Arabic, Persian, Hindi, Indonesian, Vietnamese, Chinese, Japanese and Korean words.
pub const YES: [&str; 60] = [
    "true",
    "yes",
    "y",
    "t",
    "on",
    "1",
    "✓",
    "✔",
    "☑",
    "checked",
    "ja",
    "j",
    "jo",
    "wahr",
    "waar",
    "sant",
    "oui",
    "vrai",
    "sí",
    "si",
    "sì",
    "verdadero",
    "sim",
    "verdadeiro",
    "vero",
    "tak",
    "prawda",
    "ano",
    "áno",
    "pravda",
    "да",
    "правда",
    "истина",
    "так",
    "da",
    "jā",
    "jah",
    "taip",
    "kyllä",
    "igen",
    "igaz",
    "adevărat",
    "ναι",
    "αληθές",
    "evet",
    "doğru",
    "כן",
    "نعم",
    "بله",
    "हाँ",
    "हां",
    "ya",
    "có",
    "是",
    "对",
    "はい",
    "예",
    "네",
    "tõsi",
    "верно",
];

/// What means false where a mapping does not say; `ne` is the Slavic no.
pub const NO: [&str; 52] = [
    "false",
    "no",
    "n",
    "f",
    "off",
    "0",
    "✗",
    "✘",
    "☐",
    "unchecked",
    "nee",
    "nein",
    "nej",
    "nei",
    "falsch",
    "onwaar",
    "falskt",
    "non",
    "faux",
    "falso",
    "não",
    "nao",
    "nie",
    "fałsz",
    "ne",
    "nepravda",
    "нет",
    "ложь",
    "ні",
    "не",
    "неправда",
    "невярно",
    "nē",
    "ei",
    "vale",
    "epätosi",
    "nem",
    "hamis",
    "nu",
    "όχι",
    "ψευδές",
    "hayır",
    "hayir",
    "yanlış",
    "לא",
    "لا",
    "خیر",
    "नहीं",
    "tidak",
    "không",
    "否",
    "いいえ",
];

/// The words for true and false, compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    words: HashMap<String, bool>,
    hint: String,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            hint: "write yes or no, 1 or 0, or a word for them; `bool = { true = [..], false = [..] }` says \
                   other ones"
                .to_owned(),
            ..Self::new(&YES, &NO)
        }
    }
}

impl Words {
    /// Words of one's own. A word in both lists means true.
    #[must_use]
    pub fn new(yes: &[impl AsRef<str>], no: &[impl AsRef<str>]) -> Self {
        let list = |words: &[&str]| words.join(", ");
        let (yes, no): (Vec<_>, Vec<_>) =
            (yes.iter().map(AsRef::as_ref).collect(), no.iter().map(AsRef::as_ref).collect());
        let hint = format!(
            "true is written {}, false {}; `bool = {{ true = [..], false = [..] }}` changes that",
            list(&yes),
            list(&no)
        );
        let mut words: HashMap<_, _> = no.iter().map(|word| (word.to_lowercase(), false)).collect();
        words.extend(yes.iter().map(|word| (word.to_lowercase(), true)));
        Self { words, hint }
    }

    /// Reads a boolean.
    ///
    /// # Errors
    /// When the text is neither of the words for true nor of those for false.
    pub fn apply(&self, text: &str) -> Result<Value, Problem> {
        let found = self.words.get(text.trim().to_lowercase().as_str());
        let unknown = || Problem::new("is neither true nor false").hint(self.hint.clone());
        found.map(|flag| Value::Bool(*flag)).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_words() {
        let cases = [
            ("Yes", Some(true)),
            ("0", Some(false)),
            ("TRUE", Some(true)),
            ("ja", Some(true)),
            ("Nein", Some(false)),
            ("SÍ", Some(true)),
            ("Так", Some(true)),
            ("ні", Some(false)),
            ("はい", Some(true)),
            ("", None),
            ("maybe", None),
            ("2", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Words::default().apply(text).ok(), expected.map(Value::Bool), "{text}");
        }
        let own = Words::new(&["Ja"], &["Nein"]);
        assert_eq!(own.apply("ja"), Ok(Value::Bool(true)));
        assert!(own.apply("yes").is_err());
    }

    #[test]
    fn no_word_means_both() {
        for word in YES {
            assert!(!NO.contains(&word), "{word}");
        }
    }
}
