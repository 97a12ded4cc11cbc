//! What many tests share: the accounts of a run, its result files, who is at the service how often, and links.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{Output, Rehearsal};

/// The result files of a run (design section 5).
const RESULTS: [&str; 4] = ["succeeded.csv", "rejected.csv", "conflicts.csv", "indoubt.csv"];

/// The accounts balance, by the sums of design section 4.
#[track_caller]
pub(crate) fn assert_balanced(out: &Output) {
    let sum = |keys: &[&str]| keys.iter().map(|key| out.count(key)).sum::<u64>();
    assert_eq!(out.count("read"), sum(&["filtered", "rejected", "mapped"]), "{}", out.transcript());
    let outcomes = [
        "written",
        "created",
        "updated",
        "deleted",
        "unchanged",
        "skipped",
        "conflicts",
        "failed",
        "in_doubt",
        "pending",
    ];
    assert_eq!(out.count("mapped"), sum(&outcomes), "{}", out.transcript());
}

/// The rows of a result file, each by its headers; none where there is no such file.
pub(crate) fn result_rows(run: &Path, file: &str) -> Vec<BTreeMap<String, String>> {
    let Ok(mut reader) = csv::Reader::from_path(run.join(file)) else { return Vec::new() };
    reader.deserialize().map(Result::unwrap).collect()
}

/// Every row from 1 to `rows` stands in exactly one result file, once.
#[track_caller]
pub(crate) fn assert_every_row_has_one_result(run: &Path, rows: u64) {
    let mut found: Vec<u64> = RESULTS
        .iter()
        .flat_map(|file| result_rows(run, file))
        .map(|row| row["_ferry_row"].parse().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, (1..=rows).collect::<Vec<_>>());
}

/// The folder of the run that a summary is about.
pub(crate) fn run_of(rehearsal: &Rehearsal, out: &Output) -> std::path::PathBuf {
    rehearsal.path(".ferry/runs").join(out.summary()["run"].as_str().unwrap())
}

/// How often each name stands at a service.
pub(crate) fn tally(names: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for name in names {
        *tally.entry(name).or_default() += 1;
    }
    tally
}

/// The values of a contact's field in the simulated Nimble, as its state file has them.
pub(crate) fn contact_values(contact: &Value, field: &str) -> Vec<String> {
    let flat = contact["fields"].as_array().unwrap();
    flat.chunks(4).filter(|quad| quad[0] == field).map(|quad| quad[1].as_str().unwrap().to_owned()).collect()
}

/// The first value of a contact's field, or nothing.
pub(crate) fn contact_value(contact: &Value, field: &str) -> String {
    contact_values(contact, field).into_iter().next().unwrap_or_default()
}

/// The id of a record or a contact, as an answer or the state of the simulator has it.
pub(crate) fn record_id(record: &Value) -> String {
    ["recordId", "id"].iter().find_map(|key| record[*key].as_str()).unwrap().to_owned()
}

/// A mapping of records by name, each with a link to a company by its name, which stands in the column of the field's
/// name; `missing` says what becomes of one that is not there.
pub(crate) fn linking(field: &str, missing: &str) -> String {
    let column = field.to_lowercase();
    format!(
        "[mapping]\nkey = [\"Name\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n[[field]]\nto = \"{field}\"\n\
         from = \"{column}\"\nlink = {{ stream = \"nethunt:Companies\", by = \"Name\", missing = \"{missing}\" }}\n"
    )
}
