//! Ways into the account beside the API: bulk seeding, generated contacts, foreign changes, switches, tokens.
//!
//! Served below `/_sim/nimble` for tests; a seeded contact is not validated, because live accounts hold things
//! that the API would not accept today.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::knobs::Knobs;
use super::merge::FieldValue;
use super::metadata::{Metadata, RecordType};
use super::notebook::Note;
use super::read::split_escaped;
use super::store::Contact;
use super::{Nimble, USERS};
use crate::sim::exchange::{Reply, Request};
use crate::sim::generate;
use crate::sim::scenario;

/// What a seeded contact may say.
const KEYS: &[&str] = &[
    "record_type",
    "fields",
    "tags",
    "avatar_url",
    "created",
    "created_ms",
    "updated",
    "updated_ms",
    "owner",
    "owner_id",
    "creator",
    "updater",
    "is_editable",
    "is_important",
    "last_contacted",
    "last_contacted_ms",
];

impl Nimble {
    /// Fills the account with generated contacts, oldest first, until it holds `count` more: the companies
    /// that persons bring along are counted in.
    pub(crate) fn generate(&mut self, count: usize, seed: u64, now_ms: i64) {
        let mut drafts: Vec<_> = generate::nimble_contacts(count, seed, now_ms).collect();
        drafts.sort_by_key(|draft| draft.created_ms);
        let full = self.store.len() + count;
        for (index, draft) in drafts.into_iter().enumerate() {
            let record_type = RecordType::parse(draft.record_type).unwrap_or(RecordType::Person);
            let mut contact = self.blank(draft.created_ms, record_type, "seed");
            contact.updated_ms = draft.updated_ms;
            contact.visible_ms = draft.created_ms;
            contact.owner_id = Some(USERS[index % USERS.len()].0.to_owned());
            contact.fields = draft.fields.iter().filter_map(|(name, list)| field(name, list).ok()).collect();
            for tag in &draft.tags {
                let place = self.store.tag(tag);
                contact.tags.push(place);
            }
            let room = full.saturating_sub(self.store.len());
            if room == 1 && self.store.company(contact.first("parent company")).is_none() {
                contact.set("parent company", Vec::new());
            }
            if room > 0 {
                let id = self.add(draft.created_ms, contact, "seed");
                for (created_ms, note, note_preview) in draft.notes {
                    self.notebook.put(Note {
                        id: self.new_note_id(created_ms),
                        created_ms,
                        updated_ms: created_ms,
                        author: index % USERS.len(),
                        note,
                        note_preview,
                        contact_ids: vec![id.clone()],
                    });
                }
            }
        }
    }

