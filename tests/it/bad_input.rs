//! What is wrong with commands, files and mappings is said with its place and a way out, ends with the promised
//! exit code, and nothing is written.

use crate::accounts::{assert_balanced, result_rows, run_of};
use crate::support::{Output, Rehearsal};

/// A mapping of people into NetHunt's Contacts.
pub(crate) const PEOPLE: &str = r#"
[mapping]
target = "nethunt:Contacts"
key    = ["Email"]
[[field]]
to   = "Name"
from = "name"
[[field]]
to    = "Email"
from  = "email"
multi = true
do    = ["lowercase", "email"]
[[field]]
to   = "Score"
from = "score"
type = "number"
do   = ["number"]
"#;

const ADA: &str = "name,email,score\nAda,ada@example.org,1\n";

/// A rehearsal with `people.toml` and a sheet `people.csv`.
fn sheet(content: impl AsRef<[u8]>) -> Rehearsal {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("people.toml", PEOPLE);
    rehearsal.file("people.csv", content);
    rehearsal
}

fn import(rehearsal: &Rehearsal) -> Output {
    rehearsal.json(["import", "people.csv", "nethunt:Contacts", "-m", "people.toml", "--yes"])
}

/// The rows of a CSV text, its header among them.
fn rows_of(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

/// The CSV text of rows, of whatever width.
fn text_of(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.into_inner().unwrap()
}

/// The command ends with 2, says all of `words`, gives a `failed` summary that balances, and writes nothing.
#[track_caller]
fn refused(rehearsal: &Rehearsal, args: &[&str], words: &[&str]) {
    let before = rehearsal.requests();
    let output = rehearsal.json(args).expect(2);
    for word in words {
        assert!(output.stderr.contains(word), "no `{word}` in {}", output.transcript());
    }
    let summary = output.summary();
    assert_eq!((&summary["status"], &summary["command"]), (&"failed".into(), &args[0].into()), "{summary}");
    assert_balanced(&output);
    assert!(rehearsal.writes_since(before).is_empty(), "{}", output.transcript());
}

#[test]
fn names_that_lead_nowhere_are_said_with_the_nearest() {
    let rehearsal = sheet(ADA);
    let yes = "--yes";
    let cases: [(&[&str], &[&str]); 14] = [
        (&["import", "none.csv", "nimble:contacts", yes], &["cannot read `none.csv`", "No such file"]),
        (
            &["import", "people.csv", "nethunt:Contcts", yes],
            &["`Contcts`", "did you mean `nethunt:Contacts`?"],
        ),
        (&["export", "nethunt:Dels", "-o", "x.csv"], &["`Dels`", "did you mean `nethunt:Deals`?"]),
        (&["import", "people.csv", "nimble:contact", yes], &["did you mean `nimble:contacts`?"]),
        (&["import", "people.csv", "nimbel:contacts", yes], &["`nimbel`", "did you mean `nimble`?"]),
        (&["import", "people.csv", "other.csv", yes], &["`other.csv` is a file", "use `ferry export`"]),
        (
            &["export", "people.csv", "-o", "nimble:contacts"],
            &["`nimble:contacts` is no file", "`ferry import`"],
        ),
        (&["export", "people.csv", "-o", "x.xlsx"], &["`x.xlsx`", "not supported", "CSV UTF-8"]),
        (&["export", "people.csv", "-o", "x.foo"], &["`x.foo` is neither a file", "`--format`"]),
        (&["export", "people.csv", "-o", "-", "--format", "foo"], &["unknown format `foo`", "`parquet`"]),
        (&["export", "people.csv", "-o", "no/folder/x.csv"], &["cannot write", "no folder"]),
        (
            &["export", "people.csv", "-o", "x.csv", "--fields", "nam"],
            &["no field `nam`", "did you mean `name`?"],
        ),
        (&["export", "people.csv", "-o", "x.csv", "--encoding", "utf-7b"], &["unknown encoding `utf-7b`"]),
        (&["resume", "zzz", yes], &["no run `zzz`", "`ferry runs`"]),
    ];
    for (args, words) in cases {
        refused(&rehearsal, args, words);
    }
    assert!(!rehearsal.path("x.csv").exists());
}

#[test]
fn a_wrong_key_or_a_column_of_another_service_stops_before_anything_is_written() {
    let rehearsal = sheet("Name,Email\nAda,ada@example.org\n");
    let target = ["import", "people.csv", "nethunt:Contacts", "--yes"];
    refused(
        &rehearsal,
        &[&target[..], &["--key", "Emial"]].concat(),
        &["--key", "`Emial`", "did you mean `Email`?"],
    );
    let mapped = [&target[..], &["-m", "people.toml", "--key", "Phone"]].concat();
    rehearsal.file("people.csv", ADA);
    refused(&rehearsal, &mapped, &["no [[field]] fills the key `Phone`"]);
    rehearsal.file("people.csv", "Nmae,Email\nAda,ada@example.org\n");
    refused(&rehearsal, &target, &["unknown field `Nmae`", "did you mean `Name`?"]);
}

#[test]
fn a_mapping_with_mistakes_is_refused_with_line_column_and_the_nearest_name() {
    let cases = [
        (
            "from  = \"email\"",
            "from  = \"emial\"",
            &["people.toml:10:9", "`emial`", "people.csv", "`email`?"][..],
        ),
        ("to   = \"Name\"", "to   = \"Nmae\"", &["people.toml:6:8", "`Nmae`", "nethunt:Contacts", "`Name`?"]),
        ("from = \"name\"", "form = \"name\"", &["people.toml:7:1", "`form`", "`from`"]),
        ("\"lowercase\"", "\"lowercse\"", &["people.toml:12:10", "operation `lowercse`", "`lowercase`?"]),
        ("key    =", "mode = \"upsrt\"\nkey =", &["people.toml:4:8", "`upsrt`", "`upsert`?"]),
        ("key    = [\"Email\"]", "key    = [\"Emial\"]", &["people.toml:4:11", "`Emial`", "`Email`"]),
        (
            "target = \"nethunt:Contacts\"",
            "target = \"nimble:contacts\"",
            &["nimble contacts", "nethunt records"],
        ),
        ("target =", "source = \"nethunt:Deals\"\ntarget =", &["nethunt records", "a file"]),
        ("[mapping]", "[mapping", &["people.toml:2:"]),
    ];
    for (right, wrong, words) in cases {
        let rehearsal = sheet(ADA);
        assert!(PEOPLE.contains(right), "{right}");
        rehearsal.file("people.toml", PEOPLE.replacen(right, wrong, 1));
        refused(
            &rehearsal,
            &["import", "people.csv", "nethunt:Contacts", "-m", "people.toml", "--yes"],
            words,
        );
    }
    refused(
        &sheet(ADA),
        &["import", "people.csv", "nethunt:Contacts", "-m", "none.toml"],
        &["none.toml", "No such file"],
    );
}

#[test]
fn broken_rows_are_left_behind_and_the_corrected_file_goes_in_as_it_is() {
    let rehearsal = sheet(
        "name,email,score\nAda,ADA@example.org,1\nBob,nope,2\nCyd,cyd@example.org\nDee,dee@example.org,x\n\
         Eve,eve@example.org,5\n",
    );
    let output = import(&rehearsal).expect(1);
    assert_balanced(&output);
    assert_eq!((output.count("created"), output.count("rejected")), (2, 3), "{}", output.transcript());
    assert_eq!(output.summary()["status"], "partial");
    let rejected = output.summary()["files"]["rejected"].as_str().unwrap().to_owned();
    let text = rehearsal.read(&rejected);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("_ferry_file,_ferry_row,_ferry_line,_ferry_action,_ferry_id,"), "{text}");
    assert!(lines[0].ends_with("_ferry_raw,name,email,score"), "{text}");
    for (line, words) in [
        (
            1,
            &["people.csv,2,3,rejected,,Email,nope,", "people.toml:12", "`nope` is no e-mail", ",Bob,nope,2"]
                [..],
        ),
        (
            2,
            &[
                "people.csv,3,4,rejected,",
                "line 4: 2 cells where the header has 3",
                "\"Cyd,cyd@example.org\"",
            ],
        ),
        (3, &["people.csv,4,5,rejected,,Score,x,", "people.toml:17", "`x` is no number", ",Dee,"]),
    ] {
        for word in words {
            assert!(lines[line].contains(word), "no `{word}` in {}", lines[line]);
        }
    }
    let corrected = text
        .replace(",Bob,nope,2", ",Bob,bob@example.org,2")
        .replace("\"Cyd,cyd@example.org\",,,", "\"Cyd,cyd@example.org\",Cyd,cyd@example.org,3")
        .replace(",Dee,dee@example.org,x", ",Dee,dee@example.org,4");
    rehearsal.file("corrected.csv", corrected);
    let again = ["import", "corrected.csv", "nethunt:Contacts", "-m", "people.toml", "--yes"];
    let output = rehearsal.json(again).expect(0);
    assert_eq!(output.count("created"), 3, "{}", output.transcript());
    assert_eq!(rehearsal.records("Contacts").len(), 5);
    assert_eq!(rehearsal.json(again).expect(0).count("unchanged"), 3);
}

