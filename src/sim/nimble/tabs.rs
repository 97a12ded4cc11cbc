//! The newer definitions of fields: tabs that hold fields and groups of fields (reference, metadata of eras B
//! and C). Choices are in `choices.rs`.

use serde_json::{Map, Value, json};

use super::Nimble;
use super::body::{json_body, optional_flag, text, texts};
use super::errors::{invalid, not_found, preflight};
use super::groups::types;
use super::kinds::{Kind, Rule};
use super::metadata::{Choice, Field, Member, Metadata, RecordType, Tab, custom_text};
use crate::sim::exchange::{Reply, Request};

/// Names of fields, groups and tabs have 1 to so many characters (reference, metadata).
const NAME: usize = 50;

impl Metadata {
    /// The list of `GET /contacts/fields`.
    pub(super) fn tabs_json(&self) -> Value {
        self.tabs.iter().map(|tab| self.tab_json(tab)).collect()
    }

    /// One tab with everything in it.
    pub(super) fn tab_json(&self, tab: &Tab) -> Value {
        let fields = |serials: &[usize]| -> Vec<Value> {
            let fields = serials.iter().filter_map(|serial| self.by_serial(*serial));
            fields.flat_map(field_entries).collect()
        };
        let mut members = Vec::new();
        for member in &tab.members {
            match member {
                Member::Field(serial) => members.extend(fields(std::slice::from_ref(serial))),
                Member::Group { id, name, logo_id, fields: serials } => members.push(json!({
                    "type": "group", "name": name, "group_id": id, "logo_id": logo_id, "fields": fields(serials),
                })),
            }
        }
        json!({
            "tab_id": tab.id, "tab_name": tab.name, "contact_types": types(tab.only_for),
            "is_standard": tab.is_standard, "members": members,
            "available_actions": if tab.is_standard { "rearrange_only" } else { "edit_all" },
        })
    }

    /// The place in a list of members that `insert_after` means: first for null.
    fn place_after(&self, members: &[Member], after: Option<&str>) -> Result<usize, Reply> {
        let Some(after) = after else { return Ok(0) };
        let serial = self.by_id(after).map(|(field, _)| field.serial);
        let place = members.iter().position(|member| match member {
            Member::Field(field) => Some(*field) == serial,
            Member::Group { id, .. } => id == after,
        });
        place.map(|place| place + 1).ok_or_else(|| invalid("`insert_after` is not in that place"))
    }

    /// Puts a field into a tab, or a group of it, behind another member.
    fn put_in(
        &mut self,
        tab: usize,
        group: Option<&str>,
        after: Option<&str>,
        serial: usize,
    ) -> Result<(), Reply> {
        let own = self.by_serial(serial).and_then(|field| field.pairs().next()).map(|(id, _)| id);
        // Behind itself is where it is.
        let after = if after.is_some() && after == own.as_deref() { None } else { after };
        let Some(group) = group else {
            let others: Vec<Member> =
                self.tabs[tab].members.iter().filter(|m| **m != Member::Field(serial)).cloned().collect();
            let place = self.place_after(&others, after)?;
            self.displace(serial);
            self.tabs[tab].members.insert(place, Member::Field(serial));
            return Ok(());
        };
        let index =
            group_place(&self.tabs[tab], group).ok_or_else(|| not_found("contact fields group", group))?;
        let Member::Group { fields, .. } = &self.tabs[tab].members[index] else { return Ok(()) };
        let others: Vec<Member> =
            fields.iter().filter(|field| **field != serial).map(|field| Member::Field(*field)).collect();
        let place = self.place_after(&others, after)?;
        self.displace(serial);
        if let Some(Member::Group { fields, .. }) =
            self.tabs[tab].members.iter_mut().find(|m| matches!(m, Member::Group { id, .. } if id == group))
        {
            fields.insert(place, serial);
        }
        Ok(())
    }
}

fn group_place(tab: &Tab, group: &str) -> Option<usize> {
    tab.members.iter().position(|member| matches!(member, Member::Group { id, .. } if id == group))
}

impl Nimble {
    /// `POST /contacts/fields`.
    pub(super) fn create_field(&mut self, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let name = text(&body, "name")?.trim();
        self.check_field_name(name, NAME, None)?;
        let mut field = custom_text(name);
        read_kind(&body, &mut field)?;
        field.presentation = presentation(body.get("presentation"), field.kind)?;
        field.multiples = optional_flag(&body, "multiples")?.unwrap_or(false);
        let tab = self.tab_place(text(&body, "tab_id")?)?;
        let (group, after) = (nullable(&body, "group_id")?, nullable(&body, "insert_after")?);
        field.only_for = self.metadata.tabs[tab].only_for;
        let serial = self.metadata.add(field);
        if let Err(refusal) = self.metadata.put_in(tab, group.as_deref(), after.as_deref(), serial) {
            self.metadata.remove(serial);
            return Err(refusal);
        }
        Ok(self.shown_tab(tab).with_effect("create", "field"))
    }

