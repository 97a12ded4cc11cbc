//! Where records come from and go to: services and files.

pub mod files;
