//! What hangs on records that an undo would delete, seen late, or not to be seen (design section 9.7).

use crate::accounts::{assert_balanced, result_rows, run_of};
use crate::support::Rehearsal;
use crate::undo::{PLACES, import, run_name};

#[test]
fn what_cannot_be_seen_to_hang_on_nothing_stays() {
    let [_, place] = PLACES;
    let cases = [
        // Links show in the records themselves.
        ("[nethunt]\ndisabled_triggers = [\"record-change\"]\n", 2, "links to it in `Co-workers`"),
        (
            "[nethunt]\ndisabled_triggers = [\"record-change\", \"updated-record\"]\n",
            4,
            "links to it from `Deals` cannot be seen",
        ),
        ("[nethunt]\ndisabled_triggers = [\"new-comment\"]\n", 4, "its comments cannot be seen"),
    ];
    for (scenario, conflicts, why) in cases {
        let rehearsal = Rehearsal::generated(scenario, 5);
        let (out, [_, new]) = import(&rehearsal, place, 0, 4);
        place.child(&rehearsal, &new[0]);
        if conflicts == 2 {
            place.comment(&rehearsal, &new[1]);
        }
        let out = rehearsal.json(["undo", &run_name(&out), "--yes"]).expect(1);
        assert_balanced(&out);
        let counts = (out.count("conflicts"), out.count("deleted"));
        assert_eq!(counts, (conflicts, 4 - conflicts), "{}", out.transcript());
        let run = run_of(&rehearsal, &out);
        let reasons: String =
            result_rows(&run, "conflicts.csv").iter().map(|row| row["_ferry_reason"].clone()).collect();
        assert!(reasons.contains(why), "{reasons}");
        // Whoever has looked for himself deletes them by that list.
        let list = run.join("conflicts.csv");
        let out = rehearsal.json(["delete", list.to_str().unwrap(), place.stream, "--yes"]).expect(0);
        assert_eq!(out.count("deleted"), conflicts, "{}", out.transcript());
    }
}

#[test]
fn a_read_that_fails_while_it_is_planned_stops_the_undo() {
    let [_, place] = PLACES;
    let rehearsal = Rehearsal::generated("", 5);
    let (out, [_, new]) = import(&rehearsal, place, 0, 3);
    place.child(&rehearsal, &new[0]);
    for path in ["/triggers/readable-folder", "/triggers/record-change"] {
        // Finding the folder by its name comes first.
        let after = usize::from(path.ends_with("readable-folder"));
        let fault = "[[fault]]\nservice = \"nethunt\"\nkind = \"error_before_commit\"";
        rehearsal.faults(&format!("{fault}\npath = \"{path}\"\nafter = {after}\n"));
        let seen = rehearsal.requests();
        let out = rehearsal.json(["undo", &run_name(&out), "--yes"]).expect(3);
        assert_balanced(&out);
        assert!(rehearsal.writes_since(seen).is_empty());
    }
    rehearsal.faults("");
    let out = rehearsal.json(["resume", "--last", "--yes"]).expect(1);
    assert_eq!((out.count("conflicts"), out.count("deleted")), (1, 2), "{}", out.transcript());
}
