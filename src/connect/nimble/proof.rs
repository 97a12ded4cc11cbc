//! When a read is complete: the rule of design section 8, apart from requests and disk, so that the model in
//! the tests runs the very same code.
//!
//! The ground of a list that records can join or leave by being edited (a search) counts as old only what is
//! known to have been in it at the start: seen in a version from before. There three walks have to be quiet, and a walk whose total did not change
//! proves nothing when it met an old record for the first time, because one that joined may have pushed another
//! out of sight; and a record that is absent may have left.
//!
//! Only *old* ids count, those created before the first reply: inserts can never make one. A read is complete
//! when (i) as many distinct old ids were seen as the first reply counted; or (ii) a walk's total did not
//! change and its distinct ids equal it, none twice; or (iii) two walks in a row added no old id and in each
//! the order held. Simpler rules lose records; change this only together with the model.

use super::api::failed;
use crate::error::Error;
use crate::http::Failure;

/// Walks before giving up.
pub(super) const WALKS: u32 = 5;
/// Walks in a row that have to add nothing; one more where records can join the list.
const QUIET: u32 = 2;
/// Old ids absent from a walk that are looked up to see whether they were deleted.
pub(super) const LOOKED_UP: usize = 900;

/// A page of a walk.
pub(super) struct Listed {
    /// Ids on the page.
    pub(super) ids: Vec<String>,
    /// Records in the list, by this page.
    pub(super) total: u64,
    /// Pages in the list, by this page; at least 1.
    pub(super) pages: u64,
}

/// What the rule asks of the service and of what was read so far.
pub(super) trait Ground {
    /// A page of ids, oldest first, from 1.
    fn ids(&mut self, page: u64) -> Result<Listed, Trouble>;
    /// Begins a walk: forgets the ids of the one before.
    fn begin_walk(&mut self) -> Result<(), Trouble>;
    /// Adds a page's ids to the walk.
    fn walked(&mut self, ids: Vec<String>) -> Result<(), Trouble>;
    /// Ids of the walk, doubles counted, and distinct ones.
    fn counts(&mut self) -> Result<(u64, u64), Trouble>;
    /// Reads the records that the walk has and the read lacks; returns how many old ones were added.
    fn fetch_missing(&mut self) -> Result<u64, Trouble>;
    /// Distinct old ids read so far, and known to have been in the list at the start.
    fn old_seen(&mut self) -> Result<u64, Trouble>;
    /// Whether every old id that the walk lacks is found deleted, or changed since the start where that makes
    /// records leave the list; false too if there are more than `most`.
    fn absent_are_gone(&mut self, most: usize) -> Result<bool, Trouble>;
}

/// Why a proof cannot be finished.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The service refuses a page that exists by its own count: it lists only so many.
    Window {
        /// The page.
        page: u64,
        /// What can be said about it.
        why: String,
    },
    /// The work stops.
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Trouble {
    /// What a failed read of this page of a list means.
    pub(super) fn of_page(page: u64, failure: Failure) -> Self {
        match failure {
            Failure::Refused { status, ref text }
                if page > 1 && !matches!(status, 401..=403 | 429) && status < 500 =>
            {
                let said = super::refusal::sentence(status, text);
                Self::Window { page, why: format!("Nimble refuses page {page} of its own list: {said}") }
            }
            failure => Self::Error(failed("cannot read contacts from Nimble", failure)),
        }
    }
}

/// What the first reply said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// Records there were, where the service says so, its totals can be trusted, and it is known what is old.
    pub(super) total: Option<u64>,
    /// Whether the totals of walks can be trusted.
    pub(super) trusted: bool,
    /// Whether records that are no new ones can join the list, and leave it without being deleted.
    pub(super) can_be_joined: bool,
}

/// Walks until the read is proven complete: `None`, or else why it is not.
pub(super) fn prove(ground: &mut impl Ground, start: Start) -> Result<Option<String>, Trouble> {
    if all_seen(ground, start)? {
        return Ok(None);
    }
    let mut quiet = 0;
    for _ in 0..WALKS {
        let totals = walk(ground)?;
        let (listed, distinct) = ground.counts()?;
        let doubles = listed - distinct;
        let added_old = ground.fetch_missing()?;
        if all_seen(ground, start)? {
            return Ok(None);
        }
        let unchanged = start.trusted && totals.len() == 1 && totals[0] == distinct;
        if unchanged && doubles == 0 && (!start.can_be_joined || added_old == 0) {
            return Ok(None);
        }
        let order_held = doubles <= 2 * totals.len() as u64 && ground.absent_are_gone(LOOKED_UP)?;
        quiet = if order_held && added_old == 0 { quiet + 1 } else { 0 };
        if quiet >= QUIET + u32::from(start.can_be_joined) {
            return Ok(None);
        }
    }
    Ok(Some(format!(
        "{WALKS} walks over the list of ids could not show that every contact was read: it kept changing, or its \
         order did not hold"
    )))
}

/// Whether everything that was there at the start has been seen.
fn all_seen(ground: &mut impl Ground, start: Start) -> Result<bool, Trouble> {
    match start.total {
        Some(total) => Ok(ground.old_seen()? >= total),
        None => Ok(false),
    }
}

/// One walk, strictly one page after the other from the last to the first: inserts land behind, deletes shift
/// records only towards pages still to be read. Returns the distinct totals seen.
fn walk(ground: &mut impl Ground) -> Result<Vec<u64>, Trouble> {
    ground.begin_walk()?;
    let first = ground.ids(1)?;
    let mut totals = vec![first.total];
    let mut last = first.pages.max(1);
    let mut page = last;
    let mut seen = 0;
    loop {
        let listed = ground.ids(page)?;
        if !totals.contains(&listed.total) {
            totals.push(listed.total);
        }
        ground.walked(listed.ids)?;
        let (_, distinct) = if page == last { ground.counts()? } else { (0, 0) };
        if page == last && listed.pages > last && distinct > seen {
            // The list grew since the walk began: its new end comes first. A service that shows the same page for
            // ever has no end.
            seen = distinct;
            last += 1;
            page = last;
        } else if page == 1 {
            return Ok(totals);
        } else {
            page = page.min(last) - 1;
        }
    }
}