    /// Requests below `/_sim/nimble`.
    pub(crate) fn admin(&mut self, now_ms: i64, request: &Request) -> Reply {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/contacts") => self.all(),
            ("POST", "/contacts") => match self.seed(now_ms, &request.body) {
                Ok(ids) => Reply::json(200, &json!(ids)).with_effect("create", "seed"),
                Err(why) => Reply::text(400, &why),
            },
            ("GET", "/notes") => self.all_notes(),
            ("POST", "/notes") => match self.seed_notes(now_ms, &request.body) {
                Ok(ids) => Reply::json(200, &json!(ids)).with_effect("create", "seed"),
                Err(why) => Reply::text(400, &why),
            },
            ("GET", "/tasks") => self.all_tasks(),
            ("GET", "/tokens") => Reply::json(200, &self.tokens.json(now_ms)),
            ("POST", "/tokens") => Reply::json(200, &self.tokens.grant(now_ms, &self.knobs)),
            ("POST", "/knobs") => {
                match self.changed_knobs(&request.body).and_then(|knobs| self.turn(knobs)) {
                    Ok(()) => Reply::json(200, &json!({})),
                    Err(why) => Reply::text(400, &why),
                }
            }
            _ => Reply::text(404, "no such path below /_sim/nimble"),
        }
    }

    /// Makes a change in another user's name: `insert`, `delete`, `update`, or `resort`, which moves a contact
    /// in the lists; nothing when there is no contact to change.
    pub(crate) fn drift(&mut self, now_ms: i64, seed: u64, kind: &str) -> Option<String> {
        let mut dice = fastrand::Rng::with_seed(seed);
        if matches!(kind, "comment" | "note_edit" | "note_delete") {
            return self.drift_note(now_ms, &mut dice, kind);
        }
        let (_, foreigner, email, _) = USERS[1];
        if kind == "insert" {
            let mut contact = self.blank(now_ms, RecordType::Person, "drift");
            contact.creator = foreigner.to_owned();
            contact.owner_id = Some(USERS[1].0.to_owned());
            contact.set("first name", FieldValue::plain("Drift"));
            contact.set("last name", FieldValue::plain(&format!("Number {}", self.store.ever())));
            let address = format!("drift-{}-{email}", self.store.ever());
            contact.set("email", vec![FieldValue::new(&address, "work")]);
            return Some(self.add(now_ms, contact, "drift"));
        }
        let slots: Vec<usize> = self.store.iter().map(|(slot, _)| slot).collect();
        let slot = *slots.get(dice.usize(0..slots.len().max(1)))?;
        let id = self.store.at(slot)?.id.clone();
        if kind == "delete" {
            self.remove(&id);
        } else if kind == "resort" {
            // An edit that changes no field, and moves the contact in lists by last change and without order.
            self.store.move_in_lists(slot, dice.bool());
            self.store.change(slot, |contact| {
                contact.updated_ms = now_ms;
                contact.updater = Some(foreigner.to_owned());
            });
        } else {
            let text = format!("edited elsewhere, {}", dice.u32(..));
            self.store.change(slot, |contact| {
                contact.set("title", FieldValue::plain(&text));
                contact.updated_ms = now_ms;
                contact.updater = Some(foreigner.to_owned());
            });
        }
        Some(id)
    }

    /// The switches in force with those of a body laid over them.
    fn changed_knobs(&self, body: &[u8]) -> Result<Knobs, String> {
        let settings = serde_json::from_slice(body).map_err(|why| why.to_string())?;
        let knobs: Knobs = scenario::laid_over(&self.knobs, &settings)?;
        knobs.check().map(|()| knobs)
    }

    /// Sets the switches anew; what was rendered before is forgotten, what was defined through the API stays.
    fn turn(&mut self, knobs: Knobs) -> Result<(), String> {
        let mut metadata = Metadata::new(&knobs);
        metadata.restore(&self.metadata.snapshot())?;
        self.metadata = metadata;
        self.knobs = knobs;
        let slots: Vec<usize> = self.store.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.store.change(slot, |_| {});
        }
        Ok(())
    }

    fn seed(&mut self, now_ms: i64, body: &[u8]) -> Result<Vec<String>, String> {
        let bodies: Vec<Value> =
            serde_json::from_slice(body).map_err(|why| format!("not a JSON list of contacts: {why}"))?;
        let contacts = bodies.iter().enumerate().map(|(index, body)| {
            self.draft(now_ms, body).map_err(|why| format!("contact {}: {why}", index + 1))
        });
        let contacts = contacts.collect::<Result<Vec<_>, _>>()?;
        let add = |(contact, tags): (Contact, Vec<String>)| {
            let mut contact = contact;
            contact.tags = tags.iter().map(|tag| self.store.tag(tag)).collect();
            self.add(contact.created_s * 1000, contact, "seed")
        };
        Ok(contacts.into_iter().map(add).collect())
    }

    /// Notes as they come: `contact_ids`, `note`, and if wanted `note_preview`, `created` and the `author`'s
    /// place among the users.
    fn seed_notes(&mut self, now_ms: i64, body: &[u8]) -> Result<Vec<String>, String> {
        const KEYS: &[&str] = &["contact_ids", "note", "note_preview", "created", "created_ms", "author"];
        let bodies: Vec<Map<String, Value>> =
            serde_json::from_slice(body).map_err(|why| format!("not a JSON list of notes: {why}"))?;
        let read = |body: &Map<String, Value>| {
            if let Some(key) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
                return Err(format!("unknown key `{key}`"));
            }
            let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
            let note = text("note").ok_or("`note` is a text")?;
            let ids = body.get("contact_ids").and_then(Value::as_array).ok_or("`contact_ids` is a list")?;
            let contact_ids: Vec<String> = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            if contact_ids.is_empty() || contact_ids.iter().any(|id| self.store.slot(id).is_none()) {
                return Err("`contact_ids` names contacts that there are".to_owned());
            }
            let created_ms = moment(body, "created")?.unwrap_or(now_ms);
            let author = body.get("author").and_then(Value::as_u64).unwrap_or(0);
            Ok(Note {
                id: String::new(),
                created_ms,
                updated_ms: created_ms,
                author: usize::try_from(author).unwrap_or(0),
                note_preview: text("note_preview").unwrap_or_else(|| note.chars().take(65).collect()),
                note,
                contact_ids,
            })
        };
        let notes = bodies.iter().enumerate();
        let notes = notes.map(|(index, body)| read(body).map_err(|why| format!("note {}: {why}", index + 1)));
        let notes = notes.collect::<Result<Vec<Note>, _>>()?;
        let add = |note: Note| {
            let id = self.new_note_id(note.created_ms);
            self.notebook.put(Note { id: id.clone(), ..note });
            id
        };
        Ok(notes.into_iter().map(add).collect())
    }

    fn draft(&self, now_ms: i64, body: &Value) -> Result<(Contact, Vec<String>), String> {
        let body = body.as_object().ok_or("not an object")?;
        if let Some(key) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key `{key}`"));
        }
        let record_type = body.get("record_type").and_then(Value::as_str).and_then(RecordType::parse);
        let created_ms = moment(body, "created")?.unwrap_or(now_ms);
        let mut contact =
            self.blank(created_ms, record_type.ok_or("`record_type` is person or company")?, "seed");
        contact.visible_ms = created_ms;
        contact.updated_ms = moment(body, "updated")?.unwrap_or(created_ms);
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        contact.avatar_url = text("avatar_url");
        contact.is_locked = body.get("is_editable").and_then(Value::as_bool) == Some(false);
        contact.is_important = body.get("is_important").and_then(Value::as_bool);
        contact.last_contacted_ms = moment(body, "last_contacted")?;
        contact.updater = text("updater");
        if let Some(creator) = text("creator") {
            contact.creator = creator;
        }
        if let Some(owner) = body.get("owner").and_then(Value::as_u64) {
            let owner = usize::try_from(owner).ok().and_then(|owner| USERS.get(owner));
            contact.owner_id = Some(owner.ok_or("`owner` is the place of a user, from 0")?.0.to_owned());
        }
        if let Some(owner) = body.get("owner_id") {
            contact.owner_id = owner.as_str().map(str::to_owned);
        }
        let fields = body.get("fields").and_then(Value::as_object).ok_or("`fields` is an object")?;
        for (name, list) in fields {
            let (name, values) = field(name, list)?;
            contact.set(&name, values);
        }
        let tags = match body.get("tags") {
            None => Vec::new(),
            Some(Value::String(tags)) => split_escaped(tags),
            Some(Value::Array(tags)) => tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(_) => return Err("`tags` is a text or a list of texts".to_owned()),
        };
        Ok((contact, tags))
    }
}

