//! What a stream expects of its records beyond the list of its fields: for checks and drafts of mappings.

/// What a stream expects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Customs {
    /// Fields that a new record needs.
    pub needed: &'static [Needed],
    /// How a calendar day is written there, as `strftime` has it; ISO where absent.
    pub day: Option<&'static str>,
    /// How a country is written there, as the operation `country` has it; its name where absent.
    pub country: Option<&'static str>,
    /// What a new record is, where there are several kinds (`_type`).
    pub kind: Option<&'static str>,
}

/// Fields of which a new record needs one, or should have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// The fields; one of them is enough.
    pub any_of: &'static [&'static str],
    /// Whether the service takes no record without.
    pub required: bool,
}
