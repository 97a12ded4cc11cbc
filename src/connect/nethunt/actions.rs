//! The update algebra: what one field's values before and after mean as a field action (NetHunt facts,
//! section 8). Pure.
//!
//! Every action says `overwrite` itself, so that it does not depend on the query. Rows of the algebra whose
//! effect is not known for sure (an `add` onto a filled single field, a `remove` that does not match,
//! `overwrite` together with `remove`) are never sent.

use super::values::{is_blank, lacks, same, same_set};
use crate::transform::draft::Write;
use serde_json::{Value, json};

/// What a field holds and what it should hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Difference<'a> {
    /// Values before, as stored, without blanks.
    pub held: &'a [Value],
    /// Values wanted, typed, without blanks and doubles; none to clear the field.
    pub wanted: &'a [Value],
    /// Whether the field holds a list.
    pub multi: bool,
    /// How the two meet.
    pub write: Write,
}

/// What has to be done to a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Action {
    /// The field action, as it is sent.
    pub body: Value,
    /// What the field holds afterwards.
    pub after: Vec<Value>,
}

/// What has to be sent for one field; `None` where nothing differs.
pub(super) fn action(field: Difference<'_>) -> Option<Action> {
    let Difference { held, wanted, multi, write } = field;
    if wanted.is_empty() {
        let clear = write == Write::Replace && !held.is_empty();
        return clear.then(|| Action { body: json!({"overwrite": true}), after: Vec::new() });
    }
    match (write, multi) {
        (Write::Fill, _) if !held.is_empty() => None,
        // A single field that is filled has no room for what would be added.
        (Write::Add, false) if !held.is_empty() => None,
        (Write::Add, true) => {
            let missing = lacks(held, wanted);
            (!missing.is_empty()).then(|| Action {
                body: json!({"overwrite": false, "add": missing}),
                after: held.iter().chain(&missing).cloned().collect(),
            })
        }
        (_, true) => {
            let after: Vec<_> = wanted.iter().map(|value| as_stored(value, held)).collect();
            (!same_set(held, &after))
                .then(|| Action { body: json!({"overwrite": true, "add": after}), after })
        }
        (_, false) => {
            let value = &wanted[0];
            let differs = held.len() != 1 || !same(&held[0], value);
            differs.then(|| Action {
                body: json!({"overwrite": true, "add": value}),
                after: vec![value.clone()],
            })
        }
    }
}

/// What a field holds after an action is carried out, by the algebra.
pub(super) fn result(held: &[Value], action: &Value) -> Vec<Value> {
    let list = |name: &str| match action.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().filter(|item| !is_blank(item)).cloned().collect(),
        Some(single) => vec![single.clone()],
    };
    let add = list("add");
    if action.get("overwrite").and_then(Value::as_bool) == Some(true) {
        return add;
    }
    let mut after = lacks(&list("remove"), held);
    after.extend(lacks(&after, &add));
    after
}

/// A value that is kept stays as it is stored: `Ada <a@b>` is not replaced by `a@b`.
fn as_stored(value: &Value, held: &[Value]) -> Value {
    held.iter().find(|known| same(known, value)).unwrap_or(value).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(held: &Value, wanted: &Value, multi: bool, write: Write) -> Value {
        let list = |value: &Value| value.as_array().unwrap().clone();
        let (held, wanted) = (list(held), list(wanted));
        match action(Difference { held: &held, wanted: &wanted, multi, write }) {
            None => Value::Null,
            Some(action) => {
                assert!(same_set(&result(&held, &action.body), &action.after), "{action:?}");
                action.body
            }
        }
    }

    #[test]
    fn the_smallest_right_action_is_sent_for_every_row_of_the_algebra() {
        use Write::{Add, Fill, Replace};
        let none = Value::Null;
        let cases = [
            // Single fields: V := x, cleared, no difference.
            (json!([]), json!(["x"]), false, Replace, json!({"overwrite": true, "add": "x"})),
            (json!(["v"]), json!(["x"]), false, Replace, json!({"overwrite": true, "add": "x"})),
            (json!(["v"]), json!([]), false, Replace, json!({"overwrite": true})),
            (json!([]), json!([]), false, Replace, none.clone()),
            (json!(["v"]), json!(["v "]), false, Replace, none.clone()),
            (json!([12.5]), json!(["12.5"]), false, Replace, none.clone()),
            (json!([]), json!(["x"]), false, Fill, json!({"overwrite": true, "add": "x"})),
            (json!(["v"]), json!(["x"]), false, Fill, none.clone()),
            (json!([]), json!(["x"]), false, Add, json!({"overwrite": true, "add": "x"})),
            (json!(["v"]), json!(["x"]), false, Add, none.clone()),
            (json!(["v"]), json!([]), false, Add, none.clone()),
            (json!(["v"]), json!([]), false, Fill, none.clone()),
            // Several values: V := list(x), cleared, append what is missing, no difference.
            (json!([]), json!(["x"]), true, Replace, json!({"overwrite": true, "add": ["x"]})),
            (
                json!(["a", "b"]),
                json!(["b", "c"]),
                true,
                Replace,
                json!({"overwrite": true, "add": ["b", "c"]}),
            ),
            (json!(["a", "b"]), json!(["b", "a"]), true, Replace, none.clone()),
            (json!(["a"]), json!([]), true, Replace, json!({"overwrite": true})),
            (json!(["a", "b"]), json!(["b", "c"]), true, Add, json!({"overwrite": false, "add": ["c"]})),
            (json!([]), json!(["c"]), true, Add, json!({"overwrite": false, "add": ["c"]})),
            (json!(["a", "b"]), json!(["b"]), true, Add, none.clone()),
            (json!(["a"]), json!([]), true, Add, none.clone()),
            (json!(["a"]), json!(["b"]), true, Fill, none.clone()),
            (json!([]), json!(["b"]), true, Fill, json!({"overwrite": true, "add": ["b"]})),
            // A field that the mapping calls single but that holds two values gets one.
            (json!(["a", "b"]), json!(["a"]), false, Replace, json!({"overwrite": true, "add": "a"})),
            // E-mails are compared by address, and what is kept stays as it is stored.
            (json!(["Ada <a@b.org>"]), json!(["A@b.org"]), true, Replace, none),
            (
                json!(["Ada <a@b.org>"]),
                json!(["a@b.org", "c@d.org"]),
                true,
                Replace,
                json!({"overwrite": true, "add": ["Ada <a@b.org>", "c@d.org"]}),
            ),
        ];
        for (held, wanted, multi, write, expected) in cases {
            assert_eq!(sent(&held, &wanted, multi, write), expected, "{held} {wanted} {multi} {write:?}");
        }
    }

    #[test]
    fn the_result_of_an_action_follows_the_algebra() {
        let cases = [
            (
                json!(["a", "b"]),
                json!({"overwrite": false, "remove": ["a", "z"], "add": ["b", "c"]}),
                json!(["b", "c"]),
            ),
            (json!(["a"]), json!({"remove": "a", "add": "x"}), json!(["x"])),
            (json!(["a"]), json!({"overwrite": true, "add": null}), json!([])),
            (json!(["a"]), json!({}), json!(["a"])),
        ];
        for (held, action, expected) in cases {
            assert_eq!(Value::from(result(held.as_array().unwrap(), &action)), expected, "{action}");
        }
    }
}
