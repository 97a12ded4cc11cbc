//! Tests of mappings as a whole: what they make of records, and what they say when something is wrong.

use super::*;
use crate::record::schema::{FieldSpec, Schema};
use crate::record::{Field, Record};
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) fn parse(text: &str) -> Result<Mapping> {
    Mapping::parse(text, "m.toml", Path::new(""))
}

pub(super) fn file(headers: &[&str]) -> Schema {
    let spec = |name: &&str| FieldSpec { name: (*name).to_owned(), ..FieldSpec::default() };
    Schema { of: "a.csv".into(), fields: headers.iter().map(spec).collect(), ..Schema::default() }
}

/// Two mail addresses under modifiers, addresses with parts, a name and tags.
pub(super) fn service() -> Schema {
    let spec = |name: &str, modifiers: &[&str], parts: &[&str], several| FieldSpec {
        name: name.into(),
        modifiers: modifiers.iter().map(|text| (*text).to_owned()).collect(),
        parts: parts.iter().map(|text| (*text).to_owned()).collect(),
        several,
        ..FieldSpec::default()
    };
    let fields = vec![
        spec("_tags", &[""], &[], true),
        FieldSpec { read_only: true, ..spec("_owner", &[""], &[], false) },
        spec("name", &[""], &[], false),
        spec("email", &["work", "home"], &[], true),
        spec("address", &["work"], &["street", "city"], true),
    ];
    stream("crm:contacts", true, fields)
}

/// A service's stream.
fn stream(of: &str, has_modifiers: bool, fields: Vec<FieldSpec>) -> Schema {
    let mut schema = file(&[]);
    (schema.of, schema.has_modifiers, schema.has_head, schema.fields) =
        (of.into(), has_modifiers, true, fields);
    schema
}

/// What `[[field]]` tables make of a row of text cells.
fn row(fields: &str, cells: &[(&str, &str)]) -> Outcome {
    let headers: Vec<_> = cells.iter().map(|(header, _)| *header).collect();
    let schema = file(&headers);
    let bound = parse(fields).unwrap().bind(&SourceSide::cells(&schema, &[], ';'), None).unwrap();
    let fields = cells.iter().map(|(header, cell)| Field::single(*header, json!(cell))).collect();
    bound.apply(&Record { fields, ..Record::default() }, 1)
}

fn values(outcome: Outcome) -> Vec<Option<Vec<Value>>> {
    match outcome {
        Outcome::Draft(draft) => draft.values,
        other => panic!("{other:?}"),
    }
}

/// The first field's values as JSON; null where the place is left alone.
fn first(fields: &str, cells: &[(&str, &str)]) -> Value {
    json!(values(row(&format!("[[field]]\nto = \"t\"\n{fields}\n"), cells))[0])
}

