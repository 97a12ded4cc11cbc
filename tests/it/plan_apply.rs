//! A plan that is kept, looked at, and carried out exactly as it was shown (design sections 4 and 9.4).

use crate::accounts::{assert_balanced, assert_every_row_has_one_result};
use crate::support::{Output, Rehearsal};

const MAPPING: &str = "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                       [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n";
const ROWS: &str = "name,email\nAda,ada@x.example\nBob,bob@x.example\nEve,eve@x.example\n";

fn planned(rehearsal: &Rehearsal) -> String {
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", MAPPING);
    let out = rehearsal.json(["plan", "rows.csv", "nethunt:Contacts", "-m", "map.toml"]).expect(0);
    assert_eq!((out.summary()["status"].as_str(), out.count("created")), (Some("planned"), 3));
    run_of(&out)
}

fn run_of(out: &Output) -> String {
    out.summary()["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_plan_is_kept_and_carried_out_once() {
    let rehearsal = Rehearsal::new("");
    let run = planned(&rehearsal);
    assert_eq!(rehearsal.writes_since(0).len(), 0);
    // `--last` never means a plan, and nobody has said yes to it yet.
    rehearsal.json(["resume", "--last", "--yes"]).expect(2);
    rehearsal.json(["resume", &run, "--yes"]).expect(0);
    rehearsal.json(["apply", &run]).expect(2);
    assert_eq!(rehearsal.writes_since(0).len(), 0);

    let out = rehearsal.json(["apply", &run, "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.summary()["command"].as_str()), (3, Some("apply")));
    assert_eq!(run_of(&out), run);
    assert_every_row_has_one_result(&rehearsal.runs()[0], 3);
    let seen = rehearsal.requests();
    let again = rehearsal.json(["apply", &run, "--yes"]).expect(0);
    assert_eq!(again.summary(), out.summary());
    assert!(rehearsal.writes_since(seen).is_empty());
    assert_eq!(rehearsal.records("Contacts").len(), 3);
}

/// From the second write on none is served before the test is over: whoever sends them waits to be killed.
const HELD: &str = "[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nafter = 1\nlatency_ms = 60000\n";

/// Starts a command that sends, and ends it when it has made one record and another one is on its way.
fn kill_while_sending(rehearsal: &Rehearsal, command: &[&str]) {
    rehearsal.faults(HELD);
    let life = rehearsal.spawn_with(rehearsal.command(command).env("FERRY_CONCURRENCY", "1"));
    rehearsal.wait_until("a write is held", |now| now.writes_since(0).len() == 2);
    assert!(life.kill_9(), "it ended before it could be killed");
    rehearsal.faults("");
}

#[test]
fn a_plan_that_was_killed_while_it_was_carried_out_is_gone_on_with() {
    for way in ["resume", "apply", "--last"] {
        let rehearsal = Rehearsal::new("");
        let run = planned(&rehearsal);
        let report = rehearsal.runs()[0].join("report.json");
        let told = std::fs::read(&report).unwrap();
        kill_while_sending(&rehearsal, &["apply", &run, "--yes"]);
        let shown = rehearsal.json(["runs", "show", &run]).expect(0).objects().remove(0);
        assert_eq!(
            (&shown["status"], &shown["summary"]["pending"]),
            (&"stopped".into(), &3.into()),
            "{shown}"
        );
        if way == "resume" {
            // A power cut may bring back what was told before.
            std::fs::write(&report, told).unwrap();
        }
        let way_on = if way == "--last" { ["resume", "--last"] } else { [way, &run] };
        let out = rehearsal.json(way_on.into_iter().chain(["--yes"])).expect(0);
        assert_balanced(&out);
        assert_eq!((out.count("created"), out.count("verified")), (3, 3), "{way}: {}", out.transcript());
        assert_eq!(rehearsal.records("Contacts").len(), 3);
        assert_every_row_has_one_result(&rehearsal.runs()[0], 3);
    }
}

#[test]
fn a_plan_that_was_killed_before_it_was_confirmed_is_gone_on_with() {
    let rehearsal = Rehearsal::new("").set("FERRY_SETTLE", "3s");
    let run = planned(&rehearsal);
    rehearsal.file("other.csv", "name,email\nZoe,zoe@x.example\n");
    rehearsal.json(["import", "other.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"]).expect(0);
    // It waits until what the import has written is listed; on a machine that is too slow for that, until it is killed.
    rehearsal.faults("[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nlatency_ms = 60000\n");
    let life = rehearsal.spawn(["apply", &run, "--yes"]);
    let job = rehearsal.path(".ferry/runs").join(&run).join("run.json");
    let is_begun = |_: &Rehearsal| std::fs::read_to_string(&job).unwrap().contains("\"command\": \"apply\"");
    rehearsal.wait_until("the apply is begun", is_begun);
    assert!(life.kill_9(), "it ended before it could be killed");
    rehearsal.faults("");
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!((run_of(&out), out.count("created")), (run, 3), "{}", out.transcript());
}

#[test]
fn a_plan_that_cannot_be_carried_out_yet_is_to_be_applied_later() {
    let rehearsal = Rehearsal::new("");
    let (first, second) = (planned(&rehearsal), planned(&rehearsal));
    kill_while_sending(&rehearsal, &["apply", &first, "--yes"]);
    let out = rehearsal.ferry(["apply", &second, "--yes"]).expect(3);
    assert!(out.stderr.contains(&format!("go on with `ferry resume {first}` first")), "{}", out.transcript());
    assert!(
        out.stderr.trim_end().ends_with(&format!("continue with `ferry apply {second}`")),
        "{}",
        out.transcript()
    );
}

#[test]
fn stages_that_were_killed_are_gone_on_with() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", MAPPING);
    let run = run_of(&rehearsal.json(["extract", "rows.csv"]).expect(0));
    rehearsal.json(["transform", &run, "-m", "map.toml"]).expect(0);
    // As if it had been killed.
    let folder = rehearsal.runs().remove(0);
    std::fs::remove_dir_all(folder.join("transform")).unwrap();
    std::fs::remove_file(folder.join("report.json")).unwrap();
    let out = rehearsal.json(["resume", "--last"]).expect(0);
    assert_eq!((out.summary()["command"].as_str(), out.count("mapped")), (Some("transform"), 3));
    assert!(folder.join("transform").is_dir());
    kill_while_sending(&rehearsal, &["load", &run, "nethunt:Contacts", "--yes"]);
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.summary()["command"].as_str()), (3, Some("load")));
    assert_eq!(rehearsal.records("Contacts").len(), 3);
}

