//! After a load: what was written is read back, and the account says how much of it is as meant (design 9.6).

use super::context::Context;
use crate::connect::Stream;
use crate::error::Result;
use crate::load::journal::{Checked, Journal};
use crate::load::target::ReadMark;
use crate::load::verify::Verify;
use crate::report::differences::{Verified, write_differences};
use crate::report::figures::count;
use crate::report::summary::DIFFERENCES;
use crate::report::{Budget, Summary};
use crate::run::folder::RunFolder;
use jiff::Timestamp;
use std::time::Instant;

/// Differences that are told at once; all of them are in the file.
const SHOWN: usize = 5;

/// Records that were made in a stream for the links of others.
pub(super) struct Further {
    pub(super) name: String,
    pub(super) stream: Stream,
    pub(super) mark: ReadMark,
    pub(super) journal: Journal,
}

/// Verifies what the journal's rows wrote, and what was made further for their links. Their last write was answered
/// just now, or in an earlier life.
pub(super) fn run(
    context: &Context,
    folder: &RunFolder,
    (stream, mark): (&Stream, &ReadMark),
    journal: &mut Journal,
    further: &mut [Further],
    summary: &mut Summary,
) -> Result<()> {
    journal.begin_checks()?;
    let written = summary.created + summary.updated;
    if written + summary.linked_created == 0 {
        return Ok(());
    }
    if written > 0 {
        match stream.target()?.lists() {
            true => {
                let checked = check(context, stream, mark, written, journal);
                summary.verified = journal.checked()?.verified;
                say(context, "", checked?);
            }
            false => context.reporter.say("not verified: the service does not show what was written"),
        }
    }
    for made in &mut *further {
        let checked = check(context, &made.stream, &made.mark, summary.linked_created, &mut made.journal);
        summary.linked_verified += made.journal.checked()?.verified;
        say(context, &format!(" in {}, made for links", made.name), checked?);
    }
    let linked = further.iter().map(|made| (Some(made.name.as_str()), &made.journal));
    let verified: Vec<Verified<'_>> = std::iter::once((None, &*journal)).chain(linked).collect();
    let (file, lines) = write_differences(folder.path(), &verified, SHOWN)?;
    for line in lines {
        context.reporter.warn(line);
    }
    if let Some(file) = file {
        summary.files.insert(DIFFERENCES.to_owned(), file.display().to_string());
    }
    Ok(())
}

/// Reads back what a journal's rows wrote, so many at most, and was not judged yet.
pub(super) fn check(
    context: &Context,
    stream: &Stream,
    mark: &ReadMark,
    rows: u64,
    journal: &mut Journal,
) -> Result<Checked> {
    let ripe = Instant::now() + stream.settle;
    let began = mark.first_reply.unwrap_or(Timestamp::UNIX_EPOCH);
    let decode = stream.source.decoder();
    let budget = Budget::from(stream.client.pace().rate());
    let progress = context.reporter.progress("verify", Some(rows), Some(budget));
    let verify = Verify {
        target: &**stream.target()?,
        decode: &*decode,
        concurrency: stream.client.pace().concurrency(),
        since: began.checked_sub(stream.settle).unwrap_or(began),
        settle: stream.settle,
        ripe,
        stop: &context.stop,
        progress: &|rows| progress.add(rows),
    };
    let checked = verify.run(journal);
    progress.finish();
    checked
}

fn say(context: &Context, what: &str, checked: Checked) {
    let all = checked.verified + checked.unverified;
    context.reporter.say(format!("verified {} of {}{what}", count(checked.verified), count(all)));
}
