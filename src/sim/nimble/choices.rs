//! The choices of dropdowns in the newer definitions: create, rename and move, delete.

use serde_json::json;

use super::Nimble;
use super::body::{json_body, text};
use super::errors::{invalid, not_found, preflight};
use super::kinds::Kind;
use super::metadata::{Choice, Field};
use super::tabs::{empty, nullable, wants_checks};
use crate::sim::exchange::{Reply, Request};

impl Nimble {
    /// `POST /contacts/fields/{field}/choices`: the caller brings the id.
    pub(super) fn create_choice(&mut self, field: &str, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let field = self.dropdown(field)?;
        let (id, value) = (text(&body, "id")?.to_owned(), text(&body, "value")?.to_owned());
        if id.is_empty() || value.trim().is_empty() {
            return Err(invalid("`id` and `value` of a choice are not empty"));
        }
        if field.choices.iter().any(|choice| choice.id == id) {
            return Err(invalid(&format!("the field has a choice `{id}` already")));
        }
        let place = place_after(&field.choices, nullable(&body, "insert_after")?.as_deref())?;
        self.metadata.change(field.serial, |field| field.choices.insert(place, Choice { id, value }));
        let tab = self.metadata.tabs.iter().position(|tab| tab.fields().any(|serial| serial == field.serial));
        let reply = tab.map_or_else(|| Reply::json(200, &json!({})), |tab| self.shown_tab(tab));
        Ok(reply.with_effect("create", "choice"))
    }

    /// `PUT /contacts/fields/{field}/choices/{id}`.
    pub(super) fn update_choice(&mut self, field: &str, id: &str, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let field = self.dropdown(field)?;
        let mut choices = field.choices;
        let place = choices.iter().position(|choice| choice.id == id);
        let place = place.ok_or_else(|| not_found("choice", id))?;
        let mut choice = choices.remove(place);
        if body.contains_key("id") && text(&body, "id")? != id {
            return Err(invalid("`id` of a choice cannot be changed"));
        }
        if body.contains_key("value") {
            text(&body, "value")?.clone_into(&mut choice.value);
        }
        let place = match body.contains_key("insert_after") {
            true => place_after(&choices, nullable(&body, "insert_after")?.as_deref())?,
            false => place,
        };
        choices.insert(place, choice);
        self.metadata.change(field.serial, |field| field.choices = choices);
        Ok(Reply::json(200, &json!({"tabs": self.metadata.tabs_json()})).with_effect("update", "choice"))
    }

    /// `DELETE /contacts/fields/{field}/choices/{id}`: contacts that have it keep the bare id.
    pub(super) fn delete_choice(&mut self, field: &str, id: &str, request: &Request) -> Result<Reply, Reply> {
        let field = self.dropdown(field)?;
        if !field.choices.iter().any(|choice| choice.id == id) {
            return Err(not_found("choice", id));
        }
        if wants_checks(request)? {
            let uses = self.uses_of(&field.name, id);
            if uses > 0 {
                let own = json!({&field.name: {"is": id}});
                let query = if field.is_standard { own } else { json!({"custom_fields": own}) };
                return Err(preflight(
                    "x-simulated-choice_in_use",
                    "contacts have this choice",
                    uses,
                    &query,
                ));
            }
        }
        self.metadata.change(field.serial, |field| field.choices.retain(|choice| choice.id != id));
        let reply = match self.knobs.is_current() {
            true => Reply::json(200, &json!({"tabs": self.metadata.tabs_json()})),
            false => empty(),
        };
        Ok(reply.with_effect("delete", "choice"))
    }

    fn dropdown(&self, id: &str) -> Result<Field, Reply> {
        let field = self.metadata.by_id(id).map(|(field, _)| field.clone());
        let field = field.ok_or_else(|| not_found("contact field", id))?;
        if field.kind == Kind::Choice {
            Ok(field)
        } else {
            Err(invalid(&format!("`{}` has no choices", field.name)))
        }
    }
}

fn place_after(choices: &[Choice], after: Option<&str>) -> Result<usize, Reply> {
    let Some(after) = after else { return Ok(0) };
    let place = choices.iter().position(|choice| choice.id == after);
    place.map(|place| place + 1).ok_or_else(|| invalid("`insert_after` is not a choice of the field"))
}
