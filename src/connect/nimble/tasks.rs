//! The stream `nimble:tasks`: tasks are created and, since the service lists none, never read, matched or
//! changed. A create whose answer was lost stays in doubt: nothing can tell whether it was done.

use super::api::{Api, Query};
use super::linked;
use super::notes::created;
use super::plain_row::{PlainRow, change};
use super::send::not_done;
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::http::Failure;
use crate::load::target::{
    Candidate, Change, Operation, OperationKind, Ours, Planned, ReadMark, RowToPlan, Sent, Target,
    UpdateState,
};
use crate::record::schema::{FieldRef, FieldSpec, Schema};
use crate::record::{RawRecord, Record, instant};
use crate::transform::draft::Reject;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The stream as people write it.
const TASKS: &str = "nimble:tasks";
/// Shortest and longest subject in characters (facts, section 13).
const SUBJECT: std::ops::RangeInclusive<usize> = 2..=128;

/// The tasks of an account.
#[derive(Debug)]
pub(super) struct Tasks {
    api: Api,
    account: Account,
    schema: Arc<Schema>,
    /// The service knows `/tasks` and not `/activities/task`.
    is_newer: AtomicBool,
}

/// Tasks are never decoded.
struct NoTask;

impl Tasks {
    pub(super) fn new(api: Api, account: Account) -> Self {
        Self { api, account, schema: Arc::new(schema()), is_newer: AtomicBool::new(false) }
    }

    fn create(&self, body: &Value) -> Result<crate::http::Answer, Failure> {
        if !self.is_newer.load(Ordering::Relaxed) {
            match self.api.write("POST", "/activities/task", &Query::default(), body) {
                Err(Failure::Refused { status: 404 | 405 | 410, .. }) => {}
                answer => return answer,
            }
        }
        let answer = self.api.write("POST", "/tasks", &Query::default(), &newer(body));
        if answer.is_ok() {
            self.is_newer.store(true, Ordering::Relaxed);
        }
        answer
    }
}

/// The fields of a task.
pub(super) fn schema() -> Schema {
    let field = |name: &str, several: bool| FieldSpec {
        name: name.to_owned(),
        modifiers: vec![String::new()],
        several,
        ..FieldSpec::default()
    };
    let fields = vec![
        field(linked::FIRST, false),
        field(linked::ALL, true),
        field("subject", false),
        field("notes", false),
        field("due_date", false),
    ];
    Schema { of: TASKS.to_owned(), has_head: true, fields, ..Schema::default() }
}

/// The same task for the newer call, which refuses `related_to` (facts, section 13).
fn newer(body: &Value) -> Value {
    let mut task = body.as_object().cloned().unwrap_or_default();
    if let Some(contacts) = task.remove("related_to") {
        task.insert("related".to_owned(), json!({"contacts": contacts}));
    }
    Value::Object(task)
}

fn plan(row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
    let mut work = PlainRow::new(row, "task", &[linked::FIRST, linked::ALL, "subject", "notes", "due_date"]);
    let (_, contacts) = linked::contacts(&work);
    let subject = work.then_text("subject").unwrap_or_default();
    let notes = work.then_text("notes").unwrap_or_default();
    let due = work.then_text("due_date").unwrap_or_default();
    if !SUBJECT.contains(&subject.chars().count()) {
        let (from, to) = (SUBJECT.start(), SUBJECT.end());
        let reason = format!("a task needs a subject of {from} to {to} characters");
        work.reject("subject", &[Value::from(subject.as_str())], reason);
    }
    let due = match due_date(&due) {
        Some(due) => due,
        None => {
            let reason = "no date and time: write it as `2026-05-01T09:30:00` or `2026-05-01`";
            work.reject("due_date", &[Value::from(due)], reason);
            String::new()
        }
    };
    let mut body = Map::from_iter([("subject".to_owned(), Value::from(subject.as_str()))]);
    let own = [("notes", &notes), ("due_date", &due)];
    for (key, text) in own.into_iter().filter(|(_, text)| !text.is_empty()) {
        body.insert(key.to_owned(), Value::from(text.as_str()));
    }
    let mut changes: Vec<Change> = Vec::new();
    if !contacts.is_empty() {
        body.insert("related_to".to_owned(), json!(contacts));
        changes.push(Change { field: linked::ALL.to_owned(), before: Vec::new(), after: contacts });
    }
    let texts = [("subject", &subject), ("notes", &notes), ("due_date", &due)];
    changes.extend(texts.into_iter().filter_map(|(name, text)| change(name, "", text)));
    let create = Operation { kind: OperationKind::Create, body: Value::Object(body), before: Value::Null };
    work.settle(Planned { operations: vec![create], changes, extra: 0 })
}

