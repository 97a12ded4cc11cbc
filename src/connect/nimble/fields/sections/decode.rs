//! Groups and tabs as records.

use crate::connect::nimble::fields::catalog::{Catalog, Entry, Era, Group, Tab, same_name};
use crate::connect::nimble::one_answer;
use crate::extract::Decode;
use crate::record::schema::{FieldSpec, Kind as Holds, Schema};
use crate::record::{Field, RawRecord, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connect::nimble) enum Kind {
    /// Groups of fields.
    Group,
    /// Tabs of groups and fields.
    Tab,
}

/// A group or tab, as it is staged: the service shows either only with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Section {
    pub(super) id: String,
    /// `group` or `tab`.
    pub(super) kind: String,
    pub(super) name: String,
    /// The name of the tab that a group is in, in the newer generation.
    pub(super) tab: String,
    /// Whose contacts have it: `person`, `company` or `both`; empty where it is not said.
    pub(super) whose: String,
    pub(super) is_standard: bool,
    /// Names of the fields in it, each once.
    pub(super) fields: Vec<String>,
}

/// Decodes groups and tabs.
pub(super) struct SectionDecoder;

impl Kind {
    /// The stream as people write it.
    pub(in crate::connect::nimble) fn stream(self) -> &'static str {
        match self {
            Self::Group => "nimble:groups",
            Self::Tab => "nimble:tabs",
        }
    }

    /// What the records are called, in the plural.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Group => "groups",
            Self::Tab => "tabs",
        }
    }

    /// What `_type` says.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Tab => "tab",
        }
    }
}

impl Decode for SectionDecoder {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        let section: Section =
            serde_json::from_str(raw).map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(section.record())
    }
}

/// What there is to know of a group or tab.
pub(in crate::connect::nimble) fn schema(kind: Kind) -> Schema {
    let field = |name: &str, kind: Holds, read_only: bool, several: bool| FieldSpec {
        name: name.to_owned(),
        modifiers: vec![String::new()],
        several,
        read_only,
        kind,
        ..FieldSpec::default()
    };
    let mut fields = vec![field("name", Holds::Text, false, false)];
    if kind == Kind::Group {
        fields.push(field("tab", Holds::Text, false, false));
    }
    fields.push(field("for", Holds::Text, false, false));
    fields.push(field("is_standard", Holds::Bool, true, false));
    fields.push(field("fields", Holds::Text, true, true));
    Schema { of: kind.stream().to_owned(), has_head: true, fields, ..Schema::default() }
}

impl Section {
    /// All groups, or all tabs, in the service's order.
    pub(super) fn all(catalog: &Catalog, kind: Kind) -> Vec<Self> {
        match kind {
            Kind::Group => catalog.groups.iter().map(|group| Self::of_group(catalog, group)).collect(),
            Kind::Tab => catalog.tabs.iter().map(|tab| Self::of_tab(catalog, tab)).collect(),
        }
    }

    fn of_group(catalog: &Catalog, group: &Group) -> Self {
        let tab = catalog.tabs.iter().find(|tab| group.tab.as_deref() == Some(&tab.id));
        let tab = tab.map(|tab| tab.name.clone()).unwrap_or_default();
        let within = |entry: &&Entry| {
            same_name(&entry.group, &group.name) && (catalog.era == Era::Older || same_name(&entry.tab, &tab))
        };
        Self {
            id: group.id.clone(),
            kind: Kind::Group.word().to_owned(),
            name: group.name.clone(),
            whose: group.whose.clone(),
            is_standard: group.is_standard,
            fields: names(catalog.entries.iter().filter(within)),
            tab,
        }
    }

    fn of_tab(catalog: &Catalog, tab: &Tab) -> Self {
        let within = |entry: &&Entry| same_name(&entry.tab, &tab.name);
        Self {
            id: tab.id.clone(),
            kind: Kind::Tab.word().to_owned(),
            name: tab.name.clone(),
            tab: String::new(),
            whose: tab.whose.clone(),
            is_standard: tab.is_standard,
            fields: names(catalog.entries.iter().filter(within)),
        }
    }

    /// As it is staged.
    pub(super) fn raw(&self) -> RawRecord {
        one_answer::raw(self.record(), self.written())
    }

    /// As it is written down.
    pub(super) fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As a record.
    pub(super) fn record(&self) -> Record {
        let texts = [("name", &self.name), ("tab", &self.tab), ("for", &self.whose)];
        let filled = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let mut fields: Vec<_> =
            filled.map(|(name, text)| Field::single(name, Value::from(text.as_str()))).collect();
        fields.push(Field::single("is_standard", Value::Bool(self.is_standard)));
        if !self.fields.is_empty() {
            let names = self.fields.iter().map(|name| Value::from(name.as_str()));
            fields.push(Field::list("fields", names.collect()));
        }
        let id = Some(self.id.clone()).filter(|id| !id.is_empty());
        Record { id, kind: Some(self.kind.clone()), fields, ..Record::default() }
    }
}

/// Names of fields, each once although it may have several modifiers.
fn names<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        if !names.contains(&entry.name) {
            names.push(entry.name.clone());
        }
    }
    names
}
