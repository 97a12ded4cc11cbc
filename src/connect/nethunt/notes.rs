//! Comments and call logs on their way to a record (NetHunt facts, section 4, calls 15 and 16; section 7).
//!
//! They are created once and never changed: the service has no call for it, and no way to take one back. So a
//! row of one that exists must say what is there already, and a create in doubt is found again by its content:
//! record, text, and the time and length of a call. The duration is in minutes; the service makes the end.

use super::api::Api;
use super::likeness::Likeness;
use super::send;
use super::stream::Stream;
use super::values::{is_blank, same, typed};
use crate::load::target::{Change, Operation, OperationKind, Planned, RowToPlan, Sent};
use crate::record::schema::Kind;
use crate::record::{Record, canonical, instant, to_text};
use crate::transform::draft::Reject;
use serde_json::{Map, Value, json};

/// The operations for a row: one create, or nothing where it exists as it is.
///
/// # Errors
/// Every reason why it cannot be written.
pub(super) fn plan(stream: Stream, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
    match row.current {
        Some(record) => unchanged(stream, row, record).map(|()| Planned::default()),
        None => create(stream, row),
    }
}

/// Sends a create. Its body names the record, which is no part of what the service takes.
pub(super) fn send(api: &Api, stream: Stream, operation: &Operation) -> Sent {
    let action = match stream {
        Stream::Calls => "create-call-log",
        _ => "create-comment",
    };
    let mut body = operation.body.clone();
    let record = body.as_object_mut().and_then(|body| body.remove("recordId"));
    match (operation.kind, record.as_ref().and_then(Value::as_str)) {
        (OperationKind::Create, Some(record)) => send::note(api, action, record, &body),
        _ => Sent::Refused(format!("NetHunt only creates {}, on a record", stream.plural())),
    }
}

/// Whether a row of the stream is what a create meant.
pub(super) fn holds(operation: &Operation, record: &Record) -> bool {
    let body = &operation.body;
    let stored = |name: &str| record.values(name, "").next().cloned().unwrap_or(Value::Null);
    let text = |name: &str, column: &str| {
        body.get(name).is_some_and(|sent| Likeness::Text.same(sent, &stored(column)))
    };
    text("recordId", "_record")
        && text("text", "text")
        && body.get("time").is_none_or(|sent| seconds(sent) == seconds(&stored("time")))
        && body.get("duration").is_none_or(|sent| same(sent, &stored("duration")))
}

/// What a create sent, as text that is equal for equal contents.
pub(super) fn content(operation: &Operation) -> String {
    let part = |name: &str| operation.body.get(name).map(canonical::value);
    let time = operation.body.get("time").and_then(seconds);
    let text = operation.body.get("text").map(|text| to_text(text).trim().to_owned());
    json!([part("recordId"), text, time, part("duration")]).to_string()
}

/// A time in whole seconds, as the service keeps those of calls (NetHunt facts, section 3).
fn seconds(value: &Value) -> Option<i64> {
    value.as_str().and_then(instant::parse).map(|at| at.as_second())
}

/// A row of something that exists must say what is there; what it leaves out or blank says nothing.
fn unchanged(stream: Stream, row: &RowToPlan<'_>, record: &Record) -> Result<(), Vec<Reject>> {
    let mut rejects = Vec::new();
    for (column, value) in cells(row) {
        let stored = match column {
            "_id" | "_type" | "_updated" => continue,
            "_created" => record.created.clone().map_or(Value::Null, Value::from),
            _ => record.values(column, "").next().cloned().unwrap_or(Value::Null),
        };
        let equal_minutes =
            column == "duration" && minutes(value).is_ok_and(|minutes| same(&minutes, &stored));
        let equal_time = seconds(value).is_some_and(|at| seconds(&stored) == Some(at));
        let kept = Likeness::Text.same(value, &stored) || equal_minutes || equal_time;
        if !kept {
            let reason = format!(
                "{} cannot be changed at NetHunt: it holds `{}`; a blank `_id` makes a new one",
                stream.plural(),
                to_text(&stored)
            );
            rejects.push(refuse(column, Some(value), reason));
        }
    }
    if rejects.is_empty() { Ok(()) } else { Err(rejects) }
}

