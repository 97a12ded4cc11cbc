//! The fields that contacts can be searched by, and the operators of each: a table after the facts, sections 6.3,
//! 6.4 and 6.6.

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Text of at least so many characters (facts, section 6.5).
    Text(usize),
    /// The id of a choice.
    Choice,
    /// A time.
    Time,
    /// `person` or `company`.
    Type,
    /// A record's id.
    Id,
}

/// A field that can be searched.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) holds: Holds,
    /// Operators of all versions of the service.
    pub(super) operators: &'static [&'static str],
    /// Operators that only newer versions are known to have.
    pub(super) newer_operators: &'static [&'static str],
    /// Whether only newer versions are known to have the field.
    pub(super) newer: bool,
}

const EQUALS_AND_CONTAINS: &[&str] = &["is", "is_not", "contain", "not_contain", "is_empty"];
const TIME: &[&str] = &["in_the_last", "range"];
const NEWER_TIME: &[&str] = &["not_in_the_last", "not_in_range"];

const TEXT: Field = Field {
    holds: Holds::Text(2),
    operators: EQUALS_AND_CONTAINS,
    newer_operators: &["starts_with", "in", "not_in"],
    newer: false,
};
const NAME: Field = Field {
    operators: &["is", "is_not", "contain", "not_contain"],
    newer_operators: &["starts_with", "is_empty", "in", "not_in"],
    ..TEXT
};
const PROSE: Field = Field {
    operators: &["contain", "not_contain", "is_empty"],
    newer_operators: &["is", "is_not", "starts_with", "in", "not_in"],
    ..TEXT
};
const CHOICE: Field = Field {
    holds: Holds::Choice,
    operators: &["is", "is_not", "is_empty"],
    newer_operators: &["in", "not_in"],
    newer: false,
};
const RATING: Field = Field {
    operators: &["is", "is_not", "is_empty", "gt", "gte", "lt", "lte"],
    newer_operators: &["in", "not_in", "range", "not_in_range"],
    ..CHOICE
};
const WHEN: Field = Field { holds: Holds::Time, operators: TIME, newer_operators: NEWER_TIME, newer: false };
const TAG: Field =
    Field { operators: &["is"], newer_operators: &["is_not", "is_empty", "in", "not_in"], ..TEXT };
const TYPE: Field = Field { holds: Holds::Type, operators: &["is"], newer_operators: &[], newer: false };
/// Fields of newer versions alone (facts, section 6.6).
const NEWER_TEXT: Field = Field { holds: Holds::Text(1), newer: true, ..TEXT };
const ANY: Field =
    Field { operators: &["contain", "not_contain"], newer_operators: &["starts_with"], newer: true, ..TEXT };
const NAMES: Field = Field {
    operators: &["contain", "not_contain", "starts_with", "is_empty", "is", "is_not"],
    newer_operators: &[],
    newer: true,
    ..TEXT
};
const BIRTHDAY: Field =
    Field { operators: &["in_the_last", "range", "day_month_range", "is_empty"], newer: true, ..WHEN };
const ID: Field =
    Field { holds: Holds::Id, operators: &["is", "in", "not_in"], newer_operators: &[], newer: true };
const SAVED: Field = Field { operators: &["is"], newer_operators: &[], newer: true, ..NEWER_TEXT };
const REMINDER: Field = Field { operators: &["is_empty"], newer_operators: &[], newer: true, ..TEXT };

/// A custom field: text, number, time or choice, as the account made it.
pub(super) const CUSTOM: Field = Field {
    holds: Holds::Text(1),
    operators: EQUALS_AND_CONTAINS,
    newer_operators: &[
        "starts_with",
        "in",
        "not_in",
        "gt",
        "gte",
        "lt",
        "lte",
        "range",
        "not_in_range",
        "in_the_last",
        "not_in_the_last",
    ],
    newer: false,
};

const FIELDS: [(&str, &Field); 41] = [
    ("email", &TEXT),
    ("skype id", &TEXT),
    ("twitter", &TEXT),
    ("linkedin", &TEXT),
    ("facebook", &TEXT),
    ("phone", &TEXT),
    ("last name", &TEXT),
    ("first name", &NAME),
    ("name", &NAME),
    ("street", &TEXT),
    ("city", &TEXT),
    ("state", &TEXT),
    ("zip", &TEXT),
    ("country", &TEXT),
    ("company name", &TEXT),
    ("title", &TEXT),
    ("lead source", &CHOICE),
    ("lead type", &CHOICE),
    ("lead status", &CHOICE),
    ("rating", &RATING),
    ("created", &WHEN),
    ("updated", &WHEN),
    ("company last contacted", &WHEN),
    ("address", &PROSE),
    ("description", &PROSE),
    ("tag", &TAG),
    ("record type", &TYPE),
    ("__any", &ANY),
    ("names", &NAMES),
    ("domain", &NEWER_TEXT),
    ("birthday", &BIRTHDAY),
    ("user last contacted", &Field { newer: true, ..WHEN }),
    ("_id", &ID),
    ("saved_search", &SAVED),
    ("reminder", &REMINDER),
    ("company_name", &NEWER_TEXT),
    ("address.street", &NEWER_TEXT),
    ("address.city", &NEWER_TEXT),
    ("address.state", &NEWER_TEXT),
    ("address.zip", &NEWER_TEXT),
    ("address.country", &NEWER_TEXT),
];

/// The field of that name.
pub(super) fn field(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
}

/// All names, the oldest versions' first.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    FIELDS.iter().map(|(name, _)| *name)
}
