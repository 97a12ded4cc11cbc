//! A vCard as flat columns.
//!
//! A property is a column under its own name; its use stands in brackets, a part of a structured one after a dot:
//! `FN`, `N.family`, `N.given`, `EMAIL[work]`, `TEL[mobile]`, `TEL[home fax]`, `ADR[home].city`, `ORG`, `ORG.unit`.
//! Properties that come several times are lists. A use is what `TYPE` says, or Apple's label of the property's
//! group; kinds that say nothing (`voice`, `internet`, `pref`) are left out. Of several uses of a telephone the most
//! telling counts: a mobile at work is `mobile`. Of properties that RFC 6350 does not know, and of `RELATED`, all uses
//! stand in the brackets: `X-ABDATE[anniversary]`. Pictures, sounds and keys are columns where the card has their
//! address; inside the card they are no data of a person, have no columns, and are counted. What describes the card
//! itself has none either.

use calcard::common::PartialDateTime;
use calcard::vcard::{VCard, VCardEntry, VCardParameterName, VCardProperty, VCardValue};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Columns that cards usually have. A mapping may name them even where no card of a file has them.
pub(super) const STANDARD: [&str; 70] = [
    "UID",
    "KIND",
    "FN",
    "N.prefix",
    "N.given",
    "N.additional",
    "N.family",
    "N.suffix",
    "NICKNAME",
    "ORG",
    "ORG.unit",
    "TITLE",
    "ROLE",
    "EMAIL",
    "EMAIL[work]",
    "EMAIL[home]",
    "EMAIL[other]",
    "TEL",
    "TEL[mobile]",
    "TEL[work]",
    "TEL[home]",
    "TEL[main]",
    "TEL[fax]",
    "TEL[work fax]",
    "TEL[home fax]",
    "TEL[pager]",
    "TEL[other]",
    "ADR.street",
    "ADR.city",
    "ADR.state",
    "ADR.zip",
    "ADR.country",
    "ADR[work].pobox",
    "ADR[work].extended",
    "ADR[work].street",
    "ADR[work].city",
    "ADR[work].state",
    "ADR[work].zip",
    "ADR[work].country",
    "ADR[home].pobox",
    "ADR[home].extended",
    "ADR[home].street",
    "ADR[home].city",
    "ADR[home].state",
    "ADR[home].zip",
    "ADR[home].country",
    "ADR[other].street",
    "ADR[other].city",
    "ADR[other].state",
    "ADR[other].zip",
    "ADR[other].country",
    "URL",
    "URL[work]",
    "URL[home]",
    "URL[other]",
    "BDAY",
    "ANNIVERSARY",
    "NOTE",
    "CATEGORIES",
    "IMPP",
    "LANG",
    "TZ",
    "PHOTO",
    "LOGO",
    "SOUND",
    "KEY",
    "X-SOCIALPROFILE[twitter]",
    "X-SOCIALPROFILE[facebook]",
    "X-SOCIALPROFILE[linkedin]",
    "REV",
];

/// Parts of a name, and of an address, in the order of their values (RFC 6350, 6.2.2 and 6.3.1).
const NAME: [&str; 5] = ["family", "given", "additional", "prefix", "suffix"];
const ADDRESS: [&str; 7] = ["pobox", "extended", "street", "city", "state", "zip", "country"];

/// Apple's label of a group's property.
const LABEL: &str = "X-ABLABEL";

/// The columns of a card, in the order of its properties.
pub(super) fn columns(card: &VCard) -> Map<String, Value> {
    let labels: HashMap<&str, String> = card
        .entries
        .iter()
        .filter(|entry| entry.name.as_str().eq_ignore_ascii_case(LABEL))
        .filter_map(|entry| Some((entry.group.as_deref()?, label(&text(entry.values.first()?)))))
        .collect();
    let mut columns = Map::new();
    for entry in &card.entries {
        let label = entry.group.as_deref().and_then(|group| labels.get(group)).map(String::as_str);
        add(entry, label, &mut columns);
    }
    columns
}