#[test]
fn empty_cells_that_a_spreadsheet_leaves_behind_are_passed_over() {
    let rehearsal = Rehearsal::generated("", 5);
    for stream in ["nimble:contacts", "nethunt:Contacts"] {
        rehearsal.json(["export", stream, "-o", "export.csv"]).expect(0);
        let rows = rows_of(&rehearsal.read("export.csv"));
        let width = rows[0].len();
        let wider = |from: usize, cell: &str| {
            let mut rows = rows.clone();
            rows[from..].iter_mut().for_each(|row| row.extend(["", cell].map(str::to_owned)));
            rows
        };
        let longer = [&rows[..], &[vec![String::new(); width], vec![String::new(); 3]]].concat();
        for (what, rows) in [("columns", wider(0, "")), ("cells", wider(1, "")), ("rows", longer)] {
            rehearsal.file("sheet.csv", text_of(&rows));
            let out = rehearsal.json(["import", "sheet.csv", stream, "-n"]).expect(0);
            assert_balanced(&out);
            assert_eq!((out.count("read"), out.count("unchanged")), (5, 5), "{what}: {}", out.transcript());
            let said = "`sheet.csv`: 2 rows without any content passed over";
            assert_eq!(out.stderr.contains(said), what == "rows", "{}", out.transcript());
        }

        rehearsal.file("sheet.csv", text_of(&wider(2, "x")));
        let out = rehearsal.json(["import", "sheet.csv", stream, "-n"]).expect(0);
        assert_eq!((out.count("unchanged"), out.count("rejected")), (1, 4), "{}", out.transcript());
        let mut stray = wider(0, "");
        stray[1][width + 1] = "note".to_owned();
        rehearsal.file("sheet.csv", text_of(&stray));
        let said = [&format!("`column {}` has no header, and line 2 holds something in it", width + 2)[..]];
        refused(&rehearsal, &["import", "sheet.csv", stream, "--yes"], &said);

        // What is rejected goes in again as it is, the columns without a header among its own.
        let mut wrong = wider(0, "");
        wrong[1][0] = "nobody".to_owned();
        rehearsal.file("sheet.csv", text_of(&wrong));
        let out = rehearsal.json(["import", "sheet.csv", stream, "--yes"]).expect(1);
        let rejected = out.summary()["files"]["rejected"].as_str().unwrap().to_owned();
        let again = rehearsal.json(["import", &rejected, stream, "-n"]).expect(0);
        assert_eq!((again.count("read"), again.count("rejected")), (1, 1), "{}", again.transcript());
    }
}

