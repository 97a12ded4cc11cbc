//! What a load is about to do, as people read it before anything is sent: totals by action, the first
//! differences field by field, what is left out and why, the requests it takes and how long those take at the
//! allowed pace (design section 4).
//!
//! Everything comes from the saved plan, so that what is shown is what will be sent.

use super::figures::{contrasted, count, counted, duration, short_id, shortened};
use super::rejects::Rejects;
use crate::error::Result;
use crate::http::pace::RateLimit;
use crate::load::journal::{Journal, Outcome, changes};
use crate::load::target::Change;
use rusqlite::params;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A plan in sight. Serialises as what `--json` shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanView {
    /// Where it goes, as people write it.
    pub target: String,
    /// Records to be made.
    pub create: u64,
    /// Records to be changed.
    pub update: u64,
    /// Records to be deleted.
    pub delete: u64,
    /// Records that already are as meant.
    pub unchanged: u64,
    /// Rows that the mode forbids.
    pub skipped: u64,
    /// Rows without an operation: broken, refused by the mapping, ambiguous, with a double key.
    pub rejected: u64,
    /// Of these, rows that are for the same record as an earlier row of the file.
    pub doubled: u64,
    /// Of the rejected, rows whose key several records of the target have.
    pub ambiguous: u64,
    /// Rows that would overwrite what they must not.
    pub conflicts: u64,
    /// Records to be made first, for links of these rows, by stream.
    pub first: BTreeMap<String, u64>,
    /// Values dropped because their place holds one (`on_extra = "first"`).
    pub dropped_values: u64,
    /// Requests to be sent: the operations, and the last looks before updates.
    pub requests: u64,
    /// Of these, the last looks.
    pub looks: u64,
    /// What the rows were matched with, and why it was read that way.
    pub matched_with: Option<String>,
    /// The allowed pace: `90/min`, `none`.
    pub rate: String,
    /// How long the requests take at that pace, at least; unknown without one.
    pub seconds: Option<f64>,
    /// The first rows that change something.
    pub differences: Vec<Difference>,
    /// The first rows that are left out.
    pub left_out: Vec<LeftOut>,
}

/// What a row changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The source row.
    pub row: u64,
    /// `create`, `update` or `delete`.
    pub action: &'static str,
    /// The record, where there is one.
    pub id: Option<String>,
    /// Field by field.
    pub changes: Vec<Change>,
}

/// Why a row is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The source row.
    pub row: u64,
    /// `rejected`, `conflict` or `skipped`.
    pub action: &'static str,
    /// The field in question.
    pub field: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Facts in the journal: how many last looks the updates take, and what [`PlanView::matched_with`] says.
pub const LOOKS: &str = "looks";
/// See [`LOOKS`].
pub const MATCHED_WITH: &str = "matched_with";
/// Facts in the journal: rows that are doubled in the file, and rows that match several records.
pub const DOUBLED: &str = "doubled";
/// See [`DOUBLED`].
pub const AMBIGUOUS: &str = "ambiguous";

/// How many rows of each kind are shown, and how much of each.
const UPDATES: usize = 6;
const CREATES: usize = 3;
const DELETES: usize = 6;
const EACH_LEFT_OUT: usize = 3;
const FIELDS: usize = 6;
const CREATE_FIELDS: usize = 4;
const VALUE: usize = 40;
const VALUES: usize = 6;

/// The plan in the journal, for `target` at the allowed pace.
///
/// # Errors
/// When the checkpoint cannot be used.
pub fn plan_view(
    target: &str,
    journal: &Journal,
    rejects: &mut Rejects,
    rate: RateLimit,
) -> Result<PlanView> {
    let counts = journal.counts()?;
    let number = |outcome| counts.get(&Some(outcome)).copied().unwrap_or(0);
    let to_do = journal.to_do()?;
    let noted =
        |key| -> Result<u64> { Ok(journal.fact(key)?.and_then(|text| text.parse().ok()).unwrap_or(0)) };
    let looks = if to_do.updates == 0 { 0 } else { noted(LOOKS)? };
    let requests = journal.open_operations()? + looks;
    let mut differences = differences(journal, "update", UPDATES)?;
    differences.extend(self::differences(journal, "create", CREATES)?);
    differences.extend(self::differences(journal, "delete", DELETES)?);
    Ok(PlanView {
        target: target.to_owned(),
        create: to_do.creates,
        update: to_do.updates,
        delete: to_do.deletes,
        unchanged: number(Outcome::Unchanged),
        skipped: number(Outcome::Skipped),
        rejected: number(Outcome::Rejected) + rejects.count()?,
        doubled: noted(DOUBLED)?,
        ambiguous: noted(AMBIGUOUS)?,
        conflicts: number(Outcome::Conflict),
        first: BTreeMap::new(),
        dropped_values: journal.extra()?,
        requests,
        looks,
        matched_with: journal.fact(MATCHED_WITH)?,
        rate: rate.to_string(),
        seconds: rate.time_for(requests).map(|time| time.as_secs_f64()),
        differences,
        left_out: left_out(journal, rejects)?,
    })
}

