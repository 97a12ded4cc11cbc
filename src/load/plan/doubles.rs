//! Rows that are rejected whatever they link to, mostly as doubles of earlier ones: no other row can mean them.

use super::{Known, Materials, Tally, matching};
use crate::error::{Error, Result};
use crate::extract::staging::StagedRows;
use crate::load::journal::{Journal, Outcome};
use crate::transform::draft::Draft;
use matching::Matched;

/// Takes the rows that matching alone rejects out of the book of links, where a link could also mean another row of the
/// file. What matching notes is forgotten again.
///
/// # Errors
/// When the disk fails.
pub fn leave_out_rejected(
    materials: &Materials<'_>,
    known: &Known<'_>,
    mut drafts: StagedRows,
    journal: &Journal,
) -> Result<()> {
    // What a key of links is for is only known once they are resolved.
    if key_links(materials, known) || !known.links.book.has_shared_keys()? {
        return Ok(());
    }
    let is_retry = journal.is_retry()?;
    while let Some(rows) = drafts.next_rows()? {
        known.current.begin()?;
        known.links.book.begin()?;
        for staged in &rows {
            if is_retry && journal.earlier(staged.row)?.is_some() {
                continue;
            }
            let draft: Draft = serde_json::from_str(&staged.record.raw)
                .map_err(|cause| Error::stopped("the run's transform parts are damaged").because(cause))?;
            let (matched, _) =
                matching::match_row(materials, known, staged.row, &draft, &mut Tally::default())?;
            if matches!(matched, Matched::Settled(Outcome::Rejected, ..)) {
                known.links.book.reject(staged.row)?;
            }
        }
        known.current.settle()?;
        known.links.book.settle()?;
    }
    known.current.forget_taken()?;
    known.links.book.forget_rejected()
}

/// Whether a key that rows are matched by is made of links.
fn key_links(materials: &Materials<'_>, known: &Known<'_>) -> bool {
    let linked = |name: &str| {
        let fields = known.links.fields.iter().filter_map(|link| known.links.targets.get(link.at));
        fields.into_iter().any(|field| field.place.name == name)
    };
    materials.matching.keys.iter().flatten().any(|key| linked(&key.place.name))
}