#[test]
fn a_plan_whose_file_mapping_or_account_is_another_is_not_carried_out() {
    let rehearsal = Rehearsal::new("");
    let run = planned(&rehearsal);
    let refused = |what: &str| {
        let out = rehearsal.json(["apply", &run, "--yes"]).expect(4);
        assert!(out.stderr.contains(what), "{}", out.transcript());
        assert_eq!(rehearsal.writes_since(0).len(), 0);
        assert_refused(&out, "failed");
    };
    rehearsal.file("rows.csv", format!("{ROWS}Mal,mal@x.example\n"));
    refused("rows.csv` has changed since the plan was made");
    std::fs::remove_file(rehearsal.path("rows.csv")).unwrap();
    refused("cannot be read any more");
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", format!("{MAPPING}\n# another\n"));
    refused("map.toml` has changed since the plan was made");
    rehearsal.file("map.toml", MAPPING);
    let checkpoint = rehearsal.runs()[0].join("checkpoint.sqlite");
    let change = |from: &str, to: &str| {
        let db = rusqlite::Connection::open(&checkpoint).unwrap();
        let sql = "UPDATE load_body SET body = replace(body, ?, ?)";
        assert!(db.execute(sql, [from, to]).unwrap() > 0);
    };
    change("Ada", "Mal");
    refused("is not the one that was saved");
    change("Mal", "Ada");
    let stranger = Rehearsal::new("");
    refused_behind(&rehearsal, &stranger, "apply", &run, 4);
    rehearsal.json(["apply", &run, "--yes"]).expect(0);
    assert_eq!(rehearsal.records("Contacts").len(), 3);
}

