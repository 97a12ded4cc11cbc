//! Out into a file and back in: every record, every value and modifier, and then nothing to do (design section 6).

use std::collections::BTreeMap;

use crm_ferry::record::list_cell;
use serde_json::Value;

use crate::accounts::assert_balanced;
use crate::sheet::{Sheet, edit};
use crate::support::Rehearsal;

const RECORDS: usize = 500;

/// Every value: by id, column (field, modifier and part, as a plain export names it), sorted.
type Values = BTreeMap<(String, String), Vec<String>>;

#[test]
fn contacts_of_nimble_come_back_as_they_are_from_every_format() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    let expected = nimble_values(&rehearsal);
    assert!(expected.len() > RECORDS * 3, "the generated contacts are too plain");
    round_trip(&rehearsal, "nimble:contacts", &expected);
}

#[test]
fn records_of_nethunt_come_back_as_they_are_from_every_format() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    let expected = nethunt_values(&rehearsal);
    assert!(expected.len() > RECORDS * 3, "the generated records are too plain");
    round_trip(&rehearsal, "nethunt:Contacts", &expected);
}

fn round_trip(rehearsal: &Rehearsal, stream: &str, expected: &Values) {
    for format in ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.zst"] {
        let file = format!("all.{format}");
        let out = rehearsal.json(["export", stream, "-o", &file]).expect(0);
        assert_balanced(&out);
        assert_eq!(out.count("written"), RECORDS as u64, "{format}");
        assert_eq!(out.summary()["complete"], true, "{format}");
        let found = match format {
            "csv" => cells(&rehearsal.read(&file), b',', expected),
            "tsv" => cells(&rehearsal.read(&file), b'\t', expected),
            "jsonl" => lines(&rehearsal.read(&file)),
            _ => {
                let plain = if format.starts_with("csv") { "plain.csv" } else { "plain.jsonl" };
                rehearsal.json(["export", &file, "-o", plain]).expect(0);
                let text = rehearsal.read(plain);
                if plain == "plain.csv" { cells(&text, b',', expected) } else { lines(&text) }
            }
        };
        assert_same(&found, expected, format);

        let seen = rehearsal.requests();
        let back = rehearsal.json(["import", &file, stream, "--yes"]).expect(0);
        assert_balanced(&back);
        assert_eq!(
            (back.count("read"), back.count("unchanged")),
            (RECORDS as u64, RECORDS as u64),
            "{format}"
        );
        assert_eq!(rehearsal.writes_since(seen).len(), 0, "{format}");
    }
}

#[track_caller]
fn assert_same(found: &Values, expected: &Values, format: &str) {
    for (place, values) in expected {
        assert_eq!(found.get(place), Some(values), "{format}: {place:?}");
    }
    for (place, values) in found {
        assert!(expected.contains_key(place), "{format}: {place:?} came from nowhere: {values:?}");
    }
}

/// The values in a text file. What is expected at a place tells whether a cell is to be split.
fn cells(text: &str, delimiter: u8, expected: &Values) -> Values {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let mut values = Values::new();
    for row in reader.records() {
        let row = row.unwrap();
        for (header, cell) in headers.iter().zip(&row) {
            let place = (row[0].to_owned(), header.to_owned());
            let whole = expected.get(&place).is_some_and(|wanted| wanted == &[cell]);
            let items = if whole { vec![cell.to_owned()] } else { items_of(cell, expected.get(&place)) };
            put(&mut values, place, items);
        }
    }
    values
}

fn items_of(cell: &str, wanted: Option<&Vec<String>>) -> Vec<String> {
    let list = list_cell::split(cell, ';');
    let mut sorted = list.clone();
    sorted.sort();
    if wanted == Some(&sorted) { list } else { list_cell::split_prose(cell) }
}

/// The values in JSON lines.
fn lines(text: &str) -> Values {
    let mut values = Values::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["_id"].as_str().unwrap();
        for (column, value) in record.as_object().unwrap() {
            put(&mut values, (id.to_owned(), column.clone()), texts(value));
        }
    }
    values
}