#[test]
fn a_row_of_nothing_makes_no_record_and_stays_in_a_file() {
    let rehearsal = sheet("name,email,score\nAda,ada@example.org,1\n,,\n,\nBob,bob@example.org,2\n");
    let mapping = "[mapping]\nmode = \"create\"\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n[[field]]\nto = \"Notes\"\nconst = \"x\"\n";
    rehearsal.file("people.toml", mapping);
    let output = import(&rehearsal).expect(0);
    assert_balanced(&output);
    assert_eq!((output.count("read"), output.count("created")), (2, 2), "{}", output.transcript());
    assert!(output.stderr.contains("`people.csv`: 2 rows without any content passed over"));
    let done = result_rows(&run_of(&rehearsal, &output), "succeeded.csv");
    assert_eq!((done[1]["_ferry_row"].as_str(), done[1]["_ferry_line"].as_str()), ("4", "5"), "{done:?}");
    assert_eq!(rehearsal.json(["export", "people.csv", "-o", "x.csv"]).expect(0).count("written"), 4);
    assert!(rehearsal.read("x.csv").ends_with("\n,,\n,,\nBob,bob@example.org,2\n"));
}

#[test]
fn a_sheet_without_an_end_or_a_header_is_refused() {
    let args = ["import", "people.csv", "nethunt:Contacts", "-m", "people.toml", "--yes"];
    let unterminated = "name,email,score\nAda,\"ada@example.org,1\nBob,bob@example.org,2\n";
    refused(
        &sheet(unterminated),
        &args,
        &["`people.csv`", "line 2, column 5", "never closed", "hint: close it"],
    );
    for empty in ["", "\n\n", "\u{feff}"] {
        refused(&sheet(empty), &args, &["`people.csv` is empty", "no header"]);
    }
    let doubled = sheet("name,email,email,score\nAda,a@example.org,b@example.org,1\n");
    refused(&doubled, &args, &["people.toml:10:9", "several columns `email`", "the second is `email (2)`"]);
    let output = doubled.json(["export", "people.csv", "-o", "x.csv"]).expect(0);
    assert_eq!(output.stderr.matches("doubled headers").count(), 1, "{}", output.transcript());
    assert!(doubled.read("x.csv").starts_with("name,email,email (2),score\n"));
}