#[test]
fn values_are_gathered_taken_and_joined() {
    let cells = [("a", " A "), ("b", ""), ("c", "C; D"), ("d", "A")];
    let cases = [
        ("from = \"a\"", json!(["A"])),
        ("from = \"a\"\ntrim = false", json!([" A "])),
        ("from = \"b\"", json!(null)),
        ("from = \"b\"\nblank = \"clear\"", json!([])),
        ("from = \"b\"\ndefault = 7", json!([7])),
        ("from = [\"b\", \"c\", \"a\"]", json!(["C; D"])),
        ("from = [\"a\", \"b\", \"c\"]\ntake = \"last\"", json!(["C; D"])),
        ("from = [\"a\", \"b\", \"c\"]\ntake = 2", json!(["C; D"])),
        ("from = [\"a\", \"b\", \"c\"]\ntake = 3", json!(null)),
        ("from = [\"a\", \"c\", \"d\"]\ntake = \"all\"", json!(["A", "C; D"])),
        ("from = [\"a\", \"b\", \"c\"]\njoin = \"-\"", json!(["A-C; D"])),
        ("from = \"c\"\nmulti = true", json!(["C", "D"])),
        ("from = \"c\"\nmulti = true\ndo = [\"lowercase\"]", json!(["c", "d"])),
        ("from = \"c\"\ndo = [{ split = { on = \";\" } }, { nth = { n = 2 } }]", json!(["D"])),
        ("const = [1, true]\nmulti = true", json!([1, true])),
        ("template = \"{a}, {b} {d}\"", json!(["A, A"])),
        ("template = \"{b}\"\ndefault = \"none\"", json!(["none"])),
        ("from = \"a\"\nwhen = { field = \"b\", empty = false }", json!(null)),
        (
            "from = \"a\"\nwhen = [{ field = \"b\", empty = true }, { field = \"d\", is = \"A\" }]",
            json!(["A"]),
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(first(fields, &cells), expected, "{fields}");
    }
}

#[test]
fn types_are_what_the_mapping_says() {
    let cases = [
        ("type = \"number\"", "12.50", Some("12.50")),
        ("type = \"number\"", "1,5", None),
        ("type = \"bool\"", "true", Some("true")),
        ("type = \"bool\"", "yes", None),
        ("type = \"bool\"\ndo = [\"bool\"]", "yes", Some("true")),
        ("type = \"date\"", "2024-07-30T10:00:00Z", Some("\"2024-07-30\"")),
        ("type = \"date\"", "30.07.2024", None),
        ("type = \"datetime\"", "2024-07-30T10:00:00+02:00", Some("\"2024-07-30T08:00:00Z\"")),
        ("type = \"text\"\ndo = [\"number\"]", "7", Some("\"7\"")),
        ("do = [\"number\"]", "7", Some("7")),
        ("", "007", Some("\"007\"")),
    ];
    for (fields, cell, expected) in cases {
        let made = match row(&format!("[[field]]\nto = \"t\"\nfrom = \"a\"\n{fields}\n"), &[("a", cell)]) {
            Outcome::Draft(draft) => Some(draft.values[0].clone().unwrap()[0].to_string()),
            _ => None,
        };
        assert_eq!(made.as_deref(), expected, "{fields} {cell}");
    }
}

#[test]
fn a_value_that_cannot_be_read_is_rejected_dropped_or_kept() {
    let with = |rest: &str| format!("from = \"a\"\ndo = [\"uppercase\", \"email\"]\n{rest}");
    let cells = [("a", "nobody")];
    assert_eq!(first(&with("on_error = \"keep\""), &cells), json!(["nobody"]));
    assert_eq!(first(&with("on_error = \"blank\""), &cells), json!(null));
    assert_eq!(first(&with("on_error = \"blank\"\nblank = \"clear\""), &cells), json!(null));
    assert_eq!(first(&with("on_error = \"blank\"\ndefault = \"x\""), &cells), json!(["x"]));
    let lookup =
        |other: &str| format!("from = \"a\"\ndo = [{{ lookup = {{ table = {{ x = \"y\" }}{other} }} }}]");
    assert_eq!(first(&lookup(", else = \"blank\""), &cells), json!(null));
    assert_eq!(first(&lookup(", else = \"keep\""), &cells), json!(["nobody"]));
    assert_eq!(first(&lookup(", else_value = 0"), &cells), json!([0]));
}

#[test]
fn every_reason_against_a_row_is_given_with_its_place() {
    let mapping = r#"
[[field]]
to   = "Email"
from = ["E-mail", "Mail"]
do   = [
  "lowercase",
  "email",
]
[[field]]
to   = "Phone"
from = "Tel"
do   = [{ phone = { region_from = "Land" } }]
[[field]]
to   = "Country"
from = "Land"
do   = [{ country = "alpha-2" }]
[[field]]
to   = "Country name"
from = "Land"
do   = [{ lookup = { table = { Germany = "DE" } } }]
[[field]]
to   = "Tags"
from = ["E-mail", "Land"]
take = "all"
multi = false
on_extra = "reject"
"#;
    let cells = [("E-mail", "Foo"), ("Mail", ""), ("Tel", "12"), ("Land", "Germny")];
    let Outcome::Rejected(rejects) = row(mapping, &cells) else { panic!() };
    let reasons: Vec<_> = rejects.iter().map(|reject| reject.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "m.toml:7: `Email` from `E-mail`, `Mail`: `foo` is no e-mail address (missing separator character \
             '@'); correct it, or let `on_error` say what becomes of it",
            "m.toml:12: `Phone` from `Tel`: `12` has no country code and its country is not known (`Germny` \
             names no one country); write it with `+`, or name its country with `region` or `region_from`",
            "m.toml:16: `Country` from `Land`: `Germny` is no country that is known; did you mean `Germany`?",
            "m.toml:20: `Country name` from `Land`: `Germny` is not in the lookup table; its nearest word is \
             `Germany`",
            "m.toml:22: `Tags` from `E-mail`, `Land`: `Germny` is one of 2 values, and `Tags` holds one; choose \
             one with `take`, or write `multi = true` or `join`",
        ]
    );
    assert_eq!(rejects[0].field.as_deref(), Some("Email"));
    assert_eq!(rejects[0].value.as_deref(), Some("Foo"));
}

