//! The reference sets, counted. Each test prints its rate, and names what is not read where the figures differ
//! from those that are kept.

#![allow(clippy::print_stderr, reason = "the rates are printed, and what is skipped")]

use super::*;
use crate::transform::ops::{Operation, Problem, country, email, phone, subdivision, zone};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

const DATA: &str = "../shared/data";

/// The text of a set's file; `None`, said once, where it is absent.
fn text(path: &str) -> Option<String> {
    let path = PathBuf::from(DATA).join(path);
    let text = std::fs::read_to_string(&path);
    if text.is_err() {
        eprintln!("{} is not there; skipped", path.display());
    }
    text.ok()
}

fn rows(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = row(reader.headers().unwrap());
    (header, reader.records().map(|record| row(&record.unwrap())).collect())
}

/// A set on its way: what was read, and what was not, by the reason given.
#[derive(Default)]
struct Count {
    good: usize,
    others: BTreeMap<String, Vec<String>>,
}

impl Count {
    fn add<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, made: Result<T, Problem>, wanted: &T) {
        match made {
            Ok(made) if made == *wanted => self.good += 1,
            Ok(made) => self.miss("is read as another", format!("{what}: {made:?}, not {wanted:?}")),
            Err(problem) => self.miss(&problem.why, what.to_owned()),
        }
    }

    fn miss(&mut self, why: &str, what: String) {
        // What stands in brackets or is a country's name belongs to the one value.
        let why = why.split(" (").next().unwrap_or(why).split(" of ").next().unwrap_or(why);
        self.others.entry(why.trim_end_matches(':').to_owned()).or_default().push(what);
    }

    /// Prints the rate and holds it to the one that is kept.
    #[track_caller]
    fn settle(self, set: &str) {
        let total = self.good + self.others.values().map(Vec::len).sum::<usize>();
        eprintln!("{set}: {} of {total}", self.good);
        for (why, list) in &self.others {
            eprintln!(
                "  {} x {why}: {}",
                list.len(),
                list.iter().take(60).cloned().collect::<Vec<_>>().join(" | ")
            );
        }
        let kept = RATES.iter().find(|rate| rate.set == set).expect("every set has a rate that is kept");
        assert_eq!((kept.good, kept.total), (self.good, total), "{set}");
        let others: BTreeMap<_, _> =
            kept.others.iter().map(|other| (other.why.to_owned(), other.count)).collect();
        let counted: BTreeMap<_, _> =
            self.others.iter().map(|(why, list)| (why.clone(), list.len())).collect();
        assert_eq!(others, counted, "{set}");
    }
}

#[test]
fn iso_3166_names_in_twelve_languages() {
    let Some(text) = text("reference/iso-codes/iso_3166-1_translations.csv") else { return };
    let (_, rows) = rows(&text);
    let mut count = Count::default();
    for row in rows {
        for name in row[3..].iter().filter(|name| !name.is_empty()) {
            count.add(name, country::alpha2(name).map(str::to_owned), &row[0]);
        }
    }
    count.settle("country: names of ISO 3166-1 in 13 languages (Debian iso-codes)");
}

#[test]
fn names_of_the_united_nations() {
    let Some(text) = text("reference/country-codes/country-codes.csv") else { return };
    let (header, rows) = rows(&text);
    let code = header.iter().position(|name| name == "ISO3166-1-Alpha-2").unwrap();
    let named = |name: &String| {
        (name.starts_with("UNTERM") || name.starts_with("official_name") || name.contains("CLDR display"))
            && !name.contains("Formal")
    };
    let columns: Vec<_> = (0..header.len()).filter(|at| named(&header[*at])).collect();
    let mut count = Count::default();
    for row in &rows {
        for name in columns.iter().map(|at| row[*at].trim()).filter(|name| !name.is_empty()) {
            // `Royaume-Uni (le)`, `Gambia (the) [..]`: what stands behind the name is grammar.
            let bare = name.split(['(', '[']).next().unwrap_or(name).trim().trim_end_matches('*');
            let made = country::alpha2(name).or_else(|_| country::alpha2(bare));
            count.add(name, made.map(str::to_owned), &row[code]);
        }
    }
    count.settle("country: short names of the United Nations in 6 languages (datasets/country-codes)");
}

#[test]
fn cldr_names_in_sixteen_languages() {
    let mut count = Count::default();
    for language in
        ["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh"]
    {
        let Some(text) = text(&format!("reference/cldr-territories/{language}.json")) else { return };
        let names: Value = serde_json::from_str(&text).unwrap();
        let names = names["main"][language]["localeDisplayNames"]["territories"].as_object().unwrap();
        for (key, name) in names {
            let code = &key[..2.min(key.len())];
            let iso = key.len() == 2 || key.contains("-alt-");
            if iso && country::alpha2(code) == Ok(country::alpha2(code).unwrap_or_default()) {
                count.add(
                    name.as_str().unwrap(),
                    country::alpha2(name.as_str().unwrap()),
                    &country::alpha2(code).unwrap(),
                );
            }
        }
    }
    count.settle("country: names of the Unicode CLDR in 16 languages");
}