/// The summary is of an apply that has left the plan as it is.
#[track_caller]
fn assert_refused(out: &Output, status: &str) {
    let summary = out.summary();
    let told = (summary["command"].as_str(), summary["status"].as_str());
    assert_eq!(told, (Some("apply"), Some(status)), "{}", out.transcript());
    assert_balanced(out);
    assert_eq!((out.count("created"), out.count("pending")), (0, 3), "{}", out.transcript());
}

#[test]
fn a_plan_that_cannot_be_carried_out_now_is_stopped_and_named() {
    let rehearsal = Rehearsal::new("");
    let run = planned(&rehearsal);
    let mut command = rehearsal.command(["apply", &run, "--yes", "--json"]);
    command.env("FERRY_NETHUNT_KEY", "another");
    assert_refused(&rehearsal.spawn_with(&mut command).wait().expect(5), "stopped");
    let lock = std::fs::File::open(rehearsal.runs()[0].join("lock")).unwrap();
    lock.try_lock().unwrap();
    for words in [&["apply", &run, "--yes"][..], &["resume", &run]] {
        let out = rehearsal.json(words).expect(3);
        let summary = out.summary();
        let told = ["command", "status", "run"].map(|key| summary[key].as_str());
        assert_eq!(told, [Some(words[0]), Some("stopped"), Some(&*run)], "{}", out.transcript());
        assert!(out.stderr.contains("is in use by"), "{}", out.transcript());
    }
    drop(lock);
    rehearsal.json(["apply", &run, "--yes"]).expect(0);
    assert_eq!(rehearsal.records("Contacts").len(), 3);
}

/// With another account behind the connection nothing is sent, and both are named.
fn refused_behind(rehearsal: &Rehearsal, stranger: &Rehearsal, command: &str, run: &str, code: i32) {
    let mut command = rehearsal.command([command, run, "--yes", "--json"]);
    command.env("FERRY_NETHUNT_URL", format!("{}/api/v1/zapier", stranger.root()));
    let out = rehearsal.spawn_with(&mut command).wait().expect(code);
    for root in [rehearsal.root(), stranger.root()] {
        assert!(out.stderr.contains(&root), "{root}: {}", out.transcript());
    }
    assert!(stranger.writes_since(0).is_empty());
}

#[test]
fn what_has_no_plan_to_carry_out_says_so() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", MAPPING);
    let dry = rehearsal.json(["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "-n"]).expect(0);
    let out = rehearsal.json(["apply", &run_of(&dry), "--yes"]).expect(2);
    assert!(out.stderr.contains("has no plan to carry out"), "{}", out.transcript());
    let done = rehearsal.json(["extract", "rows.csv"]).expect(0);
    rehearsal.json(["apply", &run_of(&done), "--yes"]).expect(2);
    assert_eq!(rehearsal.writes_since(0).len(), 0);
}

#[test]
fn an_interrupted_apply_goes_on_as_it_was_planned() {
    let rehearsal = Rehearsal::new("");
    let run = planned(&rehearsal);
    rehearsal.faults("[[fault]]\nkind = \"unauthorized\"\nmethod = \"POST\"\nafter = 1\n");
    let out = rehearsal.json(["apply", &run, "--yes", "--concurrency", "1"]).expect(5);
    assert_eq!((out.summary()["status"].as_str(), out.count("created")), (Some("stopped"), 1));
    rehearsal.faults("");
    let stranger = Rehearsal::new("");
    refused_behind(&rehearsal, &stranger, "apply", &run, 4);
    refused_behind(&rehearsal, &stranger, "resume", &run, 2);
    // What was begun no longer asks for the file.
    std::fs::remove_file(rehearsal.path("rows.csv")).unwrap();
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!((out.count("created"), rehearsal.records("Contacts").len()), (3, 3));
}

#[test]
fn a_plan_that_changes_more_than_is_allowed_is_not_carried_out() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", MAPPING);
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes", "--max-changes"];
    let out = rehearsal.json(import.into_iter().chain(["2"])).expect(4);
    assert!(out.stderr.contains("changes 3 records, and 2 are allowed"), "{}", out.transcript());
    assert_balanced(&out);
    assert_eq!(rehearsal.writes_since(0).len(), 0);
    rehearsal.json(import.into_iter().chain(["3"])).expect(0);
}

