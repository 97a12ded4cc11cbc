//! The streams of a folder: which trigger shows them, by what time they go, what a row of each is made of
//! (NetHunt facts, sections 4 and 6; design section 6). Pure.
//!
//! Rows keep the JSON text they came as. The one exception are changes: a change of several fields is several
//! rows, and each keeps the change with its own field alone.

use super::decode::Decoder;
use super::rows::{self, Row};
use super::wire::User;
use crate::extract::Decode;
use crate::http::Unreadable;
use crate::record::schema::{FieldSpec, Kind, Schema};
use crate::record::{Field, RawRecord, Record, instant};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A stream of a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stream {
    /// Its records, by their creation.
    #[default]
    Records,
    /// Its records, by their last change.
    Updates,
    /// Comments on its records.
    Comments,
    /// Logs of calls.
    Calls,
    /// Files in Google Drive.
    Files,
    /// What was done to its records, one row a field.
    Changes,
}

/// Streams whose rows belong to a record.
pub(super) const CHILDREN: [Stream; 4] = [Stream::Comments, Stream::Calls, Stream::Files, Stream::Changes];

impl Stream {
    /// What follows a folder's name: `comments`; empty for records.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Records | Self::Updates => "",
            Self::Comments => "comments",
            Self::Calls => "calls",
            Self::Files => "files",
            Self::Changes => "changes",
        }
    }

    /// The trigger that shows it (NetHunt facts, section 4, rows 6 to 11).
    pub(super) fn trigger(self) -> &'static str {
        match self {
            Self::Records => "new-record",
            Self::Updates => "updated-record",
            Self::Comments => "new-comment",
            Self::Calls => "new-call-log",
            Self::Files => "new-gdrivefile",
            Self::Changes => "record-change",
        }
    }

    /// Its rows, for people.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Records | Self::Updates => "records",
            Self::Comments => "comments",
            Self::Calls => "call logs",
            Self::Files => "files",
            Self::Changes => "changes",
        }
    }

    /// The notes under which a read of it keeps where its drain ended, and that it was cut.
    pub(super) fn notes(self) -> (&'static str, &'static str) {
        match self {
            Self::Updates => ("nethunt drained updates", "nethunt cut updates"),
            _ => ("nethunt drained", "nethunt cut"),
        }
    }

    /// The columns of a child stream; those that can be written to are not read only.
    pub(super) fn schema(self, of: &str) -> Schema {
        let (columns, written): (&[&str], &[&str]) = match self {
            Self::Records | Self::Updates => (&[], &[]),
            Self::Comments => (&["_id", "_record", "_created", "_author", "text"], &["_record", "text"]),
            Self::Calls => (
                &["_id", "_record", "_created", "_author", "text", "time", "duration", "endTime"],
                &["_record", "text", "time", "duration"],
            ),
            Self::Files => (
                &[
                    "_id",
                    "_record",
                    "_created",
                    "_author",
                    "name",
                    "url",
                    "mimeType",
                    "description",
                    "iconUrl",
                    "googleDriveFileId",
                ],
                &[],
            ),
            Self::Changes => {
                (&["_id", "_record", "_created", "_user", "action", "field", "removed", "added"], &[])
            }
        };
        let fields = columns.iter().map(|name| FieldSpec {
            name: (*name).to_owned(),
            modifiers: vec![String::new()],
            read_only: !written.contains(name),
            several: matches!(*name, "removed" | "added"),
            kind: match *name {
                "duration" => Kind::Number,
                "_created" | "time" | "endTime" => Kind::Timestamp,
                _ => Kind::Text,
            },
            ..FieldSpec::default()
        });
        Schema { of: of.to_owned(), fields: fields.collect(), ..Schema::default() }
    }

    /// The rows of an object in its array. What is sound JSON but no object of the kind is kept as it is:
    /// decoding rejects it later, with the reason.
    pub(super) fn rows(self, raw: &str) -> Result<Vec<Row>, Unreadable> {
        match self {
            Self::Records => Ok(vec![rows::head(raw)?]),
            Self::Updates => {
                let row = rows::head(raw)?;
                Ok(vec![Row { at_ms: row.updated_ms.or(row.at_ms), ..row }])
            }
            _ => child_rows(self, raw),
        }
    }

    /// The same rows with what they hold, where it can be read.
    pub(super) fn decoded(self, raw: &str) -> Result<Vec<(Row, Option<Record>)>, Unreadable> {
        if let (Self::Records, Ok(record)) = (self, Decoder.decode(raw)) {
            let row = rows::row(raw, record.id.clone(), record.created.clone(), record.updated.clone());
            return Ok(vec![(row, Some(record))]);
        }
        let decoded = |row: Row| {
            let record = self.decode(&row.record.raw).ok();
            (row, record)
        };
        Ok(self.rows(raw)?.into_iter().map(decoded).collect())
    }
}

