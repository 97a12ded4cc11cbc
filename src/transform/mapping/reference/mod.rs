//! The reference of mapping files, written from the tables that the compiler reads: `docs/mapping.md` and the
//! JSON Schema. A test runs every example of it through the real operation.

pub(super) mod keys;
mod rates;
mod schema;

pub use schema::schema;

use super::operations::FAMILIES;
use super::operations::entry::{Argument, Entry, Example, Kind, Makes};
use serde_json::Value;

const CONDITIONS: &str = r#"
```toml
[[filter]]
any = [
  { field = "Status", in = ["open", "won"] },
  { all = [{ field = "Amount", gte = 1000 }, { not = { field = "Country", is = "US" } }] },
]

[[field]]
to   = "Mobile"
from = "Phone"
when = [{ field = "Phone", matches = '^\+?447' }, { field = "Opt out", empty = true }]
```
"#;

const INTRODUCTION: &str = include_str!("introduction.md");

/// The reference of mapping files as Markdown, as `ferry mapping docs` prints it and `docs/mapping.md` keeps it.
#[must_use]
pub fn docs() -> String {
    let mut page = INTRODUCTION.trim_end().to_owned();
    page.push_str("\n\n## `[mapping]`\n\n");
    page.push_str(&table_of(keys::SETTINGS, "key"));
    page.push_str("\n## `[[field]]`\n\nOne for every target field.\n\n");
    page.push_str(&table_of(keys::FIELD, "key"));
    page.push_str("\nKeys of `link`:\n\n");
    page.push_str(&table_of(keys::LINK, "key"));
    page.push_str(
        "\n## Conditions: `[[filter]]` and `when`\n\nA record is mapped where all filters hold, a field where all \
         conditions of its `when` do. A condition names a field and one or more tests, which must all hold, or is \
         made of others.\n\n",
    );
    page.push_str(&table_of(keys::CONDITION, "key"));
    page.push_str(CONDITIONS);
    page.push_str("\n## `[[example]]`\n\nRun by `ferry mapping test`.\n\n");
    page.push_str(&table_of(keys::EXAMPLE, "key"));
    page.push_str(
        "\n## Operations\n\nAn operation stands in `do` by its name (`\"trim\"`), or with arguments (`{ split = { on = \
         \",\" } }`). Where an argument may stand without its name, `{ split = \",\" }` is the same. Every example \
         below is run by the tests.\n\n",
    );
    for (title, entries) in FAMILIES {
        let names: Vec<_> = entries.iter().map(|entry| format!("[`{0}`](#{0})", entry.name)).collect();
        page.push_str(&format!("- {title}: {}\n", names.join(", ")));
    }
    for (title, entries) in FAMILIES {
        page.push_str(&format!("\n### {title}\n"));
        entries.iter().for_each(|entry| operation(entry, &mut page));
    }
    page.push_str(&rates::table());
    page
}

fn operation(entry: &Entry, page: &mut String) {
    page.push_str(&format!("\n#### {}\n\n{}\n", entry.name, entry.what));
    for rule in entry.rules {
        page.push_str(&format!("\n{rule}\n"));
    }
    if !entry.arguments.is_empty() {
        page.push_str(&format!("\n{}", table_of(entry.arguments, "argument")));
        if let Some(short) = entry.short {
            page.push_str(&format!("\n`{short}` may stand without its name.\n"));
        }
    }
    page.push_str("\n| `do` | value | becomes |\n|---|---|---|\n");
    entry.examples.iter().for_each(|example| page.push_str(&row(example)));
}

fn row(example: &Example) -> String {
    let texts = |list: &[&str]| list.iter().map(|text| code(text)).collect::<Vec<_>>().join(", ");
    let also = example.also.iter().map(|(field, value)| format!(", {} in `{field}`", code(value)));
    let made = match example.makes {
        Makes::Texts([]) => "nothing".to_owned(),
        Makes::Texts(list) => texts(list),
        Makes::Json(json) => format!("{} as JSON", code(json)),
        Makes::Refused(why) => format!("refused: {}", why.replace('|', "\\|")),
    };
    let values = format!("{}{}", texts(example.values), also.collect::<String>());
    format!("| {} | {values} | {made} |\n", code(&written(example)))
}

/// An example as it stands in `do`.
pub(super) fn written(example: &Example) -> String {
    match example.write.starts_with(['{', '[']) {
        true => example.write.to_owned(),
        false => format!("\"{}\"", example.write),
    }
}

/// A text as code in a table: in one line, its blanks to be seen, bars escaped.
fn code(text: &str) -> String {
    let shown = text.replace('\n', "⏎").replace(['\u{a0}', '\u{202f}'], "⍽").replace('|', "\\|");
    let fence = if shown.contains('`') { "``" } else { "`" };
    format!("{fence}{shown}{fence}")
}

fn table_of(arguments: &[Argument], of: &str) -> String {
    let mut table = format!("| {of} | written as | otherwise | what it means |\n|---|---|---|---|\n");
    for argument in arguments {
        let default = match (argument.required, argument.default) {
            (true, _) => "must be there".to_owned(),
            (false, "") => "–".to_owned(),
            (false, default) => default.to_owned(),
        };
        let (name, kind) = (argument.name, kind(argument.kind));
        table.push_str(&format!("| `{name}` | {kind} | {default} | {} |\n", argument.what));
    }
    table
}

fn kind(kind: Kind) -> String {
    let fixed = match kind {
        Kind::Choice(words) => {
            let words: Vec<_> = words.iter().map(|word| Value::from(*word).to_string()).collect();
            return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        }
        Kind::Text => "text",
        Kind::Texts => "text or list of texts",
        Kind::Whole => "whole number",
        Kind::Flag => "`true`, `false`",
        Kind::Field => "name of a source field",
        Kind::Scalar => "text, number, true or false, date",
        Kind::Scalars => "such a value or a list of them",
        Kind::Mark => "one character",
        Kind::Words => "table of words",
        Kind::Take => "word or whole number",
        Kind::Keys => "target field, list, or list of lists",
        Kind::Conditions => "condition or list of them",
        Kind::Condition => "condition",
        Kind::Operations => "list of operations",
        Kind::Link => "table",
        Kind::Record => "table of fields",
    };
    fixed.to_owned()
}

#[cfg(test)]
mod tests;