    /// `PUT /contacts/fields/{id}`: what is sent changes; kind and `multiples` cannot.
    pub(super) fn update_field(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let old = self.custom_field(id)?;
        let mut new = old.clone();
        if body.contains_key("name") {
            text(&body, "name")?.trim().clone_into(&mut new.name);
            self.check_field_name(&new.name, NAME, Some(&old))?;
        }
        if body.contains_key("field_type") {
            read_kind(&body, &mut new)?;
            // The form of before may not suit a new rule.
            if let Some(older) = new.older.as_object_mut() {
                older.remove("type");
            }
        }
        let multiples = optional_flag(&body, "multiples")?.unwrap_or(old.multiples);
        if new.kind != old.kind || multiples != old.multiples {
            return Err(invalid("the type of a field and `multiples` cannot be changed"));
        }
        if body.contains_key("presentation") {
            new.presentation = presentation(body.get("presentation"), new.kind)?;
        }
        let tab = self.metadata.tab_of(old.serial).map(|tab| tab.id.clone()).unwrap_or_default();
        let tab = self.tab_place(body.get("tab_id").and_then(Value::as_str).unwrap_or(&tab))?;
        if ["tab_id", "group_id", "insert_after"].iter().any(|key| body.contains_key(*key)) {
            let in_group = self.metadata.tabs[tab].members.iter().find_map(|member| match member {
                Member::Group { id, fields, .. } if fields.contains(&old.serial) => Some(id.clone()),
                _ => None,
            });
            let group = if body.contains_key("group_id") { nullable(&body, "group_id")? } else { in_group };
            let after =
                if body.contains_key("insert_after") { nullable(&body, "insert_after")? } else { None };
            self.metadata.put_in(tab, group.as_deref(), after.as_deref(), old.serial)?;
            new.only_for = self.metadata.tabs[tab].only_for;
        }
        self.rename_values(&old.name, &new.name);
        self.metadata.change(old.serial, |field| *field = new);
        Ok(self.shown_tab(tab).with_effect("update", "field"))
    }

    /// `DELETE /contacts/fields/{id}`.
    pub(super) fn delete_field(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let field = self.custom_field(id)?;
        self.check_uses(request, &[field.serial])?;
        self.drop_field(&field);
        Ok(empty().with_effect("delete", "field"))
    }

    /// `POST /contacts/fields/groups`.
    pub(super) fn create_group(&mut self, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let name = short_name(&body, "name")?;
        let logo_id = text(&body, "logo_id")?.to_owned();
        let tab = self.tab_place(text(&body, "tab_id")?)?;
        let after = nullable(&body, "insert_after")?;
        let place = self.metadata.place_after(&self.metadata.tabs[tab].members, after.as_deref())?;
        let id = self.metadata.fresh_id();
        let group = Member::Group { id, name, logo_id, fields: Vec::new() };
        self.metadata.tabs[tab].members.insert(place, group);
        Ok(self.shown_tab(tab).with_effect("create", "group"))
    }

    /// `PUT /contacts/fields/groups/{id}`.
    pub(super) fn update_group(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let (tab, place) = self.group_in_tab(id)?;
        let new_name = body.contains_key("name").then(|| short_name(&body, "name")).transpose()?;
        let new_logo = body.contains_key("logo_id").then(|| text(&body, "logo_id")).transpose()?;
        let mut members = self.metadata.tabs[tab].members.clone();
        let mut group = members.remove(place);
        let place = match body.contains_key("insert_after") {
            true => self.metadata.place_after(&members, nullable(&body, "insert_after")?.as_deref())?,
            false => place,
        };
        if let Member::Group { name, logo_id, .. } = &mut group {
            new_name.into_iter().for_each(|new| *name = new);
            new_logo.into_iter().for_each(|new| new.clone_into(logo_id));
        }
        members.insert(place, group);
        self.metadata.tabs[tab].members = members;
        Ok(self.shown_tab(tab).with_effect("update", "group"))
    }

    /// `DELETE /contacts/fields/groups/{id}`, its fields with it.
    pub(super) fn delete_group(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let (tab, place) = self.group_in_tab(id)?;
        let serials = match &self.metadata.tabs[tab].members[place] {
            Member::Group { fields, .. } => fields.clone(),
            Member::Field(serial) => vec![*serial],
        };
        self.check_uses(request, &serials)?;
        self.drop_fields(&serials);
        self.metadata.tabs[tab].members.retain(|m| !matches!(m, Member::Group { id: own, .. } if own == id));
        Ok(empty().with_effect("delete", "group"))
    }

