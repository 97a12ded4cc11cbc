//! The older definitions of fields: fields in groups (reference, metadata of era A).

use serde_json::{Map, Value, json};

use super::Nimble;
use super::body::{json_body, optional_flag, text, texts};
use super::defaults::{CUSTOM, group_of_tab, tab_of_group};
use super::errors::{invalid, not_found};
use super::kinds::{Kind, Rule};
use super::metadata::{Choice, Field, Member, Metadata, RecordType, Tab, custom_text};
use crate::sim::exchange::{Reply, Request};

/// The standard groups with their record type; ids count in this order.
const GROUPS: &[(&str, &str)] = &[
    ("Basic Info", "both"),
    ("Company Info", "company"),
    ("Contact Info", "both"),
    ("Extra Info", "both"),
    ("Lead Details", "both"),
    ("Personal Info", "both"),
];

/// A name has at most so many characters (reference, metadata; custom field names in queries).
const NAME: usize = 150;
/// The types of presentation of the older description; the current one has further ones (reference,
/// presentations).
const OLDEST: [&str; 5] =
    ["single-line-text-box", "multi-line-text-box", "select-box", "separator", "address"];

impl Metadata {
    /// `{"fields": .., "groups": ..}` as `GET /contacts/metadata` gives it.
    pub(super) fn json(&self) -> Value {
        let mut fields = Map::new();
        let mut groups: Map<String, Value> =
            GROUPS
                .iter()
                .enumerate()
                .map(|(place, (name, kind))| (*name, group_json(&standard_id(place), name, kind, true)))
                .chain(self.custom_tabs().map(|tab| {
                    (tab.name.as_str(), group_json(&tab.id, &tab.name, types(tab.only_for), false))
                }))
                .map(|(name, group)| (name.to_owned(), group))
                .collect();
        // Tabs first: they know the order of custom fields.
        let placed: Vec<&Field> =
            self.custom_tabs().flat_map(Tab::fields).filter_map(|serial| self.by_serial(serial)).collect();
        let elsewhere =
            self.fields().iter().filter(|field| !placed.iter().any(|placed| placed.serial == field.serial));
        for field in elsewhere.chain(placed.iter().copied()) {
            let group = self.group_name(field);
            fields.insert(field.name.clone(), self.entries(field));
            if self.custom_tabs().any(|tab| tab.unlisted.contains(&field.serial)) {
                continue;
            }
            if let Some(order) = groups.get_mut(group).and_then(|group| group["order"].as_array_mut()) {
                order.push(json!(field.name));
            }
        }
        json!({"fields": fields, "groups": groups})
    }

    /// The entries of a field, one for each modifier.
    fn entries(&self, field: &Field) -> Value {
        let entries = field.pairs().map(|(id, modifier)| {
            json!({
                "id": id, "name": field.name, "label": field.name, "modifier": modifier,
                "group": self.group_name(field), "presentation": presentation(field),
                "multiples": field.multiples, "read_only": field.kind == Kind::ReadOnly,
            })
        });
        entries.collect()
    }

    /// The group a field is shown in.
    fn group_name<'a>(&'a self, field: &'a Field) -> &'a str {
        match (&field.group, self.tab_of(field.serial)) {
            (Some(group), _) => group,
            (None, Some(tab)) if tab.is_standard => group_of_tab(&tab.name),
            (None, Some(tab)) => &tab.name,
            (None, None) => CUSTOM,
        }
    }

    fn custom_tabs(&self) -> impl Iterator<Item = &Tab> {
        self.tabs.iter().filter(|tab| !tab.is_standard)
    }
}

impl Nimble {
    /// `POST /contacts/metadata/fields`.
    pub(super) fn create_legacy_field(&mut self, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let (mut field, group) = self.legacy_field(&body, None)?;
        let (tab, standard) = self.group(&group)?;
        field.group = standard;
        field.only_for = self.metadata.tabs[tab].only_for;
        let serial = self.metadata.add(field);
        self.metadata.tabs[tab].members.push(Member::Field(serial));
        Ok(self.legacy_shown(serial, 201).with_effect("create", "field"))
    }

    /// `PUT /contacts/metadata/fields/{id}`: name, group and presentation anew.
    pub(super) fn update_legacy_field(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let old = self.custom_field(id)?;
        let (new, group) = self.legacy_field(&body, Some(&old))?;
        let (tab, standard) = self.group(&group)?;
        self.rename_values(&old.name, &new.name);
        let only_for = self.metadata.tabs[tab].only_for;
        self.metadata.change(old.serial, |field| {
            (field.name, field.kind, field.rule) = (new.name, new.kind, new.rule);
            (field.choices, field.presentation, field.older) = (new.choices, new.presentation, new.older);
            (field.group, field.only_for) = (standard, only_for);
        });
        if !self.metadata.tabs[tab].fields().any(|serial| serial == old.serial) {
            self.metadata.displace(old.serial);
            self.metadata.tabs[tab].members.push(Member::Field(old.serial));
        }
        Ok(self.legacy_shown(old.serial, 200).with_effect("update", "field"))
    }

