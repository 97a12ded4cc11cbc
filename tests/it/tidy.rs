//! What no compiler checks: who may use whom, who may send, wait and print, how long a file may be, and that
//! mappings, changes and commands say the same as the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::Rehearsal;

/// A file has at most so many lines, its unit tests included.
const LONGEST: usize = 500;

/// Whom each module may use, as tight as it is true. `sim` is a witness of its own and is reached over a socket;
/// `record` is what everybody speaks; a stage knows the run's folder and what it reads from, never `flow`.
const ARROWS: [(&str, &[&str]); 16] = [
    ("account", &[]),
    ("stop", &[]),
    ("error", &[]),
    ("record", &["error"]),
    ("http", &["stop"]),
    ("config", &["error", "http::pace", "stop"]),
    ("run", &["account", "error", "record", "stop"]),
    ("transform", &["error", "record"]),
    ("extract", &["account", "error", "record", "run::checkpoint", "run::parts"]),
    ("load", &["account", "error", "extract", "record", "stop", "transform::draft"]),
    (
        "connect",
        &[
            "account",
            "config",
            "error",
            "extract",
            "http",
            "load::target",
            "record",
            "run::parts",
            "stop",
            "transform::draft",
        ],
    ),
    (
        "report",
        &[
            "error",
            "extract",
            "http::pace",
            "load::journal",
            "load::target",
            "record",
            "run::checkpoint",
            "run::folder",
            "run::parts",
        ],
    ),
    (
        "flow",
        &[
            "account",
            "config",
            "connect",
            "error",
            "extract",
            "http::Client",
            "load",
            "record",
            "report",
            "run",
            "stop",
            "transform",
        ],
    ),
    (
        "cli",
        &[
            "config",
            "connect",
            "error",
            "extract::Selection",
            "flow",
            "http::pace",
            "record::schema",
            "report",
            "run::folder",
            "stop",
            "transform::mapping",
        ],
    ),
    ("sim", &["sim"]),
    ("lib", &[]),
];

/// The command's own files that start a simulator.
const STARTS_A_SIMULATOR: [&str; 2] = ["src/cli/demo.rs", "src/cli/sim.rs"];

/// A source file: its path from the package's root, its text, and whether it is compiled for tests alone.
struct Source {
    name: String,
    text: String,
    tests_only: bool,
}

impl Source {
    /// The lines that are compiled into the program: no comments, no unit tests.
    fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let unit_tests = Regex::new(r"#\[cfg\(test\)\]\n[a-z() ]*mod [a-z_]+ \{").unwrap();
        let end = unit_tests.find(&self.text).map_or(self.text.len(), |found| found.start());
        code(if self.tests_only { "" } else { &self.text[..end] })
    }

    /// `src/flow/load.rs` is of the module `flow`.
    fn module(&self) -> &str {
        let path = self.name.trim_start_matches("src/");
        path.split(['/', '.']).next().unwrap_or_default()
    }
}

fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim().starts_with("//"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below some folders or files of the package, by name.
fn files(of: &[&str]) -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = of.iter().map(|name| root().join(name)).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn sources(of: &[&str]) -> Vec<Source> {
    let rust =
        files(of).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        Source { name: name(&path), text, tests_only: false }
    };
    let mut sources: Vec<Source> = rust.map(read).collect();
    let declared =
        Regex::new(r#"#\[cfg\(test\)\]\n(?:#\[path = "([a-z_]+)\.rs"\]\n)?[a-z() ]*mod ([a-z_]+);"#).unwrap();
    let for_tests: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            let own = source.name.trim_end_matches(".rs").trim_end_matches("/mod");
            let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
            declared.captures_iter(&source.text).map(move |found| match found.get(1) {
                Some(beside) => format!("{folder}/{}", beside.as_str()),
                None => format!("{own}/{}", &found[2]),
            })
        })
        .collect();
    for source in &mut sources {
        let is = |module: &String| {
            source.name == format!("{module}.rs") || source.name.starts_with(&format!("{module}/"))
        };
        source.tests_only = for_tests.iter().any(is);
    }
    sources
}

