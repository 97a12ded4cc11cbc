//! What fields, groups and tabs an account has, by either generation of the metadata API.
//!
//! The newer call is tried first; a service without it answers 404 and is asked in the older way (facts,
//! section 15 no. 25). A field is kept as the service showed it, with the names of its group and tab beside.

use crate::connect::nimble::api::{Api, Query, failed};
use crate::connect::nimble::schema::{flag, listed_choices};
use crate::error::{Error, Result};
use crate::http::Failure;
use crate::record::to_text;
use serde_json::{Value, json};

/// Which generation of the metadata API the service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// Groups of fields: `/contacts/metadata`.
    Older,
    /// Tabs of groups and fields: `/contacts/fields`.
    Newer,
}

/// Everything that is defined.
#[derive(Debug, Clone)]
pub(super) struct Catalog {
    pub(super) era: Era,
    pub(super) entries: Vec<Entry>,
    pub(super) groups: Vec<Group>,
    pub(super) tabs: Vec<Tab>,
}

/// A field under one modifier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) modifier: String,
    pub(super) group: String,
    pub(super) tab: String,
    /// In Ferry's word where it has one: see [`KINDS`].
    pub(super) kind: String,
    pub(super) multiples: bool,
    pub(super) read_only: bool,
    /// Id and label.
    pub(super) choices: Vec<(String, String)>,
    pub(super) presentation: Value,
    /// What may be done with it: `edit_all`, `edit_choices_only`, `view_only`; empty where it is not said.
    pub(super) actions: String,
    /// The field as the service showed it, with the names of its group and tab: what is staged of it.
    pub(super) raw: Value,
}

/// A group of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    /// The tab it is in, by id.
    pub(super) tab: Option<String>,
    pub(super) is_standard: bool,
    /// Whose contacts have it, in the older generation: `person`, `company` or `both`.
    pub(super) whose: String,
    /// Names of its fields in their order, as the older generation wants them repeated.
    pub(super) order: Vec<String>,
}

/// A tab of the newer generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tab {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) is_standard: bool,
    /// Whose contacts have it: `person`, `company` or `both`.
    pub(super) whose: String,
}

/// Ferry's word for what a field holds, and what the generations call it; further words stand for it too.
pub(super) const KINDS: [Kind; 8] = [
    Kind { word: "text", older: "single-line-text-box", newer: "string", also: &[] },
    Kind { word: "long_text", older: "multi-line-text-box", newer: "long_string", also: &["prose"] },
    Kind { word: "option", older: "select-box", newer: "choice", also: &["dropdown"] },
    Kind { word: "number", older: "numeric-general", newer: "number", also: &["numeric-scientific"] },
    Kind { word: "date", older: "date", newer: "datetime", also: &["date-wo-year"] },
    Kind { word: "bool", older: "boolean", newer: "boolean", also: &["checkbox"] },
    Kind { word: "address", older: "address", newer: "address", also: &[] },
    Kind { word: "user", older: "objectid", newer: "user", also: &[] },
];

/// A kind of field by its names.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) word: &'static str,
    pub(super) older: &'static str,
    pub(super) newer: &'static str,
    also: &'static [&'static str],
}

impl Kind {
    /// The kind that a word of either side means.
    pub(super) fn of(word: &str) -> Option<&'static Self> {
        let word = word.trim().to_lowercase();
        let names = |kind: &&Kind| {
            [kind.word, kind.older, kind.newer].contains(&word.as_str()) || kind.also.contains(&word.as_str())
        };
        KINDS.iter().find(names)
    }
}

impl Catalog {
    /// Asks the service.
    ///
    /// # Errors
    /// As reads in general.
    pub(super) fn read(api: &Api) -> Result<Self> {
        let what = "cannot read Nimble's fields";
        let none = || Error::stopped(format!("{what}: the answer has none"));
        match api.json("/contacts/fields", &Query::default()) {
            Ok(answer) => Self::from_tabs(&answer).ok_or_else(none),
            Err(Failure::Refused { status: 404 | 405 | 410, .. }) => {
                let answer = api.json("/contacts/metadata", &Query::default());
                let answer = answer.map_err(|failure| failed(what, failure))?;
                Self::from_metadata(&answer).ok_or_else(none)
            }
            Err(failure) => Err(failed(what, failure)),
        }
    }

