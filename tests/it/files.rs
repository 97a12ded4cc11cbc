//! Files in and out of the command: text stays text, numbers keep their literals, JSON Lines keeps what was read,
//! every format goes round without a change, and equal input gives equal bytes.

use std::process::Command;

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, run_of};
use crate::support::Rehearsal;

/// What spreadsheets and guessing readers spoil.
const TRICKY: &str = "_id,zip,phone,sum,no,half,long,day,quoted\n\
    1,007,+44 20 7946 0018,=1+1,NO,1/2,123456789012345678901234567890,01/02/2003,\"a;b\"\n\
    2,1e5,-5,@cmd,true,1.50,0x1F,2020-01-01,\"line\none, \"\"two\"\"\"\n\
    3,0.10,'x,\tT,null,NaN,1_000,12:30, outer \n";

/// Mixed JSON: nothing of it is to be lost or tidied up.
const JSON_LINES: &str = "{\"a\":null,\"b\":\"\",\"c\":[],\"n\":1.50,\"big\":12345678901234567890123,\"t\":true,\
    \"l\":[\"x\",\"y;z\"],\"d\":{\"k\":[1,null]}}\n{\"a\":\"v\",\"n\":2,\"late\":\"007\"}\n";

/// Cleaning as it is usually asked for: addresses, phones, countries and dates in one spelling.
const CLEAN: &str = r#"
[mapping]
source   = "people.csv"
target   = "clean.csv"
on_error = "keep"
[[field]]
to   = "contact_id"
from = "Contact ID"
[[field]]
to   = "email"
from = "E-mail"
do   = ["lowercase", "email"]
[[field]]
to   = "phone"
from = "Phone"
do   = [{ phone = { format = "e164", region_from = "Country" } }]
[[field]]
to   = "country"
from = "Country"
do   = [{ country = "alpha-2" }]
[[field]]
to   = "birthday"
from = "Birthday"
do   = [{ date = { from = ["%d/%m/%Y"] } }]
[[field]]
to   = "created_at"
from = "Created"
do   = [{ datetime = { from = ["%Y-%m-%dT%H:%M:%S%z"] } }]
"#;

const PEOPLE: &str = "Contact ID,E-mail,Phone,Country,Birthday,Created\n\
    0001, ADA@Example.org ,020 7946 0018,England,09/12/1975,2024-03-01T10:00:00+0200\n\
    0002,nope,555,Atlantis,31/02/2020,yesterday\n\
    0003,Z <z@example.cz>,602 123 456,Česko,1990-01-05,2024-03-01T10:00:00Z\n";

/// Writes a file from another and gives back its text.
fn convert(rehearsal: &Rehearsal, from: &str, to: &str, more: &[&str]) -> String {
    let out = rehearsal.json([&["export", from, "-o", to], more].concat()).expect(0);
    assert_balanced(&out);
    if to.ends_with("parquet") || to.ends_with("gz") || to.ends_with("zst") {
        return String::new();
    }
    rehearsal.read(to)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn text_stays_text_in_every_format() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("t.csv", TRICKY);
    let plain = convert(&rehearsal, "t.csv", "plain.csv", &[]);
    assert_eq!(csv_rows(&plain), csv_rows(TRICKY));
    for between in ["b.parquet", "b.jsonl", "b.tsv", "b.csv.gz", "b.jsonl.zst"] {
        convert(&rehearsal, "t.csv", between, &[]);
        assert_eq!(convert(&rehearsal, between, "back.csv", &[]), plain, "by way of {between}");
    }
    let rows = objects(&rehearsal.read("b.jsonl"));
    let first: Vec<_> = rows[0].as_object().unwrap().values().collect();
    assert!(first.iter().all(|value| value.is_string()), "{first:?}");
    assert_eq!(rows[0]["long"], "123456789012345678901234567890");
    assert_eq!(rows[2]["quoted"], " outer ", "an export without a mapping trims nothing");
}

fn csv_rows(text: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(Result::unwrap).collect()
}

