//! `undo`: a run that takes another one back, planned, shown, confirmed, sent, accounted for (design section 9.7).
//!
//! First the other run's rows in doubt are looked for at the service, which sends nothing. Then the plan is made
//! from what that run wrote and from what the records hold now, and what is to be deleted is copied. From the first
//! write on, the other run is closed: nothing more of it is ever sent. What an undo had to leave is taken back by
//! another one, which plans from what is there then.
//!
//! What the run made in other streams for the links of its records is taken back after these: each stream is a
//! part, with a plan and an account of its own, and the summary adds them up.

mod part;

use super::context::Context;
use super::job::{Job, LoadOptions, Place, Undo};
use super::linking::{PLACE, STAGE};
use super::planning::{self, Saved};
use super::{links, verify};
use crate::error::{Error, Result};
use crate::load::journal::Journal;
use crate::report::Summary;
use crate::report::counts::LoadCounts;
use crate::report::summary::Status;
use crate::run::checkpoint;
use crate::run::folder::{RunEntry, RunFolder};
use jiff::Timestamp;
use part::{Made, Part};

/// The job that takes the run back whose name has `part` in it.
///
/// # Errors
/// When there is no such run, or nothing of it can be taken back (class `Input`).
pub fn job(context: &Context, part: &str, adopted: bool, load: LoadOptions) -> Result<Job> {
    let entry = context.runs.find(part)?;
    let undone: Job = entry.job()?;
    let name = &entry.name;
    let nothing = |why: &str| Err(Error::input(format!("run `{name}` cannot be taken back: {why}")));
    let target = match &undone.target {
        Some(target @ Place::Stream { account: Some(_), .. }) => target.clone(),
        _ => return nothing("it has written nothing to a service"),
    };
    if undone.delete.is_some() {
        let why = "it deleted records, and the service brings none back under its id";
        return nothing(why).map_err(|error| {
            error.hint("import their copy, `deleted.csv` in the run's folder, without the column `_id`")
        });
    }
    if undone.load.dry_run {
        return nothing("it was only planned");
    }
    refuse_unfinished_undo(context, &entry, None)?;
    let source = match &undone.source {
        file @ Place::File { .. } => file.clone(),
        Place::Stream { .. } => target.clone(),
    };
    Ok(Job {
        command: "undo".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        asked: Timestamp::now().to_string(),
        source,
        target: Some(target),
        selection: Default::default(),
        since_last: false,
        mapping: None,
        load,
        retry: None,
        undo: Some(Undo { run: entry.name, adopted }),
        ..undone
    })
}

/// Refuses to go on with a run that was taken back.
///
/// # Errors
/// When it was, in whole or in part (class `Input`).
pub(super) fn refuse_undone(entry: &RunEntry) -> Result<()> {
    let Some(by) = undone_by(entry)? else { return Ok(()) };
    let run = &entry.name;
    Err(Error::input(format!(
        "run `{run}` is being taken back, or was, by run `{by}`: nothing more of it is sent"
    ))
    .hint(format!(
        "go on with that by `ferry resume {by}`, take back what it has left by `ferry undo {run}`, or import again"
    )))
}

/// Refuses to take a run back of which another undo still has rows to send. One that has come to its end is no
/// hindrance: what it has left may go by now.
fn refuse_unfinished_undo(context: &Context, entry: &RunEntry, this: Option<&str>) -> Result<()> {
    let Some(by) = undone_by(entry)?.filter(|by| Some(by.as_str()) != this) else { return Ok(()) };
    // Of an undo that was removed nothing can be sent.
    let Some(earlier) = context.runs.list()?.into_iter().find(|entry| entry.name == by) else {
        return Ok(());
    };
    let mut journals = links::journals(&earlier.path)?;
    journals.push(Journal::new(checkpoint::open(&earlier.checkpoint())?)?);
    for journal in journals {
        if journal.counts()?.get(&None).is_some_and(|open| *open > 0) {
            let why = format!(
                "run `{}` is being taken back by run `{by}`, which has not come to its end",
                entry.name
            );
            return Err(Error::input(why).hint(format!("go on with that by `ferry resume {by}`")));
        }
    }
    Ok(())
}

/// The last run that began to take a run back.
fn undone_by(entry: &RunEntry) -> Result<Option<String>> {
    match entry.checkpoint().is_file() {
        true => Journal::new(checkpoint::open(&entry.checkpoint())?)?.undone_by(),
        false => Ok(None),
    }
}

