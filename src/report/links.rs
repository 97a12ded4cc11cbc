//! What a load's links came to: lines for people, and `links.csv` in the run's folder (design 9.5).

use super::figures::{count, counted, shortened};
use crate::error::{IoContext, Result};
use crate::load::journal::{Journal, LinkCount, LinkState};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The file of links that did not simply find their record.
pub const LINKS: &str = "links.csv";

/// How many missing records are shown, and how much of each.
const SHOWN: usize = 5;
const VALUE: usize = 30;
/// Links read at a time.
const PAGE: usize = 1_000;

/// The links by field and what they came to; nothing where all found their records. `streams` are the linked
/// streams' names.
///
/// # Errors
/// When the checkpoint cannot be used.
pub fn link_table(journal: &Journal, streams: &[&str]) -> Result<Option<String>> {
    let counts = journal.link_counts()?;
    if counts.is_empty() {
        return Ok(None);
    }
    let widest = counts.iter().map(|links| count(links.count).len()).max().unwrap_or(0);
    let line = |links: &LinkCount| {
        let stream = streams.get(links.stream).copied().unwrap_or_default();
        let what = match links.state {
            LinkState::Row => "to other rows, written when these are there".to_owned(),
            LinkState::Side => format!("to records of {stream} that are made first"),
            LinkState::Missing => format!("to records that {stream} does not have: rejected"),
            LinkState::Blank => format!("to records that {stream} does not have: left as they are"),
            LinkState::Ambiguous => format!("to several records of {stream}: rejected"),
        };
        format!("  {:>widest$} {}: {what}", count(links.count), links.field)
    };
    let lines = counts.iter().map(line);
    Ok(Some(std::iter::once("links".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")))
}

/// What has to be made first in a linked stream, as a line; nothing when that is nothing.
///
/// # Errors
/// When its journal cannot be used.
pub fn missing_line(stream: &str, made: &Journal) -> Result<Option<String>> {
    let open = made.open_operations()?;
    if open == 0 {
        return Ok(None);
    }
    let mut query =
        made.db().prepare_cached("SELECT value FROM load_row WHERE outcome IS NULL ORDER BY row LIMIT ?")?;
    let values = query.query_map([SHOWN as i64], |row| row.get::<_, Option<String>>(0))?;
    let mut shown = Vec::new();
    for value in values {
        shown.push(shortened(&value?.unwrap_or_default(), VALUE));
    }
    let more = open.saturating_sub(shown.len() as u64);
    if more > 0 {
        shown.push(format!("{} more", count(more)));
    }
    Ok(Some(format!(
        "first, for links: {} to create in {stream}: {}",
        counted(open, "record"),
        shown.join(" · ")
    )))
}

/// Writes the links that did not simply find their record; none: no file, and an older one is removed.
///
/// # Errors
/// When the checkpoint cannot be used or the disk is full.
pub fn write_links(folder: &Path, journal: &Journal, streams: &[&str]) -> Result<Option<PathBuf>> {
    let path = folder.join(LINKS);
    let during = || format!("cannot write `{}`", path.display());
    if journal.link_counts()?.is_empty() {
        return match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(cause).during(during),
            _ => Ok(None),
        };
    }
    let file = NamedTempFile::with_prefix_in(".new-", folder).during(during)?;
    let mut writer = csv::Writer::from_writer(BufWriter::new(file));
    let failed = |cause: csv::Error| std::io::Error::other(cause);
    writer
        .write_record(["row", "field", "value", "stream", "link", "to_row", "reason"])
        .map_err(failed)
        .during(during)?;
    let mut after = (0, 0);
    loop {
        let links = journal.links_after(after, PAGE)?;
        let Some((place, last)) = links.last() else { break };
        after = (last.row, *place);
        for (_, link) in &links {
            let note = &link.note;
            let to_row = note.to.filter(|_| note.state == LinkState::Row);
            let record = [
                link.row.to_string(),
                note.field.clone(),
                note.value.clone(),
                streams.get(note.stream).copied().unwrap_or_default().to_owned(),
                word(note.state).to_owned(),
                to_row.map(|row| row.to_string()).unwrap_or_default(),
                note.why.clone().unwrap_or_default(),
            ];
            writer.write_record(&record).map_err(failed).during(during)?;
        }
    }
    let buffer = writer.into_inner().map_err(|cause| cause.into_error()).during(during)?;
    let file = buffer.into_inner().map_err(std::io::IntoInnerError::into_error).during(during)?;
    file.as_file().sync_all().during(during)?;
    file.persist(&path).map_err(|failed| failed.error).during(during)?;
    File::open(folder).and_then(|folder| folder.sync_all()).during(during)?;
    Ok(Some(path))
}

/// What a link came to, in a word for people.
fn word(state: LinkState) -> &'static str {
    match state {
        LinkState::Row => "row",
        LinkState::Side => "made",
        LinkState::Missing => "missing",
        LinkState::Blank => "blank",
        LinkState::Ambiguous => "ambiguous",
    }
}