impl PlanView {
    /// The same plan where an operation is not a request of its own: with so many requests at `rate`.
    #[must_use]
    pub fn costing(self, requests: u64, rate: RateLimit) -> Self {
        Self { requests, seconds: rate.time_for(requests).map(|time| time.as_secs_f64()), ..self }
    }

    /// The same plan with records of other streams, or of the same, that are made before its own.
    ///
    /// # Errors
    /// When their journal cannot be used.
    pub fn after(mut self, stream: &str, made: &Journal, rate: RateLimit) -> Result<Self> {
        let creates = made.to_do()?.creates;
        if creates > 0 {
            self.first.insert(stream.to_owned(), creates);
        }
        let requests = self.requests + made.open_operations()?;
        Ok(self.costing(requests, rate))
    }

    /// The plan as lines.
    #[must_use]
    pub fn render(&self) -> String {
        let mut lines = vec![format!("plan for {}", self.target)];
        let totals = [
            (self.create, "to create"),
            (self.update, "to update"),
            (self.delete, "to delete"),
            (self.unchanged, "unchanged"),
            (self.skipped, "skipped"),
            (self.rejected, "rejected"),
            (self.conflicts, "in conflict"),
        ];
        let told: Vec<_> = totals.iter().filter(|(number, _)| *number > 0).collect();
        let widest = told.iter().map(|(number, _)| count(*number).len()).max().unwrap_or(0);
        lines.extend(told.iter().map(|(number, word)| format!("  {:>widest$} {word}", count(*number))));
        let why = [(self.doubled, "doubled in the file"), (self.ambiguous, "with several matches")];
        let why: Vec<_> = why.iter().filter(|(number, _)| *number > 0).collect();
        if !why.is_empty() {
            let why: Vec<_> = why.iter().map(|(number, word)| format!("{} {word}", count(*number))).collect();
            lines.push(format!("  of the rejected {}", why.join(", ")));
        }
        if told.is_empty() {
            lines.push("  no rows".to_owned());
        }
        if self.dropped_values > 0 {
            let (values, those) = (counted(self.dropped_values, "value"), "their field holds only one");
            lines.push(format!("  {values} dropped, as {those} (`on_extra = \"first\"`)"));
        }
        self.render_differences("update", "first updates", &mut lines);
        self.render_differences("create", "first creates", &mut lines);
        self.render_differences("delete", "first deletes", &mut lines);
        if !self.left_out.is_empty() {
            lines.extend([String::new(), "  first rows left out".to_owned()]);
            lines.extend(self.left_out.iter().map(LeftOut::render));
        }
        lines.push(String::new());
        lines.extend(self.matched_with.iter().map(|with| format!("  {with}")));
        lines.push(format!("  {}", self.cost()));
        lines.join("\n")
    }

    fn render_differences(&self, action: &str, title: &str, lines: &mut Vec<String>) {
        let mut shown = self.differences.iter().filter(|difference| difference.action == action).peekable();
        if shown.peek().is_some() {
            lines.extend([String::new(), format!("  {title}")]);
            lines.extend(shown.map(Difference::render));
        }
    }

    /// The requests and their time.
    fn cost(&self) -> String {
        if self.requests == 0 {
            return "nothing to do, no requests to send".to_owned();
        }
        let mut requests = counted(self.requests, "request");
        if self.looks > 0 {
            let looks = count(self.looks);
            requests
                .push_str(&format!(" ({looks} of them to look at records again just before they change)"));
        }
        match self.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            Some(time) => format!("{requests} to send, at least {} at {}", duration(time), self.rate),
            None => format!("{requests} to send, at no limit"),
        }
    }
}

