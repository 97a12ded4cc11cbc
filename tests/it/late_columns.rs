//! Columns of JSON Lines that appear late in the file are columns like any other.

use std::fmt::Write;

use crate::accounts::{assert_balanced, contact_value, result_rows, run_of};
use crate::support::Rehearsal;

/// More rows than the columns are first taken from, each of a record that is not there, then those of `last`.
fn lines(last: &str) -> String {
    let mut text = String::new();
    (0..1_005).for_each(|row| writeln!(text, "{{\"_id\":\"none{row}\",\"first name\":\"A\"}}").unwrap());
    text + last
}

#[test]
fn a_late_column_is_imported_and_stands_in_the_result_files() {
    let rehearsal = Rehearsal::new("");
    let last = "{\"first name\":\"Late\",\"email[work]\":\"late@x.example\"}\n\
                {\"_id\":\"none\",\"email[work]\":\"lost@x.example\"}\n";
    rehearsal.file("late.jsonl", lines(last));
    let out = rehearsal.json(["import", "late.jsonl", "nimble:contacts", "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("rejected")), (1, 1_006), "{}", out.transcript());
    assert_eq!(contact_value(&rehearsal.contacts()[0], "email"), "late@x.example");
    let run = run_of(&rehearsal, &out);
    let rejected = result_rows(&run, "rejected.csv");
    assert_eq!(rejected[1_005]["email[work]"], "lost@x.example");
    assert_eq!(result_rows(&run, "succeeded.csv")[0]["email[work]"], "late@x.example");

    let wrong = lines("{\"first name\":\"Late\",\"nonfield\":\"x\"}\n");
    rehearsal.file("wrong.jsonl", wrong);
    let seen = rehearsal.requests();
    let out = rehearsal.json(["import", "wrong.jsonl", "nimble:contacts", "--yes"]).expect(2);
    assert!(out.stderr.contains("unknown field `nonfield`"), "{}", out.transcript());
    assert!(rehearsal.writes_since(seen).is_empty());
}

#[test]
fn a_mapping_may_name_a_late_column() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("late.jsonl", lines("{\"who\":\"Late\",\"pick\":\"yes\"}\n"));
    let mapping = |from: &str| {
        format!(
            "[mapping]\nmode = \"create\"\n[[filter]]\nfield = \"pick\"\nis = \"yes\"\n\
             [[field]]\nto = \"Name\"\nfrom = \"{from}\"\n"
        )
    };
    rehearsal.file("map.toml", mapping("who"));
    rehearsal.ferry(["mapping", "check", "map.toml", "--source", "late.jsonl"]).expect(0);
    let try_it = ["mapping", "try", "late.jsonl", "-m", "map.toml", "--row", "1006"];
    let tried = rehearsal.ferry(try_it).expect(0);
    assert!(tried.stdout.contains("Late"), "{}", tried.transcript());
    let out = rehearsal.json(["export", "late.jsonl", "-m", "map.toml", "-o", "x.csv"]).expect(0);
    assert_eq!((out.count("written"), out.count("filtered")), (1, 1_005), "{}", out.transcript());
    assert_eq!(rehearsal.read("x.csv"), "Name\nLate\n");
    let args = ["import", "late.jsonl", "nethunt:Contacts", "-m", "map.toml", "--yes"];
    let out = rehearsal.json(args).expect(0);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("filtered")), (1, 1_005), "{}", out.transcript());
    assert_eq!(rehearsal.records("Contacts")[0]["fields"]["Name"], "Late");

    rehearsal.file("map.toml", mapping("whom"));
    let seen = rehearsal.requests();
    let out = rehearsal.json(args).expect(2);
    assert!(out.stderr.contains("whom"), "{}", out.transcript());
    assert_balanced(&out);
    assert!(rehearsal.writes_since(seen).is_empty());
}
