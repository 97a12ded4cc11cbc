//! `ferry.toml`: named connections, where settings come from, and secrets that nothing ever shows.

use crate::support::{Output, Rehearsal};

/// Two services with some people, and no variable that names an account.
fn quiet() -> Rehearsal {
    let mut rehearsal = Rehearsal::generated("", 20);
    for name in ["URL", "TOKEN", "RATE"] {
        rehearsal = rehearsal.unset(&format!("FERRY_NIMBLE_{name}"));
    }
    for name in ["URL", "EMAIL", "KEY", "RATE"] {
        rehearsal = rehearsal.unset(&format!("FERRY_NETHUNT_{name}"));
    }
    rehearsal.set("THE_TOKEN", "sim-token").set("THE_KEY", "sim-key").unset("FERRY_SETTLE")
}

/// The same with two connections to one service and one to the other.
fn configured() -> Rehearsal {
    let rehearsal = quiet();
    let root = rehearsal.root();
    rehearsal.file(
        "ferry.toml",
        format!(
            "[connections.work]\n\
             service = \"nimble\"\n\
             url = \"{root}/api/v1/\"\n\
             token = {{ env = \"THE_TOKEN\" }}\n\
             rate = \"none\"\n\n\
             [connections.old-office]\n\
             service = \"nimble\"\n\
             url = \"{root}/api/v1\"\n\
             token = {{ command = [\"printf\", \"sim-token\\nrest\"] }}\n\
             rate = \"none\"\n\n\
             [connections.archive]\n\
             service = \"nethunt\"\n\
             url = \"{root}/api/v1/zapier\"\n\
             email = \"sim@example.org\"\n\
             key = {{ file = \"key.txt\" }}\n\
             rate = \"none\"\n\
             concurrency = 2\n"
        ),
    );
    rehearsal.file("key.txt", "sim-key\n");
    private(&rehearsal, 0o600);
    rehearsal
}

