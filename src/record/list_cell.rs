//! Several values in one cell of a CSV or XLSX file, there and back (design section 6).
//!
//! A *list column* joins its values with a separator; an item that holds the separator, a quote, a line break
//! or outer blanks is quoted as in CSV. *Prose* is never split: several values stand as a JSON array, and a
//! single value that itself reads as such an array is written as a one-item array, so that reading is the
//! exact inverse of writing for every text.

use serde_json::Value;

/// Joins values into the text of a list column's cell.
#[must_use]
pub fn join(values: &[String], separator: char) -> String {
    let mut cell = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            cell.push(separator);
        }
        if needs_quotes(value, separator, values.len()) {
            cell.push('"');
            cell.push_str(&value.replace('"', "\"\""));
            cell.push('"');
        } else {
            cell.push_str(value);
        }
    }
    cell
}

/// Splits the text of a list column's cell; an empty cell is an empty list. A quote inside an unquoted item
/// is taken as it stands, and an unfinished one takes the rest.
#[must_use]
pub fn split(cell: &str, separator: char) -> Vec<String> {
    if cell.is_empty() {
        return Vec::new();
    }
    let mut items = Vec::new();
    let mut rest = cell;
    loop {
        let (item, after) = match rest.strip_prefix('"').and_then(|inner| quoted(inner, separator)) {
            Some(found) => found,
            None => match rest.find(separator) {
                Some(at) => (rest[..at].to_owned(), Some(&rest[at + separator.len_utf8()..])),
                None => (rest.to_owned(), None),
            },
        };
        items.push(item);
        match after {
            Some(next) => rest = next,
            None => return items,
        }
    }
}

/// Writes the values of a prose column.
#[must_use]
pub fn join_prose(values: &[String]) -> String {
    match values {
        [] => String::new(),
        [single] if !single.is_empty() && json_texts(single).is_none() => single.clone(),
        several => Value::from(several.to_vec()).to_string(),
    }
}

/// Reads the cell of a prose column; an empty cell is no value.
#[must_use]
pub fn split_prose(cell: &str) -> Vec<String> {
    if cell.is_empty() {
        return Vec::new();
    }
    json_texts(cell).unwrap_or_else(|| vec![cell.to_owned()])
}

fn needs_quotes(item: &str, separator: char, count: usize) -> bool {
    item.contains([separator, '"', '\n', '\r']) || item.trim() != item || (item.is_empty() && count == 1)
}

/// A quoted item after its opening quote, and what follows the separator; `None` if it is not properly closed.
fn quoted(inner: &str, separator: char) -> Option<(String, Option<&str>)> {
    let mut item = String::new();
    let mut rest = inner;
    loop {
        let at = rest.find('"')?;
        item.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(more) = rest.strip_prefix('"') {
            item.push('"');
            rest = more;
        } else if rest.is_empty() {
            return Some((item, None));
        } else {
            return rest.strip_prefix(separator).map(|after| (item, Some(after)));
        }
    }
}

/// The items of a text that reads as a JSON array of texts.
fn json_texts(text: &str) -> Option<Vec<String>> {
    if !text.starts_with('[') {
        return None;
    }
    serde_json::from_str::<Vec<String>>(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn items_are_quoted_only_where_they_must_be() {
        let join =
            |items: &[&str]| super::join(&items.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>(), ';');
        assert_eq!(join(&["a", "b"]), "a;b");
        assert_eq!(join(&["a;b", "c\"d", " e"]), "\"a;b\";\"c\"\"d\";\" e\"");
        assert_eq!(join(&[""]), "\"\"");
        assert_eq!(join(&["", "x"]), ";x");
    }

    #[test]
    fn cells_that_people_typed_are_read_kindly() {
        assert_eq!(split("a; b;c", ';'), ["a", " b", "c"]);
        assert_eq!(split("5\" pipe;x", ';'), ["5\" pipe", "x"]);
        assert_eq!(split("\"open;x", ';'), ["\"open", "x"]);
        assert!(split("", ';').is_empty());
    }

    #[test]
    fn prose_is_never_split() {
        assert_eq!(split_prose("one; two\nthree"), ["one; two\nthree"]);
        assert_eq!(join_prose(&["[\"x\"]".to_owned()]), "[\"[\\\"x\\\"]\"]");
        assert_eq!(split_prose("[1, 2]"), ["[1, 2]"]);
    }

    proptest! {
        #[test]
        fn a_list_cell_is_read_back_as_it_was_written(items in proptest::collection::vec(".{0,6}|[;\" a\n]{0,5}", 1..4)) {
            prop_assert_eq!(split(&join(&items, ';'), ';'), items);
        }

        #[test]
        fn a_prose_cell_is_read_back_as_it_was_written(items in proptest::collection::vec(".{0,6}|[\\[\\]\",a]{0,6}", 1..3)) {
            prop_assert_eq!(split_prose(&join_prose(&items)), items);
        }
    }
}