/// A field of a draft: a text, a list of texts, or the API's list of values and modifiers.
fn field(name: &str, list: &Value) -> Result<(String, Vec<FieldValue>), String> {
    let value = |value: &Value| -> Result<FieldValue, String> {
        let text = value.as_str().or_else(|| value.get("value").and_then(Value::as_str));
        let modifier = value.get("modifier").and_then(Value::as_str).unwrap_or("");
        let text = text.ok_or_else(|| format!("`{name}`: a value is not a text"))?;
        Ok(FieldValue::new(text, modifier))
    };
    let values = match list {
        Value::Array(values) => values.iter().map(value).collect::<Result<Vec<_>, _>>()?,
        single => vec![value(single)?],
    };
    Ok((name.to_owned(), values))
}

/// Unix milliseconds from `<key>_ms`, or RFC 3339 text from `<key>`.
fn moment(body: &Map<String, Value>, key: &str) -> Result<Option<i64>, String> {
    if let Some(ms) = body.get(&format!("{key}_ms")) {
        return ms.as_i64().map(Some).ok_or_else(|| format!("`{key}_ms` is a whole number"));
    }
    let Some(text) = body.get(key) else { return Ok(None) };
    let parsed = text.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    parsed.map(|moment| Some(moment.as_millisecond())).ok_or_else(|| format!("`{key}` is an RFC 3339 time"))
}
