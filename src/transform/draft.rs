//! What a mapping makes of a record: the contract between transform and load.
//!
//! A [`Draft`] says, target field by target field, what the record at the target should hold. It knows nothing
//! of what the target holds now; the plan compares the two.

use crate::record::schema::{FieldRef, Kind};
use crate::record::{Record, to_text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A place at the target that a mapping (or an unmapped file's column) writes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetField {
    /// The place. `_id`, `_type`, `_tags` and `_avatar` are places like any other.
    pub place: FieldRef,
    /// What happens to values that an existing record already has.
    pub write: Write,
    /// Whether the target holds several values here, where the mapping says so.
    pub multi: Option<bool>,
    /// JSON type that values take, where the mapping says so.
    pub kind: Option<Kind>,
    /// What several values for a place that holds one mean.
    pub on_extra: OnExtra,
}

/// How a value meets what an existing record has (mapping key `write`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Write {
    /// The new values take the place of the old.
    Replace,
    /// What is missing is added.
    Add,
    /// Only where the target has nothing yet.
    Fill,
    /// What a mapping means by a part of an address if it says nothing: a single address is corrected in its place,
    /// several are left as they are, and one that is missing among them is added.
    Correct,
}

/// What several values for one place mean (mapping key `on_extra`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExtra {
    /// The first is taken, the rest is counted in plan and summary.
    #[default]
    First,
    /// The row is rejected.
    Reject,
}

/// One source record, mapped.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Draft {
    /// By position in the mapping's target fields: what should be there. `None` leaves the place alone (blank
    /// source value, condition not met), an empty list clears it.
    pub values: Vec<Option<Vec<Value>>>,
    /// Values dropped because their place holds one (`on_extra = "first"`).
    pub extra: u64,
    /// Time of the last change that an unmapped row carries in `_updated` (else `_created`), as text: a
    /// service value newer than this is a conflict (design 9.8).
    pub seen_updated: Option<String>,
    /// IANA name of this record's time zone, where the mapping takes it from a field (`time_zone_from`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The record's id at the service that it comes from; none for rows of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// Positions of the places that the row says nothing of at all; elsewhere `None` is a blank cell. Only rows
    /// of JSON Lines can leave a place out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<usize>,
    /// What a result file says that the row became, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<Became>,
    /// A digest of all that an unmapped row without an `_id` says, by which it is known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Whether every value left is an edit, known from the version that the row was made from (design 9.8).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub based: bool,
}

/// What became of a row in the run whose result file it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Became {
    /// Its record, as `_ferry_id` names it.
    pub id: String,
    /// Whether nothing was written for it (`_ferry_action`).
    pub is_rejected: bool,
}

impl Became {
    /// What Ferry's own columns of a file's row say.
    #[must_use]
    pub fn of_row(row: &Record) -> Option<Self> {
        let text =
            |name| row.field(name).and_then(|field| field.entries.first()).map(|entry| to_text(&entry.value));
        let id = text(ID_COLUMN)?.trim().to_owned();
        let is_rejected = text("_ferry_action").is_some_and(|action| action.trim() == "rejected");
        (!id.is_empty()).then_some(Self { id, is_rejected })
    }
}

/// The column of result files that names a row's record.
pub const ID_COLUMN: &str = "_ferry_id";

/// The cell text of an unmapped row that clears a value.
pub const CLEAR: &str = "#N/A";

/// Why a row has no draft. Becomes one line of `rejected.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Target field, or the source field where the trouble began.
    pub field: Option<String>,
    /// The value that could not be used, as text.
    pub value: Option<String>,
    /// Why, for people: what could not be done and what would help; names the mapping's line where one exists.
    pub reason: String,
}

impl Reject {
    /// Several findings on a row of fields as one: of the first one's field, with all reasons, each of which names
    /// its own.
    #[must_use]
    pub fn joined(mut rejects: Vec<Self>) -> Self {
        if rejects.len() == 1 {
            return rejects.remove(0);
        }
        let named = |reject: &Self| match &reject.field {
            Some(field) => format!("{field}: {}", reject.reason),
            None => reject.reason.clone(),
        };
        let reasons: Vec<String> = rejects.iter().map(named).collect();
        let first = rejects.into_iter().next();
        let (field, value) = first.map_or((None, None), |reject| (reject.field, reject.value));
        Self { field, value, reason: reasons.join("; ") }
    }
}
