//! Real files of people, where they lie beside the package: each goes through a mapping, and every row is accounted
//! for. Without them there is nothing to do, which is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Output, Rehearsal};

/// Mapping below the package, and the files that it is for.
const FILES: [(&str, &[&str]); 9] = [
    (
        "samples/public-data/au-councillors-nethunt.toml",
        &[
            "au-councillors/QLD-local_councillors.csv",
            "au-councillors/QLD-old-local_councillors.csv",
            "au-councillors/TAS-local_councillors.csv",
            "au-councillors/TAS-old-local_councillors.csv",
            "au-councillors/VIC-local_councillors.csv",
            "au-councillors/VIC-old-local_councillors.csv",
        ],
    ),
    ("samples/public-data/kr-assembly-nethunt.toml", &["kr-assembly/assembly.csv"]),
    (
        "samples/public-data/wikidata-people-nethunt.toml",
        &[
            "wikidata-politicians/world-bio.csv",
            "wikidata-politicians/kenya-bio.csv",
            "wikidata-politicians/india-members.csv",
            "wikidata-politicians/canada-members.csv",
            "wikidata-politicians/ukraine-rada6.csv",
            "wikidata-politicians/japan-representatives49.csv",
        ],
    ),
    (
        "samples/public-data/wikidata-memberships-nethunt.toml",
        &["wikidata-politicians/world-memberships.csv"],
    ),
    ("samples/public-data/tate-artists-nethunt.toml", &["tate-artists/artist_data.csv"]),
    (
        "samples/public-data/popular-names-nethunt.toml",
        &["popular-names/common-forenames-by-country.csv", "popular-names/common-surnames-by-country.csv"],
    ),
    (
        "samples/public-data/us-congress-offices-nethunt.toml",
        &["us-congress/legislators-district-offices.csv"],
    ),
    ("mappings/us-congress-nethunt.toml", &["us-congress/legislators-current.csv"]),
    ("mappings/us-congress-nimble.toml", &["us-congress/legislators-current.csv"]),
];

/// Rows of a file that are sent; the whole file is mapped into a file.
const SENT: u64 = 40;

/// The files of people; `None`, said once, where they are not there.
fn people() -> Option<PathBuf> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/people");
    if !data.is_dir() {
        println!("skipped: there are no files of people at ../shared/data/people");
        return None;
    }
    Some(data)
}

/// Every mapping with each of its files.
fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().flat_map(|(mapping, files)| files.iter().map(move |file| (*mapping, *file)))
}

/// How many rows a file has below its header, as another reader counts them.
fn rows_of(path: &Path) -> u64 {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_path(path).unwrap();
    rows.byte_records().inspect(|row| assert!(row.is_ok())).count() as u64
}

/// The rows of a file of rejected rows that has a reason for each of them, each row once.
fn rejected_rows(rehearsal: &Rehearsal, out: &Output) -> u64 {
    if out.count("rejected") == 0 {
        return 0;
    }
    let text = rehearsal.read(out.summary()["files"]["rejected"].as_str().unwrap());
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let headers = rows.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (row, reason) = (at("_ferry_row"), at("_ferry_reason"));
    let mut seen = BTreeSet::new();
    for record in rows.records().map(|record| record.unwrap()) {
        assert!(!record[reason].is_empty(), "{text}");
        seen.insert(record[row].to_owned());
    }
    seen.len() as u64
}

#[test]
fn every_row_of_the_people_files_is_mapped_or_has_a_reason() {
    let Some(data) = people() else { return };
    let rehearsal = Rehearsal::new("");
    for (mapping, file) in cases() {
        // Without its target, the mapping writes a file.
        let mapping = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(mapping);
        let mapping = std::fs::read_to_string(mapping).unwrap();
        let lines = mapping.lines().filter(|line| !line.starts_with("target"));
        rehearsal.file("m.toml", lines.collect::<Vec<_>>().join("\n"));
        let path = data.join(file);
        let path_text = path.display().to_string();
        let out = rehearsal.json(["export", path_text.as_str(), "-m", "m.toml", "-o", "o.csv"]);
        let [read, mapped, rejected, filtered] =
            ["read", "mapped", "rejected", "filtered"].map(|key| out.count(key));
        assert_eq!(read, rows_of(&path), "{file}: {}", out.transcript());
        assert_eq!(read, mapped + rejected + filtered, "{file}: {}", out.transcript());
        assert_eq!(mapped, rows_of(&rehearsal.path("o.csv")), "{file}: {}", out.transcript());
        assert_eq!(rejected, rejected_rows(&rehearsal, &out), "{file}");
        assert!(mapped > 200 && mapped * 100 >= read * 99, "{file}: {mapped} of {read}");
    }
}

#[test]
fn rows_of_the_people_files_are_made_in_the_services() {
    let Some(data) = people() else { return };
    for (mapping, file) in cases() {
        let target = if mapping.contains("nimble") { "nimble:contacts" } else { "nethunt:Contacts" };
        let mapping = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(mapping).display().to_string();
        let rehearsal = Rehearsal::new("");
        let path = data.join(file).display().to_string();
        let import = ["import", path.as_str(), target, "-m", mapping.as_str()];
        let limit = SENT.to_string();
        let sent = rehearsal.json([&import[..], &["--limit", &limit, "--yes"]].concat());
        let rejected = sent.count("rejected");
        assert_eq!(sent.count("created") + rejected, SENT, "{file}: {}", sent.transcript());
        assert_eq!(rejected, rejected_rows(&rehearsal, &sent), "{file}");
        // What the service made is as many records as the run says.
        assert_eq!(rehearsal.effects("create") as u64, SENT - rejected, "{file}");
    }
}
