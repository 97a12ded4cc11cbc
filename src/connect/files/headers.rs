//! Names for columns whose header is blank or stands there more than once (design section 6).

use std::collections::{HashMap, HashSet};

/// Column names, all different, and what was done to get there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    /// A name for each column.
    pub(super) names: Vec<String>,
    /// Plain forms that stand there more than once.
    pub(super) doubled: Vec<String>,
    /// A sentence for each kind of change.
    pub(super) notices: Vec<String>,
}

/// Whether a column may be called so because it has no header.
#[must_use]
pub fn is_unnamed(column: &str) -> bool {
    let number = column.strip_prefix("column ").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
}

/// Names the columns: a blank header becomes `column N`, the second of a name `name (2)`.
pub(super) fn unique(headers: Vec<String>) -> Headers {
    let mut found = Headers::default();
    let mut blank = Vec::new();
    let plain: Vec<String> = headers
        .into_iter()
        .enumerate()
        .map(|(index, header)| {
            if header.trim().is_empty() {
                blank.push(format!("`column {}`", index + 1));
                format!("column {}", index + 1)
            } else {
                header
            }
        })
        .collect();
    let given: HashSet<&str> = plain.iter().map(String::as_str).collect();
    let mut taken: HashSet<String> = HashSet::new();
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut renamed = Vec::new();
    for header in &plain {
        let count = times.entry(header).or_insert(0);
        *count += 1;
        let mut name = header.clone();
        if *count > 1 {
            if *count == 2 {
                found.doubled.push(header.clone());
            }
            let free = |name: &String| !taken.contains(name) && !given.contains(name.as_str());
            let mut numbered = (*count..).map(|number| format!("{header} ({number})"));
            name = numbered.find(free).expect("numbers do not run out");
            renamed.push(format!("`{name}`"));
        }
        taken.insert(name.clone());
        found.names.push(name);
    }
    if !blank.is_empty() {
        found.notices.push(format!("columns without a header are called {}", listed(&blank)));
    }
    if !renamed.is_empty() {
        found.notices.push(format!("doubled headers are called {}", listed(&renamed)));
    }
    found
}

/// Names for a message; a file may have thousands.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_different_and_it_is_said() {
        let cases: [(&[&str], &[&str], &[&str]); 5] = [
            (&["a", "b"], &["a", "b"], &[]),
            (&["a", "a", "a"], &["a", "a (2)", "a (3)"], &["a"]),
            (&["a", "a", "a (2)"], &["a", "a (3)", "a (2)"], &["a"]),
            (&["a", "", " "], &["a", "column 2", "column 3"], &[]),
            (&["column 2", ""], &["column 2", "column 2 (2)"], &["column 2"]),
        ];
        for (headers, names, doubled) in cases {
            let found = unique(headers.iter().map(|h| (*h).to_owned()).collect());
            assert_eq!(found.names, names);
            assert_eq!(found.doubled, doubled);
        }
        assert!(is_unnamed("column 12"));
        assert!(!["column", "column ", "column x", "column 2 (2)", "Column 1"].into_iter().any(is_unnamed));
        let found = unique(vec!["x".into(), "x".into(), String::new()]);
        assert_eq!(
            found.notices,
            ["columns without a header are called `column 3`", "doubled headers are called `x (2)`"]
        );
    }
}
