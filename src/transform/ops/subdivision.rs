//! States, provinces and the like: from a code or name to ISO 3166-2 or a name.
//!
//! Codes and English names are those of the Unicode CLDR (`data/subdivisions.tsv`);
//! `data/subdivision-aliases.tsv` adds postal and traditional abbreviations, names in the country's own
//! languages, and codes that ISO has replaced. The same abbreviation means something else in every country
//! (`CA`, `WA`, `NL`), so it is read only where the country is known.

use super::index::{self, Index, fold, rows};
use super::{Problem, country};
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

const CODES: &str = include_str!("data/subdivisions.tsv");
const ALIASES: &str = include_str!("data/subdivision-aliases.tsv");

/// What a subdivision becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// `US-CA`.
    #[default]
    Iso,
    /// `CA`.
    Code,
    /// `California`.
    Name,
}

/// How subdivisions are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subdivision {
    /// The form to write.
    pub form: Form,
    /// The alpha-2 code of the country that they belong to, where no other field says it.
    pub country: Option<&'static str>,
}

impl Subdivision {
    /// Writes a subdivision given by any code or name. `country` is the text of the field that says where it
    /// belongs, in any spelling; it comes before the country of the operation, and is passed over where it names
    /// no one country.
    ///
    /// # Errors
    /// When the country has none of that name, has several, or is not known and the name alone does not tell.
    pub fn apply(self, text: &str, country: Option<&str>) -> Result<String, Problem> {
        let named = country.and_then(|name| country::alpha2(name).ok()).or(self.country);
        let code = find(text.trim(), named)?;
        Ok(match self.form {
            Form::Iso => code.to_owned(),
            Form::Code => code.get(3..).unwrap_or_default().to_owned(),
            Form::Name => TABLE.names.get(code).copied().unwrap_or(code).to_owned(),
        })
    }
}

/// The name that is nearest to a text, if one is near.
#[must_use]
pub fn near(text: &str) -> Option<&'static str> {
    TABLE.names.get(TABLE.anywhere.near(text)?).copied()
}

/// Whether a country has subdivisions in the table.
#[must_use]
pub fn has(country: &str) -> bool {
    TABLE.within.contains_key(country)
}

fn find(text: &str, country: Option<&'static str>) -> Result<&'static str, Problem> {
    let whole = TABLE.whole.get(text.to_ascii_uppercase().replace(['_', ' '], "-").as_str());
    match (whole, country) {
        (Some(code), None) => return Ok(code),
        (Some(code), Some(country)) if code.starts_with(country) => return Ok(code),
        (Some(code), Some(country)) => {
            let (has, wanted) = (country::name(code.get(..2).unwrap_or_default()), country::name(country));
            return Err(Problem::new(format!("is in {has}, and the country is {wanted}")));
        }
        (None, _) => {}
    }
    let readings = readings(text);
    let Some(country) = country else { return anywhere(text, &readings) };
    let Some(within) = TABLE.within.get(country) else {
        return Err(Problem::new(format!("cannot be read: {} has no subdivisions", country::name(country))));
    };
    match readings.iter().map(|folded| within.find(folded)).find(|codes| !codes.is_empty()) {
        Some([code]) => Ok(code),
        Some(several) => Err(ambiguous(several)),
        None => Err(Problem::unknown(format!("is no state or province of {}", country::name(country))).hint(
            "correct it, put a `lookup` before `subdivision`, or let `on_error` say what becomes of it",
        )),
    }
}

/// A name without its country: it must be a name, not an abbreviation, and one country's alone.
fn anywhere(text: &str, readings: &[String]) -> Result<&'static str, Problem> {
    let hint = "say the country: `subdivision = { country = \"US\" }`, or `country_from` with a field";
    if readings.first().is_some_and(|folded| folded.chars().count() <= 3 && folded.is_ascii()) {
        return Err(Problem::new("is an abbreviation, and its country is not known").hint(hint));
    }
    match readings.iter().map(|folded| TABLE.anywhere.find(folded)).find(|codes| !codes.is_empty()) {
        Some([code]) => Ok(code),
        Some(several) => Err(ambiguous(several)),
        None => {
            Err(Problem::unknown(format!("is no state or province that is known{}", quoted(text))).hint(hint))
        }
    }
}

fn quoted(text: &str) -> &'static str {
    if text.contains(',') { "; one value is one place" } else { "" }
}

