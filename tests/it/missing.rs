//! Rows taken out of an exported sheet: nothing is deleted without `--delete-missing`, and with it only what
//! certainly was taken out (design section 9.8).

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::accounts::{assert_balanced, result_rows};
use crate::sheet::{STREAMS, Sheet, edit};
use crate::support::{Output, Rehearsal};

/// The ids of all records at the service.
fn there(rehearsal: &Rehearsal, stream: &str) -> BTreeSet<String> {
    let sheet = Sheet::exported_to(rehearsal, stream, "there.csv");
    sheet.rows.iter().map(|row| row[0].clone()).collect()
}

/// The run that deleted, which the one summary names.
fn deletion(out: &Output) -> Option<String> {
    let summaries: Vec<Value> =
        out.objects().into_iter().filter(|object| object.get("status").is_some()).collect();
    assert_eq!(summaries.len(), 1, "{}", out.transcript());
    assert_balanced(out);
    out.summary()["deletion"].as_str().map(str::to_owned)
}

#[test]
fn rows_taken_out_are_deleted_only_when_asked_and_never_what_changed() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let mut sheet = Sheet::exported(&rehearsal, stream);
        let all = there(&rehearsal, stream);
        let gone: Vec<String> = sheet.rows.drain(2..5).map(|row| row[0].clone()).collect();
        sheet.save(&rehearsal);
        rehearsal.json(["import", "sheet.csv", stream, "--yes"]).expect(0);
        assert_eq!(there(&rehearsal, stream), all, "without the flag every record stays");

        edit(&rehearsal, stream, &gone[1], "Changed since");
        let out = rehearsal.json(["import", "sheet.csv", stream, "--delete-missing", "-n"]).expect(0);
        assert_eq!(there(&rehearsal, stream), all);
        assert!(deletion(&out).is_some());
        assert_eq!((&out.summary()["status"], out.count("deleted")), (&"planned".into(), 2));

        let row = sheet.rows.iter().position(|row| !row[sheet.column(field)].is_empty()).unwrap();
        "Edited".clone_into(sheet.cell(row, field));
        sheet.save(&rehearsal);
        let out = rehearsal.json(["import", "sheet.csv", stream, "--delete-missing", "--yes"]).expect(0);
        assert_eq!((out.summary()["command"].as_str(), out.count("updated")), (Some("import"), 1));
        let delete = deletion(&out).unwrap();
        let rows = sheet.rows.len() as u64;
        assert_eq!((out.count("read"), out.count("deleted")), (rows + 2, 2), "{}", out.transcript());
        assert!(out.stderr.contains("1 more has changed since the export"), "{}", out.transcript());
        let run: PathBuf = rehearsal.path(".ferry/runs").join(&delete);
        assert!(rehearsal.read(run.join("report.json")).contains("\"deleted\": 2"));
        let copied = result_rows(&run, "deleted.csv").into_iter().map(|row| row["_id"].clone());
        let expected = BTreeSet::from([gone[0].clone(), gone[2].clone()]);
        assert_eq!(copied.collect::<BTreeSet<_>>(), expected);
        assert_eq!(there(&rehearsal, stream), all.difference(&expected).cloned().collect());

        let out = rehearsal.json(["import", "sheet.csv", stream, "--delete-missing", "--yes"]).expect(0);
        assert!(deletion(&out).is_none(), "there is nothing left to delete: {}", out.transcript());
    }
}

#[test]
fn what_may_not_have_been_taken_out_is_not_deleted() {
    let stream = "nethunt:Contacts";
    let rehearsal = Rehearsal::generated("", 20);
    let mut sheet = Sheet::exported(&rehearsal, stream);
    let all = there(&rehearsal, stream);
    let whole = sheet.clone();
    sheet.rows.truncate(15);
    sheet.save(&rehearsal);
    let refused = |file: &str, more: &[&str], why: &str| {
        let fixed = ["import", file, stream, "--delete-missing", "--yes"];
        let out = rehearsal.json(fixed.into_iter().chain(more.iter().copied())).expect(2);
        assert!(out.stderr.contains(why), "{why}: {}", out.transcript());
    };
    refused("sheet.csv", &["--max-deletes", "4"], "lacks 5 rows of its export, and 4 may be deleted");
    refused("sheet.csv", &["--limit", "10"], "not all rows of the sheet are read");
    sheet.save_to(&rehearsal, "elsewhere.csv");
    refused("elsewhere.csv", &[], "no export of this account wrote the file");
    rehearsal.file("map.toml", "[mapping]\nkey = [\"Name\"]\n[[field]]\nto = \"Name\"\nfrom = \"Name\"\n");
    refused("sheet.csv", &["-m", "map.toml"], "a mapped file is not the sheet of an export");
    let text = rehearsal.read("sheet.csv");
    rehearsal.file("sheet.csv", format!("{text}one cell too few\n"));
    refused("sheet.csv", &[], "rows of the sheet cannot be read");
    let mut other = sheet.clone();
    "2001-01-01T00:00:00Z".clone_into(other.cell(3, "_updated"));
    other.save(&rehearsal);
    refused("sheet.csv", &[], "1 rows with an `_id` are not as the export wrote them");
    let mut empty = sheet.clone();
    empty.rows.clear();
    empty.save(&rehearsal);
    refused("sheet.csv", &[], "no export of this account wrote the file");
    assert_eq!(there(&rehearsal, stream), all);
    assert_eq!(rehearsal.effects("delete"), 0);
    // The order of the rows says nothing, and neither does a new one.
    let mut turned = whole;
    turned.rows.reverse();
    let mut new = vec![String::new(); turned.headers.len()];
    new[turned.column("Name")] = "Brand New".to_owned();
    turned.rows.push(new);
    turned.save(&rehearsal);
    let out = rehearsal.json(["import", "sheet.csv", stream, "--delete-missing", "--yes"]).expect(0);
    assert_eq!((out.count("created"), deletion(&out)), (1, None), "{}", out.transcript());
}

#[test]
fn a_row_that_lost_its_id_is_not_taken_for_a_missing_one() {
    for (stream, field) in STREAMS {
        let rehearsal = Rehearsal::generated("", 20);
        let whole = Sheet::exported(&rehearsal, stream);
        let all = there(&rehearsal, stream);
        // Blanked with the time of its last change, too, the row is known by what the service filled besides.
        for columns in [&["_id"][..], &["_id", "_updated"]] {
            let mut sheet = whole.clone();
            columns.iter().for_each(|column| sheet.cell(3, column).clear());
            sheet.save(&rehearsal);
            let out = rehearsal.json(["import", "sheet.csv", stream, "--delete-missing", "--yes"]).expect(2);
            assert!(out.stderr.contains("row 4 (line "), "{}", out.transcript());
            assert!(out.stderr.contains("has no `_id`"), "{}", out.transcript());
        }
        assert_eq!(there(&rehearsal, stream), all);
        let mut new = vec![String::new(); whole.headers.len()];
        new[whole.column(field)] = "Brand New".to_owned();
        new[1].clone_from(&whole.rows[whole.rows.iter().position(|row| row[1] != "company").unwrap()][1]);
        let mut sheet = whole.clone();
        sheet.rows.push(new);
        sheet.save(&rehearsal);
        let out = rehearsal.json(["import", "sheet.csv", stream, "--delete-missing", "--yes"]).expect(0);
        assert_eq!((out.count("created"), deletion(&out)), (1, None), "{}", out.transcript());
    }
}
