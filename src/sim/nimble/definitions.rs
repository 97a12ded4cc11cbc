//! What both generations of field definitions share: who may change them, which names are good, and what
//! becomes of the values that contacts have.

use serde_json::{Value, json};

use super::Nimble;
use super::errors::{forbidden, invalid, not_found};
use super::knobs::FieldsApi;
use super::metadata::Field;
use crate::sim::exchange::{Reply, Request};

impl Nimble {
    /// Definitions of fields in both generations; nothing for any other path.
    pub(super) fn route_definitions(
        &mut self,
        parts: &[&str],
        request: &Request,
    ) -> Option<Result<Reply, Reply>> {
        let (is_legacy, parts) = match parts {
            ["contacts", "metadata", rest @ ..] => (true, rest),
            ["contacts", "fields", rest @ ..] => (false, rest),
            // The newer description before its last revision has this path for a tab's deletion.
            ["contacts", "tabs", _] => (false, &parts[1..]),
            _ => return None,
        };
        let served = match self.knobs.fields_api {
            FieldsApi::Both => true,
            FieldsApi::Legacy => is_legacy,
            FieldsApi::New => !is_legacy,
        };
        if !served {
            return None;
        }
        let method = request.method.as_str();
        if matches!(method, "POST" | "PUT" | "DELETE") && !self.knobs.manage_fields {
            return Some(Err(forbidden("the user may not manage custom fields")));
        }
        if is_legacy {
            return Some(match (method, parts) {
                ("GET", []) => Ok(Reply::json(200, &self.metadata.json())),
                ("POST", ["fields"]) => self.create_legacy_field(request),
                ("PUT", ["fields", id]) => self.update_legacy_field(id, request),
                ("DELETE", ["fields", id]) => self.delete_legacy_field(id, request),
                ("POST", ["groups"]) => self.create_legacy_group(request),
                ("PUT", ["groups", id]) => self.update_legacy_group(id, request),
                ("DELETE", ["groups", id]) => self.delete_legacy_group(id, request),
                _ => return None,
            });
        }
        Some(match (method, parts) {
            ("GET", []) => Ok(Reply::json(200, &json!({"tabs": self.metadata.tabs_json()}))),
            ("POST", []) => self.create_field(request),
            ("POST", ["groups"]) => self.create_group(request),
            ("PUT", ["groups", id]) => self.update_group(id, request),
            ("DELETE", ["groups", id]) => self.delete_group(id, request),
            ("POST", ["tabs"]) => self.create_tab(request),
            ("PUT", ["tabs", id]) => self.update_tab(id, request),
            ("DELETE", ["tabs", id]) => self.delete_tab(id, request),
            ("POST", [id, "choices"]) => self.create_choice(id, request),
            ("PUT", [id, "choices", choice]) => self.update_choice(id, choice, request),
            ("DELETE", [id, "choices", choice]) => self.delete_choice(id, choice, request),
            ("PUT", [id]) => self.update_field(id, request),
            ("DELETE", [id]) => self.delete_field(id, request),
            _ => return None,
        })
    }

    /// The custom field of an id.
    pub(super) fn custom_field(&self, id: &str) -> Result<Field, Reply> {
        let field = self.metadata.by_id(id).map(|(field, _)| field.clone());
        let field = field.ok_or_else(|| not_found("contact field", id))?;
        if field.is_standard {
            return Err(invalid(&format!("`{}` is a standard field", field.name)));
        }
        Ok(field)
    }

    /// Whether a field may have this name: not empty, not too long, no other field's.
    pub(super) fn check_field_name(
        &self,
        name: &str,
        longest: usize,
        old: Option<&Field>,
    ) -> Result<(), Reply> {
        let own = old.map(|old| old.serial);
        let taken = self
            .metadata
            .fields()
            .iter()
            .any(|field| field.name.to_lowercase() == name.to_lowercase() && Some(field.serial) != own);
        if taken {
            return Err(invalid(&format!("there is a field `{name}` already")));
        }
        if name.is_empty() || name.chars().count() > longest {
            return Err(invalid(&format!("`name` has 1 to {longest} characters")));
        }
        Ok(())
    }

    /// How many contacts have a value in a field.
    pub(super) fn uses(&self, name: &str) -> usize {
        self.holders(name).len()
    }

    /// How many contacts have this value in a field.
    pub(super) fn uses_of(&self, name: &str, value: &str) -> usize {
        let has = |slot: &usize| {
            let contact = self.store.at(*slot);
            contact.is_some_and(|contact| contact.values(name).iter().any(|held| held.value == value))
        };
        self.holders(name).into_iter().filter(has).count()
    }

    /// The query that finds the contacts with a value in a field.
    pub(super) fn uses_query(name: &str) -> Value {
        json!({"custom_fields": {name: {"is_empty": false}}})
    }

    /// Gives the values of a field its new name.
    pub(super) fn rename_values(&mut self, old: &str, new: &str) {
        if old == new {
            return;
        }
        for slot in self.holders(old) {
            self.store.change(slot, |contact| {
                for (name, _) in &mut contact.fields {
                    if name == old {
                        new.clone_into(name);
                    }
                }
            });
        }
    }

    /// Deletes fields with their values.
    pub(super) fn drop_fields(&mut self, serials: &[usize]) {
        for serial in serials {
            if let Some(field) = self.metadata.by_serial(*serial).cloned() {
                self.drop_field(&field);
            }
        }
    }

    /// Deletes a field with its values.
    pub(super) fn drop_field(&mut self, field: &Field) {
        for slot in self.holders(&field.name) {
            self.store.change(slot, |contact| contact.set(&field.name, Vec::new()));
        }
        self.metadata.remove(field.serial);
    }

    fn holders(&self, name: &str) -> Vec<usize> {
        let contacts = self.store.iter();
        contacts.filter(|(_, contact)| !contact.values(name).is_empty()).map(|(slot, _)| slot).collect()
    }
}
