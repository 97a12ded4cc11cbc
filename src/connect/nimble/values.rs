//! What a place will hold: its values now, the draft's values, and the `write` rule between them.
//!
//! Values are compared as Nimble stores them, exact but for outer blanks; a field's values under one modifier
//! are a set, so another order is no difference. Addresses are compared part by part, and an address that
//! changes keeps the parts that Ferry does not know.

use super::decode::{address, to_service};
use crate::record::schema::FieldSpec;
use crate::record::{canonical, is_empty, to_text};
use crate::transform::draft::Write;
use serde_json::{Map, Value};

/// The new values of a part of an address, or of the whole of it.
pub(super) struct NewPart<'a> {
    /// The part; the whole value where absent.
    pub(super) part: Option<&'a str>,
    /// The draft's values, blanks standing for missing parts.
    pub(super) values: &'a [Value],
}

/// Values that are not empty.
pub(super) fn filled(values: &[Value]) -> Vec<Value> {
    values.iter().filter(|value| !is_empty(value) && !to_text(value).trim().is_empty()).cloned().collect()
}

/// A value as it is compared: as stored, without outer blanks; addresses by their filled parts.
pub(super) fn exact(spec: Option<&FieldSpec>, value: &Value) -> String {
    match value {
        Value::Object(parts) => {
            let mut filled: Vec<_> = parts
                .iter()
                .map(|(name, part)| (name.as_str(), to_text(part).trim().to_owned()))
                .filter(|(_, part)| !part.is_empty())
                .collect();
            filled.sort();
            if filled.is_empty() { String::new() } else { serde_json::to_string(&filled).unwrap_or_default() }
        }
        value => to_text(&to_service(spec, value)).trim().to_owned(),
    }
}

/// Whether two lists hold the same values, in whatever order; blank ones do not count.
pub(super) fn same(spec: Option<&FieldSpec>, one: &[Value], other: &[Value]) -> bool {
    let sorted = |values: &[Value]| {
        let texts = values.iter().map(|value| exact(spec, value));
        let mut texts: Vec<_> = texts.filter(|text| !text.is_empty()).collect();
        texts.sort();
        texts
    };
    sorted(one) == sorted(other)
}

/// What a plain field's place will hold. `new` has no empty values; none at all clears the place, unless it would
/// only be filled.
pub(super) fn merged(spec: Option<&FieldSpec>, now: &[Value], new: Vec<Value>, write: Write) -> Vec<Value> {
    if new.is_empty() {
        return if write == Write::Fill { now.to_vec() } else { new };
    }
    match write {
        Write::Replace | Write::Correct => new,
        Write::Fill if !now.is_empty() => now.to_vec(),
        Write::Fill => new,
        Write::Add => {
            let key = |value: &Value| canonical::value(&to_service(spec, value));
            let mut all = now.to_vec();
            for value in new {
                if !all.iter().any(|known| key(known) == key(&value)) {
                    all.push(value);
                }
            }
            all
        }
    }
}

