//! Tests of the country operation, apart from it because of their tables.

use super::*;

#[test]
fn countries_are_found_by_what_people_write() {
    let cases = [
        ("GB", "GB"),
        ("gb", "GB"),
        ("GBR", "GB"),
        ("826", "GB"),
        ("004", "AF"),
        ("UK", "GB"),
        ("uk", "GB"),
        ("U.K.", "GB"),
        ("Great Britain", "GB"),
        ("England", "GB"),
        ("Wales", "GB"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("united states", "US"),
        ("United States of America", "US"),
        ("UAE", "AE"),
        ("Holland", "NL"),
        ("The Netherlands", "NL"),
        ("Korea, Republic of", "KR"),
        ("South Korea", "KR"),
        ("Czech Republic", "CZ"),
        ("Czechia", "CZ"),
        ("Deutschland", "DE"),
        ("ALLEMAGNE", "DE"),
        ("Німеччина", "DE"),
        ("Германия", "DE"),
        ("ドイツ", "DE"),
        ("독일", "DE"),
        ("德国", "DE"),
        ("ألمانيا", "DE"),
        ("Україна", "UA"),
        ("Côte d’Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Turkey", "TR"),
        ("Türkiye", "TR"),
        ("Turkiye", "TR"),
        ("Österreich", "AT"),
        ("Osterreich", "AT"),
        ("Schweiz", "CH"),
        ("Danmark", "DK"),
        ("Georgia", "GE"),
        ("Trinidad and Tobago", "TT"),
        ("Saint Lucia", "LC"),
        ("St. Lucia", "LC"),
        ("NGA", "NG"),
        ("Nga", "RU"),
        ("Niger", "NE"),
        ("Guinea", "GN"),
        ("Macedonia", "MK"),
        ("Swaziland", "SZ"),
        ("DR Congo", "CD"),
        ("Kosovo", "XK"),
        ("NA", "NA"),
        ("Éire", "IE"),
        ("भारत", "IN"),
        ("ไทย", "TH"),
        ("  France ", "FR"),
    ];
    for (text, expected) in cases {
        assert_eq!(alpha2(text), Ok(expected), "{text}");
    }
}

#[test]
fn ambiguous_and_unknown_names_are_refused() {
    for text in ["Congo", "Kongo", "Конго", "Korea", "Corea", "Virgin Islands", "Channel Islands"] {
        let problem = alpha2(text).unwrap_err();
        assert_eq!(problem.why, "is the name of several countries", "{text}");
    }
    assert_eq!(
        alpha2("congo").unwrap_err().hint.as_deref(),
        Some("say which: Congo - Brazzaville (CG) or Congo - Kinshasa (CD)")
    );
    assert_eq!(near("Germny"), Some("Germany"));
    for text in ["", "Europe", "44", "1", "Yugoslavia", "the", "-"] {
        assert!(alpha2(text).is_err(), "{text}");
    }
}

#[test]
fn a_country_is_written_in_every_form() {
    let cases = [
        (Form::Alpha2, "AT"),
        (Form::Alpha3, "AUT"),
        (Form::Numeric, "040"),
        (Form::name("en").unwrap(), "Austria"),
        (Form::name("de").unwrap(), "Österreich"),
        (Form::name("uk").unwrap(), "Австрія"),
    ];
    for (form, expected) in cases {
        assert_eq!(form.apply("autriche").as_deref(), Ok(expected));
    }
    assert_eq!(Form::name("tlh"), None);
    assert!(languages().count() >= 40);
}

/// Every code, and every name that the table itself would write, is read back as the same country.
#[test]
fn what_is_written_is_read_back() {
    let mut several = BTreeSet::new();
    for (code, country) in &TABLE.countries {
        for (language, name) in &country.names {
            match alpha2(name) {
                Ok(read) => assert_eq!(read, *code, "{name} in {language}"),
                Err(_) => {
                    several.insert((*language, *name));
                }
            }
        }
    }
    assert!(several.len() < 12, "{several:?}");
}

/// The names of ISO 3166-1 and their translations, where the reference data is present.
#[test]
fn iso_translations_are_read() {
    let path = "../shared/data/reference/iso-codes/iso_3166-1_translations.csv";
    let Ok(mut reader) = csv::Reader::from_path(path) else { return };
    let header = reader.headers().unwrap().clone();
    let (mut read, mut total, mut wrong, mut missed) = (0, 0, Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.unwrap();
        for (column, name) in header.iter().zip(&row).skip(3).filter(|(_, name)| !name.is_empty()) {
            total += 1;
            match alpha2(name) {
                Ok(code) if code == &row[0] => read += 1,
                Ok(code) => wrong.push(format!("{column} {name}: {code}, not {}", &row[0])),
                Err(_) => missed.push(format!("{column}: {name} ({})", &row[0])),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(read * 100 >= total * 90, "{read} of {total}, not {missed:#?}");
}
