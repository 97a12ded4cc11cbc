//! Short lists: the folders of a login, and the fields of a folder with what a look at some records tells of
//! them (NetHunt facts, sections 4 and 7).
//!
//! v1 says what fields are called and nothing else. Type and number of values are inferred from a sample, and
//! the columns say so; a field that no record of the sample fills is of unknown type.

use super::api::{Api, failed, since};
use super::decode::Decoder;
use super::folders::{self, Folder};
use super::proof::EPOCH;
use super::values::{is_date, is_id, is_instant};
use super::wire::FieldEntry;
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::record::census::Census;
use crate::record::schema::{FieldSpec, Kind, Schema};
use crate::record::{Field, RawRecord, Record, escape_name, is_empty, to_text};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Records that are looked at for a folder's fields.
const SAMPLE: usize = 200;

/// A list that the service gives in one answer.
#[derive(Debug)]
pub(super) struct Listing {
    api: Api,
    account: Account,
    /// The folder whose fields are listed; the folders themselves without one.
    folder: Option<String>,
    schema: Arc<Schema>,
}

impl Listing {
    /// All folders.
    pub(super) fn folders(api: Api, account: Account) -> Self {
        let schema = schema("nethunt:folders", &["_id", "name", "readable", "writable"]);
        Self { api, account, folder: None, schema }
    }

    /// The fields of a folder.
    pub(super) fn fields(api: Api, account: Account, folder: &Folder) -> Self {
        let of = format!("nethunt:{}/{}", folder.name, folders::FIELDS);
        let columns = ["name", "inferred_type", "inferred_several", "filled", "of_records", "examples"];
        Self { api, account, folder: Some(folder.id.clone()), schema: schema(&of, &columns) }
    }

    fn folder_rows(&self) -> Result<Vec<Value>> {
        let list = |which| {
            let folders = self.api.list(&["triggers", which], &[]);
            folders.map_err(|failure| failed("list the NetHunt folders", failure))
        };
        let all = folders::unite(list("readable-folder")?, list("writable-folder")?);
        let row = |folder: Folder| json!({"id": folder.id, "name": folder.name, "readable": folder.readable, "writable": folder.writable});
        Ok(all.into_iter().map(row).collect())
    }

    fn field_rows(&self, folder: &str) -> Result<Vec<Value>> {
        let cannot = |failure| failed("list the folder's fields", failure);
        let fields: Vec<FieldEntry> =
            self.api.list(&["triggers", "folder-field", folder], &[]).map_err(cannot)?;
        let (from, limit) = (since(EPOCH), SAMPLE.to_string());
        let query = [("since", from.as_str()), ("limit", limit.as_str())];
        let sample = self.api.list::<Box<RawValue>>(&["triggers", "new-record", folder], &query);
        let sample = sample.map_err(|failure| failed("look at some records", failure))?;
        let mut records: Vec<Record> =
            sample.iter().take(SAMPLE).filter_map(|raw| Decoder.decode(raw.get()).ok()).collect();
        // The service shows records of one instant in any order; the examples are to be the same each time.
        records.sort_by(|one, other| (&one.created, &one.id).cmp(&(&other.created, &other.id)));
        Ok(fields.iter().map(|field| field_row(&field.name, &records)).collect())
    }
}

impl Source for Listing {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        &self.schema.of
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        Ok(Arc::clone(&self.schema))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(Decoded(Arc::clone(&self.schema)))
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        let asked = Selection { limit: None, fields: Vec::new(), per_page: None, ..selection.clone() };
        if asked != Selection::default() {
            return Err(Error::input(format!("`{}` is a short list and cannot be searched", self.schema.of)));
        }
        let mut rows = match &self.folder {
            None => self.folder_rows()?,
            Some(folder) => self.field_rows(folder)?,
        };
        if let Some(limit) = selection.limit {
            rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let mut census = Census::default();
        let decoder = Decoded(Arc::clone(&self.schema));
        let record = |row: Value| {
            let raw = row.to_string();
            decoder.decode(&raw).iter().for_each(|record| census.add(record));
            RawRecord { id: None, kind: None, created: None, updated: None, raw }
        };
        let records = rows.into_iter().map(record).collect();
        staging.page("nethunt list", records, census)?;
        Ok(match (&self.folder, selection.limit) {
            (_, Some(limit)) => Completeness::Unproven(format!("at most {limit} rows of the list")),
            _ => Completeness::Complete,
        })
    }
}

/// Decodes a row of a list: its keys are the columns.
struct Decoded(Arc<Schema>);

