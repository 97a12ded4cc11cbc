//! The guard against cells that a spreadsheet would take for a formula: a leading `'`, and its exact undoing.

/// The text with a `'` before it if it begins with `=`, `+`, `-`, `@`, tab or CR, or with a `'` itself: without
/// the last, undoing would not know its own guards from those that stood there.
pub(super) fn add(text: String) -> String {
    if text.starts_with(is_guarded) { format!("'{text}") } else { text }
}

/// Takes the guard off again; other text is left as it is.
pub(super) fn remove(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(inner) if inner.starts_with(is_guarded) => inner,
        _ => text,
    }
}

fn is_guarded(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_formula_looking_cells_are_guarded() {
        for (text, guarded) in
            [("=1+1", "'=1+1"), ("+44 20", "'+44 20"), ("'x", "''x"), ("a=b", "a=b"), ("", ""), ("7", "7")]
        {
            assert_eq!(add(text.to_owned()), guarded);
        }
        assert_eq!(remove("'abc"), "'abc", "a cell that nobody guarded stays as it is");
    }

    proptest! {
        #[test]
        fn removing_undoes_adding(text in ".{0,4}|['=+@\t\r-]{0,4}") {
            let guarded = add(text.clone());
            prop_assert_eq!(remove(&guarded), text);
        }
    }
}
