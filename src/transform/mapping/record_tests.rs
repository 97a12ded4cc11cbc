//! Tests of what a mapping makes of a record: surroundings, lists, zones, conditions; and that nothing else
//! matters.

use super::tests::{file, parse};
use super::*;
use crate::record::{Field, Record};
use proptest::prelude::*;
use serde_json::{Value, json};

fn values(outcome: Outcome) -> Vec<Option<Vec<Value>>> {
    match outcome {
        Outcome::Draft(draft) => draft.values,
        other => panic!("{other:?}"),
    }
}

fn bound(text: &str, headers: &[&str]) -> Bound {
    let schema = file(headers);
    parse(text).unwrap().bind(&SourceSide::cells(&schema, &[], ';'), None).unwrap()
}

fn row(cells: &[(&str, &str)]) -> Record {
    let fields = cells.iter().map(|(header, cell)| Field::single(*header, json!(cell))).collect();
    Record { fields, ..Record::default() }
}

/// The row's number, its file and the day of the run can be read, unless the file has columns of those names.
#[test]
fn what_surrounds_a_record_can_be_read() {
    let text = "[[field]]\nto = \"t\"\ntemplate = \"{_file}/{_row}/{_run_date}\"\n\
                [[filter]]\nfield = \"_row\"\ngt = 1\n";
    let around = Surroundings { file: Some("a.csv".into()), run_date: Some("2024-07-30".into()) };
    let bind = |headers: &[&str]| bound(text, headers).in_surroundings(around.clone());
    let plain = bind(&["a"]);
    assert_eq!(plain.apply(&Record::default(), 1), Outcome::Filtered);
    assert_eq!(values(plain.apply(&Record::default(), 7)), [Some(vec![json!("a.csv/7/2024-07-30")])]);
    let own = row(&[("_row", "9")]);
    assert_eq!(values(bind(&["_row"]).apply(&own, 1)), [Some(vec![json!("a.csv/9/2024-07-30")])]);
    let example =
        format!("{text}[[example]]\nin = {{ _row = 5, _file = \"b.csv\" }}\nout = {{ t = \"b.csv/5\" }}\n");
    let tried = parse(&example).unwrap().test(None, None).unwrap();
    assert_eq!(tried[0].differences, []);
}

#[test]
fn lists_are_worked_on_together_and_apart() {
    let mapping =
        |rest: &str| format!("[[field]]\nto = \"t\"\nfrom = [\"a\", \"b\"]\ntake = \"all\"\n{rest}\n");
    let cases = [
        ("do = [\"sort\"]", json!(["a", "b", "c"])),
        ("do = [\"uppercase\", \"sort\", { join = \"+\" }, { prefix = \"=\" }]", json!(["=A+B+C"])),
        (
            "do = [{ lookup = { table = { c = \"a\", a = \"a\" }, else = \"keep\" } }, \"unique\"]",
            json!(["a", "b"]),
        ),
        // What cannot be read is kept as it was, and takes part in the order.
        ("on_error = \"keep\"\ndo = [{ country = \"alpha-2\" }, \"sort\"]", json!(["a", "b", "c"])),
        ("on_error = \"blank\"\ndo = [\"number\", { sort = \"number\" }]", json!(null)),
    ];
    for (rest, expected) in cases {
        let text = mapping(rest).replace("from = [\"a\", \"b\"]", "multi = true\nfrom = [\"a\", \"b\"]");
        let made = bound(&text, &["a", "b"]).apply(&row(&[("a", "c; a"), ("b", "b")]), 1);
        assert_eq!(json!(values(made)[0]), expected, "{rest}");
    }
}

