//! What an undo takes back in one stream: its plan, its sending, its account and its files.
//!
//! The stream of the run's own rows has its journal, its copies and its result files where every run has them. What
//! the run made in another stream for links stands beside: the journal where such a run's journal stands, too, and
//! the files in a folder of that stream's.

use super::Work;
use crate::connect::Stream;
use crate::error::{Error, IoContext, Result};
use crate::extract::Completeness;
use crate::extract::staging::Staging;
use crate::flow::delete::{name_copies, write_copies};
use crate::flow::job::Place;
use crate::flow::linking::{PLACE, STAGE};
use crate::flow::links::{FOLDER, journal_of};
use crate::flow::others::OtherRuns;
use crate::flow::planning::{self, Saved};
use crate::load::apply::Apply;
use crate::load::delete::Removal;
use crate::load::journal::{Journal, Pending};
use crate::load::keys::KeyField;
use crate::load::limit::FailureLimit;
use crate::load::marker::{self, Marker};
use crate::load::target::ReadMark;
use crate::load::undo::{TakeBack, Undone};
use crate::record::census::Census;
use crate::record::columns;
use crate::report::counts::{LoadCounts, load_counts, planned_counts};
use crate::report::plan::{PlanView, plan_view};
use crate::report::results::{Origin, write_results};
use crate::report::{Budget, Rejects, Summary};
use crate::run::checkpoint;
use crate::run::parts::StagedRow;
use crate::run::writers::Writer;
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The stage that holds the records as they were when the plan was made.
const NOW: &str = "now";

/// A journal of the run that is taken back, and what its plan was made with.
pub(super) struct Made {
    journal: Journal,
    mark: ReadMark,
    keys: Vec<Vec<KeyField>>,
}

/// What is taken back in one stream.
pub(super) struct Part {
    /// Where it stands beside the run's own rows: the stream.
    beside: Option<Place>,
    stream: Stream,
    others: OtherRuns,
    undone: Made,
    /// What was made first in the same stream for links.
    first: Option<Made>,
    journal: Journal,
    /// Where the copies and the result files go.
    folder: PathBuf,
    rejects: Rejects,
    writer: Option<Writer>,
}

impl Made {
    /// Nothing where no plan was saved, and so nothing was sent.
    pub(super) fn new(journal: Journal) -> Result<Option<Self>> {
        let Some(Saved { mark, .. }) = planning::saved(&journal)? else { return Ok(None) };
        let keys = planning::saved_keys(&journal)?;
        Ok(Some(Self { journal, mark, keys }))
    }
}

impl Part {
    /// The run's own rows.
    pub(super) fn main(work: &Work<'_>, place: &Place, undone: Made, first: Option<Made>) -> Result<Self> {
        let folder = work.folder.path().to_owned();
        let journal = Journal::new(checkpoint::open(&folder.join(checkpoint::FILE))?)?;
        Self::new(work, place, undone, first, (folder, journal))
    }

    /// What was made in another stream.
    pub(super) fn linked(work: &Work<'_>, place: &Place, undone: Made) -> Result<Self> {
        let account = place.account().ok_or_else(|| Error::stopped("the run's checkpoint is damaged"))?;
        let folder = work.folder.path().join(FOLDER).join(account.file_name());
        std::fs::create_dir_all(&folder).during(|| format!("cannot create `{}`", folder.display()))?;
        let journal = Journal::new(checkpoint::open(&journal_of(work.folder.path(), account))?)?;
        Ok(Self { beside: Some(place.clone()), ..Self::new(work, place, undone, None, (folder, journal))? })
    }

