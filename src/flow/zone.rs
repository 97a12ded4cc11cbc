//! The time zone that a connection states (`time_zone` in `ferry.toml`), for what a mapping leaves open.

use super::context::Context;
use crate::connect::Endpoint;

/// The zone of a stream's connection; none of a file, nor where the connection states none.
pub(super) fn of(context: &Context, endpoint: &Endpoint) -> Option<String> {
    match endpoint {
        Endpoint::Stream { connection, .. } => of_connection(context, connection),
        Endpoint::File(_) => None,
    }
}

/// The zone that a connection states. What is wrong with the connection is said where it is opened.
pub(super) fn of_connection(context: &Context, connection: &str) -> Option<String> {
    context.connection(connection).ok()?.time_zone
}

/// The zone of times that are written without an offset: that of the connection they are read from, else of the
/// one they go to.
pub(super) fn of_values(context: &Context, source: &Endpoint, target: Option<&Endpoint>) -> Option<String> {
    of(context, source).or_else(|| of(context, target?))
}
