//! After a load: what was written is read back, and the account says how much of it is as meant (design 9.6).

use super::context::Context;
use crate::connect::Stream;
use crate::error::Result;
use crate::load::journal::Journal;
use crate::load::target::ReadMark;
use crate::load::verify::Verify;
use crate::report::differences::write_differences;
use crate::report::figures::count;
use crate::report::summary::DIFFERENCES;
use crate::report::{Budget, Summary};
use crate::run::folder::RunFolder;
use jiff::Timestamp;
use std::time::Instant;

/// Differences that are told at once; all of them are in the file.
const SHOWN: usize = 5;

/// Verifies what the journal's rows wrote. Their last write was answered just now, or in an earlier life.
pub(super) fn run(
    context: &Context,
    folder: &RunFolder,
    stream: &Stream,
    mark: &ReadMark,
    journal: &mut Journal,
    summary: &mut Summary,
) -> Result<()> {
    let target = &**stream.target()?;
    journal.begin_checks()?;
    let written = summary.created + summary.updated;
    if written == 0 {
        return Ok(());
    }
    if !target.lists() {
        context.reporter.say("not verified: the service does not show what was written");
        return Ok(());
    }
    let ripe = Instant::now() + stream.settle;
    let began = mark.first_reply.unwrap_or(Timestamp::UNIX_EPOCH);
    let decode = stream.source.decoder();
    let progress =
        context.reporter.progress("verify", Some(written), Some(Budget::from(stream.client.pace().rate())));
    let verify = Verify {
        target,
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
    summary.verified = journal.checked()?.verified;
    let checked = checked?;
    let (file, lines) = write_differences(folder.path(), journal, SHOWN)?;
    let all = checked.verified + checked.unverified;
    context.reporter.say(format!("verified {} of {}", count(checked.verified), count(all)));
    for line in lines {
        context.reporter.warn(line);
    }
    if let Some(file) = file {
        summary.files.insert(DIFFERENCES.to_owned(), file.display().to_string());
    }
    Ok(())
}
