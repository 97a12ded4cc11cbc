//! A run on disk: its folder, its lock, its checkpoint, its parts. What the stages do with them is not known here.

pub mod checkpoint;
pub mod folder;
pub mod lock;
pub mod parts;
pub mod watermark;
pub mod writers;
