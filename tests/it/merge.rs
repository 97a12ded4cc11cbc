//! An export that was edited goes back, and only what was edited is written (design section 9.8).

use std::collections::BTreeMap;

use serde_json::json;

use crate::accounts::{assert_balanced, assert_every_row_has_one_result, result_rows, run_of};
use crate::sheet::{STREAMS, Sheet, edit};
use crate::support::{Output, Rehearsal};

/// Rows of a large sheet; 10,000 with FERRY_TEST_LARGE.
fn many() -> usize {
    if std::env::var_os("FERRY_TEST_LARGE").is_some() { 10_000 } else { 500 }
}

/// Imports a file and checks the accounts; gives the writes that it took.
fn import(rehearsal: &Rehearsal, stream: &str, arguments: &[&str], code: i32) -> (Output, usize) {
    let seen = rehearsal.requests();
    let fixed = ["import", arguments[0], stream, "--yes"];
    let out = rehearsal.json(fixed.into_iter().chain(arguments[1..].iter().copied())).expect(code);
    assert_balanced(&out);
    assert_every_row_has_one_result(&run_of(rehearsal, &out), out.count("read"));
    let writes = rehearsal.writes_since(seen).len();
    (out, writes)
}

#[test]
fn fifty_edits_in_a_large_sheet_are_fifty_requests() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", many());
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
        assert_eq!((out.count("unchanged"), writes), (out.count("read"), 0), "{}", out.transcript());
        let edited: Vec<usize> = (0..50).map(|at| at * (sheet.rows.len() / 50)).collect();
        for row in &edited {
            *sheet.cell(*row, field) = format!("Edited {row}");
        }
        sheet.rows.reverse();
        sheet.save(&rehearsal);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
        assert_eq!((out.count("updated"), writes), (50, 50), "{}", out.transcript());
        let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
        let ids = sheet.column("_id");
        for row in &sheet.rows {
            assert_eq!(after.of(&row[ids], field), row[sheet.column(field)]);
        }
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
        assert_eq!((out.count("updated"), writes), (0, 0), "{}", out.transcript());
    }
}

#[test]
fn each_combination_of_edits_has_its_own_end() {
    for (stream, field) in STREAMS {
        for side in ["reject", "sheet", "service"] {
            let rehearsal = Rehearsal::generated("", 20);
            let mut sheet = Sheet::with(&rehearsal, stream, field);
            let base: Vec<String> = (0..7).map(|row| sheet.cell(row, field).clone()).collect();
            // What the sheet says, what somebody wrote at the service; `None` leaves the cell as it was.
            let sides: [(Option<&str>, Option<&str>); 7] = [
                (None, None),
                (None, Some("Service")),
                (Some("Sheet"), None),
                (Some("Both"), Some("Both")),
                (Some("Sheet"), Some("Service")),
                (Some(""), Some("Service")),
                (Some(""), None),
            ];
            let ids: Vec<String> = (0..7).map(|row| sheet.cell(row, "_id").clone()).collect();
            for (row, (said, done)) in sides.iter().enumerate() {
                said.iter().for_each(|text| (*text).clone_into(sheet.cell(row, field)));
                done.iter().for_each(|text| edit(&rehearsal, stream, &ids[row], text));
            }
            sheet.save(&rehearsal);
            let code = i32::from(side == "reject");
            let (out, writes) = import(&rehearsal, stream, &["sheet.csv", "--on-conflict", side], code);
            let mut expected: Vec<String> = sides
                .iter()
                .zip(&base)
                .map(|((said, done), base)| said.or(*done).unwrap_or(base).to_owned())
                .collect();
            if side != "sheet" {
                expected[4] = "Service".to_owned();
                expected[5] = "Service".to_owned();
            }
            let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
            let found: Vec<&str> = ids.iter().map(|id| after.of(id, field)).collect();
            assert_eq!(found, expected, "{stream} {side}: {}", out.transcript());
            assert_eq!(writes, if side == "sheet" { 4 } else { 2 }, "{stream} {side}");
            let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
            match side {
                "reject" => assert_conflicts(&conflicts, field, &base),
                _ => assert!(conflicts.is_empty(), "{conflicts:?}"),
            }
        }
    }
}