/// How many values of a card are left out because they stand inside it byte by byte.
pub(super) fn left_out(card: &VCard) -> u64 {
    let inside = |entry: &VCardEntry| match entry.name {
        VCardProperty::Photo | VCardProperty::Logo | VCardProperty::Sound | VCardProperty::Key => {
            let blank = |value: &VCardValue| value.as_text().is_some_and(|text| text.trim().is_empty());
            entry.values.iter().filter(|value| address(value).is_none() && !blank(value)).count()
        }
        _ => entry.values.iter().filter(|value| matches!(value, VCardValue::Binary(_))).count(),
    };
    card.entries.iter().map(|entry| inside(entry) as u64).sum()
}

/// The address of a picture, a sound or a key that does not stand in the card itself.
fn address(value: &VCardValue) -> Option<String> {
    let text = text(value);
    url::Url::parse(text.trim()).is_ok_and(|url| url.scheme() != "data").then_some(text)
}

fn add(entry: &VCardEntry, label: Option<&str>, columns: &mut Map<String, Value>) {
    let name = entry.name.as_str().to_ascii_uppercase();
    match &entry.name {
        VCardProperty::Begin | VCardProperty::End | VCardProperty::Version | VCardProperty::Prodid => {}
        VCardProperty::Photo | VCardProperty::Logo | VCardProperty::Sound | VCardProperty::Key => {
            entry.values.iter().filter_map(address).for_each(|address| put(columns, name.clone(), address));
        }
        _ if name == LABEL => {}
        VCardProperty::N => {
            for (part, value) in NAME.iter().zip(&entry.values) {
                put(columns, format!("N.{part}"), joined(value, " "));
            }
        }
        VCardProperty::Adr => {
            let at = bracketed("ADR", &place(entry, label));
            for (part, value) in ADDRESS.iter().zip(&entry.values) {
                put(columns, format!("{at}.{part}"), joined(value, ", "));
            }
        }
        VCardProperty::Org => {
            let mut values = entry.values.iter().map(|value| joined(value, ", "));
            put(columns, name.clone(), values.next().unwrap_or_default());
            values.for_each(|unit| put(columns, format!("{name}.unit"), unit));
        }
        VCardProperty::Tel => {
            let column = bracketed(&name, &telephone(entry, label));
            for value in &entry.values {
                let number = text(value);
                put(columns, column.clone(), number.strip_prefix("tel:").unwrap_or(&number).to_owned());
            }
        }
        VCardProperty::Email | VCardProperty::Url | VCardProperty::Impp => {
            let column = bracketed(&name, &place(entry, label));
            entry.values.iter().for_each(|value| put(columns, column.clone(), text(value)));
        }
        _ => {
            let types = types(entry);
            let column = match types.first() {
                Some(kind) if name.ends_with("SOCIALPROFILE") => bracketed(&name, kind),
                None if name.starts_with("X-") => bracketed(&name, label.unwrap_or_default()),
                Some(_) if name.starts_with("X-") || name == "RELATED" => bracketed(&name, &types.join(" ")),
                _ => name,
            };
            entry.values.iter().for_each(|value| put(columns, column.clone(), joined(value, ", ")));
        }
    }
}

/// Puts a value into a column; a second one makes a list of it.
fn put(columns: &mut Map<String, Value>, column: String, value: String) {
    let value = value.trim();
    if value.is_empty() {
        return;
    }
    match columns.get_mut(&column) {
        None => {
            columns.insert(column, value.into());
        }
        Some(Value::Array(values)) => values.push(value.into()),
        Some(one) => *one = Value::Array(vec![one.take(), value.into()]),
    }
}

fn bracketed(name: &str, modifier: &str) -> String {
    if modifier.is_empty() { name.to_owned() } else { format!("{name}[{modifier}]") }
}

/// The uses that a property's `TYPE` names, in small letters; those that say nothing left out.
fn types(entry: &VCardEntry) -> Vec<String> {
    let mut found = Vec::new();
    for parameter in &entry.params {
        let bare = match &parameter.name {
            VCardParameterName::Type => None,
            // vCard 2.1 writes the use alone: `TEL;WORK;VOICE:`.
            VCardParameterName::Other(name) if parameter.value.as_text().is_none() => Some(name.as_str()),
            _ => continue,
        };
        let text = bare.or_else(|| parameter.value.as_text()).unwrap_or_default().to_lowercase();
        let words = text.split(',').map(|word| word.trim().trim_matches('"'));
        let silent = ["", "voice", "internet", "pref", "x400", "text", "msg", "type", "parcel", "postal"];
        found.extend(words.filter(|word| !silent.contains(word)).map(str::to_owned));
    }
    found
}

