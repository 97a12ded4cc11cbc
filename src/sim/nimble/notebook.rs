//! The notes of the account, found by id and by contact.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    pub(super) id: String,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    /// Place of its author among the users.
    pub(super) author: usize,
    /// As sent: the service stores text and percent-encoded HTML alike.
    pub(super) note: String,
    pub(super) note_preview: String,
    pub(super) contact_ids: Vec<String>,
}

/// All notes.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    /// By the number of their creation.
    notes: BTreeMap<u64, Note>,
    numbers: HashMap<String, u64>,
    by_contact: HashMap<String, BTreeSet<(i64, u64)>>,
    ever: u64,
}

impl Notebook {
    /// How many notes there ever were.
    pub(super) fn ever(&self) -> u64 {
        self.ever
    }

    pub(super) fn get(&self, id: &str) -> Option<&Note> {
        self.notes.get(self.numbers.get(id)?)
    }

    /// All notes, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Note> {
        self.notes.values()
    }

    /// The notes of a contact, newest first.
    pub(super) fn of(&self, contact: &str) -> Vec<&Note> {
        let numbers = self.by_contact.get(contact).into_iter().flatten().rev();
        numbers.filter_map(|(_, number)| self.notes.get(number)).collect()
    }

    /// Adds a note, or puts it in the place of the one with its id.
    pub(super) fn put(&mut self, note: Note) {
        let number = match self.numbers.get(&note.id).copied() {
            Some(number) => {
                self.unindex(number);
                number
            }
            None => {
                self.ever += 1;
                self.ever
            }
        };
        for contact in &note.contact_ids {
            self.by_contact.entry(contact.clone()).or_default().insert((note.created_ms, number));
        }
        self.numbers.insert(note.id.clone(), number);
        self.notes.insert(number, note);
    }

    /// Takes a note out.
    pub(super) fn remove(&mut self, id: &str) -> Option<Note> {
        let number = self.numbers.remove(id)?;
        self.unindex(number);
        self.notes.remove(&number)
    }

    /// Takes a contact out of its notes; a note that was its alone goes with it.
    pub(super) fn forget(&mut self, contact: &str) {
        for (_, number) in self.by_contact.remove(contact).unwrap_or_default() {
            let Some(note) = self.notes.get_mut(&number) else { continue };
            note.contact_ids.retain(|id| id != contact);
            if note.contact_ids.is_empty() {
                self.numbers.remove(&note.id);
                self.notes.remove(&number);
            }
        }
    }

    /// All notes as a snapshot holds them.
    pub(super) fn snapshot(&self) -> Value {
        let notes = self.notes.values().filter_map(|note| serde_json::to_value(note).ok()).collect();
        let members = [("notes", Value::Array(notes)), ("ever", Value::from(self.ever))];
        members.into_iter().collect()
    }

    /// The notes of a snapshot; none of one from before there were notes.
    ///
    /// # Errors
    /// When the snapshot does not have the shape that [`Notebook::snapshot`] gives.
    pub(super) fn read(snapshot: &Value) -> Result<Self, String> {
        let mut notebook = Self::default();
        if snapshot.is_null() {
            return Ok(notebook);
        }
        let notes = snapshot["notes"].as_array().ok_or("nimble: `notes` is not a list")?;
        for (index, note) in notes.iter().enumerate() {
            let note = Note::deserialize(note).map_err(|why| format!("nimble: note {}: {why}", index + 1))?;
            notebook.put(note);
        }
        notebook.ever = snapshot["ever"].as_u64().unwrap_or(0).max(notebook.ever);
        Ok(notebook)
    }

    fn unindex(&mut self, number: u64) {
        let Some(note) = self.notes.get(&number) else { return };
        for contact in &note.contact_ids {
            if let Some(numbers) = self.by_contact.get_mut(contact) {
                numbers.remove(&(note.created_ms, number));
                if numbers.is_empty() {
                    self.by_contact.remove(contact);
                }
            }
        }
    }
}
