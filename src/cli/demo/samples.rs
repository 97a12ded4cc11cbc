//! The files that the demo brings along, so that an installed program shows it anywhere.

/// A file of the demo's folder: its name and its bytes.
pub(super) type Sample = (&'static str, &'static [u8]);

/// A sheet of leads, as messy as real ones.
pub(super) const LEADS: Sample = ("leads.csv", include_bytes!("../../../samples/leads.csv"));
/// How the leads become people in Nimble.
pub(super) const LEADS_NIMBLE: Sample =
    ("leads-nimble.toml", include_bytes!("../../../samples/leads-nimble.toml"));
/// What a newsletter service gives out.
pub(super) const PEOPLE: Sample = ("people.jsonl", include_bytes!("../../../samples/people.jsonl"));
/// How those become people in Nimble.
pub(super) const PEOPLE_NIMBLE: Sample =
    ("people-nimble.toml", include_bytes!("../../../samples/people-nimble.toml"));
/// The ready-made way from one CRM to the other.
pub(super) const NIMBLE_NETHUNT: Sample =
    ("nimble-contacts-nethunt.toml", include_bytes!("../../../mappings/nimble-contacts-nethunt.toml"));

/// All of them.
pub(super) const ALL: [Sample; 5] = [LEADS, LEADS_NIMBLE, PEOPLE, PEOPLE_NIMBLE, NIMBLE_NETHUNT];
