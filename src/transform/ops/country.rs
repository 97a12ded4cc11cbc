//! Countries: from any code or name in some fifty languages to one code or name.
//!
//! The names are those of the Unicode CLDR (`data/country-names.tsv`: language, code, the usual name, then
//! others; its licence stands beside it); codes are ISO 3166-1. `data/country-aliases.tsv` adds what people
//! write and the CLDR does not have. A name that several countries bear is refused with the candidates.

use super::Problem;
use super::index::{self, Index, fold, rows};
use regex::Regex;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

const CODES: &str = include_str!("data/country-codes.tsv");
const NAMES: &str = include_str!("data/country-names.tsv");
const ALIASES: &str = include_str!("data/country-aliases.tsv");

/// Words for forms of state, folded, that stand behind a comma in official names in several languages.
const STATE_WORDS: [&str; 11] = [
    "republi",
    "repubbli",
    "staat",
    "stato",
    "estado",
    "etat",
    "республи",
    "республі",
    "держав",
    "provin",
    "провін",
];

/// What a country becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `GB`.
    Alpha2,
    /// `GBR`.
    Alpha3,
    /// `826`.
    Numeric,
    /// The usual name in a language that [`Form::name`] knows.
    Name(&'static str),
}

impl Form {
    /// The name in a language, such as `de`, `pt-PT` or `zh-Hant`; `None` where there are no names in it.
    #[must_use]
    pub fn name(language: &str) -> Option<Self> {
        languages().find(|known| known.eq_ignore_ascii_case(language)).map(Self::Name)
    }

    /// Writes a country given in any spelling.
    ///
    /// # Errors
    /// When no country is called so, or several are.
    pub fn apply(self, text: &str) -> Result<String, Problem> {
        let code = alpha2(text)?;
        let country = &TABLE.countries[code];
        let written = match self {
            Self::Alpha2 => Some(code),
            Self::Alpha3 => Some(country.alpha3),
            Self::Numeric => Some(country.numeric),
            Self::Name(language) => country.names.get(language).copied(),
        };
        written.filter(|written| !written.is_empty()).map(str::to_owned).ok_or_else(|| {
            Problem::new(format!(
                "is {code}, which has no {}",
                match self {
                    Self::Numeric => "numeric code".to_owned(),
                    Self::Name(language) => format!("name in `{language}`"),
                    Self::Alpha2 | Self::Alpha3 => "such code".to_owned(),
                }
            ))
        })
    }
}

/// The languages that [`Form::name`] knows.
pub fn languages() -> impl Iterator<Item = &'static str> {
    let mut seen = BTreeSet::new();
    rows(NAMES).filter_map(|row| row.first().copied()).filter(move |language| seen.insert(*language))
}

/// The ISO 3166-1 alpha-2 code of a country given by a code, a name or an alias.
///
/// Codes are read first where they stand in capitals, names first otherwise: `NGA` is Nigeria, `Nga` is what
/// Russia is called in Vietnamese.
///
/// # Errors
/// When no country is called so, or several are.
pub fn alpha2(text: &str) -> Result<&'static str, Problem> {
    let text = text.trim();
    // Most columns hold codes or the usual English names, which need not be taken apart.
    if let Some(code) = TABLE.codes.get(text).or_else(|| USUAL.get(text)) {
        return Ok(code);
    }
    by_any_name(text)
}

/// The same for a text without outer blanks, whatever it is.
fn by_any_name(text: &str) -> Result<&'static str, Problem> {
    let by_code = || TABLE.codes.get(text.to_ascii_uppercase().as_str()).copied();
    if !text.bytes().any(|byte| byte.is_ascii_lowercase())
        && let Some(code) = by_code()
    {
        return Ok(code);
    }
    let found = other_readings(text).map(|folded| TABLE.names.find(&folded)).find(|codes| !codes.is_empty());
    match found {
        Some([code]) => Ok(code),
        Some(several) => Err(ambiguous(several)),
        None => by_code().ok_or_else(|| {
            Problem::unknown("is no country that is known")
                .hint("correct it, put a `lookup` before `country`, or let `on_error` say what becomes of it")
        }),
    }
}

/// The folded ways to read a name: as it stands, without the English article, with the parts around a comma
/// swapped (`Åland, Îles`), and without an English form of state (`Republic of Malta`, `Kuwait, State of`).
fn other_readings(text: &str) -> impl Iterator<Item = String> {
    const FORM: &str = r"(?:(?:islamic|arab|people['’]s|federal|federated|democratic|federative|plurinational|united|bolivarian|grand|(?:co-?)?operative|independent|socialist) ?)*(?:republic|kingdom|states?|principality|commonwealth|sultanate|duchy|federation)";
    static STATE: LazyLock<Regex> = LazyLock::new(|| {
        let both =
            format!(r"(?i)^(?:the )?{FORM} of (?:the )?(.+)$|^(.+), (?:the )?{FORM}(?: of(?: the)?)?$");
        Regex::new(&both).expect("the pattern is a constant that the tests compile")
    });
    let folded = fold(text);
    let without_article = folded.strip_prefix("the").filter(|rest| !rest.is_empty()).map(str::to_owned);
    let swapped = || text.split_once(',').map(|(last, first)| fold(first) + &fold(last));
    let country = || {
        let found = STATE.captures(text)?;
        Some(fold(found.get(1).or_else(|| found.get(2))?.as_str()))
    };
    let state = || {
        let (country, rest) = text.split_once(',')?;
        let rest = fold(rest);
        // `Georgia, Estados Unidos` speaks of another country than `Bolivia, Estado Plurinacional de`.
        let form = STATE_WORDS.iter().any(|word| rest.contains(word)) && TABLE.names.find(&rest).is_empty();
        form.then(|| fold(country))
    };
    let rest = (0..4).filter_map(move |way| match way {
        0 => swapped(),
        1 => country(),
        2 => state(),
        _ => without_kind(text),
    });
    [Some(folded), without_article].into_iter().flatten().chain(rest)
}