#[test]
fn the_plan_can_be_looked_at_row_by_row() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "name,email\nAda,ada@x.example\nBob,\nEve,eve@x.example\nEva,eve@x.example\n");
    rehearsal.file("map.toml", MAPPING);
    rehearsal.json(["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"]).expect(1);
    rehearsal.file("rows.csv", ROWS.replace("Ada", "Ada King"));
    let out = rehearsal.json(["plan", "rows.csv", "nethunt:Contacts", "-m", "map.toml"]).expect(0);
    let run = run_of(&out);
    let objects = rehearsal.json(["runs", "show", &run]).expect(0).objects();
    assert_eq!((objects.len(), objects[0]["run"].as_str()), (4, Some(run.as_str())));
    let told: Vec<_> = objects[1..].iter().map(|row| (row["row"].as_u64(), row["action"].as_str())).collect();
    assert_eq!(told, [(Some(1), Some("update")), (Some(2), Some("create")), (Some(3), Some("unchanged"))]);
    assert_eq!(objects[1]["changes"][0]["after"][0], "Ada King");
    assert_eq!(objects[2]["key"], "bob@x.example");
    let some = rehearsal.json(["runs", "show", &run, "--action", "create"]).expect(0).objects();
    assert_eq!(some.len(), 2);
    let flat = rehearsal.ferry(["runs", "show", &run, "--csv", "--action", "update"]).expect(0);
    let line = flat.stdout.lines().nth(1).unwrap();
    assert!(line.starts_with("1,update,,") && line.ends_with(",1,Name,Ada,Ada King,,"), "{line}");
    let text = rehearsal.ferry(["runs", "show", &run]).expect(0);
    assert!(text.stdout.contains("Name: Ada → Ada King"), "{}", text.transcript());
    rehearsal.ferry(["runs", "show", &run, "--action", "nonsense"]).expect(2);
}

#[test]
fn a_canary_is_read_back_before_the_rest_is_sent() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", MAPPING);
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--canary", "2", "--yes"];
    let out = rehearsal.json(import).expect(0);
    assert!(out.stderr.contains("canary: 2 of 2 rows read back as meant"), "{}", out.transcript());
    assert_eq!((out.count("created"), rehearsal.effects("create")), (3, 3));
    let ledger = rehearsal.ledger();
    let writes: Vec<usize> = (0..ledger.len()).filter(|at| ledger[*at].is_write()).collect();
    assert!(
        ledger[writes[1]..writes[2]].iter().any(|entry| entry.path.contains("updated-record")),
        "{ledger:?}"
    );
}

#[test]
fn a_canary_that_went_wrong_holds_the_rest_back() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", ROWS);
    rehearsal.file("map.toml", MAPPING);
    rehearsal
        .faults("[[fault]]\nkind = \"error_before_commit\"\nmethod = \"POST\"\nstatus = 400\nat = [1]\n");
    let import = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--canary", "2", "--yes"];
    let out = rehearsal.json(import).expect(4);
    assert_balanced(&out);
    assert_eq!(out.summary()["status"], "stopped");
    assert_eq!((out.count("created"), out.count("failed"), out.count("pending")), (1, 1, 1));
    // It can be gone on with, but a bad canary stays one until somebody looks.
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(4);
    assert_eq!((out.count("pending"), rehearsal.effects("create")), (1, 1), "{}", out.transcript());
}

