//! The row-true result files: every row of the source that has an outcome stands in exactly one of them, in row
//! order, with Ferry's own columns first and then the columns it came with (design section 5).
//!
//! Three ordered streams are merged: the staged rows, the load's rows and the rejected rows. Nothing is held in
//! memory but a page of each. A file appears by rename when it is whole; one that would be empty is not written,
//! and an older one of that name is removed. Rows that were filtered out or not sent yet have no outcome.
//!
//! `rejected.csv` can be corrected and imported as it is: RFC 4180, UTF-8, line feeds; of the `_ferry_` columns imports
//! read `_ferry_id`, the record that is there for a row, and `_ferry_action`.

use super::rejects::{RejectedRow, Rejects};
use crate::error::{Error, IoContext, Result};
use crate::extract::staging::StagedRows;
use crate::load::journal::{Journal, Outcome, sides};
use crate::run::parts::StagedRow;
use rusqlite::params;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What the rows looked like where they came from.
pub struct Origin<'a> {
    /// The source, for `_ferry_file`: a path or a stream.
    pub file: &'a str,
    /// Its columns.
    pub headers: &'a [String],
    /// How a row looked.
    pub original: &'a Original<'a>,
}

/// A staged row's physical line, where there is one, and its cells, one a header.
pub type Original<'a> = dyn Fn(&StagedRow) -> (Option<u64>, Vec<String>) + 'a;

/// Ferry's own columns.
const COLUMNS: [&str; 9] = [
    "_ferry_file",
    "_ferry_row",
    "_ferry_line",
    "_ferry_action",
    "_ferry_id",
    "_ferry_field",
    "_ferry_value",
    "_ferry_reason",
    "_ferry_raw",
];
/// Further ones in `conflicts.csv`: what the fields that clash were, should be, and are at the service, each as a
/// JSON object of texts by field.
const SIDES: [&str; 3] = ["_ferry_base", "_ferry_sheet", "_ferry_service"];
const PREFIX: &str = "_ferry_";

/// Rows of the checkpoint read at a time.
const PAGE: usize = 1_000;

/// A result file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Succeeded,
    Rejected,
    Conflicts,
    InDoubt,
}

/// What a result file says of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Verdict {
    action: &'static str,
    line: Option<u64>,
    id: Option<String>,
    field: Option<String>,
    value: Option<String>,
    reason: Option<String>,
    raw: Option<String>,
    sides: [String; 3],
}

/// Takes a row with what became of it.
type Take<'a> = dyn FnMut(u64, Option<&StagedRow>, Kind, Verdict) -> Result<()> + 'a;

/// A row of the load.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LoadedRow {
    row: u64,
    id: Option<String>,
    outcome: Outcome,
    field: Option<String>,
    value: Option<String>,
    reason: Option<String>,
    sides: [String; 3],
}

/// Writes the result files of a run into its folder. `journal` is `None` where nothing is loaded: rows that were
/// not rejected are then in the output. Returns the files written, by the names that the summary gives them:
/// `succeeded`, `rejected`, `conflicts`, `indoubt`.
///
/// # Errors
/// When the checkpoint or a part cannot be read, or the disk is full.
pub fn write_results(
    folder: &Path,
    origin: &Origin<'_>,
    mut staged: StagedRows,
    rejects: &mut Rejects,
    journal: Option<&Journal>,
) -> Result<BTreeMap<String, PathBuf>> {
    let staged = paged(move || staged.next_rows().map(Option::unwrap_or_default));
    let mut last = 0;
    let loaded = paged(move || {
        let rows = journal.map_or_else(|| Ok(Vec::new()), |journal| loaded_after(journal, last))?;
        last = rows.last().map_or(last, |row| row.row);
        // A page may hold no row with an outcome; it is not the end before the journal ends.
        Ok(rows)
    });
    let mut after = (0, String::new());
    let rejected = paged(move || {
        let rows = rejects.after(after.0, &after.1, PAGE)?;
        if let Some(row) = rows.last() {
            after = (row.row, row.stage.clone());
        }
        Ok(rows)
    });
    let mut files = Files::new(folder, origin);
    merge(staged, loaded, rejected, &mut |row, staged, kind, verdict| {
        files.write(row, staged, kind, &verdict)
    })?;
    files.finish()
}

