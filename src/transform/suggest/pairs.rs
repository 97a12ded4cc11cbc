//! Which column goes to which place of the target, how sure that is, and with which operations.

use super::content::{Content, Days, content, days, separator};
use super::words::{Meaning, fold, meaning, used};
use super::{SampleColumn, Samples};
use crate::record::customs::Customs;
use crate::record::schema::{FieldSpec, Schema};
use crate::transform::ops::{country, email};
use std::collections::HashMap;

/// How sure a pair is, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    SameName,
    SameLetters,
    Means(String),
    Looks(&'static str),
    /// Nothing says so; a mapping needs a field.
    Nothing,
}

/// A field of the draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) to: String,
    pub(super) from: Vec<String>,
    pub(super) why: Why,
    /// Further lines of the `[[field]]`: `join = " "`.
    pub(super) lines: Vec<String>,
    /// What has to be decided first; the field is then a comment.
    pub(super) decide: Option<String>,
    /// What else there is to say.
    pub(super) note: Option<String>,
}

/// What is drafted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) pairs: Vec<Pair>,
    /// Columns that go nowhere, with what they may mean.
    pub(super) left: Vec<(String, Option<String>)>,
    pub(super) key: Vec<String>,
    pub(super) key_note: String,
}

/// A place of the target.
struct Place<'a> {
    written: String,
    /// Without modifier, as a key names it.
    field: &'a FieldSpec,
    meaning: Option<Meaning>,
    several: bool,
}

/// Of places with the same meaning, the ones that are meant for a person's record.
const PREFERRED: [&str; 2] = ["parent company", "description[other]"];

/// Pairs up columns and places.
pub(super) fn plan(samples: &Samples, target: &Schema, customs: &Customs) -> Plan {
    let places = places(target);
    let country_column = samples
        .columns
        .iter()
        .find(|column| meaning(&column.name).is_some_and(|found| found.concept == "country"))
        .map(|column| column.name.as_str());
    let mut plan = Plan::default();
    let mut by_place: HashMap<usize, Pair> = HashMap::new();
    let mut names: Vec<&SampleColumn> = Vec::new();
    for column in &samples.columns {
        let Some((at, why)) = best(column, &places) else {
            match meaning(&column.name).map(|found| found.concept) {
                _ if places.is_empty() => by_name(column, &mut plan),
                Some("first" | "middle" | "last" | "name") => names.push(column),
                _ => plan.left.push((column.name.clone(), None)),
            }
            continue;
        };
        let place = &places[at];
        match by_place.get_mut(&at) {
            None => {
                let pair = Pair {
                    to: place.written.clone(),
                    from: vec![column.name.clone()],
                    why,
                    lines: Vec::new(),
                    decide: None,
                    note: None,
                };
                by_place.insert(at, pair);
            }
            // The other columns of the same thing join it where there is room.
            Some(pair) if place.several || holds_lists(place, target) => pair.from.push(column.name.clone()),
            Some(pair) => {
                let note = format!("it would go to `{}`, which `{}` fills", pair.to, pair.from[0]);
                plan.left.push((column.name.clone(), Some(note)));
            }
        }
    }
    let mut found: Vec<(usize, Pair)> = by_place.into_iter().collect();
    found.sort_by_key(|(at, _)| *at);
    for (at, mut pair) in found {
        let lists = holds_lists(&places[at], target);
        finish(&mut pair, &places[at], lists, samples, country_column, customs);
        plan.pairs.push(pair);
    }
    person_names(&names, &places, &mut plan);
    if customs.kind.is_none() && plan.pairs.iter().all(|pair| pair.decide.is_some()) {
        any_field(samples, &places, &mut plan);
    }
    key(samples, &places, &mut plan);
    plan
}

