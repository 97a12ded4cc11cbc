//! Links between records, records that are made for them, and the id map (design sections 7, 9.1 and 9.5).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::accounts::{
    assert_balanced, assert_every_row_has_one_result, contact_value, linking, record_id, result_rows, run_of,
    tally,
};
use crate::support::{Output, Rehearsal};

const COMPANIES: &str = r#"
[mapping]
key = ["Name"]
[[field]]
to = "Name"
from = "name"
[[field]]
to = "Domain"
from = "domain"
"#;

fn import(rehearsal: &Rehearsal, file: &str, to: &str, mapping: &str, code: i32) -> Output {
    rehearsal.file("map.toml", mapping);
    let out = rehearsal.json(["import", file, to, "-m", "map.toml", "--yes"]).expect(code);
    assert_balanced(&out);
    out
}

/// The records of a folder by name: the ids of each.
fn ids(rehearsal: &Rehearsal, folder: &str) -> BTreeMap<String, Vec<String>> {
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in rehearsal.records(folder) {
        ids.entry(name(&record)).or_default().push(record_id(&record));
    }
    ids
}

fn name(record: &Value) -> String {
    record["fields"]["Name"].as_str().unwrap_or_default().to_owned()
}

/// The names that a link field of each record leads to.
fn links(rehearsal: &Rehearsal, folder: &str, field: &str, to: &str) -> BTreeMap<String, Vec<String>> {
    let names: BTreeMap<String, String> =
        rehearsal.records(to).iter().map(|record| (record_id(record), name(record))).collect();
    let of = |record: &Value| {
        let linked = record["fields"][field].as_array().cloned().unwrap_or_default();
        let linked = linked.iter().map(|id| names.get(id.as_str().unwrap()).cloned().unwrap_or_default());
        (name(record), linked.collect())
    };
    rehearsal.records(folder).iter().map(of).collect()
}

fn owned(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    pairs
        .iter()
        .map(|(name, to)| ((*name).to_owned(), to.iter().map(|to| (*to).to_owned()).collect()))
        .collect()
}

#[test]
fn links_lead_to_records_that_are_there_and_the_second_time_there_is_nothing_to_do() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("companies.csv", "name,domain\nACME,acme.example\nGlobex,globex.example\n");
    import(&rehearsal, "companies.csv", "nethunt:Companies", COMPANIES, 0);
    rehearsal.file("deals.csv", "name,company\nOne,acme\nTwo,Globex\nThree,\n");
    let mapping = linking("Company", "reject");
    let out = import(&rehearsal, "deals.csv", "nethunt:Deals", &mapping, 0);
    assert_eq!(out.count("created"), 3, "{}", out.transcript());
    let expected = owned(&[("One", &["ACME"]), ("Two", &["Globex"]), ("Three", &[])]);
    assert_eq!(links(&rehearsal, "Deals", "Company", "Companies"), expected);
    let seen = rehearsal.requests();
    let again = import(&rehearsal, "deals.csv", "nethunt:Deals", &mapping, 0);
    assert_eq!(again.count("unchanged"), 3, "{}", again.transcript());
    assert!(rehearsal.writes_since(seen).is_empty());
}

