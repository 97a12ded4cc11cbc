//! Folders, their typed fields, and the three folders that every simulated account has at the start.
//!
//! The API itself never tells a field's type; it is kept here only to refuse what the service would refuse.

use serde_json::{Value, json};

/// What values a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldType {
    /// Any text that is not empty.
    Text,
    /// `a@b` or `Name <a@b>`.
    Email,
    /// A user of the service, in the form of an e-mail.
    Person,
    /// Any text that is not empty.
    Phone,
    /// A JSON number.
    Number,
    /// `true` or `false`.
    Checkbox,
    /// `YYYY-MM-DD`.
    Date,
    /// ISO 8601 with `Z`.
    DateTime,
    /// ISO 3166-1 alpha-2, upper case.
    Country,
    /// One of the field's options; any text when none are listed.
    Option,
    /// Always an array of record ids.
    Link,
}

const TYPE_NAMES: [(&str, FieldType); 11] = [
    ("text", FieldType::Text),
    ("email", FieldType::Email),
    ("person", FieldType::Person),
    ("phone", FieldType::Phone),
    ("number", FieldType::Number),
    ("checkbox", FieldType::Checkbox),
    ("date", FieldType::Date),
    ("datetime", FieldType::DateTime),
    ("country", FieldType::Country),
    ("option", FieldType::Option),
    ("link", FieldType::Link),
];

/// A field of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Display name, which is the key in `fields`.
    pub(super) name: String,
    /// What values it takes.
    pub(super) kind: FieldType,
    /// Whether it holds several.
    pub(super) multi: bool,
    /// The allowed texts of an option field; empty allows any.
    pub(super) options: Vec<String>,
}

/// Name, type and options of a folder as the account's owner defined it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    /// 24 hex digits.
    pub(super) id: String,
    /// Display name.
    pub(super) name: String,
    /// Whether the user may create records in it.
    pub(super) writable: bool,
    /// In the order shown.
    pub(super) fields: Vec<Field>,
}

impl Definition {
    /// The field of that exact name.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The definition as JSON, for the admin surface and snapshots.
    pub(super) fn to_json(&self) -> Value {
        let fields: Vec<Value> = self.fields.iter().map(Field::to_json).collect();
        json!({"id": self.id, "name": self.name, "writable": self.writable, "fields": fields})
    }

    /// Reads what [`Definition::to_json`] writes; `id` and `writable` may be missing.
    ///
    /// # Errors
    /// When a key is missing, unknown, or of the wrong type.
    pub(super) fn from_json(value: &Value, fresh_id: &str) -> Result<Self, String> {
        only_keys(value, "folder", &["id", "name", "writable", "fields"])?;
        let id = match value.get("id") {
            None => fresh_id.to_owned(),
            Some(id) => {
                id.as_str().filter(|id| is_id(id)).ok_or("folder: `id` is not 24 hex digits")?.to_owned()
            }
        };
        let name = text(value, "folder", "name")?;
        let writable = flag(value, "folder", "writable", true)?;
        let entries = value.get("fields").and_then(Value::as_array).ok_or("folder: `fields` is missing")?;
        let fields: Vec<Field> = entries.iter().map(Field::from_json).collect::<Result<_, _>>()?;
        for (at, field) in fields.iter().enumerate() {
            if fields[..at].iter().any(|earlier| earlier.name == field.name) {
                return Err(format!("folder `{name}`: field `{}` comes twice", field.name));
            }
        }
        Ok(Self { id, name, writable, fields })
    }
}

impl Field {
    fn to_json(&self) -> Value {
        let kind = TYPE_NAMES.iter().find(|(_, kind)| *kind == self.kind).map_or("text", |(name, _)| *name);
        let mut entry = json!({"name": self.name, "type": kind, "multi": self.multi});
        if !self.options.is_empty() {
            entry["options"] = json!(self.options);
        }
        entry
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        only_keys(value, "field", &["name", "type", "multi", "options"])?;
        let kind = text(value, "field", "type")?;
        let options = match value.get("options") {
            None => Vec::new(),
            Some(list) => serde_json::from_value(list.clone())
                .map_err(|_| "field: `options` is not a list of texts".to_owned())?,
        };
        Ok(Self {
            name: text(value, "field", "name")?,
            kind: TYPE_NAMES
                .iter()
                .find(|(name, _)| *name == kind)
                .map(|(_, kind)| *kind)
                .ok_or_else(|| format!("field: unknown type `{kind}`"))?,
            multi: flag(value, "field", "multi", false)?,
            options,
        })
    }
}

