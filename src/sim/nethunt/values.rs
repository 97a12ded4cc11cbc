//! Which values a field takes, and how they read back (section 7 of the API notes).
//!
//! [`normalise`] turns what was sent into what is stored; a value of a wrong shape or type is refused, as
//! row 13 of section 11 has it. Comparison of stored values is here too, because "the same value" depends on
//! the same rules.

use serde_json::{Value, json};

use super::folders::{Field, FieldType, is_id};
use super::knobs::{BadValue, DateTimes, Knobs};
use super::refusal::Refused;

/// The stored form of `value`, or `None` when it is empty (`null`, or an array without items).
///
/// Links always read back as arrays; other single-valued fields as scalars.
///
/// # Errors
/// With the status of the `bad_value` knob when the field does not take the value.
pub(super) fn normalise(field: &Field, value: &Value, knobs: &Knobs) -> Result<Option<Value>, Refused> {
    let outcome = shaped(field, value, knobs);
    let status = match knobs.bad_value {
        BadValue::BadRequest => 400,
        BadValue::Crash => 500,
        BadValue::Store => return Ok(outcome.unwrap_or_else(|_| Some(value.clone()))),
    };
    outcome.map_err(|why| Refused::new(status, format!("Cannot set field \"{}\": {why}", field.name)))
}

/// Whether two stored values are the same: numbers by size, everything else literally.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        _ => left == right,
    }
}

