//! Streams that a service takes records into and does not list: each row creates one, and what is in doubt stays
//! so, since there is nowhere to look (design section 9.3).

use crate::accounts::{assert_balanced, assert_every_row_has_one_result, result_rows, run_of};
use crate::support::Rehearsal;

const ROWS: &str = "subject,due_date\nCall Ada,2026-12-01\nCall Ada,2026-12-01\nCall Grace,2026-12-02\n";

#[test]
fn rows_are_created_and_nothing_is_read_for_it() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("tasks.csv", ROWS);
    let out = rehearsal.json(["import", "tasks.csv", "nimble:tasks", "--yes"]).expect(0);
    assert_balanced(&out);
    assert_eq!(out.count("created"), 3, "{}", out.transcript());
    for args in [["--mode", "update"], ["--mode", "upsert"], ["--key", "subject"]] {
        let command = [&["import", "tasks.csv", "nimble:tasks", "--yes"][..], &args].concat();
        let out = rehearsal.ferry(command).expect(2);
        assert!(out.stderr.contains("does not list what is there"), "{args:?}: {}", out.transcript());
    }
}

#[test]
fn a_lost_answer_leaves_its_row_in_doubt_and_nothing_is_sent_twice() {
    let lost = "[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\ntimes = 1\n";
    let rehearsal = Rehearsal::new(lost);
    rehearsal.file("tasks.csv", ROWS);
    let before = rehearsal.requests();
    let out =
        rehearsal.json(["import", "tasks.csv", "nimble:tasks", "--yes", "--concurrency", "1"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("in_doubt")), (2, 1), "{}", out.transcript());
    assert_eq!(rehearsal.writes_since(before).len(), 3);
    let run = run_of(&rehearsal, &out);
    assert_every_row_has_one_result(&run, 3);
    let reason = &result_rows(&run, "indoubt.csv")[0]["_ferry_reason"];
    assert!(reason.contains("look for it by hand"), "{reason}");
}
