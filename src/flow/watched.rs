//! Reading a stream in sight: its progress is shown while it is staged.

use super::context::Context;
use crate::connect::Stream;
use crate::error::Result;
use crate::extract::staging::{Seen, Staging};
use crate::extract::{Completeness, Selection};
use crate::report::Budget;
use std::sync::Arc;

/// Records a request, for an estimate of how long the request budget makes it take.
const RECORDS_A_PAGE: u64 = 100;

/// Reads a stream into `staging` and shows how far it is.
///
/// # Errors
/// As reading in general.
pub(super) fn extract(
    context: &Context,
    stream: &Stream,
    selection: &Selection,
    staging: &mut Staging,
) -> Result<Completeness> {
    let a_page = selection.per_page.map_or(RECORDS_A_PAGE, u64::from);
    let budget = Budget { rate: stream.client.pace().rate(), units_a_request: a_page };
    let what = format!("read {}", stream.source.name());
    let progress = Arc::new(context.reporter.progress(&what, None, Some(budget)));
    let shown = Arc::clone(&progress);
    staging.watch(move |seen| match seen {
        Seen::Staged(records) => shown.add(records),
        Seen::Expected(records) => shown.set_total(records),
    });
    let read = stream.source.extract(selection, staging);
    let read = staging.kept(read).map_err(|error| stream.named(error));
    staging.unwatch();
    if let (Ok(_), Some(progress)) = (&read, Arc::into_inner(progress)) {
        progress.finish();
    }
    read
}
