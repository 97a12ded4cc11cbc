//! The drain: every record of a folder out of a stream that has neither pages nor a known order.
//!
//! Pure: requests are behind [`Feed`]. The algorithm and why it is right are in the NetHunt facts, section 6.4:
//! it is set-based, so the order in which rows are shown does not matter, and a cursor only moves once the
//! server has been *seen* to hold on to its oldest rows. Against a hidden cap it is powerless; that is what
//! [`super::proof`] is for.

use crate::error::{Error, Result};
use std::collections::HashMap;

/// The sizes that the algorithm works with; a model in the tests uses smaller ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// First limit asked for where an unlimited read fails.
    pub first_limit: u64,
    /// The largest limit asked for.
    pub largest_limit: u64,
    /// Counts divisible by this look like a cap.
    pub round: u64,
    /// Counts divisible by this look like a cap that a machine's author chose.
    pub binary: u64,
    /// How much more than expected the second witness is asked for.
    pub margin: u64,
    /// The most records that are looked up one by one.
    pub look_ups: usize,
}

impl Sizes {
    /// As the NetHunt facts, section 6.4, have them.
    pub(super) const REAL: Self = Self {
        first_limit: 1_000,
        largest_limit: 200_000,
        round: 100,
        binary: 64,
        margin: 1_000,
        look_ups: 200,
    };

    /// Whether so many records are as many as a cap would let through.
    pub(super) fn looks_capped(&self, count: u64) -> bool {
        count.is_multiple_of(self.round) || count.is_multiple_of(self.binary)
    }
}

/// What an answer to `new-record` held. All of its rows are kept by whoever gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// Rows in it.
    pub rows: u64,
    /// The newest creation time in Unix milliseconds.
    pub newest: Option<i64>,
    /// Its ids with their creation times, where the request had a limit.
    pub members: HashMap<String, i64>,
}

/// What a service tells; every record seen is kept on the way.
pub(super) trait Feed {
    /// `new-record` since a time in Unix milliseconds; `None` where the service stays unable to answer.
    fn new_record(&mut self, since: i64, limit: Option<u64>) -> Result<Option<Reply>>;

    /// `new-record` past the end of what was read: how many old records turned up there that had not been
    /// seen, which can only be if the read was cut.
    fn beyond(&mut self, since: i64) -> Result<Option<u64>>;

    /// The second witness, `find-record` for everything, with a limit; `None` where the service has none.
    fn witness(&mut self, limit: u64) -> Result<Option<Witness>>;

    /// Ids of old records that the witness lacks, at most so many.
    fn missing_from_witness(&mut self, most: usize) -> Result<Vec<String>>;

    /// Whether a record exists, asked by its id.
    fn exists(&mut self, id: &str) -> Result<bool>;

    /// Old records that had not been seen among all updates and changes ever; `None` where the service stays
    /// unable to answer.
    fn history(&mut self, look_ups: usize) -> Result<Option<u64>>;

    /// Distinct records seen.
    fn distinct(&mut self) -> Result<u64>;

    /// What an earlier life of the run found out.
    fn memory(&self) -> Result<Memory>;

    /// Remembers, durably, that the drain since a time is done and where it ended.
    fn drained(&mut self, since: i64, drained: Drained) -> Result<()>;

    /// Remembers, durably, that the read was seen to be cut.
    fn cut(&mut self) -> Result<()>;

    /// Why the service was last unable to answer.
    fn unable(&self) -> Error;
}

/// What `find-record` for everything gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Witness {
    /// Distinct records in it.
    pub records: u64,
    /// Of these, old ones that had not been seen.
    pub unseen_old: u64,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Drained {
    /// Newest creation time of its last reply; `None` if that was empty.
    pub newest: Option<i64>,
    /// Whether its last reply had fewer rows than asked for.
    pub whole: bool,
}

/// What survives the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Memory {
    /// The last finished drain and the time since which it went.
    pub drained: Option<(i64, Drained)>,
    /// The read was seen to be cut, and then united.
    pub cut: bool,
    /// Old records turned up where only a cap can have hidden them.
    pub missed: bool,
}

/// Reads everything since a time, as far as the server lets it.
pub(super) fn drain(feed: &mut impl Feed, since: i64, sizes: &Sizes) -> Result<Option<Drained>> {
    if let Some(reply) = feed.new_record(since, None)? {
        return Ok(Some(Drained { newest: reply.newest, whole: true }));
    }
    let mut since = since;
    let mut limit = sizes.first_limit;
    let mut smaller: Option<HashMap<String, i64>> = None;
    loop {
        let known = match smaller.take() {
            Some(known) => known,
            None => {
                let Some(reply) = feed.new_record(since, Some(limit))? else { return Ok(None) };
                if reply.rows < limit {
                    return Ok(Some(Drained { newest: reply.newest, whole: true }));
                }
                reply.members
            }
        };
        let double = limit * 2;
        if double > sizes.largest_limit {
            return Ok(Some(Drained { newest: known.values().max().copied(), whole: false }));
        }
        let Some(larger) = feed.new_record(since, Some(double))? else { return Ok(None) };
        if larger.rows < double {
            return Ok(Some(Drained { newest: larger.newest, whole: true }));
        }
        match next_since(&known, &larger) {
            Some(next) if next > since => {
                since = next;
                limit = sizes.first_limit;
            }
            _ => {
                limit = double;
                smaller = Some(larger.members);
            }
        }
    }
}

/// Where a cursor may move to: only when the larger page grew on its new side alone, so that the server has
/// been seen to hold on to its oldest rows. A millisecond less covers ties, and `since` strict or not.
fn next_since(known: &HashMap<String, i64>, larger: &Reply) -> Option<i64> {
    let oldest = *known.values().min()?;
    let newest = *known.values().max()?;
    let grown = larger.members.iter().filter(|(id, _)| !known.contains_key(*id)).map(|(_, at)| *at).min()?;
    (oldest < newest && grown >= newest).then_some(larger.newest? - 1)
}
