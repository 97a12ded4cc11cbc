//! `explain`: one record's whole way through a run, as people read it.

use super::mapping::push_field;
use crate::error::Result;
use crate::flow::context::Context;
use crate::flow::explain::{self as story, Explanation, RequestMade};
use crate::report::figures::tame;

/// Show one record's whole way through a run: source row, requests, answers, later edits
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry explain k3f9 12                          row 12 of the run's source
  ferry explain k3f9 5f1a0c3e9d8b7a6f5e4d3c2b    the record of that id
  ferry explain k3f9 12 --offline --json         without asking the service what it holds now")]
pub(crate) struct ExplainArgs {
    /// The run, by any unique part of its name
    run: String,
    /// A row's number (`_ferry_row`) or a record's id
    #[arg(value_name = "ROW|ID")]
    what: String,
    /// Do not ask the service what it holds now
    #[arg(long)]
    offline: bool,
}

pub(crate) fn explain(context: &Context, args: &ExplainArgs) -> Result<u8> {
    for told in story::explain(context, &args.run, &args.what, args.offline)? {
        if context.reporter.is_json() {
            context.reporter.object(&told);
        } else {
            context.reporter.print(text(&told));
        }
    }
    Ok(0)
}

fn text(told: &Explanation) -> String {
    let mut lines = Vec::new();
    let line = told.line.map(|line| format!(", line {line}")).unwrap_or_default();
    let id = told.id.as_deref().map(|id| format!(", record {id}")).unwrap_or_default();
    lines.push(format!(
        "row {} of {}{line}: {}{id}",
        told.row,
        told.source,
        told.outcome.unwrap_or("not sent yet")
    ));
    lines.push(format!("  {} `{}`", told.command, told.run));
    if let Some(reason) = &told.reason {
        let field = told.field.as_deref().map(|field| format!("{field}: ")).unwrap_or_default();
        lines.push(format!("  {field}{reason}"));
    }
    if !told.cells.is_empty() || told.raw.is_some() {
        lines.push("source".to_owned());
        lines.extend(
            told.cells
                .iter()
                .filter(|cell| !cell.text.is_empty())
                .map(|cell| field(&cell.column, &cell.text)),
        );
        lines.extend(told.raw.as_ref().map(|raw| format!("  {raw}")));
    }
    if let Some(trace) = &told.mapping {
        let mut text = String::new();
        let name = told.mapping_file.as_deref().unwrap_or_default();
        trace.fields.iter().for_each(|field| push_field(&mut text, field, name));
        lines.push("mapping".to_owned());
        lines.extend(text.lines().filter(|line| !line.is_empty()).map(|line| format!("  {line}")));
        lines.extend(trace.reasons.iter().map(|reason| format!("  rejected: {reason}")));
    }
    if told.known_by.is_some() || !told.changes.is_empty() {
        lines.push("plan".to_owned());
        lines.extend(told.known_by.as_ref().map(|class| format!("  known by {class}")));
        lines.extend(told.changes.iter().map(|change| {
            field(&change.field, &format!("{} → {}", values(&change.before), values(&change.after)))
        }));
    }
    if !told.requests.is_empty() {
        lines.push("requests".to_owned());
        told.requests.iter().for_each(|request| lines.extend(request_lines(request)));
    }
    if let Some(as_meant) = told.verified {
        lines.push(format!(
            "read back: {}",
            if as_meant { "as meant" } else { "not as meant, see differences.csv" }
        ));
    }
    lines.extend(told.differences.iter().map(|other| {
        field(&other.field, &format!("meant {}, found {}", values(&other.before), values(&other.after)))
    }));
    if let Some(now) = &told.now {
        let updated = now.updated.as_deref().map(|at| format!(" (last changed {at})")).unwrap_or_default();
        lines.push(format!("now: {}{updated}", now.state));
        lines.extend(now.edits.iter().map(|edit| {
            field(&edit.field, &format!("written {}, now {}", values(&edit.before), values(&edit.after)))
        }));
    }
    lines.extend(told.retried_in.iter().map(|run| format!("tried again in run `{run}`")));
    lines.iter().map(|line| format!("{}\n", tame(line))).collect()
}

fn request_lines(request: &RequestMade) -> Vec<String> {
    let kind = serde_json::to_string(&request.kind).unwrap_or_default();
    let sent = request.sent.as_deref().map(|sent| format!(", sent {sent}")).unwrap_or_default();
    let came = match (request.state.as_str(), &request.made) {
        ("done", Some(id)) if request.adopted => {
            format!("its answer was lost, record {id} was found and adopted")
        }
        ("done", Some(id)) => format!("made record {id}"),
        ("intent", _) => "no answer noted".to_owned(),
        ("doubt", _) => "in doubt".to_owned(),
        (state, _) => state.to_owned(),
    };
    let mut lines = vec![format!("  {}{sent}: {came}", kind.trim_matches('"'))];
    lines.extend(request.request.as_ref().map(|line| format!("    {line}")));
    lines.push(format!("    {}", request.body));
    lines.extend(request.answer.as_ref().map(|answer| format!("    {answer}")));
    if request.misses > 0 {
        lines.push(format!("    looked for and not found {} times", request.misses));
    }
    lines
}

fn field(name: &str, text: &str) -> String {
    format!("  {name}: {text}")
}

fn values(values: &[String]) -> String {
    if values.is_empty() { "nothing".to_owned() } else { values.join("; ") }
}
