//! The fields of a contact: names, modifiers, choices and what a value has to look like.
//!
//! The table is the reference's list of default fields (its chapter on fields), plus the custom text fields of
//! the scenario. Each (field, modifier) pair is an entry of its own with its own id.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::knobs::Knobs;

/// The two kinds of contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What kind of value a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    LongText,
    Choice,
    Address,
    ParentCompany,
    Domain,
    /// Set by the service alone.
    ReadOnly,
}

/// One field of the account.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) only_for: Option<RecordType>,
    pub(super) kind: Kind,
    pub(super) multiples: bool,
    /// Empty for a field without modifiers, whose only modifier is the empty one.
    pub(super) modifiers: &'static [&'static str],
    pub(super) group: &'static str,
    pub(super) choices: &'static [&'static str],
    /// Sortable: searchable, single and not custom (reference, list parameters).
    pub(super) sortable: bool,
}

const P: Option<RecordType> = Some(RecordType::Person);
const C: Option<RecordType> = Some(RecordType::Company);
const BASIC: &str = "Basic Info";
const PERSONAL: &str = "Personal Info";
const CONTACT: &str = "Contact Info";
const EXTRA: &str = "Extra Info";
const COMPANY: &str = "Company Info";
const LEAD: &str = "Lead Details";
const CUSTOM: &str = "Custom Fields";
const NONE: &[&str] = &[];

type Row = (
    &'static str,
    Option<RecordType>,
    Kind,
    bool,
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
    bool,
);