/// A first field where nothing fits: without one, a mapping cannot even be checked.
fn any_field(samples: &Samples, places: &[Place<'_>], plan: &mut Plan) {
    let named = |place: &&Place<'_>| place.meaning.is_some_and(|found| found.concept == "name");
    let place = places.iter().find(named).or(places.first());
    let column = samples.columns.iter().find(|column| !column.values.is_empty()).or(samples.columns.first());
    if let (Some(place), Some(column)) = (place, column) {
        plan.left.retain(|(name, _)| *name != column.name);
        plan.pairs.push(Pair {
            to: place.written.clone(),
            from: vec![column.name.clone()],
            why: Why::Nothing,
            lines: Vec::new(),
            decide: None,
            note: None,
        });
    }
}

fn by_name(column: &SampleColumn, plan: &mut Plan) {
    plan.pairs.push(Pair {
        to: column.name.clone(),
        from: vec![column.name.clone()],
        why: Why::SameName,
        lines: Vec::new(),
        decide: None,
        note: None,
    });
}

fn places(target: &Schema) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    let fields = target.fields.iter().chain(&target.unlisted).filter(|field| !field.read_only);
    for field in fields {
        let modifiers: &[String] = if field.modifiers.is_empty() { &[] } else { &field.modifiers };
        let bare = [String::new()];
        for modifier in if modifiers.is_empty() { &bare[..] } else { modifiers } {
            let at =
                if modifier.is_empty() { field.name.clone() } else { format!("{}[{modifier}]", field.name) };
            let used = used(modifier);
            let mut add = |written: String, concept: Option<Meaning>| {
                let several = field.several && field.parts.is_empty();
                places.push(Place { written, field, meaning: concept, several });
            };
            if field.parts.is_empty() {
                let own = meaning(&field.name).map(|found| Meaning { used, ..found });
                let special = match fold(modifier).as_str() {
                    "mobile" => Some(Meaning { concept: "mobile", used: "" }),
                    text if text.contains("fax") => Some(Meaning { concept: "fax", used }),
                    _ => own,
                };
                add(at, special);
            } else {
                for part in &field.parts {
                    add(format!("{at}.{part}"), meaning(part).map(|found| Meaning { used, ..found }));
                }
            }
        }
    }
    places
}

/// A service without modifiers does not say which of its fields hold several values, and refuses one value where it
/// wants a list: those that usually do are written as lists.
fn holds_lists(place: &Place<'_>, target: &Schema) -> bool {
    let usual = ["email", "phone", "mobile", "tags"];
    !target.has_modifiers && place.meaning.is_some_and(|found| usual.contains(&found.concept))
}

