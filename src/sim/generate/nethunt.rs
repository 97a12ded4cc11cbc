//! Invented contacts, companies and deals in the shape of NetHunt's three folders.

use serde_json::{Map, Value, json};

use super::people::{self, chance, dice, pick, times};

/// A record before it has an id; values are as the service stores them.
#[derive(Debug, Clone, PartialEq)]
pub struct NetHuntDraft {
    /// Values by field name, links excepted.
    pub fields: Map<String, Value>,
    /// Links to other drafts.
    pub links: Vec<NetHuntLink>,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// Unix milliseconds of the last update, after `created_ms`; `None` for a record never updated.
    pub updated_ms: Option<i64>,
}

/// A link field's value: places in the list of another kind of drafts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetHuntLink {
    /// Field name.
    pub field: &'static str,
    /// The list meant.
    pub to: NetHuntLinkTarget,
    /// Places in that list.
    pub indexes: Vec<usize>,
}

/// Which drafts a link points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetHuntLinkTarget {
    /// [`NetHuntDrafts::companies`].
    Companies,
    /// [`NetHuntDrafts::contacts`].
    Contacts,
}

/// Everything that is generated for an account.
#[derive(Debug, Clone, Default)]
pub struct NetHuntDrafts {
    /// A tenth as many as contacts.
    pub companies: Vec<NetHuntDraft>,
    /// As many as were asked for.
    pub contacts: Vec<NetHuntDraft>,
    /// A fifth as many as contacts.
    pub deals: Vec<NetHuntDraft>,
}

/// `count` contacts with the companies they work for and deals with both.
#[must_use]
pub fn nethunt_records(count: usize, seed: u64, now_ms: i64) -> NetHuntDrafts {
    let companies = count / 10;
    let drafts =
        |number: usize, salt: u64, make: &dyn Fn(usize) -> (Map<String, Value>, Vec<NetHuntLink>)| {
            let draft = |index| {
                let (fields, links) = make(index);
                let (created_ms, updated_ms) = times(seed, salt, index, now_ms);
                NetHuntDraft { fields, links, created_ms, updated_ms }
            };
            (0..number).map(draft).collect()
        };
    NetHuntDrafts {
        companies: drafts(companies, 21, &|index| company(seed, index, companies, count)),
        contacts: drafts(count, 22, &|index| contact(seed, index, companies, count)),
        deals: drafts(count / 5, 23, &|index| deal(seed, index, companies, count)),
    }
}

fn company(
    seed: u64,
    index: usize,
    companies: usize,
    contacts: usize,
) -> (Map<String, Value>, Vec<NetHuntLink>) {
    let company = people::company(seed, index);
    let mut dice = dice(seed, 31, index);
    let mut fields = Map::new();
    put(&mut fields, "Name", json!(company.name));
    put(&mut fields, "Domain", json!(company.domain));
    put(&mut fields, "Country", json!(company.locale.code));
    if chance(&mut dice, 70) {
        put(&mut fields, "Employees", json!(company.employees));
    }
    if chance(&mut dice, 30) {
        put(&mut fields, "Tags", json!(["company", company.locale.country]));
    }
    if chance(&mut dice, 30) {
        let text = format!("{}\n{} {}", company.address.street, company.address.zip, company.address.town);
        put(&mut fields, "Notes", json!(text));
    }
    let mut links = Vec::new();
    if chance(&mut dice, 50) {
        let indexes = distinct(&mut dice, contacts, 2);
        links.push(NetHuntLink { field: "Key contacts", to: NetHuntLinkTarget::Contacts, indexes });
    }
    if companies > 1 && chance(&mut dice, 15) {
        let indexes = vec![(index + 1 + dice.usize(..companies - 1)) % companies];
        links.push(NetHuntLink { field: "Parent", to: NetHuntLinkTarget::Companies, indexes });
    }
    (fields, links)
}

fn contact(
    seed: u64,
    index: usize,
    companies: usize,
    contacts: usize,
) -> (Map<String, Value>, Vec<NetHuntLink>) {
    let person = people::person(seed, index);
    let mut dice = dice(seed, 32, index);
    let name = format!("{} {}", person.given, person.family);
    let mut fields = Map::new();
    put(&mut fields, "Name", json!(name));
    if !person.emails.is_empty() {
        let emails: Vec<String> =
            person.emails.iter().map(|(email, _)| address(&mut dice, &name, email)).collect();
        put(&mut fields, "Email", json!(emails));
    }
    if !person.phones.is_empty() {
        let phones: Vec<&String> = person.phones.iter().map(|(phone, _)| phone).collect();
        put(&mut fields, "Phone", json!(phones));
    }
    put(&mut fields, "Country", json!(person.locale.code));
    if chance(&mut dice, 20) {
        put(&mut fields, "Country of birth", json!(pick(&mut dice, super::names::locales()).code));
    }
    if let Some((year, month, day)) = person.birthday {
        put(&mut fields, "Birthday", json!(format!("{year}-{month:02}-{day:02}")));
    }
    if !person.tags.is_empty() {
        put(&mut fields, "Tags", json!(person.tags));
    }
    if let Some((place, _)) = person.addresses.first() {
        put(&mut fields, "Zip", json!(place.zip));
        put(&mut fields, "Address", json!(format!("{}\n{} {}", place.street, place.zip, place.town)));
    }
    if let Some(site) = &person.site {
        put(&mut fields, "Site", json!(site));
    }
    at_work(&mut dice, index, &mut fields);
    if let Some(text) = &person.description {
        put(&mut fields, "Notes", json!(text));
    }
    let mut links = Vec::new();
    if companies > 0 && chance(&mut dice, 60) {
        let indexes = vec![dice.usize(..companies)];
        links.push(NetHuntLink { field: "Company", to: NetHuntLinkTarget::Companies, indexes });
    }
    if contacts > 1 && chance(&mut dice, 10) {
        let most = dice.usize(1..=3);
        let indexes = distinct(&mut dice, contacts, most);
        links.push(NetHuntLink { field: "Co-workers", to: NetHuntLinkTarget::Contacts, indexes });
    }
    (fields, links)
}

