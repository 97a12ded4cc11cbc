//! Plans against the merge rule and the test vectors of the facts (sections 9.2 and 18).

use super::super::decode::Decoder;
use super::super::schema::{from_metadata, offline_schema};
use super::*;
use crate::extract::Decode;
use crate::load::target::OperationKind::{Create, Tags, Update};
use crate::record::census::Census;
use crate::record::schema::{Schema, Side};
use crate::transform::draft::Draft;

fn target(schema: &Schema, written: &str, write: Write) -> TargetField {
    let place = schema.resolve(written, Side::To).unwrap();
    TargetField { place, write, multi: None, kind: None, on_extra: OnExtra::First }
}

/// Plans a draft for a contact as the service holds it.
fn planned_with(
    schema: &Schema,
    current: Option<&Value>,
    draft: &[(&str, Write, Value)],
) -> Result<Planned, Vec<Reject>> {
    let current = current.map(|contact| Decoder::new(schema).decode(&contact.to_string()).unwrap());
    let fields: Vec<_> = draft.iter().map(|(written, write, _)| target(schema, written, *write)).collect();
    let values = draft.iter().map(|(.., values)| values.as_array().cloned()).collect();
    let draft = Draft { values, ..Draft::default() };
    plan(&RowToPlan {
        fields: &fields,
        draft: &draft,
        current: current.as_ref(),
        schema,
        census: &Census::default(),
        time_zone: "UTC",
    })
}

fn planned(current: Option<&Value>, draft: &[(&str, Write, Value)]) -> Result<Planned, Vec<Reject>> {
    planned_with(&offline_schema(), current, draft)
}

fn replace(current: &Value, draft: &[(&str, Value)]) -> Planned {
    let draft: Vec<_> = draft.iter().map(|(name, values)| (*name, Write::Replace, values.clone())).collect();
    planned(Some(current), &draft).unwrap()
}

fn reasons(result: Result<Planned, Vec<Reject>>) -> Vec<String> {
    let rejects = result.unwrap_err();
    rejects.into_iter().map(|r| format!("{}: {}", r.field.unwrap_or_default(), r.reason)).collect()
}

fn contact() -> Value {
    json!({
        "id": "64", "record_type": "person", "created": "2020-01-01T00:00:00.123456",
        "updated": "2021-01-01T00:00:00+0000", "owner_id": "50f0", "tags": [{"tag": "vip", "id": "1"}],
        "fields": {
            "first name": [{"value": "Ada", "modifier": ""}],
            "email": [{"value": "w@x", "modifier": "work"}, {"value": "p@x", "modifier": "personal"}],
            "phone": [{"value": "1", "modifier": "work"}, {"value": "2", "modifier": "work"},
                      {"value": "3", "modifier": "home"}],
            "address": [{"value": "{\"street\":\"A 1\",\"city\":\"Oslo\",\"po box\":\"7\"}", "modifier": "work"}],
            "source": [{"value": "m", "modifier": ""}],
        },
    })
}

/// The service's merge rule in mode 0 (facts, section 9.2).
fn merge(contact: &Value, body: &Value) -> Value {
    let mut contact = contact.clone();
    for (name, list) in body["fields"].as_object().unwrap() {
        let list = list.as_array().unwrap();
        let touched = |entry: &Value| list.iter().any(|new| new["modifier"] == entry["modifier"]);
        let old = contact["fields"][name].as_array().cloned().unwrap_or_default();
        let kept = old.into_iter().filter(|entry| !touched(entry));
        let new = list.iter().filter(|entry| !entry["value"].is_null()).cloned();
        let merged: Vec<_> = kept.chain(new).collect();
        contact["fields"][name] = Value::from(merged);
    }
    contact
}

