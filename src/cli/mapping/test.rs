//! `ferry mapping test`: the examples in mapping files, and where the answer is another.

use super::KnownSchema;
use crate::error::{Error, IoContext, Result};
use crate::transform::mapping::{Mapping, Tried};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Tries the examples of files; false where one differs.
///
/// # Errors
/// When a file cannot be read or anything is wrong with it (class `Input`, every finding of every file), or
/// the output cannot be written.
pub(super) fn run(
    files: &[PathBuf],
    known: KnownSchema<'_>,
    json: bool,
    out: &mut dyn Write,
) -> Result<bool> {
    let mut wrong = Vec::new();
    let mut all_hold = true;
    for file in files {
        match one(file, known, json) {
            Ok((text, holds)) => {
                all_hold &= holds;
                out.write_all(text.as_bytes()).during(|| "cannot write the answer".to_owned())?;
            }
            Err(error) => wrong.push(error),
        }
    }
    all_of(wrong).map_or(Ok(all_hold), Err)
}

/// Several errors as one, a line each; the only one as it is.
pub(super) fn all_of(mut wrong: Vec<Error>) -> Option<Error> {
    let last = wrong.pop()?;
    if wrong.is_empty() {
        return Some(last);
    }
    let line = |error: &Error| match error.way_out() {
        Some(hint) => format!("{} ({hint})", error.chain()),
        None => error.chain(),
    };
    let lines: Vec<_> = wrong.iter().chain([&last]).map(line).collect();
    Some(Error::input(lines.join("\n")))
}

fn one(file: &Path, known: KnownSchema<'_>, json: bool) -> Result<(String, bool)> {
    let mapping = Mapping::load(file)?;
    let source = mapping.source().and_then(known);
    let target = mapping.target().and_then(known);
    let tried = mapping.test(source.as_ref(), target.as_ref())?;
    let holds = tried.iter().all(|example| example.differences.is_empty());
    let mut text: String = tried.iter().map(|example| shown(mapping.name(), example, json)).collect();
    if tried.is_empty() && !json {
        text = format!("{}: no examples\n", mapping.name());
    }
    Ok((text, holds))
}

fn shown(name: &str, example: &Tried, json: bool) -> String {
    let Tried { line, differences } = example;
    if json {
        let differences: Vec<_> = differences
            .iter()
            .map(|one| json!({"field": one.field, "expected": one.expected, "made": one.made}))
            .collect();
        let ok = differences.is_empty();
        return format!("{}\n", json!({"file": name, "line": line, "ok": ok, "differences": differences}));
    }
    if differences.is_empty() {
        return format!("{name}:{line}: ok\n");
    }
    let mut text = format!("{name}:{line}: differs\n");
    for one in differences {
        let field = one.field.as_deref().map(|field| format!("{field}: ")).unwrap_or_default();
        text.push_str(&format!("  {field}expected {}\n  {field}made     {}\n", one.expected, one.made));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[field]]\nto = \"Name\"\nfrom = \"name\"\n\n[[example]]\nin = { name = \" Ada \" }\nout = { Name = \"Ada\" }\n";

    fn go(texts: &[&str]) -> (Result<bool>, String) {
        let folder = tempfile::tempdir().unwrap();
        let write = |(index, text): (usize, &&str)| {
            let path = folder.path().join(format!("{index}.toml"));
            std::fs::write(&path, text).unwrap();
            path
        };
        let paths: Vec<_> = texts.iter().enumerate().map(write).collect();
        let mut out = Vec::new();
        let ended = run(&paths, &|_| None, false, &mut out);
        let folder = format!("{}/", folder.path().display());
        (ended, String::from_utf8(out).unwrap().replace(&folder, ""))
    }

    #[test]
    fn an_example_that_differs_is_shown_field_by_field() {
        let differs = GOOD.replace("\"Ada\" }", "\"ada\" }");
        let (ended, out) = go(&[GOOD, &differs]);
        assert!(!ended.unwrap());
        assert_eq!(
            out,
            "0.toml:5: ok\n1.toml:5: differs\n  Name: expected \"ada\"\n  Name: made     \"Ada\"\n"
        );
    }

    #[test]
    fn every_bad_file_is_named_and_the_good_ones_are_tried() {
        let (ended, out) = go(&[GOOD, "[[field]]\nto = \"a\"\nform = \"b\"\n", "x"]);
        assert_eq!(out, "0.toml:5: ok\n");
        let error = ended.unwrap_err();
        assert_eq!(error.class().exit_code(), 2);
        assert_eq!(error.to_string().lines().count(), 3, "{error}");
    }
}
