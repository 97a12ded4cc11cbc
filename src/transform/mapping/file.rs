//! A mapping file's TOML, walked with the place of every key and value, so that all that is wrong with it is
//! said at once: line, column, and the nearest name.

use super::check::{Finding, Severity, as_error};
use crate::error::{Error, nearest};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Stands for the place of a key that was given on the command line.
pub(super) const COMMAND_LINE: usize = usize::MAX;

/// A text of the file and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    /// Byte offset in the file.
    pub(super) at: usize,
}

/// What is wrong with a file, in the order of its lines.
#[derive(Debug)]
pub(super) struct Findings<'t> {
    name: &'t str,
    text: &'t str,
    list: Vec<(usize, String, Option<String>)>,
}

impl<'t> Findings<'t> {
    pub(super) fn new(name: &'t str, text: &'t str) -> Self {
        Self { name, text, list: Vec::new() }
    }

    pub(super) fn add(&mut self, at: usize, what: impl Into<String>, hint: Option<String>) {
        self.list.push((at, what.into(), hint));
    }

    /// A finding about a name that is none of those known.
    pub(super) fn unknown<'n>(
        &mut self,
        at: usize,
        what: &str,
        written: &str,
        known: impl IntoIterator<Item = &'n str> + Clone,
    ) {
        let hint = match nearest(written, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known.into_iter().collect::<Vec<_>>().join(", ")),
        };
        self.add(at, format!("unknown {what} `{written}`"), Some(hint));
    }

    pub(super) fn line(&self, at: usize) -> usize {
        line(self.text, at)
    }

    /// Everything found so far, in the order of the lines, each once.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        let mut list = std::mem::take(&mut self.list);
        list.sort_by_key(|(at, ..)| *at);
        list.dedup();
        list.into_iter().map(|(at, what, hint)| self.finding(Severity::Error, at, what, hint)).collect()
    }

    /// A finding at a place of the file.
    pub(super) fn finding(
        &self,
        severity: Severity,
        at: usize,
        what: String,
        hint: Option<String>,
    ) -> Finding {
        let place = (at != COMMAND_LINE).then(|| {
            let at = self.text.floor_char_boundary(at);
            let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            (line(self.text, at), self.text[start..at].chars().count() + 1)
        });
        Finding { severity, file: self.name.to_owned(), place, what, hint }
    }

    /// Fails with everything found: one finding with its hint as the error's, several one a line.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        match self.take().as_slice() {
            [] => Ok(()),
            findings => Err(as_error(findings)),
        }
    }
}

