//! The Nimble connector: contacts, notes, tasks, users, tags, and fields with their groups and tabs, as far as the public API lets them be
//! read and written.
//!
//! Each stream has its file or folder; this one only opens them. What they share: reads are complete and
//! drift-safe or said not to be, plans are pure, and what is sent comes back as done, refused or in doubt.
//! Nothing here paces or repeats (that is [`crate::http`]) or decides what to send again (that is the load
//! stage). Numbers in comments such as "facts, section 9.2" are those of the public API's description as
//! gathered for this project.

mod api;
mod back;
mod checks;
mod compare;
mod contacts;
mod decode;
mod delete;
mod edits;
mod extract;
mod fields;
mod linked;
mod literal;
mod notes;
mod one_answer;
mod options;
mod plain_row;
mod plan;
mod proof;
mod query;
mod read_only;
mod reader;
mod refusal;
mod schema;
mod select;
mod send;
#[cfg(test)]
mod settled;
mod sweep;
mod tag_list;
mod tags;
mod tasks;
mod users;
mod values;
#[cfg(test)]
mod walk_model;
mod walks;
mod wire;

use super::{Access, Ends, no_stream};
use crate::account::Account;
use crate::error::{Error, Result};
use crate::extract::Source;
use crate::http::Client;
use crate::load::target::{OperationKind, Target};
use crate::record::schema::Schema;
use crate::record::to_text;
use api::{Api, Query, URL_HINT, failed};
use contacts::Contacts;
use fields::{Fields, SectionKind, Sections};
use notes::Notes;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tag_list::TagList;
use tasks::Tasks;
use users::Users;

pub use decode::Decoder;

/// The streams of an account, whether they can be read, and whether they can be written to.
const STREAMS: [(&str, bool, bool); 8] = [
    ("contacts", true, true),
    ("notes", true, true),
    ("tasks", false, true),
    ("users", true, false),
    ("tags", true, false),
    ("fields", true, true),
    ("groups", true, true),
    ("tabs", true, true),
];

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
            return Err(
                Error::stopped("Nimble does not say which account its user belongs to").hint(URL_HINT)
            );
        }
        Ok(who)
    }

    /// Opens one of the streams of an account.
    ///
    /// # Errors
    /// When there is no such stream, besides the errors of [`Nimble::who`].
    pub fn open(&self, stream: &str) -> Result<Ends> {
        if !STREAMS.iter().any(|(name, ..)| *name == stream) {
            return Err(no_stream("nimble", stream, &STREAMS.map(|(name, ..)| name)));
        }
        let contacts = self.contacts()?;
        let account = self.account(contacts.who(), stream);
        Ok(match stream {
            "notes" => both(Notes::new(contacts, account)),
            "tasks" => both(Tasks::new(self.api.clone(), account)),
            "users" => (Arc::new(Users::new(self.api.clone(), account)), None),
            "tags" => (Arc::new(TagList::new(contacts, account)), None),
            "fields" => both(Fields::new(self.api.clone(), account)),
            "groups" => both(Sections::new(self.api.clone(), account, SectionKind::Group)),
            "tabs" => both(Sections::new(self.api.clone(), account, SectionKind::Tab)),
            _ => both(contacts),
        })
    }

    /// What the credentials are good for; `connection` is the name that streams are written with.
    ///
    /// # Errors
    /// As [`Nimble::who`].
    pub fn access(&self, connection: &str) -> Result<Access> {
        let who = self.who()?;
        let streams = |which: fn(&(&str, bool, bool)) -> bool| {
            let chosen = STREAMS.iter().filter(|stream| which(stream));
            chosen.map(|(stream, ..)| format!("{connection}:{stream}")).collect()
        };
        Ok(Access {
            connection: connection.to_owned(),
            user: format!("{} <{}>", who.name, who.email),
            account: format!("company {}", who.company_id),
            readable: streams(|(_, is_read, _)| *is_read),
            writable: streams(|(.., is_written)| *is_written),
        })
    }

    /// The account's contacts. Asks once whose they are.
    ///
    /// # Errors
    /// As [`Nimble::who`].
    pub fn contacts(&self) -> Result<Contacts> {
        let who = self.who()?;
        let account = self.account(&who, "contacts");
        Ok(Contacts::new(self.api.clone(), who, account, self.settle))
    }

    fn account(&self, who: &Who, stream: &str) -> Account {
        Account {
            service: "nimble".to_owned(),
            url: self.api.base().to_owned(),
            identity: who.identity().to_owned(),
            stream: stream.to_owned(),
        }
    }
}

/// Method and path of an operation on a contact, below the service's root; nothing for other streams.
#[must_use]
pub fn request_line(stream: &str, kind: OperationKind, id: Option<&str>) -> Option<String> {
    if stream == "contacts" { send::request_line(kind, id) } else { None }
}

/// The fields that a stream of every account has.
#[must_use]
pub fn offline_schema(stream: &str) -> Option<Schema> {
    match stream {
        "contacts" => Some(schema::offline_schema()),
        "notes" => Some(notes::schema()),
        "tasks" => Some(tasks::schema()),
        "users" => Some(users::schema()),
        "tags" => Some(tag_list::schema()),
        "fields" => Some(fields::schema()),
        "groups" => Some(fields::sections_schema(SectionKind::Group)),
        "tabs" => Some(fields::sections_schema(SectionKind::Tab)),
        _ => None,
    }
}

/// The two ends of a stream that can be read and written.
fn both<S: Source + Target + 'static>(stream: S) -> Ends {
    let stream = Arc::new(stream);
    (stream.clone(), Some(stream))
}

/// Whether a refusal with this status and text is one of the credentials (facts, section 1).
#[must_use]
pub fn refuses_credentials(status: u16, text: &str) -> bool {
    refusal::meaning(status, text) == refusal::Meaning::Credentials
}

/// The `Authorization` header of an API key or bearer token (facts, section 1).
#[must_use]
pub fn authorization(token: &SecretString) -> SecretString {
    SecretString::from(format!("Bearer {}", token.expose_secret()))
}