#[test]
fn filters_and_their_tests_decide_what_is_mapped() {
    let cases = [
        ("is = \"x\"", false),
        ("is = \"5\"", true),
        ("is = 5.0", true),
        ("is_not = \"5\"", false),
        ("in = [\"4\", \"5\"]", true),
        ("not_in = [\"4\"]", true),
        ("matches = \"^[0-9]$\"", true),
        ("empty = true", false),
        ("above = 4", true),
        ("above = 5", false),
        ("at_least = 5", true),
        ("below = 5", false),
        ("gt = 4\nlte = 5", true),
        ("gte = 6", false),
        ("lt = 5", false),
        ("above = 4\nbelow = 6", true),
        ("below = 2024-01-01", false),
    ];
    for (test, kept) in cases {
        let mapping = format!("[[filter]]\nfield = \"a\"\n{test}\n[[field]]\nto = \"t\"\nfrom = \"a\"\n");
        let outcome = row(&mapping, &[("a", "5")]);
        assert_eq!(matches!(outcome, Outcome::Draft(_)), kept, "{test}");
    }
    let dated =
        |test: &str| format!("[[filter]]\nfield = \"a\"\n{test}\n[[field]]\nto = \"t\"\nfrom = \"a\"\n");
    let kept = |test: &str, cell: &str| matches!(row(&dated(test), &[("a", cell)]), Outcome::Draft(_));
    assert!(kept("at_least = \"2024-01-01\"", "2024-01-01T10:00:00Z"));
    assert!(!kept("above = \"2024-01-01\"", "2024-01-01"));
    assert!(kept("above = \"2024-01-01T10:00:00Z\"", "2024-01-01T13:00:00+02:00"));
    assert!(!kept("above = 5", "soon"));
}

#[test]
fn names_are_found_in_both_sides() {
    let mapping = r#"
[mapping]
key = ["email"]
[[field]]
to   = "email[work]"
from = ["email[home]", "email"]
[[field]]
to   = "address[work].city"
from = "address.city"
[[field]]
to   = "_tags"
from = "email[first]"
"#;
    let schema = service();
    let bound = parse(mapping).unwrap().bind(&SourceSide::lists(&schema), Some(&schema)).unwrap();
    let places: Vec<_> = bound.targets().iter().map(|field| field.place.to_string()).collect();
    assert_eq!(places, ["email[work]", "address[work].city", "_tags"]);
    assert_eq!(bound.keys()[0][0].to_string(), "email[*]");
    assert_eq!(bound.targets()[2].write, crate::transform::draft::Write::Add);
    let entry = |modifier: &str, value| crate::record::Entry { modifier: modifier.into(), value };
    let record = Record {
        fields: vec![
            Field {
                name: "address".into(),
                entries: vec![entry("work", json!({"city": "Oslo"}))],
                list: true,
            },
            Field {
                name: "email".into(),
                entries: vec![entry("work", json!("a@b.org")), entry("home", json!("c@d.org"))],
                list: true,
            },
        ],
        ..Record::default()
    };
    assert_eq!(json!(values(bound.apply(&record, 1))), json!([["c@d.org"], ["Oslo"], ["a@b.org"]]));
}