/// The two conflicts of the table above, cell by cell.
fn assert_conflicts(conflicts: &[BTreeMap<String, String>], field: &str, base: &[String]) {
    let rows: Vec<&str> = conflicts.iter().map(|row| row["_ferry_row"].as_str()).collect();
    assert_eq!(rows, ["5", "6"], "{conflicts:?}");
    for ((row, sheet), base) in conflicts.iter().zip(["Sheet", ""]).zip(&base[4..]) {
        assert_eq!((row["_ferry_action"].as_str(), row["_ferry_field"].as_str()), ("conflict", field));
        for (column, text) in
            [("_ferry_base", base.as_str()), ("_ferry_sheet", sheet), ("_ferry_service", "Service")]
        {
            assert_eq!(row[column], json!({ field: text }).to_string());
        }
        assert_eq!(row[field], sheet, "the row as it came");
    }
    let said = format!(
        "edited on both sides since the export: {field}: `{}` became `Sheet` in the sheet and `Service` at the \
         service; `--on-conflict sheet` or `service` says which one counts",
        base[4]
    );
    assert_eq!(conflicts[0]["_ferry_reason"], said);
}

#[test]
fn texts_are_edited_although_they_read_as_the_same_address_or_time() {
    let (jane, never) = ("Ask Jane <jane@acme.example>", "NEVER call Jane, ask Bob: <jane@acme.example>");
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let before = Sheet::with(&rehearsal, stream, field);
        let ids = [0, 1].map(|row| before.rows[row][before.column("_id")].clone());
        edit(&rehearsal, stream, &ids[0], jane);
        edit(&rehearsal, stream, &ids[1], "2024-01-01 10:00:00");
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        for (id, text) in ids.iter().zip(["gone", "2024-01-01T10:00:00Z"]) {
            let column = sheet.column("_id");
            let row = sheet.rows.iter().position(|row| row[column] == *id).unwrap();
            text.clone_into(sheet.cell(row, field));
        }
        sheet.save(&rehearsal);
        edit(&rehearsal, stream, &ids[0], never);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 1);
        let counts = ["updated", "conflicts", "verified"].map(|key| out.count(key));
        assert_eq!((counts, writes), ([1, 1, 1], 1), "{}", out.transcript());
        let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
        let now = [0, 1].map(|row| after.of(&ids[row], field));
        assert_eq!(now, [never, "2024-01-01T10:00:00Z"], "{stream}");
    }
}

#[test]
fn columns_that_were_taken_out_or_moved_ask_for_nothing() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let whole = Sheet::with(&rehearsal, stream, field);
        let kept = [field, "_updated", "_id"].map(|header| whole.column(header));
        let mut sheet = whole.clone();
        sheet.headers = kept.iter().map(|at| whole.headers[*at].clone()).collect();
        sheet.rows = whole.rows.iter().map(|row| kept.iter().map(|at| row[*at].clone()).collect()).collect();
        sheet.rows.swap(0, 7);
        "Edited".clone_into(sheet.cell(3, field));
        sheet.save(&rehearsal);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
        assert_eq!((out.count("updated"), writes), (1, 1), "{}", out.transcript());
        let mut after = Sheet::exported_to(&rehearsal, stream, "after.csv");
        let id = sheet.cell(3, "_id").clone();
        for row in &whole.rows {
            let text = if row[whole.column("_id")] == id { "Edited" } else { &row[whole.column(field)] };
            assert_eq!(after.of(&row[whole.column("_id")], field), text);
        }
        // Nothing else of the edited record is another.
        let changed = after.rows.iter().position(|row| row[0] == id).unwrap();
        *after.cell(changed, field) = whole.of(&id, field).to_owned();
        *after.cell(changed, "_updated") = whole.of(&id, "_updated").to_owned();
        let before = whole.rows.iter().find(|row| row[0] == id).unwrap();
        assert_eq!(&after.rows[changed], before);
    }
}

#[test]
fn a_sheet_may_be_edited_again_and_a_copy_of_it_takes_nothing_back() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        sheet.save_to(&rehearsal, "copy.csv");
        let (old, id) = (sheet.cell(0, field).clone(), sheet.cell(0, "_id").clone());
        let now = || Sheet::exported_to(&rehearsal, stream, "after.csv").of(&id, field).to_owned();
        for text in ["First", "Second", &old] {
            text.clone_into(sheet.cell(0, field));
            sheet.save(&rehearsal);
            let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
            assert_eq!((out.count("updated"), writes), (1, 1), "{text}: {}", out.transcript());
            assert_eq!(now(), text);
        }
        "Third".clone_into(sheet.cell(0, field));
        sheet.save(&rehearsal);
        import(&rehearsal, stream, &["sheet.csv"], 0);
        let (out, writes) = import(&rehearsal, stream, &["copy.csv"], 0);
        assert_eq!((out.count("updated"), writes), (0, 0), "{}", out.transcript());
        assert_eq!(now(), "Third");
        // What somebody wrote after our import is theirs.
        edit(&rehearsal, stream, &id, "Theirs");
        "Fourth".clone_into(sheet.cell(0, field));
        sheet.save(&rehearsal);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 1);
        assert_eq!((out.count("conflicts"), writes), (1, 0), "{}", out.transcript());
        assert_eq!(now(), "Theirs");
    }
}

