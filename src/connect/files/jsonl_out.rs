//! Writing JSON Lines: an object a record, keys in column order, values as read. What a record does not have
//! has no key; null, `""` and `[]` stay what they were.

use super::json_text::push_text;
use super::writer::{Chunk, TableFormat};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::record::columns::{Cell, Coding, Column};
use serde_json::Value;

/// The columns of a JSON Lines file.
pub(super) struct JsonlFormat {
    columns: Vec<Column>,
}

impl JsonlFormat {
    /// A file with these columns.
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns }
    }
}

impl TableFormat for JsonlFormat {
    fn encode(&self, records: &[Record]) -> Result<Chunk> {
        let mut text = Vec::new();
        for record in records {
            push_record(&mut text, &self.columns, record)
                .map_err(|cause| Error::input("a record cannot be written as JSON").because(cause))?;
        }
        Ok(Chunk::bytes(text))
    }
}

fn push_record(text: &mut Vec<u8>, columns: &[Column], record: &Record) -> serde_json::Result<()> {
    text.push(b'{');
    let mut first = true;
    for column in columns {
        let cell = column.cell(record);
        if cell == Cell::Absent {
            continue;
        }
        if !first {
            text.push(b',');
        }
        first = false;
        push_text(text, &column.header);
        text.push(b':');
        match cell {
            Cell::Absent => {}
            Cell::One(value) => serde_json::to_writer(&mut *text, &*value)?,
            Cell::Many(values) => match values.as_slice() {
                [single] if column.coding == Coding::Prose && !matches!(**single, Value::Array(_)) => {
                    serde_json::to_writer(&mut *text, &**single)?;
                }
                several => {
                    let several: Vec<&Value> = several.iter().map(|value| &**value).collect();
                    serde_json::to_writer(&mut *text, &several)?;
                }
            },
        }
    }
    text.extend_from_slice(b"}\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Field;
    use crate::record::schema::Kind;
    use serde_json::json;

    #[test]
    fn what_was_read_is_kept() {
        let columns = [
            ("s", Coding::Single),
            ("x", Coding::Single),
            ("l", Coding::List),
            ("p", Coding::Prose),
            ("q", Coding::Prose),
        ];
        let columns: Vec<_> =
            columns.map(|(header, coding)| Column::plain(header, coding, Kind::Text)).into();
        let number: Value = serde_json::from_str("1.50").unwrap();
        let fields = vec![
            Field::single("s", number),
            Field::list("l", vec![json!("one")]),
            Field::single("p", json!("text")),
            Field::list("q", vec![json!("a"), Value::Null]),
        ];
        let mut text = Vec::new();
        push_record(&mut text, &columns, &Record { fields, ..Record::default() }).unwrap();
        let expected = "{\"s\":1.50,\"l\":[\"one\"],\"p\":\"text\",\"q\":[\"a\",null]}\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