/// Brings the three streams together, each in row order, and hands every row with an outcome to `take`, once.
fn merge(
    staged: impl Iterator<Item = Result<StagedRow>>,
    loaded: impl Iterator<Item = Result<LoadedRow>>,
    rejected: impl Iterator<Item = Result<RejectedRow>>,
    take: &mut Take<'_>,
) -> Result<()> {
    let (mut staged, mut loaded, mut rejected) = (staged.peekable(), loaded.peekable(), rejected.peekable());
    loop {
        let rows = [
            peeked(&mut staged, |row| row.row)?,
            peeked(&mut loaded, |row| row.row)?,
            peeked(&mut rejected, |row| row.row)?,
        ];
        let Some(row) = rows.into_iter().flatten().min() else { return Ok(()) };
        let original = taken(&mut staged, |next| next.row == row)?;
        let outcome = taken(&mut loaded, |next| next.row == row)?;
        let mut verdict = taken(&mut rejected, |next| next.row == row)?.map(Verdict::of_reject);
        while let Some(further) = taken(&mut rejected, |next| next.row == row)? {
            verdict = verdict.map(|verdict| verdict.and(&further));
        }
        match (verdict, outcome) {
            (Some(verdict), _) => take(row, original.as_ref(), Kind::Rejected, verdict)?,
            (None, Some(outcome)) => {
                take(row, original.as_ref(), Kind::of(outcome.outcome), Verdict::of_outcome(outcome))?;
            }
            (None, None) => {}
        }
    }
}

impl Kind {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Created
            | Outcome::Updated
            | Outcome::Deleted
            | Outcome::Unchanged
            | Outcome::Skipped => Self::Succeeded,
            Outcome::Rejected | Outcome::Failed => Self::Rejected,
            Outcome::Conflict => Self::Conflicts,
            Outcome::InDoubt => Self::InDoubt,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Rejected => "rejected",
            Self::Conflicts => "conflicts",
            Self::InDoubt => "indoubt",
        }
    }
}

impl Verdict {
    fn of_reject(reject: RejectedRow) -> Self {
        let RejectedRow { line, field, value, reason, raw, .. } = reject;
        let (action, reason) = (Outcome::Rejected.word(), Some(reason));
        Self { action, line, field, value, reason, raw, ..Self::default() }
    }

    fn of_outcome(row: LoadedRow) -> Self {
        let LoadedRow { id, outcome, field, value, reason, sides, .. } = row;
        Self { action: outcome.word(), id, field, value, reason, sides, ..Self::default() }
    }

    /// A further reason for the same row.
    fn and(mut self, further: &RejectedRow) -> Self {
        self.reason = self.reason.map(|reason| format!("{reason}; {}", further.reason));
        self.line = self.line.or(further.line);
        self.raw = self.raw.or_else(|| further.raw.clone());
        self
    }
}

/// The files being written.
struct Files<'a> {
    folder: &'a Path,
    origin: &'a Origin<'a>,
    /// Positions of the columns that are the source's own: those of an earlier `rejected.csv` are left out.
    own: Vec<usize>,
    writers: BTreeMap<Kind, csv::Writer<BufWriter<NamedTempFile>>>,
}

impl<'a> Files<'a> {
    fn new(folder: &'a Path, origin: &'a Origin<'a>) -> Self {
        let own = (0..origin.headers.len()).filter(|at| !origin.headers[*at].starts_with(PREFIX)).collect();
        Self { folder, origin, own, writers: BTreeMap::new() }
    }