    fn new(
        work: &Work<'_>,
        place: &Place,
        undone: Made,
        first: Option<Made>,
        (folder, journal): (PathBuf, Journal),
    ) -> Result<Self> {
        let stream = work.context.reopen(place)?;
        let account = stream.target()?.account().clone();
        let patience = Duration::from_secs(work.job.load.lock_wait);
        let lock = || Writer::lock(&account, work.folder, patience, &work.context.stop);
        let writer = (!work.job.load.dry_run).then(lock).transpose()?;
        let others = OtherRuns::of(work.context, &account, &work.entry.name)?;
        let rejects = Rejects::open(&folder)?;
        Ok(Self { beside: None, stream, others, undone, first, journal, folder, rejects, writer })
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The journal of the run that is taken back.
    pub(super) fn undone(&self) -> &Journal {
        &self.undone.journal
    }

    /// The stream, and what was done in it.
    pub(super) fn ends(&mut self) -> (&Stream, &mut Journal) {
        (&self.stream, &mut self.journal)
    }

    pub(super) fn budget(&self) -> Budget {
        Budget::from(self.stream.client.pace().rate())
    }

    /// Finds out what became of rows in doubt, and sends nothing.
    pub(super) fn settle(&mut self, work: &Work<'_>) -> Result<()> {
        let Self { stream, others, undone, first, .. } = self;
        for made in std::iter::once(undone).chain(first) {
            if work.of.undo.is_some() && made.journal.has_open_intents()? {
                let why = format!("run `{}` is an undo that has not come to its end", work.entry.name);
                return Err(
                    Error::input(why).hint(format!("finish it with `ferry resume {}`", work.entry.name))
                );
            }
            settle(work, stream, others, made)?;
        }
        Ok(())
    }

    /// Makes the plan, with a copy of what is to be deleted; it is not saved yet. `users` is the part whose rows
    /// link here.
    pub(super) fn plan(&mut self, work: &Work<'_>, users: Option<&Self>) -> Result<ReadMark> {
        let Self { stream, others, undone, first, journal, folder, beside, .. } = self;
        let began = stream.client.server_now();
        journal.transaction(|journal| journal.clear())?;
        if let Some(place) = beside {
            let place = serde_json::to_string(place);
            let place = place.map_err(|cause| Error::stopped("cannot save the plan").because(cause))?;
            journal.set_fact(PLACE, &place)?;
            journal.set_fact(STAGE, NOW)?;
        }
        let mut staging = Staging::restart(folder, NOW)?;
        let progress = work.context.reporter.progress("plan", None, None);
        let of = of(undone, first.as_ref(), users);
        take_back(work, stream, others, &undone.mark, &|rows| progress.add(rows), |back| {
            back.plan(of, journal, &mut |records| {
                let Some((first, ..)) = records.first() else { return Ok(()) };
                let key = format!("rows {first}");
                let mut census = Census::default();
                records.iter().for_each(|(_, _, record)| census.add(record));
                let rows = records.into_iter().map(|(row, record, _)| StagedRow { row, line: None, record });
                staging.rows(&key, rows.collect(), census)
            })
        })?;
        progress.finish();
        staging.finish(&Completeness::Complete)?;
        write_copies(folder, stream, &staging, &|row| journal.is_delete(row))?;
        let settle_ms = u64::try_from(stream.settle.as_millis()).unwrap_or(u64::MAX);
        Ok(ReadMark { first_reply: Some(began), settle_ms, ..ReadMark::default() })
    }

    /// Saves the plan.
    pub(super) fn save(&mut self, mark: ReadMark) -> Result<Saved> {
        planning::save(&mut self.journal, mark, Completeness::Complete, 0)
    }

    /// Carries the plan out. `users` is the part whose rows link here, which has come to its end.
    pub(super) fn send(
        &mut self,
        work: &Work<'_>,
        users: Option<&Self>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let Self { stream, others, undone, first, journal, writer, .. } = self;
        writer.as_ref().map_or(Ok(()), |writer| writer.begin(stream.settle))?;
        let planned = planning::saved(journal)?.and_then(|saved| saved.mark.first_reply);
        let planned = planned.unwrap_or(Timestamp::UNIX_EPOCH);
        let planned = planned.checked_sub(stream.settle).unwrap_or(planned);
        let decode = stream.source.decoder();
        let removal = Removal {
            target: &**stream.target()?,
            decode: &*decode,
            concurrency: stream.client.pace().concurrency(),
            settle: stream.settle,
            stop: &work.context.stop,
            server_now: &|| stream.client.server_now(),
            progress,
        };
        let of = of(undone, first.as_ref(), users);
        let users = users.map(|users| &users.journal);
        take_back(work, stream, others, &undone.mark, &|_| {}, |back| {
            let look = |may_hold| {
                move |journal: &mut Journal, rows: &[Pending]| {
                    back.look_again(journal, rows, planned, may_hold, users)
                }
            };
            removal.run_looking(journal, Some(&look(true)))?;
            back.release(of, journal, users)?;
            removal.run_looking(journal, Some(&look(false)))
        })
    }

    /// The account if all goes as planned.
    pub(super) fn planned(&mut self) -> Result<LoadCounts> {
        planned_counts(&self.journal, &mut self.rejects)
    }

    /// The account so far.
    pub(super) fn counts(&mut self) -> Result<LoadCounts> {
        load_counts(&self.journal, &mut self.rejects)
    }

    /// The plan in sight.
    pub(super) fn view(&mut self) -> Result<PlanView> {
        let rate = self.stream.client.pace().rate();
        let view = plan_view(self.stream.source.name(), &self.journal, &mut self.rejects, rate)?;
        Ok(view.costing(self.requests()?, rate))
    }

    /// The requests that the open part of the plan takes: each record is read once more before it is written, and
    /// what hangs on it before it is deleted.
    fn requests(&self) -> Result<u64> {
        let to_do = self.journal.to_do()?;
        let target = self.stream.target()?;
        let at_once = target.deletes_at_once().max(1) as u64;
        let reads = to_do.rows().div_ceil(at_once) + target.attached_takes(to_do.deletes);
        Ok(reads + to_do.deletes.div_ceil(at_once) + to_do.updates)
    }

    /// Names the copies of what is deleted.
    pub(super) fn name_copies(&self, summary: &mut Summary) {
        name_copies(&self.folder, &self.named(), summary);
    }

    /// The result files: what became of each row, beside the record as it was when the plan was made.
    pub(super) fn results(&mut self, work: &Work<'_>, summary: &mut Summary) -> Result<()> {
        let staging = Staging::open(&self.folder, NOW)?;
        let columns = columns::plan(&*self.stream.source.schema()?, staging.census(), false);
        let headers: Vec<String> = columns.iter().map(|column| column.header.clone()).collect();
        let decode = self.stream.source.decoder();
        let separator = work.job.write.list_separator;
        let original = |staged: &StagedRow| match decode.decode(&staged.record.raw) {
            Ok(record) => (None, columns.iter().map(|column| column.text(&record, separator)).collect()),
            Err(_) => (None, vec![String::new(); columns.len()]),
        };
        let source = match &self.beside {
            None => work.job.source.name(),
            Some(place) => place.name(),
        };
        let origin = Origin { file: &source, headers: &headers, original: &original };
        let (staged, journal) = (staging.read()?, Some(&self.journal));
        for (kind, path) in write_results(&self.folder, &origin, staged, &mut self.rejects, journal)? {
            summary.files.insert(format!("{kind}{}", self.named()), path.display().to_string());
        }
        Ok(())
    }

    /// What is added to the names of its files in the summary.
    fn named(&self) -> String {
        self.beside.as_ref().map(|_| format!(" of {}", self.stream.source.name())).unwrap_or_default()
    }
}

/// What is taken back, as the plan sees it.
fn of<'a>(undone: &'a Made, first: Option<&'a Made>, users: Option<&'a Part>) -> Undone<'a> {
    Undone {
        load: &undone.journal,
        first: first.map(|first| &first.journal),
        users: users.map(|users| &users.undone.journal),
    }
}

