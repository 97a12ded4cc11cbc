//! The definitions of the account's fields: default ones, those of the scenario, and those made through the
//! API.
//!
//! The service has two generations of definitions for the same fields: groups, and tabs that hold fields and
//! groups. Kept are the tabs; the groups of the older generation are the standard ones of the reference and,
//! for custom fields, their tabs. Each (field, modifier) pair is an entry of its own with its own id.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::defaults::{CUSTOM, DEFAULTS, EMPLOYMENT, NEWER, Row, TABS, tab_of_field};
use super::kinds::{Kind, Rule};
use super::knobs::{FieldsApi, Knobs};

/// Where the serials of fields that only the current description has begin: the others' do not depend on them.
const NEWER_SERIALS: usize = 0x8000;

/// The two kinds of contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RecordType {
    /// A person, who needs a first or last name.
    Person,
    /// A company, which needs a company name.
    Company,
}

impl RecordType {
    /// The name on the wire.
    pub(super) fn name(self) -> &'static str {
        if self == Self::Person { "person" } else { "company" }
    }

    /// Reads the name on the wire.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "person" => Some(Self::Person),
            "company" => Some(Self::Company),
            _ => None,
        }
    }
}

/// One choice of a dropdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) value: String,
}

/// One field of the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Field {
    /// Never given twice; ids are made of it.
    pub(super) serial: usize,
    pub(super) name: String,
    pub(super) only_for: Option<RecordType>,
    pub(super) kind: Kind,
    pub(super) rule: Option<Rule>,
    pub(super) multiples: bool,
    /// Empty for a field without modifiers, whose only modifier is the empty one; custom fields have none.
    #[serde(skip)]
    pub(super) modifiers: &'static [&'static str],
    /// A standard group of the older definitions, for fields that were put there.
    pub(super) group: Option<String>,
    pub(super) choices: Vec<Choice>,
    /// Sortable: searchable, single and not custom (reference, list parameters).
    #[serde(skip)]
    pub(super) sortable: bool,
    #[serde(skip)]
    pub(super) is_standard: bool,
    /// As the newer definitions show it; null for kinds that have none there.
    pub(super) presentation: Value,
    /// `type` and `width` as they were set through the older definitions.
    #[serde(default)]
    pub(super) older: Value,
}

/// A tab and what is in it, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tab {
    pub(super) id: String,
    pub(super) name: String,
    /// None: for both.
    pub(super) only_for: Option<RecordType>,
    pub(super) is_standard: bool,
    pub(super) members: Vec<Member>,
    /// Serials of fields that the order of the older group leaves out.
    #[serde(default)]
    pub(super) unlisted: Vec<usize>,
}

/// A field, by its serial, or a group of fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Member {
    Field(usize),
    Group { id: String, name: String, logo_id: String, fields: Vec<usize> },
}

impl Tab {
    /// The serials of its fields, those in groups included.
    pub(super) fn fields(&self) -> impl Iterator<Item = usize> {
        self.members.iter().flat_map(|member| match member {
            Member::Field(serial) => std::slice::from_ref(serial).iter().copied(),
            Member::Group { fields, .. } => fields.iter().copied(),
        })
    }
}

/// All definitions.
#[derive(Debug)]
pub(super) struct Metadata {
    fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    pub(super) tabs: Vec<Tab>,
    /// The next serial, also for tabs and groups.
    next: usize,
}

