//! Where the invented people live: names, places and titles of many countries and scripts, from a table.
//!
//! `names.tsv` has a line a country: ISO code, English name, calling code, then lists parted by `|`: given
//! names, family names, towns (`town~state~zip`), streets, company words, legal forms, titles.

use std::sync::OnceLock;

/// A country's names, places and titles.
#[derive(Debug)]
pub(super) struct Locale {
    /// ISO 3166-1 alpha-2.
    pub(super) code: &'static str,
    /// English name.
    pub(super) country: &'static str,
    /// Calling code without `+`.
    pub(super) calling_code: &'static str,
    /// Given names.
    pub(super) given: Vec<&'static str>,
    /// Family names.
    pub(super) family: Vec<&'static str>,
    /// Town, state (may be empty), zip.
    pub(super) towns: Vec<[&'static str; 3]>,
    /// Street and number.
    pub(super) streets: Vec<&'static str>,
    /// Words that companies call themselves.
    pub(super) words: Vec<&'static str>,
    /// Legal forms.
    pub(super) forms: Vec<&'static str>,
    /// Titles.
    pub(super) titles: Vec<&'static str>,
}

const TABLE: &str = include_str!("names.tsv");

/// All countries of the table.
pub(super) fn locales() -> &'static [Locale] {
    static LOCALES: OnceLock<Vec<Locale>> = OnceLock::new();
    LOCALES.get_or_init(|| TABLE.lines().filter_map(line).collect())
}

fn line(line: &'static str) -> Option<Locale> {
    let mut cells = line.split('\t');
    let (code, country, calling_code) = (cells.next()?, cells.next()?, cells.next()?);
    let mut list = || -> Option<Vec<&'static str>> { Some(cells.next()?.split('|').collect()) };
    let (given, family, towns) = (list()?, list()?, list()?);
    let (streets, words, forms, titles) = (list()?, list()?, list()?, list()?);
    let towns = towns.into_iter().filter_map(town).collect();
    Some(Locale { code, country, calling_code, given, family, towns, streets, words, forms, titles })
}

fn town(cell: &'static str) -> Option<[&'static str; 3]> {
    let mut parts = cell.split('~');
    Some([parts.next()?, parts.next()?, parts.next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_country_with_everything() {
        assert_eq!(locales().len(), TABLE.lines().count());
        assert!(locales().len() >= 15);
        for locale in locales() {
            assert_eq!(locale.code.len(), 2);
            assert!(locale.calling_code.bytes().all(|byte| byte.is_ascii_digit()), "{}", locale.code);
            assert_eq!((locale.given.len(), locale.family.len()), (10, 10), "{}", locale.code);
            assert!(locale.towns.len() >= 4, "{}", locale.code);
            assert!(locale.titles.iter().chain(&locale.words).all(|word| !word.is_empty()));
        }
    }
}