/// What an address's place will hold.
///
/// # Errors
/// When the parts are lists of unequal length.
pub(super) fn merged_addresses(
    now: &[Value],
    parts: &[NewPart<'_>],
    write: Write,
) -> Result<Vec<Value>, String> {
    let mut new = whole_addresses(parts);
    let touched: Vec<_> = parts.iter().filter_map(|part| Some((part.part?, part.values))).collect();
    let lengths: Vec<_> = touched.iter().map(|(_, values)| values.len()).filter(|n| *n > 0).collect();
    let count = lengths.iter().copied().max().unwrap_or(0);
    if lengths.iter().any(|length| *length != count) {
        let said: Vec<_> =
            touched.iter().map(|(part, values)| format!(".{part} has {}", values.len())).collect();
        return Err(format!("the parts of an address are lists of unequal length: {}", said.join(", ")));
    }
    for index in 0..count {
        let part = |(name, values): &(&str, &[Value])| {
            ((*name).to_owned(), values.get(index).cloned().unwrap_or(Value::Null))
        };
        new.push(touched.iter().map(part).collect());
    }
    if new.is_empty() {
        // Nothing but cleared parts: each address loses them.
        let cleared: Map<_, _> = touched.iter().map(|(part, _)| ((*part).to_owned(), Value::Null)).collect();
        let kept = now.iter().map(|value| laid_over(parts_of(value), &cleared));
        let whole = parts.iter().any(|part| part.part.is_none());
        return Ok(if whole {
            Vec::new()
        } else {
            kept.map(Value::Object).filter(|v| !is_empty(v)).collect()
        });
    }
    let write = match write {
        Write::Correct if now.len() <= 1 && new.len() == 1 => Write::Replace,
        Write::Correct => only_known_or_with_a_street(now, &new, &touched).map(|()| Write::Add)?,
        write => write,
    };
    let mut free: Vec<_> = now.iter().map(|value| Some(parts_of(value))).collect();
    let likest = if write == Write::Replace { paired(&free, &new) } else { Vec::new() };
    let mut result = Vec::new();
    for (index, address) in new.iter().enumerate() {
        let base = match write {
            Write::Add | Write::Correct => self::likest(&free, address, true),
            Write::Fill => fitting(&free, address, index, new.len() == now.len()),
            Write::Replace if new.len() == now.len() => Some(index),
            Write::Replace => likest.get(index).copied().flatten(),
        };
        let known = base.and_then(|index| free[index].take());
        match (write, known) {
            (Write::Replace, known) => result.push(laid_over(known.unwrap_or_default(), address)),
            (Write::Add | Write::Correct, Some(known)) => result.push(known),
            (Write::Fill, Some(known)) => {
                result.push(laid_over(filled_parts(address), &filled_parts(&known)))
            }
            (Write::Fill, None) if !now.is_empty() => {}
            (Write::Add | Write::Correct | Write::Fill, None) => result.push(laid_over(Map::new(), address)),
        }
    }
    if write == Write::Replace && parts.iter().all(|part| part.part.is_some()) {
        only_whole_ones_go(&free, &touched, (now.len(), new.len()))?;
    }
    // What was there and was not met stays.
    let kept = free.into_iter().flatten();
    let result: Vec<_> = match write {
        Write::Replace => result,
        Write::Add | Write::Correct => kept.chain(result).collect(),
        Write::Fill => result.into_iter().chain(kept).collect(),
    };
    Ok(result.into_iter().map(Value::Object).filter(|value| !is_empty(value)).collect())
}

/// Addresses that the draft gives whole, as objects or as text in any spelling.
fn whole_addresses(parts: &[NewPart<'_>]) -> Vec<Map<String, Value>> {
    let whole = parts.iter().filter(|part| part.part.is_none()).flat_map(|part| filled(part.values));
    whole.map(|value| parts_of(&value)).collect()
}

fn parts_of(value: &Value) -> Map<String, Value> {
    match value {
        Value::Object(parts) => parts.clone(),
        Value::Null => Map::new(),
        other => match address(to_text(other)) {
            Value::Object(parts) => parts,
            _ => Map::new(),
        },
    }
}

fn filled_parts(address: &Map<String, Value>) -> Map<String, Value> {
    let filled = address.iter().filter(|(_, part)| !is_empty(part));
    filled.map(|(name, part)| (name.clone(), part.clone())).collect()
}

/// `base` with the parts of `over`; an empty part takes the base's away. What is equal stays as it was written.
fn laid_over(mut base: Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    for (name, part) in over {
        let text = to_text(part);
        if text.trim().is_empty() {
            base.shift_remove(name);
        } else if base.get(name).is_none_or(|known| to_text(known).trim() != text.trim()) {
            base.insert(name.clone(), Value::String(text));
        }
    }
    base
}

/// Refuses to take addresses away of which not every part was given: nothing tells which address the others are of.
fn only_whole_ones_go(
    going: &[Option<Map<String, Value>>],
    touched: &[(&str, &[Value])],
    (now, new): (usize, usize),
) -> Result<(), String> {
    let is_given = |name: &String| touched.iter().any(|(part, _)| part == name);
    if going.iter().flatten().all(|address| filled_parts(address).keys().all(is_given)) {
        return Ok(());
    }
    let given: Vec<_> = touched.iter().map(|(part, _)| format!(".{part}")).collect();
    let addresses = if now == 1 { "address" } else { "addresses" };
    Err(format!(
        "the record has {now} {addresses} here and the row gives {} of {new}, so that nothing tells which it belongs \
         to: give one item for each address, a blank one where it has none, or all parts of all of them",
        given.join(", ")
    ))
}

/// Refuses parts of an address that is none of several: without a street they are no address of their own, and nothing
/// tells which they belong to.
fn only_known_or_with_a_street(
    now: &[Value],
    new: &[Map<String, Value>],
    touched: &[(&str, &[Value])],
) -> Result<(), String> {
    let known: Vec<_> = now.iter().map(|value| Some(parts_of(value))).collect();
    let has_street = |address: &Map<String, Value>| address.get("street").is_some_and(|part| !is_empty(part));
    if now.len() < 2
        || new.iter().all(|address| has_street(address) || likest(&known, address, true).is_some())
    {
        return Ok(());
    }
    let given: Vec<_> = touched.iter().map(|(part, _)| format!(".{part}")).collect();
    Err(format!(
        "the record has {} addresses here, and nothing tells which of them {} belongs to: with its street it would be an \
         address of its own, and in a sheet that `ferry export` wrote each part can be edited where it stands",
        now.len(),
        given.join(", ")
    ))
}

/// The address that a new one may fill up: the one in its place where there are as many, else the only one. None that
/// has another part than the new one says is meant.
fn fitting(
    free: &[Option<Map<String, Value>>],
    address: &Map<String, Value>,
    index: usize,
    in_place: bool,
) -> Option<usize> {
    let text = |value: &Value| canonical::value(&Value::String(to_text(value)));
    let fits = |known: &Map<String, Value>| {
        let mut filled = address.iter().filter(|(_, part)| !is_empty(part));
        filled.all(|(name, part)| known.get(name).is_none_or(|had| is_empty(had) || text(had) == text(part)))
    };
    let mut fitting = (0..free.len()).filter(|at| free[*at].as_ref().is_some_and(fits));
    match in_place {
        true => fitting.find(|at| *at == index),
        false => fitting.next().filter(|_| fitting.next().is_none()),
    }
}

/// For each new address the one that it comes of: first where all of the given parts are the same.
fn paired(now: &[Option<Map<String, Value>>], new: &[Map<String, Value>]) -> Vec<Option<usize>> {
    let (mut free, mut pairs) = (now.to_vec(), vec![None; new.len()]);
    for all in [true, false] {
        for (pair, address) in pairs.iter_mut().zip(new).filter(|(pair, _)| pair.is_none()) {
            *pair = likest(&free, address, all);
            if let Some(index) = *pair {
                free[index] = None;
            }
        }
    }
    pairs
}

/// The free address that shares the most filled parts with `address`; with `all`, only one that shares every part.
fn likest(free: &[Option<Map<String, Value>>], address: &Map<String, Value>, all: bool) -> Option<usize> {
    let text = |parts: &Map<String, Value>, name: &str| {
        canonical::value(&Value::String(parts.get(name).map(to_text).unwrap_or_default()))
    };
    let shared = |known: &Map<String, Value>| {
        let same = |name: &&String| text(known, name) == text(address, name);
        address.keys().filter(|name| same(name) && (all || !text(address, name).is_empty())).count()
    };
    let (index, count) = free
        .iter()
        .enumerate()
        .filter_map(|(index, known)| Some((index, shared(known.as_ref()?))))
        .max_by_key(|(index, count)| (*count, std::cmp::Reverse(*index)))?;
    (count == address.len() || (!all && count > 0)).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// How the draft writes, its parts, and the addresses that come of it.
    type Case<'a> = (Write, &'a [(&'a str, Value)], Value);

    fn list(value: Value) -> Vec<Value> {
        value.as_array().cloned().unwrap_or_default()
    }

    #[test]
    fn plain_values_meet_by_the_write_rule() {
        let now = list(json!(["a@x.org", "b@x.org"]));
        let cases = [
            (Write::Replace, json!(["c@x.org"]), json!(["c@x.org"])),
            (Write::Add, json!(["A@X.org", "c@x.org"]), json!(["a@x.org", "b@x.org", "c@x.org"])),
            (Write::Fill, json!(["c@x.org"]), json!(["a@x.org", "b@x.org"])),
            (Write::Add, json!([]), json!([])),
        ];
        for (write, new, expected) in cases {
            assert_eq!(merged(None, &now, list(new), write), list(expected));
        }
        assert!(same(None, &now, &list(json!([" b@x.org", "a@x.org"]))));
        assert!(!same(None, &now, &list(json!(["a@x.org"]))));
        assert!(same(None, &list(json!([" ", {"city": ""}])), &[]));
    }

    #[test]
    fn addresses_keep_what_is_not_touched() {
        let now = list(
            json!([{"street": "A 1", "city": "Oslo", "po box": "7"}, {"street": "B 2", "city": "Bergen"}]),
        );
        let cases: [Case<'_>; 9] = [
            (
                Write::Replace,
                &[("city", json!(["Oslo", "Tromsø"]))],
                json!([{"street": "A 1", "city": "Oslo", "po box": "7"}, {"street": "B 2", "city": "Tromsø"}]),
            ),
            (
                Write::Replace,
                &[("street", json!(["B 2"])), ("city", json!(["Bergen"])), ("po box", json!([]))],
                json!([{"street": "B 2", "city": "Bergen"}]),
            ),
            (
                Write::Replace,
                &[("city", json!(["", "Bergen"]))],
                json!([{"street": "A 1", "po box": "7"}, {"street": "B 2", "city": "Bergen"}]),
            ),
            (
                Write::Replace,
                &[("city", json!([]))],
                json!([{"street": "A 1", "po box": "7"}, {"street": "B 2"}]),
            ),
            (
                Write::Add,
                &[("street", json!(["C 3"]))],
                json!([{"street": "A 1", "city": "Oslo", "po box": "7"}, {"street": "B 2", "city": "Bergen"}, {"street": "C 3"}]),
            ),
            (
                Write::Fill,
                &[("zip", json!(["0150"])), ("city", json!(["Oslo "]))],
                json!([{"street": "B 2", "city": "Bergen"}, {"zip": "0150", "city": "Oslo", "street": "A 1", "po box": "7"}]),
            ),
            (
                Write::Replace,
                &[("street", json!([])), ("city", json!(["Oslo", "Bergen"]))],
                json!([{"city": "Oslo", "po box": "7"}, {"city": "Bergen"}]),
            ),
            (
                Write::Add,
                &[("city", json!(["oslo"]))],
                json!([{"street": "A 1", "city": "Oslo", "po box": "7"}, {"street": "B 2", "city": "Bergen"}, {"city": "oslo"}]),
            ),
            (
                Write::Add,
                &[("city", json!(["Bergen"]))],
                json!([{"street": "A 1", "city": "Oslo", "po box": "7"}, {"street": "B 2", "city": "Bergen"}]),
            ),
        ];
        for (write, parts, expected) in cases {
            let owned: Vec<_> = parts.iter().map(|(part, values)| (*part, list(values.clone()))).collect();
            let parts: Vec<_> =
                owned.iter().map(|(part, values)| NewPart { part: Some(part), values }).collect();
            let result = merged_addresses(&now, &parts, write).unwrap();
            assert!(same(None, &result, &list(expected.clone())), "{write:?} {owned:?}: {result:?}");
        }
    }

    #[test]
    fn a_mapped_part_corrects_a_single_address_and_touches_none_of_several() {
        let one = list(json!([{"street": "A 1", "city": "Oslo", "po box": "7"}]));
        let two = list(json!([one[0], {"street": "B 2", "city": "Bergen"}]));
        let c3 = json!({"street": "C 3", "city": "Oslo"});
        // What is there, the row's street and city, and what comes of it, null where it is refused.
        let cases = [
            (&one, "A 1", "Moss", json!([{"street": "A 1", "city": "Moss", "po box": "7"}])),
            (&one, "", "Moss", json!([{"street": "A 1", "city": "Moss", "po box": "7"}])),
            // In whatever order: they are compared as a set.
            (&two, "A 1", "Oslo", json!([two[1], two[0]])),
            (&two, "", "Bergen", json!(two)),
            (&two, "C 3", "Oslo", json!([two[0], two[1], c3])),
            (&two, "", "Moss", Value::Null),
        ];
        for (now, street, city, expected) in cases {
            let (street, city) = ([json!(street)], [json!(city)]);
            let mut parts = vec![NewPart { part: Some("city"), values: &city }];
            if street[0] != "" {
                parts.push(NewPart { part: Some("street"), values: &street });
            }
            let result = merged_addresses(now, &parts, Write::Correct);
            assert_eq!(result.is_err(), expected.is_null(), "{street:?} {city:?}: {result:?}");
            assert_eq!(result.unwrap_or_default(), list(expected), "{street:?} {city:?}");
        }
    }

    #[test]
    fn only_an_address_that_may_be_meant_is_filled_up() {
        let one = list(json!([{"street": "A 1"}]));
        let two = list(json!([{"street": "A 1", "city": "Oslo"}, {"street": "B 2", "city": "Bergen"}]));
        let filled = json!([two[0], {"street": "B 2", "city": "Bergen", "zip": "9"}]);
        let cases = [
            (&one, "A 1", json!([{"street": "A 1", "zip": "9"}])),
            (&one, "", json!([{"street": "A 1", "zip": "9"}])),
            (&one, "B 2", json!(one)),
            (&two, "B 2", filled),
            (&two, "", json!(two)),
            (&two, "C 3", json!(two)),
        ];
        for (now, street, expected) in cases {
            let (street, zip) = ([json!(street)], [json!("9")]);
            let parts = ["street", "zip"].into_iter().zip([&street, &zip]);
            let parts: Vec<_> =
                parts.map(|(part, values)| NewPart { part: Some(part), values: &values[..] }).collect();
            let result = merged_addresses(now, &parts, Write::Fill).unwrap();
            assert!(same(None, &result, &list(expected.clone())), "{street:?}: {result:?} {expected}");
        }
    }

    #[test]
    fn a_part_takes_no_address_away_that_it_does_not_say_all_of() {
        let now =
            list(json!([{"street": "A 1", "city": "Oslo"}, {"street": "B 2", "city": "Oslo", "zip": "9"}]));
        // The parts of the row; what comes of them, null where they are refused.
        let cases: [(&[(&str, Value)], Value); 6] = [
            (&[("zip", json!(["1"]))], Value::Null),
            (&[("zip", json!(["9"]))], Value::Null),
            (&[("city", json!(["Oslo", "Oslo", "Hamar"]))], json!([now[0], now[1], {"city": "Hamar"}])),
            (&[("zip", json!(["1", "2", "3"]))], Value::Null),
            // The one that is the same keeps what is not given, whatever stands before it.
            (
                &[("street", json!(["C 3", "A 1", "B 2"])), ("city", json!(["Oslo", "Oslo", "Oslo"]))],
                json!([{"street": "C 3", "city": "Oslo"}, now[0], now[1]]),
            ),
            (&[("street", json!(["A 1"])), ("city", json!(["Oslo"])), ("zip", json!([""]))], json!([now[0]])),
        ];
        for (parts, expected) in cases {
            let owned: Vec<_> = parts.iter().map(|(part, values)| (*part, list(values.clone()))).collect();
            let parts: Vec<_> =
                owned.iter().map(|(part, values)| NewPart { part: Some(part), values }).collect();
            let result = merged_addresses(&now, &parts, Write::Replace);
            assert_eq!(result.is_err(), expected.is_null(), "{owned:?}: {result:?}");
            assert_eq!(result.unwrap_or_default(), list(expected), "{owned:?}");
        }
    }

    #[test]
    fn unequal_parts_are_refused_and_whole_addresses_are_read() {
        let (one, two) = (list(json!(["a"])), list(json!(["b", "c"])));
        let parts =
            [NewPart { part: Some("street"), values: &one }, NewPart { part: Some("city"), values: &two }];
        assert!(merged_addresses(&[], &parts, Write::Replace).is_err());
        let whole = list(json!([r#"{"city": "Oslo"}"#, "Main St. 1"]));
        let parts = [NewPart { part: None, values: &whole }];
        let result = merged_addresses(&[], &parts, Write::Replace).unwrap();
        assert_eq!(result, list(json!([{"city": "Oslo"}, {"street": "Main St. 1"}])));
    }
}
