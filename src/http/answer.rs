//! What an answer tells before anybody reads it as what was asked for: refusals with their text, how long the
//! service asks to wait, and whether anything can have been sent when there is no answer.

use super::retry::Observed;
use super::secrets::Secrets;
use super::{Answer, Failure, Head};
use jiff::Timestamp;
use std::io::Read;
use std::time::Duration;

/// How much of an error body is kept for messages.
const TEXT_KEPT: usize = 2_000;
/// The longest that is shown of it, in characters.
const WORDS: usize = 200;
/// The longest answer that is read into memory as one: a whole page of records is a hundredth of it.
const LONGEST: u64 = 64 << 20;

pub(super) type Response = ureq::http::Response<ureq::Body>;

/// A 2xx answer with its body; what is no success is refused, in words without the request's secrets.
pub(super) fn whole(
    (head, mut response): (Head, Response),
    secrets: &Secrets,
) -> Result<Result<Answer, Refusal>, Observed> {
    if !(200..300).contains(&head.status) {
        return Ok(Err(refused(&head, &mut response, secrets)?));
    }
    let body = ordinary(&mut response.body_mut().as_reader()).map_err(Observed::Lost)?;
    Ok(Ok(Answer { status: head.status, date: head.date, content_type: head.content_type, body }))
}

/// An answer's whole body, or why there is none: only a stream has no end.
pub(super) fn ordinary(body: &mut dyn Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = body.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("the answer broke off: {error}"))?;
    match bytes.len() as u64 > LONGEST {
        true => {
            Err(format!("the answer is longer than {} MiB, so it is no answer of this API", LONGEST >> 20))
        }
        false => Ok(bytes),
    }
}

/// A status that is no success, with what the service said.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) text: String,
    pub(super) retry_after: Option<Duration>,
}

pub(super) fn refused(head: &Head, response: &mut Response, secrets: &Secrets) -> Result<Refusal, Observed> {
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| wait_asked(text, head.date));
    if let Some(target) = redirect(head, response) {
        let text = secrets.hide(format!("it redirects to {target}"));
        return Ok(Refusal { status: head.status, text, retry_after });
    }
    let mut text = Vec::new();
    let reader = response.body_mut().as_reader();
    let read = reader.take(TEXT_KEPT as u64).read_to_end(&mut text);
    let text = match read {
        Ok(_) => secrets.hide(String::from_utf8_lossy(&text).trim().to_owned()),
        Err(_) => String::new(),
    };
    Ok(Refusal { status: head.status, text, retry_after })
}

/// What stands in place of a refusal, if that is a web page: said by a proxy or the like, not by the service.
pub(super) fn page(head: &Head, refusal: &Refusal) -> Option<String> {
    let Refusal { status, text, .. } = refusal;
    // These have a meaning of their own whoever says them.
    let own = matches!(status, 401 | 408 | 429) || !(400..500).contains(status);
    let shown = is_page(text.as_bytes());
    let said = words(text).filter(|_| shown).unwrap_or_else(|| "a web page".to_owned());
    ((shown || head.content_type.contains("html")) && !own)
        .then(|| format!("the service answers {status} with {said}"))
}

/// Where a redirect leads to, if that is the service itself: the same scheme, host and port. Nobody else is shown
/// its credentials.
pub(super) fn next_address(from: &str, head: &Head, response: &Response) -> Option<String> {
    let from = url::Url::parse(from).ok()?;
    let mut next = from.join(location(head, response)?).ok()?;
    next.set_fragment(None);
    let bare = next.username().is_empty() && next.password().is_none();
    (bare && next.origin() == from.origin()).then(|| next.into())
}

/// Where a redirect that is not followed leads to, for people.
fn redirect(head: &Head, response: &Response) -> Option<String> {
    let origin = url::Url::parse(location(head, response)?).ok().map(|url| url.origin());
    let origin = origin.filter(url::Origin::is_tuple).map(|origin| origin.ascii_serialization());
    Some(origin.unwrap_or_else(|| "another address".to_owned()))
}

fn location<'a>(head: &Head, response: &'a Response) -> Option<&'a str> {
    let redirects = matches!(head.status, 301 | 302 | 303 | 307 | 308);
    response.headers().get("location").filter(|_| redirects)?.to_str().ok()
}

pub(super) fn standing(refusal: Option<Refusal>) -> Failure {
    match refusal {
        Some(refusal) => Failure::Refused { status: refusal.status, text: refusal.text },
        None => Failure::GaveUp("the service gave no answer".to_owned()),
    }
}

/// What an error body says, for the end of a sentence: a message out of JSON, the title of a web page, else the
/// first line; nothing where it says nothing.
pub(super) fn words(text: &str) -> Option<String> {
    let said = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(body) => ["message", "human_readable_error", "error_description", "error"]
            .iter()
            .find_map(|key| body.get(*key)?.as_str())
            .unwrap_or(text)
            .to_owned(),
        Err(_) if is_page(text.as_bytes()) => match title(text) {
            Some(title) => format!("a web page, {title}"),
            None => "a web page".to_owned(),
        },
        Err(_) => text.to_owned(),
    };
    let line = said.trim().lines().next()?.trim_end_matches(['.', ' ']);
    let mut short: String = line.chars().take(WORDS).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    Some(short).filter(|short| !short.is_empty())
}

