//! Services that are down, refuse or answer nonsense, the priority of exit codes, the summary on every exit, and
//! that no secret is ever told.

use std::path::Path;

use crate::bad_input::PEOPLE;
use crate::support::{Output, Rehearsal};

const TOKEN: &str = "sim-token";
const KEY: &str = "sim-key";

fn people(rows: usize) -> Rehearsal {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("people.toml", PEOPLE);
    let rows: String = (0..rows).map(|row| format!("P{row},p{row}@example.org,{row}\n")).collect();
    rehearsal.file("people.csv", format!("name,email,score\n{rows}"));
    rehearsal
}

fn import(rehearsal: &Rehearsal) -> Output {
    rehearsal.json([
        "import",
        "people.csv",
        "nethunt:Contacts",
        "-m",
        "people.toml",
        "--yes",
        "--concurrency",
        "1",
    ])
}

/// It stopped with that code, says the words, names the way on, and its accounts balance.
#[track_caller]
fn stopped(output: &Output, code: i32, words: &[&str]) {
    assert_eq!(output.code, code, "{}", output.transcript());
    for word in words {
        assert!(output.stderr.contains(word), "no `{word}` in {}", output.transcript());
    }
    assert_eq!(output.summary()["status"], "stopped", "{}", output.transcript());
    let way_on = format!("continue with `ferry resume {}`", output.summary()["run"].as_str().unwrap());
    assert_eq!(output.stderr.lines().last(), Some(way_on.as_str()), "{}", output.transcript());
    let sum = |keys: &[&str]| keys.iter().map(|key| output.count(key)).sum::<u64>();
    assert_eq!(output.count("read"), sum(&["filtered", "rejected", "mapped"]), "{}", output.transcript());
}

#[test]
fn a_service_that_is_down_stops_the_run_after_the_retries() {
    let rehearsal = Rehearsal::new("[[fault]]\nkind = \"down\"\nmode = \"503\"\n");
    let output = rehearsal.json(["export", "nimble:contacts", "-o", "x.csv"]);
    stopped(&output, 3, &["Nimble", "503", "attempts", "x-simulated: service unavailable"]);
    assert_eq!(output.count("requests") as usize, rehearsal.requests(), "{}", output.transcript());
    assert!(output.count("retries") > 0);
    assert!(!rehearsal.path("x.csv").exists());
    rehearsal.faults("");
    assert_eq!(rehearsal.json(["resume", "--last", "--yes"]).expect(0).summary()["status"], "done");
    assert!(rehearsal.path("x.csv").exists());
}

#[test]
fn a_read_that_the_service_refuses_ends_with_two_since_it_would_be_refused_again() {
    let rehearsal = Rehearsal::generated("", 3);
    for (stream, path, status, words) in [
        (
            "nethunt:Contacts",
            "/triggers/new-record",
            400,
            "NetHunt answers 400: x-simulated: the request is refused",
        ),
        (
            "nethunt:Contacts",
            "/triggers/new-record",
            404,
            "NetHunt answers 404: x-simulated: the request is refused",
        ),
        (
            "nethunt:Contacts",
            "/triggers/new-record",
            422,
            "NetHunt answers 422: x-simulated: the request is refused",
        ),
        ("nimble:contacts", "/contacts?", 400, "Nimble refuses the request: Internal error handling request"),
        ("nimble:contacts", "/contacts?", 422, "Nimble refuses the request: Internal error handling request"),
    ] {
        let path = path.trim_end_matches('?');
        rehearsal.faults(&format!(
            "[[fault]]\nkind = \"error_before_commit\"\nstatus = {status}\npath_regex = \"{path}(/[^/]*)?$\"\n"
        ));
        let output = rehearsal.json(["export", stream, "-o", "x.csv"]).expect(2);
        assert!(output.stderr.contains(words), "{status}: {}", output.transcript());
        assert!(!output.stderr.contains("ferry resume"), "{}", output.transcript());
        assert_eq!(output.summary()["status"], "failed", "{}", output.transcript());
    }
    rehearsal.faults("[[fault]]\nkind = \"error_before_commit\"\nstatus = 400\npath = \"/searches\"\n");
    let output = rehearsal.json(["export", "nethunt:Contacts", "--find", "Ada", "-o", "x.csv"]).expect(2);
    assert!(output.stderr.contains("NetHunt answers 400"), "{}", output.transcript());
}

#[test]
fn a_read_that_is_refused_after_something_was_written_stops_the_run() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("rows.csv", "first name,email[work]\nAda,ada@x.example\nBob,bob@x.example\n");
    let import = ["import", "rows.csv", "nimble:contacts", "--key", "email[work]"];
    rehearsal.json([&import[..], &["-n"]].concat()).expect(0);
    let of_a_plan = rehearsal.requests();
    // What the plan asks for is answered, what is asked for to verify is not.
    rehearsal.faults(&format!(
        "[[fault]]\nkind = \"error_before_commit\"\nstatus = 400\nmethod = \"GET\"\nafter = {of_a_plan}\n"
    ));
    stopped(&rehearsal.json([&import[..], &["--yes"]].concat()), 3, &["Nimble refuses the request"]);
    assert_eq!(rehearsal.contacts().len(), 2);
    rehearsal.faults("");
    let output = rehearsal.json(["resume", "--last", "--yes"]).expect(0);
    assert_eq!((output.count("created"), output.count("verified")), (2, 2), "{}", output.transcript());
}