#[test]
fn what_is_missing_is_made_once_and_first_or_rejected_or_left_blank() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("companies.csv", "name,domain\nACME,acme.example\n");
    import(&rehearsal, "companies.csv", "nethunt:Companies", COMPANIES, 0);
    rehearsal.file("deals.csv", "name,company\nOne,ACME\nTwo,Globex\nThree,globex \n");

    let out = import(&rehearsal, "deals.csv", "nethunt:Deals", &linking("Company", "reject"), 1);
    assert_eq!((out.count("created"), out.count("rejected")), (1, 2), "{}", out.transcript());
    let run = run_of(&rehearsal, &out);
    assert_every_row_has_one_result(&run, 3);
    let rejected = result_rows(&run, "rejected.csv");
    assert_eq!(
        (rejected[0]["_ferry_field"].as_str(), rejected[0]["_ferry_value"].as_str()),
        ("Company", "Globex")
    );
    assert!(rejected[0]["_ferry_reason"].contains("`nethunt:Companies` has no such record"), "{rejected:?}");
    let listed = result_rows(&run, "links.csv");
    assert_eq!(listed.iter().map(|link| link["link"].as_str()).collect::<Vec<_>>(), ["missing", "missing"]);

    let out = import(&rehearsal, "deals.csv", "nethunt:Deals", &linking("Company", "blank"), 0);
    assert_eq!((out.count("created"), out.count("unchanged")), (2, 1), "{}", out.transcript());
    assert_eq!(rehearsal.records("Companies").len(), 1);

    let seen = rehearsal.requests();
    let mapping = linking("Company", "create");
    rehearsal.file("map.toml", &mapping);
    let planned = rehearsal.json(["import", "deals.csv", "nethunt:Deals", "-m", "map.toml", "-n"]).expect(0);
    assert!(
        planned.stderr.contains("1 record to create in nethunt:Companies: Globex"),
        "{}",
        planned.transcript()
    );
    assert!(planned.stderr.contains("2 Company: to records of nethunt:Companies that are made first"));
    assert!(rehearsal.writes_since(seen).is_empty());
    let out = import(&rehearsal, "deals.csv", "nethunt:Deals", &mapping, 0);
    assert_eq!((out.count("updated"), out.count("unchanged")), (2, 1), "{}", out.transcript());
    let writes = rehearsal.writes_since(seen);
    assert_eq!(writes.len(), 3, "one company, two deals: {writes:?}");
    assert!(writes[0].path.contains("create-record"), "{writes:?}");
    let expected = owned(&[("One", &["ACME"]), ("Two", &["Globex"]), ("Three", &["Globex"])]);
    assert_eq!(links(&rehearsal, "Deals", "Company", "Companies"), expected);
    let seen = rehearsal.requests();
    import(&rehearsal, "deals.csv", "nethunt:Deals", &mapping, 0);
    assert!(rehearsal.writes_since(seen).is_empty(), "there is nothing left to do");
}

#[test]
fn a_name_that_several_records_have_is_rejected_with_the_candidates() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("companies.csv", "name,domain\nACME,a.example\nAcme,b.example\n");
    let by_domain = COMPANIES.replace("key = [\"Name\"]", "key = [\"Domain\"]");
    import(&rehearsal, "companies.csv", "nethunt:Companies", &by_domain, 0);
    rehearsal.file("deals.csv", "name,company\nOne,ACME\n");
    let out = import(&rehearsal, "deals.csv", "nethunt:Deals", &linking("Company", "create"), 1);
    assert_eq!(out.count("rejected"), 1, "{}", out.transcript());
    let reason = &result_rows(&run_of(&rehearsal, &out), "rejected.csv")[0]["_ferry_reason"];
    for candidate in ids(&rehearsal, "Companies").into_values().flatten() {
        assert!(reason.contains(&candidate), "{reason}");
    }
}