/// `work`, `home`, `other`, or nothing where the property does not say.
fn place(entry: &VCardEntry, label: Option<&str>) -> String {
    let types = types(entry);
    let has = |word: &str| types.iter().any(|kind| kind == word);
    match label {
        _ if has("work") => "work".to_owned(),
        _ if has("home") => "home".to_owned(),
        _ if has("other") => "other".to_owned(),
        Some(label) if matches!(label, "work" | "home" | "other") => label.to_owned(),
        Some(label) if label.contains("home page") => "home".to_owned(),
        Some(_) => "other".to_owned(),
        None => String::new(),
    }
}

fn telephone(entry: &VCardEntry, label: Option<&str>) -> String {
    let mut types = types(entry);
    types.extend(label.into_iter().flat_map(|label| label.split(' ')).map(str::to_owned));
    let has = |words: &[&str]| types.iter().any(|kind| words.contains(&kind.as_str()));
    let found = match (has(&["fax"]), has(&["work"]), has(&["home"])) {
        _ if has(&["cell", "mobile", "iphone", "car"]) => "mobile",
        (true, true, _) => "work fax",
        (true, _, true) => "home fax",
        (true, ..) => "fax",
        _ if has(&["pager"]) => "pager",
        (_, true, _) => "work",
        (_, _, true) => "home",
        _ if has(&["main"]) => "main",
        _ if !types.is_empty() => "other",
        _ => "",
    };
    found.to_owned()
}

/// Apple writes its own labels as `_$!<Mobile>!$_`, people's as they are. Brackets would end a column's.
fn label(text: &str) -> String {
    text.trim_start_matches("_$!<").trim_end_matches(">!$_").to_lowercase().replace(['[', ']'], "")
}

fn joined(value: &VCardValue, between: &str) -> String {
    match value {
        VCardValue::Component(parts) => {
            let parts: Vec<_> =
                parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
            parts.join(between)
        }
        other => text(other),
    }
}

fn text(value: &VCardValue) -> String {
    match value {
        VCardValue::Integer(number) => number.to_string(),
        VCardValue::Float(number) => number.to_string(),
        VCardValue::Boolean(flag) => flag.to_string(),
        VCardValue::PartialDateTime(time) => moment(time),
        VCardValue::Binary(_) => String::new(),
        VCardValue::Component(parts) => parts.join(", "),
        other => other.as_text().unwrap_or_default().to_owned(),
    }
}

/// A date or time in ISO form; what a partial one leaves out stays out: `--12-24` is a birthday without a year.
fn moment(time: &PartialDateTime) -> String {
    let date = match (time.year, time.month, time.day) {
        (Some(year), Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
        (Some(year), Some(month), None) => format!("{year:04}-{month:02}"),
        (Some(year), None, _) => format!("{year:04}"),
        (None, Some(month), Some(day)) => format!("--{month:02}-{day:02}"),
        (None, Some(month), None) => format!("--{month:02}"),
        (None, None, Some(day)) => format!("---{day:02}"),
        (None, None, None) => String::new(),
    };
    let zone = match (time.tz_hour, time.tz_minute.unwrap_or(0)) {
        (None, _) => String::new(),
        (Some(0), 0) => "Z".to_owned(),
        (Some(hours), minutes) => {
            format!("{}{hours:02}:{minutes:02}", if time.tz_minus { '-' } else { '+' })
        }
    };
    // `TZ:-05:00` is an offset and nothing else.
    let Some(hour) = time.hour else { return if date.is_empty() { zone } else { date } };
    let clock = format!("{hour:02}:{:02}:{:02}", time.minute.unwrap_or(0), time.second.unwrap_or(0));
    format!("{date}T{clock}{zone}")
}