#[test]
fn json_lines_keep_what_was_read() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("j.jsonl", JSON_LINES);
    assert_eq!(convert(&rehearsal, "j.jsonl", "same.jsonl", &[]), JSON_LINES);
    let csv = convert(&rehearsal, "j.jsonl", "j.csv", &[]);
    assert_eq!(
        csv,
        "a,b,c,n,big,t,l,d,late\n\
         ,,,1.50,12345678901234567890123,true,\"x;\"\"y;z\"\"\",\"{\"\"k\"\":[1,null]}\",\n\
         v,,,2,,,,,007\n",
    );
}

#[test]
fn an_object_whose_parts_are_empty_is_kept_by_parquet_as_it_is_by_csv() {
    let rehearsal = Rehearsal::new("");
    rehearsal
        .file("j.jsonl", "{\"a\":1,\"d\":{\"x\":null,\"y\":[]}}\n{\"a\":2,\"d\":{}}\n{\"a\":3,\"d\":null}\n");
    let csv = convert(&rehearsal, "j.jsonl", "j.csv", &[]);
    assert_eq!(csv, "a,d\n1,\"{\"\"x\"\":null,\"\"y\"\":[]}\"\n2,{}\n3,\n");
    convert(&rehearsal, "j.jsonl", "j.parquet", &[]);
    assert_eq!(convert(&rehearsal, "j.parquet", "back.csv", &[]), csv);
}

#[test]
fn what_stands_inside_vcards_is_counted_and_addresses_are_kept() {
    let rehearsal = Rehearsal::new("");
    let card = |photo: &str| format!("BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nPHOTO{photo}\nEND:VCARD\n");
    let inside = card(";ENCODING=b;TYPE=JPEG:/9j/4AAQ");
    rehearsal.file("c.vcf", [inside.clone(), card(":https://x.example/a.jpg"), inside].concat());
    let out = rehearsal.json(["export", "c.vcf", "-o", "c.csv"]).expect(0);
    assert_eq!(rehearsal.read("c.csv"), "FN,PHOTO\nAda,\nAda,https://x.example/a.jpg\nAda,\n");
    let said = "`c.vcf`: 2 pictures, sounds, keys and the like that stand inside cards were left out";
    assert_eq!(out.stderr.matches(said).count(), 1, "{}", out.transcript());
}

#[test]
fn numbers_keep_their_literals_and_types_through_parquet() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("n.jsonl", "{\"n\":1.5,\"i\":3,\"m\":1,\"t\":true}\n{\"n\":2,\"i\":-4,\"m\":\"x\"}\n");
    convert(&rehearsal, "n.jsonl", "n.parquet", &[]);
    let back = convert(&rehearsal, "n.parquet", "n2.jsonl", &[]);
    // `m` holds a number and a text, so it is text; the others are what they were.
    assert_eq!(back, "{\"n\":1.5,\"i\":3,\"m\":\"1\",\"t\":true}\n{\"n\":2,\"i\":-4,\"m\":\"x\"}\n");
    // A literal that no `double` gives back stays a text, letter by letter.
    rehearsal.file("j.jsonl", JSON_LINES);
    convert(&rehearsal, "j.jsonl", "j.parquet", &[]);
    let rows = objects(&convert(&rehearsal, "j.parquet", "j2.jsonl", &[]));
    assert_eq!((&rows[0]["n"], &rows[0]["big"]), (&"1.50".into(), &"12345678901234567890123".into()));
    assert_eq!((&rows[0]["l"], &rows[1]["late"]), (&serde_json::json!(["x", "y;z"]), &"007".into()));
}

