//! What changed in a folder since a time: which questions are asked, how sure the answers are, and where the next
//! read begins. Pure: requests are behind [`Changing`].
//!
//! Three streams tell of changes: records by their last change, records by their creation (a service need not
//! count a creation as a change), and the changes themselves, which alone know of deletions (NetHunt facts,
//! section 6). They are asked in this order, and each two seconds earlier than wanted, for `since` may be strict
//! and times may be cut to seconds. The next read begins at the newest time seen, but not after the first
//! reply, less those two seconds: whatever a later question could have missed is asked for again. Our own clock
//! is never looked at. `since_model` plays this against made-up servers, and it is changed only with it.
//!
//! Records and changes are each other's witness: each record changed has a change, and the other way round.

use super::drain::Sizes;
use super::proof::{Found, Verdict};
use crate::error::{Error, Result};

/// How much earlier than wanted a read begins.
pub(super) const OVERLAP_MS: i64 = 2_000;

/// A service that tells what changed; every record seen is kept on the way.
pub(super) trait Changing {
    /// Reads the records changed since a time in Unix milliseconds; `None` where the service has no such stream.
    fn updated(&mut self, from: i64) -> Result<Option<Found>>;

    /// Reads the records created since.
    fn created(&mut self, from: i64) -> Result<Found>;

    /// Reads the changes since, and takes out what they say is deleted; `None` where the service has no such
    /// stream.
    fn changes(&mut self, from: i64) -> Result<Option<Told>>;

    /// Reads the records that changes from before the first reply name and that nobody has shown.
    fn unseen(&mut self) -> Result<Unseen>;

    /// Whether records from before the first reply were seen that no change names.
    fn untold(&mut self) -> Result<bool>;

    /// The server's clock at the first reply, where it told it, in Unix milliseconds.
    fn first_reply(&self) -> Result<Option<i64>>;
}

/// What the stream of changes came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Changes in it.
    pub rows: u64,
    /// It was seen to be cut.
    pub cut: bool,
    /// Whether the service answered past the end.
    pub end_seen: bool,
}

/// Records that only the changes knew of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unseen {
    /// Of these, those that should have been shown.
    pub found: u64,
    /// There were more than are looked up one by one.
    pub too_many: bool,
}

/// What a read of what changed came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Polled {
    /// How sure it is.
    pub verdict: Verdict,
    /// Where the next one begins, in Unix milliseconds.
    pub watermark: Option<i64>,
}

/// Reads what changed since `from`, in Unix milliseconds. `partial`: only some fields are followed, so that
/// records and changes cannot be compared.
pub(super) fn poll(feed: &mut impl Changing, sizes: &Sizes, from: i64, partial: bool) -> Result<Polled> {
    let begin = from - OVERLAP_MS;
    let updated = feed.updated(begin)?;
    let created = feed.created(begin)?;
    let told = feed.changes(begin)?;
    if updated.is_none() && told.is_none() {
        return Err(
            Error::input("the service has no stream that tells what changed").hint("read the folder whole")
        );
    }
    let first_reply = feed.first_reply()?;
    // Without the server's clock only what the first question showed is known to be behind all later ones.
    let first = updated.unwrap_or(created);
    let newest = if first_reply.is_some() { first.newest.max(created.newest) } else { first.newest };
    let watermark = watermark(first_reply, newest);
    let unseen = if told.is_some() && !partial { feed.unseen()? } else { Unseen::default() };
    let untold = !partial && told.is_some() && feed.untold()?;
    let all = Answers { updated, created, told, unseen, untold, partial };
    Ok(Polled { verdict: all.verdict(sizes), watermark })
}

/// Where the next read begins: nothing at or before it can be missed, whoever asked for it and when.
pub(super) fn watermark(first_reply: Option<i64>, newest: Option<i64>) -> Option<i64> {
    let earliest = match (first_reply, newest) {
        (Some(first_reply), Some(newest)) => first_reply.min(newest),
        (first_reply, newest) => first_reply.or(newest)?,
    };
    Some(earliest - OVERLAP_MS)
}