impl Metadata {
    /// The default fields and the scenario's custom ones.
    pub(super) fn new(knobs: &Knobs) -> Self {
        let mut metadata = Self { fields: Vec::new(), by_name: HashMap::new(), tabs: Vec::new(), next: 0 };
        let rows = DEFAULTS.iter().copied();
        // Last of the defaults, so that no other id depends on it.
        let employment = (knobs.is_current() || knobs.fields_api != FieldsApi::Legacy).then_some(EMPLOYMENT);
        let custom = knobs.custom_fields.iter().map(|name| custom_text(name));
        let defaults = rows.chain(employment).map(|row| default_field(row, knobs));
        metadata.fields = defaults.chain(custom).collect();
        for (serial, field) in metadata.fields.iter_mut().enumerate() {
            field.serial = serial;
        }
        metadata.next = metadata.fields.len();
        let newer = NEWER.iter().filter(|_| knobs.is_current()).zip(NEWER_SERIALS..);
        metadata.fields.extend(newer.map(|(row, serial)| Field { serial, ..default_field(*row, knobs) }));
        let standard = TABS.iter().map(|&(name, only_for)| (name, only_for, true));
        for (name, only_for, is_standard) in standard.chain([(CUSTOM, None, false)]) {
            let of_tab = |field: &&Field| match &field.group {
                Some(group) if field.is_standard => tab_of_field(&field.name, group) == Some(name),
                _ => name == CUSTOM,
            };
            let members =
                metadata.fields.iter().filter(of_tab).map(|field| Member::Field(field.serial)).collect();
            let id = metadata.fresh_id();
            metadata.tabs.push(Tab {
                id,
                name: name.to_owned(),
                only_for,
                is_standard,
                members,
                unlisted: Vec::new(),
            });
        }
        metadata.index();
        metadata
    }

    /// The field of this exact name.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).map(|index| &self.fields[*index])
    }

    /// All fields, the default ones first.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(super) fn by_serial(&self, serial: usize) -> Option<&Field> {
        self.fields.iter().find(|field| field.serial == serial)
    }

    /// The field and modifier of an id.
    pub(super) fn by_id(&self, id: &str) -> Option<(&Field, &'static str)> {
        self.fields.iter().find_map(|field| {
            let modifier = field.pairs().find(|(pair, _)| pair == id)?.1;
            Some((field, modifier))
        })
    }

    /// The id of a (field, modifier) pair.
    pub(super) fn field_id(&self, name: &str, modifier: &str) -> Option<String> {
        self.field(name)?.pairs().find(|(_, known)| *known == modifier).map(|(id, _)| id)
    }

    /// An id for a new tab or group.
    pub(super) fn fresh_id(&mut self) -> String {
        self.next += 1;
        format!("6d00000000000000{:08x}", self.next)
    }

    /// Adds a custom field, whose place in a tab is the caller's to give; its serial.
    pub(super) fn add(&mut self, field: Field) -> usize {
        let serial = self.next;
        self.next += 1;
        self.fields.push(Field { serial, ..field });
        self.index();
        serial
    }

    /// Lets `change` edit a field.
    pub(super) fn change(&mut self, serial: usize, change: impl FnOnce(&mut Field)) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.serial == serial) {
            change(field);
        }
        self.index();
    }

    /// Takes a field out, of its tab too.
    pub(super) fn remove(&mut self, serial: usize) {
        self.displace(serial);
        self.fields.retain(|field| field.serial != serial);
        self.index();
    }

    /// Takes a field out of its place in a tab.
    pub(super) fn displace(&mut self, serial: usize) {
        for tab in &mut self.tabs {
            tab.unlisted.retain(|field| *field != serial);
            tab.members.retain(|member| *member != Member::Field(serial));
            for member in &mut tab.members {
                if let Member::Group { fields, .. } = member {
                    fields.retain(|field| *field != serial);
                }
            }
        }
    }

    /// The tab a field is in.
    pub(super) fn tab_of(&self, serial: usize) -> Option<&Tab> {
        self.tabs.iter().find(|tab| tab.fields().any(|field| field == serial))
    }

    /// Everything that can be changed, for a snapshot.
    pub(super) fn snapshot(&self) -> Value {
        let (standard, custom): (Vec<&Field>, Vec<&Field>) =
            self.fields.iter().partition(|field| field.is_standard);
        let choices: BTreeMap<&str, &[Choice]> = standard
            .into_iter()
            .filter(|field| field.kind == Kind::Choice)
            .map(|field| (field.name.as_str(), field.choices.as_slice()))
            .collect();
        json!({"custom": custom, "choices": choices, "tabs": self.tabs, "next": self.next})
    }

    /// Lays a snapshot over the definitions of a scenario; one from before there were any changes nothing.
    ///
    /// # Errors
    /// When the snapshot does not have the shape that [`Metadata::snapshot`] gives.
    pub(super) fn restore(&mut self, snapshot: &Value) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Kept {
            custom: Vec<Field>,
            choices: BTreeMap<String, Vec<Choice>>,
            tabs: Vec<Tab>,
            next: usize,
        }
        if snapshot.is_null() {
            return Ok(());
        }
        let kept = Kept::deserialize(snapshot).map_err(|why| format!("nimble: `definitions`: {why}"))?;
        let (standard, of_scenario): (Vec<Field>, Vec<Field>) =
            self.fields.drain(..).partition(|field| field.is_standard);
        self.fields = standard;
        for field in &mut self.fields {
            if let Some(choices) = kept.choices.get(&field.name) {
                field.choices.clone_from(choices);
            }
        }
        self.fields.extend(kept.custom);
        self.next = self.next.max(kept.next);
        self.tabs = kept.tabs;
        self.index();
        for field in of_scenario {
            if self.field(&field.name).is_none() {
                let serial = self.add(field);
                if let Some(tab) = self.tabs.iter_mut().rfind(|tab| !tab.is_standard) {
                    tab.members.push(Member::Field(serial));
                }
            }
        }
        Ok(())
    }

    fn index(&mut self) {
        let names = self.fields.iter().enumerate();
        self.by_name = names.map(|(index, field)| (field.name.clone(), index)).collect();
    }
}