/// The line, from 1, of a byte offset.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// A TOML table, what it is called in messages, and where it stands.
pub(super) struct Table<'d> {
    pub(super) of: String,
    pub(super) at: usize,
    entries: Vec<(&'d str, usize, &'d Spanned<DeValue<'d>>)>,
    /// What the only key is called in messages, where it is not written.
    unwritten: Option<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) fn new(of: impl Into<String>, at: usize, table: &'d DeTable<'d>) -> Self {
        let entries = table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|(_, at, _)| *at);
        Self { of: of.into(), at, entries, unwritten: None }
    }

    /// A table without keys, as of an operation that stands by its name alone.
    pub(super) fn without_keys(of: impl Into<String>, at: usize) -> Self {
        Self { of: of.into(), at, entries: Vec::new(), unwritten: None }
    }

    /// A table of one key that is not written: `{ prefix = "a" }` is `{ prefix = { text = "a" } }`. Messages
    /// call the key `name`.
    pub(super) fn of_one(
        of: impl Into<String>,
        name: &'static str,
        key: &'static str,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Self {
        let at = value.span().start;
        Self { of: of.into(), at, entries: vec![(key, at, value)], unwritten: Some(name) }
    }

    /// What a key is called in messages.
    fn called<'k>(&self, key: &'k str) -> &'k str {
        self.unwritten.unwrap_or(key)
    }

    /// The table that a value is, if it is one.
    pub(super) fn of_value(
        of: impl Into<String>,
        value: &'d Spanned<DeValue<'d>>,
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        let of = of.into();
        match value.get_ref().as_table() {
            Some(table) => Some(Self::new(of, value.span().start, table)),
            None => {
                findings.add(
                    value.span().start,
                    format!("{of} is a table, such as {{ key = \"..\" }}"),
                    None,
                );
                None
            }
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&'d str, usize, &'d Spanned<DeValue<'d>>)> + '_ {
        self.entries.iter().copied()
    }

    pub(super) fn only(&self, known: &[&str], findings: &mut Findings<'_>) {
        for (key, at, _) in &self.entries {
            if !known.contains(key) {
                findings.unknown(*at, &format!("key of {}", self.of), key, known.iter().copied());
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.entries.iter().find(|(name, ..)| *name == key).map(|(_, _, value)| *value)
    }

    pub(super) fn text(&self, key: &str, findings: &mut Findings<'_>) -> Option<Written> {
        let value = self.get(key)?;
        let found = written(value);
        if found.is_none() {
            findings.add(value.span().start, format!("`{}` is a text in quotes", self.called(key)), None);
        }
        found
    }

    /// A text or a list of texts; not empty.
    pub(super) fn texts(&self, key: &str, findings: &mut Findings<'_>) -> Option<Vec<Written>> {
        let value = self.get(key)?;
        let found = match value.get_ref().as_array() {
            Some(items) if !items.is_empty() => items.iter().map(written).collect(),
            Some(_) => None,
            None => written(value).map(|text| vec![text]),
        };
        if found.is_none() {
            let what = format!("`{}` is a text or a list of texts", self.called(key));
            findings.add(value.span().start, what, None);
        }
        found
    }

    pub(super) fn flag(&self, key: &str, findings: &mut Findings<'_>) -> Option<bool> {
        let value = self.get(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            findings.add(value.span().start, format!("`{key}` is true or false"), None);
        }
        found
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
        findings: &mut Findings<'_>,
    ) -> Option<T> {
        let text = self.text(key, findings)?;
        choose(self.called(key), &text, choices, findings)
    }

    pub(super) fn whole(&self, key: &str, findings: &mut Findings<'_>) -> Option<i64> {
        let value = self.get(key)?;
        let found = whole(value);
        if found.is_none() {
            findings.add(value.span().start, format!("`{}` is a whole number", self.called(key)), None);
        }
        found
    }

    /// A text, number or boolean, or a list of them.
    pub(super) fn values(&self, key: &str, findings: &mut Findings<'_>) -> Option<Vec<Value>> {
        values(key, self.get(key)?, findings)
    }
}

/// The choice that a text names.
pub(super) fn choose<T: Copy>(
    of: &str,
    text: &Written,
    choices: &[(&str, T)],
    findings: &mut Findings<'_>,
) -> Option<T> {
    let found = choices.iter().find(|(word, _)| *word == text.text).map(|(_, choice)| *choice);
    if found.is_none() {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        findings.unknown(text.at, &format!("value of `{of}`"), &text.text, words);
    }
    found
}

/// A value that is a text.
pub(super) fn written(value: &Spanned<DeValue<'_>>) -> Option<Written> {
    Some(Written { text: value.get_ref().as_str()?.to_owned(), at: value.span().start })
}

/// A whole number.
pub(super) fn whole(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    let integer = value.get_ref().as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A text, number, boolean or date as JSON, or a list of them.
pub(super) fn values(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    findings: &mut Findings<'_>,
) -> Option<Vec<Value>> {
    let found = match value.get_ref().as_array() {
        Some(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>(),
        None => scalar(value).map(|value| vec![value]),
    };
    if found.is_none() {
        findings.add(
            value.span().start,
            format!("`{key}` is a text, a number, true, false, or a list of them"),
            None,
        );
    }
    found
}

fn scalar(value: &Spanned<DeValue<'_>>) -> Option<Value> {
    match value.get_ref() {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Integer(_) => whole(value).map(Value::from),
        DeValue::Float(float) => serde_json::from_str(float.as_str().trim_start_matches('+')).ok(),
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::Datetime(time) => Some(Value::from(time.to_string())),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
