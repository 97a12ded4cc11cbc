//! No operation panics, whatever the text.

use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

static NAMES: LazyLock<calendar::Names> =
    LazyLock::new(|| calendar::Names::new(vec!["de", "uk", "ca", "vi", "th"]));

/// One operation of every kind, with arguments that make it work hard.
fn one_of_each() -> Vec<Operation> {
    let zone = zone::parse("Europe/London").unwrap();
    let key = || secret::Key::new("a key for tests only").unwrap();
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let dates = texts(&["%d/%m/%y", "%B %d, %Y", "excel"]);
    let times = texts(&["%d.%m.%Y %H:%M", "%a, %d %b %Y %T %z", "excel-1904"]);
    let reading = |pivot| {
        let names = NAMES.clone();
        time::Reading { pivot, names }
    };
    let url = |part| Operation::Url(part, "https".into());
    let mut all = vec![
        Operation::Trim,
        Operation::Collapse,
        Operation::Lowercase,
        Operation::Uppercase,
        Operation::Titlecase,
        Operation::Replace(text::Replace::text("a", "bb")),
        Operation::Replace(text::Replace::pattern(r"(\w)(\W?)", "$2$1").unwrap()),
        Operation::Split(",".into()),
        Operation::Nth(-2),
        Operation::Join("-".into()),
        Operation::Unique,
        Operation::Sort { by: text::By::Number, descending: true },
        Operation::Prefix("x".into()),
        Operation::Suffix("y".into()),
        Operation::Ascii,
        Operation::Slug("-".into()),
        Operation::HtmlToText,
        Operation::PercentDecode(true),
        Operation::Email(email::Part::Both),
        Operation::Email(email::Part::Domain),
        Operation::Phone(phone::Phone { region: phone::region("DE"), ..phone::Phone::default() }),
        Operation::Phone(phone::Phone { extension: phone::Extension::Drop, ..phone::Phone::default() }),
        url(web::Part::Url),
        url(web::Part::Path),
        Operation::Country(country::Form::Alpha2),
        Operation::Country(country::Form::name("de").unwrap()),
        Operation::Language(language::Form::name("de").unwrap()),
        Operation::Currency(currency::Currency::default()),
        Operation::Date(time::Date::new(dates, None, reading(Some(30))).unwrap()),
        Operation::DateTime(time::DateTime::new(times, Some(zone), None, None, reading(None)).unwrap()),
        Operation::TimeZone,
        Operation::Number(number::Decimal {
            decimal: ',',
            thousands: Some('.'),
            currency: true,
            percent: number::Percent::Fraction,
        }),
        Operation::Bool(boolean::Words::default()),
        Operation::Hash(key(), 16),
        Operation::Mask(key()),
    ];
    for part in [name::Part::Full, name::Part::Family, name::Part::Nickname] {
        all.push(Operation::Name(part, name::Order::GivenFirst));
        all.push(Operation::Name(part, name::Order::FamilyFirst));
    }
    for country in [None, Some("US")] {
        all.push(Operation::Subdivision(subdivision::Subdivision { country, ..Default::default() }));
    }
    for form in [social::Form::Handle, social::Form::Url] {
        all.push(Operation::Social(social::Social { form, network: social::Network::named("x") }));
        all.push(Operation::Social(social::Social { form, network: None }));
    }
    all
}

fn try_all(operations: &[Operation], text: &str) {
    for operation in operations {
        let made = operation.apply(&[text.into()], Some(text));
        // What a value becomes depends on it alone.
        assert_eq!(operation.apply(&[text.into()], Some(text)), made, "{operation:?}");
        let _ = operation.suggest(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_operation_panics_on_any_text(text in any::<String>()) {
        try_all(&one_of_each(), &text);
    }

    #[test]
    fn no_operation_panics_on_text_that_looks_right(text in "[-+0-9a-z./: ,;@<>\"()TZ%$€&#']{0,24}") {
        try_all(&one_of_each(), &text);
    }
}

#[test]
fn no_operation_panics_on_naughty_strings() {
    let path = "../shared/data/strings/blns.json";
    let Ok(list) = std::fs::read_to_string(path) else {
        eprintln!("{path} is not there; skipped");
        return;
    };
    let strings: Vec<String> = serde_json::from_str(&list).unwrap();
    let operations = one_of_each();
    for text in &strings {
        try_all(&operations, text);
    }
    eprintln!("naughty strings: {} of {} without a panic", strings.len(), strings.len());
}
