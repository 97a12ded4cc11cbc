//! Requests that change contacts: create, update, tags. Deletes are in `delete.rs`.
//!
//! Each either does all of its work or nothing: whatever is wrong is found before the first change.

use serde_json::{Map, Value, json};

use super::body::{json_body, optional_flag, optional_text};
use super::errors::{Findings, forbidden, invalid, not_found, quota};
use super::kinds::Kind;
use super::merge::{FieldValue, Sent, merged};
use super::metadata::{Metadata, RecordType};
use super::read::{flag, id_list, split_escaped};
use super::store::Contact;
use super::{Nimble, USERS};
use crate::sim::exchange::{Reply, Request};

/// The most tags of a create (reference, create).
const TAGS_ON_CREATE: usize = 5;

/// The values sent for one field; `None` clears the whole field (the form from before 2013).
type SentField = (String, Option<Vec<Sent>>);

impl Nimble {
    /// `POST /contact`.
    pub(super) fn create(&mut self, now_ms: i64, request: &Request) -> Reply {
        self.try_create(now_ms, request).unwrap_or_else(|refusal| refusal)
    }

    fn try_create(&mut self, now_ms: i64, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let record_type = body.get("record_type").or_else(|| body.get("type")).and_then(Value::as_str);
        let record_type = record_type
            .and_then(RecordType::parse)
            .ok_or_else(|| invalid("`record_type` is person or company and cannot be left out"))?;
        let fields = body.get("fields").ok_or_else(|| invalid("`fields` cannot be left out"))?;
        let avatar_url = avatar_url(&body)?;
        let tags = match body.get("tags") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => split_escaped(text),
            Some(_) => return Err(invalid("`tags` is one text with commas")),
        };
        if tags.len() > TAGS_ON_CREATE {
            return Err(invalid(&format!("at most {TAGS_ON_CREATE} tags")));
        }
        let sent = read_fields(fields, &self.metadata, record_type)?;
        let mut contact = self.blank(now_ms, record_type, "api");
        contact.avatar_url = avatar_url;
        self.apply(&mut contact, &sent, false)?;
        contact.set("source", FieldValue::plain("m"));
        self.read_newer_keys(&mut contact, &body, true)?;
        for tag in tags {
            let place = self.store.tag(&tag);
            if !contact.tags.contains(&place) {
                contact.tags.push(place);
            }
        }
        self.check_quota(&contact, true)?;
        let id = self.add(now_ms, contact, "parent company");
        Ok(self.bare(self.knobs.create_status(), &id).with_effect("create", &id))
    }

    /// `PUT /contact/{id}`.
    pub(super) fn update(&mut self, now_ms: i64, id: &str, request: &Request) -> Reply {
        self.try_update(now_ms, id, request).unwrap_or_else(|refusal| refusal)
    }

    fn try_update(&mut self, now_ms: i64, id: &str, request: &Request) -> Result<Reply, Reply> {
        id_list(id)?;
        // The older and the newer name of the mode; either one set to 1 means replace.
        let replace = flag(request, "replace", false)? | flag(request, "type", false)?;
        let body = json_body(request)?;
        let important = self.knobs.is_current() && body.contains_key("is_important");
        if !body.contains_key("fields") && !body.contains_key("avatar_url") && !important {
            return Err(invalid("one of `fields` and `avatar_url` is needed"));
        }
        let slot = self.store.slot(id).ok_or_else(|| not_found("contact", id))?;
        let mut contact = self.store.at(slot).cloned().ok_or_else(|| not_found("contact", id))?;
        if contact.is_locked {
            return Err(forbidden("the contact's privacy keeps the user from changing it"));
        }
        self.read_newer_keys(&mut contact, &body, false)?;
        if body.contains_key("avatar_url") {
            contact.avatar_url = avatar_url(&body)?;
        }
        if let Some(fields) = body.get("fields") {
            let sent = read_fields(fields, &self.metadata, contact.record_type)?;
            self.apply(&mut contact, &sent, replace)?;
        }
        self.check_quota(&contact, false)?;
        contact.updated_ms = now_ms;
        contact.updater = Some(USERS[0].1.to_owned());
        self.put(now_ms, slot, contact);
        Ok(self.bare(200, id).with_effect("update", id))
    }

    /// `PUT /contacts/{id}/tags`: the whole set anew; the answer is an empty object, today the contact.
    pub(super) fn put_tags(&mut self, now_ms: i64, id: &str, request: &Request) -> Reply {
        let tags = id_list(id).and_then(|_| json_body(request)).and_then(|body| {
            let tags =
                body.get("tags").and_then(Value::as_array).ok_or_else(|| invalid("`tags` is a list"))?;
            let text = |tag: &Value| {
                let text = tag.as_str().map(str::trim).filter(|text| !text.is_empty());
                text.map(str::to_owned).ok_or_else(|| invalid("a tag is a text"))
            };
            tags.iter().map(text).collect::<Result<Vec<_>, _>>()
        });
        let tags = match tags {
            Ok(tags) => tags,
            Err(refusal) => return refusal,
        };
        let Some(slot) = self.store.slot(id) else { return not_found("contact", id) };
        if self.is_locked(id) {
            return forbidden("the contact's privacy keeps the user from changing its tags");
        }
        let mut places = Vec::new();
        for tag in tags {
            let place = self.store.tag(&tag);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        self.store.change(slot, |contact| {
            contact.tags = places;
            contact.updated_ms = now_ms;
            contact.updater = Some(USERS[0].1.to_owned());
        });
        let reply = if self.knobs.is_current() { self.bare(200, id) } else { Reply::json(200, &json!({})) };
        reply.with_effect("update", id)
    }

    /// What the current description lets a body say besides: owner and privacy, on create, and a mark.
    fn read_newer_keys(
        &self,
        contact: &mut Contact,
        body: &Map<String, Value>,
        is_new: bool,
    ) -> Result<(), Reply> {
        if !self.knobs.is_current() {
            return Ok(());
        }
        if body.contains_key("is_important") {
            contact.is_important = optional_flag(body, "is_important")?;
        }
        if is_new && body.contains_key("owner_id") {
            contact.owner_id = optional_text(body, "owner_id")?;
            let known = |id: &String| USERS.iter().any(|(known, ..)| known == id);
            if contact.owner_id.as_ref().is_some_and(|id| !known(id)) {
                return Err(invalid("`owner_id` is no user's"));
            }
        }
        if is_new {
            contact.privacy = privacy(body.get("privacy"))?;
        }
        Ok(())
    }

    /// A contact without fields, made now by the token's user.
    pub(super) fn blank(&self, now_ms: i64, record_type: RecordType, origin: &str) -> Contact {
        let created_s = now_ms.div_euclid(1000);
        Contact {
            id: self.new_id(created_s),
            record_type,
            fields: Vec::new(),
            tags: Vec::new(),
            avatar_url: None,
            created_s,
            updated_ms: now_ms,
            creator: USERS[0].1.to_owned(),
            updater: None,
            owner_id: Some(USERS[0].0.to_owned()),
            is_important: None,
            last_contacted_ms: None,
            privacy: None,
            is_locked: false,
            children: Vec::new(),
            visible_ms: now_ms + self.knobs.index_delay_ms,
            origin: origin.to_owned(),
        }
    }

    /// Adds a contact, its parent company before it when there is none yet; gives its id.
    pub(super) fn add(&mut self, now_ms: i64, mut contact: Contact, company_origin: &str) -> String {
        self.find_parent(now_ms, &mut contact, company_origin);
        // Made last: the company may have taken the id that was meant for the person.
        contact.id = self.new_id(contact.created_s);
        let id = contact.id.clone();
        let parent = contact.parent().map(str::to_owned);
        self.store.insert(contact);
        self.adopt(parent.as_deref(), &id);
        id
    }

    /// Puts a contact in the place of what its slot holds and moves it between companies' children.
    pub(super) fn put(&mut self, now_ms: i64, slot: usize, mut contact: Contact) {
        let before = self.store.at(slot).and_then(Contact::parent).map(str::to_owned);
        self.find_parent(now_ms, &mut contact, "parent company");
        let (id, after) = (contact.id.clone(), contact.parent().map(str::to_owned));
        self.store.change(slot, |place| *place = contact);
        if before != after {
            if let Some(company) = before.and_then(|company| self.store.slot(&company)) {
                self.store.change(company, |company| company.children.retain(|child| *child != id));
            }
            self.adopt(after.as_deref(), &id);
        }
    }

    fn adopt(&mut self, company: Option<&str>, person: &str) {
        if let Some(slot) = company.and_then(|company| self.store.slot(company)) {
            self.store.change(slot, |company| company.children.push(person.to_owned()));
        }
    }

    /// Looks the parent company up by name, case aside, and makes it when it is missing (reference, special
    /// types).
    fn find_parent(&mut self, now_ms: i64, contact: &mut Contact, company_origin: &str) {
        let name = contact.first("parent company").trim().to_owned();
        // A value that no request touched keeps its company, whatever that is called today.
        if name.is_empty() || contact.parent().is_some() {
            return;
        }
        let company = match self.store.company(&name) {
            Some(company) => company.id.clone(),
            None => {
                let mut company = self.blank(now_ms, RecordType::Company, company_origin);
                company.creator.clone_from(&contact.creator);
                company.set("company name", FieldValue::plain(&name));
                company.set("source", FieldValue::plain("m"));
                let id = company.id.clone();
                self.store.insert(company);
                id
            }
        };
        let mut values = contact.values("parent company").to_vec();
        values[0].extra = Some(company);
        contact.set("parent company", values);
    }

    /// Lays the sent fields over a contact and checks the result; the contact is a copy, so a refusal leaves
    /// the account as it was.
    fn apply(&self, contact: &mut Contact, sent: &[SentField], replace: bool) -> Result<(), Reply> {
        let mut findings = Findings::default();
        for (name, sent) in sent {
            let old = contact.values(name);
            let new = match sent {
                Some(sent) => merged(old, sent, replace, self.knobs.merge),
                None => Vec::new(),
            };
            let field = self.metadata.field(name);
            if new.len() > 1 && field.is_some_and(|field| !field.multiples) {
                findings.note(name, "the field holds one value", self.metadata.field_id(name, ""));
            }
            if field.is_some_and(|field| field.kind == Kind::Domain) {
                let taken = new.iter().filter_map(|domain| self.store.domain_owner(&domain.value));
                if taken.filter(|owner| owner.id != contact.id).count() > 0 {
                    findings.note(name, "another company has this domain", self.metadata.field_id(name, ""));
                }
            }
            contact.set(name, new);
        }
        let needed: &[&str] = match contact.record_type {
            RecordType::Person => &["first name", "last name"],
            RecordType::Company => &["company name"],
        };
        if needed.iter().all(|name| contact.first(name).trim().is_empty()) {
            let message = format!("one of these is needed: {}", needed.join(", "));
            findings.note(needed[0], &message, self.metadata.field_id(needed[0], ""));
        }
        findings.refusal().map_or(Ok(()), Err)
    }

    /// Whether the plan has room for the contact, when new, and for the company that comes with it.
    fn check_quota(&self, contact: &Contact, is_new: bool) -> Result<(), Reply> {
        let company = contact.first("parent company").trim();
        let new_company =
            !company.is_empty() && contact.parent().is_none() && self.store.company(company).is_none();
        let more = usize::from(is_new) + usize::from(new_company);
        let most = self.knobs.contact_quota;
        if most > 0 && more > 0 && self.store.len() + more > most { Err(quota(&self.knobs)) } else { Ok(()) }
    }
}