#[test]
fn a_sheet_whose_import_was_taken_back_can_be_imported_again() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        let (old, id) = (sheet.cell(0, field).clone(), sheet.cell(0, "_id").clone());
        let now = || Sheet::exported_to(&rehearsal, stream, "after.csv").of(&id, field).to_owned();
        "Edited".clone_into(sheet.cell(0, field));
        sheet.save(&rehearsal);
        let (out, _) = import(&rehearsal, stream, &["sheet.csv"], 0);
        let run = out.summary()["run"].as_str().unwrap().to_owned();
        rehearsal.json(["undo", &run, "--yes"]).expect(0);
        assert_eq!(now(), old);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
        assert_eq!((out.count("updated"), writes), (1, 1), "{}", out.transcript());
        assert_eq!(now(), "Edited");
    }
}

#[test]
fn rows_of_two_exports_each_have_their_own_base() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let mut first = Sheet::with(&rehearsal, stream, field);
        first.save_to(&rehearsal, "first.csv");
        let ids = [0, 1].map(|row: usize| first.cell(row, "_id").clone());
        edit(&rehearsal, stream, &ids[0], "Later");
        let mut second = Sheet::exported_to(&rehearsal, stream, "second.csv");
        let row = second.rows.iter().position(|row| row[0] == ids[0]).unwrap();
        "Second".clone_into(second.cell(row, field));
        second.save_to(&rehearsal, "second.csv");
        // The first sheet's cell is as it was exported, and so not meant.
        "First".clone_into(first.cell(1, field));
        first.save_to(&rehearsal, "first.csv");
        let (out, writes) = import(&rehearsal, stream, &["first.csv"], 0);
        assert_eq!((out.count("updated"), writes), (1, 1), "{}", out.transcript());
        let (out, writes) = import(&rehearsal, stream, &["second.csv"], 0);
        assert_eq!((out.count("updated"), writes), (1, 1), "{}", out.transcript());
        let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
        assert_eq!((after.of(&ids[0], field), after.of(&ids[1], field)), ("Second", "First"));
    }
}

fn forget_runs(rehearsal: &Rehearsal) {
    for run in rehearsal.runs() {
        std::fs::remove_dir_all(run).unwrap();
    }
}

#[test]
fn without_its_export_a_blank_cell_keeps_and_a_newer_record_is_a_conflict() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        forget_runs(&rehearsal);
        let ids: Vec<String> = (0..4).map(|row| sheet.cell(row, "_id").clone()).collect();
        let blank = sheet.cell(0, field).clone();
        sheet.cell(0, field).clear();
        "Sheet".clone_into(sheet.cell(1, field));
        "#N/A".clone_into(sheet.cell(2, field));
        "Sheet".clone_into(sheet.cell(3, field));
        edit(&rehearsal, stream, &ids[3], "Service");
        sheet.save(&rehearsal);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 1);
        let counts = (out.count("updated"), out.count("conflicts"), writes);
        assert_eq!(counts, (2, 1, 2), "{}", out.transcript());
        let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
        let found: Vec<&str> = ids.iter().map(|id| after.of(id, field)).collect();
        assert_eq!(found, [&blank, "Sheet", "", "Service"]);
        forget_runs(&rehearsal);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv", "--on-conflict", "service"], 0);
        assert_eq!((out.count("updated"), writes), (0, 0), "{}", out.transcript());
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv", "--on-conflict", "sheet"], 0);
        assert_eq!((out.count("updated"), writes), (1, 1), "{}", out.transcript());
    }
}

#[test]
fn in_every_format_what_nobody_touched_is_no_edit() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 60);
        let formats = ["csv", "tsv", "jsonl", "parquet", "csv.gz"];
        for format in formats {
            rehearsal.json(["export", stream, "-o", &format!("sheet.{format}")]).expect(0);
        }
        let sheet = Sheet::with(&rehearsal, stream, field);
        for row in &sheet.rows {
            edit(&rehearsal, stream, &row[0], "Moved on");
        }
        for format in formats {
            let (out, writes) = import(&rehearsal, stream, &[&format!("sheet.{format}")], 0);
            assert_eq!((out.count("unchanged"), writes), (60, 0), "{format}: {}", out.transcript());
        }
    }
}

#[test]
fn an_emptied_cell_clears_the_text_that_asks_to_clear() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let id = Sheet::with(&rehearsal, stream, field).cell(0, "_id").clone();
        edit(&rehearsal, stream, &id, "#N/A");
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        assert_eq!(sheet.of(&id, field), "#N/A");
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
        assert_eq!((out.count("updated"), writes), (0, 0), "{}", out.transcript());
        let row = sheet.rows.iter().position(|row| row[0] == id).unwrap();
        sheet.cell(row, field).clear();
        sheet.save(&rehearsal);
        let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
        assert_eq!((out.count("updated"), writes), (1, 1), "{}", out.transcript());
        assert_eq!(Sheet::exported_to(&rehearsal, stream, "after.csv").of(&id, field), "");
    }
}

