//! Requests about notes (reference, chapter on notes): list, show, create, update, delete.

use serde_json::{Map, Value, json};

use super::body::{ids, json_body, text};
use super::brief::user;
use super::errors::{invalid, not_found};
use super::knobs::MissingContact;
use super::listing::positive;
use super::notebook::Note;
use super::read::id_list;
use super::render::timestamp;
use super::{Nimble, USERS};
use crate::sim::exchange::{Reply, Request};

/// `per_page` of a list of notes when none is given (reference, notes list).
const PER_PAGE: usize = 5;
/// A note belongs to at most so many contacts (reference, create a note).
const CONTACTS: usize = 10;

impl Nimble {
    /// `GET /contact/{id}/notes` and `GET /contacts/{id}/notes`, newest first.
    pub(super) fn list_notes(&self, contact: &str, request: &Request) -> Result<Reply, Reply> {
        id_list(contact)?;
        let page = positive(request, "page", 1)?;
        let per_page = positive(request, "per_page", PER_PAGE)?.min(self.knobs.max_per_page);
        if self.store.slot(contact).is_none() && self.knobs.missing_contact == MissingContact::NotFound {
            return Err(not_found("contact", contact));
        }
        let notes = self.notebook.of(contact);
        let total = notes.len();
        let pages = if total == 0 { self.knobs.pages_when_empty } else { total.div_ceil(per_page) };
        let mut meta = json!({"page": page, "pages": pages, "per_page": per_page, "total": total});
        if self.knobs.is_current() {
            meta["has_more"] = json!(page < pages);
        }
        let first = (page - 1).saturating_mul(per_page);
        let shown: Vec<Value> =
            notes.into_iter().skip(first).take(per_page).map(|note| self.note(note)).collect();
        Ok(Reply::json(200, &json!({"meta": meta, "resources": shown})))
    }

    /// `GET /contacts/notes/{id}`.
    pub(super) fn show_note(&self, id: &str) -> Result<Reply, Reply> {
        id_list(id)?;
        let note = self.notebook.get(id).ok_or_else(|| not_found("note", id))?;
        Ok(Reply::json(200, &self.note(note)))
    }

    /// `POST /contacts/notes`; with `id`, the newer form that brings the note's id.
    pub(super) fn create_note(
        &mut self,
        now_ms: i64,
        id: Option<&str>,
        request: &Request,
    ) -> Result<Reply, Reply> {
        if let Some(id) = id {
            id_list(id)?;
            if self.notebook.get(id).is_some() {
                return Err(invalid(&format!("there is a note `{id}` already")));
            }
        }
        let body = json_body(request)?;
        let contacts = self.note_contacts(&body)?;
        self.add_note(now_ms, id, contacts, &body)
    }

    /// `POST /contacts/{id}/notes`, the newer form for one contact.
    pub(super) fn create_note_of(
        &mut self,
        now_ms: i64,
        contact: &str,
        request: &Request,
    ) -> Result<Reply, Reply> {
        id_list(contact)?;
        let body = json_body(request)?;
        if self.store.slot(contact).is_none() {
            return Err(not_found("contact", contact));
        }
        self.add_note(now_ms, None, vec![contact.to_owned()], &body)
    }

    /// `PUT /contacts/notes/{id}`: everything anew.
    pub(super) fn update_note(&mut self, now_ms: i64, id: &str, request: &Request) -> Result<Reply, Reply> {
        id_list(id)?;
        let body = json_body(request)?;
        let old = self.notebook.get(id).cloned().ok_or_else(|| not_found("note", id))?;
        let contact_ids = self.note_contacts(&body)?;
        let (note, note_preview) = note_texts(&body)?;
        let note = Note { updated_ms: now_ms, note, note_preview, contact_ids, ..old };
        let reply = Reply::json(200, &self.note(&note)).with_effect("update", id);
        self.notebook.put(note);
        Ok(reply)
    }

    /// `DELETE /contacts/notes/{id}`.
    pub(super) fn delete_note(&mut self, id: &str) -> Result<Reply, Reply> {
        id_list(id)?;
        self.notebook.remove(id).ok_or_else(|| not_found("note", id))?;
        Ok(Reply::json(200, &json!({"id": id})).with_effect("delete", id))
    }

