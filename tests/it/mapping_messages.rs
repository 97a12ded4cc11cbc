//! No message of mappings is unseen: what the program can say of a mapping file, of its lookup files and of a value
//! stands in one of the golden files, which `mapping_errors` holds to the program.
//!
//! The sources are read for texts where messages are made; of a text with gaps, the longest piece between them has
//! to be found. What can only be met where something else is broken is listed with its reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Shorter pieces are no message: words between two gaps.
const SHORTEST: usize = 12;

/// Pieces that no golden file can hold, and why.
const UNSEEN: [(&str, &str); 1] =
    [("numeric code", "every country of the table has one; others may come without")];

/// Where a message begins.
const MADE: &str = r#"findings\s*\.add\(|noted\.add\(|warnings\.add\(|Problem::new\(|\.hint\(|Error::input\(|Err\(format!\(|Err\("|UnknownName \{|BadTable \{|bad\(|let (?:mut )?(?:what|why|hint|reason|problem)\b[^=\n]*="#;

#[test]
fn every_message_of_mappings_stands_in_a_golden_file() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    // A brace of a text with gaps is written twice, of any other once; here both are once.
    let once = |text: String| text.replace("{{", "{").replace("}}", "}");
    let golden: String =
        files(&root.join("tests/golden/mapping"), "txt").iter().map(|path| once(read(path))).collect();
    let mut sources = files(&root.join("src/transform/mapping"), "rs");
    sources.extend(files(&root.join("src/transform/ops"), "rs"));
    sources.push(root.join("src/record/schema.rs"));
    let mut seen = 0;
    let mut missing = BTreeSet::new();
    for path in sources {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        if name.contains("tests") || name.contains("/reference/") {
            continue;
        }
        for piece in pieces(&read(&path)) {
            seen += 1;
            if !golden.contains(&piece) && !UNSEEN.iter().any(|(unseen, _)| *unseen == piece) {
                missing.insert(format!("{name}: {piece}"));
            }
        }
    }
    assert!(seen > 100, "only {seen} messages were found");
    let missing: Vec<_> = missing.into_iter().collect();
    assert!(missing.is_empty(), "no golden file of mapping_errors has\n{}", missing.join("\n"));
}

#[test]
fn messages_are_found_in_source_text() {
    let source = "fn a() {\n findings.add(at, format!(\"`{key}` is one of \\\n   several words {x} it\"), None);\n}\n\
                  let x = \"no message at all\";\n#[cfg(test)]\nmod tests {\nProblem::new(\"only in tests, so not\");\n}";
    assert_eq!(pieces(source), ["` is one of several words"]);
}

/// The longest piece without gaps of every message that a source makes.
fn pieces(source: &str) -> Vec<String> {
    let end = source.find("#[cfg(test)]\nmod ").unwrap_or(source.len());
    let code = source[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.map(|line| format!("{line}\n")).collect();
    let made = Regex::new(MADE).unwrap();
    let text = Regex::new(r#""((?:[^"\\]|\\[\s\S])*)""#).unwrap();
    let folded = Regex::new(r"\\\n\s*").unwrap();
    let gap = Regex::new(r"\{[^{}]*\}").unwrap();
    let mut found = Vec::new();
    for begin in made.find_iter(&code) {
        // The quote that begins a text belongs to it.
        let from = begin.end() - usize::from(begin.as_str().ends_with('"'));
        for text in text.captures_iter(statement(&code[from..])) {
            let text = folded.replace_all(&text[1], "");
            let text = text
                .replace("\\\"", "\"")
                .replace("\\\\", "\\")
                .replace("{{", "\u{1}")
                .replace("}}", "\u{2}");
            let longest = gap.split(&text).map(str::trim).max_by_key(|piece| piece.len()).unwrap_or_default();
            let longest = longest.replace('\u{1}', "{").replace('\u{2}', "}");
            if longest.len() >= SHORTEST && longest.contains(' ') {
                found.push(longest);
            }
        }
    }
    found
}

/// What a text begins with, up to the end of the statement or of the brackets that it stands in.
fn statement(code: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, letter) in code.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return &code[..at],
            ')' | ']' | '}' => depth -= 1,
            ';' if depth == 0 => return &code[..at],
            _ => {}
        }
    }
    code
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The files below a folder that end so.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path, extension)),
            false if path.extension().is_some_and(|end| end == extension) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}
