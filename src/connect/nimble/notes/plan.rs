//! What has to be sent so that a note is what a row says. Pure.
//!
//! An update replaces the whole note (facts, section 10), so it carries all of it: contacts, text and preview.

use super::decode::{KIND, contacts, plain};
use crate::connect::nimble::linked;
use crate::connect::nimble::plain_row::{PlainRow, change};
use crate::load::target::{Change, Operation, OperationKind, Planned, RowToPlan, UpdateState};
use crate::record::{Record, to_text};
use crate::transform::draft::Reject;
use serde_json::{Value, json};

/// A note belongs to at most so many contacts (facts, section 10).
const CONTACTS: usize = 10;
/// Characters of a preview; the service gives no length, a public client uses this one.
const PREVIEW: usize = 100;

/// The operations of a row.
pub(super) fn plan(row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
    let mut work = PlainRow::new(row, KIND, &[linked::FIRST, linked::ALL, "text", "preview"]);
    let (now, then) = linked::contacts(&work);
    let text_now = work.now_text("text");
    let text = work.then_text("text").unwrap_or_else(|| text_now.clone());
    let preview_now = work.now_text("preview");
    let given = work.then_text("preview").filter(|given| !given.is_empty() && *given != preview_now);
    let preview = match given {
        Some(given) => given,
        None if text != text_now || preview_now.is_empty() => preview_of(&text),
        None => preview_now.clone(),
    };
    if then.is_empty() {
        work.reject(linked::ALL, &[], "a note belongs to at least one contact: give its id");
    }
    if then.len() > CONTACTS {
        let ids: Vec<Value> = then.iter().cloned().map(Value::String).collect();
        work.reject(linked::ALL, &ids, format!("a note belongs to at most {CONTACTS} contacts"));
    }
    if text.trim().is_empty() {
        work.reject("text", &[], "a note needs a text");
    }
    let mut changes: Vec<Change> = Vec::new();
    if !linked::same(&now, &then) || now.first() != then.first() {
        changes.push(Change { field: linked::ALL.to_owned(), before: now.clone(), after: then.clone() });
    }
    changes.extend(change("text", &text_now, &text));
    let meant = !changes.is_empty();
    changes.extend(change("preview", &preview_now, &preview).filter(|_| meant || !preview_now.is_empty()));
    let mut planned = Planned::default();
    if !changes.is_empty() {
        let body = |ids: &[String], text: &str, preview: &str| json!({"contact_ids": ids, "note": text, "note_preview": preview});
        let (kind, before) = match work.is_update() {
            true => (OperationKind::Update, body(&now, &text_now, &preview_now)),
            false => (OperationKind::Create, Value::Null),
        };
        planned.operations.push(Operation { kind, body: body(&then, &text, &preview), before });
        planned.changes = changes;
    }
    work.settle(planned)
}

/// Whether a note holds what a create sent. The service may have taken it from a contact that is gone.
pub(super) fn holds(operation: &Operation, record: &Record) -> bool {
    let sent = ids(&operation.body);
    let there = ids_of(record);
    text_of(record) == text(&operation.body, "note") && there.iter().all(|id| sent.contains(id))
}

/// The content of a create in canonical form.
pub(super) fn content(operation: &Operation) -> String {
    let mut sent = ids(&operation.body);
    sent.sort();
    json!([sent, text(&operation.body, "note")]).to_string()
}

/// How a note stands to an update.
pub(super) fn update_state(operation: &Operation, record: &Record) -> UpdateState {
    let preview = record.values("preview", "").next().map(to_text).unwrap_or_default();
    let is_as = |what: &Value| {
        linked::same(&ids(what), &ids_of(record))
            && text(what, "note") == text_of(record)
            && text(what, "note_preview") == preview.trim()
    };
    if is_as(&operation.body) {
        UpdateState::AsMeant
    } else if is_as(&operation.before) {
        UpdateState::AsBefore
    } else {
        UpdateState::Otherwise
    }
}

fn ids(body: &Value) -> Vec<String> {
    contacts(body.get("contact_ids")).collect()
}

fn ids_of(record: &Record) -> Vec<String> {
    record.values(linked::ALL, "").map(to_text).collect()
}

fn text(body: &Value, key: &str) -> String {
    plain(body.get(key).map(to_text).unwrap_or_default()).trim().to_owned()
}

fn text_of(record: &Record) -> String {
    record.values("text", "").next().map(to_text).unwrap_or_default().trim().to_owned()
}

