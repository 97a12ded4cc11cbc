//! The rule by which an update's values meet those a contact has (reference, `PUT /contact/{id}`).
//!
//! Mode 1 drops every value of a named field; mode 0 drops those under the modifiers that are named. Either
//! way the values sent take their place, and a null only takes away.

use super::knobs::Merge;

/// One value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldValue {
    pub(super) value: String,
    pub(super) modifier: String,
    /// For `parent company`: the id of the company.
    pub(super) extra: Option<String>,
    /// Whether it bears the mark of the main value.
    pub(super) is_primary: bool,
}

impl FieldValue {
    /// A value under a modifier.
    pub(super) fn new(value: &str, modifier: &str) -> Self {
        Self { value: value.to_owned(), modifier: modifier.to_owned(), extra: None, is_primary: false }
    }

    /// The values of a field that has one, without modifier.
    pub(super) fn plain(value: &str) -> Vec<Self> {
        vec![Self::new(value, "")]
    }
}

/// One value as sent; `None` takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) value: Option<String>,
    pub(super) modifier: String,
    pub(super) is_primary: bool,
}

/// The values a field has after an update.
pub(super) fn merged(old: &[FieldValue], sent: &[Sent], replace: bool, merge: Merge) -> Vec<FieldValue> {
    let fresh = |modifier: &str| -> Vec<FieldValue> {
        sent.iter().filter(|sent| sent.modifier == modifier).filter_map(Sent::kept).collect()
    };
    if replace {
        return sent.iter().filter_map(Sent::kept).collect();
    }
    let cleared = |modifier: &str| sent.iter().any(|sent| sent.modifier == modifier && sent.value.is_none());
    let touched = |modifier: &str| match merge {
        Merge::Pair => sent.iter().any(|sent| sent.modifier == modifier),
        Merge::Append => cleared(modifier),
    };
    let mut placed: Vec<&str> = Vec::new();
    let mut new = Vec::new();
    for value in old {
        if !touched(&value.modifier) {
            new.push(value.clone());
        } else if !placed.contains(&value.modifier.as_str()) {
            placed.push(&value.modifier);
            new.extend(fresh(&value.modifier));
        }
    }
    for sent in sent {
        if !placed.contains(&sent.modifier.as_str()) {
            placed.push(&sent.modifier);
            new.extend(fresh(&sent.modifier));
        }
    }
    new
}

impl Sent {
    fn kept(&self) -> Option<FieldValue> {
        let value = FieldValue::new(self.value.as_deref()?, &self.modifier);
        Some(FieldValue { is_primary: self.is_primary, ..value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `work=1 work=2`, a null as `work=`.
    fn sent(text: &str) -> Vec<Sent> {
        text.split_whitespace()
            .map(|pair| {
                let (modifier, value) = pair.split_once('=').unwrap();
                let value = (!value.is_empty()).then(|| value.to_owned());
                Sent { modifier: modifier.into(), value, is_primary: false }
            })
            .collect()
    }

    fn shown(values: &[FieldValue]) -> String {
        values.iter().map(|v| format!("{}={}", v.modifier, v.value)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_test_vectors_of_the_reference_hold() {
        let email = "work=w@x personal=p@x";
        let phone = "work=1 work=2 home=3";
        for (old, update, replace, expected) in [
            (email, "personal=n@x", false, "work=w@x personal=n@x"),
            (email, "personal=n@x", true, "personal=n@x"),
            (phone, "work=", false, "home=3"),
            (phone, "work=9", false, "work=9 home=3"),
            (phone, "work=8 work=9", false, "work=8 work=9 home=3"),
            (phone, "work= work=9", false, "work=9 home=3"),
            (phone, "home= work=", false, ""),
            (phone, "work=", true, ""),
            (phone, "", false, phone),
            (phone, "", true, ""),
            (email, "other=o@x", false, "work=w@x personal=p@x other=o@x"),
        ] {
            let old: Vec<FieldValue> = sent(old).iter().filter_map(Sent::kept).collect();
            let new = merged(&old, &sent(update), replace, Merge::Pair);
            assert_eq!(shown(&new), expected, "{update}, replace {replace}");
        }
    }

    #[test]
    fn the_append_knob_extends_and_still_lets_nulls_clear() {
        let old: Vec<FieldValue> = sent("work=1 home=3").iter().filter_map(Sent::kept).collect();
        assert_eq!(shown(&merged(&old, &sent("work=9"), false, Merge::Append)), "work=1 home=3 work=9");
        assert_eq!(shown(&merged(&old, &sent("work= work=9"), false, Merge::Append)), "work=9 home=3");
    }
}
