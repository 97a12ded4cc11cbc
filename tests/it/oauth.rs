//! OAuth logins: through the browser, kept in a file, renewed once for all threads and processes.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{Entry, Output, Rehearsal};

/// An application is set up and nobody is logged in.
fn set_up(scenario: &str, records: usize) -> Rehearsal {
    Rehearsal::generated(scenario, records)
        .unset("FERRY_NIMBLE_TOKEN")
        .set("FERRY_NIMBLE_CLIENT_ID", "sim-app")
        .set("FERRY_NIMBLE_CLIENT_SECRET", "sim-secret")
}

/// The same, logged in.
fn logged_in(scenario: &str, records: usize) -> Rehearsal {
    let rehearsal = set_up(scenario, records);
    let (login, address) = begin(&rehearsal, "nimble");
    browser().get(&address).call().unwrap();
    assert!(end(login).status.success());
    rehearsal
}

/// Starts a login; where it sends the browser.
fn begin(rehearsal: &Rehearsal, connection: &str) -> (Child, String) {
    let mut command = rehearsal.command(["auth", "login", connection, "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
    (child, first["authorize_url"].as_str().unwrap().to_owned())
}

fn end(login: Child) -> std::process::Output {
    login.wait_with_output().unwrap()
}

fn browser() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn token_file(rehearsal: &Rehearsal, connection: &str) -> PathBuf {
    rehearsal.path(&format!("config/ferry/tokens/{connection}.json"))
}

fn stored(rehearsal: &Rehearsal) -> Value {
    serde_json::from_str(&std::fs::read_to_string(token_file(rehearsal, "nimble")).unwrap()).unwrap()
}

/// The requests that asked for another token.
fn renewals(rehearsal: &Rehearsal) -> Vec<Entry> {
    let asks = |entry: &Entry| {
        entry.path == "/api/oauth/token"
            && entry.body.as_ref().is_some_and(|body| body.contains("grant_type=refresh_token"))
    };
    rehearsal.ledger().into_iter().filter(asks).collect()
}

/// No token was renewed before it had lived so long, and none was asked for with one that was used up.
#[track_caller]
fn assert_one_renewal_each(rehearsal: &Rehearsal, lifetime_ms: i64) {
    let renewals = renewals(rehearsal);
    assert!(renewals.iter().all(|renewal| renewal.status == 200), "{renewals:?}");
    for pair in renewals.windows(2) {
        assert!(pair[1].ms - pair[0].ms >= lifetime_ms, "{pair:?}");
    }
    assert_eq!(rehearsal.get("/nimble/tokens")["refused"], 0);
}

fn export(rehearsal: &Rehearsal, file: &str) -> Output {
    rehearsal.json(["export", "nimble:contacts", "-o", file, "--per-page", "20", "--concurrency", "8"])
}

#[test]
fn a_login_goes_through_the_browser_and_is_kept_for_its_owner_alone() {
    let rehearsal = set_up("", 3);
    rehearsal.file(
        "ferry.toml",
        format!(
            "[connections.work]\nservice = \"nimble\"\nurl = \"{}/api/v1\"\nrate = \"none\"\n\
             client_id = \"sim-app\"\nclient_secret = {{ env = \"FERRY_NIMBLE_CLIENT_SECRET\" }}\n",
            rehearsal.root()
        ),
    );
    let before = rehearsal.ferry(["check", "work"]).expect(5);
    assert!(before.stderr.contains("ferry auth login work"), "{}", before.transcript());

    let (login, address) = begin(&rehearsal, "work");
    let mut page = browser().get(&address).call().unwrap();
    assert!(page.body_mut().read_to_string().unwrap().contains("logged in"));
    let ended = end(login);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let who: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(who["connection"], "work", "{said}");

    let path = token_file(&rehearsal, "work");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(kept["account"].as_str().unwrap().contains("company"), "{kept}");
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    let exported = rehearsal.json(["export", "work:contacts", "-o", "a.csv"]).expect(0);
    assert_eq!(exported.count("written"), 3);
    let status = rehearsal.ferry(["auth", "status"]).expect(0);
    let shown = rehearsal.ferry(["config", "show"]).expect(0);
    let run = std::fs::read_to_string(rehearsal.runs()[0].join("run.json")).unwrap();
    for secret in ["access_token", "refresh_token"].map(|key| kept[key].as_str().unwrap()) {
        let told = [&said, &status.stdout, &shown.stdout, &run, &exported.transcript()];
        assert!(told.iter().all(|text| !text.contains(secret)), "{told:?}");
    }
    assert!(status.stdout.contains("work") && status.stdout.contains("company"), "{}", status.stdout);

    rehearsal.ferry(["auth", "logout", "work"]).expect(0);
    assert!(!path.exists());
    rehearsal.ferry(["check", "work"]).expect(5);
}

#[test]
fn what_the_browser_brings_back_is_looked_at() {
    let rehearsal = set_up("", 0);
    let back = |address: &str| {
        let address = url::Url::parse(address).unwrap();
        let mut pairs = address.query_pairs();
        pairs.find(|(key, _)| key == "redirect_uri").unwrap().1.into_owned()
    };
    // A state of another login is refused before its code is exchanged.
    let (login, address) = begin(&rehearsal, "nimble");
    browser().get(format!("{}?code=c&state=other", back(&address))).call().unwrap();
    assert_eq!(end(login).status.code(), Some(5));
    assert_eq!(rehearsal.requests(), 0);
    // A service that does not give the state back is taken at its code, which has to be good.
    let (login, address) = begin(&rehearsal, "nimble");
    browser().get(format!("{}?code=c", back(&address))).call().unwrap();
    assert_eq!(end(login).status.code(), Some(5));
    assert_eq!(rehearsal.requests(), 1);
    // The user says no.
    let (login, address) = begin(&rehearsal, "nimble");
    let no = format!("{}?error=access_denied&error_description=No+thanks", back(&address));
    browser().get(no).call().unwrap();
    let ended = end(login);
    assert_eq!(ended.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("No thanks"));
    assert!(!token_file(&rehearsal, "nimble").exists());
}

#[test]
fn without_a_browser_the_address_is_pasted() {
    let rehearsal = set_up("", 0);
    let mut command = rehearsal.command(["auth", "login", "nimble", "--paste", "--json"]);
    let mut login =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(login.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).unwrap();
    let agent: ureq::Agent =
        ureq::Agent::config_builder().max_redirects(0).max_redirects_will_error(false).build().into();
    let answer = agent.get(first["authorize_url"].as_str().unwrap()).call().unwrap();
    let sent_to = answer.headers()["location"].to_str().unwrap().to_owned();
    writeln!(login.stdin.take().unwrap(), "{sent_to}").unwrap();
    let ended = end(login);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    rehearsal.ferry(["check", "nimble"]).expect(0);
}

#[test]
fn a_connection_without_an_application_or_a_service_without_logins_says_so() {
    let rehearsal = set_up("", 0).unset("FERRY_NIMBLE_CLIENT_SECRET");
    let out = rehearsal.ferry(["auth", "login", "nimble"]).expect(2);
    assert!(out.stderr.contains("FERRY_NIMBLE_CLIENT_SECRET"), "{}", out.transcript());
    let out = rehearsal.ferry(["auth", "login", "nethunt"]).expect(2);
    assert!(out.stderr.contains("no OAuth logins"), "{}", out.transcript());
}

#[test]
fn tokens_that_expire_all_the_time_do_not_disturb_an_export() {
    let scenario = "[nimble]\ntoken_lifetime_ms = 200\n\
                    [[fault]]\nkind = \"latency\"\npath = \"/contact\"\nlatency_ms = 40\n";
    let rehearsal = logged_in(scenario, 2000);
    let exported = export(&rehearsal, "all.csv").expect(0);
    assert_eq!(exported.count("written"), 2000);
    assert_eq!(exported.count("requests"), rehearsal.ledger().len() as u64 - 3);
    assert!(renewals(&rehearsal).len() >= 3);
    assert_one_renewal_each(&rehearsal, 200);
    // A token that never expires brings the same.
    let rehearsal = rehearsal.set("FERRY_NIMBLE_TOKEN", "sim-token");
    rehearsal.faults("");
    export(&rehearsal, "calm.csv").expect(0);
    assert!(rehearsal.read("all.csv") == rehearsal.read("calm.csv"), "the files differ");
}

#[test]
fn twenty_thousand_contacts_come_out_with_tokens_of_two_seconds() {
    if std::env::var_os("FERRY_TEST_LARGE").is_none() {
        return;
    }
    let rehearsal = logged_in("[nimble]\ntoken_lifetime_ms = 2000\n", 20_000);
    let exported = export(&rehearsal, "all.csv").expect(0);
    assert_eq!(exported.count("written"), 20_000);
    assert!(renewals(&rehearsal).len() >= 2);
    assert_one_renewal_each(&rehearsal, 1_700);
    let refused = rehearsal.ledger().iter().filter(|entry| entry.status == 401).count();
    assert!(refused <= 8 * renewals(&rehearsal).len(), "{refused}");
}

#[test]
fn a_write_that_met_an_expired_token_is_sent_again_and_made_once() {
    let scenario = "[nimble]\ntoken_lifetime_ms = 600\n\
                    [[fault]]\nkind = \"latency\"\nmethod = \"POST\"\npath = \"/contact\"\nlatency_ms = 50\n";
    let rehearsal = logged_in(scenario, 0);
    let rows: String = (0..150).map(|row| format!("Row {row}\n")).collect();
    rehearsal.file("rows.csv", format!("last name\n{rows}"));
    let imported = rehearsal.json(["import", "rows.csv", "nimble:contacts", "--mode", "create", "--yes"]);
    assert_eq!(imported.expect(0).count("created"), 150);
    assert_eq!((rehearsal.contacts().len(), rehearsal.effects("create")), (150, 150));
    assert!(renewals(&rehearsal).len() >= 2);
    assert_one_renewal_each(&rehearsal, 600);
}

#[test]
fn two_processes_share_one_login() {
    let scenario = "[nimble]\ntoken_lifetime_ms = 1000\n\
                    [[fault]]\nkind = \"latency\"\npath = \"/contact\"\nlatency_ms = 100\n";
    let rehearsal = logged_in(scenario, 600);
    let start = |file: &str| {
        rehearsal.spawn(["export", "nimble:contacts", "-o", file, "--per-page", "20", "--concurrency", "2"])
    };
    let both = [start("a.csv"), start("b.csv")];
    for running in both {
        let ended = running.wait();
        assert_eq!(ended.code, 0, "{}", ended.transcript());
    }
    assert!(rehearsal.read("a.csv") == rehearsal.read("b.csv"), "the files differ");
    assert!(!renewals(&rehearsal).is_empty());
    assert_one_renewal_each(&rehearsal, 850);
}

#[test]
fn a_refused_renewal_asks_for_a_new_login() {
    let rehearsal = logged_in("", 3);
    expire(&rehearsal);
    let mut tokens = stored(&rehearsal);
    tokens["refresh_token"] = "used-up".into();
    std::fs::write(token_file(&rehearsal, "nimble"), tokens.to_string()).unwrap();
    let out = rehearsal.json(["export", "nimble:contacts", "-o", "a.csv"]).expect(5);
    assert!(out.stderr.contains("`ferry auth login nimble`"), "{}", out.transcript());
    assert_eq!(renewals(&rehearsal).len(), 1);
    assert!(!out.transcript().contains("used-up"));
}

#[test]
fn tokens_that_are_refused_though_just_issued_end_the_work() {
    let rehearsal = logged_in("", 300);
    rehearsal.faults("[[fault]]\nkind = \"unauthorized\"\npath = \"/contacts\"\n");
    let out = export(&rehearsal, "a.csv").expect(5);
    assert!(out.stderr.contains("ferry auth login nimble"), "{}", out.transcript());
    assert!(renewals(&rehearsal).len() <= 3, "{}", renewals(&rehearsal).len());
}

#[test]
fn a_lost_answer_of_a_renewal_is_tried_once_more() {
    let fault = "[[fault]]\nkind = \"lost_answer\"\npath = \"/api/oauth/token\"\nfirst = 1\n";
    // The service takes the old refresh token a little longer.
    let rehearsal = logged_in("[nimble]\ntoken_lifetime_ms = 1500\nrefresh_reuse_grace_ms = 60000\n", 3);
    expire(&rehearsal);
    rehearsal.faults(fault);
    export(&rehearsal, "a.csv").expect(0);
    assert_eq!(renewals(&rehearsal).len(), 2);
    // It does not: only a login helps.
    let rehearsal = logged_in("[nimble]\ntoken_lifetime_ms = 1500\n", 3);
    expire(&rehearsal);
    rehearsal.faults(fault);
    let out = export(&rehearsal, "a.csv").expect(5);
    assert!(out.stderr.contains("ferry auth login nimble"), "{}", out.transcript());
    // Nobody answers: that can be resumed.
    let rehearsal = logged_in("[nimble]\ntoken_lifetime_ms = 1500\n", 3);
    expire(&rehearsal);
    rehearsal.faults("[[fault]]\nkind = \"lost_request\"\npath = \"/api/oauth/token\"\n");
    let kept = stored(&rehearsal);
    export(&rehearsal, "a.csv").expect(3);
    assert_eq!(renewals(&rehearsal).len(), 2);
    assert_eq!(stored(&rehearsal), kept);
    rehearsal.faults("");
    rehearsal.json(["resume", "--last"]).expect(0);
}

/// Lets the file say that its token has expired.
fn expire(rehearsal: &Rehearsal) {
    let mut tokens = stored(rehearsal);
    tokens["expires_at"] = "2001-01-01T00:00:00Z".into();
    std::fs::write(token_file(rehearsal, "nimble"), tokens.to_string()).unwrap();
}

#[test]
fn a_process_killed_between_renewal_and_storing_leaves_the_old_tokens_whole() {
    let rehearsal = logged_in("[nimble]\nrefresh_reuse_grace_ms = 600000\n", 3);
    expire(&rehearsal);
    let kept = stored(&rehearsal);
    rehearsal.faults("[[fault]]\nkind = \"slow_body\"\npath = \"/api/oauth/token\"\nslow_ms = 20000\n");
    let running = rehearsal.spawn(["check", "nimble"]);
    rehearsal
        .wait_until("the service has renewed", |rehearsal| rehearsal.get("/nimble/tokens")["refreshes"] == 1);
    assert!(running.kill_9());
    assert_eq!(stored(&rehearsal), kept);
    rehearsal.faults("");
    rehearsal.ferry(["check", "nimble"]).expect(0);
    assert_ne!(stored(&rehearsal), kept);
}

#[test]
fn a_refresh_token_of_the_configuration_needs_no_login() {
    let rehearsal = set_up("", 3);
    let given = rehearsal.post("/nimble/tokens", "");
    let rehearsal = rehearsal.set("FERRY_NIMBLE_REFRESH_TOKEN", given["refresh_token"].as_str().unwrap());
    rehearsal.ferry(["check", "nimble"]).expect(0);
    rehearsal.ferry(["check", "nimble"]).expect(0);
    assert_eq!(renewals(&rehearsal).len(), 1);
    assert_ne!(stored(&rehearsal)["refresh_token"], given["refresh_token"]);
    // Another one given since is begun with anew.
    let given = rehearsal.post("/nimble/tokens", "");
    let rehearsal = rehearsal.set("FERRY_NIMBLE_REFRESH_TOKEN", given["refresh_token"].as_str().unwrap());
    rehearsal.ferry(["check", "nimble"]).expect(0);
    assert_eq!(renewals(&rehearsal).len(), 2);
}

#[test]
fn a_login_is_never_shown_to_another_service() {
    let rehearsal = logged_in("", 0);
    let before = rehearsal.requests();
    let other = format!("{}/api/v1/elsewhere", rehearsal.root());
    let rehearsal = rehearsal.set("FERRY_NIMBLE_URL", &other);
    let out = rehearsal.ferry(["check", "nimble"]).expect(5);
    assert!(out.stderr.contains("elsewhere"), "{}", out.transcript());
    assert_eq!(rehearsal.requests(), before);
}