pub(super) fn run(
    context: &Context,
    folder: &RunFolder,
    job: &Job,
    place: &Place,
    asked: &Undo,
    summary: &mut Summary,
) -> Result<()> {
    let entry = context.runs.find(&asked.run)?;
    let _locked = context.runs.open(&entry)?;
    refuse_unfinished_undo(context, &entry, Some(folder.name()))?;
    let undone = Journal::new(checkpoint::open(&entry.checkpoint())?)?;
    let of: Job = entry.job()?;
    let work = Work { context, folder, job, asked, entry: &entry, of: &of };
    let (mut main, mut linked) = work.parts(place, undone)?;
    let saved = match planning::saved(main.journal())? {
        Some(saved) => saved,
        None => work.plan(&mut main, &mut linked)?,
    };
    std::iter::once(&main).chain(&linked).for_each(|part| part.name_copies(summary));
    take(summary, &mut main, &mut linked, Part::planned)?;
    summary.read = summary.rejected + summary.mapped;
    for part in std::iter::once(&mut main).chain(&mut linked) {
        context.reporter.plan(&part.view()?);
    }
    if job.load.dry_run {
        work.results(&mut main, &mut linked, summary)?;
        summary.status = Status::Planned;
        return Ok(());
    }
    let sent = work.send(&mut main, &mut linked);
    main.journal().name_partly_restored()?;
    take(summary, &mut main, &mut linked, Part::counts)?;
    work.results(&mut main, &mut linked, summary)?;
    sent?;
    if !job.load.no_verify {
        // What was deleted was seen to be gone; what was restored is all in the stream of the run's own rows.
        let (stream, journal) = main.ends();
        verify::run(context, folder, (stream, &saved.mark), journal, &mut [], summary)?;
    }
    summary.conclude();
    Ok(())
}

/// Takes the accounts of all parts.
fn take(
    summary: &mut Summary,
    main: &mut Part,
    linked: &mut [Part],
    count: impl Fn(&mut Part) -> Result<LoadCounts>,
) -> Result<()> {
    let mut counts = LoadCounts::default();
    for part in std::iter::once(main).chain(linked) {
        counts += count(part)?;
    }
    summary.take_load(&counts);
    Ok(())
}

/// What an undo works with.
struct Work<'a> {
    context: &'a Context,
    folder: &'a RunFolder,
    job: &'a Job,
    asked: &'a Undo,
    /// The run that is taken back, and what was asked of it.
    entry: &'a RunEntry,
    of: &'a Job,
}

impl Work<'_> {
    /// The part of the run's own rows, and those of the streams that it made records in for their links.
    fn parts(&self, place: &Place, undone: Journal) -> Result<(Part, Vec<Part>)> {
        let nothing = || {
            let why = format!("run `{}` has sent nothing: there is nothing to take back", self.entry.name);
            Error::input(why)
        };
        let undone = Made::new(undone)?.ok_or_else(nothing)?;
        let (mut first, mut linked) = (None, Vec::new());
        for made in links::journals(&self.entry.path)? {
            if !made.has_begun()? {
                continue;
            }
            let (Some(of), Some(stage)) = (made.fact(PLACE)?, made.fact(STAGE)?) else { continue };
            let of: Place = serde_json::from_str(&of)
                .map_err(|cause| Error::stopped("the run's checkpoint is damaged").because(cause))?;
            let made = made.beside(&self.entry.checkpoint(), &stage)?;
            match Made::new(made)? {
                Some(made) if of.account() == place.account() => first = Some(made),
                Some(made) => linked.push(Part::linked(self, &of, made)?),
                None => {}
            }
        }
        Ok((Part::main(self, place, undone, first)?, linked))
    }

    /// Makes the plans and saves them, that of the run's own rows last.
    fn plan(&self, main: &mut Part, linked: &mut [Part]) -> Result<Saved> {
        main.settle(self)?;
        linked.iter_mut().try_for_each(|part| part.settle(self))?;
        let mark = main.plan(self, None)?;
        for part in linked {
            let mark = part.plan(self, Some(main))?;
            part.save(mark)?;
        }
        main.save(mark)
    }

    fn send(&self, main: &mut Part, linked: &mut [Part]) -> Result<()> {
        let mut rows = main.journal().to_do()?.rows();
        for part in &*linked {
            rows += part.journal().to_do()?.rows();
        }
        if rows == 0 {
            return Ok(());
        }
        let context = self.context;
        if !context.yes && !context.reporter.confirm("Take this back?")? {
            return Err(Error::stopped("nothing was taken back: the plan was not confirmed"));
        }
        main.undone().begin_undo(self.folder.name())?;
        let progress = context.reporter.progress("undo", Some(rows), Some(main.budget()));
        let sent = main.send(self, None, &|rows| progress.add(rows)).and_then(|()| {
            linked.iter_mut().try_for_each(|part| part.send(self, Some(main), &|rows| progress.add(rows)))
        });
        progress.finish();
        sent
    }

    /// The result files: what became of each row, beside the record as it was when the plan was made.
    fn results(&self, main: &mut Part, linked: &mut [Part], summary: &mut Summary) -> Result<()> {
        std::iter::once(main).chain(linked).try_for_each(|part| part.results(self, summary))
    }
}
