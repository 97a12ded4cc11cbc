//! Invented contacts in Nimble's shape, ready to be stored by the simulated service.

use serde_json::{Map, Value, json};

use super::people::{self, Address, SPREAD_MS, Tagged, chance, dice, times};

/// A contact before it has an id; field names and modifiers are those of Nimble's default fields.
#[derive(Debug, Clone, PartialEq)]
pub struct NimbleDraft {
    /// `person` or `company`.
    pub record_type: &'static str,
    /// Field name to a list of `{value, modifier}`; the value of an address is a JSON text.
    pub fields: Map<String, Value>,
    /// Tag texts, at most five.
    pub tags: Vec<String>,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// Unix milliseconds, not before `created_ms`.
    pub updated_ms: i64,
    /// Notes: Unix milliseconds not before `created_ms`, the note as stored, its preview.
    pub notes: Vec<(i64, String, String)>,
}

/// `count` contacts: companies first, a tenth of all, then persons, many of whom name one as their parent.
///
/// Companies are older than all persons, too: the order matters to a service that makes a parent company
/// when it does not know it, and it holds whether records are stored as they come or oldest first.
pub fn nimble_contacts(count: usize, seed: u64, now_ms: i64) -> impl Iterator<Item = NimbleDraft> {
    let companies = count / 10;
    (0..count).map(move |index| {
        let (mut created_ms, updated) = times(seed, 11, index, now_ms);
        if index < companies {
            created_ms -= SPREAD_MS;
        }
        let (record_type, fields, tags) = if index < companies {
            ("company", company(seed, index), Vec::new())
        } else {
            let person = people::person(seed, index);
            let tags = person.tags.clone();
            ("person", person_fields(seed, index, companies, person), tags)
        };
        let updated_ms = updated.unwrap_or(created_ms);
        let notes = notes(seed, index, created_ms, now_ms);
        NimbleDraft { record_type, fields, tags, created_ms, updated_ms, notes }
    })
}

fn company(seed: u64, index: usize) -> Map<String, Value> {
    let company = people::company(seed, index);
    let mut dice = dice(seed, 12, index);
    let mut fields = Map::new();
    put(&mut fields, "company name", &[(company.name.clone(), "")]);
    put(&mut fields, "domain", &[(company.domain.clone(), "")]);
    if chance(&mut dice, 80) {
        put(&mut fields, "email", &[(format!("info@{}", company.domain), "work")]);
    }
    if chance(&mut dice, 70) {
        let number = dice.u32(1_000_000..9_999_999);
        put(&mut fields, "phone", &[(format!("+{} {number}", company.locale.calling_code), "main")]);
    }
    if chance(&mut dice, 75) {
        let address = address_text(&company.address, company.locale.country);
        put(&mut fields, "address", &[(address, "work")]);
    }
    if chance(&mut dice, 50) {
        put(&mut fields, "URL", &[(format!("https://www.{}/", company.domain), "work")]);
    }
    if chance(&mut dice, 30) {
        put(&mut fields, "annual revenue", &[(format!("{}000", dice.u32(50..90_000)), "")]);
    }
    if chance(&mut dice, 30) {
        let text = format!("{} people; \"family run\" since {}", company.employees, dice.u16(1890..2020));
        put(&mut fields, "description", &[(text, "other")]);
    }
    fields
}

fn person_fields(seed: u64, index: usize, companies: usize, person: people::Person) -> Map<String, Value> {
    let mut dice = dice(seed, 13, index);
    let mut fields = Map::new();
    put(&mut fields, "first name", &[(person.given.clone(), "")]);
    put(&mut fields, "last name", &[(person.family.to_owned(), "")]);
    if chance(&mut dice, 8) {
        put(&mut fields, "middle name", &[(format!("{}.", index % 10), "")]);
    }
    if let Some(title) = person.title {
        put(&mut fields, "title", &[(title.to_owned(), "")]);
    }
    if companies > 0 && chance(&mut dice, 60) {
        let name = people::company(seed, dice.usize(..companies)).name;
        put(&mut fields, "parent company", &[(name, "")]);
    }
    put(&mut fields, "phone", &person.phones);
    put(&mut fields, "email", &person.emails);
    let addresses: Vec<Tagged> = person
        .addresses
        .iter()
        .map(|(address, modifier)| (address_text(address, person.locale.country), *modifier))
        .collect();
    put(&mut fields, "address", &addresses);
    put(&mut fields, "URL", &person.site.map(|site| (site, "personal")).into_iter().collect::<Vec<_>>());
    put(
        &mut fields,
        "description",
        &person.description.map(|text| (text, "other")).into_iter().collect::<Vec<_>>(),
    );
    if let Some((year, month, day)) = person.birthday {
        put(&mut fields, "birthday", &[(format!("{month:02}/{day:02}/{year}"), "")]);
    }
    if chance(&mut dice, 15) {
        put(&mut fields, "twitter", &[(format!("handle_{index}"), "")]);
    }
    if chance(&mut dice, 15) {
        put(&mut fields, "linkedin", &[(format!("https://social.example/in/{index:06}"), "")]);
    }
    if chance(&mut dice, 6) {
        put(&mut fields, "skype id", &[(format!("call.me.{index}"), "")]);
    }
    if chance(&mut dice, 25) {
        // A dropdown holds the id of its choice: 1 Open, 2 Contacted, 3 Qualified, 4 Unqualified.
        put(&mut fields, "lead status", &[(dice.u8(1..=4).to_string(), "")]);
    }
    fields
}