struct Answers {
    updated: Option<Found>,
    created: Found,
    told: Option<Told>,
    unseen: Unseen,
    untold: bool,
    partial: bool,
}

impl Answers {
    fn verdict(&self, sizes: &Sizes) -> Verdict {
        let found = [self.updated, Some(self.created)].into_iter().flatten();
        if found.clone().any(|found| found.cut) || self.told.is_some_and(|told| told.cut) {
            return Verdict::Cut("the service cuts its answers, so that changes may be missing");
        }
        if self.unseen.too_many || (self.unseen.found > 0 && self.updated.is_some()) {
            return Verdict::Cut("the folder's changes name records that its streams had left out");
        }
        let Some(told) = self.told else {
            return Verdict::Unproven("the service does not tell changes, so deletions are not known");
        };
        let round = |count: u64| count > 0 && count.is_multiple_of(sizes.round);
        let end_seen = found.clone().all(|found| found.end_seen) && told.end_seen;
        if self.partial {
            Verdict::Unproven("only changes of some fields, which nothing else counts")
        } else if self.updated.is_none() {
            Verdict::Unproven(
                "the service does not list what was updated, so it was looked up by the changes",
            )
        } else if !end_seen {
            Verdict::Unproven("the service did not answer past the end of what changed")
        } else if self.untold {
            Verdict::Unproven(
                "the folder's changes do not name all records that changed: deletions may be missing",
            )
        } else if round(told.rows) || found.clone().any(|found| round(found.records)) {
            Verdict::Unproven("the number of changes is a round one, as a hidden limit would be")
        } else {
            Verdict::Whole
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_read_begins_before_anything_that_could_be_missed() {
        assert_eq!(watermark(Some(100_000), Some(50_000)), Some(48_000));
        assert_eq!(watermark(Some(100_000), Some(100_700)), Some(98_000));
        assert_eq!(watermark(Some(100_000), None), Some(98_000));
        assert_eq!(watermark(None, Some(50_000)), Some(48_000));
        assert_eq!(watermark(None, None), None);
    }

    #[test]
    fn a_read_of_changes_is_whole_only_when_both_witnesses_agree() {
        let found = Found { records: 7, end_seen: true, ..Found::default() };
        let told = Told { rows: 9, cut: false, end_seen: true };
        let base = || Answers {
            updated: Some(found),
            created: found,
            told: Some(told),
            unseen: Unseen::default(),
            untold: false,
            partial: false,
        };
        let is = |answers: Answers| match answers.verdict(&Sizes::REAL) {
            Verdict::Whole | Verdict::AsExpected => 'w',
            Verdict::Unproven(_) => 'u',
            Verdict::Cut(_) => 'c',
        };
        assert_eq!(is(base()), 'w');
        let cut = Some(Found { cut: true, ..found });
        let cases = [
            (Answers { updated: cut, ..base() }, 'c'),
            (Answers { told: Some(Told { cut: true, ..told }), ..base() }, 'c'),
            (Answers { unseen: Unseen { found: 1, too_many: false }, ..base() }, 'c'),
            (Answers { unseen: Unseen { found: 1, too_many: false }, updated: None, ..base() }, 'u'),
            (Answers { unseen: Unseen { found: 0, too_many: true }, ..base() }, 'c'),
            (Answers { told: None, ..base() }, 'u'),
            (Answers { untold: true, ..base() }, 'u'),
            (Answers { partial: true, ..base() }, 'u'),
            (Answers { told: Some(Told { rows: 200, ..told }), ..base() }, 'u'),
            (Answers { told: Some(Told { end_seen: false, ..told }), ..base() }, 'u'),
            (Answers { updated: Some(Found { records: 100, ..found }), ..base() }, 'u'),
        ];
        for (index, (answers, expected)) in cases.into_iter().enumerate() {
            assert_eq!(is(answers), expected, "case {index}");
        }
    }
}
