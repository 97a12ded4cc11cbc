//! What hangs on records of a folder, and who did what to them: read from the streams of the folder since a moment,
//! one request each (NetHunt facts, sections 4 and 6.3).
//!
//! Comments, call logs and files name their record. Links are values of other records' fields, which the stream of
//! changes shows as they come and go, in every folder that can be read. Where a service has no such stream, links
//! are looked for in the records that changed since. Where it has neither, or not the stream of comments, call logs
//! or files, nobody can tell what hangs on a record: that is said of each record instead, and keeps it.

use super::api::{Api, failed, since};
use super::look_up;
use super::rows;
use super::select::Only;
use super::stream::Stream;
use super::wire::{FolderEntry, User};
use crate::error::{Error, Result};
use crate::http::{Failure, Unreadable};
use crate::load::target::Attached;
use crate::record::to_text;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Requests that it takes at least to see what is attached: the list of folders, three streams, one folder's changes.
pub(super) const REQUESTS: u64 = 5;

/// An entry of `record-change` with what changed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Change {
    record_id: String,
    time: String,
    record_action: String,
    user: Option<User>,
    field_actions: Map<String, Value>,
}

/// The fields of a record.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Held {
    fields: Map<String, Value>,
}

/// A value of a field of another record, as the last change left it.
#[derive(Debug, Default)]
struct Link {
    time: String,
    is_there: bool,
}

/// What was attached to records of `folder` since `from`, in Unix milliseconds.
pub(super) fn attached(api: &Api, folder: &str, ids: &HashSet<&str>, from: i64) -> Result<Vec<Attached>> {
    let (mut attached, mut unseen) = (Vec::new(), Vec::new());
    for stream in [Stream::Comments, Stream::Calls, Stream::Files] {
        let hidden = children(api, folder, stream, ids, from, &mut attached)?;
        unseen.extend(hidden.map(|why| format!("its {} cannot be seen ({why})", stream.plural())));
    }
    for FolderEntry { id, name } in folders(api, folder)? {
        let hidden = links(api, &id, ids, from, &mut attached)?;
        unseen.extend(hidden.map(|why| format!("links to it from `{name}` cannot be seen ({why})")));
    }
    for what in &unseen {
        let of = |to: &&str| Attached { to: (*to).to_owned(), what: what.clone(), from: None };
        attached.extend(ids.iter().map(of));
    }
    Ok(attached)
}

/// The ids of records that `login` created since `from`.
pub(super) fn own(api: &Api, folder: &str, login: &str, from: i64) -> Result<HashSet<String>> {
    let login = login.trim().to_lowercase();
    let mut own = HashSet::new();
    changes(api, folder, &[("since", &since(from))], &mut |change| {
        if change.record_action == "CREATE"
            && change.user.and_then(|user| user.address()) == Some(login.clone())
        {
            own.insert(change.record_id);
        }
    })?;
    Ok(own)
}

/// The user, other than `login`, who changed a record last since `from`.
pub(super) fn changed_by(api: &Api, folder: &str, login: &str, id: &str, from: i64) -> Option<String> {
    let login = login.trim().to_lowercase();
    let mut last: Option<(String, String)> = None;
    let query = [("recordId", id), ("since", &since(from))];
    let read = changes(api, folder, &query, &mut |change| {
        let by_other = change.user.as_ref().and_then(User::address).is_some_and(|user| user != login);
        let newer = last.as_ref().is_none_or(|(time, _)| *time < change.time);
        if by_other && newer && change.record_id == id {
            last = change.user.and_then(|user| user.shown()).map(|user| (change.time, user));
        }
    });
    read.ok().and(last).map(|(_, user)| user)
}

/// The folder itself, and every other one that can be read.
fn folders(api: &Api, folder: &str) -> Result<Vec<FolderEntry>> {
    let listed: Result<Vec<FolderEntry>, Failure> = api.list(&["triggers", "readable-folder"], &[]);
    let mut listed = listed.map_err(|failure| failed("list the NetHunt folders", failure))?;
    if listed.iter().all(|entry| entry.id != folder) {
        listed.push(FolderEntry { id: folder.to_owned(), name: "its own folder".to_owned() });
    }
    Ok(listed)
}