/// Every fifth contact has notes; of those that many are as the service's old pages wrote them, percent-encoded
/// HTML (reference, notes), and some have more than the five of a first page.
fn notes(seed: u64, index: usize, created_ms: i64, now_ms: i64) -> Vec<(i64, String, String)> {
    const PLAIN: &[&str] = &[
        "Called about the renewal: wants an offer by Friday, 10:30.",
        "Met at the fair. Likes tea; does not like e-mail.\nSecond line, with \"quotes\".",
        "50% discount agreed, see https://shop.example/a?b=c&d=100%25",
        "Très intéressé – rappeler après le 15. 👍",
    ];
    let mut dice = dice(seed, 14, index);
    if !chance(&mut dice, 20) {
        return Vec::new();
    }
    let count = if chance(&mut dice, 15) { dice.usize(6..9) } else { dice.usize(1..4) };
    let one = |number: usize| {
        let plain = PLAIN[(index + number) % PLAIN.len()];
        let at = created_ms + dice.i64(0..(now_ms - created_ms).max(1));
        if chance(&mut dice, 25) {
            let html =
                format!("<font face=\"Arial\">{}</font><br/>No. {number}", plain.replace('\n', "<br/>"));
            (at, percent_encoded(&html), plain.replace('\n', " "))
        } else {
            (at, plain.to_owned(), plain.chars().take(65).collect())
        }
    };
    (0..count).map(one).collect()
}

/// Everything but letters, digits and `-_.` encoded, blanks as `%20`.
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let encoded = text
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    encoded.collect()
}

fn put(fields: &mut Map<String, Value>, name: &str, values: &[Tagged]) {
    if !values.is_empty() {
        let values: Vec<Value> =
            values.iter().map(|(value, modifier)| json!({"value": value, "modifier": modifier})).collect();
        fields.insert(name.to_owned(), Value::Array(values));
    }
}

fn address_text(address: &Address, country: &str) -> String {
    let mut parts = Map::new();
    let cells = [
        ("street", address.street.as_str()),
        ("city", address.town),
        ("state", address.state),
        ("zip", address.zip),
        ("country", country),
    ];
    for (name, value) in cells {
        if !value.is_empty() {
            parts.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(parts).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const NOW: i64 = 1_760_000_000_000;

    fn emails(draft: &NimbleDraft) -> Vec<String> {
        let values = draft.fields.get("email").and_then(Value::as_array).cloned().unwrap_or_default();
        values.iter().map(|entry| entry["value"].as_str().unwrap().to_lowercase()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_contacts() {
        let once: Vec<NimbleDraft> = nimble_contacts(300, 7, NOW).collect();
        assert!(nimble_contacts(300, 7, NOW).eq(once.iter().cloned()));
        assert!(!nimble_contacts(300, 8, NOW).eq(once.iter().cloned()));
    }

    #[test]
    fn a_tenth_are_companies_and_no_email_or_company_comes_twice() {
        let drafts: Vec<NimbleDraft> = nimble_contacts(5_000, 42, NOW).collect();
        let companies: Vec<&NimbleDraft> =
            drafts.iter().filter(|draft| draft.record_type == "company").collect();
        assert_eq!(companies.len(), 500);
        let all: Vec<String> = drafts.iter().flat_map(emails).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert!(all.iter().all(|email| email.ends_with(".example")));
        let oldest = drafts[500..].iter().map(|draft| draft.created_ms).min().unwrap();
        assert!(companies.iter().all(|company| company.created_ms < oldest));
        let names: HashSet<String> =
            companies.iter().map(|draft| draft.fields["company name"][0]["value"].to_string()).collect();
        assert_eq!(names.len(), 500);
        let parents = drafts.iter().filter_map(|draft| draft.fields.get("parent company"));
        assert!(parents.map(|value| value[0]["value"].to_string()).all(|name| names.contains(&name)));
    }

    #[test]
    fn contacts_are_as_varied_as_real_ones() {
        let drafts: Vec<NimbleDraft> = nimble_contacts(2_000, 1, NOW).collect();
        let text: String =
            drafts.iter().map(|draft| Value::Object(draft.fields.clone()).to_string()).collect();
        for sign in
            ["é", "ł", "Ї", "Ω", "م", "ש", "김", "さ", "伟", "अ", "ส", "ბ", "👩", "=SUM", "02108", "\\n"]
        {
            assert!(text.contains(sign) || text.to_uppercase().contains(sign), "{sign}");
        }
        assert!(drafts.iter().any(|draft| emails(draft).is_empty()));
        assert!(drafts.iter().any(|draft| emails(draft).len() > 2));
        assert!(drafts.iter().all(|draft| draft.tags.len() <= 5));
        let ties = drafts.iter().map(|draft| draft.created_ms).collect::<HashSet<_>>().len();
        assert!(ties < drafts.len());
        assert!(drafts.iter().all(|draft| draft.created_ms <= draft.updated_ms && draft.updated_ms < NOW));
    }

    #[test]
    fn addresses_are_json_texts_with_known_parts() {
        for draft in nimble_contacts(500, 3, NOW) {
            for entry in draft.fields.get("address").and_then(Value::as_array).into_iter().flatten() {
                let parts: Map<String, Value> =
                    serde_json::from_str(entry["value"].as_str().unwrap()).unwrap();
                assert!(
                    parts
                        .keys()
                        .all(|key| ["street", "city", "state", "zip", "country"].contains(&key.as_str()))
                );
            }
        }
    }
}
