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
