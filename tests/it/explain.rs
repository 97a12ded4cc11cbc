//! `ferry explain`: one record's whole way through a run.

use serde_json::{Value, json};

use crate::accounts::{linking, record_id, result_rows, run_of};
use crate::support::Rehearsal;

const MAPPING: &str = r#"
[mapping]
key = ["Email"]
[[field]]
to = "Name"
from = "name"
[[field]]
to = "Email"
from = "email"
multi = true
do = ["email"]
"#;

fn explained(rehearsal: &Rehearsal, args: &[&str]) -> Value {
    let out = rehearsal.json([&["explain"], args].concat()).expect(0);
    let mut told = out.objects();
    assert_eq!(told.len(), 1, "{}", out.transcript());
    told.remove(0)
}

#[test]
fn a_row_is_told_from_its_cells_to_what_the_service_holds_now() {
    let rehearsal = Rehearsal::new("[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\nat = [2]\n");
    rehearsal.file("map.toml", MAPPING);
    rehearsal.file("rows.csv", "name,email\nAda,Ada@X.example\nBob,bob@x.example\nCy,no address\n");
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes", "--concurrency", "1"];
    let out = rehearsal.json(import).expect(1);
    let name = out.summary()["run"].as_str().unwrap().to_owned();

    let ada = explained(&rehearsal, &[&name, "1"]);
    assert_eq!(
        (&ada["outcome"], &ada["line"], &ada["now"]["state"]),
        (&json!("created"), &json!(2), &json!("as written"))
    );
    assert_eq!(ada["cells"][1], json!({"column": "email", "text": "Ada@X.example"}));
    assert_eq!(ada["mapping"]["fields"][0]["to"], "Name");
    assert_eq!(ada["requests"][0]["kind"], "create");
    assert_eq!(ada["requests"][0]["made"], ada["id"]);
    let sent = &rehearsal.writes_since(0)[0];
    assert_eq!(ada["requests"][0]["request"], format!("{} {}", sent.method, sent.path));
    assert_eq!(ada["requests"][0]["body"]["fields"]["Name"], "Ada");

    let bob = explained(&rehearsal, &[&name, "2", "--offline"]);
    assert_eq!((&bob["requests"][0]["adopted"], &bob["now"]), (&json!(true), &Value::Null));
    let cy = explained(&rehearsal, &[&name, "3"]);
    assert_eq!((&cy["outcome"], &cy["requests"]), (&json!("rejected"), &json!([])));
    assert!(cy["reason"].as_str().unwrap().contains("no address"), "{cy}");

    // Somebody edits the record: it is found by its id, and the edit told.
    let id = ada["id"].as_str().unwrap();
    let path = format!("/zapier/actions/update-record/{id}?overwrite=true");
    let edit = json!({"fieldActions": {"Name": {"overwrite": true, "add": "Countess"}}});
    rehearsal.service("POST", &path, &edit);
    let ada = explained(&rehearsal, &[&name, id]);
    assert_eq!((&ada["row"], &ada["now"]["state"]), (&json!(1), &json!("changed since")));
    let edit = json!({"field": "Name", "before": ["Ada"], "after": ["Countess"]});
    assert_eq!(ada["now"]["edits"], json!([edit]), "{ada}");

    rehearsal.json(["retry", &name, "--yes"]).expect(1);
    let retried = explained(&rehearsal, &[&name, "3"]);
    assert_eq!(retried["retried_in"].as_array().unwrap().len(), 1, "{retried}");

    let seen = rehearsal.requests();
    let text = rehearsal.ferry(["explain", &name, "2", "--offline"]).expect(0).stdout;
    for part in
        ["row 2 of", "line 3: created", "email: bob@x.example", "its answer was lost", "\"Name\":\"Bob\""]
    {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    assert!(!text.contains("sim-key"));
    assert_eq!(rehearsal.requests(), seen, "offline is offline");
    let none = rehearsal.ferry(["explain", &name, "99"]).expect(2);
    assert!(none.stderr.contains("neither a row nor a record `99`"), "{}", none.transcript());
    assert!(run_of(&rehearsal, &out).exists());
}

#[test]
fn a_row_of_which_nothing_or_only_a_part_was_written_is_not_as_written() {
    let rehearsal = Rehearsal::new("");
    let contact = |title: &str| {
        let value = |value: &str| json!([{"value": value, "modifier": ""}]);
        json!({"record_type": "person", "fields": {"first name": value(title), "title": value(title)}})
    };
    let made = rehearsal.post("/nimble/contacts", &json!([contact("A"), contact("B")]).to_string());
    let [refused, even] = [0, 1].map(|at| made[at].as_str().unwrap().to_owned());
    rehearsal.faults(&format!(
        "[[fault]]\nkind = \"error_before_commit\"\nmethod = \"PUT\"\npath_regex = \"{refused}|tags$\"\nstatus = 409\n"
    ));
    let rows = [
        format!("{refused},person,,Boss,\n"),
        format!("{even},company,,Boss,\n"),
        ",person,New,Boss,a;b;c;d;e;f;g\n".to_owned(),
        "zzz,person,,Boss,\n".to_owned(),
    ];
    rehearsal.file("rows.csv", format!("_id,_type,first name,title,_tags\n{}", rows.concat()));
    let out = rehearsal.json(["import", "rows.csv", "nimble:contacts", "--yes"]).expect(1);
    let run = run_of(&rehearsal, &out);
    let name = out.summary()["run"].as_str().unwrap().to_owned();
    let now = |row: &str| explained(&rehearsal, &[&name, row])["now"].clone();
    assert_eq!(now("1")["state"], "nothing was written");
    assert_eq!(now("2")["state"], "nothing was written");
    assert_eq!((&now("3")["state"], &now("3")["edits"]), (&json!("written in part"), &json!([])));
    // An edit of what was written is told, and nothing of what never was.
    let id = explained(&rehearsal, &[&name, "3"])["id"].as_str().unwrap().to_owned();
    let edit = json!({"fields": {"title": [{"value": "Foreign", "modifier": ""}]}});
    rehearsal.service("PUT", &format!("/contact/{id}"), &edit);
    let edited = json!({"field": "title", "before": ["Boss"], "after": ["Foreign"]});
    assert_eq!((&now("3")["state"], &now("3")["edits"]), (&json!("changed since"), &json!([edited])));

    // Where the value to blame is known, it is said.
    let rejected = result_rows(&run, "rejected.csv");
    let blamed = |row: &str| {
        let found = rejected.iter().find(|rejected| rejected["_ferry_row"] == row).unwrap();
        (found["_ferry_field"].clone(), found["_ferry_value"].clone())
    };
    assert_eq!(blamed("2"), ("_type".to_owned(), "company".to_owned()));
    assert_eq!(blamed("4"), ("_id".to_owned(), "zzz".to_owned()));
}

#[test]
fn what_was_made_for_a_link_is_told_by_its_name_before_and_by_its_id_after() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("map.toml", linking("Company", "create"));
    rehearsal.file("rows.csv", "name,company\nAda,NewCo\n");
    let planned =
        rehearsal.ferry(["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "-n"]).expect(0);
    assert!(planned.stderr.contains("Company: NewCo"), "{}", planned.transcript());
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"];
    let out = rehearsal.json(import).expect(0);
    let company = record_id(&rehearsal.records("Companies")[0]);
    let name = out.summary()["run"].as_str().unwrap().to_owned();
    let ada = explained(&rehearsal, &[&name, "1"]);
    assert_eq!(ada["now"]["state"], "as written", "{ada}");
    assert_eq!(ada["requests"][0]["body"]["fields"]["Company"], json!([company]), "{ada}");
    assert!(!ada.to_string().contains("ffffff"), "{ada}");
    let path = format!("/zapier/actions/update-record/{}?overwrite=true", ada["id"].as_str().unwrap());
    let edit = json!({"fieldActions": {"Name": {"overwrite": true, "add": "Countess"}}});
    rehearsal.service("POST", &path, &edit);
    let edited = json!({"field": "Name", "before": ["Ada"], "after": ["Countess"]});
    assert_eq!(explained(&rehearsal, &[&name, "1"])["now"]["edits"], json!([edited]));
}
