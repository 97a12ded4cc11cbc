//! The same checks for every stream of both services: whatever a stream is, it is named, read, written, refused
//! and resumed in the same way. What is special about one of them is tested in a file of its own.

mod streams;

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, result_rows, run_of};
use crate::support::{Output, Rehearsal};
use streams::{STREAMS, Stream, Writes};

/// Records that each service begins with.
const RECORDS: usize = 25;
const FORMATS: [&str; 4] = ["csv", "tsv", "jsonl", "parquet"];

impl Stream {
    /// A file name for an export of it.
    fn file(&self, ending: &str) -> String {
        format!("{}.{ending}", self.name.replace([':', '/'], "-"))
    }

    fn export(&self, rehearsal: &Rehearsal, file: &str) -> Output {
        let out = rehearsal.json(["export", self.name, "-o", file]).expect(0);
        assert_balanced(&out);
        out
    }

    /// Its sheet, with the ids of records that exist.
    fn sheet(&self, rehearsal: &Rehearsal) -> String {
        let contacts = rehearsal.contacts();
        let records = rehearsal.records("Contacts");
        let sheet = self.sheet.replace("{contact}", contacts[0]["id"].as_str().unwrap());
        sheet.replace("{record}", records[0]["recordId"].as_str().unwrap())
    }
}

/// Carries out a check for the streams that `wanted` picks, two at a time; the first failure is the test's.
fn each(wanted: impl Fn(&Stream) -> bool, check: impl Fn(&Stream) + Sync) {
    let streams: Mutex<Vec<&Stream>> = Mutex::new(STREAMS.iter().filter(|stream| wanted(stream)).collect());
    let next = || streams.lock().unwrap().pop();
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(stream) = next() {
                        check(stream);
                    }
                })
            })
            .collect();
        for lane in lanes {
            if let Err(failure) = lane.join() {
                std::panic::resume_unwind(failure);
            }
        }
    });
}

/// Makes a group of fields, which an account has none of to begin with.
fn group(rehearsal: &Rehearsal) {
    let listed = rehearsal.service("GET", "/contacts/fields", &Value::Null);
    let tab = listed["tabs"].as_array().unwrap().last().unwrap()["tab_id"].clone();
    let group = json!({"name": "Council", "tab_id": tab, "logo_id": "1", "insert_after": null});
    rehearsal.service("POST", "/contacts/fields/groups", &group);
}

/// What stands where in a file: of each row its first cell, and the columns that are not empty.
type Filled = Vec<(String, BTreeSet<String>)>;

fn filled_cells(text: &str, delimiter: u8) -> Filled {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let row = |row: csv::StringRecord| {
        let filled = headers.iter().zip(&row).filter(|(_, cell)| !cell.is_empty());
        (row[0].to_owned(), filled.map(|(name, _)| name.to_owned()).collect())
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

fn filled_values(text: &str) -> Filled {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let row = |line: &str| {
        let row: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        let first = row.get("_id").or_else(|| row.get("name")).and_then(Value::as_str);
        let filled = row.iter().filter(|(_, value)| !is_empty(value)).map(|(name, _)| name.clone()).collect();
        (first.unwrap_or_default().to_owned(), filled)
    };
    text.lines().map(row).collect()
}

#[test]
fn every_stream_is_named_with_what_can_be_done() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    let access = rehearsal.json(["check"]).expect(0).objects();
    let listed = rehearsal.json(["discover"]).expect(0).objects();
    for stream in &STREAMS {
        let writes = stream.writes != Writes::Nothing;
        for (key, expected) in [("readable", stream.reads), ("writable", writes)] {
            let named = access
                .iter()
                .flat_map(|connection| connection[key].as_array().unwrap())
                .any(|name| name == stream.name);
            assert_eq!(named, expected, "check: {} {key}", stream.name);
            let found = listed.iter().find(|object| object["stream"] == stream.name);
            let found = found.unwrap_or_else(|| panic!("discover does not name {}", stream.name));
            assert_eq!(found[key], expected, "discover: {} {key}", stream.name);
        }
        let fields = rehearsal.json(["discover", stream.name]);
        let expected = if stream.reads { 0 } else { fields.code };
        let fields = fields.expect(expected);
        assert!(!stream.reads || fields.objects()[0]["name"].is_string(), "{}", fields.transcript());
    }
    // What is listed and not in the table would be checked by nobody.
    let of_other_folders = |name: &str| name.contains("Companies") || name.contains("Deals");
    for object in &listed {
        let name = object["stream"].as_str().unwrap();
        assert!(of_other_folders(name) || STREAMS.iter().any(|stream| stream.name == name), "{name}");
    }
}

#[test]
fn every_format_holds_the_same_rows_and_the_same_bytes_each_time() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    group(&rehearsal);
    each(
        |stream| stream.reads,
        |stream| {
            let mut first: Option<Filled> = None;
            for format in FORMATS {
                let file = stream.file(format);
                let out = stream.export(&rehearsal, &file);
                assert!(out.count("written") > 0, "{file}: {}", out.transcript());
                let complete = if stream.proven { Value::Bool(true) } else { "unproven".into() };
                assert_eq!(out.summary()["complete"], complete, "{file}: {}", out.transcript());
                let bytes = std::fs::read(rehearsal.path(&file)).unwrap();
                stream.export(&rehearsal, &file);
                assert!(
                    bytes == std::fs::read(rehearsal.path(&file)).unwrap(),
                    "{file} is another each time"
                );

                let rows = match format {
                    "csv" => filled_cells(&rehearsal.read(&file), b','),
                    "tsv" => filled_cells(&rehearsal.read(&file), b'\t'),
                    "jsonl" => filled_values(&rehearsal.read(&file)),
                    _ => {
                        let plain = format!("{file}.jsonl");
                        rehearsal.json(["export", &file, "-o", &plain]).expect(0);
                        filled_values(&rehearsal.read(&plain))
                    }
                };
                assert_eq!(rows.len() as u64, out.count("written"), "{file}");
                if format == "csv" {
                    let text = rehearsal.read(&file);
                    let header = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
                    assert!(header.starts_with(stream.columns), "{file}: {header}");
                }
                let expected = first.get_or_insert_with(|| rows.clone());
                assert_eq!(*expected, rows, "{file}");
            }
        },
    );
}

