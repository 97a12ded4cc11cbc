//! The loss report: what holds data and goes nowhere, what is cut, what is no choice, what becomes one.

use crate::support::Rehearsal;
use serde_json::json;

const MAPPING: &str = "[mapping]\nsource = \"s.csv\"\ntarget = \"nimble:contacts\"\nkey = [\"email\"]\n\
    [[field]]\nto = \"first name\"\nfrom = \"name\"\n\
    [[field]]\nto = \"email[work]\"\nfrom = [\"mail\", \"mail 2\"]\n\
    [[field]]\nto = \"title\"\nfrom = \"titles\"\ndo = [{ split = { on = \"/\" } }]\n\
    [[field]]\nto = \"lead source\"\nfrom = \"origin\"\n";

const SHEET: &str = "name,mail,mail 2,titles,origin,colour,empty\n\
    Ada,a@x.example,a2@x.example,Countess/Mathematician,Web,red,\n\
    Bob,b@x.example,,Mr,Trade fair,,\n\
    Cyd,c@x.example,c2@x.example,,Trade fair,blue,\n";

fn rehearsal() -> Rehearsal {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("m.toml", MAPPING);
    rehearsal.file("s.csv", SHEET);
    rehearsal
}

#[test]
fn a_check_counts_what_the_mapping_leaves_behind() {
    let rehearsal = rehearsal();
    let out = rehearsal.json(["mapping", "check", "m.toml"]).expect(0);
    let losses = &out.objects()[0]["losses"];
    assert_eq!(losses["records"], 3, "{losses}");
    assert_eq!(losses["unused"], json!({"colour": {"records": 2, "samples": ["red", "blue"]}}));
    assert_eq!(
        losses["cut"]["email[work]"],
        json!({"records": 2, "samples": ["a2@x.example", "c2@x.example"]})
    );
    assert_eq!(losses["cut"]["title"], json!({"records": 1, "samples": ["Mathematician"]}));
    assert_eq!(losses["no_choice"], json!({"lead source": {"Trade fair": 2}}));
    let said = rehearsal.ferry(["mapping", "check", "m.toml", "--source", "s.csv"]).expect(0).stderr;
    for piece in [
        "columns that hold data and go nowhere\n    colour: 2 records, such as red · blue",
        "values that are cut: their field holds one\n    email[work]: 2 records",
        "values that are no choice of the target\n    lead source: `Trade fair` 2×",
    ] {
        assert!(said.contains(piece), "no `{piece}`: {said}");
    }
}

#[test]
fn a_plan_tells_it_before_anything_is_sent() {
    let rehearsal = rehearsal();
    let out = rehearsal.ferry(["import", "s.csv", "nimble:contacts", "-m", "m.toml", "-n"]).expect(0);
    assert!(out.stderr.contains("what the mapping leaves behind of 3 records"), "{}", out.transcript());
    let json = rehearsal.json(["import", "s.csv", "nimble:contacts", "-m", "m.toml", "-n"]).expect(0);
    assert!(json.objects().iter().any(|one| one["losses"]["unused"]["colour"]["records"] == 2));
}

#[test]
fn modifiers_that_become_one_are_told() {
    let rehearsal = Rehearsal::new("");
    let contact = json!({"record_type": "person", "fields": {
        "first name": [{"value": "Ada", "modifier": ""}],
        "email": [{"value": "w@x.example", "modifier": "work"}, {"value": "p@x.example", "modifier": "personal"}],
    }});
    rehearsal.service("POST", "/contact", &contact);
    rehearsal.file(
        "m.toml",
        "[mapping]\ntarget = \"nethunt:Contacts\"\nkey = [\"Email\"]\n\
         [[field]]\nto = \"Name\"\nfrom = \"first name\"\n[[field]]\nto = \"Email\"\nfrom = \"email\"\ntake = \"all\"\n",
    );
    let out = rehearsal.json(["mapping", "check", "m.toml", "--source", "nimble:contacts"]).expect(0);
    let merged = &out.objects()[0]["losses"]["merged"]["Email"];
    assert_eq!(merged["records"], 1, "{merged}");
    assert_eq!(merged["samples"], json!(["personal: p@x.example, work: w@x.example"]));
}

#[test]
fn nothing_left_behind_is_nothing_said() {
    let rehearsal = rehearsal();
    rehearsal.file("s.csv", "name,mail,mail 2,titles,origin\nAda,a@x.example,,Mr,Web\n");
    let out = rehearsal.ferry(["mapping", "check", "m.toml"]).expect(0);
    assert_eq!(out.stderr, "", "{}", out.transcript());
}
