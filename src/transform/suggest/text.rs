//! The draft as TOML, with what people have to know and decide in comments.

use super::pairs::{Pair, Plan, Why};
use super::{End, Samples, Suggestion};
use crate::record::customs::Customs;
use serde_json::Value;
use std::fmt::Write;

/// How long a sample in a comment may be.
const SAMPLE: usize = 40;

/// A text as a TOML string, which is also good as a key.
#[must_use]
pub fn quoted(text: &str) -> String {
    // JSON's escapes are TOML's; only DEL may not stand in TOML as it is.
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// A value as TOML writes it; nothing for what TOML has no word for.
#[must_use]
pub fn value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(quoted(text)),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()).filter(|text| !text.contains(['e', 'E'])),
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(self::value).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// Writes the draft.
pub(super) fn write(
    source: &str,
    samples: &Samples,
    target: End<'_>,
    customs: &Customs,
    plan: &Plan,
) -> Suggestion {
    let mut made = Suggestion { text: String::new(), sure: 0, likely: 0, open: 0 };
    let text = &mut made.text;
    let _ = writeln!(
        text,
        "# {source} -> {}: drafted from the names of both sides and {} rows.\n#\n\
         # Look at every field marked `likely`, decide what is left as a comment, then\n\
         # try it with `ferry mapping check`, `test` and `try`.",
        target.name, samples.records
    );
    let _ = writeln!(text, "[mapping]\nsource = {}\ntarget = {}", quoted(source), quoted(target.name));
    match plan.key.is_empty() {
        true => text.push_str(
            "# Nothing here tells which record a row is for, so a second run would create all of them again.\n\
             # Set `key`, then `mode = \"upsert\"`.\nmode = \"create\"\n",
        ),
        false => {
            let key: Vec<_> = plan.key.iter().map(|name| quoted(name)).collect();
            let _ = writeln!(text, "mode = \"upsert\"\n# {}\nkey = [{}]", plan.key_note, key.join(", "));
        }
    }
    if let Some(kind) = customs.kind.filter(|_| target.schema.has_head) {
        let _ = writeln!(text, "\n[[field]]\nto = \"_type\"\nconst = {}", quoted(kind));
    }
    for pair in &plan.pairs {
        match (&pair.decide, &pair.why) {
            (Some(_), _) => made.open += 1,
            (None, Why::SameName | Why::SameLetters) => made.sure += 1,
            (None, _) => made.likely += 1,
        }
        field(&mut made.text, pair);
    }
    for (column, note) in &plan.left {
        let values = samples.columns.iter().find(|one| one.name == *column).map(|one| one.values.as_slice());
        let values = values.unwrap_or_default();
        if values.is_empty() {
            continue;
        }
        made.open += 1;
        left(&mut made.text, column, note.as_deref(), values, samples.records);
    }
    made
}

fn field(text: &mut String, pair: &Pair) {
    let said = match &pair.why {
        Why::SameName => "sure: same name".to_owned(),
        Why::SameLetters => "sure: same name but for case, accents and signs".to_owned(),
        Why::Means(what) => format!("likely: {}: {what}", listed(&pair.from)),
        Why::Nothing => "unsure: nothing fits, and a mapping needs a field; take another".to_owned(),
        Why::Looks(what) => format!("likely: the values of {} are {what}", listed(&pair.from)),
    };
    let _ = writeln!(text, "\n# {}", line(&said));
    if let Some(note) = &pair.note {
        let _ = writeln!(text, "# {}", line(note));
    }
    if let Some(decide) = &pair.decide {
        let _ = writeln!(text, "# decide: {}", line(decide));
    }
    let from = match pair.from.as_slice() {
        [one] => quoted(one),
        several => format!("[{}]", several.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")),
    };
    let mut lines =
        vec!["[[field]]".to_owned(), format!("to = {}", quoted(&pair.to)), format!("from = {from}")];
    lines.extend(pair.lines.iter().cloned());
    let mark = if pair.decide.is_some() { "# " } else { "" };
    lines.iter().for_each(|line| text.push_str(&format!("{mark}{line}\n")));
}

fn left(text: &mut String, column: &str, note: Option<&str>, values: &[String], records: usize) {
    let mut samples: Vec<String> = Vec::new();
    for sample in values.iter().map(|value| format!("`{}`", short(value))) {
        if samples.len() < 3 && !samples.contains(&sample) {
            samples.push(sample);
        }
    }
    let filled = values.len().min(records);
    let _ = writeln!(
        text,
        "\n# unsure: {} is filled in {filled} of {records} rows, such as {}",
        line(&format!("`{column}`")),
        line(&samples.join(", "))
    );
    if let Some(note) = note {
        let _ = writeln!(text, "# {}", line(note));
    }
    let _ = writeln!(text, "# [[field]]\n# to = \"\"\n# from = {}", quoted(column));
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A text that fits into a comment.
fn line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(SAMPLE).collect();
    if text.chars().nth(SAMPLE).is_some() {
        short.push('…');
    }
    short
}