#[test]
fn a_killed_export_of_every_stream_is_resumed_to_the_same_bytes() {
    each(
        |stream| stream.reads,
        |stream| {
            let rehearsal = Rehearsal::generated("", RECORDS);
            let file = stream.file("csv");
            let requests = stream.export(&rehearsal, &file).count("requests");
            let whole = std::fs::read(rehearsal.path(&file)).unwrap();
            std::fs::remove_file(rehearsal.path(&file)).unwrap();
            // Whoever gets half-way waits there to be killed.
            rehearsal.faults(&format!(
                "[[fault]]\nkind = \"latency\"\nmethod = \"GET\"\nafter = {}\nlatency_ms = 60000\n",
                requests.div_ceil(2) - 1
            ));
            let before = rehearsal.requests();
            let mut life = rehearsal.spawn(["export", stream.name, "-o", &file]);
            let half = before + usize::try_from(requests.div_ceil(2)).unwrap();
            rehearsal.wait_until("half of the requests are made", |now| {
                now.requests() >= half || life.has_ended()
            });
            assert!(life.kill_9(), "{}: it ended before it could be killed", stream.name);
            assert!(!rehearsal.path(&file).exists(), "{}: half a file was left", stream.name);
            rehearsal.faults("");
            rehearsal.json(["resume", "--last"]).expect(0);
            assert!(whole == std::fs::read(rehearsal.path(&file)).unwrap(), "{} differs", stream.name);
        },
    );
}

#[test]
fn a_misspelt_name_of_every_stream_gets_the_nearest() {
    let rehearsal = Rehearsal::new("");
    each(
        |_| true,
        |stream| {
            let file = stream.file("csv");
            let out = rehearsal.ferry(["export", stream.misspelt, "-o", &file]).expect(2);
            let nearest = format!("did you mean `{}`?", stream.name);
            assert!(out.stderr.contains(&nearest), "no {nearest}: {}", out.transcript());
            assert!(!rehearsal.path(&file).exists());
        },
    );
}

/// Runs a command for every stream at once: an export, or an import where nothing can be read.
fn begin_all(rehearsal: &Rehearsal) -> Vec<(&'static str, Output)> {
    let begin = |stream: &'static Stream| {
        let sheet = stream.file("sheet.csv");
        let file = stream.file("csv");
        let args = if stream.reads {
            ["export", stream.name, "-o", &file]
        } else {
            rehearsal.file(&sheet, stream.sheet);
            ["import", &sheet, stream.name, "--yes"]
        };
        (stream.name, rehearsal.spawn_with(rehearsal.command(args).arg("--json")))
    };
    let running: Vec<_> = STREAMS.iter().map(begin).collect();
    running.into_iter().map(|(name, life)| (name, life.wait())).collect()
}

#[test]
fn refused_credentials_end_with_5_and_a_service_that_is_down_with_3() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    rehearsal.faults("[[fault]]\nkind = \"unauthorized\"\n");
    for (name, out) in begin_all(&rehearsal) {
        assert_eq!(out.code, 5, "{name}: {}", out.transcript());
        assert!(out.stderr.contains("refuses the credentials"), "{name}: {}", out.transcript());
    }
    rehearsal.faults("[[fault]]\nkind = \"down\"\n");
    for (name, out) in begin_all(&rehearsal) {
        assert_eq!(out.code, 3, "{name}: {}", out.transcript());
        assert!(out.stderr.contains("ferry resume"), "{name}: {}", out.transcript());
    }
}

