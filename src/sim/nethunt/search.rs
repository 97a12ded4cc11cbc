//! `find-record`: by id, or by the query language of the app's search box (sections 5 and 11 of the notes).
//!
//! Understood: `Field:value`, `"Field":"value"`, `Field=value` (a knob), bare text, and an empty value for
//! "has one"; `created:` and `id:` alone match everything. Matching is by substring, whatever the case, so
//! false hits happen here as they do at the service.

use serde_json::{Map, Value};

use super::Call;
use super::folders::Definition;
use super::knobs::NoMatch;
use super::refusal::Refused;
use super::store::Record;
use super::streams::{Cut, read_limit, select};
use super::triggers::{json_body, rows_of};
use super::values::instant;
use crate::sim::exchange::Reply;

/// The text of the service when it is asked for nothing.
pub(super) const NOTHING_ASKED: &str = "Please enter either Record ID or Search Query";

/// What a query looks for; needles are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Query {
    All,
    Exists(String),
    Field(String, String),
    Created(String),
    Id(String),
    Text(String),
}

impl Call<'_> {
    /// `GET /searches/find-record/{folder}`.
    pub(super) fn find_record(&mut self, folder: &str) -> Result<Reply, Refused> {
        let folder = self.folder(folder)?;
        let limit = read_limit(self.request)?.unwrap_or(1);
        let record_id = self.request.param("recordId").filter(|id| !id.is_empty());
        let query = self.request.param("query").filter(|query| !query.is_empty());
        let hits = match (record_id, query) {
            (Some(id), _) => self.by_id(folder, id),
            (None, Some(query)) => self.by_query(folder, query, limit),
            (None, None) => return Err(Refused::bad(NOTHING_ASKED)),
        };
        if hits.is_empty() && self.knobs.no_match == NoMatch::NotFound {
            return Err(Refused::new(404, "Record not found"));
        }
        Ok(json_body(rows_of(self.store, &hits)))
    }

    fn by_id(&self, folder: usize, id: &str) -> Vec<usize> {
        let found = self.store.find(id);
        let here =
            |at: &usize| self.store.records[*at].as_ref().is_some_and(|record| record.folder == folder);
        found.filter(here).into_iter().collect()
    }

    fn by_query(&mut self, folder: usize, query: &str, limit: usize) -> Vec<usize> {
        let query = parse(query, &self.store.folders[folder].definition, self.knobs.equals_query);
        if matches!(query, Query::Field(..) | Query::Text(_)) {
            self.fill_haystacks(folder);
        }
        let (now_ms, lag_ms) = (self.now_ms, self.knobs.index_lag_ms);
        let records = &self.store.records;
        let rows = self.store.folders[folder].created.iter().copied().filter(|row| {
            records[row.1].as_ref().is_some_and(|record| matches_now(&query, record, now_ms, lag_ms))
        });
        let cap = Cut { rows: self.knobs.witness_cap, anchor: self.knobs.witness_anchor };
        let hits = select(rows, cap, Some(limit), "find-record", self.knobs, self.dice);
        hits.into_iter().map(|row| row.1).collect()
    }

    fn fill_haystacks(&mut self, folder: usize) {
        for record in self.store.records.iter_mut().flatten() {
            if record.folder == folder && record.haystack.is_none() {
                record.haystack = Some(haystack(&record.fields));
            }
        }
    }
}

/// Whether the index, which may lag behind, finds the record.
fn matches_now(query: &Query, record: &Record, now_ms: i64, lag_ms: i64) -> bool {
    if lag_ms > 0 && record.written_ms.saturating_add(lag_ms) > now_ms {
        return false;
    }
    match &record.superseded {
        Some((updated_ms, before)) if updated_ms + lag_ms > now_ms => {
            matches(query, record, before, &haystack(before))
        }
        _ => matches(query, record, &record.fields, record.haystack.as_deref().unwrap_or_default()),
    }
}

