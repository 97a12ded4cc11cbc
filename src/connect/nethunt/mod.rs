//! NetHunt: folders of records over the v1 ("zapier") API.
//!
//! What a folder holds is read by `drain` and judged by `proof`: the API has neither pages nor counts. What is
//! written goes out one record a request, fields by the action algebra of `actions`. Facts about the service
//! are cited by section from the NetHunt facts that the project keeps.
//!
//! A read is only called complete when a second count agrees, and an operation only done when the service
//! says so in the documented shape; everything else is named for what it is.
//!
//! Not here: pacing and retry (`http`), when a create in doubt is settled (`load`).

mod actions;
mod api;
mod attached;
mod back;
mod changed;
mod children;
mod compare;
mod decode;
mod drain;
mod folders;
mod increment;
mod keep;
mod likeness;
mod listing;
mod look_up;
mod notes;
#[cfg(test)]
mod over_a_socket;
mod pipeline;
mod plan;
mod proof;
#[cfg(test)]
mod proof_model;
mod reading;
mod records;
mod rows;
mod select;
mod send;
#[cfg(test)]
mod settled;
mod since;
#[cfg(test)]
mod since_model;
mod split;
mod stream;
mod sweep;
mod values;
mod wire;

use super::{Access, Ends};
use crate::account::Account;
use crate::error::{Error, Result};
use crate::http::Client;
use crate::load::target::OperationKind;
use api::{Api, failed};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use children::Children;
use folders::Place;
use listing::Listing;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use stream::Stream;

pub use folders::Folder;
pub use records::Records;

/// A NetHunt login.
#[derive(Debug, Clone)]
pub struct NetHunt {
    api: Api,
    login: String,
}

impl NetHunt {
    /// Access to `base_url` for the user `login`, whose credentials `client` carries.
    #[must_use]
    pub fn new(client: Client, base_url: String, login: String) -> Self {
        Self { api: Api::new(client, base_url), login }
    }

    /// Name and e-mail address of the user that the credentials belong to.
    ///
    /// # Errors
    /// When the credentials are refused or the service does not answer.
    pub fn who(&self) -> Result<Vec<(String, String)>> {
        let users = self.api.list::<wire::UserEntry>(&["triggers", "auth-test"], &[]);
        let users = users.map_err(|failure| failed("ask NetHunt who this login is", failure))?;
        let pair = |user: wire::User| {
            let address = user.address().unwrap_or_default();
            (user.personal_name.unwrap_or_default(), address)
        };
        Ok(users.into_iter().map(|entry| pair(entry.user)).collect())
    }

    /// The folders that this login can read or write, in the server's order.
    ///
    /// # Errors
    /// When the credentials are refused or the service does not answer.
    pub fn folders(&self) -> Result<Vec<Folder>> {
        let list = |which| {
            let folders = self.api.list(&["triggers", which], &[]);
            folders.map_err(|failure| failed("list the NetHunt folders", failure))
        };
        Ok(folders::unite(list("readable-folder")?, list("writable-folder")?))
    }

    /// Opens a stream: `folders`, a folder by its name or id, or what belongs to a folder, such as
    /// `Deals/comments`.
    ///
    /// # Errors
    /// When there is no such folder or stream, or there are several folders of that name, besides the errors of
    /// [`NetHunt::folders`].
    pub fn open(&self, stream: &str) -> Result<Ends> {
        let folders = self.folders()?;
        Ok(match folders::place(&folders, stream)? {
            Place::Folders => {
                let account = self.account(folders::FOLDERS.to_owned());
                (Arc::new(Listing::folders(self.api.clone(), account)), None)
            }
            Place::Fields(folder) => {
                let account = self.account(format!("{}/{}", folder.id, folders::FIELDS));
                (Arc::new(Listing::fields(self.api.clone(), account, folder)), None)
            }
            Place::Of(folder, Stream::Records | Stream::Updates) => {
                let records = Arc::new(self.records_of(folder));
                (records.clone(), Some(records))
            }
            Place::Of(folder, stream) => {
                let account = self.account(format!("{}/{}", folder.id, stream.suffix()));
                let children = Arc::new(Children::new(self.api.clone(), account, folder, stream));
                let writable = matches!(stream, Stream::Comments | Stream::Calls);
                (children.clone(), if writable { Some(children) } else { None })
            }
        })
    }

    /// What the credentials are good for; `connection` is the name that streams are written with.
    ///
    /// # Errors
    /// As [`NetHunt::who`] and [`NetHunt::folders`].
    pub fn access(&self, connection: &str) -> Result<Access> {
        let users = self.who()?;
        let folders = self.folders()?;
        let name = |folder: &Folder, suffix: &str| match suffix {
            "" => format!("{connection}:{}", folder.name),
            suffix => format!("{connection}:{}/{suffix}", folder.name),
        };
        let mut readable = vec![format!("{connection}:{}", folders::FOLDERS)];
        let mut writable = Vec::new();
        for folder in &folders {
            if folder.readable {
                readable.push(name(folder, ""));
                readable.extend(folders::suffixes().map(|suffix| name(folder, suffix)));
            }
            if folder.writable {
                let streams = [Stream::Records, Stream::Comments, Stream::Calls];
                writable.extend(streams.map(|stream| name(folder, stream.suffix())));
            }
        }
        let users: Vec<_> = users.iter().map(|(name, email)| format!("{name} <{email}>")).collect();
        Ok(Access {
            connection: connection.to_owned(),
            user: users.join(", "),
            account: format!("{} folders", folders.len()),
            readable,
            writable,
        })
    }

    /// The records of the folder of that name or id.
    ///
    /// # Errors
    /// As [`NetHunt::open`].
    pub fn records(&self, folder: &str) -> Result<Records> {
        let folders = self.folders()?;
        match folders::place(&folders, folder)? {
            Place::Of(folder, Stream::Records) => Ok(self.records_of(folder)),
            _ => Err(Error::input(format!("`{folder}` is not a NetHunt folder"))),
        }
    }

    fn records_of(&self, folder: &Folder) -> Records {
        Records::new(self.api.clone(), self.account(folder.id.clone()), format!("nethunt:{}", folder.name))
    }

    fn account(&self, stream: String) -> Account {
        let (url, identity) = (self.api.base().to_owned(), self.login.clone());
        Account { service: "nethunt".to_owned(), url, identity, stream }
    }
}

/// Method and path of an operation on a folder's record, below the service's root; nothing for other streams.
#[must_use]
pub fn request_line(folder: &str, kind: OperationKind, id: Option<&str>) -> Option<String> {
    if folder.contains('/') { None } else { send::request_line(folder, kind, id) }
}

/// Whether a refusal with this status is one of the credentials (NetHunt facts, section 2).
#[must_use]
pub fn refuses_credentials(status: u16, _: &str) -> bool {
    status == 401
}

/// The `Authorization` header of a login and its API key (NetHunt facts, section 1).
#[must_use]
pub fn authorization(login: &str, key: &SecretString) -> SecretString {
    let pair = format!("{login}:{}", key.expose_secret());
    SecretString::from(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}
