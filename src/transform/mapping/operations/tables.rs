//! The operation `lookup`: its table stands in the mapping or in a file beside it.

use super::super::file::{Findings, Table, Written, values};
use super::{Node, Place};
use crate::transform::ops::lookup::{self, Lookup, Other};
use crate::transform::ops::{OnError, Operation};
use serde_json::Value;
use std::collections::HashMap;

/// Compiles a `lookup`.
pub(super) fn lookup(table: &Table<'_>, place: &Place<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let rows = match (table.get("table"), table.text("file", findings)) {
        (Some(inline), None) => inline_table(inline, findings),
        (None, Some(file)) => file_table(table, &file, place, findings),
        _ => {
            let hint = Some(
                "write { table = { a = \"b\" } } or { file = \"x.csv\", from = \"a\", to = \"b\" }"
                    .to_owned(),
            );
            findings.add(table.at, "`lookup` needs `table` or `file`, one of them", hint);
            None
        }
    };
    let policies = [("reject", OnError::Reject), ("keep", OnError::Keep), ("blank", OnError::Blank)];
    let policy = table.choice("else", &policies, findings).map(Other::Policy);
    let value = table.values("else_value", findings).and_then(|values| values.into_iter().next());
    if policy.is_some() && value.is_some() {
        findings.add(
            table.at,
            "`lookup` has both `else` and `else_value`",
            Some("keep one of them".to_owned()),
        );
    }
    let ignore_case = table.flag("ignore_case", findings).unwrap_or(false);
    let rows = if ignore_case { folded(rows?, table, findings)? } else { rows? };
    Some(Operation::Lookup(Lookup { table: rows, ignore_case, other: value.map(Other::Value).or(policy) }))
}

fn inline_table(value: Node<'_>, findings: &mut Findings<'_>) -> Option<HashMap<String, Value>> {
    let table = Table::of_value("`table`", value, findings)?;
    let mut rows = HashMap::new();
    for (word, _, value) in table.keys() {
        let meaning = values(word, value, findings)?.into_iter().next()?;
        rows.insert(word.to_owned(), meaning);
    }
    Some(rows)
}

fn file_table(
    table: &Table<'_>,
    file: &Written,
    place: &Place<'_>,
    findings: &mut Findings<'_>,
) -> Option<HashMap<String, Value>> {
    let (from, to) = (table.text("from", findings), table.text("to", findings));
    let (Some(from), Some(to)) = (from, to) else {
        findings.add(table.at, "`lookup` in a file needs `from` and `to`: two of its columns", None);
        return None;
    };
    let path = place.folder.join(&file.text);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(cause) => {
            findings.add(file.at, format!("cannot read the lookup file `{}`: {cause}", path.display()), None);
            return None;
        }
    };
    match lookup::table(&bytes, &from.text, &to.text) {
        Ok(rows) => Some(rows),
        Err(bad) => {
            findings.add(file.at, format!("the lookup file `{}`: {}", path.display(), bad.what), bad.hint);
            None
        }
    }
}

/// The table with its words in small letters.
fn folded(
    rows: HashMap<String, Value>,
    table: &Table<'_>,
    findings: &mut Findings<'_>,
) -> Option<HashMap<String, Value>> {
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut small: HashMap<String, Value> = HashMap::with_capacity(rows.len());
    for (word, value) in rows {
        if let Some(before) = small.insert(word.to_lowercase(), value.clone())
            && before != value
        {
            let what = format!("`{word}` is in the table twice with different meanings, case ignored");
            findings.add(table.at, what, None);
            return None;
        }
    }
    Some(small)
}