#[test]
fn what_is_sent_makes_the_contact_what_was_meant_and_then_nothing_is_left_to_send() {
    let cases: [(&[(&str, Value)], Value); 6] = [
        (
            &[("email[personal]", json!(["n@x"]))],
            json!({"email": [{"value": "n@x", "modifier": "personal"}]}),
        ),
        (&[("phone[work]", json!([]))], json!({"phone": [{"value": null, "modifier": "work"}]})),
        (&[("phone[work]", json!(["9"]))], json!({"phone": [{"value": "9", "modifier": "work"}]})),
        (
            &[("phone[work]", json!(["8", 9])), ("phone[home]", json!(["3"]))],
            json!({"phone": [{"value": "8", "modifier": "work"}, {"value": "9", "modifier": "work"}]}),
        ),
        (
            &[("phone[home]", json!([])), ("phone[work]", json!([]))],
            json!({"phone": [{"value": null, "modifier": "home"}, {"value": null, "modifier": "work"}]}),
        ),
        (
            &[("address[work].city", json!(["Bergen"]))],
            json!({"address": [{"value": "{\"street\":\"A 1\",\"city\":\"Bergen\",\"po box\":\"7\"}", "modifier": "work"}]}),
        ),
    ];
    for (draft, fields) in cases {
        let planned = replace(&contact(), draft);
        assert_eq!(planned.operations.len(), 1);
        assert_eq!((planned.operations[0].kind, &planned.operations[0].body["fields"]), (Update, &fields));
        let after = merge(&contact(), &planned.operations[0].body);
        assert_eq!(replace(&after, draft), Planned::default(), "{draft:?}");
        let undone = merge(&after, &planned.operations[0].before);
        let (undone, before) = (undone["fields"].clone(), contact()["fields"].clone());
        for (name, list) in before.as_object().unwrap() {
            let sorted = |list: &Value| {
                let mut list: Vec<_> = list.as_array().unwrap().iter().map(Value::to_string).collect();
                list.sort();
                list
            };
            assert_eq!(sorted(&undone[name]), sorted(list), "{draft:?}");
        }
    }
}

#[test]
fn an_untouched_export_changes_nothing() {
    let draft = [
        ("_id", json!(["64"])),
        ("_type", json!(["person"])),
        ("_created", json!(["2020-01-01T00:00:00.123Z"])),
        ("_updated", json!(["2019-01-01T00:00:00Z"])),
        ("_tags", json!(["vip"])),
        ("_owner", json!(["50f0"])),
        ("first name", json!([" Ada "])),
        ("phone[work]", json!(["2", "1"])),
        ("address[work].street", json!(["A 1"])),
        ("address[work].city", json!(["Oslo"])),
        ("address[work].state", json!([""])),
        ("source", json!(["m"])),
    ];
    assert_eq!(replace(&contact(), &draft), Planned::default());
}

#[test]
fn values_are_added_or_filled_as_the_mapping_says() {
    let draft = [
        ("email[work]", Write::Add, json!(["W@x", "new@x"])),
        ("phone[home]", Write::Fill, json!(["99"])),
        ("phone[mobile]", Write::Fill, json!(["55"])),
        ("_tags", Write::Add, json!(["vip", "lead"])),
    ];
    let planned = planned(Some(&contact()), &draft).unwrap();
    assert_eq!(
        planned.operations[0].body["fields"],
        json!({"email": [{"value": "w@x", "modifier": "work"}, {"value": "new@x", "modifier": "work"}],
               "phone": [{"value": "55", "modifier": "mobile"}]})
    );
    assert_eq!(planned.operations[1].body, json!({"tags": ["vip", "lead"]}));
    assert_eq!(planned.operations[1].before, json!({"tags": ["vip"]}));
    let fields: Vec<_> = planned.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["email[work]", "phone[mobile]", "_tags"]);
}

#[test]
fn a_create_says_everything_in_one_request_but_long_tag_lists() {
    let draft = |tags: Value| {
        [
            ("last name", Write::Replace, json!(["Byron"])),
            ("phone[work]", Write::Add, json!(["1", "2"])),
            ("address[home].city", Write::Replace, json!(["Oslo", "Rome"])),
            ("address[home].zip", Write::Replace, json!(["0150", ""])),
            ("rating", Write::Replace, json!([3])),
            ("_avatar", Write::Replace, json!(["https://x/y.png"])),
            ("_tags", Write::Add, tags),
        ]
    };
    let made = planned(None, &draft(json!(["vip", "east,west"]))).unwrap();
    assert_eq!(made.operations.len(), 1);
    let fields: Vec<_> = made.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(
        fields,
        ["last name", "phone[work]", "address[home].city", "address[home].zip", "rating", "_avatar", "_tags"]
    );
    assert_eq!(
        made.operations[0].body,
        json!({"avatar_url": "https://x/y.png", "record_type": "person", "fields": {
            "last name": [{"value": "Byron", "modifier": ""}],
            "phone": [{"value": "1", "modifier": "work"}, {"value": "2", "modifier": "work"}],
            "address": [{"value": "{\"city\":\"Oslo\",\"zip\":\"0150\"}", "modifier": "home"},
                        {"value": "{\"city\":\"Rome\"}", "modifier": "home"}],
            "rating": [{"value": "3", "modifier": ""}]},
            "tags": "vip,east\\,west"})
    );
    let many = planned(None, &draft(json!(["1", "2", "3", "4", "5", "6"]))).unwrap();
    assert_eq!(many.operations.iter().map(|o| o.kind).collect::<Vec<_>>(), [Create, Tags]);
    assert_eq!(many.operations[0].body["tags"], json!("1,2,3,4,5"));
    assert_eq!(many.operations[1].body["tags"].as_array().unwrap().len(), 6);
    let company = planned(None, &[("company name", Write::Replace, json!(["X"]))]).unwrap();
    assert_eq!(company.operations[0].body["record_type"], "company");
}

