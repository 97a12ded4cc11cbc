//! Names of months and weekdays in other languages than English: found where a format has one, and put into the
//! English that formats read.
//!
//! The names are those of the Unicode CLDR (`data/calendar-names.tsv`: language, `m` and the month or `d` and the day
//! from Monday, then names as they stand in a date and alone, long and short). Of a language that is stated, a name
//! may also be cut down to three letters or more that no other of its names begins with (`Febr`, `Sept`). A language
//! is never found out from the text: a name that two stated languages give to different months is refused.

use super::index::{fold, is_mark, rows};
use jiff::fmt::strtime::BrokenDownTime;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

const NAMES: &str = include_str!("data/calendar-names.tsv");

/// No name has so many letters.
const LONGEST: usize = 32;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The names of the languages that are stated.
#[derive(Debug, Clone, Default)]
pub struct Names {
    languages: Vec<&'static str>,
    months: Meanings,
    days: Meanings,
}

/// Numbers from 1 by folded name; several where languages differ.
type Meanings = HashMap<String, BTreeSet<usize>>;

/// A name in a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directive {
    /// Where `%B` begins and ends.
    at: (usize, usize),
    month: bool,
    /// Whether English writes it in full here.
    long: bool,
}

/// What becomes of a text for a format.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum English {
    /// The text with English names.
    Text(String),
    /// The format does not fit.
    No,
    /// It has a name that means several things: the name, and what it means.
    Ambiguous(String, Vec<&'static str>),
}

/// The languages that have names, by their tags.
#[must_use]
pub fn languages() -> Vec<&'static str> {
    let mut list: Vec<_> = rows(NAMES).filter_map(|row| row.first().copied()).collect();
    list.dedup();
    list
}

/// The language that a tag means; of `de-AT`, where there is no such, `de`.
#[must_use]
pub fn language(tag: &str) -> Option<&'static str> {
    let known = languages();
    let mut tag = tag.trim().replace('_', "-");
    loop {
        if let Some(found) = known.iter().find(|known| known.eq_ignore_ascii_case(&tag)) {
            return Some(found);
        }
        tag.truncate(tag.rfind('-')?);
    }
}

/// The first word of a text that names a month or a weekday in a language that is not stated, with those languages;
/// at most four.
pub(super) fn named_elsewhere<'t>(text: &'t str, stated: &Names) -> Option<(&'t str, Vec<&'static str>)> {
    let words = text.split(|letter: char| !is_of_word(letter)).filter(|word| word.chars().count() > 2);
    words.map(|word| (word, fold(word))).find_map(|(word, folded)| {
        let known = stated.months.contains_key(&folded) || stated.days.contains_key(&folded);
        let mut elsewhere = EVERYWHERE.get(&folded).filter(|_| !known)?.clone();
        elsewhere.truncate(4);
        Some((word, elsewhere))
    })
}

/// The names that a format has.
pub(super) fn directives(format: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut letters = format.char_indices().peekable();
    while let Some((begin, letter)) = letters.next() {
        if letter != '%' {
            continue;
        }
        while letters.next_if(|(_, flag)| matches!(flag, '-' | '_' | '^' | '#' | ':' | '0'..='9')).is_some() {
        }
        let Some((at, letter)) = letters.next() else { break };
        let mut add =
            |month, long| found.push(Directive { at: (begin, at + letter.len_utf8()), month, long });
        match letter {
            'B' => add(true, true),
            'b' | 'h' => add(true, false),
            'A' => add(false, true),
            'a' => add(false, false),
            _ => {}
        }
    }
    found
}

impl Names {
    /// The names of these languages, of [`languages`].
    #[must_use]
    pub fn new(stated: Vec<&'static str>) -> Self {
        let mut names = Self { languages: stated, ..Self::default() };
        for language in &names.languages {
            let (months, days) = (of(language, 'm'), of(language, 'd'));
            for (all, one) in [(&mut names.months, months), (&mut names.days, days)] {
                for (name, numbers) in one {
                    all.entry(name).or_default().extend(numbers);
                }
            }
        }
        names
    }

