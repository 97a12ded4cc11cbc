//! Mappings through the command: checking and trying them, what becomes of values that cannot be read, filters,
//! keys, write rules and modes, against both services.

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, contact_value, contact_values, result_rows, run_of};
use crate::support::{Output, Rehearsal};

/// The head of a mapping into NetHunt's Contacts, with one field beside the key.
fn nethunt(head: &str, fields: &str) -> String {
    let head = if head.contains("key") { head.to_owned() } else { format!("key = [\"Name\"]\n{head}") };
    format!(
        "[mapping]\ntarget = \"nethunt:Contacts\"\n{head}\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n{fields}"
    )
}

fn nimble(head: &str, fields: &str) -> String {
    let head = if head.contains("key") { head.to_owned() } else { format!("key = [\"last name\"]\n{head}") };
    format!(
        "[mapping]\ntarget = \"nimble:contacts\"\n{head}\n[[field]]\nto = \"last name\"\nfrom = \"name\"\n{fields}"
    )
}

/// Imports a sheet through a mapping; the accounts of every import balance.
fn import(rehearsal: &Rehearsal, sheet: &str, mapping: &str, more: &[&str]) -> Output {
    rehearsal.file("s.csv", sheet);
    rehearsal.file("m.toml", mapping);
    let target = if mapping.contains("nimble:contacts") { "nimble:contacts" } else { "nethunt:Contacts" };
    let out = rehearsal.json([&["import", "s.csv", target, "-m", "m.toml", "--yes"], more].concat());
    assert_balanced(&out);
    out
}

