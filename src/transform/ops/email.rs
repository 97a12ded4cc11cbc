//! E-mail addresses: what is one, and which part of `Name <address>` is wanted.

use super::Problem;
use email_address::{EmailAddress, Options};
use std::borrow::Cow;
use unicode_normalization::char::is_combining_mark;

/// Characters of a domain's label (RFC 1035, section 2.3.4); the part before `@` may have one more.
const LONGEST_LABEL: usize = 63;
/// Characters of an address that is seen to be one at a glance; addresses may be longer.
const LONGEST_PLAIN: usize = 200;

/// What to take of an e-mail value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// `ada@example.org`.
    #[default]
    Address,
    /// `Ada Byron`; nothing where there is none.
    Name,
    /// `Ada Byron <ada@example.org>`, or the address alone.
    Both,
    /// `ada`.
    Local,
    /// `example.org`.
    Domain,
}

/// Checks an e-mail value and takes a part of it. Letters keep their case, as the part before `@` may depend
/// on it. `mailto:` (with `?subject=` and the like behind the address), angle brackets and a display name, quoted or
/// not, are understood.
///
/// # Errors
/// When there is no valid address with a domain of at least two labels.
pub fn apply(text: &str, part: Part) -> Result<Cow<'_, str>, Problem> {
    let (name, address) = pieces(text);
    if !is_plain(address) {
        check(address)?;
    }
    Ok(match part {
        Part::Address => address.into(),
        Part::Name => name.into(),
        Part::Local => address.rsplit_once('@').map_or(address, |(local, _)| local).into(),
        Part::Domain => address.rsplit_once('@').map_or("", |(_, domain)| domain).into(),
        Part::Both if name.is_empty() => address.into(),
        Part::Both if name.contains([',', ';', '<', '>', '@', '"', '(', ')', ':']) => {
            format!("\"{}\" <{address}>", name.replace('\\', "\\\\").replace('"', "\\\"")).into()
        }
        Part::Both => format!("{name} <{address}>").into(),
    })
}

/// Whether a text is surely an address, seen without taking it apart: letters, digits, `_`, `+` and `-`, with single
/// dots between, on both sides of one `@`, and a domain of at least two labels of at most so many characters. Most
/// addresses are like that; for the others [`check`] decides.
fn is_plain(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    let word = |word: &str, marks: &[u8]| {
        let bytes = word.as_bytes();
        let good = |byte: &u8| byte.is_ascii_alphanumeric() || marks.contains(byte);
        (1..=LONGEST_LABEL).contains(&bytes.len()) && bytes.iter().all(good)
    };
    let label = |label: &str| word(label, b"-") && !label.starts_with('-') && !label.ends_with('-');
    local.len() + domain.len() <= LONGEST_PLAIN
        && local.len() < LONGEST_LABEL
        && local.split('.').all(|atom| word(atom, b"_+-"))
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// Display name and address of a text, whether or not the address is a good one.
fn pieces(text: &str) -> (String, &str) {
    let text = text.trim();
    let inner = text.strip_suffix('>');
    match inner.and_then(|inner| inner.rsplit_once('<')) {
        Some((name, inner)) => (display_name(name), without_scheme(inner.trim())),
        None => (String::new(), without_scheme(text)),
    }
}

fn display_name(written: &str) -> String {
    let name = written.trim();
    match name.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    }
}

fn without_scheme(address: &str) -> &str {
    match address.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => {
            let rest = &address[7..];
            // A `?` before the `@` belongs to the address.
            let domain = rest.find('@').unwrap_or(0);
            rest[domain..].find('?').map_or(rest, |at| &rest[..domain + at])
        }
        _ => address,
    }
}

fn check(address: &str) -> Result<(), Problem> {
    let several = address.matches('@').count() > 1 && address.contains([',', ';', ' ', '/', '|']);
    if several {
        return Err(Problem::new("holds several e-mail addresses")
            .hint("take them apart with `split`, or with `multi = true` where `;` stands between them"));
    }
    if let Some(hidden) = address.chars().find(|c| is_hidden(*c)) {
        return Err(Problem::new(format!(
            "holds a character that is not seen (U+{:04X})",
            u32::from(hidden)
        ))
        .hint("take it out, or put `{ replace = { regex = '[\\p{Cf}\\p{Cc}]' } }` before `email`"));
    }
    let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
    match EmailAddress::parse_with_options(address, options) {
        Ok(_) => check_domain(address.rsplit_once('@').map_or("", |(_, domain)| domain)),
        Err(cause) => {
            Err(Problem::new(format!("is no e-mail address ({})", lower_first(&cause.to_string())))
                .hint("correct it, or let `on_error` say what becomes of it"))
        }
    }
}

