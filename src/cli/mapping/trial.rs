//! `ferry mapping try`: every step that a mapping takes with one row.

use crate::error::{Error, Result};
use crate::flow::checking::{self, Trial, Which};
use crate::flow::context::Context;
use crate::transform::mapping::{FieldTrace, Found, StepTrace, Tested};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// Show every step that a mapping takes with one row
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry mapping try leads.csv -m leads.toml --row 17
  ferry mapping try leads.csv -m leads.toml --where 'E-mail=ada@example.org'
  ferry mapping try nimble:contacts -m contacts.toml --id 5a1c8e1f7a1b2c3d4e5f6071

Exits 1 when the mapping rejects the row.")]
pub(crate) struct TryArgs {
    /// A file or a stream
    source: String,
    /// Mapping file
    #[arg(short, long, value_name = "FILE")]
    mapping: PathBuf,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct WhichArgs {
    /// The row: data records are counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    row: Option<u64>,
    /// The first row with this value
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    holds: Option<String>,
    /// The record of a stream with this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

pub(super) fn run(context: &Context, args: &TryArgs) -> Result<u8> {
    let which = match &args.which {
        WhichArgs { row: Some(row), .. } => Which::Row(*row),
        WhichArgs { id: Some(id), .. } => Which::Id(id.clone()),
        WhichArgs { holds, .. } => {
            let text = holds.as_deref().unwrap_or_default();
            let (column, value) = text.split_once('=').ok_or_else(|| {
                Error::input(format!("`--where {text}` names no value")).hint("write `--where COLUMN=VALUE`")
            })?;
            Which::Where(column.to_owned(), value.to_owned())
        }
    };
    let trial = checking::attempt(context, &args.source, &args.mapping, &which)?;
    if context.reporter.is_json() {
        context.reporter.object(&json!({
            "source": args.source, "row": trial.row, "line": trial.line, "mapping": trial.mapping, "trace": trial.trace,
        }));
    } else {
        context.reporter.print(shown(&args.source, &trial));
    }
    Ok(u8::from(trial.trace.outcome == "rejected"))
}

fn shown(source: &str, trial: &Trial) -> String {
    let line = trial.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    let mut text = format!("{source} row {}{line}\n", trial.row);
    for (number, filter) in (1..).zip(&trial.trace.filters) {
        let verdict = if filter.holds { "lets it through" } else { "leaves it out" };
        let _ = writeln!(text, "\n[[filter]] {number}: {verdict}");
        push_seen(&mut text, filter);
    }
    for field in &trial.trace.fields {
        push_field(&mut text, field, &trial.mapping);
    }
    match trial.trace.outcome {
        "rejected" => {
            text.push_str("\nrejected\n");
            trial.trace.reasons.iter().for_each(|reason| text.push_str(&format!("  {reason}\n")));
        }
        outcome => text.push_str(&format!("\n{outcome}\n")),
    }
    text
}

fn push_field(text: &mut String, field: &FieldTrace, mapping: &str) {
    let _ = writeln!(text, "\n{}  ({mapping}:{})", field.to, field.line);
    if let Some(when) = &field.when {
        push_seen(text, when);
        if !when.holds {
            text.push_str("  `when` does not hold: left alone\n");
            return;
        }
    }
    for found in &field.found {
        let _ = writeln!(text, "  {}", place(found));
    }
    let given: Vec<&Value> = field.found.iter().flat_map(|found| &found.values).collect();
    if field.taken.iter().collect::<Vec<_>>() != given {
        let _ = writeln!(text, "  taken: {}", values(&field.taken));
    }
    for step in &field.steps {
        push_step(text, step);
    }
    if !field.left_out.is_empty() {
        let _ = writeln!(text, "  left out, as the field holds one: {}", values(&field.left_out));
    }
    match &field.values {
        None => text.push_str("  → nothing: the target is left alone\n"),
        Some(made) if made.is_empty() => text.push_str("  → cleared\n"),
        Some(made) => {
            let _ = writeln!(text, "  → {}", values(made));
        }
    }
}

fn push_step(text: &mut String, step: &StepTrace) {
    let aside = step.aside.as_ref().map(|aside| format!(" ({})", place(aside))).unwrap_or_default();
    let made = match (&step.after, &step.problem) {
        (Some(after), _) => values(after),
        (None, problem) => format!("✗ {}", problem.as_deref().unwrap_or("cannot be read")),
    };
    let _ = writeln!(text, "  {}{aside}: {} → {made}", step.operation, values(&step.before));
}

fn push_seen(text: &mut String, tested: &Tested) {
    for found in &tested.seen {
        let _ = writeln!(text, "  looks at {}", place(found));
    }
}

fn place(found: &Found) -> String {
    format!("`{}`: {}", found.from, values(&found.values))
}

fn values(list: &[Value]) -> String {
    match list {
        [] => "nothing".to_owned(),
        several => several.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
    }
}