    /// `POST /contacts/fields/tabs`: here the types are a list, in answers one word.
    pub(super) fn create_tab(&mut self, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let name = short_name(&body, "tab_name")?;
        let only_for = match texts(body.get("contact_types"), "contact_types")?.as_slice() {
            [one] => Some(RecordType::parse(one).ok_or_else(|| invalid("no such contact type"))?),
            [one, two] if RecordType::parse(one).is_some() && RecordType::parse(two).is_some() => None,
            _ => return Err(invalid("`contact_types` lists person, company or both")),
        };
        let place = self.tab_after(nullable(&body, "insert_after")?.as_deref())?;
        let id = self.metadata.fresh_id();
        self.metadata.tabs.insert(
            place,
            Tab { id, name, only_for, is_standard: false, members: Vec::new(), unlisted: Vec::new() },
        );
        Ok(self.shown_tab(place).with_effect("create", "tab"))
    }

    /// `PUT /contacts/fields/tabs/{id}`; a standard tab can only be moved.
    pub(super) fn update_tab(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let mut place = self.tab_place(id)?;
        let edited = body.contains_key("tab_name") || body.contains_key("contact_types");
        if edited && self.metadata.tabs[place].is_standard {
            return Err(invalid("a standard tab can only be moved"));
        }
        let name = body.contains_key("tab_name").then(|| short_name(&body, "tab_name")).transpose()?;
        let only_for = match body.get("contact_types").map(|kind| kind.as_str().unwrap_or_default()) {
            None => self.metadata.tabs[place].only_for,
            Some("both") => None,
            Some(one) => Some(RecordType::parse(one).ok_or_else(|| invalid("no such contact type"))?),
        };
        if body.contains_key("insert_after") {
            let after = nullable(&body, "insert_after")?.filter(|after| after != id);
            let mut tab = self.metadata.tabs.remove(place);
            let found = self.tab_after(after.as_deref());
            let new_place = *found.as_ref().unwrap_or(&place);
            tab.only_for = only_for;
            self.metadata.tabs.insert(new_place, tab);
            found?;
            place = new_place;
        }
        let tab = &mut self.metadata.tabs[place];
        tab.only_for = only_for;
        name.into_iter().for_each(|name| tab.name = name);
        Ok(self.shown_tab(place).with_effect("update", "tab"))
    }

    /// `DELETE /contacts/fields/tabs/{id}` and, before, `DELETE /contacts/tabs/{id}`: its fields with it.
    pub(super) fn delete_tab(&mut self, id: &str, request: &Request) -> Result<Reply, Reply> {
        let place = self.tab_place(id)?;
        if self.metadata.tabs[place].is_standard {
            return Err(invalid("a standard tab cannot be deleted"));
        }
        let serials: Vec<usize> = self.metadata.tabs[place].fields().collect();
        self.check_uses(request, &serials)?;
        self.drop_fields(&serials);
        self.metadata.tabs.remove(place);
        Ok(empty().with_effect("delete", "tab"))
    }

    /// A tab as answers show it.
    pub(super) fn shown_tab(&self, place: usize) -> Reply {
        Reply::json(200, &self.metadata.tab_json(&self.metadata.tabs[place]))
    }

    /// 406 when checks are asked for and contacts have values in the fields.
    fn check_uses(&self, request: &Request, serials: &[usize]) -> Result<(), Reply> {
        if !wants_checks(request)? {
            return Ok(());
        }
        let names =
            serials.iter().filter_map(|serial| self.metadata.by_serial(*serial)).map(|field| &field.name);
        match names.map(|name| (name, self.uses(name))).find(|(_, uses)| *uses > 0) {
            Some((name, uses)) => {
                let message = format!("contacts have values in `{name}`");
                Err(preflight("x-simulated-field_in_use", &message, uses, &Self::uses_query(name)))
            }
            None => Ok(()),
        }
    }

    fn tab_place(&self, id: &str) -> Result<usize, Reply> {
        let place = self.metadata.tabs.iter().position(|tab| tab.id == id);
        place.ok_or_else(|| not_found("contact fields tab", id))
    }

    fn tab_after(&self, after: Option<&str>) -> Result<usize, Reply> {
        after.map_or(Ok(0), |after| self.tab_place(after).map(|place| place + 1))
    }

    fn group_in_tab(&self, id: &str) -> Result<(usize, usize), Reply> {
        let mut tabs = self.metadata.tabs.iter().enumerate();
        let found = tabs.find_map(|(tab, of)| group_place(of, id).map(|place| (tab, place)));
        found.ok_or_else(|| not_found("contact fields group", id))
    }
}

