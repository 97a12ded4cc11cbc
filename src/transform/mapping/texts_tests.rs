//! The short way and the long way make the same of every row.

use crate::record::{Field, Record, to_text};
use crate::transform::mapping::tests::{file, parse};
use crate::transform::mapping::{Bound, Outcome, Recall, SourceSide, TextRow, Texts};
use proptest::prelude::*;

const HEADERS: [&str; 4] = ["a", "b", "country", "when"];

/// Fields of every kind: some of them can go the short way, some cannot.
const MAPPING: &str = r#"
[[filter]]
field = "b"
not_in = ["leave out"]
[[field]]
to = "copied"
from = "a"
[[field]]
to = "as it stands"
from = "a"
trim = false
[[field]]
to = "not blank"
from = "b"
default = "nobody"
[[field]]
to = "small"
from = "a"
do = ["collapse", "lowercase", "ascii"]
[[field]]
to = "mail"
from = "a"
on_error = "blank"
default = "none"
do = ["lowercase", "email"]
[[field]]
to = "phone"
from = "b"
on_error = "keep"
do = [{ phone = { region_from = "country" } }]
[[field]]
to = "country"
from = "country"
on_error = "keep"
do = ["trim", { country = "alpha-2" }]
[[field]]
to = "must be a country"
from = "country"
do = [{ country = "alpha-3" }]
[[field]]
to = "day"
from = "when"
on_error = "blank"
do = [{ date = { from = ["%d/%m/%Y"] } }]
[[field]]
to = "moment"
from = "when"
on_error = "blank"
do = [{ datetime = { from = ["%Y-%m-%dT%H:%M:%S%z"] } }]
[[field]]
to = "number"
from = "b"
on_error = "keep"
do = ["number"]
[[field]]
to = "word"
from = "b"
do = [{ lookup = { table = { "1" = "one", "2" = "" }, else = "keep" } }, { suffix = "." }]
[[field]]
to = "typed"
from = "b"
type = "number"
on_error = "keep"
[[field]]
to = "first word"
from = "a"
do = [{ split = " " }, { nth = 1 }]
[[field]]
to = "either"
from = ["a", "b"]
[[field]]
to = "both"
template = "{a} {b}"
[[field]]
to = "at times"
from = "a"
when = { field = "b", empty = false }
[[field]]
to = "always"
const = "x"
[[field]]
to = "numbered"
from = "_row"
"#;

#[derive(Debug)]
struct Cells([String; 4]);

impl TextRow for Cells {
    fn cell(&self, column: usize) -> &str {
        &self.0[column]
    }

    fn record(&self) -> Record {
        let filled = HEADERS.iter().zip(&self.0).filter(|(_, cell)| !cell.is_empty());
        let fields = filled.map(|(header, cell)| Field::single(*header, cell.as_str().into())).collect();
        Record { fields, ..Record::default() }
    }
}

fn bound(text: &str) -> Bound {
    let schema = file(&HEADERS);
    parse(text).unwrap().bind(&SourceSide::cells(&schema, &[], ';'), None).unwrap()
}

/// What the long way makes of a row; nothing where it is rejected.
fn long(bound: &Bound, row: &Cells) -> Option<Vec<String>> {
    match bound.apply(&row.record(), 7) {
        Outcome::Filtered => Some(vec!["filtered".into()]),
        Outcome::Rejected(_) => None,
        Outcome::Draft(draft) => {
            let cell = |values: Option<Vec<_>>| values.and_then(|values| values.first().map(to_text));
            Some(draft.values.into_iter().map(|values| cell(values).unwrap_or_default()).collect())
        }
    }
}

fn short(bound: &Bound, row: &Cells, recall: &mut Recall) -> Option<Vec<String>> {
    let mut made = Vec::new();
    match bound.texts(row, 7, recall, &mut |text| made.push(text.to_owned())) {
        Texts::Made => Some(made),
        Texts::Filtered => Some(vec!["filtered".into()]),
        Texts::Untold => None,
    }
}

fn any_row() -> impl Strategy<Value = Cells> {
    let name = prop_oneof!["[ aB@.,\u{a0}é#/]{0,6}", Just("#N/A".into()), Just(" Ada@Example.org".into())];
    let number = prop_oneof!["[+0-9 ().x-]{0,12}", Just("leave out".into()), "[12]?"];
    let country = prop_oneof![
        Just(String::new()),
        Just("Germany".into()),
        Just(" UK ".into()),
        Just("Korea, Republic of".into()),
        Just("Atlantis".into())
    ];
    let when = prop_oneof![
        "[0-3]{1,2}/[01]?[0-9]/(19)?[0-9]{2}",
        "20[012][0-9]-0[1-9]-[0-3][0-9]T1[0-9]:00:00(Z|[+-]0[0-9]:?00|)",
        "[ 0-9]{0,4}"
    ];
    (name, number, country, when).prop_map(|(a, b, country, when)| Cells([a, b, country, when]))
}

proptest! {
    #[test]
    fn both_ways_make_the_same(rows in prop::collection::vec(any_row(), 1..20)) {
        let bound = bound(MAPPING);
        let mut recall = Recall::new(&bound);
        for row in rows {
            prop_assert_eq!(short(&bound, &row, &mut recall), long(&bound, &row), "{:?}", row.0);
        }
    }
}

#[test]
fn most_fields_of_a_plain_mapping_go_the_short_way() {
    let planned = bound(MAPPING).plans.iter().filter(|plan| plan.is_some()).count();
    assert_eq!(planned, 12);
}

/// A time zone of the row's own may be none that exists, which has to be said.
#[test]
fn rows_with_a_zone_of_their_own_go_the_long_way() {
    let bound = bound("[mapping]\ntime_zone_from = \"country\"\n[[field]]\nto = \"x\"\nfrom = \"a\"\n");
    let row = Cells(["1", "", "Asia/Tokyo", ""].map(str::to_owned));
    assert_eq!(short(&bound, &row, &mut Recall::new(&bound)), None);
    assert_eq!(long(&bound, &row), Some(vec!["1".to_owned()]));
}
