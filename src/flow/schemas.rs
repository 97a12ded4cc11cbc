//! The fields of a stream without a run: asked of the service, else as they were last read, else as documented.
//!
//! What a service says of its fields is kept in the state folder, a file an account and stream, so that mappings can
//! be checked and written without a connection. It is names only, no records.

use super::context::Context;
use crate::account::Account;
use crate::connect::{self, Endpoint, Stream};
use crate::error::Result;
use crate::record::schema::Schema;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The folder of the state in which fields are kept.
const FOLDER: &str = "schemas";

/// What is kept of a stream.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The stream as it was asked for: `crm:Deals`.
    asked: String,
    account: Account,
    read: Timestamp,
    schema: Schema,
}

/// The fields of an opened stream, kept for checks without a connection.
///
/// # Errors
/// When the service does not answer.
pub fn asked(context: &Context, connection: &str, stream: &str, opened: &Stream) -> Result<Arc<Schema>> {
    let schema = opened.source.schema()?;
    let account = opened.source.account().clone();
    let name = format!("{}.json", account.file_name());
    let asked = format!("{connection}:{stream}");
    let kept = Kept { asked, account, read: Timestamp::now(), schema: (*schema).clone() };
    let stored = match serde_json::to_vec(&kept) {
        Ok(text) => context.runs.keep(FOLDER, &name, &text),
        Err(cause) => Err(crate::error::Error::stopped("cannot write them down").because(cause)),
    };
    if let Err(error) = stored {
        context.reporter.note(format!("the fields of {} are not kept: {error}", kept.asked));
    }
    Ok(schema)
}

/// The fields behind an endpoint that a mapping names; none for a file, and for a stream of which nothing is known.
#[must_use]
pub fn known(context: &Context, endpoint: &str) -> Option<Schema> {
    let Ok(Endpoint::Stream { connection, stream }) = Endpoint::parse(endpoint, None) else { return None };
    let live =
        context.open(&connection, &stream).and_then(|opened| asked(context, &connection, &stream, &opened));
    let error = match live {
        Ok(schema) => return Some((*schema).clone()),
        Err(error) => error,
    };
    if let Some(kept) = newest(context, &format!("{connection}:{stream}")) {
        let when = kept.read.strftime("%Y-%m-%d %H:%M UTC");
        context.reporter.say(format!(
            "{endpoint}: its fields as they were on {when} at the {}; the service does not say: {error}",
            kept.account
        ));
        return Some(kept.schema);
    }
    context.reporter.note(format!("{endpoint} is not asked for its fields: {error}"));
    connect::offline_schema(context.connections.service(&connection).ok()?, &stream)
}

/// What was read last of a stream, of whatever account: without a connection nobody says which it is.
fn newest(context: &Context, asked: &str) -> Option<Kept> {
    let kept = context.runs.kept(FOLDER);
    let read = kept.iter().filter_map(|text| serde_json::from_slice::<Kept>(text).ok());
    read.filter(|kept| kept.asked == asked || kept.schema.of == asked).max_by_key(|kept| kept.read)
}
