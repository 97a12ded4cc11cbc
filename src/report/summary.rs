//! A run's summary: its accounts, as one JSON object and as a few lines (design section 4).
//!
//! The accounts balance, always: `read = filtered + rejected + mapped`, and what was mapped was either written to
//! a file or has an outcome at the target. [`Summary::balances`] is checked at the end of every run.

pub use super::complete::Complete;

use super::counts::LoadCounts;
use super::figures::{count, counted, duration, tame};
use crate::error::{Error, IoContext, Result};
use crate::run::folder::RunFolder;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The name of the stored summary in a run's folder.
pub const REPORT: &str = "report.json";
/// The file, by its name in the summary, of what was read back and is not as meant. Where there is one, a check did
/// not hold.
pub const DIFFERENCES: &str = "differences";

/// What a run did. Serialises with the keys of design section 4, in their order, and further ones.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The run's name.
    pub run: String,
    /// What was asked: `export`, `import`.
    pub command: String,
    /// How it ended.
    pub status: Status,
    /// Records read from the source, broken rows included.
    pub read: u64,
    /// Records that the mapping's filters left out.
    pub filtered: u64,
    /// Rows without a planned operation, for whatever reason before the first write.
    pub rejected: u64,
    /// Records that came out of the mapping and were not rejected by the plan.
    pub mapped: u64,
    /// Records written to a file; 0 for a load.
    pub written: u64,
    /// Records made at the target.
    pub created: u64,
    /// Records changed at the target.
    pub updated: u64,
    /// Records that already were as meant.
    pub unchanged: u64,
    /// Rows that the mode forbids.
    pub skipped: u64,
    /// Rows that would overwrite what they must not.
    pub conflicts: u64,
    /// Rows that the service refused.
    pub failed: u64,
    /// Rows of which nobody can tell whether they were carried out.
    pub in_doubt: u64,
    /// Rows not sent yet; 0 unless stopped.
    pub pending: u64,
    /// Records deleted.
    pub deleted: u64,
    /// Records read back and found as written.
    pub verified: u64,
    /// Records made for links of the rows, which are no rows themselves; in no other count. Told where there are any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub linked_created: u64,
    /// Of these, read back and found as written. Told where there are any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub linked_verified: u64,
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Of these, repetitions.
    pub retries: u64,
    /// How long it took, in seconds; told to the millisecond.
    #[serde(serialize_with = "to_the_millisecond")]
    pub seconds: f64,
    /// Whether the read has everything.
    pub complete: Complete,
    /// Files written, by kind (`output`, `rejected`, `succeeded`), with their paths.
    pub files: BTreeMap<String, String>,
    /// The run that has deleted what an imported sheet lacks, where its account is in this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<String>,
    /// Whether the run is a plan, which is not gone on with but carried out.
    #[serde(skip)]
    pub is_plan: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything was done.
    Done,
    /// It went to its end, but rows were left behind or the read is incomplete.
    Partial,
    /// It can be resumed.
    Stopped,
    /// It cannot go on as asked.
    #[default]
    Failed,
    /// It ended with the plan, as asked.
    Planned,
}

impl Status {
    /// How a run ended that an error ended.
    #[must_use]
    pub fn after(error: &Error) -> Self {
        if error.is_resumable() { Self::Stopped } else { Self::Failed }
    }

    /// The word of design section 4.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Planned => "planned",
        }
    }
}

impl Summary {
    /// An empty summary of a run that has yet to end well.
    #[must_use]
    pub fn new(run: impl Into<String>, command: impl Into<String>) -> Self {
        Self { run: run.into(), command: command.into(), ..Self::default() }
    }

    /// Takes over the accounts of a load.
    pub fn take_load(&mut self, counts: &LoadCounts) {
        self.rejected = counts.rejected;
        self.mapped = counts.mapped();
        self.created = counts.created;
        self.updated = counts.updated;
        self.deleted = counts.deleted;
        self.unchanged = counts.unchanged;
        self.skipped = counts.skipped;
        self.conflicts = counts.conflicts;
        self.failed = counts.failed;
        self.in_doubt = counts.in_doubt;
        self.pending = counts.pending;
    }

    /// Counts rows that were read and have no account yet as mapped and pending: the run ended before their turn.
    pub fn rest_is_pending(&mut self) {
        let rest = self.read.saturating_sub(self.filtered + self.rejected + self.mapped);
        self.mapped += rest;
        self.pending += rest;
    }