    fn write(&mut self, row: u64, staged: Option<&StagedRow>, kind: Kind, verdict: &Verdict) -> Result<()> {
        let (line, cells) = staged.map_or((None, Vec::new()), self.origin.original);
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let (row, line) = (row.to_string(), number(verdict.line.or(line)));
        let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let ours = [
            self.origin.file.to_owned(),
            row,
            line,
            verdict.action.to_owned(),
            text(&verdict.id),
            text(&verdict.field),
            text(&verdict.value),
            text(&verdict.reason),
            text(&verdict.raw),
        ];
        // Rows that could not be taken apart have no cells.
        let original = self.own.iter().map(|at| cells.get(*at).map_or("", String::as_str));
        let sides = verdict.sides.iter().map(String::as_str).filter(|_| kind == Kind::Conflicts);
        let record: csv::StringRecord =
            ours.iter().map(String::as_str).chain(sides).chain(original).collect();
        let folder = self.folder;
        self.writer(kind)?.write_record(&record).map_err(|cause| failed(folder, kind).because(cause))
    }

    fn writer(&mut self, kind: Kind) -> Result<&mut csv::Writer<BufWriter<NamedTempFile>>> {
        if !self.writers.contains_key(&kind) {
            let file = NamedTempFile::with_prefix_in(".new-", self.folder)
                .during(|| format!("cannot write to `{}`", self.folder.display()))?;
            let mut writer = csv::WriterBuilder::new().from_writer(BufWriter::with_capacity(1 << 16, file));
            let own = self.own.iter().map(|at| self.origin.headers[*at].as_str());
            let sides = SIDES.into_iter().filter(|_| kind == Kind::Conflicts);
            writer
                .write_record(COLUMNS.into_iter().chain(sides).chain(own))
                .map_err(|cause| failed(self.folder, kind).because(cause))?;
            self.writers.insert(kind, writer);
        }
        Ok(self.writers.get_mut(&kind).expect("it was inserted above"))
    }

    /// Makes the files durable under their names, and removes those of an earlier life that have no rows now.
    fn finish(mut self) -> Result<BTreeMap<String, PathBuf>> {
        let mut written = BTreeMap::new();
        for kind in [Kind::Succeeded, Kind::Rejected, Kind::Conflicts, Kind::InDoubt] {
            let path = path(self.folder, kind);
            let during = || format!("cannot write `{}`", path.display());
            match self.writers.remove(&kind) {
                Some(writer) => {
                    let buffer = writer
                        .into_inner()
                        .map_err(|cause| failed(self.folder, kind).because(cause.into_error()))?;
                    let file = buffer
                        .into_inner()
                        .map_err(|cause| failed(self.folder, kind).because(cause.into_error()))?;
                    file.as_file().sync_all().during(during)?;
                    file.persist(&path).map_err(|failed| failed.error).during(during)?;
                    written.insert(kind.name().to_owned(), path);
                }
                None => match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error).during(|| format!("cannot remove `{}`", path.display()));
                    }
                    _ => {}
                },
            }
        }
        File::open(self.folder)
            .and_then(|folder| folder.sync_all())
            .during(|| format!("cannot write to `{}`", self.folder.display()))?;
        Ok(written)
    }
}

/// The next rows of the load with an outcome, the ones in doubt among them.
fn loaded_after(journal: &Journal, row: u64) -> Result<Vec<LoadedRow>> {
    let mut query = journal.db().prepare_cached(
        "SELECT r.row, r.id, r.outcome, r.field, r.value,
                coalesce(r.reason, (SELECT answer FROM load_op o
                                    WHERE o.row = r.row AND o.state IN ('intent', 'doubt') ORDER BY seq LIMIT 1)),
                (SELECT conflicts FROM load_merge m WHERE m.row = r.row)
         FROM load_row r
         WHERE r.row > ? AND (r.outcome IS NOT NULL OR EXISTS(
             SELECT 1 FROM load_op o WHERE o.row = r.row AND o.state IN ('intent', 'doubt')))
         ORDER BY r.row LIMIT ?",
    )?;
    let rows = query.query_map(params![row, PAGE as i64], |row| {
        let word: Option<String> = row.get(2)?;
        let outcome = word.as_deref().and_then(Outcome::from_word).unwrap_or(Outcome::InDoubt);
        let (number, id, field, value, reason) =
            (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?, row.get(5)?);
        let noted: Option<String> = row.get(6)?;
        Ok((LoadedRow { row: number, id, outcome, field, value, reason, sides: Default::default() }, noted))
    })?;
    rows.map(|row| {
        let (row, noted) = row?;
        Ok(LoadedRow { sides: noted.map_or(Ok(row.sides), |text| sides(&text))?, ..row })
    })
    .collect()
}

