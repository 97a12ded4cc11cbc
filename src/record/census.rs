//! What the records of a stream were seen to hold: kept in the checkpoint while an extract runs, and asked
//! afterwards which columns a file needs and what JSON type an unmapped import's cell takes (design section 6).

use super::{Record, canonical, instant, is_empty};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Counts over all records read, by field and modifier. Mergeable, so that pages are counted in parallel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Records counted.
    pub records: u64,
    /// Field name → modifier → what was seen there.
    pub fields: BTreeMap<String, BTreeMap<String, Tally>>,
    /// Whether some `_created` or `_updated` could not be read as a time.
    pub odd_times: bool,
}

/// What was seen under one field and modifier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records in which it is not empty.
    pub filled: u64,
    /// The most values that one record held.
    pub most: u64,
    /// Some record held a list.
    pub list: bool,
    /// Some value was text.
    pub text: bool,
    /// How many values were.
    #[serde(default)]
    pub texts: u64,
    /// How many of those were an e-mail address.
    #[serde(default)]
    pub addresses: u64,
    /// How many of those stood in angle brackets, with a name before them or without.
    #[serde(default)]
    pub bracketed: u64,
    /// How many of those had no name.
    #[serde(default)]
    pub nameless: u64,
    /// How many were a time of the universal zone: `2023-07-13T13:46:24.113Z`.
    #[serde(default)]
    pub instants: u64,
    /// Some value was a number.
    pub number: bool,
    /// Some number's literal does not survive being a 64-bit float.
    pub long_number: bool,
    /// Some value was a boolean.
    pub boolean: bool,
    /// Some value was an object or a nested list.
    pub nested: bool,
    /// Parts seen in structured values.
    pub parts: BTreeSet<String>,
    /// A few values, as text, for `ferry discover`.
    pub examples: Vec<String>,
}

/// How many examples a tally keeps.
const EXAMPLES: usize = 3;

impl Census {
    /// Counts one record.
    pub fn add(&mut self, record: &Record) {
        self.records += 1;
        for time in [&record.created, &record.updated].into_iter().flatten() {
            self.odd_times |= !time.is_empty() && instant::parse(time).is_none();
        }
        for field in &record.fields {
            if !self.fields.contains_key(&field.name) {
                self.fields.insert(field.name.clone(), BTreeMap::new());
            }
            let Some(by_modifier) = self.fields.get_mut(&field.name) else { continue };
            if field.entries.is_empty() {
                tally(by_modifier, "").list |= field.list;
            }
            for (index, entry) in field.entries.iter().enumerate() {
                let tally = tally(by_modifier, &entry.modifier);
                tally.list |= field.list;
                tally.see(&entry.value);
                let same =
                    |other: &&super::Entry| other.modifier == entry.modifier && !is_empty(&other.value);
                let before = field.entries[..index].iter().filter(same).count();
                if before == 0 && !is_empty(&entry.value) {
                    tally.filled += 1;
                    let after = field.entries[index..].iter().filter(same).count();
                    tally.most = tally.most.max(after as u64);
                }
            }
        }
    }

    /// Adds the counts of another census.
    pub fn merge(&mut self, other: Census) {
        self.records += other.records;
        self.odd_times |= other.odd_times;
        for (name, by_modifier) in other.fields {
            let mine = self.fields.entry(name).or_default();
            for (modifier, seen) in by_modifier {
                match mine.entry(modifier) {
                    std::collections::btree_map::Entry::Vacant(place) => drop(place.insert(seen)),
                    std::collections::btree_map::Entry::Occupied(mut place) => place.get_mut().merge(seen),
                }
            }
        }
    }

    /// What was seen under a field and modifier.
    #[must_use]
    pub fn tally(&self, name: &str, modifier: &str) -> Option<&Tally> {
        self.fields.get(name)?.get(modifier)
    }
}

impl Tally {
    /// The one JSON type of all values: `Some("number")`, `Some("bool")`, or `None` for text and mixtures.
    #[must_use]
    pub fn json_type(&self) -> Option<super::schema::Kind> {
        use super::schema::Kind;
        match (self.text || self.nested, self.number, self.boolean) {
            (false, true, false) => Some(Kind::Number),
            (false, false, true) => Some(Kind::Bool),
            _ => None,
        }
    }