    /// The same account with that of a run that deleted what this one's sheet lacks: each of its rows is one more
    /// that was read. It ended as the one of them that has the more to tell.
    #[must_use]
    pub fn with_deletion(&self, of: &Self) -> Self {
        let mut files = self.files.clone();
        let copies = |key: &str| key.starts_with("deleted");
        files.extend(of.files.iter().map(|(key, path)| match copies(key) {
            true => (key.clone(), path.clone()),
            false => (format!("{key} of the deletion"), path.clone()),
        }));
        let order = [Status::Failed, Status::Stopped, Status::Partial, Status::Planned, Status::Done];
        let status = order.into_iter().find(|status| [self.status, of.status].contains(status));
        Self {
            run: self.run.clone(),
            command: self.command.clone(),
            status: status.unwrap_or_default(),
            read: self.read + of.read,
            filtered: self.filtered + of.filtered,
            rejected: self.rejected + of.rejected,
            mapped: self.mapped + of.mapped,
            unchanged: self.unchanged + of.unchanged,
            conflicts: self.conflicts + of.conflicts,
            failed: self.failed + of.failed,
            in_doubt: self.in_doubt + of.in_doubt,
            pending: self.pending + of.pending,
            deleted: self.deleted + of.deleted,
            requests: self.requests + of.requests,
            retries: self.retries + of.retries,
            // Both were counted from the command's begin.
            seconds: self.seconds.max(of.seconds),
            complete: self.complete.and(of.complete),
            files,
            deletion: Some(of.run.clone()),
            ..self.clone()
        }
    }

    /// Notes that the run went to its end: `done`, or `partial` where rows were left behind or the read is
    /// incomplete.
    pub fn conclude(&mut self) {
        let left_behind = self.rejected + self.failed + self.conflicts + self.in_doubt > 0;
        let unsure = self.complete == Complete::No || self.differs();
        self.status = if left_behind || unsure { Status::Partial } else { Status::Done };
    }