/// Single rows of something that comes in pages; an empty page is the end.
fn paged<T>(mut page: impl FnMut() -> Result<Vec<T>>) -> impl Iterator<Item = Result<T>> {
    let mut rows: VecDeque<T> = VecDeque::new();
    let mut ended = false;
    std::iter::from_fn(move || {
        if rows.is_empty() && !ended {
            match page() {
                Ok(next) => rows.extend(next),
                Err(error) => {
                    ended = true;
                    return Some(Err(error));
                }
            }
            ended = rows.is_empty();
        }
        rows.pop_front().map(Ok)
    })
}

type Peekable<T> = std::iter::Peekable<T>;

/// The row number that comes next.
fn peeked<T>(
    rows: &mut Peekable<impl Iterator<Item = Result<T>>>,
    number: impl Fn(&T) -> u64,
) -> Result<Option<u64>> {
    match rows.next_if(Result::is_err) {
        Some(Err(error)) => Err(error),
        _ => Ok(rows.peek().and_then(|next| next.as_ref().ok()).map(number)),
    }
}

/// The next row, if it is the wanted one.
fn taken<T>(
    rows: &mut Peekable<impl Iterator<Item = Result<T>>>,
    wanted: impl Fn(&T) -> bool,
) -> Result<Option<T>> {
    rows.next_if(|next| next.as_ref().map_or(true, &wanted)).transpose()
}

fn path(folder: &Path, kind: Kind) -> PathBuf {
    folder.join(format!("{}.csv", kind.name()))
}