#[test]
fn a_mapped_file_has_the_mappings_columns() {
    let mapping = "[[field]]\nto = \"x[y].z\"\nfrom = \"a\"\n[[field]]\nto = \"n\"\nfrom = \"b\"\ndo = \"number\"\n\
                   [[field]]\nto = \"l\"\nfrom = \"a\"\nmulti = true\n";
    let schema = file(&["a", "b"]);
    let bound = parse(mapping).unwrap().bind(&SourceSide::cells(&schema, &[], ';'), None).unwrap();
    let columns: Vec<_> =
        bound.columns().into_iter().map(|c| format!("{} {:?} {:?}", c.header, c.coding, c.kind)).collect();
    assert_eq!(columns, ["x[y].z Single Text", "n Single Number", "l List Text"]);
    let record = Record {
        fields: vec![Field::single("a", json!("1;2")), Field::single("b", json!("7"))],
        ..Record::default()
    };
    let Outcome::Draft(draft) = bound.apply(&record, 1) else { panic!() };
    let made = bound.to_record(&draft);
    assert_eq!(made.fields[0], Field::single("x[y].z", json!("1;2")));
    assert_eq!(made.fields[2], Field::list("l", vec![json!("1"), json!("2")]));
}

/// The mapping that stands in the design, but for the field that links records.
#[test]
fn the_example_of_the_design_holds() {
    let text = r#"
[mapping]
source    = "crm:contacts"
target    = "other:Contacts"
mode      = "upsert"
key       = ["Email"]
time_zone = "Europe/London"
blank     = "keep"
on_error  = "reject"

[[filter]]
field = "_type"
is = "person"

[[field]]
to   = "Name"
from = ["first name", "last name"]
join = " "

[[field]]
to   = "Email"
from = ["email[work]", "email[personal]", "email[*]"]
take = "all"
do   = ["lowercase", "email"]

[[field]]
to    = "Phone"
from  = "phone"
multi = true
do    = [{ phone = { format = "e164", region_from = "address[work].country", region = "GB" } }]

[[field]]
to   = "Country"
from = "address[work].country"
do   = [{ country = "alpha-2" }]

[[field]]
to   = "Last call"
from = "meeting"
do   = [{ datetime = { from = ["%d.%m.%Y %H:%M"], zone = "America/New_York" } }]

[[field]]
to    = "Status"
from  = "lead status"
write = "fill"
do    = [{ lookup = { table = { Open = "New", Qualified = "Won" }, else = "reject" } }]

[[example]]
in  = { _type = "person", "first name" = "Ada", "last name" = "Byron", "email[work]" = "ADA@example.org", "phone[work]" = ["020 7946 0018"], meeting = "01.02.2024 10:00" }
out = { Name = "Ada Byron", Email = ["ada@example.org"], Phone = "+442079460018", "Last call" = "2024-02-01T15:00:00Z", Status = "" }

[[example]]
in  = { _type = "company", "first name" = "Ada" }
out = { Name = "Ada" }

[[example]]
in  = { _type = "person", "lead status" = "open" }
out = { Status = "New" }
"#;
    let tried = parse(text).unwrap().test(None, None).unwrap();
    assert_eq!(tried[0].differences, []);
    assert_eq!(tried[1].differences[0].made, "it is left out by a filter");
    assert_eq!(
        tried[2].differences[0].made,
        "m.toml:46: `Status` from `lead status`: `open` is not in the lookup table; its nearest word is `Open`"
    );
}

/// Threads share a bound mapping.
#[test]
fn a_bound_mapping_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<Bound>();
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_mapping_of_broken_pieces_makes_the_reader_panic(
        pieces in proptest::collection::vec("\\[\\[field\\]\\]\n|to = |from = |\"é\"|\n|do = |\\{|\\}|\\[|\\]|, |phone|template = |\"\\{a\"|=|take = -?[0-9]", 0..16)
    ) {
        let _ = parse(&pieces.concat());
    }
}

/// Each mapping in `mappings/`, and the two of the benchmarks where they are present.
#[test]
fn ready_made_mappings_hold_their_examples() {
    for folder in ["mappings", "../shared/bench/peers"] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|end| end != "toml") {
                continue;
            }
            let mapping = Mapping::load(&path).unwrap_or_else(|error| panic!("{}", error.chain()));
            mapping.check(None, None).unwrap_or_else(|error| panic!("{}", error.chain()));
            for tried in mapping.test(None, None).unwrap() {
                assert_eq!(tried.differences, [], "{}:{}", path.display(), tried.line);
            }
            assert!(folder != "mappings" || mapping.example_count() > 0, "{}", path.display());
        }
    }
}

