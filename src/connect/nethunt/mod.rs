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
mod compare;
mod decode;
mod drain;
mod folders;
mod keep;
mod look_up;
#[cfg(test)]
mod over_a_socket;
mod pipeline;
mod plan;
mod proof;
#[cfg(test)]
mod proof_model;
mod reading;
mod rows;
mod send;
mod split;
mod sweep;
mod values;
mod wire;

use super::{Access, Ends};
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::http::Client;
use crate::load::target::{Candidate, Operation, Planned, ReadMark, RowToPlan, Sent, Target, UpdateState};
use crate::record::schema::{FieldRef, Schema};
use crate::record::{RawRecord, Record};
use crate::transform::draft::Reject;
use api::{Api, failed};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use drain::Sizes;
use proof::Verdict;
use reading::Reading;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::sync::{Arc, OnceLock};

pub use folders::Folder;

/// The most hits asked of a search whose number was not limited.
const ALL_HITS: u64 = 1_000_000;

/// A NetHunt login.
#[derive(Debug, Clone)]
pub struct NetHunt {
    api: Api,
    login: String,
}

/// The records of one folder.
#[derive(Debug)]
pub struct Records {
    api: Api,
    account: Account,
    name: String,
    /// The server's clock when the folder was opened, in Unix milliseconds.
    opened: i64,
    schema: OnceLock<Arc<Schema>>,
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

    /// Opens the stream of a folder, by its name or id.
    ///
    /// # Errors
    /// As [`NetHunt::records`].
    pub fn open(&self, stream: &str) -> Result<Ends> {
        let records = Arc::new(self.records(stream)?);
        Ok((records.clone(), Some(records)))
    }

    /// What the credentials are good for; `connection` is the name that streams are written with.
    ///
    /// # Errors
    /// As [`NetHunt::who`] and [`NetHunt::folders`].
    pub fn access(&self, connection: &str) -> Result<Access> {
        let users = self.who()?;
        let folders = self.folders()?;
        let named = |folders: &mut dyn Iterator<Item = &Folder>| -> Vec<String> {
            folders.map(|folder| format!("{connection}:{}", folder.name)).collect()
        };
        let users: Vec<_> = users.iter().map(|(name, email)| format!("{name} <{email}>")).collect();
        Ok(Access {
            connection: connection.to_owned(),
            user: users.join(", "),
            account: format!("{} folders", folders.len()),
            readable: named(&mut folders.iter()),
            writable: named(&mut folders.iter().filter(|folder| folder.writable)),
        })
    }

    /// The records of the folder of that name or id.
    ///
    /// # Errors
    /// When there is no such folder or there are several, besides the errors of [`NetHunt::folders`].
    pub fn records(&self, folder: &str) -> Result<Records> {
        let folders = self.folders()?;
        let folder = folders::resolve(&folders, folder)?;
        Ok(Records {
            account: Account {
                service: "nethunt".to_owned(),
                url: self.api.base().to_owned(),
                identity: self.login.clone(),
                stream: folder.id.clone(),
            },
            name: format!("nethunt:{}", folder.name),
            opened: self.api.client().server_now().as_millisecond(),
            api: self.api.clone(),
            schema: OnceLock::new(),
        })
    }
}

impl Records {
    fn folder(&self) -> &str {
        &self.account.stream
    }

    fn read_whole(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        let mut reading = Reading::new(&self.api, self.folder(), staging);
        let verdict = proof::read_whole(&mut reading, &Sizes::REAL, selection.expect)?;
        let deleted = reading.catch_up()?;
        if let Some(expected) = selection.expect {
            let (old, all) = reading.bounds()?;
            let agrees = (old.saturating_sub(deleted)..=all).contains(&expected);
            return Ok(match agrees {
                true => Completeness::Complete,
                false => Completeness::Incomplete(format!(
                    "the folder should hold {expected} records, but {all} were read"
                )),
            });
        }
        Ok(match verdict {
            Verdict::Whole | Verdict::AsExpected => Completeness::Complete,
            Verdict::Unproven(why) => Completeness::Unproven(why.to_owned()),
            Verdict::Cut(why) => Completeness::Incomplete(why.to_owned()),
        })
    }
}

impl Source for Records {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        if let Some(schema) = self.schema.get() {
            return Ok(Arc::clone(schema));
        }
        let fields = self.api.list(&["triggers", "folder-field", self.folder()], &[]);
        let fields =
            fields.map_err(|failure| failed(&format!("list the fields of `{}`", self.name), failure))?;
        let schema = Arc::new(folders::schema(&self.name, fields));
        Ok(Arc::clone(self.schema.get_or_init(|| schema)))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(decode::Decoder)
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        if let Some(kind) = selection.kind.as_deref().filter(|kind| *kind != decode::KIND) {
            return Err(Error::input(format!("NetHunt has no records of type `{kind}`"))
                .hint("all of its records are of type `record`"));
        }
        if selection.keyword.is_some() {
            return Err(Error::input("NetHunt has no search by keyword").hint("search with `--find`"));
        }
        match (&selection.find, selection.limit) {
            (Some(query), limit) => {
                Reading::new(&self.api, self.folder(), staging).search(query, limit.unwrap_or(ALL_HITS))?;
                Ok(Completeness::Unproven("the hits of a search, as the service gives them".to_owned()))
            }
            (None, Some(limit)) => {
                Reading::new(&self.api, self.folder(), staging).sample(limit)?;
                Ok(Completeness::Unproven(format!("a sample of at most {limit} records")))
            }
            (None, None) => self.read_whole(selection, staging),
        }
    }
}

impl Target for Records {
    fn account(&self) -> &Account {
        &self.account
    }

    fn source(&self) -> &dyn Source {
        self
    }

    fn plan(&self, row: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        plan::plan(row)
    }

    fn send(&self, operation: &Operation, id: Option<&str>) -> Sent {
        send::send(&self.api, self.folder(), operation, id)
    }

    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        look_up::by_ids(&self.api, self.folder(), ids, self.opened - keep::OLD_MS)
    }

    fn created_since(&self, mark: &ReadMark) -> Result<Vec<Candidate>> {
        sweep::created_since(&self.api, self.folder(), &self.account.identity, mark)
    }

    fn look_up(&self, place: &FieldRef, value: &Value) -> Result<Vec<RawRecord>> {
        look_up::by_value(&self.api, self.folder(), &place.name, value)
    }

    fn holds(&self, operation: &Operation, record: &Record) -> bool {
        compare::holds(operation, record)
    }

    fn content(&self, operation: &Operation) -> String {
        compare::content(operation)
    }

    fn update_state(&self, operation: &Operation, record: &Record) -> UpdateState {
        compare::update_state(operation, record)
    }
}

/// The `Authorization` header of a login and its API key (NetHunt facts, section 1).
#[must_use]
pub fn authorization(login: &str, key: &SecretString) -> SecretString {
    let pair = format!("{login}:{}", key.expose_secret());
    SecretString::from(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}
