//! `ferry mapping try`: every step of one row, and what becomes of it.

use crate::support::Rehearsal;

const MAPPING: &str = "[mapping]\ntarget = \"nethunt:Contacts\"\nkey = [\"Email\"]\n\
    [[filter]]\nfield = \"kind\"\nis_not = \"internal\"\n\
    [[field]]\nto = \"Name\"\nfrom = \"name\"\ndo = [\"collapse\", \"titlecase\"]\n\
    [[field]]\nto = \"Email\"\nfrom = [\"mail\", \"mail 2\"]\ndo = [\"email\", \"lowercase\"]\n\
    [[field]]\nto = \"Phone\"\nfrom = \"phone\"\ndo = [{ phone = { region_from = \"land\" } }]\n\
    [[field]]\nto = \"Zip\"\nfrom = \"zip\"\nwhen = { field = \"land\", is = \"UK\" }\n";

const SHEET: &str = "name,mail,mail 2,phone,land,zip,kind\n\
    ada  BYRON,ADA@x.example,b@x.example,020 7946 0018,UK,SW1,\n\
    bob,no address,,030 1,DE,1,\n\
    eve,e@x.example,,,DE,2,internal\n";

fn rehearsal() -> Rehearsal {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("m.toml", MAPPING);
    rehearsal.file("s.csv", SHEET);
    rehearsal
}

#[test]
fn every_step_of_a_row_is_shown() {
    let out = rehearsal().ferry(["mapping", "try", "s.csv", "-m", "m.toml", "--row", "1"]).expect(0);
    assert_eq!(
        out.stdout,
        "s.csv row 1 (line 2)\n\
         \n[[filter]] 1: lets it through\n  looks at `kind`: nothing\n\
         \nName  (m.toml:8)\n  `name`: \"ada  BYRON\"\n  collapse: \"ada  BYRON\" → \"ada BYRON\"\n\
         \x20 titlecase: \"ada BYRON\" → \"Ada Byron\"\n  → \"Ada Byron\"\n\
         \nEmail  (m.toml:12)\n  `mail`: \"ADA@x.example\"\n  `mail 2`: \"b@x.example\"\n  taken: \"ADA@x.example\"\n\
         \x20 email: \"ADA@x.example\" → \"ADA@x.example\"\n  lowercase: \"ADA@x.example\" → \"ada@x.example\"\n\
         \x20 → \"ada@x.example\"\n\
         \nPhone  (m.toml:16)\n  `phone`: \"020 7946 0018\"\n\
         \x20 phone (`land`: \"UK\"): \"020 7946 0018\" → \"+442079460018\"\n  → \"+442079460018\"\n\
         \nZip  (m.toml:20)\n  looks at `land`: \"UK\"\n  `zip`: \"SW1\"\n  → \"SW1\"\n\
         \nmapped\n"
    );
}

#[test]
fn a_rejected_row_says_where_and_why() {
    let rehearsal = rehearsal();
    let out = rehearsal.ferry(["mapping", "try", "s.csv", "-m", "m.toml", "--where", "name=bob"]).expect(1);
    for piece in [
        "row 2 (line 3)",
        "email: \"no address\" → ✗ ",
        "`when` does not hold: left alone",
        "\nrejected\n  m.toml:14: `Email`",
    ] {
        assert!(out.stdout.contains(piece), "no `{piece}`: {}", out.stdout);
    }
    let json = rehearsal.json(["mapping", "try", "s.csv", "-m", "m.toml", "--row", "2"]).expect(1);
    let object = &json.objects()[0];
    assert_eq!(object["trace"]["outcome"], "rejected");
    assert_eq!(object["trace"]["fields"][1]["steps"][0]["operation"], "email");
}

#[test]
fn a_filtered_row_and_rows_that_are_not_there() {
    let rehearsal = rehearsal();
    let out = rehearsal.ferry(["mapping", "try", "s.csv", "-m", "m.toml", "--row", "3"]).expect(0);
    assert!(out.stdout.contains("[[filter]] 1: leaves it out") && out.stdout.ends_with("\nfiltered\n"));
    for (flags, piece) in [
        (&["--row", "9"][..], "`s.csv` has no row 9"),
        (&["--where", "nam=x"], "did you mean `name`?"),
        (&["--where", "name"], "names no value"),
        (&["--id", "7"], "its rows have no ids"),
    ] {
        let args = [&["mapping", "try", "s.csv", "-m", "m.toml"], flags].concat();
        let out = rehearsal.ferry(args).expect(2);
        assert!(out.stderr.contains(piece), "{}", out.stderr);
    }
}

#[test]
fn a_record_of_a_stream_is_tried_by_its_id() {
    let rehearsal = Rehearsal::generated("", 5);
    let id = rehearsal.contacts()[0]["id"].as_str().unwrap().to_owned();
    rehearsal.file("m.toml", "[[field]]\nto = \"id\"\nfrom = \"_id\"\n");
    let out = rehearsal.ferry(["mapping", "try", "nimble:contacts", "-m", "m.toml", "--id", &id]).expect(0);
    assert!(out.stdout.contains(&format!("→ \"{id}\"")), "{}", out.stdout);
}