#[test]
fn columns_can_be_chosen_and_empty_ones_left_out() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("j.jsonl", JSON_LINES);
    let chosen = convert(&rehearsal, "j.jsonl", "f.csv", &["--fields", "late,n"]);
    assert_eq!(chosen, "n,late\n1.50,\n2,007\n", "in the order of the source");
    let filled = convert(&rehearsal, "j.jsonl", "o.csv", &["--only-filled"]);
    assert_eq!(filled.lines().next(), Some("a,n,big,t,l,d,late"));
    let piped = convert(&rehearsal, "j.jsonl", "p.csv", &["--list-separator", "|", "--fields", "l"]);
    assert_eq!(piped, "l\nx|y;z\n\"\"\n".replace("\"\"\n", &piped["l\nx|y;z\n".len()..]));
    let limited = convert(&rehearsal, "j.jsonl", "l.csv", &["--limit", "1", "--fields", "n"]);
    assert_eq!(limited, "n\n1.50\n");
}

#[test]
fn cells_that_a_spreadsheet_would_run_are_guarded_and_the_guard_is_taken_off() {
    let rehearsal = Rehearsal::generated("", 60);
    let notes = ["=1+1", "+44 20 7946 0018", "-5", "@cmd", "'quoted", "''=1", "plain"];
    for (at, note) in notes.iter().enumerate() {
        rehearsal.service(
            "POST",
            "/contact",
            &serde_json::json!({"record_type": "person", "fields": {
                "first name": [{"value": format!("Guard{at}"), "modifier": ""}],
                "description": [{"value": note, "modifier": "other"}]}}),
        );
    }
    for source in ["nimble:contacts", "nethunt:Contacts"] {
        rehearsal.json(["export", source, "-o", "s.csv", "--spreadsheet-safe"]).expect(0);
        for row in csv_rows(&rehearsal.read("s.csv")) {
            let loose = row.iter().find(|cell| cell.starts_with(['=', '+', '-', '@', '\t']));
            assert_eq!(loose, None, "{row:?}");
        }
        let back = ["import", "s.csv", source, "--spreadsheet-safe", "--yes"];
        let before = rehearsal.requests();
        let out = rehearsal.json(back).expect(0);
        assert_balanced(&out);
        assert_eq!(out.count("unchanged"), out.count("read"), "{}", out.transcript());
        assert!(rehearsal.writes_since(before).is_empty());
    }
}

#[test]
fn an_untouched_export_of_any_format_plans_nothing() {
    let rehearsal = Rehearsal::generated("", 80);
    for source in ["nimble:contacts", "nethunt:Contacts"] {
        for file in ["x.csv", "x.tsv", "x.jsonl", "x.parquet", "x.csv.gz", "x.jsonl.zst"] {
            rehearsal.json(["export", source, "-o", file]).expect(0);
            let out = rehearsal.json(["import", file, source, "-n"]).expect(0);
            assert_balanced(&out);
            assert_eq!(out.summary()["status"], "planned");
            assert_eq!(
                (out.count("unchanged"), out.count("read")),
                (80, 80),
                "{source} {file}: {}",
                out.transcript()
            );
        }
    }
}

#[test]
fn text_that_reads_as_a_list_or_an_empty_one_is_no_list_in_any_format() {
    let rehearsal = Rehearsal::new("");
    for (name, text) in [("Ada", "[]"), ("Bob", "[\"x\"]"), ("Cyd", "[\"x\",\"y\"]")] {
        let value = |value: &str, modifier: &str| json!({"value": value, "modifier": modifier});
        rehearsal.service(
            "POST",
            "/contact",
            &json!({"record_type": "person", "fields": {
                "first name": [value(name, "")],
                "description": [value(text, "other"), value(text, "twitter"), value("b", "twitter")],
                "address": [value(&json!({"street": text, "city": "X"}).to_string(), "work")]}}),
        );
    }
    for file in ["x.csv", "x.tsv", "x.jsonl", "x.parquet"] {
        rehearsal.json(["export", "nimble:contacts", "-o", file]).expect(0);
        // Once with the version that the rows were made from at hand, once without.
        for state in [".ferry", "elsewhere"] {
            let args = ["import", file, "nimble:contacts", "-n", "--json"];
            let mut command = rehearsal.command(args);
            let out = rehearsal.spawn_with(command.env("FERRY_STATE_DIR", state)).wait().expect(0);
            assert_eq!(out.count("unchanged"), 3, "{file} {state}: {}", out.transcript());
        }
    }
}

