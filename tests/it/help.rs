//! What the command says of itself: every command explains itself, and the front page is as it was meant.

use crate::support::{Output, Rehearsal};

/// The front page of `ferry --help`, kept as it was read and found good. After a change that is meant, put there
/// what the failing test printed.
const FRONT_PAGE: &str = include_str!("help.txt");

/// Help names the values of the environment's flags, so none is set.
fn help(args: &[&str]) -> Output {
    Rehearsal::new("").unset("FERRY_SETTLE").ferry(args).expect(0)
}

/// The commands that a help page lists, without `help` itself.
fn commands(page: &str) -> Vec<String> {
    let list = page.lines().skip_while(|line| *line != "Commands:").skip(1);
    // A line that is deeper goes on with the text of the one above.
    let lines = list.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let words = lines.filter_map(|line| line.split_whitespace().next());
    words.filter(|word| *word != "help").map(str::to_owned).collect()
}

/// Options and arguments that stand alone: no text two blanks after them, nor deeper on the next line.
fn undescribed(page: &str) -> Vec<&str> {
    let lines: Vec<_> = page.lines().collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let alone = |at: &usize| {
        let line = lines[*at].trim_start();
        let named = (line.starts_with(['-', '<']) && !line.starts_with("- "))
            || line
                .strip_prefix('[')
                .is_some_and(|rest| rest.starts_with(|first: char| first.is_uppercase()));
        let text_below =
            lines.get(at + 1).is_some_and(|next| !next.is_empty() && depth(next) >= depth(lines[*at]) + 4);
        named && !line.contains("  ") && !text_below
    };
    (0..lines.len()).filter(alone).map(|at| lines[at]).collect()
}

#[test]
fn the_front_page_is_as_it_was_meant() {
    let page = help(&["--help"]);
    assert_eq!(page.stdout, FRONT_PAGE, "\n{}", page.stdout);
    assert!(page.stderr.is_empty(), "{}", page.stderr);
}

#[test]
fn every_command_explains_itself() {
    let rehearsal = Rehearsal::new("").unset("FERRY_SETTLE");
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(command) = open.pop() {
        let asked = command.iter().cloned().chain(["--help".to_owned()]);
        let page = rehearsal.ferry(asked).expect(0);
        let name = command.join(" ");
        let first = page.stdout.lines().next().unwrap_or_default();
        // A sentence that says what it does, not merely its name.
        assert!(first.split_whitespace().count() >= 4, "`{name}` does not say what it does: {first}");
        assert!(page.stdout.contains(format!("Usage: ferry {name}").trim_end()), "{}", page.stdout);
        assert!(page.stderr.is_empty(), "{}", page.transcript());
        assert_eq!(undescribed(&page.stdout), Vec::<&str>::new(), "`{name}`: {}", page.stdout);
        open.extend(commands(&page.stdout).into_iter().map(|next| [command.clone(), vec![next]].concat()));
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} pages");
}

#[test]
fn the_commands_that_move_records_show_examples() {
    for command in ["export", "import", "discover", "resume"] {
        let page = help(&[command, "--help"]).stdout;
        let examples = page.split("Examples:").nth(1).unwrap_or_else(|| panic!("{page}"));
        assert!(examples.contains(&format!("ferry {command} ")), "{page}");
    }
}

#[test]
fn short_help_and_help_of_a_command_are_the_same_page() {
    let page = help(&["export", "--help"]).stdout;
    assert_eq!(help(&["help", "export"]).stdout, page);
    assert!(help(&["export", "-h"]).stdout.contains("--only-filled"));
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(help(&["--version"]).stdout, format!("ferry {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(help(&["-V"]).stdout, help(&["--version"]).stdout);
}

#[test]
fn the_front_page_tells_every_exit_code() {
    let page = help(&["--help"]).stdout;
    let codes = page.split("Exit codes:").nth(1).unwrap();
    for code in ["0 done", "1 done, but", "2 command", "3 stopped", "4 a check", "5 credentials"] {
        assert!(codes.contains(code), "no `{code}` in {codes}");
    }
}
