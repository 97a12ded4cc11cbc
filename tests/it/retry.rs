//! Failed and rejected rows once more: only they are sent, repaired or as they were, and none twice
//! (design sections 4 and 9.2).

use crate::accounts::{assert_balanced, assert_every_row_has_one_result, result_rows, run_of};
use crate::support::{Output, Rehearsal};

const NETHUNT: &str = r#"
[mapping]
mode = "create"
[[field]]
to = "Name"
from = "name"
[[field]]
to = "Email"
from = "email"
multi = true
do = ["email"]
[[field]]
to = "Country"
from = "country"
do = [{ lookup = { file = "countries.csv", from = "long", to = "short", else = "reject" } }]
"#;

const NIMBLE: &str = r#"
[mapping]
mode = "create"
[[field]]
to = "_type"
const = "person"
[[field]]
to = "first name"
from = "name"
[[field]]
to = "_tags"
from = "tags"
"#;

const ROWS: &str = "name,email,country\n\
                    Ada,ada@x.example,Norway\n\
                    Bob,bob at x,Norway\n\
                    Cy,cy@x.example,Norway\n\
                    Dan,dan at x,Norway\n\
                    Eve,eve@x.example,Sweden\n\
                    Fay,fay@x.example,Norway\n";

fn import(rehearsal: &Rehearsal) -> Output {
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", NETHUNT);
    rehearsal.file("countries.csv", "long,short\nNorway,NO\n");
    rehearsal.json(["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"])
}

fn run_name(out: &Output) -> String {
    out.summary()["run"].as_str().unwrap().to_owned()
}