    /// Whether no language is stated, which means English.
    pub(super) fn is_empty(&self) -> bool {
        self.languages.is_empty()
    }

    /// The languages that are stated.
    pub(super) fn languages(&self) -> &[&'static str] {
        &self.languages
    }

    /// Puts the names of a text into English where a format has names. What stands before a name decides where it
    /// begins, so that `mar.` is a Tuesday or March as the format says.
    pub(super) fn english(&self, format: &str, directives: &[Directive], text: &str) -> English {
        let mut text = text.to_owned();
        for directive in directives {
            let (begin, end) = directive.at;
            let Ok((_, at)) = BrokenDownTime::parse_prefix(&format[..begin], &text) else {
                return English::No;
            };
            let Some(rest) = text.get(at..) else { return English::No };
            let (known, english): (_, &[&'static str]) =
                if directive.month { (&self.months, &MONTHS) } else { (&self.days, &DAYS) };
            let Some((length, numbers)) = longest(known, rest) else { return English::No };
            let meant = |number: &usize| english[number - 1];
            let (Some(number), 1) = (numbers.first(), numbers.len()) else {
                return English::Ambiguous(rest[..length].to_owned(), numbers.iter().map(meant).collect());
            };
            let length = length + mark(&rest[length..], &format[end..]);
            let word = if directive.long { meant(number) } else { &meant(number)[..3] };
            text.replace_range(at..at + length, word);
        }
        English::Text(text)
    }
}

/// The languages of every name, folded.
static EVERYWHERE: LazyLock<HashMap<String, Vec<&'static str>>> = LazyLock::new(|| {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows(NAMES) {
        for name in &row[2..] {
            let known = all.entry(fold(name)).or_default();
            if known.last() != Some(&row[0]) {
                known.push(row[0]);
            }
        }
    }
    all
});

/// The names of a language with what they mean: the whole ones, and beginnings of which one is the only name.
fn of(language: &str, kind: char) -> Meanings {
    let mut whole = Meanings::new();
    let mut begun = Meanings::new();
    for row in rows(NAMES).filter(|row| row[0] == language && row[1].starts_with(kind)) {
        let Ok(number) = row[1][1..].parse() else { continue };
        for name in row[2..].iter().map(|name| fold(name)) {
            let cuts = name.char_indices().skip(3).map(|(at, _)| at);
            for cut in cuts.filter(|_| !name.contains(char::is_numeric)) {
                begun.entry(name[..cut].to_owned()).or_default().insert(number);
            }
            whole.entry(name).or_default().insert(number);
        }
    }
    begun.retain(|name, numbers| numbers.len() == 1 && !whole.contains_key(name));
    whole.extend(begun);
    whole
}

/// The longest name that a text begins with: its length, and what it means. A name ends where a word or a number
/// ends.
fn longest<'n>(known: &'n Meanings, text: &str) -> Option<(usize, &'n BTreeSet<usize>)> {
    let mut found = None;
    // `tháng 1` and a day behind it are not `tháng 12`: a name has one number at most.
    let mut number_ended = false;
    for (at, letter) in text.char_indices().take(LONGEST) {
        let end = at + letter.len_utf8();
        let next = text[end..].chars().next().filter(|next| is_of_word(*next));
        if letter.is_numeric() && number_ended {
            break;
        }
        number_ended |= letter.is_numeric() && next.is_none();
        let glued = next.is_some_and(|next| letter.is_numeric() == next.is_numeric());
        if glued || !is_of_word(letter) {
            continue;
        }
        if let Some(numbers) = known.get(&fold(&text[..end])) {
            found = Some((end, numbers));
        }
    }
    found
}

/// A letter, a digit, or a sign that belongs to one.
fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || is_mark(letter) || matches!(letter, '\u{300}'..='\u{36f}')
}

