//! Reads the notes of every contact.
//!
//! Nimble lists notes contact by contact only. So the contacts are read first, completely and drift-safe, with
//! as little of each as possible; then each contact's notes, in parallel, and staged in the contacts' order, so
//! that the same account gives the same bytes. How many contacts are done is kept with the staged pages; a
//! resumed run goes on behind them. A note on several contacts is staged with each and kept once.
//!
//! The read is whole when the contacts' read is and every contact's list was. Two things nobody can see, since
//! the service tells no time of change of a note: a note that was moved from one contact to another meanwhile,
//! and an edit of one that was read already; the next read has them.

use super::list::{NoteLists, NotesOf, Trouble};
use super::{NOTES, Notes};
use crate::connect::nimble::api::failed;
use crate::connect::nimble::options;
use crate::error::{Error, Result};
use crate::extract::staging::{StagedRows, Staging};
use crate::extract::{Completeness, FIRST_REPLY, Selection};
use crate::http::Failure;
use crate::record::RawRecord;
use crate::record::census::Census;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::{BTreeMap, VecDeque};

/// Staging note: contacts whose notes are staged.
const DONE: &str = "nimble_contacts_done";
/// Staging note: why the read is not whole, as an earlier life found.
const TROUBLE: &str = "nimble_notes_trouble";
/// Contacts held back, for each reader, until the ones before them have come.
const WINDOW: u64 = 8;
/// A page is staged after so many contacts or notes.
const CONTACTS: u64 = 50;
const RECORDS: usize = 500;

/// Reads what `selection` asks for into `staging`.
pub(super) fn extract(notes: &Notes, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
    if let Some(contact) = &selection.record {
        options::only(selection, NOTES, &["--record"])?;
        return of_one(&notes.lists, contact, selection, staging);
    }
    options::only(selection, NOTES, &["--type", "--keyword", "--where", "--record"])?;
    // A sample is of the notes of so many contacts; the number that is expected is one of notes.
    let of_contacts = Selection { expect: None, per_page: None, ..selection.clone() };
    let (contacts, completeness) = notes.contacts.read_beside(&of_contacts, staging)?;
    if let Some(first) = contacts.note(FIRST_REPLY)? {
        staging.set_note(FIRST_REPLY, first);
    }
    let done = staging.note(DONE)?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let trouble = staging.note(TROUBLE)?.map(Trouble::Missing);
    let mut reading = Reading {
        lists: &notes.lists,
        concurrency: notes.contacts.concurrency(),
        limit: selection.limit.unwrap_or(u64::MAX),
        contacts: Contacts { rows: contacts.read()?, ids: VecDeque::new() },
        next: done,
        pending: Pending::default(),
        trouble,
        staging,
    };
    reading.read()?;
    let trouble = reading.trouble.take();
    judge(selection, staging, completeness, trouble)
}

fn of_one(
    lists: &NoteLists,
    contact: &str,
    selection: &Selection,
    staging: &mut Staging,
) -> Result<Completeness> {
    let mut found = lists.of(contact).map_err(read_failed)?;
    let most = usize::try_from(selection.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    found.records.truncate(most);
    if !staging.is_done(contact) {
        staging.page(contact, found.records, found.census)?;
    }
    judge(selection, staging, Completeness::Complete, found.trouble)
}

/// The worst of what was found.
fn judge(
    selection: &Selection,
    staging: &mut Staging,
    contacts: Completeness,
    trouble: Option<Trouble>,
) -> Result<Completeness> {
    if selection.limit.is_some_and(|limit| staging.staged() >= limit) {
        return Ok(Completeness::Unproven(format!("a sample of {} notes was asked for", staging.staged())));
    }
    if let Some(expected) = selection.expect {
        let read = staging.distinct()?;
        return Ok(if read == expected {
            Completeness::Complete
        } else {
            Completeness::Incomplete(format!("{expected} notes were expected, {read} were read"))
        });
    }
    Ok(match (contacts, trouble) {
        (Completeness::Incomplete(why), _) => Completeness::Incomplete(format!("of the contacts: {why}")),
        (_, Some(Trouble::Missing(why))) => Completeness::Incomplete(why),
        (Completeness::Unproven(why), _) => Completeness::Unproven(format!("of the contacts: {why}")),
        (_, Some(Trouble::Unproven(why))) => Completeness::Unproven(why),
        (Completeness::Complete, None) => Completeness::Complete,
    })
}

/// The ids of the contacts, in order.
struct Contacts {
    rows: StagedRows,
    ids: VecDeque<String>,
}

impl Contacts {
    fn next(&mut self) -> Result<Option<String>> {
        while self.ids.is_empty() {
            let Some(rows) = self.rows.next_rows()? else { return Ok(None) };
            self.ids.extend(rows.into_iter().filter_map(|staged| staged.record.id));
        }
        Ok(self.ids.pop_front())
    }
}

/// What is read, but not staged yet.
#[derive(Default)]
struct Pending {
    contacts: u64,
    records: Vec<RawRecord>,
    census: Census,
}

struct Reading<'a> {
    lists: &'a NoteLists,
    concurrency: usize,
    limit: u64,
    contacts: Contacts,
    /// Contacts whose notes are staged or pending.
    next: u64,
    pending: Pending,
    trouble: Option<Trouble>,
    staging: &'a mut Staging,
}