/// Notes values; the columns that the services' own lists do not have are left out.
fn put(values: &mut Values, place: (String, String), mut items: Vec<String>) {
    items.retain(|item| !item.is_empty());
    let own = place.1.starts_with('_') && place.1 != "_tags";
    if !items.is_empty() && !own {
        items.sort();
        values.insert(place, items);
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// What the simulated Nimble holds, as it shows it; a choice by its name, not by its number.
fn nimble_values(rehearsal: &Rehearsal) -> Values {
    let mut values: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let list = rehearsal.service("GET", "/contacts?per_page=1000", &Value::Null);
    let contacts = list["resources"].as_array().unwrap();
    assert_eq!(contacts.len(), rehearsal.contacts().len());
    let metadata = rehearsal.service("GET", "/contacts/metadata", &Value::Null);
    let shown = |name: &str, value: String| {
        let choices = metadata["fields"][name][0]["presentation"]["values"].as_array();
        let choice = choices.into_iter().flatten().find(|choice| choice["id"] == value.as_str());
        choice.map_or(value, |choice| choice["value"].as_str().unwrap().to_owned())
    };
    for contact in contacts {
        let id = contact["id"].as_str().unwrap();
        let mut add = |column: String, value: &str| {
            values.entry((id.to_owned(), column)).or_default().push(value.to_owned());
        };
        let tags = contact["tags"].as_array().unwrap();
        tags.iter().for_each(|tag| add("_tags".to_owned(), tag["tag"].as_str().unwrap()));
        for (name, entries) in contact["fields"].as_object().unwrap() {
            for entry in entries.as_array().unwrap() {
                let value = shown(name, texts(&entry["value"]).concat());
                let modifier = entry["modifier"].as_str().unwrap_or_default();
                let column = if modifier.is_empty() { name.clone() } else { format!("{name}[{modifier}]") };
                match serde_json::from_str::<Value>(&value) {
                    Ok(Value::Object(parts)) if name == "address" => parts
                        .iter()
                        .for_each(|(part, text)| add(format!("{column}.{part}"), text.as_str().unwrap())),
                    _ => add(column, &value),
                }
            }
        }
    }
    sorted(values)
}

/// What the simulated NetHunt's Contacts hold.
fn nethunt_values(rehearsal: &Rehearsal) -> Values {
    let mut values = Values::new();
    for record in rehearsal.records("Contacts") {
        let id = record["id"].as_str().unwrap();
        for (field, value) in record["fields"].as_object().unwrap() {
            put(&mut values, (id.to_owned(), field.clone()), texts(value));
        }
    }
    values
}

fn sorted(values: Values) -> Values {
    let mut all = Values::new();
    for (place, items) in values {
        put(&mut all, place, items);
    }
    all
}

#[test]
fn the_us_congress_goes_into_both_services_and_a_second_time_there_is_nothing_to_do() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/people/us-congress");
    let file = data.join("legislators-current.csv");
    if !file.exists() {
        println!("skipped: {} is not there", file.display());
        return;
    }
    let mappings = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    for (stream, mapping) in
        [("nethunt:Contacts", "us-congress-nethunt.toml"), ("nimble:contacts", "us-congress-nimble.toml")]
    {
        let rehearsal = Rehearsal::new("");
        let (file, mapping) = (file.display().to_string(), mappings.join(mapping).display().to_string());
        let import = ["import", &file, stream, "-m", &mapping, "--yes"];
        let out = rehearsal.json(import);
        assert!([0, 1].contains(&out.code), "{}", out.transcript());
        assert_balanced(&out);
        let rows = csv::Reader::from_path(&file).unwrap().into_records().count() as u64;
        assert_eq!(out.count("read"), rows);
        assert_eq!(out.count("created") + out.count("rejected"), rows, "{}", out.transcript());
        let there = match stream {
            "nimble:contacts" => rehearsal.contacts().iter().filter(|c| c["record_type"] == "person").count(),
            _ => rehearsal.records("Contacts").len(),
        };
        assert_eq!(there as u64, out.count("created"), "{}", out.transcript());
        let seen = rehearsal.requests();
        let again = rehearsal.json(import);
        assert_eq!(again.code, out.code, "{}", again.transcript());
        assert_eq!(again.count("unchanged"), out.count("created"), "{}", again.transcript());
        assert_eq!(rehearsal.writes_since(seen).len(), 0);
    }
}

#[test]
fn a_sheet_comes_back_as_it_was_written_without_saying_how_again() {
    for (stream, field, list) in
        [("nimble:contacts", "last name", "email[work]"), ("nethunt:Contacts", "Name", "Email")]
    {
        let rehearsal = Rehearsal::generated("", 30);
        let guarded = Sheet::with(&rehearsal, stream, field).cell(0, "_id").clone();
        edit(&rehearsal, stream, &guarded, "+359 (87) 4-3293");
        let how = ["--spreadsheet-safe", "--list-separator", "|"];
        rehearsal.json(["export", stream, "-o", "sheet.csv"].into_iter().chain(how)).expect(0);
        let text = rehearsal.read("sheet.csv");
        assert!(text.contains("'+359 (87) 4-3293"), "{text}");
        rehearsal.file("copy.csv", &text);
        for (file, flags) in
            [("sheet.csv", &[][..]), ("sheet.csv", &["--list-separator", ";"]), ("copy.csv", &[])]
        {
            let fixed = ["import", file, stream, "-n"].into_iter();
            let out = rehearsal.json(fixed.chain(flags.iter().copied())).expect(0);
            assert_eq!(out.count("unchanged"), 30, "{file} {flags:?}: {}", out.transcript());
            assert_eq!(
                out.stderr.contains("wrote it: --list-separator '|'"),
                file == "sheet.csv" && flags.len() < 2
            );
        }
        let mut sheet = Sheet::read_from(&rehearsal, "sheet.csv");
        let row = sheet.rows.iter().position(|row| row[0] == guarded).unwrap();
        "'=Edited".clone_into(sheet.cell(row, field));
        "a@x.example|b@x.example".clone_into(sheet.cell(row, list));
        sheet.save(&rehearsal);
        rehearsal.json(["import", "sheet.csv", stream, "--yes"]).expect(0);
        let after = Sheet::exported_to(&rehearsal, stream, "after.csv");
        // NetHunt keeps addresses in angle brackets.
        let addresses = after.of(&guarded, list).replace(['<', '>'], "");
        assert_eq!((after.of(&guarded, field), &*addresses), ("=Edited", "a@x.example;b@x.example"));
    }
}