    /// The exit code of this summary alone; for a run that ended with an error see [`Summary::exit_code_after`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit_code_after(None)
    }

    /// The exit code of this summary and of the error that ended the run. The error's class stands for the
    /// status; where several codes apply, the first of 5, 2, 3, 4, 1 wins (design section 4). A plan exits 0
    /// whatever rows it rejects, but not when it was made on an incomplete read.
    #[must_use]
    pub fn exit_code_after(&self, error: Option<&Error>) -> u8 {
        let ended = match (error, self.status) {
            (Some(error), _) => error.class().exit_code(),
            (None, Status::Failed) => 2,
            (None, Status::Stopped) => 3,
            (None, Status::Done | Status::Partial | Status::Planned) => 0,
        };
        let incomplete = if self.complete == Complete::No || self.differs() { 4 } else { 0 };
        let left_behind = self.rejected + self.failed + self.conflicts + self.in_doubt > 0;
        let rows = u8::from(left_behind && self.status != Status::Planned);
        worst_exit_code([ended, incomplete, rows])
    }

    /// Whether the accounts balance.
    ///
    /// # Errors
    /// The equation that does not hold, with its numbers.
    pub fn balances(&self) -> Result<(), String> {
        let accounted = self.filtered + self.rejected + self.mapped;
        if self.read != accounted {
            return Err(format!(
                "read {} is not filtered {} + rejected {} + mapped {}",
                self.read, self.filtered, self.rejected, self.mapped
            ));
        }
        let outcomes = [
            ("written", self.written),
            ("created", self.created),
            ("updated", self.updated),
            ("deleted", self.deleted),
            ("unchanged", self.unchanged),
            ("skipped", self.skipped),
            ("conflicts", self.conflicts),
            ("failed", self.failed),
            ("in_doubt", self.in_doubt),
            ("pending", self.pending),
        ];
        if self.mapped != outcomes.iter().map(|(_, rows)| rows).sum::<u64>() {
            let told: Vec<String> = outcomes.iter().map(|(name, rows)| format!("{name} {rows}")).collect();
            return Err(format!("mapped {} is not {}", self.mapped, told.join(" + ")));
        }
        Ok(())
    }

    /// Whether something that was written is not there as meant.
    fn differs(&self) -> bool {
        self.files.contains_key(DIFFERENCES)
    }

    /// Keeps the summary as the run's `report.json`.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn store(&self, folder: &RunFolder) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|cause| Error::stopped("cannot keep the run's summary").because(cause))?;
        folder.write(REPORT, format!("{text}\n").as_bytes())
    }

    /// The summary that an earlier life of the run stored in its folder, if any.
    ///
    /// # Errors
    /// When the file cannot be read or is none of ours.
    pub fn stored(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(REPORT);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.during(|| format!("cannot read `{}`", path.display()))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|cause| {
            Error::input(format!("`{}` is not a summary that this version knows", path.display()))
                .because(cause)
        })
    }

    /// The summary as people read it; a stop ends with the command that resumes.
    #[must_use]
    pub fn render(&self) -> String {
        let time = duration(Duration::try_from_secs_f64(self.seconds).unwrap_or_default());
        let ended = match self.status {
            Status::Done => format!("done in {time}"),
            Status::Partial => format!("done in {time}, but not everything went through"),
            Status::Stopped => format!("stopped after {time}"),
            Status::Failed => format!("failed after {time}"),
            Status::Planned => format!("planned in {time}, nothing was sent"),
        };
        let mut lines = vec![format!("{}: {ended}", self.command)];
        let would = if self.status == Status::Planned { "to be " } else { "" };
        lines.push(format!("  read {}: {}", count(self.read), self.ways_of_read()));
        let outcomes = [
            (self.written, "written".to_owned()),
            (self.created, format!("{would}created")),
            (self.updated, format!("{would}updated")),
            (self.deleted, format!("{would}deleted")),
            (self.unchanged, "unchanged".to_owned()),
            (self.skipped, "skipped".to_owned()),
            (self.conflicts, "in conflict".to_owned()),
            (self.failed, "failed".to_owned()),
            (self.in_doubt, "in doubt".to_owned()),
            (self.pending, "not sent yet".to_owned()),
            (self.verified, "verified".to_owned()),
            (self.linked_created, format!("{would}created for links")),
            (self.linked_verified, "verified of these".to_owned()),
        ];
        let told: Vec<String> = outcomes
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{} {word}", count(*number)))
            .collect();
        if !told.is_empty() {
            lines.push(format!("  {}", told.join(", ")));
        }
        if self.requests > 0 {
            let retries =
                if self.retries > 0 { format!(", {} repeated", count(self.retries)) } else { String::new() };
            lines.push(format!("  {}{retries}", counted(self.requests, "request")));
        }
        match self.complete {
            Complete::Yes => {}
            Complete::Unproven => lines.push(
                "  completeness unproven: the service offers no second count, nothing speaks against it"
                    .into(),
            ),
            Complete::No => lines.push("  incomplete: there is evidence that records are missing".into()),
        }
        let widest = self.files.keys().map(String::len).max().unwrap_or(0);
        lines.extend(self.files.iter().map(|(kind, path)| format!("  {kind:<widest$}  {}", tame(path))));
        if !self.run.is_empty() {
            lines.push(format!("  run {}", self.run));
        }
        if self.status == Status::Stopped {
            lines.push(self.way_on());
        }
        lines.join("\n")
    }

    /// How to go on after a stop. What deletes for a run begins when that one has ended.
    #[must_use]
    pub fn way_on(&self) -> String {
        let verb = if self.is_plan { "apply" } else { "resume" };
        format!("continue with `ferry {verb} {}`", self.deletion.as_ref().unwrap_or(&self.run))
    }

    fn ways_of_read(&self) -> String {
        let ways = [(self.filtered, "filtered"), (self.rejected, "rejected"), (self.mapped, "mapped")];
        let told: Vec<String> = ways
            .iter()
            .filter(|(number, word)| *number > 0 || *word == "mapped")
            .map(|(number, word)| format!("{} {word}", count(*number)))
            .collect();
        told.join(", ")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn to_the_millisecond<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((seconds * 1_000.0).round() / 1_000.0)
}

