//! The contacts of the simulated account and the indexes that keep large ones quick.
//!
//! A contact lives in the slot of its creation; slots are never used again, so slot order is creation order.
//! Sorted lists come from ordered indexes, answers from text that is rendered once for each version of a
//! contact. Every change goes through [`Store::insert`], [`Store::change`] or [`Store::remove`], which keep
//! both true.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::knobs::Knobs;
use super::merge::FieldValue;
use super::metadata::{Metadata, RecordType};
use super::render::{Rendered, render};
use super::search::{Folded, Keyword};

/// One contact.
#[derive(Debug, Clone)]
pub(super) struct Contact {
    pub(super) id: String,
    pub(super) record_type: RecordType,
    /// Fields in the order they were first filled; no field without a value.
    pub(super) fields: Vec<(String, Vec<FieldValue>)>,
    /// Places in the store's table of tags.
    pub(super) tags: Vec<usize>,
    pub(super) avatar_url: Option<String>,
    /// Whole seconds, as the service shows them.
    pub(super) created_s: i64,
    pub(super) updated_ms: i64,
    pub(super) creator: String,
    pub(super) updater: Option<String>,
    pub(super) owner_id: Option<String>,
    pub(super) is_important: Option<bool>,
    /// When a user last wrote to the contact or called.
    pub(super) last_contacted_ms: Option<i64>,
    /// Who may read and edit it; none: everyone.
    pub(super) privacy: Option<Value>,
    /// Whether its privacy keeps the user from changing it.
    pub(super) is_locked: bool,
    /// For companies: the persons whose parent company this is.
    pub(super) children: Vec<String>,
    /// When lists and searches begin to show the contact.
    pub(super) visible_ms: i64,
    /// What made it: `api`, `parent company`, `drift` or `seed`; for tests, never shown by the API.
    pub(super) origin: String,
}

impl Contact {
    /// The values of a field; none when it is absent.
    pub(super) fn values(&self, name: &str) -> &[FieldValue] {
        self.fields.iter().find(|(field, _)| field == name).map_or(&[], |(_, values)| values)
    }

    /// The first value of a field, or empty text.
    pub(super) fn first(&self, name: &str) -> &str {
        self.values(name).first().map_or("", |value| &value.value)
    }

    /// Puts a field's values in the place of those it has; no values, no field.
    pub(super) fn set(&mut self, name: &str, values: Vec<FieldValue>) {
        match self.fields.iter().position(|(field, _)| field == name) {
            Some(place) if values.is_empty() => drop(self.fields.remove(place)),
            Some(place) => self.fields[place].1 = values,
            None if values.is_empty() => {}
            None => self.fields.push((name.to_owned(), values)),
        }
    }

    /// The id of the company a person belongs to.
    pub(super) fn parent(&self) -> Option<&str> {
        self.values("parent company").first().and_then(|value| value.extra.as_deref())
    }
}

#[derive(Debug)]
struct Slot {
    contact: Contact,
    rendered: Option<Rendered>,
    folded: Option<Folded>,
}

/// All contacts, and the account's tags.
#[derive(Debug, Default)]
pub(super) struct Store {
    slots: Vec<Option<Slot>>,
    by_id: HashMap<String, usize>,
    by_created: BTreeSet<(i64, usize)>,
    by_updated: BTreeSet<(i64, usize)>,
    companies: HashMap<String, BTreeSet<usize>>,
    domains: HashMap<String, usize>,
    tags: Vec<String>,
    tag_places: HashMap<String, usize>,
    /// Slots that were moved to the front and the end of unsorted lists, the last move last.
    front: Vec<usize>,
    back: Vec<usize>,
    /// Grows with every change; lists made at one version hold as long as it stays.
    version: u64,
    latest_visible_ms: i64,
}

