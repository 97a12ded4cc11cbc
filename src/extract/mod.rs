//! The extract stage: a stream's records into parts, complete and drift-safe (design section 8).
//!
//! What "complete" takes differs from service to service, so each source drives its own reading; what they
//! share is [`staging`]: finished pages are kept durably, ids are remembered on disk, and a run that was killed
//! continues at the first unfinished page.

pub mod staging;

use crate::account::Account;
use crate::error::Result;
use crate::record::Record;
use crate::record::schema::Schema;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use staging::Staging;
use std::sync::Arc;

/// The note under which a source keeps the server's clock at the first reply of a read, as RFC 3339.
pub const FIRST_REPLY: &str = "first_reply";

/// The note under which a source that reads changes keeps where the next read of changes has to begin, as RFC 3339.
/// It comes from the service's data or clock, never from ours, and the overlap that is needed is taken off already.
pub const WATERMARK: &str = "watermark";

/// The note under which a source that reads changes keeps whether the service told what was deleted: `yes` or `no`.
pub const DELETIONS: &str = "deletions";

/// A stream of a service that can be read whole.
pub trait Source: Send + Sync {
    /// Whose records these are.
    fn account(&self) -> &Account;

    /// The stream as people write it: `nimble:contacts`, `nethunt:Deals`.
    fn name(&self) -> &str;

    /// The stream's fields, in the service's own order. Asked of the service once, then remembered.
    ///
    /// # Errors
    /// When the service does not answer, or refuses the credentials.
    fn schema(&self) -> Result<Arc<Schema>>;

    /// Turns records as read into records. Pure, so that all cores can.
    fn decoder(&self) -> Arc<dyn Decode>;

    /// Reads every record into `staging`, which tells what an earlier life of this run has already read. A
    /// stop that is asked for ends it early with an error of class `Stopped`; nothing staged is lost.
    ///
    /// # Errors
    /// When the service stays down, refuses the credentials, or the disk fails. A record that cannot be read
    /// is not an error: it is staged as it is, and rejected when it is decoded.
    fn extract(&self, selection: &Selection, staging: &mut Staging) -> Result<Completeness>;
}

/// Decodes a record from what the source wrote.
pub trait Decode: Send + Sync {
    /// The record in `raw`.
    ///
    /// # Errors
    /// The reason why it cannot be read, for a reject file.
    fn decode(&self, raw: &str) -> Result<Record, String>;
}

/// Which of a stream's records are wanted. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Only records of this type: `person`, `company`.
    pub kind: Option<String>,
    /// Only records that the service finds by this word (Nimble's `keyword`).
    pub keyword: Option<String>,
    /// Only records that the service finds by this query (NetHunt's `find-record`).
    pub find: Option<String>,
    /// Only records that match this query in the service's own language, as JSON (Nimble's `query`).
    #[serde(default, rename = "where")]
    pub query: Option<String>,
    /// Only records created or changed since then; those deleted since are noted by [`Staging::delete`].
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Only the record of this id, or what belongs to it.
    #[serde(default)]
    pub record: Option<String>,
    /// With `since`: only changes of these fields.
    #[serde(default)]
    pub changed_fields: Vec<String>,
    /// In this order, as the service writes it: `created:desc`.
    #[serde(default)]
    pub sort: Option<String>,
    /// Only these fields.
    pub fields: Vec<String>,
    /// At most so many records; the result is then a sample, and said to be.
    pub limit: Option<u64>,
    /// Records a page, where the service has pages.
    pub per_page: Option<u32>,
    /// How many records there are, as the service's web application shows it: a proof (design section 8).
    pub expect: Option<u64>,
}

/// Whether a read has everything (design section 8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "why")]
pub enum Completeness {
    /// Proven to be everything that existed from the first request to the last.
    Complete,
    /// Nothing speaks against it, but the service offers no second count.
    Unproven(String),
    /// There is evidence that something is missing.
    Incomplete(String),
}