/// A folded name without the word for an island, a republic or a kingdom that some languages put before or behind
/// it: `Islas Bermudas`, `Республика Малта`, `オーストラリア連邦`.
fn without_kind(text: &str) -> Option<String> {
    const BEFORE: [&str; 44] = [
        "islands of",
        "isla",
        "islas",
        "île",
        "îles",
        "ilha",
        "ilhas",
        "isola",
        "isole",
        "insel",
        "inseln",
        "wyspy",
        "wyspa",
        "остров",
        "острова",
        "острів",
        "острови",
        "جزيرة",
        "جزر",
        "جمهورية",
        "مملكة",
        "سلطنة",
        "دولة",
        "республика",
        "республіка",
        "королевство",
        "королівство",
        "княжество",
        "república de",
        "república del",
        "república da",
        "république de",
        "république du",
        "republik",
        "repubblica di",
        "republika",
        "royaume de",
        "royaume du",
        "reino de",
        "reino del",
        "regno di",
        "königreich",
        "królestwo",
        "koninkrijk",
    ];
    const BEHIND: [&str; 17] = [
        " islands",
        " island",
        "-inseln",
        " inseln",
        " острова",
        " острови",
        " adaları",
        "共和国",
        "共和國",
        "王国",
        "連邦",
        "联邦",
        "群岛",
        "諸島",
        "岛",
        "島",
        "国",
    ];
    let small = text.to_lowercase();
    let rest = BEFORE.iter().find_map(|kind| {
        let rest = small.strip_prefix(kind)?;
        let rest = rest.strip_prefix([' ', '-'])?;
        let article = ["la ", "el ", "das ", "der ", "les ", "los ", "l’", "l'", "d’", "d'"];
        Some(article.iter().find_map(|article| rest.strip_prefix(article)).unwrap_or(rest))
    });
    let rest = rest.or_else(|| BEHIND.iter().find_map(|kind| small.strip_suffix(kind)))?;
    Some(fold(rest)).filter(|folded| !folded.is_empty())
}

/// The English name that is nearest to a text, if one is near. Names in other languages are not offered: they
/// would puzzle more than they help.
#[must_use]
pub fn near(text: &str) -> Option<&'static str> {
    let folded = fold(text);
    TABLE
        .english
        .iter()
        .map(|(known, name)| (strsim::damerau_levenshtein(&folded, known), *name))
        .filter(|(distance, name)| *distance <= (name.len() / 4).max(1))
        .min()
        .map(|(_, name)| name)
}

fn ambiguous(codes: &[&'static str]) -> Problem {
    let english = |code: &&str| format!("{} ({code})", name(code));
    index::ambiguous("countries", &codes.iter().map(english).collect::<Vec<_>>())
}

/// The English name of a country given by its alpha-2 code; the code itself where there is none.
#[must_use]
pub fn name(alpha2: &str) -> &str {
    let country = TABLE.countries.get(alpha2);
    country.and_then(|country| country.names.get("en").copied()).unwrap_or(alpha2)
}

struct Country {
    alpha3: &'static str,
    numeric: &'static str,
    /// Usual name by language.
    names: HashMap<&'static str, &'static str>,
}

struct Table {
    countries: HashMap<&'static str, Country>,
    /// Alpha-2, alpha-3 and numeric codes.
    codes: HashMap<&'static str, &'static str>,
    names: Index,
    /// English names, folded and as they are.
    english: Vec<(String, &'static str)>,
}

/// Codes by usual English name.
static USUAL: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let names = TABLE.english.iter().map(|(_, name)| *name);
    names.filter_map(|name| Some((name, by_any_name(name).ok()?))).collect()
});

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        countries: HashMap::new(),
        codes: HashMap::new(),
        names: Index::default(),
        english: Vec::new(),
    };
    for row in rows(CODES) {
        if let [alpha2, alpha3, numeric] = row[..] {
            for code in [alpha2, alpha3, numeric].into_iter().filter(|code| !code.is_empty()) {
                table.codes.insert(code, alpha2);
            }
            table.countries.insert(alpha2, Country { alpha3, numeric, names: HashMap::new() });
        }
    }
    for row in rows(NAMES) {
        if let [language, code, ref names @ ..] = row[..] {
            let Some(country) = table.countries.get_mut(code) else { continue };
            country.names.insert(language, names[0]);
            if language == "en" {
                table.english.push((fold(names[0]), names[0]));
            }
            for name in names {
                table.names.add(name, code);
                // The CLDR shortens the Russian and Ukrainian words for islands.
                for (short, long) in [("о-ва", "острова"), ("о-ви", "острови"), ("о-в", "остров")]
                {
                    if name.contains(short) {
                        table.names.add(&name.replace(short, long), code);
                    }
                }
                if language == "en" && name.contains("St. ") {
                    table.names.add(&name.replace("St. ", "Saint "), code);
                }
            }
        }
    }
    // An alias decides: it takes the place of whatever the name meant so far.
    for row in rows(ALIASES) {
        let codes: Vec<&'static str> = row[0].split(',').collect();
        for name in &row[1..] {
            table.names.decide(name, &codes);
        }
    }
    table
});

#[cfg(test)]
#[path = "country_tests.rs"]
mod tests;
