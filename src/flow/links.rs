//! The streams that a load's links lead to: found, locked where they are written to, and what is known of the
//! source's ids (design 9.5). How a plan is made with them is in `linking`, how it is sent in `first`.

use super::context::Context;
use super::job::{Job, Place};
use super::others::OtherRuns;
use super::planning::TARGET;
use crate::account::Account;
use crate::connect::{Endpoint, Stream};
use crate::error::{Error, Result};
use crate::load::idmap::IdMap;
use crate::load::journal::Journal;
use crate::load::keys::KeyField;
use crate::load::links::{FieldLink, Holds, Missing};
use crate::load::side::Maker;
use crate::load::target::NamedLink;
use crate::record::schema::{FieldRef, Modifier, Side};
use crate::run::checkpoint;
use crate::run::folder::RunFolder;
use crate::run::writers::Writer;
use crate::transform::draft::TargetField;
use crate::transform::mapping::{Bound, Link, MissingLink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a mapping writes for records that are named by their id at the source alone.
const SOURCE_ID: &str = "_source_id";

/// The folder of the journals of what is made for links, in a run's folder.
pub(super) const FOLDER: &str = "linked";

/// Everything that a load links to.
pub(super) struct Linked {
    /// The streams; the first is the target itself.
    pub(super) streams: Vec<LinkedTo>,
    /// The fields that link, alternatives counted within each stream.
    pub(super) fields: Vec<FieldLink>,
    /// What earlier runs made of the source's records; none where the source has no ids.
    pub(super) ids: Option<Ids>,
}

/// A stream that values are looked up in.
pub(super) struct LinkedTo {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) stream: Stream,
    pub(super) account: Account,
    /// The journal of what is made in it for links.
    pub(super) journal: PathBuf,
    /// The checkpoint of the load, and the stage in it that holds this stream's records.
    load: PathBuf,
    pub(super) stage: String,
    /// What it is indexed by.
    pub(super) alternatives: Vec<Alternative>,
    /// Whether records may be made in it.
    pub(super) makes: bool,
    /// Other runs that wrote to it.
    pub(super) others: OtherRuns,
    /// When the writer's lock was taken.
    pub(super) locked: Instant,
    /// Its lock, where records may be made in it; the load's own target has one already.
    pub(super) writer: Option<Writer>,
}

/// A way to look records up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alternative {
    pub(super) place: KeyField,
    pub(super) kind: Option<&'static str>,
    /// Where the value goes in a new record.
    pub(super) writes: Option<FieldRef>,
}

/// The id map, and the streams that this run reads and writes.
pub(super) struct Ids {
    pub(super) map: IdMap,
    pub(super) source_stream: String,
    pub(super) target_stream: String,
}

impl Linked {
    /// Finds the streams that a mapping's links lead to.
    ///
    /// # Errors
    /// When a link leads to no stream of the target's account or names no field of it, or the stream's lock is
    /// held.
    pub(super) fn open(
        context: &Context,
        folder: &RunFolder,
        job: &Job,
        stream: &Stream,
        bound: Option<&Bound>,
    ) -> Result<Self> {
        let place = job.target.clone().ok_or_else(|| Error::input("this run has no target"))?;
        let own = LinkedTo::new(context, folder, place, stream.clone(), TARGET.to_owned())?;
        let ids = Ids::open(context, folder, job, &own.account)?;
        let mut linked = Self { streams: vec![own], fields: Vec::new(), ids };
        let Some(bound) = bound else { return Ok(linked) };
        for (field, link) in bound.links() {
            let at = bound.targets().iter().position(|target| target.place == *field);
            let at = at.ok_or_else(|| Error::input(format!("`{field}` is no target of the mapping")))?;
            linked.add(context, folder, job, (at, field), link)?;
        }
        if !job.load.dry_run || job.keeps_plan() {
            let patience = Duration::from_secs(job.load.lock_wait);
            for other in linked.streams.iter_mut().skip(1).filter(|other| other.makes) {
                other.writer = Some(Writer::lock(&other.account, folder, patience, &context.stop)?);
                other.locked = Instant::now();
                other.others = OtherRuns::of(context, &other.account, folder.name())?;
            }
        }
        Ok(linked)
    }

