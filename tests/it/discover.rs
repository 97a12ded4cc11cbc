//! `discover`: which streams there are, what can be done with them, and what their fields hold.

use serde_json::{Value, json};

use crate::support::Rehearsal;

#[test]
fn streams_are_listed_with_what_can_be_done_and_counted_where_the_service_tells() {
    let rehearsal = Rehearsal::generated("", 25);
    let listed = rehearsal.json(["discover", "nimble", "--counts"]).expect(0);
    let objects = listed.objects();
    let stream = |name: &str| objects.iter().find(|object| object["stream"] == name).unwrap();
    let contacts = stream("nimble:contacts");
    assert_eq!(contacts["records"], json!(rehearsal.contacts().len()), "{}", listed.transcript());
    assert_eq!((&contacts["readable"], &contacts["writable"]), (&json!(true), &json!(true)));
    let tasks = stream("nimble:tasks");
    assert_eq!((&tasks["readable"], &tasks["records"]), (&json!(false), &Value::Null));
    let table = rehearsal.ferry(["discover"]).expect(0).stdout;
    for line in ["nimble:tasks", "nethunt:Contacts", "written", "read and written"] {
        assert!(table.contains(line), "no `{line}`: {table}");
    }
    assert!(!table.contains("RECORDS"), "{table}");
}

#[test]
fn fields_are_shown_with_modifiers_types_choices_fill_rate_and_examples() {
    let rehearsal = Rehearsal::generated("", 40);
    // Written in this very second, so that it may have been edited since it was read.
    let fields = json!({"first name": [{"value": "Ada", "modifier": ""}]});
    rehearsal.service("POST", "/contact", &json!({"record_type": "person", "fields": fields}));
    let fields = rehearsal.json(["discover", "nethunt:Contacts"]).expect(0).objects();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    let (name, score, tags) = (field("Name"), field("Score"), field("Tags"));
    assert_eq!((&name["kind"], &name["inferred"]), (&json!("text"), &json!([])));
    assert!(name["filled"].as_u64() <= name["records"].as_u64(), "{name}");
    assert!(!name["examples"].as_array().unwrap().is_empty(), "{name}");
    assert_eq!((&score["kind"], &score["inferred"]), (&json!("number"), &json!(["kind"])), "{score}");
    assert_eq!((&tags["several"], &tags["inferred"]), (&json!(true), &json!(["several"])), "{tags}");
    let fields = rehearsal.json(["discover", "nimble:contacts"]).expect(0).objects();
    for field in &fields {
        assert_eq!(field["records"], 41);
        assert!(field["filled"].as_u64() <= Some(41), "{field}");
    }
    let of_email: Vec<&Value> =
        fields.iter().filter(|field| field["field"] == "email").map(|field| &field["modifier"]).collect();
    assert!(of_email.contains(&&json!("work")) && of_email.contains(&&json!("personal")), "{of_email:?}");
    let city = fields.iter().find(|field| field["name"] == "address[work].city").unwrap();
    assert_eq!((&city["field"], &city["part"]), (&json!("address"), &json!("city")));
    assert!(fields.iter().any(|field| field["read_only"] == true));
    assert!(fields.iter().any(|field| !field["choices"].as_array().unwrap().is_empty()));
    let table = rehearsal.ferry(["discover", "nethunt:Contacts"]).expect(0);
    assert!(table.stdout.contains("~number") && table.stdout.contains("~several"), "{}", table.transcript());
    assert!(table.stderr.contains("not declared by the service"), "{}", table.transcript());
}