/// The code that counts where several apply: the first of 5, 2, 3, 4, 1 (design section 4), else 0.
#[must_use]
pub fn worst_exit_code(codes: impl IntoIterator<Item = u8>) -> u8 {
    let order = [5, 2, 3, 4, 1];
    let place = |code: &u8| order.iter().position(|known| known == code).unwrap_or(order.len());
    codes.into_iter().min_by_key(place).filter(|code| order.contains(code)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn import() -> Summary {
        Summary {
            read: 1_000,
            rejected: 12,
            mapped: 988,
            created: 400,
            updated: 300,
            unchanged: 288,
            requests: 712,
            retries: 2,
            seconds: 485.0,
            status: Status::Partial,
            files: [("rejected".to_owned(), ".ferry/runs/r/rejected.csv".to_owned())].into(),
            ..Summary::new("20261122-0715-import-people-k3f9", "import")
        }
    }

    #[test]
    fn the_object_has_the_promised_keys_in_their_order() {
        let text = serde_json::to_string(&Summary { complete: Complete::Unproven, ..import() }).unwrap();
        assert_eq!(
            text,
            "{\"run\":\"20261122-0715-import-people-k3f9\",\"command\":\"import\",\"status\":\"partial\",\
             \"read\":1000,\"filtered\":0,\"rejected\":12,\"mapped\":988,\"written\":0,\"created\":400,\
             \"updated\":300,\"unchanged\":288,\"skipped\":0,\"conflicts\":0,\"failed\":0,\"in_doubt\":0,\
             \"pending\":0,\"deleted\":0,\"verified\":0,\"requests\":712,\"retries\":2,\"seconds\":485.0,\
             \"complete\":\"unproven\",\"files\":{\"rejected\":\".ferry/runs/r/rejected.csv\"}}"
        );
    }

    #[test]
    fn people_read_what_counts_and_nothing_that_is_zero() {
        assert_eq!(
            import().render(),
            "import: done in 8 min 5 s, but not everything went through\n\
             \x20 read 1,000: 12 rejected, 988 mapped\n\
             \x20 400 created, 300 updated, 288 unchanged\n\
             \x20 712 requests, 2 repeated\n\
             \x20 rejected  .ferry/runs/r/rejected.csv\n\
             \x20 run 20261122-0715-import-people-k3f9"
        );
        let stopped = Summary { status: Status::Stopped, ..Summary::new("r-1", "export") };
        assert!(stopped.render().ends_with("\ncontinue with `ferry resume r-1`"));
    }

    #[test]
    fn the_exit_code_follows_status_and_counts() {
        let done = Summary { status: Status::Done, ..Summary::default() };
        let cases = [
            (done.clone(), 0),
            (Summary { skipped: 3, filtered: 2, ..done.clone() }, 0),
            (Summary { complete: Complete::Unproven, ..done.clone() }, 0),
            (Summary { rejected: 1, ..done.clone() }, 1),
            (Summary { failed: 1, ..done.clone() }, 1),
            (Summary { conflicts: 1, ..done.clone() }, 1),
            (Summary { in_doubt: 1, ..done.clone() }, 1),
            (Summary { complete: Complete::No, rejected: 1, ..done.clone() }, 4),
            (
                Summary {
                    files: [(DIFFERENCES.to_owned(), String::new())].into(),
                    failed: 1,
                    ..done.clone()
                },
                4,
            ),
            (Summary { status: Status::Stopped, complete: Complete::No, ..done.clone() }, 3),
            (Summary { status: Status::Failed, rejected: 9, ..done.clone() }, 2),
            (Summary { status: Status::Planned, rejected: 9, conflicts: 1, ..done.clone() }, 0),
            (Summary { status: Status::Planned, complete: Complete::No, ..done.clone() }, 4),
        ];
        for (summary, code) in cases {
            assert_eq!(summary.exit_code(), code, "{summary:?}");
        }
        let failed = Summary { status: Status::Failed, complete: Complete::No, ..done };
        assert_eq!(failed.exit_code_after(Some(&Error::credentials("no"))), 5);
        assert_eq!(failed.exit_code_after(Some(&Error::check("other account"))), 4);
    }

    #[test]
    fn the_accounts_balance_or_the_equation_is_named() {
        assert_eq!(import().balances(), Ok(()));
        let export = Summary { read: 5, filtered: 1, mapped: 4, written: 4, ..Summary::default() };
        assert_eq!(export.balances(), Ok(()));
        let lost = Summary { read: 1_001, ..import() };
        assert_eq!(lost.balances().unwrap_err(), "read 1001 is not filtered 0 + rejected 12 + mapped 988");
        assert!(Summary { created: 399, ..import() }.balances().is_err());
    }

    proptest! {
        #[test]
        fn a_summary_survives_its_file(read in any::<u32>(), which in 0..3usize, seconds in 0u32..1_000_000) {
            let complete = [Complete::Yes, Complete::Unproven, Complete::No][which];
            let seconds = f64::from(seconds) / 1_000.0;
            let summary = Summary { read: read.into(), complete, seconds, ..import() };
            let text = serde_json::to_string_pretty(&summary).unwrap();
            prop_assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
        }

        #[test]
        fn whatever_is_left_without_account_becomes_pending(read in 0u64..100, rejected in 0u64..50) {
            let mut summary = Summary { read: read + rejected, rejected, ..Summary::default() };
            summary.rest_is_pending();
            prop_assert_eq!(summary.balances(), Ok(()));
        }
    }
}