/// Refuses a domain with characters that no domain has. International ones have letters of every script.
fn check_domain(domain: &str) -> Result<(), Problem> {
    let good = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '-' | '.' | '·' | '・')
            || (!c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c)))
    };
    let refused =
        |why: String| Err(Problem::new(why).hint("correct it, or let `on_error` say what becomes of it"));
    if let Some(odd) = domain.chars().find(|c| !good(*c)) {
        return refused(format!("is no e-mail address (no domain has `{odd}` in it)"));
    }
    if !domain.is_ascii() && url::Host::parse(domain).is_err() {
        return refused(format!("is no e-mail address (`{domain}` is no domain)"));
    }
    Ok(())
}

/// Characters without a shape or width, which are pasted along with a text and make another address of it.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
        || c.is_control()
        || (c.is_whitespace() && !c.is_ascii())
}

fn lower_first(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_an_address_at_a_glance_is_one(text in "[aB1._+-]{0,4}@[aB1.-]{0,6}|[a-z.]{60,70}@[a-z.]{60,70}\\.de") {
            if is_plain(&text) {
                prop_assert!(check(&text).is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn addresses_are_found_in_what_people_paste() {
        let cases = [
            ("ada@example.org", "", "ada@example.org"),
            (" <ADA@Example.org> ", "", "ADA@Example.org"),
            ("mailto:ada@example.org", "", "ada@example.org"),
            ("MAILTO:ada@example.org", "", "ada@example.org"),
            ("Ada Byron <ada@example.org>", "Ada Byron", "ada@example.org"),
            ("\"Byron, Ada\" <ada@example.org>", "Byron, Ada", "ada@example.org"),
            ("Byron, Ada <ada@example.org>", "Byron, Ada", "ada@example.org"),
            ("ada+crm@sub.example.co.uk", "", "ada+crm@sub.example.co.uk"),
            ("user@exämple.de", "", "user@exämple.de"),
            ("user@exa\u{308}mple.de", "", "user@exa\u{308}mple.de"),
            ("user@उदाहरण.परीक्षा", "", "user@उदाहरण.परीक्षा"),
            ("почта@пример.рф", "", "почта@пример.рф"),
            ("a@paral·lel.cat", "", "a@paral·lel.cat"),
            ("what?=#/ever@example.org", "", "what?=#/ever@example.org"),
            ("mailto:a@example.org?subject=x%40y", "", "a@example.org"),
            ("Ada <MailTo:a?b@example.org?cc=c@example.org>", "Ada", "a?b@example.org"),
        ];
        for (text, name, address) in cases {
            assert_eq!(apply(text, Part::Address).as_deref(), Ok(address), "{text}");
            assert_eq!(apply(text, Part::Name).as_deref(), Ok(name), "{text}");
        }
        assert_eq!(apply("Ada <a@b.org>", Part::Local).as_deref(), Ok("a"));
        assert_eq!(apply("Ada <a@b.org>", Part::Domain).as_deref(), Ok("b.org"));
        assert_eq!(apply("Ada <a@b.org>", Part::Both).as_deref(), Ok("Ada <a@b.org>"));
        assert_eq!(apply("Byron, A <a@b.org>", Part::Both).as_deref(), Ok("\"Byron, A\" <a@b.org>"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["ada", "ada@", "@example.org", "ada@localhost", "a b@example.org", "a@[127.0.0.1]", "é", ""]
        {
            assert!(apply(text, Part::Address).is_err(), "{text}");
        }
        for text in [
            "a@example.org?x=1",
            "a@exa/mple.org",
            "a@b.de#x",
            "a@b_c.de",
            "a@example.org”",
            "a@exämple.de’s",
            "a\u{200b}@example.org",
            "\u{feff}a@example.org",
            "a@exam\u{ad}ple.org",
            "a\tb@example.org",
            "mailto:?subject=x",
        ] {
            assert!(apply(text, Part::Address).is_err(), "{text:?}");
        }
        let several = apply("a@example.org; b@example.org", Part::Address).unwrap_err();
        assert_eq!(several.why, "holds several e-mail addresses");
    }
}
