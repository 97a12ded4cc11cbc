//! Which of the options that select records a stream understands: what it does not is refused, never ignored.

use crate::error::{Error, Result};
use crate::extract::Selection;

/// Refuses what `selection` asks for beyond `understood` (options as typed). A limit, a page size and an
/// expected count mean the same everywhere.
///
/// # Errors
/// Class `Input`, naming the option and what there is instead.
pub(super) fn only(selection: &Selection, stream: &str, understood: &[&str]) -> Result<()> {
    let given = [
        ("--type", selection.kind.is_some()),
        ("--keyword", selection.keyword.is_some()),
        ("--find", selection.find.is_some()),
        ("--where", selection.query.is_some()),
        ("--since", selection.since.is_some()),
        ("--record", selection.record.is_some()),
        ("--changed-field", !selection.changed_fields.is_empty()),
        ("--sort", selection.sort.is_some()),
        ("--fields", !selection.fields.is_empty()),
    ];
    let refused = given.iter().find(|(option, is_given)| *is_given && !understood.contains(option));
    let Some((option, _)) = refused else { return Ok(()) };
    let error = Error::input(format!("`{stream}` cannot be read with `{option}`"));
    Err(match (*option, understood) {
        ("--since", _) => error.hint("Nimble does not tell what changed there: read the whole stream"),
        (_, []) => error.hint("read the whole stream, or so many records of it with `--limit`"),
        (_, known) => error.hint(format!("it understands {}", known.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_would_be_ignored_is_refused() {
        let by_record = Selection { record: Some("1".into()), limit: Some(3), ..Selection::default() };
        assert!(only(&by_record, "nimble:notes", &["--record"]).is_ok());
        let error = only(&by_record, "nimble:tags", &["--type", "--where"]).unwrap_err();
        assert_eq!(error.to_string(), "`nimble:tags` cannot be read with `--record`");
        assert_eq!(error.way_out(), Some("it understands --type, --where"));
        let sorted = Selection { sort: Some("created:asc".into()), ..Selection::default() };
        assert!(only(&sorted, "nimble:users", &[]).is_err());
    }
}
