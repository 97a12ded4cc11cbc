//! A plan row by row, for scripts and spreadsheets: what is done with each, why, and what became of it (design
//! section 4). In pages of two ordered streams, the load's rows and the rows that never came so far.

use super::rejects::Rejects;
use crate::error::{Error, Result};
use crate::load::journal::{Journal, Outcome, changes};
use crate::load::target::Change;
use rusqlite::params;
use serde::Serialize;
use std::io::Write;

/// Rows fetched at a time.
const PAGE: usize = 512;

/// What a row of the source comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanRow {
    /// The source row.
    pub row: u64,
    /// `create`, `update`, `delete`, or why nothing is sent: `unchanged`, `skipped`, `rejected`, `conflict`.
    pub action: String,
    /// What became of it; none before it was its turn.
    pub outcome: Option<String>,
    /// The record, where there is one.
    pub id: Option<String>,
    /// The key of a record to be made.
    pub key: Option<String>,
    /// Requests that it takes.
    pub requests: u64,
    /// Field by field.
    pub changes: Vec<Change>,
    /// The field in question.
    pub field: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Headers of the flat form, a line for each difference.
const FLAT: [&str; 11] =
    ["row", "action", "outcome", "id", "key", "requests", "field", "before", "after", "value", "reason"];

/// The words that a row's action may be.
pub const ACTIONS: [&str; 7] = ["create", "update", "delete", "unchanged", "skipped", "rejected", "conflict"];

/// Hands every row over whose action is among `wanted`, in row order; all of them where that is empty.
///
/// # Errors
/// When the checkpoint cannot be used, or what `take` says.
pub fn plan_rows(
    journal: &Journal,
    rejects: &mut Rejects,
    wanted: &[String],
    take: &mut dyn FnMut(&PlanRow) -> Result<()>,
) -> Result<()> {
    let mut take = |row: &PlanRow| match wanted.is_empty() || wanted.contains(&row.action) {
        true => take(row),
        false => Ok(()),
    };
    let mut broken = Broken { rejects, page: Vec::new().into_iter().peekable(), after: (0, String::new()) };
    let mut after = 0;
    loop {
        let page = loaded_after(journal, after)?;
        let Some(last) = page.last() else { break };
        after = last.row;
        for row in page {
            while let Some(earlier) = broken.next_before(row.row)? {
                take(&earlier)?;
            }
            take(&row)?;
        }
    }
    while let Some(rest) = broken.next_before(u64::MAX)? {
        take(&rest)?;
    }
    Ok(())
}

/// Rows in their flat form: CSV with a header, a line for each difference.
pub struct Flat<W: Write>(csv::Writer<W>);

impl<W: Write> Flat<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(out: W) -> Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(FLAT).map_err(unwritten)?;
        Ok(Self(writer))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, row: &PlanRow) -> Result<()> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let head = [
            row.row.to_string(),
            row.action.clone(),
            text(&row.outcome),
            text(&row.id),
            text(&row.key),
            row.requests.to_string(),
        ];
        let tail = [text(&row.value), text(&row.reason)];
        let line = |writer: &mut csv::Writer<W>, middle: [String; 3]| {
            writer.write_record(head.iter().chain(&middle).chain(&tail)).map_err(unwritten)
        };
        if row.changes.is_empty() {
            return line(&mut self.0, [text(&row.field), String::new(), String::new()]);
        }
        row.changes.iter().try_for_each(|change| {
            line(&mut self.0, [change.field.clone(), change.before.join("; "), change.after.join("; ")])
        })
    }

    /// Writes what is still in hand.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.0.flush().map_err(|cause| unwritten(cause.into()))
    }
}

fn unwritten(cause: csv::Error) -> Error {
    Error::stopped("cannot print the plan's rows").because(cause)
}

/// Rows that were rejected before the load, in pages.
struct Broken<'a> {
    rejects: &'a mut Rejects,
    page: std::iter::Peekable<std::vec::IntoIter<PlanRow>>,
    after: (u64, String),
}

impl Broken<'_> {
    /// The next one before a row, if any; several reasons of one row are one.
    fn next_before(&mut self, row: u64) -> Result<Option<PlanRow>> {
        let Some(mut first) = self.take_before(row)? else { return Ok(None) };
        while let Some(further) = self.take_before(first.row + 1)? {
            first.reason =
                [first.reason, further.reason].into_iter().flatten().reduce(|a, b| format!("{a}; {b}"));
        }
        Ok(Some(first))
    }

    fn take_before(&mut self, row: u64) -> Result<Option<PlanRow>> {
        if self.page.peek().is_none() {
            let page = self.rejects.after(self.after.0, &self.after.1, PAGE)?;
            if let Some(last) = page.last() {
                self.after = (last.row, last.stage.clone());
            }
            let rows = page.into_iter().map(|reject| PlanRow {
                row: reject.row,
                action: Outcome::Rejected.word().to_owned(),
                outcome: Some(Outcome::Rejected.word().to_owned()),
                id: None,
                key: None,
                requests: 0,
                changes: Vec::new(),
                field: reject.field,
                value: reject.value,
                reason: Some(reject.reason),
            });
            self.page = rows.collect::<Vec<_>>().into_iter().peekable();
        }
        Ok(self.page.next_if(|next| next.row < row))
    }
}

