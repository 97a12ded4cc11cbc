//! Answers that show contacts: lists, ids and details.

use std::fmt::Write as _;

use super::errors::{invalid, no_such_path, not_found};
use super::knobs::MissingContact;
use super::listing::Ask;
use super::render::fields;
use super::{Nimble, store::Store};
use crate::sim::exchange::{Reply, Request};

/// The most ids of `GET /contact?id=` (reference, endpoint index).
const IDS_BY_PARAMETER: usize = 30;

/// What of a contact is asked for.
struct Show {
    fields: Option<Vec<String>>,
    tags: bool,
}

impl Nimble {
    /// `GET /contacts`.
    pub(super) fn list(&mut self, now_ms: i64, request: &Request) -> Reply {
        let ask = match Ask::read(request, &self.metadata, &self.knobs) {
            Ok(ask) => ask,
            Err(refusal) => return refusal,
        };
        let show = match Show::read(request) {
            Ok(show) => show,
            Err(refusal) => return refusal,
        };
        let (slots, meta) = self.page(&ask, now_ms);
        let mut body = format!("{{\"meta\":{meta},\"resources\":[");
        self.write_contacts(&mut body, &slots, &show);
        body.push_str("]}");
        json_text(200, body)
    }

    /// `GET /contacts/ids`.
    pub(super) fn list_ids(&mut self, now_ms: i64, request: &Request) -> Reply {
        // Checked too, though nothing of it shows: both lists take the same parameters.
        let ask = match Show::read(request).and_then(|_| Ask::read(request, &self.metadata, &self.knobs)) {
            Ok(ask) => ask,
            Err(refusal) => return refusal,
        };
        let (slots, meta) = self.page(&ask, now_ms);
        let mut body = format!("{{\"meta\":{meta},\"resources\":[");
        let ids = slots.iter().filter_map(|slot| self.store.at(*slot));
        for (index, contact) in ids.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(body, "{comma}\"{}\"", contact.id);
        }
        body.push_str("]}");
        json_text(200, body)
    }

    /// `GET /contact/{id}[,{id}..]`: unknown ids are left out, a malformed one is refused.
    pub(super) fn detail(&mut self, ids: &str, most: usize, request: &Request) -> Reply {
        let show = match Show::read(request) {
            Ok(show) => show,
            Err(refusal) => return refusal,
        };
        let with_metadata = match flag(request, "meta", false) {
            Ok(with_metadata) => with_metadata,
            Err(refusal) => return refusal,
        };
        let ids = match id_list(ids) {
            Ok(ids) => ids,
            Err(refusal) => return refusal,
        };
        if ids.len() > most {
            return invalid(&format!("at most {most} ids"));
        }
        let slots: Vec<usize> = ids.iter().filter_map(|id| self.store.slot(id)).collect();
        if slots.is_empty() && self.knobs.missing_contact == MissingContact::NotFound {
            return not_found("contact", ids[0]);
        }
        let mut body = String::from("{\"resources\":[");
        self.write_contacts(&mut body, &slots, &show);
        body.push(']');
        if with_metadata {
            let _ = write!(body, ",\"contacts_meta\":{}", self.metadata.json());
        }
        body.push('}');
        json_text(200, body)
    }

    /// `GET /contact?id=a,b`, the newer form for up to 30 ids.
    pub(super) fn detail_by_parameter(&mut self, request: &Request) -> Reply {
        match joined(request, "id") {
            Some(ids) => self.detail(&ids, IDS_BY_PARAMETER, request),
            None => no_such_path(),
        }
    }

    /// The bare contact, as create and update answer.
    pub(super) fn bare(&mut self, status: u16, id: &str) -> Reply {
        let mut body = String::new();
        if let Some(slot) = self.store.slot(id) {
            self.write_contacts(&mut body, &[slot], &Show { fields: None, tags: true });
        }
        json_text(status, body)
    }

    /// Every contact as lists show it, for the tests.
    pub(super) fn all(&mut self) -> Reply {
        let slots: Vec<usize> = self.store.iter().map(|(slot, _)| slot).collect();
        let mut body = String::from("[");
        self.write_contacts(&mut body, &slots, &Show { fields: None, tags: true });
        body.push(']');
        json_text(200, body)
    }

    /// The slots of the asked page, and `meta`.
    fn page(&mut self, ask: &Ask, now_ms: i64) -> (Vec<usize>, String) {
        let slots = self.orders.slots(ask, &mut self.store, &self.knobs, &mut self.dice, now_ms);
        let first = (ask.page - 1).saturating_mul(ask.per_page).min(slots.len());
        let last = first.saturating_add(ask.per_page).min(slots.len());
        (slots[first..last].to_vec(), ask.meta(slots.len(), &self.knobs))
    }

    fn write_contacts(&mut self, body: &mut String, slots: &[usize], show: &Show) {
        for (index, slot) in slots.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            let some_fields = show.fields.as_deref().and_then(|names| {
                let contact = Store::at(&self.store, *slot)?;
                Some(fields(contact, Some(names), &self.metadata, &self.knobs))
            });
            if let Some(rendered) = self.store.rendered(*slot, &self.metadata, &self.knobs) {
                rendered.write(body, some_fields.as_deref(), show.tags);
            }
        }
    }
}

impl Show {
    fn read(request: &Request) -> Result<Self, Reply> {
        let fields = joined(request, "fields").filter(|text| !text.trim().is_empty());
        let fields = fields.as_deref().map(split_escaped);
        Ok(Self { fields, tags: flag(request, "tags", true)? })
    }
}

/// The values of a parameter that takes a list; public clients repeat the name, too.
fn joined(request: &Request, name: &str) -> Option<String> {
    let values = request.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let values: Vec<&str> = values.collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Ids of a path or parameter, each once, in the order given.
pub(super) fn id_list(text: &str) -> Result<Vec<&str>, Reply> {
    let mut ids: Vec<&str> = Vec::new();
    for id in text.split(',').map(str::trim) {
        if id.len() != 24 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid(&format!("not an id: `{id}`")));
        }
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Parts between commas, trimmed, empty ones dropped; `\,` is a comma (reference, `fields` and `tags`).
pub(super) fn split_escaped(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&',') => {
                characters.next();
                if let Some(part) = parts.last_mut() {
                    part.push(',');
                }
            }
            ',' => parts.push(String::new()),
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.push(character);
                }
            }
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// A flag: `0` and `1`, or the booleans that newer clients send.
pub(super) fn flag(request: &Request, name: &str, default: bool) -> Result<bool, Reply> {
    match request.param(name).map(str::trim) {
        None | Some("") => Ok(default),
        Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(_) => Err(invalid(&format!("`{name}` is 0 or 1"))),
    }
}

pub(super) fn json_text(status: u16, body: String) -> Reply {
    Reply { status, content_type: "application/json", body: body.into_bytes(), effect: "", record: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_can_be_escaped() {
        for (text, expected) in [
            (r"first name,hello\, Ada", vec!["first name", "hello, Ada"]),
            (r"our customers,best\,premium", vec!["our customers", "best,premium"]),
            (" a , b ", vec!["a", "b"]),
            ("a,,b", vec!["a", "b"]),
            (r"a\b", vec![r"a\b"]),
        ] {
            assert_eq!(split_escaped(text), expected);
        }
    }
}