/// Who may read and edit a contact: for each, everyone or lists of users and groups.
fn privacy(sent: Option<&Value>) -> Result<Option<Value>, Reply> {
    let wrong = || invalid("`privacy` has `read` and `edit`, each null or `user_ids` and `group_ids`");
    let sent = match sent {
        None | Some(Value::Null) => return Ok(None),
        Some(sent) => sent.as_object().ok_or_else(wrong)?,
    };
    let is_id = |id: &Value| id.as_str().is_some_and(|id| id_list(id).is_ok());
    let ids = |(key, ids): (&String, &Value)| {
        matches!(key.as_str(), "user_ids" | "group_ids")
            && ids.as_array().is_some_and(|ids| ids.iter().all(is_id))
    };
    let good = |(key, who): (&String, &Value)| {
        let principals = who.is_null() || who.as_object().is_some_and(|who| who.iter().all(ids));
        matches!(key.as_str(), "read" | "edit") && principals
    };
    if !sent.iter().all(good) {
        return Err(wrong());
    }
    let of = |key: &str| sent.get(key).cloned().unwrap_or_default();
    Ok(Some(json!({"read": of("read"), "edit": of("edit")})))
}

fn avatar_url(body: &Map<String, Value>) -> Result<Option<String>, Reply> {
    match body.get("avatar_url") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(url)) => Ok(Some(url.clone())),
        Some(_) => Err(invalid("`avatar_url` is a text")),
    }
}

