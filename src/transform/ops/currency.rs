//! Currencies: from a code, sign or name to the code of ISO 4217.
//!
//! Codes, signs and names are those of the Unicode CLDR (`data/currency-*.tsv`), with what people write beside
//! them. A sign that several currencies have (`$`, `kr`, `¥`) is refused, unless the mapping says which it
//! means. Of an amount (`€ 1.299,00`), the currency is read.

use super::Problem;
use super::index::{self, Index, fold, rows};
use std::collections::HashMap;
use std::sync::LazyLock;

const CODES: &str = include_str!("data/currency-codes.tsv");
const NAMES: &str = include_str!("data/currency-names.tsv");
const ALIASES: &str = include_str!("data/currency-aliases.tsv");

/// What a currency becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// `EUR`.
    #[default]
    Code,
    /// `978`.
    Numeric,
    /// `Euro`.
    Name,
}

/// How currencies are read and written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Currency {
    /// The form to write.
    pub form: Form,
    /// Which of several currencies with one sign is meant: the first of these that has it.
    pub prefer: Vec<&'static str>,
}

impl Currency {
    /// Writes the currency that a text names, alone or beside an amount.
    ///
    /// # Errors
    /// When no currency is called so, or several are.
    pub fn apply(&self, text: &str) -> Result<String, Problem> {
        let found = find(text);
        let code = match found.as_slice() {
            [code] => *code,
            [] => {
                return Err(
                    Problem::new("is no currency that is known").hint("write its code, such as `EUR`")
                );
            }
            several => match self.prefer.iter().find(|code| several.contains(code)) {
                Some(code) => *code,
                None => return Err(ambiguous(several)),
            },
        };
        Ok(match self.form {
            Form::Code => code.to_owned(),
            Form::Numeric => TABLE.numeric.get(code).copied().unwrap_or_default().to_owned(),
            Form::Name => TABLE.names.get(code).copied().unwrap_or(code).to_owned(),
        })
    }
}

/// The code as ISO writes it, if it is the code of a currency in use.
#[must_use]
pub fn code(text: &str) -> Option<&'static str> {
    TABLE.numeric.get_key_value(text.trim().to_ascii_uppercase().as_str()).map(|(code, _)| *code)
}

/// Whether a text is a sign, code or name of at least one currency.
#[must_use]
pub fn is_known(text: &str) -> bool {
    !find(text).is_empty()
}

fn ambiguous(codes: &[&'static str]) -> Problem {
    let shown = |code: &&str| (*code).to_owned();
    let problem = index::ambiguous("currencies", &codes.iter().map(shown).collect::<Vec<_>>());
    problem.hint(format!(
        "say which is meant: `currency = {{ prefer = [\"{}\"] }}`",
        codes.first().copied().unwrap_or_default()
    ))
}

/// The currencies that a text may name: by sign as it stands, else by code or name. Of an amount, what stands
/// before or behind its digits.
fn find(text: &str) -> Vec<&'static str> {
    let text = text.trim();
    let around = |c: char| c.is_whitespace() || matches!(c, '-' | '+' | '(' | ')' | '\u{2212}');
    let before = text.split(char::is_numeric).next().unwrap_or_default().trim_matches(around);
    let behind = text.rsplit(char::is_numeric).next().unwrap_or_default().trim_matches(around);
    match (text.contains(char::is_numeric), before, behind) {
        (false, _, _) => named(text.trim_matches(around)),
        (true, "", "") => TABLE.by_number.get(text).copied().into_iter().collect(),
        (true, name, "") | (true, "", name) => named(name),
        // `US$ 5 USD`: both say the same, or nothing is said.
        (true, before, behind) => {
            let behind = named(behind);
            named(before).into_iter().filter(|code| behind.contains(code)).collect()
        }
    }
}

fn named(name: &str) -> Vec<&'static str> {
    let sign = |text: &str| TABLE.signs.get(text).cloned();
    match sign(name).or_else(|| sign(name.trim_end_matches('.'))) {
        Some(codes) => codes,
        None => match code(name) {
            Some(code) => vec![code],
            None => TABLE.index.find(&fold(name)).to_vec(),
        },
    }
}

struct Table {
    numeric: HashMap<&'static str, &'static str>,
    by_number: HashMap<&'static str, &'static str>,
    signs: HashMap<&'static str, Vec<&'static str>>,
    names: HashMap<&'static str, &'static str>,
    index: Index,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        numeric: HashMap::new(),
        by_number: HashMap::new(),
        signs: HashMap::new(),
        names: HashMap::new(),
        index: Index::default(),
    };
    let mut sign = |sign: &'static str, code: &'static str| {
        let codes: &mut Vec<&'static str> = table.signs.entry(sign).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    };
    for row in rows(CODES) {
        table.numeric.insert(row[0], row[1]);
        table.by_number.insert(row[1], row[0]);
        row[2..].iter().for_each(|text| sign(text, row[0]));
    }
    for row in rows(ALIASES) {
        row[1..].iter().for_each(|text| sign(text, row[0]));
        row[1..].iter().for_each(|text| table.index.add(text, row[0]));
    }
    for row in rows(NAMES) {
        if row[0] == "en" {
            table.names.insert(row[1], row[2]);
        }
        row[2..].iter().for_each(|name| table.index.add(name, row[1]));
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_found_by_code_sign_and_name() {
        let cases = [
            ("EUR", "EUR"),
            ("eur", "EUR"),
            ("€", "EUR"),
            ("978", "EUR"),
            ("Euro", "EUR"),
            ("euros", "EUR"),
            ("€ 1.299,00", "EUR"),
            ("1 299,00 zł", "PLN"),
            ("-5 USD", "USD"),
            ("US$5", "USD"),
            ("US dollars", "USD"),
            ("CHF 12.50", "CHF"),
            ("Fr. 12.50", "CHF"),
            ("Schweizer Franken", "CHF"),
            ("£", "GBP"),
            ("₴", "UAH"),
            ("гривня", "UAH"),
            ("Rs. 500", "INR"),
            ("日本円", "JPY"),
        ];
        let prefer = Currency { form: Form::Code, prefer: vec!["GBP", "INR"] };
        for (text, expected) in cases {
            assert_eq!(prefer.apply(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(Currency { form: Form::Numeric, prefer: vec![] }.apply("€").as_deref(), Ok("978"));
        assert_eq!(
            Currency { form: Form::Name, prefer: vec![] }.apply("₴").as_deref(),
            Ok("Ukrainian Hryvnia")
        );
    }

    #[test]
    fn a_sign_of_several_currencies_needs_a_word() {
        let said = |text: &str| Currency::default().apply(text).unwrap_err();
        for text in ["$", "kr", "¥", "$ 5"] {
            assert_eq!(said(text).why, "is the name of several currencies", "{text}");
        }
        for text in ["", "12", "XYZ", "beans", "-"] {
            assert_eq!(said(text).why, "is no currency that is known", "{text}");
        }
        let dollars = Currency { prefer: vec!["USD"], ..Currency::default() };
        assert_eq!(dollars.apply("$ 5").as_deref(), Ok("USD"));
    }
}