#[test]
fn rows_of_one_file_may_link_to_each_other_and_to_themselves() {
    let rehearsal = Rehearsal::new("");
    let rows = "name,parent\nChild,Parent\nParent,\nOne,Two\nTwo,One\nSelf,Self\nLost,Nobody\nOrphan,Lost\n";
    rehearsal.file("companies.csv", rows);
    let out = import(&rehearsal, "companies.csv", "nethunt:Companies", &linking("Parent", "reject"), 1);
    assert_eq!((out.count("created"), out.count("rejected")), (5, 2), "{}", out.transcript());
    let run = run_of(&rehearsal, &out);
    assert_every_row_has_one_result(&run, 7);
    let rejected = result_rows(&run, "rejected.csv");
    assert!(rejected[1]["_ferry_reason"].contains("row 6, which is rejected"), "{rejected:?}");
    let expected = owned(&[
        ("Child", &["Parent"]),
        ("Parent", &[]),
        ("One", &["Two"]),
        ("Two", &["One"]),
        ("Self", &["Self"]),
    ]);
    assert_eq!(links(&rehearsal, "Companies", "Parent", "Companies"), expected);
    assert_eq!((rehearsal.effects("create"), rehearsal.effects("update")), (5, 4));
    let seen = rehearsal.requests();
    let again = import(&rehearsal, "companies.csv", "nethunt:Companies", &linking("Parent", "reject"), 1);
    assert_eq!(again.count("unchanged"), 5, "{}", again.transcript());
    assert!(rehearsal.writes_since(seen).is_empty());
}

#[test]
fn a_row_that_doubles_another_makes_no_link_to_that_one_uncertain() {
    let rehearsal = Rehearsal::new("");
    let rows = "name,parent\nAlpha,Beta\nBeta,Gamma\nGamma,Alpha\nAlpha ,Beta\nKid,alpha\n";
    rehearsal.file("companies.csv", rows);
    let out = import(&rehearsal, "companies.csv", "nethunt:Companies", &linking("Parent", "reject"), 1);
    assert_eq!((out.count("created"), out.count("rejected")), (4, 1), "{}", out.transcript());
    let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    assert_eq!(rejected[0]["_ferry_row"], "4");
    assert!(rejected[0]["_ferry_reason"].contains("row 1 of the file has the same key"), "{rejected:?}");
    let expected =
        owned(&[("Alpha", &["Beta"]), ("Beta", &["Gamma"]), ("Gamma", &["Alpha"]), ("Kid", &["Alpha"])]);
    assert_eq!(links(&rehearsal, "Companies", "Parent", "Companies"), expected);
}

const PERSONS: &str = r#"
[mapping]
key = ["email[work]"]
[[field]]
to = "_type"
const = "person"
[[field]]
to = "first name"
from = "name"
[[field]]
to = "email[work]"
from = "email"
[[field]]
to = "parent company"
from = "company"
"#;

/// Makes a contact past Ferry; its id.
fn contact(rehearsal: &Rehearsal, kind: &str, fields: &[(&str, &str)]) -> String {
    let filled = fields.iter().filter(|(_, value)| !value.is_empty());
    let entries = filled.map(|(field, value)| {
        let modifier = if *field == "email" { "work" } else { "" };
        ((*field).to_owned(), json!([{"value": value, "modifier": modifier}]))
    });
    let fields = Value::Object(entries.collect());
    let made = rehearsal.service("POST", "/contact", &json!({"record_type": kind, "fields": fields}));
    made["id"].as_str().unwrap().to_owned()
}

fn companies(rehearsal: &Rehearsal) -> BTreeMap<String, usize> {
    let contacts = rehearsal.contacts();
    tally(
        contacts.iter().map(|contact| contact_value(contact, "company name")).filter(|name| !name.is_empty()),
    )
}

#[test]
fn new_parent_companies_are_made_first_each_once_whatever_happens() {
    for fault in ["", "lost_answer", "lost_request", "error_after_commit"] {
        let faults = match fault {
            "" => String::new(),
            kind => format!("[[fault]]\nkind = \"{kind}\"\nmethod = \"POST\"\nat = [1, 2, 5]\n"),
        };
        let rehearsal = Rehearsal::new(&faults);
        let rows = "name,email,company\nAda,a@x.example,ACME\nBob,b@x.example,acme\nEve,c@x.example,Globex\nZoe,z@x.example,\n";
        rehearsal.file("rows.csv", rows);
        let out = import(&rehearsal, "rows.csv", "nimble:contacts", PERSONS, 0);
        assert_eq!(out.count("created"), 4, "{fault}: {}", out.transcript());
        let expected = tally(["ACME", "Globex"].map(str::to_owned));
        assert_eq!(companies(&rehearsal), expected, "{fault}");
        assert_eq!(rehearsal.contacts().len(), 6, "{fault}");
        let seen = rehearsal.requests();
        let again = import(&rehearsal, "rows.csv", "nimble:contacts", PERSONS, 0);
        assert_eq!(again.count("unchanged"), 4, "{}", again.transcript());
        assert!(rehearsal.writes_since(seen).is_empty());
    }
}

