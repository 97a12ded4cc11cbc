//! Runs: the folder, the checkpoint, the parts, and the way of the data through the stages.

pub mod checkpoint;
pub mod folder;
pub mod job;
pub mod lock;
pub mod parts;
