//! The Nimble connector: contacts, read and written as the public API allows.
//!
//! Reads are complete and drift-safe (`extract`); a plan is pure (`plan`); `send` says what was done and
//! what is in doubt. Nothing here paces or repeats (that is [`crate::http`]), decides what to send again (that
//! is the load stage) or creates fields. Numbers in comments such as "facts, section 9.2" are those of the
//! public API's description as gathered for this project.

mod api;
mod compare;
mod decode;
mod edits;
mod extract;
mod literal;
mod plan;
mod proof;
mod query;
mod reader;
mod refusal;
mod schema;
mod select;
mod send;
mod sweep;
mod tags;
mod values;
#[cfg(test)]
mod walk_model;
mod walks;
mod wire;

use super::{Access, Ends, no_stream};
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection, Source};
use crate::http::{Client, Failure};
use crate::load::target::{Candidate, Operation, Planned, ReadMark, RowToPlan, Sent, Target, UpdateState};
use crate::record::schema::{FieldRef, Schema};
use crate::record::{RawRecord, Record, to_text};
use crate::transform::draft::Reject;
use api::{Api, Query, failed};
use reader::Reader;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use decode::Decoder;

/// The streams of an account.
const STREAMS: [&str; 1] = ["contacts"];

/// A connection to Nimble.
#[derive(Debug, Clone)]
pub struct Nimble {
    api: Api,
    settle: Duration,
}

/// Whose token it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// The user's id.
    pub user_id: String,
    /// The account's id.
    pub company_id: String,
    /// The user's display name.
    pub name: String,
    /// The user's e-mail address.
    pub email: String,
}

/// The stream `nimble:contacts`.
#[derive(Debug)]
pub struct Contacts {
    api: Api,
    who: Who,
    account: Account,
    settle: Duration,
    schema: OnceLock<Arc<Schema>>,
}

impl Who {
    /// What tells this account from others: the company, or the user where the service names none.
    fn identity(&self) -> &str {
        let known = [&self.company_id, &self.user_id, &self.email];
        known.into_iter().find(|text| !text.is_empty()).map_or("", String::as_str)
    }
}

impl Nimble {
    /// A connection to the API at `base_url`, such as `https://app.nimble.com/api/v1`. `settle` is the longest
    /// time that a request may take to become visible after its answer was lost.
    #[must_use]
    pub fn new(client: Client, base_url: String, settle: Duration) -> Self {
        Self { api: Api::new(client, base_url), settle }
    }

    /// Asks whose token it is.
    ///
    /// # Errors
    /// When the service does not answer or refuses the credentials.
    pub fn who(&self) -> Result<Who> {
        let answer = self
            .api
            .json("/myself", &Query::default())
            .map_err(|failure| failed("cannot ask Nimble who its user is", failure))?;
        let text =
            |key: &str| answer.get(key).filter(|value| !value.is_null()).map(to_text).unwrap_or_default();
        let who = Who {
            user_id: text("user_id"),
            company_id: text("company_id"),
            name: text("name"),
            email: text("email"),
        };
        if who.identity().is_empty() {
            return Err(Error::stopped("Nimble does not say which account its user belongs to")
                .hint("check FERRY_NIMBLE_URL: it should end in `/api/v1`"));
        }
        Ok(who)
    }

    /// Opens one of [`STREAMS`].
    ///
    /// # Errors
    /// When there is no such stream, besides the errors of [`Nimble::who`].
    pub fn open(&self, stream: &str) -> Result<Ends> {
        match stream {
            "contacts" => {
                let contacts = Arc::new(self.contacts()?);
                Ok((contacts.clone(), Some(contacts)))
            }
            _ => Err(no_stream("nimble", stream, &STREAMS)),
        }
    }

    /// What the credentials are good for; `connection` is the name that streams are written with.
    ///
    /// # Errors
    /// As [`Nimble::who`].
    pub fn access(&self, connection: &str) -> Result<Access> {
        let who = self.who()?;
        let streams: Vec<_> = STREAMS.iter().map(|stream| format!("{connection}:{stream}")).collect();
        Ok(Access {
            connection: connection.to_owned(),
            user: format!("{} <{}>", who.name, who.email),
            account: format!("company {}", who.company_id),
            readable: streams.clone(),
            writable: streams,
        })
    }