impl Decode for Stream {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        match self {
            Self::Records | Self::Updates => Decoder.decode(raw),
            _ => child(*self, raw),
        }
    }
}

/// What every child row has.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Head {
    id: Option<String>,
    comment_id: Option<String>,
    call_log_id: Option<String>,
    file_id: Option<String>,
    record_id: Option<String>,
    created_at: Option<String>,
    time: Option<String>,
}

impl Head {
    /// The row's own id: `id` is the same everywhere but where it is missing (NetHunt facts, section 3).
    fn key(&self, stream: Stream) -> Option<&str> {
        let own = match stream {
            Stream::Comments => &self.comment_id,
            Stream::Calls => &self.call_log_id,
            Stream::Files => &self.file_id,
            _ => &None,
        };
        own.as_deref().or(self.id.as_deref()).filter(|id| !id.is_empty())
    }

    fn at(&self, stream: Stream) -> Option<&String> {
        if stream == Stream::Changes { self.time.as_ref() } else { self.created_at.as_ref() }
    }
}

fn child_rows(stream: Stream, raw: &str) -> Result<Vec<Row>, Unreadable> {
    let Ok(head) = serde_json::from_str::<Head>(raw) else { return Ok(vec![rows::head(raw)?]) };
    let created = head.at(stream).cloned();
    let at_ms = created.as_deref().and_then(instant::parse).map(|at| at.as_millisecond());
    let row = |id: Option<String>, field: Option<String>, raw: String| Row {
        record: RawRecord { id, kind: None, created: created.clone(), updated: None, raw },
        at_ms,
        updated_ms: None,
        of: head.record_id.clone(),
        field,
    };
    let key = head.key(stream).map(str::to_owned);
    let actions = match stream {
        Stream::Changes => actions(raw),
        _ => None,
    };
    let Some((change, actions)) = actions else { return Ok(vec![row(key, None, raw.to_owned())]) };
    let of_field = |(field, action): (String, Value)| {
        let mut alone = change.clone();
        alone.insert("fieldActions".to_owned(), Value::Object(Map::from_iter([(field.clone(), action)])));
        // Rows are told apart by their ids, and the fields of a change share one.
        let key = key.as_ref().map(|key| format!("{key} {field}"));
        row(key, Some(field), Value::Object(alone).to_string())
    };
    Ok(actions.into_iter().map(of_field).collect())
}

/// A change without its field actions, and these; none where it has none.
fn actions(raw: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut change: Map<String, Value> = serde_json::from_str(raw).ok()?;
    match change.remove("fieldActions")? {
        Value::Object(actions) if !actions.is_empty() => Some((change, actions)),
        _ => None,
    }
}

fn child(stream: Stream, raw: &str) -> Result<Record, String> {
    let unreadable = |error| format!("it cannot be read: {error}");
    let head: Head = serde_json::from_str(raw).map_err(unreadable)?;
    let object: Map<String, Value> = serde_json::from_str(raw).map_err(unreadable)?;
    let missing = || format!("it has no `id`, as {} have", stream.plural());
    let id = head.key(stream).ok_or_else(missing)?.to_owned();
    let mut fields = Vec::with_capacity(8);
    let record = head.record_id.clone().map_or(Value::Null, Value::from);
    fields.push(Field::single("_record", record));
    let user = object.get("user").and_then(|user| User::deserialize(user).ok());
    let author = user.and_then(|user| user.shown()).map_or(Value::Null, Value::from);
    if stream == Stream::Changes {
        fields.push(Field::single("_user", author));
        change_fields(&object, &mut fields);
    } else {
        fields.push(Field::single("_author", author));
        let schema = stream.schema("");
        let own = schema.fields.iter().filter(|field| !field.name.starts_with('_'));
        fields.extend(own.filter_map(|field| {
            let value = object.get(&field.name)?;
            Some(Field::single(field.name.clone(), value.clone()))
        }));
    }
    let created = head.at(stream).cloned();
    Ok(Record { id: Some(id), kind: None, created, updated: None, fields })
}

