//! The account as JSON and back, for `--state FILE`, `GET /_sim/state` and the tests.

use serde_json::Value;

use super::merge::FieldValue;
use super::metadata::RecordType;
use super::store::{Contact, Store};

/// Everything in the account.
pub(super) fn take(store: &Store) -> Value {
    let contacts = store.iter().map(|(slot, contact)| {
        let tags = contact.tags.iter().map(|tag| store.tag_text(*tag));
        // Each value is moved in; `json!` would copy a large account once more at every level.
        let members = [
            ("slot", Value::from(slot)),
            ("id", Value::from(contact.id.as_str())),
            ("record_type", Value::from(contact.record_type.name())),
            ("fields", Value::Array(flat_fields(contact))),
            ("tags", tags.collect()),
            ("avatar_url", Value::from(contact.avatar_url.clone())),
            ("created_s", Value::from(contact.created_s)),
            ("updated_ms", Value::from(contact.updated_ms)),
            ("creator", Value::from(contact.creator.as_str())),
            ("updater", Value::from(contact.updater.clone())),
            ("owner_id", Value::from(contact.owner_id.clone())),
            ("is_important", Value::from(contact.is_important)),
            ("last_contacted_ms", Value::from(contact.last_contacted_ms)),
            ("privacy", Value::from(contact.privacy.clone())),
            ("is_locked", Value::from(contact.is_locked)),
            ("primary", Value::Array(primary(contact))),
            ("children", Value::from(contact.children.clone())),
            ("visible_ms", Value::from(contact.visible_ms)),
            ("origin", Value::from(contact.origin.as_str())),
        ];
        members.into_iter().collect::<Value>()
    });
    let contacts = Value::Array(contacts.collect());
    [("contacts", contacts), ("ever", Value::from(store.ever()))].into_iter().collect()
}

/// Name, value, modifier and extra value of each value in turn.
fn flat_fields(contact: &Contact) -> Vec<Value> {
    let mut flat = Vec::new();
    for (name, values) in &contact.fields {
        for FieldValue { value, modifier, extra, .. } in values {
            flat.extend([name, value, modifier].map(|text| Value::String(text.clone())));
            flat.push(Value::from(extra.clone()));
        }
    }
    flat
}

/// Field name and place of each value that bears the mark of the main one.
fn primary(contact: &Contact) -> Vec<Value> {
    let mut marked = Vec::new();
    for (name, values) in &contact.fields {
        let places = values.iter().enumerate().filter(|(_, value)| value.is_primary);
        marked.extend(places.map(|(place, _)| Value::from(vec![Value::from(name.as_str()), place.into()])));
    }
    marked
}

/// The store of a snapshot.
///
/// # Errors
/// When the snapshot does not have the shape that [`take`] gives; the text names the contact.
pub(super) fn read(snapshot: &Value) -> Result<Store, String> {
    let contacts = snapshot["contacts"].as_array().ok_or("nimble: `contacts` is not a list")?;
    let mut store = Store::default();
    for (index, entry) in contacts.iter().enumerate() {
        let place = |key: &str| format!("nimble: contact {}: `{key}` is missing or wrong", index + 1);
        let slot = entry["slot"].as_u64().and_then(|slot| usize::try_from(slot).ok());
        let slot = slot.filter(|slot| *slot >= store.ever()).ok_or_else(|| place("slot"))?;
        let tags = texts(&entry["tags"]).ok_or_else(|| place("tags"))?;
        let tags = tags.iter().map(|tag| store.tag(tag)).collect();
        let mut contact = Contact {
            id: entry["id"].as_str().ok_or_else(|| place("id"))?.to_owned(),
            record_type: entry["record_type"]
                .as_str()
                .and_then(RecordType::parse)
                .ok_or_else(|| place("record_type"))?,
            fields: fields(&entry["fields"]).ok_or_else(|| place("fields"))?,
            tags,
            avatar_url: entry["avatar_url"].as_str().map(str::to_owned),
            created_s: entry["created_s"].as_i64().ok_or_else(|| place("created_s"))?,
            updated_ms: entry["updated_ms"].as_i64().ok_or_else(|| place("updated_ms"))?,
            creator: entry["creator"].as_str().ok_or_else(|| place("creator"))?.to_owned(),
            updater: entry["updater"].as_str().map(str::to_owned),
            owner_id: entry["owner_id"].as_str().map(str::to_owned),
            is_important: entry["is_important"].as_bool(),
            last_contacted_ms: entry["last_contacted_ms"].as_i64(),
            privacy: Some(entry["privacy"].clone()).filter(Value::is_object),
            is_locked: entry["is_locked"].as_bool().unwrap_or(false),
            children: texts(&entry["children"]).ok_or_else(|| place("children"))?,
            visible_ms: entry["visible_ms"].as_i64().ok_or_else(|| place("visible_ms"))?,
            origin: entry["origin"].as_str().unwrap_or("seed").to_owned(),
        };
        for mark in entry["primary"].as_array().into_iter().flatten() {
            let values = contact.fields.iter_mut().find(|(name, _)| mark[0] == name.as_str());
            let place = mark[1].as_u64().and_then(|place| usize::try_from(place).ok());
            if let Some(value) = values.zip(place).and_then(|((_, values), place)| values.get_mut(place)) {
                value.is_primary = true;
            }
        }
        store.skip_to(slot);
        store.insert(contact);
    }
    let ever = snapshot["ever"].as_u64().and_then(|ever| usize::try_from(ever).ok());
    store.skip_to(ever.ok_or("nimble: `ever` is missing")?);
    Ok(store)
}

fn fields(value: &Value) -> Option<Vec<(String, Vec<FieldValue>)>> {
    let mut fields: Vec<(String, Vec<FieldValue>)> = Vec::new();
    for quad in value.as_array()?.chunks(4) {
        let [name, value, modifier, extra] = quad else { return None };
        let value = FieldValue {
            value: value.as_str()?.to_owned(),
            modifier: modifier.as_str()?.to_owned(),
            extra: extra.as_str().map(str::to_owned),
            is_primary: false,
        };
        match fields.last_mut() {
            Some((last, values)) if Some(last.as_str()) == name.as_str() => values.push(value),
            _ => fields.push((name.as_str()?.to_owned(), vec![value])),
        }
    }
    Some(fields)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
