//! The files that the tour begins with, carried in the program, and the one cell that it edits.

use crate::error::{Error, IoContext, Result};
use std::path::{Path, PathBuf};

/// Name and content of each.
const FILES: [(&str, &[u8]); 8] = [
    ("leads.csv", include_bytes!("../../../samples/leads.csv")),
    ("leads-nimble.toml", include_bytes!("../../../samples/leads-nimble.toml")),
    ("leads-nethunt.toml", include_bytes!("../../../samples/leads-nethunt.toml")),
    ("kontakte.csv", include_bytes!("../../../samples/kontakte.csv")),
    ("kontakte-nimble.toml", include_bytes!("../../../samples/kontakte-nimble.toml")),
    ("people.jsonl", include_bytes!("../../../samples/people.jsonl")),
    ("people-nimble.toml", include_bytes!("../../../samples/people-nimble.toml")),
    ("nimble-contacts-nethunt.toml", include_bytes!("../../../mappings/nimble-contacts-nethunt.toml")),
];

/// Makes a fresh folder with the files in it: `wanted` or, where that exists, the first free of `wanted-2`,
/// `wanted-3`, … Nothing that is there already is touched.
///
/// # Errors
/// When the folder or a file cannot be written.
pub(super) fn lay_out(wanted: &Path) -> Result<PathBuf> {
    let folder = fresh(wanted)?;
    for (name, content) in FILES {
        let path = folder.join(name);
        std::fs::write(&path, content).during(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(folder)
}

fn fresh(wanted: &Path) -> Result<PathBuf> {
    if let Some(parent) = wanted.parent() {
        std::fs::create_dir_all(parent).during(|| format!("cannot make `{}`", parent.display()))?;
    }
    for number in 1u32.. {
        let mut name = wanted.as_os_str().to_owned();
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let folder = PathBuf::from(name);
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).during(|| format!("cannot make `{}`", folder.display())),
        }
    }
    Err(Error::input(format!("there are too many folders like `{}`", wanted.display())))
}

/// Writes `new` over the one cell of a column that holds `old`, as a person would in a spreadsheet.
///
/// # Errors
/// When the file cannot be read or written, or not exactly one cell holds `old`.
pub(super) fn edit_cell(path: &Path, column: &str, old: &str, new: &str) -> Result<()> {
    let failed =
        |cause: csv::Error| Error::stopped(format!("cannot edit `{}`", path.display())).because(cause);
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let header = reader.headers().map_err(failed)?.clone();
    let place = header.iter().position(|name| name == column);
    let mut rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(failed)?;
    let mut found: Vec<_> =
        rows.iter_mut().filter(|row| place.and_then(|place| row.get(place)) == Some(old)).collect();
    let [row] = found.as_mut_slice() else {
        return Err(Error::check(format!("{} cells of `{column}` hold `{old}`, not one", found.len())));
    };
    **row = row.iter().map(|cell| if cell == old { new } else { cell }).collect();
    let mut writer = csv::Writer::from_path(path).map_err(failed)?;
    writer.write_record(&header).map_err(failed)?;
    rows.iter().try_for_each(|row| writer.write_record(row)).map_err(failed)?;
    writer.flush().during(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tour_has_a_folder_of_its_own() {
        let place = tempfile::tempdir().unwrap();
        let wanted = place.path().join("a/tour");
        let first = lay_out(&wanted).unwrap();
        std::fs::write(first.join("leads.csv"), "mine").unwrap();
        assert_eq!(first, wanted);
        assert_eq!(lay_out(&wanted).unwrap(), place.path().join("a/tour-2"));
        assert_eq!(std::fs::read_to_string(first.join("leads.csv")).unwrap(), "mine");
    }

    #[test]
    fn one_cell_is_edited_and_no_other() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.csv");
        std::fs::write(&path, "x,y\n\"1,5\",old\n2,new\n").unwrap();
        edit_cell(&path, "y", "old", "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x,y\n\"1,5\",new\n2,new\n");
        assert_eq!(edit_cell(&path, "y", "new", "z").unwrap_err().class().exit_code(), 4);
    }
}
