//! The way of the data: the only place that knows all stages.

pub mod job;