/// Each record may have a time zone of its own, for its times and for the service that is told it.
#[test]
fn a_time_zone_comes_from_a_field() {
    let text = "[mapping]\ntime_zone = \"Europe/London\"\ntime_zone_from = \"zone\"\n\
                [[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [\"datetime\"]\n\
                [[field]]\nto = \"u\"\nfrom = \"a\"\ntype = \"datetime\"\n\
                [[field]]\nto = \"v\"\nfrom = \"a\"\ndo = [{ datetime = { zone = \"UTC\" } }]\n";
    let bound = bound(text, &["a", "zone"]);
    let made = |zone: &str| bound.apply(&row(&[("a", "2024-07-30T10:00"), ("zone", zone)]), 1);
    let Outcome::Draft(draft) = made("Eastern Standard Time") else { panic!() };
    assert_eq!(draft.time_zone.as_deref(), Some("America/New_York"));
    let texts: Vec<_> = draft.values.into_iter().map(|values| values.unwrap()[0].clone()).collect();
    assert_eq!(texts, ["2024-07-30T14:00:00Z", "2024-07-30T14:00:00Z", "2024-07-30T10:00:00Z"]);
    let Outcome::Draft(draft) = made("") else { panic!() };
    assert_eq!((draft.time_zone, draft.values[0].clone()), (None, Some(vec![json!("2024-07-30T09:00:00Z")])));
    let Outcome::Rejected(rejects) = made("Europe/Lodnon") else { panic!() };
    assert_eq!(
        rejects[0].reason,
        "m.toml: time_zone_from `zone`: `Europe/Lodnon` is no time zone that is known; did you mean `Europe/London`?"
    );
}

#[test]
fn conditions_are_made_of_others() {
    let cases = [
        ("any = [{ field = \"a\", is = \"1\" }, { field = \"b\", is = \"1\" }]", true),
        ("all = [{ field = \"a\", is = \"1\" }, { field = \"b\", is = \"1\" }]", false),
        ("not = { field = \"a\", is = \"1\" }", false),
        ("not = { any = [{ field = \"a\", gt = 1 }, { field = \"b\", lt = 2 }] }", true),
        ("all = [{ field = \"a\", gte = 1, lte = 1 }, { not = { field = \"b\", empty = true } }]", true),
    ];
    for (condition, kept) in cases {
        let text = format!(
            "[[filter]]\n{condition}\n[[field]]\nto = \"t\"\nfrom = \"a\"\nwhen = {{ {condition} }}\n"
        );
        let outcome = bound(&text, &["a", "b"]).apply(&row(&[("a", "1"), ("b", "2")]), 1);
        assert_eq!(matches!(outcome, Outcome::Draft(_)), kept, "{condition}");
    }
}

#[test]
fn links_are_compiled_and_told() {
    let text = "[[field]]\nto = \"t\"\nfrom = \"a\"\nlink = { stream = \"crm:Companies\", by = \"Name\", missing = \"create\" }\n";
    let bound = bound(text, &["a"]);
    let links: Vec<_> = bound.links().map(|(field, link)| (field.to_string(), link.clone())).collect();
    let link = Link { stream: "crm:Companies".into(), by: "Name".into(), missing: MissingLink::Create };
    assert_eq!(links, [("t".to_owned(), link)]);
}

/// A mapping that works hard, on three columns.
const HARD: &str = r#"
[mapping]
time_zone = "Europe/London"
on_error = "blank"
[[field]]
to = "name"
template = "{a} {b}"
do = ["collapse", "titlecase", { name = "family" }]
[[field]]
to = "phone"
from = "b"
do = [{ phone = { region_from = "c", region = "US", keep = true } }]
[[field]]
to = "country"
from = ["c", "a"]
do = [{ country = "alpha-2" }]
[[field]]
to = "when"
from = "a"
do = [{ datetime = { from = ["%d/%m/%Y", "excel"] } }]
[[field]]
to = "all"
from = ["a", "b", "c"]
take = "all"
multi = true
do = ["html_to_text", { split = " " }, "unique", "sort"]
when = { not = { field = "a", matches = "^x" } }
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// What becomes of a record depends on it alone: in any order, after any others, a second time.
    #[test]
    fn the_order_of_rows_does_not_matter(
        rows in proptest::collection::vec(("[0-9/+ a-zA-Zé<>&]{0,12}", "[-0-9 ()+]{0,14}", "(US|Deutschland|Congo|)"), 1..8),
        seed in any::<u64>(),
    ) {
        let mapping = bound(HARD, &["a", "b", "c"]);
        let records: Vec<_> = rows.iter().map(|(a, b, c)| row(&[("a", a), ("b", b), ("c", c)])).collect();
        let forward: Vec<_> = records.iter().map(|record| mapping.apply(record, 1)).collect();
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by_key(|at| (*at as u64).wrapping_mul(seed | 1) % 97);
        for at in order {
            prop_assert_eq!(&mapping.apply(&records[at], 1), &forward[at]);
            let again = bound(HARD, &["a", "b", "c"]);
            prop_assert_eq!(&again.apply(&records[at], 1), &forward[at]);
        }
    }
}