impl Difference {
    fn render(&self) -> String {
        let head = match &self.id {
            Some(id) => format!("    row {}  {}  ", self.row, short_id(id)),
            None => format!("    row {}  ", self.row),
        };
        if self.action != "update" {
            // What a record will hold, or what it holds that goes.
            let held = |change: &Change| match self.action {
                "create" => values(&change.after),
                _ => values(&change.before),
            };
            let mut fields: Vec<String> = self
                .changes
                .iter()
                .take(CREATE_FIELDS)
                .map(|change| format!("{}: {}", change.field, shortened(&held(change), VALUE)))
                .collect();
            if self.changes.len() > CREATE_FIELDS {
                fields.push(format!("{} more", self.changes.len() - CREATE_FIELDS));
            }
            return format!("{head}{}", fields.join(" · "));
        }
        let mut fields: Vec<String> = self
            .changes
            .iter()
            .take(FIELDS)
            .map(|change| format!("{}: {}", change.field, difference(change)))
            .collect();
        if self.changes.len() > FIELDS {
            fields.push(format!("… and {}", counted((self.changes.len() - FIELDS) as u64, "more field")));
        }
        let indent = format!("\n{}", " ".repeat(head.chars().count()));
        format!("{head}{}", fields.join(&indent))
    }
}

impl LeftOut {
    fn render(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        // Some reasons name the value themselves.
        let value = self.value.as_ref().filter(|value| !reason.contains(&format!("`{value}`")));
        let on = match (&self.field, value) {
            (Some(field), Some(value)) => {
                format!("{} `{}`: ", shortened(field, VALUE), shortened(value, VALUE))
            }
            (Some(field), None) => format!("{}: ", shortened(field, VALUE)),
            (None, Some(value)) => format!("`{}`: ", shortened(value, VALUE)),
            (None, None) => String::new(),
        };
        format!("    row {}  {}  {on}{reason}", self.row, self.action)
    }
}

/// A difference: one value's as before and after, several values' as what comes and what goes.
fn difference(change: &Change) -> String {
    let filled =
        |values: &[String]| values.iter().filter(|value| !value.is_empty()).cloned().collect::<Vec<_>>();
    let (before, after) = (filled(&change.before), filled(&change.after));
    let only = |these: &[String], those: &[String], sign: &str| {
        let only = these.iter().filter(|value| !those.contains(value));
        only.map(|value| format!("{sign} {}", shortened(value, VALUE))).collect::<Vec<_>>()
    };
    let (comes, goes) = (only(&after, &before, "+"), only(&before, &after, "-"));
    if before.len().max(after.len()) < 2 || (comes.is_empty() && goes.is_empty()) {
        let (before, after) = contrasted(&values(&change.before), &values(&change.after), VALUE);
        return format!("{before} → {after}");
    }
    let more = (comes.len() + goes.len()).saturating_sub(VALUES) as u64;
    let mut told: Vec<String> = comes.into_iter().chain(goes).take(VALUES).collect();
    if more > 0 {
        told.push(format!("… and {}", counted(more, "more value")));
    }
    let stay = before.iter().filter(|value| after.contains(value)).count();
    if stay > 0 {
        told.push(format!("({} stay)", count(stay as u64)));
    }
    told.join("  ")
}

fn values(values: &[String]) -> String {
    if values.iter().all(String::is_empty) {
        return "(empty)".to_owned();
    }
    values.join("; ")
}

fn differences(journal: &Journal, action: &'static str, most: usize) -> Result<Vec<Difference>> {
    // Before it is created a record has no id; a row to update or delete was matched with one.
    let mut query = journal.db().prepare_cached(
        "SELECT row, id, coalesce(changes, '[]') FROM load_row r
         WHERE outcome IS NULL AND CASE
             WHEN id IS NULL THEN 'create'
             WHEN EXISTS(SELECT 1 FROM load_op o WHERE o.row = r.row AND o.kind = 'delete') THEN 'delete'
             ELSE 'update' END = ?
         ORDER BY row LIMIT ?",
    )?;
    let rows = query.query_map(params![action, most as i64], |row| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, String>(2)?))
    })?;
    rows.map(|row| {
        let (row, id, text) = row?;
        let mut changes = changes(&text)?;
        journal.name_links(row, &mut changes, false)?;
        Ok(Difference { row, action, id, changes })
    })
    .collect()
}

