//! The demo holds what it tells, wherever it is run and however often.

use crate::support::Rehearsal;

#[test]
fn the_demo_holds_twice_in_a_row_and_says_so_to_scripts() {
    let rehearsal = Rehearsal::new("");
    for _ in 0..2 {
        let shown = rehearsal.json(["demo"]).expect(0);
        assert_eq!(shown.summary()["status"], "done");
        let commands = shown.objects();
        assert!(commands.iter().any(|command| command["killed"] == true), "{}", shown.transcript());
        assert!(commands.len() >= 9, "{}", shown.transcript());
    }
    assert!(rehearsal.path("ferry-demo/people.parquet").is_file());
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
