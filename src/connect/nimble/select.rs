//! What a selection means to Nimble: which parameters say it, and which wishes cannot be had together.
//!
//! Everything is checked here, before a request is made. A [`Filter`] keeps the wishes apart from the parameters,
//! because a read may have to narrow them further: to what changed in a time, or was created in one.

use super::api::{Api, Query};
use super::decode::Decoder;
use super::query::{self, Checked, MOST_CONDITIONS};
use super::reader::{PER_PAGE, Reader};
use crate::error::{Error, Result, nearest};
use crate::extract::Selection;
use crate::record::schema::{Schema, Side};
use crate::record::{escape_name, service_name};
use serde_json::{Value, json};
use std::sync::Arc;

/// Sorts that are no field of a contact (facts, section 5). `name` is the first and the last name.
const SPECIAL_SORTS: [&str; 7] =
    ["created", "updated", "name", "score", RECENTLY_VIEWED, LAST_CONTACTED, "company last contacted"];
/// Lists the contacts that the token's user looked at last, 30 at most, whatever else is asked for.
pub(super) const RECENTLY_VIEWED: &str = "recently viewed";
/// Takes neither a keyword nor a type.
const LAST_CONTACTED: &str = "users last contacted";

/// A reader of what was selected, and the filter that it was made from.
pub(super) struct Selected<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) filter: Filter,
}

/// Which contacts are listed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    /// `person` or `company`.
    pub(super) kind: Option<String>,
    pub(super) keyword: Option<String>,
    query: Option<Value>,
    conditions: usize,
    /// What in the query only newer versions of the service are known to understand.
    pub(super) newer: Vec<String>,
}

impl Filter {
    /// The parameters. The type is ignored where there is a query (facts, section 5), so it becomes a part of it.
    pub(super) fn parameters(&self) -> Query {
        let parameters = Query::default();
        match (&self.query, &self.kind, &self.keyword) {
            (Some(query), Some(kind), _) => {
                let both = json!({"and": [query, {"record type": {"is": kind}}]});
                parameters.with("query", both.to_string())
            }
            (Some(query), None, _) => parameters.with("query", query.to_string()),
            (None, kind, keyword) => {
                let parameters = match kind {
                    Some(kind) => parameters.with("record_type", kind),
                    None => parameters,
                };
                match keyword {
                    Some(keyword) => parameters.with("keyword", keyword),
                    None => parameters,
                }
            }
        }
    }

    /// The same with one more condition; `None` where the service cannot be asked so: a query goes with no
    /// keyword, and has room for eleven conditions (facts, sections 5 and 6.1).
    pub(super) fn and(&self, condition: Value) -> Option<Self> {
        let conditions = self.conditions + 1;
        if self.keyword.is_some() || conditions + usize::from(self.kind.is_some()) > MOST_CONDITIONS {
            return None;
        }
        let query = match &self.query {
            Some(query) => json!({"and": [query, condition]}),
            None => condition,
        };
        Some(Self { query: Some(query), conditions, ..self.clone() })
    }

    /// Whether an edit can make a contact match that did not, or no longer match. Its type never changes.
    pub(super) fn can_be_joined(&self) -> bool {
        self.query.is_some() || self.keyword.is_some()
    }
}

/// A reader of what `selection` asks for.
///
/// # Errors
/// When it asks for what Nimble does not have, or for two things that do not go together (class `Input`).
pub(super) fn selected<'a>(api: &'a Api, schema: &Schema, selection: &Selection) -> Result<Selected<'a>> {
    check_together(selection)?;
    let filter = filter(schema, selection)?;
    let mut reader = Reader::whole(api, Arc::new(Decoder::new(schema)));
    reader.filter = filter.parameters();
    reader.fields = fields(schema, &selection.fields)?;
    reader.sort = selection.sort.as_deref().map(|sort| self::sort(schema, sort, selection)).transpose()?;
    Ok(Selected { reader, filter })
}

fn filter(schema: &Schema, selection: &Selection) -> Result<Filter> {
    let kind = match selection.kind.as_deref() {
        None | Some("all") => None,
        Some(kind @ ("person" | "company")) => Some(kind.to_owned()),
        Some(other) => {
            return Err(Error::input(format!("Nimble has no contacts of type `{other}`"))
                .hint("`person` or `company`"));
        }
    };
    let keyword = selection.keyword.clone();
    if keyword.as_deref().is_some_and(|keyword| keyword.trim().is_empty()) {
        return Err(Error::input("`--keyword` is empty"));
    }
    let Some(text) = &selection.query else {
        return Ok(Filter { kind, keyword, ..Filter::default() });
    };
    let Checked { value, conditions, newer } = query::check(text, schema)?;
    if kind.is_some() && conditions == MOST_CONDITIONS {
        return Err(Error::input(format!(
            "`--where` has {conditions} conditions, and `--type` would be one more than Nimble takes"
        ))
        .hint("leave one out"));
    }
    Ok(Filter { kind, keyword, query: Some(value), conditions, newer })
}

