//! Requests that delete contacts, by ids and by criteria, and the mark of a main value.

use serde_json::{Value, json};

use super::Nimble;
use super::body::{json_body, text};
use super::errors::{forbidden, invalid, not_found, preflight};
use super::knobs::DeleteAnswer;
use super::listing::Selection;
use super::read::{flag, id_list};
use super::search::Keyword;
use super::tabs::empty;
use crate::sim::exchange::{Reply, Request};

impl Nimble {
    /// `DELETE /contact/{id}[,..]`: what is known is deleted and named; nothing known is 404.
    pub(super) fn delete(&mut self, ids: &str) -> Result<Reply, Reply> {
        let ids = id_list(ids)?;
        if ids.iter().any(|id| self.is_locked(id)) {
            return Err(forbidden("the contact's privacy keeps the user from deleting it"));
        }
        let gone: Vec<&str> = ids.iter().copied().filter(|id| self.remove(id)).collect();
        if gone.is_empty() { Err(not_found("contact", ids[0])) } else { Ok(self.deleted(&gone)) }
    }

    /// `DELETE /contacts/list` by `keyword`, `query`, `record_type` and `limit`; never without a criterion.
    pub(super) fn delete_selected(&mut self, now_ms: i64, request: &Request) -> Result<Reply, Reply> {
        let selection = Selection::read(request, &self.metadata, &self.knobs)?;
        let limit = match request.param("limit").map(str::parse::<usize>) {
            None => usize::MAX,
            Some(Ok(limit)) => limit,
            Some(Err(_)) => return Err(invalid("`limit` is a number")),
        };
        let mut ids = self.selected(now_ms, &selection)?;
        ids.truncate(limit);
        Ok(self.delete_all(&ids))
    }

    /// `DELETE /contacts`, the newer form: several keywords, no limit, a check for what cannot be edited.
    pub(super) fn delete_checked(&mut self, now_ms: i64, request: &Request) -> Result<Reply, Reply> {
        let keywords = request.query.iter().filter(|(key, value)| key == "keyword" && !value.is_empty());
        let keywords = keywords.map(|(_, value)| Keyword::new(value, true)).collect();
        let selection = Selection::read(request, &self.metadata, &self.knobs)?.with_keywords(keywords);
        let checked = flag(request, "preflight_checks", false)?;
        let ids = self.selected(now_ms, &selection)?;
        let locked: Vec<&String> = ids.iter().filter(|id| self.is_locked(id)).collect();
        if checked && !locked.is_empty() {
            let query = json!({"and": [{"is_editable": {"is": false}}, {"_id": {"in": ids}}]});
            let message = "some contacts cannot be updated because of their privacy settings";
            return Err(preflight("non_editable_contacts", message, locked.len(), &query));
        }
        let free: Vec<String> = ids.iter().filter(|id| !self.is_locked(id)).cloned().collect();
        let mut reply = self.delete_all(&free);
        if let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) {
            body["data"]["push_data"] = json!({});
            reply.body = body.to_string().into_bytes();
        }
        Ok(reply)
    }

    /// `PUT` and `DELETE /contact/{id}/field`: sets or takes the mark of the main value.
    pub(super) fn mark_primary(
        &mut self,
        now_ms: i64,
        id: &str,
        mark: bool,
        request: &Request,
    ) -> Result<Reply, Reply> {
        id_list(id)?;
        let body = json_body(request)?;
        let field_id = text(&body, "field_id")?;
        let position = body.get("position").and_then(Value::as_u64);
        let position = position.ok_or_else(|| invalid("`position` counts from 0"))?;
        let slot = self.store.slot(id).ok_or_else(|| not_found("contact", id))?;
        let unknown = || not_found("contact field", field_id);
        let (field, modifier) = self.metadata.by_id(field_id).ok_or_else(unknown)?;
        let name = field.name.clone();
        let values = self.store.at(slot).map_or(&[][..], |contact| contact.values(&name));
        let places = values.iter().enumerate().filter(|(_, value)| value.modifier == modifier);
        let place =
            usize::try_from(position).ok().and_then(|position| places.map(|(place, _)| place).nth(position));
        let place = place.ok_or_else(unknown)?;
        self.store.change(slot, |contact| {
            let mut values = contact.values(&name).to_vec();
            // One value of a field is the main one at most.
            for (index, value) in values.iter_mut().enumerate() {
                value.is_primary = if index == place { mark } else { value.is_primary && !mark };
            }
            contact.set(&name, values);
            contact.updated_ms = now_ms;
        });
        Ok(empty().with_effect("update", id))
    }

    /// Whether its privacy keeps the user from changing a contact.
    pub(super) fn is_locked(&self, id: &str) -> bool {
        let contact = self.store.slot(id).and_then(|slot| self.store.at(slot));
        contact.is_some_and(|contact| contact.is_locked)
    }

    /// The ids of a selection that is one.
    fn selected(&mut self, now_ms: i64, selection: &Selection) -> Result<Vec<String>, Reply> {
        if selection.is_everything() {
            return Err(invalid("nothing says which contacts to delete"));
        }
        let mut slots: Vec<usize> = self.store.iter().map(|(slot, _)| slot).collect();
        selection.apply(&mut slots, &mut self.store, now_ms);
        let contacts = slots.iter().filter_map(|slot| self.store.at(*slot));
        Ok(contacts.map(|contact| contact.id.clone()).collect())
    }

    fn delete_all(&mut self, ids: &[String]) -> Reply {
        let gone: Vec<&str> = ids.iter().map(String::as_str).filter(|id| self.remove(id)).collect();
        self.deleted(&gone)
    }

    fn deleted(&self, ids: &[&str]) -> Reply {
        let reply = match self.knobs.delete_answer {
            DeleteAnswer::Ids => Reply::json(200, &json!({"status": "ok", "data": {"ids": ids}})),
            DeleteAnswer::Empty => empty(),
        };
        if ids.is_empty() { reply } else { reply.with_effect("delete", &ids.join(",")) }
    }
}
