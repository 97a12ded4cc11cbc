//! What a stream's fields are called and may hold, and how a written name is read against that.

use super::census::Census;
use crate::error::nearest;
use serde::{Deserialize, Serialize};

/// The columns that every service record has before its fields.
pub const HEAD_COLUMNS: [&str; 4] = ["_id", "_type", "_created", "_updated"];

/// The fields of a stream or a file, in the source's own order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// What the fields belong to, for messages: `nimble:contacts`, `people.csv`.
    pub of: String,
    /// Whether the source has modifiers, so that `email[work]` is the field `email` (design section 6).
    pub has_modifiers: bool,
    /// Whether records have `_id`, `_type`, `_created`, `_updated` of their own (services do, files do not).
    pub has_head: bool,
    /// Whether there may be fields that are not listed, because the service was not asked. A name is then only
    /// wrong when it looks like a misspelt one.
    #[serde(default)]
    pub open: bool,
    /// Fields, Ferry's own (`_tags`) first, then the service's in its order.
    pub fields: Vec<FieldSpec>,
    /// Fields that every account of the service has, though this one's list leaves them out: they can be named,
    /// and give no columns.
    #[serde(default)]
    pub unlisted: Vec<FieldSpec>,
}

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// Column name without modifier or part.
    pub name: String,
    /// Modifiers in the service's order; `[""]` for a field without.
    pub modifiers: Vec<String>,
    /// Parts of a structured value in column order; empty for plain ones.
    pub parts: Vec<String>,
    /// Declared to hold several values under one modifier.
    pub several: bool,
    /// Free text that is never split into a list (design section 6).
    pub prose: bool,
    /// Filled by the service; an edit of it is rejected.
    pub read_only: bool,
    /// What it holds, where the service says so.
    pub kind: Kind,
    /// Whether its values are phone numbers: as keys those are compared by their digits (design section 7).
    #[serde(default)]
    pub phones: bool,
    /// Choices of a drop-down: id and label.
    pub choices: Vec<(String, String)>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text, and whatever is not known better.
    #[default]
    Text,
    /// A JSON number.
    Number,
    /// A JSON boolean.
    Bool,
    /// A time with date.
    Timestamp,
}

/// A place in a record: a field, one of its modifiers or all, a part of its value or the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldRef {
    /// Column name of the field.
    pub name: String,
    /// Which modifiers.
    pub modifier: Modifier,
    /// A part such as `city`; the whole value where absent.
    pub part: Option<String>,
}

/// Which values of a field a name means.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Modifier {
    /// Those under exactly this modifier; empty for fields without.
    Named(String),
    /// All of them: `email[*]`, and the bare name where one reads.
    Any,
    /// The first value whatever its modifier: `email[first]`.
    First,
}

/// Which side of a mapping a name stands on: the rules for a bare name differ (design section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Read from: a bare name means all modifiers, `[*]` and `[first]` are allowed.
    From,
    /// Written to: exactly one place.
    To,
}

/// Why a name means nothing in a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// What is wrong, without place.
    pub what: String,
    /// What would help.
    pub hint: Option<String>,
}

impl std::fmt::Display for FieldRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        match &self.modifier {
            Modifier::Named(name) if name.is_empty() => {}
            Modifier::Named(name) => write!(f, "[{name}]")?,
            Modifier::Any => f.write_str("[*]")?,
            Modifier::First => f.write_str("[first]")?,
        }
        match &self.part {
            Some(part) => write!(f, ".{part}"),
            None => Ok(()),
        }
    }
}