    /// Whether a plan with these fields needs to know all records of the target, not only those that its keys find.
    ///
    /// # Errors
    /// When the target cannot be written to.
    pub(super) fn needs_all(&self, targets: &[TargetField]) -> Result<bool> {
        let named = self.streams[0].stream.target()?.named_link();
        let implied =
            named.is_some_and(|named| targets.iter().any(|target| target.place.name == named.field));
        Ok(self.ids.is_some() || implied || self.fields.iter().any(|link| link.stream == 0))
    }

    /// Adds the link that the service makes by itself, where the load writes such a field.
    pub(super) fn add_implied(&mut self, targets: &[TargetField]) -> Result<()> {
        let Some(named) = self.streams[0].stream.target()?.named_link() else { return Ok(()) };
        let Some(at) = targets.iter().position(|target| target.place.name == named.field) else {
            return Ok(());
        };
        if self.fields.iter().any(|link| link.at == at) {
            return Ok(());
        }
        let alternative = Alternative::named(named);
        let place = Some(alternative.place.clone());
        let by = Some(self.streams[0].alternative(alternative));
        let (kind, missing, holds) = (Some(named.kind), Missing::Create, Holds::ThisName);
        self.fields.push(FieldLink { at, stream: 0, by, place, kind, missing, holds, implied: true });
        Ok(())
    }

    fn add(
        &mut self,
        context: &Context,
        folder: &RunFolder,
        job: &Job,
        (at, field): (usize, &FieldRef),
        link: &Link,
    ) -> Result<()> {
        let wrong = |what: String| Error::input(format!("`link` of `{field}`: {what}"));
        let stream = self.stream_of(context, folder, job, link);
        let index = stream.map_err(|error| error.of(format_args!("`link` of `{field}`")))?;
        let missing = match link.missing {
            MissingLink::Reject => Missing::Reject,
            MissingLink::Create => Missing::Create,
            MissingLink::Blank => Missing::Blank,
        };
        let named = self.streams[0].stream.target()?.named_link().filter(|named| named.field == field.name);
        if let (Some(named), true) = (named, index > 0) {
            return Err(wrong(format!(
                "`{}` takes records of its own stream, not of `{}`",
                named.field, link.stream
            )));
        }
        let mut alternative = match link.by.as_str() {
            SOURCE_ID => None,
            by => {
                let found = self.streams[index].by(by);
                Some(found.map_err(|error| error.of(format_args!("`link` of `{field}`")))?)
            }
        };
        let holds = match (named, &mut alternative) {
            (None, _) => Holds::Id,
            (Some(named), Some(alternative)) if alternative.place.place.name == named.by => {
                *alternative = Alternative::named(named);
                Holds::ThisName
            }
            (Some(named), _) => Holds::Name(plain(named.by)),
        };
        if missing == Missing::Create {
            let writes = alternative.as_ref().is_some_and(|alternative| alternative.writes.is_some());
            if !writes || self.streams[index].stream.target.is_none() {
                let what = format!("no record of `{}` can be made by `{}` alone", link.stream, link.by);
                return Err(wrong(what)
                    .hint("choose `missing = \"reject\"` or `\"blank\"`, or another field in `by`"));
            }
            if matches!(holds, Holds::Name(_)) {
                let what = "a record that is made for its name has to be looked up by it".to_owned();
                return Err(
                    wrong(what).hint(format!("write `by = \"{}\"`", named.map_or("", |named| named.by)))
                );
            }
            self.streams[index].makes = true;
        }
        let kind = alternative.as_ref().and_then(|alternative| alternative.kind);
        let place = alternative.as_ref().map(|alternative| alternative.place.clone());
        let by = alternative.map(|alternative| self.streams[index].alternative(alternative));
        self.fields.push(FieldLink { at, stream: index, by, place, kind, missing, holds, implied: false });
        Ok(())
    }