/// The beginning of a note as plain text: no HTML, one line.
fn preview_of(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let is_tag = rest[open + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c));
        match rest[open..].find('>') {
            Some(close) if is_tag => {
                bare.push_str(&rest[..open]);
                bare.push(' ');
                rest = &rest[open + close + 1..];
            }
            _ => {
                bare.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    bare.push_str(rest);
    for (entity, meant) in [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
        bare = bare.replace(entity, meant);
    }
    let line = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(PREVIEW).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::decode::{record, schema};
    use super::*;
    use crate::record::census::Census;
    use crate::record::schema::Side;
    use crate::transform::draft::{Draft, OnExtra, TargetField, Write};

    fn planned(current: Option<&Value>, row: &[(&str, Value)]) -> Result<Planned, Vec<String>> {
        let schema = schema();
        let field = |(name, _): &(&str, Value)| TargetField {
            place: schema.resolve(name, Side::To).unwrap(),
            write: Write::Replace,
            multi: None,
            kind: None,
            on_extra: OnExtra::First,
        };
        let fields: Vec<_> = row.iter().map(field).collect();
        let draft = Draft {
            values: row.iter().map(|(_, values)| values.as_array().cloned()).collect(),
            ..Draft::default()
        };
        let current = current.and_then(record);
        let row = RowToPlan {
            fields: &fields,
            draft: &draft,
            current: current.as_ref(),
            schema: &schema,
            census: &Census::default(),
            time_zone: "UTC",
        };
        plan(&row).map_err(|rejects| rejects.into_iter().map(|reject| reject.reason).collect())
    }

    fn note() -> Value {
        json!({"id": "7", "created": "2024-01-01T00:00:00Z", "author_name": "A. User", "note": "Hello",
               "note_preview": "Hello", "contacts": [{"id": "1"}, {"id": "2"}]})
    }

    #[test]
    fn a_note_is_created_with_all_that_is_mandatory() {
        let planned = planned(None, &[("_record", json!(["1"])), ("text", json!(["<p>Hi&nbsp;there</p>"]))]);
        let planned = planned.unwrap();
        let expected =
            json!({"contact_ids": ["1"], "note": "<p>Hi&nbsp;there</p>", "note_preview": "Hi there"});
        assert_eq!(
            (planned.operations[0].kind, &planned.operations[0].body),
            (OperationKind::Create, &expected)
        );
    }

    #[test]
    fn an_update_sends_the_whole_note_and_an_unchanged_row_nothing() {
        let whole = [
            ("_record", json!(["1"])),
            ("_records", json!(["1", "2"])),
            ("_author", json!(["A. User"])),
            ("text", json!(["Hello"])),
            ("preview", json!(["Hello"])),
        ];
        assert_eq!(planned(Some(&note()), &whole).unwrap(), Planned::default());
        let mut edited = whole.clone();
        edited[3].1 = json!(["Good bye"]);
        let update = planned(Some(&note()), &edited).unwrap().operations.remove(0);
        assert_eq!(
            update.body,
            json!({"contact_ids": ["1", "2"], "note": "Good bye", "note_preview": "Good bye"})
        );
        assert_eq!(
            update.before,
            json!({"contact_ids": ["1", "2"], "note": "Hello", "note_preview": "Hello"})
        );
        let mut after = note();
        assert_eq!(update_state(&update, &record(&after).unwrap()), UpdateState::AsBefore);
        after["note"] = json!("Good bye");
        assert_eq!(update_state(&update, &record(&after).unwrap()), UpdateState::Otherwise);
        after["note_preview"] = json!("Good bye");
        assert_eq!(update_state(&update, &record(&after).unwrap()), UpdateState::AsMeant);
        let mut moved = whole;
        moved[0].1 = json!(["3"]);
        let moved = planned(Some(&note()), &moved).unwrap().operations.remove(0);
        assert_eq!(moved.body["contact_ids"], json!(["3", "2"]));
    }

    #[test]
    fn what_a_note_cannot_be_is_rejected() {
        let many: Vec<String> = (0..11).map(|id| id.to_string()).collect();
        let cases: [(&[(&str, Value)], &str); 5] = [
            (&[("text", json!(["x"]))], "a note belongs to at least one contact: give its id"),
            (&[("_record", json!(["1"]))], "a note needs a text"),
            (&[("_records", json!(many)), ("text", json!(["x"]))], "a note belongs to at most 10 contacts"),
            (
                &[("_record", json!(["1"])), ("text", json!(["x"])), ("_author", json!(["me"]))],
                crate::connect::nimble::read_only::REASON,
            ),
            (
                &[("_record", json!(["1"])), ("text", json!(["x"])), ("_type", json!(["person"]))],
                "every record there is a `note`",
            ),
        ];
        for (row, reason) in cases {
            assert_eq!(planned(None, row).unwrap_err(), [reason], "{row:?}");
        }
    }

    #[test]
    fn a_preview_is_short_and_bare() {
        assert_eq!(preview_of("a < b\n and <br/>c &amp; d"), "a < b and c & d");
        assert_eq!(preview_of(&"ä".repeat(300)).chars().count(), PREVIEW);
    }

    #[test]
    fn a_created_note_is_known_by_its_text_and_contacts() {
        let body = json!({"contact_ids": ["2", "1"], "note": "Hello", "note_preview": "Hello"});
        let create = Operation { kind: OperationKind::Create, body, before: Value::Null };
        assert!(holds(&create, &record(&note()).unwrap()));
        let mut other = create.clone();
        other.body["note"] = json!("Hello!");
        assert!(!holds(&other, &record(&note()).unwrap()));
        let mut turned = create.clone();
        turned.body["contact_ids"] = json!(["1", "2"]);
        assert_eq!(content(&create), content(&turned));
    }
}