fn fields(schema: &Schema, wanted: &[String]) -> Result<Option<String>> {
    let mut names: Vec<String> = Vec::new();
    for written in wanted {
        let place = schema.resolve(written, Side::From).map_err(|unknown| {
            let error = Error::input(unknown.what);
            unknown.hint.into_iter().fold(error, Error::hint)
        })?;
        // Ferry's own columns come with every contact.
        if let Some(name) = service_name(&place.name).map(|name| name.replace(',', "\\,"))
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    Ok((!names.is_empty()).then(|| names.join(",")))
}

/// An order as the service takes it: one field that holds one value and is not custom, or a special one.
fn sort(schema: &Schema, written: &str, selection: &Selection) -> Result<String> {
    let (name, way) = written.rsplit_once(':').unwrap_or((written, ""));
    let (name, way) = (name.trim(), way.trim());
    if !matches!(way, "asc" | "desc") {
        return Err(Error::input(format!("`--sort {written}`: the direction is missing"))
            .hint(format!("write `{name}:asc` or `{name}:desc`")));
    }
    let unfit = |why: &str| Err(Error::input(format!("Nimble does not sort contacts by `{name}`{why}")));
    if !SPECIAL_SORTS.contains(&name) {
        match schema.field(&escape_name(name)) {
            Some(field) if !super::schema::is_default(name) => {
                return unfit(&format!(": `{}` is a custom field", field.name));
            }
            Some(field) if field.several => return unfit(": it holds several values"),
            Some(_) if super::query::is_searchable(name) => {}
            _ => {
                let near = nearest(name, super::query::names().chain(SPECIAL_SORTS));
                return unfit("").map_err(|error: Error| match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => {
                        error.hint("`created`, `updated`, `name`, `last name`, `company name` and others")
                    }
                });
            }
        }
    }
    check_special(name, selection)?;
    Ok(format!("{name}:{way}"))
}

/// The special sorts disable other parameters or need them (facts, section 5).
fn check_special(name: &str, selection: &Selection) -> Result<()> {
    let typed = selection.kind.as_deref().is_some_and(|kind| kind != "all");
    let narrowed = [
        (selection.keyword.is_some(), "--keyword"),
        (typed, "--type"),
        (selection.query.is_some(), "--where"),
        (selection.since.is_some(), "--since"),
        (selection.per_page.is_some(), "--per-page"),
    ];
    let disabled = match name {
        RECENTLY_VIEWED => &narrowed[..],
        LAST_CONTACTED => &narrowed[..2],
        _ => &[],
    };
    if let Some((_, flag)) = disabled.iter().find(|(given, _)| *given) {
        return Err(Error::input(format!("with `--sort {name}` Nimble ignores `{flag}`"))
            .hint("leave one of them out"));
    }
    let ranked = selection.keyword.is_some()
        || selection.query.as_ref().is_some_and(|query| query.contains("\"contain\""));
    if name == "score" && !ranked {
        return Err(Error::input("`--sort score` ranks what a search found, and nothing is searched for")
            .hint("add `--keyword`, or a `--where` with `contain`"));
    }
    Ok(())
}