impl Schema {
    /// Whether a place holds phone numbers.
    #[must_use]
    pub fn holds_phones(&self, place: &FieldRef) -> bool {
        place.part.is_none() && self.field(&place.name).is_some_and(|field| field.phones)
    }

    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.listed(name).or_else(|| self.unlisted.iter().find(|field| field.name == name))
    }

    /// The field of that name, if the source lists it.
    #[must_use]
    pub fn listed(&self, name: &str) -> Option<&FieldSpec> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The same fields, and those that only records were seen to have, by code point.
    #[must_use]
    pub fn widened(&self, census: &Census) -> Self {
        let mut wide = self.clone();
        let late = census.fields.keys().filter(|name| self.listed(name).is_none());
        let unlisted = |name: &String| self.unlisted.iter().find(|field| field.name == *name).cloned();
        wide.fields.extend(late.map(|name| {
            let plain =
                || FieldSpec { name: name.clone(), modifiers: vec![String::new()], ..FieldSpec::default() };
            unlisted(name).unwrap_or_else(plain)
        }));
        wide
    }

    /// Reads a written name: whole first, then, where the source has modifiers, with the last `.part` and
    /// `[modifier]` split off.
    ///
    /// # Errors
    /// When no field, modifier or part is called so, or a bare name is ambiguous on the writing side.
    pub fn resolve(&self, written: &str, side: Side) -> Result<FieldRef, UnknownName> {
        if self.has_head && HEAD_COLUMNS.contains(&written) {
            return Ok(FieldRef {
                name: written.to_owned(),
                modifier: Modifier::Named(String::new()),
                part: None,
            });
        }
        if let Some(field) = self.field(written) {
            return self.bare(field, None, side);
        }
        if self.has_modifiers {
            for (name, modifier, part) in splits(written) {
                let Some(field) = self.field(name) else { continue };
                check_part(field, part)?;
                let Some(modifier) = modifier else { return self.bare(field, part, side) };
                return with_modifier(field, modifier, part, side);
            }
        }
        match self.unknown(written) {
            unknown if self.open && unknown.hint.is_none() => {
                let modifier = Modifier::Named(String::new());
                Ok(FieldRef { name: written.to_owned(), modifier, part: None })
            }
            unknown => Err(unknown),
        }
    }

    fn bare(&self, field: &FieldSpec, part: Option<&str>, side: Side) -> Result<FieldRef, UnknownName> {
        let plain = field.modifiers.is_empty() || field.modifiers.iter().all(String::is_empty);
        let modifier = match side {
            _ if plain => Modifier::Named(String::new()),
            Side::From => Modifier::Any,
            Side::To => {
                let suffix = part.map(|part| format!(".{part}")).unwrap_or_default();
                let all: Vec<_> =
                    field.modifiers.iter().map(|m| format!("`{}[{m}]{suffix}`", field.name)).collect();
                return Err(UnknownName {
                    what: format!("`{}` of {} has modifiers, say which one", field.name, self.of),
                    hint: Some(format!("one of {}", all.join(", "))),
                });
            }
        };
        Ok(FieldRef { name: field.name.clone(), modifier, part: part.map(str::to_owned) })
    }

    fn unknown(&self, written: &str) -> UnknownName {
        let bare = splits(written).first().map_or(written, |(name, _, _)| name);
        let head = if self.has_head { &HEAD_COLUMNS[..] } else { &[] };
        let names = || self.fields.iter().map(|field| field.name.as_str()).chain(head.iter().copied());
        let near = nearest(written, names()).or_else(|| nearest(bare, names()));
        UnknownName {
            what: format!("unknown field `{written}`: {} has none of that name", self.of),
            hint: near.map(|name| format!("did you mean `{name}`?")),
        }
    }
}

/// The ways to read `name[modifier].part`, longest name first.
fn splits(written: &str) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let mut ways = Vec::new();
    if let Some((name, modifier)) = split_modifier(written) {
        ways.push((name, Some(modifier), None));
    }
    if let Some((rest, part)) = written.rsplit_once('.') {
        ways.push((rest, None, Some(part)));
        if let Some((name, modifier)) = split_modifier(rest) {
            ways.push((name, Some(modifier), Some(part)));
        }
    }
    ways
}