#[test]
fn countries_of_addresses() {
    let folder = PathBuf::from(DATA).join("addresses/opencage-testcases");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("{} is not there; skipped", folder.display());
        return;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (mut countries, mut states) = (Count::default(), Count::default());
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for case in text.split("components:").skip(1) {
            let part = |name: &str| {
                let line = case.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
                line.map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
                    .filter(|value| !value.is_empty())
            };
            let (Some(name), Some(code)) = (part("country"), part("country_code")) else { continue };
            let code = code.to_uppercase();
            countries.add(&format!("{name} {code}"), country::alpha2(&name).map(str::to_owned), &code);
            let (Some(state), Some(short)) = (part("state"), part("state_code")) else { continue };
            if country::alpha2(&code).is_ok() {
                let iso = subdivision::Subdivision { form: subdivision::Form::Code, country: None };
                states.add(&format!("{state}, {code}"), iso.apply(&state, Some(&code)), &short);
            }
        }
    }
    countries.settle("country: countries of addresses (OpenCage address-formatting)");
    states.settle("subdivision: states of addresses with their codes (OpenCage address-formatting)");
}

#[test]
fn iso_3166_2_names() {
    let Some(text) = text("reference/iso-codes/iso_3166-2.json") else { return };
    let list: Value = serde_json::from_str(&text).unwrap();
    let mut count = Count::default();
    let well_known = ["US", "CA", "AU", "MX", "BR", "IN", "DE", "AT", "CH"];
    let mut known = Count::default();
    for entry in list["3166-2"].as_array().unwrap() {
        let (code, name) = (entry["code"].as_str().unwrap(), entry["name"].as_str().unwrap());
        let iso = subdivision::Subdivision::default();
        // Overseas areas have codes of their own in ISO 3166-1.
        let made = iso.apply(name, Some(&code[..2]));
        let wanted = iso.apply(code, None).unwrap_or_else(|_| code.to_owned());
        if well_known.contains(&&code[..2]) {
            known.add(&format!("{name} {code}"), made.clone(), &wanted);
        }
        count.add(&format!("{name} {code}"), made, &wanted);
    }
    known.settle("subdivision: names of ISO 3166-2 in US, CA, AU, MX, BR, IN, DE, AT, CH (Debian iso-codes)");
    count.settle("subdivision: names of ISO 3166-2 in all countries (Debian iso-codes)");
}

#[test]
fn windows_zones_and_old_names() {
    let Some(text) = text("reference/timezones/windowsZones.json") else { return };
    let zones: Value = serde_json::from_str(&text).unwrap();
    let mut count = Count::default();
    for entry in zones["supplemental"]["windowsZones"]["mapTimezones"].as_array().unwrap() {
        let zone = &entry["mapZone"];
        let [windows, iana, territory] =
            ["_other", "_type", "_territory"].map(|key| zone[key].as_str().unwrap());
        if territory == "001" {
            let same = |name: String| name == iana || (iana.starts_with("Etc/") && name.contains("UTC"));
            count.add(windows, zone::name(windows).map(same), &true);
        }
        for name in iana.split(' ') {
            count.add(name, zone::name(name), &name.to_owned());
        }
    }
    count.settle("time_zone: Windows names and the zones of their territories (Unicode CLDR)");
    let Some(text) = self::text("reference/timezones/bcp47-timezone.json") else { return };
    let keys: Value = serde_json::from_str(&text).unwrap();
    let mut count = Count::default();
    for entry in keys["keyword"]["u"]["tz"].as_object().unwrap().values() {
        for name in entry["_alias"].as_str().unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
            count.add(name, zone::parse(name).map(|_| true), &true);
        }
    }
    count.settle("time_zone: names and old names of zones (Unicode CLDR)");
}

#[test]
fn example_numbers_of_every_region() {
    let Some(text) = text("phone/libphonenumber-examples.csv") else { return };
    let (_, rows) = rows(&text);
    let mut count = Count::default();
    for row in rows {
        let (text, region) = match row[1].as_str() {
            "001" => (format!("+{}{}", row[0], row[3]), None),
            region => (row[3].clone(), Some(region)),
        };
        let phone = phone::Phone { region: region.and_then(phone::region), ..phone::Phone::default() };
        count.add(&row.join(" "), phone.apply(&text, None), &format!("+{}{}", row[0], row[3]));
    }
    count.settle("phone: example numbers of every region and kind (Google libphonenumber)");
}

#[test]
fn mail_addresses_good_and_bad() {
    let Some(xml) = text("email/isemail/tests.xml") else { return };
    let mut count = Count::default();
    for test in xml.split("<test id=").skip(1) {
        let inner = |tag: &str| {
            let open = test.find(&format!("<{tag}>")).map(|at| at + tag.len() + 2)?;
            let close = test[open..].find(&format!("</{tag}>"))?;
            Some(unescaped(&test[open..open + close]))
        };
        let (address, category) = (inner("address").unwrap_or_default(), inner("category").unwrap());
        let wanted =
            matches!(category.as_str(), "ISEMAIL_VALID_CATEGORY" | "ISEMAIL_DNSWARN" | "ISEMAIL_RFC5321");
        let made = Operation::Email(email::Part::Address).apply(&[address.as_str().into()], None);
        let taken = made.as_ref().is_ok_and(|made| made.len() == 1);
        match (taken, wanted) {
            (true, true) | (false, false) => count.good += 1,
            (true, false) => count.miss("is taken", format!("{address} {category}")),
            (false, true) => count.miss("is refused", format!("{address} {category}")),
        }
    }
    count.settle("email: addresses in use and not in use (isemail)");
}

/// The set's spelling of control characters and XML's of others.
fn unescaped(text: &str) -> String {
    let mut made = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    for code in 0..32_u32 {
        let control = char::from_u32(code).unwrap().to_string();
        made = made
            .replace(&format!("&#x24{code:02X};"), &control)
            .replace(&format!("&#x24{code:02x};"), &control);
    }
    made.replace("&amp;", "&")
}