#[test]
fn nobody_listening_is_a_stop_too() {
    let rehearsal = Rehearsal::new("").set("FERRY_NETHUNT_URL", "http://127.0.0.1:9/api/v1/zapier");
    let output = rehearsal.json(["export", "nethunt:Contacts", "-o", "x.csv"]);
    stopped(&output, 3, &["NetHunt", "refused", "attempts"]);
}

#[test]
fn html_in_place_of_json_is_a_stop() {
    for status in [200, 502] {
        let rehearsal = Rehearsal::new(&format!("[[fault]]\nkind = \"html\"\nstatus = {status}\n"));
        let output = rehearsal.json(["export", "nethunt:Contacts", "-o", "x.csv"]);
        stopped(&output, 3, &["NetHunt"]);
        assert!(!output.stderr.contains("<html"), "{}", output.transcript());
    }
}

#[test]
fn wrong_credentials_end_with_five() {
    let rehearsal = people(1).set("FERRY_NIMBLE_TOKEN", "wrong-token").set("FERRY_NETHUNT_KEY", "wrong-key");
    stopped(&import(&rehearsal), 5, &["NetHunt refuses the credentials", "FERRY_NETHUNT_KEY"]);
    let output = rehearsal.json(["export", "nimble:contacts", "-o", "x.csv"]);
    stopped(&output, 5, &["Nimble refuses the credentials", "FERRY_NIMBLE_TOKEN"]);
    let output = rehearsal.json(["check"]).expect(5);
    assert!(!output.stderr.contains("wrong-token") && !output.stderr.contains("wrong-key"));
}

#[test]
fn missing_credentials_are_asked_for_by_name() {
    let rehearsal = people(1).unset("FERRY_NETHUNT_KEY").unset("FERRY_NIMBLE_TOKEN");
    let output = import(&rehearsal).expect(2);
    assert!(output.stderr.contains("needs FERRY_NETHUNT_KEY"), "{}", output.transcript());
    let output = rehearsal.json(["export", "nimble:contacts", "-o", "x.csv"]).expect(2);
    assert!(output.stderr.contains("needs FERRY_NIMBLE_TOKEN"), "{}", output.transcript());
    assert_eq!(rehearsal.requests(), 0);
}

#[test]
fn credentials_refused_on_the_way_stop_with_five_and_the_rest_goes_later() {
    let rehearsal = people(8);
    rehearsal.faults("[[fault]]\nkind = \"unauthorized\"\nmethod = \"POST\"\nafter = 2\n");
    let output = import(&rehearsal);
    stopped(&output, 5, &["refuses the credentials"]);
    assert_eq!((output.count("created"), output.count("pending")), (2, 6), "{}", output.transcript());
    rehearsal.faults("");
    assert_eq!(rehearsal.json(["resume", "--last", "--yes"]).expect(0).count("created"), 8);
    assert_eq!(rehearsal.records("Contacts").len(), 8);
}

#[test]
fn a_full_account_stops_with_three_and_the_rest_goes_later() {
    let rehearsal = people(8);
    rehearsal.file(
        "nimble.toml",
        "[mapping]\ntarget = \"nimble:contacts\"\nkey = [\"email[work]\"]\n[[field]]\nto = \"first name\"\n\
         from = \"name\"\n[[field]]\nto = \"email[work]\"\nfrom = \"email\"\n",
    );
    rehearsal.faults("[[fault]]\nkind = \"quota\"\nmethod = \"POST\"\nafter = 3\n");
    let output = rehearsal.json([
        "import",
        "people.csv",
        "nimble:contacts",
        "-m",
        "nimble.toml",
        "--yes",
        "--concurrency",
        "1",
    ]);
    stopped(&output, 3, &["quota spent", "hint: "]);
    assert_eq!((output.count("created"), output.count("pending")), (3, 5), "{}", output.transcript());
    rehearsal.faults("");
    assert_eq!(rehearsal.json(["resume", "--last", "--yes"]).expect(0).count("created"), 8);
    assert_eq!(rehearsal.contacts().len(), 8);
}