type Answer = (u64, Result<NotesOf, Failure>);

impl Reading<'_> {
    fn read(&mut self) -> Result<()> {
        let (jobs, todo) = unbounded::<(u64, String)>();
        let (results, done) = unbounded::<Answer>();
        let lists = self.lists;
        std::thread::scope(|scope| {
            for _ in 0..self.concurrency {
                let (todo, results) = (todo.clone(), results.clone());
                scope.spawn(move || {
                    for (place, contact) in todo {
                        if results.send((place, lists.of(&contact))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(results);
            let outcome = self.collect(&jobs, &done);
            // Nobody waits for lists that were asked for in advance.
            while todo.try_recv().is_ok() {}
            drop(jobs);
            let flushed = self.flush();
            outcome.and(flushed)
        })
    }

    fn collect(&mut self, jobs: &Sender<(u64, String)>, done: &Receiver<Answer>) -> Result<()> {
        let window = self.concurrency as u64 * WINDOW;
        let mut held = BTreeMap::new();
        let (mut asked, mut ended) = (0, false);
        while !self.is_sampled() {
            while !ended && asked < self.next + window {
                match self.contacts.next()? {
                    Some(contact) if asked >= self.next => {
                        if jobs.send((asked, contact)).is_err() {
                            break;
                        }
                        asked += 1;
                    }
                    Some(_) => asked += 1,
                    None => ended = true,
                }
            }
            if self.next >= asked {
                return Ok(());
            }
            let answer = loop {
                if let Some(answer) = held.remove(&self.next) {
                    break answer;
                }
                let Ok((place, answer)) = done.recv() else {
                    return Err(Error::stopped("the readers of Nimble's notes ended early"));
                };
                held.insert(place, answer);
            };
            self.take(answer.map_err(read_failed)?)?;
        }
        Ok(())
    }

    fn is_sampled(&self) -> bool {
        self.staging.staged() + self.pending.records.len() as u64 >= self.limit
    }

    /// Takes the notes of the next contact.
    fn take(&mut self, mut found: NotesOf) -> Result<()> {
        match (&self.trouble, found.trouble.take()) {
            (Some(Trouble::Missing(_)), _) | (_, None) => {}
            (_, Some(trouble)) => {
                if let Trouble::Missing(why) = &trouble {
                    self.staging.set_note(TROUBLE, why.clone());
                }
                self.trouble = Some(trouble);
            }
        }
        let room = self.limit.saturating_sub(self.staging.staged() + self.pending.records.len() as u64);
        found.records.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        self.pending.records.append(&mut found.records);
        self.pending.census.merge(found.census);
        self.pending.contacts += 1;
        self.next += 1;
        if self.pending.contacts >= CONTACTS || self.pending.records.len() >= RECORDS {
            self.flush()?;
        }
        Ok(())
    }

    /// Stages what is pending.
    fn flush(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        if pending.contacts == 0 {
            return Ok(());
        }
        self.staging.set_note(DONE, self.next.to_string());
        self.staging.page(&format!("contacts-{}", self.next), pending.records, pending.census)
    }
}

/// What a failed read of notes means for the command.
pub(super) fn read_failed(failure: Failure) -> Error {
    failed("cannot read notes from Nimble", failure)
}
