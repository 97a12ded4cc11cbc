//! Web addresses: one spelling of each, their host, and text with `%20` in it.

use super::Problem;
use percent_encoding::percent_decode_str;
use url::Url;

/// What to take of a web address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// `https://www.example.org/a`.
    #[default]
    Url,
    /// `www.example.org`.
    Host,
    /// `example.org`: the host without `www.`.
    Domain,
    /// `/a`; nothing where there is none.
    Path,
}

/// Normalises a web address and takes a part of it. Scheme and host become small letters, a standard port and
/// the lone slash behind a host go, and an address without a scheme gets `scheme`. Of an e-mail address, the
/// host is the part behind `@`.
///
/// # Errors
/// When the text is no address of the web (`http`, `https`, `ftp`) with a host of two labels or an IP address.
pub fn apply(text: &str, part: Part, scheme: &str) -> Result<String, Problem> {
    let text = text.trim();
    let url = match parse(text, scheme) {
        Some(url) => url,
        None => {
            let problem = Problem::new("is no web address");
            return Err(match text.contains('@') {
                true => problem.hint("it looks like an e-mail address: `email = { part = \"domain\" }`"),
                false => problem.hint("correct it, or let `on_error` say what becomes of it"),
            });
        }
    };
    let host = url.host_str().unwrap_or_default();
    Ok(match part {
        Part::Host => host.to_owned(),
        Part::Domain => host.strip_prefix("www.").unwrap_or(host).to_owned(),
        Part::Path => url.path().trim_end_matches('/').to_owned(),
        Part::Url if url.path() == "/" && url.query().is_none() && url.fragment().is_none() => {
            url.as_str().trim_end_matches('/').to_owned()
        }
        Part::Url => url.into(),
    })
}

/// The address that a text is, if it is one.
pub(super) fn parse(text: &str, scheme: &str) -> Option<Url> {
    let has_scheme = text.get(..8.min(text.len())).is_some_and(|start| start.contains("://"));
    let url = match (has_scheme, text.strip_prefix("//")) {
        (true, _) => Url::parse(text).ok()?,
        (false, Some(rest)) => Url::parse(&format!("{scheme}://{rest}")).ok()?,
        // `mailto:` and `tel:` are no addresses of the web, `a@b.org` is one of e-mail.
        (false, None) => {
            let host = text.split(['/', '?', '#']).next().unwrap_or_default();
            let port = host.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
            let plain = port && !host.contains(['@', ' ']);
            if !plain {
                return None;
            }
            Url::parse(&format!("{scheme}://{text}")).ok()?
        }
    };
    let named = |host: &str| host.contains('.') && !host.starts_with('.') && !host.ends_with("..");
    let host = match url.host()? {
        url::Host::Domain(host) => named(host),
        url::Host::Ipv4(_) => text.contains('.'),
        url::Host::Ipv6(_) => true,
    };
    (host && matches!(url.scheme(), "http" | "https" | "ftp")).then_some(url)
}

/// A text with its `%41` read; with `plus`, `+` is a blank as in forms.
///
/// # Errors
/// When what comes out is no UTF-8.
pub fn decode(text: &str, plus: bool) -> Result<String, Problem> {
    let blanks = if plus { text.replace('+', " ") } else { text.to_owned() };
    match percent_decode_str(&blanks).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Problem::new("holds `%` codes that are no text in UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_spelling() {
        let cases = [
            ("HTTP://Example.ORG/", "http://example.org", "example.org", "example.org"),
            ("www.example.org/A?b=1", "https://www.example.org/A?b=1", "www.example.org", "example.org"),
            ("example.org:8080", "https://example.org:8080", "example.org", "example.org"),
            ("https://example.org:443/x/", "https://example.org/x/", "example.org", "example.org"),
            ("//example.org", "https://example.org", "example.org", "example.org"),
            ("https://exämple.de", "https://xn--exmple-cua.de", "xn--exmple-cua.de", "xn--exmple-cua.de"),
        ];
        for (text, url, host, domain) in cases {
            for (part, expected) in [(Part::Url, url), (Part::Host, host), (Part::Domain, domain)] {
                assert_eq!(apply(text, part, "https").as_deref(), Ok(expected), "{text}");
            }
        }
        assert_eq!(apply("example.org/a/b/", Part::Path, "http").as_deref(), Ok("/a/b"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "n/a",
            "localhost",
            "mailto:a@b.org",
            "a@b.org",
            "javascript:alert(1)",
            "a b.org",
            "tel:+1",
            "42",
        ] {
            assert!(apply(text, Part::Url, "https").is_err(), "{text}");
        }
    }

    #[test]
    fn percent_codes_are_read() {
        assert_eq!(decode("Caf%C3%A9%20100%", false).as_deref(), Ok("Café 100%"));
        assert_eq!(decode("a+b", true).as_deref(), Ok("a b"));
        assert_eq!(decode("a+b", false).as_deref(), Ok("a+b"));
        assert!(decode("%FF", false).is_err());
    }
}