    /// `DELETE /contacts/metadata/fields/{id}`; a field with values only by force.
    pub(super) fn delete_legacy_field(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let force = force(request)?;
        let field = self.custom_field(id)?;
        if !force && self.uses(&field.name) > 0 {
            return Err(invalid("the field has values; `force` deletes it with them"));
        }
        self.drop_field(&field);
        Ok(Reply { body: Vec::new(), ..Reply::json(200, &json!({})) }.with_effect("delete", "field"))
    }

    /// `POST /contacts/metadata/groups`.
    pub(super) fn create_legacy_group(&mut self, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let (name, only_for) = (self.group_name_of(&body, None)?, group_type(&body)?);
        let id = self.metadata.fresh_id();
        let reply = Reply::json(201, &group_json(&id, &name, types(only_for), false));
        self.metadata.tabs.push(Tab {
            id,
            name,
            only_for,
            is_standard: false,
            members: Vec::new(),
            unlisted: Vec::new(),
        });
        Ok(reply.with_effect("create", "group"))
    }

    /// `PUT /contacts/metadata/groups/{id}`: type, name and order of its fields; custom groups alone.
    pub(super) fn update_legacy_group(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let place = self.custom_group(id)?;
        let (name, only_for) = (self.group_name_of(&body, Some(id))?, group_type(&body)?);
        let mut listed = Vec::new();
        for name in texts(body.get("order"), "order")? {
            let serial = self.metadata.field(&name).map(|field| field.serial);
            let serial = serial.filter(|serial| self.metadata.tabs[place].fields().any(|own| own == *serial));
            listed.push(serial.ok_or_else(|| invalid(&format!("`{name}` is not in the group")))?);
        }
        let tab = &mut self.metadata.tabs[place];
        // What the order leaves out stays in the group, behind what it names: only a delete takes fields away.
        let rank = |member: &Member| match member {
            Member::Field(serial) => listed.iter().position(|named| named == serial).unwrap_or(listed.len()),
            Member::Group { .. } => listed.len(),
        };
        tab.members.sort_by_key(rank);
        tab.unlisted = tab.fields().filter(|serial| !listed.contains(serial)).collect();
        (tab.name, tab.only_for) = (name.clone(), only_for);
        let reply = Reply::json(200, &self.metadata.json()["groups"][name]);
        Ok(reply.with_effect("update", "group"))
    }

    /// `DELETE /contacts/metadata/groups/{id}`; a group with fields only by force, which takes them along.
    pub(super) fn delete_legacy_group(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let force = force(request)?;
        let place = self.custom_group(id)?;
        let serials: Vec<usize> = self.metadata.tabs[place].fields().collect();
        if !force && !serials.is_empty() {
            return Err(invalid("the group has fields; `force` deletes it with them"));
        }
        self.drop_fields(&serials);
        self.metadata.tabs.remove(place);
        Ok(Reply { body: Vec::new(), ..Reply::json(200, &json!({})) }.with_effect("delete", "group"))
    }

    fn legacy_shown(&self, serial: usize, status: u16) -> Reply {
        let field = self.metadata.by_serial(serial);
        Reply::json(status, &field.map_or(Value::Null, |field| self.metadata.entries(field)[0].clone()))
    }

    /// The field a body describes and its `group_id`.
    fn legacy_field(&self, body: &Map<String, Value>, old: Option<&Field>) -> Result<(Field, String), Reply> {
        let name = text(body, "name")?.trim();
        self.check_field_name(name, NAME, old)?;
        let group = text(body, "group_id")?.to_owned();
        let presentation = body.get("presentation").and_then(Value::as_object);
        let presentation =
            presentation.ok_or_else(|| invalid("`presentation` is an object, empty at least"))?;
        let mut field = custom_text(name);
        field.older = older_form(presentation)?;
        let kind = presentation.get("type").map(|kind| kind.as_str().unwrap_or_default());
        if let Some(kind) = kind.filter(|kind| !self.knobs.is_current() && !OLDEST.contains(kind)) {
            return Err(invalid(&format!("no such presentation: `{kind}`")));
        }
        match kind {
            // It holds nothing, so nobody can write to it.
            Some("separator") => field.kind = Kind::ReadOnly,
            None | Some("single-line-text-box" | "phone" | "date-wo-year") => {}
            Some("email") => field.rule = Some(Rule::Email),
            Some("url") => field.rule = Some(Rule::Url),
            Some("multi-line-text-box") => field.kind = Kind::LongText,
            Some("address") => field.kind = Kind::Address,
            Some("boolean") => field.kind = Kind::Boolean,
            Some("objectid") => field.kind = Kind::User,
            Some("numeric-general" | "numeric-scientific") => {
                field.kind = Kind::Number;
                field.presentation = json!({"number_type": "decimal", "fraction_digits": 2});
            }
            Some("date") => {
                field.kind = Kind::Datetime;
                field.presentation = json!({"date_format": null, "ignore_specific_time": true});
            }
            Some("select-box") => {
                field.kind = Kind::Choice;
                field.choices = choices(presentation.get("values"))?;
            }
            Some(other) => return Err(invalid(&format!("no such presentation: `{other}`"))),
        }
        Ok((field, group))
    }

