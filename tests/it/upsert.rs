//! Which record a row is for, and what becomes of the values that are there: keys, `blank_key`, `write`,
//! `on_extra`, blanks and `#N/A` (design section 7).

use std::collections::BTreeMap;

use crate::accounts::{assert_balanced, result_rows, run_of};
use crate::support::{Output, Rehearsal};

/// A stream, with fields of one value each, one of several, and what a new record needs besides.
struct Place {
    stream: &'static str,
    name: &'static str,
    other: &'static str,
    third: &'static str,
    several: &'static str,
    besides: &'static str,
    /// What says that the field of several is one, where the service does not.
    multi: &'static str,
}

const PLACES: [Place; 2] = [
    Place {
        stream: "nethunt:Contacts",
        name: "Name",
        other: "Zip",
        third: "External ID",
        several: "Email",
        besides: "",
        multi: "multi = true",
    },
    Place {
        stream: "nimble:contacts",
        name: "first name",
        other: "last name",
        third: "title",
        several: "email[work]",
        besides: "[[field]]\nto = \"_type\"\nconst = \"person\"\n",
        multi: "",
    },
];

impl Place {
    /// A mapping of the columns `name`, `other`, `third` and `several`, with lines for each of them.
    fn mapping(&self, head: &str, lines: [&str; 4]) -> String {
        let field = |(to, from, more): (&str, &str, &str)| {
            format!("[[field]]\nto = \"{to}\"\nfrom = \"{from}\"\n{more}\n")
        };
        let fields = [
            (self.name, "name", lines[0]),
            (self.other, "other", lines[1]),
            (self.third, "third", lines[2]),
            (self.several, "several", &format!("{}\n{}", self.multi, lines[3])),
        ];
        let head = ["name", "other", "third", "several"]
            .into_iter()
            .zip(fields)
            .fold(head.to_owned(), |head, (column, (to, ..))| head.replace(&format!("<{column}>"), to));
        format!("[mapping]\n{head}\n{}{}", self.besides, fields.map(field).concat())
    }

    fn import(&self, rehearsal: &Rehearsal, mapping: &str, rows: &str, code: i32) -> Output {
        rehearsal.file("rows.csv", format!("name,other,third,several\n{rows}"));
        rehearsal.file("map.toml", mapping);
        let out = rehearsal.json(["import", "rows.csv", self.stream, "-m", "map.toml", "--yes"]).expect(code);
        assert_balanced(&out);
        out
    }

    /// The four fields of every record, sorted.
    fn records(&self, rehearsal: &Rehearsal) -> Vec<[String; 4]> {
        rehearsal.json(["export", self.stream, "-o", "all.csv"]).expect(0);
        let rows = result_rows(&rehearsal.path(""), "all.csv");
        let cell = |row: &BTreeMap<String, String>, name: &str| row.get(name).cloned().unwrap_or_default();
        let of = |row: &BTreeMap<String, String>| {
            [self.name, self.other, self.third, self.several]
                .map(|name| cell(row, name).replace(['<', '>'], ""))
        };
        let mut records: Vec<_> = rows.iter().map(of).collect();
        records.sort();
        records
    }
}

fn texts<const N: usize>(records: [[&str; 4]; N]) -> Vec<[String; 4]> {
    records.into_iter().map(|record| record.map(str::to_owned)).collect()
}

fn counts(out: &Output) -> [u64; 4] {
    ["created", "updated", "unchanged", "rejected"].map(|key| out.count(key))
}

#[test]
fn a_composite_key_takes_all_its_fields_to_tell_records_apart() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let mapping = place.mapping("key = [\"<name>\", \"<other>\"]", [""; 4]);
        let rows = "Ada,1,x,\nAda,2,y,\nada ,1,z,\nBob,,z,\n";
        let out = place.import(&rehearsal, &mapping, rows, 1);
        assert_eq!(counts(&out), [2, 0, 0, 2], "{}", out.transcript());
        let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
        assert!(rejected[0]["_ferry_reason"].contains("row 1 of the file has the same key"), "{rejected:?}");
        assert!(rejected[1]["_ferry_reason"].contains("the key is blank"), "{rejected:?}");
        let out = place.import(&rehearsal, &mapping, "Ada,1,x,\nAda,2,changed,\n", 0);
        assert_eq!(counts(&out), [0, 1, 1, 0], "{}", out.transcript());
        assert_eq!(place.records(&rehearsal), texts([["Ada", "1", "x", ""], ["Ada", "2", "changed", ""]]));

        let head = "key = [\"<name>\", \"<other>\"]\nblank_key = \"create\"";
        let out = place.import(&rehearsal, &place.mapping(head, [""; 4]), "Bob,,z,\n", 0);
        assert_eq!(counts(&out), [1, 0, 0, 0], "{}", out.transcript());
    }
}