/// Whether `text` looks like an id: 24 lower-case hex digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Contacts, Companies and Deals, as the design of the simulator lists them.
pub(super) fn at_start() -> Vec<Definition> {
    vec![
        definition("60672149a1c0ffee0000c001", "Contacts", CONTACTS),
        definition("60672149a1c0ffee0000c002", "Companies", COMPANIES),
        definition("60672149a1c0ffee0000c003", "Deals", DEALS),
    ]
}

/// `name: type`, with `*` for several values and the options after the type.
const CONTACTS: &str = "\
Name: text
Email: email*
Phone: phone*
Company: link*
Co-workers: link*
Country: country
Country of birth: country
Birthday: date
VIP: checkbox
Score: number
Tags: text*
Status: option New/Won/Lost
Interests: option*
Owner: person
Zip: text
Address: text
Notes: text
External ID: text
Site: text
Last call: datetime
Employed: checkbox
Salary: number
Keywords: text*
Primary Email Address: email
Other Email Addresses: email*";

const COMPANIES: &str = "\
Name: text
Domain: text
Country: country
Employees: number
Key contacts: link*
Parent: link
Tags: text*
Notes: text";

const DEALS: &str = "\
Name: text
Stage: option
Amount: number
Contact: link*
Company: link*
Close date: date
Notes: text";

fn definition(id: &str, name: &str, lines: &str) -> Definition {
    let fields = lines.lines().filter_map(field_line).collect();
    Definition { id: id.to_owned(), name: name.to_owned(), writable: true, fields }
}

fn field_line(line: &str) -> Option<Field> {
    let (name, rest) = line.split_once(": ")?;
    let (kind, options) = rest.split_once(' ').unwrap_or((rest, ""));
    let (_, field_type) = TYPE_NAMES.iter().find(|(name, _)| *name == kind.trim_end_matches('*'))?;
    Some(Field {
        name: name.to_owned(),
        kind: *field_type,
        multi: kind.ends_with('*'),
        options: options.split('/').filter(|option| !option.is_empty()).map(str::to_owned).collect(),
    })
}

fn only_keys(value: &Value, what: &str, known: &[&str]) -> Result<(), String> {
    let map = value.as_object().ok_or_else(|| format!("{what}: an object is expected"))?;
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("{what}: unknown key `{key}`")),
        None => Ok(()),
    }
}

fn text(value: &Value, what: &str, key: &str) -> Result<String, String> {
    let text = value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| format!("{what}: `{key}` is missing"))
}

fn flag(value: &Value, what: &str, key: &str, default: bool) -> Result<bool, String> {
    match value.get(key) {
        None => Ok(default),
        Some(flag) => flag.as_bool().ok_or_else(|| format!("{what}: `{key}` is not true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_folders_have_all_their_fields() {
        let folders = at_start();
        let sizes: Vec<(&str, usize)> =
            folders.iter().map(|folder| (folder.name.as_str(), folder.fields.len())).collect();
        assert_eq!(sizes, [("Contacts", 25), ("Companies", 8), ("Deals", 7)]);
        assert!(folders.iter().all(|folder| is_id(&folder.id)));
        let status = folders[0].field("Status").unwrap();
        assert_eq!(status.options, ["New", "Won", "Lost"]);
        assert!(folders[0].field("Interests").unwrap().multi);
        assert_eq!(folders[0].field("Last call").unwrap().kind, FieldType::DateTime);
        assert_eq!(folders[0].field("email"), None, "names are exact");
    }

    #[test]
    fn a_definition_survives_json() {
        for folder in at_start() {
            assert_eq!(Definition::from_json(&folder.to_json(), "x").unwrap(), folder);
        }
    }

    #[test]
    fn a_wrong_definition_is_refused() {
        let bad = [
            json!([]),
            json!({"name": "A"}),
            json!({"name": "A", "fields": [], "colour": 1}),
            json!({"name": "A", "fields": [{"name": "F", "type": "money"}]}),
            json!({"name": "A", "fields": [{"name": "F", "type": "text"}, {"name": "F", "type": "text"}]}),
            json!({"name": "A", "id": "zz", "fields": []}),
        ];
        for value in bad {
            assert!(Definition::from_json(&value, "60672149a1c0ffee0000c009").is_err(), "{value}");
        }
    }
}