    /// Reads the older answer: at top level, or under `contacts_meta`.
    pub(super) fn from_metadata(answer: &Value) -> Option<Self> {
        let root = answer.get("contacts_meta").unwrap_or(answer);
        let mut groups = Vec::new();
        for (name, group) in root.get("groups").and_then(Value::as_object).into_iter().flatten() {
            groups.push(Group {
                id: text(group, "id"),
                name: Some(text(group, "name")).filter(|own| !own.is_empty()).unwrap_or_else(|| name.clone()),
                tab: None,
                is_standard: flag(group.get("is_standard")),
                whose: text(group, "type"),
                order: group["order"].as_array().into_iter().flatten().map(to_text).collect(),
            });
        }
        let mut entries = Vec::new();
        for (name, pairs) in root.get("fields")?.as_object()? {
            let pairs = pairs.as_array().map_or_else(|| vec![pairs], |pairs| pairs.iter().collect());
            for pair in pairs {
                // A field names its group, or gives its id.
                let group = text(pair, "group");
                let known = groups.iter().find(|known| known.id == group);
                let group = known.map_or(group, |known| known.name.clone());
                let mut pair = pair.clone();
                if let Value::Object(keys) = &mut pair {
                    keys.entry("name").or_insert_with(|| Value::from(name.as_str()));
                }
                entries.extend(Entry::read(raw(&pair, &group, "")));
            }
        }
        Some(Self { era: Era::Older, entries, groups, tabs: Vec::new() })
    }

    /// Reads the newer answer.
    pub(super) fn from_tabs(answer: &Value) -> Option<Self> {
        let mut catalog = Self { era: Era::Newer, entries: Vec::new(), groups: Vec::new(), tabs: Vec::new() };
        for tab in answer.get("tabs")?.as_array()? {
            let id = text(tab, "tab_id");
            let name = text(tab, "tab_name");
            for member in tab.get("members").and_then(Value::as_array).into_iter().flatten() {
                let Some(fields) = member.get("fields").and_then(Value::as_array) else {
                    catalog.entries.extend(Entry::read(raw(member, "", &name)));
                    continue;
                };
                let group = text(member, "name");
                catalog
                    .entries
                    .extend(fields.iter().filter_map(|field| Entry::read(raw(field, &group, &name))));
                catalog.groups.push(Group {
                    id: text(member, "group_id"),
                    name: group,
                    tab: Some(id.clone()),
                    is_standard: false,
                    whose: String::new(),
                    order: Vec::new(),
                });
            }
            let (is_standard, whose) = (flag(tab.get("is_standard")), text(tab, "contact_types"));
            catalog.tabs.push(Tab { id, name, is_standard, whose });
        }
        Some(catalog)
    }

    /// The group of that name.
    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| same_name(&group.name, name))
    }

    /// The tab of that name.
    pub(super) fn tab(&self, name: &str) -> Option<&Tab> {
        self.tabs.iter().find(|tab| same_name(&tab.name, name))
    }

    /// The field of that name, under its first modifier.
    pub(super) fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| same_name(&entry.name, name))
    }

    /// The field of that id.
    pub(super) fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }
}

impl Entry {
    /// Reads a field as [`raw`] keeps it.
    pub(super) fn read(raw: Value) -> Option<Self> {
        let field = raw.get("field").filter(|field| field.is_object())?;
        let name = text(field, "name");
        let presentation = field.get("presentation").cloned().unwrap_or(Value::Null);
        let kind = field.pointer("/presentation/type").or_else(|| field.pointer("/field_type/field_kind"));
        let kind = kind.map(to_text).unwrap_or_default();
        Some(Self {
            id: Some(text(field, "field_id"))
                .filter(|id| !id.is_empty())
                .unwrap_or_else(|| text(field, "id")),
            label: Some(text(field, "label"))
                .filter(|label| !label.is_empty())
                .unwrap_or_else(|| name.clone()),
            name,
            modifier: text(field, "modifier"),
            group: text(&raw, "group"),
            tab: text(&raw, "tab"),
            kind: Kind::of(&kind).map_or(kind, |known| known.word.to_owned()),
            multiples: flag(field.get("multiples")),
            read_only: flag(field.get("read_only")),
            choices: listed_choices(field),
            presentation,
            actions: text(field, "available_actions"),
            raw: raw.clone(),
        })
    }
}

fn raw(field: &Value, group: &str, tab: &str) -> Value {
    json!({"field": field, "group": group, "tab": tab})
}

/// Names at the service differ by more than case and blanks.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn text(object: &Value, key: &str) -> String {
    object.get(key).filter(|value| !value.is_null()).map(to_text).unwrap_or_default()
}
