//! Runs: the folder, the checkpoint, the parts.

pub mod checkpoint;
pub mod parts;