/// The `fields` object of a body, each value checked against its field.
fn read_fields(
    fields: &Value,
    metadata: &Metadata,
    record_type: RecordType,
) -> Result<Vec<SentField>, Reply> {
    let fields = fields.as_object().ok_or_else(|| invalid("`fields` is an object"))?;
    let mut findings = Findings::default();
    let mut sent = Vec::new();
    for (name, values) in fields {
        let Some(field) = metadata.field(name) else {
            findings.note(name, "no such field", None);
            continue;
        };
        if field.only_for.is_some_and(|only_for| only_for != record_type) {
            let message = format!("a {} has no such field", record_type.name());
            findings.note(name, &message, metadata.field_id(name, ""));
            continue;
        }
        let values = match values {
            Value::Null if field.kind != Kind::ReadOnly => {
                sent.push((name.clone(), None));
                continue;
            }
            Value::Array(values) => values,
            _ => {
                findings.note(name, "a field takes a list of values", None);
                continue;
            }
        };
        let mut list = Vec::new();
        for value in values {
            match read_value(value, field.kind) {
                Ok(value) => {
                    // A null only takes away: of such a field there has to be the modifier alone.
                    let text = value.value.as_deref();
                    let of_value = || match text {
                        Some(text) => field.value_objection(text),
                        None if field.kind == Kind::ReadOnly => field.value_objection(""),
                        None => None,
                    };
                    if let Some(objection) = field.modifier_objection(&value.modifier).or_else(of_value) {
                        findings.note(name, &objection, metadata.field_id(name, &value.modifier));
                    }
                    list.push(value);
                }
                Err(message) => findings.note(name, message, metadata.field_id(name, "")),
            }
        }
        sent.push((name.clone(), Some(list)));
    }
    findings.refusal().map_or(Ok(sent), Err)
}

/// One `{"value": .., "modifier": ..}`; further keys are ignored, they come back from what was read.
fn read_value(value: &Value, kind: Kind) -> Result<Sent, &'static str> {
    let object = value.as_object().ok_or("a value is an object with `value` and `modifier`")?;
    let modifier = match object.get("modifier") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(modifier)) => modifier.clone(),
        Some(_) => return Err("`modifier` is a text"),
    };
    let value = match object.get("value").ok_or("`value` is missing")? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        // A public client sends the parts themselves instead of their JSON text.
        parts @ Value::Object(_) if kind == Kind::Address => Some(parts.to_string()),
        _ => return Err("`value` is a text or null"),
    };
    let is_primary = object.get("is_primary").and_then(Value::as_bool).unwrap_or(false);
    Ok(Sent { value, modifier, is_primary })
}
