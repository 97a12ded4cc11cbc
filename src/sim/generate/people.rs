//! Invented people and companies, each a function of the seed and its index.
//!
//! Because any one can be made without the others, a person can name the company of another index, and both
//! services can be filled with what looks like the same world.

use fastrand::Rng;
use unicode_normalization::UnicodeNormalization;

use super::names::{Locale, locales};

/// A text with the modifier it has at Nimble.
pub(super) type Tagged = (String, &'static str);

/// A street address.
#[derive(Debug)]
pub(super) struct Address {
    /// Street and number, sometimes on two lines.
    pub(super) street: String,
    /// Town.
    pub(super) town: &'static str,
    /// State or region; may be empty.
    pub(super) state: &'static str,
    /// Zip, often with leading zeros.
    pub(super) zip: &'static str,
}

/// A company.
#[derive(Debug)]
pub(super) struct Company {
    /// Its country.
    pub(super) locale: &'static Locale,
    /// Unique name.
    pub(super) name: String,
    /// Unique domain below `.example`.
    pub(super) domain: String,
    /// How many work there.
    pub(super) employees: u32,
    /// Where it is.
    pub(super) address: Address,
}

/// A person.
#[derive(Debug)]
pub(super) struct Person {
    /// The country.
    pub(super) locale: &'static Locale,
    /// Given name.
    pub(super) given: String,
    /// Family name.
    pub(super) family: &'static str,
    /// Unique addresses; the first is the main one. Few people have none.
    pub(super) emails: Vec<Tagged>,
    /// Phones as people write them.
    pub(super) phones: Vec<Tagged>,
    /// Title at work.
    pub(super) title: Option<&'static str>,
    /// Addresses with their modifier.
    pub(super) addresses: Vec<(Address, &'static str)>,
    /// Long text, with line breaks and everything that breaks naive files.
    pub(super) description: Option<String>,
    /// Site.
    pub(super) site: Option<String>,
    /// Year, month, day.
    pub(super) birthday: Option<(u16, u8, u8)>,
    /// Labels.
    pub(super) tags: Vec<String>,
}

/// Five years, over which creations are spread.
pub(super) const SPREAD_MS: i64 = 5 * 365 * 24 * 3_600_000;

const TAGS: [&str; 12] = [
    "customer",
    "lead",
    "newsletter",
    "VIP",
    "Messe 2023",
    "партнер",
    "do not call",
    "a/b",
    "priorité",
    "顧客",
    "x",
    "follow up 📞",
];

const NOTES: [&str; 12] = [
    "Met at the fair; wants a quote for 3 pallets, \"asap\".",
    "=SUM(A1:A3) is what the old sheet had here",
    "+1 from the board; -2 % rebate agreed",
    "@mention in the old system: see ticket 00123",
    "Prefers e-mail, never call before 10:00.\nSecond line: gate code 0042#",
    "Umlaute äöü, accents éèê, dash – and — quotes „so“ «ainsi» 'n'",
    "Family: 👩‍👧‍👦, speaks 🇨🇭 German; loves 🍕",
    "Semicolon;separated;list, and, commas",
    "Tab\there and a trailing space ",
    "1/2 paid, rest on 03.04.",
    "NO",
    "Line one\r\nLine two (from Windows)\n\nLine four after a blank one",
];

/// The generator of what has this index in the part of the world called `salt`.
pub(super) fn dice(seed: u64, salt: u64, index: usize) -> Rng {
    // Spreads neighbouring indexes over the whole range (splitmix64), else first draws look alike.
    let mut mixed = seed ^ salt.wrapping_mul(0xA076_1D64_78BD_642F) ^ (index as u64);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    Rng::with_seed(mixed ^ (mixed >> 31))
}

/// The company of an index.
pub(super) fn company(seed: u64, index: usize) -> Company {
    let mut dice = dice(seed, 1, index);
    let locale = pick(&mut dice, locales());
    let (word, form) = (*pick(&mut dice, &locale.words), *pick(&mut dice, &locale.forms));
    // Numbered like branches, so that a name is never there twice.
    let name = format!("{word} {} {form}", index + 1);
    let domain = format!("{}{}.example", slug(word, "company"), index + 1);
    let employees = [3, 12, 48, 250, 1100, 20_000][dice.usize(..6)] + dice.u32(..10);
    let address = address(&mut dice, locale);
    Company { locale, name, domain, employees, address }
}

/// The person of an index.
pub(super) fn person(seed: u64, index: usize) -> Person {
    let mut dice = dice(seed, 2, index);
    let locale = pick(&mut dice, locales());
    let mut given = (*pick(&mut dice, &locale.given)).to_owned();
    if dice.u8(..12) == 0 {
        given = format!("{given} {}.", given.chars().next().unwrap_or('X'));
    }
    let family = *pick(&mut dice, &locale.family);
    Person {
        emails: emails(&mut dice, &given, family, index),
        phones: phones(&mut dice, locale),
        title: chance(&mut dice, 70).then(|| *pick(&mut dice, &locale.titles)),
        addresses: addresses(&mut dice, locale),
        description: chance(&mut dice, 55).then(|| description(&mut dice)),
        site: chance(&mut dice, 25)
            .then(|| format!("https://{}{index}.example/?a=1&b=%20", slug(family, "site"))),
        birthday: chance(&mut dice, 40).then(|| (dice.u16(1940..2005), dice.u8(1..=12), dice.u8(1..=28))),
        tags: tags(&mut dice),
        locale,
        given,
        family,
    }
}

/// Created and, for some, updated in Unix milliseconds: over five years, with ties, never after `now_ms`.
pub(super) fn times(seed: u64, salt: u64, index: usize, now_ms: i64) -> (i64, Option<i64>) {
    const HOUR: i64 = 3_600_000;
    // Every fourth record came with others in one import: groups of eight share their millisecond.
    let group = if index % 32 < 8 { index / 32 * 32 } else { index };
    let mut shared = dice(seed, salt, group);
    let created = now_ms - HOUR - shared.i64(0..SPREAD_MS);
    let mut own = dice(seed, salt + 100, index);
    let updated = chance(&mut own, 45).then(|| created + own.i64(1..=(now_ms - HOUR - created).max(1)));
    (created, updated)
}

/// One of a list.
pub(super) fn pick<'a, T>(dice: &mut Rng, list: &'a [T]) -> &'a T {
    &list[dice.usize(..list.len())]
}

