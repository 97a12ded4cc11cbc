//! A list that the service does not show to its end, read in slices by time of creation (facts, section 5, deep
//! paging).
//!
//! Slices are halved until each is small enough to be shown. A contact's time of creation never changes, so it
//! belongs to the same slices all the time, and each slice is a list of its own with its own first reply, count
//! and walks: where all are proven, so is the whole. Neighbours share the moment between them, so that nothing
//! falls between two; what is read twice counts once.

use super::super::proof::Trouble;
use super::super::reader::{PER_PAGE, Reader};
use super::super::select::{Filter, Selected};
use super::super::walks::List;
use super::{Read, read_one};
use crate::error::{Error, Result};
use crate::extract::Selection;
use crate::extract::staging::Staging;
use crate::record::instant;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ops::Range;

/// Staging note: slices that are still to be read.
const SLICES: &str = "nimble_slices";
const SECOND: i64 = 1000;
const DAY: i64 = 24 * 3_600_000;
/// How far the user's day may lie from that of UTC, and an hour more.
pub(in crate::connect::nimble) const ZONE: i64 = 15 * 3_600_000;

/// The slices of a list, as kept between lives of a run. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Slices {
    /// Bounds of those still to be read, the oldest last.
    open: Vec<(i64, i64)>,
    /// A slice of more records is not shown to its end.
    most: u64,
    /// How bounds are written.
    bounds: Bounds,
    /// What the service said to the whole list.
    why: String,
    /// Why something is missing in a slice that was read.
    missing: Option<String>,
    /// Records found deleted in those that were read.
    gone: u64,
    /// The latest change seen in them.
    latest: Option<i64>,
}

/// How the bounds of a slice are written (facts, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::connect::nimble) enum Bounds {
    /// Moments in UTC, whole seconds.
    Moments,
    /// Days in the user's time zone, which is not known.
    Days,
}

impl Bounds {
    /// The shortest slice that can be written.
    pub(in crate::connect::nimble) fn unit(self) -> i64 {
        match self {
            Self::Moments => SECOND,
            Self::Days => DAY,
        }
    }
}

/// The slices that an earlier life of the run began with.
pub(super) fn begun(staging: &Staging) -> Result<Option<Slices>> {
    let Some(text) = staging.note(SLICES)? else { return Ok(None) };
    let slices = serde_json::from_str(&text);
    slices.map(Some).map_err(|cause| Error::stopped("the checkpoint is damaged").because(cause))
}

impl Slices {
    /// Of a list whose page `page` was refused.
    pub(super) fn new(page: u64, why: String, selection: &Selection) -> Self {
        let most = rows_before(page, selection);
        let (open, bounds, missing) = (Vec::new(), Bounds::Moments, None);
        Self { open, most, bounds, why, missing, gone: 0, latest: None }
    }

    /// Reads them all.
    pub(super) fn read(
        mut self,
        selected: &Selected<'_>,
        selection: &Selection,
        staging: &mut Staging,
    ) -> Result<Read> {
        let incomplete = |why: String| Ok(Read { missing: Some(why), ..Read::default() });
        if let Some(sort) = &selection.sort {
            let why = &self.why;
            return incomplete(format!(
                "{why}; sorted by `{sort}` the rest cannot be had, without `--sort` it can"
            ));
        }
        if self.open.is_empty() {
            let now = selected.reader.api.client.server_now().as_millisecond();
            self.open.push((0, end(now)));
        }
        while let Some(&(from, to)) = self.open.last() {
            let Some(filter) = selected.filter.and(created_between((from, to), self.bounds)) else {
                return incomplete(format!(
                    "{}; by time of creation the rest cannot be asked for beside what was selected",
                    self.why
                ));
            };
            match self.read_slice(selected, &filter, (from, to), selection, staging) {
                Ok(read) => {
                    self.open.pop();
                    self.gone += read.gone;
                    self.latest = self.latest.max(read.latest);
                    self.missing = self.missing.take().or(read.missing);
                    if read.sampled {
                        return Ok(Read { sampled: true, ..Read::default() });
                    }
                }
                Err(Trouble::Window { page, .. }) => {
                    self.most = self.most.min(rows_before(page, selection));
                    if !self.halve() {
                        return incomplete(format!(
                            "{}; more than {} contacts were created at once at {}",
                            self.why,
                            self.most,
                            moment(from)
                        ));
                    }
                }
                Err(Trouble::Error(error)) if is_refusal(&error) && self.bounds == Bounds::Moments => {
                    self.bounds = Bounds::Days;
                    self.open = vec![(0, self.open.first().map_or(to, |(_, to)| *to))];
                }
                Err(Trouble::Error(error)) if is_refusal(&error) => {
                    return incomplete(format!(
                        "{}; and no list by time of creation: {}",
                        self.why,
                        error.chain()
                    ));
                }
                Err(Trouble::Error(error)) => return Err(error),
            }
            self.keep(staging)?;
        }
        Ok(Read { missing: self.missing, gone: self.gone, latest: self.latest, ..Read::default() })
    }

