//! Files with something above their header: notes, titles, the day of a report.

use crate::support::Rehearsal;

const REPORT: &str =
    "Notes:\n\"Said of the columns; of, much\"\n\nFirst Name;E-mail\nAda;a@x.example\nBob;nope\nCyd\n";

const MAPPING: &str = "[mapping]\nheader_row = [\"First Name\", \"E-mail\"]\n\
    [[field]]\nto = \"Name\"\nfrom = \"First Name\"\n\
    [[field]]\nto = \"Email\"\nfrom = \"E-mail\"\ndo = [\"email\"]\n";

#[test]
fn a_mapping_says_where_the_header_is_and_rows_keep_the_lines_of_the_file() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("m.toml", MAPPING);
    rehearsal.file("s.csv", REPORT);
    let out = rehearsal.json(["export", "s.csv", "-m", "m.toml", "-o", "o.csv"]).expect(1);
    assert_eq!((out.count("read"), out.count("mapped"), out.count("rejected")), (3, 1, 2));
    assert!(out.stderr.contains("`s.csv`: the header is in line 4"), "{}", out.stderr);
    assert_eq!(rehearsal.read("o.csv").lines().collect::<Vec<_>>(), ["Name,Email", "Ada,a@x.example"]);
    let rejected = rehearsal.read(out.summary()["files"]["rejected"].as_str().unwrap());
    let mut rows = csv::Reader::from_reader(rejected.as_bytes());
    let headers = rows.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let places: Vec<(String, String)> = rows
        .records()
        .map(|row| row.unwrap())
        .map(|row| (row[at("_ferry_row")].to_owned(), row[at("_ferry_line")].to_owned()))
        .collect();
    assert_eq!(places, [("2", "6"), ("3", "7")].map(|(row, line)| (row.to_owned(), line.to_owned())));
    // The rejected rows have their header in the first line, and go the same way once they are mended.
    let mended = rejected.replace("nope", "b@x.example");
    let good: Vec<&str> = mended.lines().filter(|line| !line.contains("Cyd")).collect();
    rehearsal.file("again.csv", good.join("\n"));
    let again = rehearsal.json(["export", "again.csv", "-m", "m.toml", "-o", "p.csv"]).expect(0);
    assert_eq!(again.count("mapped"), 1, "{}", again.transcript());
}

#[test]
fn the_command_line_says_where_the_header_is() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", REPORT);
    let export = ["export", "s.csv", "-o", "o.csv", "--header-row", "E-mail"];
    rehearsal.json(export).expect(1);
    assert!(rehearsal.read("o.csv").starts_with("First Name,E-mail\n"), "{}", rehearsal.read("o.csv"));
    // It stands above what the mapping says.
    rehearsal.file("m.toml", MAPPING.replace("\"First Name\", \"E-mail\"]", "\"Vorname\"]"));
    rehearsal.ferry(["export", "s.csv", "-m", "m.toml", "-o", "p.csv"]).expect(2);
    rehearsal.ferry(["export", "s.csv", "-m", "m.toml", "-o", "p.csv", "--header-row", "E-mail"]).expect(1);
}

#[test]
fn check_try_and_new_find_the_header_too() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("m.toml", MAPPING.replace("[mapping]\n", "[mapping]\nsource = \"s.csv\"\n"));
    rehearsal.file("s.csv", REPORT);
    let checked = rehearsal.ferry(["mapping", "check", "m.toml"]).expect(0);
    assert!(checked.stdout.contains(": ok ("), "{}", checked.transcript());
    let tried = rehearsal.ferry(["mapping", "try", "s.csv", "-m", "m.toml", "--row", "1"]).expect(0);
    assert!(tried.stdout.contains("s.csv row 1 (line 5)"), "{}", tried.transcript());
    let new =
        ["mapping", "new", "s.csv", "nethunt:Contacts", "--header-row", "First Name,E-mail", "-o", "n.toml"];
    rehearsal.ferry(new).expect(0);
    let drafted = rehearsal.read("n.toml");
    assert!(drafted.contains("header_row = [\"First Name\", \"E-mail\"]"), "{drafted}");
    rehearsal.ferry(["mapping", "check", "n.toml"]).expect(0);
    let planned = rehearsal.json(["import", "s.csv", "nethunt:Contacts", "-m", "n.toml", "-n"]).expect(0);
    assert_eq!(planned.count("read"), 3, "{}", planned.transcript());
}
