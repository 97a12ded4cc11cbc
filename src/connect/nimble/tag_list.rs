//! The stream `nimble:tags`: every tag that some contact has, with the number of its contacts. Read only.
//!
//! Nimble lists no tags; they are collected from the contacts (facts, section 11), so the list is as complete
//! as the read of these. Only distinct tags are held in memory, and an account has few.

use super::contacts::Contacts;
use super::options;
use super::wire::tag_ids;
use crate::account::Account;
use crate::error::Result;
use crate::extract::staging::Staging;
use crate::extract::{Completeness, Decode, FIRST_REPLY, Selection, Source};
use crate::record::census::Census;
use crate::record::schema::{FieldSpec, Kind, Schema};
use crate::record::{Field, RawRecord, Record, to_text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The stream as people write it.
const TAGS: &str = "nimble:tags";

/// The tags of an account's contacts.
#[derive(Debug)]
pub(super) struct TagList {
    contacts: Contacts,
    account: Account,
    schema: Arc<Schema>,
}

struct TagDecoder;

/// What is known of a tag.
#[derive(Default)]
struct Tag {
    id: Option<String>,
    contacts: u64,
}

impl TagList {
    pub(super) fn new(contacts: Contacts, account: Account) -> Self {
        Self { contacts, account, schema: Arc::new(schema()) }
    }
}

/// The fields of a tag.
pub(super) fn schema() -> Schema {
    let field = |name: &str, kind: Kind| FieldSpec {
        name: name.to_owned(),
        modifiers: vec![String::new()],
        read_only: true,
        kind,
        ..FieldSpec::default()
    };
    let fields = vec![field("tag", Kind::Text), field("contacts", Kind::Number)];
    Schema { of: TAGS.to_owned(), has_head: true, fields, ..Schema::default() }
}

/// Counts the tags of the contacts staged.
fn collect(contacts: &Staging) -> Result<BTreeMap<String, Tag>> {
    let mut tags: BTreeMap<String, Tag> = BTreeMap::new();
    let mut rows = contacts.read()?;
    while let Some(batch) = rows.next_rows()? {
        for staged in batch {
            let mut of_one = tag_ids(&staged.record.raw);
            of_one.sort();
            of_one.dedup_by(|one, other| one.0 == other.0);
            for (tag, id) in of_one {
                let known = tags.entry(tag).or_default();
                known.contacts += 1;
                known.id = known.id.take().or(id);
            }
        }
    }
    Ok(tags)
}

fn record(raw: &Value) -> Record {
    let fields =
        ["tag", "contacts"].iter().filter_map(|name| Some(Field::single(*name, raw.get(*name)?.clone())));
    Record {
        id: raw.get("id").filter(|id| !id.is_null()).map(to_text),
        kind: Some("tag".to_owned()),
        fields: fields.collect(),
        ..Record::default()
    }
}

impl Decode for TagDecoder {
    fn decode(&self, raw: &str) -> Result<Record, String> {
        let tag: Value =
            serde_json::from_str(raw).map_err(|error| format!("the tag cannot be read: {error}"))?;
        Ok(record(&tag))
    }
}

impl Source for TagList {
    fn account(&self) -> &Account {
        &self.account
    }

    fn name(&self) -> &str {
        TAGS
    }

    fn schema(&self) -> Result<Arc<Schema>> {
        Ok(Arc::clone(&self.schema))
    }

    fn decoder(&self) -> Arc<dyn Decode> {
        Arc::new(TagDecoder)
    }

    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness> {
        options::only(selection, TAGS, &["--type", "--keyword", "--where"])?;
        // A sample is of the tags of so many contacts.
        let (contacts, completeness) = self.contacts.read_beside(selection, staging)?;
        if let Some(first) = contacts.note(FIRST_REPLY)? {
            staging.set_note(FIRST_REPLY, first);
        }
        if !staging.is_done("tags") {
            let mut census = Census::default();
            let most = usize::try_from(selection.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
            let raw = |(tag, known): (String, Tag)| {
                let raw = json!({"id": known.id, "tag": tag, "contacts": known.contacts});
                let record = record(&raw);
                census.add(&record);
                RawRecord {
                    id: record.id,
                    kind: record.kind,
                    created: None,
                    updated: None,
                    raw: raw.to_string(),
                }
            };
            let records: Vec<_> = collect(&contacts)?.into_iter().take(most).map(raw).collect();
            staging.page("tags", records, census)?;
        }
        Ok(match completeness {
            Completeness::Complete => Completeness::Complete,
            Completeness::Unproven(why) => Completeness::Unproven(format!("of the contacts: {why}")),
            Completeness::Incomplete(why) => Completeness::Incomplete(format!("of the contacts: {why}")),
        })
    }
}
