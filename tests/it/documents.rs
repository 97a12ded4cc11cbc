//! What the documents say of the program and of its tests is so.

use std::collections::BTreeSet;
use std::path::PathBuf;

use regex::Regex;

fn text(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
fn the_tests_that_the_table_of_calls_names_are_there() {
    let named = Regex::new(r"`([a-z_]+)::([a-z0-9_]+)`").unwrap();
    let calls = text("docs/calls.md");
    let mut seen = 0;
    for found in named.captures_iter(&calls) {
        let (file, test) = (&found[1], &found[2]);
        let source = text(&format!("tests/it/{file}.rs"));
        let declared = Regex::new(&format!(r"#\[test\]\s*(#\[[^\n]*\]\s*)*fn {test}\(\)")).unwrap();
        assert!(declared.is_match(&source), "tests/it/{file}.rs has no test `{test}`");
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} tests are named");
}

#[test]
fn every_row_of_the_table_of_calls_has_a_test_or_a_reason() {
    let calls = text("docs/calls.md");
    let rows = calls.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| call "));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{row}");
        let is_used = !cells[1].starts_with("never") && !cells[1].starts_with("not yet");
        assert_eq!(cells[2].contains("::"), is_used || cells[2] != "–", "{row}");
        assert!(is_used || cells[1].contains(':'), "no reason: {row}");
    }
}

/// The names of a struct's fields, in the order of the source.
fn keys(path: &str, name: &str) -> Vec<String> {
    let source = text(path);
    let begin = source.find(&format!("struct {name} {{")).unwrap_or_else(|| panic!("{path}: no {name}"));
    let body = &source[begin..begin + source[begin..].find("\n}").unwrap()];
    let field = Regex::new(r"(?m)^    (?:pub(?:\([a-z]+\))? )?([a-z_0-9]+): ").unwrap();
    field.captures_iter(body).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_key_of_a_scenario_is_in_the_table() {
    let document = text("docs/simulator.md");
    let section = |heading: &str| {
        let begin = document.find(heading).unwrap_or_else(|| panic!("no {heading}"));
        let rest = &document[begin + heading.len()..];
        rest[..rest.find("\n## ").unwrap_or(rest.len())].to_owned()
    };
    let code = Regex::new("`([a-z_0-9]+)`").unwrap();
    for (heading, path, name) in [
        ("## `[nimble]`", "src/sim/nimble/knobs.rs", "Knobs"),
        ("## `[nethunt]`", "src/sim/nethunt/knobs.rs", "Knobs"),
        ("## `[drift]`", "src/sim/drift.rs", "Order"),
        ("## `[[fault]]`", "src/sim/faults.rs", "Rule"),
    ] {
        let section = section(heading);
        let keys = keys(path, name);
        assert!(keys.len() > 5, "{heading}: {keys:?}");
        let missing: Vec<_> =
            keys.iter().filter(|key| *key != "kind" && !section.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "{heading} lacks {missing:?}");
        // The first cell of a row names keys, and nothing that is none.
        let rows = section.lines().filter(|line| line.starts_with("| `") && !heading.contains("fault"));
        for row in rows {
            let cell = row.trim_start_matches('|').split('|').next().unwrap();
            for found in code.captures_iter(cell) {
                assert!(keys.iter().any(|key| key == &found[1]), "{heading}: there is no `{}`", &found[1]);
            }
        }
    }
    let kinds = text("src/sim/faults.rs");
    let kind = Regex::new(r#"Self::[A-Za-z]+ => "([a-z_]+)""#).unwrap();
    for found in kind.captures_iter(&kinds) {
        assert!(document.contains(&format!("`{}`", &found[1])), "no kind `{}`", &found[1]);
    }
}

#[test]
fn every_scenario_of_the_samples_is_in_the_table() {
    let document = text("docs/simulator.md");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples/scenarios");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for file in files {
        assert!(document.contains(&format!("| `{file}` |")), "{file}");
    }
}

#[test]
fn documents_that_are_linked_are_there() {
    let link = Regex::new(r"\]\(([a-zA-Z][a-zA-Z0-9_./-]*\.md)(?:#[a-z-]*)?\)").unwrap();
    for document in ["README.md", "docs/calls.md", "docs/simulator.md"] {
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for found in link.captures_iter(&text(document)) {
            text(format!("{folder}/{}", &found[1]).trim_start_matches('/'));
        }
    }
}
