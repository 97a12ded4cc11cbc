//! Single reads of contacts: a page of the list, a page of ids, records by id. Pages are parsed where they are
//! read, so that parallel readers share the work.

use super::api::{Api, Query, escaped};
use super::decode::Decoder;
use super::wire::{IdsPage, Meta, Named, Page};
use crate::http::Failure;
use crate::record::census::Census;
use crate::record::{RawRecord, instant};
use jiff::Timestamp;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records a page: sorting is refused beyond (facts, section 5).
pub(super) const PER_PAGE: u32 = 100;
/// Ids a detail call (facts, section 4).
pub(super) const DETAILS: usize = 30;

/// Reads contacts of one selection.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    pub(super) api: &'a Api,
    pub(super) decoder: Arc<Decoder>,
    /// Which records are listed: `record_type`, `keyword`, `query`.
    pub(super) filter: Query,
    /// Which of their fields, as the `fields` parameter says it.
    pub(super) fields: Option<String>,
    /// In which order, where any will do, as the `sort` parameter says it.
    pub(super) sort: Option<String>,
}

/// The order in which a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The one that was wished for, or the service's own.
    Any,
    /// Oldest creation first.
    Created,
    /// Latest change first.
    Updated,
}

/// Some records, parsed and counted.
pub(super) struct Batch {
    pub(super) records: Vec<RawRecord>,
    pub(super) census: Census,
    pub(super) meta: Meta,
    /// The latest change among the records, in Unix milliseconds.
    pub(super) latest: Option<i64>,
    /// The server's clock when it answered.
    pub(super) date: Option<Timestamp>,
    /// How long the answer took: the list was made at most so long before [`Batch::date`].
    pub(super) took: Duration,
}

impl<'a> Reader<'a> {
    /// A reader of all records with all fields.
    pub(super) fn whole(api: &'a Api, decoder: Arc<Decoder>) -> Self {
        Self { api, decoder, filter: Query::default(), fields: None, sort: None }
    }

    /// A page of the list, from 1.
    pub(super) fn page(&self, page: u64, per_page: u32, order: Order) -> Result<Batch, Failure> {
        let mut query = self.filter.clone();
        if let Some(fields) = &self.fields {
            query = query.with("fields", fields);
        }
        self.batch("/contacts", &self.ordered(query, page, per_page, order))
    }

    /// A page of ids.
    pub(super) fn ids(&self, page: u64, order: Order) -> Result<IdsPage, Failure> {
        let query = self.ordered(self.filter.clone(), page, PER_PAGE, order);
        self.api.get("/contacts/ids", &query, |_, body| {
            serde_json::from_str(body).map_err(|error| error.to_string())
        })
    }

    /// Records by id, at most [`DETAILS`]; those that are gone are left out. An unknown id may be answered by a
    /// shorter list or by 404 (facts, section 15 no. 11), a malformed one by 409.
    pub(super) fn details(&self, ids: &[String]) -> Result<Batch, Failure> {
        let mut query = Query::default();
        if let Some(fields) = &self.fields {
            query = query.with("fields", fields);
        }
        let path = format!("/contact/{}", ids.iter().map(|id| escaped(id)).collect::<Vec<_>>().join(","));
        let mut batch = match self.batch(&path, &query) {
            Err(Failure::Refused { status: 404 | 405 | 409 | 410, .. }) if ids.len() > 1 => {
                let mut found = self.details(&ids[..1])?;
                for id in &ids[1..] {
                    let one = self.details(std::slice::from_ref(id))?;
                    found.records.extend(one.records);
                    found.census.merge(one.census);
                }
                found
            }
            Err(Failure::Refused { status: 404 | 409 | 410, .. }) => Batch::empty(),
            other => other?,
        };
        let asked = |record: &RawRecord| record.id.as_ref().is_some_and(|id| ids.contains(id));
        batch.records.retain(asked);
        Ok(batch)
    }

    fn ordered(&self, query: Query, page: u64, per_page: u32, order: Order) -> Query {
        let query = query.with("page", page.to_string()).with("per_page", per_page.to_string());
        match order {
            Order::Any => match &self.sort {
                Some(sort) => query.with("sort", sort),
                None => query,
            },
            Order::Created => query.with("sort", "created:asc"),
            Order::Updated => query.with("sort", "updated:desc"),
        }
    }

    fn batch(&self, path: &str, query: &Query) -> Result<Batch, Failure> {
        let asked = Instant::now();
        self.api.get(path, query, |answer, body| {
            let page: Page<'_> = serde_json::from_str(body).map_err(|error| error.to_string())?;
            let mut batch = Batch {
                records: Vec::with_capacity(page.resources.len()),
                meta: page.meta,
                date: answer.date,
                took: asked.elapsed(),
                ..Batch::empty()
            };
            for raw in page.resources {
                batch.push(&self.decoder, raw);
            }
            Ok(batch)
        })
    }
}

impl Batch {
    pub(super) fn empty() -> Self {
        Self {
            records: Vec::new(),
            census: Census::default(),
            meta: Meta::default(),
            latest: None,
            date: None,
            took: Duration::ZERO,
        }
    }

    /// Keeps at most `most` records.
    pub(super) fn truncate(&mut self, most: usize, decoder: &Decoder) {
        if self.records.len() > most {
            self.records.truncate(most);
            self.census = Census::default();
            for record in &self.records {
                if let Ok(decoded) = decoder.contact(&record.raw) {
                    self.census.add(&decoded.record);
                }
            }
        }
    }

    fn push(&mut self, decoder: &Decoder, raw: &RawValue) {
        let raw = raw.get();
        // A record that cannot be read is kept as it is and rejected later.
        let (id, kind, created, updated) = match decoder.contact(raw) {
            Ok(decoded) => {
                self.census.add(&decoded.record);
                let record = decoded.record;
                (record.id, record.kind, record.created, record.updated)
            }
            Err(_) => {
                let Named { id, record_type, created, updated } =
                    serde_json::from_str(raw).unwrap_or_default();
                (id.filter(|id| !id.is_empty()), record_type, created, updated)
            }
        };
        let changed = updated.as_deref().and_then(instant::parse).map(Timestamp::as_millisecond);
        self.latest = self.latest.max(changed);
        self.records.push(RawRecord { id, kind, created, updated, raw: raw.to_owned() });
    }
}