fn split_modifier(written: &str) -> Option<(&str, &str)> {
    let inner = written.strip_suffix(']')?;
    inner.rsplit_once('[')
}

fn check_part(field: &FieldSpec, part: Option<&str>) -> Result<(), UnknownName> {
    match part {
        Some(part) if field.parts.is_empty() => Err(UnknownName {
            what: format!("`{}` has no parts, so `.{part}` means nothing", field.name),
            hint: Some(format!("write `{}`", field.name)),
        }),
        _ => Ok(()),
    }
}

fn with_modifier(
    field: &FieldSpec,
    modifier: &str,
    part: Option<&str>,
    side: Side,
) -> Result<FieldRef, UnknownName> {
    let modifier = match (modifier, side) {
        ("*", Side::From) => Modifier::Any,
        ("first", Side::From) if !field.modifiers.iter().any(|known| known == "first") => Modifier::First,
        (known, _) if field.modifiers.iter().any(|name| name == known) => Modifier::Named(known.to_owned()),
        (other, _) => {
            let known: Vec<_> = field.modifiers.iter().map(|name| format!("`{name}`")).collect();
            let near = nearest(other, field.modifiers.iter().map(String::as_str));
            return Err(UnknownName {
                what: format!("`{}` has no modifier `{other}`", field.name),
                hint: Some(match near {
                    Some(name) => format!("did you mean `{}[{name}]`?", field.name),
                    None => format!("it has {}", known.join(", ")),
                }),
            });
        }
    };
    Ok(FieldRef { name: field.name.clone(), modifier, part: part.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nimble() -> Schema {
        let field = |name: &str, modifiers: &[&str], parts: &[&str]| FieldSpec {
            name: name.into(),
            modifiers: modifiers.iter().map(|m| (*m).to_owned()).collect(),
            parts: parts.iter().map(|p| (*p).to_owned()).collect(),
            ..FieldSpec::default()
        };
        Schema {
            of: "nimble:contacts".into(),
            has_modifiers: true,
            has_head: true,
            open: false,
            unlisted: Vec::new(),
            fields: vec![
                field("first name", &[""], &[]),
                field("email", &["work", "personal"], &[]),
                field("address", &["work", "home"], &["street", "city"]),
                field("odd [x]", &[""], &[]),
            ],
        }
    }

    #[test]
    fn names_are_read_whole_first_then_split() {
        let cases = [
            ("first name", Side::To, "first name"),
            ("email[work]", Side::To, "email[work]"),
            ("email", Side::From, "email[*]"),
            ("email[first]", Side::From, "email[first]"),
            ("address[work].city", Side::To, "address[work].city"),
            ("address.city", Side::From, "address[*].city"),
            ("odd [x]", Side::To, "odd [x]"),
            ("_id", Side::From, "_id"),
        ];
        for (written, side, read) in cases {
            assert_eq!(nimble().resolve(written, side).unwrap().to_string(), read, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_meant_says_what_could() {
        let schema = nimble();
        let hint = |written, side| schema.resolve(written, side).unwrap_err().hint.unwrap();
        assert_eq!(hint("emial", Side::From), "did you mean `email`?");
        assert_eq!(hint("email", Side::To), "one of `email[work]`, `email[personal]`");
        assert_eq!(hint("email[wrok]", Side::From), "did you mean `email[work]`?");
        assert!(schema.resolve("first name.city", Side::From).is_err());
    }

    #[test]
    fn files_and_nethunt_have_no_modifiers_to_split_off() {
        let file = Schema {
            of: "a.csv".into(),
            fields: vec![FieldSpec { name: "email[work]".into(), ..FieldSpec::default() }],
            ..Schema::default()
        };
        let read = file.resolve("email[work]", Side::From).unwrap();
        assert_eq!(read.name, "email[work]");
        assert!(file.resolve("email", Side::From).is_err());
    }
}
