//! What is wanted of a folder's streams: which ways of selecting go together, and which rows they admit. Pure.
//!
//! The service filters little and searches loosely, so what can be checked on this side is checked here: times,
//! the record that a row belongs to, the value that a search was for (NetHunt facts, sections 5 and 6).

use super::decode::{Decoder, KIND};
use super::rows::Row;
use super::stream::Stream;
use crate::error::{Error, Result, nearest};
use crate::extract::{Decode, Selection};
use crate::record::schema::Schema;
use crate::record::{Record, canonical, escape_name, service_name, to_text};

/// How records are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// All of them, with proof.
    Whole,
    /// What changed since a time, in Unix milliseconds.
    Since(i64),
    /// The hits of a search, at most so many.
    Find(String, Option<u64>),
    /// One record, by its id.
    One(String),
    /// Some of them.
    Sample(u64),
}

/// Which rows of an answer are wanted. The default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Only {
    /// Those whose time is not before this, in Unix milliseconds.
    pub since: Option<i64>,
    /// Those that belong to this record.
    pub record: Option<String>,
    /// Changes of these fields, by the service's names.
    pub fields: Vec<String>,
    /// Records in which one of these columns is filled.
    pub filled: Vec<String>,
    /// Records that hold what a search was for.
    pub term: Option<Term>,
}

/// A search for a value in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    column: String,
    wanted: String,
}

/// How the records of a folder are read.
///
/// # Errors
/// When what is asked for does not go together, or NetHunt cannot do it (class `Input`).
pub(super) fn way(selection: &Selection) -> Result<Way> {
    refuse_what_nethunt_lacks(selection)?;
    if let Some(kind) = selection.kind.as_deref().filter(|kind| *kind != KIND) {
        return Err(Error::input(format!("NetHunt has no records of type `{kind}`"))
            .hint("all of its records are of type `record`"));
    }
    alone(selection)?;
    if !selection.changed_fields.is_empty() && selection.since.is_none() {
        return Err(Error::input("--changed-field needs `--since`")
            .hint("say since when the field was changed, such as `--since 2026-11-01`"));
    }
    Ok(match (&selection.find, &selection.record, selection.since, selection.limit) {
        (Some(query), ..) => Way::Find(query.clone(), selection.limit),
        (_, Some(id), ..) => Way::One(id.trim().to_owned()),
        (_, _, Some(since), _) => Way::Since(since.as_millisecond()),
        (.., Some(limit)) => Way::Sample(limit),
        _ => Way::Whole,
    })
}

/// Which rows of a child stream are wanted, and how many at most.
///
/// # Errors
/// As [`way`].
pub(super) fn children(stream: Stream, selection: &Selection) -> Result<(Only, Option<u64>)> {
    refuse_what_nethunt_lacks(selection)?;
    let refused = |what: &str| Err(Error::input(format!("NetHunt's {} have no {what}", stream.plural())));
    if selection.kind.is_some() {
        return refused("types");
    }
    if selection.find.is_some() {
        return refused("search")
            .map_err(|error: Error| error.hint("`--record ID` takes those of one record"));
    }
    if selection.expect.is_some() {
        return refused("count in the web application that could be compared");
    }
    if !selection.changed_fields.is_empty() && stream != Stream::Changes {
        return refused("fields that are followed");
    }
    let filtered = selection.record.is_some() || selection.since.is_some();
    if selection.limit.is_some() && (filtered || !selection.changed_fields.is_empty()) {
        return Err(Error::input(
            "`--limit` takes a sample of all rows, and cannot be combined with a selection",
        ));
    }
    let only = Only {
        since: selection.since.map(|since| since.as_millisecond()),
        record: selection.record.as_deref().map(|id| id.trim().to_owned()),
        fields: selection.changed_fields.clone(),
        ..Only::default()
    };
    Ok((only, selection.limit))
}