#[test]
fn rows_that_cannot_be_written_say_why() {
    let one = |name: &'static str, values: Value| [(name, Write::Replace, values)];
    let on_contact = |draft: &[(&str, Write, Value)]| reasons(planned(Some(&contact()), draft));
    let cases = [
        (reasons(planned(None, &one("title", json!(["CEO"])))), "first name: a person needs"),
        (reasons(planned(None, &one("_type", json!(["robot"])))), "_type"),
        (on_contact(&one("_type", json!(["company"]))), "_type: Nimble cannot turn a person into a company"),
        (on_contact(&one("first name", json!([]))), "first name: a person cannot be left without a name"),
        (on_contact(&one("_owner", json!(["other"]))), "_owner: the service fills this field"),
        (on_contact(&one("source", json!(["csv"]))), "source: the service fills this field"),
        (on_contact(&one("_id", json!(["65"]))), "_id: the service fills this field"),
    ];
    for (reasons, expected) in cases {
        assert!(reasons.iter().any(|reason| reason.starts_with(expected)), "{expected}: {reasons:?}");
    }
    let parts = [
        ("address[work].city", Write::Replace, json!(["a", "b"])),
        ("address[work].zip", Write::Replace, json!(["1"])),
    ];
    assert!(on_contact(&parts)[0].contains("unequal length"));
    let schema = offline_schema();
    let mut field = target(&schema, "title", Write::Replace);
    field.on_extra = OnExtra::Reject;
    let draft = Draft { values: vec![Some(vec![json!("a"), json!("b")])], ..Draft::default() };
    let current = Decoder::new(&schema).decode(&contact().to_string()).unwrap();
    let row = RowToPlan {
        fields: &[field],
        draft: &draft,
        current: Some(&current),
        schema: &schema,
        census: &Census::default(),
        time_zone: "UTC",
    };
    assert_eq!(reasons(plan(&row)), ["title: 2 values for a field that holds one"]);
}

#[test]
fn choices_are_written_by_id_whether_label_or_id_is_given() {
    let schema = from_metadata(&json!({"fields": {
        "first name": [{"modifier": ""}],
        "lead status": [{"modifier": "", "presentation": {"type": "select-box",
            "values": [{"id": "1", "value": "Open"}, {"id": "2", "value": "Won"}]}}]}}))
    .unwrap();
    let contact = json!({"id": "1", "record_type": "person", "fields": {"lead status": [{"value": "1", "modifier": ""}]}});
    for same in ["Open", "1"] {
        let draft = [("lead status", Write::Replace, json!([same]))];
        assert_eq!(planned_with(&schema, Some(&contact), &draft).unwrap(), Planned::default());
    }
    let draft = [("lead status", Write::Replace, json!(["Won"]))];
    let planned = planned_with(&schema, Some(&contact), &draft).unwrap();
    assert_eq!(planned.operations[0].body["fields"]["lead status"][0]["value"], "2");
    assert_eq!(planned.operations[0].before["fields"]["lead status"][0]["value"], "1");
    assert_eq!(
        (&planned.changes[0].before[..], &planned.changes[0].after[..]),
        (&["Open".into()][..], &["Won".into()][..])
    );
}

#[test]
fn values_that_the_service_would_refuse_are_rejected_unless_they_are_there_already() {
    let company = json!({"id": "65", "record_type": "company", "fields": {
        "company name": [{"value": "Acme", "modifier": ""}], "domain": [{"value": "a.b.c.example", "modifier": ""}]}});
    assert_eq!(replace(&company, &[("domain", json!(["a.b.c.example"]))]), Planned::default());
    let update = replace(&company, &[("domain", json!(["https://www.Acme.example/shop"]))]);
    assert_eq!(
        update.operations[0].body["fields"]["domain"],
        json!([{"value": "acme.example", "modifier": ""}])
    );
    let odd = planned(Some(&company), &[("domain", Write::Replace, json!(["acme"]))]);
    assert_eq!(reasons(odd), ["domain: it is no domain name such as `acme.example`"]);
    let of_person = planned(Some(&contact()), &[("domain", Write::Replace, json!(["acme.example"]))]);
    assert_eq!(reasons(of_person), ["domain: only companies have a domain"]);
}