impl Field {
    /// The id of each modifier.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (String, &'static str)> {
        let modifiers: &'static [&'static str] =
            if self.modifiers.is_empty() { &[""] } else { self.modifiers };
        let serial = self.serial;
        modifiers
            .iter()
            .enumerate()
            .map(move |(place, modifier)| (format!("6b0000000000{serial:04x}{place:08x}"), *modifier))
    }
}

fn default_field(row: Row, knobs: &Knobs) -> Field {
    let (name, only_for, kind, multiples, modifiers, group, choices, sortable) = row;
    let choices = choices
        .iter()
        .zip(1..)
        .map(|(value, id): (&&str, usize)| Choice { id: id.to_string(), value: (*value).to_owned() });
    Field {
        serial: 0,
        name: name.to_owned(),
        only_for,
        kind,
        // Any text in the older description, a form of its own in the current one.
        rule: (name == "birthday" && knobs.is_current()).then_some(Rule::Birthday),
        multiples,
        modifiers,
        group: Some(group.to_owned()),
        choices: choices.collect(),
        sortable,
        is_standard: true,
        presentation: Value::Null,
        older: Value::Null,
    }
}

/// A custom field of single texts.
pub(super) fn custom_text(name: &str) -> Field {
    Field {
        serial: 0,
        name: name.to_owned(),
        only_for: None,
        kind: Kind::Text,
        rule: None,
        multiples: false,
        modifiers: &[],
        group: None,
        choices: Vec::new(),
        sortable: false,
        is_standard: false,
        presentation: Value::Null,
        older: Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_judged_by_the_kind_of_their_field() {
        let metadata = Metadata::new(&Knobs::default());
        for (field, modifier, value, good) in [
            ("email", "work", "a@b.example", true),
            ("email", "", "a@b.example", false),
            ("title", "work", "Dr", false),
            ("domain", "", "shop.acme.example", true),
            ("domain", "", "https://acme.example", false),
            ("domain", "", "a.b.acme.example", false),
            ("domain", "", "acme", false),
            ("lead status", "", "4", true),
            ("lead status", "", "Qualified", true),
            ("lead status", "", "5", false),
            ("source", "", "m", false),
            ("contact employment", "", r#"{"title":"CEO"}"#, true),
            (
                "contact employment",
                "",
                r#"{"company_name":"A","start_date":"01/2020","is_present":true}"#,
                true,
            ),
            ("contact employment", "", r#"{"title":"A","start_date":"02/2020","end_date":"01/2020"}"#, false),
            ("contact employment", "", r#"{"title":"A","end_date":"01/2020","is_present":true}"#, false),
            ("contact employment", "", r#"{"title":"A","start_date":"2020-01"}"#, false),
            ("contact employment", "", r#"{"start_date":"01/2020"}"#, false),
            ("contact employment", "", r#"{"title":"A","salary":"1"}"#, false),
            ("contact employment", "", "CEO at Acme", false),
        ] {
            let field = metadata.field(field).unwrap();
            let objection = field.modifier_objection(modifier).or_else(|| field.value_objection(value));
            assert_eq!(objection.is_none(), good, "{} {modifier} {value}: {objection:?}", field.name);
        }
    }
}
