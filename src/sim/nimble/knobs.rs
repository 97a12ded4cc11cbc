//! The switches of the simulated Nimble: where the reference is silent or contradicts itself, a scenario says
//! which way the service goes. The defaults are those of the reference's oldest complete text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::defaults::is_default;

/// The `[nimble]` table of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Knobs {
    /// Which of the two living descriptions of the service holds where they differ; the switches below that
    /// say so follow it unless they are given.
    pub(super) profile: Profile,
    /// The largest `per_page` that is honoured.
    pub(super) max_per_page: usize,
    /// What a larger one gets.
    pub(super) per_page_over: PerPageOver,
    /// Whether `sort` is honoured, refused with 409, or silently ignored.
    pub(super) sort: Sorting,
    /// What `sort` with a `per_page` above 100 gets.
    pub(super) sort_over_100: SortOver,
    /// The last row that paging reaches; 0: no limit. Beyond it the answer is 409.
    pub(super) deep_window: usize,
    /// `meta.pages` when nothing matches.
    pub(super) pages_when_empty: usize,
    /// Milliseconds until a created record shows in lists and searches; reading by id is immediate.
    pub(super) index_delay_ms: i64,
    /// Order of a list without `sort`.
    pub(super) order: Order,
    /// Order of records that are equal in the sorted field.
    pub(super) tie_order: TieOrder,
    /// Status of a successful create; follows the profile: 201, or 200.
    create_status: Option<u16>,
    /// Status of a note's creation.
    pub(super) note_status: u16,
    /// Status of a task's creation by the older path; the newer one always has 201.
    pub(super) task_status: u16,
    /// Shape of 409 bodies; follows the profile: lists by field, or objects by path.
    error_shape: Option<ErrorShape>,
    /// Status for a missing or bad token; follows the profile: 401, or 403.
    auth_status: Option<u16>,
    /// What reading a contact that is not there gets.
    pub(super) missing_contact: MissingContact,
    /// Under which paths the notes of a contact are listed.
    pub(super) notes_path: NotesPath,
    /// What a delete answers.
    pub(super) delete_answer: DeleteAnswer,
    /// How an address value is shown.
    pub(super) address_style: AddressStyle,
    /// How a contact's tags are shown; follows the profile: objects, or texts.
    tags_style: Option<TagsStyle>,
    /// How `created` and `updated` are shown.
    pub(super) timestamps_style: TimestampsStyle,
    /// The user's time zone, minutes east of UTC.
    pub(super) zone_minutes: i64,
    /// How a mode-0 update treats a touched (field, modifier) pair.
    pub(super) merge: Merge,
    /// Contacts the plan allows; beyond them creates get 402. 0: no limit.
    pub(super) contact_quota: usize,
    /// The fewest members of `and` and `or`; follows the profile: 2, or 1.
    min_join_items: Option<usize>,
    /// Custom text fields the account has.
    pub(super) custom_fields: Vec<String>,
    /// Whether contacts carry keys that only newer answers of the service have; follows the profile.
    extra_keys: Option<bool>,
    /// Which ways of reading and writing field definitions there are.
    pub(super) fields_api: FieldsApi,
    /// Whether the user may manage custom fields; if not, writing definitions is 403.
    pub(super) manage_fields: bool,
    /// What becomes of a request to authorise an application.
    pub(super) authorize: Authorize,
    /// Seconds an access token lives.
    pub(super) token_lifetime_s: i64,
    /// Milliseconds an access token lives, in place of the seconds when above 0.
    pub(super) token_lifetime_ms: i64,
    /// Whether a refresh gives a new refresh token and ends the one it was asked with.
    pub(super) rotate_refresh: bool,
    /// Milliseconds for which a refresh token that was replaced still works.
    pub(super) refresh_reuse_grace_ms: i64,
    /// Saved searches by name: each the JSON text of a query.
    pub(super) saved_searches: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Profile {
    /// The reference this project starts from, with the field definitions of 2021 beside the older ones.
    Legacy,
    /// The service's current description.
    Current,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ErrorShape {
    /// `errors` holds a list for each field.
    List,
    /// `errors` holds an object for each path.
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum MissingContact {
    /// 200 with no resources.
    #[serde(rename = "empty")]
    Empty,
    #[serde(rename = "404")]
    NotFound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NotesPath {
    Both,
    Contact,
    Contacts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DeleteAnswer {
    /// `{"status": .., "data": {"ids": ..}}`
    Ids,
    /// No body at all.
    Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FieldsApi {
    Legacy,
    New,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Authorize {
    Grant,
    AccessDenied,
    InvalidRequest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PerPageOver {
    Clamp,
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Sorting {
    #[serde(rename = "honour")]
    Honour,
    #[serde(rename = "409")]
    Refuse,
    #[serde(rename = "ignore")]
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SortOver {
    #[serde(rename = "409")]
    Refuse,
    #[serde(rename = "ignore")]
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Created,
    Updated,
    Random,
    Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TieOrder {
    /// Always the same.
    Stable,
    /// Thrown anew for each answer.
    Random,
    /// One of two, as if two servers answered in turn.
    Replicas,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AddressStyle {
    Json,
    Pydict,
    Raw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TagsStyle {
    Objects,
    Strings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimestampsStyle {
    /// `2012-09-07T16:49:56+0300`
    Offset,
    /// `2021-02-12T19:18:59+00:00`
    OffsetColon,
    /// `2024-08-01T16:12:07.986745`
    NaiveMicros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Merge {
    Pair,
    Append,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            profile: Profile::Legacy,
            max_per_page: 1000,
            per_page_over: PerPageOver::Clamp,
            sort: Sorting::Honour,
            sort_over_100: SortOver::Refuse,
            deep_window: 0,
            pages_when_empty: 0,
            index_delay_ms: 0,
            order: Order::Created,
            tie_order: TieOrder::Stable,
            create_status: None,
            note_status: 201,
            task_status: 200,
            error_shape: None,
            auth_status: None,
            missing_contact: MissingContact::Empty,
            notes_path: NotesPath::Both,
            delete_answer: DeleteAnswer::Ids,
            address_style: AddressStyle::Json,
            tags_style: None,
            timestamps_style: TimestampsStyle::Offset,
            zone_minutes: 0,
            merge: Merge::Pair,
            contact_quota: 0,
            min_join_items: None,
            custom_fields: vec!["External ID".to_owned()],
            extra_keys: None,
            fields_api: FieldsApi::Both,
            manage_fields: true,
            authorize: Authorize::Grant,
            // As in the reference's example of a token answer.
            token_lifetime_s: 599,
            token_lifetime_ms: 0,
            rotate_refresh: true,
            refresh_reuse_grace_ms: 0,
            saved_searches: BTreeMap::new(),
        }
    }
}

impl Knobs {
    /// # Errors
    /// When a value makes no sense; the text names the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.max_per_page == 0 {
            return Err("`max_per_page` is at least 1".to_owned());
        }
        for (key, status) in [
            ("create_status", self.create_status()),
            ("note_status", self.note_status),
            ("task_status", self.task_status),
        ] {
            if !matches!(status, 200 | 201) {
                return Err(format!("`{key}` is 200 or 201"));
            }
        }
        if !matches!(self.auth_status(), 401 | 403) {
            return Err("`auth_status` is 401 or 403".to_owned());
        }
        if self.min_join_items == Some(0) {
            return Err("`min_join_items` is at least 1".to_owned());
        }
        for (place, name) in self.custom_fields.iter().enumerate() {
            let is_it = |other: &str| other.to_lowercase() == name.to_lowercase();
            if name.trim().is_empty() {
                return Err("`custom_fields`: a field has a name".to_owned());
            }
            if is_default(name, self.is_current())
                || self.custom_fields[..place].iter().any(|other| is_it(other))
            {
                return Err(format!("`custom_fields`: there is a field `{name}` already"));
            }
        }
        for (key, time, least) in [
            ("index_delay_ms", self.index_delay_ms, 0),
            ("token_lifetime_s", self.token_lifetime_s, 1),
            ("token_lifetime_ms", self.token_lifetime_ms, 0),
            ("refresh_reuse_grace_ms", self.refresh_reuse_grace_ms, 0),
        ] {
            if time < least {
                return Err(format!("`{key}` is at least {least}"));
            }
        }
        if self.zone_minutes.abs() > 14 * 60 {
            return Err("`zone_minutes` lies between -840 and 840".to_owned());
        }
        Ok(())
    }

    /// Whether the service's current description holds where it differs.
    pub(super) fn is_current(&self) -> bool {
        self.profile == Profile::Current
    }

    /// Status of a successful create.
    pub(super) fn create_status(&self) -> u16 {
        self.create_status.unwrap_or(if self.is_current() { 200 } else { 201 })
    }

    /// Shape of 409 bodies.
    pub(super) fn error_shape(&self) -> ErrorShape {
        let usual = if self.is_current() { ErrorShape::Object } else { ErrorShape::List };
        self.error_shape.unwrap_or(usual)
    }

    /// Status for a missing or bad token.
    pub(super) fn auth_status(&self) -> u16 {
        self.auth_status.unwrap_or(if self.is_current() { 403 } else { 401 })
    }

    /// How a contact's tags are shown.
    pub(super) fn tags_style(&self) -> TagsStyle {
        let usual = if self.is_current() { TagsStyle::Strings } else { TagsStyle::Objects };
        self.tags_style.unwrap_or(usual)
    }

    /// The fewest members of `and` and `or`.
    pub(super) fn min_join_items(&self) -> usize {
        self.min_join_items.unwrap_or(if self.is_current() { 1 } else { 2 })
    }

    /// Whether contacts carry keys that only newer answers of the service have.
    pub(super) fn extra_keys(&self) -> bool {
        self.extra_keys.unwrap_or(self.is_current())
    }

    /// Milliseconds an access token lives.
    pub(super) fn token_lifetime_ms(&self) -> i64 {
        if self.token_lifetime_ms > 0 { self.token_lifetime_ms } else { self.token_lifetime_s * 1000 }
    }
}
