//! The words for what becomes of a row, as the checkpoint and result files have them (design sections 1 and 4).

/// What became, or will become, of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The record was made.
    Created,
    /// Fields of the record were changed.
    Updated,
    /// The record was taken away.
    Deleted,
    /// The record already was as meant.
    Unchanged,
    /// The mode forbids it.
    Skipped,
    /// It has no operation: broken, ambiguous, double key, read-only field.
    Rejected,
    /// The service holds something that must not be overwritten.
    Conflict,
    /// The service refused it.
    Failed,
    /// It may have been carried out, and nobody can tell.
    InDoubt,
}

impl Outcome {
    /// The word of design section 1.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::InDoubt => "in doubt",
        }
    }

    /// The outcome of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Created,
            Self::Updated,
            Self::Deleted,
            Self::Unchanged,
            Self::Skipped,
            Self::Rejected,
            Self::Conflict,
            Self::Failed,
            Self::InDoubt,
        ]
        .into_iter()
        .find(|outcome| outcome.word() == word)
    }
}