impl Decode for Decoded {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        let row: Map<String, Value> =
            serde_json::from_str(raw).map_err(|error| format!("the row cannot be read: {error}"))?;
        let field = |spec: &FieldSpec| match row.get(&spec.name)? {
            Value::Array(items) => Some(Field::list(spec.name.clone(), items.clone())),
            single => Some(Field::single(spec.name.clone(), single.clone())),
        };
        Ok(Record {
            id: row.get("id").map(to_text),
            fields: self.0.fields.iter().filter_map(field).collect(),
            ..Record::default()
        })
    }
}

fn schema(of: &str, columns: &[&str]) -> Arc<Schema> {
    let field = |name: &&str| FieldSpec {
        name: (*name).to_owned(),
        modifiers: vec![String::new()],
        read_only: true,
        several: *name == "examples",
        kind: match *name {
            "readable" | "writable" | "inferred_several" => Kind::Bool,
            "filled" | "of_records" => Kind::Number,
            _ => Kind::Text,
        },
        ..FieldSpec::default()
    };
    Arc::new(Schema { of: of.to_owned(), fields: columns.iter().map(field).collect(), ..Schema::default() })
}

fn field_row(name: &str, records: &[Record]) -> Value {
    let column = escape_name(name);
    let held: Vec<_> = records.iter().filter_map(|record| record.field(&column)).collect();
    let values = |field: &&Field| -> Vec<Value> {
        field.entries.iter().map(|entry| &entry.value).filter(|value| !is_empty(value)).cloned().collect()
    };
    let filled = held.iter().filter(|field| !values(field).is_empty()).count();
    let all: Vec<Value> = held.iter().flat_map(values).collect();
    let mut examples: Vec<String> = Vec::new();
    for text in all.iter().map(|value| to_text(value).chars().take(60).collect()) {
        if examples.len() < 3 && !examples.contains(&text) {
            examples.push(text);
        }
    }
    json!({
        "name": name,
        "inferred_type": inferred_type(&all),
        "inferred_several": held.iter().any(|field| field.list),
        "filled": filled,
        "of_records": records.len(),
        "examples": examples,
    })
}

/// The type that all values have (NetHunt facts, section 7), in the words of a mapping's `type` where it has
/// one.
fn inferred_type(values: &[Value]) -> &'static str {
    let text = |is: fn(&str) -> bool| values.iter().all(|value| value.as_str().is_some_and(is));
    match values {
        [] => "unknown",
        all if all.iter().all(Value::is_number) => "number",
        all if all.iter().all(Value::is_boolean) => "bool",
        all if !all.iter().all(Value::is_string) => "mixed",
        _ if text(is_date) => "date",
        _ if text(is_instant) => "datetime",
        _ if text(is_id) => "link",
        _ if text(is_email) => "email",
        _ => "text",
    }
}

fn is_email(text: &str) -> bool {
    crate::record::canonical::email_address(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_inferred_from_all_values() {
        let id = "64b000000000000000000001";
        let cases = [
            (json!([]), "unknown"),
            (json!([1, 2.5]), "number"),
            (json!([true]), "bool"),
            (json!([1, "x"]), "mixed"),
            (json!(["2023-07-13", "1990-12-10"]), "date"),
            (json!(["2023-07-13", "soon"]), "text"),
            (json!(["2023-02-30"]), "text"),
            (json!(["2023-07-13T13:46:24Z", "2023-07-13T13:46:24.113Z"]), "datetime"),
            (json!([id]), "link"),
            (json!(["Ada <a@b.org>", "<c@d.org>"]), "email"),
            (json!(["GB"]), "text"),
        ];
        for (values, expected) in cases {
            assert_eq!(inferred_type(values.as_array().unwrap()), expected, "{values}");
        }
    }

    #[test]
    fn a_field_says_what_was_inferred_and_from_how_much() {
        let record = |raw: &str| Decoder.decode(raw).unwrap();
        let records = [
            record(r#"{"id":"a","fields":{"Tags":["x","y"],"_odd":1}}"#),
            record(r#"{"id":"b","fields":{"Tags":["x"]}}"#),
            record(r#"{"id":"c","fields":{}}"#),
        ];
        let row = field_row("Tags", &records);
        let expected = json!({"name": "Tags", "inferred_type": "text", "inferred_several": true, "filled": 2,
            "of_records": 3, "examples": ["x", "y"]});
        assert_eq!(row, expected);
        assert_eq!(field_row("_odd", &records)["inferred_type"], "number");
        assert_eq!(field_row("Gone", &records)["inferred_type"], "unknown");
    }
}