    /// The account's contacts. Asks once whose they are.
    ///
    /// # Errors
    /// As [`Nimble::who`].
    pub fn contacts(&self) -> Result<Contacts> {
        let who = self.who()?;
        let account = Account {
            service: "nimble".to_owned(),
            url: self.api.base().to_owned(),
            identity: who.identity().to_owned(),
            stream: "contacts".to_owned(),
        };
        Ok(Contacts { api: self.api.clone(), who, account, settle: self.settle, schema: OnceLock::new() })
    }
}

impl Contacts {
    /// The fields of the account, or the default ones where the service cannot be asked: comparisons need them
    /// only to read addresses and drop-downs.
    fn known_schema(&self) -> Arc<Schema> {
        self.schema().unwrap_or_else(|_| Arc::new(schema::offline_schema()))
    }

    fn reader(&self) -> Reader<'_> {
        Reader::whole(&self.api, Arc::new(Decoder::new(&self.known_schema())))
    }

    /// Asks for the fields: the old metadata, or the new where the service has only that. Where it has neither,
    /// they are those that every account has.
    fn ask_schema(&self) -> Result<Schema> {
        let what = "cannot read Nimble's fields";
        let unknown = || Error::stopped(format!("{what}: the answer has none"));
        let missing = |failure: &Failure| matches!(failure, Failure::Refused { status: 404 | 405 | 410, .. });
        match self.api.json("/contacts/metadata", &Query::default()) {
            Ok(answer) => schema::from_metadata(&answer).ok_or_else(unknown),
            Err(failure) if missing(&failure) => match self.api.json("/contacts/fields", &Query::default()) {
                Ok(answer) => schema::from_tabs(&answer).ok_or_else(unknown),
                Err(failure) if missing(&failure) => Ok(schema::offline_schema()),
                Err(failure) => Err(failed(what, failure)),
            },
            Err(failure) => Err(failed(what, failure)),
        }
    }
}

impl Source for Contacts {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        schema::CONTACTS
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        if let Some(schema) = self.schema.get() {
            return Ok(Arc::clone(schema));
        }
        let schema = Arc::new(self.ask_schema()?);
        Ok(Arc::clone(self.schema.get_or_init(|| schema)))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(Decoder::new(&self.known_schema()))
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        let schema = self.schema()?;
        let selected = select::selected(&self.api, &schema, selection)?;
        extract::extract(&selected, selection, self.settle, staging)
    }
}

impl Target for Contacts {
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
        send::send(&self.api, operation, id)
    }

    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        sweep::read(&self.reader(), ids)
    }

    fn created_since(&self, mark: &ReadMark) -> Result<Vec<Candidate>> {
        let settle = u64::try_from(self.settle.as_millis()).unwrap_or(u64::MAX);
        let mark = ReadMark { settle_ms: mark.settle_ms.max(settle), ..mark.clone() };
        sweep::created_since(&self.reader(), &self.who, &mark)
    }

    fn look_up(&self, place: &FieldRef, value: &Value) -> Result<Vec<RawRecord>> {
        let schema = self.known_schema();
        sweep::look_up(&self.reader(), place, schema.field(&place.name), value)
    }

    fn holds(&self, operation: &Operation, record: &Record) -> bool {
        compare::holds(&self.known_schema(), operation, record)
    }

    fn content(&self, operation: &Operation) -> String {
        compare::content(&self.known_schema(), operation)
    }

    fn update_state(&self, operation: &Operation, record: &Record) -> UpdateState {
        compare::update_state(&self.known_schema(), operation, record)
    }
}

/// The fields that a stream of every account has.
#[must_use]
pub fn offline_schema(stream: &str) -> Option<Schema> {
    (stream == "contacts").then(schema::offline_schema)
}

/// The `Authorization` header of an API key or bearer token (facts, section 1).
#[must_use]
pub fn authorization(token: &SecretString) -> SecretString {
    SecretString::from(format!("Bearer {}", token.expose_secret()))
}
