//! The load stage: mapped records in, one outcome per record out.

pub mod target;