    fn read_slice(
        &self,
        selected: &Selected<'_>,
        filter: &Filter,
        bounds: (i64, i64),
        selection: &Selection,
        staging: &mut Staging,
    ) -> Result<Read, Trouble> {
        let reader = Reader { filter: filter.parameters(), ..selected.reader.clone() };
        // That the slice is a search makes nothing join it: times of creation do not change.
        let can_be_joined = selected.filter.can_be_joined();
        let name = format!("slice-{}-{}-", moment(bounds.0), moment(bounds.1));
        let list = List { reader: &reader, name: &name, holds: self.holds(bounds), can_be_joined };
        read_one(&list, selection, Some(self.most), staging)
    }

    /// The times of creation, as contacts show them, that a slice is sure to hold. A time shown as a whole second
    /// may be a little later in truth.
    fn holds(&self, (from, to): (i64, i64)) -> Range<i64> {
        match self.bounds {
            Bounds::Moments => from..to,
            Bounds::Days => from + ZONE..to + DAY - ZONE,
        }
    }

    /// Halves the slice at hand; false where it is too short.
    fn halve(&mut self) -> bool {
        let unit = self.bounds.unit();
        let Some((from, to)) = self.open.pop() else { return false };
        let units = (to - from) / unit;
        if units <= 1 {
            return false;
        }
        let middle = from + units / 2 * unit;
        self.open.extend([(middle, to), (from, middle)]);
        true
    }

    fn keep(&self, staging: &mut Staging) -> Result<()> {
        let text = serde_json::to_string(self)
            .map_err(|cause| Error::stopped("cannot note which slices are left").because(cause))?;
        staging.set_note(SLICES, text);
        Ok(())
    }
}

/// The search for contacts created in a slice.
pub(in crate::connect::nimble) fn created_between((from, to): (i64, i64), bounds: Bounds) -> Value {
    let day = |ms| moment(ms)[..10].to_owned();
    match bounds {
        Bounds::Moments => {
            json!({"created": {"range": {"start_datetime": moment(from), "end_datetime": moment(to)}}})
        }
        Bounds::Days => json!({"created": {"range": {"start_date": day(from), "end_date": day(to)}}}),
    }
}

/// The end of the last slice: no contact was created in the future; a clock may be wrong by less than a day.
pub(in crate::connect::nimble) fn end(now: i64) -> i64 {
    now - now.rem_euclid(DAY) + 2 * DAY
}

/// Records on the pages before `page`, which the service is known to show.
fn rows_before(page: u64, selection: &Selection) -> u64 {
    let size = selection.per_page.unwrap_or(PER_PAGE).clamp(1, PER_PAGE);
    page.saturating_sub(1).max(1).saturating_mul(u64::from(size))
}

fn is_refusal(error: &Error) -> bool {
    error.class() == crate::error::Class::Input
}

fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(instant::print).unwrap_or_default()
}
