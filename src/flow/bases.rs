//! Where the bases of a sheet come from: earlier reads of the same account, and earlier imports of the same sheet
//! (design section 9.8).
//!
//! Every finished read of an account keeps its records with id and time of the last change, whatever it was for,
//! so nothing is written down for later merges but what an import brought from the sheet to the service: these
//! cells lie over the base when the same file is imported again. They are kept in `bases` of the state folder, a
//! file an account, and count only for that file: another copy of the export knows nothing of them.

use super::context::Context;
use super::job::{Job, Place};
use super::undo::refuse_undone;
use crate::account::Account;
use crate::error::{Error, IoContext, Result};
use crate::extract::staging::{Stored, stored};
use crate::load::bases::{Bases, Candidate};
use crate::load::journal::{Edited, Journal};
use crate::load::merge::Edits;
use crate::run::folder::RunEntry;
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder below the state folder.
const FOLDER: &str = "bases";
/// No more earlier reads than these are looked through, the newest of them.
const MOST: usize = 100;
/// The stage that holds what a run has read.
pub(super) const STAGE: &str = super::input::STAGE;

/// An earlier read that rows of a sheet were made from.
pub(super) struct Export {
    /// Its run's folder.
    pub(super) folder: PathBuf,
    /// What was asked of it.
    pub(super) job: Job,
    /// What it read; its rows are taken already.
    pub(super) stored: Stored,
}

/// Whether two versions of a record, each with the fields that its read asked for, hold the same.
pub(super) type IsSame<'a> = dyn Fn([(&[String], &str); 2]) -> bool + 'a;

/// Finds the bases of the rows that `bases` wants. An export that wrote the very file comes first, then the newest.
/// `is_same` compares versions in the sheet's columns.
pub(super) fn gather(
    context: &Context,
    job: &Job,
    this: &str,
    account: &Account,
    bases: &Bases,
    is_same: &IsSame<'_>,
) -> Result<Vec<Export>> {
    let mut exports = Vec::new();
    let candidates = candidates(context, job, this, account)?;
    for one in &candidates {
        if bases.missing()? == 0 {
            break;
        }
        let Some(mut read) = stored(&one.entry.path, STAGE)? else { continue };
        let number = exports.len();
        if bases.find(&one.numbered(number, &one.entry.checkpoint()))? == 0 {
            continue;
        }
        bases.take(number, read.rows.take())?;
        exports.push(Export { folder: one.entry.path.clone(), job: one.job.clone(), stored: read });
    }
    find_unread(&candidates, bases, &mut exports)?;
    doubt(context, &candidates, bases, &exports, is_same)?;
    let further = path(context, account);
    if let (Some(sheet), true) = (sheet(job), further.is_file()) {
        forget_removed(context, &open(context, account)?)?;
        bases.lay_over(&further, &sheet)?;
    }
    Ok(exports)
}

/// Finds the bases of rows whose version cannot be read, as a spreadsheet leaves times: sound only where the file is an
/// export's, and no other version of the record was ever exported.
fn find_unread(candidates: &[Earlier], bases: &Bases, exports: &mut Vec<Export>) -> Result<()> {
    // More reads there may be, which nobody looks through.
    if bases.unread()? == 0 || candidates.len() == MOST {
        return Ok(());
    }
    let mut own = None;
    for one in candidates {
        let Some(read) = stored(&one.entry.path, STAGE)? else { continue };
        bases.note_versions(&one.numbered(0, &one.entry.checkpoint()))?;
        if one.is_own && own.is_none() {
            own = Some((one, read));
        }
    }
    let Some((one, mut read)) = own else { return Ok(()) };
    let known = exports.iter().position(|export| export.folder == one.entry.path);
    let number = known.unwrap_or(exports.len());
    if bases.find_only(&one.numbered(number, &one.entry.checkpoint()))? == 0 {
        return Ok(());
    }
    bases.take(number, read.rows.take())?;
    if known.is_none() {
        exports.push(Export { folder: one.entry.path.clone(), job: one.job.clone(), stored: read });
    }
    Ok(())
}

/// Takes the bases from rows of a file that no export wrote, where exports hold different content under the version
/// that a row carries: a service may change a record twice within the precision of its times.
fn doubt(
    context: &Context,
    candidates: &[Earlier],
    bases: &Bases,
    exports: &[Export],
    is_same: &IsSame<'_>,
) -> Result<()> {
    if bases.from_elsewhere()? == 0 {
        return Ok(());
    }
    for one in candidates {
        if context.stop.is_requested() {
            return Err(Error::stopped("stopped before the plan was made"));
        }
        let Some(mut read) = stored(&one.entry.path, STAGE)? else { continue };
        let number = exports.iter().position(|export| export.folder == one.entry.path);
        let checkpoint = one.entry.checkpoint();
        if bases.held_too(&one.numbered(number.unwrap_or(exports.len()), &checkpoint))? > 0 {
            let is_same = |export: usize, base: &str, raw: &str| {
                let asked = exports.get(export).map(|export| export.job.selection.fields.as_slice());
                is_same([(asked.unwrap_or_default(), base), (&one.job.selection.fields, raw)])
            };
            bases.doubt(read.rows.take(), &is_same)?;
        }
    }
    Ok(())
}