fn ambiguous(codes: &[&'static str]) -> Problem {
    let shown = |code: &&str| format!("{} ({code})", TABLE.names.get(*code).copied().unwrap_or_default());
    index::ambiguous("states or provinces", &codes.iter().map(shown).collect::<Vec<_>>())
}

/// The folded ways to read a name: as it stands, and without the word for what it is.
fn readings(text: &str) -> Vec<String> {
    static KIND: LazyLock<Regex> = LazyLock::new(|| {
        let before = "(?:the )?(?:state|province|region|canton|county|prefecture|department|commonwealth) of |land \
                      |kanton |(?:estado|provincia|province|canton|région|departamento|comunidad) d[eu] \
                      |provincia di |województwo |obwód ";
        let after = " (?:state|province|region|canton|county|prefecture|department|oblast|voivodeship|territory\
                     |область|обл\\.?)";
        Regex::new(&format!("(?i)^(?:{before})(.+)$|^(.+?){after}$"))
            .expect("the pattern is a constant that the tests compile")
    });
    let mut ways = vec![fold(text)];
    if let Some(found) = KIND.captures(text) {
        ways.extend(found.get(1).or_else(|| found.get(2)).map(|name| fold(name.as_str())));
    }
    ways
}

struct Table {
    /// Codes as ISO writes them now, by those and by the ones that they replaced.
    whole: HashMap<&'static str, &'static str>,
    /// The English name of a code.
    names: HashMap<&'static str, &'static str>,
    /// By country: codes without it, abbreviations and names.
    within: HashMap<&'static str, Index>,
    /// Names over all countries.
    anywhere: Index,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        whole: HashMap::new(),
        names: HashMap::new(),
        within: HashMap::new(),
        anywhere: Index::default(),
    };
    for row in rows(CODES) {
        let [code, ref names @ ..] = row[..] else { continue };
        table.whole.insert(code, code);
        table.names.insert(code, names[0]);
        let within = table.within.entry(&code[..2]).or_default();
        for name in names {
            within.add(name, code);
            table.anywhere.add(name, code);
        }
    }
    for row in rows(ALIASES) {
        let [code, ref names @ ..] = row[..] else { continue };
        let within = table.within.entry(&code[..2]).or_default();
        for name in names {
            let old = name.len() <= 6 && name.get(..3) == code.get(..3);
            if old {
                table.whole.insert(name, code);
            }
            within.add(if old { &name[3..] } else { name }, code);
            if name.chars().count() > 4 && !old {
                table.anywhere.add(name, code);
            }
        }
    }
    // A code in use decides, whatever it abbreviates or meant before.
    for code in table.names.keys() {
        table.within.entry(&code[..2]).or_default().decide(&code[3..], &[code]);
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdivisions_are_found_in_their_country() {
        let cases = [
            ("CA", Some("US"), "US-CA"),
            ("ca", Some("USA"), "US-CA"),
            ("Calif.", Some("United States"), "US-CA"),
            ("california", Some("US"), "US-CA"),
            ("State of California", Some("US"), "US-CA"),
            ("N. Y.", Some("US"), "US-NY"),
            ("US-CA", None, "US-CA"),
            ("California", None, "US-CA"),
            ("Ont.", Some("Canada"), "CA-ON"),
            ("Québec", Some("CA"), "CA-QC"),
            ("PQ", Some("CA"), "CA-QC"),
            ("NSW", Some("Australia"), "AU-NSW"),
            ("New South Wales", None, "AU-NSW"),
            ("WA", Some("AU"), "AU-WA"),
            ("WA", Some("US"), "US-WA"),
            ("CDMX", Some("Mexico"), "MX-CMX"),
            ("MX-DIF", None, "MX-CMX"),
            ("São Paulo", Some("Brasil"), "BR-SP"),
            ("Sao Paulo", Some("BR"), "BR-SP"),
            ("Orissa", Some("IN"), "IN-OD"),
            ("OR", Some("India"), "IN-OD"),
            ("OR", Some("US"), "US-OR"),
            ("Bayern", Some("Deutschland"), "DE-BY"),
            ("Bavaria", None, "DE-BY"),
            ("NRW", Some("DE"), "DE-NW"),
            ("Kanton Zürich", Some("CH"), "CH-ZH"),
            ("Scotland", Some("UK"), "GB-SCT"),
        ];
        for (text, country, expected) in cases {
            assert_eq!(Subdivision::default().apply(text, country).as_deref(), Ok(expected), "{text}");
        }
        let name = Subdivision { form: Form::Name, country: Some("US") };
        assert_eq!(name.apply("tx", None).as_deref(), Ok("Texas"));
        assert_eq!(name.apply("BC", Some("Canada")).as_deref(), Ok("British Columbia"));
        assert_eq!(Subdivision { form: Form::Code, country: None }.apply("Texas", None).as_deref(), Ok("TX"));
    }

    #[test]
    fn what_may_be_several_places_is_refused() {
        let said = |text, country| Subdivision::default().apply(text, country).unwrap_err().why;
        assert_eq!(said("CA", None), "is an abbreviation, and its country is not known");
        assert_eq!(said("Bavaria", Some("US")), "is no state or province of United States");
        assert_eq!(said("US-CA", Some("CA")), "is in United States, and the country is Canada");
        assert_eq!(said("Punjab", None), "is the name of several states or provinces");
        assert!(Subdivision::default().apply("", Some("US")).is_err());
    }

    /// All of the United States, Canada, Australia, Mexico, Brazil, India, Germany, Austria and Switzerland are
    /// there, and every code and name is read back.
    #[test]
    fn what_is_written_is_read_back() {
        let counts = [
            ("US", 57),
            ("CA", 13),
            ("AU", 8),
            ("MX", 32),
            ("BR", 27),
            ("IN", 36),
            ("DE", 16),
            ("AT", 9),
            ("CH", 26),
        ];
        for (country, count) in counts {
            let codes: Vec<_> = TABLE.names.keys().filter(|code| code.starts_with(country)).collect();
            assert_eq!(codes.len(), count, "{country}: {codes:?}");
        }
        let mut several = Vec::new();
        for (code, name) in &TABLE.names {
            assert_eq!(find(code, None), Ok(*code));
            assert_eq!(find(&code[3..], Some(country::alpha2(&code[..2]).unwrap())), Ok(*code), "{code}");
            match find(name, Some(country::alpha2(&code[..2]).unwrap())) {
                Ok(read) => assert_eq!(read, *code, "{name}"),
                Err(_) => several.push(code),
            }
        }
        assert!(several.len() * 50 < TABLE.names.len(), "{several:?}");
    }
}
