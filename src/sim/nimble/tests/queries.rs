//! Both descriptions of the query language.

use serde_json::{Value, json};

use super::Account;

fn status(account: &mut Account, query: &Value) -> u16 {
    let query: String = url::form_urlencoded::byte_serialize(query.to_string().as_bytes()).collect();
    account.get(&format!("/contacts/ids?query={query}")).0
}

fn hits(account: &mut Account, query: &Value) -> Vec<String> {
    let query: String = url::form_urlencoded::byte_serialize(query.to_string().as_bytes()).collect();
    account.ids(&format!("query={query}"))
}

fn account(profile: &str) -> (Account, [String; 4]) {
    let searches = json!({"Rome": "{\"address.city\":{\"is\":\"rome\"}}", "bad": "no"});
    let mut account = Account::new(json!({"profile": profile, "saved_searches": searches,
        "custom_fields": ["External ID"]}));
    let person = |first: &str, last: &str, city: &str, more: Value| {
        let mut fields = json!({"first name": first, "last name": last,
            "address": [{"value": json!({"city": city}).to_string(), "modifier": "work"}]});
        fields.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        json!({"record_type": "person", "fields": fields, "tags": ["people"]})
    };
    let ids = [
        person(
            "Jon",
            "Pupken",
            "Rome",
            json!({"email": [{"value": "jp@x.example", "modifier": "work"}], "birthday": "12/31/1990"}),
        ),
        person("Jon", "Travolta", "Łódź", json!({"External ID": "7", "rating": "3", "birthday": "01/02"})),
        person("Jan", "Pupkener", "Rome", json!({"rating": "5"})),
        json!({"record_type": "company", "fields": {"company name": "Acme", "domain": "acme.example"}}),
    ];
    let ids = ids.map(|body| account.seed(body));
    (account, ids)
}

#[test]
fn newer_fields_and_operators_work_in_the_current_profile_alone() {
    let (mut now, ids) = account("current");
    let [jon, john, jan, acme] = ids.each_ref().map(String::as_str);
    let (mut before, _) = account("legacy");
    for (query, expected) in [
        (json!({"_id": {"in": [jon, acme]}}), vec![jon, acme]),
        (json!({"_id": {"not_in": [jon, acme]}}), vec![john, jan]),
        (json!({"not": [{"record type": {"is": "person"}}]}), vec![acme]),
        (json!({"__any": {"contain": "lodz"}}), vec![john]),
        (json!({"__any": {"starts_with": "acm"}}), vec![acme]),
        (json!({"names": {"starts_with": "jon"}}), vec![jon, john]),
        (json!({"last name": {"in": ["pupken", "travolta"]}}), vec![jon, john]),
        (json!({"rating": {"range": {"start": 2, "end": "4"}}}), vec![john]),
        (json!({"rating": {"not_in_range": {"start": 2, "end": 4}}}), vec![jon, jan, acme]),
        (
            json!({"birthday": {"day_month_range": {"start_date": "30/12", "end_date": "03/01"}}}),
            vec![jon, john],
        ),
        (json!({"tag": {"is_empty": true}}), vec![acme]),
        (json!({"domain": {"is": "acme.example"}}), vec![acme]),
        (json!({"saved_search": {"is": "Rome"}}), vec![jon, jan]),
        (json!({"custom_fields": {"External ID": {"starts_with": "7"}}}), vec![john]),
        (json!({"reminder": {"is_empty": true}}), vec![jon, john, jan, acme]),
        (json!({"created": {"not_in_the_last": {"unit": "year", "quantity": 1}}}), vec![]),
        (json!({"address.city": {"contain": "rome"}}), vec![jon, jan]),
    ] {
        assert_eq!(hits(&mut now, &query), expected, "{query}");
        assert_eq!(status(&mut before, &query), 409, "{query}");
    }
    for query in [
        json!({"saved_search": {"is": "unknown"}}),
        json!({"saved_search": {"is": "bad"}}),
        json!({"email": {"is": ""}}),
        json!({"not": [{"city": {"is": "rome"}}, {"city": {"is": "rome"}}]}),
        json!({"_id": {"in": []}}),
        json!({"tag": {"contain": "people"}}),
    ] {
        assert_eq!(status(&mut now, &query), 409, "{query}");
    }
}

#[test]
fn contain_means_words_today_and_prefix_or_suffix_before() {
    let (mut before, ids) = account("legacy");
    let query = json!({"last name": {"contain": "pupken"}});
    assert_eq!(hits(&mut before, &query), [ids[0].clone(), ids[2].clone()]);
    let (mut now, ids) = account("current");
    assert_eq!(hits(&mut now, &query), [ids[0].clone()]);
    assert_eq!(hits(&mut now, &json!({"and": [{"email": {"is": "j"}}]})), Vec::<String>::new());
    assert_eq!(status(&mut before, &json!({"email": {"is": "j"}})), 409);
    assert_eq!(status(&mut before, &json!({"and": [{"email": {"is": "jj"}}]})), 409);
}