#[test]
fn a_company_that_the_file_brings_itself_is_not_made_twice() {
    let rehearsal = Rehearsal::new("");
    let mapping = "[mapping]\nmode = \"create\"\n[[field]]\nto = \"first name\"\nfrom = \"first\"\n\
                   [[field]]\nto = \"company name\"\nfrom = \"name\"\n\
                   [[field]]\nto = \"parent company\"\nfrom = \"company\"\n";
    rehearsal.file("rows.csv", "first,name,company\nAda,,ACME\n,ACME,\nBob,,ACME\n");
    let out = import(&rehearsal, "rows.csv", "nimble:contacts", mapping, 0);
    assert_eq!(out.count("created"), 3, "{}", out.transcript());
    assert_eq!(companies(&rehearsal), tally(["ACME".to_owned()]));
    let contacts = rehearsal.contacts();
    let linked = contacts.iter().filter(|contact| contact_value(contact, "parent company") == "ACME").count();
    assert_eq!((contacts.len(), linked), (3, 2));
}

#[test]
fn a_parent_company_can_be_asked_to_be_there() {
    let rehearsal = Rehearsal::new("");
    let link = "\nlink = { stream = \"nimble:contacts\", by = \"company name\", missing = \"reject\" }\n";
    let mapping = format!("{}{link}", PERSONS.trim_end());
    rehearsal.file("rows.csv", "name,email,company\nAda,a@x.example,ACME\nBob,b@x.example,\n");
    let out = import(&rehearsal, "rows.csv", "nimble:contacts", &mapping, 1);
    assert_eq!((out.count("created"), out.count("rejected")), (1, 1), "{}", out.transcript());
    contact(&rehearsal, "company", &[("company name", "ACME")]);
    let out = import(&rehearsal, "rows.csv", "nimble:contacts", &mapping, 0);
    assert_eq!((out.count("created"), out.count("unchanged")), (1, 1), "{}", out.transcript());
    assert_eq!(companies(&rehearsal), tally(["ACME".to_owned()]));
}

const COMPANIES_OVER: &str = r#"
[mapping]
key = ["Name"]
[[filter]]
field = "_type"
is = "company"
[[field]]
to = "Name"
from = "company name"
"#;

const PERSONS_OVER: &str = r#"
[mapping]
key = ["Email"]
[[filter]]
field = "_type"
is = "person"
[[field]]
to = "Name"
from = ["first name", "last name"]
join = " "
[[field]]
to = "Email"
from = "email[*]"
take = "all"
[[field]]
to = "Company"
from = "parent company"
link = { stream = "nethunt:Companies", by = "Name", missing = "create" }
"#;

