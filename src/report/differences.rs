//! `differences.csv`: what was read back after a load and is not as it was meant, one line a field, in row order.
//! There is no such file where everything is.

use super::summary::DIFFERENCES;
use crate::error::{Error, IoContext, Result};
use crate::load::journal::Journal;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const COLUMNS: [&str; 6] =
    ["_ferry_row", "_ferry_id", "_ferry_field", "_ferry_meant", "_ferry_found", "_ferry_reason"];

/// A journal whose rows were read back; with the stream's name where they are no rows of the run's own, but records
/// that it made there for links.
pub type Verified<'a> = (Option<&'a str>, &'a Journal);

/// Writes the file into a run's folder, or removes an older one where nothing differs. Returns its path if it is
/// there, and the first few differences as lines for people.
///
/// # Errors
/// When the checkpoint cannot be read or the disk is full.
pub fn write_differences(
    folder: &Path,
    verified: &[Verified<'_>],
    shown: usize,
) -> Result<(Option<PathBuf>, Vec<String>)> {
    let path = folder.join(format!("{DIFFERENCES}.csv"));
    let during = || format!("cannot write `{}`", path.display());
    let failed = |cause: csv::Error| Error::stopped(during()).because(cause);
    let file = NamedTempFile::with_prefix_in(".new-", folder).during(during)?;
    let mut writer = csv::Writer::from_writer(BufWriter::with_capacity(1 << 16, file));
    writer.write_record(COLUMNS).map_err(failed)?;
    let mut lines = Vec::new();
    let mut any = false;
    for (stream, journal) in verified {
        journal.each_difference(|noted| {
            any = true;
            let (row, note) = match stream {
                None => (noted.row.to_string(), noted.note),
                Some(stream) => (String::new(), of_linked(stream, &noted.note)),
            };
            let (meant, found) = (noted.difference.meant.join("; "), noted.difference.found.join("; "));
            let cells = [&row, &noted.id, &noted.difference.field, &meant, &found, &note];
            writer.write_record(cells).map_err(failed)?;
            if lines.len() < shown {
                lines.push(line(&row, &noted.id, &noted.difference.field, &meant, &found, &note));
            }
            Ok(())
        })?;
    }
    if !any {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).during(|| format!("cannot remove `{}`", path.display()))
            }
            _ => Ok((None, lines)),
        };
    }
    let file = writer
        .into_inner()
        .map_err(|error| error.into_error())
        .and_then(|buffer| buffer.into_inner().map_err(std::io::IntoInnerError::into_error))
        .during(during)?;
    file.as_file().sync_all().during(during)?;
    file.persist(&path).map_err(|error| error.error).during(during)?;
    Ok((Some(path), lines))
}

fn of_linked(stream: &str, note: &str) -> String {
    let made = format!("made in {stream} for links");
    if note.is_empty() { made } else { format!("{made}; {note}") }
}

fn line(row: &str, id: &str, field: &str, meant: &str, found: &str, note: &str) -> String {
    let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
    let row = if row.is_empty() { String::new() } else { format!("row {row}, ") };
    match field {
        "" => format!("{row}record {id}: not as written{note}"),
        field => format!("{row}record {id}: {field} is `{found}`, written was `{meant}`{note}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::journal::Unchecked;
    use crate::load::target::Difference;
    use crate::run::checkpoint;

    #[test]
    fn each_difference_is_a_line_and_without_any_there_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(checkpoint::open(&folder.path().join("c.sqlite")).unwrap()).unwrap();
        journal.begin_checks().unwrap();
        std::fs::write(folder.path().join("differences.csv"), "old").unwrap();
        assert_eq!(write_differences(folder.path(), &[(None, &journal)], 5).unwrap(), (None, Vec::new()));
        assert!(!folder.path().join("differences.csv").exists());
        let of = Unchecked { row: 7, id: "64b0".into() };
        let title = Difference { field: "title".into(), meant: vec!["CEO".into()], found: Vec::new() };
        journal.differs(&of, &[title], "changed by Bob").unwrap();
        let (path, lines) = write_differences(folder.path(), &[(None, &journal)], 5).unwrap();
        let text = std::fs::read_to_string(path.unwrap()).unwrap();
        assert!(text.ends_with("\n7,64b0,title,CEO,,changed by Bob\n"), "{text}");
        assert_eq!(lines, ["row 7, record 64b0: title is ``, written was `CEO` (changed by Bob)"]);
        assert_eq!(journal.checked().unwrap().unverified, 1);
        let linked = [(Some("nethunt:Companies"), &journal)];
        let (_, lines) = write_differences(folder.path(), &linked, 5).unwrap();
        let note = "made in nethunt:Companies for links; changed by Bob";
        assert_eq!(lines, [format!("record 64b0: title is ``, written was `CEO` ({note})")]);
    }
}