fn left_out(journal: &Journal, rejects: &mut Rejects) -> Result<Vec<LeftOut>> {
    let mut rejected: Vec<LeftOut> = rejects
        .after(0, "", EACH_LEFT_OUT)?
        .into_iter()
        .map(|reject| LeftOut {
            row: reject.row,
            action: Outcome::Rejected.word(),
            field: reject.field,
            value: reject.value,
            reason: Some(reject.reason),
        })
        .collect();
    rejected.extend(left_out_by(journal, Outcome::Rejected)?);
    rejected.sort_by_key(|left_out| left_out.row);
    rejected.truncate(EACH_LEFT_OUT);
    rejected.extend(left_out_by(journal, Outcome::Conflict)?);
    rejected.extend(left_out_by(journal, Outcome::Skipped)?);
    Ok(rejected)
}

fn left_out_by(journal: &Journal, outcome: Outcome) -> Result<Vec<LeftOut>> {
    let mut query = journal.db().prepare_cached(
        "SELECT row, field, value, reason FROM load_row WHERE outcome = ? ORDER BY row LIMIT ?",
    )?;
    let rows = query.query_map(params![outcome.word(), EACH_LEFT_OUT as i64], |row| {
        let (number, field, value, reason) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(LeftOut { row: number, action: outcome.word(), field, value, reason })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::target::OperationKind::{Create, Update};
    use crate::report::counts::sample::{change, journal, open, settled};

    fn sample() -> PlanView {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = journal(folder.path());
        let mut rejects = Rejects::open(folder.path()).unwrap();
        let email = change("email[work]", &["a@x.org"], &["b@x.org"]);
        let phone = change("phone", &[], &["+44 20 7946 0000", "+44 20 7946 0001"]);
        let mut update = open(12, Update, vec![email, phone]);
        update.extra = 2;
        journal.add(&update).unwrap();
        let names = ["first name", "last name", "email[work]", "notes", "city", "zip"];
        let fields = names.map(|name| change(name, &[], &[&format!("{name}\nof Ada")])).to_vec();
        journal.add(&open(13, Create, fields)).unwrap();
        journal.add(&settled(14, Outcome::Rejected)).unwrap();
        journal.add(&settled(15, Outcome::Conflict)).unwrap();
        let unchanged = |journal: &Journal| {
            (1_000..2_200).try_for_each(|row| journal.add(&settled(row, Outcome::Unchanged)))
        };
        journal.transaction(unchanged).unwrap();
        plan_view("nimble:contacts", &journal, &mut rejects, "1/min".parse().unwrap()).unwrap()
    }

    #[test]
    fn people_read_totals_differences_and_the_cost() {
        assert_eq!(
            sample().render(),
            "plan for nimble:contacts\n\
             \x20     1 to create\n\
             \x20     1 to update\n\
             \x20 1,200 unchanged\n\
             \x20     1 rejected\n\
             \x20     1 in conflict\n\
             \x20 2 values dropped, as their field holds only one (`on_extra = \"first\"`)\n\
             \n\
             \x20 first updates\n\
             \x20   row 12  64b0…000c  email[work]: a@x.org → b@x.org\n\
             \x20                      phone: + +44 20 7946 0000  + +44 20 7946 0001\n\
             \n\
             \x20 first creates\n\
             \x20   row 13  first name: first name⏎of Ada · last name: last name⏎of Ada · email[work]: \
             email[work]⏎of Ada · notes: notes⏎of Ada · 2 more\n\
             \n\
             \x20 first rows left out\n\
             \x20   row 14  rejected  Email `a@x`: row 14 is rejected\n\
             \x20   row 15  conflict  Email `a@x`: row 15 is conflict\n\
             \n\
             \x20 2 requests to send, at least 2 min at 1/min"
        );
    }

    #[test]
    fn scripts_read_the_same() {
        let value = serde_json::to_value(sample()).unwrap();
        assert_eq!(value["create"], 1);
        assert_eq!(value["requests"], 2);
        assert_eq!(value["seconds"], 120.0);
        assert_eq!(value["differences"][0]["changes"][0]["after"][0], "b@x.org");
        assert_eq!(value["left_out"][1]["action"], "conflict");
    }

    #[test]
    fn a_plan_without_work_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        let mut rejects = Rejects::open(folder.path()).unwrap();
        journal.add(&settled(1, Outcome::Unchanged)).unwrap();
        let view = plan_view("nethunt:Deals", &journal, &mut rejects, RateLimit(None)).unwrap();
        assert_eq!(
            view.render(),
            "plan for nethunt:Deals\n  1 unchanged\n\n  nothing to do, no requests to send"
        );
    }
}