/// Adds what a stream of the folder hangs on records, or says why it cannot be seen.
fn children(
    api: &Api,
    folder: &str,
    stream: Stream,
    ids: &HashSet<&str>,
    from: i64,
    attached: &mut Vec<Attached>,
) -> Result<Option<String>> {
    let one = match stream {
        Stream::Comments => "a comment",
        Stream::Calls => "a call log",
        _ => "a file",
    };
    let read = api.stream(
        &["triggers", stream.trigger(), folder],
        &[("since", &since(from))],
        |_| Ok(()),
        |batch| rows::heads(batch, stream, &Only::default()),
        |parsed| {
            let of_ours = parsed.rows.into_iter().filter_map(|row| {
                let to = row.of.filter(|of| ids.contains(of.as_str()))?;
                let at = row.record.created.map(|at| format!(" of {at}")).unwrap_or_default();
                Some(Attached { to, what: format!("{one}{at} hangs on it"), from: None })
            });
            attached.extend(of_ours);
            Ok(())
        },
    )?;
    let what = format!("see the {} of the NetHunt folder", stream.plural());
    read.map_or_else(|no| no.optional(&what).map(Some), |()| Ok(None))
}

fn links(
    api: &Api,
    folder: &str,
    ids: &HashSet<&str>,
    from: i64,
    attached: &mut Vec<Attached>,
) -> Result<Option<String>> {
    let mut links: HashMap<(String, String, String), Link> = HashMap::new();
    let mut gone = HashSet::new();
    let no_changes = changes(api, folder, &[("since", &since(from))], &mut |change| {
        if change.record_action == "DELETE" {
            gone.insert(change.record_id);
            return;
        }
        for (field, action) in &change.field_actions {
            for (part, is_there) in [("remove", false), ("add", true)] {
                for id in values(action.get(part)).filter(|id| ids.contains(id.as_str())) {
                    let link = links.entry((change.record_id.clone(), field.clone(), id)).or_default();
                    if link.time <= change.time {
                        *link = Link { time: change.time.clone(), is_there };
                    }
                }
            }
        }
    })?;
    if let Some(why) = no_changes {
        let is_seen = links_held(api, folder, ids, from, attached)?;
        return Ok((!is_seen).then_some(why));
    }
    let there = links.into_iter().filter(|((record, ..), link)| link.is_there && !gone.contains(record));
    attached.extend(
        there
            .filter(|((record, _, to), _)| record != to)
            .map(|((record, field, to), _)| link_to(to, record, &field)),
    );
    Ok(None)
}

fn link_to(to: String, record: String, field: &str) -> Attached {
    Attached { to, what: format!("record {record} links to it in `{field}`"), from: Some(record) }
}

/// Adds the links in records that were made or changed since; false where the service does not show those. A link
/// that was there before comes along where its record was changed otherwise.
fn links_held(
    api: &Api,
    folder: &str,
    ids: &HashSet<&str>,
    from: i64,
    attached: &mut Vec<Attached>,
) -> Result<bool> {
    let mut links = BTreeSet::new();
    let is_seen = look_up::updated_since(api, folder, from, &mut |raw| {
        let Some(record) = raw.id else { return Ok(()) };
        let fields: Held = serde_json::from_str(&raw.raw)
            .map_err(|why| Error::stopped(format!("record {record} cannot be read: {why}")))?;
        for (field, value) in &fields.fields {
            let to = values(Some(value)).filter(|id| ids.contains(id.as_str()) && *id != record);
            links.extend(to.map(|to| (to, record.clone(), field.clone())));
        }
        Ok(())
    })?;
    attached.extend(links.into_iter().map(|(to, record, field)| link_to(to, record, &field)));
    Ok(is_seen)
}

fn values(part: Option<&Value>) -> impl Iterator<Item = String> {
    let list = match part {
        Some(Value::Array(items)) => items.iter().map(to_text).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    };
    list.into_iter()
}

/// Hands over the changes of a folder, or says why there are none to be seen.
fn changes(
    api: &Api,
    folder: &str,
    query: &[(&str, &str)],
    take: &mut (dyn FnMut(Change) + Send),
) -> Result<Option<String>> {
    let read = api.stream(
        &["triggers", "record-change", folder],
        query,
        |_| Ok(()),
        |batch| {
            let parse = |text| {
                serde_json::from_str(text)
                    .map_err(|error| Unreadable(format!("a change cannot be read: {error}")))
            };
            batch.texts()?.map(parse).collect::<Result<Vec<Change>, _>>()
        },
        |changes| {
            changes.into_iter().for_each(&mut *take);
            Ok(())
        },
    )?;
    let what = "see what was changed in the NetHunt folder";
    read.map_or_else(|no| no.optional(what).map(Some), |()| Ok(None))
}