/// Checks that fields are the folder's, and returns the service's names for them.
///
/// # Errors
/// When there is no such field (class `Input`), with the nearest.
pub(super) fn known_fields(schema: &Schema, names: &[String]) -> Result<Vec<String>> {
    let known = |name: &String| {
        let column = [name.clone(), escape_name(name)].into_iter().find(|name| schema.listed(name).is_some());
        if let Some(service) = column.as_deref().and_then(service_name) {
            return Ok(service.to_owned());
        }
        let error = Error::input(format!("--changed-field: {} has no field `{name}`", schema.of));
        Err(match nearest(name, schema.fields.iter().map(|field| field.name.as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        })
    };
    names.iter().map(known).collect()
}

fn refuse_what_nethunt_lacks(selection: &Selection) -> Result<()> {
    if selection.keyword.is_some() {
        return Err(Error::input("NetHunt has no search by keyword").hint("search with `--find`"));
    }
    if selection.query.is_some() {
        return Err(Error::input("NetHunt has no queries in JSON").hint("search with `--find`"));
    }
    if selection.sort.is_some() {
        return Err(Error::input("NetHunt lists records in an order of its own, so `--sort` cannot be had"));
    }
    Ok(())
}

/// Ways to select that exclude each other.
fn alone(selection: &Selection) -> Result<()> {
    let ways = [
        ("--find", selection.find.is_some()),
        ("--record", selection.record.is_some()),
        ("--since", selection.since.is_some()),
        ("--limit", selection.limit.is_some() && selection.find.is_none()),
        ("--expect-count", selection.expect.is_some()),
    ];
    let given: Vec<_> =
        ways.iter().filter(|(_, given)| *given).map(|(flag, _)| format!("`{flag}`")).collect();
    match &given[..] {
        [_, _, ..] => Err(Error::input(format!("{} cannot be combined at NetHunt", given.join(" and ")))
            .hint("ask for one of them, and filter the rest in a mapping (`[[filter]]`)")),
        _ => Ok(()),
    }
}

impl Only {
    /// Whether a row is wanted. What cannot be told apart is.
    pub(super) fn admits(&self, row: &Row) -> bool {
        let late = self.since.is_none_or(|since| row.at_ms.is_none_or(|at| at >= since));
        let of = self.record.as_ref().is_none_or(|record| row.of.as_ref() == Some(record));
        let field =
            self.fields.is_empty() || row.field.as_ref().is_some_and(|field| self.fields.contains(field));
        late && of && field && self.holds(row)
    }

    fn holds(&self, row: &Row) -> bool {
        if self.filled.is_empty() && self.term.is_none() {
            return true;
        }
        let Ok(record) = Decoder.decode(&row.record.raw) else { return true };
        let filled = |column: &String| record.values(column, "").any(|value| !crate::record::is_empty(value));
        (self.filled.is_empty() || self.filled.iter().any(filled))
            && self.term.as_ref().is_none_or(|term| term.is_in(&record))
    }
}

impl Term {
    /// The field and value that a query is for, where it is of the form `Field:value` or `"Field":"value"` and
    /// the field is the folder's. Everything else is up to the service alone.
    pub(super) fn of(query: &str, schema: &Schema) -> Option<Self> {
        let (name, wanted) = match quoted(query.trim()) {
            Some(pair) => pair,
            None => query.trim().split_once(':').filter(|(_, value)| !value.trim().contains([' ', '"']))?,
        };
        let (name, wanted) = (name.trim(), fold(wanted));
        let listed = |column: &str| {
            service_name(column).is_some_and(|service| service.to_lowercase() == name.to_lowercase())
        };
        let column = schema.fields.iter().map(|field| &field.name).find(|column| listed(column))?;
        (!wanted.is_empty()).then(|| Self { column: column.clone(), wanted })
    }

    /// Whether the field holds the value, whole or in part: in text folded in case and blanks, in an e-mail's
    /// address, in a phone number's digits.
    fn is_in(&self, record: &Record) -> bool {
        let digits = canonical::phone_digits(&self.wanted);
        record.values(&self.column, "").map(to_text).any(|text| {
            fold(&text).contains(&self.wanted)
                || digits.as_ref().zip(canonical::phone_digits(&text)).is_some_and(|(wanted, held)| {
                    held.trim_start_matches('+').contains(wanted.trim_start_matches('+'))
                })
                || canonical::email_address(&self.wanted)
                    .is_some_and(|wanted| canonical::email_address(&text).as_ref() == Some(&wanted))
        })
    }
}

/// `"Field":"value"`.
fn quoted(query: &str) -> Option<(&str, &str)> {
    let (name, value) = query.strip_prefix('"')?.strip_suffix('"')?.split_once("\":\"")?;
    (!name.contains('"') && !value.contains('"')).then_some((name, value))
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::FieldSpec;

    fn schema() -> Schema {
        let field = |name: &str| FieldSpec { name: name.into(), ..FieldSpec::default() };
        Schema {
            of: "nethunt:Contacts".into(),
            fields: ["Name", "Phone", "Email", "Last call", "__odd"].map(field).into(),
            ..Schema::default()
        }
    }

    fn row(fields: &str) -> Row {
        let raw = format!(r#"{{"recordId":"a","createdAt":"2023-07-13T13:46:24.113Z","fields":{fields}}}"#);
        Stream::Records.rows(&raw).unwrap().remove(0)
    }

    #[test]
    fn hits_of_a_search_for_a_value_are_checked() {
        let cases = [
            ("Name:Doe", r#"{"Name":"John DOE"}"#, Some(true)),
            ("Name:Doe", r#"{"Notes":"Doe"}"#, Some(false)),
            ("name:doe", r#"{"Name":"Doe"}"#, Some(true)),
            (r#""Name":"john  doe""#, r#"{"Name":"John Doe"}"#, Some(true)),
            (r#""Last call":"2023""#, r#"{"Last call":"2023-07-13T13:46:24Z"}"#, Some(true)),
            ("Phone:+44 20", r#"{}"#, None),
            (r#""Phone":"+44 20 1234""#, r#"{"Phone":["(0044) x","+44201234567"]}"#, Some(true)),
            (r#""Email":"Ada <a@b.org>""#, r#"{"Email":["<A@b.org>"]}"#, Some(true)),
            (r#""Email":"a@b.org""#, r#"{"Email":["xa@b.org"]}"#, Some(true)),
            ("_odd:v", r#"{"_odd":"V"}"#, Some(true)),
            ("created:", r#"{}"#, None),
            ("Name:", r#"{}"#, None),
            ("ada@example.org", r#"{}"#, None),
            ("https://x", r#"{}"#, None),
        ];
        for (query, fields, expected) in cases {
            let term = Term::of(query, &schema());
            assert_eq!(term.is_some(), expected.is_some(), "{query}");
            let only = Only { term, ..Only::default() };
            assert_eq!(only.admits(&row(fields)), expected.unwrap_or(true), "{query} {fields}");
        }
    }

    #[test]
    fn ways_to_select_that_exclude_each_other_are_refused() {
        let since = "2026-11-01T00:00:00Z".parse().ok();
        let all = Selection::default;
        let cases = [
            (all(), Ok(Way::Whole)),
            (Selection { expect: Some(3), ..all() }, Ok(Way::Whole)),
            (Selection { limit: Some(5), ..all() }, Ok(Way::Sample(5))),
            (
                Selection { find: Some("x".into()), limit: Some(5), ..all() },
                Ok(Way::Find("x".into(), Some(5))),
            ),
            (Selection { record: Some(" a ".into()), ..all() }, Ok(Way::One("a".into()))),
            (Selection { since, ..all() }, Ok(Way::Since(1_793_491_200_000))),
            (Selection { since, limit: Some(5), ..all() }, Err("`--since` and `--limit` cannot be combined")),
            (Selection { record: Some("a".into()), since, ..all() }, Err("`--record` and `--since`")),
            (
                Selection { find: Some("x".into()), expect: Some(1), ..all() },
                Err("`--find` and `--expect-count`"),
            ),
            (
                Selection { changed_fields: vec!["Name".into()], ..all() },
                Err("--changed-field needs `--since`"),
            ),
            (Selection { query: Some("{}".into()), ..all() }, Err("NetHunt has no queries")),
            (
                Selection { sort: Some("created:asc".into()), ..all() },
                Err("NetHunt lists records in an order"),
            ),
            (Selection { keyword: Some("x".into()), ..all() }, Err("NetHunt has no search by keyword")),
            (Selection { kind: Some("person".into()), ..all() }, Err("NetHunt has no records of type")),
        ];
        for (selection, expected) in cases {
            match (way(&selection), expected) {
                (Ok(way), Ok(expected)) => assert_eq!(way, expected),
                (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
                (way, expected) => panic!("{way:?} {expected:?}"),
            }
        }
    }

    #[test]
    fn child_rows_are_told_by_record_time_and_field() {
        let since = "2026-11-01T00:00:00Z".parse().ok();
        let selection = Selection { since, record: Some("r".into()), ..Selection::default() };
        let (only, _) = children(Stream::Comments, &selection).unwrap();
        let row = |at, of: &str| Row { at_ms: at, of: Some(of.into()), ..row("{}") };
        assert!(only.admits(&row(Some(1_793_491_200_000), "r")) && only.admits(&row(None, "r")));
        assert!(!only.admits(&row(Some(1_793_491_199_999), "r")) && !only.admits(&row(None, "s")));
        let changed = Selection { changed_fields: vec!["Name".into()], ..Selection::default() };
        assert!(children(Stream::Calls, &changed).is_err());
        let (only, _) = children(Stream::Changes, &changed).unwrap();
        assert!(!only.admits(&row(None, "r")));
        assert!(only.admits(&Row { field: Some("Name".into()), ..row(None, "r") }));
        assert!(
            children(Stream::Files, &Selection { find: Some("x".into()), ..Selection::default() }).is_err()
        );
    }

    #[test]
    fn unknown_fields_come_with_the_nearest() {
        let names = ["Name".to_owned(), "_odd".to_owned()];
        assert_eq!(known_fields(&schema(), &names).unwrap(), ["Name", "_odd"]);
        let error = known_fields(&schema(), &["Nmae".to_owned()]).unwrap_err();
        assert_eq!(error.way_out(), Some("did you mean `Name`?"));
    }
}
