//! A row's text as a record: pure, so that rows are decoded on all cores.
//!
//! A cell keeps its JSON type: text of a CSV file, numbers and lists of a typed one. Empty cells are absent
//! fields; JSON Lines alone keeps what was read, null included. Ferry's own columns (`_id`, …) are fields like
//! any other: what they mean is the importing side's business.

use super::{CellRows, Format, ReadOptions, guard};
use crate::error::{Error, Result};
use crate::record::schema::Schema;
use crate::record::{Field, Record, to_text};
use serde_json::{Map, Value};

/// Turns the rows of one file into records.
#[derive(Debug, Clone)]
pub struct RowDecoder {
    /// The file's name, for errors.
    of: String,
    names: Vec<String>,
    objects: bool,
    guarded: bool,
}

impl RowDecoder {
    /// A decoder for rows of a file with this format and these columns, read with these options.
    #[must_use]
    pub fn new(format: Format, schema: &Schema, options: &ReadOptions) -> Self {
        Self {
            of: schema.of.clone(),
            names: schema.fields.iter().map(|field| field.name.clone()).collect(),
            objects: matches!(format, Format::Jsonl | Format::Vcard),
            guarded: options.spreadsheet_safe && format.is_text_table(),
        }
    }

    /// The same for columns that further rows were seen to have.
    #[must_use]
    pub fn with_columns_of(&self, schema: &Schema) -> Self {
        Self { names: schema.fields.iter().map(|field| field.name.clone()).collect(), ..self.clone() }
    }

    /// The record of a row.
    ///
    /// # Errors
    /// When the text was not made by the reader of this file.
    pub fn decode(&self, raw: &str) -> Result<Record> {
        let mut record = Record::default();
        if self.objects {
            let object: Map<String, Value> = self.parse(raw)?;
            record.fields = object.into_iter().map(|(name, value)| field(&name, value)).collect();
            return Ok(record);
        }
        let cells: Vec<Value> = self.parse(raw)?;
        if cells.len() != self.names.len() {
            return Err(self.foreign());
        }
        record.fields.reserve_exact(cells.len());
        for (name, cell) in self.names.iter().zip(cells) {
            match cell {
                Value::Null => {}
                Value::String(text) if text.is_empty() => {}
                Value::String(text) if self.guarded => {
                    record.fields.push(Field::single(name, guard::remove(&text).into()));
                }
                other => record.fields.push(field(name, other)),
            }
        }
        Ok(record)
    }

    /// Whether a row of cells holds nothing in any of them. A JSON object is there because somebody put it there.
    #[must_use]
    pub fn is_blank(&self, raw: &str) -> bool {
        let Some(cells) = raw.strip_prefix('[').and_then(|cells| cells.strip_suffix(']')) else {
            return false;
        };
        !self.objects && cells.split(',').all(|cell| matches!(cell, "\"\"" | "null" | "[]"))
    }

    /// Whether cells are what they read: no guard has to be taken off.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.guarded
    }

    /// The text of a cell, as its record has it; empty where that has nothing.
    #[must_use]
    pub fn text_of<'c>(&self, cells: &'c CellRows, row: usize, column: usize) -> &'c str {
        let text = cells.cell(row, column);
        if self.guarded { guard::remove(text) } else { text }
    }

    /// The record of a row of texts, the same that its JSON gives.
    #[must_use]
    pub fn of_cells(&self, cells: &CellRows, row: usize) -> Record {
        let mut record = Record::default();
        record.fields.reserve_exact(self.names.len());
        for (column, name) in self.names.iter().enumerate() {
            let text = self.text_of(cells, row, column);
            if !text.is_empty() {
                record.fields.push(Field::single(name, text.into()));
            }
        }
        record
    }

    /// The cells of a row as text, in the order of the columns, as they stood in the file; none for a text that
    /// the reader did not make. JSON Lines: the columns of the schema.
    #[must_use]
    pub fn original(&self, raw: &str) -> Vec<String> {
        self.values(raw).iter().map(to_text).collect()
    }

    /// The same with the JSON types that the file has.
    #[must_use]
    pub fn values(&self, raw: &str) -> Vec<Value> {
        if self.objects {
            let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(raw) else { return Vec::new() };
            return self.names.iter().map(|name| object.remove(name).unwrap_or_default()).collect();
        }
        serde_json::from_str(raw).unwrap_or_default()
    }

    /// The row's text with other values in some columns, by their positions; without `raw` a row of these alone.
    ///
    /// # Errors
    /// When the text was not made by the reader of this file.
    pub fn edited(&self, raw: Option<&str>, edits: Vec<(usize, Value)>) -> Result<String> {
        if self.objects {
            let mut object: Map<String, Value> = self.parse(raw.unwrap_or("{}"))?;
            for (at, value) in edits {
                object.insert(self.names[at].clone(), value);
            }
            return Ok(Value::Object(object).to_string());
        }
        let mut cells: Vec<Value> = self.parse(raw.unwrap_or("[]"))?;
        cells.resize(self.names.len(), Value::Null);
        for (at, value) in edits {
            cells[at] = value;
        }
        Ok(Value::Array(cells).to_string())
    }

    fn parse<'a, T: serde::Deserialize<'a>>(&self, raw: &'a str) -> Result<T> {
        serde_json::from_str(raw).map_err(|cause| self.foreign().because(cause))
    }

    fn foreign(&self) -> Error {
        Error::input(format!("a row of `{}` does not fit its columns", self.of))
    }
}