#[test]
fn a_migration_keeps_its_links_and_knows_its_records_again() {
    let rehearsal = Rehearsal::new("");
    for company in ["ACME", "Globex"] {
        contact(&rehearsal, "company", &[("company name", company)]);
    }
    for (name, company) in [("Ada", "ACME"), ("Bob", "Globex"), ("Eve", "acme"), ("Zoe", "")] {
        let email = format!("{name}@x.example");
        contact(
            &rehearsal,
            "person",
            &[("first name", name), ("email", &email), ("parent company", company)],
        );
    }
    let over = |mapping: &str, to: &str, code| import(&rehearsal, "nimble:contacts", to, mapping, code);
    over(COMPANIES_OVER, "nethunt:Companies", 0);
    let persons = over(PERSONS_OVER, "nethunt:Contacts", 0);
    assert_eq!(persons.count("created"), 4, "{}", persons.transcript());
    let expected = owned(&[("Ada", &["ACME"]), ("Bob", &["Globex"]), ("Eve", &["ACME"]), ("Zoe", &[])]);
    assert_eq!(links(&rehearsal, "Contacts", "Company", "Companies"), expected);

    let seen = rehearsal.requests();
    let again = over(PERSONS_OVER, "nethunt:Contacts", 0);
    assert_eq!(again.count("unchanged"), persons.count("mapped"), "{}", again.transcript());
    assert!(rehearsal.writes_since(seen).is_empty());
    assert!(again.stderr.contains("matched by an earlier run"), "{}", again.transcript());

    // A person who has got other addresses there is still the same person.
    let made = ids(&rehearsal, "Contacts")["Ada"].clone();
    let body = json!({"timeZone": "Europe/London", "fieldActions": {"Email": {"overwrite": true, "add": ["new@x.example"]}}});
    let path = format!("/zapier/actions/update-record/{}?overwrite=true", made[0]);
    rehearsal.service("POST", &path, &body);
    let out = over(PERSONS_OVER, "nethunt:Contacts", 0);
    assert_eq!((out.count("created"), out.count("updated")), (0, 1), "{}", out.transcript());

    // One that is gone is made anew, and that is said.
    rehearsal.service("POST", &format!("/zapier/actions/delete-record/{}", made[0]), &json!({}));
    let out = over(PERSONS_OVER, "nethunt:Contacts", 0);
    assert_eq!((out.count("created"), out.count("updated")), (1, 0), "{}", out.transcript());
    assert!(out.stderr.contains("1 row matched by key: the record"), "{}", out.transcript());
    let out = over(PERSONS_OVER, "nethunt:Contacts", 0);
    assert_eq!(out.count("unchanged"), persons.count("mapped"), "{}", out.transcript());
}

#[test]
fn a_link_by_source_id_follows_what_earlier_runs_made() {
    let rehearsal = Rehearsal::new("");
    let company = contact(&rehearsal, "company", &[("company name", "ACME")]);
    let person = contact(&rehearsal, "person", &[("first name", "Ada")]);
    let note = |of: &str| json!({"contact_ids": [of], "note": "x", "note_preview": "x"});
    rehearsal.service("POST", "/contacts/notes", &note(&company));
    rehearsal.service("POST", "/contacts/notes", &note(&person));
    import(&rehearsal, "nimble:contacts", "nethunt:Companies", COMPANIES_OVER, 0);
    let mapping = "[mapping]\nmode = \"create\"\n[[field]]\nto = \"Name\"\nfrom = \"_record\"\n\
                   [[field]]\nto = \"Company\"\nfrom = \"_record\"\n\
                   link = { stream = \"nethunt:Companies\", by = \"_source_id\", missing = \"blank\" }\n";
    let out = import(&rehearsal, "nimble:notes", "nethunt:Deals", mapping, 0);
    assert_eq!(out.count("created"), 2, "{}", out.transcript());
    let linked = links(&rehearsal, "Deals", "Company", "Companies");
    assert_eq!(linked, owned(&[(&company, &["ACME"]), (&person, &[])]));
}