fn create(stream: Stream, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
    let mut body = Map::new();
    let mut rejects = Vec::new();
    let mut end = None;
    for (column, value) in cells(row) {
        let typed = match column {
            "_record" => Ok(("recordId", Value::from(to_text(value).trim()))),
            "text" => Ok(("text", Value::from(to_text(value)))),
            "time" if stream == Stream::Calls => time(value).map(|time| ("time", time)),
            "duration" if stream == Stream::Calls => minutes(value).map(|minutes| ("duration", minutes)),
            "endTime" if stream == Stream::Calls => {
                end = Some(value);
                continue;
            }
            // What the service fills by itself.
            "_id" | "_created" | "_updated" | "_type" | "_author" => continue,
            _ => Err(format!("NetHunt's {} have no `{column}`", stream.plural())),
        };
        match typed {
            Ok((name, value)) => drop(body.insert(name.to_owned(), value)),
            Err(reason) => rejects.push(refuse(column, Some(value), reason)),
        }
    }
    for (name, column, what) in [("recordId", "_record", "the id of the record"), ("text", "text", "a text")]
    {
        if !body.contains_key(name) && !rejects.iter().any(|reject| reject.field.as_deref() == Some(column)) {
            rejects.push(refuse(column, None, format!("`{column}` is empty: {what} is needed")));
        }
    }
    rejects.extend(end.and_then(|end| contradiction(end, &body)));
    if !rejects.is_empty() {
        return Err(rejects);
    }
    let column = |name: &str| if name == "recordId" { "_record".to_owned() } else { name.to_owned() };
    let change = |(name, value): (&String, &Value)| Change {
        field: column(name),
        before: Vec::new(),
        after: vec![to_text(value)],
    };
    let changes = body.iter().map(change).collect();
    let operation = Operation { kind: OperationKind::Create, body: Value::Object(body), before: Value::Null };
    Ok(Planned { operations: vec![operation], changes, extra: 0 })
}

/// The first value of each column that the row has something in.
fn cells<'a>(row: &RowToPlan<'a>) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let (fields, values) = (row.fields, &row.draft.values);
    fields.iter().zip(values).filter_map(|(field, values)| {
        let value = values.as_ref()?.iter().find(|value| !is_blank(value))?;
        Some((field.place.name.as_str(), value))
    })
}

fn time(value: &Value) -> Result<Value, String> {
    let at = value.as_str().and_then(instant::parse);
    let at = at.ok_or("it is not a time with date; write it as 2026-11-01T08:30:00Z")?;
    Ok(Value::from(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()))
}

fn minutes(value: &Value) -> Result<Value, String> {
    let number = typed(value, Some(Kind::Number), None)?;
    match number.as_f64() {
        Some(minutes) if minutes >= 0.0 => Ok(number),
        _ => Err("a call lasts no less than 0 minutes".to_owned()),
    }
}

/// Why a row's `endTime` is not what the service will make of its time and minutes.
fn contradiction(end: &Value, body: &Map<String, Value>) -> Option<Reject> {
    let refuse = |reason: String| Some(refuse("endTime", Some(end), reason));
    let Some(stated) = end.as_str().and_then(instant::parse) else {
        return refuse("it is not a time with date".to_owned());
    };
    let begun = body.get("time").and_then(Value::as_str).and_then(instant::parse);
    let minutes = body.get("duration").and_then(Value::as_f64);
    let (Some(begun), Some(minutes)) = (begun, minutes) else {
        return refuse(
            "NetHunt makes the end of a call from `time` and `duration` (minutes): give both, or leave it out"
                .to_owned(),
        );
    };
    // A float is exact far beyond the length of any call.
    let made = begun.as_millisecond().saturating_add((minutes * 60_000.0).round() as i64);
    let apart = (stated.as_millisecond() - made).abs();
    if apart < 1_000 {
        return None;
    }
    let made = jiff::Timestamp::from_millisecond(made).map(instant::print).unwrap_or_default();
    refuse(format!("`time` and `duration` (minutes) make the end {made}"))
}

