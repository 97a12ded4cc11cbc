//! The update algebra of section 8 of the API notes: one action, one field, one new value.
//!
//! Pure: the store decides when the outcomes of a request are written, all of them or none.

use serde_json::{Value, json};

use super::folders::{Field, FieldType};
use super::knobs::{FilledAdd, Knobs, RemoveMismatch};
use super::refusal::Refused;
use super::values::{normalise, same};

/// What an action does to a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Nothing was asked for.
    Untouched,
    /// The field holds this afterwards, `None` when it is empty.
    Holds(Option<Value>),
}

/// The value of `field` after `action`; `stored` is its value before, `overwrite` the query parameter.
///
/// # Errors
/// When the action is malformed or forbidden, or the knobs refuse it.
pub(super) fn apply(
    field: &Field,
    stored: Option<&Value>,
    action: &Value,
    overwrite: bool,
    knobs: &Knobs,
) -> Result<Outcome, Refused> {
    let action = Action::read(field, action, overwrite, knobs)?;
    if action.overwrite {
        return match action.remove {
            Some(_) => Err(Refused::new(
                knobs.overwrite_with_remove.status(),
                format!("Cannot overwrite and remove values of field \"{}\" at the same time", field.name),
            )),
            None => Ok(Outcome::Holds(action.add)),
        };
    }
    if action.remove.is_none() && action.add.is_none() {
        return Ok(Outcome::Untouched);
    }
    if field.multi { several(field, stored, action, knobs) } else { single(field, stored, action, knobs) }
}

/// What the change stream tells of a field that went from `before` to `after`; `None` when nothing did.
pub(super) fn difference(field: &Field, before: Option<&Value>, after: Option<&Value>) -> Option<Value> {
    let (mut removed, mut added) = (before.cloned(), after.cloned());
    if field.multi || field.kind == FieldType::Link {
        let (old, new) = (items(before), items(after));
        removed = non_empty(old.iter().filter(|item| !holds(&new, item)).cloned().collect());
        added = non_empty(new.iter().filter(|item| !holds(&old, item)).cloned().collect());
    } else if let (Some(before), Some(after)) = (before, after)
        && same(before, after)
    {
        return None;
    }
    let mut told = serde_json::Map::new();
    if let Some(removed) = removed {
        told.insert("remove".to_owned(), removed);
    }
    if let Some(added) = added {
        told.insert("add".to_owned(), added);
    }
    if told.is_empty() { None } else { Some(Value::Object(told)) }
}

struct Action {
    overwrite: bool,
    remove: Option<Value>,
    add: Option<Value>,
}

impl Action {
    fn read(field: &Field, action: &Value, overwrite: bool, knobs: &Knobs) -> Result<Self, Refused> {
        let name = &field.name;
        let map = action
            .as_object()
            .ok_or_else(|| Refused::new(500, format!("Cannot deserialize the action of field \"{name}\"")))?;
        if let Some(key) = map.keys().find(|key| !["overwrite", "remove", "add"].contains(&key.as_str())) {
            return Err(Refused::bad(format!("Unknown key \"{key}\" in the action of field \"{name}\"")));
        }
        let overwrite = match map.get("overwrite") {
            None | Some(Value::Null) => overwrite,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                return Err(Refused::bad(format!("overwrite of field \"{name}\" is not true or false")));
            }
        };
        let value = |key: &str| match map.get(key) {
            Some(value) => normalise(field, value, knobs),
            None => Ok(None),
        };
        Ok(Self { overwrite, remove: value("remove")?, add: value("add")? })
    }
}

fn single(field: &Field, stored: Option<&Value>, action: Action, knobs: &Knobs) -> Result<Outcome, Refused> {
    if let Some(removed) = &action.remove {
        let matches = stored.is_some_and(|stored| same(stored, removed));
        return match (matches, knobs.remove_mismatch) {
            (true, _) => Ok(Outcome::Holds(action.add)),
            (false, RemoveMismatch::NoOp) => Ok(Outcome::Untouched),
            (false, RemoveMismatch::Refuse) => Err(mismatch(field)),
        };
    }
    match (stored, knobs.filled_add) {
        (None, _) | (Some(_), FilledAdd::Replace) => Ok(Outcome::Holds(action.add)),
        (Some(_), FilledAdd::Ignore) => Ok(Outcome::Untouched),
        (Some(_), FilledAdd::Refuse) => {
            Err(Refused::bad(format!("Field \"{}\" has a value already: remove or overwrite it", field.name)))
        }
    }
}