fn change_fields(change: &Map<String, Value>, fields: &mut Vec<Field>) {
    let action = change.get("recordAction").cloned().unwrap_or(Value::Null);
    fields.push(Field::single("action", action));
    let actions = change.get("fieldActions").and_then(Value::as_object);
    let Some((field, action)) = actions.and_then(|actions| actions.iter().next()) else { return };
    fields.push(Field::single("field", Value::from(field.as_str())));
    for (column, part) in [("removed", "remove"), ("added", "add")] {
        match action.get(part) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) => fields.push(Field::list(column, items.clone())),
            Some(single) => fields.push(Field::single(column, single.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Answers as the reference of the service has them.
    fn fixture(name: &str) -> Vec<String> {
        let path = format!("{}/tests/fixtures/nethunt/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(&text).unwrap();
        rows.iter().map(|row| row.get().to_owned()).collect()
    }

    fn read(stream: Stream) -> Vec<(Row, Record)> {
        let rows =
            fixture(stream.trigger()).iter().flat_map(|raw| stream.rows(raw).unwrap()).collect::<Vec<_>>();
        rows.into_iter().map(|row| (row.clone(), stream.decode(&row.record.raw).unwrap())).collect()
    }

    fn value<'a>(record: &'a Record, name: &'a str) -> Vec<&'a Value> {
        record.values(name, "").collect()
    }

    #[test]
    fn a_comment_and_a_call_belong_to_a_record() {
        let comments = read(Stream::Comments);
        let (row, record) = &comments[0];
        assert_eq!(row.of.as_deref(), Some("64b000000000000000000001"));
        assert_eq!(row.at_ms, Some(1_689_328_800_500));
        assert_eq!(record.id.as_deref(), Some("64b0000000000000000000c1"));
        assert_eq!(value(record, "text"), [&json!("Hi; there,\n\"Ada\"")]);
        assert_eq!(value(record, "_author"), [&Value::Null]);
        let calls = read(Stream::Calls);
        let (_, record) = &calls[0];
        assert_eq!(value(record, "duration"), [&json!(2.5)]);
        assert_eq!(value(record, "time"), [&json!("2023-07-14T09:30:00Z")]);
        assert_eq!(value(record, "endTime"), [&json!("2023-07-14T09:32:30Z")]);
        assert_eq!(record.created.as_deref(), Some("2023-07-14T09:33:00.120Z"));
    }

    #[test]
    fn files_keep_all_that_is_told_of_them() {
        let files = read(Stream::Files);
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].0.at_ms, files[1].0.at_ms, "two files share a millisecond in the reference");
        let (_, record) = &files[0];
        for name in ["name", "url", "mimeType", "description", "iconUrl", "googleDriveFileId"] {
            assert_eq!(value(record, name).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_change_of_several_fields_is_a_row_for_each() {
        let changes = read(Stream::Changes);
        let shown: Vec<_> = changes
            .iter()
            .map(|(row, record)| {
                let text =
                    |name| value(record, name).iter().map(|v| v.to_string()).collect::<Vec<_>>().join("+");
                let id = record.id.as_deref().unwrap();
                format!(
                    "{} {} {} -{} +{}",
                    &id[22..],
                    text("action"),
                    text("field"),
                    text("removed"),
                    text("added")
                ) + if row.field.is_some() { "" } else { "." }
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#"d3 "DELETE"  - +."#,
                r#"d2 "UPDATE" "Name" -"Ada" +"Ada King""#,
                r#"d2 "UPDATE" "Tags" -"x"+"y" +"z""#,
                r#"d1 "CREATE" "Name" - +"Ada""#,
            ]
        );
        assert_eq!(value(&changes[0].1, "_user"), [&json!("Ada Byron <ada@example.org>")]);
        let ids: std::collections::HashSet<_> =
            changes.iter().map(|(row, _)| row.record.id.clone()).collect();
        assert_eq!(ids.len(), 4, "rows of one change are told apart");
    }

    #[test]
    fn what_is_no_such_row_is_kept_and_says_why() {
        for stream in CHILDREN {
            for raw in [r#"{"text":"no id"}"#, r#"{"id":7}"#, r#"{"id":""}"#] {
                let rows = stream.rows(raw).unwrap();
                assert_eq!((rows.len(), rows[0].record.raw.as_str()), (1, raw));
                assert!(stream.decode(raw).is_err(), "{raw}");
            }
            assert!(stream.rows("{\"id\" 1}").is_err());
        }
    }

    #[test]
    fn an_update_goes_by_its_last_change() {
        let rows: Vec<_> = fixture("updated-record")
            .iter()
            .map(|raw| Stream::Updates.rows(raw).unwrap().remove(0))
            .collect();
        assert_eq!(rows[0].record.id.as_deref(), Some("64b000000000000000000001"));
        assert_eq!(rows[0].at_ms, Some(1_689_328_800_500));
        assert_eq!(rows[1].at_ms, Some(1_689_255_984_113), "a record that was never updated");
    }
}