fn private(rehearsal: &Rehearsal, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(rehearsal.path("key.txt"), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// No secret stands in what a command says.
#[track_caller]
fn tells_no_secret(out: &Output) {
    for secret in ["sim-token", "sim-key"] {
        assert!(!out.transcript().contains(secret), "{}", out.transcript());
    }
}

#[test]
fn named_connections_work_wherever_an_endpoint_is_typed() {
    let rehearsal = configured();
    let checked = rehearsal.json(["check"]).expect(0);
    let names: Vec<_> = checked.objects().iter().map(|access| access["connection"].clone()).collect();
    assert_eq!(names, ["work", "old-office", "archive"], "{}", checked.transcript());
    let access = &checked.objects()[2];
    assert!(access["readable"].as_array().unwrap().contains(&"archive:Contacts".into()), "{access}");

    for (source, file) in [("work:contacts", "a.csv"), ("old-office:contacts", "b.csv")] {
        let exported = rehearsal.json(["export", source, "-o", file]).expect(0);
        assert_eq!(exported.count("written"), 20);
        tells_no_secret(&exported);
    }
    assert_eq!(rehearsal.read("a.csv"), rehearsal.read("b.csv"));
    rehearsal.json(["export", "archive:Contacts", "-o", "c.csv"]).expect(0);
    rehearsal.ferry(["discover", "archive:Contacts"]).expect(0);
    for run in rehearsal.runs() {
        let kept = std::fs::read_to_string(run.join("run.json")).unwrap();
        assert!(!kept.contains("sim-token") && !kept.contains("sim-key"), "{kept}");
    }
}

#[test]
fn a_mapping_for_a_service_is_good_for_every_account_of_it() {
    let rehearsal = configured();
    let mapping =
        "[mapping]\nsource = \"nimble:contacts\"\n\n[[field]]\nto = \"Name\"\nfrom = \"last name\"\n";
    rehearsal.file("m.toml", mapping);
    rehearsal.ferry(["export", "work:contacts", "-m", "m.toml", "-o", "names.csv"]).expect(0);
    let other = rehearsal.ferry(["export", "archive:Contacts", "-m", "m.toml", "-o", "x.csv"]).expect(2);
    assert!(other.stderr.contains("nethunt records"), "{}", other.transcript());
    rehearsal.file("m.toml", mapping.replace("nimble:", "old-office:"));
    rehearsal.ferry(["export", "work:contacts", "-m", "m.toml", "-o", "names.csv"]).expect(0);
    rehearsal.file("people.csv", "Name\nAda\n");
    rehearsal.file(
        "t.toml",
        "[mapping]\ntarget = \"work:contacts\"\n\n[[field]]\nto = \"last name\"\nfrom = \"Name\"\n",
    );
    let planned = rehearsal.json([
        "import",
        "people.csv",
        "old-office:contacts",
        "-m",
        "t.toml",
        "--mode",
        "create",
        "-n",
    ]);
    assert_eq!(planned.expect(0).count("created"), 1);
}

#[test]
fn every_setting_shows_its_value_and_where_it_comes_from() {
    let rehearsal = configured()
        .set("FERRY_WORK_CONCURRENCY", "3")
        .set("FERRY_OLD_OFFICE_TOKEN", "sim-token")
        .set("FERRY_SETTLE", "2s");
    let shown = rehearsal.json(["config", "show", "--rate", "5/s"]).expect(0);
    tells_no_secret(&shown);
    let all = shown.objects();
    let of = |name: &str, key: &str| {
        let found = all.iter().find(|object| object["connection"] == name).unwrap();
        let setting = &found["settings"][key];
        let text = |part: &str| setting[part].as_str().unwrap_or("-").to_owned();
        (text("value"), text("from").replace(&rehearsal.path("").display().to_string(), ""))
    };
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(of("work", "rate"), pair("5/s", "flag --rate"));
    assert_eq!(of("work", "settle"), pair("2000ms", "flag --settle"));
    assert_eq!(of("work", "concurrency"), pair("3", "env FERRY_WORK_CONCURRENCY"));
    assert_eq!(of("archive", "concurrency"), pair("2", "ferry.toml:19"));
    assert_eq!(of("work", "token"), pair("set", "env THE_TOKEN, ferry.toml:4"));
    assert_eq!(of("old-office", "token"), pair("set", "env FERRY_OLD_OFFICE_TOKEN"));
    assert_eq!(of("archive", "email"), pair("sim@example.org", "ferry.toml:16"));
    assert_eq!(of("archive", "key"), pair("set", "file `key.txt`, ferry.toml:17"));
    assert_eq!(of("nimble", "token"), pair("not set", ""));
    assert_eq!(of("nimble", "url"), pair("https://app.nimble.com/api/v1", "default"));

    let table = rehearsal.ferry(["config", "show", "work"]).expect(0);
    assert!(table.stdout.contains("FERRY_WORK_CONCURRENCY") && !table.stdout.contains("archive"));
    assert_eq!(rehearsal.requests(), 0);
}

#[test]
fn the_environment_wins_over_the_file() {
    let rehearsal = configured().set("FERRY_WORK_TOKEN", "wrong");
    let refused = rehearsal.ferry(["check", "work"]).expect(5);
    assert!(refused.stderr.contains("FERRY_WORK_TOKEN"), "{}", refused.transcript());
    rehearsal.ferry(["check", "old-office"]).expect(0);
}

#[test]
fn what_helps_is_said_with_the_connections_own_names_also_in_the_middle_of_a_run() {
    let rehearsal = configured();
    let refused = |path: &str, stream: &str| {
        rehearsal.faults(&format!("[[fault]]\nkind = \"unauthorized\"\npath = \"{path}\"\n"));
        let out = rehearsal.ferry(["export", stream, "-o", "x.csv"]).expect(5);
        tells_no_secret(&out);
        out
    };
    for (path, stream, words) in [
        ("/contacts", "work:contacts", ["the connection `work`", "(env THE_TOKEN)"]),
        ("/contacts", "old-office:contacts", ["the connection `old-office`", "(command `printf`)"]),
        ("/triggers/new-record", "archive:Contacts", ["`key` of the connection `archive`", "(file `"]),
        (
            "/triggers/new-record",
            "archive:Contacts",
            ["`email` of the connection `archive`", "ferry.toml:16"],
        ),
    ] {
        let out = refused(path, stream);
        for word in words {
            assert!(out.stderr.contains(word), "no `{word}` in {}", out.transcript());
        }
        assert!(!out.stderr.contains("FERRY_N"), "{}", out.transcript());
    }
    rehearsal.faults("");
    for (args, hint) in [
        (vec!["archive:Contcats"], "did you mean `archive:Contacts`?"),
        (vec!["work:contact"], "did you mean `work:contacts`?"),
        (vec!["work:tasks"], "`ferry import FILE work:tasks --mode create`"),
        (
            vec!["work:contacts", "--where", r#"{"custom_fields": {"nobody has it": {"is": "x"}}}"#],
            "`ferry discover work:contacts` lists the fields",
        ),
    ] {
        let out = rehearsal.ferry([&["export", "-o", "x.csv"][..], &args[..]].concat()).expect(2);
        assert!(out.stderr.contains(hint), "no `{hint}` in {}", out.transcript());
    }
}

#[test]
fn all_that_is_wrong_with_the_file_is_said_at_once_with_its_place() {
    let rehearsal = quiet();
    rehearsal.file(
        "ferry.toml",
        "[connections.work]\n\
         servise = \"nimble\"\n\n\
         [connections.team]\n\
         service = \"nimbel\"\n\n\
         [connections.nimble]\n\
         tokken = { env = \"A\" }\n\
         token = \"hunter2\"\n\
         rate = \"fast\"\n\
         email = \"me\"\n\n\
         [connections.nethunt]\n\
         key = { envv = \"A\" }\n\
         email = { file = \"\" }\n\
         url = \"https://me:hunter3@example.org\"\n\n\
         [connection.x]\n",
    );
    let out = rehearsal.ferry(["config", "check"]).expect(2);
    let text = out.stdout.replace(&rehearsal.path("").display().to_string(), "");
    let expected = [
        "ferry.toml:1:14: the connection `work` does not say which service it is to (add `service = \"nimble\"` or `service = \"nethunt\"`)",
        "ferry.toml:5:11: unknown service: `nimbel` (did you mean `nimble`?)",
        "ferry.toml:8:1: unknown setting of the nimble connection `nimble`: `tokken` (did you mean `token`?)",
        "ferry.toml:9:9: `token` is a secret, which never stands in the file itself (write where it is kept: token = { env = \"MY_TOKEN\" }, { file = \"..\" }, { command = [\"..\"] } or { keyring = \"..\" })",
        "ferry.toml:10:8: `rate`: `fast` is no rate: write it like `90/min`, `10/s`, `5000/h` or `none`",
        "ferry.toml:11:1: unknown setting of the nimble connection `nimble`: `email` (known are service, url, rate, concurrency, settle, time_zone, token, client_id, client_secret, refresh_token, redirect_uri, oauth_authorize_url, oauth_token_url)",
        "ferry.toml:14:9: unknown place of `key`: `envv` (did you mean `env`?)",
        "ferry.toml:15:18: `file` is a text in quotes",
        "ferry.toml:16:7: `url`: it must not hold a password",
        "ferry.toml:18:2: unknown key: `connection` (did you mean `connections`?)",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{text}");
    // Other commands stop at the same findings, before anything is sent.
    let stopped = rehearsal.ferry(["export", "nimble:contacts", "-o", "x.csv"]).expect(2);
    assert!(stopped.stderr.contains("ferry.toml:9:9"), "{}", stopped.transcript());
    assert!(!(text + &stopped.stderr).contains("hunter"));
    assert_eq!(rehearsal.requests(), 0);
}

#[test]
fn places_of_secrets_are_checked_without_sending_anything() {
    let rehearsal = configured().set("THE_TOKEN", "");
    std::fs::remove_file(rehearsal.path("key.txt")).unwrap();
    let out = rehearsal.json(["config", "check"]).expect(2);
    let whats: Vec<_> = out.objects().iter().map(|found| found["what"].to_string()).collect();
    assert_eq!(whats.len(), 2, "{whats:?}");
    assert!(whats[0].contains("ferry.toml:4: `token` of the connection `work`"), "{whats:?}");
    assert!(whats[1].contains("key.txt"), "{whats:?}");
    assert_eq!(rehearsal.requests(), 0);

    // Only the connection that is asked for has to be good.
    rehearsal.ferry(["check", "old-office"]).expect(0);
    rehearsal.ferry(["check", "work"]).expect(2);
    rehearsal.ferry(["check"]).expect(2);
}

#[test]
fn a_secret_that_others_can_read_is_warned_about() {
    let rehearsal = configured();
    assert!(!rehearsal.ferry(["check", "archive"]).expect(0).stderr.contains("warning"));
    private(&rehearsal, 0o644);
    let warned = rehearsal.ferry(["check", "archive"]).expect(0);
    assert!(warned.stderr.contains("chmod 600"), "{}", warned.transcript());
    let checked = rehearsal.ferry(["config", "check"]).expect(0);
    assert!(checked.stderr.contains("chmod 600"), "{}", checked.transcript());
}

#[test]
fn a_failing_command_shows_its_errors_and_never_its_output() {
    let rehearsal = quiet();
    let url = format!("{}/api/v1", rehearsal.root());
    rehearsal.file(
        "ferry.toml",
        format!(
            "[connections.nimble]\nurl = \"{url}\"\n\
             token = {{ command = [\"sh\", \"-c\", \"echo sim-token; echo vault is locked >&2; exit 4\"] }}\n"
        ),
    );
    let out = rehearsal.ferry(["check", "nimble"]).expect(2);
    assert!(out.stderr.contains("vault is locked"), "{}", out.transcript());
    tells_no_secret(&out);
}

#[test]
fn the_keyring_is_asked_through_the_platforms_own_command() {
    use std::os::unix::fs::PermissionsExt;
    let rehearsal = quiet();
    let url = format!("{}/api/v1", rehearsal.root());
    rehearsal.file(
        "ferry.toml",
        format!("[connections.nimble]\nurl = \"{url}\"\ntoken = {{ keyring = \"me\" }}\n"),
    );
    let rehearsal = rehearsal.set("PATH", "/nowhere");
    let missing = rehearsal.ferry(["check", "nimble"]).expect(2);
    let program = if cfg!(target_os = "macos") { "security" } else { "secret-tool" };
    assert!(missing.stderr.contains(program), "{}", missing.transcript());
    let script = rehearsal.file(program, "#!/bin/sh\n[ \"$5\" = me ] || [ \"$6\" = me ] && echo sim-token\n");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = rehearsal.path("").display().to_string();
    let rehearsal = rehearsal.set("PATH", &format!("{folder}:/bin:/usr/bin"));
    rehearsal.ferry(["check", "nimble"]).expect(0);
}

#[test]
fn an_unknown_connection_is_told_with_the_nearest_and_where_was_looked() {
    let rehearsal = configured();
    let out = rehearsal.ferry(["export", "wrok:contacts", "-o", "x.csv"]).expect(2);
    assert!(out.stderr.contains("there is no connection `wrok`"), "{}", out.transcript());
    assert!(out.stderr.contains("did you mean `work`?"), "{}", out.transcript());
    assert!(out.stderr.contains("ferry.toml"), "{}", out.transcript());
    assert!(rehearsal.runs().is_empty());
    std::fs::remove_file(rehearsal.path("ferry.toml")).unwrap();
    let out = rehearsal.ferry(["check", "archive"]).expect(2);
    assert!(out.stderr.contains("config/ferry/ferry.toml"), "{}", out.transcript());
}

#[test]
fn names_that_share_their_variables_are_refused() {
    let rehearsal = quiet();
    rehearsal.file(
        "ferry.toml",
        "[connections.my-crm]\nservice = \"nimble\"\n\n[connections.my_crm]\nservice = \"nethunt\"\n",
    );
    let out = rehearsal.ferry(["config", "check"]).expect(2);
    assert!(
        out.stdout.contains("`my-crm` and `my_crm` would both be set by FERRY_MY_CRM_"),
        "{}",
        out.stdout
    );
}

#[test]
fn the_file_is_found_in_the_folder_then_in_the_config_folder_or_where_it_is_said_to_be() {
    let rehearsal = configured();
    let config = rehearsal.path("config/ferry");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::rename(rehearsal.path("ferry.toml"), config.join("ferry.toml")).unwrap();
    rehearsal.ferry(["check", "work"]).expect(0);
    rehearsal.file("ferry.toml", "");
    rehearsal.ferry(["check", "work"]).expect(2);
    rehearsal.ferry(["check", "work", "--config", "config/ferry/ferry.toml"]).expect(0);
    let missing = rehearsal.ferry(["check", "--config", "nowhere.toml"]).expect(2);
    assert!(missing.stderr.contains("nowhere.toml"), "{}", missing.transcript());
    let rehearsal = rehearsal.set("FERRY_CONFIG", "config/ferry/ferry.toml");
    rehearsal.ferry(["check", "work"]).expect(0);
}

const CALLS: &str = "[mapping]\nkey = [\"External ID\"]\n[[field]]\nto = \"External ID\"\nfrom = \"id\"\n\
                     [[field]]\nto = \"Name\"\nfrom = \"name\"\n[[field]]\nto = \"Last call\"\nfrom = \"called\"\n\
                     do = [{ datetime = { from = [\"%d.%m.%Y %H:%M\"] } }]\n";

#[test]
fn the_zone_of_a_connection_is_that_of_times_without_an_offset_unless_the_mapping_states_one() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("calls.csv", "id,name,called\n1,Ada,01.07.2024 12:00\n");
    let import = |mapping: &str, code| {
        rehearsal.file("map.toml", mapping);
        rehearsal.json(["import", "calls.csv", "nethunt:Contacts", "-m", "map.toml", "--yes"]).expect(code)
    };
    let refused = import(CALLS, 1);
    assert_eq!(refused.count("rejected"), 1, "{}", refused.transcript());

    let config = "[connections.nethunt]\nservice = \"nethunt\"\ntime_zone = \"America/New_York\"\n";
    rehearsal.file("ferry.toml", config);
    let seen = rehearsal.requests();
    assert_eq!(import(CALLS, 0).count("created"), 1);
    let body = rehearsal.writes_since(seen)[0].body.clone().unwrap();
    assert!(body.contains("\"timeZone\":\"America/New_York\""), "{body}");
    assert!(body.contains("2024-07-01T16:00:00"), "{body}");
    let tried = rehearsal.ferry(["mapping", "try", "calls.csv", "-m", "map.toml", "--row", "1"]);
    assert!(
        !tried.transcript().contains("2024-07-01T16:00"),
        "the mapping names no target: {}",
        tried.transcript()
    );
    rehearsal.file("map.toml", CALLS.replace("[mapping]\n", "[mapping]\ntarget = \"nethunt:Contacts\"\n"));
    let tried = rehearsal.ferry(["mapping", "try", "calls.csv", "-m", "map.toml", "--row", "1"]).expect(0);
    assert!(tried.stdout.contains("2024-07-01T16:00:00"), "{}", tried.transcript());

    rehearsal.file("calls.csv", "id,name,called\n2,Bob,01.07.2024 12:00\n");
    let seen = rehearsal.requests();
    let own = CALLS.replace("[mapping]\n", "[mapping]\ntime_zone = \"Europe/London\"\n");
    assert_eq!(import(&own, 0).count("created"), 1);
    let body = rehearsal.writes_since(seen)[0].body.clone().unwrap();
    assert!(body.contains("\"timeZone\":\"Europe/London\"") && body.contains("2024-07-01T11:00"), "{body}");

    // Without a mapping, the service is told it all the same.
    rehearsal.file("plain.csv", "Name\nEve\n");
    let seen = rehearsal.requests();
    rehearsal.json(["import", "plain.csv", "nethunt:Contacts", "--yes"]).expect(0);
    let body = rehearsal.writes_since(seen)[0].body.clone().unwrap();
    assert!(body.contains("\"timeZone\":\"America/New_York\""), "{body}");
}