fn names(rehearsal: &Rehearsal) -> Vec<String> {
    let records = rehearsal.records("Contacts");
    let mut names: Vec<_> =
        records.iter().map(|record| record["fields"]["Name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Copies a run's `rejected.csv`, repaired.
fn repair(rehearsal: &Rehearsal, out: &Output, file: &str, edits: &[(&str, &str)]) {
    let mut text = std::fs::read_to_string(run_of(rehearsal, out).join("rejected.csv")).unwrap();
    for (wrong, right) in edits {
        assert!(text.contains(wrong), "{text}");
        text = text.replace(wrong, right);
    }
    rehearsal.file(file, text);
}

#[test]
fn a_repaired_reject_file_sends_its_rows_and_no_other_through_any_number_of_retries() {
    let rehearsal = Rehearsal::new("");
    let first = import(&rehearsal).expect(1);
    assert_eq!((first.count("created"), first.count("rejected")), (3, 3), "{}", first.transcript());
    let name = run_name(&first);

    repair(&rehearsal, &first, "repaired.csv", &[("bob at x", "bob@x.example")]);
    let planned = rehearsal.json(["retry", &name, "repaired.csv", "-n"]).expect(0);
    assert_eq!((planned.count("read"), planned.count("created")), (3, 1), "{}", planned.transcript());
    let second = rehearsal.json(["retry", &name, "repaired.csv", "--yes"]).expect(1);
    assert_balanced(&second);
    assert_eq!((second.count("read"), second.count("created"), second.count("rejected")), (3, 1, 2));
    assert_eq!(second.summary()["command"], "retry");
    let left = result_rows(&run_of(&rehearsal, &second), "rejected.csv");
    let rows: Vec<_> = left.iter().map(|row| (row["_ferry_row"].as_str(), row["name"].as_str())).collect();
    assert_eq!(rows, [("4", "Dan"), ("5", "Eve")], "rows keep their numbers");

    // The first run's rows belong to its retry now.
    let none = rehearsal.json(["retry", &name, "--yes"]).expect(0);
    assert_eq!(none.count("read"), 0, "{}", none.transcript());
    assert!(none.stderr.contains("2 rows tried again since"), "{}", none.transcript());

    // What stood in the way is gone for one of them, without a file.
    rehearsal.file("countries.csv", "long,short\nNorway,NO\nSweden,SE\n");
    let third = rehearsal.json(["retry", &run_name(&second), "--yes"]).expect(1);
    assert_balanced(&third);
    assert_eq!((third.count("created"), third.count("rejected")), (1, 1), "{}", third.transcript());

    // A file of an earlier retry, rows in another order, is joined by its numbers.
    repair(&rehearsal, &second, "again.csv", &[("dan at x", "dan@x.example")]);
    let text = rehearsal.read("again.csv");
    let mut lines: Vec<_> = text.lines().collect();
    lines[1..].reverse();
    rehearsal.file("again.csv", lines.join("\n") + "\n");
    let fourth = rehearsal.json(["retry", &name, "again.csv", "--yes"]).expect(0);
    assert_balanced(&fourth);
    assert_eq!((fourth.count("created"), fourth.count("skipped")), (1, 1), "{}", fourth.transcript());
    let done = result_rows(&run_of(&rehearsal, &fourth), "succeeded.csv");
    assert_eq!(done[1]["_ferry_action"], "skipped");
    assert!(done[1]["_ferry_reason"].contains("was created in run"), "{done:?}");

    let seen = rehearsal.requests();
    let again = rehearsal.json(["retry", &name, "again.csv", "--yes"]).expect(0);
    assert_eq!((again.count("skipped"), rehearsal.writes_since(seen).len()), (2, 0));
    assert_eq!(names(&rehearsal), ["Ada", "Bob", "Cy", "Dan", "Eve", "Fay"]);
    assert_eq!(rehearsal.effects("create"), 6);
}

#[test]
fn a_repaired_file_may_have_the_empty_cells_of_a_spreadsheet() {
    let rehearsal = Rehearsal::new("");
    let first = import(&rehearsal).expect(1);
    repair(
        &rehearsal,
        &first,
        "repaired.csv",
        &[("bob at x", "bob@x.example"), ("dan at x", "dan@x.example")],
    );
    let text = rehearsal.read("repaired.csv").replace("\r\n", "\n").replace('\n', ",,\n");
    let blank = ",".repeat(text.lines().next().unwrap().matches(',').count());
    rehearsal.file("repaired.csv", format!("{text}{blank}\n{blank}\n"));
    let second = rehearsal.json(["retry", &run_name(&first), "repaired.csv", "--yes"]).expect(1);
    assert_balanced(&second);
    assert_eq!((second.count("read"), second.count("created"), second.count("rejected")), (3, 2, 1));
    let said = "`repaired.csv`: 2 rows without any content passed over";
    assert!(second.stderr.contains(said), "{}", second.transcript());
    assert_eq!(names(&rehearsal), ["Ada", "Bob", "Cy", "Dan", "Fay"]);
}

#[test]
fn a_record_that_was_made_and_not_completed_is_completed() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "name,tags\nAda,x\nBob,x\nCy,x\n");
    rehearsal.file("map.toml", NIMBLE);
    let first =
        rehearsal.json(["import", "rows.csv", "nimble:contacts", "-m", "map.toml", "--yes"]).expect(0);
    // As if a further request for the second row had been refused.
    let checkpoint =
        rusqlite::Connection::open(run_of(&rehearsal, &first).join("checkpoint.sqlite")).unwrap();
    checkpoint
        .execute("UPDATE load_row SET outcome = 'failed', reason = 'refused' WHERE row = 2", [])
        .unwrap();
    let id: String =
        checkpoint.query_row("SELECT id FROM load_row WHERE row = 2", [], |row| row.get(0)).unwrap();
    rehearsal.service("PUT", &format!("/contacts/{id}/tags"), &serde_json::json!({"tags": []}));

    let seen = rehearsal.requests();
    let second = rehearsal.json(["retry", &run_name(&first), "--yes"]).expect(0);
    assert_balanced(&second);
    assert_eq!((second.count("read"), second.count("updated")), (1, 1), "{}", second.transcript());
    let writes = rehearsal.writes_since(seen);
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].path == format!("/contacts/{id}/tags"), "{writes:?}");
    assert_eq!(rehearsal.effects("create"), 3);
    assert_every_row_has_one_result(&run_of(&rehearsal, &first), 3);
}

