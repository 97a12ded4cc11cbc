//! The load stage: mapped records in, one outcome per record out.

pub mod apply;
pub mod bases;
pub mod book;
pub mod current;
pub mod delete;
pub mod idmap;
pub mod in_doubt;
pub mod journal;
pub mod keys;
pub mod limit;
pub mod links;
pub mod look;
pub mod made;
pub mod marker;
pub mod merge;
mod outcome;
pub mod plan;
pub mod side;
pub mod target;
pub mod undo;
pub mod verify;

#[cfg(test)]
mod protocol_model;