#[test]
fn few_rows_are_searched_for_where_that_takes_fewer_requests() {
    let mapping = "[mapping]\nkey = [\"email\"]\n[[field]]\nto = \"_type\"\nconst = \"person\"\n\
                   [[field]]\nto = \"first name\"\nfrom = \"name\"\n\
                   [[field]]\nto = \"email[work]\"\nfrom = \"email\"\n";
    let rehearsal = Rehearsal::generated("", 1_600);
    rehearsal.file("map.toml", mapping);
    let mail = |text: &str| rehearsal.file("rows.csv", format!("name,email\n{text}"));
    // Somebody who was made just now is found too.
    mail("Ada,Ada@New.example\nBob,bob@new.example\n");
    let import = ["import", "rows.csv", "nimble:contacts", "-m", "map.toml", "--yes"];
    let out = rehearsal.json(import).expect(0);
    assert_eq!((out.count("created"), out.summary()["complete"].as_str()), (2, Some("unproven")));
    mail("Ada King,ada@new.example\nBob,bob@new.example\nEve,eve@new.example\n");
    let seen = rehearsal.requests();
    let out = rehearsal.json(import).expect(0);
    assert_balanced(&out);
    let counts = ["created", "updated", "unchanged"].map(|key| out.count(key));
    assert_eq!(counts, [1, 1, 1], "{}", out.transcript());
    let listed = rehearsal.ledger_since(seen).iter().filter(|entry| entry.path == "/contacts").count();
    assert!(listed < 12, "{listed} pages of {}", rehearsal.contacts().len());
    let plan = &out.objects()[0]["plan"];
    assert!(plan["matched_with"].as_str().unwrap().contains("searches for the keys"), "{plan}");
    // Many rows are matched with everything, which is read once.
    mail(&(0..40).map(|row| format!("Row {row},row{row}@new.example\n")).collect::<String>());
    let out = rehearsal.json(import.into_iter().chain(["-n"])).expect(0);
    assert_eq!(out.summary()["complete"], true);
    let plan = &out.objects()[0]["plan"];
    assert!(plan["matched_with"].as_str().unwrap().starts_with("matched with all 1,603 records"), "{plan}");
}

#[test]
fn doubled_and_ambiguous_rows_are_counts_of_their_own() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "name,email\nAda,ada@x.example\nBob,bob@x.example\n");
    rehearsal.file("map.toml", MAPPING);
    let create = ["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--mode", "create", "--yes"];
    rehearsal.json(create).expect(0);
    // A second Ada.
    let ada = rehearsal.records("Contacts")[0]["fields"].clone();
    let folders = rehearsal.get("/nethunt/folders");
    let folder = folders.as_array().unwrap().iter().find(|folder| folder["name"] == "Contacts").unwrap();
    let path = format!("/zapier/actions/create-record/{}", folder["id"].as_str().unwrap());
    rehearsal.service("POST", &path, &serde_json::json!({"timeZone": "Europe/London", "fields": ada}));
    let rows = "name,email\nA,ada@x.example\nB,bob@x.example\nC,bob@x.example\nD,bob@x.example\nE,\n";
    rehearsal.file("rows.csv", rows);
    let out = rehearsal.json(["plan", "rows.csv", "nethunt:Contacts", "-m", "map.toml"]).expect(0);
    assert_balanced(&out);
    let view = out.objects().into_iter().find_map(|object| object.get("plan").cloned()).unwrap();
    let counts = |view: &serde_json::Value| {
        ["rejected", "doubled", "ambiguous"].map(|key| view[key].as_u64().unwrap())
    };
    assert_eq!(counts(&view), [4, 2, 1], "{}", out.transcript());
    let run = run_of(&out);
    let shown = rehearsal.json(["runs", "show", &run]).expect(0);
    assert_eq!(counts(&shown.objects()[0]["plan"]), [4, 2, 1], "{}", shown.transcript());
    let shown = rehearsal.ferry(["runs", "show", &run]).expect(0);
    assert!(
        shown.stdout.contains("of the rejected 2 doubled in the file, 1 with several matches"),
        "{}",
        shown.transcript()
    );
}
