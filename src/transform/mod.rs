//! The transform stage: records as read in, records as mapped out. Pure: it cannot fail for reasons of the
//! outside world.

pub mod draft;
pub mod mapping;
pub mod ops;
pub mod plain;
pub mod suggest;
