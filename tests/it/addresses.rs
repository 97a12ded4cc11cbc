//! Addresses, which sheets and mappings hold part by part: a part that is written takes nothing else away
//! (design sections 6 and 9.8).

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, contact_values, result_rows, run_of};
use crate::sheet::Sheet;
use crate::support::Rehearsal;

const STREAM: &str = "nimble:contacts";

fn high() -> Value {
    json!({"street": "1 High St", "city": "Leeds"})
}

fn low() -> Value {
    json!({"street": "2 Low Rd", "city": "York", "po box": "7"})
}

fn with_zip(address: &Value, zip: &str) -> Value {
    let mut address = address.clone();
    address["zip"] = json!(zip);
    address
}

fn address_field(addresses: &[Value]) -> Value {
    let entry = |address: &Value| json!({"value": address.to_string(), "modifier": "work"});
    match addresses {
        [] => json!([{"value": null, "modifier": "work"}]),
        several => several.iter().map(entry).collect(),
    }
}

/// Makes a person with addresses; gives the id.
fn make(rehearsal: &Rehearsal, name: &str, addresses: &[Value]) -> String {
    let fields =
        json!({"first name": [{"value": name, "modifier": ""}], "address": address_field(addresses)});
    let made = rehearsal.service("POST", "/contact", &json!({"record_type": "person", "fields": fields}));
    made["id"].as_str().unwrap().to_owned()
}

/// Changes a person's addresses past Ferry.
fn change(rehearsal: &Rehearsal, id: &str, addresses: &[Value]) {
    let fields = json!({"address": address_field(addresses)});
    rehearsal.service("PUT", &format!("/contact/{id}?replace=1"), &json!({"fields": fields}));
}

/// The addresses that a person has now.
fn addresses(rehearsal: &Rehearsal, id: &str) -> Vec<Value> {
    let contacts = rehearsal.get("/nimble/contacts");
    let contact = contacts.as_array().unwrap().iter().find(|contact| contact["id"] == id).unwrap();
    let entries = contact["fields"]["address"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| serde_json::from_str(entry["value"].as_str().unwrap()).unwrap()).collect()
}

