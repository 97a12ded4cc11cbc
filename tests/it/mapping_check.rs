//! `ferry mapping check`: everything wrong at once, against both sides, live or as they were last read.

use crate::support::Rehearsal;

fn checked(rehearsal: &Rehearsal, mapping: &str, flags: &[&str]) -> crate::support::Output {
    rehearsal.file("m.toml", mapping);
    rehearsal.ferry([&["mapping", "check", "m.toml"], flags].concat())
}

const WRONG: &str = "[mapping]\nsource = \"s.csv\"\ntarget = \"nimble:contacts\"\nkey = [\"email\"]\n\
    [[field]]\nto = \"frist name\"\nfrom = \"nmae\"\ndo = [\"emial\"]\n\
    [[field]]\nto = \"lead source\"\nconst = \"Webb\"\n\
    [[field]]\nto = \"title\"\nfrom = \"name\"\n\
    [[field]]\nto = \"title\"\nfrom = \"name\"\n\
    [[field]]\nto = \"source\"\nfrom = \"name\"\n";

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", "name\nAda\n");
    let out = checked(&rehearsal, WRONG, &[]).expect(2);
    for piece in [
        "m.toml:6:6: unknown field `frist name`: nimble:contacts has none of that name (did you mean `first name`?)",
        "m.toml:7:8: unknown field `nmae`: s.csv has none of that name (did you mean `name`?)",
        "m.toml:8:7: unknown operation `emial` (did you mean `email`?)",
        "m.toml:10:6: `Webb` is no choice of `lead source` (did you mean `Web`?)",
        "`title` is already the target of line 13",
        "`source` of nimble:contacts is filled by the service itself",
    ] {
        assert!(out.stderr.contains(piece), "no `{piece}`: {}", out.stderr);
    }
    let json = rehearsal.json(["mapping", "check", "m.toml"]).expect(2);
    let object = &json.objects()[0];
    assert_eq!(
        (&object["ok"], object["errors"].as_array().unwrap().len() > 5),
        (&false.into(), true),
        "{object}"
    );
    assert_eq!(object["errors"][0]["line"], 6);
}

#[test]
fn a_new_record_needs_a_name() {
    let rehearsal = Rehearsal::new("");
    let mapping = |target: &str, mode: &str| {
        let field = if target.contains("nimble") { "title" } else { "Zip" };
        format!(
            "[mapping]\ntarget = \"{target}\"\n{mode}key = [\"{field}\"]\n[[field]]\nto = \"{field}\"\nfrom = \"x\"\n"
        )
    };
    let out = checked(&rehearsal, &mapping("nimble:contacts", ""), &[]).expect(2);
    assert!(out.stderr.contains("which new records of nimble:contacts need"), "{}", out.stderr);
    checked(&rehearsal, &mapping("nimble:contacts", "mode = \"update\"\n"), &[]).expect(0);
    let out = checked(&rehearsal, &mapping("nethunt:Contacts", ""), &[]).expect(0);
    assert!(out.stderr.contains("warning: m.toml:1:1: no [[field]] fills `Name`"), "{}", out.stderr);
}

#[test]
fn columns_that_may_be_missing_are_blank_and_named() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", "name,mail\nAda,a@x.example\n");
    let mapping = |absent: &str| {
        format!(
            "[mapping]\nsource = \"s.csv\"\ntarget = \"nethunt:Contacts\"\nkey = [\"Email\"]\n{absent}\
             [[field]]\nto = \"Name\"\nfrom = [\"name\", \"full name\"]\n[[field]]\nto = \"Email\"\nfrom = \"mail\"\nmulti = true\n"
        )
    };
    let out = checked(&rehearsal, &mapping(""), &[]).expect(2);
    assert!(out.stderr.contains("unknown field `full name`"), "{}", out.stderr);
    let out = checked(&rehearsal, &mapping("absent = \"blank\"\n"), &[]).expect(0);
    assert!(out.stderr.contains("s.csv has no column `full name`: it is taken for blank"), "{}", out.stderr);
    let out = rehearsal.json(["import", "s.csv", "nethunt:Contacts", "-m", "m.toml", "--yes"]).expect(0);
    assert_eq!(out.count("created"), 1);
}

#[test]
fn fields_are_remembered_for_checks_without_a_connection() {
    let rehearsal = Rehearsal::new("");
    let mapping = "[mapping]\ntarget = \"nethunt:Contacts\"\nkey = [\"Email\"]\n\
        [[field]]\nto = \"Name\"\nfrom = \"n\"\n[[field]]\nto = \"Emial\"\nfrom = \"m\"\n";
    // Nobody has asked yet: nothing is known of the folder.
    let offline = rehearsal.set("FERRY_NETHUNT_URL", "http://127.0.0.1:9/x");
    let out = checked(&offline, &mapping.replace("Emial", "Email"), &[]).expect(0);
    assert!(!out.stderr.contains("as they were on"), "{}", out.stderr);
    let root = offline.root();
    let online = offline.set("FERRY_NETHUNT_URL", &format!("{root}/api/v1/zapier"));
    checked(&online, mapping, &[]).expect(2);
    let offline = online.set("FERRY_NETHUNT_URL", "http://127.0.0.1:9/x");
    let out = checked(&offline, mapping, &[]).expect(2);
    assert!(out.stderr.contains("nethunt:Contacts: its fields as they were on 2"), "{}", out.stderr);
    assert!(out.stderr.contains("did you mean `Email`?"), "{}", out.stderr);
}
