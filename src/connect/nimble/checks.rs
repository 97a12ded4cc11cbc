//! Values that the service takes in one form only: checked, and tidied where that is safe, before they are sent
//! (facts, section 8.2). A refused value names what would do.

use crate::record::to_text;
use serde_json::{Map, Value};

/// The field of a company's address on the web, one an account.
const DOMAIN: &str = "domain";
/// The field of where a person works and worked.
const EMPLOYMENT: &str = "contact employment";
/// A domain has at most so many labels.
const LABELS: usize = 3;

/// The value as it is sent to a field of a record of `kind`.
///
/// # Errors
/// Why the service would refuse it, for a reject file.
pub(super) fn checked(field: &str, kind: Option<&str>, value: Value) -> Result<Value, String> {
    match field {
        DOMAIN if kind == Some("person") => Err("only companies have a domain".to_owned()),
        DOMAIN => domain(&to_text(&value)).map(Value::String),
        EMPLOYMENT if kind == Some("company") => Err("only persons have an employment".to_owned()),
        EMPLOYMENT => employment(&to_text(&value)).map(|()| value),
        _ => Ok(value),
    }
}

/// A domain without scheme, user, port and path, in lower case.
fn domain(written: &str) -> Result<String, String> {
    let bare = written.trim().to_lowercase();
    let bare = bare.split_once("://").map_or(bare.as_str(), |(_, rest)| rest);
    let host = bare.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host).trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    let labels: Vec<_> = host.split('.').collect();
    let is_odd = |label: &&str| label.is_empty() || label.contains(|c: char| c.is_whitespace() || c == ',');
    if labels.len() < 2 || labels.iter().any(is_odd) {
        return Err("it is no domain name such as `acme.example`".to_owned());
    }
    if labels.len() > LABELS {
        return Err(format!("a domain has at most {LABELS} labels, such as `shop.acme.example`"));
    }
    Ok(host.to_owned())
}

/// Checks the JSON text of an employment.
fn employment(written: &str) -> Result<(), String> {
    let Ok(Value::Object(parts)) = serde_json::from_str(written) else {
        return Err("an employment is a JSON object such as `{\"company_name\":\"Acme\",\"title\":\"CEO\",\
                    \"start_date\":\"04/2019\",\"is_present\":true}`"
            .to_owned());
    };
    let text = |key: &str| parts.get(key).map(to_text).unwrap_or_default().trim().to_owned();
    if text("company_name").is_empty() && text("title").is_empty() {
        return Err("an employment needs a `company_name` or a `title`".to_owned());
    }
    let (start, end) = (month(&parts, "start_date")?, month(&parts, "end_date")?);
    if end.is_some() && parts.get("is_present") == Some(&Value::Bool(true)) {
        return Err("an employment that has an `end_date` is not present".to_owned());
    }
    match (start, end) {
        (Some(start), Some(end)) if start > end => {
            Err("an employment's `start_date` is before its `end_date`".to_owned())
        }
        _ => Ok(()),
    }
}

/// A month, `MM/YYYY`, as year and month.
fn month(parts: &Map<String, Value>, key: &str) -> Result<Option<(u16, u8)>, String> {
    let text = parts.get(key).map(to_text).unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let read = text.split_once('/').filter(|_| text.len() == 7).and_then(|(month, year)| {
        Some((year.parse().ok()?, month.parse().ok().filter(|month| (1..=12).contains(month))?))
    });
    read.map(Some).ok_or_else(|| format!("`{key}` of an employment is a month such as `04/2019`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn domains_are_tidied_or_refused() {
        let cases = [
            ("Acme.example", Some("acme.example")),
            ("https://www.acme.example/shop?x=1", Some("acme.example")),
            ("shop.acme.example:8080", Some("shop.acme.example")),
            (" acme.example. ", Some("acme.example")),
            ("a.b.acme.example", None),
            ("acme", None),
            ("acme..example", None),
            ("acme example.org", None),
        ];
        for (written, expected) in cases {
            let found = checked("domain", Some("company"), json!(written)).ok();
            assert_eq!(found, expected.map(|text| json!(text)), "{written}");
        }
        assert!(checked("domain", Some("person"), json!("acme.example")).is_err());
        assert_eq!(checked("URL", None, json!("HTTP://x")), Ok(json!("HTTP://x")));
    }

    #[test]
    fn employments_are_checked() {
        let cases = [
            (r#"{"company_name":"A","title":"CEO","start_date":"01/2020","end_date":"02/2021"}"#, true),
            (r#"{"title":"CEO","start_date":"01/2020","is_present":true}"#, true),
            (r#"{"title":"CEO","is_primary":true}"#, true),
            (r#"{"company_name":" ","title":""}"#, false),
            (r#"{"title":"CEO","start_date":"2020-01"}"#, false),
            (r#"{"title":"CEO","start_date":"13/2020"}"#, false),
            (r#"{"title":"CEO","start_date":"03/2021","end_date":"02/2021"}"#, false),
            (r#"{"title":"CEO","end_date":"02/2021","is_present":true}"#, false),
            ("CEO at Acme", false),
        ];
        for (written, good) in cases {
            let found = checked("contact employment", Some("person"), json!(written));
            assert_eq!(found.is_ok(), good, "{written}: {found:?}");
        }
    }
}