fn loaded_after(journal: &Journal, after: u64) -> Result<Vec<PlanRow>> {
    let mut query = journal.db().prepare_cached(
        "SELECT r.row, r.id, r.class, r.outcome, r.field, r.value, r.reason, coalesce(r.changes, '[]'),
                (SELECT count(*) FROM load_op o WHERE o.row = r.row),
                (SELECT group_concat(kind) FROM load_op o WHERE o.row = r.row)
         FROM load_row r WHERE r.row > ? ORDER BY r.row LIMIT ?",
    )?;
    let rows = query.query_map(params![after, PAGE as i64], |row| {
        let (text, kinds): (String, Option<String>) = (row.get(7)?, row.get(9)?);
        let (class, outcome): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        let action = match (&kinds, &outcome) {
            (None, Some(outcome)) => outcome.as_str(),
            (Some(kinds), _) => {
                let has = |kind: &str| kinds.split(',').any(|known| known == kind);
                ["create", "delete"].into_iter().find(|kind| has(kind)).unwrap_or("update")
            }
            (None, None) => "unchanged",
        };
        let planned = PlanRow {
            row: row.get(0)?,
            action: action.to_owned(),
            id: row.get(1)?,
            key: class.as_deref().and_then(key_of),
            requests: row.get(8)?,
            changes: Vec::new(),
            field: row.get(4)?,
            value: row.get(5)?,
            reason: row.get(6)?,
            outcome,
        };
        Ok((planned, text))
    })?;
    rows.map(|row| {
        let (planned, text) = row?;
        let mut changes = changes(&text)?;
        journal.name_links(planned.row, &mut changes, false)?;
        Ok(PlanRow { changes, ..planned })
    })
    .collect()
}

/// The key in a create's class, for people.
fn key_of(class: &str) -> Option<String> {
    let (_, key) = class.strip_prefix("key ")?.split_once(' ')?;
    Some(key.replace('\u{1f}', " + "))
}

#[cfg(test)]
mod tests {
    use super::super::rejects::RejectedRow;
    use super::*;
    use crate::load::target::OperationKind::{Create, Update};
    use crate::report::counts::sample::{change, journal, open, settled};

    fn sample(wanted: &[&str]) -> Vec<PlanRow> {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        let mut rejects = Rejects::open(folder.path()).unwrap();
        for (row, stage) in [(1, "extract"), (3, "extract"), (3, "transform"), (9, "extract")] {
            let reject = RejectedRow {
                row,
                line: None,
                stage: stage.into(),
                field: None,
                value: None,
                reason: format!("{stage} refused it"),
                raw: None,
            };
            rejects.add(reject).unwrap();
        }
        let mut create = open(2, Create, vec![change("Name", &[], &["Ada"])]);
        create.class = Some("key 0 ada\u{1f}a@x.org".into());
        journal.add(&create).unwrap();
        let changes = vec![change("Tags", &["a", "b"], &["b", "c"]), change("Name", &["x"], &["y"])];
        journal.add(&open(4, Update, changes)).unwrap();
        journal.add(&settled(5, Outcome::Conflict)).unwrap();
        rejects.commit().unwrap();
        let wanted: Vec<String> = wanted.iter().map(|word| (*word).to_owned()).collect();
        let mut rows = Vec::new();
        plan_rows(&journal, &mut rejects, &wanted, &mut |row| {
            rows.push(row.clone());
            Ok(())
        })
        .unwrap();
        rows
    }

    #[test]
    fn every_row_is_told_once_in_order() {
        let rows = sample(&[]);
        let told: Vec<_> = rows.iter().map(|row| (row.row, row.action.as_str())).collect();
        let expected = [
            (1, "rejected"),
            (2, "create"),
            (3, "rejected"),
            (4, "update"),
            (5, "conflict"),
            (9, "rejected"),
        ];
        assert_eq!(told, expected);
        assert_eq!(rows[1].key.as_deref(), Some("ada + a@x.org"));
        assert_eq!(rows[2].reason.as_deref(), Some("extract refused it; transform refused it"));
        let some = sample(&["update", "create"]);
        assert_eq!(some.iter().map(|row| row.row).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn the_flat_form_has_a_line_for_each_difference() {
        let mut out = Vec::new();
        let mut flat = Flat::new(&mut out).unwrap();
        sample(&["update", "conflict"]).iter().for_each(|row| flat.write(row).unwrap());
        flat.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "row,action,outcome,id,key,requests,field,before,after,value,reason\n\
             4,update,,64b0c1f2a3d4e5f600000004,,1,Tags,a; b,b; c,,\n\
             4,update,,64b0c1f2a3d4e5f600000004,,1,Name,x,y,,\n\
             5,conflict,conflict,,,0,Email,,,a@x,row 5 is conflict\n"
        );
    }
}