/// The ready-made mappings name only what the services have: the default fields of Nimble (its API facts, 8.1)
/// and the Contacts folder of NetHunt that the simulator starts with (design section 11).
#[test]
fn ready_made_mappings_fit_the_services() {
    let (nimble, nethunt) = (nimble(), nethunt());
    let side = |endpoint: &str| match endpoint.split_once(':') {
        Some(("nimble", _)) => Some(&nimble),
        Some(("nethunt", _)) => Some(&nethunt),
        _ => None,
    };
    for path in std::fs::read_dir("mappings").unwrap().map(|entry| entry.unwrap().path()) {
        let mapping = Mapping::load(&path).unwrap();
        let (source, target) = (side(mapping.source().unwrap()), side(mapping.target().unwrap()));
        for tried in mapping.test(source, target).unwrap_or_else(|error| panic!("{}", error.chain())) {
            assert_eq!(tried.differences, [], "{}:{}", path.display(), tried.line);
        }
    }
}

fn nimble() -> Schema {
    let several = [
        ("email", "work personal other"),
        ("phone", "work,home,mobile,main,home fax,work fax,other"),
        ("address", "work home other"),
        ("URL", "work personal blog other"),
        ("description", "other twitter facebook linkedin google+ foursquare"),
        ("twitter", ""),
        ("facebook", ""),
        ("_tags", ""),
    ];
    let single = [
        "first name",
        "last name",
        "middle name",
        "title",
        "lead status",
        "birthday",
        "parent company",
        "linkedin",
    ];
    let parts = ["street", "city", "state", "zip", "country"].map(str::to_owned);
    let spec = |(name, modifiers): (&str, &str)| FieldSpec {
        name: name.into(),
        modifiers: modifiers
            .split(if modifiers.contains(',') { ',' } else { ' ' })
            .map(str::to_owned)
            .collect(),
        parts: if name == "address" { parts.to_vec() } else { Vec::new() },
        several: true,
        ..FieldSpec::default()
    };
    let mut fields: Vec<_> = several.into_iter().map(spec).collect();
    fields.extend(single.map(|name| FieldSpec { several: false, ..spec((name, "")) }));
    stream("nimble:contacts", true, fields)
}

fn nethunt() -> Schema {
    let names = "Name,Email*,Phone*,Country,Birthday,Tags*,Status,Zip,Address,Notes,External ID,Site,Keywords*,\
                 Primary Email Address,Other Email Addresses*";
    let spec = |name: &str| FieldSpec {
        name: name.trim_end_matches('*').into(),
        several: name.ends_with('*'),
        ..FieldSpec::default()
    };
    let fields = names.split(',').map(spec).collect();
    stream("nethunt:Contacts", false, fields)
}

/// Every member of Congress is mapped, and each has a key of its own.
#[test]
fn every_member_of_congress_is_mapped() {
    let path = "../shared/data/people/us-congress/legislators-current.csv";
    let Ok(mut reader) = csv::Reader::from_path(path) else { return };
    let headers: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let schema = file(&headers.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
    for name in ["mappings/us-congress-nethunt.toml", "mappings/us-congress-nimble.toml"] {
        let mapping = Mapping::load(Path::new(name)).unwrap();
        let bound = mapping.bind(&SourceSide::cells(&schema, &[], ';'), None).unwrap();
        let key = bound.targets().iter().position(|field| field.place == bound.keys()[0][0]).unwrap();
        let mut keys = std::collections::BTreeSet::new();
        for row in &rows {
            let cells = headers.iter().zip(row).map(|(header, cell)| Field::single(header, json!(cell)));
            let record = Record { fields: cells.collect(), ..Record::default() };
            keys.insert(values(bound.apply(&record, 1))[key].clone().unwrap()[0].to_string());
        }
        assert_eq!(keys.len(), rows.len(), "{name}");
    }
}
