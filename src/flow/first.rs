//! What links need, sent before and after a load's own records: missing records first, links between the file's
//! own rows last (design 9.1, 9.5).

use super::context::Context;
use super::linking::KEYS;
use super::links::{Linked, LinkedTo};
use super::load::look_first;
use super::planning::{COMPLETENESS, MARK, PLANNED};
use super::verify::Further;
use crate::error::{Error, Result};
use crate::extract::Completeness;
use crate::load::apply::Apply;
use crate::load::journal::{Journal, Outcome, Pending};
use crate::load::keys::KeyField;
use crate::load::limit::FailureLimit;
use crate::load::target::ReadMark;
use crate::report::links::{link_table, missing_line, write_links};
use crate::report::{Budget, Summary};
use crate::run::folder::RunFolder;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};

impl Linked {
    /// Shows what links came to, and what is made first; the whole of it is in `links.csv`.
    pub(super) fn show(
        &self,
        context: &Context,
        folder: &RunFolder,
        journal: &Journal,
        summary: &mut Summary,
    ) -> Result<()> {
        let names: Vec<&str> = self.streams.iter().map(|to| to.name.as_str()).collect();
        if let Some(path) = write_links(folder.path(), journal, &names)? {
            summary.files.insert("links".to_owned(), path.display().to_string());
        }
        if let Some(table) = link_table(journal, &names)? {
            context.reporter.say(table);
        }
        for to in &self.streams {
            if let Some(line) =
                to.open_journal()?.map(|made| missing_line(&to.name, &made)).transpose()?.flatten()
            {
                context.reporter.say(line);
            }
        }
        Ok(())
    }

    /// What is made for links, by stream.
    ///
    /// # Errors
    /// When a checkpoint cannot be used.
    pub(super) fn made(&self) -> Result<Vec<Further>> {
        let mut made = Vec::new();
        for to in &self.streams {
            if let Some(journal) = to.open_journal()? {
                let mark = fact(&journal, MARK)?;
                made.push(Further { name: to.name.clone(), stream: to.stream.clone(), mark, journal });
            }
        }
        Ok(made)
    }

    /// Makes the missing records and puts their ids into what waits for them: of rows up to `until`, where only
    /// these are to be sent yet. The plan is fresh until `fresh_until`.
    ///
    /// # Errors
    /// As [`Apply::run`]; class `Check` when the plan is not the one that was saved.
    pub(super) fn send_missing(
        &self,
        context: &Context,
        fresh_until: Instant,
        until: Option<u64>,
        journal: &mut Journal,
    ) -> Result<()> {
        for (index, to) in self.streams.iter().enumerate() {
            let Some(mut made) = to.open_journal()? else { continue };
            if made.fact(PLANNED)? != Some(made.digest()?) {
                return Err(Error::check("the plan of missing records is not the one that was saved")
                    .hint("begin a new run"));
            }
            let until = match until {
                Some(row) => journal.needed_up_to(index, row)?,
                None => u64::MAX,
            };
            to.send(context, fresh_until, until, &mut made)?;
            journal.transaction(|journal| supply(index, to, (&made, until), journal))?;
        }
        Ok(())
    }
}

impl LinkedTo {
    fn send(
        &self,
        context: &Context,
        fresh_until: Instant,
        until_row: u64,
        made: &mut Journal,
    ) -> Result<()> {
        let open = made.open_operations()?;
        if open == 0 {
            return Ok(());
        }
        let keys: Vec<Vec<KeyField>> = fact(made, KEYS)?;
        let mark = fact::<ReadMark>(made, MARK)?.settling(self.stream.settle);
        let completeness: Completeness = fact(made, COMPLETENESS)?;
        let settle = Duration::from_millis(mark.settle_ms);
        self.writer.as_ref().map_or(Ok(()), |writer| writer.begin(settle))?;
        let stream = &self.stream;
        let decode = stream.source.decoder();
        let look = |pending: &Pending| look_first(stream, &keys, pending);
        let unproven = matches!(completeness, Completeness::Unproven(_));
        let budget = Budget::from(stream.client.pace().rate());
        let what = format!("send to {}", self.name);
        let progress = context.reporter.progress(&what, Some(open), Some(budget));
        let apply = Apply {
            target: &**stream.target()?,
            decode: &*decode,
            keys: &keys,
            mark: &mark,
            concurrency: stream.client.pace().concurrency(),
            stop: &context.stop,
            server_now: &|| stream.client.server_now(),
            made_elsewhere: &|id| self.others.made(id),
            fresh_until,
            every: stream.client.pace().rate().time_for(1).unwrap_or_default(),
            failures: &FailureLimit::default(),
            marker: None,
            until_row,
            look_first: unproven.then_some(&look),
            sent_again: None,
            progress: &|rows| progress.add(rows),
        };
        let sent = apply.run(made);
        progress.finish();
        sent
    }
}

/// Tells the load what became of the records that it needs, up to one of them.
fn supply(index: usize, to: &LinkedTo, (made, until): (&Journal, u64), journal: &Journal) -> Result<()> {
    let mut after = 0;
    loop {
        let numbers = journal.needed(index, after, 500)?;
        let Some(last) = numbers.last() else { return Ok(()) };
        after = *last;
        for number in numbers {
            if number > until {
                return Ok(());
            }
            match made.settled(number)? {
                Some((Some(id), Some(Outcome::Created), _)) => {
                    if index == 0 {
                        journal.note_also(std::slice::from_ref(&id))?;
                    }
                    journal.supply(index, number, Ok(&id))?;
                }
                Some((_, Some(outcome), why)) => {
                    let why = format!(
                        "the record of `{}` that it links to is {}: {}",
                        to.name,
                        outcome.word(),
                        why.unwrap_or_default()
                    );
                    journal.supply(index, number, Err(&why))?;
                }
                _ => return Err(Error::stopped(format!("`{}` is not finished yet", to.name))),
            }
        }
    }
}

/// A fact of a journal.
fn fact<T: DeserializeOwned>(journal: &Journal, key: &str) -> Result<T> {
    let text = journal.fact(key)?.unwrap_or_default();
    serde_json::from_str(&text)
        .map_err(|cause| Error::stopped("the run's checkpoint is damaged").because(cause))
}
