//! The update algebra: what one field's values before and after mean as a field action (NetHunt facts,
//! section 8). Pure.
//!
//! Every action says `overwrite` itself, so that it does not depend on the query. Rows of the algebra whose
//! effect is not known for sure (an `add` onto a filled single field, a `remove` that does not match,
//! `overwrite` together with `remove`) are never sent.

use super::likeness::Likeness;
use super::values::is_blank;
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
    /// Whether what it holds now came as a list.
    pub listed: bool,
    /// How the two meet.
    pub write: Write,
    /// How values are compared.
    pub likeness: Likeness,
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
    let Difference { held, wanted, multi, listed, write, likeness } = field;
    if wanted.is_empty() {
        // A row that clears a field means it, but one that only fills has nothing to fill in.
        let clear = write != Write::Fill && !held.is_empty();
        return clear.then(|| Action { body: json!({"overwrite": true}), after: Vec::new() });
    }
    match (write, multi) {
        (Write::Fill, _) if !held.is_empty() => None,
        // A single field that is filled has no room for what would be added.
        (Write::Add, false) if !held.is_empty() => None,
        // What came as one value may be a field for one: adding to it would be refused.
        (_, true) if !listed && !held.is_empty() => {
            let kept = if write == Write::Add { held } else { &[] };
            let after: Vec<_> = kept.iter().cloned().chain(likeness.lacks(kept, wanted)).collect();
            (!likeness.same_set(held, &after))
                .then(|| Action { body: json!({"overwrite": true, "add": after}), after })
        }
        (Write::Add, true) => {
            let missing = likeness.lacks(held, wanted);
            (!missing.is_empty()).then(|| Action {
                body: json!({"overwrite": false, "add": missing}),
                after: held.iter().chain(&missing).cloned().collect(),
            })
        }
        (_, true) => replace_several(held, wanted, likeness),
        (_, false) => {
            let value = &wanted[0];
            let differs = held.len() != 1 || !likeness.same(&held[0], value);
            differs.then(|| Action {
                body: json!({"overwrite": true, "add": value}),
                after: vec![value.clone()],
            })
        }
    }
}

/// Several values take the place of others. Where some stay, only the others are named: what somebody else adds
/// meanwhile is kept, and so is the order of what stays.
fn replace_several(held: &[Value], wanted: &[Value], likeness: Likeness) -> Option<Action> {
    let (remove, add) = (likeness.lacks(wanted, held), likeness.lacks(held, wanted));
    if remove.is_empty() && add.is_empty() {
        return None;
    }
    if remove.len() == held.len() {
        return Some(Action { body: json!({"overwrite": true, "add": add}), after: add });
    }
    let after = held.iter().filter(|value| !remove.contains(value)).chain(&add).cloned().collect();
    let mut body = json!({"overwrite": false});
    for (name, values) in [("remove", remove), ("add", add)] {
        if !values.is_empty() {
            body[name] = Value::from(values);
        }
    }
    Some(Action { body, after })
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
    let mut after = Likeness::Text.lacks(&list("remove"), held);
    after.extend(Likeness::Text.lacks(&after, &add));
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(held: &Value, wanted: &Value, multi: bool, write: Write) -> Value {
        let list = |value: &Value| value.as_array().unwrap().clone();
        let (held, wanted) = (list(held), list(wanted));
        let likeness = Likeness::Address;
        match action(Difference { held: &held, wanted: &wanted, multi, listed: multi, write, likeness }) {
            None => Value::Null,
            Some(action) => {
                assert!(Likeness::Text.same_set(&result(&held, &action.body), &action.after), "{action:?}");
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
            (json!(["v"]), json!([]), false, Add, json!({"overwrite": true})),
            (json!(["v"]), json!([]), false, Fill, none.clone()),
            // Several values: V := list(x), cleared, append what is missing, no difference.
            (json!([]), json!(["x"]), true, Replace, json!({"overwrite": true, "add": ["x"]})),
            (
                json!(["a", "b"]),
                json!(["b", "c"]),
                true,
                Replace,
                json!({"overwrite": false, "remove": ["a"], "add": ["c"]}),
            ),
            (json!(["a", "b"]), json!(["b"]), true, Replace, json!({"overwrite": false, "remove": ["a"]})),
            (json!(["a"]), json!(["a", "b"]), true, Replace, json!({"overwrite": false, "add": ["b"]})),
            (json!(["a"]), json!(["b"]), true, Replace, json!({"overwrite": true, "add": ["b"]})),
            (json!(["a", "b"]), json!(["b", "a"]), true, Replace, none.clone()),
            (json!(["a"]), json!([]), true, Replace, json!({"overwrite": true})),
            (json!(["a", "b"]), json!(["b", "c"]), true, Add, json!({"overwrite": false, "add": ["c"]})),
            (json!([]), json!(["c"]), true, Add, json!({"overwrite": false, "add": ["c"]})),
            (json!(["a", "b"]), json!(["b"]), true, Add, none.clone()),
            (json!(["a"]), json!([]), true, Add, json!({"overwrite": true})),
            (json!(["a"]), json!([]), true, Fill, none.clone()),
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
                json!({"overwrite": false, "add": ["c@d.org"]}),
            ),
            (
                json!(["Ada <a@b.org>", "c@d.org"]),
                json!(["a@b.org"]),
                true,
                Replace,
                json!({"overwrite": false, "remove": ["c@d.org"]}),
            ),
        ];
        for (held, wanted, multi, write, expected) in cases {
            assert_eq!(sent(&held, &wanted, multi, write), expected, "{held} {wanted} {multi} {write:?}");
        }
    }

    #[test]
    fn a_single_value_in_a_field_said_to_hold_several_is_overwritten() {
        let (held, wanted) = ([json!("a")], [json!("a"), json!("b")]);
        for write in [Write::Replace, Write::Add] {
            let (multi, listed, likeness) = (true, false, Likeness::Text);
            let difference = Difference { held: &held, wanted: &wanted, multi, listed, write, likeness };
            let action = action(difference).unwrap();
            assert_eq!(action.body, json!({"overwrite": true, "add": ["a", "b"]}));
            let same = Difference { wanted: &held, ..difference };
            assert_eq!(super::action(same), None);
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
