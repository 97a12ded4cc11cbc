//! A plan's links: the linked streams read whole, once each, the file's own rows indexed, and the records that
//! nobody has planned before everything else (design 9.1, 9.5).

use super::context::Context;
use super::job::Job;
use super::links::{FOLDER, Linked};
use super::planning::{self, COMPLETENESS, MARK, PLANNED};
use crate::error::{Error, Result};
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, Selection};
use crate::load::book::{self, Book};
use crate::load::current::Current;
use crate::load::journal::Journal;
use crate::load::keys::KeyField;
use crate::load::links::{self, Earlier, FieldLink, Holds, LinkedStream, Links};
use crate::load::side::Side;
use crate::load::target::ReadMark;
use crate::record::census::Census;
use crate::run::folder::RunFolder;
use crate::transform::draft::{Draft, TargetField};
use std::sync::Arc;

/// What the linked streams hold.
pub(super) struct Linking {
    fields: Vec<FieldLink>,
    book: Book,
    /// The linked streams but for the target itself.
    others: Vec<Other>,
    decoders: Vec<Arc<dyn Decode>>,
    /// Where the alternatives of links begin among those that the target is indexed by.
    offset: usize,
}

/// What the plan knows of the target's own read.
pub(super) struct Own<'a> {
    pub(super) census: &'a Census,
    pub(super) mark: &'a ReadMark,
    pub(super) completeness: &'a Completeness,
    /// Everything that it is indexed by.
    pub(super) keys: &'a [Vec<KeyField>],
    pub(super) time_zone: &'a str,
}

/// Facts in a journal of missing records: the key alternatives, the place that they are made in, and the stage
/// of the load's checkpoint that holds what was there.
pub(super) const KEYS: &str = "keys";
/// See [`KEYS`].
pub(super) const PLACE: &str = "place";
/// See [`KEYS`].
pub(super) const STAGE: &str = "stage";

/// A linked stream as read.
struct Other {
    current: Current,
    census: Census,
    completeness: Completeness,
    mark: ReadMark,
}

impl Linking {
    /// Reads the linked streams. `keys` are those that the target is indexed by for matching; the target's own
    /// alternatives for links are added to them. `targets` are the load's fields, of which those that link by id
    /// take lists from now on.
    pub(super) fn read(
        context: &Context,
        folder: &RunFolder,
        job: &Job,
        linked: &Linked,
        targets: &mut [TargetField],
        keys: &mut Vec<Vec<KeyField>>,
    ) -> Result<Self> {
        let offset = keys.len();
        keys.extend(linked.streams[0].keys());
        let mut others = Vec::new();
        for other in linked.streams.iter().skip(1) {
            let since = (other.locked, other.stream.settle);
            planning::wait_for_other_runs(context, &other.others, since, true, job)?;
            let (mut read, completeness) = planning::read_stream(
                context,
                folder,
                &other.stage,
                &other.stream,
                &Selection::default(),
                None,
            )?;
            let decode = other.stream.source.decoder();
            let index = folder.path().join(format!("{}.sqlite", other.stage));
            let current = Current::build(&index, read.0.read()?, &*decode, &other.keys())?;
            let mark = planning::mark(&mut read, &other.stream, true)?;
            others.push(Other { current, census: read.1, completeness, mark });
        }
        let mut fields = linked.fields.clone();
        for link in &mut fields {
            if link.stream == 0 {
                link.by = link.by.map(|by| by + offset);
            }
            if link.holds == Holds::Id {
                targets[link.at].multi.get_or_insert(true);
            }
        }
        let book = Book::create(&folder.path().join(book::FILE))?;
        let decoders = linked.streams.iter().map(|linked| linked.stream.source.decoder()).collect();
        Ok(Self { fields, book, others, decoders, offset })
    }

    /// Indexes the file's own rows, where one may link to another.
    pub(super) fn index_rows(
        &self,
        linked: &Linked,
        targets: &[TargetField],
        drafts: &Staging,
    ) -> Result<()> {
        if !self.fields.iter().any(|link| link.stream == 0) {
            return Ok(());
        }
        let target = linked.streams[0].stream.target()?;
        let mut rows = drafts.read()?;
        while let Some(batch) = rows.next_rows()? {
            self.book.begin()?;
            for staged in batch {
                let draft: Draft = serde_json::from_str(&staged.record.raw).map_err(|cause| {
                    Error::stopped("the run's transform parts are damaged").because(cause)
                })?;
                links::index_row(&self.fields, targets, &**target, &self.book, (staged.row, &draft))?;
            }
            self.book.settle()?;
        }
        Ok(())
    }

