//! JSON text built byte by byte, for the rows that go through here by the million.

use std::io::Write;

/// Appends one byte of a text: ASCII is escaped where JSON demands it, bytes of longer characters pass.
pub(super) fn push_byte(json: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => json.extend_from_slice(b"\\\""),
        b'\\' => json.extend_from_slice(b"\\\\"),
        b'\n' => json.extend_from_slice(b"\\n"),
        b'\r' => json.extend_from_slice(b"\\r"),
        b'\t' => json.extend_from_slice(b"\\t"),
        0..0x20 => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            json.extend_from_slice(b"\\u00");
            json.push(HEX[usize::from(byte >> 4)]);
            json.push(HEX[usize::from(byte & 15)]);
        }
        _ => json.push(byte),
    }
}

/// Appends a text with its quotes.
pub(super) fn push_text(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        json.extend_from_slice(&rest[..at]);
        push_byte(json, rest[at]);
        rest = &rest[at + 1..];
    }
    json.extend_from_slice(rest);
    json.push(b'"');
}

/// Appends what prints as a JSON literal: a number.
pub(super) fn push_literal(json: &mut Vec<u8>, literal: impl std::fmt::Display) {
    write!(json, "{literal}").expect("a vector takes whatever is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_read_back(text in "\\PC{0,8}|[\"\\\\\n\r\t\u{0}\u{1f}\u{7f}a]{0,8}") {
            let mut json = Vec::new();
            push_text(&mut json, &text);
            let read: String = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
