//! An exported sheet, edited and imported without a mapping (design sections 4, 6 and 9.8).

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, assert_every_row_has_one_result, result_rows, run_of};
use crate::support::Rehearsal;

/// A sheet of the export: its headers and rows.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    pub(crate) headers: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Sheet {
    pub(crate) fn exported(rehearsal: &Rehearsal, stream: &str) -> Self {
        Self::exported_to(rehearsal, stream, "sheet.csv")
    }

    pub(crate) fn exported_to(rehearsal: &Rehearsal, stream: &str, file: &str) -> Self {
        rehearsal.json(["export", stream, "-o", file]).expect(0);
        Self::read_from(rehearsal, file)
    }

    pub(crate) fn read_from(rehearsal: &Rehearsal, file: &str) -> Self {
        let mut reader = csv::Reader::from_path(rehearsal.path(file)).unwrap();
        let row = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect();
        let headers = row(reader.headers().unwrap());
        Self { headers, rows: reader.records().map(|record| row(&record.unwrap())).collect() }
    }

    pub(crate) fn cell(&mut self, row: usize, header: &str) -> &mut String {
        let column = self.column(header);
        &mut self.rows[row][column]
    }

    pub(crate) fn column(&self, header: &str) -> usize {
        self.headers.iter().position(|known| known == header).unwrap()
    }

    /// The cell of a record.
    pub(crate) fn of(&self, id: &str, header: &str) -> &str {
        let (ids, column) = (self.column("_id"), self.column(header));
        &self.rows.iter().find(|row| row[ids] == id).unwrap()[column]
    }

    /// The export without the rows that have nothing in this field, such as the last names of companies.
    pub(crate) fn with(rehearsal: &Rehearsal, stream: &str, field: &str) -> Self {
        let mut sheet = Self::exported(rehearsal, stream);
        let column = sheet.headers.iter().position(|known| known == field).unwrap();
        sheet.rows.retain(|row| !row[column].is_empty());
        sheet
    }

    pub(crate) fn save(&self, rehearsal: &Rehearsal) {
        self.save_to(rehearsal, "sheet.csv");
    }

    pub(crate) fn save_to(&self, rehearsal: &Rehearsal, file: &str) {
        let mut writer = csv::Writer::from_path(rehearsal.path(file)).unwrap();
        writer.write_record(&self.headers).unwrap();
        self.rows.iter().for_each(|row| writer.write_record(row).unwrap());
        writer.flush().unwrap();
    }
}

/// A stream, and a field of it that takes any text.
pub(crate) const STREAMS: [(&str, &str); 2] =
    [("nimble:contacts", "last name"), ("nethunt:Contacts", "Name")];

#[test]
fn an_edited_sheet_goes_back_and_each_row_has_its_own_outcome() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        let (rows, there) = (sheet.rows.len() as u64, records_at(&rehearsal, stream));
        "Edited".clone_into(sheet.cell(0, field));
        "#N/A".clone_into(sheet.cell(1, field));
        "000000000000000000000000".clone_into(sheet.cell(2, "_id"));
        "2001-01-01T00:00:00Z".clone_into(sheet.cell(3, "_created"));
        sheet.cell(4, field).clear();
        let mut new = vec![String::new(); sheet.headers.len()];
        new[sheet.headers.iter().position(|known| known == field).unwrap()] = "Brand New".to_owned();
        new[1] = if stream.starts_with("nimble") { "person".to_owned() } else { "record".to_owned() };
        sheet.rows.push(new);
        sheet.save(&rehearsal);
        let seen = rehearsal.requests();
        let out = rehearsal.json(["import", "sheet.csv", stream, "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!(out.count("read"), rows + 1);
        let counts = ["created", "updated", "rejected", "unchanged"].map(|key| out.count(key));
        assert_eq!(counts, [1, 3, 2, rows - 5], "{stream}: {}", out.transcript());
        assert_eq!(rehearsal.writes_since(seen).len(), 4, "{stream}");
        let run = run_of(&rehearsal, &out);
        assert_every_row_has_one_result(&run, rows + 1);
        let rejected = result_rows(&run, "rejected.csv");
        let of = |row: &str| rejected.iter().find(|rejected| rejected["_ferry_row"] == row).unwrap();
        assert!(of("3")["_ferry_reason"].contains("has no record"), "{rejected:?}");
        assert_eq!(of("4")["_ferry_field"], "_created", "{rejected:?}");

        let mut after = Sheet::exported(&rehearsal, stream);
        assert_eq!(after.rows.len(), there + 1);
        let id = |sheet: &Sheet, row: usize| sheet.rows[row][0].clone();
        let mut found = |id: &str| {
            let row = after.rows.iter().position(|row| row[0] == id).unwrap();
            after.cell(row, field).clone()
        };
        assert_eq!(found(&id(&sheet, 0)), "Edited");
        assert_eq!(found(&id(&sheet, 1)), "", "`#N/A` clears");
        assert_eq!(found(&id(&sheet, 4)), "", "so does emptying a cell");
    }
}

