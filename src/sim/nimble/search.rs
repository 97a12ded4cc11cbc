//! What a search sees: text folded in case and accents, and the two senses of `contain`.
//!
//! The reference folds as Lucene's ASCII folding does. Words are compared whole in most fields; in names,
//! e-mails, phones and profiles a text hits as prefix or suffix of a value instead.

use std::borrow::Cow;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::metadata::RecordType;
use super::store::{Contact, Store};

/// Fields in which `contain` means prefix or suffix of the value (reference, search fields).
const PREFIX_OR_SUFFIX: &[&str] =
    &["email", "skype id", "twitter", "linkedin", "facebook", "phone", "last name", "first name", "name"];

/// The parts of an address that can be searched on their own.
pub(super) const ADDRESS_PARTS: &[&str] = &["street", "city", "state", "zip", "country"];
/// The parts of an employment.
const EMPLOYMENT_PARTS: &[&str] =
    &["company_name", "title", "start_date", "end_date", "is_present", "is_primary"];

/// All text of a contact, folded: what is not in here is hit by no keyword.
#[derive(Debug)]
pub(super) struct Folded(String);

impl Folded {
    /// Folds a contact; `tags` is the account's table of tags.
    pub(super) fn new(contact: &Contact, tags: &[String]) -> Self {
        let mut all = fold(&name(contact));
        for (_, values) in &contact.fields {
            for value in values {
                all.push('\n');
                all.push_str(&fold(&shown(&value.value)));
            }
        }
        for tag in &contact.tags {
            all.push('\n');
            all.push_str(&fold(&tags[*tag]));
        }
        Self(all)
    }
}

/// A keyword, ready to be compared.
#[derive(Debug)]
pub(super) struct Keyword {
    text: String,
    words: Vec<String>,
    /// Whether whole words count in every field, as the current description has it.
    only_words: bool,
}

impl Keyword {
    /// Folds and splits what the user typed.
    pub(super) fn new(text: &str, only_words: bool) -> Self {
        let text = fold(text.trim());
        let words = words(&text).map(str::to_owned).collect();
        Self { text, words, only_words }
    }

    /// Whether any field of the contact contains the keyword, each field in its own sense of `contain`.
    pub(super) fn hits(&self, contact: &Contact, folded: &Folded, tags: &[String]) -> bool {
        if !folded.0.contains(&self.text) && !self.words.iter().any(|word| folded.0.contains(word)) {
            return false;
        }
        self.in_value("name", &name(contact))
            || contact
                .fields
                .iter()
                .any(|(field, values)| values.iter().any(|value| self.in_value(field, &value.value)))
            || contact.tags.iter().any(|tag| self.in_value("tag", &tags[*tag]))
    }

    /// How many of its words are in the contact, in any field.
    pub(super) fn score(&self, contact: &Contact, store: &Store) -> u32 {
        let values = contact.fields.iter().flat_map(|(_, values)| values).map(|value| value.value.as_str());
        let tags = contact.tags.iter().map(|tag| store.tag_text(*tag));
        self.score_of(values.chain(tags))
    }

    /// How many of its words are in these values.
    pub(super) fn score_of<'a>(&self, values: impl Iterator<Item = &'a str>) -> u32 {
        let folded: Vec<String> = values.map(|value| fold(&shown(value))).collect();
        let has =
            |wanted: &&String| folded.iter().any(|value| words(value).any(|word| word == wanted.as_str()));
        u32::try_from(self.words.iter().filter(has).count()).unwrap_or(u32::MAX)
    }

    /// Whether a value of `field` contains the keyword.
    pub(super) fn in_value(&self, field: &str, value: &str) -> bool {
        let value = fold(&shown(value));
        if !self.only_words && PREFIX_OR_SUFFIX.contains(&field) {
            return !self.text.is_empty() && (value.starts_with(&self.text) || value.ends_with(&self.text));
        }
        words(&value).any(|word| self.words.iter().any(|wanted| wanted == word))
    }
}

/// The text of a value that a search sees: of an address and an employment, which are stored as JSON, the parts.
pub(super) fn shown(value: &str) -> Cow<'_, str> {
    let parts = || match serde_json::from_str::<Value>(value) {
        Ok(Value::Object(parts)) => Some(parts),
        _ => None,
    };
    let known = |key: &str| ADDRESS_PARTS.contains(&key) || EMPLOYMENT_PARTS.contains(&key);
    let parts = value.trim_start().starts_with('{').then(parts).flatten();
    let Some(parts) = parts.filter(|parts| parts.keys().all(|key| known(key))) else {
        return Cow::Borrowed(value);
    };
    let parts = parts.values().filter_map(part_text).filter(|part| !part.is_empty());
    Cow::Owned(parts.collect::<Vec<_>>().join(", "))
}

/// The text of one part.
pub(super) fn part_text(part: &Value) -> Option<String> {
    match part {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// First and last name, or the company's name.
pub(super) fn name(contact: &Contact) -> String {
    match contact.record_type {
        RecordType::Person => {
            format!("{} {}", contact.first("first name"), contact.first("last name")).trim().to_owned()
        }
        RecordType::Company => contact.first("company name").to_owned(),
    }
}

/// Lower case without accents.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for character in
        text.nfkd().filter(|character| !is_combining_mark(*character)).flat_map(char::to_lowercase)
    {
        match character {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ø' => out.push('o'),
            'đ' | 'ð' => out.push('d'),
            'ł' => out.push('l'),
            'ħ' => out.push('h'),
            'ı' => out.push('i'),
            _ if is_combining_mark(character) => {}
            _ => out.push(character),
        }
    }
    out
}

fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_are_folded() {
        for text in ["cAr", "čar", "ČAR", "ｃａｒ"] {
            assert_eq!(fold(text), "car");
        }
        assert_eq!(fold("Łódź Straße İzmir"), "lodz strasse izmir");
        assert_eq!(fold("Ελλάδα Москва"), "ελλαδα москва");
    }

    #[test]
    fn of_an_address_and_an_employment_the_parts_are_seen() {
        for (value, expected) in [
            (r#"{"street":"1 Vodi\u010dkova","zip":11000,"city":"","state":null}"#, "1 Vodičkova, 11000"),
            (r#"{"company_name":"Acme","is_present":true}"#, "Acme"),
            (r#"{"anything":"else"}"#, r#"{"anything":"else"}"#),
            ("{free text", "{free text"),
        ] {
            assert_eq!(shown(value), expected);
        }
    }

    #[test]
    fn contain_compares_words_or_ends_as_the_test_vectors_say() {
        let words = Keyword::new("Jon Pupken", false);
        for (value, hit) in [
            ("JON PUPKEN", true),
            ("JON travolta", true),
            ("James PUPKEN", true),
            ("JaN PUPKEr", false),
            ("JONy PoPov", false),
        ] {
            assert_eq!(words.in_value("title", value), hit, "{value}");
        }
        let ends = Keyword::new("POPOV", false);
        for (value, hit) in [
            ("POPOV", true),
            ("POPOVa", true),
            ("POPOVenko", true),
            ("podPOPOV", true),
            ("PuPken", false),
            ("podPOPOVenko", false),
        ] {
            assert_eq!(ends.in_value("last name", value), hit, "{value}");
        }
    }
}