#[test]
fn a_row_of_which_one_request_was_refused_is_completed() {
    let rehearsal = Rehearsal::generated("", 3);
    rehearsal.json(["export", "nimble:contacts", "-o", "all.csv"]).expect(0);
    let mut reader = csv::Reader::from_path(rehearsal.path("all.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let mut text = "_id,first name,_tags\n".to_owned();
    for row in reader.records().map(Result::unwrap).filter(|row| &row[at("_type")] == "person") {
        text.push_str(&format!("{},Renamed,retagged\n", &row[at("_id")]));
    }
    rehearsal.file("edited.csv", text);
    rehearsal.faults(
        "[[fault]]\nkind = \"error_before_commit\"\nmethod = \"PUT\"\npath_regex = \"tags\"\nstatus = 409\nfirst = 1\n",
    );
    let first = rehearsal.json(["import", "edited.csv", "nimble:contacts", "--yes"]).expect(1);
    assert_eq!(first.count("failed"), 1, "{}", first.transcript());
    rehearsal.faults("");
    let seen = rehearsal.requests();
    let second = rehearsal.json(["retry", &run_name(&first), "--yes"]).expect(0);
    assert_balanced(&second);
    assert_eq!((second.count("read"), second.count("updated")), (1, 1), "{}", second.transcript());
    let writes = rehearsal.writes_since(seen);
    assert!(writes.len() == 1 && writes[0].path.ends_with("/tags"), "only what is outstanding: {writes:?}");
}

#[test]
fn what_cannot_be_joined_or_is_not_finished_is_refused_and_nothing_is_sent() {
    let rehearsal = Rehearsal::new("");
    let first = import(&rehearsal).expect(1);
    let name = run_name(&first);
    let seen = rehearsal.requests();
    let reject = std::fs::read_to_string(run_of(&rehearsal, &first).join("rejected.csv")).unwrap();
    let last = reject.lines().last().unwrap();
    for (file, text, why) in [
        ("plain.csv", ROWS.to_owned(), "has no column `_ferry_row`"),
        ("twice.csv", format!("{reject}{last}\n"), "row 5 stands in it already"),
        ("blank.csv", "_ferry_row,name,email,country\n,New,new@x.example,Norway\n".to_owned(), "is blank"),
        ("short.csv", "_ferry_row,name,email,country\n2,Bob\n".to_owned(), "line 2"),
    ] {
        rehearsal.file(file, text);
        let out = rehearsal.json(["retry", &name, file, "--yes"]).expect(2);
        assert!(out.stderr.contains(why), "{file}: {}", out.transcript());
    }
    let exported = rehearsal.json(["export", "nethunt:Contacts", "-o", "all.csv"]).expect(0);
    let out = rehearsal.json(["retry", &run_name(&exported), "--yes"]).expect(2);
    assert!(out.stderr.contains("has not loaded anything"), "{}", out.transcript());

    // Nobody confirms, so that its rows are still to be sent.
    let open = rehearsal.json(["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml"]);
    let out = rehearsal.json(["retry", &run_name(&open), "--yes"]).expect(2);
    assert!(out.stderr.contains("is not finished"), "{}", out.transcript());

    let stranger = Rehearsal::new("");
    let mut command = rehearsal.command(["retry", &name, "--yes", "--json"]);
    command.env("FERRY_NETHUNT_URL", format!("{}/api/v1/zapier", stranger.root()));
    let out = rehearsal.spawn_with(&mut command).wait().expect(2);
    assert!(out.stderr.contains(&stranger.root()), "{}", out.transcript());
    assert!(
        rehearsal.writes_since(seen).is_empty() && stranger.ledger().iter().all(|entry| !entry.is_write())
    );
}

#[test]
fn a_row_of_another_number_is_rejected_and_keeps_its_cells() {
    let rehearsal = Rehearsal::new("");
    let first = import(&rehearsal).expect(1);
    rehearsal.file(
        "odd.csv",
        "_ferry_row,name,email,country\n99,Zoe,zoe@x.example,Norway\n2,Bob,b@x.example,Norway\n",
    );
    let out = rehearsal.json(["retry", &run_name(&first), "odd.csv", "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("rejected")), (1, 1), "{}", out.transcript());
    let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    assert_eq!((rejected[0]["_ferry_row"].as_str(), rejected[0]["name"].as_str()), ("99", "Zoe"));
    assert!(rejected[0]["_ferry_reason"].contains("no failed or rejected row"), "{rejected:?}");
}

#[test]
fn rejected_rows_may_stop_a_load_before_its_first_write_and_resuming_goes_on_without_them() {
    for limit in [["--on-reject", "stop"], ["--max-errors", "2"], ["--max-errors", "49%"]] {
        let rehearsal = Rehearsal::new("");
        rehearsal.file("rows.csv", ROWS);
        rehearsal.file("map.toml", NETHUNT);
        rehearsal.file("countries.csv", "long,short\nNorway,NO\n");
        let base = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"];
        let out = rehearsal.json(base.into_iter().chain(limit)).expect(2);
        assert_balanced(&out);
        assert_eq!((out.count("rejected"), out.count("pending")), (3, 3), "{}", out.transcript());
        assert_eq!((out.summary()["status"].as_str(), rehearsal.effects("create")), (Some("failed"), 0));
        assert_eq!(result_rows(&run_of(&rehearsal, &out), "rejected.csv").len(), 3);
        let out = rehearsal.json(["resume", &run_name(&out), "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("rejected"), out.count("created")), (3, 3), "{}", out.transcript());
    }
    let rehearsal = Rehearsal::new("");
    let out = import(&rehearsal).expect(1);
    let again = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes", "--max-errors", "50%"];
    assert_eq!(rehearsal.json(again).expect(1).count("rejected"), out.count("rejected"));
}

#[test]
fn rows_that_the_service_refuses_may_stop_a_load_and_resuming_goes_on() {
    let rehearsal = Rehearsal::new("[nethunt]\nunique_fields = [\"Name\"]\n");
    rehearsal.file("map.toml", "[mapping]\nmode = \"create\"\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n");
    let text: String = (0..40).map(|row| format!("{}\n", if row % 8 == 1 { 0 } else { row })).collect();
    rehearsal.file("rows.csv", format!("name\n{text}"));
    let base = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes", "--concurrency", "1"];
    let out = rehearsal.json(base.into_iter().chain(["--max-errors", "2"])).expect(3);
    assert_balanced(&out);
    assert_eq!(out.count("failed"), 3, "{}", out.transcript());
    assert!(
        out.count("pending") > 10 && out.stderr.contains("the service refused 3 rows"),
        "{}",
        out.transcript()
    );
    let run = run_of(&rehearsal, &out);
    assert_eq!(result_rows(&run, "rejected.csv").len(), 3);
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("failed"), out.count("created")), (5, 35), "{}", out.transcript());
    assert_every_row_has_one_result(&run, 40);
}

#[test]
fn a_load_that_is_to_stop_sends_nothing_after_a_refusal_also_when_that_is_a_500() {
    for status in [400, 500] {
        let rehearsal = Rehearsal::new(&format!("[nethunt]\nbad_value = {status}\n"));
        let twice = if status == 500 { 2 } else { 1 };
        rehearsal.file(
            "map.toml",
            "[mapping]\nkey = [\"Name\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
             [[field]]\nto = \"Status\"\nfrom = \"status\"\ntype = \"text\"\n",
        );
        let rows = |bad: &dyn Fn(u32) -> bool| {
            let row = |row| format!("N{row},{}\n", if bad(row) { "Bogus" } else { "New" });
            format!("name,status\n{}", (1..=10).map(row).collect::<String>())
        };
        let import = |rows: String, more: &[&str]| {
            rehearsal.file("rows.csv", rows);
            let seen = rehearsal.requests();
            let base = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"];
            let out = rehearsal.json(base.iter().chain(more)).expect(3);
            assert_balanced(&out);
            assert!(out.stderr.contains("the service refused"), "{}", out.transcript());
            (out, rehearsal.writes_since(seen).len())
        };
        let (out, sent) =
            import(rows(&|row| row == 2 || row == 3), &["--on-reject", "stop", "--concurrency", "1"]);
        let counts = ["created", "failed", "pending", "in_doubt"].map(|key| out.count(key));
        assert_eq!((counts, sent), ([1, 1, 8, 0], 1 + twice), "{status}: {}", out.transcript());
        let (out, sent) = import(rows(&|row| row > 1), &["--max-errors", "2", "--concurrency", "1"]);
        let counts = ["unchanged", "failed", "pending", "in_doubt"].map(|key| out.count(key));
        assert_eq!((counts, sent), ([1, 3, 6, 0], 3 * twice), "{status}: {}", out.transcript());
        let (out, sent) = import(rows(&|row| row > 1), &["--on-reject", "stop"]);
        assert!(sent <= 4 * twice, "no more than are in flight: {sent}, {status}: {}", out.transcript());
    }
}

#[test]
fn a_load_that_is_to_stop_goes_on_after_a_500_that_was_none_of_the_rows() {
    let scenario = "[[fault]]\nkind = \"error_before_commit\"\nmethod = \"POST\"\nat = [2]\n\
                    [[fault]]\nkind = \"error_after_commit\"\nmethod = \"POST\"\nat = [5]\n";
    let rehearsal = Rehearsal::new(scenario);
    rehearsal.file("map.toml", "[mapping]\nkey = [\"Name\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n");
    rehearsal.file("rows.csv", "name\nA\nB\nC\nD\nE\nF\n");
    let base = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes", "--on-reject", "stop"];
    let out = rehearsal.json(base).expect(0);
    assert_balanced(&out);
    assert_eq!((out.count("created"), rehearsal.effects("create")), (6, 6), "{}", out.transcript());
}

#[test]
fn a_reject_file_imported_as_it_is_completes_what_was_made() {
    let rehearsal = Rehearsal::new("");
    let rows = "name,_type,first name,_tags\nAda,person,Ada,a;b;c;d;e;f;g\nBob,person,Bob,\n";
    let split = "take = \"all\"\ndo = [{ split = { on = \";\" } }]\n";
    rehearsal.file("map.toml", format!("{NIMBLE}{split}"));
    rehearsal.file("rows.csv", rows.replace("name,_type,first", "name,kind,first").replace("_tags", "tags"));
    rehearsal.file(
        "plain.csv",
        rows.replace("name,_type", "_id,_type").replace("Ada,p", ",p").replace("Bob,p", ",p"),
    );
    for (file, mapping) in [("plain.csv", &[][..]), ("rows.csv", &["-m", "map.toml"])] {
        let import = |file: &str| {
            let fixed = ["import", file, "nimble:contacts", "--yes"].into_iter();
            rehearsal.json(fixed.chain(mapping.iter().copied()))
        };
        let made = rehearsal.effects("create");
        rehearsal.faults("[[fault]]\nkind = \"error_before_commit\"\npath_regex = \"tags\"\nstatus = 409\n");
        let first = import(file).expect(1);
        assert_eq!((first.count("created"), first.count("failed")), (1, 1), "{}", first.transcript());
        rehearsal.faults("");
        repair(&rehearsal, &first, "rejected.csv", &[]);

        let id = result_rows(&run_of(&rehearsal, &first), "rejected.csv")[0]["_ferry_id"].clone();
        repair(&rehearsal, &first, "gone.csv", &[(&id, "0123456789abcdef01234567")]);
        let gone = import("gone.csv").expect(1);
        assert_eq!((gone.count("created"), gone.count("rejected")), (0, 1), "{}", gone.transcript());
        let rejected = &result_rows(&run_of(&rehearsal, &gone), "rejected.csv")[0];
        assert_eq!(rejected["_ferry_field"], "_ferry_id");
        assert!(rejected["_ferry_reason"].contains("ferry retry RUN"), "{rejected:?}");

        let second = import("rejected.csv").expect(0);
        assert_balanced(&second);
        // The mapping only creates; without one, or by a retry, the record is completed.
        let counts = (second.count("created"), second.count("updated"), second.count("skipped"));
        assert_eq!(counts, if mapping.is_empty() { (0, 1, 0) } else { (0, 0, 1) }, "{}", second.transcript());
        if !mapping.is_empty() {
            let third = rehearsal.json(["retry", &run_name(&first), "rejected.csv", "--yes"]).expect(0);
            assert_eq!((third.count("created"), third.count("updated")), (0, 1), "{}", third.transcript());
        }
        assert_eq!(rehearsal.effects("create"), made + 2);
    }
}

#[test]
fn a_run_that_stopped_before_its_plan_is_to_be_resumed() {
    let rehearsal = Rehearsal::new("").set("FERRY_NETHUNT_KEY", "wrong");
    let out = import(&rehearsal).expect(5);
    let runs = || std::fs::read_dir(rehearsal.path(".ferry/runs")).unwrap().count();
    let (run, known) = (run_name(&out), runs());
    let out = rehearsal.json(["retry", &run, "--yes"]).expect(2);
    assert!(out.stderr.contains("stopped before its plan was made"), "{}", out.transcript());
    assert!(out.stderr.contains(&format!("ferry resume {run}")), "{}", out.transcript());
    assert_eq!(runs(), known, "no run is left behind");
}
