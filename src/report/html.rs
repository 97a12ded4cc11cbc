//! The report for people: one self-contained page in the run's folder (design section 5).
//!
//! Everything on it comes from the summary and the result files beside it. It loads nothing from anywhere and
//! runs no script.

use super::figures::{count, duration, shortened};
use super::summary::{Complete, DIFFERENCES, Status, Summary};
use crate::error::{Error, Result};
use crate::run::folder::RunFolder;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// The page's name in a run's folder.
pub const PAGE: &str = "report.html";

/// Rows of a result file that the page shows.
const SHOWN: usize = 50;
/// Characters of a value that it shows.
const VALUE: usize = 300;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;\
color:#1c2733;background:#fff}h1{font-size:1.4rem;margin-bottom:0}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse}td,th{padding:.25rem .8rem .25rem 0;text-align:left;vertical-align:top;\
border-bottom:1px solid #dde3ea}td.n{text-align:right;font-variant-numeric:tabular-nums}\
.status{display:inline-block;padding:.1rem .6rem;border-radius:.3rem;background:#e8eef5}\
code{font-family:ui-monospace,monospace;font-size:.9em}.dim{color:#5b6b7c}";

/// What a page needs to know besides the summary.
#[derive(Debug, Clone)]
pub struct About<'a> {
    /// Where the records came from.
    pub source: &'a str,
    /// Where they went, if anywhere.
    pub target: Option<&'a str>,
    /// The settle time, if something was sent: an assumption that the page states.
    pub settle: Option<Duration>,
}

/// Writes the page into the run's folder.
///
/// # Errors
/// When the disk is full or a result file cannot be read.
pub fn write(folder: &RunFolder, summary: &Summary, about: &About<'_>) -> Result<()> {
    let mut page = head(summary, about);
    accounts(&mut page, summary);
    assurance(&mut page, summary, about);
    for (kind, title) in [
        ("rejected", "Rejected and failed rows"),
        ("conflicts", "Rows in conflict"),
        ("indoubt", "Rows in doubt"),
        (DIFFERENCES, "Read back, and not as meant"),
    ] {
        if let Some(path) = summary.files.get(kind) {
            rows(&mut page, Path::new(path), title)?;
        }
    }
    files(&mut page, summary);
    page.push_str("</body></html>\n");
    folder.write(PAGE, page.as_bytes())
}

fn head(summary: &Summary, about: &About<'_>) -> String {
    let ended = match summary.status {
        Status::Done => "done",
        Status::Partial => "done, but not everything went through",
        Status::Stopped => "stopped; it can be resumed",
        Status::Failed => "failed",
        Status::Planned => "planned; nothing was sent",
    };
    let way = match about.target {
        Some(target) => format!("{} → {}", escaped(about.source), escaped(target)),
        None => escaped(about.source),
    };
    let time = duration(Duration::try_from_secs_f64(summary.seconds).unwrap_or_default());
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{run}</title>\
         <style>{STYLE}</style></head><body><h1>{command}: {way}</h1><p class=\"dim\">run <code>{run}</code> · \
         {time}</p><p><span class=\"status\">{ended}</span></p>\n",
        run = escaped(&summary.run),
        command = escaped(&summary.command),
    )
}

fn accounts(page: &mut String, summary: &Summary) {
    let lines = [
        ("read", summary.read),
        ("left out by a filter", summary.filtered),
        ("rejected", summary.rejected),
        ("mapped", summary.mapped),
        ("written to a file", summary.written),
        ("created", summary.created),
        ("updated", summary.updated),
        ("deleted", summary.deleted),
        ("unchanged", summary.unchanged),
        ("skipped", summary.skipped),
        ("in conflict", summary.conflicts),
        ("failed", summary.failed),
        ("in doubt", summary.in_doubt),
        ("not sent yet", summary.pending),
        ("read back and as meant", summary.verified),
        ("requests", summary.requests),
        ("of these repeated", summary.retries),
    ];
    page.push_str("<h2>The accounts</h2><table>");
    for (what, number) in lines.into_iter().filter(|(what, number)| *number > 0 || *what == "read") {
        let _ = write!(page, "<tr><td>{what}</td><td class=\"n\">{}</td></tr>", count(number));
    }
    page.push_str("</table>\n");
}

