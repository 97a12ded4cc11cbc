//! Where secrets are kept, and how they are fetched from there: an environment variable, a file, the output of a
//! command, or the platform's keyring (design section 3).
//!
//! A secret itself never stands in `ferry.toml`, and what was fetched has no way to be printed. The keyring is
//! asked through the platform's own command (`secret-tool` on Linux, `security` on macOS), which works wherever
//! it is installed, and spares Ferry the desktop's message bus.

use crate::error::{Error, Result};
use crate::stop::Stop;
use secrecy::SecretString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In an environment variable.
    Variable(String),
    /// On the first line of a file.
    File(PathBuf),
    /// On the first line that a program prints; it is run without a shell.
    Command(Vec<String>),
    /// In the platform's keyring, under the service `ferry` and this account.
    Keyring(String),
}

/// The longest that a command may take to print a secret.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether the command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// No secret is longer, in bytes.
const LONGEST: u64 = 64 * 1024;
/// How much of what a failed command says is shown, in characters.
const SHOWN: usize = 500;

impl SecretSource {
    /// The source that one of the words `env`, `file`, `command` and `keyring` names; a relative file lies in
    /// `folder`.
    pub(super) fn new(word: &str, values: Vec<String>, folder: &Path) -> Option<Self> {
        let first = values.first()?.clone();
        match word {
            "env" => Some(Self::Variable(first)),
            "file" => Some(Self::File(folder.join(at_home(&first)))),
            "command" => Some(Self::Command(values)),
            "keyring" => Some(Self::Keyring(first)),
            _ => None,
        }
    }

    /// Fetches the secret; `what` names it for messages, as in "`token` of the connection `nimble`".
    ///
    /// # Errors
    /// When there is none or it cannot be fetched (class `Input`), or somebody asks to stop meanwhile.
    pub fn fetch(&self, what: &str, stop: &Stop) -> Result<SecretString> {
        let none = || Error::input(format!("{what} is empty: {self} holds nothing"));
        let text = match self {
            Self::Variable(name) => std::env::var(name)
                .map_err(|cause| Error::input(format!("{what} cannot be read from {self}")).because(cause))?,
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|cause| Error::input(format!("{what} cannot be read from {self}")).because(cause))?,
            Self::Command(words) => printed(words, what, stop)?,
            Self::Keyring(account) => {
                let words = keyring(std::env::consts::OS, account).ok_or_else(|| {
                    Error::input(format!("{what}: Ferry knows no keyring of this platform"))
                        .hint("use `{ command = [..] }` with a program that prints the secret")
                })?;
                printed(&words, what, stop)?
            }
        };
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() { Err(none()) } else { Ok(SecretString::from(line)) }
    }

    /// Whether something is there, as far as can be told without running anything; `None` where it cannot.
    #[must_use]
    pub fn is_there(&self) -> Option<bool> {
        match self {
            Self::Variable(name) => Some(std::env::var(name).is_ok_and(|text| !text.trim().is_empty())),
            Self::File(path) => Some(path.is_file()),
            Self::Command(_) | Self::Keyring(_) => None,
        }
    }

    /// A warning when the secret lies where others can read it.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        readable_by_others(path).then(|| {
            format!(
                "the secret in `{0}` can be read by other users of this machine: `chmod 600 {0}`",
                path.display()
            )
        })
    }
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file `{}`", path.display()),
            // Its arguments may be anything, so only the program is named.
            Self::Command(words) => write!(f, "command `{}`", words.first().map_or("", String::as_str)),
            Self::Keyring(account) => write!(f, "keyring `{account}`"),
        }
    }
}