#[test]
fn a_load_that_is_killed_while_it_links_goes_on_to_the_same_end() {
    let rows: String = (0..12).map(|row| format!("Row {row},Row {},\n", (row + 1) % 12)).collect();
    let file = format!("name,parent,\n{rows}");
    for kill_at in [1, 5, 12, 14, 20] {
        let rehearsal = Rehearsal::new("[[fault]]\nkind = \"slow_body\"\nmethod = \"POST\"\nslow_ms = 30\n");
        rehearsal.file("companies.csv", &file);
        rehearsal.file("map.toml", linking("Parent", "reject"));
        let life =
            rehearsal.spawn(["import", "companies.csv", "nethunt:Companies", "-m", "map.toml", "--yes"]);
        rehearsal.wait_until("enough is sent", |now| {
            now.ledger().iter().filter(|entry| entry.is_write()).count() >= kill_at
        });
        life.kill_9();
        let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
        assert_balanced(&out);
        let linked = links(&rehearsal, "Companies", "Parent", "Companies");
        let expected: BTreeMap<_, _> =
            (0..12).map(|row| (format!("Row {row}"), vec![format!("Row {}", (row + 1) % 12)])).collect();
        assert_eq!(linked, expected, "{kill_at}: {}", out.transcript());
        assert_eq!(rehearsal.records("Companies").len(), 12, "{kill_at}");
    }
}

#[test]
fn a_link_that_cannot_be_is_said_before_anything_is_read() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("deals.csv", "name,company\nOne,ACME\n");
    let cases = [
        ("nethunt:Companies\", by = \"Nmae", "did you mean `Name`?"),
        ("nethunt:Compnies\", by = \"Name", "Compnies"),
        ("nimble:contacts\", by = \"company name", "records link to records of the same account"),
        ("nethunt:Companies\", by = \"_source_id", "can be made by `_source_id` alone"),
    ];
    for (link, said) in cases {
        let mapping = linking("Company", "create").replace("nethunt:Companies\", by = \"Name", link);
        rehearsal.file("map.toml", mapping);
        let out =
            rehearsal.ferry(["import", "deals.csv", "nethunt:Deals", "-m", "map.toml", "--yes"]).expect(2);
        assert!(
            out.stderr.contains("link` of `Company`") && out.stderr.contains(said),
            "{}",
            out.transcript()
        );
    }
}

/// How many companies were made before the first deal.
fn made_before_the_first_deal(rehearsal: &Rehearsal) -> usize {
    let ledger = rehearsal.ledger();
    let writes: Vec<_> = ledger.iter().filter(|entry| entry.is_write()).collect();
    let folder = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let companies = folder(&writes[0].path);
    writes.iter().take_while(|entry| folder(&entry.path) == companies).count()
}

#[test]
fn a_canary_makes_only_what_its_rows_link_to_and_the_limit_counts_what_is_made_for_links() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("deals.csv", "name,company\nOne,A\nTwo,B\nThree,C\nFour,A\n");
    rehearsal.file("map.toml", linking("Company", "create"));
    let import = ["import", "deals.csv", "nethunt:Deals", "-m", "map.toml", "--yes"];
    let out = rehearsal.json(import.into_iter().chain(["--max-changes", "6"])).expect(4);
    assert!(out.stderr.contains("changes 7 records, and 6 are allowed"), "{}", out.transcript());
    assert!(rehearsal.writes_since(0).is_empty());
    let limits = ["--max-changes", "7", "--canary", "2"];
    let out = rehearsal.json(import.into_iter().chain(limits)).expect(0);
    assert_eq!((out.count("created"), out.count("linked_created")), (4, 3), "{}", out.transcript());
    assert_eq!(made_before_the_first_deal(&rehearsal), 2);
    let expected = owned(&[("One", &["A"]), ("Two", &["B"]), ("Three", &["C"]), ("Four", &["A"])]);
    assert_eq!(links(&rehearsal, "Deals", "Company", "Companies"), expected);
}

#[test]
fn records_that_link_can_be_marked() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "name,company\nAda,A\nBob,A\n");
    rehearsal.file("map.toml", linking("Company", "create"));
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"];
    let out = rehearsal.json(import.into_iter().chain(["--marker-field", "External ID"])).expect(0);
    assert_eq!(out.count("created"), 2, "{}", out.transcript());
    let expected = owned(&[("Ada", &["A"]), ("Bob", &["A"])]);
    assert_eq!(links(&rehearsal, "Contacts", "Company", "Companies"), expected);
}
