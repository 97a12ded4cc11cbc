//! What a mapping asks of its target: the fields it writes to, and what they would have to hold.

use super::Mapping;
use super::rule::{Rule, Type};
use crate::record::to_text;
use crate::transform::ops::lookup::Other;
use crate::transform::ops::{OnError, Operation};

/// A target field of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The field as written.
    pub name: String,
    /// The mapping's line.
    pub line: usize,
    /// What it has to hold: `text`, `number`, `bool`, `date` or `option`.
    pub kind: &'static str,
    /// The words that an `option` has to know.
    pub choices: Vec<String>,
}

impl Mapping {
    /// The target fields in the mapping's order. What they hold is what `type` says, else `option` where the last
    /// operation looks words up in a table and lets no other through, else text.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        let need = |rule: &Rule<_>| {
            let choices = choices(rule);
            let kind = match rule.kind {
                Some(Type::Number) => "number",
                Some(Type::Bool) => "bool",
                Some(Type::Date | Type::DateTime) => "date",
                _ if !choices.is_empty() => "option",
                _ => "text",
            };
            let choices = if kind == "option" { choices } else { Vec::new() };
            Need { name: rule.to.text.clone(), line: rule.line, kind, choices }
        };
        self.rules.iter().map(need).collect()
    }
}

/// The words that a table at the end gives, sorted; none where others may come through.
fn choices(rule: &Rule<super::file::Written>) -> Vec<String> {
    let Some(Operation::Lookup(lookup)) = rule.steps.last().map(|step| &step.operation) else {
        return Vec::new();
    };
    let more = match &lookup.other {
        Some(Other::Policy(OnError::Keep)) => return Vec::new(),
        Some(Other::Value(value)) => Some(value),
        _ => None,
    };
    let words = lookup.table.values().chain(more).chain(&rule.default).map(to_text);
    let mut words: Vec<_> = words.filter(|word| !word.trim().is_empty()).collect();
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_a_field_has_to_hold_is_read_off_its_rule() {
        let text = r#"
            [[field]]
            to = "Member no"
            from = "no"
            [[field]]
            to = "Since"
            from = "since"
            type = "date"
            [[field]]
            to = "Plan"
            from = "plan"
            do = [{ lookup = { table = { a = "Gold", b = "Silver", c = "Gold" }, else_value = "None" } }]
            [[field]]
            to = "Free"
            from = "plan"
            do = [{ lookup = { table = { a = "Gold" }, else = "keep" } }]
        "#;
        let needs = Mapping::parse(text, "m.toml", Path::new("")).unwrap().needs();
        let short: Vec<_> =
            needs.iter().map(|need| (need.name.as_str(), need.kind, need.choices.join(","))).collect();
        assert_eq!(
            short,
            [
                ("Member no", "text", String::new()),
                ("Since", "date", String::new()),
                ("Plan", "option", "Gold,None,Silver".to_owned()),
                ("Free", "text", String::new()),
            ]
        );
    }
}