fn matches(query: &Query, record: &Record, fields: &Map<String, Value>, haystack: &str) -> bool {
    match query {
        Query::All => true,
        Query::Exists(field) => fields.contains_key(field),
        Query::Created(needle) => instant(record.created_ms).to_lowercase().contains(needle),
        Query::Id(needle) => record.id.contains(needle),
        Query::Text(needle) => haystack.contains(needle),
        Query::Field(field, needle) => {
            // Most records are ruled out by one look at all their values.
            haystack.contains(needle) && fields.get(field).is_some_and(|value| holds(value, needle))
        }
    }
}

fn holds(value: &Value, needle: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| holds(item, needle)),
        Value::String(text) => text.to_lowercase().contains(needle),
        other => other.to_string().contains(needle),
    }
}

fn haystack(fields: &Map<String, Value>) -> String {
    let mut all = String::new();
    fields.values().for_each(|value| append(value, &mut all));
    all
}

fn append(value: &Value, all: &mut String) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| append(item, all)),
        Value::String(text) => all.push_str(&text.to_lowercase()),
        other => all.push_str(&other.to_string()),
    }
    // Keeps a needle from matching across two values.
    all.push('\u{1}');
}

fn parse(query: &str, folder: &Definition, equals: bool) -> Query {
    let query = query.trim();
    let is_separator = |letter: char| letter == ':' || (equals && letter == '=');
    let (name, rest) = match query.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some((name, rest)) => (name, rest.trim_start()),
        None => match query.find(is_separator) {
            Some(at) => (query[..at].trim(), &query[at..]),
            None => return text(query),
        },
    };
    if rest.is_empty() {
        return text(name);
    }
    let Some(value) = rest.strip_prefix(is_separator) else { return text(query) };
    let needle = unquoted(value).to_lowercase();
    match (folder.field(name).is_some(), name, needle.is_empty()) {
        (true, _, true) => Query::Exists(name.to_owned()),
        (true, _, false) => Query::Field(name.to_owned(), needle),
        (false, "created" | "id", true) => Query::All,
        (false, "created", false) => Query::Created(needle),
        (false, "id", false) => Query::Id(needle),
        (false, ..) => text(query),
    }
}

fn text(needle: &str) -> Query {
    let needle = unquoted(needle).to_lowercase();
    if needle.is_empty() { Query::All } else { Query::Text(needle) }
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::folders::at_start;
    use super::*;

    #[test]
    fn the_query_language_is_read() {
        let contacts = at_start().remove(0);
        let field = |name: &str, needle: &str| Query::Field(name.to_owned(), needle.to_owned());
        let cases = [
            ("Name:Doe", field("Name", "doe")),
            ("Name: Doe ", field("Name", "doe")),
            ("\"Country of birth\":\"GB\"", field("Country of birth", "gb")),
            ("Country of birth:GB", field("Country of birth", "gb")),
            ("\"External ID\":\"a:b=c\"", field("External ID", "a:b=c")),
            ("Name=Ada", field("Name", "ada")),
            ("Site=https://a.example/?b=c", field("Site", "https://a.example/?b=c")),
            ("Name:", Query::Exists("Name".to_owned())),
            ("Name:\"\"", Query::Exists("Name".to_owned())),
            ("created:", Query::All),
            ("id:", Query::All),
            ("created=today", Query::Created("today".to_owned())),
            ("id:6067", Query::Id("6067".to_owned())),
            ("+380", Query::Text("+380".to_owned())),
            ("\"Ada Byron\"", Query::Text("ada byron".to_owned())),
            ("name:Doe", Query::Text("name:doe".to_owned())),
            ("https://a.example", Query::Text("https://a.example".to_owned())),
        ];
        for (query, expected) in cases {
            assert_eq!(parse(query, &contacts, true), expected, "{query}");
        }
        assert_eq!(parse("Name=Ada", &contacts, false), Query::Text("name=ada".to_owned()));
    }

    #[test]
    fn values_are_searched_one_by_one_whatever_the_case() {
        let fields = json!({"Name": "Ånna Łąka", "Tags": ["Red", "Blue"], "Score": 12.5, "VIP": true});
        let haystack = haystack(fields.as_object().unwrap());
        for needle in ["ånna ł", "red", "12.5", "true"] {
            assert!(haystack.contains(needle), "{needle}");
        }
        assert!(!haystack.contains("redblue"));
        assert!(holds(&fields["Tags"], "lu") && !holds(&fields["Name"], "red"));
    }
}