fn several(field: &Field, stored: Option<&Value>, action: Action, knobs: &Knobs) -> Result<Outcome, Refused> {
    let mut values = items(stored);
    for removed in items(action.remove.as_ref()) {
        let before = values.len();
        values.retain(|value| !same(value, &removed));
        if values.len() == before && knobs.remove_mismatch == RemoveMismatch::Refuse {
            return Err(mismatch(field));
        }
    }
    for added in items(action.add.as_ref()) {
        if !holds(&values, &added) {
            values.push(added);
        }
    }
    Ok(Outcome::Holds(non_empty(values)))
}

fn mismatch(field: &Field) -> Refused {
    Refused::bad(format!("Field \"{}\" does not hold the value to remove", field.name))
}

fn items(value: Option<&Value>) -> Vec<Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(single) => vec![single.clone()],
    }
}

fn holds(values: &[Value], wanted: &Value) -> bool {
    values.iter().any(|value| same(value, wanted))
}

fn non_empty(values: Vec<Value>) -> Option<Value> {
    if values.is_empty() { None } else { Some(json!(values)) }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::super::folders::at_start;
    use super::*;

    /// The field's value after the action: `Err(status)`, or the stored value with `null` for empty.
    fn after(field: &str, stored: &Value, action: &Value, query: bool, knobs: &Value) -> Result<Value, u16> {
        let contacts = at_start().remove(0);
        let field = contacts.field(field).unwrap();
        let before = Some(stored).filter(|value| !value.is_null());
        let outcome = apply(field, before, action, query, &Knobs::default().changed(knobs).unwrap());
        outcome.map_err(|refused| refused.status).map(|outcome| match outcome {
            Outcome::Untouched => stored.clone(),
            Outcome::Holds(value) => value.unwrap_or(Value::Null),
        })
    }

    #[test]
    fn every_row_of_the_table_for_single_valued_fields() {
        let none = Value::Null;
        let cases = [
            (json!("a"), json!({"overwrite": true, "add": "b"}), Ok(json!("b"))),
            (none.clone(), json!({"overwrite": true, "add": "b"}), Ok(json!("b"))),
            (json!("a"), json!({"overwrite": true}), Ok(none.clone())),
            (json!("a"), json!({"overwrite": true, "add": null}), Ok(none.clone())),
            (json!("a"), json!({"overwrite": true, "remove": "a"}), Err(400)),
            (json!("a"), json!({"overwrite": true, "remove": "a", "add": "b"}), Err(400)),
            (none.clone(), json!({"add": "b"}), Ok(json!("b"))),
            (json!("a"), json!({"add": "b"}), Err(400)),
            (json!("a"), json!({"add": "a"}), Err(400)),
            (json!("a"), json!({"remove": "a", "add": "b"}), Ok(json!("b"))),
            (json!("a"), json!({"remove": "x", "add": "b"}), Ok(json!("a"))),
            (json!("a"), json!({"remove": "a"}), Ok(none.clone())),
            (json!("a"), json!({"remove": "x"}), Ok(json!("a"))),
            (none.clone(), json!({"remove": "x"}), Ok(none.clone())),
            (json!("a"), json!({}), Ok(json!("a"))),
            (json!("a"), json!({"overwrite": false}), Ok(json!("a"))),
            (json!("a"), json!({"overwrite": true, "add": ["b"]}), Err(500)),
            (json!("a"), json!({"overwrite": true, "add": ""}), Err(500)),
            (json!("a"), json!({"overwite": true, "add": "b"}), Err(400)),
            (json!("a"), json!({"overwrite": "yes", "add": "b"}), Err(400)),
            (json!("a"), json!("b"), Err(500)),
        ];
        for (stored, action, expected) in cases {
            assert_eq!(after("Name", &stored, &action, false, &json!({})), expected, "{stored} {action}");
        }
    }

    #[test]
    fn every_row_of_the_table_for_multi_valued_fields() {
        let none = Value::Null;
        let cases = [
            (json!(["a"]), json!({"overwrite": true, "add": ["b", "c"]}), Ok(json!(["b", "c"]))),
            (json!(["a"]), json!({"overwrite": true}), Ok(none.clone())),
            (json!(["a"]), json!({"overwrite": true, "add": []}), Ok(none.clone())),
            (json!(["a"]), json!({"overwrite": true, "remove": ["a"]}), Err(400)),
            (json!(["a", "b"]), json!({"add": ["b", "c"]}), Ok(json!(["a", "b", "c"]))),
            (none.clone(), json!({"add": ["b", "b"]}), Ok(json!(["b"]))),
            (json!(["x", "b", "y"]), json!({"remove": ["x"], "add": ["z"]}), Ok(json!(["b", "y", "z"]))),
            (json!(["a"]), json!({"remove": ["a"], "add": ["a"]}), Ok(json!(["a"]))),
            (json!(["a", "b"]), json!({"remove": ["a", "nope"]}), Ok(json!(["b"]))),
            (json!(["a"]), json!({"remove": ["a"]}), Ok(none.clone())),
            (json!(["a"]), json!({}), Ok(json!(["a"]))),
            (json!(["a"]), json!({"add": "b"}), Err(500)),
            (json!(["a"]), json!({"overwrite": true, "add": "b"}), Err(500)),
        ];
        for (stored, action, expected) in cases {
            assert_eq!(after("Tags", &stored, &action, false, &json!({})), expected, "{stored} {action}");
        }
    }

    #[test]
    fn the_query_parameter_counts_where_the_action_is_silent() {
        let stored = json!("a");
        assert_eq!(after("Name", &stored, &json!({"add": "b"}), true, &json!({})), Ok(json!("b")));
        assert_eq!(
            after("Name", &stored, &json!({"overwrite": false, "add": "b"}), true, &json!({})),
            Err(400)
        );
        assert_eq!(after("Name", &stored, &json!({"remove": "a"}), true, &json!({})), Err(400));
        assert_eq!(
            after("Name", &stored, &json!({"overwrite": false, "remove": "a"}), true, &json!({})),
            Ok(Value::Null)
        );
    }

    #[test]
    fn what_is_open_follows_its_knob() {
        let (stored, add) = (json!("a"), json!({"add": "b"}));
        let cases = [
            ("Name", stored.clone(), add.clone(), json!({"filled_add": "ignore"}), Ok(json!("a"))),
            ("Name", stored.clone(), add, json!({"filled_add": "replace"}), Ok(json!("b"))),
            ("Name", stored.clone(), json!({"remove": "x"}), json!({"remove_mismatch": "400"}), Err(400)),
            ("Tags", json!(["a"]), json!({"remove": ["x"]}), json!({"remove_mismatch": 400}), Err(400)),
            (
                "Name",
                stored,
                json!({"overwrite": true, "remove": "a"}),
                json!({"overwrite_with_remove": 500}),
                Err(500),
            ),
        ];
        for (field, stored, action, knobs, expected) in cases {
            assert_eq!(after(field, &stored, &action, false, &knobs), expected, "{action} {knobs}");
        }
    }

    #[test]
    fn values_are_compared_as_they_are_stored() {
        let email = json!(["<a@b.example>"]);
        let remove = json!({"remove": ["a@b.example"]});
        assert_eq!(after("Email", &email, &remove, false, &json!({})), Ok(Value::Null));
        assert_eq!(after("Score", &json!(1), &json!({"remove": 1.0}), false, &json!({})), Ok(Value::Null));
    }

    #[test]
    fn a_change_tells_what_went_and_what_came() {
        let contacts = at_start().remove(0);
        let (name, tags) = (contacts.field("Name").unwrap(), contacts.field("Tags").unwrap());
        let (a, b) = (json!("a"), json!("b"));
        let (ab, bc) = (json!(["a", "b"]), json!(["b", "c"]));
        assert_eq!(difference(name, Some(&a), Some(&b)), Some(json!({"remove": "a", "add": "b"})));
        assert_eq!(difference(name, None, Some(&b)), Some(json!({"add": "b"})));
        assert_eq!(difference(name, Some(&a), None), Some(json!({"remove": "a"})));
        assert_eq!(difference(name, Some(&a), Some(&a)), None);
        assert_eq!(difference(tags, Some(&ab), Some(&bc)), Some(json!({"remove": ["a"], "add": ["c"]})));
        assert_eq!(difference(tags, Some(&ab), Some(&json!(["b", "a"]))), None);
    }

    proptest! {
        /// Removing what was added gives back what was there, and adding twice is adding once.
        #[test]
        fn remove_undoes_add(before in btree_set("[a-d]", 0..4), added in btree_set("[e-h]", 1..4)) {
            let stored = if before.is_empty() { Value::Null } else { json!(before) };
            let add = json!({"add": added});
            let once = after("Tags", &stored, &add, false, &json!({})).unwrap();
            prop_assert_eq!(&after("Tags", &once, &add, false, &json!({})).unwrap(), &once);
            prop_assert_eq!(after("Tags", &once, &json!({"remove": added}), false, &json!({})).unwrap(), stored);
        }
    }
}