#[test]
fn a_sheet_whose_times_a_spreadsheet_rewrote_takes_nothing_back() {
    for (stream, field) in STREAMS {
        let other = if field == "Name" { "Zip" } else { "first name" };
        for (written, is_time) in [("24/08/2017 16:05", false), ("2099-01-01T00:00:00Z", true)] {
            let rehearsal = Rehearsal::generated("", 20);
            let mut sheet = Sheet::with(&rehearsal, stream, field);
            let ids = [0, 1].map(|row: usize| sheet.cell(row, "_id").clone());
            edit(&rehearsal, stream, &ids[0], "Service");
            (0..sheet.rows.len()).for_each(|row| written.clone_into(sheet.cell(row, "_updated")));
            (0..2).for_each(|row| "Mine".clone_into(sheet.cell(row, other)));
            sheet.save(&rehearsal);
            sheet.save_to(&rehearsal, "copy.csv");
            let in_conflict = |file: &str, rows: &[&str]| {
                let (out, writes) = import(&rehearsal, stream, &[file], 1);
                let unchanged = (sheet.rows.len() - rows.len()) as u64;
                assert_eq!((out.count("unchanged"), writes), (unchanged, 0), "{}", out.transcript());
                let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
                let found: Vec<_> = conflicts.iter().map(|row| row["_ferry_row"].as_str()).collect();
                assert_eq!(found, rows, "{conflicts:?}");
                for row in conflicts {
                    assert_eq!(
                        (row["_ferry_field"].as_str(), row["_ferry_value"].as_str()),
                        ("_updated", written)
                    );
                    assert!(row["_ferry_reason"].contains("keep `_updated`"), "{row:?}");
                }
            };
            in_conflict("copy.csv", &["1", "2"]);
            if is_time {
                in_conflict("sheet.csv", &["1", "2"]);
                continue;
            }
            // Its export wrote the only version that there is.
            let (out, writes) = import(&rehearsal, stream, &["sheet.csv"], 0);
            assert_eq!((out.count("updated"), writes), (2, 2), "{}", out.transcript());
            let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
            assert_eq!(ids.clone().map(|id| after.of(&id, other)), ["Mine"; 2]);
            assert_eq!(after.of(&ids[0], field), "Service");
            // Now there are two.
            in_conflict("sheet.csv", &["1"]);
        }
    }
}

#[test]
fn a_copy_of_one_of_two_exports_of_the_same_second_takes_nothing_back() {
    let (stream, field) = STREAMS[0];
    let rehearsal = Rehearsal::generated("", 20);
    let id = Sheet::with(&rehearsal, stream, field).cell(0, "_id").clone();
    let exported = |text: &str, file: &str| {
        edit(&rehearsal, stream, &id, text);
        let out = rehearsal.json(["export", stream, "-o", file]).expect(0);
        rusqlite::Connection::open(run_of(&rehearsal, &out).join("checkpoint.sqlite")).unwrap()
    };
    let first = exported("First", "first.csv");
    let second = exported("Second", "second.csv");
    // As if both changes were of one second.
    let seen = "SELECT updated FROM extract_seen WHERE id = ?";
    let version: i64 = second.query_row(seen, [&id], |row| row.get(0)).unwrap();
    first
        .execute("UPDATE extract_seen SET updated = ? WHERE id = ?", rusqlite::params![version, id])
        .unwrap();
    drop((first, second));
    let mut sheet = Sheet::read_from(&rehearsal, "first.csv");
    let row = sheet.rows.iter().position(|row| row[0] == id).unwrap();
    *sheet.cell(row, "_updated") = Sheet::read_from(&rehearsal, "second.csv").of(&id, "_updated").to_owned();
    "Mine".clone_into(sheet.cell(row, "first name"));
    sheet.save_to(&rehearsal, "first.csv");
    sheet.save_to(&rehearsal, "copy.csv");
    let (out, writes) = import(&rehearsal, stream, &["copy.csv"], 1);
    assert_eq!((out.count("conflicts"), writes), (1, 0), "{}", out.transcript());
    let conflict = &result_rows(&run_of(&rehearsal, &out), "conflicts.csv")[0];
    assert!(conflict["_ferry_reason"].contains("exports hold different content"), "{conflict:?}");
    // Under its own name it is known.
    let (out, writes) = import(&rehearsal, stream, &["first.csv"], 0);
    assert_eq!((out.count("updated"), writes), (1, 1), "{}", out.transcript());
    let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
    assert_eq!((after.of(&id, field), after.of(&id, "first name")), ("Second", "Mine"));
}
