//! Columns that the service fills: an unchanged one is ignored, an edited one rejects its row (design
//! section 6). A record that is made anew from a row of an export, like the copy of one that was deleted, gets them
//! from the service.
//!
//! Without the version that a sheet was made from, an edit cannot be told from what the service did since.
//! So a difference is taken for the service's own where it can only have been: the record has changed since the
//! sheet was made, its last contact is later now, or it has got further children. A column that was edited to
//! look like an older state is then not noticed.

use super::values::filled;
use crate::load::target::RowToPlan;
use crate::record::schema::{FieldRef, Modifier};
use crate::record::{Record, canonical, instant};
use serde_json::Value;

/// Why such a value is refused.
pub(super) const REASON: &str = "the service fills this field, it cannot be written: leave it as it was, empty it or leave out its column";

/// Whether the row has an edit of what the service fills.
pub(super) fn is_edited(row: &RowToPlan<'_>, place: &FieldRef, new: &[Value]) -> bool {
    let new = filled(new);
    let Some(current) = row.current else {
        // A new record gets these from the service; an id is the caller's matter. A row that was exported says what
        // another record had, which is no wish.
        let exported = row.draft.seen_updated.as_ref().is_some_and(|time| !time.trim().is_empty());
        return !exported && !new.is_empty() && !matches!(place.name.as_str(), "_id" | "_created");
    };
    let (now, new) = (settled(&now(current, place)), settled(&new));
    if now == new {
        return false;
    }
    if row.draft.based {
        // What is left of such a row was edited; a value that was taken out asks for nothing.
        return !new.is_empty();
    }
    match place.name.as_str() {
        "_id" | "_created" => true,
        _ if is_older(row.draft.seen_updated.as_deref(), current) => false,
        "_last_contacted" => !came_later(&now, &new),
        "_children" => !new.iter().all(|child| now.contains(child)),
        _ => true,
    }
}

/// Whether the sheet was made before the record's last change.
fn is_older(sheet: Option<&str>, current: &Record) -> bool {
    let changed = current.updated.as_deref().and_then(instant::parse);
    let sheet = sheet.and_then(instant::parse);
    matches!((sheet, changed), (Some(sheet), Some(changed)) if sheet.as_millisecond() < changed.as_millisecond())
}

fn came_later(now: &[String], sheet: &[String]) -> bool {
    let ms = |texts: &[String]| texts.first().and_then(|text| text.parse::<i64>().ok());
    matches!((ms(sheet), ms(now)), (Some(sheet), Some(now)) if sheet < now)
}

fn now(current: &Record, place: &FieldRef) -> Vec<Value> {
    let head = |text: &Option<String>| text.iter().cloned().map(Value::String).collect::<Vec<_>>();
    match (place.name.as_str(), &place.modifier) {
        ("_id", _) => head(&current.id),
        ("_type", _) => head(&current.kind),
        ("_created", _) => head(&current.created),
        (name, Modifier::Named(modifier)) => current.values(name, modifier).cloned().collect(),
        (name, _) => {
            current.field(name).into_iter().flat_map(|f| &f.entries).map(|e| e.value.clone()).collect()
        }
    }
}

/// Values as they are compared, sorted: times to the millisecond, which is what typed files keep.
fn settled(values: &[Value]) -> Vec<String> {
    let text = |value: &Value| match value.as_str().filter(|text| text.contains(':')).and_then(instant::parse)
    {
        Some(time) => time.as_millisecond().to_string(),
        None => canonical::value(value),
    };
    let mut texts: Vec<_> = filled(values).iter().map(text).collect();
    texts.sort();
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Field;
    use crate::record::census::Census;
    use crate::record::schema::Schema;
    use crate::transform::draft::Draft;
    use serde_json::json;

    #[test]
    fn what_the_service_did_since_is_no_edit() {
        let current = Record {
            id: Some("1".into()),
            updated: Some("2024-05-02T10:00:00Z".into()),
            fields: vec![
                Field::single("_last_contacted", json!("2024-05-03T00:00:00Z")),
                Field::list("_children", vec![json!("a"), json!("b")]),
                Field::single("_owner", json!("50")),
                Field::single("source", json!("m")),
            ],
            ..Record::default()
        };
        let (same, earlier) = (Some("2024-05-02T10:00:00Z"), Some("2024-05-01T10:00:00Z"));
        let cases: [(&str, Value, Option<&str>, bool); 11] = [
            ("_last_contacted", json!(["2024-05-03T00:00:00+00:00"]), same, false),
            ("_last_contacted", json!(["2024-04-01T00:00:00Z"]), same, false),
            ("_last_contacted", json!(["2024-06-01T00:00:00Z"]), same, true),
            ("_children", json!(["b"]), same, false),
            ("_children", json!(["b", "c"]), same, true),
            ("_owner", json!(["51"]), same, true),
            ("_owner", json!(["51"]), earlier, false),
            ("_owner", json!(["51"]), None, true),
            ("_id", json!(["2"]), earlier, true),
            ("source", json!([""]), same, true),
            ("source", json!(["x"]), same, true),
        ];
        for (name, new, seen, expected) in cases {
            let draft = Draft { seen_updated: seen.map(str::to_owned), ..Draft::default() };
            let row = RowToPlan {
                fields: &[],
                draft: &draft,
                current: Some(&current),
                schema: &Schema::default(),
                census: &Census::default(),
                time_zone: "UTC",
            };
            let place = FieldRef { name: name.into(), modifier: Modifier::Named(String::new()), part: None };
            let new = new.as_array().cloned().unwrap_or_default();
            assert_eq!(is_edited(&row, &place, &new), expected, "{name} {new:?} {seen:?}");
            let created = RowToPlan { current: None, ..row };
            let refused = name != "_id" && seen.is_none() && !filled(&new).is_empty();
            assert_eq!(is_edited(&created, &place, &new), refused, "{name}");
        }
    }
}
