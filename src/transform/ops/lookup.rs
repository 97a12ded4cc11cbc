//! Looking words up in a table: `lookup = { table = {..} }` or a CSV file.

use super::{OnError, Problem};
use crate::error::nearest;
use serde_json::Value;
use std::collections::HashMap;

/// A table and what a word means that is not in it.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// What each word becomes; in small letters where case does not matter.
    pub table: HashMap<String, Value>,
    /// Whether words are the same whatever their case.
    pub ignore_case: bool,
    /// What becomes of other words; `None` leaves it to `on_error`.
    pub other: Option<Other>,
}

/// What a lookup makes of a word that is not in its table.
#[derive(Debug, Clone, PartialEq)]
pub enum Other {
    /// `else`: reject the row, drop the value or keep it as it is.
    Policy(OnError),
    /// `else_value`: this instead.
    Value(Value),
}

impl Lookup {
    /// What `text` stands for.
    ///
    /// # Errors
    /// When the table does not hold it and there is no `else_value`.
    pub fn apply(&self, text: &str) -> Result<Value, Problem> {
        let found = match self.ignore_case {
            true => self.table.get(text.to_lowercase().as_str()),
            false => self.table.get(text),
        };
        if let Some(value) = found {
            return Ok(value.clone());
        }
        let policy = match &self.other {
            Some(Other::Value(value)) => return Ok(value.clone()),
            // The value as it has become so far, which is what a lookup that knows no other word leaves.
            Some(Other::Policy(OnError::Keep)) => return Ok(text.into()),
            Some(Other::Policy(policy)) => Some(*policy),
            None => None,
        };
        let problem = Problem::unknown("is not in the lookup table");
        let hint = "add it to the table, or say what others become with `else` or `else_value`";
        Err(Problem { policy, ..problem.hint(hint) })
    }

    /// The word of the table that is nearest to `text`, if one is near.
    #[must_use]
    pub fn near(&self, text: &str) -> Option<&str> {
        let mut words: Vec<_> = self.table.keys().map(String::as_str).collect();
        words.sort_unstable();
        nearest(text, words)
    }
}

/// Why a lookup file gives no table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTable {
    /// What is wrong with it.
    pub what: String,
    /// What would help.
    pub hint: Option<String>,
}

/// Reads a lookup table from CSV text with a header: column `from` to column `to`. A line whose `from` is
/// blank is passed over.
///
/// # Errors
/// When a column is missing, a row is broken, or a word is there twice with different meanings.
pub fn table(csv: &[u8], from: &str, to: &str) -> Result<HashMap<String, Value>, BadTable> {
    let bad = |what: String| BadTable { what, hint: None };
    let mut reader = csv::ReaderBuilder::new().from_reader(csv.strip_prefix(b"\xef\xbb\xbf").unwrap_or(csv));
    let header =
        reader.headers().map_err(|error| bad(format!("its header cannot be read: {error}")))?.clone();
    let column = |name: &str| {
        header.iter().position(|head| head.trim() == name).ok_or_else(|| BadTable {
            what: format!("it has no column `{name}`"),
            hint: Some(match nearest(name, header.iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", header.iter().collect::<Vec<_>>().join(", ")),
            }),
        })
    };
    let (from, to) = (column(from)?, column(to)?);
    let mut table = HashMap::new();
    for row in reader.records() {
        let row = row.map_err(|error| bad(error.to_string()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let (word, meaning) = (row.get(from).unwrap_or("").trim(), row.get(to).unwrap_or("").trim());
        if word.is_empty() {
            continue;
        }
        match table.insert(word.to_owned(), Value::from(meaning)) {
            Some(before) if before != meaning => {
                return Err(bad(format!("line {line}: `{word}` is there twice with different meanings")));
            }
            _ => {}
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn other_words_are_a_choice() {
        let table = || HashMap::from([("Open".into(), json!("New"))]);
        let lookup = |other| Lookup { table: table(), ignore_case: false, other };
        let small = HashMap::from([("open".into(), json!("New"))]);
        let any = Lookup { table: small, ignore_case: true, other: None };
        assert_eq!(any.apply("OPEN"), Ok(json!("New")));
        assert_eq!(lookup(None).apply("Open"), Ok(json!("New")));
        assert!(lookup(None).apply("open").is_err());
        assert_eq!(lookup(None).near("open"), Some("Open"));
        assert_eq!(lookup(Some(Other::Value(json!(7)))).apply("x"), Ok(json!(7)));
        assert_eq!(lookup(Some(Other::Policy(OnError::Keep))).apply("x"), Ok(json!("x")));
        let dropped = lookup(Some(Other::Policy(OnError::Blank))).apply("x").unwrap_err();
        assert_eq!(dropped.policy, Some(OnError::Blank));
    }

    #[test]
    fn a_table_comes_from_two_columns_of_a_file() {
        let csv = b"\xef\xbb\xbfcode,name\nDE,Germany\n,none\nFR,\"France\"\n";
        assert_eq!(table(csv, "code", "name").unwrap()["FR"], json!("France"));
        assert_eq!(table(csv, "cod", "name").unwrap_err().hint.as_deref(), Some("did you mean `code`?"));
        let twice = table(b"a,b\nx,1\nx,2\n", "a", "b").unwrap_err();
        assert_eq!(twice.what, "line 3: `x` is there twice with different meanings");
    }
}