#[test]
fn a_sheet_that_would_overwrite_something_newer_is_in_conflict() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        for row in 0..3 {
            *sheet.cell(row, field) = format!("Sheet {row}");
        }
        sheet.save(&rehearsal);
        let ids = [0, 3].map(|row: usize| sheet.rows[row][0].clone());
        for id in &ids {
            edit(&rehearsal, stream, id, "Service");
        }
        let out = rehearsal.json(["import", "sheet.csv", stream, "--yes"]).expect(1);
        assert_balanced(&out);
        assert_eq!((out.count("conflicts"), out.count("updated")), (1, 2), "{stream}: {}", out.transcript());
        let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
        let rows: Vec<&str> = conflicts.iter().map(|row| row["_ferry_row"].as_str()).collect();
        assert_eq!(rows, ["1"], "{stream}: {conflicts:?}");
        let mut after = Sheet::exported(&rehearsal, stream);
        let row = after.rows.iter().position(|row| row[0] == ids[0]).unwrap();
        assert_eq!(after.cell(row, field), "Service", "the newer value stays");
        assert_eq!(after.of(&ids[1], field), "Service", "and so does one that nobody touched in the sheet");
    }
}

fn records_at(rehearsal: &Rehearsal, stream: &str) -> usize {
    if stream.starts_with("nimble") {
        rehearsal.contacts().len()
    } else {
        rehearsal.records("Contacts").len()
    }
}

/// Changes a record past Ferry, as somebody else would.
pub(crate) fn edit(rehearsal: &Rehearsal, stream: &str, id: &str, text: &str) {
    if stream.starts_with("nimble") {
        let fields: Value = json!({"last name": [{"value": text, "modifier": ""}]});
        rehearsal.service("PUT", &format!("/contact/{id}?replace=1"), &json!({"fields": fields}));
        return;
    }
    let body = json!({
        "timeZone": "Europe/London",
        "fieldActions": {"Name": {"overwrite": true, "add": text, "remove": Value::Null}},
    });
    rehearsal.service("POST", &format!("/zapier/actions/update-record/{id}?overwrite=true"), &body);
}

#[test]
fn a_value_that_only_the_service_fills_is_rejected_when_edited_and_ignored_when_not() {
    let rehearsal = Rehearsal::generated("", 10);
    let mut sheet = Sheet::exported(&rehearsal, "nimble:contacts");
    "Somebody".clone_into(sheet.cell(0, "_creator"));
    "nobody".clone_into(sheet.cell(1, "_owner"));
    sheet.save(&rehearsal);
    let seen = rehearsal.requests();
    let out = rehearsal.json(["import", "sheet.csv", "nimble:contacts", "--yes"]).expect(1);
    assert_eq!((out.count("rejected"), out.count("unchanged")), (2, 8), "{}", out.transcript());
    assert!(rehearsal.writes_since(seen).is_empty());
    let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    let fields: Vec<&str> = rejected.iter().map(|row| row["_ferry_field"].as_str()).collect();
    assert_eq!(fields, ["_creator", "_owner"], "{rejected:?}");
}

#[test]
fn a_corrected_reject_file_can_be_imported_as_it_is() {
    let rehearsal = Rehearsal::generated("", 10);
    let mut sheet = Sheet::exported(&rehearsal, "nethunt:Contacts");
    let id = sheet.cell(0, "_id").clone();
    "nothing".clone_into(sheet.cell(0, "_id"));
    "Edited".clone_into(sheet.cell(0, "Name"));
    sheet.save(&rehearsal);
    let out = rehearsal.json(["import", "sheet.csv", "nethunt:Contacts", "--yes"]).expect(1);
    let rejected = std::fs::read_to_string(run_of(&rehearsal, &out).join("rejected.csv")).unwrap();
    rehearsal.file("again.csv", rejected.replace("nothing", &id));
    let out = rehearsal.json(["import", "again.csv", "nethunt:Contacts", "--yes"]).expect(0);
    assert_eq!((out.count("read"), out.count("updated")), (1, 1), "{}", out.transcript());
}