impl Store {
    /// How many contacts there are, visible in lists or not.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many slots were ever filled; the next contact gets this one.
    pub(super) fn ever(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// When the last contact so far begins to show in lists.
    pub(super) fn latest_visible_ms(&self) -> i64 {
        self.latest_visible_ms
    }

    pub(super) fn slot(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub(super) fn at(&self, slot: usize) -> Option<&Contact> {
        self.slots.get(slot)?.as_ref().map(|slot| &slot.contact)
    }

    /// All contacts with their slots, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Contact)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| Some((index, &slot.as_ref()?.contact)))
    }

    /// Slots in order of creation time.
    pub(super) fn created_order(&self) -> impl DoubleEndedIterator<Item = (i64, usize)> {
        self.by_created.iter().copied()
    }

    /// Slots in order of the last change.
    pub(super) fn updated_order(&self) -> impl DoubleEndedIterator<Item = (i64, usize)> {
        self.by_updated.iter().copied()
    }

    /// Slots as a list without sorting has them: by creation, but for those that were moved.
    pub(super) fn list_order(&self) -> Vec<usize> {
        let moved: BTreeSet<usize> = self.front.iter().chain(&self.back).copied().collect();
        let stayed = self.iter().map(|(slot, _)| slot).filter(|slot| !moved.contains(slot));
        let there = |slot: &usize| self.at(*slot).is_some();
        let (front, back) = (self.front.iter().rev(), self.back.iter());
        front.copied().filter(there).chain(stayed).chain(back.copied().filter(there)).collect()
    }

    /// Moves a contact to the front or the end of unsorted lists.
    pub(super) fn move_in_lists(&mut self, slot: usize, to_front: bool) {
        self.front.retain(|moved| *moved != slot);
        self.back.retain(|moved| *moved != slot);
        if to_front {
            self.front.push(slot)
        } else {
            self.back.push(slot)
        }
        self.version += 1;
    }

    /// The oldest company of this name, case aside.
    pub(super) fn company(&self, name: &str) -> Option<&Contact> {
        self.at(*self.companies.get(&company_key(name))?.first()?)
    }

    /// The company that has this domain.
    pub(super) fn domain_owner(&self, domain: &str) -> Option<&Contact> {
        self.at(*self.domains.get(&domain.to_lowercase())?)
    }

    /// The place of a tag in the account's table; a new text is added.
    pub(super) fn tag(&mut self, text: &str) -> usize {
        if let Some(place) = self.tag_places.get(text) {
            return *place;
        }
        let place = self.tags.len();
        self.tags.push(text.to_owned());
        self.tag_places.insert(text.to_owned(), place);
        place
    }

    pub(super) fn tag_text(&self, place: usize) -> &str {
        &self.tags[place]
    }

    /// Adds a contact in the next slot.
    pub(super) fn insert(&mut self, contact: Contact) {
        let slot = self.slots.len();
        self.index(slot, &contact);
        self.by_id.insert(contact.id.clone(), slot);
        self.latest_visible_ms = self.latest_visible_ms.max(contact.visible_ms);
        self.slots.push(Some(Slot { contact, rendered: None, folded: None }));
        self.version += 1;
    }

    /// Leaves slots empty, so that the next contact gets the one of this number.
    pub(super) fn skip_to(&mut self, slot: usize) {
        while self.slots.len() < slot {
            self.slots.push(None);
        }
    }

    /// Lets `change` edit a contact; its id and creation time must stay.
    pub(super) fn change(&mut self, slot: usize, change: impl FnOnce(&mut Contact)) {
        let Some(mut entry) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        self.unindex(slot, &entry.contact);
        change(&mut entry.contact);
        self.index(slot, &entry.contact);
        self.slots[slot] = Some(Slot { contact: entry.contact, rendered: None, folded: None });
        self.version += 1;
    }

    /// Takes a contact out, and out of its company's children.
    pub(super) fn remove(&mut self, id: &str) -> Option<Contact> {
        let slot = self.by_id.remove(id)?;
        let contact = self.slots[slot].take()?.contact;
        self.unindex(slot, &contact);
        if let Some(company) = contact.parent().and_then(|id| self.slot(id)) {
            self.change(company, |company| company.children.retain(|child| child != id));
        }
        self.version += 1;
        Some(contact)
    }

    /// The contact as text for answers.
    pub(super) fn rendered(&mut self, slot: usize, metadata: &Metadata, knobs: &Knobs) -> Option<&Rendered> {
        let Self { slots, tags, .. } = self;
        let entry = slots.get_mut(slot)?.as_mut()?;
        Some(entry.rendered.get_or_insert_with(|| render(&entry.contact, tags, metadata, knobs)))
    }

    /// Whether a keyword hits the contact.
    pub(super) fn keyword_hits(&mut self, slot: usize, keyword: &Keyword) -> bool {
        let Self { slots, tags, .. } = self;
        let Some(Some(entry)) = slots.get_mut(slot) else { return false };
        let folded = entry.folded.get_or_insert_with(|| Folded::new(&entry.contact, tags));
        keyword.hits(&entry.contact, folded, tags)
    }

    fn index(&mut self, slot: usize, contact: &Contact) {
        self.by_created.insert((contact.created_s, slot));
        self.by_updated.insert((contact.updated_ms, slot));
        if contact.record_type == RecordType::Company {
            self.companies.entry(company_key(contact.first("company name"))).or_default().insert(slot);
        }
        for domain in contact.values("domain") {
            self.domains.insert(domain.value.to_lowercase(), slot);
        }
    }

    fn unindex(&mut self, slot: usize, contact: &Contact) {
        self.by_created.remove(&(contact.created_s, slot));
        self.by_updated.remove(&(contact.updated_ms, slot));
        if contact.record_type == RecordType::Company {
            let key = company_key(contact.first("company name"));
            if let Some(slots) = self.companies.get_mut(&key) {
                slots.remove(&slot);
                if slots.is_empty() {
                    self.companies.remove(&key);
                }
            }
        }
        for domain in contact.values("domain") {
            let domain = domain.value.to_lowercase();
            if self.domains.get(&domain) == Some(&slot) {
                self.domains.remove(&domain);
            }
        }
    }
}

fn company_key(name: &str) -> String {
    name.trim().to_lowercase()
}