#[test]
fn a_header_alone_is_no_error() {
    let rehearsal = sheet("name,email,score\n");
    let output = import(&rehearsal).expect(0);
    assert_eq!((output.count("read"), &output.summary()["status"]), (0, &"done".into()));
    assert_balanced(&output);
    for file in ["x.csv", "x.parquet", "x.jsonl"] {
        assert_eq!(rehearsal.json(["export", "people.csv", "-o", file]).expect(0).count("written"), 0);
    }
    assert_eq!(rehearsal.read("x.csv"), "name,email,score\n");
}

#[test]
fn other_encodings_are_recognised_and_said() {
    let text = "name;email;score\r\nRené Groß;rene@example.org;7\r\n";
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let windows: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    for (bytes, said) in [(utf16, "UTF-16LE"), (windows, "windows-1252")] {
        let rehearsal = sheet(bytes);
        let output = import(&rehearsal).expect(0);
        assert_eq!(output.stderr.matches(said).count(), 1, "{}", output.transcript());
        assert_eq!(rehearsal.records("Contacts")[0]["fields"]["Name"], "René Groß");
    }
}

#[test]
fn one_broken_byte_rejects_its_row_and_leaves_the_others_what_they_are() {
    let rehearsal = sheet(b"name,email,score\nRen\xC3\xA9,rene@example.org,1\nJos\xE9,jose@example.org,2\n");
    let output = import(&rehearsal).expect(1);
    assert_eq!((output.count("created"), output.count("rejected")), (1, 1), "{}", output.transcript());
    assert_eq!(rehearsal.records("Contacts")[0]["fields"]["Name"], "René");
}

#[test]
fn bytes_that_are_no_table_are_refused_whatever_the_name_says() {
    let args = ["import", "people.csv", "nethunt:Contacts", "-m", "people.toml", "--yes"];
    let utf32: Vec<u8> = "\u{feff}name,email\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let cases: [(&[u8], &[&str]); 4] = [
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &["packed with gzip", "hint: let its name end in `.gz`"]),
        (b"\x28\xb5\x2f\xfd\x04\0", &["packed with zstd", "`csv.zst`"]),
        (b"PK\x03\x04\x14\0", &["is a zip archive", "hint: save the sheet as `CSV UTF-8`"]),
        (&utf32, &["`people.csv` is in UTF-32", "hint: save it in UTF-8"]),
    ];
    for (bytes, words) in cases {
        refused(&sheet(bytes), &args, words);
    }
}

#[test]
fn without_a_terminal_nothing_is_sent_unless_told_so() {
    let rehearsal = sheet(ADA);
    let args = ["import", "people.csv", "nethunt:Contacts", "-m", "people.toml"];
    let output = rehearsal.json(args).expect(2);
    assert!(output.stderr.contains("without a terminal") && output.stderr.contains("`--yes`"));
    assert_eq!((output.count("pending"), output.count("created")), (1, 0), "{}", output.transcript());
    assert_balanced(&output);
    assert!(rehearsal.records("Contacts").is_empty());
    let planned = rehearsal.json([&args[..], &["-n"]].concat()).expect(0);
    assert_eq!((&planned.summary()["status"], planned.count("created")), (&"planned".into(), 1));
    assert!(rehearsal.records("Contacts").is_empty());
    assert_eq!(rehearsal.set("FERRY_YES", "1").json(args).expect(0).count("created"), 1);
}