#[test]
fn a_cell_that_repeats_a_literal_of_the_service_clears_nothing() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 6);
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        let id = sheet.cell(0, "_id").clone();
        edit(&rehearsal, stream, &id, "#N/A");
        let known = [("all.csv", true), ("all.csv", false), ("all.jsonl", false), ("all.parquet", false)];
        for (file, is_known) in known {
            rehearsal.json(["export", stream, "-o", file]).expect(0);
            if !is_known {
                // Where the export is not known, nothing but the service tells what the cell was.
                std::fs::remove_dir_all(rehearsal.path(".ferry")).unwrap();
            }
            let seen = rehearsal.requests();
            let out = rehearsal.json(["import", file, stream, "--yes"]).expect(0);
            assert_eq!(out.count("unchanged"), out.count("read"), "{file}: {}", out.transcript());
            assert!(rehearsal.writes_since(seen).is_empty());
        }
        // Of another value it clears, as ever.
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        assert_eq!(sheet.of(&id, field), "#N/A");
        let other = sheet.rows.iter().position(|row| row[0] != id).unwrap();
        let (other_id, other) = (sheet.rows[other][0].clone(), sheet.cell(other, field));
        "#N/A".clone_into(other);
        sheet.save(&rehearsal);
        let out = rehearsal.json(["import", "sheet.csv", stream, "--yes"]).expect(0);
        assert_eq!(out.count("updated"), 1, "{}", out.transcript());
        let after = Sheet::exported(&rehearsal, stream);
        assert_eq!((after.of(&id, field), after.of(&other_id, field)), ("#N/A", ""));
    }
}

#[test]
fn a_column_that_the_export_left_out_can_be_added_by_hand() {
    for (stream, field) in STREAMS {
        let (asked, added) = if field == "Name" { ("Zip", "Name") } else { ("first name", "last name") };
        let rehearsal = Rehearsal::generated("", 20);
        // Another export holds all of the record's fields at the same time.
        let ids = Sheet::with(&rehearsal, stream, field)
            .rows
            .iter()
            .take(2)
            .map(|row| row[0].clone())
            .collect::<Vec<_>>();
        let fields = format!("_id,_updated,{asked}");
        rehearsal.json(["export", stream, "-o", "part.csv", "--fields", &fields]).expect(0);
        let mut sheet = Sheet::read_from(&rehearsal, "part.csv");
        assert!(!sheet.headers.iter().any(|header| header == added), "{:?}", sheet.headers);
        sheet.headers.push(added.to_owned());
        for row in &mut sheet.rows {
            row.push(if ids.contains(&row[0]) { "Mine".to_owned() } else { String::new() });
        }
        // The second record is changed after the export.
        edit(&rehearsal, stream, &ids[1], "Theirs");
        for (file, updated) in [("copy.csv", 1), ("part.csv", 0)] {
            sheet.save_to(&rehearsal, file);
            let out = rehearsal.json(["import", file, stream, "--yes"]).expect(1);
            assert_balanced(&out);
            assert_eq!((out.count("updated"), out.count("conflicts")), (updated, 1), "{}", out.transcript());
            let conflicts = result_rows(&run_of(&rehearsal, &out), "conflicts.csv");
            assert_eq!(conflicts[0]["_id"], ids[1], "{conflicts:?}");
        }
        let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
        assert_eq!((after.of(&ids[0], added), after.of(&ids[1], added)), ("Mine", "Theirs"));
    }
}