    /// What links are resolved with; `current` is the target's own index.
    pub(super) fn links<'a>(
        &'a self,
        linked: &'a Linked,
        targets: &'a [TargetField],
        current: &'a Current,
        completeness: &Completeness,
        earlier: &'a Earlier<'a>,
    ) -> Links<'a> {
        let closed = |completeness: &Completeness| match completeness {
            Completeness::Incomplete(_) => Some("its read is incomplete"),
            _ => None,
        };
        let stream = |index: usize, current: &'a Current, completeness: &Completeness| LinkedStream {
            name: &linked.streams[index].name,
            stream: &linked.streams[index].account.stream,
            current,
            decode: &*self.decoders[index],
            closed: closed(completeness),
        };
        let own = stream(0, current, completeness);
        let others = self.others.iter().enumerate();
        let others = others.map(|(index, other)| stream(index + 1, &other.current, &other.completeness));
        let streams = std::iter::once(own).chain(others).collect();
        Links { fields: &self.fields, targets, streams, book: &self.book, earlier }
    }

    /// Plans the records that nobody has, each stream's into a journal of its own, and rejects the rows whose
    /// links cannot come to anything. `own` is what is known of the target's read.
    pub(super) fn plan_missing(
        &self,
        folder: &RunFolder,
        linked: &Linked,
        own: Own<'_>,
        journal: &mut Journal,
    ) -> Result<()> {
        for index in 0..linked.streams.len() {
            self.with_side(linked, &own, index, |side| side.refuse(&self.book, journal))?;
        }
        journal.transaction(|journal| journal.reject_orphans())?;
        for (index, other) in linked.streams.iter().enumerate() {
            remove(&other.journal)?;
            if journal.needed(index, 0, 1)?.is_empty() {
                continue;
            }
            let parent = folder.path().join(FOLDER);
            std::fs::create_dir_all(&parent).map_err(|cause| {
                Error::stopped(format!("cannot create `{}`", parent.display())).because(cause)
            })?;
            let mut made = other.journal()?;
            self.with_side(linked, &own, index, |side| side.plan(&self.book, journal, &mut made))?;
            let (mark, completeness) = match index.checked_sub(1).and_then(|other| self.others.get(other)) {
                Some(other) => (&other.mark, &other.completeness),
                None => (own.mark, own.completeness),
            };
            let keys = if index == 0 { own.keys.to_vec() } else { other.keys() };
            let failed = |cause| Error::stopped("cannot save the plan").because(cause);
            let facts = [
                (MARK, serde_json::to_string(mark).map_err(failed)?),
                (COMPLETENESS, serde_json::to_string(completeness).map_err(failed)?),
                (KEYS, serde_json::to_string(&keys).map_err(failed)?),
                (PLACE, serde_json::to_string(&other.place).map_err(failed)?),
                (STAGE, other.stage.clone()),
                (PLANNED, made.digest()?),
            ];
            made.transaction(|made| facts.iter().try_for_each(|(key, value)| made.set_fact(key, value)))?;
        }
        Ok(())
    }

    fn with_side<T>(
        &self,
        linked: &Linked,
        own: &Own<'_>,
        index: usize,
        work: impl FnOnce(&Side<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let to = &linked.streams[index];
        let Some(target) = &to.stream.target else { return Ok(None) };
        let schema = to.stream.source.schema()?;
        let census = index
            .checked_sub(1)
            .and_then(|other| self.others.get(other))
            .map_or(own.census, |other| &other.census);
        let offset = if index == 0 { self.offset } else { 0 };
        let side = Side {
            index,
            name: &to.name,
            target: &**target,
            schema: &schema,
            census,
            time_zone: own.time_zone,
            makers: &|alternative| to.maker(alternative.checked_sub(offset)?),
        };
        work(&side).map(Some)
    }
}

/// A plan that is made anew has nothing of an older one.
fn remove(journal: &std::path::Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = journal.as_os_str().to_owned();
        path.push(suffix);
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::stopped(format!("cannot remove `{}`", journal.display())).because(cause));
            }
            _ => {}
        }
    }
    Ok(())
}