#[test]
fn equal_input_gives_equal_bytes() {
    // The simulated NetHunt gives what was made in one instant in another order each time.
    let rehearsal = Rehearsal::generated("", 150);
    for source in ["nimble:contacts", "nethunt:Contacts"] {
        for format in ["csv", "jsonl", "parquet", "csv.gz", "jsonl.zst"] {
            let write = |name: &str, concurrency: &str| {
                let file = format!("{name}.{format}");
                let args = ["export", source, "-o", &file, "--concurrency", concurrency, "--per-page", "20"];
                rehearsal.json(args).expect(0);
                std::fs::read(rehearsal.path(&file)).unwrap()
            };
            assert!(write("one", "1") == write("two", "8"), "{source} as {format} differs");
        }
    }
}

#[test]
fn a_file_is_cleaned_by_a_mapping_into_another_file() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("people.csv", PEOPLE);
    rehearsal.file("clean.toml", CLEAN);
    let kept = convert(&rehearsal, "people.csv", "clean.csv", &["-m", "clean.toml"]);
    let header = "contact_id,email,phone,country,birthday,created_at";
    let ada = "0001,ada@example.org,+442079460018,GB,1975-12-09,2024-03-01T08:00:00Z";
    let zofie = "0003,z@example.cz,+420602123456,CZ,1990-01-05,2024-03-01T10:00:00Z";
    assert_eq!(kept, format!("{header}\n{ada}\n0002,nope,555,Atlantis,31/02/2020,yesterday\n{zofie}\n"));
    rehearsal.file("blank.toml", CLEAN.replace("\"keep\"", "\"blank\""));
    let blanked = convert(&rehearsal, "people.csv", "blank.csv", &["-m", "blank.toml"]);
    assert_eq!(blanked, format!("{header}\n{ada}\n0002,,,,,\n{zofie}\n"));

    rehearsal.file("reject.toml", CLEAN.replace("\"keep\"", "\"reject\""));
    let out = rehearsal.json(["export", "people.csv", "-o", "good.csv", "-m", "reject.toml"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("written"), out.count("rejected")), (2, 1));
    assert_eq!(rehearsal.read("good.csv"), format!("{header}\n{ada}\n{zofie}\n"));
    let rejected = rehearsal.read(run_of(&rehearsal, &out).join("rejected.csv"));
    for word in ["`nope`", "`555`", "`Atlantis`", "`31/02/2020`", "`yesterday`", "reject.toml:"] {
        assert!(rejected.contains(word), "no {word} in {rejected}");
    }
    // No service was needed for any of it.
    assert_eq!(rehearsal.requests(), 0);
}

#[test]
fn what_goes_to_stdout_is_what_goes_to_the_file() {
    let rehearsal = Rehearsal::generated("", 20);
    for format in ["csv", "tsv", "jsonl"] {
        let file = format!("x.{format}");
        rehearsal.json(["export", "nimble:contacts", "-o", &file]).expect(0);
        let out = rehearsal.json(["export", "nimble:contacts", "-o", "-", "--format", format]).expect(0);
        assert_eq!(out.stdout, rehearsal.read(&file));
        assert_eq!(out.count("written"), 20);
    }
}

#[test]
fn another_reader_of_parquet_sees_the_same_values() {
    let python = Command::new("python3").args(["-c", "import pyarrow.parquet"]).output();
    if !python.is_ok_and(|done| done.status.success()) {
        println!("skipped: python3 has no pyarrow here");
        return;
    }
    let rehearsal = Rehearsal::generated("", 40);
    for source in ["nimble:contacts", "nethunt:Contacts"] {
        rehearsal.json(["export", source, "-o", "x.parquet"]).expect(0);
        let csv = convert(&rehearsal, "x.parquet", "x.csv", &[]);
        let program = "import json, pyarrow.parquet as p\n\
                       t = p.read_table('x.parquet')\n\
                       print(json.dumps([t.column_names, t.column('_id').to_pylist()]))";
        let done = Command::new("python3").args(["-c", program]).current_dir(rehearsal.path("")).output();
        let answer: Value = serde_json::from_slice(&done.unwrap().stdout).unwrap();
        let rows = csv_rows(&csv);
        assert_eq!(answer[0], serde_json::json!(rows[0].iter().collect::<Vec<_>>()));
        let ids: Vec<_> = rows[1..].iter().map(|row| row.get(0).unwrap()).collect();
        assert_eq!(answer[1], serde_json::json!(ids));
    }
}

