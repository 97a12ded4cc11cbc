//! What passes, what does not, and what is said about it.

use super::*;
use crate::record::schema::FieldSpec;
use serde_json::json;

fn schema() -> Schema {
    let mut schema = super::super::schema::offline_schema();
    schema.open = false;
    let choices = |labels: &[(&str, &str)]| {
        labels.iter().map(|(id, label)| ((*id).to_owned(), (*label).to_owned())).collect()
    };
    for field in &mut schema.fields {
        if field.name == "lead status" {
            field.choices = choices(&[("1", "Open"), ("2", "Contacted")]);
        }
    }
    let custom = |name: &str| FieldSpec {
        name: name.to_owned(),
        modifiers: vec![String::new()],
        ..FieldSpec::default()
    };
    schema.fields.push(custom("External ID"));
    schema.fields.push(custom("__odd"));
    schema
        .fields
        .push(FieldSpec { choices: choices(&[("a1", "Gold"), ("a2", "Silver")]), ..custom("Level") });
    schema
}

fn sent(query: Value) -> Value {
    check(&query.to_string(), &schema()).unwrap_or_else(|error| panic!("{query}: {}", error.chain())).value
}

#[test]
fn documented_queries_are_sent_as_they_are() {
    for query in [
        json!({"email": {"is": "ada@example.org"}}),
        json!({"email": {"is_empty": true}}),
        json!({"first name": {"contain": "Ada"}}),
        json!({"lead type": {"is": "1"}}),
        json!({"rating": {"gte": "3"}}),
        json!({"created": {"range": {"start_date": "2026-01-01", "end_date": "2026-01-01"}}}),
        json!({"updated": {"range": {"start_datetime": "2026-01-01T00:00:00Z", "end_datetime": "2026-01-02T00:00:00Z"}}}),
        json!({"company last contacted": {"in_the_last": {"unit": "week", "quantity": 2}}}),
        json!({"address": {"contain": "Rome"}}),
        json!({"tag": {"is": "vip"}}),
        json!({"record type": {"is": "company"}}),
        json!({"custom_fields": {"External ID": {"is": "7"}}}),
        json!({"custom_fields": {"_odd": {"contain": "x"}}}),
        json!({"and": [{"email": {"contain": "example.org"}}, {"or": [{"tag": {"is": "vip"}}, {"city": {"is": "Rome"}}]}]}),
    ] {
        assert_eq!(sent(query.clone()), query);
        assert_eq!(check(&query.to_string(), &schema()).unwrap().newer, [] as [&str; 0], "{query}");
    }
}

#[test]
fn what_means_the_same_is_put_into_the_services_words() {
    for (written, means) in [
        (json!({"and": [{"tag": {"is": "vip"}}]}), json!({"tag": {"is": "vip"}})),
        (json!({"or": [{"and": [{"tag": {"is": "vip"}}]}]}), json!({"tag": {"is": "vip"}})),
        (json!({"lead status": {"is": "contacted"}}), json!({"lead status": {"is": "2"}})),
        (json!({"lead status": {"is_not": "1"}}), json!({"lead status": {"is_not": "1"}})),
        (
            json!({"custom_fields": {"Level": {"is": "Gold"}}}),
            json!({"custom_fields": {"Level": {"is": "a1"}}}),
        ),
        (json!({"rating": {"gte": 3}}), json!({"rating": {"gte": "3"}})),
        (
            json!({"created": {"range": {"start_datetime": "2026-01-01 02:00:00+02:00", "end_datetime": "2026-01-01 02:00:00"}}}),
            json!({"created": {"range": {"start_datetime": "2026-01-01T00:00:00Z", "end_datetime": "2026-01-01T02:00:00Z"}}}),
        ),
    ] {
        assert_eq!(sent(written), means);
    }
}