/// `preflight_checks`, which cannot be left out: in the query, or in the body as before.
pub(super) fn wants_checks(request: &Request) -> Result<bool, Reply> {
    let in_body = if request.body.is_empty() { None } else { Some(json_body(request)?) };
    let value = request.param("preflight_checks").map(|text| json!(text));
    let body = Map::from_iter(value.map(|value| ("preflight_checks".to_owned(), value)));
    let asked = match optional_flag(&body, "preflight_checks")? {
        Some(asked) => Some(asked),
        None => in_body.map_or(Ok(None), |body| optional_flag(&body, "preflight_checks"))?,
    };
    asked.ok_or_else(|| invalid("`preflight_checks` cannot be left out"))
}

/// 200 without a body.
pub(super) fn empty() -> Reply {
    Reply { body: Vec::new(), ..Reply::json(200, &Value::Null) }
}

/// A text or null that cannot be left out.
pub(super) fn nullable(body: &Map<String, Value>, key: &str) -> Result<Option<String>, Reply> {
    match body.get(key) {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(&format!("`{key}` is a text or null"))),
        None => Err(invalid(&format!("`{key}` cannot be left out"))),
    }
}

fn short_name(body: &Map<String, Value>, key: &str) -> Result<String, Reply> {
    let name = text(body, key)?.trim();
    if name.is_empty() || name.chars().count() > NAME {
        return Err(invalid(&format!("`{key}` has 1 to {NAME} characters")));
    }
    Ok(name.to_owned())
}

/// `field_type` of a body, written into `field`.
fn read_kind(body: &Map<String, Value>, field: &mut Field) -> Result<(), Reply> {
    let kind = body.get("field_type").ok_or_else(|| invalid("`field_type` cannot be left out"))?;
    let name = kind["field_kind"].as_str().unwrap_or_default();
    field.kind = Kind::creatable(name).ok_or_else(|| invalid(&format!("no such kind of field: `{name}`")))?;
    field.rule = match kind["validation_rule"]["type"].as_str() {
        Some("email") if field.kind == Kind::Text => Some(Rule::Email),
        Some("url") if field.kind == Kind::Text => Some(Rule::Url),
        None => None,
        Some(_) => return Err(invalid("no such validation rule for this kind")),
    };
    if field.kind == Kind::Choice
        && let Some(values) = kind["values"]["values"].as_array()
    {
        let choice = |value: &Value| {
            let text = |key: &str| value[key].as_str().map(str::to_owned);
            Some(Choice { id: text("id")?, value: text("value")? })
        };
        let choices: Option<Vec<Choice>> = values.iter().map(choice).collect();
        field.choices = choices.ok_or_else(|| invalid("a choice has `id` and `value`"))?;
    }
    Ok(())
}

/// Only numbers and dates have a presentation (reference, presentations of era C).
fn presentation(sent: Option<&Value>, kind: Kind) -> Result<Value, Reply> {
    let sent = sent.ok_or_else(|| invalid("`presentation` cannot be left out"))?;
    let good = match kind {
        Kind::Number => match sent["number_type"].as_str() {
            Some("integer") => true,
            Some("decimal" | "percentage") => {
                sent["fraction_digits"].as_u64().is_some_and(|digits| digits >= 1)
            }
            Some("financial") => sent.get("currency").is_some_and(|c| c.is_null() || c.is_string()),
            _ => false,
        },
        Kind::Datetime => match (sent.get("date_format"), sent.get("ignore_specific_time")) {
            (Some(Value::String(_)), Some(Value::Null)) => true,
            (Some(Value::Null), Some(ignore)) => ignore.is_null() || ignore.is_boolean(),
            _ => false,
        },
        _ => sent.is_null() || sent.as_object().is_some_and(Map::is_empty),
    };
    if good { Ok(sent.clone()) } else { Err(invalid("`presentation` does not fit the kind of the field")) }
}

fn field_entries(field: &Field) -> Vec<Value> {
    let mut kind = json!({"field_kind": field.kind.name()});
    match field.rule {
        Some(Rule::Email) => kind["validation_rule"] = json!({"type": "email"}),
        Some(Rule::Url) => kind["validation_rule"] = json!({"type": "url"}),
        Some(Rule::Birthday) | None => {}
    }
    if field.kind == Kind::Choice {
        kind["values"] = json!({"ordering_type": "ordinal", "values": field.choices});
    }
    let actions = match (field.is_standard, field.kind) {
        (false, _) => "edit_all",
        (true, Kind::Choice) => "edit_choices_only",
        (true, _) => "view_only",
    };
    let entry = |(id, modifier): (String, &str)| {
        json!({
            "type": "field", "name": field.name, "field_id": id, "modifier": modifier,
            "multiples": field.multiples, "read_only": field.kind == Kind::ReadOnly, "field_type": kind,
            "presentation": field.presentation, "available_actions": actions,
        })
    };
    field.pairs().map(entry).collect()
}
