//! `ferry mapping check`: everything that is wrong with mapping files, by themselves and against both sides.

use super::test::all_of;
use crate::error::Result;
use crate::flow::checking::{self, Checked};
use crate::flow::context::Context;
use crate::flow::loss;
use crate::transform::mapping::{Finding, Severity};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Find everything that is wrong with mapping files, and what they leave behind
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry mapping check leads.toml
  ferry mapping check leads.toml --source leads.csv    also what the sheet holds and the mapping leaves behind

Errors stop an import and exit 2. Warnings, on stderr, do not.")]
pub(crate) struct CheckArgs {
    /// Mapping files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file or stream to check them against; by default the one that the mapping names, where it is a file
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
}

pub(super) fn run(context: &Context, args: &CheckArgs) -> Result<u8> {
    let mut wrong = Vec::new();
    for file in &args.files {
        match checking::check(context, file, args.source.as_deref()) {
            Ok(checked) => {
                tell(context, &file.display().to_string(), &checked);
                wrong.extend(checked.examined.error());
            }
            Err(error) => wrong.push(error),
        }
    }
    all_of(wrong).map_or(Ok(0), Err)
}

fn tell(context: &Context, name: &str, checked: &Checked) {
    let reporter = &context.reporter;
    let (fields, examples) =
        checked.examined.mapping().map_or((0, 0), |mapping| (mapping.field_count(), mapping.example_count()));
    let of = |severity| checked.examined.findings().iter().filter(move |one| one.severity == severity);
    if reporter.is_json() {
        let ok = checked.examined.is_good();
        let mut item = json!({"file": name, "ok": ok, "fields": fields, "examples": examples});
        for (key, severity) in [("errors", Severity::Error), ("warnings", Severity::Warning)] {
            let found: Vec<_> = of(severity).map(object).collect();
            if !found.is_empty() {
                item[key] = found.into();
            }
        }
        if let (Some(source), Some(losses)) = (&checked.source, &checked.losses) {
            item["source"] = source.as_str().into();
            item["losses"] = json!(losses);
        }
        reporter.object(&item);
        return;
    }
    for warning in of(Severity::Warning) {
        let hint = warning.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        reporter.warn(format!("{warning}{hint}"));
    }
    if let (Some(losses), Some(source)) = (&checked.losses, &checked.source)
        && !losses.is_empty()
    {
        reporter.warn(format!("{name} with `{source}`: {}", loss::render(losses)));
    }
    if checked.examined.is_good() {
        let counted = format!("{}, {}", count(fields, "field"), count(examples, "example"));
        reporter.print(format!("{name}: ok ({counted})\n"));
    }
}

fn object(finding: &Finding) -> Value {
    let (line, column) = finding.place.unzip();
    json!({"line": line, "column": column, "what": finding.what, "hint": finding.hint})
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