#[test]
fn what_only_newer_versions_know_passes_and_is_named() {
    for (query, newer) in [
        (json!({"not": {"tag": {"is": "vip"}}}), vec!["not"]),
        (json!({"email": {"starts_with": "ada"}}), vec!["email.starts_with"]),
        (json!({"domain": {"is": "x.org"}}), vec!["domain"]),
        (
            json!({"and": [{"tag": {"is": "vip"}}, {"_id": {"in": ["64b0"]}}]}),
            vec!["and[1]._id", "and[1]._id.in"],
        ),
        (json!({"created": {"in_the_last": {"unit": "year", "quantity": 1}}}), vec!["created.in_the_last"]),
        (
            json!({"birthday": {"day_month_range": {"start_date": "01/03", "end_date": "29/02"}}}),
            vec!["birthday", "birthday.day_month_range"],
        ),
    ] {
        let checked = check(&query.to_string(), &schema()).unwrap();
        assert_eq!((checked.value, checked.newer), (query, newer.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn what_cannot_be_searched_is_refused_at_its_place() {
    for (query, said) in [
        ("no", "`--where` is not JSON"),
        ("[1]", "`--where`: an object with a field or `and` or `or` is wanted, not a list"),
        ("{}", "the object is empty"),
        (r#"{"email":{"is":"ab"},"tag":{"is":"ab"}}"#, "the object has `email` and `tag`"),
        (
            r#"{"and":[{"tag":{"is":"vip"}},{"email":{"contains":"x.org"}}]}"#,
            "`and[1].email.contains`: `email` has no operator `contains`",
        ),
        (r#"{"or":[]}"#, "`or`: joins nothing"),
        (r#"{"or":{"tag":{"is":"vip"}}}"#, "`or`: takes a list"),
        (r#"{"emial":{"is":"ab"}}"#, "contacts cannot be searched by `emial`"),
        (r#"{"URL":{"is":"ab"}}"#, "contacts cannot be searched by `URL`"),
        (r#"{"External ID":{"is":"ab"}}"#, "`External ID`: is a custom field"),
        (r#"{"custom_fields":{"External":{"is":"ab"}}}"#, "no custom field `External`"),
        (r#"{"custom_fields":{"email":{"is":"ab"}}}"#, "is no custom field"),
        (r#"{"email":{"is":"a"}}"#, "`email.is`: `a` is too short"),
        (r#"{"email":{"is":true}}"#, "takes a text, not true or false"),
        (r#"{"email":{}}"#, "`email`: the object is empty: an operator is wanted"),
        (r#"{"email":"ada"}"#, "an object with an operator is wanted, not a text"),
        (r#"{"email":{"is_empty":"yes"}}"#, "takes true or false"),
        (r#"{"rating":{"gt":"many"}}"#, "`many` is no number"),
        (r#"{"lead status":{"is":"Opne"}}"#, "`lead status` has no choice `Opne`"),
        (r#"{"record type":{"is":"persons"}}"#, "there is no record type `persons`"),
        (r#"{"created":{"in_the_last":{"unit":"fortnight","quantity":1}}}"#, "no unit `fortnight`"),
        (r#"{"created":{"in_the_last":{"unit":"day","quantity":0}}}"#, "`0` is no whole number"),
        (r#"{"created":{"in_the_last":{"unit":"day"}}}"#, "`quantity` is missing"),
        (r#"{"created":{"range":{"start_date":"2026-01-01"}}}"#, "`end_date` is missing"),
        (
            r#"{"created":{"range":{"start_date":"2026-02-30","end_date":"2026-03-01"}}}"#,
            "`2026-02-30` is no day",
        ),
        (
            r#"{"created":{"range":{"start_date":"2026-02-03","end_date":"2026-02-01"}}}"#,
            "ends before it begins",
        ),
        (
            r#"{"created":{"range":{"start_date":"2026-02-03","end_datetime":"2026-02-01"}}}"#,
            "`created.range.start_date`: is unknown here",
        ),
        (r#"{"created":{"is":"2026-02-03"}}"#, "`created` has no operator `is`"),
    ] {
        let error = check(query, &schema()).unwrap_err();
        assert_eq!(error.class().exit_code(), 2);
        assert!(error.chain().contains(said), "{query}: {}", error.chain());
    }
}

#[test]
fn eleven_conditions_pass_and_twelve_do_not() {
    let query = |count: usize| {
        let inner = vec![json!({"city": {"is": "rome"}}); count - 1];
        json!({"or": [{"tag": {"is": "vip"}}, {"and": inner}]}).to_string()
    };
    assert_eq!(check(&query(11), &schema()).unwrap().conditions, 11);
    assert!(check(&query(12), &schema()).unwrap_err().chain().contains("12 conditions"));
    let deep = (0..30).fold(json!({"tag": {"is": "vip"}}), |inner, _| json!({"and": [inner]}));
    assert!(check(&deep.to_string(), &schema()).unwrap_err().chain().contains("nested"));
}