/// Wishes that Nimble does not know, or not together.
fn check_together(selection: &Selection) -> Result<()> {
    if selection.find.is_some() {
        return Err(Error::input("Nimble has no `--find`").hint("use `--keyword` or `--where`"));
    }
    if !selection.changed_fields.is_empty() {
        return Err(Error::input(
            "Nimble does not tell which fields changed, so `--changed-field` cannot be had",
        )
        .hint("`--since` reads every contact that changed"));
    }
    if selection.keyword.is_some() && selection.query.is_some() {
        return Err(Error::input("Nimble takes either `--keyword` or `--where`, not both")
            .hint("a word in a field is `{\"last name\": {\"contain\": \"word\"}}` in `--where`"));
    }
    if let Some(id) = &selection.record {
        let others = [
            (selection.keyword.is_some(), "--keyword"),
            (selection.query.is_some(), "--where"),
            (selection.kind.is_some(), "--type"),
            (selection.since.is_some(), "--since"),
            (selection.sort.is_some(), "--sort"),
            (selection.per_page.is_some(), "--per-page"),
        ];
        if let Some((_, flag)) = others.iter().find(|(given, _)| *given) {
            return Err(Error::input(format!(
                "`--record` names one contact, so `{flag}` has nothing to choose from"
            ))
            .hint("leave one of them out"));
        }
        if id.is_empty() || !id.chars().all(|character| character.is_ascii_alphanumeric()) {
            return Err(Error::input(format!("`--record {id}`: that is no id of a contact"))
                .hint("an id stands in the column `_id`"));
        }
    }
    match selection.per_page {
        Some(size) if size > PER_PAGE && selection.sort.is_some() => Err(Error::input(format!(
            "Nimble sorts at most {PER_PAGE} contacts a page, `--per-page` says {size}"
        ))
        .hint("leave `--per-page` out")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Client;
    use crate::http::pace::{Pace, RateLimit};
    use crate::stop::Stop;

    fn api() -> Api {
        let pace = Arc::new(Pace::new(RateLimit(None), 1));
        Api::new(Client::new("Bearer t".to_owned().into(), pace, Stop::default()), "http://x".into())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn wishes_become_parameters() {
        let vip = r#"{"tag":{"is":"vip"}}"#;
        let all = Selection::default();
        let cases = [
            (all.clone(), Query::default()),
            (Selection { kind: some("all"), ..all.clone() }, Query::default()),
            (
                Selection { kind: some("person"), ..all.clone() },
                Query::default().with("record_type", "person"),
            ),
            (
                Selection { kind: some("person"), keyword: some("ada"), ..all.clone() },
                Query::default().with("record_type", "person").with("keyword", "ada"),
            ),
            (Selection { query: some(vip), ..all.clone() }, Query::default().with("query", vip)),
            (
                Selection { query: some(vip), kind: some("company"), ..all.clone() },
                Query::default()
                    .with("query", format!(r#"{{"and":[{vip},{{"record type":{{"is":"company"}}}}]}}"#)),
            ),
        ];
        for (selection, parameters) in cases {
            let api = api();
            let selected = selected(&api, &super::super::schema::offline_schema(), &selection).unwrap();
            assert_eq!(selected.reader.filter, parameters, "{selection:?}");
        }
    }

    #[test]
    fn a_filter_is_narrowed_only_where_the_service_takes_it() {
        let condition = json!({"created": {"in_the_last": {"unit": "day", "quantity": 1}}});
        let plain = Filter::default();
        assert!(!plain.can_be_joined());
        let narrowed = plain.and(condition.clone()).unwrap();
        assert_eq!(narrowed.parameters(), Query::default().with("query", condition.to_string()));
        assert!(narrowed.can_be_joined());
        assert!(Filter { keyword: some("ada"), ..plain.clone() }.and(condition.clone()).is_none());
        let full = |conditions, kind: Option<&str>| Filter {
            conditions,
            kind: kind.map(str::to_owned),
            query: Some(condition.clone()),
            ..Filter::default()
        };
        assert!(full(10, None).and(condition.clone()).is_some());
        assert!(full(10, Some("person")).and(condition.clone()).is_none());
        assert!(full(11, None).and(condition.clone()).is_none());
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_the_reason() {
        let all = Selection::default();
        let since = Some("2026-01-01T00:00:00Z".parse().unwrap());
        let sorted = |sort: &str| Selection { sort: some(sort), ..Selection::default() };
        let record = || Selection { record: some("64b0"), ..Selection::default() };
        let cases = [
            (Selection { find: some("x"), ..all.clone() }, "no `--find`"),
            (Selection { changed_fields: vec!["email".into()], ..all.clone() }, "which fields changed"),
            (Selection { kind: some("robot"), ..all.clone() }, "no contacts of type `robot`"),
            (Selection { keyword: some(" "), ..all.clone() }, "`--keyword` is empty"),
            (
                Selection { keyword: some("x"), query: some("{}"), ..all.clone() },
                "either `--keyword` or `--where`",
            ),
            (Selection { fields: vec!["emial".into()], ..all }, "unknown field `emial`"),
            (sorted("created"), "the direction is missing"),
            (sorted("created:up"), "the direction is missing"),
            (sorted("email:asc"), "it holds several values"),
            (sorted("middle name:asc"), "does not sort contacts by `middle name`"),
            (sorted("lst name:asc"), "does not sort contacts by `lst name`"),
            (sorted("score:desc"), "nothing is searched for"),
            (Selection { since, ..sorted("recently viewed:desc") }, "ignores `--since`"),
            (Selection { kind: some("person"), ..sorted("users last contacted:desc") }, "ignores `--type`"),
            (Selection { per_page: Some(200), ..sorted("created:desc") }, "at most 100"),
            (Selection { since, ..record() }, "`--since` has nothing to choose from"),
            (Selection { record: some("a/b"), ..Selection::default() }, "no id of a contact"),
        ];
        for (selection, said) in cases {
            let api = api();
            let Err(error) = selected(&api, &super::super::schema::offline_schema(), &selection) else {
                panic!("{said}: accepted");
            };
            assert_eq!(error.class().exit_code(), 2);
            assert!(error.chain().contains(said), "{said}: {}", error.chain());
        }
        for fine in ["created:desc", "name:asc", "last name:desc", "recently viewed:asc", "lead status:asc"] {
            assert!(
                selected(&api(), &super::super::schema::offline_schema(), &sorted(fine)).is_ok(),
                "{fine}"
            );
        }
    }
}