#[test]
fn a_zip_alone_in_a_sheet_or_a_mapping_takes_no_address_away() {
    let rehearsal = Rehearsal::new("");
    let ids = ["Ada", "Bob"].map(|name| make(&rehearsal, name, &[high(), low()]));
    let mut sheet = Sheet::exported(&rehearsal, STREAM);
    let kept = ["_id", "_updated", "address[work].zip"].map(|header| sheet.column(header));
    sheet.headers = kept.iter().map(|at| sheet.headers[*at].clone()).collect();
    sheet.rows = sheet.rows.iter().map(|row| kept.iter().map(|at| row[*at].clone()).collect()).collect();
    let import = |zip: &str, code: i32| {
        let mut sheet = sheet.clone();
        let row = sheet.rows.iter().position(|row| row[0] == ids[0]).unwrap();
        zip.clone_into(sheet.cell(row, "address[work].zip"));
        sheet.save(&rehearsal);
        let out = rehearsal.json(["import", "sheet.csv", STREAM, "--yes"]).expect(code);
        assert_balanced(&out);
        out
    };
    let out = import("LS1", 1);
    assert_eq!(out.count("rejected"), 1, "{}", out.transcript());
    let rejected = &result_rows(&run_of(&rehearsal, &out), "rejected.csv")[0];
    assert_eq!(rejected["_ferry_field"], "address[work].zip");
    assert!(rejected["_ferry_reason"].contains("one item for each address"), "{rejected:?}");
    rehearsal.file("zips.csv", "n,z\nBob,YO1\n");
    let mapping = "[mapping]\nsource = \"zips.csv\"\ntarget = \"nimble:contacts\"\nkey = [\"first name\"]\n\
                   [[field]]\nto = \"first name\"\nfrom = \"n\"\n[[field]]\nto = \"address[work].zip\"\nfrom = \"z\"\nwrite = \"replace\"\n";
    rehearsal.file("zips.toml", mapping);
    let out = rehearsal.json(["import", "zips.csv", STREAM, "-m", "zips.toml", "--yes"]).expect(1);
    assert_eq!(out.count("rejected"), 1, "{}", out.transcript());
    assert_eq!(ids.each_ref().map(|id| addresses(&rehearsal, id)), [[high(), low()], [high(), low()]]);
    // One item for each address says which is meant.
    let out = import(r#"["LS1",""]"#, 0);
    assert_eq!(out.count("updated"), 1, "{}", out.transcript());
    assert_eq!(addresses(&rehearsal, &ids[0]), [with_zip(&high(), "LS1"), low()]);
}

#[test]
fn a_part_meets_the_address_that_it_was_meant_for_or_none() {
    // The base, the zips that the sheet adds, what somebody made of the addresses meanwhile; what they are in the end.
    let far = json!({"street": "9 Far Ln", "city": "York", "zip": "YO1"});
    let moved = json!({"street": "77 Elsewhere", "city": "Leeds"});
    let cases = [
        (vec![high()], "LS1", vec![high()], Some(vec![with_zip(&high(), "LS1")])),
        (
            vec![high(), low()],
            r#"["LS1",""]"#,
            vec![high(), low()],
            Some(vec![with_zip(&high(), "LS1"), low()]),
        ),
        (vec![high()], "LS1", vec![high(), low()], None),
        (vec![high()], "LS1", vec![high(), far], None),
        (vec![high()], "LS1", vec![], None),
        (vec![high(), low()], r#"["LS1","YO1"]"#, vec![low()], None),
        (vec![high(), low()], r#"["LS1",""]"#, vec![low(), moved.clone()], None),
        (vec![high(), low()], r#"["LS1",""]"#, vec![low(), high()], None),
        (vec![high()], "LS1", vec![moved], None),
    ];
    for side in ["reject", "sheet", "service"] {
        let rehearsal = Rehearsal::new("");
        let ids: Vec<String> = cases.iter().map(|(base, ..)| make(&rehearsal, "Ada", base)).collect();
        let mut sheet = Sheet::exported(&rehearsal, STREAM);
        for (id, (base, zips, now, _)) in ids.iter().zip(&cases) {
            let row = sheet.rows.iter().position(|row| &row[0] == id).unwrap();
            (*zips).clone_into(sheet.cell(row, "address[work].zip"));
            if base != now {
                change(&rehearsal, id, now);
            }
        }
        sheet.save(&rehearsal);
        let code = i32::from(side != "service");
        let out =
            rehearsal.json(["import", "sheet.csv", STREAM, "--yes", "--on-conflict", side]).expect(code);
        assert_balanced(&out);
        for (at, (id, (.., now, then))) in ids.iter().zip(&cases).enumerate() {
            // Of one address that is still the only one the sheet may win.
            let wins = (side == "sheet" && at == 8).then(|| vec![with_zip(&high(), "LS1")]);
            let expected = wins.as_ref().or(then.as_ref()).unwrap_or(now);
            assert_eq!(&addresses(&rehearsal, id), expected, "{side} {at}: {}", out.transcript());
        }
        let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
        let expected = [("reject", 7), ("sheet", 6), ("service", 0)];
        assert!(expected.contains(&(side, conflicts.len())), "{side}: {conflicts:?}");
        for conflict in conflicts.iter().filter(|_| side == "sheet") {
            assert_eq!(conflict["_ferry_field"], "address[work]");
            assert!(conflict["_ferry_reason"].contains("export again"), "{conflict:?}");
        }
    }
}

#[test]
fn a_whole_sheet_adds_addresses_and_takes_them_out() {
    let rehearsal = Rehearsal::new("");
    let ids = ["Ada", "Bob"].map(|name| make(&rehearsal, name, &[high(), low()]));
    let mut sheet = Sheet::exported(&rehearsal, STREAM);
    let edits = [
        (&ids[0], "street", r#"["1 High St","2 Low Rd","3 New St"]"#),
        (&ids[0], "city", r#"["Leeds","York","Hull"]"#),
        (&ids[0], "po box", r#"["","7",""]"#),
        (&ids[1], "street", "1 High St"),
        (&ids[1], "city", "Leeds"),
        (&ids[1], "po box", ""),
    ];
    for (id, part, cell) in edits {
        let row = sheet.rows.iter().position(|row| &row[0] == id).unwrap();
        cell.clone_into(sheet.cell(row, &format!("address[work].{part}")));
    }
    sheet.save(&rehearsal);
    let out = rehearsal.json(["import", "sheet.csv", STREAM, "--yes"]).expect(0);
    assert_eq!(out.count("updated"), 2, "{}", out.transcript());
    let new = json!({"street": "3 New St", "city": "Hull"});
    assert_eq!(addresses(&rehearsal, &ids[0]), [high(), low(), new.clone()]);
    assert_eq!(addresses(&rehearsal, &ids[1]), [high()]);
    // And again, from the same sheet.
    let row = sheet.rows.iter().position(|row| row[0] == ids[0]).unwrap();
    r#"["LS1","",""]"#.clone_into(sheet.cell(row, "address[work].zip"));
    sheet.save(&rehearsal);
    let out = rehearsal.json(["import", "sheet.csv", STREAM, "--yes"]).expect(0);
    assert_eq!((out.count("updated"), out.count("unchanged")), (1, 1), "{}", out.transcript());
    assert_eq!(addresses(&rehearsal, &ids[0]), [with_zip(&high(), "LS1"), low(), new]);
}

const MAPPING: &str = "[mapping]\nkey = [\"email[work]\"]\n[[field]]\nto = \"_type\"\nconst = \"person\"\n\
                    [[field]]\nto = \"first name\"\nconst = \"Ada\"\n[[field]]\nto = \"email[work]\"\nfrom = \"email\"\n\
                    [[field]]\nto = \"address[home].street\"\nfrom = \"street\"\n\
                    [[field]]\nto = \"address[home].city\"\nfrom = \"city\"\n\
                    [[field]]\nto = \"address[home].zip\"\nfrom = \"zip\"\n";

#[test]
fn another_postcode_is_put_into_the_address_and_makes_no_second_one() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("map.toml", MAPPING);
    let import = |row: &str, code| {
        rehearsal.file("rows.csv", format!("email,street,city,zip\nada@x.example,{row}\n"));
        rehearsal.json(["import", "rows.csv", "nimble:contacts", "-m", "map.toml", "--yes"]).expect(code)
    };
    let addresses = || {
        let texts = |value: String| serde_json::from_str::<Value>(&value).unwrap();
        let contacts = rehearsal.contacts();
        assert_eq!(contacts.len(), 1);
        let parts = ["street", "city", "zip"];
        let of = |address: Value| parts.map(|part| address[part].as_str().unwrap_or("").to_owned());
        contact_values(&contacts[0], "address").into_iter().map(texts).map(of).collect::<Vec<[String; 3]>>()
    };
    import("4 Quay Street,Galway,H91", 0);
    assert_eq!(import(",,H92", 0).count("updated"), 1);
    assert_eq!(addresses(), vec![["4 Quay Street", "Galway", "H92"]]);
    assert_eq!(import("5 Quay Street,Galway,H92", 0).count("updated"), 1);
    assert_eq!(addresses(), vec![["5 Quay Street", "Galway", "H92"]]);
    assert_eq!(import("5 Quay Street,Galway,H92", 0).count("unchanged"), 1);
    // Who wants a second one says so.
    let adding = |name: &str| format!("from = \"{name}\"\nwrite = \"add\"");
    let more = ["street", "city", "zip"]
        .into_iter()
        .fold(MAPPING.to_owned(), |text, name| text.replace(&format!("from = \"{name}\""), &adding(name)));
    rehearsal.file("map.toml", more);
    import("6 Quay Street,Galway,H93", 0);
    assert_eq!(addresses(), vec![["5 Quay Street", "Galway", "H92"], ["6 Quay Street", "Galway", "H93"]]);
}