#[test]
fn alternative_keys_are_tried_in_order() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let lines = ["", "", "", "write = \"replace\""];
        let mapping = place.mapping("key = [[\"<third>\"], [\"<several>\"]]", lines);
        let out = place.import(&rehearsal, &mapping, "Ada,,,a@x.example\nBob,,2,b@x.example\n", 0);
        assert_eq!(counts(&out), [2, 0, 0, 0], "{}", out.transcript());
        // By address, since nobody has the number yet; then by number, whatever the address.
        let out = place.import(&rehearsal, &mapping, "Ada,,1,A@X.example\nBob,,2,new@x.example\n", 0);
        assert_eq!(counts(&out)[..2], [0, 2], "{}", out.transcript());
        let out = place.import(&rehearsal, &mapping, "Ada,,1,other@x.example\n", 0);
        assert_eq!(counts(&out)[..2], [0, 1], "{}", out.transcript());
        let expected = texts([["Ada", "", "1", "other@x.example"], ["Bob", "", "2", "new@x.example"]]);
        assert_eq!(place.records(&rehearsal), expected);
    }
}

#[test]
fn only_keys_that_are_phone_numbers_are_compared_by_their_digits() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let mapping = place.mapping("key = [\"<third>\"]", [""; 4]);
        let out = place.import(&rehearsal, &mapping, "Foreign,,12-345,\nAda,,+44 20 7946 0018,\n", 0);
        assert_eq!(counts(&out), [2, 0, 0, 0], "{}", out.transcript());
        let rows = "Mine,,1-2345,\nBob,,100.01,\nCy,,10-001,\nDan,,1/11/2026,\nEve,,11/1/2026,\n";
        let out = place.import(&rehearsal, &mapping, rows, 0);
        assert_eq!(counts(&out), [5, 0, 0, 0], "{}", out.transcript());
        // Where the mapping writes numbers, they are compared as such.
        let numbers = ["", "", "do = [{ phone = { region = \"GB\" } }]", ""];
        let mapping = place.mapping("key = [\"<third>\"]", numbers);
        let out = place.import(&rehearsal, &mapping, "Ada King,,020 7946 0018,\n", 0);
        assert_eq!(counts(&out), [0, 1, 0, 0], "{}", out.transcript());
        let names: Vec<_> = place.records(&rehearsal).into_iter().map(|[name, ..]| name).collect();
        assert_eq!(names, ["Ada King", "Bob", "Cy", "Dan", "Eve", "Foreign", "Mine"]);
    }
}

#[test]
fn fields_of_phone_numbers_need_no_mapping_to_say_so() {
    for (place, phone) in PLACES.iter().zip(["Phone", "phone[work]"]) {
        let rehearsal = Rehearsal::new("");
        let mapping = place.mapping("key = [\"<several>\"]", [""; 4]).replace(place.several, phone);
        let out = place.import(&rehearsal, &mapping, "Ada,,,+44 20 7946 0018\n", 0);
        assert_eq!(counts(&out), [1, 0, 0, 0], "{}", out.transcript());
        let out = place.import(&rehearsal, &mapping, "Ada King,,,+44 (20) 7946-0018\n", 0);
        assert_eq!(counts(&out), [0, 1, 0, 0], "{}", out.transcript());
    }
}

#[test]
fn an_edit_of_a_text_that_reads_like_an_address_or_a_time_is_written() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let mapping = place.mapping("key = [\"<third>\"]", [""; 4]);
        let texts = |rehearsal: &Rehearsal| {
            place.records(rehearsal).into_iter().map(|[_, other, ..]| other).collect::<Vec<_>>()
        };
        let before = "A,Ann <info@acme.example>,x1,d@x.example\nB,INFO@acme.example,x2,\n\
                      C,2026-01-02T03:04:05+02:00,x3,\n";
        let out = place.import(&rehearsal, &mapping, before, 0);
        assert_eq!(counts(&out), [3, 0, 0, 0], "{}", out.transcript());
        let was = texts(&rehearsal);
        let after = "A,Bob <info@acme.example>,x1,d@x.example\nB,info@acme.example,x2,\n\
                     C,2026-01-02T01:04:05Z,x3,\n";
        let out = place.import(&rehearsal, &mapping, after, 0);
        assert_eq!(counts(&out), [0, 3, 0, 0], "{}", out.transcript());
        assert_eq!(out.count("verified"), 3, "{}", out.transcript());
        let now = ["Bob info@acme.example", "info@acme.example", "2026-01-02T01:04:05Z"];
        assert_eq!(texts(&rehearsal), now);
        let again = place.import(&rehearsal, &mapping, after, 0);
        assert_eq!(counts(&again), [0, 0, 3, 0], "{}", again.transcript());
        let run = out.summary()["run"].as_str().unwrap().to_owned();
        rehearsal.json(["undo", &run, "--yes"]).expect(0);
        assert_eq!(texts(&rehearsal), was);

        rehearsal.json(["export", place.stream, "-o", "sheet.csv"]).expect(0);
        let sheet = rehearsal.read("sheet.csv").replace("Ann <info", "Cy <info");
        rehearsal.file("sheet.csv", sheet);
        let out = rehearsal.json(["import", "sheet.csv", place.stream, "--yes"]).expect(0);
        assert_eq!(counts(&out), [0, 1, 2, 0], "{}", out.transcript());
        assert_eq!(texts(&rehearsal)[0], "Cy info@acme.example");
    }
}