/// The bytes of the mark of an abbreviation that a text goes on with, unless the format has it itself.
fn mark(text: &str, format: &str) -> usize {
    let Some(mark) = text.chars().next().filter(|mark| matches!(mark, '.' | '׳' | '\'')) else { return 0 };
    if format.starts_with(mark) { 0 } else { mark.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::super::time::{Date, Reading};
    use super::*;
    use jiff::civil;
    use proptest::prelude::*;

    fn names(languages: &[&str]) -> Names {
        Names::new(languages.iter().map(|tag| language(tag).unwrap()).collect())
    }

    fn date(format: &str, languages: &[&str]) -> Date {
        let reading = Reading { pivot: None, names: names(languages) };
        Date::new(vec![format.to_owned()], None, reading).unwrap()
    }

    #[test]
    fn dates_are_read_in_the_language_that_is_stated() {
        let cases = [
            ("%d. %B %Y", "de", "3. März 2021", Some("2021-03-03")),
            ("%d. %B %Y", "de", "3. MAERZ 2021", Some("2021-03-03")),
            ("%d. %B %Y", "de-AT", "6. Jänner 2021", Some("2021-01-06")),
            ("%d. %b %Y", "de", "14. Febr. 2021", Some("2021-02-14")),
            ("%d.%b.%Y", "de", "14.Feb.2021", Some("2021-02-14")),
            ("%A, %d. %B %Y", "de", "Mittwoch, 3. März 2021", Some("2021-03-03")),
            ("%A, %d. %B %Y", "de", "Montag, 3. März 2021", None),
            ("%d. %B %Y", "de", "3. March 2021", None),
            ("%d. %B %Y", "de", "3. Ju 2021", None),
            ("%d de %B de %Y", "es", "15 de enero de 2020", Some("2020-01-15")),
            ("%A %d %B %Y", "es", "mar. 10 mar. 2020", Some("2020-03-10")),
            ("%d %B %Y", "fr", "12 mars 2019", Some("2019-03-12")),
            ("%d %B %Y", "fr", "1 aout 2019", Some("2019-08-01")),
            ("%d %b %Y", "fr", "12 févr. 2019", Some("2019-02-12")),
            ("%d %b %Y", "fr", "12 jui 2019", None),
            ("%d %B %Y", "uk", "5 лютого 2022", Some("2022-02-05")),
            ("%d %B %Y", "uk", "5 Лютий 2022", Some("2022-02-05")),
            ("%d %b %Y р.", "uk", "5 лют. 2022 р.", Some("2022-02-05")),
            ("%d %B %Y", "ca", "5 d’abril 2022", Some("2022-04-05")),
            ("%d de %B de %Y", "pt-BR", "5 de março de 2022", Some("2022-03-05")),
            ("%d. %B %Y", "cs", "5. července 2022", Some("2022-07-05")),
            ("%d. %B %Y", "cs", "5. červen 2022", Some("2022-06-05")),
            ("%Y. %B %d.", "hu", "2022. július 5.", Some("2022-07-05")),
            ("%d. %Bta %Y", "fi", "5. heinäkuu 2022", None),
            ("%d. %B %Y", "fi", "5. heinäkuuta 2022", Some("2022-07-05")),
            ("%d %B %Y", "vi", "5 tháng 1 2022", Some("2022-01-05")),
            ("%d %B %Y", "vi", "5 tháng 12 2022", Some("2022-12-05")),
            ("%B %d %Y", "vi", "tháng 1 2 2022", Some("2022-01-02")),
            ("%d %B %Y", "vi", "5 tháng 13 2022", None),
            ("%Y年%B%d日", "ja", "2022年12月5日", Some("2022-12-05")),
            ("%Y년 %B %d일 %A", "ko", "2022년 7월 5일 화요일", Some("2022-07-05")),
            ("%d %B %Y", "th", "5 ก.ค. 2022", Some("2022-07-05")),
            ("%d %B %Y", "hi", "5 फ़रवरी 2022", Some("2022-02-05")),
            ("%d %B %Y", "he", "5 בפברואר 2022", None),
            ("%d %B %Y", "tr", "5 AĞUSTOS 2022", Some("2022-08-05")),
            ("%%B %d %B %Y", "tr", "%B 5 ağustos 2022", Some("2022-08-05")),
        ];
        for (format, language, text, expected) in cases {
            let read = date(format, &[language]).apply(text).ok();
            assert_eq!(read.as_deref(), expected, "{format} {language} {text}");
        }
    }

    #[test]
    fn a_name_of_two_months_is_no_date_and_the_others_are() {
        let both = date("%d %B %Y", &["hr", "cs"]);
        assert_eq!(both.apply("5 srpna 2021").as_deref(), Ok("2021-08-05"));
        assert!(both.apply("5 listopad 2021").unwrap_err().why.contains("October or November"));
        let one = date("%d %B %Y", &["hr"]).apply("5 listopada 2021");
        assert_eq!(one.as_deref(), Ok("2021-10-05"));
    }

    #[test]
    fn tags_are_found_by_their_language() {
        let cases = [
            ("de", Some("de")),
            ("DE_at", Some("de")),
            ("pt-PT", Some("pt-PT")),
            ("pt-BR", Some("pt")),
            ("zh-Hant-TW", Some("zh-Hant")),
            ("German", None),
            ("", None),
        ];
        for (tag, expected) in cases {
            assert_eq!(language(tag), expected, "{tag}");
        }
        assert!(languages().len() >= 60);
    }

    #[test]
    fn every_language_names_every_month_and_weekday_once() {
        for language in languages() {
            for (kind, count) in [('m', 12), ('d', 7)] {
                let meanings = of(language, kind);
                let numbers: BTreeSet<_> = meanings.values().flatten().copied().collect();
                assert_eq!(numbers.len(), count, "{language} {kind}");
                assert!(meanings.values().all(|numbers| numbers.len() == 1), "{language} {kind}");
            }
        }
    }

    #[test]
    fn every_name_of_every_language_is_read_as_its_month() {
        for language in languages() {
            let (long, short) = (date("%d %B %Y", &[language]), date("%Y %b %d", &[language]));
            for row in rows(NAMES).filter(|row| row[0] == language && row[1].starts_with('m')) {
                let expected = format!("1999-{:0>2}-07", &row[1][1..]);
                for name in row[2..].iter().flat_map(|name| [(*name).to_owned(), name.to_uppercase()]) {
                    let read = long.apply(&format!("7 {name} 1999"));
                    assert_eq!(read.as_deref(), Ok(expected.as_str()), "{language} {name}");
                    let read = short.apply(&format!("1999 {name} 07"));
                    assert_eq!(read.as_deref(), Ok(expected.as_str()), "{language} {name}");
                }
            }
        }
    }

    /// Languages that write names in many ways.
    static SEVERAL: LazyLock<Names> = LazyLock::new(|| names(&["de", "ca", "vi", "he", "th", "ja", "uk"]));

    proptest! {
        /// Whatever the day: what is written with a name is read as the day that it was written for.
        #[test]
        fn a_day_that_is_written_with_a_name_is_read_as_that_day(
            name in prop::sample::select(vec![("de", "März"), ("ca", "d’abril"), ("vi", "tháng 12"), ("uk", "лютого")]),
            day in 1i8..=28, year in 1900i16..2100,
        ) {
            let month = match name.0 { "de" => 3, "ca" => 4, "vi" => 12, _ => 2 };
            let reading = Reading { pivot: None, names: SEVERAL.clone() };
            let date = Date::new(vec!["%d %B %Y".to_owned()], None, reading).unwrap();
            let read = date.apply(&format!("{day} {} {year}", name.1));
            let expected = civil::date(year, month, day).to_string();
            prop_assert_eq!(read.as_deref(), Ok(expected.as_str()));
        }

        /// No text is read as a month that it does not name, nor does any text panic.
        #[test]
        fn any_text_may_stand_where_a_name_is_looked_for(text in "\\PC{0,24}", day in 1i8..=28) {
            let format = "%d %B %Y";
            for text in [text.clone(), format!("{day} {text} 2020")] {
                let english = SEVERAL.english(format, &directives(format), &text);
                if let English::Text(english) = english {
                    prop_assert!(MONTHS.iter().any(|month| english.contains(month)), "{}", english);
                }
            }
        }
    }
}