#[test]
fn three_in_a_hundred_answers_of_each_kind_going_wrong_change_nothing() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    each(
        |stream| stream.reads,
        |stream| {
            stream.export(&rehearsal, &stream.file("calm.csv"));
        },
    );
    let kinds = ["too_many_requests", "error_before_commit", "lost_answer", "truncated_body"];
    let faults = kinds.map(|kind| {
        let wait = if kind == "too_many_requests" { "retry_after = 0\n" } else { "" };
        format!("[[fault]]\nkind = \"{kind}\"\nprobability = 0.03\n{wait}")
    });
    rehearsal.faults(&faults.concat());
    let before = rehearsal.requests();
    each(
        |stream| stream.reads,
        |stream| {
            stream.export(&rehearsal, &stream.file("storm.csv"));
            let [calm, storm] =
                ["calm.csv", "storm.csv"].map(|ending| std::fs::read(rehearsal.path(&stream.file(ending))));
            assert!(calm.unwrap() == storm.unwrap(), "{} differs", stream.name);
        },
    );
    assert!(rehearsal.ledger_since(before).iter().any(|entry| !entry.fault.is_empty()));
}

#[test]
fn a_target_creates_and_then_there_is_nothing_left_to_do() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    each(
        |stream| stream.writes != Writes::Nothing,
        |stream| {
            let sheet = stream.file("sheet.csv");
            rehearsal.file(&sheet, stream.sheet(&rehearsal));
            let planned = rehearsal.json(["import", &sheet, stream.name, "-n"]).expect(0);
            assert_eq!((planned.count("created"), planned.count("read")), (1, 1), "{}", planned.transcript());
            let out = rehearsal.json(["import", &sheet, stream.name, "--yes"]).expect(0);
            assert_balanced(&out);
            assert_eq!(out.count("created"), 1, "{}", out.transcript());
            if !stream.reads {
                return;
            }
            for format in ["csv", "jsonl", "parquet"] {
                let file = stream.file(format);
                let read = stream.export(&rehearsal, &file).count("read");
                let back = rehearsal.json(["import", &file, stream.name, "-n"]).expect(0);
                assert_eq!(
                    (back.count("read"), back.count("unchanged")),
                    (read, read),
                    "{file}: {}",
                    back.transcript()
                );
            }
        },
    );
}

#[test]
fn a_target_updates_and_deletes_or_says_that_it_cannot() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    each(
        |stream| stream.reads && stream.writes != Writes::Nothing,
        |stream| {
            let (sheet, file) = (stream.file("sheet.csv"), stream.file("csv"));
            rehearsal.file(&sheet, stream.sheet(&rehearsal));
            let made = rehearsal.json(["import", &sheet, stream.name, "--yes"]).expect(0);
            let id = result_rows(&run_of(&rehearsal, &made), "succeeded.csv")[0]["_ferry_id"].clone();
            assert!(!id.is_empty(), "{}", made.transcript());

            let (column, text) = stream.edit;
            rehearsal.file(&sheet, format!("_id,{column}\n{id},{text}\n"));
            let out = rehearsal.json(["import", &sheet, stream.name, "--yes"]);
            assert_balanced(&out);
            let all = stream.writes == Writes::All;
            let (code, key) = if all { (0, "updated") } else { (1, "rejected") };
            assert_eq!((out.code, out.count(key)), (code, 1), "{}", out.transcript());
            if !all {
                let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
                assert!(rejected[0]["_ferry_reason"].contains("cannot be changed"), "{rejected:?}");
            }

            rehearsal.file(&sheet, format!("_id\n{id}\n"));
            let out = rehearsal.json(["delete", &sheet, stream.name, "--yes"]);
            if !all {
                assert_eq!(out.code, 2, "{}", out.transcript());
                assert!(out.stderr.contains("deletes no records of"), "{}", out.transcript());
                return;
            }
            let out = out.expect(0);
            assert_eq!(out.count("deleted"), 1, "{}", out.transcript());
            stream.export(&rehearsal, &file);
            assert!(filled_cells(&rehearsal.read(&file), b',').iter().all(|(known, _)| *known != id));
        },
    );
}

#[test]
fn what_a_stream_cannot_do_is_said_with_2_before_anything_is_sent() {
    let rehearsal = Rehearsal::generated("", RECORDS);
    each(
        |stream| !stream.reads || stream.writes == Writes::Nothing,
        |stream| {
            let (sheet, file) = (stream.file("sheet.csv"), stream.file("csv"));
            rehearsal.file(&sheet, stream.sheet(&rehearsal));
            let cannot: &[&[&str]] = if stream.reads {
                &[&["import", &sheet, stream.name, "--yes"], &["delete", &sheet, stream.name, "--yes"]]
            } else {
                &[
                    &["export", stream.name, "-o", &file],
                    &["delete", &sheet, stream.name, "--yes"],
                    &["import", &sheet, stream.name, "--yes", "--mode", "update"],
                ]
            };
            for args in cannot {
                let out = rehearsal.json(*args).expect(2);
                let says = ["can be read, but not written to", "can be written to, but not read"];
                let says = says.iter().chain(&["deletes no records of", "does not list what is there"]);
                let mut says = says.filter(|words| out.stderr.contains(**words));
                assert!(
                    says.next().is_some() && out.stderr.contains(stream.name),
                    "{args:?}: {}",
                    out.transcript()
                );
            }
        },
    );
    assert!(rehearsal.writes_since(0).is_empty());
}
