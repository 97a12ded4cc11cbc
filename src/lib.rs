//! Ferry moves whole contact and record sets between CRMs and files.

pub mod connect;
pub mod error;
pub mod record;
pub mod sim;
pub mod transform;