fn field(name: &str, value: Value) -> Field {
    match value {
        Value::Array(items) => Field::list(name, items),
        other => Field::single(name, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::FieldSpec;
    use serde_json::json;

    fn decoder(format: Format, spreadsheet_safe: bool) -> RowDecoder {
        let fields = ["a", "b", "c"].map(|name| FieldSpec { name: name.into(), ..FieldSpec::default() });
        let schema = Schema { of: "a.csv".into(), fields: fields.into(), ..Schema::default() };
        RowDecoder::new(format, &schema, &ReadOptions { spreadsheet_safe, ..ReadOptions::default() })
    }

    #[test]
    fn cells_become_fields_and_empty_ones_do_not() {
        let record = decoder(Format::Csv, false).decode(r#"["007","","'=1"]"#).unwrap();
        assert_eq!(record.fields, [Field::single("a", json!("007")), Field::single("c", json!("'=1"))]);
        let record = decoder(Format::Csv, true).decode(r#"["007","","'=1"]"#).unwrap();
        assert_eq!(record.field("c"), Some(&Field::single("c", json!("=1"))));
        let record = decoder(Format::Parquet, false).decode(r#"[1.50,["x"],null]"#).unwrap();
        assert_eq!(record.fields[1], Field::list("b", vec![json!("x")]));
        assert_eq!(to_text(&record.fields[0].entries[0].value), "1.50");
        assert!(decoder(Format::Csv, false).decode(r#"["too short"]"#).is_err());
    }

    #[test]
    fn json_lines_keep_what_was_read() {
        let raw = r#"{"z":null,"a":"","b":[],"a":"last wins"}"#;
        let record = decoder(Format::Jsonl, false).decode(raw).unwrap();
        assert_eq!(
            record.fields,
            [
                Field::single("z", Value::Null),
                Field::single("a", json!("last wins")),
                Field::list("b", Vec::new())
            ]
        );
        assert_eq!(decoder(Format::Jsonl, false).original(raw), ["last wins", "[]", ""]);
    }

    #[test]
    fn an_edited_row_keeps_what_was_not_edited() {
        let edits = || vec![(1, json!(["y"]))];
        for (format, raw, expected) in [
            (Format::Jsonl, Some(r#"{"z":null,"a":1.50,"b":"x"}"#), r#"{"z":null,"a":1.50,"b":["y"]}"#),
            (Format::Jsonl, None, r#"{"b":["y"]}"#),
            (Format::Parquet, Some(r#"[1.50,"x"]"#), r#"[1.50,["y"],null]"#),
            (Format::Parquet, None, r#"[null,["y"],null]"#),
        ] {
            assert_eq!(decoder(format, false).edited(raw, edits()).unwrap(), expected);
        }
    }

    #[test]
    fn a_row_without_a_single_value_is_blank() {
        let cases = [
            (Format::Csv, r#"["","",""]"#, true),
            (Format::Csv, r#"["","x",""]"#, false),
            (Format::Csv, r#"["","",","]"#, false),
            (Format::Csv, r#"["","\"",""]"#, false),
            (Format::Csv, r#"["","[]",""]"#, false),
            (Format::Parquet, r#"[null,[],""]"#, true),
            (Format::Parquet, r#"[null,[""],""]"#, false),
            (Format::Parquet, r#"[null,null,0]"#, false),
            (Format::Jsonl, "{}", false),
        ];
        for (format, raw, expected) in cases {
            assert_eq!(decoder(format, false).is_blank(raw), expected, "{raw}");
        }
    }

    #[test]
    fn original_cells_are_as_they_stood() {
        assert_eq!(decoder(Format::Csv, true).original(r#"["'=1","","x"]"#), ["'=1", "", "x"]);
        assert_eq!(decoder(Format::Parquet, false).original(r#"[1.50,["x"],null]"#), ["1.50", "[\"x\"]", ""]);
    }
}