/// The best place for a column.
fn best(column: &SampleColumn, places: &[Place<'_>]) -> Option<(usize, Why)> {
    let at = |is: &dyn Fn(&Place<'_>) -> bool| places.iter().position(is);
    if let Some(at) = at(&|place| place.written == column.name) {
        return Some((at, Why::SameName));
    }
    let folded = fold(&column.name);
    if let Some(at) = at(&|place| fold(&place.written) == folded) {
        return Some((at, Why::SameLetters));
    }
    if let Some(meant) = meaning(&column.name) {
        let why = || Why::Means(english(meant.concept).to_owned());
        if let Some(at) = by_meaning(meant, places) {
            return Some((at, why()));
        }
        // A mobile is a telephone where there is no better place.
        if meant.concept == "mobile" {
            let phone = Meaning { concept: "phone", ..meant };
            return by_meaning(phone, places).map(|at| (at, why()));
        }
        return None;
    }
    let (concept, looks) = match content(&column.values)? {
        Content::Email => ("email", "e-mail addresses"),
        Content::Phone => ("phone", "telephone numbers"),
        Content::Url => ("website", "web addresses"),
        Content::Country => ("country", "countries"),
    };
    by_meaning(Meaning { concept, used: "" }, places).map(|at| (at, Why::Looks(looks)))
}

fn by_meaning(meant: Meaning, places: &[Place<'_>]) -> Option<usize> {
    let fits = |place: &&Place<'_>| place.meaning.is_some_and(|found| found.concept == meant.concept);
    let rank = |place: &Place<'_>| {
        let used = place.meaning.map_or("", |found| found.used);
        let wanted = if meant.used.is_empty() || meant.used == "main" { "work" } else { meant.used };
        let order = match used {
            used if used == meant.used => 0,
            used if used == wanted => 1,
            "" => 2,
            "work" => 3,
            _ => 4,
        };
        (!PREFERRED.contains(&place.written.as_str()), order)
    };
    let mut found: Vec<(usize, &Place<'_>)> =
        places.iter().enumerate().filter(|(_, place)| fits(place)).collect();
    found.sort_by_key(|(at, place)| (rank(place), *at));
    found.first().map(|(at, _)| *at)
}

fn english(concept: &str) -> &str {
    match concept {
        "first" => "first name",
        "middle" => "middle name",
        "last" => "last name",
        "zip" => "postal code",
        "email" => "e-mail",
        "title" => "job title",
        "id" => "id of the record elsewhere",
        other => other,
    }
}

/// Operations that fit a pair's meaning and values, and what is left to decide.
fn finish(
    pair: &mut Pair,
    place: &Place<'_>,
    lists: bool,
    samples: &Samples,
    country_column: Option<&str>,
    customs: &Customs,
) {
    let concept = place.meaning.map_or("", |found| found.concept);
    let columns: Vec<_> = samples.columns.iter().filter(|one| pair.from.contains(&one.name)).collect();
    let values: Vec<String> = columns.iter().flat_map(|column| column.values.iter().cloned()).collect();
    let mut steps: Vec<String> = Vec::new();
    let is_email = |text: &str| email::apply(text, email::Part::Address).is_ok();
    let between = match concept {
        "email" => separator(&values, is_email),
        "phone" | "mobile" => {
            separator(&values, |text| text.chars().filter(char::is_ascii_digit).count() > 5)
        }
        "tags" => separator(&values, |text| text.chars().count() < 40),
        _ => None,
    };
    match (between, samples.separator) {
        (Some(found), Some(own)) if found == own => pair.lines.push("multi = true".to_owned()),
        (Some(found), _) => {
            if !place.several {
                pair.lines.push("take = \"all\"".to_owned());
            }
            steps.push(format!("{{ split = {{ on = \"{found}\" }} }}"));
        }
        (None, _) if lists || pair.from.len() > 1 || columns.iter().any(|column| column.several) => {
            pair.lines.push("take = \"all\"".to_owned());
        }
        (None, _) => {}
    }
    match concept {
        "email" => {
            steps.push("\"email\"".to_owned());
            let bad = values.iter().filter(|value| between.is_none() && !is_email(value)).count();
            if bad > 0 {
                pair.note = Some(format!(
                    "{bad} of {} values looked at are no e-mail address: their rows would be rejected",
                    values.len()
                ));
            }
        }
        "phone" | "mobile" | "fax" => phone(pair, &mut steps, &values, country_column),
        "country" => {
            let form = customs.country.unwrap_or("name");
            steps.push(format!("{{ country = \"{form}\" }}"));
            // A name that no table knows is still a name; a code is not.
            if form == "name" && values.iter().any(|value| country::alpha2(value).is_err()) {
                pair.lines.push("on_error = \"keep\"".to_owned());
            }
        }
        "birthday" => day(pair, &mut steps, &values, customs),
        _ => {}
    }
    choices(pair, place, &values, &mut steps);
    if !steps.is_empty() {
        pair.lines.push(format!("do = [{}]", steps.join(", ")));
    }
}

fn phone(pair: &mut Pair, steps: &mut Vec<String>, values: &[String], country_column: Option<&str>) {
    let international = !values.is_empty() && values.iter().all(|value| value.starts_with(['+', '(']));
    match country_column {
        Some(column) if !international => {
            let column = super::text::quoted(column);
            steps.push(format!("{{ phone = {{ format = \"international\", region_from = {column} }} }}"));
        }
        _ => {
            steps.push("{ phone = { format = \"international\" } }".to_owned());
            if !international {
                pair.note = Some(
                    "add `region = \"..\"`: without it, numbers that have no country code stay as they are"
                        .to_owned(),
                );
            }
        }
    }
    pair.lines.push("on_error = \"keep\"".to_owned());
}

fn day(pair: &mut Pair, steps: &mut Vec<String>, values: &[String], customs: &Customs) {
    let to = customs.day.map(|format| format!("to = \"{format}\"")).unwrap_or_default();
    let step = |from: &str| {
        let arguments: Vec<_> = [from, &to].into_iter().filter(|text| !text.is_empty()).collect();
        match arguments.is_empty() {
            true => "\"date\"".to_owned(),
            false => format!("{{ date = {{ {} }} }}", arguments.join(", ")),
        }
    };
    match days(values) {
        Days::Certain(formats) => {
            let list: Vec<_> = formats.iter().map(|format| format!("\"{format}\"")).collect();
            let from = if list.is_empty() { String::new() } else { format!("from = [{}]", list.join(", ")) };
            steps.push(step(&from));
        }
        Days::Open(formats) => {
            let sample = values.first().map(String::as_str).unwrap_or_default();
            pair.decide = Some(format!("is `{}` day or month first? keep one of the formats", sample.trim()));
            let list: Vec<_> = formats.iter().map(|format| format!("\"{format}\"")).collect();
            steps.push(step(&format!("from = [{}]", list.join(", "))));
        }
        Days::None if values.is_empty() => steps.push(step("")),
        Days::None => {
            pair.decide = Some("say how its days are written".to_owned());
            steps.push(step("from = [\"%d.%m.%Y\"]"));
        }
    }
}

/// Values that are none of the target's choices have to be looked up.
fn choices(pair: &mut Pair, place: &Place<'_>, values: &[String], steps: &mut Vec<String>) {
    let known = |value: &String| {
        let same = |(id, label): &(String, String)| id == value || label.eq_ignore_ascii_case(value);
        place.field.choices.iter().any(same)
    };
    let mut other: Vec<&String> = values.iter().filter(|value| !known(value)).collect();
    if place.field.choices.is_empty() || other.is_empty() {
        return;
    }
    other.sort();
    other.dedup();
    let labels: Vec<_> = place.field.choices.iter().map(|(_, label)| label.as_str()).collect();
    pair.decide = Some(format!("what do these values mean there? its choices are {}", labels.join(", ")));
    let rows: Vec<_> =
        other.iter().take(8).map(|value| format!("{} = \"\"", super::text::quoted(value))).collect();
    steps.push(format!("{{ lookup = {{ table = {{ {} }}, else = \"keep\" }} }}", rows.join(", ")));
}

/// Names that are whole on one side and in parts on the other.
fn person_names(columns: &[&SampleColumn], places: &[Place<'_>], plan: &mut Plan) {
    let place = |concept: &str| {
        places.iter().find(|place| place.meaning.is_some_and(|found| found.concept == concept))
    };
    let taken = |plan: &Plan, to: &str| plan.pairs.iter().any(|pair| pair.to == to);
    let order = ["first", "middle", "last"];
    let mut parts: Vec<(usize, &str)> = Vec::new();
    for column in columns {
        let concept = meaning(&column.name).map_or("", |found| found.concept);
        match order.iter().position(|part| *part == concept) {
            Some(at) => parts.push((at, &column.name)),
            None => whole_name(column, &place, plan),
        }
    }
    parts.sort_unstable();
    let names: Vec<String> = parts.iter().map(|(_, name)| (*name).to_owned()).collect();
    match place("name").filter(|place| !names.is_empty() && !taken(plan, &place.written)) {
        Some(place) => plan.pairs.insert(
            0,
            Pair {
                to: place.written.clone(),
                from: names,
                why: Why::Means("parts of the name".to_owned()),
                lines: vec!["join = \" \"".to_owned()],
                decide: None,
                note: None,
            },
        ),
        None => plan.left.extend(names.into_iter().map(|name| (name, None))),
    }
}

fn whole_name<'p, 'a: 'p>(
    column: &SampleColumn,
    place: &dyn Fn(&str) -> Option<&'p Place<'a>>,
    plan: &mut Plan,
) {
    let (Some(first), Some(last)) = (place("first"), place("last")) else {
        plan.left.push((column.name.clone(), None));
        return;
    };
    let mut found = false;
    for (place, part) in [(first, "given"), (last, "family")] {
        if plan.pairs.iter().any(|pair| pair.to == place.written) {
            continue;
        }
        found = true;
        plan.pairs.push(Pair {
            to: place.written.clone(),
            from: vec![column.name.clone()],
            why: Why::Means("whole name".to_owned()),
            lines: vec![format!("do = [{{ name = \"{part}\" }}]")],
            decide: None,
            note: None,
        });
    }
    if !found {
        plan.left
            .push((column.name.clone(), Some("the parts of the name have columns of their own".to_owned())));
    }
}

/// What identifies a record: its id elsewhere if every record has one of its own, else its e-mail address.
fn key(samples: &Samples, places: &[Place<'_>], plan: &mut Plan) {
    let of = |concept: &str| {
        let mut pairs = plan.pairs.iter().filter(|pair| pair.decide.is_none());
        pairs.find_map(|pair| {
            let place = places.iter().find(|place| place.written == pair.to)?;
            place.meaning.is_some_and(|found| found.concept == concept).then_some((pair, place))
        })
    };
    let values = |pair: &Pair| -> Vec<&String> {
        samples
            .columns
            .iter()
            .filter(|one| pair.from.contains(&one.name))
            .flat_map(|one| &one.values)
            .collect()
    };
    if let Some((pair, place)) = of("id") {
        let mut values = values(pair);
        let all = values.len();
        values.sort();
        values.dedup();
        if all > 0 && all == samples.records && values.len() == all {
            plan.key_note = "every row looked at has one of its own".to_owned();
            plan.key = vec![place.written.clone()];
            return;
        }
    }
    if let Some((pair, place)) = of("email") {
        let blank = samples.records.saturating_sub(values(pair).len());
        plan.key_note = match blank {
            0 => "the e-mail address".to_owned(),
            blank => format!("{blank} of {} rows looked at have none and would be rejected", samples.records),
        };
        plan.key = vec![place.field.name.clone()];
    }
}
