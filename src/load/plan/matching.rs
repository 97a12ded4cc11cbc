//! How rows are matched, and what they may become.

use crate::load::merge::OnConflict;
use crate::record::schema::FieldRef;

/// What a row without a match, or with one, may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only new records.
    Create,
    /// Only existing ones.
    Update,
    /// Both.
    Upsert,
}

/// How rows are matched.
#[derive(Debug, Clone)]
pub struct Matching {
    /// What may be done.
    pub mode: Mode,
    /// Key alternatives in order; none means by `_id` alone.
    pub keys: Vec<Vec<FieldRef>>,
    /// Whether a row whose keys are all blank creates a record instead of being rejected.
    pub blank_key_creates: bool,
    /// Whether a record that changed after the row's `_updated` is a conflict (unmapped imports, design 9.8).
    pub guard_newer: bool,
    /// Whether updates by `_id` may go on although the target's read is incomplete.
    pub allow_incomplete: bool,
    /// What becomes of values that were changed on both sides since the sheet was made.
    pub on_conflict: OnConflict,
}
