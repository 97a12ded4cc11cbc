//! Whether a run's reads have everything, as its summary tells it.

use crate::extract::Completeness;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether a read has everything, as the summary tells it: `true`, `"unproven"` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Complete {
    /// Proven to be everything, or nothing had to be read from a service.
    #[default]
    Yes,
    /// Nothing speaks against it, and the service offers no second count.
    Unproven,
    /// There is evidence that something is missing.
    No,
}

impl From<&Completeness> for Complete {
    fn from(completeness: &Completeness) -> Self {
        match completeness {
            Completeness::Complete => Self::Yes,
            Completeness::Unproven(_) => Self::Unproven,
            Completeness::Incomplete(_) => Self::No,
        }
    }
}

impl Complete {
    /// The worse of two: a run that read twice is as complete as its worst read.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unproven, _) | (_, Self::Unproven) => Self::Unproven,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

impl Serialize for Complete {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Yes => serializer.serialize_bool(true),
            Self::Unproven => serializer.serialize_str("unproven"),
            Self::No => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Complete {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(true) => Ok(Self::Yes),
            serde_json::Value::Bool(false) => Ok(Self::No),
            serde_json::Value::String(word) if word == "unproven" => Ok(Self::Unproven),
            other => Err(D::Error::custom(format!("`complete` cannot be `{other}`"))),
        }
    }
}