    /// The place of the tab behind a group's id, and the group's name when it is a standard one.
    fn group(&self, id: &str) -> Result<(usize, Option<String>), Reply> {
        let standard = GROUPS.iter().enumerate().find(|(place, _)| standard_id(*place) == id);
        let tab = |is_it: &dyn Fn(&Tab) -> bool| self.metadata.tabs.iter().position(is_it);
        let found = match standard {
            Some((_, (name, _))) => {
                let place = tab(&|tab| tab.is_standard && tab.name == tab_of_group(name));
                place.map(|place| (place, Some((*name).to_owned())))
            }
            None => tab(&|tab| !tab.is_standard && tab.id == id).map(|place| (place, None)),
        };
        found.ok_or_else(|| not_found("contact fields group", id))
    }

    fn custom_group(&self, id: &str) -> Result<usize, Reply> {
        match self.group(id)? {
            (place, None) => Ok(place),
            (_, Some(name)) => Err(invalid(&format!("`{name}` is a standard group"))),
        }
    }

    fn group_name_of(&self, body: &Map<String, Value>, own: Option<&str>) -> Result<String, Reply> {
        let name = text(body, "name")?.trim();
        let taken =
            GROUPS.iter().any(|(standard, _)| standard.eq_ignore_ascii_case(name))
                || self.metadata.tabs.iter().any(|tab| {
                    tab.name.to_lowercase() == name.to_lowercase() && Some(tab.id.as_str()) != own
                });
        if name.is_empty() || name.chars().count() > NAME || taken {
            return Err(invalid("`name` of a group is a text that no other group has"));
        }
        Ok(name.to_owned())
    }
}

/// Type and width of a presentation, as far as they are given; widths come as texts and as numbers, and are shown
/// as texts (reference, presentations).
fn older_form(presentation: &Map<String, Value>) -> Result<Value, Reply> {
    let mut form = Map::new();
    if let Some(kind) = presentation.get("type") {
        form.insert("type".to_owned(), kind.clone());
    }
    if let Some(width) = presentation.get("width") {
        let text = width.as_str().map_or_else(|| width.to_string(), str::to_owned);
        if !matches!(text.as_str(), "1" | "2") {
            return Err(invalid("`width` of a presentation is 1 or 2"));
        }
        form.insert("width".to_owned(), Value::String(text));
    }
    Ok(Value::Object(form))
}

/// The choices of a select-box; ids that are left out are given.
fn choices(values: Option<&Value>) -> Result<Vec<Choice>, Reply> {
    let values = values.and_then(Value::as_array).ok_or_else(|| invalid("`values` is a list"))?;
    let mut choices: Vec<Choice> = Vec::new();
    for value in values {
        let text = value["value"].as_str().ok_or_else(|| invalid("a choice has a `value`"))?;
        // The reference's examples show ids as texts and as numbers.
        let id = match &value["id"] {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => next_choice(&choices),
        };
        if choices.iter().any(|choice| choice.id == id) {
            return Err(invalid(&format!("two choices have the id `{id}`")));
        }
        choices.push(Choice { id, value: text.to_owned() });
    }
    Ok(choices)
}

fn next_choice(choices: &[Choice]) -> String {
    let highest = choices.iter().filter_map(|choice| choice.id.parse::<u64>().ok()).max();
    (highest.unwrap_or(0) + 1).to_string()
}

fn presentation(field: &Field) -> Value {
    let width = if matches!(field.kind, Kind::LongText | Kind::Address) { "2" } else { "1" };
    let mut presentation = json!({"type": field.kind.presentation(), "width": width});
    match field.rule {
        Some(Rule::Email) => presentation["type"] = json!("email"),
        Some(Rule::Url) => presentation["type"] = json!("url"),
        Some(Rule::Birthday) | None => {}
    }
    for (key, value) in field.older.as_object().into_iter().flatten() {
        presentation[key.as_str()] = value.clone();
    }
    if field.kind == Kind::Choice {
        presentation["values"] = json!(field.choices);
        presentation["next_id"] = json!(next_choice(&field.choices));
    }
    presentation
}

fn group_json(id: &str, name: &str, kind: &str, is_standard: bool) -> Value {
    json!({"id": id, "name": name, "label": name, "order": [], "is_standard": is_standard, "type": kind})
}

/// A record type, or both.
pub(super) fn types(only_for: Option<RecordType>) -> &'static str {
    only_for.map_or("both", RecordType::name)
}

fn group_type(body: &Map<String, Value>) -> Result<Option<RecordType>, Reply> {
    match text(body, "type")? {
        "both" => Ok(None),
        name => match RecordType::parse(name) {
            Some(record_type) => Ok(Some(record_type)),
            None => Err(invalid("`type` is person, company or both")),
        },
    }
}

fn standard_id(place: usize) -> String {
    format!("6a00000000000000{place:08x}")
}

/// `force` of a delete's body, which may be left out whole.
fn force(request: &Request) -> Result<bool, Reply> {
    if request.body.is_empty() {
        return Ok(false);
    }
    Ok(optional_flag(&json_body(request)?, "force")?.unwrap_or(false))
}