fn take_back(
    work: &Work<'_>,
    stream: &Stream,
    others: &OtherRuns,
    mark: &ReadMark,
    progress: &(dyn Fn(u64) + Sync),
    go: impl FnOnce(&TakeBack<'_>) -> Result<()>,
) -> Result<()> {
    let decode = stream.source.decoder();
    let began = mark.first_reply.unwrap_or(Timestamp::UNIX_EPOCH);
    go(&TakeBack {
        target: &**stream.target()?,
        decode: &*decode,
        concurrency: stream.client.pace().concurrency(),
        since: began.checked_sub(stream.settle).unwrap_or(began),
        settle: stream.settle,
        adopted: work.asked.adopted,
        stop: &work.context.stop,
        made_elsewhere: &|id| others.made(id),
        progress,
    })
}

/// Finds out what became of a journal's rows in doubt. Marks that the run gave its own rows tell for certain.
fn settle(work: &Work<'_>, stream: &Stream, others: &OtherRuns, made: &mut Made) -> Result<()> {
    let Made { journal, mark, keys } = made;
    let mark = &mark.clone().settling(stream.settle);
    let marker = match journal.fact(marker::FACT)? {
        Some(name) => Some(Marker::new(&name, &work.entry.name, false, &[], &*stream.source.schema()?)?),
        None => None,
    };
    let decode = stream.source.decoder();
    let apply = Apply {
        target: &**stream.target()?,
        decode: &*decode,
        keys,
        mark,
        concurrency: stream.client.pace().concurrency(),
        stop: &work.context.stop,
        server_now: &|| stream.client.server_now(),
        made_elsewhere: &|id| others.made(id),
        // Nothing is sent here: what was sent is looked for.
        fresh_until: Instant::now(),
        every: Duration::ZERO,
        failures: &FailureLimit::default(),
        marker: marker.as_ref(),
        until_row: u64::MAX,
        look_first: None,
        sent_again: None,
        progress: &|_| {},
    };
    apply.settle(journal)
}