fn refuse(column: &str, value: Option<&Value>, reason: String) -> Reject {
    Reject { field: Some(column.to_owned()), value: value.map(to_text), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Decode;
    use crate::record::census::Census;
    use crate::record::schema::{FieldRef, Modifier};
    use crate::transform::draft::{Draft, OnExtra, TargetField, Write};

    const RECORD: &str = "64b000000000000000000001";

    fn planned(
        stream: Stream,
        cells: &[(&str, &str)],
        current: Option<&Record>,
    ) -> Result<Planned, Vec<Reject>> {
        let field = |(name, _): &(&str, &str)| TargetField {
            place: FieldRef { name: (*name).into(), modifier: Modifier::Named(String::new()), part: None },
            write: Write::Replace,
            multi: None,
            kind: None,
            on_extra: OnExtra::Reject,
        };
        let fields: Vec<_> = cells.iter().map(field).collect();
        let values = cells.iter().map(|(_, value)| (!value.is_empty()).then(|| vec![json!(value)]));
        let draft = Draft { values: values.collect(), ..Draft::default() };
        let (schema, census) = (stream.schema("nethunt:Contacts/calls"), Census::default());
        let row = RowToPlan {
            fields: &fields,
            draft: &draft,
            current,
            schema: &schema,
            census: &census,
            time_zone: "",
        };
        plan(stream, &row)
    }

    fn body(stream: Stream, cells: &[(&str, &str)]) -> Value {
        planned(stream, cells, None).unwrap().operations.remove(0).body
    }

    fn stored() -> Record {
        let raw = format!(
            r#"{{"id":"e1","callLogId":"e1","recordId":"{RECORD}","createdAt":"2023-07-14T09:33:00.120Z",
            "text":"Spoke; long","time":"2023-07-14T09:30:00Z","duration":2.5,"endTime":"2023-07-14T09:32:30Z"}}"#
        );
        Stream::Calls.decode(&raw).unwrap()
    }

    #[test]
    fn a_create_sends_what_the_service_takes() {
        let sent =
            body(Stream::Comments, &[("_id", ""), ("_record", RECORD), ("_author", "x"), ("text", " Hi\n")]);
        assert_eq!(sent, json!({"recordId": RECORD, "text": " Hi\n"}));
        let cells = [
            ("_record", RECORD),
            ("text", "Hi"),
            ("time", "2023-07-14T11:30:00+02:00"),
            ("duration", "2.50"),
            ("endTime", "2023-07-14T09:32:30Z"),
        ];
        let sent = body(Stream::Calls, &cells);
        assert_eq!(sent["time"], "2023-07-14T09:30:00.000Z");
        assert_eq!((sent["duration"].to_string().as_str(), sent.get("endTime")), ("2.50", None));
    }

    #[test]
    fn what_cannot_be_created_says_why() {
        let calls = [
            (vec![("text", "x")], "`_record` is empty: the id of the record is needed"),
            (vec![("_record", "a")], "`text` is empty: a text is needed"),
            (vec![("_record", "a"), ("text", "x"), ("time", "noon")], "it is not a time with date"),
            (
                vec![("_record", "a"), ("text", "x"), ("duration", "long")],
                "it is not a number as JSON writes it",
            ),
            (
                vec![("_record", "a"), ("text", "x"), ("duration", "-1")],
                "a call lasts no less than 0 minutes",
            ),
            (
                vec![("_record", "a"), ("text", "x"), ("endTime", "2023-07-14T09:32:30Z")],
                "NetHunt makes the end of a call from",
            ),
            (
                vec![
                    ("_record", "a"),
                    ("text", "x"),
                    ("time", "2023-07-14T09:30:00Z"),
                    ("duration", "3"),
                    ("endTime", "2023-07-14T09:32:30Z"),
                ],
                "`time` and `duration` (minutes) make the end 2023-07-14T09:33:00Z",
            ),
        ];
        for (cells, reason) in calls {
            let rejects = planned(Stream::Calls, &cells, None).unwrap_err();
            assert!(rejects[0].reason.starts_with(reason), "{rejects:?}");
        }
        assert!(planned(Stream::Comments, &[("_record", "a"), ("text", "x"), ("time", "x")], None).is_err());
    }

    #[test]
    fn a_row_that_exists_may_only_say_what_is_there() {
        let stored = stored();
        let same = [
            ("_id", "e1"),
            ("_record", RECORD),
            ("_created", "2023-07-14T09:33:00.120Z"),
            ("text", "Spoke; long"),
            ("time", "2023-07-14T11:30:00+02:00"),
            ("duration", "2.50"),
            ("endTime", ""),
        ];
        assert_eq!(planned(Stream::Calls, &same, Some(&stored)).unwrap(), Planned::default());
        for edit in [("text", "Spoke"), ("_record", "b"), ("duration", "3"), ("_author", "Ada")] {
            let rejects = planned(Stream::Calls, &[edit], Some(&stored)).unwrap_err();
            assert!(rejects[0].reason.starts_with("call logs cannot be changed at NetHunt"), "{rejects:?}");
        }
    }

    #[test]
    fn a_create_in_doubt_is_found_by_its_content() {
        let cells = [
            ("_record", RECORD),
            ("text", "Spoke; long "),
            ("time", "2023-07-14T09:30:00.900Z"),
            ("duration", "2.50"),
        ];
        let mut operations = planned(Stream::Calls, &cells, None).unwrap().operations;
        let operation = operations.remove(0);
        assert!(holds(&operation, &stored()));
        for (name, other) in [
            ("recordId", json!("b")),
            ("text", json!("x")),
            ("duration", json!(3)),
            ("time", json!("2023-07-14T09:31:00Z")),
        ] {
            let mut different = operation.clone();
            different.body[name] = other;
            assert!(!holds(&different, &stored()), "{name}");
            assert_ne!(content(&different), content(&operation));
        }
        let short = [("_record", RECORD), ("text", "Spoke; long")];
        let operation = planned(Stream::Calls, &short, None).unwrap().operations.remove(0);
        assert!(holds(&operation, &stored()), "the service fills in what was not sent");
    }
}