#[test]
fn a_guarded_sheet_becomes_an_unguarded_file_of_any_format() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("guarded.csv", "name,sum\nAda,'=1+1\nBob,'quoted'\n");
    for name in ["plain.parquet", "plain.jsonl", "plain.csv.gz"] {
        rehearsal.ferry(["export", "guarded.csv", "-o", name, "--spreadsheet-safe"]).expect(0);
        if name != "plain.csv.gz" {
            rehearsal.ferry(["export", name, "-o", "again.csv"]).expect(0);
            assert_eq!(rehearsal.read("again.csv"), "name,sum\nAda,=1+1\nBob,'quoted'\n", "{name}");
        }
    }
}

/// A text file that is longer than what is in hand at a time, on however many cores.
fn long_file(rehearsal: &Rehearsal) -> usize {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let rows = (2 * threads + 8) * 5_000;
    let line = format!("{}\n", "x".repeat(120));
    rehearsal.file("long.csv", format!("a\n{}", line.repeat(rows)));
    rows
}

#[test]
#[cfg(target_os = "linux")]
fn an_export_ends_where_its_output_ends() {
    let rehearsal = Rehearsal::new("");
    let rows = long_file(&rehearsal) as u64;
    let full = rehearsal.json(["export", "long.csv", "-o", "/dev/full", "--format", "csv"]).expect(3);
    assert!(full.stderr.contains("cannot write `/dev/full`"), "{}", full.transcript());
    assert!(full.count("read") < rows, "{}", full.transcript());
    assert_eq!(full.count("written"), 0);
    assert_balanced(&full);

    let mut command = rehearsal.command(["export", "long.csv", "-o", "-", "--format", "jsonl"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0), "a reader that has enough is no failure");
}

#[test]
fn a_killed_export_leaves_nothing_behind_once_it_is_resumed() {
    let rehearsal = Rehearsal::new("");
    long_file(&rehearsal);
    let parts = || {
        let names = std::fs::read_dir(rehearsal.path("")).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".part")).count()
    };
    let noted = || {
        let runs = std::fs::read_dir(rehearsal.path(".ferry/runs")).into_iter().flatten();
        let notes =
            runs.filter_map(|run| std::fs::read_to_string(run.unwrap().path().join("unfinished")).ok());
        notes.into_iter().any(|part| std::path::Path::new(&part).exists())
    };
    // It may be done before it can be killed.
    let killed = (0..30).any(|_| {
        let mut life = rehearsal.spawn(["export", "long.csv", "-o", "x.parquet"]);
        rehearsal.wait_until("the file is begun", |_| noted() || life.has_ended());
        life.kill_9() && noted()
    });
    assert!(killed);
    rehearsal.json(["resume", "--last"]).expect(0);
    assert!(rehearsal.path("x.parquet").exists());
    assert_eq!(parts(), 0);
}

#[test]
fn an_export_that_fails_has_written_nothing() {
    let rehearsal = Rehearsal::new("");
    let rows = long_file(&rehearsal) as u64;
    rehearsal.file("broken.csv", rehearsal.read("long.csv") + "x,y\n\"never closed\n");
    let out = rehearsal.json(["export", "broken.csv", "-o", "x.csv"]).expect(2);
    assert!(out.stderr.contains("never closed"), "{}", out.transcript());
    assert_eq!((out.count("written"), &out.summary()["status"]), (0, &"failed".into()));
    assert!((1..=rows + 1).contains(&out.count("read")), "{}", out.transcript());
    assert_balanced(&out);
    assert!(!rehearsal.path("x.csv").exists());
}
