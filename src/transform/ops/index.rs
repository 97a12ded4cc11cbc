//! Finding a code by any of its names: the tables of countries, subdivisions, languages and currencies are
//! text with tabs, and names are compared without case, accents, blanks and punctuation.

use super::Problem;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// The rows of a table.
pub(super) fn rows(tsv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    tsv.lines().map(|line| line.split('\t').collect())
}

/// Codes by folded name; several where a name is ambiguous.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<String, Vec<&'static str>>);

impl Index {
    /// Adds a meaning to a name.
    pub(super) fn add(&mut self, name: &str, code: &'static str) {
        let folded = fold(name);
        if folded.is_empty() {
            return;
        }
        let known = self.0.entry(folded).or_default();
        if !known.contains(&code) {
            known.push(code);
        }
    }

    /// Gives a name these meanings in place of whatever it meant so far.
    pub(super) fn decide(&mut self, name: &str, codes: &[&'static str]) {
        self.0.insert(fold(name), codes.to_vec());
    }

    /// What a folded name means; nothing where it is not known.
    pub(super) fn find(&self, folded: &str) -> &[&'static str] {
        self.0.get(folded).map_or(&[], Vec::as_slice)
    }

    /// The folded name that is nearest, with its code, if one is near.
    pub(super) fn near(&self, text: &str) -> Option<&'static str> {
        let folded = fold(text);
        let like = |name: &&String| name.len().abs_diff(folded.len()) <= folded.len() / 4 + 1;
        self.0
            .iter()
            .filter(|(name, _)| like(name))
            .map(|(name, codes)| (strsim::damerau_levenshtein(&folded, name), name, codes))
            .filter(|(distance, name, _)| *distance <= (name.chars().count() / 4).max(1))
            .min()
            .and_then(|(_, _, codes)| codes.first().copied())
    }
}

/// The problem of a name that several things bear; `candidates` as people read them.
pub(super) fn ambiguous(of: &str, candidates: &[String]) -> Problem {
    const SHOWN: usize = 4;
    let more = if candidates.len() > SHOWN { " or others" } else { "" };
    let list = candidates.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(" or ");
    Problem::new(format!("is the name of several {of}")).hint(format!("say which: {list}{more}"))
}

/// A name without case, accents, blanks and punctuation, so that `Côte d’Ivoire`, `COTE D'IVOIRE` and
/// `Cote dIvoire` are one; `&` is `and`.
pub(super) fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    // Most cells are plain English names and codes, which need no decomposition.
    if name.is_ascii() {
        for c in name.chars() {
            match c {
                '&' => folded.push_str("and"),
                c if c.is_ascii_alphanumeric() => folded.push(c.to_ascii_lowercase()),
                _ => {}
            }
        }
        return folded;
    }
    for c in name.nfkd().flat_map(char::to_lowercase) {
        match c {
            '&' => folded.push_str("and"),
            'ß' => folded.push_str("ss"),
            'ø' => folded.push('o'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'đ' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            // At the end of a word, Greek writes its small sigma in another way.
            'ς' => folded.push('σ'),
            // Accents, letters that are apostrophes (`Обʼєднані`), Arabic vowel signs and the Arabic stretch mark.
            '\u{2b0}'..='\u{2ff}' | '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{640}' => {}
            // Letters that Arabic writes in one way or another at the end of a word.
            'ة' => folded.push('ه'),
            'ى' => folded.push('ي'),
            c if c.is_alphanumeric() || is_mark(c) => folded.push(c),
            _ => {}
        }
    }
    folded
}

/// Vowel signs of the Indic scripts, Thai and Khmer, and the Japanese voicing marks that decomposition
/// separates: they are part of the word though they are no letters.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{dff}' | '\u{e30}'..='\u{e4e}' | '\u{1780}'..='\u{17d3}' | '\u{3099}'..='\u{309a}')
}