    fn see(&mut self, value: &Value) {
        match value {
            Value::Null => {}
            Value::String(text) => self.see_text(text.trim()),
            Value::Bool(_) => self.boolean = true,
            Value::Number(number) => {
                self.number = true;
                self.long_number |= !survives_as_double(&number.to_string());
            }
            Value::Array(_) => self.nested = true,
            Value::Object(parts) => {
                self.nested = true;
                for part in parts.keys() {
                    if !self.parts.contains(part) {
                        self.parts.insert(part.clone());
                    }
                }
            }
        }
        if self.examples.len() < EXAMPLES && !is_empty(value) {
            let text: String = super::to_text(value).chars().take(60).collect();
            if !self.examples.contains(&text) {
                self.examples.push(text);
            }
        }
    }

    fn see_text(&mut self, text: &str) {
        self.text = true;
        if text.is_empty() {
            return;
        }
        self.texts += 1;
        if text.contains('@') && canonical::email_address(text).is_some() {
            let bracketed = text.ends_with('>');
            self.addresses += 1;
            self.bracketed += u64::from(bracketed);
            self.nameless += u64::from(bracketed && text.starts_with('<'));
        }
        let bytes = text.as_bytes();
        self.instants += u64::from(bytes.len() >= 17 && bytes[10] == b'T' && text.ends_with('Z'));
    }

    fn merge(&mut self, other: Tally) {
        self.texts += other.texts;
        self.addresses += other.addresses;
        self.bracketed += other.bracketed;
        self.nameless += other.nameless;
        self.instants += other.instants;
        self.filled += other.filled;
        self.most = self.most.max(other.most);
        self.list |= other.list;
        self.text |= other.text;
        self.number |= other.number;
        self.long_number |= other.long_number;
        self.boolean |= other.boolean;
        self.nested |= other.nested;
        self.parts.extend(other.parts);
        for example in other.examples {
            if self.examples.len() < EXAMPLES && !self.examples.contains(&example) {
                self.examples.push(example);
            }
        }
    }
}

/// Whether a number's literal comes back unchanged after being a 64-bit float.
#[must_use]
pub fn survives_as_double(literal: &str) -> bool {
    literal.parse::<f64>().is_ok_and(|number| double_literal(number) == literal)
}

/// The literal that a 64-bit float of a file is read back as: whole numbers without a fraction.
#[must_use]
pub fn double_literal(number: f64) -> String {
    format!("{number}")
}

fn tally<'a>(by_modifier: &'a mut BTreeMap<String, Tally>, modifier: &str) -> &'a mut Tally {
    if !by_modifier.contains_key(modifier) {
        by_modifier.insert(modifier.to_owned(), Tally::default());
    }
    by_modifier.get_mut(modifier).expect("it was inserted above")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Entry, Field};
    use serde_json::json;

    #[test]
    fn literals_that_a_double_would_change_are_known() {
        for literal in ["0", "1", "12.5", "4000", "0.1", "-3"] {
            assert!(survives_as_double(literal), "{literal}");
        }
        for literal in ["1.0", "1e3", "12345678901234567890", "0.10", "-0.0"] {
            assert!(!survives_as_double(literal), "{literal}");
        }
    }

    #[test]
    fn what_texts_look_like_is_counted() {
        let mut tally = Tally::default();
        for text in
            ["<a@b.org>", "Ada <a@b.org> ", "a@b.org", "", "2023-07-13T13:46:24.113Z", "2023-07-13", "<x>"]
        {
            tally.see(&json!(text));
        }
        let mut twice = tally.clone();
        twice.merge(tally.clone());
        let counts =
            |tally: &Tally| [tally.texts, tally.addresses, tally.bracketed, tally.nameless, tally.instants];
        assert_eq!((counts(&tally), counts(&twice)), ([6, 3, 2, 1, 1], [12, 6, 4, 2, 2]));
    }

    #[test]
    fn a_census_counts_values_by_modifier_and_merges() {
        let entry = |modifier: &str, value: &str| Entry { modifier: modifier.into(), value: json!(value) };
        let record = Record {
            fields: vec![Field {
                name: "phone".into(),
                entries: vec![entry("work", "1"), entry("work", "2"), entry("home", "")],
                list: true,
            }],
            ..Record::default()
        };
        let mut census = Census::default();
        census.add(&record);
        let mut twice = census.clone();
        twice.merge(census.clone());
        assert_eq!(census.tally("phone", "work").unwrap().most, 2);
        assert_eq!(twice.tally("phone", "work").unwrap().filled, 2);
        assert_eq!(twice.tally("phone", "home").unwrap().filled, 0);
    }
}
