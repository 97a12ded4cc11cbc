//! Secrets taken out of what a service says: an error page or a debugging proxy may repeat the request, and what a
//! service says is shown, noted in a run's folder and put into reports.
//!
//! A secret is looked for as it was sent, as JSON escapes it, and percent-encoded. One that is very short is only
//! looked for together with what stands before it in the header: it may be a word like any other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// What stands in a secret's place.
const HIDDEN: &str = "[secret]";
/// Shorter ones are not looked for alone, in characters.
const SHORT: usize = 4;
/// The parameters of a form that are secret.
const OF_FORM: [&str; 3] = ["code", "refresh_token", "client_secret"];

/// What must not be shown of a request.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<SecretString>);

impl Secrets {
    /// Those of an `Authorization` header: the token, and the password in it where there is one.
    pub(super) fn of_header(header: &str) -> Self {
        let token = header.split_once(' ').map_or(header, |(_, token)| token).trim().trim_end_matches('=');
        let mut all = vec![if is_short(token) { header.trim() } else { token }.to_owned()];
        let decoded = STANDARD_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(decoded) = decoded.filter(|_| header.to_ascii_lowercase().starts_with("basic "))
            && let Some((_, password)) = decoded.split_once(':')
        {
            all.push(if is_short(password) { &decoded } else { password }.to_owned());
        }
        Self::of(all)
    }

    /// Those of a form that is sent to a token endpoint.
    pub(super) fn of_form(form: &str) -> Self {
        let pairs = url::form_urlencoded::parse(form.as_bytes());
        Self::of(pairs.filter(|(name, _)| OF_FORM.contains(&&**name)).map(|(_, value)| value.into_owned()))
    }

    fn of(all: impl IntoIterator<Item = String>) -> Self {
        let mut all: Vec<String> = all.into_iter().filter(|secret| !is_short(secret)).collect();
        // Where one holds another, the longer one is found first.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(all.into_iter().map(SecretString::from).collect())
    }

    /// The text without them. What it ends with may be the beginning of one: a text is cut where it is too long.
    pub(super) fn hide(&self, text: String) -> String {
        match self.hidden(text.as_bytes(), true) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => text,
        }
    }

    /// A whole body without them.
    pub(super) fn hide_in(&self, body: Vec<u8>) -> Vec<u8> {
        self.hidden(&body, false).unwrap_or(body)
    }

    fn hidden(&self, text: &[u8], may_be_cut: bool) -> Option<Vec<u8>> {
        let (mut kept, mut from, mut at) = (Vec::new(), 0, 0);
        while at < text.len() {
            let found = self.0.iter().find_map(|secret| {
                spelled(&text[at..], secret.expose_secret(), may_be_cut).filter(|length| *length > 0)
            });
            match found {
                Some(length) => {
                    kept.extend_from_slice(&text[from..at]);
                    kept.extend_from_slice(HIDDEN.as_bytes());
                    at += length;
                    from = at;
                }
                None => at += 1,
            }
        }
        kept.extend_from_slice(&text[from..]);
        (from > 0).then_some(kept)
    }
}

fn is_short(secret: &str) -> bool {
    secret.chars().count() < SHORT
}

/// How many bytes at the start of `text` are the secret; or its beginning, where the text ends there.
fn spelled(text: &[u8], secret: &str, may_be_cut: bool) -> Option<usize> {
    let mut at = 0;
    for (number, wanted) in secret.chars().enumerate() {
        if at >= text.len() && may_be_cut && number >= SHORT {
            return Some(at);
        }
        at += character(&text[at..], wanted)?;
    }
    Some(at)
}