/// A record's fields in NetHunt's Contacts, by its name.
fn fields(rehearsal: &Rehearsal, name: &str) -> Value {
    let records = rehearsal.records("Contacts");
    let found = records.iter().find(|record| record["fields"]["Name"] == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {records:?}"))["fields"].clone()
}

fn contact(rehearsal: &Rehearsal, name: &str) -> Value {
    let contacts = rehearsal.contacts();
    let found = contacts.iter().find(|contact| contact_value(contact, "last name") == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {contacts:?}")).clone()
}

#[test]
fn check_and_test_say_what_is_there_and_what_differs() {
    let rehearsal = Rehearsal::new("");
    let good = nethunt("", "[[field]]\nto = \"Zip\"\nfrom = \"zip\"\n");
    let example = |zip: &str| {
        format!(
            "\n[[example]]\nin = {{ name = \" A \", zip = \"007\" }}\nout = {{ Name = \"A\", Zip = \"{zip}\" }}\n"
        )
    };
    rehearsal.file("good.toml", format!("{good}{}", example("007")));
    rehearsal.file("differs.toml", format!("{good}{}", example("7")));
    rehearsal.file("none.toml", &good);
    rehearsal.file("wrong.toml", good.replace("Zip", "Zpi").replace("from = \"name\"", "form = \"name\""));

    let out = rehearsal.ferry(["mapping", "check", "good.toml", "none.toml"]).expect(0);
    assert_eq!(out.stdout, "good.toml: ok (2 fields, 1 example)\nnone.toml: ok (2 fields, 0 examples)\n");
    let out = rehearsal.json(["mapping", "check", "good.toml"]).expect(0);
    assert_eq!(out.objects(), [json!({"file": "good.toml", "ok": true, "fields": 2, "examples": 1})]);

    let out = rehearsal.ferry(["mapping", "test", "good.toml", "none.toml"]).expect(0);
    assert!(
        out.stdout.contains("good.toml:12: ok") && out.stdout.contains("none.toml: no examples"),
        "{}",
        out.stdout
    );
    let out = rehearsal.ferry(["mapping", "test", "differs.toml"]).expect(1);
    assert_eq!(out.stdout, "differs.toml:12: differs\n  Zip: expected \"7\"\n  Zip: made     \"007\"\n");
    let out = rehearsal.json(["mapping", "test", "good.toml", "differs.toml"]).expect(1);
    assert_eq!(
        out.objects(),
        [
            json!({"file": "good.toml", "line": 12, "ok": true, "differences": []}),
            json!({"file": "differs.toml", "line": 12, "ok": false,
                "differences": [{"field": "Zip", "expected": "\"7\"", "made": "\"007\""}]}),
        ]
    );

    let out = rehearsal.ferry(["mapping", "check", "good.toml", "wrong.toml", "missing.toml"]).expect(2);
    assert!(out.stdout.contains("good.toml: ok"), "{}", out.transcript());
    for word in ["wrong.toml:7:1", "`form`", "`from`", "missing.toml", "No such file"] {
        assert!(out.stderr.contains(word), "no {word}: {}", out.transcript());
    }
    assert!(rehearsal.writes_since(0).is_empty());
}

#[test]
fn a_value_that_cannot_be_read_rejects_blanks_or_stays() {
    let sheet = "name,birthday\nAda,10/12/1815\nBob,soon\n";
    let date = |rule: &str| {
        format!(
            "[[field]]\nto = \"External ID\"\nfrom = \"birthday\"\ndo = [{{ date = {{ from = [\"%d/%m/%Y\"] }} }}]\n{rule}"
        )
    };
    for (head, rule, kept) in [
        ("", "", None),
        ("", "on_error = \"reject\"\n", None),
        ("", "on_error = \"blank\"\n", Some(json!(null))),
        ("", "on_error = \"keep\"\n", Some(json!("soon"))),
        ("on_error = \"keep\"\n", "", Some(json!("soon"))),
        ("on_error = \"keep\"\n", "on_error = \"blank\"\n", Some(json!(null))),
    ] {
        let rehearsal = Rehearsal::new("");
        let out = import(&rehearsal, sheet, &nethunt(head, &date(rule)), &[]);
        assert_eq!(fields(&rehearsal, "Ada")["External ID"], "1815-12-10");
        match kept {
            None => {
                assert_eq!(
                    (out.code, out.count("rejected"), out.count("created")),
                    (1, 1, 1),
                    "{}",
                    out.transcript()
                );
                let rows = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
                assert_eq!(
                    (rows[0]["_ferry_row"].as_str(), rows[0]["_ferry_field"].as_str()),
                    ("2", "External ID")
                );
                assert!(rows[0]["_ferry_reason"].contains("`soon`"), "{rows:?}");
                assert_eq!((rows[0]["name"].as_str(), rows[0]["_ferry_value"].as_str()), ("Bob", "soon"));
            }
            Some(value) => {
                assert_eq!((out.code, out.count("created")), (0, 2), "{}", out.transcript());
                assert_eq!(fields(&rehearsal, "Bob")["External ID"], value, "{head}{rule}");
            }
        }
    }
}

#[test]
fn what_a_filter_leaves_out_is_counted_and_not_sent() {
    let rehearsal = Rehearsal::new("");
    let mapping = nethunt("[[filter]]\nfield = \"kind\"\nis = \"person\"\n", "");
    let out = import(&rehearsal, "name,kind\nAda,person\nBob,robot\nCyd,person\nDee,\n", &mapping, &[]);
    assert_eq!((out.code, out.count("filtered"), out.count("created")), (0, 2, 2), "{}", out.transcript());
    assert_eq!(rehearsal.records("Contacts").len(), 2);
}

#[test]
fn keys_may_be_composite_or_alternatives_and_are_compared_as_people_would() {
    let extra = "[[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n\
                 [[field]]\nto = \"Phone\"\nfrom = \"phone\"\nmulti = true\n\
                 [[field]]\nto = \"Zip\"\nfrom = \"zip\"\n";
    let first = "name,email,phone,zip\nAda,ada@example.org;ada@home.example,+44 20 7946 0018,1\nBob,,+49 30 123456,2\n";
    let rehearsal = Rehearsal::new("");
    let alternatives = nethunt("key = [[\"Email\"], [\"Phone\"]]\n", extra);
    assert_eq!(import(&rehearsal, first, &alternatives, &[]).expect(0).count("created"), 2);
    // Any value of a list is enough, case and name do not matter, nor how a number is written.
    let again = "name,email,phone,zip\nAda,Ada <ADA@home.example>,,1\nBob,,+4930123456,22\n";
    let out = import(&rehearsal, again, &alternatives, &[]).expect(0);
    assert_eq!((out.count("created"), out.count("read")), (0, 2), "{}", out.transcript());
    assert_eq!(fields(&rehearsal, "Bob")["Zip"], "22");
    assert_eq!(rehearsal.records("Contacts").len(), 2);

    let composite = nethunt(
        "key = [\"Name\", \"Zip\"]\n",
        "[[field]]\nto = \"Zip\"\nfrom = \"zip\"\n[[field]]\nto = \"Notes\"\nfrom = \"notes\"\n",
    );
    let out = import(&rehearsal, "name,zip,notes\n  ADA ,1,same\nAda,2,other\n", &composite, &[]).expect(0);
    assert_eq!((out.count("updated"), out.count("created")), (1, 1), "{}", out.transcript());
}

#[test]
fn rows_without_a_key_or_with_one_that_was_there_are_rejected() {
    let extra = "[[field]]\nto = \"External ID\"\nfrom = \"id\"\n";
    let sheet = "name,id\nAda,1\nBob,\nCyd,1\nDee,2\nEve, \n";
    let rehearsal = Rehearsal::new("");
    let out = import(&rehearsal, sheet, &nethunt("key = [\"External ID\"]\n", extra), &[]).expect(1);
    assert_eq!((out.count("created"), out.count("rejected")), (2, 3), "{}", out.transcript());
    let rows = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    let named: Vec<_> = rows.iter().map(|row| row["name"].as_str()).collect();
    assert_eq!(named, ["Bob", "Cyd", "Eve"]);
    assert!(rows.iter().all(|row| !row["_ferry_reason"].is_empty()), "{rows:?}");
    assert!(rows[1]["_ferry_reason"].contains('1'), "the row that has the key is named: {rows:?}");

    let rehearsal = Rehearsal::new("");
    let creates = nethunt("key = [\"External ID\"]\nblank_key = \"create\"\n", extra);
    let out = import(&rehearsal, sheet, &creates, &[]).expect(1);
    assert_eq!((out.count("created"), out.count("rejected")), (4, 1), "{}", out.transcript());
}

#[test]
fn a_key_that_two_records_have_is_refused_with_both() {
    let rehearsal = Rehearsal::new("");
    let twice = nethunt("key = [\"External ID\"]\n", "[[field]]\nto = \"External ID\"\nfrom = \"id\"\n");
    import(&rehearsal, "name,id\nAda,1\nAda,2\n", &twice, &[]).expect(0);
    let out = import(&rehearsal, "name\nAda\n", &nethunt("", ""), &[]).expect(1);
    assert_eq!(out.count("rejected"), 1, "{}", out.transcript());
    let row = result_rows(&run_of(&rehearsal, &out), "rejected.csv").remove(0);
    for record in rehearsal.records("Contacts") {
        let id = record["recordId"].as_str().or(record["id"].as_str()).unwrap();
        assert!(row["_ferry_reason"].contains(id), "no {id} in {row:?}");
    }
}

#[test]
fn modes_say_what_may_be_done_and_the_rest_is_skipped() {
    for target in [nethunt as fn(&str, &str) -> String, nimble] {
        let rehearsal = Rehearsal::new("");
        import(&rehearsal, "name\nAda\n", &target("", ""), &[]).expect(0);
        let field = if target("", "").contains("nimble") { "title" } else { "Zip" };
        let extra = format!("[[field]]\nto = \"{field}\"\nfrom = \"x\"\n");
        let sheet = "name,x\nAda,1\nBob,2\n";
        for (head, flag, expected) in [
            ("mode = \"create\"\n", &[][..], [1, 0, 1]),
            ("mode = \"update\"\n", &[], [0, 1, 1]),
            ("mode = \"upsert\"\n", &[], [1, 1, 0]),
            ("", &[], [1, 1, 0]),
            ("mode = \"create\"\n", &["--mode", "update"], [0, 1, 1]),
        ] {
            let out = import(&rehearsal, sheet, &target(head, &extra), &[flag, &["-n"]].concat()).expect(0);
            let counts = ["created", "updated", "skipped"].map(|key| out.count(key));
            assert_eq!(counts, expected, "{head}{flag:?}: {}", out.transcript());
        }
        let out = import(&rehearsal, sheet, &target("mode = \"update\"\n", &extra), &[]).expect(0);
        assert_eq!((out.count("updated"), out.count("skipped")), (1, 1));
        let skipped = result_rows(&run_of(&rehearsal, &out), "succeeded.csv");
        assert!(
            skipped.iter().any(|row| row["_ferry_action"] == "skipped" && row["name"] == "Bob"),
            "{skipped:?}"
        );
    }
}

#[test]
fn write_rules_replace_add_or_fill_in_nethunt() {
    let extra = "[[field]]\nto = \"Tags\"\nfrom = \"tags\"\nmulti = true\nwrite = \"WRITE\"\n\
                 [[field]]\nto = \"Zip\"\nfrom = \"zip\"\nwrite = \"ZIP\"\n";
    let with = |tags: &str, zip: &str| nethunt("", &extra.replace("WRITE", tags).replace("ZIP", zip));
    for (tags, zip, expected_tags, expected_zip) in [
        ("replace", "replace", json!(["b", "c"]), "2"),
        ("add", "fill", json!(["a", "b", "c"]), "1"),
        ("fill", "replace", json!(["a", "b"]), "2"),
    ] {
        let rehearsal = Rehearsal::new("");
        import(&rehearsal, "name,tags,zip\nAda,a;b,1\nBob,,\n", &with("replace", "replace"), &[]).expect(0);
        let sheet = "name,tags,zip\nAda,b;c,2\nBob,b;c,2\n";
        import(&rehearsal, sheet, &with(tags, zip), &[]).expect(0);
        let ada = fields(&rehearsal, "Ada");
        let mut found: Vec<_> =
            ada["Tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!((json!(found), &ada["Zip"]), (expected_tags, &json!(expected_zip)), "{tags}, {zip}");
        // Where there was nothing, every rule writes.
        let bob = fields(&rehearsal, "Bob");
        assert_eq!((&bob["Tags"], &bob["Zip"]), (&json!(["b", "c"]), &json!("2")), "{tags}, {zip}");
        let again = import(&rehearsal, sheet, &with(tags, zip), &[]).expect(0);
        assert_eq!(again.count("unchanged"), 2, "{}", again.transcript());
    }
}

#[test]
fn write_rules_replace_add_or_fill_in_nimble() {
    let extra = "[[field]]\nto = \"phone[work]\"\nfrom = \"phone\"\nmulti = true\nwrite = \"WRITE\"\n\
                 [[field]]\nto = \"title\"\nfrom = \"title\"\nwrite = \"TITLE\"\n";
    let with = |phone: &str, title: &str| nimble("", &extra.replace("WRITE", phone).replace("TITLE", title));
    for (phone, title, expected, expected_title) in [
        ("replace", "replace", &["2", "3"][..], "new"),
        ("add", "fill", &["1", "2", "3"], "old"),
        ("fill", "replace", &["1", "2"], "new"),
    ] {
        let rehearsal = Rehearsal::new("");
        import(&rehearsal, "name,phone,title\nAda,1;2,old\nBob,,\n", &with("replace", "replace"), &[])
            .expect(0);
        let sheet = "name,phone,title\nAda,2;3,new\nBob,2;3,new\n";
        import(&rehearsal, sheet, &with(phone, title), &[]).expect(0);
        let ada = contact(&rehearsal, "Ada");
        let mut found = contact_values(&ada, "phone");
        found.sort_unstable();
        assert_eq!(
            (found, contact_value(&ada, "title").as_str()),
            (expected.iter().map(|text| (*text).to_owned()).collect(), expected_title),
            "{phone}, {title}"
        );
        let bob = contact(&rehearsal, "Bob");
        assert_eq!((contact_values(&bob, "phone").len(), contact_value(&bob, "title").as_str()), (2, "new"));
        let again = import(&rehearsal, sheet, &with(phone, title), &[]).expect(0);
        assert_eq!(again.count("unchanged"), 2, "{}", again.transcript());
    }
}

#[test]
fn a_blank_keeps_what_is_there_unless_it_is_to_clear() {
    for (head, field, expected) in [
        ("", "", json!("1")),
        ("blank = \"clear\"\n", "", json!(null)),
        ("", "blank = \"clear\"\n", json!(null)),
        ("blank = \"clear\"\n", "blank = \"keep\"\n", json!("1")),
    ] {
        let rehearsal = Rehearsal::new("");
        let mapping = nethunt(head, &format!("[[field]]\nto = \"Zip\"\nfrom = \"zip\"\n{field}"));
        import(&rehearsal, "name,zip\nAda,1\n", &mapping, &[]).expect(0);
        import(&rehearsal, "name,zip\nAda,\n", &mapping, &[]).expect(0);
        assert_eq!(fields(&rehearsal, "Ada")["Zip"], expected, "{head}{field}");
    }
}

#[test]
fn values_are_taken_joined_templated_defaulted_and_conditional() {
    let rehearsal = Rehearsal::new("");
    let mapping = r#"
[mapping]
target    = "nethunt:Contacts"
key       = ["External ID"]
time_zone = "America/New_York"
[[field]]
to   = "External ID"
from = "id"
[[field]]
to   = "Name"
from = ["first", "middle", "last"]
join = " "
[[field]]
to   = "Email"
from = ["mail1", "mail2"]
take = "all"
multi = true
[[field]]
to   = "Zip"
from = ["zip1", "zip2"]
[[field]]
to   = "Address"
from = ["zip1", "zip2"]
take = "last"
[[field]]
to    = "Country"
const = "GB"
[[field]]
to      = "Site"
from    = "site"
default = "https://none.example"
[[field]]
to       = "Notes"
template = "{first} lives at {zip2}"
when     = { field = "zip2", is = "9" }
[[field]]
to   = "Last call"
from = "called"
do   = [{ datetime = { from = ["%d.%m.%Y %H:%M"] } }]
"#;
    let sheet = "id,first,middle,last,mail1,mail2,zip1,zip2,site,called\n\
        1,Ada,,Byron,a@example.org,A@example.org;b@example.org,,9,,01.07.2024 12:00\n\
        2,Bob,B.,Bee,,,7,8,https://b.example,01.01.2024 12:00\n";
    import(&rehearsal, sheet, mapping, &[]).expect(0);
    let ada = fields(&rehearsal, "Ada Byron");
    let emails = ada["Email"].to_string().to_lowercase();
    assert_eq!(
        (emails.matches("a@example.org").count(), emails.matches("b@example.org").count()),
        (1, 1),
        "{ada}"
    );
    assert_eq!((&ada["Zip"], &ada["Address"]), (&json!("9"), &json!("9")));
    assert_eq!((&ada["Country"], &ada["Site"]), (&json!("GB"), &json!("https://none.example")));
    assert_eq!(ada["Notes"], "Ada lives at 9");
    assert!(ada["Last call"].as_str().unwrap().starts_with("2024-07-01T16:00:00"), "{ada}");
    let bob = fields(&rehearsal, "Bob B. Bee");
    assert_eq!(
        (&bob["Zip"], &bob["Address"], &bob["Site"]),
        (&json!("7"), &json!("8"), &json!("https://b.example"))
    );
    assert_eq!(bob["Notes"], json!(null));
    assert!(bob["Last call"].as_str().unwrap().starts_with("2024-01-01T17:00:00"), "{bob}");
}

#[test]
fn several_values_for_one_place_are_counted_or_refused() {
    let extra = |rule: &str| {
        format!("[[field]]\nto = \"title\"\nfrom = \"titles\"\ndo = [{{ split = {{ on = \"/\" }} }}]\n{rule}")
    };
    let sheet = "name,titles\nAda,Countess/Mathematician\nBob,Mr\n";
    let rehearsal = Rehearsal::new("");
    let out = import(&rehearsal, sheet, &nimble("", &extra("")), &[]).expect(0);
    assert_eq!(out.count("created"), 2, "{}", out.transcript());
    assert_eq!(contact_value(&contact(&rehearsal, "Ada"), "title"), "Countess");
    let rehearsal = Rehearsal::new("");
    let out = import(&rehearsal, sheet, &nimble("", &extra("on_extra = \"reject\"\n")), &[]).expect(1);
    assert_eq!((out.count("created"), out.count("rejected")), (1, 1), "{}", out.transcript());
}
