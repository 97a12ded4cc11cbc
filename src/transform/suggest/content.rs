//! What the values of a column look like: by the operations themselves, so that what is proposed also works.

use crate::transform::ops::time::{Date, Reading};
use crate::transform::ops::{country, email, web};
use regex::Regex;
use std::sync::LazyLock;

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Email,
    Phone,
    Url,
    Country,
}

/// How a column writes calendar days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Days {
    /// These formats and no other; none for ISO.
    Certain(Vec<&'static str>),
    /// Day and month cannot be told apart: the formats that are possible.
    Open(Vec<&'static str>),
    /// The values are no days, or of several kinds.
    None,
}

static PHONE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\+|00|\()?[\d][\d ()./-]{5,}$").expect("a literal expression"));
static NUMERIC: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\d{1,2})([./-])(\d{1,2})([./-])(\d{4})$").expect("a literal expression"));

/// What the values are, where nearly all of them are the same thing.
pub(super) fn content(values: &[String]) -> Option<Content> {
    let share = |is: &dyn Fn(&str) -> bool| {
        let hits = values.iter().filter(|value| is(value)).count();
        hits > 0 && hits * 10 >= values.len() * 9
    };
    let url = |text: &str| {
        (text.contains("://") || text.starts_with("www."))
            && web::apply(text, web::Part::default(), "https").is_ok()
    };
    if share(&|text| text.contains('@') && email::apply(text, email::Part::Address).is_ok()) {
        Some(Content::Email)
    } else if share(&url) {
        Some(Content::Url)
    } else if share(&|text| country::alpha2(text).is_ok()) && values.len() > 1 {
        Some(Content::Country)
    } else if share(&|text| {
        PHONE.is_match(text)
            && text.chars().filter(char::is_ascii_digit).count() >= 7
            && days(&[text.to_owned()]) == Days::None
    }) {
        // Long numbers are ids as often as not: a phone has signs in it.
        values.iter().any(|text| text.contains(['+', ' ', '-', '(', '/'])).then_some(Content::Phone)
    } else {
        None
    }
}

/// How days are written, if all values are days.
pub(super) fn days(values: &[String]) -> Days {
    if values.is_empty() {
        return Days::None;
    }
    let reads = |formats: &[&'static str]| {
        let formats = formats.iter().map(|format| (*format).to_owned()).collect();
        Date::new(formats, None, Reading::default())
            .is_ok_and(|date| values.iter().all(|value| date.apply(value).is_ok()))
    };
    if reads(&[]) {
        return Days::Certain(Vec::new());
    }
    for format in
        ["%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%Y%m%d"]
    {
        if reads(&[format]) {
            return Days::Certain(vec![format]);
        }
    }
    for (day_first, month_first) in [("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y")] {
        match (reads(&[day_first]), reads(&[month_first])) {
            (true, true) => return Days::Open(vec![day_first, month_first]),
            (true, false) => return Days::Certain(vec![day_first]),
            (false, true) => return Days::Certain(vec![month_first]),
            (false, false) => {}
        }
    }
    match values.iter().all(|value| NUMERIC.is_match(value)) {
        true => Days::Open(vec!["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"]),
        false => Days::None,
    }
}

/// The text between several values in one cell, if cells have several: what it separates is nearly always `one`.
pub(super) fn separator(values: &[String], one: impl Fn(&str) -> bool) -> Option<char> {
    [';', ',', '|'].into_iter().find(|separator| {
        let items: Vec<&str> = values
            .iter()
            .filter(|value| value.contains(*separator))
            .flat_map(|value| value.split(*separator))
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect();
        let good = items.iter().filter(|item| one(item)).count();
        good > 0 && good * 10 >= items.len() * 7
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn days_are_certain_only_where_they_are() {
        for (values, expected) in [
            (&["1971-12-24", "1990-01-02"][..], Days::Certain(vec![])),
            (&["24.12.1971", "1.2.1990"], Days::Certain(vec!["%d.%m.%Y"])),
            (&["24/12/1971", "01/02/1990"], Days::Certain(vec!["%d/%m/%Y"])),
            (&["12/24/1971", "01/02/1990"], Days::Certain(vec!["%m/%d/%Y"])),
            (&["01/02/1990", "03/04/1991"], Days::Open(vec!["%d/%m/%Y", "%m/%d/%Y"])),
            (&["July 4, 1976"], Days::Certain(vec!["%B %d, %Y"])),
            (&["1.2.90"], Days::None),
            (&["n/a", "1971-12-24"], Days::None),
            (&[], Days::None),
        ] {
            assert_eq!(days(&texts(values)), expected, "{values:?}");
        }
    }

    #[test]
    fn values_say_what_they_are() {
        for (values, expected) in [
            (&["a@b.example", "C <c@d.example>"][..], Some(Content::Email)),
            (&["+44 20 7946 0018", "(030) 23125-101"], Some(Content::Phone)),
            (&["https://a.example", "www.b.example"], Some(Content::Url)),
            (&["Germany", "France"], Some(Content::Country)),
            (&["12345678", "23456789"], None),
            (&["Ada", "Bob"], None),
            (&[], None),
        ] {
            assert_eq!(content(&texts(values)), expected, "{values:?}");
        }
        assert_eq!(separator(&texts(&["a@b.example; c@d.example"]), |item| item.contains('@')), Some(';'));
        assert_eq!(separator(&texts(&["a, b"]), |item| item.contains('@')), None);
    }
}