/// Notes what an import brought from its sheet to the service, as a further base of the same sheet.
pub(super) fn remember(
    context: &Context,
    job: &Job,
    this: &str,
    account: &Account,
    journal: &Journal,
) -> Result<()> {
    let Some(sheet) = sheet(job) else { return Ok(()) };
    let mut db = None;
    journal.edited_rows(|edited| {
        if db.is_none() {
            let opened = open(context, account)?;
            opened.execute_batch("BEGIN IMMEDIATE")?;
            db = Some(opened);
        }
        if let Some(db) = &db {
            let cells = brought_first(db, &sheet, this, &edited)?;
            if cells != "{}" {
                let sql = "INSERT OR REPLACE INTO brought(sheet, id, version, run, asked, cells)
                           VALUES(?, ?, ?, ?, ?, ?)";
                let values = params![sheet, edited.id, edited.version, this, job.asked, cells];
                db.prepare_cached(sql)?.execute(values)?;
            }
        }
        Ok(())
    })?;
    match db {
        Some(db) => Ok(db.execute_batch("COMMIT")?),
        None => Ok(()),
    }
}

/// The cells of a row that this run has brought over, as JSON by place, without those that another import of the sheet
/// had brought before: when that one is taken back, they are no longer there.
fn brought_first(db: &Connection, sheet: &str, this: &str, edited: &Edited) -> Result<String> {
    let damaged = |cause| Error::stopped("what is known of earlier imports is damaged").because(cause);
    let parsed = |text: &str| serde_json::from_str::<Edits>(text).map_err(damaged);
    let sql = "SELECT cells FROM brought WHERE sheet = ? AND id = ? AND version = ? AND run <> ? ORDER BY asked, run";
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query(params![sheet, edited.id, edited.version, this])?;
    let mut before = Edits::new();
    while let Some(row) = rows.next()? {
        before.extend(parsed(&row.get::<_, String>(0)?)?);
    }
    let mut cells = parsed(&edited.edits)?;
    cells.retain(|place, values| before.get(place) != Some(values));
    serde_json::to_string(&cells).map_err(damaged)
}

/// A run that has read the account's records as they are.
struct Earlier {
    entry: RunEntry,
    job: Job,
    /// Whether it wrote the file that is imported.
    is_own: bool,
}

impl Earlier {
    fn numbered<'a>(&'a self, export: usize, checkpoint: &'a Path) -> Candidate<'a> {
        Candidate { export, asked: &self.job.asked, checkpoint, stage: STAGE, is_own: self.is_own }
    }
}

/// Such runs, those first that wrote the file, then the newest.
fn candidates(context: &Context, job: &Job, this: &str, account: &Account) -> Result<Vec<Earlier>> {
    let sheet = sheet(job);
    let mut found = Vec::new();
    for entry in context.runs.list()?.into_iter().rev().filter(|entry| entry.name != this) {
        let Ok(earlier) = entry.job::<Job>() else { continue };
        // A mapped export's columns are others.
        // A retry has what another run has read already, perhaps repaired.
        if earlier.retry.is_some() {
            continue;
        }
        let plain = earlier.mapping.is_none() || !matches!(earlier.target, Some(Place::File { .. }));
        if plain && earlier.source.account() == Some(account) {
            let is_own = sheet.is_some() && earlier.target.as_ref().and_then(file) == sheet;
            found.push(Earlier { entry, job: earlier, is_own });
        }
    }
    found.sort_by_key(|earlier| !earlier.is_own);
    found.truncate(MOST);
    Ok(found)
}

/// The file that is imported, by its path.
pub(super) fn sheet(job: &Job) -> Option<String> {
    file(&job.source)
}

fn file(place: &Place) -> Option<String> {
    match place {
        Place::File { endpoint, .. } if !endpoint.is_standard_stream() => {
            Some(endpoint.path.to_string_lossy().into_owned())
        }
        _ => None,
    }
}

/// The file that holds what is known of an account's sheets.
pub(super) fn path(context: &Context, account: &Account) -> PathBuf {
    context.runs.state().join(FOLDER).join(format!("{}.sqlite", account.file_name()))
}

/// Opens that file, made if need be.
pub(super) fn open(context: &Context, account: &Account) -> Result<Connection> {
    let path = path(context, account);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).during(|| format!("cannot create `{}`", folder.display()))?;
    }
    let db = Connection::open(&path)?;
    db.busy_timeout(Duration::from_secs(30))?;
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS brought(sheet TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
             run TEXT NOT NULL, asked TEXT NOT NULL, cells TEXT NOT NULL, PRIMARY KEY(sheet, id, version, run))
             WITHOUT ROWID",
    )?;
    Ok(db)
}

/// What a run brought over counts no longer when its folder is gone or it was taken back: the sheet's edits are then
/// wishes again.
fn forget_removed(context: &Context, db: &Connection) -> Result<()> {
    let mut query = db.prepare("SELECT DISTINCT run FROM brought")?;
    let runs = query.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let known = context.runs.list()?;
    let stands = |run: &String| {
        let entry = known.iter().find(|entry| &entry.name == run);
        entry.is_some_and(|entry| refuse_undone(entry).is_ok())
    };
    for run in runs.iter().filter(|run| !stands(run)) {
        db.execute("DELETE FROM brought WHERE run = ?", [run])?;
    }
    Ok(())
}