/// Numbers, options and marks that only some contacts have.
fn at_work(dice: &mut fastrand::Rng, index: usize, fields: &mut Map<String, Value>) {
    const INTERESTS: [&str; 6] = ["Music", "Sport", "Travel", "Cooking", "Art & Design", "Наука"];
    if chance(dice, 20) {
        put(fields, "VIP", json!(dice.bool()));
    }
    if chance(dice, 45) {
        let score =
            if dice.bool() { json!(dice.u32(..100)) } else { json!(f64::from(dice.u32(..1000)) / 8.0) };
        put(fields, "Score", score);
    }
    if chance(dice, 60) {
        put(fields, "Status", json!(pick(dice, &["New", "Won", "Lost"])));
    }
    if chance(dice, 35) {
        let most = dice.usize(1..=3);
        let chosen: Vec<&str> =
            distinct(dice, INTERESTS.len(), most).into_iter().map(|at| INTERESTS[at]).collect();
        put(fields, "Interests", json!(chosen));
    }
    if chance(dice, 25) {
        put(fields, "Owner", json!("Simone Example <sim@example.org>"));
    }
    if chance(dice, 50) {
        put(fields, "External ID", json!(format!("{index:010}")));
    }
    if chance(dice, 15) {
        let (month, day, minute) = (dice.u8(1..=12), dice.u8(1..=28), dice.u8(..60));
        put(fields, "Last call", json!(format!("2024-{month:02}-{day:02}T09:{minute:02}:00.000Z")));
    }
    if chance(dice, 20) {
        put(fields, "Employed", json!(dice.bool()));
        put(fields, "Salary", json!(dice.u32(900..9000)));
    }
    if chance(dice, 20) {
        put(fields, "Keywords", json!(["export", "a;b", "\"quoted\""][..dice.usize(1..=3)]));
    }
}

fn deal(
    seed: u64,
    index: usize,
    companies: usize,
    contacts: usize,
) -> (Map<String, Value>, Vec<NetHuntLink>) {
    const STAGES: [&str; 5] = ["Qualification", "Proposal", "Negotiation", "Won", "Lost"];
    let mut dice = dice(seed, 33, index);
    let mut fields = Map::new();
    put(
        &mut fields,
        "Name",
        json!(format!("Deal {:05}: {}", index + 1, pick(&mut dice, &["renewal", "pilot", "Umbau"]))),
    );
    put(&mut fields, "Stage", json!(pick(&mut dice, &STAGES)));
    if chance(&mut dice, 80) {
        put(&mut fields, "Amount", json!(f64::from(dice.u32(100..1_000_000)) / 4.0));
    }
    if chance(&mut dice, 60) {
        put(&mut fields, "Close date", json!(format!("2025-{:02}-{:02}", dice.u8(1..=12), dice.u8(1..=28))));
    }
    if chance(&mut dice, 20) {
        put(&mut fields, "Notes", json!("Offer sent; waiting, \"soon\"\nsecond reminder due"));
    }
    let mut links = Vec::new();
    if contacts > 0 {
        let indexes = distinct(&mut dice, contacts, 1);
        links.push(NetHuntLink { field: "Contact", to: NetHuntLinkTarget::Contacts, indexes });
    }
    if companies > 0 && chance(&mut dice, 70) {
        let indexes = distinct(&mut dice, companies, 1);
        links.push(NetHuntLink { field: "Company", to: NetHuntLinkTarget::Companies, indexes });
    }
    (fields, links)
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Value) {
    fields.insert(name.to_owned(), value);
}

/// An address as the service shows it: with the name before it, or bare in angle brackets.
fn address(dice: &mut fastrand::Rng, name: &str, email: &str) -> String {
    if chance(dice, 40) { format!("{name} <{email}>") } else { format!("<{email}>") }
}

/// At most `most` different numbers below `below`.
fn distinct(dice: &mut fastrand::Rng, below: usize, most: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for _ in 0..most.min(below) {
        let number = dice.usize(..below);
        if !chosen.contains(&number) {
            chosen.push(number);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_760_000_000_000;

    #[test]
    fn the_folders_have_their_shares_and_links_stay_inside() {
        let drafts = nethunt_records(1_000, 5, NOW);
        assert_eq!((drafts.companies.len(), drafts.contacts.len(), drafts.deals.len()), (100, 1_000, 200));
        let all = drafts.companies.iter().chain(&drafts.contacts).chain(&drafts.deals);
        for link in all.clone().flat_map(|draft| &draft.links) {
            let below = if link.to == NetHuntLinkTarget::Companies { 100 } else { 1_000 };
            assert!(link.indexes.iter().all(|&index| index < below));
        }
        assert!(all.clone().all(|draft| draft.updated_ms.is_none_or(|updated| updated > draft.created_ms)));
        assert!(all.clone().any(|draft| draft.updated_ms.is_some()));
        assert_eq!(nethunt_records(1_000, 5, NOW).contacts, drafts.contacts);
    }

    #[test]
    fn small_counts_work() {
        for count in 0..12 {
            assert_eq!(nethunt_records(count, 1, NOW).contacts.len(), count);
        }
    }
}