    /// All notes as the API shows them, for the tests.
    pub(super) fn all_notes(&self) -> Reply {
        Reply::json(200, &self.notebook.iter().map(|note| self.note(note)).collect())
    }

    /// Does one thing to a note as another user and answers its id. A new one goes to a contact that has some
    /// already, so that long lists grow.
    pub(super) fn drift_note(&mut self, now_ms: i64, dice: &mut fastrand::Rng, kind: &str) -> Option<String> {
        let known = self.notebook.iter().count();
        let any = self.notebook.iter().nth(dice.usize(0..known.max(1))).cloned();
        let text = format!("Somebody else says {:x}", dice.u32(..));
        let (author, note, note_preview) = (1, text.clone(), text);
        match (kind, any) {
            ("comment", any) => {
                let contact = any.and_then(|note| note.contact_ids.into_iter().next());
                let first = || self.store.iter().next().map(|(_, contact)| contact.id.clone());
                let contact_ids = vec![contact.or_else(first)?];
                let id = self.new_note_id(now_ms);
                let (created_ms, updated_ms) = (now_ms, now_ms);
                let made =
                    Note { id: id.clone(), created_ms, updated_ms, author, note, note_preview, contact_ids };
                self.notebook.put(made);
                Some(id)
            }
            ("note_edit", Some(old)) => {
                let id = old.id.clone();
                self.notebook.put(Note { updated_ms: now_ms, note, note_preview, ..old });
                Some(id)
            }
            ("note_delete", Some(old)) => self.notebook.remove(&old.id).map(|note| note.id),
            _ => None,
        }
    }

    /// An id for the next note.
    pub(super) fn new_note_id(&self, created_ms: i64) -> String {
        // The bit keeps notes and contacts apart, whose numbers both count from zero.
        self.numbered_id(created_ms.div_euclid(1000), 1 << 36 | self.notebook.ever())
    }

    fn add_note(
        &mut self,
        now_ms: i64,
        id: Option<&str>,
        contact_ids: Vec<String>,
        body: &Map<String, Value>,
    ) -> Result<Reply, Reply> {
        let (note, note_preview) = note_texts(body)?;
        let id = id.map_or_else(|| self.new_note_id(now_ms), str::to_owned);
        let note =
            Note { id, created_ms: now_ms, updated_ms: now_ms, author: 0, note, note_preview, contact_ids };
        let reply = Reply::json(self.knobs.note_status, &self.note(&note)).with_effect("create", &note.id);
        self.notebook.put(note);
        Ok(reply)
    }

    /// The contacts a note's body names; unknown ones are refused.
    fn note_contacts(&self, body: &Map<String, Value>) -> Result<Vec<String>, Reply> {
        let contacts = ids(body.get("contact_ids"), "contact_ids")?;
        if !(1..=CONTACTS).contains(&contacts.len()) {
            return Err(invalid(&format!("`contact_ids` names 1 to {CONTACTS} contacts")));
        }
        match contacts.iter().find(|id| self.store.slot(id).is_none()) {
            Some(unknown) => Err(invalid(&format!("no such contact: `{unknown}`"))),
            None => Ok(contacts),
        }
    }

    fn note(&self, note: &Note) -> Value {
        let (owner_id, author_name, _, _) = USERS[note.author.min(USERS.len() - 1)];
        let mut shown = json!({
            "id": note.id, "created": timestamp(note.created_ms, &self.knobs), "owner_id": owner_id,
            "author_name": author_name, "note": note.note, "note_preview": note.note_preview,
            "contacts": self.briefs(&note.contact_ids),
        });
        if self.knobs.is_current() {
            shown["updated"] = json!(timestamp(note.updated_ms, &self.knobs));
            shown["owner"] = user(note.author);
            shown["is_viewable"] = json!(true);
        }
        shown
    }
}

fn note_texts(body: &Map<String, Value>) -> Result<(String, String), Reply> {
    let (note, note_preview) = (text(body, "note")?, text(body, "note_preview")?);
    if note.is_empty() {
        return Err(invalid("`note` is empty"));
    }
    Ok((note.to_owned(), note_preview.to_owned()))
}
