//! Operations on countries and what belongs to them.

use super::super::file::{Findings, Table, Written};
use super::entry::{BARE, Entry, Kind, WITH, aside, may, must, one, refused};
use crate::error::nearest;
use crate::transform::ops::currency::{self, Currency};
use crate::transform::ops::subdivision::{self, Subdivision};
use crate::transform::ops::{Operation, country, language};

/// The operations, in the order of the reference.
pub(super) const PLACES: &[Entry] = &[
    Entry {
        name: "country",
        what: "Writes a country given by a code or by a name in some fifty languages: usual and official names, \
               aliases and former names.",
        short: Some("to"),
        arguments: &[
            must(
                "to",
                Kind::Choice(&["alpha-2", "alpha-3", "numeric", "name"]),
                "a code of ISO 3166-1, or the usual name",
            ),
            may("language", Kind::Text, "en", "the language of the name, such as `de`, `pt-PT` or `zh-Hant`"),
        ],
        rules: &[
            "Case, accents, blanks and punctuation do not matter. A name that several countries bear is refused with \
             the candidates: `Congo`, `Korea`, `Virgin Islands`. Codes are read first where they stand in capitals, \
             names first otherwise: `NGA` is Nigeria, `Nga` is Russia in Vietnamese.",
            "England, Scotland, Wales and Northern Ireland are the United Kingdom; which of them it is, `subdivision` \
             says. Countries that fell apart (Yugoslavia, Czechoslovakia, the Soviet Union) are refused.",
        ],
        examples: &[
            one(r#"{ country = "alpha-2" }"#, &["Deutschland"], &["DE"]),
            one(r#"{ country = "alpha-2" }"#, &["UK"], &["GB"]),
            one(r#"{ country = "alpha-2" }"#, &["Holland"], &["NL"]),
            one(r#"{ country = "alpha-2" }"#, &["Swaziland"], &["SZ"]),
            one(r#"{ country = "alpha-2" }"#, &["Zaire"], &["CD"]),
            one(r#"{ country = "alpha-2" }"#, &["Korea, Republic of"], &["KR"]),
            one(r#"{ country = "alpha-3" }"#, &["الإمارات العربية المتحدة"], &["ARE"]),
            one(r#"{ country = "numeric" }"#, &["Österreich"], &["040"]),
            one(r#"{ country = "name" }"#, &["USA"], &["United States"]),
            one(r#"{ country = { to = "name", language = "uk" } }"#, &["Germany"], &["Німеччина"]),
            refused(r#"{ country = "alpha-2" }"#, &["Congo"], "is the name of several countries"),
            refused(r#"{ country = "alpha-2" }"#, &["Atlantis"], "is no country that is known"),
        ],
        compile: |table, _, findings| country(table, findings),
        ..WITH
    },
    Entry {
        name: "subdivision",
        what: "Writes a state, province, canton or the like given by any code, abbreviation or name.",
        short: Some("to"),
        arguments: &[
            may("to", Kind::Choice(&["iso", "code", "name"]), "iso", "`US-CA`, `CA` or `California`"),
            may("country", Kind::Text, "", "the country they belong to, in any spelling"),
            may("country_from", Kind::Field, "", "a field that names the country; it comes before `country`"),
        ],
        rules: &[
            "Codes are those of ISO 3166-2, replaced ones included; names are English and, for the countries that \
             sheets are full of, the country's own. Abbreviations mean something else in every country (`CA`, `WA`), \
             so they are read only where the country is known; a full name that one place alone has needs none.",
        ],
        examples: &[
            one(r#"{ subdivision = { country = "US" } }"#, &["Calif."], &["US-CA"]),
            one(r#"{ subdivision = { to = "name", country = "US" } }"#, &["tx"], &["Texas"]),
            aside(
                r#"{ subdivision = { to = "code", country_from = "land" } }"#,
                &["New South Wales"],
                &[("land", "Australia")],
                &["NSW"],
            ),
            aside(
                r#"{ subdivision = { country_from = "land" } }"#,
                &["Québec"],
                &[("land", "CA")],
                &["CA-QC"],
            ),
            one(r#"{ subdivision = { country = "DE" } }"#, &["Bayern"], &["DE-BY"]),
            one("subdivision", &["California"], &["US-CA"]),
            refused("subdivision", &["CA"], "is an abbreviation, and its country is not known"),
            refused(
                r#"{ subdivision = { country = "US" } }"#,
                &["Bavaria"],
                "is no state or province of United States",
            ),
        ],
        compile: |table, _, findings| {
            let forms = [
                ("iso", subdivision::Form::Iso),
                ("code", subdivision::Form::Code),
                ("name", subdivision::Form::Name),
            ];
            let country =
                table.text("country", findings).and_then(|written| state_country(&written, findings));
            let form = table.choice("to", &forms, findings).unwrap_or_default();
            Some(Operation::Subdivision(Subdivision { form, country }))
        },
        ..BARE
    },
    Entry {
        name: "language",
        what: "Writes a language given by a code or by a name in many languages.",
        short: Some("to"),
        arguments: &[
            may(
                "to",
                Kind::Choice(&["tag", "alpha-2", "alpha-3", "name"]),
                "tag",
                "`tag` is two letters where there are such, else three; or a code of ISO 639, or the name",
            ),
            may("language", Kind::Text, "en", "the language of the name, such as `de`"),
        ],
        rules: &["Of a tag such as `pt-BR`, and of `Portuguese (Brazil)`, the language alone is taken."],
        examples: &[
            one("language", &["Deutsch"], &["de"]),
            one("language", &["ger"], &["de"]),
            one("language", &["pt-BR"], &["pt"]),
            one(r#"{ language = "alpha-3" }"#, &["українська"], &["ukr"]),
            one(r#"{ language = { to = "name", language = "fr" } }"#, &["de"], &["allemand"]),
            refused("language", &["Klingonese"], "is no language that is known"),
        ],
        compile: |table, _, findings| language(table, findings),
        ..BARE
    },
    Entry {
        name: "currency",
        what: "Writes a currency given by a code, a sign or a name, alone or beside an amount.",
        short: Some("to"),
        arguments: &[
            may(
                "to",
                Kind::Choice(&["code", "numeric", "name"]),
                "code",
                "a code of ISO 4217, or the English name",
            ),
            may(
                "prefer",
                Kind::Texts,
                "",
                "codes: which of several currencies with one sign or name is meant",
            ),
        ],
        rules: &[
            "A sign that several currencies have (`$`, `kr`, `¥`) is refused unless `prefer` says which it means. The \
             amount itself reads `number = { currency = true }`.",
        ],
        examples: &[
            one("currency", &["€ 1.299,00"], &["EUR"]),
            one("currency", &["złoty"], &["PLN"]),
            one(r#"{ currency = { prefer = ["USD"] } }"#, &["$ 12.50"], &["USD"]),
            one(r#"{ currency = "name" }"#, &["UAH"], &["Ukrainian Hryvnia"]),
            refused("currency", &["$ 12.50"], "is the name of several currencies"),
        ],
        compile: |table, _, findings| currency(table, findings),
        ..BARE
    },
];

fn country(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let english = country::Form::name("en")?;
    let forms = [
        ("alpha-2", country::Form::Alpha2),
        ("alpha-3", country::Form::Alpha3),
        ("numeric", country::Form::Numeric),
        ("name", english),
    ];
    let form = table.choice("to", &forms, findings)?;
    let Some(written) = table.text("language", findings) else { return Some(Operation::Country(form)) };
    if form != english {
        only_names(&written, findings);
        return None;
    }
    let named = country::Form::name(&written.text);
    if named.is_none() {
        no_names(&written, "country", &country::languages().collect::<Vec<_>>(), findings);
    }
    named.map(Operation::Country)
}

fn language(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let english = language::Form::name("en")?;
    let forms = [
        ("tag", language::Form::Tag),
        ("alpha-2", language::Form::Alpha2),
        ("alpha-3", language::Form::Alpha3),
        ("name", english),
    ];
    let form = match table.get("to") {
        Some(_) => table.choice("to", &forms, findings)?,
        None => language::Form::Tag,
    };
    let Some(written) = table.text("language", findings) else { return Some(Operation::Language(form)) };
    if form != english {
        only_names(&written, findings);
        return None;
    }
    let named = language::Form::name(&written.text);
    if named.is_none() {
        no_names(&written, "language", &language::languages(), findings);
    }
    named.map(Operation::Language)
}

fn only_names(written: &Written, findings: &mut Findings<'_>) {
    findings.add(written.at, "only names have a language", Some("write to = \"name\"".to_owned()));
}

/// Says that there are no names of this kind in a language.
pub(super) fn no_names(written: &Written, of: &str, known: &[&str], findings: &mut Findings<'_>) {
    // `German` is meant to be `de`.
    let named = language::Form::Tag.apply(&written.text).ok().filter(|tag| known.contains(&tag.as_str()));
    let near = named.or_else(|| nearest(&written.text, known.iter().copied()).map(str::to_owned));
    let hint = near
        .map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
    findings.add(written.at, format!("there are no {of} names in `{}`", written.text), Some(hint));
}

/// A country that has states or provinces.
fn state_country(written: &Written, findings: &mut Findings<'_>) -> Option<&'static str> {
    let found = country::alpha2(&written.text).ok().filter(|code| subdivision::has(code));
    if found.is_none() {
        let hint = Some("write its two letters, such as \"US\"".to_owned());
        findings.add(written.at, format!("`{}` is no country with states or provinces", written.text), hint);
    }
    found
}

fn currency(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let forms = [
        ("code", currency::Form::Code),
        ("numeric", currency::Form::Numeric),
        ("name", currency::Form::Name),
    ];
    let mut prefer = Vec::new();
    for written in table.texts("prefer", findings).unwrap_or_default() {
        match currency::code(&written.text) {
            Some(code) => prefer.push(code),
            None => {
                let hint = Some("write its three letters, such as \"USD\"".to_owned());
                findings.add(written.at, format!("`{}` is no currency in use", written.text), hint);
            }
        }
    }
    let form = table.choice("to", &forms, findings).unwrap_or_default();
    Some(Operation::Currency(Currency { form, prefer }))
}
