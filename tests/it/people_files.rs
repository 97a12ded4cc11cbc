//! Real files of people, where they lie beside the package: each goes through a mapping, and every row is accounted
//! for. Without them there is nothing to do, which is said.

use std::path::PathBuf;

use crate::support::Rehearsal;

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

/// Rows that are sent for good; the whole file is planned.
const SENT: &str = "60";

#[test]
fn no_row_of_the_people_files_is_lost_without_a_reason() {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let data = package.join("../shared/data/people");
    if !data.is_dir() {
        println!("skipped: there are no files of people at ../shared/data/people");
        return;
    }
    for (mapping, files) in FILES {
        let target = if mapping.contains("nimble") { "nimble:contacts" } else { "nethunt:Contacts" };
        let mapping = package.join(mapping).display().to_string();
        for file in files {
            let rehearsal = Rehearsal::new("");
            let path = data.join(file).display().to_string();
            let import = ["import", path.as_str(), target, "-m", mapping.as_str()];
            let planned = rehearsal.json([&import[..], &["-n"]].concat()).expect(0);
            let (read, created) = (planned.count("read"), planned.count("created"));
            assert_eq!(read, created + planned.count("rejected"), "{file}: {}", planned.transcript());
            assert!(created > 200 && created * 100 >= read * 99, "{file}: {created} of {read}");
            let sent = rehearsal.json([&import[..], &["--limit", SENT, "--yes"]].concat());
            let rejected = sent.count("rejected");
            assert_eq!(sent.count("created") + rejected, 60, "{file}: {}", sent.transcript());
            if rejected > 0 {
                let text = rehearsal.read(sent.summary()["files"]["rejected"].as_str().unwrap());
                let mut rows = csv::Reader::from_reader(text.as_bytes());
                let at = rows.headers().unwrap().iter().position(|name| name == "_ferry_reason").unwrap();
                assert!(rows.records().all(|row| !row.unwrap()[at].is_empty()), "{file}: {text}");
            }
        }
    }
}
