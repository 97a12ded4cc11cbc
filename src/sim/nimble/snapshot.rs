//! The account as JSON and back, for `--state FILE`, `GET /_sim/state` and the tests.

use serde_json::{Value, json};

use super::merge::FieldValue;
use super::metadata::RecordType;
use super::store::{Contact, Store};

/// Everything in the account.
pub(super) fn take(store: &Store) -> Value {
    let contacts = store.iter().map(|(slot, contact)| {
        let fields = contact.fields.iter().map(|(name, values)| {
            let values = values.iter().map(|value| json!([value.value, value.modifier, value.extra]));
            (name.clone(), values.collect::<Value>())
        });
        json!({
            "slot": slot,
            "id": contact.id,
            "record_type": contact.record_type.name(),
            "fields": fields.collect::<serde_json::Map<_, _>>(),
            "tags": contact.tags.iter().map(|tag| store.tag_text(*tag)).collect::<Vec<_>>(),
            "avatar_url": contact.avatar_url,
            "created_s": contact.created_s,
            "updated_ms": contact.updated_ms,
            "creator": contact.creator,
            "updater": contact.updater,
            "owner_id": contact.owner_id,
            "children": contact.children,
            "visible_ms": contact.visible_ms,
            "origin": contact.origin,
        })
    });
    json!({"contacts": contacts.collect::<Vec<_>>(), "ever": store.ever()})
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
        let contact = Contact {
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
            children: texts(&entry["children"]).ok_or_else(|| place("children"))?,
            visible_ms: entry["visible_ms"].as_i64().ok_or_else(|| place("visible_ms"))?,
            origin: entry["origin"].as_str().unwrap_or("seed").to_owned(),
        };
        store.skip_to(slot);
        store.insert(contact);
    }
    let ever = snapshot["ever"].as_u64().and_then(|ever| usize::try_from(ever).ok());
    store.skip_to(ever.ok_or("nimble: `ever` is missing")?);
    Ok(store)
}

fn fields(value: &Value) -> Option<Vec<(String, Vec<FieldValue>)>> {
    let field = |(name, values): (&String, &Value)| {
        let values = values.as_array()?.iter().map(|value| {
            Some(FieldValue {
                value: value[0].as_str()?.to_owned(),
                modifier: value[1].as_str()?.to_owned(),
                extra: value[2].as_str().map(str::to_owned),
            })
        });
        Some((name.clone(), values.collect::<Option<Vec<_>>>()?))
    };
    value.as_object()?.iter().map(field).collect()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
