//! Whatever is written is read back the same, in every format and compression.

use super::*;
use crate::record::columns::{Coding, Column};
use crate::record::schema::Kind;
use crate::record::{Field, Record, list_cell};
use proptest::prelude::*;
use serde_json::{Value, json};

const FORMATS: [Format; 4] = [Format::Csv, Format::Tsv, Format::Jsonl, Format::Parquet];
const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

fn columns(headers: &[(&str, Coding, Kind)]) -> Vec<Column> {
    headers.iter().map(|(header, coding, kind)| Column::plain(*header, *coding, *kind)).collect()
}

/// Writes records in chunks of two and reads them back; lists of CSV cells are split as a target would.
fn there_and_back(
    format: Format,
    compression: Compression,
    columns: &[Column],
    records: &[Record],
    safe: bool,
) -> Vec<Record> {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = FileEndpoint { path: folder.path().join("people.any"), format, compression };
    let options = WriteOptions { spreadsheet_safe: safe, ..WriteOptions::default() };
    let mut writer = TableWriter::create(&endpoint, columns.to_vec(), &options).unwrap();
    for batch in records.chunks(2) {
        let chunk = writer.format().encode(batch).unwrap();
        writer.append(chunk).unwrap();
    }
    let bytes = writer.finish().unwrap();
    assert_eq!(bytes, std::fs::metadata(&endpoint.path).unwrap().len());
    let options = ReadOptions { spreadsheet_safe: safe, ..ReadOptions::default() };
    let mut reader = open(&endpoint, &options).unwrap();
    if format != Format::Jsonl {
        let names: Vec<_> = reader.schema().fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, columns.iter().map(|column| column.header.as_str()).collect::<Vec<_>>());
    }
    let decoder = RowDecoder::new(format, reader.schema(), &options);
    let mut found = Vec::new();
    loop {
        let rows = reader.next_rows(3).unwrap();
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let Row::Good { raw, .. } = row else { panic!("{row:?}") };
            let mut record = decoder.decode(&raw).unwrap();
            if matches!(format, Format::Csv | Format::Tsv) {
                split_lists(&mut record, columns);
            }
            found.push(record);
        }
    }
    found
}

fn split_lists(record: &mut Record, columns: &[Column]) {
    for field in &mut record.fields {
        let Some(column) = columns.iter().find(|column| column.header == field.name) else { continue };
        let text = field.entries[0].value.as_str().unwrap().to_owned();
        let items = match column.coding {
            Coding::Single => continue,
            Coding::List => list_cell::split(&text, ';'),
            Coding::Prose => list_cell::split_prose(&text),
        };
        *field = Field::list(&field.name, items.into_iter().map(Value::from).collect());
    }
}

/// What must be the same: names, and values as text, without what is empty.
fn essence(records: &[Record]) -> Vec<Vec<(String, Vec<String>)>> {
    let filled = |field: &&Field| !field.entries.iter().all(|entry| crate::record::is_empty(&entry.value));
    let field = |field: &Field| {
        let values = field.entries.iter().map(|entry| crate::record::to_text(&entry.value));
        (field.name.clone(), values.collect())
    };
    records.iter().map(|record| record.fields.iter().filter(filled).map(field).collect()).collect()
}