    /// Opens the stream of a link. A link of the mapping's own target connection follows the command line's.
    fn stream_of(&mut self, context: &Context, folder: &RunFolder, job: &Job, link: &Link) -> Result<usize> {
        let Endpoint::Stream { mut connection, stream } = Endpoint::parse(&link.stream, None)? else {
            return Err(Error::input(format!(
                "`{}` is a file, and records are linked to records",
                link.stream
            )));
        };
        if let Some(Place::Stream { connection: used, .. }) = &job.target {
            let service = |name: &str| context.connections.service(name).map(|service| service.name);
            let is_default = service(&connection).is_ok_and(|service| service == connection);
            if is_default && service(used)? == connection {
                connection.clone_from(used);
            }
        }
        let opened = context.open(&connection, &stream)?;
        let account = opened.source.account().clone();
        if let Some(known) = self.streams.iter().position(|known| known.account == account) {
            return Ok(known);
        }
        let own = &self.streams[0].account;
        if (&own.service, &own.url, &own.identity) != (&account.service, &account.url, &account.identity) {
            let what = format!("`{}` is in the {account}, and the target in the {own}", link.stream);
            return Err(Error::input(what).hint("records link to records of the same account"));
        }
        let stage = format!("linked{}", self.streams.len());
        let place = Place::Stream { connection, stream, account: None };
        self.streams.push(LinkedTo::new(context, folder, place, opened, stage)?);
        Ok(self.streams.len() - 1)
    }

    /// The records of a stream that a record of the source became in earlier runs.
    pub(super) fn became(&self, id: &str, stream: &str) -> Result<Vec<String>> {
        self.ids.as_ref().map_or_else(|| Ok(Vec::new()), |ids| ids.map.any_of(id, stream))
    }

    /// The record of the target that an earlier run made of a record of the source's stream.
    pub(super) fn was_made_of(&self, id: &str) -> Result<Option<String>> {
        let Some(ids) = &self.ids else { return Ok(None) };
        ids.map.of(&ids.source_stream, id, &ids.target_stream)
    }

    /// Adds what this run has done so far to the id map.
    pub(super) fn learn(&self, folder: &RunFolder, journal: &Journal) -> Result<()> {
        let Some(ids) = &self.ids else { return Ok(()) };
        ids.map.learn(folder.name(), journal, &ids.source_stream, &ids.target_stream)
    }
}

impl LinkedTo {
    fn new(
        context: &Context,
        folder: &RunFolder,
        place: Place,
        stream: Stream,
        stage: String,
    ) -> Result<Self> {
        let account = stream.source.account().clone();
        let place = match place {
            Place::Stream { connection, stream, .. } => {
                Place::Stream { connection, stream, account: Some(account.clone()) }
            }
            file @ Place::File { .. } => file,
        };
        Ok(Self {
            name: stream.source.name().to_owned(),
            place,
            journal: journal_of(folder.path(), &account),
            load: folder.path().join(checkpoint::FILE),
            stage,
            alternatives: Vec::new(),
            makes: false,
            others: OtherRuns::of(context, &account, folder.name())?,
            locked: Instant::now(),
            writer: None,
            stream,
            account,
        })
    }

    /// The number of an alternative, which the stream is indexed by from now on.
    fn alternative(&mut self, wanted: Alternative) -> usize {
        if let Some(known) = self.alternatives.iter().position(|known| *known == wanted) {
            return known;
        }
        self.alternatives.push(wanted);
        self.alternatives.len() - 1
    }

