//! Why a row of a sheet whose base is not known must not overwrite its record (design 9.8).
//!
//! Such a row is written as it stands, so everything depends on the time of the last change that it carries: a record
//! that changed later holds what the sheet knows nothing of. Where that time cannot be what the export wrote, nothing
//! tells, and the row is a conflict too. A row that carries none is taken as it is.

use super::{Matching, Materials};
use crate::load::merge::OnConflict;
use crate::record::{Record, instant, is_empty};
use crate::transform::draft::{Draft, TargetField};

/// Why a row must not be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Objection {
    /// The cell that is the reason, as column and text; none where it is the record itself.
    pub(super) cell: Option<(String, String)>,
    /// For people.
    pub(super) reason: String,
}

/// What stands against overwriting a record with a row, if anything does.
pub(super) fn objection(
    materials: &Materials<'_>,
    draft: &Draft,
    record: &Record,
    is_doubtful: bool,
) -> Option<Objection> {
    let Matching { unmapped, on_conflict, .. } = materials.matching;
    if !unmapped || *on_conflict == OnConflict::Sheet {
        return None;
    }
    against(materials.fields, draft, record, is_doubtful)
}

fn against(fields: &[TargetField], draft: &Draft, record: &Record, is_doubtful: bool) -> Option<Objection> {
    let text = draft.seen_updated.as_deref()?;
    let has = |name: &str| {
        let at = fields.iter().position(|field| field.place.name == name);
        let values = at.and_then(|at| draft.values.get(at)?.as_ref());
        values.is_some_and(|values| !values.iter().all(is_empty))
    };
    let column = if has("_updated") { "_updated" } else { "_created" };
    let of_cell = |reason| Some(Objection { cell: Some((column.to_owned(), text.to_owned())), reason });
    if is_doubtful {
        return of_cell(
            "exports hold different content of the record under this very time, so nothing tells which of them the \
             row was made from: import the sheet under the name that its export gave it, or export again and repeat \
             the edit"
                .to_owned(),
        );
    }
    let keep = format!(
        "keep `{column}` as the export wrote it (in a spreadsheet: open that column as text), or export again and \
         repeat the edit"
    );
    let Some(sheet) = instant::parse(text) else {
        return of_cell(format!(
            "`{text}` is no time as exports write it, so nothing tells whether the record has changed since the row \
             was made: {keep}"
        ));
    };
    let service = instant::parse(record.updated.as_deref().or(record.created.as_deref())?)?;
    let shown = instant::print(service);
    if service.as_millisecond() > sheet.as_millisecond() {
        let from = instant::print(sheet);
        let reason = format!(
            "the record was changed at {shown} and the row is from {from}: export again and repeat the edit"
        );
        return Some(Objection { cell: None, reason });
    }
    // A row that a key has found carries the time of whatever record it was made from.
    let is_later = sheet.as_second() > service.as_second() && record.updated.is_some() && has("_id");
    if !is_later {
        return None;
    }
    of_cell(format!("the row is from {text}, and the record was not changed after {shown}: {keep}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::{FieldRef, Modifier};
    use crate::transform::draft::{OnExtra, Write};
    use serde_json::{Value, json};

    fn field(name: &str) -> TargetField {
        let place = FieldRef { name: name.into(), modifier: Modifier::Named(String::new()), part: None };
        TargetField { place, write: Write::Replace, multi: None, kind: None, on_extra: OnExtra::Reject }
    }

    #[test]
    fn only_a_time_that_the_record_may_have_had_lets_a_row_overwrite_it() {
        let fields = ["_id", "_created", "_updated"].map(field);
        let (made, changed) = ("2024-05-01T10:00:00Z", "2024-05-02T10:00:00.250Z");
        let cases = [
            // `_created`, `_updated`, the record's last change; the cell that is named, what is said.
            (made, changed, Some(changed), None, None),
            (made, "2024-05-02T10:00:00Z", Some(changed), None, Some("was changed at")),
            (
                made,
                "2024-05-02T11:00:00+00:00",
                Some(changed),
                Some("_updated"),
                Some("was not changed after"),
            ),
            (made, "2099-01-01T00:00:00Z", None, None, None),
            (made, "02/05/2024 10:00", Some(changed), Some("_updated"), Some("is no time")),
            (made, "2024-05-02", Some(changed), Some("_updated"), Some("is no time")),
            (made, "45414.4167", None, Some("_updated"), Some("is no time")),
            (made, "", Some(changed), None, Some("was changed at")),
            (made, "", None, None, None),
            ("01/05/2024", "", None, Some("_created"), Some("is no time")),
            ("", "", Some(changed), None, None),
        ];
        for (created, updated, service, cell, said) in cases {
            let value = |text: &str| (!text.is_empty()).then(|| vec![json!(text)]);
            let values: Vec<Option<Vec<Value>>> = vec![value("7"), value(created), value(updated)];
            let seen = [updated, created].into_iter().find(|text| !text.is_empty());
            let mut draft = Draft { values, seen_updated: seen.map(str::to_owned), ..Draft::default() };
            let record = Record {
                created: Some(made.to_owned()),
                updated: service.map(str::to_owned),
                ..Record::default()
            };
            let found = against(&fields, &draft, &record, false);
            let case = format!("{created} {updated} {service:?}: {found:?}");
            assert_eq!(found.is_some(), said.is_some(), "{case}");
            let named = found.as_ref().and_then(|found| found.cell.as_ref()).map(|cell| cell.0.as_str());
            assert_eq!(named, cell, "{case}");
            assert!(found.is_none_or(|found| found.reason.contains(said.unwrap_or_default())), "{case}");
            let doubtful = against(&fields, &draft, &record, true);
            assert_eq!(doubtful.is_some(), seen.is_some(), "{case}");
            draft.values[0] = None;
            let keyed = against(&fields, &draft, &record, false);
            assert_eq!(keyed.is_none(), said.is_none_or(|said| said == "was not changed after"), "{case}");
        }
    }
}
