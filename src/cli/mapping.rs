//! `ferry mapping`: checking mapping files and trying their examples, without a service.

use crate::error::{Error, IoContext, Result};
use crate::record::schema::Schema;
use crate::transform::mapping::{self, Mapping, Tried};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What to do with mapping files
#[derive(Debug, clap::Subcommand)]
pub(crate) enum MappingCommand {
    /// Find everything that is wrong with mapping files: keys, names, operations, arguments
    Check {
        /// Mapping files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Try the examples in mapping files and show where the answer is another
    Test {
        /// Mapping files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the reference of mapping files, every operation with examples
    Docs,
    /// Print the JSON Schema of mapping files, for editors
    Schema,
}

/// The fields behind an endpoint (`nimble:contacts`), where they are known without asking a service. A name
/// that a known schema does not have is an error, so it must hold the account's own fields too.
pub(crate) type KnownSchema<'a> = &'a dyn Fn(&str) -> Option<Schema>;

/// Checks or tests files, or prints what is known of them; false where an example differs.
///
/// # Errors
/// When a file cannot be read or anything is wrong with it (class `Input`, every finding of every file), or
/// the output cannot be written.
pub(crate) fn run(
    command: &MappingCommand,
    known: KnownSchema<'_>,
    json: bool,
    out: &mut dyn Write,
) -> Result<bool> {
    let (files, test) = match command {
        MappingCommand::Check { files } => (files, false),
        MappingCommand::Test { files } => (files, true),
        MappingCommand::Docs => return print(&mapping::docs(), out),
        MappingCommand::Schema => return print(&format!("{:#}\n", mapping::schema()), out),
    };
    let mut wrong = Vec::new();
    let mut all_hold = true;
    for file in files {
        let text = match one(file, known, test, json) {
            Ok((text, holds)) => {
                all_hold &= holds;
                text
            }
            Err(error) => {
                wrong.push(error);
                continue;
            }
        };
        out.write_all(text.as_bytes()).during(|| "cannot write the answer".to_owned())?;
    }
    match (wrong.pop(), wrong.is_empty()) {
        (None, _) => Ok(all_hold),
        (Some(only), true) => Err(only),
        (Some(last), false) => {
            let line = |error: &Error| match error.way_out() {
                Some(hint) => format!("{} ({hint})", error.chain()),
                None => error.chain(),
            };
            let lines: Vec<_> = wrong.iter().chain([&last]).map(line).collect();
            Err(Error::input(lines.join("\n")))
        }
    }
}

fn print(text: &str, out: &mut dyn Write) -> Result<bool> {
    out.write_all(text.as_bytes()).during(|| "cannot write the answer".to_owned())?;
    Ok(true)
}

fn one(file: &Path, known: KnownSchema<'_>, test: bool, json: bool) -> Result<(String, bool)> {
    let mapping = Mapping::load(file)?;
    let source = mapping.source().and_then(known);
    let target = mapping.target().and_then(known);
    if !test {
        mapping.check(source.as_ref(), target.as_ref())?;
        let (fields, examples) = (mapping.field_count(), mapping.example_count());
        let text = if json {
            let item = json!({"file": mapping.name(), "ok": true, "fields": fields, "examples": examples});
            format!("{item}\n")
        } else {
            format!("{}: ok ({}, {})\n", mapping.name(), count(fields, "field"), count(examples, "example"))
        };
        return Ok((text, true));
    }
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

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[field]]\nto = \"Name\"\nfrom = \"name\"\n\n[[example]]\nin = { name = \" Ada \" }\nout = { Name = \"Ada\" }\n";

    fn files(texts: &[&str]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let write = |(index, text): (usize, &&str)| {
            let path = folder.path().join(format!("{index}.toml"));
            std::fs::write(&path, text).unwrap();
            path
        };
        let paths = texts.iter().enumerate().map(write).collect();
        (folder, paths)
    }

    fn go(command: &MappingCommand, folder: &tempfile::TempDir) -> (Result<bool>, String) {
        let mut out = Vec::new();
        let ended = run(command, &|_| None, false, &mut out);
        let folder = format!("{}/", folder.path().display());
        (ended, String::from_utf8(out).unwrap().replace(&folder, ""))
    }

    #[test]
    fn good_files_are_counted_and_every_bad_one_is_named() {
        let (folder, files) = files(&[GOOD, "[[field]]\nto = \"a\"\nform = \"b\"\n", "x"]);
        let (ended, out) = go(&MappingCommand::Check { files: files.clone() }, &folder);
        assert_eq!(out, "0.toml: ok (1 field, 1 example)\n");
        let error = ended.unwrap_err();
        assert_eq!(error.class().exit_code(), 2);
        assert_eq!(error.to_string().lines().count(), 3, "{error}");
        assert!(
            error.to_string().contains("1.toml:3:1: unknown key of [[field]] `form` (did you mean `from`?)")
        );
    }

    #[test]
    fn an_example_that_differs_is_shown_field_by_field() {
        let differs = GOOD.replace("\"Ada\" }", "\"ada\" }");
        let (folder, files) = files(&[GOOD, &differs]);
        let (ended, out) = go(&MappingCommand::Test { files }, &folder);
        assert!(!ended.unwrap());
        assert_eq!(
            out,
            "0.toml:5: ok\n1.toml:5: differs\n  Name: expected \"ada\"\n  Name: made     \"Ada\"\n"
        );
    }
}