/// Unix milliseconds of an ISO 8601 instant: date, `T`, time, and an offset or `Z`.
pub(super) fn parse_instant(text: &str) -> Option<i64> {
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// An instant as the service writes it: UTC, three decimals, `Z`.
pub(super) fn instant(ms: i64) -> String {
    format!("{:.3}", timestamp(ms))
}

/// An instant without decimals, as call logs have it.
pub(super) fn instant_in_seconds(ms: i64) -> String {
    format!("{:.0}", timestamp(ms.div_euclid(1000) * 1000))
}

fn timestamp(ms: i64) -> jiff::Timestamp {
    let (low, high) = (jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
    jiff::Timestamp::from_millisecond(ms.clamp(low, high)).unwrap_or_default()
}

fn shaped(field: &Field, value: &Value, knobs: &Knobs) -> Result<Option<Value>, String> {
    let wants_array = field.multi || field.kind == FieldType::Link;
    match value {
        Value::Null => Ok(None),
        Value::Array(items) if wants_array => {
            if !field.multi && items.len() > 1 {
                return Err("it holds a single record".to_owned());
            }
            let items: Vec<Value> =
                items.iter().map(|item| scalar(field, item, knobs)).collect::<Result<_, _>>()?;
            Ok(if items.is_empty() { None } else { Some(Value::Array(items)) })
        }
        Value::Array(_) => Err("a single value is expected, not an array".to_owned()),
        single if wants_array && knobs.lenient_scalars => Ok(Some(json!([scalar(field, single, knobs)?]))),
        _ if wants_array => Err("an array is expected".to_owned()),
        single => scalar(field, single, knobs).map(Some),
    }
}

fn scalar(field: &Field, value: &Value, knobs: &Knobs) -> Result<Value, String> {
    match field.kind {
        FieldType::Number if value.is_number() => return Ok(value.clone()),
        FieldType::Checkbox if value.is_boolean() => return Ok(value.clone()),
        FieldType::Number => return Err("a number is expected".to_owned()),
        FieldType::Checkbox => return Err("true or false is expected".to_owned()),
        _ => {}
    }
    let text = value.as_str().ok_or("a text is expected")?;
    if text.is_empty() {
        return Err("an empty text is not a value".to_owned());
    }
    match field.kind {
        FieldType::Email | FieldType::Person => address(text, knobs.wrap_email),
        FieldType::Date => date(text),
        FieldType::DateTime => date_time(text, knobs.date_times),
        FieldType::Country => country(text),
        FieldType::Option => option(field, text),
        FieldType::Link if is_id(text) => Ok(value.clone()),
        FieldType::Link => Err(format!("\"{text}\" is not a record id")),
        _ => Ok(value.clone()),
    }
}

/// `a@b` reads back as `<a@b>`, `Name <a@b>` as it is.
fn address(text: &str, wrap: bool) -> Result<Value, String> {
    let text = text.trim();
    let (bare, inside) = match text.strip_suffix('>').and_then(|head| head.rsplit_once('<')) {
        Some((_, inside)) => (false, inside),
        None => (true, text),
    };
    let valid = inside
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
        && !inside.contains(|letter: char| letter.is_whitespace() || "<>,;\"".contains(letter));
    if !valid {
        return Err(format!("\"{text}\" is not an e-mail address"));
    }
    Ok(Value::String(if bare && wrap { format!("<{inside}>") } else { text.to_owned() }))
}

fn date(text: &str) -> Result<Value, String> {
    let valid = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    if valid { Ok(json!(text)) } else { Err(format!("\"{text}\" is not a date")) }
}

fn date_time(text: &str, shown: DateTimes) -> Result<Value, String> {
    let ms = parse_instant(text).ok_or_else(|| format!("\"{text}\" is not a date-time"))?;
    Ok(match shown {
        DateTimes::Iso => json!(instant(ms)),
        DateTimes::AsSent => json!(text),
        DateTimes::EpochMs => json!(ms),
    })
}

fn country(text: &str) -> Result<Value, String> {
    let known = text.len() == 2 && COUNTRIES.split_ascii_whitespace().any(|code| code == text);
    if known { Ok(json!(text)) } else { Err(format!("\"{text}\" is not a country code")) }
}

fn option(field: &Field, text: &str) -> Result<Value, String> {
    if field.options.is_empty() || field.options.iter().any(|option| option == text) {
        return Ok(json!(text));
    }
    Err(format!("\"{text}\" is not an option"))
}

/// ISO 3166-1 alpha-2, the officially assigned codes.
const COUNTRIES: &str = "\
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::super::folders::at_start;
    use super::*;

    fn stored(field: &str, value: &Value, knobs: &Value) -> Result<Option<Value>, u16> {
        let contacts = at_start().remove(0);
        let knobs = Knobs::default().changed(knobs).unwrap();
        normalise(contacts.field(field).unwrap(), value, &knobs).map_err(|refused| refused.status)
    }

    #[test]
    fn values_that_fit_are_stored() {
        let id = "60672149a1c0ffee00000001";
        let cases = [
            ("Name", json!("Ada"), json!("Ada")),
            ("Name", json!(" =1+1 "), json!(" =1+1 ")),
            ("Score", json!(12.5), json!(12.5)),
            ("VIP", json!(false), json!(false)),
            ("Birthday", json!("2024-02-29"), json!("2024-02-29")),
            ("Last call", json!("2024-02-29T10:00:00Z"), json!("2024-02-29T10:00:00.000Z")),
            ("Last call", json!("2024-02-29T12:00:00.5+02:00"), json!("2024-02-29T10:00:00.500Z")),
            ("Country", json!("GB"), json!("GB")),
            ("Country of birth", json!("UA"), json!("UA")),
            ("Status", json!("Won"), json!("Won")),
            ("Interests", json!(["Music"]), json!(["Music"])),
            ("Email", json!(["a@b.example", "A <a@b.example>"]), json!(["<a@b.example>", "A <a@b.example>"])),
            ("Primary Email Address", json!("a@b.example"), json!("<a@b.example>")),
            ("Owner", json!("Sim <sim@example.org>"), json!("Sim <sim@example.org>")),
            ("Company", json!([id]), json!([id])),
            ("Tags", json!(["x", "x"]), json!(["x", "x"])),
        ];
        for (field, sent, read) in cases {
            assert_eq!(stored(field, &sent, &json!({})), Ok(Some(read)), "{field} {sent}");
        }
    }

    #[test]
    fn null_and_the_empty_array_are_empty() {
        assert_eq!(stored("Name", &Value::Null, &json!({})), Ok(None));
        assert_eq!(stored("Tags", &json!([]), &json!({})), Ok(None));
    }

    #[test]
    fn values_that_do_not_fit_crash_by_default() {
        let cases = [
            ("Name", json!("")),
            ("Name", json!(5)),
            ("Name", json!(["Ada"])),
            ("Name", json!([])),
            ("Score", json!("12")),
            ("VIP", json!("true")),
            ("Birthday", json!("2023-02-29")),
            ("Birthday", json!("29.02.2024")),
            ("Birthday", json!("2024-02-29T00:00:00Z")),
            ("Last call", json!("2024-02-29 10:00")),
            ("Country", json!("UK")),
            ("Country", json!("gb")),
            ("Country", json!("Germany")),
            ("Status", json!("new")),
            ("Email", json!("a@b.example")),
            ("Email", json!(["nobody"])),
            ("Email", json!([""])),
            ("Email", json!(["a@b.example, c@d.example"])),
            ("Company", json!("60672149a1c0ffee00000001")),
            ("Company", json!(["Acme"])),
            ("Tags", json!([["x"]])),
            ("Tags", json!([null])),
        ];
        for (field, sent) in cases {
            assert_eq!(stored(field, &sent, &json!({})), Err(500), "{field} {sent}");
            assert_eq!(stored(field, &sent, &json!({"bad_value": 400})), Err(400), "{field} {sent}");
            let kept = stored(field, &sent, &json!({"bad_value": "store"}));
            assert_eq!(kept, Ok(Some(sent)), "{field}");
        }
    }

    #[test]
    fn a_scalar_is_a_list_of_one_only_where_leniency_is_asked_for() {
        let lenient = json!({"lenient_scalars": true});
        assert_eq!(stored("Tags", &json!("x"), &lenient), Ok(Some(json!(["x"]))));
        assert_eq!(stored("Tags", &json!("x"), &json!({})), Err(500));
    }

    #[test]
    fn a_single_link_is_an_array_of_at_most_one() {
        let companies = at_start().remove(1);
        let parent = companies.field("Parent").unwrap();
        let (one, two) = ("60672149a1c0ffee00000001", "60672149a1c0ffee00000002");
        let knobs = Knobs::default();
        assert_eq!(normalise(parent, &json!([one]), &knobs).ok(), Some(Some(json!([one]))));
        assert!(normalise(parent, &json!([one, two]), &knobs).is_err());
    }

    #[test]
    fn wrapping_and_date_times_follow_their_knobs() {
        assert_eq!(
            stored("Email", &json!(["a@b.example"]), &json!({"wrap_email": false})),
            Ok(Some(json!(["a@b.example"])))
        );
        let sent = json!("1970-01-01T00:00:01Z");
        assert_eq!(stored("Last call", &sent, &json!({"date_times": "as-sent"})), Ok(Some(sent.clone())));
        assert_eq!(stored("Last call", &sent, &json!({"date_times": "epoch-ms"})), Ok(Some(json!(1000))));
    }

    #[test]
    fn instants_are_written_and_read() {
        assert_eq!(instant(1_617_371_465_852), "2021-04-02T13:51:05.852Z");
        assert_eq!(instant(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(instant_in_seconds(1_617_371_465_852), "2021-04-02T13:51:05Z");
        assert_eq!(parse_instant("2021-04-02T13:51:05.852Z"), Some(1_617_371_465_852));
        assert_eq!(parse_instant("2021-04-02T13:51:05Z"), Some(1_617_371_465_000));
        for wrong in
            ["", "yesterday", "2021-04-02", "2021-04-02 13:51:05Z", "2021-04-02T13:51:05", "1617371465"]
        {
            assert_eq!(parse_instant(wrong), None, "{wrong}");
        }
    }
}
