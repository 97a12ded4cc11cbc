//! The stages alone, the list of runs, and data on stdout.

use crate::support::Rehearsal;

#[test]
fn records_go_to_stdout_and_the_summary_to_stderr() {
    let rehearsal = Rehearsal::generated("", 30);
    let out = rehearsal.json(["export", "nimble:contacts", "-o", "-", "--format", "csv"]).expect(0);
    assert!(out.stdout.starts_with("_id,"), "{}", out.transcript());
    let rows = csv::Reader::from_reader(out.stdout.as_bytes()).into_records().count();
    assert_eq!((rows as u64, out.count("written")), (30, 30));
}

const MAPPING: &str = "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                       [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n";

/// The only run's name.
fn run_name(rehearsal: &Rehearsal) -> String {
    let runs = rehearsal.runs();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn extract_transform_and_load_do_together_what_an_import_does() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "name,email\nAda,ada@x.example\nBob,bob@x.example\nEve,\n");
    rehearsal.file("map.toml", MAPPING);
    let out = rehearsal.json(["extract", "rows.csv"]).expect(0);
    assert_eq!((out.count("read"), out.summary()["command"].as_str()), (3, Some("extract")));
    let run = run_name(&rehearsal);
    let out = rehearsal.json(["transform", &run, "-m", "map.toml"]).expect(0);
    assert_eq!((out.count("read"), out.count("mapped")), (3, 3), "{}", out.transcript());
    assert_eq!(rehearsal.writes_since(0).len(), 0);
    // Each can be repeated.
    rehearsal.json(["transform", &run, "-m", "map.toml"]).expect(0);
    let out = rehearsal.json(["load", &run, "nethunt:Contacts", "--yes"]).expect(1);
    crate::accounts::assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("rejected")), (2, 1), "{}", out.transcript());
    crate::accounts::assert_every_row_has_one_result(&rehearsal.runs()[0], 3);
    let records = rehearsal.records("Contacts");
    let mut names: Vec<_> = records.iter().map(|record| record["fields"]["Name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Ada", "Bob"]);
}

#[test]
fn a_load_is_planned_for_its_own_target_and_never_twice() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "name,email\nAda,ada@x.example\nBob,bob@x.example\n");
    rehearsal.file("map.toml", MAPPING);
    rehearsal.file("names.toml", "[mapping]\nkey = [\"Name\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n");
    rehearsal.json(["extract", "rows.csv"]).expect(0);
    let run = run_name(&rehearsal);
    rehearsal.json(["transform", &run, "-m", "map.toml"]).expect(0);
    rehearsal.json(["load", &run, "nethunt:Contacts", "-n"]).expect(0);
    // Another mapping and another folder: the plan that was looked at before is of no use.
    rehearsal.json(["transform", &run, "-m", "names.toml"]).expect(0);
    let out = rehearsal.json(["load", &run, "nethunt:Companies", "--yes"]).expect(0);
    assert_eq!(out.count("created"), 2, "{}", out.transcript());
    assert_eq!((rehearsal.records("Companies").len(), rehearsal.records("Contacts").len()), (2, 0));
    // It knows which records it made: it is not made to forget them.
    let sent = rehearsal.requests();
    for again in [&["load", &run, "nethunt:Contacts", "--yes"][..], &["transform", &run, "-m", "map.toml"]] {
        let out = rehearsal.json(again).expect(2);
        assert!(out.stderr.contains("has been loaded already"), "{}", out.transcript());
    }
    assert_eq!(rehearsal.writes_since(sent).len(), 0);
    rehearsal.json(["resume", &run]).expect(0);
}

#[test]
fn runs_are_listed_and_shown_with_what_became_of_them() {
    let rehearsal = Rehearsal::generated("", 5);
    rehearsal.json(["export", "nimble:contacts", "-o", "all.csv"]).expect(0);
    let run = run_name(&rehearsal);
    let listed = rehearsal.json(["runs", "list"]).expect(0).objects();
    assert_eq!(listed.len(), 1);
    let mut shown = rehearsal.json(["runs", "show", &run[run.len() - 4..]]).expect(0).objects();
    // Where the next `--since last` begins is only told of one run.
    shown[0].as_object_mut().unwrap().remove("watermark").unwrap();
    assert_eq!(listed, shown);
    let entry = &listed[0];
    assert_eq!(entry["run"], run.as_str());
    assert_eq!((entry["command"].as_str(), entry["status"].as_str()), (Some("export"), Some("done")));
    assert_eq!(entry["source"], "nimble:contacts");
    assert_eq!(entry["summary"]["written"], 5);
    let text = rehearsal.ferry(["runs"]).expect(0);
    assert!(text.stdout.contains(&run) && text.stdout.contains("done"), "{}", text.transcript());
    let missing = rehearsal.json(["runs", "show", "no-such-run"]).expect(2);
    assert!(missing.stderr.contains("no-such-run"), "{}", missing.transcript());
}

#[test]
fn a_finished_run_gives_its_account_again() {
    let rehearsal = Rehearsal::generated("", 5);
    let out = rehearsal.json(["export", "nimble:contacts", "-o", "all.csv"]).expect(0);
    let seen = rehearsal.requests();
    let again = rehearsal.json(["resume", "--last"]).expect(0);
    assert_eq!(again.summary(), out.summary());
    assert_eq!(rehearsal.requests(), seen);
}

#[test]
fn a_dry_run_sends_nothing_and_is_never_resumed() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "name,email\nAda,ada@x.example\n");
    rehearsal.file("map.toml", MAPPING);
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml"];
    let out = rehearsal.json(import.into_iter().chain(["-n"])).expect(0);
    assert_eq!((out.summary()["status"].as_str(), out.count("created")), (Some("planned"), 1));
    assert_eq!(rehearsal.writes_since(0).len(), 0);
    rehearsal.json(["resume", "--last", "--yes"]).expect(2);
    // Nor is anything sent that nobody said yes to.
    rehearsal.json(import).expect(2);
    assert_eq!(rehearsal.writes_since(0).len(), 0);
}
