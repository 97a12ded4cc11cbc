//! Errors for people: what could not be done, on what, why, and a way out.
//!
//! The rules: the message says what failed and on what (file and line, row, field, record, service), in lower
//! case and without a final period; literals stand in backticks. The cause is chained, not pasted in. The way
//! out is a hint on a line of its own. A secret or a whole body is never part of a message. The [`Class`]
//! decides the exit code, and nothing else does.

use std::fmt;

/// What kind of end an error means for the command; each has its exit code (design section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The command, configuration, mapping or input is wrong and nothing was written: exit 2.
    Input,
    /// The work stopped and can be resumed: exit 3.
    Stopped,
    /// A check did not hold, such as an incomplete read: exit 4.
    Check,
    /// The service refused the credentials: exit 5.
    Credentials,
}

impl Class {
    /// The process exit code of this class.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Input => 2,
            Self::Stopped => 3,
            Self::Check => 4,
            Self::Credentials => 5,
        }
    }
}

/// Why a command stopped, in the user's words.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    class: Class,
    what: String,
    hint: Option<String>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    resumable: bool,
    run: Option<String>,
}

/// A result whose error is ours.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given class; `what` says what could not be done, and on what.
    pub fn new(class: Class, what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            class,
            what: what.into(),
            hint: None,
            cause: None,
            resumable: false,
            run: None,
        }))
    }

    /// The command, configuration, mapping or input is wrong: exit 2.
    pub fn input(what: impl Into<String>) -> Self {
        Self::new(Class::Input, what)
    }

    /// The work stopped and can be resumed: exit 3.
    pub fn stopped(what: impl Into<String>) -> Self {
        Self::new(Class::Stopped, what)
    }

    /// A check did not hold: exit 4.
    pub fn check(what: impl Into<String>) -> Self {
        Self::new(Class::Check, what)
    }

    /// The service refused the credentials: exit 5.
    pub fn credentials(what: impl Into<String>) -> Self {
        Self::new(Class::Credentials, what)
    }

    /// The same error, said of something: `what: …`.
    #[must_use]
    pub fn of(mut self, what: impl std::fmt::Display) -> Self {
        self.0.what = format!("{what}: {}", self.0.what);
        self
    }

    /// The same error with a next step, printed on a line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error with the error that caused it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The same error where something was written already: an input that is wrong has then stopped a run on its way.
    #[must_use]
    pub fn on_the_way(mut self) -> Self {
        if self.0.class == Class::Input {
            self.0.class = Class::Stopped;
        }
        self
    }

    /// The same error where the run can be gone on with, although a check did not hold.
    #[must_use]
    pub fn resumable(mut self) -> Self {
        self.0.resumable = true;
        self
    }

    /// The same error, of a run that it leaves as it is.
    #[must_use]
    pub fn of_run(mut self, name: impl Into<String>) -> Self {
        self.0.run = Some(name.into());
        self
    }

    /// The run that it leaves as it is, where it names one.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.0.run.as_deref()
    }

    /// Whether the run can be gone on with.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.0.resumable || matches!(self.0.class, Class::Stopped | Class::Credentials)
    }

    /// What kind of end this means.
    #[must_use]
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// The next step, if there is one.
    #[must_use]
    pub fn way_out(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The message and its causes in one line, outermost first.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

/// The checkpoint could not be read or written: the work stops and can be resumed once the disk allows it.
impl From<rusqlite::Error> for Error {
    fn from(cause: rusqlite::Error) -> Self {
        Self::stopped("cannot use the run's checkpoint").because(cause)
    }
}

/// Adds what was being done to a failed file operation.
pub trait IoContext<T> {
    /// Turns an I/O error into a resumable stop that names what was being done.
    ///
    /// # Errors
    /// The I/O error, with `what` as its message.
    fn during(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::stopped(what()).because(cause))
    }
}

/// The nearest of some names to a misspelt one, if any is near enough to suggest.
#[must_use]
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (wanted.chars().count().max(name.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_far_ones_are_not() {
        assert_eq!(nearest("emial", ["email", "phone"]), Some("email"));
        assert_eq!(nearest("First name", ["first name", "last name"]), Some("first name"));
        assert_eq!(nearest("salary", ["email", "phone"]), None);
    }

    #[test]
    fn a_chain_reads_from_the_outside_in() {
        let error = Error::input("cannot read `a.csv`").because(std::io::Error::other("disk on fire"));
        assert_eq!(error.chain(), "cannot read `a.csv`: disk on fire");
        assert_eq!(error.class().exit_code(), 2);
    }
}