#[test]
fn a_row_without_an_id_makes_no_record_twice() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 6);
        let mut sheet = Sheet::exported(&rehearsal, stream);
        let there = sheet.rows.len();
        let other = if field == "Name" { "Zip" } else { "title" };
        let new = |sheet: &Sheet, text: &str| {
            let mut row = vec![String::new(); sheet.headers.len()];
            "New".clone_into(&mut row[sheet.column(field)]);
            text.clone_into(&mut row[sheet.column(other)]);
            row
        };
        let rows = ["1", "1", "2"].map(|text| new(&sheet, text));
        sheet.rows.extend(rows);
        sheet.save(&rehearsal);
        let import = |arguments: &[&str]| {
            let fixed = ["import", "sheet.csv", stream, "--yes"];
            let out = rehearsal.json(fixed.iter().chain(arguments).copied()).expect(0);
            assert_balanced(&out);
            out
        };
        let first = import(&[]);
        assert_eq!(first.count("created"), 3, "{}", first.transcript());
        let run = first.summary()["run"].as_str().unwrap().to_owned();
        // What somebody makes of one of them is theirs.
        let made = result_rows(&run_of(&rehearsal, &first), "succeeded.csv");
        let made: Vec<&String> = made
            .iter()
            .filter(|row| row["_ferry_action"] == "created")
            .map(|row| &row["_ferry_id"])
            .collect();
        edit(&rehearsal, stream, made[0], "Theirs");
        let seen = rehearsal.requests();
        let again = import(&[]);
        assert_eq!((again.count("created"), again.count("unchanged")), (0, there as u64 + 3));
        assert!(rehearsal.writes_since(seen).is_empty(), "{}", again.transcript());
        let said = format!("3 rows without `_id` were made by an earlier import: `{run}`");
        let said = said.replace(&run, "RUN");
        assert!(again.transcript().contains(&said), "{}", again.transcript());
        let ids: Vec<String> = result_rows(&run_of(&rehearsal, &again), "succeeded.csv")
            .iter()
            .skip(there)
            .map(|row| row["_ferry_id"].clone())
            .collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), made, "the first of them to the first of the rows");
        // A row that says something else is another.
        let row = new(&sheet, "3");
        sheet.rows.push(row);
        sheet.save(&rehearsal);
        assert_eq!(import(&[]).count("created"), 1);
        // A record that a row means by its id is no other row's.
        let all = Sheet::exported_to(&rehearsal, stream, "all.csv");
        let own = all.rows.iter().find(|row| &row[0] == made[2]).unwrap().clone();
        sheet.rows.push(own);
        sheet.save(&rehearsal);
        assert_eq!(import(&[]).count("created"), 1);
        sheet.rows.truncate(there + 3);
        sheet.save(&rehearsal);
        assert_eq!(import(&["--mode", "create"]).count("created"), 3);
    }
}

#[test]
fn a_row_whose_record_was_taken_back_makes_it_anew() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 6);
        let there = records_at(&rehearsal, stream);
        rehearsal.file("new.csv", format!("{field}\nNew\nNew\n"));
        for _ in 0..2 {
            let out = rehearsal.json(["import", "new.csv", stream, "--yes"]).expect(0);
            assert_eq!((out.count("created"), records_at(&rehearsal, stream)), (2, there + 2));
            let again = rehearsal.json(["import", "new.csv", stream, "--yes"]).expect(0);
            assert_eq!(again.count("unchanged"), 2, "{}", again.transcript());
            let run = out.summary()["run"].as_str().unwrap().to_owned();
            rehearsal.json(["undo", &run, "--yes"]).expect(0);
            assert_eq!(records_at(&rehearsal, stream), there);
        }
    }
}

#[test]
fn what_was_taken_back_is_wished_for_again_however_often_it_was_imported() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 6);
        let other = if field == "Name" { "Zip" } else { "title" };
        let mut sheet = Sheet::with(&rehearsal, stream, field);
        "Mine".clone_into(sheet.cell(0, field));
        sheet.save(&rehearsal);
        let import = || rehearsal.json(["import", "sheet.csv", stream, "--yes"]).expect(0);
        let first = import();
        assert_eq!(first.count("updated"), 1, "{}", first.transcript());
        assert_eq!(import().count("updated"), 0);
        // Another edit of the same row, which stays.
        "More".clone_into(sheet.cell(0, other));
        sheet.save(&rehearsal);
        assert_eq!(import().count("updated"), 1);
        let run = first.summary()["run"].as_str().unwrap().to_owned();
        rehearsal.json(["undo", &run, "--yes"]).expect(0);
        let again = import();
        assert_eq!(again.count("updated"), 1, "{}", again.transcript());
        let id = sheet.rows[0][sheet.column("_id")].clone();
        let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
        assert_eq!((after.of(&id, field), after.of(&id, other)), ("Mine", "More"));
        assert_eq!(import().count("updated"), 0);
    }
}

#[test]
fn a_row_without_any_key_is_made_once_beside_rows_that_have_one() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::new("");
        let key = if field == "Name" { "External ID" } else { "email[work]" };
        rehearsal.file("new.csv", format!("{field},{key}\nAnn,ann@x.example\nBob,\n"));
        let words = ["import", "new.csv", stream, "--key", key, "--yes"];
        assert_eq!(rehearsal.json(words).expect(0).count("created"), 2);
        let again = rehearsal.json(words).expect(0);
        assert_eq!(again.count("unchanged"), 2, "{}", again.transcript());
        assert_eq!(records_at(&rehearsal, stream), 2);
    }
}
