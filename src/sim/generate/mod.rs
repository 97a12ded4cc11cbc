//! Realistic records of invented people and companies, for demonstrations, tests and rehearsals.
//!
//! Deterministic: the same count, seed and clock give the same records. Varied as real ones are: many
//! countries and scripts, several e-mails and phones, missing fields, leading zeros, cells that look like
//! formulas, long texts with line breaks. E-mail addresses and domains are unique and end in `.example`.

mod names;
mod nethunt;
mod nimble;
mod people;

pub use nethunt::{NetHuntDraft, NetHuntDrafts, NetHuntLink, NetHuntLinkTarget, nethunt_records};
pub use nimble::{NimbleDraft, nimble_contacts};