#[test]
fn each_way_to_write_leaves_what_it_says_and_nothing_to_do_the_second_time() {
    for place in PLACES {
        let several = |write: &str| {
            format!("do = [{{ split = {{ on = \"|\" }} }}]\nwrite = \"{write}\"\ntake = \"all\"")
        };
        let cases = [
            ("replace", "new", "b@x.example;c@x.example"),
            ("add", "old", "a@x.example;b@x.example;c@x.example"),
            ("fill", "old", "a@x.example;b@x.example"),
        ];
        for (write, single, list) in cases {
            let rehearsal = Rehearsal::new("");
            let plain = place.mapping("key = [\"<name>\"]", ["", "", "", &several("replace")]);
            place.import(&rehearsal, &plain, "Ada,,old,a@x.example|b@x.example\nBob,,,\n", 0);
            let third = format!("write = \"{write}\"");
            let mapping = place.mapping("key = [\"<name>\"]", ["", "", &third, &several(write)]);
            let rows = "Ada,,new,b@x.example|c@x.example\nBob,,new,d@x.example\n";
            let out = place.import(&rehearsal, &mapping, rows, 0);
            assert_eq!(out.count("rejected"), 0, "{write}: {}", out.transcript());
            let expected = texts([["Ada", "", single, list], ["Bob", "", "new", "d@x.example"]]);
            assert_eq!(place.records(&rehearsal), expected, "{write} {}", place.stream);
            let seen = rehearsal.requests();
            let again = place.import(&rehearsal, &mapping, rows, 0);
            assert_eq!(counts(&again), [0, 0, 2, 0], "{write}: {}", again.transcript());
            assert!(rehearsal.writes_since(seen).is_empty(), "{write} {}", place.stream);
        }
    }
}

/// The plan as `--json` tells it, beside what the mapping leaves behind.
fn planned(out: &Output) -> serde_json::Value {
    out.objects().iter().find_map(|object| object.get("plan").cloned()).unwrap()
}

#[test]
fn values_without_room_are_counted_or_reject_their_row() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let split = "do = [{ split = { on = \"|\" } }]";
        let rows = "Ada,,x|y|z,\nBob,,x,\n";
        let mapping = place.mapping("key = [\"<name>\"]", ["", "", split, ""]);
        let out = place.import(&rehearsal, &mapping, rows, 0);
        assert_eq!(planned(&out)["dropped_values"], 2, "{}", out.transcript());
        assert_eq!(place.records(&rehearsal), texts([["Ada", "", "x", ""], ["Bob", "", "x", ""]]));
        let strict = format!("{split}\non_extra = \"reject\"");
        let mapping = place.mapping("key = [\"<name>\"]", ["", "", &strict, ""]);
        let out = place.import(&rehearsal, &mapping, rows, 1);
        assert_eq!(counts(&out), [0, 0, 1, 1], "{}", out.transcript());
        // A field that is filled has no room for what would be added.
        let add = place.mapping("key = [\"<name>\"]", ["", "", "write = \"add\"", ""]);
        let out = place.import(&rehearsal, &add, "Ada,,other,\n", 0);
        assert_eq!(counts(&out), [0, 0, 1, 0], "{}", out.transcript());
        assert_eq!(planned(&out)["dropped_values"], 1, "{}", out.transcript());
    }
}

#[test]
fn blanks_keep_or_clear_and_a_mark_always_clears() {
    for place in PLACES {
        let rehearsal = Rehearsal::new("");
        let keep = place.mapping("key = [\"<name>\"]", [""; 4]);
        place.import(&rehearsal, &keep, "Ada,o,t,a@x.example\n", 0);
        let out = place.import(&rehearsal, &keep, "Ada,,,\n", 0);
        assert_eq!(counts(&out), [0, 0, 1, 0], "{}", out.transcript());
        let clear = place.mapping("key = [\"<name>\"]", ["", "", "blank = \"clear\"", ""]);
        let out = place.import(&rehearsal, &clear, "Ada,,,\n", 0);
        assert_eq!(counts(&out), [0, 1, 0, 0], "{}", out.transcript());
        assert_eq!(place.records(&rehearsal), texts([["Ada", "o", "", "a@x.example"]]));
        let out = place.import(&rehearsal, &keep, "Ada,#N/A,,#N/A\n", 0);
        assert_eq!(counts(&out), [0, 1, 0, 0], "{}", out.transcript());
        assert_eq!(place.records(&rehearsal), texts([["Ada", "", "", ""]]));
        // The text itself is written by a mapping that makes it.
        let literal = place.mapping("key = [\"<name>\"]", ["", "do = [{ prefix = \"#\" }]", "", ""]);
        place.import(&rehearsal, &literal, "Ada,N/A,,\n", 0);
        assert_eq!(place.records(&rehearsal), texts([["Ada", "#N/A", "", ""]]));
    }
}