/// How many bytes at the start of `text` are that character, in any spelling.
fn character(text: &[u8], wanted: char) -> Option<usize> {
    let (mut utf8, mut utf16) = ([0; 4], [0; 2]);
    let utf8 = wanted.encode_utf8(&mut utf8).as_bytes();
    match text.first()? {
        b'%' => encoded(text, b"%", 2, utf8.iter().map(|byte| u32::from(*byte))),
        b'\\' if text.get(1) == Some(&b'u') => {
            encoded(text, b"\\u", 4, wanted.encode_utf16(&mut utf16).iter().map(|unit| u32::from(*unit)))
        }
        b'\\' if matches!(wanted, '/' | '"' | '\\') && text[1..].starts_with(utf8) => Some(2),
        _ => None,
    }
    .or_else(|| text.starts_with(utf8).then_some(utf8.len()))
}

/// How many bytes at the start of `text` are these numbers in hexadecimal, each behind a mark.
fn encoded(text: &[u8], mark: &[u8], digits: usize, wanted: impl Iterator<Item = u32>) -> Option<usize> {
    let mut at = 0;
    for number in wanted {
        let written = text.get(at..)?.strip_prefix(mark)?.get(..digits)?;
        let written = std::str::from_utf8(written).ok()?;
        if u32::from_str_radix(written, 16).ok()? != number {
            return None;
        }
        at += mark.len() + digits;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(header: &str, text: &str) -> String {
        Secrets::of_header(header).hide(text.to_owned())
    }

    #[test]
    fn a_token_is_hidden_however_it_is_written() {
        let cases = [
            ("no", "no"),
            ("Authorization: Bearer a/b+token=1", "Authorization: Bearer [secret]"),
            ("a/b+token=1a/b+token=1.", "[secret][secret]."),
            (r#"{"message":"a\/b+token\u003D1"}"#, r#"{"message":"[secret]"}"#),
            ("x=a%2Fb%2btoken%3D1&y", "x=[secret]&y"),
            ("cut off after a/b+to", "cut off after [secret]"),
            ("a/b+tokens and a/b", "a/b+tokens and a/b"),
            ("100 % of \\u00 \\", "100 % of \\u00 \\"),
        ];
        for (text, expected) in cases {
            assert_eq!(hidden("Bearer a/b+token=1", text), expected, "{text}");
        }
        assert_eq!(hidden("Bearer пароль1", "§ %D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C1"), "§ [secret]");
    }

    #[test]
    fn of_a_login_its_key_is_hidden_too() {
        // me@example.org:hunter2, with padding and without.
        let header = "Basic bWVAZXhhbXBsZS5vcmc6aHVudGVyMg==";
        assert_eq!(hidden(header, &format!("got {header}")), "got Basic [secret]==");
        assert_eq!(hidden(header, "bWVAZXhhbXBsZS5vcmc6aHVudGVyMg"), "[secret]");
        assert_eq!(
            hidden(header, "me@example.org:hunter2 has no access"),
            "me@example.org:[secret] has no access"
        );
    }

    #[test]
    fn a_very_short_secret_does_not_eat_the_text() {
        assert_eq!(hidden("Bearer an", "Bearer an: an answer"), "[secret]: an answer");
        // me:key
        assert_eq!(hidden("Basic bWU6a2V5", "the key of me:key, bWU6a2V5"), "the key of [secret], [secret]");
        assert_eq!(hidden("", "all of it"), "all of it");
    }

    #[test]
    fn of_a_form_the_secret_parameters_are_hidden() {
        let secrets =
            Secrets::of_form("grant_type=refresh_token&refresh_token=r%2Ffour&client_secret=hunter2");
        let text = "refresh_token r/four of hunter2";
        assert_eq!(secrets.hide(text.to_owned()), "refresh_token [secret] of [secret]");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }

    #[test]
    fn a_body_is_left_as_it_is_unless_it_holds_one() {
        let secrets = Secrets::of_header("Bearer token-1");
        assert_eq!(secrets.hide_in(b"\xff token".to_vec()), b"\xff token");
        assert_eq!(secrets.hide_in(b"{\"a\":\"token-1\"}\xff".to_vec()), b"{\"a\":\"[secret]\"}\xff");
    }
}
