//! What hangs on records that an undo would delete, seen late, or not to be seen (design section 9.7).

use serde_json::json;

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

/// The name of the newest run.
fn newest(rehearsal: &Rehearsal) -> String {
    rehearsal.runs().pop().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn what_is_attached_while_the_plan_waits_for_its_answer_keeps_a_record() {
    for place in PLACES {
        let rehearsal = Rehearsal::generated("", 10).set("FERRY_CONCURRENCY", "1");
        let (out, [_, new]) = import(&rehearsal, place, 0, 9);
        rehearsal.ferry(["undo", &run_name(&out)]).expect(2);
        place.child(&rehearsal, &new[0]);
        place.comment(&rehearsal, &new[5]);
        let mut kept = vec![&new[0], &new[5]];
        if !place.is_nimble() {
            // One of the run's own records: it stays, for it is changed, and so does what it links to by now.
            let action = json!({"fieldActions": {"Co-workers": {"overwrite": true, "add": [new[6]]}}});
            let path = format!("/zapier/actions/update-record/{}?overwrite=false", new[7]);
            rehearsal.service("POST", &path, &action);
            kept.extend([&new[6], &new[7]]);
        }
        let out = rehearsal.json(["resume", &newest(&rehearsal), "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!(out.count("conflicts"), kept.len() as u64, "{}", out.transcript());
        let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
        let now = place.content(&rehearsal);
        for id in &new {
            assert_eq!(now.contains_key(id), kept.contains(&id), "{conflicts:?}");
            let listed = conflicts.iter().find(|row| row["_ferry_id"] == *id);
            assert_eq!(listed.is_some(), kept.contains(&id), "{conflicts:?}");
            let why = listed.map(|row| row["_ferry_reason"].as_str());
            let told = ["belongs to it", "links to it", "hangs on it", "was changed"];
            assert!(why.is_none_or(|why| told.iter().any(|part| why.contains(part))), "{why:?}");
        }
    }
}

#[test]
fn what_is_attached_before_a_killed_undo_goes_on_keeps_a_record() {
    let slow = "[[fault]]\nkind = \"latency\"\nmethod = \"write\"\nfirst = 1\nlatency_ms = 2000\n";
    for place in PLACES {
        let rehearsal = Rehearsal::generated("", 5).set("FERRY_CONCURRENCY", "1");
        // More than one request deletes.
        let (out, [_, new]) = import(&rehearsal, place, 0, 40);
        rehearsal.faults(slow);
        let seen = rehearsal.requests();
        let life = rehearsal.spawn(["undo", &run_name(&out), "--yes"]);
        rehearsal.wait_until("the first is taken back", |now| !now.writes_since(seen).is_empty());
        assert!(life.kill_9(), "it ended before it could be killed");
        rehearsal.faults("");
        let refused = rehearsal.ferry(["undo", &run_name(&out), "--yes"]).expect(2);
        assert!(refused.stderr.contains("has not come to its end"), "{}", refused.transcript());
        place.comment(&rehearsal, &new[39]);
        let out = rehearsal.json(["resume", "--last", "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!(out.count("conflicts"), 1, "{}", out.transcript());
        let now = place.content(&rehearsal);
        let left: Vec<&String> = new.iter().filter(|id| now.contains_key(*id)).collect();
        assert_eq!(left, [&new[39]]);
    }
}
