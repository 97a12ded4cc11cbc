//! What a target tells of records that were written: how they differ from what was meant, what takes a write
//! back, and what hangs on a record that is to go. Types alone; connectors fill them.

use super::{Change, Operation, OperationKind, UpdateState};
use crate::record::to_text;
use serde_json::Value;

/// A field of a record that is not as operations meant it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Field as columns name it; empty where the service's record is only compared as a whole.
    pub field: String,
    /// Values as they were meant.
    pub meant: Vec<String>,
    /// Values that are there.
    pub found: Vec<String>,
}

impl Difference {
    /// That a record as a whole is not as meant, for streams whose fields are not told apart.
    #[must_use]
    pub fn whole() -> Self {
        Self { field: String::new(), meant: Vec::new(), found: Vec::new() }
    }
}

/// What takes an operation on an existing record back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inverse {
    /// The smallest write that restores every field that still holds what the operation wrote; none where there
    /// is no such field, or all of them are as before already.
    pub operation: Option<Operation>,
    /// What that write changes.
    pub changes: Vec<Change>,
    /// Fields that hold something else by now, and are left.
    pub left: Vec<Difference>,
}

/// Something that hangs on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The record.
    pub to: String,
    /// What hangs on it, for people: `2 notes`, `a comment of 2026-11-25T10:00:00Z`.
    pub what: String,
    /// The record that links to it, where it is that: a link within one run is no reason to keep it.
    pub from: Option<String>,
}

/// Who changed a record last, as far as the service tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    /// When, as the service says it.
    pub at: Option<String>,
    /// The user, where it was somebody else than this login.
    pub by_other: Option<String>,
}

impl Inverse {
    /// The inverse of an operation whose body says all of what it changes, and `before` the same as it was; `state`
    /// is how the record stands to it. What was not there before cannot be put back by such a body.
    #[must_use]
    pub fn of_whole(operation: &Operation, state: UpdateState) -> Self {
        let possible = operation.kind == OperationKind::Update && !holds_null(&operation.before);
        match state {
            UpdateState::AsBefore => Self::default(),
            UpdateState::AsMeant if possible => Self {
                changes: changes(operation),
                operation: Some(Operation {
                    kind: operation.kind,
                    body: operation.before.clone(),
                    before: operation.body.clone(),
                }),
                left: Vec::new(),
            },
            _ => Self { left: vec![Difference::whole()], ..Self::default() },
        }
    }
}

fn changes(operation: &Operation) -> Vec<Change> {
    let text = |value: Option<&Value>| value.map(to_text).into_iter().collect();
    let keys = operation.body.as_object().into_iter().flatten();
    keys.map(|(key, now)| Change {
        field: key.clone(),
        before: text(Some(now)),
        after: text(operation.before.get(key)),
    })
    .collect()
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(parts) => parts.values().any(holds_null),
        _ => false,
    }
}