/// Fails with all findings, one a line.
#[track_caller]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// The paths that a text names below `crate::`, groups spelt out: `load::{plan, target}` are two.
fn crate_paths(text: &str) -> BTreeSet<String> {
    let code: String = code(text).map(|(_, line)| format!("{line}\n")).collect();
    let mut paths = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        spell_out("", &code[at + "crate::".len()..], &mut paths);
    }
    paths
}

fn spell_out(before: &str, rest: &str, paths: &mut BTreeSet<String>) {
    if let Some(group) = rest.strip_prefix('{') {
        let mut depth = 0;
        let mut begin = 0;
        for (at, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                ',' if depth == 0 => {
                    spell_out(before, group[begin..at].trim(), paths);
                    begin = at + 1;
                }
                '}' if depth == 0 => {
                    let last = group[begin..at].trim();
                    if !last.is_empty() {
                        spell_out(before, last, paths);
                    }
                    return;
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        return;
    }
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
    let path = format!("{before}{}", &rest[..end]);
    match rest[end..].strip_prefix("::") {
        Some(rest) => spell_out(&format!("{path}::"), rest, paths),
        None => {
            paths.insert(path);
        }
    }
}

#[test]
fn groups_of_paths_are_spelt_out() {
    let text = "use crate::load::{plan::{Mode, plan}, target};\n// crate::comment\nlet x = crate::error::nearest(a);";
    let paths: Vec<_> = crate_paths(text).into_iter().collect();
    assert_eq!(paths, ["error::nearest", "load::plan::Mode", "load::plan::plan", "load::target"]);
}

#[test]
fn modules_use_only_whom_they_may() {
    let mut findings = Vec::new();
    for source in sources(&["src"]) {
        let module = source.module();
        if module == "main" {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == module) else {
            findings.push(format!("{}: the module `{module}` is not in the table", source.name));
            continue;
        };
        for path in crate_paths(&source.text) {
            let of_itself = path.split("::").next() == Some(module);
            let may = |arrow: &&str| path == **arrow || path.starts_with(&format!("{arrow}::"));
            let simulator = path.starts_with("sim") && STARTS_A_SIMULATOR.contains(&source.name.as_str());
            if !of_itself && !allowed.iter().any(may) && !simulator {
                findings.push(format!("{}: `{module}` may not use `{path}`", source.name));
            }
        }
    }
    none(&findings);
}

#[test]
fn arrows_make_no_circle_but_those_of_traits() {
    // `connect` implements the traits of `extract` and `load`; nothing below it may know it.
    for (module, allowed) in ARROWS {
        let below =
            ["account", "stop", "error", "record", "http", "config", "run", "transform", "extract", "load"];
        if below.contains(&module) {
            for forbidden in ["connect", "flow", "cli", "report", "sim"] {
                assert!(!allowed.iter().any(|arrow| arrow.starts_with(forbidden)), "{module} → {forbidden}");
            }
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let long = sources(&["src", "tests"]).into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LONGEST).then(|| format!("{}: {lines} lines, {LONGEST} are allowed", source.name))
    });
    none(&long.collect::<Vec<_>>());
}

/// Lines of the product, outside of some files, in which a pattern stands.
fn outside(allowed: &[&str], pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let mut findings = Vec::new();
    for source in sources(&["src"]) {
        if allowed.iter().any(|prefix| source.name.starts_with(prefix)) {
            continue;
        }
        let hits = source.product().filter(|(_, line)| pattern.is_match(line));
        findings.extend(hits.map(|(at, line)| format!("{}:{at}: {}", source.name, line.trim())));
    }
    findings
}

#[test]
fn only_http_sends_and_waits() {
    none(&outside(&["src/http/", "src/sim/"], r"\bureq\b|TcpStream|UdpSocket"));
    // The simulator in the foreground watches for the wish to stop; nothing of a run waits there.
    none(&outside(
        &["src/http/", "src/sim/", "src/stop.rs", "src/cli/sim.rs"],
        r"thread::sleep|recv_timeout|park_timeout|wait_timeout",
    ));
}

#[test]
fn only_report_prints() {
    none(&outside(&[], r"\be?print(ln)?!|\bdbg!"));
    // Records that go to `-o -` are data, and the file writers' own.
    none(&outside(&["src/report/", "src/connect/files/compress.rs"], r"\bstd(out|err)\(\)"));
}

#[test]
fn nothing_of_the_product_panics_on_data() {
    none(&outside(&[], r"\.unwrap\(\)|\bpanic!|\btodo!|\bunimplemented!"));
    // Where something cannot happen, the text has to say why.
    none(&outside(&[], r#"\.expect\("[^"]{0,11}"\)"#));
}

#[test]
fn only_connect_knows_the_services() {
    none(&outside(&["src/connect/", "src/sim/", "src/cli/"], r#"(?i)"[^"]*(nimble|nethunt)[^"]*""#));
}

#[test]
fn mappings_have_examples_that_hold() {
    let rehearsal = Rehearsal::new("");
    let mut mappings = files(&["mappings", "samples"]);
    mappings.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    mappings.retain(|path| !name(path).starts_with("samples/scenarios/"));
    assert!(mappings.len() >= 9, "{mappings:?}");
    for path in &mappings {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("[[example]]"), "{}: no example", name(path));
        assert!(text.starts_with('#'), "{}: does not begin by saying what it is for", name(path));
    }
    let all = |what: &str| {
        let paths = mappings.iter().map(|path| path.display().to_string());
        rehearsal.ferry(["mapping", what].map(str::to_owned).into_iter().chain(paths)).expect(0)
    };
    let checked = all("check").stdout;
    assert_eq!(checked.lines().filter(|line| line.contains(": ok (")).count(), mappings.len(), "{checked}");
    let tested = all("test").stdout;
    assert!(tested.lines().all(|line| line.ends_with(": ok")), "{tested}");
    assert!(tested.lines().count() >= mappings.len(), "{tested}");
}

#[test]
fn the_changes_have_the_version_of_the_package() {
    let changes = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let heading = format!("\n## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(changes.contains(&heading), "no{heading} in CHANGELOG.md");
}

#[test]
fn commands_in_the_readme_are_the_programs_own() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let rehearsal = Rehearsal::new("");
    let command = Regex::new(r"(?m)^ *(?:\$ )?ferry ((?:mapping |runs )?[a-z]+)(.*)$").unwrap();
    let flag = Regex::new(r" (--?[a-z][a-z-]*)").unwrap();
    let mut seen = 0;
    for found in command.captures_iter(&readme) {
        let words: Vec<&str> = found[1].split(' ').collect();
        let help = rehearsal.ferry([&words[..], &["--help"]].concat()).expect(0).stdout;
        let typed = found[2].split(" #").next().unwrap_or_default();
        for flag in flag.captures_iter(typed) {
            assert!(help.contains(&flag[1]), "`ferry {}` has no `{}`", &found[1], &flag[1]);
        }
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} commands in README.md");
}

#[test]
fn scenarios_say_what_they_are_for() {
    for path in files(&["samples/scenarios"]) {
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("# "), "{}", name(&path));
    }
}

#[test]
fn the_tree_tells_nothing_of_machines_and_secrets() {
    // Spelt in pieces, so that this file is not its own finding.
    let patterns = [
        format!("/{}/", "work"),
        format!("/{}/", "root"),
        format!(r"/{}/\w", "home"),
        format!("-----{} [A-Z ]*PRIVATE", "BEGIN"),
        format!(r"\b{}[0-9A-Z]{{16}}\b", "AKIA"),
        format!(r"\b{}_[A-Za-z0-9]{{20}}", "gh[pousr]"),
        format!(r"\b{}-[A-Za-z0-9-]{{20}}", "xox[abp]"),
        format!(r"\b{}[-_][A-Za-z0-9-]{{24}}", "sk"),
    ];
    let patterns: Vec<Regex> = patterns.iter().map(|pattern| Regex::new(pattern).unwrap()).collect();
    let tree =
        ["src", "tests", "docs", "mappings", "samples", "README.md", "CHANGELOG.md", "Cargo.toml", ".ci"];
    let mut findings = Vec::new();
    for path in files(&tree) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for (at, line) in text.lines().enumerate() {
            if patterns.iter().any(|pattern| pattern.is_match(line)) {
                findings.push(format!("{}:{}: {}", name(&path), at + 1, line.trim()));
            }
        }
    }
    none(&findings);
}