/// Whether a body is a web page, which comes from something between us and the service.
pub(super) fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// What a page means in place of the answer to a write: nobody knows whether that was carried out.
pub(super) fn not_the_service(status: u16, page: &[u8]) -> Failure {
    let page = words(&String::from_utf8_lossy(page)).unwrap_or_default();
    Failure::MaybeApplied { why: format!("the service answered {status}: {page}"), status: Some(status) }
}

fn title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower[start..].find('<')?;
    page.get(start..end).map(str::trim).filter(|title| !title.is_empty())
}

/// `Retry-After` in seconds or as a date; a date is compared with the server's own clock.
fn wait_asked(text: &str, server_now: Option<Timestamp>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    let now = server_now.unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text.trim()).ok()?).ok()
}

/// Whether an address leads to this machine.
pub(super) fn is_loopback(address: &str) -> bool {
    match url::Url::parse(address).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether anything can have been sent before this error.
pub(super) fn observe(error: &ureq::Error) -> Observed {
    use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
    if let Some(certificate) = certificate_refused(error) {
        return Observed::Hopeless(certificate);
    }
    match error {
        ureq::Error::HostNotFound => {
            Observed::NotSent("the name of the service's host cannot be looked up".to_owned())
        }
        ureq::Error::ConnectionFailed | ureq::Error::BadUri(_) => Observed::NotSent(error.to_string()),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Observed::NotSent(error.to_string())
        }
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Http(_) => {
            Observed::NotSent(error.to_string())
        }
        ureq::Error::Io(io)
            if matches!(
                io.kind(),
                ConnectionRefused | HostUnreachable | NetworkUnreachable | AddrNotAvailable
            ) =>
        {
            Observed::NotSent(io.to_string())
        }
        ureq::Error::Timeout(_) => Observed::Lost("no answer in time".to_owned()),
        other => Observed::Lost(format!("the connection broke: {other}")),
    }
}

/// What is wrong with the certificate that the service has shown, if that is what went wrong: told before anything
/// is sent. The engine passes it on as a failed read whose text alone tells.
fn certificate_refused(error: &ureq::Error) -> Option<String> {
    let (ureq::Error::Io(_) | ureq::Error::Rustls(_)) = error else { return None };
    let text = error.to_string();
    let why = text.split_once("invalid peer certificate: ")?.1;
    Some(format!(
        "the certificate that the service shows is not trusted ({why}); check the connection's `url`, this machine's \
         clock and certificates, and whether a proxy in between shows one of its own"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_was_sent_nothing_is_in_doubt() {
        let io = |kind, text: &str| ureq::Error::Io(std::io::Error::new(kind, text));
        let invalid = std::io::ErrorKind::InvalidData;
        let certificate = observe(&io(invalid, "invalid peer certificate: UnknownIssuer"));
        assert!(
            matches!(&certificate, Observed::Hopeless(why) if why.contains("not trusted (UnknownIssuer)"))
        );
        assert!(matches!(observe(&ureq::Error::HostNotFound), Observed::NotSent(_)));
        assert!(matches!(observe(&io(invalid, "received corrupt message")), Observed::Lost(_)));
        let reset = io(std::io::ErrorKind::ConnectionReset, "reset");
        assert!(matches!(observe(&reset), Observed::Lost(_)));
    }

    #[test]
    fn the_words_of_an_error_are_its_message_its_title_or_its_first_line() {
        let cases = [
            (r#"{"message":"the database is locked.","code":0}"#, Some("the database is locked")),
            (r#"{"code":7}"#, Some(r#"{"code":7}"#)),
            ("<html><Title> 502 Bad Gateway </title>", Some("a web page, 502 Bad Gateway")),
            ("<html>", Some("a web page")),
            ("no such option\nat com.example", Some("no such option")),
            (" \n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text).as_deref(), expected, "{text}");
        }
        assert_eq!(words(&"x".repeat(500)).map(|words| words.chars().count()), Some(WORDS + 1));
    }

    #[test]
    fn an_answer_without_an_end_is_not_read_into_memory() {
        assert_eq!(ordinary(&mut &b"whole"[..]), Ok(b"whole".to_vec()));
        let why = ordinary(&mut std::io::repeat(b' ')).unwrap_err();
        assert_eq!(why, "the answer is longer than 64 MiB, so it is no answer of this API");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_clock() {
        let now = http_date("Wed, 25 Nov 2026 10:00:00 GMT");
        assert_eq!(wait_asked("7", now), Some(Duration::from_secs(7)));
        assert_eq!(wait_asked("Wed, 25 Nov 2026 10:00:05 GMT", now), Some(Duration::from_secs(5)));
        assert_eq!(wait_asked("Wed, 25 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait_asked("soon", now), None);
    }
}
