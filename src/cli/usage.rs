//! Arguments that the command line does not take: said by clap, and with `--json` by a summary too, which ends every
//! command that has a run.

use super::{Cli, HAVE_RUNS};
use crate::report::{Reporter, Settings, Summary};
use clap::CommandFactory;
use std::ffi::OsString;

/// Says what is wrong with the arguments, or what was asked of them (`--help`); the process exit code.
pub(super) fn end(error: &clap::Error) -> u8 {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    let code = if error.print().is_ok() { code } else { 2 };
    let words: Vec<String> = std::env::args_os().skip(1).map(lossy).collect();
    let json = std::env::var_os("FERRY_JSON").map(lossy);
    match summary(&words, json.as_deref()) {
        Some((summary, data_to_stdout)) if error.use_stderr() => {
            let reporter = Reporter::new(Settings { json: true, data_to_stdout, ..Settings::default() });
            reporter.summary(&summary);
            reporter.close(code)
        }
        _ => code,
    }
}

fn lossy(word: OsString) -> String {
    word.to_string_lossy().into_owned()
}

/// The summary of a command that never began, if it was to have one, and whether its data was to go to stdout.
fn summary(words: &[String], json: Option<&str>) -> Option<(Summary, bool)> {
    let is_true = |text: &str| ["y", "yes", "t", "true", "on", "1"].contains(&text.to_lowercase().as_str());
    let words = words.split(|word| word == "--").next()?;
    if !words.iter().any(|word| word == "--json") && !json.is_some_and(is_true) {
        return None;
    }
    let command = command(words)?;
    let to_stdout = |pair: &[String]| ["-o", "--output"].contains(&pair[0].as_str()) && pair[1] == "-";
    let joined = |word: &String| ["-o-", "-o=-", "--output=-"].contains(&word.as_str());
    let data_to_stdout = command == "export" && (words.windows(2).any(to_stdout) || words.iter().any(joined));
    Some((Summary::new("", command), data_to_stdout))
}

/// The command among the arguments, where it has a run: the first word that is neither a global flag nor its value.
fn command(words: &[String]) -> Option<&'static str> {
    let cli = Cli::command();
    let takes_value = |word: &str| {
        let long = word.strip_prefix("--")?;
        let flag = cli.get_arguments().find(|flag| flag.get_long() == Some(long))?;
        flag.get_num_args()
            .map_or(Some(flag.get_action().takes_values()), |values| Some(values.takes_values()))
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            return HAVE_RUNS.into_iter().find(|known| known == word);
        }
        if takes_value(word) == Some(true) {
            words.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_a_run_has_a_summary_whatever_is_wrong_with_its_arguments() {
        let cases = [
            ("plan a.csv nimble:contacts --max-errors x --json", None, Some(("plan", false))),
            ("--state-dir plan --json import --canary 0", None, Some(("import", false))),
            ("--json --state-dir=x import --nonsense", None, Some(("import", false))),
            ("-q apply", Some("Yes"), Some(("apply", false))),
            ("export a --limit x -o - --json", None, Some(("export", true))),
            ("export a --limit x --output=- --json", None, Some(("export", true))),
            ("import a --limit x", Some("0"), None),
            ("import a --limit x -- --json", None, None),
            ("runs shw --json", None, None),
            ("--json", None, None),
        ];
        for (words, json, expected) in cases {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let found = summary(&words, json);
            let found = found.as_ref().map(|(summary, to_stdout)| (summary.command.as_str(), *to_stdout));
            assert_eq!(found, expected, "{words:?}");
        }
    }
}