/// The platform's own command that prints a secret of its keyring.
fn keyring(platform: &str, account: &str) -> Option<Vec<String>> {
    let words: &[&str] = match platform {
        "linux" | "freebsd" | "openbsd" => &["secret-tool", "lookup", "service", "ferry", "account", account],
        "macos" => &["security", "find-generic-password", "-w", "-s", "ferry", "-a", account],
        _ => return None,
    };
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

/// What a program prints on stdout. What it prints on stderr is shown when it fails; stdout never is.
fn printed(words: &[String], what: &str, stop: &Stop) -> Result<String> {
    let [program, arguments @ ..] = words else {
        return Err(Error::input(format!("{what}: the command is empty")));
    };
    let failed = |why: String| Error::input(format!("{what}: the command `{program}` {why}"));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|cause| failed("cannot be run".to_owned()).because(cause).hint(missing_program(program)))?;
    let out = child.stdout.take().map(drained);
    let err = child.stderr.take().map(drained);
    let status = match ended(&mut child, stop) {
        Some(status) => status,
        None => {
            // It may have ended just now, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            if stop.is_requested() {
                return Err(Error::stopped("stopped on request"));
            }
            return Err(failed(format!("has not ended after {} s", PATIENCE.as_secs())));
        }
    };
    let text = |reader: Option<std::thread::JoinHandle<Vec<u8>>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    if !status.success() {
        let said = String::from_utf8_lossy(&text(err)).trim().chars().take(SHOWN).collect::<String>();
        let said = if said.is_empty() { said } else { format!(": {said}") };
        return Err(failed(format!("failed ({status}){said}")));
    }
    String::from_utf8(text(out)).map_err(|_| failed("prints no text".to_owned()))
}

/// Reads a pipe to its end on a thread of its own, so that the program never waits for a reader.
fn drained(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks has given what it had; the status tells whether that was all.
        let _ = pipe.by_ref().take(LONGEST).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        bytes
    })
}

fn ended(child: &mut Child, stop: &Stop) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() > end || stop.wait(LOOK_EVERY) {
            return None;
        }
    }
}

fn missing_program(program: &str) -> String {
    match program {
        "secret-tool" => {
            "install `secret-tool` (package libsecret-tools), or keep the secret elsewhere".into()
        }
        _ => "commands are run without a shell: a program by its name or path, then its arguments".into(),
    }
}

/// A path that begins with `~/` lies in the home folder.
fn at_home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), etcetera::home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn command(words: &[&str]) -> SecretSource {
        SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn the_first_line_of_a_file_or_a_command_is_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s"), "first \nsecond\n").unwrap();
        let file = SecretSource::new("file", vec!["s".to_owned()], folder.path()).unwrap();
        let stop = Stop::default();
        assert_eq!(file.fetch("it", &stop).unwrap().expose_secret(), "first");
        let printed = command(&["printf", "one\\ntwo"]);
        assert_eq!(printed.fetch("it", &stop).unwrap().expose_secret(), "one");
    }

    #[test]
    fn a_failing_command_shows_what_it_said_but_never_what_it_printed() {
        let error = command(&["sh", "-c", "echo hunter2; echo locked >&2; exit 3"])
            .fetch("`token` of `work`", &Stop::default())
            .unwrap_err();
        assert!(error.to_string().contains("locked"), "{error}");
        assert!(!error.chain().contains("hunter2"), "{error}");
        let error = command(&["no-such-program-of-ferry"]).fetch("it", &Stop::default()).unwrap_err();
        assert!(error.to_string().contains("cannot be run"), "{error}");
        assert!(command(&["true"]).fetch("it", &Stop::default()).is_err());
    }

    #[test]
    fn a_stop_ends_the_wait_for_a_command() {
        let stop = Stop::default();
        stop.request();
        let error = command(&["sleep", "60"]).fetch("it", &stop).unwrap_err();
        assert_eq!(error.class(), crate::error::Class::Stopped);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_warned_about() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        std::fs::write(&path, "x").unwrap();
        for (mode, warned) in [(0o600, false), (0o644, true), (0o640, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(SecretSource::File(path.clone()).warning().is_some(), warned, "{mode:o}");
        }
    }

    #[test]
    fn each_platforms_keyring_has_its_own_command() {
        assert_eq!(keyring("linux", "a").unwrap()[0], "secret-tool");
        assert_eq!(keyring("macos", "a").unwrap()[0], "security");
        assert_eq!(keyring("windows", "a"), None);
    }
}
