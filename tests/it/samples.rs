//! The samples do what they are there to show: examples hold, accounts balance, and rejects say why.

use crate::support::Rehearsal;

/// Sheet, target, mapping, and of its rows: rejected, created, with words of every reject's reason.
type Sheet = (&'static str, &'static str, &'static str, u64, u64, &'static [&'static str]);

const SHEETS: [Sheet; 5] = [
    (
        "leads.csv",
        "nimble:contacts",
        "leads-nimble.toml",
        4,
        56,
        &[
            "row 2 of the file has the same key",
            "name of several countries",
            "is no date",
            "the key is blank",
        ],
    ),
    (
        "leads.csv",
        "nethunt:Contacts",
        "leads-nethunt.toml",
        2,
        58,
        &["name of several countries", "is no date"],
    ),
    ("kontakte.csv", "nimble:contacts", "kontakte-nimble.toml", 2, 12, &["is no e-mail", "18 cells"]),
    ("kontakte.csv", "nethunt:Contacts", "kontakte-nethunt.toml", 2, 12, &["is no e-mail", "18 cells"]),
    ("people.jsonl", "nimble:contacts", "people-nimble.toml", 0, 150, &[]),
];

fn sample(name: &str) -> String {
    format!("{}/samples/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_mappings_of_the_samples_are_right_and_their_examples_hold() {
    let rehearsal = Rehearsal::new("");
    for what in ["check", "test"] {
        let mappings = SHEETS.iter().map(|(_, _, mapping, ..)| sample(mapping));
        let shown =
            rehearsal.ferry(["mapping", what].map(str::to_owned).into_iter().chain(mappings)).expect(0);
        assert!(shown.stdout.lines().all(|line| line.contains(": ok")), "{}", shown.stdout);
    }
}

/// A sheet goes in but for the rows that no one can take, and again there is nothing to do. One sheet a test, for they
/// can then run side by side: most of the time goes into making the tables of telephone numbers, once a process.
fn goes_in(sheet: usize) {
    let (sheet, target, mapping, rejected, created, reasons) = SHEETS[sheet];
    let rehearsal = Rehearsal::new("");
    let (sheet, mapping) = (sample(sheet), sample(mapping));
    let import = ["import", sheet.as_str(), target, "-m", mapping.as_str(), "--yes"];
    let code = i32::from(rejected > 0);
    let first = rehearsal.json(import).expect(code);
    assert_eq!((first.count("rejected"), first.count("created")), (rejected, created), "{mapping}");
    assert_eq!(first.count("read"), rejected + created, "{mapping}");
    assert_eq!(rehearsal.effects("create") as u64, created, "{mapping}");
    if let Some(file) = first.summary()["files"]["rejected"].as_str() {
        let text = rehearsal.read(file);
        assert!(reasons.iter().all(|reason| text.contains(reason)), "{text}");
    }
    let requests = rehearsal.requests();
    let again = rehearsal.json(import).expect(code);
    assert_eq!((again.count("rejected"), again.count("unchanged")), (rejected, created), "{mapping}");
    assert!(rehearsal.writes_since(requests).is_empty(), "{mapping}");
}

#[test]
fn leads_go_into_nimble() {
    goes_in(0);
}

#[test]
fn leads_go_into_nethunt() {
    goes_in(1);
}

#[test]
fn german_contacts_go_into_nimble() {
    goes_in(2);
}

#[test]
fn german_contacts_go_into_nethunt() {
    goes_in(3);
}

#[test]
fn people_go_into_nimble() {
    goes_in(4);
}

/// The block of TOML in the README that begins so.
fn shown_in_the_readme(begin: &str) -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut found = blocks.filter(|block| block.starts_with(begin));
    found.next().unwrap_or_else(|| panic!("no block begins with {begin}")).to_owned()
}

#[test]
fn the_readme_shows_a_mapping_that_works() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("readme.toml", shown_in_the_readme("[mapping]"));
    assert!(rehearsal.ferry(["mapping", "check", "readme.toml"]).expect(0).stdout.contains("1 example"));
    rehearsal.ferry(["mapping", "test", "readme.toml"]).expect(0);
}

#[test]
fn the_readme_shows_a_configuration_that_is_understood() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("ferry.toml", shown_in_the_readme("[connections.work]"));
    let shown = rehearsal.ferry(["config", "show"]).expect(0).stdout;
    for connection in ["work", "archive", "team"] {
        assert!(shown.lines().any(|line| line.starts_with(connection)), "no {connection}: {shown}");
    }
}
