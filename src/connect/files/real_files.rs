//! Real files, read from `shared/data` beside the checkout; skipped with a message where they are absent.

use super::*;
use crate::error::Error;
use crate::record::to_text;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A folder of real data, none where there is none.
fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !folder.is_dir() {
        let message = format!("skipped: no folder {}\n", folder.display());
        std::io::Write::write_all(&mut std::io::stderr(), message.as_bytes()).unwrap();
        return None;
    }
    Some(folder)
}

/// All rows of a file and what is said about it.
fn read(path: &Path) -> Result<(Box<dyn TableReader>, Vec<Row>), Error> {
    let endpoint = FileEndpoint::parse(path.to_str().unwrap(), None).unwrap()?;
    let mut reader = open(&endpoint, &ReadOptions::default())?;
    let mut rows = Vec::new();
    loop {
        let more = reader.next_rows(100)?;
        if more.is_empty() {
            return Ok((reader, rows));
        }
        rows.extend(more);
    }
}

fn raws(path: &Path) -> Vec<String> {
    let raw = |row| match row {
        Row::Good { raw, .. } => raw,
        Row::Bad { reason, .. } => panic!("{reason}"),
    };
    read(path).unwrap().1.into_iter().map(raw).collect()
}

fn good(rows: &[Row]) -> usize {
    rows.iter().filter(|row| matches!(row, Row::Good { .. })).count()
}

#[test]
fn csv_spectrum_is_read_as_it_says() {
    let Some(folder) = folder("csv/csv-spectrum") else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("csvs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        // Its expected result holds another phone number than the file.
        if name == "location_coordinates" {
            continue;
        }
        let text = std::fs::read_to_string(folder.join("json").join(format!("{name}.json"))).unwrap();
        let expected: Vec<Map<String, Value>> = serde_json::from_str(&text).unwrap();
        let (reader, rows) = read(&path).unwrap();
        let names = reader.schema().fields.iter().map(|field| field.name.clone());
        let decoder = RowDecoder::new(Format::Csv, reader.schema(), &ReadOptions::default());
        let object = |row: &Row| {
            let Row::Good { raw, .. } = row else { panic!("{row:?}") };
            names.clone().zip(decoder.original(raw).into_iter().map(Value::from)).collect::<Map<_, _>>()
        };
        assert_eq!(rows.iter().map(object).collect::<Vec<_>>(), expected, "{name}");
        files += 1;
    }
    assert_eq!(files, 11);
}

