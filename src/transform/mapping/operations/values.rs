//! Operations on times, numbers and booleans, on words of a table, and for sharing data.

use super::super::file::{Findings, Table};
use super::Place;
use super::entry::{BARE, Entry, Kind, WITH, aside, json, many, may, must, one, refused};
use super::places::no_names;
use super::tables::lookup;
use super::time_zone;
use crate::transform::ops::boolean::{NO, Words, YES};
use crate::transform::ops::number::{Decimal, Percent};
use crate::transform::ops::secret::{Key, SHORTEST_KEY};
use crate::transform::ops::time::{Date, DateTime, Reading};
use crate::transform::ops::{Operation, calendar};

const FROM: &str = "formats in the order in which they are tried, as of `strptime`, or `excel` or `excel-1904` for \
                    serial numbers; ISO is always tried at the end";
const PIVOT: &str =
    "the century of years of two digits (`%y`): those below are of this century, the others of the last";

const LANGUAGE: &str = "the language of the names of months and days (`%B`, `%b`, `%A`, `%a`), by its tag such as `de`, or \
                        several; what is written is in English";

/// The operations, in the order of the reference.
pub(super) const TIMES: &[Entry] = &[
    Entry {
        name: "date",
        what: "Reads a calendar day and writes it in one form. A day never moves by a time zone.",
        arguments: &[
            may("from", Kind::Texts, "ISO 8601", FROM),
            may("to", Kind::Text, "%Y-%m-%d", "the format to write"),
            may("pivot", Kind::Whole, "", PIVOT),
            may("language", Kind::Texts, "en", LANGUAGE),
        ],
        rules: &[
            "Day and month are never guessed: `02/03/1990` is refused unless a format says which is which. Of a value \
             with a time of day, the day is taken as it stands. A day that does not exist is refused.",
            "A year of two digits is refused unless `pivot` says the century: with `pivot = 30`, 00 to 29 are 2000 to \
             2029, and 30 to 99 are 1930 to 1999. `%Y` reads years of four digits alone.",
            "`excel` counts days as Excel and Google Sheets do; day 60 (29 February 1900, which never was) is \
             refused. `excel-1904` is the other system, of old Macs. A fraction is a time of day.",
            "Names are read long or short, as they stand in a date or alone (`лютого`, `лютий`, `лют.`), in any case, with \
             or without accents and dots, and cut down to three letters or more that no other name of the language \
             begins with. The language is never found out from the text: a name that several stated languages give to \
             different months is refused.",
        ],
        examples: &[
            one(r#"{ date = { from = ["%d/%m/%Y"] } }"#, &["02/03/1990"], &["1990-03-02"]),
            one(r#"{ date = { from = ["%d.%m.%Y", "%B %d, %Y"] } }"#, &["July 4, 1976"], &["1976-07-04"]),
            one(r#"{ date = { from = ["%d/%m/%y"], pivot = 30 } }"#, &["1/2/29"], &["2029-02-01"]),
            one(r#"{ date = { from = ["%d/%m/%y"], pivot = 30 } }"#, &["1/2/30"], &["1930-02-01"]),
            one(r#"{ date = { from = ["excel"] } }"#, &["45292"], &["2024-01-01"]),
            one(
                r#"{ date = { from = ["%d. %B %Y"], language = "de" } }"#,
                &["3. März 2021"],
                &["2021-03-03"],
            ),
            one(
                r#"{ date = { from = ["%d de %B de %Y", "%d %b %Y"], language = ["es", "fr"] } }"#,
                &["15 de enero de 2020"],
                &["2020-01-15"],
            ),
            one(
                r#"{ date = { from = ["%A, %d %B %Y"], language = "uk" } }"#,
                &["субота, 5 лютого 2022"],
                &["2022-02-05"],
            ),
            one("date", &["1958-10-13T23:30:00-11:00"], &["1958-10-13"]),
            one(r#"{ date = { to = "%d.%m.%Y" } }"#, &["1958-10-13"], &["13.10.1958"]),
            refused("date", &["02/03/1990"], "is no date in ISO form, such as 2024-07-30"),
            refused(
                r#"{ date = { from = ["%d/%m/%Y"] } }"#,
                &["31/02/1990"],
                "is no date as `%d/%m/%Y` or ISO",
            ),
            refused(
                r#"{ date = { from = ["%d %B %Y"] } }"#,
                &["12 mars 2019"],
                "has the name `mars` of a language that is not stated; English is read",
            ),
            refused(
                r#"{ date = { from = ["%d %B %Y"], language = ["cs", "hr"] } }"#,
                &["5 listopad 2021"],
                "has `listopad`, which is October or November in the languages cs, hr",
            ),
        ],
        compile: |table, _, findings| {
            let to = table.text("to", findings).map(|written| written.text);
            let date = Date::new(formats(table, findings), to, reading(table, findings)?);
            usable(date, table, findings).map(Operation::Date)
        },
        ..BARE
    },
    Entry {
        name: "datetime",
        what: "Reads an instant and writes it, in UTC as RFC 3339 unless told otherwise.",
        arguments: &[
            may("from", Kind::Texts, "ISO 8601", FROM),
            may(
                "zone",
                Kind::Text,
                "`time_zone` of [mapping]",
                "the zone of values without an offset, by any name",
            ),
            may(
                "zone_from",
                Kind::Field,
                "`time_zone_from` of [mapping]",
                "a field that names the zone of this record; blank: `zone`",
            ),
            may("to", Kind::Text, "utc", "the zone to write in"),
            may("format", Kind::Text, "RFC 3339", "the format to write"),
            may("pivot", Kind::Whole, "", PIVOT),
            may("language", Kind::Texts, "en", LANGUAGE),
        ],
        rules: &[
            "An offset in the value counts first, then a zone in brackets behind it (`2024-07-30T10:00[Europe/Paris]`), \
             then the zone of the mapping. Without any the value is refused, as it is where offset and brackets are at \
             odds, or the offset is more than 18 hours. A day without a time of day is one only where a format of `from` \
             says so: it is midnight.",
            "A time that the zone skipped when clocks went forward is refused. One that it had twice, when they went \
             back, is the first of the two.",
        ],
        examples: &[
            one("datetime", &["2024-07-30T10:00:00+02:00"], &["2024-07-30T08:00:00Z"]),
            one(
                r#"{ datetime = { from = ["%d.%m.%Y %H:%M"], zone = "Europe/London" } }"#,
                &["30.07.2024 10:00"],
                &["2024-07-30T09:00:00Z"],
            ),
            one(
                r#"{ datetime = { to = "Asia/Tokyo" } }"#,
                &["2024-07-30T10:00:00Z"],
                &["2024-07-30T19:00:00+09:00"],
            ),
            one(
                r#"{ datetime = { zone = "Europe/London" } }"#,
                &["2024-10-27T01:30:00"],
                &["2024-10-27T00:30:00Z"],
            ),
            aside(
                r#"{ datetime = { zone_from = "zone" } }"#,
                &["2024-07-30T10:00"],
                &[("zone", "Eastern Standard Time")],
                &["2024-07-30T14:00:00Z"],
            ),
            one("datetime", &["2024-07-30T10:00[Europe/Paris]"], &["2024-07-30T08:00:00Z"]),
            refused("datetime", &["2024-07-30T10:00:00"], "has no offset and no time zone is given"),
            refused(
                "datetime",
                &["2024-07-30T10:00+02:00[Asia/Tokyo]"],
                "has the offset +02, and the zone in its brackets had +09 then",
            ),
            refused(
                r#"{ datetime = { zone = "Europe/London" } }"#,
                &["2024-03-31T01:30:00"],
                "is a time that Europe/London skipped when its clocks went forward",
            ),
        ],
        compile: |table, place, findings| datetime(table, place, findings),
        ..BARE
    },
    Entry {
        name: "time_zone",
        what: "The IANA name of a time zone given by any name: IANA, Windows, city, abbreviation, offset.",
        rules: &[
            "Abbreviations are places with their summer time: `EST`, `EDT` and `ET` are `America/New_York`, as \
             `Eastern Standard Time` is at Windows. Those that several countries use (`CST`, `IST`, `AST`, `GST`, \
             `SST`, `ECT`, `AMT`) are refused with the candidates. An offset of whole hours is `Etc/GMT-2` for \
             `+02:00` (the database counts westwards); others have no name and are refused.",
        ],
        examples: &[
            one("time_zone", &["W. Europe Standard Time"], &["Europe/Berlin"]),
            one("time_zone", &["(UTC+01:00) Amsterdam, Berlin, Bern"], &["Europe/Amsterdam"]),
            one("time_zone", &["EST"], &["America/New_York"]),
            one("time_zone", &["new york"], &["America/New_York"]),
            one("time_zone", &["GMT+2"], &["Etc/GMT-2"]),
            refused("time_zone", &["CST"], "is the abbreviation of several time zones"),
            refused("time_zone", &["Mars"], "is no time zone that is known"),
        ],
        compile: |_, _, _| Some(Operation::TimeZone),
        ..BARE
    },
];

/// Numbers, booleans and words.
pub(super) const VALUES: &[Entry] = &[
    Entry {
        name: "number",
        what: "A number from text, with every digit kept: `1.50` stays `1.50`.",
        arguments: &[
            may("decimal", Kind::Mark, ".", "the mark before decimals"),
            may(
                "thousands",
                Kind::Mark,
                "none",
                "the mark between thousands; a blank stands for blanks of every width",
            ),
            may(
                "currency",
                Kind::Flag,
                "false",
                "whether a currency may stand beside the number, and brackets or a minus behind it mean less than nothing",
            ),
            may(
                "percent",
                Kind::Choice(&["refuse", "points", "fraction"]),
                "refuse",
                "what `12 %` is: no number, 12, or 0.12",
            ),
        ],
        rules: &[
            "Marks are never guessed, and groups must be of three digits (or of two, as in India): `1.5` is not 15.",
            "With `currency`, one sign says that a number is less than nothing. Two of them (`(-5)`, `-5-`) are refused: \
             some mean minus five by it, others five.",
        ],
        examples: &[
            json("number", &["-12.50"], "-12.50"),
            json(r#"{ number = { decimal = ",", thousands = "." } }"#, &["1.299,00"], "1299.00"),
            json(r#"{ number = { decimal = ",", thousands = " " } }"#, &["1\u{202f}234,5"], "1234.5"),
            json(r#"{ number = { thousands = ",", currency = true } }"#, &["($1,234.50)"], "-1234.50"),
            json(r#"{ number = { currency = true } }"#, &["5 €-"], "-5"),
            json(r#"{ number = { percent = "fraction" } }"#, &["12.5 %"], "0.125"),
            refused("number", &["1,5"], "is no number with `.` before decimals"),
            refused("number", &["$5"], "is no number with `.` before decimals"),
            refused(
                r#"{ number = { currency = true } }"#,
                &["(-5)"],
                "has several signs of what is less than nothing",
            ),
        ],
        compile: |table, _, findings| number(table, findings),
        ..BARE
    },
    Entry {
        name: "bool",
        what: "True or false from a word, whatever its case.",
        arguments: &[
            may("true", Kind::Texts, "words of some thirty languages", "what means true"),
            may("false", Kind::Texts, "words of some thirty languages", "what means false"),
        ],
        examples: &[
            json("bool", &["Yes"], "true"),
            json("bool", &["nein"], "false"),
            json("bool", &["Так"], "true"),
            json("bool", &["0"], "false"),
            json(r#"{ bool = { true = ["x"], false = ["-"] } }"#, &["X"], "true"),
            refused("bool", &["maybe"], "is neither true nor false"),
        ],
        compile: |table, _, findings| Some(words(table, findings)),
        ..BARE
    },
    Entry {
        name: "lookup",
        what: "Looks a word up in a table.",
        arguments: &[
            may("table", Kind::Words, "", "the table: `{ Open = \"New\", Won = \"Closed\" }`"),
            may("file", Kind::Text, "", "instead of `table`: a CSV file, by its path from the mapping"),
            may("from", Kind::Text, "", "the file's column of words"),
            may("to", Kind::Text, "", "the file's column of what they become"),
            may(
                "else",
                Kind::Choice(&["reject", "keep", "blank"]),
                "`on_error`",
                "what becomes of other words",
            ),
            may("else_value", Kind::Scalar, "", "instead of `else`: this value"),
            may("ignore_case", Kind::Flag, "false", "whether words are the same whatever their case"),
        ],
        rules: &["A file is read once. A word that is there twice with different meanings is an error."],
        examples: &[
            one(r#"{ lookup = { table = { Open = "New" } } }"#, &["Open"], &["New"]),
            one(r#"{ lookup = { table = { Open = "New" }, ignore_case = true } }"#, &["OPEN"], &["New"]),
            one(r#"{ lookup = { table = { Open = "New" }, else = "keep" } }"#, &["Lost"], &["Lost"]),
            many(r#"{ lookup = { table = { Open = "New" }, else = "blank" } }"#, &["Lost"], &[]),
            json(r#"{ lookup = { table = { high = 3 }, else_value = 0 } }"#, &["low"], "0"),
            refused(r#"{ lookup = { table = { Open = "New" } } }"#, &["Lost"], "is not in the lookup table"),
        ],
        compile: lookup,
        ..WITH
    },
];

/// For sharing data.
pub(super) const SHARING: &[Entry] = &[
    Entry {
        name: "hash",
        what: "Digits that stand for a value: the same for the same value and key, and no way back.",
        short: Some("key_env"),
        arguments: &[
            must(
                "key_env",
                Kind::Text,
                "the environment variable that holds the key, of 16 characters or more",
            ),
            may(
                "length",
                Kind::Whole,
                "64",
                "how many hexadecimal digits of the HMAC-SHA256 are taken, 8 to 64",
            ),
        ],
        examples: &[one(
            r#"{ hash = { key_env = "FERRY_MASK_KEY", length = 16 } }"#,
            &["ada@example.org"],
            &["fbd6fee7e7af5d4d"],
        )],
        compile: |table, place, findings| {
            let length = table.whole("length", findings);
            let length = match length.map_or(Some(64), |length| usize::try_from(length).ok()) {
                Some(length @ 8..=64) => length,
                _ => {
                    findings.add(table.at, "`length` is a number from 8 to 64", None);
                    return None;
                }
            };
            Some(Operation::Hash(key(table, place, findings)?, length))
        },
        ..WITH
    },
    Entry {
        name: "mask",
        what: "Other letters and digits of the same format: the same for the same value and key, and no way back.",
        short: Some("key_env"),
        arguments: &[must(
            "key_env",
            Kind::Text,
            "the environment variable that holds the key, of 16 characters or more",
        )],
        rules: &[
            "Case, digits, blanks and punctuation stay where they are. A mail address gets a domain below `.example`, \
             so that nothing sent to it arrives. Two values may get one mask where they are short; where that \
             matters, use `hash`. The key is never printed or kept: a run that is resumed needs it again.",
        ],
        examples: &[
            one(r#"{ mask = "FERRY_MASK_KEY" }"#, &["Ada Byron"], &["Xvs Zkvot"]),
            one(r#"{ mask = "FERRY_MASK_KEY" }"#, &["+44 20 7946 0018"], &["+75 51 9276 7935"]),
            one(r#"{ mask = "FERRY_MASK_KEY" }"#, &["ada@example.org"], &["kuz@vltqpvh.example"]),
        ],
        compile: |table, place, findings| key(table, place, findings).map(Operation::Mask),
        ..WITH
    },
];

fn formats(table: &Table<'_>, findings: &mut Findings<'_>) -> Vec<String> {
    let formats = table.texts("from", findings).unwrap_or_default();
    formats.into_iter().map(|written| written.text).collect()
}

/// The pivot, if there is one; nothing where it is not usable.
fn pivot(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Option<u8>> {
    let Some(value) = table.get("pivot") else { return Some(None) };
    match table.whole("pivot", findings).map(u8::try_from) {
        Some(Ok(pivot)) if pivot < 100 => Some(Some(pivot)),
        Some(_) => {
            findings.add(value.span().start, "`pivot` is a year of two digits, 0 to 99", None);
            None
        }
        None => None,
    }
}

/// What formats do not say themselves; nothing where it is not usable.
fn reading(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Reading> {
    let mut languages = Vec::new();
    for written in table.texts("language", findings).unwrap_or_default() {
        match calendar::language(&written.text) {
            Some(language) => languages.push(language),
            None => {
                no_names(&written, "month", &calendar::languages(), findings);
                return None;
            }
        }
    }
    Some(Reading { pivot: pivot(table, findings)?, names: calendar::Names::new(languages) })
}

fn datetime(table: &Table<'_>, place: &Place<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let zone = table.text("zone", findings).and_then(|written| time_zone(&written, findings));
    let to = match table.text("to", findings) {
        Some(written) if !written.text.eq_ignore_ascii_case("utc") => time_zone(&written, findings),
        _ => None,
    };
    let format = table.text("format", findings).map(|written| written.text);
    let zone = zone.or_else(|| place.zone.cloned());
    let time = DateTime::new(formats(table, findings), zone, to, format, reading(table, findings)?);
    usable(time, table, findings).map(Operation::DateTime)
}

fn usable<T>(made: Result<T, String>, table: &Table<'_>, findings: &mut Findings<'_>) -> Option<T> {
    made.map_err(|why| findings.add(table.at, why, None)).ok()
}

fn number(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let mut mark = |key: &str| -> Option<Option<char>> {
        let Some(written) = table.text(key, findings) else { return Some(None) };
        let mut chars = written.text.chars();
        match (chars.next(), chars.next()) {
            (Some(mark), None) if !mark.is_alphanumeric() && mark != '-' && mark != '+' => Some(Some(mark)),
            _ => {
                findings.add(written.at, format!("`{key}` is one character that is no digit"), None);
                None
            }
        }
    };
    let (decimal, thousands) = (mark("decimal")?.unwrap_or('.'), mark("thousands")?);
    if thousands == Some(decimal) {
        let hint = (table.get("decimal").is_none()).then(|| "say `decimal` too, such as \",\"".to_owned());
        findings.add(table.at, format!("`{decimal}` cannot mark both decimals and thousands"), hint);
        return None;
    }
    let meanings =
        [("refuse", Percent::Refuse), ("points", Percent::Points), ("fraction", Percent::Fraction)];
    let percent = table.choice("percent", &meanings, findings).unwrap_or_default();
    let currency = table.flag("currency", findings).unwrap_or(false);
    Some(Operation::Number(Decimal { decimal, thousands, currency, percent }))
}

fn words(table: &Table<'_>, findings: &mut Findings<'_>) -> Operation {
    let list = |key, standard: &[&str], findings: &mut Findings<'_>| -> Vec<String> {
        match table.texts(key, findings) {
            Some(texts) => texts.into_iter().map(|written| written.text).collect(),
            None => standard.iter().map(|word| (*word).to_owned()).collect(),
        }
    };
    if table.keys().next().is_none() {
        return Operation::Bool(Words::default());
    }
    Operation::Bool(Words::new(&list("true", &YES, findings), &list("false", &NO, findings)))
}

fn key(table: &Table<'_>, place: &Place<'_>, findings: &mut Findings<'_>) -> Option<Key> {
    let written = table.text("key_env", findings)?;
    let Some(secret) = (place.env)(&written.text).filter(|secret| !secret.is_empty()) else {
        let hint = "set it to a secret of 16 characters or more, such as that of `openssl rand -hex 16`";
        findings.add(
            written.at,
            format!("the environment has no `{}`, which holds the key", written.text),
            Some(hint.to_owned()),
        );
        return None;
    };
    let key = Key::new(&secret);
    if key.is_none() {
        let what = format!("the key in `{}` has fewer than {SHORTEST_KEY} characters", written.text);
        findings.add(written.at, what, Some("a short key can be guessed".to_owned()));
    }
    key
}
