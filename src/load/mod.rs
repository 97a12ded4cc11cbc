//! The load stage: mapped records in, one outcome per record out.

pub mod apply;
pub mod bases;
pub mod current;
pub mod delete;
pub mod in_doubt;
pub mod journal;
pub mod keys;
pub mod look;
pub mod marker;
pub mod merge;
mod outcome;
pub mod plan;
pub mod target;
pub mod undo;
pub mod verify;
