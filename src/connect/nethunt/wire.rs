//! The JSON that NetHunt sends, as far as it is looked at (NetHunt facts, section 4). Extra keys are tolerated.

use serde::Deserialize;
use std::borrow::Cow;

/// An entry of `readable-folder` and `writable-folder`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FolderEntry {
    pub id: String,
    #[serde(default)]
    pub name: String,
}

/// An entry of `folder-field`: a name and nothing else.
#[derive(Debug, Deserialize)]
pub(super) struct FieldEntry {
    pub name: String,
}

/// An entry of `auth-test`.
#[derive(Debug, Deserialize)]
pub(super) struct UserEntry {
    pub user: User,
}

/// A user. The address stands in angle brackets in `record-change`, bare in `auth-test` (section 6.3).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct User {
    pub personal_name: Option<String>,
    pub email_address: Option<String>,
}

/// What extraction needs of a record: `recordId` is its id, `id` only where that is missing (section 3).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head<'a> {
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub record_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub created_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub updated_at: Option<Cow<'a, str>>,
}

/// An entry of `record-change`, without what changed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub record_id: String,
    #[serde(default)]
    pub time: String,
    #[serde(default)]
    pub record_action: String,
    #[serde(default)]
    pub user: Option<User>,
}

/// The answer to a create: of a record, a comment or a call log.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Created {
    pub record_id: Option<String>,
    pub comment_id: Option<String>,
    pub call_log_id: Option<String>,
    pub id: Option<String>,
}

impl Created {
    /// The id of what was made.
    pub(super) fn key(self) -> Option<String> {
        self.comment_id.or(self.call_log_id).or(self.record_id).or(self.id)
    }
}

impl Head<'_> {
    /// The record's id.
    pub(super) fn key(&self) -> Option<&str> {
        self.record_id.as_deref().or(self.id.as_deref()).filter(|id| !id.is_empty())
    }
}

impl User {
    /// The bare address in lower case.
    pub(super) fn address(&self) -> Option<String> {
        let text = self.email_address.as_deref()?.trim().trim_start_matches('<').trim_end_matches('>');
        (!text.is_empty()).then(|| text.to_lowercase())
    }

    /// `Name <address>`, as far as both are known.
    pub(super) fn shown(&self) -> Option<String> {
        let name = self.personal_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        match (name, self.address()) {
            (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
            (name, address) => address.or_else(|| name.map(str::to_owned)),
        }
    }
}
