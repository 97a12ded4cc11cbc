//! The columns of a plain export: their order and names, lists, prose, addresses, and that an account always has
//! the same ones.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::Rehearsal;

fn header(rehearsal: &Rehearsal, args: &[&str]) -> Vec<String> {
    rehearsal.json([&["export"], args, &["-o", "header.csv"]].concat()).expect(0);
    let mut reader = csv::Reader::from_path(rehearsal.path("header.csv")).unwrap();
    reader.headers().unwrap().iter().map(str::to_owned).collect()
}

/// The only row of an export with a keyword, by its headers.
fn row(rehearsal: &Rehearsal, args: &[&str]) -> BTreeMap<String, String> {
    rehearsal.json([&["export"], args, &["-o", "row.csv"]].concat()).expect(0);
    let mut reader = csv::Reader::from_path(rehearsal.path("row.csv")).unwrap();
    let mut rows: Vec<_> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

#[test]
fn an_account_has_the_same_columns_however_much_is_read() {
    let rehearsal = Rehearsal::generated("", 60);
    for source in ["nimble:contacts", "nethunt:Contacts", "nethunt:Companies"] {
        let all = header(&rehearsal, &[source]);
        assert_eq!(header(&rehearsal, &[source, "--limit", "1"]), all, "{source}");
        let filled = header(&rehearsal, &[source, "--only-filled"]);
        assert!(filled.len() < all.len() && filled.iter().all(|name| all.contains(name)), "{filled:?}");
        let mut left = all.iter();
        assert!(filled.iter().all(|name| left.any(|next| next == name)), "same order: {filled:?}");
    }
    let empty = Rehearsal::new("");
    for source in ["nimble:contacts", "nethunt:Contacts"] {
        assert_eq!(header(&empty, &[source]), header(&rehearsal, &[source]), "{source} without records");
    }
}

#[test]
fn own_columns_come_first_then_the_fields_in_the_services_order() {
    let rehearsal = Rehearsal::generated("", 5);
    let nimble = header(&rehearsal, &["nimble:contacts"]);
    let own = [
        "_id",
        "_type",
        "_created",
        "_updated",
        "_tags",
        "_owner",
        "_avatar",
        "_creator",
        "_children",
        "_last_contacted",
    ];
    assert_eq!(nimble[..10], own);
    for name in ["first name", "email[work]", "address[work].street", "address[home].country", "External ID"]
    {
        assert!(nimble.iter().any(|column| column == name), "no {name} in {nimble:?}");
    }
    let part = |name: &str| nimble.iter().position(|column| column == name).unwrap();
    assert_eq!(part("address[work].country"), part("address[work].street") + 4);
    let nethunt = header(&rehearsal, &["nethunt:Deals"]);
    let fields = ["Name", "Stage", "Amount", "Contact", "Company", "Close date", "Notes"];
    assert_eq!(nethunt, [&["_id", "_type", "_created", "_updated"][..], &fields[..]].concat());
    let chosen = header(&rehearsal, &["nimble:contacts", "--fields", "last name,email"]);
    assert!(chosen.contains(&"last name".to_owned()) && chosen.contains(&"email[work]".to_owned()));
    assert!(!chosen.contains(&"first name".to_owned()), "{chosen:?}");
}

#[test]
fn a_field_whose_own_name_begins_with_an_underscore_gets_one_more() {
    let rehearsal = Rehearsal::new("[nimble]\ncustom_fields = [\"_tags\", \"_odd\"]\n");
    rehearsal.service(
        "POST",
        "/contact",
        &json!({"record_type": "person", "tags": "real", "fields": {
            "first name": [{"value": "Una", "modifier": ""}],
            "_tags": [{"value": "mine", "modifier": ""}],
            "_odd": [{"value": "7", "modifier": ""}]}}),
    );
    let row = row(&rehearsal, &["nimble:contacts"]);
    assert_eq!((row["__tags"].as_str(), row["__odd"].as_str()), ("mine", "7"), "{row:?}");
    assert!(!row.contains_key("_odd"));
    rehearsal.file("edited.csv", rehearsal.read("row.csv").replace(",mine", ",yours"));
    let out = rehearsal.json(["import", "edited.csv", "nimble:contacts", "--yes"]).expect(0);
    assert_eq!(out.count("updated"), 1, "{}", out.transcript());
    let again = self::row(&rehearsal, &["nimble:contacts"]);
    assert_eq!((&again["__tags"], &again["_tags"]), (&"yours".to_owned(), &row["_tags"]));
}

#[test]
fn lists_are_split_and_prose_is_taken_whole() {
    let rehearsal = Rehearsal::new("");
    let value = |value: &str, modifier: &str| json!({"value": value, "modifier": modifier});
    rehearsal.service(
        "POST",
        "/contact",
        &json!({"record_type": "person", "fields": {
            "first name": [value("Two", "")],
            "phone": [value("1;2", "work"), value("3", "work"), value(" 4 ", "work"), value("5", "home")],
            "address": [
                value("{\"street\":\"1 A St; rear\",\"city\":\"X\",\"planet\":\"Earth\"}", "work"),
                value("{\"street\":\"2 B St\",\"zip\":\"007\"}", "work"),
                value("{\"street\":\"3 C St\",\"zip\":\"1e5\"}", "home")],
            "description": [value("one; two", "other"), value("three", "other"), value("[\"x\"]", "twitter")]}}),
    );
    let row = row(&rehearsal, &["nimble:contacts"]);
    for (column, cell) in [
        ("phone[work]", "\"1;2\";3;\" 4 \""),
        ("phone[home]", "5"),
        ("address[work].street", "[\"1 A St; rear\",\"2 B St\"]"),
        ("address[work].city", "[\"X\",\"\"]"),
        ("address[work].zip", "[\"\",\"007\"]"),
        ("address[work].country", ""),
        ("address[home].street", "3 C St"),
        ("address[home].zip", "1e5"),
        ("description[other]", "[\"one; two\",\"three\"]"),
        ("description[twitter]", "[\"[\\\"x\\\"]\"]"),
    ] {
        assert_eq!(row[column], cell, "{column}");
    }
    // One part edited: the address goes back whole, with the key that Ferry does not know.
    rehearsal.file("edited.csv", rehearsal.read("row.csv").replace("007", "0089"));
    let out = rehearsal.json(["import", "edited.csv", "nimble:contacts", "--yes"]).expect(0);
    assert_eq!(out.count("updated"), 1, "{}", out.transcript());
    let stored = rehearsal.contacts()[0].to_string();
    assert!(stored.contains("0089") && stored.contains("planet") && !stored.contains("007\\\""), "{stored}");
    let again = self::row(&rehearsal, &["nimble:contacts"]);
    assert_eq!(again["address[work].zip"], "[\"\",\"0089\"]");
    assert_eq!(again["address[work].street"], row["address[work].street"]);
    // Parts of unequal length belong to no address.
    rehearsal.file(
        "uneven.csv",
        rehearsal.read("row.csv").replace("\"\"2 B St\"\"", "\"\"2 B St\"\",\"\"9 D\"\""),
    );
    let out = rehearsal.json(["import", "uneven.csv", "nimble:contacts", "--yes"]).expect(1);
    assert_eq!(out.count("rejected"), 1, "{}", out.transcript());
}

#[test]
fn fields_of_nethunt_that_hold_several_values_are_lists_and_texts_are_not() {
    let rehearsal = Rehearsal::new("");
    let header = "Name,Email,Tags,Zip,Notes,Score,VIP\n";
    rehearsal.file(
        "in.csv",
        format!("{header}Ada,a@example.org;b@example.org,\"\"\"x;y\"\";z\",007,one; two,1.50,true\n"),
    );
    rehearsal.file(
        "in.toml",
        "[mapping]\ntarget = \"nethunt:Contacts\"\nkey = [\"Email\"]\n\
         [[field]]\nto = \"Name\"\nfrom = \"Name\"\n\
         [[field]]\nto = \"Email\"\nfrom = \"Email\"\nmulti = true\n\
         [[field]]\nto = \"Tags\"\nfrom = \"Tags\"\nmulti = true\n\
         [[field]]\nto = \"Zip\"\nfrom = \"Zip\"\n\
         [[field]]\nto = \"Notes\"\nfrom = \"Notes\"\n\
         [[field]]\nto = \"Score\"\nfrom = \"Score\"\ntype = \"number\"\n\
         [[field]]\nto = \"VIP\"\nfrom = \"VIP\"\ntype = \"bool\"\n",
    );
    let args = ["import", "in.csv", "nethunt:Contacts", "-m", "in.toml", "--yes"];
    assert_eq!(rehearsal.json(args).expect(0).count("created"), 1);
    let fields = rehearsal.records("Contacts")[0]["fields"].clone();
    // The service shows e-mails as a mail program does, and Ferry gives them back as they are shown.
    assert_eq!(fields["Email"], json!(["<a@example.org>", "<b@example.org>"]));
    assert_eq!(fields["Tags"], json!(["x;y", "z"]));
    assert_eq!((&fields["Zip"], &fields["Notes"]), (&json!("007"), &json!("one; two")));
    assert_eq!(fields["VIP"], json!(true));
    let row = row(&rehearsal, &["nethunt:Contacts"]);
    for (column, cell) in [
        ("_type", "record"),
        ("Email", "<a@example.org>;<b@example.org>"),
        ("Tags", "\"x;y\";z"),
        ("Zip", "007"),
        ("Notes", "one; two"),
        ("VIP", "true"),
    ] {
        assert_eq!(row[column], cell, "{column}");
    }
    assert!(row["Score"].starts_with("1.5"), "{row:?}");
    assert_eq!(rehearsal.json(args).expect(0).count("unchanged"), 1);
}