/// True in so many of a hundred cases.
pub(super) fn chance(dice: &mut Rng, percent: u8) -> bool {
    dice.u8(..100) < percent
}

fn emails(dice: &mut Rng, given: &str, family: &str, index: usize) -> Vec<Tagged> {
    let local = format!("{}.{}", slug(given, "g"), slug(family, "f"));
    let mut emails = Vec::new();
    if chance(dice, 94) {
        emails.push((format!("{local}.{index}@post.example"), "work"));
    }
    if chance(dice, 30) {
        emails.push((format!("{}+crm{index}@home-mail.example", slug(given, "me")), "personal"));
    }
    if chance(dice, 6) {
        emails.push((format!("{local}{index}@Alt.Post.example"), "other"));
    }
    if !emails.is_empty() && chance(dice, 5) {
        emails.push((format!("office-{index}@post.example"), "work"));
    }
    emails
}

fn phones(dice: &mut Rng, locale: &Locale) -> Vec<Tagged> {
    const MODIFIERS: [&str; 7] = ["work", "home", "mobile", "main", "home fax", "work fax", "other"];
    let count = [0, 1, 1, 1, 2, 3][dice.usize(..6)];
    let code = locale.calling_code;
    let mut phones: Vec<Tagged> = Vec::new();
    for _ in 0..count {
        let number = dice.u32(10_000_000..99_999_999);
        let (head, tail) = (number / 10_000, number % 10_000);
        let phone = match dice.u8(..5) {
            0 => format!("+{code}{number}"),
            1 => format!("+{code} ({:02}) {}-{tail:04}", head / 100, head % 100),
            2 => format!("0{head} {tail:04}"),
            3 => format!("00{code} {head} {tail:04} ext. {}", dice.u8(..100)),
            _ => format!("+{code} {head} {tail:04}"),
        };
        phones.push((phone, *pick::<&str>(dice, &MODIFIERS)));
    }
    phones
}

fn addresses(dice: &mut Rng, locale: &'static Locale) -> Vec<(Address, &'static str)> {
    let count = [0, 1, 1, 1, 2][dice.usize(..5)];
    ["work", "home"][..count].iter().map(|modifier| (address(dice, locale), *modifier)).collect()
}

fn address(dice: &mut Rng, locale: &'static Locale) -> Address {
    let [town, state, zip] = *pick(dice, &locale.towns);
    let mut street = (*pick(dice, &locale.streets)).to_owned();
    if chance(dice, 10) {
        street.push_str("\nc/o \"Box\" 7");
    }
    Address { street, town, state, zip }
}

fn description(dice: &mut Rng) -> String {
    let mut text = (*pick(dice, &NOTES)).to_owned();
    if chance(dice, 25) {
        for _ in 0..dice.u8(2..9) {
            text.push('\n');
            text.push_str(pick::<&str>(dice, &NOTES));
        }
    }
    text
}

fn tags(dice: &mut Rng) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for _ in 0..[0, 0, 1, 2, 3, 5][dice.usize(..6)] {
        let tag = *pick(dice, &TAGS);
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags
}

/// The ASCII letters of a name, in lower case, accents taken off; `fallback` for other scripts.
fn slug(name: &str, fallback: &str) -> String {
    let letters: String = name.nfd().filter(char::is_ascii_alphabetic).collect();
    if letters.is_empty() { fallback.to_owned() } else { letters.to_ascii_lowercase() }
}