/// Texts that have brought down readers of files before.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,6}",
        "[,;\t|\"'\n\r =+@\\[\\]a\u{0}-]{0,6}",
        Just("\u{feff}x".to_owned()),
        Just("sep=;".to_owned()),
        Just("007".to_owned()),
        Just("\u{4e2d}\u{6587}".to_owned()),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let list = || proptest::collection::vec(text(), 0..4);
    (text(), list(), list()).prop_map(|(single, list, prose)| {
        let values = |items: Vec<String>| items.into_iter().map(Value::from).collect::<Vec<_>>();
        let fields = vec![
            Field::single("name", single.into()),
            Field::list("tags, all", values(list)),
            Field::list("notes", values(prose)),
        ];
        Record { fields, ..Record::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_record_comes_back(
        records in proptest::collection::vec(record(), 0..5),
        safe: bool,
        format in proptest::sample::select(&FORMATS),
        compression in proptest::sample::select(&COMPRESSIONS),
    ) {
        let columns = columns(&[
            ("name", Coding::Single, Kind::Text),
            ("tags, all", Coding::List, Kind::Text),
            ("notes", Coding::Prose, Kind::Text),
        ]);
        let found = there_and_back(format, compression, &columns, &records, safe);
        prop_assert_eq!(essence(&found), essence(&records));
    }

    #[test]
    fn every_single_column_comes_back_row_by_row(
        texts in proptest::collection::vec(text(), 0..5),
        header in text().prop_filter("blank headers are named", |header| !header.trim().is_empty()),
        format in proptest::sample::select(&FORMATS[..2]),
        safe: bool,
    ) {
        let columns = columns(&[(&header, Coding::Single, Kind::Text)]);
        let records: Vec<_> = texts.into_iter().map(|text| {
            Record { fields: vec![Field::single(&header, text.into())], ..Record::default() }
        }).collect();
        let found = there_and_back(format, Compression::None, &columns, &records, safe);
        prop_assert_eq!(essence(&found), essence(&records));
    }
}

#[test]
fn types_come_back_in_files_that_have_types() {
    let columns = columns(&[
        ("n", Coding::Single, Kind::Number),
        ("b", Coding::Single, Kind::Bool),
        ("t", Coding::Single, Kind::Timestamp),
        ("empty", Coding::Single, Kind::Text),
    ]);
    let fields = vec![
        Field::single("n", json!(12.5)),
        Field::single("b", json!(false)),
        Field::single("t", json!("2023-07-13T13:46:24.113Z")),
    ];
    let records = [Record { fields, ..Record::default() }, Record::default()];
    for compression in COMPRESSIONS {
        let found = there_and_back(Format::Parquet, compression, &columns, &records, false);
        assert_eq!(found, records);
        let found = there_and_back(Format::Jsonl, compression, &columns, &records, false);
        assert_eq!(found, records);
    }
}

#[test]
fn a_long_parquet_file_has_several_row_groups_and_every_row() {
    let columns = columns(&[("n", Coding::Single, Kind::Number)]);
    let number = |n: u32| Record { fields: vec![Field::single("n", json!(n))], ..Record::default() };
    let records: Vec<_> = (0..100_500).map(number).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.parquet");
    let endpoint = FileEndpoint { path, format: Format::Parquet, compression: Compression::None };
    let mut writer = TableWriter::create(&endpoint, columns, &WriteOptions::default()).unwrap();
    for batch in records.chunks(9_000) {
        let chunk = writer.format().encode(batch).unwrap();
        writer.append(chunk).unwrap();
    }
    writer.finish().unwrap();
    let rows = open(&endpoint, &ReadOptions::default()).unwrap().next_rows(200_000).unwrap();
    assert_eq!(rows.len(), records.len());
    assert_eq!(rows[100_499], Row::Good { row: 100_500, line: 100_500, raw: "[100499]".into() });
}

#[test]
fn a_damaged_parquet_file_is_an_error_or_other_data_but_no_crash() {
    let columns = columns(&[("a", Coding::Single, Kind::Text), ("l", Coding::List, Kind::Text)]);
    let fields = vec![Field::single("a", json!("x")), Field::list("l", vec![json!("y"), json!("z")])];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let endpoint = FileEndpoint { path, format: Format::Parquet, compression: Compression::None };
    let mut writer = TableWriter::create(&endpoint, columns, &WriteOptions::default()).unwrap();
    let chunk = writer.format().encode(&[Record { fields, ..Record::default() }]).unwrap();
    writer.append(chunk).unwrap();
    writer.finish().unwrap();
    let whole = std::fs::read(&endpoint.path).unwrap();
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        std::fs::write(&endpoint.path, damaged).unwrap();
        let read = open(&endpoint, &ReadOptions::default()).and_then(|mut reader| reader.next_rows(9));
        refused += usize::from(read.is_err());
    }
    assert!(refused > whole.len() / 10);
}

#[test]
fn a_packed_file_that_breaks_off_is_wrong_input() {
    let folder = tempfile::tempdir().unwrap();
    for (compression, format) in [
        (Compression::Gzip, Format::Csv),
        (Compression::Zstd, Format::Jsonl),
        (Compression::Gzip, Format::Parquet),
    ] {
        let endpoint = FileEndpoint { path: folder.path().join("a.any"), format, compression };
        let columns = columns(&[("a", Coding::Single, Kind::Text)]);
        let writer = TableWriter::create(&endpoint, columns, &WriteOptions::default()).unwrap();
        writer.finish().unwrap();
        let whole = std::fs::read(&endpoint.path).unwrap();
        std::fs::write(&endpoint.path, &whole[..whole.len() - 3]).unwrap();
        let error = open(&endpoint, &ReadOptions::default()).err();
        if let Some(error) = &error {
            assert_eq!(error.class(), crate::error::Class::Input, "{error}");
        }
        assert!(error.is_some(), "{format:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_bytes_bring_a_reader_down(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            proptest::collection::vec(proptest::sample::select(&b"a,;\"\n\r\0\xE9\xFF\xFE{}[]:1"[..]), 0..64),
        ],
        format in proptest::sample::select(&FORMATS),
        compression in proptest::sample::select(&COMPRESSIONS),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any");
        std::fs::write(&path, bytes).unwrap();
        let endpoint = FileEndpoint { path, format, compression };
        let rows = open(&endpoint, &ReadOptions::default()).and_then(|mut reader| {
            let decoder = RowDecoder::new(format, reader.schema(), &ReadOptions::default());
            Ok((decoder, reader.next_rows(1_000)?))
        });
        let Ok((decoder, rows)) = rows else { return Ok(()) };
        for row in rows {
            if let Row::Good { raw, .. } = row {
                decoder.decode(&raw).unwrap();
            }
        }
    }
}