#[test]
fn a_keyword_means_words_today_and_prefix_or_suffix_before() {
    for (profile, keyword, expected) in [
        ("legacy", "pupken", vec![0, 2]),
        ("legacy", "jp@x", vec![0]),
        ("current", "pupken", vec![0]),
        ("current", "pup", vec![]),
        ("current", "jp travolta", vec![0, 1]),
    ] {
        let (mut account, ids) = account(profile);
        let expected: Vec<String> = expected.into_iter().map(|place: usize| ids[place].clone()).collect();
        assert_eq!(account.ids(&format!("keyword={keyword}")), expected, "{profile} {keyword}");
    }
    let (mut now, _) = account("current");
    let (_, answer) = now.call("DELETE", "/contacts?keyword=pup", serde_json::Value::Null);
    assert_eq!(answer["data"]["ids"], json!([]));
}

#[test]
fn addresses_are_searched_by_their_parts_and_not_as_json() {
    for profile in ["legacy", "current"] {
        let (mut account, _) = account(profile);
        let escaped = r#"{"street":"Vodi\u010dkova 5","zip":11000}"#;
        let home = account.seed(json!({"record_type": "person", "fields": {"first name": "Eva",
            "address": [{"value": escaped, "modifier": "home"}]}}));
        for (word, found) in [("vodickova", true), ("11000", true), ("street", false), ("city", false)] {
            let expected = if found { vec![home.clone()] } else { vec![] };
            let by_field = hits(&mut account, &json!({"address": {"contain": word}}));
            assert_eq!(
                (by_field, account.ids(&format!("keyword={word}"))),
                (expected.clone(), expected),
                "{word}"
            );
        }
        assert_eq!(hits(&mut account, &json!({"zip": {"is": "11000"}})), [home]);
    }
}

#[test]
fn a_custom_field_is_found_whatever_its_name_means_otherwise() {
    for profile in ["legacy", "current"] {
        let names = json!(["city", "name", "record type", "created", "_id"]);
        let mut account = Account::new(json!({"profile": profile, "custom_fields": names}));
        let fields = json!({"first name": "Ada", "city": "Roma", "name": "Countess Ada", "record type": "robot",
            "created": "long ago", "_id": "seven"});
        let ada = account.seed(json!({"record_type": "person", "fields": fields}));
        account.seed(json!({"record_type": "person", "fields": {"first name": "Eva"}}));
        for (field, operator, value) in [
            ("city", "is", "roma"),
            ("name", "contain", "ada"),
            ("record type", "is", "robot"),
            ("created", "contain", "ago"),
            ("created", "is_not", "today"),
            ("_id", "is", "seven"),
        ] {
            let found = hits(&mut account, &json!({"custom_fields": {field: {operator: value}}}));
            assert!(found.contains(&ada) && (operator == "is_not" || found.len() == 1), "{field}: {found:?}");
        }
        let contains = hits(&mut account, &json!({"custom_fields": {"name": {"contain": "count"}}}));
        assert!(contains.is_empty(), "whole words count in custom fields");
        let standard = json!({"custom_fields": {"email": {"is": "a@x.example"}}});
        assert_eq!(status(&mut account, &standard), 409);
    }
}

#[test]
fn limits_count_conditions_before_and_depth_today() {
    let (mut before, _) = account("legacy");
    let (mut now, _) = account("current");
    let flat = |count: usize| json!({"or": vec![json!({"city": {"is": "rome"}}); count]});
    assert_eq!((status(&mut before, &flat(11)), status(&mut before, &flat(12))), (200, 409));
    assert_eq!(status(&mut now, &flat(12)), 200);
    let deep =
        |depth: usize| (0..depth).fold(json!({"city": {"is": "rome"}}), |inner, _| json!({"not": [inner]}));
    assert_eq!((status(&mut now, &deep(20)), status(&mut now, &deep(21))), (200, 409));
}

#[test]
fn the_best_hit_comes_first_when_sorted_by_score() {
    let (mut account, ids) = account("current");
    let query: String =
        url::form_urlencoded::byte_serialize(br#"{"name":{"contain":"jon travolta"}}"#).collect();
    let listed = account.ids(&format!("query={query}&sort=score:desc"));
    assert_eq!(listed, [ids[1].clone(), ids[0].clone()]);
    let listed = account.ids(&format!("query={query}&sort=score:asc"));
    assert_eq!(listed, [ids[0].clone(), ids[1].clone()]);
}
