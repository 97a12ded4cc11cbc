//! The guided tour, as a user runs it: it holds, however often, and whatever the environment is set to.

use crate::support::Rehearsal;

#[test]
fn the_demo_holds_twice_in_a_row_and_heeds_no_settings_for_other_accounts() {
    let rehearsal = Rehearsal::new("")
        .set("FERRY_NIMBLE_TOKEN", "wrong")
        .set("FERRY_RATE", "1/min")
        .set("HTTP_PROXY", "http://127.0.0.1:1");
    let told = rehearsal.ferry(["demo"]).expect(0).stdout;
    assert!(told.contains("none is missing, none is there twice"), "{told}");
    assert!(told.contains("Everything held"), "{told}");
    assert!(rehearsal.path("ferry-demo/people.parquet").is_file());

    let shown = rehearsal.json(["demo"]).expect(0);
    assert_eq!(shown.summary()["status"], "done");
    assert!(shown.objects().iter().any(|command| command["killed"] == true), "{}", shown.transcript());
    assert_eq!(rehearsal.requests(), 0, "the user's own accounts are left alone");
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let rehearsal = Rehearsal::new("");
    std::fs::create_dir(rehearsal.path("mine")).unwrap();
    rehearsal.file("mine/letter.txt", "dear");
    let refused = rehearsal.ferry(["demo", "--folder", "mine"]).expect(2);
    assert!(refused.stderr.contains("is not empty"), "{}", refused.transcript());
    assert_eq!(rehearsal.read("mine/letter.txt"), "dear");
}
