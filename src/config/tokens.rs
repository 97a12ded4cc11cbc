//! The tokens that a login has brought, kept for later commands: one file a connection in the user's config
//! folder, readable by its owner alone.
//!
//! The file appears whole or not at all: what is new is written beside it, flushed, and renamed over it. So a
//! process that dies while it stores leaves the tokens of before. Processes that share the file hold its lock
//! while they renew.

use super::set::user_folder;
use crate::error::{Error, IoContext, Result};
use crate::stop::Stop;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The tokens of one login.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For requests.
    pub access_token: SecretString,
    /// For the next refresh.
    pub refresh_token: SecretString,
    /// When the access token was issued, by our clock.
    pub issued: Timestamp,
    /// When it expires, where that is said.
    pub expires: Option<Timestamp>,
    /// The base URL of the service that issued them; they are shown to nobody else.
    pub url: String,
    /// Where the browser was sent back to.
    pub redirect_uri: String,
    /// Whose they are, for people.
    pub account: String,
    /// A digest of the configured refresh token that these descend from, where it was not a login.
    pub seed: String,
}

/// Where the tokens of a connection are kept.
#[derive(Debug, Clone)]
pub struct TokenFile {
    path: PathBuf,
}

/// The right to renew; given back when dropped.
#[derive(Debug)]
pub struct Renewing {
    _lock: File,
}

/// How often it is looked whether another process has finished renewing.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl TokenFile {
    /// The file of a connection.
    ///
    /// # Errors
    /// When the user has no config folder (class `Input`).
    pub fn of(connection: &str) -> Result<Self> {
        let folder = user_folder().ok_or_else(|| {
            Error::input("there is no config folder to keep tokens in").hint("set HOME or XDG_CONFIG_HOME")
        })?;
        Ok(Self { path: folder.join("tokens").join(format!("{connection}.json")) })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tokens, if there are any.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what was written (class `Credentials`).
    pub fn read(&self) -> Result<Option<Tokens>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause).during(|| format!("cannot read `{}`", self.path.display())),
        };
        let damaged =
            || Error::credentials(format!("`{}` does not hold the tokens of a login", self.path.display()));
        parse(&text).ok_or_else(damaged).map(Some)
    }

    /// Stores the tokens durably.
    ///
    /// # Errors
    /// When the disk does not take them; the tokens of before are then still there.
    pub fn write(&self, tokens: &Tokens) -> Result<()> {
        let during = || format!("cannot store the tokens in `{}`", self.path.display());
        let folder = self.folder()?;
        let mut file = tempfile::NamedTempFile::new_in(folder).during(during)?;
        let time = |at: Timestamp| at.to_string();
        let object = serde_json::json!({
            "access_token": tokens.access_token.expose_secret(),
            "refresh_token": tokens.refresh_token.expose_secret(),
            "issued_at": time(tokens.issued),
            "expires_at": tokens.expires.map(time),
            "url": tokens.url,
            "redirect_uri": tokens.redirect_uri,
            "account": tokens.account,
            "seed": tokens.seed,
        });
        writeln!(file, "{object:#}").during(during)?;
        file.as_file().sync_all().during(during)?;
        file.persist(&self.path).map_err(|error| error.error).during(during)?;
        // The rename is durable when its folder is.
        File::open(folder).and_then(|folder| folder.sync_all()).during(during)
    }

    /// Forgets the tokens; false when there were none.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self) -> Result<bool> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(cause).during(|| format!("cannot remove `{}`", self.path.display())),
        }
    }

    /// Waits until no other process renews. The lock ends with the process that holds it.
    ///
    /// # Errors
    /// When the lock file cannot be made, or somebody asks to stop meanwhile.
    pub fn renewing(&self, stop: &Stop) -> Result<Renewing> {
        self.folder()?;
        let path = self.path.with_extension("lock");
        let during = || format!("cannot lock `{}`", path.display());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).during(during)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Renewing { _lock: file }),
                Err(TryLockError::Error(cause)) => return Err(cause).during(during),
                Err(TryLockError::WouldBlock) if stop.wait(LOOK_EVERY) => {
                    return Err(Error::stopped("stopped on request"));
                }
                Err(TryLockError::WouldBlock) => {}
            }
        }
    }

    /// The folder, made for its owner alone.
    fn folder(&self) -> Result<&Path> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).during(|| format!("cannot create `{}`", folder.display()))?;
        Ok(folder)
    }
}

fn parse(text: &str) -> Option<Tokens> {
    let object: serde_json::Value = serde_json::from_str(text).ok()?;
    let text = |key: &str| object.get(key).and_then(serde_json::Value::as_str);
    let known = |key: &str| text(key).unwrap_or_default().to_owned();
    let token = |key: &str| text(key).filter(|token| !token.is_empty()).map(SecretString::from);
    Some(Tokens {
        access_token: token("access_token")?,
        refresh_token: token("refresh_token")?,
        issued: text("issued_at")?.parse().ok()?,
        expires: text("expires_at").and_then(|at| at.parse().ok()),
        url: text("url")?.to_owned(),
        redirect_uri: known("redirect_uri"),
        account: known("account"),
        seed: known("seed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path) -> TokenFile {
        TokenFile { path: folder.join("tokens").join("work.json") }
    }

    fn tokens(access: &str) -> Tokens {
        Tokens {
            access_token: access.into(),
            refresh_token: "r1".into(),
            issued: Timestamp::UNIX_EPOCH,
            expires: Some(Timestamp::MAX),
            url: "https://x.example/api/v1".into(),
            redirect_uri: "http://127.0.0.1/".into(),
            account: "Ada".into(),
            seed: String::new(),
        }
    }

    #[test]
    fn tokens_come_back_as_they_were_stored_and_only_their_owner_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        assert!(file.read().unwrap().is_none());
        assert!(!file.remove().unwrap());
        file.write(&tokens("a1")).unwrap();
        file.write(&tokens("a2")).unwrap();
        let read = file.read().unwrap().unwrap();
        assert_eq!(read.access_token.expose_secret(), "a2");
        assert_eq!((read.issued, read.expires), (Timestamp::UNIX_EPOCH, Some(Timestamp::MAX)));
        assert_eq!((read.url.as_str(), read.account.as_str()), ("https://x.example/api/v1", "Ada"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(file.path()), 0o600);
            assert_eq!(mode(file.path().parent().unwrap()), 0o700);
        }
        assert!(file.remove().unwrap());
    }

    #[test]
    fn a_file_that_holds_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        file.write(&tokens("a1")).unwrap();
        for text in ["", "{}", r#"{"access_token":"a"}"#, "\0\0"] {
            std::fs::write(file.path(), text).unwrap();
            let error = file.read().unwrap_err();
            assert_eq!(error.class(), crate::error::Class::Credentials, "{text}");
        }
    }

    #[test]
    fn one_renews_at_a_time_and_a_stop_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let held = file.renewing(&Stop::default()).unwrap();
        let stop = Stop::default();
        stop.request();
        assert!(file.renewing(&stop).is_err());
        drop(held);
        file.renewing(&Stop::default()).unwrap();
    }
}