    /// The alternative that a field of the stream makes.
    fn by(&self, name: &str) -> Result<Alternative> {
        let schema = self.stream.source.schema()?;
        let place = schema.resolve(name, Side::From).map_err(|unknown| {
            let error = Error::input(unknown.what);
            unknown.hint.into_iter().fold(error, Error::hint)
        })?;
        let writes = schema.resolve(name, Side::To).ok().filter(|place| place.name != "_id");
        let place = KeyField { by_digits: schema.holds_phones(&place), place };
        Ok(Alternative { place, kind: None, writes })
    }

    /// What the stream is indexed by, as keys.
    pub(super) fn keys(&self) -> Vec<Vec<KeyField>> {
        let key = |alternative: &Alternative| {
            let kind = alternative.kind.map(|_| KeyField { place: plain("_type"), by_digits: false });
            std::iter::once(alternative.place.clone()).chain(kind).collect()
        };
        self.alternatives.iter().map(key).collect()
    }

    /// How a record is made by an alternative.
    pub(super) fn maker(&self, alternative: usize) -> Option<Maker> {
        let alternative = self.alternatives.get(alternative)?;
        Some(Maker { place: alternative.writes.clone()?, kind: alternative.kind })
    }

    /// The journal of what is made here for links.
    pub(super) fn journal(&self) -> Result<Journal> {
        Journal::new(checkpoint::open(&self.journal)?)?.beside(&self.load, &self.stage)
    }

    /// The same where there is one.
    pub(super) fn open_journal(&self) -> Result<Option<Journal>> {
        match self.journal.is_file() {
            true => self.journal().map(Some),
            false => Ok(None),
        }
    }
}

impl Alternative {
    fn named(named: NamedLink) -> Self {
        Self {
            place: KeyField { place: plain(named.by), by_digits: false },
            kind: Some(named.kind),
            writes: Some(plain(named.by)),
        }
    }
}

impl Ids {
    /// Opens the map of the run's two accounts, and adds what runs that were killed could not.
    fn open(context: &Context, folder: &RunFolder, job: &Job, target: &Account) -> Result<Option<Self>> {
        let Some(source) = job.source.account() else { return Ok(None) };
        let map = IdMap::open(context.runs.state(), source, target)?;
        let same = |one: &Account, other: &Account| {
            (&one.service, &one.url, &one.identity) == (&other.service, &other.url, &other.identity)
        };
        for entry in context.runs.list()? {
            let Ok(job) = entry.job::<Job>() else { continue };
            let (Some(from), Some(to)) = (job.source.account(), job.target.as_ref().and_then(Place::account))
            else {
                continue;
            };
            let other = entry.name != folder.name() && entry.checkpoint().is_file();
            if other && same(from, source) && same(to, target) && !map.knows(&entry.name)? {
                let journal = Journal::new(checkpoint::open(&entry.checkpoint())?)?;
                map.learn(&entry.name, &journal, &from.stream, &to.stream)?;
            }
        }
        let (source_stream, target_stream) = (source.stream.clone(), target.stream.clone());
        Ok(Some(Self { map, source_stream, target_stream }))
    }
}

/// Whether a run has made anything for links, or was about to.
pub(super) fn has_begun(run_folder: &Path) -> Result<bool> {
    for journal in journals(run_folder)? {
        if journal.has_begun()? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The journals of a run's records for links, in a fixed order.
pub(super) fn journals(run_folder: &Path) -> Result<Vec<Journal>> {
    let Ok(files) = std::fs::read_dir(run_folder.join(FOLDER)) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "sqlite"));
    paths.sort();
    paths.iter().map(|path| Journal::new(checkpoint::open(path)?)).collect()
}

/// The journal of what a run makes in a stream for the links of its records.
pub(super) fn journal_of(run_folder: &Path, account: &Account) -> PathBuf {
    run_folder.join(FOLDER).join(format!("{}.sqlite", account.file_name()))
}

fn plain(name: &str) -> FieldRef {
    FieldRef { name: name.to_owned(), modifier: Modifier::Named(String::new()), part: None }
}
