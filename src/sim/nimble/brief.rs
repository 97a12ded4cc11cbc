//! Contacts and users as notes, tasks and activities show them: in short.

use serde_json::{Value, json};

use super::search::name;
use super::store::{Contact, Store};
use super::{Nimble, USERS};

impl Nimble {
    /// The contacts of these ids in short; those that are gone are left out.
    pub(super) fn briefs(&self, ids: &[String]) -> Vec<Value> {
        let contacts = ids.iter().filter_map(|id| Store::at(&self.store, self.store.slot(id)?));
        contacts.map(|contact| brief(contact, self.knobs.is_current())).collect()
    }
}

fn brief(contact: &Contact, is_current: bool) -> Value {
    let title = Some(contact.first("title")).filter(|title| !title.is_empty());
    let emails = contact.values("email").iter().map(|email| email.value.as_str());
    let phones =
        contact.values("phone").iter().map(|phone| json!({"label": phone.modifier, "value": phone.value}));
    let mut brief = json!({
        "id": contact.id, "name": name(contact), "contact_type": contact.record_type.name(), "title": title,
        "subtitle": title, "email": emails.collect::<Vec<_>>(), "phones": phones.collect::<Vec<_>>(),
        "avatar_url": contact.avatar_url,
    });
    if is_current {
        let company = Some(contact.first("parent company")).filter(|company| !company.is_empty());
        brief["employment"] = json!({"company_name": company, "title": title});
    }
    brief
}

/// The user of this place in short.
pub(super) fn user(place: usize) -> Value {
    let (id, name, email, is_active) = USERS[place.min(USERS.len() - 1)];
    json!({"user_id": id, "name": name, "email": email, "is_active": is_active, "avatar_url": avatar_url(id)})
}

/// A user's picture; its address is the one place where `GET /company/users` shows the id.
pub(super) fn avatar_url(id: &str) -> String {
    format!("https://app.nimble.example/api/avatars/user/{id}")
}
