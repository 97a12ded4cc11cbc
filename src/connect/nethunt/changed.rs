//! Which records of a folder have changed since a moment, for the last look before an update (design 9.4).
//!
//! One request, `updated-record` without a limit, as far back as two seconds before the newest change seen. A
//! service that answers as if it cut the list, or has no such stream, is not relied on: records are then read one
//! by one.

use super::api::{Api, NoAnswer, failed, since};
use super::drain::Sizes;
use super::rows;
use super::select::Only;
use super::since::OVERLAP_MS;
use super::stream::Stream;
use crate::error::Result;
use crate::http::Failure;
use crate::load::target::Changed;
use jiff::Timestamp;

/// The records changed since `from`; `None` where the service does not tell for sure.
pub(super) fn since_then(api: &Api, folder: &str, from: Timestamp) -> Result<Option<Changed>> {
    let begin = since(from.as_millisecond() - OVERLAP_MS);
    let (mut ids, mut objects, mut newest) = (Vec::new(), 0, from.as_millisecond());
    let read = api.stream(
        &["triggers", Stream::Updates.trigger(), folder],
        &[("since", &begin)],
        |_| Ok(()),
        |batch| rows::heads(batch, Stream::Updates, &Only::default()),
        |parsed| {
            objects += parsed.objects;
            for row in parsed.rows {
                newest = newest.max(row.at_ms.or(row.updated_ms).unwrap_or(newest));
                ids.extend(row.record.id);
            }
            Ok(())
        },
    )?;
    match read {
        Ok(()) if objects > 0 && objects % Sizes::REAL.round == 0 => Ok(None),
        Ok(()) => Ok(Some(Changed { ids, until: Timestamp::from_millisecond(newest).unwrap_or(from) })),
        Err(NoAnswer::Nothing(_) | NoAnswer::Refused(_)) => Ok(None),
        Err(no @ NoAnswer::ForNow(_)) => {
            Err(failed("see what has changed in the NetHunt folder", Failure::GaveUp(no.why())))
        }
    }
}
