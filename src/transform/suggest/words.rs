//! What a header means: words for the same thing in several languages, whatever their case, accents and signs.

use std::collections::HashMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Concept, a tab, and the words for it with `|` between; those that begin with `=` say where something is used.
const TABLE: &str = include_str!("synonyms.tsv");

/// What a header means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Meaning {
    /// The thing: `first`, `email`, `zip`.
    pub(super) concept: &'static str,
    /// Where it is used: `work`, `home`, `other`, `main`; empty where the header does not say.
    pub(super) used: &'static str,
}

struct Words {
    concepts: HashMap<String, &'static str>,
    uses: HashMap<String, &'static str>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut words = Words { concepts: HashMap::new(), uses: HashMap::new() };
    for (concept, list) in TABLE.lines().filter_map(|line| line.split_once('\t')) {
        let (map, concept) = match concept.strip_prefix('=') {
            Some(used) => (&mut words.uses, used),
            None => (&mut words.concepts, concept),
        };
        for word in list.split('|') {
            // A word of two meanings keeps the first: `nome` is a given name in Italian and a name in Portuguese.
            map.entry(fold(word)).or_insert(concept);
        }
    }
    words
});

/// Words that say nothing: `Phone 1 - Value`, `Telefon-Nr.`.
const SILENT: [&str; 12] =
    ["value", "number", "no", "nr", "num", "numero", "nummer", "numer", "the", "contact", "lead", "person"];

/// Letters and digits alone, small, without accents.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase) {
        match letter {
            'ß' => folded.push_str("ss"),
            'ł' => folded.push('l'),
            'ø' => folded.push('o'),
            'æ' => folded.push_str("ae"),
            'ı' => folded.push('i'),
            letter if letter.is_alphanumeric() => folded.push(letter),
            _ => {}
        }
    }
    folded
}

/// What a header means, if the table knows.
pub(super) fn meaning(header: &str) -> Option<Meaning> {
    let known = |text: &str| WORDS.concepts.get(&fold(text)).copied();
    if let Some(concept) = known(header) {
        return Some(Meaning { concept, used: "" });
    }
    let (mut used, mut rest) = ("", Vec::new());
    for word in words(header) {
        let folded = fold(&word);
        let silent = folded.is_empty()
            || folded.chars().all(|letter| letter.is_ascii_digit())
            || SILENT.contains(&folded.as_str());
        match WORDS.uses.get(&folded) {
            _ if silent => {}
            Some(found) if used.is_empty() => used = found,
            _ => rest.push(word),
        }
    }
    known(&rest.concat()).map(|concept| Meaning { concept, used })
}

/// The place that a modifier stands for: `work fax` is a fax at work.
pub(super) fn used(modifier: &str) -> &'static str {
    words(modifier).iter().find_map(|word| WORDS.uses.get(&fold(word)).copied()).unwrap_or_default()
}

/// The words of a header, also of `firstName` and `first_name`.
fn words(header: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut small = false;
    for letter in header.chars() {
        if !letter.is_alphanumeric() && letter != '\'' && letter != '’' {
            words.push(String::new());
        } else {
            if small && letter.is_uppercase() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.push(letter);
            }
        }
        small = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_mean_the_same_in_nine_languages() {
        for (concept, headers) in [
            (
                "first",
                &[
                    "First name",
                    "Vorname",
                    "Prénom",
                    "Nombre",
                    "Nome",
                    "Voornaam",
                    "Imię",
                    "Ім'я",
                    "first_name",
                ][..],
            ),
            (
                "last",
                &[
                    "LastName",
                    "Nachname",
                    "Nom",
                    "Apellidos",
                    "Cognome",
                    "Sobrenome",
                    "Achternaam",
                    "Nazwisko",
                    "Прізвище",
                ],
            ),
            (
                "email",
                &[
                    "E-Mail-Adresse",
                    "Courriel",
                    "Correo electrónico",
                    "e-mailadres",
                    "Adres e-mail",
                    "Електронна пошта",
                ],
            ),
            (
                "phone",
                &[
                    "Telefon",
                    "TÉLÉPHONE",
                    "Teléfono",
                    "Telefono",
                    "Telefone",
                    "Telefoonnummer",
                    "Numer telefonu",
                    "Телефон",
                ],
            ),
            (
                "mobile",
                &["Handy", "Portable", "Móvil", "Cellulare", "Telemóvel", "Mobiel", "Komórka", "Мобільний"],
            ),
            (
                "zip",
                &[
                    "PLZ",
                    "Code postal",
                    "Código postal",
                    "CAP",
                    "CEP",
                    "Postcode",
                    "Kod pocztowy",
                    "Поштовий індекс",
                    "ZIP/Postal Code",
                ],
            ),
            (
                "birthday",
                &[
                    "Geburtstag",
                    "Date de naissance",
                    "Cumpleaños",
                    "Data di nascita",
                    "Geboortedatum",
                    "Data urodzenia",
                ],
            ),
            ("country", &["Land", "Pays", "País", "Paese", "Kraj", "Країна"]),
        ] {
            for header in headers {
                let found = meaning(header).map(|found| found.concept);
                assert_eq!(found, Some(concept), "{header}");
            }
        }
    }

    #[test]
    fn a_header_says_where_something_is_used() {
        let read = |header| meaning(header).map(|found| (found.concept, found.used));
        assert_eq!(read("Business Phone 2"), Some(("phone", "work")));
        assert_eq!(read("Telefon geschäftlich"), Some(("phone", "work")));
        assert_eq!(read("Home City"), Some(("city", "home")));
        assert_eq!(read("E-mail 1 - Value"), Some(("email", "")));
        assert_eq!(read("Shoe size"), None);
        assert_eq!(used("work fax"), "work");
    }
}
