//! Python literals as JSON values: some answers hold addresses as `{'city': 'Oslo', 'zip': None}` (Nimble
//! facts, section 8.2). Only data is read here: dictionaries, lists, texts, numbers, `None`, `True`, `False`.

use serde_json::{Map, Number, Value};
use std::iter::Peekable;
use std::str::Chars;

/// Nesting beyond this is no address.
const DEPTH: u32 = 8;

/// Reads a whole text as one Python literal; `None` where it is none.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut chars = text.chars().peekable();
    let value = value(&mut chars, 0)?;
    blanks(&mut chars);
    chars.next().is_none().then_some(value)
}

fn value(chars: &mut Peekable<Chars<'_>>, depth: u32) -> Option<Value> {
    if depth > DEPTH {
        return None;
    }
    blanks(chars);
    match chars.peek()? {
        '{' => dictionary(chars, depth),
        '[' => list(chars, depth),
        '\'' | '"' => text(chars).map(Value::String),
        _ => word(chars),
    }
}

fn dictionary(chars: &mut Peekable<Chars<'_>>, depth: u32) -> Option<Value> {
    chars.next();
    let mut parts = Map::new();
    loop {
        blanks(chars);
        if chars.next_if_eq(&'}').is_some() {
            return Some(Value::Object(parts));
        }
        let Value::String(name) = value(chars, depth + 1)? else { return None };
        blanks(chars);
        chars.next_if_eq(&':')?;
        parts.insert(name, value(chars, depth + 1)?);
        blanks(chars);
        if chars.next_if_eq(&',').is_none() && chars.peek() != Some(&'}') {
            return None;
        }
    }
}

fn list(chars: &mut Peekable<Chars<'_>>, depth: u32) -> Option<Value> {
    chars.next();
    let mut items = Vec::new();
    loop {
        blanks(chars);
        if chars.next_if_eq(&']').is_some() {
            return Some(Value::Array(items));
        }
        items.push(value(chars, depth + 1)?);
        blanks(chars);
        if chars.next_if_eq(&',').is_none() && chars.peek() != Some(&']') {
            return None;
        }
    }
}

fn text(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quote = chars.next()?;
    let mut text = String::new();
    loop {
        match chars.next()? {
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'x' => text.push(code(chars, 2)?),
                'u' => text.push(code(chars, 4)?),
                'U' => text.push(code(chars, 8)?),
                same @ ('\\' | '\'' | '"') => text.push(same),
                other => {
                    text.push('\\');
                    text.push(other);
                }
            },
            end if end == quote => return Some(text),
            other => text.push(other),
        }
    }
}

fn code(chars: &mut Peekable<Chars<'_>>, digits: usize) -> Option<char> {
    let mut code = 0;
    for _ in 0..digits {
        code = code * 16 + chars.next()?.to_digit(16)?;
    }
    char::from_u32(code)
}

/// `None`, `True`, `False`, a number, or a text with a `u` in front.
fn word(chars: &mut Peekable<Chars<'_>>) -> Option<Value> {
    let mut word = String::new();
    while let Some(next) = chars.next_if(|c| c.is_ascii_alphanumeric() || "+-._".contains(*c)) {
        word.push(next);
    }
    match word.as_str() {
        "None" => Some(Value::Null),
        "True" => Some(Value::Bool(true)),
        "False" => Some(Value::Bool(false)),
        "u" if matches!(chars.peek(), Some('\'' | '"')) => text(chars).map(Value::String),
        number => number.parse::<Number>().ok().map(Value::Number),
    }
}

fn blanks(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn literals_are_read_and_everything_else_is_not() {
        let cases = [
            (
                r"{'street': 'a', u'city': u'Ł', 'zip': None,}",
                Some(json!({"street": "a", "city": "Ł", "zip": null})),
            ),
            (
                r#"{"street": "O'Hara", 'x': 'it\'s \u0142 \x41'}"#,
                Some(json!({"street": "O'Hara", "x": "it's ł A"})),
            ),
            ("{'n': 12.50, 'l': [1, True, ()]}", None),
            ("{'n': 12.50, 'l': [1, True]}", serde_json::from_str(r#"{"n": 12.50, "l": [1, true]}"#).ok()),
            ("{}", Some(json!({}))),
            ("{'a': 'b'} tail", None),
            ("{'a' 'b'}", None),
            ("{'a': __import__('os')}", None),
            ("12 Main St.", None),
            ("{'a': '", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).map(|v| v.to_string()), expected.map(|v| v.to_string()), "{text}");
        }
        assert!(parse(&"[".repeat(100)).is_none());
    }
}