/// Name, record type, kind, multiples, modifiers, group, choices, sortable.
const DEFAULTS: &[Row] = &[
    ("first name", P, Kind::Text, false, NONE, BASIC, NONE, true),
    ("last name", P, Kind::Text, false, NONE, BASIC, NONE, true),
    ("middle name", None, Kind::Text, false, NONE, BASIC, NONE, false),
    ("company name", C, Kind::Text, false, NONE, BASIC, NONE, true),
    ("title", None, Kind::Text, false, NONE, BASIC, NONE, true),
    ("parent company", P, Kind::ParentCompany, false, NONE, BASIC, NONE, false),
    ("source", None, Kind::ReadOnly, false, NONE, BASIC, NONE, false),
    ("last contacted", None, Kind::ReadOnly, false, NONE, BASIC, NONE, false),
    ("domain", C, Kind::Domain, false, NONE, COMPANY, NONE, false),
    (
        "phone",
        None,
        Kind::Text,
        true,
        &["work", "home", "mobile", "main", "home fax", "work fax", "other"],
        CONTACT,
        NONE,
        false,
    ),
    ("email", None, Kind::Text, true, &["work", "personal", "other"], CONTACT, NONE, false),
    ("skype id", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("twitter", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("facebook", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("linkedin", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("google plus", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("foursquare", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("address", None, Kind::Address, true, &["work", "home", "other"], CONTACT, NONE, false),
    ("hubspot", None, Kind::Text, false, NONE, CONTACT, NONE, false),
    ("URL", None, Kind::Text, true, &["work", "personal", "blog", "other"], EXTRA, NONE, false),
    (
        "description",
        None,
        Kind::LongText,
        true,
        &["other", "twitter", "facebook", "linkedin", "google+", "foursquare"],
        EXTRA,
        NONE,
        false,
    ),
    ("annual revenue", None, Kind::Text, false, NONE, COMPANY, NONE, false),
    (
        "# of employees",
        None,
        Kind::Choice,
        false,
        NONE,
        COMPANY,
        &["1-10", "11-50", "51-200", "201-1000", "1001+"],
        false,
    ),
    (
        "lead status",
        None,
        Kind::Choice,
        false,
        NONE,
        LEAD,
        &["Open", "Contacted", "Qualified", "Unqualified"],
        true,
    ),
    ("rating", None, Kind::Choice, false, NONE, LEAD, &["1", "2", "3", "4", "5"], true),
    (
        "lead source",
        None,
        Kind::Choice,
        false,
        NONE,
        LEAD,
        &["Advertisement", "Event", "Referral", "Web", "Other"],
        true,
    ),
    (
        "lead type",
        None,
        Kind::Choice,
        false,
        NONE,
        LEAD,
        &[
            "Analyst",
            "Competitor",
            "Customer",
            "Investor",
            "Lead",
            "Partner",
            "Press",
            "Prospect",
            "Reseller",
            "Other",
        ],
        true,
    ),
    ("birthday", None, Kind::Text, false, NONE, PERSONAL, NONE, false),
];

/// All fields of the account, by name.
#[derive(Debug)]
pub(super) struct Metadata {
    fields: Vec<Field>,
    by_name: HashMap<String, usize>,
}

impl Metadata {
    /// The default fields and the scenario's custom ones.
    pub(super) fn new(knobs: &Knobs) -> Self {
        let defaults =
            DEFAULTS.iter().map(|&(name, only_for, kind, multiples, modifiers, group, choices, sortable)| {
                Field {
                    name: name.to_owned(),
                    only_for,
                    kind,
                    multiples,
                    modifiers,
                    group,
                    choices,
                    sortable,
                }
            });
        let custom = knobs.custom_fields.iter().map(|name| Field {
            name: name.clone(),
            only_for: None,
            kind: Kind::Text,
            multiples: false,
            modifiers: NONE,
            group: CUSTOM,
            choices: NONE,
            sortable: false,
        });
        let fields: Vec<Field> = defaults.chain(custom).collect();
        let by_name = fields.iter().enumerate().map(|(index, field)| (field.name.clone(), index)).collect();
        Self { fields, by_name }
    }

    /// The field of this exact name.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).map(|index| &self.fields[*index])
    }

    /// The id of a (field, modifier) pair.
    pub(super) fn field_id(&self, name: &str, modifier: &str) -> Option<String> {
        let index = *self.by_name.get(name)?;
        let field = &self.fields[index];
        let place = if field.modifiers.is_empty() {
            modifier.is_empty().then_some(0)
        } else {
            field.modifiers.iter().position(|known| *known == modifier)
        };
        place.map(|place| pair_id(index, place))
    }

    /// `{"fields": .., "groups": ..}` as `GET /contacts/metadata` gives it.
    pub(super) fn json(&self) -> Value {
        let mut fields = Map::new();
        let mut order: Vec<(&str, Vec<&str>)> = Vec::new();
        for (index, field) in self.fields.iter().enumerate() {
            let modifiers: &[&str] = if field.modifiers.is_empty() { &[""] } else { field.modifiers };
            let entries = modifiers.iter().enumerate().map(|(place, modifier)| {
                json!({
                    "id": pair_id(index, place), "name": field.name, "label": field.name, "modifier": modifier,
                    "group": field.group, "presentation": presentation(field), "multiples": field.multiples,
                    "read_only": field.kind == Kind::ReadOnly,
                })
            });
            fields.insert(field.name.clone(), entries.collect());
            match order.iter_mut().find(|(group, _)| *group == field.group) {
                Some((_, names)) => names.push(&field.name),
                None => order.push((field.group, vec![&field.name])),
            }
        }
        let mut groups = Map::new();
        for (index, (name, names)) in order.into_iter().enumerate() {
            let group = json!({
                "id": format!("6a00000000000000{index:08x}"), "name": name, "label": name, "order": names,
                "is_standard": name != CUSTOM, "type": if name == COMPANY { "company" } else { "both" },
            });
            groups.insert(name.to_owned(), group);
        }
        json!({"fields": fields, "groups": groups})
    }
}

impl Field {
    /// Why a value cannot stand in this field under this modifier.
    pub(super) fn objection(&self, modifier: &str, value: &str) -> Option<String> {
        let known =
            if self.modifiers.is_empty() { modifier.is_empty() } else { self.modifiers.contains(&modifier) };
        if !known {
            return Some(format!("no such modifier: `{modifier}`"));
        }
        match self.kind {
            Kind::ReadOnly => Some("the field is set by the service".to_owned()),
            Kind::Domain => domain_objection(value).map(str::to_owned),
            Kind::Choice => {
                // Ids are the rule; two public clients wrote labels and read them back.
                let id = value.parse::<usize>().is_ok_and(|id| (1..=self.choices.len()).contains(&id));
                (!value.is_empty() && !id && !self.choices.contains(&value))
                    .then(|| format!("no such choice: `{value}`"))
            }
            _ => None,
        }
    }
}

/// No scheme, no path, at most a third-level name (reference, default fields).
fn domain_objection(value: &str) -> Option<&'static str> {
    let labels: Vec<&str> = value.split('.').collect();
    if value.contains("://") || value.contains('/') {
        Some("a domain has no scheme and no path")
    } else if labels.len() < 2
        || labels.iter().any(|label| label.is_empty())
        || value.contains(char::is_whitespace)
    {
        Some("not a domain name")
    } else if labels.len() > 3 {
        Some("a domain is at most of the third level")
    } else {
        None
    }
}

fn pair_id(field: usize, modifier: usize) -> String {
    format!("6b0000000000{field:04x}{modifier:08x}")
}

fn presentation(field: &Field) -> Value {
    match field.kind {
        Kind::LongText => json!({"type": "multi-line-text-box", "width": "2"}),
        Kind::Address => json!({"type": "address", "width": "2"}),
        Kind::Choice => {
            let choices = field.choices.iter().zip(1..);
            let values: Vec<Value> =
                choices.map(|(value, id)| json!({"id": id.to_string(), "value": value})).collect();
            json!({"type": "select-box", "width": "1", "values": values, "next_id": (values.len() + 1).to_string()})
        }
        _ => json!({"type": "single-line-text-box", "width": "1"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_and_modifier_is_an_entry_with_its_own_id() {
        let metadata = Metadata::new(&Knobs::default());
        let json = metadata.json();
        let email = json["fields"]["email"].as_array().unwrap();
        assert_eq!(email.len(), 3);
        assert_eq!(email[1]["modifier"], "personal");
        assert_eq!(email[1]["id"].as_str(), metadata.field_id("email", "personal").as_deref());
        assert_ne!(email[0]["id"], email[1]["id"]);
        assert_eq!(email[0]["id"].as_str().map(str::len), Some(24));
        assert_eq!(json["fields"]["lead status"][0]["presentation"]["next_id"], "5");
        assert_eq!(json["groups"]["Custom Fields"]["order"][0], "External ID");
        assert_eq!(metadata.field_id("email", "home"), None);
    }

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
        ] {
            let objection = metadata.field(field).unwrap().objection(modifier, value);
            assert_eq!(objection.is_none(), good, "{field} {modifier} {value}: {objection:?}");
        }
    }
}
