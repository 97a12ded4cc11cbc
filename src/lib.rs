//! Ferry moves whole contact and record sets between CRMs and files.

pub mod sim;