#[test]
fn the_format_flag_is_for_the_end_that_does_not_tell() {
    let rehearsal = sheet(ADA);
    rehearsal.json(["export", "people.csv", "-o", "people.parquet"]).expect(0);
    for args in
        [&["people.parquet", "-o", "-", "--format", "csv"][..], &["people.csv", "-o", "-", "--format", "csv"]]
    {
        assert_eq!(rehearsal.ferry([&["export"][..], args].concat()).expect(0).stdout, ADA, "{args:?}");
    }
    rehearsal.file("people.dat", ADA);
    rehearsal.json(["export", "people.dat", "-o", "x.jsonl", "--format", "csv"]).expect(0);
    assert_eq!(
        rehearsal.read("x.jsonl"),
        "{\"name\":\"Ada\",\"email\":\"ada@example.org\",\"score\":\"1\"}\n"
    );
}

#[test]
fn what_was_typed_wrong_ends_with_two() {
    let rehearsal = sheet(ADA);
    let cases: [(&[&str], &str); 12] = [
        (&[], "requires a subcommand"),
        (&["exprot"], "export"),
        (&["export", "nimble:contacts"], "--output"),
        (&["import", "people.csv"], "<TARGET>"),
        (&["import", "people.csv", "nimble:contacts", "--mode", "upsrt"], "upsert"),
        (&["import", "people.csv", "nimble:contacts", "--dryrun"], "--dry-run"),
        (&["export", "people.csv", "-o", "x.csv", "--limit", "few"], "few"),
        (&["export", "people.csv", "-o", "x.csv", "--per-page", "0"], "0"),
        (&["--rate", "fast", "check"], "90/min"),
        (&["--settle", "soon", "check"], "soon"),
        (&["--color", "blue", "check"], "never"),
        (&["mapping", "chekc"], "check"),
    ];
    for (args, word) in cases {
        let output = rehearsal.ferry(args).expect(2);
        assert!(output.stderr.contains(word), "no `{word}` in {}", output.transcript());
        assert!(output.stdout.is_empty(), "{}", output.transcript());
    }
    assert_eq!(rehearsal.requests(), 0);
}

#[test]
fn with_json_a_summary_also_ends_what_was_typed_wrong() {
    let rehearsal = sheet(ADA);
    refused(&rehearsal, &["plan", "people.csv", "nimble:contacts", "--max-errors", "x"], &["percentage"]);
    refused(&rehearsal, &["plan", "people.csv"], &["<TARGET>"]);
    refused(&rehearsal, &["apply", "any", "--canary", "0"], &["--canary"]);
    refused(&rehearsal, &["export", "people.csv", "-o", "-", "--limit", "few"], &["few"]);
    let rehearsal = rehearsal.set("FERRY_JSON", "true");
    let output = rehearsal.ferry(["import", "people.csv", "nimble:contacts", "--max-changes=-1"]).expect(2);
    assert_eq!(output.summary()["command"], "import", "{}", output.transcript());
    assert!(rehearsal.ferry(["runs", "shw"]).expect(2).stdout.is_empty());
    assert!(!rehearsal.ferry(["import", "--help"]).expect(0).stdout.contains("\"status\""));
}

#[cfg(unix)]
#[test]
fn a_pipe_with_a_name_is_refused_with_the_way_by_standard_input() {
    let rehearsal = sheet(ADA);
    let made = std::process::Command::new("mkfifo").arg(rehearsal.path("pipe.csv")).status().unwrap();
    assert!(made.success());
    let words = ["`pipe.csv` is a pipe or a device", "`-`", "--format"];
    refused(&rehearsal, &["plan", "pipe.csv", "nethunt:Contacts", "-m", "people.toml"], &words);
    refused(&rehearsal, &["export", "pipe.csv", "-o", "x.csv"], &words);
    let output = rehearsal.ferry(["mapping", "new", "pipe.csv", "nethunt:Contacts"]).expect(2);
    assert!(words.iter().all(|word| output.stderr.contains(word)), "{}", output.transcript());
}