fn assurance(page: &mut String, summary: &Summary, about: &About<'_>) {
    let complete = match summary.complete {
        Complete::Yes => "What was read from a service is proven to be everything that was there.",
        Complete::Unproven => {
            "That everything was read is not proven: the service offers no second count. Nothing speaks against it."
        }
        Complete::No => "The read is incomplete: there is evidence that records are missing.",
    };
    let _ = write!(page, "<h2>How sure this is</h2><p>{complete}</p>");
    if let Some(settle) = about.settle {
        let _ = write!(
            page,
            "<p>No record is created twice and none is lost as long as a request is carried out and visible within \
             {} after its answer was lost (the settle time). That is an assumption about the service.</p>",
            duration(settle)
        );
    }
    page.push('\n');
}

/// The first rows of a result file, with their reasons.
fn rows(page: &mut String, path: &Path, title: &str) -> Result<()> {
    let failed = |cause| Error::stopped(format!("cannot read `{}`", path.display())).because(cause);
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let headers = reader.headers().map_err(failed)?.clone();
    let columns = [("_ferry_row", "row"), ("_ferry_id", "record"), ("_ferry_field", "field")];
    let columns = columns.into_iter().chain([("_ferry_meant", "meant"), ("_ferry_found", "found")]);
    let columns = columns.chain([("_ferry_value", "value"), ("_ferry_reason", "reason")]);
    let columns: Vec<_> = columns
        .filter_map(|(name, shown)| Some((headers.iter().position(|header| header == name)?, shown)))
        .collect();
    let _ = write!(page, "<h2>{title}</h2><table><tr>");
    for (_, shown) in &columns {
        let _ = write!(page, "<th>{shown}</th>");
    }
    page.push_str("</tr>");
    let mut more = 0_u64;
    for (index, row) in reader.into_records().enumerate() {
        let row = row.map_err(failed)?;
        if index >= SHOWN {
            more += 1;
            continue;
        }
        page.push_str("<tr>");
        for (at, _) in &columns {
            let cell = shortened(row.get(*at).unwrap_or_default(), VALUE);
            let _ = write!(page, "<td>{}</td>", escaped(&cell));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table>");
    if more > 0 {
        let _ = write!(page, "<p class=\"dim\">and {} more in the file</p>", count(more));
    }
    page.push('\n');
    Ok(())
}

fn files(page: &mut String, summary: &Summary) {
    if summary.files.is_empty() {
        return;
    }
    page.push_str("<h2>Files</h2><table>");
    for (kind, path) in &summary.files {
        let _ = write!(page, "<tr><td>{}</td><td><code>{}</code></td></tr>", escaped(kind), escaped(path));
    }
    page.push_str("</table>\n");
}

/// Text from elsewhere as text of the page.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::folder::Runs;

    #[test]
    fn the_page_tells_the_accounts_and_nothing_in_it_is_obeyed() {
        let state = tempfile::tempdir().unwrap();
        let folder = Runs::below(state.path()).create("import", "people", &serde_json::json!({})).unwrap();
        let path = folder.path().join("rejected.csv");
        let row =
            "_ferry_row,_ferry_field,_ferry_value,_ferry_reason\n7,Email,<script>x</script>,no e-mail\n";
        std::fs::write(&path, row).unwrap();
        let mut summary = Summary::new(folder.name(), "import");
        (summary.read, summary.rejected, summary.status) = (1_200, 1, Status::Partial);
        summary.files.insert("rejected".into(), path.display().to_string());
        let about = About {
            source: "people.csv",
            target: Some("nimble:contacts"),
            settle: Some(Duration::from_secs(15)),
        };
        write(&folder, &summary, &about).unwrap();
        let page = std::fs::read_to_string(folder.path().join(PAGE)).unwrap();
        assert!(page.contains("people.csv → nimble:contacts") && page.contains("1,200"), "{page}");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
        assert!(page.contains("within 15 s"), "{page}");
    }
}