/// A due date as the service takes it, `YYYY-MM-DDTHH:MM:SS` in UTC; empty for none, `None` for what is no date.
/// A date alone is its midnight.
fn due_date(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return Some(String::new());
    }
    let has_zone = text.len() > 10 && (text.ends_with(['Z', 'z']) || text[10..].contains(['+', '-']));
    let at: DateTime = if has_zone {
        Offset::UTC.to_datetime(instant::parse(text)?)
    } else {
        text.parse().ok().or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)))?
    };
    Some(at.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

fn unlisted() -> Error {
    Error::input(format!("`{TASKS}` can be written to, but not read: Nimble lists no tasks"))
        .hint("tasks can be imported with `ferry import FILE nimble:tasks --mode create`")
}

impl Decode for NoTask {
    fn decode(&self, _raw: &str) -> Result<Record, String> {
        Err("Nimble lists no tasks".to_owned())
    }
}

impl Source for Tasks {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        TASKS
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        Ok(Arc::clone(&self.schema))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(NoTask)
    }

    fn extract(&self, _selection: &Selection, _staging: &mut Staging) -> Result<Completeness> {
        Err(unlisted())
    }
}

impl Target for Tasks {
    fn account(&self) -> &Account {
        &self.account
    }

    fn source(&self) -> &dyn Source {
        self
    }

    fn lists(&self) -> bool {
        false
    }

    fn updates(&self) -> bool {
        false
    }

    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        plan(row)
    }

    fn send(&self, operation: &Operation, _id: Option<&str>) -> Sent {
        if operation.kind != OperationKind::Create {
            return Sent::Refused("a task can be created, nothing else".to_owned());
        }
        match self.create(&operation.body) {
            Ok(answer) => created(&answer),
            Err(failure) => not_done("cannot create tasks in Nimble", failure),
        }
    }

    fn read(&self, _ids: &[String]) -> Result<Vec<RawRecord>> {
        Err(unlisted())
    }

    fn created_since(&self, _mark: &ReadMark, _ours: Ours<'_>) -> Result<Vec<Candidate>> {
        Err(unlisted())
    }

    fn look_up(&self, _place: &FieldRef, _value: &Value) -> Result<Vec<RawRecord>> {
        Err(unlisted())
    }

    fn holds(&self, _operation: &Operation, _record: &Record) -> bool {
        false
    }

    fn content(&self, operation: &Operation) -> String {
        operation.body.to_string()
    }

    fn update_state(&self, _operation: &Operation, _record: &Record) -> UpdateState {
        UpdateState::Otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::census::Census;
    use crate::record::schema::Side;
    use crate::transform::draft::{Draft, OnExtra, TargetField, Write};

    fn planned(row: &[(&str, Value)]) -> Result<Value, Vec<String>> {
        let schema = schema();
        let field = |(name, _): &(&str, Value)| TargetField {
            place: schema.resolve(name, Side::To).unwrap(),
            write: Write::Replace,
            multi: None,
            kind: None,
            on_extra: OnExtra::First,
        };
        let fields: Vec<_> = row.iter().map(field).collect();
        let values = row.iter().map(|(_, values)| values.as_array().cloned()).collect();
        let draft = Draft { values, ..Draft::default() };
        let (census, current) = (Census::default(), None);
        let row = RowToPlan {
            fields: &fields,
            draft: &draft,
            current,
            schema: &schema,
            census: &census,
            time_zone: "UTC",
        };
        let planned = plan(&row).map_err(|rejects| rejects.into_iter().map(|reject| reject.reason).collect());
        planned.map(|mut planned| planned.operations.remove(0).body)
    }

    #[test]
    fn due_dates_are_read_in_the_shapes_that_sheets_have() {
        let cases = [
            ("2026-05-01T09:30:00", Some("2026-05-01T09:30:00")),
            ("2026-05-01 09:30", Some("2026-05-01T09:30:00")),
            ("2026-05-01", Some("2026-05-01T00:00:00")),
            ("2026-05-01T09:30:00+02:00", Some("2026-05-01T07:30:00")),
            ("2026-05-01T09:30:00Z", Some("2026-05-01T09:30:00")),
            ("", Some("")),
            ("01.05.2026", None),
            ("2026-02-30", None),
        ];
        for (written, expected) in cases {
            assert_eq!(due_date(written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn a_task_is_created_for_either_era() {
        let body = planned(&[
            ("subject", json!(["Call"])),
            ("due_date", json!(["2026-05-01"])),
            ("_records", json!(["1", "2"])),
            ("notes", json!([])),
        ]);
        let body = body.unwrap();
        let expected =
            json!({"subject": "Call", "due_date": "2026-05-01T00:00:00", "related_to": ["1", "2"]});
        assert_eq!(body, expected);
        let expected = json!({"subject": "Call", "due_date": "2026-05-01T00:00:00", "related": {"contacts": ["1", "2"]}});
        assert_eq!(newer(&body), expected);
    }

    #[test]
    fn a_subject_that_the_service_would_refuse_is_rejected() {
        let reason = "a task needs a subject of 2 to 128 characters";
        for subject in [json!([]), json!(["x"]), json!(["ä".repeat(129)])] {
            assert_eq!(planned(&[("subject", subject)]).unwrap_err(), [reason]);
        }
        assert!(planned(&[("subject", json!(["ä".repeat(128)]))]).is_ok());
        assert!(planned(&[("subject", json!(["Call"])), ("due_date", json!(["soon"]))]).is_err());
    }
}