#[test]
fn where_several_codes_apply_the_gravest_counts() {
    // Rejected rows (1) and refused credentials (5): 5.
    let rehearsal = people(3);
    let sheet = rehearsal.read("people.csv").replace("p0@example.org", "nobody");
    rehearsal.file("people.csv", &sheet);
    rehearsal.faults("[[fault]]\nkind = \"unauthorized\"\nmethod = \"POST\"\n");
    let output = import(&rehearsal);
    stopped(&output, 5, &[]);
    assert_eq!((output.count("rejected"), output.count("pending")), (1, 2), "{}", output.transcript());
    // Rejected rows (1) and nobody to ask (2): 2.
    rehearsal.faults("");
    rehearsal.json(["import", "people.csv", "nethunt:Contacts", "-m", "people.toml"]).expect(2);
    // Rejected rows alone: 1. `check` of two connections, one down (3) and one refusing (5): 5.
    import(&rehearsal).expect(1);
    rehearsal.faults("[[fault]]\nkind = \"down\"\nservice = \"nimble\"\n[[fault]]\nkind = \"unauthorized\"\nservice = \"nethunt\"\n");
    rehearsal.json(["check"]).expect(5);
}

#[test]
fn an_incomplete_read_counts_more_than_rejected_rows_and_plans_no_creates() {
    let scenario = include_str!("../../samples/scenarios/hidden-cap.toml");
    let rehearsal = Rehearsal::generated(scenario, 700);
    rehearsal.file("people.toml", PEOPLE);
    rehearsal.file("people.csv", "name,email,score\nAda,ada@example.org,1\nBob,nobody,2\n");
    let output = import(&rehearsal);
    assert_eq!(output.code, 4, "{}", output.transcript());
    assert_eq!(output.summary()["complete"], false, "{}", output.transcript());
    assert_eq!(output.count("created"), 0, "{}", output.transcript());
    assert!(rehearsal.writes_since(0).is_empty());
}

#[test]
fn the_summary_has_the_promised_keys_in_their_order_on_every_exit() {
    let keys = "run command status read filtered rejected mapped written created updated unchanged skipped \
                conflicts failed in_doubt pending deleted verified requests retries seconds complete files";
    let rehearsal = people(2);
    let import = ["import", "people.csv", "nethunt:Contacts", "-m", "people.toml"];
    let outputs = [
        rehearsal.json([&import[..], &["-n"]].concat()).expect(0),
        rehearsal.json(import).expect(2),
        rehearsal.json([&import[..], &["--yes"]].concat()).expect(0),
        rehearsal.json(["import", "none.csv", "nethunt:Contacts"]).expect(2),
        rehearsal.json(["export", "people.csv", "-o", "x.csv"]).expect(0),
        rehearsal.json(["export", "people.csv", "-o", "-", "--format", "csv"]).expect(0),
        rehearsal.json(["extract", "people.csv"]).expect(0),
        rehearsal.json(["resume", "--last"]).expect(0),
    ];
    let statuses: Vec<String> = outputs
        .iter()
        .map(|output| {
            let summary = output.summary();
            let has: Vec<_> = summary.as_object().unwrap().keys().cloned().collect();
            assert_eq!(has.join(" "), keys, "{}", output.transcript());
            summary["status"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(statuses, ["planned", "failed", "done", "failed", "done", "done", "done", "done"]);
    let to_stdout = &outputs[5];
    assert!(to_stdout.stdout.starts_with("name,email,score\n") && !to_stdout.stdout.contains('{'));
}

/// Every file below a folder that holds one of the secrets.
fn telling(folder: &Path, secrets: &[&str], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            telling(&path, secrets, found);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let holds = |secret: &&str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        found.extend(
            secrets
                .iter()
                .filter(|secret| holds(secret))
                .map(|secret| format!("{}: {secret}", path.display())),
        );
    }
}

#[test]
fn no_secret_is_told_in_outputs_run_folders_and_errors() {
    let rehearsal = people(4);
    let basic = "c2ltQGV4YW1wbGUub3JnOnNpbS1rZXk";
    let secrets = [TOKEN, KEY, basic];
    let everything = |expected: Option<i32>| {
        let commands: [&[&str]; 6] = [
            &["-vv", "check"],
            &["-vv", "discover"],
            &["-vv", "export", "nimble:contacts", "-o", "x.csv"],
            &["-vv", "export", "nethunt:Contacts", "-o", "y.jsonl"],
            &["-vv", "import", "people.csv", "nethunt:Contacts", "-m", "people.toml", "--yes"],
            &["-vv", "runs", "list"],
        ];
        for args in commands {
            for output in [rehearsal.ferry(args), rehearsal.json(args)] {
                if let Some(code) = expected {
                    assert_eq!(output.code, code, "{}", output.transcript());
                }
                for secret in secrets {
                    assert!(
                        !output.stdout.contains(secret) && !output.stderr.contains(secret),
                        "{secret}: {args:?}"
                    );
                }
            }
        }
    };
    everything(Some(0));
    for kind in ["unauthorized", "quota"] {
        rehearsal.faults(&format!("[[fault]]\nkind = \"{kind}\"\n"));
        everything(None);
    }
    let mut found = Vec::new();
    telling(&rehearsal.path(""), &secrets, &mut found);
    assert!(found.is_empty(), "{found:#?}");
}