#[test]
fn the_odd_files_of_csvkit_are_read_or_refused_row_by_row() {
    let Some(folder) = folder("csv/csvkit-examples") else { return };
    let cases = [
        ("bad.csv", 1, 3),
        ("bad_skip_lines.csv", 1, 3),
        ("blanks.csv", 1, 1),
        ("dummy.tsv", 1, 1),
        ("ks_1033_data.csv", 1575, 1575),
        ("mac_newlines.csv", 2, 2),
        ("no_header_row.csv", 0, 0),
        ("null_byte.csv", 1, 1),
        ("sniff_limit.csv", 1, 1),
        ("test_empty_columns.csv", 2, 3),
        ("test_empty_columns_long_row.csv", 1, 1),
        ("test_empty_columns_short_row.csv", 1, 1),
        ("test_extra_header.csv", 0, 1),
        ("test_geo.csv", 17, 17),
        ("test_header_newline.csv", 1, 1),
        ("test_latin1.csv", 2, 2),
        ("test_locale.csv", 1, 1),
        ("test_skip_lines.csv", 1, 1),
        ("test_utf16_big.csv", 2, 2),
        ("test_utf16_little.csv", 2, 2),
        ("test_utf8_bom.csv", 2, 2),
    ];
    for (name, expected, all) in cases {
        let (_, rows) = read(&folder.join(name)).unwrap();
        assert_eq!((good(&rows), rows.len()), (expected, all), "{name}");
    }
    assert!(read(&folder.join("empty.csv")).err().unwrap().to_string().contains("no header"));
    let last = |name: &str| raws(&folder.join(name)).pop().unwrap();
    assert_eq!(last("test_latin1.csv"), "[\"4\",\"5\",\"\u{a9}\"]");
    assert_eq!(last("test_utf16_big.csv"), "[\"4\",\"5\",\"\u{2a4}\"]");
    assert_eq!(last("mac_newlines.csv"), r#"["Once upon\ra time","5","6"]"#);
    let (reader, rows) = read(&folder.join("test_empty_columns.csv")).unwrap();
    assert!(reader.notices()[1].ends_with("are called `column 4`, `column 5`"), "{:?}", reader.notices());
    let reason = "line 3: 4 cells where the header has 5".to_owned();
    assert_eq!(rows[1], Row::Bad { row: 2, line: 3, reason, raw: ",,c,".into() });
}

#[test]
fn lists_of_people_are_read_without_a_bad_row() {
    let Some(folder) = folder("people") else { return };
    let cases = [
        ("us-congress/legislators-current.csv", 537, 42),
        ("us-congress/legislators-district-offices.csv", 1312, 15),
        ("kr-assembly/assembly.csv", 299, 18),
        ("au-councillors/QLD-local_councillors.csv", 577, 12),
        ("au-councillors/QLD-old-local_councillors.csv", 577, 13),
        ("au-councillors/TAS-local_councillors.csv", 263, 12),
        ("au-councillors/TAS-old-local_councillors.csv", 263, 15),
        ("au-councillors/VIC-local_councillors.csv", 670, 12),
        ("au-councillors/VIC-old-local_councillors.csv", 665, 15),
        ("wikidata-politicians/world-bio.csv", 3764, 9),
        ("wikidata-politicians/world-memberships.csv", 4850, 5),
        ("wikidata-politicians/kenya-bio.csv", 1206, 9),
        ("wikidata-politicians/india-members.csv", 542, 12),
        ("wikidata-politicians/canada-members.csv", 339, 10),
        ("wikidata-politicians/ukraine-rada6.csv", 534, 5),
        ("wikidata-politicians/japan-representatives49.csv", 466, 5),
        ("tate-artists/artist_data.csv", 3532, 9),
        ("popular-names/common-forenames-by-country.csv", 2480, 12),
        ("popular-names/common-surnames-by-country.csv", 2576, 8),
    ];
    for (name, rows, columns) in cases {
        let (reader, found) = read(&folder.join(name)).unwrap();
        assert_eq!((found.len(), reader.schema().fields.len()), (rows, columns), "{name}");
        assert_eq!(good(&found), rows, "{name}");
        assert!(reader.notices()[0].contains(": UTF-8, cells separated by `,`"), "{:?}", reader.notices());
    }
}

#[test]
fn every_type_of_other_peoples_parquet_is_read() {
    let Some(folder) = folder("parquet") else { return };
    let first = [
        ("alltypes_plain.parquet", 8, r#"[4,true,0,0,0,0,0,0,"03/01/09","0","2009-03-01T00:00:00"]"#),
        ("alltypes_dictionary.parquet", 2, r#"[0,true,0,0,0,0,0,0,"01/01/09","0","2009-01-01T00:00:00"]"#),
        ("alltypes_plain.snappy.parquet", 2, r#"[6,true,0,0,0,0,0,0,"04/01/09","0","2009-04-01T00:00:00"]"#),
        ("binary.parquet", 12, r#"["\u0000"]"#),
        ("byte_array_decimal.parquet", 24, "[1.00]"),
        ("fixed_length_decimal.parquet", 24, "[1.00]"),
        ("int32_decimal.parquet", 24, "[1.00]"),
        ("datapage_v2.snappy.parquet", 5, r#"["abc",1,2,true,[1,2,3]]"#),
        ("delta_length_byte_array.parquet", 1000, r#"["apple_banana_mango0"]"#),
        ("int96_from_spark.parquet", 6, r#"["2024-01-01T20:34:56.123456"]"#),
        ("list_columns.parquet", 3, r#"[[1,2,3],["abc","efg","hij"]]"#),
        ("lz4_raw_compressed.parquet", 4, r#"[1593604800,"abc",42]"#),
        ("nested_lists.snappy.parquet", 3, r#"[[[["a","b"],["c"]],[null,["d"]]],1]"#),
        ("nulls.snappy.parquet", 8, r#"[{"b_c_int":null}]"#),
        ("single_nan.parquet", 1, "[null]"),
    ];
    for (name, rows, expected) in first {
        let found = raws(&folder.join(name));
        assert_eq!((found.len(), found[0].as_str()), (rows, expected), "{name}");
    }
    let spark = raws(&folder.join("int96_from_spark.parquet"));
    assert_eq!(
        spark[2..],
        [
            r#"["9999-12-31T03:00:00"]"#,
            r#"["2024-12-30T23:00:00"]"#,
            "[null]",
            r#"["+290000-12-30T23:00:00"]"#
        ]
    );
    let (reader, _) = read(&folder.join("list_columns.parquet")).unwrap();
    let decoder = RowDecoder::new(Format::Parquet, reader.schema(), &ReadOptions::default());
    let record = decoder.decode(&raws(&folder.join("list_columns.parquet"))[2]).unwrap();
    assert!(record.fields.iter().all(|field| field.list));
    assert_eq!(record.fields[1].entries[1].value, json!(null));
}

#[test]
fn the_same_people_as_parquet_and_as_csv_are_the_same() {
    let Some(folder) = folder("parquet") else { return };
    let cells = |name: &str, format| {
        let (reader, rows) = read(&folder.join(name)).unwrap();
        let decoder = RowDecoder::new(format, reader.schema(), &ReadOptions::default());
        let texts = |row: &Row| {
            let Row::Good { raw, .. } = row else { panic!("{row:?}") };
            let record = decoder.decode(raw).unwrap();
            let text = |field: &crate::record::Field| (field.name.clone(), to_text(&field.entries[0].value));
            record.fields.iter().map(text).collect::<Vec<_>>()
        };
        rows.iter().map(texts).collect::<Vec<_>>()
    };
    let parquet = cells("delta_byte_array.parquet", Format::Parquet);
    assert_eq!(parquet.len(), 1000);
    assert_eq!(parquet, cells("delta_byte_array_expect.csv", Format::Csv));
}