fn failed(folder: &Path, kind: Kind) -> Error {
    Error::stopped(format!("cannot write `{}`", path(folder, kind).display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Completeness;
    use crate::extract::staging::Staging;
    use crate::load::target::OperationKind::Create;
    use crate::record::RawRecord;
    use crate::record::census::Census;
    use crate::report::counts::sample::{journal, open, settled};
    use proptest::prelude::*;

    fn staged(row: u64) -> StagedRow {
        let raw = format!("[\"{row}\",\"old reason\",\"Zoë \\\"{row}\\\"\\nMüller\"]");
        StagedRow {
            row,
            record: RawRecord { id: None, kind: None, created: None, updated: None, raw },
            line: None,
        }
    }

    fn reject(row: u64, stage: &str) -> RejectedRow {
        RejectedRow {
            row,
            line: Some(row * 2),
            stage: stage.into(),
            field: None,
            value: None,
            reason: format!("{stage} refused it"),
            raw: Some("a,b".into()),
        }
    }

    fn parts(folder: &Path, rows: Vec<StagedRow>) -> StagedRows {
        let mut staging = Staging::open(folder, "extract").unwrap();
        staging.rows("all", rows, Census::default()).unwrap();
        staging.finish(&Completeness::Complete).unwrap();
        staging.read().unwrap()
    }

    fn read(path: &Path) -> Vec<Vec<String>> {
        let mut reader = csv::Reader::from_path(path).unwrap();
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn rows_keep_their_own_columns_behind_ours() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let rows = parts(folder, vec![staged(1), staged(3), staged(4), staged(5), staged(6)]);
        let journal = journal(folder);
        let mut rejects = Rejects::open(folder).unwrap();
        rejects.add(reject(2, "extract")).unwrap();
        journal.add(&settled(1, Outcome::Unchanged)).unwrap();
        journal.add(&settled(3, Outcome::Conflict)).unwrap();
        for row in 4..=6 {
            journal.add(&open(row, Create, vec![])).unwrap();
        }
        journal.doubt(4, 0, "the answer was lost", false).unwrap();
        journal.refuse(5, 0, "422: name missing").unwrap();
        std::fs::write(folder.join("succeeded.csv"), "old").unwrap();
        let headers = ["n", "_ferry_reason", "name"].map(str::to_owned);
        let original =
            |staged: &StagedRow| (Some(staged.row + 1), serde_json::from_str(&staged.record.raw).unwrap());
        let origin = Origin { file: "people.csv", headers: &headers, original: &original };
        let files = write_results(folder, &origin, rows, &mut rejects, Some(&journal)).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["conflicts", "indoubt", "rejected", "succeeded"]);
        assert_eq!(
            std::fs::read_to_string(&files["rejected"]).unwrap(),
            "_ferry_file,_ferry_row,_ferry_line,_ferry_action,_ferry_id,_ferry_field,_ferry_value,_ferry_reason,\
             _ferry_raw,n,name\n\
             people.csv,2,4,rejected,,,,extract refused it,\"a,b\",,\n\
             people.csv,5,6,failed,,,,422: name missing,,5,\"Zoë \"\"5\"\"\nMüller\"\n"
        );
        let doubt = &read(&files["indoubt"])[0];
        assert_eq!(&doubt[1..9], ["4", "5", "in doubt", "", "", "", "the answer was lost", ""]);
        assert_eq!(read(&files["succeeded"]).len(), 1);
        assert_eq!(read(&files["conflicts"])[0][5..8], ["Email", "a@x", "row 3 is conflict"]);
    }

    #[test]
    fn without_a_load_only_rejected_rows_are_written_and_old_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let rows = parts(folder, vec![staged(1), staged(2)]);
        let mut rejects = Rejects::open(folder).unwrap();
        rejects.add(reject(2, "transform")).unwrap();
        std::fs::write(folder.join("conflicts.csv"), "old").unwrap();
        let original = |_: &StagedRow| (None, vec![]);
        let origin = Origin { file: "nimble:contacts", headers: &[], original: &original };
        let files = write_results(folder, &origin, rows, &mut rejects, None).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["rejected"]);
        assert!(!folder.join("conflicts.csv").exists());
    }

    proptest! {
        /// Whatever became of the rows, each with an outcome is handed on exactly once, in order, and rejected
        /// ones as rejected.
        #[test]
        fn every_row_is_in_exactly_one_file(fates in proptest::collection::vec((any::<bool>(), 0u8..11), 0..80)) {
            let numbered = || fates.iter().enumerate().map(|(at, fate)| (at as u64 + 1, fate));
            let originals = numbered().filter(|(_, (present, fate))| *present || *fate < 9);
            let outcomes = [
                Outcome::Created, Outcome::Updated, Outcome::Unchanged, Outcome::Skipped, Outcome::Rejected,
                Outcome::Conflict, Outcome::Failed, Outcome::InDoubt,
            ];
            let loaded = numbered().filter_map(|(row, (_, fate))| {
                let outcome = *outcomes.get(usize::from(*fate))?;
                Some(Ok(LoadedRow { row, id: None, outcome, field: None, value: None, reason: None, sides: Default::default() }))
            });
            let rejected = numbered().filter(|(_, (_, fate))| *fate >= 9).flat_map(|(row, (_, fate))| {
                ["extract", "transform"].into_iter().take(usize::from(*fate) - 8).map(move |stage| Ok(reject(row, stage)))
            });
            let mut seen = Vec::new();
            merge(originals.map(|(row, _)| Ok(staged(row))), loaded, rejected, &mut |row, original, kind, verdict| {
                seen.push((row, original.map(|staged| staged.row), kind, verdict.action));
                Ok(())
            }).unwrap();
            let expected: Vec<_> = numbered().filter(|(_, (_, fate))| *fate != 8).map(|(row, (present, fate))| {
                let outcome = outcomes.get(usize::from(*fate)).copied().unwrap_or(Outcome::Rejected);
                let original = (*present || *fate < 9).then_some(row);
                (row, original, Kind::of(outcome), outcome.word())
            }).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
